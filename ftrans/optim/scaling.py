"""The parts that optimisers are chained of: steps of a size, momentum, Adam's, RMSprop's and Adagrad's scaling, weight decay.

    opt = chain(scale_by_adam(), add_decayed_weights(1e-4), scale_by_learning_rate(1e-3))

In the formulas g is the gradient of one leaf, t the number of this step, the first being 1; all is done elementwise. The names and
numbers are optax's; means start at zero.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from .. import numpy as fnp
from .. import pytree
from ..pytree import PyTree
from .base import (
    GradientTransformation,
    Schedule,
    at,
    cast,
    check_function,
    like,
    number,
    rate_of,
    real_zeros_like,
    square,
    stateless,
    transformation,
    zeros_like,
)
from .combining import Mask, masked
from .factories import factory

# ---------------------------------------------------------------------------------------------------------- step sizes


@factory()
def scale(step_size: Any) -> GradientTransformation:
    """Updates times a number: `step_size g`. Mirrors `optax.scale`.

    >>> scale(-0.5).update(np.ones(2), ft.optim.EmptyState())[0]
    array([-0.5, -0.5])
    """
    factor = number("scale", "step_size", step_size)
    return stateless("scale", lambda updates, params: times(factor, updates))


def times(factor: Any, tree: PyTree) -> PyTree:
    """Each leaf times a scalar, in the dtype of the leaf."""
    return pytree.map(lambda u: like(factor, u) * u, tree)


class ScaleByScheduleState(NamedTuple):
    """How many updates there were."""

    count: Any


@factory()
def scale_by_schedule(step_size_fn: Schedule) -> GradientTransformation:
    """Updates times `step_size_fn(k)` at update k, counted from 0. Mirrors `optax.scale_by_schedule`.

    >>> opt = scale_by_schedule(lambda k: 1.0 / (k + 1))
    >>> state = opt.init(0.0)
    >>> for _ in range(2):
    ...     updates, state = opt.update(6.0, state)
    >>> float(updates)
    3.0
    """
    check_function("scale_by_schedule", "step_size_fn", step_size_fn, "use ft.optim.scale for a number")
    return scheduled("scale_by_schedule", step_size_fn, 1)


def scheduled(name: str, schedule: Schedule, sign: int) -> GradientTransformation:
    """sign * schedule(k) times the updates, with the schedule as its learning rate."""

    def update(updates: PyTree, state: Any, params: PyTree) -> tuple[PyTree, ScaleByScheduleState]:
        return times(sign * at(schedule, state.count), updates), ScaleByScheduleState(state.count + 1)

    def init(params: PyTree) -> ScaleByScheduleState:
        return ScaleByScheduleState(np.int64(0))

    return transformation(name, init, update, ScaleByScheduleState, rate=lambda state: at(schedule, state.count))


@factory()
def scale_by_learning_rate(learning_rate: Any, *, flip_sign: bool = True) -> GradientTransformation:
    """Updates times -learning_rate, so that they lead downhill. Mirrors `optax.scale_by_learning_rate`.

    learning_rate: a number, also a traced one (to differentiate with respect to it), or a schedule
    flip_sign: False for a positive factor

    Errors: ArgumentError if it is neither, or negative, nan or infinite.

    >>> scale_by_learning_rate(0.5).update(np.ones(2), ft.optim.EmptyState())[0]
    array([-0.5, -0.5])
    """
    rate = rate_of("scale_by_learning_rate", learning_rate)
    sign = -1 if flip_sign else 1
    if callable(rate):
        return scheduled("scale_by_learning_rate", rate, sign)
    init, update = stateless("scale_by_learning_rate", lambda updates, params: times(sign * rate, updates))
    return GradientTransformation(init, update, "scale_by_learning_rate", lambda state: rate)


# ------------------------------------------------------------------------------------------------------------ momentum


class TraceState(NamedTuple):
    """The decaying sum of gradients."""

    trace: PyTree


@factory()
def trace(decay: Any, nesterov: bool = False) -> GradientTransformation:
    """Momentum: `v = g + decay v`, and the update is v, or with nesterov `g + decay v`. Mirrors `optax.trace`, PyTorch's SGD.

    Polyak 1964; Nesterov 1983 in the form of Sutskever et al. 2013. Errors: ArgumentError unless 0 <= decay <= 1.

    >>> opt = trace(0.5)
    >>> state = opt.init(0.0)
    >>> for _ in range(3):
    ...     v, state = opt.update(1.0, state)
    >>> float(v)
    1.75
    """
    decay = number("trace", "decay", decay, 0, 1)

    def add(g: Any, v: Any) -> Any:
        return cast(g + like(decay, g) * v, g)

    def update(updates: PyTree, state: Any, params: PyTree) -> tuple[PyTree, TraceState]:
        new = pytree.map(add, updates, state.trace)
        return (pytree.map(add, updates, new) if nesterov else new), TraceState(pytree.map(cast, new, state.trace))

    return transformation("trace", lambda params: TraceState(pytree.map(zeros_like, params)), update, TraceState, like=("trace",))


class EmaState(NamedTuple):
    """The number of updates and their decaying mean."""

    count: Any
    ema: PyTree


@factory()
def ema(decay: Any, debias: bool = True) -> GradientTransformation:
    """The decaying mean of the updates: `m = decay m + (1 - decay) g`, with debias divided by 1 - decay^t. Mirrors `optax.ema`.

    Errors: ArgumentError unless 0 <= decay < 1.

    >>> opt = ema(0.9)
    >>> float(opt.update(2.0, opt.init(0.0))[0])
    2.0
    """
    decay = number("ema", "decay", decay, 0, 1, below=True)

    def update(updates: PyTree, state: Any, params: PyTree) -> tuple[PyTree, EmaState]:
        count = state.count + 1
        mean = means(updates, state.ema, decay)
        return (unbiased(mean, decay, count) if debias else mean), EmaState(count, mean)

    return transformation(
        "ema", lambda params: EmaState(np.int64(0), pytree.map(zeros_like, params)), update, EmaState, like=("ema",)
    )


def means(updates: PyTree, old: PyTree, decay: Any, function: Any = lambda g: g) -> PyTree:
    """decay m + (1 - decay) function(g) for every leaf, in the dtype of m."""
    return pytree.map(lambda g, m: cast(like(decay, m) * m + like(1 - decay, m) * function(g), m), updates, old)


def unbiased(mean: PyTree, decay: Any, count: Any) -> PyTree:
    """A decaying mean that started at zero, divided by the sum of its weights, which is computed in float64."""
    weight = 1 - decay**count
    return pytree.map(lambda m: m / like(weight, m), mean)


# ------------------------------------------------------------------------------------------------- scaling by magnitude


class ScaleByAdamState(NamedTuple):
    """The number of updates, the mean of the gradients, the mean of their squares."""

    count: Any
    mu: PyTree
    nu: PyTree


def adam_init(params: PyTree) -> ScaleByAdamState:
    """Means of zero."""
    return ScaleByAdamState(np.int64(0), pytree.map(zeros_like, params), pytree.map(real_zeros_like, params))


@factory()
def scale_by_adam(
    b1: Any = 0.9, b2: Any = 0.999, eps: Any = 1e-8, eps_root: Any = 0.0, *, nesterov: bool = False
) -> GradientTransformation:
    """Adam's direction (Kingma and Ba 2015, algorithm 1; with nesterov Dozat 2016). Mirrors `optax.scale_by_adam`.

        m = b1 m + (1 - b1) g           m^ = m / (1 - b1^t)
        v = b2 v + (1 - b2) |g|²        v^ = v / (1 - b2^t)
        update = m^ / (sqrt(v^ + eps_root) + eps)

    With nesterov m^ is `b1 m / (1 - b1^(t+1)) + (1 - b1) g / (1 - b1^t)`. eps_root > 0 keeps the derivative of the square root
    finite at 0: it is needed where the training itself is differentiated.
    Errors: ArgumentError unless 0 <= b1, b2 < 1 and eps, eps_root >= 0.

    >>> opt = scale_by_adam()
    >>> opt.update(np.array([4.0, -0.1]), opt.init(np.zeros(2)))[0].round(6)
    array([ 1., -1.])
    """
    b1, b2, eps, eps_root = adam_numbers("scale_by_adam", b1, b2, eps, eps_root)

    def update(updates: PyTree, state: Any, params: PyTree) -> tuple[PyTree, ScaleByAdamState]:
        count = state.count + 1
        mu = means(updates, state.mu, b1)
        nu = means(updates, state.nu, b2, square)
        if nesterov:
            ahead, now = unbiased(mu, b1, count + 1), unbiased(updates, b1, count)
            mean = pytree.map(lambda m, g: cast(like(b1, m) * m + like(1 - b1, m) * g, m), ahead, now)
        else:
            mean = unbiased(mu, b1, count)

        def direction(m: Any, v: Any) -> Any:
            return m / (fnp.sqrt(v + like(eps_root, v) if adds(eps_root) else v) + like(eps, v))

        return pytree.map(direction, mean, unbiased(nu, b2, count)), ScaleByAdamState(count, mu, nu)

    return transformation("scale_by_adam", adam_init, update, ScaleByAdamState, like=("mu", "nu"))


def adam_numbers(who: str, b1: Any, b2: Any, eps: Any, eps_root: Any) -> tuple[Any, Any, Any, Any]:
    """The numbers of Adam, checked."""
    return (
        number(who, "b1", b1, 0, 1, below=True),
        number(who, "b2", b2, 0, 1, below=True),
        number(who, "eps", eps, 0),
        number(who, "eps_root", eps_root, 0),
    )


def adds(x: Any) -> bool:
    """Whether adding x may change something."""
    return type(x) is not float or x != 0


class ScaleByRmsState(NamedTuple):
    """The mean of the squared gradients."""

    nu: PyTree


@factory()
def scale_by_rms(decay: Any = 0.9, eps: Any = 1e-8, initial_scale: Any = 0.0, eps_in_sqrt: bool = True) -> GradientTransformation:
    """RMSprop's direction (Hinton 2012): `v = decay v + (1 - decay) |g|²`, `update = g / sqrt(v + eps)`.

    With eps_in_sqrt=False the update is `g / (sqrt(v) + eps)`, as in PyTorch. v starts at initial_scale.
    Mirrors `optax.scale_by_rms`.
    Errors: ArgumentError unless 0 <= decay < 1 and eps, initial_scale >= 0.

    >>> opt = scale_by_rms(decay=0.75)
    >>> opt.update(np.array([4.0, -0.5]), opt.init(np.zeros(2)))[0].round(6)
    array([ 2., -2.])
    """
    decay, eps, initial_scale = rms_numbers("scale_by_rms", decay, eps, initial_scale)

    def update(updates: PyTree, state: Any, params: PyTree) -> tuple[PyTree, ScaleByRmsState]:
        nu = means(updates, state.nu, decay, square)
        return pytree.map(lambda g, v: g / root(v, eps, eps_in_sqrt), updates, nu), ScaleByRmsState(nu)

    def init(params: PyTree) -> ScaleByRmsState:
        return ScaleByRmsState(pytree.map(lambda p: real_zeros_like(p, initial_scale), params))

    return transformation("scale_by_rms", init, update, ScaleByRmsState, like=("nu",))


def rms_numbers(who: str, decay: Any, eps: Any, initial_scale: Any) -> tuple[Any, Any, Any]:
    """The numbers of RMSprop, checked."""
    return (
        number(who, "decay", decay, 0, 1, below=True),
        number(who, "eps", eps, 0),
        number(who, "initial_scale", initial_scale, 0),
    )


def root(v: Any, eps: Any, inside: bool) -> Any:
    """The square root, kept from zero by eps inside or outside of it."""
    return fnp.sqrt(v + like(eps, v)) if inside else fnp.sqrt(v) + like(eps, v)


class ScaleByStddevState(NamedTuple):
    """The mean of the gradients and of their squares."""

    mu: PyTree
    nu: PyTree


@factory()
def scale_by_stddev(
    decay: Any = 0.9, eps: Any = 1e-8, initial_scale: Any = 0.0, eps_in_sqrt: bool = True
) -> GradientTransformation:
    """Centred RMSprop (Graves 2013): as `scale_by_rms`, with the variance `v - |m|²` for v. Mirrors `optax.scale_by_stddev`.

    A variance that rounding made negative counts as 0, where optax gives nan.

    >>> opt = scale_by_stddev(decay=0.5)
    >>> opt.update(np.array([4.0, -0.5]), opt.init(np.zeros(2)))[0].round(6)
    array([ 2., -2.])
    """
    decay, eps, initial_scale = rms_numbers("scale_by_stddev", decay, eps, initial_scale)

    def update(updates: PyTree, state: Any, params: PyTree) -> tuple[PyTree, ScaleByStddevState]:
        mu = means(updates, state.mu, decay)
        nu = means(updates, state.nu, decay, square)

        def direction(g: Any, m: Any, v: Any) -> Any:
            return g / root(fnp.maximum(v - square(m), 0), eps, eps_in_sqrt)

        return pytree.map(direction, updates, mu, nu), ScaleByStddevState(mu, nu)

    def init(params: PyTree) -> ScaleByStddevState:
        second = pytree.map(lambda p: real_zeros_like(p, initial_scale), params)
        return ScaleByStddevState(pytree.map(zeros_like, params), second)

    return transformation("scale_by_stddev", init, update, ScaleByStddevState, like=("mu", "nu"))


class ScaleByRssState(NamedTuple):
    """The sum of the squared gradients."""

    sum_of_squares: PyTree


@factory()
def scale_by_rss(initial_accumulator_value: Any = 0.1, eps: Any = 1e-7) -> GradientTransformation:
    """Adagrad's direction (Duchi et al. 2011): `s = s + |g|²`, `update = g / sqrt(s + eps)`, 0 where s is 0.

    s starts at initial_accumulator_value. Mirrors `optax.scale_by_rss`.

    >>> opt = scale_by_rss(initial_accumulator_value=0.0)
    >>> opt.update(np.array([4.0, 0.0]), opt.init(np.zeros(2)))[0].round(6)
    array([1., 0.])
    """
    start = number("scale_by_rss", "initial_accumulator_value", initial_accumulator_value, 0)
    eps = number("scale_by_rss", "eps", eps, 0)

    def update(updates: PyTree, state: Any, params: PyTree) -> tuple[PyTree, ScaleByRssState]:
        total = pytree.map(lambda g, s: cast(s + square(g), s), updates, state.sum_of_squares)

        def direction(g: Any, s: Any) -> Any:  # where s is 0 all gradients were
            return g / fnp.sqrt(fnp.where(s > 0, s + like(eps, s), fnp.ones_like(s)))

        return pytree.map(direction, updates, total), ScaleByRssState(total)

    def init(params: PyTree) -> ScaleByRssState:
        return ScaleByRssState(pytree.map(lambda p: real_zeros_like(p, start), params))

    return transformation("scale_by_rss", init, update, ScaleByRssState, like=("sum_of_squares",))


# -------------------------------------------------------------------------------------------------------- weight decay


@factory()
def add_decayed_weights(weight_decay: Any = 0.0, mask: Mask | None = None) -> GradientTransformation:
    """Updates plus `weight_decay` times the parameters. Mirrors `optax.add_decayed_weights`.

    Before an adaptive scaling that is a penalty of `weight_decay/2 |w|²`; behind it, before the learning rate, it is decoupled
    weight decay (Loshchilov and Hutter 2019). The mask says which leaves decay, as in `masked`.

    Errors: ArgumentError when update is called without the parameters, or for a negative weight_decay.

    >>> add_decayed_weights(0.5).update(np.ones(2), ft.optim.EmptyState(), np.array([2.0, 4.0]))[0]
    array([2., 3.])
    """
    decay = number("add_decayed_weights", "weight_decay", weight_decay, 0)

    def update(updates: PyTree, params: PyTree) -> PyTree:
        return pytree.map(lambda u, p: cast(u + like(decay, p) * p, u), updates, params)

    every = stateless("add_decayed_weights", update, needs_params=True)
    return every if mask is None else masked(every, mask)
