"""f = (x + y)z: an addition hands its gradient on to both inputs, a multiplication swaps them."""

from worked_numbers import inputs, report

import ftrans as ft

NAME = "add, multiply"


def add(x, y):
    return x + y


def multiply(q, z):
    return q * z


def main() -> dict:
    x, y, z = inputs(NAME)

    q = add(x, y)
    f, (dq, dz) = ft.value_and_grad(multiply, argnums=(0, 1))(q, z)
    dx, dy, dz_again = ft.grad(lambda x, y, z: multiply(add(x, y), z), argnums=(0, 1, 2))(x, y, z)
    assert dz_again == dz

    return report(NAME, {"q": q, "f": f, "df/dq": dq, "df/dz": dz, "df/dx": dx, "df/dy": dy})


if __name__ == "__main__":
    main()
