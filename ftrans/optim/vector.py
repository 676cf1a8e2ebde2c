"""Trees of parameters as flat vectors and back: `Space(x0)` knows the structure, shapes and dtypes of x0.

    space = Space({"w": np.zeros((3, 2)), "b": 0.0}, "minimize")
    v = space.flat(tree)          a float64 vector of space.size elements, in the order of `ft.tree.leaves`
    space.tree(v)                 the tree again, each leaf in its own dtype

Solvers work on float64 vectors; the user's functions see trees.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from .. import pytree
from ..core.trace import Tracer
from ..errors import ArgumentError, ShapeError, UnsupportedError, at_line, shown

Vector = np.ndarray[Any, Any]


NUMBERS = (int, float, np.integer, np.floating)


class Part(NamedTuple):
    """Where in the vector a leaf stands, and what it looks like."""

    name: str
    start: int
    stop: int
    shape: tuple[int, ...]
    dtype: Any
    scalar: bool  # a number rather than an array

    def take(self, v: Vector) -> Any:
        """The leaf of this vector; complex where the vector is, for derivatives by a complex step."""
        dtype = self.dtype if v.dtype.kind != "c" else np.result_type(self.dtype, np.complex64)
        if self.scalar:
            return dtype.type(v[self.start])
        return v[self.start : self.stop].reshape(self.shape).astype(dtype, copy=False)


class Space:
    """The vectors that stand for trees like `example`. Integers in it are taken for float64 numbers.

    who, name: the function and the argument to blame in errors.
    """

    def __init__(self, example: Any, who: str, name: str = "x0") -> None:
        self.who, self.name = who, name
        found, self.structure = pytree.flatten_with_path(example)
        self.parts: list[Part] = []
        start = 0
        for path, leaf in found:
            array = checked_leaf(leaf, f"{who}: {name}{pytree.keystr(path)}")
            scalar = not isinstance(leaf, np.ndarray) and not array.ndim
            dtype = np.dtype(float) if array.dtype.kind in "iu" else array.dtype.newbyteorder("=")
            self.parts.append(Part(name + pytree.keystr(path), start, start + array.size, array.shape, dtype, scalar))
            start += array.size
        self.size = start
        if not start:
            raise ArgumentError(at_line(f"{who}: {name} has no elements: there is nothing to vary", hint="pass arrays or numbers"))
        self.plain = self.structure is pytree.LEAF and len(self.parts[0].shape) == 1 and self.parts[0].dtype == np.dtype(float)

    def tree(self, v: Vector) -> Any:
        """The tree of this vector; float64 leaves may share its memory."""
        if self.plain:
            return v if v.dtype.kind != "i" else v.astype(float)  # SciPy evaluates equal bounds as they were given
        return pytree.unflatten(self.structure, [part.take(v) for part in self.parts])

    def copy(self, v: Vector) -> Any:
        """The tree of a copy of this vector."""
        return self.tree(np.array(v, float))

    def flat(self, tree: Any, name: str = "") -> Vector:
        """The vector of a tree; it must have the structure and the shapes of the example."""
        if self.plain and type(tree) is np.ndarray and tree.shape == self.parts[0].shape:
            return tree.astype(float, copy=False)
        leaves = self.structure.flatten_up_to(tree, api=self.who, name=name or self.name)
        arrays = []
        for leaf, part in zip(leaves, self.parts, strict=True):
            array = np.asarray(leaf, float)
            if array.shape != part.shape:
                where = (name or self.name) + part.name.removeprefix(self.name)
                raise ShapeError(
                    at_line(
                        f"{self.who}: {where} has shape {array.shape}, but {part.name} has shape {part.shape}",
                        hint=f"give {name or self.name} the structure and the shapes of {self.name}",
                    )
                )
            arrays.append(array.ravel())
        return np.concatenate(arrays)

    def shaped(self, v: Vector) -> Any:
        """As `tree`, in the dtype of v: for what belongs to the elements of x and is no value of it."""
        parts = [v[part.start : part.stop].reshape(part.shape)[()] for part in self.parts]
        return pytree.unflatten(self.structure, parts)

    def columns(self, matrix: Vector) -> Any:
        """A matrix (m, size) as a tree of arrays (m, *shape of the leaf): a Jacobian by columns."""
        if self.plain:
            return matrix
        parts = [matrix[:, part.start : part.stop].reshape(len(matrix), *part.shape) for part in self.parts]
        return pytree.unflatten(self.structure, parts)

    def spread(self, prefix: Any, name: str, missing: float) -> Vector:
        """The vector of a prefix of the tree: numbers for whole subtrees, arrays that broadcast to a leaf; None is `missing`.

        Beside one array a list of numbers (and None) is an array.
        """
        if self.structure is pytree.LEAF and isinstance(prefix, list | tuple):
            prefix = starting_point([missing if x is None else x for x in prefix], self.who, name)
        example = pytree.unflatten(self.structure, [0.0] * len(self.parts))
        per_leaf = pytree.broadcast_prefix(prefix, example, lambda x: x is None, api=self.who, name=name)
        v = np.empty(self.size)
        for value, part in zip(per_leaf, self.parts, strict=True):
            try:
                v[part.start : part.stop] = np.broadcast_to(
                    missing if value is None else np.asarray(value, float), part.shape
                ).ravel()
            except ValueError:
                raise ShapeError(
                    at_line(f"{self.who}: {name} {shown(value)} does not broadcast to {part.name} of shape {part.shape}")
                ) from None
        return v

    def check_finite(self, v: Vector) -> None:
        """Raise where a starting point holds nan or infinity."""
        for part in self.parts:
            if not np.isfinite(v[part.start : part.stop]).all():
                raise ArgumentError(at_line(f"{self.who}: {part.name} contains nan or infinity", hint="start at finite numbers"))


def starting_point(x0: Any, who: str, name: str = "x0") -> Any:
    """x0, where lists and tuples of nothing but numbers, nested or not, are an array, as SciPy takes them."""
    if not is_numbers(x0):
        return x0
    try:
        return np.array(x0, float)
    except ValueError:
        hint = "give rows of one length; or a tree, whose leaves are arrays: [np.array([1.0]), np.array([2.0, 3.0])]"
        raise ArgumentError(at_line(f"{who}: {name} has rows of different lengths: {shown(x0)}", hint=hint)) from None


def is_numbers(x: Any) -> bool:
    """Whether this is a list or tuple of numbers, or of such lists."""
    if type(x) not in (list, tuple) or not x:
        return False
    return all([is_numbers(each) or (isinstance(each, NUMBERS) and not isinstance(each, bool)) for each in x])


def checked_leaf(leaf: Any, name: str) -> Vector:
    """A leaf as an array of real numbers, or the error."""
    if isinstance(leaf, Tracer):
        raise UnsupportedError(
            at_line(
                f"{name} is traced: a solver runs on values, not inside jit, grad or vmap",
                hint="call the solver outside; the function that it minimises may be jitted",
            )
        )
    try:
        array = np.asarray(leaf)
    except ValueError:  # a ragged list of a class that is no pytree
        array = np.asarray(None)
    kind = array.dtype.kind
    if kind in "fiu":
        return array
    if kind == "b":
        what, hint = f"has dtype {array.dtype}", "write 1.0 for True, or convert it: .astype(float)"
    elif kind == "c":
        what, hint = f"has dtype {array.dtype}", "minimise over the real and the imaginary part: {'re': z.real, 'im': z.imag}"
    else:
        what = f"is {shown(leaf)} of type {type(leaf).__name__}"
        hint = "take it out of the tree, or mark it static: tree_util.register_dataclass"
    raise ArgumentError(at_line(f"{name} {what}; the parameters must be real numbers", hint=hint))


def bound(fun: Callable[..., Any], args: Any, who: str) -> Callable[[Any], Any]:
    """`fun(x, *args)` as a function of x under the name of `fun`. args that are no tuple are one argument, as in SciPy."""
    if not callable(fun):
        raise ArgumentError(
            at_line(f"{who} expects a function, got {shown(fun)} of type {type(fun).__name__}", hint=f"write {who}(f, x0)")
        )
    args = args if isinstance(args, tuple) else (args,)
    if not args:
        return fun

    def of_x(x: Any) -> Any:
        return fun(x, *args)

    of_x.__name__ = of_x.__qualname__ = getattr(fun, "__name__", type(fun).__name__)
    return of_x


__all__ = ["Part", "Space", "Vector", "bound", "starting_point"]
