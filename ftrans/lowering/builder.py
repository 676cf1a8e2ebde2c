"""Compute one element, operation by operation: the interface between what an operation means and what carries it out.

An operation's `lower(b, *args)` calls methods of a `Builder`, named as NumPy's ufuncs. `TextBuilder` writes the
element as Python-like text; backends write machine code. A builder implements five methods; the named ones are spelt
out for the type checker and the reader.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import Generic, Protocol, TypeVar


class Value(Protocol):
    """What builders pass around: anything that knows its dtype."""

    @property
    def dtype(self) -> str: ...


V = TypeVar("V", bound=Value)

PREDICATES = frozenset(
    [
        "isnan",
        "isinf",
        "isfinite",
        "signbit",
        "equal",
        "not_equal",
        "less",
        "less_equal",
        "greater",
        "greater_equal",
        "logical_and",
        "logical_or",
        "logical_xor",
        "logical_not",
    ]
)
"""Builder operations whose result is bool whatever their operands are."""

PART = {"complex64": "float32", "complex128": "float64"}
"""The dtype of the real and of the imaginary part: two neighbours in memory, aligned as one of them."""

COMPLEX = PREDICATES - {"signbit"} | {
    "add", "subtract", "multiply", "divide", "square", "reciprocal", "negative", "conjugate", "real", "imag", "absolute", "sign",
    "rint", "maximum", "minimum", "fmax", "fmin", "exp", "log", "log2", "log10", "sqrt", "sin", "cos", "tan", "sinh", "cosh",
    "tanh",
}  # fmt: skip
"""Builder operations on complex elements. With any other a complex equation stays a NumPy step."""


def result_dtype(name: str, dtype: str) -> str:
    """The dtype of a builder operation on operands of one dtype."""
    if name in PREDICATES:
        return "bool"
    if dtype in PART:
        return PART[dtype] if name in ("real", "imag", "absolute") else dtype
    if name == "complex":
        return "complex64" if dtype == "float32" else "complex128"
    return "uint8" if name == "bitwise_count" else dtype


class Builder(Generic[V]):
    """Computes one element, operation by operation; methods are named as NumPy's ufuncs and mean what they mean.

    Operands of one call have one dtype (`convert` is explicit); that of the result is `result_dtype`. Integers
    wrap; integer floor_divide and remainder follow the divisor's sign; integer division by zero gives 0. maximum and
    minimum hand on nan, fmax and fmin ignore it. A backend implements the five abstract methods.
    """

    @abstractmethod
    def apply(self, name: str, *args: V) -> V:
        """The operation called `name`."""

    @abstractmethod
    def where(self, condition: V, x: V, y: V) -> V:
        """x where the bool `condition` holds, else y."""

    @abstractmethod
    def convert(self, x: V, dtype: str) -> V:
        """x as another dtype, as ndarray.astype does it."""

    @abstractmethod
    def constant(self, value: complex, dtype: str) -> V:
        """A literal: part of the kernel's code."""

    def ipow(self, x: V, n: int) -> V:
        """x to the integer power n, known now, by repeated squaring; a negative n takes the reciprocal at the end."""
        if n < 0:
            return self.reciprocal(self.ipow(x, -n))
        result, square = None, x
        while n:
            if n & 1:
                result = square if result is None else self.multiply(result, square)
            n >>= 1
            square = self.multiply(square, square) if n else square
        return self.constant(1, x.dtype) if result is None else result

    def add(self, x: V, y: V) -> V:
        return self.apply("add", x, y)

    def subtract(self, x: V, y: V) -> V:
        return self.apply("subtract", x, y)

    def multiply(self, x: V, y: V) -> V:
        return self.apply("multiply", x, y)

    def divide(self, x: V, y: V) -> V:
        return self.apply("divide", x, y)

    def floor_divide(self, x: V, y: V) -> V:
        return self.apply("floor_divide", x, y)

    def remainder(self, x: V, y: V) -> V:
        return self.apply("remainder", x, y)

    def fmod(self, x: V, y: V) -> V:
        return self.apply("fmod", x, y)

    def power(self, x: V, y: V) -> V:
        return self.apply("power", x, y)

    def maximum(self, x: V, y: V) -> V:
        return self.apply("maximum", x, y)

    def minimum(self, x: V, y: V) -> V:
        return self.apply("minimum", x, y)

    def fmax(self, x: V, y: V) -> V:
        return self.apply("fmax", x, y)

    def fmin(self, x: V, y: V) -> V:
        return self.apply("fmin", x, y)

    def arctan2(self, x: V, y: V) -> V:
        return self.apply("arctan2", x, y)

    def hypot(self, x: V, y: V) -> V:
        return self.apply("hypot", x, y)

    def logaddexp(self, x: V, y: V) -> V:
        return self.apply("logaddexp", x, y)

    def logaddexp2(self, x: V, y: V) -> V:
        return self.apply("logaddexp2", x, y)

    def copysign(self, x: V, y: V) -> V:
        return self.apply("copysign", x, y)

    def equal(self, x: V, y: V) -> V:
        return self.apply("equal", x, y)

    def not_equal(self, x: V, y: V) -> V:
        return self.apply("not_equal", x, y)

    def less(self, x: V, y: V) -> V:
        return self.apply("less", x, y)

    def less_equal(self, x: V, y: V) -> V:
        return self.apply("less_equal", x, y)

    def greater(self, x: V, y: V) -> V:
        return self.apply("greater", x, y)

    def greater_equal(self, x: V, y: V) -> V:
        return self.apply("greater_equal", x, y)

    def logical_and(self, x: V, y: V) -> V:
        return self.apply("logical_and", x, y)

    def logical_or(self, x: V, y: V) -> V:
        return self.apply("logical_or", x, y)

    def logical_xor(self, x: V, y: V) -> V:
        return self.apply("logical_xor", x, y)

    def bitwise_and(self, x: V, y: V) -> V:
        return self.apply("bitwise_and", x, y)

    def bitwise_or(self, x: V, y: V) -> V:
        return self.apply("bitwise_or", x, y)

    def bitwise_xor(self, x: V, y: V) -> V:
        return self.apply("bitwise_xor", x, y)

    def left_shift(self, x: V, y: V) -> V:
        return self.apply("left_shift", x, y)

    def right_shift(self, x: V, y: V) -> V:
        return self.apply("right_shift", x, y)

    def negative(self, x: V) -> V:
        return self.apply("negative", x)

    def absolute(self, x: V) -> V:
        return self.apply("absolute", x)

    def sign(self, x: V) -> V:
        return self.apply("sign", x)

    def sqrt(self, x: V) -> V:
        return self.apply("sqrt", x)

    def square(self, x: V) -> V:
        return self.apply("square", x)

    def reciprocal(self, x: V) -> V:
        return self.apply("reciprocal", x)

    def exp(self, x: V) -> V:
        return self.apply("exp", x)

    def exp2(self, x: V) -> V:
        return self.apply("exp2", x)

    def expm1(self, x: V) -> V:
        return self.apply("expm1", x)

    def log(self, x: V) -> V:
        return self.apply("log", x)

    def log2(self, x: V) -> V:
        return self.apply("log2", x)

    def log10(self, x: V) -> V:
        return self.apply("log10", x)

    def log1p(self, x: V) -> V:
        return self.apply("log1p", x)

    def sin(self, x: V) -> V:
        return self.apply("sin", x)

    def cos(self, x: V) -> V:
        return self.apply("cos", x)

    def tan(self, x: V) -> V:
        return self.apply("tan", x)

    def arcsin(self, x: V) -> V:
        return self.apply("arcsin", x)

    def arccos(self, x: V) -> V:
        return self.apply("arccos", x)

    def arctan(self, x: V) -> V:
        return self.apply("arctan", x)

    def sinh(self, x: V) -> V:
        return self.apply("sinh", x)

    def cosh(self, x: V) -> V:
        return self.apply("cosh", x)

    def tanh(self, x: V) -> V:
        return self.apply("tanh", x)

    def arcsinh(self, x: V) -> V:
        return self.apply("arcsinh", x)

    def arccosh(self, x: V) -> V:
        return self.apply("arccosh", x)

    def arctanh(self, x: V) -> V:
        return self.apply("arctanh", x)

    def cbrt(self, x: V) -> V:
        return self.apply("cbrt", x)

    def erf(self, x: V) -> V:
        return self.apply("erf", x)

    def erfc(self, x: V) -> V:
        return self.apply("erfc", x)

    def expit(self, x: V) -> V:
        return self.apply("expit", x)

    def log1pexp(self, x: V) -> V:
        return self.apply("log1pexp", x)

    def floor(self, x: V) -> V:
        return self.apply("floor", x)

    def ceil(self, x: V) -> V:
        return self.apply("ceil", x)

    def trunc(self, x: V) -> V:
        return self.apply("trunc", x)

    def rint(self, x: V) -> V:
        return self.apply("rint", x)

    def isnan(self, x: V) -> V:
        return self.apply("isnan", x)

    def isinf(self, x: V) -> V:
        return self.apply("isinf", x)

    def isfinite(self, x: V) -> V:
        return self.apply("isfinite", x)

    def signbit(self, x: V) -> V:
        return self.apply("signbit", x)

    def logical_not(self, x: V) -> V:
        return self.apply("logical_not", x)

    def conjugate(self, x: V) -> V:
        return self.apply("conjugate", x)

    def real(self, x: V) -> V:
        return self.apply("real", x)

    def imag(self, x: V) -> V:
        return self.apply("imag", x)

    def complex(self, x: V, y: V) -> V:
        """x + iy, without arithmetic."""
        return self.apply("complex", x, y)

    def bitwise_count(self, x: V) -> V:
        """The number of bits set in |x|, as uint8."""
        return self.apply("bitwise_count", x)

    def invert(self, x: V) -> V:
        return self.apply("invert", x)


class Text:
    """An expression of `TextBuilder`: how to name it, and the dtype it would have."""

    __slots__ = ("dtype", "text")

    def __init__(self, text: str, dtype: str) -> None:
        self.text, self.dtype = text, dtype


SYMBOLS = {
    "add": "+", "subtract": "-", "multiply": "*", "divide": "/", "floor_divide": "//", "remainder": "%", "power": "**",
    "equal": "==", "not_equal": "!=", "less": "<", "less_equal": "<=", "greater": ">", "greater_equal": ">=",
    "bitwise_and": "&", "bitwise_or": "|", "bitwise_xor": "^", "left_shift": "<<", "right_shift": ">>",
}  # fmt: skip


class TextBuilder(Builder[Text]):
    """Writes elements as Python-like expressions, as a reader would."""

    def apply(self, name: str, *args: Text) -> Text:
        if args[0].dtype in PART and name not in COMPLEX:
            raise NotImplementedError(f"{name} of {args[0].dtype} is left to NumPy")
        dtype = result_dtype(name, args[0].dtype)
        if name in SYMBOLS:
            return Text(f"({args[0].text} {SYMBOLS[name]} {args[1].text})", dtype)
        if name == "negative":
            return Text(f"(-{args[0].text})", dtype)
        return Text(f"{name}({', '.join(arg.text for arg in args)})", dtype)

    def where(self, condition: Text, x: Text, y: Text) -> Text:
        return Text(f"where({condition.text}, {x.text}, {y.text})", x.dtype)

    def convert(self, x: Text, dtype: str) -> Text:
        return x if x.dtype == dtype else Text(f"{dtype}({x.text})", dtype)

    def constant(self, value: complex, dtype: str) -> Text:
        return Text(repr(value), dtype)

    def ipow(self, x: Text, n: int) -> Text:
        return Text(f"({x.text} ** {n})", x.dtype)
