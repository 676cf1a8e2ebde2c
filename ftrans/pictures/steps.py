"""A jaxpr as the steps that a reader of the program would count: one for each value that means something.

What only changes a type or spreads a number is taken into the step that needs it. A step is a small jaxpr, its `form`, over the
operands of its main operation; values and derivatives are computed by forms.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from ..core.jaxpr import Cache, Eqn, Jaxpr, place
from ..core.views import Copy
from ..ops.structural import Broadcast, Convert, Weaken

forms = Cache()


@dataclass(eq=False)
class Step:
    """One main equation with the small ones taken into it.

    operands: the variable that each operand of the main equation comes from; before: the small equations on the way from it.
    after: the small equations on the way from the result of the main equation to the step's.
    needed: the results of the function depend on it (a read, and what only a read needs, is not drawn).
    """

    main: Eqn
    operands: list[int]
    before: list[list[Eqn]]
    after: list[Eqn]
    outs: tuple[int, ...]
    form: Jaxpr
    number: int
    needed: bool = False


def steps_of(j: Jaxpr, named: Container[int]) -> list[Step]:
    """The steps of a jaxpr; the variables in `named` are values that the user speaks of, and stay."""
    uses: dict[int, int] = {}
    for v in [v for eqn in j.eqns for v in eqn.ins] + list(j.outs):
        uses[v] = uses.get(v, 0) + 1
    shown = set(j.outs)
    small: dict[int, Eqn] = {}  # variables that are no values of their own, and what they are made by
    made: dict[int, Step] = {}
    steps: list[Step] = []
    for number, eqn in enumerate(j.eqns):
        if is_small(eqn, j):
            (x,), (y,) = eqn.ins, eqn.outs
            step = made.get(x)
            if step and uses[x] == 1 and x not in named and x not in shown and not isinstance(eqn.op, Broadcast):
                step.after.append(eqn)
                step.outs = (y,)
                made[y] = made.pop(x)
                continue
            if y not in named and y not in shown:
                small[y] = eqn
                continue
        before = [origin(v, small) for v in eqn.ins]
        operands = [chain[0].ins[0] if chain else v for v, chain in zip(eqn.ins, before, strict=True)]
        step = Step(eqn, operands, before, [], eqn.outs, j, number)
        steps.append(step)
        made.update(dict.fromkeys(eqn.outs, step))
    for step in steps:
        step.form = form_of(step, j)
    mark_needed(steps, j.outs)
    return steps


def is_small(eqn: Eqn, j: Jaxpr) -> bool:
    """Whether an equation only changes the type of a value, or spreads a number."""
    if isinstance(eqn.op, Weaken | Copy):
        return True
    if isinstance(eqn.op, Convert):
        a = j.avals[eqn.ins[0]]
        return a.weak or a.dtype.kind == eqn.op.dtype.kind
    return isinstance(eqn.op, Broadcast) and not j.avals[eqn.ins[0]].shape


def origin(v: int, small: dict[int, Eqn]) -> list[Eqn]:
    """The small equations that lead to a variable, the first one first."""
    chain: list[Eqn] = []
    while v in small:
        chain.append(small[v])
        v = small[v].ins[0]
    return chain[::-1]


def mark_needed(steps: Sequence[Step], outs: Iterable[int]) -> None:
    """Find the steps that the results depend on."""
    wanted = set(outs)
    for step in reversed(steps):
        if any([v in wanted for v in step.outs]):
            step.needed = True
            wanted.update(step.operands)


def form_of(step: Step, j: Jaxpr) -> Jaxpr:
    """The jaxpr of a step alone, from its operands; equal steps have one form, so it is differentiated once."""
    ops = (step.main.op, *[tuple([e.op for e in chain]) for chain in step.before], *[e.op for e in step.after])
    avals = tuple([j.avals[v] for v in step.operands])
    key = (ops, avals, place(step.main.loc) if step.main.op.effectful else ())  # a read may raise, at the user's line
    known: Jaxpr | None = forms.find(key)
    if known is not None:
        return known
    size = len(step.operands)
    form_avals = dict(enumerate(avals))
    eqns: list[Eqn] = []

    def fresh(old: Sequence[int]) -> tuple[int, ...]:
        new = tuple(range(len(form_avals), len(form_avals) + len(old)))
        form_avals.update(zip(new, [j.avals[v] for v in old], strict=True))
        return new

    outs = write(step, list(range(size)), eqns.append, fresh)
    return forms.keep(key, Jaxpr(range(size), eqns, outs, form_avals, {}))  # type: ignore[no-any-return]


def write(
    step: Step, operands: Sequence[int], append: Callable[[Eqn], None], fresh: Callable[[Sequence[int]], tuple[int, ...]]
) -> tuple[int, ...]:
    """Append the equations of a step on other variables; `fresh` gives new ones with the avals of old ones."""
    ins: list[int] = []
    for v, chain in zip(operands, step.before, strict=True):
        for e in chain:
            out = fresh(e.outs)
            append(Eqn(e.op, (v,), out, e.loc))
            (v,) = out
        ins.append(v)
    outs = fresh(step.main.outs)
    append(Eqn(step.main.op, tuple(ins), outs, step.main.loc))
    for e in step.after:
        out = fresh(e.outs)
        append(Eqn(e.op, outs, out, e.loc))
        outs = out
    return outs


def evaluate(j: Jaxpr, args: Sequence[Any]) -> list[Any]:
    """The results of a jaxpr by the `eval` rules; unlike `run.interpret` they may share memory with the arguments."""
    env: dict[int, Any] = dict(zip(j.invars, args, strict=True)) | j.lits
    for eqn in j.eqns:
        out = eqn.op.eval(*[env[v] for v in eqn.ins])
        env.update(zip(eqn.outs, out if eqn.op.multiple else (out,), strict=True))
    return [env[v] for v in j.outs]


__all__ = ["Step", "evaluate", "steps_of", "write"]
