"""`grad(f)` and `value_and_grad(f)`: the gradient of a function with a scalar result, by reverse mode."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..core.run import run_traced
from ..core.trace import Tracer, owner_name
from ..core.wrap import Argnums, Picked, decorator, input_of, named_like, pick, trace_call
from ..errors import DifferentiationError, at_line
from .jvp import float0
from .reverse import gradient_jaxpr
from .vjp import check_inexact


@decorator
def grad(
    fun: Callable[..., Any],
    argnums: Argnums = 0,
    has_aux: bool = False,
    holomorphic: bool = False,
    allow_int: bool = False,
) -> Callable[..., Any]:
    """The function that gives the gradient of `fun`, whose result must be a scalar.

    argnums: which arguments to differentiate: a position, a name, or a sequence of them (the result is then a tuple).
    has_aux: fun returns (value, aux); the result is then (gradient, aux).
    holomorphic: fun is holomorphic with a complex result, and the complex derivative is wanted.
    allow_int: accept integer and boolean leaves; their gradients are zeros of dtype `ft.float0`.

    The gradient has the structure, shapes and dtypes of the argument. For a real function of complex inputs it is JAX's:
    du/dx - i du/dy for z = x + iy, so that the steepest descent is along its conjugate.

    Errors: DifferentiationError when the result is not a scalar or an argument is not real or complex.

    Mirrors `jax.grad`.

    >>> import numpy as np
    >>> grad(lambda x: np.sum(x**2))(np.array([1.0, 2.0]))
    array([2., 4.])
    """
    options = (argnums, has_aux, holomorphic, allow_int)

    def gradient(*args: Any, **kwargs: Any) -> Any:
        _, aux, slope = differentiate(fun, args, kwargs, options, "grad")
        return (slope, aux) if has_aux else slope

    named_like(fun, "grad")(gradient)
    return gradient


@decorator
def value_and_grad(
    fun: Callable[..., Any],
    argnums: Argnums = 0,
    has_aux: bool = False,
    holomorphic: bool = False,
    allow_int: bool = False,
) -> Callable[..., Any]:
    """The function that gives (value, gradient) of `fun` at once; with has_aux ((value, aux), gradient). See `grad`.

    Mirrors `jax.value_and_grad`.

    >>> value, slope = value_and_grad(lambda x: x**3)(2.0)
    >>> float(value), float(slope)
    (8.0, 12.0)
    """
    options = (argnums, has_aux, holomorphic, allow_int)

    def both(*args: Any, **kwargs: Any) -> Any:
        value, aux, slope = differentiate(fun, args, kwargs, options, "value_and_grad")
        return ((value, aux) if has_aux else value), slope

    named_like(fun, "value_and_grad")(both)
    return both


Options = tuple[Argnums, bool, bool, bool]


def differentiate(fun: Any, args: Any, kwargs: Any, options: Options, who: str) -> tuple[Any, Any, Any]:
    """(value, aux, gradient) of one call; grad does not ask for the value."""
    argnums, has_aux, holomorphic, allow_int = options
    picked = pick(fun, args, kwargs, argnums, who)
    inputs = [input_of(x, lambda k=k: f"{who}: {picked.name(k)}") for k, x in enumerate(picked.leaves)]  # type: ignore[misc]
    avals = [a for _, a in inputs]
    check_inexact(avals, picked.name, who, holomorphic, allow_int)

    def check(out: Any, outs: list[Tracer]) -> None:
        check_scalar(out, outs, who, fun, holomorphic)

    traced = trace_call(lambda xs: picked.call(fun, xs), inputs, who=who, fun=fun, has_aux=has_aux, check=check)
    j = traced.jaxpr
    first = int(who == "grad")  # the first output that is asked for
    g = j.memo.get(who)
    if g is None:
        active = tuple([a.inexact for a in avals]) + (False,) * (len(j.invars) - len(avals))
        g = j.memo[who] = gradient_jaxpr(j, active, first)
    results = run_traced(g, j, traced.trace, traced.operands)
    n = len(j.outs) - first
    aux = traced.aux.rebuild(results[1 - first : n]) if has_aux else None
    return results[0], aux, rebuild(picked, avals, results[n:])


def rebuild(picked: Picked, avals: list[Any], cts: list[Any]) -> Any:
    """Cotangents of the inexact leaves -> trees like the arguments."""
    if len(cts) == len(avals):
        return picked.rebuild(cts)
    rest = iter(cts)
    return picked.rebuild([next(rest) if a.inexact else np.zeros(a.shape, float0) for a in avals])


def check_scalar(out: Any, outs: list[Tracer], who: str, fun: Any, holomorphic: bool) -> None:
    """Raise unless the function returned one real scalar (complex for holomorphic functions)."""
    if len(outs) == 1 and not isinstance(out, (list, tuple, dict)):
        a = outs[0].a
        if not a.shape and a.dtype.kind == ("c" if holomorphic else "f"):
            return
    name = owner_name(who, fun)
    if len(outs) != 1 or isinstance(out, list | tuple | dict):
        raise DifferentiationError(
            at_line(
                f"{name} needs a function that returns one scalar, but it returned {type(out).__name__} with {len(outs)} leaves",
                hint="return a scalar, or (scalar, aux) with has_aux=True; jacrev and vjp handle several results",
            )
        )
    a = outs[0].a
    if a.shape:
        raise DifferentiationError(
            at_line(
                f"{name} needs a function with a scalar result, but it returned an array of shape {a.shape}",
                hint="sum or average it (.sum(), .mean()), or use ft.jacrev for the whole Jacobian, ft.vjp for a product with it",
            )
        )
    if not a.inexact:
        raise DifferentiationError(at_line(f"{name} needs a real result, but the function returned dtype {a.dtype}"))
    if a.dtype.kind == "c" and not holomorphic:
        raise DifferentiationError(
            at_line(
                f"{name} needs a real result, but the function returned dtype {a.dtype}",
                hint="take abs or .real of it, or say holomorphic=True for the complex derivative",
            )
        )
    if a.dtype.kind != "c" and holomorphic:
        raise DifferentiationError(at_line(f"{name} with holomorphic=True needs a complex result, got dtype {a.dtype}"))
