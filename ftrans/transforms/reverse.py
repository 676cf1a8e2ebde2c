"""Value and gradient in one jaxpr, put together from templates.

What an operation contributes to reverse mode depends only on the operation, the avals of its operands and which of them are active.
`template` derives it once, by jvp, split and transpose of the operation alone, and keeps it; a program's gradient strings the
templates together: 4 times sooner than taking the whole program through the passes, with the same rules and the same result.
"""

from __future__ import annotations

from typing import NamedTuple

from ..core.aval import Aval, aval
from ..core.jaxpr import Eqn, Jaxpr, derived
from ..core.primitive import infer
from ..ops.elementwise import Add, Select
from ..ops.structural import Broadcast
from .emit import Emitter
from .jvp import tangent_aval
from .vjp import linearize_jaxpr, one, pullback_jaxpr, value_and_pullback_jaxpr


class Template(NamedTuple):
    """What one operation contributes: forward gives its results and residuals; back maps residuals and cotangents back."""

    forward: Jaxpr
    back: Jaxpr
    active: tuple[bool, ...]
    moving: tuple[bool, ...]  # the results that depend on an active operand
    selects: bool  # a `where` in back: its mask has to follow the cotangent, which templates cannot do (ops.pointwise.behind_mask)


def template(eqn: Eqn, avals: tuple[Aval, ...], outs: tuple[Aval, ...], mask: tuple[bool, ...]) -> Template:
    """The template of an equation's operation, kept on the operation."""
    key = ("template", avals, mask)
    found: Template | None = eqn.op.memo.get(key)
    if found is None:
        n = len(avals)
        ins, results = tuple(range(n)), tuple(range(n, n + len(outs)))
        j = Jaxpr(ins, [Eqn(eqn.op, ins, results, eqn.loc)], results, dict(enumerate((*avals, *outs))), {})
        lin, back = linearize_jaxpr(j, mask), pullback_jaxpr(j, mask)
        selects = any([isinstance(e.op, Select) for e in back.eqns])
        found = eqn.op.memo[key] = Template(lin.forward, back, mask, lin.moving, selects)
    return found


@derived
def gradient_jaxpr(j: Jaxpr, active: tuple[bool, ...], first: int) -> Jaxpr:
    """(x...) -> (y from `first` on..., cotangents of the active inputs), for the cotangent 1 on the first output, else 0."""
    return from_templates(j, active, first) or value_and_pullback_jaxpr(j, active, 1, first)


def from_templates(j: Jaxpr, active: tuple[bool, ...], first: int) -> Jaxpr | None:
    """The gradient by templates, or None where some operation needs to see the whole program."""
    em = Emitter()
    args = [em.input(a) for a in j.in_avals]
    env = dict(zip(j.invars, args, strict=True)) | {v: em.literal(x, j.avals[v]) for v, x in j.lits.items()}
    moving = {v for v, on in zip(j.invars, active, strict=True) if on}
    tape: list[tuple[Eqn, Template, list[int]]] = []
    for eqn in j.eqns:
        mask = tuple([v in moving for v in eqn.ins])
        ins = tuple([env[v] for v in eqn.ins])
        outs = tuple([j.avals[v] for v in eqn.outs])
        if True not in mask:
            env.update(zip(eqn.outs, em.eqn(eqn.op, ins, outs, eqn.loc), strict=True))
            continue
        t = template(eqn, tuple([j.avals[v] for v in eqn.ins]), outs, mask)
        if t.selects:
            return None
        made = em.inline(t.forward, ins, eqn.loc)
        env.update(zip(eqn.outs, made, strict=False))
        moving.update([v for v, on in zip(eqn.outs, t.moving, strict=True) if on])
        tape.append((eqn, t, made[len(eqn.outs) :]))
    cts = pull_back(em, j, tape)
    grads = [cts[v] if v in cts else zeros(em, tangent_aval(j.avals[v])) for v, on in zip(j.invars, active, strict=True) if on]
    return em.finish(args, [env[v] for v in j.outs[first:]] + grads)


def pull_back(em: Emitter, j: Jaxpr, tape: list[tuple[Eqn, Template, list[int]]]) -> dict[int, int]:
    """The backward sweep: the cotangent of every variable of j that the first output depends on."""
    seed = tangent_aval(j.avals[j.outs[0]])
    cts = {j.outs[0]: em.literal(one(seed), seed)}
    for eqn, t, residuals in reversed(tape):
        if not any([v in cts for v in eqn.outs]):
            continue
        back = [cts.pop(v) if v in cts else zeros(em, tangent_aval(j.avals[v])) for v in eqn.outs]
        pulled = iter(em.inline(t.back, [*residuals, *back], eqn.loc))
        for v, on in zip(eqn.ins, t.active, strict=True):
            if on:
                ct = next(pulled)
                if v in cts:
                    out = infer(Add(), (em.avals[cts[v]], em.avals[ct]))
                    (ct,) = em.eqn(Add(), (cts[v], ct), (out,), eqn.loc)
                cts[v] = ct
    return cts


def zeros(em: Emitter, a: Aval) -> int:
    """Zeros of an aval."""
    v = em.literal(a.dtype.type(0), aval((), a.dtype))
    return em.eqn(Broadcast(a.shape), (v,), (aval(a.shape, a.dtype, False, False),), None)[0] if a.shape else v
