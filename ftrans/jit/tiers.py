"""Which program runs: the cold one (NumPy steps), or the hot one (fused, compiled kernels) once it has paid for itself.

A `Tiered` belongs to one jaxpr. It counts its calls; when what the compiled kernels are modelled to have saved by now exceeds
what compiling them is modelled to cost, they are compiled, and the compiled tape takes over. `log` tells what happened and why.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from ..backends.numba import service
from ..config import config
from ..core.jaxpr import Jaxpr
from ..core.run import executor
from ..errors import CompilationForbiddenError, at_line
from ..lowering import cost, fuse
from ..lowering.tape import Program, build

DETERMINISTIC_CALLS = 3  # under config.deterministic compiled code takes over at this call


@dataclass
class Event:
    """Something that happened to a function: a trace or a compile, its cause, how long it took."""

    what: str
    why: str
    milliseconds: float


@dataclass
class Tiered:
    """The programs of one jaxpr."""

    jaxpr: Jaxpr
    guards: bool
    log: list[Event] = field(default_factory=list)
    cold: Program | None = None
    hot: Program | None = None
    settled: Program | None = None  # the program of all further calls in the hot mode
    plan: Any = None
    calls: int = 0
    saved: float = 0.0  # seconds that kernels would have saved so far, by the model
    gain: float | None = None  # seconds that kernels would save a call, by the model
    price: float = 0.0  # seconds that compiling them would cost, by the model

    def run(self, args: Sequence[Any], mode: str, given: int = 0) -> list[Any]:
        """The results, by the program that this mode and the calls so far ask for."""
        if self.settled is not None and mode == "hot":
            return self.settled.run(args, given)
        return self.choose(mode).run(args, given)

    def choose(self, mode: str) -> Program:
        """The program for this call, compiled when it is time."""
        self.calls += mode != "never"
        if self.hot is not None and mode != "never":
            return self.hot
        if mode == "now" or (mode == "hot" and self.due()):
            return self.compile("compile='now'" if mode == "now" else f"break-even after {self.calls} calls")
        if self.cold is None:
            self.cold = build(self.jaxpr, guards=self.guards)
        if self.gain is not None and self.gain <= 0:
            self.settled = self.cold  # no kernel would gain anything
        return self.cold

    def due(self) -> bool:
        """Whether compiled code has paid for itself, by modelled cost. The first call does not even ask: planning takes time."""
        if self.calls < 2:
            return False
        if self.gain is None:
            self.plan = fuse.plan(self.jaxpr)
            self.gain, self.price = cost.gain_and_price(self.jaxpr, self.plan)
        if self.gain <= 0:
            return False
        if config.deterministic:
            return self.calls >= DETERMINISTIC_CALLS
        self.saved += self.gain
        return self.saved >= self.price

    def compile(self, why: str) -> Program:
        """Make the hot program."""
        plan = self.plan if self.plan is not None else fuse.plan(self.jaxpr)
        missing = [k for k in fuse.kernels(plan) if not service.is_compiled(k)]
        if missing and forbidden[0]:
            raise CompilationForbiddenError(
                at_line(f"{len(missing)} kernels would be compiled ({why}) inside `with ft.no_compile()`", hint="call the function once before the block")
            )
        start = time.perf_counter()
        items = fuse.realise(plan, service)
        self.hot = self.settled = build(self.jaxpr, items, guards=self.guards)
        took = (time.perf_counter() - start) * 1e3
        self.log.append(Event(f"compiled {len(missing)} of {len(fuse.kernels(plan))} kernels", why, took))
        return self.hot


forbidden = [0]


@contextmanager
def no_compile() -> Iterator[None]:
    """`with ft.no_compile(): ...` raises CompilationForbiddenError instead of compiling anything."""
    forbidden[0] += 1
    try:
        yield
    finally:
        forbidden[0] -= 1


def tiered(j: Jaxpr, guards: bool) -> Tiered:
    """The programs of a jaxpr, kept on it."""
    key = "guarded tiers" if guards else "tiers"
    found: Tiered | None = j.memo.get(key)
    if found is None:
        found = j.memo[key] = Tiered(j, guards)
    return found


def execute(j: Jaxpr, args: Sequence[Any]) -> list[Any]:
    """Run a jaxpr outside of jit: un-jitted transformations. Its guards have been decided by Python already."""
    found = j.memo.get("tiers") or tiered(j, False)
    return found.run(args, config.jit if config.jit != "check" else "never")  # type: ignore[no-any-return]


executor[0] = execute
