"""Write a jaxpr equation by equation, in its simplest form: `Emitter` is where every rewritten jaxpr is put together.

    em = Emitter()
    x = em.input(aval)
    (y,) = em.eqn(op, (x,), (out_aval,), loc)      # the variable of an equal equation, if there is one already
    outs = em.inline(jaxpr, [x, y])
    new = em.finish([x], outs)

What it leaves out, keeping the results bit for bit (`PASSES`): repeated equations, arithmetic on literals, broadcasts and weak
scalars that make no difference to those who read them, what an identity gives for less (see identities.py), dead code.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..core.aval import Aval, aval, aval_of
from ..core.check import checked
from ..core.jaxpr import Eqn, Jaxpr, live
from ..core.primitive import Primitive, infer
from ..core.reads import outcome_key
from ..errors import Location
from ..ops.elementwise import Pointwise
from ..ops.structural import Broadcast, Reshape, Weaken
from .identities import RULES, Rule

PASSES = frozenset(["share", "fold", "widen", "identities", "dead"])
KNOWN: dict[type, tuple[bool, Rule | None]] = {}  # whether a class of operations is pointwise, and its rule: 0.03 µs instead of 0.2


class Emitter:
    """An open list of equations over variables 0, 1, 2, ...; `passes` is what is done to them."""

    def __init__(self, passes: frozenset[str] = PASSES) -> None:
        self.share, self.fold, self.widen = "share" in passes, "fold" in passes, "widen" in passes
        self.identities, self.dead = "identities" in passes, "dead" in passes
        self.avals: dict[int, Aval] = {}
        self.eqns: list[Eqn] = []
        self.lits: dict[int, Any] = {}
        self.seen: dict[Any, tuple[int, ...]] = {}
        self.made: dict[int, Eqn] = {}  # variable -> its equation
        self.ones: set[int] = set()
        self.strong: dict[int, int] = {}  # result of a weaken -> its operand
        self.spread: dict[int, int] = {}  # result of a broadcast or of adding axes of size 1 -> what was spread
        self.reshaped: dict[int, int] = {}  # result of a reshape -> its operand
        self.size = 0

    def input(self, a: Aval) -> int:
        """A new input variable."""
        v = self.size
        self.avals[v] = a
        self.size += 1
        return v

    def literal(self, value: Any, a: Aval) -> int:
        """A constant of the jaxpr; equal ones are one variable."""
        key = (type(value), outcome_key(value), a)
        known = self.seen.get(key)
        if known is None:
            v = self.input(a)
            self.lits[v] = value
            if np.ndim(value) == 0 and value == 1:
                self.ones.add(v)
            known = self.seen[key] = (v,)
        return known[0]

    def eqn(self, op: Primitive, ins: tuple[int, ...], out_avals: Sequence[Aval], loc: Location | None) -> tuple[int, ...]:
        """The results of an operation."""
        kind = type(op)
        known = KNOWN.get(kind)
        if known is None:
            known = KNOWN[kind] = issubclass(kind, Pointwise), RULES.get(kind)
        pointwise, rule = known
        if pointwise:
            if self.fold and ins[0] in self.lits:
                value = self.constant(op, ins, out_avals)
                if value is not None:
                    return (value,)
            if self.strong:
                ins = self.strengthened(op, ins, out_avals[0])
            if self.spread:
                if len(ins) == 1 and ins[0] in self.spread:
                    return self.before_spread(op, ins[0], out_avals[0], loc)
                ins = self.narrowed(op, ins, out_avals[0])
        elif self.widen and (kind is Broadcast or kind is Reshape):
            return self.move(op, ins, out_avals, loc)
        if rule is not None and self.identities:
            found = rule(self, op, ins, out_avals[0])
            if found is not None:
                return (found,) if isinstance(found, int) else self.eqn(*found, out_avals, loc)
        outs = self.seen.get((op, ins))
        if outs is None or not out_avals:  # an equation without results is a guard
            outs = self.append(op, ins, out_avals, loc)
            if self.share:
                self.seen[op, ins] = outs
            if kind is Weaken and self.widen:
                self.strong[outs[0]] = ins[0]
        return outs

    def constant(self, op: Primitive, ins: tuple[int, ...], out_avals: Sequence[Aval]) -> int | None:
        """The literal that an operation on literal numbers gives, unless it is not finite or NumPy would warn."""
        if len(out_avals) != 1 or out_avals[0].shape or not all([v in self.lits for v in ins]):
            return None
        try:
            with np.errstate(all="raise"):
                value = op.eval(*[self.lits[v] for v in ins])
        except (FloatingPointError, ValueError):  # ValueError: an integer to a negative power
            return None
        value = value if out_avals[0].scalar else np.asarray(value)
        return self.literal(value, out_avals[0]) if aval_of(value) is out_avals[0] and np.isfinite(value) else None

    def append(self, op: Primitive, ins: tuple[int, ...], out_avals: Sequence[Aval], loc: Location | None) -> tuple[int, ...]:
        """Write an equation as it is."""
        start = self.size
        self.size += len(out_avals)
        outs = tuple(range(start, self.size))
        self.avals.update(zip(outs, out_avals, strict=True))
        eqn = Eqn(op, ins, outs, loc)
        self.eqns.append(eqn)
        self.made[start] = eqn
        return outs

    def move(self, op: Any, ins: tuple[int, ...], out_avals: Sequence[Aval], loc: Location | None) -> tuple[int, ...]:
        """A reshape or broadcast, remembered where NumPy's broadcasting would do the same."""
        x = ins[0]
        if type(op) is Reshape:
            x = self.reshaped.get(x, x)  # a reshape of a reshape
        elif x in self.made and type(self.made[x].op) is Broadcast:
            x = self.made[x].ins[0]
        if self.avals[x] is out_avals[0]:
            return (x,)
        known = self.seen.get((op, (x,)))
        if known is None:
            known = self.seen[op, (x,)] = self.append(op, (x,), out_avals, loc)
            root = self.spread.get(x, x)
            same = self.avals[root].size == 1 and len(op.shape) >= self.avals[root].ndim  # one value everywhere
            if same or spreads(op.shape, self.avals[x].shape):
                self.spread[known[0]] = root
            if type(op) is Reshape:
                self.reshaped[known[0]] = x
        return known

    def before_spread(self, op: Primitive, x: int, out: Aval, loc: Location | None) -> tuple[int, ...]:
        """f(spread(x)) as spread(f(x)): who reads it may do without the spreading."""
        root = self.spread[x]
        small = infer(op, (self.avals[root],))
        (y,) = self.eqn(op, (root,), (small,), loc)
        spread = aval(out.shape, small.dtype, False, False)
        if spread is not out or not out.shape:
            known = self.seen.get((op, (x,)))
            if known is None:
                known = self.seen[op, (x,)] = self.append(op, (x,), (out,), loc)
            return known
        return self.move(Broadcast(out.shape), (y,), (out,), loc)

    def narrowed(self, op: Primitive, ins: tuple[int, ...], out: Aval) -> tuple[int, ...]:
        """The operands with broadcasts dropped wherever the operation broadcasts to the same result."""
        if len(ins) > 1:
            for k, v in enumerate(ins):
                if v in self.spread:
                    fewer = (*ins[:k], self.spread[v], *ins[k + 1 :])
                    if infer(op, tuple([self.avals[w] for w in fewer])) is out:
                        ins = fewer
        return ins

    def strengthened(self, op: Primitive, ins: tuple[int, ...], out: Aval) -> tuple[int, ...]:
        """The operands as NumPy scalars instead of the Python scalars made of them, where the result is of the same dtype."""
        if not any([v in self.strong for v in ins]):
            return ins
        stronger = tuple([self.strong.get(v, v) for v in ins])
        return stronger if infer(op, tuple([self.avals[v] for v in stronger])) is out else ins

    def inline(self, j: Jaxpr, args: Sequence[int], loc: Location | None = None) -> list[int]:
        """The equations of j on these variables; gives its outputs. With `loc` they are said to come from there."""
        env = dict(zip(j.invars, args, strict=True))
        avals = j.avals
        for v, value in j.lits.items():
            env[v] = self.literal(value, avals[v])
        for eqn in j.eqns:
            outs = eqn.outs
            made = self.eqn(eqn.op, tuple([env[v] for v in eqn.ins]), [avals[v] for v in outs], loc or eqn.loc)
            if len(outs) == 1:
                env[outs[0]] = made[0]
            else:
                env.update(zip(outs, made, strict=True))
        return [env[v] for v in j.outs]

    def finish(self, invars: Sequence[int], outs: Sequence[int]) -> Jaxpr:
        """The jaxpr, without dead code."""
        kept = live(self.eqns, outs) if self.dead else self.eqns
        used = {v for eqn in kept for v in eqn.ins} | set(outs)
        return checked(Jaxpr(invars, kept, outs, self.avals, {v: x for v, x in self.lits.items() if v in used}))


def spreads(shape: tuple[int, ...], source: tuple[int, ...]) -> bool:
    """Whether going from shape `source` to `shape` is what NumPy's broadcasting does by itself."""
    lead = len(shape) - len(source)
    return lead >= 0 and all([m in (1, n) for m, n in zip(source, shape[lead:], strict=True)])
