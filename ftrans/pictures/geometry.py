"""Where things are in a picture: what `layout` computes and the writers of SVG, PNG and HTML read. Units are CSS pixels.

A picture is nested. Every box, open or folded, has a `Sheet` of its own, with coordinates of its own (the origin is the upper left
corner of its content). The outermost sheet belongs to no box. An open box stands on its parent's sheet like a node that is as large as the sheet inside it.
"""

from __future__ import annotations

from dataclasses import dataclass, field

Point = tuple[float, float]


@dataclass
class Place:
    """A node or a box on a sheet: its upper left corner and its size. `rank` is its layer in the direction of the data flow."""

    key: str
    x: float
    y: float
    width: float
    height: float
    rank: int


@dataclass
class Port:
    """Where a value enters or leaves the sheet of a box: a point on its border. `key` is the node outside (entering) or inside (leaving)."""

    key: str
    at: Point
    enters: bool


@dataclass
class Wire:
    """An edge on a sheet: the line through `points`, from the border of one place (or an entering port) to that of another.

    edges: the numbers of the graph's edges it stands for (several, where they end in one folded box).
    label: where the texts of the edge go (the middle of the text), None where there are none.
    """

    source: str
    target: str
    edges: tuple[int, ...]
    points: list[Point]
    label: Point | None = None


@dataclass
class Sheet:
    """The content of one box (key "" for the whole picture)."""

    box: str
    width: float
    height: float
    places: list[Place] = field(default_factory=list)
    ports: list[Port] = field(default_factory=list)
    wires: list[Wire] = field(default_factory=list)
