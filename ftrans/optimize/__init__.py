"""SciPy's solvers with exact derivatives: minimize, root, least_squares, curve_fit, root_scalar, minimize_scalar.

    result = ft.optimize.minimize(loss, {"w": np.zeros(3), "b": 0.0}, args=(x, y), method="trust-ncg")
    result.x["w"]

Each is the function of `scipy.optimize` of that name, with the same arguments, methods and results. Gradients, Jacobians,
Hessians and products with Hessians are derived by ftrans where the method uses them, unless you give your own; the parameters may
be a pytree. SciPy computes in float64; float32 leaves are converted on the way in and out.
"""

from scipy.optimize import Bounds, LinearConstraint, NonlinearConstraint, OptimizeResult

from .curve_fit import curve_fit
from .least_squares import least_squares
from .minimize import minimize
from .root import root
from .scalar import minimize_scalar, root_scalar

__all__ = [
    "minimize", "root", "least_squares", "curve_fit", "root_scalar", "minimize_scalar",
    "Bounds", "LinearConstraint", "NonlinearConstraint", "OptimizeResult",
]  # fmt: skip
