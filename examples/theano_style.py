"""An expression graph, its rewriting and a compiled function: what Theano did with symbols, from plain NumPy functions.

    Theano                                        here
    x = T.dmatrix("x")                            def logistic(x):
    s = 1 / (1 + T.exp(-x))                           return 1 / (1 + np.exp(-x))
    theano.printing.debugprint(s)                 print(ft.make_jaxpr(logistic)(x))
    gs = T.grad(s.sum(), x); pp(gs)               print(ft.make_jaxpr(ft.grad(total))(x))
    f = theano.function([x], gs)                  f = ft.jit(ft.grad(total))
    pp(f.maker.fgraph.outputs[0])                 print(f.lower(x).as_text("simplified"))
    theano.printing.debugprint(f)                 print(f.lower(x).as_text("loops"))
    f([[0, 1], [-1, -2]])                         f(x)

There are no symbols: NumPy functions are traced with arrays.
"""

from pathlib import Path

import numpy as np
from worked_numbers import folder

import ftrans as ft


def logistic(x):
    return 1 / (1 + np.exp(-x))


def logistic_by_tanh(x):
    return (1 + np.tanh(x / 2)) / 2


def total(x):
    s = logistic(x)
    return np.sum(s)


def main(out: Path) -> dict:
    x = np.array([[0.0, 1.0], [-1.0, -2.0]])

    graph = ft.make_jaxpr(logistic)(x)
    print("the graph of 1 / (1 + exp(-x)):", graph, sep="\n")
    assert np.array_equal(ft.eval_jaxpr(graph, x)[0], logistic(x)), "a graph can be run as it is"

    of_graph = ft.make_jaxpr(ft.grad(lambda x: np.sum(ft.eval_jaxpr(graph, x)[0])))(x)
    print("rewritten into its gradient; what is computed twice or not needed is gone:", of_graph, sep="\n")

    f = ft.jit(ft.grad(total), compile="now")
    print("the compiled function, as loops:", f.lower(x).as_text("loops"), sep="\n")
    s = logistic(x)
    assert np.allclose(f(x), s * (1 - s), rtol=1e-14)
    assert np.allclose(ft.eval_jaxpr(of_graph, x)[0], f(x), rtol=1e-14)
    assert np.allclose(ft.grad(lambda x: np.sum(logistic_by_tanh(x)))(x), f(x), rtol=1e-14)
    print("f(x) =", f(x), sep="\n")

    power = ft.make_jaxpr(ft.grad(lambda x: x**2))(4.0)
    print("the gradient of x**2, simplified:", power, sep="\n")
    ft.draw(total)(x).save(out / "theano.svg")
    return {"gradient": f(x), "square": power}


if __name__ == "__main__":
    main(folder())
