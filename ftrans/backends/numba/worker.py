"""The helper process: compiles kernels that arrive on its standard input, answers with object code.

The other end is helper.py. Messages, both ways, are pickles behind their length in four bytes. It gets (name, kernel) and answers
with tuples:

    ("entry", path of this file, name, object code)     once, when it is ready
    ("shared", names, object code)                      functions that the kernels after it call
    ("kernel", name, object code, cost, milliseconds)
    ("error", name, text)                               this kernel cannot be compiled

It ends when its input ends, so when the process that started it does, whatever that process died of.
"""

from __future__ import annotations

import io
import os
import pickle
import queue
import signal
import threading
import time
from typing import Any

from . import emit
from .asm import joined
from .generate import generator

LENGTH = 4  # bytes before a message
NICENESS = 5  # a third of the share of a busy program; with 10 it had a tenth, and took 8 s where both cores were taken
IDLE = 120.0  # seconds without work after which it ends; the next request starts another


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
    send(out, ("entry", __file__, "ftrans_entry", generator().entry_code))
    sent: set[str] = set()
    while True:
        try:
            name, kernel = requests.get(timeout=IDLE)
        except queue.Empty:
            os._exit(0)
        for answer in compiled(name, kernel, sent):
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


def compiled(name: str, kernel: Any, sent: set[str]) -> list[Any]:
    """The answers to a request. `sent` are the functions that the other side already has."""
    answers: list[Any] = []
    try:
        start = time.perf_counter()
        emitted = emit.emit(kernel, name)
        missing = [text for text in emitted.shared if text[0] not in sent]
        if missing:
            names = [f for f, _, _ in missing]
            answers.append(("shared", names, generator().object_code(joined(missing))))
            sent.update(names)
        code = generator().object_code(emitted.text)
        answers.append(("kernel", name, code, emitted.cost, (time.perf_counter() - start) * 1e3))
    except Exception as error:  # the other side tells it in explain()
        answers.append(("error", name, f"{type(error).__name__}: {error}"))
    return answers
