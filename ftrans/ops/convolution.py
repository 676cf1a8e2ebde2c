"""Convolution along the last axis: one primitive, Convolve, behind convolve, correlate and polymul.

It is bilinear, and its transposes are Convolves again: that of a "full" one is a "valid" one and the other way round.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.aval import Aval, aval, promote
from ..core.bind import bind
from ..core.primitive import Linear, Primitive
from ..errors import ShapeError, at_line
from .elementwise import add
from .indexing import index
from .structural import broadcast, fit, move_axis


def turned(x: Any) -> Any:
    """x with its last axis backwards."""
    n = x.shape[-1]
    return index(x, *[(0, 1, m) for m in x.shape[:-1]], (max(n - 1, 0), -1, n))


class Convolve(Primitive):
    """out[..., k] = sum of x[..., i] * y[..., k - i] over i, for operands (..., n) and (..., m) with n, m > 0.

    mode: "full" (k from 0 to n + m - 2), or "valid" (only where y lies within x: n - m + 1 elements, n >= m).
    """

    mode: str
    nin = 2

    def aval(self, x: Aval, y: Aval) -> Aval:
        n, m = x.shape[-1], y.shape[-1]
        if x.shape[:-1] != y.shape[:-1] or not m or n < (m if self.mode == "valid" else 1):
            raise ShapeError(at_line(f"{self.mode} convolution of arrays of shapes {x.shape} and {y.shape}"))
        return aval((*x.shape[:-1], n + m - 1 if self.mode == "full" else n - m + 1), promote(x, y))

    def eval(self, x: Any, y: Any) -> Any:
        if x.ndim == 1:
            return np.convolve(x, y, self.mode)  # type: ignore[call-overload]
        rows, columns = x.reshape(-1, x.shape[-1]), y.reshape(-1, y.shape[-1])
        size = x.shape[-1] + (y.shape[-1] - 1) * (1 if self.mode == "full" else -1)
        out = np.empty((len(rows), size), np.result_type(x, y))
        for k, (a, b) in enumerate(zip(rows, columns, strict=True)):
            out[k] = np.convolve(a, b, self.mode)  # type: ignore[call-overload]
        return out.reshape(*x.shape[:-1], size)

    def jvp(self, primals: tuple[Any, ...], tangents: tuple[Any, ...], out: Any) -> Any:
        (x, y), (tx, ty) = primals, tangents
        if not out.a.inexact:
            return None
        left = None if tx is None else fit(bind(self, tx, y), out.a)
        right = None if ty is None else fit(bind(self, x, ty), out.a)
        return left if right is None else right if left is None else add(left, right)

    def transpose(self, ct: Any, x: Any, y: Any) -> tuple[Any, ...]:
        if isinstance(x, Linear):
            other = Convolve("valid" if self.mode == "full" else "full")
            return fit(bind(other, ct, turned(y)), x.a), None
        if self.mode == "full":
            return None, fit(bind(Convolve("valid"), ct, turned(x)), y.a)
        return None, fit(turned(bind(Convolve("valid"), x, turned(ct))), y.a)

    def vmap(self, size: int, args: tuple[Any, ...], dims: tuple[int | None, ...]) -> tuple[Any, Any]:
        x, y = [broadcast(a, (size, *a.shape)) if d is None else move_axis(a, d, 0) for a, d in zip(args, dims, strict=True)]
        return bind(self, x, y), 0

    @classmethod
    def examples(cls) -> list[Any]:
        x, y = np.linspace(-1.0, 2.0, 5), np.array([1.0, -2.0, 0.5])
        return [
            (cls("full"), (x, y)),
            (cls("full"), (y, x)),
            (cls("valid"), (x, y)),
            (cls("valid"), (x, x)),
            (cls("full"), (x * (1 + 2j), y)),
            (cls("valid"), (x.astype(np.float32), y.astype(np.float32))),
            (cls("full"), (np.stack([x, 2 * x]), np.stack([y, y * y]))),
            (cls("valid"), (np.zeros((0, 5)), np.zeros((0, 3)))),
            (cls("full"), (np.arange(3), np.arange(4, dtype=np.int32))),
            (cls("full"), (np.array([True, False]), np.array([True, True]))),
        ]


__all__ = ["Convolve"]
