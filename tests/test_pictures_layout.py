"""Pictures: layout. Nothing overlaps, wires meet only what they connect, data flows one way, and few wires cross."""

from __future__ import annotations

import json
import random
import shutil
import subprocess
from itertools import combinations, pairwise, permutations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ftrans.core.aval import aval
from ftrans.errors import ArgumentError
from ftrans.pictures import coordinates, crossings
from ftrans.pictures.alike import sheets_of_all_boxes
from ftrans.pictures.geometry import Place, Point, Sheet, Wire
from ftrans.pictures.graph import BOX_KINDS, Box, Edge, Graph, Node
from ftrans.pictures.layers import lifted, longest_paths, ranks, shortest_lengths
from ftrans.pictures.layout import layout
from ftrans.pictures.nesting import nest, open_boxes, returned, with_parts
from ftrans.pictures.scene import Scene, curve
from ftrans.pictures.sizes import Sizes
from ftrans.pictures.text import number, summary, value_text, width_of

SCALAR = aval((), "float64")
TINY = 1e-6
QUICK = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def random_graph(seed: int, n: int, mode: str = "reverse", boxes: int = 0, near: int = 8) -> Graph:
    """A random program of n values: a few inputs and parameters, then operations on 1 to 3 earlier values (also on one twice)."""
    draw = random.Random(seed)
    sources = max(1, n // 6)
    graph = Graph("f", mode, of="L", by="x")
    for k in range(n):
        kind = "computation" if k >= sources else draw.choice(["input", "parameter", "constant"])
        text = f"f{k}(·)" * (k >= sources)
        output = "result" if k == n - 1 else ""
        value, gradient = draw.gauss(0, 3), draw.gauss(0, 1)
        graph.nodes.append(Node(f"n{k}", kind, f"v{k}", "", text, SCALAR, output=output, value=value, gradient=gradient))
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
    mode = draw(st.sampled_from(["shapes", "reverse", "both"]))
    graph = random_graph(draw(st.integers(0, 10**6)), draw(st.integers(2, 40)), mode, draw(st.integers(0, 4)))
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
            width, height = sizes.label(wire.edges[0], direction, hidden=wire.target in sizes.boxes)
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
    ends = (wire.source, wire.enters, True, wire.points[0]), (wire.target, wire.leaves, False, wire.points[-1])
    for key, port, enters, point in ends:
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
    found = nest(graph)
    sheets = sheets_of_all_boxes(graph, found, direction)
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


# --- the tester catches faults


@pytest.mark.parametrize("fault", ["overlap", "through", "backwards", "loose"])
def test_the_laws_can_fail(fault: str) -> None:
    graph = random_graph(3, 12)
    sheet = layout(graph, set())[""]
    sizes = Sizes(graph, nest(graph), 4)
    check_sheet(sheet, sizes, "right")
    wire = sheet.wires[0]
    if fault == "overlap":
        sheet.places[0].x, sheet.places[0].y = sheet.places[1].x, sheet.places[1].y
    elif fault == "through":
        other = next(place for place in sheet.places if place.key not in (wire.source, wire.target) and place.rank > 0)
        wire.points.insert(1, (wire.points[0][0] + 1, other.y + other.height / 2))
        wire.points.insert(2, (wire.points[-1][0] + 9999, other.y + other.height / 2))
    elif fault == "backwards":
        wire.points.reverse()
    else:
        wire.points[-1] = (wire.points[-1][0] - 3, wire.points[-1][1])
    with pytest.raises(AssertionError):
        check_sheet(sheet, sizes, "right")


# --- the phases


@QUICK
@given(st.integers(0, 10**6), st.integers(2, 30))
def test_layers_are_as_short_as_any(seed: int, n: int) -> None:
    arcs = [(int(edge.source[1:]), int(edge.target[1:])) for edge in random_graph(seed, n).edges]
    found = ranks(n, arcs)
    assert all(found[u] < found[v] for u, v in arcs)
    assert sorted(set(found)) == list(range(max(found) + 1))
    longest = longest_paths(n, arcs, (), ())
    assert sum(found[v] - found[u] for u, v in arcs) <= sum(longest[v] - longest[u] for u, v in arcs)
    # no set of vertices {v and all that must move along} can shift by one and gain: checked vertex by vertex
    for v in range(n):
        before, after = [u for u, w in arcs if w == v], [w for u, w in arcs if u == v]
        free_left = found[v] > 0 and all(found[u] < found[v] - 1 for u in before)
        free_right = bool(after) and all(found[w] > found[v] + 1 for w in after)
        assert not (free_left and len(before) > len(after))
        assert not (free_right and len(after) > len(before))


@QUICK
@given(st.integers(0, 10**6), st.integers(2, 30), st.booleans(), st.booleans())
def test_small_and_large_graphs_get_the_same_layers(seed: int, n: int, entered: bool, left: bool) -> None:
    arcs = [(int(edge.source[1:]), int(edge.target[1:])) for edge in random_graph(seed, n).edges]
    first = [v for v in range(n) if entered and v not in {w for _, w in arcs}][:2]
    last = [v for v in range(n) if left and v not in {u for u, _ in arcs} and v not in first][-2:]
    lowest = longest_paths(n, arcs, first, last)
    assert lifted(lowest, arcs, first, last) == shortest_lengths(n, arcs, first, last)


def test_ports_have_the_first_and_the_last_layer_to_themselves() -> None:
    found = ranks(5, [(3, 0), (0, 1), (1, 2), (0, 4)], first=[3], last=[4])
    assert found[3] == 0
    assert found[4] == max(found)
    assert sorted(found) == [0, 1, 2, 3, 4]


def crossings_of(layers: list[list[int]], links: list[crossings.Link]) -> int:
    place = {v: (rank, k) for rank, layer in enumerate(layers) for k, v in enumerate(layer)}
    pairs = combinations([(place[u], place[v]) for u, v, _, _ in links], 2)
    return sum(a[0] == c[0] and (a[1] - c[1]) * (b[1] - d[1]) < 0 for (a, b), (c, d) in pairs)


@QUICK
@given(st.integers(0, 10**6), st.integers(2, 5), st.integers(1, 6))
def test_the_order_of_layers_keeps_all_vertices_and_counts_right(seed: int, depth: int, width: int) -> None:
    draw = random.Random(seed)
    layers = [list(range(k * width, (k + 1) * width)) for k in range(depth)]
    links = [(draw.choice(a), draw.choice(b), 0.0, 0.0) for a, b in pairwise(layers) for _ in range(2 * width)]
    found = crossings.order(layers, links)
    assert [sorted(layer) for layer in found] == layers
    search = crossings.Search(depth * width, links)
    for layer in found:
        search.settle(layer)
    assert search.count(found) == crossings_of(found, links) <= crossings_of(layers, links)


@pytest.mark.parametrize("seed", range(20))
def test_a_small_order_is_the_best_there_is(seed: int) -> None:
    draw = random.Random(seed)
    layers = [[0, 1, 2, 3], [4, 5, 6, 7]]
    links = [(draw.randrange(4), 4 + draw.randrange(4), 0.0, 0.0) for _ in range(8)]
    best = min(crossings_of([list(a), list(b)], links) for a in permutations(layers[0]) for b in permutations(layers[1]))
    assert crossings_of(crossings.order(layers, links), links) == best


def test_a_tree_and_a_grid_have_no_crossings() -> None:
    tree = [(v, 2 * v + k, 0.0, 0.0) for v in range(1, 16) for k in (0, 1)]
    layers = [list(range(2**k, 2 ** (k + 1))) for k in range(5)]
    draw = random.Random(1)
    for layer in layers:
        draw.shuffle(layer)
    assert crossings_of(crossings.order(layers, tree), tree) == 0


@QUICK
@given(st.integers(0, 10**6), st.integers(2, 6), st.integers(1, 6))
def test_coordinates_keep_order_and_distance(seed: int, depth: int, width: int) -> None:
    draw = random.Random(seed)
    layers = [list(range(k * width, (k + 1) * width)) for k in range(depth)]
    pairs = pairwise(layers)
    links = [(draw.choice(a), draw.choice(b), draw.uniform(-5, 5), draw.uniform(-5, 5)) for a, b in pairs for _ in range(2 * width)]
    size = [draw.uniform(0, 50) for _ in range(depth * width)]
    bend = [draw.random() < 0.5 for _ in size]
    y = coordinates.across(layers, size, links, bend, 10.0)
    for layer in layers:
        for u, v in pairwise(layer):
            gap = 5.0 if bend[u] and bend[v] else 10.0
            assert y[v] - y[u] >= (size[u] + size[v]) / 2 + gap - TINY


def test_a_chain_with_parameters_beside_it_is_a_straight_line() -> None:
    nodes = [Node("n0", "input", "x", "", "", SCALAR)]
    edges = []
    for k in range(8):
        nodes += [Node(f"w{k}", "parameter", "w", "", "", SCALAR), Node(f"b{k}", "parameter", "b", "", "", SCALAR)]
        nodes.append(Node(f"n{k + 1}", "computation", "x", "", "", SCALAR))
        edges += [Edge(key, f"n{k + 1}", j) for j, key in enumerate((f"n{k}", f"w{k}", f"b{k}"))]
    sheet = layout(Graph("f", "shapes", nodes, edges), set())[""]
    lines = [wire.points for wire in sheet.wires if wire.source.startswith("n")]
    assert [line[0][1] for line in lines[1:]] == pytest.approx([line[-1][1] for line in lines[1:]])  # not beside a parameter


def test_a_chain_is_drawn_as_a_straight_line() -> None:
    graph = Graph("f", "shapes", [Node(f"n{k}", "computation", "x", "", "", SCALAR) for k in range(30)])
    graph.edges = [Edge(f"n{k}", f"n{k + 1}", 0) for k in range(29)]
    sheet = layout(graph, set())[""]
    assert len({round(place.y + place.height / 2, 6) for place in sheet.places}) == 1
    assert all(len(wire.points) == 2 for wire in sheet.wires)


def test_parallel_edges_and_fan_out_are_apart() -> None:
    graph = Graph("f", "shapes", [Node(f"n{k}", "computation", "x", "", "", SCALAR) for k in range(3)])
    graph.edges = [Edge("n0", "n1", 0), Edge("n0", "n1", 1), Edge("n1", "n2", 0)]
    first, second = [sampled(curve(wire.points, False)) for wire in layout(graph, set())[""].wires[:2]]
    assert abs(first[-1, 1] - second[-1, 1]) > 5
    assert np.abs(np.median(first[:, 1]) - np.median(second[:, 1])) > 5


Drawn = tuple[str, set[str], np.ndarray]  # a line, the node it comes from and those it leads to


def visible_lines(wires: list[Wire]) -> list[Drawn]:
    """The pieces of wires, each once: wires of one value lie on each other until they part."""
    pieces: dict[tuple[str, Point, Point], set[str]] = {}
    for wire in wires:
        for ends in pairwise(wire.points):
            pieces.setdefault((wire.source, *ends), set()).add(wire.target)
    return [(source, targets, sampled(curve(ends, False))) for (source, *ends), targets in pieces.items()]


def geometric_crossings(lines: list[Drawn]) -> int:
    """How often drawn lines without a common end cross."""

    def side(a: np.ndarray, b: np.ndarray, c: np.ndarray) -> np.ndarray:
        return (b[..., 0] - a[..., 0]) * (c[..., 1] - a[..., 1]) - (b[..., 1] - a[..., 1]) * (c[..., 0] - a[..., 0])

    total = 0
    for (a, b, first), (c, d, second) in combinations(lines, 2):
        apart = (first.max(0) < second.min(0)).any() or (second.max(0) < first.min(0)).any()
        if not {a, *b} & {c, *d} and not apart:
            p, q, r, s = first[:-1, None], first[1:, None], second[None, :-1], second[None, 1:]
            total += int(((side(p, q, r) * side(p, q, s) < 0) & (side(r, s, p) * side(r, s, q) < 0)).sum())
    return total


def drawn_by_graphviz(graph: Graph, sheet: Sheet) -> list[Drawn]:
    sizes = "".join(
        f'{p.key} [shape=box, fixedsize=true, label="", width={p.width / 72}, height={p.height / 72}];' for p in sheet.places
    )
    source = f"digraph {{ rankdir=LR; {sizes} {''.join(f'{edge.source} -> {edge.target};' for edge in graph.edges)} }}"
    done = subprocess.run(["dot", "-Tjson"], input=source, capture_output=True, text=True, check=True)
    found = json.loads(done.stdout)
    names = [thing["name"] for thing in found["objects"]]
    lines = []
    for edge in found["edges"]:
        points = [tuple(map(float, pair.split(","))) for pair in edge["pos"].split() if pair[0] != "e"]
        lines.append((names[edge["tail"]], {names[edge["head"]]}, sampled(points)))
    return lines


@pytest.mark.skipif(not shutil.which("dot"), reason="graphviz is not installed")
def test_crossings_compare_with_those_of_graphviz() -> None:
    ours = theirs = 0
    for seed in range(30):
        graph = random_graph(seed, 14 + seed, mode="shapes")
        sheet = layout(graph, set())[""]
        ours += geometric_crossings(visible_lines(sheet.wires))
        theirs += geometric_crossings(drawn_by_graphviz(graph, sheet))
    assert theirs > 100
    assert ours <= 1.1 * theirs, (ours, theirs)


# --- boxes


def interleaved() -> Graph:
    """x is in box b0, y outside, z in b0 again, and z needs y, which needs x."""
    nodes = [
        Node(f"n{k}", "computation", name, "", "", SCALAR, box)
        for k, (name, box) in enumerate(zip("xyz", ("b0", "", "b0"), strict=True))
    ]
    return Graph("f", "shapes", nodes, [Edge("n0", "n1", 0), Edge("n1", "n2", 0)], [Box("b0", "call", "g")])


def test_a_box_that_would_depend_on_itself_is_dropped() -> None:
    graph = interleaved()
    assert nest(graph).children == {"": ["n0", "n1", "n2"]}
    assert len(layout(graph, {"b0"})[""].places) == 3


def test_of_two_boxes_in_a_cycle_the_smaller_is_dropped() -> None:
    boxes = ("b0", "b1", "b0", "b1", "b0")
    nodes = [Node(f"n{k}", "computation", "x", "", "", SCALAR, box) for k, box in enumerate(boxes)]
    edges = [Edge("n0", "n1", 0), Edge("n1", "n2", 0), Edge("n0", "n4", 0), Edge("n0", "n3", 0)]
    graph = Graph("f", "shapes", nodes, edges, [Box("b0", "call", "g"), Box("b1", "call", "h")])
    assert set(nest(graph).children) == {""}  # without b1, b0 depends on itself through n1
    graph.edges = graph.edges[:1] + graph.edges[2:]
    assert set(nest(graph).children) == {"", "b0", "b1"}


def loop(passes: int, steps: int, boxes: bool = True) -> Graph:
    """A loop over w * x, with or without a box for each pass."""
    graph = Graph("f", "reverse", [Node("n0", "input", "x", "", "", SCALAR), Node("n1", "parameter", "w", "", "", SCALAR)], of="x")
    graph.boxes = [Box("b", "loop", f"for k in range({passes})")] * boxes
    last = "n0"
    for k in range(passes):
        graph.boxes += [Box(f"b{k}", "iteration", f"k = {k}", "b")] * boxes
        for _ in range(steps):
            key = f"n{len(graph.nodes)}"
            graph.nodes.append(Node(key, "computation", "x", "*", "w x", SCALAR, f"b{k}" * boxes, value=1.0, gradient=0.5))
            graph.edges += [Edge("n1", key, 0, 1.0, None, 0.5), Edge(last, key, 1, 2.0, None, 0.25)]
            last = key
    graph.nodes[-1].output = "result"
    return graph


def shown_count(graph: Graph, fold: int) -> int:
    graph = with_parts(graph, fold)
    sheets = layout(graph, open_boxes(graph, fold))
    return sum(place.key not in sheets for sheet in sheets.values() for place in sheet.places)


@pytest.mark.parametrize("fold", [10, 60])
@pytest.mark.parametrize("boxes", [True, False])
@pytest.mark.parametrize(("passes", "steps"), [(3, 3), (100, 10), (1000, 10)])
def test_no_more_than_fold_things_show(passes: int, steps: int, boxes: bool, fold: int) -> None:
    graph = loop(passes, steps, boxes)
    assert shown_count(graph, fold) <= (fold if boxes else 1.5 * fold)
    assert shown_count(graph, 10**6) == len(graph.nodes) if len(graph.nodes) < 100 else True


@QUICK
@given(graphs(), st.integers(4, 30))
def test_parts_hold_everything_once_and_form_no_cycles(drawn: tuple[Graph, set[str]], fold: int) -> None:
    graph, _ = drawn
    parted = with_parts(graph, fold)
    found = nest(parted)
    assert {key for keys in found.children.values() for key in keys if key not in found.children} == {
        node.key for node in graph.nodes
    }
    assert {box.key for box in parted.boxes if box.kind == "part"} <= set(found.children)  # none was dropped for a cycle
    assert max(len(keys) for keys in found.children.values()) <= 2 * fold
    order = {box.key: k for k, box in enumerate(parted.boxes)} | {"": -1}
    assert all(order[box.parent] < order[box.key] for box in parted.boxes)


def test_boxes_know_what_they_return() -> None:
    graph = loop(3, 2)
    found = returned(graph, nest(graph))
    assert [node.key for node in found["b0"]] == ["n3"]
    assert [node.key for node in found["b"]] == ["n7"]
    assert [node.key for node in found["b2"]] == ["n7"]


def test_a_large_graph_without_boxes_is_laid_out() -> None:
    graph = random_graph(5, 120)
    sheet = layout(graph, set())[""]
    check_sheet(sheet, Sizes(graph, nest(graph), 4), "right")


def test_a_wrong_direction_is_named() -> None:
    with pytest.raises(ArgumentError, match="a picture cannot go 'up'") as caught:
        layout(loop(1, 1), set(), "up")
    assert 'direction is "right" or "down"' in str(caught.value)


def test_an_empty_graph_has_an_empty_sheet() -> None:
    sheet = layout(Graph("f", "shapes"), set())[""]
    assert (sheet.places, sheet.wires) == ([], [])


# --- text


@pytest.mark.parametrize(
    ("x", "text"),
    [
        (33.0, "33"), (0.7941296282, "0.7941"), (1.2e-5, "1.2e-05"), (-0.25, "-0.25"), (np.float32(0.1), "0.1"), (1e30, "1e+30"),
        (123456.7, "123457"), (np.inf, "inf"), (-np.inf, "-inf"), (np.nan, "nan"), (True, "True"), (np.False_, "False"),
        (62378344, "62378344"), (10**20, str(10**20)), (1 + 2j, "1+2j"), (np.complex64(1 - 0.5j), "1-0.5j"), (0.0, "0"),
    ],
)  # fmt: skip
def test_numbers(x: object, text: str) -> None:
    assert number(x) == text


@given(st.floats(-1e300, 1e300), st.integers(2, 12))
def test_numbers_are_right_to_their_digits(x: float, digits: int) -> None:
    assert float(number(x, digits)) == pytest.approx(x, rel=0.6 * 10 ** (1 - digits), abs=0)


@pytest.mark.parametrize(
    ("x", "text"),
    [
        (np.arange(3), "i64[3]  [0 1 2]"),
        (np.arange(12.0).reshape(3, 4), "f64[3,4]  0 … 11"),
        (np.full((2, 3), 0.5, np.float32), "f32[2,3]  all 0.5"),
        (np.array([[1.0, np.nan], [2.0, np.nan]]), "f64[2,2]  1 … 2, 2 nan"),
        (np.full((2, 3), np.nan), "f64[2,3]  all nan"),
        (np.zeros((0, 3)), "f64[0,3]  empty"),
        (np.array([[True, False]]), "bool[1,2]  1 of 2 True"),
        (np.array([[3 + 4j, 0]]), "c128[1,2]  |.| 0 … 5"),
        (np.array(2.5), "2.5"),
    ],
)
def test_summaries_of_arrays(x: np.ndarray, text: str) -> None:
    assert summary(x, aval(x.shape, x.dtype)) == text


def test_a_vector_that_is_too_long_to_spell_is_a_range() -> None:
    assert value_text(np.array([0.123456, -0.654321, 0.5]), longest=16) == "-0.6543 … 0.5"


def test_widths_of_text_are_those_of_the_font() -> None:
    fonts = pytest.importorskip("matplotlib.font_manager")
    textpath = pytest.importorskip("matplotlib.textpath")
    for text in ("c = a + b", "∂e/∂c = 2.25e-05", "params['w1']", "f64[3,4]  -1.2 … 3.4", "W α σ(z) ← →", "sum over axis 0"):
        for weight, bold in (("normal", False), ("bold", True)):
            font = fonts.FontProperties(family="DejaVu Sans", weight=weight)
            true, _, _ = textpath.text_to_path.get_text_width_height_descent(text, font.copy(), False)
            scale = font.get_size_in_points()
            assert 0.97 * true / scale <= width_of(text, 1.0, bold) <= 1.12 * true / scale, text


def test_wires_of_one_value_share_a_trunk() -> None:
    graph = Graph("f", "shapes", [Node(f"n{k}", "computation", "x", "", "", SCALAR) for k in range(8)])
    graph.edges = [Edge(f"n{k}", f"n{k + 1}", 0) for k in range(6)] + [Edge("n7", f"n{k}", 1) for k in (2, 4, 6)]
    long = [wire.points for wire in layout(graph, set())[""].wires if wire.source == "n7"]
    lanes = {points[1][1] if len(points) == 2 else points[-3][1] for points in long[1:]}
    assert len(lanes) == 1


def test_wide_panels_stand_below_each_other() -> None:
    for passes, below in ((1, False), (12, True)):
        graph = loop(passes, 1, boxes=False)
        graph.mode = "both"
        first, second = Scene(graph, nest(graph), layout(graph, set()), "right", 4).panels
        assert (first.x == second.x) == below
        assert (first.y == second.y) != below
