"""Clean-up of a jaxpr: common subexpressions, broadcasts that the operation does itself, multiplications by one, dead code.

Precondition: a well-typed jaxpr. Postcondition: the same results bit for bit, the same guards in the same order.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.check import checked
from ..core.jaxpr import Eqn, Jaxpr, derived, live
from ..core.aval import Aval
from ..core.primitive import Primitive, infer
from ..core.trace import Copy
from ..core.reads import Read, outcome_key
from ..ops.elementwise import Div, Mul, Pointwise
from ..ops.structural import Broadcast, Reshape


@derived
def simplify(j: Jaxpr) -> Jaxpr:
    """j without repeated and without trivial equations."""
    same: dict[int, int] = {}  # variable -> the earlier variable it equals
    seen: dict[Any, tuple[int, ...]] = {}
    lits: dict[int, Any] = {}
    pool: dict[Any, int] = {}
    for v, value in j.lits.items():  # equal literals become one variable
        key = (type(value), outcome_key(value), j.avals[v])
        if key in pool:
            same[v] = pool[key]
        else:
            pool[key] = v
            lits[v] = value
    ones = {v for v, value in lits.items() if np.ndim(value) == 0 and value == 1}
    eqns = []
    spread: dict[int, int] = {}  # result of a broadcast or of adding axes of size 1 -> what was spread
    for eqn in j.eqns:
        ins = tuple([same.get(v, v) for v in eqn.ins])
        if isinstance(eqn.op, Pointwise) and any([v in spread for v in ins]):
            ins = narrowed(eqn.op, ins, j.avals[eqn.outs[0]], j.avals, spread)
        if isinstance(eqn.op, Broadcast | Reshape) and spreads(eqn.op.shape, j.avals[ins[0]].shape):
            spread[eqn.outs[0]] = spread.get(ins[0], ins[0])
        alias = trivial(eqn.op, ins, eqn.outs, j, ones)
        if alias is not None:
            same[eqn.outs[0]] = alias
            continue
        if isinstance(eqn.op, Read):
            eqns.append(Eqn(eqn.op, ins, eqn.outs, eqn.loc))
            continue
        known = seen.get((eqn.op, ins))
        if known is not None:
            same.update(zip(eqn.outs, known, strict=True))
            continue
        seen[eqn.op, ins] = eqn.outs
        eqns.append(Eqn(eqn.op, ins, eqn.outs, eqn.loc) if ins != eqn.ins else eqn)
    outs = [same.get(v, v) for v in j.outs]
    kept = live(eqns, outs)
    used = {v for eqn in kept for v in eqn.ins} | set(outs)
    return checked(Jaxpr(j.invars, kept, outs, j.avals, {v: x for v, x in lits.items() if v in used}))


def spreads(shape: tuple[int, ...], source: tuple[int, ...]) -> bool:
    """Whether going from shape `source` to `shape` is what NumPy's broadcasting does by itself."""
    lead = len(shape) - len(source)
    return lead >= 0 and all([m in (1, n) for m, n in zip(source, shape[lead:], strict=True)])


def narrowed(op: Pointwise, ins: tuple[int, ...], out: Aval, avals: dict[int, Aval], spread: dict[int, int]) -> tuple[int, ...]:
    """The operands with broadcasts dropped wherever the operation broadcasts to the same result."""
    for k, v in enumerate(ins):
        if v in spread:
            fewer = (*ins[:k], spread[v], *ins[k + 1 :])
            if len(ins) > 1 and infer(op, tuple([avals[w] for w in fewer])) is out:
                ins = fewer
    return ins


def trivial(op: Primitive, ins: tuple[int, ...], outs: tuple[int, ...], j: Jaxpr, ones: set[int]) -> int | None:
    """The operand that the result equals bit for bit, if there is one: x * 1, x / 1 and copies of the same aval."""
    if isinstance(op, Mul | Div):
        x, y = ins
        if y in ones and j.avals[x] is j.avals[outs[0]]:
            return x
        if x in ones and isinstance(op, Mul) and j.avals[y] is j.avals[outs[0]]:
            return y
    if isinstance(op, Copy) and j.avals[ins[0]] is j.avals[outs[0]]:
        return ins[0]
    return None
