"""Which program runs: the cold one (NumPy steps), or the hot one (fused, compiled kernels) once it has paid for itself.

A `Tiered` belongs to one jaxpr. It counts its calls; when what compiled kernels are modelled to have saved by now is worth what
compiling them is modelled to cost, they are requested from a helper process; NumPy steps go on, and compiled code takes over at the
first call after it is there. Where there can be no helper, that call compiles. `log` tells what happened and why.

    cold -> requested -> hot        compile="hot"
    cold -> hot                     compile="now", config.deterministic, or no helper
    cold or requested -> settled    nothing to gain, or the kernels cannot be compiled: NumPy steps for good
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from ..backends.numba import service
from ..backends.numba.helper import helper
from ..config import config
from ..core.jaxpr import Jaxpr
from ..core.run import executor
from ..errors import CompilationForbiddenError, at_line
from ..lowering import cost, fuse
from ..lowering.expand import expanded
from ..lowering.loops import Code
from ..lowering.tape import Program, RefusedError, build

DETERMINISTIC_CALLS = 3  # under config.deterministic compiled code takes over at this call
BACKGROUND = 0.1  # the part of the price to be saved before the helper is asked: it may take ten times the time it has saved


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
    donated: tuple[int, ...] = ()  # inputs whose memory the program may use
    log: list[Event] = field(default_factory=list)
    cold: Program | None = None
    hot: Program | None = None
    settled: Program | None = None  # the program of all further calls in the hot mode
    plan: Any = None
    calls: int = 0
    saved: float = 0.0  # seconds that kernels would have saved so far, by the model
    gain: float | None = None  # seconds that kernels would save a call, by the model
    price: float = 0.0  # seconds that compiling them would cost, by the model
    wanted: list[Code] | None = None  # what has been requested
    asked: float = 0.0  # when

    def run(self, args: Sequence[Any], mode: str, given: int = 0) -> list[Any]:
        """The results, by the program that this mode and the calls so far ask for."""
        try:
            if self.settled is not None and mode == "hot":
                return self.settled.run(args, given)
            return self.choose(mode).run(args, given)
        except RefusedError:
            return self.steps().run(args, given)

    def choose(self, mode: str) -> Program:
        """The program for this call, compiled when it is time."""
        self.calls += mode != "never"
        if self.hot is not None and mode != "never":
            return self.hot
        if mode == "now":
            return self.compile("compile='now'")
        if mode == "hot" and (self.due() if self.wanted is None else self.arrived()):
            return self.take_over()
        return self.steps()

    def steps(self) -> Program:
        """The cold program."""
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
            self.plan = self.planned()
            self.gain, self.price = cost.gain_and_price(expanded(self.jaxpr), self.plan, service.is_available)
        if self.gain <= 0:
            return False
        if config.deterministic:
            return self.calls >= DETERMINISTIC_CALLS
        self.saved += self.gain
        return self.saved >= threshold(self.price)

    def take_over(self) -> Program:
        """It is time for compiled code: the hot program if it can be had without waiting, or with where there is no helper."""
        why = f"break-even after {self.calls} calls"
        if self.wanted is None and not config.deterministic:
            missing = self.missing(why)
            if missing and helper.request(missing):
                self.wanted, self.asked = missing, time.perf_counter()
                what = f"requested {len(missing)} of {len(fuse.kernels(self.plan))} kernels from the helper process"
                self.log.append(Event(what, why, 0.0))
                return self.steps()
        if helper.unavailable and config.helper and not config.deterministic:
            why += f"; {helper.unavailable}"
        try:
            return self.compile(why)
        except CompilationForbiddenError:
            raise
        except Exception as error:  # the call has its NumPy steps; compile="now" shows the error
            return self.stay(f"{type(error).__name__}: {error}")

    def planned(self) -> fuse.Plan:
        """What is compiled, and what is left to NumPy."""
        j = expanded(self.jaxpr)
        return fuse.plan(j, [j.invars[k] for k in self.donated])

    def missing(self, why: str) -> list[Code]:
        """The kernels that have to be compiled, after loading those of the store; raises where that is forbidden."""
        missing = [k for k in fuse.kernels(self.plan) if service.find(k) is None]
        if missing and forbidden[0]:
            raise CompilationForbiddenError(
                at_line(
                    f"{len(missing)} kernels would be compiled ({why}) inside `with ft.no_compile()`",
                    hint="call the function once before the block",
                )
            )
        return missing

    def arrived(self) -> bool:
        """Whether the kernels that were requested are there, or have to be compiled here after all."""
        assert self.wanted is not None
        helper.poll()
        failed = [helper.failed[k] for k in self.wanted if k in helper.failed]
        if failed:
            self.stay(failed[0])
            return False
        rest = [k for k in self.wanted if not service.is_compiled(k)]
        if not rest:
            return True
        if config.deterministic:
            return not forbidden[0]
        if not all([helper.is_requested(k) for k in rest]) and not forbidden[0]:
            return not helper.request(rest)  # this process is a fork, or has no helper any more
        return False

    def stay(self, reason: str) -> Program:
        """Run NumPy steps from now on."""
        self.gain = 0.0
        self.log.append(Event("stays with NumPy steps: a kernel could not be compiled", reason, 0.0))
        return self.steps()

    def compile(self, why: str) -> Program:
        """Make the hot program, in this process except for kernels that are on their way."""
        if self.plan is None:
            self.plan = self.planned()
        start, before = time.perf_counter(), dict(service.counts)
        missing = self.missing(why)
        helper.wait([k for k in missing if helper.is_requested(k)])
        kernels = service.compile_many(fuse.kernels(self.plan))
        items = fuse.realise(self.plan, service)
        self.hot = self.settled = build(expanded(self.jaxpr), items, guards=self.guards)
        took = (time.perf_counter() - start) * 1e3
        done, total = service.counts["compiled"] - before["compiled"], len(kernels)
        if self.wanted is not None and not done:
            milliseconds = sum([k.milliseconds for k in kernels if k.kernel in self.wanted])
            what = f"{len(self.wanted)} of {total} kernels came from the helper process, which compiled for {milliseconds:.0f} ms"
            why = f"requested {(start - self.asked) * 1e3:.0f} ms before"
        else:
            what = f"compiled {done} of {total} kernels"
            stored = sum([k.stored for k in kernels])
            what += f", {stored} came from the store" if stored else ""
        self.log.append(Event(what, why, took))
        return self.hot

    @property
    def status(self) -> str:
        """In short, for explain()."""
        if self.hot is not None:
            return "compiled"
        if self.wanted is not None and self.settled is None:
            return f"NumPy steps, {self.calls} calls so far, compiled code requested"
        return f"NumPy steps, {self.calls} calls so far"


def threshold(price: float) -> float:
    """Seconds that have to be saved, by the model, before kernels of this price are compiled."""
    if not price:
        return 0.0
    if config.helper and not helper.unavailable:
        return BACKGROUND * (price + (0.0 if helper.running else cost.START_HELPER))
    return price + (0.0 if service.is_ready() else cost.START)


def calls_to(gain: float, price: float) -> int:
    """How many calls come before kernels that gain and cost this are compiled."""
    return max(2, math.ceil(1 + threshold(price) / gain))


forbidden = [0]


@contextmanager
def no_compile() -> Iterator[None]:
    """`with ft.no_compile(): ...` raises CompilationForbiddenError instead of compiling anything."""
    forbidden[0] += 1
    try:
        yield
    finally:
        forbidden[0] -= 1


def tiered(j: Jaxpr, guards: bool, donated: tuple[int, ...] = ()) -> Tiered:
    """The programs of a jaxpr, kept on it."""
    key = ("guarded tiers", donated) if guards else "tiers"
    found: Tiered | None = j.memo.get(key)
    if found is None:
        found = j.memo[key] = Tiered(j, guards, donated)
    return found


def execute(j: Jaxpr, args: Sequence[Any]) -> list[Any]:
    """Run a jaxpr outside of jit: un-jitted transformations. Its guards have been decided by Python already."""
    found = j.memo.get("tiers") or tiered(j, False)
    return found.run(args, config.jit if config.jit != "check" else "never")  # type: ignore[no-any-return]


executor[0] = execute
