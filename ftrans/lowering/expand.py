"""What a compiler wants to be given instead: `expanded(j)`.

A softmax is one NumPy step, which is best while a program is cold. A compiler wants its parts: the maximum, the exponentials and
their sum fuse with what stands before and after them. A primitive offers the parts by a rule `expand(*args)`, written like `jvp`
with recorded functions; it returns None where it has none for these operands.

Python's numbers become NumPy's, of the dtype that their operation computes in. One that does not fit (300 beside uint8) stays, and
with it the NumPy step, which knows what to make of it.

Precondition: a well-typed jaxpr. Postcondition: the same results up to rounding, the same guards in the same order.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.aval import Aval, aval
from ..core.check import checked
from ..core.jaxpr import Eqn, Jaxpr, derived
from ..core.trace import Trace
from ..transforms.simplify import simplify


@derived
def expanded(j: Jaxpr) -> Jaxpr:
    """j with every operation expanded that can be and with NumPy's numbers; j itself where there is nothing to do."""
    weak = {v for v in j.lits if j.avals[v].weak}
    if not any([eqn.op.expand is not None or not weak.isdisjoint(eqn.ins) for eqn in j.eqns]):
        return j
    with Trace() as t:
        t.src = ()
        env = {v: t.input(j.avals[v]) for v in j.invars}
        env |= {v: t.const(value, j.avals[v]) for v, value in j.lits.items()}
        for eqn in j.eqns:
            t.src = eqn.loc or ()
            numbers = {} if weak.isdisjoint(eqn.ins) else numpy_numbers(j, eqn)
            ins = [t.const(*numbers[k]) if k in numbers else env[v] for k, v in enumerate(eqn.ins)]
            out = eqn.op.expand(*ins) if eqn.op.expand is not None else None
            if out is None:
                out = t.record(eqn.op, ins)
            env.update(zip(eqn.outs, out if eqn.op.multiple else (out,), strict=True))
        outs = [env[v].i for v in j.outs]
    return simplify(checked(Jaxpr.from_trace(t, outs, baked=True)))


def numpy_numbers(j: Jaxpr, eqn: Eqn) -> dict[int, tuple[Any, Aval]]:
    """For the operands of an elementwise operation that are Python's numbers: NumPy's, and their avals."""
    if eqn.op.lower is None:
        return {}
    found = {}
    dtypes = eqn.op.operand_dtypes(*[j.avals[v] for v in eqn.ins])  # type: ignore[attr-defined]
    for k, (v, dtype) in enumerate(zip(eqn.ins, dtypes, strict=True)):
        if v in j.lits and j.avals[v].weak and fits(j.lits[v], dtype):
            with np.errstate(over="ignore"):
                found[k] = dtype.type(j.lits[v]), aval((), dtype, False, True)
    return found


def fits(value: Any, dtype: np.dtype[Any]) -> bool:
    """Whether a Python number is one of a dtype, rounded if need be."""
    if dtype.kind in "iu":
        return bool(np.iinfo(dtype).min <= value <= np.iinfo(dtype).max)
    return dtype.kind == "b" or not isinstance(value, int) or abs(value) < 2**1023
