"""Optimisers: gradient transformations that compose, as in optax, a training loop, and minimisers for whole problems.

    opt = ft.optim.adam(1e-3)
    state = opt.init(params)
    updates, state = opt.update(ft.grad(loss)(params, x, y), state, params)
    params = ft.optim.apply_updates(params, updates)

`train` is the loop around it, `minibatches` cuts data into batches, `chain` puts transformations together:

    ft.optim.train(loss, params, ft.optim.minibatches((x, y), 32, rng, epochs=10), opt)
    ft.optim.chain(ft.optim.clip_by_global_norm(1.0), ft.optim.adam(ft.optim.cosine_decay_schedule(1e-3, 1000)))

`minimize` and `least_squares` solve a whole problem, to a tolerance.
"""

from .base import EmptyState, GradientTransformation, apply_updates, identity, set_to_zero
from .batches import minibatches
from .clipping import ZeroNansState, adaptive_grad_clip, clip, clip_by_block_rms, clip_by_global_norm, global_norm, zero_nans
from .combining import (
    ApplyIfFiniteState,
    InjectHyperparamsState,
    MaskedNode,
    MaskedState,
    PartitionState,
    apply_if_finite,
    chain,
    inject_hyperparams,
    masked,
    multi_transform,
)
from .optimizers import adadelta, adagrad, adam, adamw, lion, nadam, rmsprop, sgd
from .scaling import (
    EmaState,
    ScaleByAdamState,
    ScaleByRmsState,
    ScaleByRssState,
    ScaleByScheduleState,
    ScaleByStddevState,
    TraceState,
    add_decayed_weights,
    ema,
    scale,
    scale_by_adam,
    scale_by_learning_rate,
    scale_by_rms,
    scale_by_rss,
    scale_by_schedule,
    scale_by_stddev,
    trace,
)
from .schedules import (
    constant_schedule,
    cosine_decay_schedule,
    exponential_decay,
    join_schedules,
    linear_schedule,
    piecewise_constant_schedule,
    polynomial_schedule,
    warmup_cosine_decay_schedule,
)
from .training import TrainResult, train

# Minimisers of whole problems.
from .levenberg import least_squares  # isort: skip
from .minimize import minimize  # isort: skip

__all__ = [
    # using and defining transformations
    "EmptyState", "GradientTransformation", "apply_updates",
    # optimisers
    "adadelta", "adagrad", "adam", "adamw", "lion", "nadam", "rmsprop", "sgd",
    # parts
    "add_decayed_weights", "ema", "identity", "scale", "scale_by_adam", "scale_by_learning_rate", "scale_by_rms", "scale_by_rss",
    "scale_by_schedule", "scale_by_stddev", "set_to_zero", "trace",
    "EmaState", "ScaleByAdamState", "ScaleByRmsState", "ScaleByRssState", "ScaleByScheduleState", "ScaleByStddevState",
    "TraceState",
    # clipping
    "adaptive_grad_clip", "clip", "clip_by_block_rms", "clip_by_global_norm", "global_norm", "zero_nans", "ZeroNansState",
    # combinations
    "apply_if_finite", "chain", "inject_hyperparams", "masked", "multi_transform",
    "ApplyIfFiniteState", "InjectHyperparamsState", "MaskedNode", "MaskedState", "PartitionState",
    # schedules
    "constant_schedule", "cosine_decay_schedule", "exponential_decay", "join_schedules", "linear_schedule",
    "piecewise_constant_schedule", "polynomial_schedule", "warmup_cosine_decay_schedule",
    # training
    "TrainResult", "minibatches", "train",
    # minimisers of whole problems
    "least_squares", "minimize",
]  # fmt: skip
