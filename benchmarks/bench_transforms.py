"""Every public transformation, un-jitted and warm, on a function of 20 numbers, beside JAX's and autograd's."""

from __future__ import annotations

from .tables import TRANSFORMS, prepared
from .work import parameters_of


class Transforms:
    """One call of the transformed function; what the transformation does at every call is part of it."""

    params = parameters_of(TRANSFORMS)
    param_names = ("work", "library")
    repeat = (10, 300, 2.0)

    def setup(self, name: str, library: str) -> None:
        self.call = prepared(name, library)

    def time_call(self, name: str, library: str) -> None:
        self.call()
