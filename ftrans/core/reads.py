"""Reads: every value that Python takes from a tracer is an equation, `read[kind]`, so that no transformation can forget it.

Under jit a read is a guard: its outcome selects the trace. `bool`, `int`, `index` reads have derivative zero; `float`, `complex`,
`item` reads detach the value from its derivative, so they raise under differentiation unless the tangent is zero.
"""

from __future__ import annotations

import struct
from typing import Any

import numpy as np

from ..errors import (
    ConcretizationTypeError,
    DetachedReadError,
    NonConcreteBooleanIndexError,
    TracerBoolConversionError,
    TracerIntegerConversionError,
    at_line,
)
from .aval import Aval
from .lift import lift
from .primitive import Primitive
from .trace import Trace, Tracer, current, owner_name
from .values import value

DETACHING = ("float", "complex", "item", "tolist")

NO_VALUE = {
    "bool": (TracerBoolConversionError, "Python asks whether it is true", "use ftrans.numpy.where, or make the argument static"),
    "int": (TracerIntegerConversionError, "Python needs it as an int", "pass the number as a static argument"),
    "index": (TracerIntegerConversionError, "Python needs it as an index", "pass the number as a static argument"),
    "mask": (NonConcreteBooleanIndexError, "the size of the result depends on it", "use ftrans.numpy.where(mask, x, 0)"),
}  # fmt: skip
OTHERWISE = (ConcretizationTypeError, "Python needs its value", "use ftrans.numpy functions, which can be traced")


class Read(Primitive):
    """The value Python took, as a key that compares by bit pattern."""

    kind: str
    outcome: Any
    nout = 0
    multiple = True
    effectful = True

    def aval(self, x: Aval) -> tuple[Aval, ...]:
        return ()

    def eval(self, x: Any) -> tuple[Any, ...]:
        return ()

    def jvp(self, primals: tuple[Any, ...], tangents: tuple[Any, ...], out: Any) -> tuple[Any, ...]:
        if self.kind in DETACHING:
            (x,) = primals
            raise DetachedReadError(
                at_line(
                    f"{self.kind}() takes the value out of a traced array that is differentiated: its derivative would be lost",
                    x.t.src,
                    hint="use the numpy function instead of math's; make the array it is stored in by ftrans.numpy.zeros; or say "
                    "ft.stop_gradient(x) if you mean it",
                )
            )
        return ()

    def vmap(self, size: int, args: tuple[Any, ...], dims: tuple[int | None, ...]) -> tuple[Any, Any]:
        raise no_value(self.kind, args[0].a)


def no_value(kind: str, a: Aval) -> ConcretizationTypeError:
    """The error for a value that is not known here: under vmap, or in make_jaxpr."""
    error, why, hint = NO_VALUE.get(kind, OTHERWISE)
    owner = owner_name(*current.trace.owner) if current.trace is not None and current.trace.owner else "this transformation"
    return error(at_line(f"{kind}() of a traced array {a} whose value is not known under {owner}: {why}", hint=hint))


def outcome_key(v: Any) -> Any:
    """A value as a hashable key: nan equals nan, -0.0 differs from 0.0."""
    if isinstance(v, bool | int):
        return v
    if isinstance(v, float):
        return ("float", struct.pack("<d", v))
    if isinstance(v, complex):
        return ("complex", struct.pack("<dd", v.real, v.imag))
    a = np.asarray(v)
    return ("array", a.shape, a.dtype.str, a.tobytes())


def outcome_value(key: Any) -> Any:
    """The value a key stands for."""
    if isinstance(key, bool | int):
        return key
    if key[0] == "float":
        return struct.unpack("<d", key[1])[0]
    if key[0] == "complex":
        return complex(*struct.unpack("<dd", key[1]))
    _, shape, dtype, data = key
    return np.frombuffer(data, dtype).reshape(shape).copy()


CONVERT: dict[str, Any] = {
    "bool": bool,
    "int": int,
    "index": lambda v: v.__index__(),
    "float": float,
    "complex": complex,
    "item": lambda v: v.item() if hasattr(v, "item") else v,
    "mask": np.asarray,
    "array": np.asarray,
    "tolist": np.asarray,
}


def outcome_of(kind: str, v: Any) -> Any:
    """What Python gets from a concrete value by a read of this kind."""
    return CONVERT[kind](v)


def read(x: Tracer, kind: str) -> Any:
    """Give Python the value of x, and record that it did."""
    t = current.trace
    if t is None or x.t.closed:
        return outcome_of(kind, value(x))
    operand = lift(t, x)
    root = outermost(t)
    if len(root.reads) < len(root.forced):
        key = root.forced[len(root.reads)]
        result = outcome_value(key)
    else:
        try:
            known = value(operand)
        except ConcretizationTypeError:
            raise no_value(kind, operand.a) from None
        result = outcome_of(kind, known)
        key = outcome_key(result)
    root.reads.append(key)
    t.record(Read(kind, key), (operand,))
    return result


def outermost(t: Trace) -> Trace:
    """The first trace opened: it keeps the order of the reads."""
    while t.parent is not None:
        t = t.parent
    return t


def show(x: Tracer) -> str:
    """The text of a tracer for print and f-strings: its value where it is known. Formatting for display never raises."""
    try:
        return str(value(x))
    except Exception:  # display must not raise, whatever is wrong with the trace
        return f"Tracer<{x.a}>"
