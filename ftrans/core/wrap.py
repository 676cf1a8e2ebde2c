"""What all public transformations share: choosing arguments, flattening them, tracing a call, rebuilding the results.

picked = pick(fun, args, kwargs, argnums=(0, "w"), who="grad")
call = trace_call(lambda xs: fun(*picked.args(xs)), picked.leaves, who="grad")
call.jaxpr, call.operands, call.out_tree
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .. import pytree
from ..errors import ArgumentError, DtypeError, FtransError, WriteError, at_line, shown
from .aval import WEAK, Aval, aval, aval_of
from .jaxpr import Jaxpr, jaxpr_of
from .lift import TRACED_DTYPES, check_dtype, check_snapshots, lift, plain_array
from .strict import user_trace
from .trace import Trace, Tracer, owner_name

Argnums = int | str | Sequence[int | str]


def decorator(transform: Callable[..., Any]) -> Callable[..., Any]:
    """Let a transformation be used as `@t`, `@t(option=...)` and `t(f, option=...)`."""

    @functools.wraps(transform)
    def outer(fun: Any = None, *args: Any, **options: Any) -> Any:
        if fun is None:
            return lambda f: outer(f, *args, **options)
        if not callable(fun):
            raise ArgumentError(
                at_line(
                    f"{transform.__name__} expects a function, got {shown(fun)} of type {type(fun).__name__}",
                    hint=f"write {transform.__name__}(f)(x), not {transform.__name__}(f(x))",
                )
            )
        return transform(fun, *args, **options)

    return outer


def named_like(fun: Any, who: str) -> Callable[[Any], Any]:
    """Give a wrapper the name and documentation of the function it wraps."""

    def rename(wrapper: Any) -> Any:
        try:
            functools.update_wrapper(wrapper, fun)
        except (AttributeError, TypeError):
            wrapper.__wrapped__ = fun
        name = getattr(fun, "__name__", type(fun).__name__)
        wrapper.__name__ = f"{who}({name})" if who else name
        return wrapper

    return rename


def input_of(leaf: Any, name: Callable[[], str]) -> tuple[Any, Aval]:
    """An argument leaf as a value to trace with, and its aval. `name` tells which argument, for the error."""
    if isinstance(leaf, Tracer):
        return leaf, leaf.a
    if type(leaf) is np.ndarray:
        dtype = leaf.dtype
        if not dtype.isnative:
            return input_of(leaf.astype(dtype.newbyteorder("=")), name)
        if dtype.num not in TRACED_DTYPES:
            check_dtype(dtype)
        return leaf, aval(leaf.shape, dtype, False, False)
    weak = WEAK.get(type(leaf))
    if weak is not None:
        return leaf, weak
    if isinstance(leaf, np.generic):
        check_dtype(leaf.dtype)
        return leaf, aval_of(leaf)
    if isinstance(leaf, np.ndarray):
        return input_of(plain_array(leaf, name()), name)
    if hasattr(leaf, "__array__"):
        return input_of(np.asarray(leaf), name)
    if isinstance(leaf, int | float | complex):
        return input_of(int(leaf) if isinstance(leaf, int) else float(leaf) if isinstance(leaf, float) else complex(leaf), name)
    raise ArgumentError(
        at_line(
            f"{name()} is {shown(leaf)} of type {type(leaf).__name__}, which is not an array or a number",
            hint="take it out of the differentiated (or mapped) arguments, or name it static under jit",
        )
    )


@dataclass
class Picked:
    """The arguments of a call that a transformation acts on."""

    places: list[int | str]
    single: bool
    trees: list[Any]
    leaves: list[Any]
    tree: pytree.TreeDef | None  # None: one argument that is one array
    positional: tuple[Any, ...]
    named: dict[str, Any]

    def call(self, fun: Callable[..., Any], leaves: Sequence[Any]) -> Any:
        """Call fun with these leaves in place of the picked ones."""
        if self.tree is None:
            args = list(self.positional)
            args[int(self.places[0])] = leaves[0]
            return fun(*args, **self.named)
        subtrees = pytree.unflatten(self.tree, leaves)
        args, kwargs = list(self.positional), dict(self.named)
        for place, sub in zip(self.places, subtrees, strict=True):
            if isinstance(place, int):
                args[place] = sub
            else:
                kwargs[place] = sub
        return fun(*args, **kwargs)

    def rebuild(self, leaves: Sequence[Any]) -> Any:
        """One result for each leaf -> the structure the user expects: a tree, or a tuple of trees."""
        if self.tree is None:
            return leaves[0]
        subtrees = pytree.unflatten(self.tree, leaves)
        return subtrees[0] if self.single else tuple(subtrees)

    def name(self, k: int) -> str:
        """Leaf k as the user would write it: `params['w1'][0]`."""
        path = pytree.flatten_with_path(list(self.trees))[0][k][0]
        place = self.places[path[0].idx]
        rest = pytree.keystr(path[1:])
        return f"argument {place!r}{rest}" if isinstance(place, str) else f"argument {place}{rest}"


def pick(fun: Any, args: tuple[Any, ...], kwargs: dict[str, Any], argnums: Argnums, who: str) -> Picked:
    """Find the arguments that `argnums` (positions, names, or a sequence of them) means in this call."""
    if type(argnums) is int and 0 <= argnums < len(args):
        trees = [args[argnums]]
        if type(trees[0]) is np.ndarray:
            return Picked([argnums], True, trees, trees, None, args, kwargs)
        return Picked([argnums], True, trees, *pytree.flatten(trees), args, kwargs)
    single = isinstance(argnums, (int, str, np.integer))
    wanted: Sequence[Any] = tuple(argnums) if isinstance(argnums, list | tuple | range) else (argnums,)
    places: list[int | str] = [place_of(fun, args, kwargs, a, who) for a in wanted]
    if len(set(places)) < len(places):
        raise ArgumentError(at_line(f"{who}: argnums={wanted} names an argument twice"))
    trees = [args[p] if isinstance(p, int) else kwargs[p] for p in places]
    leaves, tree = pytree.flatten(trees)
    return Picked(places, single, trees, leaves, tree, args, kwargs)


def place_of(fun: Any, args: tuple[Any, ...], kwargs: dict[str, Any], a: Any, who: str) -> int | str:
    """One entry of argnums -> an index into args or a key of kwargs."""
    if isinstance(a, str):
        if a in kwargs:
            return str(a)
        names = parameter_names(fun)
        if a in names and names.index(a) < len(args):
            return int(names.index(a))
        raise ArgumentError(at_line(f"{who}: the call has no argument named {a!r}", hint=f"the function's parameters are {names}"))
    if not isinstance(a, int | np.integer) or isinstance(a, bool):
        raise ArgumentError(at_line(f"{who}: argnums must be ints or names, got {shown(a)} of type {type(a).__name__}"))
    a = int(a)
    if -len(args) <= a < len(args):
        return int(a % len(args))
    names = parameter_names(fun)
    if 0 <= a < len(names) and names[a] in kwargs:
        return str(names[a])
    raise ArgumentError(
        at_line(
            f"{who}: argnums={a}, but the call has {len(args)} positional argument{'s' if len(args) != 1 else ''}",
            hint="pass the argument by position, or name it in argnums",
        )
    )


def parameter_names(fun: Any) -> list[str]:
    """The names of the parameters, or an empty list where Python cannot tell."""
    try:
        return list(inspect.signature(fun).parameters)
    except (TypeError, ValueError):
        return []


@dataclass
class Call:
    """A traced call: `jaxpr` on `operands` (its inputs, then captured constants) gives the leaves of `out_tree`."""

    jaxpr: Jaxpr
    operands: list[Any]
    out_tree: pytree.TreeDef
    trace: Trace
    aux: Any = None

    @property
    def n_in(self) -> int:
        return len(self.operands) - len(self.trace.consts)


def trace_call(
    call: Callable[[list[Tracer]], Any],
    inputs: Sequence[tuple[Any, Aval]],
    *,
    who: str,
    fun: Any = None,
    has_aux: bool = False,
    valued: bool = True,
    check: Callable[[Any, list[Tracer]], None] | None = None,
) -> Call:
    """Trace call(tracers). With has_aux the function returns (out, aux); traced leaves of aux become further outputs."""
    with user_trace() as t:
        t.owner = (who, fun)
        tracers = [t.input(a, value if valued else None) for value, a in inputs]
        try:
            out = call(tracers)
        except ValueError as error:
            if isinstance(error.__cause__, FtransError):  # what NumPy hides when it stores a tracer into a plain array
                raise error.__cause__ from None
            raise
        if has_aux:
            out, aux = split_aux(out, who)
        if type(out) is Tracer and out.t is t:
            outs, out_tree = [out], pytree.LEAF
        else:
            leaves, out_tree = pytree.flatten(out)
            outs = [lift_output(t, x, out, k, who) for k, x in enumerate(leaves)]
        if check is not None:
            check(out, outs)
        slots: list[int] = []
        if has_aux:
            aux_leaves, aux_tree = pytree.flatten(aux)
            for k, x in enumerate(aux_leaves):
                if isinstance(x, Tracer):
                    slots.append(k)
                    outs.append(lift(t, x))
    if t.snapshots:
        check_snapshots(t)
    if t.written:
        written = [k for k, i in enumerate(t.inputs) if i in t.written]
        check_overlaps(written, [x for x, _ in inputs] + [x for _, x, _ in t.ids.values()], owner_name(who, fun))
    j = jaxpr_of(t, [x.i for x in outs])
    traced = Call(j, [value for value, _ in inputs] + t.consts, out_tree, t)
    if has_aux:
        traced.aux = Aux(aux_leaves, aux_tree, slots)
    return traced


def check_overlaps(written: Sequence[int], arrays: Sequence[Any], name: str) -> None:
    """Raise when one of the arrays that a function writes to shares memory with another that it uses.

    The write would change the other one too, which the trace does not know.
    """
    for k in written:
        for i, x in enumerate(arrays):
            if i != k and (x is arrays[k] if isinstance(x, Tracer) else isinstance(x, np.ndarray) and overlap(x, arrays[k])):
                raise WriteError(
                    at_line(
                        f"{name} writes to its argument leaf {k}, which shares memory with another array that it uses",
                        hint="pass a copy of one of them: x.copy()",
                    )
                )


def overlap(x: np.ndarray[Any, Any], y: Any) -> bool:
    """Whether two arrays may share memory (judged by their bounds)."""
    return isinstance(y, np.ndarray) and not isinstance(y, Tracer) and np.may_share_memory(x, y)


@dataclass
class Aux:
    """The auxiliary output: `slots` says which of its leaves come from the trace."""

    leaves: list[Any]
    tree: pytree.TreeDef
    slots: list[int]

    def rebuild(self, values: Sequence[Any]) -> Any:
        leaves = list(self.leaves)
        for k, v in zip(self.slots, values, strict=True):
            leaves[k] = v
        return pytree.unflatten(self.tree, leaves)


def split_aux(out: Any, who: str) -> tuple[Any, Any]:
    """(out, aux) from a function that promised to return a pair."""
    if not isinstance(out, tuple) or len(out) != 2:
        raise ArgumentError(at_line(f"{who} with has_aux=True expects the function to return (out, aux), got {type(out).__name__}"))
    return out


def lift_output(t: Trace, x: Any, out: Any, k: int, who: str) -> Tracer:
    """One leaf of a function's result as a tracer of t."""
    try:
        return lift(t, x)
    except DtypeError:
        path = pytree.keystr(pytree.flatten_with_path(out)[0][k][0])
        raise ArgumentError(
            at_line(
                f"the function given to {who} returned {shown(x)} of type {type(x).__name__}"
                + (f" at result{path}" if path else "")
                + ", which is not an array or a number",
                hint="return arrays and numbers only"
                if who in ("jit", "draw")
                else "return such values as auxiliary output (has_aux=True), or not at all",
            )
        ) from None
