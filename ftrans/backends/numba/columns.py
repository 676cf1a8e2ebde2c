"""The columns of the tables that the compiled runtime carries out (runtime.py, calls.py), which tables.py and jit/direct.py make.

A number is an int64; addresses are of memory that the program's Python object keeps alive.
"""

from __future__ import annotations

ANY = -(2**63)
UNSIGNED = -2  # no other bound is negative


class Program:
    """A program's table. DIMENSIONS: of all inputs together."""

    NDARRAY, INPUTS, INPUT_ROWS, VALUES, VALUE_ROWS, OUTPUTS, OUTPUT_ROWS, RUNS, RUN_ROWS, ARENA, RELEASE, INT, BOOL, TRUE = range(
        14
    )
    FALSE, EMPTY, SCALAR, BLAS_GET, BLAS_SET, DIMENSIONS = range(14, 20)
    SIZE = 20


class Kind:
    """What an input is: an array of exactly the row's descriptor and dimensions; a scalar or a 0-d array; an array that the program
    overwrites, so it can be written and shares memory with no other input."""

    ARRAY, SCALAR, OWNED = range(3)


class Input:
    """A row for each input.

    TYPE: the class the object must have, or 0. SCALAR, PYTHON: the classes of scalars that hold such a number, or 0. STRIDES: those
    of a C-contiguous array. REQUIRED: 0, or the address of a stride for each dimension that it must have (or ANY) where it is not
    C-contiguous; 1 where it must be C-contiguous. LOW, HIGH: between which a Python int must be; HIGH is UNSIGNED for one that must
    be a uint64.
    """

    KIND, TYPE, SCALAR, PYTHON, DESCR, NDIM, DIMS, STRIDES, REQUIRED, LOW, HIGH = range(11)
    SIZE = 11


class Where:
    """Where a value that is no input lies (a row of WHERE, NUMBER, STRIDES): output NUMBER, the arena, or where another is."""

    OUTPUT, ARENA, VALUE = range(3)


class Output:
    """A row for each output. KIND: see `Made`. NUMBER: the output that is the same object."""

    KIND, DESCR, NDIM, DIMS, NUMBER = range(5)
    SIZE = 5


class Made:
    """What kind of object an output is."""

    ARRAY, SCALAR, FLOAT, INT, BOOL, COMPLEX, SAME = range(7)


class Run:
    """A run of steps. CHUNKS 0: a guard, of VALUE whose BYTES must be EXPECTED. Else the extent is walked in chunks."""

    STEPS, STEP_ROWS, CHUNKS, CHUNK, EXTENT, THREADS, SCRATCH, SCRATCH_BYTES, LOCALS, LOCAL_ROWS = range(10)
    SIZE = 10
    VALUE, BYTES, EXPECTED = 0, 1, 3


class Step:
    """A kernel call. AXIS: the loop axis that is split, or -1; UNIT: its iterations for each of the run's extent."""

    KERNEL, AXES, OPERANDS, SIZES, ROWS, AXIS, UNIT = range(7)
    SIZE = 7


class Operand:
    """A row of a step's operand: then for each loop axis the dimension it walks or -1, then for each the factor of the stride, then
    STARTS pairs of dimension and index at which it starts. MOVES: whether a block starts where the split axis is."""

    VALUE, STARTS, MOVES = range(3)
    SIZE = 3


class Call:
    """A call's table."""

    PROGRAM, ARGS, TAKES, TAKE_ROWS, OBJECTS, LEAVES, LEAF_ROWS, SCOPES, SCOPE_ROWS, WORDS, WORD_ROWS, MAKES, MAKE_ROWS = range(13)
    TUPLE, LIST, DICT, NONE, INT, REFUSAL, NAMES, NAME_ROWS = range(13, 21)
    SIZE = 21


class Take:
    """How an object is taken apart (a row of OP, OBJECT, NUMBER, EXTRA): a container of so many items (a dict: at these keys),
    an int of this value, or just this object."""

    TUPLE, LIST, DICT, INT, IS = range(5)


class Make:
    """How the result is built (a row of OP, NUMBER, EXTRA): push an output, or a container of the last ones, or None."""

    LEAF, TUPLE, LIST, DICT, NONE = range(5)


class Status:
    """What ftrans_execute says."""

    MISFIT, DONE, GUARD, ERROR = range(4)
