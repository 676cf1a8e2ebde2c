"""Exponential, hyperbolic, logarithmic functions and powers without branches, on doubles: see vecmath.py.

"fdlibm" is Sun's Freely Distributable LIBM, (C) 1993 by Sun Microsystems; its file is named beside every constant and
formula taken from it. Polynomials called "Chebyshev" were fitted by mpmath.chebyfit on the interval named.
"""

from __future__ import annotations

from .real import INF, MAGIC, NAN, Real

LN2_HI, LN2_LO = 6.93147180369123816490e-01, 1.90821492927058770002e-10  # fdlibm e_log.c; hi has 32 bits
INV_LN2 = 1.4426950408889634
LN2 = 0.6931471805599453
LN2_REST = 2.3190468138462996e-17  # ln 2 less its nearest double


# ---- exp and its family ----------------------------------------------------------------------------------------------

EXP_Q = (
    2.5100377619606372e-08, 2.7620078203806394e-07, 2.7557268476553695e-06, 2.4801521317484083e-05,
    0.00019841269863042963, 0.0013888888917199863, 0.008333333333330063, 0.04166666666662416,
    0.16666666666666669, 0.5000000000000001,
)  # fmt: skip
"""(exp(r) - 1 - r) / r**2 on |r| <= 0.34658, Chebyshev, degree 9."""


def expm1_reduced(f: Real, x: str) -> tuple[str, str, str]:
    """x = k ln 2 + r -> (p, tail, k) with exp(r) - 1 = p + tail and k an i64."""
    k_real, k, _ = f.round_to_int(x, INV_LN2)
    first = f.fma(k_real, f.const(-LN2_HI), x)
    r = f.fma(k_real, f.const(-LN2_LO), first)
    r_tail = f.fma(k_real, f.const(-LN2_LO), f.sub(first, r))
    second = f.fma(f.mul(r, r), f.horner(r, EXP_Q), r_tail)
    p = f.add(r, second)
    return p, f.add(f.sub(r, p), second), k


def scaled(f: Real, x: str, k: str) -> str:
    """x * 2**k in two exact steps and one rounding, for k that a single power of two cannot hold."""
    half = f.integer("ashr", k, 1)
    return f.mul(f.mul(x, f.power_of_two(half)), f.power_of_two(f.integer("sub", k, half)))


def exp(f: Real, x: str) -> str:
    x = f.clamp(x, -746.0, 710.0)
    k_real, k, _ = f.round_to_int(x, INV_LN2)
    r = f.fma(k_real, f.const(-LN2_LO), f.fma(k_real, f.const(-LN2_HI), x))
    p = f.fma(f.mul(r, r), f.horner(r, EXP_Q), r)
    return scaled(f, f.add(p, f.const(1.0)), k)


def exp2(f: Real, x: str) -> str:
    x = f.clamp(x, -1080.0, 1025.0)
    k_real, k, _ = f.round_to_int(x, 1.0)
    r = f.sub(x, k_real)
    t = f.mul(r, f.const(LN2))
    t_tail = f.fma(r, f.const(LN2_REST), f.fma(r, f.const(LN2), f.neg(t)))
    p = f.add(t, f.fma(f.mul(t, t), f.horner(t, EXP_Q), t_tail))
    return scaled(f, f.add(p, f.const(1.0)), k)


def _half_expm1(f: Real, x: str) -> tuple[str, str]:
    """(exp(x) - 1) / 2 as a sum of two doubles, for -60 < x < 709.7."""
    p, tail, k = expm1_reduced(f, x)
    scale = f.power_of_two(f.integer("sub", k, 1))
    constant, scaled = f.sub(scale, f.const(0.5)), f.mul(scale, p)  # both exact
    total = f.add(constant, scaled)
    return total, f.add(f.two_sum_tail(constant, scaled, total), f.mul(scale, tail))


def expm1(f: Real, x: str) -> str:
    high, low = _half_expm1(f, f.clamp(x, -60.0, 709.79))
    result = f.mul(f.add(high, low), f.const(2.0))
    result = f.select(f.compare("ogt", x, f.const(709.782712893384)), f.const(INF), result)
    return f.select(f.compare("oeq", x, f.const(0.0)), x, result)


def tanh(f: Real, x: str) -> str:
    """With e = expm1(-2|x|): tanh|x| = -e / (e + 2), the quotient corrected by its remainder."""
    high, low = _half_expm1(f, f.mul(f.clamp(f.absolute(x), -1.0, 20.0), f.const(-2.0)))
    below = f.add(high, f.const(1.0))
    below_tail = f.add(f.add(f.sub(f.const(1.0), below), high), low)
    inverse = f.div(f.const(1.0), below)
    quotient = f.mul(high, inverse)
    rest = f.fma(f.neg(quotient), below, high)
    rest = f.fma(f.neg(quotient), below_tail, f.add(rest, low))
    result = f.copysign(f.fma(rest, inverse, quotient), x)
    return f.select(f.compare("oeq", x, f.const(0.0)), x, result)


def _half_exp(f: Real, x: str) -> str:
    """exp(x) / 2 without overflow before its own, for 0 <= x."""
    p, tail, k = expm1_reduced(f, f.clamp(x, -1.0, 711.0))
    return scaled(f, f.add(f.add(p, tail), f.const(1.0)), f.integer("sub", k, 1))


def cosh(f: Real, x: str) -> str:
    half = _half_exp(f, f.absolute(x))
    return f.add(half, f.div(f.const(0.25), half))


def sinh(f: Real, x: str) -> str:
    """With h = expm1(|x|) / 2: sinh|x| = h + h / (2h + 1); from 40 on exp(|x|) / 2."""
    size = f.absolute(x)
    high, low = _half_expm1(f, f.clamp(size, -1.0, 40.0))
    below = f.fma(high, f.const(2.0), f.const(1.0))
    second = f.div(high, below)
    weight = f.add(f.const(1.0), f.div(f.const(1.0), f.mul(below, below)))
    near = f.add(high, f.fma(low, weight, second))
    result = f.select(f.compare("ogt", size, f.const(40.0)), _half_exp(f, size), near)
    return f.select(f.compare("oeq", x, f.const(0.0)), x, f.copysign(result, x))


# ---- logarithms ------------------------------------------------------------------------------------------------------

LOG_R = (
    1.479819860511658591e-01, 1.531383769920937332e-01, 1.818357216161805012e-01, 2.222219843214978396e-01,
    2.857142874366239149e-01, 3.999999999940941908e-01, 6.666666666666735130e-01,
)  # fmt: skip
"""fdlibm e_log.c: log(1+f) = f - f*f/2 + s*(f*f/2 + z*R(z)), s = f/(2+f), z = s*s, for sqrt(1/2) < 1+f < sqrt(2)."""

SQRT_HALF_BITS = 0x3FE6A09E667F3BCD


def _mantissa(f: Real, x: str) -> tuple[str, str]:
    """Positive x = m * 2**k with sqrt(1/2) <= m < sqrt(2) -> (m, k as double); subnormals included."""
    small = f.compare("olt", x, f.const(2.2250738585072014e-308))
    bits = f.bits(f.select(small, f.mul(x, f.const(2.0**54)), x))
    k = f.integer("ashr", f.integer("sub", bits, SQRT_HALF_BITS), 52)
    m = f.from_bits(f.integer("sub", bits, f.integer("shl", k, 52)))
    k_real = f.sub(f.from_bits(f.integer("add", k, 0x4338000000000000)), f.const(MAGIC))
    return m, f.sub(k_real, f.select(small, f.const(54.0), f.const(0.0)))


def _log_parts(f: Real, fraction: str) -> tuple[str, str, str]:
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
    m, k = _mantissa(f, x)
    fraction = f.sub(m, f.const(1.0))
    half, s, r = _log_parts(f, fraction)
    inner = f.fma(s, f.add(half, r), f.mul(k, f.const(LN2_LO)))
    result = f.fma(k, f.const(LN2_HI), f.neg(f.sub(f.sub(half, inner), fraction)))
    return log_edges(f, x, result)


def log1p(f: Real, x: str) -> str:
    """fdlibm s_log1p.c: log of u = 1 + x, and what rounding u lost divided by u."""
    u = f.add(x, f.const(1.0))
    m, k = _mantissa(f, u)
    lost = f.select(f.compare("ogt", k, f.const(1.0)), f.sub(f.const(1.0), f.sub(u, x)), f.sub(x, f.sub(u, f.const(1.0))))
    near = f.compare("oeq", k, f.const(0.0))
    lost = f.select(near, f.const(0.0), f.div(lost, u))
    fraction = f.select(near, x, f.sub(m, f.const(1.0)))
    half, s, r = _log_parts(f, fraction)
    inner = f.fma(s, f.add(half, r), f.fma(k, f.const(LN2_LO), lost))
    result = f.fma(k, f.const(LN2_HI), f.neg(f.sub(f.sub(half, inner), fraction)))
    return f.select(f.compare("oeq", x, f.const(0.0)), x, log_edges(f, x, result, -1.0))


def _log_base(f: Real, x: str, inverse: tuple[float, float], two: tuple[float, float]) -> str:
    """fdlibm e_log2.c and e_log10.c: log(m) in two doubles times 1/log(base), plus k*log_base(2)."""
    m, k = _mantissa(f, x)
    fraction = f.sub(m, f.const(1.0))
    half, s, r = _log_parts(f, fraction)
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


# ---- powers ----------------------------------------------------------------------------------------------------------

ATANH_REST = (
    0.11723603622905411, 0.11706195689881364, 0.13334806212100603, 0.15384594934597917, 0.1818181833565416,
    0.22222222221654733, 0.2857142857142937, 0.4,
)  # fmt: skip
"""(log((1+s)/(1-s)) - 2s - 2/3 s**3) / s**5 in powers of s*s on s*s <= 0.0295, Chebyshev, highest first."""

TWO_THIRDS = (0.6666666666666666, 3.700743415417188e-17)


def _two_product(f: Real, x: str, y: str) -> tuple[str, str]:
    """x*y as a sum of two doubles."""
    product = f.mul(x, y)
    return product, f.fma(x, y, f.neg(product))


def _log_twice_precise(f: Real, x: str) -> tuple[str, str]:
    """log(x) as a sum of two doubles good to 2**-65, for finite x > 0."""
    m, k = _mantissa(f, x)
    fraction, below = f.sub(m, f.const(1.0)), f.add(m, f.const(1.0))
    below_tail = f.sub(m, f.sub(below, f.const(1.0)))
    inverse = f.div(f.const(1.0), below)
    s = f.mul(fraction, inverse)
    rest = f.fma(f.neg(s), below_tail, f.fma(f.neg(s), below, fraction))
    s_tail = f.mul(rest, inverse)
    z, z_tail = _two_product(f, s, s)
    z_tail = f.fma(f.add(s, s), s_tail, z_tail)
    cube, cube_tail = _two_product(f, s, z)
    cube_tail = f.add(cube_tail, f.fma(s, z_tail, f.mul(s_tail, z)))
    third, third_tail = _two_product(f, cube, f.const(TWO_THIRDS[0]))
    third_tail = f.add(third_tail, f.fma(cube, f.const(TWO_THIRDS[1]), f.mul(cube_tail, f.const(TWO_THIRDS[0]))))
    higher = f.mul(f.mul(cube, z), f.horner(z, ATANH_REST))
    main = f.add(s, s)
    big, big_tail = _two_product(f, k, f.const(LN2))
    low = f.add(f.add(third_tail, f.add(s_tail, s_tail)), f.fma(k, f.const(LN2_REST), big_tail))
    first = f.add(big, main)
    error = f.two_sum_tail(big, main, first)
    second = f.add(first, third)
    error = f.add(error, f.two_sum_tail(first, third, second))
    tail = f.add(f.add(error, low), higher)
    total = f.add(second, tail)
    return total, f.add(f.sub(second, total), tail)


def power(f: Real, x: str, y: str) -> str:
    """exp(y log|x|) with the logarithm and the product in two doubles; then C's rules for signs, zeros, inf and nan."""
    size = f.absolute(x)
    high, low = _log_twice_precise(f, size)
    product, product_tail = _two_product(f, y, high)
    product_tail = f.fma(y, low, product_tail)
    clamped = f.clamp(product, -746.0, 710.0)
    product_tail = f.select(f.compare("oeq", clamped, product), product_tail, f.const(0.0))
    p, tail, k = expm1_reduced(f, clamped)
    one = f.add(p, f.const(1.0))
    one_tail = f.add(f.sub(p, f.sub(one, f.const(1.0))), tail)
    value = f.add(one, f.fma(one, product_tail, one_tail))
    return power_edges(f, x, y, size, scaled(f, value, k))


def power_edges(f: Real, x: str, y: str, size: str, value: str) -> str:
    zero, one, inf = f.const(0.0), f.const(1.0), f.const(INF)
    either = f.either(f.compare("oeq", size, zero), f.compare("oeq", size, inf))
    extreme = f.either(either, f.compare("oeq", f.absolute(y), inf))
    grows = f.differ(f.compare("olt", size, one), f.compare("ogt", y, zero))
    value = f.select(extreme, f.select(grows, inf, zero), value)
    value = f.select(f.compare("oeq", size, one), one, value)
    half = f.mul(y, f.const(0.5))
    whole = f.compare("oeq", f.trunc(y), y)
    odd = f.both(whole, f.compare("one", f.trunc(half), half))
    value = f.select(odd, f.copysign(value, x), value)
    negative = f.both(f.compare("olt", x, zero), f.compare("olt", size, inf))
    value = f.select(f.both(negative, f.opposite(whole)), f.const(NAN), value)
    value = f.select(f.compare("uno", x, y), f.const(NAN), value)
    certain = f.either(f.compare("oeq", y, zero), f.compare("oeq", x, one))
    return f.select(certain, one, value)


# ---- roots -----------------------------------------------------------------------------------------------------------

CBRT_P = (
    0.145996192886612446982, -0.758397934778766047437, 1.621429720105354466140, -1.88497979543377169875,
    1.87595182427177009643,
)  # fmt: skip
"""fdlibm s_cbrt.c, P4 ... P0: 1/cbrt(r) to 23 bits."""


def cbrt(f: Real, x: str) -> str:
    """fdlibm s_cbrt.c: divide the exponent by 3, improve by a polynomial to 23 bits, then one Newton step."""
    size = f.absolute(x)
    small = f.compare("olt", size, f.const(2.2250738585072014e-308))
    scaled = f.select(small, f.mul(size, f.const(2.0**54)), size)
    third = f.integer("udiv", f.integer("lshr", f.bits(scaled), 32), 3)
    bias = f.choose(small, 696219795, 715094163)
    t = f.from_bits(f.integer("shl", f.integer("add", third, bias), 32))
    r = f.mul(f.mul(t, t), f.div(t, size))
    t = f.mul(t, f.horner(r, CBRT_P))
    t = f.from_bits(f.integer("and", f.integer("add", f.bits(t), 0x80000000), -(2**30)))
    r = f.div(size, f.mul(t, t))
    r = f.div(f.sub(r, t), f.add(f.add(t, t), r))
    result = f.copysign(f.fma(t, r, t), x)
    plain = f.either(f.compare("oeq", size, f.const(0.0)), f.compare("ueq", size, f.const(INF)))
    return f.select(plain, x, result)


def hypot(f: Real, x: str, y: str) -> str:
    """sqrt(x*x + y*y), scaled by a power of two where the squares would leave the range; inf wins against nan."""
    x, y = f.absolute(x), f.absolute(y)
    large = f.select(f.compare("ogt", x, y), x, y)
    small = f.select(f.compare("ogt", x, y), y, x)
    up = f.select(f.compare("olt", large, f.const(2.0**-450)), f.const(2.0**600), f.const(1.0))
    scale = f.select(f.compare("ogt", large, f.const(2.0**500)), f.const(2.0**-600), up)
    back = f.from_bits(f.integer("sub", 2046 << 52, f.bits(scale)))
    large, small = f.mul(large, scale), f.mul(small, scale)
    square, square_tail = _two_product(f, large, large)
    total = f.fma(small, small, square)
    total_tail = f.add(f.fma(small, small, f.sub(square, total)), square_tail)
    root = f.sqrt(total)
    correction = f.div(f.add(f.fma(f.neg(root), root, total), total_tail), f.add(root, root))
    fine = f.compare("ogt", root, f.const(0.0))
    finite = f.both(fine, f.compare("olt", root, f.const(INF)))
    result = f.mul(f.add(root, f.select(finite, correction, f.const(0.0))), back)
    infinite = f.either(f.compare("oeq", x, f.const(INF)), f.compare("oeq", y, f.const(INF)))
    result = f.select(f.compare("uno", x, y), f.const(NAN), result)
    return f.select(infinite, f.const(INF), result)
