"""The tasks as one writes them by hand where no library helps: gradients in NumPy, loops for numba (which compiles them)."""

from __future__ import annotations

import math

import numpy as np


def logistic(w, x, y):
    """tasks.logistic and its gradient."""
    e = np.exp(-y * (x @ w))
    return np.mean(np.log1p(e)), x.T @ (-y * e / (1.0 + e)) / len(y)


def mlp(weights, x, labels):
    """tasks.mlp and its gradient."""
    h = np.tanh(x @ weights["w1"] + weights["b1"])
    z = h @ weights["w2"] + weights["b2"]
    z -= np.max(z, axis=1, keepdims=True)
    e = np.exp(z)
    total = np.sum(e, axis=1)
    value = np.mean(np.log(total) - np.sum(labels * z, axis=1))
    dz = (e / total[:, None] - labels) / np.float32(len(x))
    dh = (dz @ weights["w2"].T) * (1 - h * h)
    return value, {"w1": x.T @ dh, "b1": np.sum(dh, axis=0), "w2": h.T @ dz, "b2": np.sum(dz, axis=0)}


def potential(x):
    """tasks.potential and its gradient."""
    d = x[:, None, :] - x[None, :, :]
    inverse = 1.0 / np.sqrt(np.sum(d * d, axis=-1) + 0.01)
    return np.sum(inverse), -2.0 * np.einsum("ij,ijk->ik", inverse * inverse * inverse, d)


def potential_loops(x):
    """tasks.potential and its gradient, each pair once."""
    total, slope = 0.0, np.zeros_like(x)
    n = x.shape[0]
    for i in range(n):
        total += 10.0
        for j in range(i):
            a, b, c = x[i, 0] - x[j, 0], x[i, 1] - x[j, 1], x[i, 2] - x[j, 2]
            inverse = 1.0 / math.sqrt(a * a + b * b + c * c + 0.01)
            total += 2.0 * inverse
            pull = -2.0 * inverse * inverse * inverse
            slope[i, 0] += pull * a
            slope[i, 1] += pull * b
            slope[i, 2] += pull * c
            slope[j, 0] -= pull * a
            slope[j, 1] -= pull * b
            slope[j, 2] -= pull * c
    return total, slope


def polynomial(x, y):
    """tasks.polynomial in one loop."""
    out = np.empty_like(x)
    for i in range(x.size):
        a, b = x[i], y[i]
        out[i] = (a * b + 2) * a - b * b + a / (b + 1)
    return out


def black_scholes(price, strike, years):
    """tasks.black_scholes in one loop."""
    rate, volatility = 0.03, 0.2
    out = np.empty_like(price)
    for i in range(price.size):
        p, s, t = price[i], strike[i], years[i]
        spread = volatility * math.sqrt(t)
        d1 = (math.log(p / s) + (rate + 0.5 * volatility * volatility) * t) / spread
        d2 = d1 - spread
        n1 = 0.5 * (1.0 + math.tanh(0.7978845608028654 * (d1 + 0.044715 * d1 * d1 * d1)))
        n2 = 0.5 * (1.0 + math.tanh(0.7978845608028654 * (d2 + 0.044715 * d2 * d2 * d2)))
        out[i] = p * n1 - s * math.exp(-rate * t) * n2
    return out


def gelu(x):
    """tasks.gelu in one loop."""
    out = np.empty_like(x)
    for i in range(x.size):
        a = x[i]
        out[i] = 0.5 * a * (1.0 + math.tanh(0.7978845608028654 * (a + 0.044715 * a * a * a)))
    return out
