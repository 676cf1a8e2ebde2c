"""Learning rates that change: functions from the number of updates so far (0 at the first) to a number.

    opt = adam(warmup_cosine_decay_schedule(0.0, 1e-3, warmup_steps=100, decay_steps=10_000))

A schedule may be given to every optimiser in the place of a learning rate. The count may be an int, an array or a traced array, and
the numbers may be traced too, to be differentiated. Any function will do: `sgd(lambda k: 0.1 / (1 + k))`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from .. import numpy as fnp
from ..errors import ArgumentError, at_line, shown
from .base import Schedule, check_function, number


def steps(who: str, name: str, value: Any, least: int) -> int:
    """A whole number of steps."""
    if not isinstance(value, int | np.integer) or isinstance(value, bool) or value < least:
        raise ArgumentError(at_line(f"{who}: {name} must be a whole number from {least} up, got {shown(value)}"))
    return int(value)


def constant_schedule(value: Any) -> Schedule:
    """The same number at every step. Mirrors `optax.constant_schedule`.

    >>> constant_schedule(0.1)(7)
    0.1
    """
    value = number("constant_schedule", "value", value)
    return lambda count: value


def polynomial_schedule(init_value: Any, end_value: Any, power: Any, transition_steps: int, transition_begin: int = 0) -> Schedule:
    """From init_value to end_value as `end + (init - end)(1 - s)^power`, where s goes from 0 to 1.

    s starts at step transition_begin and takes transition_steps; before and after the value is constant.
    Mirrors `optax.polynomial_schedule`.
    Errors: ArgumentError unless transition_steps > 0 and transition_begin >= 0.

    >>> f = polynomial_schedule(1.0, 0.0, power=2, transition_steps=4)
    >>> [float(f(k)) for k in (0, 1, 2, 4, 9)]
    [1.0, 0.5625, 0.25, 0.0, 0.0]
    """
    who = "polynomial_schedule"
    init_value, end_value = number(who, "init_value", init_value), number(who, "end_value", end_value)
    power = number(who, "power", power)
    length, begin = steps(who, "transition_steps", transition_steps, 1), steps(who, "transition_begin", transition_begin, 0)

    def schedule(count: Any) -> Any:
        left = 1 - fnp.clip(count - begin, 0, length) / length
        return (init_value - end_value) * left**power + end_value

    return schedule


def linear_schedule(init_value: Any, end_value: Any, transition_steps: int, transition_begin: int = 0) -> Schedule:
    """From init_value to end_value on a straight line. See `polynomial_schedule`. Mirrors `optax.linear_schedule`.

    >>> f = linear_schedule(1.0, 0.0, transition_steps=4)
    >>> [float(f(k)) for k in (0, 1, 4, 9)]
    [1.0, 0.75, 0.0, 0.0]
    """
    return polynomial_schedule(init_value, end_value, 1, transition_steps, transition_begin)


def exponential_decay(
    init_value: Any,
    transition_steps: int,
    decay_rate: Any,
    transition_begin: int = 0,
    staircase: bool = False,
    end_value: Any = None,
) -> Schedule:
    """`init_value decay_rate^((k - transition_begin) / transition_steps)`, init_value before. Mirrors `optax.exponential_decay`.

    staircase: whole exponents only
    end_value: where it stops: the least value when decay_rate < 1, else the greatest

    Errors: ArgumentError unless transition_steps > 0, transition_begin >= 0 and decay_rate > 0.

    >>> f = exponential_decay(1.0, transition_steps=2, decay_rate=0.25, end_value=0.1)
    >>> [float(f(k)) for k in (0, 1, 2, 9)]
    [1.0, 0.5, 0.25, 0.1]
    """
    who = "exponential_decay"
    init_value, decay_rate = number(who, "init_value", init_value), number(who, "decay_rate", decay_rate, np.finfo(float).tiny)
    length, begin = steps(who, "transition_steps", transition_steps, 1), steps(who, "transition_begin", transition_begin, 0)
    end_value = None if end_value is None else number(who, "end_value", end_value)

    def schedule(count: Any) -> Any:
        exponent = fnp.maximum(count - begin, 0) / length
        value = init_value * decay_rate ** (fnp.floor(exponent) if staircase else exponent)
        if end_value is None:
            return value
        return fnp.where(decay_rate < 1, fnp.maximum(value, end_value), fnp.minimum(value, end_value))

    return schedule


def cosine_decay_schedule(init_value: Any, decay_steps: int, alpha: Any = 0.0, exponent: Any = 1.0) -> Schedule:
    """Half a cosine from init_value to alpha init_value (Loshchilov and Hutter 2017). Mirrors `optax.cosine_decay_schedule`.

        init_value ((1 - alpha) c^exponent + alpha),  c = (1 + cos(pi k / decay_steps)) / 2, constant after decay_steps

    Errors: ArgumentError unless decay_steps > 0.

    >>> f = cosine_decay_schedule(1.0, decay_steps=4)
    >>> [round(float(f(k)), 3) for k in (0, 1, 2, 4, 9)]
    [1.0, 0.854, 0.5, 0.0, 0.0]
    """
    who = "cosine_decay_schedule"
    init_value, alpha = number(who, "init_value", init_value), number(who, "alpha", alpha)
    exponent = number(who, "exponent", exponent)
    length = steps(who, "decay_steps", decay_steps, 1)

    def schedule(count: Any) -> Any:
        cosine = 0.5 * (1 + fnp.cos(np.pi * (fnp.clip(count, 0, length) / length)))
        return init_value * ((1 - alpha) * cosine**exponent + alpha)

    return schedule


def warmup_cosine_decay_schedule(
    init_value: Any, peak_value: Any, warmup_steps: int, decay_steps: int, end_value: Any = 0.0, exponent: Any = 1.0
) -> Schedule:
    """A line from init_value up to peak_value, then half a cosine down to end_value. Mirrors `optax.warmup_cosine_decay_schedule`.

    decay_steps is the length of both together. Errors: ArgumentError unless 0 < warmup_steps < decay_steps and peak_value is not 0.

    >>> f = warmup_cosine_decay_schedule(0.0, 1.0, warmup_steps=2, decay_steps=6)
    >>> [round(float(f(k)), 3) for k in range(7)]
    [0.0, 0.5, 1.0, 0.854, 0.5, 0.146, 0.0]
    """
    who = "warmup_cosine_decay_schedule"
    peak_value, end_value = number(who, "peak_value", peak_value), number(who, "end_value", end_value)
    warm = steps(who, "warmup_steps", warmup_steps, 1)
    length = steps(who, "decay_steps", decay_steps, warm + 1)
    if isinstance(peak_value, float) and peak_value == 0:
        raise ArgumentError(at_line(f"{who}: peak_value must not be 0"))
    down = cosine_decay_schedule(peak_value, length - warm, end_value / peak_value, exponent)
    return join_schedules([linear_schedule(init_value, peak_value, warm), down], [warm])


def piecewise_constant_schedule(init_value: Any, boundaries_and_scales: Mapping[int, Any] | None = None) -> Schedule:
    """init_value, multiplied by a scale at and after each boundary. Mirrors `optax.piecewise_constant_schedule`.

    Errors: ArgumentError for a negative boundary or scale.

    >>> f = piecewise_constant_schedule(1.0, {2: 0.5, 4: 0.1})
    >>> [float(f(k)) for k in (0, 1, 2, 3, 4)]
    [1.0, 1.0, 0.5, 0.5, 0.05]
    """
    who = "piecewise_constant_schedule"
    init_value = number(who, "init_value", init_value)
    pairs = sorted((boundaries_and_scales or {}).items())
    changes = [(steps(who, "a boundary", k, 0), number(who, "a scale", scale, 0)) for k, scale in pairs]

    def schedule(count: Any) -> Any:
        value = init_value
        for boundary, scale in changes:
            value = fnp.where(count < boundary, value, value * scale)
        return value

    return schedule


def join_schedules(schedules: Sequence[Schedule], boundaries: Sequence[int]) -> Schedule:
    """One schedule up to the first boundary, the next from there on, each counting from its own start.

    Mirrors `optax.join_schedules`.

    Errors: ArgumentError unless there is one boundary less than schedules, and they increase.

    >>> f = join_schedules([constant_schedule(1.0), linear_schedule(0.5, 0.0, 2)], [3])
    >>> [float(f(k)) for k in (2, 3, 4, 5)]
    [1.0, 0.5, 0.25, 0.0]
    """
    schedules, boundaries = tuple(schedules), tuple(boundaries)
    if len(schedules) != len(boundaries) + 1:
        fact = f"join_schedules: {len(schedules)} schedules need {len(schedules) - 1} boundaries, got {len(boundaries)}"
        raise ArgumentError(at_line(fact, hint="a boundary is the step at which the next schedule takes over"))
    if sorted(set(boundaries)) != list(boundaries):
        raise ArgumentError(at_line(f"join_schedules: the boundaries must increase, got {list(boundaries)}"))
    for k, each in enumerate(schedules):
        check_function("join_schedules", f"schedule {k}", each, "use ft.optim.constant_schedule for a number")

    def schedule(count: Any) -> Any:
        value = schedules[0](count)
        for boundary, later in zip(boundaries, schedules[1:], strict=True):
            value = fnp.where(count < boundary, value, later(fnp.maximum(count - boundary, 0)))
        return value

    return schedule
