"""Pictures: what is written down as SVG, DOT, PNG and PDF, read back by parsers."""

from __future__ import annotations

import io
import re
import shutil
import subprocess
import xml.etree.ElementTree as ET
from dataclasses import replace

import numpy as np
import pytest

import ftrans as ft
from ftrans.core.aval import aval
from ftrans.errors import UnsupportedError
from ftrans.pictures import png as png_module
from ftrans.pictures.dot import dot
from ftrans.pictures.graph import Box, Edge, Graph, Node
from ftrans.pictures.layout import layout
from ftrans.pictures.nesting import nest
from ftrans.pictures.png import pdf, png
from ftrans.pictures.scene import BLUE, VERMILLION, Scene, arrowhead
from ftrans.pictures.svg import svg

SCALAR = aval((), "float64")
SVG = "{http://www.w3.org/2000/svg}"
MODES = ("shapes", "values", "forward", "reverse", "both")


def sample(mode: str = "reverse") -> Graph:
    """e = (a + b)(b + 1) at a = 2, b = 1."""
    rows = [
        ("a", "input", "", 2.0, 0.0, 2.0),
        ("b", "parameter", "", 1.0, 1.0, 5.0),
        ("c", "computation", "a + b", 3.0, 1.0, 2.0),
        ("d", "computation", "b + 1", 2.0, 1.0, 3.0),
        ("e", "computation", "c d", 6.0, 5.0, 1.0),
    ]
    nodes = [
        Node(f"n{k}", kind, name, "", text, SCALAR, "", "f.py:3", "", "", *numbers)
        for k, (name, kind, text, *numbers) in enumerate(rows)
    ]
    nodes[-1].output = "result"
    edges = [
        (0, 2, 0, 1.0, 0.0, 2.0),
        (1, 2, 1, 1.0, 1.0, 2.0),
        (1, 3, 0, 1.0, 1.0, 3.0),
        (2, 4, 0, 2.0, 2.0, 2.0),
        (3, 4, 1, 3.0, 3.0, 3.0),
    ]
    return Graph("f", mode, nodes, [Edge(f"n{a}", f"n{b}", k, *numbers) for a, b, k, *numbers in edges], by="b", of="e")


def boxed() -> Graph:
    """The sample with c in a box, and the box in another with d."""
    graph = sample()
    graph.boxes = [Box("b0", "loop", "for k in range(2)"), Box("b1", "call", 'g<"&>', "b0", name="c")]
    graph.nodes[2].box, graph.nodes[3].box = "b1", "b0"
    return graph


def groups(text: str, kind: str) -> list[ET.Element]:
    return [g for g in ET.fromstring(text).iter(f"{SVG}g") if kind in (g.get("class") or "").split()]


def words(group: ET.Element) -> list[str]:
    return ["".join(text.itertext()) for text in group.iter(f"{SVG}text")]


# --- SVG


def test_nodes_carry_their_numbers() -> None:
    nodes = {g.get("data-name"): g for g in groups(svg(sample()), "node")}
    assert [nodes[name].get("data-value") for name in "abcde"] == ["2.0", "1.0", "3.0", "2.0", "6.0"]
    assert [nodes[name].get("data-gradient") for name in "abcde"] == ["2.0", "5.0", "2.0", "3.0", "1.0"]
    assert words(nodes["c"]) == ["c = a + b", "3", "∂e/∂c = 2"]
    assert nodes["c"].get("id") == "n2"
    assert nodes["e"].get("class") == "node computation result"
    assert "data-tangent" not in nodes["c"].attrib


def test_edges_carry_their_numbers() -> None:
    edges = groups(svg(sample()), "edge")
    found = [[g.get(f"data-{key}") for key in ("source", "target", "index", "local", "gradient")] for g in edges]
    assert found[3] == ["c", "e", "0", "2.0", "2.0"]
    assert found[1] == ["b", "c", "1", "1.0", "2.0"]
    assert [g.findtext(f"{SVG}title") for g in edges] == ["a->c", "b->c", "b->d", "c->e", "d->e"]
    assert words(edges[4]) == ["3", "3 ←"]
    colours = [text.get("fill") for text in edges[4].iter(f"{SVG}text")]
    assert colours == [BLUE, VERMILLION]
    assert [text.get("font-style") for text in edges[4].iter(f"{SVG}text")] == [None, "italic"]


def test_forward_mode_has_tangents() -> None:
    text = svg(sample("forward"))
    nodes = {g.get("data-name"): g for g in groups(text, "node")}
    assert words(nodes["e"]) == ["e = c d", "6", "∂e/∂b = 5"]
    assert nodes["e"].get("data-tangent") == "5.0"
    assert "data-gradient" not in nodes["e"].attrib
    assert words(groups(text, "edge")[3]) == ["2", "2 →"]


def test_both_modes_stand_side_by_side_on_one_layout() -> None:
    panels = groups(svg(sample("both")), "panel")
    assert [g.get("class") for g in panels] == ["panel forward", "panel reverse"]
    assert [words(g)[0] for g in panels] == ["f: forward mode, ∂·/∂b", "f: reverse mode, ∂e/∂·"]
    paths = [[path.get("d") for path in g.iter(f"{SVG}path")] for g in panels]
    assert paths[0] == paths[1]
    ids = [g.get("id") for g in groups(svg(sample("both")), "node")]
    assert ids[0] == "forward-n0"
    assert len(ids) == len(set(ids)) == 10
    left, right = [float(re.search(r"translate\(([\d.]+)", g.get("transform"))[1]) for g in panels]
    assert left < right


def test_values_and_shapes_write_no_derivatives() -> None:
    assert words(groups(svg(sample("values")), "node")[2]) == ["c = a + b", "3"]
    graph = sample("shapes")
    graph.nodes = [replace(node, value=None, gradient=None) for node in graph.nodes]
    assert words(groups(svg(graph), "node")[2]) == ["c = a + b", "f64[]"]


def test_kinds_have_shapes_of_their_own() -> None:
    graph = sample()
    graph.nodes[3] = replace(graph.nodes[3], kind="constant")
    graph.edges = [edge for edge in graph.edges if edge.target != "n3"]
    nodes = {g.get("data-name"): g for g in groups(svg(graph), "node")}
    shapes = {
        name: [child.tag.removeprefix(SVG) for child in g if not child.tag.endswith(("title", "text"))] for name, g in nodes.items()
    }
    assert shapes == {"a": ["ellipse"], "b": ["polygon"], "c": ["rect"], "d": ["polygon"], "e": ["rect", "rect"]}
    corners = {name: len(nodes[name].find(f"{SVG}polygon").get("points").split()) for name in "bd"}
    assert corners == {"b": 6, "d": 5}


def test_hostile_text_is_escaped() -> None:
    graph = sample()
    nasty = '</text><script>alert("1")</script>&\x00'
    graph.nodes[2] = replace(graph.nodes[2], name=nasty, text="a < b")
    graph.title = nasty
    graph.boxes = [Box("b0", "call", nasty, name=nasty)]
    graph.nodes[3].box = "b0"
    for text in (svg(graph), svg(graph, open_boxes=set())):
        assert not list(ET.fromstring(text).iter(f"{SVG}script"))
        assert "<script" not in text
        assert [g for g in groups(text, "node") if g.get("data-name") == nasty.replace("\x00", "\ufffd")]


def test_numbers_are_exact_in_the_data_and_rounded_in_view() -> None:
    graph = sample()
    graph.nodes[2] = replace(
        graph.nodes[2], value=np.float64(1) / 3, gradient=np.array([[1.0, 2.0], [3.0, np.nan]]), aval=aval((2, 2), "float64")
    )
    node = groups(svg(graph), "node")[2]
    assert node.get("data-value") == repr(1 / 3)
    assert node.get("data-gradient") == "float64[2, 2] 1 … 3, 1 nan"
    assert "0.3333" in words(node)
    assert "∂e/∂c = 1 … 3, 1 nan" in words(node)
    assert "0.333333" in words(groups(svg(graph, digits=6), "node")[2])


def test_digits_must_not_move_text_out_of_its_node() -> None:
    graph = sample()
    graph.nodes[2] = replace(graph.nodes[2], value=1 / 3)
    few, many = [float(groups(svg(graph, digits=digits), "node")[2].find(f"{SVG}rect").get("width")) for digits in (2, 17)]
    assert few < many


def test_boxes_open_and_folded() -> None:
    graph = boxed()
    text = svg(graph)
    assert [(g.get("id"), g.get("data-folded")) for g in groups(text, "box")] == [("b0", "false"), ("b1", "false")]
    assert len(groups(text, "node")) == len(groups(text, "edge")) == 5
    text = svg(graph, open_boxes={"b0"})
    inner = next(g for g in groups(text, "box") if g.get("id") == "b1")
    assert inner.get("class") == "box call folded"
    assert words(inner) == ['g<"&>', "1 node", "c = 3", "∂e/∂c = 2"]
    assert [g.get("data-name") for g in groups(text, "node")] == ["a", "b", "e", "d"]
    text = svg(graph, open_boxes=set())
    assert words(groups(text, "box")[0]) == ["for k in range(2)", "2 nodes, 2 results"]
    found = {(g.get("data-from"), g.get("data-to")): g for g in groups(text, "edge")}
    assert set(found) == {("n0", "b0"), ("n1", "b0"), ("b0", "n4")}
    assert found["n1", "b0"].get("data-edges") == "e1 e2"


def test_a_box_within_a_folded_one_is_not_drawn() -> None:
    assert [g.get("id") for g in groups(svg(boxed(), open_boxes={"b1"}), "box")] == ["b0"]


def test_edges_go_through_open_boxes_in_one_piece() -> None:
    for g in groups(svg(boxed()), "edge"):
        ends = [
            [tuple(map(float, pair.split(","))) for pair in re.findall(r"[\d.]+,[\d.]+", path.get("d"))]
            for path in g.iter(f"{SVG}path")
        ]
        for before, after in zip(sorted(ends), sorted(ends)[1:], strict=False):
            assert before[-1] == pytest.approx(after[0], abs=0.011)
        assert len(list(g.iter(f"{SVG}polygon"))) == 1  # one arrowhead


def test_fold_sets_how_much_shows() -> None:
    assert len(groups(svg(boxed(), fold=4), "node")) == 3  # a, b and e; with b0 open there would be five
    assert [g.get("data-folded") for g in groups(svg(boxed(), fold=4), "box")] == ["true"]


def test_everything_is_inside_the_picture() -> None:
    for mode in MODES:
        for direction in ("right", "down"):
            for graph in (sample(mode), replace(boxed(), mode=mode)):
                scene = Scene(graph, nest(graph), layout(graph, {"b0", "b1"}, direction), direction, 4)
                for panel in scene.panels:
                    for mark in [mark for group in panel.groups for mark in group.marks]:
                        points = mark.points if hasattr(mark, "points") and mark.points else [(mark.x, mark.y)]
                        assert all(0 <= panel.x + x <= scene.width and 0 <= panel.y + y <= scene.height for x, y in points)


def test_arrowheads_point_along_the_direction() -> None:
    for direction, axis in (("right", 0), ("down", 1)):
        graph = sample()
        for group in Scene(graph, nest(graph), layout(graph, set(), direction), direction, 4).panels[0].groups:
            for line in [mark for mark in group.marks if hasattr(mark, "arrow") and mark.arrow]:
                tip, left, right = arrowhead(line)
                assert tip == line.points[-1]
                assert left[axis] == right[axis] < tip[axis]


def test_the_legend_names_what_is_there() -> None:
    assert words(groups(svg(sample()), "legend")[0]) == [
        "input",
        "parameter",
        "computation",
        "result",
        "local derivative",
        "gradient ←",
    ]
    assert words(groups(svg(sample("values")), "legend")[0]) == ["input", "parameter", "computation", "result"]
    assert "folded" in words(groups(svg(boxed(), open_boxes=set()), "legend")[0])
    assert "gradient ↑" in words(groups(svg(sample(), direction="down"), "legend")[0])


def test_the_same_graph_gives_the_same_text() -> None:
    assert svg(sample("both")) == svg(sample("both"))


def test_sheets_can_be_given() -> None:
    graph = boxed()
    assert svg(graph, layout(graph, {"b0"})) == svg(graph, open_boxes={"b0"})


# --- DOT


def parsed_dot(text: str) -> tuple[dict[str, dict[str, str]], dict[tuple[str, str], list[dict[str, str]]], list[str]]:
    """Nodes, edges and clusters of DOT as `dot` writes it: name -> attributes."""
    string, markup = r'"(?:[^"\\]|\\.)*"', r"<(?:[^<>]|<[^<>]*>)*>"
    entry = re.compile(rf"(\w+)=({string}|{markup})(?:, |$)")
    nodes: dict[str, dict[str, str]] = {}
    edges: dict[tuple[str, str], list[dict[str, str]]] = {}
    clusters = []
    depth = 0
    for line in text.splitlines():
        line = line.strip()
        depth += line.endswith("{") - (line == "}")
        statement = re.fullmatch(r"(\w+)(?: -> (\w+))? \[(.*)\];", line)
        cluster = re.fullmatch(rf"subgraph ({string}) {{", line)
        if cluster:
            clusters.append(cluster[1].strip('"').removeprefix("cluster_"))
        elif statement:
            pairs = entry.findall(statement[3])
            assert sum(len(key) + len(value) + 3 for key, value in pairs) == len(statement[3]) + 2, line  # nothing is left over
            values = {key: value[1:-1].replace('\\"', '"').replace("\\\\", "\\") for key, value in pairs}
            if statement[2]:
                edges.setdefault((statement[1], statement[2]), []).append(values)
            elif statement[1] not in ("graph", "node", "edge"):
                nodes[statement[1]] = values
        else:
            assert line == "}" or line.startswith(("digraph ", "rankdir=")), line
    assert depth == 0
    return nodes, edges, clusters


def test_dot_carries_the_numbers() -> None:
    nodes, edges, clusters = parsed_dot(dot(sample()))
    assert nodes["n2"]["label"] == f'<b>c = a + b</b><br/>3<br/><font color="{VERMILLION}"><i>∂e/∂c = 2</i></font>'
    assert [nodes[f"n{k}"]["shape"] for k in range(5)] == ["ellipse", "hexagon", "box", "box", "box"]
    assert [nodes[f"n{k}"].get("peripheries") for k in range(5)] == [None, None, None, None, "2"]
    assert edges["n3", "n4"][0]["label"] == f'<font color="{BLUE}">3</font><br/><font color="{VERMILLION}"><i>3 ←</i></font>'
    assert clusters == []
    assert "2 →" in parsed_dot(dot(sample("forward")))[1]["n2", "n4"][0]["label"]
    assert "∂e/∂b = 5" in parsed_dot(dot(sample("both"), side="forward"))[0]["n4"]["label"]


def test_dot_has_clusters_for_open_boxes_and_nodes_for_folded_ones() -> None:
    nodes, edges, clusters = parsed_dot(dot(boxed(), open_boxes={"b0"}))
    assert clusters == ["b0"]
    assert nodes["b1"]["shape"] == "box3d"
    assert set(edges) == {("n0", "b1"), ("n1", "b1"), ("n1", "n3"), ("b1", "n4"), ("n3", "n4")}
    nodes, edges, clusters = parsed_dot(dot(boxed(), open_boxes=set()))
    assert len(edges["n1", "b0"]) == 1
    assert parsed_dot(dot(boxed()))[2] == ["b0", "b1"]


def hostile() -> Graph:
    graph = boxed()
    nasty = 'a"]; x -> y [label="\\" <b> & \x00\x1b\n\\'
    graph.nodes[2] = replace(graph.nodes[2], name=nasty)
    graph.boxes[0] = replace(graph.boxes[0], label=nasty)
    graph.title = nasty
    return graph


def test_dot_escapes_hostile_text() -> None:
    nodes, edges, _ = parsed_dot(dot(hostile()))
    assert set(nodes) == {f"n{k}" for k in range(5)}
    assert ("x", "y") not in edges


@pytest.mark.skipif(not shutil.which("dot"), reason="graphviz is not installed")
@pytest.mark.parametrize("direction", ["right", "down"])
def test_graphviz_draws_what_dot_writes(direction: str) -> None:
    for graph in (*[sample(mode) for mode in MODES], boxed(), hostile()):
        for opened in (set(), {"b0"}, {"b0", "b1"}):
            text = dot(graph, open_boxes=opened, direction=direction)
            done = subprocess.run(["dot", "-Tsvg"], input=text.encode(), capture_output=True, check=True)
            assert not done.stderr, done.stderr
            drawn = ET.fromstring(done.stdout)
            ids = {g.get("id") for g in drawn.iter(f"{SVG}g")}
            nodes, edges, _ = parsed_dot(text)
            assert set(nodes) | {edge["id"] for several in edges.values() for edge in several} <= ids


# --- PNG and PDF


def pixels(data: bytes) -> np.ndarray:
    return pytest.importorskip("matplotlib.image").imread(io.BytesIO(data), format="png")


def test_png_has_the_size_and_the_colours_of_the_svg() -> None:
    pytest.importorskip("matplotlib")
    root = ET.fromstring(svg(sample()))
    image = pixels(png(sample(), dpi=96))
    assert abs(image.shape[1] - float(root.get("width"))) <= 1
    assert abs(image.shape[0] - float(root.get("height"))) <= 1
    assert pixels(png(sample(), dpi=192)).shape[0] == pytest.approx(2 * image.shape[0], abs=2)
    for colour in (BLUE, VERMILLION, "#FFFFFF"):
        rgb = np.array([int(colour[k : k + 2], 16) / 255 for k in (1, 3, 5)])
        assert (np.abs(pixels(png(sample()))[..., :3] - rgb).max(-1) < 0.02).any(), colour


@pytest.mark.parametrize("mode", MODES)
def test_png_and_pdf_draw_every_mode(mode: str) -> None:
    pytest.importorskip("matplotlib")
    for direction in ("right", "down"):
        assert png(replace(boxed(), mode=mode), direction=direction, dpi=48).startswith(b"\x89PNG")
    assert pdf(replace(boxed(), mode=mode)).startswith(b"%PDF")


def test_names_with_dollars_are_not_formulas() -> None:
    pytest.importorskip("matplotlib")
    graph = sample()
    graph.nodes[2] = replace(graph.nodes[2], name=r"$\frac{$")
    assert png(graph, dpi=48).startswith(b"\x89PNG")


def test_without_matplotlib_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(png_module, "installed", lambda: False)
    for write, name in ((png, "PNG"), (pdf, "PDF")):
        with pytest.raises(UnsupportedError, match=f"{name} is drawn by matplotlib, which is not installed") as caught:
            write(sample())
        assert 'pip install "ftrans[draw]"' in str(caught.value)


def test_letters_that_the_font_lacks_are_no_error() -> None:
    pytest.importorskip("matplotlib")
    scope: dict = {}
    exec("def f(日本): return 日本 * 2.0", scope)
    picture = ft.draw(scope["f"])(3.0)
    assert picture.png()[:4] == b"\x89PNG"
    assert "日本" in picture.svg()
