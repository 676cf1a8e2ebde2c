"""Un-jitted gradients of functions of small arrays, where only the overhead counts.

ftrans is to be at least 4 times as fast as autograd, warm and cold. Warm: the gradient of the same function again. Cold: of a
function not seen before, made of operations seen before. NumPy does the forward pass alone, for orientation.
"""

from __future__ import annotations

import itertools

from .tables import EAGER, checked, prepared
from .work import parameters_of

WARM = [w for w in EAGER if not w.fresh]
COLD = [w for w in EAGER if w.fresh]


class Warm:
    """The same gradient again."""

    params = parameters_of(WARM)
    param_names = ("work", "library")
    repeat = (10, 300, 2.0)

    def setup(self, name: str, library: str) -> None:
        self.call = prepared(name, library)

    def time_gradient(self, name: str, library: str) -> None:
        self.call()


class Cold:
    """The first gradient of a new function."""

    params = parameters_of(COLD)
    param_names = ("work", "library")
    number, warmup_time, repeat = 1, 0.0, (10, 50, 2.0)
    counter = itertools.count(1)

    def setup(self, name: str, library: str) -> None:
        self.call = checked(name, library).call(library, next(self.counter))

    def time_first_gradient(self, name: str, library: str) -> None:
        self.call()
