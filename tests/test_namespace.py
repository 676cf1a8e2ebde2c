"""Every function of ftrans.numpy against NumPy, called eagerly and inside jit: values, dtypes, shapes and types.

CALLS holds one or more representative calls of each; a new function without an entry fails a test. A call is the text of its
arguments, or starts with "=" and is an expression of `n` (numpy or ftrans.numpy) and the arrays below.
"""

from __future__ import annotations

import numpy as np
import pytest

import ftrans as ft
import ftrans.numpy as fnp

ARRAYS = {
    "X": np.array([[0.5, -1.25, 2.0], [3.0, 0.25, -0.75]]),
    "Y": np.array([[1.5, 2.0, -0.5], [0.25, 3.0, 1.0]]),
    "P": np.array([[0.5, 0.25, 0.75], [0.125, 1.0, 0.9]]),
    "Q": np.array([1.5, 1.0, 3.0, 2.0]),
    "V": np.array([3.0, 1.0, 2.0, 1.0, -0.5]),
    "T": np.array([0.0, 1.0, 1.5, 4.0, 4.25]),
    "N": np.array([[1.0, np.nan, 2.0], [np.nan, 0.5, np.inf]]),
    "F": np.array([[0.5, 1.5], [2.0, -1.0]], np.float32),
    "S": np.array([[2.0, 1.0, 0.5], [1.0, 3.0, 0.0], [0.5, 0.0, 4.0]]),
    "I": np.array([[1, 2, 5], [0, 3, 7]]),
    "J": np.array([2, 0, 1, 2]),
    "B": np.array([200, 3, 250], np.uint8),
    "M": np.array([[True, False, True], [False, False, True]]),
    "C": np.array([1 + 2j, -0.5j, 3.0]),
    "Z": np.array(2.5),
    "E": np.zeros((0, 3)),
    "s": np.float64(1.5),
}

ELEMENTWISE = "X", "F", "I", "Z", "s", "E", "C"
REAL = "X", "F", "I", "Z", "s", "E"
UNIT = "P", "Z * 0.25", "s * 0.25", "E", "np.float32(0.5)"
PAIRS = "X, Y", "X, 2", "I, 3", "F, F[0]", "B, B[::-1]", "Z, s", "E, E"
INTEGERS = "I, 3", "B, B[::-1]", "J, J"
REDUCED = "X", "X, 0", "X, axis=(0, 1), keepdims=True", "I", "F, 1", "Z", "C"
LOGICAL = "X", "M", "M, 0", "Z"
SETS = "J, [2, 5]", "V, T"
IN_SET = "J[0], [2, 5]", "J, J[:1]", "V, T"

CALLS: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(["abs", "absolute", "negative", "positive", "sign", "square", "exp", "exp2", "expm1", "sin",
    "cos", "tan", "sinh",
                     "cosh", "tanh", "arcsinh", "asinh", "arctan", "atan", "conj", "conjugate", "isnan", "isinf",
                     "isfinite", "real",
                     "imag", "isreal", "iscomplex", "angle", "reciprocal", "nan_to_num", "sinc", "real_if_close", "round", "around",
                     "logical_not", "rint"], ELEMENTWISE),
    **dict.fromkeys(["fabs", "cbrt", "deg2rad", "rad2deg", "radians", "degrees", "floor", "ceil", "trunc", "signbit",
    "spacing", "fix",
                     "frexp", "modf", "isposinf", "isneginf"], REAL),
    **dict.fromkeys(["sqrt", "log", "log2", "log10", "log1p", "arcsin", "asin", "arccos", "acos", "arctanh",
    "atanh"], (*UNIT, "C")),
    **dict.fromkeys(["arccosh", "acosh"], ("Q", "C", "I + 1")),
    **dict.fromkeys(["add", "subtract", "multiply", "divide", "true_divide", "floor_divide", "remainder", "mod", "fmod", "maximum",
                     "minimum", "fmax", "fmin", "hypot", "arctan2", "atan2", "copysign", "heaviside", "nextafter", "logaddexp",
                     "logaddexp2", "less", "less_equal", "greater", "greater_equal", "equal", "not_equal",
                     "logical_and", "logical_or",
                     "logical_xor", "divmod"], PAIRS),
    **dict.fromkeys(["power", "pow", "float_power"], ("P, Y", "X, 2", "I, 2", "F, 3", "C, 2", "Z, s")),
    **dict.fromkeys(["bitwise_and", "bitwise_or", "bitwise_xor", "gcd", "lcm"], INTEGERS),
    **dict.fromkeys(["left_shift", "right_shift", "bitwise_left_shift", "bitwise_right_shift"], ("I, 1", "J, J")),
    **dict.fromkeys(["invert", "bitwise_not", "bitwise_invert", "bitwise_count"], ("I", "B", "J")),
    "ldexp": ("X, I", "F, 2"),
    **dict.fromkeys(["sum", "prod", "mean"], (*REDUCED, "M", "X, dtype='f4'", "E", "E, 0")),
    **dict.fromkeys(["max", "min", "amax", "amin", "ptp"], ("X", "X, 0", "I, 1", "Z", "X, None, None, True")),
    **dict.fromkeys(["std", "var"], (*REDUCED, "X, 0, ddof=1")),
    **dict.fromkeys(["all", "any"], LOGICAL),
    "count_nonzero": ("X", "M, 0", "I, axis=1, keepdims=True"),
    **dict.fromkeys(["argmax", "argmin"], ("X", "X, 0", "I, 1", "X, axis=1, keepdims=True")),
    **dict.fromkeys(["cumsum", "cumprod", "nancumsum", "nancumprod"], ("X", "X, 0", "I, 1", "N", "B")),
    **dict.fromkeys(["cumulative_sum", "cumulative_prod"], ("V", "X, axis=0, include_initial=True")),
    "average": ("X", "X, 0, Y[:, 0]", "X, 1, returned=True"),
    **dict.fromkeys(["median", "nanmedian"], ("X", "X, 0", "I, 1, keepdims=True", "N")),
    **dict.fromkeys(["quantile", "nanquantile"], ("X, 0.3", "X, [0.25, 0.5], 1", "N, 0.5, axis=0")),
    **dict.fromkeys(["percentile", "nanpercentile"], ("X, 30", "X, [25, 50], 1", "I, 40")),
    **dict.fromkeys(["nansum", "nanprod", "nanmax", "nanmin", "nanmean", "nanstd", "nanvar"], ("X", "N", "N, 0", "I, 1")),
    **dict.fromkeys(["nanargmax", "nanargmin"], ("N", "N, 1")),
    **dict.fromkeys(["allclose", "array_equal", "array_equiv", "isclose"], ("X, X", "X, Y", "I, 3")),
    **dict.fromkeys(["sort", "argsort"], ("V", "X, 0", "I, None", "X, axis=1, kind='stable'")),
    "lexsort": ("(J, V[:4])",),
    "searchsorted": ("T, V", "T, 1.0, 'right'", "T, V, sorter=n.argsort(T)"),
    "digitize": ("V, T", "V, T[::-1], True"),
    "unique": ("J", "V", "J, True, True, True", "X, axis=0"),
    **dict.fromkeys(["unique_all", "unique_counts", "unique_inverse"], ("J",)),
    "unique_values": ("=n.sort(n.unique_values(J))",),  # NumPy's are in no order
    **dict.fromkeys(["intersect1d", "union1d", "setdiff1d", "setxor1d"], SETS),
    "isin": IN_SET,
    "where": ("M, X, Y", "M, 1, X", "M"),
    "select": ("[X > 0, Y > 1], [X, Y], 7",),
    "clip": ("X, -1, 1", "I, 1, None", "B, -1, 210", "X, min=0.0"),
    "interp": ("V, T, V", "1.2, T, V"),
    **dict.fromkeys(["array", "asarray", "asanyarray", "copy"], ("X", "[1.5, s]", "Z", "s", "[[1, 2], [3, 4]]")),
    **dict.fromkeys(["ascontiguousarray", "asfortranarray", "require", "asarray_chkfinite"], ("X", "X.T", "I")),
    "astype": ("X, 'f4'", "I, float", "X, int"),
    "reshape": ("X, (3, 2)", "X, -1", "X, (3, -1), order='F'"),
    "ravel": ("X", "X, 'F'", "Z"),
    **dict.fromkeys(["transpose", "permute_dims"], ("X", "X, (1, 0)", "V")),
    "matrix_transpose": ("X",),
    "swapaxes": ("X, 0, 1",),
    "moveaxis": ("X, 0, -1",),
    "rollaxis": ("X, 1", "X, 1, 0"),
    "squeeze": ("X[:1]", "X[:, :1], 1", "X[:1, :1]"),
    "expand_dims": ("X, 0", "X, (0, -1)"),
    "broadcast_to": ("V, (2, 5)", "s, (3,)", "3, (2,)"),
    "broadcast_arrays": ("X, X[0]", "s, V"),
    **dict.fromkeys(["atleast_1d", "atleast_2d", "atleast_3d"], ("X", "s", "V, Z")),
    "shape": ("X", "s", "[1, 2]"), "ndim": ("X", "s"), "size": ("X", "X, 0"),
    "iscomplexobj": ("X", "C"), "isrealobj": ("X", "C"), "isscalar": ("X", "s", "Z", "3", "X.sum()", "'a'"),
    "resize": ("X, (3, 4)", "X, 2"),
    "result_type": ("=n.result_type(F, 1.0) == 'f4'", "=n.result_type(F, s) == 'f8'"),
    "can_cast": ("'f8', 'f4'",),
    **dict.fromkeys(["shares_memory", "may_share_memory"], ("X, X",)),
    **dict.fromkeys(["concatenate", "concat"], ("[X, Y]", "[X, I], 1", "(X, Y), None", "[F, F]")),
    **dict.fromkeys(["stack", "vstack", "hstack", "dstack", "column_stack"], ("[X, Y]", "[V, T]")),
    "row_stack": ("=n.vstack([X, Y])",),  # deprecated in NumPy
    "unstack": ("X", "X, axis=1"),
    "block": ("[[X, Y], [Y, X]]", "[V, T]"),
    **dict.fromkeys(["split", "array_split"], ("V, [1, 3]", "Q, 2", "X, 3, 1")),
    "hsplit": ("X, 3",), "vsplit": ("X, 2",), "dsplit": ("X[..., None], 1",),
    "tile": ("X, 2", "V, (2, 1)"), "repeat": ("X, 2", "X, [1, 2], 0", "X, J[:3], 1"),
    "flip": ("X", "X, 0", "Z"), "flipud": ("X",), "fliplr": ("X",), "rot90": ("X", "X, 2"),
    "roll": ("X, 1", "X, (1, 2), (0, 1)"),
    "pad": ("X, 1", "X, ((1, 0), (0, 2)), 'edge'", "V, 2, 'reflect'", "V, 1, constant_values=7"),
    **dict.fromkeys(["zeros", "ones", "empty"], ("0", "(0, 2), 'f4'")),
    "full": ("2, s", "(2, 3), 7", "3, 1.5, 'f4'"),
    **dict.fromkeys(["zeros_like", "ones_like"], ("X", "s", "I, float", "F, shape=(3,)")),
    "empty_like": ("E",), "full_like": ("X, s", "I, 2.5"),
    "arange": ("4", "1, 7, 2", "0.0, 1.0, 0.25", "5.0", "3, dtype='f4'", "F[0, 1]", "0, F[1, 0], F[0, 0]", "B[1]"),
    "linspace": ("0, s, 5", "0, 1, 3, retstep=True", "0, 9, 4, dtype=int", "V[0], T, 3, axis=-1"),
    "logspace": ("0, s, 5",), "geomspace": ("1, s, 5",),
    "eye": ("3", "2, 3, 1"), "identity": ("3",), "tri": ("3", "3, 4, -1"),
    "tril": ("S", "S, 1"), "triu": ("S", "S, -1"),
    "indices": ("(2, 3)",), "fromfunction": ("lambda i, j: i + j, (2, 3)",), "meshgrid": ("V, T", "V, T, indexing='ij'"),
    "vander": ("V, 3", "J", "V, increasing=True"),
    "tril_indices_from": ("S",), "triu_indices_from": ("S",), "diag_indices_from": ("S",),
    "take": ("X, J", "X, J[:2], 1", "V, 2", "V, J + 9, mode='wrap'"), "take_along_axis": ("X, n.argsort(X, 1), 1",),
    "choose": ("J, [Q, V[:4], T[:4]]", "[1, 0], [F[0], 2.0]"),
    "diagonal": ("S", "X, 1"), "diag": ("S", "V, 1"), "diagflat": ("F",), "trace": ("S", "S, 1", "I"),
    "put_along_axis": ("=(y := X.copy(), n.put_along_axis(y, I[:, :1] % 3, 9.0, 1))[0]",),
    "fill_diagonal": ("=(y := S.copy(), n.fill_diagonal(y, s))[0]",),
    "nonzero": ("M", "V"), "flatnonzero": ("X",), "argwhere": ("M",),
    "compress": ("[True, False, True], X, 1", "M[0], X[0]"), "extract": ("M, X",),
    "place": ("=(y := X.copy(), n.place(y, M, [7.0, 8.0]))[0]",), "putmask": ("=(y := X.copy(), n.putmask(y, M, -Y))[0]",),
    "copyto": ("=(y := X.copy(), n.copyto(y, Y, where=M))[0]",), "put": ("=(y := X.copy(), n.put(y, J, Q))[0]",),
    "delete": ("V, 1", "X, [0, 2], 1", "X, M.ravel()"), "insert": ("V, 1, s", "X, 1, Y[:, 0], 1"), "append": ("X, V", "X, Y, 0"),
    "trim_zeros": ("n.where(V > 1.5, V, 0)",), "ix_": ("J, M[0]",),
    "unravel_index": ("J, (2, 3)", "B % 6, (2, 3)"), "ravel_multi_index": ("(J % 2, J), (2, 3)",),
    "matmul": ("X, Y.T", "V, T", "I, I.T"), "dot": ("X, Y.T", "V, T", "X, 2", "F, 2.0"), "vdot": ("X, Y", "C, C"),
    "inner": ("X, Y", "V, 2", "B, 2"),
    "outer": ("X, V",), "tensordot": ("X, Y", "X, Y, ((1,), (1,))"), "kron": ("F, X", "V, J", "Z, s"), "vecdot": ("X, Y", "C, C"),
    "matvec": ("X, Y[0]", "S, C"), "vecmat": ("C, S", "Y[0], S"), "cross": ("X, Y", "X[0], Y[0]"),
    "einsum": ("'ij,kj->ik', X, Y", "'ij->j', X", "'ij,ij', X, Y"),
    "einsum_path": ("=len(n.einsum_path('ij,kj->ik', X, Y))",),
    "convolve": ("V, T", "V, Q, 'same'", "J, B"), "correlate": ("V, T", "C, C, 'full'"),
    "diff": ("X", "X, 1, 0", "V, 2", "M"), "ediff1d": ("V", "I, [9], [1]"), "gradient": ("X", "V, T", "I, 2.0, axis=1"),
    "trapezoid": ("V, T", "X, dx=0.5"), "unwrap": ("X * 5", "I, period=6"),
    "cov": ("X", "V, T", "X, rowvar=False, aweights=Y[:, 1]"), "corrcoef": ("X", "V, T", "V"),
    "bincount": ("J", "J, Q, 6"), "histogram": ("V", "V, T", "X, 3, (0, 2), weights=Y", "I, density=True"),
    "histogram_bin_edges": ("V, 4",),
    "polyval": ("V, X", "V, 2", "[1, 2], I"), "polyder": ("V", "J, 2"), "polyint": ("V", "V, 2, [1, 2]"), "polyadd": ("V, Q",),
    "polysub": ("V, Q", "2, V"), "polymul": ("V, Q", "J, J"), "polydiv": ("V, Q[:2]",),
    "at": (),  # not NumPy's; tests of its own
}  # fmt: skip

LINALG: dict[str, tuple[str, ...]] = {
    "norm": ("X", "V, 1", "X, axis=0", "X, 'fro', keepdims=True", "I, np.inf, 1"), "vector_norm": ("X", "X, axis=0, ord=3"),
    "matrix_norm": ("X",), "trace": ("S",), "diagonal": ("S, offset=1",), "outer": ("V, T",), "cross": ("X, Y",),
    "matmul": ("X, Y.T",), "tensordot": ("X, Y",), "vecdot": ("X, Y",), "matrix_transpose": ("X",),
    "matrix_power": ("S, 3", "S, 0"), "multi_dot": ("[X, Y.T, X]",),
}  # fmt: skip
BY_LAPACK = {
    "cholesky", "cond", "det", "eig", "eigh", "eigvals", "eigvalsh", "inv", "lstsq", "matrix_rank", "pinv", "qr",
    "slogdet", "solve",
    "svd", "svdvals", "tensorinv", "tensorsolve", "LinAlgError",
}  # fmt: skip

# What NumPy does not hand over: say fnp.array(x).
NOT_HANDED_OVER = {"array", "asarray", "asanyarray", "ascontiguousarray", "asfortranarray", "require", "asarray_chkfinite"}

# Where NumPy returns a Python bool or int, a traced result is a NumPy scalar: it may be an array under vmap.
PYTHON_SCALARS = {"allclose", "array_equal", "array_equiv", "count_nonzero"}


def called(name: str, text: str, n, arrays):
    """The result of one call."""
    code = text[1:] if text.startswith("=") else f"n.{name}({text})"
    return eval(code, {"n": n, "np": np, **arrays})


def assert_alike(got, want, name, what):
    """Equal values, dtypes, shapes and types."""
    if isinstance(want, (tuple, list)):
        assert isinstance(got, (tuple, list)), f"{what}: {type(got)}"
        assert isinstance(got, tuple) == isinstance(want, tuple), f"{what}: {type(got)}"
        for x, y in zip(got, want, strict=True):
            assert_alike(x, y, name, what)
        return
    if name.rpartition(".")[2] in PYTHON_SCALARS and type(want) in (bool, int):
        want = type(got)(want)
    assert type(got) is type(want), f"{what}: a {type(got)}, expected {type(want)}"
    x, y = np.asarray(got), np.asarray(want)
    assert (x.shape, x.dtype) == (y.shape, y.dtype), f"{what}: {x.dtype}{x.shape}, expected {y.dtype}{y.shape}"
    tolerance = 1e-6 if x.dtype.itemsize < 8 or x.dtype == np.complex64 else 1e-13
    np.testing.assert_allclose(x, y, rtol=tolerance, atol=tolerance, err_msg=what)


def compared(name, text, ours, theirs):
    """One call, eagerly and inside jit, with every array an argument of the function; the arguments are not written to."""
    fresh = {k: np.array(v) if isinstance(v, np.ndarray) else v for k, v in ARRAYS.items()}
    want = called(name, text, theirs, ARRAYS)
    assert_alike(called(name, text, ours, fresh), want, name, f"eager {name}: {text}")
    jitted = ft.jit(lambda arrays: called(name, text, ours, arrays), compile="never")
    for _ in range(2):
        assert_alike(jitted(fresh), want, name, f"{name} inside jit: {text}")
    for k, v in ARRAYS.items():
        np.testing.assert_array_equal(fresh[k], v)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", CALLS)
def test_as_numpy(name):
    for text in CALLS[name]:
        compared(name, text, fnp, np)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", LINALG)
def test_linalg_as_numpy(name):
    for text in LINALG[name]:
        compared(f"linalg.{name}", text, fnp, np)


@pytest.mark.filterwarnings("ignore")
def test_plain_numpy_functions_lead_here():
    """np.f inside jit gives what fnp.f does, for every function that NumPy hands over."""
    for name, texts in CALLS.items():
        theirs = getattr(np, name, None)
        if theirs not in fnp.dispatch.functions and theirs not in fnp.dispatch.ufuncs:
            continue
        text = texts[0] if texts else "="
        if (
            name in NOT_HANDED_OVER or text[0] in "=[(" or text[:1] not in ARRAYS
        ):  # NumPy hands over only what has a traced array for an argument
            continue
        want = called(name, text, np, ARRAYS)
        got = ft.jit(lambda arrays, name=name, text=text: called(name, text, np, arrays), compile="never")(ARRAYS)
        assert_alike(got, want, name, f"numpy.{name} inside jit: {text}")


def own_names(module, theirs):
    """The callables of a namespace that are not NumPy's own objects."""
    return {
        name
        for name in dir(module)
        if not name.startswith("_") and callable(getattr(module, name)) and getattr(module, name) is not getattr(theirs, name, None)
    }


def test_every_function_is_in_the_table():
    leftover = own_names(fnp, np) - set(CALLS) - {"Any", "MissingFunctionError"}
    assert not leftover, f"give these functions of ftrans.numpy an entry in CALLS: {sorted(leftover)}"
    names = {name for name in fnp.linalg.__all__ if getattr(fnp.linalg, name) is not getattr(np.linalg, name)}
    assert names - set(LINALG) <= BY_LAPACK
    assert not set(CALLS) - set(dir(fnp))
    assert all([CALLS[name] for name in CALLS if name != "at"])


def test_what_is_taken_from_numpy_as_it_is():
    """NumPy's own objects in ftrans.numpy: types, constants, settings, and functions of what is never traced."""
    same = {n for n in dir(fnp) if not n.startswith("_") and callable(getattr(fnp, n)) and getattr(fnp, n) is getattr(np, n, None)}
    functions = {n for n in same if not isinstance(getattr(np, n), type)}
    assert functions <= {
        "array2string", "array_repr", "array_str", "broadcast_shapes", "diag_indices", "get_printoptions", "geterr", "isscalar",
        "issubdtype", "iterable", "mask_indices", "printoptions", "promote_types", "set_printoptions", "seterr",
        "tril_indices", "triu_indices",
    }  # fmt: skip
