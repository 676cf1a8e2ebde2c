"""Compile kernels and call them: the one place that imports numba, at the first compile and not before.

    compiled = compile(kernel)                     # once per kernel content and process
    run = compiled.bind(table([1000], [(0, [0]), (1, [0]), (2, [0])]))
    run([x, y, out])                               # True; False when a layout does not fit (see entry.py)

numba gives its code generator: the LLVM it bundles, the host's vector instructions, its passes and its memory manager.
Its type inference, which takes most of the time of an njit, is not used.
"""

from __future__ import annotations

import ctypes
import ctypes.util
import itertools
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from ...lowering.loops import Kernel
from . import entry, ir
from .asm import Text
from .ops import LIBM

table = entry.make_table
"""(sizes of the loop axes, per operand (slot, array dimension per axis or -1)) -> the table `Compiled.bind` takes."""

Entry = Callable[[list[Any]], bool]


@dataclass(frozen=True, slots=True, eq=False)
class Compiled:
    """Machine code of one kernel."""

    kernel: Kernel
    address: int
    cost: int
    milliseconds: float
    llvm: str
    library: Any

    def bind(self, numbers: entry.Table) -> Entry:
        """The kernel as a builtin taking the list of slots, for the sizes and operands of a table (which it fills in
        and keeps: change it only by binding again)."""
        entry.bind_table(numbers, self.kernel, self.address, self.cost)
        return _codegen().bind(numbers)

    @property
    def assembly(self) -> str:
        """What the processor runs, as text."""
        return str(self.library.get_asm_str())


def compile(kernel: Kernel) -> Compiled:  # noqa: A001 - the word for it, as in re.compile
    """The machine code of a kernel: from the cache when an equal kernel was compiled in this process.

    The cache is not bounded: code that numba's engine has loaded stays loaded, so forgetting it would free nothing.
    """
    found = _compiled.get(kernel)
    if found is None:
        with _lock:
            found = _compiled.get(kernel)
            if found is None:
                found = _compiled[kernel] = _compile(kernel)
    return found


def is_compiled(kernel: Kernel) -> bool:
    """Whether `compile` would find this kernel in the cache."""
    return kernel in _compiled


def _compile(kernel: Kernel) -> Compiled:
    generator = _codegen()
    start = time.perf_counter()
    emitted = ir.emit(kernel, f"ftrans_kernel_{next(_numbers)}")
    generator.share(emitted.shared)
    library, (address,) = generator.build(emitted.text, [emitted.name])
    milliseconds = (time.perf_counter() - start) * 1e3
    return Compiled(kernel, address, emitted.cost, milliseconds, emitted.text, library)


_compiled: dict[Kernel, Compiled] = {}
_numbers = itertools.count()
_lock = threading.RLock()
_generator: _Codegen | None = None


def _codegen() -> _Codegen:
    """numba's code generator, made at first use."""
    global _generator
    if _generator is None:
        with _lock:
            if _generator is None:
                _generator = _Codegen()
    return _generator


class _Codegen:
    """numba's code generator for this machine, with the entry compiled and C's mathematics resolvable."""

    def __init__(self) -> None:
        # numba takes 0.2 s to import, and most programs never compile.
        from llvmlite import binding  # lazy: numba
        from numba.core import compiler_lock, registry  # lazy: numba

        entry.check_offsets()
        self.binding, self.lock = binding, compiler_lock.global_compiler_lock
        self.codegen = registry.cpu_target.target_context.codegen()
        self.shared: dict[str, Any] = {}
        self._add_libm()
        self.entry_library, (address,) = self.build(entry.entry_text("ftrans_entry"), ["ftrans_entry"])
        self.method = entry.MethodDef(b"kernel", address, entry.METH_O, b"Run on the list of a program's slots.")

    def _add_libm(self) -> None:
        """Make sure that every C function a kernel may call is found, where the process does not export it already."""
        names = {"sin", "cos", "tan", "fmod", *LIBM.values()}
        missing = [x for name in names for x in (name, name + "f") if self.binding.address_of_symbol(x) is None]
        if missing:
            libm = ctypes.CDLL(ctypes.util.find_library("m") or ctypes.util.find_library("msvcrt"))
            for name in missing:
                pointer = ctypes.cast(getattr(libm, name), ctypes.c_void_p)
                self.binding.add_symbol(name, pointer.value)

    def build(self, text: str, names: Sequence[str]) -> tuple[Any, list[int]]:
        """Compile a module's text: (library, addresses of the functions named)."""
        with self.lock:
            library = self.codegen.create_library(names[0])
            module = self.binding.parse_assembly(text)
            module.name = names[0]
            module.verify()
            library.add_llvm_module(module)
            library.finalize()
            return library, [library.get_pointer_to_function(name) for name in names]

    def share(self, functions: Sequence[Text]) -> None:
        """Compile functions that kernels have in common, each once, and make their names known to the linker."""
        with self.lock:
            new = [text for text in functions if text[0] not in self.shared]
            if new:
                declarations = sorted(frozenset().union(*[needs for _, _, needs in new]))
                names = [name for name, _, _ in new]
                library, addresses = self.build("\n".join([*declarations, *[text for _, text, _ in new]]), names)
                for name, address in zip(names, addresses, strict=True):
                    self.binding.add_symbol(name, address)
                self.shared.update(dict.fromkeys(names, library))

    def bind(self, numbers: entry.Table) -> Entry:
        """A builtin that runs the entry with this table."""
        function: Entry = entry.new_builtin(ctypes.addressof(self.method), numbers, None)
        return function
