"""Keep single gradients from throwing the parameters away: clip them by value, by norm, or relative to the parameters; drop nan."""

from __future__ import annotations

from functools import reduce
from typing import Any, NamedTuple

import numpy as np

from .. import numpy as fnp
from .. import pytree
from ..core.trace import Tracer
from ..errors import ArgumentError, at_line
from ..pytree import PyTree
from .base import GradientTransformation, cast, dtype_of, like, number, shape_of, square, stateless, transformation
from .factories import factory


def bound(who: str, name: str, value: Any) -> Any:
    """A positive number."""
    value = number(who, name, value, 0)
    if not isinstance(value, Tracer) and value == 0:
        raise ArgumentError(at_line(f"{who}: {name} must be greater than 0, got 0", hint="for no updates: ft.optim.set_to_zero()"))
    return value


@factory()
def clip(max_delta: Any) -> GradientTransformation:
    """Every element between -max_delta and max_delta. Mirrors `optax.clip`.

    >>> clip(1.0).update(np.array([-3.0, 0.5]), ft.optim.EmptyState())[0]
    array([-1. ,  0.5])
    """
    limit = bound("clip", "max_delta", max_delta)
    return stateless("clip", lambda updates, params: pytree.map(lambda u: fnp.clip(u, -like(limit, u), like(limit, u)), updates))


def global_norm(updates: PyTree) -> Any:
    """The Euclidean norm of all leaves together, a scalar in their widest dtype. Mirrors `optax.global_norm`.

    >>> float(global_norm({"w": np.array([2.0, 3.0]), "b": 6.0}))
    7.0
    """
    sums = [fnp.sum(square(u)) for u in pytree.leaves(updates)]
    return fnp.sqrt(reduce(fnp.add, sums)) if sums else np.float64(0.0)


@factory()
def clip_by_global_norm(max_norm: Any) -> GradientTransformation:
    """All leaves times one factor, so that the global norm is at most max_norm (Pascanu et al. 2013).

    Mirrors `optax.clip_by_global_norm`, PyTorch's `clip_grad_norm_`.

    >>> clip_by_global_norm(3.5).update({"w": np.array([2.0, 3.0]), "b": np.array([6.0])}, ft.optim.EmptyState())[0]
    {'b': array([3.]), 'w': array([1. , 1.5])}
    """
    limit = bound("clip_by_global_norm", "max_norm", max_norm)

    def update(updates: PyTree, params: PyTree) -> PyTree:
        norm = global_norm(updates)
        most = like(limit, norm)
        over = fnp.logical_not(norm < most)  # also where it is nan
        # the division is safe where it is not used, so that its derivative is, too
        factor = fnp.where(over, most / fnp.where(over, norm, 1.0), 1.0)
        return pytree.map(lambda u: like(factor, u) * u, updates)

    return stateless("clip_by_global_norm", update)


@factory()
def clip_by_block_rms(threshold: Any) -> GradientTransformation:
    """Each leaf scaled so that the root of its mean square is at most the threshold (Shazeer and Stern 2018).

    Mirrors `optax.clip_by_block_rms`.

    >>> clip_by_block_rms(1.0).update({"w": np.array([3.0, -3.0]), "b": np.array([0.5])}, ft.optim.EmptyState())[0]
    {'b': array([0.5]), 'w': array([ 1., -1.])}
    """
    limit = bound("clip_by_block_rms", "threshold", threshold)

    def clipped(u: Any) -> Any:
        return u / fnp.maximum(1.0, fnp.sqrt(fnp.mean(square(u))) / like(limit, u)) if 0 not in shape_of(u) else u

    return stateless("clip_by_block_rms", lambda updates, params: pytree.map(lambda u: cast(clipped(u), u), updates))


@factory()
def adaptive_grad_clip(clipping: Any, eps: Any = 1e-3) -> GradientTransformation:
    """Gradients at most `clipping` times as long as their parameters, unit by unit (Brock et al. 2021).

    A unit is a scalar or vector as a whole, a column of a matrix, and of arrays with more axes all but the last.
    Parameters shorter than eps count as eps. Errors: ArgumentError when update is called without the parameters.
    Mirrors `optax.adaptive_grad_clip`.

    >>> opt = adaptive_grad_clip(0.1)
    >>> opt.update(np.array([3.0, 4.0]), opt.init(0.0), np.array([0.0, 10.0]))[0]
    array([0.6, 0.8])
    """
    clipping = bound("adaptive_grad_clip", "clipping", clipping)
    eps = bound("adaptive_grad_clip", "eps", eps)

    def clipped(g: Any, p: Any) -> Any:
        norm = unit_norm(g)
        most = like(clipping, g) * fnp.maximum(unit_norm(p), like(eps, g))
        over = norm > most
        return cast(fnp.where(over, g * (most / fnp.where(over, norm, 1.0)), g), g)

    return stateless("adaptive_grad_clip", lambda updates, params: pytree.map(clipped, updates, params), needs_params=True)


def unit_norm(x: Any) -> Any:
    """The norm of each unit, in the number of axes of x."""
    ndim = len(shape_of(x))
    axes = None if ndim < 2 else tuple(range(ndim - 1))
    return fnp.sqrt(fnp.sum(square(x), axis=axes, keepdims=ndim >= 2))


class ZeroNansState(NamedTuple):
    """For each leaf whether the last gradient had nan."""

    found_nan: PyTree


@factory()
def zero_nans() -> GradientTransformation:
    """Zero for every nan; the state tells which leaves had some. Mirrors `optax.zero_nans`.

    >>> opt = zero_nans()
    >>> opt.update(np.array([1.0, np.nan]), opt.init(np.zeros(2)))
    (array([1., 0.]), ZeroNansState(found_nan=np.True_))
    """

    def update(updates: PyTree, state: Any, params: PyTree) -> tuple[PyTree, ZeroNansState]:
        found = pytree.map(lambda u: fnp.any(fnp.isnan(u)), updates)
        return pytree.map(lambda u: fnp.where(fnp.isnan(u), np.zeros((), dtype_of(u)), u), updates), ZeroNansState(found)

    return transformation(
        "zero_nans", lambda params: ZeroNansState(pytree.map(lambda p: np.bool_(False), params)), update, ZeroNansState
    )
