"""Forward mode: `jvp(f, primals, tangents)` gives f's value and its directional derivative in one sweep.

`jvp_jaxpr(j, active)` is the transformation itself: it adds, for every input marked active, a tangent input, and for every output
that depends on one a tangent output.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .. import pytree
from ..core.aval import Aval
from ..core.check import checked
from ..core.jaxpr import Jaxpr, derived
from ..core.run import run, run_traced
from ..core.trace import Trace, Tracer
from ..core.wrap import input_of, trace_call
from ..errors import ArgumentError, DifferentiationError, ShapeError, at_line
from ..ops.structural import fit, zeros_of


def tangent_aval(a: Aval) -> Aval:
    """The tangent of a value has its shape and dtype; that of a Python scalar is a NumPy scalar."""
    return a.strong()


@derived
def jvp_jaxpr(j: Jaxpr, active: tuple[bool, ...]) -> tuple[Jaxpr, tuple[bool, ...]]:
    """(x..., ) -> (y...,) becomes (x..., dx of active...) -> (y..., dy of the outputs marked in the second result)."""
    with Trace() as t:
        t.src = ()
        env = {v: t.input(j.avals[v]) for v in j.invars}
        tangents: dict[int, Tracer] = {}
        for v, on in zip(j.invars, active, strict=True):
            if on:
                tangents[v] = t.input(tangent_aval(j.avals[v]))
        env |= {v: t.const(value, j.avals[v]) for v, value in j.lits.items()}
        for eqn in j.eqns:
            t.src = eqn.loc or ()
            ins = [env[v] for v in eqn.ins]
            out = t.record(eqn.op, ins)
            dins = tuple([tangents.get(v) for v in eqn.ins])
            if eqn.op.multiple:
                env.update(zip(eqn.outs, out, strict=True))
                if any([d is not None for d in dins]):
                    douts = eqn.op.jvp(tuple(ins), dins, out)
                    tangents.update({v: d for v, d in zip(eqn.outs, douts, strict=True) if d is not None})
                continue
            env[eqn.outs[0]] = out
            if any([d is not None for d in dins]):
                dout = eqn.op.jvp(tuple(ins), dins, out)
                if dout is not None:
                    tangents[eqn.outs[0]] = fit(dout, out.a)
        moving = tuple([v in tangents for v in j.outs])
        outs = [env[v].i for v in j.outs] + [tangents[v].i for v in j.outs if v in tangents]
    return checked(Jaxpr.from_trace(t, outs, baked=True)), moving


@derived
def full_jvp_jaxpr(j: Jaxpr, active: tuple[bool, ...]) -> Jaxpr:
    """As `jvp_jaxpr`, with a tangent for every output: zeros where nothing moves it."""
    forward, moving = jvp_jaxpr(j, active)
    if all(moving):
        return forward
    n = len(j.outs)
    with Trace() as t:
        t.src = ()
        ins = [t.input(a) for a in forward.in_avals]
        outs = run(forward, ins)
        dots = iter(outs[n:])
        filled = [next(dots) if on else zeros_of(tangent_aval(a)) for on, a in zip(moving, j.out_avals, strict=True)]
        result = [x.i for x in [*outs[:n], *filled]]
    return checked(Jaxpr.from_trace(t, result, baked=True))


def jvp(fun: Callable[..., Any], primals: Sequence[Any], tangents: Sequence[Any], has_aux: bool = False) -> Any:
    """The value of `fun(*primals)` and its derivative in the direction `tangents` (forward mode).

    primals, tangents: sequences of arguments and of their directions, of the same structure, shapes and dtypes. Integer and
        boolean arguments take a tangent of zeros of their own dtype, or of dtype `ft.float0`.
    has_aux: `fun` returns (out, aux); the result is then (out, tangent, aux).

    Returns (out, tangent): tangent has the structure, shapes and dtypes of out.

    Mirrors `jax.jvp`.

    >>> import numpy as np
    >>> y, dy = jvp(np.sin, (0.0,), (2.0,))
    >>> float(y), float(dy)
    (0.0, 2.0)
    """
    if not isinstance(primals, list | tuple) or not isinstance(tangents, list | tuple):
        raise ArgumentError(
            at_line(
                f"jvp expects primals and tangents as tuples or lists of arguments, got {type(primals).__name__} and "
                f"{type(tangents).__name__}",
                hint="write jvp(f, (x,), (dx,))",
            )
        )
    if len(primals) != len(tangents):
        raise ArgumentError(at_line(f"jvp: {len(primals)} primals but {len(tangents)} tangents"))
    leaves, tree = pytree.flatten(tuple(primals))
    dots, dot_tree = pytree.flatten(tuple(tangents))
    if tree != dot_tree:
        raise ArgumentError(at_line(f"jvp: the tangents have the structure {dot_tree}, the primals {tree}"))
    inputs = [input_of(x, lambda k=k: f"primal {k}") for k, x in enumerate(leaves)]  # type: ignore[misc]
    traced = trace_call(lambda xs: fun(*pytree.unflatten(tree, xs)), inputs, who="jvp", fun=fun, has_aux=has_aux)
    directions: list[Any] = []
    active = []
    for k, ((_, a), dot) in enumerate(zip(inputs, dots, strict=True)):
        active.append(a.inexact)
        check_tangent(a, dot, "jvp", f"tangent {k}", f"primal {k}")
        if a.inexact:
            directions.append(like(dot, a))
    captured = len(traced.operands) - len(inputs)
    j = full_jvp_jaxpr(traced.jaxpr, (*active, *[False] * captured))
    results = run_traced(j, traced.jaxpr, traced.trace, [*traced.operands, *directions])
    n, m = traced.out_tree.num_leaves, len(traced.jaxpr.outs)
    out, dout = (pytree.unflatten(traced.out_tree, part) for part in (results[:n], results[m : m + n]))
    return (out, dout, traced.aux.rebuild(results[n:m])) if has_aux else (out, dout)


def check_tangent(a: Aval, dot: Any, who: str, name: str, partner: str) -> None:
    """Raise unless `dot` has the shape and dtype that belongs to a value of aval `a`."""
    _, d = input_of(dot, lambda: f"{who}: {name}") if not is_float0(dot) else (None, a)
    if d.shape != a.shape:
        raise TangentShapeError(at_line(f"{who}: {name} has shape {d.shape}, {partner} has shape {a.shape}"))
    if not a.inexact:
        if d.dtype != a.dtype and not is_float0(dot):
            raise DifferentiationError(
                at_line(
                    f"{who}: {partner} has dtype {a.dtype}, so {name} must be zeros of dtype {a.dtype} or ft.float0, got {d.dtype}",
                    hint="integers and booleans have no derivative; convert the argument with .astype(float) if you want one",
                )
            )
    elif d.dtype != a.dtype and not d.weak and not a.weak:
        raise DifferentiationError(
            at_line(f"{who}: {name} has dtype {d.dtype}, {partner} has dtype {a.dtype}: they must be the same")
        )


class TangentShapeError(ShapeError, DifferentiationError):
    """A tangent or cotangent whose shape is not that of its value."""


float0 = np.dtype([("float0", np.void, 0)])


def is_float0(x: Any) -> bool:
    """The dtype of tangents of integers, as in JAX."""
    return getattr(x, "dtype", None) == float0


def like(x: Any, a: Aval) -> Any:
    """A tangent given by the user as an operand of aval tangent_aval(a)."""
    want = tangent_aval(a)
    if isinstance(x, Tracer):
        return fit(x, want)
    plain = np.asarray(x, dtype=want.dtype)
    return plain[()] if want.scalar else plain


__all__ = ["check_tangent", "float0", "full_jvp_jaxpr", "jvp", "jvp_jaxpr", "like", "tangent_aval"]
