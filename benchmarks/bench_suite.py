"""The peer suite: ordinary numerical programs and their gradients, warm, at their usual sizes (suite.py)."""

from __future__ import annotations

from .suite import SUITE
from .tables import prepared
from .work import parameters_of

WORKS = [work for works in SUITE.values() for work in works]


class Suite:
    """ftrans and JAX under jit, NumPy, and numba by hand."""

    params = parameters_of(WORKS)
    param_names = ("work", "library")
    repeat = (5, 50, 2.0)

    def setup(self, name: str, library: str) -> None:
        self.call = prepared(name, library)

    def time_call(self, name: str, library: str) -> None:
        self.call()
