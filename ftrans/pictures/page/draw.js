// The picture: `new Picture(svg, world, app)` keeps in the DOM what is in the window, and nothing else.
//
// An element is made when its place comes into view and removed when it leaves; far away (below NEAR) places have no text. What a
// step or the pointer changes (classes and texts) is set on the elements that exist, by `refresh`.

const NEAR = 0.28; // the scale from which text can be read
const AHEAD = 200; // pixels around the window that are drawn too
const LINE = 1.3; // from a line of text to the next, in units of the font size: as in text.py
const sizeOf = (role) => (role === "name" ? 13 : 12);
const STACK = 4; // how far the second border of a folded box stands off: as in sizes.py
const BACKWARD = "\u2190\u2191"; // behind a gradient, which goes against the data, where they flow right and down
const FORWARD = "\u2192\u2193"; // behind a tangent, which goes with them
const DOUBLE = 3; // between the two borders of a result
const SVG = "http://www.w3.org/2000/svg";

/** An SVG element with these attributes and children. */
function make(tag, attributes = {}, ...children) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

const round = (x) => Math.round(x * 10) / 10;

/** The outline of a node: every kind has a shape of its own. */
function outline(kind, x, y, w, h) {
  if (kind === "input") return make("ellipse", { cx: x + w / 2, cy: y + h / 2, rx: w / 2, ry: h / 2 });
  const c = kind === "parameter" ? h / 4 : 8;
  const corners = {
    parameter: [[x + c, y], [x + w - c, y], [x + w, y + h / 2], [x + w - c, y + h], [x + c, y + h], [x, y + h / 2]],
    constant: [[x, y], [x + w - c, y], [x + w, y + c], [x + w, y + h], [x, y + h]],
  }[kind];
  if (corners) return make("polygon", { points: corners.map((p) => p.map(round).join(",")).join(" ") });
  return make("rect", { x, y, width: w, height: h, rx: 6 });
}

/** The line through these points as SVG path data: an S that leaves and arrives in the direction of the data (see geometry.py). */
function path(points, down) {
  const text = (x, y) => `${round(x)} ${round(y)}`;
  let data = `M${text(...points[0])}`;
  for (let k = 1; k < points.length; k++) {
    const [[x0, y0], [x1, y1]] = [points[k - 1], points[k]];
    const [mx, my] = [(x0 + x1) / 2, (y0 + y1) / 2];
    if (Math.abs(x0 - x1) < 0.05 || Math.abs(y0 - y1) < 0.05) data += `L${text(x1, y1)}`;
    else data += down ? `C${text(x0, my)} ${text(x1, my)} ${text(x1, y1)}` : `C${text(mx, y0)} ${text(mx, y1)} ${text(x1, y1)}`;
  }
  return data;
}

class Picture {
  constructor(svg, world, app) {
    this.svg = svg;
    this.world = world;
    world.classList.toggle("down", app.model.direction === "down");
    this.app = app;
    this.frames = world.appendChild(make("g", { class: "frames" }));
    this.wires = world.appendChild(make("g", { class: "wires" }));
    this.places = world.appendChild(make("g", { class: "places" }));
    this.drawn = new Map(); // id -> {element, item, near}
  }

  /** Forget all elements: the scene is another one. Elements of places that stay are kept, so that focus stays. */
  reset() {
    for (const [id, entry] of this.drawn) {
      const now = id.startsWith("w") ? undefined : this.app.scene.at.get(id);
      if (now && now.kind === entry.item.kind && now.w === entry.item.w && now.h === entry.item.h) {
        entry.item = now;
        this.position(entry);
      } else this.remove(id);
    }
  }

  remove(id) {
    this.drawn.get(id).element.remove();
    this.drawn.delete(id);
  }

  /** Make what has come into view and remove what has left it. `all`: as if everything were in view (for printing). */
  update(all = false) {
    const { scene, view } = this.app;
    const near = all || view.scale >= NEAR;
    const seen = all ? () => true : inside(view.window(AHEAD));
    for (const [id, entry] of this.drawn) if (entry.near !== near || !seen(entry.item)) this.remove(id);
    const fresh = [];
    for (const item of scene.items) if (seen(item) && !this.drawn.has(item.key)) fresh.push(this.add(item.key, item, near));
    for (const wire of scene.wires) if (seen(wire) && !this.drawn.has(wire.id)) fresh.push(this.add(wire.id, wire, near));
    for (const entry of fresh) this.refreshOne(entry);
  }

  add(id, item, near) {
    const [layer, element] = item.edges
      ? [this.wires, this.makeWire(item, near)]
      : item.kind === "frame"
        ? [this.frames, this.makeFrame(item, near)]
        : [this.places, item.kind === "box" ? this.makeBox(item) : this.makeNode(item)];
    const entry = { element, item, near };
    this.drawn.set(id, entry);
    if (!item.edges) this.position(entry);
    layer.append(element);
    return entry;
  }

  position({ element, item }) {
    element.setAttribute("transform", `translate(${round(item.x)} ${round(item.y)})`);
  }

  makeNode({ key, w, h }) {
    const node = this.app.model.nodes.get(key);
    const group = make("g", { id: key, class: `node ${node.kind}`, tabindex: 0, role: "button", "data-name": node.name });
    group.append(outline(node.kind, 0, 0, w, h));
    if (node.output) group.append(outline(node.kind, DOUBLE, DOUBLE, w - 2 * DOUBLE, h - 2 * DOUBLE));
    group.append(make("title", {}, node.where ? `${node.where}: ${node.source}` : node.text || node.name));
    return group;
  }

  makeBox({ key, w, h }) {
    const box = this.app.model.boxes.get(key);
    const group = make("g", { id: key, class: `box ${box.kind}`, tabindex: 0, role: "button", "aria-expanded": "false" });
    const size = { width: w - STACK, height: h - STACK, rx: 6 };
    group.append(make("rect", { x: STACK, y: STACK, ...size, class: "behind" }), make("rect", size));
    const count = counted(this.app.model.members.get(key)?.length ?? 0, "node");
    group.setAttribute("aria-label", `${box.label}, ${count}, folded`);
    group.append(make("title", {}, `${box.label}: click to unfold`));
    return group;
  }

  makeFrame({ key, w, h }, near) {
    const box = this.app.model.boxes.get(key);
    const parity = this.app.model.around(key).length % 2 ? "odd" : "even";
    const attributes = { id: key, class: `frame ${box.kind} ${parity}`, tabindex: 0, role: "button", "aria-expanded": "true" };
    const group = make("g", { ...attributes, "aria-label": `${box.label}, unfolded` });
    group.append(make("rect", { width: w, height: h, rx: 9 }));
    const turned = this.app.scene.down ? { x: 15, y: h - 8, transform: `rotate(-90 15 ${h - 8})` } : { x: 8, y: 15 };
    if (near) group.append(make("text", { ...turned, class: "label" }, box.label));
    group.append(make("title", {}, `${box.label}: click to fold`));
    return group;
  }

  makeWire(wire, near) {
    const { model } = this.app;
    const group = make("g", { class: "edge" });
    const first = model.edges[wire.edges[0]];
    if (wire.edges.length === 1) Object.assign(group.dataset, { source: first.source, target: first.target, index: first.index });
    group.append(make("path", { d: path(wire.points, this.app.scene.down), ...(wire.arrow ? { "marker-end": "url(#arrow)" } : {}) }));
    if (near && wire.label && wire.edges.length === 1) {
      const [x, y] = wire.label;
      const at = (dx, dy) => ({ x: round(x + dx), y: round(y + dy) });
      const [local, flow] = this.app.scene.down ? [at(-4, 4), at(4, 4)] : [at(0, -4), at(0, 11)];
      group.append(make("text", { ...local, class: "local" }), make("text", { ...flow, class: "flow" }));
    }
    return group;
  }

  /** Set the classes and texts that depend on the step, the selection and the pointer. */
  refresh() {
    this.lit = new Set();
    for (const key of [this.app.hovered, this.app.selected]) {
      if (key && this.app.scene.shown(key)) for (const edge of this.app.model.edgesAt(key)) this.lit.add(edge.id);
    }
    for (const entry of this.drawn.values()) this.refreshOne(entry);
  }

  refreshOne(entry) {
    if (entry.item.edges) this.refreshWire(entry);
    else if (entry.item.kind === "node") this.refreshNode(entry);
    else this.refreshBox(entry);
  }

  refreshNode({ element, item, near }) {
    const { model, sweep, step } = this.app;
    const node = model.nodes.get(item.key);
    const known = sweep.knows(node, step);
    const gradient = sweep.gradient(node, step);
    const lines = this.sideOf(node.lines).map(([text, role]) => {
      if (role === "gradient") return [stepText(text, gradient), role];
      return [known || role === "name" ? text : "", role];
    });
    const texts = lines.map(([text]) => text);
    if (near) this.setLines(element, lines, item);
    this.mark(element, item.key, known);
    element.setAttribute("aria-label", [node.name || node.op || node.key, ...texts].filter(Boolean).join(", "));
  }

  refreshBox({ element, item, near }) {
    const { model, sweep, step } = this.app;
    const nodes = model.members.get(item.key) ?? [];
    const known = item.kind === "box" ? nodes.every((node) => sweep.knows(node, step)) : nodes.some((node) => sweep.knows(node, step));
    if (near && item.kind === "box") {
      const back = sweep.passed.get(item.key) <= step;
      const lines = this.sideOf(model.boxes.get(item.key).lines);
      const hidden = (role, k) => (role === "gradient" ? !back : k > 1 && !known); // a label and the number of nodes are always there
      this.setLines(element, lines.map(([text, role], k) => [hidden(role, k) ? "" : text, role]), { w: item.w - STACK, h: item.h - STACK });
    }
    this.mark(element, item.key, known);
  }

  /** Of tangents and gradients the lines that the page shows now; there is room for one of them. */
  sideOf(lines) {
    const other = this.app.shows === "reverse" ? "tangent" : "gradient";
    return lines.filter(([, role]) => role !== other);
  }

  /** Write lines of text around the middle of an element, [text, role] each. */
  setLines(element, lines, { w, h }) {
    const old = element.querySelectorAll("text");
    if (old.length !== lines.length) {
      for (const line of old) line.remove();
      element.append(...lines.map(() => make("text", { x: round(w / 2) })));
    }
    let top = (h - lines.reduce((sum, [, role]) => sum + LINE * sizeOf(role), 0)) / 2;
    for (const [k, line] of [...element.querySelectorAll("text")].entries()) {
      const [text, role] = lines[k];
      setText(line, text);
      line.setAttribute("class", role);
      line.setAttribute("y", round(top + sizeOf(role)));
      top += LINE * sizeOf(role);
    }
  }

  mark(element, key, known) {
    const { sweep, step, selected, hits } = this.app;
    const present = sweep.steps[step];
    element.classList.toggle("unreached", !known);
    element.classList.toggle("selected", key === selected);
    element.classList.toggle("hit", hits.has(key));
    const current = this.app.stepping && present.unit === key;
    element.classList.toggle("current", current);
    element.classList.toggle("back", current && present.phase === "backward");
  }

  refreshWire({ element, item }) {
    const { model, sweep, step, stepping } = this.app;
    const edges = item.edges.map((id) => model.edges[id]);
    const known = edges.some((edge) => sweep.knows(model.nodes.get(edge.target), step));
    const flowed = edges.some((edge) => sweep.flowed.get(edge.id) <= step);
    const present = sweep.steps[step];
    const current = stepping && edges.some((edge) => present.edges.includes(edge));
    element.classList.toggle("unreached", !known);
    element.classList.toggle("lit", item.edges.some((id) => this.lit?.has(id)));
    element.classList.toggle("current", current);
    element.classList.toggle("back", current && present.phase === "backward");
    const [local, flow] = element.querySelectorAll("text");
    if (!local) return;
    const [edge] = edges;
    const backward = this.app.shows === "reverse";
    const hidden = this.app.scene.shown(edge.target).kind === "box"; // then only the gradient is of what one sees
    const [moved, arrow, there] = backward ? [edge.gradient, BACKWARD, flowed] : [edge.tangent, FORWARD, known];
    setText(local, known && !hidden ? cut(sweep.show(edge.local)) : "");
    setText(flow, there && moved !== null && (backward || !hidden) ? `${cut(sweep.show(moved))} ${arrow[Number(this.app.scene.down)]}` : "");
    flow.classList.toggle("gradient", backward);
    flow.classList.toggle("tangent", !backward);
  }
}

/** A text for an edge, which has room for so much. */
const cut = (text) => (text.length <= 24 ? text : `${text.slice(0, 23)}\u2026`);

/** Whether something overlaps a rectangle. */
function inside([left, top, right, bottom]) {
  return ({ x, y, w, h }) => x <= right && x + w >= left && y <= bottom && y + h >= top;
}

/** A line `name = number` as it stands during the backward sweep. */
function stepText(text, { done, total, text: sum }) {
  if (done === 0) return "";
  if (done === total) return text;
  const [name] = text.split(" = ");
  return `${name} = ${sum ? `${sum} +` : "\u2026"}`; // more is to come
}

function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}
