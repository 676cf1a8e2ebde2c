"""Call kernels from Python in a fraction of a microsecond: one compiled entry, driven by a table.

The entry is a Python builtin whose self is the table (an int64 ndarray) and whose argument is the list of a program's
slots. It reads the addresses and strides of the operands from the objects in the list, checks them against the table,
and calls the kernel. It returns True when done, or False, before anything is written, when an operand's layout does not
fit the kernel (inner stride, alignment, or a scalar where an array must be): the caller copies and calls again.

The table: HEADER numbers (see `bind_table`), the sizes of the loop axes, then for every operand (inputs, then outputs)
[slot, required inner byte stride or ANY, then for every loop axis the array dimension it walks or -1].

    table = make_table([1000], [(0, [0]), (1, [0])])

Objects are exact ndarrays, or Python floats and NumPy scalars of the operand's dtype; the entry looks at nothing else
about them, so the caller answers for dtype, dimensions and bounds. The list must not change during the call.
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence

import numpy as np

from ...lowering.loops import ITEMSIZE, Code

HEADER = 8
ANY = -(2**63)
RELEASE_COST = 500_000
"""The GIL is released for work estimated to exceed this, in tenths of a nanosecond: 50 microseconds."""

HEAD = object.__basicsize__
"""Bytes of a Python object before its own fields: 16, more in free-threaded builds."""

Table = np.ndarray[tuple[int], np.dtype[np.int64]]


def make_table(sizes: Sequence[int], operands: Sequence[tuple[int, Sequence[int]]]) -> Table:
    """The table of one call: loop sizes, and per operand (slot, the array dimension every loop axis walks or -1)."""
    rows = [number for slot, dims in operands for number in (slot, ANY, *dims)]
    return np.array([0] * HEADER + list(sizes) + rows, np.int64)


def bind_table(table: Table, kernel: Code, address: int, cost: int) -> None:
    """Fill in what the compiled kernel adds to a table: the header, and the inner strides it requires."""
    axes, operands = kernel.naxes, kernel.operands
    expected = HEADER + axes + len(operands) * (axes + 2)
    if table.dtype != np.int64 or table.shape != (expected,) or not table.flags.c_contiguous:
        raise ValueError(f"the table of this kernel holds {expected} contiguous int64, not {table.shape} {table.dtype}")
    sizes = table[HEADER : HEADER + axes]
    release = float(np.prod(sizes, dtype=np.float64)) * cost > RELEASE_COST
    table[:HEADER] = id(np.ndarray), address, axes, len(operands), release, id(True), id(False), 0
    if axes and np.all(sizes):  # nothing is read or written where a size is 0, and NumPy's strides mean nothing there
        required = [{"c": ITEMSIZE[operand.dtype], "0": 0, "s": ANY}[operand.inner] for operand in operands]
        table[HEADER + axes + 1 :: axes + 2] = required


def entry_text(name: str) -> str:
    """The entry in LLVM IR: `ptr (ptr self, ptr list)`. Field offsets are those `check_offsets` verifies."""
    data, strides, flags, kind = HEAD, HEAD + 24, HEAD + 48, HEAD - 8
    return f"""
define ptr @{name}(ptr %self, ptr %list) nounwind {{
entry:
  %table.field = getelementptr i8, ptr %self, i64 {data}
  %table = load ptr, ptr %table.field
  %items.field = getelementptr i8, ptr %list, i64 {HEAD + 8}
  %items = load ptr, ptr %items.field
  %ndarray = load ptr, ptr %table
  %kernel.field = getelementptr i64, ptr %table, i64 1
  %kernel = load ptr, ptr %kernel.field
  %axes.field = getelementptr i64, ptr %table, i64 2
  %axes = load i64, ptr %axes.field
  %operands.field = getelementptr i64, ptr %table, i64 3
  %operands = load i64, ptr %operands.field
  %release.field = getelementptr i64, ptr %table, i64 4
  %release = load i64, ptr %release.field
  %sizes = getelementptr i64, ptr %table, i64 {HEADER}
  %rows = getelementptr i64, ptr %sizes, i64 %axes
  %row.length = add i64 %axes, 2
  %argument.length = add i64 %axes, 1
  %count = mul i64 %operands, %argument.length
  %arguments = alloca i64, i64 %count, align 16
  %last = sub i64 %axes, 1
  br label %operand.head

operand.head:
  %k = phi i64 [ 0, %entry ], [ %k.next, %operand.done ]
  %row = phi ptr [ %rows, %entry ], [ %row.next, %operand.done ]
  %argument = phi ptr [ %arguments, %entry ], [ %argument.next, %operand.done ]
  %more = icmp slt i64 %k, %operands
  br i1 %more, label %operand, label %ready

operand:
  %slot = load i64, ptr %row
  %object.field = getelementptr ptr, ptr %items, i64 %slot
  %object = load ptr, ptr %object.field
  %type.field = getelementptr i8, ptr %object, i64 {kind}
  %type = load ptr, ptr %type.field
  %is.array = icmp eq ptr %type, %ndarray
  %data.field = getelementptr i8, ptr %object, i64 {data}
  br i1 %is.array, label %array, label %scalar

array:
  %flags.field = getelementptr i8, ptr %object, i64 {flags}
  %flags = load i32, ptr %flags.field
  %aligned = and i32 %flags, 256
  %is.aligned = icmp ne i32 %aligned, 0
  %data = load ptr, ptr %data.field
  %strides.field = getelementptr i8, ptr %object, i64 {strides}
  %strides = load ptr, ptr %strides.field
  br i1 %is.aligned, label %operand.walk, label %misfit

scalar:
  br label %operand.walk

operand.walk:
  %address = phi ptr [ %data, %array ], [ %data.field, %scalar ]
  %steps = phi ptr [ %strides, %array ], [ null, %scalar ]
  store ptr %address, ptr %argument
  br label %axis.head

axis.head:
  %a = phi i64 [ 0, %operand.walk ], [ %a.next, %axis.done ]
  %step = phi i64 [ 0, %operand.walk ], [ %stride, %axis.done ]
  %more.axes = icmp slt i64 %a, %axes
  %a.next = add i64 %a, 1
  br i1 %more.axes, label %axis, label %axes.end

axis:
  %dim.index = add i64 %a, 2
  %dim.field = getelementptr i64, ptr %row, i64 %dim.index
  %dim = load i64, ptr %dim.field
  %walks = icmp sge i64 %dim, 0
  br i1 %walks, label %axis.walks, label %axis.done

axis.walks:
  br i1 %is.array, label %axis.array, label %misfit

axis.array:
  %stride.field = getelementptr i64, ptr %steps, i64 %dim
  %stride.read = load i64, ptr %stride.field
  br label %axis.done

axis.done:
  %stride = phi i64 [ 0, %axis ], [ %stride.read, %axis.array ]
  %stride.target = getelementptr i64, ptr %argument, i64 %a.next
  store i64 %stride, ptr %stride.target
  br label %axis.head

axes.end:
  %wanted.field = getelementptr i64, ptr %row, i64 1
  %wanted = load i64, ptr %wanted.field
  %fits = icmp eq i64 %wanted, %step
  %any = icmp eq i64 %wanted, {ANY}
  %fine = or i1 %fits, %any
  br i1 %fine, label %operand.done, label %short

short:
  %last.size.field = getelementptr i64, ptr %sizes, i64 %last
  %last.size = load i64, ptr %last.size.field
  %is.short = icmp slt i64 %last.size, 2
  br i1 %is.short, label %operand.done, label %misfit

operand.done:
  %k.next = add i64 %k, 1
  %row.next = getelementptr i64, ptr %row, i64 %row.length
  %argument.next = getelementptr i64, ptr %argument, i64 %argument.length
  br label %operand.head

ready:
  %long = icmp ne i64 %release, 0
  br i1 %long, label %run.released, label %run

run:
  call void %kernel(ptr %sizes, ptr %arguments)
  br label %success

run.released:
  %thread = call ptr @PyEval_SaveThread()
  call void %kernel(ptr %sizes, ptr %arguments)
  call void @PyEval_RestoreThread(ptr %thread)
  br label %success

success:
  %true.field = getelementptr i64, ptr %table, i64 5
  br label %end

misfit:
  %false.field = getelementptr i64, ptr %table, i64 6
  br label %end

end:
  %result.field = phi ptr [ %true.field, %success ], [ %false.field, %misfit ]
  %result = load ptr, ptr %result.field
  call void @Py_IncRef(ptr %result)
  ret ptr %result
}}
"""


def check_offsets() -> None:
    """Raise RuntimeError unless objects of this Python and NumPy are laid out as the entry reads them."""
    array = np.arange(24.0).reshape(2, 3, 4)[:, ::2, 1:]
    read = {
        "type": _word(array, HEAD - 8) == id(np.ndarray),
        "data": _word(array, HEAD) == array.ctypes.data,
        "nd": ctypes.c_int32.from_address(id(array) + HEAD + 8).value == 3,
        "strides": [_word_at(_word(array, HEAD + 24) + 8 * k) for k in range(3)] == list(array.strides),
        "flags": ctypes.c_int32.from_address(id(array) + HEAD + 48).value & 0x100 == 0x100,
        "float": ctypes.c_double.from_address(id(number := float("1.25")) + HEAD).value == number,
    }
    for scalar in (
        np.float64(2.5),
        np.float32(2.5),
        np.int64(-3),
        np.int32(-3),
        np.int8(-3),
        np.uint16(3),
        np.bool_(True),
    ):
        payload = ctypes.string_at(id(scalar) + HEAD, scalar.dtype.itemsize)
        read[f"scalar {scalar.dtype}"] = payload == scalar.tobytes()
    slots = [array, 1.5]
    read["list"] = [_word_at(_word(slots, HEAD + 8) + 8 * k) for k in range(2)] == [id(array), id(slots[1])]
    wrong = [name for name, fine in read.items() if not fine]
    if wrong:
        raise RuntimeError(
            f"objects of this Python or NumPy are not laid out as compiled code reads them ({', '.join(wrong)}); "
            f"set FTRANS_JIT=never, and please report Python's and NumPy's versions"
        )


def _word(obj: object, offset: int) -> int:
    return _word_at(id(obj) + offset)


def _word_at(address: int) -> int:
    return ctypes.c_int64.from_address(address).value


class MethodDef(ctypes.Structure):
    """CPython's PyMethodDef."""

    _fields_ = (("name", ctypes.c_char_p), ("meth", ctypes.c_void_p), ("flags", ctypes.c_int), ("doc", ctypes.c_char_p))


METH_O = 0x0008

new_builtin = ctypes.pythonapi.PyCFunction_NewEx
new_builtin.restype = ctypes.py_object
new_builtin.argtypes = [ctypes.c_void_p, ctypes.py_object, ctypes.c_void_p]
