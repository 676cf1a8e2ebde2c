"""Avals: what a trace knows of an array without its contents.

    >>> aval((3,), "float32")
    f32[3]
    >>> aval((3,), "float32") is aval((3,), "float32")
    True

Avals are interned: equality is identity and hashing costs nothing, which is what makes a trace usable as its own cache key.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any
from weakref import WeakValueDictionary

import numpy as np
import numpy.typing as npt

from ..config import config
from ..locks import Lock

SHORT = {
    "float64": "f64", "float32": "f32", "float16": "f16", "complex128": "c128", "complex64": "c64", "bool": "bool",
    "int64": "i64", "int32": "i32", "int16": "i16", "int8": "i8",
    "uint64": "u64", "uint32": "u32", "uint16": "u16", "uint8": "u8",
}  # fmt: skip


class Aval:
    """The shape and dtype of an array, and whether it is a scalar.

    weak: it is a Python scalar, whose dtype yields to that of any array it meets (NumPy 2 promotion).
    scalar: NumPy would give a scalar (np.float64), not a 0-d array: scalars are immutable, so `t += 5` rebinds t.
    """

    __slots__ = ("__weakref__", "dtype", "dtype_name", "ndim", "scalar", "shape", "size", "weak")

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    dtype_name: str  # NumPy takes 2 µs to make it
    weak: bool
    scalar: bool
    ndim: int
    size: int

    def __repr__(self) -> str:
        dims = ",".join(map(str, self.shape))
        return f"{'weak ' if self.weak else ''}{SHORT.get(self.dtype.name, self.dtype.name)}[{dims}]"

    def __reduce__(self) -> Any:
        return aval, (self.shape, self.dtype, self.weak, self.scalar)

    @property
    def inexact(self) -> bool:
        """Floating or complex: values that can carry a derivative."""
        return self.dtype.kind in "fc"

    def with_shape(self, shape: tuple[int, ...]) -> Aval:
        """The array of this dtype and another shape."""
        return aval(shape, self.dtype)

    def strong(self) -> Aval:
        """This aval as an operation returns it: no longer a Python scalar."""
        return aval(self.shape, self.dtype, False, self.scalar) if self.weak else self


_interned: dict[tuple[Any, ...], Aval] = {}
_alive: WeakValueDictionary[tuple[Any, ...], Aval] = WeakValueDictionary()  # all there are, so that none is made twice
_lock = Lock()

by_aval: list[Callable[[], None]] = [_interned.clear]
"""What empties the tables that grow with the avals seen. Nothing but time is lost when they are called."""

SEEN = 4  # times config.cache_size: so many avals are seen before those tables are emptied


def aval(shape: tuple[int, ...], dtype: npt.DTypeLike, weak: bool = False, scalar: bool | None = None) -> Aval:
    """The interned aval. A 0-d result is a scalar unless said otherwise, as with NumPy's ufuncs and reductions."""
    scalar = (not shape) if scalar is None else scalar
    key = (shape, dtype, weak, scalar)
    found = _interned.get(key)
    return _intern(key) if found is None else found


def _intern(key: tuple[Any, ...]) -> Aval:
    """Find or make the aval of this content, which has not been asked for recently."""
    shape, dtype, weak, scalar = key
    dtype = np.dtype(dtype)
    canonical = (shape, dtype, weak, scalar)
    with _lock:
        if len(_interned) >= SEEN * max(config.cache_size, 1):
            for forget in by_aval:
                forget()
        found = _alive.get(canonical)
        if found is None:
            found = Aval()
            found.shape, found.dtype, found.weak, found.scalar = shape, dtype, weak, scalar
            found.ndim, found.dtype_name = len(shape), dtype.name
            found.size = math.prod(shape)
            _alive[canonical] = found
        _interned[canonical] = _interned[key] = found
    return found


FLOAT = np.dtype("float64")
INT = np.dtype("int64")
BOOL = np.dtype("bool")
COMPLEX = np.dtype("complex128")

WEAK: dict[type, Aval] = {
    float: aval((), FLOAT, True),
    int: aval((), INT, True),
    bool: aval((), BOOL, True),
    complex: aval((), COMPLEX, True),
}
PYTHON_SCALAR: dict[str, type] = {"f": float, "i": int, "b": bool, "c": complex}


def aval_of(x: Any) -> Aval:
    """The aval of a concrete value: an ndarray, a NumPy scalar, or a Python scalar (weak)."""
    weak = WEAK.get(type(x))
    if weak is not None:
        return weak
    if isinstance(x, np.generic):
        return aval((), x.dtype, False, True)
    return aval(x.shape, x.dtype, False, False)


def promote(*avals: Aval) -> np.dtype[Any]:
    """The dtype of an operation on these, by NumPy 2's rules (Python scalars are weak)."""
    first = avals[0].dtype
    for a in avals:
        if a.weak or a.dtype is not first:
            return np.result_type(*[PYTHON_SCALAR[a.dtype.kind](0) if a.weak else a.dtype for a in avals])
    return first
