"""Exponential and hyperbolic functions without branches, on doubles; exp and exp2 on floats too: see vecmath.py.

"fdlibm" is Sun's Freely Distributable LIBM, (C) 1993 by Sun Microsystems; its file is named beside every constant and
formula taken from it. Polynomials called "Chebyshev" were fitted by mpmath.chebyfit on the interval named.
"""

from __future__ import annotations

from typing import NamedTuple

from .real import INF, Real

LN2_HI, LN2_LO = 6.93147180369123816490e-01, 1.90821492927058770002e-10  # fdlibm e_log.c; hi has 32 bits
INV_LN2 = 1.4426950408889634
LN2 = 0.6931471805599453
LN2_REST = 2.3190468138462996e-17  # ln 2 less its nearest double


class Exponential(NamedTuple):
    """What the exponential of a format needs."""

    ln2_high: float
    ln2_low: float
    ln2: tuple[float, float]
    inverse: tuple[float, float]
    quotient: tuple[float, ...]
    least: float
    most: float


EXPONENTIAL = {
    "double": Exponential(
        ln2_high=LN2_HI,
        ln2_low=LN2_LO,
        ln2=(LN2, LN2_REST),
        inverse=(INV_LN2, 2.0355273740931033e-17),
        quotient=(
            2.5100377619606372e-08, 2.7620078203806394e-07, 2.7557268476553695e-06, 2.4801521317484083e-05,
            0.00019841269863042963, 0.0013888888917199863, 0.008333333333330063, 0.04166666666662416,
            0.16666666666666669, 0.5000000000000001,
        ),
        least=-746.0,
        most=710.0,
    ),
    "float": Exponential(
        ln2_high=0.693145751953125,
        ln2_low=1.4286068203094173e-06,
        ln2=(0.6931471824645996, -1.904654299957768e-09),
        inverse=(1.4426950216293335, 1.9259629911266175e-08),
        quotient=(0.0013926177501010365, 0.00836317418011074, 0.041666554653757494, 0.16666577018959405, 0.5),
        least=-105.0,
        most=89.0,
    ),
}  # fmt: skip
"""By format: ln 2 as a short number (k times it is exact) and the rest, and as its nearest number and the rest; 1 / ln 2 likewise;
(exp(r) - 1 - r) / r**2 on |r| <= 0.34658, Chebyshev; exp is 0 below `least` and overflows from `most` on."""


def expm1_reduced(f: Real, x: str) -> tuple[str, str, str]:
    """x = k ln 2 + r -> (p, tail, k) with exp(r) - 1 = p + tail and k an integer."""
    c = EXPONENTIAL[f.format.name]
    k_real, k, _ = f.round_to_int(x, INV_LN2)
    first = f.fma(k_real, f.const(-c.ln2_high), x)
    r = f.fma(k_real, f.const(-c.ln2_low), first)
    r_tail = f.fma(k_real, f.const(-c.ln2_low), f.sub(first, r))
    second = f.fma(f.mul(r, r), f.horner(r, c.quotient), r_tail)
    p = f.add(r, second)
    return p, f.add(f.sub(r, p), second), k


def exp_reduced(f: Real, x: str, tail: str = "") -> tuple[str, str]:
    """x (+ tail) = k ln 2 + r -> (exp(r) - 1, k), good to an ulp of exp(r)."""
    c = EXPONENTIAL[f.format.name]
    k_real, k, _ = f.round_to_int(x, INV_LN2)
    r = f.fma(k_real, f.const(-c.ln2_high), x)
    r = f.fma(k_real, f.const(-c.ln2_low), f.add(r, tail) if tail else r)
    return f.fma(f.mul(r, r), f.horner(r, c.quotient), r), k


def exp(f: Real, x: str) -> str:
    c = EXPONENTIAL[f.format.name]
    p, k = exp_reduced(f, f.clamp(x, c.least, c.most))
    return f.scaled(f.add(p, f.const(1.0)), k)


def exp2m1_reduced(f: Real, x: str) -> tuple[str, str, str]:
    """x = k + r -> (p, tail, k) with 2**r - 1 = p + tail and k an integer."""
    c = EXPONENTIAL[f.format.name]
    k_real, k, _ = f.round_to_int(x, 1.0)
    r = f.sub(x, k_real)
    t = f.mul(r, f.const(c.ln2[0]))
    t_tail = f.fma(r, f.const(c.ln2[1]), f.fma(r, f.const(c.ln2[0]), f.neg(t)))
    second = f.fma(f.mul(t, t), f.horner(t, c.quotient), t_tail)
    p = f.add(t, second)
    return p, f.add(f.sub(t, p), second), k


def exp2(f: Real, x: str) -> str:
    c = EXPONENTIAL[f.format.name]
    p, _, k = exp2m1_reduced(f, f.clamp(x, 1.5 * c.least, 1.5 * c.most))
    return f.scaled(f.add(p, f.const(1.0)), k)


def _part_of_expm1(f: Real, x: str, halvings: int) -> tuple[str, str]:
    """(exp(x) - 1) / 2**halvings as a sum of two doubles, for -60 < x < 709.7 + (halvings - 1) ln 2."""
    p, tail, k = expm1_reduced(f, x)
    scale = f.power_of_two(f.integer("sub", k, halvings))
    constant, scaled = f.sub(scale, f.const(0.5**halvings)), f.mul(scale, p)  # both exact, or what they lose does not count
    total = f.add(constant, scaled)
    return total, f.add(f.two_sum_tail(constant, scaled, total), f.mul(scale, tail))


def expm1(f: Real, x: str) -> str:
    high, low = _part_of_expm1(f, f.clamp(x, -60.0, 709.79), 1)
    result = f.mul(f.add(high, low), f.const(2.0))
    result = f.select(f.compare("ogt", x, f.const(709.782712893384)), f.const(INF), result)
    return f.select(f.compare("oeq", x, f.const(0.0)), x, result)


def tanh(f: Real, x: str) -> str:
    """With e = exp(-2|x|): tanh|x| = (1 - e) / (1 + e), each a sum of two doubles, the quotient corrected by its remainder."""
    p, tail, k = expm1_reduced(f, f.mul(f.at_most(f.absolute(x), 20.0), f.const(-2.0)))
    scale = f.power_of_two(k)
    moved = f.mul(scale, p)
    start, below_start = f.sub(f.const(1.0), scale), f.add(f.const(1.0), scale)
    above, below = f.sub(start, moved), f.add(below_start, moved)
    above_tail = f.fma(f.neg(scale), tail, f.sub(f.sub(start, above), moved))
    below_tail = f.add(f.sub(below_start, below), moved)
    inverse = f.div(f.const(1.0), below)
    quotient = f.mul(above, inverse)
    rest = f.add(f.fma(f.neg(quotient), below, above), f.fma(f.neg(quotient), below_tail, above_tail))
    return f.copysign(f.fma(rest, inverse, quotient), x)


def _half_exp(f: Real, x: str) -> str:
    """exp(x) / 2 without overflow before its own, for 0 <= x."""
    p, tail, k = expm1_reduced(f, f.clamp(x, -1.0, 711.0))
    return f.scaled(f.add(f.add(p, tail), f.const(1.0)), f.integer("sub", k, 1))


def cosh(f: Real, x: str) -> str:
    half = _half_exp(f, f.absolute(x))
    return f.add(half, f.div(f.const(0.25), half))


def sinh(f: Real, x: str) -> str:
    """With h = expm1(|x|) / 4: sinh|x| = 2 (h + h / (4h + 1))."""
    high, low = _part_of_expm1(f, f.at_most(f.absolute(x), 710.6), 2)
    below = f.fma(high, f.const(4.0), f.const(1.0))
    inverse = f.div(f.const(1.0), below)
    weight = f.fma(inverse, inverse, f.const(1.0))
    half = f.add(high, f.fma(low, weight, f.mul(high, inverse)))
    return f.select(f.compare("oeq", x, f.const(0.0)), x, f.copysign(f.add(half, half), x))
