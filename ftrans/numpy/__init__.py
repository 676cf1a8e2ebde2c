"""The NumPy-named namespace: `import ftrans.numpy as np`."""
