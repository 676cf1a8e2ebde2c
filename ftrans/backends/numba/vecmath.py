"""Elementary functions without branches, written as LLVM IR so that the loop around them is vectorised.

Each routine takes and gives one float64 (or float32) and is right for every input - nan, infinities, signed zeros,
subnormals - to at most 2 ulp (tests/test_vecmath.py measures them against mpmath). The three with a huge-argument problem, sin,
cos and tan, are right up to HUGE; `routine(name, type, slow=True)` gives the variant that hands larger arguments to libm.

Sources of the constants stand beside them. "fdlibm" is Sun's Freely Distributable LIBM, (C) 1993 by Sun Microsystems, as in its
files e_log.c, k_sin.c, k_cos.c; the polynomials called "Chebyshev" were fitted by mpmath.chebyfit on the interval named.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache

from ftrans.backends.numba.asm import Function, literal

INF, NAN = float("inf"), float("nan")
HUGE = 2.0**22
"""Beyond this sin, cos and tan need more bits of pi than the vector routines carry."""

MAGIC = 6755399441055744.0
"""1.5 * 2**52: adding it rounds a double below 2**51 to an integer, left in the low bits of the sum."""

LN2_HI, LN2_LO = 6.93147180369123816490e-01, 1.90821492927058770002e-10  # fdlibm e_log.c; hi has 32 bits
INV_LN2 = 1.4426950408889634


class Real(Function):
    """A function of one double under construction, with double arithmetic by name."""

    type = "double"

    def const(self, value: float) -> str:
        return literal(value, "double")

    def add(self, x: str, y: str) -> str:
        return self.let(f"fadd double {x}, {y}")

    def sub(self, x: str, y: str) -> str:
        return self.let(f"fsub double {x}, {y}")

    def mul(self, x: str, y: str) -> str:
        return self.let(f"fmul double {x}, {y}")

    def div(self, x: str, y: str) -> str:
        return self.let(f"fdiv double {x}, {y}")

    def neg(self, x: str) -> str:
        return self.let(f"fneg double {x}")

    def fma(self, x: str, y: str, z: str) -> str:
        """x*y + z, rounded once."""
        return self.intrinsic("fma", "double", x, y, z)

    def absolute(self, x: str) -> str:
        return self.intrinsic("fabs", "double", x)

    def copysign(self, x: str, sign: str) -> str:
        return self.intrinsic("copysign", "double", x, sign)

    def compare(self, predicate: str, x: str, y: str) -> str:
        return self.let(f"fcmp {predicate} double {x}, {y}")

    def select(self, condition: str, x: str, y: str) -> str:
        return self.let(f"select i1 {condition}, double {x}, double {y}")

    def bits(self, x: str) -> str:
        return self.let(f"bitcast double {x} to i64")

    def from_bits(self, i: str) -> str:
        return self.let(f"bitcast i64 {i} to double")

    def integer(self, operation: str, i: str, j: str | int) -> str:
        return self.let(f"{operation} i64 {i}, {j}")

    def horner(self, x: str, coefficients: Sequence[float]) -> str:
        """The polynomial with these coefficients, highest power first."""
        result = self.const(coefficients[0])
        for coefficient in coefficients[1:]:
            result = self.fma(result, x, self.const(coefficient))
        return result

    def clamp(self, x: str, low: float, high: float) -> str:
        """x within [low, high]; nan stays nan."""
        x = self.select(self.compare("olt", x, self.const(low)), self.const(low), x)
        return self.select(self.compare("ogt", x, self.const(high)), self.const(high), x)

    def power_of_two(self, k: str) -> str:
        """2.0**k for an i64 -1023 < k < 1024."""
        return self.from_bits(self.integer("shl", self.integer("add", k, 1023), 52))

    def two_sum_tail(self, x: str, y: str, total: str) -> str:
        """The rounding error of total = x + y (Knuth)."""
        part = self.sub(total, x)
        return self.add(self.sub(x, self.sub(total, part)), self.sub(y, part))

    def round_to_int(self, x: str, factor: float) -> tuple[str, str, str]:
        """x*factor rounded to an integer: (as double, as i64, bits of the sum with MAGIC)."""
        shifted = self.fma(x, self.const(factor), self.const(MAGIC))
        bits = self.bits(shifted)
        return self.sub(shifted, self.const(MAGIC)), self.integer("ashr", self.integer("shl", bits, 32), 32), bits


# ---- exp and its family ----------------------------------------------------------------------------------------------

EXP_Q = (
    2.5100377619606372e-08, 2.7620078203806394e-07, 2.7557268476553695e-06, 2.4801521317484083e-05,
    0.00019841269863042963, 0.0013888888917199863, 0.008333333333330063, 0.04166666666662416,
    0.16666666666666669, 0.5000000000000001,
)  # fmt: skip
"""(exp(r) - 1 - r) / r**2 on |r| <= 0.34658, Chebyshev, degree 9."""


def _expm1_reduced(f: Real, x: str) -> tuple[str, str, str]:
    """x = k ln 2 + r -> (p, tail, k) with exp(r) - 1 = p + tail and k an i64."""
    k_real, k, _ = f.round_to_int(x, INV_LN2)
    first = f.fma(k_real, f.const(-LN2_HI), x)
    r = f.fma(k_real, f.const(-LN2_LO), first)
    r_tail = f.fma(k_real, f.const(-LN2_LO), f.sub(first, r))
    second = f.fma(f.mul(r, r), f.horner(r, EXP_Q), r_tail)
    p = f.add(r, second)
    return p, f.add(f.sub(r, p), second), k


def _scaled(f: Real, x: str, k: str) -> str:
    """x * 2**k in two exact steps and one rounding, for k that a single power of two cannot hold."""
    half = f.integer("ashr", k, 1)
    return f.mul(f.mul(x, f.power_of_two(half)), f.power_of_two(f.integer("sub", k, half)))


def exp(f: Real, x: str) -> str:
    x = f.clamp(x, -746.0, 710.0)
    k_real, k, _ = f.round_to_int(x, INV_LN2)
    r = f.fma(k_real, f.const(-LN2_LO), f.fma(k_real, f.const(-LN2_HI), x))
    p = f.fma(f.mul(r, r), f.horner(r, EXP_Q), r)
    return _scaled(f, f.add(p, f.const(1.0)), k)


def exp2(f: Real, x: str) -> str:
    x = f.clamp(x, -1080.0, 1025.0)
    k_real, k, _ = f.round_to_int(x, 1.0)
    r = f.sub(x, k_real)
    t = f.mul(r, f.const(0.6931471805599453))
    t_tail = f.fma(
        r, f.const(2.3190468138462996e-17), f.fma(r, f.const(0.6931471805599453), f.neg(t))
    )  # ln 2 in two doubles
    p = f.add(t, f.fma(f.mul(t, t), f.horner(t, EXP_Q), t_tail))
    return _scaled(f, f.add(p, f.const(1.0)), k)


def _half_expm1(f: Real, x: str) -> tuple[str, str]:
    """(exp(x) - 1) / 2 as a sum of two doubles, for -60 < x < 709.7."""
    p, tail, k = _expm1_reduced(f, x)
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
    p, tail, k = _expm1_reduced(f, f.clamp(x, -1.0, 711.0))
    return _scaled(f, f.add(f.add(p, tail), f.const(1.0)), f.integer("sub", k, 1))


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


def _log_edges(f: Real, x: str, result: str, at_zero: float = 0.0) -> str:
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
    return _log_edges(f, x, result)


def log1p(f: Real, x: str) -> str:
    """fdlibm s_log1p.c: log of u = 1 + x, and what rounding u lost divided by u."""
    u = f.add(x, f.const(1.0))
    m, k = _mantissa(f, u)
    lost = f.select(
        f.compare("ogt", k, f.const(1.0)), f.sub(f.const(1.0), f.sub(u, x)), f.sub(x, f.sub(u, f.const(1.0)))
    )
    near = f.compare("oeq", k, f.const(0.0))
    lost = f.select(near, f.const(0.0), f.div(lost, u))
    fraction = f.select(near, x, f.sub(m, f.const(1.0)))
    half, s, r = _log_parts(f, fraction)
    inner = f.fma(s, f.add(half, r), f.fma(k, f.const(LN2_LO), lost))
    result = f.fma(k, f.const(LN2_HI), f.neg(f.sub(f.sub(half, inner), fraction)))
    return f.select(f.compare("oeq", x, f.const(0.0)), x, _log_edges(f, x, result, -1.0))


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
    return _log_edges(f, x, result)


def log2(f: Real, x: str) -> str:
    return _log_base(f, x, (1.44269504072144627571e00, 1.67517131648865118353e-10), (1.0, 0.0))


def log10(f: Real, x: str) -> str:
    inverse = (4.34294481878168880939e-01, 2.50829467116452752298e-11)
    return _log_base(f, x, inverse, (3.01029995663611771306e-01, 3.69423907715893078616e-13))


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
    turns = f.integer("add", bits, shift)
    odd = f.let(f"icmp ne i64 {f.integer('and', turns, 1)}, 0")
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
    odd = f.let(f"icmp ne i64 {f.integer('and', bits, 1)}, 0")
    above, above_tail = f.select(odd, f.neg(cosine), sine), f.select(odd, f.neg(cosine_tail), sine_tail)
    below, below_tail = f.select(odd, sine, cosine), f.select(odd, sine_tail, cosine_tail)
    inverse = f.div(f.const(1.0), below)
    quotient = f.mul(above, inverse)
    rest = f.add(f.fma(f.neg(quotient), below, above), f.fma(f.neg(quotient), below_tail, above_tail))
    return f.select(f.compare("oeq", x, f.const(0.0)), x, f.fma(rest, inverse, quotient))


# ---- the table of routines -------------------------------------------------------------------------------------------

ROUTINES: dict[str, Callable[[Real, str], str]] = {
    f.__name__: f for f in (exp, exp2, expm1, log, log2, log10, log1p, sin, cos, tan, sinh, cosh, tanh)
}
"""The functions that have a vector form, by builder name."""

LIMITED = frozenset({"sin", "cos", "tan"})
"""Those whose vector form ends at HUGE."""


@cache
def routine(name: str, type_: str, slow: bool = False) -> tuple[str, str, frozenset[str]]:
    """(function name, definition, declarations) of a routine on `double` or `float`.

    float32 is computed in float64 and rounded once. The slow variant of a LIMITED routine branches to libm beyond HUGE.
    """
    full = f"ft.{name}.{'f64' if type_ == 'double' else 'f32'}{'.slow' if slow else ''}"
    f = Real(type_, full, f"{type_} %x", "noinline" if slow else "alwaysinline")
    if slow:
        huge = f.compare("ogt", f.absolute(_widened(f, type_)), f.const(HUGE))
        with f.when(huge):
            f.ret(f"{type_} {f.call(type_, name + ('f' if type_ == 'float' else ''), f'{type_} %x')}")
            f.label(f.fresh("never"))  # when() ends its block by a branch
    result = ROUTINES[name](f, _widened(f, type_))
    f.ret(f"{type_} {result if type_ == 'double' else f.let(f'fptrunc double {result} to float')}")
    return full, f.text(), frozenset(f.declares)


def _widened(f: Real, type_: str) -> str:
    return "%x" if type_ == "double" else f.let("fpext float %x to double")
