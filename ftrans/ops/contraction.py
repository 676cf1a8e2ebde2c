"""Products of arrays summed over common axes: one primitive, DotGeneral, behind matmul, dot, tensordot, einsum, inner, outer.

It is bilinear, so that its derivative and both transposes are DotGenerals too; NumPy's matmul (BLAS) evaluates it.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..core.aval import Aval, aval, promote
from ..core.bind import bind
from ..core.primitive import Linear, Primitive
from ..errors import ShapeError, at_line
from .elementwise import add
from .structural import aval_of_any, fit, inverse, move_axis, transpose

Axes = tuple[int, ...]


class DotGeneral(Primitive):
    """Sum of x * y over the axes `contract` (pairs), element by element over the axes `batch` (pairs).

    The axes of the result are the batch axes, the other axes of x, the other axes of y.
    """

    x_batch: Axes
    y_batch: Axes
    x_contract: Axes
    y_contract: Axes
    nin = 2

    def aval(self, x: Aval, y: Aval) -> Aval:
        pairs = [(self.x_batch, self.y_batch), (self.x_contract, self.y_contract)]
        for left, right in pairs:
            for i, j in zip(left, right, strict=True):
                if x.shape[i] != y.shape[j]:
                    raise ShapeError(
                        at_line(
                            f"product of arrays of shapes {x.shape} and {y.shape}: axis {i} of the left operand ({x.shape[i]}) and "
                            f"axis {j} of the right one ({y.shape[j]}) differ"
                        )
                    )
        shape = (
            *[x.shape[i] for i in self.x_batch],
            *[x.shape[i] for i in self.x_free(x.ndim)],
            *[y.shape[i] for i in self.y_free(y.ndim)],
        )
        return aval(shape, promote(x, y))

    def x_free(self, ndim: int) -> Axes:
        """The axes of x in the result, besides the batch axes."""
        return tuple([k for k in range(ndim) if k not in self.x_batch and k not in self.x_contract])

    def y_free(self, ndim: int) -> Axes:
        """The axes of y in the result, besides the batch axes."""
        return tuple([k for k in range(ndim) if k not in self.y_batch and k not in self.y_contract])

    def eval(self, x: Any, y: Any) -> Any:
        x, y = np.asarray(x), np.asarray(y)
        if not self.x_batch and len(self.x_contract) == 1 and x.ndim <= 2 and y.ndim <= 2:
            return np.dot(x if self.x_contract[0] == x.ndim - 1 else x.T, y if self.y_contract[0] == 0 else y.T)
        x_free, y_free = self.x_free(x.ndim), self.y_free(y.ndim)
        batch = [x.shape[i] for i in self.x_batch]
        rows, columns = [x.shape[i] for i in x_free], [y.shape[i] for i in y_free]
        inner = math.prod([x.shape[i] for i in self.x_contract])
        m, n = math.prod(rows), math.prod(columns)
        left = x.transpose((*self.x_batch, *x_free, *self.x_contract)).reshape(*batch, m, inner)
        right = y.transpose((*self.y_batch, *self.y_contract, *y_free)).reshape(*batch, inner, n)
        return np.matmul(left, right).reshape((*batch, *rows, *columns))[()]

    def jvp(self, primals: tuple[Any, ...], tangents: tuple[Any, ...], out: Any) -> Any:
        (x, y), (tx, ty) = primals, tangents
        if not out.a.inexact:
            return None
        left = None if tx is None else fit(bind(self, tx, y), out.a)
        right = None if ty is None else fit(bind(self, x, ty), out.a)
        return left if right is None else right if left is None else add(left, right)

    def transpose(self, ct: Any, x: Any, y: Any) -> tuple[Any, ...]:
        nb, nx = len(self.x_batch), len(self.x_free(aval_of_any(x).ndim))
        if isinstance(x, Linear):
            return self.for_left(ct, x.a, y, tuple(range(nb + nx, ct.ndim))), None
        mirrored = DotGeneral(self.y_batch, self.x_batch, self.y_contract, self.x_contract)
        return None, mirrored.for_left(ct, y.a, x, tuple(range(nb, nb + nx)))

    def for_left(self, ct: Any, x: Aval, y: Any, ct_free: Axes) -> Any:
        """The cotangent of the left operand: ct contracted with y over the free axes of y.

        ct_free: where ct has them. Of the two orders of the product the one that gives the axes of x as they stand is taken,
        if there is one: the gradient of w in x @ w is x.T @ ct, not (ct.T @ x).T.
        """
        batch, y_free = tuple(range(len(self.x_batch))), self.y_free(y.ndim)
        order = sorted(range(len(self.y_contract)), key=lambda k: self.y_contract[k])
        contracted = [self.x_contract[k] for k in order]  # as they come out: in the order in which they stand in y
        free = self.x_free(x.ndim)
        swapped = (*self.x_batch, *contracted, *free)
        if swapped == tuple(range(x.ndim)) and contracted:
            return fit(bind(DotGeneral(self.y_batch, batch, y_free, ct_free), y, ct), x)
        out = bind(DotGeneral(batch, self.y_batch, ct_free, y_free), ct, y)
        return fit(transpose(out, inverse((*self.x_batch, *free, *contracted))), x)

    def vmap(self, size: int, args: tuple[Any, ...], dims: tuple[int | None, ...]) -> tuple[Any, Any]:
        (x, y), (dx, dy) = args, dims
        if dx is not None and dy is not None:
            x, y = move_axis(x, dx, 0), move_axis(y, dy, 0)
            op = DotGeneral((0, *later(self.x_batch)), (0, *later(self.y_batch)), later(self.x_contract), later(self.y_contract))
            return bind(op, x, y), 0
        nb = len(self.x_batch)
        if dx is not None:  # the batch axis is one more free axis of x, its first
            op = DotGeneral(later(self.x_batch), self.y_batch, later(self.x_contract), self.y_contract)
            return bind(op, move_axis(x, dx, 0), y), nb
        op = DotGeneral(self.x_batch, later(self.y_batch), self.x_contract, later(self.y_contract))
        free = x.ndim - nb - len(self.x_contract)
        return bind(op, x, move_axis(y, dy, 0)), nb + free

    @classmethod
    def examples(cls) -> list[Any]:
        x, y = np.linspace(-1.0, 2.0, 12).reshape(3, 4), np.linspace(0.5, -2.0, 20).reshape(4, 5)
        cube = np.linspace(-1.0, 1.0, 24).reshape(2, 3, 4)
        return [
            (cls((), (), (1,), (0,)), (x, y)),
            (cls((), (), (0,), (0,)), (x.astype(np.float32), x.astype(np.float32))),
            (cls((), (), (0,), (1,)), (x * (1 + 2j), y[:, :3] * 1j)),
            (cls((0,), (2,), (2, 1), (1, 0)), (cube, cube.transpose(1, 2, 0))),
            (cls((0,), (0,), (), ()), (cube, x[:2])),
            (cls((), (), (), ()), (np.array(2.0), np.array(3.0))),
            (cls((), (), (0,), (0,)), (x[:, 0], x[:, 1])),
            (cls((), (), (1,), (0,)), (x[:, :0], y[:0])),
            (cls((), (), (1,), (0,)), (x[:0], y)),
            (cls((), (), (1,), (0,)), (x.astype(np.int64), y.astype(np.int32))),
        ]


def later(axes: Axes) -> Axes:
    """Axes behind a new first one."""
    return tuple([k + 1 for k in axes])


def dot_general(x: Any, y: Any, x_contract: Axes, y_contract: Axes, x_batch: Axes = (), y_batch: Axes = ()) -> Any:
    """The product of x and y summed over the pairs of contracted axes; see DotGeneral."""
    return bind(DotGeneral(tuple(x_batch), tuple(y_batch), tuple(x_contract), tuple(y_contract)), x, y)


__all__ = ["DotGeneral", "dot_general"]
