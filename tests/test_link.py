"""Machine code in memory: linked and loaded without LLVM, compiled in batches, given back when nobody needs it."""

from __future__ import annotations

import gc
import os
import textwrap
import weakref
from pathlib import Path

import numpy as np
import pytest
from call_kernel import program
from small_kernels import Y, applied, folder, forget, fresh, kernel_of, numbers, run, script

import ftrans as ft
from ftrans.backends.numba import build, engine, generate, link, service
from ftrans.backends.numba import store as module
from ftrans.backends.numba.store import Record

ROOT = Path(__file__).parents[1]
__all__ = ["folder"]  # a fixture


# Linking


needs_linker = pytest.mark.skipif(not link.SUPPORTED, reason="only LLVM's own loader is used here")


@needs_linker
def test_addresses_constants_data_and_jump_tables():
    text = """
        @counter = internal global i64 5
        @one = internal constant double 1.5
        @pointers = internal constant [2 x ptr] [ptr @first, ptr @second]
        declare double @fmod(double, double)
        declare double @unknown.function(double)
        define double @first(double %x) {
          ret double %x
        }
        define double @second(double %x) {
          %r = call double @fmod(double %x, double 2.5)
          ret double %r
        }
        define double @chosen(i64 %k, double %x) {
          %p = getelementptr [2 x ptr], ptr @pointers, i64 0, i64 %k
          %f = load ptr, ptr %p
          %r = call double %f(double %x)
          %c = load double, ptr @one
          %s = fadd double %r, %c
          ret double %s
        }
        define i64 @count() {
          %c = load i64, ptr @counter
          %d = add i64 %c, 1
          store i64 %d, ptr @counter
          ret i64 %d
        }
        define i64 @far(i64 %k) {
        entry:
          switch i64 %k, label %other [ i64 0, label %a i64 1, label %b i64 2, label %c i64 3, label %d i64 4, label %e ]
        a: ret i64 11
        b: ret i64 -7
        c: ret i64 1000
        d: ret i64 5
        e: ret i64 23
        other: ret i64 0
        }
        define double @needs(double %x) {
          %r = call double @unknown.function(double %x)
          ret double %r
        }
    """
    names = ["chosen", "count", "far"]
    text = textwrap.dedent(text)
    binary = generate.generator().binary(text, names)
    assert binary.imports == ["fmod"]
    assert link.unpacked(binary.packed()) == binary
    memory = engine.load(binary)
    double, integer = build_function("double", memory.addresses["chosen"]), build_function("integer", memory.addresses["far"])
    assert [double(k, 7.0) for k in (0, 1)] == [8.5, 3.5]
    assert [integer(k) for k in range(6)] == [11, -7, 1000, 5, 23, 0]
    count = build_function("count", memory.addresses["count"])
    again = engine.load(binary)
    assert [count(), count(), build_function("count", again.addresses["count"])()] == [6, 7, 6]
    with pytest.raises(engine.UnresolvedError, match=r"unknown\.function"):
        engine.load(generate.generator().binary(text, ["needs"]))
    with pytest.raises(link.LinkError, match="does not define missing"):
        generate.generator().binary(text, ["missing"])


def build_function(kind, address):
    types = {
        "double": (engine.ctypes.c_double, engine.ctypes.c_int64, engine.ctypes.c_double),
        "integer": (engine.ctypes.c_int64, engine.ctypes.c_int64),
        "count": (engine.ctypes.c_int64,),
    }
    return engine.ctypes.CFUNCTYPE(*types[kind])(address)


@needs_linker
@pytest.mark.parametrize("code", [b"", b"\x7fELF", b"MZ" + bytes(100), b"\x7fELF\x02\x01" + bytes(100)])
def test_other_files_are_refused(code):
    with pytest.raises(link.LinkError, match="no relocatable ELF file"):
        link.ObjectFile(code)


@needs_linker
def test_system_that_allows_no_new_code(folder, monkeypatch):
    kernel = fresh()
    service.compile(kernel)
    forget()
    monkeypatch.setattr(link, "protect", lambda *args: -1)
    assert service.find(kernel) is None
    with pytest.raises(RuntimeError, match="no new executable memory"):
        service.compile(kernel)


def test_llvm_loads_where_ours_does_not(monkeypatch):
    monkeypatch.setattr(link, "SUPPORTED", False)
    monkeypatch.setattr(generate, "_generator", None)
    pattern = "+**+*+"
    compiled = service._compile([kernel_of(pattern)])[0]
    assert isinstance(compiled.loaded, engine.Engine)
    np.testing.assert_array_equal(run(compiled, Y, Y + 1), applied(pattern, Y, Y + 1))
    record = Record(link.Binary(b"\0" * 10, -1, {"kernel0": 0}))
    assert module.unpacked(record.packed()) == record


# Many kernels at once, and memory


def test_batches_give_what_single_compiles_give():
    patterns = [f"{next(numbers):012b}".replace("0", "+").replace("1", "*") for _ in range(build.BATCH + 3)]
    before = service.counts["compiled"]
    together = service.compile_many([kernel_of(p) for p in patterns * 2])
    assert service.counts["compiled"] == before + len(patterns)
    assert together[: len(patterns)] == together[len(patterns) :]
    for pattern, compiled in zip(patterns, together[: len(patterns)], strict=True):
        assert service.compile(kernel_of(pattern)) is compiled
        np.testing.assert_array_equal(run(compiled, Y, Y + 1), applied(pattern, Y, Y + 1))
    if link.SUPPORTED:
        kernels = [kernel_of(p) for p in patterns[:4]]
        assert [r.binary.code for r in build.build(kernels).records] == [build.build([k]).records[0].binary.code for k in kernels]


def test_cache_is_bounded_and_programs_keep_their_code():
    with ft.config.set(cache_size=3):
        kernels = [fresh() for _ in range(6)]
        first = service.compile(kernels[0])
        gone = weakref.ref(service.compile(kernels[1]).loaded)
        run = program(first, [Y.shape] * 3, [Y.size], [[0]] * 3).on_list([0, 1, 2])
        for kernel in kernels[2:]:
            service.compile(kernel)
        assert [service.is_compiled(k) for k in kernels] == [False] * 3 + [True] * 3
        service.find(kernels[3])  # used: the next to go is another one
        service.compile(kernels[0])
        assert [service.is_compiled(k) for k in kernels] == [True, False, False, True, False, True]
        kept = weakref.ref(first.loaded)
        del first
        gc.collect()
        assert gone() is None
        assert kept() is not None
        assert run([Y, Y, None]) is True
        del run
        gc.collect()
        assert kept() is None


@pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="memory is looked at through /proc")
@needs_linker
def test_memory_does_not_grow():
    def grown(n):
        """Mapped regions and resident kilobytes that n kernels add."""
        before = regions(), resident()
        for _ in range(n):
            service.compile(fresh())
        gc.collect()
        return regions() - before[0], resident() - before[1]

    def regions():
        return len(Path("/proc/self/maps").read_text().split("\n"))

    def resident():
        return int(Path("/proc/self/statm").read_text().split()[1]) * 4

    with ft.config.set(cache_size=8):
        grown(60)
        counts, kilobytes = grown(150)
    assert counts < 15
    assert kilobytes < 150 * 20  # an engine of LLVM for each would take 46 KB


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no forks there")
def test_fork_while_a_thread_compiles(tmp_path):
    code = """
        import os, signal, sys, threading, warnings
        sys.path.insert(0, TESTS)
        import numpy as np
        from ftrans.backends.numba import service
        from small_kernels import Y, applied, fresh, kernel_of, run
        warnings.simplefilter("ignore")  # that a fork of a process with threads may hang is what this is about
        done = threading.Event()

        def work():
            while not done.is_set():
                service.compile(fresh())

        threads = [threading.Thread(target=work) for _ in range(2)]
        for t in threads:
            t.start()
        children = []
        for k in range(6):
            child = os.fork()
            if not child:
                signal.alarm(60)
                pattern = "*+" * (k + 8)
                np.testing.assert_array_equal(run(service.compile(kernel_of(pattern)), Y, Y), applied(pattern, Y, Y))
                os._exit(0)
            children.append(child)
        status = [os.waitpid(child, 0)[1] for child in children]
        done.set()
        for t in threads:
            t.join()
        assert status == [0] * 6, status
    """
    script(code.replace("TESTS", repr(str(ROOT / "tests"))))
