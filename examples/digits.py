"""Learn to read handwritten digits: a small network in plain NumPy, trained by gradients that ftrans derives.

    pip install -e ".[examples]" && python examples/digits.py

The data are the 1797 scanned digits that come with scikit-learn. `logits` and `loss` are ordinary NumPy functions; `ft.grad`
differentiates them, `ft.jit` makes the whole training step one program, `ft.vmap` gives the gradient of each single digit.
At the end the step is timed beside the same step with its backward pass written by hand.
"""

from __future__ import annotations

import argparse
import time

import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

import ftrans as ft

try:
    from tqdm import trange
except ImportError:  # the bar is a comfort
    trange = range

HIDDEN, BATCH, RATE = 128, 128, 4e-3
SHIFTS = [(0, 0), (0, 1), (0, -1), (1, 0), (-1, 0)]  # a digit moved by one pixel is the same digit


def load(dtype):
    """Training images (with shifted copies) and test images as rows of 64, standardised; labels as rows like [0 0 1 0 ...]."""
    digits = load_digits()
    train, test, train_label, test_label = train_test_split(
        digits.images, digits.target, test_size=0.25, random_state=0, stratify=digits.target
    )
    padded = np.pad(train, [(0, 0), (1, 1), (1, 1)])
    moved = np.concatenate([padded[:, 1 + i : 9 + i, 1 + j : 9 + j] for i, j in SHIFTS])
    images = [((x - train.mean()) / train.std()).reshape(-1, 64).astype(dtype) for x in (moved, test)]
    labels = [np.eye(10, dtype=dtype)[y] for y in (np.tile(train_label, len(SHIFTS)), test_label)]
    return images[0], labels[0], images[1], labels[1]


# The network: NumPy functions of a dict of arrays. They take one image or a batch of them.


def initialise(rng, dtype):
    """Random weights, of a size that keeps the variance of the signals (He), and zero biases."""
    w1 = rng.normal(0, np.sqrt(2 / 64), (64, HIDDEN))
    w2 = rng.normal(0, np.sqrt(2 / HIDDEN), (HIDDEN, 10))
    params = {"w1": w1, "b1": np.zeros(HIDDEN), "w2": w2, "b2": np.zeros(10)}
    return ft.tree.map(lambda p: p.astype(dtype), params)


def logits(params, x):
    """The score of each of the ten digits."""
    hidden = np.maximum(x @ params["w1"] + params["b1"], 0)
    return hidden @ params["w2"] + params["b2"]


def loss(params, x, y):
    """The cross-entropy of softmax(logits) with the labels, averaged over the batch."""
    z = logits(params, x)
    z = z - z.max(axis=-1, keepdims=True)
    return np.mean(np.log(np.exp(z).sum(axis=-1)) - (z * y).sum(axis=-1))


def adam(params, grads, state):
    """One step of Adam (Kingma and Ba, 2015). It runs on plain arrays and inside jit alike."""
    t = state["t"] + 1
    m = ft.tree.map(lambda m, g: 0.9 * m + 0.1 * g, state["m"], grads)
    v = ft.tree.map(lambda v, g: 0.999 * v + 0.001 * (g * g), state["v"], grads)
    rate = RATE * np.sqrt(1 - 0.999**t) / (1 - 0.9**t)
    params = ft.tree.map(lambda p, m, v: p - rate * m / (np.sqrt(v) + 1e-8), params, m, v)
    return params, {"m": m, "v": v, "t": t}


def start(params):
    """Adam's state before the first step."""
    return {"m": ft.tree.map(np.zeros_like, params), "v": ft.tree.map(np.zeros_like, params), "t": params["b2"].dtype.type(0)}


@ft.jit
def step(params, state, x, y):
    """Loss, gradient and update: everything that happens with a batch, as one program."""
    value, grads = ft.value_and_grad(loss)(params, x, y)
    return value, *adam(params, grads, state)


# The same by hand.


def value_and_grad_by_hand(params, x, y):
    """What `ft.value_and_grad(loss)` derives."""
    hidden = np.maximum(x @ params["w1"] + params["b1"], 0)
    z = hidden @ params["w2"] + params["b2"]
    z -= z.max(axis=1, keepdims=True)
    e = np.exp(z)
    total = e.sum(axis=1, keepdims=True)
    value = np.mean(np.log(total[:, 0]) - (z * y).sum(axis=1))
    dz = (e / total - y) / len(x)
    dhidden = (dz @ params["w2"].T) * (hidden > 0)
    return value, {"w1": x.T @ dhidden, "b1": dhidden.sum(axis=0), "w2": hidden.T @ dz, "b2": dz.sum(axis=0)}


def step_by_hand(params, state, x, y):
    """What `step` does; in place, which is how NumPy is fastest."""
    value, grads = value_and_grad_by_hand(params, x, y)
    state["t"] += 1
    rate = RATE * np.sqrt(1 - 0.999 ** state["t"]) / (1 - 0.9 ** state["t"])
    for name, g in grads.items():
        m, v = state["m"][name], state["v"][name]
        m *= 0.9
        m += 0.1 * g
        v *= 0.999
        v += 0.001 * (g * g)
        params[name] -= rate * m / (np.sqrt(v) + 1e-8)
    return value, params, state


# Train, look, compare.


def train(params, data, steps, rng):
    """Trained parameters, the loss of every step, and now and then (step, test accuracy in %)."""
    x, y, x_test, y_test = data
    state, losses, accuracies = start(params), [], []
    for k in trange(1, steps + 1):
        batch = rng.integers(0, len(x), BATCH)
        value, params, state = step(params, state, x[batch], y[batch])
        losses.append(float(value))
        if k % max(steps // 50, 1) == 0:
            accuracies.append((k, 100 * np.mean(right(params, x_test, y_test))))
    return params, losses, accuracies


def right(params, x, y):
    """Which images are read correctly: `logits` is NumPy, and runs as NumPy."""
    return logits(params, x).argmax(axis=-1) == y.argmax(axis=-1)


def gradient_norms(params, x, y):
    """How hard each single image pulls at the network: the norm of its own gradient."""
    grads = ft.vmap(ft.grad(loss), in_axes=(None, 0, 0))(params, x, y)
    return np.sqrt(sum([(g.reshape(len(x), -1) ** 2).sum(axis=1) for g in ft.tree.leaves(grads)]))


def gap(params, x, y):
    """The largest difference between the derived and the hand-written gradient, in float64."""
    args = ft.tree.map(lambda a: a.astype(np.float64), (params, x, y))
    derived, by_hand = ft.grad(loss)(*args), value_and_grad_by_hand(*args)[1]
    return max(ft.tree.leaves(ft.tree.map(lambda a, b: np.abs(a - b).max(), derived, by_hand)))


def microseconds(steps, params, x, y, rounds):
    """The median time of each kind of step; they take turns, so that what disturbs one disturbs all."""
    own = [ft.tree.map(np.copy, (params, start(params))) for _ in steps]
    times = np.empty((rounds, len(steps)))
    for row in times:
        for k, f in enumerate(steps):
            begin = time.perf_counter()
            _, *own[k] = f(*own[k], x, y)
            row[k] = time.perf_counter() - begin
    return np.median(times, axis=0) * 1e6


def draw(out, losses, accuracies, x, y, guess, norms):
    """Loss and accuracy on the way, and the digits that pull hardest."""
    import matplotlib  # noqa: PLC0415 - only needed here, and the rest runs without it

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt  # noqa: PLC0415

    figure = plt.figure(figsize=(10, 4.2), layout="constrained")
    left, grid = figure.subfigures(1, 2, width_ratios=(1, 1.1))
    top, bottom = left.subplots(2, 1, sharex=True)
    window = max(len(losses) // 50, 1)
    top.semilogy(losses, color="#9ecae9", linewidth=0.7, label="each batch")
    smooth = np.convolve(losses, np.full(window, 1 / window), "valid")
    top.semilogy(np.arange(len(smooth)) + window // 2, smooth, color="#0072b2", label=f"mean of {window}")
    top.set(ylabel="training loss")
    top.legend(frameon=False)
    bottom.plot(*np.transpose(accuracies), color="#d55e00", marker=".")
    bottom.set(xlabel="step", ylabel="test accuracy (%)", ylim=(90, 100.4))
    grid.suptitle("largest gradients among the test digits")
    for axes, k in zip(grid.subplots(3, 4).flat, np.argsort(-norms), strict=False):
        axes.imshow(x[k].reshape(8, 8), cmap="gray_r")
        axes.set_title(f"{y[k]} read as {guess[k]}", fontsize=9, color="black" if y[k] == guess[k] else "#d55e00")
        axes.axis("off")
    figure.savefig(out, dpi=130)
    print(f"picture            {out}")


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--steps", type=int, default=2000, help="training steps (2000)")
    parser.add_argument("--seed", type=int, default=0, help="of weights and batches (0)")
    parser.add_argument("--rounds", type=int, default=300, help="timed steps of each kind (300)")
    parser.add_argument("--out", default="digits.png", help="where to put the picture (digits.png)")
    options = parser.parse_args(argv)

    rng = np.random.default_rng(options.seed)
    x, y, x_test, y_test = data = load(np.float32)  # a step takes 0.7 of its time in float64, and learns as well
    print(f"{len(x)} training images (with shifted copies), {len(x_test)} test images, network 64-{HIDDEN}-10, batches of {BATCH}")

    begin = time.perf_counter()
    params, losses, accuracies = train(initialise(rng, np.float32), data, options.steps, rng)
    seconds = time.perf_counter() - begin
    correct, digit, guess = right(params, x_test, y_test), y_test.argmax(axis=1), logits(params, x_test).argmax(axis=1)
    print(f"trained            {options.steps} steps in {seconds:.1f} s, loss {losses[0]:.3f} -> {np.mean(losses[-50:]):.4f}")
    print(f"test accuracy      {correct.mean():.2%} ({np.sum(~correct)} of {len(correct)} wrong)")
    print("of each digit      " + "  ".join([f"{k}: {correct[digit == k].mean():.0%}" for k in range(10)]))

    norms = gradient_norms(params, x_test, y_test)
    worst = np.argsort(-norms)[:5]
    print("hardest            " + ", ".join([f"a {digit[k]} read as {guess[k]}" for k in worst]))

    batch = (x[:BATCH], y[:BATCH])
    difference = gap(params, *batch)
    print(f"gradient           differs from the one written by hand by {difference:.1e} at most (float64)")
    assert difference < 1e-6, "the two gradients differ"
    derived, by_hand = microseconds([step, step_by_hand], params, *batch, options.rounds)
    print(f"time of a step     {derived:.0f} µs; with the backward pass by hand, in NumPy, {by_hand:.0f} µs ({by_hand / derived:.2f} times)")
    try:
        draw(options.out, losses, accuracies, x_test, digit, guess, norms)
    except ImportError:
        print("no picture         (pip install matplotlib)")
    return {"accuracy": correct.mean(), "seconds": seconds, "gap": difference, "step": derived, "by_hand": by_hand}


if __name__ == "__main__":
    main()
