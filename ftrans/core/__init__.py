"""The foundation: avals, primitives, traces, jaxprs, the one interpreter loop."""
