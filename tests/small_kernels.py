"""Kernels of a few operations, for tests of what becomes of kernels: `fresh()` is one that no test has compiled."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest
from call_kernel import call

import ftrans as ft
from ftrans.backends.numba import service
from ftrans.backends.numba.store import store
from ftrans.core.primitive import registry
from ftrans.lowering.loops import Instr, Kernel, Operand, Output

ROOT = Path(__file__).parents[1]
X = Operand("float64", (True,), "c")
Y = np.random.default_rng(0).random(500)

numbers = itertools.count(1)


def kernel_of(pattern: str) -> Kernel:
    """A kernel of the operations in a pattern: `+` adds the second input, `*` multiplies by it."""
    names = {"+": "add", "*": "mul"}
    body = tuple([Instr(registry[names[c]](), (k + 1 if k else 0, 1), "float64") for k, c in enumerate(pattern)])
    return Kernel(1, (False,), (X, X), body, (Output(1 + len(body), X),))


def fresh() -> Kernel:
    """A kernel that no test has compiled."""
    return kernel_of(f"{next(numbers):012b}".replace("0", "+").replace("1", "*"))


def applied(pattern: str, x, y):
    for c in pattern:
        x = x + y if c == "+" else x * y
    return x


def run(compiled, x, y):
    out = np.empty_like(x)
    call(compiled, [x, y, out], [x.size], [[0]] * 3)
    return out


@pytest.fixture
def folder(tmp_path):
    """A store of its own."""
    before = store.problem, store.written, dict(store.trusted)
    with ft.config.set(cache_dir=str(tmp_path / "store")):
        store.problem = ""
        yield tmp_path / "store"
    store.problem, store.written = before[:2]
    store.trusted.clear()
    store.trusted.update(before[2])


def forget():
    """As in a new process."""
    service._compiled.clear()


def script(code: str, **environment: str) -> str:
    """Run code as a program of its own; what it prints."""
    path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", textwrap.dedent(code)],
        env=os.environ | {"PYTHONPATH": path} | environment, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
