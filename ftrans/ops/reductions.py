"""Reductions and running reductions over axes: extrema, products, logic, positions of extrema, cumulative sums, logsumexp.

    reduce_max(x, (0, 1))       cumsum(x, axis=0)       argmax(x, axis=1)

Reduced axes are dropped. The sum itself is in structural, as derivative rules everywhere need it.
"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from ..core.aval import BOOL, INT, Aval, aval
from ..core.bind import bind
from ..core.primitive import Primitive
from ..errors import DtypeError, at_line
from .comparison import equal, isfinite, nonzero
from .exponential import exp, gap, log
from .indexing import Gather, Iota
from .pointwise import add, div, mul, select, sub
from .structural import Concatenate, Slice, dropped, move_axis, reduce_sum, reshape, sum_dtype, transpose


def kept(shape: tuple[int, ...], axes: tuple[int, ...]) -> tuple[int, ...]:
    """A shape with the reduced axes at size 1."""
    return tuple([1 if k in axes else n for k, n in enumerate(shape)])


def arrays() -> list[Any]:
    """Example arrays without ties."""
    x = np.array([[0.7, -1.3, 2.2, 1.6], [1.1, 0.4, -0.8, 2.9], [-2.1, 1.9, 0.2, -0.5]])
    return [x, x.astype(np.float32), x + 1j * x[::-1, ::-1], x[:, :1], x[:, :0], x.reshape(3, 2, 2)]


class Reduction(Primitive, abstract=True):
    """A reduction by a ufunc over axes, which are dropped."""

    axes: tuple[int, ...]
    ufunc: ClassVar[Any]

    def aval(self, x: Aval) -> Aval:
        shape = dropped(x.shape, self.axes)
        if self.ufunc.identity is None and not x.size and 0 not in shape:
            raise ValueError(
                at_line(
                    f"zero-size array to reduction operation {self.ufunc.__name__} which has no identity",
                    hint=f"the array has shape {x.shape}; give initial= for a result that is defined for no elements",
                )
            )
        return aval(shape, self.dtype(x.dtype))

    def dtype(self, dtype: np.dtype[Any]) -> np.dtype[Any]:
        """The dtype of the result."""
        return dtype

    def eval(self, x: Any) -> Any:
        return self.ufunc.reduce(x, axis=self.axes)

    def vmap(self, size: int, args: tuple[Any, ...], dims: tuple[int | None, ...]) -> tuple[Any, Any]:
        x = move_axis(args[0], dims[0], 0)
        return bind(type(self)(tuple([k + 1 for k in self.axes])), x), 0

    @classmethod
    def examples(cls) -> list[Any]:
        x, *_, cube = arrays()
        found = [(cls((1,)), (x,)), (cls((0, 1)), (x,)), (cls((0, 2)), (cube,)), (cls(()), (x,)), (cls(()), (np.array(1.5),))]
        found += [(cls((0,)), (y,)) for y in arrays()[1:5]]
        return [
            *found,
            (cls((1,)), (np.arange(6).reshape(2, 3),)),
            (cls((0,)), (np.array([1, 2], np.int8),)),
            (cls((0,)), (x > 0,)),
        ]


class ReduceExtremum(Reduction, abstract=True):
    """The largest or smallest; elements that share it share the derivative in equal parts."""

    def jvp(self, primals: tuple[Any, ...], tangents: tuple[Any, ...], out: Any) -> Any:
        (x,) = primals
        place = kept(x.shape, self.axes)
        one, zero = out.a.dtype.type(1), out.a.dtype.type(0)
        chosen = select(equal(x, reshape(out, place)), one, zero)
        share = div(chosen, reshape(reduce_sum(chosen, self.axes), place))
        return reduce_sum(mul(tangents[0], share), self.axes)


class ReduceMax(ReduceExtremum):
    ufunc = np.maximum
    reduction = "max"


class ReduceMin(ReduceExtremum):
    ufunc = np.minimum
    reduction = "min"


class ReduceProd(Reduction):
    """The product. Its derivative goes through a tree of products, which is right for zeros too."""

    ufunc = np.multiply
    reduction = "prod"

    def dtype(self, dtype: np.dtype[Any]) -> np.dtype[Any]:
        return sum_dtype(dtype)

    def jvp(self, primals: tuple[Any, ...], tangents: tuple[Any, ...], out: Any) -> Any:
        x, t = [rows_of(v, self.axes) for v in (primals[0], tangents[0])]
        n = x.shape[0]
        if n == 0:
            return None
        while n > 1:
            half = n // 2
            (a, b), (ta, tb) = [[rows(v, 0, half), rows(v, half, 2 * half)] for v in (x, t)]
            product, tangent = mul(a, b), add(mul(ta, b), mul(a, tb))
            if n % 2:
                product, tangent = join(product, rows(x, n - 1, n)), join(tangent, rows(t, n - 1, n))
            x, t, n = product, tangent, half + n % 2
        return reshape(t, out.shape)


def rows_of(x: Any, axes: tuple[int, ...]) -> Any:
    """x with the given axes in front, as one."""
    rest = [k for k in range(x.ndim) if k not in axes]
    moved = transpose(x, (*axes, *rest))
    count = 1
    for k in axes:
        count *= x.shape[k]
    return reshape(moved, (count, *[x.shape[k] for k in rest]))


def rows(x: Any, start: int, stop: int, axis: int = 0) -> Any:
    """x[start:stop]."""
    return bind(Slice(axis, start, stop), x)


def join(x: Any, y: Any, axis: int = 0) -> Any:
    """x and then y."""
    return bind(Concatenate(axis, 2), x, y)


class ReduceLogical(Reduction, abstract=True):
    """all or any, of booleans."""

    def dtype(self, dtype: np.dtype[Any]) -> np.dtype[Any]:
        if dtype != BOOL:
            raise DtypeError(at_line(f"{self.name} needs booleans, got {dtype}"))
        return BOOL

    def jvp(self, primals: tuple[Any, ...], tangents: tuple[Any, ...], out: Any) -> Any:
        return None

    @classmethod
    def examples(cls) -> list[Any]:
        x = np.array([[True, False, True], [True, True, True]])
        return [(cls((1,)), (x,)), (cls((0, 1)), (x,)), (cls(()), (x,)), (cls((1,)), (x[:, :0],)), (cls((0,)), (x[0],))]


class ReduceAnd(ReduceLogical):
    ufunc = np.logical_and
    reduction = "all"


class ReduceOr(ReduceLogical):
    ufunc = np.logical_or
    reduction = "any"


class ReduceBits(Reduction, abstract=True):
    """A bitwise operation over all elements: integers or booleans."""

    def dtype(self, dtype: np.dtype[Any]) -> np.dtype[Any]:
        if dtype.kind not in "iub":
            raise DtypeError(at_line(f"{self.name} needs integers or booleans, got {dtype}"))
        return dtype

    def jvp(self, primals: tuple[Any, ...], tangents: tuple[Any, ...], out: Any) -> Any:
        return None

    @classmethod
    def examples(cls) -> list[Any]:
        return [(op, args) for op, args in super().examples() if args[0].dtype.kind in "ib"] + [
            (cls((0, 1)), (np.arange(6, 12).reshape(2, 3).astype(np.uint8),)),
            (cls((0,)), (np.zeros((0, 2), int),)),
        ]


class ReduceBitAnd(ReduceBits):
    ufunc = np.bitwise_and
    reduction = "and"


class ReduceBitOr(ReduceBits):
    ufunc = np.bitwise_or
    reduction = "or"


class ReduceBitXor(ReduceBits):
    ufunc = np.bitwise_xor
    reduction = "xor"


class ArgExtremum(Primitive, abstract=True):
    """The position of the first extremum along an axis, which is dropped; nan counts as one."""

    axis: int
    finder: ClassVar[Any]

    def aval(self, x: Aval) -> Aval:
        shape = dropped(x.shape, (self.axis,))
        if x.shape[self.axis] == 0 and 0 not in shape:
            raise ValueError(at_line(f"attempt to get {self.name} of an empty sequence (axis {self.axis} of shape {x.shape})"))
        return aval(shape, INT)

    def eval(self, x: Any) -> Any:
        return type(self).finder(x, axis=self.axis)

    def jvp(self, primals: tuple[Any, ...], tangents: tuple[Any, ...], out: Any) -> Any:
        return None

    def vmap(self, size: int, args: tuple[Any, ...], dims: tuple[int | None, ...]) -> tuple[Any, Any]:
        return bind(type(self)(self.axis + 1), move_axis(args[0], dims[0], 0)), 0

    @classmethod
    def examples(cls) -> list[Any]:
        x = arrays()[0]
        return [(cls(1), (x,)), (cls(0), (x.astype(np.float32),)), (cls(0), (x[0],)), (cls(1), (x[:0],)), (cls(0), (np.arange(3),))]


class ArgMax(ArgExtremum):
    name = "argmax"
    reduction = "argmax"
    finder = staticmethod(np.argmax)


class ArgMin(ArgExtremum):
    name = "argmin"
    reduction = "argmin"
    finder = staticmethod(np.argmin)


class Cumulative(Primitive, abstract=True):
    """A running reduction along an axis."""

    axis: int
    ufunc: ClassVar[Any]

    def aval(self, x: Aval) -> Aval:
        return aval(x.shape, self.dtype(x.dtype), False, False)

    def dtype(self, dtype: np.dtype[Any]) -> np.dtype[Any]:
        """The dtype of the result."""
        return dtype

    def eval(self, x: Any) -> Any:
        return self.ufunc.accumulate(x, axis=self.axis)

    def shifted(self) -> Any:
        """The same along the next axis."""
        return type(self)(self.axis + 1)

    def vmap(self, size: int, args: tuple[Any, ...], dims: tuple[int | None, ...]) -> tuple[Any, Any]:
        return bind(self.shifted(), move_axis(args[0], dims[0], 0)), 0

    @classmethod
    def examples(cls) -> list[Any]:
        x = arrays()[0]
        found = [(cls(0), (y,)) for y in arrays()]
        return [*found, (cls(1), (x,)), (cls(0), (x[0],)), (cls(0), (np.arange(3, dtype=np.int8),)), (cls(0), (x[0] > 1,))]


class CumSum(Cumulative):
    """The running sum; with reverse=True it runs from the end."""

    reverse: bool = False
    name = "cumsum"
    ufunc = np.add

    def dtype(self, dtype: np.dtype[Any]) -> np.dtype[Any]:
        return sum_dtype(dtype)

    def eval(self, x: Any) -> Any:
        if self.reverse:
            return np.flip(np.add.accumulate(np.flip(x, self.axis), axis=self.axis), self.axis)
        return np.add.accumulate(x, axis=self.axis)

    def jvp(self, primals: tuple[Any, ...], tangents: tuple[Any, ...], out: Any) -> Any:
        return bind(self, *tangents)

    def transpose(self, ct: Any, x: Any) -> tuple[Any, ...]:
        return (bind(CumSum(self.axis, not self.reverse), ct),)

    def shifted(self) -> Any:
        return CumSum(self.axis + 1, self.reverse)

    @classmethod
    def examples(cls) -> list[Any]:
        return [*super().examples(), (cls(1, True), (arrays()[0],))]


class CumProd(Cumulative):
    """The running product. Its derivative doubles the reach of partial products step by step: no division, so zeros are fine."""

    name = "cumprod"
    ufunc = np.multiply

    def dtype(self, dtype: np.dtype[Any]) -> np.dtype[Any]:
        return sum_dtype(dtype)

    def jvp(self, primals: tuple[Any, ...], tangents: tuple[Any, ...], out: Any) -> Any:
        (x,), (t,) = primals, tangents
        axis, n, reach = self.axis, primals[0].shape[self.axis], 1
        while reach < n:  # x[i] is the product of the last `reach` elements up to i, t[i] its tangent
            before, here = rows(x, 0, n - reach, axis), rows(x, reach, n, axis)
            t_before, t_here = rows(t, 0, n - reach, axis), rows(t, reach, n, axis)
            moved = add(mul(t_before, here), mul(before, t_here))
            x = join(rows(x, 0, reach, axis), mul(before, here), axis)
            t = join(rows(t, 0, reach, axis), moved, axis)
            reach *= 2
        return t


class CumExtremum(Cumulative, abstract=True):
    """The running extremum; the derivative is that of the last element that reached it."""

    def jvp(self, primals: tuple[Any, ...], tangents: tuple[Any, ...], out: Any) -> Any:
        (x,) = primals
        at = iota(x.shape, self.axis)
        reached = select(equal(x, out), at, np.int64(0))
        return take_along(tangents[0], bind(CumMax(self.axis), reached), self.axis)


class CumMax(CumExtremum):
    name = "cummax"
    ufunc = np.maximum


class CumMin(CumExtremum):
    name = "cummin"
    ufunc = np.minimum


class LogSumExp(Reduction):
    """log(sum(exp(x))) without overflow; -inf for no elements, and the derivative of infinite elements is finite."""

    name = "logsumexp"
    ufunc = np.logaddexp

    def aval(self, x: Aval) -> Aval:
        if not x.inexact:
            raise DtypeError(at_line(f"logsumexp needs floating or complex numbers, got {x}"))
        return aval(dropped(x.shape, self.axes), x.dtype)

    def eval(self, x: Any) -> Any:
        largest = np.max(np.real(x), axis=self.axes, keepdims=True, initial=-np.inf)
        largest = np.where(np.isfinite(largest), largest, largest.dtype.type(0))
        with np.errstate(divide="ignore"):
            out = np.log(np.add.reduce(np.exp(x - largest), axis=self.axes))
        return out + largest.reshape(out.shape)[()]

    def jvp(self, primals: tuple[Any, ...], tangents: tuple[Any, ...], out: Any) -> Any:
        (x,) = primals
        weights = exp(gap(x, reshape(out, kept(x.shape, self.axes))))
        return reduce_sum(mul(tangents[0], weights), self.axes)

    def expand(self, x: Any) -> Any:
        """By its parts, for real numbers."""
        if x.a.dtype.kind == "c":
            return None
        largest = reduce_max(x, self.axes)
        largest = select(isfinite(largest), largest, largest.a.dtype.type(0))
        moved = exp(sub(x, reshape(largest, kept(x.shape, self.axes))))
        return add(log(reduce_sum(moved, self.axes)), largest)

    @classmethod
    def examples(cls) -> list[Any]:
        return [(op, args) for op, args in super().examples() if args[0].dtype.kind in "fc"]


def iota(shape: tuple[int, ...], axis: int) -> Any:
    """The position along one axis, shaped to broadcast against an array of this shape."""
    place = [1] * len(shape)
    place[axis] = shape[axis]
    return reshape(bind(Iota(shape[axis], INT)), place)


def take_along(x: Any, indices: Any, axis: int) -> Any:
    """x at indices along one axis, other axes matched: numpy.take_along_axis for indices that are in bounds."""
    places = [indices if k == axis else iota(indices.shape, k) for k in range(x.ndim)]
    return bind(Gather(tuple(range(x.ndim)), "no"), x, *places)


def reduce_max(x: Any, axes: tuple[int, ...]) -> Any:
    """The largest elements over axes."""
    return bind(ReduceMax(axes), x)


def reduce_min(x: Any, axes: tuple[int, ...]) -> Any:
    """The smallest elements over axes."""
    return bind(ReduceMin(axes), x)


def reduce_prod(x: Any, axes: tuple[int, ...]) -> Any:
    """The product over axes."""
    return bind(ReduceProd(axes), x)


def reduce_and(x: Any, axes: tuple[int, ...]) -> Any:
    """Whether all elements over axes are true (different from zero)."""
    return bind(ReduceAnd(axes), nonzero(x))


def reduce_or(x: Any, axes: tuple[int, ...]) -> Any:
    """Whether any element over axes is true (different from zero)."""
    return bind(ReduceOr(axes), nonzero(x))


def reduce_bits(x: Any, axes: tuple[int, ...], ufunc: np.ufunc) -> Any:
    """A bitwise ufunc over axes."""
    (kind,) = [kind for kind in (ReduceBitAnd, ReduceBitOr, ReduceBitXor) if kind.ufunc is ufunc]
    return bind(kind(axes), x)


def logsumexp(x: Any, axes: tuple[int, ...]) -> Any:
    """log(sum(exp(x))) over axes, in floating point."""
    return bind(LogSumExp(axes), x)


def cumsum(x: Any, axis: int, reverse: bool = False) -> Any:
    """The running sum along an axis, from the end with reverse=True."""
    return bind(CumSum(axis, reverse), x)


__all__ = [
    "ArgMax", "ArgMin", "CumMax", "CumMin", "CumProd", "CumSum", "LogSumExp", "ReduceAnd", "ReduceBitAnd", "ReduceBitOr",
    "ReduceBitXor", "ReduceMax", "ReduceMin", "ReduceOr", "ReduceProd", "cumsum", "iota", "kept", "logsumexp", "reduce_and",
    "reduce_bits", "reduce_max", "reduce_min", "reduce_or", "reduce_prod", "take_along",
]  # fmt: skip
