"""Arrays put together of shifted parts are read where they are: the values of NumPy, and gradients, without making them."""

from __future__ import annotations

import numpy as np
import pytest

import ftrans as ft


def heat(u):
    for _ in range(3):
        u = u + 0.1 * (np.roll(u, 1, 0) + np.roll(u, -1, 0) + np.roll(u, 1, 1) + np.roll(u, -1, 1) - 4 * u)
    return u


def convolution(x):
    return np.sin(x[4:] * 0.3 + x[3:-1] * 0.2 + x[2:-2] + x[1:-3] * 0.1 + x[:-4] * 0.5)


def variation(x):
    return np.abs(x[1:, :] - x[:-1, :]).sum() + ((x[:, 1:] - x[:, :-1]) ** 2).sum()


def padded(u):
    c = u[1:-1, 1:-1]
    return np.pad(c + 0.2 * (u[2:, 1:-1] + u[:-2, 1:-1] + u[1:-1, 2:] + u[1:-1, :-2] - 4 * c), 1) * 2 + u


def ring(u):
    for _ in range(3):
        f = 0.5 * u * u
        u = 0.5 * (np.roll(u, 1) + np.roll(u, -1)) - 0.1 * (np.roll(f, -1) - np.roll(f, 1))
    return u


def written(u):
    v = u.copy()
    v[3, 1:5] = 7.0
    v[2:9] *= 2
    w = np.concatenate([u[:40], v[40:] * 3])
    return np.exp(-w * v) + np.roll(w, 3, 1)[::-1]


def joined(u):
    middle = np.concatenate([u[:, :10], np.ones((u.shape[0], 3)), u[:, 13:]], axis=1)
    return middle * u + np.pad(u[5:, 2:], ((5, 0), (0, 2)), constant_values=2.5)


def covered(u):
    v = np.exp(u - u.mean()) * 2
    v[50:150] = np.exp(u[:100])  # computed before what it covers
    v[100:250] = np.exp(u[:150] - v.mean())  # and after
    return v


def divided(u):
    part = np.exp(u) * 2
    rest = np.exp(np.sort(u[::-1]) * 0.1)  # NumPy sorts, so that there are two native programs
    return np.concatenate([part, rest])


PROGRAMS = {
    heat: (70, 60),
    convolution: (9000,),
    variation: (80, 90),
    padded: (70, 60),
    ring: (5000,),
    written: (60, 70),
    joined: (60, 70),
    covered: (5000,),
    divided: (5000,),
}


def kernels(f, *args):
    return [item for item in ft.jit(f).lower(*args).plan if hasattr(item, "kernel")]


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("f", PROGRAMS, ids=lambda f: f.__name__)
def test_results_and_gradients_are_numpys(f, threads):
    x = np.random.default_rng(0).normal(size=PROGRAMS[f])

    def energy(x):
        return np.sum(f(x) ** 2)

    compiled, slope, want = ft.jit(f, compile="now"), ft.jit(ft.grad(energy), compile="now"), ft.grad(energy)(x)
    with ft.config.set(threads=threads):
        for y in (x, np.asfortranarray(x), np.repeat(x, 2, axis=0)[::2]):
            for _ in range(3):
                np.testing.assert_allclose(compiled(y), f(y), rtol=1e-13, atol=1e-13)
                np.testing.assert_allclose(slope(y), want, rtol=1e-11, atol=1e-11)


def test_shifts_are_not_made():
    groups = kernels(heat, np.ones((70, 60)))
    assert all(g.boxed for g in groups)
    assert len({g.kernel for g in groups}) == 1  # one kernel, run on nine boxes in each step
    assert len(groups) == 27


def test_an_assembled_array_that_is_also_a_result_is_made():
    def f(x):
        y = np.roll(x, 1)
        return y, y * 2 + x

    x = np.arange(5000.0)
    for got, want in zip(ft.jit(f, compile="now")(x), f(x), strict=True):
        np.testing.assert_array_equal(got, want)
    assert not any(g.boxed for g in kernels(f, x))


def test_large_programs_on_threads():
    x = np.random.default_rng(1).normal(size=(1200, 1000))
    with ft.config.set(threads=3):
        compiled = ft.jit(heat, compile="now")
        for _ in range(3):
            np.testing.assert_allclose(compiled(x), heat(x), rtol=1e-13, atol=1e-13)


def test_variables_that_a_plan_adds_are_different():
    """The row of zeros at the ends, and the partial sums of a large reduction."""

    def f(x):
        y = np.zeros_like(x)
        y[2:] += x[:-2] * 2
        y[:-3] += x[3:]
        return np.sum(y * y * x)

    x = np.random.default_rng(2).normal(size=300_000)
    value, slope = ft.jit(ft.value_and_grad(f), compile="now")(x)
    np.testing.assert_allclose(value, f(x), rtol=1e-10)
    np.testing.assert_allclose(slope, ft.grad(f)(x), rtol=1e-10, atol=1e-10)


def random_program(seed, u):
    """A few arrays put together of parts of others, computed earlier and later, some by NumPy."""
    rng, size = np.random.default_rng(seed), u.size
    values = [u, np.sin(u)]
    for _ in range(rng.integers(3, 9)):
        a, b = [values[k] for k in rng.integers(len(values), size=2)]
        n = int(rng.integers(1, size // 2))
        i, s = int(rng.integers(0, size // 2)), int(rng.integers(0, size - n))
        match rng.integers(8):
            case 0:
                v = np.exp(a * 0.1) + b
            case 1:
                v = np.roll(a, i) * b
            case 2:
                v = np.concatenate([np.tanh(a[:s]), np.sin(b[s : s + n]), a[s + n :]])
            case 3:
                v = np.pad(np.sin(a[n:]), (i % n, n - i % n))
            case 4:
                v = np.sort(a)[::-1] * 0.5
            case 5:
                v = a / (1 + np.abs(b.mean()))
            case 6:
                v = np.cos(a * b.mean())
                v[s : s + n] = np.tanh(b)[s : s + n]
                v[i : i + 10] = np.sin(a[:10] - b.mean())
            case _:
                v = np.cos(a)
                v[s : s + n] *= np.sin(b[i : i + n])
        values.append(v)
    return [*[values[k] for k in rng.integers(1, len(values), 2)], values[-1], values[-1].sum()]


@pytest.mark.parametrize("seeds", [range(k, k + 20) for k in range(0, 100, 20)], ids=str)
def test_random_programs(seeds):
    compiled = ft.jit(random_program, static_argnums=0, compile="now")
    for seed in seeds:
        u = np.random.default_rng(seed).normal(size=3000)
        for got, want in zip(compiled(seed, u), random_program(seed, u), strict=True):
            np.testing.assert_allclose(got, want, rtol=1e-9, atol=1e-9, err_msg=f"seed {seed}")


def test_a_long_program_of_boxes_is_one_segment():
    def steps(u):
        for _ in range(100):
            c = u[1:-1, 1:-1]
            u = np.pad(c + 0.2 * (u[2:, 1:-1] + u[:-2, 1:-1] + u[1:-1, 2:] + u[1:-1, :-2] - 4.0 * c), 1)
        return np.sum(u * u)

    u = np.random.default_rng(3).normal(size=(60, 50))
    slope = ft.jit(ft.grad(steps), compile="now")
    np.testing.assert_allclose(slope(u), ft.grad(steps)(u), rtol=1e-9, atol=1e-12)
