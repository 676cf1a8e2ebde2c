"""Laws of pytrees, the kinds of nodes, the texts of errors, agreement with jax.tree_util."""

from __future__ import annotations

import copy
import doctest
import functools
import gc
import math
import pickle
import re
import threading
import weakref
from collections import OrderedDict, defaultdict
from dataclasses import InitVar, dataclass, field
from enum import StrEnum
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ftrans import pytree, tree, tree_util
from ftrans.errors import ArgumentError, TreeStructureError

STATIC = {"static": True}


class Point(NamedTuple):
    x: Any
    y: Any


@dataclass
class Plain:
    w: Any
    b: Any
    name: str = field(default="plain", metadata=STATIC)


@dataclass(frozen=True)
class Frozen:
    w: Any

    def __post_init__(self) -> None:
        if self.w is None:
            raise ValueError("must not run when rebuilt")


@dataclass(frozen=True, slots=True)
class Slotted:
    act: str = field(metadata=STATIC)
    w: Any = 1.0


@dataclass
class Child(Plain):
    extra: Any = None


@dataclass
class WithInitVar:
    w: Any
    scale: InitVar[float] = 2.0

    def __post_init__(self, scale: float) -> None:
        self.w = scale * self.w


@dataclass
class Tagged:
    w: Any
    tag: Any = field(default=0, metadata=STATIC)


@tree_util.register_pytree_node_class
class Special:
    """JAX's documented pattern: static data in a dict."""

    def __init__(self, *children: Any, **meta: Any) -> None:
        self.children, self.meta = children, meta

    def tree_flatten(self) -> tuple[tuple[Any, ...], dict[str, Any]]:
        return self.children, self.meta

    @classmethod
    def tree_unflatten(cls, aux: dict[str, Any], children: tuple[Any, ...]) -> Special:
        return cls(*children, **aux)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Special) and (self.children, self.meta) == (other.children, other.meta)

    __hash__ = None  # type: ignore[assignment]


class Color(StrEnum):
    RED = "red"


leaf = st.integers(-5, 5) | st.text(max_size=2)
names = st.text("abc", max_size=2)


def nodes(children: st.SearchStrategy[Any], *, ours: bool = True) -> st.SearchStrategy[Any]:
    common = [
        st.lists(children, max_size=3),
        st.lists(children, max_size=3).map(tuple),
        st.dictionaries(names, children, max_size=3),
        st.dictionaries(names, children, max_size=3).map(OrderedDict),
        st.dictionaries(names, children, max_size=3).map(lambda d: defaultdict(list, d)),
        st.builds(Point, children, children),
    ]
    own = [
        st.dictionaries(st.integers() | names, children, max_size=3),
        st.builds(Plain, children, children, names),
        st.builds(Slotted, names, children),
        st.builds(Child, children, children, names, children),
        st.builds(Special, children, children, meta=names),
    ]
    return st.one_of(*common, *(own if ours else ()))


trees = st.recursive(leaf | st.none(), nodes, max_leaves=12)
jax_trees = st.recursive(leaf | st.none(), functools.partial(nodes, ours=False), max_leaves=12)


def law(*arguments: st.SearchStrategy[Any]) -> Any:
    """A test of generated trees; the first call is slow (imports, new classes), which is no failure."""
    return lambda test: settings(deadline=None)(given(*arguments)(test))


class TestLaws:
    @law(trees)
    def test_unflatten_undoes_flatten(self, t: Any) -> None:
        leaves, treedef = pytree.flatten(t)
        rebuilt = treedef.unflatten(leaves)
        assert rebuilt == t
        assert type(rebuilt) is type(t)
        assert pytree.structure(rebuilt) is treedef

    @law(trees)
    def test_flatten_undoes_unflatten(self, t: Any) -> None:
        treedef = pytree.structure(t)
        markers = [object() for _ in range(treedef.num_leaves)]
        assert pytree.flatten(treedef.unflatten(markers)) == (markers, treedef)

    @law(trees)
    def test_map_composes(self, t: Any) -> None:
        f, g = (lambda x: [x, x]), (lambda x: (x, 1))
        assert pytree.map(lambda x: x, t) == t
        composed = pytree.map(lambda x: f(g(x)), t)
        assert pytree.map(f, pytree.map(g, t), is_leaf=lambda x: type(x) is tuple and len(x) == 2 and x[1] == 1) == composed

    @law(trees)
    def test_paths_agree_with_flatten(self, t: Any) -> None:
        found, treedef = pytree.flatten_with_path(t)
        assert ([x for _, x in found], treedef) == pytree.flatten(t)
        assert len({path for path, _ in found}) == len(found)
        assert pytree.leaves_with_path(t) == found
        printed = pytree.map_with_path(lambda path, x: pytree.keystr(path), t)
        assert pytree.leaves(printed) == [pytree.keystr(path) for path, _ in found]

    @law(trees)
    def test_paths_can_be_typed_in(self, t: Any) -> None:
        if "Special" in repr(pytree.structure(t)):  # children without names
            return
        for path, x in pytree.leaves_with_path(t):
            assert eval("t" + pytree.keystr(path), {"t": t}) == x

    @law(trees, trees)
    def test_transpose_is_an_involution(self, outer_tree: Any, inner_tree: Any) -> None:
        outer, inner = pytree.structure(outer_tree), pytree.structure(inner_tree)
        composed = outer.compose(inner)
        t = composed.unflatten(range(composed.num_leaves))
        transposed = pytree.transpose(outer, inner, t)
        assert pytree.structure(transposed) is inner.compose(outer)
        assert pytree.transpose(inner, outer, transposed) == t

    @law(trees)
    def test_is_leaf_at_the_root(self, t: Any) -> None:
        assert pytree.flatten(t, lambda x: True) == ([t], pytree.LEAF)
        assert pytree.flatten(t, lambda x: False) == pytree.flatten(t)

    @law(trees, trees)
    def test_flatten_up_to(self, t: Any, below: Any) -> None:
        treedef = pytree.structure(t)
        full = pytree.map(lambda x: below, t)
        assert treedef.flatten_up_to(full) == [below] * treedef.num_leaves
        leaves = pytree.leaves(t)
        per_leaf = len(pytree.leaves(below))
        assert pytree.broadcast_prefix(t, full) == [x for x in leaves for _ in range(per_leaf)]
        assert pytree.structure(tree.broadcast(t, full)) is pytree.structure(full)

    @law(trees)
    def test_pickle_and_copy_keep_identity(self, t: Any) -> None:
        treedef = pytree.structure(t)
        assert pickle.loads(pickle.dumps(treedef)) is treedef
        assert copy.deepcopy(treedef) is copy.copy(treedef) is treedef

    @law(trees)
    def test_counts(self, t: Any) -> None:
        treedef = pytree.structure(t)
        children = treedef.children()
        assert treedef.num_leaves == len(pytree.leaves(t))
        assert treedef.num_nodes == 1 + sum(child.num_nodes for child in children)
        assert tree_util.treedef_tuple(children) is pytree.structure(tuple(c.unflatten([0] * c.num_leaves) for c in children))


@pytest.mark.oracle
class TestAgreementWithJax:
    @law(jax_trees)
    def test_trees(self, t: Any) -> None:
        jtu = pytest.importorskip("jax.tree_util")
        leaves, treedef = jtu.tree_flatten(t)
        ours, our_def = pytree.flatten(t)
        assert ours == leaves
        assert str(our_def) == str(treedef)
        assert (our_def.num_leaves, our_def.num_nodes) == (treedef.num_leaves, treedef.num_nodes)
        paths = [jtu.keystr(path) for path, _ in jtu.tree_flatten_with_path(t)[0]]
        assert [pytree.keystr(path) for path, _ in pytree.leaves_with_path(t)] == paths
        simple = [jtu.keystr(path, simple=True, separator="/") for path, _ in jtu.tree_flatten_with_path(t)[0]]
        assert [pytree.keystr(path, simple=True, separator="/") for path, _ in pytree.leaves_with_path(t)] == simple

    @law(jax_trees)
    def test_is_leaf(self, t: Any) -> None:
        jtu = pytest.importorskip("jax.tree_util")
        for is_leaf in (lambda x: x is None, lambda x: isinstance(x, (list, dict))):
            assert pytree.leaves(t, is_leaf) == jtu.tree_leaves(t, is_leaf=is_leaf)

    @law(jax_trees, jax_trees)
    def test_same_pairs_are_mismatched(self, a: Any, b: Any) -> None:
        jtu = pytest.importorskip("jax.tree_util")
        pair = lambda x, y: (x, repr(y))
        try:
            expected = jtu.tree_map(pair, a, b)
        except ValueError:
            with pytest.raises(TreeStructureError):
                pytree.map(pair, a, b)
        else:
            assert pytree.map(pair, a, b) == expected

    def test_printing_of_registered_classes(self) -> None:
        jtu = pytest.importorskip("jax.tree_util")

        class Mine:
            pass

        for module in (jtu, tree_util):
            module.register_pytree_node(Mine, lambda node: ((1, (2,)), {"a": 1}), lambda aux, children: Mine())
        assert str(tree_util.tree_structure(Mine())) == str(jtu.tree_structure(Mine()))

    def test_names(self) -> None:
        jtu, jtree = pytest.importorskip("jax.tree_util"), pytest.importorskip("jax.tree")
        extra = {"default_registry", "flatten_one_level", "flatten_one_level_with_keys", "is_tree_node"}
        public = {name for name in dir(jtu) if not name.startswith("_")}
        assert public - set(tree_util.__all__) - extra <= {"tree_reduce_associative"}
        public = {name for name in dir(jtree) if not name.startswith("_")}
        assert public - set(tree.__all__) <= {"reduce_associative", "static"}


class TestNodes:
    def test_leaves(self) -> None:
        for x in (1, 1.0, "text", np.ones(2), np.float64(1), len, Plain, Point, object(), range(3), {1, 2}):
            assert pytree.flatten(x) == ([x], pytree.LEAF)

    def test_subclasses_of_containers_are_leaves(self) -> None:
        class MyDict(dict[str, int]):
            pass

        x = MyDict(a=1)
        assert pytree.leaves([x])[0] is x

    def test_dict_order(self) -> None:
        assert pytree.leaves({"b": 1, "a": 2}) == [2, 1]
        assert pytree.leaves(OrderedDict(b=1, a=2)) == [1, 2]
        assert pytree.leaves({"b": 1, 0: 2, "a": 3}) == [1, 2, 3]  # no order among these keys

    def test_defaultdict_keeps_its_factory(self) -> None:
        assert pytree.map(str, defaultdict(int, a=1)).default_factory is int
        assert pytree.structure(defaultdict(int, a=1)) != pytree.structure(defaultdict(list, a=1))

    def test_none(self) -> None:
        assert pytree.leaves([None, 1]) == [1]
        assert pytree.map(lambda x, y: y, [None, 1], [None, 2]) == [None, 2]
        assert pytree.leaves([None, 1], lambda x: x is None) == [None, 1]

    def test_namedtuple(self) -> None:
        assert pytree.map(lambda x: 2 * x, Point(1, (2, 3))) == Point(2, (4, 6))
        assert type(pytree.map(lambda x: x, Point(1, 2))) is Point
        assert pytree.structure(Point(1, 2)) != pytree.structure((1, 2))


class TestDataclasses:
    def test_static_fields_are_structure(self) -> None:
        assert pytree.leaves(Plain(1, 2, "x")) == [1, 2]
        assert pytree.structure(Plain(1, 2, "x")) != pytree.structure(Plain(1, 2, "y"))
        assert pytree.map(lambda x: 2 * x, Plain(1, 2, "x")) == Plain(2, 4, "x")

    def test_frozen_without_post_init(self) -> None:
        assert pytree.map(lambda x: None, Frozen(1)).w is None

    def test_slots(self) -> None:
        assert pytree.map(lambda x: 2 * x, Slotted("relu", 3)) == Slotted("relu", 6)

    def test_inheritance(self) -> None:
        assert pytree.leaves(Child(1, 2, "n", 3)) == [1, 2, 3]
        assert pytree.map(lambda x: -x, Child(1, 2, "n", 3)) == Child(-1, -2, "n", -3)

    def test_init_var_is_no_field(self) -> None:
        x = WithInitVar(3.0)
        assert pytree.leaves(x) == [6.0]
        assert pytree.map(lambda x: x, x) == x

    def test_computed_field_is_refused_until_it_is_registered(self) -> None:
        @dataclass
        class Normed:
            w: float
            norm: float = field(init=False)

            def __post_init__(self) -> None:
                self.norm = abs(self.w)

        with pytest.raises(ArgumentError, match=r"would lose the field\(init=False\) norm(.|\n)*data_fields"):
            pytree.flatten(Normed(1.0))
        tree_util.register_dataclass(Normed, data_fields=["w", "norm"], meta_fields=[])
        assert pytree.leaves(Normed(-1.0)) == [-1.0, 1.0]

    def test_static_field_must_be_hashable(self) -> None:
        with pytest.raises(ArgumentError, match=r"the static field Tagged.tag must be hashable, got \[1\](.|\n)*tuple"):
            pytree.flatten(Tagged(1, [1]))

    def test_dataclass_that_is_also_an_array_or_error_is_a_leaf(self) -> None:
        @dataclass
        class Problem(Exception):
            x: int

        problem = Problem(1)
        assert pytree.leaves(problem) == [problem]

    def test_dynamic_and_unset_attributes(self) -> None:
        x = object.__new__(Plain)
        with pytest.raises(AttributeError, match="w"):
            pytree.flatten(x)

    def test_register_dataclass(self) -> None:
        @functools.partial(tree_util.register_dataclass, data_fields=["a"], meta_fields=["b"])
        @dataclass
        class Named:
            a: int
            b: int

        assert pytree.leaves(Named(1, 2)) == [1]

        class Bare:
            def __init__(self, a: int) -> None:
                self.a = a

        tree_util.register_dataclass(Bare, ["a"], [])
        assert pytree.map(lambda x: 2 * x, Bare(1)).a == 2

    def test_register_dataclass_names_every_field_once(self) -> None:
        @dataclass
        class Named:
            a: int
            b: int

        with pytest.raises(ArgumentError, match="not named: b"):
            tree_util.register_dataclass(Named, ["a"], [])
        with pytest.raises(ArgumentError, match="no field of it: c"):
            tree_util.register_dataclass(Named, ["a", "b"], ["c"])
        with pytest.raises(ArgumentError, match="named twice: a"):
            tree_util.register_dataclass(Named, ["a", "b"], ["a"])
        with pytest.raises(ArgumentError, match="both"):
            tree_util.register_dataclass(Named, ["a", "b"])

    def test_registering_after_use(self) -> None:
        @dataclass
        class Late:
            a: int
            b: int

        assert pytree.leaves(Late(1, 2)) == [1, 2]
        tree_util.register_dataclass(Late, ["a"], ["b"])
        assert pytree.leaves(Late(1, 2)) == [1]
        with pytest.raises(ArgumentError, match="registered as a pytree node already"):
            tree_util.register_dataclass(Late)


class TestRegistration:
    def test_builtins_cannot_be_registered(self) -> None:
        with pytest.raises(ArgumentError, match="already"):
            tree_util.register_static(dict)

    def test_with_keys(self) -> None:
        class Keyed:
            def __init__(self, a: Any) -> None:
                self.a = a

        tree_util.register_pytree_with_keys(
            Keyed, lambda node: (((tree_util.GetAttrKey("a"), node.a),), None), lambda aux, children: Keyed(*children)
        )
        assert [tree_util.keystr(path) for path, _ in tree_util.tree_leaves_with_path([Keyed([1])])] == ["[0].a[0]"]
        assert tree_util.tree_map(lambda x: 2 * x, Keyed(1)).a == 2

    def test_static(self) -> None:
        @tree_util.register_static
        @dataclass(frozen=True)
        class Config:
            n: int

        assert tree_util.tree_leaves([Config(1), 2]) == [2]
        assert tree_util.tree_structure(Config(1)) == tree_util.tree_structure(Config(1))
        assert tree_util.tree_structure(Config(1)) != tree_util.tree_structure(Config(2))

    def test_registering_a_class_already_seen_as_a_leaf(self) -> None:
        class Late:
            def __init__(self, *items: Any) -> None:
                self.items = items

        assert len(tree_util.tree_leaves([Late(1, 2)])) == 1
        tree_util.register_pytree_node(Late, lambda node: (node.items, None), lambda aux, children: Late(*children))
        assert tree_util.tree_leaves([Late(1, 2)]) == [1, 2]

    def test_leaf(self) -> None:
        @pytree.register_leaf
        @dataclass
        class Shape:
            n: int

        assert pytree.leaves([Shape(1)]) == [Shape(1)]

    def test_partial(self) -> None:
        p = tree_util.Partial(pow, 2, mod=5)
        assert tree_util.tree_leaves(p) == [2, 5]
        assert tree_util.tree_map(lambda x: x + 1, p)(2) == 3  # 3 ** 2 % 6
        inner = functools.partial(pow, "never a leaf")
        assert tree_util.tree_leaves(tree_util.Partial(inner, 1)) == [1]
        assert tree_util.tree_structure(tree_util.Partial(inner, 1)) == tree_util.tree_structure(tree_util.Partial(inner, 2))

    def test_unhashable_static_data_is_kept_by_content(self) -> None:
        meta = {"sizes": [1, 2], "table": np.arange(3)}
        treedef = pytree.structure(Special(1, **meta))
        assert pytree.structure(Special(1, sizes=[1, 2], table=np.arange(3))) is treedef
        assert pytree.structure(Special(1, sizes=[1, 3], table=np.arange(3))) is not treedef
        rebuilt = treedef.unflatten([0])
        rebuilt.meta["sizes"].append(3)
        meta["sizes"].append(4)  # type: ignore[attr-defined]
        assert treedef.unflatten([0]).meta["sizes"] == [1, 2]

    def test_what_cannot_be_frozen_is_refused(self) -> None:
        with pytest.raises(ArgumentError, match="the static data of Special must be hashable"):
            pytree.flatten(Special(1, a=bytearray(b"x")))


class TestTreeDef:
    @pytest.mark.parametrize(
        ("a", "b"),
        [(1, 1.0), (1, True), (0.0, -0.0), ("red", Color.RED), ((1, 2), (1, 2.0)), (0j, -0j), (1.0, np.float64(1))]
        + [(Slotted("x", 1), Slotted("x", True)), (np.float32(0), np.float32(-0.0))],
    )
    def test_static_data_of_other_type_is_other_structure(self, a: Any, b: Any) -> None:
        one, two = pytree.structure(Tagged(0, a)), pytree.structure(Tagged(0, b))
        assert one != two
        assert repr(two.unflatten([0]).tag) == repr(b)
        assert repr(one.unflatten([0]).tag) == repr(a)

    def test_dict_keys_of_other_type(self) -> None:
        for keys in ((1, True, 1.0), ("red", Color.RED)):
            defs = [pytree.structure({key: 0}) for key in keys]
            assert [type(next(iter(d.unflatten([0])))) for d in defs] == [type(key) for key in keys]

    def test_nan_equals_nan(self) -> None:
        assert pytree.structure(Tagged(0, math.nan)) is pytree.structure(Tagged(0, float("nan")))

    def test_lets_go_of_closures(self) -> None:
        def make() -> weakref.ref[Any]:
            function = lambda: None
            holder = Tagged(0, function)
            function.treedef = pytree.structure(holder)  # type: ignore[attr-defined]
            return weakref.ref(function)

        dead = make()
        gc.collect()
        assert dead() is None

    def test_table_stays_small(self) -> None:
        before = len(pytree._table)
        for i in range(5000):
            pytree.structure(Tagged(0, i))
        gc.collect()
        assert len(pytree._kept) <= pytree._KEPT_MAX
        assert len(pytree._table) <= before + pytree._KEPT_MAX

    def test_threads_agree(self) -> None:
        barrier, found = threading.Barrier(4), []

        def work() -> None:
            barrier.wait()
            found.append([pytree.structure(Tagged(0, ("threads", i))) for i in range(200)])

        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert all(a is b for other in found[1:] for a, b in zip(found[0], other, strict=True))

    def test_the_slower_of_two_threads_takes_what_the_faster_made(self) -> None:
        made = pytree.structure(Tagged(0, "race"))
        assert made.kind is not None
        assert pytree._add(made.kind, made.aux, made.subtrees, made.key, hash(made.key)) is made

    def test_printing(self) -> None:
        assert str(pytree.structure({"a": 1, "b": (1, [None, ()]), "c": (1,)})) == (
            "PyTreeDef({'a': *, 'b': (*, [None, ()]), 'c': (*,)})"
        )
        assert str(pytree.structure(Plain(1, [2]))) == "PyTreeDef(CustomNode(Plain[('plain',)], [*, [*]]))"
        assert str(pytree.structure(Point(1, 2))) == "PyTreeDef(CustomNode(namedtuple[Point], [*, *]))"

    def test_node_data(self) -> None:
        assert pytree.structure({"a": 1}).node_data() == (dict, ("a",))
        assert pytree.LEAF.node_data() is None


def mismatch(a: Any, b: Any) -> str:
    """The first line of the message, after the place."""
    with pytest.raises(TreeStructureError) as caught:
        tree.map(lambda x, y: x, a, b)
    return str(caught.value).splitlines()[0].removeprefix("tree.map: the trees differ at ")


class TestErrors:
    def test_whole_message(self) -> None:
        params = {"w1": [(1, 2)]}
        with pytest.raises(TreeStructureError) as caught:
            tree.map(max, params, {"w1": [[1, 2, 3]]})
        text = str(caught.value)
        assert text.startswith("tree.map: the trees differ at rest[0]['w1'][0]: expected a tuple of 2, got a list of 3\n")
        assert "expected: PyTreeDef((*, *))" in text
        assert "got:      PyTreeDef([*, *, *])" in text
        assert re.search(r"test_pytree\.py:\d+ in test_whole_message", text)
        assert isinstance(caught.value, ValueError)

    @pytest.mark.parametrize(
        ("a", "b", "text"),
        [
            ((1, 2), (1, 2, 3), "rest[0]: expected a tuple of 2, got a tuple of 3"),
            ([(1,)], [np.ones((2, 3))], "rest[0][0]: expected a tuple of 1, got an array of shape (2, 3)"),
            ([None], [1], "rest[0][0]: expected None, got an int"),
            ([[1]], [None], "rest[0][0]: expected a list of 1, got None"),
            (
                {"a": 1, "b": 2},
                {"a": 1, "c": 2},
                "rest[0]: expected a dict of 2, got a dict of 2 without 'b' and with the new 'c'",
            ),
            ({"a": 1}, OrderedDict(a=1), "rest[0]: expected a dict of 1, got an OrderedDict of 1"),
            (Plain(1, (2,)), Plain(1, [2]), "rest[0].b: expected a tuple of 1, got a list of 1"),
            (Plain(1, 2), Plain(1, 2, "y"), "rest[0]: expected a Plain with name='plain', got a Plain with name='y'"),
            (Point(1, 2), (1, 2), "rest[0]: expected a Point, got a tuple of 2"),
            (
                [Special(1, a=1)],
                [Special(1, a=2)],
                "rest[0][0]: expected a Special with 1 child and static data {'a': 1}, "
                "got a Special with 1 child and static data {'a': 2}",
            ),
        ],
    )
    def test_difference(self, a: Any, b: Any, text: str) -> None:
        assert mismatch(a, b) == text

    def test_which_of_the_rest(self) -> None:
        with pytest.raises(TreeStructureError, match=re.escape("differ at rest[1][0]: expected a tuple of 1")):
            tree.map(lambda *xs: xs, [(1,)], [(2,)], [3])

    def test_names_are_the_callers(self) -> None:
        with pytest.raises(TreeStructureError, match=re.escape("vmap in_axes: the trees differ at args[1]: expected a list")):
            pytree.broadcast_prefix((0, [1]), (1, 2), api="vmap in_axes", name="args")

    def test_unflatten(self) -> None:
        with pytest.raises(TreeStructureError, match=re.escape("expected 2 leaves, got 3, for PyTreeDef((*, *))")):
            tree.unflatten(tree.structure((1, 2)), [1, 2, 3])

    def test_transpose(self) -> None:
        outer, inner = tree.structure([0, 0]), tree.structure({"a": 0})
        with pytest.raises(TreeStructureError, match=r"tree\.transpose: the trees differ"):
            tree.transpose(outer, inner, [{"a": 1}, {"b": 1}])
        with pytest.raises(ArgumentError, match="inner_treedef must be given"):
            tree.transpose(tree.structure([]), None, [])


class TestFunctions:
    def test_reduce(self) -> None:
        assert tree.reduce(lambda a, b: a + b, {"a": 1, "b": [2, 3]}) == 6
        assert tree.reduce(lambda a, b: a + b, [], 5) == 5
        assert tree.reduce(lambda a, b: (a, b), [1], None) == (None, 1)
        with pytest.raises(TypeError, match="empty"):
            tree.reduce(max, [])

    def test_all(self) -> None:
        assert tree.all([])
        assert not tree.all([1, (0,)])

    def test_transpose_with_inner_from_the_first(self) -> None:
        assert tree.transpose(tree.structure((0, 0)), None, ([1, 2], [3, 4])) == [(1, 3), (2, 4)]

    def test_broadcast_prefix_with_none_as_leaf(self) -> None:
        is_none = lambda x: x is None
        assert pytree.broadcast_prefix((0, None), ({"a": 1, "b": 2}, (3, 4)), is_none) == [0, 0, None, None]
        assert pytree.broadcast_prefix(None, (1, 2), is_none) == [None, None]
        assert pytree.broadcast_prefix((0, None), (1, None), is_none) == [0]

    def test_is_leaf_takes_path(self) -> None:
        stop = lambda path, node: len(path) == 1
        assert tree.leaves_with_path({"a": [1]}, stop, is_leaf_takes_path=True) == [((tree_util.DictKey("a"),), [1])]
        assert tree.map_with_path(lambda path, x: x, [(1,)], is_leaf=stop, is_leaf_takes_path=True) == [(1,)]

    def test_map_does_not_hide_stop_iteration(self) -> None:
        supply = iter([1])
        with pytest.raises(StopIteration):
            tree.map(lambda x: next(supply), [1, 2])

    def test_keystr(self) -> None:
        path = (tree_util.DictKey("w1"), tree_util.SequenceKey(0), tree_util.GetAttrKey("bias"))
        assert tree_util.keystr(path) == "['w1'][0].bias"
        assert tree_util.keystr(path, simple=True, separator="/") == "w1/0/bias"
        assert tree_util.keystr((tree_util.FlattenedIndexKey(1),)) == "[<flat index 1>]"


@pytest.mark.parametrize("module", [pytree, tree, tree_util], ids=lambda module: module.__name__)
def test_doctests(module: Any) -> None:
    failed, attempted = doctest.testmod(module)
    assert attempted
    assert not failed
