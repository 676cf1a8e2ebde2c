"""Convolution and pooling of images and sequences.

    nn.conv2d(x, w, padding="SAME")        nn.max_pool(x, 2)        nn.avg_pool(x, 3, strides=2)

Images are (batch, channels, height, width), "NCHW", as in PyTorch and by default in `jax.lax.conv`: NumPy's matrix product then
gives the result in its final order, without a transposition (NHWC is taken too, and transposed). One image without a batch axis
works as well, so that a function of one example can be mapped by `vmap`. A convolution is what statistics calls a
cross-correlation, as in all these libraries: out[p] = sum of w[k] * x[p + k], the kernel is not turned.

padding: "VALID" (none), "SAME" (as many windows as ceil(n / stride); where the zeros are odd in number the last one goes to the
end, as in JAX and TensorFlow), an int for both sides of every axis, an int for each axis, or a pair (before, after) for each
axis.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from .. import numpy as fnp
from ..core.bind import bind
from ..errors import ArgumentError, ShapeError, at_line, shown
from ..ops.conv import Conv
from ..ops.windows import Sizes, WindowMax, WindowSum, places
from .arguments import floating, per_axis, real

Padding = str | int | Sequence[int] | Sequence[tuple[int, int]]

FORMATS = {1: ("NCW", "NWC"), 2: ("NCHW", "NHWC"), 3: ("NCDHW", "NDHWC")}
AXES = {1: "width", 2: "height, width", 3: "depth, height, width"}


def conv2d(
    x: Any,
    w: Any,
    *,
    strides: int | Sequence[int] = 1,
    padding: Padding = "VALID",
    dilation: int | Sequence[int] = 1,
    groups: int = 1,
    data_format: str = "NCHW",
) -> Any:
    """The convolution (cross-correlation) of images x with kernels w.

    x: (n, c, h, w) or (c, h, w); with data_format "NHWC" (n, h, w, c) or (h, w, c). w: (o, c / groups, kh, kw), with "NHWC"
    (kh, kw, c / groups, o). The result has o channels and along each axis floor((n + padding - dilation * (k - 1) - 1) /
    stride) + 1 elements; see the module for padding. groups: group i of the output channels sees group i of the input channels.
    The dtypes of x and w are promoted.

    Raises ShapeError for wrong ranks, channels that differ, groups that do not divide the channels, a kernel that is larger
    than the padded image. Mirrors `torch.nn.functional.conv2d` without bias, and `jax.lax.conv_general_dilated`.

    >>> conv2d(np.arange(25.0).reshape(1, 5, 5), np.full((1, 1, 3, 3), 1 / 9)).round(9)
    array([[[ 6.,  7.,  8.],
            [11., 12., 13.],
            [16., 17., 18.]]])
    """
    return conv(x, w, 2, "conv2d", strides, padding, dilation, groups, data_format)


def conv1d(
    x: Any,
    w: Any,
    *,
    strides: int | Sequence[int] = 1,
    padding: Padding = "VALID",
    dilation: int | Sequence[int] = 1,
    groups: int = 1,
    data_format: str = "NCW",
) -> Any:
    """The convolution of sequences x (n, c, w) or (c, w) with kernels w (o, c / groups, k); see `conv2d`.

    Mirrors `torch.nn.functional.conv1d` without bias. With data_format "NWC" x is (n, w, c) and w (k, c / groups, o).

    >>> conv1d(np.array([[1.0, 2.0, 4.0, 8.0]]), np.array([[[-1.0, 1.0]]]))
    array([[1., 2., 4.]])
    """
    return conv(x, w, 1, "conv1d", strides, padding, dilation, groups, data_format)


def conv(
    x: Any, w: Any, d: int, who: str, strides: Any, padding: Padding, dilation: Any, groups: int, data_format: str
) -> Any:  # fmt: skip
    """The convolution along d axes."""
    x, w = fnp.asarray(x), fnp.asarray(w)
    last = channels_last(who, data_format, d)
    check_rank(who, x, d, last)
    if w.ndim != d + 2:
        order = f"({AXES[d]}, in / groups, out)" if last else f"(out, in / groups, {AXES[d]})"
        raise ShapeError(at_line(f"{who}: the weights have shape {w.shape}, expected {d + 2} axes: {order}"))
    check_channels(who, x.shape, w.shape, d, groups, last)
    strides, dilation = per_axis(who, "strides", strides, d), per_axis(who, "dilation", dilation, d)
    single = x.ndim == d + 1
    if single:
        x = fnp.expand_dims(x, 0)
    if last:
        x, w = fnp.moveaxis(x, -1, 1), fnp.transpose(w, (d + 1, d, *range(d)))
    pads = pads_of(who, padding, x.shape[2:], w.shape[2:], strides, dilation)
    size = counts(who, x.shape[2:], w.shape[2:], strides, dilation, pads)
    y = bind(Conv("y", strides, pads, dilation, groups, size), x, w)
    y = fnp.moveaxis(y, 1, -1) if last else y
    return fnp.reshape(y, y.shape[1:]) if single else y


def channels_last(who: str, data_format: str, d: int) -> bool:
    """Whether a data format puts the channels last; raises unless it is one for d axes."""
    if data_format not in FORMATS[d]:
        raise ArgumentError(at_line(f"{who}: data_format must be {' or '.join(map(repr, FORMATS[d]))}, got {shown(data_format)}"))
    return data_format == FORMATS[d][1]


def check_rank(who: str, x: Any, d: int, last: bool) -> None:
    """Raise unless x is a batch of images, or one image."""
    if x.ndim not in (d + 1, d + 2):
        one = f"{AXES[d]}, channels" if last else f"channels, {AXES[d]}"
        hint = f"x[{'..., None' if last else 'None'}] adds an axis for the channels" if x.ndim == d else ""
        raise ShapeError(at_line(f"{who}: the input has shape {x.shape}, expected (batch, {one}) or ({one})", hint=hint))


def check_channels(who: str, x: Sizes, w: Sizes, d: int, groups: int, last: bool) -> None:
    """Raise unless the channels of an input and of weights fit together."""
    channels = x[-1] if last else x[-1 - d]
    taken, out = (w[-2], w[-1]) if last else (w[1], w[0])
    if not isinstance(groups, int | np.integer):
        raise ArgumentError(at_line(f"{who}: groups must be a positive int, got {shown(groups)}"))
    if groups < 1 or channels % groups or out % groups:
        raise ShapeError(
            at_line(f"{who}: groups={groups} must divide the {channels} channels of the input and the {out} channels of the output")
        )
    if channels != taken * groups:
        within = f" in each of {groups} groups" if groups > 1 else ""
        layouts = "(..., in) and (..., in / groups, out)" if last else "(batch, in, ...) and (out, in / groups, ...)"
        raise ShapeError(
            at_line(
                f"{who}: the input of shape {x} has {channels} channels, the weights of shape {w} take {taken}{within}",
                hint=f"the layouts are {layouts}",
            )
        )


def pads_of(
    who: str, padding: Padding, shape: Sizes, size: Sizes, strides: Sizes, dilation: Sizes
) -> tuple[tuple[int, int], ...]:  # fmt: skip
    """The padding before and after each axis."""
    d = len(shape)
    if isinstance(padding, str):
        if padding.upper() == "VALID":
            return ((0, 0),) * d
        if padding.upper() == "SAME":
            spans = [(-(-n // s) - 1) * s + (k - 1) * g + 1 for n, k, s, g in zip(shape, size, strides, dilation, strict=True)]
            missing = [max(span - n, 0) for span, n in zip(spans, shape, strict=True)]
            return tuple([(m // 2, m - m // 2) for m in missing])
    pairs: Any = (padding,) * d if isinstance(padding, int | np.integer) else padding
    try:
        found = tuple([(int(p), int(p)) if isinstance(p, int | np.integer) else (int(p[0]), int(p[1])) for p in pairs])
    except (TypeError, ValueError, IndexError):
        found = ()
    if len(found) != d or min(itertools.chain(*found)) < 0:
        raise ArgumentError(
            at_line(
                f"{who}: padding must be 'VALID', 'SAME', an int, {d} ints or {d} pairs (before, after), none negative, "
                f"got {shown(padding)}"
            )
        )
    return found


def counts(who: str, shape: Sizes, size: Sizes, strides: Sizes, dilation: Sizes, pads: Any) -> Sizes:
    """How many windows there are along each axis; raises where there is none."""
    padded = tuple([n + a + b for n, (a, b) in zip(shape, pads, strict=True)])
    found = tuple(map(places, padded, size, strides, dilation))
    if min(found) < 1:
        spans = tuple([(k - 1) * g + 1 for k, g in zip(size, dilation, strict=True)])
        raise ShapeError(
            at_line(
                f"{who}: a window of shape {spans} does not fit into the input of spatial shape {shape}"
                + (f", padded to {padded}" if padded != shape else ""),
                hint='take a smaller window, or padding="SAME"',
            )
        )
    return found


def max_pool(
    x: Any,
    window: int | Sequence[int],
    *,
    strides: int | Sequence[int] | None = None,
    padding: Padding = "VALID",
    dilation: int | Sequence[int] = 1,
    data_format: str | None = None,
) -> Any:
    """The maximum over each window; the derivative is that of the first element that reaches it, as in PyTorch.

    x: (..., h, w), or (..., h, w, c) with data_format "NHWC". window: an int, which means two axes, or one for each axis;
    strides: as far as the window is long unless given. Padding never wins: it counts as -inf, and must be smaller than the
    window.

    Raises ShapeError where no window fits. Mirrors `torch.nn.functional.max_pool2d`.

    >>> max_pool(np.arange(16.0).reshape(4, 4), 2)
    array([[ 5.,  7.],
           [13., 15.]])
    """
    x = real(x, "max_pool")
    x, layout, last = pooling("max_pool", x, window, strides, padding, dilation, data_format)
    size, steps, gaps, pads = layout
    if any(itertools.chain(*pads)):
        lowest = -np.inf if x.dtype.kind == "f" else False if x.dtype.kind == "b" else np.iinfo(x.dtype).min
        x = fnp.pad(x, [(0, 0)] * (x.ndim - len(pads)) + list(pads), constant_values=lowest)
    else:
        pads = ()
    y = bind(WindowMax(size, steps, gaps, pads), x)
    return fnp.moveaxis(y, -1 - len(size), -1) if last else y


def avg_pool(
    x: Any,
    window: int | Sequence[int],
    *,
    strides: int | Sequence[int] | None = None,
    padding: Padding = "VALID",
    count_include_pad: bool = True,
    data_format: str | None = None,
) -> Any:
    """The mean over each window; arguments as in `max_pool`. Integers become float64.

    count_include_pad: whether the zeros of the padding count as elements, as they do in PyTorch unless told otherwise.

    Mirrors `torch.nn.functional.avg_pool2d`.

    >>> avg_pool(np.arange(16.0).reshape(4, 4), 2)
    array([[ 2.5,  4.5],
           [10.5, 12.5]])
    """
    x = floating(x, "avg_pool")
    x, layout, last = pooling("avg_pool", x, window, strides, padding, 1, data_format)
    size, steps, gaps, pads = layout
    op, number = WindowSum(size, steps, gaps), math.prod(size)
    if any(itertools.chain(*pads)):
        around = [(0, 0)] * (x.ndim - len(pads)) + list(pads)
        if not count_include_pad:
            inside = np.ones([1] * (x.ndim - len(pads)) + list(x.shape[-len(pads) :]), x.dtype)
            number = op.eval(np.pad(inside, around))
        x = fnp.pad(x, around)
    y = bind(op, x) / number
    return fnp.moveaxis(y, -1 - len(size), -1) if last else y


def pooling(
    who: str, x: Any, window: Any, strides: Any, padding: Padding, dilation: Any, data_format: str | None
) -> tuple[Any, tuple[Any, ...], bool]:  # fmt: skip
    """Arguments of a pooling: x with the pooled axes last, (size, strides, dilation, pads), and whether channels were last."""
    d = 2 if isinstance(window, int | np.integer) else len(tuple(window))
    if d not in FORMATS:
        raise ArgumentError(at_line(f"{who}: a window has 1 to 3 axes, got {shown(window)}"))
    last = channels_last(who, data_format or FORMATS[d][0], d)
    size = per_axis(who, "window", window, d)
    strides = size if strides is None else per_axis(who, "strides", strides, d)
    dilation = per_axis(who, "dilation", dilation, d)
    if x.ndim < d + last:
        raise ShapeError(at_line(f"{who}: a window of {d} axes does not fit into an input of shape {x.shape}"))
    if last:
        x = fnp.moveaxis(x, -1, -1 - d)
    pads = pads_of(who, padding, x.shape[-d:], size, strides, dilation)
    if any([max(pair) > (k - 1) * g for pair, k, g in zip(pads, size, dilation, strict=True)]):
        raise ArgumentError(at_line(f"{who}: the padding {pads} must be smaller than the window {size}"))
    counts(who, x.shape[-d:], size, strides, dilation, pads)
    return x, (size, strides, dilation, pads), last


__all__ = ["avg_pool", "conv1d", "conv2d", "max_pool"]
