"""Shapes, joining, creation and choosing elements: as NumPy, differentiable, batched."""

from __future__ import annotations

import numpy as np
import pytest
from against_numpy import batches, lines, same_as_numpy, smooth, traced

import ftrans as ft
import ftrans.numpy as fnp

X = np.random.default_rng(0).standard_normal((3, 4))
Z = X + 1j * X[::-1]
INTS = np.random.default_rng(1).integers(0, 10, (3, 4))

ARRAYS = {
    "float64": X,
    "float32": X.astype(np.float32),
    "complex128": Z,
    "int64": INTS,
    "bool": X > 0,
    "Fortran order": np.asfortranarray(X),
    "negative strides": X[::-1, ::-1],
}


def edited(write):
    """A function that writes to a copy of its argument and returns it."""

    def fun(n, a):
        b = a.copy()
        write(n, b, a)
        return b

    return fun


SHAPES = {
    "reshape": lambda n, a: n.reshape(a, (2, -1)),
    "reshape F": lambda n, a: n.reshape(a, (2, 6), order="F"),
    "x.reshape": lambda n, a: a.reshape(4, 3),
    "x.reshape tuple": lambda n, a: a.reshape((-1,)),
    "ravel": lambda n, a: n.ravel(a),
    "ravel F": lambda n, a: n.ravel(a, "F"),
    "flatten": lambda n, a: a.flatten(),
    "T": lambda n, a: a.T,
    "mT": lambda n, a: a.mT,
    "transpose": lambda n, a: n.transpose(a, (1, 0)),
    "x.transpose": lambda n, a: a.transpose(1, 0),
    "permute_dims": lambda n, a: n.permute_dims(a, (1, 0)),
    "matrix_transpose": lambda n, a: n.matrix_transpose(a),
    "swapaxes": lambda n, a: n.swapaxes(a, 0, -1),
    "moveaxis": lambda n, a: n.moveaxis(a[None], (0, 2), (-1, 0)),
    "rollaxis": lambda n, a: n.rollaxis(a, 1),
    "squeeze": lambda n, a: n.squeeze(a[None, :, :, None]),
    "squeeze axis": lambda n, a: n.squeeze(a[None], 0),
    "expand_dims": lambda n, a: n.expand_dims(a, (0, -1)),
    "broadcast_to": lambda n, a: n.broadcast_to(a, (2, 3, 4)),
    "broadcast_arrays": lambda n, a: n.broadcast_arrays(a, a[0], 2.0),
    "atleast_1d": lambda n, a: n.atleast_1d(a[0, 0], a),
    "atleast_2d": lambda n, a: n.atleast_2d(a[0]),
    "atleast_3d": lambda n, a: n.atleast_3d(a, a[0], a[0, 0]),
    "resize": lambda n, a: n.resize(a, (5, 3)),
    "resize smaller": lambda n, a: n.resize(a, (2, 2)),
    "array of rows": lambda n, a: n.array([a[0], a[1] * 2]),
    "array of numbers": lambda n, a: n.array([[a[0, 0], 1.0], [2, a[0, 1]]]),
    "asarray": lambda n, a: n.asarray(a, dtype=np.complex128),
    "ascontiguousarray": lambda n, a: n.ascontiguousarray(a.T),
    "asfortranarray": lambda n, a: n.asfortranarray(a),
    "copy": lambda n, a: n.copy(a),
    "astype": lambda n, a: a.astype(np.complex128),
    "concatenate": lambda n, a: n.concatenate([a, a[:1]]),
    "concatenate last": lambda n, a: n.concatenate((a, a), axis=-1),
    "concatenate flat": lambda n, a: n.concatenate((a, a), axis=None),
    "concatenate dtype": lambda n, a: n.concatenate((a, a), dtype=np.complex128),
    "stack": lambda n, a: n.stack([a, a], -1),
    "stack numbers": lambda n, a: n.stack([a[0, 0], a[0, 1], 2.0]),
    "unstack": lambda n, a: n.unstack(a, axis=1),
    "vstack": lambda n, a: n.vstack([a, a[0]]),
    "hstack": lambda n, a: n.hstack([a, a]),
    "hstack vectors": lambda n, a: n.hstack([a[0], 3.0]),
    "dstack": lambda n, a: n.dstack([a, a]),
    "column_stack": lambda n, a: n.column_stack([a, a[:, 0]]),
    "block": lambda n, a: n.block([[a, n.ones((3, 1))], [n.zeros((1, 4)), a[0, 0]]]),
    "split": lambda n, a: n.split(a, 2, 1),
    "split at points": lambda n, a: n.split(a, [1, 3], 1),
    "split at odd points": lambda n, a: n.split(a, [2, 1, 7], 1),
    "array_split": lambda n, a: n.array_split(a, 3, 1),
    "hsplit": lambda n, a: n.hsplit(a, 2),
    "vsplit": lambda n, a: n.vsplit(a, 3),
    "tile": lambda n, a: n.tile(a, (2, 1, 3)),
    "tile once": lambda n, a: n.tile(a, 2),
    "tile number": lambda n, a: n.tile(a[0, 0], 3),
    "repeat": lambda n, a: n.repeat(a, 2),
    "repeat axis": lambda n, a: n.repeat(a, 3, 1),
    "repeat counts": lambda n, a: a.repeat([1, 0, 2], 0),
    "flip": lambda n, a: n.flip(a),
    "flip axis": lambda n, a: n.flip(a, 1),
    "flipud": lambda n, a: n.flipud(a),
    "fliplr": lambda n, a: n.fliplr(a),
    "rot90": lambda n, a: [n.rot90(a, k) for k in range(-1, 5)],
    "roll": lambda n, a: n.roll(a, 2),
    "roll axis": lambda n, a: n.roll(a, -1, 1),
    "roll axes": lambda n, a: n.roll(a, (1, 2), (0, 1)),
    "roll both": lambda n, a: n.roll(a, 5, (0, 1)),
    "pad": lambda n, a: n.pad(a, 1),
    "pad value": lambda n, a: n.pad(a, ((1, 2), (0, 3)), constant_values=5),
    "pad values": lambda n, a: n.pad(a, ((1, 2), (0, 3)), constant_values=((1, 2), (3, 4))),
    "pad edge": lambda n, a: n.pad(a, 2, "edge"),
    "pad reflect": lambda n, a: n.pad(a, ((1, 2), (3, 5)), "reflect"),
    "pad symmetric": lambda n, a: n.pad(a, ((1, 2), (3, 5)), "symmetric"),
    "pad wrap": lambda n, a: n.pad(a, ((1, 2), (3, 5)), "wrap"),
    "r_": lambda n, a: n.r_[a[0], 0, a[1]],
    "c_": lambda n, a: n.c_[a[0], a[1]],
}

CHOICES = {
    "tril": lambda n, a: n.tril(a),
    "triu": lambda n, a: n.triu(a, -1),
    "tril of a vector": lambda n, a: n.tril(a[0], -1),
    "diag": lambda n, a: n.diag(a, 1),
    "diag below": lambda n, a: n.diag(a, -1),
    "diag of a vector": lambda n, a: n.diag(a[0], -1),
    "diagflat": lambda n, a: n.diagflat(a),
    "trace": lambda n, a: n.trace(a),
    "x.trace": lambda n, a: a.trace(1),
    "diagonal": lambda n, a: n.diagonal(n.stack([a, a]), 1, 1, 2),
    "take": lambda n, a: n.take(a, [0, 5, -1]),
    "take axis": lambda n, a: n.take(a, [[0, 1], [2, -1]], 1),
    "take clip": lambda n, a: n.take(a, [0, 99, -99], mode="clip"),
    "take wrap": lambda n, a: n.take(a, [0, 99, -99], mode="wrap"),
    "take one": lambda n, a: n.take(a, 2),
    "take a column": lambda n, a: n.take(a, 1, 1),
    "take_along_axis": lambda n, a: n.take_along_axis(a, np.array([[1, 0], [2, 2], [3, -1]]), 1),
    "choose": lambda n, a: n.choose([[0, 1, 1, 0]], [a, n.roll(a, 1)]),
    "compress": lambda n, a: n.compress([True, False, True], a, 0),
    "delete": lambda n, a: n.delete(a, 1, 0),
    "delete several": lambda n, a: n.delete(a, [1, 2], 1),
    "delete a slice": lambda n, a: n.delete(a, slice(0, None, 2)),
    "insert": lambda n, a: n.insert(a, 1, 7, 0),
    "insert several": lambda n, a: n.insert(a, [1, 2], [7, 8], 1),
    "insert a row": lambda n, a: n.insert(a, 1, a[0], 0),
    "insert a column": lambda n, a: n.insert(a, 1, [1, 2, 3], 1),
    "insert a column at a list": lambda n, a: n.insert(a, [1], [[1], [2], [3]], 1),
    "insert flat": lambda n, a: n.insert(a, [0, 0, 3], [9, 8, 7]),
    "append": lambda n, a: n.append(a, a[0]),
    "append rows": lambda n, a: n.append(a, a, 0),
    "ix_": lambda n, a: a[n.ix_([0, 2], [1, 3])],
    "put": edited(lambda n, b, a: n.put(b, [0, 5, -1], [7, 8])),
    "fill_diagonal": edited(lambda n, b, a: n.fill_diagonal(b, 9)),
    "fill_diagonal values": edited(lambda n, b, a: n.fill_diagonal(b, [1, 2])),
    "put_along_axis": edited(lambda n, b, a: n.put_along_axis(b, np.array([[1], [2], [0]]), 0, 1)),
    "fill": edited(lambda n, b, a: b.fill(1)),
}

VALUES = {  # these read values, so they cannot be batched
    "nonzero": lambda n, a: n.nonzero(a),
    "flatnonzero": lambda n, a: n.flatnonzero(a),
    "argwhere": lambda n, a: n.argwhere(a),
    "extract": lambda n, a: n.extract(a != 0, a),
    "trim_zeros": lambda n, a: n.trim_zeros(n.array([0, 0, 1, 2, 0])),
    "place": edited(lambda n, b, a: n.place(b, a != 0, [0, 1])),
    "putmask": edited(lambda n, b, a: n.putmask(b, a != 0, [0, 1, 1])),
    "copyto where": edited(lambda n, b, a: n.copyto(b, a[0], where=a != 0)),
    "unravel_index": lambda n, a: n.unravel_index(n.argmax(abs(a)), a.shape),
    "repeat traced counts": lambda n, a: n.repeat(a, n.asarray([1, 2, 0]), 0),
    "where indices": lambda n, a: [n.shape(a), n.ndim(a), n.size(a), n.size(a, 1)],
}

CREATION = {
    "zeros": lambda n, a: n.zeros(3),
    "zeros int": lambda n, a: n.zeros((2, 0), int),
    "ones F": lambda n, a: n.ones((2, 3), np.float32, "F"),
    "full": lambda n, a: n.full((2, 3), a[0, 0]),
    "full row": lambda n, a: n.full((2, 4), a[0]),
    "full dtype": lambda n, a: n.full(3, 1, dtype=np.float32),
    "zeros_like": lambda n, a: n.zeros_like(a),
    "ones_like": lambda n, a: n.ones_like(a, dtype=np.int32),
    "full_like": lambda n, a: n.full_like(a, 3.7),
    "eye": lambda n, a: n.eye(3, 4, 1),
    "identity": lambda n, a: n.identity(3),
    "tri": lambda n, a: n.tri(3, 4, -1),
    "arange": lambda n, a: n.arange(5),
    "arange down": lambda n, a: n.arange(10, 0, -3),
    "arange float": lambda n, a: n.arange(0.1, 1, 0.1),
    "arange dtype": lambda n, a: n.arange(3, dtype=np.float32),
    "arange empty": lambda n, a: n.arange(0),
    "linspace": lambda n, a: n.linspace(0, 1, 7),
    "linspace rows": lambda n, a: n.linspace(a[0], a[1], 5),
    "linspace open": lambda n, a: n.linspace(a[0], a[1], 5, endpoint=False, axis=1),
    "linspace step": lambda n, a: n.linspace(a[0, 0], 3, 4, retstep=True),
    "linspace one": lambda n, a: n.linspace(a[0, 0], 3, 1),
    "logspace": lambda n, a: n.logspace(a[0, 0], 2, 4),
    "indices": lambda n, a: n.indices((2, 3)),
    "fromfunction": lambda n, a: n.fromfunction(lambda i, j: i + 2 * j, (2, 3)),
    "meshgrid": lambda n, a: n.meshgrid(a[0], a[1], [1, 2]),
    "meshgrid ij sparse": lambda n, a: n.meshgrid(a[0], a[1], indexing="ij", sparse=True),
    "vander": lambda n, a: n.vander(a[0], 3),
    "vander increasing": lambda n, a: n.vander(a[0], increasing=True),
    "tril_indices_from": lambda n, a: a[n.tril_indices_from(a)],
}

NO_BOOL = {"linspace rows", "linspace open", "linspace step", "linspace one", "logspace", "vander", "vander increasing"}
ALL = SHAPES | CHOICES | VALUES | CREATION


@pytest.mark.parametrize("kind", ARRAYS)
@pytest.mark.parametrize("name", ALL)
def test_as_numpy(name, kind):
    if kind == "bool" and name in NO_BOOL:
        pytest.skip("NumPy computes with bools in ways of its own")
    same_as_numpy(ALL[name], ARRAYS[kind])


@pytest.mark.parametrize("name", SHAPES | CHOICES | CREATION)
def test_smooth(name):
    smooth(ALL[name], X)
    smooth(ALL[name], Z)


@pytest.mark.parametrize("name", SHAPES | CHOICES | CREATION)
def test_batched(name):
    batches(ALL[name], X)


EMPTY = np.zeros((0, 4))


@pytest.mark.parametrize(
    "fun",
    [
        lambda n, a: n.reshape(a, (2, 0)),
        lambda n, a: n.concatenate([a, a]),
        lambda n, a: n.stack([a, a]),
        lambda n, a: n.tile(a, 2),
        lambda n, a: n.repeat(a, 2, 0),
        lambda n, a: n.roll(a, 1),
        lambda n, a: n.flip(a),
        lambda n, a: n.pad(a, 1),
        lambda n, a: n.trace(a),
        lambda n, a: n.take(a, np.zeros(0, int), 0),
        lambda n, a: n.split(a, 2, 1),
        lambda n, a: n.ravel(a),
    ],
)
def test_size_0(fun):
    same_as_numpy(fun, EMPTY)


@pytest.mark.parametrize(
    ("fun", "words"),
    [
        (lambda a: fnp.reshape(a, (5, 5)), ["cannot reshape", "(3, 4)", "(5, 5)"]),
        (lambda a: fnp.reshape(a, (5, -1)), ["cannot reshape", "(5, -1)"]),
        (lambda a: fnp.squeeze(a, 0), ["squeeze", "axis 0", "(3, 4)"]),
        (lambda a: fnp.concatenate([a, a[0]]), ["number of dimensions", "(3, 4), (4,)"]),
        (lambda a: fnp.concatenate([a, a[:, :2]]), ["all other dimensions must agree"]),
        (lambda a: fnp.split(a, 3, 1), ["does not divide", "array_split"]),
        (lambda a: fnp.swapaxes(a, 0, 5), ["swapaxes", "axis 5 is out of bounds"]),
        (lambda a: fnp.take(a, fnp.array([99]), 0), ["out of bounds"]),
        (lambda a: fnp.stack([a, a[0]]), ["same shape"]),
        (lambda a: np.asarray(a), ["cannot become a plain ndarray", "ftrans.numpy"]),
    ],
)
def test_errors_say_what_is_wrong_and_where(fun, words):
    message = lines(fun, X)
    for word in [*words, "test_structural.py"]:
        assert word in message


def test_an_array_made_inside_holds_traced_values():
    def f(x):
        y = fnp.zeros(3)
        y[1] = x * x
        return y.sum()

    assert ft.grad(f)(3.0) == 6.0


def test_a_plain_array_cannot_hold_traced_values():
    def f(x):
        y = np.zeros(3)
        y[1] = x
        return y.sum()

    with pytest.raises(ft.errors.DetachedReadError, match=r"ftrans\.numpy\.zeros"):
        ft.grad(f)(3.0)

    def g(x):
        y = np.zeros(3)
        y[:] = x
        return y.sum()

    with pytest.raises(ft.errors.TracerArrayConversionError, match=r"ftrans\.numpy"):
        ft.grad(g)(np.ones(3))


def test_geomspace_and_linspace_are_differentiable_at_their_ends():
    smooth(lambda n, a: n.geomspace(a[0], a[1], 5), np.array([1.5, 20.0]))
    smooth(lambda n, a: n.linspace(a[0], a[1], 5), np.array([1.5, 20.0]))
    same_as_numpy(lambda n, a: n.geomspace(a[0], a[1], 5), np.array([-1.5, -20.0]))


def test_arange_of_traced_numbers_has_the_size_of_their_values():
    same_as_numpy(lambda n, a: n.arange(a[0]), np.array([4, 5]))
    same_as_numpy(lambda n, a: n.arange(a[0], a[1], 0.3), np.array([0.1, 2.0]))


def test_outside_of_a_trace_functions_are_numpys():
    assert type(fnp.zeros(3)) is np.ndarray
    assert fnp.arange(3).dtype == np.int64
    assert fnp.concatenate([np.ones(2), [3.0]]).tolist() == [1.0, 1.0, 3.0]


def test_what_is_missing_is_named():
    with pytest.raises(AttributeError, match="busday_count is not supported"):
        fnp.busday_count
    assert not hasattr(fnp, "busday_count")
    assert not hasattr(fnp, "no_such_function")
    with pytest.raises(ft.errors.UnsupportedError, match="busday_count"):
        traced(lambda x: np.busday_count(x, x), X)


REPEATS = np.array([[3.0, 1.0, 3.0, -2.0], [1.0, 5.0, -2.0, 0.5]])
OTHERS = np.array([1.0, 7.0, -2.0])
SETS = {
    "unique": lambda n, a, b: n.unique(a),
    "unique with all": lambda n, a, b: n.unique(a, return_index=True, return_inverse=True, return_counts=True),
    "unique rows": lambda n, a, b: n.unique(n.concatenate([a, a]), axis=0),
    "unique_all": lambda n, a, b: n.unique_all(a),
    "unique_counts": lambda n, a, b: n.unique_counts(a),
    "unique_inverse": lambda n, a, b: n.unique_inverse(a),
    "intersect1d": lambda n, a, b: n.intersect1d(a, b),
    "union1d": lambda n, a, b: n.union1d(a, b),
    "setxor1d": lambda n, a, b: n.setxor1d(a, b),
    "setdiff1d": lambda n, a, b: n.setdiff1d(a, b),
    "isin": lambda n, a, b: n.isin(a, b),
    "not isin": lambda n, a, b: n.isin(a, b, invert=True),
}


@pytest.mark.parametrize("name", SETS)
def test_sets(name):
    same_as_numpy(SETS[name], REPEATS, OTHERS)
    same_as_numpy(SETS[name], REPEATS.astype(np.float32), OTHERS)
    same_as_numpy(SETS[name], (REPEATS * 2).astype(int), (OTHERS * 2).astype(int))
    same_as_numpy(SETS[name], np.array([[np.nan, 1.0], [np.nan, 1.0]]), OTHERS)
    same_as_numpy(SETS[name], REPEATS, np.zeros(0))
    same_as_numpy(SETS[name], np.zeros(0), OTHERS) if name != "unique rows" else None


def test_unique_is_differentiable():
    x = np.array([3.0, 1.0, 3.0, 2.0])
    assert ft.jacrev(fnp.unique)(x).tolist() == [[0, 1, 0, 0], [0, 0, 0, 1], [1, 0, 0, 0]]
    fun = ft.jit(lambda x: fnp.unique(x) * 2)
    assert fun(x).tolist() == [2.0, 4.0, 6.0]
    assert fun(-x).tolist() == [-6.0, -4.0, -2.0]
    assert fun(np.ones(4)).tolist() == [2.0]
