"""Run a jaxpr on arguments: inlined into the open trace, or executed when there is none.

    run(jaxpr, args)        # the list of results: ndarrays and scalars, or tracers

The executor is put in by the backends (`executor[0] = ...`); until then a plain interpreter serves, which is also the reference.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..errors import FtransError, describe
from .jaxpr import Eqn, Jaxpr, append_inline, derived, live
from .lift import lift
from .trace import Trace, Tracer, current
from .values import evaluate


def interpret(j: Jaxpr, args: Sequence[Any]) -> list[Any]:
    """Evaluate equation by equation with the `eval` rules: the reference for every backend."""
    env: dict[int, Any] = dict(zip(j.invars, args, strict=True)) | j.lits
    for eqn in j.eqns:
        out = eqn.op.eval(*[env[v] for v in eqn.ins])
        if eqn.op.multiple:
            env.update(zip(eqn.outs, out, strict=True))
        else:
            env[eqn.outs[0]] = out
    return [own(env[v]) for v in j.outs]


def own(x: Any) -> Any:
    """A result that shares memory with nothing."""
    return x.copy() if isinstance(x, np.ndarray) else x


executor: list[Callable[[Jaxpr, Sequence[Any]], list[Any]]] = [interpret]


def run(j: Jaxpr, args: Sequence[Any]) -> list[Any]:
    """The results of j on args, which have the avals of its inputs."""
    t = current.trace
    if t is None:
        return executor[0](j, args)
    outs = append_inline(t, j, [lift(t, x) for x in args])
    if any([eqn.op.may_raise for eqn in j.eqns]):
        evaluate(t)
    return outs


def add_line(error: Exception, eqn: Eqn) -> None:
    """Say in a run-time error which line of the user's the failing operation came from."""
    where = describe(eqn.loc)
    if where and not isinstance(error, FtransError) and not getattr(error, "__notes__", None):
        error.add_note(f"in {eqn.op.name}, traced at {where}")


def run_traced(j: Jaxpr, source: Jaxpr, t: Trace, args: Sequence[Any]) -> list[Any]:
    """The results of j, which was derived from the trace t of `source`: what t has evaluated already is not run again."""
    if t.mark == 0 or current.trace is not None:
        return run(j, args)
    known = {v: t.vals[w] for v, w in common(j, source).items() if w in t.vals and not isinstance(t.vals[w], Tracer)}
    if not known:
        return run(j, args)
    rest = given(j, frozenset(known))
    return executor[0](rest, [*args, *[known[v] for v in rest.invars[len(j.invars) :]]])


@derived
def common(j: Jaxpr, source: Jaxpr) -> dict[int, int]:
    """Which variables of j are computed exactly as a variable of `source`, whose inputs come first among j's."""
    same = dict(zip(j.invars, source.invars, strict=False))
    made = {(eqn.op, eqn.ins): eqn.outs for eqn in source.eqns}
    found: dict[int, int] = {}
    for eqn in j.eqns:
        if all([v in same for v in eqn.ins]):
            outs = made.get((eqn.op, tuple([same[v] for v in eqn.ins])))
            if outs is not None:
                same.update(zip(eqn.outs, outs, strict=True))
                found.update(zip(eqn.outs, outs, strict=True))
    return found


@derived
def given(j: Jaxpr, known: frozenset[int]) -> Jaxpr:
    """j with some of its variables as further inputs instead of being computed."""
    eqns = [eqn for eqn in j.eqns if not eqn.outs or not all([v in known for v in eqn.outs])]
    kept = live(eqns, j.outs)
    used = {v for eqn in kept for v in eqn.ins} | set(j.outs)
    computed = {v for eqn in kept for v in eqn.outs}
    return Jaxpr([*j.invars, *sorted((known & used) - computed)], kept, j.outs, j.avals, j.lits)
