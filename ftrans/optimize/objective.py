"""A scalar function of a tree, as SciPy's solvers call it: value, gradient, Hessian and products with it, of vectors.

A value and its gradient are computed together and kept, so that a solver that asks for one after the other pays once.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..errors import DifferentiationError, at_line
from ..jit.api import jit as jitted
from ..optim.vector import Space, Vector
from ..transforms.grad import grad, value_and_grad
from ..transforms.jacobian import hessian
from ..transforms.jvp import jvp


class Objective:
    """fun: a function of the tree.

    pairs: fun gives (value, gradient)
    slope: the user's gradient, a function of the tree
    """

    def __init__(
        self, fun: Callable[[Any], Any], space: Space, jit: bool, pairs: bool = False, slope: Callable[[Any], Any] | None = None
    ) -> None:
        self.space = space
        make = jitted if jit else lambda f: f
        scalar: Callable[[Any], Any] = (lambda x: fun(x)[0]) if pairs else fun
        self.only: Callable[[Any], Any] = make(fun) if not pairs else scalar
        self.both: Callable[[Any], Any] = fun if pairs else make(value_and_grad(fun))
        self.slope = slope
        self.curvature: Callable[[Any], Any] = make(hessian(scalar))
        self.product: Callable[..., Any] = make(lambda x, v: jvp(grad(scalar), (x,), (v,))[1])
        self.at: Vector | None = None
        self.kept: tuple[Any, Vector]

    def pair(self, v: Vector) -> tuple[Any, Vector]:
        """The value and the gradient."""
        if self.at is None or not np.array_equal(self.at, v):
            value, slope = self.both(self.space.tree(v))
            self.kept = np.float64(value), np.array(self.space.flat(slope, "the gradient"))
            self.at = np.array(v)
        return self.kept

    def value(self, v: Vector) -> Any:
        """The value, with its gradient kept for later."""
        return self.alone(v) if self.slope is not None else self.pair(v)[0]

    def gradient(self, v: Vector) -> Vector:
        """The gradient: the user's if there is one."""
        if self.slope is not None:
            return np.array(self.space.flat(self.slope(self.space.tree(v)), "jac"))
        return self.pair(v)[1].copy()

    def alone(self, v: Vector) -> Any:
        """The value without its gradient, for methods that use none."""
        value = np.asarray(self.only(self.space.tree(v)))
        if value.ndim or value.dtype.kind not in "fiub" + v.dtype.kind:
            what = f"an array of shape {value.shape}" if value.ndim else f"dtype {value.dtype}"
            raise DifferentiationError(
                at_line(
                    f"{self.space.who} needs a function with a real scalar result, but it returned {what}", hint="sum or average it"
                )
            )
        return value[()]

    def hessian(self, v: Vector) -> Vector:
        """The Hessian, a matrix."""
        return square(self.curvature(self.space.tree(v)), self.space)

    def hessp(self, v: Vector, p: Vector) -> Vector:
        """The product of the Hessian with p (SciPy tries one of integers first)."""
        return self.space.flat(self.product(self.space.tree(v), self.space.tree(np.asarray(p, float))), "the Hessian")


def square(tree: Any, space: Space) -> Vector:
    """A tree of trees like x of blocks, as ft.hessian gives it, as a matrix."""
    if space.plain:
        return np.asarray(tree, float)
    rows = []
    for row, part in zip(space.structure.flatten_up_to(tree, api=space.who, name="the Hessian"), space.parts, strict=True):
        blocks = space.structure.flatten_up_to(row, api=space.who, name="the Hessian")
        rows.append(np.concatenate([np.asarray(b, float).reshape(part.stop - part.start, -1) for b in blocks], axis=1))
    return np.concatenate(rows)


__all__ = ["Objective", "square"]
