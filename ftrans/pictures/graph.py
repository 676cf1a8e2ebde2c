"""The computation graph that pictures show: nodes, edges between them, and boxes that fold.

    graph.node("c").value        the forward value of the user's variable c
    graph.node("c").gradient     d(result) / dc, the sum over the edges that leave c
    graph.edge("b", "d").local   the derivative of d by b alone

A graph holds numbers, not text and not places: `layout` decides where things go, `svg`, `dot`, `png` and `html` draw them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ..core.aval import Aval
from ..errors import ArgumentError, at_line

KINDS = ("input", "parameter", "constant", "computation")
BOX_KINDS = ("call", "loop", "iteration", "branch", "part")


@dataclass
class Node:
    """One value: an input, a parameter, a constant or what an equation computes.

    key: its identity in the graph, `n0`, `n1`, ...
    kind: one of KINDS.
    name: the user's name for it (`c`, `params['w1']`), or "" where the program gives it none.
    op: the operation as a person writes it (`+`, `exp`, `sum over axis 0`), "" for what is not computed.
    text: what it is in terms of its operands' names, `a + b`; "" for what is not computed.
    aval: its shape and dtype.
    box: the key of the innermost box that it is in, "" for none.
    where: `file.py:12`, "" where it is not known; source: the text of that line.
    output: which result of the function it is: "" for none, else `result` or `result['loss']`, `result[0]`.
    value, tangent, gradient: the forward value, the derivative of it by what is moved (forward mode), and the derivative of the
        result by it (reverse mode); None where the picture was made without, or where there is none (integers, constants).
    depth: how many calls below the drawn function the variable is that gave the name.
    """

    key: str
    kind: str
    name: str
    op: str
    text: str
    aval: Aval
    box: str = ""
    where: str = ""
    source: str = ""
    output: str = ""
    value: Any = None
    tangent: Any = None
    gradient: Any = None
    depth: int = 0

    @property
    def label(self) -> str:
        """What a short list of nodes calls it."""
        return self.name or self.op or self.key


@dataclass
class Edge:
    """The use of a value by an equation: operand number `index` of `target`.

    local: the derivative of target by this operand alone. An array where the operation works element by element, None where it
        does not (a sum, a product of matrices: the Jacobian has no short form), for results of more than 10,000 elements, and where
        nothing can be derived (constants, integers).
    tangent: what this operand contributes to the tangent of target (forward mode).
    gradient: what flows back along this edge to source (reverse mode); the sum over edges is the gradient of source.
    """

    source: str
    target: str
    index: int
    local: Any = None
    tangent: Any = None
    gradient: Any = None


@dataclass
class Box:
    """Nodes that belong together and can be folded into one: a call, a loop, one pass through it, a branch taken, a part of a
    long program (`nesting.with_parts`).

    key: its identity, `b0`, `b1`, ...; kind: one of BOX_KINDS.
    label: what is written on it: `sigmoid`, `for k in range(3)`, `k = 2`, `if x > 0: true`.
    parent: the key of the box around it, "" for none.
    name: the user's name for what a call returns, "" for none.
    known: it is drawn folded unless asked for, in a small graph too: a function or a layer of `ft.nn`, whose name says enough.
    """

    key: str
    kind: str
    label: str
    parent: str = ""
    name: str = ""
    where: str = ""
    known: bool = False


@dataclass
class Graph:
    """Nodes in the order of computation, edges, and boxes with the outer ones before the inner ones.

    mode: which numbers it holds: "shapes" (none), "values", "forward" (and tangents), "reverse" (and gradients) or "both".
    title: the name of the function.
    by: what forward mode moves (`b`), of: what reverse mode differentiates (`e`): the letters in d./db and de/d.
    """

    title: str
    mode: str
    nodes: list[Node] = field(default_factory=list)
    edges: list[Edge] = field(default_factory=list)
    boxes: list[Box] = field(default_factory=list)
    by: str = ""
    of: str = ""

    def node(self, name: str) -> Node:
        """The node of this name or key: where several have the name, the last one of the outermost function that uses it."""
        found = [n for n in self.nodes if name in (n.name, n.key)]
        if not found:
            known = ", ".join(dict.fromkeys([n.name for n in self.nodes if n.name]))
            raise ArgumentError(at_line(f"the graph of {self.title} has no node named {name!r}", hint=f"it has {known}"))
        return min(reversed(found), key=lambda n: n.depth)

    def edge(self, source: str, target: str, index: int | None = None) -> Edge:
        """The edge between two nodes given by name or key; `index` is the operand, where there are several edges."""
        a, b = self.node(source).key, self.node(target).key
        found = [e for e in self.edges if (e.source, e.target) == (a, b) and index in (None, e.index)]
        if not found:
            into = ", ".join([self.node(e.source).label for e in self.edges if e.target == b])
            raise ArgumentError(
                at_line(
                    f"the graph of {self.title} has no edge from {source!r} to {target!r}", hint=f"edges lead there from {into}"
                )
            )
        return found[0]
