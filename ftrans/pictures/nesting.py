"""What lies in which box, which boxes are open, and how a graph without boxes gets some: the choices before a layout.

    graph, found, opened = folded(graph, None, fold=60)     the boxes to draw open so that at most 60 nodes and folded boxes show
    graph = with_parts(graph, fold=60)                      no box, and not the picture itself, holds many more than 60 things

All of these take time in proportion to the graph, so that 10,000 nodes are folded before anything is laid out.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from dataclasses import dataclass, replace

from .graph import Box, Graph, Node
from .layers import topological

ROUNDS = 20  # cycles between boxes are mended one box at a time, so often; after that all boxes in cycles go
SLACK = 1.5  # a level with a little more than what should show is shown whole: parts help nobody there
PART = 24  # a level with too much in it is cut into about so many parts


@dataclass
class Nest:
    """parent: the box around each node and box ("" outermost); children: what is directly in each box, in order of computation.

    A box is left out, and what it holds lies in the box around it, if it is empty, or if data flows out of it and in again
    through nodes outside: folded to one place it would depend on itself.
    """

    parent: dict[str, str]
    children: dict[str, list[str]]

    def around(self, key: str) -> list[str]:
        """The boxes around a node or box, innermost first, ending with "" (the whole picture)."""
        found = []
        while key:
            key = self.parent[key]
            found.append(key)
        return found

    def counts(self) -> dict[str, int]:
        """How many nodes are in each box at any depth."""
        counts = dict.fromkeys(self.children, 0)
        for key in self.parent:
            if key not in self.children:
                for box in self.around(key):
                    counts[box] += 1
        return counts


def nest(graph: Graph) -> Nest:
    """Who lies where in a graph."""
    dropped: set[str] = set()
    for turn in range(ROUNDS + 1):
        found = nest_without(graph, dropped)
        cyclic = cyclic_boxes(graph, found)
        if not cyclic:
            return found
        counts = found.counts()
        dropped |= set(cyclic) if turn >= ROUNDS else {min(cyclic, key=lambda box: (counts[box], box))}
    return nest_without(graph, {box.key for box in graph.boxes})


def nest_without(graph: Graph, dropped: set[str]) -> Nest:
    around = {box.key: box.parent for box in graph.boxes}

    def kept(box: str) -> str:
        while box in dropped:
            box = around[box]
        return box

    parent = {node.key: kept(node.box) for node in graph.nodes}
    children: dict[str, list[str]] = {"": []}
    for key in [node.key for node in graph.nodes]:
        inside = key
        while inside:  # a box is put in its parent's list when its first node comes
            box = parent.setdefault(inside, kept(around.get(inside, "")))
            known = box in children
            children.setdefault(box, []).append(inside)
            if known:
                break
            inside = box
    return Nest(parent, children)


def pairs_by_level(graph: Graph, found: Nest) -> dict[str, list[tuple[str, str]]]:
    """Each edge on the level where its ends are in different things: box -> (thing in it, thing in it)."""
    levels: dict[str, list[tuple[str, str]]] = {}
    chains: dict[str, list[str]] = {"": [""]}

    def chain(key: str) -> list[str]:  # from the outside in
        if key not in chains:
            chains[key] = [*chain(found.parent[key]), key]
        return chains[key]

    for edge in graph.edges:
        a, b = chain(edge.source), chain(edge.target)
        k = 0
        while a[k] == b[k]:
            k += 1
        levels.setdefault(a[k - 1], []).append((a[k], b[k]))
    return levels


def cyclic_boxes(graph: Graph, found: Nest) -> list[str]:
    """Boxes that would be part of a cycle if they were folded."""
    cyclic = []
    for level, pairs in pairs_by_level(graph, found).items():
        items = found.children[level]
        index = {key: k for k, key in enumerate(items)}
        arcs = [(index[a], index[b]) for a, b in pairs]
        for backwards in (False, True):  # what remains lies on cycles or between two of them
            left = set(range(len(items))) - set(topological(len(items), [arc[::-1] for arc in arcs] if backwards else arcs))
            arcs = [(a, b) for a, b in arcs if a in left and b in left]
        cyclic += [items[k] for k in sorted({a for arc in arcs for a in arc}) if items[k] in found.children]
    return cyclic


def folded(graph: Graph, opened: set[str] | None, fold: int, parts: bool = False) -> tuple[Graph, Nest, set[str]]:
    """What every writer of pictures begins with: the graph, with parts if it needs them; who lies where; the boxes to draw open.

    opened: keys of boxes if they are chosen already. Then nothing is put in parts, unless `parts`; those around them are open.
    """
    found = nest(graph)
    if opened is None or parts:
        parted = with_parts(graph, fold, found)
        if parted is not graph:
            graph, found = parted, nest_without(parted, set())
    if opened is None:
        return graph, found, open_boxes(graph, fold, found)
    around = {box for key in opened & found.children.keys() for box in (key, *found.around(key))}
    return graph, found, around if parts else around & opened


def open_boxes(graph: Graph, fold: int = 60, found: Nest | None = None) -> set[str]:
    """The boxes to draw open: outer before inner and small before large ones, while at most `fold` nodes and folded boxes show.

    What is known by its name (`Box.known`) stays folded. found: `nest(graph)`, if that is computed already.
    """
    children = (found or nest(graph)).children
    known = {box.key for box in graph.boxes if box.known}
    shown, opened = len(children[""]), set()
    waiting = [(len(children[key]), key) for key in children[""] if key in children and key not in known]
    heapq.heapify(waiting)
    while waiting and shown - 1 + waiting[0][0] <= fold:
        count, box = heapq.heappop(waiting)
        shown += count - 1
        opened.add(box)
        for key in children[box]:
            if key in children and key not in known:
                heapq.heappush(waiting, (len(children[key]), key))
    return opened


def with_parts(graph: Graph, fold: int = 60, found: Nest | None = None) -> Graph:
    """The graph with boxes of kind "part" added where one level holds more than `SLACK * fold` nodes and boxes; itself where none
    does. found: `nest(graph)`, if that is computed already.

    A part holds things that follow each other in the order of computation, so parts form no cycles; inputs, parameters and
    constants that only one part uses are in it. It is labelled by its first and last result: `h … z`.
    """
    found = found or nest(graph)
    if max([len(keys) for keys in found.children.values()]) <= SLACK * fold:
        return graph
    parts = Parts(graph, found, fold)
    for box, pairs in pairs_by_level(graph, found).items():
        if len(found.children[box]) > SLACK * fold:
            parts.divide(box, found.children[box], pairs)
    old = [replace(box, parent=parts.moved.get(box.key, found.parent[box.key])) for box in graph.boxes if box.key in found.parent]
    nodes = [replace(node, box=parts.moved.get(node.key, found.parent[node.key])) for node in graph.nodes]
    return replace(graph, nodes=nodes, boxes=outer_first([*old, *parts.made.values()]))


def outer_first(boxes: list[Box]) -> list[Box]:
    parent = {box.key: box.parent for box in boxes}
    depth: dict[str, int] = {"": 0}

    def depth_of(key: str) -> int:
        if key not in depth:
            depth[key] = 1 + depth_of(parent[key])
        return depth[key]

    return sorted(boxes, key=lambda box: depth_of(box.key))


class Parts:
    """Cuts crowded levels into parts. made: the new boxes; moved: the new parent of what lies in them."""

    def __init__(self, graph: Graph, found: Nest, fold: int) -> None:
        self.labels = {node.key: node.label for node in graph.nodes} | {box.key: box.label for box in graph.boxes}
        self.sources = {node.key for node in graph.nodes if node.kind != "computation"}
        self.parent, self.fold = found.parent, max(fold, 4)
        self.made: dict[str, Box] = {}
        self.moved: dict[str, str] = {}

    def divide(self, box: str, items: list[str], pairs: Sequence[tuple[str, str]]) -> None:
        index = {key: k for k, key in enumerate(items)}
        ordered = [items[k] for k in topological(len(items), [(index[a], index[b]) for a, b in pairs])]
        sources = [key for key in items if key in self.sources]
        users: dict[str, list[str]] = {}
        for a, b in pairs:
            if a in self.sources:
                users.setdefault(a, []).append(b)
        room = max(self.fold // 2, self.fold - len(sources))
        self.group(box, [key for key in ordered if key not in self.sources], room)
        for source in sources:
            self.follow(source, box, users.get(source, []))
        self.group(box, [key for key in sources if key not in self.moved], self.fold // 2)

    def follow(self, source: str, box: str, users: list[str]) -> None:
        """Put a source into the innermost part around all that use it."""
        chains = []
        for user in users:
            chain, key = [], user
            while self.moved.get(key, box) != box:
                key = self.moved[key]
                chain.append(key)
            chains.append(chain)
        common = [part for part in chains[0] if all([part in chain for chain in chains])] if chains else []
        if common:
            self.moved[source] = common[0]

    def group(self, box: str, items: list[str], room: int) -> None:
        """Put items in parts, and parts in larger parts, until at most `room` things remain on the level."""
        while len(items) > room:
            size = -(-len(items) // min(PART, room))
            size = max(2, min(size, PART, self.fold // 2))
            items = [self.part(box, items[k : k + size]) for k in range(0, len(items), size)]

    def part(self, box: str, items: list[str]) -> str:
        if len(items) == 1:
            return items[0]
        key = f"{box}p{len(self.made)}"
        first, last = self.labels[items[0]].split(" … ")[0], self.labels[items[-1]].split(" … ")[-1]
        self.labels[key] = f"{first} … {last}"
        self.made[key] = Box(key, "part", self.labels[key], box)
        for item in items:
            self.moved[item] = key
            if item in self.made:
                self.made[item] = replace(self.made[item], parent=key)
        return key


def returned(graph: Graph, found: Nest) -> dict[str, list[Node]]:
    """For each box the nodes in it that are used outside it or are results of the function."""
    nodes = {node.key: node for node in graph.nodes}
    leaving: dict[str, dict[str, Node]] = {box: {} for box in found.children}
    around: dict[str, list[str]] = {}
    for edge in graph.edges:
        for key in (edge.source, edge.target):
            if key not in around:
                around[key] = found.around(key)
        outside = set(around[edge.target])
        for box in around[edge.source]:
            if box in outside:
                break
            leaving[box][edge.source] = nodes[edge.source]
    for node in graph.nodes:
        if node.output:
            for box in found.around(node.key):
                leaving[box][node.key] = node
    return {box: list(kept.values()) for box, kept in leaving.items()}
