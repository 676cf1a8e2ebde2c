// Where everything is when some boxes are open: `new Scene(model, open)`.
//
// Every sheet was laid out with the boxes on it folded. To open a box in its place, its sheet is stretched along both axes: x becomes
// X(x), y becomes Y(y), where X and Y grow at least as fast as their argument and by the missing width and height across the box.
// Such a map keeps the order of everything on the sheet. The image of a rectangle that was free is a rectangle that is free, so wires
// (each part of one stays in the rectangle between its two points) still avoid places; and a place of the old size, put where its
// middle goes, lies within its own image, so places still do not overlap.

const GUTTER = 20; // between the border of an open box and its sheet, where data enter and leave: wires turn towards the ports here
const TURN = 14; // before and behind a place that wires meet at another height than they come along

/** The map of one axis that makes room: `spans` are [start, end, extra length]; where they overlap the greatest density counts. */
function stretch(spans) {
  const wide = spans.filter(([, , extra]) => extra > 0).sort((a, b) => a[0] - b[0]);
  if (!wide.length) return (x) => x;
  const cuts = [...new Set(wide.flatMap(([start, end]) => [start, end]))].sort((a, b) => a - b);
  const slopes = [];
  let active = [];
  let next = 0;
  for (const cut of cuts) {
    while (next < wide.length && wide[next][0] <= cut) active.push(wide[next++]);
    active = active.filter(([, end]) => end > cut);
    slopes.push(1 + Math.max(0, ...active.map(([start, end, extra]) => extra / (end - start))));
  }
  const images = [cuts[0]];
  for (let k = 1; k < cuts.length; k++) images.push(images[k - 1] + (cuts[k] - cuts[k - 1]) * slopes[k - 1]);
  return (x) => {
    if (x <= cuts[0]) return x;
    let low = 0;
    let high = cuts.length;
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if (cuts[middle] <= x) low = middle;
      else high = middle;
    }
    return images[low] + (x - cuts[low]) * slopes[low];
  };
}

const clamp = (x, low, high) => Math.min(Math.max(x, low), high);

class Scene {
  /** open: the keys of the boxes that are open; those inside a folded box do not count. */
  constructor(model, open) {
    this.model = model;
    this.open = open;
    this.down = model.direction === "down";
    this.items = []; // what stands on sheets: {key, kind: "node" | "box" | "frame", x, y, w, h}; a frame is an open box
    this.wires = []; // {id, edges, points, label, arrow}
    this.sizes = new Map();
    this.measure("");
    const { width, height } = this.sizes.get("");
    Object.assign(this, { width, height });
    this.put("", 0, 0);
    this.at = new Map(this.items.map((item) => [item.key, item]));
  }

  /** The size of the sheet of a box when its open boxes are open, and its two maps; the same for those inside. */
  measure(key) {
    const sheet = this.model.sheets.get(key);
    const opened = sheet.places.filter((place) => this.open.has(place.key));
    const sizes = new Map(opened.map((place) => [place.key, this.frameSize(this.measure(place.key), place)]));
    const axes = [["x", "w", 0], ["y", "h", 1]]; // where a place starts, how long it is, and that of a frame
    const [along, across] = this.down ? [axes[1], axes[0]] : axes;
    const missing = ([, length, k], place) => (sizes.has(place.key) ? sizes.get(place.key)[k] - place[length] : 0);
    const map = (axis, extra) => stretch(sheet.places.map((place) => [place[axis[0]], place[axis[0]] + place[axis[1]], extra(place)]));
    const mapAcross = map(across, (place) => missing(across, place));
    // Where a place gets more room across the data than it fills, wires to it turn in front of it.
    const turns = (place) => {
      const [start, length] = [place[across[0]], place[across[1]]];
      return mapAcross(start + length) - mapAcross(start) > length + missing(across, place) + 0.5;
    };
    const mapAlong = map(along, (place) => missing(along, place) + (turns(place) ? 2 * TURN : 0));
    const [x, y] = this.down ? [mapAcross, mapAlong] : [mapAlong, mapAcross];
    const size = { x, y, width: x(sheet.width), height: y(sheet.height) };
    this.sizes.set(key, size);
    return size;
  }

  /** The size of an open box around a sheet, not less than the folded one. */
  frameSize({ width, height }, place) {
    const [across, along] = this.down ? [0, 2 * GUTTER] : [2 * GUTTER, 0];
    return [Math.max(width + across, place.w), Math.max(height + along, place.h)];
  }

  /** Put the content of a sheet with its corner at (left, top). The result has its ports: "in n3" or "out n3" -> point. */
  put(key, left, top) {
    const sheet = this.model.sheets.get(key);
    const { x, y } = this.sizes.get(key);
    const map = ([px, py]) => [left + x(px), top + y(py)];
    const spots = new Map();
    for (const place of sheet.places) spots.set(place.key, this.putPlace(place, map));
    for (const wire of sheet.wires) this.putWire(wire, spots, map);
    return new Map(sheet.ports.map((port) => [`${port.enters ? "in" : "out"} ${port.key}`, map([port.x, port.y])]));
  }

  /** One place, and what is in it when it is an open box. */
  putPlace(place, map) {
    const [cx, cy] = map([place.x + place.w / 2, place.y + place.h / 2]);
    const framed = this.open.has(place.key);
    const [w, h] = framed ? this.frameSize(this.sizes.get(place.key), place) : [place.w, place.h];
    const kind = framed ? "frame" : this.model.nodes.has(place.key) ? "node" : "box";
    const item = { key: place.key, kind, x: cx - w / 2, y: cy - h / 2, w, h };
    this.items.push(item);
    let ports = null;
    if (framed) {
      const inner = this.sizes.get(place.key);
      ports = this.put(place.key, item.x + (w - inner.width) / 2, item.y + (h - inner.height) / 2);
    }
    return { item, place, ports };
  }

  /** One wire of a sheet; into and out of open boxes it is continued to their ports. */
  putWire(wire, spots, map) {
    const points = wire.points.map(map);
    const source = wire.enters ? undefined : spots.get(wire.source);
    const target = wire.leaves ? undefined : spots.get(wire.target);
    if (source) points.unshift(this.onBorder(source, wire.points[0], points[0]));
    if (target) points.push(this.onBorder(target, wire.points.at(-1), points.at(-1)));
    if (source?.ports) this.continueToPorts(source, wire, points[0], "out");
    if (target?.ports) this.continueToPorts(target, wire, points.at(-1), "in");
    const arrow = Boolean(target && !target.ports);
    this.addWire(wire.edges, points, arrow, arrow && wire.label ? map(wire.label) : null);
  }

  /** Where a wire that met the border of a place on its sheet at `old`, now at `point`, meets it now. */
  onBorder({ item, place, ports }, old, point) {
    if (!ports) return [item.x + (old[0] - place.x), item.y + (old[1] - place.y)];
    const { x, y, w, h } = item;
    if (this.down) return [clamp(point[0], x, x + w), old[1] <= place.y + place.h / 2 ? y : y + h];
    return [old[0] <= place.x + place.w / 2 ? x : x + w, clamp(point[1], y, y + h)];
  }

  /** From the border of an open box through its gutter to the ports of the values that the wire carries. */
  continueToPorts({ ports }, wire, border, way) {
    const byKey = new Map();
    for (const id of wire.edges) {
      const key = this.model.edges[id].source;
      if (!byKey.has(key)) byKey.set(key, []);
      byKey.get(key).push(id);
    }
    for (const [key, edges] of byKey) {
      const port = ports.get(`${way} ${key}`);
      if (port) this.addWire(edges, way === "in" ? [border, port] : [port, border], false, null);
    }
  }

  addWire(edges, line, arrow, label) {
    const apart = ([x, y], k) => k === line.length - 1 || Math.hypot(x - line[k + 1][0], y - line[k + 1][1]) > 0.05;
    const points = line.filter(apart); // an arrowhead needs a direction
    const xs = points.map((p) => p[0]);
    const ys = points.map((p) => p[1]);
    const [x, y] = [Math.min(...xs), Math.min(...ys)];
    const [w, h] = [Math.max(...xs) - x, Math.max(...ys) - y];
    this.wires.push({ id: `w${this.wires.length}`, edges, points, arrow, label, x, y, w, h });
  }

  /** The visible item that shows a node or a box: itself, or the outermost folded box around it. */
  shown(key) {
    const around = this.model.around(key).reverse();
    return this.at.get(around.find((box) => !this.open.has(box)) ?? key);
  }
}
