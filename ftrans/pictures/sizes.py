"""How large things are: nodes and boxes by the text on them, labels of edges by theirs."""

from __future__ import annotations

from .graph import Graph, Node
from .nesting import Nest, returned
from .text import EDGE_SIZE, LINE, SIZES, Line, box_lines, edge_texts, node_lines, sides, width_of

Size = tuple[float, float]  # width, height
HEAD = 22.0  # room for the label of an open box, above its content (to the left of it where data flows down)
HEAD_SIZE = 12.0  # font size of that label
DOUBLE = 3.0  # between the two borders of a result
STACK = 4.0  # how far the second border of a folded box stands off
NARROWEST = 34.0


def text_size(lines: list[Line]) -> Size:
    """The rectangle around centred lines."""
    return (
        max([width_of(line.text, SIZES[line.role], bold=line.role == "name") for line in lines], default=0.0),
        sum([SIZES[line.role] * LINE for line in lines]),
    )


def node_size(node: Node, text: Size) -> Size:
    """The size of the shape around a text; `scene` draws the shapes."""
    w, h = text
    if node.kind == "input":  # an ellipse
        w, h = 1.36 * w + 10, 1.36 * h + 8
    elif node.kind == "parameter":  # a hexagon, whose points reach out by a quarter of its height
        w, h = w + 0.5 * (h + 12) + 8, h + 12
    else:
        w, h = w + 20, h + 12
    border = 2 * DOUBLE if node.output else 0.0
    return max(w, NARROWEST) + border, h + border


class Sizes:
    """The sizes of all nodes, folded boxes and labels of one graph; where there are two panels, of the larger of the two."""

    def __init__(self, graph: Graph, found: Nest, digits: int) -> None:
        self.graph, self.digits, self.sides = graph, digits, sides(graph)
        self.nodes = {node.key: node for node in graph.nodes}
        self.boxes = {box.key: box for box in graph.boxes}
        self.counts, self.returned = found.counts(), returned(graph, found)

    def lines(self, key: str, side: str) -> list[Line]:
        """What is written on a node or a folded box."""
        if key in self.nodes:
            return node_lines(self.graph, self.nodes[key], side, self.digits)
        return box_lines(self.graph, self.boxes[key], self.counts[key], self.returned[key], side, self.digits)

    def place(self, key: str) -> Size:
        """The size of a node or a folded box."""
        texts = [text_size(self.lines(key, side)) for side in self.sides]
        text = max([w for w, _ in texts]), max([h for _, h in texts])
        if key in self.nodes:
            return node_size(self.nodes[key], text)
        return text[0] + 24 + STACK, text[1] + 14 + STACK

    def label(self, edge: int, direction: str, hidden: bool = False) -> Size | None:
        """The room for the texts of an edge, with the line through its middle; None where there is no text.

        hidden: it ends in a folded box.
        """
        texts = [edge_texts(self.graph, edge, side, self.digits, hidden) for side in self.sides]
        widths = [(width_of(local, EDGE_SIZE), width_of(f"{moved} ←", EDGE_SIZE) * bool(moved)) for local, moved in texts]
        widest = max([max(pair) for pair in widths])
        if not widest:
            return None
        height = EDGE_SIZE * LINE
        return (widest + 8, 2 * height + 2) if direction == "right" else (2 * widest + 12, height + 4)
