"""Pictures: layout. Nothing overlaps, wires meet only what they connect, data flows one way, and few wires cross."""

from __future__ import annotations

import json
import random
import shutil
import subprocess

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ftrans.core.aval import aval
from ftrans.errors import ArgumentError
from ftrans.pictures import coordinates, crossings
from ftrans.pictures.geometry import Place, Point, Sheet, Wire
from ftrans.pictures.graph import BOX_KINDS, Box, Edge, Graph, Node
from ftrans.pictures.layers import longest_paths, ranks
from ftrans.pictures.layout import layout, sheet_of_every_box
from ftrans.pictures.nesting import nest, open_boxes, returned, with_parts
from ftrans.pictures.scene import curve
from ftrans.pictures.sizes import Sizes
from ftrans.pictures.text import number, summary, value_text, width_of

SCALAR = aval((), "float64")
TINY = 1e-6
QUICK = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def random_graph(seed: int, n: int, mode: str = "reverse", boxes: int = 0, near: int = 8) -> Graph:
    """A random program of n values: a few inputs and parameters, then operations on 1 to 3 earlier values (also on one twice)."""
    draw = random.Random(seed)
    sources = max(1, n // 6)
    graph = Graph("f", mode, of="L", by="x")
    for k in range(n):
        kind = "computation" if k >= sources else draw.choice(["input", "parameter", "constant"])
        text = f"f{k}(·)" * (k >= sources)
        output = "result" if k == n - 1 else ""
        graph.nodes.append(Node(f"n{k}", kind, f"v{k}", "", text, SCALAR, output=output, value=draw.gauss(0, 3), gradient=draw.gauss(0, 1)))
        for index in range(draw.choice([1, 2, 2, 3]) if k >= sources else 0):
            low = max(0, k - near) if draw.random() < 0.8 else 0
            graph.edges.append(Edge(f"n{draw.randrange(low, k)}", f"n{k}", index, draw.gauss(0, 1), 0.5, draw.gauss(0, 1)))
    if boxes:
        add_boxes(graph, draw, sources, n, "", boxes)
    return graph


def add_boxes(graph: Graph, draw: random.Random, low: int, high: int, parent: str, count: int) -> None:
    for _ in range(count):
        start = draw.randrange(low, high)
        inside = range(start, min(high, start + draw.randrange(2, max(3, (high - low) // 2))))
        if all(graph.nodes[k].box == parent for k in inside):
            key = f"b{len(graph.boxes)}"
            graph.boxes.append(Box(key, draw.choice(BOX_KINDS), f"box number {key}", parent))
            for k in inside:
                graph.nodes[k].box = key
            if len(inside) > 4:
                add_boxes(graph, draw, inside[0], inside[-1] + 1, key, count)


@st.composite
def graphs(draw: st.DrawFn) -> tuple[Graph, set[str]]:
    graph = random_graph(draw(st.integers(0, 10**6)), draw(st.integers(2, 40)), draw(st.sampled_from(["shapes", "reverse", "both"])), draw(st.integers(0, 4)))
    return graph, {box.key for box in graph.boxes if draw(st.booleans())}


# --- the laws that every sheet obeys


def sampled(points: list[Point], steps: int = 6) -> np.ndarray:
    """Points on the cubic pieces of a curve."""
    found = [np.array(points[:1])]
    t = np.linspace(0, 1, steps + 1)[1:, None]
    for k in range(0, len(points) - 1, 3):
        a, b, c, d = map(np.array, points[k : k + 4])
        found.append((1 - t) ** 3 * a + 3 * t * (1 - t) ** 2 * b + 3 * t**2 * (1 - t) * c + t**3 * d)
    return np.concatenate(found)


def overlap(a: tuple[float, ...], b: tuple[float, ...]) -> bool:
    return a[0] < b[2] - TINY and b[0] < a[2] - TINY and a[1] < b[3] - TINY and b[1] < a[3] - TINY


def rectangle(place: Place) -> tuple[float, ...]:
    return place.x, place.y, place.x + place.width, place.y + place.height


def on_border(point: Point, place: Place) -> bool:
    x, y = point[0] - place.x, point[1] - place.y
    inside = -TINY <= x <= place.width + TINY and -TINY <= y <= place.height + TINY
    return inside and min(abs(x), abs(y), abs(x - place.width), abs(y - place.height)) < TINY


def check_sheet(sheet: Sheet, sizes: Sizes, direction: str) -> None:
    places = {place.key: place for place in sheet.places}
    assert len(places) == len(sheet.places)
    rectangles = {key: rectangle(place) for key, place in places.items()}
    for x0, y0, x1, y1 in rectangles.values():
        assert x0 >= 0 and y0 >= 0 and x1 <= sheet.width and y1 <= sheet.height  # noqa: PT018 - four sides of one rule
    labels = {}
    for k, wire in enumerate(sheet.wires):
        if wire.label:
            width, height = sizes.label(wire.edges[0], direction)
            x, y = wire.label
            labels[k] = x - width / 2, y - height / 2, x + width / 2, y + height / 2
    solid = [*rectangles.values(), *labels.values()]
    assert not [(a, b) for k, a in enumerate(solid) for b in solid[:k] if overlap(a, b)]
    for k, wire in enumerate(sheet.wires):
        check_wire(sheet, places, wire, direction)
        line = sampled(curve(wire.points, direction == "down"))
        for key, (x0, y0, x1, y1) in [*rectangles.items(), *[(str(j), box) for j, box in labels.items() if j != k]]:
            if key not in (wire.source, wire.target):
                within = (line[:, 0] > x0 + TINY) & (line[:, 0] < x1 - TINY) & (line[:, 1] > y0 + TINY) & (line[:, 1] < y1 - TINY)
                assert not within.any(), (wire, key)


def check_wire(sheet: Sheet, places: dict[str, Place], wire: Wire, direction: str) -> None:
    along = 0 if direction == "right" else 1
    ahead = [point[along] for point in wire.points]
    assert ahead == sorted(ahead)
    assert ahead[0] < ahead[-1]
    for key, port, enters, point in ((wire.source, wire.enters, True, wire.points[0]), (wire.target, wire.leaves, False, wire.points[-1])):
        if port:
            found = next(port for port in sheet.ports if (port.key, port.enters) == (key, enters))
            assert np.allclose(found.at, point)
            assert abs(point[along] - (0 if enters else (sheet.width, sheet.height)[along])) < TINY
        else:
            assert on_border(point, places[key])
    if not wire.enters and not wire.leaves:
        assert places[wire.source].rank < places[wire.target].rank


@QUICK
@given(graphs(), st.sampled_from(["right", "down"]))
def test_laws_of_every_sheet(drawn: tuple[Graph, set[str]], direction: str) -> None:
    graph, opened = drawn
    sheets = layout(graph, opened, direction)
    sizes = Sizes(graph, nest(graph), 4)
    for sheet in sheets.values():
        check_sheet(sheet, sizes, direction)
    assert sheets == layout(graph, opened, direction)


@QUICK
@given(graphs(), st.sampled_from(["right", "down"]))
def test_every_visible_node_has_one_place_and_every_edge_its_wires(drawn: tuple[Graph, set[str]], direction: str) -> None:
    graph, opened = drawn
    sheets = layout(graph, opened, direction)
    found = nest(graph)
    shown = [place.key for sheet in sheets.values() for place in sheet.places]
    assert len(shown) == len(set(shown))
    for node in graph.nodes:
        around = found.around(node.key)
        assert (node.key in shown) == all(box in sheets for box in around)
    carried = {edge for sheet in sheets.values() for wire in sheet.wires for edge in wire.edges}
    for k, edge in enumerate(graph.edges):
        hidden = [next((box for box in found.around(key)[::-1] if box not in sheets), key) for key in (edge.source, edge.target)]
        assert (k in carried) == (hidden[0] != hidden[1])


@QUICK
@given(graphs())
def test_open_boxes_stand_in_their_parents_and_wires_meet_their_ports(drawn: tuple[Graph, set[str]]) -> None:
    graph, opened = drawn
    sheets = layout(graph, opened)
    for sheet in sheets.values():
        for place in sheet.places:
            inside = sheets.get(place.key)
            if inside:
                assert (place.width, place.height) == (inside.width, inside.height)
        for wire in sheet.wires:
            for box, enters, point in ((wire.target, True, wire.points[-1]), (wire.source, False, wire.points[0])):
                inside = sheets.get(box)
                if inside and not (wire.leaves if enters else wire.enters):
                    place = next(place for place in sheet.places if place.key == box)
                    ports = [(place.x + x, place.y + y) for x, y in [port.at for port in inside.ports if port.enters == enters]]
                    assert any(np.allclose(point, port) for port in ports)


@QUICK
@given(graphs(), st.sampled_from(["right", "down"]))
def test_a_sheet_for_every_box(drawn: tuple[Graph, set[str]], direction: str) -> None:
    graph, _ = drawn
    found, sheets = nest(graph), sheet_of_every_box(graph, direction)
    assert set(sheets) == set(found.children)
    sizes = Sizes(graph, found, 4)
    for box, sheet in sheets.items():
        check_sheet(sheet, sizes, direction)
        assert {place.key for place in sheet.places} == set(found.children[box])
        for wire in sheet.wires:
            assert len({graph.edges[k].source for k in wire.edges}) == 1
            for key, port, enters in ((wire.target, wire.leaves, True), (wire.source, wire.enters, False)):
                if not port and key in sheets:  # the box at its end has a port for its value
                    assert (graph.edges[wire.edges[0]].source, enters) in {(p.key, p.enters) for p in sheets[key].ports}
