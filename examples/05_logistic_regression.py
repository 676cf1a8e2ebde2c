"""Logistic regression on one example: dL/dz is a - y, and the gradients of w and b follow from it."""

import numpy as np
from worked_numbers import inputs, report

import ftrans as ft

NAME = "logistic regression"


def score(params, x):
    return params["w"] @ x + params["b"]


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def loss(z, y):
    a = sigmoid(z)
    return -y * np.log(a) - (1 - y) * np.log(1 - a)


def main() -> dict:
    w, b, x, y = inputs(NAME)
    params = {"w": w, "b": b}

    z, back_to_params = ft.vjp(lambda p: score(p, x), params)
    L, dz = ft.value_and_grad(loss)(z, y)
    (grads,) = back_to_params(dz)

    at_once = ft.grad(lambda p: loss(score(p, x), y))(params)
    assert ft.tree.all(ft.tree.map(np.allclose, grads, at_once))

    return report(NAME, {"z": z, "a": sigmoid(z), "L": L, "dL/dz": dz, "dL/db": grads["b"], "dL/dw": grads["w"]})


if __name__ == "__main__":
    main()
