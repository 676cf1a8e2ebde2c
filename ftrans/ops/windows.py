"""Windows that slide over the last axes of an array: the sum or the maximum over each, and what these transpose to.

A window has `size` elements along each axis, `dilation` apart; it moves by `strides` and stays inside the array. Along an axis of n
elements there are (n - (size - 1) * dilation - 1) // strides + 1 of them.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from typing import Any, ClassVar

import numpy as np

from ..core.aval import Aval, aval
from ..core.bind import bind
from ..core.primitive import Linear, Primitive
from ..errors import ShapeError, at_line
from .indexing import batched

Sizes = tuple[int, ...]


def places(n: int, size: int, stride: int, dilation: int) -> int:
    """How many windows there are along an axis of n elements."""
    return (n - (size - 1) * dilation - 1) // stride + 1


def taps(size: Sizes, strides: Sizes, dilation: Sizes, count: Sizes) -> Iterator[tuple[Sizes, Any]]:
    """For each place in a window, where its elements lie in the array for all windows."""
    for k in itertools.product(*map(range, size)):
        starts = [i * d for i, d in zip(k, dilation, strict=True)]
        yield k, (..., *[slice(a, a + (p - 1) * s + 1, s) for a, p, s in zip(starts, count, strides, strict=True)])


class Window(Primitive, abstract=True):
    """An operation on windows over the last axes. All operands share the axes before these."""

    size: Sizes
    strides: Sizes
    dilation: Sizes

    def pooled(self, shape: Sizes) -> Sizes:
        """The shape of an array with one element for each window."""
        d = len(self.size)
        count = tuple(map(places, shape[-d:], self.size, self.strides, self.dilation))
        if len(shape) < d or min(count) < 1:
            raise ShapeError(at_line(f"{self.name}: no window of size {self.size} fits into an array of shape {shape}"))
        return (*shape[:-d], *count)

    def taps(self, count: Sizes) -> Iterator[tuple[int, Any]]:
        """The places in a window by number, and where their elements lie; see `taps`."""
        for number, (_, slices) in enumerate(taps(self.size, self.strides, self.dilation, count[-len(self.size) :])):
            yield number, slices

    def vmap(self, size: int, args: tuple[Any, ...], dims: tuple[int | None, ...]) -> tuple[Any, Any]:
        return bind(self, *[batched(x, d, size) for x, d in zip(args, dims, strict=True)]), 0


class WindowReduction(Window, abstract=True):
    """A ufunc folded over each window, one axis after the other."""

    ufunc: ClassVar[Any]

    def aval(self, x: Aval) -> Aval:
        return aval(self.pooled(x.shape), x.dtype, False, False)

    def eval(self, x: Any) -> Any:
        fold = type(self).ufunc
        for axis, size, stride, dilation in zip(range(-len(self.size), 0), self.size, self.strides, self.dilation, strict=True):
            span = (places(x.shape[axis], size, stride, dilation) - 1) * stride + 1
            rest = (slice(None),) * (-1 - axis)
            rows = [x[(..., slice(k * dilation, k * dilation + span, stride), *rest)] for k in range(size)]
            x = fold(rows[0], rows[1]) if size > 1 else rows[0].copy()
            for row in rows[2:]:
                fold(x, row, out=x)
        return x

    @classmethod
    def examples(cls) -> list[Any]:
        x = np.random.default_rng(0).normal(0, 2, (2, 5, 6))  # no ties
        return [
            (cls((2, 2), (2, 2), (1, 1)), (x,)),
            (cls((3, 1), (1, 2), (2, 1)), (x.astype(np.float32),)),
            (cls((2,), (1,), (3,)), (x[0, 0],)),
            (cls((2, 2), (2, 3), (1, 1)), (x[:0],)),
            (cls((2, 2), (1, 1), (1, 1)), (np.arange(12).reshape(3, 4),)),
        ]


class WindowSum(WindowReduction):
    """The sum over each window, in the dtype of x."""

    ufunc = np.add

    def jvp(self, primals: tuple[Any, ...], tangents: tuple[Any, ...], out: Any) -> Any:
        return bind(self, *tangents)

    def transpose(self, ct: Any, x: Linear) -> tuple[Any, ...]:
        return (bind(WindowSpread(self.size, self.strides, self.dilation, x.shape[-len(self.size) :]), ct),)

    @classmethod
    def examples(cls) -> list[Any]:
        found = super().examples()
        op, (x,) = found[0]
        return [*found, (op, (x * (1 + 2j),))]


class WindowSpread(Window):
    """What WindowSum transposes to: every element is added to all places of its window, in an array of spatial shape `into`."""

    into: Sizes

    def aval(self, ct: Aval) -> Aval:
        return aval(self.spread(ct.shape), ct.dtype, False, False)

    def spread(self, shape: Sizes) -> Sizes:
        """The shape of the result."""
        out = (*shape[: -len(self.size)], *self.into)
        if self.pooled(out) != shape:
            raise ShapeError(at_line(f"{self}: an operand of shape {shape}"))
        return out

    def eval(self, ct: Any) -> Any:
        out = np.zeros(self.spread(ct.shape), ct.dtype)
        for _, place in self.taps(ct.shape):
            out[place] += ct
        return out

    def jvp(self, primals: tuple[Any, ...], tangents: tuple[Any, ...], out: Any) -> Any:
        return bind(self, *tangents)

    def transpose(self, ct: Any, x: Linear) -> tuple[Any, ...]:
        return (bind(WindowSum(self.size, self.strides, self.dilation), ct),)

    @classmethod
    def examples(cls) -> list[Any]:
        found = [(op, args) for op, args in WindowSum.examples() if args[0].dtype.kind in "fc"]
        return [(cls(op.size, op.strides, op.dilation, x.shape[-len(op.size) :]), (op.eval(x),)) for op, (x,) in found]


class WindowMax(WindowReduction):
    """The maximum over each window; nan where it has one. The derivative is that of the first element that reaches it.

    pads: how many elements before and after each axis are padding, to which no derivative goes.
    """

    pads: tuple[tuple[int, int], ...] = ()

    ufunc = np.maximum

    def jvp(self, primals: tuple[Any, ...], tangents: tuple[Any, ...], out: Any) -> Any:
        if not out.a.inexact:
            return None
        winner = bind(WindowWinner(self.size, self.strides, self.dilation, self.pads), primals[0], out)
        return bind(WindowPick(self.size, self.strides, self.dilation), tangents[0], winner)


class WindowWinner(Window):
    """The number of the first element of each window of x, padding left out, that is the maximum, the second operand."""

    pads: tuple[tuple[int, int], ...] = ()

    nin = 2

    def aval(self, x: Aval, largest: Aval) -> Aval:
        return aval(self.pooled(x.shape), self.number, False, False)

    @property
    def number(self) -> np.dtype[Any]:
        """The smallest dtype that counts the elements of a window."""
        return np.min_scalar_type(math.prod(self.size) - 1)

    def eval(self, x: Any, largest: Any) -> Any:
        out = np.zeros(largest.shape, self.number)
        found = np.zeros(largest.shape, np.bool_)
        undefined = bool(np.isnan(largest).any())
        inside = self.inside(x.shape) if self.pads and np.isneginf(largest).any() else None  # else no padding is a maximum
        for _, place in list(self.taps(largest.shape))[:-1]:  # count the elements before the first that is the maximum
            equal = x[place] == largest
            found |= equal if inside is None else equal & inside[place]
            if undefined:
                found |= np.isnan(x[place])
            np.add(out, ~found, out=out, casting="unsafe")
        return out

    def inside(self, shape: Sizes) -> Any:
        """Where a padded array of this shape is not padding."""
        sizes = [n - before - after for n, (before, after) in zip(shape[-len(self.pads) :], self.pads, strict=True)]
        return np.pad(np.ones(sizes, np.bool_), self.pads)

    def jvp(self, primals: tuple[Any, ...], tangents: tuple[Any, ...], out: Any) -> Any:
        return None

    @classmethod
    def examples(cls) -> list[Any]:
        found = [(cls(op.size, op.strides, op.dilation), (x, op.eval(x))) for op, (x,) in WindowMax.examples()]
        x = np.array([[1.0, 1.0, 0.0, np.nan], [np.nan, 0.0, 2.0, 2.0]])
        return [*found, (cls((2,), (1,), (1,)), (x, np.maximum(x[:, 1:], x[:, :-1])))]


def only(x: Any, mask: Any, clean: bool) -> Any:
    """x where the mask is true, else 0. clean: x is finite; then a product does it, in 0.3 of the time."""
    return x * mask if clean else np.where(mask, x, x.dtype.type(0))


class WindowPick(Window):
    """From each window the element whose number the second operand gives."""

    nin = 2

    def aval(self, x: Aval, winner: Aval) -> Aval:
        return aval(self.pooled(x.shape), x.dtype, False, False)

    def eval(self, x: Any, winner: Any) -> Any:
        out = np.zeros(winner.shape, x.dtype)
        clean = bool(np.isfinite(x).all())
        for k, place in self.taps(winner.shape):
            out += only(x[place], winner == k, clean)
        return out

    def jvp(self, primals: tuple[Any, ...], tangents: tuple[Any, ...], out: Any) -> Any:
        return bind(self, tangents[0], primals[1])

    def transpose(self, ct: Any, x: Any, winner: Any) -> tuple[Any, ...]:
        op = WindowPlace(self.size, self.strides, self.dilation, x.shape[-len(self.size) :])
        return bind(op, ct, winner), None

    @classmethod
    def examples(cls) -> list[Any]:
        return [
            (cls(op.size, op.strides, op.dilation), (args[0] * (1 - 1j) if k == 0 else args[0], op.eval(*args)))
            for k, (op, args) in enumerate(WindowWinner.examples()[:4])
        ]


class WindowPlace(Window):
    """What WindowPick transposes to: each element is added to the place in its window that the second operand gives."""

    into: Sizes
    nin = 2

    def aval(self, ct: Aval, winner: Aval) -> Aval:
        return aval((*ct.shape[: -len(self.size)], *self.into), ct.dtype, False, False)

    def eval(self, ct: Any, winner: Any) -> Any:
        out = np.zeros((*ct.shape[: -len(self.size)], *self.into), ct.dtype)
        clean = bool(np.isfinite(ct).all())
        for k, place in self.taps(ct.shape):
            out[place] += only(ct, winner == k, clean)
        return out

    def jvp(self, primals: tuple[Any, ...], tangents: tuple[Any, ...], out: Any) -> Any:
        return bind(self, tangents[0], primals[1])

    def transpose(self, ct: Any, x: Any, winner: Any) -> tuple[Any, ...]:
        return bind(WindowPick(self.size, self.strides, self.dilation), ct, winner), None

    @classmethod
    def examples(cls) -> list[Any]:
        return [
            (cls(op.size, op.strides, op.dilation, x.shape[-len(op.size) :]), (op.eval(x, winner), winner))
            for op, (x, winner) in WindowPick.examples()
        ]


__all__ = [
    "Sizes", "WindowMax", "WindowPick", "WindowPlace", "WindowSpread", "WindowSum", "WindowWinner", "places", "taps",
]  # fmt: skip
