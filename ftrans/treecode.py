"""Flatten and rebuild pytrees of a known structure by straight-line code: 4 times sooner than by walking the tree.

    take = taker(treedef)       # take(tree) is the list of its leaves, or None when the tree has another structure
    make = maker(treedef)       # make(leaves) is the tree

The code is made for trees of tuples, lists, dicts with string keys, None, NamedTuples and unregistered dataclasses, which is what
calls are mostly made of; others have no taker, and a maker that walks. What stands where a leaf is expected is not looked at.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from types import NoneType
from typing import Any

from .pytree import TreeDef, _exact

PLAIN = (tuple, list, dict, NoneType)
MAX_LEAVES = 2000  # Python compiles 10 lines in 0.1 ms


def is_plain(tree: TreeDef) -> bool:
    """Whether code can be made for the tree."""
    if tree.kind is None:
        return True
    if tree.kind.cls is dict and not all([type(k) is str for k in tree.aux]):
        return False
    if tree.kind.cls not in PLAIN and tree.kind.registered:
        return False
    return tree.num_leaves <= MAX_LEAVES and all([is_plain(child) for child in tree.subtrees])


def taker(tree: TreeDef) -> Callable[[Any], list[Any] | None] | None:
    """The function that takes a tree of this structure apart."""
    if not is_plain(tree):
        return None
    lines: list[str] = []
    leaves: list[str] = []
    scope: dict[str, Any] = {"exact": _exact}
    names = map("v{}".format, range(10**9))

    def walk(node: TreeDef, name: str) -> None:
        if node.kind is None:
            leaves.append(name)
            return
        cls = node.kind.cls
        if cls is NoneType:
            lines.append(f"if {name} is not None: return None")
            return
        children = [next(names) for _ in node.subtrees]
        if cls in PLAIN:
            lines.append(f"if type({name}) is not {cls.__name__} or len({name}) != {len(children)}: return None")
        else:
            scope[f"c_{name}"] = cls
            lines.append(f"if type({name}) is not c_{name}: return None")
        for k, static in enumerate(node.kind.static):
            scope[f"s{k}_{name}"], scope[f"e{k}_{name}"] = node.aux[k], _exact(node.aux[k])
            value = f"{name}.{static}"
            lines.append(f"if {value} is not s{k}_{name} and exact({value}) != e{k}_{name}: return None")
        if cls not in PLAIN and not issubclass(cls, tuple):
            lines.extend([f"{child} = {name}.{key.name}" for child, key in zip(children, node.kind.keys(None), strict=True)])
        elif cls is dict:
            lines.extend([f"{child} = {name}[{key!r}]" for child, key in zip(children, node.aux, strict=True)])
        elif children:
            lines.append(f"{', '.join(children)}, = {name}")
        for child, sub in zip(children, node.subtrees, strict=True):
            walk(sub, child)

    walk(tree, "tree")
    body = "\n  ".join([*lines, f"return [{', '.join(leaves)}]"])
    return made(f"def code(tree):\n try:\n  {body}\n except (KeyError, AttributeError):\n  return None", scope)


def maker(tree: TreeDef) -> Callable[[Sequence[Any]], Any]:
    """The function that puts a tree of this structure together."""
    if not is_plain(tree):
        return tree.unflatten
    numbers = iter(range(tree.num_leaves))
    scope: dict[str, Any] = {}
    return made(f"def code(leaves):\n return {expression(tree, numbers, scope)}", scope)


def expression(node: TreeDef, numbers: Iterator[int], scope: dict[str, Any]) -> str:
    """The tree as Python text over `leaves`, and over classes and static data, which go to `scope`."""
    if node.kind is None:
        return f"leaves[{next(numbers)}]"
    parts = [expression(child, numbers, scope) for child in node.subtrees]
    if node.kind.cls is NoneType:
        return "None"
    if node.kind.cls is dict:
        return "{" + ", ".join([f"{k!r}: {p}" for k, p in zip(node.aux, parts, strict=True)]) + "}"
    if node.kind.cls is list:
        return "[" + ", ".join(parts) + "]"
    items = "(" + "".join([p + "," for p in parts]) + ")"
    if node.kind.cls is tuple:
        return items
    k = len(scope)
    scope[f"make{k}"], scope[f"aux{k}"] = node.kind.unflatten, node.aux
    return f"make{k}(aux{k}, {items})"


def made(text: str, scope: dict[str, Any]) -> Callable[..., Any]:
    """The function that a text defines as `code`, where the text may use the names in scope."""
    exec(compile(text, "<ftrans treecode>", "exec", dont_inherit=True), scope)
    return scope["code"]  # type: ignore[no-any-return]
