"""Choosing elements: take, take_along_axis, diag, nonzero, compress, delete, insert; and writing them: put, place, copyto.

What has a size that depends on values (nonzero, compress, delete with a mask) reads the values it needs.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.aval import promote
from ..core.bind import bind, bind_view
from ..core.reads import read
from ..core.trace import Tracer
from ..core.views import Copy
from ..errors import ShapeError, TracerIndexError, UnsupportedError, at_line
from ..ops.elementwise import add, less, maximum, minimum, not_equal, remainder, select
from ..ops.indexing import Diagonal, Gather, Index, Iota, Scatter, take_rows
from ..ops.structural import broadcast, contains_tracer, convert, reduce_sum, reshape, transpose
from ..ops.subscript import cast_to, set_item
from .args import array as as_array
from .args import arrays, axes_of, axis_of, dtype_of
from .creation import scalar
from .dispatch import implements, store_out
from .joining import concatenate
from .shapes import moveaxis, ravel


def indices_in_bounds(indices: Any, n: int, mode: str, who: str) -> tuple[Any, str]:
    """Indices with mode "clip" or "wrap" applied, and how they are to be checked."""
    i = as_array(np.asarray(indices) if not isinstance(indices, Tracer) and not contains_tracer(indices) else indices)
    if i.a.dtype.kind == "f" and i.a.size == 0:
        i = convert(i, np.int64)
    if i.a.dtype.kind not in "iub":
        raise TypeError(at_line(f"{who}: indices must be integers, got dtype {i.a.dtype}"))
    i = convert(i, np.int64)
    if mode == "clip":
        return minimum(maximum(i, 0), n - 1), "no" if n else "now"
    if mode == "wrap":
        return remainder(i, n), "no" if n else "now"
    if mode != "raise":
        raise ValueError(at_line(f"{who}: mode must be 'raise', 'wrap' or 'clip', got {mode!r}"))
    return i, "now"


@implements(np.take)
def take(a: Any, indices: Any, axis: Any = None, out: Any = None, mode: str = "raise") -> Any:
    """As `numpy.take`; differentiable in a. Indices out of bounds raise IndexError where their values are known."""
    x = as_array(a)
    if axis is None:
        x, axis = ravel(x), 0
    k = axis_of(axis, x.ndim, "take")
    i, check = indices_in_bounds(indices, x.a.shape[k], mode, "take")
    if x.ndim == 1 and i.ndim == 0:
        new = bind(Gather((0,), check, True), x, i)
    else:
        new = bind(Copy(), take_rows(x, i, k, check))
    return new if out is None else store_out(out, new, "take")


def along(x: Any, i: Any, k: int) -> list[Any]:
    """The index arrays that pick element i[..., j, ...] along axis k and the own position along all others."""
    out = []
    for d in range(x.ndim):
        if d == k:
            out.append(i)
        else:
            n = x.a.shape[d]
            if i.a.shape[d] not in (1, n):
                raise ShapeError(
                    at_line(f"take_along_axis: index shape {i.a.shape} does not match array shape {x.a.shape} outside of axis {k}")
                )
            out.append(reshape(bind(Iota(n, np.dtype(np.int64))), tuple([n if j == d else 1 for j in range(x.ndim)])))
    return out


def along_axis(arr: Any, indices: Any, axis: Any, who: str) -> tuple[Any, Any, int]:
    """The common arguments of take_along_axis and put_along_axis."""
    x, i = as_array(arr), as_array(indices)
    if axis is None:
        if i.ndim != 1:
            raise ShapeError(at_line(f"{who}: with axis=None the indices must be one-dimensional, got shape {i.a.shape}"))
        x, axis = ravel(x), 0
    if i.ndim != x.ndim:
        raise ShapeError(
            at_line(f"{who}: indices of shape {i.a.shape} and array of shape {x.a.shape} must have the same number of dimensions")
        )
    if i.a.dtype.kind not in "iu":
        raise TracerIndexError(at_line(f"{who}: indices must be integers, got dtype {i.a.dtype}"))
    return x, i, axis_of(axis, x.ndim, who)


@implements(np.take_along_axis)
def take_along_axis(arr: Any, indices: Any, axis: Any = -1) -> Any:
    """As `numpy.take_along_axis`: what argsort, argmax and argmin give indices for."""
    x, i, k = along_axis(arr, indices, axis, "take_along_axis")
    return bind(Gather(tuple(range(x.ndim))), x, *along(x, i, k))


@implements(np.put_along_axis)
def put_along_axis(arr: Any, indices: Any, values: Any, axis: Any) -> None:
    """As `numpy.put_along_axis`: in place."""
    x, i, k = along_axis(arr, indices, axis, "put_along_axis")
    set_item(x, (), bind(Scatter(tuple(range(x.ndim)), "set"), x, cast_to(x, values), *along(x, i, k)))


@implements(np.choose)
def choose(a: Any, choices: Any, out: Any = None, mode: str = "raise") -> Any:
    """As `numpy.choose`: element by element one of the choices."""
    rows = arrays(choices)
    which = as_array(a)
    shape = np.broadcast_shapes(which.a.shape, *[x.a.shape for x in rows])
    kind = promote(*[x.a for x in rows])
    table = concatenate([broadcast(convert(reshape(x, (1, *x.a.shape)), kind), (1, *shape)) for x in rows])
    i, check = indices_in_bounds(which, len(rows), mode, "choose")
    if mode == "raise" and bool((i < 0).any()):
        raise ValueError(at_line("choose: invalid entry in choice array: an index is negative"))
    columns = [
        reshape(bind(Iota(n, np.dtype(np.int64))), tuple([n if j == d else 1 for j in range(len(shape))]))
        for d, n in enumerate(shape)
    ]
    new = bind(Gather(tuple(range(len(shape) + 1)), check), table, broadcast(i, shape), *columns)
    return new if out is None else store_out(out, new, "choose")


# Diagonals


@implements(np.diagonal)
def diagonal(a: Any, offset: Any = 0, axis1: Any = 0, axis2: Any = 1) -> Any:
    """As `numpy.diagonal`: the last axis of the result is the diagonal; a read-only view."""
    return diagonal_of(as_array(a), int(offset), axis1, axis2)


def diagonal_of(x: Any, offset: int, axis1: Any, axis2: Any) -> Any:
    """The diagonal of two axes, as the last axis."""
    if x.ndim < 2:
        raise ShapeError(at_line(f"diagonal needs an array of at least two dimensions, got shape {x.a.shape}"))
    i, j = axes_of((axis1, axis2), x.ndim, "diagonal")
    rows, columns = x.a.shape[i], x.a.shape[j]
    n = max(0, min(rows, columns - offset) if offset >= 0 else min(rows + offset, columns))
    line = bind(Iota(n, np.dtype(np.int64)))
    first = add(line, -offset) if offset < 0 else line
    second = add(line, offset) if offset > 0 else line
    out = bind_view(Diagonal((i, j), "no"), x, first, second)
    return transpose(out, (*range(1, out.ndim), 0))


@implements(np.diag)
def diag(v: Any, k: Any = 0) -> Any:
    """As `numpy.diag`: the diagonal of a matrix, or the matrix with a diagonal."""
    x = as_array(v)
    if x.ndim == 2:
        return diagonal_of(x, int(k), 0, 1)
    if x.ndim != 1:
        raise ShapeError(at_line(f"diag needs an array of one or two dimensions, got shape {x.a.shape}"))
    offset, n = int(k), x.a.size
    size = n + abs(offset)
    line = bind(Iota(n, np.dtype(np.int64)))
    first = add(line, -offset) if offset < 0 else line
    second = add(line, offset) if offset > 0 else line
    zero = broadcast(scalar(0, x.a.dtype), (size, size))
    return bind(Scatter((0, 1), "set", "no", True), zero, x, first, second)


@implements(np.diagflat)
def diagflat(v: Any, k: Any = 0) -> Any:
    """As `numpy.diagflat`."""
    return diag(ravel(as_array(v)), k)


@implements(np.trace)
def trace(a: Any, offset: Any = 0, axis1: Any = 0, axis2: Any = 1, dtype: Any = None, out: Any = None) -> Any:
    """As `numpy.trace`: the sum of the diagonal."""
    line = diagonal_of(as_array(a), int(offset), axis1, axis2)
    new = reduce_sum(line if dtype is None else convert(line, dtype_of(dtype)), (line.ndim - 1,))
    return new if out is None else store_out(out, new, "trace")


@implements(np.fill_diagonal)
def fill_diagonal(a: Any, val: Any, wrap: bool = False) -> None:
    """As `numpy.fill_diagonal`: in place."""
    x = as_array(a)
    if x.ndim < 2:
        raise ShapeError(at_line(f"fill_diagonal needs at least two dimensions, got shape {x.a.shape}"))
    if x.ndim > 2 and len(set(x.a.shape)) > 1:
        raise ShapeError(at_line(f"fill_diagonal: all dimensions must be of equal length, got shape {x.a.shape}"))
    flat = np.arange(x.a.size).reshape(x.a.shape)
    if x.ndim == 2:
        step, end = x.a.shape[1] + 1, None if wrap else x.a.shape[1] ** 2
    else:
        step, end = 1 + int(np.cumprod(x.a.shape[:-1]).sum()), None
    where = np.unravel_index(flat.reshape(-1)[:end:step], x.a.shape)
    values = ravel(as_array(val)) if np.ndim(val) or (isinstance(val, Tracer) and val.a.ndim) else val
    if isinstance(values, Tracer) and values.ndim:
        n = len(where[0])
        values = take_rows(values, np.arange(n) % values.a.size, 0, "no")
    set_item(x, where, values)


# What depends on values


@implements(np.nonzero)
def nonzero(a: Any) -> Any:
    """As `numpy.nonzero`. The values are read, since the size of the result depends on them."""
    x = as_array(a)
    if x.ndim == 0:
        raise ValueError(at_line("nonzero of a 0-dimensional array is not defined", hint="use np.atleast_1d(x)"))
    mask = x if x.a.dtype.kind == "b" else not_equal(x, 0)
    return np.nonzero(read(mask, "mask"))


@implements(np.flatnonzero)
def flatnonzero(a: Any) -> Any:
    """As `numpy.flatnonzero`; the values are read."""
    return nonzero(ravel(as_array(a)))[0]


@implements(np.argwhere)
def argwhere(a: Any) -> Any:
    """As `numpy.argwhere`; the values are read."""
    x = as_array(a)
    return np.argwhere(read(x if x.a.dtype.kind == "b" else not_equal(x, 0), "mask"))


@implements(np.compress)
def compress(condition: Any, a: Any, axis: Any = None, out: Any = None) -> Any:
    """As `numpy.compress`; the condition is read."""
    x = as_array(a)
    if axis is None:
        x, axis = ravel(x), 0
    c = as_array(condition)
    if c.ndim != 1:
        raise ShapeError(at_line(f"compress: the condition must be one-dimensional, got shape {c.a.shape}"))
    return take(x, nonzero(c)[0], axis=axis, out=out)


@implements(np.extract)
def extract(condition: Any, arr: Any) -> Any:
    """As `numpy.extract`; the condition is read."""
    return take(ravel(as_array(arr)), nonzero(ravel(as_array(condition)))[0])


@implements(np.place)
def place(arr: Any, mask: Any, vals: Any) -> None:
    """As `numpy.place`: in place; the mask is read."""
    x = as_array(arr)
    where = nonzero(reshape(as_array(mask), x.a.shape))
    v = ravel(as_array(vals))
    set_item(x, where, take_rows(v, np.arange(len(where[0])) % max(v.a.size, 1), 0, "no"))


@implements(np.putmask)
def putmask(a: Any, mask: Any, values: Any) -> None:
    """As `numpy.putmask`: in place; values are repeated over the flat array."""
    x = as_array(a)
    v = ravel(as_array(values))
    wide = reshape(take_rows(v, np.arange(x.a.size) % max(v.a.size, 1), 0, "no"), x.a.shape) if v.a.size != 1 else reshape(v, ())
    where = as_array(mask)
    set_item(x, (), select(where if where.a.dtype.kind == "b" else not_equal(where, 0), cast_to(x, wide), x))


@implements(np.copyto)
def copyto(dst: Any, src: Any, casting: str = "same_kind", where: Any = True) -> None:
    """As `numpy.copyto`: in place."""
    if not isinstance(dst, Tracer):
        store_out(dst, src, "copyto")
        return
    new = as_array(src)
    if not new.a.weak and not np.can_cast(new.a.dtype, dst.a.dtype, casting):  # type: ignore[arg-type]
        raise TypeError(at_line(f"copyto: cannot cast from {new.a.dtype} to {dst.a.dtype} with casting {casting!r}"))
    new = convert(new, dst.a.dtype)
    set_item(dst, (), new if where is True else select(as_array(where), new, dst))


@implements(np.put)
def put(a: Any, ind: Any, v: Any, mode: str = "raise") -> None:
    """As `numpy.put`: in place, by flat index."""
    x = as_array(a)
    i, check = indices_in_bounds(ind, x.a.size, mode, "put")
    i = ravel(i)
    values = ravel(cast_to(x, v))
    if i.a.size == 0:
        return
    values = take_rows(values, np.arange(i.a.size) % values.a.size, 0, "no")
    flat = bind(Scatter((0,), "set", check), reshape(x, (x.a.size,)), values, i)
    set_item(x, (), reshape(flat, x.a.shape))


# Removing and inserting


@implements(np.delete)
def delete(arr: Any, obj: Any, axis: Any = None) -> Any:
    """As `numpy.delete`; the positions are read, since the size of the result depends on them."""
    x = as_array(arr)
    if axis is None:
        x, axis = ravel(x), 0
    k = axis_of(axis, x.ndim, "delete")
    keep = np.delete(np.arange(x.a.shape[k]), static(obj))
    return bind(Copy(), take_rows(x, keep, k, "no"))


def static(obj: Any) -> Any:
    """Positions as Python knows them."""
    if isinstance(obj, Tracer):
        return read(obj, "mask" if obj.a.dtype.kind == "b" else "array")
    if contains_tracer(obj):
        return static(as_array(obj))
    if isinstance(obj, slice):
        return slice(*[None if b is None else int(b) for b in (obj.start, obj.stop, obj.step)])
    return obj


@implements(np.insert)
def insert(arr: Any, obj: Any, values: Any, axis: Any = None) -> Any:
    """As `numpy.insert`; the positions are read."""
    x, v = as_array(arr), as_array(values)
    if axis is None:
        x, axis = ravel(x), 0
    k = axis_of(axis, x.ndim, "insert")
    n = x.a.shape[k]
    where = static(obj)
    # NumPy inserts numbers of values where the positions of the result say -1 - (which value): the others are positions of arr.
    single = not isinstance(where, slice) and np.ndim(where) == 0
    new = convert(v, x.a.dtype)
    if single and new.ndim:
        new = moveaxis(reshape(new, (*[1] * (x.ndim - new.ndim), *new.a.shape)), 0, k) if new.ndim <= x.ndim else new
    elif new.ndim < x.ndim:
        new = reshape(new, (*[1] * (x.ndim - new.ndim), *new.a.shape))
    count = new.a.shape[k] if new.ndim else 1
    marks = np.insert(np.arange(n), where, -1 if count == 1 else -1 - np.arange(count))
    total = max(count, int((-marks).max(initial=1)))
    sizes = x.a.shape
    new = broadcast(new, (*sizes[:k], total, *sizes[k + 1 :]))
    return bind(Copy(), take_rows(concatenate([x, new], k), np.where(marks < 0, n - 1 - marks, marks), k, "no"))


@implements(np.append)
def append(arr: Any, values: Any, axis: Any = None) -> Any:
    """As `numpy.append`."""
    if axis is None:
        return concatenate([ravel(as_array(arr)), ravel(as_array(values))])
    return concatenate([as_array(arr), as_array(values)], axis)


@implements(np.trim_zeros)
def trim_zeros(filt: Any, trim: str = "fb", axis: Any = None) -> Any:
    """As `numpy.trim_zeros`; the values are read."""
    x = as_array(filt)
    if x.ndim != 1:
        raise UnsupportedError(
            at_line(f"trim_zeros of a traced array of shape {x.a.shape} is not supported", hint="one dimension only")
        )
    where = flatnonzero(x)
    if not len(where):
        return x[:0]
    begin = int(where[0]) if "f" in trim.lower() else 0
    end = int(where[-1]) + 1 if "b" in trim.lower() else x.a.size
    return bind_view(Index(((begin, 1, end - begin),)), x)


@implements(np.ix_)
def ix_(*args: Any) -> Any:
    """As `numpy.ix_`; masks are read."""
    out = []
    for k, arg in enumerate(args):
        x = as_array(arg)
        if x.ndim != 1:
            raise ShapeError(at_line(f"ix_: each argument must be one-dimensional, got shape {x.a.shape}"))
        i = nonzero(x)[0] if x.a.dtype.kind == "b" else convert(x, np.int64) if x.a.size == 0 else x
        shape = tuple([len(i) if j == k else 1 for j in range(len(args))])
        out.append(reshape(as_array(i), shape))
    return tuple(out)


@implements(np.unravel_index)
def unravel_index(indices: Any, shape: Any, order: str = "C") -> Any:
    """As `numpy.unravel_index`; traced indices are not read (and not checked)."""
    i, sizes = (
        convert(as_array(indices), np.int64),
        tuple([int(n) for n in (shape if isinstance(shape, list | tuple) else (shape,))]),
    )
    if as_array(indices).a.dtype.kind not in "iub":
        raise TypeError(at_line(f"unravel_index: indices must be integers, got dtype {as_array(indices).a.dtype}"))
    out = []
    for n in sizes if order == "F" else sizes[::-1]:
        out.append(remainder(i, n))
        i = i // n
    return tuple(out if order == "F" else out[::-1])


@implements(np.ravel_multi_index)
def ravel_multi_index(multi_index: Any, dims: Any, mode: Any = "raise", order: str = "C") -> Any:
    """As `numpy.ravel_multi_index`."""
    sizes = [int(n) for n in dims]
    modes = [mode] * len(sizes) if isinstance(mode, str) else list(mode)
    total = scalar(0, np.dtype(np.int64))
    parts = [indices_in_bounds(i, n, m, "ravel_multi_index")[0] for i, n, m in zip(multi_index, sizes, modes, strict=True)]
    for i, n, m in zip(parts, sizes, modes, strict=True):
        if m == "raise" and bool(((less(i, 0)) | (i >= n)).any()):
            raise ValueError(at_line("ravel_multi_index: invalid entry in coordinates array"))
    pairs = list(zip(parts, sizes, strict=True))
    for i, n in pairs[::-1] if order == "F" else pairs:
        total = add(total * n, i)
    return total


@implements(np.select)
def select_(condlist: Any, choicelist: Any, default: Any = 0) -> Any:
    """As `numpy.select`: element by element the first choice whose condition is true."""
    if len(condlist) != len(choicelist) or not len(condlist):
        raise ValueError(at_line(f"select: {len(condlist)} conditions and {len(choicelist)} choices"))
    out = as_array(default)
    kind = np.result_type(*[x.a.dtype if not x.a.weak else {"f": 0.0, "i": 0, "b": False, "c": 0j}[x.a.dtype.kind]
                            for x in [*arrays(choicelist), out]])  # fmt: skip
    out = convert(out, kind)
    for c, x in zip(condlist[::-1], choicelist[::-1], strict=True):
        out = select(as_array(c), convert(as_array(x), kind), out)
    return out


__all__ = [
    "take", "take_along_axis", "put_along_axis", "choose", "diagonal", "diag", "diagflat", "trace", "fill_diagonal", "nonzero",
    "flatnonzero", "argwhere", "compress", "extract", "place", "putmask", "copyto", "put", "delete", "insert", "append",
    "trim_zeros", "ix_", "unravel_index", "ravel_multi_index",
]  # fmt: skip
