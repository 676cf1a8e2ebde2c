"""Elementary functions as vector code, written as LLVM IR.

Each routine takes and gives float64 (or float32) and is right for every input - nan, infinities, signed zeros,
subnormals - to at most 2 ulp (tests/test_vecmath.py measures them against mpmath). Those with a huge-argument problem, sin,
cos, tan and fmod, hand arguments that they have too few bits for to libm.

`routine(name, type)` has the forms of one. Those of one element and of a vector are compiled once per process, and the
loop of a kernel calls the vector form: so a loop with 200 calls compiles in 30 ms, where inlined it would take a
second. A loop with few of them has them inlined, which makes it up to 20 % faster.

The mathematics of float64 is in the files of MODULES, that of float32 in vecsingle.py and vecshort.py; this file is the
table of routines and their form as functions.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, NamedTuple

from . import engine, veccircle, vecerf, vecexp, veclog, veclogistic, vecpower, vecshort, vecsingle
from .asm import Text, short, vector_of
from .real import INF, LIBM, Real

HUGE = {"double": 2.0**22, "float": 2.0**30}
"""Beyond this sin, cos and tan need more bits of pi than the routines carry."""

LARGE = 2.0**16
"""Beyond this sin and cos of float32 are computed in double."""

HUGE_QUOTIENT = 2.0**52
"""Beyond this fmod would need several divisions."""

MODULES: dict[Any, str] = {
    vecexp: "exp exp2 expm1 sinh cosh tanh",
    veclog: "log log2 log10 log1p arcsinh arccosh arctanh",
    veclogistic: "expit log1pexp logaddexp logaddexp2",
    vecpower: "power cbrt hypot fmod",
    veccircle: "sin cos tan arcsin arccos arctan arctan2",
    vecerf: "erf erfc",
}
"""Where the functions on doubles are, by builder name."""

Routine = Callable[..., str]
ROUTINES: dict[str, Routine] = {name: getattr(module, name) for module, names in MODULES.items() for name in names.split()}
"""The functions that have a vector form: for float64."""

SINGLE: dict[str, Routine] = {name: getattr(vecsingle, name) for name in vecsingle.__all__}
"""Those for float32 in single precision."""

SHORT: dict[str, Routine] = {name: getattr(vecshort, name, full) for name, full in ROUTINES.items()}
"""Those for float32 in double precision: a shorter routine where there is one."""

BINARY = frozenset({"power", "hypot", "arctan2", "logaddexp", "logaddexp2", "fmod"})
"""Those of two arguments."""

LIMITED = LIBM
"""Those whose own mathematics ends at HUGE or HUGE_QUOTIENT; beyond, they are C's."""

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
def scales() -> bool:
    """Whether this processor multiplies by powers of two in one instruction (AVX-512's vscalef): LLVM's ldexp is that there."""
    return bool(engine.toolkit().get_host_cpu_features().get("avx512f", False))


@cache
def routine(name: str, type_: str) -> Forms:
    """The routine called `name` on `double` or `float`."""
    inlined = None if name in LIMITED else _function(name, type_, 0, "ft.", "alwaysinline")
    return Forms(_function(name, type_, 0), _function(name, type_, LANES), inlined, 2 if name in BINARY else 1, type_)


def _function(name: str, type_: str, lanes: int, prefix: str = "ftrans.", attributes: str = "memory(none)") -> Text:
    """One form. What is computed in a shorter way for arguments up to a limit is completed by `_beyond`."""
    full = f"{prefix}{name}.{short(vector_of(type_, lanes))}"
    whole = vector_of(type_, lanes)
    parameters = ["%x", "%y"] if name in BINARY else ["%x"]
    f = Real(whole, full, ", ".join([f"{whole} {x}" for x in parameters]), attributes, lanes, type_, scales())
    if type_ == "double":
        result = ROUTINES[name](f, *parameters)
    elif name in SINGLE:
        result = SINGLE[name](f, *parameters)
    else:
        result = _in_double(f, name, parameters)
    if name in LIMITED:
        result = _beyond(f, name, type_, parameters, result)
    f.ret(f"{whole} {result}")
    return full, f.text(), frozenset(f.declares)


def _in_double(f: Real, name: str, parameters: Sequence[str]) -> str:
    """float32 computed in double and rounded once."""
    return f.narrowed(SHORT[name](f, *f.widened(parameters)))


def _beyond(f: Real, name: str, type_: str, parameters: Sequence[str], result: str) -> str:
    """The result, computed anew in double where float32 has too few bits for it, then by C where a double has."""
    kept = f.alloca(f.number)
    f.store(f.number, result, kept)
    if type_ == "float" and name in SINGLE:
        large = f.compare("ogt", f.absolute("%x"), f.const(LARGE))
        with f.when(_some(f, large)):
            f.store(f.number, f.select(large, _in_double(f, name, parameters), result), kept)
    huge = _huge_quotient(f) if name == "fmod" else f.compare("ogt", f.absolute("%x"), f.const(HUGE[type_]))
    function = name + ("f" if type_ == "float" else "")
    with f.when(_some(f, huge)):
        for lane in range(f.lanes or 1):
            with f.when(f.let(f"extractelement {f.i1} {huge}, i64 {lane}") if f.lanes else huge):
                each = [f.let(f"extractelement {f.number} {x}, i64 {lane}") if f.lanes else x for x in parameters]
                f.store(type_, f.call(type_, function, *[f"{type_} {x}" for x in each]), f.element(type_, kept, lane))
    return f.load(f.number, kept)


def _huge_quotient(f: Real) -> str:
    """Where %x / %y is beyond HUGE_QUOTIENT, %x is finite and %y not 0."""
    size, unit = f.absolute("%x"), f.absolute("%y")
    sensible = f.both(f.compare("olt", size, f.const(INF)), f.compare("ogt", unit, f.const(0.0)))
    return f.both(f.compare("ogt", f.div(size, unit), f.const(HUGE_QUOTIENT)), sensible)


def _some(f: Real, condition: str) -> str:
    """Whether a condition holds in any lane."""
    if not f.lanes:
        return condition
    return f.let(f"icmp ne i{f.lanes} {f.let(f'bitcast {f.i1} {condition} to i{f.lanes}')}, 0")
