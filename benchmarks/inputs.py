"""The arguments of the benchmarked functions: `arrays((3,), (4, 5))(k)` are the arguments in round k.

What is random comes from one seed; what must be new in every round and process (programs that no cache has seen) is salted.
"""

from __future__ import annotations

import functools
import itertools
import os
import random
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

Inputs = Callable[[int], Sequence[Any]]


def arrays(*shapes: tuple[int, ...], dtype: str = "float64") -> Inputs:
    """Arrays of these shapes with numbers in (0.1, 1), the same in every round."""

    @functools.cache
    def made() -> Sequence[Any]:
        rng = np.random.default_rng(0)
        return tuple([(0.1 + 0.9 * rng.random(shape)).astype(dtype) for shape in shapes])

    return lambda k: made()


def constant(make: Callable[[], Sequence[Any]]) -> Inputs:
    """The arguments that `make` gives, the same in every round."""
    made = functools.cache(make)
    return lambda k: made()


STEPS = ("np.sin(y)", "y * x", "y + x", "np.tanh(y)", "y - x")
SALT = int.from_bytes(os.urandom(4))  # no program is one that an earlier process has compiled and stored


def program(k: int, n: int, total: bool = False) -> Any:
    """A function of x with n elementwise operations, the same ones in another order for each k; total: it sums up its result."""
    steps = list(itertools.islice(itertools.cycle(STEPS), n))
    random.Random(SALT + k).shuffle(steps)
    lines = ["def program(x):", "    y = x", *[f"    y = {step}" for step in steps], f"    return {'np.sum(y)' if total else 'y'}"]
    scope: dict[str, Any] = {"np": np}
    exec(compile("\n".join(lines), f"<program {k} of {n} operations>", "exec"), scope)
    return scope["program"]


def programs(n: int, size: int, total: bool = False) -> Inputs:
    """(a new program, an array) for each round."""
    (x,) = arrays((size,))(0)
    return lambda k: (program(k, n, total), x)


def parameters(sizes: Sequence[int], batch: int, dtype: str) -> Sequence[Any]:
    """(the weights of a network, inputs, one-hot labels)."""
    rng = np.random.default_rng(0)
    weights = {}
    for k, (m, n) in enumerate(itertools.pairwise(sizes), 1):
        weights[f"w{k}"] = (rng.standard_normal((m, n)) / np.sqrt(m)).astype(dtype)
        weights[f"b{k}"] = np.zeros(n, dtype)
    x = rng.standard_normal((batch, sizes[0])).astype(dtype)
    return weights, x, np.eye(sizes[-1], dtype=dtype)[rng.integers(0, sizes[-1], batch)]


def regression(rows: int, columns: int) -> Sequence[Any]:
    """(weights, observations, labels -1 or 1)."""
    rng = np.random.default_rng(0)
    return rng.standard_normal(columns) / 10, rng.standard_normal((rows, columns)), np.sign(rng.standard_normal(rows))


def normal(*shapes: tuple[int, ...], dtype: str = "float64") -> Inputs:
    """Arrays of these shapes with standard normal numbers."""

    def made() -> Sequence[Any]:
        rng = np.random.default_rng(1)
        return tuple([rng.standard_normal(shape).astype(dtype) for shape in shapes])

    return constant(made)


def hundred() -> Sequence[Any]:
    """A dict of 100 3-vectors."""
    return ({f"w{k}": np.full(3, float(k)) for k in range(100)},)


def turn() -> Sequence[Any]:
    """(axis, angle, 3-vector)."""
    return np.ones(3), np.float64(0.3), np.arange(3.0)


def spaced(n: int) -> Sequence[Any]:
    """n numbers from 0.1 to 0.9."""
    return (np.linspace(0.1, 0.9, n),)


def disc(n: int) -> Sequence[Any]:
    """n x n complex numbers for which z*z + c stays bounded."""
    rng = np.random.default_rng(2)
    return (0.24 * np.sqrt(rng.random((n, n))) * np.exp(2j * np.pi * rng.random((n, n))),)


def window(n: int) -> Sequence[Any]:
    """The real and imaginary parts of n x n points around the Mandelbrot set."""
    y, x = np.meshgrid(np.linspace(-1.2, 1.2, n), np.linspace(-2.1, 0.7, n), indexing="ij")
    return np.ascontiguousarray(x), np.ascontiguousarray(y)


def words(n: int) -> Sequence[Any]:
    """n random 32-bit words."""
    return (np.random.default_rng(3).integers(0, 2**32, n, dtype=np.uint32),)


def cells(n: int) -> Sequence[Any]:
    """n x n cells, a third of them alive."""
    return ((np.random.default_rng(4).random((n, n)) < 1 / 3).astype(np.int8),)


def labelled(rows: int, classes: int) -> Sequence[Any]:
    """(float32 scores, int64 labels)."""
    rng = np.random.default_rng(5)
    return rng.standard_normal((rows, classes)).astype("float32"), rng.integers(0, classes, rows)


def vocabulary(words: int, width: int, picked: int) -> Sequence[Any]:
    """(a float32 table, int64 rows of it, float32 weights of what is picked)."""
    rng = np.random.default_rng(6)
    table = rng.standard_normal((words, width)).astype("float32")
    return table, rng.integers(0, words, picked), rng.standard_normal((picked, width)).astype("float32")


def dominant(n: int) -> Sequence[Any]:
    """(a diagonally dominant matrix, a right side)."""
    rng = np.random.default_rng(7)
    return rng.standard_normal((n, n)) / n + 2.0 * np.eye(n), rng.standard_normal(n)


def mixture(points: int, parts: int, width: int) -> Sequence[Any]:
    """(means, logarithms of standard deviations, of weights, points) of a Gaussian mixture."""
    rng = np.random.default_rng(8)
    means, deviations = rng.standard_normal((2, parts, width))
    return means, deviations / 4, np.log(np.full(parts, 1 / parts)), 2.0 * rng.standard_normal((points, width))


def training(count: int, size: int) -> Sequence[Any]:
    """(weights, gradients, first and second moments) as dicts of matrices, and the step number."""
    rng = np.random.default_rng(9)
    trees = [{f"w{k}": rng.standard_normal((size, size)).astype("float32") for k in range(count)} for _ in range(3)]
    return *trees, {key: v * v for key, v in trees[1].items()}, np.float32(10.0)


def tracking(n: int) -> Sequence[Any]:
    """(state, covariance, transition, one measurement and its row) of a Kalman filter with n states."""
    rng = np.random.default_rng(10)
    a = rng.standard_normal((n, n))
    return rng.standard_normal(n), a @ a.T + np.eye(n), np.eye(n) + a / 10, np.float64(0.5), rng.standard_normal(n)


def cell(batch: int, inputs: int, hidden: int) -> Sequence[Any]:
    """(weights of an LSTM cell, its input, hidden and cell state), float32."""
    rng = np.random.default_rng(11)
    weights = {
        "wx": rng.standard_normal((inputs, 4 * hidden)) / np.sqrt(inputs),
        "wh": rng.standard_normal((hidden, 4 * hidden)) / np.sqrt(hidden),
        "b": np.zeros(4 * hidden),
    }
    states = [rng.standard_normal((batch, n)).astype("float32") for n in (inputs, hidden, hidden)]
    return {key: w.astype("float32") for key, w in weights.items()}, *states
