"""How long `import ftrans` takes in a new process, beside `import numpy` (which it contains) and the peers."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import ftrans

from . import Absent

MODULES = ("numpy", "ftrans", "jax", "autograd", "numba")
CACHE = str(Path(tempfile.gettempdir()) / "ftrans-benchmarks-pycache")
ROOT = str(Path(ftrans.__file__).parent.parent)  # so that the new process finds the ftrans that is measured


def installed(module: str) -> bool:
    """Whether this peer can be imported, found out without importing it."""
    return importlib.util.find_spec(module) is not None


def seconds(module: str) -> float:
    """The time of one import in a process of its own; compiled bytecode is kept and used, as it is unless Python is told not to."""
    code = (
        f"import sys, time; sys.path.insert(0, {ROOT!r}); start = time.perf_counter(); import {module}; "
        "print(time.perf_counter() - start)"
    )
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"} | {"PYTHONPYCACHEPREFIX": CACHE}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    return float(done.stdout)


class Import:
    """The statement alone, without the start of Python."""

    params = MODULES
    param_names = ("module",)
    number, warmup_time, repeat = 1, 0.0, (5, 20, 10.0)

    def setup(self, module: str) -> None:
        if not installed(module):
            raise Absent(f"{module} is not installed")

    def timeraw_import(self, module: str) -> tuple[str, str]:
        return f"import {module}", f"import sys; sys.path.insert(0, {ROOT!r})"
