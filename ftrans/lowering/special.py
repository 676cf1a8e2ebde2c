"""Equations that are a kernel of their own, and not one of the elementwise and reducing loops that fusion makes.

`group_of(eqn, avals)` gives the `Group` of such an equation, or None where it stays a NumPy step. Each family has a file with a
class of `Code` and the function that makes its group; the table says which primitive belongs to which.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..core.aval import Aval
from ..core.jaxpr import Eqn
from ..ops.contraction import DotGeneral
from ..ops.indexing import Diagonal, Gather, Put, Scatter
from ..ops.structural import Concatenate
from .contract import contraction
from .gather import gathering, scattering
from .group import Group
from .pieces import concatenation, placement
from .scans import COMBINE, running

GROUPS: dict[type[Any], Callable[[Eqn, dict[int, Aval]], Group | None]] = {
    DotGeneral: contraction,
    Gather: gathering,
    Diagonal: gathering,
    Scatter: scattering,
    Concatenate: concatenation,
    Put: placement,
    **dict.fromkeys(COMBINE, running),
}


def group_of(eqn: Eqn, avals: dict[int, Aval]) -> Group | None:
    """The kernel that computes this equation alone, if there is one."""
    make = GROUPS.get(type(eqn.op))
    return make(eqn, avals) if make is not None else None
