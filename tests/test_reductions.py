"""Reductions, running reductions, sorting and quantiles against NumPy, and their derivatives at ties, zeros and infinities."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from test_elementwise import assert_same, error, outcome, traced

import ftrans as ft
import ftrans.numpy as fnp
from ftrans.errors import UnsupportedError
from ftrans.numpy import pointwise, reductions, sorting

BASE = np.random.default_rng(0).standard_normal((3, 4, 2)) * 3
MASK = np.random.default_rng(1).random((3, 4, 2)) > 0.4


def arrays(code):
    """Arrays of a dtype: 3-d, with nan and inf, 0-d, a scalar, empty."""
    if code == "?":
        x = BASE > 0
    else:
        x = (np.abs(BASE) if code == "B" else BASE + 1j * BASE[::-1] if code in "DF" else BASE).astype(code)
    found = [x, x[0], x[0, 0, 0], np.array(x[0, 0, 0]), x[:, :0], x.T]
    if code in "dfD":
        odd = x.copy()
        odd[1, 1, 1], odd[0, 0, 0], odd[2, 0, 0] = np.nan, np.inf, -np.inf
        found.append(odd)
    return found


OPTIONS = [
    {}, {"axis": 0}, {"axis": -1}, {"axis": (0, 1)}, {"keepdims": True}, {"axis": (1,), "keepdims": True}, {"dtype": "f8"},
    {"dtype": "f4", "axis": 0}, {"ddof": 1, "axis": 0}, {"initial": 2}, {"initial": 1, "axis": 0, "where": MASK},
    {"where": MASK, "axis": 1}, {"returned": True}, {"axis": 7},
]  # fmt: skip
ROUNDED = ("var", "std", "mean", "average", "sum", "prod", "nansum", "nanprod", "cumsum", "cumprod", "sinc")


def check(name, module, args, options=None):
    """One call against NumPy's: bit for bit, or up to rounding where the order of additions is free."""
    theirs, ours, options = getattr(np, name), getattr(module, name), options or {}
    what = f"{name} of {[(np.asarray(x).dtype, np.shape(x)) for x in args]} with {options}"
    want = outcome(theirs, *args, **options)
    got = outcome(traced, lambda *xs: ours(*xs, **options), *args)
    loose = name.startswith("nan") or name in ROUNDED or "quantile" in name or "percentile" in name or name == "interp"
    if isinstance(want, type) or isinstance(got, type) or not loose:
        if type(want) in (bool, int, float) and type(got) is not type(want):
            want = np.asarray(want).astype(np.asarray(got).dtype)[()]  # NumPy gives Python's bool and int
        assert_same(got, want, what)
        return
    for x, y in zip(got, want, strict=True) if isinstance(want, tuple) else [(got, want)]:
        assert type(x) is type(y), f"{what}: a {type(x)}, expected {type(y)}"
        assert (np.shape(x), x.dtype) == (np.shape(y), y.dtype), what
        assert np.allclose(x, y, rtol=1e-12 if x.dtype.itemsize >= 8 and x.dtype != np.complex64 else 1e-3, equal_nan=True), what


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", reductions.__all__)
def test_reductions_as_numpy(name):
    for code in ("d", "f", "e", "D", "i", "b", "B", "?"):
        for x, options in itertools.product(arrays(code), OPTIONS):
            if name == "average" and not np.size(x):
                continue  # NumPy raises ZeroDivisionError
            if code == "e" and ("initial" in options or name in ("var", "std")):
                continue  # adds up in another order, which shows in 10 bits
            check(name, reductions, (x,), options)


def quiet(name, x, options):
    """Whether NumPy's behaviour for these arguments is left aside, each with its reason."""
    scalar = np.ndim(x) == 0
    return (
        (name in ("nanargmax", "nanargmin") and isinstance(options.get("axis"), tuple))  # another error for empty arrays
        or (name in ("nanmean", "nanvar", "nanstd") and scalar)  # an axis of a 0-d array is an error for ints only
        or (name == "nanmedian" and np.asarray(x).dtype.kind == "c")
        or (name in ("nanmax", "nanmin") and not np.size(x))
        or (name == "nanmedian" and not np.size(x))
        or (name in ("nanmax", "nanmin", "nanargmax", "nanargmin") and np.asarray(x).dtype.kind == "c")
    )


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", [n for n in sorting.__all__ if n not in ("lexsort", "searchsorted", "digitize")])
def test_sorting_as_numpy(name):
    if "quantile" in name or "percentile" in name:
        scale = 100.0 if "percentile" in name else 1.0
        for code, q in itertools.product(("d", "f", "i"), (0.3, np.array([0.0, 0.25, 1.0]), 1.0)):
            for x, method in itertools.product(arrays(code), ("linear", "lower", "higher", "midpoint")):
                if np.size(x):
                    for options in ({}, {"axis": 0}, {"axis": (0, 1)}, {"axis": -1, "keepdims": True}):
                        check(name, sorting, (x, q * scale), {"method": method, **options})
        return
    for code in ("d", "f", "D", "i", "?"):
        for x, options in itertools.product(arrays(code), ({}, {"axis": 0}, {"axis": None}, {"axis": (0, 1)}, {"keepdims": True})):
            if not quiet(name, x, options):
                check(name, sorting, (x,), options)


def test_searching_as_numpy():
    a, v = np.array([0.0, 1, 1, 2, 5]), np.array([[0.5, 1, np.nan], [7, -1, 5]])
    for side in ("left", "right"):
        check("searchsorted", sorting, (a, v), {"side": side})
        check("searchsorted", sorting, (a, 3.0), {"side": side})
        check("searchsorted", sorting, (a[::-1].copy(), 3), {"side": side, "sorter": np.arange(5)[::-1]})
        check("digitize", sorting, (v, a), {"right": side == "left"})
        check("digitize", sorting, (v, a[::-1].copy()), {"right": side == "left"})
    keys = (np.array([3, 1, 2, 1]), np.array([1, 1, 0, 0]))
    assert_same(traced(lambda p, q: fnp.lexsort((p, q)), *keys), np.lexsort(keys), "lexsort")
    many = ft.vmap(np.searchsorted)(np.stack([a, a + 1]), v)
    assert np.array_equal(many, [np.searchsorted(a, v[0]), np.searchsorted(a + 1, v[1])])


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", [n for n in pointwise.__all__ if n not in ("interp", "clip", "where", "round", "around")])
def test_functions_of_elements_as_numpy(name):
    two = name in ("isclose", "allclose", "array_equal", "array_equiv")
    for code in ("d", "f", "D", "i", "?"):
        for x in arrays(code):
            if name == "real_if_close" and not isinstance(x, np.ndarray):
                continue  # NumPy gives a 0-d array
            args = (x, arrays(code)[0]) if two else (x,)
            for options in [{}, {"equal_nan": True}] if two else [{}]:
                check(name, pointwise, args, options)


@pytest.mark.filterwarnings("ignore")
def test_where_clip_round_interp_as_numpy():
    for code in ("d", "f", "i"):
        for x in arrays(code):
            for low, high in ((0, 2), (0.5, None), (None, 1), (BASE[0], 2.0)):
                check("clip", pointwise, (x,), {"min": low, "max": high})
            check("clip", pointwise, (x, -1.0, 1))
            for decimals in (0, 1, -1, 3):
                check("round", pointwise, (x,), {"decimals": decimals})
            check("where", pointwise, (x > 0, x, 1.0))
            check("where", pointwise, (BASE[..., 0:1] > 0, x, np.float32(2)))
            check("where", pointwise, (x,))
    xp, fp = np.array([0.0, 1, 3, 3.5]), np.array([1.0, -1, 4, 2])
    x = np.array([-1, 0, 0.5, 1, 2, 3.5, 9, np.nan, 3, 3.25])
    for options in ({}, {"left": 7.0, "right": 8.0}, {"period": 2.5}):
        check("interp", pointwise, (x, xp, fp), options)
        check("interp", pointwise, (x, xp, fp * 1j), options)
        check("interp", pointwise, (1.5, xp, fp), options)
    check("interp", pointwise, (x, xp[:1], fp[:1]))


# Derivatives


def grad(f, x):
    with np.errstate(all="ignore"):
        return ft.grad(f)(np.asarray(x))


@pytest.mark.parametrize(
    ("f", "x", "want"),
    [
        (np.max, [1.0, 3, 3], [0, 0.5, 0.5]),
        (np.min, [1.0, 1, 3], [0.5, 0.5, 0]),
        (np.ptp, [1.0, 2, 4], [-1, 0, 1]),
        (np.prod, [2.0, 0, 3], [0, 6, 0]),
        (np.prod, [0.0, 0, 3], [0, 0, 0]),
        (np.prod, [2.0, 3, 4, 5, 6], [360, 240, 180, 144, 120]),
        (lambda x: np.sum(np.cumprod(x)), [2.0, 0, 3], [1, 8, 0]),
        (lambda x: np.cumsum(x)[1], [2.0, 0, 3], [1, 1, 0]),
        (lambda x: np.sum(np.maximum.accumulate(x)), [1.0, 3, 2, 5], [1, 2, 0, 1]),
        (np.std, [1.0, 1, 1], [0, 0, 0]),
        (np.var, [1.0, 2, 6], [-4 / 3, -2 / 3, 2]),
        (np.mean, [1.0, 2, 6, 7], [0.25] * 4),
        (np.median, [3.0, 1, 2, 4], [0.5, 0, 0.5, 0]),
        (lambda x: np.quantile(x, 0.3), [3.0, 1, 2, 4], [0, 0.1, 0.9, 0]),
        (lambda x: np.sum(np.sort(x) * [1, 2, 3]), [3.0, 1, 2], [3, 1, 2]),
        (np.logaddexp.reduce, [-np.inf, 1.0, 1.0], [0, 0.5, 0.5]),
        (np.logaddexp.reduce, [np.inf, 1.0], [1, 0]),
        (np.logaddexp.reduce, [1000.0, 1000.0], [0.5, 0.5]),
        (np.nanmean, [1.0, np.nan, 3], [0.5, 0, 0.5]),
        (np.nanstd, [1.0, np.nan, 3], [-0.5, 0, 0.5]),
        (np.nanmax, [1.0, np.nan, 3], [0, 0, 1]),
        (np.nanmedian, [1.0, np.nan, 3], [0.5, 0, 0.5]),
        (lambda x: np.average(x, weights=[1, 3]), [1.0, 2], [0.25, 0.75]),
    ],
)
def test_derivatives(f, x, want):
    assert np.allclose(grad(f, x), want, rtol=1e-13)
    with np.errstate(all="ignore"):
        forward = ft.jacfwd(f)(np.asarray(x))
    assert np.allclose(forward, want, rtol=1e-13)


def test_infinite_logsumexp():
    x = np.array([-np.inf, -np.inf])
    assert traced(np.logaddexp.reduce, x) == -np.inf
    assert traced(np.logaddexp.reduce, np.array([np.inf, 0.0])) == np.inf
    assert np.all(np.isfinite(grad(np.logaddexp.reduce, x)))


def test_second_derivatives_of_products_with_zeros():
    assert np.allclose(ft.hessian(np.prod)(np.array([0.0, 0.0, 3.0])), [[0, 3, 0], [3, 0, 0], [0, 0, 0]])


def test_derivative_of_a_quantile_in_its_level():
    assert np.allclose(ft.grad(lambda q: np.quantile(np.array([3.0, 1, 2, 4]), q))(0.3), 3)
    dx, dxp, dfp = ft.grad(np.interp, argnums=(0, 1, 2))(1.5, np.array([1.0, 2, 3]), np.array([0.0, 3, 4]))
    assert np.allclose(dx, 3)
    assert np.allclose(dxp, [-1.5, -1.5, 0])
    assert np.allclose(dfp, [0.5, 0.5, 0])


# Errors


@pytest.mark.filterwarnings("ignore")
def test_errors():
    x = np.arange(3.0)
    text = error(ValueError, lambda x: np.max(x[:0]), x)
    assert "zero-size array to reduction operation maximum which has no identity" in text
    assert "initial=" in text
    assert "test_reductions.py" in text
    assert "axis 3 is out of bounds for an array of 1 dimensions" in error(IndexError, lambda x: np.sum(x, axis=3), x)
    assert "an axis occurs twice" in error(ValueError, lambda x: np.sum(x, axis=(0, -1)), x)
    assert "one has to specify 'initial'" in error(ValueError, lambda x: np.max(x, where=x > 0), x)
    text = error(UnsupportedError, lambda x: np.quantile(x, 0.5, method="hazen"), x)
    assert "method='hazen'" in text
    assert "linear, lower, higher, midpoint" in text
    assert "All-NaN slice" in error(ValueError, lambda x: np.nanargmax(x * np.nan), x)
    assert "argmax of an empty sequence" in error(ValueError, lambda x: np.argmax(x[:0]), x)
