"""Run one kernel: its machine code alone, or as a native program of one step.

call(service.compile(kernel), [x, y, out], sizes, walks)     # writes into out
native = program(service.compile(kernel), shapes, sizes, walks)
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from typing import Any

import numpy as np

from ftrans.backends.numba.service import Compiled
from ftrans.backends.numba.tables import Native
from ftrans.core.aval import aval
from ftrans.lowering.group import Group
from ftrans.lowering.nest import Nest
from ftrans.lowering.segment import Segment

FUNCTION = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p)


def call(compiled: Compiled, arrays: Sequence[Any], sizes: Sequence[int], walks: Sequence[Sequence[int]]) -> None:
    """Call a kernel on its inputs, arrays or numbers, and outputs; walks[n][k] is the axis of operand n for loop k, or -1."""
    kernel = compiled.kernel
    assert len(sizes) == kernel.naxes
    numbers, kept = [], []
    for x, walk, operand in zip(arrays, walks, kernel.operands, strict=True):
        array = np.asarray(x, None if isinstance(x, np.ndarray) else operand.dtype)
        strides = [array.strides[axis] if axis >= 0 else 0 for axis in walk]
        assert array.dtype == operand.dtype
        assert array.flags.aligned
        assert len(walk) == kernel.naxes
        if 0 not in sizes and sizes and sizes[-1] > 1:  # what the kernel takes for granted
            assert operand.inner == "s" or strides[-1] == (array.itemsize if operand.inner == "c" else 0)
        numbers += [array.ctypes.data, *strides]
        kept.append(array)
    loops, arguments = np.array(sizes, np.int64), np.array(numbers, np.int64)
    FUNCTION(compiled.address)(loops.ctypes.data, arguments.ctypes.data)


def program(
    compiled: Compiled,
    shapes: Sequence[tuple[int, ...]],
    sizes: Sequence[int],
    walks: Sequence[Sequence[int]],
    seconds: float = 0.0,
) -> Native:
    """The native program of one kernel on operands of these shapes, inputs first; `seconds` is what the work is taken to be."""
    kernel = compiled.kernel
    given = [aval(shape, np.dtype(o.dtype), False, False) for shape, o in zip(shapes, kernel.operands, strict=True)]
    n = len(kernel.inputs)
    walked = tuple([tuple(walk) for walk in walks])
    nest = Nest(tuple(sizes), kernel.reduced, kernel.operands, walked, (False,) * len(given))
    numbers = tuple(range(len(given)))
    group = Group([], numbers[:n], numbers[n:], kernel, nest, tuple(given[n:]), compiled)
    segment = Segment.of([group], dict(enumerate(given[:n])), group.outs)
    segment.plan(lambda group: seconds, 1)
    return Native(segment)
