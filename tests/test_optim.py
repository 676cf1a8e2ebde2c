"""Gradient transformations: against their formulas, optax and PyTorch; under every transformation; and what wrong use says."""

from __future__ import annotations

import dataclasses
import inspect
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import ftrans as ft
from ftrans import optim, treecode
from ftrans.errors import ArgumentError, DtypeError, ShapeError, TreeStructureError


def make_params(dtype: Any = np.float64) -> Any:
    rng = np.random.default_rng(0)
    tree = {"w": rng.normal(size=(3, 2)), "b": [rng.normal(size=2), np.float64(0.5)]}
    return ft.tree.map(lambda x: x.astype(dtype), tree)


def loss(p: Any) -> Any:
    return np.sum((p["w"] - 1) ** 4) + np.sum(np.sin(p["b"][0]) * p["b"][1]) + p["b"][1] ** 2


def gentle(p: Any) -> Any:
    """A loss on which steps of any size stay finite."""
    return np.sum(np.log1p((p["w"] - 1) ** 2)) + np.sum(np.sin(p["b"][0]) * np.cos(p["b"][1]))


def stepper(opt: Any, loss: Any = loss) -> Any:
    def step(params: Any, state: Any) -> Any:
        updates, state = opt.update(ft.grad(loss)(params), state, params)
        return optim.apply_updates(params, updates), state

    return step


def after(opt: Any, params: Any, steps: int, loss: Any = loss, wrap: Any = lambda f: f) -> Any:
    step, state = wrap(stepper(opt, loss)), opt.init(params)
    for _ in range(steps):
        params, state = step(params, state)
    return params


def assert_trees_close(one: Any, two: Any, rtol: float = 1e-10, atol: float = 1e-12) -> None:
    one, two = ft.tree.leaves(one), ft.tree.leaves(two)
    for x, y in zip(one, two, strict=True):
        np.testing.assert_allclose(np.asarray(x), np.asarray(y), rtol=rtol, atol=atol)


CASES: dict[str, Any] = {  # a function of ft.optim or optax
    "sgd": lambda m: m.sgd(0.1),
    "momentum": lambda m: m.sgd(0.1, 0.9),
    "nesterov": lambda m: m.sgd(0.1, 0.9, True),
    "adam": lambda m: m.adam(0.1),
    "adam with eps_root": lambda m: m.adam(0.1, 0.8, 0.99, 1e-3, 1e-4),
    "adamw": lambda m: m.adamw(0.1, weight_decay=0.1),
    "nadam": lambda m: m.nadam(0.1),
    "rmsprop": lambda m: m.rmsprop(0.1),
    "rmsprop, eps outside": lambda m: m.rmsprop(0.01, eps_in_sqrt=False, initial_scale=0.5),
    "rmsprop, centered": lambda m: m.rmsprop(0.01, centered=True, momentum=0.9, nesterov=True),
    "adagrad": lambda m: m.adagrad(0.1),
    "adadelta": lambda m: m.adadelta(1.0),
    "lion": lambda m: m.lion(0.01),
    "clipped": lambda m: m.chain(m.clip_by_global_norm(1.0), m.clip(0.3), m.ema(0.9), m.scale(-0.1)),
    "clipped by blocks": lambda m: m.chain(m.clip_by_block_rms(0.2), m.adaptive_grad_clip(0.1), m.sgd(0.1)),
    "masked decay": lambda m: m.adamw(0.1, mask={"w": True, "b": False}),
    "masked by a function": lambda m: m.masked(m.sgd(0.1), lambda params: {"w": False, "b": [True, False]}),
    "labels": lambda m: m.multi_transform({"a": m.adam(0.1), "b": m.set_to_zero()}, {"w": "a", "b": ["b", "a"]}),
    "guarded": lambda m: m.chain(m.zero_nans(), m.apply_if_finite(m.adam(0.1), 3)),
    "identity": lambda m: m.chain(m.identity(), m.trace(0.5), m.scale_by_learning_rate(0.1)),
    "injected": lambda m: m.inject_hyperparams(m.adam)(0.1, b1=0.8),
}
ALL = {**CASES, "keras": lambda m: m.adam(0.1, form="keras"), "scheduled": lambda m: m.rmsprop(m.linear_schedule(0.1, 0.01, 5))}
OPTIMISERS = [optim.sgd, optim.adam, optim.adamw, optim.nadam, optim.rmsprop, optim.adagrad, optim.adadelta, optim.lion]
SCHEDULES: dict[str, Any] = {
    "constant": lambda m: m.constant_schedule(0.5),
    "linear": lambda m: m.linear_schedule(1.0, 0.2, 5, 2),
    "polynomial": lambda m: m.polynomial_schedule(1.0, 0.2, 3, 5, 1),
    "exponential": lambda m: m.exponential_decay(1.0, 3, 0.5, 2),
    "staircase": lambda m: m.exponential_decay(1.0, 3, 0.5, 1, True, 0.3),
    "growing": lambda m: m.exponential_decay(1.0, 3, 2.0, end_value=4.0),
    "cosine": lambda m: m.cosine_decay_schedule(2.0, 6, 0.1, 1.5),
    "warm-up": lambda m: m.warmup_cosine_decay_schedule(0.1, 1.0, 3, 8, 0.01),
    "pieces": lambda m: m.piecewise_constant_schedule(1.0, {2: 0.5, 5: 0.1}),
    "joined": lambda m: m.join_schedules([m.linear_schedule(0.0, 1.0, 3), lambda k: 1 / (1 + k * k)], [3]),
}

# ----------------------------------------------------------------------------------------------------------- the numbers


@pytest.mark.smoke
@pytest.mark.parametrize("form", ["textbook", "keras"])
@pytest.mark.parametrize("mode", [None, "never", "now"])
@pytest.mark.parametrize("written", [lambda w: (w - 5) ** 2, lambda w: w**2 - 10 * w + 25, lambda w: np.sum((w - 5) ** 2)])
def test_the_digits_of_adam(form: str, mode: str | None, written: Any) -> None:
    wrap = (lambda f: f) if mode is None else lambda f: ft.jit(f, compile=mode)
    first = after(optim.adam(0.1, form=form), np.float32(0), 1, written, wrap)
    assert str(first) == {"textbook": "0.1", "keras": "0.09999997"}[form]
    if form == "keras":
        assert str(after(optim.adam(0.1, form=form), np.float32(0), 1001, written, wrap)) == "5.000001"


def test_the_digits_of_adam_by_train() -> None:
    result = optim.train(lambda w: (w - 5) ** 2, np.float32(0), None, optim.adam(0.1, form="keras"), steps=1001)
    assert str(result.params) == "5.000001"
    assert result.params.dtype == result.losses.dtype == np.float32


@given(st.lists(st.floats(-10, 10), min_size=1, max_size=8), st.sampled_from([0.5, 0.9]), st.sampled_from([0.9, 0.999]))
def test_both_forms_of_adam_are_their_formulas(grads: list[float], b1: float, b2: float) -> None:
    textbook, keras = optim.adam(0.1, b1, b2), optim.adam(0.1, b1, b2, form="keras")
    states = [textbook.init(0.0), keras.init(0.0)]
    m = v = 0.0
    for t, g in enumerate(grads, 1):
        m, v = b1 * m + (1 - b1) * g, b2 * v + (1 - b2) * g * g
        u, states[0] = textbook.update(np.float64(g), states[0])
        assert u == pytest.approx(-0.1 * (m / (1 - b1**t)) / (np.sqrt(v / (1 - b2**t)) + 1e-8), rel=1e-9, abs=1e-15)
        u, states[1] = keras.update(np.float64(g), states[1])
        assert u == pytest.approx(-0.1 * np.sqrt(1 - b2**t) / (1 - b1**t) * m / (np.sqrt(v) + 1e-7), rel=1e-9, abs=1e-15)


@pytest.mark.oracle
@pytest.mark.parametrize("name", CASES)
def test_as_optax(name: str) -> None:
    optax, jax = pytest.importorskip("optax"), pytest.importorskip("jax")
    grads = [ft.tree.map(lambda x, k=k: np.cos(3 * x + k), make_params()) for k in range(4)]  # type: ignore[misc]
    with jax.enable_x64(True):
        theirs, params = CASES[name](optax), ft.tree.map(jax.numpy.asarray, make_params())
        state = theirs.init(params)
        for g in grads:
            updates, state = theirs.update(ft.tree.map(jax.numpy.asarray, g), state, params)
            params = optax.apply_updates(params, updates)
        expected = ft.tree.map(np.asarray, params)
    ours, params = CASES[name](optim), make_params()
    state = ours.init(params)
    for g in grads:
        updates, state = ours.update(g, state, params)
        params = optim.apply_updates(params, updates)
    assert_trees_close(params, expected, rtol=1e-7 if name == "injected" else 1e-12)  # optax injects float32


@pytest.mark.oracle
@pytest.mark.parametrize("name", SCHEDULES)
def test_schedules_as_optax(name: str) -> None:
    optax = pytest.importorskip("optax")
    ours, theirs = SCHEDULES[name](optim), SCHEDULES[name](optax)
    for k in range(12):
        assert float(ours(k)) == pytest.approx(float(theirs(k)), rel=2e-6, abs=1e-7)


TORCH: dict[str, Any] = {
    "SGD": ({"lr": 0.1, "momentum": 0.9, "nesterov": True}, lambda: optim.sgd(0.1, 0.9, True)),
    "Adam": ({"lr": 0.1}, lambda: optim.adam(0.1)),
    "AdamW": ({"lr": 0.1, "weight_decay": 0.1}, lambda: optim.adamw(0.1, weight_decay=0.1)),
    "RMSprop": ({"lr": 0.1, "centered": True}, lambda: optim.rmsprop(0.1, 0.99, eps_in_sqrt=False, centered=True)),
    "Adadelta": ({"lr": 0.5}, lambda: optim.adadelta(0.5)),
}


@pytest.mark.parametrize("name", TORCH)
def test_as_pytorch(name: str) -> None:
    torch = pytest.importorskip("torch")
    options, ours = TORCH[name]
    start = np.array([1.0, -2.0, 0.5])
    w = torch.tensor(start, requires_grad=True)
    theirs = getattr(torch.optim, name)([w], **options)
    for _ in range(6):
        theirs.zero_grad()
        ((w - 1) ** 4).sum().backward()
        theirs.step()
    assert_trees_close(after(ours(), start, 6, lambda w: np.sum((w - 1) ** 4)), w.detach().numpy(), rtol=1e-9)


def test_weight_decay_is_decoupled_behind_the_scaling_and_a_penalty_before_it() -> None:
    p, g = np.array([2.0, -4.0]), np.array([0.3, 0.1])

    def only(*parts: Any) -> Any:
        opt = optim.chain(*parts)
        return opt.update(g, opt.init(p), p)[0]

    decay = optim.add_decayed_weights(0.5)
    np.testing.assert_allclose(only(optim.scale_by_adam(), decay), np.sign(g) + 0.5 * p, rtol=1e-6)
    np.testing.assert_allclose(only(decay, optim.scale_by_adam()), np.sign(g + 0.5 * p), rtol=1e-6)


def test_nan_and_infinity_are_kept_out() -> None:
    opt = optim.apply_if_finite(optim.adam(0.1), 2)
    state = opt.init(np.zeros(2))
    _, state = opt.update(np.ones(2), state)
    for k in (1, 2):
        updates, new = opt.update(np.array([1.0, np.inf]), state)
        assert np.array_equal(updates, [0, 0])
        assert new.notfinite_count == k
        assert_trees_close(new.inner_state, state.inner_state)
        state = new
    updates, state = opt.update(np.array([1.0, np.nan]), state)  # the third in a row shows
    assert np.isnan(updates).any()
    assert state.total_notfinite == 3


def test_centred_rmsprop_survives_a_variance_rounded_below_zero() -> None:
    opt, g = optim.rmsprop(0.1, centered=True), np.full(4, 1234.567, np.float32)
    state = opt.init(g)
    for _ in range(200):
        updates, state = opt.update(g, state)
    assert np.all(np.isfinite(updates))


@pytest.mark.parametrize("name", SCHEDULES)
def test_schedules_take_counts_of_every_kind(name: str) -> None:
    f = SCHEDULES[name](optim)
    counts = np.arange(10)
    one_by_one = np.array([float(f(k)) for k in range(10)])
    np.testing.assert_allclose(ft.vmap(lambda k: f(k) + 0.0)(counts), one_by_one, rtol=1e-12)
    np.testing.assert_allclose([ft.jit(lambda k: f(k) + 0.0)(k) for k in counts], one_by_one, rtol=1e-12)


def test_a_schedule_counts_from_zero() -> None:
    seen = optim.sgd(lambda k: 10.0 ** (-k))
    state, moves = seen.init(0.0), []
    for _ in range(3):
        updates, state = seen.update(np.float64(1), state)
        moves.append(float(updates))
    assert moves == [-1.0, -0.1, -0.01]


def test_a_joined_schedule_is_not_asked_about_steps_before_its_own() -> None:
    f = optim.join_schedules([optim.constant_schedule(2.0), lambda k: 1 / (1 + k)], [3])
    assert [float(f(k)) for k in range(6)] == [2, 2, 2, 1, 1 / 2, 1 / 3]


# --------------------------------------------------------------------------------------- pytrees, dtypes, transformations


@pytest.mark.parametrize("dtype", [np.float32, np.float16])
@pytest.mark.parametrize("name", ALL)
def test_every_leaf_keeps_its_dtype(name: str, dtype: Any) -> None:
    opt, params = ALL[name](optim), make_params(dtype)
    state = opt.init(params)
    before = ft.tree.map(lambda x: (x.dtype, x.shape), state) if name != "injected" else None
    grads = ft.tree.map(lambda x: np.asarray(np.cos(x) * dtype(0.25))[()], params)
    for wide in (grads, ft.tree.map(lambda g: g.astype(np.float64), grads)):  # gradients of a wider dtype are no reason to widen
        updates, new = opt.update(wide, state, params)
        moved = optim.apply_updates(params, updates)
        assert {x.dtype for x in ft.tree.leaves(moved)} == {np.dtype(dtype)}
        if before is not None:
            assert ft.tree.map(lambda x: (x.dtype, x.shape), new) == before
    updates, _ = opt.update(grads, state, params)
    assert {x.dtype for x in ft.tree.leaves(updates)} == {np.dtype(dtype)}


@pytest.mark.parametrize("rate", [np.float64(0.1), np.array(0.1), optim.linear_schedule(0.1, 0.05, 3), lambda k: np.float64(0.1)])
@pytest.mark.parametrize("make", [optim.sgd, optim.adam, lambda rate: optim.adam(rate, form="keras")])
def test_a_wide_learning_rate_does_not_widen(rate: Any, make: Any) -> None:
    assert after(make(rate), np.ones(2, np.float32), 2, lambda w: np.sum(w**2)).dtype == np.float32


@pytest.mark.parametrize("name", ["momentum", "adam", "rmsprop, centered", "adagrad", "adadelta"])
def test_complex_parameters(name: str) -> None:
    """|g|² is real: one complex parameter moves along its gradient, as far as one real number of the same size does."""
    opt, z = ALL[name](optim), np.array([3 + 4j])
    updates, state = opt.update(z, opt.init(z))
    alone, _ = opt.update(np.array([5.0]), opt.init(np.array([5.0])))
    np.testing.assert_allclose(updates, alone * (3 + 4j) / 5, rtol=1e-12)
    assert updates.dtype == np.complex128
    again, _ = opt.update(z, state)
    assert again.dtype == np.complex128


@pytest.mark.parametrize("name", ALL)
def test_under_jit_as_un_jitted(name: str) -> None:
    opt = ALL[name](optim)
    plain = after(opt, make_params(), 4)
    calls = []

    def counted(step: Any) -> Any:
        calls.append(ft.jit(step))
        return calls[0]

    assert_trees_close(after(opt, make_params(), 4, wrap=counted), plain)
    assert repr(calls[0]).endswith(", 1 traces>"), "the state changes its type from step to step"


@pytest.mark.parametrize("name", ["nesterov", "adam", "keras", "guarded", "clipped", "labels"])
def test_compiled_as_un_jitted(name: str) -> None:
    opt = ALL[name](optim)
    assert_trees_close(after(opt, make_params(), 3, wrap=lambda f: ft.jit(f, compile="now")), after(opt, make_params(), 3))


@pytest.mark.parametrize("name", ALL)
def test_nothing_is_changed_in_place(name: str) -> None:
    opt, params = ALL[name](optim), make_params()
    state = opt.init(params)
    kept = ft.tree.map(np.copy, (params, state))
    stepper(opt)(params, state)
    assert_trees_close((params, state), kept, rtol=0, atol=0)


@pytest.mark.parametrize("name", ALL)
def test_vmap_trains_an_ensemble(name: str) -> None:
    opt = ALL[name](optim)
    many = [ft.tree.map(lambda x, k=k: x + 0.1 * k, make_params()) for k in range(3)]  # type: ignore[misc]
    stacked = ft.tree.map(lambda *xs: np.stack(xs), *many)
    together = ft.vmap(lambda p: after(opt, p, 3))(stacked)
    for k, each in enumerate(many):
        assert_trees_close(ft.tree.map(lambda x, k=k: x[k], together), after(opt, each, 3))


def test_vmap_over_learning_rates() -> None:
    rates = np.array([0.01, 0.1, 0.2])
    together = ft.vmap(lambda rate: after(optim.adam(rate), make_params(), 3))(rates)
    for k, rate in enumerate(rates):
        assert_trees_close(ft.tree.map(lambda x, k=k: x[k], together), after(optim.adam(rate), make_params(), 3))


@pytest.mark.parametrize(
    "make",
    [
        optim.sgd,
        lambda rate: optim.sgd(rate, rate),
        lambda rate: optim.adam(rate, eps_root=1e-12),
        lambda rate: optim.adam(rate, form="keras"),
        lambda rate: optim.adam(0.1, b1=rate, eps_root=1e-12),
        lambda rate: optim.adam(0.1, b1=rate, form="keras"),
        lambda rate: optim.adamw(0.1, weight_decay=rate, eps_root=1e-12),
        lambda rate: optim.sgd(optim.cosine_decay_schedule(rate, 5)),
        lambda rate: optim.sgd(optim.exponential_decay(0.1, 2, rate)),
        lambda rate: optim.chain(optim.clip_by_global_norm(rate), optim.sgd(0.1)),
        lambda rate: optim.inject_hyperparams(optim.sgd)(rate),
    ],
)
@pytest.mark.parametrize("wrap", [lambda f: f, ft.jit])
def test_training_is_differentiated(make: Any, wrap: Any) -> None:
    def trained(rate: Any) -> Any:
        return gentle(after(make(rate), make_params(), 4, gentle, wrap))

    slope, rate, h = ft.grad(trained)(0.3), 0.3, 1e-5
    assert slope == pytest.approx((trained(rate + h) - trained(rate - h)) / (2 * h), rel=1e-5, abs=1e-8)
    assert ft.jvp(trained, (0.3,), (1.0,))[1] == pytest.approx(slope, rel=1e-9)


@pytest.mark.parametrize("name", ALL)
def test_nothing_is_broadcast_that_strict_mode_forbids(name: str) -> None:
    with ft.strict():
        for wrap in (lambda f: f, ft.jit):
            after(ALL[name](optim), make_params(), 2, lambda p: np.sum(p["w"] ** 2) + p["b"][1] * np.sum(p["b"][0]), wrap)


@dataclasses.dataclass
class Layer:
    w: Any
    b: Any
    name: str = dataclasses.field(default="layer", metadata={"static": True})


def test_modules_are_parameters() -> None:
    layer, x = Layer(np.ones((2, 3)), np.zeros(2)), np.array([1.0, 2.0, -1.0])
    fit = optim.train(lambda m: np.sum((m.w @ x + m.b - 1) ** 2), layer, None, optim.sgd(0.05), steps=60)
    assert isinstance(fit.params, Layer)
    assert fit.losses[-1] < 1e-6


def test_a_transformation_is_a_static_argument() -> None:
    step = ft.jit(lambda opt, p: opt.update(p, opt.init(p), p)[0])
    assert step(optim.sgd(0.5), np.float64(2)) == -1.0
    assert step(optim.sgd(0.25), np.float64(2)) == -0.5
    init, update = optim.sgd(0.5)
    assert update(np.float64(2), init(0.0))[0] == -1.0


def test_init_allocates_nothing_abstractly() -> None:
    shape = ft.ShapeDtypeStruct((10**7, 10**5), np.float32)
    state = ft.eval_shape(optim.adam(0.1).init, {"w": shape})
    assert state[0].mu["w"].shape == shape.shape


def test_injected_numbers_may_be_schedules_and_may_be_left_out() -> None:
    make = optim.inject_hyperparams(optim.adam, static_args="b2")
    opt = make(optim.linear_schedule(0.2, 0.0, 2), b2=0.9)
    state = opt.init(np.zeros(1))
    assert set(state.hyperparams) == {"learning_rate", "b1", "eps", "eps_root"}
    moves = []
    for _ in range(3):
        updates, state = opt.update(np.ones(1), state)
        moves.append(round(float(updates[0]), 6))
    assert moves == [-0.2, -0.1, 0.0]


def test_the_learning_rate_is_known() -> None:
    schedule = optim.linear_schedule(0.3, 0.1, 2)
    for opt in (
        optim.sgd(schedule),
        optim.adam(schedule, form="keras"),
        optim.chain(optim.clip(1.0), optim.adamw(schedule)),
        optim.masked(optim.sgd(schedule), True),
        optim.apply_if_finite(optim.rmsprop(schedule, momentum=0.9), 1),
        optim.inject_hyperparams(optim.sgd)(schedule),
    ):
        p = np.ones(2)
        state = opt.init(p)
        assert float(opt.rate(state)) == pytest.approx(0.3)
        _, state = opt.update(p, state, p)
        assert float(opt.rate(state)) == pytest.approx(0.2), opt.name
    assert optim.clip(1.0).rate is None


# ---------------------------------------------------------------------------------------------------------- wrong use


def here() -> str:
    """What a message says about the line that called."""
    return f"test_optim.py:{inspect.stack()[1].lineno}"


def message(error: type[Exception], f: Any, *args: Any, **kwargs: Any) -> str:
    with pytest.raises(error) as caught:
        f(*args, **kwargs)
    assert "test_optim.py:" in str(caught.value), "the user's line is missing"
    return str(caught.value)


@pytest.mark.parametrize("make", [lambda: optim.adam(0.1), lambda: optim.adam(0.1, form="keras"), lambda: optim.sgd(0.1)])
def test_a_gradient_of_another_structure(make: Any) -> None:
    opt, params = make(), {"w1": [np.ones(2), np.ones(3)], "b": np.ones(1)}
    state = opt.init(params)
    text = message(TreeStructureError, lambda: opt.update({"w1": [np.ones(2)], "b": np.ones(1)}, state, params))
    assert f"{opt.name}: the gradients have another structure than params: params['w1'][1] has nothing beside it" in text
    assert "make the state by init" in text
    text = message(TreeStructureError, lambda: opt.update({"w1": [np.ones(2), [np.ones(3)]], "b": np.ones(1)}, state, params))
    assert "params['w1'][1] has nothing beside it in the gradients" in text
    text = message(TreeStructureError, lambda: opt.update({**params, "c": np.ones(1)}, state, params))
    assert "gradients['c'] belongs to nothing in params" in text
    text = message(TreeStructureError, lambda: opt.update({**params, "w1": (np.ones(2), np.ones(3))}, state, params))
    assert "the leaves are the same, but not the containers" in text


def test_a_gradient_that_fits_the_params_but_not_the_state() -> None:
    opt = optim.adam(0.1)
    state, other = opt.init({"w": np.ones(2)}), {"w": np.ones(2), "b": np.ones(1)}
    text = message(TreeStructureError, lambda: opt.update(other, state, other))
    assert "scale_by_adam: the gradients have another structure than state.mu: gradients['b'] belongs to nothing" in text
    text = message(ShapeError, lambda: opt.update({"w": np.ones(3)}, state))
    assert "scale_by_adam: gradients['w'] has shape (3,), but state.mu['w'] has shape (2,)" in text


def test_a_gradient_of_another_shape() -> None:
    opt, params = optim.sgd(0.1), {"w": np.ones((4, 1))}
    text = message(ShapeError, lambda: opt.update({"w": np.ones(4)}, opt.init(params), params))
    assert "sgd: gradients['w'] has shape (4,), but params['w'] has shape (4, 1)" in text
    assert "was one of them reshaped" in text
    text = message(ShapeError, lambda: optim.apply_updates(params, {"w": np.ones((4, 4))}))
    assert "apply_updates: updates['w'] has shape (4, 4), but params['w'] has shape (4, 1)" in text


def test_a_state_of_another_optimiser() -> None:
    p = np.ones(2)
    text = message(ArgumentError, lambda: optim.adam(0.1).update(p, optim.sgd(0.1, 0.9).init(p), p))
    assert "scale_by_adam: the state is TraceState(" in text
    assert "expected a ScaleByAdamState" in text
    assert "the state that init, or the last update, of the same optimiser returned" in text
    text = message(ArgumentError, lambda: optim.adam(0.1).update(p, p, p))
    assert "adam: the state is array([1., 1.]), a ndarray; expected a tuple of 2 states" in text
    text = message(ArgumentError, lambda: optim.adam(0.1, form="keras").update(p, optim.adam(0.1).init(p), p))
    assert "expected a ScaleByAdamState" in text
    both = {"a": optim.sgd(0.1), "b": optim.sgd(0.1)}
    text = message(ArgumentError, lambda: optim.multi_transform(both, "a").update(p, optim.PartitionState({}), p))
    assert "expected the states of ['a', 'b']" in text


@pytest.mark.parametrize(
    ("rate", "says"),
    [
        ("0.1", "learning_rate must be a number, got '0.1'"),
        (None, "learning_rate must be a number, got None"),
        (True, "learning_rate must be a number, got True"),
        (np.ones(3), "learning_rate must be a number, got an array of shape (3,)"),
        (-0.1, "learning_rate must not be negative, got -0.1"),
        (np.nan, "learning_rate must be a finite number, got nan"),
        (np.inf, "learning_rate must be a finite number, got inf"),
        (0.1j, "learning_rate must be a number, got 0.1j"),
    ],
)
@pytest.mark.parametrize("make", OPTIMISERS)
def test_a_learning_rate_that_is_none(make: Any, rate: Any, says: str) -> None:
    text = message(ArgumentError, lambda: make(rate))
    assert f"{make.__name__}: {says}" in text
    assert "or a schedule" in text


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: optim.adam(0.1, b1=1.0), "adam: b1 must be between 0 and 1 (excluded), got 1.0"),
        (lambda: optim.adam(0.1, b2=-0.1, form="keras"), "adam: b2 must be between 0 and 1 (excluded), got -0.1"),
        (lambda: optim.adamw(0.1, b2=1.5), "adamw: b2 must be between 0 and 1 (excluded), got 1.5"),
        (lambda: optim.adam(0.1, eps=-1e-8), "adam: eps must not be negative, got -1e-08"),
        (lambda: optim.adam(0.1, form="paper"), 'adam: form must be "textbook" or "keras", got \'paper\''),
        (lambda: optim.adam(0.1, form="keras", nesterov=True), 'form="keras" has neither nesterov nor eps_root'),
        (lambda: optim.sgd(0.1, momentum=1.1), "sgd: momentum must be between 0 and 1, got 1.1"),
        (lambda: optim.sgd(0.1, nesterov=True), "sgd: nesterov=True needs a momentum"),
        (lambda: optim.rmsprop(0.1, nesterov=True), "rmsprop: nesterov=True needs a momentum"),
        (lambda: optim.rmsprop(0.1, decay=2), "scale_by_rms: decay must be between 0 and 1 (excluded), got 2.0"),
        (lambda: optim.adagrad(0.1, -1), "scale_by_rss: initial_accumulator_value must not be negative, got -1.0"),
        (lambda: optim.adamw(0.1, weight_decay=-1), "adamw: weight_decay must not be negative, got -1.0"),
        (lambda: optim.clip(0), "clip: max_delta must be greater than 0, got 0"),
        (lambda: optim.clip_by_global_norm(-1), "clip_by_global_norm: max_norm must not be negative, got -1.0"),
        (lambda: optim.scale_by_schedule(0.1), "scale_by_schedule: step_size_fn must be a function, got 0.1"),
        (lambda: optim.chain(optim.clip(1.0), 0.1), "chain: argument 1 is 0.1, a float"),
        (lambda: optim.masked(0.1, True), "masked: inner is 0.1, a float"),
        (lambda: optim.linear_schedule(1.0, 0.0, 0), "transition_steps must be a whole number from 1 up, got 0"),
        (lambda: optim.cosine_decay_schedule(1.0, 10.0), "decay_steps must be a whole number from 1 up, got 10.0"),
        (lambda: optim.warmup_cosine_decay_schedule(0.0, 1.0, 5, 5), "decay_steps must be a whole number from 6 up, got 5"),
        (lambda: optim.exponential_decay(1.0, 5, 0.0), "exponential_decay: decay_rate must be from"),
        (lambda: optim.sgd(lambda k: np.ones(3)).update(1.0, optim.sgd(abs).init(1.0)), "its value must be a number, got an array"),
        (lambda: optim.join_schedules([abs, abs], []), "2 schedules need 1 boundaries, got 0"),
        (lambda: optim.join_schedules([abs, abs, abs], [5, 5]), "the boundaries must increase, got [5, 5]"),
        (lambda: optim.join_schedules([0.1, abs], [5]), "schedule 0 must be a function, got 0.1"),
        (lambda: optim.piecewise_constant_schedule(1.0, {2: -1.0}), "a scale must not be negative, got -1.0"),
        (lambda: optim.inject_hyperparams(optim.sgd)([0.1]), "learning_rate must be a number, got [0.1]"),
    ],
)
def test_numbers_out_of_range(make: Any, says: str) -> None:
    assert says in message(ArgumentError, make)


def test_masks_and_labels_that_do_not_fit() -> None:
    params = {"w": np.ones(2), "b": np.ones(1)}
    text = message(TreeStructureError, lambda: optim.masked(optim.sgd(0.1), {"w": True}).init(params))
    assert "masked: the trees differ at params" in text
    text = message(ArgumentError, lambda: optim.masked(optim.sgd(0.1), {"w": True, "b": "no"}).init(params))
    assert "masked: the mask must be a tree of bools, got 'no' in it" in text
    text = message(ArgumentError, lambda: optim.multi_transform({"a": optim.sgd(0.1)}, {"w": "a", "b": "z"}).init(params))
    assert "multi_transform: the label 'z' has no transformation; there are ['a']" in text
    assert "ft.optim.set_to_zero()" in text


def test_parameters_that_cannot_take_an_update() -> None:
    text = message(DtypeError, lambda: optim.apply_updates({"n": np.arange(2)}, {"n": np.ones(2)}))
    assert "apply_updates: params['n'] has dtype int64 and cannot take an update of dtype float64" in text
    for opt in (optim.add_decayed_weights(0.1), optim.adaptive_grad_clip(0.1)):
        text = message(ArgumentError, lambda opt=opt: opt.update(np.ones(2), opt.init(np.ones(2))))
        assert f"{opt.name}: update needs the parameters" in text
        assert "opt.update(grads, state, params)" in text


def test_integers_without_a_gradient_stay() -> None:
    params = {"w": np.ones(2), "n": np.arange(2)}
    grads = ft.grad(lambda p: np.sum(p["w"] * p["n"]), allow_int=True)(params)
    opt = optim.masked(optim.sgd(1.0), {"w": True, "n": False})
    updates, _ = opt.update(grads, opt.init(params), params)
    assert_trees_close(optim.apply_updates(params, updates), {"w": np.array([1.0, 0.0]), "n": np.arange(2)})


def test_optimisers_show_what_they_were_made_with() -> None:
    assert repr(optim.adam(0.001)) == "adam(learning_rate=0.001)"
    assert repr(optim.adam(0.001, eps=1e-3, form="keras")) == "adam(learning_rate=0.001, eps=0.001, form='keras')"
    opt = optim.chain(optim.clip(1.0), optim.adam(optim.cosine_decay_schedule(1.0, 3)), optim.identity(), optim.sgd(lambda k: 0.1))
    shown = "chain(clip(max_delta=1.0), adam(learning_rate=cosine_decay_schedule), identity(), sgd(learning_rate=<lambda>))"
    assert repr(opt) == shown
    assert repr(optim.masked(optim.sgd(0.1), {"w": True})) == "masked(inner=sgd(learning_rate=0.1), mask={'w': True})"
    assert repr(optim.inject_hyperparams(optim.sgd)(0.5)) == "sgd(learning_rate=0.5)"
    assert repr(optim.GradientTransformation(abs, max, "mine")) == "GradientTransformation('mine')"
    for name in optim.__all__:  # all of them, by their own names
        make = getattr(optim, name)
        if hasattr(make, "late") and name not in ("masked", "multi_transform", "apply_if_finite", "scale_by_schedule"):
            numbers = [
                0.5 for p in inspect.signature(make).parameters.values() if p.default is p.empty and p.kind is not p.VAR_POSITIONAL
            ]
            assert repr(make(*numbers)).startswith(f"{name}("), name


def test_names_of_other_libraries_are_known() -> None:
    assert message(ArgumentError, lambda: optim.adam(lr=0.1)).endswith("say learning_rate=... for lr")
    text = message(ArgumentError, lambda: optim.adam(0.1, betas=(0.9, 0.99)))
    assert "adam: got an unexpected keyword argument 'betas'" in text
    assert text.endswith("say b1=..., b2=... for betas")
    text = message(ArgumentError, lambda: optim.sgd())
    assert "sgd: missing a required argument: 'learning_rate'" in text
    assert text.endswith("its arguments are learning_rate, momentum, nesterov")
    assert issubclass(ArgumentError, TypeError)


@pytest.mark.parametrize("make", [lambda: optim.sgd(0.1), lambda: optim.adam(0.1, form="keras"), lambda: optim.clip(1.0)])
def test_an_update_without_a_state(make: Any) -> None:
    text = message(ArgumentError, lambda: make().update(1.0))
    assert f"{make().name}: update needs the gradients and the state" in text
    assert "state = opt.init(params) before the first" in text


@pytest.mark.parametrize(("form", "eps"), [("textbook", 1e-8), ("keras", 1e-7)])
def test_every_number_of_an_optimiser_is_injected(form: str, eps: float) -> None:
    opt = optim.inject_hyperparams(optim.adam)(0.1, form=form)
    state = opt.init(np.zeros(1))
    assert state.hyperparams == {"learning_rate": 0.1, "b1": 0.9, "b2": 0.999, "eps": eps, "eps_root": 0.0}
    large = state._replace(hyperparams={**state.hyperparams, "eps": 1e9})
    assert abs(opt.update(np.ones(1), large)[0]) < 1e-8 < abs(opt.update(np.ones(1), state)[0])


def test_messages_name_the_users_line() -> None:
    with pytest.raises(ArgumentError) as caught:
        optim.sgd("fast")
    assert f"test_optim.py:{inspect.currentframe().f_lineno - 1} in " in str(caught.value)


# ------------------------------------------------------------------------------- states and modules as arguments of jit


@dataclasses.dataclass(frozen=True)
class Scaled:
    x: Any
    factor: float = dataclasses.field(metadata={"static": True})


def test_straight_line_code_knows_states_and_modules() -> None:
    tree = (optim.ScaleByAdamState(1, {"a": 2.0}, [3.0]), optim.EmptyState(), Layer(4.0, [5.0]), Scaled(6.0, 1e300))
    flat, structure = ft.tree.flatten(tree)
    take, make = treecode.taker(structure), treecode.maker(structure)
    assert take is not None
    assert take(tree) == flat == [1, 2.0, 3.0, 4.0, 5.0, 6.0]
    assert make(flat) == tree
    assert take((*tree[:3], Scaled(7.0, float("1e300")))) == [*flat[:5], 7.0]  # equal static data
    for other in (Scaled(6.0, 1e301), Layer(1.0, 2.0), 6.0):
        assert take((*tree[:3], other)) is None
    assert take((optim.EmptyState(), *tree[1:])) is None


def test_a_jitted_function_sees_every_change_of_a_module() -> None:
    f = ft.jit(lambda m: m.x * m.factor)
    for factor in (2.0,) * 6 + (3.0, 2.0, -0.0, 0.0):
        assert str(f(Scaled(np.float64(1), factor))) == str(factor)
