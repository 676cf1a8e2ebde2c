"""Emit what moves elements from one array to another, and the kernels that do nothing else (lowering/pieces.py).

`row_mover` and `nest_mover` are functions for one loop and for three, compiled once per process; `Operands.move` calls them for any
number.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from functools import cache
from typing import NamedTuple

from ...lowering.builder import PART
from ...lowering.loops import ITEMSIZE, Code
from ...lowering.pieces import Joined, Placed
from .asm import MEMORY, Function, Module, Text
from .ir import Emitted
from .ops import IRBuilder, Val

NARROW = 8  # elements; shorter rows are not the inner loop
COST = 0  # the loop sizes say nothing of the work


@cache
def row_mover(dtype: str, combine: str | None = None) -> Text:
    """(to, from, n, their strides): copy n elements, or combine them with what is there by one of the builder's operations.

    It has loops of their own for neighbours, and for one element to many. Copies depend on nothing but the size of elements.
    """
    return row(f"ftrans.{kind(dtype, combine)}", dtype, combine)


def kind(dtype: str, combine: str | None) -> str:
    return f"{combine}.{dtype}" if combine else f"copy.{ITEMSIZE[dtype]}.{alignment(dtype)}"


def row(name: str, dtype: str, combine: str | None) -> Text:
    item = ITEMSIZE[dtype]
    f = Function("void", name, "ptr noalias %to, ptr noalias %from, i64 %n, i64 %ts, i64 %fs", "noinline optsize")
    dense = f.let(f"icmp eq i64 %ts, {item}")
    for stride in (str(item), "0"):
        with f.when(f.let(f"and i1 {dense}, {f.let(f'icmp eq i64 %fs, {stride}')}")):
            with f.loop("%n") as i:
                move(f, dtype, combine, f.offset("%to", i, str(item)), f.offset("%from", i, stride) if stride != "0" else "%from")
            f.ret()
            f.label(f.fresh("unreached"))
    with f.loop("%n") as i:
        move(f, dtype, combine, f.offset("%to", i, "%ts"), f.offset("%from", i, "%fs"))
    f.ret()
    return name, f.text(), frozenset(f.declares)


@cache
def nest_mover(dtype: str, combine: str | None = None) -> Text:
    """The same for three loops: (to, from, three times a size and two strides), in the order that makes the longest rows."""
    inner = row(f"ft.{kind(dtype, combine)}", dtype, combine)
    name = f"ftrans.nest.{kind(dtype, combine)}"
    numbers = [f"i64 %{x}{k}" for k in range(3) for x in "nts"]
    f = Function("void", name, ", ".join(["ptr noalias %to", "ptr noalias %from", *numbers]), "optsize")
    loops = [Loop(f"%n{k}", f"%t{k}", f"%s{k}") for k in range(3)]
    exchange(f, loops, 1, 2, f.let(f"icmp eq i64 {loops[2].size}, 1"))
    exchange(f, loops, 0, 1, f.let(f"icmp eq i64 {loops[1].size}, 1"))
    for _ in range(2):  # a loop that goes on where the innermost one ends becomes part of it
        follows = [f.let(f"icmp eq i64 {loops[1][k]}, {f.let(f'mul i64 {loops[2].size}, {loops[2][k]}')}") for k in (1, 2)]
        one = f.let(f"icmp eq i64 {loops[1].size}, 1")
        joined = f.let(f"or i1 {one}, {f.let(f'and i1 {follows[0]}, {follows[1]}')}")
        total = f.let(f"mul i64 {loops[1].size}, {loops[2].size}")
        loops[2] = loops[2]._replace(size=f.let(f"select i1 {joined}, i64 {total}, i64 {loops[2].size}"))
        loops[1] = loops[1]._replace(size=f.let(f"select i1 {joined}, i64 1, i64 {loops[1].size}"))
        exchange(f, loops, 0, 1, joined)
    narrow = f.let(f"icmp slt i64 {loops[2].size}, {NARROW}")
    exchange(f, loops, 1, 2, f.let(f"and i1 {narrow}, {f.let(f'icmp sgt i64 {loops[1].size}, {loops[2].size}')}"))
    with f.loop(loops[0].size) as i, f.loop(loops[1].size) as j:
        to, start = [f.offset(f.offset(p, i, loops[0][k]), j, loops[1][k]) for p, k in (("%to", 1), ("%from", 2))]
        last = loops[2]
        f.do(f"call void @{inner[0]}(ptr {to}, ptr {start}, i64 {last.size}, i64 {last.to}, i64 {last.start})")
    f.ret()
    return name, inner[1] + f.text(), frozenset(f.declares) | inner[2]


class Loop(NamedTuple):
    """The size of a loop, and how far the target and the source go in a step."""

    size: str
    to: str
    start: str


def exchange(f: Function, loops: list[Loop], j: int, k: int, condition: str) -> None:
    """Exchange two loops if the condition holds."""
    a, b = loops[j], loops[k]
    loops[j] = Loop(*[f.let(f"select i1 {condition}, i64 {y}, i64 {x}") for x, y in zip(a, b, strict=True)])
    loops[k] = Loop(*[f.let(f"select i1 {condition}, i64 {x}, i64 {y}") for x, y in zip(a, b, strict=True)])


def alignment(dtype: str) -> int:
    """The bytes at whose multiples NumPy aligns elements."""
    return ITEMSIZE[PART.get(dtype, dtype)]


def move(f: Function, dtype: str, combine: str | None, to: str, start: str) -> None:
    """Copy or combine one element."""
    align = alignment(dtype)
    if combine is None:
        bits = f"i{8 * ITEMSIZE[dtype]}"
        f.store(bits, f.load(bits, start, align), to, align)
        return
    old, new = [Val(f.load(MEMORY[dtype], address, align), dtype) for address in (to, start)]
    f.store(MEMORY[dtype], getattr(IRBuilder(f, inline=False), combine)(old, new).name, to, align)


class Operands:
    """The run-time numbers of a kernel as names in its function."""

    def __init__(self, code: Code, name: str) -> None:
        self.module, self.name = Module(), name
        self.f = f = Function("void", name, "ptr noalias %sizes, ptr noalias %arguments", "optsize")
        n = code.naxes
        self.sizes = [f.load("i64", f.element("i64", "%sizes", axis)) for axis in range(n)]
        self.pointers: list[str] = []
        self.strides: list[list[str]] = []
        for k, operand in enumerate(code.operands):
            first = k * (n + 1) + 1
            self.pointers.append(f.load("ptr", f.element("i64", "%arguments", first - 1)))
            self.strides.append(
                [f.load("i64", f.element("i64", "%arguments", first + a)) if m else "0" for a, m in enumerate(operand.moves)]
            )

    def move(self, dtype: str, combine: str | None, to: str, start: str, loops: Sequence[Loop]) -> None:
        """Move elements along loops, each of which any order of the others may contain."""
        if not loops:
            move(self.f, dtype, combine, to, start)
            return
        f, text = self.f, row_mover(dtype, combine) if len(loops) == 1 else nest_mover(dtype, combine)
        count = 1 if len(loops) == 1 else 3
        outer, inner = loops[:-count], [*[Loop("1", "0", "0")] * (count - len(loops)), *loops[-count:]]
        with ExitStack() as stack:
            for size, to_stride, stride in outer:
                index = stack.enter_context(f.loop(size))
                to, start = f.offset(to, index, to_stride), f.offset(start, index, stride)
            numbers = [f"i64 {number}" for loop in inner for number in loop]
            self.module.share(text, ", ".join(["ptr", "ptr", *["i64"] * len(numbers)]))
            f.do(f"call void @{text[0]}({', '.join([f'ptr {to}', f'ptr {start}', *numbers])})")

    def loops(self, axes: Sequence[int], target: int, source: int) -> list[Loop]:
        """The loops over axes that move one operand's elements to another."""
        return [Loop(self.sizes[axis], self.strides[target][axis], self.strides[source][axis]) for axis in axes]

    def finished(self) -> Emitted:
        self.f.ret()
        self.module.add_function(self.name, self.f)
        return Emitted(self.module.text(), self.name, tuple(self.module.shared.values()), COST)


def emit_joined(code: Joined, name: str = "kernel") -> Emitted:
    """The concatenation as an LLVM module."""
    a, out = Operands(code, name), code.parts
    f, to = a.f, a.pointers[out]
    behind = [code.parts + 1] if code.operands[out].moves[-1] else []
    for k in range(code.parts):
        with f.when(f.let(f"icmp ne ptr {to}, {a.pointers[k]}")):  # else it is there already
            a.move(code.dtype, None, to, a.pointers[k], a.loops([0, k + 1, *behind], out, k))
        to = f.offset(to, a.sizes[k + 1], a.strides[out][k + 1])
    return a.finished()


def emit_placed(code: Placed, name: str = "kernel") -> Emitted:
    """The copy with a part replaced, as an LLVM module."""
    a, ndim = Operands(code, name), len(code.steps)
    f, (x, new, out) = a.f, a.pointers
    starts = a.sizes[code.naxes - ndim :]
    with f.when(f.let(f"icmp ne ptr {x}, {out}")):
        if all([step in (None, 1) for step in code.steps]):
            copy_around(a, code, starts)
        else:
            a.move(code.dtype, None, out, x, a.loops(range(ndim), 2, 0))
    to = out
    for start, stride in zip(starts, a.strides[2], strict=False):
        to = f.offset(to, start, stride)
    steps = [s for s in code.steps if s is not None]
    part = a.loops(range(ndim, code.naxes - ndim), 2, 1)
    loops = [Loop(n, f.let(f"mul i64 {stride}, {step}"), source) for (n, stride, source), step in zip(part, steps, strict=True)]
    with f.when(f.let(f"icmp ne ptr {to}, {new}")):  # else it is there already
        a.move(code.dtype, None, to, new, loops)
    return a.finished()


def copy_around(a: Operands, code: Placed, starts: list[str]) -> None:
    """Copy what is not replaced: for each axis what lies before and behind the part, as wide as the part along the axes before it.

    So every element is written once, which makes padding twice as fast.
    """
    f, ndim = a.f, len(code.steps)
    counts, sizes = iter(a.sizes[ndim:]), a.sizes[:ndim]
    box = [(start, "1" if step is None else next(counts)) for start, step in zip(starts, code.steps, strict=True)]
    for axis, (start, count) in enumerate(box):
        end = f.let(f"add i64 {start}, {count}")
        for side in (("0", start), (end, f.let(f"sub i64 {sizes[axis]}, {end}"))):
            spans = [*box[:axis], side, *[("0", n) for n in sizes[axis + 1 :]]]
            to, source = a.pointers[2], a.pointers[0]
            for k, (begin, _) in enumerate(spans):
                to, source = f.offset(to, begin, a.strides[2][k]), f.offset(source, begin, a.strides[0][k])
            loops = [Loop(n, a.strides[2][k], a.strides[0][k]) for k, (_, n) in enumerate(spans)]
            a.move(code.dtype, None, to, source, loops)
