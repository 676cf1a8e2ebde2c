"""A network with one hidden layer: h = σ(W1ᵀx), ŷ = σ(w2·h), binary cross-entropy.

    on the slide, one rule for each weight        here
    dw2[j] = (ŷ - y) * h[j]                       L, grads = ft.value_and_grad(loss)(params, x, y)
    dh[j]  = (ŷ - y) * w2[j]                      grads["w2"], grads["W1"]
    dW1[i, j] = dh[j] * h[j] * (1 - h[j]) * x[i]

The gradients of all weights come at once, in the structure of the weights.
"""

from pathlib import Path

import numpy as np
from worked_numbers import folder, inputs, report

import ftrans as ft

NAME = "MLP"


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def predict(params, x):
    h = sigmoid(params["W1"].T @ x)
    p = sigmoid(params["w2"] @ h)
    return p


def loss(params, x, y):
    p = predict(params, x)
    L = -y * np.log(p) - (1 - y) * np.log(1 - p)
    return L


def main(out: Path) -> dict:
    W1, w2, x, y = inputs(NAME)
    params = {"W1": W1, "w2": w2}
    L, grads = ft.value_and_grad(loss)(params, x, y)
    ft.draw(loss, direction="down", unfold="predict")(params, x, y).save(out / "mlp.svg")
    return report(NAME, {"ŷ": predict(params, x), "L": L, "dL/dw2": grads["w2"]})


if __name__ == "__main__":
    main(folder())
