"""See what jit makes of a function: `f.lower(x).as_text("jaxpr" | "simplified" | ... | "llvm")`, `ft.explain(f)(x)`, `f.explain()`.

Passes, in order, each a function that can be called alone: trace, simplify (in one walk: share_repeated, fold_constants,
drop_widening, apply_identities, drop_dead), expand, roll, fuse, compile.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from .. import pytree
from ..backends.numba import service
from ..core.jaxpr import Jaxpr, pretty
from ..core.wrap import decorator, trace_call
from ..errors import ArgumentError, at_line
from ..lowering import cost, fuse, roll
from ..lowering.expand import expanded
from ..lowering.group import Group, Renamed
from ..lowering.loops import print_code
from ..lowering.segment import Segment
from ..transforms.abstract import abstract_input
from ..transforms.simplify import SIMPLIFICATIONS, simplify
from . import api
from .tiers import calls_to, tiered

PASSES = tuple([make.__name__ for make in SIMPLIFICATIONS])
STAGES = ("jaxpr", *PASSES, "simplified", "expanded", "rolled", "loops", "tape", "llvm")


class Lowered:
    """A function traced for given arguments: print its stages, compile it, run it."""

    def __init__(self, name: str, jaxpr: Jaxpr, consts: list[Any], in_tree: Any, out_tree: Any, took: float = 0.0) -> None:
        self.name, self.jaxpr, self.consts = name, jaxpr, consts
        self.in_tree, self.out_tree = in_tree, out_tree
        self.milliseconds = {"trace": took}  # by pass
        self.simplified = self.timed("simplify", simplify, jaxpr)
        self.expanded = self.timed("expand", expanded, self.simplified)
        self.pieces = self.timed("roll", roll.pieces, self.expanded)
        self.plan = self.timed("fuse", fuse.plan, self.expanded)

    def timed(self, name: str, make: Callable[[Jaxpr], Any], j: Jaxpr) -> Any:
        """What a pass makes of a jaxpr, with its time noted."""
        start = time.perf_counter()
        made = make(j)
        self.milliseconds[name] = (time.perf_counter() - start) * 1e3
        return made

    def __repr__(self) -> str:
        kernels = counted(len(fuse.kernels(self.plan)), "kernel")
        return f"<{self.name} lowered: {counted(len(self.jaxpr.eqns), 'equation')}, {kernels}>"

    def as_text(self, stage: str = "jaxpr") -> str:
        """The program after a stage.

        "jaxpr": as traced. "share_repeated", "fold_constants", "drop_widening", "apply_identities", "drop_dead": after these passes
        of simplify, one after the other. "simplified": after all in one walk, which finds what one makes possible for another.
        "expanded": with operations replaced by what can be fused. "rolled": the runs that unrolled loops leave, and each different
        piece. "loops": the kernels as readable loops between the NumPy steps. "tape": the steps
        that run, and in which blocks and threads. "llvm": the code of the kernels.
        """
        if stage in PASSES:
            j = self.jaxpr
            for make in SIMPLIFICATIONS[: PASSES.index(stage) + 1]:
                j = make(j)
            return pretty(j, self.consts)
        jaxprs = {"jaxpr": self.jaxpr, "simplified": self.simplified, "expanded": self.expanded}
        if stage in jaxprs:
            return pretty(jaxprs[stage], self.consts)
        if stage == "rolled":
            return self.rolled()
        if stage == "loops":
            seen: set[Any] = set()
            return "\n".join([describe(item, seen) for item in self.plan])
        if stage == "tape":
            return "\n".join([describe_step(item) for item in fuse.realise(self.plan, service)])
        if stage == "llvm":
            return "\n".join([service.compile(k).llvm for k in fuse.kernels(self.plan)])
        raise ArgumentError(at_line(f"as_text: stage must be one of {STAGES}, got {stage!r}"))

    def rolled(self) -> str:
        """The runs, and the pieces, each content once."""
        rows = [f"equations {r.start} to {r.stop - 1}: {r.count} periods of {r.period}" for r in roll.roll(self.expanded)]
        different = {p.pattern.key: p.pattern for p in self.pieces}
        for n, (key, piece) in enumerate(different.items(), 1):
            times = sum([p.pattern.key == key for p in self.pieces])
            rows += [f"piece {n} of {len(different)}, {times} times:", indent(pretty(piece.jaxpr()))]
        return "\n".join(rows)

    def equations(self) -> list[str]:
        """The jaxpr as traced and simplified, or of a long program the pieces that it is cut into."""
        if len(self.pieces) > 1:
            return [f"after roll: {counted(len(self.pieces), 'piece')}", self.rolled()]
        return [
            self.as_text("jaxpr"), f"after simplify: {counted(len(self.simplified.eqns), 'equation')}", self.as_text("simplified"),
        ]  # fmt: skip

    def passes(self) -> str:
        """A row for each pass: what it left, in how many milliseconds (none where an equal jaxpr had been through it)."""
        size = len(self.jaxpr.eqns)
        rows = [("trace", f"{size} equations", self.milliseconds["trace"])]
        rows.append(("simplify", f"{len(self.simplified.eqns)} equations", self.milliseconds["simplify"]))
        j = self.jaxpr
        for make in SIMPLIFICATIONS:
            start = time.perf_counter()
            j = make(j)
            rows.append((f"  {make.__name__}", f"{len(j.eqns)} equations", (time.perf_counter() - start) * 1e3))
        different = len({p.pattern.key for p in self.pieces})
        kernels, steps = len(fuse.kernels(self.plan)), sum([not isinstance(item, Group) for item in self.plan])
        calls = len(self.plan) - steps
        for name, left in {
            "expand": f"{len(self.expanded.eqns)} equations",
            "roll": f"{counted(len(self.pieces), 'piece')}, {different} different",
            "fuse": f"{counted(kernels, 'kernel')}, called {counted(calls, 'time')}, between {counted(steps, 'NumPy step')}",
        }.items():
            rows.append((name, left, self.milliseconds[name]))
        return "\n".join([f"{name:18} {left:50} {took:8.2f} ms" for name, left, took in rows])

    def compile(self) -> Compiled:
        """Compile now; the result is called with arguments like those it was lowered for."""
        tiered(self.simplified, True).compile("lower(...).compile()")
        return Compiled(self)

    def cost_analysis(self) -> dict[str, float]:
        """The cost model: seconds a call gains by compiled kernels, and seconds to compile them."""
        gain, price = cost.gain_and_price(self.expanded, self.plan)
        return {"gain per call": gain, "price": price}


class Compiled:
    """A compiled function of fixed argument shapes and dtypes."""

    def __init__(self, lowered: Lowered) -> None:
        self.lowered = lowered

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        leaves, tree = pytree.flatten((args, kwargs))
        wanted = self.lowered.simplified.in_avals[: len(leaves)]
        if tree != self.lowered.in_tree:
            raise ArgumentError(at_line(f"{self.lowered.name} was compiled for arguments {self.lowered.in_tree}, got {tree}"))
        for k, (x, a) in enumerate(zip(leaves, wanted, strict=True)):
            given = abstract_input(x, lambda k=k: f"leaf {k}")  # type: ignore[misc]
            if (given.shape, given.dtype) != (a.shape, a.dtype):
                raise ArgumentError(at_line(f"{self.lowered.name} was compiled for {a} at leaf {k}, got {given}"))
        outs = tiered(self.lowered.simplified, True).run([*leaves, *self.lowered.consts], "now")
        return pytree.unflatten(self.lowered.out_tree, outs)

    def as_text(self, stage: str = "llvm") -> str:
        """As `Lowered.as_text`."""
        return self.lowered.as_text(stage)


def counted(n: int, what: str) -> str:
    """`1 kernel`, `2 kernels`."""
    return f"{n} {what}{'s' * (n != 1)}"


def describe_step(item: Any) -> str:
    """One step of a tape as text."""
    return str(item) if isinstance(item, Segment) else f"numpy: {item.op!r}"


def describe(item: Any, seen: set[Any]) -> str:
    """One item of a plan as text; the loops of a kernel are printed once."""
    if isinstance(item, Renamed):
        return f"the same memory as {item.out_aval}"
    if not isinstance(item, Group):
        return f"numpy: {item.op!r}"
    head = f"kernel of {counted(len(item.eqns), 'equation')}, sizes {list(item.nest.sizes)}"
    if item.kernel in seen:
        return f"{head}, as before"
    seen.add(item.kernel)
    return f"{head}:\n" + indent(print_code(item.kernel))


def indent(text: str) -> str:
    return "\n".join(["    " + line for line in text.splitlines()])


def lower(jitted: api.Jitted, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Lowered:
    """Trace a jitted function for these arguments, with their values where they are given."""
    moving, _, rebuild = jitted.static.take(args, kwargs)
    leaves, tree = pytree.flatten(moving)
    inputs = []
    for k, x in enumerate(leaves):
        a = abstract_input(x, lambda k=k: f"lower: leaf {k} of the arguments")  # type: ignore[misc]
        inputs.append((None if hasattr(x, "aval_") else x, a))
    start = time.perf_counter()
    traced = trace_call(jitted.call_of(tree, rebuild), inputs, who="jit", fun=jitted.fun)
    took = (time.perf_counter() - start) * 1e3
    return Lowered(jitted.__name__, traced.jaxpr, traced.trace.consts, tree, traced.out_tree, took)


def report(jitted: api.Jitted) -> str:
    """Every trace and compile so far."""
    rows = [f"{jitted!r}"]
    events = list(jitted.log)
    for key, entry in jitted.entries.items():
        for variant in entry.variants:
            events.extend(variant.programs.log)
            rows.append(f"  trace for {shown_key(key)}: {len(variant.guards)} guards, {variant.programs.status}")
    rows += [f"  {e.what}: {e.why}, {e.milliseconds:.2f} ms" for e in events]
    return "\n".join(rows)


def shown_key(key: Any) -> str:
    """A signature in short."""
    return " ".join([str(part) for part in key])[:100]


@decorator
def explain(fun: Callable[..., Any]) -> Callable[..., str]:
    """The function that tells what jit does with `fun` for given arguments: `print(ft.explain(f)(x))`.

    Text with the jaxpr, each pass with its time, the kernels as readable loops, and what would be compiled and why.
    """
    jitted = fun if isinstance(fun, api.Jitted) else api.jit(fun)

    def explained(*args: Any, **kwargs: Any) -> str:
        lowered = lower(jitted, args, kwargs)
        analysis = lowered.cost_analysis()
        gain, price = analysis["gain per call"], analysis["price"]
        kernels = fuse.kernels(lowered.plan)
        new = [k for k in kernels if not service.is_available(k)]
        milliseconds = [service.compile(k).milliseconds for k in kernels]
        parts = [
            f"jit({jitted.__name__})",
            lowered.passes(),
            *lowered.equations(),
            f"after fuse: {counted(len(kernels), 'kernel')}, {sum([not isinstance(i, Group) for i in lowered.plan])} NumPy steps",
            lowered.as_text("loops"),
            lowered.as_text("tape"),
            f"compile: {len(new)} of {len(kernels)} kernels were new; {sum(milliseconds):.1f} ms in all",
            f"this process so far: {service.summary()}",
            f"break-even: a call gains {gain * 1e6:.2f} µs by the cost model, compiling its kernels costs {price * 1e3:.1f} ms"
            + (f", so they are requested after {calls_to(gain, price)} calls" if gain > 0 else ", so NumPy keeps running"),
            report(jitted),
        ]
        return "\n\n".join(parts)

    return explained


api.hooks.update(lower=lower, report=report)
