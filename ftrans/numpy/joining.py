"""Joining, splitting, repeating and padding arrays: concatenate, stack, block, split, tile, repeat, pad, roll, flip, r_, c_."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..core.bind import bind, bind_view
from ..core.reads import read
from ..core.trace import Tracer
from ..core.views import Copy
from ..errors import DtypeError, ShapeError, UnsupportedError, at_line, shown
from ..ops.elementwise import add, mul, sub
from ..ops.indexing import Index, Iota, Item, Put, index, take_rows
from ..ops.structural import Concatenate, Transpose, broadcast, contains_tracer, convert, reshape
from .args import array as as_array
from .args import arrays, axes_of, axis_of, dtype_of
from .creation import scalar
from .dispatch import implements, store_out
from .shapes import atleast_1d, atleast_2d, atleast_3d, moveaxis, ravel


def join(xs: Sequence[Tracer], axis: int, dtype: Any = None, casting: str = "same_kind") -> Any:
    """Arrays of one rank joined along an axis, in their common dtype."""
    common = np.result_type(*[x.a.dtype for x in xs]) if dtype is None else dtype_of(dtype)
    for x in xs:
        if not np.can_cast(x.a.dtype, common, casting):  # type: ignore[arg-type]
            raise DtypeError(at_line(f"concatenate: cannot cast from {x.a.dtype} to {common} with casting {casting!r}"))
    return bind(Concatenate(axis, len(xs)), *[convert(x, common) for x in xs])


@implements(np.concatenate, np.concat)
def concatenate(arrays: Any, /, axis: Any = 0, out: Any = None, *, dtype: Any = None, casting: str = "same_kind") -> Any:
    """As `numpy.concatenate`."""
    xs = [as_array(x) for x in arrays]
    if not xs:
        raise ShapeError(at_line("concatenate needs at least one array"))
    if axis is None:
        xs, axis = [ravel(x) for x in xs], 0
    if any([x.ndim == 0 for x in xs]):
        raise ShapeError(at_line("concatenate: zero-dimensional arrays cannot be concatenated", hint="use stack, or np.atleast_1d"))
    if len({x.ndim for x in xs}) > 1:
        shapes = ", ".join([str(x.a.shape) for x in xs])
        raise ShapeError(at_line(f"concatenate: all arrays must have the same number of dimensions, got shapes {shapes}"))
    new = join(xs, axis_of(axis, xs[0].ndim, "concatenate"), dtype, casting)
    return new if out is None else store_out(out, new, "concatenate")


concat = concatenate


@implements(np.stack)
def stack(arrays: Any, axis: Any = 0, out: Any = None, *, dtype: Any = None, casting: str = "same_kind") -> Any:
    """As `numpy.stack`: arrays of one shape along a new axis."""
    xs = [as_array(x) for x in arrays]
    if not xs:
        raise ShapeError(at_line("stack needs at least one array"))
    if len({x.a.shape for x in xs}) > 1:
        raise ShapeError(at_line(f"stack: all arrays must have the same shape, got {', '.join([str(x.a.shape) for x in xs])}"))
    k = axis_of(axis, xs[0].ndim + 1, "stack")
    shape = xs[0].a.shape
    new = join([reshape(x, (*shape[:k], 1, *shape[k:])) for x in xs], k, dtype, casting)
    return new if out is None else store_out(out, new, "stack")


@implements("unstack")
def unstack(x: Any, /, *, axis: int = 0) -> Any:
    """As `numpy.unstack`: the views along an axis."""
    v = moveaxis(x, axis, 0)
    return tuple([v[k] for k in range(v.shape[0])])


@implements(np.vstack)
def vstack(tup: Any, *, dtype: Any = None, casting: str = "same_kind") -> Any:
    """As `numpy.vstack`."""
    return concatenate([atleast_2d(x) for x in arrays(tup)], 0, dtype=dtype, casting=casting)


row_stack = vstack


@implements(np.hstack)
def hstack(tup: Any, *, dtype: Any = None, casting: str = "same_kind") -> Any:
    """As `numpy.hstack`."""
    xs = [atleast_1d(x) for x in arrays(tup)]
    return concatenate(xs, 0 if xs and xs[0].ndim == 1 else 1, dtype=dtype, casting=casting)


@implements(np.dstack)
def dstack(tup: Any) -> Any:
    """As `numpy.dstack`."""
    return concatenate([atleast_3d(x) for x in arrays(tup)], 2)


@implements(np.column_stack)
def column_stack(tup: Any) -> Any:
    """As `numpy.column_stack`."""
    return concatenate([x if x.ndim >= 2 else reshape(x, (x.a.size, 1)) for x in arrays(tup)], 1)


@implements(np.block)
def block(arrays: Any) -> Any:
    """As `numpy.block`: an array from nested lists of blocks."""
    depth = nesting(arrays)
    ndim = max(depth, *[x.ndim for x in leaves(arrays)])
    return blocks(arrays, depth, ndim)


def nesting(x: Any) -> int:
    """How deep lists are nested."""
    if not isinstance(x, list):
        return 0
    if not x:
        raise ShapeError(at_line("block: empty lists are not allowed"))
    depths = {nesting(y) for y in x}
    if len(depths) > 1:
        raise ShapeError(at_line("block: the lists are nested to different depths"))
    return 1 + depths.pop()


def leaves(x: Any) -> list[Tracer]:
    """The arrays in nested lists."""
    return [leaf for y in x for leaf in leaves(y)] if isinstance(x, list) else [as_array(x)]


def blocks(x: Any, depth: int, ndim: int) -> Any:
    """Nested blocks joined: innermost lists along the last axis."""
    if not isinstance(x, list):
        v = as_array(x)
        return reshape(v, (*[1] * (ndim - v.ndim), *v.a.shape))
    return concatenate([blocks(y, depth - 1, ndim) for y in x], ndim - depth)


def cuts(total: int, indices_or_sections: Any, equal: bool) -> list[tuple[int, int]]:
    """The ranges (begin, end) of the pieces of an axis."""
    try:
        points = [int(p) for p in indices_or_sections]
    except TypeError:
        n = int(indices_or_sections)
        if n <= 0:
            raise ValueError(at_line(f"split: the number of sections must be larger than 0, got {n}")) from None
        if equal and total % n:
            raise ShapeError(
                at_line(f"split: an axis of size {total} does not divide into {n} equal pieces", hint="use array_split")
            ) from None
        each, extra = divmod(total, n)
        sizes = [each + 1] * extra + [each] * (n - extra)
        points = np.cumsum(sizes)[:-1].tolist()
    ends = [0, *points, total]
    out = []
    for a, b in itertools.pairwise(ends):
        begin, end, _ = slice(a, b).indices(total)
        out.append((begin, max(begin, end)))
    if points:  # the last piece goes to the end, whatever the last point is
        begin = slice(points[-1], None).indices(total)[0]
        out[-1] = (begin, total)
    return out


def pieces(ary: Any, indices_or_sections: Any, axis: Any, equal: bool) -> list[Any]:
    """Views of parts of an array along an axis."""
    x = as_array(ary)
    k = axis_of(axis, x.ndim, "split")
    out = []
    for begin, end in cuts(x.a.shape[k], indices_or_sections, equal):
        items: list[Item] = [(0, 1, n) for n in x.a.shape]
        items[k] = (begin if end > begin else 0, 1, end - begin)
        out.append(bind_view(Index(tuple(items)), x))
    return out


@implements(np.split)
def split(ary: Any, indices_or_sections: Any, axis: Any = 0) -> list[Any]:
    """As `numpy.split`: a list of views."""
    return pieces(ary, indices_or_sections, axis, equal=True)


@implements(np.array_split)
def array_split(ary: Any, indices_or_sections: Any, axis: Any = 0) -> list[Any]:
    """As `numpy.array_split`: the pieces may differ in size by one."""
    return pieces(ary, indices_or_sections, axis, equal=False)


@implements(np.hsplit)
def hsplit(ary: Any, indices_or_sections: Any) -> list[Any]:
    """As `numpy.hsplit`."""
    return split(ary, indices_or_sections, 1 if as_array(ary).ndim > 1 else 0)


@implements(np.vsplit)
def vsplit(ary: Any, indices_or_sections: Any) -> list[Any]:
    """As `numpy.vsplit`."""
    if as_array(ary).ndim < 2:
        raise ShapeError(at_line("vsplit only works on arrays of 2 or more dimensions"))
    return split(ary, indices_or_sections, 0)


@implements(np.dsplit)
def dsplit(ary: Any, indices_or_sections: Any) -> list[Any]:
    """As `numpy.dsplit`."""
    if as_array(ary).ndim < 3:
        raise ShapeError(at_line("dsplit only works on arrays of 3 or more dimensions"))
    return split(ary, indices_or_sections, 2)


@implements(np.tile)
def tile(A: Any, reps: Any) -> Any:
    """As `numpy.tile`."""
    x = as_array(A)
    times = [int(r) for r in reps] if isinstance(reps, list | tuple | np.ndarray) else [int(reps)]
    ndim = max(len(times), x.ndim)
    shape = (*[1] * (ndim - x.ndim), *x.a.shape)
    times = [1] * (ndim - len(times)) + times
    split_up = tuple([n for pair in zip([1] * ndim, shape, strict=True) for n in pair])
    wide = tuple([n for pair in zip(times, shape, strict=True) for n in pair])
    out = broadcast(reshape(x, split_up), wide)
    return own(reshape(out, tuple([r * n for r, n in zip(times, shape, strict=True)])))


def own(x: Any) -> Any:
    """The result of a function that gives a new array, in C order."""
    return bind(Copy(), x)


@implements(np.repeat)
def repeat(a: Any, repeats: Any, axis: Any = None) -> Any:
    """As `numpy.repeat`. Traced numbers of repetitions are read, since the size of the result depends on them."""
    x = as_array(a)
    if axis is None:
        x, axis = ravel(x), 0
    k = axis_of(axis, x.ndim, "repeat")
    counts = np.asarray(read(repeats, "array") if isinstance(repeats, Tracer) else repeats)
    n = x.a.shape[k]
    if counts.ndim == 0 or counts.size == 1:
        r = int(counts.reshape(()))
        shape = x.a.shape
        out = broadcast(reshape(x, (*shape[: k + 1], 1, *shape[k + 1 :])), (*shape[: k + 1], r, *shape[k + 1 :]))
        return own(reshape(out, (*shape[:k], n * r, *shape[k + 1 :])))
    if counts.shape != (n,):
        raise ShapeError(at_line(f"repeat: {counts.shape} repeats for an axis of size {n}"))
    return own(take_rows(x, np.repeat(np.arange(n), counts), k, "no"))


@implements(np.flip)
def flip(m: Any, axis: Any = None) -> Any:
    """As `numpy.flip`: a view."""
    x = as_array(m)
    axes = tuple(range(x.ndim)) if axis is None else axes_of(axis, x.ndim, "flip")
    if not x.ndim:
        return x[()]
    return index(x, *[(n - 1, -1, n) if k in axes and n > 1 else (0, 1, n) for k, n in enumerate(x.a.shape)])


@implements(np.flipud)
def flipud(m: Any) -> Any:
    """As `numpy.flipud`."""
    return flip(m, 0)


@implements(np.fliplr)
def fliplr(m: Any) -> Any:
    """As `numpy.fliplr`."""
    if as_array(m).ndim < 2:
        raise ShapeError(at_line("fliplr needs at least 2 dimensions"))
    return flip(m, 1)


@implements(np.rot90)
def rot90(m: Any, k: int = 1, axes: Any = (0, 1)) -> Any:
    """As `numpy.rot90`: a view."""
    x = as_array(m)
    if len(axes) != 2:
        raise ValueError(at_line(f"rot90: len(axes) must be 2, got {axes}"))
    i, j = axes_of(axes, x.ndim, "rot90")
    turns = int(k) % 4
    if turns == 0:
        return x[...]
    if turns == 2:
        return flip(x, (i, j))
    perm = list(range(x.ndim))
    perm[i], perm[j] = j, i
    if turns == 1:
        return bind_view(Transpose(tuple(perm)), flip(x, j))
    return flip(bind_view(Transpose(tuple(perm)), x), j)


@implements(np.roll)
def roll(a: Any, shift: Any, axis: Any = None) -> Any:
    """As `numpy.roll`. A traced shift is not read: elements are gathered."""
    x = as_array(a)
    if axis is None:
        return own(reshape(roll(ravel(x), shift, 0), x.a.shape))
    axes = (
        axes_of(axis, x.ndim, "roll") if not isinstance(axis, list | tuple) else tuple([axis_of(k, x.ndim, "roll") for k in axis])
    )
    shifts = list(shift) if isinstance(shift, list | tuple | np.ndarray) and np.ndim(shift) else [shift]
    count = max(len(axes), len(shifts))
    axes, shifts = axes * (count // len(axes)), shifts * (count // len(shifts))
    x = bind(Copy("K"), x)
    for k, s in zip(axes, shifts, strict=True):
        x = rolled(x, s, k)
    return x


def rolled(x: Any, shift: Any, k: int) -> Any:
    """x shifted along one axis."""
    n = x.a.shape[k]
    if n == 0:
        return x
    if isinstance(shift, Tracer):
        where = (sub(bind(Iota(n, np.dtype(np.int64))), shift)) % n
        return take_rows(x, where, k, "no")
    s = int(shift) % n
    if s == 0:
        return x
    items: list[Item] = [(0, 1, m) for m in x.a.shape]
    items[k] = (n - s, 1, s)
    tail = bind(Index(tuple(items)), x)
    items[k] = (0, 1, n - s)
    return bind(Concatenate(k, 2), tail, bind(Index(tuple(items)), x))


# Padding


@implements(np.pad)
def pad(array: Any, pad_width: Any, mode: Any = "constant", **kwargs: Any) -> Any:
    """As `numpy.pad`, with the modes constant, edge, reflect, symmetric, wrap, empty, linear_ramp, maximum, minimum and mean."""
    x = as_array(array)
    if isinstance(pad_width, dict):
        named = {axis_of(k, x.ndim, "pad"): v for k, v in pad_width.items()}
        pad_width = [named.get(k, (0, 0)) for k in range(x.ndim)]
    widths = np.broadcast_to(np.asarray(pad_width), (x.ndim, 2)).tolist()
    if any([w < 0 or int(w) != w for pair in widths for w in pair]):
        raise ValueError(at_line(f"pad: widths must be non-negative ints, got {shown(pad_width)}"))
    if callable(mode):
        raise UnsupportedError(
            at_line("pad with a function as mode is not supported on traced arrays", hint="name one of NumPy's modes")
        )
    if mode in ("constant", "empty"):
        return pad_constant(x, widths, kwargs.pop("constant_values", 0))
    if mode in ("edge", "reflect", "symmetric", "wrap") and kwargs.get("reflect_type", "even") == "even":
        for k, (before, after) in enumerate(widths):
            if before or after:
                where = np.pad(np.arange(x.a.shape[k]), (before, after), mode=mode)
                x = take_rows(x, where, k, "no")
        return own(x)
    if mode in ("linear_ramp", "maximum", "minimum", "mean"):
        return pad_computed(x, widths, mode, kwargs)
    raise UnsupportedError(at_line(f"pad: mode={mode!r} with {kwargs} is not supported on traced arrays"))


def pad_constant(x: Any, widths: list[list[int]], values: Any) -> Any:
    """Padding with constants: one for all, or (before, after) for each axis, the later axes over the corners of the earlier."""
    many = isinstance(values, list | tuple | np.ndarray)
    pairs = pairs_of(values, x.ndim) if many else [(values, values)] * x.ndim
    shape = tuple([n + a + b for n, (a, b) in zip(x.a.shape, widths, strict=True)])
    core = tuple([(a, 1, n) for n, (a, _) in zip(x.a.shape, widths, strict=True)])
    first = pairs[0][0] if pairs else 0
    if not many or all([v is first for pair in pairs for v in pair]):
        return bind(Put(core), broadcast(in_dtype(first, x), shape), x)
    out = x
    for k, ((before, after), (left, right)) in enumerate(zip(widths, pairs, strict=True)):
        sizes = out.a.shape
        parts = [(before, left), (0, None), (after, right)]
        rows = [
            out if v is None else broadcast(in_dtype(v, x), (*sizes[:k], n, *sizes[k + 1 :]))
            for n, v in parts
        ]  # fmt: skip
        out = bind(Concatenate(k, 3), *rows)
    return out


def in_dtype(value: Any, x: Any) -> Any:
    """A padding value in the dtype of the array."""
    return scalar(value, x.a.dtype) if not isinstance(value, Tracer) else convert(value, x.a.dtype)


def pairs_of(values: Any, ndim: int) -> list[tuple[Any, Any]]:
    """Padding values as (before, after) for each axis: v, (before, after), or one such pair for each axis."""
    if not contains_tracer(values):
        return [tuple(pair) for pair in np.broadcast_to(np.asarray(values), (ndim, 2))]
    rows = list(values)
    if len(rows) == 1:
        rows = rows * ndim if isinstance(rows[0], list | tuple) else [(rows[0], rows[0])] * ndim
    if len(rows) == 2 and not isinstance(rows[0], list | tuple):
        rows = [tuple(rows)] * ndim
    return [tuple(row) if isinstance(row, list | tuple) else (row, row) for row in rows]


def pad_computed(x: Any, widths: list[list[int]], mode: str, options: dict[str, Any]) -> Any:
    """The modes that compute the padding from the array, axis by axis."""
    if options.get("stat_length") is not None:
        raise UnsupportedError(at_line(f"pad: stat_length is not supported on traced arrays (mode={mode!r})"))
    ends = options.get("end_values", 0)
    pairs = pairs_of(ends, x.ndim) if isinstance(ends, list | tuple | np.ndarray) else [(ends, ends)] * x.ndim
    for k, (before, after) in enumerate(widths):
        parts = []
        for n, side in ((before, 0), (after, 1)):
            if mode == "linear_ramp":
                edge = x[(slice(None),) * k + (slice(0, 1) if side == 0 else slice(-1, None),)]
                steps = np.arange(n) / max(n, 1) if side == 0 else np.arange(n)[::-1] / max(n, 1)
                weight = reshape(as_array(steps), (n, *[1] * (x.ndim - k - 1)))
                end = in_dtype(pairs[k][side], x)
                parts.append(convert(add(mul(weight, sub(edge, end)), end), x.a.dtype))
            else:
                value = getattr(x, {"maximum": "max", "minimum": "min"}.get(mode, mode))(axis=k, keepdims=True)
                if x.a.dtype.kind in "iu" and mode == "mean":
                    value = value.round()
                sizes = x.a.shape
                parts.append(broadcast(convert(value, x.a.dtype), (*sizes[:k], n, *sizes[k + 1 :])))
        x = bind(Concatenate(k, 3), parts[0], x, parts[1])
    return x


# np.r_ and np.c_


class Joiner:
    """`np.r_[...]` and `np.c_[...]`: joined arrays and ranges in brackets; traced parts are allowed."""

    def __init__(self, theirs: Any, column: bool) -> None:
        self.theirs, self.column = theirs, column

    def __getitem__(self, key: Any) -> Any:
        parts = key if isinstance(key, tuple) else (key,)
        if not any([isinstance(p, Tracer) or contains_tracer(p) for p in parts]):
            return self.theirs[key]
        if isinstance(parts[0], str):
            raise UnsupportedError(
                at_line(f"np.r_[{parts[0]!r}, ...] is not supported on traced arrays", hint="use np.concatenate or np.stack")
            )
        xs = [
            as_array(self.theirs[p] if isinstance(p, slice) and not self.column else np.r_[p] if isinstance(p, slice) else p)
            for p in parts
        ]
        if self.column:
            return concatenate([x if x.ndim > 1 else reshape(x, (x.a.size, 1)) for x in xs], -1)
        kind = np.result_type(*[{"f": 0.0, "i": 0, "b": False, "c": 0j}[x.a.dtype.kind] if x.a.weak else x.a.dtype for x in xs])
        return concatenate([atleast_1d(convert(x, kind)) for x in xs])


r_, c_ = Joiner(np.r_, False), Joiner(np.c_, True)


__all__ = [
    "concatenate", "concat", "stack", "unstack", "vstack", "row_stack", "hstack", "dstack", "column_stack", "block", "split",
    "array_split", "hsplit", "vsplit", "dsplit", "tile", "repeat", "flip", "flipud", "fliplr", "rot90", "roll", "pad", "r_", "c_",
]  # fmt: skip
