"""The examples run, and give their numbers: those of examples/worked_numbers.py, and what digits.py promises."""

from __future__ import annotations

import importlib
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parents[1]
EXAMPLES = ROOT / "examples"
WORKED_SCRIPTS = sorted([path.stem for path in EXAMPLES.glob("[0-9][0-9]_*.py")])


@pytest.fixture(autouse=True)
def scripts_find_each_other(monkeypatch):
    """`python examples/x.py` puts examples/ on the path."""
    monkeypatch.syspath_prepend(str(EXAMPLES))


def example(name: str):
    return importlib.import_module(name)


def run_as_command(script: str, *arguments: str) -> str:
    """What `python examples/script.py` prints."""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])}
    environment["PYTHONIOENCODING"] = "utf-8"
    command = [sys.executable, str(EXAMPLES / script), *arguments]
    done = subprocess.run(command, env=environment, capture_output=True, encoding="utf-8", timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("name", WORKED_SCRIPTS)
def test_worked_example_gives_its_numbers(name):
    example(name).main()  # report() raises where a number differs


def test_every_worked_number_has_its_example():
    named = [example(name).NAME for name in WORKED_SCRIPTS]
    assert sorted(named) == sorted(example("worked_numbers").WORKED)


def test_report_refuses_a_wrong_number():
    report = example("worked_numbers").report
    right = {"L": 18.0, "dL/dy": 2.0, "dL/dx": 12.0}
    report("square", right)
    with pytest.raises(AssertionError, match="square: dL/dx not as expected"):
        report("square", right | {"dL/dx": 12.0 + 1e-8})
    with pytest.raises(AssertionError, match="square: dL/dx not as expected"):
        report("square", right | {"dL/dx": np.nan})
    with pytest.raises(AssertionError, match="square: L not as expected"):
        report("square", right | {"L": np.full(2, 18.0)})


def test_worked_example_as_a_command():
    assert re.search(r"dJ/dc +9 +9", run_as_command(f"{WORKED_SCRIPTS[0]}.py"))


def test_digits_keeps_its_promises(tmp_path, capsys):
    out = tmp_path / "digits.png"
    figures = example("digits").main(["--rounds", "10", "--out", str(out)])
    printed = capsys.readouterr().out
    assert figures["accuracy"] >= 0.97
    assert figures["difference"] < 1e-6
    assert figures["seconds"] < 60
    assert "test accuracy" in printed
    assert out.exists() == (example("digits").plt is not None)


def test_digits_as_a_command(tmp_path):
    printed = run_as_command("digits.py", "--steps", "5", "--rounds", "2", "--out", str(tmp_path / "digits.png"))
    assert "trained         5 steps" in printed


def test_digits_training_is_reproducible():
    digits = example("digits")
    data = digits.load()

    def losses():
        rng = np.random.default_rng(3)
        return digits.train(digits.initialise(rng), data, 5, rng)[1]

    assert losses() == losses()


def test_digits_step_agrees_with_the_one_by_hand():
    digits = example("digits")
    rng = np.random.default_rng(0)
    x, y = digits.load()[:2]
    derived = by_hand = digits.initialise(rng)
    state, state_by_hand = digits.start(derived), digits.start(derived)
    by_hand = {name: p.copy() for name, p in by_hand.items()}
    for k in range(20):
        batch = slice(128 * k, 128 * (k + 1))
        value, derived, state = digits.step(derived, state, x[batch], y[batch])
        value_by_hand, by_hand, state_by_hand = digits.step_by_hand(by_hand, state_by_hand, x[batch], y[batch])
        np.testing.assert_allclose(value, value_by_hand, rtol=1e-3)
    for name, p in derived.items():
        assert p.dtype == np.float32
        np.testing.assert_allclose(p, by_hand[name], atol=2e-3)


def test_gradient_norms_are_those_of_single_images():
    digits = example("digits")
    params = digits.initialise(np.random.default_rng(0))
    x, y = [a[:5] for a in digits.load()[:2]]
    for norm, xk, yk in zip(digits.gradient_norms(params, x, y), x, y, strict=True):
        grads = digits.value_and_grad_by_hand(params, xk[None], yk[None])[1]
        np.testing.assert_allclose(norm, np.sqrt(np.sum([np.sum(g**2) for g in grads.values()])), rtol=1e-5)


def test_the_readme_names_every_example():
    text = (EXAMPLES / "README.md").read_text(encoding="utf-8")
    missing = [path.name for path in EXAMPLES.glob("*.py") if f"({path.name})" not in text]
    assert not missing, f"examples/README.md has no line for {missing}"
