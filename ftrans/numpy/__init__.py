"""The NumPy-named namespace: `import ftrans.numpy as np`.

Its functions take and give traced arrays inside a transformed function, and are NumPy's own outside. Plain `numpy` functions called
on traced arrays lead here by themselves; what only works through this module is what NumPy cannot hand over: `array`, `arange` and
`linspace` of traced numbers, `zeros` and its like for arrays that traced values are stored in, `r_` and `c_`.
"""

from __future__ import annotations

from typing import Any

import numpy as _np
from numpy import (
    array2string,
    array_repr,
    array_str,
    bool_,
    broadcast_shapes,
    complex64,
    complex128,
    complexfloating,
    dtype,
    e,
    errstate,
    euler_gamma,
    exceptions,
    finfo,
    float16,
    float32,
    float64,
    floating,
    generic,
    get_printoptions,
    geterr,
    iinfo,
    index_exp,
    inexact,
    inf,
    int8,
    int16,
    int32,
    int64,
    int_,
    integer,
    intp,
    isscalar,
    issubdtype,
    iterable,
    nan,
    ndarray,
    newaxis,
    number,
    pi,
    printoptions,
    promote_types,
    s_,
    set_printoptions,
    seterr,
    signedinteger,
    uint,
    uint8,
    uint16,
    uint32,
    uint64,
    unsignedinteger,
    vectorize,
)

from ..errors import UnsupportedError as _UnsupportedError
from ..errors import at_line as _at_line
from . import linalg as linalg
from . import methods as _methods
from .at import at
from .creation import *  # noqa: F403
from .einsum import *  # noqa: F403
from .joining import *  # noqa: F403
from .pointwise import *  # noqa: F403
from .polynomials import *  # noqa: F403
from .products import *  # noqa: F403
from .reductions import *  # noqa: F403
from .selecting import *  # noqa: F403
from .selecting import select_ as select
from .sets import *  # noqa: F403
from .shapes import *  # noqa: F403
from .shapes import array_ as array
from .signal import *  # noqa: F403
from .sorting import *  # noqa: F403
from .statistics import *  # noqa: F403
from .ufuncs import *  # noqa: F403

bool = _np.bool_


class MissingFunctionError(_UnsupportedError, AttributeError):
    """A function of NumPy that ftrans.numpy does not have."""


def __getattr__(name: str) -> Any:
    """NumPy's modules that need no tracing, loaded when they are used; else name what is missing, and what to do."""
    if name in ("testing", "random"):
        return getattr(_np, name)
    if name.startswith("__") or not hasattr(_np, name):
        raise AttributeError(
            f"module 'ftrans.numpy' has no attribute {name!r}" + ("" if name.startswith("__") else ", nor has numpy")
        )
    raise MissingFunctionError(
        _at_line(
            f"numpy.{name} is not supported by ftrans.numpy (yet)",
            hint=f"call plain numpy.{name} on arrays that are not traced, outside of the transformed function",
        )
    )
