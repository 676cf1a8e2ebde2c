"""Activations, losses, normalisation and initialisers: PyTorch's values and gradients, exact at any size, with errors that help."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
import scipy.special
from hypothesis import given, settings
from hypothesis import strategies as st

import ftrans as ft
from ftrans import nn
from ftrans.errors import ArgumentError, DtypeError, ShapeError

DTYPES = [np.float32, np.float64]
TIERS = ["un-jitted", "cold", "now"]


def in_tier(tier, f):
    """f as it is, jitted but not compiled, or compiled."""
    return f if tier == "un-jitted" else ft.jit(f, compile="now" if tier == "now" else "never")


def value_and_slope(f, *args):
    """The sum of f's results and its gradients in all arguments."""
    return ft.value_and_grad(lambda *xs: f(*xs).sum(), tuple(range(len(args))))(*args)


def close(x, y, dtype):
    """Equal to the precision of a dtype, relative to the largest number."""
    x, y = np.asarray(x), np.asarray(y)
    tolerance = 1e-10 if dtype == np.float64 else 1e-5
    return x.shape == y.shape and np.allclose(x, y, rtol=tolerance, atol=tolerance * np.max(np.abs(y), initial=1.0))


# Activations against PyTorch


def torch_functions():
    f = pytest.importorskip("torch").nn.functional  # the derivative of its hardsigmoid is 1/6 in single precision
    return {
        "relu": f.relu, "relu6": f.relu6, "leaky_relu": f.leaky_relu, "elu": f.elu, "selu": f.selu, "celu": f.celu, "gelu": f.gelu,
        "silu": f.silu, "softplus": lambda x: f.softplus(x, threshold=1e9), "softsign": f.softsign, "sigmoid": f.sigmoid,
        "log_sigmoid": f.logsigmoid, "hard_sigmoid": lambda x: f.relu6(x + 3) / 6, "hard_tanh": f.hardtanh, "tanh": f.tanh,
        "mish": f.mish, "glu": f.glu, "softmax": lambda x: f.softmax(x, -1), "log_softmax": lambda x: f.log_softmax(x, -1),
    }  # fmt: skip


NAMES = [
    "relu", "relu6", "leaky_relu", "elu", "selu", "celu", "gelu", "silu", "softplus", "softsign", "sigmoid", "log_sigmoid",
    "hard_sigmoid", "hard_tanh", "tanh", "mish", "glu", "softmax", "log_softmax",
]  # fmt: skip


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", NAMES)
def test_activation_is_torchs(name, dtype):
    """Values, gradients and dtypes at random points and at every kink."""
    torch, theirs = pytest.importorskip("torch"), torch_functions()[name]
    rng = np.random.default_rng(0)
    kinks = np.array([0, -1, 1, 3, -3, 6, 0, 2], dtype)
    for x in [rng.normal(0, 3, (3, 4, 6)).astype(dtype), kinks, np.zeros((0, 4), dtype)]:
        weight = rng.normal(size=theirs(torch.tensor(x)).shape).astype(dtype)
        t = torch.tensor(x, requires_grad=True)
        out = theirs(t)
        (out * torch.tensor(weight)).sum().backward()
        mine = getattr(nn, name)(x)
        assert mine.dtype == dtype
        assert close(mine, out.detach().numpy(), dtype)
        slope = ft.grad(lambda x, w=weight: (getattr(nn, name)(x) * w).sum())(x)
        assert close(slope, t.grad.numpy(), dtype)


def test_gelu_approximate_is_torchs():
    torch = pytest.importorskip("torch")
    x = np.random.default_rng(0).normal(0, 2, 50)
    t = torch.tensor(x, requires_grad=True)
    out = torch.nn.functional.gelu(t, approximate="tanh")
    out.sum().backward()
    assert close(nn.gelu(x, approximate=True), out.detach().numpy(), np.float64)
    assert close(ft.grad(lambda x: nn.gelu(x, True).sum())(x), t.grad.numpy(), np.float64)


@pytest.mark.parametrize("tier", TIERS)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    ("name", "low", "high", "slopes"),
    [
        ("relu", 0, 1000, (0, 1)), ("leaky_relu", -10, 1000, (0.01, 1)), ("elu", -1, 1000, (0, 1)), ("celu", -1, 1000, (0, 1)),
        ("gelu", 0, 1000, (0, 1)), ("silu", 0, 1000, (0, 1)), ("softplus", 0, 1000, (0, 1)), ("sigmoid", 0, 1, (0, 0)),
        ("log_sigmoid", -1000, 0, (1, 0)), ("hard_sigmoid", 0, 1, (0, 0)), ("tanh", -1, 1, (0, 0)), ("mish", 0, 1000, (0, 1)),
    ],
)  # fmt: skip
def test_activation_at_1000(name, low, high, slopes, dtype, tier):
    """Exact, without nan and without a warning (warnings are errors here), in every tier."""
    f = getattr(nn, name)
    x = np.array([-1000, 1000] * 8, dtype)
    value, slope = in_tier(tier, lambda x: (f(x), ft.grad(lambda x: f(x).sum())(x)))(x)
    assert value.dtype == slope.dtype == dtype
    assert np.allclose(value, [low, high] * 8, rtol=1e-6, atol=0)
    assert np.allclose(slope, [*slopes] * 8, rtol=1e-6, atol=0)


@pytest.mark.parametrize("tier", TIERS)
@pytest.mark.parametrize("name", ["sigmoid", "log_sigmoid", "softplus"])
def test_activation_at_infinity(name, tier):
    expected = {"sigmoid": [0, 1], "log_sigmoid": [-np.inf, 0], "softplus": [0, np.inf]}[name]
    slopes = {"sigmoid": [0, 0], "log_sigmoid": [1, 0], "softplus": [0, 1]}[name]
    f = getattr(nn, name)
    value, slope = in_tier(tier, lambda x: (f(x), ft.grad(lambda x: f(x).sum())(x)))(np.array([-np.inf, np.inf]))
    assert np.array_equal(value, expected)
    assert np.array_equal(slope, slopes)


def test_integers_and_nan():
    assert nn.relu(np.array([-1, 2])).dtype == np.int64
    assert nn.sigmoid([0, 0]).dtype == np.float64
    for name in NAMES:
        assert np.isnan(getattr(nn, name)(np.full(2, np.nan))).all(), name


def test_logsumexp_is_scipys():
    x = np.random.default_rng(0).normal(size=(2, 3, 4)) * 500
    for axis in (None, 0, -1, (0, 2)):
        for keep in (False, True):
            assert np.allclose(nn.logsumexp(x, axis, keep), scipy.special.logsumexp(x, axis=axis, keepdims=keep), rtol=1e-14)


def test_one_hot():
    labels = np.array([[2, 0], [-1, 3]])
    expected = np.array([[[0, 0, 1], [1, 0, 0]], [[0, 0, 0], [0, 0, 0]]])
    assert np.array_equal(nn.one_hot(labels, 3), expected)
    assert np.array_equal(ft.jit(lambda v: nn.one_hot(v, 3, np.float32, axis=0))(labels), np.moveaxis(expected, -1, 0))
    assert np.array_equal(ft.vmap(lambda v: nn.one_hot(v, 3))(labels), expected)
    with pytest.raises(DtypeError, match=r"one_hot: labels must be integers, got dtype float64\n.*\n.*astype\(int\)"):
        nn.one_hot(np.ones(2), 3)


def test_glu_needs_two_halves():
    with pytest.raises(ShapeError, match=r"glu: axis -1 of an array of shape \(2, 3\) does not divide into two halves"):
        nn.glu(np.ones((2, 3)))


# Losses against PyTorch


@st.composite
def logit_rows(draw):
    """A seed, and a shape (..., classes)."""
    return draw(st.integers(0, 99)), (*draw(st.lists(st.integers(1, 3), max_size=2)), draw(st.integers(2, 4)))


@given(logit_rows(), st.sampled_from(DTYPES))
@settings(max_examples=25, deadline=None)
def test_losses_are_torchs(case, dtype):
    torch = pytest.importorskip("torch")
    f, (seed, shape) = torch.nn.functional, case
    rng = np.random.default_rng(seed)
    z, target = rng.normal(0, 3, shape).astype(dtype), rng.normal(0, 3, shape).astype(dtype)
    p, q = [scipy.special.softmax(v, -1) for v in (z, target)]
    y, sign = rng.integers(0, 2, shape).astype(dtype), np.where(target > 0, 1, -1).astype(dtype)
    labels = rng.integers(0, shape[-1], shape[:-1])
    rows, flat = z.reshape(-1, shape[-1]), torch.tensor(labels.reshape(-1))
    t = torch.tensor
    cases = [
        (lambda z: nn.squared_error(z, target), lambda z: f.mse_loss(z, t(target), reduction="none"), z),
        (lambda z: nn.l2_loss(z, target), lambda z: f.mse_loss(z, t(target), reduction="none") / 2, z),
        (lambda z: nn.absolute_error(z, target), lambda z: f.l1_loss(z, t(target), reduction="none"), z),
        (lambda z: nn.huber_loss(z, target, 1.5), lambda z: f.huber_loss(z, t(target), reduction="none", delta=1.5), z),
        (lambda z: nn.hinge_loss(z, sign), lambda z: f.relu(1 - t(sign) * z), z),
        (
            lambda z: nn.sigmoid_binary_cross_entropy(z, y),
            lambda z: f.binary_cross_entropy_with_logits(z, t(y), reduction="none"),
            z,
        ),
        (lambda p: nn.binary_cross_entropy(p, y), lambda p: f.binary_cross_entropy(p, t(y), reduction="none"), p),
        (
            lambda z: nn.softmax_cross_entropy(z, q.reshape(rows.shape)),
            lambda z: f.cross_entropy(z, t(q.reshape(rows.shape)), reduction="none"),
            rows,
        ),
        (
            lambda z: nn.softmax_cross_entropy_with_integer_labels(z, labels.reshape(-1)),
            lambda z: f.cross_entropy(z, flat, reduction="none"),
            rows,
        ),
        (lambda p: nn.kl_divergence(p, q), lambda p: f.kl_div(p.log(), t(q), reduction="none").sum(-1), p),
        (lambda z: nn.softmax_kl_divergence(z, q), lambda z: f.kl_div(f.log_softmax(z, -1), t(q), reduction="none").sum(-1), z),
        (lambda p: nn.cross_entropy(p, q), lambda p: -(t(q) * p.log()).sum(-1), p),
        (
            lambda p: nn.cross_entropy_with_integer_labels(p, labels),
            lambda p: -p.log().gather(-1, t(labels)[..., None])[..., 0],
            p,
        ),
    ]
    for k, (mine, theirs, x) in enumerate(cases):
        inner = torch.tensor(x, requires_grad=True)
        out = theirs(inner)
        out.sum().backward()
        value, (slope,) = value_and_slope(mine, x)
        assert close(mine(x), out.detach().numpy(), dtype), k
        assert close(value, out.detach().numpy().sum(), dtype), k
        assert close(slope, inner.grad.numpy(), dtype), k


def test_class_axis():
    z, labels = np.random.default_rng(0).normal(size=(2, 5, 3)), np.array([[0, 4, 2], [1, 1, 3]])
    q = nn.softmax(2 * z, 1)
    moved = np.moveaxis(z, 1, -1)
    one = nn.softmax_cross_entropy_with_integer_labels(z, labels, axis=1)
    assert np.allclose(one, nn.softmax_cross_entropy_with_integer_labels(moved, labels))
    assert np.allclose(nn.softmax_cross_entropy(z, q, 1), nn.softmax_cross_entropy(moved, np.moveaxis(q, 1, -1)))
    assert np.allclose(one, nn.softmax_cross_entropy(z, nn.one_hot(labels, 5, axis=1), axis=1))


@pytest.mark.parametrize("tier", TIERS)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("traced", [False, True])
def test_label_loss_is_its_definition(traced, dtype, tier):
    """Along either axis, large enough for kernels: -log p at the label, and p less 1 there; the labels known or not."""
    rng = np.random.default_rng(0)
    for axis, shape in ((1, (40, 30)), (0, (30, 40)), (1, (3, 20, 5))):
        z = rng.normal(0, 3, shape).astype(dtype)
        labels = rng.integers(0, shape[axis], shape[:axis] + shape[axis + 1 :]).astype(np.uint8)
        f = lambda z, y, axis=axis: nn.softmax_cross_entropy_with_integer_labels(z, y, axis)
        both = lambda z, y, f=f: (f(z, y), ft.grad(lambda z: f(z, y).sum())(z))
        value, slope = in_tier(tier, both)(z, labels) if traced else in_tier(tier, lambda z, y=labels, g=both: g(z, y))(z)
        p, places = scipy.special.softmax(z, axis), np.expand_dims(labels, axis)
        assert value.dtype == slope.dtype == dtype
        assert close(value, -np.log(np.take_along_axis(p, places, axis).squeeze(axis)), dtype)
        np.put_along_axis(p, places, np.take_along_axis(p, places, axis) - 1, axis)
        assert close(slope, p, dtype)


def test_label_loss_is_compiled_as_a_whole():
    """Its gradient needs no scatter and no one-hot rows, and the loss is not computed for it."""
    f = ft.grad(lambda z: nn.softmax_cross_entropy_with_integer_labels(z, np.arange(40) % 30).mean())
    text = ft.jit(f, compile="now").lower(np.ones((40, 30))).as_text("loops")
    assert "kernel" in text
    for op in ("scatter", "gather", "label", "softmax", "log("):
        assert op not in text


def test_label_loss_of_no_examples():
    f = lambda z, y: nn.softmax_cross_entropy_with_integer_labels(z, y).sum()
    for tier in TIERS:
        for shape in ((0, 3), (0, 0)):
            value, slope = in_tier(tier, ft.value_and_grad(f))(np.zeros(shape), np.zeros(0, int))
            assert value == 0
            assert slope.shape == shape


def test_multiclass_hinge():
    scores, labels = np.random.default_rng(0).normal(size=(20, 4)), np.arange(20) % 4
    expected = [max(0, 1 + max(np.delete(s, k)) - s[k]) for s, k in zip(scores, labels, strict=True)]
    assert np.allclose(nn.multiclass_hinge_loss(scores, labels), expected)
    for tier in TIERS:
        slope = in_tier(tier, ft.grad(lambda s: nn.multiclass_hinge_loss(s, labels).sum()))(1000 * scores)
        assert np.all(slope.sum(axis=1) == 0)
        assert np.isin(slope, (-1, 0, 1)).all()


# Losses at the limits


@pytest.mark.parametrize("tier", TIERS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_binary_cross_entropy_at_1000(dtype, tier):
    z, y = np.array([-1000, -1000, 1000, 1000, 0], dtype), np.array([0, 1, 0, 1, 1], dtype)
    f = nn.sigmoid_binary_cross_entropy
    value, slope = in_tier(tier, lambda z: (f(z, y), ft.grad(lambda z: f(z, y).sum())(z)))(z)
    assert value.dtype == slope.dtype == dtype
    assert np.allclose(value, [0, 1000, 1000, 0, np.log(2)], rtol=1e-6, atol=0)
    assert np.allclose(slope, [0, -1, 1, 0, -0.5], rtol=1e-6, atol=0)


@pytest.mark.parametrize("tier", TIERS)
def test_binary_cross_entropy_at_infinity(tier):
    z, y = np.array([-np.inf, -np.inf, np.inf, np.inf]), np.array([0.0, 1.0, 0.0, 1.0])
    f = nn.sigmoid_binary_cross_entropy
    value, slope = in_tier(tier, lambda z: (f(z, y), ft.grad(lambda z: f(z, y).sum())(z)))(z)
    assert np.array_equal(value, [0, np.inf, np.inf, 0])
    assert np.array_equal(slope, [0, -1, 1, 0])


@pytest.mark.parametrize("tier", TIERS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_softmax_cross_entropy_at_1000(dtype, tier):
    z = np.array([[1000, -1000, 0], [1000, -1000, 0], [-1000, -1000, -1000], [0, -np.inf, 0], [np.inf, 0, 0]], dtype)
    labels = np.array([0, 1, 2, 0, 0])
    y = nn.one_hot(labels, 3, dtype)
    expected = [0, 2000, np.log(3), np.log(2), 0]
    slopes = [[0, 0, 0], [1, -1, 0], [1 / 3, 1 / 3, -2 / 3], [-0.5, 0, 0.5], [0, 0, 0]]
    losses = [
        lambda z: nn.softmax_cross_entropy_with_integer_labels(z, labels),
        lambda z: nn.softmax_cross_entropy(z, y),
        lambda z: nn.softmax_kl_divergence(z, y),
    ]
    for f in losses:
        value, slope = in_tier(tier, lambda z, f=f: (f(z), ft.grad(lambda z: f(z).sum())(z)))(z)
        assert value.dtype == slope.dtype == dtype
        assert np.allclose(value, expected, rtol=1e-6, atol=0)
        assert np.allclose(slope, slopes, rtol=1e-6, atol=0)


@pytest.mark.parametrize("tier", TIERS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_hinge_at_1000(dtype, tier):
    z, y = np.array([-1000, 1000, 1000, 1, -np.inf], dtype), np.array([1, 1, -1, 1, -1])
    value, slope = in_tier(tier, lambda z: (nn.hinge_loss(z, y), ft.grad(lambda z: nn.hinge_loss(z, y).sum())(z)))(z)
    assert value.dtype == slope.dtype == dtype
    assert np.array_equal(value, [1001, 0, 1001, 0, 0])
    assert np.array_equal(slope, [-1, 0, 1, 0, 0])


def test_small_gradients_are_not_lost():
    """The gradient of an unlikely class is its probability, down to exp(-700)."""
    slope = ft.grad(lambda z: nn.softmax_cross_entropy_with_integer_labels(z, np.array(0)))(np.array([700.0, 0.0]))
    assert np.isclose(slope[1], np.exp(-700.0), rtol=1e-12)
    slope = ft.grad(lambda z: nn.sigmoid_binary_cross_entropy(z, 1.0))(40.0)
    assert np.isclose(slope, -np.exp(-40.0), rtol=1e-12)


@pytest.mark.parametrize("tier", TIERS)
def test_probabilities_of_0_and_1(tier):
    """Right ones cost nothing, wrong ones inf."""
    p, y = np.array([0.0, 1.0, 0.5]), np.array([0.0, 1.0, 1.0])
    value, slope = in_tier(
        tier, lambda p: (nn.binary_cross_entropy(p, y), ft.grad(lambda p: nn.binary_cross_entropy(p, y).sum())(p))
    )(p)
    assert np.array_equal(value, [0, 0, np.log(2)])
    assert np.array_equal(slope, [1, -1, -2])
    with np.errstate(divide="ignore"):
        assert np.array_equal(nn.binary_cross_entropy(p, 1 - y)[:2], [np.inf, np.inf])
        assert np.array_equal(ft.grad(lambda p: nn.binary_cross_entropy(p, 1 - y).sum())(p)[:2], [np.inf, -np.inf][::-1])
    q = np.array([[1.0, 0.0], [0.0, 1.0]])
    assert np.array_equal(in_tier(tier, lambda p: nn.kl_divergence(p, q))(q), [0, 0])
    assert np.array_equal(ft.grad(lambda p: nn.kl_divergence(p, q).sum())(q), -q)
    with np.errstate(divide="ignore"):
        assert np.array_equal(nn.kl_divergence(1 - q, q), [np.inf, np.inf])
        assert np.array_equal(nn.cross_entropy(1 - q, q), [np.inf, np.inf])


def test_second_derivatives_of_losses():
    """p (1 - p), and the covariance of the classes."""
    z = np.array([0.3, -2.0, 1.0])
    p = nn.sigmoid(z)
    y = np.array([0.0, 1.0, 1.0])
    assert np.allclose(ft.hessian(lambda z: nn.sigmoid_binary_cross_entropy(z, y).sum())(z), np.diag(p * (1 - p)))
    q = nn.softmax(z)
    expected = np.diag(q) - np.outer(q, q)
    assert np.allclose(ft.hessian(lambda z: nn.softmax_cross_entropy_with_integer_labels(z, np.array(1)))(z), expected)
    assert np.allclose(ft.jacrev(nn.softmax)(z), expected)


# Losses: wrong input


LOSSES = ["squared_error", "l2_loss", "absolute_error", "huber_loss", "sigmoid_binary_cross_entropy", "binary_cross_entropy"]


@pytest.mark.parametrize("name", [*LOSSES, "softmax_cross_entropy", "cross_entropy", "kl_divergence", "softmax_kl_divergence"])
def test_losses_do_not_broadcast(name):
    f = getattr(nn, name)
    one, other = np.full((4, 1), 0.5), np.full(4, 0.5)
    for call in (f, ft.jit(f), ft.grad(lambda p, t: f(p, t).sum())):
        with pytest.raises(ShapeError, match=r"must have one shape, got \(4, 1\) and \(4,\)\n.*test_nn.py.*\n.*reshape\(\(4,\)\)"):
            call(one, other)
    with pytest.raises(ShapeError, match=r"got \(4,\) and \(\)\n.*\n.*broadcast_to"):
        f(other, 0.5)


def test_hinge_targets():
    with pytest.raises(ShapeError, match=r"hinge_loss: scores and targets must have one shape, got \(4, 1\) and \(4,\)"):
        nn.hinge_loss(np.ones((4, 1)), np.ones(4))
    with pytest.raises(ArgumentError, match=r"hinge_loss: targets must be -1 or 1, got array\(\[0, 1\]\)\n.*\n.*2 \* labels - 1"):
        nn.hinge_loss(np.ones(2), np.array([0, 1]))


def test_targets_out_of_range():
    with pytest.raises(ArgumentError, match=r"targets must lie between 0 and 1, got -1.0\n.*\n.*hinge_loss takes targets -1 and 1"):
        nn.sigmoid_binary_cross_entropy(np.ones(2), np.array([1.0, -1.0]))
    with pytest.raises(ArgumentError, match=r"probabilities must lie between 0 and 1, got 1.5\n.*\n.*sigmoid_binary_cross_entropy"):
        nn.binary_cross_entropy(np.array([1.5]), np.array([1]))
    with pytest.raises(ArgumentError, match=r"softmax_cross_entropy takes logits"):
        nn.cross_entropy(np.array([-1.5, 0.3]), np.array([1.0, 0.0]))


@pytest.mark.parametrize("name", ["softmax_cross_entropy", "cross_entropy", "kl_divergence", "softmax_kl_divergence"])
def test_integer_targets_are_refused(name):
    with pytest.raises(
        DtypeError, match=rf"{name}: targets must be probabilities, got dtype int64\n.*\n.*one_hot\(labels, classes\)"
    ):
        getattr(nn, name)(np.full((2, 3), 1 / 3), np.array([0, 1]))


@pytest.mark.parametrize("label", [3, -1])
def test_labels_out_of_range(label):
    """Known ones are named; traced ones raise when they are used, and negative ones do not count from the end."""
    f = nn.softmax_cross_entropy_with_integer_labels
    z, labels = np.zeros((2, 3)), np.array([0, label])
    with pytest.raises(
        ArgumentError, match=rf"labels must lie between 0 and 2, got {label}\n.*in test_labels_out_of_range.*\n  classes.*- 1"
    ):
        f(z, labels)
    for call in (ft.grad(lambda z: f(z, labels).sum()), ft.jit(lambda z: f(z, labels))):
        with pytest.raises(ArgumentError, match=rf"labels must lie between 0 and 2, got {label}\n.*in <lambda>"):
            call(z)
    for call in (ft.jit(f), ft.vmap(f), lambda z, labels: ft.jit(ft.grad(lambda z: f(z, labels).sum()))(z)):
        with pytest.raises((IndexError, ArgumentError)):
            call(z, labels)


def test_labels_of_the_wrong_kind():
    f = nn.softmax_cross_entropy_with_integer_labels
    with pytest.raises(
        DtypeError, match=r"labels must be integers, got dtype float64\n.*\n.*softmax_cross_entropy takes probabilities"
    ):
        f(np.zeros((2, 3)), np.zeros(2))
    with pytest.raises(ShapeError, match=r"the labels must have one shape, got \(2,\) and \(2, 1\)"):
        f(np.zeros((2, 3)), np.zeros((2, 1), int))


@pytest.mark.parametrize("name", NAMES)
def test_what_is_no_real_number_is_refused(name):
    """By the name of the function and the type."""
    for x, text in ((np.ones(2, complex), "dtype complex128"), ("a", "str 'a'"), (None, "NoneType None"), ([["a"]], "list")):
        with pytest.raises(DtypeError, match=rf"^{name} needs real numbers, got {text}.*\n  at .*test_nn.py"):
            getattr(nn, name)(x)


# Normalisation


@pytest.mark.parametrize("dtype", DTYPES)
def test_norms_are_torchs(dtype):
    torch = pytest.importorskip("torch")
    f, rng = torch.nn.functional, np.random.default_rng(0)
    x = rng.normal(2, 3, (5, 4, 3)).astype(dtype)
    s, b = rng.normal(size=(2, 4, 3)).astype(dtype)
    weight = rng.normal(size=x.shape).astype(dtype)
    cases = [
        (lambda x, s, b: nn.layer_norm(x, s, b, axis=(1, 2)), lambda x, s, b: f.layer_norm(x, (4, 3), s, b), (x, s, b)),
        (lambda x, s, b: nn.batch_norm(x, s, b), lambda x, s, b: f.batch_norm(x, None, None, s, b, True), (x, s[:, 0], b[:, 0])),
    ]
    for mine, theirs, args in cases:
        tensors = [torch.tensor(np.array(v), requires_grad=True) for v in args]
        out = theirs(*tensors)
        (out * torch.tensor(weight)).sum().backward()
        assert close(mine(*args), out.detach().numpy(), dtype)
        slopes = ft.grad(lambda *xs, mine=mine: (mine(*xs) * weight).sum(), (0, 1, 2))(*args)
        for slope, t in zip(slopes, tensors, strict=True):
            assert close(slope, t.grad.numpy(), dtype)
    mean, variance = x.mean(axis=(0, 2)), x.var(axis=(0, 2))
    assert close(nn.batch_norm(x, mean=mean, variance=variance), nn.batch_norm(x), dtype)


def test_norm_errors():
    with pytest.raises(ShapeError, match=r"layer_norm: scale has shape \(2,\), expected \(3,\) for an input of shape \(4, 3\)"):
        nn.layer_norm(np.ones((4, 3)), np.ones(2))
    with pytest.raises(ArgumentError, match="batch_norm: give mean and variance, or none"):
        nn.batch_norm(np.ones((4, 3)), mean=np.ones(3))


def test_dropout():
    x = np.ones(100_000, np.float32)
    y = nn.dropout(x, 0.25, np.random.default_rng(0))
    assert y.dtype == np.float32
    assert set(np.unique(y)) == {np.float32(0), np.float32(1 / 0.75)}
    assert abs(y.mean() - 1) < 0.01
    assert np.array_equal(y, nn.dropout(x, 0.25, np.random.default_rng(0)))
    assert nn.dropout(x, 0.25) is x
    assert not nn.dropout(x, 1.0, np.random.default_rng(0)).any()
    rng = np.random.default_rng(0)
    slope = ft.grad(lambda x: nn.dropout(x, 0.25, rng).sum())(x)
    assert np.array_equal(slope, y)  # of a mask of ones and zeros
    step = ft.jit(lambda x: nn.dropout(x, 0.5, rng))
    assert not np.array_equal(step(x), step(x))  # each call draws anew
    with pytest.raises(ArgumentError, match=r"dropout: the rate must lie between 0 and 1, got 1.5"):
        nn.dropout(x, 1.5, rng)
    with pytest.raises(ArgumentError, match=r"dropout: rng must be a np.random.Generator, got 0\n.*\n.*np.random.default_rng\(0\)"):
        nn.dropout(x, 0.5, 0)


# Initialisers


@pytest.mark.parametrize("shape", [(300, 200), (3, 5, 40, 60)])
@pytest.mark.parametrize("name", ["lecun", "glorot", "he"])
def test_initialisers_have_their_variance(name, shape):
    fan_in, fan_out = nn.init.fans(shape)
    variance = {"lecun": 1 / fan_in, "glorot": 2 / (fan_in + fan_out), "he": 2 / fan_in}[name]
    for kind in ("normal", "uniform"):
        w = getattr(nn.init, f"{name}_{kind}")(np.random.default_rng(0), shape, np.float32)
        assert (w.shape, w.dtype) == (shape, np.float32)
        assert np.isclose(w.var(dtype=np.float64), variance, rtol=0.03)
        assert abs(w.mean(dtype=np.float64)) < 4 * np.sqrt(variance / w.size)
        if kind == "uniform":
            assert np.abs(w).max() <= np.sqrt(3 * variance) * (1 + 1e-6)


def test_fans_are_torchs_and_jaxs():
    torch = pytest.importorskip("torch")
    for shape in [(4, 6), (8, 3, 5, 7), (2, 3, 4)]:
        assert nn.init.fans(shape, 1, 0) == torch.nn.init._calculate_fan_in_and_fan_out(torch.empty(shape))
    with pytest.raises(ShapeError, match=r"weights of shape \(3,\) have no fan_in and fan_out"):
        nn.init.he_normal(np.random.default_rng(0), (3,))


@pytest.mark.parametrize("shape", [(5, 3), (3, 5), (2, 2, 3), (4, 4)])
def test_orthogonal(shape):
    w = nn.init.orthogonal(np.random.default_rng(0), shape, gain=2.0).reshape(-1, shape[-1]) / 2
    small = w.T @ w if w.shape[0] >= w.shape[1] else w @ w.T
    assert np.allclose(small, np.eye(len(small)))


def test_simple_initialisers():
    rng = np.random.default_rng(0)
    assert np.array_equal(nn.init.zeros(rng, [2, 3], np.float32), np.zeros((2, 3)))
    assert np.array_equal(nn.init.ones(rng, (2,)), [1, 1])
    assert np.array_equal(nn.init.constant(rng, (2, 2), value=[1.0, 2.0]), [[1, 2], [1, 2]])
    x = nn.init.uniform(rng, (1000,), low=2.0, high=3.0)
    assert x.min() >= 2
    assert x.max() <= 3
    assert np.isclose(nn.init.normal(rng, (100_000,), mean=1.0, std=2.0).std(), 2, rtol=0.02)


def test_initialisers_wrong_input():
    """A wrong generator and a wrong shape are reported by the name that was called."""
    rng = np.random.default_rng(0)
    for name in ("normal", "uniform", "he_normal", "lecun_uniform", "orthogonal"):
        init = getattr(nn.init, name)
        with pytest.raises(ArgumentError, match=rf"^{name}: rng must be a np.random.Generator, got 7\n.*\n.*default_rng"):
            init(7, (2, 2))
        for shape in ((2, 2.5), (-1, 2), "ab", None):
            with pytest.raises(ShapeError, match=rf"^{name}: a shape is a tuple of sizes, got .*\n.*test_nn.py.*\n.*\(784, 128\)"):
                init(rng, shape)
    assert nn.init.normal(rng, 5).shape == nn.init.zeros(rng, np.int64(5)).shape == (5,)  # as NumPy
    with pytest.raises(ShapeError, match=r"weights of shape \(5,\) have no fan_in and fan_out"):
        nn.init.he_normal(rng, 5)


# The worked numbers of the examples


@pytest.fixture
def worked(monkeypatch):
    """The table of the worked numbers."""
    monkeypatch.syspath_prepend(str(Path(__file__).resolve().parent.parent / "examples"))
    sys.modules.pop("worked_numbers", None)
    import worked_numbers

    return worked_numbers


def test_worked_logistic_regression(worked):
    w, b, x, y = worked.inputs("logistic regression")
    expected = worked.WORKED["logistic regression"].expected
    z = w @ x + b
    loss = lambda w, b: nn.sigmoid_binary_cross_entropy(w @ x + b, y)
    value, (dw, db) = ft.value_and_grad(loss, (0, 1))(w, b)
    dz = ft.grad(nn.sigmoid_binary_cross_entropy)(z, y)
    got = {"z": z, "a": nn.sigmoid(z), "L": value, "dL/dz": dz, "dL/db": db, "dL/dw": dw}
    for key, number in expected.items():
        assert np.allclose(got[key], number, rtol=0, atol=1e-9), key


def test_worked_cross_entropy(worked):
    w0, w1, x, y = worked.inputs("cross-entropy")
    expected = worked.WORKED["cross-entropy"].expected
    u = w0 + w1 * x
    p = nn.sigmoid(u)
    for loss in (
        lambda a, b: nn.sigmoid_binary_cross_entropy(a + b * x, y),
        lambda a, b: nn.binary_cross_entropy(nn.sigmoid(a + b * x), y),
    ):
        value, (d0, d1) = ft.value_and_grad(loss, (0, 1))(w0, w1)
        dp = ft.grad(nn.binary_cross_entropy)(p, y)
        got = {"u": u, "ŷ": p, "L": value, "dL/dŷ": dp, "dL/dw0": d0, "dL/dw1": d1}
        for key, number in expected.items():
            assert np.allclose(got[key], number, rtol=0, atol=1e-9), key


def test_worked_network():
    """ŷ = σ(w2 · σ(W1ᵀ x))."""
    model = nn.Sequential(
        nn.Linear(np.array([[0.1, -0.3, 0.5], [0.7, 0.2, -0.4]])), nn.sigmoid, nn.Linear(np.array([[0.6], [-0.8], [0.3]]))
    )
    x, y = np.array([1.0, 2.0]), np.array([1.0])
    value, slope = ft.value_and_grad(lambda m: nn.sigmoid_binary_cross_entropy(m(x), y).sum())(model)
    assert np.isclose(nn.sigmoid(model(x))[0], 0.5493955031, rtol=0, atol=1e-9)
    assert np.isclose(value, 0.5989366905, rtol=0, atol=1e-9)
    assert np.allclose(slope[2].weight[:, 0], (-0.3684027355, -0.2365579827, -0.1917581156), rtol=0, atol=1e-9)


def test_worked_xor():
    """One example, and a thousand epochs of training example by example."""
    w, w2 = np.array([[3.0, 4.0], [2.0, 3.0]]), np.array([[5.0], [-5.0]])
    model = nn.Sequential(nn.Linear(w.T, np.array([-2.0, -4.0])), nn.sigmoid, nn.Linear(w2, np.array([-2.0])), nn.sigmoid)
    loss = lambda m, x, t: nn.l2_loss(m(x), t).sum()
    x, t = np.array([1.0, 0.0]), np.array([1.0])
    value, slope = ft.value_and_grad(loss)(model, x, t)
    assert np.isclose(model(x)[0], 0.7425526001, rtol=0, atol=1e-9)
    assert np.isclose(value, 0.0331395819, rtol=0, atol=1e-9)
    assert np.allclose(slope[2].weight[:, 0], (-0.0359796075, -0.0058666630), rtol=0, atol=1e-9)
    step = ft.jit(lambda m, x, t: ((v := ft.value_and_grad(loss)(m, x, t))[0], ft.tree.map(lambda p, g: p - 0.1 * g, m, v[1])))
    errors = []
    for _ in range(1000):
        total = 0.0
        for a, b in ((0, 0), (1, 0), (0, 1), (1, 1)):
            value, model = step(model, np.array([a, b], float), np.array([float(a != b)]))
            total += value
        errors.append(total / 4)
    assert np.isclose(errors[0], 0.0352627135, rtol=0, atol=1e-9)
    assert np.isclose(errors[-1], 0.0081779642, rtol=0, atol=1e-9)
