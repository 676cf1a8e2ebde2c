"""Which arguments of a jitted function are static, and which are donated: `Static(fun, argnums, argnames)`, `Donated(...)`."""

from __future__ import annotations

import inspect
from typing import Any

from .. import pytree
from ..core.trace import Tracer
from ..core.wrap import parameter_names
from ..errors import ArgumentError, StaticArgumentError, at_line, shown


class Chosen:
    """Arguments chosen by position or name. `option` is what messages call them."""

    option = ""

    def __init__(self, fun: Any, argnums: Any, argnames: Any) -> None:
        self.argnums, self.argnames = argnums, argnames
        names = parameter_names(fun)
        self.nums: set[int] = set(as_tuple(argnums))
        self.names: set[str] = set(as_tuple(argnames))
        for name in self.names:
            if name in names:
                self.nums.add(names.index(name))
        for num in list(self.nums):
            if not isinstance(num, int) or isinstance(num, bool):
                raise ArgumentError(at_line(f"jit: {self.option}_argnums must be ints, got {shown(num)}"))
            if 0 <= num < len(names):
                self.names.add(names[num])
        self.names_of = names
        kinds = parameter_kinds(fun)
        if kinds and inspect.Parameter.VAR_KEYWORD not in kinds.values():
            for name in sorted(self.names - set(names)):
                raise ArgumentError(
                    at_line(f"jit: the function has no parameter named {name!r}", hint=f"its parameters are {names}")
                )
        if kinds and inspect.Parameter.VAR_POSITIONAL not in kinds.values():
            for num in sorted(self.nums):
                if not -len(names) <= num < len(names):
                    raise ArgumentError(at_line(f"jit: {self.option}_argnums={num}, but the function's parameters are {names}"))

    def __bool__(self) -> bool:
        return bool(self.nums or self.names)


class Donated(Chosen):
    """Which arguments are donated: compiled code may overwrite their arrays."""

    option = "donate"

    def leaves(self, tree: Any, static: Static) -> tuple[int, ...]:
        """The numbers of the donated leaves, of a tree ((positional arguments), {named ones}) that static ones are missing from."""
        if not self:
            return ()
        positional, named = tree.subtrees
        total = len(positional.subtrees) + len(static.nums)
        given = [k for k in range(total) if k not in {n % total for n in static.nums}]
        chosen = {n % total for n in self.nums if -total <= n < total}
        marks = [(k in chosen, child) for k, child in zip(given, positional.subtrees, strict=False)]
        marks += [(name in self.names, child) for name, child in zip(named.aux or (), named.subtrees, strict=True)]
        flags = [on for on, child in marks for _ in range(child.num_leaves)]
        return tuple([k for k, on in enumerate(flags) if on])


class Static(Chosen):
    """Which arguments are static: compared by value and passed to the function as they are."""

    option = "static"

    def check(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """Raise when a static argument is traced."""
        for what, value in self.chosen(args, kwargs):
            if isinstance(value, Tracer) or any([isinstance(x, Tracer) for x in pytree.leaves(value)]):
                raise StaticArgumentError(
                    at_line(
                        f"jit: static argument {what} is a traced array {shown(value)}: its value is not a constant",
                        hint="do not name it static, or take the value outside of the enclosing transformation",
                    )
                )

    def chosen(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> list[tuple[Any, Any]]:
        """The static arguments of a call, with what to call them in a message."""
        picked: list[tuple[Any, Any]] = []
        for num in sorted(self.nums):
            k = num if num >= 0 else num + len(args)
            if 0 <= k < len(args):
                picked.append((repr(self.names_of[k]) if k < len(self.names_of) else k, args[k]))
        return picked + [(repr(name), kwargs[name]) for name in sorted(self.names) if name in kwargs]

    def take(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, Any, Any]:
        """(the other arguments, the key of the static ones, the function that puts them back)."""
        if not self:
            return (args, kwargs), (), None
        self.check(args, kwargs)
        key = []
        for what, value in self.chosen(args, kwargs):
            try:
                hash(value)
            except TypeError:
                raise StaticArgumentError(
                    at_line(
                        f"jit: static argument {what} is {shown(value)} of type {type(value).__name__}, which cannot be hashed",
                        hint="pass a tuple for a list; arrays should not be static",
                    )
                ) from None
            key.append((what, typed(value)))
        nums = {k if k >= 0 else k + len(args) for k in self.nums}
        fixed = {k: args[k] for k in nums if k < len(args)}
        fixed_names = {n: kwargs[n] for n in self.names if n in kwargs}
        moving = tuple([a for k, a in enumerate(args) if k not in fixed])
        named = {n: v for n, v in kwargs.items() if n not in fixed_names}

        def rebuild(inner: tuple[Any, ...], inner_named: dict[str, Any]) -> Any:
            rest = iter(inner)
            full = tuple([fixed[k] if k in fixed else next(rest) for k in range(len(args))])
            return full, {**inner_named, **fixed_names}

        rebuild.statics = (*fixed.values(), *fixed_names.values())  # type: ignore[attr-defined]
        return (moving, named), tuple(key), rebuild


def typed(value: Any) -> Any:
    """A static argument as a key: 1, 1.0 and True are equal, and so are 0.0 and -0.0, but they are not the same argument."""
    if isinstance(value, tuple):
        return (type(value), *[typed(v) for v in value])
    return (type(value), repr(value) if isinstance(value, float | complex) else value)


def parameter_kinds(fun: Any) -> dict[str, Any]:
    """The kind of each parameter; nothing where Python cannot tell."""
    try:
        return {name: p.kind for name, p in inspect.signature(fun).parameters.items()}
    except (TypeError, ValueError):
        return {}


def as_tuple(x: Any) -> tuple[Any, ...]:
    return () if x is None else (x,) if isinstance(x, int | str) else tuple(x)
