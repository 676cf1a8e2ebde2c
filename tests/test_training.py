"""`ft.optim.train` and `minibatches`: what they compute, when they stop, and what they say when a loss goes wrong."""

from __future__ import annotations

import inspect
import sys
from typing import Any

import numpy as np
import pytest

import ftrans as ft
from ftrans import optim
from ftrans.errors import ArgumentError, DifferentiationError, NonFiniteError, ShapeError
from ftrans.optim import progress


def data() -> tuple[Any, Any]:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(20, 3))
    return x, x @ np.array([1.0, -2.0, 0.5]) + 0.3


def squared(p: Any, x: Any, y: Any) -> Any:
    return np.mean((x @ p["w"] + p["b"] - y) ** 2)


def start() -> Any:
    return {"w": np.zeros(3), "b": 0.0}


@pytest.mark.smoke
@pytest.mark.parametrize("jit", [True, False])
def test_a_regression_is_learnt(jit: bool) -> None:
    result = optim.train(squared, start(), optim.minibatches(data(), 6, 0, epochs=50), optim.adam(0.1), jit=jit, progress=False)
    np.testing.assert_allclose(result.params["w"], [1.0, -2.0, 0.5], atol=0.02)
    assert result.steps == len(result.losses) == 50 * 4
    assert result.losses[-1] < 1e-3
    assert result.message == "came to the end of the batches"


def test_it_is_the_loop_written_by_hand() -> None:
    x, y = data()
    opt, p = optim.sgd(0.1, 0.9), start()
    state, values = opt.init(p), []
    for k in range(7):
        value, grads = ft.value_and_grad(squared)(p, x[k : k + 5], y[k : k + 5])
        updates, state = opt.update(grads, state, p)
        p = optim.apply_updates(p, updates)
        values.append(value)
    given = start()
    result = optim.train(squared, given, [(x[k : k + 5], y[k : k + 5]) for k in range(7)], opt)
    np.testing.assert_allclose(result.params["w"], p["w"], rtol=1e-12)
    np.testing.assert_allclose(result.losses, values, rtol=1e-12)
    assert np.array_equal(given["w"], np.zeros(3))
    assert given["b"] == 0.0


def test_it_goes_on_where_it_ended() -> None:
    opt = optim.adam(0.1)
    whole = optim.train(squared, start(), data(), opt, steps=10)
    first = optim.train(squared, start(), data(), opt, steps=4)
    second = optim.train(squared, first.params, data(), opt, steps=6, state=first.state)
    np.testing.assert_allclose(second.params["w"], whole.params["w"], rtol=1e-14)
    np.testing.assert_allclose([*first.losses, *second.losses], whole.losses, rtol=1e-14)


@pytest.mark.smoke
def test_the_xor_network_trained_example_by_example() -> None:
    def sigmoid(x: Any) -> Any:
        return 1 / (1 + np.exp(-x))

    def error(p: Any, x: Any, t: Any) -> Any:
        return 0.5 * (t - sigmoid(p["w2"] @ sigmoid(p["W"] @ x + p["b"]) + p["b2"])) ** 2

    params = {"W": np.array([[3.0, 4], [2, 3]]), "b": np.array([-2.0, -4]), "w2": np.array([5.0, -5]), "b2": -2.0}
    examples = [(np.array([a, b]), float(a != b)) for a, b in [(0.0, 0.0), (1.0, 0.0), (0.0, 1.0), (1.0, 1.0)]]
    epochs = optim.train(error, params, examples, optim.sgd(0.1), steps=4000).losses.reshape(-1, 4).mean(axis=1)
    assert epochs[0] == pytest.approx(0.0352627135, abs=1e-10)
    assert epochs[999] == pytest.approx(0.0081779642, abs=1e-10)


@pytest.mark.parametrize("batches", [None, ()])
def test_a_loss_without_data(batches: Any) -> None:
    result = optim.train(lambda w: np.sum((w - 2) ** 2), np.zeros(2), batches, optim.sgd(0.25), steps=3)
    np.testing.assert_allclose(result.params, [1.75, 1.75])
    np.testing.assert_allclose(result.losses, [8, 2, 0.5])
    assert "steps=3" in repr(result)
    assert "made all 3 steps" in repr(result)


def test_batches_of_every_kind() -> None:
    def count(batches: Any, steps: int | None, loss: Any = lambda w, x: np.sum(w * x)) -> list[float]:
        return list(optim.train(loss, 1.0, batches, optim.sgd(0.0), steps=steps).losses)

    one = np.ones(3)
    assert count(one, 2) == [3, 3]  # one batch for all steps
    assert count((one,), 2) == [3, 3]
    assert count((one, 2.0), 2, lambda w, x, y: np.sum(w * x) * y) == [6, 6]
    assert count({"x": one}, 2, lambda w, batch: w * np.sum(batch["x"])) == [3, 3]
    assert count([one, 2 * one], None) == [3, 6]  # an iterable of batches
    assert count([(one,), (2 * one,)], None) == [3, 6]
    assert count([one, 2 * one], 5) == [3, 6, 3, 6, 3]  # again from the start
    assert count([{"x": one}], None, lambda w, batch: w * np.sum(batch["x"])) == [3]
    assert count(iter([one, 2 * one]), 5) == [3, 6]  # an iterator has no start to go to
    assert count([one], 0) == count([], 0) == []
    rest = iter([one, 2 * one, 3 * one])
    assert count(rest, 2) == [3, 6]
    assert next(rest)[0] == 3  # nothing was taken that was not used


def test_an_iterator_that_ends_early_is_told() -> None:
    result = optim.train(lambda w, x: np.sum(w * x), 1.0, iter([np.ones(1)] * 3), optim.sgd(0.1), steps=5)
    assert result.message == "came to the end of the batches after 3 of 5 steps"


def test_callbacks_see_each_step_and_may_stop() -> None:
    seen: list[Any] = []

    def callback(k: int, value: Any, params: Any) -> Any:
        seen.append((k, float(value), float(params)))
        return np.bool_(value < 5)

    result = optim.train(lambda w: w**2, 4.0, None, optim.sgd(0.25), steps=50, callback=callback)
    assert seen == [(1, 16.0, 2.0), (2, 4.0, 1.0)]
    assert result.steps == 2
    assert result.message == "the callback ended it"


def test_aux_is_handed_on() -> None:
    seen = []
    result = optim.train(
        lambda w: (w**2, {"w": w}),
        4.0,
        None,
        optim.sgd(0.25),
        steps=2,
        has_aux=True,
        callback=lambda k, v, p, aux: seen.append(aux),
    )
    assert [float(aux["w"]) for aux in seen] == [4.0, 2.0]
    assert float(result.aux["w"]) == 2.0


def test_a_step_is_traced_once() -> None:
    traces = []

    def loss(w: Any, x: Any) -> Any:
        traces.append(1)
        return np.sum(w["a"] * x) + w["b"] ** 2

    params = {"a": np.zeros(()), "b": 1.0}
    optim.train(loss, params, np.ones(3), optim.chain(optim.clip_by_global_norm(1.0), optim.adam(0.1)), steps=20)
    assert len(traces) == 1


def test_train_inside_other_transformations() -> None:
    x, y = data()

    def final(rate: Any) -> Any:
        return optim.train(squared, start(), (x, y), optim.sgd(rate), steps=5).losses[-1]

    slope, h = ft.grad(final)(0.1), 1e-6
    assert slope == pytest.approx((final(0.1 + h) - final(0.1 - h)) / (2 * h), rel=1e-5)
    rates = np.array([0.05, 0.1])
    np.testing.assert_allclose(ft.vmap(final)(rates), [final(r) for r in rates], rtol=1e-12)
    np.testing.assert_allclose(ft.jit(final)(0.1), final(0.1), rtol=1e-12)


# ------------------------------------------------------------------------------------------------- losses that go wrong


@pytest.mark.parametrize("jit", [True, False])
def test_a_learning_rate_that_is_too_great(jit: bool) -> None:
    def loss(w: Any) -> Any:
        return np.sum(w**4)

    values, w = [], np.array([3.0])
    with np.errstate(all="ignore"):
        while np.isfinite(loss(w)):
            values.append(loss(w))
            w = w - 4 * 0.5 * w**3
    with pytest.raises(NonFiniteError) as caught:
        optim.train(loss, np.array([3.0]), None, optim.sgd(0.5), steps=100, jit=jit)
    line = inspect.currentframe().f_lineno - 1  # type: ignore[union-attr]
    text, result = str(caught.value), caught.value.result
    n = len(values)
    assert f"train: the loss became inf at step {n + 1}; at step {n} the loss was {values[-1]:.6g} and the learning" in text
    assert "and the learning rate 0.5\n" in text
    assert f"test_training.py:{line} in test_a_learning_rate_that_is_too_great" in text
    assert "the parameters are finite, so the steps were too long" in text
    assert "try a smaller learning_rate, a warm-up schedule, or ft.optim.chain(ft.optim.clip_by_global_norm(1.0)" in text
    np.testing.assert_allclose(result.losses, values[:-1], rtol=1e-9)
    assert loss(result.params) == pytest.approx(values[-1], rel=1e-9)
    again = optim.train(loss, result.params, None, optim.sgd(1e-9), steps=1, state=result.state)  # nothing is lost
    assert np.isfinite(again.losses[0])


@pytest.mark.parametrize("has_aux", [True, False])
def test_the_result_in_the_error_is_that_of_a_shorter_training(has_aux: bool) -> None:
    def loss(w: Any) -> Any:
        return (np.sum(w**4), w) if has_aux else np.sum(w**4)

    opt = optim.sgd(0.5, 0.9)
    with pytest.raises(NonFiniteError) as caught:
        optim.train(loss, np.array([3.0]), None, opt, steps=100, has_aux=has_aux)
    result = caught.value.result
    shorter = optim.train(loss, np.array([3.0]), None, opt, steps=result.steps, has_aux=has_aux)
    assert 0 < result.steps == len(result.losses)
    assert np.array_equal(result.losses, shorter.losses)
    assert np.array_equal(result.params, shorter.params)
    assert ft.tree.all(ft.tree.map(np.array_equal, (result.state, result.aux), (shorter.state, shorter.aux)))


def test_a_loss_that_is_left_behind_its_domain_or_has_nan_in_its_data() -> None:
    def loss(w: Any, x: Any = 1.0) -> Any:
        return np.sum(np.sqrt(w) * x)

    with pytest.raises(NonFiniteError, match=r"where the loss is not defined \(sqrt or log of a negative number\): try"):
        optim.train(loss, np.ones(2), None, optim.sgd(1.0), steps=9)
    with pytest.raises(NonFiniteError, match=r"a negative number\); batch\[0\] has nan or infinity in it: try a smaller"):
        optim.train(loss, np.ones(2), [1.0, np.nan], optim.sgd(0.1))
    with pytest.raises(NonFiniteError, match=r"overflow in the loss; batch\[0\] has nan or infinity in it"):
        optim.train(loss, np.ones(2), [np.array([1.0, np.nan])], optim.sgd(0.1))


def test_the_rate_of_a_schedule_is_that_of_the_step() -> None:
    with pytest.raises(NonFiniteError, match=r"became nan at step 4; at step 3 the loss was .* and the learning rate 1e\+200"):
        optim.train(lambda w: np.sum(w**2 - w * w * w), np.ones(1), None, optim.sgd(lambda k: np.where(k < 2, 0.1, 1e200)), steps=9)


def test_a_gradient_that_is_not_finite() -> None:
    def norm(p: Any) -> Any:
        return np.sqrt(np.sum(p["w"] ** 2)) + np.sum(p["b"] ** 2)

    with pytest.raises(NonFiniteError) as caught:
        optim.train(norm, {"w": np.zeros(2), "b": np.ones(1)}, None, optim.sgd(0.1), steps=5)
    text = str(caught.value)
    assert "the loss became nan at step 2; at step 1 the loss was 1 " in text
    assert "step 1 made params['w'] nan or infinite" in text
    assert "the gradient itself is not finite (sqrt, norm or log at 0" in text
    assert np.array_equal(caught.value.result.params["w"], [0, 0])
    with pytest.raises(NonFiniteError) as caught:  # the last step has no loss behind it that would show it
        optim.train(norm, {"w": np.zeros(2), "b": np.ones(1)}, None, optim.sgd(0.1), steps=1)
    assert "train: the last step went wrong; at step 1 the loss was 1 and the learning rate 0.1" in str(caught.value)
    assert "step 1 made params['w'] nan or infinite" in str(caught.value)
    assert np.array_equal(caught.value.result.params["w"], [0, 0])


def test_a_loss_that_is_never_finite() -> None:
    with pytest.raises(NonFiniteError) as caught:
        optim.train(lambda w: np.sum(np.log(w)), np.zeros(2), None, optim.sgd(0.1), steps=5)
    text = str(caught.value)
    assert "train: the loss is -inf at step 1, before any update" in text
    assert "the parameters are finite: look for log(0), 0/0" in text
    assert caught.value.result.steps == 0
    barred = optim.train(lambda p: np.sum(np.exp(p)), np.array([0.0, -np.inf]), None, optim.sgd(0.1), steps=3)
    assert barred.params[1] == -np.inf  # an infinity that was meant
    with pytest.raises(NonFiniteError, match=r"params\[1\] is not finite"):
        optim.train(lambda p: np.sum(p[0]) + p[1], [np.ones(1), np.nan], None, optim.sgd(0.1), steps=5)
    assert issubclass(NonFiniteError, FloatingPointError)


def test_a_loss_that_is_no_scalar() -> None:
    def loss(w: Any) -> Any:
        return (w - 1) ** 2

    with pytest.raises(DifferentiationError) as caught:
        optim.train(loss, np.zeros(3), None, optim.sgd(0.1), steps=5)
    assert "a function with a scalar result, but it returned an array of shape (3,)" in str(caught.value)
    assert "test_training.py:" in str(caught.value)


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: optim.train(abs, 1.0, None, 0.1, steps=1), "train: optimizer is 0.1, a float"),
        (lambda: optim.train(abs, 1.0, None, optim.sgd, steps=1), "train: optimizer is <function sgd"),
        (lambda: optim.train(1.0, abs, None, optim.sgd(0.1), steps=1), "train: loss must be a function, got 1.0"),
        (lambda: optim.train(abs, 1.0, None, optim.sgd(0.1)), "one batch for all steps needs a number of steps"),
        (lambda: optim.train(abs, 1.0, np.ones(2), optim.sgd(0.1)), "one batch for all steps needs a number of steps"),
        (lambda: optim.train(abs, 1.0, 32, optim.sgd(0.1)), "batches must be an iterable, an array or None, got 32"),
        (lambda: optim.train(abs, 1.0, None, optim.sgd(0.1), steps=1.5), "train: steps must be a whole number from 0 up, got 1.5"),
        (lambda: optim.train(abs, 1.0, None, optim.sgd(0.1), steps=1, callback=3), "train: callback must be a function, got 3"),
        (lambda: optim.train(abs, 1.0, None, optim.sgd(0.1, 0.9), steps=1, state=()), "sgd: the state is (), a tuple"),
        (lambda: optim.minibatches(np.ones(4), 0, 0), "minibatches: batch_size must be a whole number from 1 up, got 0"),
        (lambda: optim.minibatches(np.ones(4), 2, "seed"), "rng must be a numpy.random.Generator, a seed or None, got 'seed'"),
        (lambda: optim.minibatches(np.ones(0), 2, 0), "minibatches: 0 rows make no batch of 2"),
        (lambda: optim.minibatches(np.ones(4), 5, 0, drop_last=True), "minibatches: 4 rows make no batch of 5"),
        (lambda: optim.minibatches(np.ones(4), 2, 0, epochs=-1), "epochs must be a whole number from 0 up, got -1"),
    ],
)
def test_wrong_arguments(call: Any, says: str) -> None:
    with pytest.raises(ArgumentError) as caught:
        call()
    assert says in str(caught.value)
    assert "test_training.py:" in str(caught.value)


# ------------------------------------------------------------------------------------------------ batches and progress


def test_minibatches_go_through_all_rows_in_every_epoch() -> None:
    x = np.arange(10)
    batches = list(optim.minibatches({"x": x, "y": x**2}, 4, np.random.default_rng(3), epochs=2))
    assert [len(b["x"]) for b in batches] == [4, 4, 2] * 2
    for b in batches:
        assert np.array_equal(b["y"], b["x"] ** 2)
    first, second = (np.concatenate([b["x"] for b in batches[k : k + 3]]) for k in (0, 3))
    assert sorted(first) == sorted(second) == list(range(10))
    assert list(first) != list(second) != list(range(10))
    assert np.array_equal(first, np.concatenate(list(optim.minibatches(x, 4, 3, epochs=1))))  # a seed is as good


def test_minibatches_with_drop_last_and_without_end() -> None:
    assert [len(b) for b in optim.minibatches(np.arange(10), 4, None, epochs=2, drop_last=True)] == [4] * 4
    endless = iter(optim.minibatches(np.arange(3), 2, None))
    assert [list(next(endless)) for _ in range(5)] == [[0, 1], [2], [0, 1], [2], [0, 1]]
    assert list(optim.minibatches(np.arange(3), 2, 0, epochs=0)) == []


def test_minibatches_may_be_gone_through_again_with_new_shuffles() -> None:
    batches = optim.minibatches(np.arange(8), 4, 0, epochs=1)
    rng = np.random.default_rng(0)
    for _ in range(3):
        assert np.array_equal(np.concatenate(list(batches)), rng.permutation(8))
    assert repr(batches) == "<minibatches of 4 of 8 rows, epochs=1>"
    for _ in range(2):  # none is left over for a second training that would then do nothing
        assert optim.train(lambda w, x: w * np.mean(x), 1.0, batches, optim.sgd(0.1)).steps == 2
    assert optim.train(lambda w, x: w * np.mean(x), 1.0, batches, optim.sgd(0.1), steps=5).steps == 5


def test_no_batches_and_batches_without_end() -> None:
    def train(batches: Any, steps: int | None = None) -> Any:
        return optim.train(lambda w, x: w * np.mean(x), 1.0, batches, optim.sgd(0.1), steps=steps)

    used = iter([np.ones(2)])
    train(used)
    for batches, says in (
        ([], r"train: there are no batches: \[\]"),
        (used, "there are no batches: the iterator is at its end"),
        (optim.minibatches(np.ones(4), 2, 0, epochs=0), "there are no batches: <minibatches of 2 of 4 rows, epochs=0>"),
    ):
        for steps in (None, 3):
            with pytest.raises(ArgumentError, match=rf"{says}\n  at .*test_training.py.*\n  .*make a new one, or give a list"):
                train(batches, steps)
    endless = optim.minibatches(np.ones(4), 2, 0)
    with pytest.raises(ArgumentError, match=r"minibatches without epochs have no end(.|\n)*say train\(..., steps=1000\) or"):
        train(endless)
    assert train(endless, 3).steps == 3


def test_batches_that_do_not_fit_the_loss() -> None:
    x, y = data()
    with pytest.raises(ArgumentError) as caught:
        optim.train(squared, start(), [x, y], optim.sgd(0.1), steps=2)
    text = str(caught.value)
    assert "cannot be called as loss(params, ...) with 1 argument from the batch: missing a required argument: 'y'" in text
    assert "test_training.py:" in text
    assert text.endswith("give one batch as a tuple: (x, y); several as a list of such tuples")
    with pytest.raises(ArgumentError, match=r"with 3 arguments from the batch: too many positional(.|\n)*a tuple: \(x, y\)$"):
        optim.train(squared, start(), (x, y, y), optim.sgd(0.1), steps=2)
    with pytest.raises(ArgumentError, match=r"as loss\(params\) with 0 arguments from the batch"):
        optim.train(squared, start(), None, optim.sgd(0.1), steps=2)

    with pytest.raises(ArgumentError, match=r"nothing but the parameters: give None for the batches, and say steps=1000"):
        optim.train(lambda w: w**2, 1.0, (x,), optim.sgd(0.1), steps=2)

    def wrong(p: Any, x: Any) -> Any:
        return squared(p, x)  # type: ignore[call-arg]

    with pytest.raises(TypeError, match="missing 1 required positional argument: 'y'") as caught:  # the user's own
        optim.train(wrong, start(), x, optim.sgd(0.1), steps=2)
    assert not isinstance(caught.value, ArgumentError)
    with pytest.raises(TypeError, match="unsupported operand"):
        optim.train(lambda p, x: p["b"] + "one", start(), x, optim.sgd(0.1), steps=2)


def test_leaves_that_are_no_numbers() -> None:
    def noisy(w: Any, rng: Any) -> Any:
        return w**2 + rng.normal()

    batches = [np.random.default_rng(0)]
    with pytest.raises(ArgumentError) as caught:
        optim.train(noisy, 1.0, batches, optim.sgd(0.1))
    assert "train: batch[0] is Generator(PCG64)" in str(caught.value)
    assert "let the loss capture it (a generator then draws anew at every step), or say jit=False" in str(caught.value)
    assert optim.train(noisy, 1.0, batches, optim.sgd(0.1), jit=False).steps == 1
    for jit in (True, False):
        with pytest.raises(ArgumentError, match=r"train: params\['x'\] is 'abc' of type str, .*(.|\n)*out of the parameters"):
            optim.train(lambda p: p["w"] ** 2, {"w": 1.0, "x": "abc"}, None, optim.sgd(0.1), steps=2, jit=jit)
        with pytest.raises(DifferentiationError, match=r"train: params\['n'\] has dtype int64 and so no gradient"):
            optim.train(lambda p: p["w"] ** 2, {"w": 1.0, "n": np.arange(2)}, None, optim.sgd(0.1), steps=2, jit=jit)


def test_minibatches_of_arrays_that_do_not_fit() -> None:
    with pytest.raises(ShapeError) as caught:
        optim.minibatches((np.ones((4, 2)), np.ones(3)), 2, 0)
    assert "the arrays must have the same number of rows, got arrays[0] (4, 2), arrays[1] (3,)" in str(caught.value)
    with pytest.raises(ShapeError, match="got no arrays"):
        optim.minibatches((), 2, 0)
    with pytest.raises(ShapeError, match=r"got arrays \(\)"):
        optim.minibatches(np.float64(1), 2, 0)


def test_progress_with_and_without_tqdm(capsys: Any, monkeypatch: Any) -> None:
    def run(progress: bool | None) -> str:
        optim.train(lambda w: w**2, 1.0, None, optim.sgd(0.1), steps=3, progress=progress)
        return capsys.readouterr().err

    assert run(False) == ""
    assert run(None) == ""  # no terminal waits
    if progress.tqdm is not None:
        assert "train" in run(True)
        assert "3/3" in run(True)
    monkeypatch.setattr(progress, "tqdm", None)
    assert "train: 1/3 steps, loss 1\n" in run(True)


def test_optim_is_imported_when_first_used() -> None:
    assert optim is ft.optim
    assert "ftrans.optim" in sys.modules
    assert {name for name in optim.__all__ if not hasattr(optim, name)} == set()


@pytest.mark.parametrize("jit", [True, False])
def test_what_the_loss_captures_is_read_at_every_step(jit: bool) -> None:
    """A generator draws anew, and a number that changes counts from the next step on: jit must not freeze the first step."""
    rng, factors = np.random.default_rng(0), [1.0]

    def noisy(w: Any) -> Any:
        return factors[0] * w**2 + rng.random()

    def change(k: int, value: Any, params: Any) -> None:
        factors[0] = 10.0 * k

    losses = optim.train(noisy, 1.0, None, optim.sgd(0.0), steps=4, jit=jit, callback=change, progress=False).losses
    np.testing.assert_allclose(losses, [1.0, 10.0, 20.0, 30.0] + np.random.default_rng(0).random(4))


@pytest.mark.parametrize("jit", [True, False])
def test_what_an_optimiser_captures_is_read_at_every_step(jit: bool) -> None:
    """A schedule is the user's code too, however deep in a chain it stands."""
    rate = [1.0]

    def change(k: int, value: Any, params: Any) -> None:
        rate[0] = k + 1.0

    def schedule(count: Any) -> Any:
        return rate[0]

    own = optim.GradientTransformation(lambda p: (), lambda u, s, p=None: (-rate[0] * u, s))
    joined = optim.join_schedules([schedule, schedule], [2])
    for opt in (
        optim.sgd(schedule),
        optim.chain(optim.clip(9.0), optim.masked(optim.sgd(joined), True)),
        optim.multi_transform({"a": optim.chain(optim.sgd(schedule, 0.0))}, "a"),
        optim.inject_hyperparams(optim.sgd)(schedule),
        optim.apply_if_finite(own, 3),
    ):
        rate[0] = 1.0
        result = optim.train(lambda w: w, 0.0, None, opt, steps=4, jit=jit, callback=change, progress=False)
        assert list(result.losses) == [0.0, -1.0, -3.0, -6.0], opt
        assert result.params == -10.0
