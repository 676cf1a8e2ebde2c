"""What a solver asks a function for: `Objective(fun, space)(v)` gives value and gradient as a `Point`, `.hvp(v)` products with
the Hessian.

Values and derivatives come from ft.value_and_grad and ft.jvp of ft.grad, jitted unless the user wants otherwise, and are counted as
SciPy counts them: nfev values, njev gradients, nhev products with the Hessian.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..jit.api import jit
from ..transforms.grad import grad, value_and_grad
from ..transforms.jvp import jvp
from .linesearch import Point
from .vector import Space, Vector

ROUNDING = 100  # values closer than so many times the spacing of numbers of their dtype may be equal


class Objective:
    """A function of a tree with a scalar result, as a function of vectors.

    rounding: by how much, as a part of its size, a value may be wrong
    """

    def __init__(self, fun: Callable[[Any], Any], space: Space, jitted: bool) -> None:
        self.space = space
        self.both = value_and_grad(fun)
        self.product = lambda x, v: jvp(grad(fun), (x,), (v,))[1]
        if jitted:
            self.both, self.product = jit(self.both), jit(self.product)
        self.nfev = self.njev = self.nhev = 0
        self.rounding = ROUNDING * float(np.finfo(float).eps)

    def __call__(self, v: Vector) -> Point:
        """The point v with its value and gradient. Overflow makes them infinite or nan without a warning: solvers look for it."""
        self.nfev += 1
        self.njev += 1
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            value, slope = self.both(self.space.tree(v))
        self.rounding = ROUNDING * float(np.finfo(np.result_type(value)).eps)
        return Point(v, float(value), self.space.flat(slope, "the gradient"))

    def hvp(self, v: Vector) -> Callable[[Vector], Vector]:
        """The function that multiplies the Hessian at v with a vector."""
        at = self.space.tree(v)

        def times(p: Vector) -> Vector:
            self.nhev += 1
            with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
                return self.space.flat(self.product(at, self.space.tree(p)), "the Hessian")

        return times


__all__ = ["Objective"]
