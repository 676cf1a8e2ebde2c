"""From equations over one iteration space to a `Kernel`: which operand moves along which axis, and which axes are one loop.

`make_nest(...)` is given the shape that is iterated over and where every operand's axes lie in it; it drops axes of size 1, joins
neighbouring axes that all operands walk contiguously, sees to it that the innermost loop is not a short one, and says what the
run-time table holds.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from .loops import Inner, Operand

SHORT = 8  # the innermost loop is another than the last axis, if that has at most so many elements

Dims = tuple[int | None, ...]  # for every axis of the iteration space the operand's axis that walks it; None: broadcast


class Walk(NamedTuple):
    """How a view walks the array it looks at: for each axis of the view the array's axis or None, and the step along it; for each
    axis of the array the index at which it starts."""

    dims: Dims
    steps: tuple[int, ...]
    starts: tuple[int, ...]

    def through(self, inner: Walk) -> Walk:
        """The walk of a view of a view: this one looks at what `inner` gives."""
        starts = list(inner.starts)
        for k, start in enumerate(self.starts):
            if (d := inner.dims[k]) is not None:
                starts[d] += start * inner.steps[k]
        dims = tuple([None if d is None else inner.dims[d] for d in self.dims])
        steps = tuple([1 if d is None else s * inner.steps[d] for d, s in zip(self.dims, self.steps, strict=True)])
        return Walk(dims, steps, tuple(starts))


def plain_walk(dims: Dims, ndim: int) -> Walk:
    """A walk over whole axes."""
    return Walk(dims, (1,) * len(dims), (0,) * ndim)


@dataclass(frozen=True)
class Access:
    """One operand: its dtype, its shape, and how the iteration space walks it."""

    dtype: str
    shape: tuple[int, ...]
    walk: Walk

    @property
    def dims(self) -> Dims:
        return self.walk.dims

    @property
    def ndim(self) -> int:
        return len(self.shape)


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
    steps: tuple[tuple[int, ...], ...] = ()  # for each operand and loop axis how many elements of the array's axis it goes at once
    starts: tuple[tuple[int, ...], ...] = ()  # for each operand the index at which each axis of the array starts

    def __post_init__(self) -> None:
        if not self.first:  # nothing is joined
            object.__setattr__(self, "first", self.walks)
            object.__setattr__(self, "extents", self.sizes)
            object.__setattr__(self, "units", (1,) * len(self.sizes))
        if not self.steps:
            object.__setattr__(self, "steps", ((1,) * len(self.sizes),) * len(self.walks))
            object.__setattr__(self, "starts", ((),) * len(self.walks))

    @property
    def volume(self) -> int:
        """How many elements the loops run over."""
        return math.prod(self.sizes)

    def is_whole(self, n: int) -> bool:
        """Whether operand n is walked from the start, element by element."""
        return not any(self.starts[n]) and all([s == 1 for s in self.steps[n]])


def make_nest(shape: Sequence[int], reduced: Sequence[bool], accesses: Sequence[Access], plain: bool = False) -> Nest:
    """The loops over `shape` for these operands. plain: one loop for each axis, whatever its size, in their order."""
    groups: list[list[int]] = []  # axes of the iteration space that make one loop
    for k, n in enumerate(shape):
        if n == 1 and not plain:
            continue
        if (
            not plain
            and groups
            and reduced[k] == reduced[groups[-1][-1]]
            and all([joins(a, groups[-1][-1], k, shape) for a in accesses])
        ):
            groups[-1].append(k)
        else:
            groups.append([k])
    groups = groups if plain else innermost_long(groups, shape)
    sizes = [size_of(group, shape) for group in groups]
    inner = [group[-1] for group in groups]
    operands, walks, joined, first = [], [], [], []
    for a in accesses:
        walk = tuple([-1 if (d := a.dims[k]) is None else d for k in inner])
        operands.append(Operand(a.dtype, tuple([w >= 0 for w in walk]), stride_class(walk, a, inner)))
        walks.append(walk)
        first.append(tuple([-1 if (d := a.dims[g[0]]) is None else d for g in groups]))
        joined.append(any([len(g) > 1 and a.dims[g[-1]] is not None for g in groups]))
    loops_reduced = tuple([bool(reduced[g[-1]]) for g in groups])
    extents = tuple([shape[g[0]] for g in groups])
    units = tuple([size_of(g[1:], shape) for g in groups])
    steps = tuple([tuple([a.walk.steps[k] for k in inner]) for a in accesses])
    starts = tuple([a.walk.starts for a in accesses])
    return Nest(
        tuple(sizes), loops_reduced, tuple(operands), tuple(walks), tuple(joined), tuple(first), extents, units, steps, starts
    )


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


def joins(a: Access, outer: int, inner: int, shape: Sequence[int]) -> bool:
    """Whether an operand can walk two neighbouring axes in one loop (when it is contiguous)."""
    first, second = a.dims[outer], a.dims[inner]
    if first is None or second is None:
        return first is second
    whole = a.shape[second] == shape[inner] and a.walk.steps[outer] == a.walk.steps[inner] == 1
    return second == first + 1 and whole


def stride_class(walk: tuple[int, ...], a: Access, inner: Sequence[int]) -> Inner:
    """The innermost stride that a C-contiguous operand has."""
    if not walk or walk[-1] < 0:
        return "0"
    return "c" if walk[-1] == a.ndim - 1 and a.walk.steps[inner[-1]] == 1 else "s"
