"""Functions written for either module, `fun(n, x)` with n = numpy or ftrans.numpy, compared in all ways.

same_as_numpy(lambda n, x: n.roll(x, 1), np.arange(3.0))     value, shape, dtype, or the same kind of error
smooth(lambda n, x: n.roll(x, 1), np.arange(3.0))            forward and reverse derivative against differences
batches(lambda n, x: n.roll(x, 1), np.arange(3.0))           vmap against a loop
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

import ftrans as ft
from ftrans import pytree
from ftrans.core.run import interpret
from ftrans.core.wrap import input_of, trace_call

Fun = Callable[..., Any]


def traced(fun: Callable[..., Any], *args: Any) -> Any:
    """fun(*args) by way of a jaxpr, evaluated equation by equation."""
    leaves, tree = pytree.flatten(args)
    inputs = [input_of(x, lambda: "an argument") for x in leaves]
    call = trace_call(lambda xs: fun(*pytree.unflatten(tree, xs)), inputs, who="traced", fun=fun)
    return pytree.unflatten(call.out_tree, interpret(call.jaxpr, call.operands))


def fresh(args: tuple[Any, ...]) -> tuple[Any, ...]:
    """Copies that keep the memory layout."""
    return tuple([x.copy(order="K") if isinstance(x, np.ndarray) else x for x in args])


def outcome(call: Callable[[], Any]) -> Any:
    """What a call returns, or the exception it raises."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return call()
    except Exception as error:
        return error


def leaves(out: Any) -> list[Any]:
    """The arrays in a result."""
    return [np.asarray(x) for x in pytree.flatten(out)[0]]


def tolerance(x: Any) -> float:
    """What rounding may do."""
    return 1e-5 if x.dtype.name in ("float32", "complex64", "float16") else 1e-11


def same_as_numpy(fun: Fun, *args: Any) -> None:
    """fun(numpy, ...) and the traced fun(ftrans.numpy, ...) give equal arrays of equal dtypes, or errors of one kind."""
    want = outcome(lambda: fun(np, *fresh(args)))
    got = outcome(lambda: traced(lambda *xs: fun(ft.numpy, *xs), *fresh(args)))
    if isinstance(want, Exception) or isinstance(got, Exception):
        alike = isinstance(want, Exception) and isinstance(got, kind_of(want))
        assert alike, f"NumPy: {want!r}\nftrans: {got!r}"
        return
    wanted, have = leaves(want), leaves(got)
    assert len(wanted) == len(have)
    for a, b in zip(wanted, have, strict=True):
        assert (a.shape, a.dtype) == (b.shape, b.dtype), f"NumPy: {a.dtype}{a.shape}\nftrans: {b.dtype}{b.shape}"
        np.testing.assert_allclose(b, a, rtol=tolerance(a), atol=tolerance(a))


def kind_of(error: Exception) -> Any:
    """The built-in exceptions to expect; NumPy is not strict about ValueError and IndexError."""
    builtin = next(cls for cls in type(error).__mro__ if cls.__module__ == "builtins")
    return (ValueError, IndexError) if builtin in (ValueError, IndexError) else builtin


def direction(x: Any, rng: np.random.Generator) -> Any:
    """A random array like x."""
    v = rng.standard_normal(x.shape) + (1j * rng.standard_normal(x.shape) if x.dtype.kind == "c" else 0)
    return np.asarray(v).astype(x.dtype)


def smooth(fun: Fun, *args: Any, step: float = 1e-6) -> None:
    """jvp is the central difference, and <ct, J v> = <J^T ct, v>; arguments are double precision arrays."""
    rng = np.random.default_rng(0)
    tangents = tuple([direction(x, rng) for x in args])

    def listed(*xs: Any) -> list[Any]:
        return pytree.flatten(fun(ft.numpy, *xs))[0]

    out, dots = ft.jvp(listed, args, tangents)
    up, down = (leaves(fun(np, *[x + s * step * t for x, t in zip(args, tangents, strict=True)])) for s in (1, -1))
    for y, d, a, b in zip(out, dots, up, down, strict=True):
        if np.asarray(y).dtype.kind in "fc":
            np.testing.assert_allclose(d, (a - b) / (2 * step), rtol=1e-5, atol=1e-6)
    out, pull = ft.vjp(listed, *args)
    cts = [direction(np.asarray(y), rng) if np.asarray(y).dtype.kind in "fc" else np.zeros_like(y) for y in out]
    back = pull(cts)
    left = sum([np.sum(c * d).real for c, d in zip(cts, dots, strict=True)])
    right = sum([np.sum(c * t).real for c, t in zip(back, tangents, strict=True)])
    np.testing.assert_allclose(left, right, rtol=1e-8, atol=1e-8)


def batches(fun: Fun, *args: Any) -> None:
    """vmap over the first and over the last axis is a loop."""
    rows = [[x * s for x in args] for s in (1, 2, 3)]
    want = [leaves(fun(np, *row)) for row in rows]
    for axis in (0, -1):
        stacked = [np.stack([row[k] for row in rows], axis) for k in range(len(args))]
        got = ft.vmap(lambda *xs: pytree.flatten(fun(ft.numpy, *xs))[0], in_axes=axis)(*stacked)
        for k, y in enumerate(got):
            expected = np.stack([w[k] for w in want])
            assert (y.shape, y.dtype) == (expected.shape, expected.dtype)
            np.testing.assert_allclose(y, expected, rtol=tolerance(expected), atol=tolerance(expected))


def lines(function: Fun, *args: Any) -> str:
    """The message of the error that a traced function raises."""
    error = outcome(lambda: traced(function, *args))
    assert isinstance(error, Exception), f"no error, but {error!r}"
    return "\n".join([str(error), *getattr(error, "__notes__", [])])
