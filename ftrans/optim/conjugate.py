"""Nonlinear conjugate gradients: directions that keep what the last ones have gained, at the price of one vector.

beta="polak-ribiere" (PR+, the default) or "fletcher-reeves". Sources: Nocedal and Wright (2006), section 5.2; Gilbert and Nocedal
(1992) for PR+ and its condition of descent.
"""

from __future__ import annotations

from collections.abc import Callable

from .descent import Rule
from .linesearch import Point
from .objective import Objective
from .vector import Vector

DESCENT = 0.01  # a direction must fall at least so steeply, as a part of the steepest slope


def polak_ribiere(old: Vector, new: Vector) -> float:
    """max(0, g₊·(g₊ - g) / g·g)."""
    return max(0.0, float(new @ (new - old)) / float(old @ old))


def fletcher_reeves(old: Vector, new: Vector) -> float:
    """g₊·g₊ / g·g."""
    return float(new @ new) / float(old @ old)


BETA = {"polak-ribiere": polak_ribiere, "fletcher-reeves": fletcher_reeves}


class ConjugateGradients(Rule):
    """p₊ = -g₊ + β p. Where that does not fall steeply enough the line search goes on; in the end it starts afresh from -g."""

    c2 = 0.4

    def __init__(self, objective: Objective, beta: str, gtol: float) -> None:
        super().__init__(objective)
        self.beta, self.gtol = BETA[beta], gtol
        self.p: Vector | None = None

    def direction(self, at: Point) -> Vector:
        if self.p is not None and not self.steep(at, self.p):
            self.p = None
        return -at.g if self.p is None else self.p

    def steep(self, at: Point, p: Vector) -> bool:
        """Whether p falls steeply enough."""
        return float(p @ at.g) <= -DESCENT * float(at.g @ at.g)

    def onward(self, before: Point, after: Point, p: Vector) -> Vector:
        """The next direction."""
        return -after.g + self.beta(before.g, after.g) * p

    def accept(self, at: Point, p: Vector) -> Callable[[Point], bool]:
        return lambda point: abs(point.g).max() <= self.gtol or self.steep(point, self.onward(at, point, p))

    def learn(self, before: Point, after: Point, p: Vector, step: float) -> None:
        self.p = self.onward(before, after, p)

    def forget(self) -> bool:
        known, self.p = self.p, None
        return known is not None


__all__ = ["BETA", "ConjugateGradients"]
