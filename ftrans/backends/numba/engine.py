"""Bring machine code into this process.

    loaded = load(binary)                       # valid as long as `loaded` lives
    loaded.addresses["kernel0"]
    share("ftrans.exp.v16f64", binary)          # a function that kernels call: stays
    set_runtime(binary)                         # the functions that run programs (see runtime.py): stay

`toolkit` is the one place where llvmlite is imported: 30 ms at the first use, where numba would take 200 more. On Linux it takes
that only to compile; elsewhere to load as well.
"""

from __future__ import annotations

import ctypes
import ctypes.util
import functools
import gc
import os
import platform
import threading
from typing import Any

from . import blas, link, tables
from .real import LIBM

lock = threading.RLock()
"""Whoever compiles or loads holds it. A fork waits for it: what another thread leaves half done could not be continued there."""
if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=lock.acquire, after_in_parent=lock.release, after_in_child=lock.release)


@functools.cache
def toolkit() -> Any:
    """llvmlite.binding, ready to make and to link code for this machine."""
    # Most programs never compile, so `import ftrans` should not pay for this. Without the garbage collector, which would walk over
    # all objects of a large program in the middle of it: importing llvmlite took 98 ms beside scikit-learn, 27 without.
    collects = gc.isenabled()
    gc.disable()
    try:
        from llvmlite import binding  # lazy: numba
    finally:
        if collects:
            gc.enable()
    binding.initialize_native_target()
    binding.initialize_native_asmprinter()
    return binding


def is_x86() -> bool:
    """Whether this is an x86 processor."""
    return platform.machine().lower() in ("x86_64", "amd64", "i386", "i686")


class UnresolvedError(RuntimeError):
    """Code calls a function that this process does not have."""


# Functions that code calls


def resolve(symbol: str) -> int:
    """The address of a function that code calls: of a shared one, of the C library, of Python."""
    if symbol in shared:
        return shared[symbol].addresses[symbol]
    found = symbols.get(symbol)
    if found is None:
        found = symbols[symbol] = exported(symbol)
    return found


def exported(symbol: str) -> int:
    """The address of what code names: the table of BLAS, a function of the libraries that are loaded, or of C's mathematics."""
    if symbol == blas.TABLE:
        return blas.address()
    for library in (ctypes.pythonapi, c_mathematics):
        function = getattr(library() if library is c_mathematics else library, symbol, None)
        if function is not None:
            return ctypes.cast(function, ctypes.c_void_p).value or 0
    raise UnresolvedError(f"compiled code calls {symbol!r}, which this process does not have")


@functools.cache
def c_mathematics() -> Any:
    """The C library with sin, fmod and so on. Searching it takes 30 ms, and is needed where Python does not export them."""
    return ctypes.CDLL(ctypes.util.find_library("m") or ctypes.util.find_library("msvcrt"))


def share(name: str, binary: link.Binary) -> None:
    """Load a function that kernels call, unless it is there. It stays: there are only so many."""
    with lock:
        if name not in shared:
            shared[name] = load(binary)


symbols: dict[str, int] = {}
"""Addresses of functions of libraries."""

shared: dict[str, Loaded] = {}
"""Functions that kernels have in common and that are loaded."""

# Code


class Engine:
    """LLVM's loader of one object file, closed when this object is gone. It takes 0.6 ms and 46 KB."""

    def __init__(self, binary: link.Binary) -> None:
        binding = toolkit()
        machine = binding.Target.from_default_triple().create_target_machine(jit=True, codemodel="jitdefault")
        self.engine = binding.create_mcjit_compiler(binding.parse_assembly(""), machine)
        functions = LIBM  # of the C library
        for name in {*functions, *[f"{name}f" for name in functions], blas.TABLE, *symbols, *shared}:
            if binding.address_of_symbol(name) is None:
                binding.add_symbol(name, resolve(name))
        self.engine.add_object_file(binding.ObjectFileRef.from_data(binary.code))
        self.engine.finalize_object()
        self.addresses = {name: self.engine.get_function_address(name) for name in binary.names}
        if not all(self.addresses.values()):
            raise RuntimeError(f"object code does not define {', '.join(binary.names)}")


Loaded = link.Memory | Engine


def load(binary: link.Binary) -> Loaded:
    """Bring code into this process. Raises UnresolvedError where it calls what is not there."""
    return link.Memory(binary, resolve) if binary.is_linked else Engine(binary)


# The runtime: what Python calls

_runtime: Loaded | None = None


def set_runtime(binary: link.Binary) -> None:
    """Load the functions that run programs; the first ones stay."""
    global _runtime
    with lock:
        if _runtime is None:
            loaded = load(binary)
            tables.set_runtime(loaded.addresses)
            _runtime = loaded


def has_runtime() -> bool:
    """Whether programs can be run."""
    return _runtime is not None
