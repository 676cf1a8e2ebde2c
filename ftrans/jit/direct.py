"""A warm call as one builtin: `direct(*args)` takes arguments apart, checks all that a trace depends on, runs, builds the result.

    direct = make(variant, tree, values)      # None where something is not plain enough; the general way serves such calls
    direct(*args, **kwargs)                   # the result, or NotImplemented where anything differs from what the table says

What is checked: structure, class, dtype, dimensions of every argument, values that are part of the signature, and the state that
the function captured: globals, closure cells and the code of the functions it calls.
"""

from __future__ import annotations

import ctypes
import functools
from collections.abc import Callable, Sequence
from dataclasses import replace
from types import NoneType
from typing import Any

import numpy as np

from ..backends.numba import layout, tables
from ..backends.numba.columns import Call, Make, Take
from ..config import changes
from ..core.jaxpr import Jaxpr
from ..lowering.expand import expanded
from ..lowering.segment import Segment
from ..pytree import TreeDef
from .captured import MISSING, Captured, cell_contents

REFUSED = NotImplemented
SCALARS = frozenset([float, int, bool, complex, *[np.dtype(c).type for c in "?bBhHiIlLqQfdFD"]])
OPS = {tuple: Take.TUPLE, list: Take.LIST, dict: Take.DICT}
MAKES = {tuple: Make.TUPLE, list: Make.LIST, dict: Make.DICT}


MOST = 2000  # arguments, results and their containers, which lie on the stack: threads may have half a megabyte


class NotPlain(Exception):
    """Something that the table has no words for. Internal."""


def make(variant: Any, tree: TreeDef, values: Sequence[Any], fixed: dict[int, Any]) -> Callable[..., Any] | None:
    """The builtin for calls like this one, of a variant whose program is compiled.

    values: the call's leaves. fixed: those that are part of the signature by value.
    """
    j, program = expanded(variant.jaxpr), variant.programs.hot
    if len(program.eqns) != 1 or not isinstance(program.eqns[0], Segment) or variant.written or variant.guards:
        return None
    if not set(j.outs) <= set(program.eqns[0].outs):
        return None
    try:
        return Builder(j, program.eqns[0], variant).build(tree, values, fixed)
    except NotPlain:
        return None


class Builder:
    """Collects a call's table."""

    def __init__(self, j: Jaxpr, segment: Segment, variant: Any) -> None:
        self.j, self.segment, self.variant = j, segment, variant
        self.keep: list[Any] = [variant.captured, variant.sources, j, variant.out_tree]
        self.takes: list[list[int]] = []
        self.leaves: list[int] = []  # the object of each leaf
        self.objects = 0
        self.makes: list[list[int]] = []

    def build(self, tree: TreeDef, values: Sequence[Any], fixed: dict[int, Any]) -> Callable[..., Any]:
        positional, named = tree.subtrees
        names = tuple(named.aux or ())
        self.objects = len(positional.subtrees) + len(names)
        for k, child in enumerate((*positional.subtrees, *named.subtrees)):
            self.take(child, k)
        if max(self.objects, self.variant.out_tree.num_leaves) > MOST:
            raise NotPlain
        self.take_values(values, fixed)
        native, constants = self.native(values)
        self.make(self.variant.out_tree, iter(range(len(self.j.outs))))
        table = [0] * Call.SIZE
        scopes, words = self.state(self.variant.captured)
        self.keep += [native, constants, names]
        for field, number in {
            Call.PROGRAM: native.address, Call.ARGS: len(positional.subtrees) + len(names), Call.TAKES: len(self.takes),
            Call.TAKE_ROWS: native.rows(self.takes), Call.OBJECTS: self.objects, Call.LEAVES: len(self.leaves),
            Call.LEAF_ROWS: native.words([*self.leaves, *map(id, constants)]),
            Call.SCOPES: len(scopes), Call.SCOPE_ROWS: native.rows(scopes),
            Call.WORDS: len(words), Call.WORD_ROWS: native.rows(words),
            Call.MAKES: len(self.makes), Call.MAKE_ROWS: native.rows(self.makes),
            Call.TUPLE: id(tuple), Call.LIST: id(list), Call.DICT: id(dict), Call.NONE: id(None), Call.INT: id(int),
            Call.REFUSAL: id(REFUSED), Call.NAMES: len(names), Call.NAME_ROWS: native.words(list(map(id, names))),
        }.items():  # fmt: skip
            table[field] = number
        return tables.call_builtin(table, self.keep)

    # Arguments

    def take(self, node: TreeDef, number: int) -> None:
        """How an argument, or a part of one, is taken apart; its leaves in order."""
        if node.kind is None:
            self.leaves.append(number)
            return
        cls = node.kind.cls
        if cls is NoneType:
            self.takes.append([Take.IS, number, 0, id(None)])
            return
        if cls not in OPS:
            raise NotPlain
        first = self.objects
        self.objects += len(node.subtrees)
        self.takes.append([OPS[cls], number, len(node.subtrees), self.ids(node.aux) if cls is dict else 0])
        for k, child in enumerate(node.subtrees):
            self.take(child, first + k)

    def take_values(self, values: Sequence[Any], fixed: dict[int, Any]) -> None:
        """Check leaves whose value is part of the signature."""
        for k, x in enumerate(values):
            if type(x) is bool:
                self.takes.append([Take.IS, self.leaves[k], 0, id(x)])
            elif k in fixed:
                self.takes.append([Take.INT, self.leaves[k], x, 0])

    def native(self, values: Sequence[Any]) -> tuple[tables.Native, list[Any]]:
        """The program with all leaves as its first inputs, and what its other inputs are: captured objects and literals."""
        j, n = self.j, len(values)
        if not all([type(x) in SCALARS or type(x) is np.ndarray for x in values]):
            raise NotPlain
        known = dict(zip(j.invars[n:], self.variant.sources, strict=True)) | j.lits
        others = [v for v in self.segment.ins if v in known]
        constants = [known[v] for v in others]
        if len(others) + len([v for v in self.segment.ins if v in j.invars[:n]]) != len(self.segment.ins):
            raise NotPlain
        avals = self.segment.avals | {v: j.avals[v] for v in j.invars}
        whole = replace(self.segment, ins=(*j.invars[:n], *others), avals=avals)
        types: list[Any] = [type(x) for x in values] + [None if type(x) is np.ndarray and x.shape else type(x) for x in constants]
        return tables.Native(whole, scalars=True, types=types, wanted=j.outs), constants

    # Captured state

    def state(self, captured: Captured) -> tuple[list[list[int]], list[list[int]]]:
        """What to compare at each call: names in namespaces, and words of memory."""
        if captured.objects or captured.containers:
            raise NotPlain
        scopes, words = [], [[ctypes.addressof(changes), changes.value]]
        for scope, name, value in captured.scopes:
            if type(scope) is not dict:
                raise NotPlain
            scopes.append([id(scope), id(name), 0 if value is MISSING else id(value)])
        for fun, *_ in captured.functions:
            fields = layout.function_words(fun)
            if not fields:
                raise NotPlain
            words += [list(pair) for pair in fields]
        for get, value in captured.checks:
            if not (isinstance(get, functools.partial) and get.func is cell_contents):
                raise NotPlain
            words.append([id(get.args[0]) + layout.HEAD, id(value)])
        return scopes, words

    # The result

    def make(self, node: TreeDef, numbers: Any) -> None:
        """How the result is built: children first."""
        if node.kind is None:
            self.makes.append([Make.LEAF, next(numbers), 0])
            return
        if node.kind.cls is NoneType:
            self.makes.append([Make.NONE, 0, 0])
            return
        if node.kind.cls not in MAKES:
            raise NotPlain
        for child in node.subtrees:
            self.make(child, numbers)
        keys = self.ids(node.aux) if node.kind.cls is dict else 0
        self.makes.append([MAKES[node.kind.cls], len(node.subtrees), keys])

    def ids(self, keys: Sequence[Any]) -> int:
        """The address of the addresses of keys."""
        array = np.array([id(key) for key in keys], np.int64)
        self.keep += [array, keys]
        return int(array.ctypes.data)
