// Beside the picture: what is known of one node or box, with links to its neighbours; and the search.

/** An HTML element with these attributes (`onclick` may be a function) and children. */
function html(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") element[name] = value;
    else element.setAttribute(name, value);
  }
  element.append(...children);
  return element;
}

/** Fill `panel` with the facts about a node or a box. */
function showDetails(panel, app, key) {
  const thing = app.model.get(key);
  panel.replaceChildren();
  if (!thing) return panel.append(html("p", { class: "hint" }, "Select a node to see its numbers, its source line and its neighbours."));
  const rows = app.model.nodes.has(key) ? nodeRows(app, thing) : boxRows(app, thing);
  panel.append(html("h2", {}, titleOf(thing)), html("dl", {}, ...rows));
}

const titleOf = (thing) => thing.label || thing.name || thing.text || thing.op || thing.key;

/** A row of the list, or nothing where there is nothing to say. */
function row(name, content, attributes = {}) {
  const parts = [content].flat().filter((part) => part !== "" && part !== null && part !== undefined);
  return parts.length ? [html("dt", {}, name), html("dd", attributes, ...parts)] : [];
}

function nodeRows(app, node) {
  const { model, sweep } = app;
  const link = (other) => linkTo(app, other.key);
  return [
    row("kind", node.output ? `${node.kind}, ${node.output}` : node.kind),
    row("expression", node.text, { class: "code" }),
    row("type", node.aval, { class: "code" }),
    row("value", plain(node.value), { class: "code value" }),
    row(sweep.tangentOf(node), plain(node.tangent), { class: "code tangent" }),
    row(sweep.gradientOf(node), plain(node.gradient), { class: "code gradient" }),
    row("in", app.model.around(node.key).reverse().map((box) => linkTo(app, box))),
    row("operands", [...node.into].sort((a, b) => a.index - b.index).map((edge) => withLocal(link(model.nodes.get(edge.source)), edge))),
    row("used by", node.outof.map((edge) => withLocal(link(model.nodes.get(edge.target)), edge))),
    row("line", node.where, { class: "code" }),
    row("source", node.source, { class: "code source" }),
  ].flat();
}

/** A number in full; what is not a number was summarised in Python. */
const plain = (x) => (x === null ? "" : String(x));

/** A link to a neighbour with the numbers of the edge to it. */
function withLocal(link, edge) {
  const facts = [["local derivative", edge.local], ["tangent", edge.tangent], ["gradient", edge.gradient]];
  const known = facts.filter(([, x]) => x !== null).map(([name, x]) => `${name} ${x}`);
  return html("div", {}, link, known.length ? html("small", {}, ` ${known.join(", ")}`) : "");
}

function boxRows(app, box) {
  const members = app.model.members.get(box.key) ?? [];
  const open = app.open.has(box.key);
  const toggle = html("button", { onclick: () => app.toggle(box.key) }, open ? "fold" : "unfold");
  return [
    row("kind", box.kind),
    row("result", box.name, { class: "code" }),
    row("nodes", String(members.length)),
    row("in", app.model.around(box.key).reverse().map((key) => linkTo(app, key))),
    row("line", box.where, { class: "code" }),
    row("", toggle),
  ].flat();
}

function linkTo(app, key) {
  const thing = app.model.get(key);
  return html("button", { class: "link", "data-key": key, onclick: () => app.reveal(key) }, titleOf(thing));
}

/** A search result: a link and the line it comes from. */
function hit(app, key) {
  return html("li", {}, linkTo(app, key), html("small", {}, ` ${app.model.get(key).where}`));
}

/** The search: `find(text)` gives the nodes and boxes that have the text in their name, operation, expression, line or file. */
class Search {
  constructor(model) {
    const joined = (...texts) => texts.filter(Boolean).join("\n").toLowerCase();
    const boxes = [...model.boxes.values()];
    this.entries = [
      ...boxes.map((b) => ({ key: b.key, name: b.label.toLowerCase(), own: joined(b.label, b.name), line: joined(b.where) })),
      ...[...model.nodes.values()].map((n) => ({
        key: n.key,
        name: n.name.toLowerCase(),
        own: joined(n.name, n.op, n.text, n.output),
        line: joined(n.where, n.source),
      })),
    ];
  }

  /** Keys of what matches: first what has exactly this name, then by what it is, then by its line. */
  find(text) {
    const wanted = text.trim().toLowerCase();
    if (!wanted) return [];
    const found = [[], [], []];
    for (const { key, name, own, line } of this.entries) {
      if (name === wanted) found[0].push(key);
      else if (own.includes(wanted)) found[1].push(key);
      else if (line.includes(wanted)) found[2].push(key);
    }
    return found.flat();
  }
}
