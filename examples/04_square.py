"""y = x², L = 2y: x is used twice in x·x, and both uses count. The jaxprs show what ftrans sees and what it derives."""

from worked_numbers import inputs, report

import ftrans as ft

NAME = "square"


def outer(y):
    return 2 * y


def loss(x):
    return outer(x * x)


def main() -> dict:
    (x,) = inputs(NAME)
    value, dx = ft.value_and_grad(loss)(x)
    dy = ft.grad(outer)(x * x)
    print(ft.make_jaxpr(loss)(x))
    print(ft.make_jaxpr(ft.grad(loss))(x))
    return report(NAME, {"L": value, "dL/dy": dy, "dL/dx": dx})


if __name__ == "__main__":
    main()
