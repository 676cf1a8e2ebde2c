"""Programs: a jaxpr prepared for running, as a tape of steps over slots.

    program = build(jaxpr)               # every equation a NumPy call: ready in microseconds
    program = build(jaxpr, items)        # with the kernels that `fuse.plan` found
    program.run(args)                    # the list of results

A slot is reused as soon as its value is dead, so arrays are released as a hand-written function would release them; a large one
is overwritten by the result of the ufunc that reads it last (fresh memory costs more than most operations on it). Results
share memory with nothing. Guards (`read` equations) are steps of their own; a failed one raises `GuardFailure`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..core.aval import Aval
from ..core.jaxpr import Eqn, Jaxpr
from ..core.primitive import Primitive
from ..core.reads import Read, outcome_key, outcome_of
from ..core.run import add_line
from ..ops.elementwise import Pointwise
from ..ops.reductions import Reduction
from ..ops.structural import Broadcast, ReduceSum

# What the last field of a step says: a slot (binary), or one of these.
UNARY, NARY, MULTIPLE, GUARD, KERNEL = -1, -2, -3, -4, -5

Step = tuple[Any, Any, Any, int]  # function, output slot, input slot(s), kind or second input slot


class GuardFailure(Exception):
    """A read had another outcome than the one this program was traced for. Internal: jit catches it."""

    def __init__(self, index: int, outcome: Any) -> None:
        self.index, self.outcome = index, outcome


class RefusedError(Exception):
    """Compiled code cannot do this: an index is out of bounds. NumPy steps tell what is wrong. Internal: tiers catch it."""


class KernelStep:
    """A kernel in a plan: compiled code that reads and writes slots. `bind(slot_of)` gives the function of the slot list."""

    eqns: list[Eqn]
    ins: tuple[int, ...]
    outs: tuple[int, ...]

    def bind(self, slot_of: dict[int, int]) -> Callable[[list[Any]], None]:
        raise NotImplementedError


Item = Eqn | KernelStep

LARGE = 8192  # elements: from here on an array that is read for the last time is overwritten by what is computed from it


class Program:
    """A prepared list of steps. Re-entrant: each run has slots of its own."""

    __slots__ = ("base", "eqns", "finish", "n_in", "n_guards", "plain", "results", "steps")

    def __init__(
        self, steps: list[Step], eqns: list[Any], base: list[Any], n_in: int, results: list[int], finish: list[Any]
    ) -> None:
        self.steps, self.eqns, self.base, self.n_in = steps, eqns, base, n_in
        self.results, self.finish = results, finish
        self.n_guards = sum([s[3] == GUARD for s in steps])
        self.plain = not any(finish)

    def run(self, args: Sequence[Any], given: int = 0) -> list[Any]:
        """The results for these arguments. The first `given` guards are taken as passed."""
        e = self.base.copy()
        e[: self.n_in] = args
        step: Any = None
        try:
            for step in self.steps:
                f, o, i, j = step
                if j >= 0:
                    e[o] = f(e[i], e[j])
                elif j == UNARY:
                    e[o] = f(e[i])
                elif j == NARY:
                    e[o] = f(*[e[q] for q in i])
                elif j == KERNEL:
                    f(e)
                elif j == MULTIPLE:
                    for slot, value in zip(o, f(*[e[q] for q in i]), strict=True):
                        e[slot] = value
                elif o >= given:
                    check_guard(f, o, e[i])
        except (GuardFailure, RefusedError):
            raise
        except Exception as error:
            eqn = self.eqns[self.steps.index(step)] if step is not None else None
            if isinstance(eqn, Eqn):
                add_line(error, eqn)
            raise
        if self.plain:
            return [e[r] for r in self.results]
        return [fix(e[r]) if fix is not None else e[r] for r, fix in zip(self.results, self.finish, strict=True)]


def check_guard(op: Read, index: int, x: Any) -> None:
    """Compare the outcome of a read with the one of the trace."""
    key = outcome_key(outcome_of(op.kind, x))
    if key != op.outcome or type(key) is not type(op.outcome):
        raise GuardFailure(index, key)


def is_view(eqn: Eqn) -> bool:
    """Whether the result may share memory with the operand: operations that can be written through, and a few others."""
    op = eqn.op
    return type(op).put is not Primitive.put or isinstance(op, Broadcast) or op.view


def build(j: Jaxpr, items: Sequence[Item] | None = None, *, guards: bool = True) -> Program:
    """Prepare a jaxpr: assign slots by lifetime, turn equations (and kernels) into steps."""
    todo: list[Item] = [x for x in (j.eqns if items is None else items) if guards or not reads(x)]
    last: dict[int, int] = {}
    for k, item in enumerate(todo):
        for v in item.ins:
            last[v] = k
    for v in j.outs:
        last[v] = len(todo)
    slot: dict[int, int] = {v: k for k, v in enumerate(j.invars)}
    base: list[Any] = [None] * len(slot)
    for v, value in j.lits.items():
        slot[v] = len(base)
        base.append(value)
    fixed = len(base)
    free: list[int] = []
    steps: list[Step] = []
    n_guards = 0
    overwritten = overwritable(j.avals, j.outs, todo)
    for k, item in enumerate(todo):
        inputs = [slot[v] for v in item.ins]
        if isinstance(item, KernelStep):  # its outputs are made before its inputs are read: no sharing of slots
            outputs = [take(free, base) for _ in item.outs]
        dying = {slot[v] for v in item.ins if last[v] == k and slot[v] >= fixed}
        free.extend(dying)
        if not isinstance(item, KernelStep):
            outputs = [take(free, base) for _ in item.outs]
        slot.update(zip(item.outs, outputs, strict=True))
        free.extend([slot[v] for v in item.outs if v not in last])
        step = step_of(item, inputs, outputs, slot, n_guards)
        if overwritten and overwritten[k] and isinstance(item, Eqn):
            step = in_place(step, item, j, overwritten[k])
        steps.append(step)
        n_guards += reads(item)
    return Program(steps, list(todo), base, len(j.invars), [slot[v] for v in j.outs], finishing(j))


def overwritable(
    avals: dict[int, Aval], outs: Sequence[int], items: Sequence[Item], donated: Sequence[int] = ()
) -> list[list[int]]:
    """For each item the large arrays it may overwrite: the program made them, or was given them to keep; nothing views them, and it
    reads them last.

    Nothing at all when the program has no large arrays.
    """
    if not any([a.size >= LARGE for a in avals.values()]):
        return []
    made: set[int] = set(donated)
    kept = set(outs)
    last: dict[int, int] = {}
    for k, item in enumerate(items):
        if isinstance(item, KernelStep) or is_ufunc(item.op):
            made.update(item.outs)
        elif not isinstance(item.op, ReduceSum | Reduction):
            kept.update(item.ins)
        for v in item.ins:
            last[v] = k
    found: list[list[int]] = [[] for _ in items]
    for v in made - kept:
        if v in last and v in avals and avals[v].size >= LARGE:  # a plan has variables of its own
            found[last[v]].append(v)
    return found


def is_ufunc(op: Primitive) -> bool:
    """Whether an operation is run by calling a NumPy ufunc."""
    return isinstance(op, Pointwise) and type(op).eval is Pointwise.eval


def in_place(step: Step, eqn: Eqn, j: Jaxpr, candidates: list[int]) -> Step:
    """The step of an equation, writing its result over one of these operands if that has the same shape and dtype."""
    f, o, i, kind = step
    out = j.avals[eqn.outs[0]]
    for k, v in enumerate(eqn.ins):
        if v in candidates and isinstance(f, np.ufunc) and j.avals[v].shape == out.shape and j.avals[v].dtype == out.dtype:
            if kind == UNARY:
                return (lambda x: f(x, out=x)), o, i, kind
            if kind >= 0:
                return ((lambda x, y: f(x, y, out=x)) if k == 0 else (lambda x, y: f(x, y, out=y))), o, i, kind
    return step


def reads(item: Item) -> bool:
    """Whether an item is a guard."""
    return isinstance(item, Eqn) and isinstance(item.op, Read)


def take(free: list[int], base: list[Any]) -> int:
    """A free slot, or a new one."""
    if free:
        return free.pop()
    base.append(None)
    return len(base) - 1


def step_of(item: Item, inputs: list[int], outputs: list[int], slot: dict[int, int], guard: int) -> Step:
    """One step; ufuncs are called directly."""
    if isinstance(item, KernelStep):
        return item.bind(slot), None, None, KERNEL
    op = item.op
    if isinstance(op, Read):
        return op, guard, inputs[0], GUARD
    f = op.ufunc if is_ufunc(op) else op.eval  # type: ignore[attr-defined]
    if op.multiple:
        return f, tuple(outputs), tuple(inputs), MULTIPLE
    if len(inputs) == 2:
        return f, outputs[0], inputs[0], inputs[1]
    if len(inputs) == 1:
        return f, outputs[0], inputs[0], UNARY
    return f, outputs[0], tuple(inputs), NARY


def finishing(j: Jaxpr) -> list[Any]:
    """For each output what still has to be done to it: copied, made a scalar, made a 0-d array; None for nothing."""
    made = {v: eqn for eqn in j.eqns for v in eqn.outs}
    chains = []
    for v in j.outs:  # the variables that may share memory with this output, from it down to the one that owns it
        chain = [v]
        while (eqn := made.get(chain[-1])) is not None and is_view(eqn):
            chain.append(eqn.ins[0])
        chains.append(chain)
    owned: dict[int, set[int]] = {}
    for chain in chains:
        owned.setdefault(chain[-1], set()).add(chain[0])
    todo = []
    for v, chain in zip(j.outs, chains, strict=True):
        root = chain[-1]
        shared = (
            root not in made  # an argument or a constant
            or len(owned[root]) > 1
            or any([isinstance(made[w].op, Broadcast) for w in chain[:-1]])
            or j.avals[root].size != j.avals[v].size  # a part: do not keep the whole alive
        )
        fresh = not shared and isinstance(made[root].op, Pointwise | ReduceSum)
        todo.append(finisher(j.avals[v], to_owned if shared else None if fresh else to_fresh))
    return todo


def finisher(a: Aval, array: Callable[[Any], Any] | None) -> Any:
    """The function that makes a result what NumPy would return, owning its memory."""
    if a.weak:
        return to_python
    if a.shape:
        return array
    return to_scalar if a.scalar else np.array


def to_owned(x: Any) -> Any:
    return x.copy()


def to_fresh(x: Any) -> Any:
    """For results of operations that usually, but not surely, return new memory."""
    return x if x.base is None else x.copy()


def to_python(x: Any) -> Any:
    return x.item() if hasattr(x, "item") else x


def to_scalar(x: Any) -> Any:
    return x[()] if isinstance(x, np.ndarray) else x
