"""ftrans: JAX-style transformations of plain NumPy functions.

    import numpy as np
    import ftrans as ft

    ft.grad(f)            the gradient of a function with a scalar result
    ft.jit(f)             the same function, fused and compiled once it is worth it
    ft.vmap(f)            f over a batch, without a loop
    ft.jvp, ft.vjp, ft.jacfwd, ft.jacrev, ft.hessian, ft.hvp, ft.linearize ...
    ft.draw(f)(x)         the graph of the computation, with values and derivatives

They compose in any order. `ft.nn`, `ft.optim` and `ft.optimize` have networks, optimisers and SciPy's solvers; they are imported
when first used. `ftrans.numpy` holds the NumPy functions that can be traced; plain `numpy` functions on traced arrays lead there
by themselves.
"""

from typing import TYPE_CHECKING

from . import errors as errors
from . import lax as lax
from . import numpy as numpy
from . import tree as tree
from . import tree_util as tree_util
from .api import block_until_ready, device_get, device_put
from .backends.numba.store import store as kernel_store
from .config import config
from .core.lazy import later
from .core.strict import numpy_rank_promotion, strict
from .core.trace import Tracer
from .jit.api import Jitted, jit
from .jit.explain import explain
from .jit.tiers import no_compile
from .numpy.at import at
from .ops.custom import stop_gradient
from .transforms.abstract import ShapeDtypeStruct, eval_jaxpr, eval_shape, make_jaxpr
from .transforms.grad import grad, value_and_grad
from .transforms.jacobian import hessian, hvp, jacfwd, jacobian, jacrev
from .transforms.jvp import float0, jvp
from .transforms.transpose import linear_transpose
from .transforms.vjp import linearize, vjp
from .transforms.vmap import vmap

if TYPE_CHECKING:
    from . import nn as nn
    from . import optim as optim
    from . import optimize as optimize
    from .pictures import draw as draw

__version__ = "0.1.0"

__getattr__ = later("ftrans", {"draw": "pictures:draw", "nn": "nn", "optim": "optim", "optimize": "optimize"})

__all__ = [
    "Jitted", "ShapeDtypeStruct", "Tracer", "at", "block_until_ready", "config", "device_get", "device_put", "draw", "errors",
    "eval_jaxpr", "eval_shape", "explain", "float0", "grad", "hessian", "hvp", "jacfwd", "jacobian", "jacrev", "jit", "jvp",
    "kernel_store", "lax", "linear_transpose", "linearize", "make_jaxpr", "nn", "no_compile", "numpy", "numpy_rank_promotion",
    "optim", "optimize", "stop_gradient", "strict", "tree", "tree_util", "value_and_grad", "vjp", "vmap",
]  # fmt: skip
