"""Convolution, pooling and layers: PyTorch's and JAX's values and gradients; layers are pytrees under every transformation."""

from __future__ import annotations

import dataclasses
import functools
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import ftrans as ft
from ftrans import nn
from ftrans.errors import ArgumentError, DtypeError, ShapeError

RNG = np.random.default_rng(0)


def close(x, y, dtype):
    """Equal to the precision of a dtype, relative to the largest number."""
    x, y = np.asarray(x), np.asarray(y)
    tolerance = 1e-10 if dtype == np.float64 else 1e-5
    return (
        x.shape == y.shape and x.dtype == dtype and np.allclose(x, y, rtol=tolerance, atol=tolerance * np.max(np.abs(y), initial=1))
    )


def slopes_of(f, args, weight):
    """The gradients of sum(weight * f(*args)) in all arguments."""
    return ft.grad(lambda *xs: (f(*xs) * weight).sum(), tuple(range(len(args))))(*args)


def assert_torchs(mine, theirs, args, dtype):
    """Values and gradients are PyTorch's, un-jitted and jitted."""
    torch = pytest.importorskip("torch")
    tensors = [torch.tensor(v, requires_grad=True) for v in args]
    out = theirs(*tensors)
    weight = np.random.default_rng(1).normal(size=tuple(out.shape)).astype(dtype)
    (out * torch.tensor(weight)).sum().backward()
    assert close(mine(*args), out.detach().numpy(), dtype)
    assert close(ft.jit(mine, compile="never")(*args), out.detach().numpy(), dtype)
    for slope, t in zip(slopes_of(mine, args, weight), tensors, strict=True):
        assert close(slope, t.grad.numpy(), dtype)


# Convolution


def test_box_blur():
    x = np.arange(25.0).reshape(1, 1, 5, 5)
    blurred = nn.conv2d(x, np.full((1, 1, 3, 3), 1 / 9))
    assert np.allclose(blurred, [[[[6, 7, 8], [11, 12, 13], [16, 17, 18]]]], rtol=0, atol=1e-9)
    assert np.allclose(nn.conv2d(x[0], np.full((1, 1, 3, 3), 1 / 9)), blurred[0])
    assert nn.conv2d(x.astype(int), np.ones((1, 1, 3, 3), int)).dtype == np.int64


def test_the_kernel_is_not_turned():
    """A cross-correlation: out[p] = sum of w[k] x[p + k]."""
    x, w = np.arange(6.0).reshape(1, 2, 3), np.array([[[[1.0, 10.0], [100.0, 1000.0]]]])
    assert np.array_equal(nn.conv2d(x, w), [[[0 + 10 + 300 + 4000, 1 + 20 + 400 + 5000]]])


@st.composite
def convolutions(draw):
    """x, w and options of conv2d (or conv1d) that PyTorch has too."""
    d, groups = draw(st.integers(1, 2)), draw(st.integers(1, 3))
    size, strides, dilation, padding = [tuple(draw(st.lists(st.integers(1, 3), min_size=d, max_size=d))) for _ in range(4)]
    padding = tuple([p - 1 for p in padding])
    least = [max((k - 1) * g + 1 - 2 * p, 1) for k, g, p in zip(size, dilation, padding, strict=True)]
    shape = tuple([n + draw(st.integers(0, 5)) for n in least])
    n, c, o = draw(st.integers(1, 3)), groups * draw(st.integers(1, 2)), groups * draw(st.integers(1, 2))
    options = {"strides": strides, "padding": padding, "dilation": dilation, "groups": groups}
    return d, (n, c, *shape), (o, c // groups, *size), options


@given(convolutions(), st.sampled_from([np.float32, np.float64]))
@settings(max_examples=40, deadline=None)
def test_convolution_is_torchs(case, dtype):
    f = pytest.importorskip("torch").nn.functional
    d, x_shape, w_shape, options = case
    args = [np.random.default_rng(0).normal(size=shape).astype(dtype) for shape in (x_shape, w_shape)]
    mine, theirs = (nn.conv2d, f.conv2d) if d == 2 else (nn.conv1d, f.conv1d)
    named = {"stride": options["strides"], **{k: v for k, v in options.items() if k != "strides"}}
    assert_torchs(lambda x, w: mine(x, w, **options), lambda x, w: theirs(x, w, **named), args, dtype)


@pytest.mark.oracle
@pytest.mark.parametrize(
    ("shape", "size", "stride", "dilation"),  # JAX compiles each: 0.3 s
    [((7, 4), (3, 2), 1, 2), ((6, 5), (2, 3), 2, 1), ((7, 3), (3, 1), 3, 1)],
)
def test_same_padding_is_jaxs(shape, size, stride, dilation):
    """Even and odd sizes, zeros odd in number, windows wider than their step and narrower; also with the channels last."""
    jax = pytest.importorskip("jax")
    jax.config.update("jax_enable_x64", True)
    rng = np.random.default_rng(0)
    x, w = rng.normal(size=(2, 3, *shape)), rng.normal(size=(4, 3, *size))
    options = {"strides": stride, "padding": "SAME", "dilation": dilation}
    convolved = lambda w: jax.lax.conv_general_dilated(x, w, (stride,) * 2, "SAME", rhs_dilation=(dilation,) * 2)
    theirs, pull = jax.vjp(convolved, w)
    mine = nn.conv2d(x, w, **options)
    assert close(mine, theirs, np.float64)
    last = nn.conv2d(np.moveaxis(x, 1, -1), w.transpose(2, 3, 1, 0), **options, data_format="NHWC")
    assert close(np.moveaxis(last, -1, 1), mine, np.float64)
    weight = rng.normal(size=mine.shape)
    assert close(slopes_of(lambda w: nn.conv2d(x, w, **options), [w], weight)[0], pull(weight)[0], np.float64)


def test_padding_in_words_and_numbers():
    x, w = RNG.normal(size=(1, 2, 5, 6)), RNG.normal(size=(3, 2, 3, 2))
    same = nn.conv2d(x, w, padding="SAME")
    assert np.array_equal(nn.conv2d(x, w, padding=((1, 1), (0, 1))), same)
    assert np.array_equal(nn.conv2d(x, w, padding="same"), same)
    assert np.array_equal(nn.conv2d(x, w, padding=[1, 2]), nn.conv2d(np.pad(x, [(0, 0), (0, 0), (1, 1), (2, 2)]), w))
    assert np.array_equal(nn.conv2d(x, w, padding=1), nn.conv2d(x, w, padding=(1, 1)))
    assert np.array_equal(nn.conv2d(x, w, padding="VALID"), nn.conv2d(x, w))


@pytest.mark.parametrize("axes", [(0, None), (None, 0), (0, 0)])
@pytest.mark.parametrize("groups", [1, 2])
def test_convolution_under_vmap(axes, groups):
    """Of images, of weights, of both: values and per-example gradients."""
    x, w = RNG.normal(size=(3, 2, 4, 5, 5)), RNG.normal(size=(3, 4, 4 // groups, 3, 3))
    args = [v if a == 0 else v[0] for v, a in zip((x, w), axes, strict=True)]
    f = lambda x, w: nn.conv2d(x, w, strides=2, padding=1, groups=groups)
    g = ft.grad(lambda x, w: (f(x, w) ** 2).sum(), (0, 1))
    rows = [[v[k] if a == 0 else v for v, a in zip(args, axes, strict=True)] for k in range(3)]
    assert np.allclose(ft.vmap(f, in_axes=axes)(*args), [f(*row) for row in rows])
    for mine, theirs in zip(ft.vmap(g, in_axes=axes)(*args), zip(*[g(*row) for row in rows], strict=True), strict=True):
        assert np.allclose(mine, theirs)


def test_second_derivatives_of_convolution():
    """Four ways to one product with the Hessian."""
    x, w, v = RNG.normal(size=(2, 2, 4, 4)), RNG.normal(size=(3, 2, 2, 2)), RNG.normal(size=(3, 2, 2, 2))
    f = lambda w: (np.tanh(nn.conv2d(x, w, dilation=2)) ** 2).sum()
    expected = np.tensordot(ft.hessian(f)(w), v, 4)
    assert np.allclose(ft.jvp(ft.grad(f), (w,), (v,))[1], expected)
    assert np.allclose(ft.grad(lambda w: (ft.grad(f)(w) * v).sum())(w), expected)
    assert np.allclose(ft.grad(lambda w: ft.jvp(f, (w,), (v,))[1])(w), expected)


CONV_ERRORS = [
    (
        (5, 5),
        (1, 1, 3, 3),
        {},
        r"conv2d: the input has shape \(5, 5\), expected \(batch, channels, height, width\) or .*\n.*\n.*x\[None\]",
    ),
    ((5,), (1, 1, 3), {}, r"conv2d: the input has shape \(5,\)"),
    ((1, 1, 5, 5), (3, 3), {}, r"conv2d: the weights have shape \(3, 3\), expected 4 axes: \(out, in / groups, height, width\)"),
    ((5, 5, 3), (3, 3), {"data_format": "NHWC"}, r"expected 4 axes: \(height, width, in / groups, out\)"),
    (
        (5, 5, 3),
        (3, 3, 4, 8),
        {"data_format": "NHWC"},
        r"shape \(5, 5, 3\) has 3 channels, the weights of shape \(3, 3, 4, 8\) take 4\n",
    ),
    (
        (5, 5),
        (3, 3, 4, 8),
        {"data_format": "NHWC"},
        r"\(5, 5\), expected \(batch, height, width, channels\) .*\n.*\n.*x\[..., None\] adds",
    ),
    (
        (1, 3, 5, 5),
        (8, 4, 3, 3),
        {},
        r"the input of shape \(1, 3, 5, 5\) has 3 channels, the weights of shape \(8, 4, 3, 3\) take 4\n",
    ),
    ((1, 4, 5, 5), (8, 4, 3, 3), {"groups": 2}, r"has 4 channels, the weights of shape \(8, 4, 3, 3\) take 4 in each of 2 groups"),
    (
        (1, 4, 5, 5),
        (9, 2, 3, 3),
        {"groups": 2},
        r"groups=2 must divide the 4 channels of the input and the 9 channels of the output",
    ),
    ((1, 3, 5, 5), (8, 1, 3, 3), {"groups": 0}, r"groups=0 must divide"),
    (
        (1, 1, 2, 5),
        (1, 1, 3, 3),
        {},
        r"a window of shape \(3, 3\) does not fit into the input of spatial shape \(2, 5\)\n.*\n.*SAME",
    ),
    (
        (1, 1, 2, 5),
        (1, 1, 3, 3),
        {"padding": (1, 0), "dilation": 3},
        r"shape \(7, 7\) does not fit .* \(2, 5\), padded to \(4, 5\)",
    ),
    ((1, 3, 5, 5), (3, 3, 3, 8), {"data_format": "NCWH"}, r"data_format must be 'NCHW' or 'NHWC', got 'NCWH'"),
    ((1, 1, 5, 5), (1, 1, 3, 3), {"padding": "FULL"}, r"padding must be 'VALID', 'SAME', an int, 2 ints or 2 pairs .*, got 'FULL'"),
    ((1, 1, 5, 5), (1, 1, 3, 3), {"padding": (1, 1, 1)}, r"got \(1, 1, 1\)"),
    ((1, 1, 5, 5), (1, 1, 3, 3), {"padding": -1}, r"none negative, got -1"),
    ((1, 1, 5, 5), (1, 1, 3, 3), {"strides": 0}, r"strides must be a positive int or 2 of them, got 0"),
    ((1, 1, 5, 5), (1, 1, 3, 3), {"strides": 2.0}, r"strides must be a positive int or 2 of them, got 2.0"),
    ((1, 2, 5, 5), (2, 1, 3, 3), {"groups": 2.0}, r"groups must be a positive int, got 2.0"),
    ((1, 1, 5, 5), (1, 1, 3, 3), {"dilation": (1, 2, 3)}, r"dilation must be a positive int or 2 of them, got \(1, 2, 3\)"),
]


@pytest.mark.parametrize(("x", "w", "options", "message"), CONV_ERRORS)
def test_wrong_convolutions(x, w, options, message):
    """The message has the shapes and the user's line, traced or not."""
    f = lambda x, w: nn.conv2d(x, w, **options)
    for call in (f, ft.jit(f)):
        with pytest.raises((ShapeError, ArgumentError), match=message) as caught:
            call(np.ones(x), np.ones(w))
        assert "test_nn_layers.py" in str(caught.value)


# Pooling


@given(st.data(), st.sampled_from([np.float32, np.float64]))
@settings(max_examples=40, deadline=None)
def test_pooling_is_torchs(data, dtype):
    """Ties included."""
    f = pytest.importorskip("torch").nn.functional
    pick = lambda low, high: data.draw(st.tuples(st.integers(low, high), st.integers(low, high)))
    window, strides, dilation = pick(1, 3), pick(1, 3), pick(1, 2)
    padding = tuple([data.draw(st.integers(0, k // 2)) for k in window])
    least = [(k - 1) * g + 1 for k, g in zip(window, dilation, strict=True)]
    x = np.random.default_rng(0).integers(0, 3, (2, 3, *[n + data.draw(st.integers(0, 4)) for n in least])).astype(dtype)
    named = {"stride": strides, "padding": padding}
    assert_torchs(
        lambda x: nn.max_pool(x, window, strides=strides, padding=padding, dilation=dilation),
        lambda x: f.max_pool2d(x, window, dilation=dilation, **named),
        [x],
        dtype,
    )
    for counted in (True, False):
        assert_torchs(
            lambda x, c=counted: nn.avg_pool(x, window, strides=strides, padding=padding, count_include_pad=c),
            lambda x, c=counted: f.avg_pool2d(x, window, count_include_pad=c, **named),
            [x],
            dtype,
        )


def test_pooling_layouts():
    x = RNG.normal(size=(2, 3, 6, 5))
    last = np.moveaxis(x, 1, -1)
    for pool in (nn.max_pool, nn.avg_pool):
        expected = pool(x, 2)
        assert np.array_equal(np.moveaxis(pool(last, 2, data_format="NHWC"), -1, 1), expected)
        assert np.array_equal(ft.vmap(lambda v, pool=pool: pool(v, (2, 2)))(x), expected)
        assert np.array_equal(pool(x[0, 0], 2), expected[0, 0])
        assert pool(x, (5,), strides=1).shape == (2, 3, 6, 1)
        assert pool(x, 3, padding="SAME").shape == (2, 3, 2, 2)
    assert np.allclose(nn.avg_pool(x, (6, 5))[..., 0, 0], x.mean(axis=(2, 3)))


@pytest.mark.parametrize("wrap", [lambda f: f, lambda f: ft.jit(f, compile="now"), ft.vmap])
def test_no_derivative_of_max_pool_goes_to_the_padding(wrap):
    x = np.full((1, 4, 4), -np.inf)
    x[0, 2, 2] = 3.0
    weights = np.arange(1.0, 10.0).reshape(1, 3, 3)
    slope = wrap(ft.grad(lambda x: (nn.max_pool(x, 2, padding=1) * weights[0]).sum()))(x)
    want = np.zeros((1, 4, 4))  # for each window the first of its elements that is inside, but 3 for the window that has it
    for place, weight in {
        (0, 0): 1,
        (0, 1): 2,
        (0, 3): 3,
        (1, 0): 4,
        (2, 2): 5,
        (1, 3): 6,
        (3, 0): 7,
        (3, 1): 8,
        (3, 3): 9,
    }.items():
        want[0][place] = weight
    assert np.array_equal(slope, want)


def test_the_layers_of_a_sequential_are_replaced():
    model = nn.Sequential(nn.Linear(np.eye(2)), nn.relu)
    other = dataclasses.replace(model, layers=[*model.layers, np.tanh])
    assert repr(other) == "Sequential(Linear(weight=f64[2,2]), relu, tanh)"
    assert other[0] is model[0]
    assert np.array_equal(other(np.array([-1.0, 2.0])), np.tanh([0.0, 2.0]))


@pytest.mark.parametrize("bias", [(4, 1), (7,), (1,)])
def test_a_bias_is_not_broadcast(bias):
    with pytest.raises(
        ShapeError, match=r"Linear: the bias has shape .*, expected \(2,\) for weights of shape \(3, 2\)\n.*test_nn_layers"
    ):
        nn.Linear(np.zeros((3, 2)), np.zeros(bias))(np.zeros((4, 3)))
    with pytest.raises(ShapeError, match=r"Conv: the bias has shape .*, expected \(2,\) for weights of shape \(2, 1, 3, 3\)"):
        nn.Conv(np.zeros((2, 1, 3, 3)), np.zeros(bias))(np.zeros((1, 5, 5)))


def test_max_pool_of_complex_numbers_is_refused():
    with pytest.raises(DtypeError, match="max_pool needs real numbers, got dtype complex128"):
        nn.max_pool(np.zeros((4, 4)) * 1j, 2, padding=1)


def test_max_pool_of_other_numbers():
    assert np.array_equal(nn.max_pool(np.array([-5, -7, -9], np.int8), (2,), strides=2, padding=((1, 0),)), [-5, -7])
    assert np.array_equal(nn.max_pool(np.array([True, False]), (2,)), [True])
    assert np.isnan(nn.max_pool(np.array([1.0, np.nan, 2.0, 3.0]), (2,))).tolist() == [True, False]
    assert np.array_equal(ft.grad(lambda x: nn.max_pool(x, (2,))[0])(np.array([1.0, 1.0])), [1, 0])  # the first wins


@pytest.mark.parametrize(
    ("shape", "window", "options", "message"),
    [
        ((2, 2), 3, {}, r"max_pool: a window of shape \(3, 3\) does not fit into the input of spatial shape \(2, 2\)"),
        ((4,), 2, {}, r"max_pool: a window of 2 axes does not fit into an input of shape \(4,\)"),
        ((4, 4), 2, {"padding": 2}, r"max_pool: the padding \(\(2, 2\), \(2, 2\)\) must be smaller than the window \(2, 2\)"),
        ((4, 4), 0, {}, r"max_pool: window must be a positive int or 2 of them, got 0"),
        ((4, 4), (1, 1, 1, 1), {}, r"max_pool: a window has 1 to 3 axes, got \(1, 1, 1, 1\)"),
        ((4, 4), 2, {"data_format": "NWC"}, r"max_pool: data_format must be 'NCHW' or 'NHWC', got 'NWC'"),
    ],
)
def test_wrong_pooling(shape, window, options, message):
    with pytest.raises((ShapeError, ArgumentError), match=message) as caught:
        nn.max_pool(np.ones(shape), window, **options)
    assert "test_nn_layers.py" in str(caught.value)


# Layers


def small_model(dtype=np.float64, seed=0):
    rng = np.random.default_rng(seed)
    return nn.Sequential(
        nn.Conv.init(rng, 1, 3, 3, padding="SAME", dtype=dtype),
        nn.relu,
        nn.MaxPool(2),
        nn.AvgPool(2, strides=1),
        nn.Flatten(),
        nn.LayerNorm.init(3, dtype=dtype),
        nn.Dropout(0.5),
        nn.Linear.init(rng, 3, 4, dtype=dtype),
    )


def batch(dtype=np.float64):
    rng = np.random.default_rng(1)
    return rng.normal(size=(5, 1, 4, 4)).astype(dtype), rng.integers(0, 4, 5)


def loss(model, x, y):
    return nn.softmax_cross_entropy_with_integer_labels(model(x), y).mean()


def equal(a, b):
    return ft.tree.structure(a) == ft.tree.structure(b) and ft.tree.all(
        ft.tree.map(lambda x, y: np.allclose(x, y, rtol=1e-7), a, b)
    )


def torch_model(model):
    """The same network in PyTorch, with the same parameters."""
    torch = pytest.importorskip("torch")
    t = torch.nn
    net = t.Sequential(
        t.Conv2d(1, 3, 3, padding="same"), t.ReLU(), t.MaxPool2d(2), t.AvgPool2d(2, 1), t.Flatten(), t.LayerNorm(3), t.Linear(3, 4)
    ).double()
    values = [*ft.tree.leaves(model)]
    values[-2] = values[-2].T
    with torch.no_grad():
        for p, v in zip(net.parameters(), values, strict=True):
            p.copy_(torch.tensor(np.array(v)))
    return net


def test_model_is_torchs():
    """A whole network: loss, gradient, and the loss after steps of gradient descent."""
    torch = pytest.importorskip("torch")
    model, (x, y) = small_model(), batch()
    net = torch_model(model)
    optimiser = torch.optim.SGD(net.parameters(), lr=0.5)
    step = ft.jit(ft.value_and_grad(loss))
    for _ in range(20):
        value, slope = step(model, x, y)
        optimiser.zero_grad()
        theirs = torch.nn.functional.cross_entropy(net(torch.tensor(x)), torch.tensor(y))
        theirs.backward()
        assert np.isclose(value, theirs.item(), rtol=1e-10)
        mine = ft.tree.leaves(slope)
        mine[-2] = mine[-2].T
        for g, p in zip(mine, net.parameters(), strict=True):
            assert np.allclose(g, p.grad.numpy(), rtol=1e-8, atol=1e-12)
        optimiser.step()
        model = ft.tree.map(lambda p, g: p - 0.5 * g, model, slope)


def test_a_layer_is_a_pytree_under_every_transformation():
    """grad, jvp, vjp, vmap over examples and over stacked layers, jit in each tier, Hessian-vector products."""
    model, (x, y) = small_model(), batch()
    slope = ft.grad(loss)(model, x, y)
    assert type(slope) is nn.Sequential
    assert [type(v) for v in slope] == [type(v) for v in model]
    for tier in ("never", "now"):
        assert equal(ft.jit(ft.grad(loss), compile=tier)(model, x, y), slope)
    _, directional = ft.jvp(lambda m: loss(m, x, y), (model,), (slope,))
    squares = sum([np.sum(g**2) for g in ft.tree.leaves(slope)])
    assert np.isclose(directional, squares)
    value, pull = ft.vjp(lambda m: loss(m, x, y), model)
    assert equal(pull(np.ones_like(value))[0], slope)
    each = ft.vmap(ft.grad(loss), in_axes=(None, 0, 0))(model, x, y)
    assert equal(ft.tree.map(lambda g: g.mean(axis=0), each), slope)
    product = ft.hvp(lambda m: loss(m, x, y), (model,), (slope,))
    step = 1e-6
    ahead, behind = [ft.grad(loss)(ft.tree.map(lambda p, g, h=h: p + h * g, model, slope), x, y) for h in (step, -step)]
    difference = ft.tree.map(lambda a, b: (a - b) / (2 * step), ahead, behind)
    for a, b in zip(ft.tree.leaves(product), ft.tree.leaves(difference), strict=True):
        assert np.allclose(a, b, rtol=1e-5, atol=1e-7)


def test_an_ensemble_is_a_stacked_layer():
    models, (x, y) = [small_model(seed=k) for k in range(3)], batch()
    stacked = ft.tree.map(lambda *ps: np.stack(ps), *models)
    values, slopes = ft.vmap(ft.value_and_grad(loss), in_axes=(0, None, None))(stacked, x, y)
    assert np.allclose(values, [loss(m, x, y) for m in models])
    assert equal(slopes, ft.tree.map(lambda *gs: np.stack(gs), *[ft.grad(loss)(m, x, y) for m in models]))


def test_float32_stays():
    model, (x, y) = small_model(np.float32), batch(np.float32)
    value, slope = ft.jit(ft.value_and_grad(loss))(model, x, y)
    assert value.dtype == np.float32
    assert {g.dtype for g in ft.tree.leaves(slope)} == {np.dtype(np.float32)}


def test_training_and_evaluation():
    """Dropout acts when a generator is passed, reproducibly."""
    model, (x, _) = small_model(), batch()
    assert np.array_equal(model(x), model(x))
    one, same, other = [model(x, rng=np.random.default_rng(k)) for k in (0, 0, 1)]
    assert np.array_equal(one, same)
    assert not np.array_equal(one, other)
    assert not np.array_equal(one, model(x))
    nested = nn.Sequential(nn.Sequential(nn.Dropout(0.5)))
    assert (nested(np.ones(100), rng=np.random.default_rng(0)) == 0).any()


def test_layers_are_values():
    layer = nn.Linear(np.eye(2), np.ones(2))
    assert dataclasses.replace(layer, bias=None)(np.array([1.0, 2.0])).tolist() == [1.0, 2.0]
    with pytest.raises(dataclasses.FrozenInstanceError):
        layer.weight = np.zeros((2, 2))
    assert len(ft.tree.leaves(layer)) == 2
    assert len(ft.tree.leaves(nn.Linear(np.eye(2)))) == 1
    assert ft.tree.map(lambda x: x, layer) is not layer
    assert nn.MaxPool(2)(np.ones((4, 4))).shape == (2, 2)
    model = small_model()
    assert len(model) == 8
    assert repr(model[7]) == "Linear(weight=f64[3,4], bias=f64[4])"
    assert repr(nn.Sequential(nn.relu, nn.Dropout(0.5))) == "Sequential(relu, Dropout(rate=0.5))"


def test_options_are_part_of_the_structure():
    one, other = nn.Conv(np.ones((1, 1, 1, 1)), strides=1), nn.Conv(np.ones((1, 1, 1, 1)), strides=2)
    assert ft.tree.structure(one) != ft.tree.structure(other)
    assert ft.tree.structure(nn.Sequential(nn.relu)) != ft.tree.structure(nn.Sequential(nn.tanh))
    call = ft.jit(lambda m, x: m(x))
    x = np.ones((1, 4, 4))
    assert [call(m, x).shape for m in (one, other, one)] == [(1, 4, 4), (1, 2, 2), (1, 4, 4)]


def test_channels_last():
    rng = np.random.default_rng
    first = nn.Conv.init(rng(0), 3, 4, 3, strides=2, padding=[1, 1])
    last = nn.Conv.init(rng(0), 3, 4, 3, strides=2, padding=[1, 1], data_format="NHWC")
    bias = RNG.normal(size=4)
    first, last = dataclasses.replace(first, bias=bias), dataclasses.replace(last, bias=bias)
    x = RNG.normal(size=(2, 3, 6, 6))
    assert np.allclose(np.moveaxis(last(np.moveaxis(x, 1, -1)), -1, 1), first(x))
    sequence = nn.Conv.init(rng(0), 3, 4, (5,))
    assert sequence.weight.shape == (4, 3, 5)
    assert sequence(np.ones((2, 3, 9))).shape == (2, 4, 5)


def test_own_layers():
    """A dataclass that is called is a layer."""

    @dataclasses.dataclass
    class Scale:
        factor: np.ndarray
        power: int = dataclasses.field(default=1, metadata={"static": True})

        def __call__(self, x):
            return x * self.factor**self.power

    model = nn.Sequential(Scale(np.array(3.0), 2), nn.Dropout(0.0))
    slope = ft.grad(lambda m: m(2.0, rng=np.random.default_rng(0)))(model)
    assert slope[0].factor == 12
    assert slope[0].power == 2


def test_embedding():
    table = nn.Embedding.init(np.random.default_rng(0), 5, 3)
    ids = np.array([[0, 4], [0, 1]])
    assert np.array_equal(table(ids), table.weight[ids])
    slope = ft.grad(lambda t: t(ids).sum())(table)
    assert np.array_equal(slope.weight[:, 0], [2, 1, 0, 0, 1])
    for wrong in (np.array([5]), np.array([-1])):
        with pytest.raises(ArgumentError, match=rf"Embedding: indices must lie between 0 and 4, got {wrong[0]}\n.*\n.*`number`"):
            table(wrong)
        with pytest.raises(IndexError):
            ft.jit(lambda t, i: t(i))(table, wrong)
    with pytest.raises(DtypeError, match="Embedding: indices must be integers, got dtype float64"):
        table(np.ones(2))


def test_strict_mode():
    """No layer and no loss broadcasts as `ft.strict` forbids it."""
    model, (x, y) = small_model(), batch()
    scores = RNG.normal(size=(5, 4))
    with ft.strict():
        assert np.isfinite(ft.grad(lambda m: loss(m, x, y))(model)[7].bias).all()
        for f in (nn.one_hot, nn.softmax_cross_entropy_with_integer_labels, nn.multiclass_hinge_loss):
            assert ft.jit(lambda s, y, f=f: f(y, 4) if f is nn.one_hot else f(s, y))(scores, y).shape[0] == 5
        assert ft.jit(lambda x: nn.avg_pool(x, 2, padding=1, count_include_pad=False))(x).shape == (5, 1, 3, 3)


def test_wrong_layers():
    with pytest.raises(
        ShapeError, match=r"Linear: the input has shape \(5, 3\), but the weights have shape \(4, 2\)\n.*\n.*must have size 4"
    ):
        nn.Linear(np.ones((4, 2)))(np.ones((5, 3)))
    with pytest.raises(ShapeError, match=r"Conv: groups=2 must divide the 3 input channels and the 4 output channels"):
        nn.Conv.init(np.random.default_rng(0), 3, 4, 3, groups=2)
    with pytest.raises(
        ArgumentError, match=r"Sequential: layer 0 cannot be called on an input: \[.*\n.*\n.*Sequential\(\*layers\)"
    ):
        nn.Sequential([nn.relu])
    with pytest.raises(ArgumentError, match=r"layer 1 cannot be called .*\n.*\n.*give an instance or a function"):
        nn.Sequential(nn.relu, nn.Dropout)
    with pytest.raises(ShapeError, match=r"Flatten: an input of shape \(2, 3\) has no 3 axes to make one of"):
        nn.Flatten()(np.ones((2, 3)))


def test_a_wrong_generator_is_reported_by_the_layer():
    for call, who in (
        (lambda: nn.Linear.init(0, 3, 4), "Linear"),
        (lambda: nn.Linear.init(0, 3, 4, weight_init=nn.init.he_normal), "Linear"),
        (lambda: nn.Conv.init(0, 3, 4, 3), "Conv"),
        (lambda: nn.Embedding.init(0, 3, 4), "Embedding"),
    ):
        with pytest.raises(ArgumentError, match=rf"^{who}.init: rng must be a np.random.Generator, got 0\n.*\n.*default_rng"):
            call()
    assert nn.Linear.init(None, 3, 4, weight_init=nn.init.ones).weight.shape == (3, 4)  # nothing is drawn


def test_dropout_checks_its_rate_when_it_is_made():
    for rate in (1.5, -0.1, float("nan"), "a", None):
        with pytest.raises(ArgumentError, match=r"^Dropout: the rate must lie between 0 and 1, got .*\n  at .*test_nn_layers.py"):
            nn.Dropout(rate)
    layer = dataclasses.replace(nn.Dropout(0), rate=np.float32(0.5))
    assert repr(ft.tree.map(lambda x: x, layer)) == repr(layer)
    assert ft.jit(lambda m, x: m(x))(layer, np.ones(3)).tolist() == [1, 1, 1]


# Without values


def alexnet(rng, groups=1):
    """Krizhevsky et al. (2012), as a sequence of layers."""
    conv, linear = functools.partial(nn.Conv.init, rng), functools.partial(nn.Linear.init, rng)
    return nn.Sequential(
        conv(3, 96, 11, strides=4), nn.relu, nn.MaxPool(3, 2),
        conv(96, 256, 5, padding=2, groups=groups), nn.relu, nn.MaxPool(3, 2),
        conv(256, 384, 3, padding=1), nn.relu,
        conv(384, 384, 3, padding=1, groups=groups), nn.relu,
        conv(384, 256, 3, padding=1, groups=groups), nn.relu, nn.MaxPool(3, 2),
        nn.Flatten(),
        linear(9216, 4096), nn.relu, nn.Dropout(0.5),
        linear(4096, 4096), nn.relu, nn.Dropout(0.5),
        linear(4096, 1000), nn.softmax,
    )  # fmt: skip


def test_alexnet_without_allocating_it():
    """Shapes, parameters, output and the jaxpr of the gradient, in less than 5 MB."""
    images = ft.ShapeDtypeStruct((128, 3, 227, 227), np.float32)
    tracemalloc.start()
    try:
        shapes = nn.shapes(alexnet)
        assert nn.count_parameters(shapes) == 62_378_344
        assert nn.count_parameters(nn.shapes(alexnet, groups=2)) == 60_965_224
        out = ft.eval_shape(lambda m, x: m(x), shapes, images)
        assert out.shape == (128, 1000)
        ft.make_jaxpr(ft.grad(lambda m, x: np.log(m(x)[:, 0]).sum()))(shapes, images)
        assert tracemalloc.get_traced_memory()[1] < 5e6
    finally:
        tracemalloc.stop()
    assert shapes[0].weight == ft.ShapeDtypeStruct((96, 3, 11, 11), np.float64)
    sizes = [
        ft.eval_shape(lambda m, x, k=k: nn.Sequential(*m[:k])(x), shapes, images).shape[1:] for k in (1, 3, 6, 8, 10, 12, 13, 14)
    ]
    expected = [(96, 55, 55), (96, 27, 27), (256, 13, 13), (384, 13, 13), (384, 13, 13), (256, 13, 13), (256, 6, 6), (9216,)]
    assert sizes == expected


def test_shapes_is_what_init_gives():
    rng = np.random.default_rng(0)
    inits = [getattr(nn.init, name) for name in ("zeros", "ones", "uniform", "normal", "lecun_uniform", "he_normal", "orthogonal")]
    for init in [*inits, functools.partial(nn.init.constant, value=2.0)]:
        made = nn.shapes(init, (3, 2), np.float32)
        assert (made.shape, made.dtype) == ((3, 2), np.float32)
        assert init(rng, (3, 2), np.float32).dtype == np.float32
    own = lambda rng: {"w": rng.normal(0, 1, (2, 3)) * 0.1, "b": rng.random(3).astype(np.float32), "i": rng.integers(0, 5, 4)}
    made, real = nn.shapes(own), own(rng)
    assert {k: (v.shape, v.dtype) for k, v in made.items()} == {k: (v.shape, v.dtype) for k, v in real.items()}
    assert nn.count_parameters(made) == nn.count_parameters(real) == 9
    model = nn.Sequential(nn.Linear.init(rng, 2, 3), nn.relu, nn.MaxPool(2))
    assert repr(nn.shapes(model)) == repr(model)
    assert nn.shapes(model)[0].weight == nn.shapes({"w": model[0].weight})["w"] == ft.ShapeDtypeStruct((2, 3), np.float64)
    with pytest.raises(ArgumentError, match=r"nn.shapes: Sequential\(.* exists already .*\n.*\n.*ft.eval_shape\(lambda model, x"):
        nn.shapes(model, np.ones(2))
    with pytest.raises(ArgumentError, match=r"nn.shapes: Linear is a class .*\n.*\n.*nn.shapes\(Linear.init, "):
        nn.shapes(nn.Linear, 2, 3)
    with pytest.raises(ArgumentError, match=r"nn.shapes: rng.poisson is not known without drawing\n.*\n.*draw with random"):
        nn.shapes(lambda rng: rng.poisson(3))
