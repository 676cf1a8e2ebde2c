"""Take the arguments of a drawn call apart: which leaves are traced, what they are called, which are parameters, and what moves."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..core.aval import Aval
from ..core.jaxpr import Jaxpr
from ..core.trace import Tracer, current
from ..core.wrap import input_of
from ..errors import ArgumentError, at_line, shown
from ..pytree import TreeDef, flatten, flatten_with_path, keystr, structure, unflatten
from ..transforms.abstract import ShapeDtypeStruct, abstract_input
from ..transforms.jvp import check_tangent, like

MODES = ("shapes", "values", "forward", "reverse", "both")


@dataclass(frozen=True)
class Options:
    """What `draw` was told about the graph. See `draw.draw` for the meaning of each."""

    mode: str | None = None
    by: str | int | None = None
    tangents: Any = None
    parameters: Sequence[str | int] | str | int | None = None

    def check(self) -> None:
        """Raise where they make no sense."""
        if self.mode is not None and self.mode not in MODES:
            known = ", ".join([f'"{m}"' for m in MODES])
            raise ArgumentError(at_line(f"draw: there is no mode {shown(self.mode)}", hint=f"the modes are {known}"))
        if self.moves and self.mode not in (None, "forward", "both"):
            raise ArgumentError(
                at_line(
                    f"draw: by= and tangents= say what forward mode moves, but mode={self.mode!r}",
                    hint='leave them out, or draw with mode="forward" or mode="both"',
                )
            )
        if self.by is not None and self.tangents is not None:
            raise ArgumentError(at_line("draw: both by= and tangents= say what moves", hint="give one of them"))

    @property
    def moves(self) -> bool:
        """Whether it says what forward mode moves."""
        return self.by is not None or self.tangents is not None


@dataclass
class Arguments:
    """leaves: of (args, kwargs), traced or not; traced: the positions of those that are; the lists that follow are parallel to it.

    names: `x`, `params['w1']`; owners: the argument each belongs to, by name and by position (None where passed by name).
    texts: the names and values of those that are text and hence not traced.
    """

    leaves: list[Any]
    tree: TreeDef
    traced: list[int]
    inputs: list[tuple[Any, Aval]]
    names: list[str]
    owners: list[tuple[str, int | None]]
    kinds: list[str]
    valued: bool
    texts: list[tuple[str, Any]]

    def rebuild(self, tracers: Sequence[Tracer]) -> Any:
        """(args, kwargs) with tracers for the traced leaves."""
        leaves = list(self.leaves)
        for k, x in zip(self.traced, tracers, strict=True):
            leaves[k] = x
        return unflatten(self.tree, leaves)

    def words(self) -> str:
        """The arguments that are text: `x = 'abc'`."""
        return ", ".join([f"{name} = {shown(x, 40)}" for name, x in self.texts])

    def moving(self, options: Options) -> list[int]:
        """Which inputs `by` means: the first real one where nothing is said."""
        by = options.by
        if by is None:
            return [k for k, (_, a) in enumerate(self.inputs) if a.inexact][:1]
        if isinstance(by, str):
            found = [k for k, (name, owner) in enumerate(zip(self.names, self.owners, strict=True)) if by in (name, owner[0])]
        else:
            found = [k for k, owner in enumerate(self.owners) if owner[1] == by]
        if not found:
            names = ", ".join(self.names) or "none"
            raise ArgumentError(at_line(f"draw: by={by!r} is not an input of the function", hint=f"its inputs are {names}"))
        inexact = [k for k in found if self.inputs[k][1].inexact]
        if not inexact:
            raise ArgumentError(
                at_line(f"draw: by={by!r} is {self.inputs[found[0]][1]}, which has no derivative", hint="pass 2.0 for 2")
            )
        return inexact

    def moved_name(self, options: Options) -> str:
        """What stands below the line in d./db."""
        if options.tangents is not None:
            return "t"
        if isinstance(options.by, str):
            return options.by
        moving = self.moving(options)
        return self.names[moving[0]] if len(moving) == 1 else self.owners[moving[0]][0]

    def directions(self, options: Options, j: Jaxpr) -> dict[int, Any]:
        """Input variable -> the direction that it moves in: ones, or the user's."""
        if options.tangents is None:
            moving = self.moving(options)
            if not moving:
                raise ArgumentError(at_line("draw: forward mode needs a real input to move", hint="pass 2.0 for 2"))
            return {j.invars[k]: like(np.ones(self.inputs[k][1].shape), self.inputs[k][1]) for k in moving}
        args, kwargs = unflatten(self.tree, self.leaves)
        tangents = options.tangents if isinstance(options.tangents, tuple | list) else (options.tangents,)
        dots, tree = flatten((tuple(tangents), {}))
        if kwargs or tree is not structure((tuple(args), {})):
            raise ArgumentError(
                at_line(
                    f"draw: tangents= has the structure {structure(tuple(tangents))}, the arguments {structure(tuple(args))}",
                    hint="give one direction for each positional argument, as for ft.jvp: tangents=(dx, dy)",
                )
            )
        found = {}
        for n, k in enumerate(self.traced):
            a = self.inputs[n][1]
            check_tangent(a, dots[k], "draw", f"tangent of {self.names[n]}", self.names[n])
            if a.inexact:
                found[j.invars[n]] = like(dots[k], a)
        return found


def arguments_of(fun: Any, args: Sequence[Any], kwargs: dict[str, Any], options: Options) -> Arguments:
    """Take the arguments of a call apart."""
    names = argument_names(fun, args)
    places, tree = flatten_with_path((tuple(args), kwargs))
    leaves = [x for _, x in places]
    if current.trace is not None or any([isinstance(x, Tracer) for x in leaves]):
        raise ArgumentError(
            at_line(
                "draw shows numbers, so it cannot be used inside another transformation",
                hint="draw what it makes instead: ft.draw(ft.grad(f))(x)",
            )
        )
    traced, inputs, labels, owners, trees, texts = [], [], [], [], [], []
    valued = not any([isinstance(x, ShapeDtypeStruct | Aval) for x in leaves])
    for k, (path, x) in enumerate(places):
        positional = path[0].idx == 0
        owner = names[path[1].idx] if positional else path[1].key
        label = owner + keystr(path[2:]) if owner != "self" else keystr(path[2:]).lstrip(".")
        if not is_array(x):
            if isinstance(x, str | bytes):
                texts.append((label, x))
            continue
        says = functools.partial("draw: argument {}".format, label)
        traced.append(k)
        inputs.append((None, abstract_input(x, says)) if isinstance(x, ShapeDtypeStruct | Aval) else input_of(x, says))
        labels.append(label)
        owners.append((owner, path[1].idx if positional else None))
        trees.append(len(path) > 2)
    kinds = kinds_of(owners, trees, options)
    return Arguments(leaves, tree, traced, inputs, labels, owners, kinds, valued, texts)


def is_array(x: Any) -> bool:
    """Whether a leaf is traced; others (strings, functions, None) are passed on as they are."""
    return isinstance(x, np.ndarray | np.generic | int | float | complex | ShapeDtypeStruct | Aval) or hasattr(x, "__array__")


def kinds_of(owners: Sequence[tuple[str, int | None]], trees: Sequence[bool], options: Options) -> list[str]:
    """Which inputs are parameters: those the user named, else those that are parts of a tree."""
    wanted = options.parameters
    if wanted is None:
        return ["parameter" if tree else "input" for tree in trees]
    chosen = [wanted] if isinstance(wanted, str | int) else list(wanted)
    for p in chosen:
        if not any([p in owner for owner in owners]):
            known = ", ".join(dict.fromkeys([name for name, _ in owners]))
            raise ArgumentError(at_line(f"draw: parameters={p!r} is no argument of the call", hint=f"its arguments are {known}"))
    return ["parameter" if any([p in owner for p in chosen]) else "input" for owner in owners]


def argument_names(fun: Any, args: Sequence[Any]) -> list[str]:
    """The names of the parameters that the positional arguments go to; `args[0]` for `*args`, `x0` where Python cannot tell."""
    try:
        parameters = list(inspect.signature(fun).parameters.values())
    except (TypeError, ValueError):
        return [f"x{k}" for k in range(len(args))]
    found: list[str] = []
    for p in parameters:
        if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD):
            found.append(p.name)
        elif p.kind is p.VAR_POSITIONAL:
            found += [f"{p.name}[{k}]" for k in range(len(args) - len(found))]
    return [*found, *[f"x{k}" for k in range(len(found), len(args))]][: len(args)]


__all__ = ["Arguments", "Options", "arguments_of"]
