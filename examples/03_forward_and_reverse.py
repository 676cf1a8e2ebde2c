"""e = (a + b)(b + 1): b reaches e on two paths, and the derivatives of the paths add up.

    on paper                                      here
    forward: ∂/∂b of every node                   values, by_b = ft.jvp(nodes, (a, b), (0.0, 1.0))
    reverse: ∂e/∂ of every node                   e, pullback = ft.vjp(...); pullback(1.0)
    both, on the drawn graph                      ft.draw(e, mode="both", by="b")(a, b)

Forward mode carries one input through all nodes in one sweep, reverse mode one output back to all nodes.
"""

from pathlib import Path

from worked_numbers import folder, inputs, report

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


def result(a, b):
    c = a + b
    d = b + 1
    e = c * d
    return e


def main(out: Path) -> dict:
    a, b = inputs(NAME)

    (c, d, e), (c_by_b, d_by_b, e_by_b) = ft.jvp(nodes, (a, b), (0.0, 1.0))

    _, back_to_inner = ft.vjp(last, c, d)
    _, back_to_inputs = ft.vjp(first, a, b)
    e_by_c, e_by_d = back_to_inner(1.0)
    e_by_a, e_by_b_again = back_to_inputs((e_by_c, e_by_d))
    assert e_by_b_again == e_by_b, "both modes find the same derivative"

    picture = ft.draw(result, mode="both", by="b")(a, b)
    picture.save(out / "forward_and_reverse.svg")
    forward = {"dc/db": c_by_b, "dd/db": d_by_b, "de/db": e_by_b}
    reverse = {"de/dc": e_by_c, "de/dd": e_by_d, "de/da": e_by_a}
    assert forward == {f"d{name}/db": picture.graph.node(name).tangent for name in "cde"}
    assert reverse == {f"de/d{name}": picture.graph.node(name).gradient for name in "cda"}
    return report(NAME, {"c": c, "d": d, "e": e} | forward | reverse)


if __name__ == "__main__":
    main(folder())
