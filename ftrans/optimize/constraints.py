"""Constraints on trees for SciPy's solvers, with their Jacobians and Hessians."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.optimize import BFGS, NonlinearConstraint

from .. import numpy as fnp
from .. import pytree
from ..jit.api import jit as jitted
from ..optim.residuals import Residuals
from ..optim.vector import Space, Vector, bound
from ..transforms.jacobian import hessian
from .objective import square


def constraints_of(constraints: Any, space: Space, jit: bool, curved: bool) -> Any:
    """The constraints as functions of vectors. curved: the method uses their second derivatives."""
    if isinstance(constraints, list | tuple):
        return [constraint_of(c, space, jit, curved) for c in constraints]
    return constraint_of(constraints, space, jit, curved)


def constraint_of(constraint: Any, space: Space, jit: bool, curved: bool) -> Any:
    """One constraint; what is neither a NonlinearConstraint nor a dict passes through."""
    if isinstance(constraint, dict) and callable(constraint.get("fun")):
        return from_dict(constraint, space, jit)
    if isinstance(constraint, NonlinearConstraint):
        return nonlinear(constraint, space, jit, curved)
    return constraint


def from_dict(constraint: dict[str, Any], space: Space, jit: bool) -> dict[str, Any]:
    """{"type": "eq" or "ineq", "fun": ..., "jac": ..., "args": ...}."""
    args = constraint.get("args", ())
    values = Residuals(bound(constraint["fun"], args, "constraints"), space, jit, "constraints")
    slopes = constraint.get("jac")
    if slopes is None:
        slopes = values.jacobian
    elif callable(slopes):
        slopes = flat_jacobian(bound(slopes, args, "constraints"), values)
    return {**constraint, "fun": values, "jac": slopes, "args": ()}


def nonlinear(constraint: NonlinearConstraint, space: Space, jit: bool, curved: bool) -> NonlinearConstraint:
    """SciPy's class. Its defaults, jac="2-point" and hess=BFGS(), are replaced; other choices stay."""
    values = Residuals(constraint.fun, space, jit, "constraints")
    slopes = constraint.jac
    derived = isinstance(slopes, str) and slopes == "2-point"
    if derived:
        slopes = values.jacobian
    elif callable(slopes):
        slopes = flat_jacobian(slopes, values)
    curvature = constraint.hess
    if derived and curved and type(curvature) is BFGS:
        curvature = weighted_hessian(constraint.fun, space, jit)
    elif callable(curvature):
        curvature = flat_curvature(curvature, space)
    lower, upper = (flat_limit(limit) for limit in (constraint.lb, constraint.ub))
    return NonlinearConstraint(
        values, lower, upper, slopes, curvature, constraint.keep_feasible, constraint.finite_diff_rel_step,
        constraint.finite_diff_jac_sparsity,
    )  # fmt: skip


def flat_limit(limit: Any) -> Any:
    """A number or a tree of numbers for the results of the constraint."""
    return np.concatenate([np.ravel(leaf) for leaf in pytree.leaves(limit)]) if not isinstance(limit, float | int) else limit


def flat_jacobian(slopes: Callable[[Any], Any], values: Residuals) -> Callable[[Vector], Any]:
    """The user's Jacobian, a matrix (dense or sparse) or a tree as ft.jacobian gives it."""

    def of_vector(v: Vector) -> Any:
        found = slopes(values.space.tree(v))
        if np.ndim(found) <= 2 and np.shape(found)[-1:] == (values.space.size,) and not isinstance(found, list | tuple):
            return found
        if values.structure is None:
            values(v)
        return values.matrix(found)

    return of_vector


def weighted_hessian(fun: Callable[[Any], Any], space: Space, jit: bool) -> Callable[[Vector, Vector], Vector]:
    """(x, v) -> the Hessian of Σ v c(x)."""

    def total(x: Any, weights: Any) -> Any:
        values = fnp.concatenate([fnp.ravel(leaf) for leaf in pytree.leaves(fun(x))])
        return fnp.sum(values * weights)

    curvature = jitted(hessian(total)) if jit else hessian(total)
    return lambda v, weights: square(curvature(space.tree(v), np.asarray(weights, float)), space)


def flat_curvature(curvature: Callable[..., Any], space: Space) -> Callable[[Vector, Vector], Any]:
    """The user's hess(x, v): a matrix or a tree of trees."""

    def of_vector(v: Vector, weights: Vector) -> Any:
        found = curvature(space.tree(v), weights)
        return found if getattr(found, "shape", None) == (space.size, space.size) else square(found, space)

    return of_vector


__all__ = ["constraints_of"]
