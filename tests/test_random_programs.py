"""Random programs under random stacks of transformations: un-jitted, cold and compiled runs agree, and agree with jax.

A program is a list of steps `(kind, i, j, k)`: a new value from the values i and j made so far, with an option k. All of them are
read modulo what there is, so that every list of steps is a program, whatever the shapes; a failure shrinks to a few steps.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

import ftrans as ft

Fun = Callable[[Any], Any]
Step = tuple[str, int, int, int]

EFFORT = int(os.environ.get("FTRANS_EFFORT", "1"))  # FTRANS_EFFORT=20 searches longer

SHAPES = [(), (1,), (3,), (2, 3), (3, 1), (0,), (2, 1, 3)]


def data(shape: tuple[int, ...], shift: float = 0.3) -> np.ndarray:
    """Generic numbers between -1.5 and 1.5."""
    return np.sin(np.arange(float(np.prod(shape))) * 1.7 + shift).reshape(shape) * 1.5


# Steps: (xp, x, y, k) -> value, where xp is numpy or jax.numpy. They keep numbers of moderate size.


def fitting(xp: Any, x: Any, y: Any) -> Any:
    """y, or its mean where it does not broadcast against x."""
    try:
        np.broadcast_shapes(x.shape, y.shape)
    except ValueError:
        return xp.sum(y) / (1 + y.size)
    return y


def axis_of(x: Any, k: int) -> int | None:
    return None if x.ndim == 0 else k % x.ndim


def unary(xp: Any, x: Any, y: Any, k: int) -> Any:
    return [
        lambda: xp.sin(x), lambda: xp.cos(x), lambda: xp.tanh(x), lambda: xp.exp(-x * x), lambda: xp.log(1.0 + x * x),
        lambda: xp.sqrt(1.5 + xp.sin(x)), lambda: -x, lambda: x * 0.5 + 1, lambda: x**2 / 2, lambda: xp.abs(x + 0.01),
    ][k % 10]()  # fmt: skip


def binary(xp: Any, x: Any, y: Any, k: int) -> Any:
    y = fitting(xp, x, y)
    return [
        lambda: x + y, lambda: x - y, lambda: x * y * 0.5, lambda: x / (2.0 + y * y), lambda: xp.maximum(x, y - 0.1),
        lambda: xp.minimum(x, 0.3), lambda: xp.where(x > y, x, y * 0.9), lambda: xp.where(y > 0.1, xp.sin(x), 0.5),
    ][k % 8]()  # fmt: skip


def reduction(xp: Any, x: Any, y: Any, k: int) -> Any:
    axis = axis_of(x, k)
    if x.size == 0:
        return xp.sum(x, axis=axis)
    return [
        lambda: xp.sum(x, axis=axis), lambda: xp.mean(x), lambda: xp.sum(x, axis=axis, keepdims=True),
        lambda: xp.max(x, axis=axis), lambda: x.mean(axis=axis), lambda: xp.sum(x) * 0.3, lambda: xp.min(x),
    ][k % 7]()  # fmt: skip


def structure(xp: Any, x: Any, y: Any, k: int) -> Any:
    if x.ndim == 0:
        return xp.reshape(x, (1,)) if k % 2 else xp.stack([x, x * 0.5])
    return [
        lambda: x.T, lambda: xp.reshape(x, (-1,)), lambda: x[::-1], lambda: x[..., None], lambda: xp.concatenate([x, x * 0.5]),
        lambda: x[:1], lambda: x[-1] if x.shape[0] else x, lambda: xp.transpose(x), lambda: x[x.shape[0] // 2 :],
        lambda: x[np.arange(x.shape[0])[::-1]], lambda: xp.stack([x, -x], axis=-1) if x.ndim < 3 else x,
    ][k % 11]()  # fmt: skip


def product(xp: Any, x: Any, y: Any, k: int) -> Any:
    if x.ndim == 0 or x.ndim > 2:
        return x * 0.7
    if k % 2 and 0 < y.ndim < 3 and x.shape[-1] == y.shape[0]:
        return x @ y * 0.3
    return (x @ x.T if x.ndim == 2 else xp.dot(x, x)) * 0.3


def store(xp: Any, x: Any, y: Any, k: int) -> Any:
    """x with a part replaced: in place in NumPy's way, with `.at` in jax's."""
    if x.ndim == 0 or x.shape[0] == 0:
        return x
    value = xp.sum(y) / (1 + y.size)
    part = [0, -1, slice(0, 1), slice(None, None, 2)][k % 4]
    if xp is not np:
        return x.at[part].set(value)
    z = x.copy()
    z[part] = value
    return z


def branch(xp: Any, x: Any, y: Any, k: int) -> Any:
    """Python control flow on a value."""
    z = x
    for _ in range(k % 3):
        z = z * 0.5 if np.sum(z) > 0.2 * k - 0.5 else z + 0.3
    return z


KINDS = {"unary": unary, "binary": binary, "reduction": reduction, "structure": structure, "product": product, "store": store}
VALUED = {**KINDS, "branch": branch}


def program(steps: list[Step], xp: Any, constant: np.ndarray) -> Fun:
    """The function x -> array that a list of steps stands for."""

    def run(x: Any) -> Any:
        values = [x, constant + 0.0 * xp.sum(x)]  # a value of the program, so that it can be written to
        for kind, i, j, k in steps:
            new = VALUED[kind](xp, values[i % len(values)], values[j % len(values)], k)
            values.append(new if new.size <= 60 else xp.sum(new, axis=0) * 0.1)
        return values[-1] + xp.sum(x) * 0.1

    return run


# Transformations: (library, xp, f) -> f', each again a function x -> array


def direction(xp: Any, x: Any) -> Any:
    return data(x.shape, 0.9).astype(x.dtype)


def lanes(xp: Any, x: Any, axis: int) -> Any:
    return xp.stack([x, x * 0.5, 0.1 - x], axis=axis)


def small(xp: Any, f: Fun) -> Fun:
    """f reduced to two numbers, so that Jacobians stay small."""

    def run(x: Any) -> Any:
        y = f(x)
        return xp.stack([xp.sum(y), xp.sum(xp.sin(y))])

    return run


def pulled(lib: Any, xp: Any, f: Fun) -> Fun:
    def run(x: Any) -> Any:
        out, pull = lib.vjp(f, x)
        return pull(xp.cos(out))[0]

    return run


def pushed(lib: Any, xp: Any, f: Fun) -> Fun:
    def run(x: Any) -> Any:
        y, push = lib.linearize(f, x)
        return push(direction(xp, x)) + y

    return run


STACK: dict[str, Callable[[Any, Any, Fun], Fun]] = {
    "grad": lambda lib, xp, f: lib.grad(lambda x: xp.sum(xp.sin(f(x)))),
    "jvp": lambda lib, xp, f: lambda x: lib.jvp(f, (x,), (direction(xp, x),))[1],
    "jvp along x": lambda lib, xp, f: lambda x: lib.jvp(f, (x,), (x * 1.0,))[1],
    "vjp": pulled,
    "linearize": pushed,
    "jacrev": lambda lib, xp, f: lib.jacrev(small(xp, f)),
    "jacfwd": lambda lib, xp, f: lib.jacfwd(small(xp, f)),
    "jit": lambda lib, xp, f: lib.jit(f),
    "vmap": lambda lib, xp, f: lambda x: lib.vmap(f)(lanes(xp, x, 0)),
    "vmap last": lambda lib, xp, f: lambda x: lib.vmap(f, in_axes=-1, out_axes=-1)(lanes(xp, x, -1)),
    "vmap of shared": lambda lib, xp, f: lambda x: lib.vmap(lambda s, x: f(x * s), in_axes=(0, None))(data((2,)), x),
}
WITHOUT_VMAP = [name for name in STACK if not name.startswith("vmap")]

numbers = st.integers(0, 30)


def programs(kinds: Any, most: int = 8) -> st.SearchStrategy[list[Step]]:
    return st.lists(st.tuples(st.sampled_from(sorted(kinds)), numbers, numbers, numbers), min_size=3, max_size=most)


def stacked(names: list[str], lib: Any, xp: Any, f: Fun) -> Fun:
    for name in names:
        f = STACK[name](lib, xp, f)
    return f


def close(got: Any, want: Any, what: str, tol: float = 1e-9) -> None:
    """The same up to rounding, relative to the largest number."""
    got, want = np.asarray(got), np.asarray(want)
    assert got.shape == want.shape, f"{what}: shape {got.shape}, expected {want.shape}"
    assert got.dtype == want.dtype, f"{what}: dtype {got.dtype}, expected {want.dtype}"
    scale = 1.0 + float(np.max(np.abs(want), initial=0.0))
    np.testing.assert_allclose(got, want, rtol=0, atol=tol * scale, err_msg=what)


def tiers_agree(steps: list[Step], names: list[str], shape: tuple[int, ...], *, compiled: bool, dtype: str = "float64") -> None:
    """Un-jitted, jitted but cold (twice, the second time from the cache), and compiled."""
    x, c = data(shape).astype(dtype), data((3,), 2.57).astype(dtype)
    tol = 1e-9 if dtype == "float64" else 2e-4
    f = stacked(names, ft, np, program(steps, np, c))
    want = f(x)
    close(f(x), want, "a second un-jitted call", 0.0)
    cold = ft.jit(f, compile="never")
    close(cold(x), want, "cold jit", tol)
    close(cold(x), want, "cold jit, second call", tol)
    other = data(shape, 1.1).astype(dtype)
    close(cold(other), f(other), "cold jit on other values", tol)
    if compiled:
        hot = ft.jit(f, compile="now")
        close(hot(x), want, "compiled", tol)
        close(hot(other), f(other), "compiled, on other values", tol)


@settings(max_examples=40 * EFFORT)
@given(programs(VALUED), st.sampled_from(SHAPES))
def test_jit_is_the_function(steps, shape):
    """Without transformations: plain NumPy is the reference, in value, shape and dtype."""
    x, c = data(shape), data((3,), 2.57)
    f = program(steps, np, c)
    want = np.asarray(f(x))
    for mode in ("never", "hot"):
        g = ft.jit(f, compile=mode)
        for _ in range(2):
            close(g(x), want, mode, 1e-12)


@settings(max_examples=60 * EFFORT)
@given(programs(KINDS), st.lists(st.sampled_from(sorted(STACK)), min_size=1, max_size=4), st.sampled_from(SHAPES))
@example([("unary", 0, 0, 0), ("product", 2, 0, 0)], ["grad", "vmap", "jit", "grad"], (3,))
@example([("reduction", 0, 0, 3)], ["vmap last", "jacrev"], (2, 3))
@example([("unary", 0, 0, 2)], ["jvp along x", "jvp along x", "grad", "grad"], ())
def test_cold(steps, names, shape):
    tiers_agree(steps, names, shape, compiled=False)


@settings(max_examples=12 * EFFORT)
@given(programs(KINDS), st.lists(st.sampled_from(sorted(STACK)), min_size=1, max_size=3), st.sampled_from(SHAPES))
def test_single_precision(steps, names, shape):
    tiers_agree(steps, names, shape, compiled=True, dtype="float32")


@settings(max_examples=12 * EFFORT)
@given(programs(KINDS, 5), st.lists(st.sampled_from(sorted(STACK)), max_size=3), st.sampled_from(SHAPES))
def test_compiled(steps, names, shape):
    tiers_agree(steps, names, shape, compiled=True)


@settings(max_examples=40 * EFFORT)
@given(programs(VALUED), st.lists(st.sampled_from(WITHOUT_VMAP), min_size=1, max_size=4), st.sampled_from(SHAPES))
def test_control_flow(steps, names, shape):
    tiers_agree([*steps, ("branch", len(steps) + 1, 0, 2)], names, shape, compiled=False)


@settings(max_examples=20 * EFFORT)
@given(programs(KINDS, 5), st.lists(st.sampled_from(sorted(STACK)), min_size=1, max_size=2), st.sampled_from(SHAPES))
def test_derivative_along_a_line(steps, names, shape):
    """The outermost derivative is the central difference of what stands below it."""
    x, c = data(shape), data((3,), 2.57)
    v = data(shape, 0.9)
    f = stacked(names, ft, np, program(steps, np, c))
    dot = ft.jvp(f, (x,), (v,))[1]

    def slope(h: float) -> Any:
        one, two = np.asarray(f(x + h * v)) - f(x - h * v), np.asarray(f(x + 2 * h * v)) - f(x - 2 * h * v)
        return np.asarray((8 * one - two) / (12 * h), np.asarray(dot).dtype)

    rough, fine = slope(1e-4), slope(5e-5)
    scale = 1.0 + float(np.max(np.abs(fine), initial=0.0))
    assume(np.allclose(rough, fine, rtol=0, atol=1e-7 * scale))  # else a jump of `where` or `abs` is between the points
    close(dot, fine, "jvp against central differences", 1e-6)


@pytest.mark.oracle
@settings(max_examples=25 * EFFORT)
@given(programs(KINDS, 5), st.lists(st.sampled_from(sorted(STACK)), max_size=3), st.sampled_from(SHAPES))
def test_jax(steps, names, shape):
    """The same program under the same transformations in jax."""
    jax, jnp = oracle()
    x, c = data(shape), data((3,), 2.57)
    ours = stacked(names, ft, np, program(steps, np, c))(x)
    theirs = stacked([n for n in names if n != "jit"], jax, jnp, program(steps, jnp, jnp.asarray(c)))(jnp.asarray(x))
    close(ours, np.asarray(theirs), f"against jax under {names}", 1e-9)


def oracle() -> tuple[Any, Any]:
    """jax in double precision, on the CPU."""
    os.environ.setdefault("JAX_PLATFORMS", "cpu")
    jax = pytest.importorskip("jax")
    jax.config.update("jax_enable_x64", True)
    return jax, jax.numpy


@pytest.mark.smoke
@pytest.mark.parametrize("names", [[], ["grad"], ["vmap", "grad"], ["grad", "vmap last", "jvp", "jit"], ["jacrev", "vjp"]])
def test_smoke(names):
    steps = [("unary", 0, 0, 0), ("binary", 2, 1, 2), ("structure", 3, 0, 1), ("reduction", 4, 0, 0), ("binary", 0, 5, 3)]
    tiers_agree(steps, names, (3,), compiled=False)
