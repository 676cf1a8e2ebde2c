"""Python's operators on traced arrays: `x + y`, `-x`, `x < y`, `x @ y`, `x += y`, `divmod(x, y)`.

An operator is the fast path of its primitive and costs nothing on top of it, except that two Python scalars give a Python scalar
(a weak aval), as they do in Python; NumPy's functions give NumPy scalars. What cannot be traced gives NotImplemented, so that the
other operand gets its turn.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from ..core.aval import BOOL, INT, WEAK
from ..core.bind import binary, bind, unary
from ..core.lift import lift
from ..core.primitive import Primitive
from ..core.reads import read
from ..core.trace import Tracer, current
from ..core.values import has_value
from ..core.views import write
from ..errors import DtypeError, ShapeError, UnexpectedTracerError, at_line
from ..ops import elementwise as ops
from ..ops.structural import Weaken, convert
from .args import array
from .products import matmul
from .products import product as matrix_product

BINARY: dict[str, tuple[Primitive, str]] = {
    "add": (ops.Add(), "+"), "sub": (ops.Sub(), "-"), "mul": (ops.Mul(), "*"), "truediv": (ops.Div(), "/"),
    "floordiv": (ops.FloorDivide(), "//"), "mod": (ops.Remainder(), "%"), "and": (ops.BitwiseAnd(), "&"),
    "or": (ops.BitwiseOr(), "|"), "xor": (ops.BitwiseXor(), "^"), "lshift": (ops.LeftShift(), "<<"),
    "rshift": (ops.RightShift(), ">>"),
}  # fmt: skip
COMPARE: dict[str, Primitive] = {
    "lt": ops.Less(), "le": ops.LessEqual(), "eq": ops.Equal(), "ne": ops.NotEqual(), "gt": ops.Greater(), "ge": ops.GreaterEqual(),
}  # fmt: skip
UNARY: dict[str, Primitive] = {"neg": ops.Neg(), "abs": ops.Abs(), "invert": ops.Invert(), "pos": ops.Positive()}

MUL = ops.Mul()
OF_BOOLS = (ops.BitwiseAnd(), ops.BitwiseOr(), ops.BitwiseXor(), *COMPARE.values())  # these give a bool for two bools
TRACED = (Tracer, int, float, complex, np.generic, list, tuple)


def is_weak(x: Any) -> bool:
    """Whether x is a Python scalar, traced or not."""
    return x.a.weak if isinstance(x, Tracer) else type(x) in WEAK


def traceable(x: Any) -> bool:
    """Whether an operand of an operator is an array, a number or a sequence; others may have an operator of their own."""
    if isinstance(x, np.ndarray):
        return x.dtype != object
    return isinstance(x, TRACED) or hasattr(x, "__array__")


def weaken(x: Any) -> Any:
    """A result of Python's operators on Python scalars."""
    return bind(Weaken(), x)


def as_int(x: Any) -> Any:
    """Python's arithmetic on bools is that of ints."""
    if isinstance(x, Tracer):
        return weaken(convert(x, INT)) if x.a.dtype == BOOL else x
    return int(x) if isinstance(x, bool) else x


def is_integer(x: Any) -> bool:
    """Whether a Python scalar, traced or not, is an int."""
    return x.a.dtype == INT if isinstance(x, Tracer) else isinstance(x, int)


def slow_binary(op: Primitive, x: Any, y: Any) -> Any:
    """An operator with operands that the fast path does not take."""
    if not (traceable(x) and traceable(y)):
        return NotImplemented
    if op is MUL and (isinstance(x, list | tuple) or isinstance(y, list | tuple)):
        items, n = (x, y) if isinstance(x, list | tuple) else (y, x)
        if n.a.scalar and n.a.dtype.kind in "iu":  # Python repeats the sequence, also for NumPy's scalars
            return items * read(n, "index")
    if not (is_weak(x) and is_weak(y)):
        return bind(op, x, y)
    if op not in OF_BOOLS:
        x, y = as_int(x), as_int(y)
        if op in INTEGER and is_integer(x) and is_integer(y) and (exact := python_ints(op, x, y)) is not None:
            return exact
    return weaken(bind(op, x, y))


def log2(x: Any) -> Any:
    """About how many bits an int takes, as a float."""
    return ops.log2(ops.absolute(x) + 1.0)


# For Python's operators on ints: the exact function, and whether int64 can have the result (operands given as floats).
INTEGER: dict[Primitive, tuple[Callable[[Any, Any], Any], Callable[[Any, Any], Any]]] = {
    ops.Add(): (operator.add, lambda x, y: ops.absolute(x + y) < 2.0**62),
    ops.Sub(): (operator.sub, lambda x, y: ops.absolute(x - y) < 2.0**62),
    ops.Mul(): (operator.mul, lambda x, y: ops.absolute(x * y) < 2.0**62),
    ops.LeftShift(): (operator.lshift, lambda x, y: ops.absolute(log2(x) + y - 31.0) < 31.0),
    ops.Power(): (operator.pow, lambda x, y: log2(x) * y < 62.0),
    ops.Div(): (operator.truediv, lambda x, y: y != 0.0),
    ops.FloorDivide(): (operator.floordiv, lambda x, y: y != 0.0),
    ops.Remainder(): (operator.mod, lambda x, y: y != 0.0),
}


def python_ints(op: Primitive, x: Any, y: Any) -> Any:
    """Python's result for two ints where int64 cannot have it: too large, or an error; None where it can."""
    if not (has_value(x) and has_value(y)):
        return None
    exact, fits = INTEGER[op]
    possible = fits(weaken(convert(x, float)), weaken(convert(y, float)))
    if possible if isinstance(possible, bool) else read(possible, "bool"):
        return None
    return exact(as_known(x), as_known(y))


def as_known(x: Any) -> int:
    """The value of an int, under guard."""
    return read(x, "int") if isinstance(x, Tracer) else x


def power(x: Any, y: Any, modulo: None = None, /) -> Any:
    """`x ** y`."""
    if modulo is not None or not (traceable(x) and traceable(y)):
        return NotImplemented
    if not (is_weak(x) and is_weak(y)):
        return ops.raise_to(x, y)
    x, y = as_int(x), as_int(y)
    if is_integer(x) and is_integer(y) and bool(y < 0 if not isinstance(y, Tracer) else read(ops.less(y, 0), "bool")):
        x = weaken(convert(x, float)) if isinstance(x, Tracer) else float(x)  # Python's 2 ** -1 is 0.5
    elif is_integer(x) and is_integer(y) and (exact := python_ints(ops.Power(), x, y)) is not None:
        return exact
    return weaken(ops.raise_to(x, y))


def product(x: Any, y: Any, /) -> Any:
    """`x @ y`."""
    if not (traceable(x) and traceable(y)):
        return NotImplemented
    return matmul(x, y) if current.trace is None else matrix_product(array(x), array(y))


def install(name: str, function: Callable[..., Any]) -> None:
    """Make a function a method of traced arrays."""
    function.__name__ = f"__{name}__"
    setattr(Tracer, f"__{name}__", function)


def install_binary(name: str, forward: Callable[[Any, Any], Any], symbol: str) -> None:
    """`x + y`, `y + x` and `x += y`."""

    def reflected(x: Any, y: Any, /) -> Any:
        return forward(y, x)

    def in_place(x: Tracer, y: Any, /) -> Any:
        new = forward(x, y)
        if x.a.scalar or new is NotImplemented:  # scalars are immutable: `t += 5` gives t a new meaning
            return new
        return store(x, new, symbol)

    install(name, forward)
    install("r" + name, reflected)
    install("i" + name, in_place)


def store(x: Tracer, new: Any, symbol: str) -> Tracer:
    """Put a result into the array x, with NumPy's rules for in-place operators: the same shape, and casting 'same_kind'."""
    t = current.trace
    if t is None:
        raise UnexpectedTracerError(at_line(f"x {symbol}= y: a traced array is written to after its trace has ended"))
    new = lift(t, new)
    if not np.can_cast(new.a.dtype, x.a.dtype, "same_kind"):
        raise DtypeError(
            at_line(
                f"x {symbol}= y: cannot cast the result from {new.a.dtype} to {x.a.dtype}, the dtype of x (casting 'same_kind')",
                hint=f"in-place operators keep the dtype of x; write x = x {symbol} y for a new array",
            )
        )
    if new.a.shape != x.a.shape:
        raise ShapeError(
            at_line(
                f"x {symbol}= y: the result has shape {new.a.shape} and cannot be stored in x of shape {x.a.shape}",
                hint=f"write x = x {symbol} y for a new array",
            )
        )
    write(x, lift(t, convert(new, x.a.dtype)))
    return x


def install_comparison(name: str, op: Primitive) -> None:
    """`x < y`; no array equals None or a string, as in NumPy."""
    ordered = binary(op, slow_binary)
    if name not in ("eq", "ne"):
        install(name, ordered)
        return

    def forward(x: Any, y: Any, /) -> Any:
        new = ordered(x, y)
        if new is NotImplemented and (y is None or isinstance(y, str)):
            return np.full(x.a.shape, name == "ne")[()]
        return new

    install(name, forward)


def unary_operator(op: Primitive) -> Callable[[Any], Any]:
    """The function behind `-x`."""
    fast = unary(op)

    def call(x: Tracer, /) -> Any:
        return weaken(bind(op, as_int(x))) if x.a.weak else fast(x)

    return call


for name, (op, symbol) in BINARY.items():
    install_binary(name, binary(op, slow_binary), symbol)
install_binary("pow", power, "**")
install_binary("matmul", product, "@")
for name, op in COMPARE.items():
    install_comparison(name, op)
for name, op in UNARY.items():
    install(name, unary_operator(op))
install("divmod", lambda x, y, /: (x // y, x % y))
install("rdivmod", lambda x, y, /: (y // x, y % x))
