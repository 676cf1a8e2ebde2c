"""ftrans beside its peers, as the tables and plots of docs/benchmarks.md.

    python -m benchmarks.report                     # print the tables, about three minutes
    python -m benchmarks.report --docs              # and write docs/benchmarks.md and its plots
    python -m benchmarks.report --only 'gelu|sort'  # programs of the suite whose names match; --quick: rough
    python -m benchmarks.report --save r.json       # keep what was measured; --load r.json: show it again, without measuring

A peer's number is its time divided by that of ftrans: 2.0 means that ftrans is twice as fast. Times are medians, taken in turns in
one process after the results have been compared; a program whose result differs is not timed and counts for no mean. First calls,
counts of compiles and memory are measured in processes of their own (process.py).
"""

from __future__ import annotations

import argparse
import json
import math
import re
import statistics
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from . import plots, process
from .compare import head, machine, measure, row, shown
from .suite import SUITE

PEERS = ("jax", "numpy", "numba")
DOCS = Path(__file__).parent.parent / "docs"
BEGIN, END = "<!-- measured: begin -->", "<!-- measured: end -->"
COMMAND = "python -m benchmarks.report --docs"
BOUNDS = {"jax": 0.8, "numba": 0.9}  # what no program should fall below, as a share of the peer's speed
MODES = {  # of first calls: what is shown, the library, whether it has a store, how often it is measured
    "ftrans": ("ftrans", False, 3),
    "ftrans now, empty store": ("ftrans now", True, 1),
    "ftrans now, warm store": ("ftrans now", True, 3),
    "jax": ("jax", False, 1),
    "jax, empty cache": ("jax", True, 1),
    "jax, warm cache": ("jax", True, 1),
    "numpy": ("numpy", False, 3),
}
SLACK = 0.01  # seconds that a first call may take beyond min(1.5 NumPy, JAX)


# Measure


def measured(only: str, budget: float, least: bool) -> dict[str, Any]:
    """Everything as plain data: JSON can keep it."""
    found: dict[str, Any] = {"machine": f"{machine()}; {'least times' if least else 'medians'}", "suite": {}, "wrong": {}}
    for table, works in SUITE.items():
        for work in works:
            if re.search(only, work.name):
                times, wrong = measure(work, budget, least)
                found["suite"].setdefault(table, {})[work.name] = times
                found["wrong"] |= {work.name: wrong} if wrong else {}
                print(row(work, times, wrong, PEERS), flush=True)
    if not only:
        found["first"], found["imported"] = first_calls()
        jobs = [job for job in process.JOBS if job not in ("first calls", "imported")]
        found["jobs"] = {job: {library: attempt(job, library) for library in ("ftrans now", "jax")} for job in jobs}
    return found


def first_calls() -> tuple[dict[str, dict[str, float]], list[str]]:
    """(median seconds of the first call of every program, by mode; what of the compiler is imported with a warm store).

    A warm store is the one that the mode before has filled.
    """
    found: dict[str, dict[str, float]] = {}
    with tempfile.TemporaryDirectory() as root:
        for mode, (library, keeps, rounds) in MODES.items():
            store = str(Path(root) / library.split()[0]) if keeps else None
            runs = [attempt("first calls", library, store) for _ in range(rounds)]
            done = set.intersection(*[set(run) for run in runs])
            found[mode] = {name: statistics.median([run[name] for run in runs]) for name in runs[0] if name in done}
        return found, attempt("imported", "ftrans now", str(Path(root) / "ftrans"))


def attempt(job: str, library: str, store: str | None = None) -> Any:
    """What a job finds, or nothing where the library is not installed or fails."""
    try:
        return process.measure(job, library, store)
    except RuntimeError as error:
        print(error, file=sys.stderr)
        return {}


# Ratios


def mean(ratios: Iterable[float]) -> float:
    """The geometric mean; nan of nothing."""
    logs = [math.log(x) for x in ratios]
    return math.exp(sum(logs) / len(logs)) if logs else math.nan


def ratios(suite: Mapping[str, Mapping[str, Mapping[str, float]]], library: str) -> dict[str, float]:
    """A peer's time divided by ftrans's, for every program that both do."""
    return {
        name: times[library] / times["ftrans"]
        for works in suite.values()
        for name, times in works.items()
        if library in times and "ftrans" in times
    }


def quotients(first: Mapping[str, Mapping[str, float]], mode: str, other: str) -> list[float]:
    """The times of one mode of first calls divided by those of another."""
    return [first[mode][name] / t for name, t in first.get(other, {}).items() if name in first.get(mode, {})]


# Show


def tables(found: Mapping[str, Any]) -> Iterator[str]:
    """The text that was measured, in Markdown."""
    yield found["machine"]
    yield from summary(found["suite"])
    yield from [fault(name, library, text) for name, wrong in found["wrong"].items() for library, text in wrong.items()]
    if "first" in found:
        yield from first_table(found["first"])
        yield f"With a warm store a first call imports {' and '.join(found['imported']) or 'nothing'} of numba and llvmlite."
        yield from job_table(found["jobs"])
    works = {work.name: work for group in SUITE.values() for work in group}
    for table, rows in found["suite"].items():
        yield head(table.removeprefix("suite: ").capitalize(), PEERS)
        yield from [row(works[name], times, found["wrong"].get(name, {}), PEERS) for name, times in rows.items()]


def fault(name: str, library: str, text: str) -> str:
    """What went wrong in one row."""
    return f"- **{name}** fails in {library}: {' '.join(text.split())[:200]}"


def summary(suite: Any) -> Iterator[str]:
    """Geometric means, and what is slowest."""
    groups = {table.removeprefix("suite: "): {table: rows} for table, rows in suite.items()} | {"all": suite}
    yield "\n### Geometric means\n\n| programs | number | JAX | NumPy | numba by hand |\n|---|---:|---:|---:|---:|"
    for name, part in groups.items():
        cells = [f"{mean(ratios(part, library).values()):.2f}" for library in PEERS]
        yield f"| {name} | {sum([len(rows) for rows in part.values()])} | {' | '.join(cells).replace('nan', '-')} |"
    yield ""
    for library, bound in BOUNDS.items():
        order = sorted(ratios(suite, library).items(), key=lambda item: item[1])
        worst = ", ".join([f"{name} {x:.2f}" for name, x in order[:6]])
        yield f"- Slower than {bound} of {library}: {sum([x < bound for _, x in order])} of {len(order)}. Lowest: {worst}."


def first_table(first: Mapping[str, Mapping[str, float]]) -> Iterator[str]:
    """First calls of all programs: geometric means of their times, and of the ratio to JAX in the same situation."""
    yield "\n### First calls\n\n| how | geometric mean | of JAX's time | JAX |\n|---|---:|---:|---|"
    for mode, other in (("ftrans", "jax"), ("ftrans now, empty store", "jax"), ("ftrans now, warm store", "jax, warm cache")):
        if first[mode]:
            yield f"| {mode} | {shown(mean(first[mode].values()))} | {mean(quotients(first, mode, other)):.2g} | {other} |"
    late = {
        name: t
        for name, t in first["ftrans"].items()
        if t > min(1.5 * first["numpy"].get(name, math.inf), first["jax"].get(name, math.inf)) + SLACK
    }
    worst = ", ".join([f"{name} {shown(t)}" for name, t in sorted(late.items(), key=lambda item: -item[1])[:5]])
    yield f"\nIn the default tier {len(late)} of {len(first['ftrans'])} take more than min(1.5 × NumPy, JAX) + 10 ms" + (
        f": {worst}." if worst else "."
    )


def job_table(jobs: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """Compiles and memory."""
    yield "\n### Compiles and memory\n\n| what | ftrans | JAX |\n|---|---:|---:|"
    for job, sides in jobs.items():
        for key in sides["ftrans now"] or sides["jax"]:
            cells = [said(job, key, sides[library].get(key)) for library in ("ftrans now", "jax")]
            yield f"| {job}: {key} | {' | '.join(cells)} |"


def said(job: str, key: str, value: Any) -> str:
    """A cell of that table."""
    if value is None:
        return "-"
    if isinstance(value, list):
        return f"{value[0]} new, {shown(value[1])}"
    if job.startswith("peak memory"):
        return f"{value:.1f} MB"
    return shown(value) if isinstance(value, float) else str(value)


def write_docs(found: Mapping[str, Any], text: str) -> None:
    """Put the text between the marks of docs/benchmarks.md, and draw the plots beside it."""
    page = DOCS / "benchmarks.md"
    before, rest = page.read_text().split(BEGIN)
    page.write_text(f"{before}{BEGIN}\n\n{text.strip()}\n\n{END}{rest.split(END)[1]}")
    drawn = {"forward": lambda name: not name.startswith("gradient"), "gradient": lambda name: name.startswith("gradient")}
    for kind, chosen in drawn.items():
        plots.ratios(DOCS / "images" / f"benchmarks-{kind}.svg", found["suite"], chosen)
    if "first" in found:
        plots.first_calls(DOCS / "images" / "benchmarks-first-calls.svg", found["first"])


def main() -> int:
    """Measure, print, write; 1 when something failed or differed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--docs", action="store_true", help="write docs/benchmarks.md and its plots")
    parser.add_argument("--only", default="", metavar="REGEX", help="programs to measure; the processes are left out")
    parser.add_argument("--quick", action="store_true", help="rough numbers in a short time")
    parser.add_argument("--least", action="store_true", help="least times, not medians: for a machine that does other work too")
    parser.add_argument("--save", type=Path, metavar="FILE", help="keep what was measured")
    parser.add_argument("--load", type=Path, metavar="FILE", help="show what was kept")
    options = parser.parse_args()
    found = (
        json.loads(options.load.read_text())
        if options.load
        else measured(options.only, 0.1 if options.quick else 1.0, options.least)
    )
    if options.save:
        options.save.write_text(json.dumps(found, indent=1))
    text = "\n".join(tables(found))
    print(text)
    if options.docs:
        write_docs(found, text)
    return int(bool(found["wrong"]))


if __name__ == "__main__":
    sys.exit(main())
