"""Convert elements from dtype to dtype in registers, as ndarray.astype does it: `convert(b, x, dtype)`.

Outside of an integer type's range the conversion of a float is what C compilers for x86 make of it, which NumPy has too.
"""

from __future__ import annotations

from typing import Any

from ...lowering.builder import PART
from ...lowering.loops import ITEMSIZE
from . import half, opscomplex
from .asm import REGISTER, Val

KINDS = {dtype: dtype[0] for dtype in ITEMSIZE}
"""b, u, i, f or c, by dtype."""


def convert(b: Any, x: Val, dtype: str) -> Val:
    """x as another dtype: C's conversions, as ndarray.astype does them; anything but zero is True."""
    if x.dtype == dtype:
        return x
    if x.dtype in PART or dtype in PART:
        return _convert_complex(b, x, dtype)
    if x.dtype == "float16":  # it is a float32
        return Val(x.name, dtype) if dtype == "float32" else convert(b, Val(x.name, "float32"), dtype)
    if dtype == "float16":
        return _to_half(b, x)
    source, target = KINDS[x.dtype], KINDS[dtype]
    if target == "b":
        return b.not_equal(x, b.like(0, x))
    if source == target == "f":
        return cast(b, x, "fpext" if dtype == "float64" else "fptrunc", dtype)
    if source == "f":
        return _float_to_int(b, x, dtype)
    if target == "f":
        return cast(b, x, "sitofp" if source == "i" else "uitofp", dtype)
    wider = source == "b" or ITEMSIZE[dtype] > ITEMSIZE[x.dtype]
    if not wider:
        return Val(x.name, dtype) if ITEMSIZE[dtype] == ITEMSIZE[x.dtype] else cast(b, x, "trunc", dtype)
    return cast(b, x, "sext" if source == "i" else "zext", dtype)


def cast(b: Any, x: Val, instruction: str, dtype: str) -> Val:
    """One conversion instruction."""
    return Val(b.f.let(f"{instruction} {REGISTER[x.dtype]} {x.name} to {REGISTER[dtype]}"), dtype)


def _convert_complex(b: Any, x: Val, dtype: str) -> Val:
    """To or from complex: of a complex value everything but bool and complex takes the real part."""
    if x.dtype not in PART:
        return opscomplex.whole(convert(b, x, PART[dtype]), b.constant(0, PART[dtype]))
    re, im = opscomplex.parts(x)
    if dtype in PART:
        return opscomplex.whole(convert(b, re, PART[dtype]), convert(b, im, PART[dtype]))
    return b.either(convert(b, re, dtype), convert(b, im, dtype)) if dtype == "bool" else convert(b, re, dtype)


def _to_half(b: Any, x: Val) -> Val:
    """Rounded to float16, once: a double first becomes an odd float32, of which no tie can come (Boldo, Melquiond 2008)."""
    single = convert(b, x, "float32")
    if x.dtype == "float64":
        f, back = b.f, convert(b, single, "float64")
        bits = f.let(f"bitcast float {single.name} to i32")
        away = f.let(f"zext i1 {b.greater(b.absolute(back), b.absolute(x)).name} to i32")
        shorter = f.let(f"sub i32 {bits}, {away}")
        odd = f.let(f"bitcast i32 {f.let(f'or i32 {shorter}, 1')} to float")
        inexact = b.compare("fcmp one", back, x)
        single = b.where(inexact, Val(odd, "float32"), single)
    return Val(half.rounded(b.f, single.name), "float16")


def _float_to_int(b: Any, x: Val, dtype: str) -> Val:
    """Towards zero. Outside the range C leaves the result open; a wider type gives what C compilers mostly do."""
    if dtype == "uint64":  # negative numbers wrap
        low, limit = convert(b, x, "int64"), b.like(2.0**63, x)
        high = b.bitwise_xor(convert(b, b.subtract(x, limit), "int64"), b.constant(-(2**63), "int64"))
        result = b.where(b.less(x, limit), low, high)
    else:
        size = ITEMSIZE[dtype]
        wide = "int64" if size == 8 or dtype == "uint32" else "int32"
        result = cast(b, x, "fptosi", wide)
    frozen = Val(b.f.let(f"freeze {REGISTER[result.dtype]} {result.name}"), result.dtype)
    return convert(b, frozen, dtype)
