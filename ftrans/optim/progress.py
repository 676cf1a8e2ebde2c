"""A progress bar for long runs on stderr: tqdm's if it is installed, else a line now and then.

with Progress("minimize", total=1000, wanted=None) as bar:
    bar.show(k, loss)
"""

from __future__ import annotations

import sys
import time
from importlib.util import find_spec
from typing import Any

from ..core.lazy import Lazy

tqdm = Lazy("tqdm", "tqdm") if find_spec("tqdm") else None

PATIENCE = 2.0  # seconds before a bar appears by itself, and between two lines


class Progress:
    """wanted: True shows a bar, False none; None shows one on a terminal when a run takes longer than two seconds."""

    def __init__(self, title: str, total: int | None, wanted: bool | None = None) -> None:
        self.title, self.total = title, total
        self.on = sys.stderr.isatty() if wanted is None else bool(wanted)
        self.due = time.perf_counter() + (PATIENCE if wanted is None else 0.0)
        self.bar: Any = None

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *raised: Any) -> None:
        if self.bar is not None:
            self.bar.close()

    def show(self, done: int, value: float) -> None:
        """`done` steps are made, and the loss is `value`."""
        if not self.on:
            return
        if self.bar is None:
            if time.perf_counter() < self.due:
                return
            if tqdm is None:
                self.due = time.perf_counter() + PATIENCE
                total = f"/{self.total}" if self.total else ""
                print(f"{self.title}: {done}{total} steps, loss {value:.6g}", file=sys.stderr)
                return
            self.bar = tqdm(total=self.total, desc=self.title, unit="step")
        self.bar.set_postfix_str(f"loss {value:.6g}", refresh=False)
        self.bar.update(done - self.bar.n)


__all__ = ["Progress"]
