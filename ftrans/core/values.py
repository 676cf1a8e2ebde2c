"""The values of traced arrays: `value(x)` is what Python gets when it asks a tracer for its contents.

A trace is evaluated as far as values exist, once: what was evaluated is kept, and the program of the call starts from it.
"""

from __future__ import annotations

from typing import Any

from ..errors import ConcretizationTypeError, FtransError, UnexpectedTracerError, at_line, describe
from .primitive import Primitive
from .trace import INPUT, Trace, Tracer, View, equations, length, owner_name, producers, refresh


def leaked(x: Tracer) -> UnexpectedTracerError:
    """The error for a tracer used after its trace ended."""
    owner = f" by {owner_name(*x.t.owner)}" if x.t.owner else ""
    return UnexpectedTracerError(
        at_line(
            f"a traced array {x.a} is used after the call that traced it{owner} has ended",
            hint="return the value from the function instead of storing it in a global, an attribute or a list outside",
        )
    )


def store(t: Trace, pos: int, op: Primitive, out: Any) -> None:
    """Keep the value(s) of the equation at `pos`."""
    if op.multiple:
        for k, v in enumerate(out):
            t.vals[pos + k] = v
    else:
        t.vals[pos] = out


def value_of(v: Any) -> Any:
    """A stored value; where it belongs to an outer trace, the value there."""
    return value(v) if isinstance(v, Tracer) else v


def evaluate(t: Trace) -> None:
    """Evaluate what was recorded since last time, as far as values exist."""
    vals = t.vals
    for pos, op, ins in equations(t, t.mark):
        if all([i in vals for i in ins]) and op.nout:
            try:
                args = [value_of(vals[i]) for i in ins]
            except ConcretizationTypeError:
                continue
            try:
                out = op.eval(*args)
            except Exception as error:
                t.mark = pos + length(op)  # the user may catch it and go on
                where = describe(t.locs[-1])
                if where and not isinstance(error, FtransError):
                    error.add_note(f"in {op.name}, at {where}")
                raise
            store(t, pos, op, out)
    t.mark = len(t)


def value(x: Any) -> Any:
    """The concrete value of a tracer; raises ConcretizationTypeError where there is none."""
    if not isinstance(x, Tracer):
        return x
    if isinstance(x, View):
        refresh(x)
    t = x.t
    if t.closed and x.i not in t.vals:
        return collapse(x)
    if x.i not in t.vals:
        evaluate(t)
    if x.i not in t.vals:
        raise ConcretizationTypeError(f"the value of a traced array {x.a} is not known here")
    return value_of(t.vals[x.i])


def has_value(x: Any) -> bool:
    """Whether `value(x)` would succeed."""
    try:
        value(x)
    except ConcretizationTypeError:
        return False
    return True


def collapse(x: Tracer) -> Any:
    """The value of a tracer whose trace has ended, when it depends on no input of it; else an error."""
    t = x.t
    needed, stack = set(), [x.i]
    sources = producers(t)
    while stack:
        i = stack.pop()
        if i in needed:
            continue
        needed.add(i)
        kind, ins = sources[i]
        if kind is INPUT:
            raise leaked(x)
        stack.extend(ins)
    for pos, op, ins in equations(t):
        if pos in needed and pos not in t.vals:
            store(t, pos, op, op.eval(*[value_of(t.vals[i]) for i in ins]))
    return value_of(t.vals[x.i])
