"""Emit reading and writing at integer indices (lowering/gather.py): all indices are checked, then elements move."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack

from ...lowering.gather import COMBINE, Indexed
from ...lowering.loops import ITEMSIZE
from .asm import MEMORY
from .copies import Operands
from .ir import Emitted


def emit(code: Indexed, name: str = "kernel") -> Emitted:
    """The gather or scatter as an LLVM module."""
    return _Emitter(code, name).emit()


class _Emitter(Operands):
    """One kernel on its way to text: operands' addresses and strides as names in the kernel function."""

    def __init__(self, code: Indexed, name: str) -> None:
        super().__init__(code, name)
        self.code, self.combine = code, COMBINE.get(code.mode or "")
        ns, nr, ni = code.counts
        self.own, self.rest, self.indexed = list(range(ns)), list(range(ns, ns + nr)), list(range(ns + nr, code.naxes))
        self.new = 1 if code.mode else None
        first = 2 if code.mode else 1
        self.index = list(range(first, first + ni))
        self.out, self.status = len(code.operands) - 2, len(code.operands) - 1

    def emit(self) -> Emitted:
        f, code = self.f, self.code
        self.check()
        if code.mode is not None:
            x, out = self.pointers[0], self.pointers[self.out]
            with f.when(f.let(f"icmp ne ptr {x}, {out}")):
                self.move(code.dtype, None, out, x, self.loops(code.order, self.out, 0))
        with ExitStack() as stack:
            at = self.enter(stack, self.own, [*self.index, *([self.new] if self.new else []), self.out])
            offset = self.offset([at[k] for k in self.index])
            if self.new is None:
                target, source = at[self.out], f.element("i8", self.pointers[0], offset(0))
            else:
                target, source = f.element("i8", self.pointers[self.out], offset(self.out)), at[self.new]
            self.move(code.dtype, self.combine, target, source, self.loops(self.rest, self.out, self.new or 0))
        return self.finished()

    def check(self) -> None:
        """Set the status; return when an index is out of bounds."""
        f, bad = self.f, self.f.alloca("i1", align=8)
        f.store("i1", "false", bad)
        with ExitStack() as stack:
            at = self.enter(stack, self.own, self.index)
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

    def enter(self, stack: ExitStack, axes: list[int], operands: list[int]) -> dict[int, str]:
        """Open loops over axes; the addresses of operands inside."""
        at = {k: self.pointers[k] for k in operands}
        for axis in axes:
            index = stack.enter_context(self.f.loop(self.sizes[axis]))
            at = {k: self.f.offset(p, index, s) if (s := self.strides[k][axis]) != "0" else p for k, p in at.items()}
        return at
