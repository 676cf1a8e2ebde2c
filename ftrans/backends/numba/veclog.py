"""Logarithms and inverse hyperbolic functions without branches, on doubles: see vecmath.py.

"fdlibm" is Sun's Freely Distributable LIBM, (C) 1993 by Sun Microsystems; its file is named beside every constant and
formula taken from it.
"""

from __future__ import annotations

from .real import INF, MAGIC, NAN, Real
from .vecexp import LN2, LN2_HI, LN2_LO

LOG_R = (
    1.479819860511658591e-01, 1.531383769920937332e-01, 1.818357216161805012e-01, 2.222219843214978396e-01,
    2.857142874366239149e-01, 3.999999999940941908e-01, 6.666666666666735130e-01,
)  # fmt: skip
"""fdlibm e_log.c: log(1+f) = f - f*f/2 + s*(f*f/2 + z*R(z)), s = f/(2+f), z = s*s, for sqrt(1/2) < 1+f < sqrt(2)."""

SQRT_HALF_BITS = 0x3FE6A09E667F3BCD


def mantissa(f: Real, x: str) -> tuple[str, str]:
    """Positive x = m * 2**k with sqrt(1/2) <= m < sqrt(2) -> (m, k as double); subnormals included."""
    small = f.compare("olt", x, f.const(2.2250738585072014e-308))
    bits = f.bits(f.select(small, f.mul(x, f.const(2.0**54)), x))
    k = f.integer("ashr", f.integer("sub", bits, SQRT_HALF_BITS), 52)
    m = f.from_bits(f.integer("sub", bits, f.integer("shl", k, 52)))
    k_real = f.sub(f.from_bits(f.integer("add", k, 0x4338000000000000)), f.const(MAGIC))
    return m, f.sub(k_real, f.select(small, f.const(54.0), f.const(0.0)))


def log_parts(f: Real, fraction: str) -> tuple[str, str, str]:
    """f -> (f*f/2, s, z*R(z)) as in LOG_R."""
    s = f.div(fraction, f.add(fraction, f.const(2.0)))
    z = f.mul(s, s)
    return f.mul(f.mul(fraction, fraction), f.const(0.5)), s, f.mul(z, f.horner(z, LOG_R))


def log_edges(f: Real, x: str, result: str, at_zero: float = 0.0) -> str:
    """log's values at inf, at zero (or at -1 for log1p), below it and at nan."""
    result = f.select(f.compare("oeq", x, f.const(INF)), x, result)
    result = f.select(f.compare("oeq", x, f.const(at_zero)), f.const(-INF), result)
    return f.select(f.compare("ult", x, f.const(at_zero)), f.const(NAN), result)


def log(f: Real, x: str) -> str:
    m, k = mantissa(f, x)
    fraction = f.sub(m, f.const(1.0))
    half, s, r = log_parts(f, fraction)
    inner = f.fma(s, f.add(half, r), f.mul(k, f.const(LN2_LO)))
    result = f.fma(k, f.const(LN2_HI), f.neg(f.sub(f.sub(half, inner), fraction)))
    return log_edges(f, x, result)


def log1p(f: Real, x: str) -> str:
    """fdlibm s_log1p.c: log of u = 1 + x, and what rounding u lost divided by u."""
    u = f.add(x, f.const(1.0))
    m, k = mantissa(f, u)
    lost = f.select(f.compare("ogt", k, f.const(1.0)), f.sub(f.const(1.0), f.sub(u, x)), f.sub(x, f.sub(u, f.const(1.0))))
    near = f.compare("oeq", k, f.const(0.0))
    lost = f.select(near, f.const(0.0), f.div(lost, u))
    fraction = f.select(near, x, f.sub(m, f.const(1.0)))
    half, s, r = log_parts(f, fraction)
    inner = f.fma(s, f.add(half, r), f.fma(k, f.const(LN2_LO), lost))
    result = f.fma(k, f.const(LN2_HI), f.neg(f.sub(f.sub(half, inner), fraction)))
    return f.select(f.compare("oeq", x, f.const(0.0)), x, log_edges(f, x, result, -1.0))


def _log_base(f: Real, x: str, inverse: tuple[float, float], two: tuple[float, float]) -> str:
    """fdlibm e_log2.c and e_log10.c: log(m) in two doubles times 1/log(base), plus k*log_base(2)."""
    m, k = mantissa(f, x)
    fraction = f.sub(m, f.const(1.0))
    half, s, r = log_parts(f, fraction)
    high = f.from_bits(f.integer("and", f.bits(f.sub(fraction, half)), -(2**32)))
    low = f.fma(s, f.add(half, r), f.sub(f.sub(fraction, high), half))
    big, main = f.mul(k, f.const(two[0])), f.mul(high, f.const(inverse[0]))
    tail = f.fma(f.add(low, high), f.const(inverse[1]), f.fma(low, f.const(inverse[0]), f.mul(k, f.const(two[1]))))
    total = f.add(big, main)
    result = f.add(f.add(tail, f.add(f.sub(big, total), main)), total)
    return log_edges(f, x, result)


def log2(f: Real, x: str) -> str:
    return _log_base(f, x, (1.44269504072144627571e00, 1.67517131648865118353e-10), (1.0, 0.0))


def log10(f: Real, x: str) -> str:
    inverse = (4.34294481878168880939e-01, 2.50829467116452752298e-11)
    return _log_base(f, x, inverse, (3.01029995663611771306e-01, 3.69423907715893078616e-13))


# ---- inverse hyperbolic functions: formulas of fdlibm s_asinh.c, e_acosh.c, e_atanh.c --------------------------------

LARGE = 2.0**60
"""Beyond it log1p(x) is log(x), and arcsinh and arccosh are log(x) + ln 2; x*x still fits."""


def _log1p_or_log2x(f: Real, size: str, near: str) -> str:
    """log1p(near), or log(2 size) where size is LARGE."""
    large = f.compare("ogt", size, f.const(LARGE))
    result = log1p(f, f.select(large, size, near))
    return f.add(result, f.select(large, f.const(LN2), f.const(0.0)))


def arcsinh(f: Real, x: str) -> str:
    size = f.absolute(x)
    square = f.mul(size, size)
    root = f.sqrt(f.add(square, f.const(1.0)))
    near = f.add(size, f.div(square, f.add(root, f.const(1.0))))
    return f.copysign(_log1p_or_log2x(f, size, near), x)


def arccosh(f: Real, x: str) -> str:
    above = f.sub(x, f.const(1.0))
    near = f.add(above, f.sqrt(f.fma(above, above, f.mul(above, f.const(2.0)))))
    return f.select(f.compare("ult", x, f.const(1.0)), f.const(NAN), _log1p_or_log2x(f, x, near))


def arctanh(f: Real, x: str) -> str:
    size = f.absolute(x)
    twice, rest = f.add(size, size), f.sub(f.const(1.0), size)
    small = f.compare("olt", size, f.const(0.5))
    quotient = f.div(f.select(small, f.mul(twice, size), twice), rest)
    argument = f.select(small, f.add(twice, quotient), quotient)
    return f.copysign(f.mul(f.const(0.5), log1p(f, argument)), x)
