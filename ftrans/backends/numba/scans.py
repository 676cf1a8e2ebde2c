"""Emit running sums, products and extremes (lowering/scans.py): each element combined with the result before it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack

from ...lowering.loops import ITEMSIZE
from ...lowering.scans import Scan
from .asm import MEMORY, Function
from .copies import Operands
from .ir import Emitted
from .ops import IRBuilder, Val

ROWS = 4  # that go together where nothing stands behind the scanned axis: an addition takes 3 or 4 cycles, and 2 can start in one
TILE = 1024  # elements side by side that go together, so that the results before them are in the cache
COST = 10  # tenths of a nanosecond

Walk = tuple[str, str, str, str]  # the address of an operand and its three strides


def emit(code: Scan, name: str = "kernel") -> Emitted:
    """The scan as an LLVM module."""
    a = Operands(code, name)
    f, (outer, count, inner) = a.f, a.sizes
    some = f.let(f"icmp sgt i64 {count}, 0")
    with f.when(some):
        x, out = [at_start(f, code, address, steps, count) for address, steps in zip(a.pointers, a.strides, strict=True)]
        if code.wide:
            a.module.add_function("ft.first", beside(code, first=True))
            a.module.add_function("ft.next", beside(code, first=False))
            rows_of_many(f, code, x, out, (outer, count, inner))
        else:
            a.module.add_function("ft.rows", chains(code, ROWS))
            a.module.add_function("ft.row", chains(code, 1))
            rows_of_one(f, x, out, outer, count)
    return a.finished()._replace(cost=COST)


def at_start(f: Function, code: Scan, address: str, strides: list[str], count: str) -> Walk:
    """The operand seen from where the scan starts: the end if it is reversed."""
    outer, along, inner = strides
    if code.reverse:
        address = f.offset(address, f.let(f"sub i64 {count}, 1"), along)
        along = f.let(f"sub i64 0, {along}")
    return address, outer, along, inner


def rows_of_many(f: Function, code: Scan, x: Walk, out: Walk, sizes: tuple[str, str, str]) -> None:
    """Loops over the outer axis and tiles of the inner one; in them, from result to result."""
    outer, count, inner = sizes
    with ExitStack() as stack:
        i = stack.enter_context(f.loop(outer))
        start = stack.enter_context(f.loop(inner, step=TILE))
        n = f.intrinsic("smin", "i64", f.let(f"sub i64 {inner}, {start}"), str(TILE))
        source, target = [
            f.offset(f.offset(walk[0], i, walk[1]), start, str(ITEMSIZE[dtype]))
            for walk, dtype in ((x, code.source), (out, code.dtype))
        ]
        f.do(f"call void @ft.first(ptr {source}, ptr {source}, ptr {target}, i64 {n})")
        with f.loop(count, start="1") as j:
            here, there = f.offset(source, j, x[2]), f.offset(target, j, out[2])
            before = f.offset(target, f.let(f"sub i64 {j}, 1"), out[2])
            f.do(f"call void @ft.next(ptr {before}, ptr {here}, ptr {there}, i64 {n})")


def beside(code: Scan, first: bool) -> Function:
    """(results before, elements, results, n): one step of n scans side by side; the first one only converts."""
    name, parameters = "ft.first" if first else "ft.next", "ptr noalias %before, ptr noalias %x, ptr noalias %out, i64 %n"
    f = Function("void", name, parameters, "noinline optsize")
    b = IRBuilder(f, inline=False)
    with f.loop("%n") as k:
        value = load(f, b, code, f.element(MEMORY[code.source], "%x", k))
        if not first:
            before = f.load(MEMORY[code.dtype], f.element(MEMORY[code.dtype], "%before", k), ITEMSIZE[code.dtype])
            value = combined(b, code, Val(before, code.dtype), value)
        f.store(MEMORY[code.dtype], value.name, f.element(MEMORY[code.dtype], "%out", k), ITEMSIZE[code.dtype])
    f.ret()
    return f


def rows_of_one(f: Function, x: Walk, out: Walk, outer: str, count: str) -> None:
    """Rows in groups of ROWS, then one by one."""
    whole = f.let(f"and i64 {outer}, {-ROWS}")

    def call(name: str) -> Callable[[str], None]:
        def one(i: str) -> None:
            source, target = f.offset(x[0], i, x[1]), f.offset(out[0], i, out[1])
            f.do(f"call void @{name}(ptr {source}, i64 {x[1]}, i64 {x[2]}, ptr {target}, i64 {out[1]}, i64 {out[2]}, i64 {count})")

        return one

    with f.loop(whole, step=ROWS) as i:
        call("ft.rows")(i)
    with f.loop(outer, start=whole) as i:
        call("ft.row")(i)


def chains(code: Scan, rows: int) -> Function:
    """(x, its strides from row to row and along, out, its strides, n): `rows` scans of n elements at once."""
    name = "ft.row" if rows == 1 else "ft.rows"
    parameters = "ptr noalias %x, i64 %xr, i64 %xs, ptr noalias %out, i64 %or, i64 %os, i64 %n"
    f = Function("void", name, parameters, "noinline minsize optsize")
    b, type_ = IRBuilder(f, inline=False), MEMORY[code.dtype]
    sources, targets = [[f.offset(p, str(r), s) for r in range(rows)] for p, s in (("%x", "%xr"), ("%out", "%or"))]
    latest = [f.alloca(type_, align=8) for _ in range(rows)]
    for source, target, place in zip(sources, targets, latest, strict=True):
        value = load(f, b, code, source)
        f.store(type_, value.name, place)
        f.store(type_, value.name, target, ITEMSIZE[code.dtype])
    with f.loop("%n", start="1") as k:
        for source, target, place in zip(sources, targets, latest, strict=True):
            value = load(f, b, code, f.offset(source, k, "%xs"))
            value = combined(b, code, Val(f.load(type_, place), code.dtype), value)
            f.store(type_, value.name, place)
            f.store(type_, value.name, f.offset(target, k, "%os"), ITEMSIZE[code.dtype])
    f.ret()
    return f


def load(f: Function, b: IRBuilder, code: Scan, address: str) -> Val:
    """An element, in the dtype of the result."""
    value = f.load(MEMORY[code.source], address, ITEMSIZE[code.source])
    if code.source == "bool":
        value = f.let(f"icmp ne i8 {value}, 0")
    return b.convert(Val(value, code.source), code.dtype)


def combined(b: IRBuilder, code: Scan, before: Val, value: Val) -> Val:
    result: Val = getattr(b, code.combine)(before, value)
    return result
