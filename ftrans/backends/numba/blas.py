"""Where compiled code finds BLAS: a table of addresses, made once per process, of the library that NumPy itself calls.

    address()                            # of the table, whose name in code is TABLE; engine.py resolves it
    index("gemm", "float64")             # the place of dgemm in it

Code holds no address: it reads the table when it runs, where a null says that the function could not be found. NumPy's library
gives NumPy's bits, and is in memory already; SciPy's (`scipy.linalg.cython_blas`, 175 ms to import) is the second choice.

Functions have Fortran's interface, where every argument is a pointer. Integers are 64 bits wide here: a library with 32-bit
integers reads the lower half, which is the same number below 2**31 on little-endian machines. On others the table stays empty.
"""

from __future__ import annotations

import ctypes
import sys
from typing import Any

from ...core.lazy import Lazy

capsules = Lazy("scipy.linalg.cython_blas", "__pyx_capi__")

TABLE = "ftrans_blas"
LETTERS = {"float32": "s", "float64": "d", "complex64": "c", "complex128": "z"}
FUNCTIONS = ("gemm", "gemv", "syrk", "dot")
PATTERNS = ("scipy_{}_64_", "{}_64_", "scipy_{}_", "{}_", "{}$NEWLAPACK$ILP64", "{}$NEWLAPACK")
"""How builds of NumPy call the Fortran function {}: its wheels, OpenBLAS with 64-bit integers, conda, Apple's Accelerate."""


def index(function: str, dtype: str) -> int:
    """The place of a function in the table."""
    return FUNCTIONS.index(function) * len(LETTERS) + list(LETTERS).index(dtype)


def names() -> list[str]:
    """The functions in the order of the table: sgemm, dgemm, cgemm, zgemm, sgemv ... The complex dot products stay null."""
    return [letter + function for function in FUNCTIONS for letter in LETTERS.values()]


def wanted(name: str) -> bool:
    """Whether compiled code calls a function. Compilers disagree about how a complex number is returned."""
    return name not in ("cdot", "zdot")


def numpy_library() -> ctypes.CDLL | None:
    """NumPy's extension module, through which everything that it is linked with is found."""
    try:
        return ctypes.CDLL(sys.modules["numpy._core._multiarray_umath"].__file__)  # loaded already
    except (OSError, KeyError, TypeError):
        return None


def from_numpy() -> list[int]:
    """The addresses in the library that NumPy is linked with; 0 for what is not there."""
    library = numpy_library()
    if library is None:
        return [0] * len(names())
    for pattern in PATTERNS:
        found = [address_in(library, pattern.format(name)) for name in names()]
        if found[0]:
            return found
    return [0] * len(names())


def address_in(library: ctypes.CDLL, symbol: str) -> int:
    """The address of a function of a library, or 0."""
    function = getattr(library, symbol, None)
    return (ctypes.cast(function, ctypes.c_void_p).value or 0) if function is not None else 0


def from_scipy() -> list[int]:
    """The addresses that SciPy exports for Cython; 0 for what is not there."""
    try:
        found = capsules.function
    except (ImportError, AttributeError):
        return [0] * len(names())
    return [address_of(found[name]) if name in found else 0 for name in names()]


def address_of(capsule: Any) -> int:
    """The pointer in a PyCapsule."""
    api = ctypes.pythonapi
    name_of = ctypes.PYFUNCTYPE(ctypes.c_char_p, ctypes.py_object)(("PyCapsule_GetName", api))
    pointer_of = ctypes.PYFUNCTYPE(ctypes.c_void_p, ctypes.py_object, ctypes.c_char_p)(("PyCapsule_GetPointer", api))
    return pointer_of(capsule, name_of(capsule)) or 0


def addresses() -> list[int]:
    """What the table holds: all from one library."""
    if sys.byteorder != "little":
        return [0] * len(names())
    found = from_numpy()
    if not all([address for address, name in zip(found, names(), strict=True) if wanted(name)]):
        found = from_scipy()
    return [address if wanted(name) else 0 for address, name in zip(found, names(), strict=True)]


def address() -> int:
    """The address of the table, which is made at the first call."""
    global _table
    if _table is None:
        _table = (ctypes.c_int64 * len(names()))(*addresses())
    return ctypes.addressof(_table)


_table: Any = None
