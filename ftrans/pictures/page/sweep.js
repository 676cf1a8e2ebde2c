// The forward and the backward sweep, step by step, and each step in words: `new Sweep(model, scene)`.
//
// A step is {phase, unit, nodes, edges}: the visible place it belongs to, the nodes whose values it computes (forward), the
// edges along which it sends gradients back (backward). A folded box is one step. What is known after a step follows from
// `computed` (node -> step) and `flowed` (edge -> step) alone, so one can jump to any step.

class Sweep {
  constructor(model, scene) {
    this.model = model;
    this.scene = scene;
    this.units = inOrder(model, scene);
    this.steps = [];
    this.forward();
    if (["reverse", "both"].includes(model.mode)) this.backward();
    this.computed = new Map();
    this.flowed = new Map();
    this.passed = new Map(); // unit -> the last step in which the backward sweep was at it
    for (const [k, step] of this.steps.entries()) {
      if (step.phase !== "backward") for (const node of step.nodes) this.computed.set(node.key, k);
      else for (const edge of step.edges) this.flowed.set(edge.id, k);
    }
    for (const [k, { phase, unit }] of this.steps.entries()) if (phase === "backward") this.passed.set(unit, k);
    this.seeded = this.steps.findIndex((step) => step.phase === "backward");
  }

  get last() {
    return this.steps.length - 1;
  }

  forward() {
    const given = (unit) => unit.nodes.every((node) => node.kind !== "computation");
    const nodes = this.units.filter(given).flatMap((unit) => unit.nodes);
    this.steps.push({ phase: "given", unit: "", nodes, edges: [] });
    for (const { key, nodes } of this.units.filter((unit) => !given(unit))) {
      this.steps.push({ phase: "forward", unit: key, nodes, edges: nodes.flatMap((node) => node.into) });
    }
  }

  backward() {
    const seeds = [...this.model.nodes.values()].filter((node) => node.output && node.gradient !== null);
    this.steps.push({ phase: "backward", unit: seeds[0]?.key ?? "", nodes: seeds, edges: [] });
    const flows = (edge) => edge.gradient !== null;
    for (const { key, nodes } of [...this.units].reverse()) {
      if (this.model.boxes.has(key)) {
        const edges = [...nodes].reverse().flatMap((node) => node.into.filter(flows));
        if (edges.length) this.steps.push({ phase: "backward", unit: key, nodes: [], edges });
      } else {
        for (const edge of nodes[0].into.filter(flows)) this.steps.push({ phase: "backward", unit: key, nodes: [], edges: [edge] });
      }
    }
  }

  /** Whether the value of a node is known after a step. */
  knows(node, step) {
    return (this.computed.get(node.key) ?? -1) <= step;
  }

  /** The gradient of a node after a step: {done, total, text}; done of total contributions have arrived. */
  gradient(node, step) {
    const sends = node.outof.filter((edge) => edge.gradient !== null);
    const arrived = sends.filter((edge) => this.flowed.get(edge.id) <= step);
    const begun = this.seeded >= 0 && step >= this.seeded;
    if (!sends.length && !node.output) return { total: 1, done: Number(begun), text: begun ? this.show(node.gradient) : "" }; // unused: zero
    const seed = node.output && begun ? 1 : 0;
    const [total, done] = [sends.length + (node.output ? 1 : 0), arrived.length + seed];
    return { total, done, text: this.partialSum(node, arrived, seed, done === total) };
  }

  /** What has arrived at a node: a number where it is one, "" where the sum is not known to this page. */
  partialSum(node, arrived, seed, complete) {
    if (complete) return this.show(node.gradient);
    if (arrived.length + seed === 0) return "";
    if (arrived.length + seed === 1 && arrived.length) return this.show(arrived[0].gradient);
    if (!arrived.every((edge) => typeof edge.gradient === "number")) return "";
    return this.show(arrived.reduce((sum, edge) => sum + edge.gradient, seed));
  }

  show(x) {
    return x === null ? "" : number(x, this.model.digits);
  }

  /** The step in which the value of this node, or with `edge` the gradient along this edge, appears; -1 where there is none. */
  stepOf(node, edge) {
    return (edge ? this.flowed.get(edge.id) : this.computed.get(node.key)) ?? -1;
  }

  /** A step as a sentence. */
  words(k) {
    const step = this.steps[k];
    if (step.phase === "given") return this.wordsGiven(step);
    const box = this.model.boxes.get(step.unit);
    if (step.phase === "forward") return box ? this.wordsBox(box, step) : this.wordsNode(step.nodes[0]);
    if (!step.edges.length) return this.wordsSeed(step);
    return box ? this.wordsBoxBack(box, step, k) : this.wordsEdge(step.edges[0], k);
  }

  wordsGiven({ nodes }) {
    if (!nodes.length) return "Nothing is given: the function has no inputs.";
    const first = nodes.slice(0, 6).map((node) => this.equation(node.name || node.key, this.show(node.value) || node.aval));
    const more = nodes.length > 6 ? ` and ${nodes.length - 6} more` : "";
    const moved = nodes.filter((node) => this.isMoved(node));
    const tangents = moved.map((node) => this.equation(this.tangentOf(node), this.show(node.tangent)));
    return [`Given: ${first.join(", ")}${more}`, ...tangents].join("; ");
  }

  isMoved(node) {
    return node.tangent !== null && node.tangent !== 0;
  }

  wordsNode(node) {
    const numbers = this.substituted(node);
    const value = this.show(node.value) || node.aval;
    const sides = [node.name, node.text, numbers, value].filter((side, k, all) => side && side !== all[k - 1]);
    const tangent = node.tangent === null ? "" : `; ${this.wordsTangent(node)}`;
    return sides.join(" = ") + tangent;
  }

  /** The tangent of a node as the sum over its operands. */
  wordsTangent(node) {
    const parts = node.into.filter((edge) => edge.tangent !== null && this.isMoved(this.model.nodes.get(edge.source)));
    const product = (edge) => {
      const moved = this.model.nodes.get(edge.source).tangent;
      const factors = [edge.local, moved].every((x) => typeof x === "number") ? [edge.local, moved] : [edge.tangent];
      return factors.map((x) => inProduct(this.show(x), factors.length > 1)).join(" \u00b7 ");
    };
    const sides = [this.tangentOf(node), parts.map(product).join(" + "), this.show(node.tangent)];
    return sides.filter((side, k, all) => side && side !== all[k - 1]).join(" = ");
  }

  wordsBox(box, step) {
    const inside = new Set(step.nodes);
    const leaves = (node) => node.output || node.outof.some((edge) => !inside.has(this.model.nodes.get(edge.target)));
    const results = step.nodes.filter((node) => node.kind === "computation" && leaves(node));
    const shown = results.slice(0, 3).flatMap((node) => [
      this.equation(symbol(node), this.show(node.value) || node.aval),
      ...(node.tangent === null ? [] : [this.equation(this.tangentOf(node), this.show(node.tangent))]),
    ]);
    const more = results.length > 3 ? ` and ${results.length - 3} more` : "";
    const operations = step.nodes.filter((node) => node.kind === "computation").length;
    return `${box.label}: ${counted(operations, "operation")} give ${shown.join(", ")}${more}`;
  }

  wordsSeed({ nodes }) {
    const shown = nodes.map((node) => this.equation(this.gradientOf(node), "1"));
    return `Back from the result: ${shown.join(", ")}`;
  }

  wordsEdge(edge, k) {
    const [source, target] = [this.model.nodes.get(edge.source), this.model.nodes.get(edge.target)];
    const { done, total, text } = this.gradient(source, k);
    const numbers = [target.gradient, edge.local];
    const contribution = this.show(edge.gradient);
    const sides = [`${this.gradientOf(source)} += ${this.gradientOf(target)} \u00b7 ${partial(symbol(target), symbol(source))}`];
    if (numbers.every((x) => typeof x === "number")) sides.push(numbers.map((x) => inProduct(this.show(x), true)).join(" \u00b7 "));
    sides.push(contribution);
    return sides.join(" = ") + this.wordsSum(source, done, total, text);
  }

  /** How far the gradient of a node has come: nothing where there is one contribution. */
  wordsSum(node, done, total, sum) {
    if (total === 1) return "";
    if (done === total) return `, together ${sum}`;
    return sum ? `, now ${sum} of ${this.show(node.gradient)}` : `, ${done} of ${total} parts`;
  }

  wordsBoxBack(box, step, k) {
    const inside = new Set(this.model.members.get(box.key));
    const outside = step.edges.map((edge) => this.model.nodes.get(edge.source)).filter((node) => !inside.has(node));
    const reached = [...new Set(outside)].map((node) => {
      const { done, total, text } = this.gradient(node, k);
      return this.equation(this.gradientOf(node), text || "\u2026") + (done < total && text ? " + \u2026" : "");
    });
    const shown = reached.slice(0, 3).join(", ") + (reached.length > 3 ? ` and ${reached.length - 3} more` : "");
    return `${box.label}: back through ${counted(step.edges.length, "edge")}${shown && `; now ${shown}`}`;
  }

  equation(left, right) {
    return `${left} = ${right}`;
  }

  gradientOf(node) {
    return partial(this.model.of || "result", symbol(node));
  }

  tangentOf(node) {
    return this.model.by ? partial(symbol(node), this.model.by) : `d${symbol(node)}`;
  }

  /** The expression of a node with the values of its operands for their names; "" where one of them is no number. */
  substituted(node) {
    const operands = node.into.map((edge) => this.model.nodes.get(edge.source));
    if (!operands.length || !operands.every((operand) => typeof operand.value === "number")) return "";
    const unnamed = operands.filter((operand) => !operand.name);
    const values = new Map(operands.filter((o) => o.name).map((o) => [o.name, this.show(o.value)]));
    const names = [...values.keys()].sort((a, b) => b.length - a.length).map(escapeRegExp);
    const pattern = new RegExp(`(?<![\\w.])(?:${[...names, "\u00b7"].join("|")})(?![\\w(])`, "g");
    let failed = false;
    const filled = node.text.replace(pattern, (name) => {
      if (values.has(name)) return inProduct(values.get(name), true);
      const operand = unnamed.shift();
      failed ||= !operand;
      return operand ? inProduct(this.show(operand.value), true) : name;
    });
    if (failed || filled === node.text) return "";
    return filled.replace(/(?<=[\d)]) (?=[\d(])/g, " \u00b7 "); // `3 v` is a product
  }
}

/** The visible places with their nodes, each after those whose values it needs. */
function inOrder(model, scene) {
  const units = new Map();
  const unitOf = new Map();
  for (const { key, kind } of scene.items) {
    if (kind === "frame") continue;
    const nodes = kind === "box" ? model.members.get(key) ?? [] : [model.nodes.get(key)];
    const unit = { key, nodes, order: nodes[0]?.order ?? 0, waits: 0, after: new Set() };
    units.set(key, unit);
    for (const node of nodes) unitOf.set(node.key, unit);
  }
  for (const edge of model.edges) {
    const [before, after] = [unitOf.get(edge.source), unitOf.get(edge.target)];
    if (before !== after && !before.after.has(after)) {
      before.after.add(after);
      after.waits += 1;
    }
  }
  return topological([...units.values()]);
}

/** Units so that each comes after all it waits for; among those that could come, the one whose first node came first. */
function topological(units) {
  const ready = new Heap(units.filter((unit) => unit.waits === 0));
  const found = [];
  while (ready.size) {
    const unit = ready.pop();
    found.push(unit);
    for (const next of unit.after) if (--next.waits === 0) ready.push(next);
  }
  return found;
}

/** A binary heap of units by `order`. */
class Heap {
  constructor(units) {
    this.all = [];
    for (const unit of units) this.push(unit);
  }

  get size() {
    return this.all.length;
  }

  push(unit) {
    const { all } = this;
    let k = all.push(unit) - 1;
    for (let up = (k - 1) >> 1; k > 0 && all[up].order > all[k].order; k = up, up = (k - 1) >> 1) [all[up], all[k]] = [all[k], all[up]];
  }

  pop() {
    const { all } = this;
    const top = all[0];
    const last = all.pop();
    if (all.length) all[0] = last;
    for (let k = 0; ; ) {
      let least = k;
      for (const child of [2 * k + 1, 2 * k + 2]) if (child < all.length && all[child].order < all[least].order) least = child;
      if (least === k) return top;
      [all[k], all[least]] = [all[least], all[k]];
      k = least;
    }
  }
}

/** What a node is called in a derivative: its name, or its expression in brackets where that is short. */
function symbol(node) {
  if (node.name) return node.name;
  return node.text && node.text.length <= 16 ? `(${node.text})` : node.key;
}

const partial = (above, below) => `\u2202${above}/\u2202${below}`;
const counted = (n, noun) => `${n} ${noun}${n === 1 ? "" : "s"}`;
const inProduct = (text, several) => (several && text.startsWith("-") ? `(${text})` : text);
const escapeRegExp = (text) => text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
