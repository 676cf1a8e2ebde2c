"""Watch the user's code while it is traced: which calls, loops and branches an equation lies in, and what its result is called.

    watch = Watch(sources, fun)
    with watch:                       # in an open trace; sets Python's profile function, and puts the previous one back
        f(*tracers)
    watch.paths[k]                    # the scopes around equation k, the outermost first
    watch.names[variable]             # what the user calls it

Names are read off the local variables of the running frames whenever a call made there returns: what has been stored since the last
time is seen then, however it was stored (`=`, `:=`, unpacking, a loop), and without the source. The outermost frame's name wins.
"""

from __future__ import annotations

import inspect
import os
import sys
from collections.abc import Callable
from types import CodeType, FrameType
from typing import Any

import numpy as np

from ..core.reads import Read
from ..core.trace import INTERNAL, Trace, Tracer, View, current
from ..errors import PACKAGE, Location, UnsupportedError, at_line
from .structure import Flow, Scope, Sources

COMPREHENSIONS = ("<listcomp>", "<setcomp>", "<dictcomp>", "<genexpr>")
LIBRARY = os.path.join(PACKAGE, "nn", "")  # whose layers and functions are calls in a picture, though not the user's
RESUMED = inspect.CO_GENERATOR | inspect.CO_COROUTINE | inspect.CO_ASYNC_GENERATOR
RECORDS = Trace.record.__code__  # appends an equation before its location; the fast paths of `core.bind` do it the other way round
MANY = 100  # containers with more elements give them no names


class Call:
    """A running call of a function of the user's, or of a layer (`own` is False: nothing inside is the user's).

    tick counts what returned to it, so that an instruction run twice is seen.
    """

    __slots__ = ("depth", "flow", "frame", "in_c", "inlined", "own", "scope", "tick")

    def __init__(self, frame: FrameType, scope: Scope | None, depth: int, flow: Flow, own: bool) -> None:
        self.frame, self.scope, self.depth, self.flow, self.own = frame, scope, depth, flow, own
        self.tick = 0
        self.in_c = False  # a builtin is running; what it calls belongs to one instruction
        self.inlined: tuple[int, CodeType, Scope] | None = None


class Watch:
    """The profile function and what it has seen."""

    trace: Trace

    def __init__(self, sources: Sources, fun: Any) -> None:
        self.sources, self.root = sources, root_codes(fun)
        self.stack: list[Call] = []
        self.paused = False
        self.suspended: dict[FrameType, Call] = {}  # generators
        self.paths: list[tuple[Scope, ...]] = []
        self.names: dict[int, tuple[str, int]] = {}  # variable -> its name and the depth of the frame that has it
        self.searched: set[int] = set()  # codes whose globals have been looked through

    def __enter__(self) -> Watch:
        assert current.trace is not None, "functions are watched while they are traced"
        self.trace = current.trace
        self.trace.locs = Places(self)
        self.back = set_aside(sys.getprofile())
        sys.setprofile(self.event)
        return self

    def __exit__(self, *exc: object) -> None:
        sys.setprofile(None)
        self.back()
        self.stack.clear()
        self.suspended.clear()

    def event(self, frame: FrameType, event: str, arg: Any) -> None:
        """What Python calls at every call and return."""
        if event == "call":
            if not frame.f_code.co_flags & inspect.CO_OPTIMIZED:
                self.pause()
                return
            self.begin(frame)
        elif self.stack:
            call = self.stack[-1]
            if event == "return":
                if frame is call.frame:
                    self.leave(call, arg)
                    call = self.stack[-1] if self.stack else call
                if frame.f_back is call.frame:
                    call.tick += not call.in_c
                    if call.own:
                        self.look(call)
            elif frame is call.frame:
                call.in_c = event == "c_call"
                call.tick += not call.in_c

    def pause(self) -> None:
        """Look away until the next equation: a module is being imported or a class body run.

        There is nothing to see, much happens, and Python 3.12.1 loses variables of comprehensions there when it is profiled.
        """
        sys.setprofile(None)
        self.paused = True

    def resume(self) -> None:
        """Look again; calls that have ended meanwhile are forgotten, those that have begun are found on Python's stack."""
        running: list[FrameType] = []
        frame: FrameType | None = sys._getframe(1)
        while frame is not None:
            running.append(frame)
            frame = frame.f_back
        self.stack = [call for call in self.stack if call.frame in running]
        new = running[: running.index(self.stack[-1].frame)][::-1] if self.stack else []
        for frame in new:
            if frame.f_code.co_flags & inspect.CO_OPTIMIZED:
                self.begin(frame)
        self.paused = False
        sys.setprofile(self.event)

    def begin(self, frame: FrameType) -> None:
        """A call begins: it is kept if it is one of the user's or of a layer."""
        own = not (INTERNAL[frame.f_code.co_filename] or is_generated(frame))
        if own or self.is_layer(frame):
            self.stack.append(self.enter(frame, own))

    def is_layer(self, frame: FrameType) -> bool:
        """Whether a layer of ftrans.nn is called, or the user calls a function there."""
        code = frame.f_code
        if not code.co_filename.startswith(LIBRARY):
            return False
        called = not self.stack or frame.f_back is self.stack[-1].frame
        return called and (code.co_name == "__call__" or (bool(self.stack) and self.stack[-1].own))

    def enter(self, frame: FrameType, own: bool) -> Call:
        """The record of a call that begins, or of a generator that goes on."""
        code = frame.f_code
        if code.co_flags & RESUMED and frame in self.suspended:
            return self.suspended[frame]
        base = not self.stack and id(code) in self.root
        scope = None if base or code.co_name in COMPREHENSIONS else Scope("call", function_name(code), code)
        if scope is not None and not own:
            scope.known = True
            if code.co_name == "__call__":
                scope.label = type(frame.f_locals.get("self")).__name__
        depth = self.stack[-1].depth + 1 if self.stack else int(not base)
        call = Call(frame, scope, depth, Flow(code, self.sources), own)
        if code.co_flags & RESUMED:
            self.suspended[frame] = call
        return call

    def leave(self, call: Call, result: Any) -> None:
        """A call ends, or a generator yields."""
        self.stack.pop()
        if type(result) in (Tracer, View) and call.scope is not None:
            call.scope.result = result.i
        if not call.own:
            return
        self.look(call)
        for name, v in call.frame.f_locals.items():
            self.look_into(name, v, call.depth)
        code = call.frame.f_code
        if id(code) not in self.searched and len(self.trace.ids) > 0:
            self.searched.add(id(code))
            for name in code.co_names:
                if name in call.frame.f_globals:
                    self.look_into(name, call.frame.f_globals[name], call.depth)

    def look(self, call: Call) -> None:
        """Name the traced values that the local variables of a call hold."""
        t = self.trace
        for name, v in call.frame.f_locals.items():
            if (type(v) is Tracer or type(v) is View) and v.t is t and name != "_":
                self.name(v.i, name, call.depth)

    def look_into(self, name: str, v: Any, depth: int) -> None:
        """Name a captured array, and what a short container or `self` holds."""
        self.hint(name, v, depth)
        if isinstance(v, tuple) and hasattr(v, "_fields"):
            for k, x in zip(v._fields, v, strict=False):
                self.hint(f"{name}.{k}", x, depth)
        elif type(v) in (list, tuple) and len(v) <= MANY:
            for k, x in enumerate(v):
                self.hint(f"{name}[{k}]", x, depth)
        elif type(v) is dict and len(v) <= MANY:
            for k, x in v.items():
                if type(k) in (str, int):
                    self.hint(f"{name}[{k!r}]", x, depth)
        elif name == "self" and type(v) is not Tracer:
            for k, x in list(getattr(v, "__dict__", {}).items())[:MANY]:
                self.hint(f"self.{k}", x, depth)

    def hint(self, name: str, x: Any, depth: int) -> None:
        """Name a traced value or a captured array."""
        kind = type(x)
        if kind is Tracer or kind is View:
            if x.t is self.trace:
                self.name(x.i, name, depth)
        elif isinstance(x, np.ndarray) and id(x) in self.trace.ids:
            self.name(self.trace.ids[id(x)][0], name, depth)

    def name(self, v: int, name: str, depth: int) -> None:
        """Name a variable, unless it has a name in the same function or further out."""
        known = self.names.get(v)
        if known is None or depth < known[1]:
            self.names[v] = (name, depth)

    def path(self, src: Location | None) -> tuple[Scope, ...]:
        """The scopes around an equation that is recorded now."""
        if self.paused:
            self.resume()
        path: tuple[Scope, ...] = ()
        for call in self.stack:
            if call.scope is not None:
                path += (call.scope,)
            if call.own:
                path += call.flow.at(call.frame, call.tick)
        if src and self.stack and self.stack[-1].own and src[0] is not self.stack[-1].frame.f_code:
            path += (self.inlined(self.stack[-1], src[0]),)
        return path

    def inlined(self, call: Call, code: CodeType) -> Scope:
        """The scope of equations that another transformation (grad, vmap) made of a function and put here."""
        if call.inlined is None or call.inlined[:2] != (call.tick, code):
            call.inlined = call.tick, code, Scope("call", function_name(code), code)
        return call.inlined[2]


class Places(list[Any]):
    """The locations of a trace's equations, which notes the path of each as it is added."""

    def __init__(self, watch: Watch) -> None:
        super().__init__()
        self.watch = watch

    def append(self, src: Any) -> None:
        super().append(src)
        # `if a < b` compares and asks in one instruction (3.13), which has not run twice. Reads are no nodes: they need no path.
        t = self.watch.trace
        asks = sys._getframe(1).f_code is RECORDS and len(t) > 1 and type(t[-2]) is Read
        self.watch.paths.append(() if asks else self.watch.path(src))


def set_aside(profiler: Any) -> Callable[[], object]:
    """Stop what profiles this thread; the function that is returned sets it going again.

    A profiler written in C (`cProfile` before Python 3.12) is known by an object that is no profile function.
    """
    if profiler is None or callable(profiler):
        return lambda: sys.setprofile(profiler)
    if not (hasattr(profiler, "enable") and hasattr(profiler, "disable")):
        raise UnsupportedError(
            at_line(
                f"draw: a profiler of type {type(profiler).__name__} is running, which could not be set going again",
                hint="stop it before the call of draw, or draw in another process",
            )
        )
    profiler.disable()
    return profiler.enable  # type: ignore[no-any-return]


def is_generated(frame: FrameType) -> bool:
    """Whether Python wrote the function that runs: `__init__` of a dataclass, `__new__` of a named tuple."""
    code = frame.f_code
    if not code.co_filename.startswith(("<string>", "<attrs")):
        return False
    return code.co_name in ("__init__", "__new__") or str(frame.f_globals.get("__name__")).startswith("namedtuple_")


def function_name(code: CodeType) -> str:
    """What a call is called: the function's name, the class of an object that is called, `lambda`."""
    if code.co_qualname.endswith(".__call__"):
        return code.co_qualname.split(".")[-2]
    return code.co_name.strip("<>")


def root_codes(fun: Any) -> set[int]:
    """The ids of the code of the drawn function itself, which gets no box: below wrappers, partial, methods, callable objects."""
    found: set[int] = set()
    while fun is not None:
        code = getattr(fun, "__code__", None) or getattr(vars(type(fun)).get("__call__"), "__code__", None)
        if code is not None:
            found.add(id(code))
        fun = getattr(fun, "__wrapped__", None) or getattr(fun, "func", None) or getattr(fun, "__func__", None)
    return found
