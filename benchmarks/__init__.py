"""Benchmarks of ftrans, alone and beside its peers; README.md says how to run and to read them.

`peer("jax")` imports a peer in the `setup` of a benchmark; where it is not installed the benchmark is skipped.
"""

from __future__ import annotations

import importlib
from types import ModuleType


class Absent(NotImplementedError):
    """This library is not installed, or does not do this work: asv skips a benchmark whose setup raises it."""


def peer(name: str) -> ModuleType:
    """The module of this name, or the error by which asv skips the benchmark."""
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name != name.partition(".")[0]:
            raise  # the peer is there but broken: a failure, not a reason to skip
        raise Absent(f"{name} is not installed") from None
