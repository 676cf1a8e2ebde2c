"""Losses: one number for each example, exact for predictions of any size.

    nn.softmax_cross_entropy_with_integer_labels(logits, labels).mean()
    nn.sigmoid_binary_cross_entropy(logits, targets).sum()

Convention. As in optax, a loss gives one value per element (regression, binary) or per row (categorical), and you write
`.mean()` or `.sum()`: `grad` needs a scalar and says so, weights and masks fit in between, and there is no default to remember
(PyTorch's "mean" divides a KL divergence by something else than a cross entropy). Names that begin with `sigmoid_` or
`softmax_` take logits; use these where you can, they are exact where a probability rounds to 0 or 1.

Predictions and targets must have one shape: (4, 1) against (4,) raises instead of becoming (4, 4). Values are checked where
they are known, in arrays that are not traced. Integer and boolean targets take the dtype of the predictions.

Probabilities of 0 and 1. 0 log 0 = 0; the loss of what was predicted to be impossible is inf, and so is its derivative, of
which NumPy warns. PyTorch's `binary_cross_entropy` limits the logarithm to -100 instead.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import numpy as fnp
from ..core.bind import bind
from ..errors import ArgumentError, DtypeError, at_line, shown
from ..numpy.args import axis_of
from ..ops.activations import LabelCost
from ..ops.reductions import take_along
from ..ops.special import log1pexp, xlog1py, xlogy
from .activations import log_softmax, one_hot, relu
from .arguments import check_range, check_shapes, floating, in_bounds, known, pair


def squared_error(predictions: Any, targets: Any) -> Any:
    """(predictions - targets)**2, without a factor 1/2. Mirrors `optax.squared_error`.

    >>> squared_error(np.array([1.0, 2.0]), np.array([1.0, 5.0]))
    array([0., 9.])
    """
    predictions, targets = pair(predictions, targets, "squared_error")
    return fnp.square(predictions - targets)


def l2_loss(predictions: Any, targets: Any) -> Any:
    """Half the squared error, whose derivative is predictions - targets. Mirrors `optax.l2_loss`.

    >>> l2_loss(np.array([1.0, 2.0]), np.array([1.0, 5.0]))
    array([0. , 4.5])
    """
    predictions, targets = pair(predictions, targets, "l2_loss")
    return 0.5 * fnp.square(predictions - targets)


def absolute_error(predictions: Any, targets: Any) -> Any:
    """|predictions - targets|, with derivative 0 where they are equal.

    >>> absolute_error(np.array([1.0, 2.0]), np.array([1.0, 5.0]))
    array([0., 3.])
    """
    predictions, targets = pair(predictions, targets, "absolute_error")
    return fnp.abs(predictions - targets)


def huber_loss(predictions: Any, targets: Any, delta: float = 1.0) -> Any:
    """Half the squared error up to an error of delta, beyond it a line: delta * (|error| - delta / 2). Mirrors `optax.huber_loss`.

    (Huber, 1964.)

    >>> huber_loss(np.array([0.5, 4.0]), np.array([0.0, 0.0]))
    array([0.125, 3.5  ])
    """
    predictions, targets = pair(predictions, targets, "huber_loss")
    size = fnp.abs(predictions - targets)
    inner = fnp.where(size < delta, size, delta)
    return 0.5 * fnp.square(inner) + delta * (size - inner)


def hinge_loss(scores: Any, targets: Any) -> Any:
    """max(0, 1 - target * score) for targets -1 and 1, with derivative 0 at a margin of 1. Mirrors `optax.hinge_loss`.

    (Cortes and Vapnik, 1995.) Raises ArgumentError for known targets other than -1 and 1.

    >>> hinge_loss(np.array([1000.0, 0.5, -1.0]), np.array([1, 1, 1]))
    array([0. , 0.5, 2. ])
    """
    values = known(targets)
    if values is not None and not np.isin(values, (-1, 1)).all():
        fact = f"hinge_loss: targets must be -1 or 1, got {shown(np.unique(values)[:4])}"
        raise ArgumentError(at_line(fact, hint="from labels 0 and 1: targets = 2 * labels - 1"))
    scores, targets = pair(scores, targets, "hinge_loss", "scores and targets")
    return relu(1 - targets * scores)


def multiclass_hinge_loss(scores: Any, labels: Any) -> Any:
    """max(0, 1 + the best wrong score - the score of the label) along the last axis. Mirrors `optax.multiclass_hinge_loss`.

    (Crammer and Singer, 2001.) scores: (..., classes). labels: integers (...). Wrong scores that share the maximum share its
    derivative.

    >>> multiclass_hinge_loss(np.array([[1.0, 3.0, 2.0], [1.0, 3.0, 2.0]]), np.array([0, 1]))
    array([3., 0.])
    """
    scores = floating(scores, "multiclass_hinge_loss")
    right = chosen("multiclass_hinge_loss", scores, labels, -1)
    wrong = fnp.logical_not(one_hot(labels, scores.shape[-1], bool))
    best = fnp.max(scores, axis=-1, where=wrong, initial=-np.inf)
    return relu(1 + best - right)


def sigmoid_binary_cross_entropy(logits: Any, targets: Any) -> Any:
    """-(target log p + (1 - target) log(1 - p)) for p = sigmoid(logit), element by element. Mirrors
    `optax.sigmoid_binary_cross_entropy`.

    targets: probabilities, or labels 0 and 1 (integers and booleans too). The derivative is p - target, for logits of any size; a
    logit of +inf or -inf costs 0 where it is right and inf where it is wrong.

    >>> sigmoid_binary_cross_entropy(np.array([-1000.0, 1000.0, np.inf]), np.array([1, 1, 1]))
    array([1000.,    0.,    0.])
    """
    hint = "hinge_loss takes targets -1 and 1"
    check_range("sigmoid_binary_cross_entropy", "targets", targets, 0, 1, hint)
    logits, targets = pair(logits, targets, "sigmoid_binary_cross_entropy", "logits and targets")
    return weighted(targets, log1pexp(-logits)) + weighted(1 - targets, log1pexp(logits))


def binary_cross_entropy(probabilities: Any, targets: Any) -> Any:
    """-(target log p + (1 - target) log(1 - p)), element by element. See the module for p = 0 and 1.

    Mirrors `torch.nn.functional.binary_cross_entropy` without its limit on the logarithm. Raises ArgumentError where known
    probabilities or targets lie outside of [0, 1].

    >>> binary_cross_entropy(np.array([0.5, 1.0, 0.0]), np.array([1, 1, 0])).round(4)
    array([0.6931, 0.    , 0.    ])
    """
    who = "binary_cross_entropy"
    check_range(who, "probabilities", probabilities, 0, 1, hint="sigmoid_binary_cross_entropy takes logits")
    check_range(who, "targets", targets, 0, 1, hint="hinge_loss takes targets -1 and 1")
    p, targets = pair(probabilities, targets, who, "probabilities and targets")
    return 0.0 - xlogy(targets, p) - xlog1py(1 - targets, -p)  # 0 - x: no loss prints as -0


def softmax_cross_entropy(logits: Any, targets: Any, axis: int = -1) -> Any:
    """-sum(target * log_softmax(logits)) along an axis. Mirrors `optax.softmax_cross_entropy`.

    targets: probabilities with the shape of the logits (one-hot rows, for instance). The derivative is softmax(logits) - target
    where targets add up to 1. Raises DtypeError for integer targets: they could be labels as well as one-hot rows.

    >>> softmax_cross_entropy(np.array([[1000.0, 0.0], [-np.inf, 0.0]]), np.array([[0.0, 1.0], [0.0, 1.0]]))
    array([1000.,    0.])
    """
    logits, targets = distributions("softmax_cross_entropy", logits, targets, "logits")
    return fnp.sum(weighted(targets, -log_softmax(logits, axis)), axis=axis)


def softmax_cross_entropy_with_integer_labels(logits: Any, labels: Any, axis: int = -1) -> Any:
    """-log_softmax(logits) at the label. Mirrors `optax.softmax_cross_entropy_with_integer_labels`.

    labels: integers from 0 to classes - 1, with the shape of the logits without the axis. The derivative is softmax(logits) -
    one_hot(label). A label out of this range raises ArgumentError where it is known, else IndexError when it is used.

    >>> softmax_cross_entropy_with_integer_labels(np.array([[1000.0, 0.0], [0.0, 0.0]]), np.array([1, 0])).round(4)
    array([1.000e+03, 6.931e-01])
    """
    who = "softmax_cross_entropy_with_integer_labels"
    logits = floating(logits, who)
    labels, k, checked = class_labels(who, logits, labels, axis)
    if not checked:
        labels = fnp.take(np.arange(logits.shape[k]), labels)  # which raises where one is out of bounds
    return bind(LabelCost(k), logits, labels)


def cross_entropy(probabilities: Any, targets: Any, axis: int = -1) -> Any:
    """-sum(target * log(p)) along an axis, for two distributions of one shape. See the module for p = 0.

    Raises DtypeError for integer targets and ArgumentError for known probabilities outside of [0, 1].

    >>> cross_entropy(np.array([0.25, 0.75, 0.0]), np.array([1.0, 0.0, 0.0])).round(4)
    np.float64(1.3863)
    """
    check_range("cross_entropy", "probabilities", probabilities, 0, 1, hint="softmax_cross_entropy takes logits")
    p, targets = distributions("cross_entropy", probabilities, targets, "probabilities")
    return -fnp.sum(xlogy(targets, p), axis=axis)


def cross_entropy_with_integer_labels(probabilities: Any, labels: Any, axis: int = -1) -> Any:
    """-log(p) at the label; labels as in `softmax_cross_entropy_with_integer_labels`.

    >>> cross_entropy_with_integer_labels(np.array([[0.25, 0.75], [0.5, 0.5]]), np.array([1, 0])).round(4)
    array([0.2877, 0.6931])
    """
    who = "cross_entropy_with_integer_labels"
    check_range(who, "probabilities", probabilities, 0, 1, hint="softmax_cross_entropy_with_integer_labels takes logits")
    return -fnp.log(chosen(who, floating(probabilities, who), labels, axis))


def kl_divergence(probabilities: Any, targets: Any, axis: int = -1) -> Any:
    """sum(target * log(target / p)) along an axis: Kullback and Leibler's divergence of the targets from p (1951).

    0 where both are equal; terms with target 0 count 0, terms with p = 0 and another target inf. Mirrors the sum of
    `scipy.special.rel_entr(targets, p)`. (`torch.nn.functional.kl_div` and `optax.kl_divergence` take log p: see
    `softmax_kl_divergence`.)

    >>> kl_divergence(np.array([0.5, 0.5]), np.array([1.0, 0.0])).round(4)
    np.float64(0.6931)
    """
    check_range("kl_divergence", "probabilities", probabilities, 0, 1, hint="softmax_kl_divergence takes logits (log p too)")
    check_range("kl_divergence", "targets", targets, 0, 1)
    p, targets = distributions("kl_divergence", probabilities, targets, "probabilities")
    return fnp.sum(xlogy(targets, targets) - xlogy(targets, p), axis=axis)


def softmax_kl_divergence(logits: Any, targets: Any, axis: int = -1) -> Any:
    """`kl_divergence` of targets from softmax(logits): the cross entropy minus the entropy of the targets.

    Logarithms of probabilities are logits too, so this mirrors `optax.kl_divergence`.

    >>> softmax_kl_divergence(np.array([1000.0, 0.0]), np.array([0.0, 1.0]))
    np.float64(1000.0)
    """
    check_range("softmax_kl_divergence", "targets", targets, 0, 1)
    logits, targets = distributions("softmax_kl_divergence", logits, targets, "logits")
    return fnp.sum(xlogy(targets, targets) + weighted(targets, -log_softmax(logits, axis)), axis=axis)


def weighted(weight: Any, cost: Any) -> Any:
    """weight * cost, where a weight of 0 makes 0 of an infinite cost."""
    return weight * fnp.where((weight == 0) & (cost == np.inf), 0, cost)


def distributions(who: str, predictions: Any, targets: Any, name: str) -> tuple[Any, Any]:
    """Predictions and targets of one shape along an axis of classes."""
    dtype = fnp.asarray(targets).dtype
    if dtype.kind in "iub":
        other = f"{who}_with_integer_labels takes class numbers; " if who.endswith("cross_entropy") else ""
        hint = other + "one_hot(labels, classes) makes probabilities of class numbers, .astype(float) of one-hot rows"
        raise DtypeError(at_line(f"{who}: targets must be probabilities, got dtype {dtype}", hint=hint))
    return pair(predictions, targets, who, f"{name} and targets")


def chosen(who: str, rows: Any, labels: Any, axis: int) -> Any:
    """The element at the label along an axis, which is dropped."""
    labels, k, checked = class_labels(who, rows, labels, axis)
    places = fnp.expand_dims(labels, k)
    return fnp.squeeze(take_along(rows, places, k) if checked else fnp.take_along_axis(rows, places, k), k)


def class_labels(who: str, rows: Any, labels: Any, axis: int) -> tuple[Any, int, bool]:
    """Labels for rows along an axis, as indices; the axis, not negative; and whether the labels are known to be in bounds."""
    k = axis_of(axis, rows.ndim, who)
    hint = "classes are counted from 0 (labels - 1 where they begin at 1); to mask rows give them any class and a weight of 0"
    labels, checked = in_bounds(who, "labels", labels, rows.shape[k], hint)
    check_shapes(
        who, "the predictions without the axis of classes and the labels", rows.shape[:k] + rows.shape[k + 1 :], labels.shape
    )
    return labels, k, checked


__all__ = [
    "absolute_error", "binary_cross_entropy", "cross_entropy", "cross_entropy_with_integer_labels", "hinge_loss", "huber_loss",
    "kl_divergence", "l2_loss", "multiclass_hinge_loss", "sigmoid_binary_cross_entropy", "softmax_cross_entropy",
    "softmax_cross_entropy_with_integer_labels", "softmax_kl_divergence", "squared_error",
]  # fmt: skip
