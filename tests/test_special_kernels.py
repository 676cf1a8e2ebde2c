"""Kernels that are no loop nests - contractions, running sums, gathers and scatters, concatenations - against NumPy."""

import ctypes
import pickle

import numpy as np
import pytest
from call_kernel import call
from hypothesis import given
from hypothesis import strategies as st

import ftrans as ft
from ftrans.backends.numba import blas, contract, service
from ftrans.core.aval import aval
from ftrans.core.jaxpr import Eqn
from ftrans.lowering import fuse
from ftrans.lowering.contract import Contract
from ftrans.lowering.expand import expanded
from ftrans.lowering.fuse import work
from ftrans.lowering.gather import Indexed
from ftrans.lowering.group import Group
from ftrans.lowering.loops import ITEMSIZE
from ftrans.lowering.pieces import Joined, Placed
from ftrans.lowering.scans import Scan
from ftrans.lowering.segment import Segment
from ftrans.lowering.special import GROUPS, group_of
from ftrans.lowering.tape import RefusedError
from ftrans.ops.contraction import DotGeneral
from ftrans.ops.indexing import COMBINE, Gather, Put, Scatter
from ftrans.ops.reductions import CumMax, CumMin, CumProd, CumSum
from ftrans.ops.structural import Concatenate

REAL, COMPLEX = ["float32", "float64"], ["complex64", "complex128"]
LAYOUTS = ["c", "fortran", "reversed", "apart", "broadcast"]
MATMUL = DotGeneral((), (), (1,), (0,))


def group_for(op, *operands):
    """The group of an equation with these operands, or None."""
    avals = {k: aval(x.shape, x.dtype, False, False) for k, x in enumerate(operands)}
    n = len(operands)
    avals[n] = op.aval(*[avals[k] for k in range(n)])
    return group_of(Eqn(op, tuple(range(n)), (n,), None), avals)


def run(op, *operands):
    """The result by the kernel."""
    group = group_for(op, *operands)
    group.compiled = service.compile(group.kernel)
    avals = dict(enumerate([aval(x.shape, x.dtype, False, False) for x in operands]))
    segment = Segment.of([group], avals, group.outs[:1])
    segment.plan(work, 1)
    slots = [*operands, None]
    try:
        service.segment(segment, {k: k for k in range(len(slots))})(slots)
    except RefusedError:  # as tiers do
        return op.eval(*operands)
    return slots[len(operands)]


def laid_out(x, layout):
    """The same numbers in another memory layout; "broadcast" repeats the first element of the last axis."""
    if layout == "fortran":
        return np.asarray(x, order="F")
    if layout == "reversed":
        return x[..., ::-1].copy()[..., ::-1] if x.ndim else x
    if layout == "apart":
        wide = np.zeros((*x.shape, 2), x.dtype)
        wide[..., 0] = x
        return wide[..., 0]
    if layout == "broadcast" and x.ndim and x.shape[-1]:
        return np.broadcast_to(x[..., :1], x.shape)
    return x


def assert_same(got, wanted):
    """Equal to the last bit, signs of zeros included; any nan equals any other."""
    assert got.dtype == wanted.dtype
    assert got.shape == wanted.shape
    np.testing.assert_array_equal(got, wanted)
    if got.dtype.kind == "f":
        np.testing.assert_array_equal(np.signbit(got) & ~np.isnan(got), np.signbit(wanted) & ~np.isnan(wanted))


def numbers(draw, shape, dtype):
    """An array of small numbers, a few of them special."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    x = np.asarray(rng.integers(-4, 5, shape))
    if np.dtype(dtype).kind not in "fc":
        return x.astype(dtype)
    x = (x * rng.random(shape)).astype(dtype)
    return x + (1j * rng.standard_normal(shape)).astype(dtype) if np.dtype(dtype).kind == "c" else x


@pytest.mark.parametrize("kind", GROUPS, ids=lambda kind: kind.__name__)
def test_examples(kind):
    done = 0
    for op, operands in kind.examples():
        operands = [np.asarray(x) for x in operands]
        if group_for(op, *operands) is None:
            continue
        done += 1
        if kind is DotGeneral:
            np.testing.assert_allclose(run(op, *operands), op.eval(*operands), rtol=1e-5)
        else:
            assert_same(run(op, *operands), np.asarray(op.eval(*operands)))
    assert done >= 3


# Contractions


@st.composite
def products(draw):
    dtype = draw(st.sampled_from(REAL + COMPLEX))
    size = st.sampled_from([0, 1, 2, 3, 8, 17, 40])
    batch, m, n, k = draw(st.integers(0, 3)), draw(size), draw(size), draw(size)
    lead = (batch,) if draw(st.booleans()) else ()
    b, first = tuple(range(len(lead))), len(lead)
    x, y = numbers(draw, (*lead, m, k), dtype), numbers(draw, (*lead, k, n), dtype)
    x_contract, y_contract = first + 1, first
    if draw(st.booleans()):
        x, x_contract = np.swapaxes(x, -1, -2).copy(), first
    if draw(st.booleans()):
        y, y_contract = np.swapaxes(y, -1, -2).copy(), first + 1
    x, y = laid_out(x, draw(st.sampled_from(LAYOUTS))), laid_out(y, draw(st.sampled_from(LAYOUTS)))
    return DotGeneral(b, b, (x_contract,), (y_contract,)), x, y


def assert_product(got, op, x, y):
    """Within the rounding errors of a sum of products."""
    wide = [v.astype(np.complex128 if v.dtype.kind == "c" else np.float64) for v in (x, y)]
    exact, scale = op.eval(*wide), op.eval(*[np.abs(v) for v in wide])
    assert got.dtype == x.dtype
    count = 4 + x.shape[op.x_contract[0]] if op.x_contract else 4
    assert np.all(np.abs(got - exact) <= count * np.finfo(x.dtype).eps * scale)


@given(products())
def test_contractions(product):
    op, x, y = product
    assert_product(run(op, x, y), op, x, y)


@given(st.data())
def test_contractions_of_many_axes(data):
    """Batch, free and summed axes in any order; what no kernel takes stays a step."""
    kinds = data.draw(st.lists(st.sampled_from("bmnk"), min_size=1, max_size=5))
    sizes = data.draw(st.lists(st.integers(1, 4), min_size=len(kinds), max_size=len(kinds)))
    axes = list(zip(range(len(kinds)), kinds, sizes, strict=True))
    x_axes = data.draw(st.permutations([a for a in axes if a[1] != "n"]))
    y_axes = data.draw(st.permutations([a for a in axes if a[1] != "m"]))
    x, y = [numbers(data.draw, [a[2] for a in side], "float64") for side in (x_axes, y_axes)]

    def pairs(kind):
        return [tuple([side.index(a) for a in axes if a[1] == kind]) for side in (x_axes, y_axes)]

    (x_batch, y_batch), (x_contract, y_contract) = pairs("b"), pairs("k")
    op = DotGeneral(x_batch, y_batch, x_contract, y_contract)
    if group_for(op, x, y) is not None:
        np.testing.assert_allclose(run(op, x, y), op.eval(x, y), rtol=1e-13, atol=1e-13)


@pytest.mark.parametrize("dtype", REAL + COMPLEX)
@pytest.mark.parametrize("shapes", [((80, 90), (90, 100)), ((200, 300), (300,)), ((300,), (300, 200))], ids=str)
def test_large_contractions_have_numpys_bits(dtype, shapes, rng):
    x, y = [rng.standard_normal(shape).astype(dtype) for shape in shapes]
    op = DotGeneral((), (), (x.ndim - 1,), (0,))
    assert_same(run(op, x, y), np.dot(x, y))


@pytest.mark.parametrize("dtype", REAL + COMPLEX)
def test_squares_are_symmetric_and_have_numpys_bits(dtype, rng):
    x = rng.standard_normal((90, 70)).astype(dtype)
    for op, square in ((DotGeneral((), (), (0,), (0,)), x.T @ x), (DotGeneral((), (), (1,), (1,)), x @ x.T)):
        got = run(op, x, x)
        assert_same(got, square)
        assert_same(got, got.T)


def test_products_of_nan_and_infinity(rng):
    for size in (3, 50):
        x, y = rng.standard_normal((2, size, size))
        x[1, 2], y[0, 1] = np.nan, np.inf
        got, wanted = run(MATMUL, x, y), x @ y
        np.testing.assert_array_equal(np.isnan(got), np.isnan(wanted))
        np.testing.assert_array_equal(np.isinf(got), np.isinf(wanted))


@pytest.mark.parametrize("source", ["none", "scipy"])
@pytest.mark.parametrize("dtype", REAL + COMPLEX)
def test_other_sources_of_blas(source, dtype, rng):
    """Without BLAS loops do it; SciPy's is as good as NumPy's."""
    x, y = rng.standard_normal((40, 50)).astype(dtype), rng.standard_normal((50, 60)).astype(dtype)
    run(MATMUL, x, y)  # the table is there
    table = (ctypes.c_int64 * len(blas.names())).from_address(blas.address())
    before = list(table)
    try:
        table[:] = blas.from_scipy() if source == "scipy" else [0] * len(before)
        for a, b in ((x, y), (x, y[:, :1]), (x[:1], y), (x[:1], y[:, :1]), (x[::-1, ::2], y[::2])):
            assert_product(run(MATMUL, a, b), MATMUL, a, b)
    finally:
        table[:] = before


def test_blas_is_numpys_own():
    found = dict(zip(blas.names(), blas.from_numpy(), strict=True))
    if not found["dgemm"]:
        pytest.skip("this NumPy is linked with BLAS in another way")
    assert all(found[name] for name in found if blas.wanted(name))


def test_small_products_need_no_blas():
    """Up to the bound they are computed by the kernel itself, in every layout."""
    assert contract.SMALL >= 8**3
    table = (ctypes.c_int64 * len(blas.names())).from_address(blas.address())
    before = list(table)
    try:
        table[:] = [0] * len(before)
        x = np.arange(64.0).reshape(8, 8)
        for a in (x, x.T, x[:, ::-1], x[::2]):
            assert_same(run(MATMUL, a, x), a @ x)
            assert_same(run(MATMUL, x[:, : len(a)], a), x[:, : len(a)] @ a)
    finally:
        table[:] = before


def test_contractions_left_to_numpy():
    ints = np.ones((2, 2), np.int64)
    assert group_for(MATMUL, ints, ints) is None
    assert group_for(MATMUL, np.ones((2, 2), np.float32), np.ones((2, 2))) is None
    assert group_for(DotGeneral((), (), (), ()), np.array(2.0), np.array(3.0)) is None
    cube = np.ones((2, 3, 4))
    assert group_for(DotGeneral((), (), (0, 2), (0, 2)), cube, cube) is None  # two axes apart to sum over


# Running sums


@pytest.mark.parametrize("kind", [CumSum, CumProd, CumMax, CumMin])
@given(data=st.data())
def test_running_reductions(kind, data):
    dtype = data.draw(st.sampled_from([d for d in ITEMSIZE if d not in (*COMPLEX, "float16")]))
    shape = data.draw(st.lists(st.sampled_from([0, 1, 2, 3, 5, 9, 30]), min_size=1, max_size=3))
    axis = data.draw(st.integers(0, len(shape) - 1))
    x = laid_out(numbers(data.draw, shape, dtype), data.draw(st.sampled_from(LAYOUTS)))
    if x.dtype.kind == "f":
        x = np.where(data.draw(st.sampled_from([-5, 2])) == np.trunc(x), x.dtype.type(np.nan), x)
    op = CumSum(axis, data.draw(st.booleans())) if kind is CumSum else kind(axis)
    if group_for(op, x) is None:
        assert dtype == "bool"
        assert kind in (CumMax, CumMin)
    else:
        assert_same(run(op, x), op.eval(x))


def test_running_sums_begin_with_the_element_itself():
    for axis, shape in ((0, (3,)), (0, (3, 2)), (1, (5, 3))):
        assert_same(run(CumSum(axis), np.full(shape, -0.0)), np.full(shape, -0.0))


def test_running_sums_of_many_elements(rng):
    for shape, axis in (((100_000,), 0), ((50, 3000), 0), ((50, 3000), 1)):
        x = rng.standard_normal(shape)
        assert_same(run(CumSum(axis), x), np.cumsum(x, axis))
        assert_same(run(CumSum(axis, True), x), np.flip(np.cumsum(np.flip(x, axis), axis), axis))


# Gathers and scatters


@st.composite
def indexings(draw, scatter):
    ndim = draw(st.integers(1, 3))
    shape = draw(st.lists(st.sampled_from([1, 2, 3, 7]), min_size=ndim, max_size=ndim))
    axes = tuple(draw(st.permutations(range(ndim)))[: draw(st.integers(1, ndim))])
    s = tuple(draw(st.lists(st.sampled_from([0, 1, 2, 5]), max_size=2)))
    indices = []
    for axis in axes:
        own = tuple([1 if draw(st.booleans()) else n for n in s]) if indices else s
        n, dtype = shape[axis], draw(st.sampled_from(["int64", "int32", "int8", "uint8", "uint64"]))
        low = 0 if dtype.startswith("u") else -n
        rng = np.random.default_rng(draw(st.integers(0, 2**32)))
        indices.append(laid_out(rng.integers(low, n, own).astype(dtype), draw(st.sampled_from(LAYOUTS))))
    part = (*s, *[n for k, n in enumerate(shape) if k not in axes])
    mode = draw(st.sampled_from(["set", *COMBINE])) if scatter else "get"
    dtype = draw(st.sampled_from(list(ITEMSIZE) if mode in ("get", "set") else ["float32", "float64", "int64", "uint8"]))
    x = laid_out(numbers(draw, shape, dtype), draw(st.sampled_from(LAYOUTS)))
    if not scatter:
        return Gather(axes), (x, *indices)
    own = tuple([1 if draw(st.booleans()) else n for n in part])[draw(st.integers(0, len(part))) :]
    new = laid_out(numbers(draw, own, dtype), draw(st.sampled_from(LAYOUTS)))
    return Scatter(axes, mode), (x, new, *indices)


@given(indexings(scatter=False))
def test_gathers(case):
    op, operands = case
    assert_same(run(op, *operands), np.asarray(op.eval(*operands)))


@given(indexings(scatter=True))
def test_scatters(case):
    op, operands = case
    before = [x.copy() for x in operands]
    assert_same(run(op, *operands), op.eval(*operands))
    for x, y in zip(operands, before, strict=True):
        assert_same(x, y)


@pytest.mark.parametrize("mode", COMBINE)
def test_a_row_combined_again_and_again(mode, rng):
    """NumPy's ufunc.at reads beyond a 1-d operand that it should broadcast; we do not, in any tier."""
    x, new, i = rng.standard_normal(7), rng.standard_normal(5), rng.integers(0, 7, (4, 5))
    wanted = x.copy()
    for row in i:
        for k, value in zip(row, new, strict=True):
            wanted[k] = COMBINE[mode](wanted[k], value)
    op = Scatter((0,), mode)
    assert_same(op.eval(x, new, i), wanted)
    assert_same(run(op, x, new, i), wanted)


@pytest.mark.parametrize("dtype", ["int64", "int8", "uint8", "uint64"])
def test_indices_out_of_bounds(dtype):
    x, new = np.arange(12.0).reshape(4, 3), np.ones((2, 3))
    wrong = [4, 100] if dtype.startswith("u") else [4, 100, -5, -128]
    for bad in [*wrong, 2**63] if dtype == "uint64" else wrong:
        i = np.array([1, bad], dtype)
        for op, operands in ((Gather((0,)), (x, i)), (Scatter((0,), "add"), (x, new, i)), (Gather((0,)), (x[:, :0], i))):
            with pytest.raises(IndexError, match="out of bounds"):
                run(op, *operands)
    assert_same(run(Gather((0,)), x, np.array([3, 0], dtype)), x[[3, 0]])
    with pytest.raises(IndexError, match="out of bounds"):
        run(Gather((0,)), x[:0], np.zeros(1, dtype))


def test_indices_that_numpy_wraps():
    """What the kernel refuses NumPy decides: it takes the largest uint64 for -1."""
    x, i = np.arange(5.0), np.array([2**64 - 1, 0], np.uint64)
    assert_same(run(Gather((0,)), x, i), x[i])


def test_the_error_of_an_index_names_the_line():
    x = np.arange(5.0)
    f = ft.jit(lambda x, i: np.sin(x[i]) * 2, compile="now")
    np.testing.assert_allclose(f(x, np.array([1, -1])), np.sin(x[[1, -1]]) * 2)
    with pytest.raises(IndexError, match="index 5 is out of bounds for axis 0 with size 5") as info:
        f(x, np.array([1, 5]))
    assert "gather, traced at" in "".join(info.value.__notes__)


def test_combining_is_left_to_numpy_for_some_dtypes():
    for dtype in ("bool", "float16", "complex128"):
        x = np.ones(3, dtype)
        assert group_for(Scatter((0,), "add"), x, x, np.arange(3)) is None
        assert group_for(Scatter((0,), "set"), x, x, np.arange(3)) is not None


# Arrays of parts


@given(st.data())
def test_concatenations(data):
    dtype = data.draw(st.sampled_from(list(ITEMSIZE)))
    shape = data.draw(st.lists(st.sampled_from([0, 1, 2, 3, 9]), min_size=1, max_size=4))
    axis = data.draw(st.integers(0, len(shape) - 1))
    parts = []
    for _ in range(data.draw(st.integers(1, 4))):
        own = [*shape[:axis], data.draw(st.sampled_from([0, 1, 2, 11])), *shape[axis + 1 :]]
        parts.append(laid_out(numbers(data.draw, own, dtype), data.draw(st.sampled_from(LAYOUTS))))
    assert_same(run(Concatenate(axis, len(parts)), *parts), np.concatenate(parts, axis))


@given(st.data())
def test_parts_replaced(data):
    dtype = data.draw(st.sampled_from(list(ITEMSIZE)))
    shape = data.draw(st.lists(st.sampled_from([1, 2, 3, 9]), min_size=1, max_size=3))
    items, part = [], []
    for n in shape:
        if data.draw(st.sampled_from([False, False, False, True])):
            items.append(None)
            part.append(1)
        if data.draw(st.booleans()):
            items.append(data.draw(st.integers(0, n - 1)))
            continue
        chosen = range(n)[data.draw(st.slices(n))]
        items.append((chosen.start, chosen.step, len(chosen)) if len(chosen) else (0, 1, 0))
        part.append(len(chosen))
    own = [1 if data.draw(st.booleans()) else n for n in part][data.draw(st.integers(0, len(part))) :]
    x = laid_out(numbers(data.draw, shape, dtype), data.draw(st.sampled_from(LAYOUTS)))
    new = laid_out(numbers(data.draw, own, dtype), data.draw(st.sampled_from(LAYOUTS)))
    before = x.copy()
    assert_same(run(Put(tuple(items)), x, new), Put(tuple(items)).eval(x, new))
    assert_same(x, before)


def call_group(group, *arrays):
    """Call the kernel of a group on its inputs and outputs."""
    call(service.compile(group.kernel), arrays, group.nest.sizes, group.nest.walks)


def test_a_part_of_an_array_replaced_in_place():
    """Given the same memory for the array and the result, the kernel writes the part and nothing else."""
    x, new = np.arange(20.0), np.array([-1.0, -2.0])
    wanted = x.copy()
    wanted[3:7:2] = new
    call_group(group_for(Put(((3, 2, 2),)), x, new), x, new, x)
    assert_same(x, wanted)


def test_parts_that_are_in_place_already():
    """What was computed where it belongs is not moved; what is around it is filled in."""
    x, out = np.arange(30.0).reshape(5, 6), np.full((5, 6), -1.0)
    new = out[1:4, 2:4]
    call_group(group_for(Put(((1, 1, 3), (2, 1, 2))), x, new), x, new, out)
    wanted = x.copy()
    wanted[1:4, 2:4] = -1
    assert_same(out, wanted)
    joined = np.full((5, 9), -1.0)
    call_group(group_for(Concatenate(1, 2), x, joined[:, 6:]), x, joined[:, 6:], joined)
    assert_same(joined, np.concatenate([x, np.full((5, 3), -1.0)], 1))


def test_many_parts_are_left_to_numpy():
    assert group_for(Concatenate(0, 40), *[np.ones(2)] * 40) is None


# Identity


def test_kernels_say_nothing_of_sizes():
    def code(op, *shapes, dtype="float64"):
        return group_for(op, *[np.zeros(shape, dtype) for shape in shapes]).kernel

    assert code(MATMUL, (3, 4), (4, 5)) == code(MATMUL, (30, 40), (40, 50))
    assert code(CumSum(0), (3,)) == code(CumSum(0), (1000,))
    assert code(Concatenate(0, 2), (3,), (4,)) == code(Concatenate(0, 2), (30,), (4,))
    assert code(Put(((1, 1, 2),)), (5,), (2,)) == code(Put(((2, 1, 7),)), (50,), (7,))
    assert code(MATMUL, (3, 4), (4, 5)) != code(MATMUL, (3, 4), (4, 5), dtype="float32")
    assert code(CumSum(0), (3,)) != code(CumSum(0, True), (3,))


def test_kernels_can_be_sent():
    i = np.array([1, 0])
    cases = [
        (MATMUL, (np.ones((2, 3)), np.ones((3, 4)))), (CumSum(0), (np.ones(3),)), (Gather((0,)), (np.ones(3), i)),
        (Scatter((0,), "add"), (np.ones(3), np.ones(2), i)), (Concatenate(0, 2), (np.ones(2), np.ones(3))),
        (Put(((0, 1, 2),)), (np.ones(3), np.ones(2))),
    ]  # fmt: skip
    for op, operands in cases:
        code = group_for(op, *operands).kernel
        again = pickle.loads(pickle.dumps(code))
        assert again == code
        assert hash(again) == hash(code)
        assert again is not code
        assert str(code)


# Whole programs


def layers(x, w, b):
    return np.sum(np.tanh(x @ w + b) ** 2)


def table_look_up(x, w, b):
    rows = x[np.array([0, 2, 2, -1])]
    return np.sum(np.exp(rows @ w) * b)


def path(x, w, b):
    steps = np.cumsum(np.sin(x) * 0.1, axis=0)
    steps[1:-1] = steps[1:-1] * 2 + steps[2:]
    return np.sum(np.concatenate([steps, x * x], axis=1) @ np.concatenate([w, w], axis=0) * b)


def batched_products(x, w, b):
    cubes = np.stack([x.T @ x, w @ w.T, np.outer(w[:, 0], w[:, 1])])
    return np.sum(np.sin(np.matmul(cubes, cubes)) @ w * b)


PROGRAMS = {layers: (Contract,), table_look_up: (Contract, Indexed), path: (Scan, Placed, Joined), batched_products: (Contract,)}


@pytest.mark.parametrize("f", PROGRAMS, ids=lambda f: f.__name__)
def test_programs(f, rng):
    x, w, b = rng.standard_normal((5, 4)), rng.standard_normal((4, 3)), rng.standard_normal(3)
    g = ft.value_and_grad(f, argnums=(0, 1, 2))
    used = {type(item.kernel) for item in fuse.plan(expanded(ft.make_jaxpr(g)(x, w, b).jaxpr)) if isinstance(item, Group)}
    assert used >= set(PROGRAMS[f])
    value, gradient = ft.jit(g, compile="now")(x, w, b)
    wanted, slow = g(x, w, b)
    np.testing.assert_allclose(value, wanted, rtol=1e-12)
    for got, expected in zip(gradient, slow, strict=True):
        np.testing.assert_allclose(got, expected, rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize("f", PROGRAMS, ids=lambda f: f.__name__)
def test_batched_programs(f, rng):
    x, w, b = rng.standard_normal((3, 5, 4)), rng.standard_normal((4, 3)), rng.standard_normal((3, 3))
    g = ft.vmap(ft.grad(f), in_axes=(0, None, 0))
    got = ft.jit(g, compile="now")(x, w, b)
    np.testing.assert_allclose(got, [ft.grad(f)(x[k], w, b[k]) for k in range(3)], rtol=1e-11, atol=1e-12)


def part_of_a_view(x):
    z = (np.sin(x) * 2)[5:].copy()
    z[0] = 1.0
    return z * 2


def part_of_a_transpose(x):
    z = (np.sin(x) * 2).T.copy()
    z[0] = 1.0
    return z * 2


def rows_of_a_reversed_array(x):
    z = (np.sin(x) * 2)[::-1].copy()
    z[np.array([0, 1, 1])] += 1.0
    return z * 2


def shifted_onto_itself(x):
    z = np.sin(x) * 2
    z[1:] = z[:-1]
    z[:, 2:] = z[:, :-2] + 1
    return z * 2


def parts_in_turn(x):
    z = np.sin(x)
    for k in range(3):
        z[k:-1] = z[k:-1] + 0.5 * z[k + 1 :]
        z[np.array([k, 7])] += 1.0
    return z


OVERWRITING = [part_of_a_view, part_of_a_transpose, rows_of_a_reversed_array, shifted_onto_itself, parts_in_turn]


@pytest.mark.parametrize("f", OVERWRITING, ids=lambda f: f.__name__)
def test_programs_that_overwrite_large_arrays(f, rng):
    """Results that take the memory of an operand are what they would be in memory of their own."""
    x = rng.standard_normal((120, 120))
    before = x.copy()
    for y in (x, np.asfortranarray(x), x[::-1], np.repeat(x, 2, 1)[:, ::2]):
        np.testing.assert_allclose(ft.jit(f, compile="now")(y), f(y), rtol=1e-13, atol=1e-13)
    assert_same(x, before)


def test_slices_are_walked(rng):
    """The gradient of a concatenation is slices, which kernels read in place: nothing is left to NumPy."""
    x, y = rng.standard_normal((6, 5)), rng.standard_normal((6, 3))

    def f(x, y):
        return np.sum(np.sin(np.concatenate([x * x, y * y, x], axis=1)) ** 2)

    g = ft.grad(f, argnums=(0, 1))
    assert all(isinstance(item, Group) for item in fuse.plan(expanded(ft.make_jaxpr(g)(x, y).jaxpr)))
    for got, wanted in zip(ft.jit(g, compile="now")(x, y), g(x, y), strict=True):
        np.testing.assert_allclose(got, wanted, rtol=1e-13)


def test_programs_against_jax(rng):
    jax = pytest.importorskip("jax")
    with jax.enable_x64(True):
        jnp = jax.numpy

        def f(np, x, w, i):
            h = np.tanh(x @ w)
            return np.sum(np.cumsum(h[i], axis=0) @ w.T)

        x, w, i = rng.standard_normal((6, 4)), rng.standard_normal((4, 3)), np.array([0, 5, 5, 2])
        wanted = jax.grad(lambda x, w: f(jnp, x, w, i), argnums=(0, 1))(x, w)
        got = ft.jit(ft.grad(lambda x, w: f(np, x, w, i), argnums=(0, 1)), compile="now")(x, w)
        for a, b in zip(got, wanted, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-11)
