"""Optimisers for training: `sgd`, `adam` (textbook or Keras), `adamw`, `nadam`, `rmsprop`, `adagrad`, `adadelta`, `lion`.

    opt = adam(1e-3)
    state = opt.init(params)
    updates, state = opt.update(grads, state, params)
    params = apply_updates(params, updates)

Each is a chain of the parts in `scaling.py`, with optax's names and default numbers. A learning rate is a number, a traced number
(to differentiate with respect to it) or a schedule; anything else, and numbers out of their range, raise ArgumentError.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from .. import numpy as fnp
from .. import pytree
from ..errors import ArgumentError, at_line
from ..pytree import PyTree
from .base import (
    GradientTransformation,
    at,
    cast,
    like,
    number,
    rate_of,
    real_dtype,
    real_zeros_like,
    square,
    transformation,
    zeros_like,
)
from .combining import Mask, named_chain
from .factories import factory
from .scaling import (
    ScaleByAdamState,
    adam_init,
    adam_numbers,
    add_decayed_weights,
    adds,
    means,
    scale_by_adam,
    scale_by_learning_rate,
    scale_by_rms,
    scale_by_rss,
    scale_by_stddev,
    trace,
)


@factory()
def sgd(learning_rate: Any, momentum: Any = None, nesterov: bool = False) -> GradientTransformation:
    """Gradient descent: `p = p - learning_rate u`, where u is the gradient, or with momentum the result of `trace`.

    Mirrors `optax.sgd`, PyTorch's SGD.

    >>> opt, p = sgd(0.1), 0.0
    >>> state = opt.init(p)
    >>> for _ in range(2):
    ...     updates, state = opt.update(ft.grad(lambda w: (w - 5) ** 2)(p), state, p)
    ...     p = ft.optim.apply_updates(p, updates)
    >>> round(float(p), 9)
    1.8
    """
    if momentum is None and nesterov:
        raise ArgumentError(at_line("sgd: nesterov=True needs a momentum", hint="sgd(learning_rate, momentum=0.9, nesterov=True)"))
    parts = [] if momentum is None else [trace(number("sgd", "momentum", momentum, 0, 1), nesterov)]
    return named_chain("sgd", *parts, scale_by_learning_rate(rate_of("sgd", learning_rate)))


@factory(eps=lambda given: 1e-7 if given["form"] == "keras" else 1e-8)
def adam(
    learning_rate: Any,
    b1: Any = 0.9,
    b2: Any = 0.999,
    eps: Any = None,
    eps_root: Any = 0.0,
    *,
    nesterov: bool = False,
    form: str = "textbook",
) -> GradientTransformation:
    """Adam (Kingma and Ba 2015), in one of the two forms that are in use. Mirrors `optax.adam`.

    form="textbook": algorithm 1 of the paper, as in optax, PyTorch and `scale_by_adam`; eps is 1e-8 unless given

        m^ = m / (1 - b1^t),  v^ = v / (1 - b2^t)
        p = p - learning_rate m^ / (sqrt(v^ + eps_root) + eps)

    form="keras": the end of section 2 of the paper, as in tf.keras, where eps (1e-7 unless given) is added to the uncorrected root

        lr_t = learning_rate sqrt(1 - b2^t) / (1 - b1^t)
        p = p - lr_t m / (sqrt(v) + eps)

    The second is the first with an eps that is greater in the first steps. Its operations are those of TensorFlow's kernel
    ApplyAdam, in the same order and all in the dtype of the parameter, 1 - b1 too, so that float32 gives its digits. It has
    no nesterov and no eps_root.

    >>> def after(form, n):
    ...     opt, w = adam(0.1, form=form), np.float32(0)
    ...     state = opt.init(w)
    ...     for _ in range(n):
    ...         updates, state = opt.update(ft.grad(lambda w: (w - 5) ** 2)(w), state, w)
    ...         w = ft.optim.apply_updates(w, updates)
    ...     return str(w)
    >>> after("textbook", 1), after("keras", 1), after("keras", 1001)
    ('0.1', '0.09999997', '5.000001')
    """
    rate = rate_of("adam", learning_rate)
    if form == "textbook":
        numbers = adam_numbers("adam", b1, b2, eps, eps_root)
        return named_chain("adam", scale_by_adam(*numbers, nesterov=nesterov), scale_by_learning_rate(rate))
    if form != "keras":
        hint = "they differ in where eps is added, see help(ft.optim.adam)"
        raise ArgumentError(at_line(f'adam: form must be "textbook" or "keras", got {form!r}', hint=hint))
    b1, b2, eps, eps_root = adam_numbers("adam", b1, b2, eps, eps_root)
    if nesterov or adds(eps_root):
        raise ArgumentError(at_line('adam: form="keras" has neither nesterov nor eps_root', hint='use form="textbook"'))
    return keras_adam(rate, b1, b2, eps)


def keras_adam(rate: Any, b1: Any, b2: Any, eps: Any) -> GradientTransformation:
    """Adam as TensorFlow computes it: see `adam`."""

    def update(updates: PyTree, state: Any, params: PyTree) -> tuple[PyTree, ScaleByAdamState]:
        count = state.count + 1
        now = at(rate, state.count)

        def mean(b: Any, function: Any) -> Any:
            return lambda m, g: cast(m + (function(g) - m) * (1 - rounded(b, m)), m)

        def step(m: Any, v: Any) -> Any:
            step_size = like(now, v) * fnp.sqrt(1 - power(b2, count, v)) / (1 - power(b1, count, v))
            return -((m * step_size) / (fnp.sqrt(v) + like(eps, v)))

        mu = pytree.map(mean(b1, lambda g: g), state.mu, updates)
        nu = pytree.map(mean(b2, square), state.nu, updates)
        return pytree.map(step, mu, nu), ScaleByAdamState(count, mu, nu)

    return transformation("adam", adam_init, update, ScaleByAdamState, like=("mu", "nu"), rate=lambda state: at(rate, state.count))


def rounded(b: Any, x: Any) -> Any:
    """A number in the (real) dtype of x."""
    return real_dtype(x).type(b) if type(b) is float else like(b, x)


def power(b: Any, count: Any, x: Any) -> Any:
    """b^count in the dtype of x: that of the rounded b, rounded once, so that no library's float32 pow has a say."""
    exact = float(rounded(b, x)) if type(b) is float else rounded(b, x).astype(np.float64)
    return (exact**count).astype(real_dtype(x))


@factory()
def nadam(learning_rate: Any, b1: Any = 0.9, b2: Any = 0.999, eps: Any = 1e-8, eps_root: Any = 0.0) -> GradientTransformation:
    """Adam with Nesterov's momentum (Dozat 2016): see `scale_by_adam`. Mirrors `optax.nadam`.

    >>> float(nadam(0.1).update(2.0, nadam(0.1).init(0.0))[0].round(6))
    -0.147368
    """
    numbers = adam_numbers("nadam", b1, b2, eps, eps_root)
    return named_chain("nadam", scale_by_adam(*numbers, nesterov=True), scale_by_learning_rate(rate_of("nadam", learning_rate)))


@factory()
def adamw(
    learning_rate: Any,
    b1: Any = 0.9,
    b2: Any = 0.999,
    eps: Any = 1e-8,
    eps_root: Any = 0.0,
    weight_decay: Any = 1e-4,
    mask: Mask | None = None,
    *,
    nesterov: bool = False,
) -> GradientTransformation:
    """Adam with decoupled weight decay (Loshchilov and Hutter 2019). Mirrors `optax.adamw`, PyTorch's AdamW.

        p = p - learning_rate (m^ / (sqrt(v^ + eps_root) + eps) + weight_decay p)

    PyTorch's default weight_decay is 1e-2. mask: which leaves decay, as in `masked`. update needs the parameters.

    >>> opt, p = adamw(0.1, weight_decay=0.5), np.array([2.0, -4.0])
    >>> opt.update(np.zeros(2), opt.init(p), p)[0]
    array([-0.1,  0.2])
    """
    numbers = adam_numbers("adamw", b1, b2, eps, eps_root)
    decay = add_decayed_weights(number("adamw", "weight_decay", weight_decay, 0), mask)
    rate = scale_by_learning_rate(rate_of("adamw", learning_rate))
    return named_chain("adamw", scale_by_adam(*numbers, nesterov=nesterov), decay, rate)


@factory()
def rmsprop(
    learning_rate: Any,
    decay: Any = 0.9,
    eps: Any = 1e-8,
    initial_scale: Any = 0.0,
    eps_in_sqrt: bool = True,
    centered: bool = False,
    momentum: Any = None,
    nesterov: bool = False,
) -> GradientTransformation:
    """RMSprop (Hinton 2012), centred (Graves 2013), and with momentum. Mirrors `optax.rmsprop`.

    The direction of `scale_by_rms`, with centered of `scale_by_stddev`, times the learning rate, through `trace`. As in optax the
    momentum comes behind the learning rate, in PyTorch before it, which differs when the rate changes. PyTorch has decay 0.99 and
    eps_in_sqrt=False.

    >>> opt = rmsprop(0.1, decay=0.75)
    >>> opt.update(np.array([4.0, -0.5]), opt.init(np.zeros(2)))[0].round(6)
    array([-0.2,  0.2])
    """
    if momentum is None and nesterov:
        raise ArgumentError(at_line("rmsprop: nesterov=True needs a momentum", hint="say momentum=0.9, nesterov=True"))
    direction = (scale_by_stddev if centered else scale_by_rms)(decay, eps, initial_scale, eps_in_sqrt)
    parts = [] if momentum is None else [trace(number("rmsprop", "momentum", momentum, 0, 1), nesterov)]
    return named_chain("rmsprop", direction, scale_by_learning_rate(rate_of("rmsprop", learning_rate)), *parts)


@factory()
def adagrad(learning_rate: Any, initial_accumulator_value: Any = 0.1, eps: Any = 1e-7) -> GradientTransformation:
    """Adagrad (Duchi et al. 2011): `s = s + |g|²`, `p = p - learning_rate g / sqrt(s + eps)`. Mirrors `optax.adagrad`.

    s starts at initial_accumulator_value. PyTorch starts at 0 and adds its eps of 1e-10 to the root.

    >>> opt = adagrad(0.1, initial_accumulator_value=0.0)
    >>> opt.update(np.array([4.0, -0.5]), opt.init(np.zeros(2)))[0].round(6)
    array([-0.1,  0.1])
    """
    return named_chain(
        "adagrad", scale_by_rss(initial_accumulator_value, eps), scale_by_learning_rate(rate_of("adagrad", learning_rate))
    )


class ScaleByAdaDeltaState(NamedTuple):
    """The mean squares of the gradients and of the updates."""

    e_g: PyTree
    e_x: PyTree


@factory()
def adadelta(learning_rate: Any = 1.0, rho: Any = 0.9, eps: Any = 1e-6) -> GradientTransformation:
    """Adadelta (Zeiler 2012). Mirrors `optax.adadelta` and PyTorch's.

        s = rho s + (1 - rho) |g|²
        u = g sqrt(d + eps) / sqrt(s + eps)
        d = rho d + (1 - rho) |u|²
        p = p - learning_rate u

    >>> opt = adadelta()
    >>> opt.update(np.array([4.0, -0.5]), opt.init(np.zeros(2)))[0].round(6)
    array([-0.003162,  0.003162])
    """
    rho, eps = number("adadelta", "rho", rho, 0, 1, below=True), number("adadelta", "eps", eps, 0)

    def update(updates: PyTree, state: Any, params: PyTree) -> tuple[PyTree, ScaleByAdaDeltaState]:
        e_g = means(updates, state.e_g, rho, square)
        new = pytree.map(lambda g, s, d: g * (fnp.sqrt(d + like(eps, d)) / fnp.sqrt(s + like(eps, s))), updates, e_g, state.e_x)
        return new, ScaleByAdaDeltaState(e_g, means(new, state.e_x, rho, square))

    def init(params: PyTree) -> ScaleByAdaDeltaState:
        return ScaleByAdaDeltaState(pytree.map(real_zeros_like, params), pytree.map(real_zeros_like, params))

    direction = transformation("adadelta", init, update, ScaleByAdaDeltaState, like=("e_g", "e_x"))
    return named_chain("adadelta", direction, scale_by_learning_rate(rate_of("adadelta", learning_rate)))


class ScaleByLionState(NamedTuple):
    """The mean of the gradients."""

    mu: PyTree


@factory()
def lion(
    learning_rate: Any, b1: Any = 0.9, b2: Any = 0.99, weight_decay: Any = 1e-3, mask: Mask | None = None
) -> GradientTransformation:
    """Lion (Chen et al. 2023): steps of one size, with decoupled weight decay. Mirrors `optax.lion`.

        p = p - learning_rate (sign(b1 m + (1 - b1) g) + weight_decay p),  m = b2 m + (1 - b2) g

    >>> opt, p = lion(0.1, weight_decay=0.0), np.zeros(3)
    >>> opt.update(np.array([4.0, -0.5, 0.0]), opt.init(p), p)[0]
    array([-0.1,  0.1, -0. ])
    """
    b1, b2 = number("lion", "b1", b1, 0, 1, below=True), number("lion", "b2", b2, 0, 1, below=True)

    def update(updates: PyTree, state: Any, params: PyTree) -> tuple[PyTree, ScaleByLionState]:
        signs = pytree.map(fnp.sign, means(updates, state.mu, b1))
        return signs, ScaleByLionState(means(updates, state.mu, b2))

    direction = transformation(
        "lion", lambda params: ScaleByLionState(pytree.map(zeros_like, params)), update, ScaleByLionState, like=("mu",)
    )
    decay = add_decayed_weights(number("lion", "weight_decay", weight_decay, 0), mask)
    return named_chain("lion", direction, decay, scale_by_learning_rate(rate_of("lion", learning_rate)))
