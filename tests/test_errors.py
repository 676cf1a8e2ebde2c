"""Every mistake gets a short error that names the user's line and the next step.

The line that an error must name ends in a comment `# at: label`; `mistake(...)` asserts that the message holds this file's name,
the line's number and its source, the given words, and is short.
"""

from __future__ import annotations

import builtins
import dis
import linecache
import math
import os

import numpy as np
import pytest

import ftrans as ft
from ftrans import errors
from ftrans.ops.elementwise import add, greater, mul, sin

X = np.array([0.5, 1.0, 1.5])


def line_of(label: str) -> tuple[int, str]:
    """The line of this file that ends in `# at: label`."""
    for number, text in enumerate(linecache.getlines(__file__), 1):
        if text.rstrip().endswith(f"# at: {label}"):
            return number, text.strip()
    raise AssertionError(f"no line is marked {label!r}")


def mistake(error, call, label, *words, hint="") -> Exception:
    """Assert that call() raises this error at the labelled line, in a message with these words and this hint."""
    with pytest.raises(error) as caught:
        call()
    e = caught.value
    message = "\n".join([str(e), *getattr(e, "__notes__", [])])
    number, source = line_of(label)
    place = f"{os.path.relpath(__file__)}:{number}"
    assert place in message, f"the message does not name {place}:\n{message}"
    assert source in message, f"the message does not show the line {source!r}:\n{message}"
    for word in (*words, *([hint] if hint else [])):
        assert word in message, f"the message lacks {word!r}:\n{message}"
    assert len(message.splitlines()) <= 12, f"the message is long:\n{message}"
    return e


# Derivatives that do not exist


@pytest.mark.smoke
def test_grad_of_a_vector():
    def call():
        return ft.grad(np.sin)(X)  # at: vector

    mistake(errors.DifferentiationError, call, "vector", "grad(sin)", "(3,)", hint="jacrev")


def test_grad_of_several_results():
    def call():
        return ft.grad(lambda x: (x, x))(1.0)  # at: several

    mistake(errors.DifferentiationError, call, "several", "one scalar", hint="has_aux=True")


def test_grad_of_an_integer():
    def call():
        return ft.grad(lambda x: x * x)(3)  # at: integer

    mistake(errors.DifferentiationError, call, "integer", "int64", "argument 0", hint="2.0")


def test_grad_of_an_integer_in_a_tree():
    def call():
        return ft.grad(lambda params: params["w1"][0] * 1.0)({"w1": [np.arange(3), X]})  # at: integer leaf

    mistake(errors.DifferentiationError, call, "integer leaf", "['w1'][0]", "int64")


def test_grad_of_a_string():
    def call():
        return ft.grad(lambda params: params["w1"][1])({"w1": ["adam", 1.0]})  # at: string

    mistake(errors.ArgumentError, call, "string", "'adam'", "str", "['w1'][0]", hint="static")


def test_grad_of_an_integer_result():
    def call():
        return ft.grad(lambda x: 3)(1.0)  # at: integer result

    mistake(errors.DifferentiationError, call, "integer result", "int64")


def test_grad_of_a_complex_result():
    def call():
        return ft.grad(lambda x: x * 1j)(1.0)  # at: complex result

    mistake(errors.DifferentiationError, call, "complex result", "complex128", hint="holomorphic=True")


def test_holomorphic_of_real():
    def call():
        return ft.grad(np.sin, holomorphic=True)(1.0)  # at: holomorphic

    mistake(errors.DifferentiationError, call, "holomorphic", "float64", "complex")


def test_result_that_is_no_array():
    def call():
        return ft.grad(lambda x: "text")(1.0)  # at: result

    mistake(errors.ArgumentError, call, "result", "'text'", "str", hint="has_aux")


def test_missing_aux():
    def call():
        return ft.grad(lambda x: x, has_aux=True)(1.0)  # at: aux

    mistake(errors.ArgumentError, call, "aux", "(out, aux)")


def test_not_a_function():
    def call():
        return ft.grad(3.0)  # at: function

    mistake(errors.ArgumentError, call, "function", "3.0", "float", hint="grad(f)(x)")


def test_wrong_argnums():
    def position():
        return ft.grad(lambda x: x, argnums=1)(1.0)  # at: argnums

    def name():
        return ft.grad(lambda x: x, argnums="y")(1.0)  # at: argname

    def kind():
        return ft.grad(lambda x: x, argnums=1.5)(1.0)  # at: argtype

    mistake(errors.ArgumentError, position, "argnums", "argnums=1", "1 positional argument")
    mistake(errors.ArgumentError, name, "argname", "'y'", "['x']")
    mistake((errors.ArgumentError, TypeError), kind, "argtype", "1.5")


# Shapes and dtypes


@pytest.mark.smoke
def test_mismatched_shapes():
    def loss(x):
        y = x * 2.0
        return np.sum(y + np.ones(4))  # at: shapes

    e = mistake(errors.ShapeError, lambda: ft.grad(loss)(X), "shapes", "add", "(3,)", "(4,)")
    assert isinstance(e, ValueError)


def test_mismatched_matmul():
    def loss(x):
        return np.sum(np.ones((2, 4)) @ x)  # at: matmul

    mistake(errors.ShapeError, lambda: ft.grad(loss)(X), "matmul", "matmul", "(2, 4)", "(3,)")


def test_mismatched_concatenate():
    def loss(x):
        return np.sum(np.concatenate([x[None], np.ones((1, 4))]))  # at: concatenate

    mistake(errors.ShapeError, lambda: ft.grad(loss)(X), "concatenate", "concatenate", "(1, 3)", "(1, 4)")


def test_mismatched_reshape():
    def loss(x):
        return np.sum(x.reshape(2, 2))  # at: reshape

    mistake(errors.ShapeError, lambda: ft.grad(loss)(X), "reshape", "(3,)", "(2, 2)")


def test_object_arrays():
    def loss(x):
        return np.sum(x * np.array([None, None, None]))  # at: object

    mistake(errors.DtypeError, lambda: ft.grad(loss)(X), "object", "object")


def test_tangent_of_wrong_shape():
    def call():
        return ft.jvp(np.sin, (X,), (np.ones(2),))  # at: tangent shape

    mistake(errors.ShapeError, call, "tangent shape", "(2,)", "(3,)", "jvp")


def test_tangent_of_wrong_dtype():
    def call():
        return ft.jvp(np.sin, (X,), (np.ones(3, np.float32),))  # at: tangent dtype

    mistake(errors.DifferentiationError, call, "tangent dtype", "float32", "float64")


def test_tangents_missing():
    def number():
        return ft.jvp(np.multiply, (X, X), (X,))  # at: tangent number

    def structure():
        return ft.jvp(lambda p: p["a"], ({"a": X},), ({"b": X},))  # at: tangent tree

    mistake(errors.ArgumentError, number, "tangent number", "2 primals", "1 tangent")
    mistake(errors.ArgumentError, structure, "tangent tree", "'a'", "'b'")


def test_cotangent_of_wrong_shape():
    _, pull = ft.vjp(np.sin, X)

    def call():
        return pull(np.ones(4))  # at: cotangent shape

    mistake(errors.ShapeError, call, "cotangent shape", "(4,)", "(3,)")


def test_cotangent_of_wrong_dtype():
    _, pull = ft.vjp(np.sin, X)

    def call():
        return pull(np.ones(3, np.float32))  # at: cotangent dtype

    mistake(errors.DifferentiationError, call, "cotangent dtype", "float32", "float64")


def test_cotangent_of_wrong_structure():
    _, pull = ft.vjp(lambda x: (x, x), X)

    def call():
        return pull(X)  # at: cotangent tree

    mistake(errors.ArgumentError, call, "cotangent tree", "structure")


# vmap


@pytest.mark.smoke
def test_mismatched_batches():
    def call():
        return ft.vmap(lambda p, y: p["w"] + y, in_axes=(0, 1))({"w": np.ones((3, 2))}, np.ones((2, 4)))  # at: sizes

    e = mistake(
        errors.BatchSizeError, call, "sizes",
        "argument 0['w'] has size 3 along axis 0", "argument 1 has size 4 along axis 1", hint="in_axes=None",
    )  # fmt: skip
    assert isinstance(e, ValueError)


def test_no_axis_to_map():
    def scalar():
        return ft.vmap(np.multiply)(X, 2.0)  # at: scalar axis

    def outside():
        return ft.vmap(np.sin, in_axes=2)(X)  # at: axis 2

    def entries():
        return ft.vmap(np.multiply, in_axes=(0,))(X, X)  # at: entries

    def nothing():
        return ft.vmap(np.sin, in_axes=None)(X)  # at: nothing mapped

    mistake((errors.ArgumentError, ValueError), scalar, "scalar axis", "argument 1", "()", hint="in_axes=None")
    mistake((errors.ArgumentError, ValueError), outside, "axis 2", "argument 0", "(3,)", "axis 2")
    mistake((errors.ArgumentError, ValueError), entries, "entries", "1 entries", "2 positional arguments")
    mistake((errors.ArgumentError, ValueError), nothing, "nothing mapped", hint="axis_size")


def test_batched_result_marked_unbatched():
    def call():
        return ft.vmap(np.sin, out_axes=None)(X)  # at: out axes

    mistake((errors.ArgumentError, ValueError), call, "out axes", "out_axes")


# Tracers that outlive their trace


@pytest.mark.smoke
def test_leaked_tracer():
    kept = []

    def f(x):
        kept.append(x * 2.0)
        return x * x

    ft.grad(f)(1.0)

    def call():
        return kept[0] + 1.0  # at: leak

    e = mistake(errors.UnexpectedTracerError, call, "leak", "grad(f)", hint="return the value")
    assert isinstance(e, RuntimeError)


def test_leaked_tracer_used_in_a_later_trace():
    kept = []
    ft.jit(lambda x: kept.append(x) or x)(X)

    def f(x):
        return np.sum(x * kept[0])  # at: later

    mistake(errors.UnexpectedTracerError, lambda: ft.grad(f)(X), "later", "jit(", hint="return the value")


def test_leaked_constant_is_its_value():
    kept = []

    def f(x):
        kept.append(np.sum(ft.numpy.ones(3)))
        return x

    ft.grad(f)(1.0)
    assert kept[0] + 1.0 == 4.0


# Static arguments


def test_unhashable_static_argument():
    f = ft.jit(lambda x, axes: np.sum(x), static_argnames="axes")

    def call():
        return f(X, [0])  # at: unhashable

    e = mistake(errors.StaticArgumentError, call, "unhashable", "'axes'", "[0]", "list", hint="tuple")
    assert isinstance(e, ValueError)


def test_traced_static_argument():
    f = ft.jit(lambda x, n: x * n, static_argnums=1)

    def outer(x):
        return f(x, x)  # at: traced static

    mistake(errors.StaticArgumentError, lambda: ft.grad(outer)(1.0), "traced static", "static")


# Values that are not there


def test_float_under_vmap():
    def f(x):
        return float(x) + 1.0  # at: float under vmap

    mistake(errors.ConcretizationTypeError, lambda: ft.vmap(f)(X), "float under vmap", "float()", "vmap(f)")


@pytest.mark.smoke
def test_if_under_vmap():
    def f(x):
        if x > 1.0:  # at: if under vmap
            return x
        return -x

    mistake(errors.TracerBoolConversionError, lambda: ft.vmap(f)(X), "if under vmap", "vmap(f)", hint="where")


def test_range_under_vmap():
    def f(n):
        return sum(range(n))  # at: range under vmap

    mistake(errors.TracerIntegerConversionError, lambda: ft.vmap(f)(np.arange(3)), "range under vmap", hint="static")


def test_mask_under_vmap():
    def f(x):
        return np.sum(x[x > 1.0])  # at: mask under vmap

    mistake(errors.NonConcreteBooleanIndexError, lambda: ft.vmap(f)(X[None]), "mask under vmap", hint="where")


# Values that would lose their derivative


@pytest.mark.smoke
def test_float_under_grad():
    def f(x):
        return float(x) * x  # at: float under grad

    e = mistake(errors.DetachedReadError, lambda: ft.grad(f)(2.0), "float under grad", "float()", hint="stop_gradient")
    assert isinstance(e, TypeError)


def test_math_under_grad():
    def f(x):
        return math.sin(x) * x  # at: math under grad

    for call in (lambda: ft.grad(f)(2.0), lambda: ft.jvp(f, (2.0,), (1.0,)), lambda: ft.jacfwd(f)(2.0)):
        mistake(errors.DetachedReadError, call, "math under grad", hint="ftrans.numpy")


def test_math_in_jit_under_grad():
    @ft.jit
    def f(x):
        return math.sin(x) * x  # at: math under jit

    assert f(2.0) == math.sin(2.0) * 2.0
    mistake(errors.DetachedReadError, lambda: ft.grad(f)(2.0), "math under jit", hint="ftrans.numpy")


def test_store_in_plain_array_under_grad():
    def f(x):
        out = np.zeros(3)
        out[0] = x[0]  # at: plain store
        return np.sum(out)

    mistake((errors.FtransError, TypeError), lambda: ft.grad(f)(X), "plain store")


def test_store_vector_in_plain_array_under_grad():
    def f(x):
        out = np.zeros(3)
        out[:] = x  # at: plain store of a vector
        return np.sum(out)

    e = mistake(errors.TracerArrayConversionError, lambda: ft.grad(f)(X), "plain store of a vector")
    assert isinstance(e, TypeError)


def test_float_of_constants_is_fine():
    """Values that do not depend on the differentiated argument may be read as one likes."""
    assert ft.grad(lambda x, c: float(c) * x)(2.0, 3.0) == 3.0
    assert ft.jit(lambda x: float(x) * 2.0)(2.0) == 4.0


# Reads: what Python gets for each kind, under each transformation


def read_bool(x):
    return x * 2.0 if x > 0 else x


def read_int(x):
    return x * int(np.floor(x))


def read_index(x):
    return x * [10.0, 20.0, 30.0][(x * 0.5).astype(int)]


def read_float(x):
    return x * float(x)


def read_complex(x):
    return x * abs(complex(x))


def read_item(x):
    return x * x.item()


def read_tolist(x):
    return x * x.tolist()


def read_mask(x):
    row = ft.numpy.stack([x, -x])
    return ft.numpy.sum(row[row > 0])


def read_format(x):
    text = f"{x}{x!r}"
    assert text
    return x * 2.0


def read_array(x):
    return x * np.asarray(x)


# The value of the derivative where the read is allowed, else the error; at x = 2.5.
READS = {
    #              value           derivative (grad, jvp)         under vmap
    read_bool: (5.0, 2.0, errors.TracerBoolConversionError),
    read_int: (5.0, 2.0, errors.TracerIntegerConversionError),
    read_index: (50.0, 20.0, errors.TracerIntegerConversionError),
    read_float: (6.25, errors.DetachedReadError, errors.ConcretizationTypeError),
    read_complex: (6.25, errors.DetachedReadError, errors.ConcretizationTypeError),
    read_item: (6.25, errors.DetachedReadError, errors.ConcretizationTypeError),
    read_tolist: (6.25, errors.DetachedReadError, errors.ConcretizationTypeError),
    read_mask: (2.5, 1.0, errors.NonConcreteBooleanIndexError),
    read_format: (5.0, 2.0, 5.0),
}

UNDER = {
    "jit": (0, lambda f: ft.jit(f)),
    "jit of jit": (0, lambda f: ft.jit(ft.jit(f))),
    "grad": (1, lambda f: ft.grad(f)),
    "jvp": (1, lambda f: lambda x: ft.jvp(f, (x,), (1.0,))[1]),
    "vjp": (1, lambda f: lambda x: ft.vjp(f, x)[1](1.0)[0]),
    "linearize": (1, lambda f: lambda x: ft.linearize(f, x)[1](1.0)),
    "jacfwd": (1, lambda f: ft.jacfwd(f)),
    "jit of grad": (1, lambda f: ft.jit(ft.grad(f))),
    "grad of jit": (1, lambda f: ft.grad(ft.jit(f))),
    "vmap": (2, lambda f: lambda x: ft.vmap(f)(np.array([x]))[0]),
    "jit of vmap": (2, lambda f: lambda x: ft.jit(ft.vmap(f))(np.array([x]))[0]),
    "vmap of jit": (2, lambda f: lambda x: ft.vmap(ft.jit(f))(np.array([x]))[0]),
}


@pytest.mark.parametrize("read", READS, ids=lambda f: f.__name__)
@pytest.mark.parametrize("under", UNDER)
def test_reads(read, under):
    column, transform = UNDER[under]
    expected = READS[read][column]
    f = transform(read)
    x = np.float64(2.5)
    if isinstance(expected, float):
        assert f(x) == expected
        assert f(x) == expected  # the second call may come from a cache
    else:
        with pytest.raises(expected, match=r"test_errors\.py"):
            f(x)


@pytest.mark.parametrize("read", [r for r in READS if r is not read_format], ids=lambda f: f.__name__)
def test_reads_without_values(read):
    """make_jaxpr and eval_shape have no values to give."""
    with pytest.raises(errors.FtransError, match=r"test_errors\.py"):
        ft.make_jaxpr(read)(2.5)
    with pytest.raises(errors.FtransError, match=r"test_errors\.py"):
        ft.eval_shape(read, 2.5)


def test_reads_of_a_second_value_retrace():
    f = ft.jit(read_bool)
    assert [float(f(x)) for x in (2.0, -2.0, 3.0, -3.0)] == [4.0, -2.0, 6.0, -3.0]


@pytest.mark.parametrize("under", ["jit", "grad", "jvp", "vmap"])
def test_array_conversion(under):
    """`np.asarray(tracer)` stays a tracer, or raises: never a plain array with the derivative cut off."""
    f = UNDER[under][1](read_array)
    want = {"jit": 6.25, "grad": 5.0, "jvp": 5.0, "vmap": 6.25}[under]
    try:
        got = f(2.5)
    except errors.TracerArrayConversionError:
        return
    assert got == want


def test_plain_conversion_raises():
    def f(x):
        return x * np.frombuffer(np.array(x, dtype=object))  # never reached

    with pytest.raises((errors.FtransError, TypeError, ValueError)):
        ft.grad(f)(2.5)


def test_formatting_never_raises():
    def f(x):
        text = f"{x} {x:.3f} {x!r}" if x.ndim == 0 else f"{x}"
        assert text
        return x * 2.0

    for call in (ft.grad(f), ft.jit(f), ft.vmap(f), ft.make_jaxpr(f)):
        call(X if call.__name__.startswith("vmap") else 2.0)


# Names


JAX_ERRORS = {
    "ConcretizationTypeError": TypeError,
    "NonConcreteBooleanIndexError": IndexError,
    "TracerArrayConversionError": TypeError,
    "TracerBoolConversionError": TypeError,
    "TracerIntegerConversionError": TypeError,
    "UnexpectedTracerError": Exception,
}


@pytest.mark.smoke
@pytest.mark.parametrize("name", JAX_ERRORS)
def test_jax_names(name):
    error = getattr(ft.errors, name)
    assert issubclass(error, JAX_ERRORS[name])
    assert issubclass(error, errors.FtransError)
    if name.startswith(("TracerBool", "TracerInteger", "NonConcrete")):
        assert issubclass(error, errors.ConcretizationTypeError) or name.startswith("TracerInteger")


def test_every_error_is_what_python_would_raise():
    """Each class is an FtransError and, but for the bases, also a builtin exception; and says what it is for."""
    plain = tuple(e for e in vars(builtins).values() if isinstance(e, type) and issubclass(e, Exception) and e is not Exception)
    for name, error in vars(errors).items():
        if isinstance(error, type) and issubclass(error, Exception) and name not in ("FtransError",):
            assert issubclass(error, plain), f"{name} is no builtin exception"
            assert error.__doc__, f"{name} has no docstring"


def test_errors_leave_no_trace_open():
    """After an error the next call works, and operations on arrays run as NumPy."""
    with pytest.raises(ZeroDivisionError):
        ft.grad(lambda x: 1 / 0)(1.0)
    assert ft.grad(lambda x: mul(x, x))(3.0) == 6.0
    assert type(sin(X)) is np.ndarray
    assert add(1.0, 2.0) == 3.0
    assert greater(2.0, 1.0)


def test_user_exceptions_pass_unchanged():
    def f(x):
        raise KeyError("mine")

    for call in (lambda: ft.grad(f)(1.0), lambda: ft.jit(f)(X), lambda: ft.vmap(f)(X)):
        with pytest.raises(KeyError, match="mine"):
            call()


def test_line_numbers_are_those_of_dis():
    code = test_line_numbers_are_those_of_dis.__code__
    starts = dict(dis.findlinestarts(code))
    line = code.co_firstlineno
    for lasti in range(0, len(code.co_code), 2):
        line = starts.get(lasti) or line
        assert errors.line_number(code, lasti) == line
    assert errors.line_number(code, -1) == code.co_firstlineno


def test_lines_of_a_code_object_are_listed_once(monkeypatch):
    calls = []
    monkeypatch.setattr(errors.dis, "findlinestarts", lambda code: calls.append(code) or iter([(0, 5), (4, None), (8, 7)]))
    monkeypatch.setattr(errors, "line_tables", {})
    codes = [compile("x", "f", "eval") for _ in range(errors.TABLES_KEPT + 1)]
    assert [errors.line_number(codes[0], lasti) for lasti in range(0, 12, 2)] == [5, 5, 5, 5, 7, 7]
    assert calls == codes[:1]
    for code in codes:
        errors.line_number(code, 0)
    assert len(errors.line_tables) == errors.TABLES_KEPT
