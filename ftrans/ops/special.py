"""Special functions used inside of ftrans, evaluated by SciPy: the error function, the logistic function and its relatives."""

from __future__ import annotations

import math
from typing import Any

from ..core.bind import binary, unary
from ..core.lazy import Lazy
from .comparison import equal
from .exponential import exp, log, log1p
from .pointwise import Binary, Unary, add, div, mul, neg, select, sub

UNIT = ((0.2, 0.8),)


class Erf(Unary):
    ufunc = Lazy("scipy.special", "erf")

    def partial(self, k: int, out: Any, x: Any) -> Any:
        return mul(2 / math.sqrt(math.pi), exp(neg(mul(x, x))))


class Erfc(Unary):
    ufunc = Lazy("scipy.special", "erfc")

    def partial(self, k: int, out: Any, x: Any) -> Any:
        return mul(-2 / math.sqrt(math.pi), exp(neg(mul(x, x))))


class Erfinv(Unary):
    ufunc = Lazy("scipy.special", "erfinv")
    domain = ((-0.7, 0.7),)
    lower = None  # type: ignore[assignment]

    def partial(self, k: int, out: Any, x: Any) -> Any:
        return mul(math.sqrt(math.pi) / 2, exp(mul(out, out)))


class Expit(Unary):
    """The logistic function 1 / (1 + exp(-x))."""

    ufunc = Lazy("scipy.special", "expit")

    def partial(self, k: int, out: Any, x: Any) -> Any:
        return mul(out, sub(1.0, out))

    def lower(self, b: Any, x: Any) -> Any:
        return b.expit(x)


class LogExpit(Unary):
    """log(1 / (1 + exp(-x))), without overflow."""

    ufunc = Lazy("scipy.special", "log_expit")

    def partial(self, k: int, out: Any, x: Any) -> Any:
        return expit(neg(x))

    def lower(self, b: Any, x: Any) -> Any:
        return b.negative(b.log1pexp(b.negative(x)))


class Logit(Unary):
    """log(x / (1 - x))."""

    ufunc = Lazy("scipy.special", "logit")
    domain = UNIT

    def along(self, k: int, t: Any, out: Any, primals: tuple[Any, ...]) -> Any:
        (x,) = primals
        return div(t, mul(x, sub(1.0, x)))

    def lower(self, b: Any, x: Any) -> Any:
        half, one = b.constant(0.5, x.dtype), b.constant(1, x.dtype)
        centred = b.subtract(x, half)
        near = b.arctanh(b.add(centred, centred))
        far = b.log(b.divide(x, b.subtract(one, x)))
        return b.where(b.less(b.absolute(centred), b.constant(0.25, x.dtype)), b.add(near, near), far)


class Xlogy(Binary):
    """x * log(y), and 0 where x is 0, whatever y is (but for nan): the term of an entropy."""

    ufunc = Lazy("scipy.special", "xlogy")
    domain = UNIT

    def along(self, k: int, t: Any, out: Any, primals: tuple[Any, ...]) -> Any:
        x, y = primals
        return mul(t, ratio(x, y)) if k else mul(t, log(y))

    def lower(self, b: Any, x: Any, y: Any) -> Any:
        return product(b, x, y, b.log(y))


class Xlog1py(Binary):
    """x * log(1 + y), and 0 where x is 0, whatever y is (but for nan)."""

    ufunc = Lazy("scipy.special", "xlog1py")
    domain = UNIT

    def along(self, k: int, t: Any, out: Any, primals: tuple[Any, ...]) -> Any:
        x, y = primals
        return mul(t, ratio(x, add(y, 1.0))) if k else mul(t, log1p(y))

    def lower(self, b: Any, x: Any, y: Any) -> Any:
        return product(b, x, y, b.log1p(y))


def ratio(x: Any, y: Any) -> Any:
    """x / y, and 0 where x is 0."""
    return div(x, select(equal(x, 0.0), y.a.dtype.type(1), y))


def product(b: Any, x: Any, y: Any, z: Any) -> Any:
    """In a kernel: x * z, and 0 where x is 0 and y is not nan."""
    zero = b.constant(0, x.dtype)
    return b.where(b.logical_and(b.equal(x, zero), b.equal(y, y)), zero, b.multiply(x, z))


erf, erfc, erfinv = unary(Erf()), unary(Erfc()), unary(Erfinv())
expit, log_expit, logit = unary(Expit()), unary(LogExpit()), unary(Logit())
xlogy, xlog1py = binary(Xlogy()), binary(Xlog1py())


def log1pexp(x: Any) -> Any:
    """log(1 + exp(x)), without overflow: the softplus function."""
    return neg(log_expit(neg(x)))


__all__ = [
    "Erf", "Erfc", "Erfinv", "Expit", "LogExpit", "Logit", "Xlog1py", "Xlogy", "erf", "erfc", "erfinv", "expit", "log1pexp",
    "log_expit", "logit", "xlog1py", "xlogy",
]  # fmt: skip
