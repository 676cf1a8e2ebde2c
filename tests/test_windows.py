"""Convolution and pooling are what loops compute; the laws of laws.py catch a wrong derivative of primitives below ftrans.nn."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from laws import LAWS, examples

import ftrans as ft
from ftrans.core.bind import bind
from ftrans.errors import DtypeError, ShapeError
from ftrans.ops import conv
from ftrans.ops.activations import LabelCost, LabelSlope, LogSoftmax, Relu, Softmax
from ftrans.ops.conv import Conv
from ftrans.ops.special import Xlog1py, Xlogy
from ftrans.ops.windows import WindowMax, WindowPick, WindowPlace, WindowSpread, WindowSum, WindowWinner, places

PRIMITIVES = [
    Conv, WindowMax, WindowPick, WindowPlace, WindowSpread, WindowSum, WindowWinner, Relu, Softmax, LogSoftmax, LabelCost,
    LabelSlope, Xlogy, Xlog1py,
]  # fmt: skip


@pytest.mark.parametrize("cls", PRIMITIVES, ids=lambda cls: cls.__name__)
def test_the_laws_can_fail(cls):
    """A derivative of twice the size is caught, where there is one."""

    class Wrong(cls, abstract=True):
        def jvp(self, primals, tangents, out):
            t = super().jvp(primals, tangents, out)
            return None if t is None else 2 * t

    op, args = examples(cls)[0]
    if cls is WindowWinner:
        return
    with pytest.raises(AssertionError, match="tangent"):
        LAWS["jvp"](Wrong(*[getattr(op, name) for name in op._fields]), args)


# Convolution against its definition


@st.composite
def geometries(draw):
    """Shapes of x and w, strides, padding, dilation and groups that fit together."""
    d, groups = draw(st.integers(1, 2)), draw(st.integers(1, 3))
    size, strides, dilation = [tuple(draw(st.lists(st.integers(1, 3), min_size=d, max_size=d))) for _ in range(3)]
    padding = tuple([(draw(st.integers(0, 2)), draw(st.integers(0, 2))) for _ in range(d)])
    least = [max((k - 1) * g + 1 - sum(p), 1) for k, g, p in zip(size, dilation, padding, strict=True)]
    shape = tuple([n + draw(st.integers(0, 4)) for n in least])
    n, c, o = draw(st.integers(1, 3)), groups * draw(st.integers(1, 2)), groups * draw(st.integers(1, 2))
    return (n, c, *shape), (o, c // groups, *size), strides, padding, dilation, groups


def trilinear(x, w, y, strides, padding, dilation, groups):
    """T(x, w, y) of the module, term by term."""
    x = np.pad(x, [(0, 0), (0, 0), *padding])
    o, c = w.shape[:2]
    total = 0.0
    for p in itertools.product(*map(range, y.shape[2:])):
        for k in itertools.product(*map(range, w.shape[2:])):
            at = tuple([a * s + b * g for a, s, b, g in zip(p, strides, k, dilation, strict=True)])
            for j in range(o):
                first = j // (o // groups) * c
                total += np.sum(
                    x[(slice(None), slice(first, first + c), *at)] * w[(j, slice(None), *k)] * y[(slice(None), [j], *p)]
                )
    return total


@given(geometries(), st.sampled_from([1 << 22, 1, 300]))
@settings(max_examples=60, deadline=None)
def test_convolution_is_its_definition(geometry, block):
    """All three results pair with the third operand to T, in one block as in many."""
    x_shape, w_shape, *options = geometry
    strides, padding, dilation, groups = options
    padded = [n + sum(p) for n, p in zip(x_shape[2:], padding, strict=True)]
    y_shape = (x_shape[0], w_shape[0], *map(places, padded, w_shape[2:], strides, dilation))
    rng = np.random.default_rng(0)
    v = {"x": rng.normal(size=x_shape), "w": rng.normal(size=w_shape), "y": rng.normal(size=y_shape)}
    expected = trilinear(*v.values(), *options)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(conv, "BLOCK", block)
        for role, others in conv.OTHERS.items():
            made = Conv(role, *options, v[role].shape[2:]).eval(*[v[k] for k in others])
            assert made.shape == v[role].shape
            assert np.isclose(np.sum(made * v[role]), expected, rtol=1e-10, atol=1e-10), role


def test_an_infinite_weight_reaches_its_places_alone():
    """The transposed convolution of ones by a kernel (0, inf; 0, 0): inf where the weight is used, and 0 * inf = nan nowhere."""
    w = np.array([[[[0.0, np.inf], [0.0, 0.0]]]])
    x = Conv("x", (1, 1), ((0, 0), (0, 0)), (1, 1), 1, (4, 4)).eval(w, np.ones((1, 1, 3, 3)))
    assert np.array_equal(x[0, 0], [[0, np.inf, np.inf, np.inf]] * 3 + [[0, 0, 0, 0]])


@pytest.mark.parametrize("role", ["y", "w", "x"])
def test_shapes_that_do_not_fit_raise(role):
    op = Conv(role, (1,), ((0, 0),), (1,), 1, (3,))
    with pytest.raises(ShapeError, match="operands of shapes"):
        ft.eval_shape(lambda a, b: bind(op, a, b), np.ones((2, 3, 4)), np.ones((5, 7, 2)))


# Pooling


@given(st.integers(1, 3), st.integers(1, 3), st.integers(1, 2), st.integers(0, 5), st.booleans())
@settings(max_examples=60, deadline=None)
def test_pooling_is_a_loop(size, stride, dilation, more, with_nan):
    n = (size - 1) * dilation + 1 + more
    rng = np.random.default_rng(more)
    x = rng.integers(0, 3, (2, n, n)).astype(float)  # many ties
    if with_nan:
        x[0, rng.integers(n), rng.integers(n)] = np.nan
    fields = (size,) * 2, (stride,) * 2, (dilation,) * 2
    largest, total = WindowMax(*fields).eval(x), WindowSum(*fields).eval(x)
    winner = WindowWinner(*fields).eval(x, largest)
    picked = WindowPick(*fields).eval(x, winner)
    spread = np.zeros_like(x)
    for i, j in itertools.product(range(places(n, size, stride, dilation)), repeat=2):
        rows, columns = [slice(k * stride, k * stride + (size - 1) * dilation + 1, dilation) for k in (i, j)]
        window = x[:, rows, columns].reshape(2, -1)
        assert np.array_equal(largest[:, i, j], window.max(axis=1), equal_nan=True)
        assert np.array_equal(total[:, i, j], window.sum(axis=1), equal_nan=True)
        assert np.array_equal(winner[:, i, j], window.argmax(axis=1))  # the first, and nan counts as the largest
        assert np.array_equal(picked[:, i, j], window.max(axis=1), equal_nan=True)
        spread[:, rows, columns] += largest[:, i, j][:, None, None]
    assert np.array_equal(WindowSpread(*fields, (n, n)).eval(largest), spread, equal_nan=True)


def test_infinite_cotangents_reach_the_winner_alone():
    x = np.array([1.0, 2.0, 0.0, 0.0])
    winner = np.array([1, 0], np.uint8)
    assert np.array_equal(
        WindowPlace((2,), (2,), (1,), (4,)).eval(np.array([np.inf, np.nan]), winner), [0, np.inf, np.nan, 0], True
    )
    assert np.array_equal(WindowPick((2,), (2,), (1,)).eval(np.array([np.inf, 5.0, np.nan, 3.0]), winner), [5.0, np.nan], True)
    assert np.array_equal(ft.grad(lambda x: bind(WindowMax((2,), (2,), (1,)), x)[0])(x), [0, 1, 0, 0])


def test_windows_that_do_not_fit_raise():
    with pytest.raises(ShapeError, match=r"no window of size \(3,\) fits into an array of shape \(2,\)"):
        ft.eval_shape(lambda x: bind(WindowMax((3,), (1,), (1,)), x), np.ones(2))


# Pointwise and normalised


def test_complex_numbers_are_refused():
    for op in (Relu(), Softmax(0), LogSoftmax(0)):
        with pytest.raises(DtypeError, match="needs real"):
            ft.eval_shape(lambda x, op=op: bind(op, x), np.ones(2, complex))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_softmax_of_infinities_is_a_distribution(dtype):
    rows = np.array([[np.inf, 0, -np.inf], [np.inf, np.inf, 5], [-np.inf, -np.inf, -np.inf], [-np.inf, 1000, -1000]], dtype)
    expected = np.array([[1, 0, 0], [0.5, 0.5, 0], [1 / 3, 1 / 3, 1 / 3], [0, 1, 0]], dtype)
    assert np.array_equal(Softmax(1).eval(rows), expected)
    with np.errstate(divide="ignore"):
        assert np.allclose(LogSoftmax(1).eval(rows)[:3], np.log(expected)[:3])
    assert Softmax(1).eval(rows).dtype == dtype


def test_xlogy_at_zero():
    """0 log 0 = 0, without a warning, and with the derivative of the other terms."""
    slope = ft.grad(lambda y: bind(Xlogy(), np.array([0.0, 0.0, 2.0]), y).sum())(np.array([0.0, 3.0, 4.0]))
    assert np.array_equal(slope, [0, 0, 0.5])
    slope = ft.grad(lambda y: bind(Xlog1py(), np.array([0.0, 2.0]), y).sum())(np.array([-1.0, 3.0]))
    assert np.array_equal(slope, [0, 0.5])
