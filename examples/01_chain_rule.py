"""J = 3(a + bc), differentiated stage by stage: what one does on paper, from right to left through the graph.

`ft.vjp(f, *inputs)` gives the value of a stage and its pullback: a function from dJ/d(output) to dJ/d(each input).
"""

from worked_numbers import inputs, report

import ftrans as ft

NAME = "three stages"


def main() -> dict:
    a, b, c = inputs(NAME)

    # forward pass: a value on every node
    u, to_b_and_c = ft.vjp(lambda b, c: b * c, b, c)
    v, to_a_and_u = ft.vjp(lambda a, u: a + u, a, u)
    J, to_v = ft.vjp(lambda v: 3 * v, v)

    # backward pass: a derivative on every node
    (dv,) = to_v(1.0)
    da, du = to_a_and_u(dv)
    db, dc = to_b_and_c(du)

    # the same at once
    assert ft.grad(lambda a, b, c: 3 * (a + b * c), argnums=(0, 1, 2))(a, b, c) == (da, db, dc)

    return report(NAME, {"u": u, "v": v, "J": J, "dJ/dv": dv, "dJ/du": du, "dJ/da": da, "dJ/db": db, "dJ/dc": dc})


if __name__ == "__main__":
    main()
