"""Whether NumPy's reshape gives a view or a copy: asked when one of the two arrays is written to, never otherwise.

`stand_in(x)` is an array with the strides that x has in NumPy, with no contents that mean anything; view operations are applied
to it by NumPy itself. It is None where the strides are not known. Where an input's strides decide, the trace notes it (`laid`),
because its program then holds for that layout alone.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.aval import Aval
from ..core.primitive import Primitive, infer
from ..core.trace import CONST, INPUT, Trace, Tracer, View, equations, producers
from ..core.views import Copy

Array = np.ndarray[Any, Any]


def stand_in(x: Tracer) -> Array | None:
    """An array with the shape and strides of x in NumPy, or None."""
    if isinstance(x, View) and x.lens is not None:
        base = stand_in(x.base)
        return None if base is None else viewed(x.lens, base, x.a.ndim)
    return of_variable(x.t, x.i)


def viewed(op: Primitive, base: Array, ndim: int) -> Array | None:
    """The stand-in of a view with ndim axes."""
    if op.nin > 1:  # a row at a traced index: which one does not matter for the strides
        axes: tuple[int, ...] = op.axes  # type: ignore[attr-defined]
        row = base.size > 0 and ndim == base.ndim - len(axes)
        return base[tuple([0 if k in axes else slice(None) for k in range(base.ndim)])] if row else None
    return np.asarray(op.eval(base))


def of_variable(t: Trace, i: int) -> Array | None:
    """The stand-in of a variable: what made it says how its memory lies."""
    made = producers(t)
    avals = avals_of(t)
    needed, stack = set(), [i]
    while stack:
        k = stack.pop()
        if k not in needed:
            needed.add(k)
            stack.extend([t.homes[k]] if k in t.homes else [] if made[k][0] is Copy() else made[k][1])
    found: dict[int, Array | None] = {}
    for k in sorted(needed):  # operands come before what is made of them
        op, ins = made[k]
        if k in t.homes:
            found[k] = found[t.homes[k]]
        elif op is INPUT or op is CONST:
            found[k] = of_input(t, k)
        else:
            operands = [] if op is Copy() else [found[v] for v in ins]
            found[k] = of_equation(op, operands, avals[k])
    return found[i]


def avals_of(t: Trace) -> dict[int, Aval]:
    """The avals of all variables of a trace."""
    avals = {i: t[i + 1] for i, (op, _) in producers(t).items() if op is INPUT or op is CONST}
    for pos, op, ins in equations(t):
        out = infer(op, tuple([avals[v] for v in ins]))
        avals.update(enumerate(out, pos) if op.multiple else ((pos, out),))
    return avals


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


def of_equation(op: Primitive, operands: list[Array | None], a: Aval) -> Array | None:
    """The result of an operation, by NumPy's rules for the order of new arrays."""
    if op.view:
        return None if operands[0] is None else viewed(op, operands[0], a.ndim)
    if any([x is None for x in operands]) or (getattr(op, "order", None) == "?" and a.ndim > 1):
        return None
    if all([x.flags.c_contiguous for x in operands]):  # type: ignore[union-attr]
        return np.empty(a.shape, a.dtype)
    if isinstance(getattr(op, "ufunc", None), np.ufunc) or op.name in ("copy", "convert"):
        return like(operands, a.shape, a.dtype)  # type: ignore[arg-type]
    return None


def like(operands: list[Array], shape: tuple[int, ...], dtype: Any) -> Array:
    """Where a ufunc puts its result: in the order in which its operands lie in memory."""
    if 0 in shape:
        return np.empty(shape, dtype)
    flags = [["readonly"]] * len(operands) + [["writeonly", "allocate"]]
    make: Any = np.nditer
    it = make([*operands, None], flags=["refs_ok"], op_flags=flags, op_dtypes=[*[x.dtype for x in operands], dtype], order="K")
    return it.operands[-1]


__all__ = ["stand_in"]
