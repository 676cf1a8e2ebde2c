"""Solvers jit closures of their own around the user's function: what that captures is read at every call all the same."""

from __future__ import annotations

import contextlib
from typing import Any

import numpy as np
import pytest

import ftrans as ft

QUARTIC: Any = lambda x, a, z: np.sum((x - a) ** 4) + z
DIFFERENCE: Any = lambda x, a, z: x - a + 1e-3 * z
NOISY = {
    "optim.minimize": (QUARTIC, lambda f: ft.optim.minimize(f, np.zeros(2), (1.0,), method=ft.optim.sgd(0.1), max_iter=5, tol=0)),
    "optim.newton-cg": (QUARTIC, lambda f: ft.optim.minimize(f, np.zeros(2), (1.0,), method="newton-cg", max_iter=5)),
    "optim.least_squares": (DIFFERENCE, lambda f: ft.optim.least_squares(f, np.zeros(2), (1.0,), max_nfev=5)),
    "minimize": (QUARTIC, lambda f: ft.optimize.minimize(f, np.zeros(2), (1.0,))),
    "minimize, values": (QUARTIC, lambda f: ft.optimize.minimize(f, np.zeros(2), (1.0,), "Nelder-Mead", options={"maxiter": 5})),
    "minimize, Hessian": (QUARTIC, lambda f: ft.optimize.minimize(f, np.zeros(2), (1.0,), "trust-exact", options={"maxiter": 5})),
    "minimize, products": (QUARTIC, lambda f: ft.optimize.minimize(f, np.zeros(2), (1.0,), "trust-ncg", options={"maxiter": 5})),
    "root": (DIFFERENCE, lambda f: ft.optimize.root(f, np.zeros(2), (1.0,), options={"maxfev": 9})),
    "least_squares": (DIFFERENCE, lambda f: ft.optimize.least_squares(f, np.zeros(2), args=(1.0,), max_nfev=5)),
    "root_scalar": (DIFFERENCE, lambda f: ft.optimize.root_scalar(f, (1.0,), bracket=(-3.0, 3.0), method="bisect", maxiter=60)),
    "minimize_scalar": (QUARTIC, lambda f: ft.optimize.minimize_scalar(f, args=(1.0,), options={"maxiter": 9})),
    "curve_fit": (
        lambda x, a, z: a * x + 1e-3 * z,
        lambda f: ft.optimize.curve_fit(f, np.arange(3.0), np.arange(3.0), [0.5], maxfev=50),
    ),
}


@pytest.mark.parametrize("name", NOISY)
@pytest.mark.filterwarnings("ignore")
def test_what_a_function_captures_is_read_at_every_call(name: str) -> None:
    """A generator within reach of the user's function draws anew at each call, as without jit."""
    formula, solve = NOISY[name]
    rng = np.random.default_rng(0)
    drawn: list[float] = []

    def fun(x: Any, a: Any) -> Any:
        drawn.append(rng.normal())
        return formula(x, a, drawn[-1])

    with contextlib.suppress(RuntimeError):  # SciPy may find noise hard to fit
        solve(fun)
    assert len(drawn) > 5


def test_constraints_see_what_they_capture() -> None:
    limit, seen = [1.0], []

    def below(x: Any, a: Any) -> Any:
        seen.append(limit[0])
        return limit[0] - a * x[0]

    def move(x: Any) -> None:
        limit[0] = 2.0

    constraint = {"type": "ineq", "fun": below, "args": (1.0,)}
    ft.optimize.minimize(lambda x: (x[0] - 5) ** 4, np.array([0.0]), constraints=constraint, callback=move)
    assert set(seen) == {1.0, 2.0}


def test_a_schedule_of_a_minimisation_is_read_at_every_step() -> None:
    rate = [0.0]

    def change(x: Any) -> None:
        rate[0] += 0.1

    history = ft.optim.minimize(
        lambda x: x, 0.0, method=ft.optim.sgd(lambda k: rate[0]), max_iter=4, tol=0, callback=change
    ).history
    np.testing.assert_allclose(history, [0.0, 0.0, -0.1, -0.3, -0.6])


def test_jit_looks_into_functions_that_ftrans_made_of_the_users() -> None:
    rate, other = [0.5], [0.0]

    def schedule(count: Any) -> Any:
        return rate[0]

    opt = ft.optim.chain(ft.optim.clip(9.0), ft.optim.sgd(schedule))
    state = opt.init(1.0)
    step = ft.jit(lambda g: opt.update(g, state)[0])
    assert [float(step(1.0)) for _ in range(3)] == [-0.5] * 3
    other[0] = 1.0
    assert float(step(1.0)) == -0.5
    assert "1 traces" in repr(step)  # nothing was traced in vain
    rate[0] = 2.0
    assert float(step(1.0)) == -2.0
