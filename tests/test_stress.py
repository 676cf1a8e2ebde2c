"""Compiled code under user threads, forks, process pools and nested calls: no abort, no hang, and not a bit changed."""

from __future__ import annotations

import inspect
import multiprocessing
import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import ftrans as ft

X = np.random.default_rng(0).normal(size=(300, 400))
TIMEOUT = 60


def inner(x):
    return np.tanh(x) * np.exp(-x * x) + np.log1p(np.abs(x))


def nested(x):
    """jit in grad in jit, with products, reductions and threads."""

    def loss(y):
        z = ft.jit(inner)(y)
        return np.sum(z * z) / z.size + np.sum((z.T @ z) ** 2) / z.size**2

    value, slope = ft.value_and_grad(loss)(x)
    rows = ft.vmap(ft.jit(lambda r: np.sum(inner(r)) * r))(x)
    return value, slope, rows


compiled = ft.jit(nested, compile="now")


def bits(result):
    return [np.asarray(x).tobytes() for x in ft.tree.leaves(result)]


def fresh_bits(seed):
    """The bits of a fresh compile."""
    return bits(ft.jit(nested, compile="now")(X + seed))


SCRIPT = f"""
import multiprocessing, sys
from concurrent.futures import ProcessPoolExecutor
import numpy as np
import ftrans as ft
X = np.random.default_rng(0).normal(size=(300, 400))
{inspect.getsource(inner)}
{inspect.getsource(nested)}
{inspect.getsource(bits)}
{inspect.getsource(fresh_bits)}
if __name__ == "__main__":
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context(sys.argv[1])) as pool:
        print(list(pool.map(fresh_bits, range(4))) == eval(sys.stdin.read()))
"""


@pytest.fixture(scope="module")
def expected():
    with ft.config.set(threads=1):
        return [bits(compiled(X + k)) for k in range(4)]


@pytest.mark.filterwarnings("ignore:os.fork:RuntimeWarning")  # JAX, where other tests have imported it, warns of any fork
def test_sixteen_threads_and_forks_in_the_middle(expected):
    wrong: list[int] = []
    stop = threading.Event()

    def work(k):
        while not stop.is_set():
            if bits(compiled(X + k % 4)) != expected[k % 4]:
                wrong.append(k)

    threads = [threading.Thread(target=work, args=(k,)) for k in range(16)]
    with ft.config.set(threads=2):
        for t in threads:
            t.start()
        statuses = []
        if hasattr(os, "fork") and sys.platform == "linux":
            for k in range(3):
                pid = os.fork()
                if not pid:
                    os._exit(0 if bits(compiled(X + k)) == expected[k] else 3)
                statuses.append(os.waitpid(pid, 0)[1])
        stop.set()
        for t in threads:
            t.join(TIMEOUT)
    assert not any(t.is_alive() for t in threads)
    assert not wrong
    assert not any(statuses)


@pytest.mark.parametrize("threads", [2, 3, 8])
def test_the_number_of_threads_changes_no_bit(expected, threads):
    with ft.config.set(threads=threads):
        again = ft.jit(lambda x: nested(x), compile="now")
        for k in range(4):
            assert bits(compiled(X + k)) == bits(again(X + k)) == expected[k]


def test_pools_of_threads(expected):
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(lambda k: bits(compiled(X + k % 4)), range(32), timeout=TIMEOUT)) == expected * 8


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_pools_of_processes(expected, method, tmp_path):
    if method not in multiprocessing.get_all_start_methods():
        pytest.skip(f"no {method} here")
    script = tmp_path / "pool.py"
    script.write_text(SCRIPT)
    ran = subprocess.run(
        [sys.executable, str(script), method], input=repr(expected), capture_output=True, text=True, timeout=TIMEOUT, check=False
    )
    assert ran.stdout == "True\n", ran.stderr


def test_references_are_neither_lost_nor_kept():
    f = ft.jit(lambda d, n: ({"a": d["x"] * 2.0, "b": [d["y"], None]}, d["x"] * 2.0, n * 1.5), compile="now")
    d = {"x": np.arange(4.0), "y": np.arange(3.0)}
    for _ in range(3):
        f(d, 2.0)
    watched = [d["x"], d["y"], np.dtype(float), None, d]
    before = [sys.getrefcount(x) for x in watched]
    for _ in range(20_000):
        f(d, 2.0)
    after = [sys.getrefcount(x) for x in watched]
    assert all(abs(b - a) < 50 for a, b in zip(before, after, strict=True)), (before, after)


def test_an_argument_that_another_thread_lets_go_of_lives_until_the_end():
    f = ft.jit(lambda xs: np.sum(inner(xs[0])) + np.sum(inner(xs[0] * 0.5)), compile="now")
    box = [np.full(400_000, 0.5)]
    want = f(box)
    stop = threading.Event()

    def replace():
        while not stop.is_set():
            box[0] = np.full(400_000, 0.5)

    t = threading.Thread(target=replace)
    t.start()
    try:
        for _ in range(60):
            assert f(box) == want
    finally:
        stop.set()
        t.join(TIMEOUT)
