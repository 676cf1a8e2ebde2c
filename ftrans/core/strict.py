"""Traces that look at broadcasts: `with ft.strict(): ft.grad(loss)(w)` raises where (4, 1) meets (4,) and becomes (4, 4).

In NumPy an array of fewer axes gets new ones in front. That is meant in `x @ w + bias`, and rarely meant where both operands are
stretched: then a column and a row make a table, and a loss that compares predictions of shape (n, 1) with targets of shape (n,)
compares every one with all. `ft.numpy_rank_promotion("raise")` refuses any difference in rank, as JAX's option does.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Any

from ..config import config
from ..errors import FtransWarning, RankPromotionError, at_line
from .aval import Aval
from .primitive import Primitive, infer
from .trace import Trace, Tracer


class StrictTrace(Trace):
    """A trace that checks the operands of every broadcasting operation. It is never `top`, so that all go through `record`."""

    __slots__ = ()
    top = property(lambda self: False, lambda self, value: None)

    def record(self, op: Primitive, args: Sequence[Tracer]) -> Any:
        if op.broadcasts:
            check_ranks(op, tuple([x.a for x in args]))
        return super().record(op, args)


def user_trace() -> Trace:
    """A new trace for a function of the user's, with the checks that are switched on."""
    return StrictTrace() if config.strict or config.numpy_rank_promotion != "allow" else Trace()


def check_ranks(op: Primitive, avals: tuple[Aval, ...]) -> None:
    """Raise or warn where operands of different rank (0-d ones aside) are broadcast and a setting forbids it."""
    if len({a.ndim for a in avals if a.ndim}) < 2:
        return
    shape = infer(op, avals).shape
    outer = shape not in [a.shape for a in avals]
    mode = "raise" if config.strict and outer else config.numpy_rank_promotion
    if mode == "allow":
        return
    shapes = " and ".join([str(a.shape) for a in avals])
    message = at_line(
        f"{op.name}: operands of shapes {shapes} have different ranks and are broadcast to {shape}",
        hint="give them the same shape (x[:, 0], x.ravel()), or the same rank (x[:, None]) if that is meant"
        + ("; ft.strict() forbids it" if config.strict else f'; ft.numpy_rank_promotion("{mode}") forbids it'),
    )
    if mode == "raise":
        raise RankPromotionError(message)
    warnings.warn(FtransWarning(message), stacklevel=2)


def strict(on: bool = True) -> AbstractContextManager[None]:
    """A `with` block in which broadcasts that are rarely meant raise `errors.RankPromotionError` under any transformation.

    These are broadcasts of operands that differ in rank, none of which has the shape of the result: (4, 1) with (4,) gives
    (4, 4). `x @ w + b` with shapes (4, 3) and (3,) passes. The setting is `ft.config.strict`. It applies to functions while they
    are traced; what NumPy computes outside of a transformation is not looked at.

    >>> import numpy as np
    >>> import ftrans as ft
    >>> predicted, target = np.ones((4, 1)), np.ones(4)
    >>> with ft.strict():
    ...     ft.grad(lambda p: np.mean((p - target) ** 2))(predicted)
    Traceback (most recent call last):
        ...
    ftrans.errors.RankPromotionError: sub: operands of shapes (4, 1) and (4,) have different ranks and are broadcast to (4, 4)
    ...
    """
    return config.set(strict=on)


def numpy_rank_promotion(mode: str) -> AbstractContextManager[None]:
    """A `with` block in which every broadcast of operands of different rank (scalars aside) is allowed, warned of, or an error.

    mode: "allow", "warn" or "raise". Mirrors `jax.numpy_rank_promotion`. See `ft.strict` for a check that lets `x @ w + b` pass.

    >>> import numpy as np
    >>> import ftrans as ft
    >>> with ft.numpy_rank_promotion("allow"):
    ...     ft.jit(lambda x: x + np.ones(3))(np.ones((2, 3))).shape
    (2, 3)
    """
    return config.set(numpy_rank_promotion=mode)


__all__ = ["StrictTrace", "check_ranks", "numpy_rank_promotion", "strict", "user_trace"]
