"""`ft.optimize`: SciPy's solvers give with our derivatives what they give with derivatives written by hand, for trees too."""

from __future__ import annotations

import dataclasses
import inspect
from typing import Any

import numpy as np
import pytest
import scipy.optimize
from scipy.optimize import Bounds, LinearConstraint, NonlinearConstraint

import ftrans as ft
from ftrans import errors

GRADIENT_METHODS = ["CG", "BFGS", "L-BFGS-B", "TNC", "SLSQP"]
PRODUCT_METHODS = ["Newton-CG", "trust-ncg", "trust-krylov", "trust-constr"]
HESSIAN_METHODS = ["dogleg", "trust-exact"]
VALUE_METHODS = ["Nelder-Mead", "Powell", "COBYLA", "COBYQA"]
METHODS = [*GRADIENT_METHODS, *PRODUCT_METHODS, *HESSIAN_METHODS, *VALUE_METHODS]

A = np.array([[2.0, 0.5, 0.0], [0.5, 3.0, 0.2], [0.0, 0.2, 1.0]])
B = np.array([1.0, -2.0, 0.5])
START = np.array([0.5, 0.5, -0.5])


def bowl(x: Any, c: float = 0.1) -> Any:
    """A strictly convex function that is no parabola."""
    return 0.5 * x @ A @ x - B @ x + c * np.sum(np.exp(x))


def bowl_gradient(x: Any, c: float = 0.1) -> Any:
    return A @ x - B + c * np.exp(x)


def bowl_hessian(x: Any, c: float = 0.1) -> Any:
    return A + c * np.diag(np.exp(x))


def by_hand(method: str, start: Any = START, **more: Any) -> Any:
    given: dict[str, Any] = {} if method in VALUE_METHODS else {"jac": bowl_gradient}
    if method in HESSIAN_METHODS:
        given["hess"] = bowl_hessian
    if method in PRODUCT_METHODS:
        given["hessp"] = lambda x, p, *args: bowl_hessian(x, *args) @ p
    return scipy.optimize.minimize(bowl, start, method=method, **given, **more)


def newton() -> Any:
    x = START
    for _ in range(30):
        x = x - np.linalg.solve(bowl_hessian(x), bowl_gradient(x))
    return x


BEST = newton()


@pytest.mark.parametrize("method", METHODS)
def test_every_method_does_what_it_does_with_derivatives_by_hand(method: str) -> None:
    ours, theirs = ft.optimize.minimize(bowl, START, method=method), by_hand(method)
    assert ours.success == theirs.success
    assert (ours.nit if "nit" in theirs else ours.nfev) == (theirs.nit if "nit" in theirs else theirs.nfev)
    for count in ("nfev", "njev", "nhev"):
        assert ours.get(count) == theirs.get(count), count
    np.testing.assert_allclose(ours.x, theirs.x, rtol=0, atol=1e-8)
    np.testing.assert_allclose(ours.fun, theirs.fun, rtol=1e-12)
    if isinstance(theirs.get("jac"), np.ndarray):
        np.testing.assert_allclose(ours.jac, theirs.jac, rtol=0, atol=1e-7)


@pytest.mark.parametrize("method", METHODS)
def test_trees_go_in_and_come_out(method: str) -> None:
    def loss(p: Any, c: float) -> Any:
        return bowl(np.concatenate([p["w"].ravel(), np.stack([p["b"]])]), c)

    start = {"w": START[:2].reshape(2, 1), "b": START[2]}
    result = ft.optimize.minimize(loss, start, (0.1,), method)
    assert result.x["w"].shape == (2, 1)
    assert type(result.x["b"]) is np.float64
    order = np.concatenate([result.x["w"].ravel(), [result.x["b"]]])
    np.testing.assert_allclose(order, BEST, rtol=0, atol=3e-4)
    if method not in VALUE_METHODS and method != "trust-constr":
        assert result.jac["w"].shape == (2, 1)
    if method == "trust-constr":
        assert result.grad["w"].shape == (2, 1)


@pytest.mark.parametrize("method", PRODUCT_METHODS + HESSIAN_METHODS)
def test_derivatives_are_those_of_fun(method: str, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: dict[str, Any] = {}

    def spy(**given: Any) -> Any:
        seen.update(given)
        return scipy.optimize.OptimizeResult(x=given["x0"])

    monkeypatch.setattr(scipy.optimize, "minimize", spy)
    ft.optimize.minimize(bowl, START, method=method)
    np.testing.assert_allclose(seen["jac"](START), bowl_gradient(START), rtol=1e-13)
    if method in HESSIAN_METHODS:
        np.testing.assert_allclose(seen["hess"](START), bowl_hessian(START), rtol=1e-13)
    else:
        np.testing.assert_allclose(seen["hessp"](START, B), bowl_hessian(START) @ B, rtol=1e-13)
    assert ("hess" in seen) == (method in HESSIAN_METHODS)


def test_value_and_gradient_are_computed_once_for_each_point() -> None:
    points: list[Any] = []

    def counted(x: Any) -> Any:
        points.append(np.array(x))
        return bowl(x), bowl_gradient(x)

    result = ft.optimize.minimize(counted, START, method="BFGS", jac=True)
    assert result.success
    assert len(points) == result.nfev == len(np.unique(points, axis=0))


def test_the_users_derivatives_are_used() -> None:
    calls = {"jac": 0, "hess": 0, "hessp": 0}

    def jac(x: Any, c: float) -> Any:
        calls["jac"] += 1
        return {"v": bowl_gradient(x["v"], c)}

    def hess(x: Any, c: float) -> Any:
        calls["hess"] += 1
        return bowl_hessian(x["v"], c)

    def hessp(x: Any, p: Any, c: float) -> Any:
        calls["hessp"] += 1
        return {"v": bowl_hessian(x["v"], c) @ p["v"]}

    fun = lambda x, c: bowl(x["v"], c)
    exact = ft.optimize.minimize(fun, {"v": START}, 0.1, "trust-exact", jac=jac, hess=hess)
    krylov = ft.optimize.minimize(fun, {"v": START}, 0.1, "trust-krylov", jac=jac, hessp=hessp)
    nested = ft.optimize.minimize(fun, {"v": START}, 0.1, "trust-exact", hess=lambda x, c: {"v": {"v": bowl_hessian(x["v"], c)}})
    mixed = ft.optimize.minimize(fun, {"v": START}, 0.1, "trust-exact", jac=jac)
    for result in (exact, krylov, nested, mixed):
        np.testing.assert_allclose(result.x["v"], BEST, atol=1e-4)
    assert min(calls.values()) > 0


@pytest.mark.parametrize("jac", ["2-point", "3-point", "cs", False])
def test_finite_differences_are_still_there(jac: Any) -> None:
    theirs = scipy.optimize.minimize(bowl, START, method="BFGS", jac=jac)
    for ours in (
        ft.optimize.minimize(bowl, START, method="BFGS", jac=jac),
        ft.optimize.minimize(lambda p: bowl(p["v"]), {"v": START}, method="BFGS", jac=jac, jit=False),
    ):
        assert ours.nfev == theirs.nfev
        np.testing.assert_allclose(ours.x["v"] if isinstance(ours.x, dict) else ours.x, theirs.x, atol=1e-6)


def test_quasi_newton_hessians_pass_through() -> None:
    result = ft.optimize.minimize(bowl, START, method="trust-constr", jac="2-point", hess=scipy.optimize.BFGS())
    np.testing.assert_allclose(result.x, BEST, atol=1e-4)


def test_a_custom_method_is_given_all_derivatives() -> None:
    def newton(fun: Any, x0: Any, args: Any, jac: Any, hess: Any, hessp: Any, **ignored: Any) -> Any:
        x = x0
        for _ in range(20):
            x = x - np.linalg.solve(hess(x), jac(x))
        np.testing.assert_allclose(hessp(x, B), hess(x) @ B)
        return scipy.optimize.OptimizeResult(x=x, fun=fun(x), jac=jac(x), success=True)

    result = ft.optimize.minimize(bowl, START, method=newton)
    np.testing.assert_allclose(result.x, BEST, atol=1e-12)


def test_numbers_lists_matrices_and_modules() -> None:
    assert type(ft.optimize.minimize(lambda x: (x - 3.0) ** 2, 1.0).x) is np.float64
    assert ft.optimize.minimize(lambda x: np.sum((x - 3.0) ** 2), [1, 2]).x == pytest.approx([3, 3])  # an array
    assert ft.optimize.minimize(lambda x: np.sum((x - 3.0) ** 2), np.array([1, 2])).x.dtype == np.float64
    matrix = ft.optimize.minimize(lambda x: np.sum((x - A) ** 2), np.zeros((3, 3)), method="trust-exact")
    np.testing.assert_allclose(matrix.x, A, atol=1e-6)

    @dataclasses.dataclass
    class Line:
        slope: Any
        offset: Any

    fit = ft.optimize.minimize(lambda line: (line.slope - 1) ** 2 + (line.offset + 2) ** 2, Line(0.0, 0.0))
    assert isinstance(fit.x, Line)
    assert fit.x.offset == pytest.approx(-2, abs=1e-6)


def test_float32_leaves_stay_float32() -> None:
    seen = []

    def fun(p: Any) -> Any:
        seen.append(p["v"].dtype)
        return np.sum((p["v"] - np.float32(1)) ** 2)

    result = ft.optimize.minimize(fun, {"v": np.zeros(3, np.float32)}, method="L-BFGS-B")
    assert result.x["v"].dtype == result.jac["v"].dtype == np.float32
    assert set(seen) == {np.dtype("float32")}
    np.testing.assert_allclose(result.x["v"], 1, atol=1e-4)


# --- bounds and constraints


@pytest.mark.parametrize("method", ["L-BFGS-B", "TNC", "SLSQP", "trust-constr", "Nelder-Mead", "Powell", "COBYLA", "COBYQA"])
def test_bounds(method: str) -> None:
    start = np.array([0.2, 0.5, -0.5])
    theirs = by_hand(method, start, bounds=[(0, 0.3), (-0.2, None), (None, None)])
    forms: list[Any] = [
        [(0, 0.3), (-0.2, None), (None, None)],
        Bounds([0, -0.2, -np.inf], [0.3, np.inf, np.inf]),
        (np.array([0, -0.2, -np.inf]), np.array([0.3, np.inf, np.inf])),
        np.array([[0, 0.3], [-0.2, np.inf], [-np.inf, np.inf]]),
    ]
    for bounds in forms:
        np.testing.assert_allclose(ft.optimize.minimize(bowl, start, method=method, bounds=bounds).x, theirs.x, atol=1e-8)


def test_bounds_of_trees() -> None:
    fun = lambda p: np.sum((p["a"] - 2.0) ** 2) + (p["b"] - 2.0) ** 2 + np.sum((p["c"][0] - 2.0) ** 2)
    start = {"a": np.zeros((2, 2)), "b": 0.0, "c": [np.zeros(2)]}
    corner = np.array([[1.0, 1.5], [1.2, np.inf]])
    for bounds in (
        (None, {"a": corner, "b": 1.0, "c": None}),
        (-5.0, {"a": corner, "b": 1.0, "c": np.inf}),
        {"a": (None, corner), "b": (None, 1.0), "c": [(0.0, None)]},
        Bounds(-np.inf, [1.0, 1.5, 1.2, np.inf, 1.0, np.inf, np.inf]),
    ):
        x = ft.optimize.minimize(fun, start, method="L-BFGS-B", bounds=bounds).x
        np.testing.assert_allclose(x["a"], np.minimum(corner, 2.0), atol=1e-6)
        assert x["b"] == pytest.approx(1)
        np.testing.assert_allclose(x["c"][0], 2, atol=1e-5)


def test_wrong_bounds_are_named() -> None:
    fun = lambda p: np.sum(p["a"] ** 2)
    with pytest.raises(errors.TreeStructureError, match=r"minimize: the trees differ at bounds\[0\]"):
        ft.optimize.minimize(fun, {"a": np.ones(2)}, bounds=({"z": 0.0}, None))
    with pytest.raises(errors.ShapeError, match=r"minimize: bounds\[1\] array\(\[1., 2., 3.\]\) does not broadcast to x0\['a'\]"):
        ft.optimize.minimize(fun, {"a": np.ones(2)}, bounds=(None, {"a": np.array([1.0, 2.0, 3.0])}))
    with pytest.raises(errors.ArgumentError, match=r"3 bounds for 4 elements of x0\n.*\n  give a pair \(low, high\)"):
        ft.optimize.minimize(bowl, np.ones(4), bounds=[(0, 1)] * 3)
    with pytest.raises(errors.ShapeError, match="minimize: Bounds with 3 limits for 4 elements of x0"):
        ft.optimize.minimize(bowl, np.ones(4), bounds=Bounds([0.0] * 3, 1.0))
    with pytest.raises(errors.ArgumentError, match=r"a bound must be a pair \(low, high\), got 0.0"):
        ft.optimize.minimize(fun, {"a": np.ones(2)}, bounds={"a": 0.0})


def circle(x: Any) -> Any:
    return x[0] ** 2 + x[1] ** 2 + x[2] ** 2


@pytest.mark.parametrize("method", ["SLSQP", "trust-constr", "COBYLA", "COBYQA"])
@pytest.mark.parametrize("form", ["dict", "class", "mixed"])
def test_constraints(method: str, form: str) -> None:
    limit, plane = NonlinearConstraint(circle, -np.inf, 0.25), LinearConstraint([[1.0, 1.0, 1.0]], -0.1, 0.1)
    if form == "dict":
        constraints: Any = {"type": "ineq", "fun": lambda x, r: r - circle(x), "args": (0.25,)}
    else:
        constraints = limit if form == "class" else [limit, plane]
    ours = ft.optimize.minimize(bowl, START, method=method, constraints=constraints)
    reference = scipy.optimize.minimize(
        bowl, START, method="SLSQP", jac=bowl_gradient, options={"ftol": 1e-14},
        constraints=[{"type": "ineq", "fun": lambda x: 0.25 - circle(x)}, *([plane] if form == "mixed" else [])],
    )  # fmt: skip
    np.testing.assert_allclose(ours.x, reference.x, atol=2e-3)


def test_constraints_get_our_derivatives(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: dict[str, Any] = {}

    def spy(**given: Any) -> Any:
        seen.update(given)
        return scipy.optimize.OptimizeResult(x=given["x0"])

    monkeypatch.setattr(scipy.optimize, "minimize", spy)
    both = lambda p: {"first": p["x"] ** 3, "second": p["x"][0] * p["y"]}
    start = {"x": np.array([1.0, 2.0]), "y": 3.0}
    limit = NonlinearConstraint(both, 0, {"first": np.ones(2), "second": 2.0})
    ft.optimize.minimize(
        lambda p: p["y"], start, method="trust-constr",
        constraints=[limit, {"type": "eq", "fun": lambda p: p["y"] ** 2}],
    )  # fmt: skip
    nonlinear, equal = seen["constraints"]
    v = np.array([1.0, 2.0, 3.0])
    np.testing.assert_array_equal(nonlinear.fun(v), [1, 8, 3])
    np.testing.assert_array_equal(nonlinear.ub, [1, 1, 2])
    np.testing.assert_array_equal(nonlinear.jac(v), [[3, 0, 0], [0, 12, 0], [3, 0, 1]])
    np.testing.assert_array_equal(nonlinear.hess(v, np.array([1.0, 10.0, 100.0])), [[6, 0, 100], [0, 120, 0], [100, 0, 0]])
    np.testing.assert_array_equal(equal["jac"](v), [[0, 0, 6]])


def test_the_users_constraint_derivatives_are_used() -> None:
    calls = []

    def jac(x: Any) -> Any:
        calls.append("jac")
        return 2 * x[None]

    def hess(x: Any, v: Any) -> Any:
        calls.append("hess")
        return 2 * v[0] * np.eye(3)

    limit = NonlinearConstraint(circle, -np.inf, 0.25, jac=jac, hess=hess)
    assert ft.optimize.minimize(bowl, START, method="trust-constr", constraints=limit).success
    assert {"jac", "hess"} == set(calls)
    before = len(calls)
    limited = {"type": "ineq", "fun": lambda x: 0.25 - circle(x), "jac": lambda x: calls.append("dict") or -2 * x}
    assert ft.optimize.minimize(bowl, START, constraints=limited).success
    assert "dict" in calls[before:]


# --- callbacks, errors, warnings


def test_callbacks_are_given_trees() -> None:
    seen: list[Any] = []
    fun = lambda p: bowl(p["v"])
    ft.optimize.minimize(fun, {"v": START}, method="BFGS", callback=lambda x: seen.append(x["v"]))
    first = len(seen)
    assert first > 1

    def told(intermediate_result: Any) -> None:
        seen.append(intermediate_result.x["v"])
        if len(seen) == first + 2:
            raise StopIteration

    result = ft.optimize.minimize(fun, {"v": START}, method="BFGS", callback=told)
    assert result.nit == 2
    assert result.status == 99
    states: list[Any] = []
    ft.optimize.minimize(fun, {"v": START}, method="trust-constr", callback=lambda x, state: states.append((x["v"], state.nit)))
    assert states[-1][1] == len(states)


def test_errors_name_what_is_wrong_and_the_users_line() -> None:
    with pytest.raises(errors.DifferentiationError, match=r"array of shape \(3,\)\n  at .*test_optimize.py.*\n  sum or average"):
        ft.optimize.minimize(lambda x: x**2, START)
    with pytest.raises(errors.DifferentiationError, match=r"minimize needs a function with a real scalar result"):
        ft.optimize.minimize(lambda x: x**2, START, method="Nelder-Mead")
    with pytest.raises(errors.ArgumentError, match=r"minimize: x0\['z'\] has dtype complex128; .*\n.*\n  minimise over the real"):
        ft.optimize.minimize(lambda p: 0.0, {"z": 1j})
    with pytest.raises(errors.ArgumentError, match=r"expects a function, got 3 of type int\n.*\n  write minimize\(f, x0\)"):
        ft.optimize.minimize(3, START)  # type: ignore[arg-type]
    with pytest.raises(errors.UnsupportedError, match="x0 is traced: a solver runs on values"):
        ft.jit(lambda x: ft.optimize.minimize(bowl, x).x)(START)
    with pytest.raises(errors.TreeStructureError, match="minimize: the trees differ at jac"):
        ft.optimize.minimize(lambda p: p["v"] @ p["v"], {"v": START}, jac=lambda p: {"w": 2 * p["v"]})
    with pytest.raises(errors.ShapeError, match=r"jac\['v'\] has shape \(2,\), but x0\['v'\] has .*\n  at .*test_optimize"):
        ft.optimize.minimize(lambda p: p["v"] @ p["v"], {"v": START}, jac=lambda p: {"v": p["v"][:2]})
    with pytest.raises(ValueError, match="Unknown solver"):
        ft.optimize.minimize(bowl, START, method="simplex")


def test_scipys_warnings_come_through() -> None:
    with pytest.warns(RuntimeWarning, match="cannot handle bounds"):
        ft.optimize.minimize(bowl, START, method="BFGS", bounds=[(0, 1)] * 3)
    with pytest.warns(scipy.optimize.OptimizeWarning, match="Unknown solver options: nonsense"):
        ft.optimize.minimize(bowl, START, method="BFGS", options={"nonsense": 1})
    with pytest.warns(RuntimeWarning, match="does not use gradient information"):
        ft.optimize.minimize(bowl, START, method="Nelder-Mead", jac=bowl_gradient)


@pytest.mark.parametrize("name", ["minimize", "root", "least_squares", "curve_fit", "root_scalar", "minimize_scalar"])
def test_arguments_are_scipys(name: str) -> None:
    ours, theirs = (list(inspect.signature(getattr(m, name)).parameters) for m in (ft.optimize, scipy.optimize))
    theirs = [p for p in theirs if p not in ("workers",)]
    assert [p for p in ours if p != "jit"] == theirs


# --- root

ROOT_METHODS = [
    "hybr",
    "lm",
    "broyden1",
    "broyden2",
    "anderson",
    "linearmixing",
    "diagbroyden",
    "excitingmixing",
    "krylov",
    "df-sane",
]


def system(x: Any) -> Any:
    return 0.5 - x - 0.1 * x[::-1] ** 2


def system_jacobian(x: Any) -> Any:
    return -np.array([[1.0, 0.2 * x[1]], [0.2 * x[0], 1.0]])


@pytest.mark.parametrize("method", ROOT_METHODS)
def test_root(method: str) -> None:
    start = np.array([0.2, 0.3])
    jac = system_jacobian if method in ("hybr", "lm") else None
    ours, theirs = ft.optimize.root(system, start, method=method), scipy.optimize.root(system, start, method=method, jac=jac)
    assert ours.success
    assert ours.get("nfev") == theirs.get("nfev")
    np.testing.assert_allclose(ours.x, theirs.x, atol=1e-9)
    np.testing.assert_allclose(ours.fun, theirs.fun, atol=1e-9)
    split = lambda p, c: {"u": system(np.stack([p["a"], p["b"][0]]))[:1] + c, "v": system(np.stack([p["a"], p["b"][0]]))[1]}
    tree = ft.optimize.root(split, {"a": 0.2, "b": np.array([0.3])}, 0.0, method)
    np.testing.assert_allclose([tree.x["a"], tree.x["b"][0]], theirs.x, atol=1e-4)
    assert tree.fun["u"].shape == (1,)


def test_root_with_the_users_jacobian() -> None:
    start = np.array([0.2, 0.3])
    for fun, jac in ((system, system_jacobian), (lambda x: (system(x), system_jacobian(x)), True), (system, False)):
        np.testing.assert_allclose(system(ft.optimize.root(fun, start, jac=jac).x), 0, atol=1e-9)
    tree = lambda p: {"r": {"v": system_jacobian(p["v"])}}
    found = ft.optimize.root(lambda p: {"r": system(p["v"])}, {"v": start}, jac=tree)
    np.testing.assert_allclose(found.fun["r"], 0, atol=1e-9)


def test_a_pair_of_values_and_jacobian_is_computed_once_for_each_point() -> None:
    points: list[Any] = []

    def both(x: Any) -> Any:
        points.append(np.array(x))
        return system(x), system_jacobian(x)

    assert ft.optimize.root(both, np.array([0.2, 0.3]), jac=True).success
    assert len(points) == len(np.unique(points, axis=0))


def test_root_callback_and_errors() -> None:
    seen: list[Any] = []
    told = lambda x, f: seen.append((x, f["r"]))
    ft.optimize.root(lambda p: {"r": system(p)}, np.array([0.2, 0.3]), method="broyden1", callback=told)
    assert seen
    np.testing.assert_allclose(system(seen[-1][0]), seen[-1][1], atol=1e-12)
    with pytest.raises(errors.ShapeError, match=r"root: fun gives 3 numbers for 2 unknowns\n  at .*\n  give one equation for each"):
        ft.optimize.root(lambda x: np.concatenate([x, x[:1]]), np.ones(2))
    with pytest.raises(errors.DifferentiationError, match="root: the function must give real numbers, it gave complex128"):
        ft.optimize.root(lambda x: x * 1j, np.ones(2))


# --- least squares and curves

T = np.linspace(0.0, 3.0, 12)
DATA = 2.0 * np.exp(-1.3 * T) + 0.3 + 0.01 * np.cos(7 * T)


def decay(p: Any) -> Any:
    return p[0] * np.exp(-p[1] * T) + (p[2] - DATA)


def decay_jacobian(p: Any, *ignored: Any) -> Any:
    e = np.exp(-p[1] * T)
    return np.stack([e, -p[0] * T * e, np.ones_like(T)], axis=1)


@pytest.mark.parametrize("method", ["trf", "dogbox", "lm"])
@pytest.mark.parametrize("loss", ["linear", "huber", "soft_l1", "cauchy", "arctan"])
def test_least_squares(method: str, loss: str) -> None:
    if method == "lm" and loss != "linear":
        pytest.skip("SciPy's lm has no other loss")
    given: dict[str, Any] = {"method": method, "loss": loss, "f_scale": 0.05}
    ours = ft.optimize.least_squares(decay, np.ones(3), **given)
    theirs = scipy.optimize.least_squares(decay, np.ones(3), decay_jacobian, **given)
    assert (ours.nfev, ours.status) == (theirs.nfev, theirs.status)
    for name in ("x", "fun", "jac", "cost"):
        np.testing.assert_allclose(ours[name], theirs[name], atol=1e-7)


@pytest.mark.parametrize("method", ["trf", "dogbox", "lm"])
def test_least_squares_of_trees(method: str) -> None:
    def residuals(p: Any, shift: float, scale: float = 1.0) -> Any:
        return {"all": scale * decay([p["e"][0], p["e"][1], p["c"] + shift]).reshape(3, 4)}

    start = {"e": np.ones(2), "c": 1.0}
    more: dict[str, Any] = {"bounds": (0.0, {"e": np.array([3.0, 1.2]), "c": None})} if method != "lm" else {}
    more |= {"args": (0.0,), "kwargs": {"scale": 2.0}, "x_scale": {"e": 1.0, "c": 0.5}}
    fit = ft.optimize.least_squares(residuals, start, method=method, **more)
    theirs = scipy.optimize.least_squares(
        lambda p: 2 * decay(p), np.ones(3), lambda p: 2 * decay_jacobian(p), method=method,
        bounds=(0, [3, 1.2, np.inf]) if "bounds" in more else (-np.inf, np.inf),
    )  # fmt: skip
    np.testing.assert_allclose([*fit.x["e"], fit.x["c"]], theirs.x, atol=1e-6)
    assert fit.fun["all"].shape == (3, 4)
    assert fit.jac["e"].shape == (12, 2)
    assert fit.jac["c"].shape == (12,)
    assert fit.grad["e"].shape == (2,)
    assert fit.active_mask["e"].tolist() == ([0, 1] if "bounds" in more else [0, 0])


@pytest.mark.parametrize("jac", [decay_jacobian, "2-point", "3-point", "cs"])
def test_least_squares_with_other_jacobians(jac: Any) -> None:
    seen = []
    fit = ft.optimize.least_squares(decay, [1, 1, 1], jac, callback=lambda x: seen.append(x))
    np.testing.assert_allclose(fit.x, ft.optimize.least_squares(decay, np.ones(3)).x, atol=1e-6)
    assert seen


def model(t: Any, a: Any, k: Any, c: Any) -> Any:
    return a * np.exp(-k * t) + c


@pytest.mark.parametrize("method", [None, "lm", "trf", "dogbox"])
@pytest.mark.parametrize("sigma", [None, np.linspace(0.01, 0.02, 12)])
def test_curve_fit(method: Any, sigma: Any) -> None:
    given: dict[str, Any] = {"sigma": sigma, "absolute_sigma": sigma is not None, "method": method}
    theirs = scipy.optimize.curve_fit(model, T, DATA, jac=lambda t, *p: decay_jacobian(p), full_output=True, **given)
    for p0 in (None, [1, 1, 1], np.ones(3)):
        ours = ft.optimize.curve_fit(model, T, DATA, p0, full_output=True, **given)
        np.testing.assert_allclose(ours[0], theirs[0], rtol=1e-8)
        np.testing.assert_allclose(ours[1], theirs[1], rtol=1e-6)
        assert ours[2]["nfev"] == theirs[2]["nfev"]


def test_curve_fit_of_trees() -> None:
    best, covariance = scipy.optimize.curve_fit(model, T, DATA)
    popt, pcov = ft.optimize.curve_fit(lambda t, p: model(t, p["a"], *p["kc"]), T, DATA, {"a": 1.0, "kc": np.ones(2)})
    np.testing.assert_allclose([popt["a"], *popt["kc"]], best, rtol=1e-6)
    np.testing.assert_allclose(pcov, covariance, rtol=1e-4)
    spread, _ = ft.optimize.curve_fit(lambda t, a, kc: model(t, a, *kc), T, DATA, (1.0, np.ones(2)))
    np.testing.assert_allclose([spread[0], *spread[1]], best, rtol=1e-6)
    bounds = (0.0, {"a": None, "k": 1.2, "c": 9.0})
    bounded, _ = ft.optimize.curve_fit(lambda t, p: model(t, **p), T, DATA, {"a": 1.0, "k": 1.0, "c": 0.1}, bounds=bounds)
    assert bounded["k"] == pytest.approx(1.2)
    theirs, _ = scipy.optimize.curve_fit(model, T, DATA, [1, 1, 0.1], bounds=(0, [np.inf, 1.2, 9]))
    np.testing.assert_allclose([bounded["a"], bounded["k"], bounded["c"]], theirs, rtol=1e-5)


def test_curve_fit_other_jacobians_and_errors() -> None:
    best, _ = ft.optimize.curve_fit(model, T, DATA)
    by_user, _ = ft.optimize.curve_fit(model, T, DATA, np.ones(3), jac=lambda t, *p: decay_jacobian(p))
    by_tree, _ = ft.optimize.curve_fit(
        lambda t, p: model(t, *p["v"]), T, DATA, {"v": np.ones(3)}, jac=lambda t, p: decay_jacobian(p["v"])
    )
    numeric, _ = ft.optimize.curve_fit(model, T, DATA, method="trf", jac="3-point")
    for found in (by_user, by_tree["v"], numeric):
        np.testing.assert_allclose(found, best, rtol=1e-6)
    with pytest.raises(ValueError, match="Unable to determine number of fit parameters"):
        ft.optimize.curve_fit(lambda t, *p: t, T, DATA)
    with pytest.raises(errors.ArgumentError, match=r"curve_fit expects a model f\(xdata, ...\), got 3"):
        ft.optimize.curve_fit(3, T, DATA)  # type: ignore[arg-type]


# --- one unknown


def test_root_scalar() -> None:
    f = lambda x, c: x**3 - c
    slope, bend = lambda x: 3 * x**2, lambda x: 6 * x
    for method in ("newton", "halley"):
        ours = ft.optimize.root_scalar(f, (2.0,), method, x0=1.0)
        theirs = scipy.optimize.root_scalar(lambda x: f(x, 2.0), method=method, x0=1.0, fprime=slope, fprime2=bend)
        assert (ours.root, ours.iterations) == (pytest.approx(theirs.root), theirs.iterations)
    assert ft.optimize.root_scalar(f, 2.0, x0=1).iterations == ft.optimize.root_scalar(f, 2.0, "newton", x0=1).iterations
    for more in ({"bracket": [0, 2]}, {"x0": 1.0, "x1": 1.5}, {"bracket": [0, 2], "method": "bisect"}):
        assert ft.optimize.root_scalar(f, 2.0, **more).root == pytest.approx(2 ** (1 / 3))  # type: ignore[arg-type]
    both = lambda x: (x**3 - 2.0, 3 * x**2)
    assert ft.optimize.root_scalar(both, method="newton", x0=1.0, fprime=True).root == pytest.approx(2 ** (1 / 3))


def test_minimize_scalar() -> None:
    for given in ({}, {"method": "golden"}, {"bounds": (0, 4), "method": "bounded"}):
        assert ft.optimize.minimize_scalar(lambda x, c: (x - c) ** 2, args=(2.0,), **given).x == pytest.approx(2, abs=1e-6)  # type: ignore[arg-type]
