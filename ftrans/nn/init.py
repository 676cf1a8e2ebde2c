"""Initialisers: random arrays to start training from. `nn.init.he_normal(rng, (784, 128), np.float32)`.

    zeros, ones, constant, uniform, normal               of a given size
    lecun_normal, lecun_uniform                          variance 1 / fan_in                (LeCun et al., 1998)
    glorot_normal, glorot_uniform                        variance 2 / (fan_in + fan_out)    (Glorot and Bengio, 2010)
    he_normal, he_uniform                                variance 2 / fan_in                (He et al., 2015)
    orthogonal                                           orthonormal columns or rows        (Saxe et al., 2014)

All are called (rng, shape, dtype) with a `np.random.Generator`; the same seed gives the same array. fan_in and fan_out are the
sizes of the axes `in_axis` and `out_axis`, each times the sizes of all other axes (those of a kernel): JAX's and PyTorch's
definition. By default the last axis is out and the one before is in, as for `x @ w` and for kernels (height, width, in, out);
for PyTorch's layouts say in_axis=1, out_axis=0. Normal means untruncated, as in PyTorch.

`shapes(init)` gives the shapes that an initialisation makes, without making them.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Sequence
from operator import index
from typing import Any

import numpy as np

from .. import numpy as fnp
from .. import tree
from ..errors import ArgumentError, ShapeError, at_line, shown
from ..transforms.abstract import eval_shape

Shape = Sequence[int]


class Shapes:
    """Stands for a random generator in `shapes`: what it draws is traced, and never computed."""

    def random(self, size: Any = None, dtype: Any = np.float64, out: Any = None) -> Any:
        return fnp.zeros(() if size is None else size, dtype)

    standard_normal = random

    def normal(self, loc: float = 0.0, scale: float = 1.0, size: Any = None) -> Any:
        return fnp.zeros(() if size is None else size)

    uniform = normal

    def integers(self, low: int, high: int | None = None, size: Any = None, dtype: Any = np.int64, endpoint: bool = False) -> Any:
        return fnp.zeros(() if size is None else size, dtype)

    def __getattr__(self, name: str) -> Any:
        raise ArgumentError(
            at_line(
                f"nn.shapes: rng.{name} is not known without drawing",
                hint="draw with random, standard_normal, normal, uniform or integers",
            )
        )


def shapes(init: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """The result of `init(rng, *args, **kwargs)` with a `ft.ShapeDtypeStruct` in the place of each array. Nothing is drawn or
    allocated.

    init: a function that draws from the generator it is given, such as `nn.Linear.init`; or a layer or another tree of arrays
    that exists already. What comes out can be passed to `ft.eval_shape` and `ft.make_jaxpr`. Raises ArgumentError for arguments
    beside a layer, and for the class of a layer.

    >>> from ftrans import nn
    >>> shapes(nn.Linear.init, 100_000, 100_000)
    Linear(weight=f64[100000,100000], bias=f64[100000])
    >>> nn.count_parameters(_)
    10000100000
    """
    if isinstance(init, type) and hasattr(init, "init"):
        hint = f"it draws its arrays by {init.__name__}.init: nn.shapes({init.__name__}.init, *sizes)"
        raise ArgumentError(at_line(f"nn.shapes: {init.__name__} is a class that takes arrays", hint=hint))
    if callable(init) and (isinstance(init, type) or not dataclasses.is_dataclass(init)):
        return eval_shape(lambda: init(Shapes(), *args, **kwargs))
    if args or kwargs:
        hint = "for the shape of its result: ft.eval_shape(lambda model, x: model(x), model, x)"
        raise ArgumentError(at_line(f"nn.shapes: {shown(init)} exists already and is given without arguments", hint=hint))
    return eval_shape(lambda: init)


def count_parameters(params: Any) -> int:
    """The number of elements in all real and complex arrays of a tree (arrays or `ft.ShapeDtypeStruct`s); integers do not count.

    >>> count_parameters({"w": np.zeros((3, 2)), "b": np.zeros(2), "step": np.array(7)})
    8
    """
    leaves = [x for x in tree.leaves(params) if hasattr(x, "shape")]
    return sum([math.prod(x.shape) for x in leaves if x.dtype.kind in "fc"])


def check_generator(who: str, rng: Any) -> Any:
    """rng, which must be a NumPy generator."""
    if not isinstance(rng, np.random.Generator | Shapes):
        raise ArgumentError(
            at_line(f"{who}: rng must be a np.random.Generator, got {shown(rng)}", hint="rng = np.random.default_rng(0)")
        )
    return rng


def drawn(who: str, rng: Any, init: Callable[..., Any], shape: Shape, dtype: Any) -> Any:
    """init(rng, shape, dtype) for the layer `who`, which a wrong generator is reported by."""
    if init in DRAWING:
        check_generator(who, rng)
    return init(rng, shape, dtype)


def sizes(who: str, shape: Any) -> tuple[int, ...]:
    """A shape as NumPy takes it: ints, or one int for one axis."""
    try:
        found = (index(shape),) if hasattr(shape, "__index__") else tuple(map(index, shape))
    except TypeError:
        found = (-1,)
    if min(found, default=0) < 0:
        raise ShapeError(at_line(f"{who}: a shape is a tuple of sizes, got {shown(shape)}", hint="for instance (784, 128)"))
    return found


def zeros(rng: Any, shape: Shape, dtype: Any = np.float64) -> Any:
    """Zeros; rng is not used.

    >>> zeros(None, (2,))
    array([0., 0.])
    """
    return fnp.zeros(sizes("zeros", shape), dtype)


def ones(rng: Any, shape: Shape, dtype: Any = np.float64) -> Any:
    """Ones; rng is not used.

    >>> ones(None, (2,))
    array([1., 1.])
    """
    return fnp.ones(sizes("ones", shape), dtype)


def constant(rng: Any, shape: Shape, dtype: Any = np.float64, *, value: Any) -> Any:
    """One value everywhere, broadcast to the shape; rng is not used. As an initialiser: `functools.partial(constant, value=0.1)`.

    >>> constant(None, (2,), value=0.1)
    array([0.1, 0.1])
    """
    return fnp.full(sizes("constant", shape), value, dtype)


def uniform(rng: Any, shape: Shape, dtype: Any = np.float64, *, low: float = 0.0, high: float = 1.0) -> Any:
    """Uniform between low and high. Mirrors `torch.nn.init.uniform_`.

    >>> uniform(np.random.default_rng(0), (2,), low=-1.0).round(4)
    array([ 0.2739, -0.4604])
    """
    return check_generator("uniform", rng).uniform(low, high, sizes("uniform", shape)).astype(dtype)


def normal(rng: Any, shape: Shape, dtype: Any = np.float64, *, mean: float = 0.0, std: float = 1.0) -> Any:
    """Normal with a mean and a standard deviation. Mirrors `torch.nn.init.normal_`.

    >>> normal(np.random.default_rng(0), (2,), std=0.01).round(4)
    array([ 0.0013, -0.0013])
    """
    return check_generator("normal", rng).normal(mean, std, sizes("normal", shape)).astype(dtype)


def fans(shape: Shape, in_axis: int = -2, out_axis: int = -1) -> tuple[int, int]:
    """(fan_in, fan_out) of weights of a shape; see the module.

    >>> fans((3, 3, 16, 32)), fans((32, 16, 3, 3), in_axis=1, out_axis=0)
    ((144, 288), (144, 288))
    """
    shape = sizes("fans", shape)
    if len(shape) < 2:
        raise ShapeError(at_line(f"weights of shape {shape} have no fan_in and fan_out", hint="these need two axes at least"))
    others = math.prod(shape) // max(shape[in_axis] * shape[out_axis], 1)
    return shape[in_axis] * others, shape[out_axis] * others


def scaling(name: str, source: str, variance: Callable[[int, int], float], bounded: bool) -> Callable[..., Any]:
    """An initialiser with a variance that depends on the fans: uniform where `bounded`, else normal."""

    def initialiser(rng: Any, shape: Shape, dtype: Any = np.float64, *, in_axis: int = -2, out_axis: int = -1) -> Any:
        check_generator(name, rng)
        shape = sizes(name, shape)
        std = math.sqrt(variance(*fans(shape, in_axis, out_axis)))
        if bounded:
            return uniform(rng, shape, dtype, low=-math.sqrt(3) * std, high=math.sqrt(3) * std)
        return normal(rng, shape, dtype, std=std)

    initialiser.__name__ = initialiser.__qualname__ = name
    initialiser.__doc__ = f"{'Uniform' if bounded else 'Normal'} with mean 0 and {source}; see the module for the fans."
    return initialiser


lecun_normal = scaling("lecun_normal", "variance 1 / fan_in", lambda i, o: 1 / max(i, 1), False)
lecun_uniform = scaling("lecun_uniform", "variance 1 / fan_in", lambda i, o: 1 / max(i, 1), True)
glorot_normal = scaling("glorot_normal", "variance 2 / (fan_in + fan_out)", lambda i, o: 2 / max(i + o, 1), False)
glorot_uniform = scaling("glorot_uniform", "variance 2 / (fan_in + fan_out)", lambda i, o: 2 / max(i + o, 1), True)
he_normal = scaling("he_normal", "variance 2 / fan_in", lambda i, o: 2 / max(i, 1), False)
he_uniform = scaling("he_uniform", "variance 2 / fan_in", lambda i, o: 2 / max(i, 1), True)
xavier_normal, xavier_uniform, kaiming_normal, kaiming_uniform = glorot_normal, glorot_uniform, he_normal, he_uniform


def orthogonal(rng: Any, shape: Shape, dtype: Any = np.float64, *, gain: float = 1.0) -> Any:
    """A random matrix with orthonormal columns (or rows, if these are fewer), times gain; its columns are the last axis of the
    shape.

    The Q of a random normal matrix, with the signs that make it uniformly distributed (Mezzadri, 2007). Mirrors
    `jax.nn.initializers.orthogonal`.

    >>> w = orthogonal(np.random.default_rng(0), (4, 3))
    >>> np.allclose(w.T @ w, np.eye(3))
    True
    """
    shape = sizes("orthogonal", shape)
    fans(shape)
    if isinstance(rng, Shapes):
        return fnp.zeros(shape, dtype)
    rows, columns = math.prod(shape[:-1]), shape[-1]
    q, r = np.linalg.qr(check_generator("orthogonal", rng).standard_normal((max(rows, columns), min(rows, columns))))
    q = q * np.sign(np.diagonal(r))
    return (gain * (q if rows >= columns else q.T)).reshape(shape).astype(dtype)


DRAWING = [
    uniform, normal, orthogonal, lecun_normal, lecun_uniform, glorot_normal, glorot_uniform, he_normal, he_uniform,
]  # fmt: skip


__all__ = [
    "constant", "count_parameters", "fans", "glorot_normal", "glorot_uniform", "he_normal", "he_uniform", "kaiming_normal",
    "kaiming_uniform", "lecun_normal", "lecun_uniform", "normal", "ones", "orthogonal", "shapes", "uniform", "xavier_normal",
    "xavier_uniform", "zeros",
]  # fmt: skip
