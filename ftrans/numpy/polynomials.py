"""Polynomials as coefficients, the highest power first: polyval, polyder, polyint, polyadd, polysub, polymul, polydiv."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.bind import bind
from ..core.reads import read
from ..errors import at_line
from ..ops import elementwise as ops
from ..ops.indexing import Iota
from ..ops.structural import broadcast, convert, reshape
from .args import array
from .creation import fresh, scalar, zeros_like
from .dispatch import implements
from .joining import concatenate
from .pointwise import allclose
from .selecting import trim_zeros
from .shapes import atleast_1d
from .signal import convolve


def powers(n: int) -> Any:
    """n, n - 1, ..., 1."""
    return ops.sub(n, bind(Iota(n, np.dtype(np.int64))))


def coefficients(p: Any) -> Any:
    """A polynomial as an array of at least one dimension."""
    c = array(p)
    if not c.a.ndim:
        raise TypeError(at_line("the coefficients of a polynomial must be an array of at least one dimension"))
    return c


@implements(np.polyval)
def polyval(p: Any, x: Any) -> Any:
    """The polynomial p[0] * x**(n-1) + ... + p[n-1] at x, as `numpy.polyval`; differentiable in both.

    >>> float(ft.grad(np.polyval, 1)(np.array([1.0, 0.0, 5.0]), 3.0))
    6.0
    """
    c, at = coefficients(p), array(x)
    if at.a.weak:
        at = convert(at, at.a.dtype)
    total = zeros_like(at)
    for k in range(c.a.shape[0]):
        total = ops.add(ops.mul(total, at), c[k])
    return total


def order_of(m: Any, what: str) -> int:
    """The order of a derivative or an integral."""
    n = int(m)
    if n < 0:
        raise ValueError(at_line(f"Order of {what} must be positive"))
    return n


@implements(np.polyder)
def polyder(p: Any, m: int = 1) -> Any:
    """The m-th derivative of a polynomial, as `numpy.polyder`."""
    c = coefficients(p)
    for _ in range(order_of(m, "derivative")):
        n = c.a.shape[0] - 1
        c = ops.mul(c[:-1], powers(n) if n > 0 else array(np.zeros(0, np.int64)))
    return c


@implements(np.polyint)
def polyint(p: Any, m: int = 1, k: Any = None) -> Any:
    """The m-th integral of a polynomial, with the constants k, as `numpy.polyint`."""
    times = order_of(m, "integral")
    constants = array(np.zeros(times)) if k is None else atleast_1d(array(k))
    if constants.a.size == 1 and times > 1:
        constants = broadcast(ops.mul(reshape(constants, ()), 1.0), (times,))
    if constants.a.shape[0] < times:
        raise ValueError(at_line("k must be a scalar or a rank-1 array of length 1 or >m."))
    c = coefficients(p) if times else array(p)
    for j in range(times):
        c = concatenate([ops.div(c, powers(c.a.shape[0])), constants[j : j + 1]])
    return c


def aligned(a1: Any, a2: Any) -> list[Any]:
    """Two polynomials with as many coefficients, zeros in front of the shorter one."""
    pair = [atleast_1d(array(a)) for a in (a1, a2)]
    n = max([x.a.shape[0] for x in pair])
    return [concatenate([fresh(scalar(0, x.a.dtype), (n - x.a.shape[0],)), x]) if x.a.shape[0] < n else x for x in pair]


@implements(np.polyadd)
def polyadd(a1: Any, a2: Any) -> Any:
    """The sum of two polynomials, as `numpy.polyadd`."""
    return ops.add(*aligned(a1, a2))


@implements(np.polysub)
def polysub(a1: Any, a2: Any) -> Any:
    """The difference of two polynomials, as `numpy.polysub`."""
    return ops.sub(*aligned(a1, a2))


def trimmed(p: Any) -> Any:
    """A polynomial without leading zeros; which coefficients are zero is read."""
    c = atleast_1d(array(p))
    if c.a.ndim > 1:
        raise ValueError(at_line("Polynomial must be 1d only."))
    c = trim_zeros(c, "f")
    return c if c.a.size else fresh(scalar(0, c.a.dtype), (1,))


@implements(np.polymul)
def polymul(a1: Any, a2: Any) -> Any:
    """The product of two polynomials, as `numpy.polymul`: leading zeros are dropped first, for which the values are read."""
    return convolve(trimmed(a1), trimmed(a2))


@implements(np.polydiv)
def polydiv(u: Any, v: Any) -> Any:
    """Quotient and remainder of two polynomials, as `numpy.polydiv`: zeros in front of the remainder are dropped, by value."""
    top, bottom = [ops.add(atleast_1d(array(x)), 0.0) for x in (u, v)]
    m, n = top.a.shape[0] - 1, bottom.a.shape[0] - 1
    scale = ops.div(1.0, bottom[0])
    kind = ops.add(top[0], bottom[0]).a.dtype
    rest = convert(top, kind)
    quotient, heads = [], []
    for _ in range(m - n + 1):
        d = convert(ops.mul(scale, rest[0]), kind)
        quotient.append(reshape(d, (1,)))
        rest = concatenate([ops.sub(rest[: n + 1], convert(ops.mul(d, bottom), kind)), rest[n + 1 :]])
        heads.append(rest[:1])
        rest = rest[1:]
    rest = concatenate([*heads, rest])
    while rest.a.shape[0] > 1 and read(allclose(rest[0], 0, rtol=1e-14), "bool"):
        rest = rest[1:]
    return concatenate(quotient) if quotient else fresh(scalar(0, kind), (1,)), rest


__all__ = ["polyadd", "polyder", "polydiv", "polyint", "polymul", "polysub", "polyval"]
