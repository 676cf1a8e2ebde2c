"""What the benchmarks compute: each task is written once, and the same source is given to every library.

    work = by_name("softmax 2000x500")
    call = work.prepare("jax")          # builds and warms up; call() does the work and waits for the result

The tasks stand in tasks.py; only what NumPy and numba need to do by hand (gradients, loops) is written again, in hand.py; how
each library is called stands in libraries.py. The asv benchmarks and compare.py take their work from the tables at the end, and
results are compared before anything is timed.
"""

from __future__ import annotations

import contextlib
import functools
import itertools
import os
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from . import Absent, hand, tasks
from .libraries import Call, Side, Transform, agree, by_autograd, by_ftrans, by_jax, by_numba, by_numpy, grad, plain, value_and_grad

LIBRARIES = ("ftrans", "ftrans now", "jax", "autograd", "numpy", "numba")


@dataclass(frozen=True)
class Work:
    """A task and the libraries that do it.

    inputs: the arguments for round k; for a `fresh` work the first is a function that no cache has seen.
    fresh: every call timed is the first one of a new function.
    parts: the time is given for one of this many equal parts (equations, say).
    less: sides that do only part of the work (the forward pass), for orientation; their results are not compared.
    view: what of the result is compared.
    covers: the public transformations that are measured here.
    """

    name: str
    inputs: Callable[[int], Sequence[Any]]
    sides: Mapping[str, Side]
    fresh: bool = False
    parts: int = 1
    less: tuple[str, ...] = ()
    view: Callable[[Any], Any] = field(default=lambda result: result)
    named: tuple[str, ...] = ()  # the last arguments are passed by these names
    covers: tuple[str, ...] = ()

    def call(self, library: str, k: int = 0) -> Call:
        """The call to be timed in round k, not warmed up. Absent when the library does not do this work."""
        if library not in self.sides:
            raise Absent(f"{self.name} is not done by {library}")
        args = self.inputs(k)
        cut = len(args) - len(self.named)
        return self.sides[library](*args[:cut], **dict(zip(self.named, args[cut:], strict=True)))

    def result(self, library: str, k: int = 0) -> Any:
        """The result in round k, as it is compared."""
        return self.view(self.call(library, k)())

    def reference(self) -> str:
        """The library whose results the others must have: NumPy by hand where there is one."""
        return "numpy" if "numpy" in self.sides and "numpy" not in self.less else "ftrans"

    def check(self, library: str) -> None:
        """AssertionError unless this library computes the same as the reference; any error of its own where it fails."""
        result = self.result(library)
        if library not in self.less and library != self.reference():
            agree(result, self.result(self.reference()), f"{self.name}: {library} against {self.reference()}")

    def prepare(self, library: str) -> Call:
        """The call, checked and warmed up (not for fresh works, which are cold by definition)."""
        self.check(library)
        call = self.call(library)
        for _ in range(3):
            call()
        return call


# Inputs


def arrays(*shapes: tuple[int, ...], dtype: str = "float64") -> Callable[[int], Sequence[Any]]:
    """Arrays of these shapes with numbers in (0.1, 1), the same in every round."""

    @functools.cache
    def made() -> Sequence[Any]:
        rng = np.random.default_rng(0)
        return tuple([(0.1 + 0.9 * rng.random(shape)).astype(dtype) for shape in shapes])

    return lambda k: made()


def constant(make: Callable[[], Sequence[Any]]) -> Callable[[int], Sequence[Any]]:
    """The arguments that `make` gives, the same in every round."""
    made = functools.cache(make)
    return lambda k: made()


STEPS = ("np.sin(y)", "y * x", "y + x", "np.tanh(y)", "y - x")
SALT = int.from_bytes(os.urandom(4))  # no program is one that an earlier process has compiled and stored


def program(k: int, n: int, total: bool = False) -> Any:
    """A function of x with n elementwise operations, the same ones in another order for each k; total: it sums up its result."""
    steps = list(itertools.islice(itertools.cycle(STEPS), n))
    random.Random(SALT + k).shuffle(steps)
    lines = ["def program(x):", "    y = x", *[f"    y = {step}" for step in steps], f"    return {'np.sum(y)' if total else 'y'}"]
    scope: dict[str, Any] = {"np": np}
    exec(compile("\n".join(lines), f"<program {k} of {n} operations>", "exec"), scope)
    return scope["program"]


def programs(n: int, size: int, total: bool = False) -> Callable[[int], Sequence[Any]]:
    """(a new program, an array) for each round."""
    (x,) = arrays((size,))(0)
    return lambda k: (program(k, n, total), x)


def parameters(sizes: Sequence[int], batch: int, dtype: str) -> Sequence[Any]:
    """(the weights of a network, inputs, one-hot labels)."""
    rng = np.random.default_rng(0)
    weights = {}
    for k, (m, n) in enumerate(itertools.pairwise(sizes), 1):
        weights[f"w{k}"] = (rng.standard_normal((m, n)) / np.sqrt(m)).astype(dtype)
        weights[f"b{k}"] = np.zeros(n, dtype)
    x = rng.standard_normal((batch, sizes[0])).astype(dtype)
    return weights, x, np.eye(sizes[-1], dtype=dtype)[rng.integers(0, sizes[-1], batch)]


def regression(rows: int, columns: int) -> Sequence[Any]:
    """(weights, observations, labels -1 or 1)."""
    rng = np.random.default_rng(0)
    return rng.standard_normal(columns) / 10, rng.standard_normal((rows, columns)), np.sign(rng.standard_normal(rows))


# The tables


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


def hundred() -> Sequence[Any]:
    return ({f"w{k}": np.full(3, float(k)) for k in range(100)},)


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


def forward(name: str, f: Any, inputs: Any, loops: Any = None) -> Work:
    """A function at its usual size, as compiled as it gets."""
    sides = {"ftrans": by_ftrans(plain, f, "now"), "jax": by_jax(plain, f, jit=True), "numpy": by_numpy(f)}
    return Work(name, inputs, sides | ({"numba": by_numba(loops)} if loops else {}), covers=("jit",))


def gradient(name: str, f: Any, inputs: Any, written: Any, loops: Any = None) -> Work:
    """Value and gradient at usual size; NumPy's is written by hand."""
    sides = {
        "ftrans": by_ftrans(value_and_grad, f, "now"), "jax": by_jax(value_and_grad, f, jit=True),
        "autograd": by_autograd(value_and_grad, f), "numpy": by_numpy(written),
    }  # fmt: skip
    return Work(name, inputs, sides | ({"numba": by_numba(loops)} if loops else {}), covers=("jit", "value_and_grad"))


STEADY = (
    forward("polynomial of two arrays of 1e6", tasks.polynomial, arrays((10**6,), (10**6,)), hand.polynomial),
    forward("Black-Scholes of 2e5", tasks.black_scholes, arrays(*[(200_000,)] * 3), hand.black_scholes),
    gradient("logistic regression 10000x100", tasks.logistic, constant(lambda: regression(10_000, 100)), hand.logistic),
    gradient(
        "MLP 784-256-10, batch 128, float32", tasks.mlp, constant(lambda: parameters((784, 256, 10), 128, "float32")), hand.mlp
    ),
    gradient("potential of 400 bodies", tasks.potential, arrays((400, 3)), hand.potential, hand.potential_loops),
    forward("softmax 2000x500", tasks.softmax, arrays((2000, 500))),
    forward("variance over an axis of 2000x500", tasks.variance, arrays((2000, 500))),
    forward("gelu of 1e6", tasks.gelu, arrays((10**6,)), hand.gelu),
)


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
    "trace": TRACE, "eager": EAGER, "transforms": TRANSFORMS, "jit call": JIT_CALL, "compile": COMPILE, "steady": STEADY,
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


@contextlib.contextmanager
def no_accidental_skip() -> Iterator[None]:
    """asv skips on any NotImplementedError, but what a library fails to support is a failure of the benchmark."""
    try:
        yield
    except Absent:
        raise
    except NotImplementedError as error:
        raise RuntimeError(str(error)) from error


def parameters_of(works: Sequence[Work]) -> tuple[list[str], list[str]]:
    """The asv parameters of a table: its works, and the libraries that do one of them."""
    return [w.name for w in works], [name for name in LIBRARIES if any([name in w.sides for w in works])]
