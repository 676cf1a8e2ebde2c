"""All benchmarks in one run, ftrans and its peers in turns, as a table of ratios in Markdown.

    python -m benchmarks.compare                     # a few minutes
    python -m benchmarks.compare --quick             # rough, about a minute
    python -m benchmarks.compare --only 'eager|MLP'  # the tables and works whose names match
    taskset -c 0 python -m benchmarks.compare        # on one core: on a shared machine BLAS threads wait for each other

ftrans's time is given, then how many times as long each peer takes: 4.0 means that ftrans is four times as fast. A number in
brackets belongs to a peer that does only part of the work (the forward pass). `-` is a peer that is not installed or does not do
this. Results are compared before anything is timed; where one differs or fails nothing is timed and the exit status is 1.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import os
import platform
import re
import statistics
import sys
import time
from collections.abc import Iterator, Mapping, Sequence

from . import Absent, clock
from .bench_import import MODULES, installed, seconds
from .tables import TABLES
from .work import LIBRARIES, Work

PEERS = LIBRARIES[1:]


def measure(work: Work, budget: float, least: bool = False) -> tuple[dict[str, float], dict[str, str]]:
    """(the median or least seconds, what went wrong) of each library."""
    calls, wrong = {}, {}
    for library in work.sides:
        try:
            prepared = work.check(library) if work.fresh else work.prepare(library)
            calls[library] = (lambda k, name=library: work.call(name, k)) if work.fresh else prepared
        except Absent:
            continue
        except Exception as error:  # shown in the table, and the exit status tells
            wrong[library] = f"{type(error).__name__}: {error}"
    if not calls:
        return {}, wrong
    timed = clock.first_calls_in_turns(calls, budget) if work.fresh else clock.in_turns(calls, budget, least)
    return {name: t / work.parts for name, t in timed.items()}, wrong


def shown(t: float) -> str:
    """Seconds in the unit that suits them."""
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if t >= size:
            return f"{t / size:.3g} {unit}"
    return f"{t / 1e-9:.3g} ns"


def row(work: Work, times: Mapping[str, float], wrong: Mapping[str, str], peers: Sequence[str] = PEERS) -> str:
    """One row of the table."""
    ours = times.get("ftrans")
    cells = [work.name + (" (per equation)" if work.parts > 1 else ""), shown(ours) if ours else "fails"]
    for name in peers:
        if name in wrong:
            cells.append("fails")
        elif name not in times:
            cells.append("-")
        elif ours is None:
            cells.append(shown(times[name]))
        else:
            ratio = f"{times[name] / ours:.2g}" if times[name] < 10 * ours else f"{times[name] / ours:.0f}"
            cells.append(f"({ratio})" if name in work.less else ratio)
    return "| " + " | ".join(cells) + " |"


def head(table: str, peers: Sequence[str] = PEERS) -> str:
    return f"\n### {table}\n\n| work | ftrans | {' | '.join(peers)} |\n|---|{'---:|' * (len(peers) + 1)}"


def imports(budget: float) -> Iterator[str]:
    """Import times, in turns."""
    names = [name for name in MODULES if installed(name)]
    taken: dict[str, list[float]] = {name: [] for name in names}
    start = time.perf_counter()
    while len(taken[names[-1]]) < 3 or time.perf_counter() - start < budget:
        for name in names:
            taken[name].append(seconds(name))
    yield "\n### import\n\n| module | time | times numpy's |\n|---|---:|---:|"
    medians = {name: statistics.median(times) for name, times in taken.items()}
    for name, t in medians.items():
        yield f"| {name} | {shown(t)} | {t / medians['numpy']:.2g} |"


def machine() -> str:
    """What the numbers were measured on."""
    versions = []
    for name in ("numpy", "numba", "jax", "autograd"):
        try:
            versions.append(f"{name} {importlib.metadata.version(name)}")
        except importlib.metadata.PackageNotFoundError:
            continue
    load = ", ".join([f"{x:.1f}" for x in os.getloadavg()])
    return (
        f"{platform.python_implementation()} {platform.python_version()}, {', '.join(versions)}; "
        f"{platform.machine()}, {len(os.sched_getaffinity(0))} of {os.cpu_count()} cores, load {load}"
    )


def main() -> int:
    """Print the tables; 1 when something failed or differed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="rough numbers in a short time")
    parser.add_argument("--only", default="", metavar="REGEX", help="tables and works to measure")
    options = parser.parse_args()
    budget = 0.05 if options.quick else 2.0
    failures = []
    print(machine())
    for table, works in TABLES.items():
        chosen = [w for w in works if re.search(options.only, table) or re.search(options.only, w.name)]
        if chosen:
            print(head(table))
        for work in chosen:
            times, wrong = measure(work, budget)
            print(row(work, times, wrong), flush=True)
            failures += [f"{work.name}, {library}: {text}" for library, text in wrong.items()]
    if re.search(options.only, "import"):
        print("\n".join(imports(budget * 5)))
    if failures:
        print("\n### failures\n\n" + "\n".join([f"- {text}" for text in failures]))
    return int(bool(failures))


if __name__ == "__main__":
    sys.exit(main())
