"""What NumPy's index expressions mean: `get_item(x, index)` and `set_item(x, index, v)` for every index NumPy accepts.

    x[1:3, None, ::-1]     basic: a view                              Index, Put
    x[t], t traced         a row: a view, the index an operand        Gather with put
    x[[0, 2], :, i]        advanced: a copy                           Index, then Gather (Scatter)
    x[mask]                advanced: the mask is read                 as above, at its nonzero elements
    x[mask] = scalar       no value of the mask is needed             Select

An index is parsed once into a basic part (one entry for each axis; axes with index arrays are kept whole) and the index arrays.
"""

from __future__ import annotations

import warnings
from operator import index as as_index
from typing import Any

import numpy as np

from ..core.aval import INT, WEAK, Aval, aval, by_aval
from ..core.bind import bind, bind_known, bind_view
from ..core.lift import lift
from ..core.primitive import infer
from ..core.reads import read
from ..core.trace import Tracer, View, current
from ..core.values import has_value, value
from ..core.views import write
from ..errors import ShapeError, TracerIndexError, at_line, shown
from .elementwise import broadcast_shape, select
from .indexing import Gather, Index, Item, Put, Scatter, common_shape
from .structural import Transpose, broadcast, convert, reshape, transpose

Shape = tuple[int, ...]


class Parsed:
    """An index for arrays of one shape: `basic` selects, then the arrays of `advanced` index the axes `axes` of that.

    place: where the axes of the index arrays go in the result. row: a single traced integer, which gives a view.
    safe: the indices are known to be in bounds.
    """

    __slots__ = ("advanced", "axes", "basic", "place", "row", "safe", "scalar")

    def __init__(self, basic: tuple[Item, ...], scalar: bool) -> None:
        self.basic, self.scalar = basic, scalar
        self.advanced: list[Any] = []
        self.axes: list[int] = []
        self.place = 0
        self.row = False
        self.safe = True


basic_memo: dict[Any, tuple[Index, Aval, Put, int]] = {}
by_aval.append(basic_memo.clear)


def basic_of(x: Any, index: Any) -> tuple[Index, Aval, Put, int] | None:
    """For a basic index without traced parts: what reads and what it gives, what writes, and the rank of the part; memoised."""
    key = index if type(index) is int else key_of(index)
    if key is None:
        return None
    try:
        return basic_memo[x.a, key]
    except KeyError:
        parsed = parse(x, index)
        op = Index(parsed.basic, parsed.scalar)
        found = op, infer(op, (x.a,)), Put(parsed.basic), basic_rank(parsed.basic)
        if len(basic_memo) > 10000:
            basic_memo.clear()
        basic_memo[x.a, key] = found
        return found


def key_of(index: Any) -> Any:
    """A hashable form of a basic index without traced parts; None for all others."""
    kind = type(index)
    if kind is int:
        return index
    if kind is slice:
        bounds = (index.start, index.stop, index.step)
        return (slice, *bounds) if all([b is None or type(b) is int for b in bounds]) else None
    if kind is tuple:
        parts = []
        for e in index:
            k = type(e)
            if k is int or e is None or e is Ellipsis:
                parts.append(e)
            elif k is slice and (key := key_of(e)) is not None:
                parts.append(key)
            else:
                return None
        return (tuple, *parts)
    return (tuple, index) if index is None or index is Ellipsis else None


def get_item(x: Any, index: Any) -> Any:
    """`x[index]` with NumPy's meaning: a view for basic indices (a scalar where all are ints), a copy for advanced ones."""
    known = basic_of(x, index)
    if known is not None:
        return bind_known(known[0], x, known[1], not known[0].scalar)
    parsed = parse(x, index)
    if not parsed.advanced:
        op = Index(parsed.basic, parsed.scalar)
        return bind(op, x) if op.scalar else bind_view(op, x)
    return gather(x, parsed)


def gather(x: Any, p: Parsed) -> Any:
    """The result of an advanced index."""
    if not trivial(p.basic, x.shape):
        x = bind_view(Index(p.basic), x) if p.row else bind(Index(p.basic), x)
    op = Gather(tuple(p.axes), "no" if p.safe else "now", p.scalar)
    if p.row and not p.scalar:
        return bind_view(op, x, *p.advanced)
    out = bind(op, x, *p.advanced)
    perm = placement(out.ndim, rank_of(p.advanced), p.place)
    return out if perm is None else bind(Transpose(perm), out)


def rank_of(arrays: list[Any]) -> int:
    """The number of axes of index arrays together."""
    return max([np.ndim(i) if not isinstance(i, Tracer) else i.ndim for i in arrays])


def placement(ndim: int, rank: int, place: int) -> Shape | None:
    """The permutation that moves the first `rank` axes behind the next `place` ones; None where it changes nothing."""
    if place == 0 or rank == 0:
        return None
    return (*range(rank, rank + place), *range(rank), *range(rank + place, ndim))


def trivial(basic: tuple[Item, ...], shape: Shape) -> bool:
    """Whether a basic index takes the whole array as it is."""
    return basic == tuple([(0, 1, n) for n in shape])


# Parsing


def parse(x: Any, index: Any) -> Parsed:
    """Any index NumPy accepts, for the array x."""
    shape = x.shape
    entries = expand(shape, index if type(index) is tuple else (index,))
    has_arrays = any([is_array(e) for e in entries])
    basic: list[Item] = []
    found = Parsed((), False)
    axis = out_axis = 0  # the position in x; the position in x[basic]
    dims = 0  # result axes that come from slices and new axes so far
    state = "before"  # "before", "in", "after" or "again": where we are with respect to the index arrays
    scalar = not any([e is Ellipsis for e in entries])
    for e in entries:
        if is_array(e) or (has_arrays and is_int(e)):
            consumed = 0 if is_flag(e) else 1
            if state == "before":
                found.place, state = dims, "in"
            elif state == "after":
                found.place, state = 0, "again"
            basic.append((0, 1, shape[axis]) if consumed else None)
            found.advanced.append(index_array(found, e, shape[axis] if consumed else 1, axis))
            found.axes.append(out_axis)
            axis += consumed
            out_axis += 1
            continue
        if state == "in":
            state = "after"
        if e is Ellipsis:
            continue
        if e is None:
            basic.append(None)
            out_axis, dims = out_axis + 1, dims + 1
        elif isinstance(e, slice):
            basic.append(slice_item(e, shape[axis]))
            axis, out_axis, dims = axis + 1, out_axis + 1, dims + 1
        else:
            basic.append(checked_int(as_index(e), shape[axis], axis, shape))
            axis += 1
    found.basic = tuple(basic)
    found.scalar = scalar and not dims and (not has_arrays or rank_of(found.advanced) == 0)
    found.row = has_arrays and all([isinstance(e, Tracer) and e.a.scalar for e in entries if is_array(e)])
    return found


def is_int(e: Any) -> bool:
    """A static integer index."""
    return isinstance(e, int | np.integer) and not isinstance(e, bool | Tracer)


def is_array(e: Any) -> bool:
    """An index that NumPy calls advanced, or a traced integer."""
    return isinstance(e, Tracer | np.ndarray)


class Flag(np.ndarray[Any, Any]):
    """What a 0-d boolean becomes: an index into a new axis."""


def is_flag(e: Any) -> bool:
    return isinstance(e, Flag)


def expand(shape: Shape, index: tuple[Any, ...]) -> list[Any]:
    """The entries of an index with lists as arrays, masks as their nonzero indices, and the Ellipsis filled up with slices."""
    entries: list[Any] = []
    axis = 0
    seen_ellipsis = False
    for k, e in enumerate(index):
        e = normal(e)
        if e is Ellipsis:
            if seen_ellipsis:
                raise TracerIndexError(at_line("an index can only have a single ellipsis ('...')"))
            seen_ellipsis = True
            missing = len(shape) - axis - sum_consumed(index[k + 1 :])
            entries += [Ellipsis, *[slice(None)] * missing]
            axis += missing
        elif is_mask(e):
            arrays = mask_indices(e, shape[axis : axis + e.ndim], axis, shape)
            entries += arrays
            axis += e.ndim
        else:
            entries.append(e)
            axis += e is not None
    if axis > len(shape):
        raise TracerIndexError(
            at_line(f"too many indices: the array has {len(shape)} dimensions (shape {shape}), but {axis} were indexed")
        )
    return entries + [slice(None)] * (len(shape) - axis)


def sum_consumed(rest: tuple[Any, ...]) -> int:
    """How many axes the entries behind an Ellipsis use up."""
    total = 0
    for e in rest:
        e = normal(e)
        total += 0 if e is None or e is Ellipsis else e.ndim if is_mask(e) else 1
    return total


def normal(e: Any) -> Any:
    """One entry of an index: an int, slice, None, Ellipsis, tracer or ndarray of integers or booleans."""
    if e is None or e is Ellipsis or isinstance(e, slice) or is_int(e):
        return e
    if isinstance(e, bool | np.bool_) and not isinstance(e, Tracer):
        return np.asarray(e)
    if isinstance(e, list | tuple):
        e = sequence(e)
    if isinstance(e, Tracer | np.ndarray):
        if e.dtype.kind not in "iub":
            raise TracerIndexError(at_line(f"arrays used as indices must be of integer (or boolean) type, got dtype {e.dtype}"))
        return e
    try:
        return as_index(e)
    except TypeError:
        pass
    if hasattr(e, "__array__"):
        return normal(np.asarray(e))
    raise TracerIndexError(
        at_line(
            "only integers, slices (`:`), ellipsis (`...`), numpy.newaxis (`None`) and integer or boolean arrays are valid indices,"
            f" got {shown(e)} of type {type(e).__name__}"
        )
    )


def sequence(items: Any) -> Any:
    """A list used as an index, as an array; an empty one is an integer array."""
    t = current.trace
    if t is not None and contains_tracer(items):
        return lift(t, items)
    array = np.asarray(items)
    return array.astype(INT) if array.size == 0 and array.dtype.kind == "f" else array


def contains_tracer(x: Any) -> bool:
    """Whether a nested list holds a tracer."""
    return any([contains_tracer(y) for y in x]) if isinstance(x, list | tuple) else isinstance(x, Tracer)


def is_mask(e: Any) -> bool:
    """A boolean array, traced or not."""
    return isinstance(e, Tracer | np.ndarray) and e.dtype.kind == "b"


def mask_indices(mask: Any, shape: Shape, axis: int, whole_shape: Shape) -> list[Any]:
    """A mask as index arrays, one for each of its axes. The mask is read: its number of true elements is a size."""
    check_mask(mask, shape, axis, whole_shape)
    t = current.trace
    known = read(lift(t, mask), "mask") if t is not None else np.asarray(mask)
    if mask.ndim == 0:
        return [np.zeros(int(known), INT).view(Flag)]
    return [InBounds.of(i) for i in np.nonzero(known)]


def check_mask(mask: Any, shape: Shape, axis: int, whole_shape: Shape) -> None:
    """Raise unless a mask has the shape of the axes it stands for."""
    for k, (n, m) in enumerate(zip(mask.shape, shape, strict=False)):
        if n != m:
            raise TracerIndexError(
                at_line(
                    f"a boolean index of shape {mask.shape} does not match the array of shape {whole_shape}: "
                    f"along axis {axis + k} the array has {m} elements and the index {n}"
                )
            )


class InBounds(np.ndarray[Any, Any]):
    """An index array made from a mask: in bounds by construction."""

    @staticmethod
    def of(x: Any) -> InBounds:
        return x.view(InBounds)  # type: ignore[no-any-return]


def index_array(found: Parsed, e: Any, size: int, axis: int) -> Any:
    """One index array (or traced integer), checked where its values are static."""
    if isinstance(e, Flag | InBounds):
        return e.view(np.ndarray)
    if is_int(e):
        return np.asarray(checked_int(int(e), size, axis, (size,)))
    found.safe = False
    return e


def checked_int(k: int, size: int, axis: int, shape: Shape) -> int:
    """A static index from the start of its axis, or NumPy's IndexError."""
    if not -size <= k < size:
        raise TracerIndexError(at_line(f"index {k} is out of bounds for axis {axis} with size {size} (array of shape {shape})"))
    return k + size if k < 0 else k


def slice_item(s: slice, size: int) -> Item:
    """A slice as start, step and count."""
    start, stop, step = s.indices(size)
    count = len(range(start, stop, step))
    return (start, step if count > 1 else 1, count) if count else (0, 1, 0)


# Writing


def set_item(x: Any, index: Any, new: Any) -> None:
    """`x[index] = new`, in place: x and all arrays it shares memory with see the new values."""
    if x.a.scalar:
        raise TypeError(at_line(f"a scalar {x.a} does not support item assignment", hint="use an array: np.array(x)"))
    write(x, put(x, index, cast_to(x, new)))


def put(x: Any, index: Any, new: Any) -> Tracer:
    """x with the part at index replaced by new (which has x's dtype)."""
    t = current.trace
    assert t is not None
    if isinstance(x, View):
        x = lift(t, x)
    known = basic_of(x, index)
    if known is not None:
        return bind(known[2], x, squeezed(new, known[3]))  # type: ignore[no-any-return]
    if is_mask(index):
        chosen = put_where(x, index, new)
        if chosen is not None:
            return chosen
    p = parse(x, index)
    if not p.advanced:
        return bind(Put(p.basic), x, squeezed(new, basic_rank(p.basic)))  # type: ignore[no-any-return]
    return scatter(x, p, new, "set")


def basic_rank(basic: tuple[Item, ...]) -> int:
    return len([e for e in basic if not isinstance(e, int)])


def squeezed(new: Any, rank: int) -> Any:
    """A value without leading axes of size 1 beyond the rank of its target, which NumPy ignores."""
    while new.ndim > rank and new.shape[0] == 1:
        new = reshape(new, new.shape[1:])
    return new


def scatter(x: Any, p: Parsed, new: Any, mode: str, unique: bool = False) -> Tracer:
    """x with new put or combined into the part at an advanced index."""
    part = x if trivial(p.basic, x.shape) else bind(Index(p.basic), x)
    rank = len(common_shape([np.shape(i) if not isinstance(i, Tracer) else i.shape for i in p.advanced]))
    ndim = rank + part.ndim - len(p.axes)
    new = squeezed(new, ndim)
    perm = placement(ndim, rank, p.place)
    if perm is not None and new.ndim > 0:
        new = reshape(new, (*[1] * (ndim - new.ndim), *new.shape))
        new = transpose(new, tuple(np.argsort(perm).tolist()))
    out = bind(Scatter(tuple(p.axes), mode, "no" if p.safe else "now", unique), part, new, *p.advanced)
    return out if part is x else bind(Put(p.basic), x, out)  # type: ignore[no-any-return]


def put_where(x: Any, mask: Any, new: Any) -> Tracer | None:
    """`x[mask] = new` without reading the mask, where new has one value for all true elements; else None."""
    rest = x.shape[mask.ndim :]
    check_mask(mask, x.shape, 0, x.shape)
    if mask.ndim > x.ndim:
        raise TracerIndexError(at_line(f"too many indices: a mask of shape {mask.shape} for an array of shape {x.shape}"))
    if not rest and new.ndim > 1:
        raise TypeError(
            at_line(f"a value of shape {new.shape} cannot be assigned to masked elements: at most one dimension is allowed")
        )
    if new.ndim > len(rest):
        if new.shape[0] != 1 or new.ndim > len(rest) + 1:
            return None
        new = reshape(new, new.shape[1:])
    if any([n not in (1, m) for n, m in zip(new.shape[::-1], rest[::-1], strict=False)]):
        raise ShapeError(at_line(f"a value of shape {new.shape} cannot be assigned to masked elements of shape {(-1, *rest)}"))
    t = current.trace
    assert t is not None
    wide = reshape(lift(t, mask), (*mask.shape, *[1] * len(rest)))
    return select(wide, new, x)  # type: ignore[no-any-return]


def cast_to(x: Tracer, new: Any) -> Any:
    """A value to be assigned, in the dtype of x: NumPy's assignment casts as .astype does."""
    t = current.trace
    assert t is not None
    dtype = x.a.dtype
    if type(new) in WEAK:
        return t.const(dtype.type(new), aval((), dtype))  # raises what NumPy raises: a too large number, nan into an int
    if isinstance(new, Tracer) and new.a.dtype is dtype:
        return lift(t, new)
    if isinstance(new, list | tuple) and not contains_tracer(new):
        new = np.asarray(new, dtype)
    if isinstance(new, np.generic) and not isinstance(new, Tracer) and new.dtype != dtype:
        new = dtype.type(discard(new, dtype))
    new = lift(t, new)
    return convert(discard(new, dtype), dtype)  # type: ignore[no-any-return]


def discard(new: Any, dtype: np.dtype[Any]) -> Any:
    """NumPy's warning when the imaginary part gets lost in an assignment."""
    if new.dtype.kind == "c" and dtype.kind not in "cb":
        if new.a.weak if isinstance(new, Tracer) else isinstance(new, np.generic):
            raise TypeError(at_line(f"a complex number cannot be assigned to elements of dtype {dtype}", hint="assign its .real"))
        warnings.warn("Casting complex values to real discards the imaginary part", np.exceptions.ComplexWarning, stacklevel=4)
    return new


__all__ = ["aval", "broadcast", "broadcast_shape", "get_item", "has_value", "parse", "put", "scatter", "set_item", "value"]
