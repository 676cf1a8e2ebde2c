"""The network that learns XOR in four forms: per example, in batch, over a tree of parameters, and as modules with an optimiser.

    PyTorch                                       here
    s = W.mv(x) + b                               s = W @ x + b
    E = 0.5 * (t - y)**2                          E = (t - y) ** 2 / 2
    E.backward(); W.grad                          dW, db, dw2, db2 = ft.grad(error, argnums=(0, 1, 2, 3))(...)
    W.data -= 0.1 * W.grad                        W = W - 0.1 * dW

    self.hidden = nn.Linear(2, 2)                 model = nn.Sequential(nn.Linear(W.T, b), nn.sigmoid,
    self.out = nn.Linear(2, 1)                                          nn.Linear(w2[:, None], b2), nn.sigmoid)
    opt = torch.optim.SGD(model.parameters(),     ft.optim.train(loss, model, examples, ft.optim.sgd(0.1), steps=4000)
                          lr=0.1)
    opt.zero_grad(); loss.backward(); opt.step()

Two traps of the original are shown at the end: `x.mm(W)` is not the network of `W.mv(x)`, and outputs (4, 1) that meet targets (4,)
are silently compared all with all, so that training stalls; `with ft.strict():` raises there.
"""

from pathlib import Path

import numpy as np
from worked_numbers import WORKED, folder, report

import ftrans as ft
from ftrans import nn

NAMES = ["XOR trained", "XOR stalled"]
X = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
T = np.array([0.0, 1.0, 1.0, 0.0])


def start():
    """The weights of the notes: W, b, w2, b2."""
    W, b, w2, b2 = list(WORKED["XOR network"].inputs.values())[:4]
    return np.array(W), np.array(b), np.array(w2), np.float64(b2)


# 1 per example


def network(W, b, w2, b2, x):
    return nn.sigmoid(w2 @ nn.sigmoid(W @ x + b) + b2)


def error(W, b, w2, b2, x, t):
    return (t - network(W, b, w2, b2, x)) ** 2 / 2


def train_per_example(weights, rate, epochs):
    """The error of each example before its step, (epochs, 4)."""
    value_and_grad = ft.jit(ft.value_and_grad(error, argnums=(0, 1, 2, 3)))
    errors = np.empty((epochs, len(T)))
    for epoch in errors:
        for k, (x, t) in enumerate(zip(X, T, strict=True)):
            epoch[k], grads = value_and_grad(*weights, x, t)
            weights = [w - rate * dw for w, dw in zip(weights, grads, strict=True)]
    return errors


# 2 in batch: the matrix form by hand, and the same by vmap from the function of one example


def batch_by_hand(W, b, w2, b2, xs):
    return nn.sigmoid(nn.sigmoid(xs @ W.T + b) @ w2 + b2)


batch_by_vmap = ft.vmap(network, in_axes=(None, None, None, None, 0))


def train_in_batch(batch, weights, rate, epochs):
    """The mean error before each step, (epochs,), where a step is made for all examples at once."""

    def mean_error(weights):
        return np.mean((T - batch(*weights, X)) ** 2) / 2

    return ft.optim.train(mean_error, list(weights), None, ft.optim.sgd(rate), steps=epochs).losses


# 3 as plain functions over a tree of parameters


def tree_error(params, x, t):
    h = nn.sigmoid(params["hidden"]["W"] @ x + params["hidden"]["b"])
    y = nn.sigmoid(params["out"]["w"] @ h + params["out"]["b"])
    return (t - y) ** 2 / 2


def train_tree(weights, rate, epochs):
    W, b, w2, b2 = weights
    params = {"hidden": {"W": W, "b": b}, "out": {"w": w2, "b": b2}}

    @ft.jit
    def step(params, x, t):
        E, grads = ft.value_and_grad(tree_error)(params, x, t)
        return E, ft.tree.map(lambda p, g: p - rate * g, params, grads)

    errors = np.empty((epochs, len(T)))
    for epoch in errors:
        for k, (x, t) in enumerate(zip(X, T, strict=True)):
            epoch[k], params = step(params, x, t)
    return errors


# 4 as modules with an optimiser


def modules(W, b, w2, b2):
    return nn.Sequential(nn.Linear(W.T, b), nn.sigmoid, nn.Linear(w2[:, None], np.array([b2])), nn.sigmoid)


def module_error(model, x, t):
    return np.mean((t - model(x)) ** 2) / 2


def train_modules(weights, rate, epochs):
    examples = [(x, np.array([t])) for x, t in zip(X, T, strict=True)]
    result = ft.optim.train(module_error, modules(*weights), examples, ft.optim.sgd(rate), steps=4 * epochs)
    return result.losses.reshape(epochs, 4)


# The traps


def stalled(weights, rate, epochs):
    """The last error where the module of x.mm(W) gives (4, 1) and the targets are (4,)."""
    W, *others = weights
    return ft.optim.train(module_error, modules(W.T, *others), (X, T), ft.optim.sgd(rate), steps=epochs).losses[-1]


def main(out: Path) -> dict:
    weights = start()
    rate, epochs = WORKED["XOR trained"].inputs.values()

    errors = train_per_example(weights, rate, epochs)
    for other in (train_tree, train_modules):
        assert np.allclose(other(weights, rate, epochs), errors, rtol=1e-9), "all forms learn the same"
    means = errors.mean(axis=1)
    report("XOR trained", {"epoch 1": means[0], "epoch 1000": means[-1]})

    in_batch = train_in_batch(batch_by_hand, weights, 1.0, epochs)
    print(f"in batch, with rate 1: mean error {in_batch[0]:.10f} before the first step, {in_batch[-1]:.10f} before the last\n")
    assert np.allclose(train_in_batch(batch_by_vmap, weights, 1.0, epochs), in_batch, rtol=1e-9)
    columns = ft.optim.train(module_error, modules(*weights), (X, T[:, None]), ft.optim.sgd(1.0), steps=epochs)
    assert np.allclose(columns.losses, in_batch, rtol=1e-9)

    by_mm = batch_by_hand(weights[0].T, *weights[1:], X)
    assert not np.allclose(by_mm, batch_by_hand(*weights, X)), "x.mm(W) is another network"

    last = stalled(weights, rate, epochs)
    report("XOR stalled", {"last": round(last, 4)})
    try:
        with ft.strict():
            stalled(weights, rate, epochs)
        raise AssertionError("strict mode must refuse this broadcast")
    except ft.errors.RankPromotionError as e:
        print(f"with ft.strict():\n{e}")
    ft.draw(module_error, direction="down")(modules(*weights), X, T[:, None]).save(out / "pytorch_xor.svg")
    return {"errors": errors, "stalled": last}


if __name__ == "__main__":
    main(folder())
