"""The layers of ftrans hold: imports point down, form no cycle, stand at the top of their file; ops shadow no builtin.

`violations(root)` reads the sources below `root` without importing them and gives a message `file:line: what is wrong`
for each offence. The tests below it run it on ftrans and, to test the tester, on small trees with one offence each.
"""

from __future__ import annotations

import ast
import builtins
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

PACKAGE = "ftrans"

# Lowest first. A module may import from its own layer and from those before it; what is not listed here is public
# surface (lax, linalg, scipy, random, nn, the package itself ...) and forms the last layer.
LAYERS = (
    ("errors", "locks", "pytree", "treecode", "config"),
    ("core",),
    ("ops",),
    ("transforms",),
    ("lowering",),
    ("backends",),
    ("jit",),
    ("numpy",),
)
RANK = {name: rank for rank, names in enumerate(LAYERS) for name in names}
SURFACE = len(LAYERS)

LAZY_MARK = "# lazy: numba"  # an import in a function, allowed in one function below LAZY_HOME
LAZY_HOME = f"{PACKAGE}.backends.numba"

BUILTINS = {name for name in dir(builtins) if not name.startswith("_")}


@dataclass
class Import:
    """One imported name: the module it stands for, the line, the function that holds it ("" at module level)."""

    target: str
    line: int
    function: str
    lazy: bool


@dataclass
class Module:
    """One source file: its dotted name, its path for messages, what it imports and binds."""

    name: str
    path: str
    is_package: bool
    tree: ast.Module
    lines: list[str]
    imports: list[Import] = field(default_factory=list)

    def at(self, line: int, message: str) -> str:
        return f"{self.path}:{line}: {message}"


def violations(root: Path) -> list[str]:
    """Every offence in the package `root / "ftrans"`, as `file:line: message`."""
    modules = read_modules(root)
    for module in modules.values():
        collect_imports(module, module.tree.body, "", modules)
    found = [*upward(modules), *in_functions(modules), *cycles(modules), *shadowed(modules)]
    return sorted(set(found))  # `from m import a, b` is one offence


def read_modules(root: Path) -> dict[str, Module]:
    modules = {}
    for path in sorted((root / PACKAGE).rglob("*.py")):
        parts = path.relative_to(root).with_suffix("").parts
        is_package = parts[-1] == "__init__"
        name = ".".join(parts[:-1] if is_package else parts)
        text = path.read_text(encoding="utf-8")
        modules[name] = Module(name, str(path.relative_to(root)), is_package, ast.parse(text, str(path)), text.splitlines())
    return modules


# --- what a file imports


def collect_imports(module: Module, body: list[ast.stmt], function: str, modules: dict[str, Module]) -> None:
    """Append to `module.imports` the imports in these statements and inside them, TYPE_CHECKING blocks left out."""
    for statement in body:
        inside = function
        if isinstance(statement, ast.Import | ast.ImportFrom):
            # the mark may stand on any line of a statement in parentheses
            last = statement.end_lineno or statement.lineno
            lazy = any(LAZY_MARK in line for line in module.lines[statement.lineno - 1 : last])
            for target in import_targets(module, statement, modules):
                module.imports.append(Import(target, statement.lineno, function, lazy))
            continue
        if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef):
            inside = f"{function}.{statement.name}".lstrip(".") + f":{statement.lineno}"
        if inside:
            for call in dynamic_imports(statement):
                lazy = LAZY_MARK in module.lines[call.lineno - 1]
                module.imports.append(Import(dynamic_target(call), call.lineno, inside, lazy))
        for block in blocks(statement):
            collect_imports(module, block, inside, modules)


def blocks(statement: ast.stmt) -> Iterator[list[ast.stmt]]:
    """The lists of statements directly inside a compound statement."""
    if isinstance(statement, ast.If) and is_type_checking(statement.test):
        yield statement.orelse
        return
    for name in ("body", "orelse", "finalbody"):
        yield getattr(statement, name, [])
    for handler in (*getattr(statement, "handlers", ()), *getattr(statement, "cases", ())):
        yield handler.body


def is_type_checking(test: ast.expr) -> bool:
    return (isinstance(test, ast.Name) and test.id == "TYPE_CHECKING") or (
        isinstance(test, ast.Attribute) and test.attr == "TYPE_CHECKING"
    )


def import_targets(module: Module, statement: ast.Import | ast.ImportFrom, modules: dict[str, Module]) -> Iterator[str]:
    """The modules a statement needs: `from a import b` needs a.b where that is a module, else a."""
    if isinstance(statement, ast.Import):
        yield from (alias.name for alias in statement.names)
        return
    base = statement.module or ""
    if statement.level:
        up = statement.level - module.is_package
        parts = module.name.split(".")
        base = ".".join(parts[: len(parts) - up] + ([base] if base else []))
    for alias in statement.names:
        name = f"{base}.{alias.name}"
        yield name if name in modules else base


def dynamic_imports(statement: ast.stmt) -> Iterator[ast.Call]:
    """Calls of `__import__` and `import_module` in the expressions of a statement, not in statements inside it."""
    for child in ast.iter_child_nodes(statement):
        if isinstance(child, ast.stmt | ast.ExceptHandler | ast.match_case):
            continue
        for node in ast.walk(child):
            if isinstance(node, ast.Call) and called_name(node.func) in {"__import__", "import_module"}:
                yield node


def called_name(function: ast.expr) -> str:
    if isinstance(function, ast.Attribute):
        return function.attr
    return function.id if isinstance(function, ast.Name) else ""


def dynamic_target(call: ast.Call) -> str:
    first = call.args[0] if call.args else None
    return first.value if isinstance(first, ast.Constant) and isinstance(first.value, str) else "?"


# --- the rules


def rank(name: str) -> int:
    """The layer of a module: the place of the first word below the package."""
    parts = name.split(".")
    return RANK.get(parts[1], SURFACE) if len(parts) > 1 else SURFACE


def layer_name(layer: int) -> str:
    return "the public surface" if layer == SURFACE else "/".join(LAYERS[layer])


def is_own(name: str) -> bool:
    return name == PACKAGE or name.startswith(PACKAGE + ".")


def upward(modules: dict[str, Module]) -> Iterator[str]:
    for module in modules.values():
        own = rank(module.name)
        for found in module.imports:
            if is_own(found.target) and rank(found.target) > own:
                yield module.at(
                    found.line,
                    f"{module.name} ({layer_name(own)}) imports {found.target} ({layer_name(rank(found.target))}), "
                    "which lies above it; move what is needed down, or the importing code up",
                )


def in_functions(modules: dict[str, Module]) -> Iterator[str]:
    places = []  # the functions that hold a marked import
    for module in modules.values():
        at_home = module.name == LAZY_HOME or module.name.startswith(LAZY_HOME + ".")
        for found in module.imports:
            if not found.function:
                continue
            name = found.function.partition(":")[0]
            if not found.lazy:
                yield module.at(found.line, f"import of {found.target} inside {name}(); move it to the top of the file")
            elif not at_home:
                yield module.at(found.line, f"{LAZY_MARK!r} is for {LAZY_HOME} only; import {found.target} at the top")
            elif (module.name, found.function) not in places:
                places.append((module.name, found.function))
                if len(places) > 1:
                    first_module, first_function = places[0]
                    first = modules[first_module].path + ":" + first_function.rpartition(":")[2]
                    yield module.at(found.line, f"a second function with {LAZY_MARK!r}; the one place is {first}")


def cycles(modules: dict[str, Module]) -> Iterator[str]:
    """One message for every group of modules that import each other, naming a shortest way round."""
    graph: dict[str, dict[str, int]] = {name: {} for name in modules}
    for module in modules.values():
        for found in module.imports:
            if found.target in modules:
                graph[module.name].setdefault(found.target, found.line)
    reported: set[str] = set()
    for start in graph:
        way = None if start in reported else way_round(graph, start)
        if way:
            reported.update(way)
            steps = [f"{modules[a].path}:{graph[a][b]} imports {b}" for a, b in zip(way, [*way[1:], start], strict=True)]
            yield modules[start].at(graph[start][[*way, start][1]], "import cycle: " + ", ".join(steps))


def way_round(graph: dict[str, dict[str, int]], start: str) -> list[str] | None:
    """The modules on a shortest path from `start` back to itself (breadth first), or None."""
    ways = [[start]]
    seen: set[str] = set()
    for way in ways:  # grows while we walk it
        for target in graph[way[-1]]:
            if target == start:
                return way
            if target not in seen:
                seen.add(target)
                ways.append([*way, target])
    return None


def shadowed(modules: dict[str, Module]) -> Iterator[str]:
    for module in modules.values():
        if rank(module.name) == RANK["ops"]:
            for name, line in bound_names(module.tree.body):
                if name in BUILTINS:
                    yield module.at(line, f"{name} shadows the builtin; ops have their own names (reduce_sum for sum)")


def bound_names(body: list[ast.stmt]) -> Iterator[tuple[str, int]]:
    """The names that module-level statements bind, compound statements included, with their lines."""
    for statement in body:
        if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield statement.name, statement.lineno
            continue
        if isinstance(statement, ast.Import | ast.ImportFrom):
            for alias in statement.names:
                yield alias.asname or alias.name.partition(".")[0], statement.lineno
        for child in ast.iter_child_nodes(statement):
            if isinstance(child, ast.expr | ast.withitem):
                yield from stored_names(child)
        for block in blocks(statement):
            yield from bound_names(block)


def stored_names(expression: ast.AST) -> Iterator[tuple[str, int]]:
    """The names an expression at module level stores to; those of comprehensions and lambdas are their own."""
    if isinstance(expression, ast.Lambda | ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp):
        return
    if isinstance(expression, ast.Name) and isinstance(expression.ctx, ast.Store):
        yield expression.id, expression.lineno
    for child in ast.iter_child_nodes(expression):
        yield from stored_names(child)


# --- the tests


@pytest.mark.smoke
def test_ftrans_keeps_its_layers() -> None:
    root = Path(__file__).resolve().parent.parent
    assert (root / PACKAGE).is_dir()
    found = violations(root)
    assert not found, "\n" + "\n".join(found)


def tree(root: Path, files: dict[str, str]) -> Path:
    """Write a package of these files (paths below ftrans/) and give its root."""
    for name, text in {"__init__.py": "", **files}.items():
        path = root / PACKAGE / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return root


OFFENCES = {
    "upward, relative": (
        {"core/aval.py": "import numpy\n\nfrom ..ops import structural\n", "ops/structural.py": ""},
        ["ftrans/core/aval.py:3: ftrans.core.aval (core) imports ftrans.ops.structural (ops), which lies above it"],
    ),
    "upward, absolute": (
        {"jit/a.py": "import ftrans.numpy.b\n", "numpy/b.py": ""},
        ["ftrans/jit/a.py:1: ftrans.jit.a (jit) imports ftrans.numpy.b (numpy)"],
    ),
    "upward, from a package to the public list": (
        {"core/a.py": "from .. import grad\n"},
        ["ftrans/core/a.py:1: ftrans.core.a (core) imports ftrans (the public surface)"],
    ),
    "upward, from an __init__": (
        {"core/__init__.py": "from ..lowering.roll import roll\n", "lowering/roll.py": ""},
        ["ftrans/core/__init__.py:1: ftrans.core (core) imports ftrans.lowering.roll (lowering)"],
    ),
    "upward, in try and in else of TYPE_CHECKING": (
        {
            "core/a.py": "try:\n    from ..lax import cond\nexcept ImportError:\n    from .. import nn\n",
            "core/b.py": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n  pass\nelse:\n  from .. import nn\n",
            "lax.py": "",
            "nn.py": "",
        },
        ["ftrans/core/a.py:2: ", "ftrans/core/a.py:4: ", "ftrans/core/b.py:5: "],
    ),
    "cycle of two": (
        {"core/a.py": "from . import b\n", "core/b.py": "\nfrom .a import x\n"},
        [
            "ftrans/core/a.py:1: import cycle: "
            "ftrans/core/a.py:1 imports ftrans.core.b, ftrans/core/b.py:2 imports ftrans.core.a"
        ],
    ),
    "cycle through a package": (
        {"core/__init__.py": "from .a import x\n", "core/a.py": "from ftrans.core import y\n"},
        ["ftrans/core/__init__.py:1: import cycle: "],
    ),
    "import in a function": (
        {
            "core/a.py": "def f():\n    import numpy\n",
            "core/b.py": "class C:\n    def m(self):\n        if self:\n            from os import path\n",
        },
        ["ftrans/core/a.py:2: import of numpy inside f()", "ftrans/core/b.py:4: import of os inside m()"],
    ),
    "import in a function, by a call": (
        {"core/a.py": "import importlib\ndef f():\n    return importlib.import_module('numba')\n"},
        ["ftrans/core/a.py:3: import of numba inside f()"],
    ),
    "lazy mark in another package": (
        {"jit/a.py": "def f():\n    import numba  # lazy: numba\n"},
        ["ftrans/jit/a.py:2: '# lazy: numba' is for ftrans.backends.numba only"],
    ),
    "lazy mark in two places": (
        {"backends/numba/a.py": f"def f():\n  import numba  {LAZY_MARK}\n\ndef g():\n  import numba  {LAZY_MARK}\n"},
        [f"ftrans/backends/numba/a.py:5: a second function with {LAZY_MARK!r}; the one place is ftrans/backends/numba"],
    ),
    "builtin shadowed": (
        {
            "ops/a.py": "def sum(x): return x\n",
            "ops/b.py": "if True:\n    any, z = 1, 2\n",
            "ops/c.py": "class abs: pass\n",
            "ops/d.py": "import x as max\nfor min in (): pass\n",
            "ops/e.py": "y = (len := 3)\nround: int = 4\n",
        },
        [
            "ftrans/ops/a.py:1: sum shadows", "ftrans/ops/b.py:2: any shadows", "ftrans/ops/c.py:1: abs shadows",
            "ftrans/ops/d.py:1: max shadows", "ftrans/ops/d.py:2: min shadows", "ftrans/ops/e.py:1: len shadows",
            "ftrans/ops/e.py:2: round shadows",
        ],
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", OFFENCES)
def test_an_offence_is_found(case: str, tmp_path: Path) -> None:
    files, expected = OFFENCES[case]
    found = violations(tree(tmp_path, files))
    assert len(found) == len(expected), found
    for message, start in zip(found, sorted(expected), strict=True):
        assert message.startswith(start)


def test_allowed_imports_pass(tmp_path: Path) -> None:
    files = {
        "__init__.py": "from . import numpy, lax\nfrom .transforms.vjp import grad\n",
        "errors.py": "import numpy as np\n",
        "config.py": "from .errors import E\n",
        "core/__init__.py": "from .a import x\n",
        "core/a.py": "import typing\nfrom ..errors import E\nif typing.TYPE_CHECKING:\n    from ..ops import b\n",
        "core/numpy.py": "import numpy\n",
        "ops/b.py": "from ..core import a\nfrom ..core.numpy import x\n[sum for sum in ()]\nclass C:\n  sum = 1\n",
        "transforms/vjp.py": "from ftrans.ops.b import y\n",
        "backends/numba/a.py": f"def f():\n  import numba  {LAZY_MARK}\n  from numba import (  {LAZY_MARK}\n  njit)\n",
        "numpy/__init__.py": "from ..transforms import vjp\nfrom ..core.a import x\ndef sum(): pass\n",
        "lax.py": "from .numpy import sum\n",
        "nn.py": "from . import lax\n",
    }  # fmt: skip
    assert violations(tree(tmp_path, files)) == []
