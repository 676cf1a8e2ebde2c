"""Traces and tracers: run a function on tracers inside `with Trace() as t:` and every operation is recorded in t.

A trace is a flat list `[op, in, in, op, in, ...]`; a variable is the position of its equation; the list *is* the key under which
programs are cached. Inputs and constants are `INPUT, aval` and `CONST, aval`: their values are run-time arguments, kept in `vals`
and `consts`. There is one kind of tracer for all transformations. It is a handle: the cell `i` holds the current variable, and
an in-place write puts another variable into it. A `View` also knows its base, and reads and writes through it.

Tracing costs 0.3-0.6 µs an equation. What made it so: no `__init__` on tracers, avals and operations hashed by identity, aval
rules memoised in nested dicts, one flag (`top`) that is false whenever anything unusual is going on.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..errors import Location, WriteError, at_line, is_internal
from .aval import PYTHON_SCALAR, WEAK, Aval
from .primitive import Primitive, infer

ndarray = np.ndarray
getframe = sys._getframe


class InternalFiles(dict[str, bool]):
    """File name -> whether code in it is not the user's: 0.04 µs a frame, `startswith` takes 0.1."""

    def __missing__(self, filename: str) -> bool:
        found = self[filename] = is_internal(filename)
        return found


INTERNAL = InternalFiles()


class Mark:
    """What starts an entry of the trace that is not an equation."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __repr__(self) -> str:
        return self.name


INPUT = Mark("INPUT")
CONST = Mark("CONST")


class Tracer:
    """A traced array: use it as you would an ndarray. `t` is its trace, `i` its variable, `a` its aval."""

    __slots__ = ("__weakref__", "a", "i", "t")
    __array_priority__ = 1000
    t: Trace
    i: int
    a: Aval

    shape = property(lambda self: self.a.shape)
    dtype = property(lambda self: self.a.dtype)
    ndim = property(lambda self: self.a.ndim)
    size = property(lambda self: self.a.size)
    aval = property(lambda self: self.a)
    # isinstance(x, np.ndarray), isinstance(x, float) in the user's code: as of the value; Tracer by type(x) first
    __class__ = property(lambda self: class_of(self.a))


def class_of(a: Aval) -> type:
    """What the value of this aval is an instance of."""
    if a.weak:
        return PYTHON_SCALAR[a.dtype.kind]
    return a.dtype.type if a.scalar else ndarray


class View(Tracer):
    """A tracer that shares memory with `base` through the view operation `lens`: writes go both ways.

    rest: further operands of the lens (the traced index of a row); lens None: it turned out that NumPy makes a copy here.
    """

    __slots__ = ("base", "lens", "rest", "seen")
    base: Tracer
    lens: Primitive | None
    rest: tuple[Tracer, ...]
    seen: int  # the base's variable this view was last computed from


class Current(threading.local):
    """The innermost open trace of this thread."""

    trace: Trace | None = None


current = Current()


class Trace(list[Any]):
    """An open recording. `with Trace() as t` makes it the current one of this thread."""

    __slots__ = (
        "captures", "closed", "consts", "forced", "homes", "ids", "inputs", "laid", "locs", "mark", "masks", "owner", "parent",
        "numbers", "reads", "snapshots", "src", "top", "unstable", "vals", "written",
    )  # fmt: skip

    def __init__(self) -> None:
        self.top = False  # this is the innermost open trace, and the fast paths may append to it
        self.closed = False
        self.parent: Trace | None = None
        self.vals: dict[int, Any] = {}  # variable -> its concrete value (or the tracer of an outer trace that has it)
        self.inputs: list[int] = []
        self.consts: list[Any] = []
        self.ids: dict[int, tuple[int, Any, bytes | None]] = {}  # id of a lifted object -> variable, object, contents
        self.numbers: dict[int, int] = {}  # id of a Python scalar -> its variable
        self.snapshots: list[tuple[ndarray[Any, Any], int]] = []  # captured large arrays and their fingerprints
        self.locs: list[Location | None] = []  # one for each equation
        self.src: Any = None  # the location of all that is recorded now; None: look it up on the stack
        self.mark = 0  # equations before this position have been evaluated
        self.reads: list[Any] = []  # outcomes of the reads so far, in order
        self.forced: Sequence[Any] = ()  # outcomes that are taken as given (a re-trace after a failed guard)
        self.captures = False  # an operand is a tracer of an outer trace
        self.unstable = False  # a captured array changed its contents between two uses
        self.written: set[int] = set()  # inputs that were written to
        self.homes: dict[int, int] = {}  # variable made by a write -> the variable whose memory it is in
        self.laid: set[int] = set()  # inputs and constants whose memory layout decided between view and copy
        self.masks: dict[int, Any] = {}  # variable -> the `where` that put zeros into it (see ops.pointwise.behind_mask)
        self.owner: Any = None  # (transformation, function) that opened it: shown in error messages

    __hash__ = None

    def __enter__(self) -> Trace:
        self.parent = current.trace
        if self.parent is not None:
            self.parent.top = False
        current.trace = self
        self.top = True
        return self

    def __exit__(self, *exc: object) -> None:
        self.top = False
        self.closed = True
        current.trace = self.parent
        if self.parent is not None:
            self.parent.top = True

    def input(self, a: Aval, value: Any = None) -> Tracer:
        """A new input, with its value where there is one."""
        x = Tracer()
        x.t, x.i, x.a = self, len(self), a
        self += (INPUT, a)
        self.inputs.append(x.i)
        if value is not None:
            self.vals[x.i] = value
        return x

    def const(self, value: Any, a: Aval) -> Tracer:
        """A constant: a run-time argument of the program, only its aval is part of the key.

        The same Python scalar, such as a literal in a loop, is one constant. Equal ones are not, since their equality may not last.
        """
        x = Tracer()
        x.t, x.a = self, a
        if a is WEAK.get(type(value)):
            x.i = self.numbers.setdefault(id(value), len(self))
            if x.i != len(self):
                return x
        else:
            x.i = len(self)
        self += (CONST, a)
        self.consts.append(value)
        self.vals[x.i] = value
        return x

    def record(self, op: Primitive, args: Sequence[Tracer]) -> Any:
        """Append one equation; its operands are tracers of this trace."""
        avals = tuple([x.a for x in args])
        out = op.memo.get(avals)
        if out is None:
            out = infer(op, avals)
        pos = len(self)
        self += [op, *[x.i for x in args]]
        src = self.src
        if src is None:
            frame: Any = getframe(1)
            while INTERNAL[frame.f_code.co_filename]:
                frame = frame.f_back
            src = (frame.f_code, frame.f_lasti)
        self.locs.append(src)
        if op.multiple:
            short = len(out) - 1 - len(args)
            if short > 0:  # result k has the position pos + k, so an equation takes at least that many entries
                self += [None] * short
            return tuple([self.tracer(pos + k, a) for k, a in enumerate(out)])
        x = Tracer()
        x.t, x.i, x.a = self, pos, out
        return x

    def tracer(self, i: int, a: Aval) -> Tracer:
        """A handle on an existing variable."""
        x = Tracer()
        x.t, x.i, x.a = self, i, a
        return x


def length(op: Primitive) -> int:
    """How many entries an equation takes in the flat list."""
    return max(op.nin + 1, op.nout)


def equations(t: Sequence[Any], start: int = 0) -> Any:
    """Iterate over the equations of a flat list from position `start` on: (position, op, operands)."""
    i, n = start, len(t)
    while i < n:
        op = t[i]
        if op is INPUT or op is CONST:
            i += 2
            continue
        yield i, op, t[i + 1 : i + 1 + op.nin]
        i += length(op)


def producers(t: Trace) -> dict[int, tuple[Any, list[int]]]:
    """For each variable what made it: (INPUT | CONST | op, operands)."""
    found: dict[int, tuple[Any, list[int]]] = {}
    i, n = 0, len(t)
    while i < n:
        op = t[i]
        if op is INPUT or op is CONST:
            found[i] = (op, [])
            i += 2
            continue
        for k in range(op.nout):
            found[i + k] = (op, t[i + 1 : i + 1 + op.nin])
        i += length(op)
    return found


def shares_memory(v: View) -> bool:
    """Whether v is a view in NumPy; where it is a copy it is a plain tracer from now on. Asked when either is written to."""
    assert v.lens is not None
    shared = v.lens.shares(v.base)
    if shared is None:
        raise WriteError(
            at_line(
                f"whether {v.lens.name} of an array of shape {v.base.a.shape} shares its memory depends on the memory layout, "
                "which is not known here, so a write to one of the two cannot be traced",
                hint="write to the array before taking the other shape of it, or make a copy: x.reshape(...).copy()",
            )
        )
    if not shared:
        v.lens = None
    return shared


def refresh(v: View) -> None:
    """See the writes that were made to the base since the view was computed."""
    base = v.base
    if type(base) is View:
        refresh(base)
    if base.i != v.seen and v.lens is not None:
        t = current.trace
        if t is not v.t:
            raise WriteError(at_line("a view is used inside another transformation after its base was written to"))
        if shares_memory(v):
            v.i = v.t.record(v.lens, (base, *v.rest)).i
            v.seen = base.i


def owner_name(who: str, fun: Any) -> str:
    """`grad(loss)`, for error messages."""
    return f"{who}({getattr(fun, '__name__', type(fun).__name__)})" if fun is not None else who
