"""Which loops and branches an instruction of the user's code lies in, and which pass of them is running.

A trace sees a Python loop unrolled. `Sources` finds the loops and `if`s around an instruction in the syntax tree of its file; a
`Flow` follows one call of a function from equation to equation and says when another pass has begun: when a loop variable holds
another object, or when the code was there before.
"""

from __future__ import annotations

import ast
import bisect
import dis
import linecache
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from types import CodeType, FrameType
from typing import Any

from ..errors import short_path

COMPREHENSIONS = {ast.ListComp: "<listcomp>", ast.SetComp: "<setcomp>", ast.DictComp: "<dictcomp>", ast.GeneratorExp: "<genexpr>"}
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
FOR_ITER, CACHE = dis.opmap["FOR_ITER"], dis.opmap["CACHE"]  # a frame may stand at a cache entry behind its instruction
LONG = 40  # characters of source that a label shows
PARSING = threading.RLock()  # two threads that parse at once get a SystemError in Python 3.11: one recursion depth for both

Range = tuple[int, int, int, int]  # first line, first column, last line, column after the last


class Scope:
    """A box to be: a call, a loop, one pass of it, a branch.

    code: of the function that is called or that the loop or branch is in; node: the loop or branch in the syntax tree.
    result: the variable that a call returns; known: the call is one of a function or a layer of ftrans.nn.
    """

    __slots__ = ("code", "kind", "known", "label", "node", "result")

    def __init__(self, kind: str, label: str, code: CodeType, node: Any = None) -> None:
        self.kind, self.label, self.code, self.node = kind, label, code, node
        self.result: int | None = None
        self.known = False

    @property
    def where(self) -> str:
        """`file.py:12`: where the function, the loop or the branch begins."""
        return f"{short_path(self.code.co_filename)}:{self.code.co_firstlineno if self.node is None else self.node.lineno}"


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
        self.loops: dict[tuple[ast.AST, bool], Control] = {}
        self.places: dict[tuple[int, int], tuple[str, str]] = {}
        self.paths: dict[str, str] = {}
        self.parts: dict[ast.AST, list[tuple[Range, ast.AST]]] = {}  # of a syntax node, in the order of the text

    def tree(self, filename: str) -> ast.Module | None:
        """The syntax tree of a file, None where there is no source."""
        if filename not in self.trees:
            try:
                with PARSING:
                    self.trees[filename] = ast.parse("".join(linecache.getlines(filename)))
            except (SyntaxError, ValueError):
                self.trees[filename] = None
        return self.trees[filename]

    def place(self, code: CodeType, lasti: int) -> tuple[str, str]:
        """Where an instruction is, `file.py:12`, and the text of that line."""
        key = id(code), lasti
        found = self.places.get(key)
        if found is None:
            at = self.range(code, lasti)
            line = code.co_firstlineno if at is None else at[0]
            path = self.paths.get(code.co_filename)
            if path is None:
                path = self.paths[code.co_filename] = short_path(code.co_filename)
            found = self.places[key] = f"{path}:{line}", linecache.getline(code.co_filename, line).strip()
        return found

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
        while node is not None and at is not None:
            inner = self.child_at(node, at)
            yield node, inner
            node = inner

    def child_at(self, node: ast.AST, at: Range) -> ast.AST | None:
        """The part of a syntax node that covers a range. Found by bisection: a function may have thousands of statements."""
        parts = self.parts.get(node)
        if parts is None:
            found = [(hull(c), c) for c in ast.iter_child_nodes(node)]
            parts = self.parts[node] = sorted([(r, c) for r, c in found if r is not None], key=lambda part: part[0])
        k = bisect.bisect_right(parts, at[:2], key=lambda part: part[0][:2]) - 1
        return parts[k][1] if k >= 0 and at[2:] <= parts[k][0][2:] else None

    def controls(self, code: CodeType, lasti: int) -> tuple[Control, ...]:
        """The loops and branches around an instruction, within its function."""
        key = id(code), lasti
        found = self.found.get(key)
        if found is None:
            raw = code.co_code
            while lasti > 0 and raw[lasti] == CACHE:
                lasti -= 2
            takes = raw[lasti] == FOR_ITER
            found = self.found[key] = tuple(self.find_controls(code, lasti, takes))
        return found

    def find_controls(self, code: CodeType, lasti: int, takes: bool) -> list[Control]:
        """`takes`: it takes the next element of a loop; it stands at the whole loop (3.11) or at what is walked (3.13)."""
        chain: list[Control] = []
        at = self.range(code, lasti)
        for node, inner in self.enclosing(code, lasti):
            whole = at == extent(node)
            if isinstance(node, FUNCTIONS):
                chain = []
            elif type(node) in COMPREHENSIONS:
                if COMPREHENSIONS[type(node)] == code.co_name:
                    chain = []
                first = node.generators[0]
                items = inner is first and at is not None and self.child_at(first, at) is first.iter
                head = takes and (whole or items)
                if head or not (whole or items):
                    chain.append(self.loop(node, first, [], head))
            elif isinstance(node, ast.While):
                if inner is node.test or inner in node.body:
                    chain.append(Control(node, f"while {short(node.test)}"))
            elif isinstance(node, ast.For | ast.AsyncFor):
                head = takes and (whole or inner is node.iter)
                if head or inner in node.body:
                    chain.append(self.loop(node, node, node.body, head))
            elif isinstance(node, ast.If | ast.IfExp):
                yes, no = ([x] if isinstance(x, ast.expr) else x for x in (node.body, node.orelse))
                if inner in yes or inner in no:
                    chain.append(Control(node, f"if {short(node.test)}: {str(inner in yes).lower()}", outcome=inner in yes))
        return chain

    def loop(self, node: Any, head: Any, body: list[ast.stmt], takes: bool) -> Control:
        """A `for` or a comprehension; `head` has its target and what it walks."""
        found = self.loops.get((node, takes))
        if found is None:
            stored = [
                n for statement in body for n in ast.walk(statement) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)
            ]
            assigned = {n.id for n in stored}
            names = tuple([n.id for n in ast.walk(head.target) if isinstance(n, ast.Name) and n.id not in assigned])
            label = f"for {short(head.target)} in {short(head.iter)}"
            found = self.loops[node, takes] = Control(node, label, names, head=takes)
        return found

    def tests(self, code: CodeType, lasti: int) -> list[Any]:
        """The `if`s whose test an instruction belongs to."""
        return [node for node, inner in self.enclosing(code, lasti) if isinstance(node, ast.If | ast.IfExp) and inner is node.test]


def extent(node: Any) -> Range | None:
    """Where a syntax node stands, None where it has no place of its own (a module, the `for x in xs` of a comprehension)."""
    return (node.lineno, node.col_offset, node.end_lineno, node.end_col_offset) if hasattr(node, "lineno") else None


def hull(node: ast.AST) -> Range | None:
    """What a syntax node, or if it has no place of its own its parts, cover."""
    own = extent(node)
    if own is not None:
        return own
    parts = [r for r in map(hull, ast.iter_child_nodes(node)) if r is not None]
    return (*min(parts)[:2], *max([r[2:] for r in parts])) if parts else None


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
        level.scopes = level.scopes[0], Scope("iteration", pass_label(control, level.held, level.count), self.code, control.node)

    def begin(self, control: Control, held: Any) -> Level:
        """A loop or a branch is entered."""
        code, node = self.code, control.node
        if control.outcome is not None:
            return Level(control, (Scope("branch", control.label, code, node),))
        values = values_of(control, held)
        scopes = Scope("loop", control.label, code, node), Scope("iteration", pass_label(control, values, 1), code, node)
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
