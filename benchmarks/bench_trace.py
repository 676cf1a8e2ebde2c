"""What it costs to trace one equation, with its source location: `make_jaxpr` and `eval_shape` of functions not seen before.

`eval_shape` is what every un-jitted transformation pays at each call (trace, then find the jaxpr of the same content);
`make_jaxpr` decodes the trace into a new jaxpr. JAX is given a new function object each time, because it remembers old ones.
"""

from __future__ import annotations

from . import clock
from .tables import TRACE, checked
from .work import parameters_of


class Trace:
    """A chain of 401 elementwise equations, and 120 equations of many kinds."""

    params = parameters_of(TRACE)
    param_names = ("work", "library")

    def setup(self, name: str, library: str) -> None:
        self.work = checked(name, library)

    def track_per_equation(self, name: str, library: str) -> float:
        make = {library: lambda k: self.work.call(library, k)}
        return clock.first_calls_in_turns(make, 0.2)[library] / self.work.parts * 1e6

    track_per_equation.unit = "µs"  # type: ignore[attr-defined]
