"""`ft.optim.minimize` and `ft.optim.least_squares`: known minima, SciPy's counts of evaluations, trees, and failures."""

from __future__ import annotations

import dataclasses
import sys
import types
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import pytest
import scipy.optimize
from hypothesis import given
from hypothesis import strategies as st
from mgh import PROBLEMS, Problem

import ftrans as ft
from ftrans import errors
from ftrans.optim.linesearch import Line, Point, backtracking, strong_wolfe, zoomed
from ftrans.optim.progress import Progress

METHODS = ["gd", "cg", "lbfgs", "bfgs", "newton-cg"]
SCIPYS = {"cg": "CG", "lbfgs": "L-BFGS-B", "bfgs": "BFGS", "newton-cg": "Newton-CG"}


def rosenbrock(p: Any) -> Any:
    return (1 - p["x"]) ** 2 + 100 * (p["y"] - p["x"] ** 2) ** 2


def bowl(x: Any) -> Any:
    return np.sum(np.arange(1, 5) * (x - 1) ** 2) + np.sum(x - 1) ** 4


@pytest.fixture
def steady() -> Iterator[None]:
    """NumPy's rounding in every call. Compiled code takes over at some time and rounds otherwise: counts would depend on it."""
    with ft.config.set(jit="never"):
        yield


# --- the problems of Moré, Garbow and Hillstrom


MIRRORED = ("Biggs EXP6", "Box three-dimensional")  # their terms may be exchanged


@pytest.mark.parametrize("name", PROBLEMS)
def test_levenberg_marquardt_reaches_the_published_minima_as_minpack_does(name: str, steady: None) -> None:
    p = PROBLEMS[name]
    fit = ft.optim.least_squares(p.residuals, p.x0)
    assert fit.success, fit.message
    assert is_minimum(p, 2 * fit.cost, 2e-6, 1e-12), (2 * fit.cost, p.minima)
    if p.best is not None and 2 * fit.cost < 1e-20 and "singular" not in name and name not in MIRRORED:
        np.testing.assert_allclose(fit.x, p.best, rtol=1e-6, atol=1e-7)
    slopes = ft.jit(ft.jacobian(p.residuals))
    _, _, info, _, _ = scipy.optimize.leastsq(p.residuals, p.x0, Dfun=slopes, full_output=True, ftol=1e-8, xtol=1e-8, gtol=1e-8)
    if "singular" not in name:  # there the Jacobian is singular at the minimum, and rounding decides: MINPACK itself takes 37 to 68
        assert fit.nfev <= 1.2 * info["nfev"]


def is_minimum(p: Problem, f: float, rtol: float, atol: float) -> bool:
    return any([abs(f - value) <= rtol * value + atol for value in p.minima])


# Where counts may be larger than SciPy's, and why.
EXCEPTIONS = {
    ("newton-cg", "Penalty II"): "10 to 8: SciPy takes curvatures below 7e-16 for none, whatever the scale, and stops sooner",
}


@pytest.mark.parametrize("name", PROBLEMS)
@pytest.mark.parametrize("method", SCIPYS)
def test_converges_where_scipy_does_with_as_few_evaluations(method: str, name: str, steady: None) -> None:
    p = PROBLEMS[name]
    both = ft.jit(ft.value_and_grad(p.f))
    product = ft.jit(lambda x, v: ft.hvp(p.f, (x,), (v,)))
    more: dict[str, Any] = {"hessp": product} if method == "newton-cg" else {}

    def scipys(x0: Any) -> Any:
        with np.errstate(all="ignore"):
            return scipy.optimize.minimize(both, x0, jac=True, method=SCIPYS[method], **more)

    theirs = scipys(p.x0)
    if not (theirs.success and is_minimum(p, theirs.fun, 0.02, 5e-6)):
        pytest.skip("SciPy does not reach a minimum here, with its default tolerances")
    ours = ft.optim.minimize(p.f, p.x0, method=method)
    assert ours.success, ours.message
    assert is_minimum(p, ours.fun, 0.02, 5e-6), (ours.fun, p.minima)
    assert ours.nfev == ours.njev
    counts = (ours.nfev, ours.nhev), (theirs.nfev, theirs.get("nhev", 0))
    if ours.nfev > 1.2 * theirs.nfev:  # rounding may decide: starts that differ by 1e-12 take 600 to 1000 steps on Osborne 2
        starts = [p.x0 * (1 + 1e-12 * k) for k in range(5)]
        results = [[minimise(x0) for x0 in starts] for minimise in (lambda x0: ft.optim.minimize(p.f, x0, method=method), scipys)]
        counts = tuple([tuple(np.median([(r.nfev, r.get("nhev", 0)) for r in side], axis=0)) for side in results])
    if (method, name) not in EXCEPTIONS:
        assert counts[0][0] <= 1.2 * counts[1][0], counts
        assert counts[0][1] <= 1.2 * counts[1][1], counts


@pytest.mark.parametrize("name", PROBLEMS)
def test_published_minima_are_stationary(name: str) -> None:
    p = PROBLEMS[name]
    if p.best is not None:
        assert p.f(p.best) == pytest.approx(min(p.minima), abs=1e-15)
        assert np.abs(ft.grad(p.f)(p.best)).max() <= 1e-6


# --- one logistic regression, by every method


def logistic_regression() -> tuple[Any, Any, Any]:
    """The loss, its start, and its minimum by Newton's method with derivatives by hand."""
    x, y = pytest.importorskip("sklearn.datasets").load_breast_cancer(return_X_y=True)
    x = (x - x.mean(0)) / x.std(0)
    signed = np.column_stack([x, np.ones(len(x))]) * (2.0 * y - 1)[:, None]

    def loss(p: Any) -> Any:
        z = (2.0 * y - 1) * (x @ p["w"] + p["b"])
        return np.mean(np.logaddexp(0, -z)) + 0.005 * np.sum(p["w"] ** 2)

    ridge = np.append(np.full(30, 0.01), 0.0)
    best = np.zeros(31)
    for _ in range(30):
        q = 1 / (1 + np.exp(signed @ best))
        curvature = (signed * (q * (1 - q))[:, None]).T @ signed / len(x) + np.diag(ridge)
        best = best - np.linalg.solve(curvature, ridge * best - signed.T @ q / len(x))
    return loss, {"w": np.zeros(30), "b": 0.0}, {"w": best[:30], "b": best[30]}


@pytest.mark.parametrize(
    ("method", "options"),
    [
        ("gd", {}),
        ("gd", {"line_search": "wolfe"}),
        ("gd", {"learning_rate": 1.0}),
        ("gd", {"learning_rate": 1.0, "line_search": "backtracking"}),
        ("cg", {}),
        ("cg", {"beta": "fletcher-reeves"}),
        ("lbfgs", {}),
        ("lbfgs", {"memory": 3}),
        ("bfgs", {}),
        ("newton-cg", {}),
        (ft.optim.adam(0.05), {}),
        (ft.optim.sgd(0.1, momentum=0.9, nesterov=True), {}),
    ],
)
def test_all_methods_reach_one_optimum(method: Any, options: Any) -> None:
    loss, start, best = logistic_regression()
    result = ft.optim.minimize(loss, start, method=method, tol=1e-11, **options)
    assert result.success, result.message
    assert np.abs(result.x["w"] - best["w"]).max() < 1e-8
    assert abs(result.x["b"] - best["b"]) < 1e-8
    assert max(np.abs(result.jac["w"]).max(), abs(result.jac["b"])) <= 1e-11


# --- what goes in and comes out


@pytest.mark.parametrize("method", METHODS)
def test_result(method: str) -> None:
    result = ft.optim.minimize(bowl, np.zeros(4), method=method)
    assert isinstance(result, scipy.optimize.OptimizeResult)
    assert (result.success, result.status) == (True, 0)
    np.testing.assert_allclose(result.x, 1, atol=1e-5)
    np.testing.assert_allclose(result.jac, ft.grad(bowl)(result.x), rtol=0, atol=1e-12)
    assert result.fun == pytest.approx(float(bowl(result.x)), rel=1e-12)
    assert len(result.history) == result.nit + 1
    assert result.history[0] == bowl(np.zeros(4))
    assert result.history[-1] == result.fun
    assert np.all(np.diff(result.history) <= 1e-15)
    assert result.nfev == result.njev > result.nit
    assert (result.nhev > 0) == (method == "newton-cg")
    assert result.seconds > 0
    assert result.message.startswith("converged: ")


@dataclasses.dataclass
class Line2:
    slope: Any
    offset: Any
    name: str = dataclasses.field(default="line", metadata={"static": True})


@pytest.mark.parametrize("method", [*METHODS, ft.optim.adam(0.1)])
def test_trees(method: Any) -> None:
    def loss(p: Any, target: Any, weight: float) -> Any:
        line = p["line"]
        return np.sum((p["a"][0] - target) ** 2) + weight * (line.slope * 2 + line.offset) ** 2 + (line.slope - 1) ** 2

    start = {"a": (np.zeros((2, 2)),), "line": Line2(0.0, np.zeros(()))}
    target = np.arange(4.0).reshape(2, 2)
    result = ft.optim.minimize(loss, start, (target, 3.0), method=method, tol=1e-6)
    assert result.success
    np.testing.assert_allclose(result.x["a"][0], target, atol=1e-5)
    line = result.x["line"]
    assert (type(line.slope), type(line.offset), line.name) == (np.float64, np.ndarray, "line")
    assert (line.slope, line.offset) == (pytest.approx(1, abs=1e-5), pytest.approx(-2, abs=1e-5))
    assert isinstance(result.jac["line"], Line2)
    np.testing.assert_array_equal(start["a"][0], 0)


@pytest.mark.parametrize("method", METHODS)
def test_float32_leaves_stay_float32(method: str) -> None:
    result = ft.optim.minimize(lambda p: bowl(p["v"]) + np.float32(1e3), {"v": np.zeros(4, np.float32)}, method=method, tol=1e-4)
    assert result.success
    assert result.x["v"].dtype == result.jac["v"].dtype == np.float32
    np.testing.assert_allclose(result.x["v"], 1, atol=1e-3)


@pytest.mark.parametrize("method", METHODS)
def test_without_jit_and_with_control_flow(method: str) -> None:
    def hinged(x: Any) -> Any:
        return np.sum((x - 1) ** 2) if x[0] > 0 else np.sum((x - 1) ** 2) + x[0] ** 2

    start = np.array([-1.0, 3.0])
    plain, jitted = (ft.optim.minimize(hinged, start, method=method, jit=on) for on in (False, True))
    np.testing.assert_allclose(plain.x, 1, atol=1e-5)
    np.testing.assert_allclose(plain.x, jitted.x, atol=1e-9)


def test_args_need_not_be_arrays() -> None:
    fun = lambda x, kind, power: np.sum(np.abs(x - 1) ** power) if kind == "near" else np.sum(x)
    assert ft.optim.minimize(fun, np.zeros(2), ("near", 2)).x == pytest.approx(1)
    assert ft.optim.minimize(lambda x, c: (x - c) ** 2, 0.0, 3.0).x == pytest.approx(3)


def test_a_gradient_transformation_does_what_its_loop_does() -> None:
    optimizer, x = ft.optim.adam(0.1), np.zeros(4)
    state = optimizer.init(x)
    for _ in range(7):
        updates, state = optimizer.update(ft.grad(bowl)(x), state, x)
        x = ft.optim.apply_updates(x, updates)
    result = ft.optim.minimize(bowl, np.zeros(4), method=optimizer, max_iter=7)
    np.testing.assert_allclose(result.x, x, rtol=1e-12)
    assert (result.nit, result.nfev, result.status) == (7, 8, 1)


def test_fixed_steps_are_gradient_descent() -> None:
    x = np.zeros(4)
    for _ in range(5):
        x = x - 0.01 * ft.grad(bowl)(x)
    result = ft.optim.minimize(bowl, np.zeros(4), method="gd", learning_rate=0.01, max_iter=5)
    np.testing.assert_allclose(result.x, x, rtol=1e-12)
    assert result.message.startswith("max_iter=5 steps were made; the largest element of the gradient is ")


def test_tolerances() -> None:
    loose, tight = (ft.optim.minimize(rosenbrock, {"x": -1.2, "y": 1.0}, tol=tol) for tol in (1e-2, 1e-9))
    assert loose.nit < tight.nit
    assert max(abs(tight.jac["x"]), abs(tight.jac["y"])) <= 1e-9
    by_fall = ft.optim.minimize(rosenbrock, {"x": -1.2, "y": 1.0}, tol=0.0, ftol=1e-3)
    assert "within ftol=0.001" in by_fall.message
    by_step = ft.optim.minimize(rosenbrock, {"x": -1.2, "y": 1.0}, method="newton-cg", tol=0.0, xtol=1e-2)
    assert "within xtol=0.01" in by_step.message
    there = ft.optim.minimize(bowl, np.ones(4))
    assert (there.nit, there.nfev, there.success) == (0, 1, True)


# --- callbacks and progress


@pytest.fixture
def numpy_steps() -> Iterator[None]:
    """No compiled code, which adds in another order: kernels that other tests have compiled would take over at the second call."""
    with ft.config.set(jit="never"):
        yield


@pytest.mark.usefixtures("numpy_steps")
@pytest.mark.parametrize("method", [*METHODS, ft.optim.sgd(0.005)])
def test_callbacks(method: Any) -> None:
    seen: list[Any] = []
    result = ft.optim.minimize(bowl, np.zeros(4), method=method, callback=seen.append)
    assert len(seen) == result.nit
    np.testing.assert_array_equal(seen[-1], result.x)

    def stop(intermediate_result: Any) -> None:
        assert intermediate_result.fun == bowl(intermediate_result.x)
        if intermediate_result.nit == 2:
            raise StopIteration

    stopped = ft.optim.minimize(bowl, np.zeros(4), method=method, callback=stop)
    assert (stopped.nit, stopped.status, stopped.success) == (2, 99, False)
    np.testing.assert_array_equal(stopped.x, seen[1])


def test_progress_bar(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    bars: list[Any] = []

    class Bar(types.SimpleNamespace):
        n, text, closed = 0, "", False

        def update(self, by: int) -> None:
            self.n += by

        def set_postfix_str(self, text: str, refresh: bool) -> None:
            self.text = text

        def close(self) -> None:
            self.closed = True

    def make(**given: Any) -> Bar:
        bars.append(Bar(**given))
        return bars[-1]

    monkeypatch.setattr("ftrans.optim.progress.tqdm", make)
    result = ft.optim.minimize(bowl, np.zeros(4), progress=True)
    assert (bars[0].n, bars[0].desc, bars[0].closed) == (result.nit, "minimize", True)
    assert bars[0].text == f"loss {result.fun:.6g}"
    ft.optim.minimize(bowl, np.zeros(4), progress=False)
    ft.optim.minimize(bowl, np.zeros(4))  # no terminal here
    assert len(bars) == 1
    monkeypatch.setattr("ftrans.optim.progress.tqdm", None)
    ft.optim.minimize(bowl, np.zeros(4), progress=True, max_iter=50)
    assert capsys.readouterr().err.startswith("minimize: 1/50 steps, loss ")
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    with Progress("quick", None) as bar:
        bar.show(1, 2.0)  # two seconds have not passed
    assert capsys.readouterr().err == ""


# --- when it goes wrong


@pytest.mark.usefixtures("numpy_steps")
def test_a_learning_rate_that_is_too_large_is_named() -> None:
    with pytest.raises(errors.NonFiniteError) as caught:
        ft.optim.minimize(bowl, np.zeros(4), method="gd", learning_rate=1.0)
    text, result = str(caught.value), caught.value.result
    assert text.startswith("minimize: the value became inf at step 4 with learning_rate=1; the last finite value was ")
    assert f"was {result.fun:g} at step 3\n  at " in text
    assert "test_minimize.py" in text
    assert text.endswith("try a smaller learning rate, or line_search='backtracking'; error.result holds the last finite point")
    assert (result.nit, result.status, result.success) == (3, 3, False)
    assert np.isfinite(result.x).all()
    assert result.fun == bowl(result.x)
    assert isinstance(caught.value, FloatingPointError)
    with pytest.raises(
        errors.NonFiniteError, match=r"(?s)the value became inf at step \d+ with learning_rate=1; the last.* or clip the gradient"
    ):
        ft.optim.minimize(bowl, np.zeros(4), method=ft.optim.sgd(1.0))
    falling = ft.optim.sgd(lambda k: np.where(k < 2, 1e-3, 1e200))
    with pytest.raises(errors.NonFiniteError, match=r"the value became (inf|nan) at step 3 with learning_rate=1e\+200; the last"):
        ft.optim.minimize(bowl, np.zeros(4), method=falling)
    with pytest.raises(errors.NonFiniteError, match=r"the gradient became nan or infinite at step 1 with"):
        ft.optim.minimize(lambda x: np.sum(np.sqrt(x)), np.ones(2), method="gd", learning_rate=2.0)


@pytest.mark.parametrize("method", METHODS)
def test_line_searches_back_off_from_nan(method: str) -> None:
    barrier = lambda x: np.sum(x - np.log(x)) + np.sum(1 / np.sqrt(x))  # nan for negative x
    x = ft.optim.minimize(barrier, np.array([0.01, 30.0]), method=method, tol=1e-8).x
    np.testing.assert_allclose(1 - 1 / x - 0.5 * x**-1.5, 0, atol=1e-7)
    steep = lambda x: np.sum(np.exp(x**2))  # overflows
    assert ft.optim.minimize(steep, np.array([5.0, -4.0]), method=method).x == pytest.approx(0, abs=1e-4)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("fun", [lambda x: np.sum(x), lambda x: -np.sum(x**2), lambda x: -np.sum(np.exp(x))])
def test_functions_without_a_minimum(method: str, fun: Any) -> None:
    result = ft.optim.minimize(fun, np.array([1.0, 2.5]), method=method)
    assert (result.success, result.status) == (False, 2)
    assert result.message.startswith("f falls without end along the direction of search: it has no minimum there; the largest")
    assert result.nfev < 100


def test_a_tolerance_out_of_reach_ends() -> None:
    noisy = lambda x: np.sum((x - 1e8) ** 2) * 1e8 + np.sum(np.cos(1e8 * x)) * 1e-3
    for method in ("gd", "cg", "lbfgs", "bfgs"):
        result = ft.optim.minimize(noisy, np.zeros(3), method=method, tol=1e-300, max_iter=3000)
        assert not result.success
        assert "rounding hides what is left to gain" in result.message
        assert "the tolerance 1e-300" in result.message


def test_wrong_arguments() -> None:
    here = r"\n  at .*test_minimize.py.*\n  "
    with pytest.raises(errors.ArgumentError, match=rf"'simplex'; it has 'gd', 'cg', 'lbfgs', 'bfgs', 'newton-cg'{here}or pass a"):
        ft.optim.minimize(bowl, np.zeros(4), method="simplex")
    with pytest.raises(errors.ArgumentError, match=rf"method is 3 of type int, which has no init and update{here}pass one of"):
        ft.optim.minimize(bowl, np.zeros(4), method=3)
    with pytest.raises(errors.ArgumentError, match=rf"method 'cg' has no option 'memory'{here}its options are beta"):
        ft.optim.minimize(bowl, np.zeros(4), method="cg", memory=5)
    with pytest.raises(errors.ArgumentError, match=r"beta must be one of .*, got 'dai-yuan'"):
        ft.optim.minimize(bowl, np.zeros(4), method="cg", beta="dai-yuan")
    with pytest.raises(errors.ArgumentError, match=r"line_search must be one of \('backtracking', 'wolfe'\) or None, got 'exact'"):
        ft.optim.minimize(bowl, np.zeros(4), method="gd", line_search="exact")
    with pytest.raises(errors.ArgumentError, match=rf"learning_rate and line_search are for .*'gd', not for 'lbfgs'{here}leave"):
        ft.optim.minimize(bowl, np.zeros(4), learning_rate=0.1)
    with pytest.raises(errors.ArgumentError, match="memory must be a positive int, got 0"):
        ft.optim.minimize(bowl, np.zeros(4), memory=0)
    with pytest.raises(errors.ArgumentError, match="ftol must be a number and not negative, got 'small'"):
        ft.optim.minimize(bowl, np.zeros(4), ftol="small")
    for rate in (0.0, -1.0, np.nan, "fast"):
        with pytest.raises(errors.ArgumentError, match="learning_rate must be a positive number, got"):
            ft.optim.minimize(bowl, np.zeros(4), method="gd", learning_rate=rate)  # type: ignore[arg-type]
    for wrong in (-1, 2.5, True):
        with pytest.raises(errors.ArgumentError, match=f"max_iter must be a whole number from 0 up, got {wrong}"):
            ft.optim.minimize(bowl, np.zeros(4), max_iter=wrong)
    with pytest.raises(errors.ArgumentError, match="callback must be a function, got 3"):
        ft.optim.minimize(bowl, np.zeros(4), callback=3)  # type: ignore[arg-type]
    with pytest.raises(errors.ArgumentError, match=rf"minimize expects a function, got array.*{here}write minimize\(f, x0\)"):
        ft.optim.minimize(np.zeros(4), bowl)  # type: ignore[arg-type]


def test_the_words_of_scipy_are_known() -> None:
    for name, value, says in (
        ("maxiter", 5, "say max_iter="),
        ("gtol", 1e-3, "say tol="),
        ("options", {"maxiter": 5}, "give its entries as arguments: max_iter=, tol="),
        ("bounds", [(0, 1)], "ft.optimize.minimize has bounds and constraints"),
        ("jac", bowl, "leave it out: derivatives are derived"),
        ("disp", True, "say progress=True"),
    ):
        with pytest.raises(errors.ArgumentError, match=rf"has no option '{name}'(.|\n)*\n  {says}"):
            ft.optim.minimize(bowl, np.zeros(4), **{name: value})
    for method in ("L-BFGS-B", "Nelder-Mead", "trust-ncg"):
        with pytest.raises(errors.ArgumentError, match=rf"(?s)no method '{method}'.*\n  take 'lbfgs', .*method='{method}'"):
            ft.optim.minimize(bowl, np.zeros(4), method=method)
    for method in ("BFGS", "CG", "Newton-CG", "LBFGS"):
        assert ft.optim.minimize(bowl, np.zeros(4), method=method).success


@pytest.mark.parametrize("x0", [[0, 0.0], (0.0, 0), np.arange(2), [np.float64(0), np.int64(1)]])
@pytest.mark.parametrize("solver", [ft.optim.minimize, ft.optimize.minimize])
def test_lists_of_numbers_are_arrays_and_integers_are_floats(x0: Any, solver: Any) -> None:
    x = solver(lambda x: np.sum((x - np.array([1.5, 2.5])) ** 2), x0).x
    assert type(x) is np.ndarray
    np.testing.assert_allclose(x, [1.5, 2.5], atol=1e-5)


@pytest.mark.parametrize("solver", [ft.optim.minimize, ft.optimize.minimize])
def test_which_starts_are_trees(solver: Any) -> None:
    rows = solver(lambda x: np.sum((x - np.eye(2)) ** 2), [[0, 0], [0, 0]]).x
    np.testing.assert_allclose(rows, np.eye(2), atol=1e-5)
    tree = solver(lambda p: np.sum((p[0] - 1) ** 2) + (p[1] - 2) ** 2, [np.arange(2), 0]).x
    assert type(tree) is list
    np.testing.assert_allclose(np.r_[tree[0], tree[1]], [1, 1, 2], atol=1e-5)
    point = solver(lambda p: (p.x - 1) ** 2 + (p.y - 2) ** 2, Place(0, 0.0)).x
    assert type(point) is Place
    assert point == pytest.approx((1, 2), abs=1e-5)
    with pytest.raises(errors.ArgumentError, match=r"x0\[1\] has dtype bool"):
        solver(lambda p: 0.0, [0.0, True])
    with pytest.raises(errors.ArgumentError, match=r"x0\[0\] is 'a' of type str"):
        solver(lambda p: 0.0, ["a", 1.0])


class Place(NamedTuple):
    x: float
    y: float


def test_beside_one_array_limits_and_sizes_may_be_lists() -> None:
    def short(x: Any) -> Any:
        return x - np.array([1.0, 2.0])

    np.testing.assert_allclose(ft.optim.least_squares(short, [0, 0], x_scale=[1.0, 10.0]).x, [1, 2])
    bounded = ft.optimize.least_squares(short, [0.5, 0.5], x_scale=[1, 10], bounds=([0, None], [1, 1.5]))
    np.testing.assert_allclose(bounded.x, [1, 1.5], atol=1e-3)
    equal = ft.optimize.minimize(lambda x: np.sum(short(x) ** 2), [0, 0], bounds=([0, 0], [1, 1]))  # pairs, as in SciPy
    assert list(equal.x) == [0, 1]


def test_wrong_starts() -> None:
    here = r"\n  at .*test_minimize.py.*\n  "
    with pytest.raises(errors.ArgumentError, match=rf"x0\['n'\] has dtype bool; the parameters must be.*{here}write 1.0"):
        ft.optim.minimize(lambda p: 0.0, {"n": np.arange(3) > 1})
    with pytest.raises(errors.ArgumentError, match=rf"x0 has rows of different lengths: \[\[1, 2\], \[3\]\]{here}give rows of"):
        ft.optim.minimize(lambda p: 0.0, [[1, 2], [3]])
    with pytest.raises(errors.ArgumentError, match=rf"x0\[1\] has dtype complex128; .*{here}minimise over the real and"):
        ft.optim.minimize(lambda p: 0.0, (1.0, 1j))
    with pytest.raises(errors.ArgumentError, match=r"x0\['s'\] is 'relu' of type str; the parameters must be real"):
        ft.optim.minimize(lambda p: 0.0, {"s": "relu"})
    with pytest.raises(errors.ArgumentError, match=rf"minimize: x0\['w'\] contains nan or infinity{here}start at finite numbers"):
        ft.optim.minimize(lambda p: 0.0, {"w": np.array([1.0, np.nan])})
    with pytest.raises(errors.ArgumentError, match="x0 has no elements: there is nothing to vary"):
        ft.optim.minimize(lambda p: 0.0, {})
    with pytest.raises(errors.NonFiniteError, match=rf"minimize: at x0 the value is nan{here}start where the function"):
        ft.optim.minimize(lambda x: np.sum(np.log(x)), -np.ones(2))
    with pytest.raises(errors.NonFiniteError, match="minimize: at x0 the gradient is nan or infinite"):
        ft.optim.minimize(lambda x: np.sum(np.sqrt(x)), np.zeros(2))
    with pytest.raises(errors.DifferentiationError, match=rf"it returned an array of shape \(4,\){here}sum or average"):
        ft.optim.minimize(lambda x: x**2, np.zeros(4))
    with pytest.raises(errors.UnsupportedError, match=rf"x0 is traced: a solver runs on values.*{here}call the solver"):
        ft.grad(lambda x: ft.optim.minimize(bowl, x).fun)(np.zeros(4))


# --- least squares

T = np.linspace(0.0, 3.0, 12)
DATA = 2.0 * np.exp(-1.3 * T) + 0.3 + 0.01 * np.cos(7 * T)


def residuals(p: Any, weight: float = 1.0) -> Any:
    r = weight * (p["a"] * np.exp(-p["k"][0] * T) + p["k"][1] - DATA)
    return {"early": r[:5], "late": r[5:].reshape(7, 1)}


def test_least_squares_of_trees() -> None:
    fit = ft.optim.least_squares(residuals, {"a": 1.0, "k": np.ones(2)}, (2.0,))
    flat = lambda p: 2.0 * (p[0] * np.exp(-p[1] * T) + p[2] - DATA)
    theirs = scipy.optimize.least_squares(flat, np.ones(3), method="lm", x_scale="jac")
    np.testing.assert_allclose([fit.x["a"], *fit.x["k"]], theirs.x, rtol=1e-7)
    assert fit.cost == pytest.approx(theirs.cost, rel=1e-10)
    assert fit.fun["late"].shape == (7, 1)
    np.testing.assert_allclose(np.concatenate([fit.fun["early"], fit.fun["late"][:, 0]]), flat(theirs.x), atol=1e-7)
    assert (fit.jac["a"].shape, fit.jac["k"].shape) == ((12,), (12, 2))
    np.testing.assert_allclose(np.column_stack([fit.jac["a"], fit.jac["k"]]), theirs.jac, atol=1e-5)
    assert fit.grad["k"].shape == (2,)
    assert fit.optimality == pytest.approx(max(abs(fit.grad["a"]), np.abs(fit.grad["k"]).max()))
    assert isinstance(fit, scipy.optimize.OptimizeResult)


def test_least_squares_of_more_unknowns_than_residuals_and_of_none() -> None:
    fit = ft.optim.least_squares(lambda x: np.sum(x, keepdims=True) - 3, np.zeros(4))
    assert fit.success
    assert np.sum(fit.x) == pytest.approx(3)
    there = ft.optim.least_squares(lambda x: x - 1, np.ones(3))
    assert (there.status, there.nfev, there.cost) == (1, 1, 0.0)


def test_least_squares_options() -> None:
    p = PROBLEMS["Osborne 1"]
    few = ft.optim.least_squares(p.residuals, p.x0, max_nfev=5)
    assert (few.status, few.success, few.nfev, few.message) == (0, False, 5, "max_nfev evaluations were made")
    scaled = ft.optim.least_squares(p.residuals, p.x0, x_scale=np.abs(p.x0))
    theirs = scipy.optimize.leastsq(p.residuals, p.x0, diag=1 / np.abs(p.x0), ftol=1e-8, xtol=1e-8, gtol=1e-8, full_output=True)
    assert 2 * scaled.cost == pytest.approx(np.sum(theirs[2]["fvec"] ** 2), rel=1e-6)
    exact = ft.optim.least_squares(PROBLEMS["Bard"].residuals, np.ones(3), ftol=0, xtol=0, gtol=0)
    assert exact.status == -1
    seen: list[Any] = []

    def stop(intermediate_result: Any) -> None:
        seen.append(intermediate_result.cost)
        if len(seen) == 2:
            raise StopIteration

    ended = ft.optim.least_squares(p.residuals, p.x0, callback=stop)
    assert (ended.status, ended.nit, ended.cost) == (99, 2, seen[-1])
    assert seen[0] > seen[1]


def test_least_squares_backs_off_from_nan() -> None:
    fit = ft.optim.least_squares(lambda x: np.log(x) + x - 5, np.array([40.0, 0.001]))
    np.testing.assert_allclose(np.log(fit.x) + fit.x, 5, rtol=1e-7)


def test_least_squares_errors() -> None:
    here = r"\n  at .*test_minimize.py.*\n  "
    with pytest.raises(errors.ArgumentError, match=rf"method must be 'lm', got 'trf'{here}ft.optimize.least_squares has"):
        ft.optim.least_squares(lambda x: x, np.ones(2), method="trf")
    with pytest.raises(errors.DifferentiationError, match=rf"real numbers, it gave complex128{here}of complex z give"):
        ft.optim.least_squares(lambda x: 1j * x, np.ones(2))
    with pytest.raises(errors.NonFiniteError, match=rf"residuals at x0 are nan or infinite{here}start elsewhere"):
        ft.optim.least_squares(lambda x: np.log(x), -np.ones(2))
    with pytest.raises(errors.NonFiniteError, match=rf"Jacobian is nan or infinite after 0 steps, where.*{here}look for"):
        ft.optim.least_squares(lambda x: np.sqrt(x), np.zeros(2))
    with pytest.raises(errors.ArgumentError, match=r"x_scale must hold positive sizes, or be 'jac', got 0\.0"):
        ft.optim.least_squares(lambda x: x, np.ones(2), x_scale=0.0)
    with pytest.raises(errors.ArgumentError, match="ftol must be a number and not negative, got -1"):
        ft.optim.least_squares(lambda x: x, np.ones(2), ftol=-1)


# --- line searches


def line_of(phi: Any, c1: float, c2: float) -> Line:
    """A function of one number as a line from 0 on, downhill."""
    both = ft.value_and_grad(phi)

    def evaluate(x: Any) -> Point:
        value, slope = both(x[0])
        return Point(x, float(value), np.array([slope]))

    start = evaluate(np.zeros(1))
    return Line(evaluate, start, -np.sign(start.g), c1, c2)


waves = st.tuples(st.floats(0.1, 5), st.floats(-3, 3), st.floats(0, 2), st.floats(0.2, 6), st.floats(-3, 3))


@given(waves, st.floats(1e-3, 30), st.sampled_from([(1e-4, 0.9), (1e-3, 0.4), (0.1, 0.2)]), st.sampled_from([strong_wolfe, zoomed]))
def test_searches_meet_the_strong_wolfe_conditions(wave: Any, first: float, constants: Any, search: Any) -> None:
    a, b, c, d, e = wave
    line = line_of(lambda t: a * (t - b) ** 2 + c * np.sin(d * t + e), *constants)
    if abs(line.slope) < 1e-3:
        return
    found = search(line, first) if search is strong_wolfe else search(line, first, lambda point: True)
    if not found.met:
        assert search is zoomed  # which gives up after ten trials
        return
    assert found.point.f <= line.start.f + constants[0] * found.step * line.slope + 1e-12 * abs(line.start.f)
    assert abs(float(found.point.g @ line.direction)) <= -constants[1] * line.slope
    assert len(line.seen) <= 30
    assert found.fall == pytest.approx(line.start.f - found.point.f, abs=1e-12 * (1 + abs(line.start.f)))


@given(waves, st.floats(1e-3, 30))
def test_backtracking_takes_the_first_step_that_falls_enough(wave: Any, first: float) -> None:
    a, b, c, d, e = wave
    phi = lambda t: a * (t - b) ** 2 + c * np.sin(d * t + e)
    line = line_of(phi, 1e-4, 0.9)
    if abs(line.slope) < 1e-3:
        return
    found = backtracking(line, first)
    steps = list(line.seen)
    assert steps == [first * 0.5**k for k in range(len(steps))]
    enough = [line.seen[s].f <= line.start.f + 1e-4 * s * line.slope for s in steps]
    assert enough == [False] * (len(steps) - 1) + [True]
    assert found.step == steps[-1]


def test_searches_see_through_rounding() -> None:
    # 1e8 hides all of the parabola: only slopes tell
    line = line_of(lambda t: 1e8 + 1e-12 * (t - 3.0) ** 2, 1e-4, 0.1)
    found = strong_wolfe(line, 1.0)
    assert found.met
    assert found.step == pytest.approx(3, abs=0.5)
    assert backtracking(line_of(lambda t: 1e8 + 1e-12 * (t - 3.0) ** 2, 1e-4, 0.1), 64.0).step == 4.0
