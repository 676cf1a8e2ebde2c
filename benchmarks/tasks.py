"""The tasks, as a user of NumPy writes them. Nothing here knows of any library: `np` is what the benchmark puts behind the name.

Each function is complete in itself (functions it needs are inside it), so that the same code can run with another `np`.
"""

from __future__ import annotations

import numpy as np

MIXED_EQUATIONS = 12


def chain_of_400(x):
    """401 equations: elementwise, then a sum."""
    y = x
    for _ in range(100):
        y = np.sin(y)
        y = y * x
        y = y + x
        y = np.tanh(y)
    return np.sum(y)


def mixed(x, w, b):
    """10 times MIXED_EQUATIONS equations of many kinds."""
    for _ in range(10):
        h = x @ w + b
        h = np.where(h > 0.5, h, np.tanh(h))
        m = np.max(h, axis=1, keepdims=True)
        e = np.exp(h - m)
        p = e / np.sum(e, axis=1, keepdims=True)
        x = np.reshape(np.transpose(p), (4, 6))
    return x


def four(x):
    """Four operations."""
    return np.sum(np.sin(x) * x + x)


def four_hundred(x):
    """401 operations."""
    y = x
    for _ in range(100):
        y = np.sin(y) * x
        y = np.tanh(y + x)
    return np.sum(y)


def mlp(weights, x, labels):
    """The cross entropy of a network with one hidden layer."""
    h = np.tanh(x @ weights["w1"] + weights["b1"])
    z = h @ weights["w2"] + weights["b2"]
    z = z - np.max(z, axis=1, keepdims=True)
    return np.mean(np.log(np.sum(np.exp(z), axis=1)) - np.sum(labels * z, axis=1))


def square_and_add(x):
    return x * x + 1.0


def five(a, b, c, d, e):
    return a * b + c * d - e


def halve_all(weights):
    return {key: w * 0.5 for key, w in weights.items()}


def keywords(x, *, scale, shift):
    return x * scale + shift


def scalars(x, a, b):
    return x * a + b


def polynomial(x, y):
    return (x * y + 2) * x - y * y + x / (y + 1)


def black_scholes(price, strike, years):
    """The value of a call option; the normal distribution by its usual tanh approximation."""
    rate, volatility = 0.03, 0.2

    def normal(z):
        return 0.5 * (1.0 + np.tanh(0.7978845608028654 * (z + 0.044715 * z * z * z)))

    spread = volatility * np.sqrt(years)
    d1 = (np.log(price / strike) + (rate + 0.5 * volatility * volatility) * years) / spread
    return price * normal(d1) - strike * np.exp(-rate * years) * normal(d1 - spread)


def logistic(w, x, y):
    """The mean logistic loss of labels y = -1, 1."""
    return np.mean(np.log1p(np.exp(-y * (x @ w))))


def potential(x):
    """The sum of 1 / distance over all ordered pairs, softened."""
    d = x[:, None, :] - x[None, :, :]
    return np.sum(1.0 / np.sqrt(np.sum(d * d, axis=-1) + 0.01))


def softmax(x):
    e = np.exp(x - np.max(x, axis=1, keepdims=True))
    return e / np.sum(e, axis=1, keepdims=True)


def variance(x):
    return np.var(x, axis=0)


def gelu(x):
    return 0.5 * x * (1.0 + np.tanh(0.7978845608028654 * (x + 0.044715 * x * x * x)))


def scalar(x):
    """A number from a vector."""
    return np.sum(np.sin(x) * x * x + np.tanh(x))


def vector(x):
    """A vector from a vector."""
    return np.sin(x) * np.sum(x * x)


def linear(x):
    """Linear in x."""
    return 3.0 * x - np.sum(x)


def mapped(x):
    """A number from a number."""
    return np.sin(x) * x + np.tanh(x)
