"""What each builder operation is in LLVM IR, for each kind of dtype: one element in registers, no branches.

`RULES[name, kind]` writes the operation for values of a kind: "f" float, "i" signed, "u" unsigned integer, "b" bool, "c" complex.
A float16 is computed in float32 and rounded after every operation, as NumPy does it.
Floating-point + - * / sqrt and comparisons are single IEEE instructions without fast-math flags, so they give NumPy's
bits. Functions without a rule are looked up among the vector routines.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ...lowering.builder import PART, PREDICATES, Builder
from ...lowering.loops import ITEMSIZE
from . import opscomplex, powers, vecmath
from .asm import REGISTER, Function, Val, literal, round_float16
from .conversion import KINDS, cast, convert
from .real import INF, NAN

COST = {"routine": 15, "division": 5}
"""Rough cost of one element in tenths of a nanosecond, where it is not 1. It decides when the GIL is released."""


class IRBuilder(Builder[Val]):
    """Writes operations into a function; `routines` collects which it calls, inlined or to be called by vectors."""

    def __init__(self, function: Function, inline: bool) -> None:
        self.f = function
        self.inline = inline
        self.routines: list[vecmath.Forms] = []
        self.cost = 0

    def apply(self, name: str, *args: Val) -> Val:
        dtype = args[0].dtype
        if any(x.dtype != dtype for x in args):
            raise TypeError(f"{name} of {', '.join(x.dtype for x in args)}: convert to one dtype first")
        if dtype == "float16":
            return self._half(name, *args)
        rule = RULES.get((name, KINDS[dtype]))
        self.cost += COST["division"] if name in ("divide", "sqrt", "reciprocal") else 1
        return rule(self, *args) if rule else self._function(name, *args)

    def _half(self, name: str, *args: Val) -> Val:
        """An operation on float16."""
        result = self.apply(name, *[Val(x.name, "float32") for x in args])
        if name in PREDICATES:
            return result
        return Val(result.name, "float16") if name in EXACT else self.convert(result, "float16")

    def _function(self, name: str, *args: Val) -> Val:
        """A call of a vector routine."""
        dtype = args[0].dtype
        type_ = REGISTER[dtype]
        if KINDS[dtype] != "f":
            raise TypeError(f"kernels have no {name} of {dtype}: convert to float64 first")
        if name not in vecmath.ROUTINES:
            raise TypeError(f"kernels have no operation {name}")
        self.cost += COST["routine"]
        forms = vecmath.routine(name, type_)
        self.routines.append(forms)
        values = ", ".join(f"{type_} {x.name}" for x in args)
        if self.inline:
            assert forms.inlined is not None, f"{name} cannot be inlined"
            return Val(self.f.let(f"call {type_} @{forms.inlined[0]}({values})"), dtype)
        variant = f"_ZGV_LLVM_N{vecmath.LANES}{'v' * len(args)}_{forms.scalar[0]}({forms.vector[0]})"
        promise = f'nounwind willreturn memory(none) "vector-function-abi-variant"="{variant}"'
        return Val(self.f.let(f"call {type_} @{forms.scalar[0]}({values}) {promise}"), dtype)

    def where(self, condition: Val, x: Val, y: Val) -> Val:
        return self.select(condition.name, x, y)

    def constant(self, value: Any, dtype: str) -> Val:
        type_ = REGISTER[dtype]
        if dtype in PART:
            return Val(literal(complex(value).real, type_), dtype, literal(complex(value).imag, type_))
        return Val(literal(round_float16(value) if dtype == "float16" else value, type_), dtype)

    def ipow(self, x: Val, n: int) -> Val:
        if x.dtype == "float16":  # rounded once
            return self.convert(self.ipow(Val(x.name, "float32"), n), x.dtype)
        return powers.integer_power(self, x, n) if KINDS[x.dtype] == "f" else super().ipow(x, n)

    def convert(self, x: Val, dtype: str) -> Val:
        return convert(self, x, dtype)

    # What rules are written with.

    def two(self, instruction: str, x: Val, y: Val) -> Val:
        """A two-operand instruction on values of one type."""
        return Val(self.f.let(f"{instruction} {REGISTER[x.dtype]} {x.name}, {y.name}"), x.dtype)

    def compare(self, predicate: str, x: Val, y: Val) -> Val:
        """An `fcmp` or `icmp` instruction; predicate includes that word."""
        return Val(self.two(predicate, x, y).name, "bool")

    def select(self, condition: str, x: Val, y: Val) -> Val:
        type_ = REGISTER[x.dtype]
        chosen = self.f.let(f"select i1 {condition}, {type_} {x.name}, {type_} {y.name}")
        imag = self.f.let(f"select i1 {condition}, {type_} {x.imag}, {type_} {y.imag}") if x.dtype in PART else ""
        return Val(chosen, x.dtype, imag)

    def intrinsic(self, name: str, *args: Val) -> Val:
        return Val(self.f.intrinsic(name, REGISTER[args[0].dtype], *[x.name for x in args]), args[0].dtype)

    def like(self, value: float | int, x: Val) -> Val:
        """A constant of x's dtype."""
        return self.constant(value, x.dtype)

    def both(self, x: Val, y: Val) -> Val:
        return self.two("and", x, y)

    def either(self, x: Val, y: Val) -> Val:
        return self.two("or", x, y)


EXACT = frozenset(
    ["negative", "absolute", "sign", "maximum", "minimum", "fmax", "fmin", "copysign", "floor", "ceil", "trunc", "rint"]
)
"""Operations whose result is a float16 without being rounded, if their operands are."""

Rule = Callable[..., Val]
RULES: dict[tuple[str, str], Rule] = {(name, "c"): write for name, write in opscomplex.RULES.items()}


def rule(names: str, kinds: str) -> Callable[[Rule], Rule]:
    """Register a rule for several operations and kinds."""

    def register(function: Rule) -> Rule:
        RULES.update({(name, kind): function for name in names.split() for kind in kinds})
        return function

    return register


# ---- single instructions ---------------------------------------------------------------------------------------------


def _register_instructions() -> None:
    """Operations that are one instruction: `RULES` entries made from tables."""
    two = {
        "f": "add fadd subtract fsub multiply fmul divide fdiv",
        "i": "add add subtract sub multiply mul bitwise_and and bitwise_or or bitwise_xor xor",
        "u": "add add subtract sub multiply mul bitwise_and and bitwise_or or bitwise_xor xor",
        "b": "add or multiply and bitwise_and and bitwise_or or bitwise_xor xor logical_and and logical_or or "
        "logical_xor xor maximum or minimum and fmax or fmin and",
    }
    for kind, table in two.items():
        words = table.split()
        for name, instruction in zip(words[::2], words[1::2], strict=True):
            RULES[name, kind] = lambda b, x, y, instruction=instruction: b.two(instruction, x, y)
    compare = {
        "f": "equal oeq not_equal une less olt less_equal ole greater ogt greater_equal oge",
        "i": "equal eq not_equal ne less slt less_equal sle greater sgt greater_equal sge",
        "u": "equal eq not_equal ne less ult less_equal ule greater ugt greater_equal uge",
    }
    compare["b"] = compare["u"]
    for kind, table in compare.items():
        words, word = table.split(), "fcmp " if kind == "f" else "icmp "
        for name, predicate in zip(words[::2], words[1::2], strict=True):
            RULES[name, kind] = lambda b, x, y, predicate=word + predicate: b.compare(predicate, x, y)
    unary = {"absolute": "fabs", "sqrt": "sqrt", "floor": "floor", "ceil": "ceil", "trunc": "trunc", "rint": "rint"}
    for name, intrinsic in unary.items():
        RULES[name, "f"] = lambda b, x, intrinsic=intrinsic: b.intrinsic(intrinsic, x)


_register_instructions()


# ---- rules for every number ------------------------------------------------------------------------------------------


@rule("square", "fiub")
def _square(b: IRBuilder, x: Val) -> Val:
    return b.multiply(x, x)


@rule("reciprocal", "f")
def _reciprocal(b: IRBuilder, x: Val) -> Val:
    return b.divide(b.like(1, x), x)


def _logical(name: str) -> Rule:
    return lambda b, x, y: b.apply(name, b.convert(x, "bool"), b.convert(y, "bool"))


for _name in ("logical_and", "logical_or", "logical_xor"):
    RULES.update({(_name, kind): _logical(_name) for kind in "fiu"})


@rule("logical_not", "fiub")
def _logical_not(b: IRBuilder, x: Val) -> Val:
    return Val(b.f.let(f"xor i1 {b.convert(x, 'bool').name}, true"), "bool")


@rule("sign", "fiu")
def _sign(b: IRBuilder, x: Val) -> Val:
    zero = b.like(0, x)
    unless_positive = x if KINDS[x.dtype] == "f" else zero
    unless_positive = b.where(b.equal(x, zero), zero, unless_positive)
    if KINDS[x.dtype] != "u":
        unless_positive = b.where(b.less(x, zero), b.like(-1, x), unless_positive)
    return b.where(b.greater(x, zero), b.like(1, x), unless_positive)


# ---- floats ----------------------------------------------------------------------------------------------------------


@rule("negative", "f")
def _negative(b: IRBuilder, x: Val) -> Val:
    return Val(b.f.let(f"fneg {REGISTER[x.dtype]} {x.name}"), x.dtype)


@rule("fma", "f")
def _fma(b: IRBuilder, x: Val, y: Val, z: Val) -> Val:
    return b.intrinsic("fma", x, y, z)


@rule("complex", "f")
def _complex(b: IRBuilder, x: Val, y: Val) -> Val:
    return opscomplex.whole(x, y)


@rule("conjugate", "iufb")
def _conjugate(b: IRBuilder, x: Val) -> Val:
    return x


@rule("copysign", "f")
def _copysign(b: IRBuilder, x: Val, y: Val) -> Val:
    return b.intrinsic("copysign", x, y)


@rule("isnan", "f")
def _isnan(b: IRBuilder, x: Val) -> Val:
    return b.compare("fcmp uno", x, b.like(0, x))


@rule("isinf", "f")
def _isinf(b: IRBuilder, x: Val) -> Val:
    return b.equal(b.absolute(x), b.like(INF, x))


@rule("isfinite", "f")
def _isfinite(b: IRBuilder, x: Val) -> Val:
    return b.less(b.absolute(x), b.like(INF, x))


@rule("signbit", "f")
def _signbit(b: IRBuilder, x: Val) -> Val:
    bits = "i64" if x.dtype == "float64" else "i32"
    pattern = b.f.let(f"bitcast {REGISTER[x.dtype]} {x.name} to {bits}")
    return Val(b.f.let(f"icmp slt {bits} {pattern}, 0"), "bool")


def _extremum(predicate: str, nan_of: int) -> Rule:
    """x where it wins or where operand `nan_of` is nan, else y."""

    def write(b: IRBuilder, x: Val, y: Val) -> Val:
        return b.where(b.either(b.compare(predicate, x, y), b.isnan((x, y)[nan_of])), x, y)

    return write


RULES["maximum", "f"], RULES["minimum", "f"] = _extremum("fcmp oge", 0), _extremum("fcmp ole", 0)
RULES["fmax", "f"], RULES["fmin", "f"] = _extremum("fcmp oge", 1), _extremum("fcmp ole", 1)


def _divmod(b: IRBuilder, x: Val, y: Val) -> tuple[Val, Val]:
    """(x - remainder)/y before rounding, and the remainder with the divisor's sign, as NumPy's npy_divmod has them."""
    zero = b.like(0, x)
    rest = b.fmod(x, y)
    quotient = b.divide(b.subtract(x, rest), y)
    other_sign = b.apply("not_equal", b.less(y, zero), b.less(rest, zero))
    wrong = b.both(b.not_equal(rest, zero), other_sign)
    quotient = b.where(wrong, b.subtract(quotient, b.like(1, x)), quotient)
    rest = b.where(wrong, b.add(rest, y), rest)
    return quotient, b.where(b.equal(rest, zero), b.copysign(zero, y), rest)


@rule("remainder", "f")
def _remainder(b: IRBuilder, x: Val, y: Val) -> Val:
    return b.where(b.equal(y, b.like(0, y)), b.like(NAN, x), _divmod(b, x, y)[1])


@rule("floor_divide", "f")
def _floor_divide(b: IRBuilder, x: Val, y: Val) -> Val:
    zero = b.like(0, x)
    ratio, quotient = b.divide(x, y), _divmod(b, x, y)[0]
    floored = b.floor(quotient)
    up = b.greater(b.subtract(quotient, floored), b.like(0.5, x))
    floored = b.where(up, b.add(floored, b.like(1, x)), floored)
    floored = b.where(b.equal(quotient, zero), b.copysign(zero, ratio), floored)
    return b.where(b.equal(y, zero), ratio, floored)


# ---- integers and bool -----------------------------------------------------------------------------------------------


@rule("negative", "iu")
def _negative_int(b: IRBuilder, x: Val) -> Val:
    return b.subtract(b.like(0, x), x)


@rule("absolute", "i")
def _absolute_int(b: IRBuilder, x: Val) -> Val:
    return b.where(b.less(x, b.like(0, x)), b.negative(x), x)


@rule("absolute floor ceil trunc rint", "ub")
@rule("floor ceil trunc rint", "i")
def _same(b: IRBuilder, x: Val) -> Val:
    return x


@rule("maximum fmax", "iu")
def _maximum_int(b: IRBuilder, x: Val, y: Val) -> Val:
    return b.where(b.greater(x, y), x, y)


@rule("minimum fmin", "iu")
def _minimum_int(b: IRBuilder, x: Val, y: Val) -> Val:
    return b.where(b.less(x, y), x, y)


@rule("isnan isinf", "iub")
def _never(b: IRBuilder, x: Val) -> Val:
    return b.constant(False, "bool")


@rule("isfinite", "iub")
def _always(b: IRBuilder, x: Val) -> Val:
    return b.constant(True, "bool")


@rule("bitwise_count", "iu")
def _bitwise_count(b: IRBuilder, x: Val) -> Val:
    return b.convert(b.intrinsic("ctpop", b.absolute(x)), "uint8")


@rule("invert", "iub")
def _invert(b: IRBuilder, x: Val) -> Val:
    return b.two("xor", x, b.like(True if x.dtype == "bool" else -1, x))


def _safe_divisor(b: IRBuilder, x: Val, y: Val) -> Val:
    """y, or 1 where the division instruction would trap: zero, and the smallest integer by -1."""
    bad = b.equal(y, b.like(0, y))
    if KINDS[x.dtype] == "i":
        least = b.like(-(2 ** (8 * ITEMSIZE[x.dtype] - 1)), x)
        bad = b.either(bad, b.both(b.equal(x, least), b.equal(y, b.like(-1, y))))
    return b.where(bad, b.like(1, y), y)


def _quotient(b: IRBuilder, x: Val, y: Val) -> Val:
    """About x/y: towards zero, if it has at most 32 bits or no sign, else with an error of some thousand.

    By a floating-point division where it can be, which is a vector instruction and 4 times as quick as one of integers. Of at most
    32 bits it is exact: a quotient that is no integer is farther from the next one than the rounding error.
    """
    signed, size = KINDS[x.dtype] == "i", ITEMSIZE[x.dtype]
    if size == 8 and not signed:
        return b.two("udiv", x, y)
    real = "float32" if size < 4 else "float64"
    quotient = b.divide(b.convert(x, real), b.convert(y, real))
    if size == 8:
        quotient = b.fmin(quotient, b.like(2.0**63 - 1024, quotient))
    return cast(b, quotient, "fptosi" if signed else "fptoui", x.dtype)


def _floored(b: IRBuilder, x: Val, y: Val) -> tuple[Val, Val]:
    """The quotient towards minus infinity and the remainder, which has the divisor's sign."""
    zero, one = b.like(0, x), b.like(1, x)
    quotient = _quotient(b, x, y)
    rest = b.subtract(x, b.multiply(quotient, y))
    if KINDS[x.dtype] == "u":
        return quotient, rest
    if ITEMSIZE[x.dtype] == 8:  # once more, for what is left of the error
        more = _quotient(b, rest, y)
        quotient, rest = b.add(quotient, more), b.subtract(rest, b.multiply(more, y))
    wrong = b.both(b.not_equal(rest, zero), b.less(b.bitwise_xor(rest, y), zero))
    quotient, rest = b.where(wrong, b.subtract(quotient, one), quotient), b.where(wrong, b.add(rest, y), rest)
    if ITEMSIZE[x.dtype] == 8:
        whole = b.equal(rest, y)
        quotient, rest = b.where(whole, b.add(quotient, one), quotient), b.where(whole, zero, rest)
    return quotient, rest


def _int_division(name: str) -> Rule:
    def write(b: IRBuilder, x: Val, y: Val) -> Val:
        zero, divisor = b.like(0, x), _safe_divisor(b, x, y)
        quotient, rest = _floored(b, x, divisor)
        if name == "fmod" and KINDS[x.dtype] == "i":
            wrong = b.both(b.not_equal(rest, zero), b.less(b.bitwise_xor(rest, x), zero))
            rest = b.where(wrong, b.subtract(rest, divisor), rest)
        return b.where(b.equal(y, zero), zero, quotient if name == "floor_divide" else rest)

    return write


for _name in ("floor_divide", "remainder", "fmod"):
    RULES.update({(_name, kind): _int_division(_name) for kind in "iu"})


@rule("left_shift", "iu")
def _left_shift(b: IRBuilder, x: Val, y: Val) -> Val:
    inside = b.compare("icmp ult", y, b.like(8 * ITEMSIZE[x.dtype], y))
    return b.where(inside, b.two("shl", x, y), b.like(0, x))


@rule("right_shift", "iu")
def _right_shift(b: IRBuilder, x: Val, y: Val) -> Val:
    bits = 8 * ITEMSIZE[x.dtype]
    inside = b.compare("icmp ult", y, b.like(bits, y))
    if KINDS[x.dtype] == "u":
        return b.where(inside, b.two("lshr", x, y), b.like(0, x))
    return b.two("ashr", x, b.where(inside, y, b.like(bits - 1, y)))


@rule("power", "iu")
def _power_int(b: IRBuilder, x: Val, y: Val) -> Val:
    """Repeated squaring over all bits of y; NumPy refuses a negative y, so the caller must."""
    result, square = b.like(1, x), x
    for bit in range(8 * ITEMSIZE[x.dtype]):
        odd = b.not_equal(b.bitwise_and(y, b.like(1 << bit, y)), b.like(0, y))
        result = b.where(odd, b.multiply(result, square), result)
        square = b.multiply(square, square)
    return result
