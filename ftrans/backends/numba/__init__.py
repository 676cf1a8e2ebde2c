"""Machine code for loop nests, through numba's code generator and without its type inference.

`service.compile(kernel)` turns a `ftrans.lowering.loops.Kernel` into a callable. Nothing here imports numba before the
first compile.
"""
