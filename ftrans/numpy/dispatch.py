"""How plain NumPy calls on tracers reach ftrans: the tables behind `__array_ufunc__` and `__array_function__`.

Write `@implements(np.sum)` above a function of ftrans.numpy and `np.sum(tracer)` calls it; its docstring comes from NumPy unless
it has one. `register_ufunc(np.sin, sin)` does the same for a ufunc.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np

from .. import pytree
from ..core.lift import lift
from ..core.trace import Trace, Tracer, current
from ..core.values import collapse, value
from ..core.views import write
from ..errors import UnsupportedError, WriteError, at_line
from ..ops.structural import broadcast, convert

functions: dict[Any, Callable[..., Any]] = {}
ufuncs: dict[np.ufunc, Callable[..., Any]] = {}
reductions: dict[np.ufunc, Callable[..., Any]] = {}  # np.add.reduce and its like
updates: dict[np.ufunc, Callable[..., Any]] = {}  # np.add.at and its like
accumulations: dict[np.ufunc, Callable[..., Any]] = {}  # np.add.accumulate and its like

F = TypeVar("F", bound=Callable[..., Any])


def implements(*mirrored: Any) -> Callable[[F], F]:
    """Register a function as what these NumPy functions do on tracers; with no trace open the first is called itself.

    A name stands for a function that this NumPy may be too old to have.
    """

    def register(ours: F) -> F:
        known = [getattr(np, f, None) if isinstance(f, str) else f for f in mirrored]
        functions.update({theirs: ours for theirs in known if theirs is not None})
        theirs: Any = known[0] if known[0] is not None else functools.partial(evaluated, ours)
        if not ours.__doc__:
            ours.__doc__ = f"As `numpy.{theirs.__name__}`, on traced arrays too.\n\n{theirs.__doc__ or ''}"

        @functools.wraps(ours)
        def function(*args: Any, **kwargs: Any) -> Any:
            return ours(*args, **kwargs) if current.trace is not None else theirs(*args, **kwargs)

        return function  # type: ignore[return-value]

    return register


def evaluated(ours: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """The value of a traced function on arrays."""
    with Trace():
        return pytree.map(value, ours(*args, **kwargs))


def register_ufunc(ufunc: np.ufunc, ours: F) -> F:
    """Register a function as what a NumPy ufunc does on tracers."""
    ufuncs[ufunc] = ours
    return ours


def array_function(self: Tracer, func: Any, types: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """`np.f(tracer)` for the functions of NumPy that are not ufuncs."""
    if current.trace is None:
        args, kwargs = without_tracers((args, kwargs))
        return func(*args, **kwargs)
    return function_of(func)(*args, **kwargs)


def array_ufunc(self: Tracer, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
    """`np.sin(tracer)` and its methods reduce, accumulate, outer."""
    if method == "__call__":
        ours = ufuncs.get(ufunc)
        if ours is not None:
            return ours(*inputs, **kwargs) if kwargs else ours(*inputs)
    elif method == "reduce" and ufunc in reductions:
        return reductions[ufunc](*inputs, **{"axis": 0} | kwargs)
    elif method == "accumulate" and ufunc in accumulations:
        return accumulations[ufunc](*inputs, **{"axis": 0} | kwargs)
    elif method == "at" and ufunc in updates:
        return updates[ufunc](*inputs)
    elif method == "outer" and ufunc in ufuncs and len(inputs) == 2:
        x, y = (functions[np.asarray](v) if np.asarray in functions else v for v in inputs)
        from_left = functions[np.reshape](x, (*x.shape, *[1] * y.ndim))
        return ufuncs[ufunc](from_left, y, **kwargs)
    raise unsupported(f"numpy.{ufunc.__name__}" + (f".{method}" if method != "__call__" else ""))


def without_tracers(tree: Any) -> Any:
    """A nest of arguments with the values of tracers whose trace has ended; raises where these depend on its inputs."""
    return pytree.map(lambda x: collapse(x) if isinstance(x, Tracer) else x, tree)


def function_of(func: Any) -> Callable[..., Any]:
    """What a function of NumPy does on tracers, or the error that it is not supported."""
    ours = functions.get(func)
    if ours is None:
        raise unsupported(f"{func.__module__}.{func.__name__}")
    return ours


def ufunc_of(ufunc: np.ufunc) -> Callable[..., Any]:
    """What a ufunc of NumPy does on tracers, or the error that it is not supported."""
    ours = ufuncs.get(ufunc)
    if ours is None:
        raise unsupported(f"numpy.{ufunc.__name__}")
    return ours


def unsupported(name: str, why: str = "") -> UnsupportedError:
    """The error for what ftrans does not trace."""
    return UnsupportedError(
        at_line(
            f"{name} is not supported on traced arrays{': ' + why if why else ''}",
            hint="compute it outside of the transformed function, or from functions listed in ftrans.numpy",
        )
    )


def store_out(out: Any, result: Any, name: str) -> Any:
    """The `out=` argument: put a result into a traced array, as NumPy would."""
    if isinstance(out, tuple):
        (out,) = out
    if not isinstance(out, Tracer):
        if current.trace is None and not isinstance(result, Tracer):
            np.copyto(out, result, casting="same_kind")
            return out
        raise WriteError(
            at_line(
                f"{name}: out= is a plain array of shape {np.shape(out)}, and a traced result cannot be stored in it",
                hint="make it with ftrans.numpy.zeros or empty inside the function, or drop out=",
            )
        )
    t = current.trace
    assert t is not None
    new = lift(t, result)
    if not np.can_cast(new.dtype, out.dtype, "same_kind"):
        raise TypeError(at_line(f"{name}: cannot cast the result from {new.dtype} to {out.dtype} (out=) with casting 'same_kind'"))
    write(out, lift(t, broadcast(convert(new, out.dtype), out.shape)))
    return out


Tracer.__array_ufunc__ = array_ufunc  # type: ignore[attr-defined]
Tracer.__array_function__ = array_function  # type: ignore[attr-defined]
