"""Reverse mode: `vjp(f, x)` gives f's value and the function that pulls cotangents back; `linearize` the one that pushes forward.

Both come from one derivation: jvp, then `split` into what the primals determine and what is linear in the tangents, then (for
vjp) transposition of the linear part.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from .. import pytree
from ..core.aval import Aval
from ..core.jaxpr import Jaxpr, derived
from ..core.run import run, run_traced
from ..core.trace import Trace
from ..core.wrap import Call, input_of, trace_call
from ..errors import ArgumentError, DifferentiationError, at_line
from ..ops.structural import zeros_of
from .jvp import check_tangent, float0, jvp_jaxpr, like, tangent_aval
from .simplify import simplify
from .split import split
from .transpose import cotangents, transpose_jaxpr


class Linearized(NamedTuple):
    """A jaxpr cut at its primals: `forward` gives outputs and residuals, `push` is the linear rest."""

    forward: Jaxpr
    push: Jaxpr
    n_res: int
    moving: tuple[bool, ...]  # the outputs that depend on an active input


@derived
def linearize_jaxpr(j: Jaxpr, active: tuple[bool, ...]) -> Linearized:
    """(x...) -> (y...) as forward: (x...) -> (y..., residuals...) and push: (residuals..., dx...) -> (dy of moving outputs)."""
    both, moving = jvp_jaxpr(j, active)
    both = simplify(both)
    n = len(j.invars)
    halves = split(both, (*[False] * n, *[True] * (len(both.invars) - n)))
    known_dots = list(halves.out_unknown[len(j.outs) :])
    if not all(known_dots):  # a tangent that depends on no input tangent is zero
        moving = spread(moving, known_dots)
    outs = len(j.outs)
    forward = halves.known
    if not all(known_dots):
        keep = [*both.outs[:outs], *halves.residuals]
        forward = Jaxpr(forward.invars, forward.eqns, keep, forward.avals, forward.lits)
    return Linearized(forward, halves.rest, len(halves.residuals), moving)


def spread(mask: tuple[bool, ...], inner: list[bool]) -> tuple[bool, ...]:
    """mask with its k-th True replaced by inner[k]."""
    values = iter(inner)
    return tuple([flag and next(values) for flag in mask])


@derived
def pullback_jaxpr(j: Jaxpr, active: tuple[bool, ...]) -> Jaxpr:
    """(residuals..., ct of every output...) -> (ct of every active input...)."""
    lin = linearize_jaxpr(j, active)
    back = transpose_jaxpr(lin.push, (*[False] * lin.n_res, *[True] * sum(active)))
    with Trace() as t:
        t.src = ()
        res = [t.input(a) for a in back.in_avals[: lin.n_res]]
        cts = [t.input(tangent_aval(a)) for a in j.out_avals]
        outs = run(back, [*res, *[ct for ct, on in zip(cts, lin.moving, strict=True) if on]])
        result = [x.i for x in outs]
    return simplify(Jaxpr.from_trace(t, result, baked=True))


@derived
def value_and_pullback_jaxpr(j: Jaxpr, active: tuple[bool, ...], seeds: int, first: int = 0) -> Jaxpr:
    """(x...) -> (y from `first` on..., ct of the active inputs...), for the cotangent 1 on the first `seeds` outputs, else 0."""
    lin = linearize_jaxpr(j, active)
    back = pullback_jaxpr(j, active)
    with Trace() as t:
        t.src = ()
        xs = [t.input(a) for a in j.in_avals]
        outs = run(lin.forward, xs)
        ys, res = outs[: len(j.outs)], outs[len(j.outs) :]
        cts = [t.const(one(a), tangent_aval(a)) if k < seeds else zeros_of(tangent_aval(a)) for k, a in enumerate(j.out_avals)]
        grads = run(back, [*res, *cts])
        result = [x.i for x in [*ys[first:], *grads]]
    return simplify(Jaxpr.from_trace(t, result, baked=True))


def one(a: Aval) -> Any:
    """1 as a value of this (0-d) aval."""
    scalar = a.dtype.type(1)
    return scalar if a.scalar else np.asarray(scalar)


class Passed(NamedTuple):
    """A function run forwards at its primals, with what the linear part needs: `vjp` and `linearize` go on from here."""

    traced: Call
    tree: pytree.TreeDef  # of the primals
    avals: list[Aval]  # of their leaves
    active: tuple[bool, ...]
    lin: Linearized
    outs: list[Any]
    residuals: list[Any]


def forward_pass(fun: Callable[..., Any], primals: tuple[Any, ...], who: str, has_aux: bool) -> Passed:
    """Trace fun on all its (positional) arguments with their values, and run the half that its primals determine."""
    leaves, tree = pytree.flatten(tuple(primals))
    inputs = [input_of(x, lambda k=k: f"{who}: primal {k}") for k, x in enumerate(leaves)]  # type: ignore[misc]
    traced = trace_call(lambda xs: fun(*pytree.unflatten(tree, xs)), inputs, who=who, fun=fun, has_aux=has_aux)
    j, avals = traced.jaxpr, [a for _, a in inputs]
    active = tuple([a.inexact for a in avals]) + (False,) * (len(j.invars) - len(avals))
    lin = linearize_jaxpr(j, active)
    made = run_traced(lin.forward, j, traced.trace, traced.operands)
    m = len(j.outs)
    return Passed(traced, tree, avals, active, lin, made[:m], apart(made[m:], made[:m]))


def vjp(fun: Callable[..., Any], *primals: Any, has_aux: bool = False) -> Any:
    """The value of `fun(*primals)` and the function that maps a cotangent of it to cotangents of the primals.

    Returns (out, pullback), with has_aux (out, pullback, aux). `pullback(ct)` takes a tree like out and returns a tuple with one
    tree for each primal; integer and boolean leaves get zeros of dtype `ft.float0`, as in JAX. It can be called any number of
    times, and under any transformation.

    Mirrors `jax.vjp`.

    >>> import numpy as np
    >>> y, pull = vjp(lambda x: x * np.sin(x), 2.0)
    >>> round(float(pull(1.0)[0]), 6)
    0.077004
    """
    traced, tree, avals, active, _, outs, residuals = forward_pass(fun, primals, "vjp", has_aux)
    j, n = traced.jaxpr, traced.out_tree.num_leaves
    back = pullback_jaxpr(j, active)

    def pullback(ct: Any) -> Any:
        cts = cotangents(ct, traced.out_tree, j.out_avals[:n], "vjp")
        zeros = [np.zeros(a.shape, a.dtype) for a in j.out_avals[n:]]
        grads = iter(run(back, [*residuals, *cts, *[like(z, a) for z, a in zip(zeros, j.out_avals[n:], strict=True)]]))
        leaves = [next(grads) if a.inexact else np.zeros(a.shape, float0) for a in avals]
        return pytree.unflatten(tree, leaves)

    out = pytree.unflatten(traced.out_tree, outs[:n])
    return (out, pullback, traced.aux.rebuild(outs[n:])) if has_aux else (out, pullback)


def linearize(fun: Callable[..., Any], *primals: Any, has_aux: bool = False) -> Any:
    """The value of `fun(*primals)` and its derivative there, as a function of the tangents: `out, push = linearize(f, x)`.

    `push(*tangents)` gives what `jvp(fun, primals, tangents)[1]` gives, without evaluating fun again.

    Mirrors `jax.linearize`.

    >>> y, push = linearize(lambda x: x * x, 3.0)
    >>> float(y), float(push(1.0))
    (9.0, 6.0)
    """
    traced, tree, avals, _, lin, outs, residuals = forward_pass(fun, primals, "linearize", has_aux)
    j, n = traced.jaxpr, traced.out_tree.num_leaves

    def push(*tangents: Any) -> Any:
        dots, dot_tree = pytree.flatten(tuple(tangents))
        if dot_tree != tree:
            raise ArgumentError(at_line(f"linearize: the tangents have the structure {dot_tree}, the primals {tree}"))
        for k, (a, d) in enumerate(zip(avals, dots, strict=True)):
            check_tangent(a, d, "linearize", f"tangent {k}", f"primal {k}")
        given = [like(d, a) for a, d in zip(avals, dots, strict=True) if a.inexact]
        moved = iter(run(lin.push, [*residuals, *given]))
        filled = [next(moved) if on else np.zeros(a.shape, a.dtype)[()] for on, a in zip(lin.moving, j.out_avals, strict=True)]
        return pytree.unflatten(traced.out_tree, filled[:n])

    out = pytree.unflatten(traced.out_tree, outs[:n])
    return (out, push, traced.aux.rebuild(outs[n:])) if has_aux else (out, push)


def apart(residuals: list[Any], results: list[Any]) -> list[Any]:
    """Residuals that the caller, who may write to the results, cannot change."""
    given = {id(x) for x in results if type(x) is np.ndarray}
    return [x.copy() if id(x) in given else x for x in residuals]


def check_inexact(avals: list[Aval], name: Callable[[int], str], who: str, holomorphic: bool, allow_int: bool = False) -> None:
    """Raise when a derivative is asked for with respect to something that has none."""
    for k, a in enumerate(avals):
        if holomorphic and a.dtype.kind != "c":
            raise DifferentiationError(
                at_line(f"{who} with holomorphic=True expects complex inputs, but {name(k)} has dtype {a.dtype}")
            )
        if not a.inexact and not allow_int:
            raise DifferentiationError(
                at_line(
                    f"{who} needs real or complex inputs, but {name(k)} has dtype {a.dtype}",
                    hint="write 2.0 for 2 or convert with .astype(float), or leave the argument out of argnums",
                )
            )
