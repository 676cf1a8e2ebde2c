"""`x.at[i].set(v)` and its like: JAX's way to write, which gives a new array and leaves x as it is.

    x.at[i].add(v)         repeated indices add up, unlike x[i] += v
    ft.at(x)[i].set(v)     for a plain ndarray
    x.at[i].get(mode="fill", fill_value=0)

An index out of bounds is NumPy's IndexError, unless `mode` says otherwise: "clip", "drop" (or "fill"), "wrap".
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..core.bind import bind
from ..core.reads import read
from ..core.trace import Trace, Tracer, current
from ..core.values import has_value, value
from ..errors import ArgumentError, UnsupportedError, at_line
from ..ops.elementwise import add, div, greater_equal, less, logical_and, maximum, minimum, mul, power, remainder, select
from ..ops.indexing import Index, Put
from ..ops.subscript import Parsed, cast_to, gather, get_item, parse, put, scatter, set_item, squeezed
from .args import array
from .creation import fresh, ones_like, scalar
from .dispatch import unsupported, updates

MODES = ("raise", "clip", "drop", "fill", "wrap", "promise_in_bounds", None)


class At:
    """`x.at`: index it."""

    __slots__ = ("x",)

    def __init__(self, x: Any) -> None:
        self.x = x

    def __getitem__(self, index: Any) -> Ref:
        return Ref(self.x, index)

    def __repr__(self) -> str:
        return f"at({self.x!r})"


class Ref:
    """`x.at[i]`: a part of x, to be read or replaced in a copy of x.

    All methods take `mode` (see the module), `indices_are_sorted` (ignored) and `unique_indices` (no index occurs twice, which
    multiply needs for the derivative of its factors).
    """

    __slots__ = ("index", "x")

    def __init__(self, x: Any, index: Any) -> None:
        self.x, self.index = x, index

    def get(
        self, *, mode: Any = None, fill_value: Any = None, indices_are_sorted: bool = False, unique_indices: bool = False
    ) -> Any:
        """x[i]; with mode="fill" the elements out of bounds are fill_value (default nan, or 0 for integers)."""
        return staged(lambda x: read_part(x, self.index, mode, fill_value), self.x)

    def set(self, values: Any, **options: Any) -> Any:
        """x with x[i] = values; of repeated indices the last wins."""
        return self.update("set", values, **options)

    def add(self, values: Any, **options: Any) -> Any:
        """x with x[i] += values; repeated indices add up."""
        return self.update("add", values, **options)

    def subtract(self, values: Any, **options: Any) -> Any:
        """x with x[i] -= values; repeated indices add up."""
        return staged(lambda x: write_part(x, self.index, "add", -cast_to(x, values), **options), self.x)

    def multiply(self, values: Any, **options: Any) -> Any:
        """x with x[i] *= values; repeated indices multiply."""
        return self.update("multiply", values, **options)

    mul = multiply

    def divide(self, values: Any, **options: Any) -> Any:
        """x with x[i] /= values; repeated indices divide again."""
        return staged(lambda x: div(x, write_part(ones_like(x), self.index, "multiply", cast_to(x, values), **options)), self.x)

    def power(self, values: Any, **options: Any) -> Any:
        """x with x[i] **= values; repeated indices multiply the exponents."""
        return staged(lambda x: power(x, write_part(ones_like(x), self.index, "multiply", cast_to(x, values), **options)), self.x)

    def min(self, values: Any, **options: Any) -> Any:
        """x with x[i] = minimum(x[i], values)."""
        return self.update("minimum", values, **options)

    def max(self, values: Any, **options: Any) -> Any:
        """x with x[i] = maximum(x[i], values)."""
        return self.update("maximum", values, **options)

    def apply(self, func: Callable[[Any], Any], **options: Any) -> Any:
        """x with x[i] = func(x[i]); func works on arrays element by element, and no index may occur twice."""

        def applied(x: Any) -> Any:
            p = parse(x, self.index)
            if p.advanced and not known_unique(x, p):
                raise UnsupportedError(
                    at_line(
                        "at[...].apply: an index occurs twice, or its value is not known", hint="call func once for each occurrence"
                    )
                )
            part = read_part(x, self.index, options.get("mode"), 0)
            return write_part(x, self.index, "set", cast_to(x, func(part)), **options)

        return staged(applied, self.x)

    def update(self, kind: str, values: Any, **options: Any) -> Any:
        return staged(lambda x: write_part(x, self.index, kind, cast_to(x, values), **options), self.x)


def at(x: Any) -> At:
    """`at(x)[i].set(v)`: for plain ndarrays what `x.at[i].set(v)` is for traced arrays (and in JAX).

    >>> import numpy as np
    >>> at(np.zeros(3))[[0, 0, 2]].add(1.0)
    array([2., 0., 1.])
    """
    return At(x if isinstance(x, Tracer) else np.asarray(x))


def staged(function: Callable[[Any], Any], x: Any) -> Any:
    """Apply a traced function to x; outside of a trace in one of its own, for its value."""
    if current.trace is not None:
        return function(array(x))
    with Trace() as t:
        t.owner = "at"
        return value(function(array(np.asarray(x))))


def check_mode(mode: Any) -> None:
    """Raise unless mode is known."""
    if mode not in MODES:
        raise ArgumentError(at_line(f"at: unknown mode {mode!r}", hint=f"use one of {', '.join([repr(m) for m in MODES])}"))


def adjusted(x: Any, index: Any, mode: Any) -> tuple[Parsed, Any]:
    """The parsed index with its mode applied, and a mask of the elements that are in bounds (None: all)."""
    check_mode(mode)
    if mode in (None, "raise", "promise_in_bounds"):
        return parse(x, index), None
    p = parse(x, loosened(x, index))
    if not p.advanced:
        return p, None
    part_shape = basic_shape(x, p)
    inside = None
    for k, (i, axis) in enumerate(zip(p.advanced, p.axes, strict=True)):
        n = part_shape[axis]
        i = array(i)
        if mode == "wrap":
            p.advanced[k] = remainder(i, n)
            continue
        positive = select(less(i, 0), add(i, n), i)
        ok = logical_and(greater_equal(positive, 0), less(positive, n))
        p.advanced[k] = minimum(maximum(positive, 0), max(n - 1, 0))
        if mode in ("drop", "fill"):
            inside = ok if inside is None else logical_and(inside, ok)
    p.safe = all([n > 0 for n in part_shape])
    p.row = False
    return p, inside


def loosened(x: Any, index: Any) -> Any:
    """Static ints as arrays, so that they are not checked yet."""
    entries = index if isinstance(index, tuple) else (index,)
    return tuple([np.asarray(e) if isinstance(e, int | np.integer) and not isinstance(e, bool | Tracer) else e for e in entries])


def basic_shape(x: Any, p: Parsed) -> tuple[int, ...]:
    """The shape of x after the basic part of an index."""
    return tuple([1 if e is None else e[2] for e in p.basic if not isinstance(e, int)])


def spread(mask: Any, x: Any, p: Parsed, shape: tuple[int, ...]) -> Any:
    """A mask over the index arrays, in the place where their axes are in the result."""
    rank = max([i.ndim for i in p.advanced])
    mask = array(mask)
    full = (*[1] * (rank - mask.ndim), *mask.a.shape)
    place = p.place if rank else 0
    return mask.reshape((*[1] * place, *full, *[1] * (len(shape) - place - rank)))


def read_part(x: Any, index: Any, mode: Any, fill_value: Any) -> Any:
    """x[index] under a mode."""
    if mode in (None, "raise", "promise_in_bounds"):
        return get_item(x, index)
    p, inside = adjusted(x, index, mode)
    if not p.advanced:
        return get_item(x, index)
    out = gather(x, p)
    if mode != "fill" or inside is None:
        return out
    if fill_value is None:
        fill_value = np.nan if x.a.inexact else 0
    return select(spread(inside, x, p, out.a.shape), out, cast_to(x, fill_value))


def write_part(x: Any, index: Any, kind: str, values: Any, mode: Any = None, indices_are_sorted: bool = False,
               unique_indices: bool = False) -> Any:  # fmt: skip
    """x with values combined into x[index] under a mode."""
    if kind == "set" and mode in (None, "raise", "promise_in_bounds"):
        return put(x, index, values)
    p, inside = adjusted(x, index, mode)
    if not p.advanced:
        return basic_update(x, p, kind, values)
    if inside is not None:
        part = gather(x, p)
        neutral = {"add": 0, "multiply": 1}.get(kind)
        other = part if neutral is None else scalar(neutral, x.a.dtype)
        if kind == "set":
            return set_inside(x, p, inside, values)
        values = select(spread(inside, x, p, part.a.shape), squeezed(values, part.ndim), other)
    unique = unique_indices or (kind == "multiply" and known_unique(x, p))
    return scatter(x, p, values, kind, unique)


def set_inside(x: Any, p: Parsed, inside: Any, values: Any) -> Any:
    """x[index] = values where the index is in bounds: what is out of bounds goes to an extra row, which is dropped."""
    k = p.axes[0]
    part = bind(Index(p.basic), x)
    sizes = part.a.shape
    whole = tuple([(0, 1, n) for n in sizes])
    wide = bind(Put(whole), fresh(scalar(0, x.a.dtype), (*sizes[:k], sizes[k] + 1, *sizes[k + 1 :])), part)
    widened = Parsed(tuple([(0, 1, n) for n in wide.a.shape]), False)
    widened.advanced = [select(inside, p.advanced[0], sizes[k]), *p.advanced[1:]]
    widened.axes, widened.place = p.axes, p.place
    return bind(Put(p.basic), x, bind(Index(whole), scatter(wide, widened, values, "set")))


COMBINE = {"add": add, "multiply": mul, "minimum": minimum, "maximum": maximum}


def basic_update(x: Any, p: Parsed, kind: str, values: Any) -> Any:
    """The update of a part that a basic index names: nothing occurs twice."""
    part = bind(Index(p.basic), x)
    new = values if kind == "set" else COMBINE[kind](part, squeezed(values, part.ndim))
    return bind(Put(p.basic), x, new)


def known_unique(x: Any, p: Parsed) -> bool:
    """Whether the index arrays name each element once. Asked only where it matters, since their values are read for it."""
    if not all([not isinstance(i, Tracer) or has_value(i) for i in p.advanced]):
        return False
    sizes = basic_shape(x, p)
    known = [np.asarray(read(array(i), "array")) % sizes[k] for i, k in zip(p.advanced, p.axes, strict=True) if sizes[k]]
    flat = np.stack([i.reshape(-1) for i in np.broadcast_arrays(*known)]) if known else np.zeros((1, 0))
    return flat.shape[1] == np.unique(flat, axis=1).shape[1]


def in_place(kind: str) -> Callable[..., None]:
    """`np.add.at(x, i, v)` on a traced x."""

    def function(x: Any, index: Any, values: Any) -> None:
        if not isinstance(x, Tracer):
            raise unsupported(f"numpy.{kind}.at", "the array is a plain one, and traced values cannot be stored in it")
        set_item(x, (), write_part(x, index, kind, cast_to(x, values)))

    return function


updates.update({ufunc: in_place(ufunc.__name__) for ufunc in (np.add, np.multiply, np.minimum, np.maximum)})
updates[np.subtract] = lambda x, index, values: updates[np.add](x, index, -values)
Tracer.at = property(At)  # type: ignore[attr-defined]

__all__ = ["At", "Ref", "at"]
