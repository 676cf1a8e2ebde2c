"""Partial evaluation: cut a jaxpr into what can be computed from the known inputs and what needs the unknown ones.

`split(j, unknown)` gives (known, rest, n): `known` maps the known inputs to the known outputs and n residuals; `rest` maps the
residuals and the unknown inputs to the unknown outputs. On the result of jvp, with the tangents unknown, `rest` is linear.
"""

from __future__ import annotations

from typing import NamedTuple

from ..core.check import checked
from ..core.jaxpr import Eqn, Jaxpr, derived, live


class Split(NamedTuple):
    """The two halves; `out_unknown` says which outputs are in the second; `residuals` are their common variables."""

    known: Jaxpr
    rest: Jaxpr
    out_unknown: tuple[bool, ...]
    residuals: tuple[int, ...]


@derived
def split(j: Jaxpr, unknown: tuple[bool, ...]) -> Split:
    """Cut j by data flow. Reads (guards) stay in the known half: their outcome was taken from known values."""
    foreign = {v for v, flag in zip(j.invars, unknown, strict=True) if flag}
    before: list[Eqn] = []
    after: list[Eqn] = []
    for eqn in j.eqns:
        if any([v in foreign for v in eqn.ins]):
            foreign.update(eqn.outs)
            after.append(eqn)
        else:
            before.append(eqn)
    out_unknown = tuple([v in foreign for v in j.outs])
    rest_outs = [v for v in j.outs if v in foreign]
    after = live(after, rest_outs)
    made = {v for eqn in before for v in eqn.outs} | {v for v, flag in zip(j.invars, unknown, strict=True) if not flag}
    used = dict.fromkeys([v for eqn in after for v in eqn.ins])
    residuals = tuple([v for v in used if v in made])
    known_outs = [v for v in j.outs if v not in foreign] + list(residuals)
    known_in = [v for v, flag in zip(j.invars, unknown, strict=True) if not flag]
    rest_in = [*residuals, *[v for v, flag in zip(j.invars, unknown, strict=True) if flag]]
    known = Jaxpr(known_in, live(before, known_outs), known_outs, j.avals, j.lits)
    rest = Jaxpr(rest_in, after, rest_outs, j.avals, {v: x for v, x in j.lits.items() if v in used})
    return Split(checked(known), checked(rest), out_unknown, residuals)
