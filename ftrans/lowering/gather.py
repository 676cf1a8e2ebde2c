"""Reading and writing at integer indices as compiled code: `gathering(eqn, avals)` and `scattering(eqn, avals)` make the groups.

An `Indexed` has three kinds of loop axes: those of the index arrays (S), those of x that are not indexed (the rest), and those that
are. No loop runs over the last kind, except to copy x: they are there to tell the size and the stride of what is indexed.

Every index is checked before anything is read or written. When one is out of bounds, the last output, a number, becomes 1 instead
of 0; then the equation is done again by NumPy, which raises its IndexError.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from ..core.aval import Aval, aval
from ..core.jaxpr import Eqn
from ..ops.indexing import Gather, Scatter
from .axes import Axis, joined, nest_of
from .group import Group
from .loops import ITEMSIZE, Code, Operand

INDICES = ("int64", "int32", "int16", "int8", "uint64", "uint32", "uint16", "uint8")
COMBINE = {"add": "add", "multiply": "multiply", "minimum": "minimum", "maximum": "maximum"}
"""How a Scatter combines: the builder's operation."""

LEFT_TO_NUMPY = ("bool", "float16", "complex64", "complex128")
"""Elements that are not combined here; they are read and set."""

STATUS = aval((), "int64")


@dataclass(frozen=True, slots=True)
class Indexed(Code):
    """Elements at indices: read (`mode` None), "set", or combined as COMBINE says.

    counts: how many loop axes there are of each kind: S, rest, indexed.
    indices: the dtypes of the index arrays, one for each indexed axis.
    order: the axes of the last two kinds as they stand in x, for copying it.
    over: the result is in x's memory.
    Operands: x, the new elements unless mode is None, the indices; the result, the status.
    """

    checked = True
    mode: str | None
    dtype: str
    indices: tuple[str, ...]
    counts: tuple[int, int, int]
    order: tuple[int, ...]
    _operands: tuple[Operand, ...]
    over: bool = False

    @property
    def naxes(self) -> int:  # type: ignore[override]
        return sum(self.counts)

    @property
    def operands(self) -> tuple[Operand, ...]:
        return self._operands

    @property
    def dependent(self) -> tuple[int, ...]:
        """All axes: the status is one for the whole run, and a scatter may meet an element twice."""
        return tuple(range(self.naxes))

    @property
    def inplace(self) -> tuple[int | None, ...]:
        return (0 if self.over else None, None)

    def overwriting(self) -> Code | None:
        return replace(self, over=True) if self.mode is not None else None

    def __str__(self) -> str:
        place = f"[{', '.join([f'i{k}[s]' for k in range(len(self.indices))])}, rest]"
        if self.mode is None:
            return f"out[s, rest] = x{place}"
        return f"out = x\nout{place} = {'new' if self.mode == 'set' else f'{self.mode}(out{place}, new)'}[s, rest]"


def gathering(eqn: Eqn, avals: dict[int, Aval]) -> Group | None:
    """The group of a Gather."""
    op, x, indices = eqn.op, avals[eqn.ins[0]], [avals[v] for v in eqn.ins[1:]]
    assert isinstance(op, Gather)
    return indexed(eqn, avals, None, op.axes, x, indices)


def scattering(eqn: Eqn, avals: dict[int, Aval]) -> Group | None:
    """The group of a Scatter, or None where it would combine elements that are left to NumPy."""
    op, x, indices = eqn.op, avals[eqn.ins[0]], [avals[v] for v in eqn.ins[2:]]
    assert isinstance(op, Scatter)
    if op.mode != "set" and x.dtype_name in LEFT_TO_NUMPY:
        return None
    return indexed(eqn, avals, op.mode, op.axes, x, indices)


def indexed(
    eqn: Eqn, avals: dict[int, Aval], mode: str | None, axes: tuple[int, ...], x: Aval, indices: Sequence[Aval]
) -> Group | None:
    """The group; None for dtypes that kernels do not hold."""
    if x.dtype_name not in ITEMSIZE or not axes or any([i.dtype_name not in INDICES for i in indices]):
        return None
    shape = np.broadcast_shapes(*[i.shape for i in indices])
    rank, rest = len(shape), [k for k in range(x.ndim) if k not in axes]
    roles = ["whole", *(["part"] if mode else []), *["index"] * len(indices), "whole" if mode else "part"]
    arrays = [avals[v] for v in (*eqn.ins, *eqn.outs)]
    spans = {"part": rank + len(rest), "index": rank}

    def axis(size: int, k: int, of_x: int | None) -> Axis:
        """Axis k of the part, which is axis `of_x` of x."""
        own = [of_x if role == "whole" else own_axis(a, spans[role], k) for role, a in zip(roles, arrays, strict=True)]
        return Axis(size, (*own, None))

    s_loops = joined([axis(n, k, None) for k, n in enumerate(shape)])
    rest_loops = joined([axis(x.shape[a], rank + k, a) for k, a in enumerate(rest)])
    indexed_loops = [[Axis(x.shape[a], (*[a if role == "whole" else None for role in roles], None))] for a in axes]
    loops = [*s_loops, *rest_loops, *indexed_loops]
    nest = nest_of(loops, [*[a.dtype_name for a in arrays], STATUS.dtype_name])
    order = sorted(range(len(s_loops), len(loops)), key=lambda k: nest.walks[0][k])
    counts = (len(s_loops), len(rest_loops), len(indexed_loops))
    kernel = Indexed(mode, x.dtype_name, tuple([i.dtype_name for i in indices]), counts, tuple(order), nest.operands)
    status = max(avals) + 1
    avals[status] = STATUS
    return Group([eqn], eqn.ins, (*eqn.outs, status), kernel, nest, (avals[eqn.outs[0]], STATUS))


def own_axis(a: Aval, ndim: int, k: int) -> int | None:
    """Which axis of an array is axis k of the `ndim` axes that it is broadcast to, if it moves along it."""
    own = k - (ndim - a.ndim)
    return own if 0 <= own < a.ndim and a.shape[own] != 1 else None
