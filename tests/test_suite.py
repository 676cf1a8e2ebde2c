"""The peer suite and what is made of it: results are proven, reports say what failed, the regression check sees what got worse."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from test_benchmarks import load

suite, work, report, check = load("suite"), load("work"), load("report"), load("check")


def test_suite_is_large_enough() -> None:
    names = [w.name for works in suite.SUITE.values() for w in works]
    assert len(set(names)) == len(names)
    assert len([name for name in names if not name.startswith("gradient")]) >= 30
    assert len([name for name in names if name.startswith("gradient")]) >= 30


# Proofs


def cubes(x: Any) -> Any:
    return x * x * x


@pytest.mark.parametrize("factor", [1.0, 0.9])
def test_a_wrong_gradient_is_found(factor: float) -> None:
    proof, x = suite.as_differences_say(cubes), np.linspace(0.5, 1.5, 7)
    result = np.sum(x**6), factor * 6 * x**5
    if factor == 1.0:
        proof((x,), result)
        return
    with pytest.raises(AssertionError, match="along a direction"):
        proof((x,), result)


def test_a_wrong_value_is_found() -> None:
    x = np.linspace(0.5, 1.5, 7)
    with pytest.raises(AssertionError, match="value"):
        suite.as_differences_say(cubes)((x,), (np.sum(x**6) + 1e-4, 6 * x**5))


def test_a_gradient_of_a_dict_in_float32_is_proven() -> None:
    x = {"a": np.linspace(0.5, 1.5, 7, dtype="float32"), "b": np.float32(2.0) * np.ones((2, 2), "float32")}

    def f(w: Any) -> Any:
        return np.sum(w["a"] ** 2) * np.sum(w["b"])

    slope = {"a": 2 * x["a"] * np.sum(x["b"]), "b": np.full((2, 2), np.sum(x["a"] ** 2))}
    suite.as_differences_say(f)((x,), (f(x), slope))
    with pytest.raises(AssertionError, match="along a direction"):
        suite.as_differences_say(f)((x,), (f(x), {**slope, "b": 2 * slope["b"]}))


def test_energy_is_the_sum_of_squares() -> None:
    assert suite.energy((np.float64(3.0), (np.array([1.0, 2.0]),))) == 8.0


# Reports


def results(ours: float, theirs: float) -> dict[str, Any]:
    """What a report would have measured of one program."""
    name = "sort 1e5"
    first = {mode: {name: 0.001} for mode in report.MODES}
    return {
        "machine": "a machine", "suite": {"suite: neighbours": {name: {"ftrans": ours, "jax": theirs}}}, "wrong": {},
        "first": first, "imported": ["llvmlite"], "jobs": {"unrolled": {"ftrans now": {"10 steps": [1, 0.02]}, "jax": {}}},
    }  # fmt: skip


def test_report_has_ratios_means_and_the_worst() -> None:
    text = "\n".join(report.tables(results(1e-3, 5e-4)))
    assert "| sort 1e5 | 1 ms | 0.5 | - | - |" in text
    assert "| all | 1 | 0.50 | - | - |" in text
    assert "Slower than 0.8 of jax: 1 of 1. Lowest: sort 1e5 0.50." in text
    assert "| unrolled: 10 steps | 1 new, 20 ms | - |" in text
    assert "0 of 1 take more than" in text
    assert "imports llvmlite of numba and llvmlite" in text


def test_report_names_what_failed() -> None:
    found = results(1e-3, 5e-4)
    found["suite"]["suite: neighbours"]["sort 1e5"].pop("ftrans")
    found["wrong"] = {"sort 1e5": {"ftrans": "AssertionError: differs"}}
    text = "\n".join(report.tables(found))
    assert "**sort 1e5** fails in ftrans: AssertionError: differs" in text
    assert "| sort 1e5 | fails | 500 µs | - | - |" in text
    assert "| all | 1 | - | - | - |" in text


def test_late_first_calls_are_named() -> None:
    found = results(1e-3, 5e-4)
    found["first"]["ftrans"]["sort 1e5"] = 0.05
    assert "1 of 1 take more than min(1.5 × NumPy, JAX) + 10 ms: sort 1e5 50 ms." in "\n".join(report.tables(found))


def test_docs_are_written_between_the_marks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("matplotlib")
    monkeypatch.setattr(report, "DOCS", tmp_path)
    page = tmp_path / "benchmarks.md"
    page.write_text(f"before\n{report.BEGIN}\nold\n{report.END}\nafter\n")
    for text in ("one", "two"):
        report.write_docs(results(1e-3, 5e-3), text)
    assert page.read_text() == f"before\n{report.BEGIN}\n\ntwo\n\n{report.END}\nafter\n"
    drawn = (tmp_path / "images" / "benchmarks-forward.svg").read_text()
    assert "sort 1e5" in drawn
    assert ">5<" in drawn  # JAX takes five times as long


# The regression check


@pytest.fixture(scope="module")
def kept() -> Any:
    return json.loads(check.KEPT.read_text())


def test_the_same_counts_are_not_worse(kept: Any) -> None:
    assert list(check.worse(kept, kept)) == []


@pytest.mark.parametrize(
    ("part", "what", "factor"),
    [
        ("programs", "kernels and steps", 2),
        ("programs", "NumPy steps", 2),
        ("families", "kernels", 2),
        ("code", "instructions", 1.2),
    ],
)
def test_more_of_anything_is_worse(kept: Any, part: str, what: str, factor: float) -> None:
    found = copy.deepcopy(kept)
    name = next(name for name, counts in found[part].items() if counts.get(what))
    found[part][name][what] = int(factor * found[part][name][what])
    (text,) = check.worse(found, kept)
    assert text.startswith(f"{name}: ")
    assert what in text
    assert list(check.worse(kept, found)) == []  # less is not worse


def test_few_more_instructions_are_not_worse(kept: Any) -> None:
    found = copy.deepcopy(kept)
    counts = found["code"]["polynomial of 1e6"]
    counts["instructions"] = int(1.1 * counts["instructions"])
    assert list(check.worse(found, kept)) == []


def test_another_llvm_makes_other_instructions(kept: Any) -> None:
    found = copy.deepcopy(kept) | {"llvm": "0.0"}
    found["code"]["polynomial of 1e6"]["instructions"] *= 2
    assert list(check.worse(found, kept)) == []


def test_programs_must_be_counted(kept: Any) -> None:
    found = copy.deepcopy(kept)
    found["programs"]["new"] = found["programs"].pop("sort 1e5")
    assert list(check.worse(found, kept)) == ["sort 1e5: is not counted any more", "new: is not in counts.json"]


def test_a_program_that_is_not_fused_counts_more(kept: Any) -> None:
    """The counts see a real loss: the same mathematics with a break of the fusion in it."""

    def broken(x: Any, y: Any) -> Any:
        z = np.sort((x * y + 2) * x)
        return z - y * y + x / (y + 1)

    whole = check.WORKS["polynomial of 1e6"]
    split = suite.forward("polynomial of 1e6", broken, suite.arrays((10,), (10,)))
    before, now = check.program_counts(whole), check.program_counts(split)
    found = {"programs": {whole.name: now}, "families": {}, "code": {}, "llvm": ""}
    assert any(check.worse(found, {"programs": {whole.name: before}, "families": {}, "code": {}, "llvm": ""}))


def test_scalar_code_counts_as_scalar() -> None:
    if not check.engine.is_x86():
        pytest.skip("instructions of x86 are counted")
    counts = check.code_counts(check.WORKS["polynomial of 1e6"])
    assert 0 < counts["scalar"] < counts["instructions"]


def test_ratios_are_measured_twice_before_they_count(monkeypatch: pytest.MonkeyPatch) -> None:
    times = iter([1.0, 5.0, 1.0, 1.5])
    name = "polynomial of 1e6"
    monkeypatch.setattr(check, "RATIOS", {name: 2.0})
    monkeypatch.setattr(check, "WORKS", {name: work.Work(name, lambda k: (), {"ftrans": int, "numpy": int})})
    monkeypatch.setattr(work.Work, "prepare", lambda self, library: int)
    monkeypatch.setattr(check.clock, "in_turns", lambda calls, budget, least: {"ftrans": 1.0, "numpy": next(times)})
    assert list(check.slow()) == []
    assert list(check.slow()) == [f"{name}: NumPy takes 1.50 times as long, it should be 2.0 at least"]
