"""Pointwise operations: the base class, and the few operations that all derivative rules are written with.

A pointwise primitive states its ufunc and its derivative, everything else follows:

    class Sin(Unary):
        ufunc = np.sin
        def partial(self, k, out, x): return cos(x)

Write `partial` (the derivative with respect to operand k) or `along` (tangent in, tangent out) where that is shorter; `domain`
says where the operation is smooth, for the examples that the laws are tested on.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np

from ..core.aval import BOOL, Aval, aval
from ..core.bind import binary, bind, unary
from ..core.primitive import Linear, Primitive
from ..errors import DtypeError, ShapeError, at_line
from .structural import convert, fit, move_axis, reshape, unbroadcast

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


def loop_dtypes(
    ufunc: np.ufunc, avals: tuple[Aval, ...], dtype: Any = None, casting: Any = "same_kind"
) -> tuple[np.dtype[Any], ...]:
    """The dtypes of NumPy's inner loop for these operands: what each is converted to, then the result's.

    dtype: that of the result, as in `np.add(x, y, dtype=...)`.
    """
    given = tuple([PYTHON[a.dtype.kind] if a.weak and a.dtype.kind != "b" else a.dtype for a in avals])
    if not any([isinstance(g, np.dtype) for g in given]):
        given = tuple([np.dtype(g) for g in given])
    options = {} if dtype is None else {"signature": (*[None] * len(given), *[np.dtype(dtype)] * ufunc.nout), "casting": casting}
    try:
        return ufunc.resolve_dtypes((*given, *[None] * ufunc.nout), **options)
    except TypeError:
        names = ", ".join([str(a) for a in avals])
        wanted = "" if dtype is None else f" with dtype={np.dtype(dtype)} and casting={casting!r}"
        raise DtypeError(at_line(f"{ufunc.__name__} is not defined for {names}{wanted}", hint=DTYPE_HINTS.get(ufunc, ""))) from None


DTYPE_HINTS = {
    np.subtract: "of booleans: use ^ or np.logical_xor",
    np.negative: "of booleans: use ~ or np.logical_not",
}


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
    """An operation on elements, with NumPy's broadcasting and dtypes.

    differentiable: False where the result is constant between its jumps.
    domain: (low, high) for each operand (the last counts for all further ones), inside of which the operation is smooth.
    """

    ufunc: ClassVar[Any]
    broadcasts: ClassVar[bool] = True
    differentiable: ClassVar[bool] = True
    domain: ClassVar[tuple[tuple[float, float], ...]] = ((-2.0, 2.0),)

    def aval(self, *avals: Aval) -> Aval:
        return aval(broadcast_shape(self.name, avals), self.loops(*avals)[-1])

    def loops(self, *avals: Aval) -> tuple[np.dtype[Any], ...]:
        """The dtypes in which the elements are computed: one for each operand, then the result's."""
        return loop_dtypes(self.ufunc, avals)

    def eval(self, *args: Any) -> Any:
        return self.ufunc(*args)

    @property
    def direct(self) -> Any:
        return self.ufunc if type(self).eval is Pointwise.eval else self.eval

    def partial(self, k: int, out: Any, *args: Any) -> Any:
        """The derivative with respect to operand k, at args, where the result is `out`."""
        raise NotImplementedError(f"{self.name} has no partial derivatives")

    def jvp(self, primals: tuple[Any, ...], tangents: tuple[Any, ...], out: Any) -> Any:
        if not self.differentiable or not out.a.inexact:
            return None
        total = None
        for k, t in enumerate(tangents):
            term = None if t is None else self.along(k, t, out, primals)
            if term is not None:
                total = term if total is None else add(total, term)
        return None if total is None else fit(total, out.a)

    def along(self, k: int, t: Any, out: Any, primals: tuple[Any, ...]) -> Any:
        """The tangent of the result when operand k moves along t; None where that is zero."""
        return mul(t, self.partial(k, out, *primals))

    def vmap(self, size: int, args: tuple[Any, ...], dims: tuple[int | None, ...]) -> tuple[Any, Any]:
        if len(set(dims)) == 1 and len({x.ndim for x in args}) == 1:
            return bind(self, *args), dims[0]
        return bind(self, *align(size, args, dims)), 0

    def operand_dtypes(self, *avals: Aval) -> tuple[Any, ...]:
        return self.loops(*avals)[:-1]

    def lower(self, b: Any, *args: Any) -> Any:
        return getattr(b, self.ufunc.__name__)(*args)

    @classmethod
    def instances(cls) -> list[Any]:
        """Operations to make examples of."""
        return [cls()]

    @classmethod
    def examples(cls) -> list[Any]:
        """Operations with arguments from the interior of their domain: every kind of dtype, broadcast, 0-d, a scalar, empty."""
        out = []
        for op in cls.instances():
            n = op.nin
            kinds = [c for c in "dDfilB?" if accepts(op, c)]
            out += [(op, tuple([sample(op, k, (2, 3), c) for k in range(n)])) for c in kinds]
            c = kinds[0]
            out += [
                (op, tuple([sample(op, k, (), c) for k in range(n)])),
                (op, tuple([sample(op, k, (), c)[()] for k in range(n)])),
                (op, tuple([sample(op, k, (0, 3), c) for k in range(n)])),
            ]
            if n > 1:
                shapes = [(3,), (2, 1), (2, 3)]
                out.append((op, tuple([sample(op, k, shapes[k], c) for k in range(n)])))
                if len(kinds) > 1:
                    out.append((op, tuple([sample(op, k, (3,), kinds[k % 2]) for k in range(n)])))
        return out


def accepts(op: Pointwise, code: str) -> bool:
    """Whether an operation is defined for operands of a dtype."""
    try:
        op.aval(*[aval((2,), code, False, False)] * op.nin)
    except (DtypeError, ValueError):
        return False
    return True


def sample(op: Pointwise, k: int, shape: tuple[int, ...], code: str) -> Any:
    """Example values for operand k: the same in every run."""
    low, high = op.domain[min(k, len(op.domain) - 1)]
    rng = np.random.default_rng(k + 1)
    dtype = np.dtype(code)
    if dtype.kind in "iu":
        return rng.integers(1, 4, shape).astype(dtype)
    if dtype.kind == "b":
        return np.asarray(rng.integers(0, 2, shape)).astype(dtype)
    x = np.asarray(rng.uniform(low, high, shape))
    if dtype.kind == "c":
        x = x + 1j * rng.uniform(0.2, 0.5, shape)
    return np.asarray(x).astype(dtype)


class Unary(Pointwise, abstract=True):
    """A pointwise operation on one array."""

    nin = 1


class Binary(Pointwise, abstract=True):
    """A pointwise operation on two arrays."""

    nin = 2


class Step(Pointwise, abstract=True):
    """An operation whose derivative is zero wherever it exists."""

    differentiable = False


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
        right = unbroadcast(behind_mask(ct, neg), y.a) if isinstance(y, Linear) else None
        return left, right


class Mul(Binary):
    ufunc = np.multiply

    def along(self, k: int, t: Any, out: Any, primals: tuple[Any, ...]) -> Any:
        x, y = primals
        return mul(x, t) if k else mul(t, y)

    def transpose(self, ct: Any, x: Any, y: Any) -> tuple[Any, ...]:
        if isinstance(x, Linear):
            return unbroadcast(behind_mask(ct, lambda c: mul(c, y)), x.a), None
        return None, unbroadcast(behind_mask(ct, lambda c: mul(x, c)), y.a)


class Div(Binary):
    ufunc = np.true_divide
    domain = ((-2.0, 2.0), (0.5, 2.0))

    def along(self, k: int, t: Any, out: Any, primals: tuple[Any, ...]) -> Any:
        y = primals[1]
        return neg(mul(t, div(out, y))) if k else div(t, y)

    def transpose(self, ct: Any, x: Any, y: Any) -> tuple[Any, ...]:
        return unbroadcast(behind_mask(ct, lambda c: div(c, y)), x.a), None

    def lower(self, b: Any, x: Any, y: Any) -> Any:
        return b.divide(x, y)


class Neg(Unary):
    ufunc = np.negative

    def along(self, k: int, t: Any, out: Any, primals: tuple[Any, ...]) -> Any:
        return neg(t)

    def transpose(self, ct: Any, x: Linear) -> tuple[Any, ...]:
        return (behind_mask(ct, neg),)


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
        left = unbroadcast(masked(ct, c, True), x.a) if isinstance(x, Linear) else None
        right = unbroadcast(masked(ct, c, False), y.a) if isinstance(y, Linear) else None
        return None, left, right

    def vmap(self, size: int, args: tuple[Any, ...], dims: tuple[int | None, ...]) -> tuple[Any, Any]:
        return bind(self, *align(size, args, dims)), 0

    def operand_dtypes(self, *avals: Aval) -> tuple[Any, ...]:
        out = self.aval(*avals).dtype
        return avals[0].dtype, out, out

    def lower(self, b: Any, c: Any, x: Any, y: Any) -> Any:
        return b.where(c, x, y)

    @classmethod
    def examples(cls) -> list[Any]:
        c = np.array([[True, False, True], [False, False, True]])
        x, y = np.linspace(-2.0, 3.0, 6).reshape(2, 3), np.linspace(0.3, 1.7, 6).reshape(2, 3)
        return [
            (cls(), (c, x, y)),
            (cls(), (c, x * (1 - 1j), y * 1j)),
            (cls(), (c[0], x.astype(np.float32), y.astype(np.float32))),
            (cls(), (c, x[:, :1], y[0])),
            (cls(), (c, x, 0.0)),
            (cls(), (c, np.arange(3), np.array([5]))),
            (cls(), (c, ~c, c)),
            (cls(), (np.array(True), np.array(1.5), np.array(2.5))),
            (cls(), (c[:0], x[:0], y[:0])),
        ]


def select(c: Any, x: Any, y: Any) -> Any:
    """Elements of x where c is true, else of y."""
    return bind(Select(), c, x, y)


def masked(ct: Any, c: Any, chosen: bool) -> Any:
    """select(c, ct, 0), or with chosen=False select(c, 0, ct), remembered as such for `behind_mask`."""
    zero = ct.a.dtype.type(0)
    out = select(c, ct, zero) if chosen else select(c, zero, ct)
    out.t.masks[out.i] = (c, ct, chosen)
    return out


def behind_mask(ct: Any, linear: Callable[[Any], Any]) -> Any:
    """linear(ct) for a pointwise linear function, with the zeros that a `where` put into ct put into the result instead.

    In the transpose of where(x > 0, log(x), 0) a cotangent of zero meets the derivative 1/0 of the logarithm. What is not
    selected has no influence, so its cotangent is zero and not 0 * inf = nan. Moving the mask behind the factor says so, and
    costs nothing: the selection in front of it is dead code from then on.
    """
    known = ct.t.masks.get(ct.i)
    if known is None:
        return linear(ct)
    c, x, chosen = known
    return masked(linear(x), c, chosen)


add, sub, mul, div, neg = binary(Add()), binary(Sub()), binary(Mul()), binary(Div()), unary(Neg())

__all__ = [
    "Add", "Binary", "Div", "Mul", "Neg", "Pointwise", "Select", "Step", "Sub", "Unary",
    "add", "align", "behind_mask", "broadcast_shape", "convert", "div", "loop_dtypes", "masked", "mul", "neg", "select", "sub",
]  # fmt: skip
