"""Operations as a person writes them: `a + b`, `3 v`, `exp(z)`, `sum(x, axis=0)`; `·` stands for an operand without a name."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..core.aval import Aval
from ..core.jaxpr import Eqn
from ..ops.indexing import python_index

INFIX = {
    "add": "+", "sub": "-", "mul": "*", "div": "/", "power": "**", "float_power": "**", "floor_divide": "//", "remainder": "%",
    "less": "<", "less_equal": "<=", "greater": ">", "greater_equal": ">=", "equal": "==", "not_equal": "!=",
    "bitwise_and": "&", "bitwise_or": "|", "bitwise_xor": "^", "left_shift": "<<", "right_shift": ">>",
}  # fmt: skip
PREFIX = {"neg": "-", "invert": "~"}
# The user's words, where ours differ.
WORDS = {
    "reduce_sum": "sum", "reduce_max": "max", "reduce_min": "min", "reduce_prod": "prod", "reduce_and": "all", "reduce_or": "any",
    "expit": "sigmoid", "log_expit": "log_sigmoid", "select": "where", "broadcast": "broadcast_to", "root_of_squares": "abs",
    "gather": "take", "convolve": "convolve", "make_complex": "complex", "arg_sort": "argsort", "copy": "copy",
}  # fmt: skip
SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
HIDDEN = {"check", "scalar", "unique", "result", "size", "into", "batched", "order", "dtype", "shape", "items", "perm", "n", "count"}
"""Parameters of operations that say nothing to a reader, or that are written in a way of their own."""


def words(eqn: Eqn, operands: Sequence[str], avals: Sequence[Aval], numbers: Sequence[Any]) -> tuple[str, str]:
    """(operation, expression) of an equation.

    operands: what its operands are called; numbers: the value of those that are numbers in the program, else None.
    """
    op, name = eqn.op, eqn.op.name
    if name == "mul" and len(operands) == 2 and (numbers[0] is None) != (numbers[1] is None):
        number, other = (operands[0], operands[1]) if numbers[0] is not None else (operands[1], operands[0])
        return "*", f"{number} {other}"
    if name in INFIX:
        x, y = operands
        return INFIX[name], f"{x} {INFIX[name]} {y}"
    if name in PREFIX:
        return PREFIX[name], f"{PREFIX[name]}{operands[0]}"
    if name in ("int_pow", "square"):
        power = str(getattr(op, "n", 2)).translate(SUPERSCRIPTS)
        return f"power {getattr(op, 'n', 2)}", f"{operands[0]}{power}"
    if name == "index":
        at = index_text(python_index(op.items))  # type: ignore[attr-defined]
        return f"[{at}]", f"{operands[0]}[{at}]"
    if name == "dot_general":
        return product(op, operands, avals)
    if name == "transpose":
        perm = op.perm  # type: ignore[attr-defined]
        if perm == tuple(range(len(perm)))[::-1]:
            return "transpose", f"{operands[0]}.T"
        return "transpose", f"transpose({operands[0]}, {perm})"
    if name == "convert":
        dtype = op.dtype.name  # type: ignore[attr-defined]
        return dtype, f"{dtype}({operands[0]})"
    word = WORDS.get(name, name)
    extra = parameters(op, avals)
    if name in ("reshape", "ravel", "broadcast"):
        extra = [str(op.shape)]  # type: ignore[attr-defined]
    if name == "concatenate":
        operands = [f"[{', '.join(operands)}]"]
    told = " ".join([word, *[e.replace("axis=", "over axis ").replace("=", " ") for e in extra if "=" in e]])
    return told, f"{word}({', '.join([*operands, *extra])})"


def parameters(op: Any, avals: Sequence[Aval]) -> list[str]:
    """The parameters of an operation that matter to a reader, as keyword arguments."""
    found = []
    for field in op._fields:
        value = getattr(op, field)
        if field == "axes" and avals:
            if value != tuple(range(avals[0].ndim)):
                found.append(f"axis={value[0] if len(value) == 1 else value}")
        elif field not in HIDDEN and value != getattr(type(op), field, None):
            found.append(f"{field}={value!r}")
    return found


def product(op: Any, operands: Sequence[str], avals: Sequence[Aval]) -> tuple[str, str]:
    """A contraction: `x @ y` where that says it, else `dot` with the axes."""
    x, y = avals
    last, first = (x.ndim - 1,), (max(y.ndim - 2, 0),)
    if not op.x_batch and op.x_contract == last and op.y_contract == first and y.ndim <= 2:
        return "@", f"{operands[0]} @ {operands[1]}"
    if op.x_batch == tuple(range(x.ndim - 2)) == op.y_batch and x.ndim == y.ndim and (op.x_contract, op.y_contract) == (last, first):
        return "@", f"{operands[0]} @ {operands[1]}"
    axes = [list(op.x_contract), list(op.y_contract)]
    return "tensordot", f"tensordot({operands[0]}, {operands[1]}, {axes})"


def index_text(index: tuple[Any, ...]) -> str:
    """The inside of the brackets: `0, 1:3, ::-1`."""
    return ", ".join([slice_text(i) if isinstance(i, slice) else "None" if i is None else str(i) for i in index])


def slice_text(s: slice) -> str:
    """A slice as it is typed."""
    start, stop = ("" if v is None else str(v) for v in (s.start or None, s.stop))
    return f"{start}:{stop}" + (f":{s.step}" if s.step not in (None, 1) else "")


def number_text(value: Any) -> str:
    """A number of the program: 2.0 as 2, others as NumPy prints them."""
    scalar = np.asarray(value)[()]
    if isinstance(scalar, np.floating) and np.isfinite(scalar) and scalar == np.round(scalar) and abs(scalar) < 1e6:
        text = str(int(scalar))
    elif isinstance(scalar, np.inexact):
        text = f"{scalar:.6g}"
    else:
        text = str(scalar)
    return f"({text})" if text.startswith("-") else text
