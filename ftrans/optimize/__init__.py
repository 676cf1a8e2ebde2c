"""SciPy's solvers with derivatives by ftrans (work in progress)."""
