"""Compile kernels, in this process or a helper, and keep them in the store.

built = build(kernels, known)           # known: the shared functions that need not be compiled
built.shared                            # {name: Binary}, to be loaded first
built.records                           # a Record for each kernel; its function is called FUNCTION and a number

runtime_binary(compiling)               # what runs programs, from the store or compiled
"""

from __future__ import annotations

import time
from collections.abc import Collection, Sequence
from typing import NamedTuple

from ...lowering.loops import Code
from . import emit, link, runtime
from .asm import joined
from .generate import generator
from .store import Record, key, store, text_key

FUNCTION = "kernel"
RUNTIME = "ftrans_runtime"
PASSES = ("sroa", "simplify_cfg", "instruction_combine", "simplify_cfg")  # for the runtime: calls take 60 ms to compile, not 200
BATCH = 32  # kernels compiled together: alone each would take 25 % longer, and more at once save nothing


class Built(NamedTuple):
    """What came out: functions that kernels share, and kernels."""

    shared: dict[str, link.Binary]
    records: list[Record]


def build(kernels: Sequence[Code], known: Collection[str] = ()) -> Built:
    """Compile at most BATCH kernels together."""
    start = time.perf_counter()
    emitted = [emit.emit(kernel, f"{FUNCTION}{k}") for k, kernel in enumerate(kernels)]
    missing = {text[0]: text for one in emitted for text in one.shared if text[0] not in known}
    shared = {}
    if missing:
        names = list(missing)
        binaries = generator().binaries([(joined([text]), name) for name, text in missing.items()])
        shared = dict(zip(names, binaries, strict=True))
    binaries = generator().binaries([(one.text, one.name) for one in emitted])
    milliseconds = (time.perf_counter() - start) * 1e3 / len(kernels)
    records = [
        Record(binary, one.cost, milliseconds, tuple([text[0] for text in one.shared]))
        for one, binary in zip(emitted, binaries, strict=True)
    ]
    for name, binary in shared.items():
        store.write(text_key(name), Record(binary))
    for kernel, record in zip(kernels, records, strict=True):
        store.write(key(kernel), record)
    return Built(shared, records)


def runtime_binary(compiling: bool = True) -> link.Binary | None:
    """The functions that run programs. From the store, or else compiled if that is allowed."""
    found = store.read(text_key(RUNTIME))
    if found is not None:
        return found.binary
    if not compiling:
        return None
    binary = generator().binary(runtime.functions(), runtime.NAMES, PASSES)
    store.write(text_key(RUNTIME), Record(binary))
    return binary
