"""The kernel of a group of equations, and what it is run on.

    group = Maker(avals, walks).group(eqns, shape, axes, results)     # these equations in one loop nest over the shape

`walks` says of a view (a transpose, a broadcast ...) what array it walks and how, so that kernels read the array itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import numpy as np

from ..core.aval import Aval
from ..core.jaxpr import Eqn
from ..core.primitive import Primitive
from ..ops.pointwise import Pointwise
from ..ops.structural import Convert
from .loops import Code, Instr, Kernel, Operand, Output
from .nest import Access, Nest, Walk, make_nest, plain_walk
from .tape import KernelStep


@dataclass
class Group(KernelStep):
    """Equations that become one kernel: `kernel` is its identity, the rest its run-time arguments."""

    eqns: list[Eqn]
    ins: tuple[int, ...]
    outs: tuple[int, ...]
    kernel: Code
    nest: Nest
    out_avals: tuple[Aval, ...]
    compiled: Any = None
    boxed: bool = False  # writes a box of its outputs only: see shifts.py
    bounds: dict[int, tuple[int, int]] = field(default_factory=dict)  # see Maker.bounds
    views: dict[int, Walk] = field(default_factory=dict)  # of operands that are read through a view

    def look_through(self, n: int, root: int, walk: Walk) -> None:
        """Read operand n, a view, from the array it looks at."""
        nest = self.nest
        dims = [-1 if d < 0 or (to := walk.dims[d]) is None else to for d in nest.walks[n]]
        steps = [1 if d < 0 else walk.steps[d] for d in nest.walks[n]]
        self.ins = (*self.ins[:n], root, *self.ins[n + 1 :])
        self.views = self.views | {n: walk}

        def changed(rows: tuple[Any, ...], row: Sequence[int]) -> tuple[Any, ...]:
            return (*rows[:n], tuple(row), *rows[n + 1 :])

        self.nest = replace(
            nest, walks=changed(nest.walks, dims), first=changed(nest.first, dims), steps=changed(nest.steps, steps),
            starts=changed(nest.starts, walk.starts),
        )  # fmt: skip

    def overwrite(self, candidates: Sequence[int], avals: dict[int, Aval]) -> None:
        """Store outputs into these operands, where one is walked just as the output is and nowhere else."""
        if self.boxed:  # the rest of the operand is still to be read
            return
        if not isinstance(self.kernel, Kernel):
            over, v, out = self.kernel.overwriting(), self.ins[0], self.out_avals[0]
            walks = zip(self.nest.walks[0], self.nest.walks[len(self.ins)], strict=True)
            whole = self.nest.is_whole(0) and all([d in (-1, e) for d, e in walks])  # and not a view of something else
            same = whole and avals[v].shape == out.shape and avals[v].dtype == out.dtype
            if over is not None and same and v in candidates and self.ins.count(v) == 1:
                self.kernel = over
            return
        outputs = list(self.kernel.outputs)
        first = len(self.ins)
        for k, (output, a) in enumerate(zip(outputs, self.out_avals, strict=True)):
            for n, v in enumerate(self.ins):
                free = v in candidates and self.ins.count(v) == 1 and all([n != other.inplace for other in outputs])
                same = avals[v].shape == a.shape and avals[v].dtype == a.dtype and self.nest.walks[n] == self.nest.walks[first + k]
                same = same and self.nest.is_whole(n)
                if free and same and output.reduce is None and self.kernel.inputs[n] == output.operand:
                    outputs[k] = replace(output, inplace=n)
                    break
        if outputs != list(self.kernel.outputs):
            self.kernel = replace(self.kernel, outputs=tuple(outputs))


@dataclass
class Renamed(KernelStep):
    """An array by another shape: the same memory, read under another name."""

    eqns: list[Eqn]
    ins: tuple[int, ...]
    outs: tuple[int, ...]
    out_aval: Aval


def operand_names(op: Primitive, avals: tuple[Aval, ...]) -> tuple[str, ...]:
    """The names of the dtypes that the operands are converted to."""
    key = ("operands", avals)
    found = op.memo.get(key)
    if found is None:
        found = op.memo[key] = tuple([d.name for d in op.operand_dtypes(*avals)])
    return found


class Part(NamedTuple):
    """What an operand is in a box: the array that is read, and how; `moves`: counted from where the operand begins, not the box."""

    root: int
    walk: Walk
    moves: bool


class Box(NamedTuple):
    """A part of an iteration space, and what some operands are there."""

    starts: tuple[int, ...]
    sizes: tuple[int, ...]
    parts: dict[int, Part]

    def shifted(self, walk: Walk) -> Walk:
        """A walk of the whole space, from where the box begins."""
        starts = list(walk.starts)
        for start, d, step in zip(self.starts, walk.dims, walk.steps, strict=True):
            if d is not None:
                starts[d] += start * step
        return walk._replace(starts=tuple(starts))


Location = tuple[int, Walk, int]  # the array that an operand is read from, how, and the operand where it differs from box to box


class Maker:
    """Makes groups from the equations of one program."""

    def __init__(self, avals: dict[int, Aval], walks: dict[int, tuple[int, Walk]]) -> None:
        self.avals, self.walks = avals, walks

    def group(
        self, eqns: list[Eqn], shape: tuple[int, ...], axes: tuple[int, ...], results: list[Eqn], box: Box | None = None,
        into: tuple[int, tuple[int, ...]] | None = None,
    ) -> Group:  # fmt: skip
        """Build the kernel of these equations over the iteration space, or over a box of it.

        into: a larger array, and where in it the only result is written.
        """
        made = {e.outs[0] for e in eqns}
        reduced = [k in axes for k in range(len(shape))]
        reads: dict[Location, int] = {}
        for eqn in eqns:
            for v in eqn.ins:
                where = self.locate(v, shape, box)
                if where[0] not in made:
                    reads.setdefault(where, len(reads))
        accesses = [Access(self.avals[root].dtype_name, self.avals[root].shape, walk) for root, walk, _ in reads]
        outs = [e.outs[0] for e in results] if into is None else [into[0]]
        kept = [k for k in range(len(shape)) if k not in axes]
        for v in outs:
            a = self.avals[v]
            full = a.ndim == len(shape) and not axes
            dims = tuple([k if full else (kept.index(k) if k in kept else None) for k in range(len(shape))])
            walk = plain_walk(dims, a.ndim) if into is None else Walk(dims, (1,) * a.ndim, into[1])
            accesses.append(Access(a.dtype_name, a.shape, walk if box is None else box.shifted(walk)))
        nest = make_nest(shape if box is None else box.sizes, reduced, accesses, plain=box is not None)
        located = {v: self.locate(v, shape, box) for eqn in eqns for v in eqn.ins}
        body, value = self.body(eqns, located, reads, made)
        bounds = self.bounds(eqns, [root for root, _, _ in reads])
        outputs = []
        for n, eqn in enumerate(results):
            operand: Operand = nest.operands[len(reads) + n]
            kind = getattr(eqn.op, "reduction", None) if axes else None
            outputs.append(Output(value[eqn.outs[0]], operand, kind if any(nest.reduced) else None))
        kernel = Kernel(len(nest.sizes), nest.reduced, nest.operands[: len(reads)], tuple(body), tuple(outputs))
        ins, out_avals = tuple([root for root, _, _ in reads]), tuple([self.avals[v] for v in outs])
        return Group(eqns, ins, tuple(outs), kernel, nest, out_avals, bounds=bounds)

    def bounds(self, eqns: Sequence[Eqn], ins: Sequence[int]) -> dict[int, tuple[int, int]]:
        """For Python ints among the operands the least and greatest that their operations convert: NumPy does not let them wrap."""
        found: dict[int, tuple[int, int]] = {}
        for eqn in eqns:
            avals = tuple([self.avals[v] for v in eqn.ins])
            if not any([a.weak and a.dtype.kind == "i" for a in avals]):
                continue
            for v, a, dtype in zip(eqn.ins, avals, operand_names(eqn.op, avals), strict=True):
                if a.weak and a.dtype.kind == "i" and v in ins:
                    converts = isinstance(eqn.op, Pointwise) and dtype[0] in "iu"
                    info = np.iinfo(dtype if converts else "int64")
                    low, high = found.get(ins.index(v), (int(info.min), int(info.max)))
                    found[ins.index(v)] = max(low, int(info.min)), min(high, int(info.max))
        return found

    def locate(self, v: int, shape: tuple[int, ...], box: Box | None) -> Location:
        """What an operand reads, and how."""
        if box is not None and v in box.parts:
            root, walk, moves = box.parts[v]
            return root, box.shifted(walk) if moves else walk, v + 1
        root, walk = self.access(v, shape)
        return root, walk if box is None else box.shifted(walk), 0

    def source(self, v: int) -> tuple[int, Walk]:
        """The array that a variable is read from, and how it is walked."""
        ndim = self.avals[v].ndim
        return self.walks.get(v) or (v, plain_walk(tuple(range(ndim)), ndim))

    def access(self, v: int, shape: tuple[int, ...]) -> tuple[int, Walk]:
        """What an operand reads, and how the iteration space walks it (NumPy's broadcasting included)."""
        a = self.avals[v]
        root, walk = self.source(v)
        lead = len(shape) - a.ndim
        dims, steps = [], []
        for k, n in enumerate(shape):
            inside = k >= lead and walk.dims[k - lead] is not None and a.shape[k - lead] == n != 1
            dims.append(walk.dims[k - lead] if inside else None)
            steps.append(walk.steps[k - lead] if inside else 1)
        return root, Walk(tuple(dims), tuple(steps), walk.starts)

    def body(
        self, eqns: Sequence[Eqn], located: dict[int, Location], reads: dict[Location, int], made: set[int]
    ) -> tuple[list[Instr], dict[int, int]]:
        """The instructions, with explicit conversions; and which value each variable is."""
        body: list[Instr] = []
        value: dict[int, int] = {}
        casts: dict[tuple[int, str], int] = {}
        first = len(reads)

        def emit(op: Any, args: tuple[int, ...], dtype: str) -> int:
            body.append(Instr(op, args, dtype))
            return first + len(body) - 1

        def cast(n: int, have: str, want: str) -> int:
            if have == want:
                return n
            if (n, want) not in casts:
                casts[n, want] = emit(Convert(np.dtype(want)), (n,), want)
            return casts[n, want]

        for eqn in eqns:
            avals = tuple([self.avals[v] for v in eqn.ins])
            args = []
            for v in eqn.ins:
                root = located[v][0]
                args.append((value[root] if root in made else reads[located[v]], self.avals[root].dtype_name))
            out = self.avals[eqn.outs[0]]
            if getattr(eqn.op, "reduction", None) is not None:
                n, have = args[0]
                want = have if eqn.op.reduction in ("argmax", "argmin") else out.dtype_name  # type: ignore[attr-defined]
                value[eqn.outs[0]] = cast(n, have, want)
                continue
            wanted = operand_names(eqn.op, avals)
            converted = tuple([cast(n, have, want) for (n, have), want in zip(args, wanted, strict=True)])
            value[eqn.outs[0]] = emit(eqn.op, converted, out.dtype_name)
        return body, value
