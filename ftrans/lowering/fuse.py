"""Fusion (placeholder while the kernel form lands)."""
from typing import Any
def plan(j: Any) -> Any: return list(j.eqns)
def kernels(p: Any) -> list[Any]: return []
def realise(p: Any, compile: Any) -> Any: return p
