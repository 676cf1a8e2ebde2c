"""One unknown: `ft.optimize.root_scalar(f, x0=1.0)` by Newton's or Halley's method with our derivatives; `minimize_scalar`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import scipy.optimize

from ..jit.api import jit as jitted
from ..optim.vector import bound
from ..transforms.grad import grad


def root_scalar(
    f: Callable[..., Any],
    args: Any = (),
    method: str | None = None,
    bracket: Any = None,
    fprime: Any = None,
    fprime2: Any = None,
    x0: float | None = None,
    x1: float | None = None,
    xtol: float | None = None,
    rtol: float | None = None,
    maxiter: int | None = None,
    options: dict[str, Any] | None = None,
    *,
    jit: bool = True,
) -> Any:
    """`scipy.optimize.root_scalar` with the derivatives of `f`, a real function of one number: x with f(x, *args) = 0.

    method: SciPy's. By default its choice for a bracket and for two starting points; "newton" for one starting point.
    fprime, fprime2: derived for "newton" and "halley" unless given, as SciPy takes them.
    jit: False runs `f` and its derivatives without `ft.jit`.

    The other arguments, the RootResults and the errors are SciPy's. Mirrors `scipy.optimize.root_scalar`.

    >>> root_scalar(lambda x: x**3 - 2, x0=1.0).root.round(12)
    np.float64(1.259921049895)
    >>> root_scalar(lambda x: x**3 - 2, x0=1.0, method="halley").converged
    True
    """
    of_x = bound(f, args, "root_scalar")
    if method is None and bracket is None and x1 is None and fprime is None and fprime2 is None:
        method = "newton"
    make = jitted if jit else lambda g: g
    first, second = (bound(g, args, "root_scalar") if callable(g) else g for g in (fprime, fprime2))
    if method in ("newton", "halley"):
        first = make(grad(of_x)) if first is None else first
    if method == "halley":
        second = make(grad(grad(of_x))) if second is None else second
    return scipy.optimize.root_scalar(
        make(of_x), (), method, bracket, first, second, x0 if x0 is None else float(x0), x1 if x1 is None else float(x1), xtol,
        rtol, maxiter, options,
    )  # fmt: skip


def minimize_scalar(
    fun: Callable[..., Any],
    bracket: Any = None,
    bounds: Any = None,
    args: Any = (),
    method: Any = None,
    tol: float | None = None,
    options: dict[str, Any] | None = None,
    *,
    jit: bool = True,
) -> Any:
    """`scipy.optimize.minimize_scalar` for a `fun` that ftrans jits. No method of it ("brent", "bounded", "golden") uses
    derivatives.

    The arguments, the OptimizeResult and the errors are SciPy's. Mirrors `scipy.optimize.minimize_scalar`.

    >>> minimize_scalar(lambda x: (x - 2) ** 2 + 1).x.round(6)
    np.float64(2.0)
    """
    of_x = bound(fun, args, "minimize_scalar")
    return scipy.optimize.minimize_scalar(jitted(of_x) if jit else of_x, bracket, bounds, (), method, tol, options)


__all__ = ["minimize_scalar", "root_scalar"]
