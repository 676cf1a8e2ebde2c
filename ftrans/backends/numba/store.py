"""Keep machine code on disk, so that the next process starts without the compiler.

    store.write(key(kernel), Record(binary, cost, milliseconds, shared))
    store.read(key(kernel))                                  # a Record, or None
    store.has(key(kernel))                                   # 3 µs

A key is the content of a kernel, and of everything that makes its code: the sources of ftrans, the LLVM in llvmlite, Python, the
processor. So what is found is never out of date; what nobody asks for any more is deleted when the store grows too large.

A file is written under another name and then renamed, holds a checksum, and is deleted when it is not as it should be: processes
may write at the same time, be killed meanwhile, or find the disk full. A store that cannot be written is read. Files hold machine
code and numbers; nothing in them is run as Python.
"""

from __future__ import annotations

import contextlib
import functools
import importlib.util
import json
import os
import platform
import re
import struct
import sys
import time
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from hashlib import blake2b, sha256
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ...config import STARTED, config
from ...core.primitive import Primitive
from ...lowering.loops import Code
from . import link

MAGIC = b"ftrans 1"
DIGEST = 16  # bytes of a checksum, and of a key
MEGABYTE = 1 << 20
BLOCK = 4096  # what a small file takes
FRESH = 3600.0  # seconds in which a file is not marked as used again, in which nothing is deleted, after which a writer is dead
KEEP = 0.75  # of the largest size, when it is exceeded
ATTEMPTS = 3  # to write a file
SHARE = 16  # a process looks at the size when it has written this part of it

PACKAGE = str(Path(__file__).parents[2])
PARTS = ("core", "ops", "lowering", "backends")  # of ftrans: what makes code
FOLDER = re.compile(r"[0-9a-f]{32}")


class Record(NamedTuple):
    """Machine code with what is known about it: the cost of an element, what compiling took, the shared functions it calls."""

    binary: link.Binary
    cost: int = 0
    milliseconds: float = 0.0
    shared: tuple[str, ...] = ()

    def packed(self) -> bytes:
        """The content of a file."""
        head = json.dumps([self.cost, self.milliseconds, self.shared]).encode()
        content = struct.pack("<I", len(head)) + head + self.binary.packed()
        return MAGIC + blake2b(content, digest_size=DIGEST).digest() + content


def unpacked(content: bytes) -> Record | None:
    """The record in a file, or None where the file is damaged or something else."""
    start = len(MAGIC) + DIGEST
    body = content[start:]
    if content[:start] != MAGIC + blake2b(body, digest_size=DIGEST).digest():
        return None
    (length,) = struct.unpack_from("<I", body)
    cost, milliseconds, shared = json.loads(body[4 : 4 + length])
    return Record(link.unpacked(body[4 + length :]), cost, milliseconds, tuple(shared))


# Keys


class UnstorableError(TypeError):
    """Something whose content is not known here, or is not only ours: an operation that a user wrote."""


def content(x: Any) -> str:
    """What makes x what it is, in the same words in every process. Raises UnstorableError."""
    kind = type(x)
    if x is None or kind in (bool, int, float, complex, str, bytes):
        return repr(x)
    if kind is tuple:
        return f"({','.join([content(y) for y in x])})"
    if isinstance(x, np.dtype) and x.names is None and x.subdtype is None:
        return f"dtype {x.str}"
    if isinstance(x, np.generic | np.ndarray) and not x.dtype.hasobject:
        return f"array {x.dtype.str} {x.shape} {x.tobytes().hex()}"
    if kind is slice:
        return f"slice{content((x.start, x.stop, x.step))}"
    if kind.__module__.partition(".")[0] == "ftrans":
        if isinstance(x, Primitive):
            names = kind._fields
        elif is_dataclass(x):
            names = tuple([f.name for f in fields(x) if f.compare])
        elif isinstance(x, tuple):
            return f"{kind.__module__}.{kind.__qualname__}{content(tuple(x))}"
        else:
            names = None
        if names is not None:
            return f"{kind.__module__}.{kind.__qualname__}{content(tuple([getattr(x, name) for name in names]))}"
    raise UnstorableError(f"{kind.__module__}.{kind.__qualname__} is not stored on disk")


@functools.lru_cache(512)
def key(code: Code) -> str | None:
    """The name of a kernel's file, or None where it is not stored."""
    try:
        return text_key(content(code))
    except UnstorableError:
        return None


def text_key(text: str) -> str:
    """The name of the file of anything else: the runtime and shared functions by their names."""
    return blake2b(text.encode(), digest_size=DIGEST).hexdigest()


@functools.cache
def toolchain() -> str | None:
    """A name for everything that makes code out of a kernel. None if it cannot be told, or has changed since it was imported."""
    found = sha256()  # most processors have instructions for it: half a millisecond for all sources
    try:
        for path in sources():
            file = os.open(path, os.O_RDONLY)
            try:
                status = os.fstat(file)
                found.update(os.read(file, status.st_size))
            finally:
                os.close(file)
            if status.st_ctime > STARTED - 0.05:  # clocks of file systems tick every 10 ms
                return None
            found.update(path[len(PACKAGE) :].encode())
        for fact in (*compiler(), sys.version, processor()):
            found.update(fact.encode() + b"\0")
    except (OSError, ImportError, ValueError):
        return None
    return found.hexdigest()[: 2 * DIGEST]


def sources() -> list[str]:
    """The files of ftrans that make code."""
    todo, found = [os.path.join(PACKAGE, part) for part in PARTS], []
    while todo:
        with os.scandir(todo.pop()) as entries:
            for entry in entries:
                if entry.name.endswith(".py"):
                    found.append(entry.path)
                elif entry.is_dir() and entry.name != "__pycache__":
                    todo.append(entry.path)
    if not found:
        raise OSError("there are no source files")
    return sorted(found)


def compiler() -> tuple[str, ...]:
    """llvmlite, without importing it: what it says of its version, and the size of its library."""
    spec = importlib.util.find_spec("llvmlite")
    if spec is None or spec.origin is None:
        raise ImportError("there is no llvmlite")
    home = os.path.dirname(spec.origin)
    libraries = [f"{e.name} {e.stat().st_size}" for e in scan(os.path.join(home, "binding")) if "llvmlite" in e.name]
    return Path(home, "_version.py").read_text(), *sorted(libraries)


def processor() -> str:
    """The processor and what it can do."""
    try:
        with open("/proc/cpuinfo", "rb") as file:
            first = file.read(8192).split(b"\n\n")[0].decode()
    except OSError:
        return f"{platform.platform()} {platform.processor()}"
    named = ("vendor_id", "cpu family", "model", "stepping", "flags", "Features", "CPU ")
    return "\n".join([platform.machine(), *[line for line in first.split("\n") if line.startswith(named)]])


# The store


class KernelStore:
    """The store in the directory `ft.config.cache_dir`; `ft.kernel_store` is the one of this process.

    problem: why nothing is kept, or "".
    """

    def __init__(self) -> None:
        self.problem = ""
        self.written = 0  # bytes since the size was looked at
        self.trusted: dict[str, bool] = {}

    def __repr__(self) -> str:
        if not self.path:
            return "<kernel store: switched off>"
        files = [size for _, size, _ in self.files()]
        return f"<kernel store {self.path}: {len(files)} objects, {sum(files) / MEGABYTE:.1f} MB>"

    @property
    def path(self) -> str:
        """The directory, or "" where nothing is kept."""
        return str(config.cache_dir)

    @property
    def size(self) -> int:
        """Bytes on disk."""
        return sum([size for _, size, _ in self.files()])

    def clear(self) -> None:
        """Delete everything in the store. Code that is loaded stays."""
        self.shrink(0)

    def prune(self, megabytes: float | None = None) -> None:
        """Delete what was used least recently until at most so many megabytes are left, by default `ft.config.cache_megabytes`."""
        self.shrink((config.cache_megabytes if megabytes is None else megabytes) * MEGABYTE)

    # Records

    def has(self, key: str | None) -> bool:
        """Whether there is a file of this name."""
        path = self.file(key)
        return path is not None and os.path.exists(path)

    def read(self, key: str | None) -> Record | None:
        """The record of this name, marked as used now."""
        path = self.file(key)
        if path is None:
            return None
        try:
            with open(path, "rb") as file:
                used = os.fstat(file.fileno()).st_mtime
                found = file.read()
        except OSError:
            return None
        record = None
        with contextlib.suppress(ValueError, TypeError, struct.error):  # checked, so only another format comes here
            record = unpacked(found)
        with contextlib.suppress(OSError):  # of a file system that cannot be written
            if record is None:
                os.unlink(path)
            elif time.time() - used > FRESH:
                os.utime(path)
        return record

    def write(self, key: str | None, record: Record) -> None:
        """Keep a record, if that is possible."""
        path = self.file(key)
        if path is None or self.problem:
            return
        content = record.packed()
        for _ in range(ATTEMPTS):
            try:
                self.put(path, content)
                break
            except FileNotFoundError:  # another process has deleted the folder, as it was empty
                continue
            except OSError as error:
                if not os.path.exists(path):  # else another process has kept it
                    self.problem = f"{self.path} cannot be written ({type(error).__name__}: {error})"
                return
        self.written += max(len(content), BLOCK)
        if self.written > config.cache_megabytes * MEGABYTE / SHARE or self.is_due():
            self.written = 0
            self.prune()

    def put(self, path: str, content: bytes) -> None:
        """Write a file, in full or not at all."""
        temporary = f"{path}.{os.urandom(6).hex()}"
        os.makedirs(self.path, mode=0o700, exist_ok=True)
        os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
        try:
            with open(temporary, "xb") as file:
                file.write(content)
            os.replace(temporary, path)
        except OSError:
            with contextlib.suppress(OSError):
                os.unlink(temporary)
            raise

    def file(self, key: str | None) -> str | None:
        """The file of this name, or None where nothing is kept."""
        root, folder = self.path, None if key is None else toolchain()
        if not root or folder is None or key is None or not self.is_trusted(root):
            return None
        return os.path.join(root, folder, key)

    def is_trusted(self, root: str) -> bool:
        """Whether only this user, and root, can write there: code from the store is run."""
        found = self.trusted.get(root)
        if found is None:
            try:
                status = os.stat(root)
            except OSError:
                return True  # it is made when something is written
            owned = not hasattr(os, "geteuid") or (status.st_uid in (0, os.geteuid()) and not status.st_mode & 0o002)
            if not owned:
                self.problem = f"{root} belongs to another user, or everybody may write there"
            found = self.trusted[root] = owned
        return found

    # Its size

    def files(self) -> Iterator[tuple[float, int, str]]:
        """(last use, bytes, path) of every file."""
        if not self.path:
            return
        for folder in scan(self.path):
            if FOLDER.fullmatch(folder.name) and folder.is_dir():
                for entry in scan(folder.path):
                    with contextlib.suppress(OSError):  # deleted meanwhile
                        status = entry.stat()
                        yield status.st_mtime, max(status.st_size, BLOCK), entry.path

    def is_due(self) -> bool:
        """Whether no process has looked at the size for an hour. A file's time tells."""
        stamp = os.path.join(self.path, "pruned")
        with contextlib.suppress(OSError):
            if time.time() - os.stat(stamp).st_mtime < FRESH:
                return False
        with contextlib.suppress(OSError), open(stamp, "w"):
            os.utime(stamp)
        return True

    def shrink(self, limit: float) -> None:
        """Delete the oldest files until KEEP of the limit is left, where the limit is exceeded; and what dead writers left."""
        files = sorted(self.files())
        total, now = sum([size for _, size, _ in files]), time.time()
        goal = limit * KEEP if total > limit else total
        for used, size, path in files:
            abandoned = "." in os.path.basename(path) and (now - used > FRESH or not limit)
            if total > goal or abandoned:
                with contextlib.suppress(OSError):
                    os.unlink(path)
                    total -= size
        for folder in scan(self.path) if self.path else ():
            if FOLDER.fullmatch(folder.name):
                with contextlib.suppress(OSError):  # it is not empty
                    os.rmdir(folder.path)


def scan(path: str) -> list[os.DirEntry[str]]:
    """What is in a directory; nothing, where it cannot be read."""
    try:
        with os.scandir(path) as entries:
            return list(entries)
    except OSError:
        return []


store = KernelStore()
