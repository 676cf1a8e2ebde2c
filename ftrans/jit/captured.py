"""What a jitted function sees besides its arguments: closure cells, globals, and attributes of objects reached from them.

`Captured(f)` takes a picture before the trace; `unchanged()` says at each call whether everything is still the same. Scalars and
strings compare by value, everything else by identity; arrays may change their contents, which are read at every call.

What is looked at is found in the bytecode of f and of the user's functions and methods that can be reached from it: of each
object the attributes with a name that any of this code uses. Library modules (those installed in site-packages, and Python's
own) are taken to be constant.
"""

from __future__ import annotations

import array
import contextvars
import dis
import functools
import operator
import pickle
import random
import sys
import sysconfig
import types
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from ..core.primitive import Primitive
from ..errors import PACKAGE

LIBRARY = tuple({sysconfig.get_paths()[k] for k in ("stdlib", "platstdlib", "purelib", "platlib")})
NUMBERS = (int, float, complex, np.generic)
BY_VALUE = (*NUMBERS, bool, str, bytes, type(None), slice, range)
SIMPLE = frozenset([int, float, complex, bool, str, bytes, type(None), np.float64, np.int64])  # nothing to follow into
FUNCTIONS = (types.FunctionType, types.MethodType, functools.partial)
CONTAINERS = (dict, list, tuple, set, frozenset, deque, types.MappingProxyType)
BY_NAME = frozenset(["getattr", "hasattr", "globals", "vars", "__dict__", "setattr"])  # take names as strings
UNPATCHED = frozenset(["__init__", "__new__", "__repr__", "__str__", "__eq__", "__hash__", "__init_subclass__", "__replace__"])
SAMPLE = 1 << 14  # of a larger array that only plain NumPy used, so many elements are compared

Getter = Callable[[], Any]
MISSING = object()


class Names:
    """The global names, attribute names and imported modules that a code object (and those nested in it) uses."""

    __slots__ = ("attributes", "globals", "modules")

    def __init__(self, code: types.CodeType) -> None:
        self.globals: set[str] = set()
        self.attributes: set[str] = set()
        self.modules: set[str] = set()
        for instruction in dis.get_instructions(code):
            name = instruction.opname
            if name in ("LOAD_GLOBAL", "LOAD_NAME"):
                self.globals.add(instruction.argval)
            elif name in ("LOAD_ATTR", "LOAD_METHOD", "LOAD_SUPER_ATTR", "IMPORT_FROM"):
                self.attributes.add(instruction.argval)
            elif name == "IMPORT_NAME":
                self.modules.add(instruction.argval)
        if not BY_NAME.isdisjoint(self.globals | self.attributes):
            words = {c for c in code.co_consts if isinstance(c, str) and c.isidentifier()}
            self.attributes |= words
            if "globals" in self.globals:
                self.globals |= words
        for const in code.co_consts:
            if isinstance(const, types.CodeType):
                inner = names_in(const)
                self.globals |= inner.globals
                self.attributes |= inner.attributes
                self.modules |= inner.modules


@functools.lru_cache(maxsize=4096)
def names_in(code: types.CodeType) -> Names:
    """The names that a code object uses."""
    return Names(code)


def is_library(x: Any) -> bool:
    """Whether a module, class or function belongs to Python or to an installed package."""
    if isinstance(x, type):
        module = sys.modules.get(x.__module__)
        return module is not None and is_library(module)
    if isinstance(x, types.ModuleType):
        path = getattr(x, "__file__", None)
        if path is None:
            return x.__name__ != "__main__" and x.__name__.partition(".")[0] in sys.stdlib_module_names
    else:
        code = getattr(x, "__code__", None)
        path = code.co_filename if code is not None else None
    return path is None or path.startswith((*LIBRARY, PACKAGE))


class Captured:
    """A picture of the state that a function captured: what each global, cell, attribute and item was.

    Names in namespaces are checked most often, so they have a list of their own: 0.04 µs each.

    fun: the function. ours: whether an object is one of ftrans. static: further objects that the function sees.
    """

    def __init__(self, fun: Any, ours: Callable[[Any], bool], static: Sequence[Any] = ()) -> None:
        self.ours = ours
        self.scopes: list[tuple[Mapping[str, Any], str, Any]] = []  # namespace, name, value
        self.checks: list[tuple[Getter, Any]] = []
        self.containers: list[tuple[Any, tuple[Any, ...]]] = []  # container, its items
        self.objects: list[tuple[Any, type, Any, int]] = []  # object, its class, its namespace, how many names are in it
        self.functions: list[tuple[Any, Any, Any, Any]] = []  # function, its code, defaults, keyword defaults
        self.arrays: list[np.ndarray[Any, Any]] = []
        self.draws: list[tuple[Getter, bytes]] = []  # random generators within reach, and their states
        self.once = False  # an iterator is within reach: a trace serves one call only
        self.seen: dict[int, Any] = {}
        self.names: dict[str, None] = {}  # the attribute names that the code uses
        self.owners: list[Any] = []  # what may have attributes: [object, number of names looked at]
        self.queue: list[Any] = []
        if "numpy.random" in sys.modules:
            self.watch(functools.partial(np.random.get_state, legacy=False))
        self.queue.append(fun)
        self.queue.extend(static)
        self.explore()

    def unchanged(self) -> bool:
        """Whether everything looked at is still what it was."""
        for scope, name, value in self.scopes:
            now = scope.get(name, MISSING)
            if now is not value and not same(now, value):
                return False
        for x, kind, namespace, n in self.objects:
            if x.__class__ is not kind or (namespace is not None and (x.__dict__ is not namespace or len(namespace) != n)):
                return False
        for fun, code, defaults, named in self.functions:
            if fun.__code__ is not code or fun.__defaults__ is not defaults or fun.__kwdefaults__ is not named:
                return False
        for container, items in self.containers:
            if not same_items(items_of(container), items):
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
        """Whether random numbers (or items of an iterator) were drawn since the picture: such a trace serves one call only."""
        return self.once or any([pickle.dumps(state()) != before for state, before in self.draws])

    def settle(self, lifted: Any = ()) -> Captured:
        """After a trace: what the function itself changed while it ran.

        A number (a counter) or a list that grew (a log) is an effect, not an input; anything else, like an attribute made at
        first use, is from now on compared with its new value. Arrays that are not among the `lifted` constants of the trace were
        used, if at all, by plain NumPy: their contents are compared.
        """
        scopes, checks, containers = self.scopes, self.checks, self.containers
        self.scopes, self.checks, self.containers = [], [], []
        for scope, name, value in scopes:
            now = scope.get(name, MISSING)
            if not is_count(now, value):
                self.scopes.append((scope, name, now))
                self.queue.append(now)
        for get, value in checks:
            now = get()
            if not is_count(now, value):
                self.checks.append((get, now))
                self.queue.append(now)
        for container, items in containers:
            if same_items(items_of(container), items):
                self.containers.append((container, items))
            else:
                self.settle_items(container, items)
        self.objects = [(x, x.__class__, d, len(d) if d is not None else n) for x, _, d, n in self.objects]
        self.explore()
        for x in self.arrays:
            if id(x) not in lifted:
                self.checks.append((functools.partial(contents_of, x), contents_of(x)))
        self.seen.clear()
        self.owners.clear()
        self.arrays.clear()
        return self

    def settle_items(self, container: Any, before: tuple[Any, ...]) -> None:
        """A container that the function changed: from now on items are compared one by one."""
        if isinstance(container, Mapping):
            old = dict(zip(before[::2], before[1::2], strict=True))
            places: Any = list(container)
            get: Any = functools.partial(container_get, container)
        elif isinstance(container, (list, deque)):
            old = dict(enumerate(before))
            places = range(min(len(before), len(container)))  # the rest was appended
            get = functools.partial(item_of, container)
        else:
            return
        for place in places:
            now = get(place)
            if not is_count(now, old.get(place, MISSING)):
                self.checks.append((functools.partial(get, place), now))
                self.queue.append(now)

    # Exploring

    def explore(self) -> None:
        """Follow everything in the queue, and look up every name used anywhere in every object reached."""
        k = 0
        while self.queue or k < len(self.owners):
            while self.queue:
                self.follow(self.queue.pop())
            names = list(self.names)
            for k in range(len(self.owners)):
                owner, done = self.owners[k]
                if done < len(names):
                    self.owners[k][1] = len(names)
                    self.look(owner, names[done:])
            k = next((k for k, (_, done) in enumerate(self.owners) if done < len(self.names)), len(self.owners))

    def follow(self, value: Any) -> None:
        """Look into a captured object: containers by their items, functions by their code, objects by their attributes."""
        if type(value) in SIMPLE or id(value) in self.seen or self.ours(value) or value is MISSING:
            return
        self.seen[id(value)] = value
        if isinstance(value, (*BY_VALUE, np.dtype, np.ufunc)):
            return
        if isinstance(value, np.ndarray):
            self.arrays.append(value)
        elif isinstance(value, bytearray | array.array):
            self.checks.append((functools.partial(bytes, value), bytes(value)))
        elif isinstance(value, contextvars.ContextVar):
            self.check(functools.partial(value.get, MISSING))
        elif isinstance(value, FUNCTIONS):
            self.follow_function(value)
        elif isinstance(value, type):
            if not is_library(value):
                self.follow_class(value)
        elif isinstance(value, types.ModuleType):
            if value is random:
                self.watch(random.getstate)
            elif not is_library(value):
                self.owners.append([value, 0])
        elif isinstance(value, types.BuiltinFunctionType | types.MethodWrapperType):  # a method of some object?
            self.queue.append(getattr(value, "__self__", None))
        elif isinstance(value, property):
            self.queue.append(value.fget)
        elif isinstance(value, classmethod | staticmethod):
            self.queue.append(value.__func__)
        elif isinstance(value, functools.cached_property):
            self.queue.append(value.func)
        else:
            self.follow_object(value)

    def follow_object(self, value: Any) -> None:
        """An instance of some class, perhaps a container or a random generator."""
        if "numpy.random" in sys.modules and isinstance(value, (np.random.Generator, np.random.RandomState)):
            bits = value.bit_generator if isinstance(value, np.random.Generator) else value._bit_generator
            self.watch(functools.partial(getattr, bits, "state"))
            return
        if isinstance(value, random.Random):
            self.watch(value.getstate)
            return
        if isinstance(value, CONTAINERS):
            items = items_of(value)
            if not isinstance(value, tuple | frozenset):
                self.containers.append((value, items))
            self.queue.extend([x for x in items if type(x) not in SIMPLE])
            if type(value) in CONTAINERS:
                return
        elif isinstance(value, Iterator):
            self.once = True
        kind = type(value)
        if kind.__module__ == "builtins":
            return
        namespace = getattr(value, "__dict__", None)
        if namespace is not None and "__wrapped__" in namespace:
            self.queue.append(namespace["__wrapped__"])
            if is_library(kind):  # a jitted function, an lru_cache
                return
        self.objects.append((value, kind, namespace, len(namespace) if namespace is not None else 0))
        self.owners.append([value, 0])
        if not is_library(kind):
            self.queue.append(kind)

    def follow_class(self, kind: type) -> None:
        """A class of the user's: the methods that operators call, and by name the others and the class attributes."""
        self.owners.append([kind, 0])
        for base in kind.__mro__:
            if is_library(base):
                continue
            for name, value in list(vars(base).items()):
                if name.startswith("__") and isinstance(value, types.FunctionType):
                    if name not in UNPATCHED:
                        self.scopes.append((vars(base), name, value))
                    self.queue.append(value)

    def follow_function(self, fun: Any) -> None:
        """Look at what a user's function captures, and at the functions it calls."""
        if isinstance(fun, functools.partial):
            self.queue += [fun.func, *fun.args, fun.keywords]
            return
        if isinstance(fun, types.MethodType):
            self.queue += [fun.__self__, fun.__func__]
            return
        if hasattr(fun, "__wrapped__"):
            self.queue.append(fun.__wrapped__)
        if fun.__code__.co_filename.startswith(PACKAGE):
            self.follow_closure(fun)
        if is_library(fun):
            return
        used = names_in(fun.__code__)
        self.names.update(dict.fromkeys(used.attributes))
        for cell in fun.__closure__ or ():
            self.check(functools.partial(cell_contents, cell))
        self.queue += [*(fun.__defaults__ or ()), fun.__kwdefaults__]
        self.functions.append((fun, fun.__code__, fun.__defaults__, fun.__kwdefaults__))
        for name in used.globals:  # names that are not (yet) globals are builtins, which are taken to be constant
            value = fun.__globals__.get(name, MISSING)
            self.scopes.append((fun.__globals__, name, value))
            self.queue.append(value)
        for name in used.modules:
            parts = name.split(".")
            self.queue += [sys.modules.get(".".join(parts[: k + 1])) for k in range(len(parts))]
        if fun.__dict__:
            self.owners.append([fun, 0])

    def follow_closure(self, fun: Any) -> None:
        """A function of ftrans does not change, but what it was made of may be the user's: a loss with its args, a schedule.

        So that is looked at; the cells and the globals, which are ours, are not compared.
        """
        held = [cell_contents(cell) for cell in fun.__closure__ or ()]
        if not held or any([isinstance(value, Primitive) for value in held]):  # an operation holds nothing of the user's
            return
        self.names.update(dict.fromkeys(names_in(fun.__code__).attributes))
        self.queue += held

    def check(self, get: Getter) -> None:
        """Remember what `get` gives now, and look into it."""
        value = get()
        self.checks.append((get, value))
        self.queue.append(value)

    def look(self, owner: Any, names: list[str]) -> None:
        """Remember the attributes of an object, a class or a module that have these names."""
        if isinstance(owner, type):
            bases = [vars(base) for base in owner.__mro__ if not is_library(base)]
            for name in names:
                last = max([k for k, namespace in enumerate(bases) if name in namespace], default=-1)
                for namespace in bases[: last + 1]:  # those behind the first one too: super() finds them
                    value = namespace.get(name, MISSING)
                    self.scopes.append((namespace, name, value))
                    self.queue.append(value)
            return
        own = getattr(owner, "__dict__", None)
        for name in names:
            if own is not None and name in own:
                value = own[name]
                self.scopes.append((own, name, value))
                self.queue.append(value)
            elif isinstance(getattr(type(owner), name, None), types.MemberDescriptorType):  # a slot
                self.check(functools.partial(getattr, owner, name, MISSING))


def same(now: Any, value: Any) -> bool:
    """Whether a value replaced by another object is still the same: only numbers, strings and tuples of such can be."""
    if type(now) is not type(value):
        return False
    if isinstance(value, tuple):
        return same_items(now, value)
    if isinstance(value, (str, bytes)):
        return bool(now == value)
    return isinstance(value, BY_VALUE) and repr(now) == repr(value)  # repr tells -0.0 from 0.0, and nan equals nan


def same_items(now: tuple[Any, ...], value: tuple[Any, ...]) -> bool:
    """The same for the items of a container."""
    if len(now) != len(value):
        return False
    return all(map(operator.is_, now, value)) or all([x is y or same(x, y) for x, y in zip(now, value, strict=True)])


def is_count(now: Any, before: Any) -> bool:
    """Whether a variable that may have changed during a trace is a number that did."""
    return now is not before and isinstance(now, NUMBERS) and isinstance(before, NUMBERS) and not same(now, before)


def items_of(container: Any) -> tuple[Any, ...]:
    """The items of a container; of a dict its keys and values in turn."""
    if isinstance(container, Mapping):
        return tuple([x for pair in container.items() for x in pair])
    return tuple(container)


def contents_of(x: np.ndarray[Any, Any]) -> Any:
    """The shape, dtype and contents of an array; of a large one, a sample of its contents."""
    part = x if x.size <= SAMPLE else x.flat[:: x.size // SAMPLE]
    return (x.shape, str(x.dtype), tuple(part.flat) if x.dtype.hasobject else part.tobytes())


def cell_contents(cell: Any) -> Any:
    """The contents of a closure cell; a cell not filled yet has none."""
    try:
        return cell.cell_contents
    except ValueError:
        return MISSING


def container_get(container: Any, key: Any) -> Any:
    return container.get(key, MISSING)


def item_of(items: Any, k: int) -> Any:
    return items[k] if k < len(items) else MISSING
