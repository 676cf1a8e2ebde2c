"""What a warm call of a jitted function costs when the function does next to nothing.

Beside JAX, whose inputs are on the device beforehand, and the plain NumPy function.
"""

from __future__ import annotations

from .tables import JIT_CALL, prepared
from .work import parameters_of


class JitCall:
    """Calls with arguments of several kinds, in the default tier and compiled."""

    params = parameters_of(JIT_CALL)
    param_names = ("work", "library")
    repeat = (10, 1000, 1.0)

    def setup(self, name: str, library: str) -> None:
        self.call = prepared(name, library)

    def time_call(self, name: str, library: str) -> None:
        self.call()
