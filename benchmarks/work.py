"""One task and the libraries that do it: `Work("sum of 10", inputs, {"numpy": ..., "ftrans": ...}).prepare("ftrans")()`.

`call` builds the call that is timed, `check` compares its result, `prepare` checks and warms up. The tables of works stand in
tables.py and suite.py, the tasks in tasks.py and programs.py, their arguments in inputs.py, the libraries in libraries.py.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from . import Absent
from .libraries import Call, Side, agree

LIBRARIES = ("ftrans", "ftrans now", "jax", "autograd", "numpy", "numba")


@dataclass(frozen=True)
class Work:
    """A task and the libraries that do it.

    inputs: the arguments for round k; for a `fresh` work the first is a function that no cache has seen.
    fresh: every call timed is the first one of a new function.
    parts: the time is given for one of this many equal parts (equations, say).
    less: sides that do only part of the work (the forward pass), for orientation; their results are not compared.
    view: what of the result is compared.
    covers: the public transformations that are measured here.
    proof: (the arguments, a result) -> AssertionError unless it is what NumPy says, for works that NumPy does not do itself.
    """

    name: str
    inputs: Callable[[int], Sequence[Any]]
    sides: Mapping[str, Side]
    fresh: bool = False
    parts: int = 1
    less: tuple[str, ...] = ()
    view: Callable[[Any], Any] = field(default=lambda result: result)
    named: tuple[str, ...] = ()  # the last arguments are passed by these names
    covers: tuple[str, ...] = ()
    proof: Callable[[Sequence[Any], Any], None] | None = None

    def call(self, library: str, k: int = 0) -> Call:
        """The call to be timed in round k, not warmed up. Absent when the library does not do this work."""
        if library not in self.sides:
            raise Absent(f"{self.name} is not done by {library}")
        args = self.inputs(k)
        cut = len(args) - len(self.named)
        return self.sides[library](*args[:cut], **dict(zip(self.named, args[cut:], strict=True)))

    def result(self, library: str, k: int = 0) -> Any:
        """The result in round k, as it is compared."""
        return self.view(self.call(library, k)())

    def reference(self) -> str:
        """The library whose results the others must have: NumPy by hand where there is one."""
        return "numpy" if "numpy" in self.sides and "numpy" not in self.less else "ftrans"

    def check(self, library: str) -> Call:
        """The call, run once. AssertionError unless it computes the same as the reference; any error of its own where it fails."""
        call = self.call(library)
        result = self.view(call())
        if self.proof is not None:
            self.proof(self.inputs(0), result)
        if library not in self.less and library != self.reference():
            agree(result, self.result(self.reference()), f"{self.name}: {library} against {self.reference()}")
        return call

    def prepare(self, library: str) -> Call:
        """The call, checked and warmed up (not for fresh works, which are cold by definition)."""
        call = self.check(library)
        for _ in range(3):
            call()
        return call


@contextlib.contextmanager
def no_accidental_skip() -> Iterator[None]:
    """asv skips on any NotImplementedError, but what a library fails to support is a failure of the benchmark."""
    try:
        yield
    except Absent:
        raise
    except NotImplementedError as error:
        raise RuntimeError(str(error)) from error


def parameters_of(works: Sequence[Work]) -> tuple[list[str], list[str]]:
    """The asv parameters of a table: its works, and the libraries that do one of them."""
    return [w.name for w in works], [name for name in LIBRARIES if any([name in w.sides for w in works])]
