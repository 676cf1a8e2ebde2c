"""Time calls in turns, A B A B, so that a machine that slows down slows all of them: `in_turns({"a": f, "b": g}, seconds=1)`.

As timeit does, the garbage collector is off while a sample is taken.
"""

from __future__ import annotations

import gc
import itertools
import statistics
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

Call = Callable[[], Any]

SAMPLE = 2e-3  # seconds that one sample should last at least: short calls are repeated
ROUNDS = (3, 51)  # at least and at most so many, as the budget allows


def sample(call: Call, number: int = 1) -> float:
    """Seconds for one of `number` calls."""
    on = gc.isenabled()
    gc.disable()
    try:
        start = time.perf_counter()
        for _ in itertools.repeat(None, number):
            call()
        return (time.perf_counter() - start) / number
    finally:
        if on:
            gc.enable()


def rounds(seconds: float) -> Iterable[int]:
    """Count rounds until the budget is used up."""
    least, most = ROUNDS
    start = time.perf_counter()
    for k in range(1, most + 1):
        yield k
        if k >= least and time.perf_counter() - start > seconds:
            return


def in_turns(calls: Mapping[str, Call], seconds: float, least: bool = False) -> dict[str, float]:
    """The median time of each call, or the least."""
    number = {name: max(1, int(SAMPLE / max(sample(call, 3), 1e-8))) for name, call in calls.items()}
    taken: dict[str, list[float]] = {name: [] for name in calls}
    for _ in rounds(seconds):
        for name, call in calls.items():
            taken[name].append(sample(call, number[name]))
    return {name: min(times) if least else statistics.median(times) for name, times in taken.items()}


def first_calls_in_turns(make: Mapping[str, Callable[[int], Call]], seconds: float) -> dict[str, float]:
    """The median time of calls that are made anew, untimed, for every round: make[name](round)."""
    taken: dict[str, list[float]] = {name: [] for name in make}
    for k in rounds(seconds):
        for name, build in make.items():
            taken[name].append(sample(build(k)))
    return {name: statistics.median(times) for name, times in taken.items()}
