"""Pointwise arithmetic, comparison and selection. A pointwise primitive states its ufunc and its partial derivatives.

    class Sin(Pointwise):
        ufunc = np.sin
        def partial(self, k, out, x): return cos(x)
"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from ..core.aval import BOOL, Aval, aval
from ..core.primitive import Linear, Primitive
from ..core.trace import bind, binary, unary
from ..errors import DtypeError, ShapeError, at_line
from .structural import broadcast, convert, fit, move_axis, reshape, unbroadcast

PYTHON: dict[str, Any] = {"f": float, "i": int, "b": bool, "c": complex}


def broadcast_shape(name: str, avals: tuple[Aval, ...]) -> tuple[int, ...]:
    """The shape of operands broadcast against each other, or the error that shows them."""
    shape = avals[0].shape
    if all([a.shape == shape for a in avals]):
        return shape
    try:
        return np.broadcast_shapes(*[a.shape for a in avals])
    except ValueError:
        shapes = " and ".join([str(a.shape) for a in avals])
        raise ShapeError(
            at_line(
                f"{name}: operands of shapes {shapes} do not broadcast together",
                hint="dimensions are matched from the right and must be equal or 1; x[:, None] adds an axis",
            )
        ) from None


def loop_dtypes(ufunc: np.ufunc, avals: tuple[Aval, ...]) -> tuple[np.dtype[Any], ...]:
    """The dtypes of NumPy's inner loop for these operands: what each is converted to, then the result's."""
    given = tuple([(bool if a.dtype.kind == "b" else PYTHON[a.dtype.kind]) if a.weak else a.dtype for a in avals])
    if bool in given:
        given = tuple([np.dtype(bool) if g is bool else g for g in given])
    if not any([isinstance(g, np.dtype) for g in given]):
        given = tuple([np.dtype(g) for g in given])
    try:
        return ufunc.resolve_dtypes((*given, *[None] * ufunc.nout))
    except TypeError:
        names = ", ".join([str(a) for a in avals])
        raise DtypeError(at_line(f"{ufunc.__name__} is not defined for {names}")) from None


def align(size: int, args: tuple[Any, ...], dims: tuple[int | None, ...]) -> list[Any]:
    """Operands of a broadcasting operation with the batch axis of each moved to a common front axis."""
    rank = max([x.ndim - (d is not None) for x, d in zip(args, dims, strict=True)])
    out = []
    for x, d in zip(args, dims, strict=True):
        if d is not None:
            x = move_axis(x, d, 0)
            if x.ndim - 1 < rank:
                x = reshape(x, (size, *[1] * (rank - x.ndim + 1), *x.shape[1:]))
        out.append(x)
    return out


class Pointwise(Primitive, abstract=True):
    """An operation on elements, with NumPy's broadcasting and dtypes."""

    ufunc: ClassVar[Any]
    differentiable: ClassVar[bool] = True

    def aval(self, *avals: Aval) -> Aval:
        return aval(broadcast_shape(self.name, avals), loop_dtypes(self.ufunc, avals)[-1])

    def eval(self, *args: Any) -> Any:
        return self.ufunc(*args)

    def partial(self, k: int, out: Any, *args: Any) -> Any:
        """The derivative with respect to operand k, at args, where the result is `out`."""
        raise NotImplementedError(f"{self.name} has no partial derivatives")

    def jvp(self, primals: tuple[Any, ...], tangents: tuple[Any, ...], out: Any) -> Any:
        if not self.differentiable or not out.a.inexact:
            return None
        total = None
        for k, t in enumerate(tangents):
            if t is not None:
                term = self.along(k, t, out, primals)
                total = term if total is None else add(total, term)
        return None if total is None else fit(total, out.a)

    def along(self, k: int, t: Any, out: Any, primals: tuple[Any, ...]) -> Any:
        """One term of the tangent."""
        return mul(t, self.partial(k, out, *primals))

    def vmap(self, size: int, args: tuple[Any, ...], dims: tuple[int | None, ...]) -> tuple[Any, Any]:
        if len(set(dims)) == 1 and len({x.ndim for x in args}) == 1:
            return bind(self, *args), dims[0]
        return bind(self, *align(size, args, dims)), 0

    def lower(self, b: Any, *args: Any) -> Any:
        return getattr(b, self.ufunc.__name__)(*args)


class Unary(Pointwise, abstract=True):
    """A pointwise operation on one array."""

    nin = 1


class Binary(Pointwise, abstract=True):
    """A pointwise operation on two arrays."""

    nin = 2


class Add(Binary):
    ufunc = np.add

    def along(self, k: int, t: Any, out: Any, primals: tuple[Any, ...]) -> Any:
        return fit(t, out.a)

    def transpose(self, ct: Any, x: Any, y: Any) -> tuple[Any, ...]:
        return tuple([unbroadcast(ct, z.a) if isinstance(z, Linear) else None for z in (x, y)])


class Sub(Binary):
    ufunc = np.subtract

    def along(self, k: int, t: Any, out: Any, primals: tuple[Any, ...]) -> Any:
        return fit(neg(t) if k else t, out.a)

    def transpose(self, ct: Any, x: Any, y: Any) -> tuple[Any, ...]:
        left = unbroadcast(ct, x.a) if isinstance(x, Linear) else None
        right = unbroadcast(neg(ct), y.a) if isinstance(y, Linear) else None
        return left, right


class Mul(Binary):
    ufunc = np.multiply

    def along(self, k: int, t: Any, out: Any, primals: tuple[Any, ...]) -> Any:
        x, y = primals
        return mul(x, t) if k else mul(t, y)

    def transpose(self, ct: Any, x: Any, y: Any) -> tuple[Any, ...]:
        if isinstance(x, Linear):
            return unbroadcast(mul(ct, y), x.a), None
        return None, unbroadcast(mul(x, ct), y.a)


class Div(Binary):
    ufunc = np.true_divide

    def along(self, k: int, t: Any, out: Any, primals: tuple[Any, ...]) -> Any:
        y = primals[1]
        return neg(mul(t, div(out, y))) if k else div(t, y)

    def transpose(self, ct: Any, x: Any, y: Any) -> tuple[Any, ...]:
        return unbroadcast(div(ct, y), x.a), None

    def lower(self, b: Any, x: Any, y: Any) -> Any:
        return b.divide(x, y)


class Neg(Unary):
    ufunc = np.negative

    def along(self, k: int, t: Any, out: Any, primals: tuple[Any, ...]) -> Any:
        return neg(t)

    def transpose(self, ct: Any, x: Linear) -> tuple[Any, ...]:
        return (neg(ct),)


class Comparison(Binary, abstract=True):
    """A pointwise test."""

    differentiable = False

    def jvp(self, primals: tuple[Any, ...], tangents: tuple[Any, ...], out: Any) -> Any:
        return None


class Less(Comparison):
    ufunc = np.less


class LessEqual(Comparison):
    ufunc = np.less_equal


class Greater(Comparison):
    ufunc = np.greater


class GreaterEqual(Comparison):
    ufunc = np.greater_equal


class Equal(Comparison):
    ufunc = np.equal


class NotEqual(Comparison):
    ufunc = np.not_equal


class Select(Primitive):
    """where(c, x, y): elements of x where c is true, else of y; x and y have one dtype unless Python scalars."""

    nin = 3

    def aval(self, c: Aval, x: Aval, y: Aval) -> Aval:
        if c.dtype != BOOL:
            raise DtypeError(at_line(f"where needs a boolean condition, got {c}"))
        (dtype, *_) = loop_dtypes(np.add, (x, y)) if x.dtype.kind != "b" or y.dtype.kind != "b" else (BOOL,)
        return aval(broadcast_shape("where", (c, x, y)), dtype, False, False)

    def eval(self, c: Any, x: Any, y: Any) -> Any:
        return np.where(c, x, y)

    def jvp(self, primals: tuple[Any, ...], tangents: tuple[Any, ...], out: Any) -> Any:
        c, _, _ = primals
        _, tx, ty = tangents
        if (tx is None and ty is None) or not out.a.inexact:
            return None
        zero = out.a.dtype.type(0)
        return fit(select(c, zero if tx is None else tx, zero if ty is None else ty), out.a)

    def transpose(self, ct: Any, c: Any, x: Any, y: Any) -> tuple[Any, ...]:
        zero = ct.a.dtype.type(0)
        left = unbroadcast(select(c, ct, zero), x.a) if isinstance(x, Linear) else None
        right = unbroadcast(select(c, zero, ct), y.a) if isinstance(y, Linear) else None
        return None, left, right

    def vmap(self, size: int, args: tuple[Any, ...], dims: tuple[int | None, ...]) -> tuple[Any, Any]:
        return bind(self, *align(size, args, dims)), 0

    def lower(self, b: Any, c: Any, x: Any, y: Any) -> Any:
        return b.where(c, x, y)


class Sin(Unary):
    ufunc = np.sin

    def partial(self, k: int, out: Any, x: Any) -> Any:
        return cos(x)


class Cos(Unary):
    ufunc = np.cos

    def partial(self, k: int, out: Any, x: Any) -> Any:
        return neg(sin(x))


class Tanh(Unary):
    ufunc = np.tanh

    def partial(self, k: int, out: Any, x: Any) -> Any:
        return sub(1.0, mul(out, out))


class Exp(Unary):
    ufunc = np.exp

    def partial(self, k: int, out: Any, x: Any) -> Any:
        return out


class Log(Unary):
    ufunc = np.log

    def along(self, k: int, t: Any, out: Any, primals: tuple[Any, ...]) -> Any:
        return div(t, primals[0])


add, sub, mul, div, neg = binary(Add()), binary(Sub()), binary(Mul()), binary(Div()), unary(Neg())
less, less_equal, greater = binary(Less()), binary(LessEqual()), binary(Greater())
greater_equal, equal, not_equal = binary(GreaterEqual()), binary(Equal()), binary(NotEqual())
sin, cos, tanh, exp, log = unary(Sin()), unary(Cos()), unary(Tanh()), unary(Exp()), unary(Log())


def select(c: Any, x: Any, y: Any) -> Any:
    """Elements of x where c is true, else of y."""
    return bind(Select(), c, x, y)


__all__ = ["Binary", "Comparison", "Pointwise", "Select", "Unary", "align", "broadcast", "broadcast_shape", "convert", "loop_dtypes"]
