"""Layers: every vertex gets a rank so that all edges go forwards and are as short as possible in total.

    >>> ranks(4, [(0, 1), (1, 2), (2, 3), (0, 3)])
    [0, 1, 2, 3]

The shortest total length subject to `rank[v] >= rank[u] + 1` is a linear program whose corners are integers (Gansner, Koutsofios,
North and Vo 1993, "A technique for drawing directed graphs", section 2, solve it by network simplex). Small graphs are solved here
by steps along minimal cuts (Murota 2003, "Discrete Convex Analysis", section 10.3); larger ones by SciPy's HiGHS, whose import
takes 0.2 s that most pictures do not need.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence

import numpy as np

from ..core.lazy import Lazy

linprog = Lazy("scipy.optimize", "linprog")
csr_array = Lazy("scipy.sparse", "csr_array")

Arc = tuple[int, int]
SMALL = 100  # vertices up to which a graph is solved without SciPy: in up to 20 ms; HiGHS takes 4, and 200 to be imported


def ranks(n: int, arcs: Sequence[Arc], first: Sequence[int] = (), last: Sequence[int] = ()) -> list[int]:
    """The rank of each of n vertices: integers from 0, without gaps, `rank[u] < rank[v]` for every arc (u, v).

    first: vertices that alone have rank 0, to which no arc leads; last: vertices that alone have the highest rank, from which
        none does. The arcs must form no cycle.
    """
    if not n:
        return []
    longest = longest_paths(n, arcs, first, last)
    if not arcs or max(longest) <= 1:
        return longest
    found = lifted(longest, arcs, first, last) if n <= SMALL else shortest_lengths(n, arcs, first, last)
    if not found or any([found[v] <= found[u] for u, v in arcs]):  # the solver gave up: any layering is better than none
        found = longest
    balance(found, arcs, [*first, *last])
    used = {rank: k for k, rank in enumerate(sorted(set(found)))}
    return [used[rank] for rank in found]


def topological(n: int, arcs: Sequence[Arc]) -> list[int]:
    """The vertices in an order in which all arcs go forwards, else smallest first; those on cycles, and behind them, are left out.

    >>> topological(3, [(2, 1), (1, 0)]), topological(3, [(0, 1), (1, 0)])
    ([2, 1, 0], [2])
    """
    after: list[list[int]] = [[] for _ in range(n)]
    waiting = [0] * n
    for u, v in arcs:
        after[u].append(v)
        waiting[v] += 1
    ready, order = [v for v in range(n) if not waiting[v]], []
    while ready:
        u = heapq.heappop(ready)
        order.append(u)
        for v in after[u]:
            waiting[v] -= 1
            if not waiting[v]:
                heapq.heappush(ready, v)
    return order


def longest_paths(n: int, arcs: Sequence[Arc], first: Sequence[int], last: Sequence[int]) -> list[int]:
    """The rank of a vertex as the length of the longest path that leads to it."""
    before: list[list[int]] = [[] for _ in range(n)]
    for u, v in arcs:
        before[v].append(u)
    rank = [1 if first else 0] * n
    for v in first:
        rank[v] = 0
    for v in topological(n, arcs):
        rank[v] = max([rank[v], *[rank[u] + 1 for u in before[v]]])
    if last:
        end = max([rank[v] for v in set(range(n)) - set(last)], default=0) + 1
        for v in last:
            rank[v] = max(end, 1)
    return rank


def lifted(rank: Sequence[int], arcs: Sequence[Arc], first: Sequence[int], last: Sequence[int]) -> list[int]:
    """Ranks with the least sum of lengths, of all such the lowest, from the lowest ranks that there are (`longest_paths`).

    The sum is L-natural convex: while it is not least, there is a set of vertices that gains by moving forwards together.
    """
    end = last[0] if last else -1
    same = dict.fromkeys(last, end)  # the last ones move together
    joined = [(same.get(u, u), same.get(v, v)) for u, v in arcs]
    cost = dict.fromkeys([v for v in range(len(rank)) if same.get(v, v) == v and v not in first], 0)
    for u, v in joined:
        for w, sign in ((u, -1), (v, 1)):
            if w in cost:
                cost[w] += sign
    pairs = {(u, v) for u, v in joined if u in cost} | {(v, end) for v in cost if last and v != end}
    found = list(rank)
    while True:
        slack = {(u, v): found[v] - found[u] - 1 for u, v in pairs}
        moved = gaining(cost, [pair for pair, room in slack.items() if not room])
        if not moved:
            return [found[same.get(v, v)] for v in range(len(rank))]
        by = min([room for (u, v), room in slack.items() if u in moved and v not in moved])
        for v in moved:
            found[v] += by


def gaining(cost: dict[int, int], tight: Sequence[Arc]) -> set[int]:
    """The smallest set with the least cost in sum, and with v for each tight arc (u, v) from it; empty if none costs less than 0.

    It is the near side of a minimal cut (Picard 1976), found by augmenting paths.
    """
    source, sink = -2, -3
    room: dict[int, dict[int, float]] = {v: {} for v in (source, sink, *cost)}
    for u, v in tight:
        room[u][v], room[v][u] = float("inf"), room[v].get(u, 0)
    for v, c in cost.items():
        a, b = (source, v) if c < 0 else (v, sink)
        room[a][b], room[b][a] = abs(c), 0
    while True:
        came: dict[int, int] = {source: source}
        waiting = [source]
        for u in waiting:
            fresh = [v for v, capacity in room[u].items() if capacity > 0 and v not in came]
            came.update(dict.fromkeys(fresh, u))
            waiting += fresh
        if sink not in came:
            return came.keys() - {source}
        path, v = [], sink
        while v != source:
            path.append((came[v], v))
            v = came[v]
        flow = min([room[u][v] for u, v in path])
        for u, v in path:
            room[u][v] -= flow
            room[v][u] += flow


def balance(rank: list[int], arcs: Sequence[Arc], fixed: Sequence[int]) -> None:
    """Move vertices that could stand in several layers at no cost to the emptiest of those (in place)."""
    near: list[tuple[list[int], list[int]]] = [([], []) for _ in rank]
    for u, v in arcs:
        near[v][0].append(u)
        near[u][1].append(v)
    crowd = [0] * (max(rank) + 1)
    for r in rank:
        crowd[r] += 1
    kept = set(fixed)
    for v, (before, after) in enumerate(near):
        if len(before) == len(after) > 0 and v not in kept:
            room = range(max([rank[u] for u in before]) + 1, min([rank[w] for w in after]))
            best = min(room, key=lambda r: (crowd[r] - (r == rank[v]), r))
            crowd[rank[v]] -= 1
            crowd[best] += 1
            rank[v] = best


def shortest_lengths(n: int, arcs: Sequence[Arc], first: Sequence[int], last: Sequence[int]) -> list[int]:
    """Ranks with the least sum of lengths; among equals the ones nearest to the start. [] where the solver fails."""
    pulled = min(1e-4, 0.5 / n)  # smaller than any gain in length, so it only decides between equals
    cost = np.full(n + 1, pulled)  # the last variable is the rank of `last`
    for u, v in arcs:
        cost[u] -= 1
        cost[v] += 1
    ends = set(last)
    pairs = list(dict.fromkeys(arcs))
    if last:
        pairs += [(v, n) for v in range(n) if v not in ends]
    rows = np.repeat(np.arange(len(pairs)), 2)
    matrix = csr_array((np.tile([1.0, -1.0], len(pairs)), (rows, np.array(pairs).ravel())), shape=(len(pairs), n + 1))
    bounds: list[tuple[float, float | None]] = [*[(1.0 if first else 0.0, None)] * n, (0.0, None)]
    for v in first:
        bounds[v] = (0.0, 0.0)
    upper = np.full(len(pairs), -1.0)
    equal, zeros = None, None
    if last:
        rows = np.repeat(np.arange(len(last)), 2)
        columns = np.array([(v, n) for v in last]).ravel()
        equal, zeros = csr_array((np.tile([1.0, -1.0], len(last)), (rows, columns)), shape=(len(last), n + 1)), np.zeros(len(last))
    solved = linprog(cost, matrix, upper, equal, zeros, bounds=bounds, method="highs-ds")
    return [] if solved.x is None else [round(r) for r in solved.x[:n]]
