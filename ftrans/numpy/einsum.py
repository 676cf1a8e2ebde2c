"""einsum: Einstein sums over any number of operands, as diagonals, sums and pairwise products in the order NumPy's planner finds.

np.einsum("ij,jk->ik", a, b)      np.einsum("...ii->...i", a)      np.einsum(a, [0, 1], b, [1, 2])
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.bind import bind, bind_view
from ..core.trace import Tracer
from ..core.views import Copy
from ..errors import ShapeError, at_line
from ..ops.contraction import dot_general
from ..ops.elementwise import mul
from ..ops.indexing import Gather, Iota
from ..ops.structural import convert, reduce_sum, reshape, transpose
from .args import array, dtype_of
from .dispatch import implements, store_out

LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"


@implements(np.einsum)
def einsum(*operands: Any, out: Any = None, optimize: Any = False, dtype: Any = None, **kwargs: Any) -> Any:
    """As `numpy.einsum`: any subscripts, also repeated and implicit ones and ellipses; differentiable in all operands.

    Raises ValueError naming the operand whose shape does not fit its subscripts.

    >>> import numpy as np
    >>> einsum("ij,j->i", np.eye(2), np.array([1.0, 2.0]))
    array([1., 2.])
    """
    terms, result, xs = read_arguments(operands)
    if dtype is not None:
        xs = [convert(x, dtype_of(dtype)) for x in xs]
    common = np.result_type(*[x.a.dtype for x in xs])
    sizes = sizes_of(terms, xs)
    single = single_view(terms, result, xs)
    if single is not None and out is None:
        return convert(single, common)
    items = [
        simplified(x, term, terms[:k] + terms[k + 1 :], result, sizes) for k, (x, term) in enumerate(zip(xs, terms, strict=True))
    ]
    for pair in order_of(items, result):
        chosen = [items[k] for k in sorted(pair)]
        for k in sorted(pair, reverse=True):
            del items[k]
        merged = chosen[0]
        for other in chosen[1:]:
            keep = set(result).union(*[term for _, term in items])
            merged = multiplied(merged, other, keep)
        items.append(merged)
    new, term = items[0]
    new = convert(arranged(new, term, result), common)
    new = new[()] if not result else bind(Copy("?"), new)  # NumPy gives a scalar, or an array in an order of its own
    return new if out is None else store_out(out, new, "einsum")


def read_arguments(operands: tuple[Any, ...]) -> tuple[list[str], str, list[Tracer]]:
    """The subscripts of each operand and of the result, with ellipses spelled out; and the operands."""
    if isinstance(operands[0], str):
        spec, xs = operands[0].replace(" ", ""), [array(x) for x in operands[1:]]
    else:
        spec, xs = from_lists(operands)
    left, arrow, right = spec.partition("->")
    terms = left.split(",")
    if len(terms) != len(xs):
        raise ShapeError(at_line(f"einsum: the subscripts {spec!r} are for {len(terms)} operands, but {len(xs)} are given"))
    free = [c for c in LETTERS if c not in spec]
    widest = 0
    counts = []
    for term, x in zip(terms, xs, strict=True):
        named = len(term.replace("...", ""))
        if "..." not in term and named != x.ndim:
            raise ShapeError(at_line(f"einsum: the subscripts {term!r} name {named} axes, but the operand has shape {x.a.shape}"))
        if named > x.ndim:
            raise ShapeError(
                at_line(f"einsum: the subscripts {term!r} name {named} axes, more than the operand of shape {x.a.shape} has")
            )
        counts.append(x.ndim - named)
        widest = max(widest, counts[-1] if "..." in term else 0)
    dots = "".join(free[:widest])
    full = [term.replace("...", dots[widest - n :]) for term, n in zip(terms, counts, strict=True)]
    if arrow:
        result = right.replace("...", dots)
    else:
        joined = "".join(full)
        result = dots + "".join(sorted([c for c in set(joined) if joined.count(c) == 1 and c not in dots]))
    for c in result:
        if result.count(c) > 1 or not any([c in term for term in full]):
            raise ValueError(at_line(f"einsum: the result subscript {c!r} of {spec!r} occurs twice, or in no operand"))
    return full, result, xs


def from_lists(operands: tuple[Any, ...]) -> tuple[str, list[Tracer]]:
    """The alternative form: operand, list of axis numbers, operand, ... and perhaps the list of the result."""

    def spelled(numbers: Any) -> str:
        return "".join(["..." if n is Ellipsis else LETTERS[int(n)] for n in numbers])

    count = len(operands) // 2
    xs = [array(x) for x in operands[0 : 2 * count : 2]]
    spec = ",".join([spelled(numbers) for numbers in operands[1 : 2 * count : 2]])
    return spec + ("->" + spelled(operands[-1]) if len(operands) % 2 else ""), xs


def sizes_of(terms: list[str], xs: list[Tracer]) -> dict[str, int]:
    """The size of each subscript; raises unless it has one. Axes of size 1 broadcast."""
    sizes: dict[str, int] = {}
    for term, x in zip(terms, xs, strict=True):
        for c, n in zip(term, x.a.shape, strict=True):
            if sizes.setdefault(c, n) != n:
                if 1 not in (n, sizes[c]):
                    raise ShapeError(
                        at_line(
                            f"einsum: subscript {c!r} has size {sizes[c]} in one operand and {n} in the one of shape {x.a.shape}"
                        )
                    )
                sizes[c] = n if sizes[c] == 1 else sizes[c]
    return sizes


def single_view(terms: list[str], result: str, xs: list[Tracer]) -> Any:
    """`ij->ji`, `ii->i`: what neither multiplies nor adds up is a view of its operand, writable as in NumPy. Else None."""
    if len(xs) != 1 or set(terms[0]) != set(result) or not result:
        return None
    (x,), (term,) = xs, terms
    for c in result:
        while term.count(c) > 1:
            x, term = diagonal(x, term, c, bind_view)
    return transpose(x, tuple([term.index(c) for c in result]))


Item = tuple[Any, str]


def simplified(x: Any, term: str, others: list[str], result: str, sizes: dict[str, int]) -> Item:
    """An operand with repeated subscripts made diagonals, broadcast axes dropped, and subscripts that occur nowhere else summed."""
    for c in dict.fromkeys(term):
        while term.count(c) > 1:
            x, term = diagonal(x, term, c)
    elsewhere = set(result).union(*others) if others else set(result)
    alone = tuple([k for k, c in enumerate(term) if c not in elsewhere])
    if alone:
        x, term = summed(x, alone), "".join([c for k, c in enumerate(term) if k not in alone])
    ones = [k for k, c in enumerate(term) if x.a.shape[k] == 1 and sizes[c] != 1]
    if ones:
        x = reshape(x, tuple([n for k, n in enumerate(x.a.shape) if k not in ones]))
        term = "".join([c for k, c in enumerate(term) if k not in ones])
    return x, term


def summed(x: Any, axes: tuple[int, ...]) -> Any:
    """A sum in the dtype of x, as einsum adds up."""
    return convert(reduce_sum(x, axes), x.a.dtype)


def diagonal(x: Any, term: str, c: str, make: Any = bind) -> Item:
    """x with the first two axes named c made one."""
    i = term.index(c)
    j = term.index(c, i + 1)
    n = max(x.a.shape[i], x.a.shape[j])
    line = bind(Iota(n, np.dtype(np.int64)))
    zero = line * 0
    first, second = (line if x.a.shape[k] == n else zero for k in (i, j))
    rest = "".join([d for k, d in enumerate(term) if k not in (i, j)])
    return make(Gather((i, j), "no"), x, first, second), c + rest


def order_of(items: list[Item], result: str) -> list[tuple[int, ...]]:
    """Which operands to multiply, in which order."""
    if len(items) <= 2:
        return [tuple(range(len(items)))] if len(items) == 2 else []
    spec = ",".join([term for _, term in items]) + "->" + "".join([c for c in result if any([c in term for _, term in items])])
    shapes = [np.broadcast_to(np.zeros(()), x.a.shape) for x, _ in items]
    return [tuple(pair) for pair in np.einsum_path(spec, *shapes, optimize="greedy")[0][1:]]


def multiplied(left: Item, right: Item, keep: set[str]) -> Item:
    """The product of two operands, summed over the subscripts that nothing else needs."""
    (x, a), (y, b) = left, right
    gone = tuple([k for k, c in enumerate(a) if c not in b and c not in keep])
    if gone:
        x, a = summed(x, gone), "".join([c for k, c in enumerate(a) if k not in gone])
    gone = tuple([k for k, c in enumerate(b) if c not in a and c not in keep])
    if gone:
        y, b = summed(y, gone), "".join([c for k, c in enumerate(b) if k not in gone])
    contract = [c for c in a if c in b and c not in keep]
    batch = [c for c in a if c in b and c in keep]
    if not contract:
        names = [*batch, *[c for c in a if c not in batch], *[c for c in b if c not in batch]]
        return mul(spread(x, a, names), spread(y, b, names)), "".join(names)
    out = dot_general(
        x, y, tuple([a.index(c) for c in contract]), tuple([b.index(c) for c in contract]),
        tuple([a.index(c) for c in batch]), tuple([b.index(c) for c in batch]),
    )  # fmt: skip
    return out, "".join([*batch, *[c for c in a if c not in b], *[c for c in b if c not in a]])


def spread(x: Any, term: str, names: list[str]) -> Any:
    """x with its axes in the order of names, and axes of size 1 for those it lacks."""
    order = [c for c in names if c in term]
    x = transpose(x, tuple([term.index(c) for c in order]))
    size = dict(zip(order, x.a.shape, strict=True))
    return reshape(x, tuple([size.get(c, 1) for c in names]))


def arranged(x: Any, term: str, result: str) -> Any:
    """The axes in the order of the result."""
    gone = tuple([k for k, c in enumerate(term) if c not in result])
    if gone:
        x, term = summed(x, gone), "".join([c for c in term if c in result])
    return transpose(x, tuple([term.index(c) for c in result]))


@implements(np.einsum_path)
def einsum_path(*operands: Any, optimize: Any = "greedy", einsum_call: bool = False) -> Any:
    """As `numpy.einsum_path`: depends on shapes alone."""
    plain = [np.broadcast_to(np.zeros(()), x.shape) if isinstance(x, Tracer) else x for x in operands]
    return np.einsum_path(*plain, optimize=optimize)  # type: ignore[arg-type]


__all__ = ["einsum", "einsum_path"]
