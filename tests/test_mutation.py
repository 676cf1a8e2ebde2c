"""In-place writes mean what they mean in NumPy: views both ways, overlaps, `x += y`; errors where that cannot be."""

from __future__ import annotations

import numpy as np
import pytest
from against_numpy import outcome, same_as_numpy, smooth, traced
from hypothesis import given
from hypothesis import strategies as st

import ftrans as ft
import ftrans.numpy as fnp

X = np.random.default_rng(0).standard_normal((3, 4))


def program(body):
    """A function that copies its argument, lets `body` write to the copy, and returns what body returns."""

    def fun(n, a):
        x = a.copy()
        return body(n, x)

    return fun


def p_overlap(n, x):
    x[1:] = x[:-1]
    x[:, :-1] = x[:, 1:]
    return x


def p_overlap_backwards(n, x):
    x[:-1] += x[1:]
    x[::-1] = x
    return x


def p_swap(n, x):
    x[[0, 1]] = x[[1, 0]]
    x[0], x[1] = x[1], x[0].copy()
    return x


def p_views_both_ways(n, x):
    v = x[1:]
    w = v[:, 1]
    w[0] = 10
    x[2] = 7
    v *= 2
    return x, v, w


def p_transpose(n, x):
    y = x.T
    y[0] = 1
    y += 1
    x[0, 0] = 9
    return x, y


def p_reversed(n, x):
    v = x[::-1, ::2]
    v[0] = 5
    v -= x[:, :2]
    return x, v


def p_reshape_of_contiguous(n, x):
    v = x.reshape(-1)
    v[3] = 5
    x[2, 2] = 1
    w = v.reshape(2, 6)
    w[1] *= 2
    return x, v, w


def p_reshape_that_copies(n, x):
    v = x.T.reshape(-1)
    v[3] = 5
    x[2, 2] = 1
    return x, v


def p_reshape_that_splits(n, x):
    v = x.T.reshape(2, 2, 3)
    v[0, 1] = 5
    return x, v


def p_ravel(n, x):
    v, w, u = x.ravel(), x.T.ravel(), x[:, ::2].ravel()
    v[0] = 1
    w[1] = 2
    u[2] = 3
    x[1] = 4
    return x, v, w, u


def p_result_in_fortran_order(n, x):
    y = x.T * 2 + 1
    v = y.reshape(-1)
    v[0] = 5
    w = y.T.reshape(-1)
    w[1] = 6
    return y, v, w


def p_advanced_index_copies(n, x):
    v = x[[0, 1]]
    v[0] = 5
    w = x[:, [0, 2]]
    u = w.reshape(-1)
    u[0] = 3
    return x, v, w, u


def p_squeeze_expand(n, x):
    v = x[:, None]
    v[0] = 1
    w = n.squeeze(v)
    w[1] = 2
    u = n.expand_dims(x, 0)
    u[0, 2] = 3
    return x, v, w, u


def p_flip_roll(n, x):
    n.flip(x)[0] = 1
    n.fliplr(x)[0, 0] = 2
    n.rot90(x)[0] = 3
    n.roll(x, 1)[0] = 4
    n.swapaxes(x, 0, 1)[1] = 5
    n.moveaxis(x, 0, 1)[2, 2] = 6
    return x


def p_split(n, x):
    a, b = n.split(x, 2, axis=1)
    a[0] = 1
    b += a
    x[2] = 0
    return x, a, b


def p_copies(n, x):
    y, z, u, f = x.copy(), n.array(x), n.copy(x), x.flatten()
    v = n.asarray(x)
    y[0], z[1], u[2], f[0] = 1, 2, 3, 4
    v[0, 0] = 5
    w = x.astype(float)
    w[0] = 6
    return x, y, z, u, v, f, w


def p_rows(n, x):
    for row in x:
        row *= 2
        row[0] = 1
    for k in range(len(x)):
        x[k] += k
    return x


def p_scalars_are_immutable(n, x):
    t = x[0, 0]
    u = t
    t += 5
    s = x.sum()
    s *= 2
    return x, t, u, s


def p_zero_dimensional(n, x):
    t = x[0, 0, ...]
    t += 5
    t[...] = t * 2
    t[()] = t + 1
    return x, t


def p_same_object(n, x):
    y = x
    y += 1
    x *= 2
    return x, y


def p_masks(n, x):
    x[x > 0] *= 2
    x[x < 0] = 0
    x[x.sum(axis=1) > 1] += 1
    x[x > 1] = x[x > 1] - 1
    return x


def p_repeated_in_augmented(n, x):
    x[[0, 0, 1]] += 1
    return x


def p_broadcast_value(n, x):
    x[:] = x[0]
    x[..., 1] = x[1, 1]
    x[:, 2:] = [[7], [8], [9]]
    return x


def p_augmented_views(n, x):
    x[1:3, ::2] *= 3
    x[0][1] -= 1
    x.T[2] /= 2
    x[0:2][1][::2] **= 2
    return x


def p_fresh_arrays(n, x):
    z = n.zeros((2, 3))
    z[0] = x[0, :3]
    e = n.empty_like(x)
    e[...] = x
    e[0] = 1
    o = n.ones(3)
    o += x[1, 0]
    a = n.arange(4.0)
    a[1:] *= x[2, 1:]
    f = n.full((2, 2), x[0, 0])
    f[0, 1] = 0
    i = n.eye(3)
    i[0] = x[:, 0]
    p = n.linspace(0.0, 1.0, 4)
    p[1] = x[0, 1]
    return z, e, o, a, f, i, p


def p_whole_from_argument(n, x):
    z = n.zeros_like(x)
    z[:] = x
    z[0] = 1
    x[...] = z
    x[1, 1] = 2
    return x, z


def p_methods(n, x):
    x.fill(2)
    x[0] = [3, 1, 2, 0]
    n.fill_diagonal(x, 5)
    n.put(x, [0, 5], [1, 2])
    n.copyto(x[2], x[0])
    n.putmask(x, x > 3, 0)
    n.place(x, x == 0, [4, 5])
    return x


def p_out(n, x):
    y = n.zeros(4)
    n.add(x[0], x[1], out=y)
    n.multiply(y, 2, out=y)
    n.sum(x, axis=0, out=x[2])
    return x, y


def p_diagonals(n, x):
    d, e = n.diagonal(x), n.diag(x)
    x[0, 0] = 5
    n.einsum("ij->ji", x)[0] = 2
    square = n.array(x[:, :3])
    n.einsum("ii->i", square)[:] = 7
    return x, d, e, square


def p_contiguous(n, x):
    a, b, c, d = n.ascontiguousarray(x), n.ascontiguousarray(x.T), n.asfortranarray(x), n.require(x, requirements="C")
    a[0] = 1
    b[1] = 2
    c[2] = 3
    d[1, 1] = 4
    e = n.asarray(x, order="C")
    e[0, 1] = 5
    return x, a, b, c, d, e


def p_ufunc_at(n, x):
    np.add.at(x, [0, 0, 1], 1.0)
    np.maximum.at(x, (slice(None), [1, 1]), 0.3)
    np.subtract.at(x, 2, x[0])
    return x


PROGRAMS = {name[2:]: body for name, body in globals().items() if name.startswith("p_")}


@pytest.mark.parametrize("name", PROGRAMS)
def test_as_numpy(name):
    same_as_numpy(program(PROGRAMS[name]), X)
    same_as_numpy(program(PROGRAMS[name]), X.astype(np.float32))


@pytest.mark.parametrize("name", PROGRAMS)
def test_smooth(name):
    smooth(program(PROGRAMS[name]), X)


@pytest.mark.parametrize("name", [name for name in PROGRAMS if name not in ("masks", "methods", "advanced_index_copies")])
def test_under_vmap(name):
    batch = np.stack([X, 2 * X, X - 1])
    got = ft.vmap(lambda x: program(PROGRAMS[name])(fnp, x))(batch)
    rows = [program(PROGRAMS[name])(np, x) for x in batch]
    for k, y in enumerate(got if isinstance(got, tuple) else (got,)):
        np.testing.assert_allclose(y, np.stack([r[k] if isinstance(r, tuple) else r for r in rows]))


@pytest.mark.parametrize("name", PROGRAMS)
def test_under_jit(name):
    fun = ft.jit(lambda x: program(PROGRAMS[name])(fnp, x))
    for x in (X, X, 2 * X):
        got, want = fun(x), program(PROGRAMS[name])(np, x)
        for a, b in zip(got if isinstance(got, tuple) else (got,), want if isinstance(want, tuple) else (want,), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-12)


VIEWS = {
    "T": lambda n, x: x.T,
    "rows": lambda n, x: x[1:],
    "reversed": lambda n, x: x[::-1],
    "every other": lambda n, x: x[::2],
    "new axis": lambda n, x: x[None],
    "first": lambda n, x: x[0] if x.ndim > 1 else x[...],
    "flat": lambda n, x: x.reshape(-1),
    "ravel": lambda n, x: x.ravel(),
    "split": lambda n, x: x.reshape(x.shape[:-1] + (-1, 2)) if x.shape and x.shape[-1] % 2 == 0 and x.shape[-1] else x,
    "squeeze": lambda n, x: n.squeeze(x),
    "flip": lambda n, x: n.flip(x),
    "copy": lambda n, x: x.copy(),
    "plus": lambda n, x: x + 1,
    "last column": lambda n, x: x[..., -1:],
    "swap": lambda n, x: n.swapaxes(x, 0, -1),
    "take": lambda n, x: x[[0, -1]],
    "K copy": lambda n, x: n.copy(x),
}


@given(
    st.sampled_from([(2, 4), (4, 2), (2, 2, 2), (6,), (1, 4)]),
    st.lists(st.tuples(st.integers(0, 5), st.sampled_from(sorted(VIEWS)), st.integers(0, 5), st.integers(0, 2)), max_size=6),
    st.sampled_from(["C", "F", "strided"]),
)
def test_random_programs_of_views_and_writes(shape, steps, order):
    """Each step takes a view of an earlier array and writes to an earlier array; all arrays must be NumPy's at the end."""
    x = np.arange(1.0, 1.0 + np.prod(shape)).reshape(shape)
    if order == "F":
        x = np.asfortranarray(x)
    elif order == "strided":
        wide = np.zeros(tuple([2 * n for n in shape]))
        view = wide[tuple([slice(None, None, 2)] * len(shape))]
        view[...] = x
        x = view

    def fun(n, a):
        arrays = [a.copy() if order == "C" else n.copy(a)]
        for source, name, target, kind in steps:
            y = VIEWS[name](n, arrays[source % len(arrays)])
            arrays.append(y)
            z = arrays[target % len(arrays)]
            if z.ndim == 0 or 0 in z.shape:
                continue
            if kind == 0:
                z[0] = 100.0 + len(arrays)
            elif kind == 1:
                z *= 2
            else:
                z[-1:] = z[:1] + 1
        return arrays

    got = outcome(lambda: traced(lambda a: fun(fnp, a), x))
    if not isinstance(got, ft.errors.WriteError):  # raised where the layout of the result of an operation is not known
        same_as_numpy(fun, x)


def test_a_copy_of_an_argument_does_not_mark_the_argument():
    x = np.ones(3)

    def f(a):
        b = a.copy()
        b[0] = 5
        return b.sum()

    ft.grad(f)(x)
    assert x.tolist() == [1, 1, 1]


def test_writing_to_an_argument_warns_and_leaves_it():
    x = np.ones(3)

    def f(a):
        a[0] = 5
        return a.sum()

    with pytest.warns(ft.errors.MutationWarning, match="argument"):
        assert ft.grad(f)(x).tolist() == [0, 1, 1]
    assert x.tolist() == [1, 1, 1]


def test_what_cannot_be_written_to():
    table = np.ones(3)

    def captured(x):
        fnp.asarray(table)[0] = x
        return x

    with pytest.raises(ft.errors.WriteError, match="captured"):
        ft.grad(captured)(1.0)

    def read_only(x):
        y = fnp.broadcast_to(x, (3,))
        y[0] = 1
        return y.sum()

    with pytest.raises(ValueError, match="read-only"):
        ft.grad(read_only)(1.0)
    with pytest.raises(ValueError, match="read-only"):
        traced(lambda x: fnp.diagonal(x).__setitem__(0, 1.0), X)

    def scalar(x):
        t = x.sum()
        t[...] = 1
        return t

    with pytest.raises(TypeError, match="does not support item assignment"):
        ft.grad(scalar)(np.ones(3))


def test_a_write_that_depends_on_an_unknown_layout_raises():
    def f(x):
        v = x.reshape(-1)
        v[0] = 1
        return x.sum() + v.sum()

    with pytest.raises(ft.errors.WriteError, match="memory layout"):
        ft.make_jaxpr(f)(np.ones((2, 2)))


def test_in_place_operators_keep_the_dtype():
    def f(n, x):
        y = x.astype(np.float32)
        y += x
        k = n.zeros(3, int)
        k += 2
        return y, k

    same_as_numpy(f, X[0])
    with pytest.raises(TypeError, match="same_kind"):
        traced(lambda x: fnp.zeros(4, int).__iadd__(x), X[0])
    with pytest.raises(ValueError, match="cannot be stored"):
        traced(lambda x: fnp.zeros(4).__iadd__(x), X)


def test_identity_is_kept():
    def f(x):
        y = x.copy()
        z = y
        y += 1
        assert y is z
        y[0] = 3
        assert fnp.asarray(y) is y
        return z.sum()

    assert ft.grad(f)(np.ones(3)).tolist() == [0, 1, 1]
