"""What is measured beside the suite: tracing, un-jitted gradients, calls, first calls, every transformation.

    call = prepared("gradient of 4 operations, warm", "jax")   # compared, built and warmed up; call() waits for the result

The asv benchmarks and compare.py take their work from TABLES, which has the suite's tables too.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import numpy as np

from . import tasks
from .inputs import arrays, constant, hundred, parameters, programs
from .libraries import Call, Side, Transform, by_autograd, by_ftrans, by_jax, by_numpy, grad, plain, value_and_grad
from .suite import SUITE
from .work import Work, no_accidental_skip


def outputs(jaxpr: Any) -> list[tuple[Any, ...]]:
    """The results of a jaxpr as shapes and dtypes."""
    return [(*a.shape, str(a.dtype)) for a in jaxpr.out_avals]


def make_jaxpr(library: Any, f: Any) -> Any:
    return library.make_jaxpr(f)


def eval_shape(library: Any, f: Any) -> Any:
    return functools.partial(library.eval_shape, f)


def tracing(name: str, f: Any, args: Sequence[Any], equations: int) -> list[Work]:
    """A function looked at in two ways, each time as a new function object (JAX remembers the old ones)."""

    def inputs(k: int) -> Sequence[Any]:
        return (f, *args)

    def shape(s: Any) -> Any:
        return (*s.shape, str(s.dtype))

    both = {"make_jaxpr": (make_jaxpr, outputs), "eval_shape": (eval_shape, shape)}
    return [
        Work(
            f"{who}: {name}", inputs, {"ftrans": by_ftrans(transform), "jax": by_jax(transform)},
            fresh=True, parts=equations, view=view, covers=(who,),
        )
        for who, (transform, view) in both.items()
    ]  # fmt: skip


TRACE = (
    *tracing("chain", tasks.chain_of_400, arrays((3,))(0), 401),
    *tracing("mixed program", tasks.mixed, arrays((4, 6), (6, 6), (6,))(0), 10 * tasks.MIXED_EQUATIONS),
)


def eager(name: str, f: Any, inputs: Any, forward: Any = None) -> Work:
    """The gradient of f, un-jitted; NumPy does the forward pass alone."""
    sides = {"ftrans": by_ftrans(grad, f), "jax": by_jax(grad, f), "autograd": by_autograd(grad, f), "numpy": by_numpy(f)}
    return Work(name, inputs, sides, fresh=f is None, less=("numpy",), covers=("grad",))


EAGER = (
    eager("gradient of 4 operations, warm", tasks.four, arrays((3,))),
    eager("gradient of 400 operations, warm", tasks.four_hundred, arrays((3,))),
    eager("gradient of an MLP 4-8-3, warm", tasks.mlp, constant(lambda: parameters((4, 8, 3), 5, "float64"))),
    eager("gradient of 4 operations, cold", None, programs(3, 3, total=True)),
    eager("gradient of 400 operations, cold", None, programs(399, 3, total=True)),
)


def jitted(name: str, f: Any, inputs: Any, named: tuple[str, ...] = ()) -> Work:
    """A function that does next to nothing, under jit: what a call costs."""
    sides = {
        "ftrans": by_ftrans(plain, f, "hot"), "ftrans now": by_ftrans(plain, f, "now"),
        "jax": by_jax(plain, f, jit=True), "numpy": by_numpy(f),
    }  # fmt: skip
    return Work(name, inputs, sides, named=named, covers=("jit",))


JIT_CALL = (
    jitted("jit call, one 3-vector", tasks.square_and_add, arrays((3,))),
    jitted("jit call, five arrays", tasks.five, arrays(*[(3,)] * 5)),
    jitted("jit call, dict of 100 arrays", tasks.halve_all, constant(hundred)),
    jitted("jit call, keyword arguments", tasks.keywords, arrays((3,), (3,), (3,)), named=("scale", "shift")),
    jitted("jit call, Python scalars", tasks.scalars, constant(lambda: (np.arange(3.0), 1.5, 0.5))),
)


def first_call(n: int, size: int) -> Work:
    """The first call of a new function of n operations."""
    sides = {
        "ftrans": by_ftrans(plain, jit="hot"), "ftrans now": by_ftrans(plain, jit="now"),
        "jax": by_jax(plain, jit=True), "numpy": by_numpy(),
    }  # fmt: skip
    return Work(f"first call, {n} operations", programs(n, size), sides, fresh=True, covers=("jit",))


COMPILE = tuple([first_call(n, 1000) for n in (10, 50, 200, 500)])


def transformed(names: str, f: Any, transform: Transform, autograd: Transform | None = None, **peers: Transform) -> Work:
    """A public transformation, un-jitted, of a function of 20 numbers, with a direction where it takes one."""
    sides: dict[str, Side] = {"ftrans": by_ftrans(transform, f), "jax": by_jax(peers.get("jax", transform), f)}
    if autograd is not None:
        sides["autograd"] = by_autograd(autograd, f)
    return Work(f"un-jitted {names}", arrays((20,), (20,)), sides, covers=tuple(names.split(" of ")))


def of_first(make: Transform) -> Transform:
    """A transformation of f that ignores the direction."""

    def transform(library: Any, f: Any) -> Any:
        made = make(library, f)
        return lambda x, v: made(x)

    return transform


def hvp(library: Any, f: Any) -> Any:
    return lambda x, v: library.hvp(f, (x,), (v,))


def hvp_of_jax(jax: Any, f: Any) -> Any:
    return lambda x, v: jax.jvp(jax.grad(f), (x,), (v,))[1]


def eval_jaxpr(ftrans: Any, f: Any) -> Any:
    closed = ftrans.make_jaxpr(f)(np.ones(20))
    return lambda x, v: ftrans.eval_jaxpr(closed, x)[0]


def eval_jaxpr_of_jax(jax: Any, f: Any) -> Any:
    closed = jax.make_jaxpr(f)(np.ones(20))
    return lambda x, v: jax.core.eval_jaxpr(closed.jaxpr, closed.consts, x)[0]


TRANSFORMS = (
    transformed("value_and_grad", tasks.scalar, of_first(value_and_grad), of_first(value_and_grad)),
    transformed(
        "jvp", tasks.vector, lambda lib, f: lambda x, v: lib.jvp(f, (x,), (v,)), lambda lib, f: lambda x, v: lib.make_jvp(f)(x)(v)
    ),
    transformed(
        "vjp",
        tasks.vector,
        lambda lib, f: lambda x, v: lib.vjp(f, x)[1](v)[0],
        lambda lib, f: lambda x, v: lib.make_vjp(f)(x)[0](v),
    ),
    transformed("linearize", tasks.vector, lambda lib, f: lambda x, v: lib.linearize(f, x)[1](v)),
    transformed("linear_transpose", tasks.linear, lambda lib, f: lambda x, v: lib.linear_transpose(f, x)(v)[0]),
    transformed("jacfwd", tasks.vector, of_first(lambda lib, f: lib.jacfwd(f))),
    transformed("jacrev", tasks.vector, of_first(lambda lib, f: lib.jacrev(f)), of_first(lambda lib, f: lib.jacobian(f))),
    transformed("jacobian", tasks.vector, of_first(lambda lib, f: lib.jacobian(f)), of_first(lambda lib, f: lib.jacobian(f))),
    transformed("hessian", tasks.scalar, of_first(lambda lib, f: lib.hessian(f)), of_first(lambda lib, f: lib.hessian(f))),
    transformed("hvp", tasks.scalar, hvp, lambda lib, f: lib.hessian_vector_product(f), jax=hvp_of_jax),
    transformed("vmap", tasks.mapped, of_first(lambda lib, f: lib.vmap(f))),
    transformed(
        "vmap of grad",
        tasks.mapped,
        of_first(lambda lib, f: lib.vmap(lib.grad(f))),
        of_first(lambda lib, f: lib.elementwise_grad(f)),
    ),
    transformed("eval_jaxpr", tasks.vector, eval_jaxpr, jax=eval_jaxpr_of_jax),
    transformed("stop_gradient", tasks.scalar, of_first(lambda lib, f: lib.grad(lambda x: f(x) * f(lib.lax.stop_gradient(x))))),
)

TABLES: dict[str, tuple[Work, ...]] = {
    "trace": TRACE, "eager": EAGER, "transforms": TRANSFORMS, "jit call": JIT_CALL, "compile": COMPILE,
    **SUITE,
}  # fmt: skip


def by_name(name: str) -> Work:
    """The work of this name."""
    return next(w for works in TABLES.values() for w in works if w.name == name)


@functools.cache
def checked(name: str, library: str) -> Work:
    """The work of this name, its result by this library compared once in a process."""
    work = by_name(name)
    with no_accidental_skip():
        work.check(library)
    return work


@functools.cache
def prepared(name: str, library: str) -> Call:
    """The warmed-up call, prepared once in a process: asv sets up before every sample."""
    with no_accidental_skip():
        return by_name(name).prepare(library)
