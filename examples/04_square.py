"""y = x², L = 2y: x is used twice in x·x, and both uses count. The jaxprs show what ftrans sees and what it derives.

    on paper                                      here
    dL/dy = 2                                     dy = ft.grad(outer)(x * x)
    dL/dx = dL/dy · dy/dx = 2 · 2x                dx = ft.grad(loss)(x)

Both programs are printed.
"""

from pathlib import Path

from worked_numbers import folder, inputs, report

import ftrans as ft

NAME = "square"


def outer(y):
    return 2 * y


def loss(x):
    y = x * x
    L = outer(y)
    return L


def main(out: Path) -> dict:
    (x,) = inputs(NAME)
    value, dx = ft.value_and_grad(loss)(x)
    dy = ft.grad(outer)(x * x)
    print(ft.make_jaxpr(loss)(x))
    print(ft.make_jaxpr(ft.grad(loss))(x))
    ft.draw(loss)(x).save(out / "square.svg")
    return report(NAME, {"L": value, "dL/dy": dy, "dL/dx": dx})


if __name__ == "__main__":
    main(folder())
