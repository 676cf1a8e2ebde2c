"""Reductions of traced arrays: sum, prod, max, min, mean, var, std, all, any, argmax, cumsum and their like.

Derivatives where textbooks leave a choice: elements that share a maximum share its derivative in equal parts; the derivative of
`std` of equal elements is 0; products are right for elements that are zero.
"""

from __future__ import annotations

import builtins
from collections.abc import Callable
from typing import Any

import numpy as np

from ..core.bind import bind
from ..core.trace import Tracer
from ..errors import ShapeError, UnsupportedError, at_line
from ..ops import elementwise as ops
from ..ops import reductions as reduce
from ..ops.structural import ReduceSum, broadcast, convert, reshape
from . import dispatch
from .args import array, axes_of, axis_of, dtype_of
from .dispatch import implements, store_out

NONE: Any = np._NoValue
INEXACT = "fc"


def reduced_axes(axis: Any, x: Tracer, who: str, strict: bool = False) -> tuple[int, ...]:
    """The axis argument of a reduction: all axes for None. As in NumPy a 0-d array has an axis 0 here, unless strict."""
    if axis is None:
        return tuple(range(x.a.ndim))
    if type(axis) is int and 0 <= axis < x.a.ndim:
        return (axis,)
    if not x.a.ndim and not strict:
        return axes_of(axis, 1, who)[:0]
    return axes_of(axis, x.a.ndim, who)


def given(value: Any) -> bool:
    """Whether an optional argument was given."""
    return value is not NONE and value is not None


def finish(who: str, result: Any, x: Tracer, axes: tuple[int, ...], keepdims: Any, out: Any) -> Any:
    """keepdims= and out= of a reduction."""
    if keepdims is not NONE and keepdims and x.a.ndim:
        result = reshape(result, reduce.kept(x.a.shape, axes))
    return result if out is None else store_out(out, result, who)


def mask_of(where: Any, x: Tracer, fill: Any) -> Tracer:
    """x with `fill` where the mask of a reduction is false."""
    mask = ops.nonzero(array(where))
    if mask.a.ndim > x.a.ndim:
        raise ShapeError(at_line(f"where= has shape {mask.a.shape}, which does not broadcast to the array's {x.a.shape}"))
    return ops.select(mask, x, convert(array(fill), x.a.dtype))


def masked(where: Any) -> bool:
    """Whether a reduction has a mask."""
    return where is not True and where is not NONE


def combined(
    who: str,
    call: Callable[[Any, tuple[int, ...]], Any],
    merge: Callable[[Any, Any], Any],
    identity: Any,
    x: Tracer,
    axis: Any,
    out: Any = None,
    keepdims: Any = NONE,
    initial: Any = NONE,
    where: Any = True,
) -> Any:
    """A reduction with NumPy's options. `identity` is None where the operation has none."""
    axes = reduced_axes(axis, x, who)
    if masked(where):
        fill = initial if identity is None and given(initial) else identity
        if fill is None:
            raise ValueError(
                at_line(
                    f"reduction operation {who!r} does not have an identity, so to use a where mask one has to specify 'initial'",
                    hint=f"for instance initial={'-np.inf' if who == 'max' else 'np.inf'}",
                )
            )
        x = mask_of(where, x, fill)
    if identity is None and given(initial) and not x.a.size:
        result = broadcast(convert(array(initial), x.a.dtype), [n for k, n in enumerate(x.a.shape) if k not in axes])
    else:
        result = call(x, axes)
        if given(initial):
            result = merge(result, convert(array(initial), result.a.dtype))
    return finish(who, result, x, axes, keepdims, out)


def add_up(x: Any, axes: tuple[int, ...]) -> Any:
    """The sum, also over no axes: a scalar for a 0-d array."""
    return bind(ReduceSum(axes), x)


def typed(a: Any, dtype: Any) -> Tracer:
    """An array argument, in another dtype where one is given."""
    x = array(a)
    return x if dtype is None else convert(x, dtype_of(dtype))


@implements(np.sum)
def sum(
    a: Any, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: Any = NONE, initial: Any = NONE, where: Any = True
) -> Any:
    """The sum over axes (all for None), as `numpy.sum`: booleans and small integers add up in int64.

    >>> ft.grad(lambda x: np.sum(x**2))(np.array([1.0, 2.0]))
    array([2., 4.])
    """
    if type(a) is Tracer and a.t.top and axis is dtype is out is None and keepdims is initial is NONE and where is True:
        return a.t.record(ReduceSum(tuple(range(a.a.ndim))), (a,))  # most sums: 1.5 µs instead of 4
    result = combined("sum", add_up, ops.add, 0, typed(a, dtype), axis, None, keepdims, initial, where)
    return finish_dtype(result, dtype, out, "sum")


def finish_dtype(result: Any, dtype: Any, out: Any, who: str) -> Any:
    """The result in the dtype asked for (small integers were added up in larger ones)."""
    if dtype is not None:
        result = convert(result, dtype_of(dtype))
    return result if out is None else store_out(out, result, who)


@implements(np.prod)
def prod(
    a: Any, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: Any = NONE, initial: Any = NONE, where: Any = True
) -> Any:
    """The product over axes (all for None), as `numpy.prod`. Its derivative is right where elements are zero.

    >>> ft.grad(np.prod)(np.array([2.0, 0.0, 3.0]))
    array([0., 6., 0.])
    """
    result = combined("prod", reduce.reduce_prod, ops.mul, 1, typed(a, dtype), axis, None, keepdims, initial, where)
    return finish_dtype(result, dtype, out, "prod")


@implements(np.max, np.amax)
def max(a: Any, axis: Any = None, out: Any = None, keepdims: Any = NONE, initial: Any = NONE, where: Any = True) -> Any:
    """The largest element over axes (all for None), as `numpy.max`. Equal largest elements share the derivative.

    >>> ft.grad(np.max)(np.array([1.0, 3.0, 3.0]))
    array([0. , 0.5, 0.5])
    """
    return combined("max", reduce.reduce_max, ops.maximum, None, array(a), axis, out, keepdims, initial, where)


@implements(np.min, np.amin)
def min(a: Any, axis: Any = None, out: Any = None, keepdims: Any = NONE, initial: Any = NONE, where: Any = True) -> Any:
    """The smallest element over axes (all for None), as `numpy.min`. Equal smallest elements share the derivative."""
    return combined("min", reduce.reduce_min, ops.minimum, None, array(a), axis, out, keepdims, initial, where)


amax, amin = max, min


@implements(np.all)
def all(a: Any, axis: Any = None, out: Any = None, keepdims: Any = NONE, *, where: Any = True) -> Any:
    """Whether all elements over axes are true, as `numpy.all`."""
    x = ops.nonzero(array(a))
    return combined("all", reduce.reduce_and, ops.logical_and, True, x, axis, out, keepdims, NONE, where)


@implements(np.any)
def any(a: Any, axis: Any = None, out: Any = None, keepdims: Any = NONE, *, where: Any = True) -> Any:
    """Whether any element over axes is true, as `numpy.any`."""
    x = ops.nonzero(array(a))
    return combined("any", reduce.reduce_or, ops.logical_or, False, x, axis, out, keepdims, NONE, where)


@implements(np.count_nonzero)
def count_nonzero(a: Any, axis: Any = None, *, keepdims: bool = False) -> Any:
    """The number of elements different from zero, as `numpy.count_nonzero`."""
    return sum(ops.nonzero(array(a)), axis, keepdims=keepdims)


@implements(np.ptp)
def ptp(a: Any, axis: Any = None, out: Any = None, keepdims: Any = NONE) -> Any:
    """The difference of the largest and the smallest element, as `numpy.ptp`."""
    difference = ops.sub(max(a, axis, None, keepdims), min(a, axis, None, keepdims))
    return difference if out is None else store_out(out, difference, "ptp")


# Positions


def position(op: Any, a: Any, axis: Any, out: Any, keepdims: Any) -> Any:
    """argmax and argmin: of the flattened array for axis None."""
    x = array(a)
    ndim = x.a.ndim
    if axis is None:
        result = bind(op(0), reshape(x, (x.a.size,)))
        axes = tuple(range(ndim))
    else:
        axes = (axis_of(axis, builtins.max(ndim, 1), op.name),)
        result = bind(op(axes[0]), x if ndim else reshape(x, (1,)))
    return finish(op.name, result, x, axes, keepdims, out)


@implements(np.argmax)
def argmax(a: Any, axis: Any = None, out: Any = None, *, keepdims: Any = NONE) -> Any:
    """The position of the first largest element, as `numpy.argmax`."""
    return position(reduce.ArgMax, a, axis, out, keepdims)


@implements(np.argmin)
def argmin(a: Any, axis: Any = None, out: Any = None, *, keepdims: Any = NONE) -> Any:
    """The position of the first smallest element, as `numpy.argmin`."""
    return position(reduce.ArgMin, a, axis, out, keepdims)


# Running


def running(op: Any, a: Any, axis: Any, dtype: Any, out: Any) -> Any:
    """cumsum and its like: of the flattened array for axis None."""
    x = typed(a, dtype)
    if axis is None or not x.a.ndim:
        if axis is not None:
            axis_of(axis, 1, op.name)
        x, axis = reshape(x, (x.a.size,)), 0
    return finish_dtype(bind(op(axis_of(axis, x.a.ndim, op.name)), x), dtype, out, op.name)


@implements(np.cumsum)
def cumsum(a: Any, axis: Any = None, dtype: Any = None, out: Any = None) -> Any:
    """The running sum along an axis (of the flattened array for None), as `numpy.cumsum`."""
    return running(reduce.CumSum, a, axis, dtype, out)


@implements(np.cumprod)
def cumprod(a: Any, axis: Any = None, dtype: Any = None, out: Any = None) -> Any:
    """The running product along an axis, as `numpy.cumprod`. Its derivative is right where elements are zero."""
    return running(reduce.CumProd, a, axis, dtype, out)


# Moments


def count_of(x: Tracer, axes: tuple[int, ...], where: Any, keepdims: Any) -> Any:
    """How many elements are averaged: a Python float, or an array under a mask."""
    if not masked(where):
        count = 1
        for k in axes:
            count *= x.a.shape[k]
        return float(count)
    return combined("sum", add_up, ops.add, 0, broadcast(ops.nonzero(array(where)), x.a.shape), axes, None, keepdims)


def divided(total: Any, count: Any) -> Any:
    """total / count in the dtype of total."""
    if total.a.dtype == np.float16:
        return convert(ops.div(convert(total, np.float32), count), np.float16)
    return convert(ops.div(total, count), total.a.dtype)


def averaged_dtype(x: Tracer, dtype: Any) -> Any:
    """The dtype in which means are computed: float64 for integers and booleans."""
    if dtype is not None:
        return dtype_of(dtype)
    return x.a.dtype if x.a.inexact else np.dtype(np.float64)


@implements(np.mean)
def mean(a: Any, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: Any = NONE, *, where: Any = True) -> Any:
    """The mean over axes (all for None), as `numpy.mean`: integers in float64, float16 computed in float32.

    >>> ft.grad(np.mean)(np.ones(4))
    array([0.25, 0.25, 0.25, 0.25])
    """
    x = array(a)
    axes = reduced_axes(axis, x, "mean", True)
    kind = averaged_dtype(x, dtype)
    half = dtype is None and kind == np.float16
    total = combined("sum", add_up, ops.add, 0, convert(x, np.float32 if half else kind), axes, None, keepdims, NONE, where)
    result = divided(total, count_of(x, axes, where, keepdims))
    if half:
        result = convert(result, np.float16)
    return result if out is None else store_out(out, result, "mean")


def variance(a: Any, axis: Any, dtype: Any, ddof: Any, keepdims: Any, where: Any, mean: Any, correction: Any) -> Any:
    """The variance, of complex numbers that of their distance from the mean."""
    if correction is not NONE:
        if ddof != 0:
            raise ValueError(at_line("ddof and correction can't be provided simultaneously."))
        ddof = correction
    x = array(a)
    axes = reduced_axes(axis, x, "var", True)
    kind = averaged_dtype(x, dtype)
    if mean is NONE or mean is None:
        total = combined("sum", add_up, ops.add, 0, convert(x, kind), axes, None, True, NONE, where)
        mean = divided(total, count_of(x, axes, where, True))
    apart = ops.sub(x, mean)
    if apart.a.dtype.kind == "c":
        squares = ops.add(ops.square(ops.real(apart)), ops.square(ops.imag(apart)))
    else:
        squares = ops.square(apart)
    if dtype is not None and kind.kind != "c":
        squares = convert(squares, kind)
    total = combined("sum", add_up, ops.add, 0, squares, axes, None, keepdims, NONE, where)
    count = count_of(x, axes, where, keepdims)
    left = builtins.max(count - ddof, 0.0) if type(count) is float else ops.maximum(ops.sub(count, ddof), 0)
    return divided(total, left)


@implements(np.var)
def var(
    a: Any, axis: Any = None, dtype: Any = None, out: Any = None, ddof: Any = 0, keepdims: Any = NONE, *,
    where: Any = True, mean: Any = NONE, correction: Any = NONE,
) -> Any:  # fmt: skip
    """The variance over axes (all for None), as `numpy.var`."""
    result = variance(a, axis, dtype, ddof, keepdims, where, mean, correction)
    return result if out is None else store_out(out, result, "var")


@implements(np.std)
def std(
    a: Any, axis: Any = None, dtype: Any = None, out: Any = None, ddof: Any = 0, keepdims: Any = NONE, *,
    where: Any = True, mean: Any = NONE, correction: Any = NONE,
) -> Any:  # fmt: skip
    """The standard deviation over axes (all for None), as `numpy.std`.

    Where all elements are equal it has no derivative; ftrans gives 0, the mean of all directions.

    >>> ft.grad(np.std)(np.ones(3))
    array([0., 0., 0.])
    """
    result = ops.root_of_squares(variance(a, axis, dtype, ddof, keepdims, where, mean, correction))
    return result if out is None else store_out(out, result, "std")


@implements(np.average)
def average(a: Any, axis: Any = None, weights: Any = None, returned: bool = False, *, keepdims: Any = NONE) -> Any:
    """The weighted mean, as `numpy.average`; with returned=True also the sum of the weights."""
    x = array(a)
    axes = reduced_axes(axis, x, "average", True)
    if weights is None:
        result = mean(x, axes, keepdims=keepdims)
        total = convert(array(count_of(x, axes, True, keepdims)), result.a.dtype)
        return (result, broadcast(total, result.a.shape)) if returned else result
    w = array(weights)
    if w.a.shape != x.a.shape:
        if axis is None:
            raise TypeError(at_line("average: axis must be specified when the shapes of a and weights differ"))
        if w.a.shape != tuple([x.a.shape[k] for k in axes]):
            raise ValueError(
                at_line(f"average: weights of shape {w.a.shape} do not fit axis {axis} of an array of shape {x.a.shape}")
            )
        order = builtins.sorted(range(len(axes)), key=lambda k: axes[k])
        w = ops_transpose(w, order)
        w = reshape(w, tuple([n if k in axes else 1 for k, n in enumerate(x.a.shape)]))
    kind = np.result_type(x.a.dtype, w.a.dtype, np.float64) if not x.a.inexact else np.result_type(x.a.dtype, w.a.dtype)
    scale = sum(convert(w, kind), axes, keepdims=keepdims)
    result = ops.div(sum(ops.mul(convert(x, kind), convert(w, kind)), axes, keepdims=keepdims), scale)
    return (result, broadcast(scale, result.a.shape)) if returned else result


def ops_transpose(x: Any, order: Any) -> Any:
    """x with its axes in another order."""
    return dispatch.function_of(np.transpose)(x, order)


# Methods of ufuncs


def of_ufunc(function: Callable[..., Any]) -> Callable[..., Any]:
    """max as np.maximum.reduce, whose arguments are those of np.add.reduce."""

    def call(
        a: Any, axis: Any = 0, dtype: Any = None, out: Any = None, keepdims: Any = False, initial: Any = NONE, where: Any = True
    ) -> Any:
        if isinstance(out, tuple):
            (out,) = out
        options: dict[str, Any] = {"initial": initial} if given(initial) else {}
        return function(typed(a, dtype), axis, out=out, keepdims=keepdims, where=where, **options)

    return call


def logaddexp_reduce(a: Any, axis: Any = 0, out: Any = None, keepdims: Any = False, initial: Any = NONE, where: Any = True) -> Any:
    """log(sum(exp(a)))."""
    x = array(a)
    x = x if x.a.inexact else convert(x, np.float64)
    return combined("logaddexp.reduce", reduce.logsumexp, ops.logaddexp, -np.inf, x, axis, out, keepdims, initial, where)


def of_bits(ufunc: np.ufunc, merge: Callable[[Any, Any], Any]) -> Callable[..., Any]:
    """np.bitwise_or.reduce and its like; np.logical_xor.reduce is one of booleans."""

    def call(a: Any, axis: Any = 0, out: Any = None, keepdims: Any = False, initial: Any = NONE, where: Any = True) -> Any:
        def fold(x: Any, axes: tuple[int, ...]) -> Any:
            return reduce.reduce_bits(x, axes, ufunc)

        return combined(f"{ufunc.__name__}.reduce", fold, merge, ufunc.identity, array(a), axis, out, keepdims, initial, where)

    return of_ufunc(call)


def logical_xor_reduce(
    a: Any, axis: Any = 0, dtype: Any = None, out: Any = None, keepdims: Any = False, initial: Any = NONE, where: Any = True
) -> Any:
    """Whether an odd number of elements is true."""
    return of_bits(np.bitwise_xor, ops.bitwise_xor)(ops.nonzero(array(a)), axis, None, out, keepdims, initial, where)


def accumulate(op: Any) -> Callable[..., Any]:
    """np.maximum.accumulate and its like."""

    def call(a: Any, axis: Any = 0, dtype: Any = None, out: Any = None) -> Any:
        x = typed(a, dtype)
        if not x.a.ndim:
            raise TypeError(at_line("cannot accumulate on a scalar"))
        return running(op, x, axis, None, out[0] if isinstance(out, tuple) else out)

    return call


def refused(name: str) -> Callable[..., Any]:
    """An accumulation that is not traced."""

    def call(*args: Any, **kwargs: Any) -> Any:
        raise UnsupportedError(at_line(f"numpy.{name} is not supported on traced arrays"))

    return call


dispatch.reductions.update(
    {
        np.add: of_ufunc(sum), np.multiply: of_ufunc(prod), np.maximum: of_ufunc(max), np.minimum: of_ufunc(min),
        np.logical_and: of_ufunc(all), np.logical_or: of_ufunc(any), np.logaddexp: of_ufunc(logaddexp_reduce),
        np.bitwise_and: of_bits(np.bitwise_and, ops.bitwise_and), np.bitwise_or: of_bits(np.bitwise_or, ops.bitwise_or),
        np.bitwise_xor: of_bits(np.bitwise_xor, ops.bitwise_xor), np.logical_xor: logical_xor_reduce,
    }
)  # fmt: skip
dispatch.accumulations.update(
    {
        np.add: accumulate(reduce.CumSum), np.multiply: accumulate(reduce.CumProd),
        np.maximum: accumulate(reduce.CumMax), np.minimum: accumulate(reduce.CumMin),
    }
)  # fmt: skip

__all__ = [
    "all", "amax", "amin", "any", "argmax", "argmin", "average", "count_nonzero", "cumprod", "cumsum", "max", "mean", "min", "prod",
    "ptp", "std", "sum", "var",
]  # fmt: skip
