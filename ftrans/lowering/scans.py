"""Running sums, products and extremes as compiled code: `running(eqn, avals)` makes the group of a Cumulative.

A `Scan` has the loop axes outer, scanned, inner: all axes before the scanned one together, it, and all behind it together. Elements
are combined one after the other, as NumPy does it, so the results are NumPy's to the last bit. What stands side by side is
independent: inner elements go in vectors, and where there are none several rows go together.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from ..core.aval import Aval
from ..core.jaxpr import Eqn
from ..ops.reductions import CumMax, CumMin, CumProd, CumSum
from .axes import Axis, nest_of
from .group import Group
from .loops import ITEMSIZE, Code, Operand

COMBINE = {CumSum: "add", CumProd: "multiply", CumMax: "maximum", CumMin: "minimum"}
"""The builder's operation that takes in one more element."""

LEFT_TO_NUMPY = ("float16", "complex64", "complex128")
"""float16 is rounded at every step, complex numbers are rare here."""


@dataclass(frozen=True, slots=True)
class Scan(Code):
    """Running results along axis 1 of three; with `reverse` from the end; `source` elements are converted to `dtype` first.

    wide: there is more than one element behind the scanned axis, and they lie side by side.
    """

    combine: str
    source: str
    dtype: str
    reverse: bool
    wide: bool
    naxes: int = 3

    @property
    def operands(self) -> tuple[Operand, ...]:
        moves, inner = ((True, True, True), "c") if self.wide else ((True, True, False), "0")
        return Operand(self.source, moves, inner), Operand(self.dtype, moves, inner)  # type: ignore[arg-type]

    @property
    def dependent(self) -> tuple[int, ...]:
        return (1,)

    @property
    def inplace(self) -> tuple[int | None, ...]:
        return (None,)

    def __str__(self) -> str:
        order = "reversed(range(n1))" if self.reverse else "range(n1)"
        return f"for i, j, k in (range(n0), {order}, range(n2)):\n  out[i, j, k] = {self.combine}(the one before, in[i, j, k])"


def running(eqn: Eqn, avals: dict[int, Aval]) -> Group | None:
    """The group of a running reduction, or None for dtypes that are left to NumPy."""
    op, x, out = eqn.op, avals[eqn.ins[0]], avals[eqn.outs[0]]
    dtypes = {x.dtype_name, out.dtype_name}
    if not x.ndim or not dtypes <= set(ITEMSIZE) or dtypes & set(LEFT_TO_NUMPY) or out.dtype_name == "bool":
        return None
    axis = op.axis % x.ndim  # type: ignore[attr-defined]
    outer, inner = [[Axis(x.shape[k], (k, k)) for k in axes if x.shape[k] != 1] for axes in (range(axis), range(axis + 1, x.ndim))]
    kernel = Scan(COMBINE[type(op)], x.dtype_name, out.dtype_name, getattr(op, "reverse", False), bool(inner))
    nest = nest_of([outer, [Axis(x.shape[axis], (axis, axis))], inner], [x.dtype_name, out.dtype_name])
    return Group([eqn], eqn.ins, eqn.outs, kernel, replace(nest, operands=kernel.operands), (out,))
