"""Contractions as compiled code: `contraction(eqn, avals)` makes the group of a DotGeneral.

A `Contract` is a product of matrices, out[m, n] = sum over k of x[m, k] * y[k, n], inside loops over batch axes. Its loop axes are
the batch axes, then m, n and k; each of the last three may stand for several axes of the arrays that every operand walks in one
stride, or be an axis of size 1 that nobody has.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from ..core.aval import Aval
from ..core.jaxpr import Eqn
from ..ops.contraction import DotGeneral
from .group import Group
from .loops import Code, Operand
from .nest import Nest

DTYPES = ("float32", "float64", "complex64", "complex128")


@dataclass(frozen=True, slots=True)
class Contract(Code):
    """Loops over `naxes - 3` batch axes around a product of matrices with elements of `dtype`."""

    naxes: int
    dtype: str
    _operands: tuple[Operand, Operand, Operand]

    @property
    def operands(self) -> tuple[Operand, ...]:
        return self._operands

    @property
    def dependent(self) -> tuple[int, ...]:
        """All but the batch axes: how a product of matrices is split is for BLAS to say."""
        return tuple(range(self.naxes - 3, self.naxes))

    @property
    def inplace(self) -> tuple[int | None, ...]:
        return (None,)

    def __str__(self) -> str:
        loops = [f"{'  ' * k}for {index} in range(n{k}):" for k, index in enumerate("ijklpqrs"[: self.naxes - 3])]
        return "\n".join([*loops, "  " * len(loops) + f"out[m, n] = sum(x[m, k] * y[k, n])  # {self.dtype}"])


Axis = tuple[int, int | None, int | None, int | None]  # its size; which axis of x, y and out it is


def contraction(eqn: Eqn, avals: dict[int, Aval]) -> Group | None:
    """The group of a DotGeneral, or None: of dtypes that BLAS does not have, of numbers, of several axes apart to sum over."""
    op, out = eqn.op, avals[eqn.outs[0]]
    x, y = [avals[v] for v in eqn.ins]
    assert isinstance(op, DotGeneral)
    if out.dtype_name not in DTYPES or x.dtype is not y.dtype or x.ndim == y.ndim == 0:
        return None
    batch, rows, columns, summed = [joined(axes) for axes in classes(op, x, y)]
    if len(summed) > 1:
        return None
    last = [axes[-1] if axes else [(1, None, None, None)] for axes in (rows, columns, summed)]
    loops = [*batch, *rows[:-1], *columns[:-1], *last]
    walks = tuple([tuple([-1 if (d := axes[-1][1 + n]) is None else d for axes in loops]) for n in range(3)])
    operands = [Operand(out.dtype_name, tuple([d >= 0 for d in walk]), "s" if walk[-1] >= 0 else "0") for walk in walks]
    kernel = Contract(len(loops), out.dtype_name, (operands[0], operands[1], operands[2]))
    sizes = tuple([math.prod([axis[0] for axis in axes]) for axes in loops])
    strict = tuple([any([len(axes) > 1 and axes[0][1 + n] is not None for axes in loops]) for n in range(3)])
    nest = Nest(sizes, (False,) * len(loops), kernel.operands, walks, strict)
    return Group([eqn], eqn.ins, eqn.outs, kernel, nest, (out,))


def classes(op: DotGeneral, x: Aval, y: Aval) -> tuple[list[Axis], ...]:
    """The batch axes, those of x alone, those of y alone, and those summed over."""
    nb, x_free, y_free = len(op.x_batch), op.x_free(x.ndim), op.y_free(y.ndim)
    batch: list[Axis] = [(x.shape[i], i, j, k) for k, (i, j) in enumerate(zip(op.x_batch, op.y_batch, strict=True))]
    rows: list[Axis] = [(x.shape[i], i, None, nb + k) for k, i in enumerate(x_free)]
    columns: list[Axis] = [(y.shape[j], None, j, nb + len(x_free) + k) for k, j in enumerate(y_free)]
    summed: list[Axis] = [(x.shape[i], i, j, None) for i, j in sorted(zip(op.x_contract, op.y_contract, strict=True))]
    return batch, rows, columns, summed


def joined(axes: Sequence[Axis]) -> list[list[Axis]]:
    """Axes grouped so that every operand can walk each group in one stride; without those of size 1."""
    groups: list[list[Axis]] = []
    for axis in axes:
        if axis[0] == 1:
            continue
        if groups and all([follows(before, here) for before, here in zip(groups[-1][-1][1:], axis[1:], strict=True)]):
            groups[-1].append(axis)
        else:
            groups.append([axis])
    return groups


def follows(before: int | None, here: int | None) -> bool:
    """Whether one axis of an array comes right after another, or the array has neither."""
    return here is None if before is None else here == before + 1
