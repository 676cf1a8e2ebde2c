"""Fold many elements into one, in an order that depends on nothing but their number.

A reduction first evaluates elements into a buffer of BLOCK in the order of the loops, whatever the shape of the nest.
The `flush` of a fold then adds the buffer up in LANES interleaved partial results, joined by halves, and puts the
block's result on a pairwise tree (a binary counter of partial results). The order, and so every bit of the result, is
independent of the machine's vector width, of threads and of how axes were collapsed. A sum takes BLOCK/LANES = 16 terms
in a row, as NumPy's pairwise sum does, then errors grow with log2 of the number of blocks.

    init(state);  flush(buffer, count, state) for every block;  finish(state, out)

Column reductions instead keep one accumulator per column and fold rows into it; sums of floats pass every RADIX rows to
the next of LEVELS accumulators, so that no accumulator takes many terms before 2**20 rows.

All functions are texts made once per (fold, dtype). Their names start with `ftrans.`: they are compiled once per
process and shared by every kernel, which saves half of a reduction's compile time.
"""

from __future__ import annotations

from functools import cache

from ...lowering.loops import ITEMSIZE
from . import half
from .asm import ALIGN, MEMORY, Function, Text, is_float, literal
from .conversion import KINDS

BLOCK = 512
LANES = 32
TREE = 64
"""Partial results a tree can hold: enough for 2**64 blocks."""

RADIX = 32
LEVELS = 4
TILE = 1024
"""Columns folded together."""

STATE = 16
"""Bytes before the partial results in a state: i64 count of blocks or elements, i64 index of the best."""


PLAIN = {"sum": "add", "prod": "mul", "all": "and", "any": "or", "and": "and", "or": "or", "xor": "xor"}
"""Folds that are one instruction."""


def identity(fold: str, dtype: str) -> str:
    """What changes nothing when folded in, in memory form."""
    type_ = MEMORY[dtype]
    if fold in ("max", "argmax", "min", "argmin"):
        low = fold in ("max", "argmax")
        if KINDS[dtype] == "f":
            return literal(float("-inf") if low else float("inf"), type_)
        bits = 8 * ITEMSIZE[dtype]
        if KINDS[dtype] == "i":
            return str(-(2 ** (bits - 1)) if low else 2 ** (bits - 1) - 1)
        return str(0 if low else (1 if dtype == "bool" else 2**bits - 1))
    if fold == "and":
        return "1" if dtype == "bool" else "-1"
    return literal(1 if fold in ("prod", "all") else 0, type_)


def splat(value: str, type_: str, lanes: int) -> str:
    """A vector constant with the same value in every lane."""
    return "<" + ", ".join([f"{type_} {value}"] * lanes) + ">"


def merge(f: Function, fold: str, dtype: str, type_: str, x: str, y: str) -> str:
    """x folded with y; type_ is the memory type of dtype or a vector of it. nan wins in max and min, x first."""
    if fold in PLAIN:
        return f.let(f"{'f' if is_float(type_) else ''}{PLAIN[fold]} {type_} {x}, {y}")
    mask = type_[: type_.index("x") + 2] + "i1>" if type_.startswith("<") else "i1"
    keep = f.let(_beats(fold, dtype, strict=False) + f" {type_} {x}, {y}")
    if is_float(type_):
        keep = f.let(f"or {mask} {keep}, {f.let(f'fcmp uno {type_} {x}, {x}')}")
    return f.let(f"select {mask} {keep}, {type_} {x}, {type_} {y}")


def _beats(fold: str, dtype: str, strict: bool) -> str:
    """The instruction that says x wins against y."""
    larger = fold in ("max", "argmax")
    word = ("g" if larger else "l") + ("t" if strict else "e")
    return f"fcmp o{word}" if KINDS[dtype] == "f" else f"icmp {'s' if KINDS[dtype] == 'i' else 'u'}{word}"


def _better(f: Function, fold: str, dtype: str, new: str, old: str) -> str:
    """i1: does `new` replace `old` as the first best (nan beats everything but nan)?"""
    type_ = MEMORY[dtype]
    wins = f.let(_beats(fold, dtype, strict=True) + f" {type_} {new}, {old}")
    if KINDS[dtype] != "f":
        return wins
    nan, old_fine = f.let(f"fcmp uno {type_} {new}, {new}"), f.let(f"fcmp ord {type_} {old}, {old}")
    return f.let(f"or i1 {wins}, {f.let(f'and i1 {nan}, {old_fine}')}")


def _define(f: Function, name: str) -> Text:
    return name, f.text(), frozenset(f.declares)


# ---- blocks: everything folded into one value ------------------------------------------------------------------------


@cache
def init(fold: str, dtype: str) -> Text:
    """state -> ready to take blocks. A few stores: each kernel has its own."""
    name = f"ft.init.{fold}.{dtype}"
    f = Function("void", name, "ptr %state", "alwaysinline")
    f.store("i64", "0", "%state")
    f.store("i64", "0", f.element("i8", "%state", 8))
    f.store(MEMORY[dtype], identity(fold, dtype), f.element("i8", "%state", STATE))
    f.ret()
    return _define(f, name)


def state_bytes(dtype: str) -> int:
    """The size of a state."""
    return STATE + TREE * ITEMSIZE[dtype]


@cache
def flush(fold: str, dtype: str) -> Text:
    """(buffer, count <= BLOCK, state): fold the buffer's elements into the state."""
    name = f"ftrans.flush.{fold}.{dtype}"
    f = Function("void", name, "ptr noalias %buffer, i64 %count, ptr noalias %state")
    with f.when(f.let("icmp sgt i64 %count, 0")):
        block = _block(f, fold, dtype)
        if fold in ("argmax", "argmin"):
            _take_best(f, fold, dtype, block)
        elif fold in ("sum", "prod") and KINDS[dtype] == "f":
            _push(f, fold, dtype, block)
        else:
            type_, kept = MEMORY[dtype], f.element("i8", "%state", STATE)
            f.store(type_, merge(f, fold, dtype, type_, f.load(type_, kept), block), kept)
    f.ret()
    return _define(f, name)


def _block(f: Function, fold: str, dtype: str) -> str:
    """The elements of %buffer folded lane by lane, the last vector filled up with the identity, then by halves."""
    type_ = MEMORY[dtype]
    vector, mask = f"<{LANES} x {type_}>", f"<{LANES} x i1>"
    filler = splat(identity(fold, dtype), type_, LANES)
    total, nan = f.alloca(vector), f.alloca(mask)
    f.store(vector, filler, total)
    f.store(mask, "zeroinitializer", nan)

    def take(values: str) -> None:
        """max and min of floats keep nan apart: two short chains of instructions instead of a long one."""
        if KINDS[dtype] == "f" and fold not in ("sum", "prod"):
            seen = f.let(f"fcmp uno {vector} {values}, {values}")
            f.store(mask, f.let(f"or {mask} {f.load(mask, nan)}, {seen}"), nan)
            old = f.load(vector, total)
            wins = f.let(_beats(fold, dtype, strict=True) + f" {vector} {values}, {old}")
            f.store(vector, f.let(f"select {mask} {wins}, {vector} {values}, {vector} {old}"), total)
        else:
            f.store(vector, merge(f, fold, dtype, vector, f.load(vector, total), values), total)

    full = f.let(f"and i64 %count, {-LANES}")
    with f.loop(full, step=LANES) as i:
        take(f.load(vector, f.element(type_, "%buffer", i), align=ITEMSIZE[dtype]))
    rest = f.let(f"sub i64 %count, {full}")
    with f.when(f.let(f"icmp sgt i64 {rest}, 0")):
        take(_load_first(f, vector, f.element(type_, "%buffer", full), rest, ITEMSIZE[dtype], filler))
    result, lanes = f.load(vector, total), LANES
    while lanes > 1:
        whole, half = f"<{lanes} x {type_}>", lanes // 2
        picks = [_mask(range(k * half, (k + 1) * half)) for k in (0, 1)]
        parts = [f.let(f"shufflevector {whole} {result}, {whole} poison, {pick}") for pick in picks]
        result, lanes = merge(f, fold, dtype, f"<{half} x {type_}>", *parts), half
    result = f.let(f"extractelement <1 x {type_}> {result}, i64 0")
    if KINDS[dtype] != "f" or fold in ("sum", "prod"):
        return result
    bits = f.let(f"bitcast {mask} {f.load(mask, nan)} to i{LANES}")
    some = f.let(f"icmp ne i{LANES} {bits}, 0")
    return f.let(f"select i1 {some}, {type_} {literal(float('nan'), type_)}, {type_} {result}")


def _load_first(f: Function, vector: str, pointer: str, count: str, align: int, filler: str) -> str:
    """The first `count` elements behind a pointer, the other lanes from filler; nothing beyond them is read."""
    lanes = f"<{LANES} x i64>"
    numbers = "<" + ", ".join(f"i64 {k}" for k in range(LANES)) + ">"
    one = f.let(f"insertelement {lanes} poison, i64 {count}, i64 0")
    all_ = f.let(f"shufflevector {lanes} {one}, {lanes} poison, <{LANES} x i32> zeroinitializer")
    mask = f.let(f"icmp slt {lanes} {numbers}, {all_}")
    name = f"llvm.masked.load.v{LANES}{vector.split(' x ')[1][:-1].replace('double', 'f64').replace('float', 'f32')}.p0"
    f.declares.add(f"declare {vector} @{name}(ptr, i32, <{LANES} x i1>, {vector})")
    return f.let(f"call {vector} @{name}(ptr {pointer}, i32 {align}, <{LANES} x i1> {mask}, {vector} {filler})")


def _mask(lanes: range) -> str:
    return f"<{len(lanes)} x i32> <{', '.join(f'i32 {lane}' for lane in lanes)}>"


def _push(f: Function, fold: str, dtype: str, block: str) -> None:
    """Add a block to the tree: like adding one to a binary counter whose digits hold partial results."""
    type_, levels = MEMORY[dtype], f.element("i8", "%state", STATE)
    value, digits, level = f.alloca(type_), f.alloca("i64"), f.alloca("i64")
    count = f.load("i64", "%state")
    f.store("i64", f.let(f"add i64 {count}, 1"), "%state")
    f.store(type_, block, value)
    f.store("i64", count, digits)
    f.store("i64", "0", level)
    with f.forever() as end:
        rest = f.load("i64", digits)
        f.stop_unless(f.let(f"trunc i64 {rest} to i1"), end)
        here = f.load("i64", level)
        f.store(
            type_,
            merge(f, fold, dtype, type_, f.load(type_, f.element(type_, levels, here)), f.load(type_, value)),
            value,
        )
        f.store("i64", f.let(f"lshr i64 {rest}, 1"), digits)
        f.store("i64", f.let(f"add i64 {here}, 1"), level)
    f.store(type_, f.load(type_, value), f.element(type_, levels, f.load("i64", level)))


def _take_best(f: Function, fold: str, dtype: str, block: str) -> None:
    """Keep the block's best and its index when it beats the one kept; count the elements."""
    type_, kept = MEMORY[dtype], f.element("i8", "%state", STATE)
    base = f.load("i64", "%state")
    f.store("i64", f.let(f"add i64 {base}, %count"), "%state")
    with f.when(_better(f, fold, dtype, block, f.load(type_, kept))):
        f.store(type_, block, kept)
        found = f.let(f"add i64 {base}, {_first_equal(f, fold, dtype, block)}")
        f.store("i64", found, f.element("i8", "%state", 8))


def _first_equal(f: Function, fold: str, dtype: str, block: str) -> str:
    """The index in %buffer of the first element equal to block, which is there; nan equals nan."""
    type_ = MEMORY[dtype]
    vector, filler = f"<{LANES} x {type_}>", splat(identity(fold, dtype), type_, LANES)
    one = f.let(f"insertelement {vector} poison, {type_} {block}, i64 0")
    sought = f.let(f"shufflevector {vector} {one}, {vector} poison, <{LANES} x i32> zeroinitializer")
    position, bits = f.alloca("i64"), f.alloca(f"i{LANES}")
    f.store("i64", "0", position)
    with f.forever() as end:
        here = f.load("i64", position)
        values = _load_first(
            f, vector, f.element(type_, "%buffer", here), f.let(f"sub i64 %count, {here}"), ITEMSIZE[dtype], filler
        )
        equal = f.let(f"{'fcmp oeq' if KINDS[dtype] == 'f' else 'icmp eq'} {vector} {values}, {sought}")
        if KINDS[dtype] == "f":
            nan = f.let(f"fcmp uno {vector} {values}, {values}")
            equal = f.let(f"select i1 {_is_nan(f, type_, block)}, <{LANES} x i1> {nan}, <{LANES} x i1> {equal}")
        found = f.let(f"bitcast <{LANES} x i1> {equal} to i{LANES}")
        f.store(f"i{LANES}", found, bits)
        f.stop_unless(f.let(f"icmp eq i{LANES} {found}, 0"), end)
        f.store("i64", f.let(f"add i64 {here}, {LANES}"), position)
    f.declares.add(f"declare i{LANES} @llvm.cttz.i{LANES}(i{LANES}, i1)")
    lane = f.let(f"call i{LANES} @llvm.cttz.i{LANES}(i{LANES} {f.load(f'i{LANES}', bits)}, i1 true)")
    wide = lane if LANES == 64 else f.let(f"zext i{LANES} {lane} to i64")
    return f.let(f"add i64 {f.load('i64', position)}, {wide}")


def _is_nan(f: Function, type_: str, x: str) -> str:
    return f.let(f"fcmp uno {type_} {x}, {x}")


def _result(f: Function, value: str, dtype: str, stored: str, target: str) -> None:
    """Store a result in the dtype it has in memory: a float16 has been folded as float32."""
    if stored != dtype and stored == "float16":
        value = half.store(f, half.rounded(f, value))
    f.store(MEMORY[stored], value, target, align=ALIGN[MEMORY[stored]])


@cache
def finish(fold: str, dtype: str, stored: str) -> Text:
    """(state, out): store the result."""
    name = f"ftrans.finish.{fold}.{dtype}.{stored}"
    f = Function("void", name, "ptr %state, ptr %out")
    type_, levels = MEMORY[dtype], f.element("i8", "%state", STATE)
    if fold in ("argmax", "argmin"):
        f.store("i64", f.load("i64", f.element("i8", "%state", 8)), "%out")
    elif fold in ("sum", "prod") and KINDS[dtype] == "f":
        value = f.alloca(type_)
        f.store(type_, identity(fold, dtype), value)
        count = f.load("i64", "%state")
        levels_used = f.let(f"sub i64 {TREE}, {f.let(f'call i64 @llvm.ctlz.i64(i64 {count}, i1 false)')}")
        f.declares.add("declare i64 @llvm.ctlz.i64(i64, i1)")
        with f.loop(levels_used) as level:
            digit = f.let(f"trunc i64 {f.let(f'lshr i64 {count}, {level}')} to i1")
            with f.when(digit):
                held = f.load(type_, f.element(type_, levels, level))
                f.store(type_, merge(f, fold, dtype, type_, held, f.load(type_, value)), value)
        _result(f, f.load(type_, value), dtype, stored, "%out")
    else:
        _result(f, f.load(type_, levels), dtype, stored, "%out")
    f.ret()
    return _define(f, name)


# ---- columns: rows folded into one accumulator per column ------------------------------------------------------------


def levels_of(fold: str, dtype: str) -> int:
    """How many accumulators a column has."""
    return LEVELS if fold in ("sum", "prod") and KINDS[dtype] == "f" else 1


@cache
def column_init(fold: str, dtype: str) -> Text:
    """(accumulators, indices, m): make m columns empty."""
    name = f"ftrans.column_init.{fold}.{dtype}"
    f = Function("void", name, "ptr noalias %acc, ptr noalias %index, i64 %m")
    type_ = MEMORY[dtype]
    with f.loop("%m") as j:
        for level in range(levels_of(fold, dtype)):
            f.store(type_, identity(fold, dtype), f.element(f"[{TILE} x {type_}]", f.element(type_, "%acc", j), level))
        if fold in ("argmax", "argmin"):
            f.store("i64", "0", f.element("i64", "%index", j))
    f.ret()
    return _define(f, name)


@cache
def column_step(fold: str, dtype: str) -> Text:
    """(accumulators, indices, row of values, m, row number): fold one row of m columns in."""
    name = f"ftrans.column_step.{fold}.{dtype}"
    parameters = "ptr noalias %acc, ptr noalias %index, ptr noalias %row, i64 %m, i64 %number"
    f = Function("void", name, parameters)
    type_ = MEMORY[dtype]
    with f.loop("%m") as j:
        kept = f.element(type_, "%acc", j)
        old, new = f.load(type_, kept), f.load(type_, f.element(type_, "%row", j))
        if fold in ("argmax", "argmin"):
            wins, where = _better(f, fold, dtype, new, old), f.element("i64", "%index", j)
            f.store(type_, f.let(f"select i1 {wins}, {type_} {new}, {type_} {old}"), kept)
            f.store("i64", f.let(f"select i1 {wins}, i64 %number, i64 {f.load('i64', where)}"), where)
        else:
            f.store(type_, merge(f, fold, dtype, type_, old, new), kept)
    f.ret()
    return _define(f, name)


@cache
def column_carry(fold: str, dtype: str) -> Text:
    """(accumulators, m, rows so far): after every RADIX rows, pass each accumulator's content to the next level."""
    name = f"ftrans.column_carry.{fold}.{dtype}"
    f = Function("void", name, "ptr %acc, i64 %m, i64 %rows")
    type_ = MEMORY[dtype]
    for level in range(LEVELS - 1):
        full = f.let(f"icmp eq i64 {f.let(f'urem i64 %rows, {RADIX ** (level + 1)}')}, 0")
        with f.when(full), f.loop("%m") as j:
            this = f.element(type_, "%acc", f.let(f"add i64 {j}, {level * TILE}"))
            above = f.element(type_, "%acc", f.let(f"add i64 {j}, {(level + 1) * TILE}"))
            f.store(type_, merge(f, fold, dtype, type_, f.load(type_, above), f.load(type_, this)), above)
            f.store(type_, identity(fold, dtype), this)
    f.ret()
    return _define(f, name)


@cache
def column_finish(fold: str, dtype: str, stored: str) -> Text:
    """(accumulators, indices, out, byte stride of out, m): store the results of m columns."""
    name = f"ftrans.column_finish.{fold}.{dtype}.{stored}"
    f = Function("void", name, "ptr noalias %acc, ptr noalias %index, ptr noalias %out, i64 %stride, i64 %m", "noinline")
    type_ = MEMORY[dtype]
    with f.loop("%m") as j:
        target = f.offset("%out", j, "%stride")
        if fold in ("argmax", "argmin"):
            f.store("i64", f.load("i64", f.element("i64", "%index", j)), target, align=8)
        else:
            value = f.load(type_, f.element(type_, "%acc", f.let(f"add i64 {j}, {(levels_of(fold, dtype) - 1) * TILE}")))
            for level in reversed(range(levels_of(fold, dtype) - 1)):
                part = f.load(type_, f.element(type_, "%acc", f.let(f"add i64 {j}, {level * TILE}")))
                value = merge(f, fold, dtype, type_, value, part)
            _result(f, value, dtype, stored, target)
    f.ret()
    return _define(f, name)
