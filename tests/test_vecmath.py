"""Vector routines: at most 2 ulp from mpmath over ranges; NumPy's values at the edges (nan, inf, -0.0)."""

import math

import mpmath
import numpy as np
import pytest
from test_kernels import OPS, Op, elementwise, reference

from ftrans import jit
from ftrans.backends.numba import vecmath

LIMIT = 2.0
SAMPLES = 400
NAMES = {
    "arcsin": "asin",
    "arccos": "acos",
    "arctan": "atan",
    "arcsinh": "asinh",
    "arccosh": "acosh",
    "arctanh": "atanh",
}

LOGS = [(5e-324, 1e-300), (1e-300, 1e300), (0.5, 2.0), (0.999, 1.001), (1e-3, 1e3), (1e300, 1.7e308)]
WIDE = [(-1e-300, 1e-300), (-1e-3, 1e-3), (-1.0, 1.0), (-10.0, 10.0), (-1e6, 1e6), (-1e300, 1e300)]
RANGES = {
    "exp": [(-745.0, -700.0), (-700.0, 709.7), (-1.0, 1.0), (-1e-5, 1e-5), (709.0, 709.78)],
    "exp2": [(-1074.0, -1020.0), (-1020.0, 1023.9), (-1.0, 1.0), (-1e-5, 1e-5)],
    "expm1": [(-50.0, 709.7), (-1.0, 1.0), (-1e-5, 1e-5), (-1e-300, 1e-300), (-0.4, 0.4), (-3.0, -0.3)],
    "log": LOGS,
    "log2": LOGS,
    "log10": LOGS,
    "log1p": [(-0.999999, 1.0), (-1e-5, 1e-5), (-1e-300, 1e-300), (1.0, 1e18), (1e18, 1e308), (-0.3, 0.5)],
    "sin": [(-1e-300, 1e-300), (-1e-3, 1e-3), (-4.0, 4.0), (-1e4, 1e4), (-4.2e6, 4.2e6), (4.2e6, 1e300)],
    "cos": [(-1e-3, 1e-3), (-4.0, 4.0), (-1e4, 1e4), (-4.2e6, 4.2e6), (4.2e6, 1e300)],
    "tan": [(-1e-300, 1e-300), (-1e-3, 1e-3), (-4.0, 4.0), (-1e4, 1e4), (-4.2e6, 4.2e6), (4.2e6, 1e300)],
    "sinh": [(-710.0, 710.0), (-1.0, 1.0), (-1e-5, 1e-5), (-1e-300, 1e-300), (35.0, 45.0), (709.0, 710.4)],
    "cosh": [(-710.0, 710.0), (-1.0, 1.0), (-1e-5, 1e-5), (709.0, 710.4)],
    "tanh": [(-25.0, 25.0), (-1.0, 1.0), (-1e-5, 1e-5), (-1e-300, 1e-300), (-0.6, 0.6)],
    "arctan": WIDE,
    "arcsin": [(-1.0, 1.0), (-0.5, 0.5), (-1e-5, 1e-5), (-1e-300, 1e-300), (0.9999, 1.0), (-1.0, -0.9999)],
    "arccos": [(-1.0, 1.0), (-0.5, 0.5), (-1e-5, 1e-5), (0.9999, 1.0), (-1.0, -0.9999)],
    "arcsinh": WIDE,
    "arccosh": [(1.0, 1.001), (1.0, 3.0), (1.0, 1e6), (1e6, 1e300)],
    "arctanh": [(-1.0, 1.0), (-1e-5, 1e-5), (-1e-300, 1e-300), (0.999, 1.0), (-0.5, 0.5)],
    "cbrt": [(5e-324, 1e-300), *WIDE],
    "erf": [(-1e-300, 1e-300), (-1e-5, 1e-5), (-0.9, 0.9), (-6.0, 6.0)],
    "erfc": [(-6.0, 0.5), (0.3, 2.0), (1.0, 6.0), (6.0, 27.2)],
    "expit": [(-745.0, -700.0), (-50.0, 50.0), (-3.0, 3.0), (-1e-5, 1e-5), (-1e300, 1e300)],
    "log1pexp": [(-745.0, -700.0), (-50.0, 50.0), (-3.0, 3.0), (-1e-5, 1e-5), (-1e300, 1e300)],
}
EDGES = [
    0.0, -0.0, 1.0, -1.0, 0.5, -0.5, 2.0, 8.0, 10.0, 1000.0, np.inf, -np.inf, np.nan, 5e-324, -5e-324,
    2.2250738585072014e-308, 1e-310, 1.7976931348623157e308, -1.7976931348623157e308, 709.782712893384,
    709.7827128933841, -745.1332191019411, -745.1332191019412, -708.4, 710.4758600739439, 710.475860073944, 1024.0,
    -1074.0, -1075.0, -1022.0, 22.0, -40.0, 1e22, 4194304.0, 4194305.0, math.pi / 2, math.pi, 1e5, 0.34657359,
    0.4142135623730951, 2.414213562373095,
]  # fmt: skip


SQUARE = [(-1.0, 1.0), (-1.0, 1.0)]
SUMS = [
    SQUARE,
    [(-50.0, 50.0), (-50.0, 50.0)],
    [(-1e3, 1e3), (-1e3, 1e3)],
    [(-1e-5, 1e-5), (-1.0, 1.0)],
    [(-3.0, 1e300), (-3.0, 3.0)],
]
PAIRS = {
    "power": [
        [(0.5, 2.0), (-1000.0, 1000.0)],
        [(0.9999, 1.0001), (-7e6, 7e6)],
        [(1e-300, 1e300), (-1.02, 1.02)],
        [(1e-3, 1e3), (-100.0, 100.0)],
        [(5e-324, 1e-308), (-0.9, 1.0)],
        [(0.0, 10.0), (-20.0, 20.0)],
    ],
    "arctan2": [
        SQUARE,
        [(-1e300, 1e300), (-1.0, 1.0)],
        [(-1e-300, 1e-300), (-1e-300, 1e-300)],
        [(-3.0, 3.0), (-1e5, 1e5)],
    ],
    "fmod": [SQUARE, [(-1e6, 1e6), (-1.0, 1.0)], [(-1e300, 1e300), (-1.0, 1.0)], [(1e-320, 1e-310), (1e-320, 1e-310)]],
    "logaddexp": SUMS,
    "logaddexp2": SUMS,
    "hypot": [
        SQUARE,
        [(-1e-5, 1e-5), (-1.0, 1.0)],
        [(1e300, 1e308), (1e300, 1e308)],
        [(1e-320, 1e-310), (1e-320, 1e-310)],
    ],
}


def pairs(name, dtype):
    """Random arguments of a routine of two, evenly over boxes; the first also evenly in the logarithm."""
    rng, parts = np.random.default_rng(len(name)), []
    for (low, high), second in PAIRS[name]:
        parts.append((rng.uniform(low, high, SAMPLES), rng.uniform(*second, SAMPLES)))
        if low > 0:
            parts.append((np.exp(rng.uniform(math.log(low), math.log(high), SAMPLES)), rng.uniform(*second, SAMPLES)))
    with np.errstate(over="ignore", under="ignore"):
        x, y = np.concatenate(parts, axis=1).astype(dtype)
    keep = np.isfinite(x) & np.isfinite(y) & (x != 0) & (y != 0)
    return x[keep], y[keep]


def points(name, dtype):
    """Random arguments over every range: evenly, and evenly in the logarithm where the range spans decades."""
    rng, parts = np.random.default_rng(len(name)), []
    for low, high in RANGES[name]:
        parts.append(rng.uniform(low, high, SAMPLES) if high - low < 1e308 else low + (high - low) * rng.random(SAMPLES))
        if low > 0 and high / low > 1e3:
            parts.append(np.exp(rng.uniform(math.log(low), math.log(high), SAMPLES)))
    if name in ("sin", "cos", "tan"):
        parts.append(np.round(rng.uniform(-1e6, 1e6, SAMPLES)) * (np.pi / 2))
    with np.errstate(over="ignore", under="ignore"):
        x = np.concatenate(parts).astype(dtype)
    return x[np.isfinite(x)]


TWO = {
    "power": mpmath.power,
    "arctan2": mpmath.atan2,
    "hypot": mpmath.hypot,
    "fmod": lambda x, y: mpmath.mpf(math.fmod(x, y)),
    "logaddexp": lambda x, y: max(x, y) + mpmath.log1p(mpmath.exp(-abs(x - y))),
    "logaddexp2": lambda x, y: max(x, y) + mpmath.log1p(mpmath.power(2, -abs(x - y))) / mpmath.log(2),
}
ONE = {
    "expit": lambda x: 1 / (1 + mpmath.exp(-x)) if x > 0 else mpmath.exp(x) / (1 + mpmath.exp(x)),
    "log1pexp": lambda x: max(x, 0) + mpmath.log1p(mpmath.exp(-abs(x))),
}


def exact(name, x, y=None):
    """The value by mpmath."""
    if name in PAIRS:
        return TWO[name](x, y)
    if name in ONE:
        return ONE[name](x)
    function = getattr(mpmath, NAMES.get(name, name), None)
    if name == "exp2":
        return mpmath.power(2, x)
    if name in ("log2", "log10"):
        return mpmath.log(x, 2 if name == "log2" else 10)
    if name == "cbrt":
        return mpmath.sign(x) * mpmath.cbrt(abs(x))
    return function(x)


def worst(name, dtype):
    """(largest error in ulp, the argument) over the points of a routine; overflow is left to the edges."""
    arguments = pairs(name, dtype) if name in PAIRS else (points(name, dtype),)
    got = elementwise({name: (OPS[name], len(arguments))}, dtype, list(arguments))[name]
    result, where = 0.0, None
    info = np.finfo(dtype)
    with mpmath.workprec(150):
        for *argument, value in zip(*[x.tolist() for x in arguments], got.tolist(), strict=True):
            truth = exact(name, *[mpmath.mpf(x) for x in argument])
            size = max([abs(truth), *[abs(mpmath.mpf(x)) for x in argument if name.startswith("logadd")]])
            if size > info.max:
                assert math.isinf(value) or value == info.max, (name, argument)
                continue
            exponent = max(int(mpmath.frexp(size)[1]), info.minexp + 1) if size else info.minexp + 1
            error = float(abs(mpmath.mpf(value) - truth) / mpmath.mpf(2) ** (exponent - 1 - info.nmant))
            if not error <= result:
                result, where = error, argument
    return result, where


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", sorted(vecmath.ROUTINES))
def test_within_two_ulp(name, dtype):
    error, argument = worst(name, dtype)
    assert error <= LIMIT, f"{name}{argument} is {error:.2f} ulp off"


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_edges_are_numpys(dtype):
    with np.errstate(all="ignore"):
        x, y = np.array([(a, b) for a in EDGES for b in EDGES]).astype(dtype).T.copy()
        ops = {name: (OPS[name], 2 if name in PAIRS else 1) for name in sorted(vecmath.ROUTINES)}
        for name, got in elementwise(ops, dtype, [x, y]).items():
            wide = [x.astype(np.float64), y.astype(np.float64)][: ops[name][1]]
            expected = reference(name)(*wide).astype(dtype)
            same_sign = np.signbit(got) == np.signbit(expected)
            near = np.abs(got - expected) <= 2 * np.spacing(np.abs(expected))
            fine = (got == expected) & same_sign | np.isnan(got) & np.isnan(expected) | near
            assert fine.all(), (name, x[~fine][:5], y[~fine][:5], got[~fine][:5], expected[~fine][:5])


@pytest.mark.parametrize("name", sorted(vecmath.ROUTINES))
def test_random_bit_patterns(name):
    """Every kind of double, against NumPy: nothing but rounding may differ."""
    x, y = np.random.default_rng(0).integers(0, 2**64, (2, 20_001), dtype=np.uint64).view(np.float64)
    arguments = [x, y] if name in PAIRS else [x]
    got = elementwise({name: (OPS[name], len(arguments))}, "float64", arguments)[name]
    with np.errstate(all="ignore"):
        expected = reference(name)(*arguments)
        near = np.abs(got - expected) <= 4 * np.spacing(np.abs(expected))
    fine = (got == expected) | np.isnan(got) & np.isnan(expected) | near
    assert fine.all(), (x[~fine][:5], y[~fine][:5], got[~fine][:5], expected[~fine][:5])


def test_every_routine_has_ranges():
    assert set(vecmath.ROUTINES) <= set(RANGES) | set(PAIRS)


WIDE_SINGLE = {
    "erf": np.vectorize(math.erf, otypes=[float]),
    "erfc": np.vectorize(math.erfc, otypes=[float]),
    "expit": lambda x: 1 / (1 + np.exp(-x)),
    "log1pexp": lambda x: np.logaddexp(x, 0),
}


@pytest.mark.parametrize("name", sorted(set(vecmath.ROUTINES) - {"logaddexp", "logaddexp2"}))
def test_single_precision_everywhere(name):
    """Every kind of float32, and those near 1 and 0, against NumPy's float64."""
    rng, count = np.random.default_rng(2), 1 << 12 if name in ("erf", "erfc") else 1 << 17
    parts = [rng.integers(0, 2**32, count, dtype=np.uint32).view(np.float32)]
    parts += [rng.uniform(-size, size, count).astype(np.float32) for size in (0.5, 2, 10, 110)]
    x = np.concatenate([*parts, (1 + rng.uniform(-(2.0**-5), 2.0**-5, count)).astype(np.float32)])
    arguments = [np.abs(x) if name == "power" else x, rng.permutation(x)] if name in PAIRS else [x]
    got = elementwise({name: (OPS[name], len(arguments))}, "float32", arguments)[name]
    with np.errstate(all="ignore"):
        got = got.astype(np.float64)
        exact = (WIDE_SINGLE.get(name) or reference(name))(*[x.astype(np.float64) for x in arguments])
        ulp = np.maximum(2.0 ** (np.floor(np.log2(np.abs(exact))) - 23), 2.0**-149)
        too_large = (np.abs(exact) >= 2.0**128 - 2.0**103) & (np.abs(got) >= 2.0**128 - 2.0**104)
        fine = (np.abs(got - exact) <= LIMIT * ulp) | (got == exact) | np.isnan(got) & np.isnan(exact) | too_large
    assert fine.all(), [[values[~fine][:5] for values in arguments], got[~fine][:5], exact[~fine][:5]]


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("n", [2, 3, 4, 5, 7, 16, 63, -1, -2, -3, -5, -16])
def test_integer_powers(n, dtype):
    info, rng = np.finfo(dtype), np.random.default_rng(abs(n))
    largest = math.log(float(info.max)) / abs(n)
    x = np.exp(np.concatenate([rng.uniform(-0.7, 0.7, SAMPLES), rng.uniform(-0.95 * largest, 0.97 * largest, SAMPLES)]))
    x = (x * rng.choice([-1, 1], x.size)).astype(dtype)
    got = elementwise({"power": (Op("power", lambda b, x: b.ipow(x, n)), 1)}, dtype, [x])["power"]
    with mpmath.workprec(200):
        for argument, value in zip(x.tolist(), got.tolist(), strict=True):
            truth = mpmath.mpf(argument) ** n
            exponent = max(int(mpmath.frexp(abs(truth))[1]), info.minexp + 1)
            assert abs(mpmath.mpf(value) - truth) <= LIMIT * mpmath.mpf(2) ** (exponent - 1 - info.nmant), (argument, n)
    x = np.array([0.0, -0.0, np.inf, -np.inf, np.nan, 1.0, -1.0, float(info.max), float(info.tiny)], dtype)
    got = elementwise({"power": (Op("power", lambda b, x: b.ipow(x, n)), 1)}, dtype, [x])["power"]
    with np.errstate(all="ignore"):
        expected = np.power(x, n)
    assert np.array_equal(got, expected, equal_nan=True)
    assert np.array_equal(np.signbit(got[x == x]), np.signbit(expected[x == x]))


@pytest.mark.parametrize("n", [-0.5, 0.5, 1.5])
def test_half_integer_powers(n):
    edges = [0.0, -0.0, np.inf, -np.inf, np.nan, -1.0, 5e-324]
    x = np.concatenate([np.exp(np.random.default_rng(0).uniform(-700, 450, 1000)), edges])
    with np.errstate(all="ignore"):
        got, expected = jit(lambda x: -np.power(x, n), compile="now")(x), -np.power(x, n)
        near = np.abs(got - expected) <= 2 * np.spacing(np.abs(expected))
    assert (near | (got == expected) & (np.signbit(got) == np.signbit(expected)) | np.isnan(got) & np.isnan(expected)).all()


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_scaling_is_the_same_with_and_without_ldexp(dtype, monkeypatch):
    """Processors without AVX-512 multiply twice: the same bits."""
    x = np.concatenate([np.random.default_rng(0).uniform(-760, 720, 4001), [np.inf, -np.inf, np.nan, 0.0]]).astype(dtype)
    with_ldexp = elementwise({"exp": (OPS["exp"], 1)}, dtype, [x])["exp"]
    other = not vecmath.scales()
    monkeypatch.setattr(vecmath, "scales", lambda: other)
    vecmath.routine.cache_clear()
    try:
        fresh = elementwise({"exp": (Op("exp", lambda b, x: b.exp(b.negative(b.negative(x)))), 1)}, dtype, [x])["exp"]
    finally:
        vecmath.routine.cache_clear()
    assert np.array_equal(with_ldexp, fresh, equal_nan=True)
