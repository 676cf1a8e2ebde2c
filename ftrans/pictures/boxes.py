"""The boxes of a graph: the scopes that its nodes lie in, without those that would tell a reader nothing.

A box is kept when it holds at least two nodes. A call that fills the box around it, or is all there is, is the same thing twice and
is dropped; so is the only pass of a loop.
"""

from __future__ import annotations

from collections.abc import Sequence

from .graph import Box, Edge, Node
from .structure import Scope


def boxes_of(
    nodes: Sequence[Node], paths: dict[str, tuple[Scope, ...]], edges: Sequence[Edge], untested: set[int]
) -> tuple[list[Box], dict[str, Scope]]:
    """The boxes, and the scope of each; puts every node into its innermost one."""
    computed = [n.key for n in nodes if n.kind == "computation"]
    held: dict[Scope, set[str]] = {}
    parents: dict[Scope, Scope | None] = {}
    for key in computed:
        outer: Scope | None = None
        for scope in [s for s in paths[key] if not (s.kind == "branch" and id(s.node) in untested)]:
            held.setdefault(scope, set()).add(key)
            parents.setdefault(scope, outer)
            outer = scope
    kept: dict[Scope, Box] = {}
    above: dict[Scope, Scope | None] = {}  # the nearest kept scope at or around each
    for scope, outer in parents.items():
        around = above[outer] if outer is not None else None
        size = len(held[around]) if around is not None else len(computed)
        same = len(held[scope]) == size and (scope.kind == "call" or (scope.kind == "iteration" and around is outer))
        if len(held[scope]) < 2 or same:
            above[scope] = around
            continue
        parent = kept[around].key if around is not None else ""
        kept[scope] = Box(f"b{len(kept)}", scope.kind, scope.label, parent, "", scope.where)
        above[scope] = scope
    holders = {box.parent for box in kept.values()}
    for scope, box in kept.items():
        box.known = scope.known and box.key not in holders  # a network of layers is drawn open, its layers are not
    chains = {key: [kept[s].key for s in paths[key] if s in kept] for key in computed}
    place(nodes, chains, edges)
    return list(kept.values()), {box.key: scope for scope, box in kept.items()}


def place(nodes: Sequence[Node], chains: dict[str, list[str]], edges: Sequence[Edge]) -> None:
    """Put computations into their innermost box, and a constant into the innermost one that holds all its uses."""
    uses: dict[str, list[list[str]]] = {}
    for e in edges:
        if e.target in chains:
            uses.setdefault(e.source, []).append(chains[e.target])
    for n in nodes:
        if n.key in chains:
            n.box = chains[n.key][-1] if chains[n.key] else ""
        elif n.kind == "constant" and n.key in uses:
            shared = uses[n.key][0]
            for other in uses[n.key][1:]:
                shared = [a for a, b in zip(shared, other, strict=False) if a == b]
            n.box = shared[-1] if shared else ""


__all__ = ["boxes_of"]
