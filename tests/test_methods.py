"""Traced arrays behave as ndarrays: operators, methods, properties, conversions; Python scalars as Python's."""

from __future__ import annotations

import copy
import math
import operator
import pickle

import numpy as np
import pytest
from against_numpy import lines, same_as_numpy, traced

import ftrans as ft
import ftrans.numpy as fnp
from ftrans.core.aval import aval_of
from ftrans.core.trace import Trace

X = np.random.default_rng(0).standard_normal((3, 4))
INTS = np.random.default_rng(1).integers(1, 10, (3, 4))

BINARY = [
    operator.add, operator.sub, operator.mul, operator.truediv, operator.floordiv, operator.mod, operator.pow,
    operator.lt, operator.le, operator.eq, operator.ne, operator.gt, operator.ge,
]  # fmt: skip
BITS = [operator.and_, operator.or_, operator.xor, operator.lshift, operator.rshift]
OPERANDS = {
    "float64": X, "float32": X.astype(np.float32), "int": INTS, "bool": X > 0, "row": np.ones(4, np.int32), "0-d": np.array(2.5),
    "scalar": np.float32(1.5), "python float": 2.5, "python int": 3, "python bool": True,
}  # fmt: skip


@pytest.mark.parametrize("op", BINARY + BITS, ids=lambda f: f.__name__)
@pytest.mark.parametrize("left", OPERANDS)
@pytest.mark.parametrize("right", OPERANDS)
def test_binary_operators(op, left, right):
    a, b = OPERANDS[left], OPERANDS[right]
    with np.errstate(all="ignore"):
        same_as_numpy(lambda n, x, y: op(x, y), a, b)
        same_as_numpy(lambda n, x: op(x, b), a)
        same_as_numpy(lambda n, x: op(b, x), a)


@pytest.mark.parametrize("op", [operator.neg, operator.pos, operator.abs, operator.invert], ids=lambda f: f.__name__)
@pytest.mark.parametrize("kind", OPERANDS)
@pytest.mark.filterwarnings("ignore:Bitwise inversion")
def test_unary_operators(op, kind):
    same_as_numpy(lambda n, x: op(x), OPERANDS[kind])


@pytest.mark.parametrize("a", [2.5, 3, True, -2, 2j])
@pytest.mark.parametrize("b", [1.5, 2, False, 3, -1, 1j])
def test_python_scalars_give_python_scalars(a, b):
    """The dtype of f32 + (a op b) shows whether a op b is weak."""
    array = np.ones(2, np.float32)
    for op in BINARY:
        try:
            want = array + op(a, b)
        except (TypeError, ZeroDivisionError):
            continue
        if isinstance(op(a, b), complex) and not isinstance(a * b, complex):
            continue  # Python's (-2) ** 1.5 is complex, NumPy's nan
        got = traced(lambda x, y, z, op=op: x + op(y, z), array, a, b)
        assert got.dtype == want.dtype, op
        np.testing.assert_allclose(got, want, rtol=1e-6)


def test_numpy_functions_of_python_scalars_give_numpy_scalars():
    got = traced(lambda x, y: x + np.add(y, y), np.ones(2, np.float32), 1.5)
    assert got.dtype == np.float64


def test_divmod_and_round():
    same_as_numpy(lambda n, x: divmod(x, 2), X)
    same_as_numpy(lambda n, x: divmod(7.5, abs(x) + 1), X)
    same_as_numpy(lambda n, x: [round(x[0, 0]), math.floor(x[0, 1]), math.ceil(x[0, 2]), math.trunc(x[0, 3])], X)


def test_what_is_no_number():
    assert traced(lambda x: [x == None, x != "auto"], X)[0].tolist() == np.zeros((3, 4), bool).tolist()  # noqa: E711

    class Other:
        def __radd__(self, x):
            return "mine"

        __array_ufunc__ = None

    def f(x):
        assert x + Other() == "mine"
        with pytest.raises(TypeError):
            x + "a"
        with pytest.raises(TypeError):
            x + None
        return x

    traced(f, X)


def test_power_by_small_numbers():
    for k in (0, 1, 2, 3, -1, 0.5, 2.0, -2):
        same_as_numpy(lambda n, x, k=k: abs(x) ** k, X)
    with pytest.raises(ValueError, match="negative integer powers"):
        traced(lambda x: x**-1, INTS)


METHODS = {
    "reductions": lambda n, x: [
        x.sum(), x.mean(axis=0), x.max(1), x.min(keepdims=True), x.prod(), x.std(0), x.var(ddof=1), x.all(), x.any(axis=1),
        x.argmax(), x.argmin(0), x.cumsum(), x.cumsum(1), x.cumprod(0),
    ],
    "shape": lambda n, x: [
        x.reshape(4, 3), x.ravel(), x.flatten(), x.T, x.transpose(), x.squeeze(), x.swapaxes(0, 1), x.repeat(2, 0), x.mT,
    ],
    "choice": lambda n, x: [x.take([0, 5]), x.diagonal(), x.trace(), x.nonzero(), x.compress([True, False], 0), x.clip(-1, 1)],
    "types": lambda n, x: [x.astype(int), x.astype("f4"), x.copy(), x.real, x.imag, x.conj(), x.conjugate(), x.view(), x.dot(x.T)],
    "sizes": lambda n, x: [x.size, x.ndim, x.nbytes, x.itemsize, len(x), *x.shape],
}  # fmt: skip


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize("kind", ["float64", "float32", "int"])
def test_methods(name, kind):
    same_as_numpy(METHODS[name], OPERANDS[kind])


def test_complex_parts_can_be_written_to():
    def f(n, z):
        w = z.copy()
        w.real = 1
        w.imag[0] = 5
        w.real[1] += w.imag[1]
        return w, w.real, w.imag, w.conj()

    same_as_numpy(f, X + 1j)


def test_reads():
    def f(n, x):
        assert bool(x[0, 0] > 0) is bool(X[0, 0] > 0)
        assert int(x[0, 0] * 100) == int(X[0, 0] * 100)
        assert float(x[0, 1]) == X[0, 1]
        assert complex(x[0, 1]) == X[0, 1]
        assert x[0, 1].item() == X[0, 1]
        assert x.item(3) == X.item(3)
        assert x.item(1, 2) == X[1, 2]
        assert x.tolist() == X.tolist()
        assert x.tobytes() == X.tobytes()
        assert [float(v) for v in x[0]] == X[0].tolist()
        assert X[0, 0] in x
        assert 99.0 not in x
        assert list(range(n.asarray(3)[()] if n is np else n.asarray(3)))[-1] == 2
        return x[0] * 1

    same_as_numpy(f, X)


def test_display_shows_the_value_where_it_is_known():
    seen = []

    def f(x):
        seen.append((repr(x), str(x), f"{x[0]:.2f}", f"{x}"))
        return x.sum()

    ft.grad(f)(np.array([1.0, 2.5]))
    assert seen == [("Tracer<f64[2]>([1.  2.5])", "[1.  2.5]", "1.00", "[1.  2.5]")]
    seen.clear()
    ft.vmap(f)(np.ones((2, 2)))
    assert seen[0][0] == "Tracer<f64[2]>"


def test_copies():
    def f(x):
        y, z = copy.copy(x), copy.deepcopy([x])[0]
        y[0] = 5
        z[1] = 7
        return x.sum() + 0 * y.sum() + z[1]

    assert ft.grad(f)(np.ones(3)).tolist() == [1, 1, 1]


@pytest.mark.parametrize(
    ("fun", "error", "words"),
    [
        (lambda x: bool(x), ValueError, ["ambiguous", ".any() or .all()"]),
        (lambda x: float(x), TypeError, ["0-dimensional", "(3, 4)"]),
        (lambda x: x[0, 0].__index__(), TypeError, ["integer"]),
        (lambda x: hash(x), TypeError, ["unhashable"]),
        (lambda x: {x: 1}, TypeError, ["unhashable"]),
        (lambda x: pickle.dumps(x), TypeError, ["pickled"]),
        (lambda x: len(x[0, 0]), TypeError, ["0 dimensions"]),
        (lambda x: iter(x[0, 0]), TypeError, ["0 dimensions"]),
        (lambda x: x.flat, AttributeError, ["flat", "ravel"]),
        (lambda x: x.strides, AttributeError, ["strides", "memory layout"]),
        (lambda x: x.no_such, AttributeError, ["no_such"]),
        (lambda x: setattr(x, "shape", (4, 3)), ValueError, ["shape", "reshape"]),
        (lambda x: x.view(np.int64), NotImplementedError, ["view", "astype"]),
        (lambda x: np.array(x), TypeError, ["plain ndarray", "ftrans.numpy.array([...]) or np.stack([...])"]),
        (lambda x: np.ones(3)[x[0].astype(int)], TypeError, ["ftrans.numpy.asarray(table)[i]"]),
        (lambda x: x.__delitem__(0), ValueError, ["np.delete"]),
        (lambda x: math.sin(x), TypeError, ["0-dimensional"]),
        (lambda x: x[0, 0].__setitem__(0, 1), TypeError, ["item assignment"]),
    ],
)
def test_errors(fun, error, words):
    message = lines(fun, X)
    for word in words:
        assert word in message
    with pytest.raises(error):
        traced(fun, X)


def test_nothing_numpy_probes_for_is_there_by_accident():
    def f(x):
        assert not hasattr(x, "__array_interface__")
        assert not hasattr(x, "__array_namespace__")
        assert not hasattr(x, "flat")
        return x

    traced(f, X)


@pytest.mark.parametrize(
    "op", [operator.add, operator.sub, operator.mul, operator.truediv, operator.matmul], ids=lambda f: f.__name__
)
def test_plain_arrays_on_the_left(op):
    same_as_numpy(lambda n, x: op(np.ones((4, 4)), x[0]), X)
    same_as_numpy(lambda n, x: np.float64(2) * x[0, 0], X)


def test_operators_record_one_equation():
    with Trace() as t:
        x = t.input(aval_of(X), X)
        for op in [*BINARY[:6], *BINARY[7:]]:
            before = len(t.locs)
            op(x, x)
            op(x, 2.0)
            op(2.0, x)
            assert len(t.locs) == before + 3


def test_the_namespace_has_numpys_constants():
    for name in ("pi", "e", "inf", "nan", "newaxis", "float32", "int64", "bool_", "complex128", "finfo", "ndarray", "errstate"):
        assert getattr(fnp, name) is getattr(np, name) or name == "nan"
