"""What the solvers share: starting points, bounds and callbacks of trees in the form that SciPy wants."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.optimize import Bounds, OptimizeResult

from .. import pytree
from ..errors import ArgumentError, ShapeError, at_line, shown
from ..optim.vector import Space, Vector, starting_point


def space_of(x0: Any, who: str) -> tuple[Space, Vector]:
    """The space of x0, and x0 as a vector of it."""
    example = starting_point(x0, who)
    space = Space(example, who)
    return space, np.array(space.flat(example))


def bounds_of(bounds: Any, space: Space, pairs: bool = True) -> Any:
    """Bounds in one of the forms that are allowed, as SciPy's Bounds.

    Bounds(lower, upper): for the elements of x in order, or numbers for all of them
    (lower, upper): trees like x0 or prefixes of them; None is no bound
    [(low, high), ...]: with pairs=True and one array x0, one pair for each element
    a tree like x0 with (low, high) in the place of each leaf
    """
    if bounds is None:
        return None
    if isinstance(bounds, Bounds):
        low, high = (elements(b, space) for b in (bounds.lb, bounds.ub))
        keep = bounds.keep_feasible
        return Bounds(low, high, keep if np.ndim(keep) == 0 else np.asarray(keep).ravel())
    listed = isinstance(bounds, list | tuple | np.ndarray)
    if pairs and listed and space.structure is pytree.LEAF and len(bounds) == space.size:
        lower, upper = zip(*[pair_of(pair, space) for pair in bounds], strict=True)
        return Bounds(np.array(lower), np.array(upper))
    if listed and len(bounds) == 2:
        lower, upper = bounds
    elif listed and space.structure is pytree.LEAF:
        raise ArgumentError(
            at_line(
                f"{space.who}: {len(bounds)} bounds for {space.size} elements of x0",
                hint="give a pair (low, high) for each element, or (lower, upper) as two arrays",
            )
        )
    else:
        found = space.structure.flatten_up_to(bounds, api=space.who, name="bounds")
        ends = [pair_of(pair, space) for pair in found]
        lower, upper = (pytree.unflatten(space.structure, [end[k] for end in ends]) for k in (0, 1))
    return Bounds(space.spread(lower, "bounds[0]", -np.inf), space.spread(upper, "bounds[1]", np.inf))


def elements(limit: Any, space: Space) -> Vector:
    """The limits in a Bounds, one for each element of x."""
    flat = np.asarray(limit, float).ravel()
    if flat.size not in (1, space.size):
        raise ShapeError(at_line(f"{space.who}: Bounds with {flat.size} limits for {space.size} elements of x0"))
    return np.broadcast_to(flat, space.size)


def pair_of(pair: Any, space: Space) -> tuple[Any, Any]:
    """(low, high) with infinities for None."""
    if not isinstance(pair, list | tuple | np.ndarray) or len(pair) != 2:
        raise ArgumentError(at_line(f"{space.who}: a bound must be a pair (low, high), got {shown(pair)}", hint="None is no bound"))
    low, high = pair
    return -np.inf if low is None else low, np.inf if high is None else high


def callback_of(callback: Callable[..., Any] | None, space: Space) -> Callable[..., Any] | None:
    """The user's callback, given trees: by SciPy's rule one whose only parameter is `intermediate_result` is given results."""
    if callback is None:
        return None
    try:
        names = set(inspect.signature(callback).parameters)
    except (TypeError, ValueError):
        names = set()
    if names == {"intermediate_result"}:

        def with_result(intermediate_result: Any) -> Any:
            seen = OptimizeResult(intermediate_result)
            seen.x = space.copy(seen.x)
            return callback(intermediate_result=seen)

        return with_result

    def with_x(x: Vector, *more: Any) -> Any:
        return callback(space.copy(x), *more)

    return with_x


def as_trees(result: Any, space: Space, *names: str) -> Any:
    """A result of SciPy with x, and what belongs to its elements, in the form of x0."""
    result.x = space.copy(result.x)
    for name in names:
        value = result.get(name)
        if isinstance(value, np.ndarray) and value.shape == (space.size,):
            result[name] = space.copy(value)
    return result


__all__ = ["as_trees", "bounds_of", "callback_of", "space_of"]
