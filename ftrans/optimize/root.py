"""Solve systems of equations with SciPy's methods: `ft.optimize.root(fun, x0)`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.optimize

from ..errors import ShapeError, at_line
from ..optim.residuals import Residuals
from ..optim.vector import Space, Vector, bound
from .arguments import as_trees, callback_of, space_of
from .constraints import flat_jacobian

WITH_JACOBIAN = ("hybr", "lm")


def root(
    fun: Callable[..., Any],
    x0: Any,
    args: Any = (),
    method: str = "hybr",
    jac: Any = None,
    tol: float | None = None,
    callback: Callable[..., Any] | None = None,
    options: dict[str, Any] | None = None,
    *,
    jit: bool = True,
) -> Any:
    """`scipy.optimize.root` with the Jacobian of `fun`, for unknowns that may be a pytree: x with fun(x, *args) = 0.

    fun: a function of x that gives as many real numbers as x has, in an array or a tree (method "lm": or more).
    x0: an array of any shape, a number, or a pytree of them; lists and tuples of nothing but numbers are an array.
    method: any of SciPy's: "hybr", "lm" (these use the Jacobian), "broyden1", "broyden2", "anderson", "linearmixing",
        "diagbroyden", "excitingmixing", "krylov", "df-sane" (these do not).
    jac: by default derived. Or your own function jac(x, *args), a matrix or a tree as `ft.jacobian` gives it; True for a `fun`
        that gives (values, Jacobian); False for SciPy's finite differences.
    tol, callback, options: SciPy's; the callback is given x and the values in the forms of x0 and of fun's result.
    jit: False runs `fun` and its Jacobian without `ft.jit`.

    Returns SciPy's OptimizeResult with x in the form of x0 and fun in that of fun's result. SciPy computes in float64. Errors:
    SciPy's, and ShapeError where the numbers of equations and of unknowns do not fit.

    Mirrors `scipy.optimize.root`.

    >>> import numpy as np
    >>> def on_circle(p):
    ...     return {"circle": p["x"] ** 2 + p["y"] ** 2 - 4, "line": p["x"] - p["y"]}
    >>> found = root(on_circle, {"x": 1.0, "y": 0.5})
    >>> round(float(found.x["x"]) ** 2, 6), found.success
    (2.0, True)
    """
    of_x = bound(fun, args, "root")
    space, start = space_of(x0, "root")
    pairs = Pairs(of_x, space) if jac is True else None
    values = Residuals(of_x if pairs is None else pairs.values, space, jit and pairs is None, "root")
    count = len(values(start))
    if count != space.size and not (method == "lm" and count > space.size):
        raise ShapeError(
            at_line(
                f"root: fun gives {count} numbers for {space.size} unknowns",
                hint="give one equation for each unknown; for more equations than unknowns use ft.optimize.least_squares",
            )
        )
    slopes: Any = jac if jac is not False else None
    if pairs is not None:
        slopes = flat_jacobian(pairs.slopes, values)
    elif callable(jac):
        slopes = flat_jacobian(bound(jac, args, "jac"), values)
    elif jac is None and str(method).lower() in WITH_JACOBIAN:
        slopes = values.jacobian
    told = None
    if callback is not None:
        with_x = callback_of(callback, space)
        told = lambda x, f: with_x(x, values.tree(np.asarray(f))) if with_x is not None else None
    result = scipy.optimize.root(values, start, method=method, jac=slopes, tol=tol, callback=told, options=options)
    result.fun = values.tree(np.asarray(result.fun))
    return as_trees(result, space)


class Pairs:
    """A function that gives (values, Jacobian). The last pair is kept: solvers ask for one after the other."""

    def __init__(self, fun: Callable[[Any], Any], space: Space) -> None:
        self.fun, self.space = fun, space
        self.at: Vector | None = None
        self.kept: Any = None

    def pair(self, x: Any) -> Any:
        """Both at x."""
        v = self.space.flat(x)
        if self.at is None or not np.array_equal(self.at, v):
            self.kept, self.at = self.fun(x), np.array(v)
        return self.kept

    def values(self, x: Any) -> Any:
        return self.pair(x)[0]

    def slopes(self, x: Any) -> Any:
        return self.pair(x)[1]


__all__ = ["root"]
