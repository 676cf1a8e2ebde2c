"""Loops of kernels that are no element-by-element nests: axes of arrays joined to loops, and the `Nest` that these make.

loops = [*joined(batch_axes), rows, columns]      # a loop is a list of axes that every operand walks in one stride
nest = nest_of(loops, ["float64", "float64"])
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from .loops import Operand
from .nest import Nest


class Axis(NamedTuple):
    """One axis of an iteration: its size, and for every operand which of its axes it is, or None."""

    size: int
    places: tuple[int | None, ...]


Loop = list[Axis]
"""Axes in one loop, outermost first. A loop without any runs once, and nothing moves."""


def joined(axes: Iterable[Axis]) -> list[Loop]:
    """Axes as few loops: neighbours that come right after each other in every operand are one. Axes of size 1 are left out."""
    loops: list[Loop] = []
    for axis in axes:
        if axis.size == 1:
            continue
        if loops and all([follows(p, q) for p, q in zip(loops[-1][-1].places, axis.places, strict=True)]):
            loops[-1].append(axis)
        else:
            loops.append([axis])
    return loops


def follows(before: int | None, here: int | None) -> bool:
    """Whether one axis of an array comes right after another, or the array has neither."""
    return here is None if before is None else here == before + 1


def nest_of(loops: Sequence[Loop], dtypes: Sequence[str]) -> Nest:
    """The nest of these loops, with operands of these dtypes in any stride."""
    count = range(len(dtypes))
    walks = [tuple([number(loop[-1].places[n]) if loop else -1 for loop in loops]) for n in count]
    first = [tuple([number(loop[0].places[n]) if loop else -1 for loop in loops]) for n in count]
    operands = [
        Operand(dtype, tuple([k >= 0 for k in walk]), "s" if walk and walk[-1] >= 0 else "0")
        for dtype, walk in zip(dtypes, walks, strict=True)
    ]
    return Nest(
        sizes=tuple([math.prod([axis.size for axis in loop]) for loop in loops]),
        reduced=(False,) * len(loops),
        operands=tuple(operands),
        walks=tuple(walks),
        joined=tuple([any([len(loop) > 1 and loop[0].places[n] is not None for loop in loops]) for n in count]),
        first=tuple(first),
        extents=tuple([loop[0].size if loop else 1 for loop in loops]),
        units=tuple([math.prod([axis.size for axis in loop[1:]]) for loop in loops]),
    )


def number(place: int | None) -> int:
    """An axis as the run-time table has it."""
    return -1 if place is None else place
