"""Transposition of linear jaxprs, the step that turns forward mode into reverse mode; and `linear_transpose` of functions.

`transpose_jaxpr(j, linear)` maps (the other inputs, a cotangent for each output) to a cotangent for each linear input.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .. import pytree
from ..core.check import checked
from ..core.jaxpr import Jaxpr, derived
from ..core.primitive import Linear
from ..core.run import run
from ..core.trace import Trace, Tracer
from ..core.wrap import input_of, trace_call
from ..errors import ArgumentError, at_line
from ..ops.elementwise import add
from ..ops.structural import fit, zeros_of
from .jvp import check_tangent, like, tangent_aval


@derived
def transpose_jaxpr(j: Jaxpr, linear: tuple[bool, ...]) -> Jaxpr:
    """(r..., x of the linear inputs) -> (y...) becomes (r..., ct of each y) -> (ct of each linear x)."""
    with Trace() as t:
        t.src = ()
        env: dict[int, Any] = {v: t.input(j.avals[v]) for v, on in zip(j.invars, linear, strict=True) if not on}
        seeds = [t.input(tangent_aval(j.avals[v])) for v in j.outs]
        env |= {v: t.const(value, j.avals[v]) for v, value in j.lits.items()}
        moved = {v for v, on in zip(j.invars, linear, strict=True) if on}
        backward = []
        for eqn in j.eqns:  # what does not depend on a linear input is computed first, forwards
            if any([v in moved for v in eqn.ins]):
                moved.update(eqn.outs)
                backward.append(eqn)
            else:
                t.src = eqn.loc or ()
                out = t.record(eqn.op, [env[v] for v in eqn.ins])
                env.update(zip(eqn.outs, out if eqn.op.multiple else (out,), strict=True))
        cts: dict[int, Tracer] = {}
        for v, seed in zip(j.outs, seeds, strict=True):
            accumulate(cts, v, seed)
        for eqn in reversed(backward):
            t.src = eqn.loc or ()
            args = [Linear(j.avals[v]) if v in moved else env[v] for v in eqn.ins]
            if eqn.op.multiple:
                out = tuple([cts.pop(v, None) for v in eqn.outs])
                if all([ct is None for ct in out]):
                    continue
            else:
                out = cts.pop(eqn.outs[0], None)
                if out is None:
                    continue
            for v, ct in zip(eqn.ins, eqn.op.transpose(out, *args), strict=True):
                if ct is not None and v in moved:
                    accumulate(cts, v, fit(ct, j.avals[v]))
        t.src = ()
        wanted = [v for v, on in zip(j.invars, linear, strict=True) if on]
        outs = [cts[v] if v in cts else zeros_of(tangent_aval(j.avals[v])) for v in wanted]
        result = [x.i for x in outs]
    return checked(Jaxpr.from_trace(t, result, baked=True))


def accumulate(cts: dict[int, Tracer], v: int, ct: Tracer) -> None:
    """Add a cotangent to what has come back to a variable so far."""
    known = cts.get(v)
    cts[v] = ct if known is None else add(known, ct)


def linear_transpose(fun: Callable[..., Any], *primals: Any) -> Callable[[Any], tuple[Any, ...]]:
    """The transpose of a linear function: `linear_transpose(f, x)(ct)` gives a tuple with one cotangent for each argument.

    primals: arrays or `ft.ShapeDtypeStruct`s that give the shapes and dtypes of the arguments; their values are not used.

    Raises when an operation of `fun` is not linear. Mirrors `jax.linear_transpose`.

    >>> import numpy as np
    >>> linear_transpose(lambda x: 3.0 * x, np.ones(2))(np.array([1.0, 2.0]))
    (array([3., 6.]),)
    """
    leaves, tree = pytree.flatten(tuple(primals))
    inputs = [(None, abstract(x, k)) for k, x in enumerate(leaves)]
    traced = trace_call(lambda xs: fun(*pytree.unflatten(tree, xs)), inputs, who="linear_transpose", fun=fun, valued=False)
    captured = traced.operands[len(inputs) :]
    j = transpose_jaxpr(traced.jaxpr, (*[True] * len(inputs), *[False] * len(captured)))

    def transposed(ct: Any) -> tuple[Any, ...]:
        cts = cotangents(ct, traced.out_tree, traced.jaxpr.out_avals, "linear_transpose")
        result = run(j, [*captured, *cts])
        return pytree.unflatten(tree, result)  # type: ignore[no-any-return]

    return transposed


def abstract(x: Any, k: int) -> Any:
    """The aval of an argument given by value or by ShapeDtypeStruct."""
    a = getattr(x, "aval_", None)
    return a if a is not None else input_of(x, lambda: f"linear_transpose: argument {k}")[1]


def cotangents(ct: Any, out_tree: pytree.TreeDef, avals: list[Any], who: str) -> list[Any]:
    """The user's cotangent checked against the outputs, one operand for each."""
    leaves, tree = pytree.flatten(ct)
    if tree != out_tree:
        raise ArgumentError(
            at_line(f"{who}: the cotangent has the structure {tree}, the function's result {out_tree}: they must be the same")
        )
    out = []
    for k, (x, a) in enumerate(zip(leaves, avals, strict=False)):
        check_tangent(a, x, who, f"cotangent {k}", f"output {k}")
        out.append(like(x, a))
    return out
