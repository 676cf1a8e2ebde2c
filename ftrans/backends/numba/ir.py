"""Emit a kernel as an LLVM module: `emit(kernel).text` defines `void @<name>(ptr sizes, ptr arguments)`.

`sizes` are the loop sizes (i64); `arguments` hold for every operand (inputs, then outputs) its address and its byte
stride along every loop axis. Three forms cover every kernel; kept axes are moved outwards, which changes no result:

    elementwise   kept loops, the innermost a call of `ft.elements`
    trailing      kept loops; in them reduced loops whose innermost evaluates into buffers (fold.flush takes them)
    leading       kept loops; tiles of the innermost kept axis; in them reduced loops folding row by row

`ft.elements` is the loop LLVM vectorises: one axis, distinct memory, strides known as 'c' or '0' where they are.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from typing import NamedTuple

from ...lowering.builder import PART
from ...lowering.loops import ITEMSIZE, Inner, Kernel, Operand
from . import fold, half, vecmath
from .asm import ALIGN, MEMORY, Function, Module, Text, Val, vector_of
from .ops import IRBuilder

INLINED = 4
"""So many routines are inlined; with more, all are called."""

PLAIN = ["!0 = distinct !{!0}"]
"""What LLVM is told about the loop over elements: nothing."""

INTERLEAVED = 50
"""With more operations than these, two vectors in turns are not worth the time to compile them."""

WITH_INLINED = ["!0 = distinct !{!0, !1}", '!1 = !{!"llvm.loop.interleave.count", i32 2}']
"""With routines inlined: two vectors in turns, since each waits for its own long chain of operations; 5 to 15 % faster."""

WITH_ROUTINES = [
    "!0 = distinct !{!0, !1, !2, !3}",
    f'!1 = !{{!"llvm.loop.vectorize.width", i32 {vecmath.LANES}}}',
    '!2 = !{!"llvm.loop.interleave.count", i32 1}',
    '!3 = !{!"llvm.loop.unroll.disable"}',
]
"""With calls of routines: take as many elements at once as their vector form does."""


class Emitted(NamedTuple):
    """A module's text, the name of its entry, the functions it shares with other modules and does not define, and the
    cost of one element in tenths of a nanosecond."""

    text: str
    name: str
    shared: tuple[Text, ...]
    cost: int


class Sink(NamedTuple):
    """Where `ft.elements` puts a value: stored at a stride class, or folded into what is there (`fold`).

    part: 0 or 1 for the real or the imaginary part of a complex value alone, as its dtype.
    """

    value: int
    dtype: str
    inner: Inner
    fold: str | None = None
    inplace: int | None = None
    part: int = 0


class Fold(NamedTuple):
    """What is folded: an output, or one part of a complex one.

    which, dtype: names the functions of fold.py; stored: the dtype of the result in memory. A sum of float16 is one of float32.
    value, part: the value, and 0 or 1 for the part. output: the number of the output; offset: of the part in it, in bytes.
    """

    which: str
    dtype: str
    stored: str
    value: int
    part: int
    output: int
    offset: int


def emit(kernel: Kernel, name: str = "kernel") -> Emitted:
    """The kernel as an LLVM module."""
    return _Emitter(kernel, name).emit()


class _Emitter:
    """One kernel on its way to text: operands' addresses and strides as names in the kernel function."""

    def __init__(self, kernel: Kernel, name: str) -> None:
        self.kernel, self.name = kernel, name
        self.module = Module()
        self.f = Function("void", name, "ptr noalias %sizes, ptr noalias %arguments")
        self.sizes: list[str] = []
        self.strides: list[list[str]] = []
        self.cost = 0
        self.heavy = False
        self.module.metadata = PLAIN

    def emit(self) -> Emitted:
        kernel = self.kernel
        pointers = self._prologue()
        if not any(kernel.reduced):
            self._elementwise(pointers)
        elif kernel.reduced[-1]:
            self._trailing(pointers)
        else:
            self._leading(pointers)
        self.f.ret()
        self.module.add_function(self.name, self.f)
        return Emitted(self.module.text(), self.name, tuple(self.module.shared.values()), self.cost)

    def _prologue(self) -> list[str]:
        """Load sizes, addresses and strides; a kernel without axes runs once."""
        f, n = self.f, self.kernel.naxes
        self.sizes = [f.load("i64", f.element("i64", "%sizes", axis)) for axis in range(n)] or ["1"]
        pointers = []
        for k, operand in enumerate(self.kernel.operands):
            first = k * (n + 1)
            pointers.append(f.load("ptr", f.element("i64", "%arguments", first)))
            self.strides.append(
                [
                    f.load("i64", f.element("i64", "%arguments", first + 1 + axis)) if moves else "0"
                    for axis, moves in enumerate(operand.moves)
                ]
                or ["0"]
            )
        return pointers

    # ---- the three forms

    def _elementwise(self, pointers: list[str]) -> None:
        sinks = [Sink(out.value, out.operand.dtype, _inner(out.operand), None, out.inplace) for out in self.kernel.outputs]
        self._define_elements(sinks)
        with ExitStack() as stack:
            pointers = self._loops(stack, range(len(self.sizes) - 1), pointers)
            self._call_elements(pointers, self._last_strides(), self.sizes[-1])

    def _trailing(self, pointers: list[str]) -> None:
        f, kernel = self.f, self.kernel
        folds = self._folds()
        self._define_elements([Sink(x.value, x.dtype, "c", part=x.part) for x in folds])
        buffers = [f.alloca(MEMORY[x.dtype], fold.BLOCK) for x in folds]
        states = [f.alloca("i8", fold.state_bytes(x.dtype)) for x in folds]
        filled = f.alloca("i64")
        kept = [axis for axis in range(kernel.naxes) if not kernel.reduced[axis]]
        reduced = [axis for axis in range(kernel.naxes) if kernel.reduced[axis]]

        def flush(count: str) -> None:
            for x, buffer, state in zip(folds, buffers, states, strict=True):
                self._call(fold.flush(x.which, x.dtype), f"ptr {buffer}", f"i64 {count}", f"ptr {state}")

        with ExitStack() as outer:
            pointers = self._loops(outer, kept, pointers)
            for x, state in zip(folds, states, strict=True):
                begin = fold.init(x.which, x.dtype)
                self.module.add(*begin)
                f.do(f"call void @{begin[0]}(ptr {state})")
            f.store("i64", "0", filled)
            with ExitStack() as inner:
                row = self._loops(inner, reduced[:-1], pointers)
                start = self._row_directly(row, filled, states, everything=len(reduced) == 1)
                self._row_into_buffers(row, start, buffers, filled, flush)
            flush(f.load("i64", filled))
            for x, state in zip(folds, states, strict=True):
                self._call(fold.finish(x.which, x.dtype, x.stored), f"ptr {state}", f"ptr {self._target(pointers, x)}")

    def _row_directly(self, row: list[str], filled: str, states: list[str], everything: bool) -> str:
        """Fold whole blocks (or everything) from where they lie, if the outputs fold plain contiguous inputs and the
        buffers are empty; returns how much of the row is done."""
        f, inputs, folds = self.f, self.kernel.inputs, self._folds()
        if not all(x.value < len(inputs) and _is_row(inputs[x.value], x.dtype) for x in folds):
            return "0"
        size, done = self.sizes[-1], f.alloca("i64")
        f.store("i64", "0", done)
        empty = f.let(f"icmp eq i64 {f.load('i64', filled)}, 0")
        smallest = 1 if everything else fold.BLOCK
        with f.when(empty), f.forever() as end:
            start = f.load("i64", done)
            left = f.let(f"sub i64 {size}, {start}")
            f.stop_unless(f.let(f"icmp sge i64 {left}, {smallest}"), end)
            count = self._smaller(left, str(fold.BLOCK))
            for x, state in zip(folds, states, strict=True):
                block = f.element(MEMORY[x.dtype], row[x.value], start)
                self._call(fold.flush(x.which, x.dtype), f"ptr {block}", f"i64 {count}", f"ptr {state}")
            f.store("i64", f.let(f"add i64 {start}, {count}"), done)
        return f.load("i64", done)

    def _row_into_buffers(self, row: list[str], start: str, buffers: list[str], filled: str, flush: Callable[[str], None]) -> None:
        """Evaluate the innermost axis from start on into the buffers, flushing whenever they are full."""
        f, kernel = self.f, self.kernel
        size, last, inputs = self.sizes[-1], self._last_strides(), len(kernel.inputs)
        dtypes = [x.dtype for x in self._folds()]
        done = f.alloca("i64")
        f.store("i64", start, done)
        with f.forever() as end:
            start, used = f.load("i64", done), f.load("i64", filled)
            left = f.let(f"sub i64 {size}, {start}")
            f.stop_unless(f.let(f"icmp sgt i64 {left}, 0"), end)
            count = self._smaller(left, f.let(f"sub i64 {fold.BLOCK}, {used}"))
            here = [f.offset(p, start, s) for p, s in zip(row[:inputs], last[:inputs], strict=True)]
            targets = [f.element(MEMORY[dtype], b, used) for b, dtype in zip(buffers, dtypes, strict=True)]
            self._call_elements(here + targets, last[:inputs] + [str(ITEMSIZE[dtype]) for dtype in dtypes], count)
            f.store("i64", f.let(f"add i64 {start}, {count}"), done)
            now = f.let(f"add i64 {used}, {count}")
            full = f.let(f"icmp eq i64 {now}, {fold.BLOCK}")
            f.store("i64", f.let(f"select i1 {full}, i64 0, i64 {now}"), filled)
            with f.when(full):
                flush(str(fold.BLOCK))

    def _leading(self, pointers: list[str]) -> None:
        f, kernel = self.f, self.kernel
        folds = self._folds()
        accumulators = [f.alloca(MEMORY[x.dtype], fold.TILE * fold.levels_of(x.which, x.dtype)) for x in folds]
        indices = [f.alloca("i64", fold.TILE) if x.which in ("argmax", "argmin") else "null" for x in folds]
        direct = self._define_rows(folds)
        rows = accumulators if direct else [f.alloca(MEMORY[x.dtype], fold.TILE) for x in folds]
        number = f.alloca("i64")
        kept = [axis for axis in range(kernel.naxes) if not kernel.reduced[axis]]
        reduced = [axis for axis in range(kernel.naxes) if kernel.reduced[axis]]
        inputs, last = len(kernel.inputs), self._last_strides()
        with ExitStack() as stack:
            pointers = self._loops(stack, kept[:-1], pointers)
            start = stack.enter_context(f.loop(self.sizes[-1], step=fold.TILE))
            count = self._smaller(f.let(f"sub i64 {self.sizes[-1]}, {start}"), str(fold.TILE))
            here = [f.offset(p, start, s) for p, s in zip(pointers, last, strict=True)]
            for x, acc, index in zip(folds, accumulators, indices, strict=True):
                self._call(fold.column_init(x.which, x.dtype), f"ptr {acc}", f"ptr {index}", f"i64 {count}")
            f.store("i64", "0", number)
            with ExitStack() as inner:
                row = self._loops(inner, reduced, here)
                widths = [str(ITEMSIZE[x.dtype]) for x in folds]
                self._call_elements(row[:inputs] + rows, last[:inputs] + widths, count)
                self._take_row(folds, accumulators, indices, None if direct else rows, number, count)
            for x, acc, index in zip(folds, accumulators, indices, strict=True):
                out = f"ptr {self._target(here, x)}", f"i64 {last[inputs + x.output]}"
                finish = fold.column_finish(x.which, x.dtype, x.stored)
                self._call(finish, f"ptr {acc}", f"ptr {index}", *out, f"i64 {count}")

    def _define_rows(self, folds: list[Fold]) -> bool:
        """`ft.elements` for rows: straight into the accumulators if no index is wanted."""
        direct = not any(x.which in ("argmax", "argmin") for x in folds)
        self._define_elements([Sink(x.value, x.dtype, "c", x.which if direct else None, None, x.part) for x in folds])
        return direct

    def _take_row(
        self,
        folds: list[Fold],
        accs: list[str],
        indices: list[str],
        rows: list[str] | None,
        number: str,
        m: str,
    ) -> None:
        """Fold evaluated rows in (where the elements did not do it themselves), count it, carry to higher levels."""
        f = self.f
        current = f.load("i64", number)
        for k, (x, acc, index) in enumerate(zip(folds, accs, indices, strict=True)):
            if rows is not None:
                arguments = f"ptr {acc}", f"ptr {index}", f"ptr {rows[k]}", f"i64 {m}", f"i64 {current}"
                self._call(fold.column_step(x.which, x.dtype), *arguments)
        following = f.let(f"add i64 {current}, 1")
        f.store("i64", following, number)
        deep = [(x, acc) for x, acc in zip(folds, accs, strict=True) if fold.levels_of(x.which, x.dtype) > 1]
        if deep:
            full = f.let(f"icmp eq i64 {f.let(f'and i64 {following}, {fold.RADIX - 1}')}, 0")
            with f.when(full):
                for x, acc in deep:
                    self._call(fold.column_carry(x.which, x.dtype), f"ptr {acc}", f"i64 {m}", f"i64 {following}")

    # ---- pieces

    def _folds(self) -> list[Fold]:
        """What is folded: every output, but both parts of a complex one."""
        folds = []
        for k, out in enumerate(self.kernel.outputs):
            dtype = self.kernel.value_dtype(out.value)
            one = PART.get(dtype, "float32" if dtype == "float16" else dtype)
            for part in range(2 if dtype in PART else 1):
                stored = one if dtype in PART else out.operand.dtype
                folds.append(Fold(str(out.reduce), one, stored, out.value, part, k, part * ITEMSIZE[one]))
        return folds

    def _target(self, pointers: list[str], x: Fold) -> str:
        """Where the result of a fold goes, given the operands' addresses."""
        pointer = pointers[len(self.kernel.inputs) + x.output]
        return self.f.element("i8", pointer, x.offset) if x.offset else pointer

    def _loops(self, stack: ExitStack, axes: range | list[int], pointers: list[str]) -> list[str]:
        """Open loops over axes, outermost first; returns the operands' addresses inside."""
        for axis in axes:
            index = stack.enter_context(self.f.loop(self.sizes[axis]))
            pointers = [
                pointer if strides[axis] == "0" else self.f.offset(pointer, index, strides[axis])
                for pointer, strides in zip(pointers, self.strides, strict=True)
            ]
        return pointers

    def _last_strides(self) -> list[str]:
        return [strides[-1] for strides in self.strides]

    def _smaller(self, x: str, y: str) -> str:
        return self.f.intrinsic("smin", "i64", x, y)

    def _call(self, text: Text, *arguments: str) -> None:
        """Call one of fold's functions."""
        self.module.share(text, ", ".join(argument.split(" ")[0] for argument in arguments))
        self.f.do(f"call void @{text[0]}({', '.join(arguments)})")

    def _call_elements(self, pointers: list[str], strides: list[str], count: str) -> None:
        """Call `ft.elements`. `heavy`: with strides as sums of two numbers.

        Where a stride is one number LLVM vectorises the loop for a stride of one byte only. That is just as well for cheap
        operations, since processors gather slowly, but a routine takes 3 to 5 times as long for single elements.
        """
        f = self.f
        halves = ["0" if s == "0" or not self.heavy else f.let(f"ashr i64 {s}, 1") for s in strides]
        rests = [s if half == "0" else f.let(f"sub i64 {s}, {half}") for s, half in zip(strides, halves, strict=True)]
        numbers = [f"i64 {n}" for n in (*rests, *(halves if self.heavy else ()), count)]
        f.do(f"call void @ft.elements({', '.join([*[f'ptr {p}' for p in pointers], *numbers])})")

    # ---- the vectorised loop

    def _define_elements(self, sinks: list[Sink]) -> None:
        """Define `ft.elements`, with its few routines inlined or its many called; sets `cost`."""
        f, b = self._elements(sinks, inline=False)
        if b.routines:
            inline = len(b.routines) <= INLINED and all(forms.inlined is not None for forms in b.routines)
            self.heavy = True
            f, b = self._elements(sinks, inline)
        if b.inline:
            self.module.metadata = WITH_INLINED if b.routines and len(self.kernel.body) <= INTERLEAVED else PLAIN
            for forms in b.routines:
                self.module.add(*forms.inlined)  # type: ignore[misc]
        elif b.routines:
            self.module.metadata = WITH_ROUTINES
            for forms in b.routines:
                self.module.share(forms.scalar, ", ".join([forms.type] * forms.arity), forms.type)
                vector = vector_of(forms.type, vecmath.LANES)
                self.module.share(forms.vector, ", ".join([vector] * forms.arity), vector)
                self.module.kept.add(forms.vector[0])
        self.module.add_function("ft.elements", f)
        self.cost = b.cost + len(self.kernel.inputs) + len(sinks)

    def _elements(self, sinks: list[Sink], inline: bool) -> tuple[Function, IRBuilder]:
        kernel = self.kernel
        inputs, count = len(kernel.inputs), len(kernel.inputs) + len(sinks)
        parameters = [f"ptr noalias nocapture %p{k}" for k in range(count)]
        parameters += [f"i64 %{'rest' if self.heavy else 's'}{k}" for k in range(count)]
        parameters += [f"i64 %half{k}" for k in range(count) if self.heavy]
        f = Function("void", "ft.elements", ", ".join([*parameters, "i64 %n"]), "noinline")
        for k in range(count if self.heavy else 0):
            f.do(f"%s{k} = add i64 %half{k}, %rest{k}")
        b = IRBuilder(f, inline)
        with f.loop("%n", hint="!0") as i:
            values = [self._load(f, x, k, i) for k, x in enumerate(kernel.inputs)]
            for instr in kernel.body:
                values.append(self._lower(b, instr.op, instr.dtype, [values[arg] for arg in instr.args]))
            for k, sink in enumerate(sinks):
                place = k + inputs if sink.inplace is None else sink.inplace
                _store(f, sink, values[sink.value], f"%p{place}", f"%s{place}", i)
        f.ret()
        return f, b

    @staticmethod
    def _load(f: Function, operand: Operand, k: int, i: str) -> Val:
        dtype, type_ = operand.dtype, MEMORY[operand.dtype]
        place = _place(f, dtype, _inner(operand), f"%p{k}", f"%s{k}", i)
        value = f.load(type_, place, ALIGN[type_])
        if dtype in PART:
            return Val(value, dtype, f.load(type_, f.element(type_, place, 1), ALIGN[type_]))
        if dtype == "bool":
            return Val(f.let(f"icmp ne i8 {value}, 0"), dtype)
        return Val(half.load(f, value) if dtype == "float16" else value, dtype)

    @staticmethod
    def _lower(b: IRBuilder, op: object, dtype: str, args: list[Val]) -> Val:
        value: Val = op.lower(b, *args)  # type: ignore[attr-defined]
        if value.dtype != dtype:
            raise TypeError(f"{op} gave {value.dtype}, its instruction says {dtype}")
        return value


def _inner(operand: Operand) -> Inner:
    """The class of the innermost stride; a kernel without axes has none, so nothing moves."""
    return operand.inner if operand.moves else "0"


def _is_row(operand: Operand, dtype: str) -> bool:
    """Whether an operand holds elements of this dtype side by side along the innermost axis."""
    return operand.dtype == dtype and _inner(operand) == "c"


def _place(f: Function, dtype: str, inner: Inner, pointer: str, stride: str, i: str) -> str:
    """The address of element i of an operand."""
    if inner == "0":
        return pointer
    type_ = f"[2 x {MEMORY[dtype]}]" if dtype in PART else MEMORY[dtype]
    return f.element(type_, pointer, i) if inner == "c" else f.offset(pointer, i, stride)


def _store(f: Function, sink: Sink, value: Val, pointer: str, stride: str, i: str) -> None:
    """Put a value where its sink says."""
    type_ = MEMORY[sink.dtype]
    name = value.imag if sink.part else value.name
    if sink.dtype == "bool":
        name = f.let(f"zext i1 {name} to i8")
    elif sink.dtype == "float16":
        name = half.store(f, name)
    place = _place(f, sink.dtype, sink.inner, pointer, stride, i)
    if sink.fold is not None:
        name = fold.merge(f, sink.fold, sink.dtype, type_, f.load(type_, place, ALIGN[type_]), name)
    f.store(type_, name, place, ALIGN[type_])
    if sink.dtype in PART:
        f.store(type_, value.imag, f.element(type_, place, 1), ALIGN[type_])
