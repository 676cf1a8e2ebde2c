"""Turn LLVM IR as text into machine code for this processor.

    binary = generator().binary(text, ["kernel0"])
    binaries = generator().binaries([(text0, "kernel0"), (text1, "kernel1")])     # in one go: 20 % faster

This uses llvmlite, the part of numba that holds LLVM, and nothing above it. numba's own code generator runs its passes over a
module twice, for the sake of reference counts that kernels do not have: without it a compile takes 40 % less, and a process
does not wait 0.2 s for the import.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from . import engine, link

LEVEL = 2  # of LLVM's optimisations; 3 gives the same code for kernels

DEFINITION = re.compile(r"^(define [^@]*@([\w.]+)\(.*) \{$", re.MULTILINE)


class Generator:
    """LLVM for this machine."""

    def __init__(self) -> None:
        self.binding = engine.toolkit()
        self.machine = self.binding.Target.from_triple(self.binding.get_process_triple()).create_target_machine(
            cpu=self.binding.get_host_cpu_name(),
            features=self.binding.get_host_cpu_features().flatten(),
            opt=LEVEL,
            reloc="pic" if link.SUPPORTED else "static" if engine.is_x86() else "default",
            codemodel="small" if link.SUPPORTED else "jitdefault",  # which is the large one: no constants beside the code
            jit=True,
        )
        self.layout = str(self.machine.target_data)

    def binary(self, text: str, names: Sequence[str], passes: Sequence[str] = ()) -> link.Binary:
        """The functions named of a module, as code to load. passes: LLVM's, in place of all those that loops over elements want."""
        with engine.lock:
            module = self.parsed(sectioned(text, ""), self.binding.create_context())
            code = bytes(self.machine.emit_object(self.optimised(module, passes)))
        return link.linked(link.ObjectFile(code), names) if link.SUPPORTED else link.Binary(code, -1, dict.fromkeys(names, 0))

    def binaries(self, modules: Sequence[tuple[str, str]]) -> list[link.Binary]:
        """Of each module the one function named, each as code of its own. No two modules may define the same name for others."""
        if not link.SUPPORTED or len(modules) == 1:
            return [self.binary(text, [name]) for text, name in modules]
        with engine.lock:
            context = self.binding.create_context()
            whole = self.parsed(sectioned(*modules[0]), context)
            for text, name in modules[1:]:
                whole.link_in(self.parsed(sectioned(text, name), context))
            code = bytes(self.machine.emit_object(self.optimised(whole)))
        file = link.ObjectFile(code)
        return [link.linked(file, [name]) for _, name in modules]

    def assembly(self, text: str) -> str:
        """A module in the processor's language."""
        with engine.lock:
            return str(self.machine.emit_assembly(self.optimised(self.parsed(text, self.binding.create_context()))))

    def parsed(self, text: str, context: Any) -> Any:
        """The module of a text."""
        module = self.binding.parse_assembly(text, context)
        module.triple, module.data_layout = self.binding.get_process_triple(), self.layout
        return module

    def optimised(self, module: Any, passes: Sequence[str] = ()) -> Any:
        """The module after LLVM's passes, all of them or those named; with all loops are vectorised."""
        module.verify()
        options = self.binding.create_pipeline_tuning_options(speed_level=LEVEL)
        options.loop_vectorization, options.slp_vectorization = True, False
        builder = self.binding.create_pass_builder(self.machine, options)
        manager = self.binding.create_new_module_pass_manager() if passes else builder.getModulePassManager()
        for name in passes:
            getattr(manager, f"add_{name}_pass")()
        manager.run(module, builder)
        self.free(manager)
        return module

    def free(self, manager: Any) -> None:
        """Give back the memory of a pass manager. llvmlite 0.50 does not: it inherits from ObjectRef a
        `_dispose` that does nothing, before the one that works, and so keeps 75 KB for every module."""
        if type(manager)._dispose is self.binding.ffi.ObjectRef._dispose:
            self.binding.newpassmanagers.NewPassManager._dispose(manager)
            manager.detach()


def sectioned(text: str, module: str) -> str:
    """A module with each function in a section of its own, so that our linker can take those that another one uses."""
    return DEFINITION.sub(rf'\1 section ".text.{module}.\2" {{', text) if link.SUPPORTED else text


def generator() -> Generator:
    """The generator of this process, made at first use."""
    global _generator
    if _generator is None:
        with engine.lock:
            if _generator is None:
                _generator = Generator()
    return _generator


def is_ready() -> bool:
    """Whether there is a generator already."""
    return _generator is not None


_generator: Generator | None = None
