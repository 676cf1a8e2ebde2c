"""Operations as a person writes them: `a + b`, `3 v`, `exp(z)`, `sum(x, axis=0)`; `·` stands for an operand without a name."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..core.aval import Aval
from ..core.jaxpr import Eqn

INFIX = {
    "add": "+", "sub": "-", "mul": "*", "div": "/", "power": "**", "float_power": "**", "floor_divide": "//", "remainder": "%",
    "less": "<", "less_equal": "<=", "greater": ">", "greater_equal": ">=", "equal": "==", "not_equal": "!=",
    "bitwise_and": "&", "bitwise_or": "|", "bitwise_xor": "^", "left_shift": "<<", "right_shift": ">>",
}  # fmt: skip
PREFIX = {"neg": "-", "positive": "+", "invert": "~"}
# The user's words, where ours differ.
WORDS = {
    "reduce_sum": "sum", "reduce_max": "max", "reduce_min": "min", "reduce_prod": "prod", "reduce_and": "all", "reduce_or": "any",
    "expit": "sigmoid", "log_expit": "log_sigmoid", "select": "where", "broadcast": "broadcast_to", "root_of_squares": "sqrt",
    "make_complex": "complex", "window_max": "max_pool", "window_sum": "sum_pool",
}  # fmt: skip
CONVOLUTIONS = {"y": "conv", "x": "conv_transpose", "w": "conv_weights"}  # by `Conv.result`: the last two are in gradients
LONG = 40  # characters of an expression that a node shows
SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
# Parameters that say nothing to a reader, or that are written in a way of their own.
HIDDEN = {
    "check", "scalar", "unique", "result", "into", "batched", "order", "dtype", "shape", "items", "perm", "n", "count", "stable",
}  # fmt: skip
PLAIN = {"strides": 1, "dilation": 1, "groups": 1, "padding": 0}  # what these are where a person would not write them


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
    if name == "half_pow":
        return f"power {op.n / 2}", f"{operands[0]} ** {op.n / 2}"  # type: ignore[attr-defined]
    if name in ("int_pow", "square"):
        power = str(getattr(op, "n", 2)).translate(SUPERSCRIPTS)
        return f"power {getattr(op, 'n', 2)}", f"{operands[0]}{power}"
    if name == "index":
        at = index_text(op.items, avals[0].shape)  # type: ignore[attr-defined]
        return f"[{at}]", f"{operands[0]}[{at}]"
    if name in ("put", "gather", "scatter", "slice"):
        return moved(op, operands, avals)
    if name == "conv" or name.startswith("window_"):
        return windows(op, operands, avals)
    if name == "dot_general":
        return product(op, operands, avals)
    if name == "transpose":
        perm = op.perm  # type: ignore[attr-defined]
        if perm == tuple(range(len(perm)))[::-1]:
            return "transpose", f"{operands[0]}.T"
        return "transpose", f"transpose({operands[0]}, {perm})"
    if name == "copy" and numbers[0] is not None:  # zeros(3), full(3, 0.5)
        return "full", operands[0]
    if name == "convert":
        dtype = op.dtype.name  # type: ignore[attr-defined]
        return dtype, f"{dtype}({operands[0]})"
    if name == "iota":
        return "arange", f"arange({op.size})"  # type: ignore[attr-defined]
    if name == "diagonal":
        operands = operands[:1]
    word = WORDS.get(name, name)
    extra = parameters(op, avals)
    if name in ("reshape", "ravel", "broadcast"):
        extra = [str(op.shape)]  # type: ignore[attr-defined]
    if name == "concatenate":
        operands = [f"[{', '.join(operands)}]"]
    told = " ".join([word, *[e.replace("axis=", "over axis ").replace("=", " ") for e in extra if "=" in e]])
    return told, f"{word}({', '.join([*operands, *extra])})"


def moved(op: Any, operands: Sequence[str], avals: Sequence[Aval]) -> tuple[str, str]:
    """Elements stored at a place or taken from one: `x[0] = v`, `x[i]`, `x[:, i] += v`."""
    if op.name == "slice":
        at = ", ".join([*[":"] * op.axis, item_text((op.start, 1, op.stop - op.start), avals[0].shape[op.axis])])
        return f"[{at}]", f"{operands[0]}[{at}]"
    if op.name == "put":
        at, sign, new = index_text(op.items, avals[0].shape), "=", operands[1]
    else:
        indices = dict(zip(op.axes, operands[-len(op.axes) :], strict=True))
        at = ", ".join([indices.get(axis, ":") for axis in range(max(op.axes) + 1)])
        if op.name == "gather":
            return f"[{at}]", f"{operands[0]}[{at}]"
        sign, new = {"set": "=", "add": "+=", "multiply": "*="}.get(op.mode, op.mode), operands[1]
    return f"[{at}] {sign}", f"{operands[0]}[{at}] {sign} {new}"


def parameters(op: Any, avals: Sequence[Aval]) -> list[str]:
    """The parameters of an operation that matter to a reader, as keyword arguments."""
    found = []
    for field in op._fields:
        value = getattr(op, field)
        if field == "axes" and avals:
            if value != tuple(range(avals[0].ndim)):
                found.append(f"axis={value[0] if len(value) == 1 else value}")
        elif field in PLAIN:
            if np.any(np.asarray(value) != PLAIN[field]):
                found.append(f"{field}={value}")
        elif field not in HIDDEN and value != getattr(type(op), field, None):
            found.append(f"{field}={value!r}")
    return found


def windows(op: Any, operands: Sequence[str], avals: Sequence[Aval]) -> tuple[str, str]:
    """A convolution or a pooling: `conv2d 11×11 / 4 (x, w)`, `max_pool 3×3 / 2`: the size of the window, and its step."""
    word = WORDS.get(op.name, op.name)
    size = getattr(op, "size", ())
    if op.name == "conv":
        size = size if op.result == "w" else avals[1 if op.result == "y" else 0].shape[2:]
        word = CONVOLUTIONS[op.result].replace("conv", f"conv{len(size)}d", 1)
    parts = [f"{word} {'×'.join(map(str, size))}"]
    for field, sign in (("strides", "/"), ("padding", "pad"), ("dilation", "dilation"), ("groups", "groups")):
        value = getattr(op, field, None)
        if value is not None and np.any(np.asarray(value) != PLAIN[field]):
            same = np.unique(np.asarray(value))
            parts.append(f"{sign} {same[0] if same.size == 1 else value}")
    told = " ".join(parts)
    full = f"{told} ({', '.join(operands)})"
    return told, told if set(operands) == {"·"} or len(full) > LONG else full


def is_atom(op: Any, text: str) -> bool:
    """Whether an expression can stand in another one as it is: `W.T`, `x[0]`."""
    return text.endswith(".T") or (op.name in ("index", "slice", "gather") and "·" not in text)


def product(op: Any, operands: Sequence[str], avals: Sequence[Aval]) -> tuple[str, str]:
    """A contraction: `x @ y` where that says it, else `dot` with the axes."""
    x, y = avals
    last, first = (x.ndim - 1,), (max(y.ndim - 2, 0),)
    if not op.x_batch and op.x_contract == last and op.y_contract == first and y.ndim <= 2:
        return "@", f"{operands[0]} @ {operands[1]}"
    batches = x.ndim == y.ndim and op.x_batch == tuple(range(x.ndim - 2)) == op.y_batch
    if batches and (op.x_contract, op.y_contract) == (last, first):
        return "@", f"{operands[0]} @ {operands[1]}"
    axes = [list(op.x_contract), list(op.y_contract)]
    return "tensordot", f"tensordot({operands[0]}, {operands[1]}, {axes})"


def index_text(items: Sequence[Any], shape: Sequence[int]) -> str:
    """The inside of the brackets, `0, 1:3, ::-1`, of an index that has one item for each axis and None for a new one."""
    sizes = iter(shape)
    found = ["None" if i is None else item_text(i, next(sizes)) for i in items]
    while len(found) > 1 and found[-1] == ":":
        found.pop()
    return ", ".join(found) or "..."


def item_text(item: Any, size: int) -> str:
    """An integer, or a slice (start, step, count) of an axis of this size as it is typed."""
    if isinstance(item, int):
        return str(item)
    start, step, count = item
    stop = start + step * count
    first = "" if start == (0 if step > 0 else size - 1) else str(start)
    last = "" if (stop >= size if step > 0 else stop < 0) else str(stop)
    return f"{first}:{last}" + (f":{step}" if step != 1 else "")


def number_text(value: Any) -> str:
    """A number of the program: 2.0 as 2, others with 6 digits, or more where 123456.7 would look like an integer."""
    scalar: Any = np.asarray(value)[()]
    if isinstance(scalar, np.floating) and np.isfinite(scalar) and scalar == np.round(scalar) and abs(scalar) < 1e6:
        text = str(int(scalar))
    elif isinstance(scalar, np.floating) and 1e4 <= abs(scalar) < 1e7 and scalar != float(f"{scalar:.6g}"):
        text = f"{scalar:.10g}"
    elif isinstance(scalar, np.inexact):
        text = f"{scalar:.6g}"
    else:
        text = str(scalar)
    return f"({text})" if text.startswith("-") else text
