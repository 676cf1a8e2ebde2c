"""Split large reductions to single numbers into parts, so that threads can share them: `split(items, avals)`.

A reduction over everything has no axis along which results are independent. Here its outermost loop (or the only one, cut into
PARTS) becomes one that gives a partial result each, and a second kernel folds those. What is split and how depends on sizes
alone, so the result is the same with any number of threads.

Precondition: a plan. Postcondition: the same values up to the order in which floats are added.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import prod

from ..core.aval import Aval, aval
from ..core.jaxpr import new_variable
from ..ops.comparison import LogicalAnd, LogicalOr
from ..ops.pointwise import Add, Mul
from ..ops.rounding import Maximum, Minimum
from .group import Group
from .loops import Instr, Kernel, Operand, Output
from .nest import Nest
from .tape import Item

LEAST = 1 << 17  # elements from which on a reduction is split
PARTS = 64
JOIN = {"sum": Add(), "prod": Mul(), "max": Maximum(), "min": Minimum(), "all": LogicalAnd(), "any": LogicalOr()}


def split(items: Sequence[Item], avals: dict[int, Aval]) -> list[Item]:
    """The items with large reductions in parts; new variables are put into `avals`."""
    result: list[Item] = []
    for item in items:
        result += parts_of(item, avals) if isinstance(item, Group) and divisible(item) else [item]
    return result


def divisible(g: Group) -> bool:
    """Whether a group is a large reduction to single numbers."""
    k = g.kernel
    if not isinstance(k, Kernel) or not k.naxes or not all(k.reduced) or prod(g.nest.sizes) < LEAST:
        return False
    return all([out.reduce in JOIN for out in k.outputs]) and (k.naxes == 1 or g.nest.sizes[0] >= 8)


def parts_of(g: Group, avals: dict[int, Aval]) -> list[Item]:
    """The kernel of the partial results, the one of what is left over if anything, and those that fold the partial results."""
    if len(g.nest.sizes) > 1:
        many, count, rest = g.nest, g.nest.sizes[0], None
    else:
        count, (n,) = PARTS, g.nest.sizes
        size = n // count
        many = cut(g.nest, count, size)
        rest = from_(g.nest, count * size) if n % count else None
    partial = [new_variable(avals, aval((count,), out.operand.dtype)) for out in g.kernel.outputs]  # type: ignore[attr-defined]
    made: list[Item] = [partial_group(g, many, partial, avals)]
    ends = list(g.outs)
    if rest is not None:
        left = [new_variable(avals, a) for a in g.out_avals]
        ends = [new_variable(avals, a) for a in g.out_avals]
        made.append(replace(g, eqns=[], outs=tuple(left), nest=rest))
    for n, (v, p) in enumerate(zip(ends, partial, strict=True)):
        made.append(folding(g, n, v, p, avals))
        if rest is not None:
            made.append(joining(g, n, (v, left[n])))
    return made


def cut(nest: Nest, count: int, size: int) -> Nest:
    """The only loop as two: `count` times `size` iterations."""
    twice = tuple([(walk * 2) for walk in nest.walks])
    steps = tuple([(step * size, step) for (step,) in nest.steps])
    return replace(
        nest, sizes=(count, size), reduced=(True, True), walks=twice, first=twice, steps=steps, extents=(count, size), units=(1, 1)
    )


def from_(nest: Nest, begin: int) -> Nest:
    """The only loop without its first iterations."""
    starts = []
    for (d,), (step,), start in zip(nest.walks, nest.steps, nest.starts, strict=True):
        moved = list(start) + [0] * (d + 1 - len(start))
        if d >= 0:
            moved[d] += begin * step
        starts.append(tuple(moved))
    left = nest.sizes[0] - begin
    return replace(nest, sizes=(left,), starts=tuple(starts), extents=(left,), units=(1,))


def partial_group(g: Group, nest: Nest, outs: list[int], avals: dict[int, Aval]) -> Group:
    """The group with a result for each iteration of the outermost loop."""
    kernel, inner = g.kernel, len(nest.sizes) - 1
    assert isinstance(kernel, Kernel)
    if kernel.naxes == 1:
        inputs = [replace(x, moves=x.moves * 2) for x in kernel.inputs]
    else:
        inputs = list(kernel.inputs)
    outputs = [replace(out, operand=Operand(out.operand.dtype, (True, *[False] * inner), "0")) for out in kernel.outputs]
    reduced = (False, *[True] * inner)
    changed = Kernel(inner + 1, reduced, tuple(inputs), kernel.body, tuple(outputs))
    ends = ((0, *[-1] * inner),) * len(outs)
    n = len(inputs)
    nest = replace(
        nest, reduced=reduced, operands=changed.operands, walks=(*nest.walks[:n], *ends), first=(*nest.first[:n], *ends),
        steps=(*nest.steps[:n], *[(1,) * (inner + 1)] * len(outs)), starts=(*nest.starts[:n], *[()] * len(outs)),
    )  # fmt: skip
    return replace(g, outs=tuple(outs), kernel=changed, nest=nest, out_avals=tuple([avals[v] for v in outs]))


def folding(g: Group, n: int, v: int, partial: int, avals: dict[int, Aval]) -> Group:
    """The group that folds partial results."""
    out = g.kernel.outputs[n]  # type: ignore[attr-defined]
    dtype, count = out.operand.dtype, avals[partial].size
    operands = (Operand(dtype, (True,), "c"), Operand(dtype, (False,), "0"))
    kernel = Kernel(1, (True,), operands[:1], (), (Output(0, operands[1], out.reduce),))
    nest = Nest((count,), (True,), operands, ((0,), (-1,)), (False, False))
    return Group([], (partial,), (v,), kernel, nest, (g.out_avals[n],))


def joining(g: Group, n: int, pair: tuple[int, int]) -> Group:
    """The group that joins the results of the parts and of what was left over."""
    out = g.kernel.outputs[n]  # type: ignore[attr-defined]
    x = Operand(out.operand.dtype, (), "0")
    kernel = Kernel(0, (), (x, x), (Instr(JOIN[out.reduce], (0, 1), x.dtype),), (Output(2, x),))
    nest = Nest((), (), (x, x, x), ((), (), ()), (False, False, False))
    return Group([], pair, (g.outs[n],), kernel, nest, (g.out_avals[n],))
