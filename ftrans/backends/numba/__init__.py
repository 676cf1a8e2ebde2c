"""Machine code for loop nests, through the LLVM that comes with numba (llvmlite) and without numba's type inference.

`service.compile(kernel)` turns a `ftrans.lowering.loops.Kernel` into a callable. Nothing here imports llvmlite before the
first compile.
"""
