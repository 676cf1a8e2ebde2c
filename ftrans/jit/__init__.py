"""jit: signatures, guards and the trace tree, tiers, explain."""
