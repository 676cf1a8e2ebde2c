"""The graph that pictures show: its numbers against grad, jvp and NumPy; names, texts and boxes; errors."""

from __future__ import annotations

import concurrent.futures
import functools
import itertools
import sys
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import ftrans as ft
from ftrans import nn
from ftrans.core.bind import bind
from ftrans.core.primitive import registry
from ftrans.errors import ArgumentError, DetachedReadError, DifferentiationError
from ftrans.pictures.graph import Edge, Graph, Node
from ftrans.transforms.jvp import TangentShapeError

# The functions of the first worked examples


def three_times(a, b, c):
    u = b * c
    v = a + u
    J = 3 * v
    return J


def product(x, y, z):
    q = x + y
    f = q * z
    return f


def factors(a, b):
    c, d = a + b, b + 1
    e = c * d
    return e


def graph(f: Any, *args: Any, **options: Any) -> Graph:
    return ft.draw(f, **options)(*args).graph


def names(g: Graph) -> list[str]:
    return [n.name for n in g.nodes]


def texts(g: Graph) -> list[str]:
    return [n.text for n in g.nodes if n.text]


def boxes(g: Graph) -> list[tuple[int, str, str]]:
    """(depth, kind, label) of every box, a box before those inside it."""
    depth = {"": -1}
    for b in g.boxes:
        depth[b.key] = depth[b.parent] + 1
    return [(depth[b.key], b.kind, b.label) for b in g.boxes]


def inside(g: Graph, label: str) -> list[str]:
    """The names or texts of the nodes directly in the boxes of this label."""
    keys = [b.key for b in g.boxes if b.label == label]
    return [n.name or n.text for n in g.nodes if n.box in keys]


# Numbers


@pytest.mark.parametrize("mode", ["reverse", "both"])
@pytest.mark.parametrize(
    ("f", "args", "values", "gradients"),
    [
        (three_times, (5.0, 3.0, 2.0), {"u": 6, "v": 11, "J": 33}, {"v": 3, "u": 3, "a": 3, "b": 6, "c": 9, "J": 1}),
        (product, (-2.0, 5.0, -4.0), {"q": 3, "f": -12}, {"q": -4, "z": 3, "x": -4, "y": -4, "f": 1}),
        (factors, (2.0, 1.0), {"c": 3, "d": 2, "e": 6}, {"c": 2, "d": 3, "a": 2, "b": 5, "e": 1}),
    ],
)
def test_worked_numbers(f, args, values, gradients, mode):
    g = graph(f, *args, mode=mode)
    assert {name: g.node(name).value for name in values} == values
    assert {name: g.node(name).gradient for name in gradients} == gradients
    for e in g.edges:
        assert e.gradient == e.local * g.node(e.target).gradient


def test_forward_mode_of_the_worked_examples():
    g = graph(factors, 2.0, 1.0, mode="forward", by="b")
    assert {n.name: n.tangent for n in g.nodes} == {"a": 0, "b": 1, "c": 1, "d": 1, "e": 5}
    assert (g.edge("c", "e").local, g.edge("c", "e").tangent, g.edge("d", "e").tangent) == (2, 2, 3)
    assert (g.by, g.mode, g.node("c").gradient) == ("b", "forward", None)
    assert {n.name: n.tangent for n in graph(three_times, 5.0, 3.0, 2.0, by="c").nodes} == {
        "a": 0, "b": 0, "c": 1, "u": 3, "v": 3, "J": 9,
    }  # fmt: skip
    assert {n.name: n.tangent for n in graph(product, -2.0, 5.0, -4.0, by=1).nodes} == {
        "x": 0, "y": 1, "z": 0, "q": 1, "f": -4,
    }  # fmt: skip


def test_one_node_for_each_value_and_numbers_in_the_text():
    g = graph(factors, 2.0, 1.0)
    assert names(g) == ["a", "b", "c", "d", "e"]
    assert texts(g) == ["a + b", "b + 1", "c * d"]
    assert [(e.source, e.target) for e in g.edges] == [("n0", "n2"), ("n1", "n2"), ("n1", "n3"), ("n2", "n4"), ("n3", "n4")]
    assert [n.op for n in g.nodes] == ["", "", "+", "+", "*"]
    assert g.node("e").output == "result"
    assert (g.title, g.of) == ("factors", "e")
    assert g.node("d").source == "c, d = a + b, b + 1"
    assert g.node("d").where.startswith("tests/test_pictures_graph.py:") or "test_pictures_graph.py:" in g.node("d").where


UNARY = [np.sin, np.exp, np.tanh, lambda x: x * 0.5 + 1, lambda x: -x, lambda x: x**2, lambda x: np.where(x > 0.2, x, 0.3 * x)]
BINARY = [
    lambda x, y: x + y, lambda x, y: x - y, lambda x, y: x * y, lambda x, y: x / (2 + y * y), np.maximum,
    lambda x, y: np.where(x > y, x * y, y),
]  # fmt: skip
OTHER = [
    np.sum,
    np.mean,
    lambda x: np.sum(x, axis=0, keepdims=True) if np.ndim(x) else x,
    lambda x: x * np.arange(3.0),
    lambda x: x[..., None] * 0.1 if np.ndim(x) < 2 else x,
]
STEPS = st.lists(st.tuples(st.integers(0, 17), st.integers(0, 9), st.integers(0, 9)), min_size=1, max_size=8)


def program(steps: list[tuple[int, int, int]]) -> Any:
    """The function (x, w) -> real scalar that a list of steps stands for."""
    ops = [*UNARY, *BINARY, *OTHER]

    def f(x, w):
        values = [x, w]
        for kind, i, j in steps:
            op = ops[kind]
            a, b = values[i % len(values)], values[j % len(values)]
            if op in BINARY and np.ndim(a) and np.ndim(b):
                b = np.sum(b)
            values.append(op(a, b) if op in BINARY else op(a))
        total = 0.0
        for v in values[-3:]:
            total = total + np.mean(v)
        return total

    return f


@settings(max_examples=30)
@given(STEPS, st.sampled_from([np.float64, np.float32]))
def test_random_programs(steps, dtype):
    f = program(steps)
    x, w = np.array([0.3, -0.7, 1.1], dtype), dtype(0.6)
    g = graph(f, x, w, mode="both", by="w")
    nodes = {n.key: n for n in g.nodes}
    (result,) = [n for n in g.nodes if n.output]
    np.testing.assert_allclose(result.value, f(x, w), rtol=1e-5)
    for name, expected in zip("xw", ft.grad(f, (0, 1))(x, w), strict=True):
        np.testing.assert_allclose(g.node(name).gradient, expected, rtol=1e-5, atol=1e-6)
        assert g.node(name).gradient.dtype == expected.dtype
    np.testing.assert_allclose(result.tangent, ft.jvp(lambda w: f(x, w), (w,), (dtype(1),))[1], rtol=1e-5, atol=1e-6)
    for n in g.nodes:
        leaving = [e.gradient for e in g.edges if e.source == n.key and e.gradient is not None]
        depends = n.kind != "constant" and n.aval.inexact
        assert n.value.dtype == n.aval.dtype if isinstance(n.value, np.ndarray | np.generic) else np.ndim(n.value) == 0
        assert np.shape(n.value) == n.aval.shape
        assert (n.gradient is not None) == (n.tangent is not None) <= depends
        if n.gradient is not None and not n.output:
            np.testing.assert_allclose(n.gradient, sum(leaving, np.zeros(n.aval.shape)), rtol=1e-5, atol=1e-6)
        arriving = [e.tangent for e in g.edges if e.target == n.key and e.tangent is not None]
        if arriving:
            np.testing.assert_allclose(n.tangent, sum(arriving), rtol=1e-4, atol=1e-5)
    for e in g.edges:
        target = nodes[e.target]
        if e.local is not None and e.gradient is not None and np.shape(e.local) == nodes[e.source].aval.shape == target.aval.shape:
            np.testing.assert_allclose(e.gradient, e.local * target.gradient, rtol=1e-4, atol=1e-5)


def test_every_intermediate_has_the_derivatives_of_the_function_cut_there():
    """∂e/∂c by differences of what follows c, ∂c/∂b by differences of what leads to it."""

    def f(b):
        c = np.sin(b)
        d = c * b
        return np.exp(d) + c

    g = graph(f, 0.4, mode="both")
    c, b, h = np.sin(0.4), 0.4, 1e-6
    after = lambda c: np.exp(c * b) + c
    np.testing.assert_allclose(g.node("c").gradient, (after(c + h) - after(c - h)) / (2 * h), rtol=1e-8)
    np.testing.assert_allclose(g.node("d").tangent, np.cos(b) * b + c, rtol=1e-12)


def test_a_value_that_is_not_selected_has_gradient_zero():
    f = lambda x: np.sum(np.where(x > 0, np.log(x), 0.0))
    x = np.array([0.0, 2.0, -1.0])
    g = graph(f, x)
    with np.errstate(all="ignore"):
        assert np.array_equal(g.node("x").gradient, ft.grad(f)(x))
    assert np.array_equal(g.node("x").gradient, [0.0, 0.5, 0.0])
    log = next(n for n in g.nodes if n.op == "log")
    assert np.isinf(g.edge("x", log.key).local[0])
    assert np.array_equal(log.gradient, [0.0, 1.0, 0.0])


def test_a_value_used_twice_by_one_operation_has_two_edges():
    g = graph(lambda x: x * x, 3.0)
    assert [(e.index, e.local, e.gradient) for e in g.edges] == [(0, 3.0, 3.0), (1, 3.0, 3.0)]
    assert g.node("x").gradient == 6.0
    assert g.edge("x", "n1", 1).index == 1


def test_local_derivatives():
    A = np.ones((2, 3))
    g = graph(lambda x, s: np.sum(A @ (x * s)), np.arange(3.0), 2.0)
    by_op = {g.node(e.target).op + str(e.index): e for e in g.edges}
    assert np.array_equal(by_op["*0"].local, [2, 2, 2])
    assert np.array_equal(by_op["*1"].local, [0, 1, 2])  # of every element of the product by the one number
    assert by_op["@1"].local is None
    assert by_op["sum0"].local is None
    assert np.array_equal(by_op["*1"].gradient, 6.0)


@pytest.mark.parametrize("dtype", [np.float32, np.complex64, np.complex128])
def test_dtypes_stay(dtype):
    x = np.array([1 + 2j, 0.5]).astype(dtype) if dtype().dtype.kind == "c" else np.array([1, 0.5], dtype)
    f = lambda x: np.sum(np.abs(x * x + 1.0) ** 2)
    g = graph(f, x, mode="both")
    np.testing.assert_allclose(g.node("x").gradient, ft.grad(f)(x), rtol=1e-6)
    assert g.node("x").gradient.dtype == dtype
    assert all(n.gradient.dtype == n.aval.dtype for n in g.nodes)


def test_a_complex_derivative_is_given_only_where_it_is_one_number():
    g = graph(lambda z: np.real(np.conj(z) * z), 1 + 2j)
    local = {g.node(e.target).op: e.local for e in g.edges if e.source == "n0" and e.index == 0}
    assert local["conjugate"] is None
    assert g.node("z").gradient == ft.grad(lambda z: np.real(np.conj(z) * z))(1 + 2j)


def test_integers_booleans_and_empty_arrays():
    g = graph(lambda x, n, m: np.sum(x[:n] * n) + np.sum(np.where(m, x, 0.0)), np.arange(3.0), 2, np.array([True, False, True]))
    assert g.node("n").gradient is None
    assert g.node("m").gradient is None
    assert np.array_equal(g.node("x").gradient, [3, 2, 1])
    g = graph(lambda x: np.sum(x), np.zeros((0, 3)), mode="both")
    assert g.node("x").gradient.shape == (0, 3)
    g = graph(lambda n: n * 2 + 1, 3)
    assert (g.mode, [n.value for n in g.nodes]) == ("values", [3, 6, 7])
    g = graph(lambda x: np.sum(x), np.array(2.0))
    assert g.node("x").value.shape == ()


def test_a_result_that_is_an_input_or_a_number():
    g = graph(lambda x: x, 2.0)
    assert (len(g.nodes), g.node("x").output, g.node("x").gradient) == (1, "result", 1.0)
    g = graph(lambda x: 3.0, 2.0)
    assert [(n.kind, n.value, n.gradient) for n in g.nodes] == [("input", 2.0, 0.0), ("constant", 3.0, 1.0)]


def test_constants_have_no_derivative():
    A = np.arange(3.0)
    g = graph(lambda x: np.sum(A * x), np.ones(3), mode="both")
    assert [(n.name, n.gradient is None, n.tangent is None) for n in g.nodes[:2]] == [("x", False, False), ("A", True, True)]
    assert (g.edge("A", "n2").local, g.edge("A", "n2").gradient) == (None, None)
    assert np.array_equal(g.edge("x", "n2").local, A)


def test_every_primitive_is_drawn():
    for cls in registry.values():
        if not hasattr(cls, "examples"):
            continue
        op, args = cls.examples()[0]
        with np.errstate(all="ignore"):
            f = functools.partial(bind, op)
            g = graph(f, *args)
            expected = op.eval(*args)
        assert all([n.text for n in g.nodes if n.kind == "computation"]), op
        results = [n.value for n in g.nodes if n.output]
        for value, right in zip(results, expected if op.multiple else (expected,), strict=True):
            np.testing.assert_array_equal(value, right)


def test_several_results():
    def f(x):
        y = np.sin(x)
        return {"loss": y * 2, "all": (y, y)}

    g = graph(f, np.ones(2))
    assert g.mode == "values"
    assert {n.output for n in g.nodes if n.output} == {"result['loss']", "result['all'][0], result['all'][1]"}
    g = graph(f, np.ones(2), mode="forward")
    np.testing.assert_allclose(g.node("y").tangent, np.cos(np.ones(2)))


def test_directions_of_the_users_own():
    f = lambda p, x: np.sum(p["w"] * x) + p["b"]
    p, x = {"w": np.ones(2), "b": 0.5}, np.arange(2.0)
    dp, dx = {"w": np.array([1.0, -1.0]), "b": 2.0}, np.ones(2)
    picture = ft.draw(f, mode="both", tangents=(dp, dx))(p, x)
    (result,) = [n for n in picture.graph.nodes if n.output]
    assert result.tangent == ft.jvp(f, (p, x), (dp, dx))[1]
    assert picture.graph.by == "t"
    assert graph(f, p, x, by="p").node("p['b']").tangent == 1
    assert graph(f, p, x, by="p['w']").node("p['b']").tangent == 0
    with pytest.raises(TangentShapeError, match=r"tangent of x has shape \(3,\), x has shape \(2,\)"):
        ft.draw(f, tangents=(dp, np.ones(3)))(p, x)
    with pytest.raises(ArgumentError, match=r"(?s)tangents= has the structure.*one direction for each positional argument"):
        ft.draw(f, tangents=dx)(p, x)


def test_what_detaches_a_value_raises_as_under_grad():
    f = lambda x: x * float(x)
    with pytest.raises(DetachedReadError, match="derivative would be lost"):
        graph(f, 2.0)
    with pytest.raises(DetachedReadError, match="derivative would be lost"):
        graph(f, 2.0, mode="forward")
    assert [n.value for n in graph(f, 2.0, mode="values").nodes if n.output] == [4.0]


def test_conversions_are_no_nodes():
    def f(x, y):
        z = x * y  # float32 with float64
        return np.sum(z)

    g = graph(f, np.ones(3, np.float32), np.ones(3))
    assert names(g)[:3] == ["x", "y", "z"]
    assert len(g.nodes) == 4
    assert g.node("x").gradient.dtype == np.float32

    def named(x):
        y = x.astype(np.float32)
        return np.sum(y * x.astype(np.float32))

    g = graph(named, np.ones(3))
    assert [(n.name, n.text) for n in g.nodes[1:]] == [("y", "float32(x)"), ("", "y * x"), ("named", "sum(·)")]
    assert np.array_equal(g.node("x").gradient, ft.grad(named)(np.ones(3)))


def test_functions_transformed_inside():
    @ft.jit
    def inner(x):
        y = np.sin(x)
        return y * y

    def f(x):
        u = inner(x)
        v = ft.grad(lambda q: np.sin(q) * np.exp(q))(x)
        w = ft.vmap(lambda q: q * q + 1)(x * np.ones(3))
        return u + v + w.sum()

    g = graph(f, 0.3, mode="both")
    np.testing.assert_allclose(g.node("x").gradient, ft.grad(f)(0.3))
    assert (0, "call", "inner") in boxes(g)
    assert inside(g, "inner") == ["y", "u"]
    assert next(b.name for b in g.boxes if b.label == "inner") == "u"
    assert {"u", "v", "w"} <= set(names(g))
    np.testing.assert_allclose(graph(ft.grad(inner), 0.3).nodes[-1].value, ft.grad(inner)(0.3))
    np.testing.assert_allclose(graph(ft.jit(inner), 0.3).node("x").gradient, ft.grad(inner)(0.3))


# Names


def test_names_in_many_forms():
    outside = np.arange(3.0)

    def f(x):
        if (y := x * 2) is not None:
            a: Any = y + outside
        b, (c, *d) = a * 2, (a * 3, a * 4, a * 5)
        b += 1
        hs = [c * k for k in range(2)]
        table = {"k": c + 1}
        for t in hs:
            e = t * t
        return np.sum(b + d[0] + d[1] + hs[0] + hs[1] + table["k"] + e)

    found = names(graph(f, 1.5))
    for name in ["x", "outside", "y", "a", "b", "c", "d[0]", "d[1]", "table['k']", "e"]:
        assert name in found, name
    assert {"hs[0]", "t"} & set(found)
    assert graph(f, 1.5).node("outside").kind == "constant"
    assert np.array_equal(graph(f, 1.5).node("outside").value, outside)


def test_the_outermost_name_wins():
    def square(r):
        s = r * r
        return s

    def f(x):
        y = square(x)
        z = square(y)
        return z + y

    assert names(graph(f, 2.0)) == ["x", "y", "z", "f"]

    def g(x):
        ys = [square(x + k) for k in range(2)]
        return ys[0] * ys[1]

    assert names(graph(g, 2.0)) == ["x", "r", "ys[0]", "r", "ys[1]", "g"]


def test_names_without_source():
    space: dict[str, Any] = {}
    exec("def f(a, b):\n  for k in range(2):\n    u = a * b\n    a = u + 1\n  return a", space)
    g = graph(space["f"], 2.0, 3.0)
    assert names(g) == ["a", "b", "u", "a", "u", "a"]
    assert g.boxes == []


class Opaque:
    """A function whose parameters Python cannot tell."""

    __signature__ = "none"

    def __call__(self, x, y):
        return x + y


@pytest.mark.parametrize(
    ("f", "expected"),
    [
        (lambda p, x: p["w"] * x, ["p['w']", "x", ""]),
        (lambda *xs: xs[0] + xs[1], ["xs[0]", "xs[1]", ""]),
        (functools.partial(lambda a, b: a * b, 2.0), ["b", ""]),
        (Opaque(), ["x0", "x1", "Opaque"]),
    ],
)
def test_names_of_inputs(f, expected):
    args = {"p['w']": ({"w": 2.0}, 3.0), "xs[0]": (1.0, 2.0), "b": (3.0,), "x0": (1.0, 2.0)}[expected[0]]
    g = graph(f, *args)
    assert [n.name for n in g.nodes if n.name or n.kind == "computation"] == expected


def test_parameters():
    f = lambda params, x, lr: np.sum(params["w"] * x) * lr
    args = {"w": np.ones(2)}, np.ones(2), 0.1
    assert [n.kind for n in graph(f, *args).nodes[:3]] == ["parameter", "input", "input"]
    kinds = lambda p: [n.kind for n in graph(f, *args, parameters=p).nodes[:3]]
    assert kinds("x") == ["input", "parameter", "input"]
    assert kinds([0, "lr"]) == ["parameter", "input", "parameter"]
    assert kinds(()) == ["input", "input", "input"]
    with pytest.raises(ArgumentError, match=r"(?s)parameters='y' is no argument of the call.*its arguments are params, x, lr"):
        ft.draw(f, parameters="y")(*args)


def test_keyword_arguments_and_others():
    f = lambda x, *, scale, how: np.sum(x) * scale if how == "sum" else x
    g = ft.draw(f)(np.ones(2), scale=3.0, how="sum").graph
    assert names(g)[:2] == ["x", "scale"]
    assert g.node("scale").gradient == 2.0


@dataclass
class Layer:
    weight: Any
    bias: Any

    def __call__(self, x):
        s = self.weight @ x + self.bias
        return np.tanh(s)


def test_objects_that_are_called():
    layer = Layer(np.ones((2, 3)), np.zeros(2))
    g = graph(lambda model, x: np.sum(model(x)), layer, np.ones(3))
    assert [(n.kind, n.name) for n in g.nodes[:3]] == [("parameter", "model.weight"), ("parameter", "model.bias"), ("input", "x")]
    assert boxes(g) == [(0, "call", "Layer")]
    g = graph(layer, np.ones(3))
    assert [(n.kind, n.name) for n in g.nodes[:3]] == [("parameter", "weight"), ("parameter", "bias"), ("input", "x")]
    assert (g.title, boxes(g)) == ("Layer", [])


def test_layers_of_nn_are_calls():
    rng = np.random.default_rng(0)
    model = nn.Sequential(nn.Linear.init(rng, 2, 3), nn.sigmoid, nn.Linear.init(rng, 3, 1))
    g = graph(lambda m, x: np.sum(m(x)), model, np.ones(2))
    assert [b for b in boxes(g) if b[2] == "Linear"] == [(1, "call", "Linear")] * 2
    assert "m.layers[0].weight" in names(g)


# Texts


@pytest.mark.parametrize(
    ("f", "text"),
    [
        (lambda x: x + 1.0, "x + 1"),
        (lambda x: 3.0 * x, "3 x"),
        (lambda x: x * -0.25, "(-0.25) x"),
        (lambda x: x - 1e-9, "x - 1e-09"),
        (lambda x: 1 / x, "1 / x"),
        (lambda x: -x, "-x"),
        (lambda x: x**2, "x²"),
        (lambda x: x**-3, "x⁻³"),
        (lambda x: x**1.5, "x ** 1.5"),
        (lambda x: np.exp(x), "exp(x)"),
        (lambda x: np.sum(x, axis=0), "sum(x, axis=0)"),
        (lambda x: np.sum(x), "sum(x)"),
        (lambda x: np.max(x, axis=(0, 1)), "max(x)"),
        (lambda x: x.T, "x.T"),
        (lambda x: x @ x, "x @ x"),
        (lambda x: x[0], "x[0]"),
        (lambda x: x[1:, ::-1], "x[1:, ::-1]"),
        (lambda x: x[:, None], "x[:, None]"),
        (lambda x: x.reshape(4), "reshape(x, (4,))"),
        (lambda x: np.where(x > 1, x, 0.0), "where(·, x, 0)"),
        (lambda x: x > 1, "x > 1"),
        (lambda x: np.maximum(x, 0.0), "maximum(x, 0)"),
        (lambda x: x.astype(int), "int64(x)"),
        (lambda x: np.concatenate([x, x]), "concatenate([x, x], axis=0)"),
        (lambda x: np.argsort(x, axis=1), "argsort(x, axis=1)"),
        (lambda x: np.sin(x + 1), "sin(·)"),
        (lambda x: x.T @ x[0], "x.T @ x[0]"),
    ],
)
def test_texts(f, text):
    g = graph(f, np.array([[1.0, 2.0], [3.0, 4.0]]))
    assert g.nodes[-1].text == text


def test_stored_elements():
    def f(x):
        y = x.copy()
        y[0] = 5.0
        return np.sum(y * x)

    g = graph(f, np.arange(3.0))
    assert texts(g)[0] == "y[0] = 5"
    assert g.node("y").text == "y[0] = 5"
    assert np.array_equal(g.node("x").gradient, ft.grad(f)(np.arange(3.0)))


# Boxes


def cell(x, w):
    h = np.tanh(x * w)
    return h + x


def test_loops_and_calls():
    def f(x, w):
        for k in range(3):  # noqa: B007
            x = cell(x, w)
            x = x * 0.5
        return x

    g = graph(f, 0.5, 2.0)
    loop = [(0, "loop", "for k in range(3)")]
    assert boxes(g) == loop + [b for k in range(3) for b in ((1, "iteration", f"k = {k}"), (2, "call", "cell"))]
    assert [b.name for b in g.boxes if b.kind == "call"] == ["x"] * 3
    assert all(b.where.rpartition(":")[2].isdigit() for b in g.boxes)
    assert [len([n for n in g.nodes if n.box == b.key]) for b in g.boxes] == [0, 1, 3, 1, 3, 1, 3]


def test_nested_loops_with_one_operation():
    def f(x):
        for i in range(2):
            for _ in range(2):
                x = x * x
            x = x + i
        return x

    g = graph(f, 1.1)
    passes = [b for i in range(2) for b in ((1, "iteration", f"i = {i}"), (2, "loop", "for _ in range(2)"))]
    assert boxes(g) == [(0, "loop", "for i in range(2)"), *passes]

    def g2(x):
        for i in range(2):  # noqa: B007
            for j in range(2):  # noqa: B007
                x = x * x
        return x

    assert boxes(graph(g2, 1.1)) == [
        (0, "loop", "for i in range(2)"), (1, "iteration", "i = 0"), (2, "loop", "for j in range(2)"),
        (1, "iteration", "i = 1"), (2, "loop", "for j in range(2)"),
    ]  # fmt: skip


def test_other_loops():
    def rows(xs):
        total = 0.0
        for x in xs:
            y = x * 2
            total = total + y
        while total < 50:
            total = total * 1.5
            total = total + 1
        return total + sum([np.sin(total * k) for k in range(2)])

    g = graph(rows, np.arange(3.0))
    found = boxes(g)
    assert [b for b in found if b[1] == "loop"] == [
        (0, "loop", "for x in xs"),
        (0, "loop", "while total < 50"),
        (0, "loop", "for k in range(2)"),
    ]
    assert [b[2] for b in found if b[1] == "iteration"][:5] == ["pass 1", "pass 2", "pass 3", "pass 1", "pass 2"]
    steps = 0
    total = 6.0
    while total < 50:
        total = total * 1.5 + 1
        steps += 1
    assert len([b for b in found if b[2].startswith("pass")]) == 3 + steps


def test_two_operations_of_one_line_are_one_pass():
    def f(x):
        for k in range(2):
            x = np.mean(k + x * np.ones(2))  # a sum and a division
        return x

    assert [b[2] for b in boxes(graph(f, 1.0))] == ["for k in range(2)", "k = 0", "k = 1"]


def test_generators_are_followed():
    def parts(x):
        for k in range(2):
            y = x * k
            yield y + 1

    def f(x):
        s = 0.0
        for p in parts(x):
            s = s + p
        return s

    found = boxes(graph(f, 1.0))
    assert (0, "loop", "for p in parts(x)") in found
    assert [b[2] for b in found if b[1] == "call"] == ["parts"]


def test_branches():
    def f(x):
        if x > 0:
            y = x * 2
            y = y + 1
        else:
            y = x * 3
        flag = True
        if flag:
            y = y * y
            y = y + 1
        z = y * 2 + 1 if y > 1000 else y * 3 - 1
        return z

    assert boxes(graph(f, 1.0)) == [(0, "branch", "if x > 0: true"), (0, "branch", "if y > 1000: false")]
    assert boxes(graph(f, -1.0)) == [(0, "branch", "if y > 1000: false")]

    def first(x):
        if x > 0:
            x = x * x  # two variables: nothing is recorded between the question and this
            x = x + x
        return x - 1

    assert inside(graph(first, 1.0), "if x > 0: true") == ["x", "x"]


def test_boxes_that_say_nothing_are_not_there():
    def twice(x):
        return cell(x, x)

    def f(x):
        y = twice(x)
        return y * 2

    assert boxes(graph(f, 1.0)) == [(0, "call", "twice")]
    assert boxes(graph(lambda x: twice(x), 1.0)) == []
    single = lambda x: np.sin(x)
    assert boxes(graph(lambda x: single(x) + 1, 1.0)) == []


def test_recursion():
    def power(x, n):
        return x * 1.0 if n == 0 else power(x * x + 1.0, n - 1)

    g = graph(power, 0.5, 2)
    assert [b for b in boxes(g) if b[1] == "call"] == [(1, "call", "power")]
    assert g.node("x").gradient == ft.grad(power)(0.5, 2)


def test_a_constant_stands_where_it_is_used():
    def f(x):
        for k in range(2):
            x = x * np.arange(k, k + 3.0)
            x = x + 1
        return np.sum(x)

    g = graph(f, np.ones(3))
    constants = [n for n in g.nodes if n.kind == "constant"]
    assert [n.box for n in constants] == [b.key for b in g.boxes if b.kind == "iteration"]


# Without values


def test_shapes():
    f = lambda w, x: np.tanh(w @ x)
    g = ft.draw(f)(ft.ShapeDtypeStruct((10**6, 10**6), np.float64), ft.ShapeDtypeStruct((10**6,), np.float64)).graph
    assert g.mode == "shapes"
    assert [str(n.aval) for n in g.nodes] == ["f64[1000000,1000000]", "f64[1000000]", "f64[1000000]", "f64[1000000]"]
    assert all(n.value is None for n in g.nodes)
    with pytest.raises(ArgumentError, match=r"(?s)mode='reverse' needs the values of all arguments.*pass arrays"):
        ft.draw(f, mode="reverse")(ft.ShapeDtypeStruct((2, 2), float), np.ones(2))


def test_jaxprs():
    def f(x):
        y = cell(x, np.ones(2))
        return np.sum(y)

    closed = ft.make_jaxpr(f)(np.ones(2))
    g = ft.draw(closed).graph
    assert (g.mode, [n.name for n in g.nodes]) == ("shapes", ["b", "a", "c", "d", "e", "f"])
    assert [str(closed).count(f" {n.name}:f64") for n in g.nodes] == [1] * 6
    assert boxes(g) == [(0, "call", "cell")]
    assert len(ft.draw(closed.jaxpr).graph.nodes) == 6
    with pytest.raises(ArgumentError, match=r"(?s)a jaxpr has no arguments.*ft\.draw\(f\)\(x\)"):
        ft.draw(closed, mode="values")


# Scale


def step(x, w):
    h = cell(x * w, w)
    h = h - 0.1 * h * h
    return np.sin(h) + x


def unrolled(x, w):
    for _ in range(1000):
        x = step(x, w)
        x = x * 0.9
        if x > 0:
            x = x - 0.1
    return x


def test_ten_thousand_equations(monkeypatch):
    """Work is linear: every instruction is looked up once in the source, and every operation is differentiated once."""
    searched, forms = [], set()
    sources, steps = sys.modules["ftrans.pictures.structure"].Sources, sys.modules["ftrans.pictures.steps"]
    found, kept = sources.find_controls, steps.forms.keep
    monkeypatch.setattr(sources, "find_controls", lambda *args: searched.append((id(args[1]), args[2])) or found(*args))
    monkeypatch.setattr(steps.forms, "keep", lambda key, form: forms.add(form) or kept(key, form))
    g = graph(unrolled, 0.3, 1.1)
    assert len(searched) == len(set(searched)) < 20
    assert len(forms) < 20
    assert len(g.nodes) > 9000
    assert [b.label for b in g.boxes if not b.parent] == ["for _ in range(1000)"]
    assert len([b for b in g.boxes if b.kind == "iteration"]) == 1000
    assert len([b for b in g.boxes if b.label == "step"]) == 1000
    np.testing.assert_allclose(g.node("w").gradient, ft.grad(unrolled, 1)(0.3, 1.1))


def test_a_long_chain_of_stages_is_linear():
    """30 stages of three edges each: 3**30 paths."""

    def f(x):
        for _ in range(30):
            x = x + x * 0.5 + x * 0.25
        return x

    g = graph(f, 1.0, mode="both")
    assert len(g.nodes) == 1 + 30 * 4
    np.testing.assert_allclose(g.node("n0").gradient, 1.75**30)
    np.testing.assert_allclose(g.nodes[-1].tangent, 1.75**30)


# The picture and its errors


def test_use_as_a_decorator_and_out(tmp_path):
    @ft.draw(mode="forward", by="b", out=tmp_path / "graph.html")
    def f(a, b):
        return a * b

    assert f.__name__ == "draw(f)"
    picture = f(2.0, 3.0)
    assert repr(picture) == "<picture of f: 3 nodes, 2 edges, forward>"
    assert "<!DOCTYPE html>" in (tmp_path / "graph.html").read_text(encoding="utf-8")
    picture.save(tmp_path / "graph.svg")
    assert (tmp_path / "graph.svg").read_text(encoding="utf-8") == picture.svg() == picture._repr_svg_()
    picture.save(str(tmp_path / "graph.gv"))
    assert (tmp_path / "graph.gv").read_text(encoding="utf-8") == picture.dot()
    assert ft.draw(lambda x: x * 2, title="double")(1.0).graph.title == "double"


@pytest.mark.parametrize(("ending", "start"), [(".png", b"\x89PNG"), (".pdf", b"%PDF")])
def test_bitmaps(tmp_path, ending, start):
    pytest.importorskip("matplotlib")
    ft.draw(factors, out=tmp_path / f"graph{ending}")(2.0, 1.0)
    assert (tmp_path / f"graph{ending}").read_bytes().startswith(start)


def test_unfold():
    def f(x):
        for k in range(2):
            x = cell(x, x)
            x = x + k
        return x

    picture = ft.draw(f, unfold="cell")(1.0)
    assert picture.svg().count('class="node') == len(picture.graph.nodes)
    assert picture.svg() != ft.draw(f, unfold=())(1.0).svg()
    assert ft.draw(f, unfold="all")(1.0).svg().count('class="node') == len(picture.graph.nodes)
    with pytest.raises(
        ArgumentError, match=r"(?s)unfold='sell' is no box of the graph.*its boxes are for k in range\(2\), k = 0, cell"
    ):
        ft.draw(f, unfold="sell")(1.0)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"mode": "backward"},
            r'(?s)there is no mode \'backward\'.*the modes are "shapes", "values", "forward", "reverse", "both"',
        ),
        ({"mode": "reverse", "by": "x"}, r"(?s)by= and tangents= say what forward mode moves, but mode='reverse'.*leave them out"),
        ({"by": "x", "tangents": (1.0,)}, r"(?s)both by= and tangents=.*give one"),
        ({"direction": "left"}, r'(?s)there is no direction \'left\'.*it is "right" or "down"'),
        ({"fold": 0}, "fold= must be an int of at least 1, got 0"),
        ({"digits": 2.5}, "digits= must be an int of at least 1, got 2.5"),
        ({"out": "graph.jpg"}, r"(?s)'graph.jpg' says no format.*\.svg, \.png, \.pdf, \.dot, \.gv, \.html"),
    ],
)
def test_wrong_options(options, message):
    with pytest.raises(ArgumentError, match=message) as error:
        ft.draw(lambda x: x, **options)
    assert "test_pictures_graph.py" in str(error.value)


def test_wrong_uses():
    with pytest.raises(
        ArgumentError, match=r"(?s)expects a function or a jaxpr, got 3\.0 of type float.*draw\(f\)\(x\), not draw\(f\(x\)\)"
    ):
        ft.draw(3.0)
    with pytest.raises(ArgumentError, match=r"(?s)by='q' is not an input of the function.*its inputs are a, b"):
        ft.draw(factors, by="q")(2.0, 1.0)
    with pytest.raises(ArgumentError, match=r"(?s)by='n' is weak i64\[\], which has no derivative.*2\.0 for 2"):
        ft.draw(lambda x, n: x * n, by="n")(2.0, 3)
    with pytest.raises(ArgumentError, match="needs a real input to move"):
        ft.draw(lambda n: n + 1, mode="forward")(3)
    with pytest.raises(
        DifferentiationError, match=r"(?s)differentiates one real scalar, but <lambda> returns result f64\[2\].*pick one"
    ):
        ft.draw(lambda x: x * 2, mode="reverse")(np.ones(2))
    with pytest.raises(DifferentiationError, match=r"(?s)<lambda> returns result\[0\] .*, result\[1\] .*mode=\"values\""):
        ft.draw(lambda x: (x, x * 2), mode="both")(1.0)
    with pytest.raises(DifferentiationError, match=r"(?s)needs a real input, the inputs of <lambda> are: n .*2\.0 for 2"):
        ft.draw(lambda n: n * 0.5, mode="reverse")(3)
    with pytest.raises(ArgumentError, match="cannot be used inside another transformation"):
        ft.grad(lambda x: ft.draw(lambda y: y * x)(1.0))(2.0)
    with pytest.raises(ArgumentError, match="cannot be used inside another transformation"):
        ft.grad(lambda x: ft.draw(lambda y: y)(x))(2.0)


def test_unknown_names_in_the_graph():
    g = graph(factors, 2.0, 1.0)
    with pytest.raises(ArgumentError, match=r"(?s)no node named 'q'.*it has a, b, c, d, e"):
        g.node("q")
    with pytest.raises(ArgumentError, match=r"(?s)no edge from 'a' to 'd'.*edges lead there from b"):
        g.edge("a", "d")


def test_the_users_exception_passes_and_the_profile_function_comes_back():
    seen = []

    def profile(frame, event, arg):
        seen.append(event)

    def fails(x):
        raise KeyError("mine", x * 2)

    before = sys.getprofile()
    sys.setprofile(profile)
    try:
        with pytest.raises(KeyError, match="mine"):
            ft.draw(fails)(1.0)
        assert sys.getprofile() is profile
        ft.draw(factors)(2.0, 1.0)
        assert sys.getprofile() is profile
    finally:
        sys.setprofile(before)
    assert seen


def test_imports_and_class_bodies_are_not_watched():
    def f(x):
        y = cell(x, 2.0)

        class Table:
            entries = [[a * b for a in (1, 2)] for b in (1, 2)]  # noqa: RUF012

        z = cell(y, float(Table.entries[1][1]))
        return eval("z * w", {"z": z, "w": y}) + 1

    before = sys.getprofile()
    g = graph(f, 0.5)
    assert names(g)[-4:] == ["h", "z", "", "f"]
    assert boxes(g) == [(0, "call", "cell")] * 2
    assert sys.getprofile() is before


def test_the_arguments_are_not_changed_and_values_are_copies():
    x = np.arange(3.0)
    g = graph(lambda x: np.sum(x * 2), x)
    x[0] = 100.0
    assert g.node("x").value[0] == 0.0


def test_a_graph_by_hand():
    g = Graph("f", "values", [Node(f"n{k}", "input", name, "", "", None) for k, name in enumerate("aab")], [Edge("n0", "n2", 0)])
    assert g.node("a").key == "n1"
    assert [g.node(k).label for k in ("n0", "b")] == ["a", "b"]
    assert list(itertools.chain(n.key for n in g.nodes)) == ["n0", "n1", "n2"]


def test_numbers_in_expressions_do_not_look_like_others():
    def f(x):
        return 999999.5 * x + 123456.7 * x - 1234567.0 * x + 3.14159265 * x - 1e-8 * x

    texts = [node.text for node in graph(f, 1.0).nodes if node.op == "*"]
    assert texts == ["999999.5 x", "123456.7 x", "1234567 x", "3.14159 x", "1e-08 x"]


def test_what_is_differentiated_is_not_called_as_another_node():
    def square(x):
        x = x * x
        return x

    def loop(x):
        s = x
        for k in range(3):
            s = s * x + k
        return s

    assert [graph(f, 3.0).of for f in (square, loop, lambda x: square(x), lambda x: x)] == ["square", "loop", "result", "x"]


def test_threads_draw_at_once():
    def f(x):
        for _ in range(3):
            x = np.sin(x)
        return x

    expected = [node.value for node in graph(f, 1.0).nodes]
    with concurrent.futures.ThreadPoolExecutor(6) as pool:
        for g in pool.map(lambda _: graph(f, 1.0), range(60)):
            assert [node.value for node in g.nodes] == expected
            assert [box.kind for box in g.boxes] == ["loop"]
