"""Fusion: what becomes one kernel, and that kernels and NumPy steps agree whatever the layout."""

from __future__ import annotations

import numpy as np
import pytest

import ftrans as ft
import ftrans.numpy as fnp
from ftrans import nn
from ftrans.backends.numba import service
from ftrans.lowering import fuse, planner
from ftrans.lowering.expand import expanded
from ftrans.lowering.segment import Segment


def plan_of(f, *args):
    return ft.jit(f).lower(*args).plan


def groups(f, *args):
    return [item for item in plan_of(f, *args) if isinstance(item, fuse.Group)]


def agree(f, *args, rtol=1e-12):
    got, want = ft.jit(f, compile="now")(*args), f(*args)
    for g, w in zip(got if isinstance(got, tuple) else (got,), want if isinstance(want, tuple) else (want,), strict=True):
        np.testing.assert_allclose(g, w, rtol=rtol, atol=1e-12)
        assert np.asarray(g).dtype == np.asarray(w).dtype
        assert np.shape(g) == np.shape(w)


RNG = np.random.default_rng(1)
X, Y = RNG.random((2, 40, 30))
ROW, COL = RNG.random(30), RNG.random((40, 1))


@pytest.mark.smoke
def test_an_elementwise_chain_is_one_kernel_over_one_joined_axis():
    (group,) = groups(lambda x, y: (x * y + 2) * x - y * y + x / (y + 1), X, Y)
    assert group.nest.sizes == (1200,)
    agree(lambda x, y: (x * y + 2) * x - y * y + x / (y + 1), X, Y, rtol=0)


def test_broadcast_operands_are_walked_in_place():
    def f(x, row, col):
        return np.exp(x * row + col) - row[None, :] * 2.0

    small, group = groups(f, X, ROW, COL)  # the first is row[None, :] * 2.0
    assert group.nest.sizes == (40, 30)
    agree(f, X, ROW, COL)


def test_a_reduction_takes_its_operand_in():
    def f(x, y):
        return ((x - y) ** 2).sum(), np.abs(x).max(axis=0), (x * y).sum(axis=1)

    plan = plan_of(f, X, Y)
    assert all(isinstance(item, fuse.Group) for item in plan)
    agree(f, X, Y)


def test_expensive_values_are_not_computed_twice():
    def f(x):
        e = np.exp(x)
        return e.sum(), e.sum(axis=0), e.max(axis=1)

    kernels = groups(f, X)
    assert sum(instr.op.name == "exp" for g in kernels for instr in g.kernel.body) == 1
    agree(f, X)


def test_softmax_variance_and_their_derivatives():
    def softmax(x):
        e = np.exp(x - x.max(axis=1, keepdims=True))
        return e / e.sum(axis=1, keepdims=True)

    def variance(x):
        return np.var(x, axis=0)

    for f in (softmax, variance):
        agree(f, X)
        g = ft.grad(lambda x, f=f: (f(x) ** 2).sum())
        np.testing.assert_allclose(ft.jit(g, compile="now")(X), g(X), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("dtype", ["float32", "int64", "int32", "uint8", "bool", "float16", "complex128"])
def test_dtypes_follow_numpy(dtype):
    x = (X * 5).astype(dtype)

    def f(x):
        return x + 1, x * 2.5, x * x, x.sum(axis=0), np.where(x > 2, x, 0)

    got, want = ft.jit(f, compile="now")(x), f(x)
    for g, w in zip(got, want, strict=True):
        assert g.dtype == w.dtype
        np.testing.assert_allclose(g, w, rtol=4e-3 if dtype == "float16" else 1e-6)  # NumPy rounds every partial sum over axis 0


def test_layouts():
    def f(x, y):
        return x.T * 2 + np.sin(y), (x[::2, ::-1] + 1).sum(axis=0)

    big = RNG.random((80, 60))
    for x in (X, np.asfortranarray(X), big[::2, ::2], big[:40, :30], np.broadcast_to(ROW, (40, 30))):
        for y in (X.T, np.ascontiguousarray(X.T), X.T[::-1]):
            agree(f, x, y)


@pytest.mark.parametrize("shape", [(), (0,), (1,), (1, 1), (0, 3), (3, 0), (1, 7), (7, 1), (2, 1, 3)])
def test_odd_shapes(shape):
    x = RNG.random(shape)

    def f(x):
        y = np.sin(x) * x + 1
        return y, y.sum(), y * y.sum()

    agree(f, x)


def test_python_int_and_bool_operands():
    f = ft.jit(lambda x, n: x * n + True - n, compile="now")
    for n in (2, 3, 5, -7):
        np.testing.assert_array_equal(f(X, n), X * n + True - n)
        np.testing.assert_array_equal(f((X * 9).astype("int32"), n), (X * 9).astype("int32") * n + True - n)


def test_levels_keep_dependencies_in_order():
    def f(x, y):
        a = x * 2 + y
        s = a.sum(axis=0)
        b = a - s
        t = b.max()
        return b * t + a, s * t

    agree(f, X, Y)


def test_long_programs_are_cut_into_several_kernels():
    def f(x):
        for k in range(900):
            x = x * 1.0001 + 0.001 * (k % 7)
        return x

    kernels = groups(f, np.ones(100))
    assert max(len(g.eqns) for g in kernels) <= planner.MAX_EQNS
    agree(f, np.ones(100), rtol=1e-12)


def test_full_indexing_is_a_way_to_walk():
    def f(x):
        d = x[:, None, :] - x[None, :, :]
        return np.sum(1.0 / np.sqrt(np.sum(d * d, axis=-1) + 0.1))

    x = RNG.random((50, 3))
    assert all(isinstance(item, fuse.Group) for item in plan_of(f, x))
    agree(f, x)
    g = ft.value_and_grad(f)
    assert not [item for item in plan_of(g, x) if not isinstance(item, fuse.Group) and item.op.name in ("index", "put")]
    for got, want in zip(ft.jit(g, compile="now")(x), g(x), strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-11)


def test_what_is_much_larger_than_its_operands_is_computed_where_it_is_needed():
    def f(x, y):
        d = x[:, None] - y
        return (d * d).sum(), np.abs(d).max(axis=0), np.exp(-d).sum(axis=1)

    kernels = groups(f, ROW, RNG.random(40))
    assert all(max(a.ndim for a in g.out_avals) < 2 for g in kernels)
    agree(f, ROW, RNG.random(40))
    assert ft.jit(lambda x, y: (f(x, y), (x[:, None] - y).sum(axis=1))).lower(ROW, ROW).cost_analysis()["price"] > 0


@pytest.mark.parametrize("shape", [(500, 3), (20, 30, 2), (3, 400), (2, 100, 3), (100, 1, 5)])
def test_short_last_axes(shape):
    x, b = RNG.random(shape) - 0.5, RNG.random(shape[-1])

    def f(x, b):
        e = np.exp(x - x.max(axis=-1, keepdims=True))
        return np.sin(x) * b + x, (x * x).sum(axis=-1), e / e.sum(axis=-1, keepdims=True), np.abs(x).argmax(axis=-1), (x + b).sum()

    agree(f, x, b)
    agree(f, np.asfortranarray(x), b)


def test_the_longest_loop_is_innermost_where_the_last_axis_is_short():
    (group,) = groups(lambda x, b: np.exp(x) + b, RNG.random((500, 3)), RNG.random(3))
    assert group.nest.sizes == (3, 500)


def test_large_arrays_are_overwritten_only_when_nobody_needs_them():
    x = RNG.random((200, 100))
    before = x.copy()

    def softmax(x):
        e = np.exp(x - x.max(axis=1, keepdims=True))
        return e / e.sum(axis=1, keepdims=True)

    def keeps_both(x):
        e = np.exp(x)
        return e, e - e.sum(axis=0)

    def through_a_view(x):
        e = np.exp(x)
        t = e.T
        s = e.sum()
        return (e / s).sum(axis=0), np.linalg.norm(t), np.sort(t, axis=0), (e - s) * 2

    def steps(x):
        for _ in range(3):
            x = np.sort(x + 1.0, axis=0) * 2.0 - x.max()
        return x

    for f in (softmax, keeps_both, through_a_view, steps):
        for mode in ("now", "never"):
            jitted = ft.jit(f, compile=mode)
            for _ in range(2):
                got, want = jitted(x), f(x)
                pairs = zip(got, want, strict=True) if isinstance(got, tuple) else [(got, want)]
                for g, w in pairs:
                    np.testing.assert_allclose(g, w, rtol=1e-12)
                np.testing.assert_array_equal(x, before)
    kernels = groups(lambda x: np.exp(np.sin(x) / np.sin(x).sum(axis=0)), x)
    assert [out for g in kernels for out in g.kernel.outputs if out.inplace is not None]


@pytest.mark.parametrize("f", [nn.softmax, nn.log_softmax, fnp.logaddexp.reduce])
def test_operations_are_expanded_into_what_fuses(f):
    x = np.array([[0.0, 1000.0, -3.0], [-1000.0, 2.0, 2.0], [-np.inf, 1.0, 0.0]])
    text = ft.jit(lambda x: f(x * 2, axis=1)).lower(x).as_text("loops")
    assert "exp" in text
    assert "softmax" not in text
    assert "logsumexp" not in text
    cold, hot = [ft.jit(lambda x: f(x * 2, axis=1), compile=mode)(x) for mode in ("never", "now")]
    np.testing.assert_allclose(hot, cold, rtol=1e-14)


def test_complex_operands_are_not_expanded():
    z = np.array([0.5 + 1j, -2j])
    j = ft.make_jaxpr(lambda z: fnp.logaddexp.reduce(z))(z).jaxpr
    assert [eqn.op.name for eqn in expanded(j).eqns] == ["logsumexp"]


def test_copies_are_not_made_where_kernels_read_the_original():
    def f(x):
        y = x.copy()
        y[1:-1] = x[1:-1] * 0.5 + np.copy(x)[2:]
        return y, (x + 1.0).copy() * 2.0

    assert "copy" not in ft.jit(f).lower(X).as_text("loops")
    agree(f, X, rtol=0)
    agree(f, np.asfortranarray(X), rtol=0)
    before = X.copy()
    out = ft.jit(lambda x: np.copy(x), compile="now")(X)
    out[:] = 0.0
    np.testing.assert_array_equal(X, before)


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_blocks_of_reshaped_and_overwritten_values_are_each_threads_own(threads):
    def features(w, x):
        return np.reshape(x[:, :, None] * x[:, None, :], (x.shape[0], -1)) @ w

    def attention(z, v):
        e = z * z + 1.0
        return (e / np.sum(e, axis=-1, keepdims=True)) @ v

    rng = np.random.default_rng(0)
    with ft.config.set(threads=threads):
        for f, *shapes in ((features, (900,), (1000, 30)), (attention, (4, 256, 128), (4, 128, 64))):
            args = [rng.normal(size=shape) for shape in shapes]
            compiled, want = ft.jit(f, compile="now"), f(*args)
            for _ in range(10):
                np.testing.assert_allclose(compiled(*args), want, rtol=1e-9, atol=1e-9)


def test_the_tape_can_be_read():
    def softmax(x):
        e = np.exp(x - np.max(x, axis=1, keepdims=True))
        return e / np.sum(e, axis=1, keepdims=True)

    with ft.config.set(threads=2):
        text = ft.jit(softmax).lower(np.ones((2000, 500))).as_text("tape")
    assert text.startswith("native program: 4 kernel calls, ")
    assert "calls 0 to 3 in " in text
    assert "blocks of" in text
    assert "on up to 2 threads" in text


def test_the_blocks_of_products_do_not_depend_on_threads():
    x, y = np.ones((777, 301)), np.ones((301, 205))
    plan = plan_of(lambda x, y: x @ y + 1.0, x, y)
    groups = [item for item in plan if isinstance(item, fuse.Group)]
    for group in groups:
        group.compiled = service.compile(group.kernel)
    blocks = []
    for threads in (1, 2, 5):
        segment = Segment.of(groups, plan.avals, plan.outs)
        segment.plan(fuse.work, threads)
        blocks.append([(run.chunk, run.extent) for run in segment.runs])
    assert blocks[0] == blocks[1] == blocks[2]
    assert blocks[0][0][0] < 777
