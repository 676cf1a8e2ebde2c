"""Functions of pytrees: nested tuples, lists, dicts, dataclasses … of arrays. `ft.tree` mirrors `jax.tree`.

>>> import numpy as np
>>> from ftrans import tree
>>> params = {"w": np.ones((3, 2)), "b": np.zeros(2)}
>>> tree.map(np.shape, params)
{'b': (2,), 'w': (3, 2)}

What counts as a node, and how to teach it a class of your own, is said in `ftrans.tree_util`. Where two trees should
have the same structure and do not, `TreeStructureError` (a ValueError) names the path at which they differ.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from . import pytree
from .pytree import IsLeaf, KeyPath, PyTree, TreeDef

__all__ = [
    "flatten", "unflatten", "leaves", "structure", "map", "reduce", "all", "transpose", "broadcast",
    "flatten_with_path", "leaves_with_path", "map_with_path",
]  # fmt: skip


def flatten(tree: PyTree, is_leaf: IsLeaf | None = None) -> tuple[list[Any], TreeDef]:
    """The list of leaves of `tree`, and its structure.

    `is_leaf(node)` is asked before a node is looked into; where it is true the node is a leaf. Mirrors
    `jax.tree.flatten`.

    >>> flatten({"w": [1, 2], "b": None})
    ([1, 2], PyTreeDef({'b': None, 'w': [*, *]}))
    >>> flatten((1, None), is_leaf=lambda x: x is None)
    ([1, None], PyTreeDef((*, *)))
    """
    return pytree.flatten(tree, is_leaf)


def unflatten(treedef: TreeDef, leaves: Iterable[Any]) -> PyTree:
    """The tree of structure `treedef` with these leaves: undoes `flatten`. Mirrors `jax.tree.unflatten`.

    Raises `TreeStructureError` if the number of leaves is not `treedef.num_leaves`.

    >>> unflatten(structure({"w": [0, 0]}), ["x", "y"])
    {'w': ['x', 'y']}
    """
    return pytree.unflatten(treedef, leaves)


def leaves(tree: PyTree, is_leaf: IsLeaf | None = None) -> list[Any]:
    """The list of leaves of `tree`, in the order of `flatten`. Mirrors `jax.tree.leaves`.

    >>> leaves({"b": 1, "a": (2, [3])})
    [2, 3, 1]
    """
    return pytree.leaves(tree, is_leaf)


def structure(tree: PyTree, is_leaf: IsLeaf | None = None) -> TreeDef:
    """The structure of `tree`; equal structures are the same object. Mirrors `jax.tree.structure`.

    >>> structure({"a": (1, 2)})
    PyTreeDef({'a': (*, *)})
    >>> structure([1, 2]) == structure(["x", "y"])
    True
    """
    return pytree.structure(tree, is_leaf)


def map(f: Callable[..., Any], tree: PyTree, *rest: PyTree, is_leaf: IsLeaf | None = None) -> PyTree:  # noqa: A001 - JAX's name
    """The tree of `f(leaf, *others)`, where `others` is what each of `rest` has at the place of the leaf.

    Each of `rest` has the structure of `tree`, or more of it below the leaves of `tree`; else `TreeStructureError` is
    raised. Mirrors `jax.tree.map`.

    >>> map(lambda p, g: p - 0.5 * g, {"w": 1.0, "b": (2.0,)}, {"w": 1.0, "b": (4.0,)})
    {'b': (0.0,), 'w': 0.5}
    >>> map(len, (1, 2), ([3], [4, 5]))
    Traceback (most recent call last):
    TypeError: len() takes exactly one argument (2 given)
    >>> map(lambda x, y: (x, y), (1, 2), ([3], [4, 5]))
    ((1, [3]), (2, [4, 5]))
    """
    return pytree.map(f, tree, *rest, is_leaf=is_leaf)


def reduce(
    function: Callable[[Any, Any], Any],
    tree: PyTree,
    initializer: Any = pytree.MISSING,
    is_leaf: IsLeaf | None = None,
) -> Any:
    """`functools.reduce(function, leaves)`, from `initializer` if one is given. Mirrors `jax.tree.reduce`.

    Raises TypeError if there is neither a leaf nor an initializer.

    >>> reduce(lambda total, x: total + x, {"a": 1, "b": (2, 3)})
    6
    >>> reduce(max, [], 0)
    0
    """
    return pytree.reduce(function, tree, initializer, is_leaf)


def all(tree: PyTree, *, is_leaf: IsLeaf | None = None) -> bool:  # noqa: A001 - JAX's name
    """Whether every leaf is true; so it is when there are no leaves. Mirrors `jax.tree.all`.

    >>> all({"a": True, "b": (1, [])})
    True
    """
    return pytree.all(tree, is_leaf=is_leaf)


def transpose(outer_treedef: TreeDef, inner_treedef: TreeDef | None, pytree_to_transpose: PyTree) -> PyTree:
    """Turn a tree of structure `outer_treedef`, with subtrees of structure `inner_treedef`, inside out.

    An `inner_treedef` of None is taken from the first subtree. Raises `TreeStructureError` where the structures do not
    fit. Mirrors `jax.tree.transpose`.

    >>> transpose(structure([0, 0]), structure({"a": 0, "b": 0}), [{"a": 1, "b": 2}, {"a": 3, "b": 4}])
    {'a': [1, 3], 'b': [2, 4]}
    """
    return pytree.transpose(outer_treedef, inner_treedef, pytree_to_transpose)


def broadcast(prefix_tree: PyTree, full_tree: PyTree, is_leaf: IsLeaf | None = None) -> PyTree:
    """The leaves of `prefix_tree`, repeated to the structure of `full_tree`. `is_leaf` is about the prefix.

    Raises `TreeStructureError` if it is no prefix. Mirrors `jax.tree.broadcast`.

    >>> broadcast((0, 1), ({"a": "x", "b": "y"}, "z"))
    ({'a': 0, 'b': 0}, 1)
    """
    repeated = pytree.broadcast_prefix(prefix_tree, full_tree, is_leaf)
    return pytree.unflatten(pytree.structure(full_tree), repeated)


def flatten_with_path(
    tree: PyTree, is_leaf: Callable[..., bool] | None = None, is_leaf_takes_path: bool = False
) -> tuple[list[tuple[KeyPath, Any]], TreeDef]:
    """As `flatten`, with (path, leaf) in the place of each leaf. Mirrors `jax.tree.flatten_with_path`.

    A path is a tuple of `DictKey`, `SequenceKey`, `GetAttrKey`, `FlattenedIndexKey`; `tree_util.keystr` prints it. With
    `is_leaf_takes_path`, `is_leaf(path, node)` is asked.

    >>> flatten_with_path({"w": [1]})
    ([((DictKey(key='w'), SequenceKey(idx=0)), 1)], PyTreeDef({'w': [*]}))
    """
    return pytree.flatten_with_path(tree, is_leaf, is_leaf_takes_path)


def leaves_with_path(
    tree: PyTree, is_leaf: Callable[..., bool] | None = None, is_leaf_takes_path: bool = False
) -> list[tuple[KeyPath, Any]]:
    """The list of (path, leaf) of `flatten_with_path`. Mirrors `jax.tree.leaves_with_path`.

    >>> [(pytree.keystr(path), leaf) for path, leaf in leaves_with_path({"w": [1, 2]})]
    [("['w'][0]", 1), ("['w'][1]", 2)]
    """
    return pytree.leaves_with_path(tree, is_leaf, is_leaf_takes_path)


def map_with_path(
    f: Callable[..., Any],
    tree: PyTree,
    *rest: PyTree,
    is_leaf: Callable[..., bool] | None = None,
    is_leaf_takes_path: bool = False,
) -> PyTree:
    """As `map`, for `f(path, leaf, *others)`. Mirrors `jax.tree.map_with_path`.

    >>> map_with_path(lambda path, x: pytree.keystr(path), {"w": [1, 2], "b": 3})
    {'b': "['b']", 'w': ["['w'][0]", "['w'][1]"]}
    """
    return pytree.map_with_path(f, tree, *rest, is_leaf=is_leaf, is_leaf_takes_path=is_leaf_takes_path)
