"""Operations that stand outside of calculus: `stop_gradient`."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import pytree
from ..core.aval import Aval
from ..core.bind import bind
from ..core.primitive import Primitive
from ..core.trace import Tracer


class StopGradient(Primitive):
    """The operand, as a constant for differentiation."""

    view = True

    def aval(self, x: Aval) -> Aval:
        return x

    def eval(self, x: Any) -> Any:
        return x

    def jvp(self, primals: tuple[Any, ...], tangents: tuple[Any, ...], out: Any) -> Any:
        return None

    def vmap(self, size: int, args: tuple[Any, ...], dims: tuple[int | None, ...]) -> tuple[Any, Any]:
        return bind(self, *args), dims[0]

    def lower(self, b: Any, x: Any) -> Any:
        return x

    @classmethod
    def examples(cls) -> list[Any]:
        x = np.array([0.5, -1.5])
        return [(cls(), (x,)), (cls(), (x.astype(np.complex64),)), (cls(), (np.arange(2),)), (cls(), (np.float64(2.5),))]


def stop_gradient(x: Any) -> Any:
    """x, as a constant for differentiation: its derivative is zero, and reads of it do not complain.

    x may be a pytree; leaves that are not traced come back as they are. Mirrors `jax.lax.stop_gradient`.

    >>> stop_gradient(3.0)
    3.0
    """
    return pytree.map(lambda leaf: bind(StopGradient(), leaf) if isinstance(leaf, Tracer) else leaf, x)
