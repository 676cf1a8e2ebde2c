"""Put gradient transformations together: one after another, for parts of the parameters, past bad gradients, with other numbers."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from .. import numpy as fnp
from .. import pytree
from ..errors import ArgumentError, at_line, shown
from ..pytree import PyTree
from .base import GradientTransformation, at, check_like, foreign_state, number, transformation, zeros_like
from .factories import complete, factory, pairs

Mask = PyTree  # a tree of bools, a prefix of the parameters; or a function params -> such a tree


@factory()
def chain(*transformations: GradientTransformation) -> GradientTransformation:
    """Transformations one after another: the updates of each are the gradients of the next. Mirrors `optax.chain`.

    The state is the tuple of the states. Errors: ArgumentError for an argument that is no transformation.

    >>> opt = ft.optim.chain(ft.optim.clip(1.0), ft.optim.sgd(0.5))
    >>> opt.update(np.array([4.0, -0.5]), opt.init(np.zeros(2)))[0]
    array([-0.5 ,  0.25])
    """
    return named_chain("chain", *transformations)


def named_chain(name: str, *members: GradientTransformation) -> GradientTransformation:
    """A chain that error messages call by this name."""
    for k, member in enumerate(members):
        check_transformation(name, f"argument {k}", member)

    def init(params: PyTree) -> tuple[Any, ...]:
        return tuple([member.init(params) for member in members])

    def update(updates: PyTree, state: Any = None, params: PyTree | None = None) -> tuple[PyTree, tuple[Any, ...]]:
        if type(state) is not tuple or len(state) != len(members):
            raise foreign_state(name, state, f"a tuple of {len(members)} states")
        if params is not None:
            check_like(name, updates, params)
        states = []
        for member, old in zip(members, state, strict=True):
            updates, new = member.update(updates, old, params)
            states.append(new)
        return updates, tuple(states)

    rates = [(k, member.rate) for k, member in enumerate(members) if member.rate is not None]
    return GradientTransformation(init, update, name, (lambda state: rates[-1][1](state[rates[-1][0]])) if rates else None)


def check_transformation(who: str, what: str, x: Any) -> None:
    """Raise unless x has the two functions of a transformation."""
    if not isinstance(x, GradientTransformation):
        hint = "give a gradient transformation, such as ft.optim.sgd(0.1) or ft.optim.clip(1.0)"
        raise ArgumentError(at_line(f"{who}: {what} is {shown(x)}, a {type(x).__name__}", hint=hint))


# --------------------------------------------------------------------------------------------- parts of the parameters


class MaskedNode(NamedTuple):
    """Stands where a leaf is kept from a transformation."""


class MaskedState(NamedTuple):
    """The state of the inner transformation, with `MaskedNode()` for leaves that it does not see."""

    inner_state: Any


@factory()
def masked(inner: GradientTransformation, mask: Mask) -> GradientTransformation:
    """Apply a transformation to the leaves for which the mask is true; the others' updates pass unchanged. Mirrors `optax.masked`.

    mask: a tree of bools, with the structure of the parameters or a prefix of it; or a function of the parameters that gives it
    inner: a transformation, whose state has `MaskedNode()` for the other leaves

    Errors: TreeStructureError where the mask does not fit, ArgumentError for anything but bools in it.

    >>> opt = masked(ft.optim.sgd(1.0), {"w": True, "b": False})
    >>> params = {"w": np.ones(2), "b": np.ones(2)}
    >>> opt.update(params, opt.init(params))[0]
    {'b': array([1., 1.]), 'w': array([-1., -1.])}
    """
    check_transformation("masked", "inner", inner)

    def flags(tree: PyTree) -> list[bool]:
        given = pytree.broadcast_prefix(mask(tree) if callable(mask) else mask, tree, api="masked", name="params")
        for flag in given:
            if not isinstance(flag, bool | np.bool_):
                raise ArgumentError(at_line(f"masked: the mask must be a tree of bools, got {shown(flag)} in it"))
        return given

    def init(params: PyTree) -> MaskedState:
        return MaskedState(inner.init(hidden(params, flags(params))))

    def update(updates: PyTree, state: Any, params: PyTree | None) -> tuple[PyTree, MaskedState]:
        chosen = flags(updates if params is None else params)
        seen = None if params is None else hidden(params, chosen)
        new, inner_state = inner.update(hidden(updates, chosen), state.inner_state, seen)
        replaced, (old, treedef) = iter(pytree.leaves(new)), pytree.flatten(updates)
        merged = [next(replaced) if on else x for on, x in zip(chosen, old, strict=True)]
        return pytree.unflatten(treedef, merged), MaskedState(inner_state)

    return transformation("masked", init, update, MaskedState, rate=inner_rate(inner))


def inner_rate(inner: GradientTransformation) -> Callable[[Any], Any] | None:
    """The learning rate of a transformation whose state is the inner state of another's."""
    rate = inner.rate
    return None if rate is None else lambda state: rate(state.inner_state)


def hidden(tree: PyTree, flags: list[bool]) -> PyTree:
    """The tree with `MaskedNode()` where the flag is false."""
    leaves, treedef = pytree.flatten(tree)
    return pytree.unflatten(treedef, [x if on else MaskedNode() for on, x in zip(flags, leaves, strict=True)])


class PartitionState(NamedTuple):
    """The state of each label's transformation."""

    inner_states: dict[Any, MaskedState]


@factory()
def multi_transform(transforms: Mapping[Any, GradientTransformation], param_labels: PyTree) -> GradientTransformation:
    """One transformation for each label: parameters with label k are given to `transforms[k]`. Mirrors `optax.multi_transform`.

    The labels are a tree with the structure of the parameters or a prefix of it, or a function of the parameters that gives one.
    Errors: ArgumentError for a label without a transformation.

    >>> params = {"body": np.ones(2), "head": np.ones(2)}
    >>> opt = multi_transform({"slow": ft.optim.sgd(0.1), "fast": ft.optim.sgd(1.0)}, {"body": "slow", "head": "fast"})
    >>> opt.update(params, opt.init(params))[0]
    {'body': array([-0.1, -0.1]), 'head': array([-1., -1.])}
    """

    def of_label(label: Any) -> Callable[[PyTree], PyTree]:
        def mask(tree: PyTree) -> PyTree:
            labels = param_labels(tree) if callable(param_labels) else param_labels
            for each in pytree.leaves(labels):
                if each not in transforms:
                    fact = f"multi_transform: the label {each!r} has no transformation; there are {sorted(transforms, key=str)}"
                    raise ArgumentError(
                        at_line(fact, hint="add it, or use ft.optim.set_to_zero() to leave these parameters as they are")
                    )
            return pytree.map(lambda each: each == label, labels)

        return mask

    parts = {label: masked(inner, of_label(label)) for label, inner in transforms.items()}

    def init(params: PyTree) -> PartitionState:
        return PartitionState({label: part.init(params) for label, part in parts.items()})

    def update(updates: PyTree, state: Any, params: PyTree | None) -> tuple[PyTree, PartitionState]:
        if set(state.inner_states) != set(parts):
            raise foreign_state("multi_transform", state, f"the states of {sorted(parts, key=str)}")
        states = {}
        for label, part in parts.items():
            updates, states[label] = part.update(updates, state.inner_states[label], params)
        return updates, PartitionState(states)

    return transformation("multi_transform", init, update, PartitionState)


# ------------------------------------------------------------------------------------------------- guards and numbers


class ApplyIfFiniteState(NamedTuple):
    """How many updates in a row, and in all, were not finite."""

    notfinite_count: Any
    last_finite: Any
    total_notfinite: Any
    inner_state: Any


@factory()
def apply_if_finite(inner: GradientTransformation, max_consecutive_errors: int) -> GradientTransformation:
    """Leave out updates whose gradients are not all finite: zero updates, and an unchanged inner state.

    After max_consecutive_errors in a row the gradients are let through, so that the failure shows. Mirrors `optax.apply_if_finite`.

    >>> opt = apply_if_finite(ft.optim.sgd(1.0), 5)
    >>> updates, state = opt.update(np.array([np.nan, 1.0]), opt.init(np.zeros(2)))
    >>> updates, int(state.total_notfinite)
    (array([0., 0.]), 1)
    """
    check_transformation("apply_if_finite", "inner", inner)
    number("apply_if_finite", "max_consecutive_errors", max_consecutive_errors, 0)

    def init(params: PyTree) -> ApplyIfFiniteState:
        return ApplyIfFiniteState(np.int64(0), np.bool_(True), np.int64(0), inner.init(params))

    def update(updates: PyTree, state: Any, params: PyTree | None) -> tuple[PyTree, ApplyIfFiniteState]:
        finite = np.bool_(True)
        for u in pytree.leaves(updates):
            finite = fnp.logical_and(finite, fnp.all(fnp.isfinite(u)))
        in_row = fnp.where(finite, 0, state.notfinite_count + 1)[()]
        through = fnp.logical_or(finite, in_row > max_consecutive_errors)

        def either(new: Any, old: Any) -> Any:
            return fnp.where(through, new, old)[()]  # np.where gives arrays for scalars

        given = pytree.map(lambda u: either(u, zeros_like(u)), updates)
        new, inner_state = inner.update(given, state.inner_state, params)
        new = pytree.map(lambda u: either(u, zeros_like(u)), new)
        inner_state = pytree.map(either, inner_state, state.inner_state)
        total = state.total_notfinite + fnp.where(finite, 0, 1)[()]
        return new, ApplyIfFiniteState(in_row, finite, total, inner_state)

    return transformation("apply_if_finite", init, update, ApplyIfFiniteState, rate=inner_rate(inner))


class InjectHyperparamsState(NamedTuple):
    """The numbers that the next update uses, and the state of the optimiser made with them."""

    count: Any
    hyperparams: dict[str, Any]
    inner_state: Any


def inject_hyperparams(
    inner_factory: Callable[..., GradientTransformation], static_args: str | Iterable[str] = ()
) -> Callable[..., GradientTransformation]:
    """Make an optimiser whose numbers stand in its state, where they can be read, changed and differentiated.

    Schedules are evaluated at each step. Left out are bools, strings, None, and the names in static_args.
    Mirrors `optax.inject_hyperparams`.

    >>> opt = inject_hyperparams(ft.optim.sgd)(learning_rate=0.5)
    >>> state = opt.init(np.zeros(1))
    >>> state.hyperparams
    {'learning_rate': 0.5}
    >>> faster = state._replace(hyperparams={"learning_rate": 2.0})
    >>> opt.update(np.ones(1), state)[0], opt.update(np.ones(1), faster)[0]
    (array([-0.5]), array([-2.]))
    """
    signature = inspect.signature(inner_factory)
    fixed = {static_args} if isinstance(static_args, str) else set(static_args)

    def factory(*args: Any, **kwargs: Any) -> GradientTransformation:
        bound = signature.bind(*args, **kwargs)
        said = pairs(bound)
        bound.apply_defaults()
        complete(getattr(inner_factory, "late", {}), bound.arguments)
        given = dict(bound.arguments)
        chosen = {k: x for k, x in given.items() if k not in fixed and not isinstance(x, bool | str | dict | None)}
        numbers = {k: x if callable(x) else number("inject_hyperparams", k, x) for k, x in chosen.items()}
        rest = {k: x for k, x in given.items() if k not in numbers}
        first = {k: at(x, 0) for k, x in numbers.items()}
        inner = inner_factory(**rest, **first)

        def values(count: Any, kept: Mapping[str, Any]) -> dict[str, Any]:
            return {k: at(x, count) if callable(x) else kept[k] for k, x in numbers.items()}

        def init(params: PyTree) -> InjectHyperparamsState:
            return InjectHyperparamsState(np.int64(0), dict(first), inner.init(params))

        def update(updates: PyTree, state: Any, params: PyTree | None) -> tuple[PyTree, InjectHyperparamsState]:
            now = values(state.count, state.hyperparams)
            new, inner_state = inner_factory(**rest, **now).update(updates, state.inner_state, params)
            return new, InjectHyperparamsState(state.count + 1, now, inner_state)

        def rate(state: Any) -> Any:
            return values(state.count, state.hyperparams).get("learning_rate")

        has_rate = "learning_rate" in numbers
        made = transformation(inner.name, init, update, InjectHyperparamsState, rate=rate if has_rate else None)
        return replace(made, arguments=lambda: said)

    return factory
