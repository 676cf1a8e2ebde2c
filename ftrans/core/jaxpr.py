"""Jaxprs: the immutable form that transformations read and write. Print one to see it.

    { lambda ; a:f64[3]. let
        b:f64[3] = sin a           # f.py:3
        c:f64[3] = mul b 2.0
      in (c,) }

`Jaxpr.from_trace` decodes the flat list of a trace; jaxprs of user functions are cached by the content of the trace, and what
transformations make of a jaxpr is cached on it (`derived`).
"""

from __future__ import annotations

import functools
import string
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, TypeVar

import numpy as np

from ..config import config
from ..errors import Location, line_number, short_path
from .aval import Aval, aval_of
from .primitive import Primitive, infer
from .trace import CONST, INPUT, Trace, Tracer, length


class Eqn:
    """One equation: `outs = op ins`, written at `loc` in the user's code."""

    __slots__ = ("ins", "loc", "op", "outs")

    def __init__(self, op: Primitive, ins: tuple[int, ...], outs: tuple[int, ...], loc: Location | None) -> None:
        self.op, self.ins, self.outs, self.loc = op, ins, outs, loc


class Jaxpr:
    """A function of arrays as a list of equations over variables, which are small ints.

    invars: the inputs; the captured constants of a traced function come after its arguments.
    lits: variables with a value that belongs to the jaxpr (literals in derivative rules).
    memo: what was derived from this jaxpr.
    """

    __slots__ = ("__weakref__", "avals", "eqns", "invars", "lits", "memo", "outs")

    def __init__(
        self,
        invars: Iterable[int],
        eqns: Iterable[Eqn],
        outs: Iterable[int],
        avals: dict[int, Aval],
        lits: dict[int, Any],
    ) -> None:
        self.invars, self.eqns, self.outs = tuple(invars), tuple(eqns), tuple(outs)
        self.avals, self.lits = avals, lits
        self.memo: dict[Any, Any] = {}

    @property
    def in_avals(self) -> list[Aval]:
        return [self.avals[v] for v in self.invars]

    @property
    def out_avals(self) -> list[Aval]:
        return [self.avals[v] for v in self.outs]

    def __str__(self) -> str:
        return pretty(self)

    def __repr__(self) -> str:
        return pretty(self)

    @staticmethod
    def from_trace(t: Trace, outs: Sequence[int], *, baked: bool = False) -> Jaxpr:
        """Decode a trace and drop what its outputs do not need.

        The constants of a user's trace become inputs after the true ones; those of a rule (`baked`) stay in the jaxpr.
        """
        avals: dict[int, Aval] = {}
        eqns: list[Eqn] = []
        consts: list[int] = []
        locs = iter(t.locs)
        i, n = 0, len(t)
        while i < n:
            op = t[i]
            if op is INPUT or op is CONST:
                avals[i] = t[i + 1]
                if op is CONST:
                    consts.append(i)
                i += 2
                continue
            ins = tuple(t[i + 1 : i + 1 + op.nin])
            out = infer(op, tuple([avals[j] for j in ins]))
            if op.multiple:
                results = tuple(range(i, i + len(out)))
                avals.update(zip(results, out, strict=True))
            else:
                results = (i,)
                avals[i] = out
            eqns.append(Eqn(op, ins, results, next(locs)))
            i += length(op)
        lits = dict(zip(consts, t.consts, strict=True)) if baked else {}
        invars = t.inputs if baked else [*t.inputs, *consts]
        return Jaxpr(invars, live(eqns, outs), outs, avals, lits)


def live(eqns: Sequence[Eqn], outs: Iterable[int]) -> list[Eqn]:
    """The equations that the outputs need, and those with effects (guards)."""
    needed = set(outs)
    kept = []
    for eqn in reversed(eqns):
        if eqn.op.effectful or any([v in needed for v in eqn.outs]):
            needed.update(eqn.ins)
            kept.append(eqn)
    kept.reverse()
    return kept


class Cache(OrderedDict[Any, Any]):
    """A bounded cache: the least recently used entry goes first."""

    def find(self, key: Any) -> Any:
        found = self.get(key)
        if found is not None:
            try:
                self.move_to_end(key)
            except KeyError:  # another thread dropped it in between
                pass
        return found

    def keep(self, key: Any, value: Any) -> Any:
        self[key] = value
        while len(self) > config.cache_size:
            try:
                self.popitem(last=False)
            except KeyError:
                break
        return value


traced = Cache()


def jaxpr_of(t: Trace, outs: Sequence[int]) -> Jaxpr:
    """The jaxpr of a user's trace, found by content. Its inputs are those of t followed by t.consts.

    The first and the last source line are part of the key, so that an error does not name a function that only looks the same.
    """
    lines = (*place(t.locs[0]), *place(t.locs[-1])) if t.locs else ()
    key = (tuple(t), tuple(outs), lines)
    found: Jaxpr | None = traced.find(key)
    return found if found is not None else traced.keep(key, Jaxpr.from_trace(t, outs))


def place(loc: Location | None) -> tuple[int, int]:
    """A location as part of a key; the jaxpr keeps the code object alive, so its id stays its own."""
    return (id(loc[0]), loc[1]) if loc else (0, 0)


MISSING = object()
Pass = TypeVar("Pass", bound=Callable[..., Any])


def derived(make: Pass) -> Pass:
    """Cache what a function makes of a jaxpr (its first argument) and hashable parameters, on the jaxpr."""

    @functools.wraps(make)
    def cached(j: Jaxpr, *params: Any) -> Any:
        key = (make, params)
        result = j.memo.get(key, MISSING)  # not try/except: an error of `make` would be shown as one while handling a KeyError
        if result is MISSING:
            result = j.memo[key] = make(j, *params)
        return result

    return cached  # type: ignore[return-value]


def append_inline(t: Trace, j: Jaxpr, args: Sequence[Tracer]) -> list[Tracer]:
    """Copy the equations of j into the open trace t, with the given operands; args have exactly the avals of j.invars."""
    env = {v: x.i for v, x in zip(j.invars, args, strict=True)}
    for v, value in j.lits.items():
        env[v] = t.const(value, j.avals[v]).i
    locs, src = t.locs, t.src
    for eqn in j.eqns:
        op, pos = eqn.op, len(t)
        t += (op, *[env[v] for v in eqn.ins])
        locs.append(eqn.loc if eqn.loc is not None else src)
        short = len(eqn.outs) - 1 - len(eqn.ins)
        if short > 0:
            t += [None] * short
        for k, v in enumerate(eqn.outs):
            env[v] = pos + k
    return [t.tracer(env[v], j.avals[v]) for v in j.outs]


# Printing


def names() -> Iterator[str]:
    """a, b, ..., z, aa, ab, ..."""
    yield from string.ascii_lowercase
    for first in names():
        for last in string.ascii_lowercase:
            yield first + last


def literal(value: Any) -> str | None:
    """A constant that is short enough to stand in the equation that uses it."""
    if isinstance(value, Tracer) or np.ndim(value) or (isinstance(value, np.ndarray) and value.ndim):
        return None
    return str(np.asarray(value)[()])


def pretty(j: Jaxpr, consts: Sequence[Any] = (), *, source: bool = True) -> str:
    """Text like JAX's, with the user's line behind each equation. `consts` are the values of the last inputs."""
    inputs, captured = j.invars[: len(j.invars) - len(consts)], j.invars[len(j.invars) - len(consts) :]
    values = dict(j.lits) | dict(zip(captured, consts, strict=True))
    inline = {v: text for v, c in values.items() if (text := literal(c)) is not None}
    name: dict[int, str] = {}
    fresh = names()

    def show(v: int) -> str:
        if v in inline:
            return inline[v]
        if v not in name:
            name[v] = next(fresh)
        return name[v]

    def typed(v: int) -> str:
        return f"{show(v)}:{j.avals[v]}"

    used = {v for eqn in j.eqns for v in eqn.ins} | set(j.outs)
    shown_consts = " ".join([typed(v) for v in values if v not in inline and v in used])
    head = f"{{ lambda {shown_consts}; {' '.join([typed(v) for v in inputs])}. let"
    rows = []
    for eqn in j.eqns:
        left = " ".join([typed(v) for v in eqn.outs]) or "_"
        right = " ".join([repr(eqn.op), *[show(v) for v in eqn.ins]])
        rows.append((f"    {left} = {right}", where(eqn.loc) if source else ""))
    width = min(max([len(text) for text, _ in rows], default=0), 70)
    lines = [f"{text:<{width}}  # {loc}" if loc else text for text, loc in rows]
    tail = "  in (" + "".join([show(v) + "," for v in j.outs]) + ") }"
    return "\n".join([head, *lines, tail])


def where(loc: Location | None) -> str:
    """`file.py:12`, short enough to stand behind an equation."""
    return f"{short_path(loc[0].co_filename)}:{line_number(*loc)}" if loc else ""


class ClosedJaxpr:
    """A jaxpr with the values of its captured constants: what `make_jaxpr` returns and `eval_jaxpr` runs."""

    def __init__(self, jaxpr: Jaxpr, consts: Sequence[Any], out_tree: Any = None) -> None:
        self.jaxpr, self.consts, self.out_tree = jaxpr, list(consts), out_tree

    @property
    def eqns(self) -> tuple[Eqn, ...]:
        return self.jaxpr.eqns

    @property
    def in_avals(self) -> list[Aval]:
        return self.jaxpr.in_avals[: len(self.jaxpr.invars) - len(self.consts)]

    @property
    def out_avals(self) -> list[Aval]:
        return self.jaxpr.out_avals

    def __str__(self) -> str:
        return pretty(self.jaxpr, self.consts)

    __repr__ = __str__


__all__ = ["Cache", "ClosedJaxpr", "Eqn", "Jaxpr", "append_inline", "aval_of", "derived", "jaxpr_of", "live", "pretty", "traced"]


def new_variable(avals: dict[int, Aval], a: Aval) -> int:
    """A variable that is not in `avals`, which it is put into."""
    v = len(avals)
    while v in avals:
        v += 1
    avals[v] = a
    return v
