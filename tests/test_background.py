"""In the hot tier a helper process compiles: no call waits, results stay the same, and no process is left behind."""

from __future__ import annotations

import itertools
import os
import pickle
import subprocess
import sys
import textwrap
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

import ftrans as ft
from ftrans.backends.numba import helper as module
from ftrans.backends.numba import link, service, worker
from ftrans.backends.numba.helper import Helper, helper, interpreter, sendable
from ftrans.core.primitive import registry
from ftrans.jit import tiers
from ftrans.lowering import cost, fuse
from ftrans.lowering.loops import Instr, Kernel, Operand, Output

Add = registry["add"]
ROOT = Path(__file__).parents[1]
DEADLINE = 60.0  # seconds; a second is usual, but machines may be busy

pytestmark = pytest.mark.skipif(interpreter() is None, reason="there is no Python to start a helper with")


@pytest.fixture(autouse=True)
def requests_at_once(monkeypatch):
    """The second call requests; what a test makes of the helper's state does not outlive it."""
    monkeypatch.setattr(tiers, "BACKGROUND", 0.0)
    yield
    helper.unavailable, helper.starts = "", 0
    helper.failed.clear()
    helper.deaths.clear()


@pytest.fixture(scope="module", autouse=True)
def no_helper_afterwards():
    yield
    helper.close()


numbers = itertools.count(1)


def fresh():
    """A function whose kernel nobody has compiled: additions and multiplications in the pattern of a number."""
    pattern = [int(digit) for digit in f"{next(numbers):08b}"]

    def f(x, y):
        for one in pattern:
            x = x * y if one else x + y
        return x - y * 0.5

    return f


X, Y = np.random.default_rng(0).random((2, 500))


def call_until(done, f, *args):
    """Call f again and again until something is the case; all its results."""
    outs, start = [], time.monotonic()
    while not done():
        outs.append(f(*args))
        assert time.monotonic() - start < DEADLINE, f.explain()
    return [*outs, f(*args)]


def program(f):
    """The tiers of the one trace of f."""
    (entry,) = f.entries.values()
    (variant,) = entry.variants
    return variant.programs


def takes_over(f, *args):
    f(*args)
    return call_until(lambda: program(f).hot is not None, f, *args)


# Compiled code takes over


def test_takes_over_and_gives_the_same_bits():
    f, before = fresh(), dict(service.counts)
    g = ft.jit(f)
    outs = takes_over(g, X, Y)
    for out in outs:
        np.testing.assert_array_equal(out, f(X, Y))
    assert service.counts == before | {"loaded": before["loaded"] + 1}
    assert "requested 1 of 1 kernels" in g.explain()
    assert "1 of 1 kernels came from the helper process" in g.explain()


def test_call_that_requests_compiles_nothing_and_loads_nothing(monkeypatch):
    monkeypatch.setattr(service, "_compile", lambda kernels: pytest.fail("compiled in this process"))
    g, before = ft.jit(fresh()), dict(service.counts)
    g(X, Y)
    assert program(g).wanted is None
    g(X, Y)
    assert program(g).wanted
    assert program(g).hot is None
    assert service.counts == before
    assert "compiled code requested" in g.explain()


def test_functions_of_the_c_library_folds_and_huge_arguments():
    def f(x):
        return (np.sin(x) * np.tan(x), np.arcsinh(x).sum(0), np.exp(-x).sum(), (x * 2).max(1), np.cbrt(x).argmin(1), (x > 0).any())

    x = np.random.default_rng(1).normal(size=(70, 90))
    x[3, 4], x[5, 6] = 1e300, -1e17
    with np.errstate(all="ignore"):
        for got in takes_over(ft.jit(f), x):
            for a, b in zip(got, f(x), strict=True):
                np.testing.assert_allclose(a, b, rtol=1e-12)
                assert type(a) is type(b)


def test_next_helper_sends_folds_again():
    x = np.random.default_rng(2).random(1000)
    for f in (lambda x: (x * 1.5).sum(), lambda x: ((x * 2.5).sum(), (x * 3.5).max())):
        helper.close()
        np.testing.assert_allclose(takes_over(ft.jit(f), x)[-1], f(x), rtol=1e-14)


def test_every_guarded_variant():
    grow, shrink = fresh(), fresh()
    f = ft.jit(lambda x, y: grow(x, y) if y[0] > 0 else shrink(x, y))

    def hot():
        (entry,) = f.entries.values()
        return len(entry.variants) == 2 and all(v.programs.hot is not None for v in entry.variants)

    def both():
        for y in (Y, -Y):
            np.testing.assert_array_equal(f(X, y), f.fun(X, y))

    both()
    start = time.monotonic()
    while not hot():
        both()
        assert time.monotonic() - start < DEADLINE
    both()


def test_threads_call_while_it_takes_over():
    f, wrong = fresh(), []
    g, want = ft.jit(f), f(X, Y)

    def work():
        wrong.extend([out for out in takes_over(g, X, Y) if not np.array_equal(out, want)])

    g(X, Y)
    threads = [threading.Thread(target=work) for _ in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not wrong


def test_compile_now_waits_for_what_is_requested():
    f, before = fresh(), service.counts["compiled"]
    g = ft.jit(f)
    g(X, Y), g(X, Y)
    assert program(g).hot is None
    np.testing.assert_array_equal(g.lower(X, Y).compile()(X, Y), f(X, Y))
    np.testing.assert_array_equal(ft.jit(f, compile="now")(X, Y), f(X, Y))
    assert service.counts["compiled"] == before
    np.testing.assert_array_equal(ft.jit(fresh(), compile="now")(X, Y).shape, X.shape)
    assert service.counts["compiled"] == before + 1


def test_loaded_kernel_can_be_read():
    g = ft.jit(fresh())
    takes_over(g, X, Y)
    (kernel,) = fuse.kernels(program(g).plan)
    compiled = service.compile(kernel)
    assert "fmul" in compiled.llvm
    assert "ret" in compiled.assembly


# Settings


def test_deterministic_switches_at_the_third_call():
    started = helper.starts
    with ft.config.set(deterministic=True):
        for g in [ft.jit(fresh()) for _ in range(2)]:
            tier = [(g(X, Y), program(g).hot is not None)[1] for _ in range(4)]
            assert tier == [False, False, True, True]
    g = ft.jit(fresh())
    g(X, Y), g(X, Y)  # requested
    with ft.config.set(deterministic=True):
        g(X, Y)
    assert program(g).hot is not None
    assert helper.starts <= started + 1


def test_no_compile_forbids_requests_and_not_loading():
    g = ft.jit(fresh())
    g(X, Y)
    with ft.no_compile(), pytest.raises(ft.errors.CompilationForbiddenError, match="would be compiled"):
        g(X, Y)
    g(X, Y)
    with ft.no_compile():
        call_until(lambda: program(g).hot is not None, g, X, Y)


def compiles_here(why=""):
    """A function whose compiled code takes over at its second call, without help."""
    f, before = fresh(), service.counts["compiled"]
    g = ft.jit(f)
    for _ in range(3):
        np.testing.assert_array_equal(g(X, Y), f(X, Y))
    assert program(g).hot is not None
    assert service.counts["compiled"] == before + 1
    assert why in g.explain()


def test_helper_can_be_switched_off(monkeypatch):
    monkeypatch.setattr(cost, "START", 0.0)
    monkeypatch.setattr(cost, "PER_KERNEL", 0.0)
    monkeypatch.setattr(cost, "PER_OP", 0.0)
    with ft.config.set(helper=False):
        compiles_here("break-even after 2 calls")


# What can go wrong


@pytest.mark.parametrize("error", [PermissionError("not here"), OSError(11, "no more processes"), ValueError("odd platform")])
def test_processes_are_forbidden(monkeypatch, error):
    def popen(*args, **kwargs):
        raise error

    helper.close()
    monkeypatch.setattr(module.subprocess, "Popen", popen)
    compiles_here("no helper process can be started")


@pytest.mark.parametrize("executable", ["", None, "/usr/sbin/uwsgi"])
def test_embedded_python(monkeypatch, executable):
    helper.close()
    monkeypatch.setattr(sys, "executable", executable)
    compiles_here("no Python to start a helper process with")


def test_helper_that_ends_at_once(monkeypatch):
    helper.close()
    popen = subprocess.Popen
    ends = [sys.executable, "-c", "raise OSError('no such thing')"]
    monkeypatch.setattr(module.subprocess, "Popen", lambda command, **how: popen(ends, **how))
    g, before = ft.jit(fresh()), service.counts["compiled"]
    takes_over(g, X, Y)
    assert service.counts["compiled"] == before + 1
    assert "ended with status 1 before it was ready: OSError: no such thing" in helper.unavailable


def test_helper_of_another_version_is_not_used(monkeypatch):
    helper.close()
    monkeypatch.setattr(worker, "__file__", "elsewhere")
    g, before = ft.jit(fresh()), service.counts["compiled"]
    takes_over(g, X, Y)
    assert service.counts["compiled"] == before + 1
    assert "another ftrans" in helper.unavailable


def test_helper_killed_while_it_works():
    f = fresh()
    g = ft.jit(f)
    g(X, Y), g(X, Y)
    for _ in range(2):  # the second time when it starts, which is before it is ready
        first = helper.process
        first.kill()
        for out in takes_over(g, X, Y):
            np.testing.assert_array_equal(out, f(X, Y))
        if helper.unavailable:
            break
        g = ft.jit(f := fresh())
        g(X, Y), g(X, Y)
    assert first.returncode == -9


def test_kernel_that_kills_the_helper_stays_with_numpy(monkeypatch):
    def take(self, message):  # the answer never comes
        if message[0] != "kernel":
            original(self, message)
            self.process.kill()

    original = Helper.take
    monkeypatch.setattr(Helper, "take", take)
    helper.close()
    f = fresh()
    g = ft.jit(f)
    g(X, Y)
    for out in call_until(lambda: program(g).settled is not None, g, X, Y):
        np.testing.assert_array_equal(out, f(X, Y))
    assert program(g).hot is None
    assert "the helper process died 2 times" in g.explain()
    assert helper.starts == 2


def test_kernel_that_cannot_be_compiled_stays_with_numpy(monkeypatch):
    original = Helper.take
    monkeypatch.setattr(
        Helper, "take", lambda self, m: original(self, ("error", m[1], "ValueError: no such thing") if m[0] == "kernel" else m)
    )
    f = fresh()
    g = ft.jit(f)
    g(X, Y)
    for out in call_until(lambda: program(g).settled is not None, g, X, Y):
        np.testing.assert_array_equal(out, f(X, Y))
    assert "stays with NumPy steps: a kernel could not be compiled: ValueError: no such thing" in g.explain()


def test_error_of_the_compiler_is_an_answer():
    x = Operand("float64", (True,), "c")
    wrong = Kernel(1, (False,), (x, x), (Instr(Add(), (0, 1), "float32"), Instr(Add(), (0, 1), "float64")), (Output(3, x),))
    ((kind, name, text),) = worker.compiled([("some_name", wrong)], set())
    assert (kind, name) == ("error", "some_name")
    assert text.startswith("TypeError: ")


def test_foreground_error_in_the_hot_tier_stays_with_numpy(monkeypatch):
    def broken(kernels):
        raise RuntimeError("LLVM says no")

    monkeypatch.setattr(Helper, "request", lambda self, kernels: False)
    monkeypatch.setattr(service, "_compile", broken)
    f = fresh()
    g = ft.jit(f)
    for _ in range(4):
        np.testing.assert_array_equal(g(X, Y), f(X, Y))
    assert "RuntimeError: LLVM says no" in g.explain()
    with pytest.raises(RuntimeError, match="LLVM says no"):
        ft.jit(f, compile="now")(X, Y)


@dataclass(frozen=True)
class OwnOp:
    name: str = "own"


def test_operations_of_users_are_not_sent():
    x = Operand("float64", (True,), "c")
    assert sendable(Kernel(1, (False,), (x, x), (Instr(Add(), (0, 1), "float64"),), (Output(2, x),)))
    assert not sendable(Kernel(1, (False,), (x, x), (Instr(OwnOp(), (0, 1), "float64"),), (Output(2, x),)))


def test_kernels_are_sent_by_content():
    x = Operand("float64", (True,), "c")
    kernel = Kernel(1, (False,), (x, x), (Instr(Add(), (0, 1), "float64"),), (Output(2, x),))
    again = pickle.loads(pickle.dumps(kernel))
    assert again == kernel
    assert hash(again) == hash(kernel)
    code = f"import pickle; k = pickle.loads({pickle.dumps(kernel)!r}); print(hash(k) == hash(type(k)(*k.__reduce__()[1])))"
    assert run(code).stdout.split() == ["True"]


def test_cost_table_names_primitives():
    assert registry.keys() >= set(cost.ELEMENT)
    assert registry.keys() >= cost.TRANSCENDENTAL


# Processes

SCRIPT = """
import os, sys, time
import numpy as np
import ftrans as ft
from ftrans.backends.numba.helper import helper
from ftrans.jit import tiers
tiers.BACKGROUND = 0.0
print("main runs")  # there is no `if __name__ == "__main__"`
f = ft.jit(lambda x: (x * x + x).sum() * 2 + x)
x = np.arange(1000.0)
want = (x * x + x).sum() * 2 + x
f(x), f(x)

def until_compiled():
    start = time.monotonic()
    while "came from the helper" not in f.explain():
        np.testing.assert_array_equal(f(x), want)
        assert time.monotonic() - start < 60
    np.testing.assert_array_equal(f(x), want)
"""


def run(code, status=0):
    """Run code as a script of its own, warnings being errors."""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])}
    command = [sys.executable, "-W", "error", "-c", code]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == status, done.stdout + done.stderr
    assert not done.stderr
    return done


def alive(pid):
    """Whether a process runs; a zombie does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.mark.parametrize(
    ("end", "status"), [("pass", 0), ("os._exit(0)", 0), ("os.kill(os.getpid(), 9)", -9), ("until_compiled()", 0)]
)
def test_no_process_outlives_its_parent(end, status):
    done = run(SCRIPT + f"print(helper.process.pid, flush=True)\n{end}\n", status)
    *lines, pid = done.stdout.split("\n")[:-1]
    assert lines == ["main runs"]
    deadline = time.monotonic() + 20
    while alive(pid):
        assert time.monotonic() < deadline, "the helper outlived its parent"
        time.sleep(0.01)


def test_fork_has_a_helper_of_its_own():
    code = """
        parent = helper.process.pid
        child = os.fork()
        if child == 0:
            assert helper.process is None
            until_compiled()
            assert helper.process.pid != parent
            sys.exit(7)
        until_compiled()
        assert helper.process.pid == parent
        _, status = os.waitpid(child, 0)
        assert os.waitstatus_to_exitcode(status) == 7
    """
    run(SCRIPT + textwrap.dedent(code))


def test_no_compiler_is_imported_to_load():
    unwanted = {"numba", "llvmlite"} if link.SUPPORTED else {"numba"}
    run(SCRIPT + f"until_compiled()\nassert sys.modules.keys().isdisjoint({unwanted!r})\n")


def test_helper_imports_no_more_than_it_needs():
    program = worker.program(sys.path).replace("worker.main()", "print(*[m for m in sys.modules if m.startswith('ftrans.')])")
    modules = run(program).stdout.split()
    assert "ftrans.backends.numba.worker" in modules
    assert not {m.split(".")[1] for m in modules} & {"jit", "numpy", "transforms", "nn"}


def test_other_kernels_of_a_batch_are_compiled_when_one_cannot_be():
    x = Operand("float64", (True,), "c")
    wrong = Kernel(1, (False,), (x, x), (Instr(Add(), (0, 1), "float32"), Instr(Add(), (0, 1), "float64")), (Output(3, x),))
    right = Kernel(1, (False,), (x, x), (Instr(Add(), (0, 1), "float64"),), (Output(2, x),))
    answers = worker.compiled([("a", right), ("b", wrong), ("c", right)], set())
    assert [answer[:2] for answer in answers] == [("kernel", "a"), ("error", "b"), ("kernel", "c")]
