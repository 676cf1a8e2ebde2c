"""Minimise a function of a tree of parameters: `ft.optim.minimize(fun, x0, method="lbfgs")`.

    method          what it is                                                     when
    "gd"            gradient descent: fixed steps, or with a line search           to study it; as a baseline
    "cg"            nonlinear conjugate gradients                                  many unknowns, little memory
    "lbfgs"         BFGS from the last 10 steps (the default)                      many unknowns
    "bfgs"          quasi-Newton with a matrix                                     up to some hundred unknowns
    "newton-cg"     Newton's method by products with the Hessian                   where curvatures differ very much
    ft.optim.adam(0.1), any gradient transformation                               noisy or rough functions

Gradients and products with the Hessian are derived by ftrans and jitted. `ft.optimize.minimize` has SciPy's solvers, with bounds
and constraints; `ft.optim.least_squares` is for sums of squares; `ft.optim.train` goes through batches of data.
"""

from __future__ import annotations

import inspect
import math
import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

from ..core.lazy import Lazy
from ..errors import ArgumentError, NonFiniteError, at_line, shown
from .conjugate import BETA, ConjugateGradients
from .descent import SteepestDescent, Stuck, Transformed, descend, fixed_steps
from .linesearch import Point
from .newton import NewtonCG
from .objective import Objective
from .progress import Progress
from .quasinewton import BFGS, LBFGS
from .schedules import steps as whole
from .vector import Space, bound, starting_point

OptimizeResult = Lazy("scipy.optimize", "OptimizeResult")

GTOL = 1e-5  # of CG, BFGS and L-BFGS-B in SciPy
LINE_SEARCHES = ("backtracking", "wolfe")
OPTIONS: dict[str, dict[str, Any]] = {
    "gd": {},
    "cg": {"beta": "polak-ribiere"},
    "lbfgs": {"memory": 10, "ftol": 2.220446049250313e-09},
    "bfgs": {},
    "newton-cg": {"xtol": 1e-5},
}
SCIPYS_METHODS = (
    "nelder-mead", "powell", "l-bfgs-b", "tnc", "cobyla", "cobyqa", "slsqp", "trust-constr", "dogleg", "trust-ncg", "trust-exact",
    "trust-krylov",
)  # fmt: skip
OTHER_WORDS = {
    **dict.fromkeys(["maxiter", "maxfun", "maxfev"], "say max_iter=..., the largest number of steps"),
    "gtol": "say tol=..., the largest element that the gradient may have",
    "options": "give its entries as arguments: max_iter=, tol=; ft.optimize.minimize takes options as SciPy does",
    **dict.fromkeys(["bounds", "constraints"], "ft.optimize.minimize has bounds and constraints"),
    **dict.fromkeys(["jac", "hess", "hessp"], "leave it out: derivatives are derived; ft.optimize.minimize takes your own"),
    "disp": "say progress=True for a progress bar",
    "lr": "say learning_rate=..., with method='gd'",
}


class Limits(NamedTuple):
    """When to stop."""

    gtol: float
    ftol: float
    xtol: float
    max_iter: int

    def reached(self, at: Point, before: Point | None) -> str:
        """Which tolerance is met, or an empty string."""
        size = float(abs(at.g).max())
        if size <= self.gtol:
            return f"the largest element of the gradient is {size:.3g}, within the tolerance of {self.gtol:g}"
        if before is None:
            return ""
        if self.ftol and before.f - at.f <= self.ftol * max(abs(before.f), abs(at.f), 1.0):
            return f"the last step lowered f by {before.f - at.f:.3g}, within ftol={self.ftol:g} of its size"
        if self.xtol and abs(at.x - before.x).mean() <= self.xtol:
            return f"the last step changed x by {abs(at.x - before.x).mean():.3g} on average, within xtol={self.xtol:g}"
        return ""


def minimize(
    fun: Callable[..., Any],
    x0: Any,
    args: Any = (),
    *,
    method: Any = "lbfgs",
    tol: float | None = None,
    max_iter: int | None = None,
    learning_rate: float | None = None,
    line_search: str | None = None,
    callback: Callable[..., Any] | None = None,
    progress: bool | None = None,
    jit: bool = True,
    **options: Any,
) -> Any:
    """The tree x that makes the scalar `fun(x, *args)` smallest near `x0`, found by following derivatives.

    fun: a function of a tree like `x0` (and of `args`) with a real scalar result; Python control flow is fine.
    x0: where to start: an array, a number, or a pytree of them. As in SciPy lists and tuples of nothing but numbers are an array,
        and integers are taken for float64 numbers. The solver works in float64 and gives `fun` and the result leaves in their own
        dtypes; with float32 leaves tolerances below about 1e-4 may be out of reach.
    method: "gd", "cg", "lbfgs", "bfgs", "newton-cg", or a gradient transformation such as `ft.optim.adam(0.1)`.
    tol: the run has converged when no element of the gradient is larger than this in absolute value (default 1e-5).
    max_iter: the largest number of steps: by default 200 times the number of unknowns, at least 1000, and 100,000 for "gd" and for
        gradient transformations.
    learning_rate: the fixed step of "gd", or with a line search the step to try first.
    line_search: for "gd": "backtracking" (its default without a learning rate) or "wolfe". The other methods have strong Wolfe.
    callback: called after each step with x, or, if its only parameter is called `intermediate_result`, with an OptimizeResult
        that has x, fun, jac and nit. It may raise StopIteration to end the run.
    progress: True shows a progress bar (tqdm if installed), False does not; None shows one on a terminal after two seconds.
    jit: False runs the derivatives without `ft.jit`.

    beta: option of "cg": "polak-ribiere" (PR+) or "fletcher-reeves".
    memory: option of "lbfgs": how many steps are remembered (default 10).
    ftol: option of "lbfgs": also stop when a step lowers f by no more than ftol·max(|f|, 1). Default 2.2e-9 as in SciPy's L-BFGS-B,
        and 0 if `tol` is given.
    xtol: option of "newton-cg": also stop when a step changes the elements of x by no more than this on average. Default 1e-5 as in
        SciPy, and 0 if `tol` is given.

    Returns SciPy's OptimizeResult: x, fun, jac (the gradient, a tree like x), nit, nfev, njev, nhev (values, gradients, products
    with the Hessian; a value comes with its gradient), success, status, message, history (f at the start and after each step) and
    seconds. status is 0 for converged, 1 for max_iter reached, 2 where no lower point could be found, 99 where the callback ended
    the run; success means status 0.

    Where a value is nan or infinite line searches back off. Fixed steps and gradient transformations raise NonFiniteError
    instead: it names the step, and its `result` is the last finite point. Other errors: ArgumentError (an unknown method or
    option, x0 with bools, nan or nothing in it), DifferentiationError (a `fun` whose result is not a scalar).

    Mirrors `scipy.optimize.minimize`. Sources: Nocedal and Wright (2006), Numerical Optimization; Moré and Thuente (1994) for the
    line search; Hager and Zhang (2005) for what it does where values differ by rounding only.

    >>> import numpy as np
    >>> def rosenbrock(p):
    ...     return (1 - p["x"]) ** 2 + 100 * (p["y"] - p["x"] ** 2) ** 2
    >>> result = minimize(rosenbrock, {"x": -1.2, "y": 1.0}, tol=1e-8)
    >>> result.success, round(float(result.x["x"]), 6), round(float(result.x["y"]), 6)
    (True, 1.0, 1.0)
    """
    of_x = bound(fun, args, "minimize")
    x0 = starting_point(x0, "minimize")
    space = Space(x0, "minimize")
    start = space.flat(x0)
    space.check_finite(start)
    plan = Plan(method, learning_rate, line_search, options)
    limits = limits_of(plan, tol, max_iter, space.size)
    objective = Objective(of_x, space, jit)
    run = Run(objective, objective(np.array(start)), limits, teller(callback), plan)
    with Progress("minimize", limits.max_iter, progress) as bar:
        return run.follow(plan.points(objective, run.at, limits, jit), bar)


class Plan:
    """The method with its options, checked."""

    def __init__(self, method: Any, learning_rate: float | None, line_search: str | None, options: dict[str, Any]) -> None:
        self.name = method.lower() if isinstance(method, str) else "transformation"
        self.method, self.learning_rate = method, learning_rate
        self.transformed: Transformed | None = None
        if isinstance(method, str) and self.name not in OPTIONS:
            hint = "or pass a gradient transformation: method=ft.optim.adam(0.1); ft.optimize.minimize has SciPy's methods"
            if self.name in SCIPYS_METHODS:
                hint = f"take 'lbfgs', the default, or ft.optimize.minimize(fun, x0, method={method!r}), which is SciPy's"
            raise ArgumentError(at_line(f"minimize has no method {method!r}; it has {', '.join(map(repr, OPTIONS))}", hint=hint))
        if not isinstance(method, str) and not (
            callable(getattr(method, "init", None)) and callable(getattr(method, "update", None))
        ):
            raise ArgumentError(
                at_line(
                    f"minimize: method is {shown(method)} of type {type(method).__name__}, which has no init and update",
                    hint=f"pass one of {', '.join(map(repr, OPTIONS))}, or a gradient transformation such as ft.optim.adam(0.1)",
                )
            )
        known = OPTIONS.get(self.name, {})
        for name in options:
            if name not in known:
                has = f"its options are {', '.join(known)}" if known else "it has no options of its own"
                fact = f"minimize: method {shown(method)} has no option {name!r}"
                raise ArgumentError(at_line(fact, hint=OTHER_WORDS.get(name, has)))
        self.given, self.options = options, {**known, **options}
        self.check_steps(line_search)
        self.line_search = line_search or ("backtracking" if learning_rate is None else None)

    def check_steps(self, line_search: str | None) -> None:
        """learning_rate, line_search, memory and beta say something, and something that the method uses."""
        if line_search is not None and line_search not in LINE_SEARCHES:
            raise ArgumentError(at_line(f"minimize: line_search must be one of {LINE_SEARCHES} or None, got {line_search!r}"))
        if self.name != "gd" and (line_search is not None or self.learning_rate is not None):
            raise ArgumentError(
                at_line(
                    f"minimize: learning_rate and line_search are for method='gd', not for {shown(self.method)}",
                    hint="leave them out; a gradient transformation has a learning rate of its own: ft.optim.adam(0.1)",
                )
            )
        rate = self.learning_rate
        if rate is not None and not (isinstance(rate, int | float | np.number) and 0 < float(rate) < math.inf):
            raise ArgumentError(at_line(f"minimize: learning_rate must be a positive number, got {shown(rate)}"))
        memory = self.options.get("memory", 1)
        if not isinstance(memory, int | np.integer) or memory < 1:
            raise ArgumentError(at_line(f"minimize: memory must be a positive int, got {shown(memory)}"))
        if self.options.get("beta") not in (None, *BETA):
            raise ArgumentError(at_line(f"minimize: beta must be one of {tuple(BETA)}, got {self.options['beta']!r}"))

    def points(self, objective: Objective, start: Point, limits: Limits, jit: bool) -> Iterator[Point]:
        """The points that the method goes to."""
        if self.name == "transformation":
            self.transformed = Transformed(objective, self.method, jit)
            return self.transformed.steps(start)
        if self.name == "gd" and self.learning_rate is not None and self.line_search is None:
            return fixed_steps(objective, start, self.learning_rate)
        if self.name == "gd":
            return descend(SteepestDescent(objective, self.learning_rate, self.line_search or ""), start)
        if self.name == "cg":
            return descend(ConjugateGradients(objective, self.options["beta"], limits.gtol), start)
        if self.name == "lbfgs":
            return descend(LBFGS(objective, self.options["memory"]), start)
        return descend(BFGS(objective) if self.name == "bfgs" else NewtonCG(objective), start)

    def rate(self) -> Any:
        """The learning rate of the last step, where there is one."""
        return self.learning_rate if self.transformed is None else self.transformed.rate()


def limits_of(plan: Plan, tol: float | None, max_iter: int | None, size: int) -> Limits:
    """When the run ends."""
    for name, value in (("tol", tol), *[(name, plan.options.get(name)) for name in ("ftol", "xtol")]):
        if value is not None and not (isinstance(value, int | float | np.number) and value >= 0):
            raise ArgumentError(at_line(f"minimize: {name} must be a number and not negative, got {shown(value)}"))
    most = 100_000 if plan.name in ("gd", "transformation") else max(1000, 200 * size)
    most = most if max_iter is None else whole("minimize", "max_iter", max_iter, 0)
    other = {name: plan.options.get(name, 0.0) for name in ("ftol", "xtol")}
    if tol is not None:
        other = {name: value if name in plan.given else 0.0 for name, value in other.items()}
    return Limits(GTOL if tol is None else float(tol), other["ftol"], other["xtol"], most)


class Run:
    """One minimisation: where it stands, what it has seen."""

    def __init__(self, objective: Objective, start: Point, limits: Limits, tell: Callable[[Any], None], plan: Plan) -> None:
        self.objective, self.limits, self.tell, self.plan = objective, limits, tell, plan
        self.at, self.nit, self.history = start, 0, [start.f]
        self.began = time.perf_counter()
        if not finite(start):
            raise NonFiniteError(
                at_line(f"minimize: at x0 {what_is_lost(start, 'is')}", hint="start where the function and its gradient are finite")
            )

    def follow(self, points: Iterator[Point], bar: Progress) -> Any:
        """Go from point to point until a limit is reached."""
        message = self.limits.reached(self.at, None)
        while not message:
            if self.nit >= self.limits.max_iter:
                return self.result(1, f"max_iter={self.limits.max_iter} steps were made; {self.rest()}")
            try:
                with np.errstate(over="ignore", invalid="ignore", divide="ignore"):  # met with a shorter step, or an error
                    point = next(points)
            except Stuck as stuck:
                return self.result(2, f"{stuck}; {self.rest()}")
            if not finite(point):
                raise self.lost(point)
            before, self.at = self.at, point
            self.nit += 1
            self.history.append(point.f)
            bar.show(self.nit, point.f)
            try:
                self.tell(self.result)
            except StopIteration:
                return self.result(99, "`callback` raised `StopIteration`")
            message = self.limits.reached(self.at, before)
        return self.result(0, "converged: " + message)

    def rest(self) -> str:
        """How far the gradient is from its tolerance."""
        return f"the largest element of the gradient is {abs(self.at.g).max():.3g}, the tolerance {self.limits.gtol:g}"

    def lost(self, point: Point) -> NonFiniteError:
        """The error about a step that led to nan or infinity."""
        other = "clip the gradient" if self.plan.name == "transformation" else "line_search='backtracking'"
        rate = self.plan.rate()
        size = f" with learning_rate={float(rate):g}" if rate is not None else ""
        error = NonFiniteError(
            at_line(
                f"minimize: {what_is_lost(point, 'became')} at step {self.nit + 1}{size}; "
                f"the last finite value was {self.at.f:g} at step {self.nit}",
                hint=f"try a smaller learning rate, or {other}; error.result holds the last finite point",
            )
        )
        error.result = self.result(3, "a value or gradient became nan or infinite")
        return error

    def result(self, status: int, message: str) -> Any:
        """What is known so far, as an OptimizeResult."""
        space, counts = self.objective.space, self.objective
        return OptimizeResult(
            x=space.copy(self.at.x),
            fun=self.at.f,
            jac=space.copy(self.at.g),
            nit=self.nit,
            nfev=counts.nfev,
            njev=counts.njev,
            nhev=counts.nhev,
            success=status == 0,
            status=status,
            message=message,
            history=np.array(self.history),
            seconds=time.perf_counter() - self.began,
        )


def what_is_lost(point: Point, verb: str) -> str:
    """What of a point is not finite."""
    return f"the gradient {verb} nan or infinite" if math.isfinite(point.f) else f"the value {verb} {point.f:g}"


def finite(point: Point) -> bool:
    """Whether the value and the gradient are finite."""
    return math.isfinite(point.f) and bool(np.isfinite(point.g).all())


def teller(callback: Callable[..., Any] | None) -> Callable[[Callable[[int, str], Any]], None]:
    """The function that tells a callback where the run stands, in the form that it wants (SciPy's rule)."""
    if callback is None:
        return lambda result: None
    if not callable(callback):
        raise ArgumentError(at_line(f"minimize: callback must be a function, got {shown(callback)}"))
    try:
        names = list(inspect.signature(callback).parameters)
    except (TypeError, ValueError):
        names = []
    if names == ["intermediate_result"]:
        return lambda result: callback(intermediate_result=result(-1, "running"))
    return lambda result: callback(result(-1, "running").x)


__all__ = ["minimize"]
