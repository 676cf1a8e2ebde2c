"""One sheet: `draw_sheet` places the things in one box in layers and leads the wires between them.

All is computed along and across the direction of the data, and turned to x and y at the end. A wire runs straight through the
whole depth of every layer it passes, in a lane of its own, and changes lanes only between layers, where nothing else is: so it
meets no place and no label.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field
from functools import lru_cache

from . import coordinates, crossings
from .geometry import Place, Point, Port, Sheet, Wire
from .layers import ranks
from .sizes import HEAD, Size

PAD = 14.0  # between the content of a box and its border
GAP = 16.0  # between neighbours in a layer
BETWEEN = 40.0  # between layers
BESIDE = 20.0  # between a layer of nodes and one of the texts of edges
LEAD = 9.0  # how far a wire runs straight before it ends: room for an arrowhead
PORT = 18.0  # between a port and the first layer
SLOPE, STEEPEST = 0.13, 60.0  # layers stand apart by this part of the longest way across between them, but not more than so far
SPREAD = 11.0  # between the ends of two wires at one border


@dataclass
class Item:
    """A thing to place. ports: where values enter and leave, for an open box; spread: wires leave it from different points."""

    key: str
    width: float
    height: float
    spread: bool = False
    ports: dict[tuple[str, bool], Point] = field(default_factory=dict)


@dataclass
class Arc:
    """A wire to lead: from a thing (or an entering port) to a thing (or a leaving port). value: the node whose value it carries."""

    source: str
    target: str
    value: str
    enters: bool = False
    leaves: bool = False
    edges: list[int] = field(default_factory=list)
    label: Size | None = None


def draw_sheet(
    box: str, items: list[Item], arcs: list[Arc], direction: str, title: float = 0.0, effort: int = crossings.EFFORT
) -> Sheet:
    """Items and arcs as a sheet. The arcs form no cycle. title: the length of the label of the box; effort: spent on crossings."""
    return Sketch(items, arcs, direction, effort).sheet(box, title)


class Sketch:
    """Vertices are the items, the entering and the leaving ports, then bends and labels; `chains` has the path of each arc."""

    def __init__(self, items: list[Item], arcs: list[Arc], direction: str, effort: int) -> None:
        self.items, self.arcs, self.down, self.effort = items, arcs, direction == "down", effort
        self.enter = list(dict.fromkeys([arc.source for arc in arcs if arc.enters]))
        self.leave = list(dict.fromkeys([arc.target for arc in arcs if arc.leaves]))
        ports = len(self.enter) + len(self.leave)
        self.along = [item.height if self.down else item.width for item in items] + [0.0] * ports
        self.across = [item.width if self.down else item.height for item in items] + [0.0] * ports
        self.bend = [False] * (len(items) + ports)
        self.index_arcs()
        self.rank = self.ranked()
        self.trunks: dict[tuple[Hashable, int], int] = {}
        self.chains = [self.chain(k) for k in range(len(arcs))]
        self.layers = self.ordered()
        self.spread()
        self.y = coordinates.across(self.layers, self.across, self.links(), self.bend, GAP)
        self.columns()

    # --- vertices

    def index_arcs(self) -> None:
        """ends: the vertices of each arc; at: where on them it ends, as a distance from their centres."""
        place = {item.key: k for k, item in enumerate(self.items)}
        n = len(self.items)
        enter = {key: n + k for k, key in enumerate(self.enter)}
        leave = {key: n + len(enter) + k for k, key in enumerate(self.leave)}
        self.first, self.last = list(enter.values()), list(leave.values())
        self.ends, self.at = [], []
        for arc in self.arcs:
            a = enter[arc.source] if arc.enters else place[arc.source]
            b = leave[arc.target] if arc.leaves else place[arc.target]
            self.ends.append((a, b))
            self.at.append([self.port(a, arc.value, False), self.port(b, arc.value, True)])

    def port(self, v: int, value: str, enters: bool) -> float:
        at = self.items[v].ports.get((value, enters)) if v < len(self.items) else None
        return 0.0 if at is None else at[0 if self.down else 1] - self.across[v] / 2

    def ranked(self) -> list[int]:
        """Ranks; even ones only, if labels or parallel wires need layers of their own between those of the items."""
        rank = ranks(len(self.along), self.ends, self.first, self.last)
        self.doubled = len(set(self.ends)) < len(self.ends) or any([arc.label for arc in self.arcs])
        return [2 * r for r in rank] if self.doubled else rank

    def chain(self, k: int) -> list[int]:
        """The vertices of a wire: a bend in each layer between its ends; its label, if any, in the last layer before the target.

        Wires of one value share their bends as far as they go together, like branches of one trunk, but not the layer of the label.
        """
        (a, b), label = self.ends[k], self.arcs[k].label
        bends = []
        for rank in range(self.rank[a] + 1, self.rank[b]):
            own = self.doubled and rank == self.rank[b] - 1
            bend = self.trunks.get((self.trunk(k), rank)) if not own else None
            if bend is None:
                bend = self.add_bend(rank, label if own and label else (0.0, 0.0))
                if not own:
                    self.trunks[self.trunk(k), rank] = bend
            bends.append(bend)
        return [a, *bends, b]

    def trunk(self, k: int) -> Hashable:
        """Wires for which this is equal carry one value from one place."""
        return self.ends[k][0], self.arcs[k].value or k

    def add_bend(self, rank: int, size: Size) -> int:
        self.rank.append(rank)
        self.along.append(size[1] if self.down else size[0])
        self.across.append(size[0] if self.down else size[1])
        self.bend.append(True)
        return len(self.rank) - 1

    # --- order and places across

    def ordered(self) -> list[list[int]]:
        """All layers in an order with few crossings, sought without the layers of labels, which then follow those behind them."""
        step = 2 if self.doubled else 1
        layers: list[list[int]] = [[] for _ in range(1 + max(self.rank, default=-1))]
        for v, rank in enumerate(self.rank):
            layers[rank].append(v)
        layers[::step] = ordered(layers[::step], self.links(step, relative=True), self.effort)
        if self.doubled:
            place = {v: k for layer in layers[::2] for k, v in enumerate(layer)}
            order = {}
            for chain, ends in zip(self.chains, self.at, strict=True):
                at = [end / (self.across[v] or 1) for end, v in zip(ends, (chain[0], chain[-1]), strict=True)]
                for k in range(1, len(chain), 2):
                    before = place[chain[k - 1]] + (at[0] if k == 1 else 0.0)
                    order[chain[k]] = place[chain[k + 1]] + (at[1] if k == len(chain) - 2 else 0.0), before
            for layer in layers[1::2]:
                layer.sort(key=lambda v: order[v])
        return layers

    def links(self, step: int = 1, relative: bool = False) -> list[crossings.Link]:
        """The pieces of all wires between layers that are `step` apart: relative to sizes, and each as often as wires share it,
        for counting crossings; or in pixels and once, for coordinates."""
        links = []
        for chain, (start, end) in zip(self.chains, self.at, strict=True):
            if relative:
                start, end = start / (self.across[chain[0]] or 1), end / (self.across[chain[-1]] or 1)
            last = len(chain) - 1 - step
            links += [
                (chain[k], chain[k + step], start if k == 0 else 0.0, end if k == last else 0.0) for k in range(0, last + 1, step)
            ]
        return links if relative else list(dict.fromkeys(links))

    def spread(self) -> None:
        """Let wires end side by side in the order in which they come; those that carry one value leave from one point."""
        place = {v: k for layer in self.layers for k, v in enumerate(layer)}
        for side, (own, near) in enumerate([(0, 1), (-1, -2)]):
            meeting: dict[int, dict[Hashable, list[int]]] = {}
            for k, chain in enumerate(self.chains):
                v = chain[own]
                if v < len(self.items) and not self.items[v].ports and (side or self.items[v].spread):
                    meeting.setdefault(v, {}).setdefault(k if side else self.trunk(k), []).append(k)
            for v, together in meeting.items():
                wires = sorted(together.values(), key=lambda ks: (place[self.chains[ks[0]][near]], self.at[ks[0]][1 - side]))
                step = min(SPREAD, 0.7 * self.across[v] / len(wires))
                for j, ks in enumerate(wires):
                    for k in ks:
                        self.at[k][side] = (j - (len(wires) - 1) / 2) * step

    # --- places along

    def columns(self) -> None:
        """Where each layer starts (left) and ends (right), along the direction."""
        steepest = [0.0] * len(self.layers)
        for u, v, at_u, at_v in self.links():
            steepest[self.rank[u]] = max(steepest[self.rank[u]], abs(self.y[u] + at_u - self.y[v] - at_v))
        self.left, self.right = [], []
        at = 0.0 if self.enter else PAD
        for rank, layer in enumerate(self.layers):
            self.left.append(at)
            self.right.append(at + max([self.along[v] for v in layer]))
            port = (rank == 0 and self.enter) or (rank == len(self.layers) - 2 and self.leave)
            base = BESIDE + (rank % 2) * LEAD if self.doubled else PORT if port else BETWEEN
            at = self.right[-1] + base + min(SLOPE * steepest[rank], STEEPEST)

    def sheet(self, box: str, title: float) -> Sheet:
        low = min([y - s / 2 for y, s in zip(self.y, self.across, strict=True)], default=0.0)
        high = max([y + s / 2 for y, s in zip(self.y, self.across, strict=True)], default=0.0)
        top = HEAD if box else PAD
        self.y = [y - low + top for y in self.y]
        end = self.right[-1] + (0.0 if self.leave else PAD) if self.right else 2 * PAD
        if end < title + 2 * PAD:  # a long title: the content stays in the middle, the ports on the border
            self.widen(title + 2 * PAD - end)
            end = title + 2 * PAD
        width, height = self.turned(end, high - low + top + PAD)
        made = Sheet(box, width, height)
        step = 2 if self.doubled else 1
        for v, item in enumerate(self.items):
            x, y = self.turned(
                (self.left[self.rank[v]] + self.right[self.rank[v]] - self.along[v]) / 2, self.y[v] - self.across[v] / 2
            )
            made.places.append(Place(item.key, x, y, item.width, item.height, self.rank[v] // step))
        made.ports += [Port(key, self.turned(0.0, self.y[v]), True) for key, v in zip(self.enter, self.first, strict=True)]
        made.ports += [Port(key, self.turned(end, self.y[v]), False) for key, v in zip(self.leave, self.last, strict=True)]
        made.wires += [self.wire(k) for k in range(len(self.arcs))]
        return made

    def widen(self, by: float) -> None:
        for r in range(len(self.layers)):
            moved = 0.0 if r == 0 and self.enter else by if r == len(self.layers) - 1 and self.leave else by / 2
            self.left[r] += moved
            self.right[r] += moved

    def wire(self, k: int) -> Wire:
        arc, chain, (start, end) = self.arcs[k], self.chains[k], self.at[k]
        a, b = chain[0], chain[-1]
        y = self.y[a] + start
        line = [((self.left[self.rank[a]] + self.right[self.rank[a]] + self.along[a]) / 2, y), (self.right[self.rank[a]], y)]
        for v in chain[1:-1]:
            line += [(self.left[self.rank[v]], self.y[v]), (self.right[self.rank[v]], self.y[v])]
        y = self.y[b] + end
        line += [
            (self.left[self.rank[b]] - (0.0 if arc.leaves else LEAD), y),
            ((self.left[self.rank[b]] + self.right[self.rank[b]] - self.along[b]) / 2, y),
        ]
        label = None
        if arc.label:
            v = chain[-2]
            label = self.turned((self.left[self.rank[v]] + self.right[self.rank[v]]) / 2, self.y[v])
        points = [self.turned(*point) for point in straightened(line)]
        return Wire(arc.source, arc.target, tuple(arc.edges), points, label, arc.enters, arc.leaves)

    def turned(self, along: float, across: float) -> Point:
        return (across, along) if self.down else (along, across)


def ordered(layers: list[list[int]], links: list[crossings.Link], effort: int) -> list[list[int]]:
    """`crossings.order`, which passes of a loop that look the same share."""
    found = remembered(tuple([tuple(layer) for layer in layers]), tuple(links), effort)
    return [list(layer) for layer in found]


@lru_cache(maxsize=64)
def remembered(layers: tuple[tuple[int, ...], ...], links: tuple[crossings.Link, ...], effort: int) -> list[list[int]]:
    return crossings.order(layers, links, effort)


def straightened(line: list[Point]) -> list[Point]:
    """A line without the points between two others at the same height, nor repeated ones, nor steps of rounding errors."""
    kept: list[Point] = []
    for x, y in line:
        if kept:
            x, y = max(x, kept[-1][0]), kept[-1][1] if abs(kept[-1][1] - y) < 1e-6 else y
        if len(kept) > 1 and kept[-1][1] == kept[-2][1] == y:
            kept.pop()
        if not kept or kept[-1] != (x, y):
            kept.append((x, y))
    return kept
