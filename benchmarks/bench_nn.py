"""Convolution, pooling and losses with their gradients, as ft.nn, JAX and PyTorch compute them on the CPU, warm.

python -m benchmarks.bench_nn        # the table of medians, all libraries in turns
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import ftrans as ft
from ftrans import nn

from . import Absent, peer
from .clock import in_turns
from .libraries import agree

Call = Callable[[], Any]


def inputs(*shapes: tuple[int, ...], dtype: str = "f4") -> list[Any]:
    """Random arrays."""
    rng = np.random.default_rng(0)
    return [rng.normal(size=shape).astype(dtype) for shape in shapes]


def by_ftrans(f: Any, args: list[Any]) -> Call:
    """jitted and not compiled."""
    call = ft.jit(f, compile="never")
    return lambda: call(*args)


def by_ftrans_now(f: Any, args: list[Any]) -> Call:
    """jitted and compiled."""
    call = ft.jit(f, compile="now")
    return lambda: call(*args)


def by_jax(f: Any, args: list[Any]) -> Call:
    """jitted, with its inputs on the device and its results waited for."""
    jax = peer("jax")
    jax.config.update("jax_enable_x64", True)
    placed = [jax.numpy.asarray(x) for x in args]
    call = jax.jit(f)
    return lambda: jax.block_until_ready(call(*placed))


def by_torch(f: Any, args: list[Any], differentiated: bool) -> Call:
    """Eager, with autograd where a gradient is asked for."""
    torch = peer("torch")
    placed = [torch.tensor(x, requires_grad=differentiated) for x in args]

    def call() -> Any:
        y = f(*placed)
        return [g.numpy() for g in torch.autograd.grad(y, placed)] if differentiated else y.detach().numpy()

    return call


def conv(library: str, differentiated: bool, x: tuple[int, ...], w: tuple[int, ...], dtype: str) -> Call:
    """A convolution without padding, or the gradients of the sum of its squares with respect to images and weights."""
    args = inputs(x, w, dtype=dtype)
    if library == "torch":
        f = peer("torch").nn.functional.conv2d
        return by_torch((lambda x, w: (f(x, w) ** 2).sum()) if differentiated else f, args, differentiated)
    if library == "jax":
        jax = peer("jax")
        f = lambda x, w: jax.lax.conv_general_dilated(x, w, (1, 1), "VALID")
        return by_jax(jax.grad(lambda x, w: (f(x, w) ** 2).sum(), (0, 1)) if differentiated else f, args)
    return mine(library)(ft.grad(lambda x, w: np.sum(nn.conv2d(x, w) ** 2), (0, 1)) if differentiated else nn.conv2d, args)


def mine(library: str) -> Any:
    """One of our two tiers."""
    return by_ftrans_now if library == "ftrans now" else by_ftrans


def pool(library: str, differentiated: bool, x: tuple[int, ...], dtype: str) -> Call:
    """Maxima over windows of 2 x 2, or the gradient of the sum of their squares."""
    args = inputs(x, dtype=dtype)
    if library == "torch":
        f = peer("torch").nn.functional.max_pool2d
        return by_torch((lambda x: (f(x, 2) ** 2).sum()) if differentiated else (lambda x: f(x, 2)), args, differentiated)
    if library == "jax":
        jax = peer("jax")
        f = lambda x: jax.lax.reduce_window(x, -np.inf, jax.lax.max, (1, 1, 2, 2), (1, 1, 2, 2), "VALID")
        return by_jax(jax.grad(lambda x: (f(x) ** 2).sum(), (0,)) if differentiated else f, args)
    f = lambda x: nn.max_pool(x, 2)
    return mine(library)(ft.grad(lambda x: np.sum(f(x) ** 2), (0,)) if differentiated else f, args)


def cross_entropy(library: str, shape: tuple[int, ...], dtype: str) -> Call:
    """The gradient of the mean softmax cross entropy of a batch with integer labels."""
    args = inputs(shape, dtype=dtype)
    labels = np.random.default_rng(1).integers(0, shape[1], shape[0])
    if library == "torch":
        torch = peer("torch")
        wanted = torch.tensor(labels)
        return by_torch(lambda z: torch.nn.functional.cross_entropy(z, wanted), args, True)
    if library == "jax":
        jax = peer("jax")
        rows = np.arange(shape[0])
        return by_jax(jax.grad(lambda z: -jax.nn.log_softmax(z)[rows, labels].mean(), (0,)), args)
    return mine(library)(ft.grad(lambda z: nn.softmax_cross_entropy_with_integer_labels(z, labels).mean(), (0,)), args)


SMALL, LARGE = ((64, 1, 28, 28), (8, 1, 3, 3)), ((32, 16, 16, 16), (32, 16, 3, 3))
WORKS: dict[str, Callable[[str], Call]] = {
    f"{what}conv {name} {dtype}": lambda library, d=d, shapes=shapes, dtype=dtype: conv(library, d, *shapes, dtype)
    for dtype in ("f4", "f8")
    for name, shapes in (("64x1x28x28, 8 of 3x3", SMALL), ("32x16x16x16, 32 of 3x3", LARGE))
    for what, d in (("", False), ("grad ", True))
} | {
    "max_pool 64x8x26x26 f4": lambda library: pool(library, False, (64, 8, 26, 26), "f4"),
    "grad max_pool 64x8x26x26 f4": lambda library: pool(library, True, (64, 8, 26, 26), "f4"),
    "grad cross entropy 5x3 f4": lambda library: cross_entropy(library, (5, 3), "f4"),
    "grad cross entropy 128x10 f4": lambda library: cross_entropy(library, (128, 10), "f4"),
    "grad cross entropy 512x100 f4": lambda library: cross_entropy(library, (512, 100), "f4"),
    "grad cross entropy 512x1000 f4": lambda library: cross_entropy(library, (512, 1000), "f4"),
}
LIBRARIES = ("ftrans", "ftrans now", "jax", "torch")


class Layers:
    """What the layers of a network cost."""

    params = (list(WORKS), list(LIBRARIES))
    param_names = ("work", "library")
    repeat = (5, 50, 2.0)

    def setup(self, work: str, library: str) -> None:
        self.call = WORKS[work](library)
        self.call()

    def time_call(self, work: str, library: str) -> None:
        self.call()


def main() -> None:
    """Print the table: our median time, and how many times as long the others take."""
    print(f"| work | ftrans | {' | '.join(LIBRARIES[1:])} |\n|---|{'---:|' * len(LIBRARIES)}")
    for name, work in WORKS.items():
        calls = {}
        for library in LIBRARIES:
            try:
                calls[library] = work(library)
                agree(np.asarray(calls[library]()[0]), np.asarray(calls["ftrans"]()[0]), f"{name} by {library}")
            except Absent:
                continue
        times = in_turns(calls, 1.0)
        ratios = [f"{times[k] / times['ftrans']:.2g}" if k in times else "-" for k in LIBRARIES[1:]]
        print(f"| {name} | {1e3 * times['ftrans']:.3g} ms | {' | '.join(ratios)} |")


if __name__ == "__main__":
    main()
