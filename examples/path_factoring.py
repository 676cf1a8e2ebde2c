"""Sums over paths: with three edges from X to Y and three from Y to Z, dZ/dX is a sum over nine paths, or one product of two sums.

    on the slide                                  here
    ∂Z/∂X = αδ + αε + αζ + βδ + βε + βζ           over_paths(stages)
          + γδ + γε + γζ
          = (α + β + γ)(δ + ε + ζ)                ft.grad(chain)(x, stages)

Forward and reverse mode are two ways to factor the sum: each visits a node once. So a chain of 30 stages, with 3^30 paths
(2 · 10^14), costs three times what a chain of 10 costs. We count equations.
"""

from itertools import product
from math import prod
from pathlib import Path

import numpy as np
from worked_numbers import folder

import ftrans as ft


def chain(x, stages):
    """From node to node along three edges each; an edge multiplies by its number."""
    for alpha, beta, gamma in stages:
        x = alpha * x + beta * x + gamma * x
    return x


def over_paths(stages):
    """The derivative path by path: one product for each way to choose an edge in every stage."""
    return sum([prod(path) for path in product(*stages)])


def sizes(x, stages):
    """The number of equations of the value, of forward mode (by x) and of reverse mode (by x and by every edge)."""
    forward = ft.make_jaxpr(lambda x, s: ft.jvp(lambda x: chain(x, s), (x,), (1.0,)))(x, stages)
    reverse = ft.make_jaxpr(ft.value_and_grad(chain, argnums=(0, 1)))(x, stages)
    return [len(j.eqns) for j in (ft.make_jaxpr(chain)(x, stages), forward, reverse)]


def main(out: Path) -> dict:
    x, few = np.float64(1.5), [(2.0, 3.0, 5.0), (1.0, 4.0, 6.0)]
    by_paths = over_paths(few)
    assert by_paths == ft.grad(chain)(x, few) == (2 + 3 + 5) * (1 + 4 + 6)
    print(f"dZ/dX = {by_paths:g}, by nine paths and by ft.grad, which makes of (α, β, γ), (δ, ε, ζ) this program:")
    print(ft.make_jaxpr(lambda *edges: ft.grad(chain)(x, [edges[:3], edges[3:]]))(*np.ravel(few)))
    ft.draw(lambda x: chain(x, few), mode="both", by="x", title="two stages")(x).save(out / "path_factoring.svg")

    lengths = [10, 20, 30]
    stages = np.random.default_rng(0).uniform(0.1, 0.6, (30, 3)).tolist()
    counts = np.array([sizes(x, stages[:n]) for n in lengths])
    print(f"{'stages':>8}{'paths':>24}{'equations: value':>18}{'forward':>9}{'reverse':>9}")
    for n, (value, forward, reverse) in zip(lengths, counts, strict=True):
        print(f"{n:>8}{3**n:>24,}{value:>18}{forward:>9}{reverse:>9}")
    assert np.all(np.diff(counts, n=2, axis=0) == 0), "ten more stages always cost the same"

    # Every node of the long chain in both modes: dXk/dX0 and dXn/dXk, whose product is the same at each.
    graph = ft.draw(chain, mode="both", by="x")(x, stages).graph
    nodes = [node for node in graph.nodes if node.name == "x"]
    total = prod([sum(stage) for stage in stages])
    assert len(nodes) == 31
    assert np.allclose([node.tangent * node.gradient for node in nodes], total, rtol=1e-12)
    return {"counts": counts, "nodes": nodes, "total": total}


if __name__ == "__main__":
    main(folder())
