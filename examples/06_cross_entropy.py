"""The binary cross-entropy of σ(w0 + w1 x): a chain of three functions, with the derivative at every link.

    on the slide                                  here
    dL/dw1 = dL/dŷ · dŷ/du · du/dw1               L, dp = ft.value_and_grad(cross_entropy)(p, y)
                                                  (du,) = back_to_u(dp)
                                                  dw0, dw1 = back_to_weights(du)

A pullback hands on what it is given, times the derivative of its own link.
"""

from pathlib import Path

import numpy as np
from worked_numbers import folder, inputs, report

import ftrans as ft

NAME = "cross-entropy"


def line(w0, w1, x):
    return w0 + w1 * x


def sigmoid(u):
    return 1 / (1 + np.exp(-u))


def cross_entropy(p, y):
    return -y * np.log(p) - (1 - y) * np.log(1 - p)


def cost(w0, w1, x, y):
    u = line(w0, w1, x)
    p = sigmoid(u)
    L = cross_entropy(p, y)
    return L


def main(out: Path) -> dict:
    w0, w1, x, y = inputs(NAME)

    u, back_to_weights = ft.vjp(lambda w0, w1: line(w0, w1, x), w0, w1)
    p, back_to_u = ft.vjp(sigmoid, u)
    L, dp = ft.value_and_grad(cross_entropy)(p, y)

    (du,) = back_to_u(dp)
    dw0, dw1 = back_to_weights(du)

    assert np.allclose(ft.grad(cost, argnums=(0, 1))(w0, w1, x, y), (dw0, dw1))
    ft.draw(cost, direction="down")(w0, w1, x, y).save(out / "cross_entropy.svg")

    return report(NAME, {"u": u, "ŷ": p, "L": L, "dL/dŷ": dp, "dL/dw0": dw0, "dL/dw1": dw1})


if __name__ == "__main__":
    main(folder())
