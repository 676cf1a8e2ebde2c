"""Fit models with bounds and robust losses, by SciPy: `ft.optimize.least_squares(residuals, x0, loss="soft_l1")`."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.optimize

from ..optim.residuals import Residuals
from ..optim.vector import bound
from .arguments import as_trees, bounds_of, callback_of, space_of
from .constraints import flat_jacobian


def least_squares(
    fun: Callable[..., Any],
    x0: Any,
    jac: Any = None,
    bounds: Any = (-np.inf, np.inf),
    method: str = "trf",
    ftol: float | None = 1e-8,
    xtol: float | None = 1e-8,
    gtol: float | None = 1e-8,
    x_scale: Any = None,
    loss: Any = "linear",
    f_scale: float = 1.0,
    diff_step: Any = None,
    tr_solver: str | None = None,
    tr_options: dict[str, Any] | None = None,
    jac_sparsity: Any = None,
    max_nfev: int | None = None,
    verbose: int = 0,
    args: Any = (),
    kwargs: dict[str, Any] | None = None,
    callback: Callable[..., Any] | None = None,
    *,
    jit: bool = True,
) -> Any:
    """`scipy.optimize.least_squares` with the Jacobian of `fun`, for parameters that may be a pytree.

    fun: a function of x (and of `args` and `kwargs`) that gives real residuals, in an array of any shape or a tree.
    x0: an array of any shape, a number, or a pytree of them; lists and tuples of nothing but numbers are an array.
    jac: by default derived. Or your own function jac(x, *args, **kwargs), a matrix (dense, or sparse for one array x0) or a tree as
        `ft.jacobian` gives it; or SciPy's "2-point", "3-point", "cs".
    bounds: (lower, upper) with trees like x0 or prefixes of them, where None is no bound; or SciPy's Bounds.
    x_scale: SciPy's; a tree like x0, or a prefix of one, for the sizes of its elements.
    jit: False runs `fun` and its Jacobian without `ft.jit`.

    The other arguments, among them method ("trf", "dogbox", "lm") and loss, are SciPy's. Returns SciPy's OptimizeResult: x, grad
    and active_mask are in the form of x0, fun in that of fun's result, and jac has leaves of shape (number of residuals, *shape
    of the leaf). SciPy computes in float64: float32 leaves are converted, and their results rounded. Errors are SciPy's, besides
    those about trees.

    Mirrors `scipy.optimize.least_squares`.

    >>> import numpy as np
    >>> t = np.arange(5.0)
    >>> def residuals(p):
    ...     return p["height"] * np.exp(-p["rate"] * t) - 3 * np.exp(-0.5 * t)
    >>> fit = least_squares(residuals, {"height": 1.0, "rate": 1.0}, bounds=(0.0, {"height": 2.0, "rate": None}))
    >>> float(fit.x["height"]).__round__(6), int(fit.active_mask["height"])
    (2.0, 1)
    """
    named = kwargs or {}
    of_x = bound(functools.partial(fun, **named) if named else fun, args, "least_squares")
    space, start = space_of(x0, "least_squares")
    values = Residuals(of_x, space, jit, "least_squares")
    values(start)  # errors of fun leave from the user's line, not from within SciPy
    slopes = values.jacobian if jac is None else jac
    if callable(jac):
        slopes = flat_jacobian(bound(functools.partial(jac, **named) if named else jac, args, "jac"), values)
    if x_scale is not None and not isinstance(x_scale, str):
        x_scale = space.spread(x_scale, "x_scale", 1.0)
    told = {} if callback is None else {"callback": callback_of(callback, space)}
    result = scipy.optimize.least_squares(
        values, start, slopes, bounds_of(bounds, space, pairs=False), method, ftol, xtol, gtol, x_scale, loss, f_scale, diff_step,
        tr_solver, tr_options, jac_sparsity, max_nfev, verbose, **told,
    )  # fmt: skip
    result.fun = values.tree(result.fun)
    result.active_mask = space.shaped(result.active_mask)
    if isinstance(result.jac, np.ndarray):
        result.jac = space.columns(result.jac)
    return as_trees(result, space, "grad")


__all__ = ["least_squares"]
