"""Sphinx builds the documentation from this folder, offline:  sphinx-build -W -b html docs docs/_build

myst-nb runs the code cells of tutorial.md at every build and shows what they give; an error in one fails the build.

The reference has one page for each public module, written to reference/generated/ at every build, so that a new
module needs no entry here. Docstrings are plain text with `code` in backticks; docstrings.py turns them into what
Sphinx reads.
"""

from __future__ import annotations

import importlib.util
import pkgutil
import sys
from pathlib import Path

from sphinx.application import Sphinx

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

from docstrings import as_restructured_text  # noqa: E402  (found through the path set above)

project = "ftrans"
author = "The ftrans developers"
copyright = "2026, The ftrans developers"  # noqa: A001  (Sphinx's name for it)
version = release = "0.1.0"

extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.viewcode"]
myst_enable_extensions = ["dollarmath", "deflist"]
myst_heading_anchors = 3
exclude_patterns = ["_build"]
nb_execution_mode = "force"  # numbers and pictures are those of this build, never kept ones
nb_execution_raise_on_error = True
nb_execution_timeout = 300  # seconds a cell
nb_merge_streams = True  # one block for what several prints print
html_static_path = ["_static"]  # the page that the tutorial draws
(HERE / "_static").mkdir(exist_ok=True)
html_theme = "furo" if importlib.util.find_spec("furo") else "alabaster"  # alabaster comes with Sphinx
html_title = "ftrans"

autodoc_member_order = "bysource"
autodoc_default_options = {"members": True, "show-inheritance": True}
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
python_use_unqualified_type_names = True
suppress_warnings = [
    "ref.python",  # a type in a signature may be documented both as ftrans.X and where it is defined
    "config.cache",  # conf.py holds functions, which Sphinx cannot store
]

INTERNAL = {"core", "ops", "transforms", "lowering", "backends", "jit"}
WHOLE = {"optim", "optimize", "pictures"}  # the page of the package has all that is public in its modules
GENERATED = HERE / "reference" / "generated"


def public_modules(path: list[str], prefix: str) -> list[str]:
    """The package itself, then its public modules and those inside them, by name."""
    found = [prefix]
    for info in sorted(pkgutil.iter_modules(path), key=lambda info: info.name):
        if info.name in INTERNAL or info.name.startswith("_"):
            continue
        name = f"{prefix}.{info.name}"
        inside = info.ispkg and info.name not in WHOLE
        found += public_modules([str(Path(p) / info.name) for p in path], name) if inside else [name]
    return found


def write_reference(app: Sphinx) -> None:
    """One page for each public module; unchanged pages are left alone, so that rebuilding stays quick."""
    GENERATED.mkdir(parents=True, exist_ok=True)
    wanted = {}
    for name in public_modules([str(HERE.parent / "ftrans")], "ftrans"):
        wanted[GENERATED / f"{name}.md"] = f"# {name}\n\n```{{eval-rst}}\n.. automodule:: {name}\n```\n"
    for old in set(GENERATED.glob("*.md")) - set(wanted):
        old.unlink()
    for path, text in wanted.items():
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")


def read_docstring(app: Sphinx, what: str, name: str, obj: object, options: object, lines: list[str]) -> None:
    lines[:] = as_restructured_text(lines)


def setup(app: Sphinx) -> None:
    app.connect("builder-inited", write_reference)
    app.connect("autodoc-process-docstring", read_docstring)
