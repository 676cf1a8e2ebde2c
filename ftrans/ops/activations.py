"""What networks apply to their scores: relu, softmax and its logarithm, exact for numbers of any size, infinities included.

In softmax an element at the maximum, infinite or not, counts as e**0. So -inf is a class that cannot occur, +inf one that is
certain, and equal infinities share the probability: it is always a distribution.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.aval import Aval, aval
from ..core.bind import bind, unary
from ..core.primitive import Primitive
from ..errors import DtypeError, at_line
from .comparison import equal, less_equal
from .exponential import exp, log
from .pointwise import Unary, div, mul, select, sub
from .reductions import arrays, kept, reduce_max
from .structural import move_axis, reduce_sum, reshape


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

    def below(self, x: Any) -> Any:
        """As `below_maximum`, recorded."""
        largest = reshape(reduce_max(x, (self.axis,)), kept(x.shape, (self.axis,)))
        return select(equal(x, largest), x.a.dtype.type(0), sub(x, largest))

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
        e = exp(self.below(x))
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
        below = self.below(x)
        return sub(below, log(self.total(exp(below))))

    def jvp(self, primals: tuple[Any, ...], tangents: tuple[Any, ...], out: Any) -> Any:
        return sub(tangents[0], self.total(mul(exp(out), tangents[0])))


relu = unary(Relu())

__all__ = ["LogSoftmax", "Relu", "Softmax", "relu"]
