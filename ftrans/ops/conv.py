"""Convolution of images and sequences: one primitive, Conv, for three maps that are transposes of each other.

In T(x, w, y) = sum of x[n, c, p * stride + k * dilation] * w[o, c, k] * y[n, o, p] the derivative along y is the convolution of x
and w, the one along w is the gradient of the weights, the one along x the transposed convolution. Each is linear in both of its
operands, and each transpose is another of the three.

All windows of a block of images are laid out as a matrix, and BLAS multiplies it by the weights.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided

from ..core.aval import Aval, aval, promote
from ..core.bind import bind
from ..core.primitive import Linear, Primitive
from ..errors import ShapeError, at_line
from .elementwise import add
from .indexing import batched
from .structural import aval_of_any, fit, reshape, transpose
from .windows import Sizes, places, taps

Pads = tuple[tuple[int, int], ...]

BLOCK = 1 << 22  # bytes of windows laid out at once: 1.6 to 2.6 ms for the gradients of 32 images, 2.2 to 2.7 with a quarter of it

OTHERS = {"y": ("x", "w"), "w": ("x", "y"), "x": ("w", "y")}  # what each of the three is made of


class Conv(Primitive):
    """One of x (n, c, *s), w (o, c / groups, *k) and y (n, o, *p), made of the other two in this order; see the module.

    result: "x", "w" or "y".
    padding: zeros before and after x along each axis.
    groups: the channels of x and of y are cut into so many groups, and group i of y sees group i of x alone.
    size: the spatial sizes of the result; those of x and w do not follow from the operands where strides leave a rest.
    """

    result: str
    strides: Sizes
    padding: Pads
    dilation: Sizes
    groups: int
    size: Sizes
    nin = 2

    def aval(self, a: Aval, b: Aval) -> Aval:
        shapes = dict(zip(OTHERS[self.result], (a.shape, b.shape), strict=True))
        first, second = shapes.values()
        d, g = len(self.strides), self.groups
        fits = len(first) == len(second) == d + 2
        if fits and self.result == "y":
            x, w = first, second
            fits = x[1] == w[1] * g and w[0] % g == 0
            out: Sizes = (x[0], w[0], *self.size)
        elif fits and self.result == "w":
            x, y = first, second
            fits = x[0] == y[0] and x[1] % g == 0 and y[1] % g == 0
            out = (y[1], x[1] // g, *self.size)
        elif fits:
            w, y = first, second
            fits = w[0] == y[1] and w[0] % g == 0
            out = (y[0], w[1] * g, *self.size)
        if fits:
            x, w, y = [{**shapes, self.result: out}[role][2:] for role in "xwy"]
            padded = [n + low + high for n, (low, high) in zip(x, self.padding, strict=True)]
            fits = y == tuple(map(places, padded, w, self.strides, self.dilation))
        if not fits:
            raise ShapeError(at_line(f"{self}: operands of shapes {first} and {second}"))
        return aval(out, promote(a, b), False, False)

    def eval(self, a: Any, b: Any) -> Any:
        dtype = np.result_type(a, b)
        a, b = np.asarray(a, dtype), np.asarray(b, dtype)
        return {"y": self.make_y, "w": self.make_w, "x": self.make_x}[self.result](a, b)

    def padded(self, x: Any) -> Any:
        """x (n, groups, c, *s) inside of its zeros."""
        if not any(itertools.chain(*self.padding)):
            return x
        out = np.zeros((*x.shape[:3], *[n + a + b for n, (a, b) in zip(x.shape[3:], self.padding, strict=True)]), x.dtype)
        self.inside(out)[...] = x
        return out

    def inside(self, x: Any) -> Any:
        """The part of a padded x that is not padding."""
        return x[(..., *[slice(a, n - b) for n, (a, b) in zip(x.shape[3:], self.padding, strict=True)])]

    def make_y(self, x: Any, w: Any) -> Any:
        x, w = self.padded(grouped(x, 1, self.groups)), grouped(w, 0, self.groups)
        y = np.empty((x.shape[0], *w.shape[:2], *self.size), x.dtype)
        matrix = w.reshape(*w.shape[:2], math.prod(w.shape[2:]))
        for block, columns in self.blocks(x, w.shape, y):
            y[block] = np.matmul(matrix, columns).reshape(y[block].shape)
        return ungrouped(y, 1)

    def make_w(self, x: Any, y: Any) -> Any:
        x, y = self.padded(grouped(x, 1, self.groups)), grouped(y, 1, self.groups)
        shape = (*y.shape[1:3], x.shape[2], *self.size)
        # y is transposed, not the windows: up to 1.5 times as fast
        w = np.zeros((shape[0], math.prod(shape[2:]), shape[1]), x.dtype)
        for block, columns in self.blocks(x, shape, y):
            part = y[block].reshape(*columns.shape[:2], shape[1], columns.shape[-1])
            w += np.matmul(columns, part.swapaxes(2, 3)).sum(axis=0)
        return ungrouped(np.ascontiguousarray(w.swapaxes(1, 2)).reshape(shape), 0)

    def make_x(self, w: Any, y: Any) -> Any:
        w, y = grouped(w, 0, self.groups), grouped(y, 1, self.groups)
        padded = tuple([n + a + b for n, (a, b) in zip(self.size, self.padding, strict=True)])
        longer = math.prod(padded[1:]) / max(math.prod(y.shape[4:]), 1)
        flat = set(self.strides) == {1} and 1 < longer <= 2 and np.isfinite(w).all()  # flat, 0 * w must be 0
        x = self.spread_flat(w, y, padded) if flat else self.spread(w, y, padded)
        return ungrouped(np.ascontiguousarray(self.inside(x)), 1)

    def spread(self, w: Any, y: Any, padded: Sizes) -> Any:
        """Each element of y, times the weights, added to its window of a padded x."""
        x = np.zeros((y.shape[0], self.groups, w.shape[2], *padded), y.dtype)
        matrix = transposed(w)
        for n, rows in blocks(y.shape[0], y.shape[3:], matrix.shape[0] * matrix.shape[1] * y.itemsize):
            part = y[n, :, :, rows]
            columns = np.matmul(matrix, part.reshape(*part.shape[:3], math.prod(part.shape[3:])))
            columns = columns.reshape(*part.shape[:2], *w.shape[2:], *part.shape[3:])
            target = x[n, :, :, rows.start * self.strides[0] :]
            for k, place in taps(w.shape[3:], self.strides, self.dilation, part.shape[3:]):
                target[place] += columns[(slice(None),) * 3 + k]
        return x

    def spread_flat(self, w: Any, y: Any, padded: Sizes) -> Any:
        """As `spread`, for strides of 1: where the rows of y are as long as those of x, which takes zeros, all that one weight
        makes is added to one stretch of memory. Up to 1.6 times as fast."""
        row = math.prod(padded[1:])
        steps = [math.prod(padded[k + 1 :]) * g for k, g in enumerate(self.dilation)]
        shifts = {k: sum(map(math.prod, zip(k, steps, strict=True))) for k in np.ndindex(*w.shape[3:])}
        wide = np.zeros((*y.shape[:4], *padded[1:]), y.dtype)
        wide[tuple(map(slice, y.shape))] = y
        x = np.zeros((y.shape[0], self.groups, w.shape[2], y.shape[3] * row + max(shifts.values())), y.dtype)
        matrix = transposed(w)
        for n, rows in blocks(y.shape[0], wide.shape[3:], matrix.shape[0] * matrix.shape[1] * y.itemsize):
            part = wide[n, :, :, rows].reshape(-1, *y.shape[1:3], (rows.stop - rows.start) * row)
            columns = np.matmul(matrix, part).reshape(*part.shape[:2], *w.shape[2:], part.shape[3])
            target = x[n, :, :, rows.start * row :]
            for k, shift in shifts.items():
                target[..., shift : shift + part.shape[3]] += columns[(slice(None),) * 3 + k]
        return x[..., : math.prod(padded)].reshape(*x.shape[:3], *padded)

    def blocks(self, x: Any, w: Sizes, y: Any) -> Iterator[tuple[Any, Any]]:
        """Where a block of y lies, and the windows that it is made of as a matrix: (n, groups, w[2:], places)."""
        for n, rows in blocks(x.shape[0], y.shape[3:], math.prod((w[0], *w[2:])) * x.itemsize):
            part = x[n, :, :, rows.start * self.strides[0] :]
            count = (rows.stop - rows.start, *y.shape[4:])
            seen = windows(part, w[3:], self.strides, self.dilation, count)
            yield (n, slice(None), slice(None), rows), seen.reshape(*seen.shape[:2], math.prod(w[2:]), math.prod(count))

    def jvp(self, primals: tuple[Any, ...], tangents: tuple[Any, ...], out: Any) -> Any:
        (a, b), (ta, tb) = primals, tangents
        if not out.a.inexact:
            return None
        left = None if ta is None else fit(bind(self, ta, b), out.a)
        right = None if tb is None else fit(bind(self, a, tb), out.a)
        return left if right is None else right if left is None else add(left, right)

    def transpose(self, ct: Any, a: Any, b: Any) -> tuple[Any, ...]:
        names = OTHERS[self.result]
        wanted, given = names if isinstance(a, Linear) else names[::-1]
        asked, other = (a, b) if isinstance(a, Linear) else (b, a)
        op = Conv(wanted, self.strides, self.padding, self.dilation, self.groups, aval_of_any(asked).shape[2:])
        operands = {self.result: ct, given: other}
        back = fit(bind(op, *[operands[role] for role in OTHERS[wanted]]), asked.a)
        return (back, None) if isinstance(a, Linear) else (None, back)

    def vmap(self, size: int, args: tuple[Any, ...], dims: tuple[int | None, ...]) -> tuple[Any, Any]:
        names = OTHERS[self.result]
        moving = {self.result, *[role for role, d in zip(names, dims, strict=True) if d is not None]}
        if moving == {"x", "y"}:  # more images
            way, groups = "images", self.groups
        elif moving == {"w", "y"}:  # more channels in y
            way, groups = "channels", self.groups
        else:  # each example is a group of its own
            way, groups, moving = "groups", self.groups * size, {"x", "w", "y"}
        folded = [
            fold(batched(v, d, size), role, way, self.groups) if role in moving else v
            for role, v, d in zip(names, args, dims, strict=True)
        ]
        op = Conv(self.result, self.strides, self.padding, self.dilation, groups, self.size)
        return unfold(bind(op, *folded), self.result, way, self.groups, size), 0

    @classmethod
    def examples(cls) -> list[Any]:
        rng = np.random.default_rng(0)
        cases: list[tuple[Any, ...]] = [  # shapes of x and w, strides, padding, dilation, groups, dtype
            ((2, 3, 5, 4), (4, 3, 3, 2), (1, 1), ((0, 0), (0, 0)), (1, 1), 1, "f8"),
            ((2, 4, 6, 5), (6, 2, 2, 3), (2, 1), ((1, 0), (2, 1)), (2, 1), 2, "f8"),
            ((1, 2, 7), (2, 1, 3), (3,), ((1, 1),), (2,), 2, "f4"),
            ((2, 1, 3, 3), (1, 1, 3, 3), (1, 1), ((1, 1), (1, 1)), (1, 1), 1, "c16"),
            ((0, 2, 3), (2, 2, 1), (1,), ((0, 0),), (1,), 1, "f8"),
            ((2, 2, 3), (0, 2, 2), (1,), ((0, 0),), (1,), 1, "f8"),
            ((1, 1, 4), (2, 1, 2), (1,), ((0, 0),), (1,), 1, "i4"),
        ]
        found = []
        for x_shape, w_shape, strides, padding, dilation, groups, code in cases:
            size = [n + a + b for n, (a, b) in zip(x_shape[2:], padding, strict=True)]
            p = tuple(map(places, size, w_shape[2:], strides, dilation))
            shapes = {"x": x_shape, "w": w_shape, "y": (x_shape[0], w_shape[0], *p)}
            for role, others in OTHERS.items():
                op = cls(role, strides, padding, dilation, groups, shapes[role][2:])
                values = [rng.normal(0, 2, shapes[k]) * (1 + 2j if code == "c16" else 1) for k in others]
                found.append((op, tuple([v.astype(code) for v in values])))
        return found


def grouped(v: Any, axis: int, groups: int) -> Any:
    """An array with an axis of channels cut in two: groups, and the channels of each."""
    return v.reshape(*v.shape[:axis], groups, v.shape[axis] // groups, *v.shape[axis + 1 :])


def ungrouped(v: Any, axis: int) -> Any:
    """What `grouped` did, undone."""
    return v.reshape(*v.shape[:axis], v.shape[axis] * v.shape[axis + 1], *v.shape[axis + 2 :])


def transposed(w: Any) -> Any:
    """Weights (groups, o, c, *k) as matrices (groups, c * k, o)."""
    return np.ascontiguousarray(w.reshape(*w.shape[:2], math.prod(w.shape[2:])).swapaxes(1, 2))


def windows(x: Any, size: Sizes, strides: Sizes, dilation: Sizes, count: Sizes) -> Any:
    """A view of all windows: (..., *s) -> (..., *size, *count)."""
    lead, steps = x.strides[: -len(size)], x.strides[-len(size) :]
    inner = [a * b for a, b in zip(steps, dilation, strict=True)]
    outer = [a * b for a, b in zip(steps, strides, strict=True)]
    return as_strided(x, (*x.shape[: -len(size)], *size, *count), (*lead, *inner, *outer), writeable=False)


def blocks(n: int, count: Sizes, place: int) -> Iterator[tuple[slice, slice]]:
    """Images and rows of windows, cut so that a block of windows takes about BLOCK bytes. place: bytes of one window."""
    image = max(place * math.prod(count), 1)
    if image <= BLOCK:
        step = BLOCK // image
        for i in range(0, n, step):
            yield slice(i, min(i + step, n)), slice(0, count[0])
    else:
        step = max(BLOCK // (image // count[0]), 1)
        for i, k in itertools.product(range(n), range(0, count[0], step)):
            yield slice(i, i + 1), slice(k, min(k + step, count[0]))


def fold(v: Any, role: str, way: str, groups: int) -> Any:
    """An operand (batch, ...) of a convolution with its batch put among the images, the channels of y, or the groups."""
    b, rest = v.shape[0], v.shape[1:]
    if way == "images":
        return reshape(v, (b * rest[0], *rest[1:]))
    if way == "groups":
        front = v if role == "w" else transpose(v, (1, 0, *range(2, v.ndim)))
        axis = 0 if role == "w" else 1
        return reshape(front, (*rest[:axis], b * rest[axis], *rest[axis + 1 :]))
    axis = 0 if role == "w" else 1  # the channels of y: groups, batch, channels of a group
    split = reshape(v, (b, *rest[:axis], groups, rest[axis] // groups, *rest[axis + 1 :]))
    order = (*range(1, axis + 2), 0, *range(axis + 2, split.ndim))
    return reshape(transpose(split, order), (*rest[:axis], b * rest[axis], *rest[axis + 1 :]))


def unfold(v: Any, role: str, way: str, groups: int, b: int) -> Any:
    """What `fold` did, undone."""
    shape = v.shape
    if way == "images":
        return reshape(v, (b, shape[0] // b, *shape[1:]))
    axis = 0 if role == "w" else 1
    n = shape[axis] // b
    if way == "groups":
        split = reshape(v, (*shape[:axis], b, n, *shape[axis + 1 :]))
        return transpose(split, (axis, *range(axis), *range(axis + 1, split.ndim)))
    split = reshape(v, (*shape[:axis], groups, b, n // groups, *shape[axis + 1 :]))
    front = transpose(split, (axis + 1, *range(axis + 1), *range(axis + 2, split.ndim)))
    return reshape(front, (b, *shape[:axis], n, *shape[axis + 1 :]))


__all__ = ["Conv"]
