"""Compile kernels and call them.

compiled = compile(kernel)                     # once per kernel content and process
run = compiled.bind(table([1000], [(0, [0]), (1, [0]), (2, [0])]))
run([x, y, out])                               # True; False when a layout does not fit (see entry.py)
"""

from __future__ import annotations

import itertools
import threading
import time
from dataclasses import dataclass

from ...lowering.loops import Code
from . import emit, engine, entry, generate, tables
from .asm import joined
from .engine import Entry

segment = tables.segment_step
"""(segment, slot of each variable) -> the step of a tape that runs it."""

table = entry.make_table
"""(sizes of the loop axes, per operand (slot, array dimension per axis or -1)) -> the table `Compiled.bind` takes."""


@dataclass(frozen=True, slots=True, eq=False)
class Compiled:
    """Machine code of one kernel."""

    kernel: Code
    address: int
    cost: int
    milliseconds: float

    def bind(self, numbers: entry.Table) -> Entry:
        """The kernel as a builtin taking the list of slots, for the sizes and operands of a table (which it fills in
        and keeps: change it only by binding again)."""
        entry.bind_table(numbers, self.kernel, self.address, self.cost)
        return engine.bind(numbers)

    @property
    def llvm(self) -> str:
        """The LLVM module it was compiled from."""
        return emit.emit(self.kernel).text

    @property
    def assembly(self) -> str:
        """What the processor runs, as text."""
        return generate.generator().assembly(self.llvm)


def compile(kernel: Code) -> Compiled:  # noqa: A001 - the word for it, as in re.compile
    """The machine code of a kernel: from the cache when an equal kernel was compiled in this process.

    The cache is not bounded: code that LLVM's engine has loaded stays loaded, so forgetting it would free nothing.
    """
    found = _compiled.get(kernel)
    if found is None:
        with _lock:
            found = _compiled.get(kernel)
            if found is None:
                found = _compiled[kernel] = _compile(kernel)
    return found


def is_compiled(kernel: Code) -> bool:
    """Whether `compile` would find this kernel in the cache."""
    return kernel in _compiled


def is_ready() -> bool:
    """Whether LLVM has been imported to compile here."""
    return generate.is_ready()


def load(kernel: Code, name: str, code: bytes, cost: int, milliseconds: float) -> None:
    """Put a kernel that another process compiled into the cache: its object code, under a name from `fresh_name`."""
    with _lock:
        if kernel not in _compiled:
            (address,) = engine.loader().load(code, [name])
            _compiled[kernel] = Compiled(kernel, address, cost, milliseconds)
            counts["loaded"] += 1


def fresh_name() -> str:
    """A name that no kernel of this process has."""
    return f"ftrans_kernel_{next(_numbers)}"


def _compile(kernel: Code) -> Compiled:
    generator, loader = generate.generator(), engine.loader()
    start = time.perf_counter()
    if not engine.has_entry():
        engine.set_entry(loader.load(generator.entry_code, engine.ENTRY_NAMES))
    emitted = emit.emit(kernel, fresh_name())
    missing = [text for text in emitted.shared if text[0] not in engine.shared]
    if missing:
        loader.share(generator.object_code(joined(missing)), [name for name, _, _ in missing])
    (address,) = loader.load(generator.object_code(emitted.text), [emitted.name])
    milliseconds = (time.perf_counter() - start) * 1e3
    counts["compiled"] += 1
    return Compiled(kernel, address, emitted.cost, milliseconds)


counts = {"compiled": 0, "loaded": 0}
"""How many kernels this process has compiled itself, and how many it has loaded."""

_compiled: dict[Code, Compiled] = {}
_numbers = itertools.count()
_lock = threading.RLock()
