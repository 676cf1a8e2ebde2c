"""In-place writes: `write(x, new)` gives a traced array new contents, and all that it shares memory with.

A tracer is a handle whose cell holds the current variable; a write puts another variable there. Through a view it rewrites the
base.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from ..errors import MutationWarning, WriteError, at_line
from .aval import Aval, aval
from .lift import lift
from .primitive import Primitive
from .trace import CONST, INPUT, Trace, Tracer, View, current, owner_name, refresh, shares_memory
from .values import leaked


class Copy(Primitive):
    """The same array in memory of its own, in C order, in that of the original ("K"), or in an unknown one ("?")."""

    order: str = "C"

    def aval(self, x: Aval) -> Aval:
        return aval(x.shape, x.dtype, False, False)

    def eval(self, x: Any) -> Any:
        return np.array(x, order="C" if self.order == "?" else self.order)  # type: ignore[call-overload]

    def jvp(self, primals: tuple[Any, ...], tangents: tuple[Any, ...], out: Any) -> Any:
        return tangents[0]

    def transpose(self, ct: Any, *args: Any) -> tuple[Any, ...]:
        return (ct,)

    def vmap(self, size: int, args: tuple[Any, ...], dims: tuple[int | None, ...]) -> tuple[Any, Any]:
        return args[0], dims[0]

    @classmethod
    def examples(cls) -> list[Any]:
        return [(cls(), (np.arange(6.0).reshape(2, 3),)), (cls(), (np.array(1 + 2j),)), (cls(), (np.zeros((0, 2), np.float32),))]


def write(x: Tracer, new: Tracer) -> None:
    """Replace the contents of x, and of all it is a view of. `new` has x's aval."""
    t = current.trace
    if x.t is not t:
        if x.t.closed:
            raise leaked(x)
        raise WriteError(
            at_line(
                f"an inner transformation writes to an array {x.a} of the function around it",
                hint="return the new contents from the inner function and assign them outside",
            )
        )
    if isinstance(x, View):
        refresh(x)
        if x.lens is not None and shares_memory(x):
            base = x.base
            write(base, lift(t, x.lens.put(base, new, *x.rest)))
            x.i, x.seen = new.i, base.i
            return
    else:
        kind = t[x.i]
        if kind is CONST:
            raise WriteError(
                at_line(
                    f"the traced function writes to an array {x.a} that it captured from outside",
                    hint="pass the array as an argument, or write to a copy made inside the function",
                )
            )
        if kind is INPUT:
            warn_of_mutation(t, x)
            t.written.add(x.i)
    if t[new.i] is INPUT or t[new.i] is CONST or new.a.scalar:  # a later write to x must not be taken for one to that array
        new = t.record(Copy(), (new,))
    t.homes[new.i] = x.i
    x.i = new.i


def warn_of_mutation(t: Trace, x: Tracer) -> None:
    """Point out, once a trace, that an argument is written to: the caller's array stays as it is."""
    if not t.written:
        name = owner_name(*t.owner) if t.owner else "the traced function"
        warnings.warn(
            MutationWarning(
                at_line(
                    f"{name} writes to its argument {x.a}: the result is right, but the caller's array is not changed",
                    hint="write to a copy (x = x.copy()) to say that this is meant",
                )
            ),
            stacklevel=2,
        )
