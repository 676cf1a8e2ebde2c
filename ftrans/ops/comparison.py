"""Tests and operations on bits: comparisons, logic, isnan and its like, bitwise operations, gcd. None has a derivative."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.aval import BOOL
from ..core.bind import binary, unary
from .pointwise import Binary, Step, Unary


class Comparison(Binary, Step, abstract=True):
    """A pointwise test. NumPy compares int64 with uint64 by their values: a negative number is less than any unsigned one."""

    def lower(self, b: Any, x: Any, y: Any) -> Any:
        compare = getattr(b, self.ufunc.__name__)
        if x.dtype == y.dtype:
            return compare(x, y)
        signed = x if x.dtype == "int64" else y
        if {x.dtype, y.dtype} != {"int64", "uint64"}:
            raise NotImplementedError(f"{self.name} of {x.dtype} and {y.dtype}")
        negative = b.less(signed, b.constant(0, "int64"))
        known = self.ufunc(-1, 0) if signed is x else self.ufunc(0, -1)  # the result where it is
        return b.where(negative, b.constant(bool(known), "bool"), compare(b.convert(x, "uint64"), b.convert(y, "uint64")))


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


class LogicalAnd(Comparison):
    ufunc = np.logical_and


class LogicalOr(Comparison):
    ufunc = np.logical_or


class LogicalXor(Comparison):
    ufunc = np.logical_xor


class LogicalNot(Unary, Step):
    ufunc = np.logical_not


class IsNan(Unary, Step):
    ufunc = np.isnan
    name = "isnan"


class IsInf(Unary, Step):
    ufunc = np.isinf
    name = "isinf"


class IsFinite(Unary, Step):
    ufunc = np.isfinite
    name = "isfinite"


class Signbit(Unary, Step):
    ufunc = np.signbit


class BitwiseAnd(Binary, Step):
    ufunc = np.bitwise_and


class BitwiseOr(Binary, Step):
    ufunc = np.bitwise_or


class BitwiseXor(Binary, Step):
    ufunc = np.bitwise_xor


class Invert(Unary, Step):
    ufunc = np.invert


class LeftShift(Binary, Step):
    ufunc = np.left_shift


class RightShift(Binary, Step):
    ufunc = np.right_shift


class BitwiseCount(Unary, Step):
    ufunc = np.bitwise_count


class Gcd(Binary, Step):
    ufunc = np.gcd
    lower = None  # type: ignore[assignment]


class Lcm(Binary, Step):
    ufunc = np.lcm
    lower = None  # type: ignore[assignment]


less, less_equal, greater = binary(Less()), binary(LessEqual()), binary(Greater())
greater_equal, equal, not_equal = binary(GreaterEqual()), binary(Equal()), binary(NotEqual())
logical_and, logical_or, logical_xor = binary(LogicalAnd()), binary(LogicalOr()), binary(LogicalXor())
logical_not = unary(LogicalNot())
isnan, isinf, isfinite, signbit = unary(IsNan()), unary(IsInf()), unary(IsFinite()), unary(Signbit())
bitwise_and, bitwise_or, bitwise_xor = binary(BitwiseAnd()), binary(BitwiseOr()), binary(BitwiseXor())
invert, bitwise_count = unary(Invert()), unary(BitwiseCount())
left_shift, right_shift, gcd, lcm = binary(LeftShift()), binary(RightShift()), binary(Gcd()), binary(Lcm())


def nonzero(x: Any) -> Any:
    """Whether each element is different from 0, as a boolean array; x itself where it is one."""
    return x if getattr(x, "dtype", None) == BOOL else not_equal(x, 0)


__all__ = [
    "Comparison", "Less", "LessEqual", "Greater", "GreaterEqual", "Equal", "NotEqual", "LogicalAnd", "LogicalOr", "LogicalXor",
    "LogicalNot", "IsNan", "IsInf", "IsFinite", "Signbit", "BitwiseAnd", "BitwiseOr", "BitwiseXor", "Invert", "LeftShift",
    "RightShift", "BitwiseCount", "Gcd", "Lcm",
    "less", "less_equal", "greater", "greater_equal", "equal", "not_equal", "logical_and", "logical_or", "logical_xor",
    "logical_not", "isnan", "isinf", "isfinite", "signbit", "bitwise_and", "bitwise_or", "bitwise_xor", "invert", "bitwise_count",
    "left_shift", "right_shift", "gcd", "lcm", "nonzero",
]  # fmt: skip
