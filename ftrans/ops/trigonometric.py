"""Trigonometric and hyperbolic functions and their inverses, on real and complex numbers."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..core.aval import Aval
from ..core.bind import binary, bind, unary
from .arithmetic import sqrt, square
from .comparison import equal
from .pointwise import Binary, Unary, add, div, mul, neg, select, sub

INSIDE = ((-0.7, 0.7),)


class Sin(Unary):
    ufunc = np.sin

    def partial(self, k: int, out: Any, x: Any) -> Any:
        return cos(x)


class Cos(Unary):
    ufunc = np.cos

    def partial(self, k: int, out: Any, x: Any) -> Any:
        return neg(sin(x))


class Tan(Unary):
    ufunc = np.tan
    domain = ((-1.1, 1.1),)

    def partial(self, k: int, out: Any, x: Any) -> Any:
        return add(1.0, square(out))


class Arcsin(Unary):
    ufunc = np.arcsin
    domain = INSIDE

    def along(self, k: int, t: Any, out: Any, primals: tuple[Any, ...]) -> Any:
        return div(t, circle(primals[0]))


class Arccos(Unary):
    ufunc = np.arccos
    domain = INSIDE

    def along(self, k: int, t: Any, out: Any, primals: tuple[Any, ...]) -> Any:
        return neg(div(t, circle(primals[0])))


def circle(x: Any) -> Any:
    """sqrt(1 - x**2), precise near 1."""
    return sqrt(mul(sub(1.0, x), add(1.0, x)))


class Arctan(Unary):
    ufunc = np.arctan

    def along(self, k: int, t: Any, out: Any, primals: tuple[Any, ...]) -> Any:
        return div(t, add(1.0, square(primals[0])))


class Arctan2(Binary):
    """The angle of the point (x, y), called with y first."""

    ufunc = np.arctan2
    domain = ((0.4, 2.0),)

    def partial(self, k: int, out: Any, *args: Any) -> Any:
        y, x = args
        return div(neg(y) if k else x, add(mul(x, x), mul(y, y)))


class Hypot(Binary):
    """sqrt(x**2 + y**2); the derivative at the origin is taken as 0."""

    ufunc = np.hypot
    domain = ((0.4, 2.0),)

    def partial(self, k: int, out: Any, *args: Any) -> Any:
        return div(args[k], select(equal(out, 0.0), out.a.dtype.type(1), out))


class Sinh(Unary):
    ufunc = np.sinh

    def partial(self, k: int, out: Any, x: Any) -> Any:
        return cosh(x)


class Cosh(Unary):
    ufunc = np.cosh

    def partial(self, k: int, out: Any, x: Any) -> Any:
        return sinh(x)


class Tanh(Unary):
    ufunc = np.tanh
    domain = ((-1.2, 1.2),)

    def partial(self, k: int, out: Any, x: Any) -> Any:
        return sub(1.0, mul(out, out))


class Arcsinh(Unary):
    ufunc = np.arcsinh

    def along(self, k: int, t: Any, out: Any, primals: tuple[Any, ...]) -> Any:
        (x,) = primals
        return div(t, sqrt(add(1.0, square(x))) if x.a.dtype.kind == "c" else hypot(1.0, x))


class Arccosh(Unary):
    ufunc = np.arccosh
    domain = ((1.3, 3.0),)

    def along(self, k: int, t: Any, out: Any, primals: tuple[Any, ...]) -> Any:
        (x,) = primals
        return div(t, mul(sqrt(sub(x, 1.0)), sqrt(add(x, 1.0))))


class Arctanh(Unary):
    ufunc = np.arctanh
    domain = INSIDE

    def along(self, k: int, t: Any, out: Any, primals: tuple[Any, ...]) -> Any:
        (x,) = primals
        return div(t, mul(sub(1.0, x), add(1.0, x)))


class Deg2rad(Unary):
    ufunc = np.deg2rad

    def partial(self, k: int, out: Any, x: Any) -> Any:
        return out.a.dtype.type(math.pi / 180)

    def lower(self, b: Any, x: Any) -> Any:
        return b.multiply(x, b.constant(math.pi / 180, x.dtype))


class Rad2deg(Unary):
    ufunc = np.rad2deg

    def partial(self, k: int, out: Any, x: Any) -> Any:
        return out.a.dtype.type(180 / math.pi)

    def lower(self, b: Any, x: Any) -> Any:
        return b.multiply(x, b.constant(180 / math.pi, x.dtype))


class SincAtZero(Unary):
    """The derivative of order n of sin(pi x)/(pi x) at 0, for every element: what `sinc` is made of where x is 0."""

    n: int = 0

    def loops(self, *avals: Aval) -> tuple[np.dtype[Any], ...]:
        (x,) = avals
        return x.dtype, x.dtype

    def eval(self, x: Any) -> Any:  # type: ignore[override]
        return np.full(np.shape(x), self.value(), np.asarray(x).dtype)[()]

    def value(self) -> float:
        """(-1)**(n/2) pi**n / (n+1) for even n, else 0."""
        return 0.0 if self.n % 2 else (-1) ** (self.n // 2) * math.pi**self.n / (self.n + 1)

    def partial(self, k: int, out: Any, x: Any) -> Any:
        return bind(SincAtZero(self.n + 1), x)

    def lower(self, b: Any, x: Any) -> Any:
        return b.constant(self.value(), x.dtype)

    @classmethod
    def examples(cls) -> list[Any]:
        zeros = np.zeros((2, 3))
        return [(cls(1), (zeros[:0],)), (cls(0), (np.arange(3),))]


sin, cos, tan, arcsin, arccos, arctan = unary(Sin()), unary(Cos()), unary(Tan()), unary(Arcsin()), unary(Arccos()), unary(Arctan())
sinh, cosh, tanh, arcsinh, arccosh = unary(Sinh()), unary(Cosh()), unary(Tanh()), unary(Arcsinh()), unary(Arccosh())
arctanh, arctan2, hypot = unary(Arctanh()), binary(Arctan2()), binary(Hypot())
deg2rad, rad2deg = unary(Deg2rad()), unary(Rad2deg())


def sinc(x: Any) -> Any:
    """sin(pi x)/(pi x), and 1 at 0, for a floating (or complex) x."""
    at_zero = equal(x, 0.0)
    angle = mul(np.pi, select(at_zero, x.dtype.type(1), x))
    return select(at_zero, bind(SincAtZero(), select(at_zero, x, x.dtype.type(0))), div(sin(angle), angle))


__all__ = [
    "Arccos", "Arccosh", "Arcsin", "Arcsinh", "Arctan", "Arctan2", "Arctanh", "Cos", "Cosh", "Deg2rad", "Hypot", "Rad2deg", "Sin",
    "Sinh", "SincAtZero", "Tan", "Tanh",
    "arccos", "arccosh", "arcsin", "arcsinh", "arctan", "arctan2", "arctanh", "cos", "cosh", "deg2rad", "hypot", "rad2deg", "sin",
    "sinc", "sinh", "tan", "tanh",
]  # fmt: skip
