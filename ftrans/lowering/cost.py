"""The cost model behind "hot means break-even": what a program costs in NumPy, with kernels, and to compile.

All figures are seconds, measured on one core of a server (x86-64 with AVX-512, NumPy 2.4, llvmlite 0.50; the least of 7 rounds).
A program of ten additions and multiplications ran as NumPy steps and as one kernel, for 8 to 1,000,000 elements of float32 and
float64: a step took CALL and PER_BYTE. A program `f(x) * 1.5` gave the table ELEMENT. Compile times are those of the kernels of
such programs, of sums and maxima, and of examples/digits.py. What counts is their relation, which other machines mostly share.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..core.jaxpr import Eqn, Jaxpr
from .loops import Code, Kernel
from .tape import KernelStep

CALL = 0.4e-6  # a NumPy step, besides its work
REDUCE_CALL = 2.0e-6  # the same for a reduction
REDUCE_ROW = 30e-9  # NumPy, for every result of a reduction over the last axis; a sum took 17, a maximum 44
KERNEL_CALL = 0.05e-6
NATIVE_CALL = 0.8e-6  # entering compiled code from a tape
WHOLE_CALL = 2.0e-6  # what a call saves when all of it is compiled: its arguments, tape and results
KERNEL_ROW = 20e-9  # a kernel, for every result of such a reduction
PER_BYTE = 0.0125e-9  # read or written, in the cache as in memory; the allocation of the result is in it

START = 0.04  # until this process has imported what compiles
START_HELPER = 0.4  # until the helper has started, of which ftrans and NumPy take 0.33 to import
PER_KERNEL = 10e-3  # to compile a kernel
PER_OP = 0.2e-3  # for each operation in it
PER_HEAVY = 4e-3  # for each function in TRANSCENDENTAL
PER_FOLD = 20e-3  # when it reduces

# Per element, in nanoseconds: NumPy for float32 and float64, a kernel for float32 and float64.
ELEMENT = {
    "arccos": (0.5, 2.7, 0.6, 1.2), "arccosh": (0.8, 2.3, 1.4, 2.1), "arcsin": (1.0, 1.4, 0.6, 1.2),
    "arcsinh": (0.8, 2.3, 1.5, 2.3), "arctan": (0.8, 1.4, 0.3, 1.1), "arctan2": (0.7, 2.2, 0.4, 1.6),
    "arctanh": (0.6, 1.7, 1.3, 1.9), "cbrt": (0.4, 1.1, 0.8, 1.4), "cos": (0.6, 8.1, 0.4, 1.5), "cosh": (0.4, 1.0, 0.6, 0.9),
    "exp": (0.5, 0.8, 0.3, 0.6), "exp2": (0.3, 0.8, 0.3, 0.6), "expm1": (0.4, 1.3, 0.5, 1.0), "hypot": (3.9, 5.9, 0.5, 0.9),
    "log": (0.5, 0.9, 0.4, 1.0), "log10": (0.3, 1.0, 0.4, 1.1), "log1p": (0.5, 1.1, 0.5, 1.3), "log2": (0.3, 1.0, 0.4, 1.1),
    "logaddexp": (10.2, 10.4, 0.7, 2.1), "logaddexp2": (10.6, 11.6, 0.7, 2.1), "log_expit": (10.0, 10.3, 0.6, 2.0),
    "power": (0.8, 2.3, 1.7, 3.2), "half_pow": (2.2, 4.4, 0.3, 0.6), "sin": (0.6, 8.2, 0.4, 1.6), "sinh": (0.4, 1.3, 0.7, 1.3),
    "tan": (0.5, 1.6, 0.9, 2.0), "tanh": (0.4, 1.9, 0.4, 1.2), "erf": (8.0, 7.8, 0.5, 1.8), "erfc": (8.6, 8.2, 1.0, 3.1),
    "expit": (3.5, 5.6, 0.6, 1.4), "xlogy": (4.4, 5.3, 0.5, 1.1), "xlog1py": (4.4, 5.3, 0.6, 1.4),
    "floor_divide": (10.7, 10.6, 1.2, 1.5), "fmod": (2.5, 2.3, 0.6, 0.6), "remainder": (7.1, 7.2, 1.0, 1.1),
    "copysign": (0.5, 0.5, 0.0, 0.0), "sign": (0.4, 0.5, 0.0, 0.0), "select": (0.6, 0.6, 0.0, 0.0), "sqrt": (0.3, 1.1, 0.1, 0.4),
    "reciprocal": (0.1, 0.6, 0.0, 0.2), "div": (0.1, 0.3, 0.0, 0.2),
}  # fmt: skip

RUNNING = {
    "cumsum": (3.3, 3.3, 0.8, 0.8),
    "cumprod": (3.3, 3.3, 0.8, 0.8),
    "cummax": (3.3, 3.3, 1.7, 1.7),
    "cummin": (3.3, 3.3, 1.7, 1.7),
}
"""The same for operations that are kernels of their own. Others take as long in NumPy, for each element."""

SPECIAL_CALL = {"dot_general": 1.3e-6, "gather": 4.0e-6, "scatter": 4.8e-6, "put": 1.1e-6, "concatenate": 0.9e-6, "cumsum": 0.8e-6}
"""NumPy steps that take longer than CALL to begin."""

HALF = (12.0, 0.3)
"""The same for any operation on float16, NumPy and a kernel: NumPy converts every element with scalar code."""

COMPLEX = {
    "exp": (21.0, 5.0), "log": (73.0, 5.5), "log2": (75.0, 6.0), "log10": (75.0, 6.0), "sqrt": (28.0, 1.5), "sin": (44.0, 6.0),
    "cos": (44.0, 6.0), "tan": (44.0, 5.5), "sinh": (44.0, 6.0), "cosh": (44.0, 6.0), "tanh": (44.0, 5.5), "div": (5.5, 0.7),
    "reciprocal": (5.5, 0.7), "sign": (15.0, 1.0), "abs": (1.0, 0.6), "int_pow": (10.0, 0.3),
}  # fmt: skip
"""The same for complex numbers."""

INTEGER = {"floor_divide": (5.7, 0.9), "remainder": (5.7, 0.9), "fmod": (4.0, 0.9)}
"""The same for integers."""

TRANSCENDENTAL = frozenset(ELEMENT) - {
    "copysign", "div", "floor_divide", "fmod", "reciprocal", "remainder", "select", "sign", "sqrt",
}  # fmt: skip
"""Functions that a group is made for, and that are not computed twice."""


def gain_and_price(j: Jaxpr, plan: Any, compiled: Callable[[Code], bool] = lambda k: False) -> tuple[float, float]:
    """Seconds saved per call by the kernels of a plan, and seconds to compile those that are not."""
    gain = price = 0.0
    native = [isinstance(item, KernelStep) for item in plan]
    if any(native):
        gain += WHOLE_CALL if all(native) else -NATIVE_CALL
    seen: set[Code] = set()
    for item in plan:
        if isinstance(item, KernelStep) and hasattr(item, "kernel"):  # not a mere change of shape
            gain += sum([step_cost(eqn, j) for eqn in item.eqns], 0.0) - kernel_cost(item, j)
            kernel: Code = item.kernel
            if kernel not in seen and not compiled(kernel):
                seen.add(kernel)
                price += compile_cost(kernel)
    return gain, price


def step_cost(eqn: Eqn, j: Jaxpr) -> float:
    """What one equation costs as a NumPy step."""
    moved = sum([size_of(j, v) for v in (*eqn.ins, *eqn.outs)]) * PER_BYTE
    if getattr(eqn.op, "reduction", None) is not None:
        return REDUCE_CALL + moved + rows(eqn, j) * REDUCE_ROW
    return SPECIAL_CALL.get(eqn.op.name, CALL) + moved + element_cost(eqn, j, 0)


def kernel_cost(item: KernelStep, j: Jaxpr) -> float:
    """What a kernel costs. A plan adds converted scalars of its own, which weigh nothing."""
    moved = sum([size_of(j, v) for v in (*item.ins, *item.outs) if v in j.avals]) * PER_BYTE
    work = sum([element_cost(eqn, j, 2) for eqn in item.eqns], 0.0)
    return KERNEL_CALL + moved + work + max([rows(eqn, j) for eqn in item.eqns], default=0) * KERNEL_ROW


def compile_cost(code: Code) -> float:
    """Seconds to compile a kernel."""
    heavy = sum([op.name in TRANSCENDENTAL for op in code.ops])
    folds = isinstance(code, Kernel) and bool(code.dependent)
    return PER_KERNEL + PER_OP * len(code.ops) + PER_HEAVY * heavy + PER_FOLD * folds


def size_of(j: Jaxpr, v: int) -> int:
    """Bytes of a variable."""
    a = j.avals.get(v)  # a plan has scalars of its own (converted Python ints)
    return 8 if a is None else a.size * a.dtype.itemsize


def element_cost(eqn: Eqn, j: Jaxpr, column: int) -> float:
    """Seconds that a function of the table takes for all its elements; column 0 for NumPy, 2 for kernels."""
    out = j.avals.get(eqn.outs[0])
    if out is None:  # the copy of a cheap operation that a plan has for one of its readers
        return 0.0
    running = RUNNING.get(eqn.op.name)
    if running is not None or not eqn.ins:
        return 1e-9 * running[column] * out.size if running is not None else 0.0
    return 1e-9 * nanoseconds(eqn.op.name, j.avals.get(eqn.ins[0], out).dtype)[column > 0] * out.size


def nanoseconds(name: str, dtype: np.dtype[Any]) -> tuple[float, float]:
    """What an elementwise operation takes for an element of a dtype beyond reading and writing: NumPy, a kernel."""
    if dtype.kind == "c":
        return COMPLEX.get(name, (0.0, 0.0))
    if dtype.kind in "iu" and name in INTEGER:
        return INTEGER[name]
    known = ELEMENT.get(name, (0.0,) * 4)
    if dtype.name == "float16":
        return known[0] + HALF[0], known[2] + HALF[1]
    return known[dtype.itemsize > 4], known[2 + (dtype.itemsize > 4)]


def worth_a_kernel(name: str, dtype: np.dtype[Any]) -> bool:
    """Whether a kernel computes the operation alone much faster than NumPy."""
    in_numpy, in_kernel = nanoseconds(name, dtype)
    return name in TRANSCENDENTAL or in_numpy > 2 * in_kernel + 2


def rows(eqn: Eqn, j: Jaxpr) -> int:
    """How many results a reduction over the last axis has; 0 for other equations."""
    if getattr(eqn.op, "reduction", None) is None:
        return 0
    axes = getattr(eqn.op, "axes", None) or (getattr(eqn.op, "axis", -1),)
    out = j.avals[eqn.outs[0]]
    last = out.ndim + len(axes) - 1
    return out.size if last in axes or -1 in axes else 0
