"""Arithmetic beyond + - * /: powers and roots, absolute value and sign.

`raise_to(x, n)` is x**n as Python's operator gives it; a static number n becomes part of the operation: x**2 is a square.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.aval import WEAK, Aval
from ..core.bind import binary, bind, unary
from ..errors import at_line
from .comparison import equal, logical_and
from .complexes import conj, dtype_of, real
from .exponential import log
from .pointwise import Binary, Pointwise, Unary, div, loop_dtypes, mul, neg, select, sub
from .structural import convert

AWAY = ((0.4, 2.0),)  # away from zero


class Positive(Unary):
    ufunc = np.positive

    def along(self, k: int, t: Any, out: Any, primals: tuple[Any, ...]) -> Any:
        return t

    def transpose(self, ct: Any, x: Any) -> tuple[Any, ...]:
        return (ct,)

    def lower(self, b: Any, x: Any) -> Any:
        return x


class Abs(Unary):
    """|x|. At 0 the derivative is 0; of a complex number it is that of sqrt(re**2 + im**2)."""

    ufunc = np.absolute
    domain = AWAY

    def along(self, k: int, t: Any, out: Any, primals: tuple[Any, ...]) -> Any:
        (x,) = primals
        return real(mul(t, conj(sign(x)))) if x.a.dtype.kind == "c" else mul(t, sign(x))


class Fabs(Unary):
    ufunc = np.fabs
    domain = AWAY

    def partial(self, k: int, out: Any, x: Any) -> Any:
        return sign(x)

    def lower(self, b: Any, x: Any) -> Any:
        return b.absolute(x)


class Sign(Unary):
    """-1, 0 or 1; of a complex number z/|z|."""

    ufunc = np.sign
    domain = AWAY

    def along(self, k: int, t: Any, out: Any, primals: tuple[Any, ...]) -> Any:
        (x,) = primals
        if x.a.dtype.kind != "c":
            return None
        size = absolute(x)
        at_zero = equal(size, 0.0)
        across = sub(t, mul(out, real(mul(t, conj(out)))))
        return select(at_zero, out.a.dtype.type(0), div(across, select(at_zero, size.a.dtype.type(1), size)))


class Square(Unary):
    ufunc = np.square

    def partial(self, k: int, out: Any, x: Any) -> Any:
        return mul(2.0, x)


class Sqrt(Unary):
    ufunc = np.sqrt
    domain = AWAY

    def along(self, k: int, t: Any, out: Any, primals: tuple[Any, ...]) -> Any:
        return div(t, mul(2.0, out))


class RootOfSquares(Unary):
    """The square root of a sum of squares. Where all of them are 0 its derivative is taken as 0 (norms, deviations)."""

    ufunc = np.sqrt
    domain = AWAY

    def partial(self, k: int, out: Any, x: Any) -> Any:
        at_zero = equal(out, 0.0)
        one = out.a.dtype.type(1)
        return select(at_zero, out.a.dtype.type(0), div(0.5, select(at_zero, one, out)))


class Cbrt(Unary):
    ufunc = np.cbrt
    domain = AWAY

    def along(self, k: int, t: Any, out: Any, primals: tuple[Any, ...]) -> Any:
        return div(t, mul(3.0, square(out)))


class Reciprocal(Unary):
    ufunc = np.reciprocal
    domain = ((0.5, 2.0),)

    def along(self, k: int, t: Any, out: Any, primals: tuple[Any, ...]) -> Any:
        return neg(mul(t, square(out)))

    def lower(self, b: Any, x: Any) -> Any:
        if not x.dtype.startswith(("float", "complex")):
            raise NotImplementedError("the reciprocal of an integer is left to NumPy")
        return b.reciprocal(x)


class IntPow(Pointwise):
    """x**n for an int n that is part of the operation."""

    n: int
    nin = 1
    domain = ((0.5, 2.0),)

    def loops(self, *avals: Aval) -> tuple[np.dtype[Any], ...]:
        (x,) = avals
        if x.dtype.kind in "iub" and self.n < 0:
            raise ValueError(
                at_line("Integers to negative integer powers are not allowed.", hint="convert to float first: x.astype(float) ** n")
            )
        dtype = loop_dtypes(np.power, (x, WEAK[int]))[-1]
        return dtype, dtype

    def eval(self, x: Any) -> Any:  # type: ignore[override]
        return np.power(x, self.n)

    def along(self, k: int, t: Any, out: Any, primals: tuple[Any, ...]) -> Any:
        if self.n in (0, 1):
            return t if self.n else None
        return mul(t, mul(float(self.n), int_power(primals[0], self.n - 1)))

    def lower(self, b: Any, x: Any) -> Any:
        return b.ipow(x, self.n)

    @classmethod
    def instances(cls) -> list[Any]:
        return [cls(3), cls(-2), cls(0)]


class HalfPow(Pointwise):
    """x**(n/2) for an odd int n that is part of the operation: in a kernel a square root, a tenth of the work of a power."""

    n: int
    nin = 1
    domain = ((0.5, 2.0),)

    def loops(self, *avals: Aval) -> tuple[np.dtype[Any], ...]:
        dtype = loop_dtypes(np.power, (avals[0], WEAK[float]))[-1]
        return dtype, dtype

    def eval(self, x: Any) -> Any:  # type: ignore[override]
        return np.power(x, self.n / 2)

    def along(self, k: int, t: Any, out: Any, primals: tuple[Any, ...]) -> Any:
        return mul(t, mul(self.n / 2, static_power(primals[0], self.n / 2 - 1)))

    def lower(self, b: Any, x: Any) -> Any:
        if x.dtype not in ("float32", "float64"):
            raise NotImplementedError("roots of other dtypes are left to NumPy")
        if self.n == 1:
            return b.sqrt(x)  # as np.power does
        zero, one, inf = [b.constant(number, x.dtype) for number in (0, 1, np.inf)]
        x = b.where(b.equal(x, b.negative(inf)), inf, b.add(x, zero))  # a power has no -0.0, and of -inf it is what it is of inf
        root = b.sqrt(x)
        return b.divide(one, root) if self.n < 0 else b.multiply(x, root)

    @classmethod
    def instances(cls) -> list[Any]:
        return [cls(n) for n in HALVES]


HALVES = (-1, 1, 3)


class Power(Binary):
    """x**y. At x = 0 the derivative along y is taken as 0 (which it is for y > 0), the one along x is y * 0**(y-1), 0 for y = 0."""

    ufunc = np.power
    domain = ((0.4, 2.0), (-1.5, 2.0))

    def along(self, k: int, t: Any, out: Any, primals: tuple[Any, ...]) -> Any:
        x, y = [convert(p, out.a.dtype) for p in primals]
        one = out.a.dtype.type(1)
        at_zero = equal(x, 0.0)
        if k:
            return mul(t, mul(out, log(select(at_zero, one, x))))
        constant = logical_and(at_zero, equal(y, 0.0))
        return mul(t, mul(y, power(x, select(constant, one, sub(y, one)))))

    def lower(self, b: Any, x: Any, y: Any) -> Any:
        if not x.dtype.startswith(("float", "complex")) and not y.dtype.startswith(("float", "complex")):
            raise NotImplementedError("integer powers are left to NumPy, which raises for negative ones")
        return b.power(x, y)


class FloatPower(Binary):
    """x**y computed in float64 or complex128."""

    ufunc = np.float_power
    domain = Power.domain

    def along(self, k: int, t: Any, out: Any, primals: tuple[Any, ...]) -> Any:
        return Power().along(k, t, out, primals)

    def lower(self, b: Any, x: Any, y: Any) -> Any:
        return b.power(x, y)


class Ldexp(Binary):
    """x * 2**y for an integer y."""

    ufunc = np.ldexp
    lower = None  # type: ignore[assignment]

    def along(self, k: int, t: Any, out: Any, primals: tuple[Any, ...]) -> Any:
        return mul(t, ldexp(out.a.dtype.type(1), primals[1])) if k == 0 else None

    @classmethod
    def examples(cls) -> list[Any]:
        x, n = np.linspace(-2.0, 2.0, 6).reshape(2, 3), np.array([-1, 0, 3])
        return [(cls(), (x, n)), (cls(), (x.astype(np.float32), n)), (cls(), (1.5, 2)), (cls(), (x[:0], n))]


positive, absolute, fabs, sign = unary(Positive()), unary(Abs()), unary(Fabs()), unary(Sign())
square, sqrt, cbrt, reciprocal = unary(Square()), unary(Sqrt()), unary(Cbrt()), unary(Reciprocal())
root_of_squares, power, float_power, ldexp = unary(RootOfSquares()), binary(Power()), binary(FloatPower()), binary(Ldexp())

STATIC = 64  # exponents up to this size become part of the operation


def int_power(x: Any, n: int) -> Any:
    """x**n for an int."""
    return square(x) if n == 2 and dtype_of(x).kind != "c" else bind(IntPow(n), x)


def static_exponent(x: Any, n: Any) -> int | None:
    """The exponent as an int where x**n can be an `IntPow`: n is a Python number and the dtype of x**n is that of x**int."""
    if type(n) is int and dtype_of(x).kind != "b":
        return n if abs(n) <= STATIC else None
    if type(n) is float and n.is_integer() and abs(n) <= STATIC and dtype_of(x).kind in "fc":
        return int(n)
    return None


def static_power(x: Any, n: Any) -> Any:
    """`np.power(x, n)`, where n may be static."""
    known = static_exponent(x, n)
    if known is not None:
        return int_power(x, known)
    half = type(n) is float and 2 * n in HALVES and dtype_of(x).kind == "f"
    return bind(HalfPow(int(2 * n)), x) if half else power(x, n)


def raise_to(x: Any, n: Any) -> Any:
    """`x ** n`: as NumPy's operator does, some static exponents have an operation of their own."""
    if type(n) in (int, float):
        kind = dtype_of(x).kind
        if n == 2 and (type(n) is int or kind in "fc"):
            return square(x)
        if kind in "fc":
            if n == 0.5:
                return sqrt(x)
            if n == -1:
                return reciprocal(x)
            if n == 1:
                return positive(x)
    return static_power(x, n)


__all__ = [
    "Abs", "Cbrt", "Fabs", "FloatPower", "HalfPow", "IntPow", "Ldexp", "Positive", "Power", "Reciprocal", "RootOfSquares", "Sign",
    "Sqrt", "Square", "absolute", "cbrt", "fabs", "float_power", "int_power", "ldexp", "positive", "power", "raise_to",
    "reciprocal", "root_of_squares", "sign", "sqrt", "square", "static_power",
]  # fmt: skip
