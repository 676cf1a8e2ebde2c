"""Describe one loop nest over arrays - a kernel - independently of what will compile it, and print it to read.

A `Kernel` says: for every index of the loop axes, load the inputs, compute the body, store or reduce the outputs. It
holds what selects code (dtypes, which axes an operand moves along, the class of its innermost stride, the operations)
and nothing else: sizes, strides, addresses and scalar values are arguments of the run, so equal kernels are the same
code.

    >>> x = Operand("float64", (True,), "c")
    >>> kernel = Kernel(1, (False,), (x, x), (Instr(add, (0, 1), "float64"),), (Output(2, x),))     # doctest: +SKIP
    >>> print(print_loops(kernel))                                                                  # doctest: +SKIP
    for i in range(n0):
        v2 = in0[i] + in1[i]
        out0[i] = v2

The operations know how to compute one element through a `Builder`: `op.lower(b, *values)`. One builder emits machine
code (backends), `TextBuilder` here writes Python-like text.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from .builder import PART, Text, TextBuilder

Inner = Literal["c", "0", "s"]
Reduce = Literal["sum", "prod", "max", "min", "all", "any", "and", "or", "xor", "argmax", "argmin"]

ITEMSIZE = {
    "bool": 1, "int8": 1, "uint8": 1, "int16": 2, "uint16": 2, "int32": 4, "uint32": 4, "int64": 8, "uint64": 8,
    "float16": 2, "float32": 4, "float64": 8, "complex64": 8, "complex128": 16,
}  # fmt: skip
"""Bytes of an element, for every dtype a kernel can hold."""


def foldable(reduce: str, dtype: str) -> bool:
    """Whether a kernel can reduce elements of a dtype.

    Left to NumPy: the extremes of complex numbers, which it orders lexicographically and few want; their product; and the
    product of float16, which NumPy rounds (and lets overflow) at every step.
    """
    return (dtype not in PART or reduce == "sum") and (dtype != "float16" or reduce != "prod")


class Op(Hashable, Protocol):
    """An elementwise operation: interned, hashable, and able to compute one element through a builder."""

    @property
    def name(self) -> str: ...

    def lower(self, b: Any, *args: Any) -> Any:
        """(elements) -> the result element, by calls on the `Builder` b."""


@dataclass(frozen=True, slots=True)
class Operand:
    """An array read or written by a kernel.

    dtype: NumPy's name of the element type (a key of ITEMSIZE).
    moves: for every loop axis, does the array advance along it? False is a broadcast axis; none at all is a scalar.
    inner: the stride along the innermost loop axis: 'c' one element, '0' zero, 's' any, known at run time.
    """

    dtype: str
    moves: tuple[bool, ...]
    inner: Inner

    def __post_init__(self) -> None:
        if self.dtype not in ITEMSIZE:
            raise TypeError(f"kernels hold elements of {', '.join(ITEMSIZE)}, not {self.dtype}")
        if self.moves and not self.moves[-1] and self.inner != "0":
            raise ValueError(f"{self}: an operand that does not move along the innermost axis has inner='0'")


@dataclass(frozen=True, slots=True)
class Instr:
    """One operation of the body; `args` number earlier values: the kernel's inputs, then instructions in order."""

    op: Op
    args: tuple[int, ...]
    dtype: str


@dataclass(frozen=True, slots=True)
class Output:
    """Where a value goes: stored for every index, or folded over the reduced axes by `reduce`.

    inplace: the number of the input whose array this output overwrites element by element (same data, same strides, and
    read through no other input), or None when the output shares memory with nothing.
    """

    value: int
    operand: Operand
    reduce: Reduce | None = None
    inplace: int | None = None


class Code:
    """What is compiled to one function `void (sizes, arguments)`: hashable, equal for equal machine code, can be pickled.

    naxes: the number of loop axes; the run gives a size for each.
    operands: inputs, then outputs; the run gives for each an address and a byte stride along every loop axis.
    dependent: the loop axes along which results depend on each other: a run cannot be split there.
    """

    __slots__ = ()

    checked = False  # whether the last output is a status, 0 when all went well; else NumPy does it again, and tells what is wrong
    naxes: int

    @property
    def operands(self) -> tuple[Operand, ...]:
        raise NotImplementedError

    @property
    def dependent(self) -> tuple[int, ...]:
        raise NotImplementedError

    @property
    def coarse(self) -> tuple[int, ...]:
        """The loop axes along which small blocks cost more: a product of matrices prepares the other one for each block."""
        return ()

    @property
    def inplace(self) -> tuple[int | None, ...]:
        """For each output the input whose array it overwrites, element by element, or None."""
        raise NotImplementedError

    def overwriting(self) -> Code | None:
        """The same with the first output in the memory of the first input, which is laid out alike; None where it cannot be."""
        return None

    @property
    def ops(self) -> tuple[Op, ...]:
        """The operations in it that have names in the cost model; a helper process must know their classes."""
        return ()


@dataclass(frozen=True, slots=True)
class Kernel(Code):
    """A loop nest: axis 0 outermost; `reduced[k]` says that axis k is folded by every output.

    All outputs store, or all reduce. A reduction's operand does not move along the reduced axes. `max`, `min`, `argmax`
    and `argmin` of nothing are for the caller to refuse; the other reductions of nothing give their identity.
    """

    naxes: int
    reduced: tuple[bool, ...]
    inputs: tuple[Operand, ...]
    body: tuple[Instr, ...]
    outputs: tuple[Output, ...]
    _hash: int = field(init=False, repr=False, compare=False, default=0)

    def __post_init__(self) -> None:
        key = (self.naxes, self.reduced, self.inputs, self.body, self.outputs)
        object.__setattr__(self, "_hash", hash(key))
        _check(self)

    def __hash__(self) -> int:
        return self._hash

    def __reduce__(self) -> Any:  # without the hash, which differs from process to process
        return Kernel, (self.naxes, self.reduced, self.inputs, self.body, self.outputs)

    @property
    def operands(self) -> tuple[Operand, ...]:
        """Inputs, then outputs: the order of every run-time table."""
        return self.inputs + tuple(out.operand for out in self.outputs)

    @property
    def dependent(self) -> tuple[int, ...]:
        """The reduced axes."""
        return tuple(k for k, reduced in enumerate(self.reduced) if reduced)

    @property
    def inplace(self) -> tuple[int | None, ...]:
        return tuple(out.inplace for out in self.outputs)

    @property
    def ops(self) -> tuple[Op, ...]:
        return tuple(instr.op for instr in self.body)

    def value_dtype(self, value: int) -> str:
        """The dtype of a numbered value."""
        n = len(self.inputs)
        return self.inputs[value].dtype if value < n else self.body[value - n].dtype


def _check(kernel: Kernel) -> None:
    """Raise ValueError where a kernel contradicts itself."""
    if len(kernel.reduced) != kernel.naxes or any(len(x.moves) != kernel.naxes for x in kernel.operands):
        raise ValueError(f"every operand of a kernel with {kernel.naxes} axes says for each whether it moves: {kernel}")
    for number, instr in enumerate(kernel.body, len(kernel.inputs)):
        if any(not 0 <= arg < number for arg in instr.args):
            raise ValueError(f"value {number} ({instr.op.name}) uses {instr.args}, but only earlier values exist")
    values = len(kernel.inputs) + len(kernel.body)
    for out in kernel.outputs:
        _check_output(kernel, out, values)


def _check_output(kernel: Kernel, out: Output, values: int) -> None:
    if not 0 <= out.value < values:
        raise ValueError(f"output {out} names value {out.value} of {values}")
    if (out.reduce is not None) != any(kernel.reduced) and kernel.naxes:
        raise ValueError("outputs reduce exactly when some axis of their kernel is reduced")
    if any(moves and reduced for moves, reduced in zip(out.operand.moves, kernel.reduced, strict=True)):
        raise ValueError(f"output {out} moves along a reduced axis")
    expected = "int64" if out.reduce in ("argmax", "argmin") else kernel.value_dtype(out.value)
    if out.operand.dtype != expected:
        raise ValueError(f"output {out} stores {expected} values into {out.operand.dtype}: convert explicitly")
    if out.inplace is not None and kernel.inputs[out.inplace] != out.operand:
        raise ValueError(f"output {out} is in place of input {out.inplace}, which is laid out differently")


def print_code(code: Code) -> str:
    """A kernel to read: as loops, or what its class says of itself."""
    return print_loops(code) if isinstance(code, Kernel) else str(code)


def print_loops(kernel: Kernel) -> str:
    """The kernel as Python-like nested loops; sizes are n0, n1, ... and indices i, j, k, l, then i4, i5, ..."""
    b = TextBuilder()
    index = ["ijkl"[k] if k < 4 else f"i{k}" for k in range(kernel.naxes)]
    values = [Text(_element(f"in{k}", x, index), x.dtype) for k, x in enumerate(kernel.inputs)]
    lines: list[str] = []
    for number, instr in enumerate(kernel.body, len(values)):
        expression = instr.op.lower(b, *[values[arg] for arg in instr.args])
        lines.append(f"v{number} = {_unwrapped(expression.text)}")
        values.append(Text(f"v{number}", instr.dtype))
    for k, out in enumerate(kernel.outputs):
        target, value = _element(f"out{k}", out.operand, index), values[out.value].text
        lines.append(f"{target} = {value}" if out.reduce is None else f"{target} {FOLDS[out.reduce]} {value}")
    heads = [f"{'  ' * k}for {index[k]} in range(n{k}):{'  # reduced' if kernel.reduced[k] else ''}" for k in range(kernel.naxes)]
    return "\n".join(heads + ["  " * kernel.naxes + line for line in lines])


FOLDS = {"sum": "+=", "prod": "*=", "all": "&=", "any": "|=", "and": "&=", "or": "|=", "xor": "^="} | {
    x: f"{x}=" for x in ("max", "min", "argmax", "argmin")
}


def _element(name: str, operand: Operand, index: list[str]) -> str:
    """`in0[i, j]`: the element an operand gives at the current indices."""
    moving = [i for i, moves in zip(index, operand.moves, strict=True) if moves]
    return f"{name}[{', '.join(moving)}]" if moving else name


def _unwrapped(text: str) -> str:
    """`(a + b)` without its outer parentheses, when they belong together."""
    if not (text.startswith("(") and text.endswith(")")):
        return text
    depth = 0
    for position, char in enumerate(text):
        depth += (char == "(") - (char == ")")
        if depth == 0 and position < len(text) - 1:
            return text
    return text[1:-1]
