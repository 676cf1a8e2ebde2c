"""Complex numbers and their parts: conjugate, real and imaginary part (views that can be written to), and their inverse."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.aval import BOOL, Aval, aval, promote
from ..core.bind import binary, bind, bind_view, unary
from ..core.primitive import Linear
from ..core.trace import Tracer
from ..errors import DtypeError, at_line
from .pointwise import Binary, Pointwise, Unary, behind_mask, neg
from .structural import convert, fit, unbroadcast, with_mask, zeros_of


class Conjugate(Unary):
    ufunc = np.conjugate

    def along(self, k: int, t: Any, out: Any, primals: tuple[Any, ...]) -> Any:
        return conj(t)

    def transpose(self, ct: Any, x: Linear) -> tuple[Any, ...]:
        return (behind_mask(ct, conj),)

    def lower(self, b: Any, x: Any) -> Any:
        return b.conjugate(x)


PART: dict[np.dtype[Any], np.dtype[Any]] = {
    np.dtype(np.complex64): np.dtype(np.float32),
    np.dtype(np.complex128): np.dtype(np.float64),
}


class Part(Pointwise, abstract=True):
    """The real or imaginary part of complex numbers: a view in NumPy."""

    nin = 1
    view = True

    def loops(self, *avals: Aval) -> tuple[np.dtype[Any], ...]:
        (x,) = avals
        if x.dtype not in PART:
            raise DtypeError(at_line(f"{self.name} needs a complex array, got {x}"))
        return x.dtype, PART[x.dtype]

    def aval(self, x: Aval) -> Aval:  # type: ignore[override]
        return aval(x.shape, self.loops(x)[-1], False, x.scalar)

    def along(self, k: int, t: Any, out: Any, primals: tuple[Any, ...]) -> Any:
        return bind(self, t)

    @classmethod
    def instances(cls) -> list[Any]:
        return [cls()]


class Real(Part):
    """The real part."""

    def eval(self, x: Any) -> Any:  # type: ignore[override]
        return x.real

    def transpose(self, ct: Any, x: Linear) -> tuple[Any, ...]:
        return (with_mask(ct, lambda v: v if v.a.dtype == BOOL else convert(v, x.dtype)),)

    def put(self, base: Any, new: Any, *rest: Any) -> Any:
        return make_complex(new, bind(Imag(), base))

    def lower(self, b: Any, x: Any) -> Any:  # type: ignore[override]
        return b.real(x)


class Imag(Part):
    """The imaginary part."""

    def eval(self, x: Any) -> Any:  # type: ignore[override]
        return x.imag

    def transpose(self, ct: Any, x: Linear) -> tuple[Any, ...]:
        return (with_mask(ct, lambda v: v if v.a.dtype == BOOL else make_complex(zeros_of(ct.a), neg(v))),)

    def put(self, base: Any, new: Any, *rest: Any) -> Any:
        return make_complex(bind(Real(), base), new)

    def lower(self, b: Any, x: Any) -> Any:  # type: ignore[override]
        return b.imag(x)


class MakeComplex(Binary):
    """x + iy of two real arrays of one dtype, without arithmetic: infinities and signed zeros stay."""

    def loops(self, *avals: Aval) -> tuple[np.dtype[Any], ...]:
        part = promote(*avals)
        if part not in PART.values():
            raise DtypeError(at_line(f"complex numbers are made of float32 or float64 arrays, got {avals[0]} and {avals[1]}"))
        return part, part, np.result_type(part, np.complex64)

    def eval(self, x: Any, y: Any) -> Any:  # type: ignore[override]
        out = np.empty(np.broadcast_shapes(np.shape(x), np.shape(y)), np.result_type(x, y, np.complex64))
        out.real, out.imag = x, y
        return out if out.ndim else out[()]

    def jvp(self, primals: tuple[Any, ...], tangents: tuple[Any, ...], out: Any) -> Any:
        parts = [zeros_of(p.a.strong()) if t is None else t for p, t in zip(primals, tangents, strict=True)]
        return fit(make_complex(*parts), out.a)

    def transpose(self, ct: Any, x: Any, y: Any) -> tuple[Any, ...]:
        left = unbroadcast(bind(Real(), ct), x.a) if isinstance(x, Linear) else None
        right = unbroadcast(neg(bind(Imag(), ct)), y.a) if isinstance(y, Linear) else None
        return left, right

    def lower(self, b: Any, x: Any, y: Any) -> Any:  # type: ignore[override]
        return b.complex(x, y)


conj, make_complex = unary(Conjugate()), binary(MakeComplex())


def dtype_of(x: Any) -> np.dtype[Any]:
    """The dtype of an array, a tracer or a Python scalar."""
    return x.a.dtype if isinstance(x, Tracer) else np.asarray(x).dtype


def real(x: Any) -> Any:
    """The real part of x; x itself where it is real."""
    return bind_view(Real(), x) if dtype_of(x).kind == "c" else x


def imag(x: Any) -> Any:
    """The imaginary part of x; zeros where it is real."""
    if dtype_of(x).kind == "c":
        return bind_view(Imag(), x)
    return zeros_of(x.a.strong()) if isinstance(x, Tracer) else np.imag(x)


__all__ = ["Conjugate", "Imag", "MakeComplex", "Real", "conj", "dtype_of", "imag", "make_complex", "real"]
