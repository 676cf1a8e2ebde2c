"""NumPy's ufuncs on traced arrays, with their options: `add(x, y)`, `sin(x, out=y)`, `log(x, where=x > 0, out=y)`.

A ufunc here is the fast path of its primitive: a plain call costs nothing on top of recording the equation. Outside of
transformations the functions are NumPy's.
"""

from __future__ import annotations

import builtins
from collections.abc import Callable
from typing import Any

import numpy as np

from ..core.bind import bind, unary, with_options
from ..core.primitive import Primitive
from ..core.trace import Tracer, current
from ..core.views import Copy
from ..errors import UnsupportedError, at_line, shown
from ..ops import elementwise as ops
from ..ops.structural import convert, zeros_of
from . import dispatch
from .args import array
from .dispatch import implements, register_ufunc, store_out

Ufunc = Callable[..., Any]


def apply(op: Primitive, args: tuple[Any, ...], options: dict[str, Any]) -> Any:
    """A ufunc called with options."""
    ufunc: Any = getattr(op, "ufunc", None)
    if ufunc is None:
        raise TypeError(at_line(f"{op.name} takes {op.nin} arguments and no options, got {len(args)} and {sorted(options)}"))
    return traced(ufunc, args, options, lambda *xs: bind(op, *xs), getattr(op, "domain", ((1, 1),)))


with_options.append(apply)


def traced(ufunc: np.ufunc, args: tuple[Any, ...], options: dict[str, Any], call: Ufunc, domain: Any) -> Any:
    """call(*args) with the meaning that NumPy gives to a ufunc's further arguments."""
    name, n = ufunc.__name__, ufunc.nin
    if current.trace is None:
        args, options = dispatch.without_tracers((args, options))
        return ufunc(*args, **options)
    if len(args) > n + 1 or (len(args) > n and "out" in options):
        raise TypeError(at_line(f"{name}() takes from {n} to {n + 1} positional arguments but {len(args)} were given"))
    out = args[n] if len(args) > n else options.get("out")
    unknown = set(options) - {"out", "where", "casting", "order", "dtype", "subok", "signature", "sig"}
    if unknown:
        raise TypeError(at_line(f"{name}() got an unexpected keyword argument {sorted(unknown)[0]!r}"))
    for key in ("signature", "sig"):
        if options.get(key) is not None:
            raise UnsupportedError(
                at_line(f"{name}: {key}={shown(options[key])} is not supported on traced arrays", hint="use dtype=")
            )
    casting = options.get("casting", "same_kind")
    inputs: list[Any] = [array(x) for x in args[:n]]
    if options.get("dtype") is not None:
        loop = ops.loop_dtypes(ufunc, tuple([x.a for x in inputs]), options["dtype"], casting)
        inputs = [convert(x, d) for x, d in zip(inputs, loop, strict=False)]
    where = options.get("where", True)
    if ufunc.nout > 1:
        if where is not True:
            raise UnsupportedError(at_line(f"{name}: where= is not supported on traced arrays", hint="use np.where on the results"))
        results = call(*inputs)
        outs = (None,) * ufunc.nout if out is None else out
        return tuple([stored(r, o, casting, name) for r, o in zip(results, outs, strict=True)])
    if isinstance(out, tuple):
        (out,) = out
    result = call(*inputs) if where is True else where_only(name, call, inputs, array(where), out, domain)
    return stored(result, out, casting, name)


def stored(result: Any, out: Any, casting: str, name: str) -> Any:
    """A result put into `out`, where that is given."""
    if out is None:
        return result
    if casting == "unsafe" and isinstance(out, Tracer):
        result = convert(result, out.dtype)
    return store_out(out, result, name)


def where_only(name: str, call: Ufunc, inputs: list[Any], where: Any, out: Any, domain: Any) -> Any:
    """The result where a mask is true, else what `out` holds. Elsewhere the operation is fed harmless numbers."""
    if out is None:
        raise UnsupportedError(
            at_line(
                f"{name}: where= without out= leaves the other elements uninitialised",
                hint="give them values with out=np.zeros_like(x), or use np.where",
            )
        )
    where = ops.nonzero(where)
    safe = []
    for k, x in enumerate(inputs):
        low, high = domain[builtins.min(k, len(domain) - 1)]
        fill = (low + high) / 2 if x.a.dtype.kind in "fc" else 1
        safe.append(ops.select(where, x, x.a.dtype.type(fill)))
    result = call(*safe)
    return ops.select(where, result, convert(array(out), result.dtype))


REDUCE_ARGUMENTS = ("axis", "dtype", "out", "keepdims", "initial", "where")


def methods(ufunc: np.ufunc, ours: Any) -> Any:
    """Give a function what ufuncs have besides being called: reduce, accumulate, outer, nin, nout ..."""

    def method(name: str) -> Ufunc:
        def call(*args: Any, **kwargs: Any) -> Any:
            if current.trace is None:
                return getattr(ufunc, name)(*args, **kwargs)
            if name != "outer":
                args, kwargs = args[:1], dict(zip(REDUCE_ARGUMENTS, args[1:], strict=False)) | kwargs
            return dispatch.array_ufunc(None, ufunc, name, *args, **kwargs)  # type: ignore[arg-type]

        call.__name__ = name
        return call

    ours.reduce, ours.accumulate, ours.outer = method("reduce"), method("accumulate"), method("outer")
    ours.nin, ours.nout, ours.nargs, ours.identity, ours.types = ufunc.nin, ufunc.nout, ufunc.nargs, ufunc.identity, ufunc.types
    ours.__name__ = ours.__qualname__ = ufunc.__name__
    ours.__module__ = __name__
    about = (ufunc.__doc__ or "").partition("\nExamples\n")[0]  # NumPy's examples import and print what is not here
    ours.__doc__ = f"As `numpy.{ufunc.__name__}`, on traced arrays too.\n\n{about}"
    return register_ufunc(ufunc, ours)


def public(ufunc: np.ufunc, ours: Ufunc) -> Any:
    """A function of ops as the ufunc of this name."""
    return methods(ufunc, ours)


def composed(ufunc: np.ufunc, domain: Any = ((-2.0, 2.0), (0.5, 2.0))) -> Callable[[Ufunc], Any]:
    """Make a ufunc of a function that is written with other operations."""

    def register(plain: Ufunc) -> Any:
        def call(*args: Any, **options: Any) -> Any:
            if len(args) == ufunc.nin and not options and current.trace is not None:
                return plain(*args)
            return traced(ufunc, args, options, plain, domain)

        return methods(ufunc, call)

    return register


# arithmetic

add = public(np.add, ops.add)
subtract = public(np.subtract, ops.sub)
multiply = public(np.multiply, ops.mul)
divide = public(np.divide, ops.div)
true_divide = divide
negative = public(np.negative, ops.neg)
positive = public(np.positive, ops.positive)
absolute = public(np.absolute, ops.absolute)
abs = absolute
fabs = public(np.fabs, ops.fabs)
sign = public(np.sign, ops.sign)
square = public(np.square, ops.square)
sqrt = public(np.sqrt, ops.sqrt)
cbrt = public(np.cbrt, ops.cbrt)
reciprocal = public(np.reciprocal, ops.reciprocal)
float_power = public(np.float_power, ops.float_power)
ldexp = public(np.ldexp, ops.ldexp)

# exponentials and logarithms

exp = public(np.exp, ops.exp)
exp2 = public(np.exp2, ops.exp2)
expm1 = public(np.expm1, ops.expm1)
log = public(np.log, ops.log)
log2 = public(np.log2, ops.log2)
log10 = public(np.log10, ops.log10)
log1p = public(np.log1p, ops.log1p)
logaddexp = public(np.logaddexp, ops.logaddexp)
logaddexp2 = public(np.logaddexp2, ops.logaddexp2)

# angles

sin = public(np.sin, ops.sin)
cos = public(np.cos, ops.cos)
tan = public(np.tan, ops.tan)
arcsin = public(np.arcsin, ops.arcsin)
asin = arcsin
arccos = public(np.arccos, ops.arccos)
acos = arccos
arctan = public(np.arctan, ops.arctan)
atan = arctan
arctan2 = public(np.arctan2, ops.arctan2)
atan2 = arctan2
hypot = public(np.hypot, ops.hypot)
sinh = public(np.sinh, ops.sinh)
cosh = public(np.cosh, ops.cosh)
tanh = public(np.tanh, ops.tanh)
arcsinh = public(np.arcsinh, ops.arcsinh)
asinh = arcsinh
arccosh = public(np.arccosh, ops.arccosh)
acosh = arccosh
arctanh = public(np.arctanh, ops.arctanh)
atanh = arctanh
deg2rad = public(np.deg2rad, ops.deg2rad)
rad2deg = public(np.rad2deg, ops.rad2deg)

# rounding, remainders, extrema

floor = public(np.floor, ops.floor)
ceil = public(np.ceil, ops.ceil)
trunc = public(np.trunc, ops.trunc)
rint = public(np.rint, ops.rint)
floor_divide = public(np.floor_divide, ops.floor_divide)
remainder = public(np.remainder, ops.remainder)
mod = remainder
fmod = public(np.fmod, ops.fmod)
maximum = public(np.maximum, ops.maximum)
minimum = public(np.minimum, ops.minimum)
fmax = public(np.fmax, ops.fmax)
fmin = public(np.fmin, ops.fmin)
copysign = public(np.copysign, ops.copysign)
heaviside = public(np.heaviside, ops.heaviside)
nextafter = public(np.nextafter, ops.nextafter)
spacing = public(np.spacing, ops.spacing)

# tests, logic, bits

less = public(np.less, ops.less)
less_equal = public(np.less_equal, ops.less_equal)
greater = public(np.greater, ops.greater)
greater_equal = public(np.greater_equal, ops.greater_equal)
equal = public(np.equal, ops.equal)
not_equal = public(np.not_equal, ops.not_equal)
logical_and = public(np.logical_and, ops.logical_and)
logical_or = public(np.logical_or, ops.logical_or)
logical_xor = public(np.logical_xor, ops.logical_xor)
logical_not = public(np.logical_not, ops.logical_not)
isnan = public(np.isnan, ops.isnan)
isinf = public(np.isinf, ops.isinf)
isfinite = public(np.isfinite, ops.isfinite)
signbit = public(np.signbit, ops.signbit)
bitwise_and = public(np.bitwise_and, ops.bitwise_and)
bitwise_or = public(np.bitwise_or, ops.bitwise_or)
bitwise_xor = public(np.bitwise_xor, ops.bitwise_xor)
invert = public(np.invert, ops.invert)
bitwise_not = invert
bitwise_invert = invert
left_shift = public(np.left_shift, ops.left_shift)
bitwise_left_shift = left_shift
right_shift = public(np.right_shift, ops.right_shift)
bitwise_right_shift = right_shift
bitwise_count = public(np.bitwise_count, ops.bitwise_count)
gcd = public(np.gcd, ops.gcd)
lcm = public(np.lcm, ops.lcm)
conjugate = public(np.conjugate, ops.conj)
conj = conjugate

# Ufuncs that are other operations.

radians, degrees = public(np.radians, unary(ops.Deg2rad())), public(np.degrees, unary(ops.Rad2deg()))


@composed(np.power, ops.Power.domain)
def power(x: Any, y: Any) -> Any:
    return ops.static_power(array(x), y)


pow = power


@composed(np.divmod)
def divmod(x: Any, y: Any) -> tuple[Any, Any]:
    return ops.floor_divide(x, y), ops.remainder(x, y)


@composed(np.modf)
def modf(x: Any) -> tuple[Any, Any]:
    x = array(x)
    x = convert(x, ops.loop_dtypes(np.modf, (x.a,))[0])
    scalar = x.a.dtype.type
    finite = ops.select(ops.isinf(x), ops.copysign(scalar(0), x), x)
    return ops.fmod(finite, scalar(1)), ops.trunc(x)


@composed(np.frexp)
def frexp(x: Any) -> tuple[Any, Any]:
    return ops.frexp(x)


# Parts of complex numbers, which in NumPy are functions.


@implements(np.real)
def real(val: Any) -> Any:
    """As `numpy.real`: a view of the real part, which can be written to; val itself where it is real."""
    return ops.real(array(val))


@implements(np.imag)
def imag(val: Any) -> Any:
    """As `numpy.imag`: a view of the imaginary part, which can be written to; zeros where val is real."""
    x = array(val)
    if x.a.dtype.kind == "c":
        return ops.imag(x)
    if x.a.weak:
        return 0.0 if x.a.inexact else 0
    return convert(0, x.a.dtype) if x.a.scalar else bind(Copy(), zeros_of(x.a))


@implements(np.angle)
def angle(z: Any, deg: bool = False) -> Any:
    """As `numpy.angle`: the argument of complex numbers, in radians or degrees."""
    z = array(z)
    turn = ops.arctan2(ops.imag(z) if z.a.dtype.kind == "c" else 0, ops.real(z))
    return ops.mul(turn, 180 / np.pi) if deg else turn


__all__ = [
    "add", "subtract", "multiply", "divide", "true_divide", "negative", "positive", "absolute", "abs", "fabs", "sign",
    "square", "sqrt", "cbrt", "reciprocal", "float_power", "ldexp", "exp", "exp2", "expm1", "log", "log2", "log10",
    "log1p", "logaddexp", "logaddexp2", "sin", "cos", "tan", "arcsin", "asin", "arccos", "acos", "arctan", "atan",
    "arctan2", "atan2", "hypot", "sinh", "cosh", "tanh", "arcsinh", "asinh", "arccosh", "acosh", "arctanh", "atanh",
    "deg2rad", "rad2deg", "floor", "ceil", "trunc", "rint", "floor_divide", "remainder", "mod", "fmod", "maximum",
    "minimum", "fmax", "fmin", "copysign", "heaviside", "nextafter", "spacing", "less", "less_equal", "greater",
    "greater_equal", "equal", "not_equal", "logical_and", "logical_or", "logical_xor", "logical_not", "isnan",
    "isinf", "isfinite", "signbit", "bitwise_and", "bitwise_or", "bitwise_xor", "invert", "bitwise_not",
    "bitwise_invert", "left_shift", "bitwise_left_shift", "right_shift", "bitwise_right_shift", "bitwise_count",
    "gcd", "lcm", "conjugate", "conj", "power", "pow", "divmod", "modf", "frexp", "radians", "degrees", "real",
    "imag", "angle",
]  # fmt: skip
