"""Run a jaxpr on arguments: inlined into the open trace, or executed when there is none.

    run(jaxpr, args)        # the list of results: ndarrays and scalars, or tracers

The executor is put in by the backends (`executor[0] = ...`); until then a plain interpreter serves, which is also the reference.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..errors import FtransError, describe
from .jaxpr import Eqn, Jaxpr, append_inline
from .trace import Tracer, current, evaluate, lift


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


def is_tracing(*leaves: Any) -> bool:
    """Whether any of these is a tracer."""
    return any([isinstance(x, Tracer) for x in leaves])
