"""Emit contractions: loops over the batch axes around one product of matrices, `ftrans.matmul.<dtype>`.

That function is compiled once per process and chooses when it runs (`matmul`): a small product is computed by vector code, a large
one by BLAS (blascall.py), and what neither takes by plain loops.
"""

from __future__ import annotations

from contextlib import ExitStack
from functools import cache

from ...lowering.contract import Contract
from ...lowering.loops import ITEMSIZE
from . import blascall
from .asm import Function, Text
from .blascall import ELEMENT, PARAMETERS, SHORT, zero
from .copies import Operands
from .ir import Emitted

SMALL = 16 * 16 * 16
"""Products of so many multiplications are computed here: up to 2.7 times as fast as by OpenBLAS, at the bound as fast."""

NARROW = 64  # the same for products that are one row or one column
WIDEST = 64  # products with more rows or columns are for BLAS all the same
COPIED = 16  # and those with more terms in a sum, where an operand would have to be copied
ROWS = 4  # of the result that a small product computes together, each in one vector
VECTOR = 64  # bytes of a vector
COST = 1  # of a multiplication and an addition, in tenths of a nanosecond


def emit(code: Contract, name: str = "kernel") -> Emitted:
    """The contraction as an LLVM module."""
    a, n = Operands(code, name), code.naxes
    f, pointers, strides = a.f, a.pointers, a.strides
    with ExitStack() as stack:
        for axis in range(n - 3):
            index = stack.enter_context(f.loop(a.sizes[axis]))
            pointers = [f.offset(p, index, s[axis]) if s[axis] != "0" else p for p, s in zip(pointers, strides, strict=True)]
        (x, y, out), (sx, sy, so) = pointers, strides
        text = matmul(code.dtype)
        types = ["i64", "i64", "i64", *["ptr", "i64", "i64"] * 3]
        a.module.share(text, ", ".join(types))
        numbers = [*a.sizes[-3:], x, sx[-3], sx[-1], y, sy[-1], sy[-2], out, so[-3], so[-2]]
        f.do(f"call void @{text[0]}({', '.join([f'{t} {v}' for t, v in zip(types, numbers, strict=True)])})")
    return a.finished()._replace(cost=COST)


@cache
def matmul(dtype: str) -> Text:
    """(m, n, k, x, its strides along m and k, y, along k and n, out, along m and n): out = x @ y."""
    name = f"ftrans.matmul.{dtype}"
    f = Function("void", name, PARAMETERS, "minsize optsize")
    parts = [plain(dtype), *blascall.functions(dtype)]
    some = f.let(f"and i1 {f.let('icmp sgt i64 %m, 0')}, {f.let('icmp sgt i64 %n, 0')}")
    with f.when(some):
        done = f.fresh("done")
        if dtype in ("float32", "float64"):
            parts += [spread(dtype), small(dtype)]
            swap, neither = sides(f, ITEMSIZE[dtype])
            with f.when(is_small(f, neither)):
                small_product(f, dtype, swap, neither)
                f.branch(done)
                f.label(f.fresh("unreached"))
        taken = f.call("i1", f"ft.blas.{dtype}", *PARAMETERS.split(", "))
        with f.when(f.let(f"xor i1 {taken}, true")):
            f.call("void", f"ft.plain.{dtype}", *PARAMETERS.split(", "))
        f.branch(done)
        f.label(done)
    f.ret()
    declares = frozenset(f.declares).union(*[needs for _, _, needs in parts])
    inner = {d for d in declares if "@ft." in d}
    return name, "\n".join([*[text for _, text, _ in parts], f.text()]), declares - inner


def sides(f: Function, item: int) -> tuple[str, str]:
    """Whether the sides have to be exchanged, for the second operand to have neighbours along n; whether neither has."""
    y_fits = f.let(f"or i1 {f.let(f'icmp eq i64 %yn, {item}')}, {f.let('icmp eq i64 %n, 1')}")
    x_fits = f.let(f"icmp eq i64 %xm, {item}")
    no_y = f.let(f"xor i1 {y_fits}, true")
    return f.let(f"and i1 {x_fits}, {no_y}"), f.let(f"and i1 {f.let(f'xor i1 {x_fits}, true')}, {no_y}")


def is_small(f: Function, neither: str) -> str:
    """Whether the vector code is the quickest."""
    work = f.let(f"mul i64 {f.let('mul i64 %m, %n')}, %k")
    narrow = f.let(f"icmp eq i64 {f.intrinsic('smin', 'i64', '%m', '%n')}, 1")
    bound = f.let(f"select i1 {narrow}, i64 {NARROW}, i64 {SMALL}")
    few = f.let(f"icmp sle i64 {work}, {bound}")
    short = f.let(f"icmp sle i64 {f.intrinsic('smax', 'i64', '%m', '%n')}, {WIDEST}")
    longest = f.let(f"select i1 {neither}, i64 {COPIED}, i64 {SMALL}")
    return f.let(f"and i1 {f.let(f'and i1 {few}, {short}')}, {f.let(f'icmp sle i64 %k, {longest}')}")


def small_product(f: Function, dtype: str, swap: str, neither: str) -> None:
    """Call the vector code, with a copy of the second operand if need be."""
    item = ITEMSIZE[dtype]
    buffer = f.alloca(ELEMENT[dtype], COPIED * WIDEST)
    with f.when(neither):
        f.call("void", f"ft.copy.{dtype}", f"ptr {buffer}", "ptr %y", "i64 %k", "i64 %yk", "i64 %n", "i64 %yn")
    packed = f.let(f"mul i64 %n, {item}")
    y = f.let(f"select i1 {neither}, ptr {buffer}, ptr %y")
    yk = f.let(f"select i1 {neither}, i64 {packed}, i64 %yk")

    def either(type_: str, here: str, swapped: str) -> str:
        return f"{type_} {f.let(f'select i1 {swap}, {type_} {swapped}, {type_} {here}')}"

    f.call(
        "void", f"ft.small.{dtype}",
        either("i64", "%m", "%n"), either("i64", "%n", "%m"), "i64 %k",
        either("ptr", "%x", y), either("i64", "%xm", "%yn"), either("i64", "%xk", yk),
        either("ptr", y, "%x"), either("i64", yk, "%xk"), f"i64 {item}",
        "ptr %out", either("i64", "%om", "%on"), either("i64", "%on", "%om"),
    )  # fmt: skip


@cache
def small(dtype: str) -> Text:
    """Vector code for a product whose second operand has neighbours along n: ROWS vectors of the result at a time."""
    name, type_, item = f"ft.small.{dtype}", ELEMENT[dtype], ITEMSIZE[dtype]
    f, lanes = Function("void", name, PARAMETERS, SHORT), VECTOR // item
    vector = f"<{lanes} x {type_}>"
    sums = [f.alloca(vector) for _ in range(ROWS)]
    dense = f.let(f"icmp eq i64 %on, {item}")
    last = f.let("sub i64 %m, 1")
    with f.loop("%m", step=ROWS) as i:
        rows = [f.intrinsic("smin", "i64", f.let(f"add i64 {i}, {q}"), last) for q in range(ROWS)]  # the last one repeated
        lefts, targets = [f.offset("%x", r, "%xm") for r in rows], [f.offset("%out", r, "%om") for r in rows]
        with f.loop("%n", step=lanes) as j:
            count = f.intrinsic("smin", "i64", f.let(f"sub i64 %n, {j}"), str(lanes))
            mask = first_lanes(f, count, lanes)
            for place in sums:
                f.store(vector, "zeroinitializer", place)
            right = f.element(type_, "%y", j)
            with f.loop("%k") as p:
                b = masked_load(f, vector, f.offset(right, p, "%yk"), mask, item)
                for left, place in zip(lefts, sums, strict=True):
                    a = splat(f, f.load(type_, f.offset(left, p, "%xk"), item), vector)
                    f.store(vector, f.intrinsic("fmuladd", vector, a, b, f.load(vector, place)), place)
            for target, place in zip(targets, sums, strict=True):
                store_row(f, vector, place, f.offset(target, j, "%on"), count, mask, dense, item)
    f.ret()
    return name, f.text(), frozenset(f.declares)


def store_row(f: Function, vector: str, place: str, target: str, count: str, mask: str, dense: str, item: int) -> None:
    """Put the first `count` elements of a vector in memory at `target`, side by side if `dense`, else %on bytes apart."""
    lanes, type_ = vector[1:-1].split(" x ")
    name = f.fresh("row")
    f.branch_if(dense, f"{name}.dense", f"{name}.apart")
    f.label(f"{name}.dense")
    suffix = f"v{lanes}{'f64' if type_ == 'double' else 'f32'}.p0"
    f.call("void", f"llvm.masked.store.{suffix}", f"{vector} {f.load(vector, place)}", f"ptr {target}", f"i32 {item}", mask)
    f.branch(f"{name}.end")
    f.label(f"{name}.apart")
    f.call("void", f"ft.spread.{type_}", f"ptr {target}", "i64 %on", f"ptr {place}", f"i64 {count}")
    f.branch(f"{name}.end")
    f.label(f"{name}.end")


@cache
def spread(dtype: str) -> Text:
    """(to, byte stride, from, count): neighbours put so many bytes apart."""
    type_, item = ELEMENT[dtype], ITEMSIZE[dtype]
    f = Function("void", f"ft.spread.{type_}", "ptr %to, i64 %stride, ptr %from, i64 %count", SHORT)
    with f.loop("%count") as c:
        f.store(type_, f.load(type_, f.element(type_, "%from", c)), f.offset("%to", c, "%stride"), item)
    f.ret()
    return f"ft.spread.{type_}", f.text(), frozenset(f.declares)


def first_lanes(f: Function, count: str, lanes: int) -> str:
    """The mask of the first `count` lanes, with its type."""
    vector = f"<{lanes} x i32>"
    numbers = "<" + ", ".join(f"i32 {k}" for k in range(lanes)) + ">"
    limit = splat(f, f.let(f"trunc i64 {count} to i32"), vector)
    return f"<{lanes} x i1> {f.let(f'icmp slt {vector} {numbers}, {limit}')}"


def splat(f: Function, value: str, vector: str) -> str:
    """The vector with the same value in every lane."""
    lanes, type_ = vector[1:-1].split(" x ")
    one = f.let(f"insertelement {vector} poison, {type_} {value}, i64 0")
    return f.let(f"shufflevector {vector} {one}, {vector} poison, <{lanes} x i32> zeroinitializer")


def masked_load(f: Function, vector: str, pointer: str, mask: str, align: int) -> str:
    """The lanes of the mask behind a pointer, 0 in the others."""
    lanes, type_ = vector[1:-1].split(" x ")
    name = f"llvm.masked.load.v{lanes}{'f64' if type_ == 'double' else 'f32'}.p0"
    return f.call(vector, name, f"ptr {pointer}", f"i32 {align}", mask, f"{vector} zeroinitializer")


@cache
def plain(dtype: str) -> Text:
    """The product by three loops, for every layout and size."""
    name, type_, item = f"ft.plain.{dtype}", ELEMENT[dtype], ITEMSIZE[dtype]
    f = Function("void", name, PARAMETERS, SHORT)
    parts = 2 if dtype.startswith("complex") else 1
    sums = [f.alloca(type_) for _ in range(parts)]
    with f.loop("%m") as i, f.loop("%n") as j:
        for place in sums:
            f.store(type_, zero(type_), place)
        with f.loop("%k") as p:
            x = f.offset(f.offset("%x", i, "%xm"), p, "%xk")
            y = f.offset(f.offset("%y", p, "%yk"), j, "%yn")
            a = [f.load(type_, f.element(type_, x, q), item // parts) for q in range(parts)]
            b = [f.load(type_, f.element(type_, y, q), item // parts) for q in range(parts)]
            for place, term in zip(sums, terms(f, type_, a, b), strict=True):
                f.store(type_, f.let(f"fadd {type_} {f.load(type_, place)}, {term}"), place)
        target = f.offset(f.offset("%out", i, "%om"), j, "%on")
        for q, place in enumerate(sums):
            f.store(type_, f.load(type_, place), f.element(type_, target, q), item // parts)
    f.ret()
    return name, f.text(), frozenset(f.declares)


def terms(f: Function, type_: str, a: list[str], b: list[str]) -> list[str]:
    """The parts of a product of two real or complex numbers."""

    def times(x: str, y: str) -> str:
        return f.let(f"fmul {type_} {x}, {y}")

    if len(a) == 1:
        return [times(a[0], b[0])]
    real = f.let(f"fsub {type_} {times(a[0], b[0])}, {times(a[1], b[1])}")
    return [real, f.let(f"fadd {type_} {times(a[0], b[1])}, {times(a[1], b[0])}")]
