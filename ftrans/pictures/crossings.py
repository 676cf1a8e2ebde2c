"""Crossings: the order of the vertices within each layer, so that few edges cross.

    >>> order([[0, 1], [2, 3]], [(0, 3, 0.0, 0.0), (1, 2, 0.0, 0.0)])
    [[0, 1], [3, 2]]

Sweeps up and down the layers sort each by the median or mean place of its neighbours in the layer before (Sugiyama, Tagawa and
Toda 1981; Gansner and others 1993), then vertices move within their layers wherever that saves crossings (sifting: Matuszewski,
Schönfeld and Molitor 1999). From the best order found, a few vertices at a time are moved at random; what that leads to is kept
if no worse. The result depends on nothing but the arguments.
"""

from __future__ import annotations

import random
from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterable, Iterator, Sequence

Link = tuple[int, int, float, float]  # from u to v in the next layer; where on u and v it ends, from -0.5 to 0.5 of their extent
Ends = list[tuple[int, float]]

EFFORT = 250_000  # how often two neighbours in a layer are compared in all, about half a second
SWEEPS = 0.6  # the part of it that may go into sweeps
PATIENCE = 6  # sweeps without a gain after which a start is given up
KICKS = 250  # how often vertices are moved at random
REACH = 40  # how far a vertex is sifted


def order(layers: Sequence[Sequence[int]], links: Sequence[Link], effort: int = EFFORT) -> list[list[int]]:
    """The layers, each in an order that makes few links cross. The vertices are numbered from 0; a link leads to the next layer."""
    search = Search(1 + max([v for layer in layers for v in layer], default=-1), links)
    best, fewest = [list(layer) for layer in layers], float("inf")
    for start in starts(layers, search):
        for now in search.swept(start):
            count = search.count(now)
            if count < fewest:
                best, fewest = [list(layer) for layer in now], count
            if search.work > SWEEPS * effort:
                break
        if not fewest or search.work > SWEEPS * effort:
            break
    draw = random.Random(0)
    for _ in range(min(KICKS, 3 * len(search.up))):
        if not fewest or search.work > effort:
            break
        now = [list(layer) for layer in best]
        search.kick(now, draw)
        count = search.count(now)
        if count <= fewest:
            best, fewest = now, count
    return best


class Search:
    """Sweeps over layered graphs: `up[v]` and `down[v]` are the neighbours of v in the layers before and after."""

    def __init__(self, n: int, links: Sequence[Link]) -> None:
        self.up: list[Ends] = [[] for _ in range(n)]
        self.down: list[Ends] = [[] for _ in range(n)]
        self.ports: list[list[tuple[float, int, float]]] = [[] for _ in range(n)]
        for u, v, at_u, at_v in links:
            self.up[v].append((u, at_u))
            self.down[u].append((v, at_v))
            self.ports[u].append((at_u, v, at_v))
        self.place = [0] * n
        self.work = 0

    def swept(self, layers: list[list[int]]) -> Iterator[list[list[int]]]:
        """Better and better orders of these layers (changed in place)."""
        for layer in layers:
            self.settle(layer)
        fewest, idle, turn = self.count(layers), 0, 0
        yield layers
        while idle < PATIENCE and fewest:
            forwards, median, turned = turn % 2 == 0, turn // 2 % 3 < 2, turn // 2 % 2 == 1
            for layer in layers[1:] if forwards else layers[-2::-1]:
                self.sort(layer, self.up if forwards else self.down, median, turned)
            if turned:  # what makes no difference is turned round too: it may open a way
                for layer in layers:
                    self.swap(layer, -1)
            self.improve(layers, range(len(layers)))
            count = self.count(layers)
            idle = 0 if count < fewest else idle + 1
            fewest = min(fewest, count)
            turn += 1
            yield layers

    def kick(self, layers: list[list[int]], draw: random.Random) -> None:
        """Move some vertices of neighbouring layers at random, and improve from there (in place)."""
        for layer in layers:
            self.settle(layer)
        first = draw.randrange(len(layers))
        kicked = range(first, min(first + 3, len(layers)))
        for k in kicked:
            layer = layers[k]
            for _ in range(2):
                layer.insert(draw.randrange(len(layer)), layer.pop(draw.randrange(len(layer))))
            self.settle(layer)
        self.improve(layers, range(max(first - 1, 0), min(first + 4, len(layers))))

    def improve(self, layers: list[list[int]], changed: Iterable[int]) -> None:
        """Swap and sift until nothing is gained, beginning with the layers that changed."""
        waiting = sorted(changed, reverse=True)
        while waiting:
            k = waiting.pop()
            gained = False
            while self.swap(layers[k], 0) or self.sift(layers[k]):
                gained = True
            if gained:
                waiting += [j for j in (k + 1, k - 1) if 0 <= j < len(layers) and j not in waiting]

    def settle(self, layer: list[int]) -> None:
        for k, v in enumerate(layer):
            self.place[v] = k

    def keys(self, ends: Ends) -> list[float]:
        place = self.place
        return sorted([place[u] + at for u, at in ends])

    def sort(self, layer: list[int], neighbours: list[Ends], median: bool, turned: bool) -> None:
        """Order a layer by the middle of its neighbours; vertices without any keep their places. turned: equals change sides."""
        middle, sign = medianed if median else mean, -1 if turned else 1
        moving = sorted([(middle(self.keys(neighbours[v])), sign * k, v) for k, v in enumerate(layer) if neighbours[v]])
        free = iter(moving)
        layer[:] = [next(free)[2] if neighbours[v] else v for v in layer]
        self.settle(layer)

    def swap(self, layer: list[int], least: int) -> bool:
        """Swap neighbours in a layer where that saves more than `least` crossings. Whether any were swapped."""
        up, down, gained = [self.keys(self.up[v]) for v in layer], [self.keys(self.down[v]) for v in layer], False
        self.work += len(layer)
        for k in range(len(layer) - 1):
            if saved(up[k], up[k + 1]) + saved(down[k], down[k + 1]) > least:
                gained = True
                layer[k], layer[k + 1] = layer[k + 1], layer[k]
                up[k], up[k + 1] = up[k + 1], up[k]
                down[k], down[k + 1] = down[k + 1], down[k]
        if gained:
            self.settle(layer)
        return gained

    def sift(self, layer: list[int]) -> bool:
        """Move each vertex of a layer to the best place near it. Whether any was moved."""
        up, down = {v: self.keys(self.up[v]) for v in layer}, {v: self.keys(self.down[v]) for v in layer}
        moved = False
        for v in list(layer):
            here = layer.index(v)
            best, target = 0, here
            for step in (-1, 1):
                gain = 0
                for j in range(here + step, max(here - REACH, -1) if step < 0 else min(here + REACH, len(layer)), step):
                    left, right = (layer[j], v) if step < 0 else (v, layer[j])
                    gain += saved(up[left], up[right]) + saved(down[left], down[right])
                    self.work += 1
                    if gain > best:
                        best, target = gain, j
            if best:
                layer.insert(target, layer.pop(here))
                moved = True
        self.settle(layer)
        return moved

    def count(self, layers: list[list[int]]) -> int:
        """How many pairs of links cross."""
        place, total = self.place, 0
        for layer in layers[:-1]:
            seen: list[float] = []
            for v in layer:
                ports = self.ports[v]
                if len(ports) == 1:
                    groups = [[place[ports[0][1]] + ports[0][2]]]
                else:
                    by_port: dict[float, list[float]] = {}
                    for at, w, at_w in ports:
                        by_port.setdefault(at, []).append(place[w] + at_w)
                    groups = [by_port[at] for at in sorted(by_port)]
                for ends in groups:
                    for end in ends:
                        total += len(seen) - bisect_right(seen, end)
                    for end in ends:
                        insort(seen, end)
        return total


def medianed(keys: list[float]) -> float:
    """The weighted median of Gansner and others: between the two middle ones, nearer to the side where the others lie closer."""
    m, n = len(keys) // 2, len(keys)
    if n % 2:
        return keys[m]
    if n == 2:
        return (keys[0] + keys[1]) / 2
    left, right = keys[m - 1] - keys[0], keys[-1] - keys[m]
    if not left + right:
        return (keys[m - 1] + keys[m]) / 2
    return (keys[m - 1] * right + keys[m] * left) / (left + right)


def mean(keys: list[float]) -> float:
    return sum(keys) / len(keys)


def saved(left: list[float], right: list[float]) -> int:
    """How many crossings fewer there are when two neighbours swap; `left` and `right`: where their links end, sorted."""
    if not left or not right:
        return 0
    if len(left) == len(right) == 1:  # most are bends: this takes 0.1 µs, what follows 0.6
        return (left[0] > right[0]) - (left[0] < right[0])
    if left[-1] <= right[0]:
        return sum([bisect_right(right, x) for x in left]) - len(left) * len(right)
    return sum([bisect_left(right, x) + bisect_right(right, x) for x in left]) - len(left) * len(right)


def starts(layers: Sequence[Sequence[int]], search: Search) -> Iterator[list[list[int]]]:
    """Orders to begin with: as given, depth first from the sources, and from the sinks."""
    yield [list(layer) for layer in layers]
    yield depth_first(layers, search.down)
    yield depth_first(layers[::-1], search.up)[::-1]


def depth_first(layers: Sequence[Sequence[int]], after: list[Ends]) -> list[list[int]]:
    """Each layer in the order in which a depth-first walk reaches its vertices."""
    rank = {v: k for k, layer in enumerate(layers) for v in layer}
    found: list[list[int]] = [[] for _ in layers]
    seen: set[int] = set()
    for root in [v for layer in layers for v in layer]:
        stack = [root]
        while stack:
            v = stack.pop()
            if v not in seen:
                seen.add(v)
                found[rank[v]].append(v)
                stack += [w for w, _ in reversed(after[v])]
    return found
