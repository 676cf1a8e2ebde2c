"""The logistic function and logarithms of sums of exponentials without branches, on doubles: see vecmath.py.

expit and log1pexp are on floats too.
"""

from __future__ import annotations

from .real import Real
from .vecexp import EXPONENTIAL, LN2_HI, LN2_LO, exp2m1_reduced, expm1_reduced
from .veclog import log_parts


def _one_more(f: Real, p: str, tail: str) -> tuple[str, str]:
    """1 + p + tail as a sum of two numbers."""
    m = f.add(p, f.const(1.0))
    return m, f.add(f.sub(p, f.sub(m, f.const(1.0))), tail)


def _decay(f: Real, size: str) -> tuple[str, str, str]:
    """exp(-size) for size >= 0 -> (m, m_tail, k) with exp(-size) = (m + m_tail) 2**k."""
    p, tail, k = expm1_reduced(f, f.neg(f.at_most(size, -EXPONENTIAL[f.format.name].least)))
    return *_one_more(f, p, tail), k


def expit(f: Real, x: str) -> str:
    """1 / (1 + e) or e / (1 + e) with e = exp(-|x|), the quotient corrected by its remainder, scaled at the end."""
    m, m_tail, k = _decay(f, f.absolute(x))
    e = f.scaled(m, k)
    below = f.add(e, f.const(1.0))
    below_tail = f.add(f.sub(f.const(1.0), below), e)
    positive = f.compare("ogt", x, f.const(0.0))
    above, above_tail = f.select(positive, f.const(1.0), m), f.select(positive, f.const(0.0), m_tail)
    inverse = f.div(f.const(1.0), below)
    quotient = f.mul(above, inverse)
    rest = f.add(f.fma(f.neg(quotient), below, above), f.fma(f.neg(quotient), below_tail, above_tail))
    zero = f.everywhere(f.format.integer, "0")
    return f.scaled(f.fma(rest, inverse, quotient), f.let(f"select {f.i1} {positive}, {f.whole} {zero}, {f.whole} {k}"))


LOG1P_L = (
    0.00280164199280335, -0.01718426698244871, 0.049309973434549695, -0.0913941377401492, 0.13033364238242814,
    -0.16365152869205535, 0.19956707952251837, -0.24996759908263924, 0.3333323734621399, -0.4999999952222377,
)  # fmt: skip
"""(log(1+e) - e) / e**2 on 0 <= e <= 1, Chebyshev; error 5e-9: for float32."""


def _log1p(f: Real, parts: tuple[str, str, str]) -> tuple[str, str]:
    """(m, m_tail, k) -> log(1 + e) as a sum of two numbers, e = (m + m_tail) 2**k <= 1.

    In double by fdlibm's formula (veclog.py) for 1 + e or (1 + e)/2.
    """
    m, m_tail, k = parts
    e, e_tail = f.scaled(m, k), f.scaled(m_tail, k)
    tail = f.mul(e_tail, f.fma(e, f.const(-0.5), f.const(1.0)))  # over 1 + e, roughly
    if f.format.name == "float":
        return e, f.fma(f.mul(e, e), f.horner(e, LOG1P_L), tail)
    near = f.compare("olt", e, f.const(0.41421356))
    fraction = f.select(near, e, f.fma(e, f.const(0.5), f.const(-0.5)))
    half, s, r = log_parts(f, fraction)
    high, low = f.select(near, f.const(0.0), f.const(LN2_HI)), f.select(near, f.const(0.0), f.const(LN2_LO))
    inner = f.fma(s, f.add(half, r), f.add(low, tail))
    return high, f.sub(fraction, f.sub(half, inner))


def log1pexp(f: Real, x: str) -> str:
    """max(x, 0) + log(1 + exp(-|x|)), the softplus function."""
    positive = f.select(f.compare("olt", x, f.const(0.0)), f.const(0.0), x)
    high, low = _log1p(f, _decay(f, f.absolute(x)))
    return f.add(high, f.add(positive, low))


def larger_and_gap(f: Real, x: str, y: str) -> tuple[str, str]:
    """The larger of two, or nan, and how far they are apart; equal infinities are not."""
    larger = f.select(f.compare("ult", x, y), y, x)
    larger = f.select(f.compare("uno", x, x), x, larger)
    return larger, f.select(f.compare("oeq", x, y), f.const(0.0), f.absolute(f.sub(x, y)))


def logaddexp(f: Real, x: str, y: str) -> str:
    """max + log(1 + exp(-|x - y|))."""
    larger, gap = larger_and_gap(f, x, y)
    high, low = _log1p(f, _decay(f, gap))
    return f.add(larger, f.add(high, low))


def logaddexp2(f: Real, x: str, y: str) -> str:
    """max + log(1 + 2**-|x - y|) / log(2); the last is 1 for equal ones."""
    c = EXPONENTIAL[f.format.name]
    larger, gap = larger_and_gap(f, x, y)
    p, tail, k = exp2m1_reduced(f, f.neg(f.at_most(gap, -1.5 * c.least)))
    high, low = _log1p(f, (*_one_more(f, p, tail), k))
    rest = f.fma(high, f.const(c.inverse[0]), f.fma(high, f.const(c.inverse[1]), f.mul(low, f.const(c.inverse[0]))))
    return f.add(f.select(f.compare("oeq", gap, f.const(0.0)), f.const(1.0), rest), larger)
