"""The page of a graph, in a real browser: what it shows, how it folds, searches and steps; it asks for nothing and never fails."""

from __future__ import annotations

import functools
import itertools
import json
import random
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import browser as browsers
import numpy as np
import pytest

import ftrans as ft
from ftrans.core.aval import aval
from ftrans.pictures import alike
from ftrans.pictures.alike import draft_of, sheets_of_all_boxes
from ftrans.pictures.geometry import Sheet
from ftrans.pictures.graph import Box, Edge, Graph, Node
from ftrans.pictures.html import SCRIPTS, html, source
from ftrans.pictures.layout import Nested
from ftrans.pictures.nesting import nest, with_parts
from ftrans.pictures.sheets import draw_sheet
from ftrans.pictures.text import number

SCALAR = aval((), "float64")
Opener = Callable[..., browsers.Page]


@pytest.fixture(scope="module")
def browser() -> Iterator[browsers.Browser]:
    if browsers.find() is None:
        pytest.skip("no Chromium: set CHROME to the path of one")
    with browsers.Browser() as running:
        yield running


@pytest.fixture
def show(browser: browsers.Browser, tmp_path: Path) -> Iterator[Opener]:
    """Opens the page of a graph or picture; in the end no page may have had any trouble."""
    pages = []

    def opened(graph: Any, width: int = 1280, height: int = 800, anchor: str = "", **options: Any) -> browsers.Page:
        path = tmp_path / f"page{len(pages)}.html"
        path.write_text(html(getattr(graph, "graph", graph), **options), encoding="utf-8")
        pages.append(browser.open(path, width, height, anchor))
        return pages[-1]

    yield opened
    trouble = [page.trouble for page in pages]
    for page in pages:
        page.close()
    assert not any(trouble), trouble


# --- functions that are drawn


def five(a, b):
    c = a + b
    d = b + 1
    e = c * d
    return e


def notes(a, b, c):
    u = b * c
    v = a + u
    J = 3 * v
    return J


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def layer(w, b, x):
    z = w @ x + b
    return sigmoid(z)


def network(params, x):
    for w, b in params:
        x = layer(w, b, x)
    if x[0] > 0:
        loss = -np.log(x[0])
    else:
        loss = x[0] ** 2
    return loss


@functools.cache
def network_picture() -> Any:
    rng = np.random.default_rng(0)
    sizes = (2, 4, 3, 1)
    params = [(rng.normal(size=(m, n)), np.zeros(m)) for n, m in itertools.pairwise(sizes)]
    return ft.draw(network)(params, np.array([0.3, -0.2]))


def oscillator(x, n):
    v = 0.5 * x
    for _ in range(n):
        x, v = kick(x, v)
    return x * v


def kick(x, v):
    a = np.sin(x) * 2 - v
    v = v + 0.01 * a
    x = x + 0.01 * v + np.tanh(x) * 1e-3
    return x, v


def hostile() -> Graph:
    """Names and lines that try to break out of script, markup, attributes and templates."""
    evil = "</script><script>throw 1</script><!-- \"'&lt;`${1}{{data}}\u2028\u2202"
    nodes = [
        Node("n0", "input", evil, "", "", SCALAR, "", f"{evil}.py:1", evil, "", 1.0, None, 1.0),
        Node("n1", "computation", "<b>y</b>", evil, evil, SCALAR, "b0", evil, evil, f"result[{evil!r}]", 1.0, None, 1.0),
    ]
    boxes = [Box("b0", "call", evil, "", "<i>", evil)]
    return Graph(evil, "reverse", nodes, [Edge("n0", "n1", 0, 1.0, None, 1.0)], boxes, "", evil)


def sentences(page: browsers.Page) -> list[str]:
    """What the page says at each of its steps."""
    last = page.run("app.sweep.last")
    return [page.run(f"app.goTo({k}), document.getElementById('words').textContent") for k in range(last + 1)]


def texts(page: browsers.Page, key: str) -> list[str]:
    return page.run(f"[...document.querySelectorAll('#{key} text')].map(line => line.textContent).filter(Boolean)")


def key_of(page: browsers.Page, test: str) -> str:
    """The key of the first node for which a JavaScript test on `n` is true."""
    return page.run(f"[...app.model.nodes.values()].find(n => {test}).key")


# --- the file


def test_the_page_is_one_file_that_refers_to_no_other():
    page = html(ft.draw(five)(2.0, 1.0).graph)
    addresses = set(re.findall(r"https?://[^\s\"'<>)]*", page))
    assert addresses == {"http://www.w3.org/2000/svg"}  # the name of SVG, not a place to fetch
    assert "default-src 'none'" in page
    assert not re.search(r"<(img|iframe|object|embed)|\bsrc=|@import|url\((?!#)", page)


def test_every_script_is_strict_and_ascii():
    script = "".join([source(f"{name}.js") for name in SCRIPTS])
    assert script.isascii()
    assert '<script>\n"use strict";' in html(ft.draw(five)(2.0, 1.0).graph)


def test_nothing_a_user_names_can_end_the_data():
    page = html(hostile())
    data = page.split('id="graph">')[1].split("</script>")[0]
    assert data.isascii()
    assert not set("<>&") & set(data)
    read = json.loads(data)
    assert read["nodes"][0][2] == hostile().nodes[0].name
    assert page.count("</script>") == 2


def test_numbers_in_the_data():
    y = np.array([1.0, np.inf])
    values = [0.1, np.float32(0.1), 3, 12345678, True, 1 + 2j, np.nan, -np.inf, y, None, np.float64(1e300), np.array(2.5)]
    nodes = [Node(f"n{k}", "input", f"x{k}", "", "", SCALAR, value=v) for k, v in enumerate(values)]
    page = html(Graph("f", "values", nodes))
    rows = json.loads(page.split('id="graph">')[1].split("</script>")[0])["nodes"]
    expected = [0.1, float(np.float32(0.1)), 3, "12345678", "True", "1+2j", "nan", "-inf", "[1 inf]", None, 1e300, 2.5]
    assert [row[9] for row in rows] == expected


# --- layouts that boxes share


def test_boxes_that_are_alike_are_laid_out_once(monkeypatch):
    graph = ft.draw(oscillator)(0.3, 20).graph
    calls = []
    draw_sheet = alike.draw_sheet
    monkeypatch.setattr(alike, "draw_sheet", lambda *args: calls.append(args[0]) or draw_sheet(*args))
    sheets = sheets_of_all_boxes(graph, nest(graph))
    assert set(sheets) == {"", *[box.key for box in graph.boxes]}
    assert len(calls) <= 8 < len(sheets)


def sheet_of_every_box(graph: Graph, direction: str) -> dict[str, Sheet]:
    """Each box laid out by itself, without a look at those that are alike."""
    found = nest(graph)
    nested = Nested(graph, found, set(found.children) - {""}, direction, 4)
    pieces = nested.pieces(by_value=True)
    drafts = {box: draft_of(nested, box, list(pieces[box].arcs.values())) for box in ["", *[b.key for b in graph.boxes]]}
    return {box: draw_sheet(box, d.items, d.arcs, direction, d.title) for box, d in drafts.items()}


@pytest.mark.parametrize("direction", ["right", "down"])
def test_shared_layouts_are_layouts_of_the_same_things(direction):
    graph = network_picture().graph
    shared, own = sheets_of_all_boxes(graph, nest(graph), direction), sheet_of_every_box(graph, direction)
    assert list(shared) == list(own)
    for box in own:
        a, b = shared[box], own[box]
        assert a.box == b.box
        assert [place.key for place in a.places] == [place.key for place in b.places]
        assert {(port.key, port.enters) for port in a.ports} == {(port.key, port.enters) for port in b.ports}
        ends = [[(w.source, w.target, w.edges, w.enters, w.leaves, w.label is None) for w in sheet.wires] for sheet in (a, b)]
        assert ends[0] == ends[1]
        for large, small in zip(a.places, b.places, strict=True):
            assert large.width >= small.width
            assert large.height >= small.height


# --- what it shows


def test_the_helper_reports_trouble(browser, tmp_path):
    path = tmp_path / "bad.html"
    path.write_text("<script>console.error('no'); fetch('http://127.0.0.1:9/').catch(() => 0); throw new Error('oops')</script>")
    trouble = " ".join(browser.open(path).trouble)
    assert "oops" in trouble
    assert "console" in trouble
    assert "request: http://127.0.0.1:9/" in trouble


def test_nodes_carry_their_numbers(show):
    page = show(ft.draw(five)(2.0, 1.0))
    shown = {name: texts(page, key_of(page, f"n.name == '{name}'")) for name in "abcde"}
    assert shown == {
        "a": ["a", "2", "∂e/∂a = 2"],
        "b": ["b", "1", "∂e/∂b = 5"],
        "c": ["c = a + b", "3", "∂e/∂c = 2"],
        "d": ["d = b + 1", "2", "∂e/∂d = 3"],
        "e": ["e = c * d", "6", "∂e/∂e = 1"],
    }
    assert page.count("#world .node") == 5
    assert page.count("#world .edge") == 5
    labels = page.run(
        "[...document.querySelectorAll('.edge')].map(e => [...e.querySelectorAll('text')].map(t => t.textContent)).sort()"
    )
    assert labels == [["1", "2 ←"], ["1", "2 ←"], ["1", "3 ←"], ["2", "2 ←"], ["3", "3 ←"]]


def test_forward_mode_shows_tangents(show):
    page = show(ft.draw(five, mode="forward", by="b")(2.0, 1.0))
    assert texts(page, key_of(page, "n.name == 'c'")) == ["c = a + b", "3", "∂c/∂b = 1"]
    assert sentences(page)[-1].endswith("∂e/∂b = 2 · 1 + 3 · 1 = 5")
    assert "backward" not in page.run("app.sweep.steps.map(step => step.phase)")


def test_both_modes_in_one_page(show):
    page = show(ft.draw(five, mode="both", by="b")(2.0, 1.0))
    d = key_of(page, "n.name == 'd'")
    assert texts(page, d)[-1] == "∂e/∂d = 3"
    page.run("(s => { s.value = 'forward'; s.dispatchEvent(new Event('change')) })(document.getElementById('shows'))")
    assert texts(page, d)[-1] == "∂d/∂b = 1"
    page.run("app.goTo(app.sweep.last)")  # the backward sweep shows gradients
    assert texts(page, d)[-1] == "∂e/∂d = 3"


def test_shapes_alone(show):
    x = ft.ShapeDtypeStruct((3, 4), np.float32)
    page = show(ft.draw(lambda x: np.sum(np.sin(x)))(x))
    assert "f32[3,4]" in page.text("#world")
    assert all("undefined" not in s and "null" not in s for s in sentences(page))


def test_hostile_names_are_text(show):
    page = show(hostile())
    assert page.run("app.model.nodes.get('n0').name") == hostile().nodes[0].name
    assert page.run("document.title") == hostile().title.replace("\n", " ")
    page.run("app.reveal('n1')")
    assert page.text("#details h2") == "<b>y</b>"
    assert page.count("main b, main i, header b") == 0
    assert page.count("script") == 2
    page.run("app.lookFor('script')")
    assert page.count("#hits li") == 3
    assert all(sentences(page))


def test_numbers_are_written_as_python_writes_them(browser, show):
    page = show(ft.draw(five)(2.0, 1.0))
    draw = random.Random(0)
    values = [
        0.0,
        -0.0,
        1.0,
        -3.0,
        0.1,
        1.0625,
        1.1875,
        12344.5,
        12345.5,
        9999999.0,
        1e7,
        123456.7,
        99999.5,
        0.00012345,
        1e-5,
        5e-324,
        1.7e308,
        0.99995,
        9999.5,
    ]
    values += [draw.choice([-1, 1]) * draw.random() * 10.0 ** draw.randint(-9, 9) for _ in range(400)]
    values += [k / 2 ** draw.randint(1, 14) for k in draw.sample(range(1, 10**6), 300)]  # many exact ties
    for digits in (1, 3, 4, 8):
        got = page.run(f"{json.dumps(values)}.map(x => number(x, {digits}))")
        assert got == [number(x, digits) for x in values]


# --- steps


def test_the_two_sweeps_in_words(show):
    page = show(ft.draw(five)(2.0, 1.0))
    said = sentences(page)
    assert said[:3] == ["Given: a = 2, b = 1", "c = a + b = 2 + 1 = 3", "d = b + 1 = 1 + 1 = 2"]
    assert said[3] == "e = c * d = 3 * 2 = 6"
    assert said[4] == "Back from the result: ∂e/∂e = 1"
    back = set(said[5:])
    assert {
        "∂e/∂a += ∂e/∂c · ∂c/∂a = 2 · 1 = 2",
        "∂e/∂b += ∂e/∂d · ∂d/∂b = 3 · 1 = 3, now 3 of 5",
        "∂e/∂b += ∂e/∂c · ∂c/∂b = 2 · 1 = 2, together 5",
    } <= back
    assert len(back) == 5


def test_gradients_flow_only_from_finished_nodes(show):
    page = show(ft.draw(notes)(5.0, 3.0, 2.0))
    trail = []
    for k in range(page.run("app.sweep.last") + 1):
        page.run(f"app.goTo({k})")
        trail.append(
            page.run(
                "[...app.model.nodes.values()].map(n => [n.name, app.sweep.knows(n, app.step), app.sweep.gradient(n, app.step)])"
            )
        )
    names = [name for name, *_ in trail[0]]
    assert sorted(names) == sorted(["J", "a", "b", "c", "u", "v"])
    computed = [{name for name, knows, _ in state if knows} for state in trail]
    assert computed[:4] == [set("abc"), set("abcu"), set("abcuv"), set("abcuvJ")]
    final = {name: gradient["text"] for name, _, gradient in trail[-1]}
    assert final == {"J": "1", "v": "3", "u": "3", "a": "3", "b": "6", "c": "9"}
    for state in trail:
        done = {name: gradient["done"] for name, _, gradient in state}
        assert done["u"] <= done["v"] <= done["J"]
        assert max(done["b"], done["c"]) <= done["u"]


def test_a_step_greys_what_is_not_reached_and_marks_what_is_present(show):
    page = show(ft.draw(five)(2.0, 1.0))
    c, d = key_of(page, "n.name == 'c'"), key_of(page, "n.name == 'd'")
    page.run("app.goTo(1)")
    classes = lambda key: set(page.run(f"[...document.getElementById('{key}').classList]"))
    assert "current" in classes(c)
    assert "unreached" in classes(d)
    assert texts(page, d) == ["d = b + 1"]
    assert page.count(".edge.current") == 2
    page.press("End")
    assert page.count(".unreached") == 0


def test_partial_sums_stand_on_the_node(show):
    page = show(ft.draw(five)(2.0, 1.0))
    b = key_of(page, "n.name == 'b'")
    step = sentences(page).index("∂e/∂b += ∂e/∂d · ∂d/∂b = 3 · 1 = 3, now 3 of 5")
    page.run(f"app.goTo({step})")
    assert texts(page, b) == ["b", "1", "∂e/∂b = 3 +"]


def test_an_input_without_use_has_its_zero_gradient_when_the_backward_sweep_begins(show):
    page = show(ft.draw(lambda a, b: a * a)(2.0, 1.0))
    b = key_of(page, "n.name == 'b'")
    page.run("app.goTo(0)")
    assert texts(page, b) == ["b", "1"]
    page.run("app.goTo(app.sweep.seeded)")
    assert texts(page, b)[2].endswith(" = 0")


def test_a_folded_box_is_one_step_and_unfolding_keeps_the_place(show):
    page = show(network_picture())
    page.run("app.openTo(0)")
    few = page.run("app.sweep.last")
    step = page.run("app.sweep.steps.findIndex(s => app.model.boxes.has(s.unit) && s.phase === 'forward')")
    page.run(f"app.goTo({step})")
    assert re.search(r": \d+ operations give ", page.text("#words"))
    unit = page.run("app.sweep.steps[app.step].unit")
    last = page.run("app.sweep.steps[app.step].nodes.at(-1).key")
    page.run("app.setOpen(app.downTo(Infinity), '')")
    assert page.run("app.sweep.last") > few
    assert page.run("app.sweep.steps[app.step].unit") == last
    page.run("app.setOpen(new Set(), '')")
    assert page.run("app.sweep.steps[app.step].unit") == unit


def test_each_node_comes_after_its_operands_however_boxes_are_folded(show):
    page = show(network_picture())
    for depth in range(page.run("app.model.depth") + 1):
        page.run(f"app.openTo({depth})")
        assert page.run(
            """app.model.edges.every(e => app.sweep.computed.get(e.source) <= app.sweep.computed.get(e.target))
               && app.sweep.computed.size === app.model.nodes.size"""
        )
        assert page.run("app.sweep.flowed.size") == page.run("app.model.edges.filter(e => e.gradient !== null).length")


def test_keys_and_buttons_step_and_play(show):
    page = show(ft.draw(five)(2.0, 1.0))
    assert page.run("app.step") == page.run("app.sweep.last")
    page.press("ArrowRight")
    assert page.run("app.step") == 0
    page.press("ArrowRight")
    page.press("ArrowRight")
    page.press("ArrowLeft")
    assert page.run("app.step") == 1
    assert page.run("document.getElementById('slider').value") == "1"
    page.press("End")
    assert page.run("app.step") == page.run("app.sweep.last")
    page.press("Home")
    assert page.run("app.step") == 0
    page.click("#forward")
    assert page.run("app.step") == 1
    page.run("document.getElementById('speed').value = 5")
    page.run("document.activeElement.blur()")
    page.press(" ")
    page.eventually("app.step === app.sweep.last && !app.timer")


# --- folding


def test_click_and_enter_fold_and_unfold(show):
    page = show(network_picture())
    page.run("app.openTo(0)")
    box = page.run("app.scene.items.find(i => i.kind === 'box').key")
    folded = page.count("#world .node, #world .box")
    where = page.run(f"(r => [r.x, r.y])(document.getElementById('{box}').getBoundingClientRect())")
    page.click(f"#{box}")
    assert page.run(f"document.getElementById('{box}').classList.contains('frame')")
    assert page.run("app.scene.items.length") > folded
    assert page.run(f"document.activeElement.id === '{box}'")
    corner = page.run(f"(r => [r.x, r.y])(document.getElementById('{box}').getBoundingClientRect())")
    assert corner == pytest.approx(where, abs=3)  # what was clicked stays under the pointer
    page.press("Enter")
    assert page.run(f"document.getElementById('{box}').classList.contains('box')")
    assert page.count("#world .node, #world .box") == folded


def test_an_edge_to_a_folded_box_shows_its_gradient_alone(show):
    def f(x):
        y = x * x
        return inner(y) + x

    def inner(y):
        return np.sin(2 * y)

    page = show(ft.draw(f)(0.5), open_boxes=set())
    edge = "[...document.querySelectorAll('.edge text')].filter(t => t.parentNode.dataset.source === 'n1').map(t => t.textContent)"
    assert page.run(edge) == ["", "1.755 \u2190"]
    page.click("#unfold-all")
    assert page.run(edge) == ["2", "1.755 \u2190"]


def test_folded_interiors_are_not_in_the_page(show):
    page = show(network_picture())
    page.run("app.openTo(0)")
    inside = page.run("[...app.model.boxes.keys()].flatMap(b => app.model.members.get(b) ?? []).map(n => n.key)")
    assert inside
    assert not [key for key in inside if page.count(f"#{key}")]


def test_it_opens_folded_as_far_as_told(show):
    picture = network_picture()
    few, many = show(picture, fold=12), show(picture, fold=100)
    assert few.run("app.scene.items.filter(i => i.kind !== 'frame').length") <= 12
    assert many.run("app.scene.items.filter(i => i.kind === 'box').length") == 0
    assert many.run("document.getElementById('depth').value") == str(many.run("app.model.depth"))


GEOMETRY = (Path(__file__).parent / "geometry.js").read_text(encoding="utf-8")


@pytest.mark.parametrize("direction", ["right", "down"])
def test_wherever_boxes_are_unfolded_wires_avoid_places_and_lead_from_end_to_end(show, direction):
    for picture in (network_picture(), ft.draw(oscillator)(0.3, 5)):
        page = show(picture, direction=direction)
        boxes = page.run("[...app.model.boxes.keys()]")
        choices = [[], boxes] + [random.Random(k).sample(boxes, len(boxes) // 2) for k in range(6)]
        for open_boxes in choices:
            page.run(f"app.setOpen(new Set({json.dumps(open_boxes)}), '')")
            assert page.run(GEOMETRY) == []


def random_graph(seed: int) -> Graph:
    """Up to 40 nodes with up to 3 operands each, in nested boxes of nodes that mostly follow one another."""
    draw = random.Random(seed)
    n = draw.randint(5, 40)
    boxes = [Box("b0", "call", "outer")]
    boxes += [
        Box(f"b{k}", "call", f"box {k}", draw.choice(["", *[f"b{j}" for j in range(k)]])) for k in range(1, draw.randint(1, 7))
    ]
    nodes, edges = [], []
    box = ""
    for k in range(n):
        if draw.random() < 0.35:
            box = draw.choice(["", *[box.key for box in boxes]])
        operands = [] if k < 2 else [draw.randrange(max(0, k - 12), k) for _ in range(draw.randint(1, 3))]
        kind = "computation" if operands else draw.choice(["input", "parameter", "constant"])
        nodes.append(Node(f"n{k}", kind, draw.choice(["", "x", "a long name"]), "+", "x + y", SCALAR, box, value=float(k)))
        edges += [Edge(f"n{j}", f"n{k}", i, 0.5) for i, j in enumerate(operands)]
    return Graph(f"random {seed}", "values", nodes, edges, boxes)


@pytest.mark.parametrize("direction", ["right", "down"])
def test_random_graphs_unfold_without_crossing_places(show, direction):
    for seed in range(5):
        page = show(random_graph(seed), direction=direction)
        boxes = page.run("[...app.model.boxes.keys()]")
        for k in range(4):
            chosen = random.Random(k).sample(boxes, len(boxes) * k // 3)
            page.run(f"app.setOpen(new Set({json.dumps(chosen)}), '')")
            assert page.run(GEOMETRY) == [], (seed, chosen)
            assert page.run("app.sweep.computed.size === app.model.nodes.size")


@pytest.mark.parametrize("count", [0, 1])
def test_hardly_anything_to_show(show, count):
    page = show(Graph("f", "reverse", [Node("n0", "input", "x", "", "", SCALAR)][:count]))
    assert page.count("#world .node") == count
    for key in ("0", "ArrowRight", " ", "End", "/", "Enter", "Escape"):
        page.press(key)
    page.run("app.openTo(Infinity)")


def test_boxes_can_be_chosen(show):
    page = show(network_picture(), open_boxes={"b0", "no such box"})
    assert page.run("[...app.open]") == ["b0"]


def test_the_geometry_test_can_fail(show):
    page = show(network_picture())
    page.run("app.openTo(1)")
    page.run("app.scene.items.find(i => i.kind === 'node').x += 400")
    assert page.run(GEOMETRY) != []


# --- pan and zoom


def place(page: browsers.Page) -> list[float]:
    return page.run("[app.view.x, app.view.y, app.view.scale]")


def test_drag_wheel_and_keys_move_the_picture(show):
    page = show(ft.draw(five)(2.0, 1.0))
    fitted = place(page)
    before = page.run("document.getElementById('world').getAttribute('transform')")
    page.drag((40, 120), (60, 25))
    assert place(page) == pytest.approx([fitted[0] + 60, fitted[1] + 25, fitted[2]])
    assert page.run("document.getElementById('world').getAttribute('transform')") != before
    x, y = 300, 300
    at = f"""(r => [({x} - r.x - app.view.x) / app.view.scale, ({y} - r.y - app.view.y) / app.view.scale])
             (document.getElementById('picture').getBoundingClientRect())"""
    under = page.run(at)
    page.wheel(x, y, -240)
    assert place(page)[2] > fitted[2]
    assert page.run(at) == pytest.approx(under)  # the point under the pointer stays there
    page.press("-")
    page.press("+")
    page.press("0")
    assert place(page) == pytest.approx(fitted)
    page.press("ArrowDown")
    assert place(page)[1] == fitted[1] - 60
    page.click("#fit")
    assert place(page) == pytest.approx(fitted)


def test_a_drag_selects_nothing(show):
    page = show(ft.draw(five)(2.0, 1.0))
    page.drag(page.middle(f"#{key_of(page, 'n.name == `c`')}"), (30, 0))
    assert page.run("app.selected") == ""


def test_two_fingers_zoom(show):
    page = show(ft.draw(five)(2.0, 1.0))
    page.send("Emulation.setTouchEmulationEnabled", enabled=True, maxTouchPoints=2)
    before = place(page)[2]
    fingers = lambda half: [{"x": 400 - half, "y": 300, "id": 0}, {"x": 400 + half, "y": 300, "id": 1}]
    page.send("Input.dispatchTouchEvent", type="touchStart", touchPoints=fingers(50))
    for half in (75, 100):
        page.send("Input.dispatchTouchEvent", type="touchMove", touchPoints=fingers(half))
    page.send("Input.dispatchTouchEvent", type="touchEnd", touchPoints=[])
    assert place(page)[2] == pytest.approx(2 * before, rel=0.02)


# --- details and search


def test_details_of_a_node(show):
    page = show(ft.draw(five)(2.0, 1.0))
    page.click(f"#{key_of(page, 'n.name == `d`')}")
    details = page.run("[...document.querySelectorAll('#details dt')].map(t => [t.textContent, t.nextSibling.textContent])")
    facts = dict(details)
    assert facts["expression"] == "b + 1"
    assert (facts["value"], facts["∂e/∂d"], facts["type"]) == ("2", "3", "f64[]")
    assert facts["operands"] == "b local derivative 1, gradient 3"
    assert facts["used by"].endswith("local derivative 3, gradient 3")
    assert "test_pictures_html.py:" in facts["line"]
    assert facts["source"] == "d = b + 1"
    page.click("#details .link")
    assert page.text("#details h2") == "b"


def test_hovering_lights_the_edges_of_a_node(show):
    page = show(ft.draw(five)(2.0, 1.0))
    page.mouse("mouseMoved", *page.middle(f"#{key_of(page, 'n.name == `b`')}"))
    page.frame()
    assert page.count(".edge.lit") == 2
    page.mouse("mouseMoved", 20, 100)
    page.frame()
    assert page.count(".edge.lit") == 0


def test_search_finds_reveals_and_goes_on(show):
    page = show(network_picture())
    page.run("app.openTo(0)")
    page.press("/")
    assert page.run("document.activeElement.id") == "search"
    page.type("exp(")
    found = page.run("app.found")
    assert len(found) >= 3
    assert page.count("#hits li") == len(found)
    assert page.text("#count") == f"{len(found)} hits"
    assert page.count(".box.hit") > 0  # a folded box shows that it hides a hit
    page.press("Enter")
    assert page.run("app.selected") == found[0]
    assert page.count(f"#{found[0]}.node.selected") == 1  # unfolded, and in view
    page.press("Enter")
    assert page.run("app.selected") == found[1]
    page.press("Enter", shift=True)
    assert page.run("app.selected") == found[0]
    page.press("Escape")
    assert page.count(".hit") == 0
    assert page.run("document.activeElement.id") != "search"


@pytest.mark.parametrize("wanted", ["sigmoid", "TEST_PICTURES_HTML.PY", "w @ x + b", "params[0][0]"])
def test_search_looks_at_names_operations_lines_and_files(show, wanted):
    page = show(network_picture())
    assert page.run(f"app.search.find({json.dumps(wanted)}).length") > 0
    assert page.run("app.search.find('no such thing').length") == 0


# --- by keyboard, on paper, by address


def test_everything_has_a_name_and_can_be_reached_by_keyboard(show):
    page = show(network_picture())
    names = page.send("Accessibility.getFullAXTree")["nodes"]
    controls = ("button", "slider", "combobox", "searchbox", "textbox")
    named = [(n["role"]["value"], n.get("name", {}).get("value", "")) for n in names if not n["ignored"]]
    assert [role for role, name in named if role in controls and not name] == []
    places = "[...document.querySelectorAll('#world :is(.node, .box, .frame)')]"
    assert page.run(f"{places}.every(e => e.tabIndex === 0 && e.getAttribute('aria-label'))")
    page.run("document.getElementById('search').focus()")
    page.press("Tab")
    assert page.run("document.activeElement.closest('#world') !== null")
    outline = page.run("getComputedStyle(document.activeElement.firstChild).strokeWidth")
    assert outline == "3.6px"  # focus can be seen


def test_the_address_keeps_the_state(show, browser, tmp_path):
    picture = network_picture()
    page = show(picture)
    page.run("app.openTo(1)")
    page.run("app.goTo(2)")
    page.run("app.select(app.scene.items.find(i => i.kind === 'node').key)")
    page.eventually("location.hash.includes('step=2')")
    again = show(picture, anchor=page.run("location.hash"))
    for state in ("[...app.open].sort()", "app.step", "app.selected"):
        assert again.run(state) == page.run(state)
    show(picture, anchor="#open=b999%20nonsense&step=99999&node=constructor")  # no trouble


def test_printing_shows_the_whole_picture(show):
    page = show(network_picture())
    page.run("app.openTo(Infinity)")
    page.run("app.view.zoom(6)")
    before = place(page)
    page.run("addEventListener('beforeprint', () => { window.printed = app.picture.drawn.size })")
    page.send("Page.printToPDF")
    assert page.run("printed") == page.run("app.scene.items.length + app.scene.wires.length")
    assert place(page) == before


@pytest.mark.parametrize("size", [(1280, 800), (420, 700)])
def test_nothing_sticks_out_of_the_window(show, size):
    page = show(network_picture(), *size)
    assert page.run("document.documentElement.scrollWidth <= innerWidth")
    assert page.run("document.getElementById('picture').getBoundingClientRect().height") > 150


# --- large graphs


def test_ten_thousand_equations_open_fold_and_step(show):
    picture = ft.draw(oscillator)(0.3, 1000)
    assert len(picture.graph.nodes) >= 10_000
    page = show(picture)
    assert page.run("app.scene.items.length") < 120
    assert page.count("#world *") < 2000
    page.run("app.openTo(Infinity)")
    assert page.run("app.scene.items.filter(i => i.kind === 'node').length") == len(picture.graph.nodes)
    node = page.run("[...app.model.nodes.keys()][5000]")
    page.run(f"app.reveal('{node}')")
    assert page.count(f"#{node}") == 1
    assert page.count("#world *") < 4000  # only what is in view is in the page
    page.press("ArrowRight")
    page.press("ArrowRight")
    page.click("#fold-all")
    assert page.count("#world .box") >= 1
    assert page.count("#world .frame") == 0


def test_a_long_flat_program_is_cut_into_parts(show):
    nodes = [Node("n0", "input", "x", "", "", SCALAR, value=1.0)]
    nodes += [Node(f"n{k}", "computation", "", "sin", "sin(·)", SCALAR, value=1.0) for k in range(1, 300)]
    graph = Graph("flat", "values", nodes, [Edge(f"n{k}", f"n{k + 1}", 0) for k in range(299)])
    page = show(graph, fold=40)
    assert page.run("app.scene.items.filter(i => i.kind !== 'frame').length") <= 40
    assert page.run("app.model.nodes.size") == 300
    assert set(nest(with_parts(graph, 40)).children) - {""} == set(page.run("[...app.model.boxes.keys()]"))
