"""`png(graph)` and `pdf(graph)`: the picture that `svg` draws, through matplotlib (`pip install "ftrans[draw]"`)."""

from __future__ import annotations

import importlib.util
import io
import warnings
from typing import Any

from ..core.lazy import Lazy
from ..errors import UnsupportedError, at_line
from .geometry import Sheet
from .graph import Graph
from .scene import BACK, Line, Mark, Scene, Shape, Text, arrowhead, heading_text
from .svg import scene_of
from .text import FAMILY

# matplotlib takes 0.3 s to import, which most pictures do not need
rc_context = Lazy("matplotlib", "rc_context")
FigureCanvasAgg = Lazy("matplotlib.backends.backend_agg", "FigureCanvasAgg")
FigureCanvasPdf = Lazy("matplotlib.backends.backend_pdf", "FigureCanvasPdf")
Figure = Lazy("matplotlib.figure", "Figure")
Ellipse, FancyBboxPatch = Lazy("matplotlib.patches", "Ellipse"), Lazy("matplotlib.patches", "FancyBboxPatch")
PathPatch, Polygon = Lazy("matplotlib.patches", "PathPatch"), Lazy("matplotlib.patches", "Polygon")
Path = Lazy("matplotlib.path", "Path")

INCH = 96.0  # CSS pixels
POINT = 0.75  # points in a CSS pixel


def png(
    graph: Graph,
    sheets: dict[str, Sheet] | None = None,
    *,
    open_boxes: set[str] | None = None,
    fold: int = 60,
    direction: str = "right",
    digits: int = 4,
    dpi: float = 144,
) -> bytes:
    """The picture as PNG. The options are those of `svg`; dpi: pixels for each inch, of which a picture has one for every 96 units.

    >>> png(ft.draw(lambda x: 2 * x)(3.0).graph)[:4]
    b'\\x89PNG'
    """
    return drawn("png", dpi, graph, sheets, open_boxes, fold, direction, digits)


def pdf(
    graph: Graph,
    sheets: dict[str, Sheet] | None = None,
    *,
    open_boxes: set[str] | None = None,
    fold: int = 60,
    direction: str = "right",
    digits: int = 4,
) -> bytes:
    """The picture as PDF, with its text as text. The options are those of `svg`.

    >>> pdf(ft.draw(lambda x: 2 * x)(3.0).graph)[:4]
    b'%PDF'
    """
    return drawn("pdf", 72, graph, sheets, open_boxes, fold, direction, digits)


def installed() -> bool:
    """Whether matplotlib is there, without importing it."""
    return importlib.util.find_spec("matplotlib") is not None


def drawn(ending: str, dpi: float, graph: Graph, *options: Any) -> bytes:
    if not installed():
        raise UnsupportedError(
            at_line(
                f"{ending.upper()} is drawn by matplotlib, which is not installed", hint='pip install "ftrans[draw]", or write SVG'
            )
        )
    scene = scene_of(graph, *options)
    dpi = min(dpi, 30000 * INCH / max(scene.width, scene.height))  # larger images are more than matplotlib can draw
    figure = Figure(figsize=(scene.width / INCH, scene.height / INCH), dpi=dpi, facecolor=BACK)
    canvas = FigureCanvasAgg(figure) if ending == "png" else FigureCanvasPdf(figure)
    axes = figure.add_axes((0, 0, 1, 1), xlim=(0, scene.width), ylim=(scene.height, 0))
    axes.set_axis_off()
    draw_scene(axes, scene)
    buffer = io.BytesIO()
    with rc_context({"pdf.fonttype": 42}), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing", UserWarning)  # as docs/pictures.md says: such letters are empty boxes
        canvas.print_figure(
            buffer, dpi=dpi, format=ending, facecolor=BACK, metadata={} if ending == "png" else {"CreationDate": None}
        )
    return buffer.getvalue()


def draw_scene(axes: Any, scene: Scene) -> None:
    for panel in scene.panels:
        draw(axes, heading_text(panel), panel.x, panel.y)
        for group in panel.groups:
            for mark in group.marks:
                draw(axes, mark, panel.x, panel.y)
    for mark in scene.legend:
        draw(axes, mark, 0.0, 0.0)


def draw(axes: Any, mark: Mark, x: float, y: float) -> None:
    """One mark, moved by (x, y)."""
    if isinstance(mark, Text):
        look = {"weight": "bold" if mark.bold else "normal", "style": "italic" if mark.slanted else "normal"}
        anchor = {"start": "left", "middle": "center", "end": "right"}[mark.anchor]
        turned = {"rotation": 90, "rotation_mode": "anchor"} if mark.turn else {}
        text = mark.text.replace("$", r"\$")  # not a formula
        axes.text(
            mark.x + x, mark.y + y, text, color=mark.colour, size=mark.size * POINT, ha=anchor, va="baseline",
            family=FAMILY.split(", ")[:1], **look, **turned,
        )  # fmt: skip
    elif isinstance(mark, Line):
        points = [(px + x, py + y) for px, py in mark.points]
        codes = [Path.MOVETO] + [Path.CURVE4] * (len(points) - 1)
        style = {"facecolor": "none", "edgecolor": mark.stroke, "linewidth": mark.thick * POINT, "capstyle": "butt"}
        axes.add_patch(PathPatch(Path(points, codes), **style))
        if mark.arrow:
            axes.add_patch(Polygon([(px + x, py + y) for px, py in arrowhead(mark)], facecolor=mark.stroke, edgecolor="none"))
    else:
        axes.add_patch(patch(mark, x, y))


def patch(s: Shape, x: float, y: float) -> Any:
    style: dict[str, Any] = {"facecolor": s.fill, "edgecolor": s.stroke, "linewidth": s.thick * POINT}
    style["linestyle"] = (0, (4, 2.4)) if s.dash else "solid"
    if s.kind == "ellipse":
        return Ellipse((s.x + x + s.width / 2, s.y + y + s.height / 2), s.width, s.height, **style)
    if s.kind == "polygon":
        return Polygon([(px + x, py + y) for px, py in s.points], joinstyle="miter", **style)
    corners = f"round,pad=0,rounding_size={s.round}"
    return FancyBboxPatch((s.x + x, s.y + y), s.width, s.height, boxstyle=corners, **style)
