"""Emit any kernel as LLVM IR: `emit(kernel, name)` picks the emitter of its class.

A loop nest over elements is a `Kernel` (ir.py). What is no such nest - a contraction, a running sum - is a class of its own, a
`Code` (lowering/loops.py), and has its emitter here. All are compiled, kept, sent and called alike.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ...lowering.contract import Contract
from ...lowering.gather import Indexed
from ...lowering.loops import Code, Kernel
from ...lowering.pieces import Joined, Placed
from ...lowering.scans import Scan
from . import contract, copies, gather, ir, scans
from .ir import Emitted

EMITTERS: dict[type[Code], Callable[[Any, str], Emitted]] = {
    Kernel: ir.emit,
    Contract: contract.emit,
    Scan: scans.emit,
    Indexed: gather.emit,
    Joined: copies.emit_joined,
    Placed: copies.emit_placed,
}


def emit(code: Code, name: str = "kernel") -> Emitted:
    """The module that defines `void @<name>(ptr sizes, ptr arguments)`."""
    return EMITTERS[type(code)](code, name)
