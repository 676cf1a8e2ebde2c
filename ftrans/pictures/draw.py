"""`ft.draw(f)(*args)`: the computation graph of a function as a picture, with its values, derivatives and gradients.

picture = ft.draw(f)(2.0, 1.0)              # in a notebook it shows itself
picture.save("graph.svg")                   # or .png .pdf .dot .gv .html
picture.graph.node("c").gradient            # the numbers in it
ft.draw(f, out="graph.html")(2.0, 1.0)      # a page to fold, search and step through
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .. import pytree
from ..core.jaxpr import ClosedJaxpr, Jaxpr
from ..core.wrap import named_like
from ..errors import ArgumentError, at_line, shown
from .arguments import Options
from .build import graph_of, graph_of_jaxpr
from .dot import dot
from .graph import Graph
from .html import html
from .png import pdf, png
from .svg import svg
from .text import counted

ENDINGS = (".svg", ".png", ".pdf", ".dot", ".gv", ".html")
DIRECTIONS = ("right", "down")


@dataclass(frozen=True)
class Look:
    """How a picture is drawn. See `draw` for the meaning of each."""

    fold: int = 60
    unfold: str | Sequence[str] | None = None
    direction: str = "right"
    digits: int = 4

    def check(self) -> None:
        """Raise where they make no sense."""
        if self.direction not in DIRECTIONS:
            raise ArgumentError(at_line(f"draw: there is no direction {shown(self.direction)}", hint='it is "right" or "down"'))
        for name, least in (("fold", 1), ("digits", 1)):
            value = getattr(self, name)
            if type(value) is not int or value < least:
                raise ArgumentError(at_line(f"draw: {name}= must be an int of at least {least}, got {shown(value)}"))

    def given(self) -> dict[str, Any]:
        """The options that every writer takes."""
        return {"fold": self.fold, "direction": self.direction, "digits": self.digits}


class Picture:
    """A drawn graph: `graph` has the nodes, edges, boxes and numbers; the methods give it in every format.

    >>> picture = draw(lambda a, b: (a + b) * (b + 1))(2.0, 1.0)
    >>> picture
    <picture of <lambda>: 5 nodes, 5 edges, reverse>
    >>> float(picture.graph.node("b").gradient)
    5.0
    """

    def __init__(self, graph: Graph, look: Look) -> None:
        self.graph, self.look = graph, look

    def __repr__(self) -> str:
        g = self.graph
        counts = [counted(len(g.nodes), "node"), counted(len(g.edges), "edge")] + [counted(len(g.boxes), "box")] * bool(g.boxes)
        given = [n.aval for n in g.nodes if n.kind in ("input", "parameter")]
        integers = given and g.mode == "values" and not any([a.inexact for a in given])
        hint = " (integers have no derivative: write 2.0 for 2)" if integers else ""
        return f"<picture of {g.title}: {', '.join(counts)}, {g.mode}{hint}>"

    def svg(self) -> str:
        """The picture as SVG, text for a file of its own.

        >>> draw(lambda x: x * x)(3.0).svg().startswith("<svg")
        True
        """
        return svg(self.graph, open_boxes=opened(self.graph, self.look.unfold), **self.look.given())

    def dot(self) -> str:
        """The graph in the DOT language of graphviz, with the labels, colours and folds of the picture.

        >>> "digraph" in draw(lambda x: x * x)(3.0).dot()
        True
        """
        return dot(self.graph, open_boxes=opened(self.graph, self.look.unfold), **self.look.given())

    def png(self, dpi: int = 144) -> bytes:
        """The picture as PNG, `dpi` pixels to the inch. Needs matplotlib: pip install "ftrans[draw]"."""
        return png(self.graph, open_boxes=opened(self.graph, self.look.unfold), dpi=dpi, **self.look.given())

    def pdf(self) -> bytes:
        """The picture as PDF. Needs matplotlib: pip install "ftrans[draw]"."""
        return pdf(self.graph, open_boxes=opened(self.graph, self.look.unfold), **self.look.given())

    def html(self) -> str:
        """A page that needs nothing else: pan, zoom, fold, search, and step through the forward and the backward sweep.

        >>> draw(lambda x: x * x)(3.0).html().startswith("<!DOCTYPE html>")
        True
        """
        return html(self.graph, open_boxes=opened(self.graph, self.look.unfold), **self.look.given())

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the picture to a file in the format of its ending: .svg, .png, .pdf, .dot, .gv or .html."""
        ending = ending_of(path)
        method = {".gv": "dot"}.get(ending, ending[1:])
        content = getattr(self, method)()
        if isinstance(content, str):
            Path(path).write_text(content, encoding="utf-8")
        else:
            Path(path).write_bytes(content)

    def _repr_svg_(self) -> str:
        """What notebooks show."""
        return self.svg()


def draw(
    fun: Any = None,
    *,
    mode: str | None = None,
    by: str | int | None = None,
    tangents: Any = None,
    parameters: str | int | Sequence[str | int] | None = None,
    fold: int = 60,
    unfold: str | Sequence[str] | None = None,
    direction: str = "right",
    digits: int = 4,
    title: str | None = None,
    out: str | os.PathLike[str] | None = None,
) -> Any:
    """The function that draws the computation graph of `fun`: `ft.draw(f)(*args)` is a `Picture`; so is `ft.draw(jaxpr)`.

    A node for each value that the result depends on, with the user's name for it. A box that folds for each call of a function
    of the user's, each loop and each pass of it, and each branch that an `if` on a traced value took. Numbers in the program
    stand in the expressions; arrays from outside `fun` are constants. `Picture.graph` is the graph with all its numbers.

    mode: what is computed and shown. "shapes": nothing. "values": the values. "forward": also how they move when `by` moves.
        "reverse": also the gradient of the result, which must be one real scalar, by each of them. "both". If not given:
        "reverse" where the result is a real scalar and an input is real, else "values"; "forward" with `by` or `tangents`;
        "shapes" for jaxprs and where an argument is a `ShapeDtypeStruct`.
    by: what moves in forward mode: an input by its name (`"b"`, `"params['w1']"`), or an argument by name or position. Every
        element of an array moves by 1. If not given: the first real input.
    tangents: a direction for forward mode instead of `by`: one for each positional argument, as in `ft.jvp`.
    parameters: the arguments drawn as parameters, by name or position; if not given, those that are trees (dicts, layers).
    fold: boxes are folded until at most so many nodes and boxes show; half as many more on one level are still shown whole, and a
        level with more is cut into parts. Functions and layers of `ft.nn` are folded in any case.
    unfold: the boxes to draw open instead, by label, name or key, or "all".
    direction: where data flows, "right" or "down".
    digits: significant digits of the numbers in view.
    title: the title, instead of the name of `fun`.
    out: a file to save every picture to, in the format of its ending.

    Errors: ArgumentError for wrong options; DifferentiationError where the mode needs a scalar result and there is none. What
    `fun` raises passes through. While `fun` runs, a profile function of ours (`sys.setprofile`) takes the place of others in
    this thread.

    Gradients are those of `ft.grad`, tangents those of `ft.jvp`; constants have none. A local derivative is None where it is
    not one number for each element (sums, products of matrices), and for results of more than 10,000 elements.

    >>> def e(a, b):
    ...     c, d = a + b, b + 1
    ...     return c * d
    >>> graph = draw(e, mode="both", by="b")(2.0, 1.0).graph
    >>> [(n.name, n.text, float(n.value), float(n.tangent), float(n.gradient)) for n in graph.nodes if n.name in ("c", "d")]
    [('c', 'a + b', 3.0, 1.0, 2.0), ('d', 'b + 1', 2.0, 1.0, 3.0)]
    >>> float(graph.edge("c", graph.nodes[-1].key).local)
    2.0
    """
    options = Options(mode, by, tangents, parameters)
    look = Look(fold, unfold, direction, digits)
    options.check()
    look.check()
    if out is not None:
        ending_of(out)

    def finished(graph: Graph) -> Picture:
        if title is not None:
            graph.title = title
        picture = Picture(graph, look)
        opened(graph, unfold)
        if out is not None:
            picture.save(out)
        return picture

    def drawing_of(f: Any) -> Any:
        if isinstance(f, ClosedJaxpr | Jaxpr):
            return finished(graph_of_jaxpr(f if isinstance(f, ClosedJaxpr) else ClosedJaxpr(f, []), options))
        check_callable(f)

        def drawn(*args: Any, **kwargs: Any) -> Picture:
            if pytree.structure(f) is not pytree.LEAF:  # a layer: what it holds are its parameters
                return finished(graph_of(type(f).__call__, (f, *args), kwargs, options))
            return finished(graph_of(f, args, kwargs, options))

        named_like(f, "draw")(drawn)
        return drawn

    decorator: Callable[[Any], Any] = drawing_of
    return decorator if fun is None else drawing_of(fun)


def check_callable(f: Any) -> None:
    """Raise unless f is a function."""
    if not callable(f):
        raise ArgumentError(
            at_line(
                f"draw expects a function or a jaxpr, got {shown(f)} of type {type(f).__name__}",
                hint="write draw(f)(x), not draw(f(x))",
            )
        )


def ending_of(path: str | os.PathLike[str]) -> str:
    """The ending of a file name, which says the format."""
    ending = Path(path).suffix.lower()
    if ending not in ENDINGS:
        hint = f"its ending should be one of {', '.join(ENDINGS)}"
        raise ArgumentError(at_line(f"draw: {os.fspath(path)!r} says no format", hint=hint))
    return ending


def opened(graph: Graph, unfold: str | Sequence[str] | None) -> set[str] | None:
    """The keys of the boxes to draw open, with those around them; None leaves it to `fold`."""
    if unfold is None:
        return None
    if unfold == "all" or (not isinstance(unfold, str) and "all" in unfold):
        return {b.key for b in graph.boxes}
    boxes = {b.key: b for b in graph.boxes}
    found: set[str] = set()
    for wanted in [unfold] if isinstance(unfold, str) else unfold:
        chosen = [b for b in graph.boxes if wanted in (b.key, b.label, b.name, b.label.partition(" ")[0] if b.known else b.key)]
        if not chosen:
            known = ", ".join(dict.fromkeys([b.label for b in graph.boxes]))
            hint = f"its boxes are {known}" if known else "it has no boxes"
            raise ArgumentError(at_line(f"draw: unfold={wanted!r} is no box of the graph", hint=hint))
        for b in chosen:
            while b.key not in found:
                found.add(b.key)
                b = boxes.get(b.parent, b)
    return found


__all__ = ["Picture", "draw"]
