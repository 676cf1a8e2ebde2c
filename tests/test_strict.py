"""Strict mode: broadcasts that are rarely meant raise, at the user's line, under every transformation and from jit's cache too."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

import ftrans as ft

TARGET = np.ones(4)
COLUMN = np.full((4, 1), 0.5)


def loss(predicted):
    return np.mean((predicted - TARGET) ** 2)  # (4, 1) - (4,) is (4, 4)


CALLS = {
    "grad": lambda: ft.grad(loss)(COLUMN),
    "jvp": lambda: ft.jvp(loss, (COLUMN,), (COLUMN,)),
    "vjp": lambda: ft.vjp(loss, COLUMN),
    "jit": lambda: ft.jit(loss)(COLUMN),
    "jit of grad": lambda: ft.jit(ft.grad(loss))(COLUMN),
    "grad of jit": lambda: ft.grad(ft.jit(loss))(COLUMN),
    "vmap": lambda: ft.vmap(loss)(np.ones((3, 4, 1))),
    "make_jaxpr": lambda: ft.make_jaxpr(loss)(COLUMN),
    "eval_shape": lambda: ft.eval_shape(loss, COLUMN),
}


@pytest.mark.parametrize("name", CALLS)
def test_a_column_against_a_row_raises_in_strict_mode_only(name):
    CALLS[name]()
    with ft.strict(), pytest.raises(ft.errors.RankPromotionError) as caught:
        CALLS[name]()
    message = str(caught.value)
    assert "shapes (4, 1) and (4,) have different ranks and are broadcast to (4, 4)" in message
    assert "in loss: return np.mean((predicted - TARGET) ** 2)" in message
    assert "ft.strict() forbids it" in message
    assert isinstance(caught.value, ValueError)
    CALLS[name]()


def test_a_trace_made_before_does_not_hide_it():
    f = ft.jit(loss)
    before = f(COLUMN), f(COLUMN)
    with ft.strict(), pytest.raises(ft.errors.RankPromotionError):
        f(COLUMN)
    assert (f(COLUMN), f(COLUMN)) == before


def test_what_is_meant_passes_strict_mode():
    x, w, b = np.ones((5, 3)), np.ones((3, 2)), np.ones(2)

    def net(w, b):
        table = x[:, None, 0] - x[None, :, 0]  # both of rank 2: meant
        return np.sum(np.tanh(x @ w + b)) + np.sum(table * 2.0) + np.sum(b / b.sum())

    plain = ft.grad(net, argnums=(0, 1))(w, b)
    with ft.strict():
        checked = ft.grad(net, argnums=(0, 1))(w, b)
    for g, h in zip(plain, checked, strict=True):
        np.testing.assert_array_equal(g, h)


def test_rank_promotion_as_in_jax():
    def f(x):
        return np.sum(x + np.ones(3))

    x = np.ones((2, 3))
    with ft.numpy_rank_promotion("raise"), pytest.raises(ft.errors.RankPromotionError, match=r'numpy_rank_promotion\("raise"\)'):
        ft.grad(f)(x)
    with ft.numpy_rank_promotion("warn"), pytest.warns(ft.errors.FtransWarning, match=r"shapes \(2, 3\) and \(3,\)"):
        ft.grad(f)(x)
    with warnings.catch_warnings(), ft.numpy_rank_promotion("raise"):
        warnings.simplefilter("error")
        ft.grad(lambda x: np.sum(x * 2.0 + np.float64(1.0)))(x)  # scalars are no promotion
    with pytest.raises(ft.errors.ArgumentError, match="must be one of"), ft.numpy_rank_promotion("never"):
        pass


FUNCTIONS = [
    np.mean, np.var, np.std, np.prod, np.cumsum, np.median, np.ptp, np.cov, np.corrcoef, np.diff, np.trapezoid,
    lambda x: np.linalg.norm(x, axis=1), lambda x: np.percentile(x, 30), lambda x: np.gradient(x)[0], lambda x: np.kron(x, x),
    lambda x: np.outer(x, x), lambda x: np.average(x, axis=1, weights=np.ones(3)), lambda x: np.vander(x[0]),
    lambda x: np.tile(x, 2), lambda x: np.interp(x, np.arange(4.0), np.arange(4.0)), lambda x: np.einsum("ij,kj->ik", x, x),
    lambda x: np.nanstd(x),
]  # fmt: skip


@pytest.mark.parametrize("k", range(len(FUNCTIONS)))
def test_functions_of_one_array_promote_nothing_inside(k):
    with ft.numpy_rank_promotion("raise"):
        ft.grad(lambda x: np.sum(FUNCTIONS[k](x)))(np.arange(6.0).reshape(2, 3) + 0.3)


def test_strict_mode_ends_with_its_block():
    with pytest.raises(ZeroDivisionError), ft.strict():
        raise ZeroDivisionError
    assert ft.config.strict is False
    with ft.strict(), ft.strict(False):
        loss_before = ft.jit(loss)(COLUMN)
    assert loss_before == loss(COLUMN)
