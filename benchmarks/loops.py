"""The suite's programs as loops written by hand, which numba compiles: the same arithmetic as programs.py, without temporaries."""

from __future__ import annotations

import cmath
import math

import numpy as np

# Small vectors


def sine(x):
    out = np.empty_like(x)
    for i in range(x.size):
        out[i] = math.sin(x[i]) * 2 + 1
    return out


def rotated(axis, angle, v):
    length = math.sqrt(axis[0] * axis[0] + axis[1] * axis[1] + axis[2] * axis[2])
    a, b, c = axis[0] / length, axis[1] / length, axis[2] / length
    cosine, sine = math.cos(angle), math.sin(angle)
    along = (a * v[0] + b * v[1] + c * v[2]) * (1.0 - cosine)
    out = np.empty(3)
    out[0] = v[0] * cosine + (b * v[2] - c * v[1]) * sine + a * along
    out[1] = v[1] * cosine + (c * v[0] - a * v[2]) * sine + b * along
    out[2] = v[2] * cosine + (a * v[1] - b * v[0]) * sine + c * along
    return out


def rosenbrock(x):
    total = 0.0
    for i in range(x.size - 1):
        a, b = x[i + 1] - x[i] * x[i], 1.0 - x[i]
        total += 100.0 * (a * a) + b * b
    return total


def rosenbrock_slope(x):
    total, slope = 0.0, np.zeros_like(x)
    for i in range(x.size - 1):
        a, b = x[i + 1] - x[i] * x[i], 1.0 - x[i]
        total += 100.0 * (a * a) + b * b
        slope[i + 1] += 200.0 * a
        slope[i] -= 400.0 * a * x[i] + 2.0 * b
    return total, slope


# Elementwise


def polynomial_slope(x, y):
    total, slope = 0.0, np.empty_like(x)
    for i in range(x.size):
        a, b = x[i], y[i]
        p = (a * b + 2) * a - b * b + a / (b + 1)
        total += p * p
        slope[i] = 2 * p * (2 * a * b + 2 + 1 / (b + 1))
    return total, slope


def huber(x, y):
    total = 0.0
    for i in range(x.size):
        d = x[i] - y[i]
        a = abs(d)
        total += 0.5 * d * d if a < 1.0 else a - 0.5
    return total


def huber_slope(x, y):
    total, slope = 0.0, np.empty_like(x)
    for i in range(x.size):
        d = x[i] - y[i]
        a = abs(d)
        total += 0.5 * d * d if a < 1.0 else a - 0.5
        slope[i] = d if a < 1.0 else math.copysign(1.0, d)
    return total, slope


def haversine(a, b, c, d):
    out = np.empty_like(a)
    for i in range(a.size):
        u, v = math.sin((c[i] - a[i]) / 2), math.sin((d[i] - b[i]) / 2)
        out[i] = 12742.0 * math.asin(math.sqrt(u * u + math.cos(a[i]) * math.cos(c[i]) * v * v))
    return out


def masked(x, y):
    out = np.empty_like(x)
    for i in range(x.size):
        a, b = x[i], y[i]
        r = a * a + b * b
        if r > 0.5 and r < 2.0 and not (a < 0 and b < 0):
            out[i] = a
        elif b > 0:
            out[i] = max(a, np.float32(0.0))
        else:
            out[i] = -a
    return out


def escape(x, y):
    out = np.empty_like(x)
    for i in range(x.shape[0]):
        for j in range(x.shape[1]):
            a, b, count = 0.0, 0.0, 0.0
            for _ in range(20):
                p, q = a * a, b * b
                if p + q >= 4.0:
                    break
                count += 1.0
                a, b = p - q + x[i, j], 2.0 * a * b + y[i, j]
            out[i, j] = count
    return out


def julia(c):
    out = np.empty_like(c)
    for i in range(c.shape[0]):
        for j in range(c.shape[1]):
            z = c[i, j]
            for _ in range(10):
                z = z * z + c[i, j]
            out[i, j] = z
    return out


def logistic_map(x):
    out = np.empty_like(x)
    for i in range(x.size):
        a = x[i]
        for _ in range(20):
            a = 3.2 * a * (1.0 - a)
        out[i] = a
    return out


def lorenz(state):
    out, h = np.empty_like(state), 0.01
    for i in range(state.shape[1]):
        x, y, z = state[0, i], state[1, i], state[2, i]
        for _ in range(20):
            ax, ay, az = 10.0 * (y - x), x * (28.0 - z) - y, x * y - 2.6666666666666665 * z
            u, v, w = x + 0.5 * h * ax, y + 0.5 * h * ay, z + 0.5 * h * az
            bx, by, bz = 10.0 * (v - u), u * (28.0 - w) - v, u * v - 2.6666666666666665 * w
            u, v, w = x + 0.5 * h * bx, y + 0.5 * h * by, z + 0.5 * h * bz
            cx, cy, cz = 10.0 * (v - u), u * (28.0 - w) - v, u * v - 2.6666666666666665 * w
            u, v, w = x + h * cx, y + h * cy, z + h * cz
            dx, dy, dz = 10.0 * (v - u), u * (28.0 - w) - v, u * v - 2.6666666666666665 * w
            x += h / 6.0 * (ax + 2.0 * bx + 2.0 * cx + dx)
            y += h / 6.0 * (ay + 2.0 * by + 2.0 * cy + dy)
            z += h / 6.0 * (az + 2.0 * bz + 2.0 * cz + dz)
        out[0, i], out[1, i], out[2, i] = x, y, z
    return out


def hashed(x):
    out = np.empty(x.size)
    for i in range(x.size):
        a = x[i]
        a = a ^ (a >> np.uint32(16))
        a = np.uint32(a * np.uint32(0x85EBCA6B))
        a = a ^ (a >> np.uint32(13))
        a = np.uint32(a * np.uint32(0xC2B2AE35))
        a = a ^ (a >> np.uint32(16))
        out[i] = a / 4294967296.0
    return out


def demodulated(signal, time):
    size, real = np.empty(time.size), np.empty(time.size)
    for i in range(time.size):
        z = signal[i] * cmath.exp(-2j * math.pi * 0.1 * time[i])
        size[i], real[i] = abs(z), z.real
    return size, real


# Reductions


def softmax(x):
    out = np.empty_like(x)
    for i in range(x.shape[0]):
        m = x[i, 0]
        for j in range(1, x.shape[1]):
            m = max(m, x[i, j])
        total = np.float32(0.0)
        for j in range(x.shape[1]):
            out[i, j] = math.exp(x[i, j] - m)
            total += out[i, j]
        for j in range(x.shape[1]):
            out[i, j] /= total
    return out


def logsumexp(x):
    out = np.empty(x.shape[0])
    for i in range(x.shape[0]):
        m = x[i, 0]
        for j in range(1, x.shape[1]):
            m = max(m, x[i, j])
        total = 0.0
        for j in range(x.shape[1]):
            total += math.exp(x[i, j] - m)
        out[i] = math.log(total) + m
    return out


def variance(x):
    n, m = x.shape
    mean, out = np.zeros(m), np.zeros(m)
    for i in range(n):
        for j in range(m):
            mean[j] += x[i, j]
    mean /= n
    for i in range(n):
        for j in range(m):
            d = x[i, j] - mean[j]
            out[j] += d * d
    return out / n


def moments(x):
    n, mean = x.size, 0.0
    for i in range(n):
        mean += x[i]
    mean /= n
    square, cube = 0.0, 0.0
    for i in range(n):
        d = x[i] - mean
        square += d * d
        cube += d * d * d
    deviation = math.sqrt(square / n)
    return mean, deviation, cube / n / (deviation * deviation * deviation)


def layer_norm(x, scale, shift):
    out = np.empty_like(x)
    n, m = x.shape
    for i in range(n):
        mean, square = np.float32(0.0), np.float32(0.0)
        for j in range(m):
            mean += x[i, j]
        mean /= np.float32(m)
        for j in range(m):
            d = x[i, j] - mean
            square += d * d
        factor = np.float32(1.0) / math.sqrt(square / np.float32(m) + np.float32(1e-5))
        for j in range(m):
            out[i, j] = (x[i, j] - mean) * factor * scale[j] + shift[j]
    return out


def cross_entropy(scores, labels):
    n, m = scores.shape
    value = np.float32(0.0)
    for i in range(n):
        top = scores[i, 0]
        for j in range(1, m):
            top = max(top, scores[i, j])
        total = np.float32(0.0)
        for j in range(m):
            total += math.exp(scores[i, j] - top)
        value += math.log(total) - (scores[i, labels[i]] - top)
    return value / np.float32(n)


def mixture(means, deviations, weights, points):
    value = 0.0
    parts, width = means.shape
    z, inverse = np.empty(parts), np.exp(-deviations)
    for i in range(points.shape[0]):
        for k in range(parts):
            z[k] = weights[k]
            for j in range(width):
                d = (points[i, j] - means[k, j]) * inverse[k, j]
                z[k] -= 0.5 * d * d + deviations[k, j]
        m = z[0]
        for k in range(1, parts):
            m = max(m, z[k])
        total = 0.0
        for k in range(parts):
            total += math.exp(z[k] - m)
        value += math.log(total) + m
    return value


def kernel_matrix(x, y):
    out = np.empty((x.shape[0], y.shape[0]))
    for i in range(x.shape[0]):
        for j in range(y.shape[0]):
            square = 0.0
            for k in range(x.shape[1]):
                d = x[i, k] - y[j, k]
                square += d * d
            out[i, j] = math.exp(-0.5 * square)
    return out


def nearest(x, centres):
    out = np.empty(x.shape[0], np.int64)
    for i in range(x.shape[0]):
        least = math.inf
        for j in range(centres.shape[0]):
            square = 0.0
            for k in range(x.shape[1]):
                d = x[i, k] - centres[j, k]
                square += d * d
            if square < least:
                least, out[i] = square, j
    return out


def potential(x):
    total = 0.0
    for i in range(x.shape[0]):
        total += 10.0
        for j in range(i):
            a, b, c = x[i, 0] - x[j, 0], x[i, 1] - x[j, 1], x[i, 2] - x[j, 2]
            total += 2.0 / math.sqrt(a * a + b * b + c * c + 0.01)
    return total


# Matrix products


def products(x, y):
    out = np.empty_like(x)
    for b in range(x.shape[0]):
        for i in range(x.shape[1]):
            for j in range(y.shape[2]):
                total = np.float32(0.0)
                for k in range(x.shape[2]):
                    total += x[b, i, k] * y[b, k, j]
                out[b, i, j] = math.tanh(total)
    return out


def quadratic_features(w, x):
    n, m = x.shape
    out = np.empty(n)
    for i in range(n):
        total = 0.0
        for j in range(m):
            for k in range(m):
                total += x[i, j] * x[i, k] * w[j * m + k]
        out[i] = total
    return out


# Neighbours, positions, orders


def heat(u):
    u, out = u.copy(), np.zeros_like(u)
    for _ in range(100):
        for i in range(1, u.shape[0] - 1):
            for j in range(1, u.shape[1] - 1):
                out[i, j] = u[i, j] + 0.2 * (u[i + 1, j] + u[i - 1, j] + u[i, j + 1] + u[i, j - 1] - 4.0 * u[i, j])
        u, out = out, u
        out[0], out[-1], out[:, 0], out[:, -1] = 0.0, 0.0, 0.0, 0.0
    return u


def burgers(u):
    u, out = u.copy(), np.empty_like(u)
    n = u.size
    for _ in range(10):
        for i in range(1, n - 1):
            a, b = u[i - 1], u[i + 1]
            out[i] = 0.5 * (a + b) - 0.1 * (0.5 * b * b - 0.5 * a * a)
        for i, a, b in ((0, u[n - 1], u[1]), (n - 1, u[n - 2], u[0])):
            out[i] = 0.5 * (a + b) - 0.1 * (0.5 * b * b - 0.5 * a * a)
        u, out = out, u
    return u


def life(x):
    n, m = x.shape
    x, out = x.copy(), np.empty_like(x)
    for _ in range(10):
        for i in range(n):
            up, down = i - 1 if i else n - 1, i + 1 if i + 1 < n else 0
            for j in range(m):
                a, b = j - 1 if j else m - 1, j + 1 if j + 1 < m else 0
                count = x[up, a] + x[up, j] + x[up, b] + x[i, a] + x[i, b] + x[down, a] + x[down, j] + x[down, b]
                out[i, j] = count == 3 or (x[i, j] == 1 and count == 2)
        x, out = out, x
    return x


def smoothed(x, taps):
    out = np.empty(x.size - 8)
    for i in range(out.size):
        total = taps[0] * x[i]
        for k in range(1, 9):
            total += taps[k] * x[i + k]
        out[i] = total
    return out


def total_variation(x):
    total = 0.0
    for i in range(x.shape[0] - 1):
        for j in range(x.shape[1] - 1):
            a, b = x[i + 1, j] - x[i, j], x[i, j + 1] - x[i, j]
            total += math.sqrt(a * a + b * b + 1e-3)
    return total


def haar(x):
    out, rest, n = np.empty_like(x), x.copy(), x.size
    while n > 1:
        n //= 2
        for i in range(n):
            a, b = rest[2 * i], rest[2 * i + 1]
            out[n + i] = (a - b) * 0.7071067811865476
            rest[i] = (a + b) * 0.7071067811865476
    out[0] = rest[0]
    return out


def embedded(table, rows, weights):
    out = np.empty_like(weights)
    for i in range(rows.size):
        for j in range(table.shape[1]):
            out[i, j] = math.tanh(table[rows[i], j]) * weights[i, j]
    return out


def sort(x):
    return np.sort(x)


def cumulative_sum(x):
    out, total = np.empty_like(x), 0.0
    for i in range(x.size):
        total += x[i]
        out[i] = total
    return out


def wealth(returns):
    out, total = np.empty_like(returns), 1.0
    for i in range(returns.size):
        total *= 1.0 + 0.001 * returns[i]
        out[i] = total
    return out
