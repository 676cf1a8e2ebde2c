"""What JAX programs call besides transformations: here arrays are ndarrays and results are there when a call returns."""

from __future__ import annotations

from typing import Any

import numpy as np

from . import pytree


def block_until_ready(x: Any) -> Any:
    """x: results are always ready. Mirrors `jax.block_until_ready`."""
    return x


def device_put(x: Any, *ignored: Any) -> Any:
    """x with its leaves as ndarrays. Mirrors `jax.device_put`; there is one device, the CPU."""
    return pytree.map(np.asarray, x)


def device_get(x: Any) -> Any:
    """x with its leaves as ndarrays. Mirrors `jax.device_get`."""
    return pytree.map(np.asarray, x)
