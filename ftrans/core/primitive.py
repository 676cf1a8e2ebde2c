"""A primitive is one class: write its parameters as fields and its rules as methods, and every transformation knows it.

    class Sin(Primitive):
        nin = 1
        def aval(self, x): return float_aval(x)
        def eval(self, x): return np.sin(x)
        def jvp(self, primals, tangents, out): (x,), (t,) = primals, tangents; return t * cos(x)
        def vmap(self, size, args, dims): return self.bind(*args), dims[0]
        def lower(self, b, x): return b.sin(x)

Instances are interned by their parameters, so that an equation can be compared and hashed by identity.

The calling convention: arrays are positional, parameters are fields. A primitive with one result gives and takes single
values; one with `multiple = True` gives and takes tuples.
"""

from __future__ import annotations

import inspect
import re
from typing import Any, ClassVar, dataclass_transform
from weakref import WeakValueDictionary

from ..config import config
from ..errors import NotDifferentiableError, UnsupportedError
from ..locks import Lock
from .aval import SEEN, Aval, by_aval

registry: dict[str, type[Primitive]] = {}
_lock = Lock()
NOT_FIELDS = ("nin", "nout", "name", "memo")  # annotated, but properties of the class


class PrimitiveMeta(type):
    """Interns instances: the same class with the same parameters is the same object."""

    def __call__(cls, *params: Any, **named: Any) -> Any:
        # Types are part of the key, since 2 == 2.0 == True: Power(2) keeps integers, Power(2.0) does not.
        key: Any = (params, *map(type, params))
        if named:
            key = (key, *[(k, type(v), v) for k, v in named.items()])
        interned = cls._interned  # type: ignore[attr-defined]
        try:
            return interned[key]
        except KeyError:
            pass
        values = cls.parameters(params, named)
        canonical = (values, *map(type, values))
        with _lock:
            if len(interned) >= SEEN * max(config.cache_size, 1):
                interned.clear()
            new = cls._alive.get(canonical)  # type: ignore[attr-defined]
            if new is None:
                new = object.__new__(cls)  # type: ignore[arg-type]
                vars(new).update(zip(cls._fields, values, strict=True), memo={})  # type: ignore[attr-defined]
                cls._alive[canonical] = new  # type: ignore[attr-defined]
            interned[canonical] = interned[key] = new
        return new

    def parameters(cls, params: tuple[Any, ...], named: dict[str, Any]) -> tuple[Any, ...]:
        """One value for each field, from positions, names and defaults."""
        names = cls._fields  # type: ignore[attr-defined]
        values = dict(zip(names, params, strict=False)) | named
        missing = [n for n in names if n not in values and not hasattr(cls, n)]
        if len(params) > len(names) or missing or len(values) < len(params) + len(named) or not values.keys() <= set(names):
            raise TypeError(f"{cls.__name__} has the parameters {names}, got {params} and {named}")
        return tuple([values[n] if n in values else getattr(cls, n) for n in names])


@dataclass_transform(frozen_default=True, eq_default=False)
class Primitive(metaclass=PrimitiveMeta):
    """An operation with all that is known about it. Subclass it, give fields and rules; see the module's docstring.

    nin: the number of array arguments (a property where it depends on the parameters).
    nout: the number of results.
    multiple: results come as a tuple.
    effectful: dead-code removal keeps it.
    may_raise: it can fail depending on values, so it is evaluated when recorded.
    view: `eval` gives a view of its first argument.
    broadcasts: operands of different shapes are broadcast against each other.
    """

    nin: int = 1
    nout: int = 1
    multiple: ClassVar[bool] = False
    effectful: ClassVar[bool] = False
    may_raise: ClassVar[bool] = False
    view: ClassVar[bool] = False
    broadcasts: ClassVar[bool] = False
    abstract: ClassVar[bool] = True
    name: ClassVar[str] = "primitive"
    memo: dict[Any, Any]
    _fields: ClassVar[tuple[str, ...]] = ()
    _interned: ClassVar[dict[Any, Any]] = {}
    _alive: ClassVar[WeakValueDictionary[Any, Any]] = WeakValueDictionary()  # all instances, so that none is made twice

    def __init_subclass__(cls, abstract: bool = False, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        # Fields as in a dataclass, which would take 1 ms of the import for each of more than a hundred primitives.
        own = [n for n, kind in inspect.get_annotations(cls).items() if "ClassVar" not in str(kind) and n not in NOT_FIELDS]
        cls._fields = tuple(dict.fromkeys([*cls._fields, *own]))
        cls._interned, cls._alive = {}, WeakValueDictionary()
        cls.abstract = abstract
        if "name" not in cls.__dict__:
            cls.name = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", cls.__name__).lower()
        if not abstract:
            known = registry.get(cls.name)
            if known is not None and known.__module__ != cls.__module__:
                raise TypeError(f"two primitives are named {cls.name!r}: {known.__module__} and {cls.__module__}")
            registry[cls.name] = cls

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError(f"{self!r} is shared by all equations that use it, so its {name} cannot be set")

    def __repr__(self) -> str:
        shown = ",".join(f"{name}={getattr(self, name)!r}" for name in self._fields)
        return f"{self.name}[{shown}]" if shown else self.name

    def __reduce__(self) -> Any:
        return type(self), tuple(getattr(self, name) for name in self._fields)

    # The rules. Each is written in the traced language itself, except `eval` and `aval`.

    def aval(self, *args: Any, **kwargs: Any) -> Any:  # each primitive's rules name their operands
        """The aval (or tuple of avals) of the result; raises the error the user sees."""
        raise NotImplementedError(f"primitive {self.name} has no aval rule")

    def eval(self, *args: Any, **kwargs: Any) -> Any:
        """The result by NumPy or SciPy: the reference all other rules are tested against."""
        raise NotImplementedError(f"primitive {self.name} has no eval rule")

    @property
    def direct(self) -> Any:
        """The function behind `eval`, for those who call it often."""
        return self.eval

    def jvp(self, primals: tuple[Any, ...], tangents: tuple[Any, ...], out: Any) -> Any:
        """The tangent of the result, or None where it is zero. A tangent is None where it is symbolically zero."""
        raise NotDifferentiableError(f"{self.name} has no derivative rule")

    def transpose(self, ct: Any, *args: Any, **kwargs: Any) -> tuple[Any, ...]:
        """Cotangents of the linear arguments (given as `Linear`), None for the others. For linear operations."""
        raise NotDifferentiableError(f"{self.name} is not linear, so it cannot be transposed")

    def vmap(self, size: int, args: tuple[Any, ...], dims: tuple[int | None, ...]) -> tuple[Any, Any]:
        """The operation on args batched along `dims` (None: not batched), and the batch dimension of the result."""
        raise UnsupportedError(f"vmap of {self.name} is not supported")

    def operand_dtypes(self, *avals: Aval) -> tuple[Any, ...]:
        """The dtype each operand is converted to before `lower` computes with it."""
        return tuple([a.dtype for a in avals])

    lower: Any = None  # lower(b, *args): the element expression through a builder; absent: the op runs as a NumPy step
    expand: Any = None  # expand(*args): the result by other operations, for a compiler; None where there is no such form

    def shares(self, base: Any) -> bool | None:
        """For operations that give a view: whether NumPy's result shares memory with this base; None where it is not known."""
        return True

    def put(self, base: Any, new: Any, *rest: Any) -> Any:
        """For operations that give a view: the base with the contents of the view replaced by `new`."""
        raise UnsupportedError(f"writing through {self.name} is not supported")


class Linear:
    """Stands for a linear argument in a transpose rule: it has an aval and no value."""

    __slots__ = ("a",)

    def __init__(self, a: Aval) -> None:
        self.a = a

    shape = property(lambda self: self.a.shape)
    dtype = property(lambda self: self.a.dtype)
    ndim = property(lambda self: self.a.ndim)

    def __repr__(self) -> str:
        return f"Linear({self.a})"


def forget() -> None:
    """Drop what operations remember by avals."""
    for cls in list(registry.values()):
        for op in list(cls._alive.values()):
            op.memo.clear()


by_aval.append(forget)


def infer(op: Primitive, avals: tuple[Aval, ...]) -> Any:
    """The memoised aval rule."""
    found = op.memo.get(avals)
    if found is None:
        found = op.memo[avals] = op.aval(*avals)
    return found
