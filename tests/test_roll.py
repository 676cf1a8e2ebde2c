"""Rolling: unrolled loops are found, cut into pieces that are planned once, and compute what they did."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import ftrans as ft
from ftrans.core.jaxpr import Jaxpr, traced
from ftrans.core.run import interpret
from ftrans.lowering import fuse, roll
from ftrans.lowering.group import Group


def logistic(n):
    def f(x, r):
        for _ in range(n):
            x = r * x * (1 - x)
        return x

    return f, (np.linspace(0.1, 0.9, 40), np.linspace(2.5, 3.4, 40))


def newton(n):
    def f(a):
        x = a
        for _ in range(n):
            x = x - (x * x - a) / (2.0 * x)
        return x

    return f, (np.linspace(0.5, 9.0, 30),)


def mandelbrot(n):
    def f(cr, ci):
        zr, zi, steps = np.zeros_like(cr), np.zeros_like(cr), np.zeros_like(cr)
        for _ in range(n):
            zr, zi = zr * zr - zi * zi + cr, 2 * zr * zi + ci
            live = zr * zr + zi * zi < 4
            zr, zi, steps = np.where(live, zr, 2.0), np.where(live, zi, 2.0), steps + live
        return steps + zr

    return f, (np.linspace(-2, 0.5, 50), np.linspace(-1, 1, 50))


def lorenz(n):
    def slope(s):
        return np.stack([10 * (s[1] - s[0]), s[0] * (28 - s[2]) - s[1], s[0] * s[1] - 8 / 3 * s[2]])

    def f(s):
        h = 0.005
        for _ in range(n):
            k1 = slope(s)
            k2 = slope(s + h / 2 * k1)
            k3 = slope(s + h / 2 * k2)
            k4 = slope(s + h * k3)
            s = s + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
        return s

    return f, (np.linspace(0.9, 1.1, 60).reshape(3, 20),)


def heat(n):
    def f(u):
        for _ in range(n):
            v = u.copy()
            v[1:-1] = u[1:-1] + 0.2 * (u[2:] - 2 * u[1:-1] + u[:-2])
            u = v
        return u

    return f, (np.sin(np.linspace(0, 3, 50)),)


def network(n):
    def f(h, w, x):
        for _ in range(n):
            h = np.tanh(h @ w + x)
        return h

    return f, (np.ones((4, 6)) * 0.1, np.cos(np.arange(36.0)).reshape(6, 6) * 0.3, np.linspace(-1, 1, 6))


def softmax(n):
    def f(x):
        for _ in range(n):
            e = np.exp(x - x.max(axis=1, keepdims=True))
            x = x * 0.9 + e / e.sum(axis=1, keepdims=True)
        return x

    return f, (np.sin(np.arange(200.0)).reshape(10, 20),)


def nested(n):
    def f(x):
        for k in range(n):
            for _ in range(12):
                x = x * 0.5 + np.sin(x) * x + 0.1
            x = np.sqrt(np.abs(x) + k)
        return x

    return f, (np.linspace(0, 2, 40),)


LOOPS = [logistic, newton, mandelbrot, lorenz, heat, network, softmax, nested]
SMOOTH = [loop for loop in LOOPS if loop is not mandelbrot]


def gradient(loop):
    """The same loops as gradients: their backward sweeps are runs too."""

    def make(n):
        f, args = loop(n)
        return ft.grad(lambda *args: np.sum(f(*args) ** 2)), args

    make.__name__ = f"gradient of {loop.__name__}"
    return make


GRADIENTS = [gradient(loop) for loop in SMOOTH]
ALL = [*LOOPS, *GRADIENTS]


def lowered(loop, n):
    f, args = loop(n)
    return ft.jit(f).lower(*args)


def kernels(loop, n):
    return fuse.kernels(lowered(loop, n).plan)


# The runs


@pytest.mark.smoke
def test_a_loop_is_one_run_from_its_first_equation():
    (run,) = roll.roll(lowered(logistic, 200).expanded)
    assert run == roll.Run(0, 3, 200)
    assert run.stop == 600
    (run,) = roll.roll(lowered(lorenz, 20).expanded)
    assert run.count == 20  # the four stages of a step are alike, but the step is the period


def test_what_stands_before_a_loop_is_not_part_of_it():
    def f(x):
        a, b = np.sin(x), np.cos(x)
        for _ in range(60):
            x = a * x + b
        return np.exp(x)

    j = ft.jit(f).lower(np.ones(3)).expanded
    assert roll.roll(j) == [roll.Run(2, 2, 60)]


def test_both_sweeps_of_a_gradient_are_runs():
    forward, backward = roll.roll(lowered(gradient(softmax), 60).expanded)
    assert forward.count >= 58
    assert backward.count >= 58
    assert forward.stop <= backward.start


def test_the_inner_of_nested_loops_is_found():
    runs = roll.roll(lowered(nested, 20).expanded)
    assert sum(run.period * run.count for run in runs) > 0.8 * len(lowered(nested, 20).expanded.eqns)


def test_equations_without_period_have_no_run():
    j = various(700, seed=3)
    assert roll.roll(j) == []
    assert all(len(p.eqns) <= roll.LONGEST for p in roll.pieces(various(2500, seed=4)))


def test_runs_differ_in_wiring():
    """The same operations connected in another way are no period."""

    def f(x):
        values = [x, x * 2.0, x + 1.0]
        rng = np.random.default_rng(0)
        for _ in range(300):
            a, b = rng.integers(0, len(values), 2)
            values.append(values[a] * values[b])
        return sum(values)

    j = ft.jit(f).lower(np.ones(5)).expanded
    for run in roll.roll(j):
        for k in range(run.start, run.stop - run.period):
            one, other = j.eqns[k], j.eqns[k + run.period]
            assert one.op is other.op
            assert [j.avals[v] for v in one.ins] == [j.avals[v] for v in other.ins]


def various(n: int, seed: int) -> Jaxpr:
    """Equations in an order that does not repeat."""
    rng = np.random.default_rng(seed)
    operations = [np.sin, np.cos, np.sqrt, np.exp, np.abs, np.negative, lambda x: x * 0.5, lambda x: x + 1.0, lambda x: x - 0.3]

    def f(x):
        for k in rng.integers(0, len(operations), n):
            x = operations[k](x)
        return x

    return ft.make_jaxpr(f)(np.ones(3)).jaxpr


# The pieces


@pytest.mark.parametrize("loop", ALL, ids=lambda loop: loop.__name__)
def test_pieces_are_all_equations_in_order(loop):
    j = lowered(loop, 30).expanded
    parts = roll.pieces(j)
    assert [eqn for p in parts for eqn in p.eqns] == list(j.eqns)
    _, args = loop(30)
    consts = lowered(loop, 30).consts
    env = dict(zip(j.invars, [*args, *consts], strict=True)) | j.lits
    for p in parts:
        part = p.jaxpr()
        env.update(zip(part.outs, interpret(part, [env[v] for v in part.invars]), strict=True))
    for v, want in zip(j.outs, interpret(j, [*args, *consts]), strict=True):
        np.testing.assert_array_equal(env[v], want)


def test_equal_keys_mean_equal_pieces():
    by_key = {}
    for p in roll.pieces(lowered(gradient(logistic), 200).expanded):
        by_key.setdefault(p.key, []).append(p)
    assert len(by_key) < 8
    for parts in by_key.values():
        for one, other in itertools.pairwise(parts):
            name = dict(zip(one.order, other.order, strict=True))
            for a, b in zip(one.eqns, other.eqns, strict=True):
                assert a.op is b.op
                assert [name[v] for v in (*a.ins, *a.outs)] == [*b.ins, *b.outs]
            assert [name[v] for v in one.jaxpr().outs] == list(other.jaxpr().outs)


def test_a_first_step_that_is_a_special_case_takes_the_plan_of_the_others():
    first, *others = roll.pieces(lowered(newton, 400).expanded)
    assert first.pattern is not first
    assert all(p.key == first.pattern.key for p in others)


@pytest.mark.parametrize(("period", "count"), [(3, 1000), (5, 1000), (1, 4), (48, 9), (500, 3), (7, 997), (16, 11)])
def test_pieces_are_of_bounded_length(period, count):
    periods = roll.Run(0, period, count).per_piece()
    assert periods >= 1
    assert periods == 1 or periods * period <= roll.BLOCK
    assert 2 * periods * period > roll.BLOCK // 2 or periods >= count // 2 or period > roll.BLOCK // 2


# What it is for


@pytest.mark.parametrize("loop", LOOPS, ids=lambda loop: loop.__name__)
def test_a_thousand_steps_need_the_kernels_of_ten(loop):
    n = 1000 if loop in (logistic, newton, mandelbrot) else 200
    many, few = kernels(loop, n), kernels(loop, 10)
    assert len(many) <= len(few)
    assert max(len(k.ops) for k in many) <= 1.5 * roll.BLOCK


@pytest.mark.parametrize("loop", GRADIENTS, ids=lambda loop: loop.__name__)
def test_kernels_of_gradients_do_not_grow_with_the_steps(loop):
    many, some = kernels(loop, 100), kernels(loop, 40)
    assert len(many) <= len(some) + 1
    assert max(len(k.ops) for k in many) <= 3 * roll.BLOCK


@pytest.mark.parametrize("loop", ALL, ids=lambda loop: loop.__name__)
@pytest.mark.parametrize("n", [9, 41])
def test_compiled_loops_agree_with_numpy_steps(loop, n):
    f, args = loop(n)
    got, want = [np.asarray(ft.jit(f, compile=mode)(*args)) for mode in ("now", "never")]
    assert got.dtype == want.dtype
    np.testing.assert_allclose(got, want, rtol=1e-9, atol=1e-9 * np.abs(want).max())
    if loop in (logistic, newton, heat):  # + - * / only
        np.testing.assert_array_equal(got, want)


def test_guards_inside_a_loop_keep_their_order():
    def f(x):
        for k in range(80):
            x = x * 0.5 if float(np.sum(x)) > 0.1 else x + 1.0 + k % 2
        return x

    cold, hot = ft.jit(f, compile="never"), ft.jit(f, compile="now")
    for start in (0.3, 2.0, -1.0):
        x = np.full(5, start)
        np.testing.assert_array_equal(hot(x), f(x))
        np.testing.assert_array_equal(cold(x), f(x))


def test_large_arrays_are_overwritten_across_pieces_only_when_nobody_needs_them():
    x = np.linspace(0.1, 0.9, 20000)
    before = x.copy()

    def f(x):
        kept = []
        for k in range(120):
            x = 3.2 * x * (1 - x)
            if k % 37 == 5:
                kept.append(x)
        return kept, x

    for _ in range(2):
        kept, last = ft.jit(f, compile="now")(x)
        want, end = f(x)
        np.testing.assert_array_equal(last, end)
        for got, one in zip(kept, want, strict=True):
            np.testing.assert_array_equal(got, one)
        np.testing.assert_array_equal(x, before)


def test_weak_ints_are_converted_once():
    def f(x, n):
        for _ in range(200):
            x = x * n - 3
        return x

    plan = ft.jit(f).lower(np.arange(5), ft.ShapeDtypeStruct((), "int64")).plan
    made = [eqn.outs[0] for eqn in plan if not isinstance(eqn, Group) and eqn.op.name == "convert"]
    read = {v for group in plan if isinstance(group, Group) for v in group.ins}
    assert set(made) <= read
    got = ft.jit(f, compile="now")(np.arange(5), 2)
    np.testing.assert_array_equal(got, f(np.arange(5), 2))


KINDS = [
    lambda a, b: a + b, lambda a, b: a * b * 0.5, lambda a, b: np.sin(a), lambda a, b: a - b.sum(axis=0),
    lambda a, b: a @ b.T @ b * 0.1, lambda a, b: np.where(a > b, a, 0.3), lambda a, b: a[::-1] + 0.1,
    lambda a, b: np.maximum(a, b).T.copy().T, lambda a, b: -a,
]  # fmt: skip
steps = st.lists(st.tuples(st.integers(0, len(KINDS) - 1), st.integers(0, 5), st.integers(0, 5)), min_size=1, max_size=6)


@settings(max_examples=15, deadline=None)
@given(steps, st.integers(2, 9), st.booleans(), st.sampled_from([3, 6, 11]))
def test_random_loops(body, n, gradient, block):
    """Random bodies, cut into the smallest pieces there can be: plans with pieces compute what NumPy steps do."""

    def f(x):
        values = [x, x * 0.5, np.cos(x)]
        for _ in range(n):
            for kind, i, k in body:
                values.append(np.tanh(KINDS[kind](values[-1 - i % 3], values[-1 - k % 3])))
        return values[-1] + values[-2]

    x = np.sin(np.arange(72.0)).reshape(9, 8)
    g = ft.grad(lambda x: np.sum(f(x))) if gradient else f
    traced.clear()  # the programs of equal traces are kept, whatever they were cut into
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {"BLOCK": block, "WHOLE": 2 * block, "LONGEST": 17, "COUNTS": (3, 2)}.items():
            patch.setattr(roll, name, value)
        patch.setattr(fuse, "WHOLE", 2 * block)
        got = ft.jit(g, compile="now")(x)
        assert ft.jit(g).lower(x).cost_analysis()["price"] >= 0
    want = ft.jit(g, compile="never")(x)
    np.testing.assert_allclose(got, want, rtol=1e-9, atol=1e-9 * (1 + np.abs(want).max()))
