"""The words of a picture: `number`, `summary`, the lines on a node and beside an edge, and how wide they are.

    >>> number(0.794129628), number(33.0), number(1.2e-5)
    ('0.7941', '33', '1.2e-05')
    >>> value_text(np.array([0.5, -0.25]))
    '[0.5 -0.25]'

All writers (SVG, PNG, DOT, HTML) take their text from here, so that a picture says the same in every format.
"""

from __future__ import annotations

import unicodedata
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from ..core.aval import Aval
from .graph import Box, Graph, Node

FONT = "DejaVu Sans"  # the widest of the FAMILY, and what matplotlib brings along: text measured in it fits in the others
FAMILY = "DejaVu Sans, Verdana, Helvetica, Arial, sans-serif"
LINE = 1.3  # height of a line in units of the font size
BOLD = 1.15  # width of bold text in units of plain text, in DejaVu Sans
LONGEST = 40  # characters of a line; what is longer is cut, and shown in full by the title of the node
SPELLED = 4  # an array of at most so many elements is spelled out

# Widths of characters of DejaVu Sans 2.37, in hundredths of the font size.
WIDTHS = {
    c: width / 100
    for width, characters in {
        28: "'ijl", 30: "IJ", 32: " ,.·", 34: "/:;\\|", 36: "f-", 40: "()[]t!²³ⁿ¹₀₁₂ᵀ", 46: 'r"', 53: "*_`°sz∂?⁻", 55: "cεζ",
        58: "FkχL",
        60: "vxyγλŷPπτ", 63: "TYaoδθeESbdghnpquηρσΣ", 64: "$0123456789{}βμ√", 67: "Kαφψ∑", 70: "AVΔBRXZC", 76: "UHNΩ∏", 79: "DG&OQ",
        84: "w∞#+<=>^~ω×−÷≤≥≠→←↑↓", 87: "M∈", 100: "%mW@…",
    }.items()
    for c in characters
}  # fmt: skip


class Line(NamedTuple):
    """A line of text on a node. role: `name`, `value`, `tangent` or `gradient`."""

    text: str
    role: str


SIZES = {"name": 13.0, "value": 12.0, "tangent": 12.0, "gradient": 12.0}
EDGE_SIZE = 11.0
ROLES = {"forward": ("value", "tangent"), "reverse": ("value", "gradient"), "values": ("value",), "shapes": ()}


def width_of(text: str, size: float, bold: bool = False) -> float:
    """How wide a text is in pixels, in a font of this size in pixels.

    >>> width_of("", 12.0), width_of("00", 100.0)
    (0.0, 128.0)
    """
    units = sum([WIDTHS.get(c) or (1.0 if unicodedata.east_asian_width(c) in "WF" else 0.7) for c in text])
    return units * size * (BOLD if bold else 1.0)


def cut(text: str, longest: int = LONGEST) -> str:
    """A text on one line of at most so many characters.

    >>> cut("a + b"), cut("x" * 9, 5)
    ('a + b', 'xxxx…')
    """
    text = " ".join(text.split())
    return text if len(text) <= longest else text[: longest - 1] + "…"


def counted(n: int, noun: str) -> str:
    """A number of things.

    >>> counted(1, "node"), counted(2, "node"), counted(3, "box")
    ('1 node', '2 nodes', '3 boxes')
    """
    return f"{n} {noun}" if n == 1 else f"{n} {noun}{'es' if noun.endswith('x') else 's'}"


def number(x: Any, digits: int = 4) -> str:
    """A scalar with so many significant digits. Integers, and floats with an integer value below 10 million, are exact.

    >>> [number(x) for x in (True, 60965224, 12345.678, -0.25, np.float32("nan"), 1.5 - 2j)]
    ['True', '60965224', '12346', '-0.25', 'nan', '1.5-2j']
    """
    if isinstance(x, bool | np.bool_):
        return str(bool(x))
    if isinstance(x, int | np.integer):
        return str(int(x))
    if isinstance(x, complex | np.complexfloating):
        imaginary = number(float(x.imag), digits)
        return number(float(x.real), digits) + ("" if imaginary.startswith("-") else "+") + imaginary + "j"
    x = float(x)
    if x.is_integer() and abs(x) < 1e7:
        return f"{x + 0.0:.0f}"  # without the sign of -0.0
    if 10**digits <= abs(x) < 1e6:
        return f"{x:.0f}"
    return f"{x:.{digits}g}"


def value_text(x: Any, digits: int = 4, longest: int = LONGEST) -> str:
    """What to write for a value: a number, the elements of a small vector, or the range of an array and how many are nan.

    longest: vectors that take more characters than this are not spelled out.

    >>> value_text(np.arange(12.0)), value_text(np.ones((3, 4))), value_text(np.zeros((0, 2)))
    ('0 … 11', 'all 1', 'empty')
    >>> value_text(np.array([1, np.nan, 2, np.inf, 4, 5]))
    '1 … inf, 1 nan'
    """
    x = np.asarray(x)
    if x.ndim == 0:
        return number(x[()], digits) if x.dtype.kind in "biufc" else cut(str(x[()]))
    if x.size == 0:
        return "empty"
    if x.dtype.kind not in "biufc":
        return cut(str(x.ravel()[0]) + " …")
    if x.ndim == 1 and x.size <= SPELLED:
        spelled = "[" + " ".join([number(v, digits) for v in x]) + "]"
        if len(spelled) <= longest:
            return spelled
    if x.dtype.kind == "b":
        return f"{int(x.sum())} of {x.size} True"
    if x.dtype.kind == "c":
        return "|.| " + value_text(np.abs(x).reshape(1, -1), digits)
    missing = np.isnan(x)
    nans = int(missing.sum())
    if nans == x.size:
        return "all nan"
    low, high = x[~missing].min(), x[~missing].max()
    text = f"all {number(low, digits)}" if low == high and not nans else f"{number(low, digits)} … {number(high, digits)}"
    return text + (f", {nans} nan" if nans else "")


@lru_cache(maxsize=4096)
def type_text(aval: Aval) -> str:
    """`f64[2,3]`.

    >>> from ftrans.core.aval import aval
    >>> type_text(aval((2, 3), "float64"))
    'f64[2,3]'
    """
    return repr(aval).removeprefix("weak ")


def summary(x: Any, aval: Aval | None = None, digits: int = 4) -> str:
    """Shape, dtype and what `value_text` says; a scalar is only its number. `aval` alone, where there is no value (None).

    >>> from ftrans.core.aval import aval
    >>> summary(np.array([[0.5, 2.0], [1.0, -1.0]], np.float32), aval((2, 2), "float32"))
    'f32[2,2]  -1 … 2'
    >>> summary(None, aval((3,), "int64")), summary(2.0, aval((), "float64"))
    ('i64[3]', '2')
    """
    kind = type_text(aval) if aval is not None else ""
    if x is None:
        return kind
    text = value_text(x, digits, LONGEST - len(kind) - 2)
    return f"{kind}  {text}" if np.ndim(x) and kind else text


def derivative(graph: Graph, role: str, name: str) -> str:
    """How a derivative of or by `name` is written: `∂e/∂c` for a gradient, `∂c/∂b` for a tangent."""
    name = cut(name, 14) or "·"
    return f"∂{graph.of or '·'}/∂{name}" if role == "gradient" else f"∂{name}/∂{graph.by or '·'}"


def derivative_line(graph: Graph, role: str, name: str, value: Any, digits: int) -> Line:
    """`∂e/∂c = 2`."""
    start = f"{derivative(graph, role, name)} = "
    return Line(cut(start + value_text(value, digits, LONGEST - len(start))), role)


def sides(graph: Graph) -> tuple[str, ...]:
    """The panels of a picture: forward and reverse for mode "both", else one."""
    return ("forward", "reverse") if graph.mode == "both" else (graph.mode,)


def node_lines(graph: Graph, node: Node, side: str, digits: int = 4) -> list[Line]:
    """What is written on a node: what it is, its value, and its tangent (side "forward") or gradient ("reverse").

    >>> graph = ft.draw(lambda x: 2 * x)(3.0).graph
    >>> [line.text for line in node_lines(graph, graph.nodes[0], "reverse")]
    ['x', '3', '∂result/∂x = 2']
    """
    parts = [part for part in (node.name, node.text or ("" if node.name else node.op)) if part]
    lines = [Line(cut(" = ".join(parts) or node.kind), "name")]
    values = {"value": node.value, "tangent": node.tangent, "gradient": node.gradient}
    lines += [Line(cut(summary(node.value, node.aval, digits)), "value")]
    for role in ROLES[side][1:]:
        if values[role] is not None:
            lines.append(derivative_line(graph, role, node.name, values[role], digits))
    return lines


def box_lines(graph: Graph, box: Box, count: int, returned: list[Node], side: str, digits: int = 4) -> list[Line]:
    """What is written on a folded box: its label, how many nodes are in it, and what it returns, if that is one value."""
    lines = [Line(cut(box.label), "name")]
    nodes = counted(count, "node")
    if len(returned) != 1:
        return [*lines, Line(nodes + (f", {len(returned)} results" if returned else ""), "value")]
    node = returned[0]
    name = box.name or node.name
    lines.append(Line(nodes, "value"))
    lines.append(Line(cut(f"{name} = " * bool(name) + summary(node.value, node.aval, digits)), "value"))
    for role in ROLES[side][1:]:
        derived = getattr(node, role)
        if derived is not None:
            lines.append(derivative_line(graph, role, name, derived, digits))
    return lines


def edge_texts(graph: Graph, number_of_edge: int, side: str, digits: int = 4, hidden: bool = False) -> tuple[str, str]:
    """What is written at an edge: its local derivative, and the gradient (side "reverse") or tangent ("forward") along it.

    hidden: the edge ends in a folded box, so that a reader does not see of what operation the local derivative would be; nor is a
    tangent along it one of what the reader sees.
    """
    edge = graph.edges[number_of_edge]
    if side not in ("forward", "reverse"):
        return "", ""
    if hidden:
        return "", "" if side == "forward" or edge.gradient is None else value_text(edge.gradient, digits, 16)
    moved = edge.gradient if side == "reverse" else edge.tangent
    return tuple("" if x is None else value_text(x, digits, 16) for x in (edge.local, moved))  # type: ignore[return-value]
