"""A lock that a fork does not leave shut: `lock = Lock()`, then `with lock: ...`.

A thread that holds a lock does not exist in a child process, so nobody would open it there. Use this one where what it guards
is whole whenever another thread may run; where it is not, a fork has to wait (see the lock of backends/numba/engine.py).
"""

from __future__ import annotations

import os
import threading


class Lock:
    """A re-entrant lock, open in every new process."""

    def __init__(self) -> None:
        self.renew()
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self.renew)

    def renew(self) -> None:
        self.inner = threading.RLock()

    def __enter__(self) -> None:
        self.inner.acquire()

    def __exit__(self, *error: object) -> None:
        self.inner.release()
