"""Kernels against NumPy: every builder operation over dtypes and special values, reductions over layouts, native programs."""

import math
import sys
import warnings

import numpy as np
import pytest
from call_kernel import call, program

from ftrans.backends.numba import fold, ir, layout, service, vecmath
from ftrans.backends.numba.columns import Program
from ftrans.lowering.builder import PREDICATES
from ftrans.lowering.loops import Instr, Kernel, Operand, Output, print_loops


class Op:
    """A stand-in for a primitive: interned by name, lowered by a function or by the builder method of its name."""

    def __init__(self, name, lower=None):
        self.name = name
        self._lower = lower or (lambda b, *args: getattr(b, name)(*args))

    def lower(self, b, *args):
        return self._lower(b, *args)

    def __repr__(self):
        return self.name


def vector(dtype, inner="c"):
    return Operand(dtype, (True,), inner)


def run(kernel, arrays, sizes, dims):
    """Compile and run on arrays (inputs, outputs) with their dims per loop axis."""
    call(service.compile(kernel), arrays, sizes, dims)


def elementwise(ops, dtype, inputs):
    """One kernel with an output per op on the first op.arity inputs (1-d, contiguous); the outputs by op name."""
    body, outputs, results = [], [], {}
    for name, (op, arity) in ops.items():
        result = "bool" if name in PREDICATES else dtype
        body.append(Instr(op, tuple(range(arity)), result))
        outputs.append(Output(len(inputs) + len(body) - 1, vector(result)))
        results[name] = np.zeros(inputs[0].size, result)
    operands = tuple(vector(str(x.dtype)) for x in inputs)
    kernel = Kernel(1, (False,), operands, tuple(body), tuple(outputs))
    run(kernel, [*inputs, *results.values()], [inputs[0].size], [[0]] * (len(inputs) + len(body)))
    return results


BINARY_FLOAT = [
    "add",
    "subtract",
    "multiply",
    "divide",
    "floor_divide",
    "remainder",
    "fmod",
    "power",
    "maximum",
    "minimum",
    "fmax",
    "fmin",
    "arctan2",
    "hypot",
    "logaddexp",
    "logaddexp2",
    "copysign",
    "equal",
    "not_equal",
    "less",
    "less_equal",
    "greater",
    "greater_equal",
    "logical_and",
    "logical_or",
    "logical_xor",
]
UNARY_FLOAT = [
    "negative",
    "absolute",
    "sign",
    "sqrt",
    "square",
    "reciprocal",
    "exp",
    "exp2",
    "expm1",
    "log",
    "log2",
    "log10",
    "log1p",
    "sin",
    "cos",
    "tan",
    "arcsin",
    "arccos",
    "arctan",
    "sinh",
    "cosh",
    "tanh",
    "arcsinh",
    "arccosh",
    "arctanh",
    "cbrt",
    "erf",
    "erfc",
    "expit",
    "log1pexp",
    "floor",
    "ceil",
    "trunc",
    "rint",
    "isnan",
    "isinf",
    "isfinite",
    "signbit",
    "logical_not",
]
EXACT = set(
    "add subtract multiply divide sqrt square reciprocal negative absolute sign maximum minimum fmax fmin "
    "copysign floor ceil trunc rint floor_divide remainder fmod"
).union(PREDICATES)
BINARY_INT = [
    "add",
    "subtract",
    "multiply",
    "floor_divide",
    "remainder",
    "fmod",
    "maximum",
    "minimum",
    "fmax",
    "fmin",
    "bitwise_and",
    "bitwise_or",
    "bitwise_xor",
    "left_shift",
    "right_shift",
    "equal",
    "not_equal",
    "less",
    "less_equal",
    "greater",
    "greater_equal",
    "logical_and",
    "logical_or",
    "logical_xor",
]
UNARY_INT = [
    "absolute",
    "sign",
    "square",
    "floor",
    "ceil",
    "trunc",
    "rint",
    "isnan",
    "isinf",
    "isfinite",
    "logical_not",
    "invert",
    "negative",
]
BINARY_BOOL = [
    "add",
    "multiply",
    "maximum",
    "minimum",
    "logical_and",
    "logical_or",
    "logical_xor",
    "bitwise_and",
    "bitwise_or",
    "bitwise_xor",
    "equal",
    "not_equal",
    "less",
    "less_equal",
    "greater",
    "greater_equal",
]
UNARY_BOOL = ["absolute", "logical_not", "invert", "isnan", "isinf", "isfinite"]
OPS = {name: Op(name) for name in {*BINARY_FLOAT, *UNARY_FLOAT, *BINARY_INT, *UNARY_INT}}


def logistic(x):
    """1 / (1 + exp(-x)) without overflow, computed in float64."""
    e = np.exp(-np.abs(x.astype(np.float64)))
    return (np.where(x < 0, e, np.where(np.isnan(x), np.nan, 1)) / (1 + e)).astype(x.dtype)


def reference(name):
    """NumPy's function of that name; C's erf and erfc (SciPy's lose hundreds of ulp in the tail)."""
    if name == "expit":
        return logistic
    if name in ("logaddexp", "logaddexp2"):  # NumPy's float32 loses more than ours where the result is near 0
        return lambda x, y: getattr(np, name)(x.astype(np.float64), y.astype(np.float64)).astype(x.dtype)
    if name == "log1pexp":
        return lambda x: np.logaddexp(x, 0)
    if name not in ("erf", "erfc"):
        return getattr(np, name)
    return lambda x: np.array([getattr(math, name)(float(value)) for value in x]).astype(x.dtype)


def same_bits(x, y):
    """Equal bit for bit, except that any nan equals any nan and zeros need not agree in sign for max and min."""
    return np.array_equal(x, y, equal_nan=x.dtype.kind == "f")


def ulps(got, expected):
    """The largest error in units of the last place of expected; inf and nan must match."""
    finite = np.isfinite(expected)
    assert same_bits(np.where(finite, 0, got), np.where(finite, 0, expected))
    with np.errstate(all="ignore"):
        gap = np.spacing(np.abs(expected[finite]))
        return float(np.max(np.abs(got[finite] - expected[finite]) / gap, initial=0))


def float_pairs(dtype):
    """All pairs of special values, then random ones of several magnitudes: a length that is no multiple of a vector."""
    info, rng = np.finfo(dtype), np.random.default_rng(0)
    special_values = [
        0.0,
        -0.0,
        1.0,
        -1.0,
        0.5,
        2.0,
        3.0,
        -7.5,
        np.inf,
        -np.inf,
        np.nan,
        info.tiny,
        info.max,
        -info.max,
        1e-3,
    ]
    special_values.append(float(info.smallest_subnormal))
    grid = np.array([(a, b) for a in special_values for b in special_values], dtype)
    scale = 10.0 ** rng.uniform(-4, 2, (501, 2))
    pairs = np.concatenate([grid, (rng.standard_normal((501, 2)) * scale).astype(dtype)])
    return np.ascontiguousarray(pairs[:, 0]), np.ascontiguousarray(pairs[:, 1])


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_float_operations_are_numpys(dtype):
    x, y = float_pairs(dtype)
    ops = {name: (OPS[name], 2) for name in BINARY_FLOAT} | {name: (OPS[name], 1) for name in UNARY_FLOAT}
    results = elementwise(ops, dtype, [x, y])
    with np.errstate(all="ignore"):
        for name, got in results.items():
            expected = reference(name)(*(x, y)[: ops[name][1]])
            assert got.dtype == expected.dtype, name
            if name in EXACT:
                assert same_bits(got, expected), name
            else:
                assert ulps(got, expected) <= 4, name
    for name in ("add", "multiply", "divide", "sqrt", "negative", "copysign", "floor", "rint", "trunc"):
        with np.errstate(all="ignore"):
            expected = reference(name)(*(x, y)[: ops[name][1]])
        fine = ~np.isnan(expected)
        assert np.array_equal(np.signbit(results[name][fine]), np.signbit(expected[fine])), name


@pytest.mark.parametrize("dtype", ["int64", "int32", "int16", "int8", "uint8", "uint64"])
def test_integer_operations_are_numpys(dtype):
    info, rng = np.iinfo(dtype), np.random.default_rng(1)
    special_values = [0, 1, 2, 3, 7, 8, 31, 63, 64, 100, info.max, info.min, info.max // 3]
    special_values += [-1, -2, -7, -64] if info.min < 0 else []
    grid = np.array([(a, b) for a in special_values for b in special_values], dtype)
    pairs = np.concatenate([grid, rng.integers(info.min, info.max, (301, 2), dtype, endpoint=True)])
    x, y = np.ascontiguousarray(pairs[:, 0]), np.ascontiguousarray(pairs[:, 1])
    ops = {name: (OPS[name], 2) for name in BINARY_INT} | {name: (OPS[name], 1) for name in UNARY_INT}
    results = elementwise(ops, dtype, [x, y])
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        for name, got in results.items():
            expected = reference(name)(*(x, y)[: ops[name][1]])
            assert np.array_equal(got, expected), name


def test_integer_powers_are_numpys():
    x = np.repeat(np.array([0, 1, -1, 2, 3, -7, 10**9]), 8)
    y = np.tile(np.array([0, 1, 2, 3, 10, 21, 62, 63]), 7)
    results = elementwise({"power": (Op("power"), 2), "p5": (Op("p5", lambda b, x: b.ipow(x, 5)), 1)}, "int64", [x, y])
    assert np.array_equal(results["power"], x**y)
    assert np.array_equal(results["p5"], x**5)


def test_bool_operations_are_numpys():
    x, y = np.array([0, 0, 1, 1] * 9, bool), np.array([0, 1, 0, 1] * 9, bool)
    ops = {name: (OPS[name], 2) for name in BINARY_BOOL} | {name: (OPS[name], 1) for name in UNARY_BOOL}
    results = elementwise(ops, "bool", [x, y])
    for name, got in results.items():
        assert np.array_equal(got, reference(name)(*(x, y)[: ops[name][1]])), name


DTYPES = ["bool", "int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64", "float32", "float64"]


@pytest.mark.parametrize("source", DTYPES)
def test_convert_is_astype(source):
    if source == "bool":
        x = np.array([True, False] * 20)
    elif source[0] == "f":
        x = np.array([0.0, -0.0, 0.4, 1.0, 1.9, 100.0, 127.5, 3.0, 2.0, 0.1] * 4, source)
    else:
        info = np.iinfo(source)
        x = np.random.default_rng(0).integers(info.min, info.max, 41, source, endpoint=True)
    body = [Instr(Op(d, lambda b, x, d=d: b.convert(x, d)), (0,), d) for d in DTYPES]
    outs = [np.zeros(x.size, d) for d in DTYPES]
    outputs = tuple(Output(k + 1, vector(d)) for k, d in enumerate(DTYPES))
    kernel = Kernel(1, (False,), (vector(source),), tuple(body), outputs)
    run(kernel, [x, *outs], [x.size], [[0]] * 12)
    for got in outs:
        assert np.array_equal(got, x.astype(got.dtype)), got.dtype


def test_constants_where_and_ipow():
    x = np.linspace(-3, 3, 101)
    ops = {
        "cube": (Op("cube", lambda b, x: b.ipow(x, 3)), 1),
        "inverse": (Op("inverse", lambda b, x: b.ipow(x, -2)), 1),
        "one": (Op("one", lambda b, x: b.ipow(x, 0)), 1),
        "relu": (
            Op("relu", lambda b, x: b.where(b.greater(x, b.constant(0.1, "float64")), x, b.constant(-0.0, "float64"))),
            1,
        ),
    }
    got = elementwise(ops, "float64", [x])
    assert np.array_equal(got["cube"], x * (x * x))
    with np.errstate(all="ignore"):
        assert np.array_equal(got["inverse"], 1 / (x * x))
    assert np.array_equal(got["one"], np.ones(101))
    assert np.array_equal(got["relu"], np.where(x > 0.1, x, -0.0))


def test_huge_arguments_are_redone_also_in_place():
    x = np.linspace(-5, 5, 3001)
    x[[7, 1030, 2999]] = 1e22, -3e300, 2.0**22 + 1
    expected = np.sin(x)
    body = (Instr(OPS["sin"], (0,), "float64"),)
    for inplace in (None, 0):
        kernel = Kernel(1, (False,), (vector("float64"),), body, (Output(1, vector("float64"), None, inplace),))
        source = x.copy()
        target = source if inplace == 0 else np.zeros_like(x)
        run(kernel, [source, target], [x.size], [[0], [0]])
        assert ulps(target, expected) <= 2


def test_in_place_output():
    add = OPS["add"]
    x, y = np.arange(1001.0), np.ones(1001)
    kernel = Kernel(
        1,
        (False,),
        (vector("float64"),) * 2,
        (Instr(add, (0, 1), "float64"),),
        (Output(2, vector("float64"), None, 0),),
    )
    run(kernel, [x, y, x], [1001], [[0]] * 3)
    assert np.array_equal(x, np.arange(1001.0) + 1)


# ---- layouts and native programs -------------------------------------------------------------------------------------


def test_strides_broadcast_and_scalars_in_two_axes():
    add, mul = OPS["add"], OPS["multiply"]
    base = np.arange(60.0).reshape(5, 12)
    x, row, column, out = base[::-1, ::3], np.arange(4.0), np.arange(5.0)[::-1], np.zeros((5, 8))[:, ::2]
    operands = (
        Operand("float64", (True, True), "s"),
        Operand("float64", (False, True), "c"),
        Operand("float64", (True, False), "0"),
        Operand("float64", (False, False), "0"),
    )
    body = (Instr(add, (0, 1), "float64"), Instr(mul, (4, 2), "float64"), Instr(add, (5, 3), "float64"))
    kernel = Kernel(2, (False, False), operands, body, (Output(6, Operand("float64", (True, True), "s")),))
    dims = [[0, 1], [-1, 0], [0, -1], [-1, -1], [0, 1]]
    for scalar in (0.25, np.float64(0.25), np.array(0.25)):
        out[:] = 0
        run(kernel, [x, row, column, scalar, out], [5, 4], dims)
        assert np.array_equal(out, (x + row) * column[:, None] + 0.25)


def test_transposed_operand_walks_other_dimensions():
    x, out = np.arange(12.0).reshape(3, 4), np.zeros((4, 3))
    kernel = Kernel(
        2,
        (False, False),
        (Operand("float64", (True, True), "s"),),
        (),
        (Output(0, Operand("float64", (True, True), "c")),),
    )
    run(kernel, [x, out], [4, 3], [[1, 0], [0, 1]])
    assert np.array_equal(out, x.T)


def test_kernel_without_axes_and_scalar_dtypes():
    for dtype in ("float64", "float32", "int64", "int8", "uint16", "bool"):
        operand = Operand(dtype, (), "0")
        kernel = Kernel(0, (), (operand,), (Instr(OPS["maximum"], (0, 0), dtype),), (Output(1, operand),))
        out = np.zeros((), dtype)
        run(kernel, [np.dtype(dtype).type(1), out], [], [[], []])
        assert out == 1


def one_input(op=None, n=4, **options):
    """A native program of one kernel on an array of n, as a function of the list [input, output]; and its tables."""
    body = (Instr(op, (0,), "float64"),) if op else ()
    kernel = Kernel(1, (False,), (vector("float64"),), body, (Output(len(body), vector("float64")),))
    native = program(service.compile(kernel), [(n,), (n,)], [n], [[0], [0]], **options)
    return native.on_list([0, 1]), native


def test_misfit_returns_false_and_writes_nothing():
    run, _ = one_input(OPS["negative"])
    unaligned = np.zeros(33, np.uint8)[1:].view(np.float64)
    shapes = [np.ones(5), np.ones((4, 1)), np.ones((1, 4)), np.array(1.0), np.ones(4, np.float32), np.ones(4, ">f8")]
    others = [1.0, np.float64(1.0), None, [1.0] * 4, np.ma.ones(4)]
    for wrong in (np.ones(8)[::2], np.ones(4)[::-1], np.broadcast_to(1.0, 4), unaligned, *shapes, *others):
        out = np.zeros(4)
        slots = [wrong, out]
        assert run(slots) is False
        assert slots[0] is wrong
        assert slots[1] is out
        assert np.array_equal(out, np.zeros(4))
    slots = [np.ones(4), out]
    assert run(slots) is True
    assert np.array_equal(slots[1], -np.ones(4))
    assert slots[1] is not out  # outputs are new arrays
    one, _ = one_input(OPS["negative"], 1)
    assert one([np.ones(8)[::8], None]) is True  # a single element fits whatever its stride


def test_reference_counts_are_stable():
    run, _ = one_input()
    x, strided = np.ones(4), np.ones(8)[::2]
    objects = (x, strided, True, False, None, np.dtype("float64"))
    fitting, other = [x, None], [strided, None]
    run(fitting), run(other)
    before = [sys.getrefcount(obj) for obj in objects]
    for _ in range(1000):
        run(fitting)
        run(other)
    after = [sys.getrefcount(obj) for obj in objects]
    assert all(abs(a - b) < 10 for a, b in zip(before, after, strict=True))
    fresh = [np.ones(4)]
    made, wanted = [sys.getrefcount(items[-1]) for items in (fitting, fresh)]
    assert made == wanted


def test_large_work_releases_the_gil_and_small_does_not():
    for seconds, releases in ((1e-3, 1), (1e-6, 0)):
        run, native = one_input(seconds=seconds)
        assert layout.at(native.address + 8 * Program.RELEASE) == releases
        slots = [np.arange(4.0), None]
        assert run(slots) is True
        assert np.array_equal(slots[1], slots[0])


def test_equal_kernels_compile_once():
    def make():
        return Kernel(1, (False,), (vector("float64"),), (), (Output(0, vector("float64")),))

    assert make() == make()
    assert hash(make()) == hash(make())
    assert service.compile(make()) is service.compile(make())


def test_offsets_are_checked(monkeypatch):
    layout.check()
    monkeypatch.setattr(layout, "STRIDES", layout.DIMS)
    with pytest.raises(RuntimeError, match=r"not laid out as compiled code reads them \(strides\)"):
        layout.check()


# ---- reductions ------------------------------------------------------------------------------------------------------

FOLDS = ["sum", "prod", "max", "min", "argmax", "argmin"]


def reduction(dtype, folds, reduced, moves=None, inner="c", body=(), value=0):
    """A kernel reducing one input with several folds at once."""
    axes = len(reduced)
    kept = tuple(not r for r in reduced)
    x = Operand(dtype, moves or (True,) * axes, inner)
    outputs = []
    for name in folds:
        result = "int64" if name.startswith("arg") else dtype
        outputs.append(Output(value, Operand(result, kept, "c" if kept[-1] else "0"), name))
    return Kernel(axes, reduced, (x,), body, tuple(outputs))


def check_reduction(x, axes, folds, order=None):
    """Run one kernel over all folds and compare with NumPy; order permutes the loop axes."""
    order = order or tuple(range(x.ndim))
    reduced = tuple(axis in axes for axis in order)
    inner = "c" if order[-1] == x.ndim - 1 and x.strides[-1] == x.itemsize else "s"
    kernel = reduction(str(x.dtype), folds, reduced, inner=inner)
    kept = [axis for axis in range(x.ndim) if axis not in axes]
    shape = tuple(x.shape[axis] for axis in kept)
    outs = [np.zeros(shape, out.operand.dtype) for out in kernel.outputs]
    dims = [list(order)] + [[kept.index(axis) if axis in kept else -1 for axis in order]] * len(outs)
    if kept and order[-1] in kept and kept[-1] != order[-1]:
        kernel = Kernel(kernel.naxes, reduced, kernel.inputs, (), tuple(_strided(out) for out in kernel.outputs))
    run(kernel, [x, *outs], [x.shape[axis] for axis in order], dims)
    for name, got in zip(folds, outs, strict=True):
        if name.startswith("arg") and len(axes) > 1:
            moved = np.moveaxis(x, [axis for axis in order if axis in axes], list(range(len(axes))))
            expected = getattr(np, name)(moved.reshape(-1, *moved.shape[len(axes) :]), axis=0)
        elif name.startswith("arg"):
            expected = getattr(np, name)(x, axis=axes[0])
        else:
            extra = {"dtype": x.dtype} if name in ("sum", "prod") else {}
            expected = getattr(np, name)(x, axis=axes, **extra)
        if name in ("sum", "prod") and x.dtype.kind == "f":
            tolerance = 1e-12 if x.dtype == np.float64 else 2e-5
            np.testing.assert_allclose(got, expected, rtol=tolerance, atol=tolerance, err_msg=name)
        else:
            assert same_bits(got, np.asarray(expected)), (name, x.shape, axes)


def _strided(out):
    return Output(out.value, Operand(out.operand.dtype, out.operand.moves, "s"), out.reduce)


def sample(dtype, shape, seed=0):
    rng = np.random.default_rng(seed)
    if dtype[0] == "f":
        return (1 + rng.standard_normal(shape) * 0.01).astype(dtype)
    info = np.iinfo(dtype)
    return rng.integers(info.min, info.max, shape, dtype, endpoint=True)


@pytest.mark.parametrize("dtype", ["float64", "float32", "int64", "int32", "uint8"])
@pytest.mark.parametrize("size", [1, 7, 255, 256, 257, 10000])
def test_full_reductions(dtype, size):
    check_reduction(sample(dtype, size), (0,), FOLDS)
    check_reduction(sample(dtype, 2 * size)[::-2], (0,), FOLDS)


@pytest.mark.parametrize("dtype", ["float64", "float32", "int64", "uint8"])
@pytest.mark.parametrize("shape", [(1, 1), (7, 3), (3, 255), (257, 5), (33, 1030), (1100, 40)])
def test_row_and_column_reductions(dtype, shape):
    x = sample(dtype, shape)
    check_reduction(x, (1,), FOLDS)
    check_reduction(x, (0,), FOLDS)
    check_reduction(x, (0, 1), FOLDS)
    check_reduction(x, (0,), FOLDS, order=(1, 0))


@pytest.mark.parametrize("axes", [(0, 2), (1,), (0, 1), (1, 2), (2,), (0,)])
def test_mixed_reductions(axes):
    x = sample("float64", (5, 6, 7))
    check_reduction(x, axes, FOLDS)
    check_reduction(np.asfortranarray(x), axes, FOLDS)
    check_reduction(sample("float64", (50, 6, 20)), axes, FOLDS)


@pytest.mark.parametrize("reduced", [(True,), (False, True), (True, False)])
def test_reductions_of_nothing_are_identities(reduced):
    kernel = reduction("float64", ["sum", "prod"], reduced)
    sizes = [0 if r else 3 for r in reduced]
    x = np.zeros(sizes)
    shape = tuple(size for size, r in zip(sizes, reduced, strict=True) if not r)
    outs = [np.full(shape, 9.0), np.full(shape, 9.0)]
    dims = [list(range(len(reduced)))] + [[-1 if r else 0 for r in reduced]] * 2
    run(kernel, [x, *outs], sizes, dims)
    assert np.all(outs[0] == 0)
    assert np.all(outs[1] == 1)
    empty_kept = [3 if r else 0 for r in reduced]
    if not all(reduced):
        run(kernel, [np.zeros(empty_kept), np.zeros(0), np.zeros(0)], empty_kept, dims)


def test_bool_reductions():
    rng = np.random.default_rng(0)
    for size in (0, 1, 7, 255, 256, 257, 5000):
        for x in (np.zeros(size, bool), np.ones(size, bool), rng.random(size) < 0.5):
            kernel = reduction("bool", ["all", "any"], (True,))
            outs = [np.zeros((), bool), np.zeros((), bool)]
            run(kernel, [x, *outs], [size], [[0], [-1], [-1]])
            assert [bool(out) for out in outs] == [bool(x.all()), bool(x.any())]
    x = rng.random((40, 30)) < 0.9
    for axis in (0, 1):
        check_reduction(x, (axis,), ["all", "any"])


@pytest.mark.parametrize("position", [0, 5, 255, 256, 300, 999])
def test_nan_wins_and_first_occurrence_counts(position):
    x = np.zeros(1000)
    x[position] = np.nan
    x[999] = np.nan
    check_reduction(x, (0,), FOLDS)
    check_reduction(x.reshape(100, 10), (0,), FOLDS)
    check_reduction(np.full(1000, -np.inf), (0,), FOLDS[2:])
    check_reduction(np.full((20, 50), np.inf), (0,), FOLDS[2:])
    ties = np.zeros(1000)
    ties[position:] = 1.0
    check_reduction(ties, (0,), FOLDS[2:])
    check_reduction(-ties, (0,), FOLDS[2:])


def test_reduction_of_an_expression_with_scalar_and_conversion():
    x = np.random.default_rng(0).standard_normal((300, 401))
    above = Op("above", lambda b, x, t: b.convert(b.greater(b.sin(x), t), "int64"))
    operands = (Operand("float64", (True, True), "c"), Operand("float64", (False, False), "0"))
    for reduced, shape, dims in (
        ((False, True), 300, [0, -1]),
        ((True, False), 401, [-1, 0]),
        ((True, True), (), [-1, -1]),
    ):
        kept = tuple(not r for r in reduced)
        outputs = (Output(2, Operand("int64", kept, "c" if kept[-1] else "0"), "sum"),)
        kernel = Kernel(2, reduced, operands, (Instr(above, (0, 1), "int64"),), outputs)
        out = np.zeros(shape, np.int64)
        run(kernel, [x, 0.5, out], [300, 401], [[0, 1], [-1, -1], dims])
        axis = tuple(k for k in (0, 1) if reduced[k])
        assert np.array_equal(out, (np.sin(x) > 0.5).sum(axis=axis))


def test_sums_are_accurate_and_independent_of_collapsing():
    x = np.random.default_rng(0).standard_normal(300_000).astype(np.float32)
    exact = math.fsum(x.astype(float))
    results = []
    for shape in ((300_000,), (300, 1000), (100_000, 3)):
        view = x.reshape(shape)
        out = np.zeros((), np.float32)
        dims = [list(range(view.ndim)), [-1] * view.ndim]
        run(reduction("float32", ["sum"], (True,) * view.ndim), [view, out], shape, dims)
        results.append(float(out))
    assert len(set(results)) == 1
    assert abs(results[0] - exact) <= abs(float(x.sum()) - exact) + 1e-3
    ones = np.ones((200_000, 3), np.float32) * np.float32(0.1)
    out = np.zeros(3, np.float32)
    run(reduction("float32", ["sum"], (True, False)), [ones, out], [200_000, 3], [[0, 1], [-1, 0]])
    assert np.all(np.abs(out - 20_000) < 0.05)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", ["exp", "tanh", "erf", "sin", "power"])
def test_routines_give_the_same_bits_inlined_and_called_and_for_every_length_and_stride(name, dtype):
    x = np.abs(sample("float64", 101, 3)).astype(dtype) * 3
    y = sample("float64", 101, 4).astype(dtype)
    arguments = [x, y] if name in vecmath.BINARY else [x]
    whole = elementwise({name: (OPS[name], len(arguments))}, dtype, arguments)[name]
    many = {f"{name}{k}": (Op(f"{name}{k}", OPS[name].lower), len(arguments)) for k in range(ir.INLINED + 1)}
    for got in elementwise(many, dtype, arguments).values():
        assert np.array_equal(got, whole)
    for n in (1, 7, 15, 16, 17, 33):
        got = elementwise({name: (OPS[name], len(arguments))}, dtype, [a[:n].copy() for a in arguments])[name]
        assert np.array_equal(got, whole[:n])
    operands = tuple(vector(dtype, "s") for _ in arguments)
    body = (Instr(OPS[name], tuple(range(len(arguments))), dtype),)
    kernel = Kernel(1, (False,), operands, body, (Output(len(arguments), vector(dtype, "s")),))
    out = np.zeros(202, dtype)[::2]
    strided = [np.repeat(a, 3)[::3] for a in arguments]
    run(kernel, [*strided, out], [101], [[0]] * (len(arguments) + 1))
    assert np.array_equal(out, whole)


def test_many_routines_are_called_by_vectors():
    chain = [Instr(OPS["tanh"], (k,), "float64") for k in range(40)]
    kernel = Kernel(1, (False,), (vector("float64"),), tuple(chain), (Output(40, vector("float64")),))
    compiled = service.compile(kernel)
    assert f"ftrans.tanh.v{vecmath.LANES}f64" in compiled.assembly
    few = Kernel(1, (False,), (vector("float64"),), tuple(chain[:1]), (Output(1, vector("float64")),))
    assert "ftrans.tanh" not in service.compile(few).assembly


# ---- text and identity -----------------------------------------------------------------------------------------------


def test_print_loops():
    x, row = Operand("float64", (True, True), "c"), Operand("float64", (False, True), "c")
    body = (Instr(OPS["add"], (0, 1), "float64"), Instr(OPS["exp"], (2,), "float64"))
    kernel = Kernel(2, (False, True), (x, row), body, (Output(3, Operand("float64", (True, False), "0"), "sum"),))
    assert print_loops(kernel).splitlines() == [
        "for i in range(n0):",
        "  for j in range(n1):  # reduced",
        "    v2 = in0[i, j] + in1[j]",
        "    v3 = exp(v2)",
        "    out0[i] += v3",
    ]


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: Operand("longdouble", (True,), "c"), "not longdouble"),
        (lambda: Operand("float64", (False,), "c"), "has inner='0'"),
        (lambda: Kernel(1, (False,), (Operand("float64", (), "0"),), (), ()), "every operand"),
        (
            lambda: Kernel(1, (False,), (vector("float64"),), (Instr(OPS["add"], (0, 1), "float64"),), ()),
            "earlier values",
        ),
        (lambda: Kernel(1, (False,), (vector("float64"),), (), (Output(0, vector("float32")),)), "convert explicitly"),
        (lambda: Kernel(1, (True,), (vector("float64"),), (), (Output(0, vector("float64")),)), "reduce exactly when"),
        (lambda: Kernel(1, (True,), (vector("float64"),), (), (Output(0, vector("float64"), "sum"),)), "reduced axis"),
    ],
)
def test_contradictions_are_refused(build, message):
    with pytest.raises((ValueError, TypeError), match=message):
        build()


def test_lowering_that_gives_another_dtype_is_refused():
    kernel = Kernel(1, (False,), (vector("float64"),), (Instr(OPS["isnan"], (0,), "float64"),), ())
    with pytest.raises(TypeError, match="gave bool, its instruction says float64"):
        service.compile(kernel)


def test_block_fits_lanes():
    assert fold.BLOCK % fold.LANES == 0
