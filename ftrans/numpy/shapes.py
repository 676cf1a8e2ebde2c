"""Arrays under another shape: reshape, transpose, squeeze, broadcast, copies and conversions."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.bind import bind, bind_view
from ..core.lift import lift
from ..core.trace import Tracer, current
from ..core.views import Copy
from ..errors import DtypeError, ShapeError, UnsupportedError, at_line
from ..ops.indexing import Index, Item, index
from ..ops.structural import Broadcast, Contiguous, Convert, Ravel, Reshape, broadcast, contains_tracer, convert
from ..ops.structural import reshape as reshape_to
from ..ops.structural import transpose as permute
from .args import array, axes_of, axis_of, dtype_of, shape_of
from .dispatch import implements


@implements(np.array)
def array_(
    object: Any, dtype: Any = None, *, copy: Any = True, order: str = "K", subok: bool = False, ndmin: int = 0, like: Any = None,
    ndmax: int = 0,
) -> Any:  # fmt: skip
    """As `numpy.array`; lists may contain traced numbers and arrays."""
    if isinstance(object, Tracer):
        x = array(object)
        if x.a.scalar or copy:
            x = bind(Copy("C" if order == "C" else "K"), x)
    elif contains_tracer(object):
        x = array(object)
    else:
        x = bind(Copy(), array(np.asarray(object, dtype)))
    x = x if dtype is None else convert(x, dtype_of(dtype))
    return reshape_to(x, (*[1] * (ndmin - x.ndim), *x.a.shape)) if x.ndim < ndmin else x


@implements(np.asarray, np.asanyarray)
def asarray(a: Any, dtype: Any = None, order: Any = None, *, device: Any = None, copy: Any = None, like: Any = None) -> Any:
    """As `numpy.asarray`: the array itself where it is one (of this dtype)."""
    known = not isinstance(a, Tracer | np.ndarray) and not contains_tracer(a)
    x = array(np.asarray(a, dtype) if known else a)
    if x.a.scalar or known:
        x = bind(Copy(), x)
    changed = x if dtype is None else convert(x, dtype_of(dtype))
    if order in ("C", "c", "F", "f") and not copy:
        return bind_view(Contiguous(order.upper()), changed)
    return bind(Copy("K"), x) if copy and changed is x else changed


asanyarray = asarray


@implements(np.ascontiguousarray)
def ascontiguousarray(a: Any, dtype: Any = None, *, like: Any = None) -> Any:
    """As `numpy.ascontiguousarray`: a C-contiguous array of at least one dimension, the array itself where it is one."""
    x = asarray(a, dtype)
    return bind_view(Contiguous("C"), x) if x.ndim else reshape_to(x, (1,))


@implements(np.asfortranarray)
def asfortranarray(a: Any, dtype: Any = None, *, like: Any = None) -> Any:
    """As `numpy.asfortranarray`: the array itself where it lies in Fortran order, else a copy."""
    x = asarray(a, dtype)
    return bind_view(Contiguous("F"), x) if x.ndim else reshape_to(x, (1,))


@implements(np.require)
def require(a: Any, dtype: Any = None, requirements: Any = None, *, like: Any = None) -> Any:
    """As `numpy.require`, for the requirements of order, alignment and writability."""
    x = asarray(a, dtype)
    wanted = {str(r)[0].upper() for r in ([requirements] if isinstance(requirements, str) else requirements or [])}
    if wanted - set("CFAW"):
        raise UnsupportedError(
            at_line(f"require: {requirements} is not supported on traced arrays", hint="use 'C', 'F', 'A' or 'W'")
        )
    for order in wanted & set("CF"):
        x = bind_view(Contiguous(order), x)
    return x


@implements(np.asarray_chkfinite)
def asarray_chkfinite(a: Any, dtype: Any = None, order: Any = None) -> Any:
    """As `numpy.asarray_chkfinite`; the values are read."""
    x = asarray(a, dtype)
    if x.a.inexact and not bool(np.isfinite(x).all()):
        raise ValueError(at_line("array must not contain infs or NaNs"))
    return x


@implements(np.copy)
def copy(a: Any, order: str = "K", subok: bool = False) -> Any:
    """As `numpy.copy`."""
    return bind(Copy("C" if order == "C" else "K"), array(a))


@implements(np.astype)
def astype(x: Any, dtype: Any, /, *, copy: bool = True, device: Any = None, order: str = "K", casting: str = "unsafe") -> Any:
    """As `numpy.astype`: x with its elements converted; differentiable between floating and complex dtypes."""
    given = array(x)
    kind = dtype_of(dtype)
    if not np.can_cast(given.a.dtype, kind, casting):  # type: ignore[arg-type]
        raise DtypeError(at_line(f"astype: cannot cast from {given.a.dtype} to {kind} with casting {casting!r}"))
    if given.a.dtype == kind and not given.a.weak:
        return given if given.a.scalar or not copy else bind(Copy("C" if order == "C" else "K"), given)
    return bind(Convert(kind), given)


@implements(np.reshape)
def reshape(a: Any, /, shape: Any = None, order: str = "C", *, newshape: Any = None, copy: bool | None = None) -> Any:
    """As `numpy.reshape`; one entry of shape may be -1."""
    x = array(a)
    wanted = list(shape_of(newshape if shape is None else shape))
    if wanted.count(-1) > 1:
        raise ShapeError(at_line(f"reshape: only one dimension of {tuple(wanted)} can be unknown (-1)"))
    if -1 in wanted:
        rest = 1
        for n in wanted:
            rest *= n if n != -1 else 1
        if rest == 0 or x.a.size % rest:
            raise ShapeError(at_line(f"cannot reshape an array of shape {x.a.shape} (size {x.a.size}) into {tuple(wanted)}"))
        wanted[wanted.index(-1)] = x.a.size // rest
    if order in ("F", "f"):
        back = tuple(range(x.ndim))[::-1]
        forth = tuple(range(len(wanted)))[::-1]
        return permute(reshape_to(permute(x, back), wanted[::-1]), forth)
    if order not in ("C", "c", "K", "k"):
        raise UnsupportedError(
            at_line(f"reshape with order={order!r} depends on the memory layout and is not traced", hint="use 'C' or 'F'")
        )
    if copy is False:
        raise UnsupportedError(at_line("reshape with copy=False is not supported on traced arrays", hint="leave copy out"))
    out = bind_view(Reshape(tuple(wanted)), x)
    return bind(Copy(), out) if copy else out


@implements(np.ravel)
def ravel(a: Any, order: str = "C") -> Any:
    """As `numpy.ravel`: a view where the array is C-contiguous, else a copy."""
    x = array(a)
    if order in ("F", "f"):
        return ravel(permute(x, tuple(range(x.ndim))[::-1]))
    if order not in ("C", "c", "K", "k") or (order in ("K", "k") and x.ndim > 1):
        raise UnsupportedError(
            at_line(f"ravel with order={order!r} depends on the memory layout and is not traced", hint="use 'C' or 'F'")
        )
    return bind_view(Ravel((x.a.size,)), x)


@implements(np.transpose, np.permute_dims)
def transpose(a: Any, axes: Any = None) -> Any:
    """As `numpy.transpose`: a view."""
    x = array(a)
    if axes is None:
        return permute(x, tuple(range(x.ndim))[::-1])
    if len(axes) != x.ndim:
        raise ShapeError(at_line(f"transpose: axes {tuple(axes)} do not match an array of {x.ndim} dimensions"))
    return permute(x, axes_of(axes, x.ndim, "transpose"))


@implements(np.matrix_transpose)
def matrix_transpose(x: Any, /) -> Any:
    """As `numpy.matrix_transpose`."""
    if array(x).ndim < 2:
        raise ShapeError(at_line(f"matrix_transpose needs at least 2 dimensions, got shape {x.shape}"))
    return swapaxes(x, -1, -2)


@implements(np.swapaxes)
def swapaxes(a: Any, axis1: Any, axis2: Any) -> Any:
    """As `numpy.swapaxes`: a view."""
    x = array(a)
    order = list(range(x.ndim))
    i, j = axis_of(axis1, x.ndim, "swapaxes"), axis_of(axis2, x.ndim, "swapaxes")
    order[i], order[j] = j, i
    return permute(x, order)


@implements(np.moveaxis)
def moveaxis(a: Any, source: Any, destination: Any) -> Any:
    """As `numpy.moveaxis`: a view."""
    x = array(a)
    begin, end = axes_of(source, x.ndim, "moveaxis"), axes_of(destination, x.ndim, "moveaxis")
    if len(begin) != len(end):
        raise ShapeError(at_line(f"moveaxis: {len(begin)} source axes but {len(end)} destinations"))
    order = [k for k in range(x.ndim) if k not in begin]
    for to, frm in sorted(zip(end, begin, strict=True)):
        order.insert(to, frm)
    return permute(x, order)


@implements(np.rollaxis)
def rollaxis(a: Any, axis: Any, start: Any = 0) -> Any:
    """As `numpy.rollaxis`."""
    x = array(a)
    k = axis_of(axis, x.ndim, "rollaxis")
    to = int(start) + x.ndim if start < 0 else int(start)
    if not 0 <= to <= x.ndim:
        axis_of(x.ndim + 1, x.ndim, "rollaxis: start")
    order = [j for j in range(x.ndim) if j != k]
    order.insert(to - (k < to), k)
    return permute(x, order)


@implements(np.squeeze)
def squeeze(a: Any, axis: Any = None) -> Any:
    """As `numpy.squeeze`: a view without axes of size 1."""
    x = array(a)
    drop = tuple([k for k, n in enumerate(x.a.shape) if n == 1]) if axis is None else axes_of(axis, x.ndim, "squeeze")
    for k in drop:
        if x.a.shape[k] != 1:
            raise ShapeError(at_line(f"squeeze: axis {k} of an array of shape {x.a.shape} has a size other than 1"))
    items: list[Item] = [0 if k in drop else (0, 1, n) for k, n in enumerate(x.a.shape)]
    return x if x.a.scalar else bind_view(Index(tuple(items)), x)


@implements(np.expand_dims)
def expand_dims(a: Any, axis: Any) -> Any:
    """As `numpy.expand_dims`: a view with new axes of size 1."""
    x = array(a)
    count = len(axis) if isinstance(axis, list | tuple) else 1
    new = axes_of(axis, x.ndim + count, "expand_dims")
    old = iter(x.a.shape)
    items: list[Item] = [None if k in new else (0, 1, next(old)) for k in range(x.ndim + count)]
    return index(x, *items)


@implements(np.broadcast_to)
def broadcast_to(array: Any, shape: Any, subok: bool = False) -> Any:
    """As `numpy.broadcast_to`: a read-only view."""
    t = current.trace
    assert t is not None
    x = array if isinstance(array, Tracer) and array.t is t else lift(t, array)
    return bind_view(Broadcast(shape_of(shape)), x)


@implements(np.broadcast_arrays)
def broadcast_arrays(*args: Any, subok: bool = False) -> Any:
    """As `numpy.broadcast_arrays`: read-only views."""
    xs = [array(x) for x in args]
    shape = np.broadcast_shapes(*[x.a.shape for x in xs])
    return tuple([asarray(x) if x.a.shape == shape else broadcast_to(x, shape) for x in xs])


def atleast(ndim: int, xs: tuple[Any, ...]) -> Any:
    """Each array with at least so many dimensions."""
    out = []
    for x in xs:
        x = array(x)
        if ndim == 3 and x.ndim == 2:
            x = index(x, *[(0, 1, n) for n in x.a.shape], None)
        elif ndim == 3 and x.ndim == 1:
            x = index(x, None, (0, 1, x.a.size), None)
        elif x.ndim < ndim:
            x = reshape_to(x, (*[1] * (ndim - x.ndim), *x.a.shape))
        out.append(x)
    return out[0] if len(out) == 1 else tuple(out)


@implements(np.atleast_1d)
def atleast_1d(*arys: Any) -> Any:
    """As `numpy.atleast_1d`."""
    return atleast(1, arys)


@implements(np.atleast_2d)
def atleast_2d(*arys: Any) -> Any:
    """As `numpy.atleast_2d`."""
    return atleast(2, arys)


@implements(np.atleast_3d)
def atleast_3d(*arys: Any) -> Any:
    """As `numpy.atleast_3d`."""
    return atleast(3, arys)


@implements(np.shape)
def shape(a: Any) -> tuple[int, ...]:
    """As `numpy.shape`."""
    return array(a).a.shape if is_traced(a) else np.shape(a)


@implements(np.ndim)
def ndim(a: Any) -> int:
    """As `numpy.ndim`."""
    return array(a).a.ndim if is_traced(a) else np.ndim(a)


@implements(np.size)
def size(a: Any, axis: Any = None) -> int:
    """As `numpy.size`."""
    if not is_traced(a):
        return np.size(a, axis)
    x = array(a)
    return int(np.prod([x.a.shape[k] for k in (range(x.ndim) if axis is None else axes_of(axis, x.ndim, "size"))], dtype=np.int64))


def is_traced(x: Any) -> bool:
    """Whether x is or contains a traced array."""
    return isinstance(x, Tracer) or contains_tracer(x)


@implements(np.resize)
def resize(a: Any, new_shape: Any) -> Any:
    """As `numpy.resize`: the elements repeated as often as needed."""
    x = array(a)
    wanted = shape_of(new_shape)
    total = int(np.prod(wanted, dtype=np.int64))
    if x.a.size == 0 or total == 0:
        return bind(Copy(), broadcast(convert(0, x.a.dtype), wanted))
    flat = reshape_to(x, (x.a.size,))
    times = -(-total // x.a.size)
    rows = reshape_to(broadcast(flat, (times, x.a.size)), (times * x.a.size,))
    return bind(Copy(), reshape_to(index(rows, (0, 1, total)), wanted))


@implements(np.iscomplexobj)
def iscomplexobj(x: Any) -> bool:
    """As `numpy.iscomplexobj`."""
    return bool(array(x).a.dtype.kind == "c") if is_traced(x) else np.iscomplexobj(x)


@implements(np.isrealobj)
def isrealobj(x: Any) -> bool:
    """As `numpy.isrealobj`."""
    return not iscomplexobj(x)


@implements(np.result_type)
def result_type(*arrays_and_dtypes: Any) -> Any:
    """As `numpy.result_type`; Python scalars are weak."""
    known = [static_operand(x) for x in arrays_and_dtypes]
    return np.result_type(*known)


def static_operand(x: Any) -> Any:
    """An operand of result_type: the dtype of a traced array, a Python scalar for a weak one."""
    if isinstance(x, Tracer):
        return {"f": 0.0, "i": 0, "b": False, "c": 0j}[x.a.dtype.kind] if x.a.weak else x.a.dtype
    return x


@implements(np.can_cast)
def can_cast(from_: Any, to: Any, casting: str = "safe") -> bool:
    """As `numpy.can_cast`."""
    return np.can_cast(from_.a.dtype if isinstance(from_, Tracer) else from_, to, casting)  # type: ignore[arg-type]


@implements(np.shares_memory, np.may_share_memory)
def shares_memory(a: Any, b: Any, max_work: Any = None) -> bool:
    """Whether two traced arrays are the same; views are not followed."""
    if a is b:
        return bool(array(a).a.size) and not array(a).a.scalar
    raise UnsupportedError(at_line("shares_memory is not supported on traced arrays", hint="ask it outside of the traced function"))


__all__ = [
    "asarray", "asanyarray", "ascontiguousarray", "asfortranarray", "require", "asarray_chkfinite", "copy", "astype", "reshape",
    "ravel", "transpose", "permute_dims", "matrix_transpose", "swapaxes", "moveaxis", "rollaxis", "squeeze", "expand_dims",
    "broadcast_to", "broadcast_arrays", "atleast_1d", "atleast_2d", "atleast_3d", "shape", "ndim", "size", "resize", "iscomplexobj",
    "isrealobj", "result_type", "can_cast", "shares_memory", "may_share_memory",
]  # fmt: skip
permute_dims, may_share_memory = transpose, shares_memory
