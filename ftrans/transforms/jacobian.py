"""Whole derivative arrays: `jacfwd`, `jacrev`, `jacobian`, `hessian`, and products with the Hessian, `hvp`.

A Jacobian is jvp (or the pullback) vmapped over the unit vectors of the input (or of the output).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .. import pytree
from ..core.aval import Aval
from ..core.bind import bind
from ..core.jaxpr import Jaxpr, derived
from ..core.run import run, run_traced
from ..core.trace import Trace
from ..core.wrap import Argnums, Call, Picked, decorator, input_of, named_like, pick, trace_call
from ..errors import DifferentiationError, at_line
from ..ops.structural import Slice, broadcast, move_axis, reduce_sum, reshape
from .grad import grad
from .jvp import full_jvp_jaxpr, jvp, tangent_aval
from .simplify import simplify
from .split import split
from .vjp import check_inexact, linearize_jaxpr, pullback_jaxpr
from .vmap import vmap_jaxpr


def basis(avals: list[Aval]) -> tuple[list[Any], int]:
    """The unit vectors of a space of arrays: for each array a stack of its parts, and how many there are."""
    total = sum([a.size for a in avals])
    stacks, start = [], 0
    for a in avals:
        unit = np.zeros((total, a.size), a.dtype)
        unit[start + np.arange(a.size), np.arange(a.size)] = 1
        stacks.append(unit.reshape(total, *a.shape))
        start += a.size
    return stacks, total


def start(
    fun: Any, args: Any, kwargs: Any, argnums: Argnums, holomorphic: bool, has_aux: bool, who: str
) -> tuple[Picked, list[Aval], Call]:
    """Trace the call with respect to the chosen arguments."""
    picked = pick(fun, args, kwargs, argnums, who)
    inputs = [input_of(x, lambda k=k: f"{who}: {picked.name(k)}") for k, x in enumerate(picked.leaves)]  # type: ignore[misc]
    avals = [a for _, a in inputs]
    check_inexact(avals, picked.name, who, holomorphic)
    traced = trace_call(lambda xs: picked.call(fun, xs), inputs, who=who, fun=fun, has_aux=has_aux)
    return picked, avals, traced


@derived
def forward_jacobian_jaxpr(j: Jaxpr, n_active: int, n_out: int) -> Jaxpr:
    """(x...) -> (y..., then for each of the first n_out outputs and each active input the block of derivatives)."""
    active = tuple([k < n_active for k in range(len(j.invars))])
    forward = simplify(full_jvp_jaxpr(j, active))
    n = len(j.invars)
    unknown = (*[False] * n, *[True] * n_active)
    halves = split(forward, unknown)
    avals = [tangent_aval(a) for a in j.in_avals[:n_active]]
    stacks, total = basis(avals)
    push, dims = vmap_jaxpr(halves.rest, total, (*[None] * len(halves.residuals), *[0] * n_active))
    with Trace() as t:
        t.src = ()
        xs = [t.input(a) for a in j.in_avals]
        known = run(halves.known, xs)
        res = known[len(known) - len(halves.residuals) :]
        units = [t.const(s, v) for s, v in zip(stacks, push.in_avals[len(res) :], strict=True)]
        moved = iter(zip(run(push, [*res, *units]), dims, strict=True))
        still = iter(known)
        flat = [next(moved) if flag else (next(still), None) for flag in halves.out_unknown]
        ys, dots = flat[: len(j.outs)], flat[len(j.outs) : len(j.outs) + n_out]
        blocks = [b for (dot, d), a in zip(dots, j.out_avals, strict=False) for b in columns(dot, d, a, avals, total)]
        result = [x.i for x in [*[y for y, _ in ys], *blocks]]
    return simplify(Jaxpr.from_trace(t, result, baked=True))


def columns(dot: Any, dim: int | None, out: Aval, avals: list[Aval], total: int) -> list[Any]:
    """A stack of tangents of one output -> its block (output shape + input shape) for every input."""
    from_lanes = at_front(dot, dim, total)
    blocks, begin = [], 0
    for a in avals:
        part = bind(Slice(0, begin, begin + a.size), from_lanes)
        moved = move_axis(part, 0, part.ndim - 1)
        blocks.append(block(moved, (*out.shape, *a.shape)))
        begin += a.size
    return blocks


def block(x: Any, shape: tuple[int, ...]) -> Any:
    """x under this shape; a block of one element is a scalar, as an element of an array is."""
    return reshape(x, shape) if shape else reduce_sum(x, tuple(range(x.ndim)))


def at_front(x: Any, dim: int | None, total: int) -> Any:
    """x with its batch axis in front."""
    if dim is None:
        return broadcast(reshape(x, (1, *x.shape)), (total, *x.shape))
    return move_axis(x, dim, 0)


@derived
def reverse_jacobian_jaxpr(j: Jaxpr, n_active: int, n_out: int) -> Jaxpr:
    """As `forward_jacobian_jaxpr`, by one pullback for each element of the outputs."""
    active = tuple([k < n_active for k in range(len(j.invars))])
    lin = linearize_jaxpr(j, active)
    back = pullback_jaxpr(j, active)
    outs = [tangent_aval(a) for a in j.out_avals[:n_out]]
    stacks, total = basis(outs)
    rest = len(j.outs) - n_out
    n_res = lin.n_res
    pull, dims = vmap_jaxpr(back, total, (*[None] * n_res, *[0] * n_out, *[None] * rest))
    with Trace() as t:
        t.src = ()
        xs = [t.input(a) for a in j.in_avals]
        made = run(lin.forward, xs)
        ys, res = made[: len(j.outs)], made[len(j.outs) :]
        units = [t.const(s, v) for s, v in zip(stacks, pull.in_avals[n_res : n_res + n_out], strict=True)]
        zeros = [
            t.const(np.zeros(a.shape, a.dtype)[()] if a.scalar else np.zeros(a.shape, a.dtype), a)
            for a in map(tangent_aval, j.out_avals[n_out:])
        ]
        cts = run(pull, [*res, *units, *zeros])
        stacked = [at_front(ct, d, total) for ct, d in zip(cts, dims, strict=True)]
        blocks, begin = [], 0
        for a in outs:
            for ct, x in zip(stacked, j.in_avals, strict=False):
                blocks.append(block(bind(Slice(0, begin, begin + a.size), ct), (*a.shape, *x.shape)))
            begin += a.size
        result = [x.i for x in [*ys, *blocks]]
    return simplify(Jaxpr.from_trace(t, result, baked=True))


def assemble(picked: Picked, traced: Call, results: list[Any], has_aux: bool) -> Any:
    """Blocks -> for each output leaf a tree like the arguments."""
    n, m, k = traced.out_tree.num_leaves, len(traced.jaxpr.outs), len(picked.leaves)
    blocks = results[m:]
    rows = [picked.rebuild(blocks[r * k : (r + 1) * k]) for r in range(n)]
    jac = pytree.unflatten(traced.out_tree, rows)
    return (jac, traced.aux.rebuild(results[n:m])) if has_aux else jac


def make_jacobian(fun: Any, argnums: Argnums, has_aux: bool, holomorphic: bool, who: str, build: Any) -> Callable[..., Any]:
    """The wrapper that jacfwd and jacrev share."""

    def jacobian_of(*args: Any, **kwargs: Any) -> Any:
        picked, avals, traced = start(fun, args, kwargs, argnums, holomorphic, has_aux, who)
        n = traced.out_tree.num_leaves
        outs = traced.jaxpr.out_avals[:n]
        check_outputs(outs, avals, who, holomorphic)
        j = build(traced.jaxpr, len(avals), n)
        return assemble(picked, traced, run_traced(j, traced.jaxpr, traced.trace, traced.operands), has_aux)

    named_like(fun, who)(jacobian_of)
    return jacobian_of


def check_outputs(outs: list[Aval], ins: list[Aval], who: str, holomorphic: bool) -> None:
    """Jacobians exist between real spaces, or between complex ones of holomorphic functions."""
    for k, a in enumerate(outs):
        if not a.inexact:
            raise DifferentiationError(at_line(f"{who} needs real or complex outputs, but output {k} has dtype {a.dtype}"))
        if a.dtype.kind == "c" and not holomorphic and who == "jacrev":
            raise DifferentiationError(
                at_line(
                    f"{who} needs real outputs, but output {k} has dtype {a.dtype}",
                    hint="say holomorphic=True for a holomorphic function, or take .real and .imag",
                )
            )
    for k, a in enumerate(ins):
        if a.dtype.kind == "c" and not holomorphic and who == "jacfwd":
            raise DifferentiationError(
                at_line(
                    f"{who} needs real inputs, but input {k} has dtype {a.dtype}",
                    hint="say holomorphic=True for a holomorphic function",
                )
            )


@decorator
def jacfwd(fun: Callable[..., Any], argnums: Argnums = 0, has_aux: bool = False, holomorphic: bool = False) -> Callable[..., Any]:
    """The function that gives the Jacobian of `fun`, column by column (forward mode): best where inputs are few.

    Each leaf of the result is an array of shape (output shape + input shape). Mirrors `jax.jacfwd`; options as in `grad`.

    >>> import numpy as np
    >>> jacfwd(lambda x: x**2)(np.array([1.0, 2.0]))
    array([[2., 0.],
           [0., 4.]])
    """
    return make_jacobian(fun, argnums, has_aux, holomorphic, "jacfwd", forward_jacobian_jaxpr)


@decorator
def jacrev(fun: Callable[..., Any], argnums: Argnums = 0, has_aux: bool = False, holomorphic: bool = False) -> Callable[..., Any]:
    """The function that gives the Jacobian of `fun`, row by row (reverse mode): best where outputs are few.

    Each leaf of the result is an array of shape (output shape + input shape). Mirrors `jax.jacrev`; options as in `grad`.

    >>> import numpy as np
    >>> jacrev(lambda x: x**2)(np.array([1.0, 2.0]))
    array([[2., 0.],
           [0., 4.]])
    """
    return make_jacobian(fun, argnums, has_aux, holomorphic, "jacrev", reverse_jacobian_jaxpr)


@decorator
def jacobian(fun: Callable[..., Any], argnums: Argnums = 0, has_aux: bool = False, holomorphic: bool = False) -> Callable[..., Any]:
    """The Jacobian of `fun`: by forward mode where the inputs have no more elements than the outputs, else by reverse mode.

    Mirrors `jax.jacobian` (which always takes reverse mode).

    >>> import numpy as np
    >>> jacobian(np.sin)(0.0)
    np.float64(1.0)
    """

    def build(j: Jaxpr, n_active: int, n_out: int) -> Jaxpr:
        n_in = sum([a.size for a in j.in_avals[:n_active]])
        rows = sum([a.size for a in j.out_avals[:n_out]])
        return (forward_jacobian_jaxpr if n_in <= rows else reverse_jacobian_jaxpr)(j, n_active, n_out)

    return make_jacobian(fun, argnums, has_aux, holomorphic, "jacobian", build)


@decorator
def hessian(fun: Callable[..., Any], argnums: Argnums = 0, has_aux: bool = False, holomorphic: bool = False) -> Callable[..., Any]:
    """The function that gives the Hessian of `fun`: forward mode over reverse mode.

    Each leaf has the shape (output shape + input shape + input shape); trees nest as in `jax.hessian`, which this mirrors.

    >>> import numpy as np
    >>> hessian(lambda x: np.sum(x**3))(np.array([1.0, 2.0]))
    array([[ 6.,  0.],
           [ 0., 12.]])
    """
    return jacfwd(jacrev(fun, argnums, has_aux, holomorphic), argnums, has_aux, holomorphic)  # type: ignore[no-any-return]


def hvp(fun: Callable[..., Any], primals: tuple[Any, ...], tangents: tuple[Any, ...], has_aux: bool = False) -> Any:
    """The product of the Hessian of a scalar function with a vector, at the cost of a few gradients, without the Hessian.

    primals, tangents: tuples of arguments and of directions, as for `jvp`. The result has the structure of the first argument
    when there is one argument, else it is a tuple with one tree for each.

    >>> import numpy as np
    >>> hvp(lambda x: np.sum(x**3), (np.array([1.0, 2.0]),), (np.array([1.0, 1.0]),))
    array([ 6., 12.])
    """
    argnums: Argnums = 0 if len(primals) == 1 else tuple(range(len(primals)))
    gradient = grad(fun, argnums=argnums, has_aux=has_aux)
    if has_aux:
        _, product, aux = jvp(gradient, primals, tangents, has_aux=True)
        return product, aux
    return jvp(gradient, primals, tangents)[1]


__all__ = ["hessian", "hvp", "jacfwd", "jacobian", "jacrev"]
