"""Kernels over every dtype: each primitive that can be part of a kernel gives what its `eval` gives, for random and special values.

Bit for bit where the operation is exact; else to a few units in the last place, for complex numbers in that of the larger part.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from laws import EXACT

import ftrans as ft
import ftrans.nn
from ftrans.backends.numba import ops, opscomplex
from ftrans.core.aval import aval
from ftrans.core.bind import bind
from ftrans.core.primitive import Primitive, registry
from ftrans.errors import DtypeError
from ftrans.lowering.builder import COMPLEX, PART, Text, TextBuilder
from ftrans.lowering.loops import ITEMSIZE
from ftrans.lowering.planner import lowers
from ftrans.ops.pointwise import Pointwise, add

assert ftrans.nn  # its primitives are known once it is imported
DTYPES = sorted(ITEMSIZE)
FUSED_IN_NUMPY = {"mul", "div", "square", "reciprocal", "abs", "sign", "sqrt", "int_pow"}
"""Of complex numbers NumPy rounds these as its SIMD code for the processor does."""


INEXACT = {"erfc": 1000, "logit": 200, "logaddexp": 64, "logaddexp2": 64}
"""Units in the last place that NumPy's or SciPy's function is wrong by (tests/test_vecmath.py measures ours)."""


LENGTH = 501  # of all arguments; no multiple of a vector's
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
    rest = LENGTH - grid[0].size
    return [np.concatenate([e[g.ravel()], random(d, rest, k)]) for k, (d, e, g) in enumerate(zip(dtypes, edges, grid, strict=True))]


def combinations(op: Primitive) -> list[tuple[str, ...]]:
    """The dtypes of operands that a kernel can compute the operation on."""
    found = [(d,) * op.nin for d in DTYPES]
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


def compiled(op: Primitive, operands: list[list[np.ndarray]]) -> list[np.ndarray]:
    """The results of one kernel. Each is read again, since one equation alone would be left to NumPy."""

    def all_of_them(operands: Any) -> Any:
        found = [bind(op, *xs) for xs in operands]
        return found, [add(y, y) for y in found]

    text = ft.jit(all_of_them).lower(operands).as_text("loops")
    assert f"numpy: {op.name}" not in text, text
    return ft.jit(all_of_them, compile="now")(operands)[0]


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
    error[np.abs(y).max(0) < np.finfo(x.dtype).tiny] = 0  # SciPy gives 0 for some subnormal results
    worst = int(np.argmax(error))
    assert error[worst] <= ulp, (error[worst], got[worst], want[worst])


@pytest.mark.parametrize("op", pointwise(), ids=str)
@np.errstate(all="ignore")
def test_pointwise_kernels_are_eval(op):
    dtypes = combinations(op)
    arguments = [operands(each) for each in dtypes]
    for each, args, got in zip(dtypes, arguments, compiled(op, arguments) if dtypes else [], strict=True):
        want = op.eval(*args)
        is_complex = any([d in PART for d in each])
        if is_complex and op.name == "int_pow":  # NumPy multiplies in another order: what overflows differs
            fine = np.isfinite(want) & np.isfinite(got)
            got, want = got[fine], want[fine]
        exact = op.name in EXACT and not (is_complex and op.name in FUSED_IN_NUMPY)
        try:
            assert_agree(got, want, exact, INEXACT.get(op.name, 8), op.name not in EITHER_ZERO)
        except AssertionError as error:
            raise AssertionError(f"{op} of {each}: {error}") from error


# Reductions


REDUCTIONS = {
    "sum": np.sum, "prod": np.prod, "max": np.max, "min": np.min, "argmax": np.argmax, "argmin": np.argmin, "all": np.all,
    "any": np.any, "mean": np.mean, "count_nonzero": np.count_nonzero, "and": np.bitwise_and.reduce, "or": np.bitwise_or.reduce,
    "xor": np.bitwise_xor.reduce,
}  # fmt: skip
BITS = {"and", "or", "xor"}


@pytest.mark.parametrize("dtype", DTYPES)
@np.errstate(all="ignore")
def test_reductions_are_numpys(dtype):
    """Over all elements, the last axis, the first; of values computed in the same loop."""
    x = random(dtype, 40 * 70, 5).reshape(40, 70)
    if x.dtype.kind in "fc":
        x = x / np.array(np.abs(x).max(), x.real.dtype)  # so that no product or sum of float16 overflows
    names = [name for name in REDUCTIONS if x.dtype.kind in "iub" or name not in BITS]
    for axis in (None, 1, 0):

        def f(x, axis=axis):
            y = np.where(x == 0, x, x)
            return [REDUCTIONS[name](y, axis=(0, 1) if axis is None and name in BITS else axis) for name in names]

        for name, got, want in zip(names, ft.jit(f, compile="now")(x), f(x), strict=True):
            assert (got.dtype, np.shape(got)) == (want.dtype, np.shape(want)), (name, axis)
            if want.dtype.kind in "fc" and name in ("sum", "prod", "mean"):
                unit = float(np.finfo(want.dtype).eps)
                added = np.abs(x).astype(float).sum(axis).max() if name != "prod" else 0.0
                steps = 40 if dtype == "float16" else 8
                np.testing.assert_allclose(got, want, rtol=64 * unit, atol=steps * unit * added)
            else:
                np.testing.assert_array_equal(got, want, err_msg=f"{name} over {axis}")


def test_float16_sums_carry_more_digits_than_numpys():
    ones = np.ones((4096, 3), np.float16)
    got = ft.jit(lambda x: np.sum(x * np.float16(1), axis=0), compile="now")(ones)
    assert got.dtype == np.float16
    assert np.array_equal(got, [4096] * 3)  # rounded at every step it stays at 2048


# Memory


@pytest.mark.parametrize("dtype", ["complex64", "complex128", "float16"])
def test_layouts(dtype):
    """Contiguous, strided, reversed, transposed, broadcast, scalars of every kind, sizes 0 and 1, 0-d."""

    def f(x, y):
        return x * y + x - y

    base = random(dtype, 24 * 30, 7).reshape(24, 30)
    row, scalar = base[0, :15], base.dtype.type(1.5)
    pairs = [
        (base, base[::-1]), (base[:, ::2], row), (base[::-2, ::-2], row), (base[:15, :15].T, base[:15, 15:]), (base, scalar),
        (base, 0.5), (base[:0], base[:0]), (base[:, :1], base[:1]), (base[0, 0], base[1, 1]), (np.array(base[0, 0]), base[:2]),
    ]  # fmt: skip
    if dtype != "float16":
        pairs += [(base, 1.5 - 0.5j), (base.real, base), (base, base.imag.copy())]
    compiled_f = ft.jit(f, compile="now")
    for x, y in pairs:
        with np.errstate(all="ignore"):
            got, want = compiled_f(x, y), f(x, y)
        assert (got.dtype, got.shape) == (want.dtype, want.shape)
        tolerance = 8 * float(np.finfo(dtype).eps)
        np.testing.assert_allclose(got, want, rtol=tolerance, atol=tolerance * 1e4)


def test_parts_are_written_and_read_in_kernels():
    def f(z):
        z = z.copy()
        z.real = z.imag * 2 + 1
        z.imag[1:] += z.real[1:]
        return np.conj(z) * 1j, np.angle(z) + 1, z.real**2 + z.imag**2

    z = random("complex128", 99, 8)
    for got, want in zip(ft.jit(f, compile="now")(z), f(z), strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-13)


# What is fused


def kernels_of(f, *args):
    """The lines that begin the items of a plan."""
    text = ft.jit(f).lower(*args).as_text("loops")
    return [line for line in text.splitlines() if line.startswith(("kernel", "numpy"))]


def mandelbrot(c):
    z, n = c, (np.abs(c) <= 2).astype(int)
    for _ in range(5):
        z = z * z + c
        n = n + (z.real**2 + z.imag**2 <= 4)
    return n


def xorshift(x):
    x = x ^ (x << 13)
    x = x ^ (x >> 7)
    x = x ^ (x << 17)
    return x * 2685821657736338717


def splitmix(x):
    z = x + 0x9E3779B97F4A7C15  # beyond int64
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9
    z = (z ^ (z >> 27)) * 0x94D049BB133111EB
    return z ^ (z >> 31)


def murmur(h):
    h = (h ^ (h >> 16)) * np.uint32(0x85EBCA6B)
    h = (h ^ (h >> 13)) * np.uint32(0xC2B2AE35)
    return h ^ (h >> 16)


@pytest.mark.parametrize(
    ("f", "dtype"),
    [(mandelbrot, "complex128"), (mandelbrot, "complex64"), (xorshift, "uint64"), (splitmix, "uint64"), (murmur, "uint32")],
)
def test_programs_are_one_loop_and_numpys_result(f, dtype):
    x = random(dtype, 1001, 3)
    (line,) = kernels_of(f, x)
    assert line.startswith("kernel of")
    with np.errstate(all="ignore"):
        np.testing.assert_array_equal(ft.jit(f, compile="now")(x), f(x))


def test_what_numpy_is_much_slower_at_has_a_kernel_of_its_own():
    x = random("float16", 100, 0)
    assert kernels_of(lambda x, y: x / y, x, x)[0].startswith("kernel")
    assert kernels_of(lambda x, y: x / y, x.astype("complex64"), x.astype("complex64"))[0].startswith("kernel")


@pytest.mark.parametrize(
    "refused", [lambda z: np.arctan(z) + 1, lambda z: np.prod(z * 2), lambda z: np.max(z * 2), lambda z: z**z + 1]
)
def test_refused_complex_operations_are_numpy_steps(refused):
    z = random("complex128", 100, 2)
    assert any([line.startswith("numpy") for line in kernels_of(refused, z)])
    np.testing.assert_allclose(ft.jit(refused, compile="now")(z), refused(z), rtol=1e-12)


def test_tables_agree():
    assert set(opscomplex.RULES) == set(COMPLEX)
    with pytest.raises(NotImplementedError, match="arctan of complex64 is left to NumPy"):
        TextBuilder().apply("arctan", Text("x", "complex64"))
    assert {kind for _, kind in ops.RULES} == set("fiubc")


# Python's numbers


@pytest.mark.parametrize(
    "f",
    [
        lambda x: (x < 300) & (x > -1), lambda x: (x == 300) | (x != -1), lambda x: x + 200 - 3, lambda x: x * 0.5 + 1,
        lambda x: x * 2j + 1, lambda x: np.where(x > 3, x, 7) + x, lambda x: (x >> 1) ^ 255,
    ],
)  # fmt: skip
def test_python_numbers(f):
    x = np.arange(100, dtype=np.uint8)
    got, want = ft.jit(f, compile="now")(x), f(x)
    assert got.dtype == want.dtype
    np.testing.assert_array_equal(got, want)


def test_python_ints_that_do_not_fit_raise_as_in_numpy():
    x = np.arange(100, dtype=np.uint8)
    for f in (lambda x: (x + 300) * 2, lambda x: np.maximum(x * 2, -1)):
        with pytest.raises(OverflowError, match="out of bounds for uint8"):
            ft.jit(f, compile="now")(x)

    def f(x, n):
        return (x + n) * x

    for dtype, fine, wrong in (
        ("uint8", (3, 4, 255), (300, -1)),
        ("uint64", (3, 4, 2**64 - 1), (2**64, -1)),
        ("int64", (3, -4, 5), (2**63,)),
    ):
        x, compiled_f = x.astype(dtype), ft.jit(f, compile="now")
        for n in fine:
            np.testing.assert_array_equal(compiled_f(x, n), f(x, n))
        for n in wrong:
            with pytest.raises(OverflowError):
                f(x, n)
            with pytest.raises(OverflowError):
                compiled_f(x, n)


def test_python_ints_beyond_the_dtype_are_compared_by_value():
    def f(x, n):
        return (x < n) | (x == 3), (x >= n) & (x != 4)

    for dtype in ("uint8", "int64", "uint64"):
        x, compiled_f = np.arange(100).astype(dtype), ft.jit(f, compile="now")
        for n in (5, 6, 7, -1, 300, 2**63, 2**70, -(2**70)):
            for got, want in zip(compiled_f(x, n), f(x, n), strict=True):
                np.testing.assert_array_equal(got, want)
