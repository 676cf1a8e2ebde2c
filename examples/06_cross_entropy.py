"""The binary cross-entropy of σ(w0 + w1 x): a chain of three functions, with the derivative at every link."""

import numpy as np
from worked_numbers import inputs, report

import ftrans as ft

NAME = "cross-entropy"


def line(w0, w1, x):
    return w0 + w1 * x


def sigmoid(u):
    return 1 / (1 + np.exp(-u))


def cross_entropy(p, y):
    return -y * np.log(p) - (1 - y) * np.log(1 - p)


def main() -> dict:
    w0, w1, x, y = inputs(NAME)

    u, back_to_weights = ft.vjp(lambda w0, w1: line(w0, w1, x), w0, w1)
    p, back_to_u = ft.vjp(sigmoid, u)
    L, dp = ft.value_and_grad(cross_entropy)(p, y)

    (du,) = back_to_u(dp)
    dw0, dw1 = back_to_weights(du)

    return report(NAME, {"u": u, "ŷ": p, "L": L, "dL/dŷ": dp, "dL/dw0": dw0, "dL/dw1": dw1})


if __name__ == "__main__":
    main()
