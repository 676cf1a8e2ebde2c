"""The numbers of the worked examples, each once: what goes in and what must come out.

The examples print them, the tests check them:

    report("square", {"L": 18.0, "dL/dy": 2.0, "dL/dx": 12.0})    # prints a table, raises where a number differs

`given` are numbers of the lecture notes that the examples follow; the others were computed in float64 for inputs
chosen here.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path
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
    "MLP": Worked(
        "L = -y log ŷ - (1 - y) log(1 - ŷ), ŷ = σ(w2·h), h = σ(W1ᵀx)",
        {"W1": ((0.1, -0.3, 0.5), (0.7, 0.2, -0.4)), "w2": (0.6, -0.8, 0.3), "x": (1.0, 2.0), "y": 1.0},
        {"ŷ": 0.5493955031, "L": 0.5989366905, "dL/dw2": (-0.3684027355, -0.2365579827, -0.1917581156)},
    ),
    "XOR network": Worked(
        "E = ½(t - y)², y = σ(z), z = w2·h + b2, h = σ(s), s = Wx + b",
        {"W": ((3.0, 4.0), (2.0, 3.0)), "b": (-2.0, -4.0), "w2": (5.0, -5.0), "b2": -2.0, "x": (1.0, 0.0), "t": 1.0},
        {"y": 0.7425526001, "E": 0.0331395819, "dE/dw2": (-0.0359796075, -0.0058666630)},
        given=True,  # dE/dw2 is given as -0.0360, -0.0059; computed are -0.0359796 and -0.0058667
    ),
    "XOR trained": Worked(
        "mean of ½(t - y)² over the four examples, each before its own step w ← w - rate · dE/dw",
        {"rate": 0.1, "epochs": 1000},
        {"epoch 1": 0.0352627135, "epoch 1000": 0.0081779642},
    ),
    "XOR stalled": Worked(
        "the same as a module whose output (4, 1) meets targets (4,): the mean of ½(t - y)² over all 16 pairs, to four digits",
        {"rate": 0.1, "epochs": 1000},
        {"last": 0.1264},
        given=True,
    ),
    "Adam": Worked(
        "argmin (w - 5)² by Adam, in float32",
        {"w": np.float32(0), "rate": 0.1, "steps": 1001},
        {"Keras, step 1": np.float32(0.09999997), "Keras, last": np.float32(5.000001), "textbook, step 1": np.float32(0.1)},
        given=True,  # but for the last of the three
    ),
    "box blur": Worked(
        "conv2d(0 … 24 in rows of five, ones(3, 3) / 9, VALID)",
        {"height": 5, "width": 5},
        {"image": ((6.0, 7.0, 8.0), (11.0, 12.0, 13.0), (16.0, 17.0, 18.0))},
    ),
    "AlexNet": Worked(
        "parameters of 5 convolutions and 3 dense layers, for images of 227 x 227",
        {"classes": 1000},
        {"one group": 62_378_344, "two groups": 60_965_224},
    ),
}


def inputs(name: str) -> list[Any]:
    """The inputs of an example, in order; tuples as arrays."""
    return [np.array(x) if isinstance(x, tuple) else x for x in WORKED[name].inputs.values()]


def folder() -> Path:
    """Where a script leaves its pictures: `--out DIR`, else `pictures`."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", type=Path, default=Path("pictures"), help="the folder for pictures (default: pictures)")
    out: Path = parser.parse_args().out
    out.mkdir(parents=True, exist_ok=True)
    return out


def report(name: str, computed: dict[str, Any]) -> dict[str, Any]:
    """Print each number beside the expected one; AssertionError if one differs by more than TOLERANCE or is missing."""
    worked = WORKED[name]
    print(f"{worked.formula}   at   " + ", ".join([f"{k} = {v}" for k, v in worked.inputs.items()]))
    width, column = max([6, *map(len, worked.expected)]) + 2, max([30, *[len(show(computed[k])) for k in worked.expected]]) + 2
    print(f"  {'':<{width}}{'ftrans':<{column}}expected")
    for key, expected in worked.expected.items():
        print(f"  {key:<{width}}{show(computed[key]):<{column}}{show(expected)}")
    wrong = [k for k, v in worked.expected.items() if np.shape(v) != np.shape(computed[k]) or not close(computed[k], v)]
    assert not wrong, f"{name}: {', '.join(wrong)} not as expected"
    return computed


def close(x: Any, y: Any) -> bool:
    """Equal to the tolerance."""
    return bool(np.all(np.abs(np.subtract(x, y)) <= TOLERANCE))


def show(x: Any) -> str:
    """A number or an array with ten decimals, without the zeros at the end; float32 with the digits that tell it from others."""
    if np.ndim(x):
        return "(" + ", ".join([show(v) for v in x]) + ")"
    if isinstance(x, np.float32 | int):
        return str(x)
    return f"{float(x):.10f}".rstrip("0").rstrip(".")
