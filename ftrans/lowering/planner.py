"""Put the equations of a jaxpr into groups: `Planner(j).items()`.

Equations that work element by element on one shape, at the same level of the data flow, make one kernel. Broadcasts, slices, axes
of size one and transposes of its operands become the way the kernel walks them. A reduction takes the computation of its operand
into its own loop when nobody else needs it.

Levels keep it free of cycles: a group of level n depends only on what has a lower level.

Precondition: a well-typed jaxpr. Postcondition: the same values by the items in their order; groups at most of MAX_EQNS equations.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..core.aval import Aval
from ..core.jaxpr import Eqn, Jaxpr, new_variable
from ..core.primitive import Primitive
from ..core.reads import Read
from ..ops.indexing import Index
from ..ops.structural import Broadcast, Convert, Reshape, Slice, Transpose
from .builder import Text, TextBuilder
from .cost import TRANSCENDENTAL, worth_a_kernel
from .group import Group, Maker, Renamed, operand_names
from .loops import ITEMSIZE, foldable
from .nest import Walk, plain_walk
from .shifts import fold_shifts
from .special import group_of
from .tape import Item

MAX_EQNS = 400  # equations in one kernel
SMALL = 64  # a reduction of fewer elements than this is left to NumPy
SPREAD = 8  # a sum, difference or product so many times as large as its operands is computed wherever it is needed
CHEAP = frozenset(["add", "sub", "mul"])


# What an equation is to fusion


def lowers(op: Primitive, avals: tuple[Aval, ...], out: Aval) -> bool:
    """Whether the operation can be part of a kernel, for these dtypes."""
    key = ("lowers", avals, out)
    found = op.memo.get(key)
    if found is None:
        found = op.memo[key] = tries_to_lower(op, avals, out)
    return bool(found)


def tries_to_lower(op: Primitive, avals: tuple[Aval, ...], out: Aval) -> bool:
    if op.lower is None or op.multiple or out.dtype_name not in ITEMSIZE:
        return False
    dtypes = operand_names(op, avals)
    if any([d not in ITEMSIZE for d in dtypes]) or any([a.dtype_name not in ITEMSIZE for a in avals]):
        return False
    try:
        op.lower(TextBuilder(), *[Text("x", d) for d in dtypes])
    except (AttributeError, NotImplementedError, KeyError, TypeError, ValueError):
        return False
    return True


def walk_of(eqn: Eqn, avals: dict[int, Aval]) -> Walk | None:
    """For an equation that only changes how its operand is walked: how it is walked."""
    op, x = eqn.op, avals[eqn.ins[0]]
    if isinstance(op, Transpose):
        return plain_walk(op.perm, x.ndim)
    if isinstance(op, Index):
        return indexed(op.items, x.ndim)
    if isinstance(op, Slice):
        return indexed([(op.start, 1, op.stop) if k == op.axis else (0, 1, n) for k, n in enumerate(x.shape)], x.ndim)
    if isinstance(op, Broadcast):
        lead = len(op.shape) - x.ndim
        return plain_walk(tuple([None if k < lead or x.shape[k - lead] != n else k - lead for k, n in enumerate(op.shape)]), x.ndim)
    if isinstance(op, Reshape):
        old = [k for k, n in enumerate(x.shape) if n != 1]
        new = [k for k, n in enumerate(op.shape) if n != 1]
        if [x.shape[k] for k in old] == [op.shape[k] for k in new]:
            back = dict(zip(new, old, strict=True))
            return plain_walk(tuple([back.get(k) for k in range(len(op.shape))]), x.ndim)
    return None


def indexed(items: Sequence[Any], ndim: int) -> Walk:
    """The walk of basic indexing: ints, slices as (start, step, length), None for a new axis."""
    dims: list[int | None] = []
    steps: list[int] = []
    starts: list[int] = []
    for item in items:
        if item is None:
            dims.append(None)
            steps.append(1)
        elif isinstance(item, int):
            starts.append(item)
        else:
            start, step, _ = item
            dims.append(len(starts))
            steps.append(step)
            starts.append(start)
    return Walk(tuple(dims), tuple(steps), tuple(starts))


Place = tuple[tuple[int, ...], int]  # the shape and level of an elementwise group


class Planner:
    """Assigns every equation its place; see the module's docstring."""

    def __init__(self, j: Jaxpr) -> None:
        self.j = j
        self.avals = dict(j.avals)
        self.level: dict[int, int] = dict.fromkeys((*j.invars, *j.lits), 0)
        self.walks: dict[int, tuple[int, Walk]] = {}  # alias -> what it walks, how
        self.make = Maker(self.avals, self.walks)
        self.points: dict[Place, list[Eqn]] = {}  # the elementwise groups
        self.home: dict[int, Place] = {}  # variable -> the group that computes it
        self.equation: dict[int, Eqn] = {}  # variable -> the equation that computes it, in an elementwise group
        self.reductions: list[tuple[Eqn, int]] = []
        self.steps: list[tuple[int, int, Item]] = []  # level, number, an equation or its own kernel
        self.number: dict[int, int] = {}  # variable -> number of its equation
        self.effect_level = 0
        self.uses: dict[int, list[Eqn]] = {}
        self.native = all([self.is_native(eqn) for eqn in j.eqns])  # whether NumPy steps can be avoided altogether
        self.eqns = self.repeat_spread(j.eqns)
        for n, eqn in enumerate(self.eqns):
            for v in eqn.outs:
                self.number[v] = n
            self.place(n, eqn)
        self.sink()
        self.release_singles()

    def repeat_spread(self, eqns: Sequence[Eqn]) -> list[Eqn]:
        """Give each reader of a cheap value that is much larger than what it comes from (x[:, None] - x) a copy of its own.

        So the value need not be stored, which costs more than computing it: each copy becomes part of its reader's kernel.
        """
        readers: dict[int, int] = {}
        steps = set(self.j.outs)  # variables that somebody else than a kernel reads
        for eqn in eqns:
            for v in eqn.ins:
                readers[v] = readers.get(v, 0) + 1
            out = self.avals[eqn.outs[0]] if len(eqn.outs) == 1 else None
            avals = tuple([self.avals[v] for v in eqn.ins])
            if out is None or not (lowers(eqn.op, avals, out) or (avals and self.is_reduction(eqn, avals[0]))):
                steps.update(eqn.ins)
        spread: dict[int, Eqn] = {}
        result: list[Eqn] = []
        for eqn in eqns:
            if any([v in spread for v in eqn.ins]):
                copies = {v: self.fresh(self.avals[v]) for v in dict.fromkeys(eqn.ins) if v in spread}
                result += [Eqn(spread[v].op, spread[v].ins, (w,), spread[v].loc) for v, w in copies.items()]
                eqn = Eqn(eqn.op, tuple([copies.get(v, v) for v in eqn.ins]), eqn.outs, eqn.loc)
            v = eqn.outs[0] if eqn.outs else -1
            if eqn.op.name in CHEAP and 1 < readers.get(v, 0) <= 8 and v not in steps and self.spreads(eqn):
                spread[v] = eqn
            else:
                result.append(eqn)
        return result

    def spreads(self, eqn: Eqn) -> bool:
        """Whether a result is much larger than the memory that its operands walk."""
        return self.avals[eqn.outs[0]].size >= SPREAD * sum([self.avals[v].size for v in eqn.ins])

    def place(self, n: int, eqn: Eqn) -> None:
        """Decide what becomes of one equation."""
        avals = tuple([self.avals[v] for v in eqn.ins])
        if len(eqn.ins) == 1 and not eqn.op.effectful:
            walk = walk_of(eqn, self.avals)
            if walk is not None:
                self.alias(n, eqn, walk)
                return
        out = self.avals[eqn.outs[0]] if len(eqn.outs) == 1 else None
        if out is not None and (out.shape or self.native) and lowers(eqn.op, avals, out):
            self.place_point(eqn, out)
            return
        base = max([self.level[v] for v in eqn.ins], default=0) + 1
        if out is not None and avals and self.is_reduction(eqn, avals[0]):
            self.reductions.append((eqn, base))
            self.level[eqn.outs[0]] = base
            return
        if eqn.op.effectful or eqn.op.may_raise or isinstance(eqn.op, Read):  # these keep their order
            base = self.effect_level = max(base, self.effect_level + 1)
        self.steps.append((base, n, self.special(eqn) or eqn))
        for v in eqn.outs:
            self.level[v] = base

    def is_native(self, eqn: Eqn) -> bool:
        """Whether compiled code can do all of an equation."""
        avals = tuple([self.avals[v] for v in eqn.ins])
        if len(eqn.outs) != 1 or not avals or eqn.op.effectful:
            return False
        if len(eqn.ins) == 1 and (isinstance(eqn.op, Reshape) or walk_of(eqn, self.avals) is not None):
            return True
        known = lowers(eqn.op, avals, self.avals[eqn.outs[0]]) or self.reduces(eqn, avals[0])
        return known or group_of(eqn, self.avals) is not None

    def special(self, eqn: Eqn) -> Group | Renamed | None:
        """The kernel of an equation that has one of its own; it walks the arrays that its operands are views of, where it can."""
        if isinstance(eqn.op, Reshape):
            return Renamed([eqn], eqn.ins, eqn.outs, self.avals[eqn.outs[0]])
        group = group_of(eqn, self.avals)
        if group is None:
            return None
        for n, v in enumerate(group.ins):
            if v in self.walks and not group.nest.joined[n] and group.kernel.operands[n].inner != "c":
                group.look_through(n, *self.walks[v])
        return group

    def alias(self, n: int, eqn: Eqn, walk: Walk) -> None:
        """A view: kernels walk its operand; a step makes it for those who need the array itself."""
        source, out = eqn.ins[0], eqn.outs[0]
        if source in self.walks:
            root, inner = self.walks[source]
            walk = walk.through(inner)
            source = root
        self.walks[out] = (source, walk)
        self.level[out] = self.level[source]
        self.steps.append((self.level[source] + (source in self.home), n, eqn))

    def place_point(self, eqn: Eqn, out: Aval) -> None:
        """Put an elementwise equation into the group of its shape at the lowest level where its operands are there."""
        level = 1
        for v in eqn.ins:
            root, same = self.resolve(v, out.shape)
            inside = same and root in self.home and self.home[root][0] == out.shape
            level = max(level, self.level[root] + (0 if inside else 1))
        while len(self.points.get((out.shape, level), ())) >= MAX_EQNS:
            level += 1
        key = (out.shape, level)
        self.points.setdefault(key, []).append(eqn)
        self.equation[eqn.outs[0]] = eqn
        self.home[eqn.outs[0]] = key
        self.level[eqn.outs[0]] = level

    def resolve(self, v: int, shape: tuple[int, ...]) -> tuple[int, bool]:
        """(the variable whose memory is walked, whether element for element over the shape)."""
        root, walk = self.walks.get(v, (v, None))
        if walk is None:
            return root, self.avals[v].shape == shape
        whole = self.avals[v].shape == self.avals[root].shape == shape  # not x[:1], which is broadcast
        return root, whole and walk == plain_walk(tuple(range(len(shape))), len(shape))

    def is_reduction(self, eqn: Eqn, x: Aval) -> bool:
        """Whether a kernel can do this reduction."""
        return (self.native or x.size >= SMALL) and self.reduces(eqn, x)

    def reduces(self, eqn: Eqn, x: Aval) -> bool:
        """Whether there is a kernel for a reduction."""
        kind = getattr(eqn.op, "reduction", None)
        if kind is None or not x.size or x.dtype_name not in ITEMSIZE or not foldable(kind, x.dtype_name):
            return False
        if all([x.shape[k] == 1 for k in axes_of(eqn, x.ndim)]):
            return False
        return self.avals[eqn.outs[0]].dtype_name in ITEMSIZE

    def sink(self) -> None:
        """Move an equation whose result only one later group reads into that group, so that it is not stored."""
        readers: dict[int, set[Any]] = {v: {None} for v in self.j.outs}
        for eqn in self.eqns:
            for v in eqn.ins:
                readers.setdefault(v, set()).add(self.place_of(eqn))
        for eqn in reversed(self.eqns):
            here = self.place_of(eqn)
            places = readers.get(eqn.outs[0], set()) if here is not None else set()
            if here is None or len(places) != 1:
                continue
            (there,) = places
            if there is None or there == here or there[0] != here[0] or len(self.points[there]) >= MAX_EQNS:
                continue
            self.points[here].remove(eqn)
            self.points[there].insert(0, eqn)
            self.home[eqn.outs[0]] = there
            self.level[eqn.outs[0]] = there[1]
            for v in self.home.keys() & set(eqn.ins):  # its operands are now read over there
                readers[v] = {self.place_of(e) for e in self.users(v)} | ({None} if v in self.j.outs else set())
        for place in [p for p, eqns in self.points.items() if not eqns]:
            del self.points[place]
        for eqns in self.points.values():
            eqns.sort(key=lambda e: self.number[e.outs[0]])

    def place_of(self, eqn: Eqn) -> Place | None:
        """The elementwise group of an equation, or None."""
        return self.home.get(eqn.outs[0]) if len(eqn.outs) == 1 else None

    def users(self, v: int) -> list[Eqn]:
        """The equations that read a variable."""
        if not self.uses:
            for eqn in self.eqns:
                for u in eqn.ins:
                    self.uses.setdefault(u, []).append(eqn)
        return self.uses.get(v, [])

    def release_singles(self) -> None:
        """A group of one cheap equation that no reduction takes in is as quick in NumPy, if NumPy is called anyway."""
        if self.native:
            self.steps.sort(key=lambda step: step[:2])
            return
        folded = {self.resolve(eqn.ins[0], self.avals[eqn.ins[0]].shape)[0] for eqn, _ in self.reductions}
        for key, eqns in list(self.points.items()):
            (eqn,) = eqns if len(eqns) == 1 else (None,)
            if eqn is None or eqn.outs[0] in folded:
                continue
            if not worth_a_kernel(eqn.op.name, self.avals[eqn.ins[0]].dtype):
                del self.points[key], self.home[eqn.outs[0]]
                self.steps.append((key[1], self.number[eqn.outs[0]], eqn))
        self.steps.sort(key=lambda step: step[:2])

    # Which values have to be stored

    def items(self) -> list[Item]:
        """The plan: equations and groups, in an order in which they can run."""
        reads: dict[int, int] = {}  # variable -> how many others than its own group and reductions read it
        for _, _, eqn in self.needed_steps():
            for v in eqn.ins:
                reads[v] = reads.get(v, 0) + 1
        for key, eqns in self.points.items():
            for eqn in eqns:
                for v in eqn.ins:
                    root, _ = self.walks.get(v, (v, None))
                    if self.home.get(root) != key or v in self.walks:
                        reads[root] = reads.get(root, 0) + 1
        for v in self.j.outs:
            reads[v] = reads.get(v, 0) + 1
        stored = set(reads)
        while True:
            groups = [*self.reduction_groups(stored), *self.point_groups(stored)]
            again = self.computed_twice(groups) - stored
            if not again:
                break
            stored |= again
        rows = fold_shifts([*self.needed_steps(), *groups], self.make, self.avals, self.j.outs)
        rows.sort(key=lambda row: row[:2])
        return [item for _, _, item in rows]

    def computed_twice(self, groups: list[tuple[int, int, Group]]) -> set[int]:
        """Results of expensive functions that several kernels would compute: better stored by one."""
        seen: set[int] = set()
        twice: set[int] = set()
        for _, _, group in groups:
            expensive = {e.outs[0] for e in group.eqns if e.op.name in TRANSCENDENTAL}
            twice |= expensive & seen
            seen |= expensive
        return twice

    def needed_steps(self) -> list[tuple[int, int, Item]]:
        """The steps, without views that only kernels walk."""
        if not hasattr(self, "_steps"):
            wanted = set(self.j.outs)
            for _, _, eqn in self.steps:
                if eqn.outs and eqn.outs[0] in self.walks:
                    continue
                wanted.update(eqn.ins)
            kept = []
            for level, n, eqn in reversed(self.steps):
                if eqn.outs and eqn.outs[0] in self.walks:
                    if eqn.outs[0] not in wanted:
                        continue
                    wanted.update(eqn.ins)
                    if self.native:
                        eqn = self.copying(eqn)
                kept.append((level, n, eqn))
            self._steps = kept[::-1]
        return self._steps

    def copying(self, eqn: Item) -> Item:
        """A view that somebody needs as an array of its own, made by a kernel."""
        (v,) = eqn.outs
        a = self.avals[v]
        if a.dtype_name not in ITEMSIZE:
            return eqn
        copy = Eqn(Convert(a.dtype), (v,), (v,), None)
        return self.make.group([copy], a.shape, (), [copy])

    def reduction_groups(self, stored: set[int]) -> list[tuple[int, int, Group]]:
        """One group for all reductions of one shape over the same axes at one level; what they read is added to `stored`."""
        batches: dict[Any, list[Eqn]] = {}
        for eqn, level in self.reductions:
            shape = self.avals[eqn.ins[0]].shape
            batches.setdefault((shape, axes_of(eqn, len(shape)), level), []).append(eqn)
        out = []
        for (shape, axes, level), eqns in batches.items():
            inside: list[Eqn] = []
            for eqn in eqns:
                self.prologue(eqn.ins[0], shape, stored, inside)
            inside.sort(key=lambda e: self.number[e.outs[0]])
            out.append((level, self.number[eqns[0].outs[0]], self.make.group([*inside, *eqns], shape, axes, eqns)))
        return out

    def prologue(self, v: int, shape: tuple[int, ...], stored: set[int], inside: list[Eqn]) -> None:
        """Collect the equations that compute a reduction's operand from what is stored."""
        root, same = self.resolve(v, shape)
        key = self.home.get(root)
        if key is None or not same or root in stored:
            if key is not None:
                stored.add(root)
            return
        eqn = self.equation[root]
        if eqn in inside:
            return
        for u in eqn.ins:
            self.prologue(u, shape, stored, inside)
        inside.append(eqn)

    def point_groups(self, stored: set[int]) -> list[tuple[int, int, Group]]:
        """The kernels of the elementwise groups: what of them somebody stores, and what that needs."""
        out = []
        for (shape, level), eqns in self.points.items():
            needed = {e.outs[0] for e in eqns} & stored
            kept = []
            for eqn in reversed(eqns):
                if eqn.outs[0] in needed:
                    needed.update([self.resolve(v, shape)[0] for v in eqn.ins])
                    kept.append(eqn)
            kept.reverse()
            if kept:
                group = self.make.group(kept, shape, (), [e for e in kept if e.outs[0] in stored])
                out.append((level, self.number[kept[0].outs[0]], group))
        return out

    def fresh(self, a: Aval) -> int:
        """A variable that the jaxpr does not have."""
        return new_variable(self.avals, a)


def axes_of(eqn: Eqn, ndim: int) -> tuple[int, ...]:
    """The axes a reduction drops."""
    axes = getattr(eqn.op, "axes", None)
    if axes is None:
        axes = (eqn.op.axis,)  # type: ignore[attr-defined]
    return tuple(sorted([k % ndim for k in axes]))
