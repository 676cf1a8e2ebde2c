"""The programs of the suite, as a user of NumPy writes them: `np` is what the benchmark puts behind the name.

Each function is complete in itself, as in tasks.py. suite.py says at which sizes they run, and which have their gradient measured.
"""

from __future__ import annotations

import math

import numpy as np

# Small vectors: what counts is the call


def sine(x):
    """One 3-vector in and out."""
    return np.sin(x) * 2 + 1


def rotated(axis, angle, v):
    """A vector turned around an axis (Rodrigues)."""
    k = axis / np.sqrt(np.sum(axis * axis))
    cross = np.stack([k[1] * v[2] - k[2] * v[1], k[2] * v[0] - k[0] * v[2], k[0] * v[1] - k[1] * v[0]])
    return v * np.cos(angle) + cross * np.sin(angle) + k * np.sum(k * v) * (1.0 - np.cos(angle))


def rosenbrock(x):
    return np.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1.0 - x[:-1]) ** 2)


def kalman(x, p, f, z, h):
    """One prediction and one scalar measurement: (state, covariance)."""
    x = f @ x
    p = f @ p @ f.T + 0.01 * np.eye(4)
    gain = p @ h / (h @ p @ h + 0.1)
    return x + gain * (z - h @ x), p - np.outer(gain, h) @ p


def adam(weights, gradients, first, second, step):
    """One update of Adam: (weights, first moments, second moments)."""
    out, m, v = {}, {}, {}
    for key, g in gradients.items():
        m[key] = 0.9 * first[key] + 0.1 * g
        v[key] = 0.999 * second[key] + 0.001 * g * g
        rate = 1e-3 * np.sqrt(1 - 0.999**step) / (1 - 0.9**step)
        out[key] = weights[key] - rate * m[key] / (np.sqrt(v[key]) + 1e-8)
    return out, m, v


# Elementwise


def huber(x, y):
    """The robust loss: quadratic near 0, linear beyond 1."""
    d = x - y
    a = np.abs(d)
    return np.sum(np.where(a < 1.0, 0.5 * d * d, a - 0.5))


def haversine(a, b, c, d):
    """Distances on the earth between latitudes and longitudes in radians."""
    u, v = np.sin((c - a) / 2), np.sin((d - b) / 2)
    return 12742.0 * np.arcsin(np.sqrt(u * u + np.cos(a) * np.cos(c) * v * v))


def masked(x, y):
    """Boolean masks: what is in the ring is kept, the rest is cut off at 0 or mirrored."""
    r = x * x + y * y
    ring = (r > 0.5) & (r < 2.0) & ~((x < 0) & (y < 0))
    return np.where(ring, x, np.where(y > 0, np.maximum(x, 0.0), -x))


def escape(x, y):
    """Steps, at most 20, in which z*z + c leaves the disc of radius 2, in real arithmetic."""
    a, b = np.zeros_like(x), np.zeros_like(y)
    count = np.zeros_like(x)
    for _ in range(20):
        p, q = a * a, b * b
        inside = p + q < 4.0
        count = count + inside
        a, b = np.where(inside, p - q + x, a), np.where(inside, 2.0 * a * b + y, b)
    return count


def julia(c):
    """10 steps of z*z + c in complex arithmetic."""
    z = c
    for _ in range(10):
        z = z * z + c
    return z


def logistic_map(x):
    """20 steps of the logistic map."""
    for _ in range(20):
        x = 3.2 * x * (1.0 - x)
    return x


def lorenz(state, steps=20):
    """Runge-Kutta steps of the Lorenz system, one system in each column."""

    def slope(s):
        x, y, z = s
        return 10.0 * (y - x), x * (28.0 - z) - y, x * y - 2.6666666666666665 * z

    def moved(s, d, h):
        return [a + h * b for a, b in zip(s, d, strict=True)]

    s, h = [state[0], state[1], state[2]], 0.01
    for _ in range(steps):
        k1 = slope(s)
        k2 = slope(moved(s, k1, 0.5 * h))
        k3 = slope(moved(s, k2, 0.5 * h))
        k4 = slope(moved(s, k3, h))
        s = [a + h / 6.0 * (p + 2.0 * q + 2.0 * r + t) for a, p, q, r, t in zip(s, k1, k2, k3, k4, strict=True)]
    return np.stack(s)


def hashed(x):
    """Random numbers in [0, 1) from 32-bit words (the finaliser of MurmurHash3)."""
    x = x ^ (x >> 16)
    x = x * np.uint32(0x85EBCA6B)
    x = x ^ (x >> 13)
    x = x * np.uint32(0xC2B2AE35)
    x = x ^ (x >> 16)
    return x.astype(np.float64) / 4294967296.0


def demodulated(signal, time):
    """A complex signal shifted in frequency: (its magnitude, its real part)."""
    z = signal * np.exp(-2j * math.pi * 0.1 * time)
    return np.abs(z), np.real(z)


# Reductions


def logsumexp(x):
    """Of each row."""
    m = np.max(x, axis=1, keepdims=True)
    return np.log(np.sum(np.exp(x - m), axis=1)) + m[:, 0]


def moments(x):
    """(mean, standard deviation, skewness)."""
    mean = np.mean(x)
    d = x - mean
    deviation = np.sqrt(np.mean(d * d))
    return mean, deviation, np.mean(d * d * d) / (deviation * deviation * deviation)


def layer_norm(x, scale, shift):
    d = x - np.mean(x, axis=1, keepdims=True)
    return d / np.sqrt(np.mean(d * d, axis=1, keepdims=True) + 1e-5) * scale + shift


def cross_entropy(scores, labels):
    """The mean cross entropy of labels given by their number."""
    z = scores - np.max(scores, axis=1, keepdims=True)
    return np.mean(np.log(np.sum(np.exp(z), axis=1)) - np.take_along_axis(z, labels[:, None], axis=1)[:, 0])


def mixture(means, deviations, weights, points):
    """The log-likelihood of points under a mixture of Gaussians; the last two parameters are logarithms."""
    d = (points[:, None, :] - means) * np.exp(-deviations)
    z = weights - np.sum(0.5 * d * d + deviations, axis=-1)
    m = np.max(z, axis=1, keepdims=True)
    return np.sum(np.log(np.sum(np.exp(z - m), axis=1)) + m[:, 0])


def kernel_matrix(x, y):
    """exp(-|x - y|² / 2) of all pairs."""
    d = x[:, None, :] - y[None, :, :]
    return np.exp(-0.5 * np.sum(d * d, axis=-1))


def nearest(x, centres):
    """The number of the nearest centre of each point."""
    d = x[:, None, :] - centres[None, :, :]
    return np.argmin(np.sum(d * d, axis=-1), axis=1)


# Matrix products


def k_means(x, centres):
    """One step: the means of the points nearest to each centre."""
    distance = np.sum(centres * centres, axis=1) - 2.0 * (x @ centres.T)
    member = (np.argmin(distance, axis=1)[:, None] == np.arange(16)).astype(np.float64)
    return member.T @ x / np.maximum(np.sum(member, axis=0), 1.0)[:, None]


def covariance(x):
    d = x - np.mean(x, axis=0)
    return d.T @ d / (d.shape[0] - 1)


def ridge(w, x, y):
    """The ridge loss."""
    r = x @ w - y
    return 0.5 * np.mean(r * r) + 0.01 * np.sum(w * w)


def attention(q, k, v):
    """Scaled dot products, (heads, places, width)."""
    z = q @ np.swapaxes(k, 1, 2) / math.sqrt(q.shape[-1])
    e = np.exp(z - np.max(z, axis=-1, keepdims=True))
    return (e / np.sum(e, axis=-1, keepdims=True)) @ v


def products(x, y):
    """Many small matrix products."""
    return np.tanh(x @ y)


def lstm(weights, x, h, c):
    """One step of an LSTM cell: (hidden state, cell state)."""

    def sigmoid(z):
        return 1.0 / (1.0 + np.exp(-z))

    z = x @ weights["wx"] + h @ weights["wh"] + weights["b"]
    n = h.shape[1]
    c = sigmoid(z[:, n : 2 * n]) * c + sigmoid(z[:, :n]) * np.tanh(z[:, 2 * n : 3 * n])
    return sigmoid(z[:, 3 * n :]) * np.tanh(c), c


def quadratic_features(w, x):
    """A linear model of all products of two features."""
    pairs = np.reshape(x[:, :, None] * x[:, None, :], (x.shape[0], -1))
    return pairs @ w


def jacobi(a, b):
    """10 Jacobi iterations for a x = b."""
    d = np.diagonal(a)
    x = b / d
    for _ in range(10):
        x = (b - (a @ x - d * x)) / d
    return x


# Neighbours, positions, orders


def heat(u, steps=100):
    """Steps of heat conduction with cold edges."""
    for _ in range(steps):
        centre = u[1:-1, 1:-1]
        u = np.pad(centre + 0.2 * (u[2:, 1:-1] + u[:-2, 1:-1] + u[1:-1, 2:] + u[1:-1, :-2] - 4.0 * centre), 1)
    return u


def burgers(u, steps=10):
    """Finite-volume steps (Lax-Friedrichs) of Burgers' equation on a ring."""
    for _ in range(steps):
        f = 0.5 * u * u
        left, right = np.roll(u, 1), np.roll(u, -1)
        u = 0.5 * (left + right) - 0.1 * (np.roll(f, -1) - np.roll(f, 1))
    return u


def life(x, steps=10):
    """Generations of the game of life on a torus."""
    for _ in range(steps):
        rows = np.roll(x, 1, 0) + x + np.roll(x, -1, 0)
        n = np.roll(rows, 1, 1) + rows + np.roll(rows, -1, 1) - x
        x = ((n == 3) | ((x == 1) & (n == 2))).astype(np.int8)
    return x


def smoothed(x, taps):
    """A convolution with nine taps, by slices."""
    n = x.shape[0] - 8
    return sum([taps[k] * x[k : k + n] for k in range(1, 9)], taps[0] * x[:n])


def total_variation(x):
    """The smoothed total variation of an image."""
    a, b = x[1:, :-1] - x[:-1, :-1], x[:-1, 1:] - x[:-1, :-1]
    return np.sum(np.sqrt(a * a + b * b + 1e-3))


def haar(x):
    """All levels of the Haar wavelet transform of 2**k numbers."""
    details = []
    while x.shape[0] > 1:
        a, b = x[0::2], x[1::2]
        details.append((a - b) * 0.7071067811865476)
        x = (a + b) * 0.7071067811865476
    return np.concatenate([x, *details[::-1]])


def embedded(table, rows, weights):
    """Picked rows of a table, weighted."""
    return np.tanh(np.take(table, rows, axis=0)) * weights


def sort(x):
    return np.sort(x)


def cumulative_sum(x):
    return np.cumsum(x)


def wealth(returns):
    """What a unit of money becomes, day by day."""
    return np.cumprod(1.0 + 0.001 * returns)
