"""Compiled functions at their usual sizes, warm: ftrans and JAX under jit, autograd, NumPy and numba by hand."""

from __future__ import annotations

from .work import STEADY, parameters_of, prepared


class Steady:
    """Elementwise chains, reductions, and gradients with matrix products in them."""

    params = parameters_of(STEADY)
    param_names = ("work", "library")
    repeat = (5, 50, 2.0)

    def setup(self, name: str, library: str) -> None:
        self.call = prepared(name, library)

    def time_call(self, name: str, library: str) -> None:
        self.call()
