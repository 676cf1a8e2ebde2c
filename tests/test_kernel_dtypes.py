"""Kernels over every dtype: each primitive that can be part of a kernel gives what its `eval` gives, for random and special values.

Bit for bit where the operation is exact; else to a few units in the last place, for complex numbers in that of the larger part.
"""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from laws import EXACT

import ftrans as ft
import ftrans.nn  # noqa: F401 - for the primitives that are known once it is imported
from ftrans.backends.numba import opscomplex, ops
from ftrans.core.aval import aval
from ftrans.core.bind import bind
from ftrans.core.primitive import Primitive, registry
from ftrans.errors import DtypeError
from ftrans.lowering.builder import COMPLEX, PART, Text, TextBuilder
from ftrans.lowering.fuse import lowers
from ftrans.lowering.loops import ITEMSIZE
from ftrans.ops.pointwise import Pointwise, add

DTYPES = sorted(ITEMSIZE)
FUSED_IN_NUMPY = {"mul", "div", "square", "reciprocal", "abs", "sign", "sqrt", "int_pow"}
"""Of complex numbers NumPy rounds these as its SIMD code for the processor does."""


INEXACT = {"erfc": 200_000}
"""Units in the last place that the reference is wrong by: SciPy's erfc loses digits where it is small."""


ALIKE = {"int16", "uint16", "int32", "uint32", "int64"}
"""Integers that functions of floating-point numbers convert like others."""

EITHER_ZERO = {"maximum", "minimum", "fmax", "fmin"}
"""Of 0.0 and -0.0 NumPy takes one or the other, by the processor."""


def special(dtype: str) -> np.ndarray:
    """The values where arithmetic has its edges."""
    kind = np.dtype(dtype).kind
    if kind == "b":
        return np.array([False, True])
    if kind in "iu":
        info = np.iinfo(dtype)
        return np.array([0, 1, 2, 3, 7, info.max, info.min, info.max // 3, *([-1, -2, -7] if kind == "i" else [])], dtype)
    if kind == "c":
        return paired(special(PART[dtype]), dtype)
    info = np.finfo(dtype)
    numbers = [0.0, -0.0, 1.0, -1.0, 0.5, 3.0, -7.5, np.inf, -np.inf, np.nan, info.tiny, info.max, info.smallest_subnormal]
    return np.array(numbers, dtype)


def paired(part: np.ndarray, dtype: str) -> np.ndarray:
    """Complex numbers with all pairs of these parts, put together without arithmetic."""
    out = np.empty((part.size, part.size), dtype)
    out.real, out.imag = part[:, None], part
    return out.ravel()


def random(dtype: str, n: int, seed: int) -> np.ndarray:
    """Numbers of several magnitudes."""
    rng, kind = np.random.default_rng(seed), np.dtype(dtype).kind
    if kind == "b":
        return rng.integers(0, 2, n).astype(dtype)
    if kind in "iu":
        info = np.iinfo(dtype)
        return rng.integers(info.min, info.max, n, dtype, endpoint=True) >> rng.integers(0, info.bits, n).astype(dtype)
    x = rng.standard_normal(n) * 10.0 ** rng.uniform(-3, 2, n)
    return (x + 1j * rng.permutation(x)).astype(dtype) if kind == "c" else x.astype(dtype)


def operands(dtypes: tuple[str, ...]) -> list[np.ndarray]:
    """Arguments for an operation: all pairs of special values (of complex numbers a part of them), then random ones."""
    edges = [special(d) for d in dtypes]
    if len(edges) > 1:
        edges = [e[:: max(1, e.size // 13)] for e in edges]
    grid = np.meshgrid(*[np.arange(e.size) for e in edges], indexing="ij")
    return [np.concatenate([e[g.ravel()], random(d, 101, k)]) for k, (d, e, g) in enumerate(zip(dtypes, edges, grid, strict=True))]


def combinations(op: Primitive) -> list[tuple[str, ...]]:
    """The dtypes of operands that a kernel can compute the operation on."""
    dtypes = DTYPES if op.name in EXACT else [d for d in DTYPES if d not in ALIKE]
    found = [(d,) * op.nin for d in dtypes]
    if op.name == "select":
        found = [("bool", d, d) for d in DTYPES]
    elif op.name in ("add", "less", "not_equal"):
        found += [("int64", "uint64"), ("uint64", "int64"), ("int8", "uint16"), ("float32", "int64"), ("complex64", "float64")]
        found += [("bool", "float16"), ("float16", "complex64")]
    return [dtypes for dtypes in found if in_kernel(op, dtypes)]


def in_kernel(op: Primitive, dtypes: tuple[str, ...]) -> bool:
    avals = tuple([aval((2,), d, False, False) for d in dtypes])
    try:
        return lowers(op, avals, op.aval(*avals))  # type: ignore[arg-type]
    except (DtypeError, ValueError):
        return False


def pointwise() -> list[Primitive]:
    """An instance of every elementwise primitive."""
    found = [registry["select"]()]
    for cls in registry.values():
        if issubclass(cls, Pointwise):
            found += [op for op in cls.instances() if op.lower is not None]
    return found


def compiled(op: Primitive, args: list[np.ndarray]) -> np.ndarray:
    """The result of a kernel. It computes something else besides, since one equation alone would be left to NumPy."""

    def more(*xs: Any) -> Any:
        y = bind(op, *xs)
        return y, add(y, y)

    text = ft.jit(more).lower(*args).as_text("loops")
    assert "kernel of 2 equations" in text, text
    return ft.jit(more, compile="now")(*args)[0]


def split(x: np.ndarray) -> np.ndarray:
    """The parts as a first axis."""
    return np.stack([x.real, x.imag]) if x.dtype.kind == "c" else x[None]


def assert_agree(got: np.ndarray, want: np.ndarray, exact: bool, ulp: float, signed: bool = True) -> None:
    """Equal bit for bit (any nan for any nan), or within so many ulp of the larger part; infinities up to signs of unclear parts.

    signed: whether zeros have to agree in sign.
    """
    assert got.dtype == want.dtype
    if want.dtype.kind not in "fc":
        np.testing.assert_array_equal(got, want)
        return
    x, y = split(got), split(want)
    same = (x == y) | (np.isnan(x) & np.isnan(y))
    if exact:
        assert same.all(), (got[~same.all(0)][:4], want[~same.all(0)][:4])
        fine = ~np.isnan(y) & signed
        np.testing.assert_array_equal(np.signbit(x[fine]), np.signbit(y[fine]))
        return
    finite = np.isfinite(x).all(0) & np.isfinite(y).all(0)
    scale = np.spacing(np.maximum(np.abs(y).max(0), np.finfo(x.dtype).tiny)).astype(float)
    error = np.where(finite, np.abs(x.astype(float) - y.astype(float)).max(0) / scale, 0)
    unclear = np.isinf(x) & np.isinf(y) & (want.dtype.kind == "c")
    alike = same | unclear | np.isclose(x.astype(float), y.astype(float), rtol=64 * float(np.finfo(x.dtype).eps))
    assert alike.all(0)[~finite].all(), (got[~alike.all(0) & ~finite][:4], want[~alike.all(0) & ~finite][:4])
    worst = int(np.argmax(error))
    assert error[worst] <= ulp, (error[worst], got[worst], want[worst])


@pytest.mark.parametrize("op", pointwise(), ids=str)
@np.errstate(all="ignore")
def test_pointwise_kernels_are_eval(op):
    for dtypes in combinations(op):
        args = operands(dtypes)
        got, want = compiled(op, args), op.eval(*args)
        is_complex = any([d in PART for d in dtypes])
        if is_complex and op.name == "int_pow":  # NumPy multiplies in another order: what overflows differs
            fine = np.isfinite(want) & np.isfinite(got)
            got, want = got[fine], want[fine]
        exact = op.name in EXACT and not (is_complex and op.name in FUSED_IN_NUMPY)
        try:
            assert_agree(got, want, exact, INEXACT.get(op.name, 8), op.name not in EITHER_ZERO)
        except AssertionError as error:
            raise AssertionError(f"{op} of {dtypes}: {error}") from error
