"""Machine code for loop nests, through the LLVM that comes with numba (llvmlite) and without numba's type inference.

`service.compile(kernel)` gives the machine code of a `ftrans.lowering.loops.Kernel`, `service.segment` runs programs of them.
Nothing here imports llvmlite before the first compile.
"""
