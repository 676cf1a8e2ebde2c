"""Donated arguments: their memory holds results, and nothing else ever does."""

from __future__ import annotations

import numpy as np
import pytest

import ftrans as ft
from ftrans.errors import ArgumentError

N = 10_000


def arrays(*seeds):
    return [np.random.default_rng(seed).normal(size=N) for seed in seeds]


def compiled(f, **options):
    return ft.jit(f, compile="now", **options)


def step(p, g):
    return p - 0.1 * g


def test_a_result_lies_in_the_donated_array():
    f = compiled(step, donate_argnums=0)
    for _ in range(3):
        p, g = arrays(1, 2)
        want, kept = step(p, g), g.copy()
        out = f(p, g)
        assert np.shares_memory(out, p)
        np.testing.assert_array_equal(out, want)
        np.testing.assert_array_equal(g, kept)


def test_without_donation_arguments_are_left_alone():
    p, g = arrays(1, 2)
    before = p.copy()
    assert not np.shares_memory(compiled(step)(p, g), p)
    np.testing.assert_array_equal(p, before)


def test_chains_of_kernels_and_trees():
    def update(params, grads):
        total = sum([np.sum(g * g) for g in grads.values()])
        return {k: np.tanh(params[k]) - grads[k] / total for k in params}

    f = compiled(update, donate_argnames="params")
    for _ in range(3):
        params, grads = dict(zip("ab", arrays(1, 2), strict=True)), dict(zip("ab", arrays(3, 4), strict=True))
        want = update(params, grads)
        out = f(params, grads)
        for k in "ab":
            np.testing.assert_allclose(out[k], want[k], rtol=1e-14)
            assert np.shares_memory(out[k], params[k])


@pytest.mark.parametrize("kind", ["read-only", "strided", "overlapping", "the same"])
def test_arrays_that_cannot_be_overwritten_are_left_alone(kind):
    f = compiled(step, donate_argnums=0)
    base = np.random.default_rng(5).normal(size=2 * N)
    p, g = base[:N].copy(), base[N:].copy()
    if kind == "read-only":
        p.setflags(write=False)
    elif kind == "strided":
        p = base[::2]
    elif kind == "overlapping":
        p, g = base[:N], base[1 : N + 1]
    else:
        g = p
    for _ in range(3):
        before, want = base.copy(), step(p, g)
        np.testing.assert_array_equal(f(p, g), want)
        np.testing.assert_array_equal(base, before)


def test_a_donated_array_that_is_read_again_is_kept_until_then():
    def f(x):
        y = np.exp(-x * x)
        return y, np.cumsum(y) + x

    x = arrays(3)[0]
    want = f(x)
    for got, w in zip(compiled(f, donate_argnums=0)(x), want, strict=True):
        np.testing.assert_allclose(got, w, rtol=1e-12)


def test_stencils_do_not_overwrite_what_they_read():
    def smooth(u):
        return u + np.concatenate([u[1:], u[:1]]) * 0.5, np.sum(u[1:] * u[:-1])

    u = arrays(4)[0]
    want = smooth(u)
    for got, w in zip(compiled(smooth, donate_argnums=0)(u), want, strict=True):
        np.testing.assert_allclose(got, w, rtol=1e-12)


def test_donating_what_is_static_or_missing_raises():
    with pytest.raises(ArgumentError, match="both static and donated"):
        ft.jit(step, static_argnums=1, donate_argnums=1)
    with pytest.raises(ArgumentError, match="donate_argnums=5"):
        ft.jit(step, donate_argnums=5)
    with pytest.raises(ArgumentError, match="no parameter named 'w'"):
        ft.jit(step, donate_argnames="w")


def test_nothing_is_overwritten_before_all_indices_are_checked():
    def f(p, g, k):
        return p - g, np.take(g, k)

    run = compiled(f, donate_argnums=0)
    p, g = arrays(1, 2)
    want = f(p, g, np.array([3, 4]))
    for got, w in zip(run(p.copy(), g, np.array([3, 4])), want, strict=True):
        np.testing.assert_array_equal(got, w)
    before = p.copy()
    with pytest.raises(IndexError):
        run(p, g, np.array([3, N]))
    np.testing.assert_array_equal(p, before)


def test_static_arguments_are_skipped_in_counting():
    def f(mode, p, g):
        return step(p, g) if mode == "down" else p + g

    p, g = arrays(1, 2)
    want = step(p, g)
    out = compiled(f, static_argnums=0, donate_argnums=1)("down", p, g)
    assert np.shares_memory(out, p)
    np.testing.assert_array_equal(out, want)
