"""x[i] and x[i] = v for every index NumPy accepts, static and traced; x.at[i]."""

from __future__ import annotations

import numpy as np
import pytest
from against_numpy import batches, lines, same_as_numpy, smooth, traced
from hypothesis import given
from hypothesis import strategies as st

import ftrans as ft
import ftrans.numpy as fnp

X = np.random.default_rng(0).standard_normal((3, 4))
CUBE = np.random.default_rng(1).standard_normal((3, 4, 5))


@st.composite
def indexed_arrays(draw):
    """An array and a list of index entries; arrays in it are marked, so that they can be given traced or not."""
    shape = tuple(draw(st.lists(st.integers(0, 4), min_size=1, max_size=4)))
    entries, axis, dots = [], 0, False
    while axis < len(shape) and draw(st.integers(0, 9)):
        n = shape[axis]
        kind = draw(st.sampled_from(["int", "slice", "slice", "new", "...", "array", "array", "mask", "flag", "list"]))
        if kind == "int" and n:
            entries.append(draw(st.integers(-n, n - 1)))
        elif kind == "slice":
            bound = st.none() | st.integers(-n - 2, n + 2)
            entries.append(slice(draw(bound), draw(bound), draw(st.sampled_from([None, 1, 2, -1, -3]))))
        elif kind == "array" and n:
            sizes = draw(st.sampled_from([(), (2,), (1,), (3, 1), (0,), (2, 3)]))
            dtype = draw(st.sampled_from([np.int64, np.int32]))
            flat = draw(st.lists(st.integers(-n, n - 1), min_size=int(np.prod(sizes)), max_size=int(np.prod(sizes))))
            entries.append(Array(np.array(flat, dtype).reshape(sizes)))
        elif kind == "mask":
            entries.append(Array(np.array(draw(st.lists(st.booleans(), min_size=n, max_size=n)), bool)))
        elif kind == "list" and n:
            entries.append(draw(st.lists(st.integers(-n, n - 1), min_size=1, max_size=2)))
        else:
            entries.append(None if kind == "new" else draw(st.booleans()) if kind == "flag" else Ellipsis if not dots else None)
            dots = dots or entries[-1] is Ellipsis
            axis += int(entries[-1] is Ellipsis and draw(st.booleans()))
            continue
        axis += 1
    return np.arange(float(np.prod(shape))).reshape(shape), entries


class Array:
    """An index array, to be replaced by a traced one."""

    def __init__(self, values):
        self.values = values

    def __repr__(self):
        return repr(self.values)


def index_of(entries, arrays=None):
    """The index that Python would pass."""
    rest = iter(arrays if arrays is not None else [e.values for e in entries if isinstance(e, Array)])
    index = tuple([next(rest) if isinstance(e, Array) else e for e in entries])
    return index[0] if len(index) == 1 else index


def well_formed(x, entries):
    """Leave out what NumPy itself refuses in words of its own, and its masks of the wrong size for arrays of size 0."""
    masks = [e.values for e in entries if isinstance(e, Array) and e.values.dtype == bool]
    return x.size > 0 or not masks


@given(indexed_arrays())
def test_reading(case):
    x, entries = case
    if well_formed(x, entries):
        arrays = [e.values for e in entries if isinstance(e, Array)]
        same_as_numpy(lambda n, a, *index: a[index_of(entries, index)], x, *arrays)
        same_as_numpy(lambda n, a: a[index_of(entries)], x)


def assigned(entries):
    def fun(n, a, value, *index):
        b = a.copy()
        b[index_of(entries, index)] = value
        return b

    return fun


def added(entries):
    def fun(n, a, value, *index):
        b = a.copy()
        b[index_of(entries, index)] += value
        return b

    return fun


@given(indexed_arrays())
def test_writing(case):
    x, entries = case
    arrays = [e.values for e in entries if isinstance(e, Array)]
    try:
        part = np.asarray(x[index_of(entries)])
    except IndexError:
        return
    if not well_formed(x, entries):
        return
    values = [np.array(7.5), np.arange(100.0, 100.0 + part.size).reshape(part.shape), np.ones(17)]
    if part.ndim:
        values += [np.arange(50.0, 50.0 + part.shape[-1]), np.ones((*part.shape[:-1], 1)), np.ones((1, *part.shape))]
    for value in values:
        same_as_numpy(assigned(entries), x, value, *arrays)
    same_as_numpy(added(entries), x, np.array(0.5), *arrays)


@given(indexed_arrays())
def test_derivatives_of_reading_and_writing(case):
    x, entries = case
    index = index_of(entries)
    try:
        part = np.asarray(x[index])
    except IndexError:
        return
    if well_formed(x, entries):
        smooth(lambda n, a: a[index], x)
        smooth(lambda n, a, v: assigned(entries)(n, a, v, *[e.values for e in entries if isinstance(e, Array)]), x, part + 0.5)


@given(indexed_arrays(), st.booleans())
def test_batches_of_reading_and_writing(case, write):
    x, entries = case
    index = index_of(entries)
    try:
        part = np.asarray(x[index])
    except IndexError:
        return
    if not well_formed(x, entries):
        return
    if write:
        batches(lambda n, a, v: assigned(entries)(n, a, v, *[e.values for e in entries if isinstance(e, Array)]), x, part)
    else:
        batches(lambda n, a: a[index], x)


@pytest.mark.parametrize("x_axis", [None, 0, 2])
@pytest.mark.parametrize("i_axis", [None, 0, 1])
@pytest.mark.parametrize("index", [lambda i: i, lambda i: (slice(None), i), lambda i: (i, i), lambda i: (i, 1)])
def test_batched_indices(x_axis, i_axis, index):
    if x_axis is None and i_axis is None:
        return
    i = np.array([[0, 2], [1, -1], [2, 2]]) if i_axis == 0 else np.array([[0, 1, 2], [2, -1, 2]])
    i = i if i_axis is not None else i[:, 0]
    x = CUBE if x_axis is None else np.moveaxis(np.stack([CUBE, 2 * CUBE, 3 * CUBE]), 0, x_axis)

    def one(kind, size):
        return kind if size is None else np.moveaxis(x if kind is x else i, size, 0)

    def read(a, k):
        return a[index(k)]

    def write(a, k):
        b = a.copy()
        b[index(k)] = a[index(k)] * 2 + 1
        return b

    def add(a, k):
        return fnp.at(a)[index(k)].add(1.0) if isinstance(a, ft.Tracer) else added_at(a, index(k))

    for fun in (read, write, add):
        rows = [fun(x if x_axis is None else np.moveaxis(x, x_axis, 0)[k], i if i_axis is None else np.moveaxis(i, i_axis, 0)[k])
                for k in range(3)]  # fmt: skip
        got = ft.vmap(fun, in_axes=(x_axis, i_axis))(x, i)
        np.testing.assert_allclose(got, np.stack(rows))
    del one


def added_at(a, index):
    b = a.copy()
    np.add.at(b, index, 1.0)
    return b


def test_a_traced_integer_gives_a_view():
    def f(n, a, k):
        b = a.copy()
        row = b[k]
        row[:] = 1
        row *= 3
        b[k, 0] = 5
        return b, row

    same_as_numpy(f, X, np.int64(1))
    same_as_numpy(f, X, np.int64(-1))


def test_mask_assignment_needs_no_value_of_the_mask():
    def f(x):
        y = x.copy()
        y[y > 0.5] = 0.5
        y[y < -0.5] = x.sum()
        return y

    batch = np.random.default_rng(0).standard_normal((3, 4))
    np.testing.assert_allclose(ft.vmap(f)(batch), np.stack([f(row) for row in batch]))
    smooth(lambda n, x: f(x), batch[0])


def test_a_mask_of_rows():
    def f(n, x, m):
        y = x.copy()
        y[m] = x[0]
        y[:, 1][m] = 7
        return y, x[m], x[:, [True, False, True, False]], x[~m, 0]

    same_as_numpy(f, X, np.array([True, False, True]))


def test_the_last_of_repeated_indices_wins_also_in_the_derivative():
    def f(n, x, v):
        y = x.copy()
        y[np.array([0, 2, 0])] = v
        return y

    same_as_numpy(f, np.zeros(3), np.array([1.0, 2.0, 3.0]))
    smooth(f, np.zeros(3), np.array([1.0, 2.0, 3.0]))
    back = ft.grad(lambda v: (f(np, np.zeros(3), v) if False else f(fnp, fnp.zeros(3), v)).sum())(np.ones(3))
    np.testing.assert_allclose(back, [0.0, 1.0, 1.0])


@pytest.mark.parametrize(
    ("fun", "words"),
    [
        (lambda x: x[7], ["index 7 is out of bounds for axis 0 with size 3"]),
        (lambda x: x[0, 0, 0], ["too many indices", "2 dimensions"]),
        (lambda x: x[fnp.array([0, 9])], ["index 9 is out of bounds"]),
        (lambda x: x[..., ...], ["single ellipsis"]),
        (lambda x: x["a"], ["only integers, slices", "'a'"]),
        (lambda x: x[1.5], ["only integers, slices"]),
        (lambda x: x[np.array([0.5])], ["integer (or boolean)", "float64"]),
        (lambda x: x[np.array([True, False])], ["boolean index", "3 elements and the index 2"]),
        (lambda x: x[[0, 1], [0, 1, 2]], ["do not broadcast", "(2,), (3,)"]),
    ],
)
def test_index_errors_name_the_line(fun, words):
    message = lines(fun, X)
    for word in [*words, "test_indexing.py"]:
        assert word in message
    with pytest.raises(IndexError):
        traced(fun, X)


def test_an_index_error_can_be_caught():
    def f(x):
        try:
            return x[fnp.array([0, 9])].sum()
        except IndexError:
            return x[0]

    assert ft.grad(f)(np.ones(3)).tolist() == [1.0, 0.0, 0.0]


def test_assignment_casts_as_numpy():
    def f(n, x):
        y = n.zeros(3, int)
        y[0] = x[0] * 10
        y[1:] = 2.7
        z = n.zeros(2, np.float32)
        z[...] = x[:2]
        return y, z

    same_as_numpy(f, X[0])
    with pytest.raises(TypeError, match="complex"):
        traced(lambda x: x.__setitem__(0, x.sum() * 0 + 1 if False else np.complex128(1j)), X[0])
    with pytest.warns(np.exceptions.ComplexWarning):
        traced(lambda x: x.copy().__setitem__(slice(None), x * 1j), X[0])


AT = {
    "set": lambda r, v: r.set(v),
    "add": lambda r, v: r.add(v),
    "subtract": lambda r, v: r.subtract(v),
    "multiply": lambda r, v: r.multiply(v),
    "divide": lambda r, v: r.divide(v),
    "min": lambda r, v: r.min(v),
    "max": lambda r, v: r.max(v),
    "apply": lambda r, v: r.apply(lambda part: part * part + v),
}
IN_PLACE = {
    "add": np.add, "subtract": np.subtract, "multiply": np.multiply, "divide": np.divide, "min": np.minimum, "max": np.maximum,
}  # fmt: skip
INDICES = [1, slice(None, None, -1), [0, 2], (slice(1, None), 2), ([0, 2], [1, 3]), np.array([True, False, True]), (0, ..., [1, 3])]


@pytest.mark.parametrize("name", AT)
@pytest.mark.parametrize("index", INDICES, ids=repr)
def test_at(name, index):
    value = 1.5
    want = X.copy()
    if name == "set":
        want[index] = value
    elif name == "apply":
        want[index] = want[index] ** 2 + value
    else:
        IN_PLACE[name].at(want, index, value)
    np.testing.assert_allclose(AT[name](fnp.at(X)[index], value), want)
    got = traced(lambda x: AT[name](x.at[index], value), X)
    np.testing.assert_allclose(got, want)
    part = X[index] + 0.3

    def fun(x, v):
        return AT[name](fnp.at(x)[index], v)

    smooth(lambda n, x, v: fun(x, v), X, part)
    batches(lambda n, x: fun(x, value), X)


def test_at_with_repeated_indices():
    i = np.array([0, 2, 0, 0])
    v = np.array([2.0, 3.0, 4.0, 0.5])
    x = np.array([1.0, 2.0, 3.0])
    for name, ufunc in IN_PLACE.items():
        want = x.copy()
        ufunc.at(want, i, v)
        np.testing.assert_allclose(AT[name](fnp.at(x)[i], v), want)
        if name not in ("multiply", "divide"):
            smooth(lambda n, a, b, name=name: AT[name](fnp.at(a)[i], b), x, v)
        else:
            smooth(lambda n, a, name=name: AT[name](fnp.at(a)[i], v), x)
    with pytest.raises(ft.errors.NotDifferentiableError, match="repeated"):
        ft.grad(lambda b: fnp.at(fnp.asarray(x))[i].multiply(b).sum())(v)
    with pytest.raises(ft.errors.UnsupportedError, match="twice"):
        fnp.at(x)[i].apply(np.sin)


def test_at_modes():
    i = np.array([1, 7, -9])
    x = np.array([1.0, 2.0, 3.0])
    with pytest.raises(IndexError, match="out of bounds"):
        fnp.at(x)[i].set(0.0)
    assert fnp.at(x)[i].set(9.0, mode="drop").tolist() == [1.0, 9.0, 3.0]
    assert fnp.at(x)[i].set(9.0, mode="clip").tolist() == [9.0, 9.0, 9.0]
    assert fnp.at(x)[i].add(1.0, mode="drop").tolist() == [1.0, 3.0, 3.0]
    assert fnp.at(x)[i].add(1.0, mode="wrap").tolist() == [2.0, 4.0, 3.0]
    assert fnp.at(x)[i].max(5.0, mode="drop").tolist() == [1.0, 5.0, 3.0]
    assert fnp.at(x)[i].get(mode="clip").tolist() == [2.0, 3.0, 1.0]
    assert fnp.at(x)[i].get(mode="fill", fill_value=-1).tolist() == [2.0, -1.0, -1.0]
    assert np.isnan(fnp.at(x)[7].get(mode="fill"))
    wide = np.arange(6.0).reshape(2, 3)
    assert fnp.at(wide)[1:, i].set(0.0, mode="drop").tolist() == [[0, 1, 2], [3, 0, 5]]
    with pytest.raises(ft.errors.ArgumentError, match="unknown mode"):
        fnp.at(x)[i].set(0.0, mode="slip")


def test_at_leaves_the_original_alone():
    def f(x):
        y = x.at[0].set(5.0)
        y[1] = 7.0
        return x.sum() * y.sum()

    assert ft.value_and_grad(f)(np.array([1.0, 2.0, 3.0]))[0] == 6.0 * 15.0
