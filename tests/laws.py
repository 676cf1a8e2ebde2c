"""What is true of every primitive: `obeys_jvp(op, args)` raises AssertionError, with the numbers, where it is not.

    for law in LAWS: law(Sin(), (np.array([1.0, 2.0]),))

A law takes a primitive and example arguments, and compares its rules with `eval`, the reference. Test files apply the laws to
the whole registry (test_laws.py) and to rules that are wrong on purpose (test_tests.py).
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

import ftrans as ft
from ftrans.core.aval import Aval, aval, aval_of
from ftrans.core.bind import bind
from ftrans.core.check import check_jaxpr
from ftrans.core.jaxpr import Jaxpr
from ftrans.core.primitive import Linear, Primitive, infer
from ftrans.core.run import interpret, run
from ftrans.core.trace import Trace
from ftrans.errors import DtypeError, FtransError, NotDifferentiableError, UnsupportedError
from ftrans.ops.pointwise import Pointwise, add
from ftrans.transforms.jvp import full_jvp_jaxpr, tangent_aval
from ftrans.transforms.vjp import linearize_jaxpr, pullback_jaxpr

Args = tuple[Any, ...]

# Operations whose result is the same bit for bit in every tier; the others may differ by rounding.
EXACT = {
    "abs", "add", "bitwise_and", "bitwise_or", "bitwise_xor", "broadcast", "ceil", "concatenate", "conjugate",
    "convert", "copy", "copysign", "div", "equal", "fabs", "floor", "floor_divide", "fmax", "fmin", "fmod", "gather",
    "greater", "greater_equal", "heaviside", "imag", "index", "invert", "iota", "isfinite", "isinf", "isnan",
    "left_shift", "less", "less_equal", "logical_and", "logical_not", "logical_or", "logical_xor", "make_complex",
    "maximum", "minimum", "mul", "neg", "not_equal", "positive", "put", "ravel", "real", "reciprocal", "remainder",
    "reshape", "right_shift", "rint", "select", "sign", "signbit", "slice", "sqrt", "square", "stop_gradient", "sub",
    "transpose", "trunc",
}  # fmt: skip


# Tools


def tuple_of(op: Primitive, out: Any) -> tuple[Any, ...]:
    """The results of a primitive, whether it has one or several."""
    return tuple(out) if op.multiple else (out,)


def evaluated(op: Primitive, args: Sequence[Any]) -> tuple[Any, ...]:
    """The results by the reference rule, without NumPy's warnings."""
    with np.errstate(all="ignore"):
        return tuple_of(op, op.eval(*args))


def inexact(x: Any) -> bool:
    """Whether x can carry a derivative."""
    return np.asarray(x).dtype.kind in "fc"


def random_like(x: Any, rng: np.random.Generator) -> Any:
    """A random array of x's shape and dtype; complex where x is; a scalar where x is one."""
    plain = np.asarray(x)
    r: Any = rng.standard_normal(plain.shape)
    if plain.dtype.kind == "c":
        r = r + 1j * rng.standard_normal(plain.shape)
    r = np.asarray(r).astype(plain.dtype)
    return r if isinstance(x, np.ndarray) else r[()]


def widened(x: Any) -> Any:
    """x in double precision, for a reference that does not suffer from rounding."""
    plain = np.asarray(x)
    if plain.dtype.kind not in "fc" or type(x) in (float, complex):
        return x
    wide = plain.astype(np.complex128 if plain.dtype.kind == "c" else np.float64)
    return wide if isinstance(x, np.ndarray) else wide[()]


def tolerance(*values: Any) -> float:
    """What rounding may do to a derivative computed in these dtypes."""
    eps = max([np.finfo(np.asarray(v).dtype).eps for v in values if inexact(v)], default=2.3e-16)
    return float({True: 1e-6, False: 300 * eps}[eps < 1e-10])


def rounding(op: Primitive, y: Any) -> float:
    """How far two ways to compute the same result may be apart: a few units in the last place of the largest number."""
    if not inexact(y):
        return 0.0
    return float(np.finfo(np.asarray(y).dtype).eps) * (8 if isinstance(op, Pointwise) else 1e4)


def assert_close(got: Any, want: Any, what: str, tol: float = 1e-9, scale: float = 0.0) -> None:
    """Equal up to tol, relative to the largest number involved (or to `scale`); nan and inf at the same places."""
    got, want = np.asarray(got), np.asarray(want)
    assert got.shape == want.shape, f"{what}: shape {got.shape}, expected {want.shape}"
    if want.dtype.kind in "biu" and got.dtype.kind in "biu":
        assert np.array_equal(got, want), f"{what}:\n got {got}\n expected {want}"
        return
    finite = np.isfinite(want)
    assert np.array_equal(np.isfinite(got), finite), f"{what}: not finite at other places:\n got {got}\n expected {want}"
    largest = max(float(np.max(np.abs(want[finite]), initial=0.0)), scale, 1e-3)
    with np.errstate(all="ignore"):
        error = float(np.max(np.abs(got - want)[finite], initial=0.0))
    assert error <= tol * largest, f"{what}: off by {error:.3g} (of {largest:.3g}):\n got {got}\n expected {want}"


def assert_same_bits(got: Any, want: Any, what: str) -> None:
    """The same shape, dtype and bits, but any nan for a nan."""
    got, want = np.asarray(got), np.asarray(want)
    assert (got.shape, got.dtype) == (want.shape, want.dtype), (
        f"{what}: {got.shape} {got.dtype}, expected {want.shape} {want.dtype}"
    )
    same = (got == want) & (np.signbit(got.real) == np.signbit(want.real)) if got.dtype.kind in "fc" else got == want
    same = same | ((got != got) & (want != want))
    assert np.all(same), f"{what}: not the same bits:\n got {got}\n expected {want}"


def assert_same_type(got: Any, want: Any, what: str) -> None:
    """The same shape, dtype and kind of object: ndarray, NumPy scalar or Python scalar."""
    a, b = aval_of(got), aval_of(want)
    assert a is b, f"{what} is {described(a)}, expected {described(b)}"


def assert_fits(got: Any, want: Any, what: str) -> None:
    """The shape and dtype of a tangent or cotangent are those of its value (a 0-d array may become a scalar, as in NumPy)."""
    x, y = np.asarray(got), np.asarray(want)
    assert (x.shape, x.dtype) == (y.shape, y.dtype), f"{what} is {x.dtype}{x.shape}, expected {y.dtype}{y.shape}"


def described(a: Aval) -> str:
    """An aval with its scalar flag."""
    return f"{a}{' (scalar)' if a.scalar else ''}"


def pairing(ct: Sequence[Any], t: Sequence[Any]) -> float:
    """The real part of the bilinear pairing, sum of ct * t: what transposition preserves, complex or not."""
    return float(
        sum([np.sum(np.asarray(c, np.complex128) * np.asarray(v, np.complex128)).real for c, v in zip(ct, t, strict=True)])
    )


def magnitude(ct: Sequence[Any], t: Sequence[Any]) -> float:
    """How large the terms of a pairing are: errors are relative to it."""
    return float(sum([np.sum(np.abs(np.asarray(c) * np.asarray(v))) for c, v in zip(ct, t, strict=True)]))


def applied(op: Primitive) -> Callable[..., Any]:
    """The primitive as a function users could have written."""

    def fun(*args: Any) -> Any:
        return bind(op, *args)

    fun.__name__ = op.name
    return fun


def one_equation(op: Primitive, args: Args) -> Jaxpr:
    """The jaxpr that applies op once."""
    with Trace() as t:
        t.src = ()
        out = bind(op, *[t.input(aval_of(x)) for x in args])
        return Jaxpr.from_trace(t, [x.i for x in tuple_of(op, out)], baked=True)


def moving(args: Args) -> tuple[bool, ...]:
    """Which arguments can carry a derivative."""
    return tuple([inexact(x) for x in args])


def differentiable(op: Primitive, args: Args) -> bool:
    """Whether the operation has a derivative rule and something to differentiate here; checks the claim by calling it."""
    if not any(moving(args)) or not any([a.inexact for a in tuple_of(op, infer(op, tuple([aval_of(x) for x in args])))]):
        return False
    try:
        full_jvp_jaxpr(one_equation(op, args), moving(args))
    except NotDifferentiableError:
        return False
    return True


# The laws


def obeys_aval(op: Primitive, args: Args) -> None:
    """aval = type of eval: shape, dtype, and whether NumPy gives a scalar. And eval leaves its arguments alone."""
    before = [np.array(x) for x in args]
    inferred = tuple_of(op, infer(op, tuple([aval_of(x) for x in args])))
    results = evaluated(op, args)
    assert len(results) == len(inferred) == op.nout, f"{op}: {len(results)} results, {len(inferred)} avals, nout = {op.nout}"
    assert len(args) == op.nin, f"{op}: {len(args)} arguments, nin = {op.nin}"
    for k, (x, a) in enumerate(zip(results, inferred, strict=True)):
        have = aval_of(x)
        assert have is a, f"{op}: eval gives {described(have)} for result {k}, the aval rule says {described(a)} (args {args})"
    for x, y in zip(args, before, strict=True):
        assert_same_bits(x, y, f"{op}: an argument after eval")


def obeys_jvp(op: Primitive, args: Args, seed: int = 0) -> None:
    """jvp = central difference in a random direction, complex for complex arguments."""
    if not differentiable(op, args):
        return
    rng = np.random.default_rng(seed)
    tangents = [random_like(x, rng) if inexact(x) else None for x in args]
    j = full_jvp_jaxpr(one_equation(op, args), moving(args))
    with np.errstate(all="ignore"):
        results = interpret(check_jaxpr(j), [*args, *[t for t in tangents if t is not None]])
    outs, dots = results[: op.nout], results[op.nout :]
    for k, (y, want) in enumerate(zip(outs, evaluated(op, args), strict=True)):
        assert_same_bits(y, want, f"{op}: primal result {k} under jvp")
    expected, rough = central_difference(op, args, tangents)
    tol = max(tolerance(*args, *[y for y in outs if inexact(y)]), 3e-3 if rough else 0.0)
    for k, (d, want, y) in enumerate(zip(dots, expected, outs, strict=True)):
        assert_fits(d, y, f"{op}: tangent of result {k}")
        if inexact(y):
            ok = np.isfinite(want)
            assert_close(np.where(ok, d, 0), np.where(ok, want, 0), f"{op}: tangent of result {k} at {args}", tol)
        else:
            assert not np.any(d), f"{op}: the tangent of an integer result must be zero"


def central_difference(op: Primitive, args: Args, tangents: Sequence[Any]) -> tuple[list[Any], bool]:
    """The derivative along tangents by a five-point difference, and whether the results are too coarse for more than 3 digits."""
    wide = [widened(x) for x in args]

    def at(step: float) -> tuple[Any, ...]:
        moved = [
            x if t is None else like_input(np.asarray(x) + step * np.asarray(widened(t)), x)
            for x, t in zip(wide, tangents, strict=True)
        ]
        return evaluated(op, moved)

    rough = any([np.asarray(y).dtype.name in ("float32", "complex64", "float16") for y in at(0.0)])
    h = 2e-2 if rough else 1e-4
    with np.errstate(all="ignore"):
        one, two = list(zip(at(h), at(-h), strict=True)), list(zip(at(2 * h), at(-2 * h), strict=True))
        slopes = [
            (8 * (exact(p) - exact(m)) - (exact(pp) - exact(mm))) / (12 * h) if inexact(p) else np.zeros(np.shape(p))
            for (p, m), (pp, mm) in zip(one, two, strict=True)
        ]
    return slopes, rough


def exact(x: Any) -> Any:
    """x in double precision, as an array."""
    return np.asarray(widened(np.asarray(x)))


def like_input(x: Any, pattern: Any) -> Any:
    """x as the kind of object that pattern is."""
    if type(pattern) in (float, complex):
        return type(pattern)(x)
    return np.asarray(x) if isinstance(pattern, np.ndarray) else np.asarray(x)[()]


def obeys_vjp(op: Primitive, args: Args, seed: int = 0) -> None:
    """⟨ct, J v⟩ = ⟨Jᵀ ct, v⟩ for the derivative in every argument at once, with the public jvp and vjp."""
    if not differentiable(op, args):
        return
    rng = np.random.default_rng(seed)
    fun = applied(op)
    tangents = tuple([random_like(x, rng) if inexact(x) else np.zeros_like(x) for x in args])
    with np.errstate(all="ignore"):
        out, dots = ft.jvp(fun, args, tangents)
        again, pull = ft.vjp(fun, *args)
        outs, dots, again = tuple_of(op, out), tuple_of(op, dots), tuple_of(op, again)
        cts = tuple([random_like(y, rng) if inexact(y) else np.zeros(np.shape(y), np.asarray(y).dtype) for y in outs])
        back = pull(cts if op.multiple else cts[0])
    for k, (x, y) in enumerate(zip(again, outs, strict=True)):
        assert_same_bits(x, y, f"{op}: primal result {k} under vjp")
    for k, (g, x) in enumerate(zip(back, args, strict=True)):
        if inexact(x):
            assert_fits(g, x, f"{op}: cotangent of argument {k}")
    on = moving(args)
    pairs = [(g, t) for g, t, flag in zip(back, tangents, on, strict=True) if flag]
    compare_pairings(op, cts, dots, [g for g, _ in pairs], [t for _, t in pairs], "under vjp", tolerance(*args, *outs))


def compare_pairings(op: Primitive, cts: Any, dots: Any, back: Any, tangents: Any, what: str, tol: float) -> None:
    """⟨ct, J v⟩ against ⟨Jᵀ ct, v⟩, relative to the terms of the sums."""
    left, right = pairing(cts, dots), pairing(back, tangents)
    scale = max(magnitude(cts, dots), magnitude(back, tangents), 1e-3)
    if not np.isfinite(left) and not np.isfinite(right):
        return
    assert abs(left - right) <= min(tol, 1e-2) * scale, f"{op}: {what}, <ct, J v> = {left:.9g} but <J^T ct, v> = {right:.9g}"


def obeys_transpose(op: Primitive, args: Args, seed: int = 0) -> None:
    """Where eval is affine in an argument and the class has a transpose rule, that rule transposes its linear part."""
    if type(op).transpose is Primitive.transpose or op.nout != 1 or op.multiple:
        return
    rng = np.random.default_rng(seed)
    for k, x in enumerate(args):
        if not inexact(x):
            continue
        v = random_like(x, rng)
        dy = linear_part(op, args, k, v, rng)
        if dy is None:
            continue
        ct = random_like(dy, rng)
        try:
            j = transposed_equation(op, args, k, aval_of(dy))
        except (NotDifferentiableError, DtypeError):  # the rule does not take this argument as the linear one
            continue
        with np.errstate(all="ignore"):
            (back,) = interpret(check_jaxpr(j), [*[y for i, y in enumerate(args) if i != k], ct])
        assert_fits(back, x, f"{op}: the transpose in argument {k}")
        compare_pairings(op, [ct], [dy], [back], [v], f"transposed in argument {k}", tolerance(x, dy))


def linear_part(op: Primitive, args: Args, k: int, v: Any, rng: np.random.Generator) -> Any:
    """eval(v) - eval(0) in argument k, where eval is affine in it with the others fixed; else None. Decided by numbers."""

    def at(value: Any) -> Any:
        new = like_input(np.asarray(value).astype(np.asarray(args[k]).dtype), args[k])
        return evaluated(op, (*args[:k], new, *args[k + 1 :]))[0]

    if not np.size(args[k]):
        return None
    u = random_like(args[k], rng)
    try:
        zero, one, two, three = (at(x) for x in (0 * u, u, v, 2 * u - 3 * v))
    except (ArithmeticError, ValueError, np.linalg.LinAlgError):
        return None
    if not inexact(zero):
        return None
    with np.errstate(all="ignore"):
        left, right = exact(three), 2 * exact(one) - 3 * exact(two) + 2 * exact(zero)
        affine = np.allclose(left, right, rtol=1e-4, atol=1e-4 * float(np.max(np.abs(right), initial=1e-9)))
        return like_input(np.asarray(two - zero).astype(np.asarray(zero).dtype), zero) if affine else None


def transposed_equation(op: Primitive, args: Args, k: int, out: Aval) -> Jaxpr:
    """The jaxpr (other arguments, ct) -> (cotangent of argument k), made by the transpose rule."""
    with Trace() as t:
        t.src = ()
        ins: list[Any] = [Linear(aval_of(x)) if i == k else t.input(aval_of(x)) for i, x in enumerate(args)]
        ct = t.input(out)
        cts = op.transpose(ct, *ins)
        assert len(cts) == op.nin, f"{op}: transpose returns {len(cts)} cotangents for {op.nin} arguments"
        assert cts[k] is not None, f"{op}: transpose gives no cotangent for its linear argument {k}"
        return Jaxpr.from_trace(t, [cts[k].i], baked=True)


BATCH = 3


def obeys_vmap(op: Primitive, args: Args, seed: int = 0) -> None:
    """vmap = stacked loop, for every choice of in_axes from None, 0 and the last axis."""
    rng = np.random.default_rng(seed)
    for axes in axis_choices(args):
        batched = tuple([x if d is None else batch_of(x, d, rng) for x, d in zip(args, axes, strict=True)])
        try:
            j, dims = batched_equation(op, batched, axes)
        except UnsupportedError:
            return
        with np.errstate(all="ignore"):
            outs = interpret(check_jaxpr(j), list(batched))
        rows = [evaluated(op, row(batched, axes, i, args)) for i in range(BATCH)]
        for k, (got, d) in enumerate(zip(outs, dims, strict=True)):
            want = np.stack([np.asarray(r[k]) for r in rows]) if d is not None else np.asarray(rows[0][k])
            moved = np.asarray(got) if d is None else np.moveaxis(np.asarray(got), d, 0)
            what = f"{op}: result {k} under vmap with in_axes={axes}, argument shapes {[np.shape(x) for x in args]}"
            assert moved.dtype == want.dtype, f"{what}: dtype {moved.dtype}, expected {want.dtype}"
            assert_close(moved, want, what, rounding(op, want))


def obeys_out_axes(op: Primitive, args: Args, seed: int = 0) -> None:
    """The public vmap puts the batch axis of every result where out_axes says: first or last."""
    rng = np.random.default_rng(seed)
    axes = tuple([axis_options(x)[-1] for x in args])
    if all([d is None for d in axes]):
        return
    batched = tuple([x if d is None else batch_of(x, d, rng) for x, d in zip(args, axes, strict=True)])
    rows = [evaluated(op, row(batched, axes, i, args)) for i in range(BATCH)]
    for axis in (0, -1):
        try:
            with np.errstate(all="ignore"):
                outs = tuple_of(op, ft.vmap(applied(op), in_axes=axes, out_axes=axis)(*batched))
        except UnsupportedError:
            return
        for k, got in enumerate(outs):
            want = np.stack([np.asarray(r[k]) for r in rows], axis)
            what = f"{op}: result {k} of vmap with in_axes={axes}, out_axes={axis}"
            assert_fits(got, want, what)
            assert_close(got, want, what, rounding(op, want))


def axis_choices(args: Args) -> Iterator[tuple[int | None, ...]]:
    """Every choice of None, 0 and last for each argument, not all None; for many arguments a few of them."""
    options = [axis_options(x) for x in args]
    if len(args) <= 3:
        return itertools.islice(itertools.product(*options), 1, None)
    alone = [tuple([x if i == k else None for i in range(len(args))]) for k, xs in enumerate(options) for x in xs[1:]]
    return iter([tuple([xs[1] if len(xs) > 1 else None for xs in options]), *alone])


def axis_options(x: Any) -> tuple[int | None, ...]:
    """The axes along which an argument can be batched; a Python scalar cannot, its dtype is weak."""
    if type(x) in (int, float, complex, bool):
        return (None,)
    return (None, 0) if np.ndim(x) == 0 else (None, 0, np.ndim(x))


def batch_of(x: Any, d: int, rng: np.random.Generator) -> Any:
    """BATCH different arguments like x, stacked along axis d: x itself, then x scaled a little or its elements rearranged."""
    plain = np.asarray(x)
    if plain.dtype.kind in "fc":
        rows = [plain] + [(plain * (1 + 0.01 * k)).astype(plain.dtype) for k in range(1, BATCH)]
    else:
        flat = [rng.permutation(plain.reshape(-1)).reshape(plain.shape) for _ in range(1, BATCH)]
        rows = [plain, *flat]
    return np.stack(rows, d)


def row(batched: Args, axes: Sequence[int | None], i: int, args: Args) -> list[Any]:
    """The arguments of example i of the batch."""
    return [x if d is None else like_input(np.take(x, i, d), y) for x, d, y in zip(batched, axes, args, strict=True)]


def batched_equation(op: Primitive, batched: Args, axes: Sequence[int | None]) -> tuple[Jaxpr, tuple[Any, ...]]:
    """The jaxpr that the vmap rule makes, and the batch dimension of each result."""
    with Trace() as t:
        t.src = ()
        ins = tuple([t.input(aval_of(x)) for x in batched])
        outs, dims = op.vmap(BATCH, ins, tuple(axes))
        outs, dims = (outs, dims) if op.multiple else ((outs,), (dims,))
        return Jaxpr.from_trace(t, [x.i for x in outs], baked=True), tuple(dims)


def obeys_transforms(op: Primitive, args: Args) -> None:
    """Jaxprs transformed twice are well-typed: jvp of jvp, jvp of vjp, vjp of jvp, vjp of vjp, vmap of vjp."""
    if not differentiable(op, args):
        return
    j, on = one_equation(op, args), moving(args)

    assert any(on)
    for first, second in itertools.product([forward, reverse], repeat=2):
        check_jaxpr(second(check_jaxpr(first(j))))


def obeys_symmetry(op: Primitive, args: Args, seed: int = 0) -> None:
    """The second derivative is symmetric, and the derivative of the gradient: u·(H v) = v·(H u) = d/dv (grad · u)."""
    if not differentiable(op, args):
        return
    rng = np.random.default_rng(seed)
    outs = evaluated(op, args)
    cts = [random_like(y, rng) if inexact(y) else None for y in outs]
    where = [k for k, x in enumerate(args) if inexact(x)]
    primals = tuple([args[k] for k in where])
    u, v = (tuple([random_like(x, rng) for x in primals]) for _ in range(2))

    def loss(*xs: Any) -> Any:
        full = list(args)
        for k, x in zip(where, xs, strict=True):
            full[k] = x
        return tuple_of(op, bind(op, *full))

    def slope(direction: Args) -> Callable[..., Any]:
        return lambda *xs: ft.jvp(loss, xs, direction)[1]

    with np.errstate(all="ignore"):
        uv = ft.jvp(slope(u), primals, v)[1]
        vu = ft.jvp(slope(v), primals, u)[1]
        _, pull = ft.vjp(slope(u), *primals)
        seeds = tuple([np.zeros(np.shape(y), np.asarray(y).dtype) if c is None else c for y, c in zip(outs, cts, strict=True)])
        back = pull(seeds)
    tol = tolerance(*primals, *[y for y in outs if inexact(y)])
    for k, (a, b, c) in enumerate(zip(uv, vu, cts, strict=True)):
        if c is not None and np.all(np.isfinite(a)):
            assert_close(a, b, f"{op}: D²f(u, v) and D²f(v, u) of result {k}", max(tol, 1e-6))
    live = [(c, a) for c, a in zip(cts, uv, strict=True) if c is not None]
    compare_pairings(op, [c for c, _ in live], [a for _, a in live], back, v, "vjp of jvp against jvp of jvp", tol)


def obeys_jit(op: Primitive, args: Args) -> None:
    """A jitted call gives what eval gives: traced, cold, and compiled; bit for bit where the operation is exact.

    A kernel holds two equations at least, so the compiled function returns a second result made from the first.
    """

    def doubled(*xs: Any) -> Any:
        outs = tuple_of(op, bind(op, *xs))
        return outs, [add(y, y) for y in outs]

    never, now = ft.jit(applied(op), compile="never"), ft.jit(doubled, compile="now")
    for size, xs in (("", args), (", many elements", enlarged(op, args))):
        if xs is None:
            continue
        want = evaluated(op, xs)
        calls = [("cold", lambda xs: tuple_of(op, never(*xs))), ("compiled", lambda xs: now(*xs)[0])]
        for what, call in calls:
            for again in ("", ", second call"):
                with np.errstate(all="ignore"):
                    got = call(xs)
                compare_results(op, got, want, what + again + size, is_exact(op, xs))


def enlarged(op: Primitive, args: Args) -> Args | None:
    """The arguments repeated, so that compiled loops run their vectorised parts; None where the operation has fixed sizes."""
    grows = isinstance(op, Pointwise) or hasattr(op, "reduction") or op.expand is not None
    if not grows or not all([isinstance(x, np.ndarray) for x in args]):
        return None
    if not all([x.size and x.ndim for x in args]):
        return None
    return tuple([np.tile(x, [13 if n > 1 else 1 for n in x.shape]) for x in args])


def is_exact(op: Primitive, args: Args) -> bool:
    """Whether every tier gives the same bits."""
    is_complex = any([np.iscomplexobj(x) for x in args])
    return op.name in EXACT and not (is_complex and op.name in ("mul", "div", "sign", "sqrt", "abs", "square", "reciprocal"))


def compare_results(op: Primitive, got: Sequence[Any], want: Sequence[Any], what: str, exact: bool) -> None:
    """Results of another tier against eval."""
    for k, (x, y) in enumerate(zip(got, want, strict=True)):
        text = f"{op}: result {k}, {what}"
        assert_same_type(x, y, text)
        if exact:
            assert_same_bits(x, y, text)
        else:
            assert_close(x, y, text, rounding(op, y))


def forward(j: Jaxpr) -> Jaxpr:
    """(x..., dx of every inexact x...) -> (y..., dy...)."""
    return full_jvp_jaxpr(j, tuple([a.inexact for a in j.in_avals]))


def reverse(j: Jaxpr) -> Jaxpr:
    """(x..., ct of every result...) -> (y..., ct of every inexact x...)."""
    active = tuple([a.inexact for a in j.in_avals])
    lin, back = linearize_jaxpr(j, active), pullback_jaxpr(j, active)
    with Trace() as t:
        t.src = ()
        xs = [t.input(a) for a in j.in_avals]
        cts = [t.input(tangent_aval(a)) for a in j.out_avals]
        outs = run(lin.forward, xs)
        grads = run(back, [*outs[len(j.outs) :], *cts])
        return Jaxpr.from_trace(t, [x.i for x in [*outs[: len(j.outs)], *grads]], baked=True)


def cold(law: Callable[[Primitive, Args], None]) -> Callable[[Primitive, Args], None]:
    """The law for NumPy steps. What has run often in this process would be compiled, and round in another way than eval."""

    def checked(op: Primitive, args: Args) -> None:
        with ft.config.set(jit="never"):
            law(op, args)

    return checked


LAWS: dict[str, Callable[[Primitive, Args], None]] = {
    "aval": cold(obeys_aval),
    "jvp": cold(obeys_jvp),
    "vjp": cold(obeys_vjp),
    "transpose": cold(obeys_transpose),
    "vmap": cold(obeys_vmap),
    "out_axes": cold(obeys_out_axes),
    "twice": cold(obeys_transforms),
    "symmetry": cold(obeys_symmetry),
    "jit": obeys_jit,
}


# Examples


def examples(cls: type[Primitive]) -> list[tuple[Primitive, Args]]:
    """The examples that a primitive gives, as it gives them."""
    return [(op, tuple(args)) for op, args in cls.examples()]  # type: ignore[attr-defined]


def variants(op: Primitive, args: Args) -> Iterator[tuple[str, Args]]:
    """Arguments derived from an example: in single precision, and for pointwise operations complex, 0-d, empty, broadcast."""
    wide = [isinstance(x, np.ndarray | np.generic) and np.asarray(x).dtype.name in ("float64", "complex128") for x in args]
    if any(wide) and op.name != "weaken":  # Python has no scalars in single precision
        yield "single", tuple([narrow(x) if on else x for x, on in zip(args, wide, strict=True)])
    if not isinstance(op, Pointwise) or not all([isinstance(x, np.ndarray) for x in args]):
        return
    if all([x.dtype == np.float64 for x in args]):
        yield "complex", tuple([x + 0.2j * (1 + np.arange(x.size).reshape(x.shape) / max(x.size, 1)) for x in args])
    if all([x.size for x in args]):
        firsts = [x.reshape(-1)[:1] for x in args]
        yield "0-d", tuple([x.reshape(()) for x in firsts])
        yield "scalar", tuple([x[0] for x in firsts])
        yield "empty", tuple([np.zeros((0, 3), x.dtype) for x in args])
        if len(args) > 1:
            yield "broadcast", (np.tile(firsts[0], (2, 1)), *[np.tile(x, 3) for x in firsts[1:]])


def narrow(x: Any) -> Any:
    """x in single precision."""
    return x.astype(np.complex64 if x.dtype.kind == "c" else np.float32)


def accepts(op: Primitive, args: Args) -> bool:
    """Whether the operation takes arguments of these types at all."""
    try:
        infer(op, tuple([aval_of(x) for x in args]))
    except FtransError:
        return False
    return True


__all__ = ["LAWS", "accepts", "aval", "examples", "variants"]
