"""Clean-up of a jaxpr: `simplify(j)`, and each of its passes alone, to be printed and tested.

Every pass expects a well-typed jaxpr and gives one with the same results bit for bit (but for the sign of nan) and the same guards
in the same order; what more is true of the result is said at each. `simplify` does all of them in one walk, 3 µs an equation, and
so finds what one pass makes possible for another. The passes are written in emit.py and identities.py.
"""

from __future__ import annotations

from collections.abc import Callable

from ..core.jaxpr import Jaxpr, derived
from .emit import PASSES, Emitter


def rewritten(j: Jaxpr, passes: frozenset[str]) -> Jaxpr:
    """j written anew with some of the passes."""
    em = Emitter(passes)
    args = [em.input(a) for a in j.in_avals]
    return em.finish(args, em.inline(j, args))


@derived
def simplify(j: Jaxpr) -> Jaxpr:
    """j without repeated, trivial and dead equations."""
    return rewritten(j, PASSES)


@derived
def share_repeated(j: Jaxpr) -> Jaxpr:
    """Afterwards no two equations have the same operation and operands, except guards."""
    return rewritten(j, frozenset(["share"]))


@derived
def fold_constants(j: Jaxpr) -> Jaxpr:
    """Afterwards no pointwise operation has literal numbers only, unless its result is not finite or NumPy warns of it."""
    return rewritten(j, frozenset(["fold"]))


@derived
def drop_widening(j: Jaxpr) -> Jaxpr:
    """Afterwards no pointwise operation reads a broadcast that it would do itself, or a Python scalar made of a NumPy scalar for
    nothing; a function of a broadcast is the broadcast of the function."""
    return rewritten(j, frozenset(["widen"]))


@derived
def apply_identities(j: Jaxpr) -> Jaxpr:
    """Afterwards no rule of identities.py applies."""
    return rewritten(j, frozenset(["identities"]))


@derived
def drop_dead(j: Jaxpr) -> Jaxpr:
    """Afterwards a result or a guard depends on every equation."""
    return rewritten(j, frozenset(["dead"]))


SIMPLIFICATIONS: tuple[Callable[[Jaxpr], Jaxpr], ...] = (share_repeated, fold_constants, drop_widening, apply_identities, drop_dead)
"""The passes of `simplify`, in the order in which `explain` shows them."""
