"""One task for every library: the same source, called as a user of that library would call it, and results that agree.

    call = by_jax(plain, f, jit=True)(x, y)     # call() does the work and waits for the result
    agree(call(), f(x, y), "f in JAX")          # AssertionError where they differ

A task is a plain NumPy function; `behind_np(f, jax.numpy)` is the same code with another module behind the name `np`, as a user
would import it. A side, as by_jax(...) above, is what a library makes of a task: (*args, **kwargs) -> the call to be timed.
"""

from __future__ import annotations

import functools
import types
from collections.abc import Callable
from typing import Any

import numpy as np

import ftrans as ft

from . import peer

Call = Callable[[], Any]
Side = Callable[..., Call]


def agree(one: Any, two: Any, what: str) -> None:
    """AssertionError unless two results have the same structure, shapes and dtypes, and the same numbers up to rounding."""
    if isinstance(two, dict):
        assert sorted(one) == sorted(two), f"{what}: {sorted(one)} and {sorted(two)}"
        for key in two:
            agree(one[key], two[key], f"{what}[{key!r}]")
    elif isinstance(two, list | tuple):
        assert len(one) == len(two), f"{what}: {len(one)} and {len(two)} results"
        for k, (x, y) in enumerate(zip(one, two, strict=True)):
            agree(x, y, f"{what}[{k}]")
    else:
        x, y = np.asarray(one), np.asarray(two)
        assert x.shape == y.shape, f"{what}: shapes {x.shape} and {y.shape}"
        if type(one) is not float:  # what numba makes of a float32 number
            assert x.dtype == y.dtype, f"{what}: dtypes {x.dtype} and {y.dtype}"
        if y.dtype.kind not in "fc":
            assert np.all(x == y), what
            return
        tolerance = 1e-3 if y.dtype.itemsize // (1 + (y.dtype.kind == "c")) < 8 else 1e-9
        np.testing.assert_allclose(x, y, rtol=tolerance, atol=tolerance * np.max(np.abs(y), initial=0.0), err_msg=what)


def behind_np(f: Any, module: types.ModuleType) -> Any:
    """The same code with another module behind the name `np`."""
    same = types.FunctionType(f.__code__, f.__globals__ | {"np": module}, f.__name__, f.__defaults__, f.__closure__)
    same.__kwdefaults__ = f.__kwdefaults__
    return same


def renewed(f: Any) -> Any:
    """The same code as a function object that no cache has seen."""
    return behind_np(f, f.__globals__["np"])


Transform = Callable[[Any, Any], Any]  # (module with JAX's names, f) -> the function to call


def plain(library: Any, f: Any) -> Any:
    """No transformation."""
    return f


def by_ftrans(transform: Transform, f: Any = None, jit: str | None = None) -> Side:
    """transform(ftrans, f), under jit in a compile mode if one is given. Without f the first argument is the function."""

    def side(*args: Any, **kwargs: Any) -> Call:
        fun, rest = (renewed(args[0]), args[1:]) if f is None else (f, args)
        made = transform(ft, fun)
        return functools.partial(ft.jit(made, compile=jit) if jit else made, *rest, **kwargs)

    return side


def by_jax(transform: Transform, f: Any = None, jit: bool = False) -> Side:
    """transform(jax, f) in 64-bit mode, with the inputs on the device beforehand, waiting for the result."""

    def side(*args: Any, **kwargs: Any) -> Call:
        jax = peer("jax")
        jax.config.update("jax_enable_x64", True)
        fun, rest = (args[0], args[1:]) if f is None else (f, args)
        made = transform(jax, behind_np(fun, peer("jax.numpy")))
        call = functools.partial(jax.jit(made) if jit else made, *on_device(rest), **on_device(kwargs))
        if jit:  # one executable makes all results: to wait for one of them is enough, and costs less
            return lambda: wait_for_one(call())
        return lambda: jax.block_until_ready(call())

    return side


def on_device(x: Any) -> Any:
    """ndarrays as JAX arrays; numbers stay what they are."""
    if isinstance(x, dict):
        return {key: on_device(v) for key, v in x.items()}
    if isinstance(x, list | tuple):
        return tuple([on_device(v) for v in x])
    return peer("jax").device_put(x).block_until_ready() if isinstance(x, np.ndarray) else x


def wait_for_one(result: Any) -> Any:
    """The result, once an array of it is there."""
    one = result
    while isinstance(one, dict | list | tuple):
        one = next(iter(one.values())) if isinstance(one, dict) else one[-1]
    if hasattr(one, "block_until_ready"):
        one.block_until_ready()
    return result


def by_autograd(transform: Transform, f: Any = None) -> Side:
    """transform(autograd, f)."""

    def side(*args: Any, **kwargs: Any) -> Call:
        autograd = peer("autograd")
        fun, rest = (args[0], args[1:]) if f is None else (f, args)
        return functools.partial(transform(autograd, behind_np(fun, peer("autograd.numpy"))), *rest, **kwargs)

    return side


def by_numpy(f: Any = None) -> Side:
    """The function itself, or its derivative written by hand."""
    return lambda *args, **kwargs: functools.partial(f, *args, **kwargs) if f else functools.partial(*args, **kwargs)


def by_numba(f: Any) -> Side:
    """Loops written by hand and compiled by numba."""
    return lambda *args, **kwargs: functools.partial(peer("numba").njit(f), *args, **kwargs)


def grad(library: Any, f: Any) -> Any:
    return library.grad(f)


def value_and_grad(library: Any, f: Any) -> Any:
    return library.value_and_grad(f)
