"""Arrays as sets: unique, intersect1d, union1d, setdiff1d, setxor1d, isin.

The size of a result depends on which elements are equal, and only that is read: under jit other values with the same pattern of
equal elements run the same program. The derivative is that of picking the elements (the first of equal ones).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.bind import bind
from ..core.reads import read
from ..errors import UnsupportedError, at_line
from ..ops.elementwise import equal, isnan, logical_and, logical_not, minimum, not_equal
from ..ops.indexing import Scatter, take_rows
from ..ops.structural import convert, reshape
from .args import array
from .creation import zeros
from .dispatch import function_of, implements
from .joining import concatenate
from .shapes import asarray, ravel


@implements(np.unique)
def unique(
    ar: Any,
    return_index: bool = False,
    return_inverse: bool = False,
    return_counts: bool = False,
    axis: Any = None,
    *,
    equal_nan: bool = True,
    sorted: bool = True,
) -> Any:
    """As `numpy.unique`: the sorted elements without repetitions; differentiable, with the first of equal elements."""
    x = array(ar)
    if axis is not None:
        return unique_rows(x, axis, return_index, return_inverse, return_counts, equal_nan)
    flat = ravel(x)
    order = function_of(np.argsort)(flat, kind="stable")
    values = take_rows(flat, order, 0, "no")
    first = np.flatnonzero(starts(values, equal_nan))
    out = [take_rows(values, first, 0, "no")]
    if return_index:
        out.append(take_rows(order, first, 0, "no"))
    if return_inverse:
        group = np.zeros(flat.a.size, np.int64)
        group[first] = 1
        number = array(np.cumsum(group) - 1)
        out.append(reshape(bind(Scatter((0,), "set", "no", True), zeros(flat.a.size, np.int64), number, order), x.a.shape))
    if return_counts:
        out.append(np.diff(np.append(first, flat.a.size)))
    return out[0] if len(out) == 1 else tuple(out)


def starts(values: Any, equal_nan: bool) -> Any:
    """Which elements of a sorted array differ from the one before, as Python knows it."""
    if values.a.size < 2:
        return np.ones(values.a.size, bool)
    before, after = values[:-1], values[1:]
    differ = not_equal(after, before)
    if equal_nan and values.a.inexact:
        differ = logical_and(differ, logical_not(logical_and(isnan(after), isnan(before))))
    return np.concatenate([[True], read(differ, "mask")])


def unique_rows(x: Any, axis: int, index: bool, inverse: bool, counts: bool, equal_nan: bool) -> Any:
    """unique along an axis: the values are read to compare the rows."""
    known = np.unique(read(x, "array"), True, True, True, axis, equal_nan=equal_nan)
    k = axis % x.ndim
    out = [take_rows(x, known[1], k, "no")]
    out += [part for part, wanted in zip(known[1:], (index, inverse, counts), strict=True) if wanted]
    return out[0] if len(out) == 1 else tuple(out)


UniqueAll = type(np.unique_all(np.zeros(1)))
UniqueCounts = type(np.unique_counts(np.zeros(1)))
UniqueInverse = type(np.unique_inverse(np.zeros(1)))


@implements(np.unique_all)
def unique_all(x: Any) -> Any:
    """As `numpy.unique_all`."""
    return UniqueAll(*unique(x, True, True, True, equal_nan=False))


@implements(np.unique_counts)
def unique_counts(x: Any) -> Any:
    """As `numpy.unique_counts`."""
    return UniqueCounts(*unique(x, return_counts=True, equal_nan=False))


@implements(np.unique_inverse)
def unique_inverse(x: Any) -> Any:
    """As `numpy.unique_inverse`."""
    return UniqueInverse(*unique(x, return_inverse=True, equal_nan=False))


@implements(np.unique_values)
def unique_values(x: Any) -> Any:
    """As `numpy.unique_values`; sorted."""
    return unique(x, equal_nan=False)


def picked(values: Any, keep: Any) -> Any:
    """The elements of a vector where a condition holds; the condition is read."""
    return take_rows(values, np.flatnonzero(read(keep, "mask")), 0, "no")


def merged(ar1: Any, ar2: Any, assume_unique: bool) -> tuple[Any, Any]:
    """The elements of two sets, sorted together, and where they come from."""
    x, y = ravel(array(ar1)), ravel(array(ar2))
    if not assume_unique:
        x, y = unique(x), unique(y)
    both = concatenate([x, y])
    order = function_of(np.argsort)(both, kind="stable")
    return take_rows(both, order, 0, "no"), order


@implements(np.intersect1d)
def intersect1d(ar1: Any, ar2: Any, assume_unique: bool = False, return_indices: bool = False) -> Any:
    """As `numpy.intersect1d`: the sorted elements of both."""
    if return_indices:
        raise UnsupportedError(
            at_line("intersect1d with return_indices is not supported on traced arrays", hint="use np.isin and np.nonzero")
        )
    values, _ = merged(ar1, ar2, assume_unique)
    return picked(values[:-1], equal(values[1:], values[:-1])) if values.a.size > 1 else values[:0]


@implements(np.union1d)
def union1d(ar1: Any, ar2: Any) -> Any:
    """As `numpy.union1d`: the sorted elements of either."""
    return unique(concatenate([ravel(array(ar1)), ravel(array(ar2))]))


@implements(np.setxor1d)
def setxor1d(ar1: Any, ar2: Any, assume_unique: bool = False) -> Any:
    """As `numpy.setxor1d`: the sorted elements of one of them alone."""
    values, _ = merged(ar1, ar2, assume_unique)
    if values.a.size < 2:
        return values
    edge = array(np.ones(1, bool))
    differ = not_equal(values[1:], values[:-1])
    return picked(values, logical_and(concatenate([edge, differ]), concatenate([differ, edge])))


@implements(np.setdiff1d)
def setdiff1d(ar1: Any, ar2: Any, assume_unique: bool = False) -> Any:
    """As `numpy.setdiff1d`: the sorted elements of the first that are not in the second."""
    x = ravel(array(ar1)) if assume_unique else unique(ar1)
    return picked(x, isin(x, ar2, invert=True))


@implements(np.isin)
def isin(element: Any, test_elements: Any, assume_unique: bool = False, invert: bool = False, *, kind: Any = None) -> Any:
    """As `numpy.isin`: element by element, whether it is in test_elements. Nothing is read."""
    x, tests = array(element), ravel(array(test_elements))
    common = np.result_type(x.a.dtype, tests.a.dtype)
    x, tests = convert(x, common), convert(tests, common)
    if tests.a.size == 0:
        found = zeros(x.a.shape, bool)
    else:
        table = function_of(np.sort)(tests)
        where = minimum(function_of(np.searchsorted)(table, x), tests.a.size - 1)
        found = equal(take_rows(table, where, 0, "no"), x)
    return asarray(logical_not(found) if invert else found)


__all__ = [
    "unique", "unique_all", "unique_counts", "unique_inverse", "unique_values", "intersect1d", "union1d", "setxor1d", "setdiff1d",
    "isin",
]  # fmt: skip
