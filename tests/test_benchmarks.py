"""Every benchmark runs once with ftrans alone, and every public transformation has one."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import itertools
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import ftrans as ft

ROOT = Path(__file__).resolve().parent.parent
MODULES = [path.stem for path in sorted((ROOT / "benchmarks").glob("bench_*.py"))]
PREFIXES = ("time_", "track_", "peakmem_", "timeraw_")  # what asv takes for a benchmark


def load(name: str) -> Any:
    """A module of the benchmarks, which are a package beside the tests and not an installed one."""
    if "benchmarks" not in sys.modules:
        folder = ROOT / "benchmarks"
        spec: Any = importlib.util.spec_from_file_location(
            "benchmarks", folder / "__init__.py", submodule_search_locations=[str(folder)]
        )
        sys.modules["benchmarks"] = package = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(package)
    return importlib.import_module(f"benchmarks.{name}")


def combinations(suite: Any) -> list[tuple[str, ...]]:
    """The parameters that need no peer."""
    params = suite.params if isinstance(suite.params[0], list) else [suite.params]
    return [p for p in itertools.product(*params) if p[-1] in ("ftrans", "numpy") and (len(p) == 1 or p[-1] == "ftrans")]


def cases() -> list[Any]:
    """(module, class, method, parameters) of every benchmark."""
    found = []
    for module in MODULES:
        for name, suite in inspect.getmembers(load(module), inspect.isclass):
            for method in [m for m in dir(suite) if m.startswith(PREFIXES)]:
                found += [pytest.param(module, name, method, p, id=f"{name}.{method}({', '.join(p)})") for p in combinations(suite)]
    return found


@pytest.mark.parametrize(("module", "name", "method", "parameters"), cases())
def test_runs(module: str, name: str, method: str, parameters: tuple[str, ...]) -> None:
    benchmark = getattr(load(module), name)()
    benchmark.setup(*parameters)  # compares the result with NumPy by hand, where there is one
    result = getattr(benchmark, method)(*parameters)
    if method.startswith("track_"):
        assert result > 0
    if method.startswith("timeraw_"):
        statement, setup = result
        subprocess.run([sys.executable, "-c", f"{setup}\n{statement}"], check=True)


def test_every_class_is_a_benchmark() -> None:
    for module in MODULES:
        assert any([case.values[0] == module for case in cases()]), f"{module} has no benchmark"


def test_every_transformation_is_measured() -> None:
    public = {
        name
        for name in ft.__all__
        if inspect.isfunction(f := getattr(ft, name)) and f.__module__.startswith(("ftrans.transforms.", "ftrans.jit.api"))
    }
    measured = {name for works in load("tables").TABLES.values() for work in works for name in work.covers}
    assert public - measured == set(), "add these to benchmarks/tables.py"


def test_importable_without_peers() -> None:
    code = (
        "import sys, importlib\n"
        "for name in ('jax', 'autograd', 'torch'): sys.modules[name] = None\n"
        f"for name in {[*MODULES, 'compare', 'report', 'check']}: importlib.import_module('benchmarks.' + name)\n"
        "assert 'numba' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)


def test_missing_peer_is_skipped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "jax", None)
    suite = load("bench_jit_call").JitCall()
    with pytest.raises(NotImplementedError, match="jax is not installed"):
        suite.setup("jit call, one 3-vector", "jax")


def test_different_results_are_found() -> None:
    work, libraries = load("work"), load("libraries")
    x = np.arange(3.0)
    libraries.agree({"a": (x, 1.0)}, {"a": (x + 1e-14, 1.0)}, "equal up to rounding")
    for other in (x + 1e-3, x.astype("float32"), x[:2], x[:, None]):
        with pytest.raises(AssertionError):
            libraries.agree([other], [x], "different")
    sides = {"numpy": libraries.by_numpy(np.sum), "ftrans": libraries.by_ftrans(libraries.plain, np.mean)}
    wrong = work.Work("sum", lambda k: (x,), sides)
    with pytest.raises(AssertionError, match="ftrans against numpy"):
        wrong.check("ftrans")


def test_what_ftrans_does_not_support_is_no_reason_to_skip() -> None:
    work = load("work")
    with pytest.raises(RuntimeError, match="not supported"), work.no_accidental_skip():
        raise ft.errors.UnsupportedError("not supported")


def test_times_are_taken_in_turns() -> None:
    clock = load("clock")
    order: list[str] = []
    clock.first_calls_in_turns({name: lambda k, name=name: lambda: order.append(name) for name in "ab"}, 0.0)
    assert order == ["a", "b"] * 3
