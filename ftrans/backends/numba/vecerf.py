"""The error functions without branches, on doubles; erfc on floats too: see vecmath.py.

Polynomials are Chebyshev fits by mpmath.chebyfit.
"""

from __future__ import annotations

from .real import Real
from .vecexp import exp_reduced, expm1_reduced

CENTRE = 3.75

ERF_P = {
    "double": (
        5.957176147748911e-11, -1.1372848856791674e-09, 1.4659775274047436e-08, -1.6350312701054695e-07,
        1.6461000484121368e-06, -1.4925595266831182e-05, 0.0001205533111164271, -0.000854832698083379,
        0.0052239776248180145, -0.026866170645076792, 0.11283791670954879, -0.3761263890318375, 0.1283791670955126,
    ),
    "float": (
        7.875875062685488e-05, -0.000801686428716587, 0.005189087423433974, -0.026854212010626412, 0.11283594715160218,
        -0.37612626666720334, 0.12837916584835093,
    ),
}  # fmt: skip
"""erf(x) / x - 1 in powers of x*x, |x| <= 1; error 1e-19 and 1e-9."""

ERFC_G = {
    "double": (
        -4.021812318055577e-09, -2.800256565516931e-09, 3.758556054987387e-08, 2.2092545188283267e-08,
        -2.5850383762693714e-07, -5.648882545128533e-08, 1.7521493143336468e-06, -9.737575162722984e-07,
        -1.1444642657338937e-05, 2.238421628349864e-05, 5.1649327115663387e-05, -0.0002901540462281235,
        0.00029371360428269433, 0.0017556258418799954, -0.009746579548162297, 0.02836227742070009, -0.05869339859054567,
        0.0923043211602373, -0.10880393014170636, 0.08227673849015017, 0.0035854154854636595, -0.14024059858554702,
        1.2375126308378275,
    ),
    "float": (
        -0.000288791214057103, 0.00032856928907100554, 0.0017606147216643578, -0.009756464275234954, 0.028360780777116616,
        -0.05869199586958249, 0.09230445830839196, -0.10880402696637084, 0.0822767360142258, 0.003585418027554961,
        -0.14024059864473462, 1.2375126308275017,
    ),
}  # fmt: skip
"""exp(x*x) erfc(x) (1 + 2x) in powers of (x - CENTRE) / (x + CENTRE), 1/2 <= x <= FARTHEST; error 4e-19 and 6e-11."""

ERF_CENTRE = 3.0
ERF_G = (
    1.2801900862962662e-06, 2.023603179641757e-06, -8.008021319412685e-06, -1.284889451252353e-05,
    6.406182073530546e-05, 4.525472635483354e-05, -0.0005970623517093284, 0.0007077464443901538, 0.004269136347508256,
    -0.024392499318273194, 0.07166583719774874, -0.15011593650078744, 0.24560380171233195, -0.32623356004303716,
    0.17900115118138996,
)  # fmt: skip
"""exp(x*x) erfc(x) in powers of (x - ERF_CENTRE) / (x + ERF_CENTRE), 1 <= x <= 6; error 1e-17."""

FARTHEST = {"double": 28.0, "float": 11.0}
"""From here on erfc is 0."""


def _last_step(f: Real, higher: str, t: str, last: float) -> tuple[str, str]:
    """higher * t + last, |higher * t| < last: (its rounding error, itself)."""
    total = f.fma(higher, t, f.const(last))
    return f.fma(higher, t, f.sub(f.const(last), total)), total


def _far(f: Real, x: str) -> str:
    """erfc(x) for 1/2 <= x <= FARTHEST: exp(-x*x) times a quotient, all with the rounding errors of what they come from."""
    square = f.mul(x, x)
    square_tail = f.fma(x, x, f.neg(square))
    p, tail, k = expm1_reduced(f, f.neg(square))
    power = f.add(p, f.const(1.0))
    power_tail = f.add(f.sub(p, f.sub(power, f.const(1.0))), tail)
    power_tail = f.fma(f.neg(power), square_tail, power_tail)
    t = f.div(f.sub(x, f.const(CENTRE)), f.add(x, f.const(CENTRE)))
    *higher, last = ERFC_G[f.format.name]
    sum_tail, above = _last_step(f, f.horner(t, higher), t, last)
    below = f.fma(x, f.const(2.0), f.const(1.0))
    below_tail = f.fma(x, f.const(2.0), f.sub(f.const(1.0), below))
    inverse = f.div(f.const(1.0), below)
    quotient = f.mul(above, inverse)
    rest = f.add(f.fma(f.neg(quotient), below_tail, sum_tail), f.fma(f.neg(quotient), below, above))
    product = f.mul(quotient, power)
    product_tail = f.fma(quotient, power, f.neg(product))
    more = f.fma(quotient, power_tail, f.mul(f.mul(rest, inverse), power))
    return f.scaled(f.add(product, f.add(product_tail, more)), k)


def erf(f: Real, x: str) -> str:
    """A polynomial up to 1; from there 1 - erfc(x), which need not be exact."""
    size = f.at_most(f.absolute(x), 6.0)
    near = f.fma(x, f.horner(f.mul(x, x), ERF_P["double"]), x)
    p, k = exp_reduced(f, f.neg(f.mul(size, size)))
    scale = f.power_of_two(k)
    t = f.div(f.sub(size, f.const(ERF_CENTRE)), f.add(size, f.const(ERF_CENTRE)))
    rest = f.mul(f.fma(p, scale, scale), f.horner(t, ERF_G))
    far = f.copysign(f.sub(f.const(1.0), rest), x)
    return f.select(f.compare("olt", size, f.const(1.0)), near, far)


def erfc(f: Real, x: str) -> str:
    size = f.absolute(x)
    far = _far(f, f.clamp(size, 0.5, FARTHEST[f.format.name]))
    far = f.select(f.compare("olt", x, f.const(0.0)), f.sub(f.const(2.0), far), far)
    excess = f.horner(f.mul(x, x), ERF_P[f.format.name])
    near = f.fma(f.neg(x), excess, f.sub(f.const(1.0), x))
    return f.select(f.compare("olt", size, f.const(0.75)), near, far)
