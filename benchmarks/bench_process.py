"""First calls, compile times, counts of compiles and peak memory, each measured in a process of its own (process.py)."""

from __future__ import annotations

import functools
from typing import Any

from . import Absent, peer, process
from .report import mean

LIBRARIES = ["ftrans", "jax"]


@functools.cache
def found(job: str, library: str) -> Any:
    """What a job finds, once in a process: asv asks again for every parameter."""
    if library == "jax":
        peer("jax")
    return process.measure(job, "ftrans now" if library == "ftrans" else library)


class InProcess:
    """Setting up is measuring; each benchmark then picks its number."""

    timeout = 600
    job = ""

    def setup(self, *parameters: str) -> None:
        self.found = found(self.job, parameters[-1])


class FirstCalls(InProcess):
    """The first call of every program of the suite, compiled at once, without a store."""

    job = "first calls"
    params = LIBRARIES
    param_names = ("library",)

    def track_geometric_mean(self, library: str) -> float:
        return mean(self.found.values()) * 1e3

    track_geometric_mean.unit = "ms"  # type: ignore[attr-defined]


class CompileAlone(InProcess):
    """Machine code only, of one long loop and of many short ones."""

    job = "compile alone"
    params = (["one loop of 500 operations", "50 loops of 10 operations"], LIBRARIES)
    param_names = ("what", "library")

    def track_time(self, what: str, library: str) -> float:
        return float(self.found[what] * 1e3)

    track_time.unit = "ms"  # type: ignore[attr-defined]


class BatchSizes(InProcess):
    """The same function at 100 batch sizes."""

    job = "batch sizes"
    params = LIBRARIES
    param_names = ("library",)

    def track_compiles(self, library: str) -> int:
        return int(self.found["compiles"])


class Unrolled(InProcess):
    """The first call of loops in Python."""

    job = "unrolled"
    params = (["pendulum, 10 steps", "pendulum, 100 steps", "pendulum, 1000 steps"], LIBRARIES)
    param_names = ("loop", "library")

    def setup(self, loop: str, library: str) -> None:
        super().setup(loop, library)
        if loop not in self.found:
            raise Absent(f"{library} does not compile this loop in reasonable time")

    def track_first_call(self, loop: str, library: str) -> float:
        return float(self.found[loop][1] * 1e3)

    track_first_call.unit = "ms"  # type: ignore[attr-defined]


class Memory:
    """The peak memory of a process beyond its data when it compiles a gradient and calls it."""

    timeout = 600
    params = (list(process.GRADIENTS), LIBRARIES)
    param_names = ("gradient", "library")

    def setup(self, gradient: str, library: str) -> None:
        self.found = found(f"peak memory: {gradient}", library)

    def track_peak(self, gradient: str, library: str) -> float:
        return float(self.found["beyond its data"])

    track_peak.unit = "MB"  # type: ignore[attr-defined]
