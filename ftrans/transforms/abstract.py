"""Look at a function without running it: `make_jaxpr(f)(x)`, `eval_shape(f, x)`, and run what was seen: `eval_jaxpr`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .. import pytree
from ..core.aval import Aval, aval
from ..core.jaxpr import ClosedJaxpr, Jaxpr
from ..core.run import run
from ..core.wrap import decorator, input_of, named_like, trace_call
from ..errors import ArgumentError, at_line


class ShapeDtypeStruct:
    """An array's shape and dtype, for `eval_shape`, `make_jaxpr`, `linear_transpose` and `jit(f).lower`.

    Mirrors `jax.ShapeDtypeStruct`.

    >>> ShapeDtypeStruct((2, 3), "float32")
    ShapeDtypeStruct(shape=(2, 3), dtype=float32)
    """

    __slots__ = ("dtype", "shape")

    def __init__(self, shape: Sequence[int], dtype: Any) -> None:
        self.shape = tuple([int(n) for n in shape])
        self.dtype = np.dtype(dtype)

    ndim = property(lambda self: len(self.shape))
    size = property(lambda self: int(np.prod(self.shape, dtype=np.int64)))
    aval_ = property(lambda self: aval(self.shape, self.dtype, False, False))

    def __repr__(self) -> str:
        return f"ShapeDtypeStruct(shape={self.shape}, dtype={self.dtype.name})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ShapeDtypeStruct) and (self.shape, self.dtype) == (other.shape, other.dtype)

    def __hash__(self) -> int:
        return hash((self.shape, self.dtype))

    def __len__(self) -> int:
        return self.shape[0]


def abstract_input(x: Any, name: Callable[[], str]) -> Aval:
    """The aval of an argument given by value, by ShapeDtypeStruct, or by anything with shape and dtype."""
    if isinstance(x, ShapeDtypeStruct):
        return x.aval_  # type: ignore[no-any-return]
    if isinstance(x, Aval):
        return x
    return input_of(x, name)[1]


def trace_abstractly(fun: Callable[..., Any], args: Any, kwargs: Any, who: str, static: Sequence[int] = ()) -> Any:
    """Trace fun without values for its arguments."""
    moving = tuple([None if k in static else a for k, a in enumerate(args)])
    leaves, tree = pytree.flatten((moving, kwargs))
    inputs = [(None, abstract_input(x, lambda k=k: f"{who}: leaf {k} of the arguments")) for k, x in enumerate(leaves)]  # type: ignore[misc]

    def call(xs: list[Any]) -> Any:
        inner, named = pytree.unflatten(tree, xs)
        return fun(*[args[k] if k in static else x for k, x in enumerate(inner)], **named)

    return trace_call(call, inputs, who=who, fun=fun, valued=False)


@decorator
def make_jaxpr(fun: Callable[..., Any], static_argnums: int | Sequence[int] = (), return_shape: bool = False) -> Callable[..., Any]:
    """The function that shows `fun` as a jaxpr: `print(make_jaxpr(f)(x))`, with the source line of every equation.

    The arguments may be arrays, numbers or `ShapeDtypeStruct`s; their values are not used. With return_shape the result is
    (jaxpr, tree of ShapeDtypeStructs). Mirrors `jax.make_jaxpr`.
    """
    static = (static_argnums,) if isinstance(static_argnums, int) else tuple(static_argnums)

    def made(*args: Any, **kwargs: Any) -> Any:
        traced = trace_abstractly(fun, args, kwargs, "make_jaxpr", [k % max(len(args), 1) for k in static])
        closed = ClosedJaxpr(Jaxpr.from_trace(traced.trace, traced.jaxpr.outs), traced.trace.consts, traced.out_tree)
        return (closed, shapes(traced)) if return_shape else closed

    named_like(fun, "make_jaxpr")(made)
    return made


def shapes(traced: Any) -> Any:
    """The result of a traced call as a tree of ShapeDtypeStructs."""
    return pytree.unflatten(traced.out_tree, [ShapeDtypeStruct(a.shape, a.dtype) for a in traced.jaxpr.out_avals])


def eval_shape(fun: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """The shapes and dtypes of `fun(*args, **kwargs)` as a tree of `ShapeDtypeStruct`, without computing anything.

    Mirrors `jax.eval_shape`.

    >>> import numpy as np
    >>> eval_shape(np.matmul, ShapeDtypeStruct((1000, 2000), float), ShapeDtypeStruct((2000, 3), float))
    ShapeDtypeStruct(shape=(1000, 3), dtype=float64)
    """
    return shapes(trace_abstractly(fun, args, kwargs, "eval_shape"))


def eval_jaxpr(jaxpr: ClosedJaxpr | Jaxpr, *rest: Any) -> list[Any]:
    """The outputs (a flat list) of a jaxpr on arguments.

    `eval_jaxpr(closed, *args)` for what `make_jaxpr` returns; `eval_jaxpr(closed.jaxpr, closed.consts, *args)` as in JAX.
    """
    if isinstance(jaxpr, ClosedJaxpr):
        j, consts, args = jaxpr.jaxpr, jaxpr.consts, rest
    else:
        j, consts, args = jaxpr, list(rest[0]) if rest else [], rest[1:]
    leaves = pytree.leaves(args)
    if len(leaves) + len(consts) != len(j.invars):
        raise ArgumentError(at_line(f"eval_jaxpr: the jaxpr has {len(j.invars) - len(consts)} inputs, got {len(leaves)}"))
    operands = []
    for k, (x, a) in enumerate(zip(leaves, j.in_avals, strict=False)):
        value, given = input_of(x, lambda k=k: f"eval_jaxpr: argument {k}")  # type: ignore[misc]
        if given.shape != a.shape or given.dtype != a.dtype:
            raise ArgumentError(at_line(f"eval_jaxpr: argument {k} is {given}, the jaxpr takes {a}"))
        operands.append(value)
    return run(j, [*operands, *consts])
