"""A small convolutional network learns to read handwritten digits, from modules, an optimiser and a loop of one line.

    Keras                                         here
    model = Sequential([                          model = nn.Sequential(
        Conv2D(16, 3, activation="relu"),             nn.Conv.init(rng, 1, 16, 3), nn.relu,
        MaxPool2D(), Flatten(),                       nn.MaxPool(2), nn.Flatten(),
        Dense(10)])                                   nn.Linear.init(rng, 288, 10))
    model.compile(Adam(schedule), crossentropy)   optimizer = ft.optim.adam(schedule)
    model.fit(x, y, 64, epochs)                   ft.optim.train(loss, model, batches, optimizer)

The data are those of digits.py: 8 x 8 pixels, of which a quarter is kept for the test.
"""

from pathlib import Path

import numpy as np
from digits import load
from threadpoolctl import threadpool_limits  # comes with scikit-learn
from worked_numbers import folder

import ftrans as ft
from ftrans import nn

try:
    import matplotlib.pyplot as plt
except ImportError:  # then there is no picture of the filters
    plt = None

EPOCHS, BATCH = 4, 64


def network(rng, dtype=np.float32):
    """For images (batch, 1, 8, 8), or one image."""
    return nn.Sequential(
        nn.Conv.init(rng, 1, 16, 3, padding="SAME", weight_init=nn.init.he_normal, dtype=dtype),
        nn.relu,
        nn.Conv.init(rng, 16, 32, 3, padding="SAME", weight_init=nn.init.he_normal, dtype=dtype),
        nn.relu,
        nn.MaxPool(2),
        nn.Flatten(),
        nn.Linear.init(rng, 32 * 4 * 4, 10, dtype=dtype),
    )


def loss(model, x, y):
    """The mean cross-entropy of a batch with one-hot labels."""
    return nn.softmax_cross_entropy(model(x), y).mean()


def correct(model, x, y):
    """Which images are read correctly."""
    return model(x).argmax(axis=-1) == y.argmax(axis=-1)


def train(rng, x, y, epochs):
    """The trained model, and the loss of every step."""
    steps = epochs * -(-len(x) // BATCH)
    optimizer = ft.optim.adam(ft.optim.cosine_decay_schedule(3e-3, steps))
    batches = ft.optim.minibatches((x, y), BATCH, rng, epochs)
    return ft.optim.train(loss, network(rng), batches, optimizer)


def draw_filters(path, weight, losses):
    """The loss on the way, and what the first layer looks for."""
    plt.switch_backend("Agg")
    figure = plt.figure(figsize=(9, 3), layout="constrained")
    left, right = figure.subfigures(1, 2, width_ratios=(2, 1))
    left.subplots().semilogy(losses, color="#0072b2", linewidth=0.7)
    left.axes[0].set(xlabel="step", ylabel="training loss")
    for axes, kernel in zip(right.subplots(4, 4).flat, weight[:, 0], strict=True):
        axes.imshow(kernel, cmap="gray", vmin=-abs(weight).max(), vmax=abs(weight).max())
        axes.axis("off")
    figure.savefig(path, dpi=130)
    plt.close(figure)


@threadpool_limits.wrap(limits=1, user_api="blas")  # see digits.py
def main(out: Path, epochs=EPOCHS) -> dict:
    rng = np.random.default_rng(0)
    x, y, x_test, y_test = load()
    x, x_test = x.reshape(-1, 1, 8, 8), x_test.reshape(-1, 1, 8, 8)
    result = train(rng, x, y, epochs)
    right = correct(result.params, x_test, y_test)
    print(result.params)
    print(f"{nn.count_parameters(result.params):,} parameters, {result.steps} steps in {result.seconds:.1f} s")
    print(f"test accuracy {right.mean():.2%} ({np.sum(~right)} of {len(right)} wrong)")
    ft.draw(loss, direction="down")(result.params, x[:BATCH], y[:BATCH]).save(out / "cnn.svg")
    if plt is not None:
        draw_filters(out / "cnn_digits.png", result.params[0].weight, result.losses)
    return {"accuracy": right.mean(), "seconds": result.seconds, "losses": result.losses}


if __name__ == "__main__":
    main(folder())
