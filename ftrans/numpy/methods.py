"""Traced arrays have the methods and properties of ndarrays, and Python may ask them for their value.

Methods look their function up in the tables of `dispatch`, so `x.sum(axis=0)` is `np.sum(x, axis=0)`. Whatever needs a value
(`if x > 0`, `int(n)`, `print(x)`, `x.item()`) goes through `core.reads`, which records it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NoReturn

import numpy as np

from ..core.bind import bind
from ..core.reads import read, show
from ..core.trace import Tracer
from ..core.values import value
from ..errors import ArgumentError, ShapeError, TracerArrayConversionError, UnsupportedError, WriteError, at_line, shown
from ..ops.structural import Weaken
from ..ops.subscript import get_item, set_item
from . import operators as operators  # noqa: PLC0414  (imported for what it installs)
from .dispatch import function_of, ufunc_of

METHODS: dict[str, Any] = {
    name: getattr(np, name)
    for name in (
        "all", "any", "argmax", "argmin", "argpartition", "argsort", "choose", "clip", "cumprod", "cumsum", "diagonal",
        "dot", "max", "mean", "min", "nonzero", "prod", "put", "ravel", "repeat", "searchsorted", "squeeze", "std", "sum",
        "swapaxes", "take", "trace", "var", "round",
    )
}  # fmt: skip

UNSUPPORTED = {
    "flat": "use x.ravel() to read, x.ravel()[i] = v or np.put(x, i, v) to write",
    "strides": "the memory layout of a traced array is not fixed",
    "data": "a traced array has no memory of its own",
    "ctypes": "a traced array has no memory of its own",
    "base": "use np.shares_memory outside of the traced function",
    "flags": "the memory layout of a traced array is not fixed; np.ascontiguousarray(x) makes it C-contiguous",
    "byteswap": "convert the array outside of the traced function",
    "dump": "save the array outside of the traced function",
    "dumps": "save the array outside of the traced function",
    "tofile": "save the array outside of the traced function",
    "resize": "use np.resize(x, shape), which gives a new array",
    "getfield": "use x.real, x.imag or x.astype(dtype)",
    "setfield": "use x[...] = v",
    "newbyteorder": "convert the array outside of the traced function",
    "__array_interface__": "",
    "__array_struct__": "",
    "__array_namespace__": "",
}


def install(name: str) -> Callable[[Any], Any]:
    """Make a function or property an attribute of traced arrays."""

    def put(attribute: Any) -> Any:
        setattr(Tracer, name, attribute)
        return attribute

    return put


def method_of(func: Any) -> Callable[..., Any]:
    """`x.f(...)` as `np.f(x, ...)`."""

    def method(self: Tracer, *args: Any, **kwargs: Any) -> Any:
        return function_of(func)(self, *args, **kwargs)

    method.__name__ = func.__name__
    method.__doc__ = f"As `numpy.{func.__name__}(self, ...)`."
    return method


def spread(args: tuple[Any, ...]) -> Any:
    """`x.reshape(2, 3)` and `x.reshape((2, 3))` mean the same."""
    return args[0] if len(args) == 1 else args


@install("reshape")
def reshape(self: Tracer, *shape: Any, order: str = "C", copy: bool | None = None) -> Any:
    """As `numpy.ndarray.reshape`."""
    return function_of(np.reshape)(self, spread(shape), order=order, copy=copy)


@install("transpose")
def transpose(self: Tracer, *axes: Any) -> Any:
    """As `numpy.ndarray.transpose`."""
    return function_of(np.transpose)(self, spread(axes) if axes else None)


@install("flatten")
def flatten(self: Tracer, order: str = "C") -> Any:
    """A copy of the elements as a one-dimensional array."""
    return function_of(np.copy)(function_of(np.ravel)(self, order))


@install("astype")
def astype(self: Tracer, dtype: Any, order: str = "K", casting: str = "unsafe", subok: bool = True, copy: bool = True) -> Any:
    """As `numpy.ndarray.astype`."""
    return function_of(np.astype)(self, dtype, order=order, casting=casting, copy=copy)


@install("copy")
def copy(self: Tracer, order: str = "C") -> Any:
    """As `numpy.ndarray.copy`."""
    return self if self.a.scalar else function_of(np.copy)(self, order=order)


@install("__copy__")
def copy_shallow(self: Tracer) -> Any:
    """copy.copy(x)."""
    return copy(self)


@install("__deepcopy__")
def copy_deep(self: Tracer, memo: Any) -> Any:
    """copy.deepcopy(x)."""
    return copy(self)


@install("compress")
def compress(self: Tracer, condition: Any, axis: Any = None, out: Any = None) -> Any:
    """As `numpy.ndarray.compress`."""
    return function_of(np.compress)(condition, self, axis, out)


@install("conj")
@install("conjugate")
def conj(self: Tracer) -> Any:
    """As `numpy.ndarray.conj`."""
    return as_python(self, ufunc_of(np.conjugate)(self))


def as_python(x: Tracer, result: Any) -> Any:
    """A method of a Python scalar gives a Python scalar."""
    return bind(Weaken(), result) if x.a.weak else result


@install("fill")
def fill(self: Tracer, fill_value: Any) -> None:
    """Set all elements to a value, in place."""
    set_item(self, ..., fill_value)


@install("sort")
def sort(self: Tracer, axis: int = -1, kind: Any = None, order: Any = None, *, stable: Any = None) -> None:
    """Sort in place."""
    set_item(self, ..., function_of(np.sort)(self, axis=axis, kind=kind, order=order, stable=stable))


@install("partition")
def partition(self: Tracer, kth: Any, axis: int = -1, kind: str = "introselect", order: Any = None) -> None:
    """Partition in place."""
    set_item(self, ..., function_of(np.partition)(self, kth, axis=axis, kind=kind, order=order))


@install("view")
def view(self: Tracer, dtype: Any = None, type: Any = None) -> Any:
    """A view of the same dtype; reading the memory as another dtype is not traced."""
    if type is not None or (dtype is not None and dtype is not np.ndarray and np.dtype(dtype) != self.a.dtype):
        raise UnsupportedError(
            at_line(
                f"view({shown(dtype)}) of a traced array of dtype {self.a.dtype} is not supported",
                hint="use .astype(dtype) to convert the numbers, .real and .imag for the parts of complex numbers",
            )
        )
    return get_item(self, ...)


@install("setflags")
def setflags(self: Tracer, write: Any = None, align: Any = None, uic: Any = None) -> None:
    """Only write=True is accepted: traced arrays are writable."""
    if write is False:
        raise UnsupportedError(
            at_line("setflags(write=False) is not supported on traced arrays", hint="call it outside of the function")
        )


@install("item")
def item(self: Tracer, *args: Any) -> Any:
    """The element as a Python scalar; detaches it from its derivative, so it is an error under grad."""
    if args:
        index = spread(args)
        x = function_of(np.ravel)(self)[index] if isinstance(index, int) else get_item(self, index)
        return read(x, "item")
    return read(only(self, "item"), "item")


@install("tolist")
def tolist(self: Tracer) -> Any:
    """The elements as nested lists of Python scalars; an error under grad, as `item`."""
    return read(self, "tolist").tolist()


@install("tobytes")
def tobytes(self: Tracer, order: str = "C") -> bytes:
    """The contents as bytes; an error under grad, as `item`."""
    return read(self, "tolist").tobytes(order)  # type: ignore[no-any-return]


def only(x: Tracer, what: str) -> Tracer:
    """The one element of an array of size 1, for conversion to a Python scalar."""
    if x.a.size != 1:
        if what == "bool":
            raise ShapeError(
                at_line(
                    f"the truth value of an array of shape {x.a.shape} is ambiguous",
                    hint="use .any() or .all(), or np.where(condition, a, b) to choose element by element",
                )
            )
        raise ArgumentError(
            at_line(f"only arrays of size 1 can be converted to a Python scalar by {what}(), got shape {x.a.shape}")
        )
    if x.a.ndim and what not in ("item", "bool"):
        raise ArgumentError(
            at_line(
                f"only 0-dimensional arrays can be converted to a Python scalar by {what}(), got shape {x.a.shape}",
                hint="index it: x[0]",
            )
        )
    return x


@install("__bool__")
def to_bool(self: Tracer) -> bool:
    """`if x:`; recorded, and a guard under jit."""
    return read(only(self, "bool"), "bool")  # type: ignore[no-any-return]


@install("__int__")
def to_int(self: Tracer) -> int:
    """`int(x)`."""
    return read(only(self, "int"), "int")  # type: ignore[no-any-return]


@install("__index__")
def to_index(self: Tracer) -> int:
    """The use as an index of a list, in range(), as a size."""
    if self.a.dtype.kind not in "iu" and not (self.a.weak and self.a.dtype.kind == "b"):
        raise TypeError(at_line(f"only integer scalar arrays can be converted to a scalar index, got {self.a}"))
    return read(only(self, "index"), "index")  # type: ignore[no-any-return]


@install("__float__")
def to_float(self: Tracer) -> float:
    """`float(x)`, `math.sin(x)`; an error under grad, because the derivative would be lost."""
    if self.a.dtype.kind == "c":
        raise TypeError(at_line(f"float() of a complex traced array {self.a}", hint="take x.real or abs(x)"))
    return read(only(self, "float"), "float")  # type: ignore[no-any-return]


@install("__complex__")
def to_complex(self: Tracer) -> complex:
    """`complex(x)`; an error under grad, as `float`."""
    return read(only(self, "complex"), "complex")  # type: ignore[no-any-return]


@install("__round__")
def to_rounded(self: Tracer, ndigits: Any = None) -> Any:
    """`round(x)` of a scalar gives an int, `round(x, n)` a scalar."""
    if not self.a.scalar:
        raise TypeError(at_line(f"round() is not defined for an array of shape {self.a.shape}", hint="use np.round(x)"))
    rounded = function_of(np.round)(self, ndigits or 0)
    return read(rounded, "int") if ndigits is None else as_python(self, rounded)


def integer_part(ufunc: Any) -> Callable[[Tracer], int]:
    """`math.floor(x)` and its like: an int, whose derivative is zero."""
    return lambda self: read(ufunc_of(ufunc)(only(self, ufunc.__name__)), "int")


Tracer.__floor__ = integer_part(np.floor)  # type: ignore[attr-defined]
Tracer.__ceil__ = integer_part(np.ceil)  # type: ignore[attr-defined]
Tracer.__trunc__ = integer_part(np.trunc)  # type: ignore[attr-defined]


@install("__array__")
def to_array(self: Tracer, dtype: Any = None, copy: Any = None) -> NoReturn:
    """NumPy wants a plain array: an error, because the trace would end there without a word."""
    raise TracerArrayConversionError(
        at_line(
            f"a traced array {self.a} cannot become a plain ndarray",
            hint="an array that traced values are stored in must be made by ftrans.numpy (zeros, empty, zeros_like(x)) inside the "
            "function;\n  to build an array of traced numbers write ftrans.numpy.array([...]) or np.stack([...]);\n  to index a "
            "plain array by a traced index write ftrans.numpy.asarray(table)[i]; functions that are not NumPy's have to be called "
            "outside of the transformed function",
        )
    )


@install("__len__")
def length(self: Tracer) -> int:
    """The size of the first axis."""
    if not self.a.shape:
        raise TypeError(at_line("len() of an array of 0 dimensions"))
    return self.a.shape[0]


@install("__iter__")
def iterate(self: Tracer) -> Iterator[Any]:
    """The rows one by one."""
    if not self.a.shape:
        raise TypeError(at_line("iteration over an array of 0 dimensions"))
    return (get_item(self, k) for k in range(self.a.shape[0]))


@install("__contains__")
def contains(self: Tracer, element: Any) -> bool:
    """`v in x`: whether any element equals v."""
    return to_bool(function_of(np.any)(self == element))


@install("__delitem__")
def delete_item(self: Tracer, index: Any) -> NoReturn:
    """Arrays do not support it."""
    raise ValueError(at_line("cannot delete array elements", hint="use np.delete(x, i, axis), which gives a new array"))


@install("__hash__")
def no_hash(self: Tracer) -> NoReturn:
    """Arrays cannot be hashed."""
    raise TypeError(at_line(f"unhashable: a traced array {self.a}", hint="use int(x) or float(x) as the key"))


@install("__reduce__")
def no_pickle(self: Tracer) -> NoReturn:
    """Traced arrays cannot be pickled."""
    raise TypeError(at_line(f"a traced array {self.a} cannot be pickled", hint="save arrays outside of the traced function"))


@install("__str__")
def to_str(self: Tracer) -> str:
    """The value where it is known; never raises."""
    return show(self)


@install("__repr__")
def to_repr(self: Tracer) -> str:
    """`Tracer<f64[3]>([1. 2. 3.])`, without the value where it is not known; never raises."""
    text = show(self)
    return text if text.startswith("Tracer<") else f"Tracer<{self.a}>({text})"


@install("__format__")
def to_format(self: Tracer, spec: str) -> str:
    """`f"{x:.3f}"`: the value where it is known."""
    try:
        known = value(self)
    except Exception:  # display must not raise, whatever is wrong with the trace
        return show(self)
    return format(known if np.ndim(known) or not hasattr(known, "item") else known.item(), spec)


def nbytes(self: Tracer) -> int:
    """The size in bytes."""
    return self.a.size * self.a.dtype.itemsize


def matrix_transpose(self: Tracer) -> Any:
    """The last two axes swapped."""
    if self.a.ndim < 2:
        raise ShapeError(at_line(f"x.mT needs at least 2 dimensions, got shape {self.a.shape}"))
    return function_of(np.swapaxes)(self, -1, -2)


def set_real(self: Tracer, new: Any) -> None:
    """`x.real = v`."""
    set_item(function_of(np.real)(self), ..., new)


def set_imag(self: Tracer, new: Any) -> None:
    """`x.imag = v`."""
    set_item(function_of(np.imag)(self), ..., new)


def fixed(name: str, hint: str) -> Callable[[Tracer, Any], NoReturn]:
    """The setter of what cannot be set."""

    def refuse(self: Tracer, new: Any) -> NoReturn:
        raise WriteError(at_line(f"x.{name} = {shown(new)}: the {name} of a traced array cannot be set", hint=hint))

    return refuse


def missing(self: Tracer, name: str) -> NoReturn:
    """An attribute that traced arrays do not have: say what to do where ndarrays have it."""
    if name in ("a", "i", "t"):  # a tracer that is not made yet
        raise AttributeError(name)
    if name in UNSUPPORTED or (hasattr(np.ndarray, name) and not name.startswith("__")):
        hint = UNSUPPORTED.get(name, "use the functions listed in ftrans.numpy")
        raise MissingAttributeError(at_line(f"traced arrays do not have the attribute {name!r} of ndarrays", hint=hint))
    raise AttributeError(f"a traced array {self.a} has no attribute {name!r}")


class MissingAttributeError(UnsupportedError, AttributeError):
    """An attribute of ndarrays that traced arrays do not have."""


for name, func in METHODS.items():
    setattr(Tracer, name, method_of(func))

Tracer.T = property(method_of(np.transpose))  # type: ignore[attr-defined]
Tracer.mT = property(matrix_transpose)  # type: ignore[attr-defined]
Tracer.real = property(lambda self: as_python(self, function_of(np.real)(self)), set_real)  # type: ignore[attr-defined]
Tracer.imag = property(lambda self: as_python(self, function_of(np.imag)(self)), set_imag)  # type: ignore[attr-defined]
Tracer.nbytes = property(nbytes)  # type: ignore[attr-defined]
Tracer.itemsize = property(lambda self: self.a.dtype.itemsize)  # type: ignore[attr-defined]
Tracer.shape = property(lambda self: self.a.shape, fixed("shape", "use x = x.reshape(shape)"))  # type: ignore[method-assign, assignment]
Tracer.dtype = property(lambda self: self.a.dtype, fixed("dtype", "use x = x.astype(dtype)"))  # type: ignore[method-assign, assignment]
for name, special in (("__getitem__", get_item), ("__setitem__", set_item), ("__getattr__", missing)):
    setattr(Tracer, name, special)

__all__ = ["MissingAttributeError"]
