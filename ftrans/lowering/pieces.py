"""Arrays put together from parts, as compiled code: `concatenation(eqn, avals)` and `placement(eqn, avals)` make the groups.

A `Joined` is a concatenation. Its loop axes are outer, one for each part, inner: all axes before the joined one, its length in
every part, all axes behind it. A `Placed` is a copy of an array with a part of it replaced. Its loop axes are those of the array,
those of the part, and for each axis of the array one whose size is where the part starts, along which nothing moves.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from ..core.aval import Aval
from ..core.jaxpr import Eqn
from ..ops.indexing import Put
from ..ops.structural import Concatenate
from .axes import Axis, nest_of
from .group import Group
from .loops import ITEMSIZE, Code, Operand

MOST = 32  # parts that are joined by one kernel


@dataclass(frozen=True, slots=True)
class Joined(Code):
    """`parts` arrays joined along an axis."""

    dtype: str
    parts: int
    _operands: tuple[Operand, ...]

    @property
    def naxes(self) -> int:  # type: ignore[override]
        return self.parts + 2

    @property
    def operands(self) -> tuple[Operand, ...]:
        return self._operands

    @property
    def dependent(self) -> tuple[int, ...]:
        """The joined axis, whose sizes say where parts begin."""
        return tuple(range(1, self.parts + 1))

    @property
    def inplace(self) -> tuple[int | None, ...]:
        return (None,)

    def __str__(self) -> str:
        return f"out = concatenate({', '.join([f'in{k}' for k in range(self.parts)])})"


@dataclass(frozen=True, slots=True)
class Placed(Code):
    """A copy of x with `new` in the part that has a step for some axes of x and one place (None) on the others.

    over: the result is in x's memory; then nothing is copied.
    """

    dtype: str
    steps: tuple[int | None, ...]
    _operands: tuple[Operand, ...]
    over: bool = False

    @property
    def naxes(self) -> int:  # type: ignore[override]
        return 2 * len(self.steps) + len([s for s in self.steps if s is not None])

    @property
    def operands(self) -> tuple[Operand, ...]:
        return self._operands

    @property
    def dependent(self) -> tuple[int, ...]:
        """All axes: the part is written after the copy."""
        return tuple(range(self.naxes))

    @property
    def inplace(self) -> tuple[int | None, ...]:
        return (0 if self.over else None,)

    def overwriting(self) -> Code | None:
        return replace(self, over=True)

    def __str__(self) -> str:
        index = ", ".join([f"start{k}" if s is None else f"start{k}::{s}" for k, s in enumerate(self.steps)])
        return f"out = x\nout[{index}] = new"


def concatenation(eqn: Eqn, avals: dict[int, Aval]) -> Group | None:
    """The group of a Concatenate, or None for too many parts."""
    op, out = eqn.op, avals[eqn.outs[0]]
    assert isinstance(op, Concatenate)
    ins = [avals[v] for v in eqn.ins]
    if len(ins) > MOST or out.dtype_name not in ITEMSIZE or any([a.dtype is not out.dtype for a in ins]):
        return None
    axis = op.axis % out.ndim
    every = range(len(ins) + 1)  # the operands: parts and result
    outer, inner = [
        [Axis(out.shape[k], (k,) * len(every)) for k in axes if out.shape[k] != 1]
        for axes in (range(axis), range(axis + 1, out.ndim))
    ]
    parts = [[Axis(a.shape[axis], tuple([axis if j in (k, len(ins)) else None for j in every]))] for k, a in enumerate(ins)]
    nest = nest_of([outer, *parts, inner], [out.dtype_name] * len(every))
    return Group([eqn], eqn.ins, eqn.outs, Joined(out.dtype_name, len(ins), nest.operands), nest, (out,))


def placement(eqn: Eqn, avals: dict[int, Aval]) -> Group | None:
    """The group of a Put."""
    op, x, new, out = eqn.op, avals[eqn.ins[0]], avals[eqn.ins[1]], avals[eqn.outs[0]]
    assert isinstance(op, Put)
    if not x.ndim or out.dtype_name not in ITEMSIZE or new.dtype is not x.dtype:
        return None
    starts = [item if isinstance(item, int) else item[0] for item in op.items if item is not None]
    steps = tuple([None if isinstance(item, int) else item[1] for item in op.items if item is not None])
    shape = [item for item in op.items if not isinstance(item, int)]  # the axes of the part, new ones (None) included
    axes = iter([k for k, s in enumerate(steps) if s is not None])
    part = []
    for k, item in enumerate(shape):
        if item is not None:
            own = k - (len(shape) - new.ndim)
            part.append([Axis(item[2], (None, own if own >= 0 and new.shape[own] != 1 else None, next(axes)))])
    whole = [[Axis(n, (k, None, k))] for k, n in enumerate(x.shape)]
    nest = nest_of([*whole, *part, *[[Axis(n, (None,) * 3)] for n in starts]], [out.dtype_name] * 3)
    return Group([eqn], eqn.ins, eqn.outs, Placed(out.dtype_name, steps, nest.operands), nest, (out,))
