"""Compile kernels, and run programs of them.

compiled = compile(kernel)                     # once per kernel content: kept in this process, and on disk for others
compile_many(kernels)                          # those of a program: quicker than one by one
find(kernel)                                   # the same without compiling, or None
step = segment(planned, slot_of)               # step(list) runs compiled kernels on the values in a list (see tables.py)
"""

from __future__ import annotations

import contextlib
import time
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass

from ...config import config
from ...lowering.loops import Code
from . import build, emit, engine, generate, tables
from .build import BATCH
from .engine import Loaded
from .link import Binary
from .store import Record, key, store, text_key

segment = tables.segment_step
"""(segment, slot of each variable) -> the step of a tape that runs it."""


@dataclass(frozen=True, slots=True, eq=False)
class Compiled:
    """Machine code of one kernel, in memory as long as this object lives.

    address: of the function `void(int64* sizes, int64* arguments)`: the size of each loop; for each operand, inputs first, its
        address and then its byte stride along each loop.
    cost: what one element takes, in tenths of a nanosecond.
    milliseconds: what compiling it took, here, in the helper, or before it was stored.
    stored: it came from the store.
    """

    kernel: Code
    address: int
    cost: int
    milliseconds: float
    loaded: Loaded
    stored: bool = False

    @property
    def llvm(self) -> str:
        """The LLVM module it was compiled from."""
        return emit.emit(self.kernel).text

    @property
    def assembly(self) -> str:
        """What the processor runs, as text."""
        return generate.generator().assembly(self.llvm)


def compile(kernel: Code) -> Compiled:  # noqa: A001 - the word for it, as in re.compile
    """The machine code of a kernel: of this process, or of the store, or compiled now."""
    return find(kernel) or compile_many([kernel])[0]


def compile_many(kernels: Sequence[Code]) -> list[Compiled]:
    """The machine code of kernels. What has to be compiled is compiled together."""
    with engine.lock:
        found = {kernel: find(kernel) for kernel in kernels}
        missing = [kernel for kernel, compiled in found.items() if compiled is None]
        for start in range(0, len(missing), BATCH):
            batch = missing[start : start + BATCH]
            found.update(zip(batch, _compile(batch), strict=True))
    return [found[kernel] for kernel in kernels]  # type: ignore[misc]  # none is None any more


def find(kernel: Code) -> Compiled | None:
    """The machine code of a kernel if it need not be compiled: of this process or of the store."""
    found = _compiled.get(kernel)
    if found is not None:
        with contextlib.suppress(KeyError):  # another thread has just dropped it
            _compiled.move_to_end(kernel)
        return found
    with engine.lock:
        return _compiled.get(kernel) or from_store(kernel)


def is_compiled(kernel: Code) -> bool:
    """Whether this process has the code of this kernel."""
    return kernel in _compiled


def is_available(kernel: Code) -> bool:
    """Whether the code of this kernel need not be compiled. It may be damaged: `find` tells for sure."""
    return kernel in _compiled or store.has(key(kernel))


def is_ready() -> bool:
    """Whether LLVM has been imported to compile here."""
    return generate.is_ready()


def from_store(kernel: Code) -> Compiled | None:
    """Load a kernel, and what it calls, from the store."""
    start = time.perf_counter()
    record = store.read(key(kernel))
    if record is None:
        return None
    try:
        if not has_shared(record.shared) or not has_runtime(compiling=False):
            return None
        compiled = load(kernel, record, stored=True)
    except RuntimeError:  # compiling it will tell what is wrong
        return None
    counts["stored"] += 1
    spent["stored"] += (time.perf_counter() - start) * 1e3
    return compiled


def has_shared(names: Sequence[str]) -> bool:
    """Whether functions that kernels share are there, or in the store; then they are loaded."""
    for name in names:
        if name not in engine.shared:
            record = store.read(text_key(name))
            if record is None:
                return False
            engine.share(name, record.binary)
    return True


def has_runtime(compiling: bool) -> bool:
    """Whether what runs programs is there, or can be had."""
    if not engine.has_runtime():
        binary = build.runtime_binary(compiling)
        if binary is None:
            return False
        engine.set_runtime(binary)
    return True


def load(kernel: Code, record: Record, stored: bool = False) -> Compiled:
    """Load a kernel whose shared functions are there, and remember it."""
    loaded = engine.load(record.binary)
    (address,) = loaded.addresses.values()
    compiled = _compiled[kernel] = Compiled(kernel, address, record.cost, record.milliseconds, loaded, stored)
    while len(_compiled) > max(config.cache_size, 1):
        _compiled.popitem(last=False)
    return compiled


def receive(kernel: Code, record: Record) -> None:
    """Load what another process compiled, unless it is there meanwhile."""
    with engine.lock:
        if kernel not in _compiled:
            load(kernel, record)
            counts["loaded"] += 1
            spent["loaded"] += record.milliseconds


def _compile(kernels: Sequence[Code]) -> list[Compiled]:
    start = time.perf_counter()
    has_runtime(compiling=True)
    shared, records = build.build(kernels, engine.shared)
    share(shared)
    compiled = [load(kernel, record) for kernel, record in zip(kernels, records, strict=True)]
    counts["compiled"] += len(kernels)
    spent["compiled"] += (time.perf_counter() - start) * 1e3
    return compiled


def share(binaries: dict[str, Binary]) -> None:
    """Load functions that kernels share."""
    for name, binary in binaries.items():
        engine.share(name, binary)


def summary() -> str:
    """What this process has compiled and loaded, with the time it took."""
    where = {"compiled": "compiled here", "loaded": "by the helper process", "stored": "loaded from the store"}
    return ", ".join([f"{counts[k]} {text} ({spent[k]:.1f} ms)" for k, text in where.items()])


counts = {"compiled": 0, "loaded": 0, "stored": 0}
"""How many kernels this process has compiled itself, got from its helper, loaded from the store."""

spent = {"compiled": 0.0, "loaded": 0.0, "stored": 0.0}
"""The milliseconds that took: of this process; where the helper compiled, of that one."""

_compiled: OrderedDict[Code, Compiled] = OrderedDict()
