"""Name a library function at the top of a file without paying for the library's import before the first call.

    erf = Lazy("scipy.special", "erf")       # scipy.special takes 0.15 s to import, and few programs need it
    erf(0.5)

The name stands at module level, where a reader looks for imports; only libraries are imported so, and by `later` whole parts
of ftrans that stand above all others (`ft.nn`), never what a module of ftrans needs from another.
"""

from __future__ import annotations

import functools
import importlib
import sys
from typing import Any


class Lazy:
    """A function of a library that is imported when it is first called or asked for an attribute."""

    def __init__(self, module: str, name: str) -> None:
        self.__name__, self.path = name, f"{module}.{name}"
        self.load = functools.partial(importlib.import_module, module)

    @functools.cached_property
    def function(self) -> Any:
        """The function itself."""
        return getattr(self.load(), self.__name__)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.function(*args, **kwargs)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(self.function, name)

    def __repr__(self) -> str:
        return self.path


def later(package: str, names: dict[str, str]) -> Any:
    """The `__getattr__` of a package: public names that are imported when first asked for (PEP 562).

    names: public name -> the module below `package` that is it (`"nn": "nn"`) or that has it (`"draw": "pictures:draw"`).
    """
    load = importlib.import_module

    def __getattr__(name: str) -> Any:  # noqa: N807 - what Python calls it
        if name not in names:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        module, _, attribute = names[name].partition(":")
        found = load(f"{package}.{module}")
        found = getattr(found, attribute) if attribute else found
        setattr(sys.modules[package], name, found)
        return found

    return __getattr__


__all__ = ["Lazy", "later"]
