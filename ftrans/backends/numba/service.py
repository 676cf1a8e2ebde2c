"""Compile kernels and call them. numba is imported at the first compile and not before.

    compiled = compile(kernel)                     # once per kernel content and process
    run = compiled.bind(table([1000], [(0, [0]), (1, [0]), (2, [0])]))
    run([x, y, out])                               # True; False when a layout does not fit (see entry.py)

numba gives its code generator: the LLVM it bundles, the host's vector instructions, its passes and its memory manager.
Its type inference, which takes most of the time of an njit, is not used.
"""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ...lowering.loops import Kernel
from . import engine, entry, ir
from .asm import Text
from .engine import Entry

table = entry.make_table
"""(sizes of the loop axes, per operand (slot, array dimension per axis or -1)) -> the table `Compiled.bind` takes."""

@dataclass(frozen=True, slots=True, eq=False)
class Compiled:
    """Machine code of one kernel. library: numba's, where this process compiled it; None where it only loaded the code."""

    kernel: Kernel
    address: int
    cost: int
    milliseconds: float
    library: Any = None

    def bind(self, numbers: entry.Table) -> Entry:
        """The kernel as a builtin taking the list of slots, for the sizes and operands of a table (which it fills in
        and keeps: change it only by binding again)."""
        entry.bind_table(numbers, self.kernel, self.address, self.cost)
        return engine.bind(numbers)

    @property
    def llvm(self) -> str:
        """The LLVM module it was compiled from."""
        return ir.emit(self.kernel).text

    @property
    def assembly(self) -> str:
        """What the processor runs, as text."""
        library = self.library if self.library is not None else _compile(self.kernel).library
        return str(library.get_asm_str())


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


def is_ready() -> bool:
    """Whether numba has been imported to compile here."""
    return _generator is not None


def load(kernel: Kernel, name: str, code: bytes, cost: int, milliseconds: float) -> None:
    """Put a kernel that another process compiled in `milliseconds` into the cache: its object code, with the name from `fresh_name`."""
    with _lock:
        if kernel not in _compiled:
            (address,) = engine.loader().load(code, [name])
            _compiled[kernel] = Compiled(kernel, address, cost, milliseconds)
            counts["loaded"] += 1


def fresh_name() -> str:
    """A name that no kernel of this process has."""
    return f"ftrans_kernel_{next(_numbers)}"


def _compile(kernel: Kernel) -> Compiled:
    generator = codegen()
    start = time.perf_counter()
    emitted = ir.emit(kernel, fresh_name())
    generator.share(emitted.shared)
    library, (address,) = generator.build(emitted.text, [emitted.name])
    milliseconds = (time.perf_counter() - start) * 1e3
    counts["compiled"] += 1
    return Compiled(kernel, address, emitted.cost, milliseconds, library)


counts = {"compiled": 0, "loaded": 0}
"""How many kernels this process has compiled itself, and how many it has loaded."""

_compiled: dict[Kernel, Compiled] = {}
_numbers = itertools.count()
_lock = threading.RLock()
_generator: Codegen | None = None


def codegen() -> Codegen:
    """numba's code generator, made at first use."""
    global _generator
    if _generator is None:
        with _lock:
            if _generator is None:
                _generator = Codegen()
    return _generator


class Codegen:
    """numba's code generator for this machine, with the entry compiled and C's mathematics resolvable.

    keeps_objects: set in the helper process, whose libraries are asked for their object code.
    """

    keeps_objects = False

    def __init__(self) -> None:
        self.binding, registry, self.lock = engine.toolkit(True)
        self.codegen = registry.cpu_target.target_context.codegen()
        self.shared: dict[str, Any] = {}
        self.entry_library: Any = None
        engine.add_libm(self.binding)
        if not engine.has_entry():
            self.entry_library, (address,) = self.build(entry.entry_text("ftrans_entry"), ["ftrans_entry"])
            engine.set_entry(address)

    def build(self, text: str, names: Sequence[str]) -> tuple[Any, list[int]]:
        """Compile a module's text: (library, addresses of the functions named)."""
        with self.lock:
            library = self.codegen.create_library(names[0])
            if self.keeps_objects:
                library.enable_object_caching()
            module = self.binding.parse_assembly(text)
            module.name = names[0]
            module.verify()
            library.add_llvm_module(module)
            library.finalize()
            return library, [library.get_pointer_to_function(name) for name in names]

    def share(self, functions: Sequence[Text]) -> None:
        """Compile functions that kernels have in common, each once, and make their names known to the linker."""
        with self.lock:
            new = [text for text in functions if text[0] not in engine.shared]
            if new:
                declarations = sorted(frozenset().union(*[needs for _, _, needs in new]))
                names = [name for name, _, _ in new]
                library, addresses = self.build("\n".join([*declarations, *[text for _, text, _ in new]]), names)
                for name, address in zip(names, addresses, strict=True):
                    self.binding.add_symbol(name, address)
                self.shared.update(dict.fromkeys(names, library))
                engine.shared.update(names)
