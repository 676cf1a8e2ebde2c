"""Transformations agree with each other and with closed forms, whatever way they are composed or spelled."""

from __future__ import annotations

import os

import numpy as np
import pytest

import ftrans as ft

A = np.array([[2.0, 0.5, -0.3], [0.1, 1.5, 0.7], [0.4, -0.2, 1.1]])
X = np.array([0.3, -0.7, 1.2])
C = np.array([5.0, 6.0, 7.0])


def energy(x):
    """A smooth scalar function with a full Hessian."""
    y = np.tanh(A @ x)
    return np.sum(y * np.exp(-x)) + np.sum(x * x) * y[0]


def field(x):
    """A smooth function from 3 numbers to 2."""
    return np.stack([np.sin(x[0] * x[1]) + x[2], np.exp(x[2]) / (1.0 + x[0] ** 2)])


def difference(f, x, h=1e-5):
    """The Jacobian by central differences."""
    x = np.asarray(x)
    if not x.ndim:
        return (np.asarray(f(x + h)) - np.asarray(f(x - h))) / (2 * h)
    columns = []
    for k in np.ndindex(x.shape):
        up, down = x.copy(), x.copy()
        up[k] += h
        down[k] -= h
        columns.append((np.asarray(f(up)) - np.asarray(f(down))) / (2 * h))
    return np.stack(columns, -1).reshape(*np.shape(columns[0]), *x.shape)


# Derivatives of derivatives


def hvp_columns(f, x):
    return np.stack([ft.hvp(f, (x,), (e,)) for e in np.eye(x.size)], -1)


HESSIANS = {
    "jacfwd(jacrev)": lambda f, x: ft.jacfwd(ft.jacrev(f))(x),
    "jacrev(jacfwd)": lambda f, x: ft.jacrev(ft.jacfwd(f))(x),
    "jacfwd(jacfwd)": lambda f, x: ft.jacfwd(ft.jacfwd(f))(x),
    "jacrev(jacrev)": lambda f, x: ft.jacrev(ft.jacrev(f))(x),
    "hvp, column by column": hvp_columns,
    "vmap of jvp of grad": lambda f, x: ft.vmap(lambda v: ft.jvp(ft.grad(f), (x,), (v,))[1], out_axes=-1)(np.eye(x.size)),
    "vmap of vjp of grad": lambda f, x: ft.vmap(lambda v: ft.vjp(ft.grad(f), x)[1](v)[0])(np.eye(x.size)),
    "linearize of grad": lambda f, x: np.stack([ft.linearize(ft.grad(f), x)[1](v) for v in np.eye(x.size)], -1),
    "jacobian of grad": lambda f, x: ft.jacobian(ft.grad(f))(x),
    "jit of hessian": lambda f, x: ft.jit(ft.hessian(f))(x),
    "differences of grad": lambda f, x: difference(ft.grad(f), x),
}


@pytest.mark.parametrize("way", HESSIANS)
def test_ways_to_one_hessian(way):
    want = ft.hessian(energy)(X)
    assert want.shape == (3, 3)
    np.testing.assert_allclose(want, want.T, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(HESSIANS[way](energy, X), want, rtol=1e-6 if "difference" in way else 1e-11, atol=1e-8)


@pytest.mark.smoke
def test_third_derivative_of_tanh():
    t = np.tanh(0.4)
    third = ft.grad(ft.grad(ft.grad(np.tanh)))
    np.testing.assert_allclose(third(0.4), (1 - t * t) * (6 * t * t - 2), rtol=1e-12)


@pytest.mark.parametrize("order", [1, 2, 3, 4, 5])
def test_higher_derivatives_of_exp_sin(order):
    """f = exp(x) sin(x) has the n-th derivative 2^(n/2) exp(x) sin(x + n pi/4)."""
    f = lambda x: np.exp(x) * np.sin(x)
    for _ in range(order):
        f = ft.grad(f)
    np.testing.assert_allclose(f(0.3), 2 ** (order / 2) * np.exp(0.3) * np.sin(0.3 + order * np.pi / 4), rtol=1e-12)


def test_mixed_orders():
    """Forward and reverse in every order of three."""
    forward = lambda f: lambda x: ft.jvp(f, (x,), (1.0,))[1]
    t = np.tanh(0.4)
    want = (1 - t * t) * (6 * t * t - 2)
    for a in (forward, ft.grad):
        for b in (forward, ft.grad):
            for c in (forward, ft.grad):
                np.testing.assert_allclose(a(b(c(np.tanh)))(0.4), want, rtol=1e-12)


def test_jacobians_agree():
    want = difference(field, X)
    for jac in (ft.jacfwd(field), ft.jacrev(field), ft.jacobian(field), ft.jit(ft.jacrev(field))):
        got = jac(X)
        assert got.shape == (2, 3)
        np.testing.assert_allclose(got, want, rtol=1e-8)


def test_jacobian_of_matrix_argument():
    f = lambda m: m @ m.T
    m = A[:2]
    want = difference(f, m)
    np.testing.assert_allclose(ft.jacfwd(f)(m), want, atol=1e-8)
    np.testing.assert_allclose(ft.jacrev(f)(m), want, atol=1e-8)
    assert ft.jacrev(f)(m).shape == (2, 2, 2, 3)


def test_jacobian_trees():
    f = lambda p, s: {"y": p["w"] * s, "z": (np.sum(p["w"]) + p["b"],)}
    p, s = {"w": X, "b": np.float64(2.0)}, 3.0
    for jac in (ft.jacfwd, ft.jacrev):
        j = jac(f, argnums=(0, 1))(p, s)
        np.testing.assert_allclose(j["y"][0]["w"], 3.0 * np.eye(3))
        np.testing.assert_allclose(j["y"][0]["b"], np.zeros(3))
        np.testing.assert_allclose(j["y"][1], X)
        np.testing.assert_allclose(j["z"][0][0]["w"], np.ones(3))
        assert j["z"][0][0]["b"] == 1.0


def test_hvp():
    v = np.array([1.0, -2.0, 0.5])
    np.testing.assert_allclose(ft.hvp(energy, (X,), (v,)), ft.hessian(energy)(X) @ v, rtol=1e-11)


# Nesting


@pytest.mark.smoke
def test_perturbation_confusion():
    assert ft.grad(lambda x: x * ft.grad(lambda y: x + y)(1.0))(1.0) == 1.0


def test_perturbation_confusion_forward():
    d = lambda f, x: ft.jvp(f, (x,), (1.0,))[1]
    assert d(lambda x: x * d(lambda y: x + y, 1.0), 1.0) == 1.0
    assert d(lambda x: x * d(lambda y: x * y, 2.0), 3.0) == 6.0
    assert ft.grad(lambda x: x * d(lambda y: x * y, 2.0))(3.0) == 6.0


def test_vmap_of_grad_is_a_loop():
    xs = np.stack([X, 2 * X, -X, X + 1])
    np.testing.assert_allclose(ft.vmap(ft.grad(energy))(xs), np.stack([ft.grad(energy)(x) for x in xs]), rtol=1e-12)


@pytest.mark.smoke
def test_jit_of_vmap_of_grad_of_jit():
    xs = np.stack([X, 2 * X, -X, X + 1])
    fast = ft.jit(ft.vmap(ft.grad(ft.jit(energy))))
    want = np.stack([ft.grad(energy)(x) for x in xs])
    for _ in range(4):
        np.testing.assert_allclose(fast(xs), want, rtol=1e-11)


def test_closure_over_outer_tracer():
    """An inner transformation sees the outer argument as a constant; the outer one does not."""

    def outer(x):
        inner = ft.grad(lambda y: np.sum(np.sin(x * y)))
        return np.sum(inner(x) * x)

    np.testing.assert_allclose(ft.grad(outer)(X), difference(outer, X), rtol=1e-7)
    np.testing.assert_allclose(outer(X), np.sum(np.cos(X * X) * X * X), rtol=1e-12)


def test_vmap_closing_over_outer_vmap():
    f = ft.vmap(lambda x: ft.vmap(lambda y: x * y + x)(X))
    np.testing.assert_allclose(f(X), X[:, None] * X + X[:, None])


def test_grad_of_vmap_closing_over_argument():
    f = lambda x: np.sum(ft.vmap(lambda y: np.sin(x * y))(X))
    np.testing.assert_allclose(ft.grad(f)(2.0), np.sum(X * np.cos(2.0 * X)), rtol=1e-12)


def test_python_control_flow():
    def f(x):
        y = x
        while y < 10.0:
            y = y * y if y > 2.0 else y * 3.0
        return y

    for x in (0.5, 1.5, 3.0, 20.0):
        np.testing.assert_allclose(ft.grad(f)(x), difference(f, x), rtol=1e-7)
        np.testing.assert_allclose(ft.grad(ft.grad(f))(x), difference(ft.grad(f), x), rtol=1e-6, atol=1e-6)
    g = ft.jit(ft.grad(f))
    for x in (0.5, 1.5, 3.0, 20.0, 0.5, 3.0):
        np.testing.assert_allclose(g(x), ft.grad(f)(x), rtol=1e-12)


# Arguments


def poly(x, y, *, scale=1.0):
    return scale * x * x * y


def test_argnums_positions():
    assert ft.grad(poly)(2.0, 3.0) == 12.0
    assert ft.grad(poly, 1)(2.0, 3.0) == 4.0
    assert ft.grad(poly, argnums=-1)(2.0, 3.0) == 4.0
    assert ft.grad(poly, argnums=(0, 1))(2.0, 3.0) == (12.0, 4.0)
    assert ft.grad(poly, argnums=[1])(2.0, 3.0) == (4.0,)


def test_argnums_names():
    assert ft.grad(poly, argnums="y")(2.0, 3.0) == 4.0
    assert ft.grad(poly, argnums="y")(2.0, y=3.0) == 4.0
    assert ft.grad(poly, argnums=("x", "scale"))(2.0, 3.0, scale=1.0) == (12.0, 12.0)
    assert ft.grad(poly, argnums="scale")(2.0, 3.0, scale=5.0) == 12.0


def test_keyword_arguments():
    assert ft.grad(poly)(2.0, y=3.0, scale=2.0) == 24.0
    assert ft.value_and_grad(poly)(2.0, 3.0, scale=2.0) == (24.0, 24.0)
    assert ft.jit(poly)(2.0, y=3.0, scale=2.0) == 24.0
    np.testing.assert_allclose(ft.jacfwd(poly)(2.0, 3.0, scale=2.0), 24.0)


def test_gradient_of_a_tree():
    params = {"w": [X, 2.0], "b": (A,)}
    g = ft.grad(lambda p: np.sum(p["w"][0]) * p["w"][1] + np.sum(p["b"][0] ** 2))(params)
    np.testing.assert_allclose(g["w"][0], 2.0 * np.ones(3))
    np.testing.assert_allclose(g["w"][1], X.sum())
    np.testing.assert_allclose(g["b"][0], 2 * A)


def test_has_aux():
    f = lambda x: (np.sum(x * x), {"twice": 2 * x, "label": "kept"})
    g, aux = ft.grad(f, has_aux=True)(X)
    np.testing.assert_allclose(g, 2 * X)
    np.testing.assert_allclose(aux["twice"], 2 * X)
    assert aux["label"] == "kept"
    (value, aux), g = ft.value_and_grad(f, has_aux=True)(X)
    np.testing.assert_allclose(value, np.sum(X * X))
    assert isinstance(aux["twice"], np.ndarray)
    np.testing.assert_allclose(g, 2 * X)
    h = lambda x: (x * x, np.sum(x))
    for jac in (ft.jacfwd, ft.jacrev):
        j, total = jac(h, has_aux=True)(X)
        np.testing.assert_allclose(j, np.diag(2 * X))
        np.testing.assert_allclose(total, X.sum())
    out, pull, total = ft.vjp(h, X, has_aux=True)
    np.testing.assert_allclose(pull(np.ones(3))[0], 2 * X)
    out, dot, total = ft.jvp(h, (X,), (np.ones(3),), has_aux=True)
    np.testing.assert_allclose(dot, 2 * X)
    np.testing.assert_allclose(total, X.sum())


def test_decorators():
    @ft.grad
    def slope(x):
        return x * x

    @ft.grad(argnums=1)
    def slope_y(x, y):
        return x * y

    @ft.vmap(in_axes=(0, None))
    def scaled(x, y):
        return x * y

    @ft.jit
    def twice(x):
        return 2 * x

    @ft.jit(compile="never")
    def thrice(x):
        """Three times x."""
        return 3 * x

    assert slope(3.0) == 6.0
    assert slope_y(3.0, 4.0) == 3.0
    np.testing.assert_allclose(scaled(X, 2.0), 2 * X)
    assert twice(2.0) == 4.0
    assert thrice(2.0) == 6.0
    assert thrice.__doc__ == "Three times x."
    assert thrice.__wrapped__(1.0) == 3.0


def test_results_are_plain_arrays():
    g = ft.grad(energy)(X)
    assert type(g) is np.ndarray
    assert g.dtype == np.float64
    assert g.flags.writeable
    assert type(ft.vmap(np.sin)(X)) is np.ndarray
    assert type(ft.jit(np.sin)(X)) is np.ndarray
    assert ft.grad(energy)(X.astype(np.float32)).dtype == np.float32 or A.dtype == np.float64


def test_single_precision_stays():
    x = X.astype(np.float32)
    assert ft.grad(lambda x: np.sum(np.sin(x) * 2.0))(x).dtype == np.float32
    assert ft.vmap(lambda x: x * 2.0 + 1)(x).dtype == np.float32
    assert ft.jit(lambda x: x * 2.0 + 1)(x).dtype == np.float32
    assert ft.jacrev(lambda x: np.sin(x) * 2.0)(x).dtype == np.float32


def test_allow_int():
    g = ft.grad(lambda p: p["x"] * p["n"], allow_int=True)({"x": 2.0, "n": 3})
    assert g["x"] == 3.0
    assert g["n"].dtype == ft.float0


# Complex numbers: JAX's convention, without conjugation


def test_real_loss_of_complex_input():
    z = np.array([1.0 + 2.0j, -0.5 + 0.3j])
    loss = lambda z: np.sum(np.abs(z * z) ** 2)
    g = ft.grad(loss)(z)
    h = 1e-6
    for k in range(2):
        e = np.eye(2)[k] * h
        du = (loss(z + e) - loss(z - e)) / (2 * h)
        dv = (loss(z + 1j * e) - loss(z - 1j * e)) / (2 * h)
        np.testing.assert_allclose(g[k], du - 1j * dv, rtol=1e-7)


def test_holomorphic():
    z = 0.3 + 0.8j
    np.testing.assert_allclose(ft.grad(np.sin, holomorphic=True)(z), np.cos(z), rtol=1e-12)
    np.testing.assert_allclose(ft.grad(lambda z: z**3, holomorphic=True)(z), 3 * z**2, rtol=1e-12)
    w = np.array([z, 1.0 - 1.0j])
    for jac in (ft.jacfwd, ft.jacrev):
        np.testing.assert_allclose(jac(np.exp, holomorphic=True)(w), np.diag(np.exp(w)), rtol=1e-12)


def test_complex_through_real_input():
    f = lambda x: np.sum((np.exp(1j * x) * (1.0 + x)).real)
    np.testing.assert_allclose(ft.grad(f)(X), difference(f, X), rtol=1e-8)
    assert ft.grad(f)(X).dtype == np.float64


# vmap


@pytest.mark.parametrize("in_axis", [0, 1, -1])
@pytest.mark.parametrize("out_axis", [0, 1, -1])
def test_vmap_axes(in_axis, out_axis):
    x = np.arange(12.0).reshape(3, 4)
    f = lambda v: v * v + 1
    want = np.stack([f(v) for v in np.moveaxis(x, in_axis, 0)], out_axis)
    np.testing.assert_allclose(ft.vmap(f, in_axes=in_axis, out_axes=out_axis)(x), want)


def test_vmap_prefixes():
    f = lambda p, x: {"a": p["w"] @ x + p["b"][0], "c": p["b"][1]}
    p = {"w": np.ones((4, 2, 3)), "b": (np.arange(4.0), np.float64(5.0))}
    x = np.arange(12.0).reshape(3, 4)
    out = ft.vmap(f, in_axes=({"w": 0, "b": (0, None)}, 1), out_axes={"a": 1, "c": None})(p, x)
    want = np.stack([p["w"][i] @ x[:, i] + i for i in range(4)], 1)
    np.testing.assert_allclose(out["a"], want)
    assert out["c"] == 5.0
    mapped = ft.vmap(f, in_axes=({"w": None, "b": None}, 1))({"w": np.ones((2, 3)), "b": (1.0, 2.0)}, x)
    assert mapped["a"].shape == (4, 2)
    np.testing.assert_allclose(mapped["c"], np.full(4, 2.0))


def test_vmap_broadcasts_constant_results():
    np.testing.assert_allclose(ft.vmap(lambda x: 3.0)(X), np.full(3, 3.0))
    np.testing.assert_allclose(ft.vmap(lambda x, y: y, in_axes=(0, None))(X, 2.0), np.full(3, 2.0))


def test_vmap_axis_size():
    np.testing.assert_allclose(ft.vmap(lambda: np.float64(2.0), axis_size=3)(), np.full(3, 2.0))
    np.testing.assert_allclose(ft.vmap(lambda x: x + 1, in_axes=None, axis_size=2)(X), np.stack([X + 1, X + 1]))
    np.testing.assert_allclose(ft.vmap(lambda x: x + 1, axis_size=3)(X), X + 1)


def test_vmap_keywords():
    f = lambda x, *, y: x * y
    np.testing.assert_allclose(ft.vmap(f, in_axes=None)(2.0, y=X), 2 * X)
    np.testing.assert_allclose(ft.vmap(f)(X, y=X), X * X)


def test_vmap_of_vmap():
    x, y = np.arange(3.0), np.arange(4.0)
    outer = ft.vmap(ft.vmap(lambda a, b: a * 10 + b, (None, 0)), (0, None))(x, y)
    np.testing.assert_allclose(outer, x[:, None] * 10 + y)


def test_vmap_of_empty():
    assert ft.vmap(lambda x: np.sum(x) * x)(np.zeros((0, 3))).shape == (0, 3)


def test_vmap_matvec_and_indexing():
    ms, vs = np.arange(24.0).reshape(4, 2, 3), np.arange(12.0).reshape(4, 3)
    np.testing.assert_allclose(ft.vmap(lambda m, v: m @ v)(ms, vs), np.einsum("bij,bj->bi", ms, vs))
    np.testing.assert_allclose(ft.vmap(lambda v: v[::-1] + v[0])(vs), vs[:, ::-1] + vs[:, :1])


# linearize, vjp, transposes


def test_linearize_is_reusable():
    count = [0]

    def f(x):
        count[0] += 1
        return np.sin(x) * x

    y, push = ft.linearize(f, X)
    np.testing.assert_allclose(y, np.sin(X) * X)
    for v in (np.ones(3), X, -2.0 * X):
        np.testing.assert_allclose(push(v), ft.jvp(lambda x: np.sin(x) * x, (X,), (v,))[1], rtol=1e-13)
    assert count[0] == 1


@pytest.mark.smoke
def test_vjp_is_reusable():
    count = [0]

    def f(x, y):
        count[0] += 1
        return np.sin(x) * y, x + y

    out, pull = ft.vjp(f, X, 2.0)
    zero = np.zeros(3)
    for ct in (np.ones(3), X):
        gx, gy = pull((ct, zero))
        np.testing.assert_allclose(gx, np.cos(X) * 2.0 * ct)
        np.testing.assert_allclose(gy, np.sum(np.sin(X) * ct))
    batch = ft.vmap(lambda ct: pull((ct, zero))[0])(np.eye(3))
    np.testing.assert_allclose(batch, np.diag(np.cos(X) * 2.0))
    assert count[0] == 1


def test_vjp_under_transformations():
    """The derivative of a pulled-back cotangent with respect to the point it is pulled back to."""

    def f(x):
        _, pull = ft.vjp(lambda y: np.sin(y) * y, x)
        return np.sum(pull(x)[0])

    np.testing.assert_allclose(ft.grad(f)(X), difference(f, X), rtol=1e-7)
    np.testing.assert_allclose(ft.jit(ft.grad(f))(X), difference(f, X), rtol=1e-7)


def test_integer_arguments_of_vjp():
    _, pull = ft.vjp(lambda x, n: x * n, X, np.arange(3))
    gx, gn = pull(np.ones(3))
    np.testing.assert_allclose(gx, [0, 1, 2])
    assert gn.dtype == ft.float0
    assert gn.shape == (3,)


def test_linear_transpose():
    f = lambda x, y: A @ x - 2.0 * np.sum(y)
    ct = np.array([1.0, 2.0, 3.0])
    tx, ty = ft.linear_transpose(f, X, np.zeros(2))(ct)
    np.testing.assert_allclose(tx, A.T @ ct)
    np.testing.assert_allclose(ty, np.full(2, -2.0 * ct.sum()))
    spec = ft.ShapeDtypeStruct((3,), np.float64)
    np.testing.assert_allclose(ft.linear_transpose(lambda x: A @ x, spec)(ct)[0], A.T @ ct)


def test_stop_gradient():
    f = lambda x: np.sum(ft.stop_gradient(np.sin(x)) * x)
    np.testing.assert_allclose(ft.grad(f)(X), np.sin(X))
    np.testing.assert_allclose(ft.jvp(f, (X,), (X,))[1], np.sum(np.sin(X) * X))
    np.testing.assert_allclose(ft.vmap(ft.grad(f))(X[:, None])[:, 0], np.sin(X))
    np.testing.assert_allclose(ft.stop_gradient({"a": X})["a"], X)
    assert ft.grad(lambda x: float(ft.stop_gradient(x)) * x)(3.0) == 3.0


# Looking at functions without running them


def test_eval_shape():
    calls = []

    def f(p, n):
        calls.append(n)
        return {"y": p["w"] @ p["x"], "n": np.sum(p["x"] > 0)}

    spec = {"w": ft.ShapeDtypeStruct((2, 3), np.float32), "x": ft.ShapeDtypeStruct((3,), np.float32)}
    out = ft.eval_shape(f, spec, 1)
    assert (out["y"].shape, out["y"].dtype) == ((2,), np.float32)
    assert (out["n"].shape, out["n"].dtype) == ((), np.int64)
    assert ft.eval_shape(np.sin, X).shape == (3,)


def test_make_jaxpr_golden():
    def f(x, y):
        z = np.sin(x) * y
        return np.sum(z), z > 2.0

    line = f.__code__.co_firstlineno
    file = os.path.relpath(__file__)
    text = str(ft.make_jaxpr(f)(X, 2.0))
    want = f"""
{{ lambda ; a:f64[3] b:weak f64[]. let
    c:f64[3] = sin a                 # {file}:{line + 1}
    d:f64[3] = mul c b               # {file}:{line + 1}
    e:f64[] = reduce_sum[axes=(0,)] d  # {file}:{line + 2}
    f:bool[3] = greater d 2.0        # {file}:{line + 2}
  in (e,f,) }}
"""
    assert [row.split() for row in text.splitlines()] == [row.split() for row in want.strip().splitlines()]
    assert len({row.index("#") for row in text.splitlines() if "#" in row}) == 1, "the source lines stand in one column"


def test_make_jaxpr_of_constants_and_derivatives():
    c = np.arange(3.0)
    text = str(ft.make_jaxpr(lambda x: x * c)(X))
    assert text.startswith("{ lambda a:f64[3]; b:f64[3]. let")
    assert "cos" in str(ft.make_jaxpr(ft.grad(np.sin))(1.0))
    assert "mul" in str(ft.make_jaxpr(ft.vmap(lambda x: x * 2.0))(X))


def test_eval_jaxpr():
    closed = ft.make_jaxpr(lambda x, y: (np.sin(x) * y, x + 1))(X, 2.0)
    outs = ft.eval_jaxpr(closed.jaxpr, closed.consts, X, 2.0)
    np.testing.assert_allclose(outs[0], np.sin(X) * 2.0)
    np.testing.assert_allclose(outs[1], X + 1)


# Re-tracing: what Python does happens at each un-jitted call


def test_prints_and_closures_behave_as_in_python():
    seen, factor = [], [2.0]

    def f(x):
        seen.append(float(ft.stop_gradient(x)))
        return factor[0] * x * x

    g = ft.grad(f)
    assert g(1.0) == 4.0
    factor[0] = 5.0
    assert g(1.0) == 10.0
    assert seen == [1.0, 1.0]


# Memory: results share memory with nothing, and can be written to


def both(out, linear):
    """The value, and a cotangent pulled back or a tangent pushed forward."""
    return out, linear(A[0])


RESULTS = {
    "jit": lambda f: ft.jit(f)(X),
    "jit, again": lambda f: [ft.jit(f)(X) for _ in range(2)][1],
    "jit, compiled": lambda f: ft.jit(f, compile="now")(X),
    "vmap": lambda f: ft.vmap(f)(X),
    "vmap of shared": lambda f: ft.vmap(lambda s, x: f(x), in_axes=(0, None), out_axes=None)(np.ones(2), X),
    "jvp": lambda f: ft.jvp(f, (X,), (A[0],)),
    "vjp": lambda f: both(*ft.vjp(f, X)),
    "linearize": lambda f: both(*ft.linearize(f, X)),
    "grad": lambda f: ft.grad(lambda x: np.sum(f(x)))(X),
    "grad, auxiliary": lambda f: ft.grad(lambda x: (np.sum(x), f(x)), has_aux=True)(X),
    "value_and_grad": lambda f: ft.value_and_grad(lambda x: (np.sum(x), f(x)), has_aux=True)(X),
    "jacfwd": lambda f: ft.jacfwd(f)(X),
    "jacrev": lambda f: ft.jacrev(f)(X),
    "eval_jaxpr": lambda f: ft.eval_jaxpr(ft.make_jaxpr(f)(X), X),
}


@pytest.mark.parametrize("what", ["x", "view", "stop", "captured"])
@pytest.mark.parametrize("way", RESULTS)
def test_results_share_memory_with_nothing(way, what):
    f = {"x": lambda x: x, "view": lambda x: x.T, "stop": lambda x: ft.stop_gradient(x), "captured": lambda x: C}[what]
    if what == "captured" and way in ("grad, auxiliary", "value_and_grad"):
        f = lambda x: C + 0 * x  # what is not traced comes back as the object it is
    kept = [X.copy(), A.copy(), C.copy()]
    leaves = ft.tree.leaves(RESULTS[way](f))
    for k, leaf in enumerate(leaves):
        if isinstance(leaf, np.ndarray):
            for other in (X, A, C, *leaves[:k]):
                assert not np.shares_memory(leaf, other)
            if leaf.ndim:
                assert leaf.flags.writeable
                leaf[...] = 7.0
    np.testing.assert_array_equal([X, C], [kept[0], kept[2]])
    np.testing.assert_array_equal(A, kept[1])
