"""Write functions that read tables and objects: a `Function` with words, fields, rows and exits.

f = Code("i64", "second", "ptr %table")
f.ret(f.word("%table", 1))
"""

from __future__ import annotations

from .asm import Function


class Code(Function):
    """A function with what these need: words of tables, fields of objects, exits."""

    def __init__(self, returns: str, name: str, parameters: str, attributes: str = "") -> None:
        super().__init__(returns, name, parameters, attributes)
        self.returns = returns

    def ret(self, value: str = "") -> None:
        self.do(f"ret {self.returns} {value}")

    def word(self, table: str, number: int | str, type_: str = "i64") -> str:
        """table[number]."""
        return self.load(type_, self.element("i64", table, number))

    def field(self, obj: str, offset: int, type_: str = "i64") -> str:
        """The field of an object at this offset."""
        return self.load(type_, self.element("i8", obj, offset))

    def at(self, table: str, number: int | str, type_: str = "ptr") -> str:
        """items[number] of a C array."""
        return self.load(type_, self.element(type_, table, number))

    def is_(self, x: str, y: str | int, type_: str = "i64") -> str:
        return self.let(f"icmp eq {type_} {x}, {y}")

    def array(self, type_: str, count: str) -> str:
        """Memory of this call for a number of elements known now."""
        return self.let(f"alloca {type_}, i64 {count}, align 16")

    def either(self, condition: str, type_: str, x: str, y: str) -> str:
        return self.let(f"select i1 {condition}, {type_} {x}, {type_} {y}")

    def plus(self, *values: str | int) -> str:
        total = str(values[0])
        for x in values[1:]:
            total = self.let(f"add i64 {total}, {x}")
        return total

    def times(self, x: str, y: str | int) -> str:
        return self.let(f"mul i64 {x}, {y}")

    def row(self, table: str, number: str, size: int) -> str:
        """The address of a row."""
        return self.element("i64", table, self.times(number, size))
