"""Logistic regression on one example: dL/dz is a - y, and the gradients of w and b follow from it.

    on the slide, derived by hand                 here
    dz = a - y                                    L, dz = ft.value_and_grad(loss)(z, y)
    dw1, dw2, db = x1 * dz, x2 * dz, dz           (grads,) = back_to_params(dz)

The gradient has the structure of the parameters, here a dict of w and b.
"""

from pathlib import Path

import numpy as np
from worked_numbers import folder, inputs, report

import ftrans as ft

NAME = "logistic regression"


def score(params, x):
    return params["w"] @ x + params["b"]


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def loss(z, y):
    a = sigmoid(z)
    return -y * np.log(a) - (1 - y) * np.log(1 - a)


def cost(params, x, y):
    z = score(params, x)
    L = loss(z, y)
    return L


def main(out: Path) -> dict:
    w, b, x, y = inputs(NAME)
    params = {"w": w, "b": b}

    z, back_to_params = ft.vjp(lambda p: score(p, x), params)
    L, dz = ft.value_and_grad(loss)(z, y)
    (grads,) = back_to_params(dz)

    assert ft.tree.all(ft.tree.map(np.allclose, grads, ft.grad(cost)(params, x, y)))
    ft.draw(cost, direction="down")(params, x, y).save(out / "logistic_regression.svg")

    return report(NAME, {"z": z, "a": sigmoid(z), "L": L, "dL/dz": dz, "dL/db": grads["b"], "dL/dw": grads["w"]})


if __name__ == "__main__":
    main(folder())
