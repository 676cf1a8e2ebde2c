"""ftrans: jit, grad, vmap and their like for plain NumPy functions."""

from . import numpy as numpy
