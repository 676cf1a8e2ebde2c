"""Elementary functions without branches, written as LLVM IR so that the loop around them is vectorised.

Each routine takes and gives float64 (or float32) and is right for every input - nan, infinities, signed zeros,
subnormals - to at most 2 ulp (tests/test_vecmath.py measures them against mpmath). The three with a huge-argument
problem, sin, cos and tan, are right up to HUGE; the variant `routine(name, type, slow=True)` hands larger arguments
to libm.

The mathematics is in vecexp.py, veccircle.py and, for float32, vecsingle.py; this file is the table of routines and
their form as functions.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

from . import veccircle, vecexp, vecsingle
from .asm import Text, literal
from .real import Real

HUGE = {"double": 2.0**22, "float": 2.0**30}
"""Beyond this sin, cos and tan need more bits of pi than the vector routines carry."""

EXPONENTIAL = (
    "exp", "exp2", "expm1", "log", "log2", "log10", "log1p", "sinh", "cosh", "tanh", "arcsinh", "arccosh", "arctanh",
    "power", "cbrt", "hypot",
)  # fmt: skip
CIRCULAR = ("sin", "cos", "tan", "arcsin", "arccos", "arctan", "arctan2")

Routine = Callable[..., str]
ROUTINES: dict[str, Routine] = {
    **{name: getattr(vecexp, name) for name in EXPONENTIAL},
    **{name: getattr(veccircle, name) for name in CIRCULAR},
}
"""The functions that have a vector form, by builder name."""

SINGLE: dict[str, Routine] = {name: getattr(vecsingle, name, full) for name, full in ROUTINES.items()}
"""The same for float32: a shorter routine where there is one."""

BINARY = frozenset({"power", "hypot", "arctan2"})
"""Those of two arguments."""

LIMITED = frozenset({"sin", "cos", "tan"})
"""Those whose vector form ends at HUGE."""


@cache
def routine(name: str, type_: str, slow: bool = False) -> Text:
    """A routine on `double` or `float`, as a function `ft.<name>`.

    float32 is computed in double and rounded once. The slow variant of a LIMITED routine branches to libm beyond HUGE.
    """
    full = f"ft.{name}.{'f64' if type_ == 'double' else 'f32'}{'.slow' if slow else ''}"
    parameters = ["%x", "%y"] if name in BINARY else ["%x"]
    f = Real(type_, full, ", ".join(f"{type_} {x}" for x in parameters), "noinline" if slow else "alwaysinline")
    if slow:
        _hand_to_libm(f, name, type_)
    arguments = parameters if type_ == "double" else [f.let(f"fpext float {x} to double") for x in parameters]
    result = (ROUTINES if type_ == "double" else SINGLE)[name](f, *arguments)
    f.ret(f"{type_} {result if type_ == 'double' else f.let(f'fptrunc double {result} to float')}")
    return full, f.text(), frozenset(f.declares)


def _hand_to_libm(f: Real, name: str, type_: str) -> None:
    """Return C's value where |x| is beyond HUGE."""
    size = f.intrinsic("fabs", type_, "%x")
    with f.when(f.let(f"fcmp ogt {type_} {size}, {literal(HUGE[type_], type_)}")):
        f.ret(f"{type_} {f.call(type_, name + ('f' if type_ == 'float' else ''), f'{type_} %x')}")
        f.label(f.fresh("unreached"))  # a block to hold the branch that ends every `when`
