"""Where the fields of Python and NumPy objects lie, as compiled code reads them, and the C functions that make arrays.

`check()` compares the offsets with what objects of this process say; it is run once, before the first compiled program.
"""

from __future__ import annotations

import ctypes
import types
from typing import Any

import numpy as np

HEAD = object.__basicsize__
"""Bytes of a Python object before its own fields: 16, more in free-threaded builds."""

KIND, DATA, NDIM, DIMS, STRIDES, DESCR, FLAGS = HEAD - 8, HEAD, HEAD + 8, HEAD + 16, HEAD + 24, HEAD + 40, HEAD + 48
"""The class of any object; of an ndarray its data, dimensions, strides, dtype and flags. Of a list or tuple HEAD is the length."""


ITEMSIZE = next(k for k in range(HEAD, HEAD + 64, 8) if ctypes.c_int64.from_address(id(np.dtype("V1237")) + k).value == 1237)
"""Of a dtype the bytes of an element: the place differs between NumPy 1 and 2."""


def check() -> None:
    """Raise RuntimeError unless objects of this Python and NumPy are laid out so."""
    array = np.arange(24.0).reshape(2, 3, 4)[:, ::2, 1:]
    slots, pair = [array, 1.5], (array, 2.5)
    read = {
        "type": word(array, KIND) == id(np.ndarray),
        "data": word(array, DATA) == array.ctypes.data,
        "nd": ctypes.c_int32.from_address(id(array) + NDIM).value == 3,
        "dims": [at(word(array, DIMS) + 8 * k) for k in range(3)] == list(array.shape),
        "strides": [at(word(array, STRIDES) + 8 * k) for k in range(3)] == list(array.strides),
        "dtype": word(array, DESCR) == id(array.dtype),
        "flags": ctypes.c_int32.from_address(id(array) + FLAGS).value & 0x101 == 0x100,
        "contiguous": ctypes.c_int32.from_address(id(copy := array.copy()) + FLAGS).value & 0x101 == 0x101
        and copy.flags.c_contiguous,
        "float": ctypes.c_double.from_address(id(number := float("1.25")) + HEAD).value == number,
        "list": (word(slots, HEAD), [at(word(slots, HEAD + 8) + 8 * k) for k in range(2)]) == (2, [id(x) for x in slots]),
        "tuple": [word(pair, HEAD + 8 * k) for k in range(3)] == [2, *[id(x) for x in pair]],
        "cell": word(cell := types.CellType(array), HEAD) == id(cell.cell_contents),
    }
    for scalar in (
        np.float64(2.5),
        np.float32(2.5),
        np.int64(-3),
        np.int32(-3),
        np.int8(-3),
        np.uint16(3),
        np.bool_(True),
        np.float16(2.5),
        np.complex64(2.5 + 1j),
        np.complex128(2.5 + 1j),
        2.5 + 1j,
    ):
        payload = ctypes.string_at(id(scalar) + HEAD, np.asarray(scalar).itemsize)
        read[f"scalar {type(scalar).__name__}"] = payload == np.asarray(scalar).tobytes()
    wrong = [name for name, fine in read.items() if not fine]
    if wrong:
        raise RuntimeError(
            f"objects of this Python or NumPy are not laid out as compiled code reads them ({', '.join(wrong)}); "
            f"set FTRANS_JIT=never, and please report Python's and NumPy's versions"
        )


def word(obj: object, offset: int) -> int:
    """The int64 in an object's memory."""
    return at(id(obj) + offset)


def at(address: int) -> int:
    return ctypes.c_int64.from_address(address).value


def function_words(fun: types.FunctionType) -> list[tuple[int, int]]:
    """(address, contents) of the fields of a function that hold its code, defaults and keyword defaults; [] if not known."""
    offsets = _function_offsets()
    return [(id(fun) + k, at(id(fun) + k)) for k in offsets]


def _function_offsets() -> list[int]:
    """Found by looking into the memory of a function whose fields are known and different; not at all where one is not found."""
    global _offsets
    if _offsets is None:

        def probe(x: Any = (1,), *, y: Any = 2) -> Any:
            return x, y

        fields = [id(probe.__code__), id(probe.__defaults__), id(probe.__kwdefaults__)]
        places = range(HEAD, types.FunctionType.__basicsize__, 8)
        found = [[k for k in places if word(probe, k) == field] for field in fields]
        _offsets = [k for (k,) in found] if all([len(f) == 1 for f in found]) else []
    return _offsets


_offsets: list[int] | None = None


def array_functions() -> tuple[int, int]:
    """The addresses of NumPy's PyArray_Empty and PyArray_Scalar, from the table that its C API documents."""
    capsule: Any = np._core._multiarray_umath._ARRAY_API  # type: ignore[attr-defined]
    get = ctypes.pythonapi.PyCapsule_GetPointer
    get.restype, get.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]
    table = ctypes.cast(get(capsule, None), ctypes.POINTER(ctypes.c_void_p))
    return int(table[184] or 0), int(table[60] or 0)
