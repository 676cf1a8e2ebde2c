"""The numbers in a picture: forward values, tangents, local derivatives, and what flows back along every edge.

The gradient is the one `grad` computes, by the same passes: every use of a value gets a further operand, a perturbation of zero,
and the gradient by these is what the edges carry. Tangents are the `jvp` rules, step by step.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Sequence
from typing import Any

import numpy as np

from ..core.aval import Aval
from ..core.jaxpr import Eqn, Jaxpr
from ..core.primitive import Primitive
from ..ops.pointwise import Pointwise, Select, add
from ..transforms.jvp import jvp_jaxpr, tangent_aval
from ..transforms.reverse import gradient_jaxpr
from .steps import Step, evaluate, write

LARGE = 10_000  # elements of a result beyond which local derivatives are not kept

Use = tuple[int, int]  # the number of a step and of its operand


class Perturb(Primitive, abstract=True):
    """x, whose tangent is that of x and of the perturbation z together. The value of z is never looked at."""

    nin = 2

    def aval(self, x: Aval, z: Aval) -> Aval:
        return x

    def eval(self, x: Any, z: Any) -> Any:
        return x

    def jvp(self, primals: tuple[Any, ...], tangents: tuple[Any, ...], out: Any) -> Any:
        x, z = tangents
        return z if x is None else x if z is None else add(x, z)


def forward_values(steps: Sequence[Step], known: dict[int, Any]) -> dict[int, Any]:
    """The value of every variable that a step gives, besides those known."""
    values = dict(known)
    for step in steps:
        if step.needed:
            values.update(zip(step.outs, evaluate(step.form, [values[v] for v in step.operands]), strict=True))
    return values


def tangents_of(steps: Sequence[Step], values: dict[int, Any], moved: dict[int, Any]) -> tuple[dict[int, Any], dict[Use, Any]]:
    """The tangent of every variable that moves when the inputs move by `moved`, and what each operand contributes to it."""
    dots = dict(moved)
    parts: dict[Use, Any] = {}
    for step in steps:
        mask = [v in dots for v in step.operands]
        if not any(mask):
            continue
        if not step.outs:
            jvp_jaxpr(step.form, tuple(mask))  # a read that detaches raises here, as under ft.jvp
        if not step.needed:
            continue
        primals = [values[v] for v in step.operands]
        directions = [dots.get(v) for v in step.operands]
        dots.update(push(step, primals, directions))
        for k in range(len(mask)):
            alone = [d if i == k else None for i, d in enumerate(directions)]
            if mask[k]:
                pushed = push(step, primals, alone) if sum(mask) > 1 else dots
                parts[step.number, k] = pushed.get(step.outs[0])
    return dots, parts


def push(step: Step, primals: list[Any], directions: list[Any]) -> dict[int, Any]:
    """The tangents of a step's results that move; None is a direction of zero."""
    j, moving = jvp_jaxpr(step.form, tuple([d is not None for d in directions]))
    dots = evaluate(j, [*primals, *[d for d in directions if d is not None]])[len(step.outs) :]
    return dict(zip([v for v, on in zip(step.outs, moving, strict=True) if on], dots, strict=True))


def local_derivative(step: Step, k: int, values: dict[int, Any]) -> Any:
    """The derivative of a step's result by operand k, element by element; None where that does not say it all."""
    x, y = step.form.avals[k], step.form.out_avals[0]
    if not (x.inexact and y.inexact and len(step.outs) == 1 and y.size <= LARGE and elementwise(step, x, y)):
        return None
    primals = [values[v] for v in step.operands]
    one = np.ones(x.shape, x.dtype)
    one = one[()] if x.scalar else one
    slope = push(step, primals, [one if i == k else None for i in range(len(primals))]).get(step.outs[0])
    if slope is None:
        return np.zeros(y.shape, y.dtype)[()]
    if x.dtype.kind == "c":  # only a holomorphic operation has a derivative that is one complex number
        turned = push(step, primals, [one * 1j if i == k else None for i in range(len(primals))]).get(step.outs[0])
        if turned is None or not np.array_equal(turned, slope * 1j, equal_nan=True):
            return None
    elif y.dtype.kind == "f" and np.ndim(slope) == 0:
        return slope[()]
    return slope


def elementwise(step: Step, x: Aval, y: Aval) -> bool:
    """Whether each element of the result depends on one element of the operand."""
    return isinstance(step.main.op, Pointwise | Select) or (not x.shape and not y.shape)


def depending_on(inputs: Iterable[int], steps: Sequence[Step], j: Jaxpr) -> set[int]:
    """The real and complex variables that depend on some of the inputs: those that have a derivative to show."""
    found = {v for v in inputs if j.avals[v].inexact}
    for step in steps:
        if any([v in found for v in step.operands]):
            found.update([v for v in step.outs if j.avals[v].inexact])
    return found


def gradients_of(steps: Sequence[Step], j: Jaxpr, args: Sequence[Any], active: Container[int]) -> dict[Use, Any]:
    """What flows back to each use of an active variable when the only result of j is differentiated."""
    perturbed, uses = perturbed_jaxpr(steps, j, active)
    if not uses:
        return {}
    back = gradient_jaxpr(perturbed, (*[False] * len(j.invars), *[True] * len(uses)), 1)
    grads = evaluate(back, [*args, *[None] * len(uses)])
    return dict(zip(uses, grads, strict=True))


def perturbed_jaxpr(steps: Sequence[Step], j: Jaxpr, active: Container[int]) -> tuple[Jaxpr, list[Use]]:
    """j with a perturbation of every use of an active variable, as further inputs."""
    avals = {v: j.avals[v] for v in j.invars}
    env = {v: v for v in j.invars}
    eqns: list[Eqn] = []
    uses: list[Use] = []
    zs: list[int] = []
    size = max(j.avals, default=0) + 1

    def new(a: Aval) -> int:
        nonlocal size
        size += 1
        avals[size] = a
        return size

    def fresh(old: Sequence[int]) -> tuple[int, ...]:
        return tuple([new(j.avals[v]) for v in old])

    for step in steps:
        operands = []
        for k, v in enumerate(step.operands):
            w = env[v]
            if v in active:
                z, w = new(tangent_aval(j.avals[v])), new(j.avals[v])
                eqns.append(Eqn(Perturb(), (env[v], z), (w,), step.main.loc))
                uses.append((step.number, k))
                zs.append(z)
            operands.append(w)
        env.update(zip(step.outs, write(step, operands, eqns.append, fresh), strict=True))
    return Jaxpr([*j.invars, *zs], eqns, [env[v] for v in j.outs], avals, {}), uses
