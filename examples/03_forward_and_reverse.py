"""e = (a + b)(b + 1): b reaches e on two paths, and the derivatives of the paths add up.

Forward mode (`ft.jvp`) carries one input through all nodes: d(every node)/db in one sweep.
Reverse mode (`ft.vjp`) carries one output back to all nodes: de/d(every node) in one sweep.
"""

from worked_numbers import inputs, report

import ftrans as ft

NAME = "forward and reverse"


def first(a, b):
    """The inner nodes c and d."""
    return a + b, b + 1


def last(c, d):
    return c * d


def nodes(a, b):
    """Every node of the graph: c, d, e."""
    c, d = first(a, b)
    return c, d, last(c, d)


def main() -> dict:
    a, b = inputs(NAME)

    (c, d, e), (c_by_b, d_by_b, e_by_b) = ft.jvp(nodes, (a, b), (0.0, 1.0))

    _, back_to_inner = ft.vjp(last, c, d)
    _, back_to_inputs = ft.vjp(first, a, b)
    e_by_c, e_by_d = back_to_inner(1.0)
    e_by_a, e_by_b_again = back_to_inputs((e_by_c, e_by_d))
    assert e_by_b_again == e_by_b, "both modes find the same derivative"

    forward = {"dc/db": c_by_b, "dd/db": d_by_b, "de/db": e_by_b}
    reverse = {"de/dc": e_by_c, "de/dd": e_by_d, "de/da": e_by_a}
    return report(NAME, {"c": c, "d": d, "e": e} | forward | reverse)


if __name__ == "__main__":
    main()
