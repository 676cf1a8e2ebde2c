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
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..errors import (
    ConcretizationTypeError,
    DtypeError,
    FtransError,
    Location,
    MutationWarning,
    UnexpectedTracerError,
    WriteError,
    at_line,
    describe,
    is_internal,
    shown,
)
from .aval import PYTHON_SCALAR, WEAK, Aval, aval, aval_of
from .primitive import Primitive, infer

getframe = sys._getframe


class InternalFiles(dict[str, bool]):
    """File name -> whether code in it is not the user's: 0.04 µs a frame, `startswith` takes 0.1."""

    def __missing__(self, filename: str) -> bool:
        found = self[filename] = is_internal(filename)
        return found


INTERNAL = InternalFiles()
ndarray = np.ndarray


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
    __class__ = property(lambda self: class_of(self.a))  # type: ignore[assignment]


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
        "reads", "snapshots", "src", "top", "unstable", "vals", "written",
    )  # fmt: skip

    def __init__(self) -> None:
        self.top = False  # this is the innermost open trace, and the fast paths may append to it
        self.closed = False
        self.parent: Trace | None = None
        self.vals: dict[int, Any] = {}  # variable -> its concrete value (or the tracer of an outer trace that has it)
        self.inputs: list[int] = []
        self.consts: list[Any] = []
        self.ids: dict[int, tuple[int, Any, bytes | None]] = {}  # id of a lifted object -> variable, object, contents
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
        """A new constant: a run-time argument of the program, only its aval is part of the key."""
        x = Tracer()
        x.t, x.i, x.a = self, len(self), a
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


# What turns a list that contains tracers into one (set by ops.structural, which knows how to stack).
lift_sequence: list[Callable[[Any], Any]] = []


def lift(t: Trace, x: Any) -> Tracer:
    """Anything an operation may be given -> a tracer of t."""
    kind = type(x)
    if kind is Tracer and x.t is t:
        return x  # type: ignore[no-any-return]
    weak = WEAK.get(kind)
    if weak is not None:
        return t.const(x, weak)
    if isinstance(x, Tracer):
        return lift_tracer(t, x)
    if isinstance(x, ndarray):
        return lift_array(t, x if kind is ndarray else plain_array(x))
    if isinstance(x, np.generic):
        check_dtype(x.dtype)
        return t.const(x, aval_of(x))
    if isinstance(x, list | tuple):
        return lift(t, lift_sequence[0](x))
    if isinstance(x, int | float | complex):  # subclasses of Python's scalars: bool enums, IntEnum
        return lift(t, x.__index__() if isinstance(x, int) else complex(x) if isinstance(x, complex) else float(x))
    if hasattr(x, "__array__"):
        return lift_array(t, np.asarray(x))
    raise DtypeError(at_line(f"cannot trace {shown(x)} of type {kind.__name__}: expected an array or a number"))


def plain_array(x: ndarray[Any, Any], name: str = "a captured array") -> ndarray[Any, Any]:
    """An instance of a subclass of ndarray as a plain array, where that means the same."""
    if isinstance(x, (np.ma.MaskedArray, np.matrix)):
        raise DtypeError(
            at_line(
                f"{name} is a {type(x).__name__}, whose arithmetic is not that of an ndarray",
                hint="pass np.asarray(x), and the mask as an argument of its own",
            )
        )
    own = [c for c in type(x).__mro__[: type(x).__mro__.index(ndarray)] if not OVERRIDES.isdisjoint(vars(c))]
    if own:
        raise DtypeError(
            at_line(
                f"{name} is a {type(x).__name__}, a subclass of ndarray with operators of its own",
                hint="pass np.asarray(x), if ndarray's arithmetic is meant",
            )
        )
    return np.asarray(x)


# Methods by which a subclass of ndarray changes what its arithmetic means.
OVERRIDES = frozenset(
    ["__array_ufunc__", "__array_function__", "__neg__", "__abs__", "__pow__", "__rpow__"]
    + [f"__{kind}{name}__" for kind in ("", "r", "i") for name in ("add", "sub", "mul", "truediv", "matmul")]
)


# bool, the integers, float16/32/64, complex64/128 by their number, which is quicker to get than a name.
TRACED_DTYPES = frozenset([np.dtype(c).num for c in "?bBhHiIlLqQefdFD"])


def check_dtype(dtype: np.dtype[Any]) -> None:
    """Only numbers and booleans are traced."""
    if dtype.num not in TRACED_DTYPES:
        raise DtypeError(
            at_line(
                f"cannot trace an array of dtype {dtype}: ftrans traces booleans, integers, floats and complex numbers",
                hint="keep such data outside of the transformed function, or convert it with .astype(...)",
            )
        )


SMALL = 64  # captured arrays up to this size are copied when recorded, larger ones fingerprinted


def lift_array(t: Trace, x: ndarray[Any, Any]) -> Tracer:
    """A captured ndarray is a constant whose contents are those it has at this use."""
    if t.owner is not None and t.parent is not None and t.parent.owner is not None:
        return lift_tracer(t, lift_array(t.parent, x))  # jit, which may be the outermost, reads it at every call
    known = t.ids.get(id(x))
    if known is not None:
        i, _, contents = known
        if contents is None or x.tobytes() == contents:
            return t.tracer(i, aval(x.shape, x.dtype, False, False))
        t.unstable = True
    check_dtype(x.dtype)
    plain = x if x.dtype.isnative else x.astype(x.dtype.newbyteorder("="))
    if x.size <= SMALL:
        contents, plain = x.tobytes(), plain.copy()
    else:
        contents = None
        t.snapshots.append((x, fingerprint(x)))
    new = t.const(plain, aval(x.shape, plain.dtype, False, False))
    t.ids[id(x)] = (new.i, x, contents)
    return new


# Odd multipliers, one for each place in a block: multiples of 2**64 over the golden ratio (Knuth, TAOCP 6.4).
WEIGHTS = np.arange(1, 8193, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15) | np.uint64(1)


def fingerprint(x: ndarray[Any, Any]) -> int:
    """A checksum of the contents, sensitive to position; 0.1 ms for 1e5 float64."""
    raw = np.ascontiguousarray(x).reshape(-1).view(np.uint8)
    words = raw[: raw.size // 8 * 8].view(np.uint64)
    whole = words.size // WEIGHTS.size * WEIGHTS.size
    rows = words[:whole].reshape(-1, WEIGHTS.size) @ WEIGHTS
    rest = words[whole:]
    tail = int(np.frombuffer(raw[words.size * 8 :].tobytes().ljust(8, b"\0"), np.uint64)[0])
    sums = [*rows.tolist(), int(rest @ WEIGHTS[: rest.size]), tail]
    return hash(tuple(sums))


def check_snapshots(t: Trace) -> None:
    """Raise when a captured array changed during the trace: its earlier uses could no longer be given their contents."""
    for x, before in t.snapshots:
        if fingerprint(x) != before:
            raise WriteError(
                f"an array of shape {x.shape} that the traced function uses was changed while the function ran\n"
                "  pass the array as an argument, or write to a copy made inside the function"
            )


def lift_tracer(t: Trace, x: Tracer) -> Tracer:
    """A view, or a tracer of another trace -> a tracer of t."""
    if isinstance(x, View):
        refresh(x)
    home = x.t
    if home is t:
        return x
    if home.closed:
        return lift(t, collapse(x))
    ancestor = t.parent
    while ancestor is not None and ancestor is not home:
        ancestor = ancestor.parent
    if ancestor is None:
        if current.trace is not None and is_inside(home, t):
            raise UnexpectedTracerError(at_line("a value of an inner transformation reached an outer one before it ended"))
        raise leaked(x)
    key = (id(home) << 64) | x.i
    known = t.ids.get(key)
    if known is not None:
        return t.tracer(known[0], x.a)
    t.captures = True
    outer = home.tracer(x.i, x.a)  # a handle of its own: later writes to x do not reach it
    new = t.const(outer, x.a)
    t.ids[key] = (new.i, outer, None)
    return new


def is_inside(inner: Trace, outer: Trace) -> bool:
    """Whether `inner` was opened while `outer` was open."""
    parent = inner.parent
    while parent is not None and parent is not outer:
        parent = parent.parent
    return parent is outer


def owner_name(who: str, fun: Any) -> str:
    """`grad(loss)`, for error messages."""
    return f"{who}({getattr(fun, '__name__', type(fun).__name__)})" if fun is not None else who


def leaked(x: Tracer) -> UnexpectedTracerError:
    """The error for a tracer used after its trace ended."""
    owner = f" by {owner_name(*x.t.owner)}" if x.t.owner else ""
    return UnexpectedTracerError(
        at_line(
            f"a traced array {x.a} is used after the call that traced it{owner} has ended",
            hint="return the value from the function instead of storing it in a global, an attribute or a list outside",
        )
    )


def collapse(x: Tracer) -> Any:
    """The value of a tracer whose trace has ended, when it depends on no input of it; else an error."""
    t = x.t
    needed, stack = set(), [x.i]
    sources = producers(t)
    while stack:
        i = stack.pop()
        if i in needed:
            continue
        needed.add(i)
        kind, ins = sources[i]
        if kind is INPUT:
            raise leaked(x)
        stack.extend(ins)
    for pos, op, ins in equations(t):
        if pos in needed and pos not in t.vals:
            store(t, pos, op, op.eval(*[value_of(t.vals[i]) for i in ins]))
    return value_of(t.vals[x.i])


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


def bind(op: Primitive, *args: Any) -> Any:
    """Apply a primitive: recorded while a trace is open, else evaluated."""
    t = current.trace
    if t is None:
        if not any([isinstance(x, Tracer) for x in args]):
            return op.eval(*args)
        args = tuple([collapse(x) if isinstance(x, Tracer) else x for x in args])
        return op.eval(*args)
    operands = [x if type(x) is Tracer and x.t is t else lift(t, x) for x in args]
    out = t.record(op, operands)
    if op.may_raise:
        evaluate(t)
    return out


def bind_view(op: Primitive, x: Any, *rest: Any) -> Any:
    """Apply a primitive whose result shares memory with x in NumPy. `rest` are further operands (a traced index)."""
    t = current.trace
    if t is None:
        return op.eval(*[collapse(y) if isinstance(y, Tracer) else y for y in (x, *rest)])
    base = x if type(x) is Tracer and x.t is t else lift(t, x)
    operands = tuple([t.tracer(y.i, y.a) for y in [lift(t, y) for y in rest]]) if rest else ()
    out = t.record(op, (base, *operands))
    if op.may_raise:
        evaluate(t)
    v = View()
    v.t, v.i, v.a, v.base, v.lens, v.rest, v.seen = t, out.i, out.a, base, op, operands, base.i
    return v


def bind_known(op: Primitive, x: Tracer, a: Aval, view: bool) -> Tracer:
    """As `bind` and `bind_view` for one operand, where the aval of the result is known: half the cost."""
    t = x.t
    if not t.top:
        return bind_view(op, x) if view else bind(op, x)  # type: ignore[no-any-return]
    if type(x) is View:
        refresh(x)
    src = t.src
    if src is None:
        frame: Any = getframe(2)
        while INTERNAL[frame.f_code.co_filename]:
            frame = frame.f_back
        src = (frame.f_code, frame.f_lasti)
    t.locs.append(src)
    if view:
        v = View()
        v.t, v.a, v.i, v.base, v.lens, v.rest, v.seen = t, a, len(t), x, op, (), x.i
        t += (op, x.i)
        return v
    r = Tracer()
    r.t, r.a, r.i = t, a, len(t)
    t += (op, x.i)
    return r


class Copy(Primitive):
    """The same array in memory of its own, in C order, in that of the original ("K"), or in an unknown one ("?")."""

    order: str = "C"

    def aval(self, x: Aval) -> Aval:
        return aval(x.shape, x.dtype, False, False)

    def eval(self, x: Any) -> Any:
        return np.array(x, order="C" if self.order == "?" else self.order)

    def jvp(self, primals: tuple[Any, ...], tangents: tuple[Any, ...], out: Any) -> Any:
        return tangents[0]

    def transpose(self, ct: Any, *args: Any) -> tuple[Any, ...]:
        return (ct,)

    def vmap(self, size: int, args: tuple[Any, ...], dims: tuple[int | None, ...]) -> tuple[Any, Any]:
        return args[0], dims[0]

    @classmethod
    def examples(cls) -> list[Any]:
        return [(cls(), (np.arange(6.0).reshape(2, 3),)), (cls(), (np.array(1 + 2j),)), (cls(), (np.zeros((0, 2), np.float32),))]


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


def write(x: Tracer, new: Tracer) -> None:
    """Replace the contents of x, and of all it is a view of. `new` has x's aval."""
    t = current.trace
    if x.t is not t:
        if x.t.closed:
            raise leaked(x)
        raise WriteError(
            at_line(
                f"an inner transformation writes to an array {x.a} of the function around it",
                hint="return the new contents from the inner function and assign them outside",
            )
        )
    if isinstance(x, View):
        refresh(x)
        if x.lens is not None and shares_memory(x):
            base = x.base
            write(base, lift(t, x.lens.put(base, new, *x.rest)))
            x.i, x.seen = new.i, base.i
            return
    else:
        kind = t[x.i]
        if kind is CONST:
            raise WriteError(
                at_line(
                    f"the traced function writes to an array {x.a} that it captured from outside",
                    hint="pass the array as an argument, or write to a copy made inside the function",
                )
            )
        if kind is INPUT:
            warn_of_mutation(t, x)
            t.written.add(x.i)
    if t[new.i] is INPUT or t[new.i] is CONST or new.a.scalar:  # a later write to x must not be taken for one to that array
        new = t.record(Copy(), (new,))
    t.homes[new.i] = x.i
    x.i = new.i


def warn_of_mutation(t: Trace, x: Tracer) -> None:
    """Point out, once a trace, that an argument is written to: the caller's array stays as it is."""
    if not t.written:
        name = owner_name(*t.owner) if t.owner else "the traced function"
        warnings.warn(
            MutationWarning(
                at_line(
                    f"{name} writes to its argument {x.a}: the result is right, but the caller's array is not changed",
                    hint="write to a copy (x = x.copy()) to say that this is meant",
                )
            ),
            stacklevel=2,
        )


# Values


def store(t: Trace, pos: int, op: Primitive, out: Any) -> None:
    """Keep the value(s) of the equation at `pos`."""
    if op.multiple:
        for k, v in enumerate(out):
            t.vals[pos + k] = v
    else:
        t.vals[pos] = out


def value_of(v: Any) -> Any:
    """A stored value; where it belongs to an outer trace, the value there."""
    return value(v) if isinstance(v, Tracer) else v


def evaluate(t: Trace) -> None:
    """Evaluate what was recorded since last time, as far as values exist."""
    vals = t.vals
    for pos, op, ins in equations(t, t.mark):
        if all([i in vals for i in ins]) and op.nout:
            try:
                args = [value_of(vals[i]) for i in ins]
            except ConcretizationTypeError:
                continue
            try:
                out = op.eval(*args)
            except Exception as error:
                t.mark = pos + length(op)  # the user may catch it and go on
                where = describe(t.locs[-1])
                if where and not isinstance(error, FtransError):
                    error.add_note(f"in {op.name}, at {where}")
                raise
            store(t, pos, op, out)
    t.mark = len(t)


def value(x: Any) -> Any:
    """The concrete value of a tracer; raises ConcretizationTypeError where there is none."""
    if not isinstance(x, Tracer):
        return x
    if isinstance(x, View):
        refresh(x)
    t = x.t
    if t.closed and x.i not in t.vals:
        return collapse(x)
    if x.i not in t.vals:
        evaluate(t)
    if x.i not in t.vals:
        raise ConcretizationTypeError(f"the value of a traced array {x.a} is not known here")
    return value_of(t.vals[x.i])


def has_value(x: Any) -> bool:
    """Whether `value(x)` would succeed."""
    try:
        value(x)
    except ConcretizationTypeError:
        return False
    return True


# Fast paths: functions of one and two arguments that append to the open trace directly.


# What applies a ufunc called with out=, where=, dtype= ...: (op, arguments, options) -> result (set by ftrans.numpy).
with_options: list[Callable[[Primitive, tuple[Any, ...], dict[str, Any]], Any]] = []


def unary(op: Primitive) -> Callable[..., Any]:
    """The function that applies a one-argument primitive, about 0.3 µs a call, of which 0.02 let it take a ufunc's options."""
    memo: dict[Aval, Aval] = {}
    direct = op.direct

    def call(x: Any, /, *more: Any, **options: Any) -> Any:
        if more or options:
            return with_options[0](op, (x, *more), options)
        kind = type(x)
        if kind is Tracer or kind is View:
            t = x.t
            if t.top:
                if kind is View:
                    refresh(x)
                try:
                    a = memo[x.a]
                except KeyError:
                    a = memo[x.a] = infer(op, (x.a,))
                src = t.src
                if src is None:
                    frame: Any = getframe(1)
                    while INTERNAL[frame.f_code.co_filename]:
                        frame = frame.f_back
                    src = (frame.f_code, frame.f_lasti)
                t.locs.append(src)
                r = Tracer()
                r.t, r.a, r.i = t, a, len(t)
                t += (op, x.i)
                return r
        elif current.trace is None and not isinstance(x, Tracer):
            return direct(x)
        return bind(op, x)

    call.__name__ = call.__qualname__ = op.name
    return call


def binary(op: Primitive, slow: Callable[[Primitive, Any, Any], Any] = bind) -> Callable[..., Any]:
    """The function that applies a two-argument primitive; a Python float becomes a constant on the way.

    slow: what is called instead for unusual operands (other than tracers of the innermost trace and Python scalars) and, where
        it is not `bind`, for two Python scalars: Python's operators differ from NumPy's functions there.
    """
    memo: dict[Aval, dict[Aval, Aval]] = {}
    direct = op.direct

    def call(x: Any, y: Any, /, *more: Any, **options: Any) -> Any:
        if more or options:
            return with_options[0](op, (x, y, *more), options)
        kind, other = type(x), type(y)
        if kind is Tracer or kind is View:
            t = x.t
            if not t.top:
                return slow(op, x, y)
            if kind is View:
                refresh(x)
            if other is not Tracer or y.t is not t:
                if other is View and y.t is t:
                    refresh(y)
                else:
                    weak = WEAK.get(other)
                    if weak is None:
                        return slow(op, x, y)
                    y = t.const(y, weak)
        elif other is Tracer or other is View:
            t = y.t
            weak = WEAK.get(kind)
            if weak is None or not t.top:
                return slow(op, x, y)
            if other is View:
                refresh(y)
            x = t.const(x, weak)
        elif current.trace is None and not isinstance(x, Tracer) and not isinstance(y, Tracer):
            return direct(x, y)
        else:
            return slow(op, x, y)
        try:
            a = memo[x.a][y.a]
        except KeyError:
            if slow is not bind and x.a.weak and y.a.weak:
                return slow(op, x, y)
            a = memo.setdefault(x.a, {})[y.a] = infer(op, (x.a, y.a))
        src = t.src
        if src is None:
            frame: Any = getframe(1)
            while INTERNAL[frame.f_code.co_filename]:
                frame = frame.f_back
            src = (frame.f_code, frame.f_lasti)
        t.locs.append(src)
        r = Tracer()
        r.t, r.a, r.i = t, a, len(t)
        t += (op, x.i, y.i)
        return r

    call.__name__ = call.__qualname__ = op.name
    return call
