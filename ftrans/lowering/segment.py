"""Kernels that follow each other, as one native program: where its values lie, and in which runs and blocks its steps go.

    segment = Segment.of(groups, avals, wanted)      # `wanted`: variables that somebody else reads
    segment.plan(work)                               # once the kernels are compiled and `work(group)` is known, in seconds

Values that nobody else reads get a place in an arena, shared by those that do not live at the same time. Steps that can be split
along a common axis form a run: it is carried out block by block, so that what one step writes is still in the cache when the next
reads it, and blocks are given to threads. What lives only inside a run then needs memory for one block of each thread.

No value depends on the length of blocks, as axes along which results depend on each other (reductions, running sums) are never
split. In products of matrices BLAS may round a row of another block differently, so how they are split depends on sizes alone. No
result depends on the number of threads.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..core.aval import Aval
from ..core.jaxpr import Eqn
from .group import Group, Renamed
from .tape import KernelStep

LINE = 64  # bytes to which values are aligned
BLOCK_BYTES = 192 * 1024  # what the operands of one block may take: a part of the second-level cache
MIN_INNER = 1024  # a split innermost axis has at least so many iterations in a block
PARALLEL = 150e-6  # seconds of work from which on a run is given to threads: starting and joining one takes 20 to 40 µs
COARSE = 16  # rows that a block of a product of matrices has at least
FEW, LONG = 4, 3e-3  # blocks for a product of matrices, unless it takes so many seconds: small ones are slower
CHUNKS = 16  # blocks for each run with threads at least, if its extent allows: cores are not equally fast


@dataclass
class Place:
    """Where a value lies: "out" (output number), "arena" (offset), "local" (offset in a block's scratch), "as" (a variable)."""

    where: str
    number: int


@dataclass
class RunPlan:
    """Steps split along one axis each: (group, loop axis, its iterations for each of `extent`); axis -1 where nothing is split."""

    steps: list[tuple[Group, int, int]]
    extent: int = 1
    chunk: int = 1
    threads: int = 1
    scratch: int = 0  # offset in the arena of the scratch of all threads
    scratch_bytes: int = 0  # of one thread
    guard: int | None = None  # instead of steps: the number that must be 0 for the program to go on

    @property
    def chunks(self) -> int:
        if self.guard is not None:
            return 0
        return -(-self.extent // self.chunk) if self.extent else 1


@dataclass
class Segment(KernelStep):
    """Groups as one native program. `ins` are the variables it reads, `outs` those it hands out."""

    groups: list[Group]
    avals: dict[int, Aval]
    renamed: dict[int, int]  # the variable that has the memory, of each that is another shape of it
    ins: tuple[int, ...]
    outs: tuple[int, ...]
    eqns: list[Eqn]
    runs: list[RunPlan] = field(default_factory=list)
    places: dict[int, Place] = field(default_factory=dict)
    arena: int = 0
    seconds: float = 0.0  # of estimated work
    backend: Any = None

    @staticmethod
    def of(items: Sequence[Group | Renamed], avals: dict[int, Aval], wanted: Sequence[int] | set[int]) -> Segment:
        """The segment of these groups, in their order."""
        groups = [item for item in items if isinstance(item, Group)]
        made = list(dict.fromkeys([v for item in items for v in item.outs]))
        inside, wanted = set(made), set(wanted)
        ins = dict.fromkeys([v for item in items for v in item.ins if v not in inside])
        renamed: dict[int, int] = {}
        for item in items:
            if isinstance(item, Renamed):
                renamed[item.outs[0]] = renamed.get(item.ins[0], item.ins[0])
                avals = avals | {item.outs[0]: item.out_aval}
        avals = avals | {v: a for g in groups for v, a in zip(g.outs, g.out_avals, strict=True)}
        return Segment(
            groups, avals, renamed, tuple(ins), tuple([v for v in made if v in wanted]), [e for item in items for e in item.eqns]
        )

    def __str__(self) -> str:
        """The runs to read: which kernels they call, numbered in their order, and in which blocks."""
        rows = [f"native program: {len(self.groups)} kernel calls, {self.arena} bytes for temporaries"]
        n = 0
        for run in self.runs:
            if run.guard is not None:
                rows.append("  go on if no index was out of bounds")
                continue
            calls = f"call {n}" if len(run.steps) == 1 else f"calls {n} to {n + len(run.steps) - 1}"
            n += len(run.steps)
            blocks = f" in {run.chunks} blocks of {run.chunk} of {run.extent}" if run.chunks > 1 else ""
            rows.append(f"  {calls}{blocks}" + (f", on up to {run.threads} threads" if run.threads > 1 else ""))
        return "\n".join(rows)

    def bind(self, slot_of: dict[int, int]) -> Callable[[list[Any]], None]:
        """The step of a tape: see the backend's `segment`."""
        return self.backend.segment(self, slot_of)  # type: ignore[no-any-return]

    def plan(self, work: Callable[[Group], float], threads: int) -> None:
        """Decide runs, blocks and places."""
        self.seconds = sum([work(g) for g in self.groups])
        self.runs = []
        for run in runs_of(self.groups, self.renamed):
            self.runs.append(self.blocked(run, work, threads))
            self.runs += [RunPlan([], guard=g.outs[-1]) for g, _, _ in run.steps if g.kernel.checked]
        self.place(threads)

    def blocked(self, run: RunPlan, work: Callable[[Group], float], threads: int) -> RunPlan:
        """Choose the length of the blocks."""
        seconds = sum([work(g) for g, _, _ in run.steps])
        heavy = seconds > PARALLEL
        if run.steps[0][1] < 0 or run.extent < 2:
            return RunPlan([(g, -1, 1) for g, _, _ in run.steps])
        touched = {v for g, _, _ in run.steps for v in (*g.ins, *g.outs)}
        total = sum([self.avals[v].size * self.avals[v].dtype.itemsize for v in touched])
        least = max([-(-MIN_INNER // max(unit, 1)) if axis == g.kernel.naxes - 1 else 1 for g, axis, unit in run.steps])
        coarse = any([axis in g.kernel.coarse for g, axis, _ in run.steps])
        chunk = run.extent
        if coarse and heavy:  # as many blocks with any number of threads: BLAS may round a row of another block differently
            chunk, least = -(-run.extent // (FEW if seconds < LONG else CHUNKS)), max(least, COARSE)
        elif len(run.steps) > 1 and total > BLOCK_BYTES and not coarse:
            chunk = min(chunk, run.extent * BLOCK_BYTES // total)
        if threads > 1 and heavy:
            chunk = chunk if coarse else min(chunk, -(-run.extent // CHUNKS))
            run.threads = threads
        run.chunk = max(1, min(run.extent, max(chunk, least)))
        if run.chunks == 1:
            return RunPlan([(g, -1, 1) for g, _, _ in run.steps])
        return run

    # Memory

    def place(self, threads: int) -> None:
        """A place for each value that a group makes."""
        root = self.storages()
        first: dict[int, int] = {}
        last: dict[int, int] = {}
        for n, run in enumerate(self.runs):
            for v in [run.guard] if run.guard is not None else [v for g, _, _ in run.steps for v in (*g.ins, *g.outs)]:
                r = root.get(v, v)
                first.setdefault(r, n)
                last[r] = n
        taken: list[tuple[int, int, int]] = []  # offset, end, last run
        given = {*self.ins, *self.outs}
        local = self.local(root, first, last, given)
        begin: dict[int, list[int]] = {}
        for r, n in first.items():
            if r not in given and r not in local:
                begin.setdefault(n, []).append(r)
        for n, run in enumerate(self.runs):
            taken = [t for t in taken if t[2] >= n]
            if run.scratch_bytes:
                run.scratch = self.take(taken, run.scratch_bytes * threads, n)
            for r in begin.get(n, ()):
                self.places[r] = Place("arena", self.take(taken, self.bytes(r), last[r]))
        self.places |= {v: Place("out", k) for k, v in enumerate(self.outs) if root[v] not in self.ins}
        self.places |= {r: Place("local", offset) for r, offset in local.items()}
        self.places |= {v: Place("as", r) for v, r in root.items() if r != v and v not in self.ins}

    def storages(self) -> dict[int, int]:
        """For each variable the one whose memory it is in: results that overwrite an operand are there; an output owns its own."""
        root: dict[int, int] = {v: v for g in self.groups for v in g.outs}
        for g in self.groups:
            for v, n in zip(g.outs, g.kernel.inplace, strict=True):
                if n is not None:
                    r = self.renamed.get(g.ins[n], g.ins[n])
                    root[v] = root.get(r, r)
        root |= {v: root.get(r, r) for v, r in self.renamed.items()}
        for v in self.outs:
            r = root[v]
            if r != v and r not in self.ins:
                root = {w: v if s == r else s for w, s in root.items()}
        return root

    def take(self, taken: list[tuple[int, int, int]], size: int, until: int) -> int:
        """The first gap in the arena of this size."""
        offset = 0
        for start, end, _ in sorted(taken):
            if start - offset >= size:
                break
            offset = max(offset, end)
        end = offset + -(-size // LINE) * LINE
        taken.append((offset, end, until))
        self.arena = max(self.arena, end)
        return offset

    def bytes(self, v: int) -> int:
        a = self.avals[v]
        return max(1, a.size * a.dtype.itemsize)

    def local(self, root: dict[int, int], first: dict[int, int], last: dict[int, int], given: set[int]) -> dict[int, int]:
        """Values of which a run needs one block at a time, with offsets: made and read in it, and split along their first axis."""
        found: dict[int, int] = {}
        for n, run in enumerate(self.runs):
            if run.chunks < 2:
                continue
            dims: dict[int, set[int]] = {}
            for g, axis, _ in run.steps:
                for v, walk in zip((*g.ins, *g.outs), g.nest.first, strict=True):
                    dims.setdefault(root.get(v, v), set()).add(walk[axis])
            for r, seen in dims.items():
                if r not in given and r in root and first[r] == last[r] == n and seen == {0}:
                    found[r] = run.scratch_bytes
                    run.scratch_bytes += -(-self.bytes(r) * run.chunk // (run.extent * LINE)) * LINE
        return found


# ---- runs ------------------------------------------------------------------------------------------------------------


def runs_of(groups: Sequence[Group], renamed: dict[int, int]) -> list[RunPlan]:
    """The groups as runs, each as long as one axis carries."""
    runs, k = [], 0
    while k < len(groups):
        options = [longest(groups, k, axis, renamed) for axis in splittable(groups[k])]
        best = max(options, key=lambda run: len(run.steps), default=RunPlan([(groups[k], -1, 1)]))
        if len(best.steps) == 1 and options:
            best = max(options, key=lambda run: (min(run.extent, 64), -run.steps[0][1]))
        runs.append(best)
        k += len(best.steps)
    return runs


def splittable(g: Group) -> Iterator[int]:
    """The loop axes along which a group's results do not depend on each other."""
    dependent = g.kernel.dependent
    return (axis for axis in range(g.kernel.naxes) if axis not in dependent and g.nest.extents[axis] > 1)


def longest(groups: Sequence[Group], start: int, axis: int, renamed: dict[int, int]) -> RunPlan:
    """The run that begins with groups[start] split along this axis."""
    extent = groups[start].nest.extents[axis]
    run = RunPlan([(groups[start], axis, groups[start].nest.units[axis])], extent)
    read: dict[int, set[int]] = {}
    written: dict[int, int] = {}
    note(groups[start], axis, read, written, renamed)
    for g in groups[start + 1 :]:
        if g.boxed or groups[start].boxed:
            break
        fitting = next((a for a in splittable(g) if g.nest.extents[a] == extent and fits(g, a, read, written, renamed)), None)
        if fitting is None:
            break
        note(g, fitting, read, written, renamed)
        run.steps.append((g, fitting, g.nest.units[fitting]))
    return run


def note(g: Group, axis: int, read: dict[int, set[int]], written: dict[int, int], renamed: dict[int, int]) -> None:
    """Remember along which axes the memory of arrays is split."""
    first = g.nest.first
    for v, walk in zip(g.ins, first, strict=False):
        read.setdefault(renamed.get(v, v), set()).add(walk[axis])
    for v, over, walk in zip(g.outs, g.kernel.inplace, first[len(g.ins) :], strict=True):
        written[v] = walk[axis]
        if over is not None:
            written[renamed.get(g.ins[over], g.ins[over])] = walk[axis]


def shifted(g: Group, n: int, axis: int) -> bool:
    """Whether a block of an operand, a view, is not the same block of its array."""
    starts = g.nest.starts[n]
    return g.nest.steps[n][axis] != 1 or bool(starts and starts[g.nest.first[n][axis]])


def fits(g: Group, axis: int, read: dict[int, set[int]], written: dict[int, int], renamed: dict[int, int]) -> bool:
    """Whether each block of a group reads only what the same block of those before it has written, and overwrites only its own."""
    first = g.nest.first
    for n, v in enumerate(g.ins):
        r, dim = renamed.get(v, v), first[n][axis]
        if r in written and (dim != written[r] or dim < 0 or (r != v and dim > 0) or shifted(g, n, axis)):
            return False
    overwritten = [n for n in g.kernel.inplace if n is not None]
    return not any([read.get(renamed.get(g.ins[n], g.ins[n]), set()) - {first[n][axis]} for n in overwritten])
