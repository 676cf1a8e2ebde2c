"""Circular functions and their inverses without branches, on doubles: see vecmath.py.

"fdlibm" is Sun's Freely Distributable LIBM, (C) 1993 by Sun Microsystems; its file is named beside every constant.
"""

from __future__ import annotations

from .real import Real

# ---- circular functions ----------------------------------------------------------------------------------------------

PI_2 = (1.5707963267948966, 6.123233995736766e-17, -1.497384905065873e-33)
"""pi/2 as a sum of three doubles."""

SIN_S1 = -1.66666666666666324348e-01
SIN_S = (
    1.58969099521155010221e-10, -2.50507602534068634195e-08, 2.75573137070700676789e-06,
    -1.98412698298579493134e-04, 8.33333333332248946124e-03,
)  # fmt: skip
"""fdlibm k_sin.c, S6 ... S2, on |x| <= pi/4."""

COS_C = (
    -1.13596475577881948265e-11, 2.08757232129817482790e-09, -2.75573143513906633035e-07,
    2.48015872894767294178e-05, -1.38888888888741095749e-03, 4.16666666666666019037e-02,
)  # fmt: skip
"""fdlibm k_cos.c, C6 ... C1, on |x| <= pi/4."""


def _quarter_turns(f: Real, x: str) -> tuple[str, str, str]:
    """x = n pi/2 + high + low with |high| <= pi/4 -> (high, low, n mod 2**32 as i64 bits)."""
    n, _, bits = f.round_to_int(x, 0.6366197723675814)
    first = f.fma(f.neg(n), f.const(PI_2[0]), x)
    product = f.mul(n, f.const(PI_2[1]))
    product_tail = f.fma(n, f.const(PI_2[1]), f.neg(product))
    high = f.sub(first, product)
    error = f.two_sum_tail(first, f.neg(product), high)
    low = f.fma(f.neg(n), f.const(PI_2[2]), f.sub(error, product_tail))
    total = f.add(high, low)
    return total, f.add(f.sub(high, total), low), bits


def _sin_cos(f: Real, high: str, low: str) -> tuple[str, str, str, str]:
    """(sin, what it lacks, cos, what it lacks) of high + low, |high| <= pi/4: fdlibm k_sin.c and k_cos.c."""
    z = f.mul(high, high)
    cube = f.mul(z, high)
    inner = f.sub(f.mul(f.const(0.5), low), f.mul(cube, f.horner(z, SIN_S)))
    correction = f.sub(f.sub(f.mul(z, inner), low), f.mul(cube, f.const(SIN_S1)))
    sine = f.sub(high, correction)
    sine_tail = f.sub(f.sub(high, sine), correction)
    half = f.mul(f.const(0.5), z)
    main = f.sub(f.const(1.0), half)
    more = f.sub(f.mul(z, f.mul(z, f.horner(z, COS_C))), f.mul(high, low))
    more = f.add(f.sub(f.sub(f.const(1.0), main), half), more)
    cosine = f.add(main, more)
    return sine, sine_tail, cosine, f.add(f.sub(main, cosine), more)


def _circular(f: Real, x: str, shift: int) -> str:
    """sin(x + shift pi/2)."""
    high, low, bits = _quarter_turns(f, x)
    sine, _, cosine, _ = _sin_cos(f, high, low)
    return in_quarter(f, sine, cosine, bits, shift)


def in_quarter(f: Real, sine: str, cosine: str, bits: str, shift: int) -> str:
    """The sine or the cosine of the rest of an angle, with its sign: that of so many quarter turns and `shift` more."""
    turns = f.integer("add", bits, shift)
    odd = f.integer("icmp ne", f.integer("and", turns, 1), 0)
    sign = f.integer("shl", f.integer("and", turns, 2), 62)
    return f.from_bits(f.integer("xor", f.bits(f.select(odd, cosine, sine)), sign))


def sin(f: Real, x: str) -> str:
    return f.select(f.compare("oeq", x, f.const(0.0)), x, _circular(f, x, 0))


def cos(f: Real, x: str) -> str:
    return _circular(f, x, 1)


def tan(f: Real, x: str) -> str:
    """sin/cos or -cos/sin, both in two doubles, the quotient corrected by its remainder."""
    high, low, bits = _quarter_turns(f, x)
    sine, sine_tail, cosine, cosine_tail = _sin_cos(f, high, low)
    odd = f.integer("icmp ne", f.integer("and", bits, 1), 0)
    above, above_tail = f.select(odd, f.neg(cosine), sine), f.select(odd, f.neg(cosine_tail), sine_tail)
    below, below_tail = f.select(odd, sine, cosine), f.select(odd, sine_tail, cosine_tail)
    inverse = f.div(f.const(1.0), below)
    quotient = f.mul(above, inverse)
    rest = f.add(f.fma(f.neg(quotient), below, above), f.fma(f.neg(quotient), below_tail, above_tail))
    return f.select(f.compare("oeq", x, f.const(0.0)), x, f.fma(rest, inverse, quotient))


# ---- inverse circular functions --------------------------------------------------------------------------------------

ATAN_T = (
    1.62858201153657823623e-02, -3.65315727442169155270e-02, 4.97687799461593236017e-02, -5.83357013379057348645e-02,
    6.66107313738753120669e-02, -7.69187620504482999495e-02, 9.09088713343650656196e-02, -1.11111104054623557880e-01,
    1.42857142725034663711e-01, -1.99999999998764832476e-01, 3.33333333333329318027e-01,
)  # fmt: skip
"""fdlibm s_atan.c, aT[10] ... aT[0]: (t - atan(t)) / t**3 in powers of t*t on |t| <= 7/16."""

ATAN_STEPS = (
    (0.4375, 0.5, 4.63647609000806093515e-01, 2.26987774529616870924e-17),
    (0.6875, 1.0, 7.85398163397448278999e-01, 3.06161699786838301793e-17),
    (1.1875, 1.5, 9.82793723247329054082e-01, 1.39033110312309984516e-17),
)
"""fdlibm s_atan.c: from the first number on, atan(x) = atan(c) + atan((x-c)/(1+cx)); c, atan(c) in two doubles."""

LAST_STEP = 2.4375
"""From here on atan(x) = pi/2 + atan(-1/x)."""


def _arctan_positive(f: Real, x: str) -> str:
    """arctan of x >= 0 or nan."""
    above, below, high, low = x, f.const(1.0), f.const(0.0), f.const(0.0)
    for start, centre, value, rest in ATAN_STEPS:
        here = f.compare("oge", x, f.const(start))
        above = f.select(here, f.sub(x, f.const(centre)), above)
        below = f.select(here, f.fma(x, f.const(centre), f.const(1.0)), below)
        high, low = f.select(here, f.const(value), high), f.select(here, f.const(rest), low)
    far = f.compare("oge", x, f.const(LAST_STEP))
    above, below = f.select(far, f.const(-1.0), above), f.select(far, x, below)
    high, low = f.select(far, f.const(PI_2[0]), high), f.select(far, f.const(PI_2[1]), low)
    t = f.div(above, below)
    z = f.mul(t, t)
    bend = f.sub(f.mul(t, f.mul(z, f.horner(z, ATAN_T))), low)
    return f.sub(high, f.sub(bend, t))


def arctan(f: Real, x: str) -> str:
    return f.copysign(_arctan_positive(f, f.absolute(x)), x)


def arctan2(f: Real, y: str, x: str) -> str:
    """arctan(|y|/|x|) moved to its quadrant; 0/0 counts as 0 and inf/inf as 1."""
    up, right = f.absolute(y), f.absolute(x)
    same, zero = f.compare("oeq", up, right), f.compare("oeq", up, f.const(0.0))
    edge = f.select(zero, f.const(0.0), f.const(1.0))
    angle = _arctan_positive(f, f.select(same, edge, f.div(up, right)))
    pi = 2 * PI_2[0], 2 * PI_2[1]
    left = f.sub(f.const(pi[0]), f.sub(angle, f.const(pi[1])))
    is_left = f.integer("icmp slt", f.bits(x), 0)
    unknown = f.compare("uno", x, y)
    angle = f.copysign(f.select(is_left, left, angle), y)
    return f.select(unknown, f.add(x, y), angle)


ASIN_P = (
    3.47933107596021167570e-05, 7.91534994289814532176e-04, -4.00555345006794114027e-02, 2.01212532134862925881e-01,
    -3.25565818622400915405e-01, 1.66666666666666657415e-01,
)  # fmt: skip
ASIN_Q = (
    7.70381505559019352791e-02, -6.88283971605453293030e-01, 2.02094576023350569471e00, -2.40339491173441421878e00, 1.0,
)  # fmt: skip
"""fdlibm e_asin.c, pS5 ... pS0 and qS4 ... 1: (asin(x) - x) / x**3 in powers of x*x on |x| <= 1/2."""


def _arcsin_parts(f: Real, x: str) -> tuple[str, str, str, str]:
    """(i1: |x| < 1/2, s, w, what s lacks): arcsin(s) = s + w with s = |x| there, else s = sqrt((1 - |x|)/2)."""
    size = f.absolute(x)
    near = f.compare("olt", size, f.const(0.5))
    z = f.select(near, f.mul(x, x), f.mul(f.sub(f.const(1.0), size), f.const(0.5)))
    root = f.sqrt(z)
    lacking = f.div(f.fma(f.neg(root), root, z), f.add(root, root))
    positive = f.compare("ogt", root, f.const(0.0))
    lacking = f.select(positive, lacking, f.const(0.0))
    s = f.select(near, size, root)
    ratio = f.div(f.mul(z, f.horner(z, ASIN_P)), f.horner(z, ASIN_Q))
    return near, s, f.mul(s, ratio), lacking


def arcsin(f: Real, x: str) -> str:
    near, s, w, lacking = _arcsin_parts(f, x)
    twice = f.add(s, s)
    main = f.sub(f.const(PI_2[0]), twice)
    tail = f.add(f.sub(f.sub(f.const(PI_2[0]), main), twice), f.const(PI_2[1]))
    far = f.add(main, f.fma(f.add(w, lacking), f.const(-2.0), tail))
    return f.copysign(f.select(near, f.add(s, w), far), x)


def arccos(f: Real, x: str) -> str:
    near, s, w, lacking = _arcsin_parts(f, x)
    negative = f.compare("olt", x, f.const(0.0))
    signed_w = f.copysign(w, x)
    middle = f.sub(f.const(PI_2[0]), f.sub(x, f.sub(f.const(PI_2[1]), signed_w)))
    w = f.add(w, lacking)
    right = f.mul(f.const(2.0), f.add(s, w))
    left = f.mul(f.const(2.0), f.sub(f.sub(f.const(PI_2[0]), s), f.sub(w, f.const(PI_2[1]))))
    return f.select(near, middle, f.select(negative, left, right))
