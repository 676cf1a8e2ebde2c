"""Which loops and branches an instruction of the user's code lies in, and which pass of them is running.

A trace sees a Python loop unrolled. `Sources` finds the loops and `if`s around an instruction in the syntax tree of its file; a `Flow`
follows one call of a function from equation to equation and says when another pass has begun: when a loop variable holds another
object, or when the code was there before.
"""

from __future__ import annotations

import ast
import dis
import linecache
from collections.abc import Iterator
from dataclasses import dataclass
from types import CodeType, FrameType
from typing import Any

from ..errors import Location

LOOPS = (ast.For, ast.AsyncFor, ast.While)
COMPREHENSIONS = {ast.ListComp: "<listcomp>", ast.SetComp: "<setcomp>", ast.DictComp: "<dictcomp>", ast.GeneratorExp: "<genexpr>"}
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
LONG = 40  # characters of source that a label shows

Range = tuple[int, int, int, int]  # first line, first column, last line, column after the last


class Scope:
    """A box to be: a call, a loop, one pass of it, a branch. `result` is the variable that a call returns; `node` the `if` or loop."""

    __slots__ = ("kind", "label", "loc", "node", "result")

    def __init__(self, kind: str, label: str, loc: Location | None, node: ast.AST | None = None) -> None:
        self.kind, self.label, self.loc, self.node = kind, label, loc, node
        self.result: int | None = None


@dataclass(frozen=True)
class Control:
    """A loop or a branch around an instruction.

    names: the variables of a `for` that its body does not assign; outcome: of the test of a branch, None for loops.
    head: the instruction is the one that takes the next element, which begins a pass.
    """

    node: Any
    label: str
    names: tuple[str, ...] = ()
    outcome: bool | None = None
    head: bool = False


class Sources:
    """The syntax trees of the user's files, read when first needed."""

    def __init__(self) -> None:
        self.trees: dict[str, ast.Module | None] = {}
        self.positions: dict[int, tuple[CodeType, list[Any]]] = {}
        self.found: dict[tuple[int, int], tuple[Control, ...]] = {}
        self.tested: dict[tuple[int, int], list[ast.AST]] = {}

    def tree(self, filename: str) -> ast.Module | None:
        """The syntax tree of a file, None where there is no source."""
        if filename not in self.trees:
            try:
                self.trees[filename] = ast.parse("".join(linecache.getlines(filename)))
            except (SyntaxError, ValueError):
                self.trees[filename] = None
        return self.trees[filename]

    def range(self, code: CodeType, lasti: int) -> Range | None:
        """Where an instruction stands in the source."""
        known = self.positions.get(id(code))
        if known is None:
            known = self.positions[id(code)] = code, list(code.co_positions())
        k = lasti // 2
        if not 0 <= k < len(known[1]):
            return None
        line, end, column, end_column = known[1][k]
        return None if line is None or end is None or column is None or end_column is None else (line, column, end, end_column)

    def enclosing(self, code: CodeType, lasti: int) -> Iterator[tuple[Any, Any]]:
        """The syntax nodes around an instruction, the outermost first, each with the node inside it on the way."""
        tree, at = self.tree(code.co_filename), self.range(code, lasti)
        node: Any = tree if at is not None else None
        while node is not None:
            inner = next((c for c in ast.iter_child_nodes(node) if at is not None and contains(c, at)), None)
            yield node, inner
            node = inner

    def controls(self, code: CodeType, lasti: int) -> tuple[Control, ...]:
        """The loops and branches around an instruction, within its function."""
        key = id(code), lasti
        found = self.found.get(key)
        if found is None:
            found = self.found[key] = tuple(self.find_controls(code, lasti))
        return found

    def find_controls(self, code: CodeType, lasti: int) -> list[Control]:
        chain: list[Control] = []
        head = code.co_code[lasti] == dis.opmap["FOR_ITER"]
        at = self.range(code, lasti)
        for node, inner in self.enclosing(code, lasti):
            if isinstance(node, FUNCTIONS):
                chain = []
            elif type(node) in COMPREHENSIONS:
                if COMPREHENSIONS[type(node)] == code.co_name:
                    chain = []
                first = node.generators[0]
                if at != extent(node) and (head or not (inner is first and at is not None and contains(first.iter, at))):
                    chain.append(loop_of(node, first.target, first.iter, [], head))
            elif isinstance(node, ast.While):
                if inner is node.test or inner in node.body:
                    chain.append(Control(node, f"while {short(node.test)}"))
            elif isinstance(node, LOOPS):
                if inner in node.body or (head and inner is node.iter):
                    chain.append(loop_of(node, node.target, node.iter, node.body, head and inner is node.iter))
            elif isinstance(node, ast.If | ast.IfExp):
                then = [node.body, node.orelse] if isinstance(node, ast.IfExp) else None
                inside = (inner is then[0], inner is then[1]) if then else (inner in node.body, inner in node.orelse)  # type: ignore[operator]
                if any(inside):
                    chain.append(Control(node, f"if {short(node.test)}: {str(inside[0]).lower()}", outcome=inside[0]))
        return chain

    def tests(self, code: CodeType, lasti: int) -> list[Any]:
        """The `if`s whose test an instruction belongs to."""
        return [node for node, inner in self.enclosing(code, lasti) if isinstance(node, ast.If | ast.IfExp) and inner is node.test]


def loop_of(node: Any, target: ast.expr, items: ast.expr, body: list[ast.stmt], head: bool) -> Control:
    """A `for` or a comprehension as a Control."""
    assigned = {n.id for statement in body for n in ast.walk(statement) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
    names = tuple([n.id for n in ast.walk(target) if isinstance(n, ast.Name) and n.id not in assigned])
    return Control(node, f"for {short(target)} in {short(items)}", names, head=head)


def extent(node: Any) -> Range:
    """Where a syntax node stands."""
    return node.lineno, node.col_offset, node.end_lineno, node.end_col_offset


def contains(node: Any, at: Range) -> bool:
    """Whether a syntax node covers a range. Nodes without a place of their own (`for x in xs` of a comprehension) ask their parts."""
    if not hasattr(node, "lineno"):
        return any([contains(c, at) for c in ast.iter_child_nodes(node)])
    line, column, end, end_column = extent(node)
    return (line, column) <= at[:2] and at[2:] <= (end, end_column)


def short(node: ast.AST) -> str:
    """Source text, cut to a label."""
    text = ast.unparse(node)
    return text if len(text) <= LONG else text[: LONG - 1] + "…"


@dataclass
class Level:
    """A loop that is running, or a branch that was taken: its scopes, and for a loop what its variables hold."""

    control: Control
    scopes: tuple[Scope, ...]
    count: int = 1
    held: tuple[Any, ...] = ()
    fresh: bool = False  # this pass began at the head of the loop, before the variables were set


class Flow:
    """One call of a function, followed from equation to equation: `at` gives the scopes of loops and branches it is in."""

    def __init__(self, code: CodeType, sources: Sources) -> None:
        self.code, self.sources = code, sources
        self.levels: list[Level] = []
        self.last = (-1, -1)
        self.path: tuple[Scope, ...] = ()

    def at(self, frame: FrameType, tick: int) -> tuple[Scope, ...]:
        """The scopes around the instruction that a frame is at; `tick` differs from the last time when it runs once more."""
        now = (frame.f_lasti, tick)
        if now != self.last:
            chain = self.sources.controls(self.code, now[0])
            if chain or self.levels:
                self.move(chain, frame, now[0] <= self.last[0])
                self.path = tuple([s for level in self.levels for s in level.scopes])
            self.last = now
        return self.path

    def move(self, chain: tuple[Control, ...], frame: FrameType, again: bool) -> None:
        """Go to an instruction inside `chain`; `again`: it does not come after the last one."""
        same = 0
        for level, control in zip(self.levels, chain, strict=False):
            if level.control.node is not control.node:
                break
            if level.control.outcome is not control.outcome:
                again = True  # a test that comes out otherwise is another test
                break
            same += 1
        held = frame.f_locals if any([c.names for c in chain]) else {}
        turned = self.turning(chain[:same], held, again)
        if turned is not None:
            same = turned + 1
            self.next_pass(self.levels[turned], chain[turned], held)
        del self.levels[same:]
        self.levels += [self.begin(control, held) for control in chain[same:]]

    def turning(self, chain: tuple[Control, ...], held: Any, again: bool) -> int | None:
        """Which of the running loops has begun another pass."""
        loops = [k for k, control in enumerate(chain) if control.outcome is None]
        for k in loops:
            level, control = self.levels[k], chain[k]
            if control.head:
                return k
            values = values_of(control, held)
            if level.fresh:
                level.fresh, level.held = False, values
                level.scopes[1].label = pass_label(control, values, level.count)
                again = False
            elif any([x is not y for x, y in zip(values, level.held, strict=True)]):
                return k
        return loops[-1] if again and loops else None

    def next_pass(self, level: Level, control: Control, held: Any) -> None:
        """Another pass of a running loop."""
        level.count += 1
        level.fresh, level.held = control.head, values_of(control, held)
        level.scopes = level.scopes[0], Scope("iteration", pass_label(control, level.held, level.count), level.scopes[0].loc)

    def begin(self, control: Control, held: Any) -> Level:
        """A loop or a branch is entered."""
        loc = self.code, 0
        if control.outcome is not None:
            return Level(control, (Scope("branch", control.label, loc, control.node),))
        values = values_of(control, held)
        scopes = Scope("loop", control.label, loc, control.node), Scope("iteration", pass_label(control, values, 1), loc)
        return Level(control, scopes, held=values, fresh=control.head)


def values_of(control: Control, held: Any) -> tuple[Any, ...]:
    """What the variables of a loop hold."""
    return tuple([held.get(name) for name in control.names])


def pass_label(control: Control, values: tuple[Any, ...], count: int) -> str:
    """`k = 2` where a loop variable is a number or a word, else `pass 3`."""
    plain = [
        f"{name} = {value!r}"
        for name, value in zip(control.names, values, strict=True)
        if type(value) in (int, str, bool, float) and len(repr(value)) <= LONG and name != "_"
    ]
    return ", ".join(plain) or f"pass {count}"
