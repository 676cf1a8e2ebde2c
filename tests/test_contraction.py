"""matmul, dot, einsum and their like: as NumPy over shapes and dtypes, smooth, batched, with errors that show the shapes."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from against_numpy import batches, lines, same_as_numpy, smooth, traced
from hypothesis import given
from hypothesis import strategies as st

import ftrans as ft
import ftrans.numpy as fnp

PRODUCTS = {
    "matmul": lambda n, a, b: n.matmul(a, b),
    "@": lambda n, a, b: a @ b,
    "dot": lambda n, a, b: n.dot(a, b),
    "x.dot": lambda n, a, b: a.dot(b),
    "inner": lambda n, a, b: n.inner(a, b),
    "outer": lambda n, a, b: n.outer(a, b),
    "kron": lambda n, a, b: n.kron(a, b),
    "vdot": lambda n, a, b: n.vdot(a, b),
    "tensordot 0": lambda n, a, b: n.tensordot(a, b, 0),
    "tensordot 1": lambda n, a, b: n.tensordot(a, b, 1),
    "tensordot pairs": lambda n, a, b: n.tensordot(a, b, ([0, -1], [-1, 0])),
    "cross": lambda n, a, b: n.cross(a, b),
    "vecdot": lambda n, a, b: n.vecdot(a, b),
    "matvec": lambda n, a, b: n.matvec(a, b),
    "vecmat": lambda n, a, b: n.vecmat(a, b),
}
SHAPES = [(), (3,), (4,), (3, 4), (4, 3), (3, 3), (2, 3, 4), (2, 4, 3), (1, 4, 3), (5, 1, 3, 4), (0, 3), (3, 0), (2, 0, 3)]


def random(shape, seed=0):
    return np.asarray(np.random.default_rng(seed).standard_normal(shape))


@pytest.mark.filterwarnings("ignore:Arrays of 2-dimensional vectors")
@pytest.mark.parametrize("name", PRODUCTS)
def test_as_numpy(name):
    for left, right in itertools.product(SHAPES, SHAPES):
        same_as_numpy(PRODUCTS[name], random(left), random(right, 1))


@pytest.mark.parametrize("name", PRODUCTS)
@pytest.mark.parametrize("kinds", [("f4", "c16"), ("i8", "i4"), ("?", "?"), ("f4", "f8"), ("u1", "f4"), ("c8", "c8")])
def test_dtypes(name, kinds):
    a, b = ((random((3, 3), k) * 4).astype(kind) for k, kind in enumerate(kinds))
    if name == "cross" and kinds == ("?", "?"):
        pytest.skip("NumPy does not subtract bools")
    same_as_numpy(PRODUCTS[name], a, b)


@pytest.mark.filterwarnings("ignore:Arrays of 2-dimensional vectors")
@pytest.mark.parametrize("name", PRODUCTS)
def test_smooth_and_batched(name):
    for left, right in itertools.product(SHAPES[1:], SHAPES[1:]):
        a, b = random(left), random(right, 1)
        try:
            PRODUCTS[name](np, a, b)
        except Exception:
            continue
        smooth(PRODUCTS[name], a, b)
        batches(PRODUCTS[name], a, b)
    smooth(PRODUCTS[name], random((3, 3)) + 1j * random((3, 3), 2), random((3, 3), 1))


EINSUMS = [
    ("ij,jk->ik", (3, 4), (4, 5)),
    ("ij,jk", (3, 4), (4, 5)),
    ("ba", (3, 4)),
    ("ij->", (3, 4)),
    ("ij->ji", (3, 4)),
    ("ii", (3, 3)),
    ("ii->i", (3, 3)),
    ("iij->ji", (3, 3, 4)),
    ("i,i->", (3,), (3,)),
    ("i,j->ij", (3,), (4,)),
    ("i,j->ji", (3,), (4,)),
    ("ij,ij->ij", (3, 4), (3, 4)),
    ("ij,ji->", (3, 4), (4, 3)),
    ("bij,bjk->bik", (2, 3, 4), (2, 4, 5)),
    ("bij,bjk->kib", (2, 3, 4), (2, 4, 5)),
    ("...ij,...jk->...ik", (2, 3, 4), (4, 5)),
    ("...ij,...jk", (2, 1, 3, 4), (6, 4, 5)),
    ("i...->...", (3, 4)),
    ("...ii->...i", (2, 3, 3)),
    ("ij,jk,kl->il", (3, 4), (4, 5), (5, 2)),
    ("ij,jk,kl,li->", (3, 4), (4, 5), (5, 2), (2, 3)),
    ("i,i,i->i", (3,), (3,), (3,)),
    ("ij,j,k->", (3, 4), (4,), (5,)),
    ("ij,jk->ik", (3, 0), (0, 5)),
    ("ij,jk->ik", (3, 4), (1, 5)),
    ("ij,ij->i", (3, 1), (3, 4)),
    ("ab,ab,c->", (3, 4), (3, 4), (2,)),
    ("ijkl,jkm->im", (2, 3, 4, 5), (3, 4, 2)),
    (",ij->ij", (), (3, 4)),
    ("...,...->...", (3, 1), (4,)),
    ("ij , jk -> ik", (3, 4), (4, 5)),
]


@pytest.mark.parametrize("case", EINSUMS, ids=lambda case: case[0])
def test_einsum(case):
    spec, *shapes = case
    args = [random(s, k) for k, s in enumerate(shapes)]
    same_as_numpy(lambda n, *xs: n.einsum(spec, *xs), *args)
    same_as_numpy(lambda n, *xs: n.einsum(spec, *xs, optimize=True), *args)
    same_as_numpy(lambda n, *xs: n.einsum(spec, *xs), *[(x * 4).astype(int) for x in args])
    same_as_numpy(lambda n, *xs: n.einsum(spec, *xs), *[x.astype(np.complex64) for x in args])
    smooth(lambda n, *xs: n.einsum(spec, *xs), *args)
    smooth(lambda n, *xs: n.einsum(spec, *xs), *[x * (1 + 1j) for x in args])
    batches(lambda n, *xs: n.einsum(spec, *xs), *args)


@given(st.data())
def test_random_einsums(data):
    sizes = {c: data.draw(st.integers(0, 3)) for c in "abcd"}
    terms = data.draw(st.lists(st.text("abcd", max_size=3), min_size=1, max_size=4))
    used = sorted(set("".join(terms)))
    result = data.draw(st.lists(st.sampled_from(used), unique=True)) if used else []
    spec = ",".join(terms) + "->" + "".join(result)
    args = [random([sizes[c] for c in term], k) for k, term in enumerate(terms)]
    same_as_numpy(lambda n, *xs: n.einsum(spec, *xs), *args)


def test_einsum_with_lists_of_axes():
    same_as_numpy(lambda n, a, b: n.einsum(a, [0, 1], b, [1, 2]), random((3, 4)), random((4, 5)))
    same_as_numpy(lambda n, a, b: n.einsum(a, [0, 1], b, [1, 2], [2, 0]), random((3, 4)), random((4, 5)))
    same_as_numpy(lambda n, a: n.einsum(a, [Ellipsis, 0, 0], [Ellipsis]), random((2, 3, 3)))


def test_einsum_path():
    same_as_numpy(lambda n, a, b: len(n.einsum_path("ij,jk->ik", a, b)[0]), random((3, 4)), random((4, 5)))


A = random((3, 4))


@pytest.mark.parametrize(
    ("fun", "words"),
    [
        (lambda a: a @ np.ones((5, 2)), ["matmul: (3, 4) @ (5, 2)", "last axis of the left operand (4)", "right one (5) differ"]),
        (lambda a: a @ 2.0, ["at least one dimension", "use * for scalars"]),
        (lambda a: np.ones((2, 3, 3)) @ fnp.ones((5, 3, 3)), ["(2, 3, 3) @ (5, 3, 3)", "broadcast"]),
        (lambda a: fnp.dot(a, np.ones(3)), ["dot of arrays of shapes (3, 4) and (3,)"]),
        (lambda a: fnp.tensordot(a, a, 1), ["tensordot", "axis 1 of the left operand (4)", "axis 0 of the right one (3)"]),
        (lambda a: fnp.einsum("ij,jk->ik", a, a), ["subscript 'j'", "size 4", "3"]),
        (lambda a: fnp.einsum("ijk->ik", a), ["'ijk'", "(3, 4)"]),
        (lambda a: fnp.einsum("ij,jk->ik", a), ["2 operands", "1 are given"]),
        (lambda a: fnp.einsum("ij->iz", a), ["'z'"]),
        (lambda a: fnp.cross(a, a), ["cross", "2 or 3 elements", "(3, 4)"]),
    ],
)
def test_errors_show_the_shapes(fun, words):
    message = lines(fun, A)
    for word in [*words, "test_contraction.py"]:
        assert word in message
    with pytest.raises(ValueError):
        traced(fun, A)


def test_out():
    def f(n, a):
        y = n.zeros((3, 3))
        n.matmul(a, a.T, out=y)
        z = n.zeros((3, 3))
        n.dot(a, a.T, out=z)
        return y, z

    same_as_numpy(f, A)


def test_second_derivative_of_a_quadratic_form():
    m = random((4, 4))
    np.testing.assert_allclose(ft.hessian(lambda x: x @ m @ x)(random((4,))), m + m.T)
    np.testing.assert_allclose(ft.hessian(lambda x: fnp.einsum("i,ij,j", x, m, x))(random((4,))), m + m.T)
