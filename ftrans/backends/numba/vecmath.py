"""Elementary functions as vector code, written as LLVM IR.

Each routine takes and gives float64 (or float32) and is right for every input - nan, infinities, signed zeros,
subnormals - to at most 2 ulp (tests/test_vecmath.py measures them against mpmath). The three with a huge-argument
problem, sin, cos and tan, hand arguments beyond HUGE to libm.

`routine(name, type)` has the forms of one. Those of one element and of a vector are compiled once per process, and the
loop of a kernel calls the vector form: so a loop with 200 calls compiles in 30 ms, where inlined it would take a
second. A loop with few of them has them inlined, which makes it up to 20 % faster.

The mathematics is in vecexp.py, veccircle.py, vecerf.py and, for float32, vecsingle.py; this file is the table of routines and
their form as functions.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import NamedTuple

from . import veccircle, vecerf, vecexp, vecsingle
from .asm import Text, literal, short, vector_of
from .real import Real

HUGE = {"double": 2.0**22, "float": 2.0**30}
"""Beyond this sin, cos and tan need more bits of pi than the routines carry."""

EXPONENTIAL = (
    "exp", "exp2", "expm1", "log", "log2", "log10", "log1p", "sinh", "cosh", "tanh", "arcsinh", "arccosh", "arctanh",
    "power", "cbrt", "hypot",
)  # fmt: skip
CIRCULAR = ("sin", "cos", "tan", "arcsin", "arccos", "arctan", "arctan2")

Routine = Callable[..., str]
ROUTINES: dict[str, Routine] = {
    **{name: getattr(vecexp, name) for name in EXPONENTIAL},
    **{name: getattr(veccircle, name) for name in CIRCULAR},
    "erf": vecerf.erf,
    "erfc": vecerf.erfc,
}
"""The functions that have a vector form, by builder name."""

SINGLE: dict[str, Routine] = {name: getattr(vecsingle, name, full) for name, full in ROUTINES.items()}
"""The same for float32: a shorter routine where there is one."""

BINARY = frozenset({"power", "hypot", "arctan2"})
"""Those of two arguments."""

LIMITED = frozenset({"sin", "cos", "tan"})
"""Those whose own mathematics ends at HUGE."""


LANES = 16
"""Elements that the vector form of a routine takes at once."""


class Forms(NamedTuple):
    """A routine as functions that agree bit for bit: of one element, of LANES, and of one element to be inlined.

    inlined: None where the routine has a branch, which no vectorised loop can hold.
    """

    scalar: Text
    vector: Text
    inlined: Text | None
    arity: int
    type: str


@cache
def routine(name: str, type_: str) -> Forms:
    """The routine called `name` on `double` or `float`."""
    inlined = None if name in LIMITED else _function(name, type_, 0, "ft.", "alwaysinline")
    return Forms(_function(name, type_, 0), _function(name, type_, LANES), inlined, 2 if name in BINARY else 1, type_)


def _function(name: str, type_: str, lanes: int, prefix: str = "ftrans.", attributes: str = "memory(none)") -> Text:
    """One form: float32 is computed in double and rounded once; beyond HUGE a LIMITED routine gives libm's value."""
    full = f"{prefix}{name}.{short(vector_of(type_, lanes))}"
    whole, double = vector_of(type_, lanes), vector_of("double", lanes)
    parameters = ["%x", "%y"] if name in BINARY else ["%x"]
    f = Real(whole, full, ", ".join([f"{whole} {x}" for x in parameters]), attributes, lanes)
    single = type_ == "float"
    arguments = [f.let(f"fpext {whole} {x} to {double}") for x in parameters] if single else parameters
    result = (SINGLE if single else ROUTINES)[name](f, *arguments)
    if single:
        result = f.let(f"fptrunc {double} {result} to {whole}")
    if name in LIMITED:
        result = _hand_to_libm(f, name, type_, result)
    f.ret(f"{whole} {result}")
    return full, f.text(), frozenset(f.declares)


def _hand_to_libm(f: Real, name: str, type_: str, result: str) -> str:
    """The result, with C's value in every lane where |x| is beyond HUGE."""
    whole, lanes = vector_of(type_, f.lanes), f.lanes
    size = f.intrinsic("fabs", whole, "%x")
    huge = f.let(f"fcmp ogt {whole} {size}, {f.everywhere(type_, literal(HUGE[type_], type_))}")
    some = f.let(f"icmp ne i{lanes} {f.let(f'bitcast {f.i1} {huge} to i{lanes}')}, 0") if lanes else huge
    function = name + ("f" if type_ == "float" else "")
    kept = f.alloca(whole)
    f.store(whole, result, kept)
    with f.when(some):
        for lane in range(lanes or 1):
            with f.when(f.let(f"extractelement {f.i1} {huge}, i64 {lane}") if lanes else huge):
                x = f.let(f"extractelement {whole} %x, i64 {lane}") if lanes else "%x"
                f.store(type_, f.call(type_, function, f"{type_} {x}"), f.element(type_, kept, lane))
    return f.load(whole, kept)
