"""The cost model behind "hot means break-even": what a program costs in NumPy, with kernels, and to compile."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..core.jaxpr import Jaxpr
from .loops import Kernel
from .tape import KernelStep

CALL = 0.5e-6  # seconds a NumPy step takes besides its work
KERNEL_CALL = 0.6e-6
PER_BYTE = 0.15e-9  # seconds per byte read or written by a NumPy step
HEAVY = 4e-9  # seconds per element of a transcendental function in NumPy
PER_KERNEL = 15e-3  # seconds to compile a kernel
PER_OP = 0.5e-3
START = 0.3  # seconds for the very first compile of a process


def gain_and_price(j: Jaxpr, plan: Any, compiled: Callable[[Kernel], bool] = lambda k: False) -> tuple[float, float]:
    """Seconds saved per call by the kernels of a plan, and seconds to compile those that are not."""
    gain = price = 0.0
    seen: set[Kernel] = set()
    for item in plan:
        if isinstance(item, KernelStep):
            plain = sum([step_cost(eqn, j) for eqn in item.eqns], 0.0)
            known = [j.avals[v] for v in (*item.ins, *item.outs) if v in j.avals]  # a plan adds converted scalars of its own
            moved = sum([a.size * a.dtype.itemsize for a in known])
            gain += plain - (KERNEL_CALL + moved * PER_BYTE)
            kernel = item.kernel  # type: ignore[attr-defined]
            if kernel not in seen and not compiled(kernel):
                seen.add(kernel)
                price += PER_KERNEL + PER_OP * len(kernel.body)
    return gain, price


def step_cost(eqn: Any, j: Jaxpr) -> float:
    """What one equation costs as a NumPy step."""
    moved = sum([j.avals[v].size * j.avals[v].dtype.itemsize for v in (*eqn.ins, *eqn.outs)])
    heavy = HEAVY * j.avals[eqn.outs[0]].size if eqn.op.name in TRANSCENDENTAL else 0.0
    return CALL + moved * PER_BYTE + heavy


TRANSCENDENTAL = frozenset(
    "exp exp2 expm1 log log2 log10 log1p sin cos tan arcsin arccos arctan arctan2 sinh cosh tanh arcsinh arccosh arctanh"
    " power cbrt erf erfc expit logaddexp hypot".split()
)
