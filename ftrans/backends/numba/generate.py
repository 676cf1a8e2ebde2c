"""Turn LLVM IR as text into object code for this machine.

    code = generator().object_code(text)

This uses llvmlite, the part of numba that holds LLVM, and nothing above it. numba's own code generator runs its passes over a
module twice, for the sake of reference counts that kernels do not have: without it a compile takes 40 % less, and a process
does not wait 0.2 s for the import.
"""

from __future__ import annotations

import threading
from typing import Any

from . import engine, entry, runtime

LEVEL = 2  # of LLVM's optimisations; 3 gives the same code for kernels


class Generator:
    """LLVM for this machine. `entry_code` is the object code of the compiled entry."""

    def __init__(self) -> None:
        self.binding = engine.toolkit()
        self.machine = self.binding.Target.from_triple(self.binding.get_process_triple()).create_target_machine(
            cpu=self.binding.get_host_cpu_name(),
            features=self.binding.get_host_cpu_features().flatten(),
            opt=LEVEL,
            reloc="static" if engine.is_x86() else "default",
            codemodel="jitdefault",
            jit=True,
        )
        self.layout = str(self.machine.target_data)
        self.lock = threading.Lock()
        self.entry_code = self.object_code(entry.entry_text("ftrans_entry") + runtime.functions())

    def object_code(self, text: str) -> bytes:
        """The relocatable object of a module."""
        with self.lock:
            return bytes(self.machine.emit_object(self.optimised(text)))

    def assembly(self, text: str) -> str:
        """The same as text."""
        with self.lock:
            return str(self.machine.emit_assembly(self.optimised(text)))

    def optimised(self, text: str) -> Any:
        """The module after LLVM's passes; loops are vectorised."""
        module = self.binding.parse_assembly(text, self.binding.create_context())
        module.triple, module.data_layout = self.binding.get_process_triple(), self.layout
        module.verify()
        options = self.binding.create_pipeline_tuning_options(speed_level=LEVEL)
        options.loop_vectorization, options.slp_vectorization = True, False
        builder = self.binding.create_pass_builder(self.machine, options)
        builder.getModulePassManager().run(module, builder)
        return module


def generator() -> Generator:
    """The generator of this process, made at first use."""
    global _generator
    if _generator is None:
        with _lock:
            if _generator is None:
                _generator = Generator()
    return _generator


def is_ready() -> bool:
    """Whether there is a generator already."""
    return _generator is not None


_generator: Generator | None = None
_lock = threading.Lock()
