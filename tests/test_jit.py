"""jit changes speed and nothing else: signatures, guards, captured state, static arguments, tiers."""

from __future__ import annotations

import os
import threading
import warnings
from dataclasses import dataclass

import numpy as np
import pytest

import ftrans as ft
import ftrans.numpy as fnp


def traces(f):
    return sum(len(entry.variants) for entry in f.entries.values())


# Guards


@pytest.mark.smoke
def test_branches_are_traced_once_each_and_never_confused():
    runs = []

    @ft.jit
    def f(x):
        runs.append(1)
        if x > 0:
            return np.sin(x)
        return x * x

    for x in (1.0, -2.0, 3.0, -4.0, 0.0, 5.0):
        assert f(x) == (np.sin(x) if x > 0 else x * x)
    assert len(runs) == traces(f) == 2


def test_while_loop_on_values_and_its_derivative():
    def newton(a):
        x = a
        while abs(x * x - a) > 1e-12:
            x = 0.5 * (x + a / x)
        return x

    jitted, slope = ft.jit(newton), ft.jit(ft.grad(newton))
    for a in (2.0, 3.0, 100.0, 2.0, 0.5):
        assert jitted(a) == newton(a)
        np.testing.assert_allclose(slope(a), 0.5 / np.sqrt(a), rtol=1e-9)


def test_nested_guards_select_by_all_outcomes():
    @ft.jit
    def f(x, y):
        if x > 0:
            return x if y > 0 else -x
        return y if y > 1 else y * y

    for x, y in [(1.0, 1.0), (1.0, -1.0), (-1.0, 3.0), (-1.0, 0.5)] * 2:
        assert f(x, y) == f.fun(x, y)
    assert traces(f) == 4


def test_nan_and_signed_zero_are_outcomes_of_their_own():
    @ft.jit
    def f(x):
        return x + 1.0 / float(x) if float(x) == float(x) else x * 0.0 - 1.0

    with np.errstate(all="ignore"):
        assert f(np.float64(2.0)) == 2.5
        assert np.isnan(f(np.float64("nan")))
        assert f(np.float64(4.0)) == 4.25


def test_int_argument_is_static_until_its_second_value():
    @ft.jit
    def power_sum(x, n):
        total = 0.0
        for k in range(n):
            total = total + x**k
        return total

    for n in (3, 3, 5, 2, 5):
        np.testing.assert_allclose(power_sum(2.0, n), 2.0**n - 1)


def test_bool_argument_selects_a_trace():
    f = ft.jit(lambda x, flag: x + 1 if flag else x - 1)
    assert [f(1.0, True), f(1.0, False), f(1.0, True)] == [2.0, 0.0, 2.0]


def test_masks_and_shapes_from_values():
    f = ft.jit(lambda x: x[x > 0].sum())
    for x in (np.array([1.0, -2.0, 3.0]), np.array([-1.0, -2.0, 3.0]), np.array([1.0, 2.0, 3.0])):
        assert f(x) == x[x > 0].sum()


def test_too_many_traces_fall_back_to_numpy_and_say_so_once():
    f = ft.jit(lambda x: x + float(x))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for k in range(80):
            assert f(np.float64(k + 0.5)) == 2 * (k + 0.5)
    assert sum("different traces" in str(w.message) for w in caught) == 1


def test_effects_happen_when_python_runs():
    seen = []

    @ft.jit
    def f(x):
        seen.append(1)
        return x * 2

    for _ in range(3):
        f(np.ones(2))
    f(np.ones(3))
    assert len(seen) == 2


# Captured state


class Model:
    def __init__(self):
        self.w = np.array([1.0, 2.0])
        self.scale = 2.0


SCALE = 3.0


def helper(x):
    return x * SCALE


def test_captured_array_is_read_at_every_call():
    w = np.ones(3)
    f = ft.jit(lambda x: x * w)
    assert f(np.ones(3)).tolist() == [1, 1, 1]
    w[1] = 7
    assert f(np.ones(3)).tolist() == [1, 7, 1]


def test_rebound_closure_global_attribute_and_container(monkeypatch):
    w, model, params = np.ones(2), Model(), {"w": np.ones(2), "lr": [0.1, 0.2]}

    def f(x):
        return helper(x) * w + model.w * model.scale + params["w"] * params["lr"][0]

    jitted, x = ft.jit(f), np.array([1.0, 2.0])

    def agree():
        np.testing.assert_array_equal(jitted(x), f(x))

    agree()
    w = np.array([5.0, 6.0])
    agree()
    monkeypatch.setitem(globals(), "SCALE", 5.0)
    agree()
    model.scale = 9.0
    agree()
    model.w = np.zeros(2)
    agree()
    params["w"] = np.full(2, 3.0)
    agree()
    params["lr"][0] = 8.0
    agree()
    params["lr"].insert(0, 1.5)
    agree()
    w[0] = 100.0
    agree()


def test_bound_method_sees_its_object():
    class Scaler:
        def __init__(self, k):
            self.k = k

        def apply(self, x):
            return x * self.k

    s = Scaler(2.0)
    f = ft.jit(s.apply)
    assert f(3.0) == 6.0
    s.k = 5.0
    assert f(3.0) == 15.0


def test_array_changed_during_the_trace_is_not_cached():
    w = np.ones(3)

    def f(x):
        y = x * w
        w[0] += 1.0
        return y + x * w

    plain_w = np.ones(3)

    def plain(x):
        y = x * plain_w
        plain_w[0] += 1.0
        return y + x * plain_w

    jitted = ft.jit(f)
    for _ in range(3):
        np.testing.assert_array_equal(jitted(np.ones(3)), plain(np.ones(3)))


def test_large_array_changed_during_the_trace_raises():
    w = np.ones(1000)

    def f(x):
        y = x * w
        w[500] = 3.0
        return y

    with pytest.raises(ft.errors.WriteError, match="was changed while the function ran"):
        ft.jit(f)(np.ones(1000))


def test_captured_array_that_changes_its_shape():
    w = np.arange(4.0)
    f = ft.jit(lambda x: (x * w).sum())
    assert f(2.0) == 12.0
    w.shape = (2, 2)
    assert f(2.0) == 12.0


def test_check_mode_finds_state_that_jit_cannot_see(monkeypatch):
    monkeypatch.setenv("FTRANS_TEST_HIDDEN", "1")
    with ft.config.set(jit="check"):
        f = ft.jit(lambda x: x * fnp.sin(x) if os.environ["FTRANS_TEST_HIDDEN"] == "1" else x)
        f(np.ones(2))
        monkeypatch.setenv("FTRANS_TEST_HIDDEN", "2")
        with pytest.raises(ft.errors.StaticArgumentError, match="stale trace"):
            f(np.ones(2))


@pytest.mark.parametrize("kind", ["generator", "state", "global"])
def test_random_draws_are_fresh_at_every_call(kind):
    rng = np.random.default_rng(0) if kind == "generator" else np.random.RandomState(0)

    def draw():
        return np.random.standard_normal(3) if kind == "global" else rng.standard_normal(3)

    f = ft.jit(lambda x: x + draw())
    outs = {tuple(f(np.zeros(3)).tolist()) for _ in range(4)}
    assert len(outs) == 4


# Arguments


def test_static_arguments_by_position_and_name():
    def f(x, mode, *, axis=0):
        return x.sum(axis) if mode == "sum" else x.max(axis)

    g = ft.jit(f, static_argnums=1, static_argnames="axis")
    x = np.arange(6.0).reshape(2, 3)
    for mode in ("sum", "max"):
        for axis in (0, 1):
            np.testing.assert_array_equal(g(x, mode, axis=axis), f(x, mode, axis=axis))
            np.testing.assert_array_equal(g(x, mode=mode, axis=axis), f(x, mode, axis=axis))


def test_non_contiguous_readonly_and_foreign_byte_order():
    f = ft.jit(lambda x: x * 2 + 1, compile="now")
    base = np.arange(24.0).reshape(4, 6)
    for x in (base, base.T, base[::2, ::-1], base.astype(">f8"), np.broadcast_to(base[0], (3, 6)), base[:, :1]):
        for _ in range(2):
            np.testing.assert_array_equal(f(x), x * 2 + 1)
            assert f(x).dtype == np.dtype(float)
    frozen = base.copy()
    frozen.setflags(write=False)
    assert f(frozen).flags.writeable


def test_layout_decides_between_view_and_copy():
    def f(x):
        x = x * 1.0  # keeps the order of its operand
        y = x.reshape(6)
        y[0] = 100.0
        return x

    def g(x):
        y = x.reshape(6)
        y[0] = 100.0
        return x + 0.0

    layouts = [
        lambda: np.arange(6.0).reshape(2, 3),
        lambda: np.asfortranarray(np.arange(6.0).reshape(2, 3)),
        lambda: np.arange(12.0).reshape(4, 3)[::2],
    ]
    jf, jg = ft.jit(f), ft.jit(g)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ft.errors.MutationWarning)
        for make in layouts * 2:
            np.testing.assert_array_equal(jf(make()), f(make()))
            np.testing.assert_array_equal(jg(make()), g(make()))


def tails(y):
    return y, y[1:]


def test_results_share_memory_with_nothing():
    x = np.arange(6.0)
    f = ft.jit(lambda x: (x, x.reshape(2, 3), x[1:], x.T))
    for out in f(x):
        assert not np.shares_memory(out, x)
    y, z = ft.jit(lambda x: tails(x + 1))(x)
    assert not np.shares_memory(y, z)


def test_numpy_scalars_and_zero_d_arrays_come_back_as_numpy_gives_them():
    for f, x in [(lambda x: x.sum(), np.ones(3)), (lambda x: x + 1, np.float32(2)), (lambda x: x * 2.0, 3.0)]:
        for mode in ("never", "now"):
            got, want = ft.jit(f, compile=mode)(x), f(x)
            assert type(got) is type(want)
            assert got == want


def test_pytrees_in_and_out():
    f = ft.jit(lambda t: {"sum": t["a"] + t["b"][0], "pair": (t["a"], None)})
    out = f({"a": np.ones(2), "b": [np.ones(2), 3]})
    assert out["pair"][1] is None
    np.testing.assert_array_equal(out["sum"], [2, 2])


# Tiers


def test_hot_tier_takes_over_and_gives_the_same_bits():
    def f(x, y):
        return (x * y + 2) * x - y * y + x / (y + 1)

    with ft.config.set(deterministic=True):
        g = ft.jit(f)
        x, y = np.random.default_rng(0).random((2, 1000))
        outs = [g(x, y) for _ in range(5)]
    assert "compiled" in g.explain()
    for out in outs:
        np.testing.assert_array_equal(out, f(x, y))


def test_no_compile_forbids_compiling_only():
    f = ft.jit(lambda x: np.exp(x) * 3.25 + np.log(x + 17.5), compile="now")
    with ft.no_compile(), pytest.raises(ft.errors.CompilationForbiddenError, match="would be compiled"):
        f(np.ones(100))
    want = f(np.ones(100))
    with ft.no_compile():
        np.testing.assert_array_equal(f(np.ones(100)), want)


def test_new_sizes_and_constants_compile_nothing_new():
    f = ft.jit(lambda x, c: np.exp(x) * c + 1.75, compile="now")
    f(np.ones(10), 2.0)
    with ft.no_compile():
        for n in (11, 200, 3000):
            np.testing.assert_allclose(f(np.ones(n), n * 1.0), np.exp(1.0) * n + 1.75)


def test_calls_from_many_threads():
    f = ft.jit(lambda x: np.sin(x) * x + 1, compile="now")
    wrong = []

    def work(k):
        x = np.full(2000, float(k))
        wrong.extend([k for _ in range(30) if not np.allclose(f(x), np.sin(x) * x + 1)])

    threads = [threading.Thread(target=work, args=(k,)) for k in range(6)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not wrong


def test_jit_inside_other_transformations_is_part_of_their_trace():
    f = ft.jit(lambda x: np.sin(x).sum())
    x = np.arange(3.0)
    np.testing.assert_allclose(ft.grad(f)(x), np.cos(x))
    np.testing.assert_allclose(ft.jit(ft.vmap(ft.grad(ft.jit(f))))(np.stack([x, x])), np.cos([x, x]))


def test_lower_shows_every_stage_and_compiles():
    f = ft.jit(lambda x: np.sin(x) * 2.0 + x.sum())
    lowered = f.lower(np.ones(100))
    assert "sin" in lowered.as_text("jaxpr")
    assert "for i in range(n0):" in lowered.as_text("loops")
    assert "define" in lowered.as_text("llvm")
    np.testing.assert_allclose(lowered.compile()(np.ones(100)), np.sin(1.0) * 2 + 100)
    with pytest.raises(ft.errors.ArgumentError, match="compiled for"):
        lowered.compile()(np.ones(99))
    assert f.lower(ft.ShapeDtypeStruct((5,), float)).as_text("jaxpr").count("f64[5]") > 1


def test_explain_tells_traces_kernels_and_times():
    text = ft.explain(lambda x: np.exp(x) + 1)(np.ones(50))
    for part in ("lambda", "equations", "kernel of", "for i in range(n0)", "ms", "break-even"):
        assert part in text


def test_method_decorated_with_jit():
    class Line:
        def __init__(self):
            self.k = 2.0

        @ft.jit
        def at(self, x):
            return x * self.k

    line, other = Line(), Line()
    other.k = 10.0
    assert isinstance(Line.__dict__["at"], ft.Jitted)
    assert [line.at(3.0), other.at(3.0)] == [6.0, 30.0]
    line.k = 4.0
    assert [line.at(3.0), other.at(3.0)] == [12.0, 30.0]
    assert line.at is line.at


def test_method_of_a_pytree_takes_it_as_argument():
    @dataclass
    class Affine:
        w: object
        b: object

        @ft.jit
        def at(self, x):
            return self.w * x + self.b

    f = Affine(np.array([1.0, 2.0]), 3.0)
    np.testing.assert_array_equal(f.at(2.0), [5, 7])
    slope = ft.grad(lambda m: m.at(2.0).sum())(f)
    np.testing.assert_array_equal(slope.w, [2, 2])


def test_check_mode_agrees_on_constants_that_plain_numpy_computed():
    weights = np.ones(2)
    frozen = ft.jit(lambda x: x * np.sqrt(weights))
    fresh = ft.jit(lambda x: x * fnp.sqrt(weights))
    with ft.config.set(jit="check"):
        for f in (frozen, fresh):
            f(np.ones(2)), f(np.ones(2))
        weights[:] = 4.0
        np.testing.assert_array_equal(fresh(np.ones(2)), [2.0, 2.0])
        np.testing.assert_array_equal(frozen(np.ones(2)), [2.0, 2.0])


@pytest.mark.parametrize("size", [3, 300])
def test_captured_array_is_read_at_every_call_through_inner_transformations(size):
    data, target = np.arange(1.0, size + 1), np.ones(size)
    slope = ft.jit(lambda w: ft.grad(lambda w: np.sum((w * data - target) ** 2))(w))
    rows = ft.jit(lambda w: ft.vmap(lambda k: k * data)(w))
    third = ft.jit(lambda w: ft.grad(lambda w: ft.grad(lambda v: np.sum(v * v * w * data))(w).sum())(w))
    w = np.linspace(0.0, 1.0, size)
    for _ in range(3):
        np.testing.assert_allclose(slope(w), 2 * data * (w * data - target))
        np.testing.assert_allclose(rows(w), w[:, None] * data)
        np.testing.assert_allclose(third(w), 4 * w * data)
        data *= 2
    assert [len(f.entries) for f in (slope, rows, third)] == [1, 1, 1]
    assert "3 traces" not in slope.explain()
