"""A page to look into a graph: `html(graph)` is one self-contained file that opens in any browser, without a network.

    ft.draw(f, out="graph.html")(*args)

The page pans and zooms, folds and unfolds boxes in place, searches, shows all that is known of a node, and goes through the forward
and the backward sweep step by step, in words. Its data are computed here; the JavaScript that draws them is in the folder `page`.

The data are rows, lean enough for 10,000 equations (page/model.js reads them):

    strings   texts that repeat; aval, where and source of a node are numbers into this table
    nodes     [key, kind, name, op, text, aval, where, source, output, value, tangent, gradient, lines]
    edges     [source, target, index, local, tangent, gradient]
    boxes     [key, kind, label, name, where, lines]
    sheets    [box, width, height, places, ports, wires]: places [key, x, y, width, height], ports [key, x, y, enters],
              wires [source, target, edges, [x, y, x, y, ...], label or null, 1 if it enters + 2 if it leaves]
    lines     [text, role], ... as `text.node_lines` makes them
    numbers   a finite real scalar as it is; None where there is none; anything else (and a large integer) as its text
"""

from __future__ import annotations

import json
import math
import re
from html import escape
from pathlib import Path
from typing import Any

import numpy as np

from . import text
from .alike import sheets_of_all_boxes
from .geometry import Sheet, Wire
from .graph import Box, Edge, Graph, Node
from .nesting import Nest, folded
from .scene import BACKWARD, BLUE, BOX_FILLS, FILLS, FOLDED_FILL, FORWARD, INK, PALE, VERMILLION, WIRE
from .sizes import Sizes

PAGE = Path(__file__).parent / "page"
SCRIPTS = ("model", "scene", "sweep", "draw", "view", "panel", "main")  # in the order in which they need each other
EXACT = 10_000_000  # integers below are written out by `text.number`, as if they were floats
SHOWS = """<label>edges show <select id="shows"><option value="forward">tangents (forward)</option>
<option value="reverse">gradients (reverse)</option></select></label>"""


def html(graph: Graph, *, open_boxes: set[str] | None = None, fold: int = 60, direction: str = "right", digits: int = 4) -> str:
    """The page for a graph, as text to be written to a file in UTF-8.

    open_boxes: keys of the boxes that are unfolded when the page opens; chosen by `fold` if not given.
    fold: the page opens with as many boxes unfolded as leave at most so many places on it; a level with half as many more is
        cut into parts.
    direction: where data flows, "right" or "down"; digits: of the numbers shown (all of them are in the details of a node).

    The page asks for nothing from anywhere: script, style and data are in it. It needs a browser of 2022 or later.

    >>> page = html(ft.draw(lambda x: x * x, title="f")(3.0).graph)
    >>> page[:15], "<title>f</title>" in page
    ('<!DOCTYPE html>', True)
    """
    graph, found, opened = folded(graph, open_boxes, fold, parts=True)
    parts = {
        "title": escape(graph.title),
        "counts": f"{text.counted(len(graph.nodes), 'node')}, {text.counted(len(graph.edges), 'edge')}",
        "style": colours() + source("page.css"),
        "script": '"use strict";\n\n' + "\n".join([source(f"{name}.js") for name in SCRIPTS]),
        "shows": SHOWS if graph.mode == "both" else "",
        "legend": legend(graph, direction),
        "data": embedded(page_data(graph, found, opened, direction, digits)),
    }
    template = source("page.html")
    pieces = re.split(r"{{(\w+)}}", template)  # names at odd places; a text that is put in is not looked at again
    return "".join([parts[piece] if k % 2 else piece for k, piece in enumerate(pieces)])


def source(name: str) -> str:
    """A file of the folder `page`."""
    return (PAGE / name).read_text(encoding="utf-8")


def colours() -> str:
    """The colours of all pictures as CSS variables."""
    named = {"ink": INK, "pale": PALE, "local": BLUE, "moved": VERMILLION, "wire": WIRE, "folded": FOLDED_FILL, **FILLS}
    named |= {"box-even": BOX_FILLS[0], "box-odd": BOX_FILLS[1]}
    return ":root { " + " ".join([f"--picture-{name}: {colour};" for name, colour in named.items()]) + " }\n"


ESCAPED = str.maketrans({"<": "\\u003c", ">": "\\u003e", "&": "\\u0026"})


def embedded(data: Any) -> str:
    """JSON that may stand in a script element: ASCII, and nothing in it can end the element or open a comment."""
    return json.dumps(data, separators=(",", ":"), allow_nan=False).translate(ESCAPED)


class Strings:
    """Texts that repeat, each kept once."""

    def __init__(self) -> None:
        self.numbers: dict[str, int] = {}

    def __call__(self, content: str) -> int:
        return self.numbers.setdefault(content, len(self.numbers))


def page_data(graph: Graph, found: Nest, opened: set[str], direction: str, digits: int) -> dict[str, Any]:
    """All that the page knows, as the module's docstring lists it."""
    sizes = Sizes(graph, found, digits)
    strings = Strings()
    return {
        "title": graph.title,
        "mode": graph.mode,
        "by": graph.by,
        "of": graph.of,
        "direction": direction,
        "digits": digits,
        "open": sorted(opened - {""}),
        "nodes": [node_row(node, lines(sizes, node.key), strings, digits) for node in graph.nodes],
        "edges": [edge_row(edge, digits) for edge in graph.edges],
        "boxes": [box_row(box, lines(sizes, box.key)) for box in graph.boxes if box.key in found.children],
        "sheets": [sheet_row(sheet) for sheet in sheets_of_all_boxes(graph, found, direction, digits).values()],
        "strings": list(strings.numbers),
    }


def lines(sizes: Sizes, key: str) -> list[tuple[str, str]]:
    """What is written on a node or box, on either side of a picture of both sweeps."""
    return list(dict.fromkeys([(line.text, line.role) for side in sizes.sides for line in sizes.lines(key, side)]))


def node_row(node: Node, lines: list[tuple[str, str]], strings: Strings, digits: int) -> list[Any]:
    numbers = [plain(x, digits) for x in (node.value, node.tangent, node.gradient)]
    shared = [strings(text.type_text(node.aval)), strings(node.where), strings(node.source)]
    return [node.key, node.kind, node.name, node.op, node.text, *shared, node.output, *numbers, lines]


def box_row(box: Box, lines: list[tuple[str, str]]) -> list[Any]:
    return [box.key, box.kind, box.label, box.name, box.where, lines]


def edge_row(edge: Edge, digits: int) -> list[Any]:
    return [edge.source, edge.target, edge.index, *[plain(x, digits) for x in (edge.local, edge.tangent, edge.gradient)]]


def plain(x: Any, digits: int) -> float | str | None:
    """A value as the data hold it."""
    if x is None:
        return None
    array = np.asarray(x)
    if array.ndim == 0 and array.dtype.kind in "iuf":
        plain_number: float = array.item()
        if math.isfinite(plain_number) and (array.dtype.kind == "f" or abs(plain_number) < EXACT):
            return plain_number
    return text.value_text(x, digits)


def sheet_row(sheet: Sheet) -> list[Any]:
    return [
        sheet.box,
        *rounded(sheet.width, sheet.height),
        [[place.key, *rounded(place.x, place.y, place.width, place.height)] for place in sheet.places],
        [[port.key, *rounded(*port.at), int(port.enters)] for port in sheet.ports],
        [wire_row(wire) for wire in sheet.wires],
    ]


def wire_row(wire: Wire) -> list[Any]:
    line = rounded(*[x for point in wire.points for x in point])
    return [wire.source, wire.target, wire.edges, line, wire.label and rounded(*wire.label), wire.enters + 2 * wire.leaves]


def rounded(*numbers: float) -> list[float]:
    """Pixels to a tenth, whole ones as integers: two thirds of the bytes."""
    return [int(x) if x.is_integer() else x for x in [round(float(x), 1) for x in numbers]]


BORDER = '<rect x="2" y="3" width="40" height="18" rx="5"/>'
SHEETS = '<rect class="behind" x="5" y="6" width="37" height="17" rx="5"/><rect x="2" y="3" width="37" height="17" rx="5"/>'
SHAPES = {  # what it stands for -> how it is drawn, 44 by 24 pixels, and its classes
    "input": ('<ellipse cx="22" cy="12" rx="20" ry="9"/>', "node input"),
    "parameter": ('<polygon points="7,3 37,3 42,12 37,21 7,21 2,12"/>', "node parameter"),
    "constant": ('<polygon points="2,3 36,3 42,9 42,21 2,21"/>', "node constant"),
    "computation": (BORDER, "node computation"),
    "result": (BORDER + '<rect x="5" y="6" width="34" height="12" rx="4"/>', "node computation"),
    "folded box": (SHEETS, "box call"),
}


def legend(graph: Graph, direction: str) -> str:
    """The shapes and the two colours that this graph has, explained."""
    seen = {node.kind for node in graph.nodes}
    seen |= {"folded box"} if graph.boxes else set()
    seen |= {"result"} if any([node.output for node in graph.nodes]) else set()
    entries = [entry(drawing, classes, name) for name, (drawing, classes) in SHAPES.items() if name in seen]
    down, of, by = direction == "down", graph.of or "the result", graph.by or "the input"
    for role, sign, says, modes in (
        ("local", "0.5", "derivative of a node by its operand", ("forward", "reverse", "both")),
        ("tangent", f"0.5 {FORWARD[down]}", f"forward: derivative by {by}", ("forward", "both")),
        ("gradient", f"0.5 {BACKWARD[down]}", f"backward: derivative of {of}", ("reverse", "both")),
    ):
        if graph.mode in modes:
            entries.append(entry(f'<text class="{role}" x="22" y="16">{sign}</text>', "", says))
    return "\n".join(entries)


def entry(drawing: str, classes: str, says: str) -> str:
    return f'<p><svg viewBox="0 0 46 24" aria-hidden="true"><g class="{classes}">{drawing}</g></svg> {escape(says)}</p>'
