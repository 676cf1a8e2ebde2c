"""Settings: `ft.config.deterministic = True`, or FTRANS_JIT, FTRANS_DETERMINISTIC, FTRANS_HELPER, FTRANS_THREADS,
FTRANS_CACHE_DIR and FTRANS_CACHE_SIZE, read at import.

A setting can be changed at any time and for a while: `with ft.config.set(jit="never"): ...`.
"""

from __future__ import annotations

import ctypes
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, fields
from typing import Any

from .errors import ArgumentError

CHOICES = {"jit": ("hot", "now", "never", "check"), "numpy_rank_promotion": ("allow", "warn", "raise")}
JIT_MODES = CHOICES["jit"]
STARTED = time.time()
"""When ftrans was imported: its sources were read after that."""


changes = ctypes.c_int64(0)
"""Counts changes of settings, where compiled code can read it."""

watchers: dict[str, list[Callable[[Any], None]]] = {}
"""By the name of a setting: what is told its new value."""


@dataclass
class Config:
    """What the user can set.

    jit: the default of `ft.jit(compile=...)`: "hot" compiles what has run often enough to pay for it, "now" compiles at the
        first call, "never" runs NumPy only, "check" re-traces every call and raises when the trace is not the cached one.
    deterministic: compiled code takes over at a fixed call (the third), not when a measured cost says so.
    helper: "hot" may start a process that compiles meanwhile; without it, calls at which compiling pays off wait for it.
    strict: raise at broadcasts that are rarely meant; see `ft.strict`.
    numpy_rank_promotion: "allow", "warn" or "raise" where operands differ in rank; see `ft.numpy_rank_promotion`.
    threads: how many threads large compiled programs use at most, for their products of matrices too: all cores by default. No
        result of compiled code depends on it. Setting it also sets the threads of NumPy's and SciPy's BLAS.
    cache_size: how many traces, how many programs, and how many compiled kernels are kept at most (least recently used go first);
        of dtypes with shapes, and of operations with parameters, 4 times as many.
    cache_dir: where compiled kernels are kept for other processes; "" keeps none.
    cache_megabytes: how large that may become.
    """

    jit: str = "hot"
    deterministic: bool = False
    helper: bool = True
    strict: bool = False
    numpy_rank_promotion: str = "allow"
    cache_size: int = 4096
    threads: int = field(default_factory=lambda: cores())  # noqa: PLW0108 - defined below
    cache_dir: str = ""
    cache_megabytes: float = 256.0

    def __setattr__(self, name: str, value: Any) -> None:
        if name not in {f.name for f in fields(self)}:
            raise ArgumentError(f"ft.config has no setting {name!r}; it has {', '.join(f.name for f in fields(self))}")
        if value not in CHOICES.get(name, (value,)):
            raise ArgumentError(f"ft.config.{name} must be one of {CHOICES[name]}, not {value!r}")
        if name == "threads" and (type(value) is not int or value < 1):
            raise ArgumentError(f"ft.config.threads must be an int of at least 1, not {value!r}")
        super().__setattr__(name, value)
        changes.value += 1
        for watch in watchers.get(name, ()):
            watch(value)

    @contextmanager
    def set(self, **settings: Any) -> Iterator[None]:
        """Change settings inside a `with` block and restore them after it, whatever happens."""
        before = {name: getattr(self, name, None) for name in settings}
        try:
            for name, value in settings.items():
                setattr(self, name, value)
            yield
        finally:
            for name, value in before.items():
                if hasattr(self, name):
                    setattr(self, name, value)


def cores() -> int:
    """How many processor cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def from_environment() -> Config:
    """The settings at import: FTRANS_JIT=hot|now|never|check, FTRANS_DETERMINISTIC=1, FTRANS_HELPER=0, FTRANS_THREADS=number,
    FTRANS_CACHE_DIR=path|off, FTRANS_CACHE_SIZE=megabytes."""
    get = os.environ.get
    return Config(
        jit=get("FTRANS_JIT", "hot"),
        deterministic=get("FTRANS_DETERMINISTIC", "") not in ("", "0"),
        helper=get("FTRANS_HELPER", "") != "0",
        threads=threads(get("FTRANS_THREADS")),
        cache_dir=cache_dir(get("FTRANS_CACHE_DIR")),
        cache_megabytes=megabytes(get("FTRANS_CACHE_SIZE") or "256"),
    )


def threads(given: str | None) -> int:
    """A number of threads; all cores where none is given."""
    if not given:
        return cores()
    if not given.isdecimal() or int(given) < 1:
        raise ArgumentError(f"FTRANS_THREADS must be an int of at least 1, not {given!r}")
    return int(given)


def cache_dir(given: str | None) -> str:
    """The absolute path of the directory named; without a name that of the platform for such things; "" for "", "0" and "off"."""
    if given is not None:
        return "" if given in ("", "0", "off") else os.path.abspath(os.path.expanduser(given))
    if sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA", "")
    elif sys.platform == "darwin":
        base = os.path.expanduser("~/Library/Caches")
    else:
        base = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return os.path.join(base, "ftrans") if os.path.isabs(base) else ""


def megabytes(given: str) -> float:
    """A number of megabytes."""
    try:
        return float(given)
    except ValueError:
        raise ArgumentError(f"FTRANS_CACHE_SIZE must be a number of megabytes, not {given!r}") from None


config = from_environment()
