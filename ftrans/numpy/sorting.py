"""Order statistics of traced arrays: sort, searchsorted, median, quantile, percentile; and reductions that leave out nan."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.bind import bind
from ..core.reads import read
from ..core.trace import Tracer
from ..errors import UnsupportedError, at_line
from ..ops import elementwise as ops
from ..ops.indexing import take_rows
from ..ops.reductions import kept, reduce_and, rows, rows_of, take_along
from ..ops.sorting import SearchSorted
from ..ops.sorting import argsort as positions
from ..ops.sorting import sort as ascending
from ..ops.structural import broadcast, convert, reduce_sum, reshape
from . import reductions as plain
from .args import array, axis_of, refuse
from .dispatch import implements, store_out
from .pointwise import as_scalar
from .reductions import NONE, reduced_axes


def flat_or_axis(a: Any, axis: Any, who: str) -> tuple[Any, int]:
    """The array and axis to sort along: flattened for axis None."""
    x = array(a)
    if axis is None:
        return reshape(x, (x.a.size,)), 0
    return x, axis_of(axis, x.a.ndim, who)


@implements(np.sort)
def sort(a: Any, axis: Any = -1, kind: Any = None, order: Any = None, *, stable: Any = None) -> Any:
    """A sorted copy, as `numpy.sort`. The derivative moves with the elements.

    >>> ft.grad(lambda x: np.sort(x)[0])(np.array([3.0, 1.0, 2.0]))
    array([0., 1., 0.])
    """
    refuse("sort", order=order)
    return ascending(*flat_or_axis(a, axis, "sort"))


@implements(np.argsort)
def argsort(a: Any, axis: Any = -1, kind: Any = None, order: Any = None, *, stable: Any = None) -> Any:
    """The positions that sort an array, as `numpy.argsort`."""
    refuse("argsort", order=order)
    if not np.ndim(a):
        a = reshape(array(a), (1,))
    return positions(*flat_or_axis(a, axis, "argsort"), bool(stable) or kind in ("stable", "mergesort"))


@implements(np.lexsort)
def lexsort(keys: Any, axis: Any = -1) -> Any:
    """The positions that sort by several keys, the last one first, as `numpy.lexsort`."""
    columns = [array(k) for k in keys]
    k = axis_of(axis, columns[0].a.ndim, "lexsort")
    order = positions(columns[0], k)
    for column in columns[1:]:
        order = take_along(order, positions(take_along(column, order, k), k), k)
    return order


@implements(np.searchsorted)
def searchsorted(a: Any, v: Any, side: str = "left", sorter: Any = None) -> Any:
    """Where to put v into the sorted array a, as `numpy.searchsorted`."""
    if side not in ("left", "right"):
        raise ValueError(at_line(f"searchsorted: side must be 'left' or 'right', got {side!r}"))
    x = array(a)
    if sorter is not None:
        x = take_rows(x, sorter)
    return bind(SearchSorted(side), x, array(v))


@implements(np.digitize)
def digitize(x: Any, bins: Any, right: bool = False) -> Any:
    """The bins to which elements belong, as `numpy.digitize`; whether bins rise or fall is read from their values."""
    v, edges = array(x), array(bins)
    n = edges.a.shape[0]
    if "c" in (v.a.dtype.kind, edges.a.dtype.kind):
        raise TypeError(at_line("digitize: x and bins must be real"))
    falls = n > 1 and some(ops.greater, edges, n)
    if falls and some(ops.less, edges, n):
        raise ValueError(at_line("bins must be monotonically increasing or decreasing"))
    if falls:
        turned = take_rows(edges, np.arange(n)[::-1].copy(), 0, "no")
        return ops.sub(n, bind(SearchSorted("left" if right else "right"), turned, v))
    return bind(SearchSorted("left" if right else "right"), edges, v)


def some(test: Any, edges: Any, n: int) -> bool:
    """Whether some element and the next pass a test; this is read."""
    return bool(read(reduce_and_any(test(rows(edges, 0, n - 1), rows(edges, 1, n))), "bool"))


# Quantiles


def laned(a: Any, axis: Any, who: str) -> tuple[Tracer, tuple[int, ...], Any]:
    """The array, the axes, and the elements to choose from in front, in ascending order."""
    x = array(a)
    axes = reduced_axes(axis, x, who, True)
    return x, axes, ascending(rows_of(x, axes), 0)


def ended(who: str, result: Any, x: Tracer, axes: tuple[int, ...], keepdims: Any, out: Any, lead: tuple[int, ...] = ()) -> Any:
    """keepdims= and out=, with the axes of q in front."""
    result = as_scalar(result)
    if keepdims is not NONE and keepdims:
        result = reshape(result, (*lead, *kept(x.a.shape, axes)))
    return result if out is None else store_out(out, result, who)


def or_nan(result: Any, ordered: Any) -> Any:
    """nan for lanes with a nan, which is last in order."""
    n = ordered.a.shape[0]
    if not n or not ordered.a.inexact:
        return result
    last = reshape(rows(ordered, n - 1, n), ordered.a.shape[1:])
    return ops.select(ops.isnan(last), result.a.dtype.type(np.nan), result)


@implements(np.median)
def median(a: Any, axis: Any = None, out: Any = None, overwrite_input: bool = False, keepdims: Any = False) -> Any:
    """The median over axes (all for None), as `numpy.median`."""
    x, axes, ordered = laned(a, axis, "median")
    n = ordered.a.shape[0]
    start, stop = ((n - 1) // 2, n // 2 + 1) if n else (0, 0)
    middle = plain.mean(rows(ordered, start, stop), 0)
    return ended("median", or_nan(middle, ordered), x, axes, keepdims, out)


METHODS = ("linear", "lower", "higher", "midpoint")


def quantile_of(who: str, a: Any, q: Any, axis: Any, out: Any, method: str, keepdims: Any, nans: bool = False) -> Any:
    """Quantiles of the elements of each lane; with nans=True of those that are not nan."""
    x, axes, ordered = laned(a, axis, who)
    if method not in METHODS:
        raise UnsupportedError(
            at_line(f"{who}: method={method!r} is not supported on traced arrays", hint=f"there are {', '.join(METHODS)}")
        )
    if x.a.dtype.kind == "c" and who != "nanmedian":
        raise TypeError(at_line("a must be an array of real numbers"))
    if q.a.ndim > 1:
        raise ValueError(at_line("q must be a scalar or 1d"))
    lead, n = q.a.shape, ordered.a.shape[0]
    if not n and nans and x.a.inexact:
        nan = broadcast(x.a.dtype.type(np.nan), (*lead, *ordered.a.shape[1:]))
        return ended(who, nan, x, axes, keepdims, out, lead)
    if not n:
        raise IndexError(at_line(f"{who} of no elements (shape {x.a.shape})"))
    rest = ordered.a.shape[1:]
    q = reshape(q, (*lead, *[1] * len(rest)))
    if nans and x.a.inexact:
        last = convert(ops.sub(reduce_sum(ops.logical_not(ops.isnan(ordered)), (0,)), 1), q.a.dtype)
        virtual = ops.mul(ops.maximum(last, 0), q)
    else:
        last = float(n - 1)
        virtual = ops.mul(q, last)
    if who == "nanmedian":
        middle = [pick(ordered, near(virtual), nans, lead) for near in (ops.floor, ops.ceil)]
        kind = x.a.dtype if x.a.inexact else np.dtype(np.float64)
        lower, upper = [convert(m, kind) for m in middle]
        return ended(who, ops.div(ops.add(lower, upper), 2.0), x, axes, keepdims, out, lead)
    if method == "midpoint":
        virtual = ops.mul(0.5, ops.add(ops.floor(virtual), ops.ceil(virtual)))
    below = ops.ceil(virtual) if method == "higher" else ops.floor(virtual)
    lower = pick(ordered, below, nans, lead)
    if method in ("lower", "higher"):
        result = lower
    else:
        upper = pick(
            ordered, ops.minimum(ops.add(below, 1.0), ops.maximum(last, 0.0) if nans and x.a.inexact else last), nans, lead
        )
        weight = ops.sub(virtual, below)
        apart = ops.sub(upper, lower)
        near, far = ops.add(lower, ops.mul(apart, weight)), ops.sub(upper, ops.mul(apart, ops.sub(1.0, weight)))
        result = ops.select(ops.greater_equal(weight, 0.5), far, near)
    if not nans:
        result = or_nan(result, ordered)
    return ended(who, result, x, axes, keepdims, out, lead)


def pick(ordered: Any, at: Any, nans: bool, lead: tuple[int, ...]) -> Any:
    """The elements of each lane at positions, which differ between lanes when nans=True."""
    rest = ordered.a.shape[1:]
    index = convert(at, np.int64)
    if not nans or index.a.shape[len(lead) :] != rest or not rest:
        return reshape(take_rows(ordered, reshape(index, lead), 0, "no"), (*lead, *rest))
    count = lead[0] if lead else 1
    return reshape(take_along(ordered, reshape(index, (count, *rest)), 0), (*lead, *rest))


def checked_q(q: Any, a: Any, limit: float, who: str) -> Any:
    """q as a floating tracer; Python numbers take the precision of a."""
    if not isinstance(q, Tracer) and not np.all((np.asarray(q) >= 0) & (np.asarray(q) <= limit)):
        raise ValueError(at_line(f"{who.capitalize()}s must be in the range [0, {limit:g}]"))
    x, p = array(a), array(q)
    if p.a.weak:
        p = convert(p, x.a.dtype if x.a.dtype.kind == "f" else np.float64)
    elif not p.a.inexact:
        p = convert(p, np.float64)
    if limit == 1:
        return p
    return ops.div(p, x.a.dtype.type(100) if x.a.dtype.kind == "f" else 100)


@implements(np.quantile)
def quantile(
    a: Any, q: Any, axis: Any = None, out: Any = None, overwrite_input: bool = False, method: str = "linear",
    keepdims: Any = False, *, weights: Any = None, interpolation: Any = None,
) -> Any:  # fmt: skip
    """Quantiles over axes (all for None), as `numpy.quantile` with method linear, lower, higher or midpoint; q may be traced."""
    refuse("quantile", weights=weights, interpolation=interpolation)
    return quantile_of("quantile", a, checked_q(q, a, 1, "quantile"), axis, out, method, keepdims)


@implements(np.percentile)
def percentile(
    a: Any, q: Any, axis: Any = None, out: Any = None, overwrite_input: bool = False, method: str = "linear",
    keepdims: Any = False, *, weights: Any = None, interpolation: Any = None,
) -> Any:  # fmt: skip
    """Percentiles over axes (all for None), as `numpy.percentile` with method linear, lower, higher or midpoint."""
    refuse("percentile", weights=weights, interpolation=interpolation)
    return quantile_of("percentile", a, checked_q(q, a, 100, "percentile"), axis, out, method, keepdims)


# Without nan


def without_nan(a: Any, fill: Any) -> tuple[Tracer, Any]:
    """The array with nan replaced, and where it was; None for dtypes without nan."""
    x = array(a)
    if not x.a.inexact:
        return x, None
    gone = ops.isnan(x)
    return ops.select(gone, x.a.dtype.type(fill), x), gone


@implements(np.nansum)
def nansum(
    a: Any, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: Any = NONE, initial: Any = NONE, where: Any = True
) -> Any:
    """The sum of the elements that are not nan."""
    return plain.sum(without_nan(a, 0)[0], axis, dtype, out, keepdims, initial, where)


@implements(np.nanprod)
def nanprod(
    a: Any, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: Any = NONE, initial: Any = NONE, where: Any = True
) -> Any:
    """The product of the elements that are not nan."""
    return plain.prod(without_nan(a, 1)[0], axis, dtype, out, keepdims, initial, where)


@implements(np.nancumsum)
def nancumsum(a: Any, axis: Any = None, dtype: Any = None, out: Any = None) -> Any:
    """The running sum of the elements that are not nan."""
    return plain.cumsum(without_nan(a, 0)[0], axis, dtype, out)


@implements(np.nancumprod)
def nancumprod(a: Any, axis: Any = None, dtype: Any = None, out: Any = None) -> Any:
    """The running product of the elements that are not nan."""
    return plain.cumprod(without_nan(a, 1)[0], axis, dtype, out)


def nan_extremum(reduce: Any, fill: float, a: Any, axis: Any, out: Any, keepdims: Any, initial: Any, where: Any) -> Any:
    """The extremum of the elements that are not nan; nan where there are none."""
    x, gone = without_nan(a, fill)
    result = reduce(x, axis, None, keepdims, initial, where)
    if gone is not None:
        empty = plain.all(gone, axis, None, keepdims, where=where)
        if initial is NONE:
            result = ops.select(empty, result.a.dtype.type(np.nan), result)
            result = as_scalar(result)
    return result if out is None else store_out(out, result, "nanmax")


@implements(np.nanmax)
def nanmax(a: Any, axis: Any = None, out: Any = None, keepdims: Any = NONE, initial: Any = NONE, where: Any = True) -> Any:
    """The largest of the elements that are not nan; nan where there are none."""
    return nan_extremum(plain.max, -np.inf, a, axis, out, keepdims, initial, where)


@implements(np.nanmin)
def nanmin(a: Any, axis: Any = None, out: Any = None, keepdims: Any = NONE, initial: Any = NONE, where: Any = True) -> Any:
    """The smallest of the elements that are not nan; nan where there are none."""
    return nan_extremum(plain.min, np.inf, a, axis, out, keepdims, initial, where)


def nan_position(find: Any, fill: float, a: Any, axis: Any, out: Any, keepdims: Any) -> Any:
    """argmax and argmin without nan; a lane of nan alone raises, so this reads a value."""
    x, gone = without_nan(a, fill)
    if gone is not None:
        empty = plain.all(gone, axis)
        if read(reduce_and_any(empty), "bool"):
            raise ValueError(at_line("All-NaN slice encountered"))
    return find(x, axis, out, keepdims=keepdims)


def reduce_and_any(test: Any) -> Any:
    """Whether any element is true."""
    return ops.logical_not(reduce_and(ops.logical_not(test), tuple(range(test.a.ndim))))


@implements(np.nanargmax)
def nanargmax(a: Any, axis: Any = None, out: Any = None, *, keepdims: Any = NONE) -> Any:
    """The position of the first largest element that is not nan."""
    return nan_position(plain.argmax, -np.inf, a, axis, out, keepdims)


@implements(np.nanargmin)
def nanargmin(a: Any, axis: Any = None, out: Any = None, *, keepdims: Any = NONE) -> Any:
    """The position of the first smallest element that is not nan."""
    return nan_position(plain.argmin, np.inf, a, axis, out, keepdims)


def present(a: Any, axis: Any, where: Any) -> tuple[Any, Any]:
    """The array, and a mask of the elements that are not nan (True for dtypes without nan)."""
    x = array(a)
    if not x.a.ndim and axis is not None and x.a.inexact:
        x = reshape(x, (1,))
    if not x.a.inexact:
        return x, where
    mask = ops.logical_not(ops.isnan(x))
    if plain.masked(where):
        mask = ops.logical_and(mask, ops.nonzero(array(where)))
    return x, broadcast(mask, x.a.shape)


@implements(np.nanmean)
def nanmean(a: Any, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: Any = NONE, *, where: Any = True) -> Any:
    """The mean of the elements that are not nan; nan where there are none."""
    x, mask = present(a, axis, where)
    return plain.mean(x, axis, dtype, out, keepdims, where=mask)


@implements(np.nanvar)
def nanvar(
    a: Any, axis: Any = None, dtype: Any = None, out: Any = None, ddof: Any = 0, keepdims: Any = NONE, *,
    where: Any = True, mean: Any = NONE, correction: Any = NONE,
) -> Any:  # fmt: skip
    """The variance of the elements that are not nan; nan where there are not enough."""
    x, mask = present(a, axis, where)
    return plain.var(x, axis, dtype, out, ddof, keepdims, where=mask, mean=mean, correction=correction)


@implements(np.nanstd)
def nanstd(
    a: Any, axis: Any = None, dtype: Any = None, out: Any = None, ddof: Any = 0, keepdims: Any = NONE, *,
    where: Any = True, mean: Any = NONE, correction: Any = NONE,
) -> Any:  # fmt: skip
    """The standard deviation of the elements that are not nan; nan where there are not enough."""
    x, mask = present(a, axis, where)
    return plain.std(x, axis, dtype, out, ddof, keepdims, where=mask, mean=mean, correction=correction)


@implements(np.nanquantile)
def nanquantile(
    a: Any, q: Any, axis: Any = None, out: Any = None, overwrite_input: bool = False, method: str = "linear",
    keepdims: Any = NONE, *, weights: Any = None, interpolation: Any = None,
) -> Any:  # fmt: skip
    """Quantiles of the elements that are not nan; nan where there are none."""
    refuse("nanquantile", weights=weights, interpolation=interpolation)
    return quantile_of("nanquantile", a, checked_q(q, a, 1, "quantile"), axis, out, method, keepdims, True)


@implements(np.nanpercentile)
def nanpercentile(
    a: Any, q: Any, axis: Any = None, out: Any = None, overwrite_input: bool = False, method: str = "linear",
    keepdims: Any = NONE, *, weights: Any = None, interpolation: Any = None,
) -> Any:  # fmt: skip
    """Percentiles of the elements that are not nan; nan where there are none."""
    refuse("nanpercentile", weights=weights, interpolation=interpolation)
    return quantile_of("nanpercentile", a, checked_q(q, a, 100, "percentile"), axis, out, method, keepdims, True)


@implements(np.nanmedian)
def nanmedian(a: Any, axis: Any = None, out: Any = None, overwrite_input: bool = False, keepdims: Any = NONE) -> Any:
    """The median of the elements that are not nan; nan where there are none."""
    return quantile_of("nanmedian", a, checked_q(0.5, a, 1, "quantile"), axis, out, "linear", keepdims, True)


__all__ = [
    "argsort", "digitize", "lexsort", "median", "nanargmax", "nanargmin", "nancumprod", "nancumsum", "nanmax",
    "nanmean", "nanmedian", "nanmin", "nanpercentile", "nanprod", "nanquantile", "nanstd", "nansum", "nanvar",
    "percentile", "quantile", "searchsorted", "sort",
]  # fmt: skip
