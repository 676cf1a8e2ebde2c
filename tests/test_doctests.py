"""Every example is true: those in the docstrings of ftrans, and those in README.md and docs/.

Each module and each page is one test. Examples see `np`, `ft` and `fnp` besides what their module defines, and the
examples of one page share their names from top to bottom. On a page an example is a fenced block with `>>>` lines.
"""

from __future__ import annotations

import ast
import doctest
import importlib
import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parent.parent
FLAGS = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS
FENCE = re.compile(r"^```[^\n]*\n(.*?)^```\s*$", re.DOTALL | re.MULTILINE)

Example = tuple[str, str, int]  # its name, its text, the line it starts at


def module_names() -> list[str]:
    """Every module of the package by its file, so that a module which does not import fails one test and hides none."""
    names = []
    for path in sorted((ROOT / "ftrans").rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        if parts[-1] != "__main__":  # importing it would run it
            names.append(".".join(parts[:-1] if parts[-1] == "__init__" else parts))
    return names


def pages() -> list[str]:
    built = ("_build", "generated")
    found = [path.relative_to(ROOT) for path in [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]]
    return [str(path) for path in found if not set(built) & set(path.parts)]


def docstrings(module: ModuleType) -> Iterator[Example]:
    """The docstrings in the source of a module, of decorated and nested functions too, then those made at run time."""
    seen = set()
    tree = ast.parse(Path(module.__file__ or "").read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            text = ast.get_docstring(node)
            if text:
                seen.add(text)
                yield getattr(node, "name", module.__name__), text, getattr(node, "lineno", 1)
    for name, value in vars(module).items():
        text = inspect.getdoc(value) if getattr(value, "__module__", None) == module.__name__ else None
        if text and text not in seen:
            yield name, text, 1


def blocks(text: str) -> Iterator[Example]:
    for match in FENCE.finditer(text):
        if ">>>" in match[1]:
            line = text.count("\n", 0, match.start(1)) + 1
            yield f"line {line}", match[1], line


def names() -> dict[str, object]:
    return {"np": np, "ft": importlib.import_module("ftrans"), "fnp": importlib.import_module("ftrans.numpy")}


def run(examples: Iterator[Example], namespace: dict[str, object], filename: str, shared: bool) -> str:
    """Run the examples and give the report of the failing ones."""
    report: list[str] = []
    parser, runner = doctest.DocTestParser(), doctest.DocTestRunner(verbose=False, optionflags=FLAGS)
    for name, text, line in examples:
        if ">>>" in text:
            scope = namespace if shared else dict(namespace)
            test = parser.get_doctest(text, scope, name, filename, line - 1)
            test.globs = scope  # get_doctest copies
            runner.run(test, out=report.append, clear_globs=False)
    return "".join(report)


@pytest.mark.parametrize("name", module_names())
def test_docstrings(name: str) -> None:
    module = importlib.import_module(name)
    report = run(docstrings(module), names() | vars(module), module.__file__ or name, shared=False)
    assert not report, "\n" + report


@pytest.mark.parametrize("page", pages())
def test_page(page: str) -> None:
    report = run(blocks((ROOT / page).read_text(encoding="utf-8")), names(), page, shared=True)
    assert not report, "\n" + report


def test_a_wrong_example_is_found() -> None:
    page = "text\n\n```python\n>>> a = 1\n```\n\n```pycon\n>>> a + 1\n3\n```\n"
    report = run(blocks(page), {}, "page.md", shared=True)
    assert "Expected:\n    3" in report
    assert 'File "page.md", line 8' in report
    assert "Got:\n    2" in report


def test_a_true_example_passes() -> None:
    assert run(iter([("f", ">>> 1 + 1\n2", 1)]), {}, "module.py", shared=False) == ""
