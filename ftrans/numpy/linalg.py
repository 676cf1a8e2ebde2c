"""numpy.linalg as far as it is sums and products: norms, matrix_power, multi_dot and the array API's names for products.

What needs LAPACK (solve, inv, det, svd ...) raises UnsupportedError on traced arrays and is NumPy's own function elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable
from operator import index
from typing import Any

import numpy as np
from numpy.linalg import LinAlgError

from .. import pytree
from ..core.trace import Tracer
from ..errors import ShapeError, UnsupportedError, at_line, shown
from ..ops import elementwise as ops
from ..ops.structural import convert, reshape
from . import products, reductions, selecting, shapes
from .args import array, axes_of, axis_of
from .creation import eye
from .dispatch import functions, implements, store_out
from .pointwise import as_scalar


def needs(name: str) -> UnsupportedError:
    """The error for what is computed by LAPACK."""
    return UnsupportedError(
        at_line(
            f"numpy.linalg.{name} is not supported on traced arrays: linear algebra by LAPACK comes in a later release",
            hint="compute it outside of the transformed function",
        )
    )


def by_lapack(theirs: Callable[..., Any]) -> Callable[..., Any]:
    """NumPy's function, with an error that says what is missing where an argument is traced."""

    def function(*args: Any, **kwargs: Any) -> Any:
        if any([isinstance(x, Tracer) for x in pytree.flatten((args, kwargs))[0]]):
            raise needs(theirs.__name__)
        return theirs(*args, **kwargs)

    function.__name__ = function.__qualname__ = theirs.__name__
    function.__doc__ = f"As `numpy.linalg.{theirs.__name__}`, on arrays that are not traced."
    functions[theirs] = function
    return function


cholesky, cond, det, eig, eigh = [
    by_lapack(f) for f in (np.linalg.cholesky, np.linalg.cond, np.linalg.det, np.linalg.eig, np.linalg.eigh)
]
eigvals, eigvalsh, inv, lstsq = [by_lapack(f) for f in (np.linalg.eigvals, np.linalg.eigvalsh, np.linalg.inv, np.linalg.lstsq)]
matrix_rank, pinv, qr, slogdet = [by_lapack(f) for f in (np.linalg.matrix_rank, np.linalg.pinv, np.linalg.qr, np.linalg.slogdet)]
solve, svd, svdvals = [by_lapack(f) for f in (np.linalg.solve, np.linalg.svd, np.linalg.svdvals)]
tensorinv, tensorsolve = [by_lapack(f) for f in (np.linalg.tensorinv, np.linalg.tensorsolve)]


# Norms


def squares(x: Any) -> Any:
    """|x|**2."""
    if x.a.dtype.kind == "c":
        return ops.add(ops.square(ops.real(x)), ops.square(ops.imag(x)))
    return ops.square(x)


def p_norm(x: Any, p: Any, axes: tuple[int, ...], keepdims: Any) -> Any:
    """sum(|x|**p) ** (1/p). Where all of x is 0 its derivative is taken as 0."""
    total = reductions.sum(ops.static_power(ops.absolute(x), p), axes, keepdims=keepdims)
    root = total.a.dtype.type(1) / total.a.dtype.type(p)
    if p < 0:
        return ops.power(total, root)
    zero = ops.equal(total, 0)
    nonzero = ops.select(zero, total.a.dtype.type(1), total)
    return as_scalar(ops.select(zero, total.a.dtype.type(0), ops.power(nonzero, root)))


def of_vectors(x: Any, p: Any, axes: tuple[int, ...], keepdims: Any) -> Any:
    """The norm of order p along an axis."""
    if p is None or p == 2:
        return ops.root_of_squares(reductions.sum(squares(x), axes, keepdims=keepdims))
    if isinstance(p, str):
        raise ValueError(at_line(f"Invalid norm order '{p}' for vectors"))
    if p == np.inf:
        return reductions.max(ops.absolute(x), axes, keepdims=keepdims, initial=0)
    if p == -np.inf:
        return reductions.min(ops.absolute(x), axes, keepdims=keepdims)
    if p == 0:
        real = np.zeros(0, x.a.dtype).real.dtype
        return reductions.sum(convert(ops.not_equal(x, 0), real), axes, keepdims=keepdims)
    if p == 1:
        return reductions.sum(ops.absolute(x), axes, keepdims=keepdims)
    return p_norm(x, p, axes, keepdims)


def of_matrices(x: Any, p: Any, axes: tuple[int, ...], keepdims: Any) -> Any:
    """The norm of order p of the matrices over two axes."""
    row, column = axes
    if p in (None, "fro", "f"):
        return ops.root_of_squares(reductions.sum(squares(x), axes, keepdims=keepdims))
    if p in (2, -2, "nuc"):
        raise needs(f"norm of order {p!r} (by svd)")
    if isinstance(p, str) or abs(p) not in (1, np.inf):
        raise ValueError(at_line("Invalid norm order for matrices."))
    along, over = (row, column) if abs(p) == 1 else (column, row)
    sums = reductions.sum(ops.absolute(x), along, keepdims=True)
    result = reductions.max(sums, over, keepdims=True, initial=0) if p > 0 else reductions.min(sums, over, keepdims=True)
    if keepdims:
        return result
    shape = tuple([n for k, n in enumerate(x.a.shape) if k not in axes])
    return reductions.sum(result, axes) if not shape else reshape(result, shape)


@implements(np.linalg.norm)
def norm(x: Any, ord: Any = None, axis: Any = None, keepdims: Any = False) -> Any:
    """The norm of vectors and matrices, as `numpy.linalg.norm`; those of order 2, -2 and "nuc" of matrices need svd.

    At 0 norms have no derivative; ftrans gives 0, the mean of all directions.

    >>> ft.grad(np.linalg.norm)(np.array([3.0, 4.0]))
    array([0.6, 0.8])
    >>> ft.grad(np.linalg.norm)(np.zeros(2))
    array([0., 0.])
    """
    v = array(x)
    if not v.a.inexact:
        v = convert(v, np.float64)
    n = v.a.ndim
    if axis is None:
        if ord is None or (n == 2 and ord in ("f", "fro")) or (n == 1 and ord == 2):
            flat = ops.root_of_squares(reductions.sum(squares(v)))
            return reshape(flat, (1,) * n) if keepdims and n else flat
        axes = tuple(range(n))
    else:
        if not isinstance(axis, tuple):
            try:
                axis = (int(axis),)
            except Exception:
                raise TypeError(at_line(f"'axis' must be None, an integer or a tuple of integers, got {shown(axis)}")) from None
        if len(axis) == 2:
            axes = tuple([axis_of(k, n, "norm") for k in axis])
            if axes[0] == axes[1]:
                raise ValueError(at_line("Duplicate axes given."))
        else:
            axes = axes_of(axis, n, "norm")
    if len(axes) == 1:
        return of_vectors(v, ord, axes, keepdims)
    if len(axes) == 2:
        return of_matrices(v, ord, axes, keepdims)
    raise ValueError(at_line("Improper number of dimensions to norm."))


@implements(np.linalg.vector_norm)
def vector_norm(x: Any, /, *, axis: Any = None, keepdims: Any = False, ord: Any = 2) -> Any:
    """The norm of order `ord` over axes (all for None), as `numpy.linalg.vector_norm`."""
    v = array(x)
    n = v.a.ndim
    axes = tuple(range(n)) if axis is None else axes_of(axis, n, "vector_norm")
    if axis is None or isinstance(axis, tuple):
        rest = [k for k in range(n) if k not in axes]
        v = shapes.moveaxis(v, axes, tuple(range(len(axes))))
        size = int(np.prod(v.a.shape[: len(axes)], dtype=np.int64))
        result = norm(reshape(v, (size, *v.a.shape[len(axes) :])), ord, 0)
        kept = tuple([array(x).a.shape[k] if k in rest else 1 for k in range(n)])
        return reshape(result, kept) if keepdims and n else result
    return norm(v, ord, axes, keepdims)


@implements(np.linalg.matrix_norm)
def matrix_norm(x: Any, /, *, keepdims: Any = False, ord: Any = "fro") -> Any:
    """The norm of the matrices over the last two axes, as `numpy.linalg.matrix_norm`."""
    return norm(x, ord, (-2, -1), keepdims)


# Products and their like, under the array API's signatures


@implements(np.linalg.trace)
def trace(x: Any, /, *, offset: Any = 0, dtype: Any = None) -> Any:
    """The sums of the diagonals of the last two axes."""
    return selecting.trace(x, offset, -2, -1, dtype)


@implements(np.linalg.diagonal)
def diagonal(x: Any, /, *, offset: Any = 0) -> Any:
    """The diagonals of the last two axes."""
    return selecting.diagonal(x, offset, -2, -1)


@implements(np.linalg.outer)
def outer(x1: Any, x2: Any, /) -> Any:
    """The products x1[i] * x2[j] of two vectors."""
    x, y = array(x1), array(x2)
    if x.a.ndim != 1 or y.a.ndim != 1:
        raise ShapeError(at_line(f"Input arrays must be one-dimensional, but they are x1.ndim={x.a.ndim} and x2.ndim={y.a.ndim}."))
    return products.outer(x, y)


@implements(np.linalg.cross)
def cross(x1: Any, x2: Any, /, *, axis: Any = -1) -> Any:
    """The vector product over an axis of size 3."""
    x, y = array(x1), array(x2)
    sizes = [v.a.shape[axis_of(axis, v.a.ndim, "cross")] for v in (x, y)]
    if sizes != [3, 3]:
        raise ShapeError(
            at_line(f"Both input arrays must be (arrays of) 3-dimensional vectors, but they are {sizes[0]} and {sizes[1]}.")
        )
    return products.cross(x, y, axis=axis)


@implements(np.linalg.tensordot)
def tensordot(x1: Any, x2: Any, /, *, axes: Any = 2) -> Any:
    """As `numpy.tensordot`."""
    return products.tensordot(x1, x2, axes)


@implements(np.linalg.matmul)
def matmul(x1: Any, x2: Any, /) -> Any:
    """As `numpy.matmul`."""
    return products.matmul(x1, x2)


@implements(np.linalg.vecdot)
def vecdot(x1: Any, x2: Any, /, *, axis: Any = -1) -> Any:
    """As `numpy.vecdot`."""
    return products.vecdot(x1, x2, axis=axis)


@implements(np.linalg.matrix_transpose)
def matrix_transpose(x: Any, /) -> Any:
    """As `numpy.matrix_transpose`."""
    return shapes.matrix_transpose(x)


@implements(np.linalg.matrix_power)
def matrix_power(a: Any, n: Any) -> Any:
    """The n-th power of square matrices for n >= 0, as `numpy.linalg.matrix_power`."""
    x = array(a)
    if x.a.ndim < 2:
        raise LinAlgError(at_line(f"{x.a.ndim}-dimensional array given. Array must be at least two-dimensional"))
    if x.a.shape[-1] != x.a.shape[-2]:
        raise LinAlgError(at_line("Last 2 dimensions of the array must be square"))
    try:
        exponent = index(n)
    except TypeError:
        raise TypeError(at_line("exponent must be an integer")) from None
    if exponent < 0:
        raise needs("matrix_power with a negative exponent (by inv)")
    if exponent == 0:
        return shapes.copy(shapes.broadcast_to(eye(x.a.shape[-1], dtype=x.a.dtype), x.a.shape))
    if exponent == 3:
        return products.matmul(products.matmul(x, x), x)
    result, square = None, None
    while exponent:
        square = x if square is None else products.matmul(square, square)
        exponent, odd = divmod(exponent, 2)
        if odd:
            result = square if result is None else products.matmul(result, square)
    return shapes.copy(result) if result is x else result


@implements(np.linalg.multi_dot)
def multi_dot(arrays: Any, *, out: Any = None) -> Any:
    """The product of several matrices in the order that costs least, as `numpy.linalg.multi_dot`."""
    xs = [array(x) for x in arrays]
    if len(xs) < 2:
        raise ValueError(at_line("Expecting at least two arrays."))
    first, last = xs[0].a.ndim, xs[-1].a.ndim
    if len(xs) == 2:
        result = products.dot(*xs)
        return result if out is None else store_out(out, result, "multi_dot")
    if first == 1:
        xs[0] = reshape(xs[0], (1, xs[0].a.size))
    if last == 1:
        xs[-1] = reshape(xs[-1], (xs[-1].a.size, 1))
    for x in xs:
        if x.a.ndim != 2:
            raise LinAlgError(at_line(f"{x.a.ndim}-dimensional array given. Array must be two-dimensional"))
    split = best_splits([x.a.shape[0] for x in xs] + [xs[-1].a.shape[1]])
    result = chained(xs, split, 0, len(xs) - 1)
    shape = (*[n for n, vector in zip(result.a.shape, (first == 1, last == 1), strict=True) if not vector],)
    if first == last == 1:
        result = reductions.sum(result)
    elif 1 in (first, last):
        result = reshape(result, shape)
    return result if out is None else store_out(out, result, "multi_dot")


def best_splits(sizes: list[int]) -> dict[tuple[int, int], int]:
    """Where to split the product of matrices i to j of shapes (sizes[k], sizes[k + 1]); Cormen et al., Algorithms, 15.2."""
    n = len(sizes) - 1
    cost = {(i, i): 0 for i in range(n)}
    split = {}
    for span in range(1, n):
        for i in range(n - span):
            j = i + span
            options = [(cost[i, k] + cost[k + 1, j] + sizes[i] * sizes[k + 1] * sizes[j + 1], k) for k in range(i, j)]
            cost[i, j], split[i, j] = min(options)
    return split


def chained(xs: list[Any], split: dict[tuple[int, int], int], i: int, j: int) -> Any:
    """The product of matrices i to j."""
    if i == j:
        return xs[i]
    k = split[i, j]
    return products.dot(chained(xs, split, i, k), chained(xs, split, k + 1, j))


__all__ = [
    "LinAlgError", "cholesky", "cond", "cross", "det", "diagonal", "eig", "eigh", "eigvals", "eigvalsh", "inv", "lstsq", "matmul",
    "matrix_norm", "matrix_power", "matrix_rank", "matrix_transpose", "multi_dot", "norm", "outer", "pinv", "qr",
    "slogdet", "solve", "svd", "svdvals", "tensordot", "tensorinv", "tensorsolve", "trace", "vecdot", "vector_norm",
]  # fmt: skip
