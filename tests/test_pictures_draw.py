"""`ft.draw` seen from outside: what results are called, what ft.nn looks like, words, messages, profilers, and what is imported.

`python tests/test_pictures_draw.py` draws the picture of README.md anew.
"""

from __future__ import annotations

import cProfile
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

import ftrans as ft
import ftrans.numpy as fnp
from ftrans import nn
from ftrans.errors import ArgumentError, UnsupportedError
from ftrans.pictures import nesting, watch
from ftrans.pictures.graph import BOX_KINDS, Graph
from ftrans.pictures.nesting import folded, with_parts

ROOT = Path(__file__).parent.parent


def graph(f: Any, *args: Any, **options: Any) -> Graph:
    return ft.draw(f, **options)(*args).graph


def named(g: Graph) -> list[tuple[str, str]]:
    """(name, text) of what is computed."""
    return [(n.name, n.text) for n in g.nodes if n.kind == "computation"]


# --- the result is called as the function


def J(a, b, c):
    u = b * c
    v = a + u
    return 3 * v


def test_a_result_without_a_name_has_that_of_the_function():
    picture = ft.draw(J, mode="both", by="b")(5.0, 3.0, 2.0)
    g = picture.graph
    node, edge = g.node("J"), g.edge("v", "J")
    assert (node.text, node.value, node.gradient, node.tangent, edge.local) == ("3 v", 33, 1, 6, 3)
    assert (g.of, g.by) == ("J", "b")
    text = picture.svg()
    assert ">J = 3 v<" in text
    assert ">∂J/∂J = 1<" in text
    assert ">∂J/∂b = 6<" in text
    assert "<title>v-&gt;J</title>" in text
    assert 'data-name="J"' in text
    assert "J = 3 v" in picture.dot()
    assert r"J = 3 v" in picture.html()


def test_a_result_keeps_its_own_name_and_takes_none_that_is_taken():
    def total(x):
        y = x * 2
        return y

    def x(x):
        return x * 2

    def same(x):
        return x

    assert graph(total, 1.0).nodes[-1].name == "y"
    assert graph(x, 1.0).nodes[-1].name == ""
    assert [n.name for n in graph(same, 1.0).nodes] == ["x"]
    assert graph(lambda x: x * 2, 1.0).nodes[-1].name == ""
    assert graph(lambda x: (x * 2, x * 3), 1.0).nodes[-1].name == ""
    assert [n.name for n in graph(J, *np.ones((3, 2))).nodes][-1] == "J"  # without derivatives too


def readme_picture() -> str:
    """The picture of README.md as SVG, of the function that is shown there."""
    block = re.search(r">>> (def e\(a, b\):\n(?:\.\.\. .*\n)+)", (ROOT / "README.md").read_text(encoding="utf-8"))
    assert block is not None
    space: dict[str, Any] = {}
    exec(compile(block[1].replace("... ", ""), "<README>", "exec"), space)
    return ft.draw(space["e"], mode="both", by="b")(2.0, 1.0).svg()


def test_the_picture_of_the_readme_is_what_is_drawn_now():
    kept = (ROOT / "docs" / "images" / "two-directions.svg").read_text(encoding="utf-8")
    assert kept == readme_picture(), "draw it anew: python tests/test_pictures_draw.py"


# --- functions and layers of ft.nn


def logistic(z, t):
    cost = nn.sigmoid_binary_cross_entropy(z, t)
    return cost + 0.5 * z


def test_a_function_of_nn_is_one_node_until_it_is_asked_for():
    picture = ft.draw(logistic)(1.35, 1.0)
    (box,) = picture.graph.boxes
    assert (box.label, box.name, box.known) == ("sigmoid_binary_cross_entropy", "cost", True)
    assert picture.svg().count('class="node') == 4  # z, t, 0.5 z, and the result
    assert "cost = 0.2305" in picture.svg()
    assert ft.draw(logistic, unfold="all")(1.35, 1.0).svg().count('class="node') == len(picture.graph.nodes)
    assert "subgraph" not in picture.dot()


def test_it_is_seen_also_where_it_is_imported_by_the_call():
    """The first `ft.nn` imports a package; what happens in an import is not watched."""
    code = f"""
import sys; sys.path.insert(0, {str(ROOT)!r})
import ftrans as ft
def f(z, t):
    return ft.nn.sigmoid_binary_cross_entropy(z, t) + z
print([box.label for box in ft.draw(f)(1.0, 1.0).graph.boxes])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "['sigmoid_binary_cross_entropy']"


def test_what_is_computed_for_a_call_is_not_in_its_box():
    """`w * x` is weak; its type changes inside of the call."""
    g = graph(lambda w, x, t: nn.sigmoid_binary_cross_entropy(w * x, t) / 2, 0.5, 2.0, 1.0)
    assert [n.box for n in g.nodes if n.text == "w * x"] == [""]


def test_a_network_is_open_and_its_layers_are_folded():
    rng = np.random.default_rng(0)
    model = nn.Sequential(
        nn.Conv.init(rng, 1, 2, 3, strides=2, padding=1), nn.relu, nn.MaxPool(2), nn.Flatten(), nn.Linear.init(rng, 8, 1)
    )
    g = graph(lambda m, x: np.sum(m(x)), model, np.ones((1, 1, 8, 8)))
    assert [(b.label, b.known) for b in g.boxes] == [("Sequential", False), ("Conv 3×3 / 2 pad 1", True), ("Linear", True)]
    assert folded(g, None, 60)[2] == {"b0"}
    pictures = [ft.draw(lambda m, x: np.sum(m(x)), unfold=unfold)(model, np.ones((1, 1, 8, 8))).svg() for unfold in ("Conv", ())]
    assert [text.count('class="box call"') for text in pictures] == [2, 0]


def test_a_wire_to_a_folded_box_carries_its_gradient():
    """And no local derivative, which would be that of an operation that is not seen."""

    def f(x):
        y = 3 * x
        return logistic(y, 1.0)

    def edge(text, number):
        return re.findall(r"<text.*?>(.*?)</text>", re.search(rf'<g class="edge" id="e{number}".*?</g>', text, re.DOTALL)[0])

    picture = ft.draw(f, unfold=())(0.5)
    assert edge(picture.svg(), 0) == ["3", "0.9527 ←"]
    assert edge(picture.svg(), 1) == []  # several uses of y in the box
    assert picture.graph.edges[1].gradient is not None

    def g(x):
        y = x * x
        return inner(y) + x

    def inner(y):
        return np.sin(2 * y)

    folded, opened = [ft.draw(g, unfold=unfold)(0.5) for unfold in ((), "inner")]
    assert edge(folded.svg(), 2) == ["1.755 ←"]
    assert edge(opened.svg(), 2) == ["2", "1.755 ←"]
    assert "<i>1.755 ←</i></font>>" in folded.dot()
    assert ">2</font><br/>" in opened.dot()
    assert edge(ft.draw(g, mode="forward", unfold=())(0.5).svg(), 2) == []


# --- words


@pytest.mark.parametrize(
    ("f", "op", "text"),
    [
        (lambda x, w: nn.conv2d(x, w), "conv2d 3×3", "conv2d 3×3 (x, w)"),
        (lambda x, w: nn.conv2d(x + 1, w + 1, strides=4, padding=2), "conv2d 3×3 / 4 pad 2", "conv2d 3×3 / 4 pad 2"),
        (lambda x, w: nn.conv2d(x, w, strides=(1, 2)), "conv2d 3×3 / (1, 2)", "conv2d 3×3 / (1, 2) (x, w)"),
        (lambda x, w: nn.conv2d(x, w, dilation=2), "conv2d 3×3 dilation 2", "conv2d 3×3 dilation 2 (x, w)"),
        (lambda x, w: nn.max_pool(x, 3, strides=2), "max_pool 3×3 / 2", "max_pool 3×3 / 2 (x)"),
        (lambda x, w: nn.max_pool(x + 1, 3, strides=2), "max_pool 3×3 / 2", "max_pool 3×3 / 2"),
        (lambda x, w: np.linalg.norm(x[0, 0, 0]), "sqrt", "sqrt(·)"),
        (lambda x, w: x[0, 0, 0].std(), "sqrt", "sqrt(·)"),
    ],
)  # fmt: skip
def test_words_are_short(f, op, text):
    node = graph(f, np.ones((1, 1, 16, 16)), np.ones((1, 1, 3, 3))).nodes[-1]
    assert (node.op, node.text) == (op, text)


def test_a_copy_that_only_serves_an_assignment_is_no_node():
    def zeros(x):
        y = fnp.zeros(3)
        y[0] = x[0]
        y[1:] = x
        return y.sum()

    def copied(x):
        y = x.copy()
        part = y[:1]
        part += 1.0
        return (y * part).sum()

    def kept(x):
        y = x.copy()
        return (y * 2).sum()

    x = np.array([3.0, 4.0])
    assert named(graph(zeros, x)) == [("", "x[0]"), ("y", "y[0] = x[0]"), ("y", "y[1:] = x"), ("zeros", "sum(y)")]
    g = graph(copied, x)
    assert named(g)[:3] == [("", "y[:1]"), ("part", "y[:1] + 1"), ("y", "y[:1] = part")]
    assert np.array_equal(g.node("x").gradient, ft.grad(copied)(x))
    assert named(graph(kept, x))[0] == ("y", "copy(x)")

    def used(x):
        y = x.copy()
        z = 3 * y
        y[0] = 5.0
        return (y * z).sum()

    assert named(graph(used, x))[:3] == [("y", "copy(x)"), ("z", "3 y"), ("y", "y[0] = 5")]


class Pair(NamedTuple):
    left: Any
    right: Any


@dataclass
class Scaled:
    left: Any
    factor: float

    def __post_init__(self):
        self.scaled = self.left * self.factor


def test_code_that_python_wrote_gives_no_names_and_no_boxes():
    def f(x):
        pair = Pair(x * 2, x + 1)
        scaled = Scaled(pair.left * 3, 4.0)
        return pair.right * scaled.scaled

    g = graph(f, 1.0)
    assert named(g) == [
        ("pair.left", "2 x"), ("pair.right", "x + 1"), ("self.left", "3 pair.left"), ("self.scaled", "4 self.left"),
        ("f", "pair.right * self.scaled"),
    ]  # fmt: skip
    assert g.boxes == []


def test_ftrans_gives_no_names():
    class Holder:
        pass

    def f(x):
        held = Holder()
        held.y, pull = ft.vjp(lambda t: np.sin(t) * np.cos(t) * 3, x)
        (held.grad,) = pull(1.0)
        return held.y * held.grad

    assert {n.name for n in graph(f, 1.0).nodes} == {"x", "", "f"}


def test_a_branch_may_begin_with_a_unary_operation():
    def f(x):
        if x > 0:
            return np.sin(x) * 2
        return x

    g = graph(f, 1.0)
    assert [(b.kind, b.label) for b in g.boxes] == [("branch", "if x > 0: true")]
    assert [n.box for n in g.nodes] == ["", "b0", "b0"]


# --- numbers


def test_numbers_are_numpys():
    def f(x, k, w):
        y = x * k + w.sum()
        return y * (x > 0)

    g = graph(f, 2.0, 3, np.ones(2), mode="both")
    for thing in (*g.nodes, *g.edges):
        for role in ("value", "local", "tangent", "gradient"):
            x = getattr(thing, role, None)
            assert x is None or (type(x) is np.ndarray and x.ndim > 0) or isinstance(x, np.generic), (thing, role)


# --- folding


def flat(n):
    def f(x):
        for _ in range(n):
            x = np.sin(x) if n else x
        return x

    source = "def f(x):\n" + "    x = np.sin(x)\n" * n + "    return x"
    space: dict[str, Any] = {"np": np}
    exec(source, space)
    return space["f"]


def test_a_little_more_than_fold_is_shown_whole():
    small, large = graph(flat(80), 1.0), graph(flat(200), 1.0)
    assert with_parts(small, 60) is small
    assert {b.kind for b in with_parts(large, 60).boxes} == {"part"} <= set(BOX_KINDS)


@pytest.mark.parametrize("form", ["svg", "dot", "html"])
def test_who_lies_where_is_found_once(monkeypatch, form):
    calls = []
    nest = nesting.nest
    for module in ("nesting", "layout", "svg"):
        monkeypatch.setattr(f"ftrans.pictures.{module}.nest", lambda g: calls.append(g) or nest(g))
    getattr(ft.draw(flat(200))(1.0), form)()
    assert len(calls) == 1


def test_unfold_opens_boxes_on_the_page_too():
    def f(x):
        return logistic(x, 1.0) * x

    pages = [ft.draw(f, unfold=unfold)(0.5).html() for unfold in ((), "all", "sigmoid_binary_cross_entropy")]
    opened = [re.search(r'"open":(\[.*?\])', page)[1] for page in pages]
    assert opened == ["[]", '["b0","b1"]', '["b0","b1"]']


def test_unfold_opens_the_parts_around_a_box():
    source = "def f(x):\n" + "    x = np.sin(x)\n" * 150 + "    return g(x)"
    space: dict[str, Any] = {"np": np, "g": lambda x: np.cos(x) * 2}
    exec(source, space)
    picture = ft.draw(space["f"], unfold="lambda")(1.0)
    parted, found, opened = folded(picture.graph, {"b0"}, 60, parts=True)
    assert len(parted.boxes) > 1
    assert set(found.around("b0")) <= opened | {""}


# --- messages


def test_pictures_are_counted_in_words():
    assert repr(ft.draw(lambda x: x)(1.0)) == "<picture of <lambda>: 1 node, 0 edges, reverse>"
    assert repr(ft.draw(logistic)(1.0, 1.0)).endswith("edges, 1 box, reverse>")
    hint = "values (integers have no derivative: write 2.0 for 2)>"
    assert repr(ft.draw(lambda x: x * 2)(2)).endswith(hint)
    assert repr(ft.draw(lambda x: x * 2, mode="values")(2.0)).endswith("edge, values>")


def test_messages():
    with pytest.raises(ArgumentError, match=r"(?s)draw returned 'abc' of type str.*return arrays and numbers only"):
        ft.draw(lambda x: "abc")(1.0)
    for transform in (ft.grad, ft.jit):
        with pytest.raises(ArgumentError, match=r"(?s)inside another transformation.*ft\.draw\(ft\.grad\(f\)\)\(x\)"):
            transform(lambda x: ft.draw(np.sin)(x))(1.0)
    with pytest.raises(ArgumentError, match=r"(?s)unfold='foo' is no box of the graph.*it has no boxes"):
        ft.draw(lambda x: x * 2, unfold="foo")(1.0)
    with pytest.raises(TypeError) as error:
        ft.draw(lambda x, how: x + how)(1.0, "twice")
    assert error.value.__notes__ == ["draw passes text on as it is and draws nothing for it: how = 'twice'"]
    with pytest.raises(TypeError) as error:
        ft.draw(lambda x: x + [].pop)(1.0)
    assert not hasattr(error.value, "__notes__")
    assert len(graph(lambda x, how: np.sum(x) if how == "sum" else x, np.ones(2), "sum").nodes) == 2


# --- profilers


def test_a_profiler_written_in_c_goes_on():
    profile = cProfile.Profile()
    before = sys.getprofile()
    profile.enable()
    try:
        value = graph(J, 5.0, 3.0, 2.0).node("J").value
        assert value == 33
        list(map(len, ["seen afterwards"]))
        running = sys.getprofile()
    finally:
        profile.disable()
        sys.setprofile(before)
    assert sys.version_info >= (3, 12) or running is profile
    assert any("len" in str(entry.code) for entry in profile.getstats())


def test_a_profiler_that_cannot_be_put_back_is_left_alone(monkeypatch):
    stopped = []
    monkeypatch.setattr(watch.sys, "getprofile", lambda: 3)
    monkeypatch.setattr(watch.sys, "setprofile", stopped.append)
    with pytest.raises(UnsupportedError, match=r"(?s)a profiler of type int is running.*stop it before"):
        ft.draw(J)(1.0, 1.0, 1.0)
    assert stopped == []


# --- what is loaded


def test_drawing_imports_neither_matplotlib_nor_scipys_solvers():
    code = f"""
import sys; sys.path.insert(0, {str(ROOT)!r})
import ftrans as ft
picture = ft.draw(lambda a, b: (a + b) * (b + 1) * a + b)(2.0, 1.0)
picture.svg(), picture.dot(), picture.html()
print([name for name in ("matplotlib", "scipy.optimize", "scipy.sparse", "tqdm") if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


if __name__ == "__main__":
    (ROOT / "docs" / "images" / "two-directions.svg").write_text(readme_picture(), encoding="utf-8")
