"""Computation graphs as pictures: `ft.draw(f)(*args)` as SVG, PNG, DOT, in notebooks, and as a page to step through."""

from .draw import Picture, draw
from .graph import Box, Edge, Graph, Node

__all__ = ["Box", "Edge", "Graph", "Node", "Picture", "draw"]
