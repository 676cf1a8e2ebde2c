"""The examples run and give their numbers, those of examples/worked_numbers.py; their functions hold for other inputs too."""

from __future__ import annotations

import importlib
import math
import os
import re
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import ftrans as ft

ROOT = Path(__file__).parents[1]
EXAMPLES = ROOT / "examples"
SCRIPTS = sorted([path.stem for path in EXAMPLES.glob("*.py") if path.stem not in ("digits", "edf", "worked_numbers")])


@pytest.fixture(autouse=True)
def scripts_find_each_other(monkeypatch):
    """`python examples/x.py` puts examples/ on the path."""
    monkeypatch.syspath_prepend(str(EXAMPLES))


def example(name: str):
    return importlib.import_module(name)


def numbers_of(name: str) -> list[str]:
    """The worked examples that a script computes."""
    script = example(name)
    return [script.NAME] if hasattr(script, "NAME") else getattr(script, "NAMES", [])


def run_as_command(script: str, *arguments: str) -> str:
    """What `python examples/script.py` prints."""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])}
    environment["PYTHONIOENCODING"] = "utf-8"
    command = [sys.executable, str(EXAMPLES / script), *arguments]
    done = subprocess.run(command, env=environment, capture_output=True, encoding="utf-8", timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


# ------------------------------------------------------------------------------------------------------- all of them


@pytest.mark.parametrize("name", SCRIPTS)
def test_an_example_gives_its_numbers_and_draws_its_graph(name, tmp_path, capsys):
    figures = example(name).main(tmp_path)  # report() raises where a number differs
    printed = capsys.readouterr().out
    for each in numbers_of(name):
        assert example("worked_numbers").WORKED[each].formula in printed
    pictures = list(tmp_path.glob("*.svg"))
    assert pictures
    for path in pictures:
        assert ElementTree.parse(path).getroot().tag == "{http://www.w3.org/2000/svg}svg"
    if name == "cnn_digits":
        assert figures["accuracy"] >= 0.98
        assert figures["seconds"] < 60
    if name == "edf_digits":
        assert figures["accuracy"] >= 0.97


@pytest.mark.parametrize("name", SCRIPTS)
def test_an_example_shows_the_original_beside_itself(name):
    assert re.search(r"^ *(?:\S+ )*\S+ {2,}here$", example(name).__doc__, re.MULTILINE)


def test_every_worked_number_has_its_example():
    named = [each for name in SCRIPTS for each in numbers_of(name)]
    assert sorted(named) == sorted(example("worked_numbers").WORKED)


def test_report_refuses_a_wrong_number():
    report = example("worked_numbers").report
    right = {"L": 18.0, "dL/dy": 2.0, "dL/dx": 12.0}
    report("square", right)
    with pytest.raises(AssertionError, match="square: dL/dx not as expected"):
        report("square", right | {"dL/dx": 12.0 + 1e-8})
    with pytest.raises(AssertionError, match="square: dL/dx not as expected"):
        report("square", right | {"dL/dx": np.nan})
    with pytest.raises(AssertionError, match="square: L not as expected"):
        report("square", right | {"L": np.full(2, 18.0)})
    with pytest.raises(AssertionError, match="Adam: Keras, step 1 not as expected"):
        report("Adam", example("worked_numbers").WORKED["Adam"].expected | {"Keras, step 1": np.float32(0.1)})


def test_an_example_as_a_command(tmp_path):
    assert re.search(r"dJ/dc +9 +9", run_as_command("01_chain_rule.py", "--out", str(tmp_path / "new")))
    assert (tmp_path / "new" / "chain_rule.svg").exists()


def test_the_readme_names_every_example():
    text = (EXAMPLES / "README.md").read_text(encoding="utf-8")
    missing = [path.name for path in EXAMPLES.glob("*.py") if f"({path.name})" not in text]
    assert not missing, f"examples/README.md has no line for {missing}"


# ---------------------------------------------------------------------------------------- numbers on the drawn graph


def drawn(picture) -> tuple[dict[str, ElementTree.Element], dict[tuple[str, str], ElementTree.Element]]:
    """The nodes of an SVG by name, and its edges by the names of their ends."""
    root = ElementTree.fromstring(picture.svg())
    groups = [g for g in root.iter() if g.get("class")]
    nodes = {g.get("data-name"): g for g in groups if "node" in g.get("class").split()}
    edges = {(g.get("data-source"), g.get("data-target")): g for g in groups if "edge" in g.get("class").split()}
    return nodes, edges


def check_drawn(picture, attribute: str, on_nodes: dict[str, float], on_edges: dict[tuple[str, str], float] | None = None):
    nodes, edges = drawn(picture)
    assert {name: float(nodes[name].get(attribute)) for name in on_nodes} == on_nodes
    assert {ends: float(edges[ends].get(attribute)) for ends in on_edges or {}} == (on_edges or {})


def texts(group: ElementTree.Element) -> str:
    return " ".join(group.itertext())


def test_the_chain_rule_as_a_picture():
    cost = example("01_chain_rule").cost
    reverse = ft.draw(cost, mode="reverse")(5.0, 3.0, 2.0)
    check_drawn(reverse, "data-value", {"a": 5, "b": 3, "c": 2, "u": 6, "v": 11, "J": 33})
    check_drawn(
        reverse,
        "data-gradient",
        {"J": 1, "v": 3, "u": 3, "a": 3, "b": 6, "c": 9},
        {("v", "J"): 3, ("u", "v"): 3, ("a", "v"): 3, ("b", "u"): 6, ("c", "u"): 9},
    )
    check_drawn(reverse, "data-local", {}, {("v", "J"): 3, ("u", "v"): 1, ("a", "v"): 1, ("b", "u"): 2, ("c", "u"): 3})
    nodes, _ = drawn(reverse)
    assert "33" in texts(nodes["J"])
    assert "6" in texts(nodes["b"])
    forward = ft.draw(cost, mode="forward", by="b")(5.0, 3.0, 2.0)
    check_drawn(forward, "data-tangent", {"b": 1, "u": 2, "v": 2, "J": 6})


def test_addition_and_multiplication_as_a_picture():
    product = example("02_add_multiply").product
    reverse = ft.draw(product, mode="reverse")(-2.0, 5.0, -4.0)
    check_drawn(reverse, "data-value", {"x": -2, "y": 5, "z": -4, "q": 3, "f": -12})
    check_drawn(
        reverse,
        "data-gradient",
        {"f": 1, "q": -4, "z": 3, "x": -4, "y": -4},
        {("q", "f"): -4, ("z", "f"): 3, ("x", "q"): -4, ("y", "q"): -4},
    )
    forward = ft.draw(product, mode="forward", by="x")(-2.0, 5.0, -4.0)
    check_drawn(forward, "data-tangent", {"x": 1, "q": 1, "f": -4})


def test_forward_and_reverse_as_a_picture():
    result = example("03_forward_and_reverse").result
    reverse = ft.draw(result, mode="reverse")(2.0, 1.0)
    check_drawn(reverse, "data-value", {"a": 2, "b": 1, "c": 3, "d": 2, "e": 6})
    check_drawn(
        reverse,
        "data-gradient",
        {"e": 1, "c": 2, "d": 3, "a": 2, "b": 5},
        {("c", "e"): 2, ("d", "e"): 3, ("a", "c"): 2, ("b", "c"): 2, ("b", "d"): 3},
    )
    assert len(drawn(reverse)[0]) == 5
    forward = ft.draw(result, mode="forward", by="b")(2.0, 1.0)
    check_drawn(forward, "data-tangent", {"b": 1, "c": 1, "d": 1, "e": 5})


def test_networks_as_pictures():
    numbers = example("worked_numbers").WORKED
    for script, function, named in [
        ("05_logistic_regression", "cost", {"data-value": {"z": "z", "a": "a", "L": "L"}, "data-gradient": {"z": "dL/dz"}}),
        (
            "06_cross_entropy",
            "cost",
            {"data-value": {"u": "u", "p": "ŷ", "L": "L"}, "data-gradient": {"p": "dL/dŷ", "w1": "dL/dw1"}},
        ),
        ("07_mlp", "loss", {"data-value": {"p": "ŷ", "L": "L"}}),
        ("08_xor", "error", {"data-value": {"y": "y", "E": "E"}}),
    ]:
        name = example(script).NAME
        *weights, x, y = example("worked_numbers").inputs(name)
        keys = [key for key in numbers[name].inputs if key not in ("x", "y", "t")]
        params = weights if script == "06_cross_entropy" else [dict(zip(keys, weights, strict=True))]
        nodes, _ = drawn(ft.draw(getattr(example(script), function), unfold="all")(*params, x, y))
        for attribute, on_nodes in named.items():
            for node, key in on_nodes.items():
                assert float(nodes[node].get(attribute)) == pytest.approx(numbers[name].expected[key], abs=1e-9), (script, node)


# ------------------------------------------------------------------------------- further inputs of the same systems


def central_differences(f, args, step=1e-6):
    """The gradient of f(*args), element by element, in the structure of args."""
    flat, tree = ft.tree.flatten(tuple(args))
    grads = []
    for k, leaf in enumerate(flat):
        grad = np.zeros(np.shape(leaf))
        for index in np.ndindex(np.shape(leaf)):
            moved = np.zeros(np.shape(leaf))
            moved[index] = step
            ahead, back = [f(*ft.tree.unflatten(tree, [*flat[:k], leaf + s * moved, *flat[k + 1 :]])) for s in (1, -1)]
            grad[index] = (ahead - back) / (2 * step)
        grads.append(grad)
    return ft.tree.unflatten(tree, grads)


def check_gradient(f, *args):
    grads = ft.grad(f, argnums=tuple(range(len(args))))(*args)
    expected = central_differences(f, args)
    ft.tree.map(lambda g, e: np.testing.assert_allclose(g, e, rtol=1e-5, atol=1e-8), grads, expected)


@pytest.mark.parametrize("seed", range(5))
def test_scalar_systems_for_other_inputs(seed):
    a, b, c, x = np.random.default_rng(seed).normal(0, 2, 4)
    check_gradient(example("01_chain_rule").cost, a, b, c)
    check_gradient(example("02_add_multiply").product, a, b, c)
    check_gradient(example("03_forward_and_reverse").result, a, b)
    check_gradient(example("04_square").loss, a)
    for y in (0.0, 1.0):
        check_gradient(lambda w0, w1, x, y=y: example("06_cross_entropy").cost(w0, w1, x, y), a, b, x)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(("n", "hidden"), [(2, 3), (4, 1), (1, 5)])
def test_networks_for_other_inputs(seed, n, hidden):
    rng = np.random.default_rng(seed)
    x, y = rng.normal(size=n), float(seed % 2)
    check_gradient(lambda p: example("05_logistic_regression").cost(p, x, y), {"w": rng.normal(size=n), "b": 0.3})
    mlp = {"W1": rng.normal(size=(n, hidden)), "w2": rng.normal(size=hidden)}
    check_gradient(lambda p: example("07_mlp").loss(p, x, y), mlp)
    xor = {"W": rng.normal(size=(hidden, n)), "b": rng.normal(size=hidden), "w2": rng.normal(size=hidden), "b2": 0.1}
    check_gradient(lambda p: example("08_xor").error(p, x, y), xor)


@settings(max_examples=20)
@given(st.lists(st.tuples(*[st.floats(-2, 2)] * 3), min_size=1, max_size=5), st.floats(-3, 3))
def test_factored_and_written_out_paths_agree(stages, x):
    paths = example_outside_fixture("path_factoring")
    product = math.prod([sum(stage) for stage in stages])
    np.testing.assert_allclose(paths.over_paths(stages), product, atol=1e-9)
    np.testing.assert_allclose(ft.grad(paths.chain)(x, stages), product, atol=1e-9)
    np.testing.assert_allclose(paths.chain(x, stages), x * product, atol=1e-9)


def example_outside_fixture(name: str):
    """For hypothesis, which runs a test many times within one fixture."""
    return sys.modules.get(name) or importlib.import_module(name)


def test_the_chain_grows_by_the_same_number_of_equations_with_each_stage():
    paths = example("path_factoring")
    counts = [paths.sizes(1.5, [(0.2, 0.3, 0.4 + k)] * k) for k in range(2, 9)]
    grown = np.diff(counts, axis=0)
    assert grown.min() > 0
    assert (grown == grown[0]).all()


@pytest.mark.parametrize("sizes", [(3, 2, 2), (7, 5, 4), (1, 1, 3)])
def test_edf_has_the_gradients_of_the_hand_written_methods(sizes, rng):
    edf, digits = example("edf"), example("edf_digits")
    net = digits.network(rng, *sizes)
    net["x"].value, net["y"].value = rng.normal(size=(6, sizes[0])), rng.integers(0, sizes[-1], 6)
    edf.Forward()
    edf.Backward(net["loss"])
    for name, by_hand in digits.gradients_by_hand(net).items():
        np.testing.assert_allclose(net[name].grad, by_hand, rtol=1e-10, atol=1e-14, err_msg=name)
    before = net["W1"].value.copy()
    edf.UpdateParameters(0.1)
    np.testing.assert_array_equal(net["W1"].value, before - 0.1 * net["W1"].grad)


def test_edf_adds_up_where_a_value_is_used_twice_and_takes_new_components():
    edf = example("edf")
    edf.components.clear()

    class Product(edf.CompNode):
        def function(self, a, b):
            return a * b

    x = edf.Input(3.0)
    loss = Product(Product(x, x), x)
    edf.Forward()
    edf.Backward(loss)
    assert (loss.value, x.grad) == (27, 27)


def test_tf_gradients_agree_with_pytorch(rng):
    torch = pytest.importorskip("torch")
    gradients = example("tensorflow_style").gradients
    xs, weights = [rng.normal(size=(3, 2)), rng.normal(size=2)], [rng.normal(size=3), rng.normal(size=(3, 2))]
    given_ = gradients(lambda a, b: (a @ b, np.tanh(a * b)), xs, tuple(weights))
    a, b = [torch.tensor(x, requires_grad=True) for x in xs]
    expected = torch.autograd.grad([a @ b, torch.tanh(a * b)], [a, b], [torch.tensor(w) for w in weights])
    for g, e in zip(given_, expected, strict=True):
        np.testing.assert_allclose(g, e.numpy(), rtol=1e-12)


@pytest.mark.parametrize(("x0", "x1", "x2"), [(1.0, -10.0, 25.0), (2.0, 3.0, -1.0), (0.5, 1.0, 7.0)])
def test_adam_finds_the_minimum_of_any_parabola(x0, x1, x2):
    style = example("tensorflow_style")
    for form in ("keras", "textbook"):
        w = style.after(2000, style.polynomial, np.float64(0), ft.optim.adam(0.1, form=form), np.array([x0, x1, x2]))
        np.testing.assert_allclose(w, -x1 / (2 * x0), atol=1e-6)


@pytest.mark.parametrize("shape", [(3, 3), (5, 5), (4, 9)])
def test_blur_is_the_mean_of_every_window(shape, rng):
    image = rng.normal(size=shape)
    expected = np.lib.stride_tricks.sliding_window_view(image, (3, 3)).mean(axis=(2, 3))
    np.testing.assert_allclose(example("tensorflow_style").blur(image), expected, rtol=1e-12, atol=1e-15)


def test_xor_learns_as_in_pytorch(rng):
    torch = pytest.importorskip("torch")
    xor = example("pytorch_xor")
    weights = [rng.normal(size=(2, 2)), rng.normal(size=2), rng.normal(size=2), np.float64(0.3)]
    W, b, w2, b2 = ours = [torch.tensor(w, requires_grad=True) for w in weights]
    sgd, errors = torch.optim.SGD(ours, lr=0.5), []
    for _ in range(20):
        for x, t in zip(torch.tensor(xor.X), xor.T, strict=True):
            sgd.zero_grad()
            E = 0.5 * (t - torch.sigmoid(w2 @ torch.sigmoid(W.mv(x) + b) + b2)) ** 2
            E.backward()
            sgd.step()
            errors.append(E.item())
    for train in (xor.train_per_example, xor.train_tree, xor.train_modules):
        np.testing.assert_allclose(train(weights, 0.5, 20).ravel(), errors, rtol=1e-10)


def test_xor_batches_agree(rng):
    xor = example("pytorch_xor")
    weights = [rng.normal(size=(2, 2)), rng.normal(size=2), rng.normal(size=2), np.float64(0.3)]
    xs = rng.normal(size=(7, 2))
    one_by_one = [xor.network(*weights, x) for x in xs]
    np.testing.assert_allclose(xor.batch_by_vmap(*weights, xs), one_by_one, rtol=1e-14)
    np.testing.assert_allclose(xor.batch_by_hand(*weights, xs), one_by_one, rtol=1e-14)
    np.testing.assert_allclose(xor.modules(*weights)(xs)[:, 0], one_by_one, rtol=1e-14)


def test_xor_in_batch_learns_as_in_pytorch(rng):
    torch = pytest.importorskip("torch")
    xor = example("pytorch_xor")
    weights = [rng.normal(size=(2, 2)), rng.normal(size=2), rng.normal(size=2), np.float64(0.3)]
    W, b, w2, b2 = ours = [torch.tensor(w, requires_grad=True) for w in weights]
    sgd, errors = torch.optim.SGD(ours, lr=0.5), []
    for _ in range(20):
        sgd.zero_grad()
        y = torch.sigmoid(torch.sigmoid(torch.tensor(xor.X) @ W.T + b) @ w2 + b2)
        E = 0.5 * torch.mean((torch.tensor(xor.T) - y) ** 2)
        E.backward()
        sgd.step()
        errors.append(E.item())
    for batch in (xor.batch_by_hand, xor.batch_by_vmap):
        np.testing.assert_allclose(xor.train_in_batch(batch, weights, 0.5, 20), errors, rtol=1e-10)


def test_strict_mode_names_the_line_of_the_broadcast():
    xor = example("pytorch_xor")
    with ft.strict(), pytest.raises(ft.errors.RankPromotionError, match=r"\(4,\) and \(4, 1\).*\n.*module_error: return np.mean"):
        xor.stalled(xor.start(), 0.1, 1)
    with ft.strict():
        xor.train_modules(xor.start(), 0.1, 1)


@pytest.mark.parametrize("shape", [(1, 1), (6, 3), (20, 2)])
def test_the_double_loop_and_all_that_replaces_it(shape, rng):
    loop = example("double_loop")
    x, y = rng.normal(size=shape), rng.integers(0, 2, shape[0]).astype(float)
    params = {"w": rng.normal(size=shape[1]), "b": rng.normal()}
    expected = loop.double_loop(params, x, y)
    for f in (loop.vectorised, loop.derived, loop.derived_at_once, ft.jit(loop.derived)):
        ft.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-10, atol=1e-14), f(params, x, y), expected)


def test_all_ways_down_lead_to_one_minimum_of_another_problem(rng):
    descent = example("gradient_descent")
    x = rng.normal(size=(40, 4)) * [1, 2, 0.5, 1]
    data = x, (x @ [1, -1, 2, 0] + rng.normal(size=40) > 0).astype(float)
    start = {"w": rng.normal(size=4), "b": 1.0}
    best = descent.minimiser(data, start)
    for name, result in descent.solve_all(data, start).items():
        assert descent.largest_difference(result.x, best) < descent.WITHIN.get(name, 1e-8), name


@pytest.mark.parametrize(("classes", "groups"), [(1000, 1), (1000, 2), (10, 1)])
def test_alexnet_layer_by_layer(classes, groups):
    alexnet = example("alexnet")
    halves = [1, groups, 1, groups, groups]
    channels = [3, 96, 256, 384, 384, 256]
    sizes = [11, 5, 3, 3, 3]
    convolutions = [o * (k * k * i // g + 1) for i, o, k, g in zip(channels, channels[1:], sizes, halves, strict=False)]
    dense = [9217 * 4096, 4097 * 4096, 4097 * classes]
    model = ft.nn.shapes(alexnet.alexnet, classes, groups)
    rows = alexnet.table(model, ft.ShapeDtypeStruct((2, 3, 227, 227), float))
    assert [count for *_, count in rows if count] == convolutions + dense
    assert rows[-1][1] == (2, classes)


def test_cnn_reads_one_image_as_it_reads_a_batch(rng):
    cnn = example("cnn_digits")
    model, images = cnn.network(rng, np.float64), rng.normal(size=(3, 1, 8, 8))
    np.testing.assert_allclose(ft.vmap(model)(images), model(images), rtol=1e-12)
    labels = np.eye(10)[[1, 2, 3]]
    direction = ft.tree.map(lambda p: rng.normal(size=p.shape), model)
    slope = ft.jvp(lambda m: cnn.loss(m, images, labels), (model,), (direction,))[1]
    along = ft.tree.map(lambda g, d: np.sum(g * d), ft.grad(cnn.loss)(model, images, labels), direction)
    np.testing.assert_allclose(sum(ft.tree.leaves(along)), slope, rtol=1e-10)


# ---------------------------------------------------------------------------------------------------------- digits.py


def test_digits_keeps_its_promises(tmp_path, capsys):
    out = tmp_path / "digits.png"
    figures = example("digits").main(["--rounds", "10", "--out", str(out)])
    printed = capsys.readouterr().out
    assert figures["accuracy"] >= 0.97
    assert figures["difference"] < 1e-6
    assert figures["seconds"] < 60
    assert "test accuracy" in printed
    assert out.exists() == (example("digits").plt is not None)


def test_digits_as_a_command(tmp_path):
    printed = run_as_command("digits.py", "--steps", "5", "--rounds", "2", "--out", str(tmp_path / "digits.png"))
    assert "trained         5 steps" in printed


def test_digits_training_is_reproducible():
    digits = example("digits")
    data = digits.load()

    def losses():
        rng = np.random.default_rng(3)
        return digits.train(digits.initialise(rng), data, 5, rng)[1]

    assert losses() == losses()


def test_digits_step_agrees_with_the_one_by_hand():
    digits = example("digits")
    rng = np.random.default_rng(0)
    x, y = digits.load()[:2]
    derived = by_hand = digits.initialise(rng)
    state, state_by_hand = digits.start(derived), digits.start(derived)
    by_hand = {name: p.copy() for name, p in by_hand.items()}
    for k in range(20):
        batch = slice(128 * k, 128 * (k + 1))
        value, derived, state = digits.step(derived, state, x[batch], y[batch])
        value_by_hand, by_hand, state_by_hand = digits.step_by_hand(by_hand, state_by_hand, x[batch], y[batch])
        np.testing.assert_allclose(value, value_by_hand, rtol=1e-3)
    for name, p in derived.items():
        assert p.dtype == np.float32
        np.testing.assert_allclose(p, by_hand[name], atol=2e-3)


def test_gradient_norms_are_those_of_single_images():
    digits = example("digits")
    params = digits.initialise(np.random.default_rng(0))
    x, y = [a[:5] for a in digits.load()[:2]]
    for norm, xk, yk in zip(digits.gradient_norms(params, x, y), x, y, strict=True):
        grads = digits.value_and_grad_by_hand(params, xk[None], yk[None])[1]
        np.testing.assert_allclose(norm, np.sqrt(np.sum([np.sum(g**2) for g in grads.values()])), rtol=1e-5)
