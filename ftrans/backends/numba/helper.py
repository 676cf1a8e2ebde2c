"""Have kernels compiled by a helper process while this one goes on: nobody waits for the compiler.

    if helper.request(kernels):              # False: no helper can be had, and `helper.unavailable` says why
        helper.poll()                        # now and then: loads what is there, without waiting; `service.is_compiled` tells
        helper.wait(kernels)                 # or wait

The helper (worker.py) is started at the first request and ends with this process, or when it has had nothing to do for two
minutes. A fork has no helper until it asks for one. A helper that dies is started again; a kernel during which it died twice has
failed. There is no thread on this side: a program that forks later would be warned of it.
"""

from __future__ import annotations

import atexit
import itertools
import os
import pickle
import subprocess
import sys
import tempfile
import threading
import time
from collections import deque
from collections.abc import Sequence
from typing import Any

from ...config import config
from ...lowering.loops import Code
from . import engine, service, worker

POLL = 0.5e-3  # seconds between two looks into the pipe: a look takes 2 µs
BUDGET = 2e-3  # seconds after which loading goes on at the next call
PATIENCE = 60.0  # seconds of silence, at its start too, after which the helper is given up
DEATHS = 2  # of a helper, while it compiled a kernel, after which the kernel counts as failed
STARTS = 8  # of helpers that died, after which no more are started
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")  # NumPy's BLAS need not start any there


class Helper:
    """This process's end of the pipe.

    waiting: the requests without an answer yet, oldest first, by the kernel's name.
    failed: kernels that could not be compiled, and why.
    unavailable: why there can be no helper in this process, or "".
    starts: how many helpers have been started.
    """

    def __init__(self) -> None:
        self.forget()
        self.failed: dict[Code, str] = {}
        self.deaths: dict[Code, int] = {}
        self.unavailable = ""
        self.starts = 0
        self.numbers = itertools.count()
        atexit.register(self.close)
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self.forget)

    def forget(self) -> None:
        """Start anew without a helper; in a fork, where the pipe belongs to the parent."""
        process: Any = getattr(self, "process", None)
        if process is not None:
            process.stdin.close()
            process.stdout.close()
            self.close_errors()
            process.returncode = 0  # not ours to wait for
        self.lock = threading.RLock()
        self.process: subprocess.Popen[bytes] | None = None
        self.waiting: dict[str, Code] = {}
        self.outgoing = bytearray()
        self.incoming = bytearray()
        self.arrived: deque[Any] = deque()
        self.ready = False
        self.errors: Any = None  # the file that the helper's error output goes to
        self.heard = self.next_poll = 0.0

    # What tiers call

    def request(self, kernels: Sequence[Code]) -> bool:
        """Have these compiled, except for those that are or will be. False if it cannot be: they have to be compiled here."""
        with self.lock:
            if not config.helper:
                return False
            known = set(self.waiting.values())
            new = [k for k in kernels if k not in known and k not in self.failed and service.find(k) is None]
            if not all([sendable(k) for k in new]) or not (self.process or self.start()):
                return False
            for kernel in new:
                self.ask(kernel)
            self.exchange()
            return not self.unavailable

    @property
    def running(self) -> bool:
        """Whether there is a helper process."""
        return self.process is not None

    def is_requested(self, kernel: Code) -> bool:
        """Whether an answer is on its way."""
        return kernel in list(self.waiting.values())

    def poll(self) -> None:
        """Load what has arrived, as far as that takes no longer than BUDGET."""
        now = time.perf_counter()
        if now < self.next_poll or not self.lock.acquire(blocking=False):
            return
        try:
            self.next_poll = now + POLL
            self.exchange()
            while self.arrived:
                self.take_first()
                if time.perf_counter() - now > BUDGET:
                    self.next_poll = 0.0
                    break
        finally:
            self.lock.release()

    def wait(self, kernels: Sequence[Code]) -> None:
        """Return when none of the kernels is waited for any more: it is loaded, or has failed, or the helper is gone."""
        wanted = set(kernels)
        while not self.unavailable and not wanted.isdisjoint(list(self.waiting.values())):
            self.next_poll = 0.0
            self.poll()
            if not self.arrived:
                time.sleep(POLL)

    def close(self) -> None:
        """End the helper."""
        with self.lock:
            if self.process is not None:
                self.process.kill()
                self.process.wait()
                self.forget()

    # The process

    def start(self) -> bool:
        """Start the helper, if possible."""
        if self.unavailable:
            return False
        python = interpreter()
        if python is None:
            self.unavailable = f"sys.executable is {sys.executable!r}, no Python to start a helper process with"
            return False
        path = [os.path.abspath(p) for p in sys.path if isinstance(p, str)]
        settings = {"FTRANS_CACHE_DIR": config.cache_dir, "FTRANS_CACHE_SIZE": str(config.cache_megabytes)}
        environment = os.environ | dict.fromkeys(THREADS, "1") | settings
        try:
            self.errors = tempfile.TemporaryFile()  # noqa: SIM115 - closed when the helper ends
            # A group of its own: Ctrl-C at the terminal is not for it. -P: no file of the working directory is imported by chance.
            self.process = subprocess.Popen(
                [python, "-P", "-c", worker.program(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.errors,
                bufsize=0, env=environment, process_group=0,
            )  # fmt: skip
        except (OSError, ValueError, subprocess.SubprocessError) as error:
            self.close_errors()
            self.unavailable = f"no helper process can be started ({type(error).__name__}: {error})"
            return False
        for pipe in (self.process.stdin, self.process.stdout):
            assert pipe is not None
            os.set_blocking(pipe.fileno(), False)
        self.ready, self.heard = False, time.monotonic()
        self.starts += 1
        return True

    def ask(self, kernel: Code) -> None:
        if not self.waiting:
            self.heard = time.monotonic()
        name = str(next(self.numbers))
        self.waiting[name] = kernel
        self.outgoing += worker.packed((name, kernel))

    def exchange(self) -> None:
        """Write and read what the pipes take and give without waiting."""
        if self.process is None:
            return
        stdin: Any = self.process.stdin  # typeshed does not know of the None that means "not now"
        stdout: Any = self.process.stdout
        try:
            while self.outgoing:
                done = stdin.write(self.outgoing)
                if not done:
                    break
                del self.outgoing[:done]
        except OSError:  # it is gone: reading will tell
            self.outgoing.clear()
        while (chunk := stdout.read(1 << 20)) is not None:
            if not chunk:
                self.ended()
                return
            self.incoming += chunk
            self.heard = time.monotonic()
        self.split()
        if self.waiting and time.monotonic() - self.heard > PATIENCE:
            self.give_up(f"the helper process was silent for {PATIENCE:.0f} s")

    def split(self) -> None:
        """Take whole messages out of what was read."""
        head = worker.LENGTH
        while len(self.incoming) >= head:
            end = head + int.from_bytes(self.incoming[:head], "little")
            if len(self.incoming) < end:
                return
            self.arrived.append(pickle.loads(self.incoming[head:end]))
            del self.incoming[:end]
            self.ready = True

    def take_first(self) -> None:
        """Take the oldest message; it is dropped afterwards, so that an interrupt in between loses nothing."""
        try:
            self.take(self.arrived[0])
        except Exception as error:
            self.give_up(f"what the helper process sent cannot be loaded ({type(error).__name__}: {error})")
        if self.arrived:
            self.arrived.popleft()

    def take(self, message: Any) -> None:
        """Load what a message holds."""
        kind, *rest = message
        if kind == "runtime":
            identity, binary = rest
            if identity != worker.identity():
                self.give_up(f"the helper process runs another ftrans: {identity[0]}, or its sources have changed")
            else:
                engine.set_runtime(binary)
        elif kind == "shared":
            service.share(rest[0])
        elif kind == "kernel":
            name, record = rest
            kernel = self.waiting.get(name)
            if kernel is not None:  # else it was compiled here meanwhile
                try:
                    service.receive(kernel, record)
                except RuntimeError as error:
                    self.failed[kernel] = str(error)
                self.waiting.pop(name, None)
        else:
            name, text = rest
            kernel = self.waiting.pop(name, None)
            if kernel is not None:
                self.failed[kernel] = text

    def ended(self) -> None:
        """The helper has died, or found nothing to do. What it has not answered goes to the next one."""
        process, was_ready = self.process, self.ready
        assert process is not None
        self.split()
        while self.arrived:
            self.take_first()
        try:
            status = process.wait(timeout=1.0)
        except subprocess.TimeoutExpired:
            process.kill()
            status = process.wait()
        waiting, said = self.waiting, self.last_words()
        self.drop(process)
        if not waiting:
            return
        first = next(iter(waiting))
        if not was_ready:
            self.unavailable = f"the helper process ended with status {status} before it was ready{said}"
        elif self.starts >= STARTS:
            self.unavailable = f"{STARTS} helper processes have died"
        else:
            kernel = waiting[first]
            self.deaths[kernel] = self.deaths.get(kernel, 0) + 1
            if self.deaths[kernel] >= DEATHS:
                self.failed[kernel] = f"the helper process died {DEATHS} times while it compiled this (status {status}){said}"
                del waiting[first]
        if waiting and not self.unavailable and self.start():
            for kernel in waiting.values():
                self.ask(kernel)

    def give_up(self, reason: str) -> None:
        """Do without a helper from now on."""
        self.unavailable = reason
        process = self.process
        if process is not None:
            process.kill()
            process.wait()
            self.drop(process)

    def last_words(self) -> str:
        """The last line of the helper's error output, for a message."""
        self.errors.seek(0)
        lines = self.errors.read().decode(errors="replace").split("\n")
        said = [line for line in lines if line.strip()]
        return f": {said[-1].strip()}" if said else ""

    def close_errors(self) -> None:
        if self.errors is not None:
            self.errors.close()
            self.errors = None

    def drop(self, process: subprocess.Popen[bytes]) -> None:
        """Forget a process that has ended."""
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.close()
        process.stdout.close()
        self.close_errors()
        self.process, self.waiting, self.ready = None, {}, False
        self.outgoing.clear()
        self.incoming.clear()
        self.arrived.clear()


def interpreter() -> str | None:
    """The Python to start, or None: in a frozen or embedding program sys.executable may be that program."""
    path = sys.executable
    name = os.path.basename(path or "").lower()
    return path if "python" in name and not getattr(sys, "frozen", False) else None


def sendable(kernel: Code) -> bool:
    """Whether the helper knows all operations. A user's own would have to be imported there, with all that their module does."""
    return all([type(op).__module__.partition(".")[0] == "ftrans" for op in kernel.ops])


helper = Helper()
