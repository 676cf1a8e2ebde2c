"""Ufuncs on traced arrays against NumPy (values, dtypes, errors), and derivatives at the points where formulas break down."""

from __future__ import annotations

import numpy as np
import pytest

import ftrans as ft
import ftrans.numpy as fnp
from ftrans.core.aval import aval_of
from ftrans.core.trace import Trace
from ftrans.core.values import value
from ftrans.errors import DtypeError, ShapeError, UnsupportedError, WriteError
from ftrans.numpy import ufuncs

REAL = np.array([0.0, -0.0, 1.0, -1.0, 0.5, -0.5, 2.0, -3.7, np.inf, -np.inf, np.nan, 1e300, 1e-300, 700.0, 40.0])
SAMPLES = {
    "d": REAL, "f": REAL, "e": REAL,
    "D": np.array([0, 1, 2 - 1j, -3, 5j, complex(np.inf, 0)]), "F": np.array([0, 1, 2 - 1j, -3, 5j]),
    "i": np.array([0, 1, 2, 3, -5]), "B": np.array([0, 1, 2, 3, 5]), "?": np.array([False, True, True]),
}  # fmt: skip


def traced(f, *args, **kwargs):
    """f on tracers, and the value of what it gives."""
    with Trace() as t:
        out = f(*[t.input(aval_of(x), x) for x in args], **kwargs)
        return tuple([value(x) for x in out]) if isinstance(out, tuple) else value(out)


def outcome(f, *args, **kwargs):
    """The result of a call, or the kind of its error."""
    try:
        with np.errstate(all="ignore"):
            return f(*args, **kwargs)
    except (TypeError, ValueError, OverflowError) as e:
        return next(kind for kind in (TypeError, ValueError, OverflowError) if isinstance(e, kind))


def assert_same(got, want, what):
    """The same result bit for bit: value (any nan for nan), dtype, shape, array or scalar."""
    if isinstance(want, tuple):
        for x, y in zip(got, want, strict=True):
            assert_same(x, y, what)
        return
    if isinstance(want, type) or isinstance(got, type):
        assert got is want, f"{what}: {got}, expected {want}"
        return
    assert type(got) is type(want), f"{what}: a {type(got)}, expected {type(want)}"
    x, y = np.asarray(got), np.asarray(want)
    assert (x.shape, x.dtype) == (y.shape, y.dtype), f"{what}: {x.dtype}{x.shape}, expected {y.dtype}{y.shape}"
    assert np.array_equal(x, y, equal_nan=x.dtype.kind in "fc"), f"{what}: {x}, expected {y}"


def operands(code, n):
    """Operands of every kind in a dtype: all pairs, 0-d, a scalar, empty, broadcast, Python scalars."""
    with np.errstate(all="ignore"):
        x = SAMPLES[code].astype(code)
    yield (x,) if n == 1 else (np.repeat(x, len(x)), np.tile(x, len(x)))
    yield (np.array(x[2]), np.array(x[1]))[:n]
    yield (x[2], x[1])[:n]
    yield (x[:0], x[:0])[:n]
    yield (x[:, None], x[None])[:n]
    yield (x[1].item(), x[2].item())[:n]
    yield (x, 2.0 if code in "dfeDF" else 1)[:n]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", ufuncs.__all__)
def test_as_numpy(name):
    theirs, ours = getattr(np, name), getattr(fnp, name)
    n = getattr(theirs, "nin", 1)
    for code in SAMPLES:
        for args in operands(code, n):
            what = f"{name} of {[f'{np.asarray(x).dtype}{np.shape(x)}' for x in args]}"
            want = outcome(theirs, *args)
            if not (name == "real" and isinstance(args[0], bool)):  # NumPy gives the int 1
                assert_same(outcome(traced, ours, *args), want, what)
                assert_same(outcome(traced, theirs, *args), want, f"numpy.{what}")


@pytest.mark.parametrize("name", ufuncs.__all__)
def test_outside_of_traces_it_is_numpy(name):
    theirs, ours = getattr(np, name), getattr(fnp, name)
    for code in ("d", "i", "D"):
        args = tuple([SAMPLES[code][2:5].astype(code)] * getattr(theirs, "nin", 1))
        assert_same(outcome(ours, *args), outcome(theirs, *args), name)


def test_options():
    x = np.array([0.0, 1.0, 4.0, -1.0])
    mask = x > 0

    def f(x):
        out = fnp.zeros(4)
        np.sqrt(x, out=out, where=x > 0)
        np.add(out, 1, out)
        return out, np.add(x, 1, dtype=np.float32), np.log(x, where=mask, out=fnp.full(4, 7.0))

    a, b, c = traced(f, x)
    assert_same(a, np.array([1.0, 2.0, 3.0, 1.0]), "out")
    assert_same(b, np.add(x, 1, dtype=np.float32), "dtype")
    assert_same(c, np.array([7.0, 0.0, np.log(4.0), 7.0]), "where")
    assert_same(fnp.sin(x, dtype=np.float32), np.sin(x, dtype=np.float32), "eager dtype")
    y = np.zeros(4)
    assert fnp.add(x, 1, out=y) is y
    assert y[2] == 5


def test_methods():
    x = np.array([[1.0, 2.0], [3.0, 5.0]])
    for reduce in ("add", "multiply", "maximum", "minimum", "logical_and", "logical_or", "logaddexp"):
        u, v = getattr(np, reduce), getattr(fnp, reduce)
        for axis in (0, 1, None, (0, 1)):
            if reduce == "logaddexp" and not isinstance(axis, int):
                continue  # NumPy's is not reorderable
            got = traced(lambda x, v=v, axis=axis: v.reduce(x, axis), x)
            assert np.allclose(got, u.reduce(x, axis), rtol=1e-15), (reduce, axis)
        assert np.allclose(traced(lambda x, u=u: u.reduce(x), x), u.reduce(x), rtol=1e-15)
    for name in ("add", "multiply", "maximum", "minimum"):
        assert_same(traced(getattr(np, name).accumulate, x), getattr(np, name).accumulate(x), name)
    assert_same(traced(lambda x: np.subtract.outer(x, x[0]), x), np.subtract.outer(x, x[0]), "outer")
    assert_same(fnp.add.reduce(x), np.add.reduce(x), "eager")
    assert (fnp.add.nin, fnp.add.identity, fnp.exp.__name__) == (2, 0, "exp")


# Derivatives at the points where the usual formula fails


def grads(f, *args):
    """The gradient of the sum of f in every argument."""
    with np.errstate(all="ignore"):
        return ft.grad(lambda *xs: np.sum(f(*xs)), argnums=tuple(range(len(args))))(*args)


X = np.array([0.0, 1.0, 2.0, -1.0])


@pytest.mark.parametrize(
    ("f", "want"),
    [
        (lambda x: x**0, [0, 0, 0, 0]),
        (lambda x: x**0.0, [0, 0, 0, 0]),
        (lambda x: x**1, [1, 1, 1, 1]),
        (lambda x: x**2, [0, 2, 4, -2]),
        (lambda x: x**2.0, [0, 2, 4, -2]),
        (lambda x: np.power(x, 2.0), [0, 2, 4, -2]),
        (lambda x: x**3, [0, 3, 12, 3]),
        (lambda x: np.power(x, np.array(3.0)), [0, 3, 12, 3]),
        (lambda x: np.abs(x), [0, 1, 1, -1]),
        (lambda x: np.fabs(x), [0, 1, 1, -1]),
        (lambda x: np.maximum(x, 0), [0.5, 1, 1, 0]),
        (lambda x: np.maximum(x, x), [1, 1, 1, 1]),
        (lambda x: np.fmax(x, np.nan), [1, 1, 1, 1]),
        (lambda x: np.clip(x, 0, 1), [0.5, 0.5, 0, 0]),
        (lambda x: np.hypot(x, 0), [0, 1, 1, -1]),
        (lambda x: np.sinc(x), [0, -1, 0.5, 1]),
        (lambda x: np.sign(x) + np.floor(x) + np.rint(x), [0, 0, 0, 0]),
        (lambda x: np.modf(x * 1.5)[0], [1.5, 1.5, 1.5, 1.5]),
        (lambda x: np.divmod(x, 0.75)[1], [1, 1, 1, 1]),
        (lambda x: np.logaddexp(x, x), [1, 1, 1, 1]),
    ],
)
def test_at_kinks(f, want):
    assert np.allclose(grads(f, X)[0], want, rtol=0, atol=1e-14)


def test_power_at_zero():
    dx, dy = grads(np.power, np.array([0.0, 0.0, 0.0, 2.0]), np.array([0.0, 1.0, 2.0, 3.0]))
    assert np.allclose(dx, [0, 1, 0, 12])
    assert np.allclose(dy, [0, 0, 0, 8 * np.log(2)])
    assert np.isposinf(grads(np.sqrt, np.array([0.0]))[0][0])  # the true derivative


def test_logaddexp_of_infinities():
    for pair, want in [((-np.inf, 1.0), (0, 1)), ((np.inf, 1.0), (1, 0)), ((-np.inf, -np.inf), (1, 1))]:
        assert np.allclose(grads(np.logaddexp, *pair), want)


@pytest.mark.parametrize(
    ("f", "want"),
    [
        (lambda x: np.where(x > 0, np.log(x), 0), [0, 1, 0.5, 0]),
        (lambda x: np.where(x > 0, x * np.log(x), 0), [0, 1, 1 + np.log(2), 0]),
        (lambda x: np.where(x <= 0, 0.0, np.sqrt(x)), [0, 0.5, 0.5 / np.sqrt(2), 0]),
        (lambda x: np.where(x == 0, 0.0, -1 / x), [0, 1, 0.25, 1]),
        (lambda x: np.log(x, where=x > 0, out=fnp.zeros(4)), [0, 1, 0.5, 0]),
        (lambda x: np.where(x > 0, np.log(x.astype(np.float32)), 0.0), [0, 1, 0.5, 0]),
        (lambda x: np.where((x > 0).reshape(2, 2).T, np.log(x).reshape(2, 2).T, 0.0).T.reshape(4), [0, 1, 0.5, 0]),
        (lambda x: np.where(x > 0, np.log(x + 0j).real, 0.0), [0, 1, 0.5, 0]),
        (lambda x: np.where(x > 0, np.sqrt(np.log(x + 1)), 0), [0, *(0.5 / np.sqrt(np.log([2, 3])) / [2, 3]), 0]),
    ],
)
def test_what_is_not_selected_has_no_influence(f, want):
    assert np.allclose(grads(f, X)[0], want)
    with np.errstate(all="ignore"):
        tangent = ft.jvp(f, (X,), (np.ones(4),))[1]
        assert np.allclose(tangent, want)
        assert np.all(np.isfinite(ft.hessian(lambda x: np.sum(f(x)))(X)))
        assert np.allclose(ft.jacrev(f)(X).diagonal(), want)


def test_sinc_derivatives_of_every_order():
    f, orders = np.sinc, []
    for _ in range(4):
        f = ft.grad(f)
        orders.append(float(f(0.0)))
    assert np.allclose(orders, [0, -(np.pi**2) / 3, 0, np.pi**4 / 5])


def test_complex():
    z = 3 + 4j
    assert np.allclose(ft.grad(np.abs)(z), 0.6 - 0.8j)
    assert np.allclose(ft.grad(np.angle)(z), -0.16 - 0.12j)
    assert ft.grad(np.abs)(0j) == 0
    assert np.allclose(ft.grad(lambda z: np.real(z) * np.imag(z))(z), 4 - 3j)


def test_parts_of_complex_numbers_are_views():
    def f(z):
        z = z * 1
        z.imag = z.real**2
        np.real(z)[0] = 7.0
        return z

    assert_same(traced(f, np.array([1 + 1j, 2.0])), np.array([7 + 1j, 2 + 4j]), "z.imag = ...")
    assert np.allclose(ft.grad(lambda z: np.sum(np.abs(f(z)) ** 2))(np.array([1 + 1j, 2.0])), [4, 36])


# Errors


def error(kind, f, *args):
    """The message of the error f raises in a trace."""
    with pytest.raises(kind) as caught, np.errstate(all="ignore"):
        traced(f, *args)
    return str(caught.value)


def test_errors_say_what_where_and_what_next():
    text = error(ShapeError, lambda x: x + np.ones(3), X)
    assert "operands of shapes (4,) and (3,) do not broadcast together" in text
    assert "test_elementwise.py" in text
    assert "x[:, None] adds an axis" in text
    text = error(UnsupportedError, lambda x: np.log(x, where=x > 0), X)
    assert "log: where= without out= leaves the other elements uninitialised" in text
    assert "np.where" in text
    text = error(WriteError, lambda x: np.add(x, 1, out=np.zeros(4)), X)
    assert "out= is a plain array of shape (4,)" in text
    text = error(DtypeError, lambda x: (x > 0) - (x > 1), X)
    assert "subtract is not defined for bool[4], bool[4]" in text
    assert "logical_xor" in text
    assert "bitwise_and is not defined for f64[4]" in error(DtypeError, lambda x: np.bitwise_and(x, 1), X)
    assert "negative integer powers" in error(ValueError, lambda x: x**-1, np.arange(3))
    assert "unexpected keyword argument 'foo'" in error(TypeError, lambda x: np.sin(x, foo=1), X)
    assert "positional arguments but 3 were given" in error(TypeError, lambda x: fnp.sin(x, None, None), X)
    assert "casting='same_kind'" in error(DtypeError, lambda x: np.add(x, 1, dtype=np.int64), X)
