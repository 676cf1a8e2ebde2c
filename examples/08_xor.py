"""The network that learns XOR, on one example: every value and every gradient of the graph by its name.

    in PyTorch                                    here
    E = (t - y)**2 / 2                            picture = ft.draw(error)(params, x, t)
    E.backward()                                  node = picture.graph.node
    W.grad, w2.grad                               node("params['W']").gradient, node("params['w2']").gradient
    h.retain_grad(); h.grad                       node("h").gradient

The graph has every intermediate value with its gradient; nothing need be retained beforehand.
"""

from pathlib import Path

import numpy as np
from worked_numbers import folder, inputs, report

import ftrans as ft

NAME = "XOR network"


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def error(params, x, t):
    s = params["W"] @ x + params["b"]
    h = sigmoid(s)
    z = params["w2"] @ h + params["b2"]
    y = sigmoid(z)
    E = (t - y) ** 2 / 2
    return E


def main(out: Path) -> dict:
    *weights, x, t = inputs(NAME)
    params = dict(zip(["W", "b", "w2", "b2"], weights, strict=True))

    picture = ft.draw(error, direction="down", unfold=())(params, x, t)
    picture.save(out / "xor.svg")
    node = picture.graph.node
    for name in ["s", "h", "z", "y", "E"]:
        print(f"{name} = {node(name).value},  dE/d{name} = {node(name).gradient}")

    E, grads = ft.value_and_grad(error)(params, x, t)
    assert all(np.array_equal(grads[name], node(f"params[{name!r}]").gradient) for name in params)
    return report(NAME, {"y": node("y").value, "E": E, "dE/dw2": grads["w2"]})


if __name__ == "__main__":
    main(folder())
