"""How long the first call of a jitted function takes: in the default tier, compiled at once, and in JAX.

Each function is new, a loop of 10 to 500 elementwise operations in an order of its own, so that no cache and no store has its
kernel. NumPy's time is that of the function itself.
"""

from __future__ import annotations

import itertools

from .tables import COMPILE, checked
from .work import parameters_of


class FirstCall:
    """Trace, compile where the tier says so, and run once."""

    params = parameters_of(COMPILE)
    param_names = ("work", "library")
    number, warmup_time, repeat = 1, 0.0, (3, 20, 5.0)
    counter = itertools.count(1)

    def setup(self, name: str, library: str) -> None:
        self.call = checked(name, library).call(library, next(self.counter))

    def time_first_call(self, name: str, library: str) -> None:
        self.call()
