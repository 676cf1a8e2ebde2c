"""A picture as shapes, lines and texts at absolute places: what `svg` and `png` write down in their own ways.

    scene = Scene(graph, nest(graph), layout(graph, opened), "right", digits=4)
    scene.panels[0].groups      one for each node, folded box, open box and edge, with everything that belongs to it

Colours are Okabe and Ito's (2008), which people with any colour vision can tell apart: blue for what is known before (local
derivatives), vermillion for what is propagated (gradients, tangents). In black and white, propagated numbers are the slanted ones
with an arrow.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from .geometry import Place, Point, Sheet, Wire
from .graph import Edge, Graph
from .nesting import Nest
from .sheets import PAD
from .sizes import DOUBLE, HEAD_SIZE, STACK, Sizes
from .text import EDGE_SIZE, LINE, SIZES, cut, edge_texts, sides, type_text, width_of

INK, PALE, BACK = "#222222", "#6B7280", "#FFFFFF"
BLUE, VERMILLION = "#0072B2", "#D55E00"
ROLE_COLOURS = {"name": INK, "value": INK, "tangent": VERMILLION, "gradient": VERMILLION}
FILLS = {"input": "#E3EFF9", "parameter": "#FFF3C4", "constant": "#EEEEEE", "computation": "#FFFFFF"}
BOX_FILLS = ("#F6F7FA", "#ECEFF4")  # by depth, in turn
FOLDED_FILL = "#E2E6ED"
WIRE = "#7A828E"
WIDEST = 1600.0  # two panels stand beside each other, but below each other where one is wider than this
ARROW = 7.0  # length of an arrowhead
MARGIN, TITLE, HEADING = 10.0, 26.0, 14.0  # around the picture, room for a title, its font size
BACKWARD, FORWARD = "←↑", "→↓"  # behind a gradient, which goes against the data, and a tangent, which goes with it


@dataclass
class Shape:
    """An outline: `kind` is "ellipse", "rect" (with corners rounded by `round`) or "polygon" (through `points`)."""

    kind: str
    x: float
    y: float
    width: float
    height: float
    fill: str
    stroke: str = INK
    thick: float = 1.2
    round: float = 0.0
    dash: bool = False
    points: list[Point] = field(default_factory=list)


@dataclass
class Line:
    """A curve of cubic pieces: from `points[0]` on, three more points for each piece; with an arrowhead where `arrow`."""

    points: list[Point]
    stroke: str = WIRE
    thick: float = 1.2
    arrow: bool = True


@dataclass
class Text:
    """A text; (x, y) is on its base line, at its start, middle or end. turn: it is read upwards."""

    x: float
    y: float
    text: str
    size: float
    colour: str = INK
    anchor: str = "middle"
    bold: bool = False
    slanted: bool = False
    turn: bool = False


Mark = Shape | Line | Text


@dataclass
class Group:
    """All marks of one thing. kind: its classes; data: what programs may want to read from the picture."""

    kind: str
    key: str
    title: str
    marks: list[Mark] = field(default_factory=list)
    data: dict[str, Any] = field(default_factory=dict)


@dataclass
class Panel:
    """One labelling of the graph, at a place in the picture."""

    side: str
    title: str
    x: float
    y: float
    groups: list[Group]


def curve(points: Sequence[Point], down: bool) -> list[Point]:
    """The cubic pieces of a wire through these points: straight, or an S that starts and ends in the direction of the data."""
    found = [points[0]]
    for (x0, y0), (x1, y1) in pairwise(points):
        if down:
            middle = (y0 + y1) / 2
            found += [(x0, middle), (x1, middle), (x1, y1)]
        else:
            middle = (x0 + x1) / 2
            found += [(middle, y0), (middle, y1), (x1, y1)]
    return found


def arrowhead(line: Line) -> list[tuple[float, float]]:
    """A triangle with its tip at the end of the line; wires end in the direction of the data, right or down."""
    (x0, y0), (x, y) = line.points[-2:]
    half = 0.42 * ARROW
    if abs(x - x0) >= abs(y - y0):
        return [(x, y), (x - ARROW, y - half), (x - ARROW, y + half)]
    return [(x, y), (x - half, y - ARROW), (x + half, y - ARROW)]


class Scene:
    """panels: one, or forward and reverse beside each other; legend: what the shapes and colours mean."""

    def __init__(self, graph: Graph, found: Nest, sheets: dict[str, Sheet], direction: str, digits: int) -> None:
        self.graph, self.found, self.sheets, self.down, self.digits = graph, found, sheets, direction == "down", digits
        self.size = Sizes(graph, found, digits)
        self.origin: dict[str, Point] = {"": (0.0, 0.0)}
        for box in sheets:
            self.locate(box)
        main = sheets[""]
        self.panels = []
        panels = sides(graph)
        room = max([main.width, *[width_of(heading(graph, side), HEADING, bold=True) + PAD for side in panels]]) + MARGIN
        below = len(panels) > 1 and main.width > WIDEST
        x = y = MARGIN
        for side in panels:
            self.panels.append(Panel(side, heading(graph, side), x, y + TITLE, self.groups(side)))
            x, y = (x, y + TITLE + main.height + MARGIN) if below else (x + room, y)
        self.width = MARGIN + room * (1 if below else len(panels))
        low = MARGIN + (TITLE + main.height + MARGIN) * (len(panels) if below else 1) - 6
        self.legend = legend(graph, list(self.visible_kinds()), self.width, self.down)
        for mark in self.legend:
            mark.y += low
            if isinstance(mark, Shape):
                mark.points = [(px, py + low) for px, py in mark.points]
        texts = [mark for mark in self.legend if isinstance(mark, Text)]
        self.height = max([low, *[mark.y for mark in texts]]) + MARGIN
        self.width = max([self.width, *[mark.x + width_of(mark.text, mark.size) + MARGIN for mark in texts]])

    def locate(self, box: str) -> Point:
        """The upper left corner of an open box in the picture."""
        if box not in self.origin:
            parent = self.found.parent[box]
            x, y = self.locate(parent)
            place = next(place for place in self.sheets[parent].places if place.key == box)
            self.origin[box] = x + place.x, y + place.y
        return self.origin[box]

    def visible_kinds(self) -> dict[str, None]:
        nodes = self.size.nodes
        kinds: dict[str, None] = {}
        for sheet in self.sheets.values():
            for place in sheet.places:
                if place.key in nodes:
                    kinds[nodes[place.key].kind] = None
                    if nodes[place.key].output:
                        kinds["result"] = None
                elif place.key not in self.sheets:
                    kinds["folded"] = None
        return {kind: None for kind in ("input", "parameter", "constant", "computation", "result", "folded") if kind in kinds}

    # --- groups

    def groups(self, side: str) -> list[Group]:
        """Open boxes at the back, then wires, then nodes and folded boxes."""
        boxes = [self.open_box(box) for box in self.sheets if box]
        places = [
            self.node(place, box, side) if place.key in self.size.nodes else self.folded(place, box, side)
            for box, sheet in self.sheets.items()
            for place in sheet.places
            if place.key not in self.sheets
        ]
        return [*boxes, *self.edges(side), *places]

    def open_box(self, key: str) -> Group:
        box, sheet, (x, y) = self.size.boxes[key], self.sheets[key], self.origin[key]
        depth = len(self.found.around(key)) - 1
        shape = Shape("rect", x, y, sheet.width, sheet.height, BOX_FILLS[depth % 2], PALE, 1.0, round=6, dash=box.kind != "call")
        text = Text(x + 8, y + 15, box.label, HEAD_SIZE, PALE, "start", bold=True)
        if self.down:
            text = Text(x + 15, y + sheet.height - 8, box.label, HEAD_SIZE, PALE, "start", bold=True, turn=True)
        data = {"name": box.name, "label": box.label, "where": box.where, "folded": "false", "nodes": self.size.counts[key]}
        return Group(f"box {box.kind}", key, box.label, [shape, text], data)

    def folded(self, place: Place, around: str, side: str) -> Group:
        box = self.size.boxes[place.key]
        x, y = self.origin[around][0] + place.x, self.origin[around][1] + place.y
        w, h = place.width - STACK, place.height - STACK
        marks: list[Mark] = [
            Shape("rect", x + STACK, y + STACK, w, h, BACK, PALE, 1.0, round=6),
            Shape("rect", x, y, w, h, FOLDED_FILL, INK, round=6, dash=box.kind != "call"),
        ]
        marks += self.lines(place.key, side, x + w / 2, y + h / 2)
        data = {"name": box.name, "label": box.label, "where": box.where, "folded": "true", "nodes": self.size.counts[place.key]}
        return Group(f"box {box.kind} folded", place.key, box.label, marks, data)

    def node(self, place: Place, around: str, side: str) -> Group:
        node = self.size.nodes[place.key]
        x, y = self.origin[around][0] + place.x, self.origin[around][1] + place.y
        marks: list[Mark] = [node_shape(node.kind, x, y, place.width, place.height)]
        if node.output:
            inner = 2 * DOUBLE
            marks.append(node_shape(node.kind, x + DOUBLE, y + DOUBLE, place.width - inner, place.height - inner))
        marks += self.lines(place.key, side, x + place.width / 2, y + place.height / 2)
        data = {
            "name": node.name,
            "value": node.value,
            "op": node.op,
            "text": node.text,
            "aval": type_text(node.aval),
            "where": node.where,
        }
        data |= {"output": node.output} if node.output else {}
        data |= {role: getattr(node, role) for role in ("tangent", "gradient") if shows(side, role)}
        return Group(f"node {node.kind}" + (" result" if node.output else ""), node.key, node_title(node), marks, data)

    def lines(self, key: str, side: str, x: float, y: float) -> Iterator[Text]:
        lines = self.size.lines(key, side)
        y -= sum([SIZES[line.role] * LINE for line in lines]) / 2
        for line in lines:
            size = SIZES[line.role]
            y += size * LINE
            slanted = line.role in ("tangent", "gradient")
            yield Text(x, y - 0.3 * size, line.text, size, ROLE_COLOURS[line.role], bold=line.role == "name", slanted=slanted)

    def edges(self, side: str) -> list[Group]:
        """One group for each edge between nodes, or for all edges between two ends of which one is a folded box."""
        drawn: dict[tuple[str, str, int], dict[tuple[str, int], Wire]] = {}
        ends = {}
        for number, edge in enumerate(self.graph.edges):
            ends[number] = self.end(edge.source), self.end(edge.target)
        numbers: dict[tuple[str, str, int], list[int]] = {}
        for box in sorted(self.sheets, key=lambda box: -len(self.found.around(box))):
            for k, wire in enumerate(self.sheets[box].wires):
                for number in wire.edges:
                    a, b = ends[number]
                    key = (a, b, number if b in self.size.nodes else -1)
                    drawn.setdefault(key, {})[box, k] = wire
                    if number not in numbers.setdefault(key, []):
                        numbers[key].append(number)
        order = sorted(drawn, key=lambda key: min(numbers[key]))
        return [self.edge(sorted(numbers[key]), key[0], key[1], drawn[key], side) for key in order]

    def end(self, key: str) -> str:
        """The node, or the folded box that hides it."""
        return next((box for box in self.found.around(key)[-2::-1] if box not in self.sheets), key)

    def edge(self, numbers: list[int], a: str, b: str, wires: dict[tuple[str, int], Wire], side: str) -> Group:
        first = self.graph.edges[numbers[0]]
        marks: list[Mark] = []
        for (box, _), wire in wires.items():
            x, y = self.origin[box]
            points = [(px + x, py + y) for px, py in wire.points]
            marks.append(Line(curve(points, self.down), arrow=not (wire.leaves or self.goes_on(wire))))
            if wire.label:
                marks += self.edge_label(wire.edges[0], b in self.size.boxes, side, wire.label[0] + x, wire.label[1] + y)
        names = [self.name(key) for key in (a, b)]
        data: dict[str, Any] = {"source": names[0], "target": names[1], "from": a, "to": b}
        if len(numbers) == 1:
            data |= edge_data(first, side)
        else:
            data["edges"] = " ".join([f"e{number}" for number in numbers])
        return Group("edge", f"e{numbers[0]}", f"{names[0]}->{names[1]}", marks, data)

    def goes_on(self, wire: Wire) -> bool:
        """Whether a wire ends at the port of an open box, where another one begins."""
        return wire.target in self.sheets

    def name(self, key: str) -> str:
        if key in self.size.nodes:
            return self.size.nodes[key].name or key
        return self.size.boxes[key].label

    def edge_label(self, number: int, hidden: bool, side: str, x: float, y: float) -> Iterator[Text]:
        """The local derivative above the line and what is propagated below it (left and right, where the data flows down)."""
        local, moved = edge_texts(self.graph, number, side, self.digits, hidden)
        arrow = (BACKWARD if side == "reverse" else FORWARD)[self.down]
        if self.down:
            places = (x - 4, y + 4, "end"), (x + 4, y + 4, "start")
        else:
            places = (x, y - 4, "middle"), (x, y + EDGE_SIZE, "middle")
        if local:
            yield Text(*places[0][:2], local, EDGE_SIZE, BLUE, places[0][2])
        if moved:
            yield Text(*places[1][:2], f"{moved} {arrow}", EDGE_SIZE, VERMILLION, places[1][2], slanted=True)


def shows(side: str, role: str) -> bool:
    return side == {"tangent": "forward", "gradient": "reverse"}[role]


def edge_data(edge: Edge, side: str) -> dict[str, Any]:
    """What a program reads of an edge between two nodes."""
    data = {"index": edge.index, "local": edge.local}
    return data | {role: getattr(edge, role) for role in ("tangent", "gradient") if shows(side, role)}


def node_title(node: Any) -> str:
    """What appears when the pointer rests on a node."""
    what = " = ".join([part for part in (node.name, node.text) if part]) or node.op or node.kind
    lines = what, f"{node.kind} {type_text(node.aval)}", f"{node.where} {node.source}".strip()
    return "\n".join([line for line in lines if line])


def node_shape(kind: str, x: float, y: float, w: float, h: float) -> Shape:
    """The outline of a node: ellipse, hexagon, sheet with a corner cut off, or rectangle with round corners."""
    if kind == "input":
        return Shape("ellipse", x, y, w, h, FILLS[kind])
    if kind == "parameter":
        tip = h / 4
        points = [(x, y + h / 2), (x + tip, y), (x + w - tip, y), (x + w, y + h / 2), (x + w - tip, y + h), (x + tip, y + h)]
        return Shape("polygon", x, y, w, h, FILLS[kind], points=points)
    if kind == "constant":
        corner = 8.0
        points = [(x, y), (x + w - corner, y), (x + w, y + corner), (x + w, y + h), (x, y + h)]
        return Shape("polygon", x, y, w, h, FILLS[kind], points=points)
    return Shape("rect", x, y, w, h, FILLS[kind], round=6)


def heading(graph: Graph, side: str) -> str:
    """The title of a panel."""
    name = cut(graph.title, 60)
    if side == "forward":
        return f"{name}: forward mode, ∂·/∂{graph.by or '·'}"
    if side == "reverse":
        return f"{name}: reverse mode, ∂{graph.of or '·'}/∂·"
    return name


def heading_text(panel: Panel) -> Text:
    """The title of a panel where it stands, from the corner of the panel's content."""
    return Text(PAD, -8.0, panel.title, HEADING, INK, "start", bold=True)


def legend(graph: Graph, kinds: list[str], width: float, down: bool) -> list[Shape | Text]:
    """The shapes and colours in use, in rows that are about as wide as the picture."""
    marks: list[Shape | Text] = []
    entries: list[tuple[str, str]] = [("shape", kind) for kind in kinds]
    if graph.mode in ("forward", "reverse", "both"):
        entries.append((BLUE, "local derivative"))
        tangent, gradient = f"tangent {FORWARD[down]}", f"gradient {BACKWARD[down]}"
        entries.append((VERMILLION, {"forward": tangent, "reverse": gradient, "both": f"{tangent}, {gradient}"}[graph.mode]))
    start = MARGIN + PAD  # where the sheet's content starts
    x, y = start, 12.0
    for colour, text in entries:
        swatch = 26.0 if colour == "shape" else 0.0
        room = swatch + width_of(text, EDGE_SIZE) + 18
        if x > start and x + room > max(width, 300.0):
            x, y = start, y + 20
        if colour == "shape":
            marks += swatch_shapes(text, x, y - 10)
            marks.append(Text(x + swatch, y, text, EDGE_SIZE, PALE, "start"))
        else:
            marks.append(Text(x, y, text, EDGE_SIZE, colour, "start", slanted=colour == VERMILLION))
        x += room
    return marks


def swatch_shapes(kind: str, x: float, y: float) -> list[Shape]:
    if kind == "result":
        return [node_shape("computation", x, y, 20, 13), node_shape("computation", x + 2.5, y + 2.5, 15, 8)]
    if kind == "folded":
        return [
            Shape("rect", x + 2, y + 2, 18, 11, BACK, PALE, 1.0, round=3),
            Shape("rect", x, y, 18, 11, FOLDED_FILL, INK, round=3),
        ]
    shape = node_shape(kind, x, y, 20, 13)
    shape.round = min(shape.round, 3.0)
    return [shape]
