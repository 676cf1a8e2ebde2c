"""Make the tables that the compiled runtime carries out, and the builtins that call it.

native = Native(segment)                    # the tables of a segment, and what they point to
run = native.on_list(slots)                 # run(list): True when done, False when an input does not fit, nothing done
call = call_builtin(table, keep)            # a whole call from Python to Python; jit/direct.py makes its table
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ...config import config, watchers
from ...core.aval import Aval
from ...lowering.group import Group
from ...lowering.segment import Place, Segment
from ...lowering.tape import RefusedError
from . import layout, threads
from .columns import ANY, UNSIGNED, Kind, Made, Program, Run, Where

RELEASE = 50e-6  # seconds of work from which on the GIL is released
INPUT = Place("in", 0)
INT64 = (-(2**63), 2**63 - 1)
PYTHON = {"float64": float, "int64": int, "bool": bool, "complex128": complex}
PYTHON_MADE = {"f": Made.FLOAT, "i": Made.INT, "b": Made.BOOL, "c": Made.COMPLEX}


class Table(np.ndarray):  # type: ignore[type-arg]
    """Numbers, which compiled code reads as it reads any ndarray's, and what their addresses point to."""

    keep: Any


def table_of(numbers: Sequence[int], keep: Any) -> Table:
    """The table that keeps these objects alive."""
    table = np.array(numbers, np.int64).view(Table)
    table.keep = keep
    return table


class Native:
    """The program of a segment as tables. `keep` holds what their addresses point to.

    wanted: the outputs a caller gets, in order and perhaps repeated; the segment's own by default.
    scalars: make outputs without dimensions NumPy scalars, or Python numbers where they are weak, as a caller is to see them; a
        tape keeps them as arrays. types: the exact class of each scalar input, for callers that have not looked at it.
    """

    def __init__(
        self, segment: Segment, scalars: bool = False, types: Sequence[Any] | None = None, wanted: Sequence[int] | None = None
    ) -> None:
        self.segment, self.scalars = segment, scalars
        self.keep: list[Any] = [g.compiled for g in segment.groups]
        self.strides: dict[tuple[Any, ...], int] = {}
        self.number = {v: k for k, v in enumerate(segment.ins)}
        others = sorted(segment.places, key=lambda v: segment.places[v].where == "as")  # after what they refer to
        self.number |= {v: len(segment.ins) + k for k, v in enumerate(others)}
        self.order = list(segment.outs if wanted is None else wanted)
        self.first: dict[int, int] = {}  # the first output that a variable is
        for k, v in enumerate(self.order):
            self.first.setdefault(v, k)
        self.overwritten = {p.number for p in segment.places.values() if p.where == "as" and p.number in segment.ins}
        required = self.required()
        bounds = self.bounds()
        inputs = [
            [*self.input(v, required.get(v, 0), types[k] if types else None), *bounds.get(v, INT64)]
            for k, v in enumerate(segment.ins)
        ]
        values = [self.value(v) for v in others]
        outputs = [self.output(v, self.first[v], k) for k, v in enumerate(self.order)]
        runs = [self.run(run) for run in segment.runs]
        table = [0] * Program.SIZE
        empty, scalar = layout.array_functions()
        release = segment.seconds > RELEASE or any([run.threads > 1 for run in segment.runs])
        products = any([g.kernel.coarse for g in segment.groups])
        blas_get, blas_set = threads.addresses() if products else (0, 0)
        for field, number in {
            Program.NDARRAY: id(np.ndarray), Program.INPUTS: len(inputs), Program.INPUT_ROWS: self.rows(inputs),
            Program.VALUES: len(self.number), Program.VALUE_ROWS: self.rows(values),
            Program.OUTPUTS: len(outputs), Program.OUTPUT_ROWS: self.rows(outputs),
            Program.RUNS: len(runs), Program.RUN_ROWS: self.rows(runs),
            Program.ARENA: segment.arena, Program.RELEASE: release, Program.INT: id(int), Program.BOOL: id(bool),
            Program.TRUE: id(True), Program.FALSE: id(False), Program.EMPTY: empty, Program.SCALAR: scalar,
            Program.BLAS_GET: blas_get, Program.BLAS_SET: blas_set,
            Program.DIMENSIONS: sum([segment.avals[v].ndim for v in segment.ins]),
        }.items():  # fmt: skip
            table[field] = number
        self.address = self.words(table)

    # Memory for the tables

    def words(self, numbers: Sequence[int]) -> int:
        """The address of these numbers."""
        if not len(numbers):
            return 0
        array = np.array(numbers, np.int64)
        self.keep.append(array)
        return int(array.ctypes.data)

    def rows(self, rows: Sequence[Sequence[int]]) -> int:
        """The address of rows, one behind the other."""
        return self.words([number for row in rows for number in row])

    def strides_of(self, a: Aval) -> int:
        """The address of the strides of a C-contiguous array."""
        key = (a.shape, a.dtype.itemsize)
        if key not in self.strides:
            self.strides[key] = self.words(contiguous_strides(a)) or self.words([0])
        return self.strides[key]

    # Rows

    def required(self) -> dict[int, Any]:
        """What inputs must satisfy where they are not C-contiguous: 1 for no mercy, or a stride for each dimension."""
        found: dict[int, Any] = {}
        for g in self.segment.groups:
            for v, walk, joined, operand in zip(g.ins, g.nest.walks, g.nest.joined, g.kernel.operands, strict=False):
                if joined:
                    found[v] = 1
                elif operand.inner == "c" and found.get(v) != 1:
                    found.setdefault(v, [ANY] * self.segment.avals[v].ndim)[walk[-1]] = self.segment.avals[v].dtype.itemsize
        return found

    def bounds(self) -> dict[int, tuple[int, int]]:
        """Between which numbers inputs that are Python ints must be."""
        found: dict[int, tuple[int, int]] = {}
        for g in self.segment.groups:
            for k, (low, high) in g.bounds.items():
                least, most = found.get(g.ins[k], (low, high))
                found[g.ins[k]] = max(low, least), min(high, most)
        return {v: (low, UNSIGNED if high == 2**64 - 1 else high) for v, (low, high) in found.items()}

    def input(self, v: int, required: Any, type_: Any) -> list[int]:
        a = self.segment.avals[v]
        descr, dims = np.dtype(a.dtype.name), self.words(a.shape)
        self.keep.append(descr)
        needs = required if isinstance(required, int) else self.words(required)
        kind = Kind.SCALAR if a.shape == () else Kind.OWNED if v in self.overwritten else Kind.ARRAY
        scalars = [id(a.dtype.type), id(PYTHON.get(a.dtype.name))]  # None is no object's class
        return [kind, 0 if type_ is None else id(type_), *scalars, id(descr), a.ndim, dims, self.strides_of(a), needs]

    def value(self, v: int) -> list[int]:
        place, strides = self.segment.places[v], self.strides_of(self.segment.avals[v])
        if place.where == "out":
            return [Where.OUTPUT, self.first[v], strides]
        if place.where == "as":
            return [Where.VALUE, self.number[place.number], strides]
        return [Where.ARENA, place.number, strides]  # a local one is moved by each thread

    def output(self, v: int, first: int, k: int) -> list[int]:
        """The row of the k-th output, which is the same object as the first of the same variable."""
        a, place = self.segment.avals[v], self.segment.places[v]
        if place.where == "as" and place.number in self.overwritten:  # an input's array: it stands before the outputs
            return [Made.SAME, 0, 0, 0, self.number[place.number] - len(self.segment.ins)]
        descr = np.dtype(a.dtype.name)
        self.keep.append(descr)
        kind = Made.ARRAY
        if self.scalars and not a.shape and (a.weak or a.scalar):
            kind = PYTHON_MADE[a.dtype.kind] if a.weak else Made.SCALAR
        return [kind if k == first else Made.SAME, id(descr), a.ndim, self.words(a.shape), first]

    def owner(self, v: int) -> Place:
        """The place of the value whose memory a value is in."""
        place = self.segment.places.get(v, INPUT)
        return self.segment.places.get(place.number, INPUT) if place.where == "as" else place

    def run(self, run: Any) -> list[int]:
        if run.guard is not None:
            return [self.number[run.guard], self.segment.avals[run.guard].dtype.itemsize, 0, 0, *[0] * (Run.SIZE - 4)]
        steps = [self.step(g, axis, unit, run.chunks > 1) for g, axis, unit in run.steps]
        made = {v for g, _, _ in run.steps for v in g.outs}
        places = [(v, self.owner(v)) for v, p in self.segment.places.items() if v in made or (p.where == "as" and p.number in made)]
        local = [(self.number[v], place.number) for v, place in places if place.where == "local"]
        return [
            len(steps), self.rows(steps), run.chunks, run.chunk, run.extent, run.threads,
            run.scratch, run.scratch_bytes, len(local), self.rows(local),
        ]  # fmt: skip

    def step(self, g: Group, axis: int, unit: int, blocks: bool) -> list[int]:
        rows = []
        for n, (v, walk) in enumerate(zip((*g.ins, *g.outs), g.nest.walks, strict=True)):
            starts = [(dim, start) for dim, start in enumerate(g.nest.starts[n]) if start]
            pairs = [number for pair in starts for number in pair]
            rows.append(
                [self.number[v], len(starts), int(blocks and self.owner(v).where != "local"), *walk, *g.nest.steps[n], *pairs]
            )
        address = g.compiled.address
        return [address, g.kernel.naxes, len(rows), self.words(g.nest.sizes), self.rows(rows), axis, unit]

    # Builtins

    def on_list(self, slots: Sequence[int]) -> Callable[[list[Any]], bool]:
        """The program on a list: the slot of each input, then of each output."""
        return builtin("ftrans_list", METH_O, table_of([self.address, *slots], self))  # type: ignore[no-any-return]


def call_builtin(table: Sequence[int], keep: list[Any]) -> Any:
    """The builtin for whole calls; `keep` are the objects that the table points to."""
    return builtin("ftrans_call", METH_FAST_KEYWORDS, table_of(table, keep))


def contiguous_strides(a: Aval) -> list[int]:
    """The byte strides of a C-contiguous array."""
    strides, step = [], a.dtype.itemsize
    for n in reversed(a.shape):
        strides.append(step)
        step *= n
    return strides[::-1]


def segment_step(segment: Segment, slot_of: dict[int, int]) -> Callable[[list[Any]], None]:
    """The step of a tape that runs a segment; inputs whose layout does not fit are copied."""
    inputs = [slot_of[v] for v in segment.ins]
    run = Native(segment).on_list([*inputs, *[slot_of[v] for v in segment.outs]])
    dtypes = [(s, np.dtype(segment.avals[v].dtype.name)) for s, v in zip(inputs, segment.ins, strict=True)]

    def step(e: list[Any]) -> None:
        if run(e):
            return
        for s, dtype in dtypes:
            if isinstance(e[s], np.ndarray):
                fresh = np.empty(e[s].shape, dtype)  # of this very dtype object: np.array would keep an equal one
                fresh[...] = e[s]
                e[s] = fresh
        if not run(e):
            raise RefusedError

    return step


class MethodDef(ctypes.Structure):
    """CPython's PyMethodDef."""

    _fields_ = (("name", ctypes.c_char_p), ("meth", ctypes.c_void_p), ("flags", ctypes.c_int), ("doc", ctypes.c_char_p))


METH_O, METH_FAST_KEYWORDS = 0x0008, 0x0080 | 0x0002

_methods: dict[str, MethodDef] = {}
new_builtin = ctypes.pythonapi.PyCFunction_NewEx
new_builtin.restype = ctypes.py_object
new_builtin.argtypes = [ctypes.c_void_p, ctypes.py_object, ctypes.c_void_p]


def set_runtime(addresses: dict[str, int]) -> None:
    """Tell where the functions of the runtime are; the first ones told stay."""
    if not _methods:
        layout.check()
        for name, flags in (("ftrans_list", METH_O), ("ftrans_call", METH_FAST_KEYWORDS)):
            _methods[name] = MethodDef(name.encode(), addresses[name], flags, b"A compiled program.")
        set_threads = ctypes.CFUNCTYPE(None, ctypes.c_int64)(addresses["ftrans_set_threads"])
        set_threads(config.threads)
        watchers.setdefault("threads", []).append(set_threads)
        threads.library("numpy")  # how many it has before programs run
        threads.through[0] = ctypes.PYFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int64)(addresses["ftrans_blas_threads"])


def builtin(name: str, flags: int, table: Table) -> Any:
    """A builtin function whose self is this table."""
    return new_builtin(ctypes.addressof(_methods[name]), table, None)
