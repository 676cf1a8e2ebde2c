"""Link and load machine code without LLVM, whose import takes 25 ms and whose engine 0.6 ms and 46 KB a kernel.

    binary = linked(ObjectFile(code), ["kernel0"])    # when compiled: the functions named, and all they use of an object file
    memory = Memory(binary, resolve)          # in any process: resolve(symbol) gives the address of a foreign function
    memory.addresses["kernel0"]               # valid as long as `memory` lives

This reads the object files of one platform, Linux on x86-64; `SUPPORTED` tells. Elsewhere LLVM's own loader does it (engine.py).
The format is that of the System V ABI, AMD64 Architecture Processor Supplement 1.0, sections 4.1 to 4.4.
"""

from __future__ import annotations

import ctypes
import json
import mmap
import platform
import struct
import sys
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

SUPPORTED = sys.platform == "linux" and platform.machine() == "x86_64" and sys.maxsize > 2**32

PAGE = 4096
ABSOLUTE, PC_RELATIVE, CALL = 1, 2, 4  # R_X86_64_64, _PC32, _PLT32
FROM_TABLE = (9, 41, 42)  # R_X86_64_GOTPCREL, _GOTPCRELX, _REX_GOTPCRELX: through a pointer near the code
WRITABLE, CODE = 1, 4  # section flags SHF_WRITE and SHF_EXECINSTR
FIRST_SPECIAL = 0xFF00  # section numbers from here on mean something else
JUMP = b"\xff\x25"  # jmp *[rip + 4 bytes]
TRAP = b"\xcc"


class LinkError(RuntimeError):
    """The object code holds something that is not known here."""


class Binary(NamedTuple):
    """Machine code that can be stored and sent.

    code: the bytes; of an object file where `fixed` is -1.
    fixed: so many bytes are code and constants, the rest is data that the code may write.
    names: where its functions begin.
    fixups: places for 8-byte addresses: (offset, symbol or "" for the code's own address, what to add).
    """

    code: bytes
    fixed: int
    names: dict[str, int]
    fixups: tuple[tuple[int, str, int], ...] = ()

    @property
    def is_linked(self) -> bool:
        """Whether `Memory` can hold it; else it is an object file."""
        return self.fixed >= 0

    @property
    def imports(self) -> list[str]:
        """The symbols it needs."""
        return sorted({symbol for _, symbol, _ in self.fixups if symbol})

    def packed(self) -> bytes:
        """As bytes."""
        head = json.dumps([self.fixed, self.names, self.fixups], separators=(",", ":")).encode()
        return len(head).to_bytes(4, "little") + head + self.code


def unpacked(content: bytes) -> Binary:
    """The inverse of `packed`; ValueError or TypeError where the content is none."""
    start = 4 + int.from_bytes(content[:4], "little")
    fixed, names, fixups = json.loads(content[4:start])
    return Binary(content[start:], fixed, names, tuple([(offset, symbol, extra) for offset, symbol, extra in fixups]))


class Section(NamedTuple):
    """One section of an object file; `info` is the section that relocations apply to, `link` their symbol table."""

    name: int
    type: int
    flags: int
    address: int
    offset: int
    size: int
    link: int
    info: int
    align: int
    entry_size: int


class Symbol(NamedTuple):
    """A name of an object file; section 0 means that it is defined elsewhere."""

    name: str
    section: int
    value: int


SECTION, SYMBOL, RELOCATION = struct.Struct("<IIQQQQIIQQ"), struct.Struct("<IBBHQQ"), struct.Struct("<QQq")
SYMBOLS, RELOCATIONS, EMPTY = 2, 4, 8  # section types SHT_SYMTAB, SHT_RELA, SHT_NOBITS


class ObjectFile:
    """The parts of a relocatable file that matter here."""

    def __init__(self, code: bytes) -> None:
        if code[:6] != b"\x7fELF\x02\x01" or struct.unpack_from("<HH", code, 16) != (1, 62):
            raise LinkError("this is no relocatable ELF file for x86-64")
        (first,), (count, names) = struct.unpack_from("<Q", code, 40), struct.unpack_from("<HH", code, 60)
        self.code = code
        self.sections = [Section(*SECTION.unpack_from(code, first + k * SECTION.size)) for k in range(count)]
        self.names = self.sections[names]
        self.symbols: list[Symbol] = []
        self.relocations: dict[int, Section] = {}
        for section in self.sections:
            if section.type == SYMBOLS:
                self.symbols = self.read_symbols(section)
            elif section.type == RELOCATIONS:
                self.relocations[section.info] = section

    def text(self, table: Section, at: int) -> str:
        """A name in a table of names."""
        start = table.offset + at
        return self.code[start : self.code.index(b"\0", start)].decode()

    def read_symbols(self, section: Section) -> list[Symbol]:
        strings, symbols = self.sections[section.link], []
        for offset in range(section.offset, section.offset + section.size, SYMBOL.size):
            name, _, _, where, value, _ = SYMBOL.unpack_from(self.code, offset)
            symbols.append(Symbol(self.text(strings, name), where, value))
        return symbols

    def relocations_of(self, number: int) -> list[tuple[int, int, Symbol, int]]:
        """(offset, type, symbol, addend) for a section."""
        section = self.relocations.get(number)
        if section is None:
            return []
        content = memoryview(self.code)[section.offset : section.offset + section.size]
        return [(o, info & 0xFFFFFFFF, self.symbols[info >> 32], a) for o, info, a in RELOCATION.iter_unpack(content)]

    def reachable(self, names: Sequence[str]) -> list[int]:
        """The sections of these functions, and those that they use; what may be written comes last."""
        todo = [s.section for s in self.symbols if s.name in names and s.section]
        found = dict.fromkeys(todo)
        while todo:
            for _, _, symbol, _ in self.relocations_of(todo.pop()):
                if symbol.section >= FIRST_SPECIAL:
                    raise LinkError(f"the symbol {symbol.name!r} is in no section")
                if symbol.section and symbol.section not in found:
                    found[symbol.section] = None
                    todo.append(symbol.section)
        return sorted(found, key=self.is_data)

    def is_data(self, number: int) -> bool:
        """Whether the code may write to a section. Constant pointers are written only when it is loaded."""
        section = self.sections[number]
        return bool(section.flags & WRITABLE) and not self.text(self.names, section.name).startswith(".data.rel.ro")


class Linker:
    """Lays out sections and fills in what does not depend on where the code will be."""

    def __init__(self, file: ObjectFile, names: Sequence[str]) -> None:
        self.file = file
        self.place: dict[int, int] = {}
        self.pointers: dict[Symbol, int] = {}  # where the address of a symbol is kept
        self.jumps: dict[Symbol, int] = {}
        self.fixups: list[tuple[int, str, int]] = []
        self.image = bytearray()
        sections = file.reachable(names)
        code = [n for n in sections if not file.is_data(n)]
        for number in code:
            self.put(number)
        places = [(n, place) for n in sections for place in file.relocations_of(n)]
        self.reserve([place for _, place in places])
        self.fixed = len(self.image)
        if len(code) < len(sections):  # memory is protected in pages
            self.pad(PAGE)
            self.fixed = len(self.image)
        for number in sections[len(code) :]:
            self.put(number)
        for number, place in places:
            self.relocate(self.place[number], *place)
        for symbol, where in self.pointers.items():
            self.fixups.append(self.fixup(where, symbol, 0))
        self.names = {s.name: self.place[s.section] + s.value for s in file.symbols if s.name in names and s.section}

    def pad(self, align: int) -> None:
        self.image += TRAP * (-len(self.image) % max(align, 1))

    def put(self, number: int) -> None:
        """Append a section."""
        section = self.file.sections[number]
        if section.align > PAGE:
            raise LinkError(f"a section is aligned to {section.align} bytes")
        self.pad(section.align)
        self.place[number] = len(self.image)
        start = section.offset
        self.image += bytes(section.size) if section.type == EMPTY else self.file.code[start : start + section.size]

    def reserve(self, places: list[tuple[int, int, Symbol, int]]) -> None:
        """Room for the addresses of foreign symbols, and for jumps to them, as they may be far from the code."""
        far = [symbol for _, kind, symbol, _ in places if kind == CALL and not symbol.section]
        self.pad(8)
        for symbol in dict.fromkeys([s for _, kind, s, _ in places if kind in FROM_TABLE] + far):
            self.pointers[symbol] = len(self.image)
            self.image += bytes(8)
        for symbol in dict.fromkeys(far):
            self.pad(8)
            self.jumps[symbol] = len(self.image)
            self.image += JUMP + struct.pack("<i", self.pointers[symbol] - len(self.image) - 6)

    def fixup(self, where: int, symbol: Symbol, extra: int) -> tuple[int, str, int]:
        """The address of a symbol, to be filled in when the code is loaded."""
        if not symbol.section:
            return where, symbol.name, extra
        return where, "", self.place[symbol.section] + symbol.value + extra

    def relocate(self, start: int, offset: int, kind: int, symbol: Symbol, addend: int) -> None:
        """Fill in one place of the section at `start`."""
        at = start + offset
        if kind == ABSOLUTE:
            self.fixups.append(self.fixup(at, symbol, addend))
            return
        if kind in FROM_TABLE:
            target = self.pointers[symbol]
        elif symbol.section and kind in (PC_RELATIVE, CALL):
            target = self.place[symbol.section] + symbol.value
        elif kind == CALL:
            target = self.jumps[symbol]
        else:
            raise LinkError(f"relocation {kind} for {symbol.name!r}")
        struct.pack_into("<i", self.image, at, target + addend - at)


def linked(file: ObjectFile, names: Sequence[str]) -> Binary:
    """The functions named of an object file, and what they use of it. Raises LinkError for what is not known here."""
    linker = Linker(file, names)
    missing = [name for name in names if name not in linker.names]
    if missing:
        raise LinkError(f"the object code does not define {', '.join(missing)}")
    return Binary(bytes(linker.image), linker.fixed, linker.names, tuple(linker.fixups))


class Memory:
    """Executable memory that holds a binary, given back when this object is gone."""

    def __init__(self, binary: Binary, resolve: Callable[[str], int]) -> None:
        code = binary.code
        flags = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS
        self.mapped = mmap.mmap(-1, max(len(code), 1), flags=flags, prot=mmap.PROT_READ | mmap.PROT_WRITE)
        base = ctypes.addressof(ctypes.c_char.from_buffer(self.mapped))
        self.mapped[: len(code)] = code
        symbols = {"": base} | {name: resolve(name) for name in binary.imports}
        for offset, symbol, extra in binary.fixups:
            struct.pack_into("<Q", self.mapped, offset, symbols[symbol] + extra)
        if protect(base, binary.fixed, mmap.PROT_READ | mmap.PROT_EXEC):
            raise RuntimeError(f"this system allows no new executable memory ({ctypes.get_errno()})")
        self.addresses = {name: base + offset for name, offset in binary.names.items()}


def _protect() -> Any:
    """int mprotect(void *address, size_t length, int protection)."""
    function = ctypes.CDLL(None, use_errno=True).mprotect
    function.argtypes, function.restype = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int], ctypes.c_int
    return function


protect: Any = _protect() if SUPPORTED else None
