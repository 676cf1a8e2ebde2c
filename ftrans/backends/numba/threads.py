"""How many threads the BLAS libraries of NumPy and SciPy use: `ft.config.threads` governs them, too.

    set_threads(2)              # what `ft.config.threads = 2` calls
    counts()                    # {"numpy": 2}, and "scipy" where its linear algebra is loaded
    addresses()                 # of NumPy's functions that ask for and set the number, for compiled code

A library is found through an extension module that is linked with it. Where it is not loaded, or calls these functions otherwise,
nothing happens. The number with which ftrans starts, all cores, leaves the libraries with the numbers they had.
"""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Callable
from typing import Any, NamedTuple

from ...config import config, watchers

MODULES = {"numpy": "numpy._core._multiarray_umath", "scipy": "scipy.linalg._fblas"}
NAMES = (
    *[(f"{stem}_get_num_threads{end}", f"{stem}_set_num_threads{end}")
      for stem in ("scipy_openblas", "openblas") for end in ("64_", "")],
    ("MKL_Get_Max_Threads", "MKL_Set_Num_Threads"),
    ("flexiblas_get_num_threads", "flexiblas_set_num_threads"),
)  # fmt: skip
"""The functions by which a library tells its number and takes another: OpenBLAS as built for NumPy and SciPy, and others."""


class Library(NamedTuple):
    """A BLAS library: the functions that ask for and set its number of threads, and the number before anybody set it here."""

    get: Any
    set: Any
    own: int


def library(name: str) -> Library | None:
    """NumPy's or SciPy's library, as it was when first asked for; None where it is not loaded or cannot be told."""
    if name not in _found and MODULES[name] in sys.modules:
        _found[name] = look_up(sys.modules[MODULES[name]])
    return _found.get(name)


def look_up(module: Any) -> Library | None:
    """The library that an extension module is linked with."""
    try:
        symbols = ctypes.CDLL(module.__file__)  # loaded already
    except (OSError, AttributeError, TypeError):
        return None
    for names in NAMES:
        get, tell = [getattr(symbols, name, None) for name in names]
        if get is not None and tell is not None:
            return Library(get, tell, get())
    return None


def counts() -> dict[str, int]:
    """How many threads the libraries use, by the package."""
    return {name: found.get() for name in MODULES if (found := library(name)) is not None}


def set_threads(count: int) -> None:
    """Let the libraries that are loaded use so many threads, in the whole process.

    NumPy's has one thread while a compiled program with products runs; then it takes the number when that has ended.
    """
    for name in MODULES:
        found = library(name)
        if found is not None:
            number = found.own if count == START else count
            if name == "numpy" and through[0] is not None:
                through[0](addresses()[1], number)
            else:
                found.set(ctypes.c_int(number))


def addresses() -> tuple[int, int]:
    """The addresses of the functions of NumPy's library that ask for and set the number; zeros where it cannot be told."""
    found = library("numpy")
    if found is None:
        return 0, 0
    get, tell = [ctypes.cast(function, ctypes.c_void_p).value or 0 for function in found[:2]]
    return get, tell


def after_fork() -> None:
    """No program runs in a new process: its BLAS need not go without threads any more."""
    if through[0] is not None and addresses()[1]:
        through[0](addresses()[1], 0)


START: int | None = None if os.environ.get("FTRANS_THREADS") else config.threads

through: list[Callable[[int, int], None] | None] = [None]
"""The runtime's ftrans_blas_threads, once it is loaded."""

_found: dict[str, Library | None] = {}

watchers.setdefault("threads", []).append(set_threads)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=after_fork)
if START is None:
    set_threads(config.threads)
