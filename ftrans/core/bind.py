"""Apply a primitive: `bind(op, x, y)` records it while a trace is open, and evaluates it when there is none.

`unary(op)` and `binary(op)` make the functions that programs call most, which append to the trace directly: 0.3-0.6 µs a call.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .aval import WEAK, Aval, by_aval
from .lift import lift
from .primitive import Primitive, infer
from .trace import INTERNAL, Tracer, View, current, getframe, refresh
from .values import collapse, evaluate


def bind(op: Primitive, *args: Any) -> Any:
    """Apply a primitive: recorded while a trace is open, else evaluated."""
    t = current.trace
    if t is not None and not op.may_raise:
        for x in args:
            if type(x) is not Tracer or x.t is not t:
                break
        else:
            return t.record(op, args)
    if t is None:
        if not any([isinstance(x, Tracer) for x in args]):
            return op.eval(*args)
        args = tuple([collapse(x) if isinstance(x, Tracer) else x for x in args])
        return op.eval(*args)
    operands = [x if type(x) is Tracer and x.t is t else lift(t, x) for x in args]
    out = t.record(op, operands)
    if op.may_raise:
        evaluate(t)
    return out


def bind_view(op: Primitive, x: Any, *rest: Any) -> Any:
    """Apply a primitive whose result shares memory with x in NumPy. `rest` are further operands (a traced index)."""
    t = current.trace
    if t is None:
        return op.eval(*[collapse(y) if isinstance(y, Tracer) else y for y in (x, *rest)])
    base = x if type(x) is Tracer and x.t is t else lift(t, x)
    operands = tuple([t.tracer(y.i, y.a) for y in [lift(t, y) for y in rest]]) if rest else ()
    out = t.record(op, (base, *operands))
    if op.may_raise:
        evaluate(t)
    v = View()
    v.t, v.i, v.a, v.base, v.lens, v.rest, v.seen = t, out.i, out.a, base, op, operands, base.i
    return v


def bind_known(op: Primitive, x: Tracer, a: Aval, view: bool) -> Tracer:
    """As `bind` and `bind_view` for one operand, where the aval of the result is known: half the cost."""
    t = x.t
    if not t.top:
        return bind_view(op, x) if view else bind(op, x)  # type: ignore[no-any-return]
    if type(x) is View:
        refresh(x)
    src = t.src
    if src is None:
        frame: Any = getframe(2)
        while INTERNAL[frame.f_code.co_filename]:
            frame = frame.f_back
        src = (frame.f_code, frame.f_lasti)
    t.locs.append(src)
    if view:
        v = View()
        v.t, v.a, v.i, v.base, v.lens, v.rest, v.seen = t, a, len(t), x, op, (), x.i
        t += (op, x.i)
        return v
    r = Tracer()
    r.t, r.a, r.i = t, a, len(t)
    t += (op, x.i)
    return r


# What applies a ufunc called with out=, where=, dtype= ...: (op, arguments, options) -> result (set by ftrans.numpy).
with_options: list[Callable[[Primitive, tuple[Any, ...], dict[str, Any]], Any]] = []


def unary(op: Primitive) -> Callable[..., Any]:
    """The function that applies a one-argument primitive, about 0.3 µs a call, of which 0.02 let it take a ufunc's options."""
    memo: dict[Aval, Aval] = {}
    by_aval.append(memo.clear)
    direct = op.direct

    def call(x: Any, /, *more: Any, **options: Any) -> Any:
        if more or options:
            return with_options[0](op, (x, *more), options)
        kind = type(x)
        if kind is Tracer or kind is View:
            t = x.t
            if t.top:
                if kind is View:
                    refresh(x)
                try:
                    a = memo[x.a]
                except KeyError:
                    a = memo[x.a] = infer(op, (x.a,))
                src = t.src
                if src is None:
                    frame: Any = getframe(1)
                    while INTERNAL[frame.f_code.co_filename]:
                        frame = frame.f_back
                    src = (frame.f_code, frame.f_lasti)
                t.locs.append(src)
                r = Tracer()
                r.t, r.a, r.i = t, a, len(t)
                t += (op, x.i)
                return r
        elif current.trace is None and not isinstance(x, Tracer):
            return direct(x)
        return bind(op, x)

    call.__name__ = call.__qualname__ = op.name
    return call


def binary(op: Primitive, slow: Callable[[Primitive, Any, Any], Any] = bind) -> Callable[..., Any]:
    """The function that applies a two-argument primitive; a Python float becomes a constant on the way.

    slow: what is called instead for unusual operands (other than tracers of the innermost trace and Python scalars) and, where
        it is not `bind`, for two Python scalars: Python's operators differ from NumPy's functions there.
    """
    memo: dict[Aval, dict[Aval, Aval]] = {}
    by_aval.append(memo.clear)
    direct = op.direct

    def call(x: Any, y: Any, /, *more: Any, **options: Any) -> Any:
        if more or options:
            return with_options[0](op, (x, y, *more), options)
        kind, other = type(x), type(y)
        if kind is Tracer or kind is View:
            t = x.t
            if not t.top:
                return slow(op, x, y)
            if kind is View:
                refresh(x)
            if other is not Tracer or y.t is not t:
                if other is View and y.t is t:
                    refresh(y)
                else:
                    weak = WEAK.get(other)
                    if weak is None:
                        return slow(op, x, y)
                    y = t.const(y, weak)
        elif other is Tracer or other is View:
            t = y.t
            weak = WEAK.get(kind)
            if weak is None or not t.top:
                return slow(op, x, y)
            if other is View:
                refresh(y)
            x = t.const(x, weak)
        elif current.trace is None and not isinstance(x, Tracer) and not isinstance(y, Tracer):
            return direct(x, y)
        else:
            return slow(op, x, y)
        try:
            a = memo[x.a][y.a]
        except KeyError:
            if slow is not bind and x.a.weak and y.a.weak:
                return slow(op, x, y)
            a = memo.setdefault(x.a, {})[y.a] = infer(op, (x.a, y.a))
        src = t.src
        if src is None:
            frame: Any = getframe(1)
            while INTERNAL[frame.f_code.co_filename]:
                frame = frame.f_back
            src = (frame.f_code, frame.f_lasti)
        t.locs.append(src)
        r = Tracer()
        r.t, r.a, r.i = t, a, len(t)
        t += (op, x.i, y.i)
        return r

    call.__name__ = call.__qualname__ = op.name
    return call
