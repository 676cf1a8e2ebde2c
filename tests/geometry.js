// What is wrong with the picture as it stands: places that overlap or cross a frame, wires through places, edges with loose ends.
// The value of this file is a list of messages, empty when all is well.
(() => {
  const { items, wires } = app.scene;
  const { model } = app;
  const wrong = [];
  const solid = items.filter((i) => i.kind !== "frame");
  const frames = items.filter((i) => i.kind === "frame");
  const overlap = (a, b) => a.x < b.x + b.w - 0.1 && b.x < a.x + a.w - 0.1 && a.y < b.y + b.h - 0.1 && b.y < a.y + a.h - 0.1;
  const within = (a, b) => a.x >= b.x - 0.1 && a.y >= b.y - 0.1 && a.x + a.w <= b.x + b.w + 0.1 && a.y + a.h <= b.y + b.h + 0.1;
  const near = (p, q) => Math.hypot(p[0] - q[0], p[1] - q[1]) < 0.3;
  const touches = ([x, y], i, by = 0.3) => x > i.x - by && x < i.x + i.w + by && y > i.y - by && y < i.y + i.h + by;

  for (const a of solid) for (const b of solid) if (a.key < b.key && overlap(a, b)) wrong.push(`${a.key} overlaps ${b.key}`);
  for (const frame of frames) {
    for (const i of items) {
      if (i === frame || model.around(frame.key).includes(i.key)) continue;
      const right = model.around(i.key).includes(frame.key) ? within(i, frame) : !overlap(i, frame);
      if (!right) wrong.push(`${i.key} is on the wrong side of the border of ${frame.key}`);
    }
  }

  // Points along SVG path data of M, L and C, close enough to hit anything that the line crosses.
  const along = (data) => {
    const found = [];
    let from = null;
    for (const [, kind, numbers] of data.matchAll(/([MLC])([^MLC]*)/g)) {
      const flat = numbers.trim().split(" ").map(Number);
      const [p1, p2, to] = kind === "C" ? [flat.slice(0, 2), flat.slice(2, 4), flat.slice(4)] : [from, flat, flat];
      const steps = kind === "M" ? 0 : Math.ceil(Math.hypot(to[0] - from[0], to[1] - from[1]) / 5);
      for (let k = 1; k <= steps; k++) {
        const [t, u] = [k / steps, 1 - k / steps];
        const cubic = (i) => u ** 3 * from[i] + 3 * u * u * t * p1[i] + 3 * u * t * t * p2[i] + t ** 3 * to[i];
        found.push([cubic(0), cubic(1)]);
      }
      from = to;
    }
    return found;
  };
  const ends = new Map(model.edges.map((edge) => [edge.id, []]));
  for (const wire of wires) {
    const close = solid.filter((i) => i.x <= wire.x + wire.w && wire.x <= i.x + i.w && i.y <= wire.y + wire.h && wire.y <= i.y + i.h);
    const line = close.length ? along(path(wire.points, app.scene.down)) : [];
    for (const i of close) if (line.some((p) => touches(p, i, -0.3))) wrong.push(`a wire of the edges ${wire.edges} goes through ${i.key}`);
    for (const id of wire.edges) ends.get(id).push(wire.points[0], wire.points.at(-1));
  }

  for (const edge of model.edges) {
    const [source, target] = [app.scene.shown(edge.source), app.scene.shown(edge.target)];
    if (source === target) continue;
    const loose = ends.get(edge.id).filter((p, k, all) => !all.some((q, j) => j !== k && near(p, q)));
    const joined = loose.length === 2 && touches(loose[0], source) !== touches(loose[0], target) && loose.every((p) => touches(p, source) || touches(p, target));
    if (!joined) wrong.push(`edge ${edge.id} does not lead from ${source.key} to ${target.key}: ${JSON.stringify(loose)}`);
  }
  return wrong.slice(0, 5);
})();
