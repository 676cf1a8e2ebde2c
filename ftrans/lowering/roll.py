"""Roll: find the periodic runs of equations that an unrolled Python loop leaves, and cut a jaxpr into pieces that repeat.

    for run in roll(jaxpr): print(run)        # Run(start=3, period=12, count=1000)
    for piece in pieces(jaxpr): ...           # what is fused on its own; pieces with equal `key` have the same plan

A run is where operations and operand types repeat, and each operand either comes from the same place of the period or from outside
of it: the period before, something computed before the loop, an argument. A gradient's backward sweep is such a run too: what it
reads of the forward sweep is outside.

Precondition: a well-typed jaxpr. Postcondition: the pieces hold all its equations, once and in their order. Correctness does not
depend on which runs are found, since a piece is planned by its content. The search compares windows of doubling width by name
(Karp, Miller, Rosenberg 1972) and takes about 2 µs an equation; planning takes 15 where nothing repeats.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..core.jaxpr import Eqn, Jaxpr

BLOCK = 48  # equations in a piece of several periods; a kernel of so many takes 20 ms to compile, half of it whatever its length
WHOLE = 2 * BLOCK  # a run of at most so many equations is left as it is
LONGEST = 1000  # equations without period are planned in pieces of so many: beyond, planning takes more than linear time
COUNTS = (8, 3)  # a run has so many periods; shorter ones are looked for when the long ones are known, which may contain them
NEAR = 32  # distances between equations that are compared in the search; farther operands count as coming from outside

TRIES = 64  # phases of a long period that are tried for its first one

Ints = np.ndarray[Any, np.dtype[np.int64]]


@dataclass(frozen=True)
class Run:
    """The equations from `start` on repeat `count` times with a period."""

    start: int
    period: int
    count: int

    @property
    def stop(self) -> int:
        return self.start + self.period * self.count

    def per_piece(self) -> int:
        """How many periods make a piece: as many as fit, or up to half as many where that leaves fewer single ones."""
        most = max(1, BLOCK // self.period)
        return min(range(most, most // 2, -1), key=lambda u: self.count % u)


def roll(j: Jaxpr) -> list[Run]:
    """The runs of more than WHOLE equations, as they come. Of nested ones the inner if it has many periods, else the outer."""
    return Search(j).runs() if len(j.eqns) > WHOLE else []


class Search:
    """The equations of a jaxpr as numbers, equal where the equations are alike."""

    def __init__(self, j: Jaxpr) -> None:
        self.eqns = j.eqns
        self.made: dict[int, float] = {}  # variable -> position of its equation, less 1/1024 for each result before it
        self.kinds: list[int] = []  # operation and operand types
        kinds: dict[Any, int] = {}
        marks: dict[Any, int] = {}  # the same, and where near operands come from
        made, avals = self.made, j.avals
        tokens = []
        for t, eqn in enumerate(j.eqns):
            ins = eqn.ins
            kind = kinds.setdefault((eqn.op, *[avals[v] for v in ins]), len(kinds))
            near = [d if (d := t - made.get(v, -NEAR)) < NEAR else 0 for v in ins]
            self.kinds.append(kind)
            tokens.append(marks.setdefault((kind, *near), len(marks)))
            for k, v in enumerate(eqn.outs):
                made[v] = t - k / 1024
        self.tokens: Ints = np.array(tokens, np.int64)
        self.taken = np.zeros(len(tokens) + 1, bool)
        self.breaks: dict[int, Ints] = {}  # period -> the positions that differ from those a period before

    def runs(self) -> list[Run]:
        found: list[Run] = []
        for count in COUNTS:
            name, width = self.tokens, 1
            while 2 * width <= len(self.tokens) and np.count_nonzero(~self.taken) > WHOLE:
                found += self.of_width(before(name), width, count)
                name = renamed(name[:-width] * (name.max() + 1) + name[width:])
                width *= 2
        return sorted(found, key=lambda run: run.start)

    def of_width(self, distance: Ints, width: int, count: int) -> list[Run]:
        """The runs of at least `count` periods of at most `width` that are long and not yet taken.

        distance: to the last window of this width that is equal.
        """
        found = []
        starts = np.flatnonzero((distance > 0) & (distance <= width) & ~self.taken[: len(distance)])
        k = 0
        while k < len(starts):
            t = int(starts[k])
            period = int(distance[t])
            start, stop = t - period, self.stretch(t, period)
            run = Run(start, period, (stop - start) // period)
            free = run.count >= count and not self.taken[start:t].any()
            if free:
                run = self.leftwards(start, stop, period)
            if free and run.stop - run.start > WHOLE:
                found.append(run)
                self.taken[run.start : run.stop] = True
                k = int(np.searchsorted(starts, run.stop))
            else:
                k = int(np.searchsorted(starts, max(t + 1, stop - width + 1)))
        return found

    def stretch(self, t: int, period: int) -> int:
        """Where the repetition with this period that goes on at t ends."""
        breaks = self.breaks.get(period)
        if breaks is None:
            breaks = self.breaks[period] = np.flatnonzero(self.tokens[period:] != self.tokens[:-period]) + period
        k = int(np.searchsorted(breaks, t))
        stop = int(breaks[k]) if k < len(breaks) else len(self.tokens)
        rest = self.taken[t:stop]
        return t + int(rest.argmax()) if rest.any() else stop

    def leftwards(self, start: int, stop: int, period: int) -> Run:
        """The run, begun as early as periods differ only in what they read from outside, as first ones do."""
        kinds = self.kinds
        while True:
            low = start
            while low > max(0, start - period) and kinds[low - 1] == kinds[low - 1 + period] and not self.taken[low - 1]:
                low -= 1
            found = next((s for s in range(low, start, 1 + period // TRIES) if self.alike(s + period, period)), start)
            if found == start:
                return Run(start, period, (stop - start) // period)
            start = found

    def alike(self, start: int, period: int) -> bool:
        """Whether the period that ends at `start` is connected like the one that begins there, whose operations are the same."""
        made = self.made
        for k in range(start, start + period):
            for v, w in zip(self.eqns[k].ins, self.eqns[k - period].ins, strict=True):
                here, there = made.get(v, -1.0), made.get(w, -1.0)
                if there != here - period and (here > start - 1 or there > start - period - 1):
                    return False
        return True


def before(name: Ints) -> Ints:
    """For every position the distance to the last one before with the same name; 0 where there is none."""
    order = np.argsort(name, kind="stable")
    same = name[order[1:]] == name[order[:-1]]
    distance = np.zeros(len(name), np.int64)
    distance[order[1:][same]] = (order[1:] - order[:-1])[same]
    return distance


def renamed(name: Ints) -> Ints:
    """Names counted from 0."""
    return np.unique(name, return_inverse=True)[1].astype(np.int64)


# Pieces


class Piece:
    """Equations of a jaxpr that are planned on their own.

    stored: which of its results others need, counted over all results of its equations.
    key: its content in terms of its variables numbered as they come, so that pieces with the same key differ in names only.
    pattern: the piece whose plan serves, itself or another one.
    order: its variables, in the order in which the pattern's are numbered.
    """

    def __init__(self, source: Jaxpr, eqns: Sequence[Eqn], stored: tuple[int, ...]) -> None:
        self.source, self.eqns, self.stored = source, eqns, stored
        number: dict[int, int] = {}
        key: list[Any] = [stored]
        self.invars: list[int] = []
        for eqn in eqns:
            key.append(eqn.op)
            for v in eqn.ins:
                n = number.get(v)
                if n is None:
                    n = number[v] = len(number)
                    self.invars.append(v)
                    key.append(source.avals[v])
                key.append(n)
            for v in eqn.outs:
                number[v] = len(number)
        self.key, self.order = tuple(key), list(number)
        self.pattern = self

    def jaxpr(self) -> Jaxpr:
        """The piece as a function of what it reads from outside."""
        results = [v for eqn in self.eqns for v in eqn.outs]
        avals = {v: self.source.avals[v] for v in self.order}
        return Jaxpr(self.invars, self.eqns, [results[k] for k in self.stored], avals, {})

    def fit(self, general: Piece) -> None:
        """Take the plan of another piece, if that reads as several variables what is one variable here, and is the same otherwise.

        The first steps of loops are such special cases: Newton's for a square root of a may begin with x = a.
        """
        if self.stored != general.stored or len(self.eqns) != len(general.eqns):
            return
        avals, outside = self.source.avals, set(general.invars)
        made = {v for eqn in self.eqns for v in eqn.outs}
        name: dict[int, int] = {}
        for here, there in zip(self.eqns, general.eqns, strict=True):
            if here.op is not there.op:
                return
            for v, w in zip(there.ins, here.ins, strict=True):
                if name.setdefault(v, w) != w or avals[v] is not avals[w] or (v in outside and w in made):
                    return
            name.update(zip(there.outs, here.outs, strict=True))
        self.pattern, self.order = general, [name[v] for v in general.order]


def pieces(j: Jaxpr) -> list[Piece]:
    """The jaxpr cut at the ends of its runs, runs into pieces of several periods, the rest into pieces of bounded length."""
    spans: list[tuple[int, int, Any]] = []  # first equation, end, and what pieces have in common that store the same results
    done = 0
    for n, run in enumerate(roll(j)):
        spans += even(done, run.start)
        periods = run.per_piece()
        k, single = run.start, run.stop - run.count % periods * run.period
        while k < run.stop:
            size = run.period * (periods if k < single else 1)
            spans.append((k, k + size, (n, size)))
            k += size
        done = run.stop
    spans += even(done, len(j.eqns))
    last: dict[int, int] = {}
    for t, eqn in enumerate(j.eqns):
        for v in eqn.ins:
            last[v] = t
    last.update(dict.fromkeys(j.outs, len(j.eqns)))
    stored: dict[Any, set[int]] = {}
    for start, stop, family in spans:
        results = [v for eqn in j.eqns[start:stop] for v in eqn.outs]
        stored.setdefault(family, set()).update([k for k, v in enumerate(results) if last.get(v, -1) >= stop])
    found = [Piece(j, j.eqns[start:stop], tuple(sorted(stored[family]))) for start, stop, family in spans]
    for piece, following in reversed(list(itertools.pairwise(found))):
        if piece.key != following.key:
            piece.fit(following.pattern)
    return found


def even(start: int, stop: int) -> list[tuple[int, int, Any]]:
    """The spans of equations without period."""
    parts = -(-(stop - start) // LONGEST)
    ends = [start + (stop - start) * k // parts for k in range(parts + 1)] if parts else []
    return [(first, end, first) for first, end in itertools.pairwise(ends)]
