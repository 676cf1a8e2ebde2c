"""Emit the choice and the call of BLAS for one product of matrices: `i1 @ft.blas.<dtype>(m, n, k, x, ...)`.

It gives false, having written nothing, where BLAS cannot do it: the library was not found (blas.py), a size does not fit into 32
bits, out is not in C order, or there is no memory. BLAS wants one stride of a matrix to be one element; an operand without such a
stride (reversed, broadcast, every second element) is copied first. dot, gemv, syrk or gemm is called: what NumPy would call.

To BLAS, which counts columns first, an array in C order is its transpose, so out = x @ y becomes out' = y' @ x'.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from ...lowering.loops import ITEMSIZE
from . import blas
from .asm import Function, Text, literal

ELEMENT = {"float32": "float", "float64": "double", "complex64": "float", "complex128": "double"}
"""The LLVM type of an element, or of its two parts."""

PARAMETERS = "i64 %m, i64 %n, i64 %k, ptr %x, i64 %xm, i64 %xk, ptr %y, i64 %yk, i64 %yn, ptr %out, i64 %om, i64 %on"
"""Of all functions that compute out = x @ y: the sizes, and for each array its address and its two byte strides."""

BYTES = {"float": 4, "double": 8}

LARGEST = 2**31 - 1

SHORT = "noinline minsize optsize"
"""For loops that are not worth vectorising: a third of the time to compile."""


def zero(type_: str) -> str:
    return literal(0.0, type_)


@dataclass
class Operand:
    """A matrix as BLAS takes it, as names of values: neighbours along k or along the other axis; leading dimension."""

    address: str
    along_k: str
    leading: str


class Call:
    """The function under construction."""

    def __init__(self, dtype: str) -> None:
        self.dtype, self.item, self.type = dtype, ITEMSIZE[dtype], ELEMENT[dtype]
        self.f = Function("i1", f"ft.blas.{dtype}", PARAMETERS, "noinline optnone")  # run once a product: 12 ms to compile, not 39

    # Arguments

    def is_(self, x: str, relation: str, y: str | int) -> str:
        return self.f.let(f"icmp {relation} i64 {x}, {y}")

    def both(self, *conditions: str) -> str:
        first, *rest = conditions
        for c in rest:
            first = self.f.let(f"and i1 {first}, {c}")
        return first

    def either(self, x: str, y: str) -> str:
        return self.f.let(f"or i1 {x}, {y}")

    def pick(self, condition: str, x: str, y: str, type_: str = "i64") -> str:
        return self.f.let(f"select i1 {condition}, {type_} {x}, {type_} {y}")

    def elements(self, stride: str) -> str:
        """A byte stride in elements."""
        return self.f.let(f"sdiv i64 {stride}, {self.item}")

    def steps(self, stride: str, least: str, single: str) -> str:
        """Whether a stride is a leading dimension: whole elements, at least so many, or of no account (`single`)."""
        whole = self.is_(self.f.let(f"srem i64 {stride}, {self.item}"), "eq", 0)
        return self.either(single, self.both(whole, self.is_(self.elements(stride), "sge", least)))

    def layout(self, other: str, other_stride: str, k_stride: str) -> tuple[str, str, str]:
        """(neighbours along k, fits at all, leading dimension) of a matrix with the axes `other` and k."""
        one_other, one_k = self.is_(other, "eq", 1), self.is_("%k", "eq", 1)
        k_next = self.either(self.is_(k_stride, "eq", self.item), one_k)
        along_k = self.both(k_next, self.steps(other_stride, "%k", one_other))
        other_next = self.either(self.is_(other_stride, "eq", self.item), one_other)
        along_other = self.both(other_next, self.steps(k_stride, other, one_k))
        leading_k = self.pick(one_other, "%k", self.elements(other_stride))
        leading_other = self.pick(one_k, other, self.elements(k_stride))
        return along_k, self.either(along_k, along_other), self.pick(along_k, leading_k, leading_other)

    def reference(self, type_: str, value: str) -> str:
        place = self.f.alloca(type_, align=8)
        self.f.store(type_, value, place)
        return f"ptr {place}"

    def number(self, value: str) -> str:
        return self.reference("i64", value)

    def letter(self, condition: str) -> str:
        """'T' if the condition holds, else 'N'."""
        return self.reference("i8", self.pick(condition, str(ord("T")), str(ord("N")), "i8"))

    def scalar(self, value: float) -> str:
        """A real number, as an element of the dtype."""
        place = self.f.alloca(self.type, 2, align=8)
        self.f.store(self.type, literal(value, self.type), place)
        self.f.store(self.type, zero(self.type), self.f.element(self.type, place, 1))
        return f"ptr {place}"

    def function(self, name: str) -> str:
        """The address of a BLAS function."""
        return self.f.load("ptr", self.f.element("ptr", f"@{blas.TABLE}", blas.index(name, self.dtype)))

    # The function

    def emit(self) -> Text:
        f = self.f
        f.declares.add(f"@{blas.TABLE} = external global [{len(blas.names())} x ptr]")
        refuse = f.fresh("refuse")
        largest = f.intrinsic("smax", "i64", f.intrinsic("smax", "i64", "%m", "%n"), "%k")
        found = f.let(f"icmp ne ptr {self.function('gemm')}, null")
        one_row = self.is_("%m", "eq", 1)
        dense = self.either(self.is_("%on", "eq", self.item), self.is_("%n", "eq", 1))
        fine = self.both(
            found, self.is_(largest, "sle", LARGEST), self.is_("%k", "sgt", 0), dense, self.steps("%om", "%n", one_row)
        )
        self.proceed(fine, refuse)
        x_along, x_fits, x_leading = self.layout("%m", "%xm", "%xk")
        y_along, y_fits, y_leading = self.layout("%n", "%yn", "%yk")
        for fits, leading in ((x_fits, x_leading), (y_fits, y_leading), ("true", self.elements("%om"))):
            self.proceed(self.is_(self.pick(fits, leading, "0"), "sle", LARGEST), refuse)
        buffer, place = self.buffer(x_fits, y_fits, refuse)
        x = self.copied(Operand("%x", x_along, x_leading), x_fits, buffer, "%m", "%xm", "%xk")
        y = self.copied(Operand("%y", y_along, y_leading), y_fits, place, "%n", "%yn", "%yk")
        self.choose(x, y, self.both(x_fits, y_fits))
        f.call("void", "free", f"ptr {buffer}")
        f.ret("i1 true")
        f.label(refuse)
        f.ret("i1 false")
        return f"ft.blas.{self.dtype}", f.text(), frozenset(f.declares)

    def proceed(self, condition: str, otherwise: str) -> None:
        go_on = self.f.fresh("go")
        self.f.branch_if(condition, go_on, otherwise)
        self.f.label(go_on)

    def buffer(self, x_fits: str, y_fits: str, refuse: str) -> tuple[str, str]:
        """Memory for the copies that are needed, or null; where in it the one of y goes."""
        f = self.f
        x_bytes = self.pick(x_fits, "0", f.let(f"mul i64 {f.let('mul i64 %m, %k')}, {self.item}"))
        y_bytes = self.pick(y_fits, "0", f.let(f"mul i64 {f.let('mul i64 %n, %k')}, {self.item}"))
        total, place = f.let(f"add i64 {x_bytes}, {y_bytes}"), f.alloca("ptr")
        f.store("ptr", "null", place)
        with f.when(self.is_(total, "sgt", 0)):
            f.store("ptr", f.call("ptr", "malloc", f"i64 {total}"), place)
            self.proceed(f.let(f"icmp ne ptr {f.load('ptr', place)}, null"), refuse)
        buffer = f.load("ptr", place)
        return buffer, f.element("i8", buffer, x_bytes)

    def copied(self, given: Operand, fits: str, buffer: str, other: str, other_stride: str, k_stride: str) -> Operand:
        """The operand, or its copy in the buffer with neighbours along k."""
        f = self.f
        with f.when(f.let(f"xor i1 {fits}, true")):
            rows, columns = (f"i64 {other}", f"i64 {other_stride}"), ("i64 %k", f"i64 {k_stride}")
            f.call("void", f"ft.copy.{self.dtype}", f"ptr {buffer}", f"ptr {given.address}", *rows, *columns)
        address = self.pick(fits, given.address, buffer, "ptr")
        return Operand(address, self.either(given.along_k, f.let(f"xor i1 {fits}, true")), self.pick(fits, given.leading, "%k"))

    def choose(self, x: Operand, y: Operand, uncopied: str) -> None:
        """Call the function that NumPy would."""
        f, end = self.f, self.f.fresh("end")
        one_row, one_column = self.is_("%m", "eq", 1), self.is_("%n", "eq", 1)
        # A vector's distance between elements; where it has neighbours along k its leading dimension says nothing.
        x_step = self.pick(x.along_k, "1", x.leading)
        y_step = self.pick(y.along_k, "1", y.leading)
        leading = self.pick(one_row, "%n", self.elements("%om"))
        if blas.wanted(blas.LETTERS[self.dtype] + "dot"):
            with self.branch(self.both(one_row, one_column), end):
                self.dot(x.address, x_step, y.address, y_step)
        with self.branch(one_column, end):
            self.gemv("%m", x, y.address, y_step, leading)
        with self.branch(one_row, end):
            self.gemv("%n", y, x.address, x_step, "1")
        same = f.let("icmp eq ptr %x, %y")
        strides = self.both(self.is_("%xm", "eq", "%yn"), self.is_("%xk", "eq", "%yk"))
        with self.branch(self.both(uncopied, same, self.is_("%m", "eq", "%n"), strides), end):
            self.syrk(x, leading)
        self.gemm(x, y, leading)
        f.branch(end)
        f.label(end)

    def branch(self, condition: str, end: str) -> Branch:
        return Branch(self.f, condition, end)

    def dot(self, x: str, x_step: str, y: str, y_step: str) -> None:
        arguments = f"{self.number('%k')}, ptr {x}, {self.number(x_step)}, ptr {y}, {self.number(y_step)}"
        value = self.f.let(f"call {self.type} {self.function('dot')}({arguments})")
        self.f.store(self.type, value, "%out", self.item)

    def gemv(self, other: str, matrix: Operand, vector: str, step: str, out_step: str) -> None:
        """out = matrix @ vector, for a matrix with the axes `other` and k."""
        rows, columns = self.pick(matrix.along_k, "%k", other), self.pick(matrix.along_k, other, "%k")
        self.call(
            "gemv", self.letter(matrix.along_k), self.number(rows), self.number(columns), self.scalar(1.0),
            f"ptr {matrix.address}", self.number(matrix.leading), f"ptr {vector}", self.number(step),
            self.scalar(0.0), "ptr %out", self.number(out_step),
        )  # fmt: skip

    def syrk(self, x: Operand, leading: str) -> None:
        """out = x @ x', one half computed and copied to the other."""
        f = self.f
        self.call(
            "syrk", self.reference("i8", str(ord("L"))), self.letter(x.along_k), self.number("%m"), self.number("%k"),
            self.scalar(1.0), f"ptr {x.address}", self.number(x.leading), self.scalar(0.0), "ptr %out", self.number(leading),
        )  # fmt: skip
        f.call("void", f"ft.mirror.{self.dtype}", "ptr %out", "i64 %m", "i64 %om")

    def gemm(self, x: Operand, y: Operand, leading: str) -> None:
        x_plain = self.f.let(f"xor i1 {x.along_k}, true")
        self.call(
            "gemm", self.letter(y.along_k), self.letter(x_plain), self.number("%n"), self.number("%m"), self.number("%k"),
            self.scalar(1.0), f"ptr {y.address}", self.number(y.leading), f"ptr {x.address}", self.number(x.leading),
            self.scalar(0.0), "ptr %out", self.number(leading),
        )  # fmt: skip

    def call(self, name: str, *arguments: str) -> None:
        self.f.do(f"call void {self.function(name)}({', '.join(arguments)})")


class Branch:
    """`with Branch(f, condition, end)`: the lines inside run if the condition holds, and then go to `end`."""

    def __init__(self, f: Function, condition: str, end: str) -> None:
        self.f, self.condition, self.end = f, condition, end

    def __enter__(self) -> None:
        self.name = self.f.fresh("case")
        self.f.branch_if(self.condition, f"{self.name}.then", f"{self.name}.else")
        self.f.label(f"{self.name}.then")

    def __exit__(self, *_: object) -> None:
        self.f.branch(self.end)
        self.f.label(f"{self.name}.else")


@cache
def copy(dtype: str) -> Text:
    """(to, from, rows, their byte stride, columns, theirs): the elements row by row, side by side."""
    f = Function("void", f"ft.copy.{dtype}", "ptr %to, ptr %from, i64 %rows, i64 %row, i64 %columns, i64 %column", SHORT)
    with f.loop("%rows") as i, f.loop("%columns") as j:
        number = f.let(f"add i64 {f.let(f'mul i64 {i}, %columns')}, {j}")
        move(f, dtype, f.offset(f.offset("%from", i, "%row"), j, "%column"), f.offset("%to", number, str(ITEMSIZE[dtype])))
    f.ret()
    return f"ft.copy.{dtype}", f.text(), frozenset(f.declares)


@cache
def mirror(dtype: str) -> Text:
    """(matrix, its size, its row stride): copy what is above the diagonal to below it."""
    f = Function("void", f"ft.mirror.{dtype}", "ptr %out, i64 %m, i64 %row", SHORT)
    item = str(ITEMSIZE[dtype])
    with f.loop("%m") as i, f.loop(i) as j:
        move(f, dtype, f.offset(f.offset("%out", j, "%row"), i, item), f.offset(f.offset("%out", i, "%row"), j, item))
    f.ret()
    return f"ft.mirror.{dtype}", f.text(), frozenset(f.declares)


def move(f: Function, dtype: str, source: str, target: str) -> None:
    """Copy one element."""
    type_ = ELEMENT[dtype]
    for part in range(ITEMSIZE[dtype] // BYTES[type_]):
        f.store(type_, f.load(type_, f.element(type_, source, part), BYTES[type_]), f.element(type_, target, part), BYTES[type_])


@cache
def functions(dtype: str) -> tuple[Text, ...]:
    """The function for a dtype, and those it calls."""
    return copy(dtype), mirror(dtype), Call(dtype).emit()
