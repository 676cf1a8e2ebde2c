"""Load object code into this process, and make the builtins that call it.

    engine = loader()
    (address,) = engine.load(code, ["ftrans_kernel_7"])
    run = bind(table)

`toolkit` is the one place where llvmlite is imported: 30 ms at the first use, where numba would take 200 more.
"""

from __future__ import annotations

import ctypes
import ctypes.util
import gc
import platform
import threading
from collections.abc import Callable, Sequence
from typing import Any

from . import entry, runtime, tables, vecmath

Entry = Callable[[list[Any]], bool]


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


def add_libm(binding: Any) -> None:
    """Make sure that every C function a kernel may call is found, where the process does not export it already."""
    names = {"fmod", *vecmath.LIMITED}
    missing = [x for name in names for x in (name, name + "f") if binding.address_of_symbol(x) is None]
    if missing:
        libm = ctypes.CDLL(ctypes.util.find_library("m") or ctypes.util.find_library("msvcrt"))
        for name in missing:
            pointer = ctypes.cast(getattr(libm, name), ctypes.c_void_p)
            binding.add_symbol(name, pointer.value)


class Loader:
    """An LLVM engine that links object code. Loaded code stays: forgetting it would leave programs without their kernels."""

    def __init__(self) -> None:
        self.binding = toolkit()
        machine = self.binding.Target.from_default_triple().create_target_machine(jit=True, codemodel="jitdefault")
        self.engine = self.binding.create_mcjit_compiler(self.binding.parse_assembly(""), machine)
        add_libm(self.binding)

    def load(self, code: bytes, names: Sequence[str]) -> list[int]:
        """Link a relocatable object: the addresses of the functions named, which no object before may have defined."""
        self.engine.add_object_file(self.binding.ObjectFileRef.from_data(code))
        self.engine.finalize_object()
        addresses = [self.engine.get_function_address(name) for name in names]
        if not all(addresses):
            raise RuntimeError(f"object code does not define {', '.join(names)}")
        return addresses

    def share(self, code: bytes, names: Sequence[str]) -> None:
        """Link functions that kernels call, and make their names known to all linkers of this process."""
        new = [name for name in names if name not in shared]
        if new:
            for name, address in zip(names, self.load(code, names), strict=True):
                self.binding.add_symbol(name, address)
            shared.update(new)


def loader() -> Loader:
    """The loader of this process, made at first use."""
    global _loader
    if _loader is None:
        with _lock:
            if _loader is None:
                _loader = Loader()
    return _loader


shared: set[str] = set()
"""Functions that kernels have in common and that this process's linkers know."""

_loader: Loader | None = None
_lock = threading.Lock()
_method: entry.MethodDef | None = None


ENTRY_NAMES = ("ftrans_entry", *runtime.NAMES)


def set_entry(addresses: list[int]) -> None:
    """Tell where the compiled entry is; the first one told stays."""
    global _method
    if _method is None:
        entry.check_offsets()
        tables.set_runtime(dict(zip(ENTRY_NAMES, addresses, strict=True)))
        _method = entry.MethodDef(b"kernel", addresses[0], entry.METH_O, b"Run on the list of a program's slots.")


def has_entry() -> bool:
    """Whether `bind` can be called."""
    return _method is not None


def bind(numbers: entry.Table) -> Entry:
    """A builtin that runs the entry with this table."""
    assert _method is not None, "kernels are compiled or loaded after the entry"
    function: Entry = entry.new_builtin(ctypes.addressof(_method), numbers, None)
    return function
