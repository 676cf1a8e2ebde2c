"""`import ftrans` stays light: numba is loaded at the first compile, and other frameworks never."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = ("numba", "llvmlite", "jax", "torch")


@pytest.mark.smoke
def test_import_loads_nothing_heavy() -> None:
    code = f"import sys, ftrans; print(*[name for name in {HEAVY} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == [], "import ftrans loaded " + done.stdout
