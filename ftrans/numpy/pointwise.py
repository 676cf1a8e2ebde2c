"""Functions of elements that are not ufuncs in NumPy: where, clip, round, isclose, nan_to_num, interp and their like."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.bind import bind
from ..core.reads import read
from ..core.trace import Tracer
from ..errors import DtypeError, ShapeError, at_line
from ..ops import elementwise as ops
from ..ops.indexing import take_rows
from ..ops.reductions import join, reduce_and, rows
from ..ops.sorting import SearchSorted, argsort
from ..ops.structural import convert
from .args import array
from .dispatch import function_of, implements, store_out
from .shapes import asarray


@implements(np.where)
def where(condition: Any, x: Any = np._NoValue, y: Any = np._NoValue, /) -> Any:
    """Elements of x where the condition is true, else of y; with the condition alone the indices where it is, as `numpy.where`.

    What is not chosen has no influence on the derivative, also where its own derivative is infinite or nan.

    >>> with np.errstate(divide="ignore"):
    ...     ft.grad(lambda x: np.sum(np.where(x > 0, np.sqrt(x), 0.0)))(np.array([0.0, 4.0]))
    array([0.  , 0.25])
    """
    c = ops.nonzero(array(condition))
    if (x is np._NoValue) != (y is np._NoValue):
        raise ValueError(at_line("where: either both or neither of x and y should be given"))
    if x is np._NoValue:
        if not c.a.ndim:
            raise ValueError(at_line("Calling nonzero on 0d arrays is not allowed. Use np.atleast_1d(scalar).nonzero() instead."))
        return np.nonzero(read(c, "mask"))
    return ops.select(c, array(x), array(y))


@implements(np.clip)
def clip(
    a: Any, a_min: Any = np._NoValue, a_max: Any = np._NoValue, out: Any = None, *, min: Any = np._NoValue, max: Any = np._NoValue,
    dtype: Any = None,
) -> Any:  # fmt: skip
    """a limited to [a_min, a_max], as `numpy.clip`. At a limit the derivative is one half."""
    for given, other in ((a_min, min), (a_max, max)):
        if given is not np._NoValue and other is not np._NoValue:
            raise ValueError(at_line("Passing `min` or `max` keyword argument when `a_min` and `a_max` are provided is forbidden."))
    low, high = [y if x is np._NoValue else x for x, y in ((a_min, min), (a_max, max))]
    x = array(a)
    if x.a.dtype.kind in "iu":  # Python ints out of the dtype's bounds do not limit anything
        low = None if type(low) is int and low <= np.iinfo(x.a.dtype).min else low
        high = None if type(high) is int and high >= np.iinfo(x.a.dtype).max else high
    result = x = convert(x, x.a.dtype if dtype is None else dtype)
    if low is not None and low is not np._NoValue:
        result = ops.maximum(result, low)
    if high is not None and high is not np._NoValue:
        result = ops.minimum(result, high)
    if result is x:
        result = ops.positive(x)
    return result if out is None else store_out(out, result, "clip")


@implements(np.round, np.around)
def round(a: Any, decimals: int = 0, out: Any = None) -> Any:
    """a rounded to a number of decimals, halves to even, as `numpy.round`. The derivative is 0."""
    x = array(a)
    result = rounded(x, int(decimals))
    return result if out is None else store_out(out, result, "round")


around = round


def rounded(x: Any, decimals: int) -> Any:
    """Round by scaling, as NumPy does."""
    kind = x.a.dtype.kind
    if kind == "c":
        return ops.make_complex(rounded(ops.real(x), decimals), rounded(ops.imag(x), decimals))
    if kind == "b":
        if decimals:
            raise DtypeError(at_line("booleans cannot be rounded to decimals", hint="convert them first: x.astype(float)"))
        return as_scalar(convert(x, np.float16))
    if kind in "iu" and decimals >= 0:
        return ops.positive(x)
    if decimals == 0:
        return ops.rint(x)
    scale = float(10 ** abs(decimals))
    if decimals > 0:
        return ops.div(ops.rint(ops.mul(x, scale)), scale)
    result = ops.mul(ops.rint(ops.div(x, scale)), scale)
    return convert(result, x.a.dtype) if kind in "iu" else result


@implements(np.fix)
def fix(x: Any, out: Any = None) -> Any:
    """x rounded towards zero, as `numpy.fix`."""
    result = ops.trunc(x)
    return result if out is None else store_out(out, result, "fix")


@implements(np.isclose)
def isclose(a: Any, b: Any, rtol: Any = 1e-05, atol: Any = 1e-08, equal_nan: bool = False) -> Any:
    """Whether |a - b| <= atol + rtol * |b|, as `numpy.isclose`."""
    x, y = array(a), array(b)
    if not y.a.weak:
        y = convert(y, np.result_type(y.a.dtype, 1.0))
    near = ops.less_equal(ops.absolute(ops.sub(x, y)), ops.add(atol, ops.mul(rtol, ops.absolute(y))))
    result = ops.logical_or(ops.logical_and(near, ops.isfinite(y)), ops.equal(x, y))
    return ops.logical_or(result, ops.logical_and(ops.isnan(x), ops.isnan(y))) if equal_nan else result


@implements(np.allclose)
def allclose(a: Any, b: Any, rtol: Any = 1e-05, atol: Any = 1e-08, equal_nan: bool = False) -> Any:
    """Whether `isclose` holds everywhere."""
    return everywhere(isclose(a, b, rtol, atol, equal_nan))


def everywhere(test: Any) -> Any:
    """Whether all elements are true."""
    return reduce_and(test, tuple(range(test.a.ndim)))


@implements(np.array_equal)
def array_equal(a1: Any, a2: Any, equal_nan: bool = False) -> Any:
    """Whether two arrays have one shape and equal elements, as `numpy.array_equal`."""
    x, y = array(a1), array(a2)
    if x.a.shape != y.a.shape:
        return False
    test = ops.equal(x, y)
    return everywhere(ops.logical_or(test, ops.logical_and(ops.isnan(x), ops.isnan(y))) if equal_nan else test)


@implements(np.array_equiv)
def array_equiv(a1: Any, a2: Any) -> Any:
    """Whether two arrays have equal elements when broadcast, as `numpy.array_equiv`."""
    try:
        return everywhere(ops.equal(array(a1), array(a2)))
    except ShapeError:
        return False


@implements(np.isposinf)
def isposinf(x: Any, out: Any = None) -> Any:
    """Whether elements are +inf."""
    return is_infinity(x, np.inf, out, "isposinf")


@implements(np.isneginf)
def isneginf(x: Any, out: Any = None) -> Any:
    """Whether elements are -inf."""
    return is_infinity(x, -np.inf, out, "isneginf")


def is_infinity(x: Any, value: float, out: Any, who: str) -> Any:
    """Whether elements are an infinity."""
    v = array(x)
    if v.a.dtype.kind == "c":
        raise TypeError(at_line(f"{who} is not supported for {v.a.dtype} values because it would be ambiguous."))
    result = ops.equal(v, value)
    return result if out is None else store_out(out, result, who)


@implements(np.isreal)
def isreal(x: Any) -> Any:
    """Whether the imaginary part of elements is 0."""
    return ops.equal(function_of(np.imag)(x), 0)


@implements(np.iscomplex)
def iscomplex(x: Any) -> Any:
    """Whether the imaginary part of elements is not 0."""
    return ops.not_equal(function_of(np.imag)(x), 0)


@implements(np.iscomplexobj)
def iscomplexobj(x: Any) -> bool:
    """Whether x has a complex dtype."""
    return array(x).a.dtype.kind == "c"


@implements(np.isrealobj)
def isrealobj(x: Any) -> bool:
    """Whether x has a dtype that is not complex."""
    return array(x).a.dtype.kind != "c"


@implements(np.nan_to_num)
def nan_to_num(x: Any, copy: bool = True, nan: Any = 0.0, posinf: Any = None, neginf: Any = None) -> Any:
    """x with nan, inf and -inf replaced by numbers, as `numpy.nan_to_num`; always a new array."""
    v = array(x)
    if v.a.dtype.kind == "c":
        return ops.make_complex(*[finite(part, nan, posinf, neginf) for part in (ops.real(v), ops.imag(v))])
    result = (
        finite(v, nan, posinf, neginf) if v.a.inexact else ops.positive(v) if v.a.dtype.kind != "b" else ops.logical_or(v, False)
    )
    return result if copy or not isinstance(x, Tracer) else store_out(x, result, "nan_to_num")


def finite(x: Any, nan: Any, posinf: Any, neginf: Any) -> Any:
    """A real array without nan and infinities."""
    limits = np.finfo(x.a.dtype)
    pairs = [(ops.isnan(x), nan)]
    pairs += [(ops.equal(x, np.inf), limits.max if posinf is None else posinf)]
    pairs += [(ops.equal(x, -np.inf), limits.min if neginf is None else neginf)]
    for test, value in pairs:
        x = ops.select(test, convert(array(value), x.a.dtype), x)
    return as_scalar(x)


def as_scalar(x: Any) -> Any:
    """A 0-d array as a scalar; other arrays as they are."""
    if x.a.ndim or (x.a.scalar and not x.a.weak):
        return x
    return ops.logical_or(x, False) if x.a.dtype.kind == "b" else ops.positive(x)


@implements(np.real_if_close)
def real_if_close(a: Any, tol: Any = 100) -> Any:
    """The real part, if all imaginary parts are close to zero; the dtype of the result depends on values, which are read."""
    x = asarray(a)
    if x.a.dtype.kind != "c":
        return x
    if tol > 1:
        tol = np.finfo(x.a.dtype).eps * tol
    near = everywhere(ops.less(ops.absolute(ops.imag(x)), tol))
    return ops.real(x) if read(near, "bool") else x


@implements(np.sinc)
def sinc(x: Any) -> Any:
    """sin(pi x) / (pi x), and 1 at 0, as `numpy.sinc`; its derivatives of every order are right at 0."""
    v = array(x)
    return as_scalar(ops.sinc(v if v.a.inexact and not v.a.weak else convert(v, np.result_type(v.a.dtype, np.float64))))


@implements(np.interp)
def interp(x: Any, xp: Any, fp: Any, left: Any = None, right: Any = None, period: Any = None) -> Any:
    """Piecewise linear interpolation of the points (xp, fp), xp increasing, as `numpy.interp`.

    It has derivatives in x, xp and fp; at a point of xp that in x is the slope to the right.

    >>> float(ft.grad(np.interp)(1.5, np.array([1.0, 2.0]), np.array([0.0, 3.0])))
    3.0
    """
    values = array(fp)
    kind = np.dtype(np.complex128 if values.a.dtype.kind == "c" else np.float64)
    if "c" in (array(x).a.dtype.kind, array(xp).a.dtype.kind):
        raise TypeError(at_line("interp: x and xp must be real"))
    x, points, values = convert(array(x), np.float64), convert(array(xp), np.float64), convert(values, kind)
    if points.a.ndim != 1 or values.a.ndim != 1:
        raise ValueError(at_line("interp: data points must be 1-D sequences"))
    n = points.a.shape[0]
    if n != values.a.shape[0]:
        raise ValueError(at_line(f"fp and xp are not of the same length ({values.a.shape[0]} and {n})"))
    if not n:
        raise ValueError(at_line("array of sample points is empty"))
    if period is not None:
        if not isinstance(period, Tracer) and period == 0:
            raise ValueError(at_line("period must be a non-zero value"))
        x, points, values = wrapped(x, points, values, ops.absolute(period))
        n, left, right = n + 2, None, None
    first, last = [take_rows(values, np.int64(k), 0, "no") for k in (0, n - 1)]
    below = first if left is None else convert(array(left), kind)
    above = last if right is None else convert(array(right), kind)
    low, high = [take_rows(points, np.int64(k), 0, "no") for k in (0, n - 1)]
    if n > 1:
        found = bind(SearchSorted("right"), points, x)
        j = ops.minimum(ops.maximum(ops.sub(found, 1), 0), n - 2)
        x0, x1 = take_rows(points, j, 0, "no"), take_rows(points, ops.add(j, 1), 0, "no")
        y0, y1 = take_rows(values, j, 0, "no"), take_rows(values, ops.add(j, 1), 0, "no")
        inside = ops.add(ops.mul(ops.div(ops.sub(y1, y0), ops.sub(x1, x0)), ops.sub(x, x0)), y0)
        inside = ops.select(
            ops.equal(x, high), ops.add(last, ops.mul(ops.div(ops.sub(y1, y0), ops.sub(x1, x0)), ops.sub(x, high))), inside
        )
    else:
        inside = last
    result = ops.select(ops.greater(x, high), above, ops.select(ops.less(x, low), below, inside))
    return as_scalar(result)


def wrapped(x: Any, points: Any, values: Any, period: Any) -> tuple[Any, Any, Any]:
    """Periodic data points: sorted within one period, with a neighbour on either side."""
    x, points = ops.remainder(x, period), ops.remainder(points, period)
    order = argsort(points, 0)
    points, values = take_rows(points, order, 0, "no"), take_rows(values, order, 0, "no")
    n = points.a.shape[0]
    points = join(join(ops.sub(rows(points, n - 1, n), period), points), ops.add(rows(points, 0, 1), period))
    return x, points, join(join(rows(values, n - 1, n), values), rows(values, 0, 1))


__all__ = [
    "allclose", "around", "array_equal", "array_equiv", "clip", "fix", "interp", "iscomplex", "iscomplexobj", "isclose", "isneginf",
    "isposinf", "isreal", "isrealobj", "nan_to_num", "real_if_close", "round", "sinc", "where",
]  # fmt: skip
