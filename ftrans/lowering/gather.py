"""Reading and writing at integer indices as compiled code: `gathering(eqn, avals)` and `scattering(eqn, avals)` make the groups.

An `Indexed` has three kinds of loop axes: those of the index arrays (S), those of x that are not indexed (the rest), and those that
are. No loop runs over the last kind, except to copy x: they are there to tell the size and the stride of what is indexed.

Every index is checked before anything is read or written. When one is out of bounds, the last output, a number, becomes 1 instead
of 0; then the equation is done again by NumPy, which raises its IndexError.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..core.aval import Aval, aval
from ..core.jaxpr import Eqn
from ..ops.indexing import Gather, Scatter
from .group import Group
from .loops import ITEMSIZE, Code, Operand
from .nest import Nest

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
    Operands: x, the new elements unless mode is None, the indices; the result, the status.
    """

    checked = True
    mode: str | None
    dtype: str
    indices: tuple[str, ...]
    counts: tuple[int, int, int]
    order: tuple[int, ...]
    _operands: tuple[Operand, ...]

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
        return (None, None)

    def __str__(self) -> str:
        place = f"[{', '.join([f'i{k}[s]' for k in range(len(self.indices))])}, rest]"
        if self.mode is None:
            return f"out[s, rest] = x{place}"
        return f"out = x\nout{place} = {'new' if self.mode == 'set' else f'{self.mode}(out{place}, new)'}[s, rest]"


Axis = tuple[int, tuple[int | None, ...]]  # its size; which axis of every operand it is


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

    def places(k: int, of_x: int | None) -> tuple[int | None, ...]:
        """For every operand which of its axes is axis k of the part (and axis `of_x` of x)."""
        return tuple([of_x if role == "whole" else own_axis(a, spans[role], k) for role, a in zip(roles, arrays, strict=True)])

    first = joined([(n, places(k, None)) for k, n in enumerate(shape)])
    second = joined([(x.shape[a], places(rank + k, a)) for k, a in enumerate(rest)])
    third = [[(x.shape[a], tuple([a if role == "whole" else None for role in roles]))] for a in axes]
    return made(eqn, avals, mode, [first, second, third], arrays)


def own_axis(a: Aval, ndim: int, k: int) -> int | None:
    """Which axis of an array is axis k of the `ndim` axes that it is broadcast to, if it moves along it."""
    own = k - (ndim - a.ndim)
    return own if 0 <= own < a.ndim and a.shape[own] != 1 else None


def made(eqn: Eqn, avals: dict[int, Aval], mode: str | None, kinds: list[list[list[Axis]]], arrays: list[Aval]) -> Group:
    """The group of an equation, from its loop axes (each a list of axes in one stride) by kind."""
    loops = [group for kind in kinds for group in kind]
    walks = [tuple([-1 if (d := group[-1][1][q]) is None else d for group in loops]) for q in range(len(arrays))]
    walks.append((-1,) * len(loops))
    strict = [any([len(group) > 1 and group[0][1][q] is not None for group in loops]) for q in range(len(arrays))]
    dtypes = [*[a.dtype_name for a in arrays], STATUS.dtype_name]
    operands = tuple(
        [Operand(d, tuple([k >= 0 for k in w]), "s" if w[-1] >= 0 else "0") for d, w in zip(dtypes, walks, strict=True)]
    )
    start = len(kinds[0])
    order = sorted(range(start, len(loops)), key=lambda k: walks[0][k])
    counts = (len(kinds[0]), len(kinds[1]), len(kinds[2]))
    kernel = Indexed(mode, arrays[0].dtype_name, tuple(dtypes[len(arrays) - 1 - counts[2] : -2]), counts, tuple(order), operands)
    sizes = tuple([math.prod([axis[0] for axis in group]) for group in loops])
    nest = Nest(sizes, (False,) * len(loops), operands, tuple(walks), (*strict, False))
    status = max(avals) + 1
    avals[status] = STATUS
    return Group([eqn], eqn.ins, (*eqn.outs, status), kernel, nest, (avals[eqn.outs[0]], STATUS))


def joined(axes: Sequence[Axis]) -> list[list[Axis]]:
    """Axes grouped so that every operand can walk each group in one stride; without those of size 1."""
    groups: list[list[Axis]] = []
    for size, places in axes:
        if size == 1:
            continue
        if groups and all([follows(p, q) for p, q in zip(groups[-1][-1][1], places, strict=True)]):
            groups[-1].append((size, places))
        else:
            groups.append([(size, places)])
    return groups


def follows(before: int | None, here: int | None) -> bool:
    """Whether one axis of an array comes right after another, or the array has neither."""
    return here is None if before is None else here == before + 1
