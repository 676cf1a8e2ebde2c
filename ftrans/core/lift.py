"""Make a tracer of anything an operation may be given: `lift(t, x)`.

Python's scalars and captured arrays become constants, which are run-time arguments of the program; tracers of an enclosing trace
become operands; a captured array has, at each use, the contents it has then.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..errors import DtypeError, UnexpectedTracerError, WriteError, at_line, shown
from .aval import WEAK, aval, aval_of
from .trace import Trace, Tracer, View, current, ndarray, refresh
from .values import collapse, leaked

# What turns a list that contains tracers into one (set by ops.structural, which knows how to stack).
lift_sequence: list[Callable[[Any], Any]] = []


def lift(t: Trace, x: Any) -> Tracer:
    """Anything an operation may be given -> a tracer of t."""
    kind = type(x)
    if kind is Tracer and x.t is t:
        return x  # type: ignore[no-any-return]
    weak = WEAK.get(kind)
    if weak is not None:
        return t.const(x, weak)
    if isinstance(x, Tracer):
        return lift_tracer(t, x)
    if isinstance(x, ndarray):
        return lift_array(t, x if kind is ndarray else plain_array(x))
    if isinstance(x, np.generic):
        check_dtype(x.dtype)
        return t.const(x, aval_of(x))
    if isinstance(x, list | tuple):
        return lift(t, lift_sequence[0](x))
    if isinstance(x, int | float | complex):  # subclasses of Python's scalars: bool enums, IntEnum
        return lift(t, x.__index__() if isinstance(x, int) else complex(x) if isinstance(x, complex) else float(x))
    if hasattr(x, "__array__"):
        return lift_array(t, np.asarray(x))
    raise DtypeError(at_line(f"cannot trace {shown(x)} of type {kind.__name__}: expected an array or a number"))


def plain_array(x: ndarray[Any, Any], name: str = "a captured array") -> ndarray[Any, Any]:
    """An instance of a subclass of ndarray as a plain array, where that means the same."""
    if isinstance(x, (np.ma.MaskedArray, np.matrix)):
        raise DtypeError(
            at_line(
                f"{name} is a {type(x).__name__}, whose arithmetic is not that of an ndarray",
                hint="pass np.asarray(x), and the mask as an argument of its own",
            )
        )
    own = [c for c in type(x).__mro__[: type(x).__mro__.index(ndarray)] if not OVERRIDES.isdisjoint(vars(c))]
    if own:
        raise DtypeError(
            at_line(
                f"{name} is a {type(x).__name__}, a subclass of ndarray with operators of its own",
                hint="pass np.asarray(x), if ndarray's arithmetic is meant",
            )
        )
    return np.asarray(x)


# Methods by which a subclass of ndarray changes what its arithmetic means.
OVERRIDES = frozenset(
    ["__array_ufunc__", "__array_function__", "__neg__", "__abs__", "__pow__", "__rpow__"]
    + [f"__{kind}{name}__" for kind in ("", "r", "i") for name in ("add", "sub", "mul", "truediv", "matmul")]
)
# bool, the integers, float16/32/64, complex64/128 by their number, which is quicker to get than a name.
TRACED_DTYPES = frozenset([np.dtype(c).num for c in "?bBhHiIlLqQefdFD"])


def check_dtype(dtype: np.dtype[Any]) -> None:
    """Only numbers and booleans are traced."""
    if dtype.num not in TRACED_DTYPES:
        raise DtypeError(
            at_line(
                f"cannot trace an array of dtype {dtype}: ftrans traces booleans, integers, floats and complex numbers",
                hint="keep such data outside of the transformed function, or convert it with .astype(...)",
            )
        )


SMALL = 64  # captured arrays up to this size are copied when recorded, larger ones fingerprinted


def lift_array(t: Trace, x: ndarray[Any, Any]) -> Tracer:
    """A captured ndarray is a constant whose contents are those it has at this use."""
    if t.owner is not None and t.parent is not None and t.parent.owner is not None:
        return lift_tracer(t, lift_array(t.parent, x))  # jit, which may be the outermost, reads it at every call
    known = t.ids.get(id(x))
    if known is not None:
        i, _, contents = known
        if contents is None or x.tobytes() == contents:
            return t.tracer(i, aval(x.shape, x.dtype, False, False))
        t.unstable = True
    check_dtype(x.dtype)
    plain = x if x.dtype.isnative else x.astype(x.dtype.newbyteorder("="))
    if x.size <= SMALL:
        contents, plain = x.tobytes(), plain.copy()
    else:
        contents = None
        t.snapshots.append((x, fingerprint(x)))
    new = t.const(plain, aval(x.shape, plain.dtype, False, False))
    t.ids[id(x)] = (new.i, x, contents)
    return new


# Odd multipliers, one for each place in a block: multiples of 2**64 over the golden ratio (Knuth, TAOCP 6.4).
WEIGHTS = np.arange(1, 8193, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15) | np.uint64(1)


def fingerprint(x: ndarray[Any, Any]) -> int:
    """A checksum of the contents, sensitive to position; 0.1 ms for 1e5 float64."""
    raw = np.ascontiguousarray(x).reshape(-1).view(np.uint8)
    words = raw[: raw.size // 8 * 8].view(np.uint64)
    whole = words.size // WEIGHTS.size * WEIGHTS.size
    rows = words[:whole].reshape(-1, WEIGHTS.size) @ WEIGHTS
    rest = words[whole:]
    tail = int(np.frombuffer(raw[words.size * 8 :].tobytes().ljust(8, b"\0"), np.uint64)[0])
    sums = [*rows.tolist(), int(rest @ WEIGHTS[: rest.size]), tail]
    return hash(tuple(sums))


def check_snapshots(t: Trace) -> None:
    """Raise when a captured array changed during the trace: its earlier uses could no longer be given their contents."""
    for x, before in t.snapshots:
        if fingerprint(x) != before:
            raise WriteError(
                f"an array of shape {x.shape} that the traced function uses was changed while the function ran\n"
                "  pass the array as an argument, or write to a copy made inside the function"
            )


def lift_tracer(t: Trace, x: Tracer) -> Tracer:
    """A view, or a tracer of another trace -> a tracer of t."""
    if isinstance(x, View):
        refresh(x)
    home = x.t
    if home is t:
        return x
    if home.closed:
        return lift(t, collapse(x))
    ancestor = t.parent
    while ancestor is not None and ancestor is not home:
        ancestor = ancestor.parent
    if ancestor is None:
        if current.trace is not None and is_inside(home, t):
            raise UnexpectedTracerError(at_line("a value of an inner transformation reached an outer one before it ended"))
        raise leaked(x)
    key = (id(home) << 64) | x.i
    known = t.ids.get(key)
    if known is not None:
        return t.tracer(known[0], x.a)
    t.captures = True
    outer = home.tracer(x.i, x.a)  # a handle of its own: later writes to x do not reach it
    new = t.const(outer, x.a)
    t.ids[key] = (new.i, outer, None)
    return new


def is_inside(inner: Trace, outer: Trace) -> bool:
    """Whether `inner` was opened while `outer` was open."""
    parent = inner.parent
    while parent is not None and parent is not outer:
        parent = parent.parent
    return parent is outer
