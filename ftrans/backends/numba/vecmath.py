"""Elementary functions without branches, written as LLVM IR so that the loop around them is vectorised.

Each routine takes and gives float64 (or float32) and is right for every input - nan, infinities, signed zeros,
subnormals - to at most 2 ulp (tests/test_vecmath.py measures them against mpmath). The three with a huge-argument problem,
sin, cos and tan, are right up to HUGE; the variant `routine(name, type, slow=True)` hands larger arguments to libm.

The mathematics is in vecexp.py and veccircle.py; this file is the table of routines and their form as functions.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

from ftrans.backends.numba import veccircle, vecexp
from ftrans.backends.numba.asm import Text, literal
from ftrans.backends.numba.real import Real

HUGE = 2.0**22
"""Beyond this sin, cos and tan need more bits of pi than the vector routines carry."""

EXPONENTIAL = ["exp", "exp2", "expm1", "log", "log2", "log10", "log1p", "sinh", "cosh", "tanh", "arcsinh", "arccosh", "arctanh", "power", "cbrt", "hypot"]
CIRCULAR = ["sin", "cos", "tan", "arcsin", "arccos", "arctan", "arctan2"]

ROUTINES: dict[str, Callable[..., str]] = {
    **{name: getattr(vecexp, name) for name in EXPONENTIAL},
    **{name: getattr(veccircle, name) for name in CIRCULAR},
}
"""The functions that have a vector form, by builder name."""

BINARY = frozenset({"power", "hypot", "arctan2"})
"""Those of two arguments."""

LIMITED = frozenset({"sin", "cos", "tan"})
"""Those whose vector form ends at HUGE."""


@cache
def routine(name: str, type_: str, slow: bool = False) -> Text:
    """A routine on `double` or `float`, as a function `ft.<name>`.

    float32 is computed in float64 and rounded once. The slow variant of a LIMITED routine branches to libm beyond HUGE.
    """
    full = f"ft.{name}.{'f64' if type_ == 'double' else 'f32'}{'.slow' if slow else ''}"
    parameters = ["%x", "%y"] if name in BINARY else ["%x"]
    f = Real(type_, full, ", ".join(f"{type_} {x}" for x in parameters), "noinline" if slow else "alwaysinline")
    if slow:
        _hand_to_libm(f, name, type_)
    arguments = parameters if type_ == "double" else [f.let(f"fpext float {x} to double") for x in parameters]
    result = ROUTINES[name](f, *arguments)
    f.ret(f"{type_} {result if type_ == 'double' else f.let(f'fptrunc double {result} to float')}")
    return full, f.text(), frozenset(f.declares)


def _hand_to_libm(f: Real, name: str, type_: str) -> None:
    """Return C's value where |x| is beyond HUGE."""
    size = f.intrinsic("fabs", type_, "%x")
    with f.when(f.let(f"fcmp ogt {type_} {size}, {literal(HUGE, type_)}")):
        f.ret(f"{type_} {f.call(type_, name + ('f' if type_ == 'float' else ''), f'{type_} %x')}")
        f.label(f.fresh("unreached"))  # a block to hold the branch that ends every `when`
