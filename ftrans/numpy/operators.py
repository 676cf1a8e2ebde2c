"""Python's operators on traced arrays: `x + y`, `-x`, `x < y`, `x @ y`, `x += y`, `divmod(x, y)`.

An operator is the fast path of its primitive and costs nothing on top of it, except that two Python scalars give a Python scalar
(a weak aval), as they do in Python; NumPy's functions give NumPy scalars. What cannot be traced gives NotImplemented, so that the
other operand gets its turn.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..core.aval import BOOL, INT, WEAK
from ..core.primitive import Primitive, registry
from ..core.reads import read
from ..core.trace import Tracer, bind, binary, current, lift, unary, value, write
from ..errors import DtypeError, ShapeError, at_line
from ..ops.structural import Weaken, convert
from . import dispatch

BITWISE = (np.bitwise_and, np.bitwise_or, np.bitwise_xor)

BINARY: dict[str, Any] = {
    "add": np.add, "sub": np.subtract, "mul": np.multiply, "truediv": np.true_divide, "floordiv": np.floor_divide,
    "mod": np.remainder, "pow": np.power, "and": np.bitwise_and, "or": np.bitwise_or, "xor": np.bitwise_xor,
    "lshift": np.left_shift, "rshift": np.right_shift, "matmul": np.matmul,
}  # fmt: skip
COMPARE: dict[str, tuple[Any, str]] = {
    "lt": (np.less, "gt"), "le": (np.less_equal, "ge"), "eq": (np.equal, "eq"),
    "ne": (np.not_equal, "ne"), "gt": (np.greater, "lt"), "ge": (np.greater_equal, "le"),
}  # fmt: skip
UNARY: dict[str, Any] = {"neg": np.negative, "abs": np.absolute, "invert": np.invert}


def is_weak(x: Any) -> bool:
    """Whether x is a Python scalar, traced or not."""
    return x.a.weak if isinstance(x, Tracer) else type(x) in WEAK


def traceable(x: Any) -> bool:
    """Whether an operand of an operator is an array, a number or a sequence; others may have an operator of their own."""
    if isinstance(x, np.ndarray):
        return x.dtype != object
    return isinstance(x, Tracer | int | float | complex | np.generic | list | tuple) or hasattr(x, "__array__")


def weaken(x: Any) -> Any:
    """A result of Python's operators on Python scalars."""
    return bind(Weaken(), x)


def as_int(x: Any) -> Any:
    """Python's arithmetic on bools is that of ints."""
    if isinstance(x, Tracer):
        return weaken(convert(x, INT)) if x.a.dtype == BOOL else x
    return int(x) if isinstance(x, bool) else x


def python_binary(op: Primitive, x: Any, y: Any) -> Any:
    """An operator on two Python scalars, with Python's result type."""
    ufunc = getattr(op, "ufunc", None)
    if ufunc not in BITWISE and ufunc not in COMPARISONS:
        x, y = as_int(x), as_int(y)
        if ufunc is np.power and isinstance_int(x) and isinstance_int(y) and negative(y):
            x = float(x) if not isinstance(x, Tracer) else weaken(convert(x, float))
    return weaken(bind(op, x, y))


COMPARISONS = tuple([ufunc for ufunc, _ in COMPARE.values()])


def isinstance_int(x: Any) -> bool:
    """Whether a Python scalar, traced or not, is an int."""
    return bool(x.a.dtype == INT) if isinstance(x, Tracer) else isinstance(x, int)


def negative(y: Any) -> bool:
    """Whether an int exponent is below zero, which makes Python's result a float."""
    return bool(read(bind(registry["less"](), y, 0), "bool")) if isinstance(y, Tracer) else y < 0


def slow_binary(op: Primitive, x: Any, y: Any) -> Any:
    """An operator with operands that the fast path does not take."""
    if not (traceable(x) and traceable(y)):
        return NotImplemented
    if is_weak(x) and is_weak(y):
        return python_binary(op, x, y)
    return bind(op, x, y)


def primitive_of(ufunc: Any) -> Primitive | None:
    """The pointwise primitive of a NumPy ufunc."""
    for cls in registry.values():
        if getattr(cls, "ufunc", None) is ufunc:
            return cls()
    return None


def forward_of(ufunc: Any) -> Callable[[Any, Any], Any]:
    """The function behind `x + y`."""
    op = primitive_of(ufunc)
    if op is not None:
        return binary(op, slow_binary)

    def forward(x: Any, y: Any, /) -> Any:
        return dispatch.ufunc_of(ufunc)(x, y) if traceable(x) and traceable(y) else NotImplemented

    return forward


def install_binary(name: str, forward: Callable[[Any, Any], Any], ufunc: Any) -> None:
    """`x + y`, `y + x` and `x += y`."""

    def reflected(x: Any, y: Any, /) -> Any:
        return forward(y, x)

    def in_place(x: Tracer, y: Any, /) -> Any:
        new = forward(x, y)
        if x.a.scalar or new is NotImplemented:  # scalars are immutable: `t += 5` gives t a new meaning
            return new
        return store(x, new, ufunc.__name__)

    for prefix, function in (("", forward), ("r", reflected), ("i", in_place)):
        function.__name__ = f"__{prefix}{name}__"
        setattr(Tracer, f"__{prefix}{name}__", function)


def store(x: Tracer, new: Any, name: str) -> Tracer:
    """Put the result of a ufunc into the array x, with NumPy's rules for out=: the same shape, and casting 'same_kind'."""
    t = current.trace
    if t is None:
        raise DtypeError(at_line(f"{name}: a traced array is written to after its trace has ended"))
    new = lift(t, new)
    if not np.can_cast(new.a.dtype, x.a.dtype, "same_kind"):
        raise DtypeError(
            at_line(
                f"cannot cast the output of ufunc {name!r} from {new.a.dtype} to {x.a.dtype} with casting rule 'same_kind'",
                hint=f"an in-place operator keeps the dtype of its left side: write x = x {name} y for a new array, or convert",
            )
        )
    if new.a.shape != x.a.shape:
        raise ShapeError(
            at_line(f"{name}: the result has shape {new.a.shape}, and cannot be stored in the left side of shape {x.a.shape}")
        )
    write(x, lift(t, convert(new, x.a.dtype)))
    return x


def install_comparison(name: str, ufunc: Any) -> None:
    """`x < y`; with what is no array or number == is False and != True everywhere, as in NumPy."""
    forward = forward_of(ufunc)
    if name in ("eq", "ne"):
        ordered = forward

        def forward(x: Any, y: Any, /) -> Any:
            new = ordered(x, y)
            if new is NotImplemented and (y is None or isinstance(y, str)):
                return np.full(x.shape, name == "ne")[()]
            return new

    forward.__name__ = f"__{name}__"
    setattr(Tracer, f"__{name}__", forward)


def unary_operator(op: Primitive) -> Callable[[Any], Any]:
    """The function behind `-x`."""
    fast = unary(op)

    def call(x: Tracer, /) -> Any:
        if x.a.weak:
            keep = getattr(op, "ufunc", None) is np.invert and x.a.dtype == BOOL
            return weaken(bind(op, as_int(x) if not keep else as_int(x)))
        return fast(x)

    return call


def install_unary(name: str, ufunc: Any) -> None:
    """`-x`, `abs(x)`, `~x`."""
    op = primitive_of(ufunc)
    function = unary_operator(op) if op is not None else lambda x, /: dispatch.ufunc_of(ufunc)(x)
    setattr(Tracer, f"__{name}__", function)


def positive(x: Tracer, /) -> Any:
    """`+x`."""
    return as_int(x) if x.a.weak else dispatch.ufunc_of(np.positive)(x)


def power(x: Any, y: Any, modulo: None = None, /) -> Any:
    """`x ** y`."""
    if modulo is not None:
        return NotImplemented
    return raise_to(x, y)


raise_to = forward_of(np.power)


def both(x: Any, y: Any, /) -> Any:
    """`divmod(x, y)`."""
    return x // y, x % y


def both_reflected(x: Any, y: Any, /) -> Any:
    """`divmod(y, x)`."""
    return y // x, y % x


def install() -> None:
    """Give tracers their operators."""
    for name, ufunc in BINARY.items():
        install_binary(name, forward_of(ufunc), ufunc)
    for name, (ufunc, _) in COMPARE.items():
        install_comparison(name, ufunc)
    for name, ufunc in UNARY.items():
        install_unary(name, ufunc)
    Tracer.__pos__ = positive  # type: ignore[attr-defined]
    Tracer.__divmod__ = both  # type: ignore[attr-defined]
    Tracer.__rdivmod__ = both_reflected  # type: ignore[attr-defined]


install()

__all__ = ["is_weak", "store", "value", "weaken"]
