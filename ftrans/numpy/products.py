"""Products of matrices and tensors: matmul, dot, inner, outer, tensordot, kron, cross, vecdot; einsum has a module of its own."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from ..core.aval import by_aval
from ..core.bind import bind
from ..core.primitive import Primitive
from ..core.trace import Tracer, current
from ..errors import ShapeError, at_line
from ..ops.contraction import DotGeneral, dot_general
from ..ops.elementwise import conj, mul, sub
from ..ops.structural import broadcast, convert, reduce_sum, reshape
from .args import array, axes_of, axis_of, dtype_of, refuse
from .dispatch import implements, register_ufunc, store_out, without_tracers
from .joining import stack
from .shapes import moveaxis


def a_ufunc(theirs: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Register a function as what a ufunc of NumPy does on tracers. While no trace is open the ufunc itself is called."""

    def register(ours: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(ours)
        def function(*args: Any, **options: Any) -> Any:
            if current.trace is None:
                args, options = without_tracers((args, options))
                return theirs(*args, **options)
            return ours(*args, **options)

        return function if theirs is None else register_ufunc(theirs, function)

    return register


def finished(new: Any, out: Any, dtype: Any, name: str) -> Any:
    """The dtype= and out= arguments of a ufunc."""
    if dtype is not None:
        new = convert(new, dtype_of(dtype))
    return new if out is None else store_out(out, new, name)


@a_ufunc(np.matmul)
def matmul(
    x1: Any, x2: Any, /, out: Any = None, *, dtype: Any = None, casting: Any = None, order: Any = None, **options: Any
) -> Any:
    """As `numpy.matmul`: `x1 @ x2`, (..., m, k) and (..., k, n) give (..., m, n); one-dimensional operands are vectors.

    Raises ValueError with both shapes when they do not fit.
    """
    x, y = array(x1), array(x2)
    if out is None and dtype is None and not options:
        return product(x, y)
    refuse("matmul", **options)
    if dtype is not None:
        x, y = convert(x, dtype_of(dtype)), convert(y, dtype_of(dtype))
    return finished(product(x, y), out, dtype, "matmul")


memo: dict[Any, Primitive] = {}  # avals of operands -> the primitive that multiplies them, where one does
by_aval.append(memo.clear)


def product(x: Tracer, y: Tracer) -> Any:
    """x @ y."""
    key = (x.a, y.a)
    op = memo.get(key)
    if op is not None:
        return bind(op, x, y)
    check_matmul(x.a.shape, y.a.shape)
    if y.ndim <= 2 or x.ndim == 1:
        op = memo[key] = DotGeneral((), (), (x.ndim - 1,), (max(y.ndim - 2, 0),))
        return bind(op, x, y)
    return stacks_product(x, y)


def stacks_product(x: Tracer, y: Tracer) -> Any:
    """x @ y for stacks of matrices."""
    lead_x, lead_y = x.a.shape[:-2], y.a.shape[:-2]
    if all([n == 1 for n in lead_y]):
        y2 = reshape(y, y.a.shape[-2:])
        out = dot_general(x, y2, (x.ndim - 1,), (0,))
        lead = np.broadcast_shapes(lead_x, lead_y)
        return out if lead == lead_x else reshape(out, (*lead, *out.a.shape[-2:]))
    lead = np.broadcast_shapes(lead_x, lead_y)
    x = broadcast(x, (*lead, *x.a.shape[-2:]))
    y = broadcast(y, (*lead, *y.a.shape[-2:]))
    batch = tuple(range(len(lead)))
    return dot_general(x, y, (x.ndim - 1,), (y.ndim - 2,), batch, batch)


def check_matmul(left: tuple[int, ...], right: tuple[int, ...]) -> None:
    """Raise unless the shapes fit for matmul."""
    if not left or not right:
        raise ShapeError(at_line(f"matmul: {left} @ {right}: operands must have at least one dimension", hint="use * for scalars"))
    inner = right[-2] if len(right) > 1 else right[0]
    if left[-1] != inner:
        which = "second-last" if len(right) > 1 else "only"
        raise ShapeError(
            at_line(
                f"matmul: {left} @ {right}: the last axis of the left operand ({left[-1]}) and the {which} of the right one "
                f"({inner}) differ"
            )
        )
    try:
        np.broadcast_shapes(left[:-2], right[:-2])
    except ValueError:
        raise ShapeError(at_line(f"matmul: {left} @ {right}: the leading axes do not broadcast together")) from None


@implements(np.dot)
def dot(a: Any, b: Any, out: Any = None) -> Any:
    """As `numpy.dot`: the sum over the last axis of a and the second-last of b."""
    x, y = array(a), array(b)
    op = memo.get((x.a, y.a))
    if op is not None and out is None:
        return bind(op, x, y)
    if not x.ndim or not y.ndim:
        new = mul(strong(x), strong(y))
    elif y.ndim <= 2 and x.a.shape[-1] == y.a.shape[0]:
        new = product(x, y)  # what matmul does
    else:
        check_inner("dot", x, y, x.ndim - 1, max(y.ndim - 2, 0))
        new = dot_general(x, y, (x.ndim - 1,), (max(y.ndim - 2, 0),))
    return new if out is None else store_out(out, new, "dot")


def strong(x: Any) -> Any:
    """A Python scalar as an array of its own dtype: these functions do not let it yield to the other operand."""
    return convert(x, x.a.dtype) if x.a.weak else x


def check_inner(who: str, x: Tracer, y: Tracer, i: int, j: int) -> None:
    """Raise unless two axes that are summed over have one size."""
    if x.a.shape[i] != y.a.shape[j]:
        raise ShapeError(
            at_line(
                f"{who} of arrays of shapes {x.a.shape} and {y.a.shape}: axis {i} of the left operand ({x.a.shape[i]}) and "
                f"axis {j} of the right one ({y.a.shape[j]}) differ"
            )
        )


@implements(np.vdot)
def vdot(a: Any, b: Any, /) -> Any:
    """As `numpy.vdot`: the sum of conj(a) * b over all elements."""
    x, y = array(a), array(b)
    if x.a.size != y.a.size:
        raise ShapeError(at_line(f"vdot of arrays of shapes {x.a.shape} and {y.a.shape}: the numbers of elements differ"))
    return dot_general(conjugated(reshape(x, (x.a.size,))), reshape(y, (y.a.size,)), (0,), (0,))


def conjugated(x: Any) -> Any:
    """The complex conjugate; x itself where it is real."""
    return conj(x) if x.a.dtype.kind == "c" else x


@implements(np.inner)
def inner(a: Any, b: Any, /) -> Any:
    """As `numpy.inner`: the sum over the last axis of both."""
    x, y = array(a), array(b)
    if not x.ndim or not y.ndim:
        return mul(strong(x), strong(y))
    check_inner("inner", x, y, x.ndim - 1, y.ndim - 1)
    return dot_general(x, y, (x.ndim - 1,), (y.ndim - 1,))


@implements(np.outer)
def outer(a: Any, b: Any, out: Any = None) -> Any:
    """As `numpy.outer`: a[i] * b[j] of the flattened arrays."""
    x, y = array(a), array(b)
    new = mul(reshape(x, (x.a.size, 1)), reshape(y, (1, y.a.size)))
    return new if out is None else store_out(out, new, "outer")


@implements(np.tensordot)
def tensordot(a: Any, b: Any, axes: Any = 2) -> Any:
    """As `numpy.tensordot`: the sum over the last n axes of a and the first n of b, or over the pairs given."""
    x, y = strong(array(a)), strong(array(b))
    try:
        left, right = axes
    except TypeError:
        n = int(axes)
        if n > min(x.ndim, y.ndim):
            raise ShapeError(at_line(f"tensordot: axes={n}, but the operands have shapes {x.a.shape} and {y.a.shape}")) from None
        left, right = tuple(range(x.ndim - n, x.ndim)), tuple(range(n))
    i, j = axes_of(left, x.ndim, "tensordot"), axes_of(right, y.ndim, "tensordot")
    if len(i) != len(j):
        raise ShapeError(at_line(f"tensordot: {len(i)} axes of the left operand but {len(j)} of the right one"))
    for p, q in zip(i, j, strict=True):
        check_inner("tensordot", x, y, p, q)
    out = dot_general(x, y, i, j)
    return out if out.ndim else reshape(out, ())


@implements(np.kron)
def kron(a: Any, b: Any) -> Any:
    """As `numpy.kron`."""
    x, y = array(a), array(b)
    if not x.ndim or not y.ndim:
        return mul(strong(x), strong(y))
    n = max(x.ndim, y.ndim)
    left, right = (*[1] * (n - x.ndim), *x.a.shape), (*[1] * (n - y.ndim), *y.a.shape)
    wide = reshape(x, tuple([m for k in left for m in (k, 1)]))
    tall = reshape(y, tuple([m for k in right for m in (1, k)]))
    return reshape(mul(wide, tall), tuple([p * q for p, q in zip(left, right, strict=True)]))


@a_ufunc(np.vecdot)
def vecdot(x1: Any, x2: Any, /, out: Any = None, *, axis: Any = -1, dtype: Any = None, **options: Any) -> Any:
    """As `numpy.vecdot`: the sum of conj(x1) * x2 over an axis."""
    refuse("vecdot", **{k: v for k, v in options.items() if k not in ("casting", "order", "subok")})
    x, y = array(x1), array(x2)
    x, y = moveaxis(x, axis, -1), moveaxis(y, axis, -1)
    check_inner("vecdot", x, y, x.ndim - 1, y.ndim - 1)
    new = reduce_sum(mul(conjugated(x), y), (max(x.ndim, y.ndim) - 1,))
    return finished(convert(new, np.result_type(x.a.dtype, y.a.dtype)), out, dtype, "vecdot")


def need(who: str, x: Tracer, y: Tracer, left: int, right: int) -> None:
    """Raise unless the operands have so many dimensions."""
    if x.ndim < left or y.ndim < right:
        raise ShapeError(
            at_line(f"{who} of arrays of shapes {x.a.shape} and {y.a.shape}: at least {left} and {right} dimensions are needed")
        )


@a_ufunc(getattr(np, "matvec", None))  # NumPy 2.2 and later
def matvec(x1: Any, x2: Any, /, out: Any = None, *, dtype: Any = None, **options: Any) -> Any:
    """As `numpy.matvec`: (..., m, n) and (..., n) give (..., m)."""
    x, y = array(x1), array(x2)
    need("matvec", x, y, 2, 1)
    check_matmul(x.a.shape, (*y.a.shape, 1))
    new = matmul(x, reshape(y, (*y.a.shape, 1)))
    return finished(reshape(new, new.a.shape[:-1]), out, dtype, "matvec")


@a_ufunc(getattr(np, "vecmat", None))  # NumPy 2.2 and later
def vecmat(x1: Any, x2: Any, /, out: Any = None, *, dtype: Any = None, **options: Any) -> Any:
    """As `numpy.vecmat`: conj of (..., n) and (..., n, m) give (..., m)."""
    x, y = conjugated(array(x1)), array(x2)
    need("vecmat", x, y, 1, 2)
    new = matmul(reshape(x, (*x.a.shape[:-1], 1, x.a.shape[-1])), y)
    return finished(reshape(new, (*new.a.shape[:-2], new.a.shape[-1])), out, dtype, "vecmat")


@implements(np.cross)
def cross(a: Any, b: Any, axisa: int = -1, axisb: int = -1, axisc: int = -1, axis: Any = None) -> Any:
    """As `numpy.cross`: the vector product over axes of size 3 (or 2, deprecated in NumPy)."""
    if axis is not None:
        axisa = axisb = axisc = axis
    x, y = moveaxis(array(a), axisa, -1), moveaxis(array(b), axisb, -1)
    sizes = (x.a.shape[-1], y.a.shape[-1])
    if any([n not in (2, 3) for n in sizes]):
        raise ShapeError(at_line(f"cross: the vectors must have 2 or 3 elements, got shapes {x.a.shape} and {y.a.shape}"))
    (x0, x1), (y0, y1) = [(v[..., 0], v[..., 1]) for v in (x, y)]
    last = sub(mul(x0, y1), mul(x1, y0))
    if sizes == (2, 2):
        return last
    if sizes == (3, 3):
        x2, y2 = x[..., 2], y[..., 2]
        parts = [sub(mul(x1, y2), mul(x2, y1)), sub(mul(x2, y0), mul(x0, y2)), last]
    elif sizes == (3, 2):
        x2 = x[..., 2]
        parts = [-mul(x2, y1), mul(x2, y0), last]
    else:
        y2 = y[..., 2]
        parts = [mul(x1, y2), -mul(x0, y2), last]
    return stack(parts, axis_of(axisc, last.ndim + 1, "cross"))


__all__ = ["matmul", "dot", "vdot", "inner", "outer", "tensordot", "kron", "vecdot", "matvec", "vecmat", "cross"]
