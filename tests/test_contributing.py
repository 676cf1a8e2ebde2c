"""The recipes in CONTRIBUTING.md work as printed.

A fenced block that follows `<!-- file: ftrans/ops/name.py -->` is imported as that module, without being written anywhere. The
primitives it defines must obey every law, the transformation must commute with the others, the backend must give NumPy's results.
The blocks with `>>>` run as examples.
"""

from __future__ import annotations

import importlib
import linecache
import re
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from laws import LAWS, accepts, examples, variants
from test_doctests import blocks, names, run

import ftrans as ft
from ftrans.core.primitive import registry
from ftrans.lowering import fuse, tape
from ftrans.lowering.group import Group, Renamed
from ftrans.transforms.abstract import trace_abstractly
from ftrans.transforms.simplify import simplify

PAGE = Path(__file__).resolve().parent.parent / "CONTRIBUTING.md"
FILE = re.compile(r"^<!-- file: (\S+)\.py -->\n```python\n(.*?)^```$", re.DOTALL | re.MULTILINE)
PRIMITIVES = ("cosm1", "circular_difference")


@pytest.fixture(scope="module")
def recipes():
    """The modules that the page prints, by file name; they are gone afterwards."""
    before, found = dict(registry), {}
    for path, source in FILE.findall(PAGE.read_text(encoding="utf-8")):
        name, filename = path.replace("/", "."), f"<CONTRIBUTING.md: {path}.py>"
        module = ModuleType(name)
        module.__package__, module.__file__ = name.rpartition(".")[0], filename
        linecache.cache[filename] = (len(source), None, source.splitlines(keepends=True), filename)
        importlib.import_module(module.__package__)
        sys.modules[name] = module
        exec(compile(source, filename, "exec"), vars(module))
        found[name.rpartition(".")[2]] = module
    yield found
    for module in found.values():
        del sys.modules[module.__name__]
    registry.clear()
    registry.update(before)


def test_the_page_prints_the_recipes(recipes):
    assert list(recipes) == ["cosm1", "circular", "single", "whole"]
    assert set(PRIMITIVES) <= set(registry)


@pytest.mark.parametrize("name", PRIMITIVES)
@pytest.mark.parametrize("law", LAWS)
def test_primitives_obey_the_laws(recipes, law, name):
    given = examples(registry[name])
    derived = [(op, new) for op, args in given[:2] for _, new in variants(op, args) if accepts(op, new)]
    assert given
    for op, args in [*given, *derived]:
        LAWS[law](op, args)


def test_pointwise_primitive_is_part_of_kernels(recipes):
    cosm1 = recipes["cosm1"].cosm1
    assert "kernel of 3 equations" in ft.jit(lambda x: np.sum(cosm1(x) * 2.0)).lower(np.ones(100)).as_text("loops")


def test_transformation_agrees_with_single_precision(recipes):
    single = recipes["single"].single
    x, w = np.linspace(0.1, 2.0, 12).reshape(4, 3), np.array([0.3, -0.2, 0.5])

    def f(x, w):
        return np.log(np.exp(x @ w).sum()) + np.where(x > 1, x, 0.0).mean()

    want = f(x.astype(np.float32), w.astype(np.float32))
    got = single(f)(x, w)
    assert got.dtype == np.float64
    assert got == want.astype(np.float64)
    assert got != f(x, w)
    for derived in (ft.grad(single(f), argnums=1)(x, w), single(ft.grad(f, argnums=1))(x, w)):
        assert derived.dtype == np.float64
        np.testing.assert_allclose(derived, ft.grad(f, argnums=1)(x, w), rtol=1e-5)
    np.testing.assert_allclose(ft.vmap(single(np.sin))(x), np.sin(x), rtol=1e-6)
    np.testing.assert_array_equal(ft.jit(single(f))(x, w), got)


FUNCTIONS = {
    "pointwise": lambda x, y: (np.exp(-x) * y + x, np.where(x > y, x, y) - 1.0),
    "broadcast": lambda x, y: np.tanh(x) * y[0] + np.sin(y[:, :1]),
    "transposed": lambda x, y: (np.exp(x).T * y.T).T,
    "sum": lambda x, y: (np.exp(x) * y).sum(axis=0) + np.cos(y).sum(),
    "extremes": lambda x, y: (np.sin(x * y).max(axis=1), np.cos(x * y).argmin(axis=0), (np.exp(x) > y).any(axis=0)),
    "single precision": lambda x, y: np.exp(x.astype(np.float32)) * np.float32(2.0) + 1.0,
    "slices": lambda x, y: np.exp(x[::-2, 1:-1:3]) * y[::2, 3][:, None] + np.sin(y[31::-1, 2::3]) - x[0, :18],
    "shifts": lambda x, y: np.exp(np.roll(x, 1, 0)) * np.roll(y, (2, -3), (0, 1)) + np.pad(np.sin(x[1:, :-2]), ((1, 0), (0, 2))),
    "parts": lambda x, y: (np.concatenate([np.exp(x)[:, ::-1], np.sin(y), x * y]), np.cumsum(np.exp(x).T[::-1], 1)),
    "renamed": lambda x, y: np.exp(np.sin(x).reshape(55, 63)) * y.reshape(-1)[:63] + (x * y).reshape(7, 9, 55).sum(axis=(0, 2))[1],
    "products of views": lambda x, y: (np.exp(x)[::-1].T @ np.sin(y)[:, 3:5], np.exp(x)[2:, ::2][np.array([4, 0, 0])]),
    "overwritten": lambda x, y: (e := np.exp(x[:, :, None] * y[:, None])) / e.sum(axis=0),
    "gradient": lambda x, y: ft.grad(lambda x: np.log(1 + np.exp(x * y)).sum())(x),
}


def planned(name):
    """A function's jaxpr, its plan, and the arguments. The arrays are so large that shifted ones are read where they are."""
    x, y = np.random.default_rng(0).normal(size=(2, 63, 55))
    traced = trace_abstractly(FUNCTIONS[name], (x, y), {}, "test")
    j = simplify(traced.jaxpr)
    return j, fuse.plan(j), [x, y, *traced.trace.consts]


@pytest.mark.parametrize("name", FUNCTIONS)
def test_backend_gives_the_results_of_numpy(recipes, name):
    j, plan, args = planned(name)
    assert fuse.kernels(plan), "nothing was fused, so nothing would be tested"
    got = tape.build(j, fuse.realise(plan, recipes["whole"])).run(args)
    for a, b in zip(got, tape.build(j).run(args), strict=True):
        assert (np.shape(a), a.dtype) == (np.shape(b), b.dtype)
        np.testing.assert_allclose(a, b, rtol=1e-6 if a.dtype == np.float32 else 1e-12)


def test_backend_is_given_all_that_there_is():
    plans = [planned(name)[1] for name in FUNCTIONS]
    groups = [item for plan in plans for item in plan if isinstance(item, Group)]
    assert any([isinstance(item, Renamed) for plan in plans for item in plan])
    assert any([g.boxed for g in groups])
    assert any([g.views for g in groups])
    assert any([over is not None for g in groups for over in g.kernel.inplace])
    assert any([step not in (1, -1) for g in groups for steps in g.nest.steps for step in steps])


def test_examples(recipes):
    report = run(blocks(PAGE.read_text(encoding="utf-8")), names(), str(PAGE), shared=True)
    assert not report, "\n" + report
