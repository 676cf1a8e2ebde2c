"""Take nested Python containers apart into a list of leaves and put them together again, as JAX's pytrees.

>>> leaves, treedef = flatten({"w": [1, 2], "b": None})
>>> leaves, treedef
([1, 2], PyTreeDef({'b': None, 'w': [*, *]}))
>>> unflatten(treedef, "xy")
{'b': None, 'w': ['x', 'y']}

Nodes are tuple, list, dict (keys sorted if they can be), OrderedDict, defaultdict, NamedTuples, None (without leaves),
any `@dataclass` instance, and classes known from a `register_*` function. The exact type decides. All else is a leaf.

A dataclass needs no registration: its `__init__` fields are the children, those with `metadata={"static": True}` belong
to the structure and must be hashable. It is rebuilt without `__init__` and `__post_init__`: it may hold anything.

A `TreeDef` exists once per structure while it is in use: equal structures are one object, compared and hashed by
identity. Static data is equal when type and value are: 1, 1.0 and True make three structures, 0.0 and -0.0 two.
"""

from __future__ import annotations

import builtins
import dataclasses
import weakref
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from functools import reduce as fold
from itertools import islice
from operator import attrgetter
from types import NoneType
from typing import Any, NamedTuple, TypeVar, cast

import numpy as np

from .errors import ArgumentError, TreeStructureError, at_line, shown
from .locks import Lock

PyTree = Any
IsLeaf = Callable[[Any], bool]
Class = TypeVar("Class", bound=type)

# ---------------------------------------------------------------------------------------------------------- paths


@dataclass(frozen=True, slots=True)
class SequenceKey:
    """The step to an item of a tuple or list."""

    idx: int

    def __str__(self) -> str:
        return f"[{self.idx!r}]"


@dataclass(frozen=True, slots=True)
class DictKey:
    """The step to a value of a dict."""

    key: Any

    def __str__(self) -> str:
        return f"[{self.key!r}]"


@dataclass(frozen=True, slots=True)
class GetAttrKey:
    """The step to a field of a dataclass or NamedTuple."""

    name: str

    def __str__(self) -> str:
        return f".{self.name}"


@dataclass(frozen=True, slots=True)
class FlattenedIndexKey:
    """The step to a child of a class registered without keys: the position among its children."""

    key: int

    def __str__(self) -> str:
        return f"[<flat index {self.key}>]"


KeyEntry = Any  # one of the above, or whatever a class registered with keys says
KeyPath = tuple[KeyEntry, ...]


def keystr(path: KeyPath, *, simple: bool = False, separator: str = "") -> str:
    """The path as one would type it: `['w1'][0].bias`; with `simple` the bare names, joined: `w1/0/bias`."""
    return separator.join([_bare(key) if simple else str(key) for key in path])


def _bare(key: KeyEntry) -> str:
    names = {SequenceKey: "idx", DictKey: "key", GetAttrKey: "name", FlattenedIndexKey: "key"}
    return str(getattr(key, names[type(key)]) if type(key) in names else key)


def _sequence_keys(children: Sequence[Any]) -> Sequence[KeyEntry]:
    return [SequenceKey(i) for i in range(len(children))]


def _no_keys(node: Any) -> Sequence[KeyEntry]:
    return ()


# --------------------------------------------------------------------------------------------------- kinds of nodes


@dataclass(frozen=True, slots=True, eq=False)
class NodeKind:
    """How nodes of one class come apart. `aux` is what belongs to the structure: a dict's keys, static fields."""

    cls: type
    flatten: Callable[[Any], tuple[Sequence[Any], Any]]  # node -> children, aux
    unflatten: Callable[[Any, Sequence[Any]], Any]  # aux, children -> node
    keys: Callable[[Any], Sequence[KeyEntry]]  # node -> one path entry per child
    static: tuple[str, ...] = ()  # names of the static fields, in the order of aux
    registered: bool = True  # by the user, or a builtin; else found by looking at the class


def _flatten_mapping(node: dict[Any, Any]) -> tuple[list[Any], tuple[Any, ...]]:
    keys = _sorted_keys(node)
    return list(builtins.map(node.__getitem__, keys)), tuple(keys)


def _sorted_keys(node: dict[Any, Any]) -> list[Any]:
    try:
        return sorted(node)
    except TypeError:  # keys of several types
        return list(node)


def _flatten_defaultdict(node: defaultdict[Any, Any]) -> tuple[list[Any], Any]:
    children, keys = _flatten_mapping(node)
    return children, (node.default_factory, keys)


TUPLE = NodeKind(tuple, lambda node: (node, None), lambda aux, children: tuple(children), _sequence_keys)
_BUILTIN_KINDS = [
    TUPLE,
    NodeKind(list, lambda node: (node, None), lambda aux, children: list(children), _sequence_keys),
    NodeKind(NoneType, lambda node: ((), None), lambda aux, children: None, _no_keys),
    NodeKind(
        dict,
        _flatten_mapping,
        lambda keys, children: dict(zip(keys, children, strict=True)),
        lambda node: [DictKey(key) for key in _sorted_keys(node)],
    ),
    NodeKind(
        OrderedDict,
        lambda node: (list(node.values()), tuple(node)),
        lambda keys, children: OrderedDict(zip(keys, children, strict=True)),
        lambda node: [DictKey(key) for key in node],
    ),
    NodeKind(
        defaultdict,
        _flatten_defaultdict,
        lambda aux, children: defaultdict(aux[0], zip(aux[1], children, strict=True)),
        lambda node: [DictKey(key) for key in _sorted_keys(node)],
    ),
]

# Every class seen so far and its kind; None for leaves, whose classes stand in a set too, to be asked for many at once.
_kinds: dict[type, NodeKind | None] = {kind.cls: kind for kind in _BUILTIN_KINDS}
_leaf_types: set[type] = set()


def _kind_of(cls: type) -> NodeKind | None:
    """The kind of nodes that instances of `cls` are, None for leaves."""
    try:
        return _kinds[cls]
    except KeyError:
        kind = _kinds.setdefault(cls, _recognise(cls))  # two threads must agree on one
        if kind is None:
            _leaf_types.add(cls)
        return kind


def _recognise(cls: type) -> NodeKind | None:
    if issubclass(cls, tuple) and hasattr(cls, "_fields"):
        return _namedtuple_kind(cls)
    if dataclasses.is_dataclass(cls) and _is_plain_object(cls):
        data, static = _dataclass_fields(cls)
        return _fields_kind(cls, data, static, registered=False)
    return None


def _is_plain_object(cls: type) -> bool:
    """Whether `object.__new__` makes an instance: not for subclasses of ndarray, dict, Exception; these stay leaves."""
    try:
        object.__new__(cls)
    except TypeError:
        return False
    return True


def _namedtuple_kind(cls: Any) -> NodeKind:
    return NodeKind(
        cls,
        lambda node: (node, None),
        lambda aux, children: cls._make(children),
        lambda node: [GetAttrKey(name) for name in cls._fields],
        registered=False,
    )


def _dataclass_fields(cls: Any) -> tuple[list[str], list[str]]:
    """The names of the fields that are children, and of the static ones."""
    fields = dataclasses.fields(cls)
    static = [f.name for f in fields if f.metadata.get("static", False)]
    computed = [f.name for f in fields if not f.init and f.name not in static]
    if computed:
        names = ", ".join(computed)
        fact = f"{cls.__qualname__} is rebuilt without __init__ and would lose the field(init=False) {names}"
        hint = f"give {names} metadata={{'static': True}}, or name it in data_fields of tree_util.register_dataclass"
        raise ArgumentError(at_line(fact, hint=hint))
    return [f.name for f in fields if f.name not in static], static


def _getter(names: Sequence[str]) -> Callable[[Any], tuple[Any, ...]]:
    """A function that returns the attributes of these names as a tuple."""
    if len(names) > 1:
        return attrgetter(*names)

    def few(node: Any) -> tuple[Any, ...]:
        return tuple([getattr(node, name) for name in names])

    return few


def _fields_kind(cls: type, data: Sequence[str], static: Sequence[str], *, registered: bool) -> NodeKind:
    """The kind of a class that is described by its attributes."""
    children_of, static_of = _getter(data), _getter(static)
    names = (*data, *static)

    def flatten_node(node: Any) -> tuple[tuple[Any, ...], Any]:
        return children_of(node), static_of(node) if static else None

    def unflatten_node(aux: tuple[Any, ...] | None, children: Sequence[Any]) -> Any:
        node: Any = object.__new__(cls)
        for name, value in zip(names, (*children, *(aux or ())), strict=True):
            object.__setattr__(node, name, value)
        return node

    def keys_of(node: Any) -> list[KeyEntry]:
        return [GetAttrKey(name) for name in data]

    return NodeKind(cls, flatten_node, unflatten_node, keys_of, tuple(static), registered)


# ------------------------------------------------------------------------------------------------------ registration


def register_pytree_node(
    cls: type,
    flatten_func: Callable[[Any], tuple[Iterable[Any], Any]],
    unflatten_func: Callable[[Any, Any], Any],
    flatten_with_keys_func: Callable[[Any], tuple[Iterable[tuple[KeyEntry, Any]], Any]] | None = None,
) -> None:
    """Make instances of `cls` nodes: `flatten_func(node) -> (children, aux)`, `unflatten_func(aux, children) -> node`.

    `aux` should be hashable; lists, dicts, sets and arrays in it are kept by content, and handed out as copies.
    """

    def flatten_node(node: Any) -> tuple[tuple[Any, ...], Any]:
        children, aux = flatten_func(node)
        return tuple(children), _hashable(aux)

    def keys_of(node: Any) -> Sequence[KeyEntry]:
        if flatten_with_keys_func is not None:
            return [key for key, _ in flatten_with_keys_func(node)[0]]
        return [FlattenedIndexKey(i) for i in range(len(flatten_node(node)[0]))]

    _register(NodeKind(cls, flatten_node, lambda aux, children: unflatten_func(_thaw(aux), tuple(children)), keys_of))


def register_pytree_with_keys(
    cls: type,
    flatten_with_keys: Callable[[Any], tuple[Iterable[tuple[KeyEntry, Any]], Any]],
    unflatten_func: Callable[[Any, Any], Any],
    flatten_func: Callable[[Any], tuple[Iterable[Any], Any]] | None = None,
) -> None:
    """As `register_pytree_node`, where `flatten_with_keys(node) -> ((key, child), ...), aux` names the children."""

    def without_keys(node: Any) -> tuple[Iterable[Any], Any]:
        children, aux = flatten_with_keys(node)
        return [child for _, child in children], aux

    register_pytree_node(cls, flatten_func or without_keys, unflatten_func, flatten_with_keys)


def register_pytree_node_class(cls: Class) -> Class:
    """Class decorator: for `tree_flatten(self) -> (children, aux)`, `tree_unflatten(cls, aux, children)`."""
    node_class = cast(Any, cls)
    register_pytree_node(cls, node_class.tree_flatten, node_class.tree_unflatten)
    return cls


def register_pytree_with_keys_class(cls: Class) -> Class:
    """Class decorator: as `register_pytree_node_class`, with a method `tree_flatten_with_keys` (and `tree_flatten`)."""
    node_class = cast(Any, cls)
    flatten_func = getattr(node_class, "tree_flatten", None)
    register_pytree_with_keys(cls, node_class.tree_flatten_with_keys, node_class.tree_unflatten, flatten_func)
    return cls


def register_dataclass(
    cls: Class,
    data_fields: Sequence[str] | None = None,
    meta_fields: Sequence[str] | None = None,
    drop_fields: Sequence[str] = (),
) -> Class:
    """Say which attributes of a class are children (data) and which are static (meta); returns the class.

    A dataclass needs this only where its fields' metadata do not say it already. Any other class may be registered so,
    too, if all its state is in these attributes. Both lists are given, or none.
    """
    if (data_fields is None) != (meta_fields is None):
        raise ArgumentError(at_line("register_dataclass: give both data_fields and meta_fields, or none of them"))
    if data_fields is None or meta_fields is None:
        data_fields, meta_fields = _dataclass_fields(cls)
        data_fields = [name for name in data_fields if name not in drop_fields]
    else:
        _check_fields(cls, [*data_fields, *meta_fields, *drop_fields])
    _register(_fields_kind(cls, data_fields, meta_fields, registered=True))
    return cls


def _check_fields(cls: Any, names: Sequence[str]) -> None:
    """Every init field of a dataclass must be named once."""
    fields = dataclasses.fields(cls) if dataclasses.is_dataclass(cls) else ()
    known, wanted = {f.name for f in fields}, {f.name for f in fields if f.init}
    problems = {
        "named twice": {name for name in names if names.count(name) > 1},
        "not named": wanted - set(names),
        "no field of it": set(names) - known if fields else set(),
    }
    for problem, culprits in problems.items():
        if culprits:
            raise ArgumentError(
                at_line(
                    f"register_dataclass({cls.__qualname__}): {problem}: {', '.join(sorted(culprits))}",
                    hint="name each init field in one of data_fields, meta_fields, drop_fields",
                )
            )


def register_static(cls: Class) -> Class:
    """Class decorator: an instance is a node without leaves, and part of the structure. It must be hashable."""
    _register(NodeKind(cls, lambda node: ((), node), lambda aux, children: aux, _no_keys))
    return cls


def register_leaf(cls: Class) -> Class:
    """Class decorator for a dataclass or NamedTuple whose instances are to be leaves."""
    _refuse_registered(cls)
    _kinds[cls] = None
    _leaf_types.add(cls)
    return cls


def _register(kind: NodeKind) -> None:
    _refuse_registered(kind.cls)
    _leaf_types.discard(kind.cls)
    _kinds[kind.cls] = kind


def _refuse_registered(cls: type) -> None:
    known = _kinds.get(cls)
    if known is not None and known.registered:
        raise ArgumentError(at_line(f"{cls.__qualname__} is registered as a pytree node already", hint="register a class once"))


# -------------------------------------------------------------------------------------- static data: equality, freezing

_SELF_EVIDENT = frozenset({str, NoneType})  # their values equal nothing of another type


def _exact(aux: Any) -> Any:
    """`aux` in a form whose equality also compares types, and tells 0.0 from -0.0 but not nan from nan."""
    cls = type(aux)
    if cls in _SELF_EVIDENT:
        return aux
    if cls is tuple and _SELF_EVIDENT.issuperset(builtins.map(type, aux)):
        return aux
    if isinstance(aux, tuple):
        return (cls, *[_exact(item) for item in aux])
    if cls is float or cls is complex:
        return cls, repr(aux)
    if cls is frozenset:
        return cls, frozenset([_exact(item) for item in aux])
    if isinstance(aux, np.generic):
        return cls, aux.dtype, aux.tobytes()
    if dataclasses.is_dataclass(cls) and cast(Any, cls).__dataclass_params__.eq:
        compared = [_exact(getattr(aux, f.name)) for f in dataclasses.fields(cls) if f.compare]
        return (cls, aux, *compared)
    return cls, aux


class _Frozen(NamedTuple):
    """The content of a mutable object, hashable."""

    cls: type
    content: Any


def _hashable(aux: Any) -> Any:
    """`aux` itself if it can be hashed, else its frozen content."""
    try:
        hash(aux)
    except TypeError:
        return _freeze(aux)
    return aux


def _freeze(value: Any) -> Any:
    """Lists, dicts, sets and arrays as `_Frozen`, all else as it is."""
    cls = type(value)
    if cls is list or cls is tuple:
        return _Frozen(cls, tuple([_freeze(item) for item in value]))
    if cls is dict:
        return _Frozen(cls, tuple([(key, _freeze(item)) for key, item in value.items()]))
    if cls is set:
        return _Frozen(cls, frozenset(value))
    if cls is np.ndarray and not value.dtype.hasobject:
        return _Frozen(cls, (value.dtype, value.shape, value.tobytes()))
    return value


def _thaw(value: Any) -> Any:
    """Undo `_freeze`, with new containers each time."""
    if type(value) is not _Frozen:
        return value
    cls, content = value
    if cls is np.ndarray:
        dtype, shape, data = content
        return np.frombuffer(data, dtype).reshape(shape).copy()
    if cls is dict:
        return {key: _thaw(item) for key, item in content}
    return cls(builtins.map(_thaw, content))


# ---------------------------------------------------------------------------------------------------------- TreeDef


_CHEAP = frozenset({str, int, float, bool, NoneType, type})


def _is_cheap(aux: Any) -> bool:
    return type(aux) in _CHEAP or (type(aux) is tuple and builtins.all(_is_cheap(item) for item in aux))


class TreeDef:
    """The structure of a pytree: what remains when its leaves are taken out. Made by `flatten` and `structure`."""

    __slots__ = ("kind", "aux", "subtrees", "num_leaves", "num_nodes", "is_flat", "is_cheap", "key", "__weakref__")

    kind: NodeKind | None  # None: a leaf
    aux: Any
    subtrees: tuple[TreeDef, ...]
    num_leaves: int
    num_nodes: int  # leaves included, as in JAX
    is_flat: bool  # all children are leaves
    is_cheap: bool  # holds on to nothing but names, numbers and classes
    key: tuple[Any, ...]  # equal for equal structures

    def __init__(self, kind: NodeKind | None, aux: Any, subtrees: tuple[TreeDef, ...], key: tuple[Any, ...]) -> None:
        self.kind, self.aux, self.subtrees, self.key = kind, aux, subtrees, key
        self.num_leaves = 1 if kind is None else sum([child.num_leaves for child in subtrees])
        self.num_nodes = 1 + sum([child.num_nodes for child in subtrees])
        self.is_flat = builtins.all(child.kind is None for child in subtrees)
        self.is_cheap = _is_cheap(aux) and builtins.all(child.is_cheap for child in subtrees)

    def unflatten(self, leaves: Iterable[Any]) -> PyTree:
        """The tree of this structure with these leaves."""
        leaves = list(leaves)
        if len(leaves) != self.num_leaves:
            raise TreeStructureError(
                at_line(f"tree.unflatten: expected {_count(self.num_leaves)}, got {len(leaves)}, for {shown(self)}")
            )
        return _build(self, iter(leaves))

    def flatten_up_to(self, tree: PyTree, *, api: str = "flatten_up_to", name: str = "tree") -> list[Any]:
        """The subtrees of `tree` where this structure has leaves. `api` and `name` are for the error message."""
        leaves: list[Any] = []
        if not _collect_up_to(self, tree, leaves):
            raise TreeStructureError(at_line(_difference(self, tree, api, name)))
        return leaves

    def compose(self, inner: TreeDef) -> TreeDef:
        """This structure with `inner` in the place of each leaf."""
        if self.kind is None:
            return inner
        return _intern(self.kind, self.aux, tuple([child.compose(inner) for child in self.subtrees]))

    def children(self) -> list[TreeDef]:
        """The structures of the root's children."""
        return list(self.subtrees)

    def node_data(self) -> tuple[type, Any] | None:
        """The root's class and static data, None for a leaf."""
        return None if self.kind is None else (self.kind.cls, _thaw(self.aux))

    def __repr__(self) -> str:
        return f"PyTreeDef({_text(self)})"

    def __copy__(self) -> TreeDef:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> TreeDef:
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        if self.kind is None:
            return _leaf, ()
        return _restore, (self.kind.cls, self.aux, self.subtrees)


PyTreeDef = TreeDef
LEAF = TreeDef(None, None, (), ())


def _leaf() -> TreeDef:
    return LEAF


def _restore(cls: type, aux: Any, subtrees: tuple[TreeDef, ...]) -> TreeDef:
    kind = _kind_of(cls)
    if kind is None:
        raise ArgumentError(f"unpickling a PyTreeDef: {cls.__qualname__} is not registered as a node in this process")
    return _intern(kind, aux, subtrees)


# Treedefs by the hash of their keys. The table holds neither them nor what they hold: static data may be a closure over
# large arrays, or lead back to the treedef. Cheap ones are kept for a while: found twice as fast, made once.
_table: dict[int, tuple[weakref.ref[TreeDef], ...]] = {}
_kept: dict[tuple[Any, ...], TreeDef] = {}
_KEPT_MAX = 1024
_lock = Lock()  # held while the table changes; _forget may interrupt the holder


def _intern(kind: NodeKind, aux: Any, subtrees: tuple[TreeDef, ...]) -> TreeDef:
    """The one treedef with this content."""
    key = (kind, aux if aux is None else _exact(aux), subtrees)
    try:
        kept = _kept.get(key)
    except TypeError as error:
        raise _unhashable(kind, aux) from error
    return kept if kept is not None else _look_up(kind, aux, subtrees, key)


def _look_up(kind: NodeKind, aux: Any, subtrees: tuple[TreeDef, ...], key: tuple[Any, ...]) -> TreeDef:
    hashed = hash(key)
    for entry in _table.get(hashed, ()):
        treedef = entry()
        if treedef is not None and treedef.key == key:
            return treedef
    return _add(kind, aux, subtrees, key, hashed)


def _add(kind: NodeKind, aux: Any, subtrees: tuple[TreeDef, ...], key: tuple[Any, ...], hashed: int) -> TreeDef:
    with _lock:
        living = [treedef for entry in _table.get(hashed, ()) if (treedef := entry()) is not None]
        for treedef in living:  # another thread may have been faster
            if treedef.key == key:
                return treedef
        treedef = TreeDef(kind, aux, subtrees, key)
        _table[hashed] = tuple([weakref.ref(each, partial(_forget, hashed)) for each in (*living, treedef)])
        if treedef.is_cheap:
            if len(_kept) >= _KEPT_MAX:
                _kept.clear()
            _kept[key] = treedef
        return treedef


def _forget(hashed: int, entry: weakref.ref[TreeDef]) -> None:
    """Called when a treedef dies."""
    with _lock:
        others = tuple([each for each in _table.get(hashed, ()) if each is not entry])
        if others:
            _table[hashed] = others
        else:
            _table.pop(hashed, None)


def _unhashable(kind: NodeKind, aux: Any) -> ArgumentError:
    name = kind.cls.__qualname__
    values = aux if kind.static else (aux,)
    labels = [f"the static field {name}.{field}" for field in kind.static] or [f"the static data of {name}"]
    for label, value in zip(labels, values, strict=True):
        try:
            hash(_exact(value))
        except TypeError:
            hint = "use a tuple, or make it a child" if kind.static else "use tuples, or define __hash__ and __eq__"
            return ArgumentError(at_line(f"{label} must be hashable, got {shown(value)}", hint=hint))
    return ArgumentError(at_line(f"{labels[0]} must be hashable"))


# ------------------------------------------------------------------------------------------- flatten and unflatten


def flatten(tree: PyTree, is_leaf: IsLeaf | None = None) -> tuple[list[Any], TreeDef]:
    """The leaves of `tree` and its structure. What `is_leaf` holds true for is not looked into."""
    if type(tree) in _leaf_types:
        return [tree], LEAF
    leaves: list[Any] = []
    return leaves, (_flatten(tree, leaves) if is_leaf is None else _flatten_until(tree, leaves, is_leaf))


def unflatten(treedef: TreeDef, leaves: Iterable[Any]) -> PyTree:
    """The tree of this structure with these leaves."""
    return treedef.unflatten(leaves)


def leaves(tree: PyTree, is_leaf: IsLeaf | None = None) -> list[Any]:
    """The leaves of `tree`."""
    return flatten(tree, is_leaf)[0]


def structure(tree: PyTree, is_leaf: IsLeaf | None = None) -> TreeDef:
    """The structure of `tree`."""
    return flatten(tree, is_leaf)[1]


def treedef_tuple(treedefs: Iterable[TreeDef]) -> TreeDef:
    """The structure of the tuple of trees of these structures."""
    return _intern(TUPLE, None, tuple(treedefs))


def _flatten(tree: PyTree, leaves: list[Any]) -> TreeDef:
    """Append the leaves of `tree`, return its structure."""
    cls = type(tree)
    kind = _kinds[cls] if cls in _kinds else _kind_of(cls)
    if kind is None:
        leaves.append(tree)
        return LEAF
    children, aux = kind.flatten(tree)
    if _leaf_types.issuperset(builtins.map(type, children)):  # five times faster than asking one by one
        leaves.extend(children)
        return _intern(kind, aux, (LEAF,) * len(children))
    return _intern(kind, aux, tuple([_flatten(child, leaves) for child in children]))


def _flatten_until(tree: PyTree, leaves: list[Any], is_leaf: IsLeaf) -> TreeDef:
    kind = None if is_leaf(tree) else _kind_of(type(tree))
    if kind is None:
        leaves.append(tree)
        return LEAF
    children, aux = kind.flatten(tree)
    return _intern(kind, aux, tuple([_flatten_until(child, leaves, is_leaf) for child in children]))


def _build(treedef: TreeDef, leaves: Iterator[Any]) -> PyTree:
    kind = treedef.kind
    if kind is None:
        return next(leaves)
    if treedef.is_flat:
        return kind.unflatten(treedef.aux, list(islice(leaves, treedef.num_leaves)))
    children = [next(leaves) if child is LEAF else _build(child, leaves) for child in treedef.subtrees]
    return kind.unflatten(treedef.aux, children)


def _collect_up_to(treedef: TreeDef, tree: PyTree, leaves: list[Any]) -> bool:
    """Append the subtrees of `tree` where `treedef` has leaves; False where the structures differ."""
    if treedef.kind is None:
        leaves.append(tree)
        return True
    children = _matching_children(treedef, tree)
    if children is None:
        return False
    if treedef.is_flat:
        leaves.extend(children)
        return True
    pairs = zip(treedef.subtrees, children, strict=True)
    return builtins.all(_collect_up_to(child_def, child, leaves) for child_def, child in pairs)


def _matching_children(treedef: TreeDef, tree: PyTree) -> Sequence[Any] | None:
    """The children of `tree` if its root is the same kind of node as that of `treedef`."""
    kind = treedef.kind
    if kind is None or _kind_of(type(tree)) is not kind:
        return None
    children, aux = kind.flatten(tree)
    same = len(children) == len(treedef.subtrees) and (aux is None or _exact(aux) == treedef.key[1])
    return children if same else None


# ------------------------------------------------------------------------------------------------- with key paths


def flatten_with_path(
    tree: PyTree, is_leaf: Callable[..., bool] | None = None, is_leaf_takes_path: bool = False
) -> tuple[list[tuple[KeyPath, Any]], TreeDef]:
    """As `flatten`, each leaf with the path that leads to it. `is_leaf` may ask for the path: `is_leaf(path, node)`."""
    found: list[tuple[KeyPath, Any]] = []
    stop: Callable[[KeyPath, Any], bool]
    if is_leaf is None:
        stop = lambda path, node: False
    else:
        stop = is_leaf if is_leaf_takes_path else lambda path, node: is_leaf(node)
    return found, _flatten_paths(tree, (), found, stop)


def _flatten_paths(tree: PyTree, path: KeyPath, found: list[tuple[KeyPath, Any]], stop: Callable[[KeyPath, Any], bool]) -> TreeDef:
    kind = None if stop(path, tree) else _kind_of(type(tree))
    if kind is None:
        found.append((path, tree))
        return LEAF
    children, aux = kind.flatten(tree)
    keyed = zip(kind.keys(tree), children, strict=True)
    return _intern(kind, aux, tuple([_flatten_paths(child, (*path, key), found, stop) for key, child in keyed]))


def leaves_with_path(
    tree: PyTree, is_leaf: Callable[..., bool] | None = None, is_leaf_takes_path: bool = False
) -> list[tuple[KeyPath, Any]]:
    """The leaves of `tree`, each as (path, leaf)."""
    return flatten_with_path(tree, is_leaf, is_leaf_takes_path)[0]


# ------------------------------------------------------------------------------------------------ functions of trees


def map(f: Callable[..., Any], tree: PyTree, *rest: PyTree, is_leaf: IsLeaf | None = None) -> PyTree:  # noqa: A001 - JAX's name
    """The tree of `f(leaf, *subtrees of rest at the same place)`."""
    leaves, treedef = flatten(tree, is_leaf)
    others = [treedef.flatten_up_to(other, api="tree.map", name=f"rest[{i}]") for i, other in enumerate(rest)]
    if not others:
        return treedef.unflatten([f(leaf) for leaf in leaves])
    return treedef.unflatten([f(*each) for each in zip(leaves, *others, strict=True)])


def map_with_path(
    f: Callable[..., Any],
    tree: PyTree,
    *rest: PyTree,
    is_leaf: Callable[..., bool] | None = None,
    is_leaf_takes_path: bool = False,
) -> PyTree:
    """The tree of `f(path, leaf, *subtrees of rest at the same place)`."""
    found, treedef = flatten_with_path(tree, is_leaf, is_leaf_takes_path)
    others = [treedef.flatten_up_to(other, api="tree.map_with_path", name=f"rest[{i}]") for i, other in enumerate(rest)]
    return treedef.unflatten([f(path, leaf, *more) for (path, leaf), *more in zip(found, *others, strict=True)])


MISSING: Any = object()


def reduce(function: Callable[[Any, Any], Any], tree: PyTree, initializer: Any = MISSING, is_leaf: IsLeaf | None = None) -> Any:
    """`functools.reduce` over the leaves."""
    if initializer is MISSING:
        return fold(function, leaves(tree, is_leaf))
    return fold(function, leaves(tree, is_leaf), initializer)


def all(tree: PyTree, *, is_leaf: IsLeaf | None = None) -> bool:  # noqa: A001 - JAX's name
    """Whether all leaves are true."""
    return builtins.all(leaves(tree, is_leaf))


def transpose(outer_treedef: TreeDef, inner_treedef: TreeDef | None, pytree_to_transpose: PyTree) -> PyTree:
    """A tree of trees with inside and outside exchanged. An `inner_treedef` of None is taken from the first subtree."""
    subtrees = outer_treedef.flatten_up_to(pytree_to_transpose, api="tree.transpose")
    if inner_treedef is None:
        if not subtrees:
            raise ArgumentError(at_line("tree.transpose: outer_treedef has no leaves: inner_treedef must be given"))
        inner_treedef = structure(subtrees[0])
    rows = [inner_treedef.flatten_up_to(subtree, api="tree.transpose", name="subtree") for subtree in subtrees]
    columns = [[row[i] for row in rows] for i in range(inner_treedef.num_leaves)]
    return inner_treedef.unflatten([outer_treedef.unflatten(column) for column in columns])


def broadcast_prefix(
    prefix_tree: PyTree,
    full_tree: PyTree,
    is_leaf: IsLeaf | None = None,
    *,
    api: str = "tree.broadcast",
    name: str = "full_tree",
) -> list[Any]:
    """For each leaf of `full_tree` the leaf of `prefix_tree` at or above it: (0, 1) and ((x, y), z) give [0, 0, 1]."""
    prefix_leaves, prefix = flatten(prefix_tree, is_leaf)
    subtrees = prefix.flatten_up_to(full_tree, api=api, name=name)
    result: list[Any] = []
    for leaf, subtree in zip(prefix_leaves, subtrees, strict=True):
        result += [leaf] * structure(subtree).num_leaves
    return result


# ---------------------------------------------------------------------------------------------- treedefs in words


def _text(treedef: TreeDef) -> str:
    """The structure as JAX prints it."""
    if treedef.kind is None:
        return "*"
    cls, children = treedef.kind.cls, [_text(child) for child in treedef.subtrees]
    joined = ", ".join(children)
    if cls is NoneType:
        return "None"
    if cls is tuple:
        return f"({joined},)" if len(children) == 1 else f"({joined})"
    if cls is list:
        return f"[{joined}]"
    if cls is dict:
        return "{" + ", ".join([f"{k!r}: {c}" for k, c in zip(treedef.aux, children, strict=True)]) + "}"
    if issubclass(cls, tuple):
        return f"CustomNode(namedtuple[{cls.__name__}], [{joined}])"
    aux = "()" if treedef.kind.static == () and treedef.aux is None else repr(_thaw(treedef.aux))
    return f"CustomNode({cls.__name__}[{aux}], [{joined}])"


def _difference(treedef: TreeDef, tree: PyTree, api: str, name: str) -> str:
    """The message about the first place where `tree` differs from `treedef`."""
    path, expected, got = _first_difference(treedef, tree, ()) or ((), treedef, tree)
    in_words = f"expected {_described(expected)}, got {_described_tree(got)}"
    return (
        f"{api}: the trees differ at {name}{keystr(path)}: {in_words}{_key_changes(expected, got)}"
        f"\n  expected: {shown(expected, 400)}\n  got:      {shown(structure(got), 400)}"
    )


def _first_difference(treedef: TreeDef, tree: PyTree, path: KeyPath) -> tuple[KeyPath, TreeDef, PyTree] | None:
    if treedef.kind is None:
        return None
    children = _matching_children(treedef, tree)
    if children is None:
        return path, treedef, tree
    for key, child_def, child in zip(treedef.kind.keys(tree), treedef.subtrees, children, strict=True):
        found = _first_difference(child_def, child, (*path, key))
        if found is not None:
            return found
    return None


def _described(treedef: TreeDef) -> str:
    kind = cast(NodeKind, treedef.kind)
    return _described_node(kind, treedef.aux, len(treedef.subtrees))


def _described_tree(tree: PyTree) -> str:
    kind = _kind_of(type(tree))
    if kind is not None:
        children, aux = kind.flatten(tree)
        return _described_node(kind, aux, len(children))
    if isinstance(tree, np.ndarray):
        return f"an array of shape {tree.shape}"
    return _with_article(type(tree).__name__)


def _described_node(kind: NodeKind, aux: Any, size: int) -> str:
    cls = kind.cls
    if cls is NoneType:
        return "None"
    name = _with_article(cls.__name__)
    if cls is tuple or cls is list or issubclass(cls, dict):
        return f"{name} of {size}"
    if kind.static:
        return f"{name} with " + ", ".join([f"{k}={shown(v)}" for k, v in zip(kind.static, aux, strict=True)])
    if issubclass(cls, tuple) or aux is None:
        return name
    return f"{name} with {_count(size, 'child', 'children')} and static data {shown(_thaw(aux))}"


def _key_changes(treedef: TreeDef, tree: PyTree) -> str:
    """What a dict has too few and too many."""
    if not isinstance(tree, dict) or treedef.kind is not _kind_of(type(tree)):
        return ""
    keys = treedef.aux[1] if type(tree) is defaultdict else treedef.aux
    missing, new = [key for key in keys if key not in tree], [key for key in tree if key not in keys]
    parts = [f"without {', '.join(builtins.map(repr, missing))}"] if missing else []
    parts += [f"with the new {', '.join(builtins.map(repr, new))}"] if new else []
    return " " + " and ".join(parts) if parts else " (same keys in another order, or of other types)"


def _with_article(noun: str) -> str:
    return f"{'an' if noun[0] in 'aeiouAEIOU' else 'a'} {noun}"


def _count(number: int, one: str = "leaf", many: str = "leaves") -> str:
    return f"{number} {one if number == 1 else many}"


for _cls in (SequenceKey, DictKey, GetAttrKey, FlattenedIndexKey):
    register_leaf(_cls)
