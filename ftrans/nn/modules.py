"""Layers as values: dataclasses of arrays that are called like functions.

    model = nn.Sequential(nn.Linear.init(rng, 2, 8), nn.tanh, nn.Linear.init(rng, 8, 1))
    value, slope = ft.value_and_grad(lambda m: nn.squared_error(m(x), y).mean())(model)
    model = ft.tree.map(lambda p, g: p - 0.1 * g, model, slope)

A layer is a pytree: its arrays are leaves, everything else (strides, rates, functions) is part of its structure. So it goes
wherever arrays go: through `grad`, `jvp`, `vmap`, `jit`, and the gradient of a layer is a layer of the same class that holds
gradients. Nothing is registered and nothing is changed in place; `dataclasses.replace(layer, bias=None)` makes another one.

`Linear(weight, bias)` takes arrays, `Linear.init(rng, 3, 4)` draws them. A layer that draws numbers when it is called takes a
generator: `model(x, rng=rng)` trains, `model(x)` evaluates. Your own layer is a dataclass with a `__call__`; fields of it that
are no arrays have `metadata={"static": True}`.
"""

from __future__ import annotations

import dataclasses
import functools
import inspect
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .. import numpy as fnp
from ..core.aval import SHORT
from ..errors import ArgumentError, ShapeError, at_line, shown
from . import init as initial
from .arguments import in_bounds, per_axis
from .normalise import check_rate, dropout, layer_norm
from .spatial import FORMATS, Padding, avg_pool, conv, max_pool

Init = Callable[..., Any]

STATIC = {"static": True}  # metadata of fields that belong to the structure


class Module:
    """What the layers have in common: they print with the shapes of their arrays.

    They are compared by identity (eq=False), as the equality of arrays is not one bool.
    """

    def __repr__(self) -> str:
        fields = [(f, getattr(self, f.name)) for f in dataclasses.fields(self)]  # type: ignore[arg-type]
        parts = [f"{f.name}={described(v)}" for f, v in fields if v is not f.default]
        return f"{type(self).__name__}({', '.join(parts)})"


def described(v: Any) -> str:
    """A field's value, an array by its dtype and shape."""
    if hasattr(v, "shape") and hasattr(v, "dtype"):
        return f"{SHORT.get(v.dtype.name, v.dtype.name)}[{','.join(map(str, v.shape))}]"
    return shown(v)


def check_bias(who: str, bias: Any, weight: Any, outputs: int) -> None:
    """Raise unless a bias is one number or has one for each output: another would be broadcast against them."""
    if bias is not None and fnp.shape(bias) not in ((), (outputs,)):
        raise ShapeError(
            at_line(
                f"{who}: the bias has shape {fnp.shape(bias)}, expected ({outputs},) for weights of shape {weight.shape}",
                hint="a bias has one number for each output",
            )
        )


@dataclass(frozen=True, eq=False, repr=False)
class Linear(Module):
    """x @ weight + bias, along the last axis of x.

    weight: (inputs, outputs), so that there is nothing to transpose (PyTorch's is (outputs, inputs)). bias: (outputs,) or None.
    Raises ShapeError where x has another number of features.

    >>> Linear(np.array([[1.0, 0.0], [0.0, 2.0]]), np.array([0.0, 1.0]))(np.array([3.0, 4.0]))
    array([3., 9.])
    """

    weight: Any
    bias: Any = None

    @classmethod
    def init(
        cls,
        rng: Any,
        inputs: int,
        outputs: int,
        *,
        bias: bool = True,
        weight_init: Init = initial.lecun_normal,
        bias_init: Init = initial.zeros,
        dtype: Any = np.float64,
    ) -> Linear:
        """A layer for `inputs` features with random weights and, unless bias=False, a bias of zeros.

        >>> Linear.init(np.random.default_rng(0), 3, 4)
        Linear(weight=f64[3,4], bias=f64[4])
        """
        draw = functools.partial(initial.drawn, "Linear.init", rng, dtype=dtype)
        return cls(draw(weight_init, (inputs, outputs)), draw(bias_init, (outputs,)) if bias else None)

    def __call__(self, x: Any) -> Any:
        x = fnp.asarray(x)
        if not x.ndim or x.shape[-1] != self.weight.shape[0]:
            raise ShapeError(
                at_line(
                    f"Linear: the input has shape {x.shape}, but the weights have shape {self.weight.shape}",
                    hint=f"the last axis of the input must have size {self.weight.shape[0]}",
                )
            )
        check_bias("Linear", self.bias, self.weight, self.weight.shape[1])
        y = x @ self.weight
        return y if self.bias is None else y + self.bias


@dataclass(frozen=True, eq=False, repr=False)
class Conv(Module):
    """A convolution with a bias for each channel; see `conv2d` for layouts and options, and for errors.

    weight: (out, in / groups, height, width), or (height, width, in / groups, out) where data_format is "NHWC"; with three axes
    it is a `conv1d`. bias: (out,) or None.

    >>> blur = Conv(np.full((1, 1, 3, 3), 1 / 9), padding="SAME")
    >>> blur(np.ones((1, 4, 4))).round(2)
    array([[[0.44, 0.67, 0.67, 0.44],
            [0.67, 1.  , 1.  , 0.67],
            [0.67, 1.  , 1.  , 0.67],
            [0.44, 0.67, 0.67, 0.44]]])
    """

    weight: Any
    bias: Any = None
    strides: int | tuple[int, ...] = field(default=1, metadata=STATIC)
    padding: Padding = field(default="VALID", metadata=STATIC)
    dilation: int | tuple[int, ...] = field(default=1, metadata=STATIC)
    groups: int = field(default=1, metadata=STATIC)
    data_format: str | None = field(default=None, metadata=STATIC)

    @classmethod
    def init(
        cls,
        rng: Any,
        inputs: int,
        outputs: int,
        size: int | Sequence[int],
        *,
        strides: int | Sequence[int] = 1,
        padding: Padding = "VALID",
        dilation: int | Sequence[int] = 1,
        groups: int = 1,
        data_format: str | None = None,
        bias: bool = True,
        weight_init: Init = initial.lecun_normal,
        bias_init: Init = initial.zeros,
        dtype: Any = np.float64,
    ) -> Conv:
        """A layer from `inputs` to `outputs` channels. size: of the kernel; an int means two axes of this size.

        weight_init is asked for the shape (*size, inputs / groups, outputs), whatever the layout.

        >>> Conv.init(np.random.default_rng(0), 3, 8, 5, padding="SAME")
        Conv(weight=f64[8,3,5,5], bias=f64[8], padding='SAME')
        """
        d = 2 if isinstance(size, int) else len(size)
        if groups < 1 or inputs % groups or outputs % groups:
            raise ShapeError(
                at_line(f"Conv: groups={groups} must divide the {inputs} input channels and the {outputs} output channels")
            )
        draw = functools.partial(initial.drawn, "Conv.init", rng, dtype=dtype)
        weight = draw(weight_init, (*per_axis("Conv", "size", size, d), inputs // groups, outputs))
        if data_format in (None, FORMATS[d][0]):
            weight = fnp.ascontiguousarray(fnp.transpose(weight, (d + 1, d, *range(d))))
        options = [tuple_of(v) for v in (strides, padding, dilation, groups, data_format)]
        return cls(weight, draw(bias_init, (outputs,)) if bias else None, *options)

    def __call__(self, x: Any) -> Any:
        d = self.weight.ndim - 2
        data_format = self.data_format or FORMATS[d][0]
        y = conv(x, self.weight, d, "Conv", self.strides, self.padding, self.dilation, self.groups, data_format)
        if self.bias is None:
            return y
        last = data_format == FORMATS[d][1]
        check_bias("Conv", self.bias, self.weight, self.weight.shape[-1 if last else 0])
        bias = self.bias if last else fnp.reshape(self.bias, (-1, *[1] * d))
        return y + bias


def tuple_of(value: Any) -> Any:
    """Lists as tuples, all the way down: static fields must be hashable."""
    return tuple([tuple_of(v) for v in value]) if isinstance(value, list | tuple) else value


@dataclass(frozen=True, eq=False, repr=False)
class MaxPool(Module):
    """`max_pool` with fixed options.

    >>> MaxPool(2)(np.arange(16.0).reshape(4, 4))
    array([[ 5.,  7.],
           [13., 15.]])
    """

    window: int | tuple[int, ...] = field(metadata=STATIC)
    strides: int | tuple[int, ...] | None = field(default=None, metadata=STATIC)
    padding: Padding = field(default="VALID", metadata=STATIC)
    data_format: str | None = field(default=None, metadata=STATIC)

    def __call__(self, x: Any) -> Any:
        return max_pool(x, self.window, strides=self.strides, padding=self.padding, data_format=self.data_format)


@dataclass(frozen=True, eq=False, repr=False)
class AvgPool(Module):
    """`avg_pool` with fixed options.

    >>> AvgPool(2)(np.arange(16.0).reshape(4, 4))
    array([[ 2.5,  4.5],
           [10.5, 12.5]])
    """

    window: int | tuple[int, ...] = field(metadata=STATIC)
    strides: int | tuple[int, ...] | None = field(default=None, metadata=STATIC)
    padding: Padding = field(default="VALID", metadata=STATIC)
    count_include_pad: bool = field(default=True, metadata=STATIC)
    data_format: str | None = field(default=None, metadata=STATIC)

    def __call__(self, x: Any) -> Any:
        return avg_pool(
            x,
            self.window,
            strides=self.strides,
            padding=self.padding,
            count_include_pad=self.count_include_pad,
            data_format=self.data_format,
        )


@dataclass(frozen=True, eq=False, repr=False)
class Flatten(Module):
    """The last `axes` axes made one: the channels, height and width of an image, with or without a batch axis before them.

    >>> Flatten()(np.zeros((10, 3, 4, 4))).shape, Flatten()(np.zeros((3, 4, 4))).shape
    ((10, 48), (48,))
    """

    axes: int = field(default=3, metadata=STATIC)

    def __call__(self, x: Any) -> Any:
        x = fnp.asarray(x)
        if x.ndim < self.axes:
            raise ShapeError(at_line(f"Flatten: an input of shape {x.shape} has no {self.axes} axes to make one of"))
        lead = x.shape[: x.ndim - self.axes]
        return fnp.reshape(x, (*lead, int(np.prod(x.shape[len(lead) :], dtype=np.int64))))


@dataclass(frozen=True, eq=False, repr=False)
class LayerNorm(Module):
    """`layer_norm` over the last axes, as many as `scale` has.

    >>> LayerNorm.init(2)(np.array([[1.0, 3.0]])).round(3)
    array([[-1.,  1.]])
    """

    scale: Any
    bias: Any = None
    epsilon: float = field(default=1e-5, metadata=STATIC)

    @classmethod
    def init(cls, shape: int | Sequence[int], *, bias: bool = True, epsilon: float = 1e-5, dtype: Any = np.float64) -> LayerNorm:
        """A layer with a scale of ones and a bias of zeros of this shape."""
        shape = (shape,) if isinstance(shape, int) else tuple(shape)
        return cls(initial.ones(None, shape, dtype), initial.zeros(None, shape, dtype) if bias else None, epsilon)

    def __call__(self, x: Any) -> Any:
        return layer_norm(x, self.scale, self.bias, axis=tuple(range(-self.scale.ndim, 0)), epsilon=self.epsilon)


@dataclass(frozen=True, eq=False, repr=False)
class Embedding(Module):
    """Rows of weight (number, features) at integer indices: (...) becomes (..., features).

    Negative indices do not count from the end: they raise, like those that are too large.

    >>> Embedding(np.array([[1.0, 2.0], [3.0, 4.0]]))(np.array([1, 0, 1]))
    array([[3., 4.],
           [1., 2.],
           [3., 4.]])
    """

    weight: Any

    @classmethod
    def init(
        cls, rng: Any, number: int, features: int, *, weight_init: Init = initial.normal, dtype: Any = np.float64
    ) -> Embedding:
        """A table of random rows, by default standard normal."""
        return cls(initial.drawn("Embedding.init", rng, weight_init, (number, features), dtype))

    def __call__(self, indices: Any) -> Any:
        hint = "there is a row for each index: Embedding.init(rng, number, features) makes `number` of them"
        indices, _ = in_bounds("Embedding", "indices", indices, self.weight.shape[0], hint)
        return fnp.take(self.weight, indices, axis=0)


@dataclass(frozen=True, eq=False, repr=False, init=False)
class Dropout(Module):
    """`dropout` when it is called with a generator; without one nothing happens.

    Raises ArgumentError for a rate outside of [0, 1] when it is made.

    >>> Dropout(0.5)(np.ones(6), rng=np.random.default_rng(0))
    array([2., 0., 0., 0., 2., 2.])
    >>> Dropout(0.5)(np.ones(3))
    array([1., 1., 1.])
    """

    rate: float = field(metadata=STATIC)

    def __init__(self, rate: float) -> None:
        check_rate("Dropout", rate)
        object.__setattr__(self, "rate", rate)

    def __call__(self, x: Any, rng: Any = None) -> Any:
        return dropout(x, self.rate, rng)


@dataclass(frozen=True, eq=False, repr=False)
class Function(Module):
    """A function in the place of a layer: part of the structure. `Sequential` makes these by itself."""

    f: Callable[..., Any] = field(metadata=STATIC)

    def __call__(self, x: Any) -> Any:
        return self.f(x)

    def __repr__(self) -> str:
        return getattr(self.f, "__name__", repr(self.f))


@dataclass(frozen=True, eq=False, repr=False, init=False)
class Sequential(Module):
    """Layers and functions, one after the other: `Sequential(Linear.init(rng, 2, 3), nn.relu)(x)`.

    Layers that take a generator are given the one that the whole is called with. `model[i]`, `len(model)` and iteration give
    layers. A function belongs to the structure: use the same object each time (a new lambda is another model to `jit`).

    >>> model = Sequential(Linear(np.array([[1.0], [-1.0]])), np.tanh, Dropout(0.5))
    >>> model
    Sequential(Linear(weight=f64[2,1]), tanh, Dropout(rate=0.5))
    >>> model(np.array([1.0, 1.0]))
    array([0.])
    """

    layers: tuple[Any, ...]

    def __init__(self, *args: Any, layers: Sequence[Any] = ()) -> None:
        layers = (*args, *layers)  # dataclasses.replace gives them by name
        for k, v in enumerate(layers):
            if not callable(v) or inspect.isclass(v):
                hint = (
                    "layers are arguments: Sequential(*layers)" if isinstance(v, list | tuple) else "give an instance or a function"
                )
                raise ArgumentError(at_line(f"Sequential: layer {k} cannot be called on an input: {shown(v)}", hint=hint))
        object.__setattr__(self, "layers", tuple([v if dataclasses.is_dataclass(v) else Function(v) for v in layers]))

    def __call__(self, x: Any, rng: Any = None) -> Any:
        for v in self.layers:
            x = v(x, rng=rng) if rng is not None and takes_rng(type(v).__call__) else v(x)
        return x

    def __getitem__(self, k: int) -> Any:
        return self.layers[k]

    def __len__(self) -> int:
        return len(self.layers)

    def __iter__(self) -> Iterator[Any]:
        return iter(self.layers)

    def __repr__(self) -> str:
        return f"Sequential({', '.join(map(repr, self.layers))})"


@functools.cache
def takes_rng(call: Callable[..., Any]) -> bool:
    """Whether a layer with this method is called with a generator."""
    return "rng" in inspect.signature(call).parameters


__all__ = [
    "AvgPool", "Conv", "Dropout", "Embedding", "Flatten", "Function", "LayerNorm", "Linear", "MaxPool", "Module", "Sequential",
]  # fmt: skip
