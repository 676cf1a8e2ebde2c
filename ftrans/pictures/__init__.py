"""Computation graphs as pictures: `ft.draw(f)(*args)` as SVG, PNG, DOT, in notebooks, and as a page to step through."""
