"""J = 3(a + bc), differentiated stage by stage: what one does on paper, from right to left through the graph.

    on paper                                      here
    u = bc                                        u, to_b_and_c = ft.vjp(lambda b, c: b * c, b, c)
    v = a + u                                     v, to_a_and_u = ft.vjp(lambda a, u: a + u, a, u)
    dJ/du = dJ/dv · dv/du                         da, du = to_a_and_u(dv)
    dJ/db = dJ/du · du/db                         db, dc = to_b_and_c(du)

`ft.vjp(f, *inputs)` gives the value of a stage and its pullback: a function from dJ/d(output) to dJ/d(each input).
`ft.grad` does all stages at once, `ft.draw` shows them.
"""

from pathlib import Path

from worked_numbers import folder, inputs, report

import ftrans as ft

NAME = "three stages"


def cost(a, b, c):
    u = b * c
    v = a + u
    J = 3 * v
    return J


def main(out: Path) -> dict:
    a, b, c = inputs(NAME)

    # forward pass: a value on every node
    u, to_b_and_c = ft.vjp(lambda b, c: b * c, b, c)
    v, to_a_and_u = ft.vjp(lambda a, u: a + u, a, u)
    J, to_v = ft.vjp(lambda v: 3 * v, v)

    # backward pass: a derivative on every node
    (dv,) = to_v(1.0)
    da, du = to_a_and_u(dv)
    db, dc = to_b_and_c(du)

    # the same at once, and as a picture
    assert ft.grad(cost, argnums=(0, 1, 2))(a, b, c) == (da, db, dc)
    ft.draw(cost)(a, b, c).save(out / "chain_rule.svg")

    return report(NAME, {"u": u, "v": v, "J": J, "dJ/dv": dv, "dJ/du": du, "dJ/da": da, "dJ/db": db, "dJ/dc": dc})


if __name__ == "__main__":
    main(folder())
