"""The type-checker for jaxprs: `check_jaxpr(j)` raises with the ten equations around the first fault.

Tests switch it on for everything that transformations make (`FTRANS_CHECK=1`, or `enabled = True`).
"""

from __future__ import annotations

import os

from ..errors import JaxprCheckError
from .aval import aval_of
from .jaxpr import Jaxpr, pretty
from .primitive import infer

enabled = os.environ.get("FTRANS_CHECK", "") not in ("", "0")


def check_jaxpr(j: Jaxpr) -> Jaxpr:
    """Each variable is defined once and before its use, each equation has the avals its operation infers."""
    defined = set(j.invars)
    if len(defined) != len(j.invars):
        raise fault(j, 0, "an input appears twice")
    for v, literal in j.lits.items():
        defined.add(v)
        have, want = aval_of(literal), j.avals[v]
        if (have.shape, have.dtype) != (want.shape, want.dtype):
            raise fault(j, 0, f"literal {literal!r} is {have}, but its variable says {want}")
    for k, eqn in enumerate(j.eqns):
        for v in eqn.ins:
            if v not in defined:
                raise fault(j, k, f"operand {v} is used before it is defined")
        if len(eqn.ins) != eqn.op.nin:
            raise fault(j, k, f"{eqn.op} takes {eqn.op.nin} operands, has {len(eqn.ins)}")
        out = infer(eqn.op, tuple([j.avals[v] for v in eqn.ins]))
        inferred = out if eqn.op.multiple else (out,)
        if tuple(inferred) != tuple([j.avals[v] for v in eqn.outs]):
            raise fault(j, k, f"the rule infers {inferred}, the jaxpr says {[j.avals[v] for v in eqn.outs]}")
        if defined & set(eqn.outs):
            raise fault(j, k, "a result is defined twice")
        defined.update(eqn.outs)
    for v in j.outs:
        if v not in defined:
            raise fault(j, len(j.eqns), f"output {v} is never defined")
    return j


def checked(j: Jaxpr) -> Jaxpr:
    """Check when checking is on."""
    return check_jaxpr(j) if enabled else j


def fault(j: Jaxpr, k: int, why: str) -> JaxprCheckError:
    """The message: the equation at fault in its surroundings."""
    near = Jaxpr(j.invars, j.eqns[max(0, k - 5) : k + 5], (), j.avals, j.lits)
    what = j.eqns[k].op if k < len(j.eqns) else "the outputs"
    return JaxprCheckError(f"equation {k} ({what}): {why}\n{pretty(near)}")
