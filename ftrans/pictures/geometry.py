"""Where things are in a picture: what `layout` computes and the writers of SVG, PNG and HTML read. Units are CSS pixels.

A picture is nested. Every box that is open has a `Sheet` of its own, with coordinates of its own: the origin is the upper left
corner of the box, whose border is the rectangle from there to (width, height). The outermost sheet belongs to no box. An open box
stands on its parent's sheet as a place that is as large as its sheet.
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
    """Where a value enters or leaves the sheet of a box: a point on its border. `key` is the node whose value it is."""

    key: str
    at: Point
    enters: bool


@dataclass
class Wire:
    """An edge on a sheet: the line through `points`, from a place or an entering port to a place or a leaving port.

    source: the key of a place, or of the entering port where `enters`; target: of a place, or of the leaving port where `leaves`.
    edges: the numbers of the graph's edges it stands for (several, where they end in one box, or leave through one port).
    label: where the texts of the edge go (their middle, which lies on the line), None where there are none.

    The line goes from point to point forwards in the direction of the data. Where two points differ across the direction, it is
    drawn as an S that leaves and arrives in the direction (`scene.curve`); such an S stays in the rectangle between its two
    points, where there are no places and no labels.
    """

    source: str
    target: str
    edges: tuple[int, ...]
    points: list[Point]
    label: Point | None = None
    enters: bool = False
    leaves: bool = False


@dataclass
class Sheet:
    """The content of one box (key "" for the whole picture)."""

    box: str
    width: float
    height: float
    places: list[Place] = field(default_factory=list)
    ports: list[Port] = field(default_factory=list)
    wires: list[Wire] = field(default_factory=list)
