"""Quasi-Newton methods: the curvature of f from differences of its gradients.

- BFGS keeps an approximate inverse Hessian, n² numbers (Nocedal and Wright 2006, algorithm 6.1)
- LBFGS keeps the last `memory` steps and is for many unknowns (algorithms 7.4 and 7.5; Byrd, Lu, Nocedal and Zhu 1995 for its
line search)
"""

from __future__ import annotations

from collections import deque

import numpy as np

from .descent import Rule
from .linesearch import Point
from .objective import Objective
from .vector import Vector

EPS = float(np.finfo(float).eps)


class BFGS(Rule):
    """The inverse Hessian as a matrix, the identity at first."""

    def __init__(self, objective: Objective) -> None:
        super().__init__(objective)
        self.inverse: Vector | None = None

    def direction(self, at: Point) -> Vector:
        return -at.g if self.inverse is None else -(self.inverse @ at.g)

    def learn(self, before: Point, after: Point, p: Vector, step: float) -> None:
        s, y = step * p, after.g - before.g
        curvature = float(s @ y)
        if curvature <= 0:  # the line search ended early: nothing to learn
            return
        if self.inverse is None:
            self.inverse = np.eye(len(s))
        rho = 1 / curvature
        # (6.17) as it stands. Multiplied out it takes no products of matrices, but loses positive definiteness to rounding sooner:
        # Powell's extended singular function (n = 20) then takes 76 evaluations instead of 62.
        v = np.eye(len(s)) - np.outer(s, y) * rho
        self.inverse = v @ (self.inverse @ v.T) + rho * np.outer(s, s)

    def forget(self) -> bool:
        known, self.inverse = self.inverse, None
        return known is not None


class LBFGS(Rule):
    """The inverse Hessian as the last steps and the changes of the gradient along them."""

    search, c1, xtol = "short wolfe", 1e-3, 0.1  # those of L-BFGS-B

    def __init__(self, objective: Objective, memory: int) -> None:
        super().__init__(objective)
        self.pairs: deque[tuple[Vector, Vector, float]] = deque(maxlen=memory)

    def direction(self, at: Point) -> Vector:
        """Two loops over the pairs, back and forth (algorithm 7.4)."""
        p = -at.g
        parts = []
        for s, y, curvature in reversed(self.pairs):
            part = float(s @ p) / curvature
            parts.append(part)
            p = p - part * y
        if self.pairs:
            _, y, curvature = self.pairs[-1]
            p = p * (curvature / float(y @ y))
        for (s, y, curvature), part in zip(self.pairs, reversed(parts), strict=True):
            p = p + (part - float(y @ p) / curvature) * s
        return p

    def first_step(self, at: Point, p: Vector) -> float:
        return 1.0 if self.pairs else 1 / float(np.linalg.norm(p))

    def learn(self, before: Point, after: Point, p: Vector, step: float) -> None:
        s, y = step * p, after.g - before.g
        curvature = float(s @ y)
        if curvature > EPS * step * -float(before.g @ p):
            self.pairs.append((s, y, curvature))

    def forget(self) -> bool:
        known = bool(self.pairs)
        self.pairs.clear()
        return known


__all__ = ["BFGS", "LBFGS"]
