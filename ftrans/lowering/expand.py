"""What a compiler wants to be given instead: `expanded(j)`.

A softmax is one NumPy step, which is best while a program is cold. A compiler wants its parts: the maximum, the exponentials and
their sum fuse with what stands before and after them. A primitive offers the parts by a rule `expand(*args)`, written like `jvp`
with recorded functions; it returns None where it has none for these operands.

Precondition: a well-typed jaxpr. Postcondition: the same results up to rounding, the same guards in the same order.
"""

from __future__ import annotations

from ..core.check import checked
from ..core.jaxpr import Eqn, Jaxpr, derived
from ..core.trace import Trace
from ..core.views import Copy
from ..transforms.simplify import simplify

CONSTANT = 1 << 16  # elements that a constant may have to be kept


@derived
def expanded(j: Jaxpr) -> Jaxpr:
    """j with every operation expanded that can be, and without copies; j itself where there is nothing to do."""
    j = without_copies(with_constants(j))
    if not any([eqn.op.expand is not None for eqn in j.eqns]):
        return j
    with Trace() as t:
        t.src = ()
        env = {v: t.input(j.avals[v]) for v in j.invars}
        env |= {v: t.const(value, j.avals[v]) for v, value in j.lits.items()}
        for eqn in j.eqns:
            t.src = eqn.loc or ()
            ins = [env[v] for v in eqn.ins]
            out = eqn.op.expand(*ins) if eqn.op.expand is not None else None
            if out is None:
                out = t.record(eqn.op, ins)
            env.update(zip(eqn.outs, out if eqn.op.multiple else (out,), strict=True))
        outs = [env[v].i for v in j.outs]
    return simplify(checked(Jaxpr.from_trace(t, outs, baked=True)))


def with_constants(j: Jaxpr) -> Jaxpr:
    """j with what depends on nothing computed once, where it is not large."""
    made = {eqn.outs[0]: eqn.op for eqn in j.eqns if not eqn.ins and not eqn.op.effectful and len(eqn.outs) == 1}
    lits = {v: op.eval() for v, op in made.items() if j.avals[v].size <= CONSTANT and v not in j.outs}
    if not lits:
        return j
    eqns = [eqn for eqn in j.eqns if not eqn.outs or eqn.outs[0] not in lits]
    return checked(Jaxpr(j.invars, eqns, j.outs, j.avals, j.lits | lits))


def without_copies(j: Jaxpr) -> Jaxpr:
    """j reading arrays where it read copies of them, which differ in their order in memory at most."""
    name: dict[int, int] = {}
    eqns = []
    for eqn in j.eqns:
        ins = tuple([name.get(v, v) for v in eqn.ins])
        if isinstance(eqn.op, Copy) and eqn.outs[0] not in j.outs and j.avals[ins[0]] is j.avals[eqn.outs[0]]:
            name[eqn.outs[0]] = ins[0]
        else:
            eqns.append(Eqn(eqn.op, ins, eqn.outs, eqn.loc) if ins != eqn.ins else eqn)
    return checked(Jaxpr(j.invars, eqns, j.outs, j.avals, j.lits)) if name else j
