"""Rounding, remainders, extrema and signs: operations that are smooth between jumps and kinks.

At a kink the derivative is the mean of the two sides: maximum(x, x) gives each operand one half.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.aval import Aval, aval
from ..core.bind import binary, bind, unary
from ..core.primitive import Primitive
from .arithmetic import ldexp, sign
from .comparison import equal, greater, isnan, less, logical_or
from .pointwise import Binary, Step, Unary, div, loop_dtypes, mul, neg, select
from .structural import fit

BETWEEN = ((0.2, 0.8),)  # two integers
QUOTIENT = ((2.3, 2.7), (1.7, 1.9))  # x/y between two integers
APART = ((0.3, 1.0), (1.3, 2.0))


class Rounding(Unary, Step, abstract=True):
    """Rounding to an integer."""

    domain = BETWEEN


class Floor(Rounding):
    ufunc = np.floor


class Ceil(Rounding):
    ufunc = np.ceil


class Trunc(Rounding):
    ufunc = np.trunc


class Rint(Rounding):
    ufunc = np.rint
    domain = ((0.6, 1.4),)


class FloorDivide(Binary, Step):
    ufunc = np.floor_divide
    domain = QUOTIENT


class Remainder(Binary):
    """x - y * floor(x/y)."""

    ufunc = np.remainder
    domain = QUOTIENT

    def along(self, k: int, t: Any, out: Any, primals: tuple[Any, ...]) -> Any:
        return neg(mul(t, floor_divide(*primals))) if k else t


class Fmod(Binary):
    """x - y * trunc(x/y)."""

    ufunc = np.fmod
    domain = QUOTIENT

    def along(self, k: int, t: Any, out: Any, primals: tuple[Any, ...]) -> Any:
        return neg(mul(t, trunc(div(*primals)))) if k else t


class Extremum(Binary, abstract=True):
    """The larger or smaller of two."""

    domain = APART

    def wins(self, x: Any, y: Any) -> Any:
        """Where x is the result, and y is not."""
        raise NotImplementedError

    def partial(self, k: int, out: Any, *args: Any) -> Any:
        mine, other = args[k], args[1 - k]
        one, half, zero = [out.a.dtype.type(v) for v in (1, 0.5, 0)]
        return select(self.wins(mine, other), one, select(equal(mine, other), half, zero))


class Maximum(Extremum):
    ufunc = np.maximum

    def wins(self, x: Any, y: Any) -> Any:
        return greater(x, y)


class Minimum(Extremum):
    ufunc = np.minimum

    def wins(self, x: Any, y: Any) -> Any:
        return less(x, y)


class Fmax(Extremum):
    """The larger of two, or the one that is not nan."""

    ufunc = np.fmax

    def wins(self, x: Any, y: Any) -> Any:
        return logical_or(greater(x, y), isnan(y))


class Fmin(Extremum):
    """The smaller of two, or the one that is not nan."""

    ufunc = np.fmin

    def wins(self, x: Any, y: Any) -> Any:
        return logical_or(less(x, y), isnan(y))


class Copysign(Binary):
    """|x| with the sign of y."""

    ufunc = np.copysign
    domain = ((0.4, 2.0),)

    def along(self, k: int, t: Any, out: Any, primals: tuple[Any, ...]) -> Any:
        x, y = primals
        return None if k else mul(t, mul(sign(x), copysign(out.a.dtype.type(1), y)))


class Heaviside(Binary):
    """0 for x < 0, h for x = 0, 1 for x > 0."""

    ufunc = np.heaviside
    domain = ((0.4, 2.0),)

    def along(self, k: int, t: Any, out: Any, primals: tuple[Any, ...]) -> Any:
        return select(equal(primals[0], 0.0), t, t.a.dtype.type(0)) if k else None

    def lower(self, b: Any, x: Any, h: Any) -> Any:
        zero, one = b.constant(0, x.dtype), b.constant(1, x.dtype)
        known = b.where(b.less(x, zero), zero, b.where(b.greater(x, zero), one, h))
        return b.where(b.isnan(x), x, known)


class Nextafter(Binary):
    """The next number after x towards y: x, as far as derivatives are concerned."""

    ufunc = np.nextafter
    domain = APART
    lower = None  # type: ignore[assignment]

    def along(self, k: int, t: Any, out: Any, primals: tuple[Any, ...]) -> Any:
        return None if k else t


class Spacing(Unary, Step):
    ufunc = np.spacing
    domain = ((1.1, 1.8),)
    lower = None  # type: ignore[assignment]


class Frexp(Primitive):
    """The mantissa in [1/2, 1) and the exponent of 2."""

    nout = 2
    multiple = True

    def aval(self, x: Aval) -> tuple[Aval, ...]:
        _, mantissa, exponent = loop_dtypes(np.frexp, (x,))
        return aval(x.shape, mantissa), aval(x.shape, exponent)

    def eval(self, x: Any) -> Any:
        return np.frexp(x)

    def jvp(self, primals: tuple[Any, ...], tangents: tuple[Any, ...], out: Any) -> Any:
        (t,) = tangents
        mantissa, exponent = out
        return (fit(mul(t, ldexp(mantissa.a.dtype.type(1), neg(exponent))), mantissa.a) if t.a.inexact else None), None

    def vmap(self, size: int, args: tuple[Any, ...], dims: tuple[int | None, ...]) -> tuple[Any, Any]:
        return bind(self, *args), (dims[0], dims[0])

    @classmethod
    def examples(cls) -> list[Any]:
        x = np.array([[1.3, -2.7, 5.1], [0.6, 0.3, 100.0]])
        return [
            (cls(), (x,)),
            (cls(), (x.astype(np.float32),)),
            (cls(), (np.float64(3.0),)),
            (cls(), (x[:0],)),
            (cls(), (np.arange(3),)),
        ]


floor, ceil, trunc, rint = unary(Floor()), unary(Ceil()), unary(Trunc()), unary(Rint())
floor_divide, remainder, fmod = binary(FloorDivide()), binary(Remainder()), binary(Fmod())
maximum, minimum, fmax, fmin = binary(Maximum()), binary(Minimum()), binary(Fmax()), binary(Fmin())
copysign, heaviside, nextafter, spacing = binary(Copysign()), binary(Heaviside()), binary(Nextafter()), unary(Spacing())


def frexp(x: Any) -> Any:
    """Mantissa and exponent."""
    return bind(Frexp(), x)


__all__ = [
    "Ceil", "Copysign", "Extremum", "Floor", "FloorDivide", "Fmax", "Fmin", "Fmod", "Frexp", "Heaviside", "Maximum", "Minimum",
    "Nextafter", "Remainder", "Rint", "Spacing", "Trunc",
    "ceil", "copysign", "floor", "floor_divide", "fmax", "fmin", "fmod", "frexp", "heaviside", "maximum", "minimum", "nextafter",
    "remainder", "rint", "spacing", "trunc",
]  # fmt: skip
