"""Equations that are a kernel of their own, and not one of the elementwise and reducing loops that fusion makes.

`group_of(eqn, avals)` gives the `Group` of such an equation, or None where it stays a NumPy step. Each family has a file with a
class of `Code` and the function that makes its group; the table says which primitive belongs to which.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..core.aval import Aval
from ..core.jaxpr import Eqn
from .group import Group

GROUPS: dict[type[Any], Callable[[Eqn, dict[int, Aval]], Group | None]] = {}


def group_of(eqn: Eqn, avals: dict[int, Aval]) -> Group | None:
    """The kernel that computes this equation alone, if there is one."""
    make = GROUPS.get(type(eqn.op))
    return make(eqn, avals) if make is not None else None
