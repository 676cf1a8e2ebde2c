"""Use a function of a library that is slow to import without importing it before the first call.

    erf = Lazy("scipy.special", "erf")       # scipy.special takes 0.15 s to import, and few programs need it
    erf(0.5)
"""

from __future__ import annotations

import importlib
from typing import Any


class Lazy:
    """A function of a module that is imported when it is first called or asked for an attribute."""

    def __init__(self, module: str, name: str) -> None:
        self.module, self.name = module, name
        self.__name__ = name

    def resolve(self) -> Any:
        """The function itself."""
        return getattr(importlib.import_module(self.module), self.name)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.resolve()(*args, **kwargs)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.resolve(), name)

    def __repr__(self) -> str:
        return f"{self.module}.{self.name}"
