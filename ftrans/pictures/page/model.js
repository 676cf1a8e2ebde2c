// The graph as data: `new Model(data)` has nodes, edges, boxes and sheets by key, and knows who is inside whom.
// The format of `data` is written down in html.py.

const NODE = ["key", "kind", "name", "op", "text", "aval", "where", "source", "output", "value", "tangent", "gradient", "lines"];
const EDGE = ["source", "target", "index", "local", "tangent", "gradient"];
const BOX = ["key", "kind", "label", "name", "where", "lines"];
const SHARED = ["aval", "where", "source"]; // texts that repeat: the data hold numbers into a table

/** An object with these names from a row of values. */
function record(names, row) {
  return Object.fromEntries(names.map((name, k) => [name, row[k]]));
}

class Model {
  constructor(data) {
    Object.assign(this, data);
    this.nodes = new Map();
    this.boxes = new Map(data.boxes.map((row) => [row[0], record(BOX, row)]));
    for (const [order, row] of data.nodes.entries()) {
      const node = record(NODE, row);
      for (const name of SHARED) node[name] = data.strings[node[name]];
      this.nodes.set(node.key, Object.assign(node, { order, into: [], outof: [] }));
    }
    this.edges = data.edges.map((row, id) => Object.assign(record(EDGE, row), { id }));
    for (const edge of this.edges) {
      this.nodes.get(edge.source).outof.push(edge);
      this.nodes.get(edge.target).into.push(edge);
    }
    this.sheets = new Map(data.sheets.map(([box, ...sheet]) => [box, readSheet(sheet)]));
    this.parent = new Map(); // node or box -> the box whose sheet it stands on, "" for the outermost
    for (const [box, sheet] of this.sheets) for (const place of sheet.places) this.parent.set(place.key, box);
    this.members = new Map(); // box -> the nodes in it, at any depth, in the order of computation
    for (const node of this.nodes.values()) {
      for (const box of this.around(node.key)) {
        if (!this.members.has(box)) this.members.set(box, []);
        this.members.get(box).push(node);
      }
    }
  }

  get(key) {
    return this.nodes.get(key) || this.boxes.get(key);
  }

  /** The boxes around a node or a box, the innermost first. */
  around(key) {
    const found = [];
    for (let box = this.parent.get(key); box; box = this.parent.get(box)) found.push(box);
    return found;
  }

  /** How deep boxes are nested: 0 where there are none. */
  get depth() {
    return [...this.boxes.keys()].reduce((most, key) => Math.max(most, this.around(key).length + 1), 0);
  }

  /** The edges that enter or leave a node, or the nodes of a folded box. */
  edgesAt(key) {
    const node = this.nodes.get(key);
    if (node) return [...node.into, ...node.outof];
    const inside = new Set(this.members.get(key));
    const leaves = (edge) => !inside.has(this.nodes.get(edge.source)) || !inside.has(this.nodes.get(edge.target));
    return [...inside].flatMap((n) => [...n.into, ...n.outof]).filter(leaves);
  }
}

/** A sheet from its row: places, ports and wires as objects, points as pairs. */
function readSheet([width, height, places, ports, wires]) {
  return {
    width,
    height,
    places: places.map((row) => record(["key", "x", "y", "w", "h"], row)),
    ports: ports.map((row) => record(["key", "x", "y", "enters"], row)),
    wires: wires.map(([source, target, edges, line, label, ends]) => ({ source, target, edges, points: pairs(line), label, ...wireEnds(ends) })),
  };
}

/** Whether a wire comes from an entering port (1) and goes to a leaving port (2). */
const wireEnds = (ends) => ({ enters: Boolean(ends & 1), leaves: Boolean(ends & 2) });

/** [x, y, x, y] as [[x, y], [x, y]]. */
function pairs(line) {
  return line.flatMap((x, k) => (k % 2 ? [] : [[x, line[k + 1]]]));
}

/** A number as `text.number` in Python writes it, digit for digit. What is not a number is text already. */
function number(x, digits) {
  if (typeof x !== "number") return String(x);
  const size = Math.abs(x);
  if (Number.isInteger(x) && size < 1e7) return x.toFixed(0);
  if (size >= 10 ** digits && size < 1e6) return (x < 0 ? "-" : "") + toInteger(size);
  const [mantissa, power] = significant(size, digits);
  const trimmed = (text) => (text.includes(".") ? text.replace(/\.?0*$/, "") : text);
  const sign = x < 0 ? "-" : "";
  if (power < -4 || power >= digits) {
    return `${sign}${trimmed(mantissa)}e${power < 0 ? "-" : "+"}${String(Math.abs(power)).padStart(2, "0")}`;
  }
  const all = mantissa.replace(".", "");
  const text = power < 0 ? `0.${"0".repeat(-power - 1)}${all}` : `${all.slice(0, power + 1)}.${all.slice(power + 1)}`;
  return sign + trimmed(text);
}

/** The nearest integer, of two the even one. */
function toInteger(x) {
  const low = Math.floor(x);
  return x - low === 0.5 && low % 2 === 0 ? low : Math.round(x);
}

/** The first digits of a positive number and its power of ten: 0.0625 to two digits is ["6.2", -2] (of two equally near, the even one). */
function significant(x, digits) {
  const [, first, rest, power] = x.toExponential(40).match(/^(\d)\.(\d+)e([+-]\d+)$/);
  const [kept, tail] = [(first + rest).slice(0, digits), (first + rest).slice(digits)];
  if (/^50*$/.test(tail) && Number(kept.at(-1)) % 2 === 0) return [`${first}.${kept.slice(1)}`, Number(power)];
  const [mantissa, rounded] = x.toExponential(digits - 1).split("e");
  return [mantissa, Number(rounded)];
}
