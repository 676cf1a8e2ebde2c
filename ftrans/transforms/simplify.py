"""Clean-up of a jaxpr: see `emit.Emitter` for what it leaves out.

Precondition: a well-typed jaxpr. Postcondition: the same results bit for bit, the same guards in the same order.
"""

from __future__ import annotations

from ..core.jaxpr import Jaxpr, derived
from .emit import Emitter


@derived
def simplify(j: Jaxpr) -> Jaxpr:
    """j without repeated, trivial and dead equations."""
    em = Emitter()
    args = [em.input(a) for a in j.in_avals]
    return em.finish(args, em.inline(j, args))
