"""Sorting and searching: sort, argsort, searchsorted."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.aval import INT, Aval, aval
from ..core.bind import bind
from ..core.primitive import Primitive
from ..errors import ShapeError, at_line
from .reductions import arrays, take_along
from .structural import broadcast, move_axis, reshape


class Sort(Primitive):
    """The elements in ascending order along an axis, nan last."""

    axis: int

    def aval(self, x: Aval) -> Aval:
        return aval(x.shape, x.dtype, False, False)

    def eval(self, x: Any) -> Any:
        return np.sort(x, axis=self.axis)

    def jvp(self, primals: tuple[Any, ...], tangents: tuple[Any, ...], out: Any) -> Any:
        return take_along(tangents[0], argsort(primals[0], self.axis), self.axis)

    def vmap(self, size: int, args: tuple[Any, ...], dims: tuple[int | None, ...]) -> tuple[Any, Any]:
        return sort(move_axis(args[0], dims[0], 0), self.axis + 1), 0

    @classmethod
    def examples(cls) -> list[Any]:
        return [*[(cls(0), (x,)) for x in arrays()], (cls(1), (arrays()[0],)), (cls(0), (np.array([3, 1, 2]),))]


class ArgSort(Primitive):
    """The positions of the elements in ascending order along an axis; with stable=True equal ones keep their order."""

    axis: int
    stable: bool = True
    name = "argsort"

    def aval(self, x: Aval) -> Aval:
        return aval(x.shape, INT, False, False)

    def eval(self, x: Any) -> Any:
        return np.argsort(x, axis=self.axis, kind="stable" if self.stable else None)

    def jvp(self, primals: tuple[Any, ...], tangents: tuple[Any, ...], out: Any) -> Any:
        return None

    def vmap(self, size: int, args: tuple[Any, ...], dims: tuple[int | None, ...]) -> tuple[Any, Any]:
        return argsort(move_axis(args[0], dims[0], 0), self.axis + 1, self.stable), 0

    @classmethod
    def examples(cls) -> list[Any]:
        return [*[(cls(0), (x,)) for x in arrays()], (cls(1, False), (arrays()[0],)), (cls(0), (np.array([3, 1, 3, 1, 2]),))]


class SearchSorted(Primitive):
    """Where to put v into the sorted 1-d array a: before equal elements (side left) or after them.

    batched: both have a leading axis, and row k of v is put into row k of a.
    """

    side: str
    batched: bool = False
    nin = 2
    name = "searchsorted"

    def aval(self, a: Aval, v: Aval) -> Aval:
        if a.ndim != 1 + self.batched:
            raise ShapeError(at_line(f"searchsorted needs a 1-d array to search in, got shape {a.shape[self.batched :]}"))
        return aval(v.shape, INT)

    def eval(self, a: Any, v: Any) -> Any:
        if not self.batched:
            return np.searchsorted(a, v, side=self.side)  # type: ignore[call-overload]
        rows = [np.searchsorted(x, y, side=self.side) for x, y in zip(a, v, strict=True)]  # type: ignore[call-overload]
        return np.array(rows, np.int64).reshape(np.shape(v))

    def jvp(self, primals: tuple[Any, ...], tangents: tuple[Any, ...], out: Any) -> Any:
        return None

    def vmap(self, size: int, args: tuple[Any, ...], dims: tuple[int | None, ...]) -> tuple[Any, Any]:
        if dims[0] is None and not self.batched:
            return bind(self, *args), dims[1]
        a, v = [broadcast(x, (size, *x.shape)) if d is None else move_axis(x, d, 0) for x, d in zip(args, dims, strict=True)]
        op = SearchSorted(self.side, True)
        if not self.batched:
            return bind(op, a, v), 0
        count = size * a.shape[1]
        out = bind(op, reshape(a, (count, *a.shape[2:])), reshape(v, (count, *v.shape[2:])))
        return reshape(out, v.shape), 0

    @classmethod
    def examples(cls) -> list[Any]:
        a, v = np.array([-1.0, 0.5, 0.5, 2.0]), np.array([[-2.0, 0.5, 1.0], [3.0, 0.5, -1.0]])
        return [
            *[(cls(side), (a, v)) for side in ("left", "right")],
            (cls("left"), (a.astype(np.float32), np.float32(0.7))),
            (cls("left"), (a[:0], v)),
            (cls("right", True), (np.stack([a, a + 1]), v)),
        ]


def sort(x: Any, axis: int) -> Any:
    """x in ascending order along an axis."""
    return bind(Sort(axis), x)


def argsort(x: Any, axis: int, stable: bool = True) -> Any:
    """The positions that sort x along an axis."""
    return bind(ArgSort(axis, stable), x)


__all__ = ["ArgSort", "SearchSorted", "Sort", "argsort", "sort"]
