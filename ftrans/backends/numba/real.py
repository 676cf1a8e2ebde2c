"""Write double arithmetic by name: `Real` is a function of doubles under construction.

f = Real("double", "ft.twice", "double %x")
f.ret(f"double {f.add('%x', '%x')}")
"""

from __future__ import annotations

from collections.abc import Sequence

from .asm import Function, literal, vector_of

INF, NAN = float("inf"), float("nan")

MAGIC = 6755399441055744.0
"""1.5 * 2**52: adding it rounds a double below 2**51 to an integer, left in the low bits of the sum."""


class Real(Function):
    """A function of doubles under construction, with double arithmetic by name.

    lanes: 0 for one double; else every value is a vector of so many, and every operation works lane by lane. A routine
    written with these methods has both forms, and they agree bit for bit.
    """

    def __init__(self, returns: str, name: str, parameters: str, attributes: str = "", lanes: int = 0) -> None:
        super().__init__(returns, name, parameters, attributes)
        self.lanes = lanes
        self.double, self.i64, self.i1 = [vector_of(type_, lanes) for type_ in ("double", "i64", "i1")]

    def const(self, value: float) -> str:
        return self.everywhere("double", literal(value, "double"))

    def everywhere(self, type_: str, constant: str) -> str:
        """A constant, in every lane."""
        return f"splat ({type_} {constant})" if self.lanes else constant

    def add(self, x: str, y: str) -> str:
        return self.let(f"fadd {self.double} {x}, {y}")

    def sub(self, x: str, y: str) -> str:
        return self.let(f"fsub {self.double} {x}, {y}")

    def mul(self, x: str, y: str) -> str:
        return self.let(f"fmul {self.double} {x}, {y}")

    def div(self, x: str, y: str) -> str:
        return self.let(f"fdiv {self.double} {x}, {y}")

    def neg(self, x: str) -> str:
        return self.let(f"fneg {self.double} {x}")

    def fma(self, x: str, y: str, z: str) -> str:
        """x*y + z, rounded once."""
        return self.intrinsic("fma", self.double, x, y, z)

    def absolute(self, x: str) -> str:
        return self.intrinsic("fabs", self.double, x)

    def sqrt(self, x: str) -> str:
        return self.intrinsic("sqrt", self.double, x)

    def trunc(self, x: str) -> str:
        return self.intrinsic("trunc", self.double, x)

    def copysign(self, x: str, sign: str) -> str:
        return self.intrinsic("copysign", self.double, x, sign)

    def compare(self, predicate: str, x: str, y: str) -> str:
        return self.let(f"fcmp {predicate} {self.double} {x}, {y}")

    def select(self, condition: str, x: str, y: str) -> str:
        return self.let(f"select {self.i1} {condition}, {self.double} {x}, {self.double} {y}")

    def both(self, x: str, y: str) -> str:
        return self.let(f"and {self.i1} {x}, {y}")

    def either(self, x: str, y: str) -> str:
        return self.let(f"or {self.i1} {x}, {y}")

    def differ(self, x: str, y: str) -> str:
        return self.let(f"xor {self.i1} {x}, {y}")

    def opposite(self, x: str) -> str:
        return self.differ(x, self.everywhere("i1", "true"))

    def bits(self, x: str) -> str:
        return self.let(f"bitcast {self.double} {x} to {self.i64}")

    def from_bits(self, i: str) -> str:
        return self.let(f"bitcast {self.i64} {i} to {self.double}")

    def integer(self, operation: str, i: str | int, j: str | int) -> str:
        """An integer instruction; Python ints are constants."""
        i, j = [self.everywhere("i64", str(k)) if isinstance(k, int) else k for k in (i, j)]
        return self.let(f"{operation} {self.i64} {i}, {j}")

    def choose(self, condition: str, i: int, j: int) -> str:
        """One of two integers."""
        first, second = self.everywhere("i64", str(i)), self.everywhere("i64", str(j))
        return self.let(f"select {self.i1} {condition}, {self.i64} {first}, {self.i64} {second}")

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
