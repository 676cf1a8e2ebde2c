"""Learn to read handwritten digits: a small network in plain NumPy, trained by gradients that ftrans derives.

    pip install -e ".[examples]" && python examples/digits.py

The data are the 1797 scanned digits that come with scikit-learn. `logits` and `loss` are ordinary NumPy functions;
`ft.grad` differentiates them, `ft.jit` makes the whole training step one program, `ft.vmap` gives the gradient of every
single digit. At the end the step is timed beside the same step written by hand, backward pass and all.
"""

from __future__ import annotations

import argparse
import time

import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from threadpoolctl import threadpool_limits  # comes with scikit-learn

import ftrans as ft

try:
    from tqdm import trange
except ImportError:  # then there is no progress bar
    trange = range
try:
    import matplotlib.pyplot as plt
except ImportError:  # then there is no picture
    plt = None

HIDDEN, BATCH, RATE = 128, 128, 4e-3
DTYPE = np.float32  # learns as well as float64, in 0.7 of the time
SHIFTS = [(0, 0), (0, 1), (0, -1), (1, 0), (-1, 0)]  # a digit moved by one pixel is the same digit


def load():
    """Images and labels to train on (with shifted copies) and to test on: standardised rows of 64, one-hot of 10."""
    digits = load_digits()
    split = train_test_split(digits.images, digits.target, test_size=0.25, random_state=0, stratify=digits.target)
    train, test, train_label, test_label = split
    padded = np.pad(train, [(0, 0), (1, 1), (1, 1)])
    moved = np.concatenate([padded[:, 1 + i : 9 + i, 1 + j : 9 + j] for i, j in SHIFTS])
    x, x_test = [((images - train.mean()) / train.std()).reshape(-1, 64).astype(DTYPE) for images in (moved, test)]
    one_hot = np.eye(10, dtype=DTYPE)
    return x, one_hot[np.tile(train_label, len(SHIFTS))], x_test, one_hot[test_label]


# The network: NumPy functions of a dict of arrays. They take one image or a batch of them.


def initialise(rng):
    """Random weights of a size that keeps the variance of the signals (He et al., 2015), and zero biases."""
    w1 = rng.normal(0, np.sqrt(2 / 64), (64, HIDDEN))
    w2 = rng.normal(0, np.sqrt(2 / HIDDEN), (HIDDEN, 10))
    params = {"w1": w1, "b1": np.zeros(HIDDEN), "w2": w2, "b2": np.zeros(10)}
    return ft.tree.map(lambda p: p.astype(DTYPE), params)


def logits(params, x):
    """The scores of the ten digits."""
    hidden = np.maximum(x @ params["w1"] + params["b1"], 0)
    return hidden @ params["w2"] + params["b2"]


def loss(params, x, y):
    """The cross-entropy of softmax(logits) with the labels, averaged over the batch."""
    z = logits(params, x)
    z = z - z.max(axis=-1, keepdims=True)
    return np.mean(np.log(np.exp(z).sum(axis=-1)) - (z * y).sum(axis=-1))


# Training: a step is loss, gradient and Adam (Kingma and Ba, 2015), one program for all of it.


def start(params):
    """Adam's state before the first step: means of the gradient and of its square, and the number of steps."""
    return {"m": ft.tree.map(np.zeros_like, params), "v": ft.tree.map(np.zeros_like, params), "t": DTYPE(0)}


@ft.jit
def step(params, state, x, y):
    """The loss of a batch, and the parameters and state after it."""
    value, grads = ft.value_and_grad(loss)(params, x, y)
    t = state["t"] + 1
    m = ft.tree.map(lambda m, g: 0.9 * m + 0.1 * g, state["m"], grads)
    v = ft.tree.map(lambda v, g: 0.999 * v + 0.001 * g**2, state["v"], grads)
    rate = RATE * np.sqrt(1 - 0.999**t) / (1 - 0.9**t)
    params = ft.tree.map(lambda p, m, v: p - rate * m / (np.sqrt(v) + 1e-8), params, m, v)
    return value, params, {"m": m, "v": v, "t": t}


def correct(params, x, y):
    """Which images are read correctly. On arrays, `logits` is simply NumPy."""
    return logits(params, x).argmax(axis=-1) == y.argmax(axis=-1)


def train(params, data, steps, rng):
    """Trained parameters, the loss of every step, and now and then (step, test accuracy in %)."""
    x, y, *test = data
    state, losses, accuracies = start(params), [], []
    for k in trange(1, steps + 1):
        batch = rng.integers(0, len(x), BATCH)
        value, params, state = step(params, state, x[batch], y[batch])
        losses.append(float(value))
        if k % max(steps // 50, 1) == 0:
            accuracies.append((k, 100 * correct(params, *test).mean()))
    return params, losses, accuracies


def gradient_norms(params, x, y):
    """How hard every single image pulls at the network: the norm of its own gradient."""
    grads = ft.vmap(ft.grad(loss), in_axes=(None, 0, 0))(params, x, y)
    return np.sqrt(sum([(g.reshape(len(x), -1) ** 2).sum(axis=1) for g in grads.values()]))


# The same by hand, in NumPy.


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
        v += 0.001 * g**2
        params[name] -= rate * m / (np.sqrt(v) + 1e-8)
    return value, params, state


def largest_difference(params, x, y):
    """Between the derived and the hand-written gradient, in float64."""
    args = ft.tree.map(lambda a: a.astype(np.float64), (params, x, y))
    derived, by_hand = ft.grad(loss)(*args), value_and_grad_by_hand(*args)[1]
    return max([np.abs(derived[name] - by_hand[name]).max() for name in params])


def microseconds(steps, params, x, y, rounds):
    """The median time of each kind of step. They take turns: what disturbs one disturbs all."""
    own = [ft.tree.map(np.copy, (params, start(params))) for _ in steps]
    times = np.empty((rounds, len(steps)))
    for row in times:
        for k, f in enumerate(steps):
            begin = time.perf_counter()
            _, *own[k] = f(*own[k], x, y)
            row[k] = time.perf_counter() - begin
    return 1e6 * np.median(times, axis=0)


def draw(out, losses, accuracies, x, y, guess, norms):
    """Loss and accuracy on the way, and the twelve digits that pull hardest."""
    plt.switch_backend("Agg")
    figure = plt.figure(figsize=(10, 4.2), layout="constrained")
    left, right = figure.subfigures(1, 2, width_ratios=(1, 1.1))
    top, bottom = left.subplots(2, 1, sharex=True)
    window = max(len(losses) // 50, 1)
    top.semilogy(losses, color="#9ecae9", linewidth=0.7, label="each batch")
    mean = np.convolve(losses, np.full(window, 1 / window), "valid")
    top.semilogy(np.arange(len(mean)) + window // 2, mean, color="#0072b2", label=f"mean of {window}")
    top.set(ylabel="training loss")
    top.legend(frameon=False)
    bottom.plot(*np.transpose(accuracies), color="#d55e00", marker=".")
    bottom.set(xlabel="step", ylabel="test accuracy (%)")
    right.suptitle("Test digits with the largest gradients")
    for axes, k in zip(right.subplots(3, 4).flat, np.argsort(-norms)[:12], strict=True):
        axes.imshow(x[k].reshape(8, 8), cmap="gray_r")
        axes.set_title(f"{y[k]} read as {guess[k]}", fontsize=9, color="black" if y[k] == guess[k] else "#d55e00")
        axes.axis("off")
    figure.savefig(out, dpi=130)
    plt.close(figure)


@threadpool_limits.wrap(limits=1, user_api="blas")  # two threads gain little here, and wait long on a busy machine
def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--steps", type=int, default=2000, help="training steps (default: 2000)")
    parser.add_argument("--seed", type=int, default=0, help="of weights and batches (default: 0)")
    parser.add_argument("--rounds", type=int, default=500, help="steps of each kind to time (default: 500)")
    parser.add_argument("--out", default="digits.png", help="the picture to write (default: digits.png)")
    options = parser.parse_args(argv)

    rng = np.random.default_rng(options.seed)
    x, y, *test = data = load()
    print(f"{len(x)} training images, {len(test[0])} test images, network 64-{HIDDEN}-10, batches of {BATCH}")

    begin = time.perf_counter()
    params, losses, accuracies = train(initialise(rng), data, options.steps, rng)
    seconds = time.perf_counter() - begin
    right, digit, guess = correct(params, *test), test[1].argmax(axis=1), logits(params, test[0]).argmax(axis=1)
    norms = gradient_norms(params, *test)
    pulling = [f"a {digit[k]} read as {guess[k]}" for k in np.argsort(-norms)[:5]]
    final = np.mean(losses[-50:])
    print(f"trained         {options.steps} steps in {seconds:.1f} s, loss {losses[0]:.2f} -> {final:.4f}")
    print(f"test accuracy   {right.mean():.2%} ({np.sum(~right)} of {len(right)} wrong)")
    print("  by digit      " + "  ".join([f"{k}: {right[digit == k].mean():.0%}" for k in range(10)]))
    print("  hardest       " + ", ".join(pulling))

    difference = largest_difference(params, x[:BATCH], y[:BATCH])
    assert difference < 1e-6, f"the derived and the hand-written gradient differ by {difference}"
    begin = time.perf_counter()  # a longer training gets compiled code by itself, from the background; here we ask for it
    step.lower(params, start(params), x[:BATCH], y[:BATCH]).compile()
    waited = time.perf_counter() - begin
    ours, by_hand = microseconds([step, step_by_hand], params, x[:BATCH], y[:BATCH], options.rounds)
    print(f"gradient        as by hand: largest difference {difference:.0e} in float64")
    print(
        f"time of a step  {ours:.0f} µs; by hand in NumPy {by_hand:.0f} µs, {by_hand / ours:.2f} times as long "
        f"(compiled in {waited:.1f} s)"
    )
    if plt is not None:
        draw(options.out, losses, accuracies, test[0], digit, guess, norms)
        print(f"picture         {options.out}")
    return {"accuracy": right.mean(), "seconds": seconds, "difference": difference, "step": ours, "by_hand": by_hand}


if __name__ == "__main__":
    main()
