"""Fit a model: `ft.optim.least_squares(residuals, x0)` makes a sum of squares smallest, by Levenberg and Marquardt's method.

J. J. Moré (1978), The Levenberg-Marquardt algorithm: implementation and theory; MINPACK's lmder (Moré, Garbow and Hillstrom
1980): the step minimises |r + J p| within a trust region |D p| <= Δ, where D holds the largest norms that the columns of J have
had. `ft.optimize.least_squares` has SciPy's other methods, with bounds and robust losses.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from ..errors import ArgumentError, NonFiniteError, at_line, shown
from .minimize import OptimizeResult, teller
from .progress import Progress
from .residuals import Residuals
from .vector import Space, Vector, bound, starting_point

EPS = float(np.finfo(float).eps)
TINY = float(np.finfo(float).tiny)

MESSAGES = {
    0: "max_nfev evaluations were made",
    1: "converged: the residuals are orthogonal to the columns of the Jacobian, within gtol",
    2: "converged: the sum of squares changes by less than ftol of its size",
    3: "converged: x changes by less than xtol of its size",
    4: "converged: the sum of squares changes by less than ftol, and x by less than xtol, of their sizes",
    -1: "no further progress: ftol, xtol or gtol is smaller than rounding allows",
    99: "`callback` raised `StopIteration`",
}


def least_squares(
    fun: Callable[..., Any],
    x0: Any,
    args: Any = (),
    *,
    method: str = "lm",
    ftol: float = 1e-8,
    xtol: float = 1e-8,
    gtol: float = 1e-8,
    x_scale: Any = "jac",
    factor: float = 100.0,
    max_nfev: int | None = None,
    callback: Callable[..., Any] | None = None,
    progress: bool | None = None,
    jit: bool = True,
) -> Any:
    """The tree x near `x0` with the smallest sum of squares of the residuals `fun(x, *args)`.

    fun: a function of a tree like `x0` that gives real residuals: an array of any shape, or a tree of them.
    x0: an array, a number or a pytree of them, as in `ft.optim.minimize`. The solver works in float64.
    method: "lm", Levenberg-Marquardt. `ft.optimize.least_squares` has "trf" and "dogbox".
    ftol: converged when a step changes the sum of squares, and was expected to change it, by no more than this part of it.
    xtol: converged when the trust region is no larger than this part of x (both scaled).
    gtol: converged when the cosine of the angle between the residuals and each column of the Jacobian is no larger than this.
    x_scale: "jac" scales the unknowns by the norms of the Jacobian's columns; or a tree of typical sizes, or prefix of one.
    factor: the first trust region is this multiple of the scaled size of x0.
    max_nfev: the largest number of evaluations of `fun`, 100·(n + 1) by default for n unknowns.
    callback, progress, jit: as in `ft.optim.minimize`.

    Returns SciPy's OptimizeResult: x, cost (half of the sum of squares), fun (the residuals, in the form of fun's result), jac
    (leaves of shape (number of residuals, *shape of the leaf of x)), grad, optimality (the largest element of grad), nfev, njev,
    nit, seconds, success, message and status: 1 gtol, 2 ftol, 3 xtol, 4 ftol and xtol, 0 max_nfev reached, -1 no progress, 99
    ended by the callback.

    Where residuals are nan or infinite the step is made shorter. Errors: NonFiniteError where they are so at x0, ArgumentError
    for a wrong method, option or x0, DifferentiationError for residuals that are not real.

    Mirrors `scipy.optimize.least_squares` with method="lm" and x_scale="jac".

    >>> import numpy as np
    >>> t = np.arange(5.0)
    >>> fit = least_squares(lambda p: p["a"] * np.exp(-p["k"] * t) - 3 * np.exp(-0.5 * t), {"a": 1.0, "k": 1.0})
    >>> round(float(fit.x["a"]), 6), round(float(fit.x["k"]), 6), fit.success
    (3.0, 0.5, True)
    """
    if method != "lm":
        raise ArgumentError(
            at_line(
                f"least_squares: method must be 'lm', got {shown(method)}", hint="ft.optimize.least_squares has 'trf' and 'dogbox'"
            )
        )
    for name, value in (("ftol", ftol), ("xtol", xtol), ("gtol", gtol), ("factor", factor), ("max_nfev", max_nfev)):
        if value is not None and not (isinstance(value, int | float | np.number) and value >= 0):
            raise ArgumentError(at_line(f"least_squares: {name} must be a number and not negative, got {shown(value)}"))
    of_x = bound(fun, args, "least_squares")
    x0 = starting_point(x0, "least_squares")
    space = Space(x0, "least_squares")
    residuals = Residuals(of_x, space, jit, "least_squares")
    start = np.array(space.flat(x0))
    space.check_finite(start)
    scale = None if isinstance(x_scale, str) and x_scale == "jac" else scale_of(x_scale, space)
    most = 100 * (space.size + 1) if max_nfev is None else int(max_nfev)
    fit = Fit(residuals, start, Tolerances(ftol, xtol, gtol, most), factor, scale)
    with Progress("least_squares", most, progress) as bar:
        status = fit.run(bar, teller(callback))
    return fit.result(status)


def scale_of(x_scale: Any, space: Space) -> Vector:
    """What to multiply the unknowns by so that they are of one size."""
    sizes = space.spread(x_scale, "x_scale", 1.0)
    if not (sizes > 0).all():
        raise ArgumentError(at_line(f"least_squares: x_scale must hold positive sizes, or be 'jac', got {shown(x_scale)}"))
    return 1 / sizes


class Tolerances(NamedTuple):
    """When to stop."""

    ftol: float
    xtol: float
    gtol: float
    max_nfev: int


class Fit:
    """A run of Levenberg and Marquardt's method: MINPACK's lmder, with a singular value decomposition in place of its rotations."""

    def __init__(self, residuals: Residuals, x: Vector, limits: Tolerances, factor: float, fixed: Vector | None) -> None:
        self.residuals, self.x, self.limits = residuals, x, limits
        self.fixed = fixed  # the scale of the unknowns, if the user gives it
        self.began, self.nit, self.damping = time.perf_counter(), 0, 0.0
        self.r = self.residuals(self.x)
        self.norm = float(np.linalg.norm(self.r))
        if not math.isfinite(self.norm):
            raise NonFiniteError(at_line("least_squares: residuals at x0 are nan or infinite", hint="start elsewhere"))
        self.differentiate()
        columns = np.linalg.norm(self.jac, axis=0)
        self.scale = np.where(columns > 0, columns, 1.0) if self.fixed is None else self.fixed
        self.radius = factor * (self.size_of_x() or 1.0)

    def differentiate(self) -> None:
        """The Jacobian at x."""
        self.jac, self.stale = self.residuals.jacobian(self.x), False
        if not np.isfinite(self.jac).all():
            raise NonFiniteError(
                at_line(
                    f"least_squares: the Jacobian is nan or infinite after {self.nit} steps, where the residuals are finite",
                    hint="look for a derivative that does not exist there, such as that of sqrt at 0; or start elsewhere",
                )
            )

    def size_of_x(self) -> float:
        return float(np.linalg.norm(self.scale * self.x))

    def run(self, bar: Progress, tell: Callable[[Any], None]) -> int:
        """Step until a tolerance is met; the status."""
        while True:
            columns = np.linalg.norm(self.jac, axis=0)
            cosine = self.cosine(columns)
            if cosine <= self.limits.gtol:
                return 1
            if self.fixed is None:
                self.scale = np.maximum(self.scale, columns)
            region = Region.of(self.jac / self.scale, self.r)
            moved = False
            while not moved:
                if self.residuals.nfev >= self.limits.max_nfev:
                    return 0
                with np.errstate(over="ignore", invalid="ignore"):  # met with a shorter step
                    moved, status = self.step(region)
                if status is None and cosine <= EPS:
                    status = -1
                if status is not None:
                    return status
            self.nit += 1
            bar.show(self.residuals.nfev, self.norm**2)
            self.differentiate()
            try:
                tell(self.result)
            except StopIteration:
                return 99

    def cosine(self, columns: Vector) -> float:
        """The largest cosine between the residuals and a column of the Jacobian."""
        if self.norm == 0:
            return 0.0
        safe = np.where(columns > 0, columns, 1.0)
        return float(abs(self.jac.T @ (self.r / self.norm) / safe).max())

    def step(self, region: Region) -> tuple[bool, int | None]:
        """Try one step; whether x has moved, and the status if this is the end."""
        self.damping, scaled = region.solve(self.radius, self.damping)
        p = scaled / self.scale
        length = float(np.linalg.norm(scaled))
        if self.nit == 0:
            self.radius = min(self.radius, length)
        r = self.residuals(self.x + p)
        norm = float(np.linalg.norm(r))
        gained = 1 - (norm / self.norm) ** 2 if 0.1 * norm < self.norm else -1.0  # nan is no gain
        slope, size = float(np.linalg.norm(self.jac @ p)) / self.norm, length / self.norm
        linear, damped = slope * slope, self.damping * size * size
        expected = linear + 2 * damped
        ratio = gained / expected if expected else 0.0
        self.adapt(ratio, gained, linear + damped, 0.1 * norm >= self.norm or not math.isfinite(norm), length)
        moved = ratio >= 1e-4
        if moved:
            self.x, self.r, self.norm, self.stale = self.x + p, r, norm, True
        return moved, self.verdict(gained, expected, ratio)

    def adapt(self, ratio: float, gained: float, slope: float, worse: bool, length: float) -> None:
        """A smaller trust region where the model was wrong, a larger one where it was right."""
        if ratio <= 0.25:
            shrink = 0.5 if gained >= 0 else 0.5 * slope / (slope - 0.5 * gained)
            shrink = 0.1 if worse or shrink < 0.1 else shrink
            self.radius = shrink * min(self.radius, 10 * length)
            self.damping /= shrink
        elif self.damping == 0 or ratio >= 0.75:
            self.radius = 2 * length
            self.damping *= 0.5

    def verdict(self, gained: float, expected: float, ratio: float) -> int | None:
        """The status if the run ends here."""
        if self.norm == 0:
            return 1
        size = self.size_of_x()
        flat = abs(gained) <= self.limits.ftol and expected <= self.limits.ftol and ratio <= 2
        short = self.radius <= self.limits.xtol * size
        if flat or short:
            return 4 if flat and short else 2 if flat else 3
        rounding = abs(gained) <= EPS and expected <= EPS and ratio <= 2
        return -1 if rounding or self.radius <= EPS * size else None

    def result(self, status: int, message: str = "") -> Any:
        """What is known so far, as an OptimizeResult."""
        if self.stale:
            self.differentiate()
        space, slope = self.residuals.space, self.jac.T @ self.r
        return OptimizeResult(
            x=space.copy(self.x),
            cost=self.norm**2 / 2,
            fun=self.residuals.tree(self.r),
            jac=space.columns(self.jac),
            grad=space.copy(slope),
            optimality=float(abs(slope).max()),
            nfev=self.residuals.nfev,
            njev=self.residuals.njev,
            nit=self.nit,
            success=status in (1, 2, 3, 4),
            status=status,
            message=message or MESSAGES[status],
            seconds=time.perf_counter() - self.began,
        )


class Region(NamedTuple):
    """A linear least squares problem, |r + A p| smallest, by A's singular values s, right vectors V, and r along the left ones."""

    s: Vector
    v: Vector
    along: Vector
    full: bool  # whether A has independent columns

    @classmethod
    def of(cls, a: Vector, r: Vector) -> Region:
        """The problem of this matrix and these residuals."""
        rows, columns = a.shape
        if rows > columns:  # with a = QR: R in place of a, Qᵀr in place of r
            both = np.asarray(np.linalg.qr(np.column_stack([a, r]), mode="r"))
            a, r = both[:columns, :columns], both[:columns, columns]
        u, s, vt = np.linalg.svd(a, full_matrices=False)
        kept = s > EPS * max(a.shape) * s.max(initial=0.0)
        return cls(s[kept], vt[kept].T, u.T[kept] @ r, bool(kept.all()) and len(s) == a.shape[1])

    def step(self, damping: float) -> Vector:
        """The step by its components along V."""
        return -self.s * self.along / (self.s**2 + damping)

    def newton(self, damping: float, radius: float) -> float:
        """By how much Moré's iteration changes the damping: φ(λ) = |p(λ)| - Δ is made 0, as if 1/|p(λ)| were linear in λ."""
        p = self.step(damping)
        length = float(np.linalg.norm(p))
        slope = float(np.sum(p**2 / (self.s**2 + damping))) / length
        return (length - radius) / slope * (length / radius)

    def solve(self, radius: float, damping: float) -> tuple[float, Vector]:
        """The damping λ, and the step p(λ) whose length is the radius within a tenth, or the shorter one with λ = 0 (lmpar)."""
        p = self.step(0.0)
        over = float(np.linalg.norm(p)) - radius
        if over <= 0.1 * radius:
            return 0.0, self.v @ p
        low = self.newton(0.0, radius) if self.full else 0.0
        steepest = float(np.linalg.norm(self.s * self.along))
        high = steepest / radius or TINY / min(radius, 0.1)
        damping = min(max(damping, low), high) or steepest / float(np.linalg.norm(p))
        for _ in range(10):
            damping = damping or max(TINY, 0.001 * high)
            p = self.step(damping)
            before, over = over, float(np.linalg.norm(p)) - radius
            if abs(over) <= 0.1 * radius or (low == 0 and over <= before < 0):
                break
            change = self.newton(damping, radius)
            low, high = (max(low, damping), high) if over > 0 else (low, min(high, damping))
            damping = max(low, damping + change)
        return damping, self.v @ p


__all__ = ["least_squares"]
