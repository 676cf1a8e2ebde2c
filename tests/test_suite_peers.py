"""The peers compute what the suite says: JAX from the same source, numba by the loops written by hand."""

from __future__ import annotations

import pytest
from test_benchmarks import load

WORKS = {work.name: work for works in load("suite").SUITE.values() for work in works}


@pytest.mark.oracle
@pytest.mark.parametrize("name", WORKS)
def test_jax_agrees(name: str) -> None:
    pytest.importorskip("jax")
    WORKS[name].check("jax")


@pytest.mark.parametrize("name", [name for name, work in WORKS.items() if "numba" in work.sides])
def test_loops_agree(name: str) -> None:
    WORKS[name].check("numba")
