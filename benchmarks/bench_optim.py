"""What a training step costs: the update of Adam alone, and with the gradient of a network. Beside optax under `jax.jit`.

python -m benchmarks.bench_optim        # the ratios, all libraries in turns in one run
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

import ftrans as ft

from . import peer, tasks
from .compare import head, machine, measure, row
from .inputs import constant, parameters
from .libraries import Call, Side, behind_np, on_device, wait_for_one
from .work import Work, parameters_of

Loss = Callable[..., Any] | None


def stepper(optim: Any, value_and_grad: Any, loss: Loss) -> tuple[Any, Any]:
    """(the initial state, the step) of Adam, for ft.optim as for optax. Without a loss the gradients are an argument."""
    opt = optim.adam(1e-3)

    def update(params: Any, state: Any, grads: Any) -> Any:
        updates, state = opt.update(grads, state, params)
        return optim.apply_updates(params, updates), state

    def step(params: Any, state: Any, *batch: Any) -> Any:
        value, grads = value_and_grad(loss)(params, *batch)
        return (*update(params, state, grads), value)

    return opt.init, step if loss else update


def by_ftrans(loss: Loss, jit: str) -> Side:
    """The step by ft.optim, in a compile mode."""

    def side(params: Any, *rest: Any) -> Call:
        init, step = stepper(ft.optim, ft.value_and_grad, loss)
        return functools.partial(ft.jit(step, compile=jit), params, init(params), *rest)

    return side


def by_optax(loss: Loss) -> Side:
    """The step by optax in JAX's 64-bit mode, inputs on the device beforehand, waiting for a result."""

    def side(params: Any, *rest: Any) -> Call:
        jax, optax = peer("jax"), peer("optax")
        jax.config.update("jax_enable_x64", True)
        init, step = stepper(optax, jax.value_and_grad, loss and behind_np(loss, peer("jax.numpy")))
        params, *rest = on_device((params, *rest))
        call = functools.partial(jax.jit(step), params, init(params), *rest)

        def wait() -> Any:
            result = call()
            wait_for_one(result[0])  # the parameters: states have empty parts
            return result

        return wait

    return side


def adam(name: str, loss: Loss, make: Callable[[], Sequence[Any]]) -> Work:
    """One step of Adam; the parameters after it are compared."""
    sides = {"ftrans": by_ftrans(loss, "hot"), "ftrans now": by_ftrans(loss, "now"), "jax": by_optax(loss)}
    return Work(name, constant(make), sides, view=lambda result: {k: np.asarray(x) for k, x in result[0].items()})


def ten() -> Sequence[Any]:
    """(ten small arrays, a gradient for each)."""
    rng = np.random.default_rng(0)
    return tuple([{f"w{k}": rng.standard_normal(5) for k in range(10)} for _ in range(2)])


OPTIM = (
    adam("Adam update, dict of 10 small arrays", None, ten),
    adam("Adam step, MLP 4-8-3, batch 5", tasks.mlp, lambda: parameters((4, 8, 3), 5, "float64")),
    adam("Adam step, MLP 784-256-10, batch 128, float32", tasks.mlp, lambda: parameters((784, 256, 10), 128, "float32")),
)


class AdamStep:
    """Warm calls of a jitted step, in the default tier and compiled."""

    params = parameters_of(OPTIM)
    param_names = ("work", "library")
    repeat = (10, 1000, 1.0)

    def setup(self, name: str, library: str) -> None:
        work = next(w for w in OPTIM if w.name == name)
        self.call = work.prepare(library)

    def time_call(self, name: str, library: str) -> None:
        self.call()


def main() -> int:
    """Print the table."""
    print(machine() + "\n" + head("optimisers"))
    for work in OPTIM:
        times, wrong = measure(work, 2.0)
        print(row(work, times, wrong), *wrong.items(), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
