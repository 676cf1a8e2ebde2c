"""Exponentials and logarithms."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..core.bind import binary, unary
from .comparison import equal
from .pointwise import Binary, Unary, add, div, mul, select, sub

LN2, LN10 = math.log(2), math.log(10)
POSITIVE = ((0.4, 2.0),)


class Exp(Unary):
    ufunc = np.exp

    def partial(self, k: int, out: Any, x: Any) -> Any:
        return out


class Exp2(Unary):
    ufunc = np.exp2

    def partial(self, k: int, out: Any, x: Any) -> Any:
        return mul(out, LN2)


class Expm1(Unary):
    ufunc = np.expm1

    def partial(self, k: int, out: Any, x: Any) -> Any:
        return exp(x)  # out + 1 is 0 from x = -37 on


class Log(Unary):
    ufunc = np.log
    domain = POSITIVE

    def along(self, k: int, t: Any, out: Any, primals: tuple[Any, ...]) -> Any:
        return div(t, primals[0])


class Log2(Unary):
    ufunc = np.log2
    domain = POSITIVE

    def along(self, k: int, t: Any, out: Any, primals: tuple[Any, ...]) -> Any:
        return div(t, mul(primals[0], LN2))


class Log10(Unary):
    ufunc = np.log10
    domain = POSITIVE

    def along(self, k: int, t: Any, out: Any, primals: tuple[Any, ...]) -> Any:
        return div(t, mul(primals[0], LN10))


class Log1p(Unary):
    ufunc = np.log1p
    domain = ((-0.6, 2.0),)

    def along(self, k: int, t: Any, out: Any, primals: tuple[Any, ...]) -> Any:
        return div(t, add(primals[0], 1.0))


class Logaddexp(Binary):
    """log(exp(x) + exp(y)); the weight of an operand is exp(x - out), also where both are infinite."""

    ufunc = np.logaddexp

    def partial(self, k: int, out: Any, *args: Any) -> Any:
        return exp(gap(args[k], out))


class Logaddexp2(Binary):
    ufunc = np.logaddexp2

    def partial(self, k: int, out: Any, *args: Any) -> Any:
        return exp2(gap(args[k], out))


def gap(x: Any, out: Any) -> Any:
    """x - out, and 0 where they are equal, infinite or not."""
    same, zero = equal(x, out), out.a.dtype.type(0)
    return sub(select(same, zero, x), select(same, zero, out))


exp, exp2, expm1, log = unary(Exp()), unary(Exp2()), unary(Expm1()), unary(Log())
log2, log10, log1p = unary(Log2()), unary(Log10()), unary(Log1p())
logaddexp, logaddexp2 = binary(Logaddexp()), binary(Logaddexp2())

__all__ = [
    "Exp", "Exp2", "Expm1", "Log", "Log2", "Log10", "Log1p", "Logaddexp", "Logaddexp2",
    "exp", "exp2", "expm1", "log", "log2", "log10", "log1p", "logaddexp", "logaddexp2", "gap",
]  # fmt: skip
