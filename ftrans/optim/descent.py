"""Descent with a line search, and gradient descent by fixed steps: the loops that all methods of `minimize` share.

A method is a `Rule`: it says which way to go from a point and learns from what it finds there. `descend` goes, step by step, and
gives every point it reaches; whoever walks over these points decides when to stop.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from ..errors import FtransError
from ..jit.api import jit
from .base import apply_updates
from .linesearch import LONGEST, Found, Line, Point, backtracking, strong_wolfe, zoomed
from .objective import Objective
from .vector import Vector

FARTHEST = 1e100  # an element of x, or a negative f, as large as this has been driven off to infinity
PATIENCE = 20  # steps without any gain after which a method has gone as far as rounding lets it


class Stuck(FtransError):
    """A method can go no further; the message says why."""


class Rule:
    """How a method chooses directions; this one goes straight down (gradient descent)."""

    search = "wolfe"
    c1, c2 = 1e-4, 0.9
    xtol = 1e-14

    def __init__(self, objective: Objective) -> None:
        self.objective = objective
        self.last: Found | None = None  # what the last search found

    def direction(self, at: Point) -> Vector:
        """The direction to search along."""
        return -at.g

    def first_step(self, at: Point, p: Vector) -> float:
        """The step that the line search tries first: as far as would repeat the last decrease, had f a linear slope.

        Nocedal and Wright (3.60); at the start a step that would move x by about 1/2 in all (as in SciPy).
        """
        fall = self.last.fall if self.last is not None else float(np.linalg.norm(at.g)) / 2
        guess = 1.01 * 2 * fall / -float(at.g @ p)
        return min(1.0, guess) if guess > 0 else 1.0

    def accept(self, at: Point, p: Vector) -> Callable[[Point], bool]:
        """What a point must fulfil besides the conditions of the line search."""
        return lambda point: True

    def learn(self, before: Point, after: Point, p: Vector, step: float) -> None:
        """Take in what a step has shown."""

    def forget(self) -> bool:
        """Go straight down next; False if that is what was done."""
        return False

    def go(self, at: Point, p: Vector) -> Found:
        """Search along p."""
        line = Line(self.objective, at, p, self.c1, self.c2, self.objective.rounding)
        first = self.first_step(at, p)
        if self.search == "backtracking":
            return backtracking(line, first)
        found, accept = strong_wolfe(line, first, self.xtol), self.accept(at, p)
        if self.search == "wolfe" and not (found.met and found.point is not None and accept(found.point)):
            found = zoomed(line, first, accept)
        return found if found.met else line.lowest()


class SteepestDescent(Rule):
    """Gradient descent with a line search; backtracking starts at twice the last step."""

    def __init__(self, objective: Objective, first: float | None, search: str) -> None:
        super().__init__(objective)
        self.first, self.search = first, search
        self.c2 = 0.1  # with a loose curvature condition steps may stay too long to shrink the steep directions

    def first_step(self, at: Point, p: Vector) -> float:
        if self.last is not None:
            return 2 * self.last.step if self.search == "backtracking" else self.last.step
        return self.first or super().first_step(at, p)


def descend(rule: Rule, start: Point) -> Iterator[Point]:
    """The points that a rule leads to, one after another. Raises `Stuck` where no lower one is found."""
    at = start
    lowest, flattest, idle = start.f, float(abs(start.g).max()), 0
    while True:
        p = rule.direction(at)
        slope = float(p @ at.g)
        found = rule.go(at, p) if math.isfinite(slope) and slope < 0 else None
        if found is None or found.point is None:
            if not rule.forget():
                raise Stuck(
                    "no lower point was found along the direction of search: rounding hides what is left to gain, or f has a kink"
                )
            rule.last = None
            continue
        if found.step >= LONGEST or found.point.f <= -FARTHEST or abs(found.point.x).max() >= FARTHEST:
            raise Stuck("f falls without end along the direction of search: it has no minimum there")
        rule.learn(at, found.point, p, found.step)
        at, rule.last = found.point, found
        yield at
        size = float(abs(at.g).max())
        idle = 0 if at.f < lowest - rule.objective.rounding * abs(lowest) or size < flattest else idle + 1
        if idle == PATIENCE:
            raise Stuck(
                f"in the last {PATIENCE} steps neither f nor its gradient became smaller: rounding hides what is left to gain"
            )
        lowest, flattest = min(lowest, at.f), min(flattest, size)


def fixed_steps(objective: Objective, start: Point, learning_rate: float) -> Iterator[Point]:
    """Gradient descent without a line search: x - learning_rate * gradient."""
    at = start
    while True:
        at = objective(at.x - learning_rate * at.g)
        yield at


class Transformed:
    """Steps by a gradient transformation (`ft.optim.adam(0.1)`)."""

    def __init__(self, objective: Objective, optimizer: Any, jitted: bool) -> None:
        self.objective, self.optimizer = objective, optimizer

        def step(slopes: Any, state: Any, params: Any) -> Any:
            updates, state = optimizer.update(slopes, state, params)
            return apply_updates(params, updates), state

        self.step = jit(step) if jitted else step
        self.before: Any = None  # the state before the last step

    def steps(self, at: Point) -> Iterator[Point]:
        """The points that it leads to."""
        space = self.objective.space
        params = space.tree(at.x)
        state = self.optimizer.init(params)
        while True:
            self.before = state
            params, state = self.step(space.tree(at.g), state, params)
            at = self.objective(space.flat(params))
            yield at

    def rate(self) -> Any:
        """The learning rate of the last step, or None."""
        rate = getattr(self.optimizer, "rate", None)
        return None if rate is None else rate(self.before)


__all__ = ["Rule", "SteepestDescent", "Stuck", "Transformed", "descend", "fixed_steps"]
