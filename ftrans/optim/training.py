"""Train: `train(loss, params, batches, optimizer)` is the loop, `minibatches(arrays, batch_size, rng)` cuts data into batches.

    result = ft.optim.train(loss, params, ft.optim.minibatches((x, y), 32, rng, epochs=10), ft.optim.adam(1e-3))

`result.params` and `result.losses` are what one wants of it. A loop of one's own needs only `opt.update` and `apply_updates`.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from numbers import Number
from typing import Any

import numpy as np

from .. import numpy as fnp
from .. import pytree
from ..core.trace import Tracer
from ..errors import ArgumentError, DifferentiationError, NonFiniteError, at_line, shown
from ..jit.api import jit as jitted
from ..pytree import PyTree
from ..transforms.grad import value_and_grad
from .base import GradientTransformation, apply_updates, check_function, dtype_of
from .batches import check_batch, rounds
from .combining import check_transformation
from .progress import Progress
from .schedules import steps as whole


@dataclass
class TrainResult:
    """Where a training ended.

    params, state: the parameters and the optimiser's state after the last step
    losses: the loss of each step's batch, before the step, as an array
    steps: how many steps were made
    seconds: how long it took
    message: why it ended
    aux: what the loss returned besides its value at the last step, with has_aux
    """

    params: PyTree = field(repr=False)
    state: PyTree = field(repr=False)
    losses: Any = field(repr=False)
    steps: int
    seconds: float
    message: str
    aux: Any = field(default=None, repr=False)


def train(
    loss: Callable[..., Any],
    params: PyTree,
    batches: Any,
    optimizer: GradientTransformation,
    *,
    steps: int | None = None,
    state: PyTree | None = None,
    has_aux: bool = False,
    jit: bool = True,
    callback: Callable[..., Any] | None = None,
    progress: bool | None = None,
) -> TrainResult:
    """Lower `loss(params, *batch)` step by step: its gradient, the optimiser's update, the next batch.

    loss: a function with a scalar result; with has_aux (scalar, anything else)
    params: a pytree of floating arrays (dicts, lists, dataclasses, modules of ft.nn); each leaf keeps its dtype, none is changed
    batches: an iterable of batches, each a tuple of arguments, or one argument that is no tuple; or one batch for all steps:
        a tuple of arrays, an array, a dict, or None or () for a loss without data
    steps: at most so many; a list or other iterable that can be gone through again then is. Needed for one batch for all steps
    state: the optimiser's state to go on from, as an earlier result has it
    jit: one jitted function makes the step, else Python does
    callback: `callback(k, value, params)` after step k = 1, 2 ..., with the loss before and the parameters after the step, and aux
        as the fourth with has_aux; a true result ends the training
    progress: True for a bar (tqdm's if installed, else lines on stderr), False for none, None for one when a terminal has to wait

    When the loss becomes nan or infinite NonFiniteError is raised, which names the step and what may be done; its `result` holds
    the parameters, and all losses up to the last finite one, which is theirs. Inside another transformation (grad with respect to
    the learning rate, say) the loss is not looked at.
    Errors also: DifferentiationError for a loss that is no scalar, ArgumentError for wrong arguments.

    >>> result = train(lambda w: (w - 5) ** 2, 0.0, None, ft.optim.sgd(0.1), steps=50)
    >>> round(float(result.params), 3), result.steps, result.losses[:3].round(2)
    (5.0, 50, array([25.  , 16.  , 10.24]))
    """
    check_transformation("train", "optimizer", optimizer)
    check_function("train", "loss", loss, "give a function loss(params, *batch) with a scalar result")
    if callback is not None:
        check_function("train", "callback", callback, "give a function callback(k, value, params)")
    params = pytree.map(as_result, params)
    feed = rounds(batches, None if steps is None else whole("train", "steps", steps, 0))
    run = Run(loss, optimizer, has_aux, jit, params, optimizer.init(params) if state is None else state)
    message = f"made all {steps} steps" if steps is not None else "came to the end of the batches"
    with Progress("train", steps, progress) as bar:
        for batch in feed:
            value = run.step(batch)
            if not isinstance(value, Tracer):
                bar.show(len(run.losses), float(value))
            if callback and callback(len(run.losses), value, run.params, *([run.aux] if has_aux else [])):
                message = "the callback ended it"
                break
        else:
            if steps is not None and len(run.losses) < steps:
                message = f"came to the end of the batches after {len(run.losses)} of {steps} steps"
    run.check_last()
    return run.result(message)


class Run:
    """The training as far as it is."""

    def __init__(
        self, loss: Any, optimizer: GradientTransformation, has_aux: bool, jit: bool, params: PyTree, state: PyTree
    ) -> None:
        self.params, self.state, self.aux = params, state, None
        self.before = params, state  # before the last step
        self.losses: list[Any] = []
        self.start = time.perf_counter()
        self.optimizer, self.has_aux = optimizer, has_aux
        both = value_and_grad(loss, has_aux=has_aux)

        def update(params: PyTree, state: PyTree, batch: tuple[Any, ...]) -> tuple[Any, PyTree, PyTree]:
            out, grads = both(params, *batch)
            updates, state = optimizer.update(grads, state, params)
            return out, apply_updates(params, updates), state

        self.update = jitted(update) if jit else update

    def step(self, batch: tuple[Any, ...]) -> Any:
        """One step; the loss before it."""
        with np.errstate(all="ignore"):  # what is not finite is found below, and named
            out, params, state = self.update(self.params, self.state, batch)
        value, self.aux = out if self.has_aux else (out, None)
        if not isinstance(value, Tracer) and not math.isfinite(value):
            raise self.not_finite(value)
        self.before = self.params, self.state
        self.params, self.state = params, state
        self.losses.append(value)
        return value

    def result(self, message: str) -> TrainResult:
        """What there is now."""
        traced = any([isinstance(x, Tracer) for x in self.losses])
        losses = fnp.stack(self.losses) if traced else np.array(self.losses)
        seconds = time.perf_counter() - self.start
        return TrainResult(self.params, self.state, losses, len(self.losses), seconds, message, self.aux)

    def check_last(self) -> None:
        """Raise when the last step made the parameters nan or infinite: no loss has shown it yet."""
        if not any([isinstance(x, Tracer) for x in pytree.leaves(self.params)]):
            broken = not_finite_leaf(self.params)
            if broken is not None and not_finite_leaf(self.before[0]) is None:
                raise self.not_finite(None)

    def not_finite(self, value: Any) -> NonFiniteError:
        """The error for a loss of nan or infinity at the parameters reached so far, or of None where no loss is known."""
        k = len(self.losses)
        broken = not_finite_leaf(self.params)
        if k == 0:
            fact = f"train: the loss is {float(value)} at step 1, before any update"
            where = f"params{broken} is not finite" if broken is not None else "the parameters are finite"
            hint = f"{where}: look for log(0), 0/0, sqrt of a negative number or overflow in the loss, and for nan in the data"
        else:
            became = f"the loss became {float(value)} at step {k + 1}" if value is not None else "the last step went wrong"
            before = f"at step {k} the loss was {float(self.losses[-1]):.6g}"
            if self.optimizer.rate is not None:
                before += f" and the learning rate {float(self.optimizer.rate(self.before[1])):g}"
            fact = f"train: {became}; {before}"
            hint = next_step(broken, k)
            hint += "; error.result has the parameters and the state of the last finite loss"
        error = NonFiniteError(at_line(fact, hint=hint))
        self.params, self.state = self.before
        error.result = self.result(fact)
        error.result.steps = max(k - 1, 0)  # the step from the last finite loss is undone
        return error


def next_step(broken: str | None, k: int) -> str:
    """What to try when the loss is not finite after step k."""
    smaller = "try a smaller learning_rate, a warm-up schedule, or ft.optim.chain(ft.optim.clip_by_global_norm(1.0), optimizer)"
    if broken is None:
        return f"the parameters are finite, so the steps were too long, or this batch has nan: {smaller}"
    return (
        f"step {k} made params{broken} nan or infinite: {smaller}; if it happens at every rate, the gradient itself is not finite "
        "(sqrt, norm or log at 0, or a division by 0 in a branch of where)"
    )


def not_finite_leaf(params: PyTree) -> str | None:
    """The path of the first leaf with nan or infinity."""
    for path, leaf in pytree.leaves_with_path(params):
        if not np.all(np.isfinite(leaf)):
            return pytree.keystr(path)
    return None


def check_parameters(params: PyTree) -> None:
    """Raise unless every leaf is a real or complex number, or an array of them."""
    for path, leaf in pytree.leaves_with_path(params):
        name = f"params{pytree.keystr(path)}"
        if not isinstance(leaf, np.ndarray | Tracer | Number) and not hasattr(leaf, "__array__"):
            hint = "take it out of the parameters: let the loss capture it, or mark a field of a dataclass static"
            fact = f"train: {name} is {shown(leaf)} of type {type(leaf).__name__}, which is not an array or a number"
            raise ArgumentError(at_line(fact, hint=hint))
        if isinstance(leaf, np.ndarray | Number) and dtype_of(leaf).kind in "iub":
            hint = "write 2.0 for 2 or convert with .astype(float), or let the loss capture it"
            raise DifferentiationError(at_line(f"train: {name} has dtype {dtype_of(leaf)} and so no gradient", hint=hint))


def as_result(x: Any) -> Any:
    """A leaf as steps return it: NumPy scalars for Python floats and arrays without axes, so that all steps have one signature."""
    if type(x) is float:
        return np.float64(x)
    return x[()] if isinstance(x, np.ndarray) and x.ndim == 0 else x


def rounds(batches: Any, steps: int | None) -> Iterator[tuple[Any, ...]]:
    """The batches as tuples of arguments, at most `steps` of them."""
    if batches is None or is_batch(batches):
        if steps is None:
            hint = "say steps=1000; or give a list of batches, or ft.optim.minibatches(...)"
            raise ArgumentError(at_line("train: one batch for all steps needs a number of steps", hint=hint))
        return iter([as_tuple(batches)] * steps)
    if not isinstance(batches, Iterable):
        raise ArgumentError(at_line(f"train: batches must be an iterable, an array or None, got {shown(batches)}"))
    return again(batches, steps)


def is_batch(x: Any) -> bool:
    """Whether this is one batch: an array, a tuple of arrays and numbers, or a dict."""
    if isinstance(x, tuple):
        return all([isinstance(each, np.ndarray | Tracer | Number) for each in x])
    return isinstance(x, np.ndarray | Tracer | dict)


def as_tuple(batch: Any) -> tuple[Any, ...]:
    """The arguments that a batch is."""
    if batch is None:
        return ()
    return batch if isinstance(batch, tuple) else (batch,)


def again(batches: Iterable[Any], steps: int | None) -> Iterator[tuple[Any, ...]]:
    """Go through the batches; from the start again while steps are left and it can be."""
    made = 0
    while steps is None or made < steps:
        before = made
        for batch in batches:
            yield as_tuple(batch)
            made += 1
            if made == steps:
                return
        if steps is None or isinstance(batches, Iterator) or made == before:
            return  # each to be had once, or none at all


def minibatches(
    arrays: PyTree, batch_size: int, rng: np.random.Generator | int | None, epochs: int | None = None, *, drop_last: bool = False
) -> Iterator[PyTree]:
    """Batches of rows of some arrays, shuffled anew for each epoch.

    arrays: a pytree of arrays (a tuple, an array, a dict ...) with the same number of rows; a batch has the same structure
    rng: a NumPy Generator or a seed; None keeps the order
    epochs: how often to go through the rows; None for ever
    drop_last: leave out the last batch of an epoch when it is smaller

    Errors: ShapeError where the numbers of rows differ, ArgumentError for a wrong batch_size or rng.

    >>> for x, y in minibatches((np.arange(5), np.arange(5) ** 2), 2, rng=None, epochs=1):
    ...     print(x, y)
    [0 1] [0 1]
    [2 3] [4 9]
    [4] [16]
    """
    leaves, treedef = pytree.flatten(arrays)
    rows = {shape_of(x)[:1] for x in leaves}
    if len(rows) != 1 or () in rows:
        shapes = [f"arrays{pytree.keystr(path)} {shape_of(x)}" for path, x in pytree.leaves_with_path(arrays)]
        fact = f"minibatches: the arrays must have the same number of rows, got {', '.join(shapes) or 'no arrays'}"
        raise ShapeError(at_line(fact, hint="the first axis of each array counts the examples"))
    ((n,),) = rows
    size = whole("minibatches", "batch_size", batch_size, 1)
    times = None if epochs is None else whole("minibatches", "epochs", epochs, 0)
    if n == 0 or (drop_last and n < size):
        hint = "use a smaller batch_size, or drop_last=False" if n else ""
        raise ArgumentError(at_line(f"minibatches: {n} rows make no batch of {size}", hint=hint))
    if isinstance(rng, int | np.integer) and not isinstance(rng, bool):
        rng = np.random.default_rng(rng)
    if rng is not None and not isinstance(rng, np.random.Generator):
        raise ArgumentError(at_line(f"minibatches: rng must be a numpy.random.Generator, a seed or None, got {shown(rng)}"))

    def batches() -> Iterator[PyTree]:
        epoch = 0
        while times is None or epoch < times:
            order = np.arange(n) if rng is None else rng.permutation(n)
            for start in range(0, n - size + 1 if drop_last else n, size):
                yield pytree.unflatten(treedef, [x[order[start : start + size]] for x in leaves])
            epoch += 1

    return batches()
