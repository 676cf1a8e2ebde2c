"""Logistic regression on m examples step by step: from two nested loops over examples and features to `vmap` and `jit`.

    the original, gradients by hand               here
    for i in range(m):                            def loss(params, x, y):            # of one example
        z = b                                         return np.logaddexp(0, z) - y * z
        for j in range(n):
            z += w[j] * x[i, j]                   per_example = ft.vmap(ft.grad(loss), in_axes=(None, 0, 0))
        dz = sigmoid(z) - y[i]                    mean(per_example(params, x, y))
        db += dz
        for j in range(n):                        step = ft.jit(...)
            dw[j] += x[i, j] * dz
    dw, db, J = dw / m, db / m, J / m

All give the same numbers; what each takes is printed beside them.
"""

import time
from pathlib import Path

import numpy as np
from sklearn.datasets import load_breast_cancer
from worked_numbers import folder

import ftrans as ft


def double_loop(params, x, y):
    """Cost and gradient one number at a time."""
    w, b = params["w"], params["b"]
    m, n = x.shape
    cost, dw, db = 0.0, np.zeros(n), 0.0
    for i in range(m):
        z = b
        for j in range(n):
            z += w[j] * x[i, j]
        a = 1 / (1 + np.exp(-z))
        cost -= y[i] * np.log(a) + (1 - y[i]) * np.log(1 - a)
        dz = a - y[i]
        db += dz
        for j in range(n):
            dw[j] += x[i, j] * dz
    return cost / m, {"w": dw / m, "b": db / m}


def vectorised(params, x, y):
    """The same by products of matrices, still by hand."""
    a = 1 / (1 + np.exp(-(x @ params["w"] + params["b"])))
    cost = -np.mean(y * np.log(a) + (1 - y) * np.log(1 - a))
    return cost, {"w": x.T @ (a - y) / len(y), "b": np.mean(a - y)}


def loss(params, x, y):
    """The cost of one example: -y log a - (1 - y) log(1 - a) with a = σ(z), written so that no z overflows."""
    z = params["w"] @ x + params["b"]
    return np.logaddexp(0, z) - y * z


def derived(params, x, y):
    """The function of one example, differentiated, over a batch: nothing by hand."""
    per_example = ft.vmap(ft.value_and_grad(loss), in_axes=(None, 0, 0))
    return ft.tree.map(lambda v: v.mean(axis=0), per_example(params, x, y))


def derived_at_once(params, x, y):
    """The mean over the batch, differentiated: the gradients of single examples are never stored."""
    return ft.value_and_grad(lambda p: np.mean(ft.vmap(loss, in_axes=(None, 0, 0))(p, x, y)))(params)


def seconds(f, *args, calls=3):
    """The least time of some calls."""
    times = []
    for _ in range(calls):
        begin = time.perf_counter()
        f(*args)
        times.append(time.perf_counter() - begin)
    return min(times)


def main(out: Path) -> dict:
    x, y = load_breast_cancer(return_X_y=True)
    x = (x - x.mean(axis=0)) / x.std(axis=0)
    y = y.astype(float)
    params = {"w": np.random.default_rng(0).normal(0, 0.1, x.shape[1]), "b": 0.1}

    steps = {"double loop": double_loop, "vectorised by hand": vectorised}
    steps |= {"vmap of grad": derived, "grad of mean of vmap": derived_at_once}
    steps |= {f"jit of {name}": ft.jit(steps[name], compile="now") for name in ["vmap of grad", "grad of mean of vmap"]}
    results = {name: f(params, x, y) for name, f in steps.items()}
    print(f"{len(y)} examples of {x.shape[1]} features")
    for name, f in steps.items():
        cost, grads = results[name]
        print(f"{name:<30}cost {cost:.10f}   dJ/db {grads['b']:+.10f}{1e6 * seconds(f, params, x, y):>10.0f} µs")
        same = ft.tree.map(lambda a, b: np.allclose(a, b, rtol=1e-12, atol=1e-14), results[name], results["double loop"])
        assert ft.tree.all(same)
    ft.draw(loss)(params, x[0], y[0]).save(out / "double_loop.svg")
    return results


if __name__ == "__main__":
    main(folder())
