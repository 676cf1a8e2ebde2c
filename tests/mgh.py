"""Test problems of Moré, Garbow and Hillstrom (1981), Testing unconstrained optimization software, ACM TOMS 7, 17-41.

`PROBLEMS[name]` has residuals r(x), written from the formulas of the paper, a start and the minima it publishes; f(x) = Σ r(x)².
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Problem:
    """minima: the values of Σ r² at the published minimisers (six digits); all of them may be reached."""

    name: str
    residuals: Callable[[Any], Any]
    x0: Any
    minima: tuple[float, ...]
    best: Any = None  # a minimiser, where the paper gives one

    def f(self, x: Any) -> Any:
        return np.sum(self.residuals(x) ** 2)


PROBLEMS: dict[str, Problem] = {}


def problem(name: str, x0: Any, *minima: float, best: Any = None) -> Callable[[Callable[[Any], Any]], Callable[[Any], Any]]:
    """Enter residuals into the table."""

    def enter(residuals: Callable[[Any], Any]) -> Callable[[Any], Any]:
        PROBLEMS[name] = Problem(name, residuals, np.array(x0, float), minima, None if best is None else np.array(best, float))
        return residuals

    return enter


def numbers(text: str) -> Any:
    return np.array([float(word) for word in text.split()])


@problem("Rosenbrock", [-1.2, 1], 0.0, best=[1, 1])
def rosenbrock(x: Any) -> Any:
    return np.stack([10 * (x[1] - x[0] ** 2), 1 - x[0]])


@problem("Freudenstein and Roth", [0.5, -2], 0.0, 48.9842, best=[5, 4])
def freudenstein_roth(x: Any) -> Any:
    return np.stack([-13 + x[0] + ((5 - x[1]) * x[1] - 2) * x[1], -29 + x[0] + ((x[1] + 1) * x[1] - 14) * x[1]])


@problem("Powell badly scaled", [0, 1], 0.0)
def powell_badly_scaled(x: Any) -> Any:
    return np.stack([1e4 * x[0] * x[1] - 1, np.exp(-x[0]) + np.exp(-x[1]) - 1.0001])


@problem("Brown badly scaled", [1, 1], 0.0, best=[1e6, 2e-6])
def brown_badly_scaled(x: Any) -> Any:
    return np.stack([x[0] - 1e6, x[1] - 2e-6, x[0] * x[1] - 2])


@problem("Beale", [1, 1], 0.0, best=[3, 0.5])
def beale(x: Any) -> Any:
    return np.array([1.5, 2.25, 2.625]) - x[0] * (1 - x[1] ** np.arange(1, 4))


@problem("Jennrich and Sampson", [0.3, 0.4], 124.362)
def jennrich_sampson(x: Any) -> Any:
    i = np.arange(1, 11)
    return 2 + 2 * i - (np.exp(i * x[0]) + np.exp(i * x[1]))


@problem("Helical valley", [-1, 0, 0], 0.0, best=[1, 0, 0])
def helical_valley(x: Any) -> Any:
    turn = np.arctan(x[1] / x[0]) / (2 * np.pi) + (0.5 if x[0] < 0 else 0.0)
    return np.stack([10 * (x[2] - 10 * turn), 10 * (np.sqrt(x[0] ** 2 + x[1] ** 2) - 1), x[2]])


BARD = numbers(".14 .18 .22 .25 .29 .32 .35 .39 .37 .58 .73 .96 1.34 2.10 4.39")


@problem("Bard", [1, 1, 1], 8.21487e-3, 17.4286)
def bard(x: Any) -> Any:
    u = np.arange(1, 16)
    v = 16 - u
    return BARD - (x[0] + u / (v * x[1] + np.minimum(u, v) * x[2]))


GAUSSIAN = numbers(".0009 .0044 .0175 .0540 .1295 .2420 .3521 .3989 .3521 .2420 .1295 .0540 .0175 .0044 .0009")


@problem("Gaussian", [0.4, 1, 0], 1.12793e-8)
def gaussian(x: Any) -> Any:
    t = (8 - np.arange(1, 16)) / 2
    return x[0] * np.exp(-x[1] * (t - x[2]) ** 2 / 2) - GAUSSIAN


MEYER = numbers("34780 28610 23650 19630 16370 13720 11540 9744 8261 7030 6005 5147 4427 3820 3307 2872")


@problem("Meyer", [0.02, 4000, 250], 87.9458)
def meyer(x: Any) -> Any:
    t = 45 + 5 * np.arange(1, 17)
    return x[0] * np.exp(x[1] / (t + x[2])) - MEYER


@problem("Gulf research", [5, 2.5, 0.15], 0.0, 0.038, best=[50, 25, 1.5])
def gulf(x: Any) -> Any:
    t = np.arange(1, 100) / 100
    y = 25 + (-50 * np.log(t)) ** (2 / 3)
    return np.exp(-(np.abs(y - x[1]) ** x[2]) / x[0]) - t


@problem("Box three-dimensional", [0, 10, 20], 0.0, best=[1, 10, 1])
def box(x: Any) -> Any:
    t = 0.1 * np.arange(1, 11)
    return np.exp(-t * x[0]) - np.exp(-t * x[1]) - x[2] * (np.exp(-t) - np.exp(-10 * t))


@problem("Powell singular", [3, -1, 0, 1], 0.0, best=[0, 0, 0, 0])
def powell_singular(x: Any) -> Any:
    return np.stack(
        [x[0] + 10 * x[1], 5**0.5 * (x[2] - x[3]), (x[1] - 2 * x[2]) ** 2, 10**0.5 * (x[0] - x[3]) ** 2],
    )


@problem("Wood", [-3, -1, -3, -1], 0.0, best=[1, 1, 1, 1])
def wood(x: Any) -> Any:
    return np.stack([
        10 * (x[1] - x[0] ** 2), 1 - x[0], 90**0.5 * (x[3] - x[2] ** 2), 1 - x[2],
        10**0.5 * (x[1] + x[3] - 2), (x[1] - x[3]) / 10**0.5,
    ])  # fmt: skip


KOWALIK = numbers(".1957 .1947 .1735 .1600 .0844 .0627 .0456 .0342 .0323 .0235 .0246")
KOWALIK_U = numbers("4 2 1 .5 .25 .167 .125 .1 .0833 .0714 .0625")


@problem("Kowalik and Osborne", [0.25, 0.39, 0.415, 0.39], 3.07505e-4, 1.02734e-3)
def kowalik_osborne(x: Any) -> Any:
    u = KOWALIK_U
    return KOWALIK - x[0] * (u**2 + u * x[1]) / (u**2 + u * x[2] + x[3])


@problem("Brown and Dennis", [25, 5, -5, -1], 85822.2)
def brown_dennis(x: Any) -> Any:
    t = np.arange(1, 21) / 5
    return (x[0] + t * x[1] - np.exp(t)) ** 2 + (x[2] + x[3] * np.sin(t) - np.cos(t)) ** 2


OSBORNE1 = numbers(
    ".844 .908 .932 .936 .925 .908 .881 .850 .818 .784 .751 .718 .685 .658 .628 .603 .580 .558 .538 .522 .506 .490 .478 .467 .457 "
    ".448 .438 .431 .424 .420 .414 .411 .406"
)


@problem("Osborne 1", [0.5, 1.5, -1, 0.01, 0.02], 5.46489e-5)
def osborne1(x: Any) -> Any:
    t = 10 * np.arange(33)
    return OSBORNE1 - (x[0] + x[1] * np.exp(-t * x[3]) + x[2] * np.exp(-t * x[4]))


@problem("Biggs EXP6", [1, 2, 1, 1, 1, 1], 0.0, 5.65565e-3, best=[1, 10, 1, 5, 4, 3])
def biggs(x: Any) -> Any:
    t = 0.1 * np.arange(1, 14)
    y = np.exp(-t) - 5 * np.exp(-10 * t) + 3 * np.exp(-4 * t)
    return x[2] * np.exp(-t * x[0]) - x[3] * np.exp(-t * x[1]) + x[5] * np.exp(-t * x[4]) - y


OSBORNE2 = numbers(
    "1.366 1.191 1.112 1.013 .991 .885 .831 .847 .786 .725 .746 .679 .608 .655 .616 .606 .602 .626 .651 .724 .649 .649 .694 .644 "
    ".624 .661 .612 .558 .533 .495 .500 .423 .395 .375 .372 .391 .396 .405 .428 .429 .523 .562 .607 .653 .672 .708 .633 .668 .645 "
    ".632 .591 .559 .597 .625 .739 .710 .729 .720 .636 .581 .428 .292 .162 .098 .054"
)


@problem("Osborne 2", [1.3, 0.65, 0.65, 0.7, 0.6, 3, 5, 7, 2, 4.5, 5.5], 4.01377e-2)
def osborne2(x: Any) -> Any:
    t = np.arange(65) / 10
    bumps = [x[k] * np.exp(-((t - x[k + 7]) ** 2) * x[k + 4]) for k in (1, 2, 3)]
    return OSBORNE2 - (x[0] * np.exp(-t * x[4]) + bumps[0] + bumps[1] + bumps[2])


@problem("Watson", np.zeros(6), 2.28767e-3)
def watson(x: Any) -> Any:
    t = np.arange(1, 30)[:, None] / 29
    j = np.arange(1, len(x) + 1)
    first = ((j[1:] - 1) * t ** (j[1:] - 2)) @ x[1:] - (t ** (j - 1) @ x) ** 2 - 1
    return np.concatenate([first, np.stack([x[0], x[1] - x[0] ** 2 - 1])])


@problem("Extended Rosenbrock", np.tile([-1.2, 1.0], 10), 0.0, best=np.ones(20))
def extended_rosenbrock(x: Any) -> Any:
    odd, even = x[::2], x[1::2]
    return np.concatenate([10 * (even - odd**2), 1 - odd])


@problem("Extended Powell singular", np.tile([3.0, -1.0, 0.0, 1.0], 5), 0.0, best=np.zeros(20))
def extended_powell(x: Any) -> Any:
    a, b, c, d = (x[k::4] for k in range(4))
    return np.concatenate([a + 10 * b, 5**0.5 * (c - d), (b - 2 * c) ** 2, 10**0.5 * (a - d) ** 2])


@problem("Penalty I", np.arange(1.0, 11), 7.08765e-5)
def penalty1(x: Any) -> Any:
    return np.concatenate([1e-5**0.5 * (x - 1), np.sum(x**2, keepdims=True) - 0.25])


@problem("Penalty II", np.full(4, 0.5), 9.37629e-6)
def penalty2(x: Any) -> Any:
    n = len(x)
    i = np.arange(2, n + 1)
    y = np.exp(i / 10) + np.exp((i - 1) / 10)
    growth = np.exp(x / 10)
    return np.concatenate([
        x[:1] - 0.2, 1e-5**0.5 * (growth[1:] + growth[:-1] - y), 1e-5**0.5 * (growth[1:] - np.exp(-0.1)),
        np.stack([np.sum((n - np.arange(n)) * x**2) - 1]),
    ])  # fmt: skip


@problem("Variably dimensioned", 1 - np.arange(1, 11) / 10, 0.0, best=np.ones(10))
def variably_dimensioned(x: Any) -> Any:
    total = np.sum(np.arange(1, len(x) + 1) * (x - 1))
    return np.concatenate([x - 1, np.stack([total, total**2])])


@problem("Trigonometric", np.full(10, 0.1), 0.0, 2.79506e-5)
def trigonometric(x: Any) -> Any:
    n = len(x)
    return n - np.sum(np.cos(x)) + np.arange(1, n + 1) * (1 - np.cos(x)) - np.sin(x)


@problem("Brown almost-linear", np.full(10, 0.5), 0.0, 1.0)
def brown_almost_linear(x: Any) -> Any:
    return np.concatenate([x[:-1] + np.sum(x) - (len(x) + 1), np.stack([np.prod(x) - 1])])


@problem("Discrete boundary value", np.arange(1, 11) / 11 * (np.arange(1, 11) / 11 - 1), 0.0)
def discrete_boundary_value(x: Any) -> Any:
    h = 1 / (len(x) + 1)
    t = h * np.arange(1, len(x) + 1)
    around = np.concatenate([np.zeros(1), x, np.zeros(1)])
    return 2 * x - around[:-2] - around[2:] + h**2 * (x + t + 1) ** 3 / 2


@problem("Broyden tridiagonal", np.full(10, -1.0), 0.0)
def broyden_tridiagonal(x: Any) -> Any:
    around = np.concatenate([np.zeros(1), x, np.zeros(1)])
    return (3 - 2 * x) * x - around[:-2] - 2 * around[2:] + 1


@problem("Chebyquad", np.arange(1, 9) / 9, 3.51687e-3)
def chebyquad(x: Any) -> Any:
    n = len(x)
    low, high = np.ones(n), 2 * x - 1
    means = []
    for i in range(1, n + 1):
        means.append(np.mean(high) + (1 / (i**2 - 1) if i % 2 == 0 else 0.0))
        low, high = high, 2 * (2 * x - 1) * high - low
    return np.stack(means)
