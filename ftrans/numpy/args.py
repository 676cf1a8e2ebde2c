"""How functions of ftrans.numpy read their arguments: arrays, axes, shapes, dtypes, as NumPy does."""

from __future__ import annotations

from collections.abc import Sequence
from operator import index
from typing import Any

import numpy as np

from ..core.lift import check_dtype, lift
from ..core.trace import Tracer, current
from ..errors import TracerIndexError, UnsupportedError, at_line, shown


class AxisError(TracerIndexError, np.exceptions.AxisError):
    """An axis that an array does not have."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self._msg, self.axis, self.ndim = message, None, None

    def __str__(self) -> str:
        return str(self.args[0])


def array(x: Any) -> Any:
    """An argument as a tracer of the open trace; views stay views."""
    t = current.trace
    assert t is not None, "functions registered in dispatch run inside a trace"
    if isinstance(x, Tracer) and x.t is t:
        return x
    return lift(t, x)


def arrays(xs: Any) -> list[Any]:
    """A sequence of arguments (or an array, along its first axis) as tracers."""
    return [array(x) for x in xs]


def axis_of(axis: Any, ndim: int, who: str) -> int:
    """One axis, counted from the front."""
    k = index(axis)
    if not -ndim <= k < ndim:
        raise AxisError(at_line(f"{who}: axis {k} is out of bounds for an array of {ndim} dimensions"))
    return k % ndim


def axes_of(axis: Any, ndim: int, who: str) -> tuple[int, ...]:
    """An axis or a sequence of different axes, counted from the front."""
    if isinstance(axis, Sequence) or (isinstance(axis, np.ndarray) and axis.ndim):
        axes = tuple([axis_of(k, ndim, who) for k in axis])
        if len(set(axes)) != len(axes):
            raise ValueError(at_line(f"{who}: an axis occurs twice in {tuple(axis)}"))
        return axes
    return (axis_of(axis, ndim, who),)


def shape_of(shape: Any) -> tuple[int, ...]:
    """A shape argument: an int or a sequence of ints."""
    if type(shape) is int:
        return (shape,)
    if isinstance(shape, Tracer | np.ndarray) and shape.ndim:
        shape = [*shape]  # type: ignore[misc]
    try:
        return tuple([index(n) for n in shape]) if isinstance(shape, Sequence) else (index(shape),)
    except TypeError:
        raise TypeError(at_line(f"a shape must be an int or a sequence of ints, got {shown(shape)}")) from None


def dtype_of(dtype: Any, default: Any = np.float64) -> np.dtype[Any]:
    """A dtype argument."""
    found = np.dtype(default if dtype is None else dtype)
    check_dtype(found)
    return found


def refuse(who: str, **options: Any) -> None:
    """Raise for options (given as name=value) that are set but not traced."""
    for name, value in options.items():
        if value is not None and value is not np._NoValue:
            raise UnsupportedError(
                at_line(f"{who}: {name}={shown(value)} is not supported on traced arrays", hint=f"leave {name} out")
            )
