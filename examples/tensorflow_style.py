"""TensorFlow's notions in plain functions: a variable is an argument, a tape is what `vjp` returns, `tf.gradients` is three lines.

    TensorFlow                                    here
    w = tf.Variable(0, dtype=tf.float32)          w = np.float32(0)
    with tf.GradientTape() as tape:               cost, tape = ft.vjp(polynomial, w, x)
        cost = x[0] * w**2 + x[1] * w + x[2]
    dw, dx = tape.gradient(cost, [w, x])          dw, dx = tape(np.float32(1))
    tf.gradients([y1, y2], [a, b], [g1, g2])      gradients(f, (a, b), (g1, g2))
    opt = tf.keras.optimizers.Adam(0.1)           opt = ft.optim.adam(0.1, form="keras")
    for _ in range(1001):                         ft.optim.train(polynomial, w, x, opt, steps=1001)
        opt.minimize(cost_function, [w])
    tf.nn.conv2d(image, filters, 1, "VALID")      ft.nn.conv2d(image, filters)

Nothing is recorded behind the scenes: a tape holds what its call computed, and can be played back any number of times.
"""

from pathlib import Path

import numpy as np
from worked_numbers import folder, inputs, report

import ftrans as ft

try:
    import matplotlib.pyplot as plt
except ImportError:  # then there are no plots
    plt = None

NAMES = ["Adam", "box blur"]


def square(w):
    return (w - 5) ** 2


def polynomial(w, x):
    """x0 w² + x1 w + x2: the coefficients are data, so that one function serves many problems."""
    return x[0] * w**2 + x[1] * w + x[2]


def gradients(f, xs, grad_ys=None):
    """`tf.gradients(ys, xs, grad_ys)`: the derivative of the sum of all ys = f(*xs), each weighted by its grad_y, by every x."""
    ys, pullback = ft.vjp(f, *xs)
    return pullback(ft.tree.map(np.ones_like, ys) if grad_ys is None else grad_ys)


def after(steps, loss, w, optimizer, data=()):
    """The variable after some steps of an optimiser."""
    return ft.optim.train(loss, w, data, optimizer, steps=steps).params


def minimise(w, rate, steps):
    """Keras adds ε to another root than the paper does: after one step w is 0.09999997 or 0.1."""
    keras, textbook = [ft.optim.adam(rate, form=form) for form in ("keras", "textbook")]
    coefficients = np.float32([1, -10, 25])
    last = after(steps, square, w, keras)
    assert after(steps, polynomial, w, keras, coefficients) == last, "(w - 5)² = w² - 10 w + 25"
    return {
        "Keras, step 1": after(1, square, w, keras),
        "Keras, last": last,
        "textbook, step 1": after(1, square, w, textbook),
    }


def blur(image):
    """The mean of every 3 x 3 window."""
    return ft.nn.conv2d(image[None, None], np.full((1, 1, 3, 3), 1 / 9))[0, 0]


def plot(path):
    """sin and log with their derivatives, for -10 ≤ x ≤ 10."""
    x = np.linspace(-10, 10, 401)
    figure, axes = plt.subplots(1, 2, figsize=(9, 3), layout="constrained")
    for ax, f, xs in zip(axes, (np.sin, np.log), (x, x[x > 0]), strict=True):
        ax.plot(xs, f(xs), color="#0072b2", label=f.__name__)
        ax.plot(xs, ft.vmap(ft.grad(f))(xs), color="#d55e00", linestyle="--", label="its derivative")
        ax.set(xlabel="x", xlim=(-10, 10), ylim=(-3, 3))
        ax.legend(frameon=False)
    figure.savefig(path)
    plt.close(figure)


def main(out: Path) -> dict:
    x = np.linspace(-10, 10, 401)
    assert np.allclose(ft.vmap(ft.grad(np.sin))(x), np.cos(x))

    # tf.gradients: the sum over ys, and weighted
    a, b = 3.0, 2.0
    both = lambda a, b: (a * b, a**2)
    assert gradients(both, (a, b)) == (b + 2 * a, a)
    assert gradients(both, (a, b), (10.0, -1.0)) == (10 * b - 2 * a, 10 * a)

    # the tape can be played back more than once
    cost, tape = ft.vjp(polynomial, np.float32(2), np.float32([1, -10, 25]))
    dw, dx = tape(np.float32(1))
    assert (cost, dw) == (9, -6)
    assert np.array_equal(dx, [4, 2, 1])

    # hinge loss: right by a margin of one or more costs nothing
    score, label = np.array([2.0, 0.5, -1.0]), np.array([1.0, 1.0, 1.0])
    assert np.array_equal(ft.nn.hinge_loss(score, label), [0, 0.5, 2])
    assert np.array_equal(gradients(ft.nn.hinge_loss, (score, label))[0], [0, -1, -1])

    w, rate, steps = inputs("Adam")
    found = report("Adam", minimise(w, rate, steps))
    height, width = inputs("box blur")
    report("box blur", {"image": blur(np.arange(height * width, dtype=float).reshape(height, width))})

    ft.draw(polynomial)(np.float32(2), np.float32([1, -10, 25])).save(out / "tensorflow.svg")
    if plt is not None:
        plot(out / "sin_log.png")
    return found


if __name__ == "__main__":
    main(folder())
