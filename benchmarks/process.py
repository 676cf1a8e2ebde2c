"""What can only be measured in processes of their own: first calls, stores on disk, counts of compiles, peak memory.

    measure("first calls", "ftrans now", store="/tmp/store")    # {"gelu of 1e6, float32": seconds, ...}

`JOBS` are functions that run in the new process, after the library has been imported and has compiled something small, so that its
start is not in the numbers. What they return travels back as JSON. The store is the folder that FTRANS_CACHE_DIR and JAX's
persistent compilation cache are told of; without one they have none.
"""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import ftrans as ft
from ftrans.backends.numba import service
from ftrans.lowering import fuse

from . import peer, tasks
from .inputs import parameters, program
from .libraries import behind_np, by_ftrans, by_jax, plain
from .suite import SUITE
from .work import Work

Result = Any
WORKS: list[Work] = [work for works in SUITE.values() for work in works]
ROOTS = [str(Path(ft.__file__).parent.parent), str(Path(__file__).parent.parent)]  # the ftrans that is measured, these benchmarks
GRADIENTS = ("logistic regression 10000x100", "MLP 784-256-10, batch 128, float32", "potential of 400 bodies")
CHILD = "import sys; sys.path[:0] = {roots!r}; from benchmarks import process; process.child({job!r}, {library!r}, {store!r})"


def measure(job: str, library: str, store: str | None = None) -> Result:
    """What a job of JOBS finds in a new process. RuntimeError where it fails."""
    code = CHILD.format(roots=ROOTS, job=job, library=library, store=store)
    environment = os.environ | {"FTRANS_CACHE_DIR": store or "off"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=False)
    if done.returncode:
        raise RuntimeError(f"{job}, {library}: {done.stderr[-1000:]}")
    return json.loads(done.stdout.splitlines()[-1])


def child(job: str, library: str, store: str | None) -> None:
    """The new process: import, set up, compile something small, do the job, print what it found."""
    if library == "jax":
        jax = peer("jax")
        jax.config.update("jax_enable_x64", True)
        if store is not None:
            jax.config.update("jax_compilation_cache_dir", store)
            jax.config.update("jax_persistent_cache_min_compile_time_secs", 0)
            jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)
    if library != "numpy":
        compiled(library, small)(np.ones(5))
    print(json.dumps(JOBS[job](library)))


def small(x: Any) -> Any:
    return np.sqrt(x) - 0.25


def compiled(library: str, f: Any) -> Callable[..., Any]:
    """f under the jit of a library, waiting for results."""
    side = by_jax(plain, f, jit=True) if library == "jax" else by_ftrans(plain, f, "hot" if library == "ftrans" else "now")
    return lambda *args: side(*args)()


def seconds(call: Callable[[], Any]) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


# Jobs


def first_calls(library: str) -> dict[str, float]:
    """Seconds of the first call of each program (for NumPy of the second: its first pays for cold memory)."""
    taken = {}
    for work in WORKS:
        side = {"ftrans now": "ftrans"}.get(library, library)
        if side not in work.sides:
            continue
        call = hot(work) if library == "ftrans" else work.call(side)
        try:
            if library == "numpy":
                call()
            taken[work.name] = seconds(call)
        except Exception as error:  # the suite names it; the other programs are measured all the same
            print(f"{work.name}: {error}", file=sys.stderr)
    return taken


def hot(work: Work) -> Callable[[], Any]:
    """The work in the default tier."""
    call = work.call("ftrans")
    made = ft.jit(call.func.__wrapped__, compile="hot")  # type: ignore[attr-defined]
    return lambda: made(*call.args, **call.keywords)  # type: ignore[attr-defined]


def compile_alone(library: str) -> dict[str, float]:
    """Seconds for machine code of one loop of 500 operations, and of 50 different loops of 10."""
    x = np.linspace(0.1, 1.0, 1000)
    made = {"one loop of 500 operations": [program(0, 500)], "50 loops of 10 operations": [program(k, 10) for k in range(1, 51)]}
    if library == "jax":
        jax, jnp = peer("jax"), peer("jax.numpy")
        lowered = {name: [jax.jit(behind_np(f, jnp)).lower(x) for f in functions] for name, functions in made.items()}
        return {name: seconds(lambda parts=parts: [part.compile() for part in parts]) for name, parts in lowered.items()}  # type: ignore[misc]
    kernels = {name: [k for f in functions for k in fuse.kernels(ft.jit(f).lower(x).plan)] for name, functions in made.items()}
    return {name: seconds(lambda parts=parts: compile_kernels(parts)) for name, parts in kernels.items()}  # type: ignore[misc]


def compile_kernels(kernels: list[Any]) -> None:
    """Machine code of several kernels, together where the service can."""
    many = getattr(service, "compile_many", None)
    if many is not None:
        many(kernels)
    else:
        for kernel in kernels:
            service.compile(kernel)


def batch_sizes(library: str) -> dict[str, float]:
    """At how many of 100 batch sizes the loss of a network is compiled, and the seconds of all calls."""
    weights, x, labels = parameters((20, 30, 5), 100, "float64")
    batches = [(weights, np.ascontiguousarray(x[:n]), np.ascontiguousarray(labels[:n])) for n in range(1, 101)]
    if library == "jax":
        f = peer("jax").jit(behind_np(tasks.mlp, peer("jax.numpy")))
        took = seconds(lambda: [f(*batch).block_until_ready() for batch in batches])
        return {"compiles": f._cache_size(), "seconds": took}
    f, counts = ft.jit(tasks.mlp, compile="now"), [service.counts["compiled"]]
    took = seconds(lambda: [counts.append(service.counts["compiled"]) for batch in batches if f(*batch) is not None])
    return {"compiles": sum([a != b for a, b in itertools.pairwise(counts)]), "seconds": took}


def unrolled(library: str) -> dict[str, Any]:
    """(kernels not compiled before, seconds of the first call) of loops in Python, shorter ones first."""
    loops = [(f, n) for f in (pendulum, ring) for n in (10, 100, 1000)]
    if library == "jax":
        loops = [(pendulum, 10), (pendulum, 100)]  # 1000 steps take JAX minutes, 100 of the ring 44 s
    return {f"{f.__name__}, {n} steps": first_of(library, f(n)) for f, n in loops}


def pendulum(n: int) -> Any:
    """n steps of a pendulum: operations on one element each."""

    def steps(x: Any) -> Any:
        v = 0.0 * x
        for _ in range(n):
            v = v - 0.01 * np.sin(x)
            x = x + 0.01 * v
        return x

    return steps


def ring(n: int) -> Any:
    """n steps of diffusion on a ring: operations on neighbours."""

    def steps(x: Any) -> Any:
        for _ in range(n):
            x = x + 0.1 * (np.roll(x, 1) - 2.0 * x + np.roll(x, -1))
        return x

    return steps


def first_of(library: str, f: Any) -> tuple[int, float]:
    before = service.counts["compiled"]
    took = seconds(lambda: compiled(library, f)(np.linspace(0.1, 1.0, 1000)))
    return (1 if library == "jax" else service.counts["compiled"] - before), took


def imported(library: str) -> list[str]:
    """Which parts of the compiler are imported after the first call of a program that the suite has, for the store to have it."""
    compiled(library, tasks.polynomial)(np.ones(10), np.ones(10))
    return [name for name in ("numba", "llvmlite") if name in sys.modules]


def peak(name: str) -> Callable[[str], dict[str, float]]:
    """The job that finds how many MB a process takes at most, beyond what it had with its data, to compile and call a gradient."""

    def job(library: str) -> dict[str, float]:
        work = next(w for w in WORKS if w.name == f"gradient: {name}")
        call = work.call({"ftrans now": "ftrans"}.get(library, library))
        Path("/proc/self/clear_refs").write_text("5")  # the peak that Linux keeps becomes what is in use
        before = resident("VmRSS")
        for _ in range(10):
            call()
        return {"beyond its data": (resident("VmHWM") - before) / 1024}

    return job


def resident(kind: str) -> int:
    """KB of memory by Linux's account of this process (ru_maxrss would start at that of the parent)."""
    return next(int(line.split()[1]) for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(kind))


JOBS: dict[str, Callable[[str], Result]] = {
    "first calls": first_calls, "compile alone": compile_alone, "batch sizes": batch_sizes, "unrolled": unrolled,
    "imported": imported, **{f"peak memory: {name}": peak(name) for name in GRADIENTS},
}  # fmt: skip
