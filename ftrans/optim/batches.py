"""Cut data into batches: `minibatches((x, y), 32, rng, epochs=10)`; and what `train` takes as batches.

for x, y in minibatches((inputs, targets), 32, rng, epochs=10):
    ...
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator
from numbers import Number
from typing import Any

import numpy as np

from .. import pytree
from ..core.trace import Tracer
from ..errors import ArgumentError, ShapeError, at_line, shown
from ..pytree import PyTree
from .base import shape_of
from .schedules import steps as whole


class Minibatches:
    """What `minibatches` gives: an iterable, which starts over, with new shuffles, each time it is gone through."""

    def __init__(
        self, leaves: list[Any], treedef: Any, batch_size: int, rng: np.random.Generator | None, epochs: int | None, drop_last: bool
    ) -> None:
        self.leaves, self.treedef, self.rows = leaves, treedef, shape_of(leaves[0])[0]
        self.batch_size, self.rng, self.epochs, self.drop_last = batch_size, rng, epochs, drop_last

    def __repr__(self) -> str:
        return f"<minibatches of {self.batch_size} of {self.rows} rows, epochs={self.epochs}>"

    def __iter__(self) -> Iterator[PyTree]:
        epoch, n, size = 0, self.rows, self.batch_size
        while self.epochs is None or epoch < self.epochs:
            order = np.arange(n) if self.rng is None else self.rng.permutation(n)
            for start in range(0, n - size + 1 if self.drop_last else n, size):
                yield pytree.unflatten(self.treedef, [x[order[start : start + size]] for x in self.leaves])
            epoch += 1


def minibatches(
    arrays: PyTree, batch_size: int, rng: np.random.Generator | int | None, epochs: int | None = None, *, drop_last: bool = False
) -> Minibatches:
    """Batches of rows of some arrays, shuffled anew for each epoch: an iterable, which may be gone through again and again.

    arrays: a pytree of arrays (a tuple, an array, a dict ...) with the same number of rows; a batch has the same structure
    rng: a NumPy Generator or a seed; None keeps the order. Going through the batches again goes on with it
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
    return Minibatches(leaves, treedef, size, rng, times, drop_last)


# --------------------------------------------------------------------------------------------- the batches of a training


def rounds(batches: Any, steps: int | None) -> Iterator[tuple[Any, ...]]:
    """The batches as tuples of arguments, at most `steps` of them."""
    if batches is None or is_batch(batches):
        if steps is None:
            hint = "say steps=1000; or give a list of batches, or ft.optim.minibatches(...)"
            raise ArgumentError(at_line("train: one batch for all steps needs a number of steps", hint=hint))
        return iter([as_tuple(batches)] * steps)
    if not isinstance(batches, Iterable):
        raise ArgumentError(at_line(f"train: batches must be an iterable, an array or None, got {shown(batches)}"))
    if steps is None and isinstance(batches, Minibatches) and batches.epochs is None:
        hint = "say train(..., steps=1000) or minibatches(..., epochs=10); a callback may end it before"
        raise ArgumentError(at_line("train: minibatches without epochs have no end, so the training would have none", hint=hint))
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
        if made == 0:
            what = "the iterator is at its end" if isinstance(batches, Iterator) else shown(batches)
            hint = "an iterator can be gone through once: make a new one, or give a list or ft.optim.minibatches(...)"
            raise ArgumentError(at_line(f"train: there are no batches: {what}", hint=hint))
        if steps is None or isinstance(batches, Iterator) or made == before:
            return  # each to be had once, or none any more


def check_batch(loss: Callable[..., Any], params: PyTree, batch: tuple[Any, ...], jit: bool) -> None:
    """Raise where a batch is what made the step fail: too many or too few arguments, or under jit a leaf that is no array."""
    try:
        signature = inspect.signature(loss)
    except (TypeError, ValueError):
        signature = None
    if signature is not None:
        try:
            signature.bind(params, *batch)
        except TypeError as error:
            names = list(signature.parameters)[1:]
            example = f"({', '.join(names)}{',' * (len(names) == 1)})"
            got = f"loss(params{', ...' * (len(batch) > 0)}) with {len(batch)} argument{'s' * (len(batch) != 1)} from the batch"
            hint = f"give one batch as a tuple: {example}" + ("; several as a list of such tuples" if len(batch) == 1 else "")
            if not names:
                hint = "the loss takes nothing but the parameters: give None for the batches, and say steps=1000"
            raise ArgumentError(at_line(f"train: the loss cannot be called as {got}: {error}", hint=hint)) from None
    for path, leaf in pytree.leaves_with_path(batch):
        known = isinstance(leaf, np.ndarray | np.generic | Tracer | Number) or hasattr(leaf, "__array__")
        if jit and not known:
            name = f"batch{pytree.keystr(path)}"
            fact = f"train: {name} is {shown(leaf)} of type {type(leaf).__name__}, which is not an array or a number"
            what = "let the loss capture it (a generator then draws anew at every step)"
            raise ArgumentError(at_line(fact, hint=f"{what}, or say jit=False")) from None
