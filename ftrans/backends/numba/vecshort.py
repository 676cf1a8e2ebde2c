"""float32 functions without branches, computed in double with short polynomials, rounded once at the end by the caller: see
vecmath.py. What reaches 2 ulp in single precision is in vecsingle.py, at half the work.

A double carries 29 bits more than the result needs, so nothing has to be corrected, and no intermediate value
overflows or is subnormal: about half the work of the float64 routines (vecexp.py, veccircle.py), and half an ulp of
error. Arguments are doubles that came from a float32. All polynomials are Chebyshev fits by mpmath.chebyfit on the
intervals named.
"""

from __future__ import annotations

from .real import INF, MAGIC, NAN, Real
from .veccircle import PI_2, in_quarter
from .vecexp import INV_LN2, LN2
from .veclog import SQRT_HALF_BITS, log_edges
from .veclogistic import LOG1P_L, larger_and_gap
from .vecpower import log_of_edges, power_edges

EXP_Q = (
    2.4859580370116966e-05, 0.00019899276107118009, 0.0013888854047035496, 0.00833329848117442, 0.04166666671898665,
    0.1666666671900332, 0.5,
)  # fmt: skip
"""(exp(r) - 1 - r) / r**2 on |r| <= 0.34658; error 3e-11."""

ATANH_R = (0.2333096405177204, 0.2855080255327671, 0.4000012200081688, 0.6666666655430018)
"""(log((1+s)/(1-s)) - 2s) / s**3 in powers of s*s <= 0.02945; error 1e-9, a part in 3e10 of the logarithm."""

SIN_S = (2.7249851596168045e-06, -0.00019840086163020333, 0.008333331873650577, -0.16666666663852564)
"""(sin(r) - r) / r**3 in powers of r*r, |r| <= pi/4; error 3e-11."""

COS_C = (-2.7300897268581585e-07, 2.4800599899457505e-05, -0.0013888887671132451, 0.04166666666431893)
"""(cos(r) - 1 + r*r/2) / r**4 in powers of r*r, |r| <= pi/4; error 3e-12."""


def _reduced(f: Real, x: str, low: float, high: float) -> tuple[str, str]:
    """x within [low, high] -> (exp(r) - 1, 2**k) with x = k ln 2 + r."""
    x = f.clamp(x, low, high)
    k_real, k, _ = f.round_to_int(x, INV_LN2)
    r = f.fma(k_real, f.const(-LN2), x)
    return f.fma(f.mul(r, r), f.horner(r, EXP_Q), r), f.power_of_two(k)


def _exp(f: Real, x: str) -> str:
    p, scale = _reduced(f, x, -700.0, 700.0)
    return f.fma(p, scale, scale)


def _expm1(f: Real, x: str) -> str:
    p, scale = _reduced(f, x, -700.0, 700.0)
    return f.fma(p, scale, f.sub(scale, f.const(1.0)))


def expm1(f: Real, x: str) -> str:
    return f.select(f.compare("oeq", x, f.const(0.0)), x, _expm1(f, x))


def sinh(f: Real, x: str) -> str:
    e = _expm1(f, f.absolute(x))
    return f.copysign(f.mul(f.const(0.5), f.add(e, f.div(e, f.add(e, f.const(1.0))))), x)


def cosh(f: Real, x: str) -> str:
    e = _exp(f, f.absolute(x))
    return f.mul(f.const(0.5), f.add(e, f.div(f.const(1.0), e)))


def _log(f: Real, x: str, offset: str | None = None) -> str:
    """log(x) for normal x > 0; where x is within [sqrt(1/2), sqrt(2)], log(1 + offset) if an offset is given."""
    bits = f.bits(x)
    k = f.integer("ashr", f.integer("sub", bits, SQRT_HALF_BITS), 52)
    fraction = f.sub(f.from_bits(f.integer("sub", bits, f.integer("shl", k, 52))), f.const(1.0))
    k_real = f.sub(f.from_bits(f.integer("add", k, 0x4338000000000000)), f.const(MAGIC))
    if offset is not None:
        fraction = f.select(f.compare("oeq", k_real, f.const(0.0)), offset, fraction)
    s = f.div(fraction, f.add(fraction, f.const(2.0)))
    z = f.mul(s, s)
    near = f.fma(f.mul(s, z), f.horner(z, ATANH_R), f.add(s, s))
    return f.fma(k_real, f.const(LN2), near)


def log1p(f: Real, x: str) -> str:
    result = log_edges(f, x, _log(f, f.add(x, f.const(1.0)), x), -1.0)
    return f.select(f.compare("oeq", x, f.const(0.0)), x, result)


def arcsinh(f: Real, x: str) -> str:
    size = f.absolute(x)
    square = f.mul(size, size)
    root = f.sqrt(f.add(square, f.const(1.0)))
    argument = f.add(size, f.div(square, f.add(root, f.const(1.0))))
    finite = f.compare("olt", size, f.const(INF))
    return f.copysign(f.select(finite, log1p(f, argument), size), x)


def arccosh(f: Real, x: str) -> str:
    above = f.sub(x, f.const(1.0))
    root = f.sqrt(f.fma(above, above, f.add(above, above)))
    return f.select(f.compare("ult", x, f.const(1.0)), f.const(NAN), log1p(f, f.add(above, root)))


def arctanh(f: Real, x: str) -> str:
    size = f.absolute(x)
    quotient = f.div(f.add(size, size), f.sub(f.const(1.0), size))
    return f.copysign(f.mul(f.const(0.5), log1p(f, quotient)), x)


def power(f: Real, x: str, y: str) -> str:
    size = f.absolute(x)
    return power_edges(f, x, y, size, _exp(f, f.mul(y, log_of_edges(f, size, _log(f, size)))))


def _circular(f: Real, x: str, shift: int) -> str:
    """sin(x + shift pi/2)."""
    n, _, bits = f.round_to_int(x, 0.6366197723675814)
    r = f.fma(f.neg(n), f.const(PI_2[1]), f.fma(f.neg(n), f.const(PI_2[0]), x))
    z = f.mul(r, r)
    sine = f.fma(f.mul(z, r), f.horner(z, SIN_S), r)
    cosine = f.fma(f.mul(z, z), f.horner(z, COS_C), f.fma(z, f.const(-0.5), f.const(1.0)))
    return in_quarter(f, sine, cosine, bits, shift)


def sin(f: Real, x: str) -> str:
    return f.select(f.compare("oeq", x, f.const(0.0)), x, _circular(f, x, 0))


def cos(f: Real, x: str) -> str:
    return _circular(f, x, 1)


def tan(f: Real, x: str) -> str:
    result = f.div(_circular(f, x, 0), _circular(f, x, 1))
    return f.select(f.compare("oeq", x, f.const(0.0)), x, result)


# ---- inverse circular functions, roots --------------------------------------------------------------------------------

ASIN_P = (
    0.030974540371355073, 0.010574415516912909, 0.023611817008891752, 0.030269138728589183, 0.04464766388813485,
    0.07499992404401838, 0.16666666686085643,
)  # fmt: skip
"""(asin(x) - x) / x**3 in powers of x*x, |x| <= 1/2; error 2e-10."""


def _arcsin_parts(f: Real, x: str) -> tuple[str, str]:
    """(i1: |x| < 1/2, arcsin of s): s = |x| there, else sqrt((1 - |x|)/2)."""
    size = f.absolute(x)
    near = f.compare("olt", size, f.const(0.5))
    z = f.select(near, f.mul(x, x), f.mul(f.sub(f.const(1.0), size), f.const(0.5)))
    s = f.select(near, size, f.sqrt(z))
    return near, f.fma(f.mul(s, z), f.horner(z, ASIN_P), s)


def arcsin(f: Real, x: str) -> str:
    near, angle = _arcsin_parts(f, x)
    return f.copysign(f.select(near, angle, f.fma(angle, f.const(-2.0), f.const(PI_2[0]))), x)


def arccos(f: Real, x: str) -> str:
    near, angle = _arcsin_parts(f, x)
    twice = f.add(angle, angle)
    far = f.select(f.compare("olt", x, f.const(0.0)), f.sub(f.const(2 * PI_2[0]), twice), twice)
    return f.select(near, f.sub(f.const(PI_2[0]), f.copysign(angle, x)), far)


def cbrt(f: Real, x: str) -> str:
    """The exponent divided by 3 (as fdlibm s_cbrt.c does it, 5 bits), then two of Halley's steps."""
    size = f.absolute(x)
    third = f.fma(f.to_number(f.integer("lshr", f.bits(size), 32)), f.const(1 / 3), f.const(MAGIC + 715094163))
    t = f.from_bits(f.integer("shl", f.bits(third), 32))
    for _ in range(2):
        cube = f.mul(f.mul(t, t), t)
        t = f.mul(t, f.div(f.fma(size, f.const(2.0), cube), f.fma(cube, f.const(2.0), size)))
    plain = f.either(f.compare("oeq", size, f.const(0.0)), f.compare("ueq", size, f.const(INF)))
    return f.select(plain, x, f.copysign(t, x))


def hypot(f: Real, x: str, y: str) -> str:
    root = f.sqrt(f.fma(x, x, f.mul(y, y)))
    infinite = f.either(*[f.compare("oeq", f.absolute(side), f.const(INF)) for side in (x, y)])
    return f.select(infinite, f.const(INF), root)


# ---- sums of exponentials --------------------------------------------------------------------------------------------


def _log1p_of_decay(f: Real, gap: str) -> str:
    """log(1 + exp(-gap)) for gap >= 0."""
    e = _exp(f, f.neg(gap))
    return f.fma(f.mul(e, e), f.horner(e, LOG1P_L), e)


def logaddexp(f: Real, x: str, y: str) -> str:
    larger, gap = larger_and_gap(f, x, y)
    return f.add(larger, _log1p_of_decay(f, gap))


def logaddexp2(f: Real, x: str, y: str) -> str:
    larger, gap = larger_and_gap(f, x, y)
    rest = f.mul(_log1p_of_decay(f, f.mul(gap, f.const(LN2))), f.const(INV_LN2))
    return f.add(larger, f.select(f.compare("oeq", gap, f.const(0.0)), f.const(1.0), rest))
