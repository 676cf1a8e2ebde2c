"""Define a gradient transformation: `GradientTransformation(init, update)`; apply its updates: `apply_updates(params, updates)`.

    state = opt.init(params)
    updates, state = opt.update(grads, state, params)
    params = apply_updates(params, updates)

`grads`, `updates` and `params` are pytrees of one structure; the state is a pytree too. Nothing is changed in place, so an update
may stand inside `jit`, `vmap` or `grad`. Every leaf keeps its dtype: learning rates, betas ... take that of the leaf they meet.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from numbers import Real
from typing import Any, NamedTuple

import numpy as np

from .. import numpy as fnp
from .. import pytree
from ..core.trace import Tracer
from ..errors import ArgumentError, DtypeError, ShapeError, TreeStructureError, at_line, shown
from ..pytree import PyTree
from ..transforms.jvp import float0

Init = Callable[[PyTree], Any]
Update = Callable[..., tuple[PyTree, Any]]  # (updates, state, params or None) -> updates, state
Schedule = Callable[[Any], Any]  # number of updates so far -> number
STATIC = {"static": True}


@dataclass(frozen=True, repr=False)
class GradientTransformation:
    """A pair of functions that turns gradients into updates of the parameters. Mirrors `optax.GradientTransformation`.

    init: params -> state
    update: (updates, state, params=None) -> (updates, state)
    name: what error messages call it
    rate: state -> the learning rate of the next update, where there is one; for messages
    arguments: () -> (name, value) of each argument it was made with, "" for one without a name; for its repr

    It is a pytree without leaves, so it may be an argument of a jitted function.

    >>> halve = GradientTransformation(lambda params: EmptyState(), lambda u, state, params=None: (u / 2, state))
    >>> halve.update(np.array([2.0, 4.0]), halve.init(np.zeros(2)))
    (array([1., 2.]), EmptyState())
    """

    init: Init = field(metadata=STATIC)
    update: Update = field(metadata=STATIC)
    name: str = field(default="the transformation", metadata=STATIC)
    rate: Callable[[Any], Any] | None = field(default=None, metadata=STATIC)
    arguments: Callable[[], Sequence[tuple[str, Any]]] | None = field(default=None, metadata=STATIC)

    def __repr__(self) -> str:
        """As it was made: `adam(learning_rate=0.001)`."""
        if self.arguments is None:
            return f"GradientTransformation({self.name!r})"
        parts = [f"{name}={short(value)}" if name else short(value) for name, value in self.arguments()]
        return f"{self.name}({', '.join(parts)})"

    def __iter__(self) -> Iterator[Callable[..., Any]]:
        """`init, update = transformation`, as with optax's tuples."""
        return iter((self.init, self.update))


def short(value: Any) -> str:
    """An argument in a repr: a function by its name, a schedule by that of the function that made it."""
    if isinstance(value, GradientTransformation):
        return repr(value)
    if not callable(value):
        return shown(value)
    name: str = getattr(value, "__qualname__", type(value).__name__)
    ours = str(getattr(value, "__module__", "")).startswith("ftrans.")
    return name.split(".<locals>", maxsplit=1)[0] if ours else name.rsplit(".", maxsplit=1)[-1]


class EmptyState(NamedTuple):
    """The state of a transformation that remembers nothing."""


def transformation(
    name: str,
    init: Init,
    update: Callable[[Any, Any, Any], tuple[PyTree, Any]],
    state: type,
    *,
    like: tuple[str, ...] = (),
    needs_params: bool = False,
    rate: Callable[[Any], Any] | None = None,
) -> GradientTransformation:
    """A transformation whose update first checks what it is given: the class of its state, and that all trees fit together.

    like: the fields of the state that have the structure and shapes of the parameters.
    """

    def checked(updates: PyTree, given: Any = None, params: PyTree | None = None) -> tuple[PyTree, Any]:
        if type(given) is not state:
            raise foreign_state(name, given, f"a {state.__name__}")
        if params is not None:
            check_like(name, updates, params)
        elif needs_params:
            raise ArgumentError(at_line(f"{name}: update needs the parameters", hint="call opt.update(grads, state, params)"))
        for each in like:
            check_like(name, updates, getattr(given, each), "gradients", f"state.{each}")
        return update(updates, given, params)

    return GradientTransformation(init, checked, name, rate)


def stateless(name: str, update: Callable[[PyTree, PyTree], PyTree], needs_params: bool = False) -> GradientTransformation:
    """A transformation that remembers nothing, from (updates, params) -> updates."""

    def with_state(updates: PyTree, state: Any, params: PyTree) -> tuple[PyTree, Any]:
        return update(updates, params), state

    return transformation(name, lambda params: EmptyState(), with_state, EmptyState, needs_params=needs_params)


def identity() -> GradientTransformation:
    """Leaves the updates as they are. Mirrors `optax.identity`.

    >>> identity().update(3.0, EmptyState())
    (3.0, EmptyState())
    """
    return replace(stateless("identity", lambda updates, params: updates), arguments=lambda: ())


def set_to_zero() -> GradientTransformation:
    """Zero updates: what passes through it is not trained. Mirrors `optax.set_to_zero`.

    >>> set_to_zero().update({"w": np.ones(2)}, EmptyState())
    ({'w': array([0., 0.])}, EmptyState())
    """
    zeros = stateless("set_to_zero", lambda updates, params: pytree.map(zeros_like, updates))
    return replace(zeros, arguments=lambda: ())


def apply_updates(params: PyTree, updates: PyTree) -> PyTree:
    """The parameters moved by the updates: `params + updates`, each leaf in the dtype that it had. Mirrors `optax.apply_updates`.

    Errors: TreeStructureError and ShapeError where the trees do not fit; DtypeError for a leaf that cannot hold its update, as
    integers cannot.

    >>> apply_updates({"w": np.float32([1, 2]), "b": 0.5}, {"w": np.array([0.5, 0.5]), "b": -0.5})
    {'b': 0.0, 'w': array([1.5, 2.5], dtype=float32)}
    """
    check_like("apply_updates", updates, params, "updates")

    def moved(p: Any, u: Any) -> Any:
        if dtype_of(u) == float0:  # what `grad` gives for integers
            return p
        if not np.can_cast(dtype_of(u), dtype_of(p), "same_kind"):
            path = next(pytree.keystr(path) for path, leaf in pytree.leaves_with_path(params) if leaf is p)
            fact = f"apply_updates: params{path} has dtype {dtype_of(p)} and cannot take an update of dtype {dtype_of(u)}"
            raise DtypeError(at_line(fact, hint="keep such leaves out of the parameters, or give them a floating dtype"))
        return cast(p + u, p)

    return pytree.map(moved, params, updates)


# ------------------------------------------------------------------------------------------------------------- trees


def check_like(who: str, tree: PyTree, params: PyTree, name: str = "gradients", params_name: str = "params") -> None:
    """Raise unless a tree has the structure of the parameters, and each leaf the shape. The message names the first difference."""
    given, treedef = pytree.flatten(tree)
    wanted, expected = pytree.flatten(params)
    if treedef is not expected:
        hint = "differentiate with respect to the tree that is updated, and make the state by init of that tree"
        raise TreeStructureError(at_line(difference(who, tree, params, name, params_name), hint=hint))
    for k, (x, p) in enumerate(zip(given, wanted, strict=True)):
        if shape_of(x) != shape_of(p):
            path = pytree.keystr(pytree.leaves_with_path(params)[k][0])
            fact = f"{who}: {name}{path} has shape {shape_of(x)}, but {params_name}{path} has shape {shape_of(p)}"
            raise ShapeError(at_line(fact, hint="a gradient has the shape of its parameter: was one of them reshaped?"))


def difference(who: str, tree: PyTree, params: PyTree, name: str, params_name: str) -> str:
    """What to say about two trees of different structure: the first leaf that only one of them has."""
    ours = [pytree.keystr(path) for path, _ in pytree.leaves_with_path(tree)]
    theirs = [pytree.keystr(path) for path, _ in pytree.leaves_with_path(params)]
    missing = [path for path in theirs if path not in ours]
    new = [path for path in ours if path not in theirs]
    if missing:
        fact = f"{params_name}{missing[0]} has nothing beside it in the {name}"
    elif new:
        fact = f"{name}{new[0]} belongs to nothing in {params_name}"
    else:
        fact = "the leaves are the same, but not the containers"
    return (
        f"{who}: the {name} have another structure than {params_name}: {fact}"
        f"\n  {params_name}: {shown(pytree.structure(params), 300)}\n  {name}: {shown(pytree.structure(tree), 300)}"
    )


def foreign_state(who: str, given: Any, expected: str) -> ArgumentError:
    """The error for a state of another transformation, or none."""
    if given is None:
        hint = "state = opt.init(params) before the first, then what update returned: opt.update(grads, state, params)"
        return ArgumentError(at_line(f"{who}: update needs the gradients and the state", hint=hint))
    fact = f"{who}: the state is {shown(given)}, a {type(given).__name__}; expected {expected}"
    return ArgumentError(at_line(fact, hint="give update the state that init, or the last update, of the same optimiser returned"))


# ----------------------------------------------------------------------------------------------------------- numbers


def number(who: str, name: str, value: Any, low: float = -math.inf, high: float = math.inf, *, below: bool = False) -> Any:
    """A real number as a Python float, which takes the dtype of the arrays it meets; a traced scalar as it is.

    It lies between low and high, both included, or with `below` high excluded; a traced one is not looked at.
    """
    if shape_of(value) == () and not isinstance(value, bool | np.bool_):
        if isinstance(value, Tracer):
            return value
        if isinstance(value, Real) or (isinstance(value, np.ndarray) and value.dtype.kind in "iuf"):
            value = float(value)
            if low <= value <= high and not (below and value == high):
                return value
            raise ArgumentError(
                at_line(f"{who}: {name} must {allowed(value, low, high, below)}, got {value!r}", hint=HINTS.get(name, ""))
            )
    got = f"an array of shape {value.shape}" if shape_of(value) else shown(value)
    raise ArgumentError(at_line(f"{who}: {name} must be a number, got {got}", hint=HINTS.get(name, "")))


def allowed(value: float, low: float, high: float, below: bool) -> str:
    """What a number must be that is not."""
    if high < math.inf:
        return f"be between {low:g} and {high:g}{' (excluded)' if below else ''}"
    if not math.isfinite(value):
        return "be a finite number" if below else "be a number"
    return "not be negative" if low == 0 else f"be from {low:g} up"


HINTS = {
    "learning_rate": "give 1e-3, say, or a schedule, ft.optim.cosine_decay_schedule(1e-3, 1000); to ascend, negate the loss",
    "b1": "it is the share of the old mean that is kept at each step: 0.9, say",
    "b2": "it is the share of the old mean square that is kept at each step: 0.999, say",
}


def check_function(who: str, name: str, value: Any, hint: str) -> None:
    """Raise unless the value can be called."""
    if not callable(value):
        raise ArgumentError(at_line(f"{who}: {name} must be a function, got {shown(value)}", hint=hint))


def rate_of(who: str, value: Any) -> Any:
    """A learning rate: a number, or a schedule as it is."""
    return value if callable(value) else number(who, "learning_rate", value, 0.0, math.inf, below=True)


def at(value: Any, count: Any) -> Any:
    """A number, or a schedule's value at this step."""
    return number("the schedule", "its value", value(count)) if callable(value) else value


def like(value: Any, x: Any) -> Any:
    """A scalar in the (real) dtype of an array, so that it does not widen it. A Python float does not."""
    return value if type(value) is float else value.astype(real_dtype(x)) if hasattr(value, "astype") else float(value)


def cast(x: Any, wanted: Any) -> Any:
    """x in the dtype of another leaf."""
    return x if dtype_of(x) == dtype_of(wanted) else x.astype(dtype_of(wanted))


def zeros_like(x: Any) -> Any:
    """Zeros of the shape and dtype of x; a NumPy scalar for a scalar, as updates give it."""
    return fnp.zeros_like(x)[()]


def real_zeros_like(x: Any, value: Any = 0.0) -> Any:
    """One number all over, of the shape of x and in its precision, real where x is complex."""
    return fnp.full_like(x, value, dtype=real_dtype(x))[()]


def square(x: Any) -> Any:
    """|x|², real also for complex x."""
    return fnp.real(x) ** 2 + fnp.imag(x) ** 2 if dtype_of(x).kind == "c" else x * x


def dtype_of(x: Any) -> np.dtype[Any]:
    """The dtype of an array, a traced array or a Python number."""
    return x.dtype if hasattr(x, "dtype") else np.dtype(type(x))


def real_dtype(x: Any) -> np.dtype[Any]:
    """The dtype of |x|."""
    dtype = dtype_of(x)
    return np.dtype(dtype.char.lower()) if dtype.kind == "c" else dtype


def shape_of(x: Any) -> tuple[int, ...]:
    """The shape of an array, a traced array or a number."""
    shape: tuple[int, ...] = getattr(x, "shape", ())
    return shape
