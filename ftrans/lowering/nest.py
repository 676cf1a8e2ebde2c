"""From equations over one iteration space to a `Kernel`: which operand moves along which axis, and which axes are one loop.

`make_nest(...)` is given the shape that is iterated over and where every operand's axes lie in it; it drops axes of size 1, joins
neighbouring axes that all operands walk contiguously, sees to it that the innermost loop is not a short one, and says what the
run-time table holds.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from .loops import Inner, Operand

SHORT = 8  # the innermost loop is another than the last axis, if that has at most so many elements

Dims = tuple[int | None, ...]  # for every axis of the iteration space the operand's axis that walks it; None: broadcast


@dataclass(frozen=True)
class Access:
    """One operand: its dtype, its number of axes, and how the iteration space walks them."""

    dtype: str
    ndim: int
    dims: Dims


@dataclass(frozen=True)
class Nest:
    """A loop nest: `walks[n][k]` is the array axis of operand n that loop axis k walks, or -1."""

    sizes: tuple[int, ...]
    reduced: tuple[bool, ...]
    operands: tuple[Operand, ...]
    walks: tuple[tuple[int, ...], ...]
    joined: tuple[bool, ...]  # operands some of whose axes were joined: they have to be C-contiguous
    first: tuple[tuple[int, ...], ...] = ()  # as walks, but of joined axes the outermost
    extents: tuple[int, ...] = ()  # for each loop axis the size of its outermost axis
    units: tuple[int, ...] = ()  # and the number of iterations for each index of that

    def __post_init__(self) -> None:
        if not self.first:  # nothing is joined
            object.__setattr__(self, "first", self.walks)
            object.__setattr__(self, "extents", self.sizes)
            object.__setattr__(self, "units", (1,) * len(self.sizes))


def make_nest(shape: Sequence[int], reduced: Sequence[bool], accesses: Sequence[Access]) -> Nest:
    """The loops over `shape` for these operands."""
    groups: list[list[int]] = []  # axes of the iteration space that make one loop
    for k, n in enumerate(shape):
        if n == 1:
            continue
        if groups and reduced[k] == reduced[groups[-1][-1]] and all([joins(a, groups[-1][-1], k) for a in accesses]):
            groups[-1].append(k)
        else:
            groups.append([k])
    groups = innermost_long(groups, shape)
    sizes = [size_of(group, shape) for group in groups]
    inner = [group[-1] for group in groups]
    operands, walks, joined, first = [], [], [], []
    for a in accesses:
        walk = tuple([-1 if (d := a.dims[k]) is None else d for k in inner])
        operands.append(Operand(a.dtype, tuple([w >= 0 for w in walk]), stride_class(walk, a.ndim)))
        walks.append(walk)
        first.append(tuple([-1 if (d := a.dims[g[0]]) is None else d for g in groups]))
        joined.append(any([len(g) > 1 and a.dims[g[-1]] is not None for g in groups]))
    loops_reduced = tuple([bool(reduced[g[-1]]) for g in groups])
    extents = tuple([shape[g[0]] for g in groups])
    units = tuple([size_of(g[1:], shape) for g in groups])
    return Nest(tuple(sizes), loops_reduced, tuple(operands), tuple(walks), tuple(joined), tuple(first), extents, units)


def size_of(group: Sequence[int], shape: Sequence[int]) -> int:
    """How often a loop over these axes runs."""
    return math.prod([shape[k] for k in group])


def innermost_long(groups: list[list[int]], shape: Sequence[int]) -> list[list[int]]:
    """The loops with the longest one innermost, if the one there is short: entering a loop costs as much as 16 elements.

    Of points in space, (n, 3), the loop over n is the inner one: 3 to 6 times as fast, although it strides.
    """
    if len(groups) < 2 or size_of(groups[-1], shape) > SHORT:
        return groups
    best = max(groups, key=lambda g: (size_of(g, shape), g[0]))
    if size_of(best, shape) < 4 * size_of(groups[-1], shape):
        return groups
    return [*[g for g in groups if g is not best], best]


def joins(a: Access, outer: int, inner: int) -> bool:
    """Whether an operand can walk two neighbouring axes in one loop (when it is contiguous)."""
    first, second = a.dims[outer], a.dims[inner]
    if first is None or second is None:
        return first is second
    return second == first + 1


def stride_class(walk: tuple[int, ...], ndim: int) -> Inner:
    """The innermost stride that a C-contiguous operand has."""
    if not walk or walk[-1] < 0:
        return "0"
    return "c" if walk[-1] == ndim - 1 else "s"
