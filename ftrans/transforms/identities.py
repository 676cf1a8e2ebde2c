"""Algebraic identities that hold for every input: with IEEE arithmetic's nan, infinities and signed zeros, with wrapping integers.

    RULES[Neg](em, op, ins, out)      # the variable that the result equals | (operation, operands) that give it | None

`em` is the `Emitter` that writes the jaxpr: it knows the avals and what made a variable. Not here, as they are not exact: x * 0,
x - x, x + 0 (x = -0.0), anything times 1 in complex arithmetic (inf * 1 has a nan in it), -(x - y) (its zero has the other sign).
The sign of a nan is not preserved: no operation of NumPy's promises it.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ..core.aval import Aval
from ..core.primitive import Primitive, infer
from ..ops import elementwise as ops
from ..ops.structural import Convert, Transpose, Weaken

Found = int | tuple[Primitive, tuple[int, ...]] | None
Rule = Callable[[Any, Any, tuple[int, ...], Aval], Found]

EXACT_POWERS = 14  # 2**-14 to 2**14 are normal numbers in every floating-point dtype


def operand(em: Any, v: int, kind: type) -> int | None:
    """The operand of the operation of this class that made v, if one did."""
    eqn = em.made.get(v)
    return eqn.ins[0] if eqn is not None and type(eqn.op) is kind else None


def negated(em: Any, v: int, out: Aval) -> int | None:
    """x where v is -x, of a dtype in which negating before or after a conversion to that of `out` is the same."""
    x = operand(em, v, ops.Neg)
    if x is None:
        return None
    dtype = em.avals[x].dtype
    return x if dtype is out.dtype or (dtype.kind == "f" and out.dtype.kind == "f") else None


def fits(em: Any, op: Primitive, ins: tuple[int, ...], out: Aval) -> Found:
    """The operation on other operands, if that has the same shape and dtype."""
    return (op, ins) if infer(op, tuple([em.avals[v] for v in ins])) is out else None


def same(em: Any, x: int, out: Aval) -> int | None:
    """x itself, if it has the shape and dtype of the result."""
    return x if em.avals[x] is out else None


def number(em: Any, v: int) -> Any:
    """The value of a literal number, else None."""
    value = em.lits.get(v)
    return value if value is not None and np.ndim(value) == 0 else None


def of_mul(em: Any, op: Any, ins: tuple[int, ...], out: Aval) -> Found:
    """x * 1 = x; x * x = square(x), which reads x once; -x * -y = x * y."""
    x, y = ins
    if out.dtype.kind == "c":
        return None
    if y in em.ones and em.avals[x] is out:
        return x
    if x in em.ones and em.avals[y] is out:
        return y
    if x == y:
        return fits(em, ops.Square(), (x,), out) if out.dtype.kind in "iuf" else None
    left, right = negated(em, x, out), negated(em, y, out)
    return fits(em, op, (left, right), out) if left is not None and right is not None else None


def of_div(em: Any, op: Any, ins: tuple[int, ...], out: Aval) -> Found:
    """x / 1 = x; x / 2**k = x * 2**-k, which has the same bits and takes a quarter of the time."""
    x, y = ins
    if out.dtype.kind == "c":
        return None
    if y in em.ones and em.avals[x] is out:
        return x
    value = number(em, y)
    if isinstance(value, float | np.floating) and value and math.isfinite(value):
        mantissa, exponent = math.frexp(value)
        if abs(mantissa) == 0.5 and abs(exponent) < EXACT_POWERS:
            return fits(em, ops.Mul(), (x, em.literal(type(value)(1 / value), em.avals[y])), out)
    return None


def is_zero(em: Any, v: int, out: Aval, sign: int) -> bool:
    """Whether v is a literal 0 whose addition (sign -1) or subtraction (sign 1) changes no result of this dtype."""
    value = number(em, v)
    if value is None or value != 0:
        return False
    return out.dtype.kind in "iu" or (out.dtype.kind == "f" and math.copysign(1, value) == sign)


def of_add(em: Any, op: Any, ins: tuple[int, ...], out: Aval) -> Found:
    """x + -0.0 = x; i + 0 = i; x + -y = x - y."""
    x, y = ins
    for here, there in ((x, y), (y, x)):
        if em.avals[here] is out and is_zero(em, there, out, -1):
            return here
        minus = negated(em, there, out)
        if minus is not None:
            return fits(em, ops.Sub(), (here, minus), out)
    return None


def of_sub(em: Any, op: Any, ins: tuple[int, ...], out: Aval) -> Found:
    """x - 0 = x; x - -y = x + y."""
    x, y = ins
    if is_zero(em, y, out, 1):
        return same(em, x, out)
    minus = negated(em, y, out)
    return fits(em, ops.Add(), (x, minus), out) if minus is not None else None


def of_neg(em: Any, op: Any, ins: tuple[int, ...], out: Aval) -> Found:
    """--x = x."""
    x = operand(em, ins[0], ops.Neg)
    return None if x is None else same(em, x, out)


def even(em: Any, op: Any, ins: tuple[int, ...], out: Aval) -> Found:
    """|-x| = ||x|| = |x|, and the same of squares, of real and signed numbers."""
    if em.avals[ins[0]].dtype.kind not in "if":
        return None
    for kind in (ops.Neg, ops.Abs):
        x = operand(em, ins[0], kind)
        if x is not None:
            return fits(em, op, (x,), out)
    return None


def idempotent(em: Any, op: Any, ins: tuple[int, ...], out: Aval) -> Found:
    """f(f(x)) = f(x)."""
    if out.dtype.kind == "c":
        return None
    return same(em, ins[0], out) if operand(em, ins[0], type(op)) is not None else None


def involution(em: Any, op: Any, ins: tuple[int, ...], out: Aval) -> Found:
    """f(f(x)) = x."""
    x = operand(em, ins[0], type(op))
    return None if x is None else same(em, x, out)


def of_conjugate(em: Any, op: Any, ins: tuple[int, ...], out: Aval) -> Found:
    """The conjugate of a conjugate, and of a real number."""
    return same(em, ins[0], out) if out.dtype.kind != "c" else involution(em, op, ins, out)


def nothing(em: Any, op: Any, ins: tuple[int, ...], out: Aval) -> Found:
    """+x = x."""
    return same(em, ins[0], out)


def of_power(em: Any, op: Any, ins: tuple[int, ...], out: Aval) -> Found:
    """x**1 = x of real numbers; i**2 = square(i) of integers: of floats NumPy's power rounds in its own way."""
    if op.n == 1:
        return same(em, ins[0], out) if out.dtype.kind != "c" else None
    return fits(em, ops.Square(), ins, out) if op.n == 2 and out.dtype.kind in "iu" else None


def of_equal(em: Any, op: Any, ins: tuple[int, ...], out: Aval) -> Found:
    """max(x, x) = x, and likewise min, and, or."""
    return same(em, ins[0], out) if ins[0] == ins[1] else None


def of_select(em: Any, op: Any, ins: tuple[int, ...], out: Aval) -> Found:
    """where(c, x, x) = x; where(True, x, y) = x."""
    c, x, y = ins
    known = number(em, c)
    if known is not None:
        return same(em, x if known else y, out)
    return same(em, x, out) if x == y else None


def of_convert(em: Any, op: Any, ins: tuple[int, ...], out: Aval) -> Found:
    """To the dtype it has; of a weak scalar made of a strong one; of a conversion that lost nothing."""
    (x,) = ins
    if em.avals[x] is out:
        return x
    for kind in (Weaken, Convert):
        first = operand(em, x, kind)
        if first is not None and (kind is Weaken or loses_nothing(em.avals[first], em.avals[x], out)):
            return same(em, first, out) if em.avals[first] is out else fits(em, op, (first,), out)
    return None


def loses_nothing(first: Aval, middle: Aval, last: Aval) -> bool:
    """Whether converting by way of `middle` is the same as converting at once."""
    a, b, c = first.dtype, middle.dtype, last.dtype
    if a.kind in "iu" and a.itemsize == 8 and b.kind in "fc":  # NumPy calls this safe; a float64 has 53 bits
        return False
    wraps = c.kind in "iu" and b.kind in "fc" and a.kind not in "fc"  # a negative float to an unsigned integer is not defined
    return np.can_cast(a, b, "safe") and not wraps


def of_transpose(em: Any, op: Any, ins: tuple[int, ...], out: Aval) -> Found:
    """The transpose of a transpose; without moving an axis."""
    (x,) = ins
    if op.perm == tuple(range(out.ndim)):
        return same(em, x, out)
    eqn = em.made.get(x)
    if eqn is None or type(eqn.op) is not Transpose:
        return None
    return Transpose(tuple([eqn.op.perm[p] for p in op.perm])), eqn.ins


RULES: dict[type, Rule] = {
    ops.Mul: of_mul, ops.Div: of_div, ops.Add: of_add, ops.Sub: of_sub, ops.Neg: of_neg, ops.Abs: even, ops.Square: even,
    ops.IntPow: of_power, ops.Positive: nothing, ops.Select: of_select, Convert: of_convert, Transpose: of_transpose,
    ops.Conjugate: of_conjugate, ops.Invert: involution, ops.LogicalNot: involution,
    **dict.fromkeys([ops.Floor, ops.Ceil, ops.Rint, ops.Trunc, ops.Sign], idempotent),
    **dict.fromkeys([ops.Maximum, ops.Minimum, ops.Fmax, ops.Fmin], of_equal),
    **dict.fromkeys([ops.LogicalAnd, ops.LogicalOr, ops.BitwiseAnd, ops.BitwiseOr], of_equal),
}  # fmt: skip
"""By the class of an operation what may be known of its result."""
