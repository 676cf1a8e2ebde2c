"""What a whole minimisation costs: L-BFGS on a logistic regression, BFGS on a small function, a fit of a curve.

"ftrans" is ft.optimize, SciPy's solver with our derivatives, and "ft.optim" our own solver; beside SciPy's solver with derivatives
written by hand, and with finite differences.

python -m benchmarks.bench_minimize        # the ratios, all sides in turns in one run
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.optimize

import ftrans as ft

from . import clock
from .compare import machine, shown

Problem = dict[str, Callable[[], Any]]  # side -> the minimisation, which gives the point it found


def logistic(rows: int, columns: int) -> Problem:
    """Logistic regression with weight decay, data from a model with noise."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((rows, columns))
    y = np.where(x @ rng.standard_normal(columns) + rng.standard_normal(rows) > 0, 1.0, -1.0)

    def loss(w: Any) -> Any:
        return np.mean(np.logaddexp(0, -y * (x @ w))) + 0.005 * np.sum(w**2)

    def by_hand(w: Any) -> Any:
        z = y * (x @ w)
        return np.mean(np.logaddexp(0, -z)) + 0.005 * np.sum(w**2), 0.01 * w - x.T @ (y / (1 + np.exp(z))) / rows

    start, exact = np.zeros(columns), {"ftol": 0.0, "gtol": 1e-6}
    return {
        "ftrans": lambda: ft.optimize.minimize(loss, start, method="L-BFGS-B", options=exact).x,
        "ft.optim": lambda: ft.optim.minimize(loss, start, tol=1e-6).x,
        "scipy": lambda: scipy.optimize.minimize(by_hand, start, jac=True, method="L-BFGS-B", options=exact).x,
        "scipy, differences": lambda: scipy.optimize.minimize(loss, start, method="L-BFGS-B", options=exact | {"maxfun": 10**6}).x,
    }


def rosenbrock(n: int) -> Problem:
    """A function that costs nothing, so that the solver and the calls do."""

    def f(x: Any) -> Any:
        return np.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)

    start = np.full(n, 0.9)
    return {
        "ftrans": lambda: ft.optimize.minimize(f, start, method="BFGS").x,
        "ft.optim": lambda: ft.optim.minimize(f, start, method="bfgs").x,
        "scipy": lambda: scipy.optimize.minimize(scipy.optimize.rosen, start, jac=scipy.optimize.rosen_der, method="BFGS").x,
        "scipy, differences": lambda: scipy.optimize.minimize(f, start, method="BFGS").x,
    }


def peaks(points: int) -> Problem:
    """Three Gaussians and an offset, fitted by Levenberg and Marquardt's method."""
    t = np.linspace(-1.0, 1.0, points)
    true = np.array([1.0, -0.5, 8.0, 2.0, 0.1, 9.0, 1.5, 0.6, 7.0, 0.3])
    model = lambda p: p[9] + sum(p[k] * np.exp(-((p[k + 2] * (t - p[k + 1])) ** 2)) for k in (0, 3, 6))
    data = model(true) + 0.01 * np.cos(50 * t)
    residuals = lambda p: model(p) - data

    def by_hand(p: Any) -> Any:
        columns = []
        for a, m, s in p[:9].reshape(3, 3):
            d = t - m
            bell = np.exp(-((s * d) ** 2))
            columns += [bell, 2 * a * bell * s**2 * d, -2 * a * bell * s * d**2]
        return np.column_stack([*columns, np.ones_like(t)])

    start = true * 1.1
    return {
        "ftrans": lambda: ft.optimize.least_squares(residuals, start, method="lm").x,
        "ft.optim": lambda: ft.optim.least_squares(residuals, start).x,
        "scipy": lambda: scipy.optimize.least_squares(residuals, start, by_hand, method="lm").x,
        "scipy, differences": lambda: scipy.optimize.least_squares(residuals, start, method="lm").x,
    }


PROBLEMS: dict[str, Callable[[], Problem]] = {
    "logistic regression 500x30, L-BFGS": lambda: logistic(500, 30),
    "logistic regression 10000x100, L-BFGS": lambda: logistic(10_000, 100),
    "Rosenbrock, n=10, BFGS": lambda: rosenbrock(10),
    "three peaks, 2000 points, LM": lambda: peaks(2000),
}
SIDES = ("ftrans", "ft.optim", "scipy", "scipy, differences")


def checked(name: str) -> Problem:
    """The problem, after all sides have come to one point."""
    problem = PROBLEMS[name]()
    points = {side: problem[side]() for side in SIDES}
    for side, point in points.items():
        np.testing.assert_allclose(point, points["scipy"], rtol=0, atol=2e-4, err_msg=f"{name}: {side}")
    return problem


class Minimise:
    """One minimisation from its start, traces and compiled code being there or not as the solver finds them."""

    params = (list(PROBLEMS), SIDES)
    param_names = ("problem", "side")
    repeat = (3, 100, 1.0)

    def setup(self, name: str, side: str) -> None:
        self.call = checked(name)[side]

    def time_minimise(self, name: str, side: str) -> None:
        self.call()


def main() -> int:
    """Print the table."""
    print(f"{machine()}\n\n| problem | {' | '.join(SIDES)} |\n|---|{'---:|' * len(SIDES)}")
    for name in PROBLEMS:
        times = clock.in_turns(checked(name), 2.0)
        ours = times["ftrans"]
        cells = [shown(ours), *[f"{times[side] / ours:.2g}" for side in SIDES[1:]]]
        print(f"| {name} | {' | '.join(cells)} |", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
