"""Contractions as compiled code: `contraction(eqn, avals)` makes the group of a DotGeneral.

A `Contract` is a product of matrices, out[m, n] = sum over k of x[m, k] * y[k, n], inside loops over batch axes. Its loop axes are
the batch axes, then m, n and k; each of the last three may stand for several axes of the arrays that every operand walks in one
stride, or be an axis of size 1 that nobody has.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..core.aval import Aval
from ..core.jaxpr import Eqn
from ..ops.contraction import DotGeneral
from .axes import Axis, joined, nest_of
from .group import Group
from .loops import Code, Operand

DTYPES = ("float32", "float64", "complex64", "complex128")


@dataclass(frozen=True, slots=True)
class Contract(Code):
    """Loops over `naxes - 3` batch axes around a product of matrices with elements of `dtype`."""

    naxes: int
    dtype: str
    _operands: tuple[Operand, ...]

    @property
    def operands(self) -> tuple[Operand, ...]:
        return self._operands

    @property
    def dependent(self) -> tuple[int, ...]:
        """The columns, of which BLAS has a better split, and what is summed over."""
        return self.naxes - 2, self.naxes - 1

    @property
    def coarse(self) -> tuple[int, ...]:
        return (self.naxes - 3,)

    @property
    def inplace(self) -> tuple[int | None, ...]:
        return (None,)

    def __str__(self) -> str:
        loops = [f"{'  ' * k}for {index} in range(n{k}):" for k, index in enumerate("ijklpqrs"[: self.naxes - 3])]
        return "\n".join([*loops, "  " * len(loops) + f"out[m, n] = sum(x[m, k] * y[k, n])  # {self.dtype}"])


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
    last = [loops[-1] if loops else [] for loops in (rows, columns, summed)]
    nest = nest_of([*batch, *rows[:-1], *columns[:-1], *last], [out.dtype_name] * 3)
    kernel = Contract(len(nest.sizes), out.dtype_name, nest.operands)
    return Group([eqn], eqn.ins, eqn.outs, kernel, nest, (out,))


def classes(op: DotGeneral, x: Aval, y: Aval) -> tuple[list[Axis], ...]:
    """The batch axes, those of x alone, those of y alone, and those summed over."""
    nb, x_free, y_free = len(op.x_batch), op.x_free(x.ndim), op.y_free(y.ndim)
    batch = [Axis(x.shape[i], (i, j, k)) for k, (i, j) in enumerate(zip(op.x_batch, op.y_batch, strict=True))]
    rows = [Axis(x.shape[i], (i, None, nb + k)) for k, i in enumerate(x_free)]
    columns = [Axis(y.shape[j], (None, j, nb + len(x_free) + k)) for k, j in enumerate(y_free)]
    summed = [Axis(x.shape[i], (i, j, None)) for i, j in sorted(zip(op.x_contract, op.y_contract, strict=True))]
    return batch, rows, columns, summed
