"""Activations, softmax and its relatives: pointwise functions of arrays, exact for arguments of any size.

    nn.relu(x)    nn.gelu(x)    nn.softmax(logits)    nn.logsumexp(x, axis=0)    nn.one_hot(labels, 10)

They take arrays of any shape, traced or not, and give arrays of the same shape; float32 stays float32, integers become float64
where the result is not an integer. Where a derivative jumps it is PyTorch's: that of the side on which the function is constant
(`relu'(0) = 0`). Numbers of any size are exact; at -inf, where they are a product of inf and 0, gelu, silu and mish are nan.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from .. import numpy as fnp
from ..core.bind import bind
from ..errors import ShapeError, at_line
from ..numpy.args import axes_of, axis_of
from ..ops import activations, reductions, special
from .arguments import check_integers, floating, real


def relu(x: Any) -> Any:
    """max(x, 0), with derivative 0 at 0. Mirrors `jax.nn.relu`.

    >>> relu(np.array([-2.0, 0.0, 3.0]))
    array([0., 0., 3.])
    """
    return activations.relu(real(x, "relu"))


def relu6(x: Any) -> Any:
    """x limited to [0, 6], with derivative 0 at both ends. Mirrors `jax.nn.relu6`.

    >>> relu6(np.array([-2.0, 3.0, 8.0]))
    array([0., 3., 6.])
    """
    return limited(real(x, "relu6"), 0, 6)


def limited(x: Any, low: int, high: int) -> Any:
    """x limited to [low, high], with derivative 0 at both ends."""
    return fnp.where(x <= low, low, fnp.where(x >= high, high, x))


def leaky_relu(x: Any, negative_slope: float = 0.01) -> Any:
    """x where it is positive, else negative_slope * x. Mirrors `jax.nn.leaky_relu` (Maas et al., 2013).

    >>> leaky_relu(np.array([-2.0, 3.0]))
    array([-0.02,  3.  ])
    """
    x = floating(x, "leaky_relu")
    return fnp.where(x > 0, x, negative_slope * x)


def elu(x: Any, alpha: float = 1.0) -> Any:
    """x where it is positive, else alpha * (exp(x) - 1). Mirrors `jax.nn.elu` (Clevert et al., 2015).

    >>> elu(np.array([-1000.0, 0.0, 3.0]))
    array([-1.,  0.,  3.])
    """
    x = floating(x, "elu")
    return fnp.where(x > 0, x, alpha * fnp.expm1(fnp.where(x > 0, 0, x)))


def selu(x: Any) -> Any:
    """The elu that keeps mean 0 and variance 1: 1.0507 * elu(x, 1.6733). Mirrors `jax.nn.selu` (Klambauer et al., 2017).

    >>> selu(np.array([-1000.0, 1.0])).round(4)
    array([-1.7581,  1.0507])
    """
    return 1.0507009873554804934193349852946 * elu(floating(x, "selu"), 1.6732632423543772848170429916717)


def celu(x: Any, alpha: float = 1.0) -> Any:
    """x where it is positive, else alpha * (exp(x / alpha) - 1). Mirrors `jax.nn.celu` (Barron, 2017).

    >>> celu(np.array([-1000.0, 3.0]), alpha=2.0)
    array([-2.,  3.])
    """
    x = floating(x, "celu")
    return fnp.where(x > 0, x, alpha * fnp.expm1(fnp.where(x > 0, 0, x) / alpha))


def gelu(x: Any, approximate: bool = False) -> Any:
    """x times the probability that a standard normal variable is below x (Hendrycks and Gimpel, 2016).

    approximate: their formula 0.5 x (1 + tanh(sqrt(2/pi) (x + 0.044715 x**3))), within 5e-4 of it. The default is exact, as
        PyTorch's; `jax.nn.gelu`, which this mirrors otherwise, approximates by default.

    >>> gelu(np.array([-1000.0, 1.0])).round(4), gelu(1.0, approximate=True).round(4)
    (array([-0.    ,  0.8413]), np.float64(0.8412))
    """
    x = floating(x, "gelu")
    if approximate:
        return 0.5 * x * (1 + fnp.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))
    return 0.5 * x * special.erfc(x * -math.sqrt(0.5))


def silu(x: Any) -> Any:
    """x * sigmoid(x), called swish too. Mirrors `jax.nn.silu` (Elfwing et al., 2017; Ramachandran et al., 2017).

    >>> silu(np.array([-1000.0, 1000.0]))
    array([  -0., 1000.])
    """
    x = floating(x, "silu")
    return x * special.expit(x)


swish = silu


def softplus(x: Any) -> Any:
    """log(1 + exp(x)). Mirrors `jax.nn.softplus` (Dugas et al., 2001). Above 20 PyTorch's returns x itself, 2e-9 less.

    >>> softplus(np.array([-1000.0, 1000.0]))
    array([   0., 1000.])
    """
    return special.log1pexp(floating(x, "softplus"))


def softsign(x: Any) -> Any:
    """x / (1 + |x|). Mirrors `jax.nn.soft_sign`.

    >>> softsign(np.array([-1.0, 3.0]))
    array([-0.5 ,  0.75])
    """
    x = floating(x, "softsign")
    return x / (1 + fnp.abs(x))


def sigmoid(x: Any) -> Any:
    """1 / (1 + exp(-x)), the logistic function. Mirrors `jax.nn.sigmoid` and `scipy.special.expit`.

    >>> sigmoid(np.array([-1000.0, 0.0, 1000.0]))
    array([0. , 0.5, 1. ])
    """
    return special.expit(floating(x, "sigmoid"))


def log_sigmoid(x: Any) -> Any:
    """log(sigmoid(x)). Mirrors `jax.nn.log_sigmoid` and `scipy.special.log_expit`.

    >>> log_sigmoid(np.array([-1000.0, 1000.0]))
    array([-1000.,    -0.])
    """
    return special.log_expit(floating(x, "log_sigmoid"))


def hard_sigmoid(x: Any) -> Any:
    """relu6(x + 3) / 6, a sigmoid made of three lines. Mirrors `jax.nn.hard_sigmoid`.

    >>> hard_sigmoid(np.array([-4.0, 0.0, 4.0]))
    array([0. , 0.5, 1. ])
    """
    return relu6(floating(x, "hard_sigmoid") + 3) / 6


def hard_tanh(x: Any) -> Any:
    """x limited to [-1, 1], with derivative 0 at both ends. Mirrors `jax.nn.hard_tanh`.

    >>> hard_tanh(np.array([-4.0, 0.5]))
    array([-1. ,  0.5])
    """
    return limited(real(x, "hard_tanh"), -1, 1)


def tanh(x: Any) -> Any:
    """The hyperbolic tangent of real numbers. (`np.tanh` takes complex ones too.)

    >>> tanh(np.array([-1000.0, 0.0]))
    array([-1.,  0.])
    """
    return fnp.tanh(floating(x, "tanh"))


def mish(x: Any) -> Any:
    """x * tanh(softplus(x)). Mirrors `jax.nn.mish` (Misra, 2019).

    >>> mish(np.array([-1000.0, 1000.0]))
    array([  -0., 1000.])
    """
    x = floating(x, "mish")
    return x * fnp.tanh(special.log1pexp(x))


def glu(x: Any, axis: int = -1) -> Any:
    """The first half of x along an axis times the sigmoid of the second. Mirrors `jax.nn.glu` (Dauphin et al., 2016).

    Raises ShapeError when the axis has an odd size.

    >>> glu(np.array([2.0, 4.0, 0.0, 1000.0]))
    array([1., 4.])
    """
    x = floating(x, "glu")
    k = axis_of(axis, x.ndim, "glu")
    if x.shape[k] % 2:
        raise ShapeError(at_line(f"glu: axis {axis} of an array of shape {x.shape} does not divide into two halves"))
    value, gate = fnp.split(x, 2, axis=k)
    return value * special.expit(gate)


def softmax(x: Any, axis: int = -1) -> Any:
    """exp(x) / sum(exp(x)) along an axis: probabilities from logits. Mirrors `jax.nn.softmax`.

    An entry of -inf is a class that cannot occur, one of +inf a certain one; equal infinities share the probability, where JAX and
    PyTorch give nan.

    >>> softmax(np.array([1000.0, 1000.0, -1000.0, -np.inf]))
    array([0.5, 0.5, 0. , 0. ])
    """
    x = floating(x, "softmax")
    return bind(activations.Softmax(axis_of(axis, x.ndim, "softmax")), x)


def log_softmax(x: Any, axis: int = -1) -> Any:
    """log(softmax(x)) without rounding small probabilities to 0. Mirrors `jax.nn.log_softmax`; infinities as in `softmax`.

    >>> log_softmax(np.array([1000.0, 0.0, -np.inf]))
    array([    0., -1000.,   -inf])
    """
    x = floating(x, "log_softmax")
    return bind(activations.LogSoftmax(axis_of(axis, x.ndim, "log_softmax")), x)


def logsumexp(x: Any, axis: int | Sequence[int] | None = None, keepdims: bool = False) -> Any:
    """log(sum(exp(x))) over axes (all for None). Mirrors `jax.nn.logsumexp` and `scipy.special.logsumexp`.

    >>> logsumexp(np.array([1000.0, 1000.0])).round(4)
    np.float64(1000.6931)
    """
    x = floating(x, "logsumexp")
    axes = tuple(range(x.ndim)) if axis is None else axes_of(axis, x.ndim, "logsumexp")
    out = reductions.logsumexp(x, axes)
    return fnp.reshape(out, reductions.kept(x.shape, axes)) if keepdims else out


def one_hot(labels: Any, classes: int, dtype: Any = np.float64, axis: int = -1) -> Any:
    """1 at the place of each integer label along a new axis of size `classes`, else 0. Mirrors `jax.nn.one_hot`.

    A label outside of 0 ... classes - 1 gives zeros, as in JAX: so padding can be labelled -1. (The losses for integer labels
    raise.) Raises DtypeError for labels that are not integers.

    >>> one_hot([2, 0, -1], 3)
    array([[0., 0., 1.],
           [1., 0., 0.],
           [0., 0., 0.]])
    """
    labels = check_integers("one_hot", "labels", labels, hint="convert them first: labels.astype(int)")
    k = axis_of(axis, labels.ndim + 1, "one_hot")
    numbers = np.arange(classes).reshape([classes if i == k else 1 for i in range(labels.ndim + 1)])
    return (fnp.expand_dims(labels, k) == numbers).astype(dtype)


def standardize(x: Any, axis: int | Sequence[int] = -1, epsilon: float = 1e-5) -> Any:
    """(x - mean) / sqrt(variance + epsilon) over axes; the variance is the mean square. Mirrors `jax.nn.standardize`.

    >>> standardize(np.array([1.0, 3.0]), epsilon=0.0)
    array([-1.,  1.])
    """
    x = floating(x, "standardize")
    axes = axes_of(axis, x.ndim, "standardize")
    centred = x - fnp.mean(x, axis=axes, keepdims=True)
    return centred / fnp.sqrt(fnp.mean(centred**2, axis=axes, keepdims=True) + epsilon)


__all__ = [
    "celu", "elu", "gelu", "glu", "hard_sigmoid", "hard_tanh", "leaky_relu", "log_sigmoid", "log_softmax", "logsumexp", "mish",
    "one_hot", "relu", "relu6", "selu", "sigmoid", "silu", "softmax", "softplus", "softsign", "standardize", "swish", "tanh",
]  # fmt: skip
