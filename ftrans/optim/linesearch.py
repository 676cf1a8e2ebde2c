"""How far to go along a direction: `backtracking` (enough decrease) and `strong_wolfe` (enough decrease, and a flatter slope).

A search is given a `Line`: the point it starts from, a direction in which the function falls, and the function itself. It gives a
`Found`: the point it stops at, and whether that point meets the search's conditions; `None` in place of the point means that none
was lower than the start.

Near a minimum the values of the function differ by less than their rounding, and say nothing more. There they are replaced by
those of a parabola with the slopes that were found. Enough decrease of the parabola is the "approximate Wolfe condition" of Hager
and Zhang (2005).

Sources: Nocedal and Wright (2006), Numerical Optimization, algorithm 3.1; Moré and Thuente (1994), Line search algorithms with
guaranteed sufficient decrease, ACM TOMS 20, 286-307.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from .vector import Vector

LONGEST = 1e20  # the longest step


class Point(NamedTuple):
    """A point, the value of the function there, its gradient."""

    x: Vector
    f: float
    g: Vector


class Trial(NamedTuple):
    """A step along a line, with the value there less that at the start, and the slope there."""

    step: float
    f: float
    d: float


class Found(NamedTuple):
    """Where a search stopped, and how much lower that is; `met` says whether its conditions hold there."""

    point: Point | None
    step: float
    fall: float
    met: bool


@dataclass
class Line:
    """The function along `start.x + step * direction`. Points that were visited are kept, so none is evaluated twice."""

    evaluate: Callable[[Vector], Point]
    start: Point
    direction: Vector
    c1: float = 1e-4  # the part of the promised decrease that is enough
    c2: float = 0.9  # how much flatter than at the start the slope must be
    rounding: float = 100 * float(np.finfo(float).eps)  # values closer than this, as a part of their size, may be equal

    def __post_init__(self) -> None:
        self.slope = float(self.start.g @ self.direction)
        self.noise = self.rounding * abs(self.start.f)
        self.seen: dict[float, Point] = {}

    def at(self, step: float) -> Trial:
        """The value and the slope after this step; by its slopes where the value differs from the start's by rounding only."""
        if step not in self.seen:
            self.seen[step] = self.evaluate(self.start.x + step * self.direction)
        point = self.seen[step]
        slope = float(point.g @ self.direction)
        change = point.f - self.start.f
        if abs(change) <= self.noise and math.isfinite(slope):
            change = step * (self.slope + slope) / 2
        return Trial(step, change, slope)

    def finite(self, trial: Trial) -> bool:
        """Whether the function and its gradient have finite values there."""
        return math.isfinite(trial.f) and math.isfinite(trial.d) and bool(np.isfinite(self.seen[trial.step].g).all())

    @property
    def start_trial(self) -> Trial:
        """The step 0."""
        return Trial(0.0, 0.0, self.slope)

    def falls(self, trial: Trial) -> bool:
        """Whether the function has fallen enough (Armijo)."""
        return trial.f <= self.c1 * trial.step * self.slope

    def flattens(self, trial: Trial) -> bool:
        """Whether the slope has become small enough (the curvature condition of strong Wolfe)."""
        return abs(trial.d) <= -self.c2 * self.slope

    def found(self, trial: Trial | None, met: bool) -> Found:
        """The end of a search."""
        return Found(None, 0.0, 0.0, False) if trial is None else Found(self.seen[trial.step], trial.step, -trial.f, met)

    def lowest(self) -> Found:
        """The lowest of the points seen that has fallen enough, for want of a better one."""
        lower = [trial for trial in map(self.at, list(self.seen)) if self.finite(trial) and self.falls(trial)]
        return self.found(min(lower, key=lambda trial: trial.f, default=None), False)


def backtracking(line: Line, first: float, shrink: float = 0.5, trials: int = 60) -> Found:
    """The longest of the steps first, first·shrink, first·shrink² … after which the function has fallen enough.

    Nocedal and Wright, algorithm 3.1. A value that is nan or infinite counts as too high.
    """
    step = first
    for _ in range(trials):
        trial = line.at(step)
        if line.finite(trial) and line.falls(trial):
            return line.found(trial, True)
        step *= shrink
    return line.found(None, False)


def strong_wolfe(
    line: Line,
    first: float,
    xtol: float = 1e-14,
    longest: float = LONGEST,
    trials: int = 100,
) -> Found:
    """A step that meets the strong Wolfe conditions, by the method of Moré and Thuente.

    first: the step that is tried first.
    xtol: the search gives up when the interval that holds the step is shorter than this, relative to its upper end.
    longest: the longest step.
    trials: how many steps are tried at most.

    Where a value or slope is nan or infinite the steps stay below. When the search gives up, the lowest point is given
    that has fallen enough, with met=False.
    """
    step: float | None = min(first, longest)
    interval = Interval(line, min(first, longest), longest, xtol)
    for _ in range(trials):
        if not step or step in line.seen:
            break
        trial = line.at(step)
        if not line.finite(trial):
            step = interval.back_off(step)
        elif line.falls(trial) and line.flattens(trial):
            return line.found(trial, True)
        else:
            step = interval.narrow(trial)
    return line.lowest()


def zoomed(line: Line, first: float, accept: Callable[[Point], bool], longest: float = LONGEST, trials: int = 10) -> Found:
    """As `strong_wolfe`, by Nocedal and Wright's algorithms 3.5 and 3.6: steps are doubled until a good one must lie between two.

    It comes to other steps, so it is tried where `strong_wolfe` has found none.
    """
    before, step = line.start_trial, min(first, longest)
    for k in range(trials):
        trial = line.at(step)
        if not line.finite(trial):
            return line.found(None, False)
        if not line.falls(trial) or (k and trial.f >= before.f):
            return zoom(line, before, trial, accept, trials)
        if line.flattens(trial) and accept(line.seen[step]):
            return line.found(trial, True)
        if trial.d >= 0:
            return zoom(line, trial, before, accept, trials)
        before, step = trial, min(2 * step, longest)
    return line.found(None, False)


def zoom(line: Line, low: Trial, high: Trial, accept: Callable[[Point], bool], trials: int) -> Found:
    """A good step between `low`, the lower of two, and `high` (algorithm 3.6)."""
    third: Trial | None = None  # the end of the interval that was given up last
    for _ in range(trials + 1):
        width = high.step - low.step
        step = math.nan if third is None else cubic_of_values(low, high, third)
        if not within(step, low, high, 0.2):
            step = parabola_minimum(low, high)
            step = step if within(step, low, high, 0.1) else low.step + width / 2
        trial = line.at(step)
        if not line.finite(trial) or not line.falls(trial) or trial.f >= low.f:
            third, high = high, trial
            continue
        if line.flattens(trial) and accept(line.seen[step]):
            return line.found(trial, True)
        if trial.d * width >= 0:
            third, high = high, low
        else:
            third = low
        low = trial
    return line.found(None, False)


def within(step: float, low: Trial, high: Trial, margin: float) -> bool:
    """Whether a step lies inside an interval by a margin, given as a part of its width.

    Of an interval that runs backwards it may lie outside by that much, as in SciPy. Kept inside, conjugate gradients need 44
    evaluations instead of 31 on Bard's function.
    """
    width = high.step - low.step
    margin = math.copysign(margin, width)
    return margin <= (step - low.step) / width <= 1 - margin if width else False


def parabola_minimum(a: Trial, b: Trial) -> float:
    """The minimum of the parabola through a, with its slope, and b; nan where there is none."""
    width = b.step - a.step
    bend = b.f - a.f - a.d * width
    return a.step - a.d * width * width / (2 * bend) if bend else math.nan


def cubic_of_values(a: Trial, b: Trial, c: Trial) -> float:
    """The minimum of the cubic through a, with its slope, b and c; nan where there is none."""
    p, q = b.step - a.step, c.step - a.step
    if p == q or not p * p or not q * q:
        return math.nan
    u, v = (b.f - a.f - a.d * p) / (p * p), (c.f - a.f - a.d * q) / (q * q)  # cubic·t + square = u at p, v at q
    cubic = (u - v) / (p - q)
    square = u - cubic * p
    root = square * square - 3 * cubic * a.d
    return a.step + (math.sqrt(root) - square) / (3 * cubic) if cubic and root >= 0 else math.nan


class Interval:
    """The steps between `best`, the lowest so far, and `other`; once `closed`, good steps lie between them."""

    def __init__(self, line: Line, first: float, longest: float, xtol: float) -> None:
        self.line, self.longest, self.xtol = line, longest, xtol
        self.best = self.other = line.start_trial
        self.closed = False
        self.valley = False  # a step was seen after which the function has fallen enough, and rises
        self.low, self.high = 0.0, 5 * first  # where the next step is looked for
        self.width, self.width_before = longest, 2 * longest

    def back_off(self, step: float) -> float:
        """The next step after one without a finite value."""
        self.longest = step
        return self.best.step + 0.1 * (step - self.best.step)

    def narrow(self, trial: Trial) -> float | None:
        """Take in a trial that is not good enough and give the next step; None when there is none."""
        enough = self.line.falls(trial)
        self.valley = self.valley or (enough and trial.d >= 0)
        # Where φ has fallen, but not enough, the next step is chosen for ψ(t) = φ(t) - φ(0) - c1 t φ'(0) (section 3 of the paper).
        tilt = self.line.c1 * self.line.slope if not self.valley and trial.f <= self.best.f and not enough else 0.0
        best, other, trial = (Trial(t.step, t.f - tilt * t.step, t.d - tilt) for t in (self.best, self.other, trial))
        step, closes = next_step(best, other, trial, self.closed, self.low, self.high)
        if trial.f > best.f:
            other = trial
        else:
            other = best if trial.d * best.d < 0 else other
            best = trial
        self.best, self.other = (Trial(t.step, t.f + tilt * t.step, t.d + tilt) for t in (best, other))
        self.closed = self.closed or closes
        if not self.closed:
            self.low, self.high = (step + reach * (step - self.best.step) for reach in (1.1, 4.0))
            return min(max(step, 0.0), self.longest)
        if abs(self.other.step - self.best.step) >= 0.66 * self.width_before:
            step = self.best.step + 0.5 * (self.other.step - self.best.step)
        self.width_before, self.width = self.width, abs(self.other.step - self.best.step)
        self.low, self.high = sorted((self.best.step, self.other.step))
        return step if self.low < step < self.high and self.width > self.xtol * self.high else None


def next_step(best: Trial, other: Trial, trial: Trial, closed: bool, low: float, high: float) -> tuple[float, bool]:
    """The step to try after `trial`, and whether a good one is now known to lie between two others (section 4 of the paper).

    It is chosen between the minimum of a cubic and that of a parabola (or secant) through what is known.
    """
    if trial.f > best.f:  # it has risen: a minimum lies between the two
        cubic = best.step + cubic_minimum(best, trial) * (trial.step - best.step)
        parabola = parabola_minimum(best, trial)
        return (cubic if abs(cubic - best.step) < abs(parabola - best.step) else cubic + (parabola - cubic) / 2), True
    if trial.d * best.d < 0:  # it falls backwards: the same
        cubic, secant = trial.step + cubic_minimum(trial, best) * (best.step - trial.step), secant_minimum(trial, best)
        return (cubic if abs(cubic - trial.step) > abs(secant - trial.step) else secant), True
    end = high if trial.step > best.step else low
    if abs(trial.d) < abs(best.d):  # it flattens
        r = cubic_minimum(trial, best, ahead=True)
        cubic = trial.step + r * (best.step - trial.step) if r < 0 else end
        secant = secant_minimum(trial, best)
        nearer = abs(cubic - trial.step) < abs(secant - trial.step)
        if not closed:
            return min(max(secant if nearer else cubic, low), high), False
        step, limit = cubic if nearer else secant, trial.step + 0.66 * (other.step - trial.step)
        return (min(step, limit) if trial.step > best.step else max(step, limit)), False
    if closed:  # it falls ever more steeply
        return trial.step + cubic_minimum(trial, other) * (other.step - trial.step), False
    return end, False


def secant_minimum(a: Trial, b: Trial) -> float:
    """Where the slope would be 0 if it changed evenly."""
    return a.step + a.d / (a.d - b.d) * (b.step - a.step) if a.d != b.d else math.inf


def cubic_minimum(a: Trial, b: Trial, ahead: bool = False) -> float:
    """The minimum of the cubic through a and b with their slopes, as the part of the way from a to b.

    ahead: a minimum beyond a, away from b, is looked for; 0 when there is none.
    """
    theta = 3 * (a.f - b.f) / (b.step - a.step) + a.d + b.d
    scale = max(abs(theta), abs(a.d), abs(b.d))
    if scale == 0:
        return 0.0
    gamma = math.copysign(scale * math.sqrt(max(0.0, (theta / scale) ** 2 - (a.d / scale) * (b.d / scale))), b.step - a.step)
    below = 2 * gamma - a.d + b.d
    if below == 0 or (ahead and gamma == 0):
        return 0.0
    return (gamma - a.d + theta) / below


__all__ = ["LONGEST", "Found", "Line", "Point", "backtracking", "strong_wolfe", "zoomed"]
