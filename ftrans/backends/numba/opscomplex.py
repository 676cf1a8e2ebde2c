"""What each builder operation is for complex elements, by operations on their real and imaginary parts.

    RULES["multiply"](b, x, y)          # two `Val`s of complex128 -> one

+ - * / square and reciprocal are computed as NumPy's array loops do it, products fused (fma) as those are on processors that can,
and give their bits. The functions agree with NumPy's to a few units in the last place of the larger part, and in what they make of
infinities, nan and branch cuts (C99, annex G). Operations that are not here stay NumPy steps (`COMPLEX` in lowering/builder.py).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

from ...lowering.builder import PART, Builder
from .asm import Val
from .real import INF, NAN

Rule = Callable[..., Val]
Complex = Builder[Val]

WHOLE = {part: dtype for dtype, part in PART.items()}
LN2 = math.log(2)
RULES: dict[str, Rule] = {}


def rule(name: str) -> Callable[[Rule], Rule]:
    """Register the rule of an operation."""

    def register(function: Rule) -> Rule:
        RULES[name] = function
        return function

    return register


def parts(x: Val) -> tuple[Val, Val]:
    """The real and the imaginary part."""
    return Val(x.name, PART[x.dtype]), Val(x.imag, PART[x.dtype])


def whole(re: Val, im: Val) -> Val:
    """The complex value with these parts."""
    return Val(re.name, WHOLE[re.dtype], im.name)


def fma(b: Complex, x: Val, y: Val, z: Val) -> Val:
    """x*y + z, rounded once."""
    return b.apply("fma", x, y, z)


def like(b: Complex, value: float, x: Val) -> Val:
    """A constant of x's dtype."""
    return b.constant(value, x.dtype)


def is_zero(b: Complex, x: Val) -> Val:
    return b.equal(x, like(b, 0, x))


def is_lost(b: Complex, x: Val) -> Val:
    """Whether x is infinite or nan, so that its sine is nan."""
    return b.logical_not(b.isfinite(x))


def in_double(function: Rule) -> Rule:
    """complex64 by way of complex128: nothing overflows or cancels there, and the result is rounded once."""

    def write(b: Complex, x: Val) -> Val:
        if x.dtype == "complex128":
            return function(b, x)
        return b.convert(function(b, b.convert(x, "complex128")), x.dtype)

    return write


class Scaled(NamedTuple):
    """The parts of x without signs and |x|, all times 2**-down where x is large, 2**up where it is small: no square overflows."""

    re: Val
    im: Val
    size: Val
    large: Val
    small: Val
    down: int
    up: int

    def choose(self, b: Complex, if_small: float, if_large: float, else_: float) -> Val:
        """One of three numbers."""
        return b.where(
            self.large, like(b, if_large, self.re), b.where(self.small, like(b, if_small, self.re), like(b, else_, self.re))
        )

    def power(self, b: Complex, exponent: float) -> Val:
        """What undoes the scaling, to a power."""
        return self.choose(b, 2.0 ** (-self.up * exponent), 2.0 ** (self.down * exponent), 1)


def scaled(b: Complex, re: Val, im: Val) -> Scaled:
    """|x| to an ulp or so by one square root; it is infinite if a part is, though the other may be nan."""
    high, low, down, up = (500, -400, 600, 600) if re.dtype == "float64" else (60, -40, 80, 100)
    endless = b.logical_or(b.isinf(re), b.isinf(im))
    re, im = b.absolute(re), b.absolute(im)
    largest = b.fmax(re, im)
    large, small = b.greater(largest, like(b, 2.0**high, re)), b.less(largest, like(b, 2.0**low, re))
    s = Scaled(re, im, re, large, small, down, up)
    factor = s.choose(b, 2.0**up, 2.0**-down, 1)
    re, im = b.multiply(re, factor), b.multiply(im, factor)
    size = b.sqrt(fma(b, re, re, b.multiply(im, im)))
    return s._replace(re=re, im=im, size=b.where(endless, like(b, INF, size), size))


# ---- arithmetic ------------------------------------------------------------------------------------------------------


def _part_by_part(name: str) -> Rule:
    def write(b: Complex, *args: Val) -> Val:
        re, im = zip(*[parts(x) for x in args], strict=True)
        return whole(b.apply(name, *re), b.apply(name, *im))

    return write


RULES.update({name: _part_by_part(name) for name in ("add", "subtract", "negative", "rint")})


@rule("multiply")
def _multiply(b: Complex, x: Val, y: Val) -> Val:
    (xr, xi), (yr, yi) = parts(x), parts(y)
    return whole(fma(b, xr, yr, b.negative(b.multiply(xi, yi))), fma(b, xr, yi, b.multiply(xi, yr)))


@rule("square")
def _square(b: Complex, x: Val) -> Val:
    return _multiply(b, x, x)


@rule("divide")
def _divide(b: Complex, x: Val, y: Val) -> Val:
    """Smith's method, with NumPy's order of operations; a division by zero divides both parts by it."""
    (xr, xi), (yr, yi) = parts(x), parts(y)
    wide = b.greater_equal(b.absolute(yr), b.absolute(yi))
    large, small = b.where(wide, yr, yi), b.where(wide, yi, yr)
    ratio = b.divide(small, large)
    scale = b.divide(like(b, 1, yr), b.add(large, b.multiply(small, ratio)))
    first, second = b.where(wide, xr, xi), b.where(wide, xi, xr)  # re = (first + second*ratio) * scale
    re = b.multiply(b.add(first, b.multiply(second, ratio)), scale)
    im = b.multiply(b.where(wide, b.subtract(xi, b.multiply(xr, ratio)), b.subtract(b.multiply(xi, ratio), xr)), scale)
    zero, size = b.logical_and(is_zero(b, yr), is_zero(b, yi)), b.absolute(yr)
    return whole(b.where(zero, b.divide(xr, size), re), b.where(zero, b.divide(xi, size), im))


@rule("reciprocal")
def _reciprocal(b: Complex, x: Val) -> Val:
    re, im = parts(x)
    wide, one = b.less_equal(b.absolute(im), b.absolute(re)), like(b, 1, re)
    large, small = b.where(wide, re, im), b.where(wide, im, re)
    ratio = b.divide(small, large)
    scale = b.add(large, b.multiply(small, ratio))
    first, second = b.where(wide, one, ratio), b.where(wide, ratio, one)
    return whole(b.divide(first, scale), b.divide(b.negative(second), scale))


@rule("conjugate")
def _conjugate(b: Complex, x: Val) -> Val:
    re, im = parts(x)
    return whole(re, b.negative(im))


@rule("real")
def _real(b: Complex, x: Val) -> Val:
    return parts(x)[0]


@rule("imag")
def _imag(b: Complex, x: Val) -> Val:
    return parts(x)[1]


@rule("absolute")
def _absolute(b: Complex, x: Val) -> Val:
    s = scaled(b, *parts(x))
    return b.multiply(s.size, s.power(b, 1))


@rule("sign")
def _sign(b: Complex, x: Val) -> Val:
    """x/|x|; if that is infinite, along the infinite part (the imaginary one if none is), nan if both are, as NumPy has it."""
    (re, im), size = parts(x), b.absolute(x)
    zero, one = like(b, 0, size), like(b, 1, size)
    endless, along_re = b.isinf(size), b.isinf(re)
    far = b.where(along_re, b.copysign(one, re), zero), b.where(along_re, zero, b.copysign(one, im))
    lost = b.logical_or(b.isnan(size), b.logical_and(along_re, b.isinf(im)))
    divisor = b.where(is_zero(b, size), one, size)

    def part(y: Val, towards: Val) -> Val:
        near = b.where(is_zero(b, size), zero, b.divide(y, divisor))
        return b.where(lost, like(b, NAN, y), b.where(endless, towards, near))

    return whole(part(re, far[0]), part(im, far[1]))


# ---- comparisons: lexicographic, as NumPy orders complex numbers -----------------------------------------------------


@rule("equal")
def _equal(b: Complex, x: Val, y: Val) -> Val:
    (xr, xi), (yr, yi) = parts(x), parts(y)
    return b.logical_and(b.equal(xr, yr), b.equal(xi, yi))


@rule("not_equal")
def _not_equal(b: Complex, x: Val, y: Val) -> Val:
    return b.logical_not(_equal(b, x, y))


def _ordered(strict: str, name: str) -> Rule:
    """By the real parts, where neither imaginary part is nan; by the imaginary parts where the real ones are equal."""

    def write(b: Complex, x: Val, y: Val) -> Val:
        (xr, xi), (yr, yi) = parts(x), parts(y)
        fine = b.logical_not(b.logical_or(b.isnan(xi), b.isnan(yi)))
        first = b.logical_and(b.apply(strict, xr, yr), fine)
        return b.logical_or(first, b.logical_and(b.equal(xr, yr), b.apply(name, xi, yi)))

    return write


for _strict in ("less", "greater"):
    RULES.update({name: _ordered(_strict, name) for name in (_strict, f"{_strict}_equal")})


def _extremum(order: str, nan_of: int) -> Rule:
    """x where it wins or where operand `nan_of` is nan, else y."""

    def write(b: Complex, x: Val, y: Val) -> Val:
        return b.where(b.logical_or(b.apply(order, x, y), b.isnan((x, y)[nan_of])), x, y)

    return write


for _name, _order in (("max", "greater_equal"), ("min", "less_equal")):
    RULES[f"{_name}imum"], RULES[f"f{_name}"] = _extremum(_order, 0), _extremum(_order, 1)


def _of_parts(name: str, join: str) -> Rule:
    def write(b: Complex, x: Val) -> Val:
        re, im = parts(x)
        return b.apply(join, b.apply(name, re), b.apply(name, im))

    return write


RULES |= {"isnan": _of_parts("isnan", "logical_or"), "isinf": _of_parts("isinf", "logical_or")}
RULES["isfinite"] = _of_parts("isfinite", "logical_and")


def _logical(name: str) -> Rule:
    return lambda b, *args: b.apply(name, *[b.convert(x, "bool") for x in args])


RULES.update({name: _logical(name) for name in ("logical_and", "logical_or", "logical_xor", "logical_not")})


# ---- functions -------------------------------------------------------------------------------------------------------


@rule("exp")
def _exp(b: Complex, x: Val) -> Val:
    """exp(re) * (cos(im), sin(im)); where exp(re) alone would overflow, in two factors."""
    re, im = parts(x)
    limit = 700.0 if re.dtype == "float64" else 80.0
    far = b.greater(re, like(b, limit, re))
    size = b.exp(b.where(far, b.subtract(re, like(b, limit, re)), re))
    factor = b.where(far, like(b, math.exp(limit), re), like(b, 1, re))
    out_re = b.multiply(b.multiply(size, b.cos(im)), factor)
    out_im = b.multiply(b.multiply(size, b.sin(im)), factor)
    endless = b.logical_and(b.isinf(re), is_lost(b, im))
    out_re = b.where(endless, size, out_re)
    out_im = b.where(b.logical_and(endless, b.less(re, like(b, 0, re))), like(b, 0, im), out_im)
    return whole(out_re, b.where(is_zero(b, im), im, out_im))


@rule("log")
@in_double
def _log(b: Complex, x: Val) -> Val:
    """log|x| + i arg(x). Near |x| = 1 the logarithm is that of |x|**2 - 1, which does not cancel."""
    re, im = parts(x)
    s, one = scaled(b, re, im), like(b, 1, re)
    m, n = b.maximum(s.re, s.im), b.minimum(s.re, s.im)
    excess = b.add(b.multiply(b.subtract(m, one), b.add(m, one)), b.multiply(n, n))
    near = b.less(b.absolute(b.subtract(s.size, one)), like(b, 0.3, re))
    near = b.logical_and(near, b.equal(s.power(b, 1), one))
    far = b.add(b.log(s.size), s.choose(b, -s.up * LN2, s.down * LN2, 0))
    return whole(b.where(near, b.multiply(like(b, 0.5, re), b.log1p(excess)), far), b.arctan2(im, re))


def _log_to(base: float) -> Rule:
    @in_double
    def write(b: Complex, x: Val) -> Val:
        return whole(*[b.multiply(part, like(b, 1 / math.log(base), part)) for part in parts(_log(b, x))])

    return write


RULES |= {"log2": _log_to(2), "log10": _log_to(10)}


@rule("sqrt")
@in_double
def _sqrt(b: Complex, x: Val) -> Val:
    """The root t of (|re| + |x|) / 2 is one part, |im| / (2t) the other."""
    re, im = parts(x)
    s = scaled(b, re, im)
    t = b.sqrt(b.multiply(like(b, 0.5, re), b.add(s.re, s.size)))
    other = b.where(is_zero(b, t), s.im, b.divide(s.im, b.add(t, t)))
    t, other = b.multiply(t, s.power(b, 0.5)), b.multiply(other, s.power(b, 0.5))
    right = b.logical_not(b.less(re, like(b, 0, re)))
    out_re, out_im = b.where(right, t, other), b.copysign(b.where(right, other, t), im)
    endless = b.isinf(im)
    return whole(b.where(endless, like(b, INF, re), out_re), b.where(endless, im, out_im))


def hyperbolic(b: Complex, x: Val) -> tuple[Val, Val, Val]:
    """(s, c, factor) with sinh(x) = s * factor and cosh(x) = c * factor; the factor is not 1 only where they could overflow."""
    size, one, half = b.absolute(x), like(b, 1, x), like(b, 0.5, x)
    far = b.greater(size, like(b, 700, x))
    e = b.expm1(b.where(far, b.multiply(half, size), size))
    more = b.add(e, one)
    s = b.add(e, b.where(b.greater(e, like(b, 2.0**60, x)), one, b.divide(e, more)))
    c = b.add(more, b.divide(one, more))
    return b.copysign(b.multiply(half, s), x), b.multiply(half, c), b.where(far, e, one)


def _sinh_of(b: Complex, re: Val, im: Val) -> tuple[Val, Val]:
    """sinh(re) cos(im), cosh(re) sin(im)."""
    s, c, factor = hyperbolic(b, re)
    out_re, out_im = b.multiply(b.multiply(s, b.cos(im)), factor), b.multiply(b.multiply(c, b.sin(im)), factor)
    kept = b.logical_and(b.logical_or(b.isinf(re), is_zero(b, re)), is_lost(b, im))
    return b.where(kept, re, out_re), b.where(is_zero(b, im), im, out_im)


def _cosh_of(b: Complex, re: Val, im: Val) -> tuple[Val, Val]:
    """cosh(re) cos(im), sinh(re) sin(im)."""
    s, c, factor = hyperbolic(b, re)
    out_re, out_im = b.multiply(b.multiply(c, b.cos(im)), factor), b.multiply(b.multiply(s, b.sin(im)), factor)
    lost, zero = is_lost(b, im), like(b, 0, re)
    out_re = b.where(b.logical_and(b.isinf(re), lost), b.absolute(re), out_re)
    out_im = b.where(b.logical_and(is_zero(b, re), lost), zero, out_im)
    return out_re, b.where(is_zero(b, im), b.multiply(im, b.copysign(like(b, 1, re), re)), out_im)


def _tanh_of(b: Complex, re: Val, im: Val) -> tuple[Val, Val]:
    """With t = tan(im), q = 1 + t*t and s = sinh(re): (q s sqrt(1 + s*s), t) / (1 + q s*s) (Kahan 1987)."""
    one, limit = like(b, 1, re), like(b, 300, re)
    far = b.greater(b.absolute(re), limit)
    s, c, _ = hyperbolic(b, b.where(far, b.copysign(limit, re), re))
    t = b.tan(im)
    q = fma(b, t, t, one)
    qs = b.multiply(q, s)
    below = fma(b, qs, s, one)
    out_re, out_im = b.divide(b.multiply(qs, c), below), b.divide(t, below)
    zero, lost = like(b, 0, re), is_lost(b, im)
    flat = b.logical_or(b.isinf(re), b.logical_and(far, b.logical_not(lost)))
    out_re = b.where(flat, b.copysign(one, re), out_re)
    out_im = b.where(flat, b.copysign(zero, b.where(lost, zero, t)), out_im)
    out_re = b.where(b.logical_and(is_zero(b, re), lost), re, out_re)
    return out_re, b.where(is_zero(b, im), im, out_im)


@rule("sinh")
@in_double
def _sinh(b: Complex, x: Val) -> Val:
    return whole(*_sinh_of(b, *parts(x)))


@rule("cosh")
@in_double
def _cosh(b: Complex, x: Val) -> Val:
    return whole(*_cosh_of(b, *parts(x)))


@rule("tanh")
@in_double
def _tanh(b: Complex, x: Val) -> Val:
    return whole(*_tanh_of(b, *parts(x)))


@rule("sin")
@in_double
def _sin(b: Complex, x: Val) -> Val:
    """-i sinh(ix)."""
    re, im = parts(x)
    turned_re, turned_im = _sinh_of(b, b.negative(im), re)
    return whole(turned_im, b.negative(turned_re))


@rule("cos")
@in_double
def _cos(b: Complex, x: Val) -> Val:
    """cosh(ix)."""
    re, im = parts(x)
    return whole(*_cosh_of(b, b.negative(im), re))


@rule("tan")
@in_double
def _tan(b: Complex, x: Val) -> Val:
    """-i tanh(ix)."""
    re, im = parts(x)
    turned_re, turned_im = _tanh_of(b, b.negative(im), re)
    return whole(turned_im, b.negative(turned_re))
