"""Whether NumPy's reshape gives a view or a copy: asked when one of the two arrays is written to, never otherwise.

`stand_in(x)` is an array with the strides that x has in NumPy, with no contents that mean anything; view operations are applied
to it by NumPy itself. It is None where the strides are not known. Where an input's strides decide, the trace notes it (`laid`),
because its program then holds for that layout alone.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.primitive import Primitive
from ..core.trace import CONST, INPUT, Copy, Trace, Tracer, View, producers

Array = np.ndarray[Any, Any]


def stand_in(x: Tracer) -> Array | None:
    """An array with the shape and strides of x in NumPy, or None."""
    if isinstance(x, View) and x.lens is not None:
        base = stand_in(x.base)
        return None if base is None else viewed(x.lens, base)
    return of_variable(x.t, x.i)


def viewed(op: Primitive, base: Array) -> Array | None:
    """The stand-in of a view."""
    axes = getattr(op, "axes", None)
    if op.name == "gather":  # a row at a traced index: which one does not matter for the strides
        return base[tuple([0 if k in axes else slice(None) for k in range(base.ndim)])] if base.size else None
    return np.asarray(op.eval(base))


def of_variable(t: Trace, i: int) -> Array | None:
    """The stand-in of a variable: what made it says how its memory lies."""
    while i in t.homes:
        i = t.homes[i]
    op, ins = producers(t)[i]
    if op is INPUT or op is CONST:
        return of_input(t, i)
    return of_equation(t, op, ins)


def of_input(t: Trace, i: int) -> Array | None:
    """An argument or captured array: its own strides."""
    captured = [x for k, x, _ in t.ids.values() if k == i]
    known = captured[0] if captured else t.vals.get(i)
    if isinstance(known, Tracer):
        return stand_in(known)
    if isinstance(known, np.ndarray):
        t.laid.add(i)
        return known
    return None if known is None else np.asarray(known)


def of_equation(t: Trace, op: Primitive, ins: list[int]) -> Array | None:
    """The result of an operation, by NumPy's rules for the order of new arrays."""
    first = t[ins[0]] if ins else None
    del first
    operands = [of_variable(t, k) for k in ins]
    if getattr(op, "view", False):
        return None if operands[0] is None else viewed(op, operands[0])
    shape, dtype = shape_of(t, op, ins)
    if isinstance(op, Copy) or all([x is not None and x.flags.c_contiguous for x in operands]):
        return np.empty(shape, dtype)
    ufunc = getattr(op, "ufunc", None)
    if isinstance(ufunc, np.ufunc) and all([x is not None for x in operands]):
        return like(operands, shape, dtype)  # type: ignore[arg-type]
    return None


def shape_of(t: Trace, op: Primitive, ins: list[int]) -> tuple[tuple[int, ...], Any]:
    """The shape and dtype of an operation's result."""
    found = op.memo[tuple([aval_of_variable(t, k) for k in ins])]
    return found.shape, found.dtype


def aval_of_variable(t: Trace, i: int) -> Any:
    """The aval of a variable, from the memoised rules."""
    op, ins = producers(t)[i]
    if op is INPUT or op is CONST:
        return t[i + 1]
    out = op.memo[tuple([aval_of_variable(t, k) for k in ins])]
    return out


def like(operands: list[Array], shape: tuple[int, ...], dtype: Any) -> Array:
    """Where a ufunc puts its result: in the order in which its operands lie in memory."""
    if 0 in shape:
        return np.empty(shape, dtype)
    flags = [["readonly"]] * len(operands) + [["writeonly", "allocate"]]
    it = np.nditer([*operands, None], flags=["refs_ok"], op_flags=flags, op_dtypes=[*[x.dtype for x in operands], dtype], order="K")
    return it.operands[-1]


__all__ = ["stand_in"]
