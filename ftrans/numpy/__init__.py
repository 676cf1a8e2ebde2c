"""The NumPy-named namespace: `import ftrans.numpy as np`."""

from . import methods as methods
