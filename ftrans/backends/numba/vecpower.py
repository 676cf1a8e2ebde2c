"""Powers, roots and remainders without branches, on doubles: see vecmath.py.

"fdlibm" is Sun's Freely Distributable LIBM, (C) 1993 by Sun Microsystems; its file is named beside what was taken from it.
Polynomials called "Chebyshev" were fitted by mpmath.chebyfit on the interval named.
"""

from __future__ import annotations

from .real import INF, NAN, Real
from .vecexp import LN2, LN2_REST, exp_reduced
from .veclog import mantissa

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
    m, k = mantissa(f, x)
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
    error = f.add(f.sub(big, first), main)  # exact, since |big| > |main| or big = 0
    second = f.add(first, third)
    error = f.add(error, f.add(f.sub(first, second), third))
    tail = f.add(f.add(error, low), higher)
    total = f.add(second, tail)
    return total, f.add(f.sub(second, total), tail)


def power(f: Real, x: str, y: str) -> str:
    """exp(y log|x|) with the logarithm and the product in two doubles; then C's rules for signs, zeros, inf and nan."""
    size = f.absolute(x)
    high, low = _log_twice_precise(f, size)
    high = log_of_edges(f, size, high)
    product, product_tail = _two_product(f, y, high)
    product_tail = f.fma(y, low, product_tail)
    clamped = f.clamp(product, -746.0, 710.0)
    product_tail = f.select(f.compare("oeq", clamped, product), product_tail, f.const(0.0))
    p, k = exp_reduced(f, clamped, product_tail)
    return power_edges(f, x, y, size, f.scaled(f.add(p, f.const(1.0)), k))


def log_of_edges(f: Real, size: str, logarithm: str) -> str:
    """The logarithm of |x|, also at 0, inf and nan."""
    logarithm = f.select(f.compare("oeq", size, f.const(0.0)), f.const(-INF), logarithm)
    return f.select(f.compare("ueq", size, f.const(INF)), size, logarithm)


def power_edges(f: Real, x: str, y: str, size: str, value: str) -> str:
    """exp(y log|x|) with the sign of the power, and where it is nan but must not be, or must be and is not."""
    one = f.const(1.0)
    half = f.mul(y, f.const(0.5))
    whole = f.compare("oeq", f.trunc(y), y)
    odd = f.both(whole, f.compare("one", f.trunc(half), half))
    value = f.select(odd, f.copysign(value, x), value)
    negative = f.both(f.compare("olt", x, f.const(0.0)), f.compare("olt", size, f.const(INF)))
    value = f.select(f.both(negative, f.opposite(whole)), f.const(NAN), value)
    unit = f.both(f.compare("oeq", size, one), f.compare("oeq", f.absolute(y), f.const(INF)))
    certain = f.either(f.compare("oeq", y, f.const(0.0)), f.compare("oeq", x, one))
    return f.select(f.either(unit, certain), one, value)


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


# ---- remainder -------------------------------------------------------------------------------------------------------


def fmod(f: Real, x: str, y: str) -> str:
    """x - n*y, n the quotient cut to an integer, exact where n < 2**53: then n is right or one too many."""
    size, unit = f.absolute(x), f.absolute(y)
    rest = f.fma(f.neg(f.trunc(f.div(size, unit))), unit, size)
    rest = f.select(f.compare("olt", rest, f.const(0.0)), f.add(rest, unit), rest)
    return f.copysign(f.select(f.compare("olt", size, unit), size, rest), x)
