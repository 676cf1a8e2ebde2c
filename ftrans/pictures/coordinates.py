"""Coordinates across the direction of the data: long edges are straight, vertices between their neighbours, and nothing overlaps.

    >>> across([[0, 1], [2]], [10.0, 10.0, 10.0], [(0, 2, 0.0, 0.0), (1, 2, 0.0, 0.0)], [False] * 3, gap=6.0)
    [0.0, 16.0, 8.0]

After Brandes and Köpf 2001, "Fast and simple horizontal coordinate assignment": vertices are aligned to blocks with a median
neighbour, in four ways (from above or below, leaning left or right), the blocks are pushed together, and each vertex takes the
middle of its four places. Sizes and points of attachment enter as in Rüegg and others 2016 (members of a block are shifted
against each other). Blocks are pushed together by longest paths, forth and back; the classes of the paper have an error as
published (Brandes, Walter and Zink 2020).
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

SWEEPS = 6  # in which single vertices are straightened at the end

Link = tuple[int, int, float, float]  # from u to v in the next layer, ending at these distances from their centres
Near = list[list[tuple[int, float]]]  # for each vertex its neighbours, and how far from them it must be for a straight line


def across(
    layers: Sequence[Sequence[int]], size: Sequence[float], links: Sequence[Link], bend: Sequence[bool], gap: float
) -> list[float]:
    """The centre of every vertex across the direction. In each layer vertices stay in order and at least `gap` apart.

    size: how much room each takes.
    bend: whether it is only a bend of a long edge; these are kept straight, and `gap` / 2 from each other.
    """
    n = len(size)
    place = [0] * n
    for layer in layers:
        for k, v in enumerate(layer):
            place[v] = k
    up: Near = [[] for _ in range(n)]
    down: Near = [[] for _ in range(n)]
    for u, v, at_u, at_v in links:
        up[v].append((u, at_u - at_v))
        down[u].append((v, at_v - at_u))
    for ends in (*up, *down):
        ends.sort(key=lambda end: (place[end[0]], end[1]))
    forbidden = conflicts(layers, place, up, bend)
    found, lead = [], streams(layers, up, bend)
    for near, rows in ((lead, list(layers)), (down, list(layers)[::-1])):
        for sign in (1, -1):
            order = [row[::sign] for row in rows]
            blocks = align(order, near, place, sign, forbidden, n)
            found.append([sign * x for x in push(order, size, bend, gap, *blocks)])
    y = middles(found, size)
    for turn in range(SWEEPS):
        for layer in layers if turn % 2 else list(layers)[::-1]:
            straighten(layer, y, size, bend, gap, lead, down)
    return y


def streams(layers: Sequence[Sequence[int]], up: Near, bend: Sequence[bool]) -> Near:
    """The neighbours above that a vertex may stand in line with: where some of them have been computed, not the mere inputs.

    So a chain of layers is straight, with their parameters beside it.
    """
    fed = [False] * len(up)  # whether a vertex, or what a bend belongs to, has something above it
    for layer in layers:
        for v in layer:
            fed[v] = any([fed[u] or not bend[v] for u, _ in up[v]])
    return [[end for end in ends if fed[end[0]]] or ends for ends in up]


def straighten(
    layer: Sequence[int], y: list[float], size: Sequence[float], bend: Sequence[bool], gap: float, up: Near, down: Near
) -> None:
    """Move each vertex as far as its neighbours in the layer let it, to where its links deviate least in sum (in place).

    Links of bends weigh more, as in Gansner and others 1993 (section 4): those of long edges should be the straightest.
    """
    for k, v in enumerate(layer):
        low, high = interval([(y[u] + away, (2 if bend[u] else 1) * (2 if bend[v] else 1)) for u, away in (*up[v], *down[v])], y[v])
        target = min(max(y[v], low), high)
        if k:
            u = layer[k - 1]
            target = max(target, y[u] + apart(u, v, size, bend, gap))
        if k < len(layer) - 1:
            w = layer[k + 1]
            target = min(target, y[w] - apart(v, w, size, bend, gap))
        y[v] = target


def interval(points: list[tuple[float, int]], alone: float) -> tuple[float, float]:
    """The weighted medians of some points (place, weight): where the sum of the weighted distances is least.

    >>> interval([(1.0, 1), (2.0, 1), (9.0, 1)], 0.0), interval([(1.0, 1), (9.0, 1)], 0.0), interval([], 5.0)
    ((2.0, 2.0), (1.0, 9.0), (5.0, 5.0))
    """
    points = sorted(points)
    balance = -sum([weight for _, weight in points])
    for k, (at, weight) in enumerate(points):
        balance += 2 * weight
        if balance >= 0:
            return at, points[k + 1][0] if balance == 0 else at
    return alone, alone


def apart(v: int, w: int, size: Sequence[float], bend: Sequence[bool], gap: float) -> float:
    """How far apart the centres of two neighbours in a layer must be."""
    return (size[v] + size[w]) / 2 + (gap / 2 if bend[v] and bend[w] else gap)


def conflicts(layers: Sequence[Sequence[int]], place: list[int], up: Near, bend: Sequence[bool]) -> set[tuple[int, int]]:
    """Links that cross the inside of a long edge: they give way (Brandes and Köpf's type 1)."""
    marked: set[tuple[int, int]] = set()
    for before, layer in pairwise(layers):
        low, start = 0, 0
        for k, v in enumerate(layer):
            inner = next((u for u, _ in up[v] if bend[v] and bend[u]), None)
            if inner is None and k < len(layer) - 1:
                continue
            high = len(before) if inner is None else place[inner]
            for w in layer[start : k + 1]:
                for u, _ in up[w]:
                    if (place[u] < low or place[u] > high) and not (bend[u] and bend[w]):
                        marked |= {(u, w), (w, u)}
            low, start = high, k + 1
    return marked


def align(
    layers: list[Sequence[int]], near: Near, place: list[int], sign: int, forbidden: set[tuple[int, int]], n: int
) -> tuple[list[int], list[float]]:
    """Blocks of vertices that stand in line: for each vertex the first of its block, and its distance from that one."""
    root, shift, ended = list(range(n)), [0.0] * n, [True] * n
    for layer in layers[1:]:
        reached = float("-inf")
        for v in layer:
            ends = near[v]
            if not ends:
                continue
            middle = {(len(ends) - 1) // 2, len(ends) // 2}
            for m in sorted(middle, reverse=sign < 0):
                u, away = ends[m]
                if root[v] == v and ended[u] and reached < sign * place[u] and (u, v) not in forbidden:
                    root[v], shift[v], ended[u] = root[u], shift[u] + sign * away, False
                    reached = sign * place[u]
    return root, shift


def push(
    layers: list[Sequence[int]], size: Sequence[float], bend: Sequence[bool], gap: float, root: list[int], shift: list[float]
) -> list[float]:
    """Blocks as far to the left as they go, then back to the right as far as what lies there allows."""
    after: dict[int, dict[int, float]] = {root[v]: {} for layer in layers for v in layer}
    waiting = dict.fromkeys(after, 0)
    for layer in layers:
        for v, w in pairwise(layer):
            room = apart(v, w, size, bend, gap) + shift[v] - shift[w]
            a, b = root[v], root[w]
            if b not in after[a]:
                waiting[b] += 1
            after[a][b] = max(after[a].get(b, room), room)
    order = [b for b in after if not waiting[b]]
    x = dict.fromkeys(after, 0.0)
    for a in order:
        for b, room in after[a].items():
            x[b] = max(x[b], x[a] + room)
            waiting[b] -= 1
            if not waiting[b]:
                order.append(b)
    for a in reversed(order):
        if after[a]:
            x[a] = max(x[a], min([x[b] - room for b, room in after[a].items()]))
    return [x[root[v]] + shift[v] for v in range(len(root))]


def middles(found: list[list[float]], size: Sequence[float]) -> list[float]:
    """The mean of the two middle places of each vertex, once the four are moved to where the narrowest of them lies.

    If v is to the left of w by some distance in all four, then it is in the k-th smallest, so this keeps all distances.
    """
    if not size:
        return []
    edges = []
    for xs in found:
        ends = [(x - s / 2, x + s / 2) for x, s in zip(xs, size, strict=True)]
        edges.append((min([end[0] for end in ends]), max([end[1] for end in ends])))
    low, high = min(edges, key=lambda edge: edge[1] - edge[0])
    moved = []
    for k, xs in enumerate(found):
        by = low - edges[k][0] if k % 2 == 0 else high - edges[k][1]
        moved.append([x + by for x in xs])
    places = []
    for four in zip(*moved, strict=True):
        _, a, b, _ = sorted(four)
        places.append((a + b) / 2)
    return places
