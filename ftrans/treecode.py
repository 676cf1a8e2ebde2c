"""Flatten and rebuild pytrees of a known structure by straight-line code: 4 times sooner than by walking the tree.

    take = taker(treedef)       # take(tree) is the list of its leaves, or None when the tree has another structure
    make = maker(treedef)       # make(leaves) is the tree

The code is made for trees of tuples, lists, dicts with string keys and None, which is what calls are mostly made of; others have no
taker, and a maker that walks. What stands where a leaf is expected is not looked at.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from types import NoneType
from typing import Any

from .pytree import TreeDef

PLAIN = (tuple, list, dict, NoneType)
MAX_LEAVES = 2000  # Python compiles 10 lines in 0.1 ms


def is_plain(tree: TreeDef) -> bool:
    """Whether code can be made for the tree."""
    if tree.kind is None:
        return True
    if tree.kind.cls not in PLAIN or (tree.kind.cls is dict and not all([type(k) is str for k in tree.aux])):
        return False
    return tree.num_leaves <= MAX_LEAVES and all([is_plain(child) for child in tree.subtrees])


def taker(tree: TreeDef) -> Callable[[Any], list[Any] | None] | None:
    """The function that takes a tree of this structure apart."""
    if not is_plain(tree):
        return None
    lines: list[str] = []
    leaves: list[str] = []
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
        lines.append(f"if type({name}) is not {cls.__name__} or len({name}) != {len(children)}: return None")
        if cls is dict:
            lines.extend([f"{child} = {name}[{key!r}]" for child, key in zip(children, node.aux, strict=True)])
        elif children:
            lines.append(f"{', '.join(children)}, = {name}")
        for child, sub in zip(children, node.subtrees, strict=True):
            walk(sub, child)

    walk(tree, "tree")
    body = "\n  ".join([*lines, f"return [{', '.join(leaves)}]"])
    return made(f"def code(tree):\n try:\n  {body}\n except KeyError:\n  return None")


def maker(tree: TreeDef) -> Callable[[Sequence[Any]], Any]:
    """The function that puts a tree of this structure together."""
    if not is_plain(tree):
        return tree.unflatten
    numbers = iter(range(tree.num_leaves))
    return made(f"def code(leaves):\n return {expression(tree, numbers)}")


def expression(node: TreeDef, numbers: Iterator[int]) -> str:
    """The tree as Python text over `leaves`."""
    if node.kind is None:
        return f"leaves[{next(numbers)}]"
    parts = [expression(child, numbers) for child in node.subtrees]
    if node.kind.cls is NoneType:
        return "None"
    if node.kind.cls is dict:
        return "{" + ", ".join([f"{k!r}: {p}" for k, p in zip(node.aux, parts, strict=True)]) + "}"
    if node.kind.cls is list:
        return "[" + ", ".join(parts) + "]"
    return "(" + "".join([p + "," for p in parts]) + ")"


def made(text: str) -> Callable[..., Any]:
    """The function that a text defines as `code`."""
    scope: dict[str, Any] = {}
    exec(compile(text, "<ftrans treecode>", "exec", dont_inherit=True), scope)
    return scope["code"]  # type: ignore[no-any-return]
