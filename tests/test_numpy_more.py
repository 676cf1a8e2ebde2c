"""Differences, integrals, convolutions, statistics, polynomials and numpy.linalg against NumPy, and their derivatives."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from against_numpy import batches, direction, leaves, outcome, smooth, traced

import ftrans as ft
import ftrans.numpy as fnp
from ftrans.errors import UnsupportedError
from ftrans.numpy import linalg, polynomials, signal, statistics

RNG = np.random.default_rng(0)
CUBE = RNG.standard_normal((4, 3, 5)) * 3
DTYPES = ("d", "f", "e", "D", "F", "l", "i", "B", "?")
W5 = np.array([1.0, 2.0, 0.0, 3.0, 1.0])
N5 = np.array([1, 2, 0, 3, 1])
T5 = np.array([0.0, 1.0, 1.5, 4.0, 4.25])


def cast(x, code):
    """x in a dtype."""
    if code in "DF":
        x = x + 1j * x[::-1] ** 2
    return np.abs(x).astype(code) if code == "B" else x > 0 if code == "?" else x.astype(code)


def samples(code):
    """Arrays of a dtype: three, two and one axes, other strides, one element, none, 0-d, a scalar."""
    x = cast(CUBE, code)
    return [x, x[0], x[:, 0, 0], x.T, x[::-2, 1], x[0, 0, :1], x[:0, 0, 0], x[:, :0], np.array(x[0, 0, 0]), x[0, 0, 0]]


def rounding(x):
    """What rounding may do."""
    return {"e": 4e-3, "f": 2e-5, "F": 2e-5}.get(np.asarray(x).dtype.char, 1e-11)


def alike(fun, *args):
    """fun(numpy, ...) and the traced fun(ftrans.numpy, ...) give equal arrays of equal dtype and type, or errors of one kind."""
    with np.errstate(all="ignore"):
        want = outcome(lambda: fun(np, *args))
        got = outcome(lambda: traced(lambda *xs: fun(fnp, *xs), *args))
        dispatched = outcome(lambda: traced(lambda *xs: fun(np, *xs), *args))
    what = f"of {[(np.asarray(x).dtype, np.shape(x)) for x in args]}"
    for out in (got, dispatched):
        if isinstance(want, Exception) or isinstance(out, Exception):
            builtin = next(kind for kind in type(want).__mro__ if kind.__module__ == "builtins")
            kinds = (ValueError, IndexError) if builtin in (ValueError, IndexError) else builtin
            both = isinstance(want, Exception) and isinstance(out, kinds)
            assert both, f"{what}\nNumPy: {want!r}\nftrans: {out!r}"
            continue
        assert isinstance(out, tuple) == isinstance(want, tuple), what
        for a, b in zip(want if isinstance(want, tuple) else (want,), out if isinstance(out, tuple) else (out,), strict=True):
            assert type(a) is type(b), f"{what}: a {type(b)}, expected {type(a)}"
            assert (a.shape, a.dtype) == (b.shape, b.dtype), f"{what}: {b.dtype}{b.shape}, expected {a.dtype}{a.shape}"
            scale = np.max(np.abs(a), initial=1.0, where=np.isfinite(a)) if a.dtype.kind in "fc" else 1
            np.testing.assert_allclose(b, a, rtol=rounding(a), atol=rounding(a) * scale, err_msg=what)


UNARY = {
    "diff": lambda n, x: n.diff(x),
    "diff 2 axis 0": lambda n, x: n.diff(x, 2, 0),
    "diff 0": lambda n, x: n.diff(x, 0),
    "diff 9": lambda n, x: n.diff(x, 9, axis=-1),
    "diff prepend": lambda n, x: n.diff(x, prepend=1, append=x),
    "diff -1": lambda n, x: n.diff(x, -1),
    "ediff1d": lambda n, x: n.ediff1d(x),
    "ediff1d ends": lambda n, x: n.ediff1d(x, to_end=[1, 2], to_begin=x),
    "ediff1d float end": lambda n, x: n.ediff1d(x, to_end=1.5),
    "gradient": lambda n, x: n.gradient(x),
    "gradient h": lambda n, x: n.gradient(x, 2),
    "gradient axis": lambda n, x: n.gradient(x, 0.5, axis=-1, edge_order=2),
    "gradient axes": lambda n, x: n.gradient(x, 2.0, 3, axis=(0, -1)),
    "gradient points": lambda n, x: n.gradient(x, T5, axis=-1),
    "gradient points 2": lambda n, x: n.gradient(x, T5.tolist(), axis=-1, edge_order=2),
    "gradient even points": lambda n, x: n.gradient(x, N5.cumsum() * 0 + np.arange(5), axis=-1, edge_order=2),
    "gradient float32 h": lambda n, x: n.gradient(x, np.float64(0.5), axis=0),
    "gradient too many": lambda n, x: n.gradient(x, 1.0, 1.0, 1.0, 1.0),
    "trapezoid": lambda n, x: n.trapezoid(x),
    "trapezoid dx": lambda n, x: n.trapezoid(x, dx=2, axis=0),
    "trapezoid x": lambda n, x: n.trapezoid(x, T5),
    "trapezoid xs": lambda n, x: n.trapezoid(x, x, axis=0),
    "unwrap": lambda n, x: n.unwrap(x),
    "unwrap axis": lambda n, x: n.unwrap(x, 2.0, 0),
    "unwrap period": lambda n, x: n.unwrap(x, period=4),
    "unwrap odd period": lambda n, x: n.unwrap(x, period=5, axis=0),
    "cumulative_sum": lambda n, x: n.cumulative_sum(x),
    "cumulative_sum axis": lambda n, x: n.cumulative_sum(x, axis=-1, include_initial=True),
    "cumulative_prod": lambda n, x: n.cumulative_prod(x, axis=0, dtype="d", include_initial=True),
    "cov": lambda n, x: n.cov(x),
    "cov columns": lambda n, x: n.cov(x, rowvar=False),
    "cov bias": lambda n, x: n.cov(x, bias=True),
    "cov y": lambda n, x: n.cov(x, x * 2),
    "cov y columns": lambda n, x: n.cov(x, x, rowvar=False, ddof=0),
    "cov weights": lambda n, x: n.cov(x, fweights=N5, aweights=W5),
    "cov fweights": lambda n, x: n.cov(x, fweights=N5, ddof=2),
    "cov aweights": lambda n, x: n.cov(x, aweights=W5, bias=True),
    "cov dtype": lambda n, x: n.cov(x, dtype="f4"),
    "cov bad": lambda n, x: n.cov(x, fweights=W5 + 0.5),
    "cov negative": lambda n, x: n.cov(x, aweights=-W5),
    "corrcoef": lambda n, x: n.corrcoef(x),
    "corrcoef y": lambda n, x: n.corrcoef(x, x[::-1], rowvar=False),
    "histogram": lambda n, x: n.histogram(x),
    "histogram range": lambda n, x: n.histogram(x, 4, (-1, 2)),
    "histogram float range": lambda n, x: n.histogram(x, 4, (0.0, 2.5), density=True),
    "histogram edges": lambda n, x: n.histogram(x, [-1, 0, 0, 1, 5]),
    "histogram weights": lambda n, x: n.histogram(x, 3, weights=np.ones(x.shape) * 0.5),
    "histogram density": lambda n, x: n.histogram(x, T5 - 2, density=True),
    "histogram one": lambda n, x: n.histogram(x, np.array([0.0])),
    "histogram bad": lambda n, x: n.histogram(x, [3, 1]),
    "histogram none": lambda n, x: n.histogram(x, 0),
    "histogram turned": lambda n, x: n.histogram(x, 3, (2, 1)),
    "edges": lambda n, x: n.histogram_bin_edges(x, 7),
    "polyval": lambda n, x: n.polyval(T5, x),
    "polyval of it": lambda n, x: n.polyval(x, 2),
    "polyval ints": lambda n, x: n.polyval([1, 2, 3], x),
    "polyder": lambda n, x: n.polyder(x),
    "polyder 2": lambda n, x: n.polyder(x, 2),
    "polyder 0": lambda n, x: n.polyder(x, 0),
    "polyint": lambda n, x: n.polyint(x),
    "polyint 2": lambda n, x: n.polyint(x, 2, 3),
    "polyint k": lambda n, x: n.polyint(x, 2, k=[1, 2.0]),
    "polyint bad": lambda n, x: n.polyint(x, 3, k=[1, 2.0]),
    "polyadd": lambda n, x: n.polyadd(x, [1, 2]),
    "polysub": lambda n, x: n.polysub([1.0, 2, 3, 4, 5, 6, 7], x),
    "polymul": lambda n, x: n.polymul(x, [0, 1, 2]),
    "polymul zero": lambda n, x: n.polymul(x, [0, 0]),
    "polydiv": lambda n, x: n.polydiv(x, [2.0, 1]),
    "norm": lambda n, x: n.linalg.norm(x),
    "norm keepdims": lambda n, x: n.linalg.norm(x, keepdims=True),
    "norm fro": lambda n, x: n.linalg.norm(x, "fro"),
    "norm str": lambda n, x: n.linalg.norm(x, "bad"),
    "norm axis 7": lambda n, x: n.linalg.norm(x, axis=7),
    "norm axes": lambda n, x: n.linalg.norm(x, axis=(0, -1)),
    "norm float axis": lambda n, x: n.linalg.norm(x, axis=None, ord=5, keepdims=True),
    "vector_norm": lambda n, x: n.linalg.vector_norm(x),
    "vector_norm 3": lambda n, x: n.linalg.vector_norm(x, axis=(0,), ord=3, keepdims=True),
    "vector_norm axes": lambda n, x: n.linalg.vector_norm(x, axis=(-1, 0), ord=1),
    "vector_norm keepdims": lambda n, x: n.linalg.vector_norm(x, axis=(0, 1), keepdims=True),
    "vector_norm axis": lambda n, x: n.linalg.vector_norm(x, axis=-1),
    "matrix_norm": lambda n, x: n.linalg.matrix_norm(x),
    "matrix_norm 1": lambda n, x: n.linalg.matrix_norm(x, keepdims=True, ord=1),
    "trace": lambda n, x: n.linalg.trace(x, offset=1),
    "diagonal": lambda n, x: n.linalg.diagonal(x, offset=-1),
    "outer": lambda n, x: n.linalg.outer(x, x),
    "cross": lambda n, x: n.linalg.cross(x, x[::-1], axis=1),
    "matmul": lambda n, x: n.linalg.matmul(x, x.T),
    "tensordot": lambda n, x: n.linalg.tensordot(x, x, axes=((0, 1), (0, 1))),
    "vecdot": lambda n, x: n.linalg.vecdot(x, x),
    "matrix_transpose": lambda n, x: n.linalg.matrix_transpose(x),
    "multi_dot": lambda n, x: n.linalg.multi_dot([x, x.T, x, np.ones(x.shape[-1:])]),
    "multi_dot vectors": lambda n, x: n.linalg.multi_dot([np.ones(x.shape[:1]), x, x.T, np.ones(x.shape[:1])]),
    "multi_dot 2": lambda n, x: n.linalg.multi_dot([x, x.T]),
    "multi_dot 1": lambda n, x: n.linalg.multi_dot([x]),
}  # fmt: skip
ORDERS = (None, 0, 1, 2, 3, 2.5, 4, 0.5, -1, -2, -3, np.inf, -np.inf, "fro")


def left_out(name, x):
    """Calls whose difference from NumPy is known, each with its reason."""
    return (
        ((name.startswith("histogram") or name == "edges") and x.dtype.kind == "c")  # NumPy compares them lexicographically
        or (name.startswith("poly") and x.ndim > 1)  # NumPy's broadcast by accident, with other axes than the coefficients
        or (name == "gradient even points" and x.dtype.kind == "b")  # NumPy subtracts booleans where the points are even
    )


@pytest.mark.parametrize("name", UNARY)
def test_as_numpy(name):
    for code in DTYPES:
        for x in samples(code):
            if not left_out(name, x):
                alike(UNARY[name], x)


@pytest.mark.parametrize("code", DTYPES)
def test_norms_of_all_orders(code):
    for x, p in itertools.product([y for y in samples(code) if y.ndim], ORDERS):
        for axis, keepdims in ((-1, False), (0, True), ((0, 1), False), ((1, 0), True), (None, False)):
            if p in (2, -2) and (axis if axis is not None else x.ndim) in ((0, 1), (1, 0), 2):
                continue
            alike(lambda n, x, p=p, axis=axis, keepdims=keepdims: n.linalg.norm(x, p, axis, keepdims), x)


@pytest.mark.parametrize("code", DTYPES)
def test_convolutions(code):
    vectors = [cast(CUBE, code)[:, 0, 0], cast(CUBE, code)[0, 0], cast(CUBE, "d")[0, :, 0], cast(CUBE, code)[0, 0, :1]]
    others = [cast(CUBE, code)[:0, 0, 0], cast(CUBE, code)[0], cast(CUBE, code)[0, 0, 0]]
    for x, y in itertools.product(vectors, vectors + others):
        for mode in ("full", "same", "valid", "bad"):
            alike(lambda n, x, y, mode=mode: n.convolve(x, y, mode), x, y)
            alike(lambda n, x, y, mode=mode: n.correlate(x, y, mode), x, y)


@pytest.mark.parametrize("code", "liBH?bdL")
def test_bincount(code):
    x = np.array([3, 0, 1, 1, 7, 3]).astype(code)
    weights = RNG.standard_normal(6)
    for v in (x, x[:0], x.reshape(2, 3), x[0]):
        alike(lambda n, v: n.bincount(v), v)
        alike(lambda n, v: n.bincount(v, minlength=5), v)
        alike(lambda n, v: n.bincount(v, minlength=20), v)
        alike(lambda n, v: n.bincount(v, minlength=-1), v)
        for w in (weights, weights.astype("f"), weights.astype("D"), weights > 0, weights[:3]):
            alike(lambda n, v, w: n.bincount(v, w, 3), v, w)
    if code in "li":
        alike(lambda n, v: n.bincount(v), -x)


def test_bincount_of_static_length():
    x, w = np.array([[0, 1, 1], [2, 9, 2]]), np.arange(6.0).reshape(2, 3)
    np.testing.assert_array_equal(ft.vmap(lambda x: fnp.bincount(x, length=3))(x), [[1, 2, 0], [0, 0, 2]])
    np.testing.assert_array_equal(fnp.bincount(x[1], w[1], length=3), [0, 0, 8])
    np.testing.assert_array_equal(fnp.bincount(x[1], length=20), np.bincount(x[1], minlength=20))
    with pytest.raises(ft.errors.ConcretizationTypeError, match="length"):
        ft.vmap(fnp.bincount)(x)
    with pytest.raises(ValueError, match="negative"):
        ft.jit(lambda x: fnp.bincount(x, length=3))(-x[0])


def test_matrix_power():
    for code in DTYPES:
        x = cast(CUBE, code)[:, :, :3]
        for n in (0, 1, 2, 3, 4, 5, 9, 2.0):
            for y in (x, x[0], x[:, :2], x[0, 0], x[:, :0, :0]):
                alike(lambda m, y, n=n: m.linalg.matrix_power(y, n), y)
    with pytest.raises(UnsupportedError, match="inv"):
        traced(lambda y: np.linalg.matrix_power(y, -1), np.eye(2))


V, U = CUBE[:, 0, 0], np.array([1.0, -2.0, 0.5])
PAIR = CUBE[:2, 0]
SMOOTH = {
    "diff": (lambda n, x: n.diff(x, 2, 1, prepend=x[:, :1]), CUBE[0]),
    "ediff1d": (lambda n, x, y: n.ediff1d(x, y, 1.0), V, U),
    "gradient": (lambda n, x: n.gradient(x, 2.0, edge_order=2), CUBE[0]),
    "gradient in h": (lambda n, x, h: n.gradient(x, h[0], h[1]), CUBE[0], U[1:]),
    "gradient in points": (lambda n, x, t: n.gradient(x, t, axis=1), CUBE[0], T5),
    "gradient in points 2": (lambda n, x, t: n.gradient(x, t, axis=1, edge_order=2), CUBE[0], T5),
    "trapezoid": (lambda n, x, t: n.trapezoid(x, t), CUBE[0], T5),
    "unwrap": (lambda n, x: n.unwrap(x * 5), CUBE[0]),
    "cumulative_prod": (lambda n, x: n.cumulative_prod(x, axis=1, include_initial=True), PAIR),
    "convolve": (lambda n, x, y: n.convolve(x, y), V, U),
    "convolve same": (lambda n, x, y: n.convolve(x, y, "same"), U, V * (1 + 2j)),
    "convolve valid": (lambda n, x, y: n.convolve(x, y, "valid"), V, U),
    "correlate": (lambda n, x, y: n.correlate(x, y), U, V * (1 - 2j)),
    "correlate full": (lambda n, x, y: n.correlate(x, y, "full"), V, U),
    "cov": (lambda n, x, w: n.cov(x, aweights=n.abs(w)), PAIR, T5 + 1),
    "cov complex": (lambda n, x: n.cov(x), PAIR * (1 + 1j) + np.arange(5) * 1j),
    "corrcoef": (lambda n, x: n.corrcoef(x), CUBE[0]),
    "bincount": (lambda n, w: n.bincount(np.array([0, 2, 2, 5]), w), V),
    "histogram weights": (lambda n, x, w: n.histogram(x, 3, weights=w)[0], V, T5[:4]),
    "histogram edges": (lambda n, x: n.histogram(x, 3)[1], V),
    "histogram density": (lambda n, x: n.histogram(x, 3, density=True)[0], V),
    "polyval": (lambda n, p, x: n.polyval(p, x), U, CUBE[0]),
    "polyder": (lambda n, p: n.polyder(p, 2), T5),
    "polyint": (lambda n, p, k: n.polyint(p, 3, k), T5, U),
    "polyadd": (lambda n, p, q: n.polyadd(p, q), T5, U),
    "polymul": (lambda n, p, q: n.polymul(p, q), V, U),
    "polydiv": (lambda n, p, q: n.polydiv(p, q), V, U[:2]),
    "norm": (lambda n, x: n.linalg.norm(x), CUBE[0]),
    "norm complex": (lambda n, x: n.linalg.norm(x, axis=0), CUBE[0] * (1 + 2j)),
    "norm 3": (lambda n, x: n.linalg.norm(x, 3, -1), CUBE[0]),
    "norm 2.5": (lambda n, x: n.linalg.norm(x, 2.5, 0), CUBE[0] * (1 - 1j)),
    "norm -1": (lambda n, x: n.linalg.norm(x, -1, 0, True), CUBE[0]),
    "norm inf": (lambda n, x: n.linalg.norm(x, np.inf, (0, 1)), CUBE[0]),
    "vector_norm": (lambda n, x: n.linalg.vector_norm(x, axis=(0, 1), ord=1), CUBE[0]),
    "matrix_power": (lambda n, x: n.linalg.matrix_power(x, 5), CUBE[:2, :, :3]),
    "matrix_power 0": (lambda n, x: n.linalg.matrix_power(x, 0), CUBE[:2, :, :3]),
    "multi_dot": (lambda n, x, y: n.linalg.multi_dot([x, y, x, y]), CUBE[0], CUBE[1].T),
    "linalg.cross": (lambda n, x: n.linalg.cross(x, x[:, ::-1] ** 2, axis=0), CUBE[0]),
}  # fmt: skip


@pytest.mark.parametrize("name", SMOOTH)
def test_derivatives(name):
    fun, *args = SMOOTH[name]
    smooth(fun, *args)
    if name != "polydiv":  # drops zeros of the remainder, by value
        if not name.startswith(("polymul", "histogram edges")):
            batches(fun, *args)
        second_order(fun, *args)


def second_order(fun, *args):
    """The derivative of the gradient along a direction is its central difference."""
    real = [np.ascontiguousarray(np.real(x)) for x in args]
    tangents = [direction(x, np.random.default_rng(1)) for x in real]
    grad = ft.grad(lambda xs: sum([fnp.sum(fnp.cos(fnp.real(y))) for y in ft.tree.leaves(fun(fnp, *xs))], 0.0))
    _, dot = ft.jvp(grad, (real,), (tangents,))
    up, down = (grad([x + s * 1e-6 * t for x, t in zip(real, tangents, strict=True)]) for s in (1, -1))
    for d, a, b in zip(dot, up, down, strict=True):
        scale = np.max(np.abs(a), initial=1.0)
        np.testing.assert_allclose(d, (a - b) / 2e-6, rtol=1e-4, atol=1e-4 * scale)


def test_norms_at_zero():
    for p in (None, 2, 3, 1, 2.5, 4, np.inf, -np.inf):
        for z in (np.zeros(3), np.zeros(3, complex)):
            assert not ft.grad(lambda x, p=p: np.linalg.norm(x, p))(z).any(), p
            assert not ft.grad(lambda x, p=p: np.linalg.norm(x, p, axis=0).sum())(z[:, None] * [[1, 2]]).any(), p
    some = ft.grad(lambda x: np.linalg.norm(x, 3))(np.array([0.0, 2.0]))
    np.testing.assert_allclose(some, [0, 1])
    assert not ft.grad(np.linalg.matrix_norm)(np.zeros((2, 2))).any()


def test_lapack_is_named():
    for name in ("solve", "inv", "det", "svd", "cholesky", "eigh", "qr", "lstsq", "pinv", "slogdet", "matrix_rank", "cond"):
        with pytest.raises(UnsupportedError, match=rf"numpy.linalg.{name} is not supported .* LAPACK comes in a later release"):
            ft.grad(lambda x, name=name: getattr(np.linalg, name)(x, *[x] * (name in ("solve", "lstsq"))))(np.eye(2))
        assert leaves(getattr(fnp.linalg, name)(np.eye(2), *[np.eye(2)] * (name in ("solve", "lstsq"))))
    for p in (2, -2, "nuc"):
        with pytest.raises(UnsupportedError, match="svd"):
            ft.grad(lambda x, p=p: np.linalg.norm(x, p))(np.eye(2))
    x = ft.jit(lambda x: x @ fnp.linalg.inv(2 * np.eye(2)))(np.eye(2))  # what is not traced is NumPy's
    np.testing.assert_allclose(x, np.eye(2) / 2)
    assert set(np.linalg.__all__) <= set(linalg.__all__)


def test_histogram_of_infinity_and_nan():
    for x in (np.array([1.0, np.inf]), np.array([np.nan, 1.0])):
        alike(lambda n, x: n.histogram(x), x)
        alike(lambda n, x: n.histogram(x, 3, (0, 2)), x)
    with pytest.raises(UnsupportedError, match="auto"):
        traced(lambda x: np.histogram(x, "auto"), V)


def test_all_are_registered():
    for module in (signal, statistics, polynomials):
        for name in module.__all__:
            assert getattr(np, name) in fnp.dispatch.functions, name
