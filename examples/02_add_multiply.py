"""f = (x + y)z: an addition hands its gradient on to both inputs, a multiplication swaps them.

    by hand, on the slide                         here
    q = x + y; f = q * z
    dfdz, dfdq = q, z                             f, (dq, dz) = ft.value_and_grad(multiply, argnums=(0, 1))(q, z)
    dfdx, dfdy = 1.0 * dfdq, 1.0 * dfdq           dx, dy, dz = ft.grad(product, argnums=(0, 1, 2))(x, y, z)

`argnums` says by which arguments to differentiate.
"""

from pathlib import Path

from worked_numbers import folder, inputs, report

import ftrans as ft

NAME = "add, multiply"


def multiply(q, z):
    return q * z


def product(x, y, z):
    q = x + y
    f = multiply(q, z)
    return f


def main(out: Path) -> dict:
    x, y, z = inputs(NAME)

    q = x + y
    f, (dq, dz) = ft.value_and_grad(multiply, argnums=(0, 1))(q, z)
    dx, dy, dz_again = ft.grad(product, argnums=(0, 1, 2))(x, y, z)
    assert dz_again == dz
    ft.draw(product)(x, y, z).save(out / "add_multiply.svg")

    return report(NAME, {"q": q, "f": f, "df/dq": dq, "df/dz": dz, "df/dx": dx, "df/dy": dy})


if __name__ == "__main__":
    main(folder())
