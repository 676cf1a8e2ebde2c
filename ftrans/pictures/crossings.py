"""Crossings: the order of the vertices within each layer, so that few edges cross.

    >>> order([[0, 1], [2, 3]], [(0, 3, 0.0, 0.0), (1, 2, 0.0, 0.0)])
    [[0, 1], [3, 2]]

Sweeps up and down the layers sort each by the median or mean place of its neighbours in the layer before (Sugiyama, Tagawa and Toda
1981; Gansner and others 1993), then neighbours swap wherever that saves crossings. Several starts; the best order seen is kept. The result
depends on nothing but the arguments.
"""

from __future__ import annotations

import random
from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterator, Sequence

Link = tuple[int, int, float, float]  # from u to v in the next layer; where on u and v it ends, from -0.5 to 0.5 of their extent
Ends = list[tuple[int, float]]

EFFORT = 1_500_000  # how many links may be looked at in all: about a second
STARTS = 8
ROUNDS = 8  # of swaps after each sweep
PATIENCE = 6  # sweeps without a gain after which a start is given up


def order(layers: Sequence[Sequence[int]], links: Sequence[Link]) -> list[list[int]]:
    """The layers, each in an order that makes few links cross. The vertices are numbered from 0; a link leads to the next layer."""
    n = 1 + max([v for layer in layers for v in layer], default=-1)
    search = Search(n, links)
    effort = EFFORT
    best, fewest = [list(layer) for layer in layers], float("inf")
    shuffle = random.Random(0)
    for turn, start in enumerate(starts(layers, search)):
        if turn >= 3:
            start = [list(layer) for layer in best]
            kick(start, shuffle)
        for now in search.improved(start, first=best is not None):
            effort -= 6 * len(links) + n
            count = search.count(now)
            if count < fewest:
                best, fewest = [list(layer) for layer in now], count
            if effort < 0:
                break
        if effort < 0 or not fewest:
            break
    return best


def kick(layers, shuffle):
    n = len(layers)
    for _ in range(max(2, n // 4)):
        layer = layers[shuffle.randrange(n)]
        if len(layer) > 1:
            a = shuffle.randrange(len(layer)); b = shuffle.randrange(len(layer))
            layer.insert(b, layer.pop(a))


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

    def improved(self, layers: list[list[int]], first: bool) -> Iterator[list[list[int]]]:
        """Better and better orders of these layers (changed in place)."""
        for layer in layers:
            self.settle(layer)
        fewest, idle, turn = self.count(layers), 0, 0
        yield layers
        while idle < PATIENCE and fewest:
            forwards, median, turned = turn % 2 == 0, turn // 2 % 3 < 2, turn // 2 % 2 == 1
            inner = layers[1:] if forwards else layers[-2::-1]
            for layer in inner:
                self.sort(layer, self.up if forwards else self.down, median, turned)
            self.swap(layers, turned)
            while self.sift(layers): pass
            count = self.count(layers)
            idle = 0 if count < fewest else idle + 1
            fewest = min(fewest, count)
            turn += 1
            yield layers

    def settle(self, layer: list[int]) -> None:
        for k, v in enumerate(layer):
            self.place[v] = k

    def keys(self, ends: Ends) -> list[float]:
        place = self.place
        return sorted([place[u] + at for u, at in ends])

    def sort(self, layer: list[int], neighbours: list[Ends], median: bool, turned: bool) -> None:
        """Order a layer by the middle of its neighbours; vertices without neighbours keep their places. turned: equals change sides."""
        middle, sign = medianed if median else mean, -1 if turned else 1
        moving = sorted([(middle(self.keys(neighbours[v])), sign * k, v) for k, v in enumerate(layer) if neighbours[v]])
        free = iter(moving)
        layer[:] = [next(free)[2] if neighbours[v] else v for v in layer]
        self.settle(layer)

    def swap(self, layers: list[list[int]], turned: bool) -> None:
        """Swap vertices that stand next to each other while that saves crossings; where `turned`, once also those that gain nothing."""
        if turned:
            for layer in layers:
                self.swap_layer(layer, -1)
        active = [True] * len(layers)
        for _ in range(ROUNDS):
            if not any(active):
                break
            for k, layer in enumerate(layers):
                if active[k]:
                    active[k] = False
                    if self.swap_layer(layer):
                        for j in range(max(k - 1, 0), min(k + 2, len(layers))):
                            active[j] = True

    def swap_layer(self, layer: list[int], least: int = 0) -> bool:
        up, down, gained = [self.keys(self.up[v]) for v in layer], [self.keys(self.down[v]) for v in layer], False
        for k in range(len(layer) - 1):
            gain = saved(up[k], up[k + 1]) + saved(down[k], down[k + 1])
            if gain > least:
                gained = True
                for values in (layer, up, down):
                    values[k], values[k + 1] = values[k + 1], values[k]  # type: ignore[index]
        if gained:
            self.settle(layer)
        return gained

    def sift(self, layers: list[list[int]]) -> bool:
        """Move each vertex to the best place in its layer. Whether anything was gained."""
        gained = False
        for layer in layers:
            up, down = {v: self.keys(self.up[v]) for v in layer}, {v: self.keys(self.down[v]) for v in layer}
            for v in list(layer):
                k = layer.index(v)
                best, target = 0, k
                for step in (-1, 1):
                    gain, j = 0, k + step
                    while 0 <= j < len(layer):
                        w = layer[j]
                        left, right = (w, v) if step < 0 else (v, w)
                        gain += saved(up[left], up[right]) + saved(down[left], down[right])
                        if gain > best:
                            best, target = gain, j
                        j += step
                if best:
                    layer.insert(target, layer.pop(k))
                    gained = True
            self.settle(layer)
        return gained

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
    if left[-1] <= right[0]:
        return -sum([len(right) - bisect_right(right, x) for x in left])
    n = len(right)
    return sum([bisect_left(right, x) - n + bisect_right(right, x) for x in left])


def starts(layers: Sequence[Sequence[int]], search: Search) -> Iterator[list[list[int]]]:
    """Orders to begin with: as given, depth first from the sources, from the sinks, and some at random with a fixed seed."""
    yield [list(layer) for layer in layers]
    yield depth_first(layers, search.down)
    yield depth_first(layers[::-1], search.up)[::-1]
    shuffle = random.Random(0)
    for _ in range(STARTS - 3):
        drawn = [list(layer) for layer in layers]
        for layer in drawn:
            shuffle.shuffle(layer)
        yield drawn


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
