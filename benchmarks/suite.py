"""The peer suite: ordinary numerical programs, forward and with gradient, at the sizes at which they are measured.

    SUITE["suite: elementwise"]   # the works of one of its tables, for compare.py and asv

Every program runs compiled in ftrans and in JAX from one source; NumPy runs it as it is, numba runs loops written by hand
(loops.py) where that is natural. The gradient, together with the value, is that of the program's result, or of the sum of squares
of its results where that is no number. Forward results are compared with NumPy's; gradients with differences of NumPy's values and,
element by element, with each other.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from . import hand, inputs, loops, programs, tasks
from .inputs import Inputs, arrays, constant, normal
from .libraries import Transform, by_ftrans, by_jax, by_numba, by_numpy, plain, value_and_grad
from .work import Work

STEP = 1e-6  # of central differences; arguments are of the size of 1


def energy(result: Any) -> Any:
    """A number from a result: itself, or the sum of squares of what is in it."""
    if isinstance(result, tuple | list):
        return sum([energy(x) for x in result])
    return (result * result).sum() if result.ndim else result


def of_energy(library: Any, f: Any) -> Any:
    """The value and gradient of the energy of f's result."""
    return value_and_grad(library, lambda *args: energy(f(*args)))


def repeated(steps: int, transform: Transform = plain) -> Transform:
    """A program of equal steps for JAX, in its own loop: unrolled, XLA needs up to a minute to compile them and they run slower."""
    return lambda jax, f: transform(jax, lambda x: jax.lax.fori_loop(0, steps, lambda k, y: f(y, 1), x))


def double(x: Any) -> Any:
    """Arguments in float64."""
    if isinstance(x, dict):
        return {key: double(v) for key, v in x.items()}
    return x.astype(np.float64) if x.dtype == np.float32 else x


def moved(x: Any, direction: Any, h: float) -> Any:
    """x + h direction, of arrays or dicts of them."""
    if isinstance(x, dict):
        return {key: x[key] + h * direction[key] for key in x}
    return x + h * direction


def signs(x: Any, rng: np.random.Generator) -> Any:
    """A random direction: 1 or -1 for every number."""
    return {key: signs(v, rng) for key, v in x.items()} if isinstance(x, dict) else rng.choice([-1.0, 1.0], x.shape)


def total(slope: Any, direction: Any) -> tuple[float, float]:
    """(the inner product of a gradient with a direction, how large it typically is)."""
    if isinstance(slope, dict):
        parts = [total(slope[key], direction[key]) for key in slope]
        return sum([a for a, _ in parts]), float(np.sqrt(sum([b * b for _, b in parts])))
    g = np.asarray(slope, dtype=np.float64)
    return float(np.sum(g * direction)), float(np.sqrt(np.sum(g * g)))


def as_differences_say(f: Any) -> Callable[[Sequence[Any], Any], None]:
    """The proof of a value and gradient: the value is NumPy's, and the gradient gives its change along a random direction."""

    def proof(args: Sequence[Any], result: Any) -> None:
        value, slope = result
        exact, *rest = [double(x) for x in args]
        single = np.asarray(value).dtype == np.float32
        np.testing.assert_allclose(value, energy(f(exact, *rest)), rtol=1e-3 if single else 1e-9, err_msg="value")
        direction = signs(exact, np.random.default_rng(20))
        up, down = [float(energy(f(moved(exact, direction, h), *rest))) for h in (STEP, -STEP)]
        expected = (up - down) / (2 * STEP)
        given, size = total(slope, direction)
        tolerance = (1e-3 if single else 1e-5) * size + 1e-15 * abs(up) / STEP  # and the rounding of the difference
        assert abs(given - expected) <= tolerance, f"gradient: {given} along a direction, NumPy's differences give {expected}"

    return proof


def forward(name: str, f: Any, given: Inputs, written: Any = None, jax: Transform = plain) -> Work:
    """A program as compiled as it gets; written: its loops by hand, jax: how JAX is given it."""
    sides = {"ftrans": by_ftrans(plain, f, "now"), "jax": by_jax(jax, f, jit=True), "numpy": by_numpy(f)}
    return Work(name, given, sides | ({"numba": by_numba(written)} if written else {}), covers=("jit",))


def gradient(name: str, f: Any, given: Inputs, by_hand: Any = None, written: Any = None, jax: Transform = of_energy) -> Work:
    """The value and gradient of a program in its first argument; by_hand: in NumPy, written: in loops."""
    sides = {"ftrans": by_ftrans(of_energy, f, "now"), "jax": by_jax(jax, f, jit=True)}
    sides |= ({"numpy": by_numpy(by_hand)} if by_hand else {}) | ({"numba": by_numba(written)} if written else {})
    return Work(f"gradient: {name}", given, sides, covers=("jit", "value_and_grad"), proof=as_differences_say(f))


def both(name: str, f: Any, given: Inputs, written: Any = None, slopes: Any = None, steps: int = 0) -> list[Work]:
    """A program, and its gradient; written, slopes: their loops by hand; steps: JAX is given so many in a loop."""
    in_jax, slopes_in_jax = (repeated(steps), repeated(steps, of_energy)) if steps else (plain, of_energy)
    return [forward(name, f, given, written, in_jax), gradient(name, f, given, written=slopes, jax=slopes_in_jax)]


SMALL = [
    forward("sin(x)*2+1 of a 3-vector", programs.sine, arrays((3,)), loops.sine),
    forward("dict of 100 3-vectors", tasks.halve_all, constant(inputs.hundred)),
    *both("rotation of a 3-vector", programs.rotated, constant(inputs.turn), loops.rotated),
    *both("Rosenbrock of 10", programs.rosenbrock, normal((10,)), loops.rosenbrock, loops.rosenbrock_slope),
    *both("Kalman update of 4 states", programs.kalman, constant(lambda: inputs.tracking(4))),
    forward("Adam update of 10 matrices of 64x64, float32", programs.adam, constant(lambda: inputs.training(10, 64))),
]  # fmt: skip

ELEMENTWISE = [
    *both("Black-Scholes of 1e6", tasks.black_scholes, arrays(*[(10**6,)] * 3), hand.black_scholes),
    *both("polynomial of 1e6", tasks.polynomial, arrays((10**6,), (10**6,)), hand.polynomial, loops.polynomial_slope),
    *both("gelu of 1e6, float32", tasks.gelu, normal((10**6,), dtype="float32"), hand.gelu),
    *both("Huber loss of 1e6", programs.huber, normal((10**6,), (10**6,)), loops.huber, loops.huber_slope),
    *both("haversine of 1e5", programs.haversine, arrays(*[(10**5,)] * 4), loops.haversine),
    *both("masks of 1e6, float32", programs.masked, normal((10**6,), (10**6,), dtype="float32"), loops.masked),
    forward("Mandelbrot, 20 steps of 300x300", programs.escape, constant(lambda: inputs.window(300)), loops.escape),
    forward("Julia, 10 complex steps of 300x300", programs.julia, constant(lambda: inputs.disc(300)), loops.julia),
    *both("logistic map, 20 steps of 1e5", programs.logistic_map, constant(lambda: inputs.spaced(10**5)), loops.logistic_map),
    *both("Lorenz, 20 Runge-Kutta steps of 1e4", programs.lorenz, normal((3, 10**4)), loops.lorenz, steps=20),
    forward("hash of 1e6 words", programs.hashed, constant(lambda: inputs.words(10**6)), loops.hashed),
    forward("complex demodulation of 1e5", programs.demodulated, constant(
        lambda: (np.exp(1j * np.arange(1e5)), np.arange(1e5))), loops.demodulated),
]  # fmt: skip

REDUCTIONS = [
    *both("softmax 2000x500, float32", tasks.softmax, normal((2000, 500), dtype="float32"), loops.softmax),
    *both("logsumexp of rows 2000x500", programs.logsumexp, normal((2000, 500)), loops.logsumexp),
    *both("variance over axis 0 of 2000x500", tasks.variance, normal((2000, 500)), loops.variance),
    *both("mean, deviation, skewness of 1e6", programs.moments, normal((10**6,)), loops.moments),
    *both("layer norm 512x768, float32", programs.layer_norm, normal((512, 768), (768,), (768,), dtype="float32"),
        loops.layer_norm),
    *both("cross entropy 1024x1000, float32", programs.cross_entropy, constant(lambda: inputs.labelled(1024, 1000)),
        loops.cross_entropy),
    *both("Gaussian mixture, 1e4 points, 8 parts", programs.mixture, constant(lambda: inputs.mixture(10**4, 8, 2)), loops.mixture),
    *both("RBF kernel matrix 500x500", programs.kernel_matrix, normal((500, 3), (500, 3)), loops.kernel_matrix),
    forward("nearest of 64 centres, 5000 points", programs.nearest, normal((5000, 8), (64, 8)), loops.nearest),
    *both("Rosenbrock of 1e5", programs.rosenbrock, normal((10**5,)), loops.rosenbrock, loops.rosenbrock_slope),
    forward("potential of 400 bodies", tasks.potential, normal((400, 3)), loops.potential),
    gradient("potential of 400 bodies", tasks.potential, normal((400, 3)), hand.potential, hand.potential_loops),
]  # fmt: skip

PRODUCTS = [
    gradient("logistic regression 10000x100", tasks.logistic, constant(lambda: inputs.regression(10_000, 100)), hand.logistic),
    gradient("MLP 784-256-10, batch 128, float32", tasks.mlp, constant(
        lambda: inputs.parameters((784, 256, 10), 128, "float32")), hand.mlp),
    *both("ridge loss 10000x100", programs.ridge, normal((100,), (10_000, 100), (10_000,))),
    *both("attention, 8 heads of 128x64, float32", programs.attention, normal(*[(8, 128, 64)] * 3, dtype="float32")),
    *both("LSTM cell 64x128, float32", programs.lstm, constant(lambda: inputs.cell(64, 128, 128))),
    *both("512 products of 16x16, float32", programs.products, normal(*[(512, 16, 16)] * 2, dtype="float32"), loops.products),
    *both("covariance of 10000x50", programs.covariance, normal((10_000, 50))),
    forward("k-means step, 5000 points, 16 centres", programs.k_means, normal((5000, 16), (16, 16))),
    *both("quadratic features 1000x30", programs.quadratic_features, normal((900,), (1000, 30)), loops.quadratic_features),
    forward("Jacobi, 10 steps of 300x300", programs.jacobi, constant(lambda: inputs.dominant(300))),
]  # fmt: skip

NEIGHBOURS = [
    *both("heat, 100 steps of 200x200", programs.heat, arrays((200, 200)), loops.heat, steps=100),
    *both("finite volumes, 10 steps of 1e5", programs.burgers, arrays((10**5,)), loops.burgers, steps=10),
    forward("game of life, 10 steps of 256x256, int8", programs.life, constant(lambda: inputs.cells(256)), loops.life,
        repeated(10)),
    *both("convolution of 1e6 by slices", programs.smoothed, normal((10**6,), (9,)), loops.smoothed),
    *both("total variation of 500x500", programs.total_variation, normal((500, 500)), loops.total_variation),
    *both("Haar wavelet of 2**17", programs.haar, normal((2**17,)), loops.haar),
    *both("embedding, 4096 rows of 10000x64, float32", programs.embedded, constant(
        lambda: inputs.vocabulary(10_000, 64, 4096)), loops.embedded),
    forward("sort 1e5", programs.sort, normal((10**5,)), loops.sort),
    *both("cumulative sum of 1e6", programs.cumulative_sum, normal((10**6,)), loops.cumulative_sum),
    *both("cumulative product of 1e5", programs.wealth, normal((10**5,)), loops.wealth),
]  # fmt: skip

SUITE = {
    "suite: small": tuple(SMALL), "suite: elementwise": tuple(ELEMENTWISE), "suite: reductions": tuple(REDUCTIONS),
    "suite: products": tuple(PRODUCTS), "suite: neighbours": tuple(NEIGHBOURS),
}  # fmt: skip
