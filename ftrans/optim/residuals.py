"""Functions with many results, as solvers ask for them: `Residuals(fun, space)(v)` is a vector, `.jacobian(v)` a matrix.

The results may be a tree; they stand in the vector in the order of `ft.tree.leaves`. The Jacobian comes from ft.jacobian, which
takes forward or reverse mode, whichever needs fewer sweeps.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .. import pytree
from ..errors import DifferentiationError, at_line
from ..jit.api import jit as jitted
from ..transforms.jacobian import jacobian
from .vector import Space, Vector


class Residuals:
    """A function of a tree, as a function of vectors; calls are counted in nfev and njev."""

    def __init__(self, fun: Callable[[Any], Any], space: Space, jit: bool, who: str) -> None:
        self.space, self.who, self.nfev, self.njev = space, who, 0, 0
        self.fun: Callable[[Any], Any] = jitted(fun) if jit else fun
        self.slopes: Callable[[Any], Any] = jitted(jacobian(fun)) if jit else jacobian(fun)
        self.structure: Any = None  # of what fun gives
        self.arrays: list[Vector] = []  # what it gave last

    def __call__(self, v: Vector) -> Vector:
        """The residuals at v, as one vector. Overflow makes them infinite or nan without a warning: solvers look for it."""
        self.nfev += 1
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            return self.flat(self.fun(self.space.tree(v)), v.dtype)

    def flat(self, out: Any, dtype: Any) -> Vector:
        """What fun gives, as one vector; complex where x is, for derivatives by a complex step."""
        leaves, self.structure = pytree.flatten(out)
        self.arrays = [np.asarray(leaf) for leaf in leaves]
        kinds = [a.dtype.kind for a in self.arrays]
        if not kinds or not set(kinds) <= set("fiub" + dtype.kind):
            given = ", ".join([str(a.dtype) for a in self.arrays]) or "nothing"
            raise DifferentiationError(
                at_line(
                    f"{self.who}: the function must give real numbers, it gave {given}", hint="of complex z give z.real and z.imag"
                )
            )
        return np.concatenate([np.asarray(a, dtype).ravel() for a in self.arrays])

    def jacobian(self, v: Vector) -> Vector:
        """The matrix of derivatives, a row for each residual."""
        if self.structure is None:
            self(v)
        self.njev += 1
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            return self.matrix(self.slopes(self.space.tree(v)))

    def matrix(self, slopes: Any) -> Vector:
        """A Jacobian as ft.jacobian gives it, for each leaf of the result a tree like x, as one matrix."""
        rows = self.structure.flatten_up_to(slopes, api=self.who, name="the Jacobian")
        blocks = []
        for row, out in zip(rows, self.arrays, strict=True):
            leaves = self.space.structure.flatten_up_to(row, api=self.who, name="the Jacobian")
            blocks.append(np.concatenate([np.asarray(leaf, float).reshape(out.size, -1) for leaf in leaves], axis=1))
        return np.concatenate(blocks)

    def tree(self, r: Vector) -> Any:
        """A vector of residuals in the form that fun gives."""
        parts, start = [], 0
        for a in self.arrays:
            parts.append(r[start : start + a.size].reshape(a.shape)[()])
            start += a.size
        return pytree.unflatten(self.structure, parts)


__all__ = ["Residuals"]
