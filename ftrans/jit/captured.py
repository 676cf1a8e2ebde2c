"""What a jitted function sees besides its arguments: closure cells, globals, and attributes of objects reached from them.

`Captured(f)` takes a picture before the trace; `unchanged()` says at each call whether everything is still the same. Scalars and
strings compare by value, everything else by identity; arrays may change their contents, which are read at every call.

What is looked at is found in the bytecode of f and of the user's functions that it names. Library modules (those installed in
site-packages, and Python's own) are taken to be constant.
"""

from __future__ import annotations

import dis
import functools
import pickle
import sys
import sysconfig
import types
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from ..errors import PACKAGE

LIBRARY = tuple({sysconfig.get_paths()[k] for k in ("stdlib", "platstdlib", "purelib", "platlib")})
BY_VALUE = (int, float, complex, bool, str, bytes, type(None), np.generic, slice, range)
IMMUTABLE_LEAVES = (np.dtype, type, types.BuiltinFunctionType, np.ufunc)
MAX_ITEMS = 4096  # containers are followed up to this many entries

Getter = Callable[[], Any]
MISSING = object()


@functools.lru_cache(maxsize=4096)
def names_in(code: types.CodeType) -> tuple[frozenset[str], frozenset[str]]:
    """The global names and the attribute names that a code object (and those nested in it) uses."""
    names: set[str] = set()
    attributes: set[str] = set()
    for instruction in dis.get_instructions(code):
        if instruction.opname in ("LOAD_GLOBAL", "LOAD_NAME"):
            names.add(instruction.argval)
        elif instruction.opname in ("LOAD_ATTR", "LOAD_METHOD", "LOAD_SUPER_ATTR"):
            attributes.add(instruction.argval)
    for const in code.co_consts:
        if isinstance(const, types.CodeType):
            inner_names, inner_attributes = names_in(const)
            names |= inner_names
            attributes |= inner_attributes
    return frozenset(names), frozenset(attributes)


def is_library(x: Any) -> bool:
    """Whether a module or function belongs to Python or to an installed package."""
    if isinstance(x, types.ModuleType):
        path = getattr(x, "__file__", None)
    else:
        code = getattr(x, "__code__", None)
        path = code.co_filename if code is not None else None
    return path is None or path.startswith((*LIBRARY, PACKAGE))


class Captured:
    """A picture of the state that a function captured: what each global, cell and attribute was.

    Globals are checked most often, so they have a list of their own: 0.04 µs each.
    """

    def __init__(self, fun: Any, ours: Callable[[Any], bool]) -> None:
        self.ours = ours
        self.globals: list[tuple[dict[str, Any], str, Any]] = []
        self.checks: list[tuple[Getter, Any]] = []
        self.seen: set[int] = set()
        self.draws: list[tuple[Getter, bytes]] = []  # random generators within reach, and their states
        if "numpy.random" in sys.modules:
            self.watch(functools.partial(np.random.get_state, legacy=False))
        self.follow_function(fun)

    def unchanged(self) -> bool:
        """Whether everything looked at is still what it was."""
        for scope, name, value in self.globals:
            if scope.get(name, MISSING) is not value and not same(scope.get(name, MISSING), value):
                return False
        for get, value in self.checks:
            now = get()
            if now is not value and not same(now, value):
                return False
        return True

    def watch(self, state: Getter) -> None:
        """Remember the state of a random generator."""
        self.draws.append((state, pickle.dumps(state())))

    def drew(self) -> bool:
        """Whether random numbers were drawn since the picture was taken: such a trace serves one call only."""
        return any([pickle.dumps(state()) != before for state, before in self.draws])

    def settle(self) -> Captured:
        """After a trace: what the function itself changed while it ran (a counter, a log) is an effect, not an input."""
        self.globals = [(d, name, v) for d, name, v in self.globals if (now := d.get(name, MISSING)) is v or same(now, v)]
        self.checks = [(get, v) for get, v in self.checks if (now := get()) is v or same(now, v)]
        return self

    def follow_function(self, fun: Any) -> None:
        """Look at what a user's function captures, and at the functions it calls."""
        fun = unwrapped(fun)
        if id(fun) in self.seen:
            return
        self.seen.add(id(fun))
        if isinstance(fun, types.FunctionType) and is_library(fun):
            return
        if isinstance(fun, functools.partial):
            self.follow_function(fun.func)
            for value in [*fun.args, *fun.keywords.values()]:
                self.follow(value, frozenset())
            return
        if isinstance(fun, types.MethodType):
            _, attributes = names_in(fun.__func__.__code__) if hasattr(fun.__func__, "__code__") else (None, frozenset())
            self.follow(fun.__self__, attributes)
            self.follow_function(fun.__func__)
            return
        code = getattr(fun, "__code__", None)
        if code is None:
            call = getattr(type(fun), "__call__", None)
            if isinstance(call, types.FunctionType) and not self.ours(fun):
                self.follow(fun, names_in(call.__code__)[1])
                self.follow_function(call)
            return
        names, attributes = names_in(code)
        cells = fun.__closure__ or ()
        for cell in cells:
            self.check(functools.partial(cell_contents, cell), attributes)
        for value in [*(fun.__defaults__ or ()), *(fun.__kwdefaults__ or {}).values()]:
            self.follow(value, attributes)
        self.checks.append((functools.partial(getattr, fun, "__code__"), code))
        if fun.__defaults__:
            self.checks.append((functools.partial(getattr, fun, "__defaults__"), fun.__defaults__))
        for name in names:
            self.check_global(fun.__globals__, name, attributes)

    def check_global(self, scope: dict[str, Any], name: str, attributes: frozenset[str]) -> None:
        """One global name; names that are not (yet) globals are builtins, which are taken to be constant."""
        value = scope.get(name, MISSING)
        self.globals.append((scope, name, value))
        if value is not MISSING:
            self.follow(value, attributes)

    def check(self, get: Getter, attributes: frozenset[str]) -> None:
        """Remember what `get` gives now, and look into it."""
        value = get()
        self.checks.append((get, value))
        self.follow(value, attributes)

    def follow(self, value: Any, attributes: frozenset[str]) -> None:
        """Look into a captured object: containers by their items, objects by the attributes the code names."""
        if isinstance(value, (*BY_VALUE, *IMMUTABLE_LEAVES, np.ndarray)) or id(value) in self.seen or self.ours(value):
            return
        if callable(value):
            value = unwrapped(value)
        if isinstance(value, types.FunctionType | types.MethodType | functools.partial):
            if not is_library(value):
                self.follow_function(value)
            return
        self.seen.add(id(value))
        if "numpy.random" in sys.modules and isinstance(value, (np.random.Generator, np.random.RandomState)):
            bits = value.bit_generator if isinstance(value, np.random.Generator) else value._bit_generator
            self.watch(functools.partial(getattr, bits, "state"))
            return
        if isinstance(value, types.ModuleType):
            if not is_library(value):
                self.follow_attributes(value, attributes)
        elif isinstance(value, dict | list | tuple):
            self.follow_container(value, attributes)
        else:
            self.follow_attributes(value, attributes)

    def follow_container(self, value: Any, attributes: frozenset[str]) -> None:
        """The items of a dict, list or tuple."""
        if len(value) > MAX_ITEMS:
            return
        if isinstance(value, dict):
            self.checks.append((functools.partial(keys_of, value), keys_of(value)))
            for key in value:
                self.check(functools.partial(value.get, key, MISSING), attributes)
            return
        if isinstance(value, list):
            self.checks.append((functools.partial(len, value), len(value)))
        for k in range(len(value)):
            self.check(functools.partial(item_of, value, k), attributes)

    def follow_attributes(self, value: Any, attributes: frozenset[str]) -> None:
        """The instance (or module) attributes of those names that the code uses."""
        for name in attributes_of(value, attributes):
            self.check(functools.partial(getattr, value, name, MISSING), attributes)


def same(now: Any, value: Any) -> bool:
    """Whether a value replaced by another object is still the same: only numbers, strings and tuples of such can be."""
    if type(now) is not type(value):
        return False
    if isinstance(value, tuple):
        return len(now) == len(value) and all([x is y or same(x, y) for x, y in zip(now, value, strict=True)])
    return isinstance(value, BY_VALUE) and repr(now) == repr(value)  # repr tells -0.0 from 0.0, and nan equals nan


def attributes_of(value: Any, attributes: frozenset[str]) -> Iterator[str]:
    """Which of these names are data of the object (not computed by a property or a method of its class)."""
    own = getattr(value, "__dict__", {})
    for name in sorted(attributes):
        if name in own:
            yield name
            continue
        in_class = getattr(type(value), name, MISSING)
        if isinstance(in_class, types.MemberDescriptorType):  # a slot
            yield name
        elif in_class is not MISSING and not callable(in_class) and not isinstance(in_class, property):
            yield name


def unwrapped(fun: Any) -> Any:
    """The user's function below transformations and functools.wraps."""
    while hasattr(fun, "__wrapped__") and not isinstance(fun, type):
        fun = fun.__wrapped__
    return fun


def cell_contents(cell: Any) -> Any:
    """The contents of a closure cell; a cell not filled yet has none."""
    try:
        return cell.cell_contents
    except ValueError:
        return MISSING


def keys_of(d: dict[Any, Any]) -> tuple[Any, ...]:
    return tuple(d)


def item_of(items: Any, k: int) -> Any:
    return items[k] if k < len(items) else MISSING
