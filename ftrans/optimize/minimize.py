"""Minimise by SciPy's methods, with bounds and constraints: `ft.optimize.minimize(fun, x0, bounds=..., constraints=...)`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.optimize

from ..optim.vector import Space, Vector, bound
from .arguments import as_trees, bounds_of, callback_of, space_of
from .constraints import constraints_of
from .objective import Objective, square

VALUES_ONLY = ("nelder-mead", "powell", "cobyla", "cobyqa")
WITH_HESSIAN = ("dogleg", "trust-exact")
WITH_PRODUCTS = ("newton-cg", "trust-ncg", "trust-krylov", "trust-constr")


def minimize(
    fun: Callable[..., Any],
    x0: Any,
    args: Any = (),
    method: Any = None,
    jac: Any = None,
    hess: Any = None,
    hessp: Any = None,
    bounds: Any = None,
    constraints: Any = (),
    tol: float | None = None,
    callback: Callable[..., Any] | None = None,
    options: dict[str, Any] | None = None,
    *,
    jit: bool = True,
) -> Any:
    """`scipy.optimize.minimize` with the derivatives of `fun`, for parameters that may be a pytree.

    fun: a function of x (and of `args`) with a real scalar result.
    x0: an array of any shape, a number, or a pytree of them; lists and tuples of nothing but numbers are an array, and integers
        float64 numbers. `fun` is given x in this form.
    method: any of SciPy's, or a function that SciPy would accept; by default SLSQP with constraints, L-BFGS-B with bounds, else
        BFGS.
    jac, hess, hessp: by default ftrans supplies those that the method uses: the gradient, the Hessian for "dogleg" and
        "trust-exact", products with it for "Newton-CG", "trust-ncg", "trust-krylov" and "trust-constr". Your own are used when
        you give them: functions jac(x, *args), a tree like x; hess(x, *args), a matrix or a tree of trees; hessp(x, p, *args), a
        tree like x; jac=True for a `fun` that gives (value, gradient); SciPy's "2-point", "3-point", "cs" and
        HessianUpdateStrategy.
    bounds: SciPy's Bounds, or one (low, high) for each element of one array x0, or (lower, upper) with trees like x0 or prefixes of
        them, or a tree like x0 with (low, high) in the place of its leaves; None is no bound.
    constraints: one or several of LinearConstraint (for the elements of x in the order of ft.tree.leaves), NonlinearConstraint
        and SciPy's dicts, whose functions are given x in the form of x0; Jacobians, and for "trust-constr" Hessians, are derived
        unless given.
    tol, options: SciPy's, for all methods and for each.
    callback: SciPy's, given x in the form of x0.
    jit: False runs `fun` and its derivatives without `ft.jit`. A method without derivatives then calls `fun` itself, which need not
        be traceable.

    Returns SciPy's OptimizeResult; x and jac (for "trust-constr" grad) are in the form of x0; matrices such as hess_inv are for the
    elements in the order of ft.tree.leaves. SciPy computes in float64: float32 leaves are converted, and their results rounded.
    Errors and warnings are SciPy's; besides, ArgumentError for an x0 that is not real, TreeStructureError and ShapeError for bounds
    and derivatives that do not fit it, DifferentiationError for a `fun` whose result is not a scalar.

    Mirrors `scipy.optimize.minimize`.

    >>> import numpy as np
    >>> def f(p):
    ...     return (p["x"] - 1) ** 2 + (p["y"] - 2.5) ** 2
    >>> result = minimize(f, {"x": 2.0, "y": 0.0}, bounds=({"x": 0.0, "y": None}, {"x": None, "y": 2.0}))
    >>> float(result.x["x"]), float(result.x["y"])
    (1.0, 2.0)
    """
    of_x = bound(fun, args, "minimize")
    space, start = space_of(x0, "minimize")
    limits = bounds_of(bounds, space)
    name = name_of(method, bounds, constraints)
    pairs = jac is True
    slope = bound(jac, args, "jac") if callable(jac) else None
    objective = Objective(of_x, space, jit, pairs, slope)
    given: dict[str, Any] = {"fun": objective.alone, "jac": jac}
    if name not in VALUES_ONLY and (jac is None or pairs or slope is not None):
        given = {"fun": objective.value, "jac": objective.gradient}
    for asked in (given["fun"], given["jac"]):  # errors of fun and jac leave from the user's line, not from within SciPy
        if callable(asked):
            asked(start)
    given |= second_derivatives(name, objective, hess, hessp, args, derive=callable(given["jac"]))
    result = scipy.optimize.minimize(
        x0=start,
        method=method,
        bounds=limits,
        constraints=constraints_of(constraints, space, jit, name == "trust-constr"),
        tol=tol,
        callback=callback_of(callback, space),
        options=options,
        **given,
    )
    return as_trees(result, space, "jac", "grad")


def name_of(method: Any, bounds: Any, constraints: Any) -> str:
    """The method that SciPy will take; "" for a function."""
    if method is None:
        return "slsqp" if is_some(constraints) else "l-bfgs-b" if bounds is not None else "bfgs"
    return "" if callable(method) else str(method).lower()


def is_some(constraints: Any) -> bool:
    """Whether there are constraints."""
    return bool(constraints) if isinstance(constraints, list | tuple | dict) else constraints is not None


def second_derivatives(name: str, objective: Objective, hess: Any, hessp: Any, args: Any, derive: bool) -> dict[str, Any]:
    """hess and hessp for SciPy: the user's, or those that the method uses."""
    space = objective.space
    given: dict[str, Any] = {}
    if hess is not None:
        given["hess"] = flat_hessian(hess, space, args) if callable(hess) else hess
    if hessp is not None:
        given["hessp"] = flat_product(hessp, space, args)
    if given or not derive:
        return given
    if name in WITH_HESSIAN or not name:
        given["hess"] = objective.hessian
    if name in WITH_PRODUCTS or not name:
        given["hessp"] = objective.hessp
    return given


def flat_hessian(hess: Callable[..., Any], space: Space, args: Any) -> Callable[[Vector], Any]:
    """The user's Hessian: a matrix (dense, sparse, or an operator), or a tree of trees."""
    of_x = bound(hess, args, "hess")

    def of_vector(v: Vector) -> Any:
        found = of_x(space.tree(v))
        return found if getattr(found, "shape", None) == (space.size, space.size) else square(found, space)

    return of_vector


def flat_product(hessp: Callable[..., Any], space: Space, args: Any) -> Callable[[Vector, Vector], Vector]:
    """The user's product of the Hessian with a tree like x."""
    more = args if isinstance(args, tuple) else (args,)
    return lambda v, p: np.array(space.flat(hessp(space.tree(v), space.tree(np.asarray(p, float)), *more), "hessp"))


__all__ = ["minimize"]
