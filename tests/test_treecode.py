"""Straight-line code for pytrees does what walking them does, and declines what it cannot do."""

from __future__ import annotations

from collections import OrderedDict

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import ftrans as ft
from ftrans import pytree, treecode

leaves = st.integers() | st.floats(allow_nan=False)
trees = st.recursive(
    leaves | st.none(),
    lambda t: st.lists(t, max_size=3) | st.tuples(t, t) | st.dictionaries(st.text(max_size=3), t, max_size=3),
    max_leaves=12,
)


@given(trees, trees)
def test_taker_and_maker_agree_with_flatten_and_unflatten(tree, other):
    flat, structure = pytree.flatten(tree)
    take, make = treecode.taker(structure), treecode.maker(structure)
    if structure is not pytree.LEAF:
        assert take(tree) == flat
        assert make(flat) == tree
    if pytree.structure(other) is structure:
        assert take(other) == pytree.leaves(other)


@pytest.mark.smoke
@pytest.mark.parametrize("tree", [OrderedDict(a=1), {1: 2}, (OrderedDict(),)])
def test_other_nodes_are_walked(tree):
    flat, structure = pytree.flatten(tree)
    assert treecode.taker(structure) is None
    assert treecode.maker(structure)(flat) == tree


def test_a_jitted_function_sees_every_change_of_structure():
    f = ft.jit(lambda t: pytree.reduce(lambda a, b: a + b, pytree.map(np.sum, t)))
    x = np.ones(2)
    for tree in [{"a": x, "b": [x]}] * 6 + [{"a": x, "b": [x, x]}, {"a": x, "b": [[x]]}, {"a": x}, {"a": [x, 2.0], "b": [x]}]:
        assert f(tree) == sum(np.sum(leaf) for leaf in pytree.leaves(tree))
