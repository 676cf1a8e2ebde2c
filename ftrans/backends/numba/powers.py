"""x**n for an int n known now, in kernels: `integer_power(b, x, n)`, to 2 ulp where repeated multiplication would lose n/2.

float32 is multiplied in double, which no rounding and no overflow of an intermediate value spoils. float64 is multiplied plainly
while few roundings add up (n = -2 ... 4), else with the rounding error of each product carried along.
"""

from __future__ import annotations

from typing import Any

from .asm import Val
from .real import INF

PLAIN = range(-2, 5)
"""Exponents of which repeated multiplication and a division have at most 2 ulp."""


def integer_power(b: Any, x: Val, n: int) -> Val:
    """x**n for a float32 or float64; `b` is the builder of the kernel."""
    if x.dtype == "float32" and n not in (0, 1, 2, -1):
        wide: Val = b.convert(repeated(b, b.convert(x, "float64"), n), "float32")
        return wide
    return repeated(b, x, n) if n in PLAIN or x.dtype != "float64" else carried(b, x, n)


def repeated(b: Any, x: Val, n: int) -> Val:
    """Repeated squaring; a negative n takes the reciprocal at the end."""
    if n < 0:
        inverse: Val = b.reciprocal(repeated(b, x, -n))
        return inverse
    result: Val | None = None
    square = x
    while n:
        if n & 1:
            result = square if result is None else b.multiply(result, square)
        n >>= 1
        square = b.multiply(square, square) if n else square
    return x._replace(name=b.like(1, x).name) if result is None else result


def carried(b: Any, x: Val, n: int) -> Val:
    """Repeated squaring of sums of two numbers; infinite and vanishing products have no rounding error to carry."""
    result: tuple[Val, Val] | None = None
    square, rest = (x, b.like(0, x)), abs(n)
    while rest:
        if rest & 1:
            result = square if result is None else product(b, result, square)
        rest >>= 1
        square = product(b, square, square) if rest else square
    assert result is not None, "n is not 0"
    high, low = result
    if n > 0:
        whole = b.both(b.isfinite(high), b.not_equal(high, b.like(0, x)))  # -0.0 keeps its sign
        power: Val = b.where(whole, b.add(high, low), high)
        return power
    quotient = b.reciprocal(high)
    lacking = fma(b, b.negative(quotient), high, b.like(1, x))
    lacking = fma(b, b.negative(quotient), low, lacking)
    regular = b.less(b.absolute(b.multiply(quotient, high)), b.like(INF, x))  # neither inf * 0 nor nan
    corrected: Val = b.where(regular, fma(b, lacking, quotient, quotient), quotient)
    return corrected


def product(b: Any, x: tuple[Val, Val], y: tuple[Val, Val]) -> tuple[Val, Val]:
    """The product of two sums, each of a number and what it lacks."""
    high = b.multiply(x[0], y[0])
    low = fma(b, x[0], y[0], b.negative(high))
    return high, fma(b, x[0], y[1], fma(b, x[1], y[0], low))


def fma(b: Any, x: Val, y: Val, z: Val) -> Val:
    """x*y + z, rounded once."""
    result: Val = b.intrinsic("fma", x, y, z)
    return result
