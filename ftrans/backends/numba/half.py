"""float16 elements, held in registers as the float32 of the same value: `load`, `rounded`, `store`.

NumPy computes a float16 operation in float32 and rounds: so does `rounded(f, f.let("fadd float ..."))`. LLVM's own type `half` is
not used: without a processor's help it becomes calls of functions that no library of the process has, and LLVM may turn two
roundings, double to float to half, into one such call. Everything here is integer arithmetic that vectorises.
"""

from __future__ import annotations

from .asm import Function, literal

INFINITE = 0x7C00
"""The bits of an infinite float16; above them is nan."""

BIAS = 112 << 23
"""The difference of the two exponents' biases, in place in a float32."""

SUBNORMAL = 2.0**-14
"""float16 below this are multiples of 2**-24."""

LARGE = 65520.0
"""From here on numbers round to infinity."""


def _float(value: float) -> str:
    return literal(value, "float")


def load(f: Function, half: str) -> str:
    """i16 -> float."""
    size = f.let(f"and i16 {half}, 32767")
    bits = f.let(f"shl i32 {f.let(f'zext i16 {size} to i32')}, 13")
    usual = f.let(f"add i32 {bits}, {BIAS}")
    special = f.let(f"icmp uge i16 {size}, {INFINITE}")
    usual = f.let(f"select i1 {special}, i32 {f.let(f'add i32 {usual}, {BIAS}')}, i32 {usual}")
    raised = f.let(f"bitcast i32 {f.let(f'add i32 {bits}, {BIAS + (1 << 23)}')} to float")
    tiny = f.let(f"bitcast float {f.let(f'fsub float {raised}, {_float(SUBNORMAL)}')} to i32")
    is_tiny = f.let(f"icmp ult i16 {size}, {1 << 10}")
    found = f.let(f"select i1 {is_tiny}, i32 {tiny}, i32 {usual}")
    sign = f.let(f"shl i32 {f.let(f'zext i16 {half} to i32')}, 16")
    signed = f.let(f"or i32 {found}, {f.let(f'and i32 {sign}, {-(2**31)}')}")
    return f.let(f"bitcast i32 {signed} to float")


def rounded(f: Function, x: str) -> str:
    """A float to the nearest one that is a float16; ties to even, infinite from LARGE on."""
    bits = f.let(f"bitcast float {x} to i32")
    odd = f.let(f"and i32 {f.let(f'lshr i32 {bits}, 13')}, 1")
    up = f.let(f"add i32 {f.let(f'add i32 {bits}, 4095')}, {odd}")
    usual = f.let(f"bitcast i32 {f.let(f'and i32 {up}, -8192')} to float")
    moved = f.let(f"fsub float {f.let(f'fadd float {x}, {_float(0.75)}')}, {_float(0.75)}")  # one ulp of 0.75 is 2**-24
    tiny = f.intrinsic("copysign", "float", moved, x)
    size = f.intrinsic("fabs", "float", x)
    is_tiny = f.let(f"fcmp olt float {size}, {_float(SUBNORMAL)}")
    usual = f.let(f"select i1 {is_tiny}, float {tiny}, float {usual}")
    is_large = f.let(f"fcmp uge float {size}, {_float(LARGE)}")  # or nan
    large = f.let(f"fmul float {x}, {_float(float('inf'))}")
    return f.let(f"select i1 {is_large}, float {large}, float {usual}")


def store(f: Function, x: str) -> str:
    """A float that is a float16 -> i16."""
    bits = f.let(f"bitcast float {x} to i32")
    size = f.let(f"and i32 {bits}, {2**31 - 1}")
    usual = f.let(f"lshr i32 {f.let(f'sub i32 {size}, {BIAS}')}, 13")
    raised = f.let(f"fadd float {f.let(f'bitcast i32 {size} to float')}, {_float(0.5)}")  # one ulp of 0.5 is 2**-24
    tiny = f.let(f"sub i32 {f.let(f'bitcast float {raised} to i32')}, {126 << 23}")
    is_tiny = f.let(f"icmp ult i32 {size}, {113 << 23}")
    found = f.let(f"select i1 {is_tiny}, i32 {tiny}, i32 {usual}")
    nan = f.let(f"icmp ugt i32 {size}, {255 << 23}")
    is_special = f.let(f"icmp uge i32 {size}, {255 << 23}")
    special = f.let(f"select i1 {nan}, i32 {INFINITE + 512}, i32 {INFINITE}")
    found = f.let(f"select i1 {is_special}, i32 {special}, i32 {found}")
    sign = f.let(f"and i32 {f.let(f'lshr i32 {bits}, 16')}, 32768")
    return f.let(f"trunc i32 {f.let(f'or i32 {found}, {sign}')} to i16")
