"""Differences, integrals and convolutions of samples: diff, gradient, trapezoid, unwrap, cumulative_sum, convolve, correlate."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.bind import bind
from ..core.trace import Tracer
from ..errors import ShapeError, at_line, shown
from ..ops import elementwise as ops
from ..ops.convolution import Convolve, turned
from ..ops.indexing import index
from ..ops.structural import broadcast, convert, reduce_sum, reshape
from .args import array, axes_of, axis_of
from .creation import fresh, scalar
from .dispatch import implements, store_out
from .joining import concatenate
from .reductions import cumprod, cumsum
from .shapes import atleast_1d, ravel


def part(x: Any, k: int, start: int, count: int) -> Any:
    """`count` elements along axis k, from `start` on; none where there are too few."""
    count = max(0, min(count, x.a.shape[k] - start))
    return index(x, *[(start if count else 0, 1, count) if j == k else (0, 1, n) for j, n in enumerate(x.a.shape)])


def steps(x: Any, k: int) -> Any:
    """x[1:] - x[:-1] along axis k; for booleans whether the two differ."""
    n = x.a.shape[k] - 1
    subtract = ops.not_equal if x.a.dtype.kind == "b" else ops.sub
    return subtract(part(x, k, 1, n), part(x, k, 0, n))


def along(values: Any, k: int, ndim: int) -> Any:
    """A vector as an array that broadcasts along axis k."""
    return reshape(values, tuple([values.a.size if j == k else 1 for j in range(ndim)]))


@implements(np.diff)
def diff(a: Any, n: int = 1, axis: Any = -1, prepend: Any = np._NoValue, append: Any = np._NoValue) -> Any:
    """The n-th differences along an axis, as `numpy.diff`.

    >>> ft.jacobian(np.diff)(np.array([1.0, 4.0, 9.0]))
    array([[-1.,  1.,  0.],
           [ 0., -1.,  1.]])
    """
    if n == 0:
        return a
    if n < 0:
        raise ValueError(at_line(f"order must be non-negative but got {n!r}"))
    x = array(a)
    if not x.a.ndim:
        raise ValueError(at_line("diff requires input that is at least one dimensional"))
    k = axis_of(axis, x.a.ndim, "diff")
    pieces = [x]
    for extra, where in ((prepend, 0), (append, 2)):
        if extra is not np._NoValue:
            y = array(extra)
            if not y.a.ndim:
                y = broadcast(convert(y, y.a.dtype), tuple([1 if j == k else m for j, m in enumerate(x.a.shape)]))
            pieces.insert(where, y)
    x = concatenate(pieces, k) if len(pieces) > 1 else x
    for _ in range(n):
        x = steps(x, k)
    return x


@implements(np.ediff1d)
def ediff1d(ary: Any, to_end: Any = None, to_begin: Any = None) -> Any:
    """The differences of the flattened array, as `numpy.ediff1d`."""
    x = ravel(array(ary))
    if x.a.dtype.kind == "b":
        raise TypeError(at_line("ediff1d of booleans is not defined", hint="convert them first, or use np.diff"))
    pieces = [steps(x, 0)]
    for name, extra, where in (("to_begin", to_begin, 0), ("to_end", to_end, 2)):
        if extra is not None:
            y = array(extra)
            if not np.can_cast(y.a.dtype, x.a.dtype, "same_kind"):
                raise TypeError(at_line(f"dtype of `{name}` must be compatible with input `ary` under the `same_kind` rule."))
            pieces.insert(where, convert(ravel(y), x.a.dtype))
    return concatenate(pieces) if len(pieces) > 1 else pieces[0]


# gradient


def spacings(f: Any, varargs: tuple[Any, ...], axes: tuple[int, ...]) -> list[Any]:
    """For each axis the distance of neighbours: a number, or an array that broadcasts along the axis."""
    given = [1.0] * len(axes) if not varargs else list(varargs)
    if len(varargs) == 1 and not array(varargs[0]).a.ndim:
        given = given * len(axes)
    if len(given) != len(axes):
        raise TypeError(at_line("invalid number of arguments"))
    found = []
    for k, h in zip(axes, given, strict=True):
        points = array(h)
        if points.a.ndim > 1:
            raise ValueError(at_line("distances must be either scalars or 1d"))
        if points.a.ndim:
            if points.a.size != f.a.shape[k]:
                raise ValueError(at_line("when 1d, distances must match the length of the corresponding dimension"))
            points = along(steps(convert(points, np.float64) if points.a.dtype.kind in "iu" else points, 0), k, f.a.ndim)
        found.append(points)
    return found


def one_sided(f: Any, k: int, h: Any, n: int, edge_order: int, end: bool) -> Any:
    """The derivative at the first or last of n samples, from the two or three next to it."""
    if edge_order == 1:
        step = part(h, k, n - 2 if end else 0, 1) if h.a.ndim else h
        below, above = [part(f, k, n - 2 + j if end else j, 1) for j in range(2)]
        return ops.div(ops.sub(above, below), step)
    near, middle, far = [part(f, k, n - 1 - j if end else j, 1) for j in range(3)]
    if not h.a.ndim:
        a, b, c = ops.div(-1.5, h), ops.div(2.0, h), ops.div(-0.5, h)
    else:
        h1, h2 = [part(h, k, n - 2 - j if end else j, 1) for j in range(2)]
        both = ops.add(h1, h2)
        a = ops.neg(ops.div(ops.add(ops.mul(2.0, h1), h2), ops.mul(h1, both)))
        b, c = ops.div(both, ops.mul(h1, h2)), ops.neg(ops.div(h1, ops.mul(h2, both)))
    total = ops.add(ops.add(ops.mul(a, near), ops.mul(b, middle)), ops.mul(c, far))
    return ops.neg(total) if end else total


def slope(f: Any, k: int, h: Any, edge_order: int) -> Any:
    """The derivative of samples along axis k."""
    n = f.a.shape[k]
    if n < edge_order + 1:
        raise ValueError(
            at_line(
                "Shape of array too small to calculate a numerical gradient, at least (edge_order + 1) elements are required.",
                hint=f"the array has the shape {f.a.shape}",
            )
        )
    before, middle, after = [part(f, k, j, n - 2) for j in range(3)]
    if not h.a.ndim:
        inner = ops.div(ops.sub(after, before), ops.mul(2.0, h))
    else:
        h1, h2 = part(h, k, 0, n - 2), part(h, k, 1, n - 2)
        both = ops.add(h1, h2)
        a, c = ops.neg(ops.div(h2, ops.mul(h1, both))), ops.div(h1, ops.mul(h2, both))
        b = ops.div(ops.sub(h2, h1), ops.mul(h1, h2))
        inner = ops.add(ops.add(ops.mul(a, before), ops.mul(b, middle)), ops.mul(c, after))
    ends = [one_sided(f, k, h, n, edge_order, end) for end in (False, True)]
    kind = f.a.dtype if f.a.inexact else np.float64
    return concatenate([convert(x, kind) for x in (ends[0], inner, ends[1])], k)


@implements(np.gradient)
def gradient(f: Any, *varargs: Any, axis: Any = None, edge_order: int = 1) -> Any:
    """The derivative of samples by differences, as `numpy.gradient`; differentiable in the samples and in their positions."""
    x = array(f)
    if x.a.dtype.kind in "iu":
        x = convert(x, np.float64)
    axes = tuple(range(x.a.ndim)) if axis is None else axes_of(axis, x.a.ndim, "gradient")
    hs = spacings(x, varargs, axes)
    if edge_order > 2:
        raise ValueError(at_line("'edge_order' greater than 2 not supported"))
    out = tuple([slope(x, k, h, edge_order) for k, h in zip(axes, hs, strict=True)])
    return out[0] if len(axes) == 1 else out


@implements(np.trapezoid)
def trapezoid(y: Any, x: Any = None, dx: Any = 1.0, axis: Any = -1) -> Any:
    """The integral of samples by the trapezoidal rule, as `numpy.trapezoid`.

    >>> ft.grad(np.trapezoid)(np.array([1.0, 2.0, 4.0]))
    array([0.5, 1. , 0.5])
    """
    v = array(y)
    k = axis_of(axis, v.a.ndim, "trapezoid")
    if x is None:
        d = array(dx)
    else:
        points = array(x)
        d = along(steps(points, 0), k, v.a.ndim) if points.a.ndim == 1 else steps(points, axis_of(axis, points.a.ndim, "trapezoid"))
    n = v.a.shape[k]
    areas = ops.div(ops.mul(d, ops.add(part(v, k, 1, n - 1), part(v, k, 0, n - 1))), 2.0)
    return reduce_sum(areas, (axis_of(axis, areas.a.ndim, "trapezoid"),))


@implements(np.unwrap)
def unwrap(p: Any, discont: Any = None, axis: Any = -1, *, period: Any = 2 * np.pi) -> Any:
    """Angles without jumps of more than half a period, as `numpy.unwrap`."""
    x, whole = array(p), period
    k = axis_of(axis, x.a.ndim, "unwrap")
    dd = steps(x, k)
    total = ops.add(dd, whole)  # for its dtype
    if total.a.dtype.kind in "iu":
        high, ambiguous = whole // 2, whole % 2 == 0
    else:
        high, ambiguous = whole / 2, True
    low = -high
    jump = ops.add(ops.remainder(ops.sub(dd, low), whole), low)
    up = ops.logical_and(ops.logical_and(ops.equal(jump, low), ops.greater(dd, 0)), ambiguous)
    jump = ops.select(up, convert(array(high), jump.a.dtype), jump)
    limit = whole / 2 if discont is None else discont
    correction = ops.sub(jump, dd)
    correction = ops.select(ops.less(ops.absolute(dd), limit), scalar(0, correction.a.dtype), correction)
    rest = ops.add(part(x, k, 1, x.a.shape[k]), cumsum(correction, k))
    return concatenate([convert(y, total.a.dtype) for y in (part(x, k, 0, 1), rest)], k)


def running_from(who: str, run: Any, initial: int, x: Any, axis: Any, dtype: Any, out: Any, include_initial: bool) -> Any:
    """cumulative_sum and cumulative_prod."""
    v = atleast_1d(array(x))
    if axis is None:
        if v.a.ndim > 1:
            raise ValueError(at_line(f"{who}: for arrays which have more than one dimension ``axis`` argument is required."))
        axis = 0
    k = axis_of(axis, v.a.ndim, who)
    result = run(v, k, dtype)
    if include_initial:
        first = fresh(scalar(initial, result.a.dtype), tuple([1 if j == k else n for j, n in enumerate(v.a.shape)]))
        result = concatenate([first, result], k)
    return result if out is None else store_out(out, result, who)


@implements("cumulative_sum")
def cumulative_sum(x: Any, /, *, axis: Any = None, dtype: Any = None, out: Any = None, include_initial: bool = False) -> Any:
    """As `numpy.cumulative_sum`."""
    return running_from("cumulative_sum", cumsum, 0, x, axis, dtype, out, include_initial)


@implements("cumulative_prod")
def cumulative_prod(x: Any, /, *, axis: Any = None, dtype: Any = None, out: Any = None, include_initial: bool = False) -> Any:
    """As `numpy.cumulative_prod`."""
    return running_from("cumulative_prod", cumprod, 1, x, axis, dtype, out, include_initial)


# Convolution

MODES = ("valid", "same", "full")  # NumPy takes 0, 1, 2 for them as well


def operands(who: str, a: Any, v: Any) -> list[Tracer]:
    """Two vectors that are not empty."""
    found = [atleast_1d(array(x)) for x in (a, v)]
    for name, x in zip("av", found, strict=True):
        if not x.a.size:
            raise ValueError(at_line(f"{who}: {name} cannot be empty"))
        if x.a.ndim != 1:
            raise ShapeError(
                at_line(f"{who}: the operands must be one-dimensional, got shapes {found[0].a.shape} and {found[1].a.shape}")
            )
    return found


def mode_of(mode: Any, who: str) -> str:
    """The mode by its name."""
    named = MODES[mode] if isinstance(mode, int) and 0 <= mode < 3 else mode
    if named not in MODES:
        raise ValueError(at_line(f"{who}: mode must be one of 'valid', 'same', or 'full' (got {shown(mode)})"))
    return str(named)


def convolution(x: Any, y: Any, mode: str, begin: int) -> Any:
    """The convolution of vectors, y the shorter one; "same" is the middle of "full", from `begin` on."""
    full = bind(Convolve("valid" if mode == "valid" else "full"), x, y)
    return part(full, 0, begin, x.a.size) if mode == "same" else full


@implements(np.convolve)
def convolve(a: Any, v: Any, mode: Any = "full") -> Any:
    """The convolution of two vectors, as `numpy.convolve`.

    >>> ft.grad(lambda v: np.convolve(np.array([1.0, 2.0, 4.0]), v, "valid").sum())(np.ones(2))
    array([6., 3.])
    """
    x, y = operands("convolve", a, v)
    if x.a.size < y.a.size:
        x, y = y, x
    m = y.a.size
    return convolution(x, y, mode_of(mode, "convolve"), m - 1 - m // 2)


@implements(np.correlate)
def correlate(a: Any, v: Any, mode: Any = "valid") -> Any:
    """The sums of a[n + k] * conj(v[n]), as `numpy.correlate`."""
    if not array(a).a.ndim or not array(v).a.ndim:
        raise ShapeError(at_line("correlate: the operands must be one-dimensional"))
    x, y = operands("correlate", a, v)
    if y.a.dtype.kind == "c":
        y = ops.conj(y)
    mode = mode_of(mode, "correlate")
    if x.a.size >= y.a.size:
        m = y.a.size
        return convolution(x, turned(y), mode, m - 1 - m // 2)
    m = x.a.size
    return turned(convolution(y, turned(x), mode, m - 1 - m // 2))


__all__ = [
    "convolve", "correlate", "cumulative_prod", "cumulative_sum", "diff", "ediff1d", "gradient", "trapezoid", "unwrap",
]  # fmt: skip
