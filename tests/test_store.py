"""Compiled kernels on disk: found again by other processes, never out of date, never damaged."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import textwrap
import threading
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_kernels import ROOT, X, Y, applied, folder, forget, fresh, kernel_of, numbers, run, script

import ftrans as ft
from ftrans.backends.numba import engine, link, service
from ftrans.backends.numba import store as module
from ftrans.backends.numba.store import KernelStore, Record, UnstorableError, content, key, store, text_key, toolchain
from ftrans.core.primitive import registry
from ftrans.lowering.loops import Instr, Kernel, Output
from ftrans.ops.pointwise import Add


def objects(folder: Path) -> list[Path]:
    return [p for p in folder.glob("*/*") if p.is_file()]


__all__ = ["folder"]  # a fixture

# Keys


def test_key_is_content():
    assert content(fresh()) != content(fresh())
    assert key(kernel_of("+*")) == key(kernel_of("+*")) != key(kernel_of("*+"))


@pytest.mark.parametrize(("a", "b"), [(2, 2.0), (1, True), (0.0, -0.0), ("1", 1), ((1, 2), ((1, 2),)), (b"a", "a"), (None, "None")])
def test_content_tells_equal_values_apart(a, b):
    assert content(a) != content(b)


@given(st.lists(st.sampled_from("+*"), min_size=1, max_size=6), st.lists(st.sampled_from("+*"), min_size=1, max_size=6))
def test_content_is_equal_when_kernels_are(a, b):
    assert (content(kernel_of("".join(a))) == content(kernel_of("".join(b)))) == (a == b)


def test_content_of_every_example_of_an_operation():
    for cls in registry.values():
        if cls.__module__.startswith("ftrans.ops") and cls.lower is not None and hasattr(cls, "examples"):
            for op, *_ in cls.examples():
                assert content(op) == content(type(op)(*[getattr(op, name) for name in op._fields]))


@dataclass(frozen=True)
class OwnOp:
    name: str = "own"


class OwnAdd(Add, abstract=True):
    """A user's operation."""


def test_operations_of_users_are_not_stored():
    for op in (OwnOp(), OwnAdd()):
        kernel = Kernel(1, (False,), (X, X), (Instr(op, (0, 1), "float64"),), (Output(2, X),))
        assert key(kernel) is None
    with pytest.raises(UnstorableError, match="function"):
        content(lambda: 0)


def test_every_source_is_in_the_name_of_the_folder(monkeypatch, tmp_path):
    def name():
        toolchain.cache_clear()
        return toolchain()

    try:
        before = name()
        assert before == name()
        files = [str(tmp_path / f"{k}.py") for k in range(2)]
        for path in files:
            Path(path).write_text("old = 1\n")
        monkeypatch.setattr(module, "PACKAGE", str(tmp_path))
        monkeypatch.setattr(module, "sources", lambda: files)
        monkeypatch.setattr(module, "STARTED", float("inf"))
        seen = {before, name()}
        Path(files[1]).write_text("new = 1\n")
        seen.add(name())
        for part in ("processor", "compiler"):
            value = "other" if part == "processor" else ("other",)
            monkeypatch.setattr(module, part, lambda value=value: value)
            seen.add(name())
        assert len(seen) == 5
        monkeypatch.setattr(module, "STARTED", os.stat(files[0]).st_ctime - 1)
        assert name() is None, "sources that changed after they were imported"
        monkeypatch.setattr(module, "sources", lambda: ["nowhere.py"])
        assert name() is None
    finally:
        toolchain.cache_clear()


def test_sources_are_those_that_make_code():
    names = {os.path.relpath(p, module.PACKAGE) for p in module.sources()}
    assert {"backends/numba/ir.py", "ops/pointwise.py", "lowering/loops.py", "core/primitive.py"} <= {
        n.replace("\\", "/") for n in names
    }


# Records


records = st.builds(
    Record,
    st.builds(
        link.Binary,
        st.binary(max_size=50),
        st.integers(-1, 50),
        st.dictionaries(st.text(max_size=5), st.integers(0, 50), max_size=3),
        st.lists(st.tuples(st.integers(0, 50), st.text(max_size=5), st.integers(-50, 50))).map(tuple),
    ),
    st.integers(0, 10**6),
    st.floats(0, 1e6),
    st.lists(st.text(max_size=5)).map(tuple),
)


@given(records)
def test_records_survive(record):
    assert module.unpacked(record.packed()) == record


@given(records, st.data())
def test_damaged_records_are_recognised(record, data):
    good = record.packed()
    cut = data.draw(st.integers(0, len(good) - 1))
    assert module.unpacked(good[:cut]) is None
    flipped = bytearray(good)
    flipped[cut] ^= 1 << data.draw(st.integers(0, 7))
    assert module.unpacked(bytes(flipped)) is None
    assert module.unpacked(good + b"x") is None


@pytest.mark.parametrize("damage", [lambda b: b"", lambda b: b[:100], lambda b: b[:-1] + b"?", lambda b: b"#!/bin/sh\n" + b])
def test_damaged_files_are_removed(folder, damage):
    kernel = fresh()
    service.compile(kernel)
    path = Path(store.file(key(kernel)))
    path.write_bytes(damage(path.read_bytes()))
    forget()
    assert store.has(key(kernel))
    assert service.find(kernel) is None
    assert not path.exists()
    service.compile(kernel)
    assert path.exists()


# Storing and loading


def test_stored_kernels_are_loaded(folder):
    pattern = f"{next(numbers):012b}".replace("0", "+").replace("1", "*")
    kernel, before = kernel_of(pattern), dict(service.counts)
    assert not service.is_available(kernel)
    service.compile(kernel)
    forget()
    assert service.is_available(kernel)
    assert not service.is_compiled(kernel)
    compiled = service.compile(kernel)
    assert compiled.stored
    assert service.counts == before | {"compiled": before["compiled"] + 1, "stored": before["stored"] + 1}
    np.testing.assert_array_equal(run(compiled, Y, Y + 1), applied(pattern, Y, Y + 1))


def test_shared_functions_are_loaded(folder, monkeypatch):
    def f(x):
        return np.sum(np.sin(x) * np.cos(x) * np.tan(x) * np.exp(x) * np.log(x) * np.tanh(x)), x.max()

    forget()  # what other tests have compiled is not in this folder
    monkeypatch.setattr(engine, "shared", {})
    ft.jit(f, compile="now")(Y)
    forget()
    monkeypatch.setattr(engine, "shared", {})
    monkeypatch.setattr(service, "_compile", lambda kernels: pytest.fail("compiled"))
    g = ft.jit(f, compile="now")
    with ft.no_compile():  # another size: another program of the same kernels
        np.testing.assert_allclose(g(Y[:400]), f(Y[:400]), rtol=1e-13)
    assert "came from the store" in g.explain()
    lost = [p for p in objects(folder) if p.name in [text_key(name) for name in engine.shared]]
    assert lost
    for path in lost:
        path.unlink()
    forget()
    monkeypatch.setattr(engine, "shared", {})
    with ft.no_compile(), pytest.raises(ft.errors.CompilationForbiddenError):
        ft.jit(f, compile="now")(Y[:300])


def test_hot_tier_takes_stored_kernels_at_its_second_call(folder):
    pattern = [next(numbers) % 7 for _ in range(9)]

    def f(x, y):
        for k in pattern:
            x = x * y if k % 2 else x + y
        return x

    ft.jit(f, compile="now")(Y, Y)
    forget()
    g, before, x = ft.jit(f), dict(service.counts), np.ones(100)
    g(x, x)
    assert service.counts == before
    g(x, x)
    assert service.counts == before | {"stored": before["stored"] + 1}
    assert "compiled 0 of 1 kernels, 1 came from the store" in g.explain()


def test_switched_off(tmp_path):
    kernel = fresh()
    with ft.config.set(cache_dir=""):
        service.compile(kernel)
        assert store.size == 0
        assert "off" in repr(store)
        assert store.file(key(kernel)) is None
        store.clear()
        store.prune()


# What can go wrong


def test_read_only(folder):
    kernel = fresh()
    service.compile(kernel)
    other = fresh()
    write = os.replace

    def forbidden(*args):
        raise PermissionError("read-only")

    try:
        os.replace = forbidden
        service.compile(other)
    finally:
        os.replace = write
    assert "read-only" in store.problem
    assert not store.has(key(other))
    assert not [p for p in objects(folder) if "." in p.name]
    forget()
    assert service.compile(kernel).stored


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write anywhere")
def test_directory_that_cannot_be_made(tmp_path):
    tmp_path.chmod(0o500)
    own = KernelStore()
    with ft.config.set(cache_dir=str(tmp_path / "a" / "b")):
        own.write("0" * 32, Record(link.Binary(b"", 0, {})))
    assert "cannot be written" in own.problem


def test_path_that_is_a_file(tmp_path):
    (tmp_path / "file").write_text("")
    own = KernelStore()
    with ft.config.set(cache_dir=str(tmp_path / "file" / "below")):
        own.write("0" * 32, Record(link.Binary(b"", 0, {})))
        assert own.read("0" * 32) is None
        assert own.size == 0
    assert "cannot be written" in own.problem


def test_full_disk(folder, monkeypatch):
    def full(*args, **how):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("builtins.open", full)
    service.compile(fresh())
    monkeypatch.undo()
    assert "No space left" in store.problem
    assert not objects(folder)


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="no such permissions there")
def test_directory_that_everybody_may_write(tmp_path):
    tmp_path.chmod(0o777)
    own = KernelStore()
    with ft.config.set(cache_dir=str(tmp_path)):
        assert own.file("0" * 32) is None
        assert "everybody may write there" in own.problem
        own.write("0" * 32, Record(link.Binary(b"", 0, {})))
    assert not list(tmp_path.iterdir())


def test_is_for_the_user_alone(folder):
    service.compile(fresh())
    assert stat.S_IMODE(folder.stat().st_mode) & 0o077 == 0


# Its size


def test_prunes_what_was_used_least_recently(folder):
    names = [f"{k:032x}" for k in range(20)]
    for age, name in enumerate(names):
        store.write(name, Record(link.Binary(bytes(100_000), 0, {})))
        os.utime(store.file(name), (10_000 - 100 * age,) * 2)
    assert store.size > 2_000_000
    store.read(names[-1])  # it is the oldest, and used now
    store.prune(1)
    assert store.size <= 1 << 20
    left = [store.has(name) for name in names]
    assert left == [True] * 6 + [False] * 13 + [True]
    store.clear()
    assert store.size == 0
    assert [p.name for p in folder.iterdir()] == ["pruned"]


def test_stays_below_its_largest_size(folder):
    with ft.config.set(cache_megabytes=1):
        for k in range(100):
            store.write(f"{k:032x}", Record(link.Binary(bytes(50_000), 0, {})))
            assert store.size <= 1.2 * (1 << 20)


def test_deletes_only_its_own(folder):
    store.write("0" * 32, Record(link.Binary(b"", 0, {})))
    (folder / "photo.jpg").write_text("")
    (folder / "sub").mkdir()
    (folder / "sub" / "letter.txt").write_text("")
    store.clear()
    assert sorted(p.name for p in folder.rglob("*")) == ["letter.txt", "photo.jpg", "pruned", "sub"]


def test_what_dead_writers_left_is_deleted(folder):
    store.write("0" * 32, Record(link.Binary(b"", 0, {})))
    left = Path(store.file("1" * 32) + ".4711.0")
    for age, stays in ((0, True), (10_000, False)):
        left.write_bytes(b"half")
        os.utime(left, (left.stat().st_mtime - age,) * 2)
        store.prune()
        assert left.exists() == stays
    assert store.has("0" * 32)


@pytest.mark.parametrize(
    ("given_", "path"), [("", ""), ("0", ""), ("off", ""), ("/a/b", os.path.abspath("/a/b")), ("here", os.path.abspath("here"))]
)
def test_environment(given_, path):
    code = "import ftrans as ft; print(repr(ft.config.cache_dir), ft.config.cache_megabytes, repr(ft.kernel_store.path))"
    assert script(code, FTRANS_CACHE_DIR=given_, FTRANS_CACHE_SIZE="12.5").split() == [repr(path), "12.5", repr(path)]


def test_default_directory():
    code = "import ftrans as ft; print(ft.config.cache_dir)"
    environment = {k: v for k, v in os.environ.items() if k not in ("FTRANS_CACHE_DIR", "XDG_CACHE_HOME")}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.strip().endswith("ftrans")
    if sys.platform == "linux":
        for home in ("/nowhere", "relative"):
            environment["XDG_CACHE_HOME"] = home
            done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
            assert done.stdout.strip() == ("/nowhere/ftrans" if home == "/nowhere" else "")


# Processes


PROGRAM = """
    import sys
    import numpy as np
    import ftrans as ft
    from ftrans.backends.numba import link, service
    f = ft.jit(lambda x: ((np.sin(x) * 2 + x).sum(), np.exp(x) - 1, np.fmod(x, 0.3)), compile="now")
    x = np.linspace(0, 1, 1000)
    a, b, c = f(x)
    np.testing.assert_allclose(a, (np.sin(x) * 2 + x).sum(), rtol=1e-13)
    np.testing.assert_allclose(b, np.exp(x) - 1, rtol=1e-13, atol=1e-15)
    np.testing.assert_array_equal(c, np.fmod(x, 0.3))
    compiles = "llvmlite" in sys.modules or not link.SUPPORTED
    print(service.counts["compiled"], service.counts["stored"], compiles)
"""


def test_second_process_starts_without_the_compiler(tmp_path):
    where = str(tmp_path / "store")
    compiled, stored, _ = script(PROGRAM, FTRANS_CACHE_DIR=where).split()
    assert int(compiled) > 0
    assert stored == "0"
    for _ in range(2):
        assert script(PROGRAM, FTRANS_CACHE_DIR=where).split() == ["0", compiled, str(not link.SUPPORTED)]


def test_helper_writes_to_the_store(tmp_path):
    code = """
        import time
        import numpy as np
        import ftrans as ft
        from ftrans.jit import tiers
        tiers.BACKGROUND = 0.0
        f = ft.jit(lambda x: (x * x + x * 3 - x).sum())
        x = np.arange(1000.0)
        start = time.monotonic()
        while "came from" not in f.explain():
            f(x)
            assert time.monotonic() - start < 60
        print(f.explain().count("came from the helper process"), f.explain().count("came from the store"))
    """
    where = str(tmp_path / "store")
    assert script(code, FTRANS_CACHE_DIR=where).split() == ["1", "0"]
    assert script(code, FTRANS_CACHE_DIR=where).split() == ["0", "1"]


def test_many_writers_and_killed_ones(tmp_path):
    """Processes write, prune and read the same few records; some are killed; every record read is whole."""
    code = """
        import os, sys, random
        import ftrans as ft
        from ftrans.backends.numba import link
        from ftrans.backends.numba.store import Record, store
        print("ready", flush=True)
        sys.stdin.readline()
        for n in range(60):
            k = random.randrange(20)
            found = store.read(f"{k:032x}")
            assert found is None or (found.cost == k and found.binary.code == bytes([k]) * 30_000 * (1 + k))
            store.write(f"{k:032x}", Record(link.Binary(bytes([k]) * 30_000 * (1 + k), 0, {}), k))
            if n % 10 == 0:
                store.prune(2)
            assert not store.problem, store.problem
    """
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]), "FTRANS_CACHE_DIR": str(tmp_path / "store"),
        "OPENBLAS_NUM_THREADS": "1",
    }  # fmt: skip
    command = [sys.executable, "-c", textwrap.dedent(code)]
    pipe = subprocess.PIPE
    processes = [subprocess.Popen(command, env=environment, stdin=pipe, stdout=pipe, stderr=pipe, text=True) for _ in range(8)]
    for p in processes:
        assert p.stdout.readline() == "ready\n", p.stderr.read()
    for p in processes:
        p.stdin.write("go\n")
        p.stdin.flush()
    for p in processes[:3]:
        threading.Event().wait(0.01)
        p.kill()
    for k, p in enumerate(processes):
        _, errors = p.communicate(timeout=60)
        assert k < 3 or p.returncode == 0, errors
    with ft.config.set(cache_dir=str(tmp_path / "store")):
        for k in range(20):
            found = KernelStore().read(f"{k:032x}")
            assert found is None or found.binary.code == bytes([k]) * 30_000 * (1 + k)
