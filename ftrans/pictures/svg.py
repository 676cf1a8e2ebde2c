"""`svg(graph)`: the picture as a standalone SVG file, which programs can read as well as people.

Its structure is that of graphviz's SVG: `<g class="node computation" id="n2">` and `<g class="edge" id="e1">`, each with a
`<title>`, `b->c` for an edge. The numbers are in attributes, to their last digit: `data-name`, `data-value`, `data-gradient` and
`data-tangent` of nodes, `data-source`, `data-target`, `data-index`, `data-local`, `data-gradient` and `data-tangent` of edges.
"""

from __future__ import annotations

from typing import Any
from xml.sax.saxutils import escape, quoteattr

import numpy as np

from .geometry import Sheet
from .graph import Graph
from .layout import layout
from .nesting import folded, nest
from .scene import BACK, Group, Line, Mark, Panel, Scene, Shape, arrowhead, heading_text
from .text import FAMILY, summary

HEAD = """\
<svg xmlns="http://www.w3.org/2000/svg" class="ftrans" width="{w}" height="{h}" viewBox="0 0 {w} {h}" font-family="{family}">
<title>{title}</title>
"""


def svg(
    graph: Graph,
    sheets: dict[str, Sheet] | None = None,
    *,
    open_boxes: set[str] | None = None,
    fold: int = 60,
    direction: str = "right",
    digits: int = 4,
) -> str:
    """The picture of a graph as SVG (XML text).

    sheets: where everything is (`layout`), if that is computed already; with the same direction and digits.
    open_boxes: the boxes drawn open; chosen by `fold` if not given.
    fold: at most so many nodes and folded boxes show: boxes are opened from the outside in, smaller ones first, while that holds.
        Where a level holds half as many more by itself, neighbours in the order of computation are put in boxes first
        (`nesting.with_parts`).
    direction: where data flows, "right" or "down"; digits: significant digits of the numbers in view.

    >>> import re
    >>> text = svg(ft.draw(lambda x: 2 * x)(3.0).graph)
    >>> '<g class="node input" id="n0" data-name="x" data-value="3.0"' in text
    True
    >>> re.findall('data-source="(.*?)" .* data-local="(.*?)" data-gradient="(.*?)"', text)
    [('x', '2.0', '2.0')]
    """
    scene = scene_of(graph, sheets, open_boxes, fold, direction, digits)
    parts = [HEAD.format(w=digit(scene.width), h=digit(scene.height), family=FAMILY, title=escape(clean(graph.title)))]
    parts.append(f'<rect class="background" width="100%" height="100%" fill="{BACK}"/>\n')
    several = len(scene.panels) > 1
    for panel in scene.panels:
        parts += panel_text(panel, f"{panel.side}-" if several else "")
    parts += ['<g class="legend">\n', *[mark_text(mark) for mark in scene.legend], "</g>\n</svg>\n"]
    return "".join(parts)


def scene_of(
    graph: Graph, sheets: dict[str, Sheet] | None, open_boxes: set[str] | None, fold: int, direction: str, digits: int
) -> Scene:
    """The scene of these options: folded and laid out as far as they leave that open."""
    if sheets is not None:
        return Scene(graph, nest(graph), sheets, direction, digits)
    graph, found, opened = folded(graph, open_boxes, fold)
    return Scene(graph, found, layout(graph, opened, direction, digits, found), direction, digits)


def panel_text(panel: Panel, prefix: str) -> list[str]:
    where = f'transform="translate({digit(panel.x)} {digit(panel.y)})"'
    parts = [f'<g class="panel {panel.side}" {where}>\n', mark_text(heading_text(panel))]
    for group in panel.groups:
        parts += group_text(group, prefix)
    return [*parts, "</g>\n"]


def group_text(group: Group, prefix: str) -> list[str]:
    data = "".join([f" data-{key}={quoteattr(exact(value))}" for key, value in group.data.items() if value is not None])
    start = f'<g class="{group.kind}" id="{prefix}{group.key}"{data}>\n<title>{escape(clean(group.title))}</title>\n'
    return [start, *[mark_text(mark) for mark in group.marks], "</g>\n"]


def exact(value: Any) -> str:
    """A value for programs: a scalar to its last digit, an array by shape, dtype and range."""
    if isinstance(value, str):
        return clean(value)
    if np.ndim(value) == 0:
        return repr(np.asarray(value).item())
    array = np.asarray(value)
    return f"{array.dtype}{list(array.shape)} {summary(array, digits=17)}"


def clean(text: str) -> str:
    """A text without the control characters that XML forbids."""
    return "".join([c if c >= " " or c in "\n\t" else "\ufffd" for c in text])


def digit(x: float) -> str:
    """A coordinate to a hundredth of a pixel, written shortly."""
    return f"{x:.2f}".rstrip("0").rstrip(".")


def pair(point: tuple[float, float]) -> str:
    return f"{digit(point[0])},{digit(point[1])}"


def mark_text(mark: Mark) -> str:
    if isinstance(mark, Shape):
        return shape_text(mark)
    if isinstance(mark, Line):
        return line_text(mark)
    style = ' font-weight="bold"' * mark.bold + ' font-style="italic"' * mark.slanted
    turned = f' transform="rotate(-90 {digit(mark.x)} {digit(mark.y)})"' if mark.turn else ""
    where = f'x="{digit(mark.x)}" y="{digit(mark.y)}" text-anchor="{mark.anchor}"'
    look = f'font-size="{digit(mark.size)}" fill="{mark.colour}"{style}{turned} xml:space="preserve"'
    return f"<text {where} {look}>{escape(clean(mark.text))}</text>\n"


def shape_text(s: Shape) -> str:
    style = f'fill="{s.fill}" stroke="{s.stroke}" stroke-width="{digit(s.thick)}"' + ' stroke-dasharray="5 3"' * s.dash
    if s.kind == "ellipse":
        rx, ry = s.width / 2, s.height / 2
        where = f'cx="{digit(s.x + rx)}" cy="{digit(s.y + ry)}" rx="{digit(rx)}" ry="{digit(ry)}"'
    elif s.kind == "polygon":
        where = f'points="{" ".join([pair(point) for point in s.points])}"'
    else:
        where = f'x="{digit(s.x)}" y="{digit(s.y)}" width="{digit(s.width)}" height="{digit(s.height)}" rx="{digit(s.round)}"'
    return f"<{s.kind} {where} {style}/>\n"


def line_text(line: Line) -> str:
    steps = [f"C{' '.join([pair(p) for p in line.points[k : k + 3]])}" for k in range(1, len(line.points), 3)]
    look = f'fill="none" stroke="{line.stroke}" stroke-width="{digit(line.thick)}"'
    path = f'<path d="M{pair(line.points[0])}{"".join(steps)}" {look}/>\n'
    if not line.arrow:
        return path
    return path + f'<polygon points="{" ".join([pair(point) for point in arrowhead(line)])}" fill="{line.stroke}"/>\n'
