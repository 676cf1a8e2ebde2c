"""Train: `train(loss, params, batches, optimizer)` is the loop; `minibatches`, in batches.py, cuts data into batches.

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
    losses: the loss of each step's batch, before the step, as an array with one element for each step
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
    steps: at most so many; a list or other iterable that can be gone through again then is. Needed for one batch for all steps,
        and for minibatches without epochs
    state: the optimiser's state to go on from, as an earlier result has it
    jit: one jitted function makes the step, else Python does
    callback: `callback(k, value, params)` after step k = 1, 2 ..., with the loss before and the parameters after the step, and aux
        as the fourth with has_aux; a true result ends the training
    progress: True for a bar (tqdm's if installed, else lines on stderr), False for none, None for one when a terminal has to wait

    When the loss becomes nan or infinite NonFiniteError is raised, which names the step and what may be done. Its `result` is what
    a training that ends before the last step with a finite loss would have given: the parameters are those of that loss, which
    the message has, and losses are those before it. Inside another transformation (grad with respect to the learning rate, say)
    the loss is not looked at.
    Errors also: DifferentiationError for a loss that is no scalar and for integers among the parameters, ArgumentError for other
    wrong arguments, a batch that does not fit the loss, and no batches at all.

    >>> result = train(lambda w: (w - 5) ** 2, 0.0, None, ft.optim.sgd(0.1), steps=50)
    >>> round(float(result.params), 3), result.steps, result.losses[:3].round(2)
    (5.0, 50, array([25.  , 16.  , 10.24]))
    """
    check_transformation("train", "optimizer", optimizer)
    check_function("train", "loss", loss, "give a function loss(params, *batch) with a scalar result")
    if callback is not None:
        check_function("train", "callback", callback, "give a function callback(k, value, params)")
    check_parameters(params)
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
        self.before: tuple[Any, Any, Any] = params, state, None  # params, state and aux before the last step
        self.losses: list[Any] = []
        self.start = time.perf_counter()
        self.loss, self.optimizer, self.has_aux, self.jit = loss, optimizer, has_aux, jit
        both = value_and_grad(loss, has_aux=has_aux)

        def update(params: PyTree, state: PyTree, batch: tuple[Any, ...]) -> tuple[Any, PyTree, PyTree]:
            out, grads = both(params, *batch)
            updates, state = optimizer.update(grads, state, params)
            return out, apply_updates(params, updates), state

        self.update = jitted(update) if jit else update

    def step(self, batch: tuple[Any, ...]) -> Any:
        """One step; the loss before it."""
        with np.errstate(all="ignore"):  # what is not finite is found below, and named
            try:
                out, params, state = self.update(self.params, self.state, batch)
            except TypeError:  # ArgumentError is one
                check_batch(self.loss, self.params, batch, self.jit)
                raise
        value, aux = out if self.has_aux else (out, None)
        if not isinstance(value, Tracer) and not math.isfinite(value):
            raise self.not_finite(value, batch)
        self.before = self.params, self.state, self.aux
        self.params, self.state, self.aux = params, state, aux
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
                raise self.not_finite(None, ())

    def not_finite(self, value: Any, batch: tuple[Any, ...]) -> NonFiniteError:
        """The error for a loss of nan or infinity at the parameters reached so far, or of None where no loss is known."""
        k = len(self.losses)
        broken = not_finite_leaf(self.params)
        if k == 0:
            fact = f"train: the loss is {float(value)} at step 1, before any update"
            where = f"params{broken} is not finite" if broken is not None else "the parameters are finite"
            data = data_of(batch) or ", and for nan in what it captures"
            hint = f"{where}: look for log(0), 0/0, sqrt of a negative number or overflow in the loss{data}"
        else:
            became = f"the loss became {float(value)} at step {k + 1}" if value is not None else "the last step went wrong"
            before = f"at step {k} the loss was {float(self.losses[-1]):.6g}"
            if self.optimizer.rate is not None:
                before += f" and the learning rate {float(self.optimizer.rate(self.before[1])):g}"
            fact = f"train: {became}; {before}"
            hint = next_step(broken, k, data_of(batch))
            hint += "; error.result has the parameters and the state of the last finite loss"
        error = NonFiniteError(at_line(fact, hint=hint))
        self.params, self.state, self.aux = self.before
        del self.losses[-1:]  # the step from the last finite loss is undone
        error.result = self.result(fact)
        return error


def data_of(batch: tuple[Any, ...]) -> str:
    """What to say about the data: where they are not finite, if they are not."""
    broken = not_finite_leaf(batch)
    return f"; batch{broken} has nan or infinity in it" if broken is not None else ""


def next_step(broken: str | None, k: int, data: str) -> str:
    """What to try when the loss is not finite after step k."""
    smaller = "try a smaller learning_rate, a warm-up schedule, or ft.optim.chain(ft.optim.clip_by_global_norm(1.0), optimizer)"
    if broken is None:
        where = "the steps were too long, or led to where the loss is not defined (sqrt or log of a negative number)"
        return f"the parameters are finite, so {where}{data}: {smaller}"
    return (
        f"step {k} made params{broken} nan or infinite: {smaller}; if it happens at every rate, the gradient itself is not finite "
        "(sqrt, norm or log at 0, or a division by 0 in a branch of where)"
    )


def not_finite_leaf(params: PyTree) -> str | None:
    """The path of the first leaf with nan or infinity."""
    for path, leaf in pytree.leaves_with_path(params):
        numeric = isinstance(leaf, np.ndarray | Number) and dtype_of(leaf).kind in "fc"
        if numeric and not np.all(np.isfinite(leaf)):
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
