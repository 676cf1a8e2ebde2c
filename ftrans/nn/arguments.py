"""How the functions of ftrans.nn read and check their arguments."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .. import numpy as fnp
from ..core.trace import Tracer
from ..errors import ArgumentError, DtypeError, ShapeError, at_line, shown


def real(x: Any, who: str) -> Any:
    """x as an array of real numbers, integers and booleans included."""
    a = fnp.asarray(x)
    if a.dtype.kind not in "fiub":
        given = f"dtype {a.dtype}" if hasattr(x, "dtype") else f"{type(x).__name__} {shown(x)}"
        raise DtypeError(at_line(f"{who} needs real numbers, got {given}"))
    return a


def floating(x: Any, who: str) -> Any:
    """x as an array of floating-point numbers: integers and booleans become float64."""
    x = real(x, who)
    return x if x.dtype.kind == "f" else x.astype(np.float64)


def known(x: Any) -> Any:
    """The value of an argument that is not traced, as an array; else None."""
    return None if isinstance(x, Tracer) else np.asarray(x)


def pair(predictions: Any, targets: Any, who: str, names: str = "predictions and targets") -> tuple[Any, Any]:
    """Predictions and targets of one shape, as floating-point arrays; integer targets take the dtype of the predictions."""
    predictions, targets = floating(predictions, who), fnp.asarray(targets)
    check_shapes(who, names, predictions.shape, targets.shape)
    if targets.dtype.kind in "iub":
        targets = targets.astype(predictions.dtype)
    return predictions, floating(targets, who)


def check_shapes(who: str, names: str, first: tuple[int, ...], second: tuple[int, ...]) -> None:
    """Raise unless two shapes are the same: losses do not broadcast."""
    if first != second:
        example = f"x.reshape({shown(second)})"
        if np.prod(first, dtype=np.int64) != np.prod(second, dtype=np.int64):
            example = "np.broadcast_to(y, x.shape)"
        raise ShapeError(
            at_line(
                f"{who}: {names} must have one shape, got {first} and {second}",
                hint=f"a loss does not broadcast; reshape one of them, as in {example}",
            )
        )


def check_range(who: str, what: str, x: Any, low: float, high: float, hint: str = "") -> None:
    """Raise where values that are known lie outside of [low, high]."""
    x = known(x)
    if x is not None and x.size and x.dtype.kind in "fiu" and (np.min(x) < low or np.max(x) > high):
        worst = x[(x < low) | (x > high)].reshape(-1)[0]
        raise ArgumentError(at_line(f"{who}: {what} must lie between {low} and {high}, got {worst}", hint=hint))


def check_integers(who: str, what: str, x: Any, hint: str = "") -> Any:
    """x as an array of integers."""
    x = fnp.asarray(x)
    if x.dtype.kind not in "iu":
        raise DtypeError(at_line(f"{who}: {what} must be integers, got dtype {x.dtype}", hint=hint))
    return x


def in_bounds(who: str, what: str, x: Any, n: int, hint: str) -> tuple[Any, bool]:
    """Integers x as indices from 0 to n - 1, and whether that has been checked; negative ones do not count from the end.

    Where values are not known, negative ones are moved out of bounds, for the indexing itself to raise.
    """
    value = known(x)
    x = check_integers(who, what, x, hint="softmax_cross_entropy takes probabilities" if "softmax" in who else "")
    if value is None:
        return fnp.where(x < 0, n, x), False
    check_range(who, what, value, 0, n - 1, hint)
    return x, True


def per_axis(who: str, name: str, value: int | Sequence[int], d: int) -> tuple[int, ...]:
    """An option given as one positive int for all axes or one for each."""
    values = tuple(value) if isinstance(value, Sequence | np.ndarray) else (value,) * d
    if len(values) != d or not all([isinstance(v, int | np.integer) and v > 0 for v in values]):
        raise ArgumentError(at_line(f"{who}: {name} must be a positive int or {d} of them, got {shown(value)}"))
    return tuple([int(v) for v in values])
