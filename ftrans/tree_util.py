"""Make your classes pytrees, and find JAX's `jax.tree_util` names: code written for it needs only another import.

A dataclass is a pytree as it is, without registration:

>>> from dataclasses import dataclass, field
>>> @dataclass
... class Layer:
...     weight: float
...     bias: float
...     name: str = field(default="dense", metadata={"static": True})
>>> tree_map(lambda x: 10 * x, Layer(1.0, 2.0))
Layer(weight=10.0, bias=20.0, name='dense')

Any other class says how it comes apart, and is put together:

>>> @register_pytree_node_class
... class Pair:
...     def __init__(self, a, b):
...         self.a, self.b = a, b
...     def tree_flatten(self):
...         return (self.a, self.b), None
...     @classmethod
...     def tree_unflatten(cls, aux, children):
...         return cls(*children)
>>> tree_leaves([Pair(1, 2), Pair(3, 4)])
[1, 2, 3, 4]
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from typing import Any

from . import tree
from .pytree import (
    DictKey,
    FlattenedIndexKey,
    GetAttrKey,
    IsLeaf,
    KeyEntry,
    KeyPath,
    PyTree,
    PyTreeDef,
    SequenceKey,
    keystr,
    register_dataclass,
    register_pytree_node,
    register_pytree_node_class,
    register_pytree_with_keys,
    register_pytree_with_keys_class,
    register_static,
    treedef_tuple,
)

__all__ = [
    "tree_flatten", "tree_unflatten", "tree_leaves", "tree_structure", "tree_map", "tree_reduce", "tree_all",
    "tree_transpose", "tree_broadcast", "tree_flatten_with_path", "tree_leaves_with_path", "tree_map_with_path",
    "register_pytree_node", "register_pytree_node_class", "register_pytree_with_keys",
    "register_pytree_with_keys_class", "register_dataclass", "register_static",
    "PyTreeDef", "treedef_children", "treedef_is_leaf", "treedef_tuple", "all_leaves",
    "DictKey", "SequenceKey", "GetAttrKey", "FlattenedIndexKey", "KeyEntry", "KeyPath", "keystr",
    "Partial",
]  # fmt: skip

tree_flatten = tree.flatten
tree_unflatten = tree.unflatten
tree_leaves = tree.leaves
tree_structure = tree.structure
tree_map = tree.map
tree_reduce = tree.reduce
tree_all = tree.all
tree_transpose = tree.transpose
tree_broadcast = tree.broadcast
tree_flatten_with_path = tree.flatten_with_path
tree_leaves_with_path = tree.leaves_with_path
tree_map_with_path = tree.map_with_path


def treedef_children(treedef: PyTreeDef) -> list[PyTreeDef]:
    """The structures of the root's children.

    >>> treedef_children(tree_structure((1, [2])))
    [PyTreeDef(*), PyTreeDef([*])]
    """
    return treedef.children()


def treedef_is_leaf(treedef: PyTreeDef) -> bool:
    """Whether it is the structure of a single leaf.

    >>> treedef_is_leaf(tree_structure(1)), treedef_is_leaf(tree_structure(None))
    (True, False)
    """
    return treedef.kind is None


def all_leaves(iterable: Iterable[PyTree], is_leaf: IsLeaf | None = None) -> bool:
    """Whether every item is a leaf.

    >>> all_leaves([1, "x"]), all_leaves([1, ()])
    (True, False)
    """
    return all(treedef_is_leaf(tree_structure(item, is_leaf)) for item in iterable)


class _Callable:
    """A `functools.partial` in a box: a partial of it would take over its static arguments as leaves."""

    __slots__ = ("func",)

    def __init__(self, func: Callable[..., Any]) -> None:
        self.func = func

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.func(*args, **kwargs)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Callable) and self.func == other.func

    def __hash__(self) -> int:
        return hash(self.func)

    def __repr__(self) -> str:
        return repr(self.func)


class Partial(functools.partial[Any]):
    """A `functools.partial` that is a pytree: its arguments are children, the function is static (and hashable).

    So it may be passed to and returned from transformed functions. Mirrors `jax.tree_util.Partial`.

    >>> add = Partial(lambda x, y: x + y, 1)
    >>> tree_leaves(add)
    [1]
    >>> tree_map(lambda x: 10 * x, add)(5)
    15
    """

    def __new__(cls, func: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Partial:
        boxed = _Callable(func) if type(func) is functools.partial else func
        return super().__new__(cls, boxed, *args, **kwargs)


register_pytree_with_keys(
    Partial,
    lambda node: (((GetAttrKey("args"), node.args), (GetAttrKey("keywords"), node.keywords)), node.func),
    lambda func, children: Partial(func, *children[0], **children[1]),
    lambda node: ((node.args, node.keywords), node.func),
)
