"""`jit(f)`: f with the same results, faster when called again.

The first call traces f; later calls with arguments of the same structure, shapes and dtypes run the trace's program. Values that
Python read during the trace (`if x > 0`, `int(n)`, masks) are guards: a call for which one has another outcome is traced again,
and each such trace is kept. What f captured from outside is compared at every call.
"""

from __future__ import annotations

import contextlib
import functools
import operator
import time
import types
import warnings
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .. import pytree, treecode
from ..config import JIT_MODES, changes, config
from ..core.aval import WEAK
from ..core.jaxpr import Jaxpr
from ..core.reads import outcome_key
from ..core.run import run_traced
from ..core.trace import Tracer, current
from ..core.wrap import Call, check_overlaps, decorator, input_of, trace_call
from ..errors import ArgumentError, FtransWarning, MutationWarning, StaticArgumentError, at_line
from ..lowering.tape import GuardFailure
from ..transforms.simplify import simplify
from ..transforms.vmap import leaf_names
from .captured import Captured
from .chosen import Donated, Static, as_tuple
from .direct import make as make_direct
from .tiers import Event, Tiered, tiered

ndarray = np.ndarray
# What is a leaf whatever a tree looks like.
LEAF_TYPES = frozenset([ndarray, float, int, bool, complex, *[np.dtype(c).type for c in "?bBhHiIlLqQefdFD"]])
LOGGED = 1000  # the last traces that `explain` tells of
MAX_TRACES = 64  # traces kept for one signature; beyond that the function runs as plain NumPy


class Variant:
    """One trace of the function: the guards it took, what it captured, and its programs."""

    __slots__ = (
        "asked",
        "captured",
        "consts",
        "direct",
        "guards",
        "jaxpr",
        "make",
        "out_tree",
        "programs",
        "ranks",
        "sources",
        "written",
    )

    def __init__(
        self, call: Call, jaxpr: Jaxpr, guards: tuple[Any, ...], captured: Captured, donated: tuple[int, ...] = ()
    ) -> None:
        self.jaxpr, self.guards, self.captured = jaxpr, guards, captured
        self.ranks = config.strict, config.numpy_rank_promotion  # the checks that this trace has passed
        self.out_tree = call.out_tree
        self.direct: Callable[..., Any] | None = None  # a call of this trace as a builtin
        self.asked = -1  # how many settings had changed when one was made, or found to be impossible
        self.make = treecode.maker(call.out_tree)
        self.written = [k for k, i in enumerate(call.trace.inputs) if i in call.trace.written]
        self.programs: Tiered = tiered(jaxpr, True, donated)
        originals = {i: x for i, x, _ in call.trace.ids.values() if isinstance(x, ndarray)}
        positions = call.jaxpr.invars[call.n_in :]
        self.sources = [originals.get(i, c) for i, c in zip(positions, call.trace.consts, strict=True)]
        self.consts = [(k, c.dtype, c.shape, c.strides) for k, c in enumerate(self.sources) if isinstance(c, ndarray)]

    def valid(self) -> bool:
        """Whether it passed the checks now wanted and what it captured is the same, captured arrays in dtype, shape and strides."""
        if self.ranks != (config.strict, config.numpy_rank_promotion):
            return False
        for k, dtype, shape, strides in self.consts:
            c = self.sources[k]
            if c.dtype != dtype or c.shape != shape or c.strides != strides:
                return False
        return self.captured.unchanged()

    def computes_as(self, other: Variant) -> bool:
        """Whether another trace is the same program with the same constants."""
        if self.jaxpr is not other.jaxpr or self.out_tree != other.out_tree:
            return False
        pairs = zip(self.sources, other.sources, strict=True)
        return all([x is y or outcome_key(x) == outcome_key(y) for x, y in pairs])


class Entry:
    """All traces for one signature. `last` is the one that served the previous call.

    direct: the leaves of a call with this signature are what programs take, without conversion.
    """

    __slots__ = ("direct", "full", "last", "variants")

    def __init__(self, direct: bool) -> None:
        self.variants: list[Variant] = []
        self.last: Variant | None = None
        self.full = False
        self.direct = direct


class Jitted:
    """A jitted function. `lower(*args)` shows how it is compiled, `explain()` what has happened so far."""

    def __init__(self, fun: Callable[..., Any], static: Static, compile: str | None, donate: Donated) -> None:
        self.fun, self.static, self.mode, self.donate = fun, static, compile, donate
        self.entries: dict[Any, Entry] = {}
        self.first_ints: dict[Any, int] = {}
        self.dynamic_ints: set[Any] = set()
        self.direct: Callable[..., Any] | None = None  # the last call as a builtin
        self.taker: tuple[Callable[[Any], list[Any] | None], Any] | None = None  # code that takes calls apart, and their structure
        self.tree: Any = None  # of the last call
        self.repeats = 0
        self.by_layout = False  # strides are part of the signature: whether a reshape copied was asked in some trace
        self.log: deque[Event] = deque(maxlen=LOGGED)
        self.__wrapped__ = fun
        self.__name__ = getattr(fun, "__name__", type(fun).__name__)
        self.__qualname__ = getattr(fun, "__qualname__", self.__name__)
        self.__doc__ = getattr(fun, "__doc__", None)
        self.__module__ = getattr(fun, "__module__", __name__)

    def __repr__(self) -> str:
        return f"<jit of {self.__qualname__}, {sum([len(e.variants) for e in self.entries.values()])} traces>"

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        """A method: pytrees (dataclasses, registered classes) are its first argument, other objects are captured state."""
        if instance is None:
            return self
        if pytree.structure(instance) is not pytree.LEAF:
            return functools.partial(self, instance)
        kept = getattr(instance, "__dict__", {}).setdefault("_ftrans_methods", Methods())
        found = kept.get(self)
        if found is None or found.fun.__self__ is not instance:  # a shallow copy of the object shares its __dict__ entries
            found = kept[self] = self.bind_to(instance)
        return found

    def bind_to(self, instance: Any) -> Jitted:
        """The jitted method of one object."""
        method = types.MethodType(self.fun, instance)
        nums = [n - (n > 0) for n in as_tuple(self.static.argnums) if n != 0]  # counted with `self`, which is no argument here
        donated = Donated(method, [n - (n > 0) for n in as_tuple(self.donate.argnums) if n != 0], self.donate.argnames)
        return Jitted(method, Static(method, nums, self.static.argnames), self.mode, donated)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        direct = self.direct
        if direct is not None and current.trace is None:
            result = direct(*args, **kwargs)
            if result is not NotImplemented:
                return result
        if current.trace is not None:  # inside another transformation: part of its trace
            self.static.check(args, kwargs)
            return self.fun(*args, **kwargs)
        if not kwargs and not self.static:
            key: list[Any] = []
            for a in args:
                if type(a) is not ndarray:
                    break
                key += (a.dtype, a.shape, a.strides) if self.by_layout else (a.dtype, a.shape)
            else:
                found = self.entries.get(tuple(key))
                last = found.last if found is not None else None
                if last is not None and config.jit != "check" and last.valid():
                    assert found is not None
                    return self.attempt(found, last, args)
        return self.slow(args, kwargs)

    def slow(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """The general call: any pytrees, static arguments, a first call."""
        mode = self.effective_mode()
        moving, static_key, rebuild = self.static.take(args, kwargs)
        leaves, tree = self.flatten(moving)
        signature, simple = self.signature(leaves, tree, moving)
        key = (
            tuple(signature)
            if simple and not static_key and tree is simple_tree(len(leaves))
            else (tree, static_key, tuple(signature))
        )
        entry = self.entries.get(key)
        if entry is not None and entry.direct and config.jit != "check" and entry.last is not None and entry.last.valid():
            return self.attempt(entry, entry.last, leaves, mode, (tree, rebuild))  # 0.5 µs a leaf less than by input_of
        name = leaf_names(args, kwargs) if not self.static else lambda k: f"leaf {k} of the arguments"
        inputs = [input_of(x, lambda k=k: f"jit({self.__name__}): {name(k)}") for k, x in enumerate(leaves)]  # type: ignore[misc]
        values = [x for x, _ in inputs]
        if entry is None:
            while len(self.entries) >= max(config.cache_size, 1):  # the oldest signature goes
                with contextlib.suppress(RuntimeError, StopIteration):  # another thread adds or drops one
                    self.entries.pop(next(iter(self.entries)), None)
            entry = self.entries[key] = Entry(all([x is leaf for x, leaf in zip(values, leaves, strict=True)]))
        if config.jit == "check":
            return self.check_call(entry, inputs, tree, rebuild)
        entry.variants = [v for v in entry.variants if v.valid()]
        if entry.variants:
            start = entry.last if entry.last in entry.variants else entry.variants[-1]
            assert start is not None
            return self.attempt(entry, start, values, mode, (tree, rebuild))
        return self.trace(entry, inputs, tree, rebuild, ()) if not entry.full else self.plain(inputs, tree, rebuild)

    def flatten(self, tree: Any) -> tuple[list[Any], Any]:
        """The leaves and the structure of the arguments; by code made for the structure of the last call when it is the same."""
        taker = self.taker  # both parts at once: other threads call, too
        if taker is not None:
            take, structure = taker
            leaves = take(tree)
            if leaves is not None and LEAF_TYPES.issuperset(map(type, leaves)):
                return leaves, structure
        leaves, structure = pytree.flatten(tree)
        if structure is not self.tree:
            self.repeats, self.tree, self.taker = 0, structure, None
        elif taker is None:
            self.repeats += 1
            if self.repeats == 3:  # making the code takes as long as flattening five times
                code = treecode.taker(structure)
                self.taker = None if code is None else (code, structure)
        return leaves, structure

    def effective_mode(self) -> str:
        """The compile mode of this call: the environment's `never` and `check` win over the decorator."""
        if config.jit in ("never", "check"):
            return "never"
        return self.mode or config.jit

    def signature(self, leaves: list[Any], tree: Any, moving: Any) -> tuple[list[Any], bool]:
        """What a trace depends on besides values: dtypes, shapes, Python types; the value of an int until it changes."""
        signature: list[Any] = []
        simple = True
        for k, x in enumerate(leaves):
            if type(x) is ndarray and x.dtype.isnative:
                signature += (x.dtype, x.shape)
                if self.by_layout:
                    signature.append(x.strides)
                continue
            simple = False
            kind = type(x)
            if kind is bool:
                signature.append((bool, x))
            elif kind is int:
                signature.append(self.int_key(x, tree, k, len(leaves)))
            elif kind in WEAK:
                signature.append(kind)
            elif isinstance(x, np.generic):
                signature.append((x.dtype, "scalar"))
            else:
                layout = getattr(x, "strides", None) if self.by_layout and isinstance(x, ndarray) else None
                signature.append((kind, getattr(x, "dtype", None), getattr(x, "shape", None), layout))
        return signature, simple

    def int_key(self, x: int, tree: Any, k: int, n: int) -> Any:
        """A Python int is part of the signature by value until a second value appears in its place; from then on it is traced."""
        place = (tree, k)
        if not -(2**63) <= x < 2**63:
            return (int, x)
        if place in self.dynamic_ints:
            return int
        first = self.first_ints.setdefault(place, x)
        if first != x:
            self.dynamic_ints.add(place)
            return int
        return (int, x)

    def attempt(self, entry: Entry, variant: Variant, values: Sequence[Any], mode: str | None = None, retrace: Any = None) -> Any:
        """Run a trace's program; when a guard fails, the trace that belongs to its outcome, or a new one."""
        given = 0
        if variant.written:
            check_overlaps(variant.written, [*values, *variant.sources], f"jit({self.__name__})")
        while True:
            try:
                outs = variant.programs.run([*values, *variant.sources], mode or self.effective_mode(), given)
            except GuardFailure as failure:
                outcomes = (*variant.guards[: failure.index], failure.outcome)
                given = len(outcomes)
                match = next((v for v in entry.variants if v.guards[:given] == outcomes and v.valid()), None)
                if match is not None:
                    variant = match
                    if variant.written:
                        check_overlaps(variant.written, [*values, *variant.sources], f"jit({self.__name__})")
                    continue
                inputs = [input_of(x, lambda: "") for x in values]
                tree, rebuild = retrace if retrace is not None else (simple_tree(len(values)), None)
                if len(entry.variants) >= MAX_TRACES:
                    return self.plain(inputs, tree, rebuild, entry)
                return self.trace(entry, inputs, tree, rebuild, outcomes)
            entry.last = variant
            if variant.programs.hot is not None:
                self.shorten(variant, values, retrace)
            return variant.make(outs)

    def shorten(self, variant: Variant, values: Sequence[Any], retrace: Any) -> None:
        """Let the next call go the direct way, if it is like this one."""
        tree, rebuild = retrace if retrace is not None else (simple_tree(len(values)), None)
        if variant.asked != changes.value:
            fixed = {k: x for k, x in enumerate(values) if type(x) is int and self.int_key(x, tree, k, len(values)) is not int}
            plain = rebuild is None and not self.static and not self.by_layout
            variant.direct = make_direct(variant, tree, values, fixed) if plain else None
            variant.asked = changes.value
        if config.jit in ("hot", "now") and self.mode != "never":
            self.direct = variant.direct

    def call_of(self, tree: Any, rebuild: Any, fixed: Any = None) -> Callable[[Sequence[Any]], Any]:
        """The function of flat leaves."""

        def call(xs: Sequence[Any]) -> Any:
            given = [fixed.get(k, x) for k, x in enumerate(xs)] if fixed else list(xs)
            trees = pytree.unflatten(tree, given)
            args, kwargs = trees if rebuild is None else rebuild(*trees)
            out = self.fun(*args, **kwargs)
            after, structure = pytree.flatten(trees)
            if structure != tree or not all(map(operator.is_, after, given)):
                warn_of_container(self.__name__)
            return out

        return call

    def fixed(self, inputs: Any, tree: Any) -> dict[int, Any]:
        """The leaves that are part of the signature by value, for Python to have: bools, and ints until they change."""
        leaves = [(k, x) for k, (x, _) in enumerate(inputs) if type(x) is int or type(x) is bool]
        return {k: x for k, x in leaves if type(x) is bool or self.int_key(x, tree, k, len(inputs)) is not int}

    def trace(self, entry: Entry, inputs: Any, tree: Any, rebuild: Any, outcomes: tuple[Any, ...]) -> Any:
        """Trace the function for this call, keep the trace, and give the call's result."""
        start = time.perf_counter()
        captured = Captured(self.fun, is_own, getattr(rebuild, "statics", ()))
        traced, guards = self.record(self.call_of(tree, rebuild, self.fixed(inputs, tree)), inputs, outcomes)
        variant = Variant(
            traced, simplify(traced.jaxpr), guards, captured.settle(traced.trace.ids), self.donate.leaves(tree, self.static)
        )
        took = (time.perf_counter() - start) * 1e3
        why = "a guard had a new outcome" if outcomes else "new signature"
        self.log.append(Event(f"traced {len(variant.jaxpr.eqns)} equations, {len(guards)} guards", why, took))
        laid = bool(traced.trace.laid) and not self.by_layout  # the entry was found by a signature without strides
        self.by_layout = self.by_layout or laid
        if cacheable(traced) and not captured.drew() and not laid:
            entry.variants.append(variant)
            entry.last = variant
        args = [x for x, _ in inputs] + traced.trace.consts
        mode = self.effective_mode()
        if traced.trace.mark and mode != "now":  # Python read values: what they took to compute is there
            outs = run_traced(variant.jaxpr, traced.jaxpr, traced.trace, args)
        else:
            outs = variant.programs.run(args, mode, len(guards))
        return pytree.unflatten(variant.out_tree, outs)

    def record(self, call: Any, inputs: Any, outcomes: tuple[Any, ...]) -> tuple[Call, tuple[Any, ...]]:
        """Trace with values; guards already decided keep their outcomes."""

        def forced(xs: list[Tracer]) -> Any:
            t = current.trace
            assert t is not None
            t.forced = outcomes
            return call(xs)

        traced = trace_call(forced, inputs, who="jit", fun=self.fun)
        return traced, tuple(traced.trace.reads)

    def plain(self, inputs: Any, tree: Any, rebuild: Any, full: Entry | None = None) -> Any:
        """Run the function itself, on arrays: its traces are too many to keep."""
        if full is not None and not full.full:
            full.full = True
            warnings.warn(
                FtransWarning(
                    f"jit({self.__name__}): more than {MAX_TRACES} different traces for one signature; such calls now run as "
                    "plain NumPy\n"
                    "  Python branches on too many different values: use ftrans.numpy.where, or make the value a static argument"
                ),
                stacklevel=2,
            )
        return self.call_of(tree, rebuild)([x for x, _ in inputs])

    def check_call(self, entry: Entry, inputs: Any, tree: Any, rebuild: Any) -> Any:
        """FTRANS_JIT=check: trace again and raise when a cached trace for the same guards says something else."""
        captured = Captured(self.fun, is_own, getattr(rebuild, "statics", ()))
        traced, guards = self.record(self.call_of(tree, rebuild, self.fixed(inputs, tree)), inputs, ())
        fresh = simplify(traced.jaxpr)
        variant = Variant(traced, fresh, guards, captured.settle(traced.trace.ids))
        for v in entry.variants:
            if v.guards == guards and v.valid() and not v.computes_as(variant):
                raise StaticArgumentError(
                    at_line(
                        f"jit({self.__name__}) would have used a stale trace: the function now computes something else",
                        hint="it depends on state that jit cannot see (a file, an object out of sight); pass it as an argument",
                    )
                )
        if cacheable(traced) and not captured.drew():
            entry.variants = [v for v in entry.variants if v.guards != guards]
            entry.variants.append(variant)
        outs = tiered(fresh, True).run([x for x, _ in inputs] + traced.trace.consts, "never", len(guards))
        return pytree.unflatten(traced.out_tree, outs)

    def lower(self, *args: Any, **kwargs: Any) -> Any:
        """How the function is compiled for these arguments (values or ShapeDtypeStructs): see `Lowered`."""
        return hooks["lower"](self, args, kwargs)

    def explain(self) -> str:
        """Every trace and compile so far, with its cause and milliseconds."""
        return hooks["report"](self)  # type: ignore[no-any-return]

    def clear_cache(self) -> None:
        """Forget all traces."""
        self.direct = None
        self.entries.clear()


# What jit.explain, which stands above this module, can tell about a jitted function.
hooks: dict[str, Callable[..., Any]] = {}


class Methods(dict[Jitted, Jitted]):
    """The jitted methods of an object, kept in its __dict__; copies and pickles of the object start without."""

    def __reduce__(self) -> Any:
        return Methods, ()

    def __deepcopy__(self, memo: Any) -> Methods:
        return Methods()


def warn_of_container(name: str) -> None:
    """Point out, once a trace, that a dict, list or object among the arguments was changed: the caller's stays as it is."""
    warnings.warn(
        MutationWarning(
            at_line(
                f"jit({name}) changes a container (dict, list, object) among its arguments: the caller's is not changed",
                hint="return the new contents, or change a copy to say that this is meant",
            )
        ),
        stacklevel=2,
    )


def is_own(x: Any) -> bool:
    """Objects of ftrans that captured state need not be followed into."""
    return isinstance(x, Tracer)


def cacheable(call: Call) -> bool:
    """Whether the trace may serve later calls: captured arrays kept their contents, no outer tracer was captured."""
    t = call.trace
    for _, x, contents in t.ids.values():
        if contents is not None and isinstance(x, ndarray) and x.tobytes() != contents:
            return False
    return not (t.captures or t.unstable)


def simple_tree(n: int) -> Any:
    """The structure of a call with n positional arrays."""
    found = simple_trees.get(n)
    if found is None:
        found = simple_trees[n] = pytree.structure(((0,) * n, {}))
    return found


simple_trees: dict[int, Any] = {}


@decorator
def jit(
    fun: Callable[..., Any],
    static_argnums: int | Sequence[int] | None = None,
    static_argnames: str | Sequence[str] | None = None,
    donate_argnums: int | Sequence[int] | None = None,
    donate_argnames: str | Sequence[str] | None = None,
    compile: str | None = None,
    **ignored: Any,
) -> Any:
    """`fun` with the same results, faster from the second call on: use it as `@ft.jit`, `@ft.jit(...)` or `ft.jit(f)`.

    static_argnums, static_argnames: arguments that are not arrays (a mode, an axis, a function): hashable, compared by value;
        the function is traced anew for each value. Python ints are static by themselves until they change.
    compile: "hot" (the default) runs NumPy until compiled code pays for itself, "now" compiles at the first call, "never" only
        traces. None takes `ft.config.jit`.
    donate_argnums, donate_argnames: arguments whose arrays compiled code may overwrite with results of the same shape and dtype,
        which saves memory: do not use them after the call. An array is left alone where it is read-only, not contiguous, or shares
        memory with another argument.

    Python that depends on values (`if x > 0`, `while err > tol`, `int(n)`) works: each outcome is traced once. Prints and
    appends happen when the function is traced, not at later calls. Captured arrays are read at every call, and captured
    variables are compared, so rebinding one takes effect.

    Mirrors `jax.jit`.

    >>> import numpy as np
    >>> @jit
    ... def f(x):
    ...     return np.sin(x) ** 2 + np.cos(x) ** 2
    >>> f(np.array([0.5, 1.5]))
    array([1., 1.])
    """
    if compile is not None and compile not in JIT_MODES:
        raise ArgumentError(at_line(f"jit: compile must be one of {JIT_MODES[:3]} or None, got {compile!r}"))
    unknown = set(ignored) - {"inline", "keep_unused", "device", "backend", "abstracted_axes", "in_shardings", "out_shardings"}
    if unknown:
        raise ArgumentError(at_line(f"jit has no option {', '.join(sorted(unknown))}"))
    static, donated = Static(fun, static_argnums, static_argnames), Donated(fun, donate_argnums, donate_argnames)
    if both := sorted((static.nums & donated.nums) or (static.names & donated.names)):
        raise ArgumentError(at_line(f"jit: argument {both[0]!r} is both static and donated: only arrays can be donated"))
    return Jitted(fun, static, compile, donated)
