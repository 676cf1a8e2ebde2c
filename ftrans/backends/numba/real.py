"""Write double arithmetic by name: `Real` is a function of doubles under construction.

f = Real("double", "ft.twice", "double %x")
f.ret(f"double {f.add('%x', '%x')}")
"""

from __future__ import annotations

from collections.abc import Sequence

from .asm import Function, literal

INF, NAN = float("inf"), float("nan")

MAGIC = 6755399441055744.0
"""1.5 * 2**52: adding it rounds a double below 2**51 to an integer, left in the low bits of the sum."""


class Real(Function):
    """A function of one double under construction, with double arithmetic by name."""

    type = "double"

    def const(self, value: float) -> str:
        return literal(value, "double")

    def add(self, x: str, y: str) -> str:
        return self.let(f"fadd double {x}, {y}")

    def sub(self, x: str, y: str) -> str:
        return self.let(f"fsub double {x}, {y}")

    def mul(self, x: str, y: str) -> str:
        return self.let(f"fmul double {x}, {y}")

    def div(self, x: str, y: str) -> str:
        return self.let(f"fdiv double {x}, {y}")

    def neg(self, x: str) -> str:
        return self.let(f"fneg double {x}")

    def fma(self, x: str, y: str, z: str) -> str:
        """x*y + z, rounded once."""
        return self.intrinsic("fma", "double", x, y, z)

    def absolute(self, x: str) -> str:
        return self.intrinsic("fabs", "double", x)

    def copysign(self, x: str, sign: str) -> str:
        return self.intrinsic("copysign", "double", x, sign)

    def compare(self, predicate: str, x: str, y: str) -> str:
        return self.let(f"fcmp {predicate} double {x}, {y}")

    def select(self, condition: str, x: str, y: str) -> str:
        return self.let(f"select i1 {condition}, double {x}, double {y}")

    def bits(self, x: str) -> str:
        return self.let(f"bitcast double {x} to i64")

    def from_bits(self, i: str) -> str:
        return self.let(f"bitcast i64 {i} to double")

    def integer(self, operation: str, i: str | int, j: str | int) -> str:
        return self.let(f"{operation} i64 {i}, {j}")

    def horner(self, x: str, coefficients: Sequence[float]) -> str:
        """The polynomial with these coefficients, highest power first."""
        result = self.const(coefficients[0])
        for coefficient in coefficients[1:]:
            result = self.fma(result, x, self.const(coefficient))
        return result

    def clamp(self, x: str, low: float, high: float) -> str:
        """x within [low, high]; nan stays nan."""
        x = self.select(self.compare("olt", x, self.const(low)), self.const(low), x)
        return self.select(self.compare("ogt", x, self.const(high)), self.const(high), x)

    def power_of_two(self, k: str) -> str:
        """2.0**k for an i64 -1023 < k < 1024."""
        return self.from_bits(self.integer("shl", self.integer("add", k, 1023), 52))

    def two_sum_tail(self, x: str, y: str, total: str) -> str:
        """The rounding error of total = x + y (Knuth)."""
        part = self.sub(total, x)
        return self.add(self.sub(x, self.sub(total, part)), self.sub(y, part))

    def round_to_int(self, x: str, factor: float) -> tuple[str, str, str]:
        """x*factor rounded to an integer: (as double, as i64, bits of the sum with MAGIC)."""
        shifted = self.fma(x, self.const(factor), self.const(MAGIC))
        bits = self.bits(shifted)
        return self.sub(shifted, self.const(MAGIC)), self.integer("ashr", self.integer("shl", bits, 32), 32), bits
