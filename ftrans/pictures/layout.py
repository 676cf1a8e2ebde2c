"""Where everything goes: `layout(graph, opened)` gives a `Sheet` for the picture and one for each open box.

    sheets = layout(graph, open_boxes(graph))     what SVG and PNG show; for what the page shows see `alike`

The method is that of Sugiyama, Tagawa and Toda 1981: layers (`layers`), order in the layers (`crossings`), coordinates
(`coordinates`). Boxes are laid out from the inside out; an open one is a large place in the box around it, with ports where data
enters and leaves. The texts of an edge are a vertex of their own in a layer between those of nodes, so they overlap nothing.
We do this ourselves and not with graphviz because pictures must work where nothing is installed, fold in the browser, and have room
for two texts at each edge; `dot` is for those who prefer graphviz.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from ..errors import ArgumentError, at_line, shown
from .crossings import EFFORT
from .geometry import Sheet
from .graph import Graph
from .nesting import Nest, nest
from .sheets import Arc, Item, draw_sheet
from .sizes import HEAD_SIZE, Sizes
from .text import width_of

DIRECTIONS = ("right", "down")
LEAST_EFFORT = 3000  # for a sheet among many: those of 20 nodes still come out well


def layout(
    graph: Graph, open_boxes: set[str], direction: str = "right", digits: int = 4, found: Nest | None = None
) -> dict[str, Sheet]:
    """The sheets of a picture by the keys of their boxes: "" for the whole, and one for each open box in it.

    open_boxes: keys of boxes to draw open (a box inside a folded one is not drawn at all).
    direction: where data flows, "right" or "down"; digits: of the numbers on it, as they decide how large things are.
    found: `nest(graph)`, if that is computed already.

    >>> sheet = layout(ft.draw(lambda x: 2 * x)(3.0).graph, set())[""]
    >>> [place.rank for place in sheet.places], sheet.wires[0].edges
    ([0, 1], (0,))
    """
    found = found or nest(graph)
    opened = {box for box in found.children if box in open_boxes and set(found.around(box)) <= {"", *open_boxes}}
    return Nested(graph, found, opened, direction, digits).sheets()


@dataclass
class Pieces:
    """The parts of edges on one sheet: key -> arc. Edges that are drawn as one line share an arc."""

    arcs: dict[tuple[object, ...], Arc] = field(default_factory=dict)

    def add(self, arc: Arc, edge: int, separate: bool) -> None:
        key = (arc.source, arc.target, arc.enters, arc.leaves, arc.value, edge if separate else None)
        self.arcs.setdefault(key, arc).edges.append(edge)


class Nested:
    """A layout under way: the boxes that are open, and the pieces of the edges on each sheet."""

    def __init__(self, graph: Graph, found: Nest, opened: set[str], direction: str, digits: int) -> None:
        if direction not in DIRECTIONS:
            raise ArgumentError(at_line(f"a picture cannot go {shown(direction)}", hint='direction is "right" or "down"'))
        self.graph, self.found, self.opened, self.direction = graph, found, opened, direction
        self.size = Sizes(graph, found, digits)
        self.chains: dict[str, list[str]] = {}

    def sheets(self) -> dict[str, Sheet]:
        pieces = self.pieces(by_value=False)
        made: dict[str, Sheet] = {}
        for box in sorted(["", *self.opened], key=lambda box: (-len(self.found.around(box)), box)):  # inner ones first
            items = [self.item(key, made.get(key)) for key in self.found.children[box]]
            arcs = list(pieces[box].arcs.values())
            self.label(arcs, self.opened)
            made[box] = draw_sheet(box, items, arcs, self.direction, self.title(box), max(EFFORT // len(pieces), LEAST_EFFORT))
        order = {key: k for k, key in enumerate(["", *self.size.boxes])}
        return dict(sorted(made.items(), key=lambda entry: order[entry[0]]))

    def label(self, arcs: list[Arc], opened: set[str]) -> None:
        """Room for the texts of wires that stand for one edge, where they end at a node or a folded box."""
        for arc in arcs:
            if len(arc.edges) == 1 and not arc.leaves and arc.target not in opened:
                arc.label = self.size.label(arc.edges[0], self.direction, hidden=arc.target in self.size.boxes)

    def title(self, box: str) -> float:
        """The length of the label of an open box."""
        return width_of(self.size.boxes[box].label, HEAD_SIZE) if box else 0.0

    def item(self, key: str, sheet: Sheet | None) -> Item:
        if sheet is None:
            return Item(key, *self.size.place(key), spread=key in self.size.boxes)
        return Item(key, sheet.width, sheet.height, spread=False, ports={(port.key, port.enters): port.at for port in sheet.ports})

    def chain(self, key: str) -> list[str]:
        """From "" through open boxes to the node, or to the folded box that hides it."""
        if key not in self.chains:
            chain = [*self.found.around(key)[::-1], key]
            hidden = next((k for k, box in enumerate(chain[1:-1], 1) if box not in self.opened), len(chain) - 1)
            self.chains[key] = chain[: hidden + 1]
        return self.chains[key]

    def pieces(self, by_value: bool) -> dict[str, Pieces]:
        """Every edge cut at the borders of open boxes. by_value: two values never share a wire."""
        pieces = {box: Pieces() for box in ("", *self.opened)}
        nodes = self.size.nodes
        for number, edge in enumerate(self.graph.edges):
            value, a, b = edge.source, self.chain(edge.source), self.chain(edge.target)
            k = next((k for k, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), None)
            if k is None:  # inside one folded box
                continue
            for depth in range(len(a) - 1, k, -1):
                pieces[a[depth - 1]].add(Arc(a[depth], value, value, leaves=True), number, separate=False)
            merged = not by_value and b[k] not in nodes and not {a[k], b[k]} & self.opened
            pieces[a[k - 1]].add(Arc(a[k], b[k], "" if merged else value), number, separate=b[k] in nodes)
            for depth in range(k + 1, len(b)):
                pieces[b[depth - 1]].add(Arc(value, b[depth], value, enters=True), number, separate=b[depth] in nodes)
        return pieces
