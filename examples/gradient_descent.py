"""One logistic regression, every way down: fixed steps, line searches, conjugate gradients, quasi-Newton, Newton, SciPy's solvers.

    the original                                  here
    while norm(g) > tolerance:                    ft.optim.minimize(cost, w0, data, method="gd", learning_rate=0.5)
        w = w - alpha * g
        g = gradient(w)
    alpha by backtracking                         ft.optim.minimize(..., method="gd", line_search="backtracking")
    alpha by the Wolfe conditions                 ft.optim.minimize(..., method="gd", line_search="wolfe")
    d = -g + beta * d                             ft.optim.minimize(..., method="cg")
    two loops over the last ten steps             ft.optim.minimize(..., method="lbfgs")

No gradient is written down, and no product with the Hessian, for SciPy's solvers (`ft.optimize.minimize`) neither.
"""

import time
from pathlib import Path

import numpy as np
from sklearn.datasets import load_breast_cancer
from threadpoolctl import threadpool_limits  # comes with scikit-learn
from worked_numbers import folder

import ftrans as ft

try:
    import matplotlib.pyplot as plt
except ImportError:  # then there is no plot
    plt = None

OURS = {
    "fixed step": {"method": "gd", "learning_rate": 0.5},
    "backtracking": {"method": "gd", "line_search": "backtracking"},
    "strong Wolfe": {"method": "gd", "line_search": "wolfe"},
    "conjugate gradients": {"method": "cg"},
    "L-BFGS": {"method": "lbfgs"},
    "BFGS": {"method": "bfgs"},
    "Newton-CG": {"method": "newton-cg"},
}
SCIPYS = {
    "CG": {"gtol": 1e-10, "c2": 0.1},
    "L-BFGS-B": {"gtol": 1e-10, "ftol": 0},
    "BFGS": {"gtol": 1e-10},
    "Newton-CG": {"xtol": 1e-12},
    "trust-ncg": {"gtol": 1e-10},
    "trust-exact": {"gtol": 1e-10},
}
# All end within 1e-8 of the minimiser, but for two of SciPy's: its CG gives up where values differ by rounding only, its Newton-CG
# where a curvature is below 7e-16, which it takes for none.
WITHIN = {"SciPy's CG": 1e-7, "SciPy's Newton-CG": 1e-7}
COLOURS = ["#0072b2", "#e69f00", "#009e73", "#d55e00", "#cc79a7", "#56b4e9", "black"]  # Okabe and Ito's


def problem():
    """The breast cancer data of scikit-learn, standardised, with labels 0 and 1; and where to start."""
    x, y = load_breast_cancer(return_X_y=True)
    return ((x - x.mean(axis=0)) / x.std(axis=0), y.astype(float)), {"w": np.zeros(x.shape[1]), "b": 0.0}


def cost(params, x, y, decay=0.1):
    """The mean cross-entropy of σ(w·x + b), plus decay/2 |w|²."""
    z = x @ params["w"] + params["b"]
    return np.mean(np.logaddexp(0, z) - y * z) + decay / 2 * params["w"] @ params["w"]


def minimiser(data, params, *decay):
    """By Newton's method, to rounding: what all the others must find."""
    flat, unravel = np.append(params["w"], params["b"]), lambda v: {"w": v[:-1], "b": v[-1]}
    f = lambda v: cost(unravel(v), *data, *decay)
    for _ in range(20):
        flat = flat - np.linalg.solve(ft.hessian(f)(flat), ft.grad(f)(flat))
    return unravel(flat)


def largest_difference(params, others):
    """Between two trees."""
    return max(ft.tree.leaves(ft.tree.map(lambda a, b: np.max(np.abs(a - b)), params, others)))


def solve_all(data, start):
    """SciPy's result object from every method, with the seconds it took the second time, when nothing has to be compiled."""
    runs = {name: lambda k=kind: ft.optim.minimize(cost, start, data, tol=1e-10, **k) for name, kind in OURS.items()}
    for name, options in SCIPYS.items():
        runs[f"SciPy's {name}"] = lambda m=name, o=options: ft.optimize.minimize(cost, start, data, method=m, options=o)
    results = {}
    for name, run in runs.items():
        run()
        begin = time.perf_counter()
        results[name] = run()
        results[name].seconds = time.perf_counter() - begin
    return results


def plot(path, results, lowest):
    """How far above its minimum the cost is after every step."""
    figure, ax = plt.subplots(figsize=(7, 4), layout="constrained")
    for name, style, color in zip(OURS, ["-", "--", ":", "-.", "-", "--", ":"], COLOURS, strict=True):
        above = np.array(results[name].history) - lowest
        ax.loglog(1 + np.arange(len(above)), np.maximum(above, 1e-16), style, color=color, label=name)
    ax.set(xlabel="step", ylabel="cost above its minimum", ylim=(1e-16, 1))
    ax.legend(frameon=False)
    figure.savefig(path)
    plt.close(figure)


@threadpool_limits.wrap(limits=1, user_api="blas")  # see digits.py
def main(out: Path) -> dict:
    data, start = problem()
    best = minimiser(data, start)
    results = solve_all(data, start)
    print(f"{len(data[1])} examples of {data[0].shape[1]} features; the minimum is {cost(best, *data):.12f}")
    print(f"{'':<24}{'steps':>7}{'values':>8}{'gradients':>11}{'ms':>9}   off by")
    for name, r in results.items():
        off = largest_difference(r.x, best)
        print(f"{name:<24}{r.nit:>7}{r.nfev:>8}{r.njev:>11}{1e3 * r.seconds:>9.1f}   {off:.0e}")
        assert off < WITHIN.get(name, 1e-8), f"{name} ends {off} from the minimiser: {r.message}"
    if plt is not None:
        plot(out / "gradient_descent.png", results, cost(best, *data))
    ft.draw(cost, direction="down")(start, *data).save(out / "gradient_descent.svg")
    return results


if __name__ == "__main__":
    main(folder())
