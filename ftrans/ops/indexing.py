"""Reading and writing parts of arrays: the primitives behind `x[i]`, `x[i] = v`, `x.at[i].add(v)`, take, diagonal, sort's backward.

Index and Put take a static index (ints, slices, new axes), Gather and Scatter integer arrays. Each pair is transpose to each other.
What NumPy's index expressions mean in terms of these four stands in `subscript`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.aval import Aval, aval
from ..core.bind import bind, bind_view
from ..core.primitive import Linear, Primitive
from ..errors import DtypeError, NotDifferentiableError, ShapeError, TracerIndexError, WriteError, at_line
from .elementwise import div, equal, mul, select
from .structural import broadcast, convert, fit, move_axis, reshape, transpose, unbroadcast, zeros_of

Item = int | tuple[int, int, int] | None  # an int, start and step and count of a slice, or a new axis


def python_index(items: tuple[Item, ...]) -> tuple[Any, ...]:
    """The index as Python writes it; the Ellipsis makes a 0-d result an array."""
    return (*[as_slice(*e) if isinstance(e, tuple) else e for e in items], Ellipsis)


def as_slice(start: int, step: int, count: int) -> slice:
    """The slice with `count` elements from `start` on."""
    if count == 0:
        return slice(0, 0)
    stop = start + step * count
    return slice(start, stop if stop >= 0 else None, step)


def index_shape(items: tuple[Item, ...]) -> tuple[int, ...]:
    """The shape of what an index selects."""
    return tuple([1 if e is None else e[2] for e in items if not isinstance(e, int)])


def one_deeper(items: tuple[Item, ...], size: int) -> tuple[Item, ...]:
    """The same index behind a batch axis."""
    return ((0, 1, size), *items)


def walked(items: tuple[Item, ...], shape: tuple[int, ...]) -> tuple[int | None, ...] | None:
    """For an index that takes everything: the operand's axis for every axis of the result, None for a new one; else None."""
    axes: list[int | None] = []
    k = 0
    for item in items:
        if item is None:
            axes.append(None)
            continue
        if isinstance(item, int):
            if shape[k] != 1:
                return None
        elif item == (0, 1, shape[k]):
            axes.append(k)
        else:
            return None
        k += 1
    return tuple(axes)


class Index(Primitive):
    """Basic indexing: a view. `items` has one entry for each axis of the operand, and None for each new axis.

    scalar: a 0-d result is a NumPy scalar (`x[0]`), not an array (`x[0, ...]`).
    """

    items: tuple[Item, ...]
    scalar: bool = False
    view = True

    def aval(self, x: Aval) -> Aval:
        return aval(index_shape(self.items), x.dtype, False, self.scalar)

    def eval(self, x: Any) -> Any:
        out = np.asarray(x)[python_index(self.items)]
        return out[()] if self.scalar else out

    def jvp(self, primals: tuple[Any, ...], tangents: tuple[Any, ...], out: Any) -> Any:
        return bind(self, *tangents)

    def transpose(self, ct: Any, x: Linear) -> tuple[Any, ...]:
        if ct.a.size == x.a.size and walked(self.items, x.a.shape) is not None:  # x[:, None] is a reshape
            return (reshape(ct, x.a.shape),)
        return (bind(Put(self.items), zeros_of(x.a), ct),)

    def vmap(self, size: int, args: tuple[Any, ...], dims: tuple[int | None, ...]) -> tuple[Any, Any]:
        return bind(Index(one_deeper(self.items, size)), move_axis(args[0], dims[0], 0)), 0

    def put(self, base: Any, new: Any, *rest: Any) -> Any:
        return bind(Put(self.items), base, new)

    @classmethod
    def examples(cls) -> list[Any]:
        x = np.arange(12.0).reshape(3, 4)
        return [
            (cls((1, (0, 1, 4))), (x,)),
            (cls(((2, -1, 3), None, (1, 2, 2))), (x.astype(np.float32),)),
            (cls((1, 2), True), (x * (1 + 2j),)),
            (cls(((0, 1, 0), (0, 1, 4))), (x,)),
            (cls((None,)), (np.array(2.0),)),
            (cls(((1, 1, 2), 0)), (x.astype(np.int64),)),
        ]


class Put(Primitive):
    """The first operand with the part that `items` selects replaced by the second, which is broadcast."""

    items: tuple[Item, ...]
    nin = 2

    def aval(self, x: Aval, new: Aval) -> Aval:
        check_update("assignment", x, new, index_shape(self.items))
        return aval(x.shape, x.dtype, False, False)

    def eval(self, x: Any, new: Any) -> Any:
        out = np.array(x)
        out[python_index(self.items)] = new
        return out

    def jvp(self, primals: tuple[Any, ...], tangents: tuple[Any, ...], out: Any) -> Any:
        return bind(self, *filled(primals, tangents))

    def transpose(self, ct: Any, x: Any, new: Any) -> tuple[Any, ...]:
        kept = bind(self, ct, ct.a.dtype.type(0)) if isinstance(x, Linear) else None
        given = unbroadcast(bind(Index(self.items), ct), new.a) if isinstance(new, Linear) else None
        return kept, given

    def vmap(self, size: int, args: tuple[Any, ...], dims: tuple[int | None, ...]) -> tuple[Any, Any]:
        x, new = batched(args[0], dims[0], size), args[1]
        if dims[1] is not None:
            new = deepen(move_axis(new, dims[1], 0), len(index_shape(self.items)) + 1)
        return bind(Put(one_deeper(self.items, size)), x, new), 0

    @classmethod
    def examples(cls) -> list[Any]:
        x = np.arange(12.0).reshape(3, 4)
        row = np.array([1.0, -2.0, 3.0, 0.5])
        return [
            (cls((1, (0, 1, 4))), (x, row)),
            (cls(((2, -1, 3), (0, 1, 4))), (x.astype(np.float32), row.astype(np.float32))),
            (cls((1, 2)), (x * (1 + 2j), np.array(1j))),
            (cls(((0, 1, 0), (0, 1, 4))), (x, row)),
            (cls(()), (np.array(2.0), np.array(3.0))),
            (cls(((0, 2, 2), 1)), (x.astype(np.int64), np.array([7, 8]))),
        ]


def check_update(what: str, x: Aval, new: Aval, shape: tuple[int, ...]) -> None:
    """Raise unless `new` broadcasts to the shape of the part of x it replaces, and has x's dtype."""
    lead = len(shape) - new.ndim
    if lead < 0 or any([n not in (1, m) for n, m in zip(new.shape, shape[lead:], strict=True)]):
        raise ShapeError(at_line(f"{what}: a value of shape {new.shape} does not broadcast to the indexed part of shape {shape}"))
    if new.dtype != x.dtype:
        raise DtypeError(at_line(f"{what}: the value has dtype {new.dtype}, the array {x.dtype}"))


def filled(primals: tuple[Any, ...], tangents: tuple[Any, ...]) -> list[Any]:
    """Tangents with zeros where they are symbolically zero."""
    return [zeros_of(p.a.strong()) if t is None else t for p, t in zip(primals, tangents, strict=True)]


def batched(x: Any, d: int | None, size: int) -> Any:
    """x with its batch axis in front, repeated where it has none."""
    return broadcast(x, (size, *x.shape)) if d is None else move_axis(x, d, 0)


def deepen(x: Any, ndim: int) -> Any:
    """x with axes of size 1 after its first, up to `ndim` axes."""
    return x if x.ndim >= ndim else reshape(x, (x.shape[0], *[1] * (ndim - x.ndim), *x.shape[1:]))


def common_shape(shapes: list[tuple[int, ...]]) -> tuple[int, ...]:
    """The shape that index arrays have together, or the error that shows theirs."""
    try:
        return np.broadcast_shapes(*shapes)
    except ValueError:
        raise TracerIndexError(at_line(f"index arrays of shapes {', '.join(map(str, shapes))} do not broadcast together")) from None


class Gather(Primitive):
    """Elements of x at integer indices along `axes`: one index array for each, broadcast together to a shape S.

    The result has the shape S + (the other axes). Negative indices count from the end.
    check: "now" (raise IndexError when recorded), "later" (when run), "no" (in bounds by construction).
    """

    axes: tuple[int, ...]
    check: str = "now"
    scalar: bool = False

    nin = property(lambda self: 1 + len(self.axes))  # type: ignore[assignment]
    may_raise = property(lambda self: self.check == "now")  # type: ignore[assignment]

    def aval(self, x: Aval, *indices: Aval) -> Aval:
        shape = gathered_shape(x, indices, self.axes)
        return aval(shape, x.dtype, False, self.scalar and not shape)

    def eval(self, x: Any, *indices: Any) -> Any:
        front = np.moveaxis(np.asarray(x), self.axes, range(len(self.axes)))
        out = np.array(front[indices])
        return out[()] if self.scalar and not out.ndim else out

    def later(self) -> Gather:
        """The same indices in a derivative: the original operation has raised already, unless it was dead code."""
        return Gather(self.axes, "no" if self.check == "no" else "later")

    def jvp(self, primals: tuple[Any, ...], tangents: tuple[Any, ...], out: Any) -> Any:
        return None if tangents[0] is None else bind(self.later(), tangents[0], *primals[1:])

    def transpose(self, ct: Any, x: Any, *indices: Any) -> tuple[Any, ...]:
        op = Scatter(self.axes, "add", self.later().check)
        return (bind(op, zeros_of(x.a), ct, *indices), *[None] * len(indices))

    def vmap(self, size: int, args: tuple[Any, ...], dims: tuple[int | None, ...]) -> tuple[Any, Any]:
        x, d = args[0], dims[0]
        indices, moved, rank = batched_indices(size, args[1:], dims[1:])
        if d is None:
            return bind(Gather(self.axes, self.check), x, *indices), 0
        x = move_axis(x, d, 0)
        axes = tuple([k + 1 for k in self.axes])
        if moved:
            rows = reshape(positions(size), (size, *[1] * rank))
            return bind(Gather((0, *axes), self.check), x, rows, *indices), 0
        return bind(Gather(axes, self.check), x, *indices), rank

    def put(self, base: Any, new: Any, *rest: Any) -> Any:
        return bind(Scatter(self.axes, "set", self.later().check), base, new, *rest)

    @classmethod
    def examples(cls) -> list[Any]:
        x = np.arange(12.0).reshape(3, 4)
        return [
            (cls((0,)), (x, np.array([0, 2, 2, -1]))),
            (cls((1,)), (x.astype(np.float32), np.array([[0, 3], [1, 1]]))),
            (cls((0, 1)), (x * (1 + 2j), np.array([[0], [2]]), np.array([1, 3]))),
            (cls((0,)), (x, np.array(1))),
            (cls((0, 1), "now", True), (x, np.array(1), np.array(2))),
            (cls((0,)), (x, np.zeros((0, 2), np.int64))),
            (cls((1,)), (np.zeros((0, 4)), np.array([1, 0]))),
            (cls((1,)), (x.astype(np.int32), np.array([1, 0]))),
        ]


class Diagonal(Gather):
    """np.diagonal: a Gather whose result is a read-only view in NumPy."""

    def put(self, base: Any, new: Any, *rest: Any) -> Any:
        raise WriteError(
            at_line(
                "the result of np.diagonal is read-only", hint="use np.fill_diagonal(x, v), or x[i, i] = v with i = np.arange(n)"
            )
        )


def gathered_shape(x: Aval, indices: tuple[Aval, ...], axes: tuple[int, ...]) -> tuple[int, ...]:
    """S + (the other axes)."""
    for i in indices:
        if i.dtype.kind not in "iu":
            raise DtypeError(at_line(f"arrays used as indices must be of integer (or boolean) type, got {i}"))
    shape = common_shape([i.shape for i in indices])
    return (*shape, *[n for k, n in enumerate(x.shape) if k not in axes])


def positions(size: int) -> Any:
    """0, 1, ..., size - 1."""
    return bind(Iota(size, np.dtype(np.int64)))


def batched_indices(size: int, indices: tuple[Any, ...], dims: tuple[int | None, ...]) -> tuple[list[Any], bool, int]:
    """Index arrays with their batch axes in front; whether there are any; and the rank of S without the batch axis."""
    rank = max([i.ndim - (d is not None) for i, d in zip(indices, dims, strict=True)])
    moved = [i if d is None else deepen(move_axis(i, d, 0), rank + 1) for i, d in zip(indices, dims, strict=True)]
    return moved, any([d is not None for d in dims]), rank


class Iota(Primitive):
    """0, 1, ..., size - 1."""

    size: int
    dtype: np.dtype[Any]
    nin = 0

    def aval(self) -> Aval:  # type: ignore[override]
        return aval((self.size,), self.dtype, False, False)

    def eval(self) -> Any:  # type: ignore[override]
        return np.arange(self.size, dtype=self.dtype)

    @classmethod
    def examples(cls) -> list[Any]:
        return [(cls(3, np.dtype(np.int64)), ()), (cls(0, np.dtype(np.float32)), ())]


COMBINE: dict[str, Any] = {"add": np.add, "multiply": np.multiply, "minimum": np.minimum, "maximum": np.maximum}


class Scatter(Primitive):
    """x with `new` (shape S + the other axes) put or combined into the elements at the indices along `axes`; see Gather.

    mode: "set" (the last of repeated indices wins), "add", "multiply", "minimum", "maximum" (repeated indices all count).
    unique: no element is named twice.
    """

    axes: tuple[int, ...]
    mode: str
    check: str = "now"
    unique: bool = False

    nin = property(lambda self: 2 + len(self.axes))  # type: ignore[assignment]
    may_raise = property(lambda self: self.check == "now")  # type: ignore[assignment]

    def aval(self, x: Aval, new: Aval, *indices: Aval) -> Aval:
        check_update("assignment", x, new, gathered_shape(x, indices, self.axes))
        return aval(x.shape, x.dtype, False, False)

    def eval(self, x: Any, new: Any, *indices: Any) -> Any:
        out = np.array(x)
        front = np.moveaxis(out, self.axes, range(len(self.axes)))
        if self.mode == "set":
            front[indices] = new
        else:
            if np.ndim(new) == front.ndim == 1 < np.ndim(indices[0]):  # here NumPy 2.4 reads beyond the end of `new`
                new = np.broadcast_to(new, np.shape(indices[0]))
            COMBINE[self.mode].at(front, indices, new)
        return out

    def again(self, mode: str) -> Scatter:
        """The same indices in a derivative."""
        return Scatter(self.axes, mode, "no" if self.check == "no" else "later", self.unique)

    def gather(self) -> Gather:
        """Reading at these indices."""
        return Gather(self.axes, "no" if self.check == "no" else "later")

    def jvp(self, primals: tuple[Any, ...], tangents: tuple[Any, ...], out: Any) -> Any:
        x, new, *indices = primals
        tx, tn, *_ = tangents
        if tx is None and tn is None:
            return None
        if self.mode in ("set", "add"):
            tx, tn = filled((x, new), (tx, tn))
            return bind(self.again(self.mode), tx, tn, *indices)
        if self.mode == "multiply":
            return self.product_rule(primals, tx, tn)
        return self.winners(primals, tx, tn, out)

    def product_rule(self, primals: tuple[Any, ...], tx: Any, tn: Any) -> Any:
        """d(x * new) at the indices."""
        x, new, *indices = primals
        total = None if tx is None else bind(self.again("multiply"), tx, new, *indices)
        if tn is not None:
            if not self.unique:
                raise NotDifferentiableError(
                    at_line(
                        "multiplying into repeated (or unknown) indices has no derivative rule for the factors",
                        hint="say unique_indices=True if no index occurs twice, or multiply in a loop",
                    )
                )
            part = mul(bind(self.gather(), x, *indices), tn)
            base = zeros_of(x.a) if total is None else total
            total = bind(self.again("add"), base, fit(part, x.a.with_shape(part.shape)), *indices)
        return total

    def winners(self, primals: tuple[Any, ...], tx: Any, tn: Any, out: Any) -> Any:
        """The tangent of a minimum or maximum: that of the elements that reach it, in equal parts."""
        x, new, *indices = primals
        tx, tn = filled((x, new), (tx, tn))
        one, zero = out.a.dtype.type(1), out.a.dtype.type(0)
        kept = select(equal(x, out), one, zero)
        given = select(equal(new, bind(self.gather(), out, *indices)), one, zero)
        count = bind(self.again("add"), kept, given, *indices)
        return div(bind(self.again("add"), mul(kept, tx), mul(given, tn), *indices), count)

    def transpose(self, ct: Any, x: Any, new: Any, *indices: Any) -> tuple[Any, ...]:
        zero = ct.a.dtype.type(0)
        kept = given = None
        if self.mode == "multiply":  # linear in x alone here
            return (bind(self.again("multiply"), ct, new, *indices), *[None] * (1 + len(indices)))
        if isinstance(x, Linear):
            kept = ct if self.mode == "add" else bind(self.again("set"), ct, zero, *indices)
        if isinstance(new, Linear):
            given = bind(self.gather(), ct, *indices)
            if self.mode == "set" and not self.unique:
                given = select(self.last(x, given.a.shape, indices), given, zero)
            given = unbroadcast(given, new.a)
        return (kept, given, *[None] * len(indices))

    def last(self, x: Any, shape: tuple[int, ...], indices: list[Any] | tuple[Any, ...]) -> Any:
        """Where an element of the update is the one that stays: not overwritten by a later one."""
        size = 1
        for n in shape:
            size *= n
        number = reshape(positions(size), shape)
        owner = bind(self.again("set"), zeros_of(aval(x.shape, np.int64, False, False)), number, *indices)
        return equal(bind(self.gather(), owner, *indices), number)

    def vmap(self, size: int, args: tuple[Any, ...], dims: tuple[int | None, ...]) -> tuple[Any, Any]:
        x, new = batched(args[0], dims[0], size), args[1]
        indices, moved, rank = batched_indices(size, args[2:], dims[2:])
        axes = tuple([k + 1 for k in self.axes])
        rest = args[0].ndim - (dims[0] is not None) - len(self.axes)
        if dims[1] is not None:
            new = deepen(move_axis(new, dims[1], 0), 1 + rank + rest)
        if moved:
            rows = reshape(positions(size), (size, *[1] * rank))
            return bind(Scatter((0, *axes), self.mode, self.check, self.unique), x, new, rows, *indices), 0
        if dims[1] is not None:
            new = transpose(new, (*range(1, rank + 1), 0, *range(rank + 1, new.ndim)))
        elif new.ndim > rest:  # the batch axis of the part lies between S and the rest
            new = reshape(new, (*new.shape[: new.ndim - rest], 1, *new.shape[new.ndim - rest :]))
        return bind(Scatter(axes, self.mode, self.check, self.unique), x, new, *indices), 0

    @classmethod
    def examples(cls) -> list[Any]:
        x = np.arange(12.0).reshape(3, 4) - 3.3
        i, j = np.array([0, 2, 2, -1]), np.array([1, 0])
        new = np.linspace(-4.0, 5.0, 16).reshape(4, 4)
        return [
            *[(cls((0,), mode), (x, new, i)) for mode in ("set", "add", "minimum", "maximum")],
            *[(cls((1,), mode, "now", True), (x, new[:2, :3], j)) for mode in ("set", "add", "multiply", "maximum")],
            (cls((0, 1), "add"), (x * (1 + 2j), new[:2, :2] * 1j, j[:, None], j)),
            (cls((0, 1), "set"), (x.astype(np.float32), np.array(2, np.float32), np.array(1), np.array(2))),
            (cls((0,), "set"), (x, new[:0], i[:0])),
            (cls((0,), "add"), (x[0], new[0, :2], np.array([[0, 1], [1, 1], [3, -1]]))),
            (cls((0,), "add"), (x.astype(np.int64), np.array(2), i)),
        ]


def index(x: Any, *items: Item) -> Any:
    """The part of x that static items select, one for each axis (see Index)."""
    return bind_view(Index(items), x)


def take_rows(x: Any, indices: Any, axis: int = 0, check: str = "now") -> Any:
    """Elements of x at integer indices along one axis, in the place of that axis."""
    out = bind(Gather((axis,), check), x, indices)
    rank = out.ndim - (x.ndim - 1)
    if axis == 0:
        return out
    return transpose(out, (*range(rank, rank + axis), *range(rank), *range(rank + axis, out.ndim)))


__all__ = ["Diagonal", "Gather", "Index", "Iota", "Put", "Scatter", "convert", "index", "take_rows"]
