"""Write LLVM IR as text: one `Function` collects the lines of a function, a `Module` the functions of one compile.

Text is written directly because that costs a fifth of building llvmlite's instruction objects and printing them, and
because functions written once (vector routines, folds) are then reused as strings by every later kernel.

    f = Function("void", "twice", "ptr %p")
    x = f.load("double", "%p")
    f.store("double", f.let(f"fadd double {x}, {x}"), "%p")
    f.ret()
    text = f.text()
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

REGISTER = {
    "bool": "i1", "int8": "i8", "uint8": "i8", "int16": "i16", "uint16": "i16", "int32": "i32", "uint32": "i32",
    "int64": "i64", "uint64": "i64", "float16": "float", "float32": "float", "float64": "double", "complex64": "float",
    "complex128": "double",
}  # fmt: skip
"""The LLVM type of a value in a register, by dtype. A complex value is two of these; a float16 is a float32 that it can hold."""

MEMORY = REGISTER | {"bool": "i8", "float16": "i16"}
"""The LLVM type of an element in memory, by dtype; of each part, if it is complex."""

ALIGN = {"float": 4, "double": 8} | {f"i{8 * size}": size for size in (1, 2, 4, 8)}
"""Bytes at whose multiples NumPy aligns a type of MEMORY."""

SHORT = {"float": "f32", "double": "f64"}


class Val(NamedTuple):
    """A value in registers: its name, its dtype, and the name of its imaginary part if it is complex."""

    name: str
    dtype: str
    imag: str = ""


def short(type_: str) -> str:
    """How intrinsics spell a type: `f64`, `v8f64`."""
    if type_.startswith("<"):
        lanes, element = type_[1:-1].split(" x ")
        return f"v{lanes}{short(element)}"
    return SHORT.get(type_, type_)


def vector_of(type_: str, lanes: int) -> str:
    """The type of so many lanes; of one element for 0."""
    return f"<{lanes} x {type_}>" if lanes else type_


def literal(value: float | int | bool, type_: str) -> str:
    """A constant as LLVM reads it: floats by their bits, so that none is rounded on the way."""
    if type_ == "double":
        return f"0x{struct.unpack('<Q', struct.pack('<d', float(value)))[0]:016x}"
    if type_ == "float":
        rounded = _round_float32(float(value))
        return f"0x{struct.unpack('<Q', struct.pack('<d', rounded))[0]:016x}"
    if type_ == "i1":
        return "true" if value else "false"
    return str(int(value))


def _round_float32(value: float) -> float:
    """The float32 nearest to value, as a Python float; overflow gives inf as in NumPy."""
    try:
        return float(struct.unpack("<f", struct.pack("<f", value))[0])
    except OverflowError:
        return float("inf") if value > 0 else float("-inf")


def round_float16(value: float) -> float:
    """The float16 nearest to value, as a Python float; overflow gives inf as in NumPy."""
    try:
        return float(struct.unpack("<e", struct.pack("<e", value))[0])
    except OverflowError:
        return float("inf") if value > 0 else float("-inf")


def is_float(type_: str) -> bool:
    """Is this LLVM type, or the element of this vector type, a floating-point one?"""
    return type_.endswith(("float", "double", "float>", "double>"))


class Function:
    """The lines of one LLVM function. Methods that compute return the name of their result."""

    def __init__(self, returns: str, name: str, parameters: str, attributes: str = "") -> None:
        self.name = name
        self.head = f"define {attributes_before(name)}{returns} @{name}({parameters}) nounwind {attributes} {{\nentry:\n"
        self.lines: list[str] = []
        self.allocas: list[str] = []
        self.declares: set[str] = set()
        self.block = "entry"
        self.count = 0

    def text(self) -> str:
        """The whole definition."""
        return self.head + "\n".join(self.allocas + self.lines) + "\n}\n"

    def fresh(self, stem: str = "v") -> str:
        """A name not used before in this function, without its % sign."""
        self.count += 1
        return f"{stem}{self.count}"

    def do(self, text: str) -> None:
        """An instruction without result."""
        self.lines.append("  " + text)

    def let(self, text: str) -> str:
        """An instruction with a result; returns its name."""
        name = "%" + self.fresh()
        self.lines.append(f"  {name} = {text}")
        return name

    def label(self, name: str) -> None:
        """Start the block `name`; the block before must have ended."""
        self.lines.append(f"{name}:")
        self.block = name

    def branch(self, to: str) -> None:
        self.do(f"br label %{to}")

    def branch_if(self, condition: str, then: str, otherwise: str) -> None:
        self.do(f"br i1 {condition}, label %{then}, label %{otherwise}")

    def ret(self, value: str = "void") -> None:
        self.do(f"ret {value}")

    def load(self, type_: str, pointer: str, align: int = 0) -> str:
        return self.let(f"load {type_}, ptr {pointer}" + (f", align {align}" if align else ""))

    def store(self, type_: str, value: str, pointer: str, align: int = 0) -> None:
        self.do(f"store {type_} {value}, ptr {pointer}" + (f", align {align}" if align else ""))

    def element(self, type_: str, pointer: str, index: str | int) -> str:
        """The address of pointer[index]."""
        return self.let(f"getelementptr inbounds {type_}, ptr {pointer}, i64 {index}")

    def offset(self, pointer: str, index: str, stride: str) -> str:
        """The address `pointer + index * stride`, stride in bytes."""
        return self.let(f"getelementptr i8, ptr {pointer}, i64 {self.let(f'mul i64 {index}, {stride}')}")

    def call(self, returns: str, name: str, *arguments: str) -> str:
        """A call of an external function, declared on the way; arguments are written `type value`."""
        types = ", ".join(argument.split(" ")[0] if argument[0] != "<" else _vector(argument) for argument in arguments)
        self.declares.add(f"declare {returns} @{name}({types})")
        text = f"call {returns} @{name}({', '.join(arguments)})"
        if returns == "void":
            self.do(text)
            return ""
        return self.let(text)

    def intrinsic(self, name: str, type_: str, *values: str) -> str:
        """llvm.<name>.<type> of values, all of one type."""
        return self.call(type_, f"llvm.{name}.{short(type_)}", *[f"{type_} {value}" for value in values])

    def alloca(self, type_: str, count: int = 1, align: int = 64) -> str:
        """Memory of this call of the function, reserved once on entry."""
        name = "%" + self.fresh("mem")
        self.allocas.append(f"  {name} = alloca [{count} x {type_}], align {align}")
        return name

    @contextmanager
    def loop(self, count: str, start: str = "0", step: int = 1, hint: str = "") -> Iterator[str]:
        """The lines inside run for the i64 index start, start+step, ... below count; gives the index.

        hint: the metadata that tells LLVM how to treat the loop.
        """
        name = self.fresh("loop")
        index, before = f"%{name}.i", self.block
        self.branch(f"{name}.head")
        self.label(f"{name}.head")
        self.do(f"{index} = phi i64 [ {start}, %{before} ], [ {index}.next, %{name}.latch ]")
        self.branch_if(self.let(f"icmp slt i64 {index}, {count}"), f"{name}.body", f"{name}.end")
        self.label(f"{name}.body")
        yield index
        self.branch(f"{name}.latch")
        self.label(f"{name}.latch")
        self.do(f"{index}.next = add nsw i64 {index}, {step}")
        self.do(f"br label %{name}.head" + (f", !llvm.loop {hint}" if hint else ""))
        self.label(f"{name}.end")

    @contextmanager
    def when(self, condition: str) -> Iterator[None]:
        """The lines inside run if the i1 condition holds."""
        name = self.fresh("if")
        self.branch_if(condition, f"{name}.then", f"{name}.end")
        self.label(f"{name}.then")
        yield
        self.branch(f"{name}.end")
        self.label(f"{name}.end")

    @contextmanager
    def forever(self) -> Iterator[str]:
        """The lines inside run until one branches to the label this gives."""
        name = self.fresh("loop")
        self.branch(f"{name}.body")
        self.label(f"{name}.body")
        yield f"{name}.end"
        self.branch(f"{name}.body")
        self.label(f"{name}.end")

    def stop_unless(self, condition: str, end: str) -> None:
        """Inside `forever`: go on while the condition holds."""
        go_on = self.fresh("go")
        self.branch_if(condition, go_on, end)
        self.label(go_on)


def attributes_before(name: str) -> str:
    """Functions whose name starts with `ft.` are local to their module."""
    return "internal " if name.startswith("ft.") else ""


def _vector(argument: str) -> str:
    return argument[: argument.index(">") + 1]


Text = tuple[str, str, frozenset[str]]
"""A finished function: its name, its definition, the declarations it needs."""


def joined(functions: Sequence[Text]) -> str:
    """A module of functions with the declarations they need."""
    declarations = sorted(frozenset().union(*[needs for _, _, needs in functions]))
    return "\n".join([*declarations, *[text for _, text, _ in functions]])


class Module:
    """Functions and the declarations they need, each once; `shared` names those that are compiled apart from it."""

    def __init__(self) -> None:
        self.functions: dict[str, str] = {}
        self.declares: set[str] = set()
        self.shared: dict[str, Text] = {}
        self.kept: set[str] = set()
        self.metadata: list[str] = []

    def add(self, name: str, text: str, declares: frozenset[str] | set[str]) -> None:
        """Define a function, unless the module already has it."""
        if name not in self.functions:
            self.functions[name] = text
            self.declares |= declares

    def add_function(self, name: str, function: Function) -> None:
        self.add(name, function.text(), function.declares)

    def share(self, text: Text, types: str, returns: str = "void") -> None:
        """Use a function that is compiled once for all modules; types are those of its parameters."""
        self.shared[text[0]] = text
        self.declares.add(f"declare {returns} @{text[0]}({types})")

    def text(self) -> str:
        """The module as LLVM reads it."""
        if self.kept:  # functions that LLVM calls of its own accord
            kept = ", ".join([f"ptr @{name}" for name in sorted(self.kept)])
            used = f'@llvm.compiler.used = appending global [{len(self.kept)} x ptr] [{kept}], section "llvm.metadata"'
            return "\n".join([used, *sorted(self.declares), "", *self.functions.values(), *self.metadata])
        return "\n".join([*sorted(self.declares), "", *self.functions.values(), *self.metadata])
