"""Operations that move, repeat, add up or re-type elements without computing on them: all linear.

reshape, transpose, broadcast, reduce_sum, convert, and what other rules are made of: `fit`, `unbroadcast`, `zeros_of`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..core.aval import Aval, aval
from ..core.bind import bind, bind_view
from ..core.lift import lift, lift_sequence
from ..core.primitive import Linear, Primitive
from ..core.trace import Tracer, current
from ..core.views import Copy
from ..errors import NotDifferentiableError, ShapeError, WriteError, at_line
from .layout import stand_in


def aval_of_any(x: Any) -> Aval:
    """The aval of an operand in a rule: a tracer, a Linear, or a concrete value."""
    if isinstance(x, Tracer | Linear):
        return x.a
    t = current.trace
    assert t is not None, "rules run inside a trace"
    return lift(t, x).a


class Reshape(Primitive):
    """The same elements in C order under another shape."""

    shape: tuple[int, ...]
    view = True

    def aval(self, x: Aval) -> Aval:
        size = 1
        for n in self.shape:
            size *= n
        if size != x.size:
            raise ShapeError(at_line(f"cannot reshape an array of shape {x.shape} (size {x.size}) into {self.shape} (size {size})"))
        return aval(self.shape, x.dtype, False, False)

    def eval(self, x: Any) -> Any:
        return np.asarray(x).reshape(self.shape)

    def jvp(self, primals: tuple[Any, ...], tangents: tuple[Any, ...], out: Any) -> Any:
        return bind(self, *tangents)

    def transpose(self, ct: Any, x: Linear) -> tuple[Any, ...]:
        return (with_mask(ct, lambda v: reshape(v, x.shape)),)

    def vmap(self, size: int, args: tuple[Any, ...], dims: tuple[int | None, ...]) -> tuple[Any, Any]:
        return reshape(move_axis(args[0], dims[0], 0), (size, *self.shape)), 0

    def shares(self, base: Any) -> bool | None:
        if only_splits(base.shape, self.shape):
            return True
        x = stand_in(base)
        return None if x is None else np.shares_memory(x.reshape(self.shape), x)

    def put(self, base: Any, new: Any, *rest: Any) -> Any:
        return reshape(new, base.shape)

    @classmethod
    def examples(cls) -> list[Any]:
        x = np.arange(12.0).reshape(3, 4)
        return [
            (cls((2, 6)), (x,)),
            (cls((12,)), (x.astype(np.float32).T,)),
            (cls((1, 1)), (np.array(1 + 2j),)),
            (cls((0, 5)), (np.zeros((2, 0)),)),
            (cls((4, 3)), (x.astype(np.int64),)),
        ]


def only_splits(shape: tuple[int, ...], new: tuple[int, ...]) -> bool:
    """Whether a reshape joins no axes, so that it is a view whatever the strides are."""
    ends = [np.prod(new[: k + 1], dtype=np.int64) for k, n in enumerate(new) if n != 1]
    return 0 in shape or all([np.prod(shape[: k + 1], dtype=np.int64) in ends for k, n in enumerate(shape) if n != 1])


class Ravel(Reshape):
    """np.ravel: a view where the array is C-contiguous, else a copy."""

    def shares(self, base: Any) -> bool | None:
        x = stand_in(base)
        return None if x is None else bool(x.flags.c_contiguous)


class Contiguous(Copy):
    """np.ascontiguousarray, np.asfortranarray: the array itself where it lies in this order, else a copy."""

    view = True

    def eval(self, x: Any) -> Any:
        return np.asarray(x, order=self.order)  # type: ignore[call-overload]

    def shares(self, base: Any) -> bool | None:
        x = stand_in(base)
        return None if x is None else bool(x.flags.f_contiguous if self.order == "F" else x.flags.c_contiguous)

    def put(self, base: Any, new: Any, *rest: Any) -> Any:
        return new


class Transpose(Primitive):
    """Axis k of the result is axis perm[k] of the operand."""

    perm: tuple[int, ...]
    view = True

    def aval(self, x: Aval) -> Aval:
        if sorted(self.perm) != list(range(x.ndim)):
            raise ShapeError(at_line(f"axes {self.perm} do not match an array of {x.ndim} dimensions"))
        return aval(tuple([x.shape[p] for p in self.perm]), x.dtype, False, False)

    def eval(self, x: Any) -> Any:
        return np.transpose(x, self.perm)

    def jvp(self, primals: tuple[Any, ...], tangents: tuple[Any, ...], out: Any) -> Any:
        return bind(self, *tangents)

    def transpose(self, ct: Any, x: Linear) -> tuple[Any, ...]:
        return (with_mask(ct, lambda v: transpose(v, inverse(self.perm))),)

    def vmap(self, size: int, args: tuple[Any, ...], dims: tuple[int | None, ...]) -> tuple[Any, Any]:
        x = move_axis(args[0], dims[0], 0)
        return transpose(x, (0, *[p + 1 for p in self.perm])), 0

    def put(self, base: Any, new: Any, *rest: Any) -> Any:
        return transpose(new, inverse(self.perm))

    @classmethod
    def examples(cls) -> list[Any]:
        x = np.arange(12.0).reshape(3, 2, 2)
        return [
            (cls((2, 0, 1)), (x,)),
            (cls((0, 2, 1)), (x.astype(np.float32),)),
            (cls(()), (np.array(1 + 2j),)),
            (cls((1, 0)), (np.zeros((2, 0)),)),
            (cls((1, 0)), (x[0].astype(np.int64),)),
        ]


class Broadcast(Primitive):
    """NumPy's broadcast_to: new axes in front, axes of size 1 repeated."""

    shape: tuple[int, ...]
    view = True

    def aval(self, x: Aval) -> Aval:
        lead = len(self.shape) - x.ndim
        if lead < 0 or any([n not in (1, m) for n, m in zip(x.shape, self.shape[lead:], strict=True)]):
            raise ShapeError(at_line(f"cannot broadcast an array of shape {x.shape} to {self.shape}"))
        return aval(self.shape, x.dtype, False, False)

    def eval(self, x: Any) -> Any:
        if np.ndim(x) == 0 and self.size <= 4096:  # 0.4 µs; np.broadcast_to takes 5
            out = np.empty(self.shape, np.asarray(x).dtype)
            out.fill(x)
            return out
        return np.broadcast_to(x, self.shape)

    @property
    def size(self) -> int:
        return math.prod(self.shape)

    def jvp(self, primals: tuple[Any, ...], tangents: tuple[Any, ...], out: Any) -> Any:
        return bind(self, *tangents)

    def transpose(self, ct: Any, x: Linear) -> tuple[Any, ...]:
        return (unbroadcast(ct, x.a),)

    def vmap(self, size: int, args: tuple[Any, ...], dims: tuple[int | None, ...]) -> tuple[Any, Any]:
        x = move_axis(args[0], dims[0], 0)
        lead = len(self.shape) - (x.ndim - 1)
        x = reshape(x, (size, *([1] * lead), *x.shape[1:]))
        return broadcast(x, (size, *self.shape)), 0

    def put(self, base: Any, new: Any, *rest: Any) -> Any:
        raise WriteError(
            at_line(
                "the result of broadcast_to is read-only: several of its elements are one in memory", hint="write to a copy of it"
            )
        )

    @classmethod
    def examples(cls) -> list[Any]:
        x = np.array([[1.0], [2.0]])
        return [
            (cls((3, 2, 4)), (x,)),
            (cls((2, 1)), (np.array(2, np.float32),)),
            (cls((2, 3)), (x * (1 + 2j),)),
            (cls((0,)), (np.array(1.0),)),
            (cls((2, 0)), (x,)),
            (cls((2, 2)), (x.astype(np.int64),)),
        ]


class ReduceSum(Primitive):
    """The sum over some axes, which are dropped. Booleans and small integers add up as NumPy's do."""

    axes: tuple[int, ...]
    reduction = "sum"

    def aval(self, x: Aval) -> Aval:
        return aval(dropped(x.shape, self.axes), sum_dtype(x.dtype))

    def eval(self, x: Any) -> Any:
        return np.add.reduce(x, axis=self.axes)

    def jvp(self, primals: tuple[Any, ...], tangents: tuple[Any, ...], out: Any) -> Any:
        return bind(self, *tangents)

    def transpose(self, ct: Any, x: Linear) -> tuple[Any, ...]:
        if not self.axes:  # the sum of a number; a reshape would make its cotangent an array
            return (ct,)
        kept = tuple([1 if k in self.axes else n for k, n in enumerate(x.shape)])
        return (broadcast(reshape(ct, kept), x.shape),)

    def vmap(self, size: int, args: tuple[Any, ...], dims: tuple[int | None, ...]) -> tuple[Any, Any]:
        x = move_axis(args[0], dims[0], 0)
        return reduce_sum(x, tuple([k + 1 for k in self.axes])), 0

    @classmethod
    def examples(cls) -> list[Any]:
        x = np.arange(6.0).reshape(2, 3)
        return [
            (cls((0,)), (x,)),
            (cls((0, 1)), (x * (1 + 2j),)),
            (cls((1,)), (x.astype(np.float32),)),
            (cls((0,)), (x > 2,)),
            (cls((1,)), (x.astype(np.int16),)),
            (cls((0,)), (np.zeros((0, 3)),)),
        ]


class Convert(Primitive):
    """astype: the same elements in another dtype."""

    dtype: np.dtype[Any]

    def aval(self, x: Aval) -> Aval:
        return aval(x.shape, self.dtype, False, x.scalar)

    def eval(self, x: Any) -> Any:
        if isinstance(x, np.ndarray | np.generic):
            if x.dtype.kind == "c" and self.dtype.kind in "fiu":
                x = x.real
            return x.astype(self.dtype)
        if isinstance(x, complex) and self.dtype.kind in "fiu":
            x = x.real
        return self.dtype.type(x)

    def jvp(self, primals: tuple[Any, ...], tangents: tuple[Any, ...], out: Any) -> Any:
        return bind(self, *tangents) if self.dtype.kind in "fc" else None

    def transpose(self, ct: Any, x: Linear) -> tuple[Any, ...]:
        return (with_mask(ct, lambda v: v if v.a.dtype.kind == "b" else convert(v, x.dtype)),)

    def vmap(self, size: int, args: tuple[Any, ...], dims: tuple[int | None, ...]) -> tuple[Any, Any]:
        return bind(self, *args), dims[0]

    def lower(self, b: Any, x: Any) -> Any:
        return b.convert(x, self.dtype.name)

    @classmethod
    def examples(cls) -> list[Any]:
        x = np.array([[0.3, 1.4, -2.6], [7.0, 0.0, -0.2]])
        pairs = [("f4", x), ("c16", x), ("f8", x.astype("f4")), ("f8", x + 1j), ("i4", x), ("?", x), ("f8", x > 0), ("c8", x * 1j)]
        more = [("f8", np.array(1.5, "f4")), ("f8", np.float32(1.5)), ("f4", 1.5), ("f4", x[:0]), ("f8", np.arange(3))]
        return [(cls(np.dtype(code)), (v,)) for code, v in [*pairs, *more]]


class Weaken(Primitive):
    """A scalar as Python's operators on Python scalars give it: weak in promotion."""

    def aval(self, x: Aval) -> Aval:
        return aval((), x.dtype, True)

    def eval(self, x: Any) -> Any:
        return x.item() if hasattr(x, "item") else x

    def jvp(self, primals: tuple[Any, ...], tangents: tuple[Any, ...], out: Any) -> Any:
        return tangents[0]

    def transpose(self, ct: Any, x: Linear) -> tuple[Any, ...]:
        return (ct,)

    def vmap(self, size: int, args: tuple[Any, ...], dims: tuple[int | None, ...]) -> tuple[Any, Any]:
        return args[0], dims[0]

    @classmethod
    def examples(cls) -> list[Any]:
        return [(cls(), (np.float64(2.5),)), (cls(), (np.int64(3),)), (cls(), (np.complex128(1 + 2j),))]


def with_mask(ct: Any, move: Any) -> Any:
    """move(ct), where a mask that a `where` left on ct moves along (see pointwise.behind_mask)."""
    out = move(ct)
    known = ct.t.masks.get(ct.i)
    if known is not None and out is not ct:
        c, x, chosen = known
        out.t.masks[out.i] = (move(broadcast(c, ct.shape)), move(broadcast(x, ct.shape)), chosen)
    return out


def inverse(perm: Sequence[int]) -> tuple[int, ...]:
    """The permutation that undoes perm."""
    out = [0] * len(perm)
    for k, p in enumerate(perm):
        out[p] = k
    return tuple(out)


def dropped(shape: tuple[int, ...], axes: tuple[int, ...]) -> tuple[int, ...]:
    """A shape without some axes."""
    return tuple([n for k, n in enumerate(shape) if k not in axes])


def sum_dtype(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """The dtype NumPy adds up in: bool and small ints widen to the platform's int."""
    if dtype.kind == "b" or (dtype.kind == "i" and dtype.itemsize < 8):
        return np.dtype(np.int64)
    if dtype.kind == "u" and dtype.itemsize < 8:
        return np.dtype(np.uint64)
    return dtype


def reshape(x: Any, shape: Sequence[int]) -> Any:
    """x under another shape (no -1 here)."""
    shape = tuple(shape)
    return x if isinstance(x, Tracer) and x.a.shape == shape and not x.a.scalar else bind_view(Reshape(shape), x)


def transpose(x: Any, perm: Sequence[int]) -> Any:
    """x with its axes permuted."""
    perm = tuple(perm)
    return x if isinstance(x, Tracer) and perm == tuple(range(x.ndim)) else bind_view(Transpose(perm), x)


def move_axis(x: Any, source: int | None, target: int) -> Any:
    """x with one axis moved."""
    assert source is not None
    if source == target:
        return x
    order = [k for k in range(x.ndim) if k != source]
    order.insert(target, source)
    return transpose(x, order)


def broadcast(x: Any, shape: Sequence[int]) -> Any:
    """x broadcast to a shape."""
    shape = tuple(shape)
    return x if isinstance(x, Tracer) and x.a.shape == shape else bind(Broadcast(shape), x)


def reduce_sum(x: Any, axes: tuple[int, ...]) -> Any:
    """The sum of x over axes, which are dropped."""
    return bind(ReduceSum(axes), x) if axes or sum_dtype(aval_of_any(x).dtype) != aval_of_any(x).dtype else x


def convert(x: Any, dtype: Any) -> Any:
    """x in a dtype."""
    dtype = np.dtype(dtype)
    return x if isinstance(x, Tracer) and x.a.dtype == dtype and not x.a.weak else bind(Convert(dtype), x)


def fit(t: Any, a: Aval) -> Any:
    """A tangent broadcast and converted to the shape and dtype of an aval."""
    if t.a.dtype is not a.dtype or t.a.weak:
        t = convert(t, a.dtype)
    return broadcast(t, a.shape) if t.a.shape != a.shape else t


def unbroadcast(ct: Any, a: Aval) -> Any:
    """A cotangent summed over the axes along which an operand of aval `a` was broadcast, in its dtype."""
    shape = ct.shape
    if shape != a.shape:
        lead = len(shape) - a.ndim
        ones = tuple([k + lead for k, n in enumerate(a.shape) if n == 1 and shape[k + lead] != 1])
        ct = reduce_sum(ct, (*range(lead), *ones))
        ct = ct if ct.shape == a.shape else reshape(ct, a.shape)
    if ct.a.dtype != a.dtype:
        if a.dtype.kind not in "fc":
            raise NotDifferentiableError(f"a cotangent reached an operand of dtype {a.dtype}")
        ct = convert(ct, a.dtype)
    return ct


def zeros_of(a: Aval) -> Any:
    """A traced array of zeros with the shape and dtype of an aval."""
    return broadcast(convert(0.0, a.dtype), a.shape)


def stack_sequence(items: Sequence[Any]) -> Any:
    """A list or tuple of numbers, arrays and tracers as one array, as np.asarray would make of it."""
    if not any([contains_tracer(x) for x in items]):
        return np.asarray(items)
    parts = [stack_sequence(x) if isinstance(x, list | tuple) else x for x in items]
    t = current.trace
    assert t is not None
    tracers = [lift(t, x) for x in parts]
    shapes = {x.a.shape for x in tracers}
    if len(shapes) > 1:
        raise ShapeError(at_line(f"cannot make an array of a list of arrays with different shapes {sorted(shapes)}"))
    dtype = np.result_type(*[x.a.dtype for x in tracers])
    rows = [reshape(convert(x, dtype), (1, *x.a.shape)) for x in tracers]
    return bind(Concatenate(0, len(rows)), *rows)


def contains_tracer(x: Any) -> bool:
    """Whether a nested list holds a tracer."""
    if isinstance(x, list | tuple):
        return any([contains_tracer(y) for y in x])
    return isinstance(x, Tracer)


class Concatenate(Primitive):
    """Join `nin` arrays of one dtype along an existing axis."""

    axis: int
    count: int

    @property
    def nin(self) -> int:  # type: ignore[override]
        return self.count

    def aval(self, *avals: Aval) -> Aval:
        first = avals[0]
        for a in avals[1:]:
            if a.ndim != first.ndim or dropped(a.shape, (self.axis,)) != dropped(first.shape, (self.axis,)):
                shapes = ", ".join([str(x.shape) for x in avals])
                raise ShapeError(
                    at_line(f"concatenate along axis {self.axis}: all other dimensions must agree, got shapes {shapes}")
                )
        shape = list(first.shape)
        shape[self.axis] = sum([a.shape[self.axis] for a in avals])
        return aval(tuple(shape), first.dtype, False, False)

    def eval(self, *args: Any) -> Any:
        return np.concatenate(args, axis=self.axis)

    def jvp(self, primals: tuple[Any, ...], tangents: tuple[Any, ...], out: Any) -> Any:
        filled = [zeros_of(p.a) if t is None else t for p, t in zip(primals, tangents, strict=True)]
        return bind(self, *filled)

    def transpose(self, ct: Any, *args: Any) -> tuple[Any, ...]:
        out, start = [], 0
        for x in args:
            stop = start + aval_of_any(x).shape[self.axis]
            out.append(bind(Slice(self.axis, start, stop), ct) if isinstance(x, Linear) else None)
            start = stop
        return tuple(out)

    def vmap(self, size: int, args: tuple[Any, ...], dims: tuple[int | None, ...]) -> tuple[Any, Any]:
        rows = [
            broadcast(reshape(x, (1, *x.shape)), (size, *x.shape)) if d is None else move_axis(x, d, 0)
            for x, d in zip(args, dims, strict=True)
        ]
        return bind(Concatenate(self.axis + 1, self.count), *rows), 0

    @classmethod
    def examples(cls) -> list[Any]:
        x = np.arange(6.0).reshape(2, 3)
        return [
            (cls(0, 2), (x, x[:1])),
            (cls(1, 3), (x.astype(np.float32), x.astype(np.float32)[:, :0], x.astype(np.float32))),
            (cls(0, 1), (x * (1 + 2j),)),
            (cls(0, 2), (x.astype(np.int64), x.astype(np.int64))),
        ]


class Slice(Primitive):
    """Elements start:stop along one axis (0 <= start <= stop <= size)."""

    axis: int
    start: int
    stop: int
    view = True

    def aval(self, x: Aval) -> Aval:
        shape = list(x.shape)
        shape[self.axis] = self.stop - self.start
        return aval(tuple(shape), x.dtype, False, False)

    def eval(self, x: Any) -> Any:
        return x[(slice(None),) * self.axis + (slice(self.start, self.stop),)]

    def jvp(self, primals: tuple[Any, ...], tangents: tuple[Any, ...], out: Any) -> Any:
        return bind(self, *tangents)

    def transpose(self, ct: Any, x: Linear) -> tuple[Any, ...]:
        parts = [(self.start, 0), (x.shape[self.axis] - self.stop, 1)]
        rows = [ct]
        for n, side in parts:
            if n:
                shape = list(x.shape)
                shape[self.axis] = n
                zero = zeros_of(aval(tuple(shape), x.dtype, False, False))
                rows = [*rows, zero] if side else [zero, *rows]
        return (bind(Concatenate(self.axis, len(rows)), *rows) if len(rows) > 1 else ct,)

    def vmap(self, size: int, args: tuple[Any, ...], dims: tuple[int | None, ...]) -> tuple[Any, Any]:
        x = move_axis(args[0], dims[0], 0)
        return bind(Slice(self.axis + 1, self.start, self.stop), x), 0

    def put(self, base: Any, new: Any, *rest: Any) -> Any:
        n = base.shape[self.axis]
        rows = [new]
        if self.start:
            rows.insert(0, bind(Slice(self.axis, 0, self.start), base))
        if self.stop < n:
            rows.append(bind(Slice(self.axis, self.stop, n), base))
        return bind(Concatenate(self.axis, len(rows)), *rows) if len(rows) > 1 else new

    @classmethod
    def examples(cls) -> list[Any]:
        x = np.arange(12.0).reshape(3, 4)
        return [
            (cls(1, 1, 3), (x,)),
            (cls(0, 0, 3), (x.astype(np.float32),)),
            (cls(0, 2, 2), (x * (1 + 2j),)),
            (cls(1, 0, 0), (np.zeros((2, 0)),)),
            (cls(0, 1, 2), (x.astype(np.int64),)),
        ]


lift_sequence.append(stack_sequence)
