"""Did the compiler get worse? Counts and wide ratios, no seconds: the same answer on a slow, shared machine.

    python -m benchmarks.check            # compare with counts.json; 1 and a list of what is worse
    python -m benchmarks.check --update   # after a change that is meant: write counts.json anew

Counted are, for every program of the suite, its equations, kernels and NumPy steps; the kernels of unrolled loops and of many sizes
together; and the instructions of a few kernels, compiled for one processor (x86-64-v3) wherever this runs. Those are compared only
under the LLVM they were counted with. Ratios to NumPy are least times, in turns in one process, against bounds that only a loss of
the vector code or of the fusion can break.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

import ftrans as ft
from ftrans.backends.numba import emit, engine, generate
from ftrans.lowering import fuse
from ftrans.lowering.group import Group

from . import clock, tasks
from .inputs import parameters
from .process import pendulum, ring
from .suite import SUITE
from .work import Work

KEPT = Path(__file__).parent / "counts.json"
WORKS = {work.name: work for works in SUITE.values() for work in works}
PROCESSOR = "x86-64-v3"
CODE = (  # programs whose kernels' instructions are counted
    "polynomial of 1e6", "gelu of 1e6, float32", "Black-Scholes of 1e6", "gradient: Huber loss of 1e6", "masks of 1e6, float32",
    "logsumexp of rows 2000x500", "variance over axis 0 of 2000x500", "RBF kernel matrix 500x500", "hash of 1e6 words",
)  # fmt: skip
# How much more of something is worse; of the rest, one more.
TOLERANCE = {"instructions": 1.15, "scalar": 1.15}
RATIOS = {  # how many times as long as ftrans NumPy must take at least: about a third of what was measured
    "polynomial of 1e6": 2.0, "Huber loss of 1e6": 5.0, "Lorenz, 20 Runge-Kutta steps of 1e4": 2.5,
    "RBF kernel matrix 500x500": 3.0, "logsumexp of rows 2000x500": 0.7, "variance over axis 0 of 2000x500": 1.3,
    "potential of 400 bodies": 3.0, "dict of 100 3-vectors": 0.5,
}  # fmt: skip

Counts = dict[str, dict[str, int]]


# Count


def counted() -> dict[str, Any]:
    """All counts, as counts.json keeps them."""
    found = {"programs": {name: program_counts(work) for name, work in WORKS.items()}, "families": families()}
    return found | {"llvm": llvm(), "code": {name: code_counts(WORKS[name]) for name in CODE} if engine.is_x86() else {}}


def lowered(work: Work) -> Any:
    """A program as it would be compiled."""
    call: Any = work.call("ftrans")
    return call.func.lower(*call.args, **call.keywords)


def program_counts(work: Work) -> dict[str, int]:
    """What the passes make of a program. A kernel in the place of a NumPy step is not worse; one more of either is."""
    made = lowered(work)
    steps = [item for item in made.plan if not isinstance(item, Group)]
    return {"equations": len(made.expanded.eqns), "kernels and steps": len(made.plan), "NumPy steps": len(steps)}


def families() -> Counts:
    """Different kernels of programs that should share them: many sizes, and loops of other lengths."""
    weights, x, labels = parameters((20, 30, 5), 100, "float64")
    sizes = [(weights, x[:n].copy(), labels[:n].copy()) for n in (*range(1, 11), 20, 50, 100)]
    loop = np.linspace(0.1, 1.0, 1000)
    return {
        "MLP at 13 batch sizes": {"kernels": different(tasks.mlp, sizes)},
        **{f"{f.__name__}, {n} steps": {"kernels": different(f(n), [(loop,)])} for f in (pendulum, ring) for n in (10, 1000)},
    }


def different(f: Any, calls: Iterable[tuple[Any, ...]]) -> int:
    """How many different kernels these calls need."""
    return len({kernel for args in calls for kernel in fuse.kernels(ft.jit(f).lower(*args).plan)})


def llvm() -> str:
    return ".".join([str(n) for n in engine.toolkit().llvm_version_info])


def code_counts(work: Work) -> dict[str, int]:
    """The instructions of a program's kernels, how many of them compute with single numbers, and calls."""
    texts = [assembly(emit.emit(kernel).text) for kernel in fuse.kernels(lowered(work).plan)]
    lines = [line.strip() for text in texts for line in text.splitlines() if re.match(r"\t[a-z]", line)]
    scalar = [line for line in lines if re.match(r"v?(add|sub|mul|div|sqrt|fn?m(add|sub)\d*)s[sd]\b", line)]
    return {"instructions": len(lines), "scalar": len(scalar), "calls": sum([line.startswith("call") for line in lines])}


def assembly(text: str) -> str:
    """A module as the instructions of PROCESSOR, by the passes that kernels go through."""
    own, binding = generate.generator(), engine.toolkit()
    machine = binding.Target.from_triple(binding.get_process_triple()).create_target_machine(cpu=PROCESSOR, opt=generate.LEVEL)
    other = object.__new__(type(own))
    other.__dict__.update(own.__dict__ | {"machine": machine})
    return str(other.assembly(text))


# Compare


def worse(found: Mapping[str, Any], kept: Mapping[str, Any]) -> Iterator[str]:
    """What counts more than it did, as text."""
    parts = ["programs", "families"] + ["code"] * (found["llvm"] == kept["llvm"] and bool(found["code"]))
    for part in parts:
        for name, counts in kept[part].items():
            if name not in found[part]:
                yield f"{name}: is not counted any more"
                continue
            for what, before in counts.items():
                now = found[part][name][what]
                if now > before * TOLERANCE.get(what, 1.0):
                    yield f"{name}: {now} {what}, it was {before}"
        yield from [f"{name}: is not in {KEPT.name}" for name in found[part] if name not in kept[part]]


def slow(seconds: float = 0.2) -> Iterator[str]:
    """The programs that fell below their ratio, measured a second time before they are named."""
    for name, bound in RATIOS.items():
        calls = {library: WORKS[name].prepare(library) for library in ("ftrans", "numpy")}
        for budget in (seconds, 5 * seconds):
            times = clock.in_turns(calls, budget, least=True)
            ratio = times["numpy"] / times["ftrans"]
            if ratio >= bound:
                break
        else:
            yield f"{name}: NumPy takes {ratio:.2f} times as long, it should be {bound} at least"


def main() -> int:
    """Compare, or write; 1 when something is worse."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--update", action="store_true", help="write counts.json")
    parser.add_argument("--counts", action="store_true", help="no ratios")
    options = parser.parse_args()
    found = counted()
    if options.update:
        KEPT.write_text(json.dumps(found, indent=1) + "\n")
        return 0
    kept = json.loads(KEPT.read_text())
    if found["llvm"] != kept["llvm"]:
        print(f"instructions are not compared: they were counted with LLVM {kept['llvm']}, this is {found['llvm']}")
    faults = [*worse(found, kept), *([] if options.counts else slow())]
    print("\n".join(faults) if faults else f"nothing is worse in {len(found['programs'])} programs")
    return int(bool(faults))


if __name__ == "__main__":
    sys.exit(main())
