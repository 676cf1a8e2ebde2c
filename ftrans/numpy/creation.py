"""New arrays: zeros, ones, full, arange, linspace, eye, indices, meshgrid and their like.

Inside a transformed function they give traced arrays, which traced values can be stored in: `y = np.zeros(3); y[0] = x`. Outside
they are NumPy's own functions.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.aval import WEAK, aval, promote
from ..core.bind import bind, bind_view
from ..core.trace import Tracer, current
from ..core.views import Copy
from ..errors import at_line
from ..ops.elementwise import add, div, equal, floor, greater_equal, less, mul, neg, power, select, sub
from ..ops.indexing import Iota, Put
from ..ops.structural import Broadcast, broadcast, convert, move_axis, reshape, transpose
from .args import array, axis_of, dtype_of, refuse, shape_of
from .dispatch import implements


def fresh(x: Any, shape: tuple[int, ...], order: str | None = "C") -> Any:
    """A new array of this shape filled with x (broadcast), in C or Fortran order."""
    if order in ("F", "f"):
        return transpose(fresh(transpose(x, tuple(range(x.ndim))[::-1]), shape[::-1]), tuple(range(len(shape)))[::-1])
    return bind(Copy(), broadcast(x, shape))


def constant(value: np.ndarray[Any, Any]) -> Any:
    """A new array with contents known now."""
    t = current.trace
    assert t is not None
    return bind(Copy(), t.const(value, aval(value.shape, value.dtype, False, False)))


def scalar(value: Any, dtype: np.dtype[Any]) -> Any:
    """A number in a dtype, as a traced scalar."""
    t = current.trace
    assert t is not None
    return t.const(dtype.type(value), aval((), dtype))


def constants(value: int, dtype: Any, shape: Any, order: str) -> Any:
    """A new array filled with a number."""
    kind = np.dtype(np.float64) if dtype is None else dtype_of(dtype)
    return fresh(scalar(value, kind), shape_of(shape), order)


@implements(np.zeros)
def zeros(shape: Any, dtype: Any = None, order: str = "C", *, device: Any = None, like: Any = None) -> Any:
    """As `numpy.zeros`; inside a transformed function an array that traced values can be stored in."""
    return constants(0, dtype, shape, order)


@implements(np.empty)
def empty(shape: Any, dtype: Any = None, order: str = "C", *, device: Any = None, like: Any = None) -> Any:
    """As `numpy.empty`; inside a transformed function it is filled with zeros."""
    return constants(0, dtype, shape, order)


@implements(np.ones)
def ones(shape: Any, dtype: Any = None, order: str = "C", *, device: Any = None, like: Any = None) -> Any:
    """As `numpy.ones`."""
    return constants(1, dtype, shape, order)


@implements(np.full)
def full(shape: Any, fill_value: Any, dtype: Any = None, order: str = "C", *, device: Any = None, like: Any = None) -> Any:
    """As `numpy.full`; fill_value may be traced, and broadcasts to shape."""
    x = array(fill_value)
    return fresh(convert(x, dtype_of(dtype, x.a.dtype)), shape_of(shape), order)


def filled_like(x: Any, value: Any, dtype: Any, shape: Any, order: str) -> Any:
    """A new array with the shape and dtype of x unless given."""
    like = array(x)
    kind = dtype_of(dtype, like.a.dtype)
    fill = scalar(value, kind) if not isinstance(value, Tracer) else convert(value, kind)
    return fresh(fill, like.a.shape if shape is None else shape_of(shape), order)


@implements(np.zeros_like)
def zeros_like(a: Any, dtype: Any = None, order: str = "K", subok: bool = True, shape: Any = None, *, device: Any = None) -> Any:
    """As `numpy.zeros_like`."""
    return filled_like(a, 0, dtype, shape, order)


@implements(np.ones_like)
def ones_like(a: Any, dtype: Any = None, order: str = "K", subok: bool = True, shape: Any = None, *, device: Any = None) -> Any:
    """As `numpy.ones_like`."""
    return filled_like(a, 1, dtype, shape, order)


@implements(np.empty_like)
def empty_like(
    prototype: Any, dtype: Any = None, order: str = "K", subok: bool = True, shape: Any = None, *, device: Any = None
) -> Any:
    """As `numpy.empty_like`; filled with zeros."""
    return filled_like(prototype, 0, dtype, shape, order)


@implements(np.full_like)
def full_like(
    a: Any, fill_value: Any, dtype: Any = None, order: str = "K", subok: bool = True, shape: Any = None, *, device: Any = None
) -> Any:
    """As `numpy.full_like`; fill_value may be traced."""
    like = array(a)
    fill = convert(array(fill_value), dtype_of(dtype, like.a.dtype))
    return fresh(fill, like.a.shape if shape is None else shape_of(shape), order)


@implements(np.arange)
def arange(start: Any, stop: Any = None, step: Any = None, dtype: Any = None, *, device: Any = None, like: Any = None) -> Any:
    """As `numpy.arange`. Traced arguments are differentiable, but the number of elements is read from their values."""
    given = (start, stop, step)
    if not any([isinstance(x, Tracer) for x in given]):
        return staged(np.arange(start, stop, step, dtype))  # type: ignore[call-overload]
    begin, end = (array(0), array(start)) if stop is None else (array(start), array(stop))
    by = array(1 if step is None else step)
    kind = dtype_of(dtype, np.result_type(np.int64, begin.a.dtype, end.a.dtype, by.a.dtype))  # at least int64, as in NumPy
    length = div(sub(end, begin), by)
    size = max(0, int(-(-length // 1)))
    count = convert(bind(Iota(size, np.dtype(np.int64))), kind)
    return add(mul(count, convert(by, kind)), convert(begin, kind))


def staged(known: np.ndarray[Any, Any]) -> Any:
    """The result of arange: 0, 1, 2, ... times step plus start where that is exact, else its elements as a constant."""
    if known.dtype.kind not in "iu" or known.size < 2:
        return constant(known)
    first, step = int(known[0]), int(known[1]) - int(known[0])
    out = bind(Iota(known.size, known.dtype))
    if step != 1:
        out = mul(out, scalar(step, known.dtype)) if step > 0 else neg(mul(out, scalar(-step, known.dtype)))
    return add(out, scalar(first, known.dtype)) if first else out


@implements(np.linspace)
def linspace(
    start: Any, stop: Any, num: Any = 50, endpoint: bool = True, retstep: bool = False, dtype: Any = None, axis: int = 0,
    *, device: Any = None,
) -> Any:  # fmt: skip
    """As `numpy.linspace`; differentiable in start and stop."""
    if not any([isinstance(x, Tracer) for x in (start, stop)]):
        known: Any = np.linspace(start, stop, int(num), endpoint, retstep, dtype, axis)  # type: ignore[call-overload]
        return (constant(known[0]), known[1]) if retstep else constant(known)
    n = int(num)
    if n < 0:
        raise ValueError(at_line(f"linspace: the number of samples, {n}, must be non-negative"))
    first, last = array(start), array(stop)
    inner = promote(first.a, last.a, WEAK[float])
    first, last = convert(first, inner), convert(last, inner)
    delta = sub(last, first)
    pieces = n - 1 if endpoint else n
    count = reshape(convert(bind(Iota(n, np.dtype(np.int64))), real_dtype(inner)), (n, *[1] * delta.ndim))
    if pieces > 0:
        step = div(delta, pieces)
        out = add(mul(count, step), first)
    else:
        step = scalar(np.nan, inner)
        out = add(mul(count, delta), first)
    if endpoint and n > 1:
        out = bind(Put((n - 1, *[(0, 1, k) for k in delta.a.shape])), out, broadcast(last, delta.a.shape))
    kind = dtype_of(dtype, inner)
    if kind.kind in "iu":
        out = floor(out)
    out = convert(move_axis(out, 0, axis_of(axis, out.ndim, "linspace")), kind)
    return (out, step) if retstep else out


def real_dtype(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """The dtype of the parts of a complex one."""
    return np.zeros(0, dtype).real.dtype


@implements(np.logspace)
def logspace(
    start: Any, stop: Any, num: Any = 50, endpoint: bool = True, base: Any = 10.0, dtype: Any = None, axis: int = 0
) -> Any:
    """As `numpy.logspace`; differentiable in start, stop and base."""
    y = linspace(start, stop, num, endpoint, axis=axis)
    b = array(base)
    if b.ndim:
        k = axis_of(axis, y.ndim, "logspace")
        b = reshape(b, (*b.a.shape[:k], 1, *b.a.shape[k:]))
    out = power(b, y)
    return out if dtype is None else convert(out, dtype_of(dtype))


@implements(np.geomspace)
def geomspace(start: Any, stop: Any, num: Any = 50, endpoint: bool = True, dtype: Any = None, axis: int = 0) -> Any:
    """As `numpy.geomspace`; differentiable in start and stop, which are real and of one sign when traced."""
    if not any([isinstance(x, Tracer) for x in (start, stop)]):
        return constant(np.geomspace(start, stop, num, endpoint, dtype, axis))
    first, last = array(start), array(stop)
    refuse("geomspace of complex numbers", dtype=first.a.dtype if promote(first.a, last.a).kind == "c" else None)
    n, inner = int(num), np.result_type(promote(first.a, last.a), np.float64)
    first, last = convert(first, inner), convert(last, inner)
    pieces = max(n - 1 if endpoint else n, 1)
    ratio = div(last, first)
    count = div(bind(Iota(n, inner)), pieces)
    shape = np.broadcast_shapes(first.a.shape, last.a.shape)
    count = reshape(count, (n, *[1] * len(shape)))
    out = mul(first, power(ratio, count))
    if endpoint and n > 1:
        out = bind(Put((n - 1, *[(0, 1, k) for k in shape])), out, broadcast(last, shape))
    out = move_axis(out, 0, axis_of(axis, out.ndim, "geomspace"))
    return out if dtype is None else convert(out, dtype_of(dtype))


def band(rows: int, columns: int) -> tuple[Any, Any]:
    """Row and column numbers that broadcast against each other."""
    return reshape(bind(Iota(rows, np.dtype(np.int64))), (rows, 1)), bind(Iota(columns, np.dtype(np.int64)))


@implements(np.eye)
def eye(N: Any, M: Any = None, k: Any = 0, dtype: Any = float, order: str = "C", *, device: Any = None, like: Any = None) -> Any:
    """As `numpy.eye`."""
    n = int(N)
    rows, columns = band(n, n if M is None else int(M))
    return convert(equal(add(rows, int(k)), columns), dtype_of(dtype))


@implements(np.identity)
def identity(n: Any, dtype: Any = None, *, like: Any = None) -> Any:
    """As `numpy.identity`."""
    return eye(n, dtype=dtype)


@implements(np.tri)
def tri(N: Any, M: Any = None, k: Any = 0, dtype: Any = float, *, like: Any = None) -> Any:
    """As `numpy.tri`: ones at and below the k-th diagonal."""
    n = int(N)
    rows, columns = band(n, n if M is None else int(M))
    return convert(greater_equal(add(rows, int(k)), columns), dtype_of(dtype))


@implements(np.tril)
def tril(m: Any, k: Any = 0) -> Any:
    """As `numpy.tril`: the part at and below the k-th diagonal of the last two axes."""
    return triangle(m, k, lower=True)


@implements(np.triu)
def triu(m: Any, k: Any = 0) -> Any:
    """As `numpy.triu`: the part at and above the k-th diagonal of the last two axes."""
    return triangle(m, k, lower=False)


def triangle(m: Any, k: Any, lower: bool) -> Any:
    """m where it is in the triangle, else 0."""
    x = array(m)
    if x.ndim == 1:
        x = broadcast(x, (x.a.size, x.a.size))
    rows, columns = band(*x.a.shape[-2:])
    keep = greater_equal(add(rows, int(k)), columns) if lower else less(add(rows, int(k) - 1), columns)
    return select(keep, x, scalar(0, x.a.dtype))


@implements(np.indices)
def indices(dimensions: Any, dtype: Any = int, sparse: bool = False) -> Any:
    """As `numpy.indices`."""
    known = np.indices(shape_of(dimensions), dtype, sparse)  # type: ignore[call-overload]
    return tuple([constant(x) for x in known]) if sparse else constant(known)


def fromfunction(function: Any, shape: Any, *, dtype: Any = float, like: Any = None, **kwargs: Any) -> Any:
    """As `numpy.fromfunction`: function of the arrays of coordinates."""
    return function(*indices(shape, dtype), **kwargs)


@implements(np.meshgrid)
def meshgrid(*xi: Any, copy: bool = True, sparse: bool = False, indexing: str = "xy") -> Any:
    """As `numpy.meshgrid`; with copy=False the results are read-only views."""
    if indexing not in ("xy", "ij"):
        raise ValueError(at_line(f"meshgrid: indexing must be 'xy' or 'ij', got {indexing!r}"))
    xs = [array(x) for x in xi]
    order = [1, 0, *range(2, len(xs))] if indexing == "xy" and len(xs) > 1 else list(range(len(xs)))
    shape = [0] * len(xs)
    out = []
    for k, x in zip(order, xs, strict=True):
        shape[k] = x.a.size
        out.append(reshape(x, (*[1] * k, x.a.size, *[1] * (len(xs) - k - 1))))
    if not sparse:
        out = [bind_view(Broadcast(tuple(shape)), x) for x in out]
    return tuple([bind(Copy(), x) for x in out] if copy else out)


@implements(np.vander)
def vander(x: Any, N: Any = None, increasing: bool = False) -> Any:
    """As `numpy.vander`: the powers of x as columns."""
    v = array(x)
    if v.ndim != 1:
        raise ValueError(at_line(f"vander: x must be one-dimensional, got shape {v.a.shape}"))
    n = v.a.size if N is None else int(N)
    exponents = np.arange(n) if increasing else np.arange(n)[::-1]
    kind = np.result_type(v.a.dtype, np.int64)
    return power(reshape(convert(v, kind), (v.a.size, 1)), constant(np.ascontiguousarray(exponents)[None]))


# Results of these are index arrays that depend on shapes alone: NumPy's own functions serve inside traces too.

tril_indices, triu_indices = np.tril_indices, np.triu_indices
diag_indices, mask_indices = np.diag_indices, np.mask_indices
mgrid, ogrid, ndindex = np.mgrid, np.ogrid, np.ndindex


@implements(np.tril_indices_from)
def tril_indices_from(arr: Any, k: int = 0) -> Any:
    """As `numpy.tril_indices_from`."""
    return np.tril_indices(arr.shape[-2], k, arr.shape[-1])


@implements(np.triu_indices_from)
def triu_indices_from(arr: Any, k: int = 0) -> Any:
    """As `numpy.triu_indices_from`."""
    return np.triu_indices(arr.shape[-2], k, arr.shape[-1])


@implements(np.diag_indices_from)
def diag_indices_from(arr: Any) -> Any:
    """As `numpy.diag_indices_from`."""
    return np.diag_indices_from(np.broadcast_to(np.zeros(()), arr.shape))


__all__ = [
    "zeros", "empty", "ones", "full", "zeros_like", "ones_like", "empty_like", "full_like", "arange", "linspace", "logspace",
    "geomspace", "eye", "identity", "tri", "tril", "triu", "indices", "fromfunction", "meshgrid", "vander", "tril_indices",
    "triu_indices", "diag_indices", "mask_indices", "mgrid", "ogrid", "ndindex", "tril_indices_from", "triu_indices_from",
    "diag_indices_from",
]  # fmt: skip
