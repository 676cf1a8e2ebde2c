"""What networks apply to their scores: relu, softmax, its logarithm, and that at labels; exact for any size, infinities included.

In softmax an element at the maximum, infinite or not, counts as e**0. So -inf is a class that cannot occur, +inf one that is
certain, and equal infinities share the probability: it is always a distribution.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.aval import INT, Aval, aval
from ..core.bind import bind, unary
from ..core.primitive import Primitive
from ..errors import DtypeError, ShapeError, at_line
from .comparison import equal, less_equal
from .exponential import exp, log
from .indexing import batched
from .pointwise import Unary, div, mul, select, sub
from .reductions import arrays, dropped, iota, kept, reduce_max, take_along
from .structural import convert, move_axis, reduce_sum, reshape


class Relu(Unary):
    """max(x, 0), whose derivative at 0 is 0; one operation, as it is one step of a network and one pass over memory."""

    ufunc = np.positive

    def loops(self, *avals: Aval) -> tuple[np.dtype[Any], ...]:
        if avals[0].dtype.kind == "c":
            raise DtypeError(at_line(f"relu needs real numbers, got {avals[0]}"))
        return super().loops(*avals)

    def eval(self, x: Any) -> Any:  # type: ignore[override]
        return np.maximum(x, 0)

    def along(self, k: int, t: Any, out: Any, primals: tuple[Any, ...]) -> Any:
        return select(less_equal(primals[0], 0.0), out.a.dtype.type(0), t)

    def lower(self, b: Any, x: Any) -> Any:
        return b.maximum(x, b.constant(0, x.dtype))


def below_maximum(x: Any, axis: int) -> Any:
    """x minus its maximum along an axis; 0 where it is the maximum."""
    largest = np.max(x, axis=axis, keepdims=True, initial=-np.inf)
    if np.isfinite(largest).all():
        return x - largest
    with np.errstate(invalid="ignore"):  # inf - inf
        return np.where(x == largest, largest.dtype.type(0), x - largest)


def below(x: Any, axis: int) -> Any:
    """As `below_maximum`, recorded."""
    largest = reshape(reduce_max(x, (axis,)), kept(x.shape, (axis,)))
    return select(equal(x, largest), x.a.dtype.type(0), sub(x, largest))


class Normalised(Primitive, abstract=True):
    """A function of all elements along an axis."""

    axis: int

    def aval(self, x: Aval) -> Aval:
        if x.dtype.kind != "f":
            raise DtypeError(at_line(f"{self.name} needs real floating-point numbers, got {x}"))
        return aval(x.shape, x.dtype, False, False)

    def vmap(self, size: int, args: tuple[Any, ...], dims: tuple[int | None, ...]) -> tuple[Any, Any]:
        return bind(type(self)(self.axis + 1), move_axis(args[0], dims[0], 0)), 0

    def total(self, x: Any) -> Any:
        """The sum along the axis, which is kept."""
        return reshape(reduce_sum(x, (self.axis,)), kept(x.shape, (self.axis,)))

    @classmethod
    def examples(cls) -> list[Any]:
        x = arrays()[0]
        rest = [(cls(1), (y,)) for y in arrays() if y.dtype.kind == "f"]
        return [(cls(0), (x,)), *rest, (cls(0), (400 * x[0],)), (cls(1), (np.array([[0.0, -np.inf], [-np.inf, 1.0]]),))]


class Softmax(Normalised):
    """exp(x) over its sum along an axis."""

    def eval(self, x: Any) -> Any:
        e = below_maximum(x, self.axis)
        np.exp(e, out=e)
        return np.divide(e, np.add.reduce(e, axis=self.axis, keepdims=True), out=e)

    def expand(self, x: Any) -> Any:  # type: ignore[override]
        if not x.shape[self.axis]:
            return None
        e = exp(below(x, self.axis))
        return div(e, self.total(e))

    def jvp(self, primals: tuple[Any, ...], tangents: tuple[Any, ...], out: Any) -> Any:
        moved = mul(out, tangents[0])
        return sub(moved, mul(out, self.total(moved)))


class LogSoftmax(Normalised):
    """The logarithm of softmax."""

    name = "log_softmax"

    def eval(self, x: Any) -> Any:
        below = below_maximum(x, self.axis)
        return np.subtract(below, np.log(np.add.reduce(np.exp(below), axis=self.axis, keepdims=True)), out=below)

    def expand(self, x: Any) -> Any:  # type: ignore[override]
        if not x.shape[self.axis]:
            return None
        moved = below(x, self.axis)
        return sub(moved, log(self.total(exp(moved))))

    def jvp(self, primals: tuple[Any, ...], tangents: tuple[Any, ...], out: Any) -> Any:
        return sub(tangents[0], self.total(mul(exp(out), tangents[0])))


class Labelled(Primitive, abstract=True):
    """A function of scores z and integer labels y, which are in bounds and have the shape of z without the axis."""

    axis: int
    nin = 2

    def check(self, z: Aval, y: Aval) -> None:
        """Raise unless the types are these."""
        if z.dtype.kind != "f" or y.dtype.kind not in "iu":
            raise DtypeError(at_line(f"{self.name} needs real floating-point numbers and integer labels, got {z} and {y}"))
        if y.shape != dropped(z.shape, (self.axis,)):
            raise ShapeError(at_line(f"{self.name}: scores of shape {z.shape} and labels of shape {y.shape}"))

    def at_labels(self, y: Any) -> tuple[Any, ...]:
        """The index of the labels' elements."""
        ndim = np.ndim(y)
        places = [np.arange(n).reshape(-1, *[1] * (ndim - 1 - k)) for k, n in enumerate(np.shape(y))]
        return (*places[: self.axis], y, *places[self.axis :])

    def vmap(self, size: int, args: tuple[Any, ...], dims: tuple[int | None, ...]) -> tuple[Any, Any]:
        z, y = [batched(v, d, size) for v, d in zip(args, dims, strict=True)]
        return bind(type(self)(self.axis + 1), z, y), 0

    @classmethod
    def examples(cls) -> list[Any]:
        x = np.random.default_rng(0).normal(size=(2, 3, 4))
        return [
            (cls(2), (x, np.array([[3, 0, 1], [1, 1, 2]]))),
            (cls(1), (x.astype(np.float32), np.array([[2, 0, 1, 0], [1, 1, 2, 0]], np.uint8))),
            (cls(0), (x[0, 0], np.array(1))),
            (cls(0), (400 * x[0], np.array([0, 2, 2, 1]))),
            (cls(1), (x[:0, 0], np.zeros(0, int))),
            (cls(0), (np.zeros((0, 0)), np.zeros(0, int))),
            (cls(0), (np.array([0.0, -np.inf, 1.0]), np.array(2))),
        ]


class LabelCost(Labelled):
    """-log(softmax(z)) at the labels. The derivative is its own primitive, so that it does not wait for this value."""

    def aval(self, z: Aval, y: Aval) -> Aval:
        self.check(z, y)
        return aval(y.shape, z.dtype)

    def eval(self, z: Any, y: Any) -> Any:
        below = below_maximum(z, self.axis)
        chosen = below[self.at_labels(y)]
        return np.log(np.add.reduce(np.exp(below, out=below), axis=self.axis)) - chosen

    def expand(self, z: Any, y: Any) -> Any:  # type: ignore[override]
        if not z.shape[self.axis]:
            return None
        largest = reduce_max(z, (self.axis,))
        chosen = reshape(take_along(z, reshape(y, kept(z.shape, (self.axis,))), self.axis), y.shape)
        chosen = select(equal(chosen, largest), z.a.dtype.type(0), sub(chosen, largest))
        return sub(log(reduce_sum(exp(below(z, self.axis)), (self.axis,))), chosen)

    def jvp(self, primals: tuple[Any, ...], tangents: tuple[Any, ...], out: Any) -> Any:
        return reduce_sum(mul(bind(LabelSlope(self.axis), *primals), tangents[0]), (self.axis,))


class LabelSlope(Labelled):
    """softmax(z) minus 1 at the labels: the derivative of `LabelCost`."""

    def aval(self, z: Aval, y: Aval) -> Aval:
        self.check(z, y)
        return aval(z.shape, z.dtype, False, False)

    def eval(self, z: Any, y: Any) -> Any:
        p = Softmax(self.axis).eval(z)
        p[self.at_labels(y)] -= 1
        return p

    def expand(self, z: Any, y: Any) -> Any:  # type: ignore[override]
        if not z.shape[self.axis]:
            return None
        p = Softmax(self.axis).expand(z)
        here = equal(iota(z.shape, self.axis), convert(reshape(y, kept(z.shape, (self.axis,))), INT))
        return select(here, sub(p, z.a.dtype.type(1)), p)  # put in by NumPy it takes 1.5 to 2 times as long

    def jvp(self, primals: tuple[Any, ...], tangents: tuple[Any, ...], out: Any) -> Any:
        softmax = Softmax(self.axis)
        return softmax.jvp(primals[:1], tangents[:1], bind(softmax, primals[0]))


relu = unary(Relu())

__all__ = ["LabelCost", "LabelSlope", "LogSoftmax", "Relu", "Softmax", "relu"]
