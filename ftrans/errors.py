"""The errors ftrans raises. Catch `FtransError` for all of them, or a name you know from JAX, or what NumPy or Python raises there.

Every message says three things: the fact (what was given, what was expected), the user's own line, and the next step. `at_line`
formats the second; `user_location` finds it.
"""

from __future__ import annotations

import bisect
import dis
import linecache
import os
import sys
from types import CodeType, FrameType
from typing import Any, NamedTuple

import numpy as np

PACKAGE = os.path.dirname(os.path.abspath(__file__)) + os.sep
NUMPY = os.path.dirname(os.path.abspath(np.__file__)) + os.sep

Location = tuple[CodeType, int]  # a code object and the offset of the instruction in it


class FtransError(Exception):
    """The base of every error raised by ftrans."""


class FtransWarning(UserWarning):
    """The base of every warning given by ftrans."""


class ConcretizationTypeError(FtransError, TypeError):
    """Python asked for the value of a traced array that has none here (under vmap, make_jaxpr, eval_shape)."""


class TracerBoolConversionError(ConcretizationTypeError):
    """`if`, `while`, `and`, `or`, `not` or `bool()` on a traced value that is not known."""


class TracerArrayConversionError(FtransError, TypeError):
    """NumPy tried to turn a traced array into a plain ndarray."""


class TracerIntegerConversionError(ConcretizationTypeError):
    """`int()`, `range()` or an index needed the value of a traced array that is not known."""


class NonConcreteBooleanIndexError(ConcretizationTypeError, IndexError):
    """A boolean mask without a known value was used as an index: the size of the result would be unknown."""


class UnexpectedTracerError(FtransError, RuntimeError):
    """A traced array outlived the function call it was traced in."""


class DetachedReadError(FtransError, TypeError):
    """`float(x)`, `math.f(x)` or `x.item()` would have cut the derivative of x off without a word."""


class DifferentiationError(FtransError, TypeError):
    """A derivative was asked for that does not exist: of a non-scalar, with respect to an integer, of a wrong tangent."""


class NotDifferentiableError(FtransError, NotImplementedError):
    """The operation has no derivative rule for this use."""


class UnsupportedError(FtransError, NotImplementedError):
    """A NumPy function or option that ftrans does not trace (yet)."""


class ShapeError(FtransError, ValueError):
    """Shapes that do not fit together."""


class RankPromotionError(ShapeError):
    """Operands of different rank were broadcast where `ft.strict` or `ft.numpy_rank_promotion` forbids it."""


class DtypeError(FtransError, TypeError):
    """Dtypes that do not fit together."""


class ArgumentError(FtransError, TypeError):
    """A wrong argument to one of ftrans's own functions."""


class BatchSizeError(FtransError, ValueError):
    """Arguments of vmap whose mapped axes differ in size."""


class TracerIndexError(FtransError, IndexError):
    """An index that is wrong for the array it is applied to."""


class StaticArgumentError(FtransError, ValueError):
    """A static argument of jit that cannot be hashed, or that is itself traced."""


class TreeStructureError(FtransError, ValueError):
    """Two pytrees that should have the same structure do not."""


class JaxprCheckError(FtransError, AssertionError):
    """A jaxpr is not well-typed: a bug in a rule of a primitive or in a transformation."""


class WriteError(FtransError, ValueError):
    """An in-place write that ftrans cannot give NumPy's meaning."""


class NonFiniteError(FtransError, FloatingPointError):
    """A loss became nan or infinite. `result` holds what the last finite step had reached."""

    result: Any = None


class CompilationForbiddenError(FtransError, RuntimeError):
    """Something had to be compiled inside `with ft.no_compile()`."""


class MutationWarning(FtransWarning):
    """A traced function wrote to its argument; the caller's array stays as it is."""


def is_internal(filename: str) -> bool:
    """Whether code of this file belongs to ftrans (or to NumPy's Python layer), not to the user."""
    return filename.startswith((PACKAGE, NUMPY))


def user_frame(depth: int = 1) -> FrameType | None:
    """The innermost frame that is neither ftrans's nor NumPy's."""
    frame: FrameType | None = sys._getframe(depth)
    while frame is not None and is_internal(frame.f_code.co_filename):
        frame = frame.f_back
    return frame


def user_location() -> Location | None:
    """Where in the user's code we are, as recorded with every equation."""
    frame = user_frame(2)
    return None if frame is None else (frame.f_code, frame.f_lasti)


def line_number(code: CodeType, lasti: int) -> int:
    """The source line of the instruction at byte offset `lasti`."""
    table = line_tables.get(id(code))
    if table is None:
        while len(line_tables) >= TABLES_KEPT:
            line_tables.pop(next(iter(line_tables)), None)
        found = [(start, number) for start, number in dis.findlinestarts(code) if number is not None]
        table = line_tables[id(code)] = LineTable(code, [start for start, _ in found], [number for _, number in found])
    k = bisect.bisect_right(table.starts, lasti)
    return table.numbers[k - 1] if k else code.co_firstlineno


class LineTable(NamedTuple):
    """The offsets at which lines of a code object begin, ascending, and the numbers of these lines."""

    code: CodeType  # kept, so that its id stays its own
    starts: list[int]
    numbers: list[int]


TABLES_KEPT = 1024
line_tables: dict[int, LineTable] = {}  # by id: the hash of a code object takes as long as the code is large


def describe(location: Location | None) -> str:
    """`file.py:12 in loss: y = np.dot(w, x)`, or an empty string when the place is unknown."""
    if not location:
        return ""
    code, lasti = location
    number = line_number(code, lasti)
    source = linecache.getline(code.co_filename, number).strip()
    return f"{short_path(code.co_filename)}:{number} in {code.co_name}" + (f": {source}" if source else "")


def short_path(filename: str) -> str:
    """The path as one would type it: relative when the file lies below the working directory."""
    try:
        relative = os.path.relpath(filename)
    except ValueError:  # another drive on Windows
        return filename
    return filename if relative.startswith("..") else relative


def at_line(message: str, location: Location | None = None, *, hint: str = "") -> str:
    """Join the fact, the user's line (found on the stack unless given) and the next step into one message."""
    where = describe(location or user_location())
    return message + (f"\n  at {where}" if where else "") + (f"\n  {hint}" if hint else "")


def shown(value: Any, limit: int = 80) -> str:
    """A value as it appears in a message: its repr, cut to one short line."""
    text = " ".join(repr(value).split())
    return text if len(text) <= limit else text[: limit - 3] + "..."
