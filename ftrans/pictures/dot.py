"""`dot(graph)`: the graph in DOT, for those who lay it out with graphviz: shapes, colours and texts as in the SVG.

    dot -Tsvg picture.dot > picture.svg

Nodes and edges have the ids of the graph (`n2`, `e1`), which graphviz passes on to its SVG.
"""

from __future__ import annotations

from collections import Counter

from .graph import Graph
from .nesting import Nest, folded
from .scene import BACKWARD, BLUE, BOX_FILLS, FILLS, FOLDED_FILL, FORWARD, INK, PALE, VERMILLION, WIRE, heading
from .sizes import Sizes
from .text import FONT, edge_texts

SHAPES = {"input": "ellipse", "parameter": "hexagon", "constant": "note", "computation": "box"}


def dot(
    graph: Graph, *, open_boxes: set[str] | None = None, fold: int = 60, direction: str = "right", digits: int = 4, side: str = ""
) -> str:
    """The picture of a graph as text for graphviz.

    open_boxes, fold, direction, digits: as for `svg`. Open boxes are clusters, folded ones are nodes.
    side: which labelling of a graph of mode "both" is written: "reverse" (the default) or "forward".

    >>> print(dot(ft.draw(lambda x: 2 * x, mode="values")(3.0).graph).splitlines()[5])
      n0 [label=<<b>x</b><br/>3>, id="n0", shape="ellipse", style="filled", fillcolor="#E3EFF9", ...];
    """
    graph, found, opened = folded(graph, open_boxes, fold)
    return Dot(graph, found, opened, digits, side or ("reverse" if graph.mode == "both" else graph.mode)).text(direction)


def quoted(text: str) -> str:
    """A DOT string: quotes and backslashes escaped, lines broken as they are, without other control characters."""
    text = "".join([c if c >= " " or c == "\n" else " " for c in text])
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'


def html(text: str) -> str:
    """Text inside an HTML-like label."""
    return "".join([c if c >= " " else " " for c in text]).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def attributes(**values: str) -> str:
    """`[a="1", b="2"]` without those that are empty. `html_label` is HTML-like: in angle brackets, where graphviz reads tags."""
    parts = [f"label=<{values.pop('html_label')}>"] if values.get("html_label") else []
    return "[" + ", ".join([*parts, *[f"{key}={quoted(value)}" for key, value in values.items() if value]]) + "]"


class Dot:
    """DOT under way."""

    def __init__(self, graph: Graph, found: Nest, opened: set[str], digits: int, side: str) -> None:
        self.graph, self.found, self.digits, self.side = graph, found, digits, side
        self.opened = {box for box in self.found.children if box and set(self.found.around(box)) | {box} <= {"", *opened}}
        self.size = Sizes(graph, self.found, digits)

    def text(self, direction: str) -> str:
        name = heading(self.graph, self.side)
        lines = [f"digraph {quoted(self.graph.title)} {{", f"  rankdir={'LR' if direction == 'right' else 'TB'};"]
        lines.append(f"  graph {attributes(label=name, labelloc='t', labeljust='l', fontname=FONT, bgcolor='white')};")
        lines.append(f"  node {attributes(fontname=FONT, fontsize='12', color=INK, fontcolor=INK)};")
        lines.append(f"  edge {attributes(fontname=FONT, fontsize='11', color=WIRE)};")
        return "\n".join([*lines, *self.content("", 1), *self.edges(), "}", ""])

    def content(self, box: str, depth: int) -> list[str]:
        """Nodes, folded boxes and clusters in a box."""
        lines, indent = [], "  " * depth
        for key in self.found.children[box]:
            if key in self.opened:
                head = self.size.boxes[key]
                fill = BOX_FILLS[(depth - 1) % 2]
                look = attributes(id=key, label=head.label, style="rounded,filled", fillcolor=fill, color=PALE, fontcolor=PALE)
                lines += [f"{indent}subgraph {quoted('cluster_' + key)} {{", f"{indent}  graph {look};"]
                lines += [*self.content(key, depth + 1), f"{indent}}}"]
            else:
                lines.append(f"{indent}{key} {self.folded(key) if key in self.size.boxes else self.node(key)};")
        return lines

    def label(self, key: str) -> str:
        """Lines of text, the derivative in its colour."""
        rows = []
        for line in self.size.lines(key, self.side):
            text = html(line.text)
            if line.role in ("tangent", "gradient"):
                text = f'<font color="{VERMILLION}"><i>{text}</i></font>'
            rows.append(f"<b>{text}</b>" if line.role == "name" else text)
        return "<br/>".join(rows)

    def node(self, key: str) -> str:
        node = self.size.nodes[key]
        style = "rounded,filled" if node.kind == "computation" else "filled"
        return attributes(
            id=key, html_label=self.label(key), shape=SHAPES[node.kind], style=style, fillcolor=FILLS[node.kind],
            peripheries="2" if node.output else "", tooltip=node.where or node.kind, **{"class": f"node {node.kind}"},
        )  # fmt: skip

    def folded(self, key: str) -> str:
        box = self.size.boxes[key]
        return attributes(
            id=key, html_label=self.label(key), shape="box3d", style="filled", fillcolor=FOLDED_FILL, tooltip=box.label
        )

    def shown(self, key: str) -> str:
        """The node, or the folded box that hides it."""
        return next((box for box in self.found.around(key)[-2::-1] if box not in self.opened), key)

    def edges(self) -> list[str]:
        ends = [(self.shown(edge.source), self.shown(edge.target)) for edge in self.graph.edges]
        lines, merged, times = [], set(), Counter(ends)
        for number, (a, b) in enumerate(ends):
            single = b in self.size.nodes or times[a, b] == 1
            if a == b or (not single and (a, b) in merged):
                continue
            merged.add((a, b))
            names = [self.size.nodes[key].label if key in self.size.nodes else self.size.boxes[key].label for key in (a, b)]
            look = attributes(id=f"e{number}", tooltip="->".join(names), html_label=self.edge_label(number, b) if single else "")
            lines.append(f"  {a} -> {b} {look};")
        return lines

    def edge_label(self, number: int, target: str) -> str:
        """The local derivative above what is propagated."""
        local, moved = edge_texts(self.graph, number, self.side, self.digits, hidden=target in self.size.boxes)
        rows = [f'<font color="{BLUE}">{html(local)}</font>'] if local else []
        arrow = (BACKWARD if self.side == "reverse" else FORWARD)[0]
        rows += [f'<font color="{VERMILLION}"><i>{html(moved)} {arrow}</i></font>'] if moved else []
        return "<br/>".join(rows)
