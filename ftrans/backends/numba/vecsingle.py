"""float32 functions without branches in single precision: see vecmath.py. What cannot have 2 ulp this way is in vecshort.py.

All polynomials are Chebyshev fits by mpmath.chebyfit on the intervals named. The forms follow N. Juffa's (public answers on
stackoverflow.com about erff, logf, sinf and atanf): a first term that is exact, corrected by what the polynomial gives.
"""

from __future__ import annotations

from .real import Real
from .vecerf import ERF_P, erfc
from .vecexp import EXPONENTIAL, exp, exp2, exp_reduced
from .veclog import log_edges
from .veclogistic import expit, log1pexp

LN2 = EXPONENTIAL["float"].ln2

LOG_P = (
    0.11330617385023778, -0.12422200575409693, 0.10915654793276691, -0.12288721609296725, 0.14291867181988005,
    -0.1667331625320225, 0.19999948351310606, -0.24999944186243983, 0.3333333333333333,
)  # fmt: skip
"""(log(1+f) - f + f*f/2) / f**3 on |f| <= 1/3; error 3e-8."""

TWO_THIRDS_BITS = 0x3F2AAAAB

SIN_S = (-0.000195878904001737, 0.008332748268406942, -0.1666666466230294)
"""(sin(r) - r) / r**3 in powers of r*r, |r| <= pi/4; error 2e-8."""

COS_C = (2.4547941603820702e-05, -0.0013888303033667549, 0.041666664659490746)
"""(cos(r) - 1 + r*r/2) / r**4 in powers of r*r, |r| <= pi/4; error 2e-9."""

PI_2 = (1.57079601287841796875, 3.1391647326017846e-07, 5.390302529957764e-15)
"""pi/2 as a sum of three; the first has 20 bits, so that up to 2**16 multiples of it and their difference from x are exact."""

TANH_T = (
    -0.0004206954938640047, 0.0025104593252183887, -0.008218921897791422, 0.021660115374758985, -0.053934788850892486,
    0.13333128520786391, -0.3333333125201679,
)  # fmt: skip
"""(tanh(x) - x) / x**3 in powers of x*x, |x| <= 1; error 2e-8."""

ERFC_LOG = (
    1.6386373248754714e-06, -4.608744728982591e-05, 0.0005970529461310062, -0.004760747710826218, 0.02642437092729083,
    -0.11008568029183151, -0.6318202467817906, -1.1302367226333574, 0.0003209143829899536,
)  # fmt: skip
"""log(erfc(x)) on 0.99 <= x <= 4; error 2e-8."""

ATAN_T = (
    -0.002386997316724113, 0.013507771427020535, -0.03587153898204336, 0.06250169444749563, -0.08656880430154522,
    0.11033764115313455, -0.14278568748210602, 0.1999973932983558, -0.3333333173306352,
)  # fmt: skip
"""(atan(x) - x) / x**3 in powers of x*x, |x| <= 1; error 2e-8."""


def tanh(f: Real, x: str) -> str:
    """A polynomial up to 1; from there 1 - 2 / (exp(2x) + 1)."""
    size = f.at_most(f.absolute(x), 10.0)
    square = f.mul(x, x)
    near = f.fma(f.mul(square, x), f.horner(square, TANH_T), x)
    p, k = exp_reduced(f, f.add(size, size))
    scale = f.power_of_two(k)
    below = f.add(f.fma(p, scale, scale), f.const(1.0))
    far = f.copysign(f.sub(f.const(1.0), f.div(f.const(2.0), below)), x)
    return f.select(f.compare("olt", size, f.const(1.0)), near, far)


def erf(f: Real, x: str) -> str:
    """A polynomial up to 1; from there 1 - exp(log(erfc(x)))."""
    size = f.at_most(f.absolute(x), 4.0)
    square = f.mul(x, x)
    near = f.fma(x, f.horner(square, ERF_P["float"]), x)
    p, k = exp_reduced(f, f.horner(size, ERFC_LOG))
    scale = f.power_of_two(k)
    far = f.copysign(f.sub(f.const(1.0), f.fma(p, scale, scale)), x)
    return f.select(f.compare("olt", size, f.const(1.0)), near, far)


def _log_parts(f: Real, x: str) -> tuple[str, str, str]:
    """Positive x = (1 + fraction) * 2**k, 2/3 <= 1 + fraction < 4/3 -> (fraction, log(1 + fraction) - fraction, k)."""
    small = f.compare("olt", x, f.const(f.format.tiny))
    bits = f.bits(f.select(small, f.mul(x, f.const(2.0**23)), x))
    k = f.integer("ashr", f.integer("sub", bits, TWO_THIRDS_BITS), 23)
    m = f.from_bits(f.integer("sub", bits, f.integer("shl", k, 23)))
    k_real = f.sub(f.to_number(k), f.select(small, f.const(23.0), f.const(0.0)))
    fraction = f.sub(m, f.const(1.0))
    square = f.mul(fraction, fraction)
    return fraction, f.mul(square, f.fma(fraction, f.horner(fraction, LOG_P), f.const(-0.5))), k_real


def log1p(f: Real, x: str) -> str:
    """The logarithm of u = 1 + x, and what rounding u lost, scaled as u was."""
    u = f.add(x, f.const(1.0))
    lost = f.sub(x, f.sub(u, f.const(1.0)))
    fraction, rest, k = _log_parts(f, u)
    shrink = f.from_bits(
        f.integer(
            "sub",
            127 << 23,
            f.integer("shl", f.integer("sub", f.bits(f.add(f.at_most(k, 64.0), f.const(f.format.magic))), f.format.magic_bits), 23),
        )
    )
    rest = f.fma(lost, shrink, f.fma(k, f.const(LN2[1]), rest))
    result = log_edges(f, x, f.fma(k, f.const(LN2[0]), f.add(fraction, rest)), -1.0)
    return f.select(f.compare("oeq", x, f.const(0.0)), x, result)


def log(f: Real, x: str) -> str:
    fraction, rest, k = _log_parts(f, x)
    rest = f.fma(k, f.const(LN2[1]), rest)
    return log_edges(f, x, f.fma(k, f.const(LN2[0]), f.add(fraction, rest)))


def _log_base(f: Real, x: str, inverse: tuple[float, float], two: tuple[float, float]) -> str:
    """The logarithm to a base: 1 / log(base) and the logarithm of 2 in two numbers each."""
    fraction, rest, k = _log_parts(f, x)
    rest = f.fma(fraction, f.const(inverse[1]), f.fma(rest, f.const(inverse[0]), f.mul(k, f.const(two[1]))))
    return log_edges(f, x, f.fma(k, f.const(two[0]), f.fma(fraction, f.const(inverse[0]), rest)))


def log2(f: Real, x: str) -> str:
    return _log_base(f, x, EXPONENTIAL["float"].inverse, (1.0, 0.0))


def log10(f: Real, x: str) -> str:
    return _log_base(f, x, (0.4342944920063019, -1.0103050052231683e-08), (0.3010300099849701, -1.4320988897559699e-08))


def _circular(f: Real, x: str, shift: int) -> str:
    """sin(x + shift pi/2), |x| <= 2**16."""
    n, _, bits = f.round_to_int(x, 0.6366197723675814)
    r = x
    for part in PI_2:
        r = f.fma(n, f.const(-part), r)
    z = f.mul(r, r)
    sine = f.fma(f.mul(z, r), f.horner(z, SIN_S), r)
    cosine = f.fma(f.mul(z, z), f.horner(z, COS_C), f.fma(z, f.const(-0.5), f.const(1.0)))
    turns = f.integer("add", bits, shift) if shift else bits
    odd = f.integer("icmp ne", f.integer("and", turns, 1), 0)
    sign = f.integer("shl", f.integer("and", turns, 2), 30)
    return f.from_bits(f.integer("xor", f.bits(f.select(odd, cosine, sine)), sign))


def sin(f: Real, x: str) -> str:
    return f.select(f.compare("oeq", x, f.const(0.0)), x, _circular(f, x, 0))


def cos(f: Real, x: str) -> str:
    return _circular(f, x, 1)


def _arctan_of_one(f: Real, x: str) -> str:
    """arctan of |x| <= 1."""
    square = f.mul(x, x)
    return f.fma(f.mul(square, x), f.horner(square, ATAN_T), x)


def arctan(f: Real, x: str) -> str:
    size = f.absolute(x)
    far = f.compare("ogt", size, f.const(1.0))
    near = _arctan_of_one(f, f.select(far, f.div(f.const(1.0), size), size))
    return f.copysign(f.select(far, f.sub(f.const(1.5707963267948966), near), near), x)


def arctan2(f: Real, y: str, x: str) -> str:
    """arctan of the smaller side over the larger, moved to its octant; 0/0 counts as 0 and inf/inf as 1."""
    up, right = f.absolute(y), f.absolute(x)
    steep, same = f.compare("ogt", up, right), f.compare("oeq", up, right)
    ratio = f.div(f.select(steep, right, up), f.select(steep, up, right))
    edge = f.select(f.compare("oeq", up, f.const(0.0)), f.const(0.0), f.const(1.0))
    angle = _arctan_of_one(f, f.select(same, edge, ratio))
    angle = f.select(steep, f.sub(f.const(1.5707963267948966), angle), angle)
    angle = f.select(f.integer("icmp slt", f.bits(x), 0), f.sub(f.const(3.141592653589793), angle), angle)
    return f.select(f.compare("uno", x, y), f.add(x, y), f.copysign(angle, y))


__all__ = [
    "arctan", "arctan2", "cos", "erf", "erfc", "exp", "exp2", "expit", "log", "log10", "log1p", "log1pexp", "log2", "sin", "tanh",
]  # fmt: skip
