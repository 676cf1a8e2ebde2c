"""Fusion: what of a jaxpr compiled code computes, and in which kernels.

    items = plan(jaxpr)                      # equations left as NumPy steps, and `Group`s
    items = realise(items, backend)          # compiled, and those that follow each other made one `Segment`, ready for `tape.build`

planner.py says which equations make a kernel together; shifts.py and partials.py change how it is run. A long program is fused in
pieces, and pieces of the same content (the steps of an unrolled loop) are planned once: see roll.py.
"""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from ..config import config
from ..core.aval import Aval
from ..core.jaxpr import Eqn, Jaxpr, new_variable
from .group import Group, Renamed
from .loops import Code
from .partials import split
from .planner import Planner
from .roll import WHOLE, Piece, pieces
from .segment import Segment
from .tape import Item, overwritable


class Plan(list[Item]):
    """The items of a jaxpr in order: NumPy steps and groups. avals: of all variables, those made by the plan included."""

    def __init__(self, items: Sequence[Item], avals: dict[int, Aval], outs: Sequence[int]) -> None:
        super().__init__(items)
        self.avals, self.outs = avals, outs


def plan(j: Jaxpr, donated: Sequence[int] = ()) -> Plan:
    """The items of a jaxpr: NumPy steps and groups. donated: inputs that groups may overwrite where they read them last."""
    avals = dict(j.avals)
    items = split(planned(j, pieces(j) if len(j.eqns) > WHOLE else (), avals), avals)
    made: set[int] = set()  # by the groups that stand directly before: memory that a native program can give to others
    safe = 1 + max([n for n, item in enumerate(items) if may_stop(item)], default=-1)  # from here on nothing can end the run
    for n, (item, candidates) in enumerate(zip(items, overwritable(avals, j.outs, items, donated), strict=False)):
        if isinstance(item, Group):
            item.overwrite([v for v in candidates if v in made or (v in donated and n >= safe)], avals)
            made.update(item.outs)
        else:
            made.clear()
    return Plan(items, avals, j.outs)


def may_stop(item: Item) -> bool:
    """Whether a run may end here without a result: by an error, or for another program to take over."""
    return item.kernel.checked if isinstance(item, Group) else isinstance(item, Eqn) and (item.op.may_raise or item.op.effectful)


def planned(j: Jaxpr, parts: Sequence[Piece], avals: dict[int, Aval]) -> list[Item]:
    """The plans of the pieces one after the other, made once for pieces of the same content; what they add is put into `avals`."""
    if len(parts) < 2:
        planner = Planner(j)
        found = planner.items()
        avals.update(planner.avals)
        return found
    made = {v: eqn for eqn in j.eqns for v in eqn.outs}
    plans: dict[Any, tuple[Piece, Planner, list[Item]]] = {}
    items: list[Item] = []
    for part in parts:
        key = part.pattern.key
        if key not in plans:
            planner = Planner(part.pattern.jaxpr())
            plans[key] = part.pattern, planner, planner.items()
        first, planner, template = plans[key]
        name = Names(zip(first.order, part.order, strict=True), planner.avals, avals)
        for item in template:
            ins, outs = tuple([name[v] for v in item.ins]), tuple([name[v] for v in item.outs])
            if isinstance(item, Group | Renamed):
                items.append(replace(item, ins=ins, outs=outs))
            elif outs and outs[0] in made and made[outs[0]].ins == ins:
                items.append(made[outs[0]])
            else:
                assert isinstance(item, Eqn)
                items.append(Eqn(item.op, ins, outs, item.loc))
    return items


class Names(dict[int, int]):
    """What the variables of one piece are called in another; those that its plan added are new variables, put into `avals`."""

    def __init__(self, pairs: Iterable[tuple[int, int]], source: dict[int, Aval], avals: dict[int, Aval]) -> None:
        super().__init__(pairs)
        self.source, self.avals = source, avals

    def __missing__(self, v: int) -> int:
        self[v] = name = new_variable(self.avals, self.source[v])
        return name


def kernels(items: Sequence[Item]) -> list[Code]:
    """The kernels of a plan, each content once."""
    return list(dict.fromkeys([item.kernel for item in items if isinstance(item, Group)]))


def realise(plan: Plan, backend: Any) -> list[Item]:
    """The plan with every group compiled by a backend, and groups that follow each other made one segment."""
    for item in plan:
        if isinstance(item, Group) and item.compiled is None:
            item.compiled = backend.compile(item.kernel)
    last: dict[int, int] = dict.fromkeys(plan.outs, len(plan))  # who reads a variable last
    for n, item in enumerate(plan):
        last |= {v: max(n, last.get(v, n)) for v in item.ins}
    items: list[Item] = list(plan)
    result: list[Item] = []
    todo = list(stretches(items))
    while todo:
        start, end = todo.pop(0)
        members = [item for item in items[start:end] if isinstance(item, Group | Renamed)]
        wanted = {v for item in members for v in item.outs if last.get(v, -1) >= end}
        shared = first_shared(members, wanted)
        if shared is not None:  # it needs a view, or a copy, which NumPy makes
            items[start + shared] = members[shared].eqns[0]
            todo = [(start + a, start + b) for a, b in stretches(items[start:end])] + todo
        elif members:
            segment = Segment.of(members, plan.avals, wanted)
            segment.backend = backend
            segment.plan(work, config.threads)
            result.append(segment)
        else:
            result += items[start:end]
    return result


def first_shared(members: Sequence[Group | Renamed], wanted: set[int]) -> int | None:
    """The number of the first array by another shape that cannot be that in a segment.

    Others read it, and its memory is given to the segment or read by others too; or there is nothing but such arrays.
    """
    memory: dict[int, int] = {}
    for item in members:
        if isinstance(item, Renamed):
            memory[item.outs[0]] = memory.get(item.ins[0], item.ins[0])
    made = {v for item in members if isinstance(item, Group) for v in item.outs}
    readers = Counter([memory.get(v, v) for v in wanted])
    for n, item in enumerate(members):
        if isinstance(item, Renamed):
            v, root = item.outs[0], memory[item.outs[0]]
            if not made or (v in wanted and (root not in made or readers[root] > 1)):
                return n
    return None


def stretches(items: Sequence[Item]) -> Iterator[tuple[int, int]]:
    """(start, end) of the longest stretches of groups, and of what stands between them.

    They are not cut further: groups that write boxes of one array have to be in one segment.
    """
    for _, members in itertools.groupby(range(len(items)), lambda n: isinstance(items[n], Group | Renamed)):
        numbers = list(members)
        yield numbers[0], numbers[-1] + 1


def work(group: Group) -> float:
    """Seconds that a compiled group takes, roughly."""
    return float(math.prod(group.nest.sizes)) * group.compiled.cost * 1e-10  # type: ignore[no-any-return]
