"""The laws catch wrong rules: each class below is a primitive with one deliberate mistake, and the law it must fail."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from laws import LAWS

from ftrans.core.aval import aval
from ftrans.core.bind import bind
from ftrans.core.primitive import Linear
from ftrans.ops.elementwise import Add, Cos, Div, Exp, Less, Mul, Select, Sin, Tanh, add, cos, div, mul, neg, select, sin, sub
from ftrans.ops.structural import (
    Broadcast,
    Concatenate,
    Convert,
    ReduceSum,
    Reshape,
    Slice,
    Transpose,
    broadcast,
    move_axis,
    reduce_sum,
    reshape,
    transpose,
    unbroadcast,
)

X = np.array([[0.5, 1.0, 1.5], [2.0, 2.5, 3.0]])
ROW = np.array([0.3, 0.7, 1.1])
Z = X + 1j * X[::-1]


# `abstract=True` keeps these out of the registry.


class WrongSign(Sin, abstract=True):
    def partial(self, k: int, out: Any, x: Any) -> Any:
        return neg(cos(x))


class MissingTerm(Mul, abstract=True):
    def jvp(self, primals: Any, tangents: Any, out: Any) -> Any:
        return mul(tangents[0], primals[1]) if tangents[0] is not None else None


class WrongOperand(Mul, abstract=True):
    def along(self, k: int, t: Any, out: Any, primals: Any) -> Any:
        return mul(t, primals[k])


class MissingFactor(Tanh, abstract=True):
    def partial(self, k: int, out: Any, x: Any) -> Any:
        return sub(1.0, out)


class SlightlyWrong(Exp, abstract=True):
    def partial(self, k: int, out: Any, x: Any) -> Any:
        return mul(out, 1.00001)


class Conjugated(Sin, abstract=True):
    """Right for real arguments only: the derivative of a holomorphic function has no conjugate."""

    def partial(self, k: int, out: Any, x: Any) -> Any:
        return sin(add(x, np.pi / 2)) if x.dtype.kind == "f" else neg(cos(x))


class ZeroDerivative(Sin, abstract=True):
    def jvp(self, primals: Any, tangents: Any, out: Any) -> Any:
        return None


class MissingQuotientTerm(Div, abstract=True):
    def along(self, k: int, t: Any, out: Any, primals: Any) -> Any:
        return div(t, primals[1]) if k == 0 else neg(mul(t, out))


class TransposeSign(ReduceSum, abstract=True):
    def transpose(self, ct: Any, x: Linear) -> Any:
        return (neg(super().transpose(ct, x)[0]),)


class MissingUnbroadcast(Mul, abstract=True):
    def transpose(self, ct: Any, x: Any, y: Any) -> Any:
        return (mul(ct, y), None) if isinstance(x, Linear) else (None, mul(x, ct))


class WrongConj(Mul, abstract=True):
    """The transpose is not the adjoint: no conjugation."""

    def transpose(self, ct: Any, x: Any, y: Any) -> Any:
        other = y if isinstance(x, Linear) else x
        flipped = bind(ConjForTest(), other)
        return (unbroadcast(mul(ct, flipped), x.a), None) if isinstance(x, Linear) else (None, unbroadcast(mul(flipped, ct), y.a))


class ConjForTest(Sin, abstract=True):
    ufunc = np.conjugate


class BroadcastWithoutSum(Broadcast, abstract=True):
    def transpose(self, ct: Any, x: Linear) -> Any:
        return (bind(Slice(0, 0, 1), ct) if ct.ndim == x.ndim else reshape(bind(Slice(0, 0, 1), ct), x.shape),)


class WrongInverse(Transpose, abstract=True):
    def transpose(self, ct: Any, x: Linear) -> Any:
        return (reshape(transpose(ct, self.perm), x.shape),)


class WrongBranch(Select, abstract=True):
    def transpose(self, ct: Any, c: Any, x: Any, y: Any) -> Any:
        zero = ct.a.dtype.type(0)
        left = unbroadcast(select(c, zero, ct), x.a) if isinstance(x, Linear) else None
        right = unbroadcast(select(c, ct, zero), y.a) if isinstance(y, Linear) else None
        return None, left, right


class WrongOffset(Concatenate, abstract=True):
    def transpose(self, ct: Any, *args: Any) -> Any:
        n = args[0].shape[self.axis]
        return tuple([bind(Slice(self.axis, 0, n), ct) for _ in args])


class WrongBatchAxis(ReduceSum, abstract=True):
    def vmap(self, size: int, args: Any, dims: Any) -> Any:
        return reduce_sum(move_axis(args[0], dims[0], 0), self.axes), 0


class ForgetsToMove(Transpose, abstract=True):
    def vmap(self, size: int, args: Any, dims: Any) -> Any:
        return transpose(args[0], (0, *[p + 1 for p in self.perm])), 0


class WrongResultAxis(Sin, abstract=True):
    def vmap(self, size: int, args: Any, dims: Any) -> Any:
        return sin(move_axis(args[0], dims[0], 0)), dims[0]


class RanksNotAligned(Add, abstract=True):
    """A batched vector meets a batched matrix: their batch axes must not be broadcast against other axes."""

    def vmap(self, size: int, args: Any, dims: Any) -> Any:
        moved = [x if d is None else move_axis(x, d, 0) for x, d in zip(args, dims, strict=True)]
        return add(*moved), 0


class BatchesIgnored(Reshape, abstract=True):
    def vmap(self, size: int, args: Any, dims: Any) -> Any:
        return reshape(args[0], (size, *self.shape)), 0


class WrongDtype(Less, abstract=True):
    def aval(self, *avals: Any) -> Any:
        return avals[0].strong()


class WrongShape(ReduceSum, abstract=True):
    def aval(self, x: Any) -> Any:
        return aval(tuple([1 if k in self.axes else n for k, n in enumerate(x.shape)]), x.dtype)


class WrongScalar(Broadcast, abstract=True):
    def aval(self, x: Any) -> Any:
        return aval(self.shape, x.dtype, False, True)


class WrongEval(Sin, abstract=True):
    def eval(self, x: Any) -> Any:
        return np.sin(x) + 1e-3 * x


class Clobbers(Add, abstract=True):
    """eval must not write to its arguments."""

    def eval(self, x: Any, y: Any) -> Any:
        if isinstance(x, np.ndarray) and x.flags.writeable:
            return np.add(x, y, out=x)
        return np.add(x, y)


class LosesPrecision(Convert, abstract=True):
    def eval(self, x: Any) -> Any:
        return np.asarray(x).astype(np.float32)


class Asymmetric(Mul, abstract=True):
    """A first derivative that is right, and whose own derivative is not."""

    def along(self, k: int, t: Any, out: Any, primals: Any) -> Any:
        x, y = primals
        return mul(t, bind(ConstantIn(), x)) if k else mul(t, y)


class ConstantIn(Sin, abstract=True):
    """The identity, claiming that its derivative is zero."""

    ufunc = np.positive

    def jvp(self, primals: Any, tangents: Any, out: Any) -> Any:
        return None


class IllTyped(Sin, abstract=True):
    """A derivative of another shape."""

    def jvp(self, primals: Any, tangents: Any, out: Any) -> Any:
        return broadcast(tangents[0], (5, *tangents[0].shape))


class WrongLower(Sin, abstract=True):
    """Compiled code that computes something else."""

    def lower(self, b: Any, x: Any) -> Any:
        return b.multiply(b.sin(x), b.constant(1.0001, x.dtype))


class SecondDerivativeIllTyped(Sin, abstract=True):
    """The derivative is right, and its derivative has another shape."""

    def partial(self, k: int, out: Any, x: Any) -> Any:
        return bind(CosOfWrongSlope(), x)


class CosOfWrongSlope(Cos, abstract=True):
    def jvp(self, primals: Any, tangents: Any, out: Any) -> Any:
        return broadcast(tangents[0], (5, *tangents[0].shape))


BROKEN = [
    ("jvp", WrongSign(), (X,)),
    ("jvp", MissingTerm(), (X, X + 1)),
    ("jvp", WrongOperand(), (X, X + 1)),
    ("jvp", MissingFactor(), (X,)),
    ("jvp", SlightlyWrong(), (X,)),
    ("jvp", Conjugated(), (Z,)),
    ("jvp", ZeroDerivative(), (X,)),
    ("jvp", MissingQuotientTerm(), (X, X + 1)),
    ("jvp", IllTyped(), (X,)),
    ("jvp", WrongEval(), (X,)),
    ("transpose", TransposeSign((0,)), (X,)),
    ("vjp", TransposeSign((0,)), (X,)),
    ("transpose", MissingUnbroadcast(), (X, ROW)),
    ("transpose", WrongConj(), (Z, Z[::-1])),
    ("transpose", BroadcastWithoutSum((2, 3)), (ROW,)),
    ("vjp", BroadcastWithoutSum((2, 3)), (ROW,)),
    ("transpose", WrongInverse((2, 0, 1)), (np.arange(24.0).reshape(2, 3, 4),)),
    ("transpose", WrongBranch(), (X > 1, X, np.zeros_like(X))),
    ("transpose", WrongOffset(0, 2), (X, X)),
    ("vjp", WrongOffset(0, 2), (X, X)),
    ("vmap", WrongBatchAxis((0,)), (X,)),
    ("vmap", ForgetsToMove((1, 0)), (X,)),
    ("vmap", WrongResultAxis(), (X,)),
    ("vmap", RanksNotAligned(), (np.ones((3, 3)), ROW)),
    ("vmap", BatchesIgnored((3, 2)), (X,)),
    ("aval", WrongDtype(), (X, X)),
    ("aval", WrongShape((0,)), (X,)),
    ("aval", WrongScalar((2, 3)), (ROW,)),
    ("aval", Clobbers(), (X, X)),
    ("aval", LosesPrecision(np.dtype("float64")), (X,)),
    ("symmetry", Asymmetric(), (X, X + 1)),
    ("twice", SecondDerivativeIllTyped(), (X,)),
    ("out_axes", WrongBatchAxis((0,)), (X,)),
    ("out_axes", WrongResultAxis(), (X,)),
    ("jit", WrongLower(), (np.linspace(0.1, 1.0, 300),)),
]


@pytest.mark.parametrize(("law", "op", "args"), BROKEN, ids=[f"{law}-{type(op).__name__}" for law, op, _ in BROKEN])
def test_caught(law, op, args):
    """The law fails, with a message that names the operation, or an error of the type-checker."""
    copies = tuple([x.copy() for x in args])
    with pytest.raises(Exception) as caught:
        LAWS[law](op, copies)
    assert str(caught.value)


@pytest.mark.parametrize("law", ["aval", "jvp", "vjp", "transpose", "vmap", "twice", "symmetry"])
@pytest.mark.parametrize("op", [Sin(), Tanh(), Exp()])
def test_right_rules_pass(law, op):
    LAWS[law](op, (X,))


@pytest.mark.smoke
def test_smoke():
    for law, op, args in BROKEN[:1] + BROKEN[10:11] + BROKEN[21:22] + BROKEN[26:27]:
        with pytest.raises(AssertionError):
            LAWS[law](op, args)
