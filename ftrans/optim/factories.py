"""Functions that make optimisers: `@factory()` gives them hints for wrong arguments, and what they make a short repr.

@factory()
def sgd(learning_rate, momentum=None): ...

sgd(lr=0.1)        ArgumentError: sgd: got an unexpected keyword argument 'lr' ... say learning_rate
repr(sgd(0.1))     "sgd(learning_rate=0.1)"
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, TypeVar, cast

from ..errors import ArgumentError, at_line
from .base import GradientTransformation

Make = TypeVar("Make", bound=Callable[..., GradientTransformation])
Late = Callable[[Mapping[str, Any]], Any]  # all arguments -> the default of one

# What PyTorch, Keras and the papers call these.
OTHER_NAMES = {
    **dict.fromkeys(["lr", "rate", "step_size", "alpha"], "learning_rate"),
    **dict.fromkeys(["beta1", "beta_1"], "b1"),
    **dict.fromkeys(["beta2", "beta_2"], "b2"),
    "betas": "b1=..., b2",
    "epsilon": "eps",
    "wd": "weight_decay",
}


def factory(**late: Late) -> Callable[[Make], Make]:
    """Wrap a function that makes a transformation.

    late: for an argument whose default depends on the others, the function that gives it in place of None
    """

    def wrap(make: Make) -> Make:
        signature = inspect.signature(make)

        @functools.wraps(make)
        def made(*args: Any, **kwargs: Any) -> GradientTransformation:
            try:
                bound = signature.bind(*args, **kwargs)
            except TypeError as error:
                raise ArgumentError(at_line(f"{make.__name__}: {error}", hint=hint_for(signature, kwargs))) from None
            given = pairs(bound)
            bound.apply_defaults()
            complete(late, bound.arguments)
            return replace(make(*bound.args, **bound.kwargs), arguments=lambda: given)

        made.late = late  # type: ignore[attr-defined]
        return cast(Make, made)

    return wrap


def pairs(bound: inspect.BoundArguments) -> list[tuple[str, Any]]:
    """The arguments of a call with their names, "" for those of *args."""
    found = []
    for name, value in bound.arguments.items():
        several = bound.signature.parameters[name].kind is inspect.Parameter.VAR_POSITIONAL
        found += [("", each) for each in value] if several else [(name, value)]
    return found


def complete(late: Mapping[str, Late], arguments: dict[str, Any]) -> None:
    """Put in the defaults that depend on other arguments."""
    for name, default in late.items():
        if arguments.get(name) is None:
            arguments[name] = default(arguments)


def hint_for(signature: inspect.Signature, kwargs: Mapping[str, Any]) -> str:
    """The names that there are, or the one that was meant."""
    for name in kwargs:
        if name not in signature.parameters and name in OTHER_NAMES:
            return f"say {OTHER_NAMES[name]}=... for {name}"
    return f"its arguments are {', '.join(signature.parameters) or 'none'}"
