"""Statistics of samples: cov, corrcoef, and counts of them: bincount, histogram, histogram_bin_edges (digitize is in `sorting`)."""

from __future__ import annotations

import functools
import operator
import warnings
from typing import Any

import numpy as np

from ..core.aval import promote
from ..core.bind import bind
from ..core.reads import read
from ..core.trace import Tracer, current
from ..core.values import has_value
from ..errors import UnsupportedError, at_line
from ..ops import elementwise as ops
from ..ops.indexing import Scatter
from ..ops.sorting import SearchSorted
from ..ops.structural import convert, reshape
from .args import array, dtype_of
from .creation import fresh, linspace, scalar
from .dispatch import functions, implements
from .joining import concatenate
from .pointwise import clip
from .products import dot
from .reductions import any as any_of
from .reductions import average, max, min, sum
from .selecting import diag
from .shapes import atleast_2d, ravel, squeeze
from .signal import diff


def holds(test: Any) -> bool:
    """The truth of a test of values, which is read; False where they are not known (under vmap): nothing is checked there."""
    return has_value(test) and bool(read(test, "bool"))


# Covariances


def weights_of(weights: Any, count: int, name: str) -> Any:
    """Checked weights of `count` observations."""
    w = convert(array(weights), np.float64)
    if name == "fweights" and holds(any_of(ops.not_equal(w, ops.rint(w)))):
        raise TypeError(at_line("fweights must be integer"))
    if w.a.ndim > 1:
        raise RuntimeError(at_line(f"cannot handle multidimensional {name}"))
    if w.a.shape[0] != count:
        raise RuntimeError(at_line(f"incompatible numbers of samples and {name}"))
    if holds(any_of(ops.less(w, 0))):
        raise ValueError(at_line(f"{name} cannot be negative"))
    return w


def observations(m: Any, y: Any, rowvar: Any, dtype: Any) -> Any:
    """The variables as rows."""
    pair = [array(v) for v in (m, y) if v is not None]
    for name, v in zip("my", pair, strict=False):
        if v.a.ndim > 2:
            raise ValueError(at_line(f"{name} has more than 2 dimensions"))
    kind = promote(*[v.a for v in pair], scalar(0, np.dtype(np.float64)).a) if dtype is None else dtype_of(dtype)
    x, *others = [convert(atleast_2d(v), kind) for v in pair]
    if not rowvar and pair[0].a.ndim != 1:
        x = x.T
    if not x.a.shape[0]:
        return None
    for other in others:
        x = concatenate([x, other if rowvar or other.a.shape[0] == 1 else other.T])
    return x


@implements(np.cov)
def cov(
    m: Any, y: Any = None, rowvar: Any = True, bias: Any = False, ddof: Any = None, fweights: Any = None, aweights: Any = None,
    *, dtype: Any = None,
) -> Any:  # fmt: skip
    """The covariance matrix of variables (rows unless rowvar is false) from observations, as `numpy.cov`.

    Differentiable in the observations and in aweights.
    """
    if ddof is not None and ddof != int(ddof):
        raise ValueError(at_line("ddof must be integer"))
    x = observations(m, y, rowvar, dtype)
    if x is None:
        return fresh(scalar(0, np.dtype(np.float64)), (0, 0))
    ddof = (1 if bias == 0 else 0) if ddof is None else int(ddof)
    n = x.a.shape[1]
    a = None if aweights is None else weights_of(aweights, n, "aweights")
    w = a
    if fweights is not None:
        f = weights_of(fweights, n, "fweights")
        w = f if a is None else ops.mul(f, a)
    mean = average(x, 1, w)
    if w is None:
        degrees: Any = float(n - ddof)
        if degrees <= 0:
            warnings.warn("Degrees of freedom <= 0 for slice", RuntimeWarning, stacklevel=3)
        scale: Any = 1 / degrees if degrees > 0 else np.inf
    else:
        total = sum(w)
        degrees = total
        if ddof:
            degrees = ops.sub(total, ddof if a is None else ops.div(ops.mul(float(ddof), sum(ops.mul(w, a))), total))
        positive = ops.greater(degrees, 0)
        scale = ops.select(positive, ops.div(1.0, ops.select(positive, degrees, 1.0)), np.inf)
    apart = ops.sub(x, reshape(mean, (mean.a.size, 1)))
    weighted = apart if w is None else ops.mul(apart, w)
    other = weighted.T
    c = dot(apart, ops.conj(other) if x.a.dtype.kind == "c" else other)
    return squeeze(convert(ops.mul(c, scale), c.a.dtype))


@implements(np.corrcoef)
def corrcoef(x: Any, y: Any = None, rowvar: Any = True, *, dtype: Any = None) -> Any:
    """Pearson's correlation coefficients, as `numpy.corrcoef`."""
    c = cov(x, y, rowvar, dtype=dtype)
    if not c.a.ndim:
        return ops.div(c, c)
    deviation = ops.sqrt(ops.real(diag(c)))
    n = deviation.a.size
    c = ops.div(ops.div(c, reshape(deviation, (n, 1))), reshape(deviation, (1, n)))
    if c.a.dtype.kind == "c":
        return ops.make_complex(clip(ops.real(c), -1, 1), clip(ops.imag(c), -1, 1))
    return clip(c, -1, 1)


# Counts


def counted(weights: Any, at: Any, size: int, dtype: Any) -> Any:
    """The sums of the weights (None: of ones) of equal indices, which are in bounds."""
    kind = np.dtype(np.int64) if weights is None else dtype
    new = scalar(1, kind) if weights is None else convert(weights, kind)
    return bind(Scatter((0,), "add", "no"), fresh(scalar(0, kind), (size,)), new, at)


def bincount_(x: Any, /, weights: Any = None, minlength: Any = 0, *, length: Any = None) -> Any:
    i = array(x)
    if i.a.ndim != 1:
        raise ValueError(at_line(f"bincount: x must be one-dimensional, got shape {i.a.shape}"))
    if i.a.dtype.kind not in "iub":
        raise TypeError(at_line(f"bincount: x must be integers, got dtype {i.a.dtype}"))
    w = None
    if weights is not None and i.a.size:  # NumPy counts in int64 where x is empty, whatever the weights
        w = array(weights)
        if not np.can_cast(w.a.dtype, np.float64, "safe"):
            raise TypeError(at_line(f"bincount: weights must be real numbers, got dtype {w.a.dtype}"))
        if w.a.shape != i.a.shape:
            raise ValueError(at_line(f"The weights and list don't have the same length: {w.a.shape} and {i.a.shape}"))
    size = operator.index(minlength if length is None else length)
    if size < 0:
        raise ValueError(at_line(f"bincount: {'minlength' if length is None else 'length'} must not be negative"))
    i = convert(i, np.int64)
    if i.a.size and length is None:
        if read(ops.less(min(i), 0), "bool"):
            raise ValueError(at_line("'list' argument must have no negative elements"))
        largest = read(max(i), "int")
        size = largest + 1 if largest >= size else size
    if length is None:
        return counted(w, i, size, np.dtype(np.float64))
    if i.a.size and holds(ops.less(min(i), 0)):
        raise ValueError(at_line("'list' argument must have no negative elements"))
    inside = ops.logical_and(ops.greater_equal(i, 0), ops.less(i, size))
    return counted(w, ops.select(inside, i, size), size + 1, np.dtype(np.float64))[:size]


functions[np.bincount] = bincount_


@functools.wraps(np.bincount, assigned=("__name__", "__qualname__"), updated=())
def bincount(x: Any, /, weights: Any = None, minlength: Any = 0, *, length: Any = None) -> Any:
    """How often each of 0, 1, 2, ... is among x (or the sum of its weights), as `numpy.bincount`; differentiable in weights.

    The length of the result is read from the largest element, unless `length` (as in JAX) gives it: larger elements are not
    counted then, and it works where values are not known (under vmap).

    >>> ft.vmap(lambda x: fnp.bincount(x, length=3))(np.array([[0, 0, 2], [1, 5, 1]]))
    array([[2, 0, 1],
           [0, 2, 0]])
    """
    if current.trace is not None:
        return bincount_(x, weights, minlength, length=length)
    if length is None:
        return np.bincount(x, weights, minlength)
    return np.bincount(x, weights, length)[:length]


def outer_edges(a: Any, limits: Any) -> tuple[Any, Any]:
    """The first and the last edge."""
    if limits is not None:
        first, last = [array(v) for v in limits]
        if holds(ops.greater(first, last)):
            raise ValueError(at_line("max must be larger than min in range parameter."))
    elif not a.a.size:
        return array(0), array(1)
    else:
        first, last = min(a), max(a)
    if (first.a.inexact or last.a.inexact) and holds(ops.logical_not(ops.logical_and(ops.isfinite(first), ops.isfinite(last)))):
        kind = "supplied" if limits is not None else "autodetected"
        raise ValueError(at_line(f"{kind} range is not finite"))
    return first, last


def edges_of(a: Any, bins: Any, limits: Any) -> Any:
    """The edges of the bins."""
    if isinstance(bins, str):
        raise UnsupportedError(
            at_line(
                f"histogram: bins={bins!r} is not supported on traced arrays",
                hint="give the number of bins, or np.histogram_bin_edges of an array that is not traced",
            )
        )
    if (isinstance(bins, Tracer) and bins.a.ndim) or (not isinstance(bins, Tracer) and np.ndim(bins)):
        edges = array(bins)
        if edges.a.ndim != 1:
            raise ValueError(at_line("`bins` must be 1d, when an array"))
        if holds(any_of(ops.greater(edges[:-1], edges[1:]))):
            raise ValueError(at_line("`bins` must increase monotonically, when an array"))
        return edges
    try:
        n = operator.index(bins)
    except TypeError:
        raise TypeError(at_line("`bins` must be an integer, a string, or an array")) from None
    if n < 1:
        raise ValueError(at_line("`bins` must be positive, when an integer"))
    first, last = outer_edges(a, limits)
    kind = promote(first.a, last.a, a.a)
    if kind.kind in "iu":
        kind = np.result_type(kind, float)
    first, last = [convert(v, v.a.dtype if v.a.inexact and not v.a.weak else kind) for v in (first, last)]
    same = ops.equal(first, last)
    first, last = ops.sub(first, ops.select(same, 0.5, 0.0)), ops.add(last, ops.select(same, 0.5, 0.0))
    return linspace(first, last, n + 1, dtype=kind)


def samples(a: Any, weights: Any) -> tuple[Any, Any]:
    """The flattened samples and weights."""
    x = array(a)
    w = None if weights is None else array(weights)
    if w is not None and w.a.shape != x.a.shape:
        raise ValueError(at_line(f"weights should have the same shape as a: {w.a.shape} and {x.a.shape}"))
    if x.a.dtype.kind == "c":
        raise TypeError(at_line("histogram of complex numbers is not defined", hint="take their real part or absolute value"))
    x = ravel(convert(x, np.uint8) if x.a.dtype.kind == "b" else x)
    return x, None if w is None else ravel(w)


@implements(np.histogram)
def histogram(a: Any, bins: Any = 10, range: Any = None, density: Any = None, weights: Any = None) -> Any:
    """Counts of samples (or sums of their weights) in bins, and the edges of the bins, as `numpy.histogram`.

    The counts are differentiable in weights, the edges in the samples (their extremes) and in range or bins. No count is read;
    that the range is finite is checked where values are known.
    """
    x, w = samples(a, weights)
    edges = edges_of(x, bins, range)
    n = edges.a.size - 1
    if n < 1:
        return fresh(scalar(0, np.dtype(np.int64) if w is None else w.a.dtype), (0,)), edges
    kind = np.result_type(edges.a.dtype, x.a.dtype)
    at = bind(SearchSorted("right"), convert(edges, kind), convert(x, kind))
    last = ops.equal(x, edges[-1])
    at = ops.select(last, n, at)
    dtype = np.dtype(np.int64) if w is None else w.a.dtype
    counts = counted(w, at, n + 2, dtype)[1 : n + 1]
    if density:
        counts = ops.div(ops.div(counts, convert(diff(edges), np.float64)), sum(counts))
    return counts, edges


@implements(np.histogram_bin_edges)
def histogram_bin_edges(a: Any, bins: Any = 10, range: Any = None, weights: Any = None) -> Any:
    """The edges of the bins of a histogram, as `numpy.histogram_bin_edges`."""
    return edges_of(samples(a, weights)[0], bins, range)


__all__ = ["bincount", "corrcoef", "cov", "histogram", "histogram_bin_edges"]
