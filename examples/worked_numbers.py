"""The numbers of the worked examples, each once: what goes in and what must come out.

The examples print them, the tests check them:

    report("square", {"L": 18.0, "dL/dy": 2.0, "dL/dx": 12.0})    # prints a table, raises where a number differs

`given` are numbers of the lecture notes that the examples follow; the others were computed in float64 for inputs
chosen here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

TOLERANCE = 1e-9


@dataclass
class Worked:
    """One worked example: its formula, its inputs, and the numbers expected of it by name."""

    formula: str
    inputs: dict[str, Any]
    expected: dict[str, Any]
    given: bool = False


WORKED = {
    "three stages": Worked(
        "J = 3v, v = a + u, u = bc",
        {"a": 5.0, "b": 3.0, "c": 2.0},
        {"u": 6.0, "v": 11.0, "J": 33.0, "dJ/dv": 3.0, "dJ/du": 3.0, "dJ/da": 3.0, "dJ/db": 6.0, "dJ/dc": 9.0},
        given=True,
    ),
    "add, multiply": Worked(
        "f = qz, q = x + y",
        {"x": -2.0, "y": 5.0, "z": -4.0},
        {"q": 3.0, "f": -12.0, "df/dq": -4.0, "df/dz": 3.0, "df/dx": -4.0, "df/dy": -4.0},
        given=True,
    ),
    "forward and reverse": Worked(
        "e = cd, c = a + b, d = b + 1",
        {"a": 2.0, "b": 1.0},
        {"c": 3.0, "d": 2.0, "e": 6.0}
        | {"dc/db": 1.0, "dd/db": 1.0, "de/db": 5.0}  # forward: every node by b, in one sweep
        | {"de/dc": 2.0, "de/dd": 3.0, "de/da": 2.0},  # reverse: e by every node, in one sweep
        given=True,
    ),
    "square": Worked("L = 2y, y = x²", {"x": 3.0}, {"L": 18.0, "dL/dy": 2.0, "dL/dx": 12.0}),
    "logistic regression": Worked(
        "L = -y log a - (1 - y) log(1 - a), a = σ(z), z = w·x + b",
        {"w": (0.5, -0.25), "b": 0.1, "x": (1.5, -2.0), "y": 1.0},
        {"z": 1.35, "a": 0.7941296282, "L": 0.2305085714, "dL/dz": -0.2058703718}
        | {"dL/db": -0.2058703718, "dL/dw": (-0.3088055577, 0.4117407436)},
    ),
    "cross-entropy": Worked(
        "L = -y log ŷ - (1 - y) log(1 - ŷ), ŷ = σ(u), u = w0 + w1 x",
        {"w0": 0.1, "w1": 0.7, "x": 1.5, "y": 0.0},
        {"u": 1.15, "ŷ": 0.7595109169, "L": 1.4250805832, "dL/dŷ": 4.1581929097} | {"dL/dw0": 0.7595109169, "dL/dw1": 1.1392663754},
    ),
}


def inputs(name: str) -> list[Any]:
    """The inputs of an example, in order; tuples as arrays."""
    return [np.array(x) if isinstance(x, tuple) else x for x in WORKED[name].inputs.values()]


def report(name: str, computed: dict[str, Any]) -> dict[str, Any]:
    """Print each number beside the expected one; AssertionError if one differs by more than TOLERANCE or is missing."""
    worked = WORKED[name]
    print(f"{worked.formula}   at   " + ", ".join([f"{k} = {v}" for k, v in worked.inputs.items()]))
    print(f"  {'':<8}{'ftrans':<32}expected")
    for key, expected in worked.expected.items():
        print(f"  {key:<8}{show(computed[key]):<32}{show(expected)}")
    wrong = [k for k, v in worked.expected.items() if np.shape(v) != np.shape(computed[k]) or not close(computed[k], v)]
    assert not wrong, f"{name}: {', '.join(wrong)} not as expected"
    return computed


def close(x: Any, y: Any) -> bool:
    """Equal to the tolerance."""
    return bool(np.all(np.abs(np.subtract(x, y)) <= TOLERANCE))


def show(x: Any) -> str:
    """A number or a vector with ten decimals, without the zeros at the end."""
    if np.ndim(x):
        return "(" + ", ".join([show(v) for v in x]) + ")"
    return f"{float(x):.10f}".rstrip("0").rstrip(".")
