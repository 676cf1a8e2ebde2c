"""Normalisation over features or over a batch, and dropout.

nn.layer_norm(x, scale, bias)        nn.batch_norm(x, scale, bias)        nn.dropout(x, 0.5, rng)
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from numbers import Real
from typing import Any

import numpy as np

from .. import numpy as fnp
from ..core.trace import Tracer
from ..errors import ArgumentError, ShapeError, at_line, shown
from ..numpy.args import axes_of, axis_of
from .activations import standardize
from .arguments import floating
from .init import check_generator


def layer_norm(
    x: Any, scale: Any = None, bias: Any = None, *, axis: int | Sequence[int] = -1, epsilon: float = 1e-5
) -> Any:  # fmt: skip
    """(x - mean) / sqrt(variance + epsilon) * scale + bias, for each example over its features (Ba et al., 2016).

    axis: the axes of the features; scale and bias have their shape. Mirrors `torch.nn.functional.layer_norm`.

    >>> layer_norm(np.array([[1.0, 3.0], [10.0, 30.0]]), bias=np.array([0.0, 5.0]), epsilon=0.0)
    array([[-1.,  6.],
           [-1.,  6.]])
    """
    x = floating(x, "layer_norm")
    return scaled("layer_norm", standardize(x, axis, epsilon), scale, bias, axes_of(axis, x.ndim, "layer_norm"))


def batch_norm(
    x: Any,
    scale: Any = None,
    bias: Any = None,
    mean: Any = None,
    variance: Any = None,
    *,
    axis: int = 1,
    epsilon: float = 1e-5,
) -> Any:
    """(x - mean) / sqrt(variance + epsilon) * scale + bias, for each channel over the batch (Ioffe and Szegedy, 2015).

    axis: that of the channels; scale, bias, mean and variance have one element for each. Without mean and variance those of x
    over all other axes are taken, as in training; with both, they are used, as in evaluation. There is no hidden state: keep
    running means in your training loop. Mirrors `torch.nn.functional.batch_norm`.

    >>> x = np.array([[1.0, 10.0], [3.0, 30.0]])
    >>> batch_norm(x, epsilon=0.0)
    array([[-1., -1.],
           [ 1.,  1.]])
    >>> batch_norm(x, mean=np.array([1.0, 10.0]), variance=np.array([4.0, 4.0]), epsilon=0.0)
    array([[ 0.,  0.],
           [ 1., 10.]])
    """
    x = floating(x, "batch_norm")
    k = axis_of(axis, x.ndim, "batch_norm")
    if (mean is None) != (variance is None):
        raise ArgumentError(at_line("batch_norm: give mean and variance, or none of them"))
    if mean is None:
        y = standardize(x, [i for i in range(x.ndim) if i != k], epsilon)
    else:
        mean, variance = [shaped("batch_norm", n, v, x, (k,)) for n, v in (("mean", mean), ("variance", variance))]
        y = (x - mean) / fnp.sqrt(variance + epsilon)
    return scaled("batch_norm", y, scale, bias, (k,))


def scaled(who: str, y: Any, scale: Any, bias: Any, axes: tuple[int, ...]) -> Any:
    """y * scale + bias, both of which have the given axes of y."""
    if scale is not None:
        y = y * shaped(who, "scale", scale, y, axes)
    return y if bias is None else y + shaped(who, "bias", bias, y, axes)


def shaped(who: str, name: str, v: Any, x: Any, axes: tuple[int, ...]) -> Any:
    """v, which has the given axes of x, with axes of size 1 for the others."""
    v = fnp.asarray(v)
    wanted = tuple([x.shape[k] for k in sorted(axes)])
    if v.shape != wanted:
        raise ShapeError(at_line(f"{who}: {name} has shape {v.shape}, expected {wanted} for an input of shape {x.shape}"))
    return fnp.reshape(v, tuple([n if k in axes else 1 for k, n in enumerate(x.shape)]))


def dropout(x: Any, rate: float, rng: Any = None) -> Any:
    """x with each element set to 0 with probability `rate`, and the others divided by 1 - rate (Srivastava et al., 2014).

    rng: a `np.random.Generator`, which is advanced; without one x is returned as it is: training or evaluation is decided by
    passing it or not. Under `vmap` all examples share one mask. `jit` traces a function that draws numbers anew at every call.

    Mirrors `torch.nn.functional.dropout`.

    >>> dropout(np.ones(6), 0.5, np.random.default_rng(0))
    array([2., 0., 0., 0., 2., 2.])
    >>> dropout(np.ones(3), 0.5)
    array([1., 1., 1.])
    """
    check_rate("dropout", rate)
    x = fnp.asarray(x)
    if rng is None or rate == 0:
        return x
    kept = check_generator("dropout", rng).random(x.shape) >= rate
    return fnp.where(kept, x / max(1 - rate, np.finfo(float).tiny), 0)


def check_rate(who: str, rate: Any) -> None:
    """Raise unless rate is a probability."""
    number: Any = rate if isinstance(rate, Real | np.ndarray | Tracer) else math.nan
    if not 0 <= number <= 1:
        raise ArgumentError(at_line(f"{who}: the rate must lie between 0 and 1, got {shown(rate)}"))


__all__ = ["batch_norm", "dropout", "layer_norm"]
