"""Vectorisation: `vmap(f)` maps f over an axis of its arguments without a Python loop.

`vmap_jaxpr(j, size, dims)` is the transformation: inputs batched along `dims` (None: not batched), every equation that a batched
value reaches replaced by its `vmap` rule.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .. import pytree
from ..core.aval import Aval, aval
from ..core.check import checked
from ..core.jaxpr import Jaxpr, derived
from ..core.run import run
from ..core.trace import Trace, Tracer, owner_name
from ..core.wrap import decorator, input_of, named_like, trace_call
from ..errors import ArgumentError, BatchSizeError, at_line
from ..ops.structural import broadcast, move_axis, reshape


def batched_aval(a: Aval, size: int, dim: int | None) -> Aval:
    """The aval of a batch: the lane's shape with the batch axis put in."""
    if dim is None:
        return a
    return aval((*a.shape[:dim], size, *a.shape[dim:]), a.dtype, False, False)


@derived
def vmap_jaxpr(j: Jaxpr, size: int, dims: tuple[int | None, ...]) -> tuple[Jaxpr, tuple[int | None, ...]]:
    """j over a batch of `size` lanes; the second result says where the batch axis of each output is (None: all lanes equal)."""
    with Trace() as t:
        t.src = ()
        env: dict[int, Tracer] = {}
        where: dict[int, int | None] = {}
        for v, d in zip(j.invars, dims, strict=True):
            env[v], where[v] = t.input(batched_aval(j.avals[v], size, d)), d
        for v, value in j.lits.items():
            env[v], where[v] = t.const(value, j.avals[v]), None
        outs: Any
        out_dims: Any
        for eqn in j.eqns:
            t.src = eqn.loc or ()
            ins = tuple([env[v] for v in eqn.ins])
            places = tuple([where[v] for v in eqn.ins])
            if all([d is None for d in places]):
                out = t.record(eqn.op, ins)
                outs, out_dims = (out if eqn.op.multiple else (out,)), (None,) * len(eqn.outs)
            else:
                result, result_dims = eqn.op.vmap(size, ins, places)
                outs, out_dims = (result, result_dims) if eqn.op.multiple else ((result,), (result_dims,))
            for v, x, d in zip(eqn.outs, outs, out_dims, strict=True):
                env[v], where[v] = lane_dtype(x, j.avals[v], size, d), d
        results = [env[v].i for v in j.outs]
    return checked(Jaxpr.from_trace(t, results, baked=True)), tuple([where[v] for v in j.outs])


def lane_dtype(x: Tracer, a: Aval, size: int, dim: int | None) -> Tracer:
    """A rule must give the batch of what a lane would have; anything else is a bug in the rule."""
    want = batched_aval(a, size, dim)
    if x.a.shape != want.shape or x.a.dtype != want.dtype:
        raise AssertionError(f"a vmap rule gave {x.a} with the batch at {dim}, expected {want}")
    return x


@decorator
def vmap(
    fun: Callable[..., Any],
    in_axes: Any = 0,
    out_axes: Any = 0,
    axis_name: Any = None,
    axis_size: int | None = None,
) -> Callable[..., Any]:
    """The function that maps `fun` over an axis of its arguments: `vmap(f)(xs)[k] == f(xs[k])`.

    in_axes: the axis of each argument that is mapped, None for an argument that all lanes share; an int for all arguments, or a
        tuple with one entry for each, which may be a pytree prefix of the argument. Keyword arguments are mapped along axis 0.
    out_axes: where the mapped axis stands in the results: an int, or a pytree prefix of the result; None for a result that is
        the same for all lanes.
    axis_size: the number of lanes, needed when no argument is mapped.

    Inside `fun` a mapped value has no value for Python: `if x > 0` raises and names `where`.

    Errors: BatchSizeError when the mapped axes differ in size. Mirrors `jax.vmap`.

    >>> import numpy as np
    >>> vmap(np.dot, in_axes=(0, None))(np.eye(2), np.array([3.0, 4.0]))
    array([3., 4.])
    """
    if isinstance(in_axes, list):
        in_axes = tuple(in_axes)
    if not isinstance(in_axes, int | tuple | dict | None):
        raise ArgumentError(at_line(f"vmap: in_axes must be an int, None or a tuple, got {in_axes!r}"))

    def mapped(*args: Any, **kwargs: Any) -> Any:
        leaves, tree = pytree.flatten((args, kwargs))
        name = leaf_names(args, kwargs)
        inputs = [input_of(x, lambda k=k: f"vmap: {name(k)}") for k, x in enumerate(leaves)]  # type: ignore[misc]
        axes = [*prefix_axes(in_axes, args, "in_axes"), *[0] * len(pytree.leaves(kwargs))]
        dims = [canonical_axis(d, a, k, name) for k, (d, (_, a)) in enumerate(zip(axes, inputs, strict=True))]
        size = batch_size(dims, [a for _, a in inputs], name, axis_size)
        lanes = [(None, lane_aval(a, d)) if d is not None else (x, a) for (x, a), d in zip(inputs, dims, strict=True)]

        def call(xs: list[Tracer]) -> Any:
            inner_args, inner_kwargs = pytree.unflatten(tree, xs)
            return fun(*inner_args, **inner_kwargs)

        traced = trace_call(call, lanes, who="vmap", fun=fun)
        captured = traced.operands[len(inputs) :]
        j, out_dims = vmap_jaxpr(traced.jaxpr, size, (*dims, *[None] * len(captured)))
        wanted = pytree.broadcast_prefix(
            out_axes, pytree.unflatten(traced.out_tree, [0] * traced.out_tree.num_leaves), is_leaf=is_none
        )
        final = placed(j, size, out_dims, check_out_axes(wanted, traced.jaxpr.out_avals, out_dims, owner_name("vmap", fun)))
        results = run(final, [*[x for x, _ in inputs], *captured])
        return pytree.unflatten(traced.out_tree, results)

    named_like(fun, "vmap")(mapped)
    return mapped


def is_none(x: Any) -> bool:
    return x is None


def prefix_axes(in_axes: Any, args: tuple[Any, ...], what: str) -> list[Any]:
    """One axis for each leaf of the arguments, from the pytree prefix the user gave."""
    if isinstance(in_axes, tuple) and len(in_axes) != len(args):
        raise ArgumentError(
            at_line(
                f"vmap: {what} has {len(in_axes)} entries, but the call has {len(args)} positional arguments",
                hint="keyword arguments are mapped along axis 0",
            )
        )
    if in_axes is None or isinstance(in_axes, int):
        return [in_axes] * len(pytree.leaves(args))
    return pytree.broadcast_prefix(in_axes, args, is_leaf=is_none)


def canonical_axis(d: Any, a: Aval, k: int, name: Callable[[int], str]) -> int | None:
    """A non-negative axis of the argument, or None."""
    if d is None:
        return None
    if not isinstance(d, int) or isinstance(d, bool):
        raise ArgumentError(at_line(f"vmap: {name(k)}: the mapped axis must be an int or None, got {d!r}"))
    if not -a.ndim <= d < a.ndim:
        raise ArgumentError(
            at_line(
                f"vmap: {name(k)} has shape {a.shape}, which has no axis {d} to map over",
                hint="say in_axes=None for arguments that all lanes share"
                if not a.ndim
                else f"axes go from {-a.ndim} to {a.ndim - 1}",
            )
        )
    return d % a.ndim


def leaf_names(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Callable[[int], str]:
    """How to name leaf k of a call: `argument 0['w']`."""

    def name(k: int) -> str:
        path = pytree.flatten_with_path((args, kwargs))[0][k][0]
        first = path[1].idx if path[0].idx == 0 else repr(path[1].key)
        return f"argument {first}{pytree.keystr(path[2:])}"

    return name


def batch_size(dims: list[int | None], avals: list[Aval], name: Callable[[int], str], axis_size: int | None) -> int:
    """The common size of the mapped axes."""
    sizes = {k: a.shape[d] for k, (d, a) in enumerate(zip(dims, avals, strict=True)) if d is not None}
    found = set(sizes.values()) | ({axis_size} if axis_size is not None else set())
    if len(found) == 1:
        return int(found.pop())
    if not found:
        raise ArgumentError(
            at_line("vmap: no argument is mapped (every in_axes is None)", hint="map at least one argument, or give axis_size=")
        )
    rows = [f"  {name(k)} has size {n} along axis {dims[k]} (shape {avals[k].shape})" for k, n in sizes.items()]
    if axis_size is not None:
        rows.append(f"  axis_size={axis_size}")
    raise BatchSizeError(
        at_line(
            "vmap: the mapped axes differ in size:\n" + "\n".join(rows), hint="in_axes=None marks arguments that all lanes share"
        )
    )


def lane_aval(a: Aval, d: int) -> Aval:
    """What one lane sees: the shape without the mapped axis; a scalar where nothing is left, as x[k] gives."""
    shape = (*a.shape[:d], *a.shape[d + 1 :])
    return aval(shape, a.dtype)


def check_out_axes(wanted: list[Any], avals: list[Aval], dims: tuple[int | None, ...], who: str) -> tuple[int | None, ...]:
    """The axes asked for, checked against the results."""
    out: list[int | None] = []
    for k, (axis, a, d) in enumerate(zip(wanted, avals, dims, strict=True)):
        if axis is None:
            if d is not None:
                raise ArgumentError(at_line(f"{who}: out_axes is None for output {k}, but it differs between the lanes"))
            out.append(None)
            continue
        n = a.ndim + 1
        if not isinstance(axis, int) or not -n <= axis < n:
            raise ArgumentError(at_line(f"{who}: out_axes={axis!r} for output {k}, whose lanes have shape {a.shape}"))
        out.append(axis % n)
    return tuple(out)


@derived
def placed(j: Jaxpr, size: int, dims: tuple[int | None, ...], axes: tuple[int | None, ...]) -> Jaxpr:
    """j with the batch axis of every output moved (or broadcast) to where it is wanted."""
    if dims == axes:
        return j
    with Trace() as t:
        t.src = ()
        outs = run(j, [t.input(a) for a in j.in_avals])
        moved = []
        for x, d, axis in zip(outs, dims, axes, strict=True):
            if axis is not None:
                if d is None:
                    x, d = broadcast(reshape(x, (1, *x.shape)), (size, *x.shape)), 0
                x = move_axis(x, d, axis)
            moved.append(x.i)
    return checked(Jaxpr.from_trace(t, moved, baked=True))


__all__ = ["vmap", "vmap_jaxpr"]
