"""Fit a curve to data, with the uncertainty of its parameters: `ft.optimize.curve_fit(model, x, y)`."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.optimize

from ..errors import ArgumentError, at_line, shown
from ..optim.residuals import Residuals
from ..optim.vector import Space, Vector, starting_point
from .arguments import bounds_of


def curve_fit(
    f: Callable[..., Any],
    xdata: Any,
    ydata: Any,
    p0: Any = None,
    sigma: Any = None,
    absolute_sigma: bool = False,
    check_finite: bool | None = None,
    bounds: Any = (-np.inf, np.inf),
    method: str | None = None,
    jac: Any = None,
    *,
    full_output: bool = False,
    nan_policy: str | None = None,
    jit: bool = True,
    **kwargs: Any,
) -> Any:
    """`scipy.optimize.curve_fit` with the derivatives of the model `f`, for parameters that may be a pytree.

    f: the model: f(xdata, a, b, ...), or f(xdata, p) for parameters p in a dict, a dataclass or another tree.
    p0: where to start. None: f's signature tells how many parameters there are, and SciPy where to start. A list, tuple or vector
        is spread over f's parameters, and may hold arrays; any other tree is given to f as one argument.
    bounds: (lower, upper), each in the form of p0, or a prefix of it, or SciPy's Bounds.
    jac: by default derived. Or your own function, called like f, that gives a matrix (number of data, number of parameters); or
        SciPy's "2-point", "3-point", "cs".
    jit: False runs `f` and its Jacobian without `ft.jit`.

    The other arguments are SciPy's. Returns (popt, pcov), with full_output=True also infodict, mesg and ier: popt in the form of p0
    (an array where the parameters are numbers), pcov the covariance of its elements in the order of ft.tree.leaves. Errors and
    warnings are SciPy's, besides those about trees.

    Mirrors `scipy.optimize.curve_fit`.

    >>> import numpy as np
    >>> x = np.linspace(0.0, 4.0, 9)
    >>> popt, pcov = curve_fit(lambda x, a, b: a * np.exp(-b * x), x, 2.5 * np.exp(-1.3 * x))
    >>> popt.round(6)
    array([2.5, 1.3])
    >>> popt, pcov = curve_fit(lambda x, p: p["a"] * np.exp(-p["b"] * x), x, 2.5 * np.exp(-1.3 * x), p0={"a": 1.0, "b": 1.0})
    >>> popt["b"].round(6)
    np.float64(1.3)
    """
    if not callable(f):
        raise ArgumentError(at_line(f"curve_fit expects a model f(xdata, ...), got {shown(f)} of type {type(f).__name__}"))
    model = Model(f, p0, jit)
    options: dict[str, Any] = {} if check_finite is None else {"check_finite": check_finite}
    slopes = jac
    if jac is None:
        slopes = model.jacobian
    elif callable(jac):
        slopes = model.users_jacobian(jac)
    found = scipy.optimize.curve_fit(
        model.function(), xdata, ydata, model.start, sigma, absolute_sigma, bounds=model.bounds(bounds), method=method, jac=slopes,
        full_output=full_output, nan_policy=nan_policy, **options, **kwargs,
    )  # fmt: skip
    return (model.tree(found[0]), *found[1:])


class Model:
    """f as SciPy calls it, with its parameters as numbers: values(xdata, *numbers) and jacobian(xdata, *numbers)."""

    def __init__(self, f: Callable[..., Any], p0: Any, jit: bool) -> None:
        self.f, self.jit = f, jit
        example = starting_point(p0, "curve_fit", "p0")
        if isinstance(example, int | float | np.number):
            example = np.array([example], float)
        self.numbers = p0 is None or (isinstance(example, np.ndarray) and example.ndim == 1)
        self.spread = self.numbers or isinstance(p0, list | tuple)
        self.space = None if p0 is None else Space(example, "curve_fit", "p0")
        self.start = None if self.space is None else np.array(self.space.flat(example))
        self.fitted: tuple[Any, Residuals] | None = None

    def function(self) -> Callable[..., Vector]:
        """The model for SciPy, which counts the parameters by its signature when there is no p0."""

        def values(xdata: Any, *numbers: Any) -> Vector:
            return self.at(xdata, numbers)(np.array(numbers, float))

        if self.start is None:
            values.__signature__ = inspect.signature(self.f)  # type: ignore[attr-defined]
        return values

    def at(self, xdata: Any, numbers: tuple[Any, ...]) -> Residuals:
        """The model at these data, as a function of its parameters."""
        if self.fitted is None or self.fitted[0] is not xdata:
            if self.space is None or (self.numbers and self.space.size != len(numbers)):
                self.space = Space(np.zeros(len(numbers)), "curve_fit", "p0")
            f, count = self.f, len(numbers)
            if self.numbers:
                of_p = lambda p: f(xdata, *[p[k] for k in range(count)])
            else:
                of_p = (lambda p: f(xdata, *p)) if self.spread else (lambda p: f(xdata, p))
            self.fitted = xdata, Residuals(of_p, self.space, self.jit, "curve_fit")
        return self.fitted[1]

    def jacobian(self, xdata: Any, *numbers: Any) -> Vector:
        """The derivatives of its values by the parameters."""
        return self.at(xdata, numbers).jacobian(np.array(numbers, float))

    def users_jacobian(self, jac: Callable[..., Any]) -> Callable[..., Any]:
        """The user's Jacobian, called like f."""
        if self.numbers:
            return jac

        def of_numbers(xdata: Any, *numbers: Any) -> Any:
            p = self.tree(np.array(numbers, float))
            return jac(xdata, *p) if self.spread else jac(xdata, p)

        return of_numbers

    def bounds(self, bounds: Any) -> Any:
        """Bounds for the elements."""
        if self.space is None or self.numbers or isinstance(bounds, scipy.optimize.Bounds):
            return bounds
        return bounds_of(bounds, self.space, pairs=False)

    def tree(self, popt: Vector) -> Any:
        """The parameters in the form of p0."""
        return popt if self.numbers or self.space is None else self.space.copy(popt)


__all__ = ["curve_fit"]
