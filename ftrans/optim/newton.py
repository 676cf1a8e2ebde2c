"""Newton's method with products of the Hessian and a vector: conjugate gradients solve for the step, no better than it deserves.

Nocedal and Wright (2006), algorithm 7.1 (line search Newton-CG). The Hessian is never formed: a product costs about two gradients.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from .descent import Rule
from .linesearch import Point
from .objective import Objective
from .vector import Vector

EPS = float(np.finfo(float).eps)


class NewtonCG(Rule):
    """p from H p = -g, as far as H is positive along the way."""

    def __init__(self, objective: Objective) -> None:
        super().__init__(objective)
        self.downhill = False

    def direction(self, at: Point) -> Vector:
        return -at.g if self.downhill else truncated(self.objective.hvp(at.x), at.g)

    def first_step(self, at: Point, p: Vector) -> float:
        return 1.0 if self.last is None and not self.downhill else super().first_step(at, p)

    def learn(self, before: Point, after: Point, p: Vector, step: float) -> None:
        self.downhill = False

    def forget(self) -> bool:
        known, self.downhill = not self.downhill, True
        return known


def truncated(hvp: Callable[[Vector], Vector], g: Vector) -> Vector:
    """An approximate solution of H p = -g: until the rest is below min(1/2, √|g|) |g|, or H is found not to be positive.

    Norms are sums of absolute values, as in SciPy.
    """
    size = float(abs(g).sum())
    enough = min(0.5, math.sqrt(size)) * size
    p, rest = np.zeros_like(g), g
    d, square = -g, float(g @ g)
    for k in range(20 * len(g)):
        if abs(rest).sum() <= enough:
            break
        hd = hvp(d)
        curvature = float(d @ hd)
        flat = 3 * EPS * float(np.linalg.norm(d) * np.linalg.norm(hd))
        if not curvature > flat:  # no minimum this way (or nan): what has been found so far has to do, or straight down
            if k == 0:
                return -g * (square / -curvature) if curvature < 0 else -g
            break
        part = square / curvature
        p, rest = p + part * d, rest + part * hd
        square, before = float(rest @ rest), square
        d = -rest + square / before * d
    return p


__all__ = ["NewtonCG"]
