"""Emit reading and writing at integer indices (lowering/gather.py): all indices are checked, then elements move."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack

from ...lowering.gather import COMBINE, Indexed
from ...lowering.loops import ITEMSIZE, PART
from .asm import MEMORY, Function, Module
from .ir import Emitted
from .ops import IRBuilder, Val

COST = 0  # the loop sizes say nothing of the work: that the GIL is released for long work is up to others


def emit(code: Indexed, name: str = "kernel") -> Emitted:
    """The gather or scatter as an LLVM module."""
    return _Emitter(code, name).emit()


class _Emitter:
    """One kernel on its way to text: operands' addresses and strides as names in the kernel function."""

    def __init__(self, code: Indexed, name: str) -> None:
        self.code, self.name, self.module = code, name, Module()
        self.f = f = Function("void", name, "ptr noalias %sizes, ptr noalias %arguments", "optsize")
        n = code.naxes
        self.sizes = [f.load("i64", f.element("i64", "%sizes", axis)) for axis in range(n)]
        self.pointers, self.strides = [], []
        for k, operand in enumerate(code.operands):
            first = k * (n + 1)
            self.pointers.append(f.load("ptr", f.element("i64", "%arguments", first)))
            strides = [f.load("i64", f.element("i64", "%arguments", first + 1 + a)) if m else "0" for a, m in enumerate(operand.moves)]
            self.strides.append(strides)
        ns, nr, ni = code.counts
        self.own, self.rest, self.indexed = list(range(ns)), list(range(ns, ns + nr)), list(range(ns + nr, n))
        self.new = 1 if code.mode else None
        self.combine = COMBINE.get(code.mode or "")
        self.index = list(range(1 + (code.mode is not None), 1 + (code.mode is not None) + ni))
        self.out, self.status = len(code.operands) - 2, len(code.operands) - 1

    def emit(self) -> Emitted:
        f, code = self.f, self.code
        self.check()
        if code.mode is not None:
            self.define("ft.copy", None)
            x, out = self.pointers[0], self.pointers[self.out]
            self.walk([(self.out, out), (0, x)], list(code.order), "ft.copy")
        self.define("ft.move", self.combine)
        with ExitStack() as stack:
            at = self.loops(stack, self.own, [*self.index, *([self.new] if self.new else []), self.out])
            offset = self.offset([at[k] for k in self.index])
            if self.new is None:
                target, source = (self.out, at[self.out]), (0, self.moved(self.pointers[0], offset(0)))
            else:
                target, source = (self.out, self.moved(self.pointers[self.out], offset(self.out))), (self.new, at[self.new])
            self.walk([target, source], self.rest, "ft.move")
        f.ret()
        self.module.add_function(self.name, f)
        return Emitted(self.module.text(), self.name, (), COST)

    def check(self) -> None:
        """Set the status; return when an index is out of bounds."""
        f, bad = self.f, self.f.alloca("i1", align=8)
        f.store("i1", "false", bad)
        with ExitStack() as stack:
            at = self.loops(stack, self.own, self.index)
            seen = f.load("i1", bad)
            for operand, axis, dtype in zip(self.index, self.indexed, self.code.indices, strict=True):
                value, n = self.integer(at[operand], dtype), self.sizes[axis]
                if dtype.startswith("u"):
                    outside = f.let(f"icmp uge i64 {value}, {n}")
                else:
                    outside = f.let(f"icmp uge i64 {f.let(f'add i64 {value}, {n}')}, {f.let(f'shl i64 {n}, 1')}")
                seen = f.let(f"or i1 {seen}, {outside}")
            f.store("i1", seen, bad)
        failed = f.load("i1", bad)
        f.store("i64", f.let(f"zext i1 {failed} to i64"), self.pointers[self.status])
        with f.when(failed):
            f.ret()
            f.label(f.fresh("unreached"))

    def integer(self, address: str, dtype: str) -> str:
        """An index as i64."""
        value = self.f.load(MEMORY[dtype], address, ITEMSIZE[dtype])
        if ITEMSIZE[dtype] == 8:
            return value
        return self.f.let(f"{'z' if dtype.startswith('u') else 's'}ext {MEMORY[dtype]} {value} to i64")

    def offset(self, addresses: list[str]) -> Callable[[int], str]:
        """The function that gives, for an operand with x's axes, the bytes from its start to what the current indices name."""
        f, places = self.f, []
        for address, axis, dtype in zip(addresses, self.indexed, self.code.indices, strict=True):
            value = self.integer(address, dtype)
            from_end = f.let(f"add i64 {value}, {self.sizes[axis]}")
            negative = f.let(f"icmp slt i64 {value}, 0")
            places.append(f.let(f"select i1 {negative}, i64 {from_end}, i64 {value}"))

        def of(operand: int) -> str:
            total = "0"
            for place, axis in zip(places, self.indexed, strict=True):
                total = f.let(f"add i64 {total}, {f.let(f'mul i64 {place}, {self.strides[operand][axis]}')}")
            return total

        return of

    def moved(self, address: str, offset: str) -> str:
        return self.f.element("i8", address, offset)

    def loops(self, stack: ExitStack, axes: list[int], operands: list[int]) -> dict[int, str]:
        """Open loops over axes; the addresses of operands inside."""
        at = {k: self.pointers[k] for k in operands}
        for axis in axes:
            index = stack.enter_context(self.f.loop(self.sizes[axis]))
            at = {k: self.f.offset(p, index, s) if (s := self.strides[k][axis]) != "0" else p for k, p in at.items()}
        return at

    def walk(self, pair: list[tuple[int, str]], axes: list[int], function: str) -> None:
        """Move elements from the second operand to the first along axes, the last one by a call; or one, if there are none."""
        f = self.f
        (target, to), (source, start) = pair
        if not axes:
            self.step(f, self.combine, to, start)
            return
        with ExitStack() as stack:
            for axis in axes[:-1]:
                index = stack.enter_context(f.loop(self.sizes[axis]))
                to, start = [f.offset(p, index, self.strides[k][axis]) for k, p in ((target, to), (source, start))]
            strides = [self.strides[k][axes[-1]] for k in (target, source)]
            f.do(f"call void @{function}(ptr {to}, i64 {strides[0]}, ptr {start}, i64 {strides[1]}, i64 {self.sizes[axes[-1]]})")

    def define(self, name: str, combine: str | None) -> None:
        """(to, its stride, from, its stride, n): move n elements, with loops of their own where strides are one element, or 0."""
        f = Function("void", name, "ptr noalias %to, i64 %ts, ptr noalias %from, i64 %fs, i64 %n", "noinline optsize")
        item = str(ITEMSIZE[self.code.dtype])
        dense = f.let(f"icmp eq i64 %ts, {item}")
        for stride in (item, "0"):
            with f.when(f.let(f"and i1 {dense}, {f.let(f'icmp eq i64 %fs, {stride}')}")):
                self.steps(f, combine, item, stride)
                f.ret()
                f.label(f.fresh("unreached"))
        self.steps(f, combine, "%ts", "%fs")
        f.ret()
        self.module.add_function(name, f)

    def steps(self, f: Function, combine: str | None, to_stride: str, from_stride: str) -> None:
        with f.loop("%n") as i:
            to = f.offset("%to", i, to_stride)
            self.step(f, combine, to, f.offset("%from", i, from_stride) if from_stride != "0" else "%from")

    def step(self, f: Function, combine: str | None, to: str, start: str) -> None:
        """Copy or combine one element."""
        dtype = self.code.dtype
        if combine is None:
            bits, align = f"i{8 * ITEMSIZE[dtype]}", ITEMSIZE[PART.get(dtype, dtype)]
            f.store(bits, f.load(bits, start, align), to, align)
            return
        type_, align = MEMORY[dtype], ITEMSIZE[dtype]
        old, new = Val(f.load(type_, to, align), dtype), Val(f.load(type_, start, align), dtype)
        f.store(type_, getattr(IRBuilder(f, inline=False), combine)(old, new).name, to, align)
