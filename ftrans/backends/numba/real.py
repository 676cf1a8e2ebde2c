"""Write floating-point arithmetic by name: `Real` is a function of doubles or of floats under construction.

f = Real("double", "ft.twice", "double %x")
f.ret(f"double {f.add('%x', '%x')}")
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from .asm import Function, literal, short, vector_of

INF, NAN = float("inf"), float("nan")


class Format(NamedTuple):
    """A floating-point type as bits: its name, that of the integer of its size, bits of the fraction, bias of the exponent."""

    name: str
    integer: str
    fraction: int
    bias: int

    @property
    def magic(self) -> float:
        """1.5 * 2**fraction: adding it rounds a number below 2**(fraction-1) to an integer, left in the low bits of the sum."""
        return 1.5 * 2.0**self.fraction

    @property
    def magic_bits(self) -> int:
        """The bits of `magic`, as an integer."""
        return (self.bias + self.fraction << self.fraction) + (1 << self.fraction - 1)

    @property
    def tiny(self) -> float:
        """The smallest normal number."""
        return 2.0 ** (1 - self.bias)


FORMATS = {"double": Format("double", "i64", 52, 1023), "float": Format("float", "i32", 23, 127)}
"""The formats of `Real`."""

LIBM = frozenset({"sin", "cos", "tan", "fmod"})
"""The functions of C (float32's have an f behind their names) that kernels may call, for arguments no routine has the bits for."""

MAGIC = FORMATS["double"].magic


class Real(Function):
    """A function under construction, with arithmetic by name on numbers of one format.

    lanes: 0 for one number; else every value is a vector of so many, and every operation works lane by lane. A routine
    written with these methods has both forms, and they agree bit for bit.
    scales: whether llvm.ldexp is an instruction here (AVX-512), which is a quarter of the work; the bits are the same.
    """

    def __init__(
        self,
        returns: str,
        name: str,
        parameters: str,
        attributes: str = "",
        lanes: int = 0,
        format: str = "double",
        scales: bool = False,
    ) -> None:
        super().__init__(returns, name, parameters, attributes)
        self.lanes, self.scales = lanes, scales
        self.use(format)

    def use(self, format: str) -> None:
        """From here on, operations are on numbers of this format: `double` or `float`."""
        self.format = FORMATS[format]
        self.number, self.whole, self.i1 = [vector_of(t, self.lanes) for t in (format, self.format.integer, "i1")]

    def widened(self, values: Sequence[str]) -> list[str]:
        """Floats as doubles, on which operations are from here on."""
        double = vector_of("double", self.lanes)
        wide = [self.let(f"fpext {self.number} {x} to {double}") for x in values]
        self.use("double")
        return wide

    def narrowed(self, x: str) -> str:
        """A double rounded to a float; operations are on floats from here on."""
        double = self.number
        self.use("float")
        return self.let(f"fptrunc {double} {x} to {self.number}")

    def const(self, value: float) -> str:
        return self.everywhere(self.format.name, literal(value, self.format.name))

    def everywhere(self, type_: str, constant: str) -> str:
        """A constant, in every lane."""
        return f"splat ({type_} {constant})" if self.lanes else constant

    def add(self, x: str, y: str) -> str:
        return self.let(f"fadd {self.number} {x}, {y}")

    def sub(self, x: str, y: str) -> str:
        return self.let(f"fsub {self.number} {x}, {y}")

    def mul(self, x: str, y: str) -> str:
        return self.let(f"fmul {self.number} {x}, {y}")

    def div(self, x: str, y: str) -> str:
        return self.let(f"fdiv {self.number} {x}, {y}")

    def neg(self, x: str) -> str:
        return self.let(f"fneg {self.number} {x}")

    def fma(self, x: str, y: str, z: str) -> str:
        """x*y + z, rounded once."""
        return self.intrinsic("fma", self.number, x, y, z)

    def absolute(self, x: str) -> str:
        return self.intrinsic("fabs", self.number, x)

    def sqrt(self, x: str) -> str:
        return self.intrinsic("sqrt", self.number, x)

    def trunc(self, x: str) -> str:
        return self.intrinsic("trunc", self.number, x)

    def copysign(self, x: str, sign: str) -> str:
        return self.intrinsic("copysign", self.number, x, sign)

    def compare(self, predicate: str, x: str, y: str) -> str:
        return self.let(f"fcmp {predicate} {self.number} {x}, {y}")

    def select(self, condition: str, x: str, y: str) -> str:
        return self.let(f"select {self.i1} {condition}, {self.number} {x}, {self.number} {y}")

    def both(self, x: str, y: str) -> str:
        return self.let(f"and {self.i1} {x}, {y}")

    def either(self, x: str, y: str) -> str:
        return self.let(f"or {self.i1} {x}, {y}")

    def differ(self, x: str, y: str) -> str:
        return self.let(f"xor {self.i1} {x}, {y}")

    def opposite(self, x: str) -> str:
        return self.differ(x, self.everywhere("i1", "true"))

    def bits(self, x: str) -> str:
        return self.let(f"bitcast {self.number} {x} to {self.whole}")

    def from_bits(self, i: str) -> str:
        return self.let(f"bitcast {self.whole} {i} to {self.number}")

    def integer(self, operation: str, i: str | int, j: str | int) -> str:
        """An integer instruction; Python ints are constants."""
        i, j = [self.everywhere(self.format.integer, str(k)) if isinstance(k, int) else k for k in (i, j)]
        return self.let(f"{operation} {self.whole} {i}, {j}")

    def choose(self, condition: str, i: int, j: int) -> str:
        """One of two integers."""
        first, second = [self.everywhere(self.format.integer, str(k)) for k in (i, j)]
        return self.let(f"select {self.i1} {condition}, {self.whole} {first}, {self.whole} {second}")

    def horner(self, x: str, coefficients: Sequence[float]) -> str:
        """The polynomial with these coefficients, highest power first."""
        result = self.const(coefficients[0])
        for coefficient in coefficients[1:]:
            result = self.fma(result, x, self.const(coefficient))
        return result

    def clamp(self, x: str, low: float, high: float) -> str:
        """x within [low, high]; nan stays nan."""
        return self.at_most(self.select(self.compare("olt", x, self.const(low)), self.const(low), x), high)

    def at_most(self, x: str, high: float) -> str:
        """The lesser of x and high; nan stays nan."""
        return self.select(self.compare("ogt", x, self.const(high)), self.const(high), x)

    def to_number(self, k: str) -> str:
        """A small integer as a number."""
        return self.sub(self.from_bits(self.integer("add", k, self.format.magic_bits)), self.const(self.format.magic))

    def power_of_two(self, k: str) -> str:
        """2.0**k for a k that gives a normal number."""
        return self.from_bits(self.integer("shl", self.integer("add", k, self.format.bias), self.format.fraction))

    def scaled(self, x: str, k: str) -> str:
        """x * 2**k, rounded once, for k up to twice the range of exponents."""
        if self.scales:
            exponent = vector_of("i32", self.lanes)
            k = k if self.whole == exponent else self.let(f"trunc {self.whole} {k} to {exponent}")
            name = f"llvm.ldexp.{short(self.number)}.{short(exponent)}"
            return self.call(self.number, name, f"{self.number} {x}", f"{exponent} {k}")
        half = self.integer("ashr", k, 1)
        return self.mul(self.mul(x, self.power_of_two(half)), self.power_of_two(self.integer("sub", k, half)))

    def two_sum_tail(self, x: str, y: str, total: str) -> str:
        """The rounding error of total = x + y (Knuth)."""
        part = self.sub(total, x)
        return self.add(self.sub(x, self.sub(total, part)), self.sub(y, part))

    def round_to_int(self, x: str, factor: float) -> tuple[str, str, str]:
        """x*factor rounded to an integer: (as a number, as an integer, bits of the sum with `magic`)."""
        shifted = self.fma(x, self.const(factor), self.const(self.format.magic))
        bits = self.bits(shifted)
        return self.sub(shifted, self.const(self.format.magic)), self.integer("sub", bits, self.format.magic_bits), bits
