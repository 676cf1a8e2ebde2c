"""Simplification: every pass keeps every bit of every result, and does what it says."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_random_programs import KINDS, STACK, data, program, programs, stacked

import ftrans as ft
import ftrans.numpy as fnp
from ftrans.core.check import check_jaxpr
from ftrans.core.jaxpr import Jaxpr
from ftrans.core.run import interpret
from ftrans.core.trace import Trace
from ftrans.jit.explain import STAGES
from ftrans.ops import elementwise as ops
from ftrans.ops.structural import Broadcast, Convert, Reshape, Transpose, Weaken
from ftrans.transforms.identities import RULES
from ftrans.transforms.simplify import SIMPLIFICATIONS, apply_identities, simplify

PASSES = [simplify, *SIMPLIFICATIONS]
names = st.lists(st.sampled_from(sorted(set(STACK) - {"jit"})), max_size=3)


def jaxpr_of(f, *args, literals=()):
    """The jaxpr of a function of tracers; `literals` are further operands, with values that are part of the jaxpr."""
    with Trace() as t:
        t.src = ()
        xs = [t.input(ft.make_jaxpr(lambda y: y)(x).in_avals[0]) for x in args]
        out = f(*xs, *[t.const(v, ft.core.aval.aval_of(v)) for v in literals])
    return check_jaxpr(Jaxpr.from_trace(t, [out.i], baked=True))


def same_bits(got, want, what=""):
    """Equal shapes, dtypes and bits, where any nan equals any other."""
    got, want = np.asarray(got), np.asarray(want)
    assert got.dtype == want.dtype, what
    assert got.shape == want.shape, what
    np.testing.assert_array_equal(got, want, err_msg=what)
    if got.dtype.kind in "fc":
        for part in ("real", "imag"):
            a, b = getattr(got, part), getattr(want, part)
            np.testing.assert_array_equal(np.signbit(a)[~np.isnan(a)], np.signbit(b)[~np.isnan(b)], err_msg=what)


def passes_agree(j, args):
    with np.errstate(all="ignore"):
        want = interpret(j, args)
        for make in PASSES:
            new = check_jaxpr(make(j))
            assert new.out_avals == j.out_avals, make.__name__
            assert [e.op for e in new.eqns if e.op.effectful] == [e.op for e in j.eqns if e.op.effectful]
            for a, b in zip(interpret(new, args), want, strict=True):
                same_bits(a, b, make.__name__)


@settings(max_examples=60, deadline=None)
@given(programs(KINDS), names, st.sampled_from([(), (1,), (3,), (2, 3), (0,)]), st.sampled_from(["float64", "float32"]))
def test_each_pass_keeps_every_bit_of_random_programs(steps, names, shape, dtype):
    x, c = data(shape).astype(dtype), data((3,), 2.57).astype(dtype)
    closed = ft.make_jaxpr(stacked(names, ft, np, program(steps, np, c)))(x)
    passes_agree(closed.jaxpr, [x, *closed.consts])


# Each identity, on every kind of number

FLOATS = [np.nan, np.inf, -np.inf, 0.0, -0.0, 1e-45, -1e-310, 1.0, -1.0, 0.1, 2.5, -3.7, 1e30, -1e300, 65504.0]
INTS = [0, 1, 2, 3, 127, 128, 255, -1, -2, -128, 2**53 + 1, -(2**63)]
with np.errstate(all="ignore"):
    NUMBERS = {
        **{d: np.array(FLOATS).astype(d) for d in ("float16", "float32", "float64")},
        **{
            d: np.array([complex(a, b) for a, b in itertools.product(FLOATS, FLOATS)]).astype(d)
            for d in ("complex64", "complex128")
        },
        **{d: np.array(INTS).astype(d) for d in ("int8", "uint8", "int32", "int64", "uint64")},
        "bool": np.array([True, False]),
    }


def op(kind, *params):
    return lambda *args: ft.core.bind.bind(kind(*params), *args)


neg, square, absolute, mul, add, sub, div = map(op, [ops.Neg, ops.Square, ops.Abs, ops.Mul, ops.Add, ops.Sub, ops.Div])
power, transposed, reshaped, spread = [lambda x, p, k=k: op(k, p)(x) for k in (ops.IntPow, Transpose, Reshape, Broadcast)]


def twice(kind):
    return (lambda x: op(kind)(op(kind)(x))), None


def of_equals(kind):
    return (lambda x: op(kind)(x, x)), None


def by_way_of(last, middle):
    return (lambda x: op(Convert, np.dtype(last))(op(Convert, np.dtype(middle))(x))), None


TWICE = [ops.Floor, ops.Ceil, ops.Rint, ops.Trunc, ops.Sign, ops.Conjugate, ops.Invert, ops.LogicalNot]
OF_EQUALS = [ops.Maximum, ops.Minimum, ops.Fmax, ops.Fmin, ops.LogicalAnd, ops.LogicalOr, ops.BitwiseAnd, ops.BitwiseOr]
LASTS = ["float32", "float64", "int64", "int8", "complex128", "bool"]
MIDDLES = ["float64", "float32", "int32", "int64", "complex128"]

IDENTITIES = {  # a name -> a function of x and a literal, the literals
    "x * 1": (mul, [1.0, 1]), "1 * x": (lambda x, c: mul(c, x), [1.0, 1]), "x / 1": (div, [1.0, 1]),
    "x * x": (lambda x: mul(x, x), None), "-x * -x": (lambda x: mul(neg(x), neg(x)), None),
    "-x * -y": (lambda x: mul(neg(x), neg(add(x, x))), None), "x / 2**k": (div, [2.0, 0.25, -8.0, 4, 3.0, 1e300]),
    "x + 0": (add, [0.0, -0.0, 0]), "0 + x": (lambda x, c: add(c, x), [0.0, -0.0, 0]), "x - 0": (sub, [0.0, -0.0, 0]),
    "x + -y": (lambda x: add(x, neg(add(x, x))), None), "-x + y": (lambda x: add(neg(x), mul(x, x)), None),
    "x - -y": (lambda x: sub(x, neg(mul(x, x))), None), "-(-x)": twice(ops.Neg), "|-x|": (lambda x: absolute(neg(x)), None),
    "||x||": twice(ops.Abs), "(-x)**2": (lambda x: square(neg(x)), None), "|x|**2": (lambda x: square(absolute(x)), None),
    "x**1": (lambda x: power(x, 1), None), "x**2": (lambda x: power(x, 2), None), "+x": (op(ops.Positive), None),
    **{f"{k.name} twice": twice(k) for k in TWICE}, **{f"{k.name} of equals": of_equals(k) for k in OF_EQUALS},
    "where(x == x, x, x)": (lambda x: ops.select(op(ops.Equal)(x, x), x, x), None),
    "where(c, x, y)": (lambda x, c: ops.select(c, x, add(x, x)), [np.True_, np.False_]),
    **{f"{a} by {b}": by_way_of(a, b) for a, b in itertools.product(LASTS, MIDDLES)},
    "transpose twice": (lambda x: transposed(transposed(reshaped(x, (1, x.size, 1)), (2, 0, 1)), (1, 2, 0)), None),
    "transpose thrice": (lambda x: transposed(transposed(reshaped(x, (1, x.size, 1)), (2, 0, 1)), (0, 2, 1)), None),
    "transpose nothing": (lambda x: transposed(x, (0,)), None),
    "reshape twice": (lambda x: reshaped(reshaped(x, (1, x.size)), (x.size,)), None),
    "broadcast twice": (lambda x: spread(spread(x, (2, x.size)), (4, 2, x.size)), None),
    "broadcast nothing": (lambda x: spread(x, (x.size,)), None),
}  # fmt: skip

APPLIES = {  # dtype -> identities that must make the jaxpr shorter there
    "float64": [
        "x * 1", "1 * x", "x / 1", "x + 0", "0 + x", "x - 0", "-(-x)", "|-x|", "||x||", "(-x)**2", "|x|**2", "x**1", "+x",
        "floor twice", "where(x == x, x, x)", "where(c, x, y)", "maximum of equals", "float64 by complex128", "transpose twice",
        "transpose thrice", "transpose nothing", "-x * -y", "x + -y", "-x + y", "x - -y", "reshape twice", "broadcast twice",
        "broadcast nothing",
    ],
    "complex128": ["-(-x)", "conjugate twice", "+x", "x + -y", "where(x == x, x, x)"],
    "int64": ["x * 1", "x + 0", "x - 0", "-(-x)", "invert twice", "bitwise_and of equals", "int64 by int64"],
    "bool": ["logical_not twice", "logical_and of equals", "bool by int32"],
}  # fmt: skip


@pytest.mark.parametrize("name", sorted(IDENTITIES))
@pytest.mark.parametrize("dtype", sorted(NUMBERS))
def test_identities_hold_for_every_number(dtype, name):
    f, literals = IDENTITIES[name]
    x = NUMBERS[dtype]
    shorter = []
    for literal in operands(literals, dtype):
        try:
            j = jaxpr_of(f, x, literals=literal)
        except (ft.errors.DtypeError, TypeError, ValueError):
            continue  # NumPy has no such operation for this dtype
        passes_agree(j, [x])
        shorter.append(len(apply_identities(j).eqns) < len(j.eqns) or len(simplify(j).eqns) < len(j.eqns))
    if name in APPLIES.get(dtype, ()):
        assert any(shorter), f"{name} is not simplified"


def operands(literals, dtype):
    """Each literal as a Python number, and as one of the dtype; nothing once where there is none."""
    if literals is None:
        return [()]
    with np.errstate(all="ignore"):
        strong = [np.asarray(v).astype(dtype)[()] for v in literals if not isinstance(v, np.bool_)]
    return [(v,) for v in [*literals, *strong]]


def test_what_only_looks_like_an_identity_stays():
    x = np.array([-0.0, np.inf, np.nan])
    for f, literals in [
        (add, [0.0]), (add, [0]), (sub, [-0.0]), (mul, [0.0]), (lambda x: sub(x, x), []), (lambda x: neg(sub(x, add(x, x))), []),
    ]:  # fmt: skip
        j = jaxpr_of(f, x, literals=literals)
        assert len(simplify(j).eqns) == len(j.eqns)
    z = x.astype(complex)
    assert len(simplify(jaxpr_of(mul, z, literals=[1.0])).eqns) == 1


def test_a_wrong_rule_is_noticed(monkeypatch):
    """The tests above can fail: x + 0 = x loses the sign of -0.0."""
    monkeypatch.setitem(RULES, ops.Add, lambda em, op, ins, out: ins[0])
    monkeypatch.setattr("ftrans.transforms.emit.KNOWN", {})
    with pytest.raises(AssertionError):
        passes_agree(jaxpr_of(add, np.array(FLOATS), literals=[0.0]), [np.array(FLOATS)])


# What the other passes are for


def count(f, *args):
    return len(ft.jit(f).lower(*args).simplified.eqns)


def test_repeated_and_dead_equations_go():
    x = np.ones(3)
    assert count(lambda x: (np.sin(x) + 1.5) * (np.sin(x) + 1.5), x) == 3  # the same literal is one constant
    assert count(lambda x: (np.exp(x), np.sin(x))[1], x) == 1


def test_weak_scalars_are_not_weakened_for_nothing():
    def f(x):
        for _ in range(10):
            x = 3.5 * x * (1 - x)
        return x

    lowered = ft.jit(f).lower(0.3)
    assert not [eqn for eqn in lowered.simplified.eqns if eqn.op is Weaken()][:-1]
    assert ft.jit(f)(0.3) == f(0.3)
    assert type(ft.jit(f)(0.3)) is type(f(0.3))
    keeps = ft.jit(lambda s, x: (s * 2.0) * x)  # a float64 scalar would make the product float64
    assert keeps(1.5, np.ones(2, np.float32)).dtype == np.float32


def test_a_literal_of_a_loop_is_one_constant():
    def f(x):
        for _ in range(50):
            x = x * 2 + 0.5
        return x

    j = ft.make_jaxpr(f)(np.ones(3))
    assert sorted(map(float, j.consts)) == [0.5, 2.0]
    a, b = 0.25, float("0.25")  # equal now, but not the same number: one kernel for all values
    assert len(ft.make_jaxpr(lambda x: x * a + b)(np.ones(3)).consts) == 2


def test_derivatives_get_shorter():
    assert count(ft.grad(lambda x: np.sum(fnp.negative(fnp.negative(x)))), np.ones(4)) <= 1
    assert count(ft.grad(lambda x: np.sum(fnp.transpose(fnp.transpose(x)) * 1.0)), np.ones((2, 3))) <= 3


# Seen by the user


def test_every_stage_can_be_printed():
    def f(x):
        for _ in range(60):
            x = fnp.negative(fnp.negative(x)) * 2 + fnp.logaddexp.reduce(x, axis=0)
        return x

    lowered = ft.jit(f).lower(np.ones((4, 5)))
    for stage in STAGES[:-2]:
        assert lowered.as_text(stage)
    assert "neg" in lowered.as_text("jaxpr")
    assert "neg" not in lowered.as_text("drop_dead")
    assert "logsumexp" in lowered.as_text("simplified")
    assert "logsumexp" not in lowered.as_text("expanded")
    assert "60 periods of" in lowered.as_text("rolled")
    assert lowered.as_text("loops").count("as before") > 10
    with pytest.raises(ft.errors.ArgumentError, match="stage must be one of"):
        lowered.as_text("tokens")


def test_explain_prints_each_pass_with_its_time():
    text = ft.explain(lambda x: np.exp(fnp.negative(fnp.negative(x))) * 2.0 + 1.0)(np.ones(50))
    for name in ("trace", "simplify", *[make.__name__ for make in SIMPLIFICATIONS], "expand", "roll", "fuse"):
        (row,) = [row for row in text.splitlines() if row.split()[:1] == [name]]
        assert row.endswith(" ms")
    assert "1 kernel, called 1 time, between 0 NumPy steps" in text


def test_explain_of_a_long_loop_is_short():
    def f(x):
        for _ in range(1000):
            x = 3.5 * x * (1.0 - x)
        return x

    text = ft.explain(f)(np.ones(5))
    assert "1000 periods of 3" in text
    assert len(text.splitlines()) < 300


def test_a_function_tells_its_traces_and_compiles():
    f = ft.jit(lambda x: np.exp(x) if np.sum(x) > 0 else x, compile="now")
    for x in (np.ones(3), -np.ones(3), np.ones(4)):
        f(x)
    rows = f.explain().splitlines()
    assert sum("traced" in row and "new signature" in row and row.endswith(" ms") for row in rows) == 2
    assert sum("traced" in row and "a guard had a new outcome" in row and row.endswith(" ms") for row in rows) == 1
    assert sum("compile='now'" in row and row.endswith(" ms") for row in rows) == 3
