"""The helper process: compiles kernels that arrive on its standard input, answers with object code.

The other end is helper.py. Messages, both ways, are pickles behind their length in four bytes. It gets (name, kernel) and answers
with tuples:

    ("runtime", identity, Binary)     once, when it is ready
    ("shared", {name: Binary})        functions that the kernels after it call
    ("kernel", name, Record)
    ("error", name, text)             this kernel cannot be compiled

Requests that wait are compiled together, at most BATCH at a time. What is compiled is also kept in the store. The process imports
only what compiling takes: of the package itself nothing but its name (see `START`).

It ends when its input ends, so when the process that started it does, whatever that process died of.
"""

from __future__ import annotations

import io
import os
import pickle
import queue
import signal
import threading
from collections.abc import Sequence
from typing import Any

from . import build
from .store import PACKAGE, toolchain

LENGTH = 4  # bytes before a message
NICENESS = 5  # a third of the share of a busy program; with 10 it had a tenth, and took 8 s where both cores were taken
IDLE = 120.0  # seconds without work after which it ends; the next request starts another


START = """
import sys, types
sys.path[:] = {path!r}
package = sys.modules["ftrans"] = types.ModuleType("ftrans")
package.__path__ = [{package!r}]
from ftrans.backends.numba import worker
worker.main()
"""
"""The program. It puts an empty package in the place of ftrans, whose own imports take 0.25 s."""


def program(path: Sequence[str]) -> str:
    """What Python has to run, with this search path."""
    return START.format(path=list(path), package=PACKAGE)


def identity() -> tuple[str, str]:
    """Which ftrans this is: both ends must be the same."""
    return __file__, toolchain() or ""


def packed(message: Any) -> bytes:
    """A message as it goes through the pipe."""
    content = pickle.dumps(message, pickle.HIGHEST_PROTOCOL)
    return len(content).to_bytes(LENGTH, "little") + content


def main() -> None:
    """Serve until the input ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the process that computes
    try:
        os.nice(NICENESS)
    except OSError:
        pass
    out = open(os.dup(1), "wb", buffering=0)  # noqa: SIM115 - open until the process ends
    os.dup2(2, 1)  # what a library prints must not end up among the answers
    requests: queue.SimpleQueue[Any] = queue.SimpleQueue()
    source = open(0, "rb", closefd=False)  # noqa: SIM115 - likewise
    threading.Thread(target=receive, args=(source, requests), daemon=True).start()
    send(out, ("runtime", identity(), build.runtime_binary()))
    sent: set[str] = set()
    while True:
        try:
            batch = [requests.get(timeout=IDLE)]
        except queue.Empty:
            os._exit(0)
        while len(batch) < build.BATCH and not requests.empty():
            batch.append(requests.get())
        for answer in compiled(batch, sent):
            send(out, answer)


def receive(source: io.BufferedReader, requests: queue.SimpleQueue[Any]) -> None:
    """Queue what arrives. It runs in a thread, so that the end of the input ends the process also during a long compile."""
    while True:
        head = source.read(LENGTH)
        content = source.read(int.from_bytes(head, "little"))
        if len(head) < LENGTH or not content:
            os._exit(0)
        requests.put(pickle.loads(content))


def send(out: io.FileIO, message: Any) -> None:
    """Write all of a message."""
    rest = memoryview(packed(message))
    while rest:
        try:
            rest = rest[out.write(rest) :]
        except BrokenPipeError:  # nobody reads any more
            os._exit(0)


def compiled(batch: Sequence[tuple[str, Any]], sent: set[str]) -> list[Any]:
    """The answers to requests. `sent` are the functions that the other side already has."""
    try:
        shared, records = build.build([kernel for _, kernel in batch], sent)
    except Exception as error:  # the other side tells it in explain()
        if len(batch) > 1:
            return [answer for request in batch for answer in compiled([request], sent)]
        return [("error", batch[0][0], f"{type(error).__name__}: {error}")]
    sent.update(shared)
    kernels = [("kernel", name, record) for (name, _), record in zip(batch, records, strict=True)]
    return [("shared", shared), *kernels] if shared else kernels
