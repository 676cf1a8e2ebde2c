"""Read shifted, padded and joined arrays where they are, instead of making them: `fold_shifts(rows, make, avals, outs)`.

A roll, a pad, the gradient of a slice are arrays put together of parts: of other arrays, or of zeros. An elementwise kernel that
reads such an array is run on boxes, in each of which the array is one of its parts; the kernel is the same for all boxes, as only
addresses and sizes differ. The array itself is made only if something else reads it.

Precondition: a plan's rows (level, number, item). Postcondition: the same values, element by element. Several groups then write
one variable, each a box of it: they are marked as parts, which no pass may overwrite in place or split in blocks with others.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypeGuard

from ..core.aval import Aval, aval
from ..core.jaxpr import Eqn, new_variable
from ..ops.indexing import Put
from ..ops.structural import Concatenate, Convert
from .group import Box, Group, Maker, Part
from .loops import Kernel
from .nest import Walk
from .tape import Item

BOXES = 81  # that a kernel is run on at most
LEAST = 2048  # elements, from which on making an array costs more than running a kernel on a few boxes

Row = tuple[int, int, Item]
Range = tuple[int, int]


@dataclass
class Assembled:
    """An array that is put together: for each part the box that it fills (the last one wins), and the variable of it or None for
    the rest of the array; offsets and axes say how the part lies in the array."""

    parts: list[tuple[tuple[Range, ...], int, tuple[int | None, ...]]]

    def cuts(self, axis: int) -> set[int]:
        return {end for box, _, _ in self.parts for end in box[axis]}

    def part_at(self, corner: Sequence[int]) -> tuple[tuple[Range, ...], int, tuple[int | None, ...]]:
        """The part that an element belongs to."""
        return next(p for p in reversed(self.parts) if all([a <= c < b for c, (a, b) in zip(corner, p[0], strict=True)]))


def assembled(eqn: Eqn, avals: dict[int, Aval]) -> Assembled | None:
    """How an equation puts its result together, if it does so of boxes."""
    shape, op = avals[eqn.outs[0]].shape, eqn.op
    whole = tuple([(0, n) for n in shape])
    same = tuple(range(len(shape)))
    if isinstance(op, Concatenate):
        ends = list(itertools.accumulate([avals[v].shape[op.axis] for v in eqn.ins], initial=0))
        boxes = [(*whole[: op.axis], pair, *whole[op.axis + 1 :]) for pair in itertools.pairwise(ends)]
        return Assembled([(box, v, same) for box, v in zip(boxes, eqn.ins, strict=True)])
    if isinstance(op, Put):
        box: list[Range] = []
        kept: list[int] = []
        for k, item in enumerate(op.items):
            if item is None or (isinstance(item, tuple) and item[1] != 1):
                return None
            box.append((item, item + 1) if isinstance(item, int) else (item[0], item[0] + item[2]))
            kept += [] if isinstance(item, int) else [k]
        new = avals[eqn.ins[1]]
        axes: list[int | None] = [None] * len(shape)
        for j, k in enumerate(kept[len(kept) - new.ndim :] if new.ndim else []):
            axes[k] = j if new.shape[j] != 1 else None
        return Assembled([(whole, eqn.ins[0], same), (tuple(box), eqn.ins[1], tuple(axes))])
    return None


def fold_shifts(rows: list[Row], make: Maker, avals: dict[int, Aval], outs: Sequence[int]) -> list[Row]:
    """The rows with assembled arrays read part by part."""
    known = readable(rows, make, avals, outs)
    result: list[Row] = []
    zeros = Zeros(make, avals)
    for level, n, item in rows:
        if item.outs and item.outs[0] in known:
            continue
        mine = {v: known[v] for v in item.ins if v in known}
        if mine and isinstance(item, Group):
            zeros.level = level
            result += [(level, n, g) for g in in_boxes(item, mine, make, avals, zeros)]
        else:
            result.append((level, n, item))
    result = write_parts(result, make, avals, outs, zeros)
    return [*zeros.rows(), *result]


def write_parts(rows: list[Row], make: Maker, avals: dict[int, Aval], outs: Sequence[int], zeros: Zeros) -> list[Row]:
    """The rows with kernels writing their result straight into the larger array that is made of it, where nobody else reads it."""
    maker = {item.outs[0]: n for n, (_, _, item) in enumerate(rows) if is_plain(item)}
    readers: dict[int, int] = dict.fromkeys(outs, 2)
    for _, _, item in rows:
        for v in item.ins:
            readers[v] = readers.get(v, 0) + 1
    steps = [row[:2] for row in rows if not isinstance(row[2], Group)]
    result: list[list[Row]] = [[row] for row in rows]
    for n, (level, number, item) in enumerate(rows):
        if not is_assembly(item, avals):
            continue
        a = assembled(item.eqns[0], avals)
        if a is None or len(boxes_of([a], avals[item.outs[0]].shape)) > BOXES:
            continue
        w = item.outs[0]
        same = tuple(range(avals[w].ndim))
        parts = [(box, v) for box, v, axes in a.parts if v in maker and v in item.ins and readers[v] == 1 and axes == same]
        mine = in_order([(box, v, rows[maker[v]][:2]) for box, v in parts if box_fits(box, avals[v])], (level, number), steps)
        if not mine:
            continue
        for box, v in mine:
            lower, first, group = rows[maker[v]]
            assert isinstance(group, Group)
            into = w, tuple([start for start, _ in box])
            eqns = [eqn for eqn in group.eqns if eqn.outs[0] == v]
            made = make.group(group.eqns, avals[v].shape, (), eqns, into=into)
            result[maker[v]] = [(lower, first, replace(made, boxed=True))]
        zeros.level = level
        rest = copies(a, w, [v for _, v in mine], item.eqns[0], make, avals, zeros)
        result[n] = [(level, number, g) for g in rest]
    return [row for some in result for row in some]


def is_plain(item: Item) -> TypeGuard[Group]:
    """Whether an item is an elementwise kernel with one result, all of which it writes."""
    return is_elementwise(item) and len(item.outs) == 1 and bool(item.eqns)


def is_elementwise(item: Item) -> TypeGuard[Group]:
    """Whether an item is an elementwise kernel over all of its results."""
    return isinstance(item, Group) and isinstance(item.kernel, Kernel) and not any(item.kernel.reduced) and not item.boxed


def is_assembly(item: Item, avals: dict[int, Aval]) -> TypeGuard[Group]:
    """Whether an item puts a large array together."""
    together = isinstance(item, Group) and len(item.eqns) == 1 and isinstance(item.eqns[0].op, Concatenate | Put)
    return together and avals[item.outs[0]].size >= LEAST


def box_fits(box: tuple[Range, ...], a: Aval) -> bool:
    """Whether a part fills its box without being broadcast."""
    return a.shape == tuple([end - start for start, end in box])


When = tuple[int, int]  # the level and number of a row


def in_order(
    parts: Sequence[tuple[tuple[Range, ...], int, When]], end: When, steps: Sequence[When]
) -> list[tuple[tuple[Range, ...], int]]:
    """Those of the parts (box, variable, when it is computed) that can be written when they are computed: in one native program
    with the rest, which comes at the end, so no NumPy step stands between, and each after the parts that it covers."""
    found: list[tuple[tuple[Range, ...], int, When]] = []
    for box, v, when in parts:
        apart = any([when < step < end for step in steps])
        if not apart and all([other < when for under, _, other in found if overlap(box, under)]):
            found.append((box, v, when))
    return [(box, v) for box, v, _ in found]


def overlap(one: tuple[Range, ...], other: tuple[Range, ...]) -> bool:
    """Whether two boxes have an element in common."""
    return all([max(a, c) < min(b, d) for (a, b), (c, d) in zip(one, other, strict=True)])


def copies(a: Assembled, w: int, written: list[int], eqn: Eqn, make: Maker, avals: dict[int, Aval], zeros: Zeros) -> list[Group]:
    """The groups that copy what is left of an assembled array."""
    groups = []
    for box in boxes_of([a], avals[w].shape):
        starts, sizes = tuple([s for s, _ in box]), tuple([end - s for s, end in box])
        if 0 in sizes or a.part_at(starts)[1] in written:
            continue
        copy = Eqn(Convert(avals[w].dtype), (w,), (w,), eqn.loc)
        source = part(a, starts, sizes, avals[w].dtype_name, make, avals, zeros)
        groups.append(make.group([copy], avals[w].shape, (), [copy], Box(starts, sizes, {w: source})))
    return [replace(g, boxed=True, eqns=[]) for g in groups]


def readable(rows: list[Row], make: Maker, avals: dict[int, Aval], outs: Sequence[int]) -> dict[int, Assembled]:
    """The arrays that need not be made: all that reads them can be run on boxes, and not on too many."""
    known: dict[int, Assembled] = {}
    readers: dict[int, list[Item]] = {}
    for _, _, item in rows:
        if is_assembly(item, avals):
            found = assembled(item.eqns[0], avals)
            if found is not None and item.outs[0] not in outs:
                known[item.outs[0]] = found
        for v in dict.fromkeys(item.ins):
            readers.setdefault(v, []).append(item)
    known = {v: a for v, a in known.items() if v in readers and all([reads_elementwise(r, v, make) for r in readers[v]])}
    for _, _, item in rows:
        mine = [v for v in dict.fromkeys(item.ins) if v in known]
        if mine and len(boxes_of([known[v] for v in mine], avals[mine[0]].shape)) > BOXES:
            known = {v: a for v, a in known.items() if v not in mine}
    return known


def reads_elementwise(item: Item, v: int, make: Maker) -> bool:
    """Whether an item is an elementwise kernel over the shape of v, and reads v itself, no view of it."""
    if not is_elementwise(item):
        return False
    views = [u for eqn in item.eqns for u in eqn.ins if u in make.walks and make.walks[u][0] == v]
    return not views and all([a.shape == make.avals[v].shape for a in item.out_avals])


def boxes_of(arrays: Sequence[Assembled], shape: tuple[int, ...]) -> list[tuple[Range, ...]]:
    """The boxes in each of which every array is one of its parts."""
    ranges = []
    for k in range(len(shape)):
        ends = sorted({0, shape[k]}.union(*[a.cuts(k) for a in arrays]))
        ranges.append(list(itertools.pairwise(ends)))
    return list(itertools.product(*ranges))


class Zeros:
    """Rows of a repeated number that boxes read where an array is filled with it: made once for each number, as long as needed."""

    def __init__(self, make: Maker, avals: dict[int, Aval]) -> None:
        self.make, self.avals = make, avals
        self.made: dict[tuple[int, str], int] = {}  # the number's variable and dtype: the row's variable
        self.first: dict[int, int] = {}  # the lowest level at which a row is read
        self.level = 0  # of the group that is being made

    def row(self, number: int, dtype: str, length: int) -> int:
        """The variable of a row of at least this length."""
        v = self.made.get((number, dtype))
        if v is None:
            v = self.made[number, dtype] = new_variable(self.avals, aval((length,), dtype))
        self.avals[v] = aval((max(length, self.avals[v].size),), dtype)
        self.first[v] = min(self.level, self.first.get(v, self.level))
        return v

    def rows(self) -> list[Row]:
        """The groups that make them."""
        found: list[Row] = []
        for (number, _), v in self.made.items():
            source = new_variable(self.avals, self.avals[v])
            self.make.walks[source] = number, Walk((None,), (1,), ())
            copy = Eqn(Convert(self.avals[v].dtype), (source,), (v,), None)
            found.append((self.first[v], -1, self.make.group([copy], self.avals[v].shape, (), [copy])))
        return found


def in_boxes(item: Group, arrays: dict[int, Assembled], make: Maker, avals: dict[int, Aval], zeros: Zeros) -> list[Group]:
    """The group run on boxes. The largest box stands for the equations in the cost model."""
    shape = item.out_avals[0].shape
    results = [eqn for v in item.outs for eqn in item.eqns if eqn.outs[0] == v]
    groups = []
    for box in boxes_of(list(arrays.values()), shape):
        starts, sizes = tuple([a for a, _ in box]), tuple([b - a for a, b in box])
        parts = {v: part(a, starts, sizes, avals[v].dtype_name, make, avals, zeros) for v, a in arrays.items()}
        groups.append(make.group(item.eqns, shape, (), results, Box(starts, sizes, parts)))
    largest = max(groups, key=lambda g: g.nest.volume)
    return [replace(g, boxed=True, eqns=g.eqns if g is largest else []) for g in groups]


def part(
    a: Assembled, corner: Sequence[int], sizes: Sequence[int], dtype: str, make: Maker, avals: dict[int, Aval], zeros: Zeros
) -> Part:
    """What an assembled array is in a box."""
    box, v, axes = a.part_at(corner)
    root, walk = make.source(v)
    if avals[root].ndim == 0:  # one number everywhere: a row of it is walked along the last axis
        last = len(sizes) - 1
        steps = tuple([int(k == last) for k in range(len(sizes))])
        return Part(zeros.row(root, dtype, sizes[-1]), Walk((0,) * len(sizes), steps, (0,)), False)
    offsets = tuple([0 if j is None else -start for j, (start, _) in zip(axes, box, strict=True)])
    outer = [0] * avals[v].ndim
    for j, offset in zip(axes, offsets, strict=True):
        if j is not None:
            outer[j] = offset
    return Part(root, Walk(axes, (1,) * len(axes), tuple(outer)).through(walk), True)
