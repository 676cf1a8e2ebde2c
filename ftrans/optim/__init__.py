"""Optimisers (work in progress)."""
