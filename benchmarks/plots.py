"""The plots of docs/benchmarks.md: `ratios(path, suite, chosen)` and `first_calls(path, first)`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from . import peer

COLOURS = ("#4477aa", "#228833", "#ccbb44", "#ee6677", "#aa3377")  # distinguishable in every kind of colour vision (Paul Tol)
GREY = "#555555"
MARKS = {
    "numpy": "|", "ftrans": "o", "ftrans now, empty store": "^", "ftrans now, warm store": "v", "jax": "s", "jax, warm cache": "D",
}  # fmt: skip


def figure(rows: int) -> tuple[Any, Any, Any]:
    """(pyplot, a figure, its axes) with a row of a fixed height for each program."""
    peer("matplotlib").use("Agg")
    plt = peer("matplotlib.pyplot")
    plt.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "ftrans", "font.size": 9})
    made, axes = plt.subplots(figsize=(8.5, 0.21 * rows + 1.0), layout="constrained")
    axes.set_ylim(rows - 0.4, -0.6)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="x", color="#dddddd", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.set_xscale("log")
    return plt, made, axes


def save(path: Path, plt: Any, made: Any) -> None:
    path.parent.mkdir(exist_ok=True)
    made.savefig(path, metadata={"Date": None})
    plt.close(made)


def times(x: float, _: Any = None) -> str:
    """A tick of a scale of ratios."""
    return f"{x:g}×"


def ratios(path: Path, suite: Mapping[str, Mapping[str, Mapping[str, float]]], chosen: Callable[[str], bool]) -> None:
    """How many times as long JAX takes (bars), and numba by hand (dots), for chosen programs, in the colours of their tables."""
    rows = [
        (table, name, t["jax"] / t["ftrans"], t["numba"] / t["ftrans"] if "numba" in t else None)
        for table, works in suite.items()
        for name, t in works.items()
        if chosen(name) and "ftrans" in t and "jax" in t
    ]
    plt, made, axes = figure(len(rows))
    colours = dict(zip(suite, COLOURS, strict=False))
    for table, colour in colours.items():
        mine = [(k, x) for k, (group, _, x, _) in enumerate(rows) if group == table]
        label = table.removeprefix("suite: ")
        axes.barh([k for k, _ in mine], [x - 1 for _, x in mine], left=1, height=0.7, color=colour, label=label)
        for k, x in mine:
            axes.text(max(x, 1) * 1.03, k, f"{x:.2g}" if x < 10 else f"{x:.0f}", va="center", fontsize=8)
    dots = [(x, k) for k, (_, _, _, x) in enumerate(rows) if x is not None]
    if dots:
        axes.plot(*zip(*dots, strict=True), "o", color="white", markeredgecolor=GREY, markersize=4.5, label="numba by hand")
    axes.set_yticks(range(len(rows)), [name.removeprefix("gradient: ") for _, name, _, _ in rows])
    axes.axvline(1, color="black", linewidth=0.8)
    axes.xaxis.set_major_formatter(times)
    axes.set_xlabel("time of JAX divided by time of ftrans (right of 1×: ftrans is faster)")
    made.legend(loc="outside upper left", ncols=6, frameon=False, fontsize=8)
    save(path, plt, made)


def first_calls(path: Path, first: Mapping[str, Mapping[str, float]]) -> None:
    """Milliseconds of the first call of every program, by mode, in the order of JAX's."""
    names = sorted(first["jax"], key=first["jax"].__getitem__)
    plt, made, axes = figure(len(names))
    for (mode, mark), colour in zip(MARKS.items(), ("black", *COLOURS), strict=True):
        points = [(1e3 * first[mode][name], k) for k, name in enumerate(names) if name in first[mode]]
        if points:
            axes.plot(*zip(*points, strict=True), mark, color=colour, markersize=4.5, label=mode)
    axes.set_yticks(range(len(names)), names)
    axes.grid(axis="y", color="#eeeeee", linewidth=0.6)
    axes.xaxis.set_major_formatter("{x:g}")
    axes.set_xlabel("milliseconds of the first call (NumPy: of a call)")
    made.legend(loc="outside upper left", ncols=6, frameon=False, fontsize=8)
    save(path, plt, made)
