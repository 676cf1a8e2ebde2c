"""JAX's `lax` names as far as they exist here: `from ftrans import lax`."""

from .ops.custom import stop_gradient

__all__ = ["stop_gradient"]
