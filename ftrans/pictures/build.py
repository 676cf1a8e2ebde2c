"""From a function and its arguments, or a jaxpr, to the `Graph` that pictures show: `graph_of(fun, args, kwargs, options)`.

The function is traced once more, watched (`watch`), cut into steps (`steps`), evaluated and differentiated (`sweeps`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..core.aval import Aval
from ..core.jaxpr import ClosedJaxpr, Jaxpr, names
from ..core.jaxpr import literal as short_literal
from ..core.reads import Read
from ..core.run import own
from ..core.trace import Tracer, equations
from ..core.views import Copy
from ..core.wrap import Call, trace_call
from ..errors import ArgumentError, DetachedReadError, DifferentiationError, Location, NotDifferentiableError, at_line
from ..pytree import flatten_with_path, keystr, unflatten
from .arguments import Arguments, Options, arguments_of
from .boxes import boxes_of
from .graph import Edge, Graph, Node
from .steps import Step, steps_of
from .structure import Scope, Sources
from .sweeps import Use, depending_on, forward_values, gradients_of, local_derivative, tangents_of
from .watch import Watch, function_name
from .words import is_atom, number_text, words


@dataclass
class Program:
    """A jaxpr with what is known of it besides its equations.

    kinds: input variable -> "input", "parameter" or "constant"; values: of inputs, where there are any; names: of variables.
    depths: a variable -> how many calls below the drawn function it is called so.
    paths: first result of an equation -> the scopes it lies in; outputs: a variable -> which result of the function it is.
    """

    title: str
    jaxpr: Jaxpr
    sources: Sources
    kinds: dict[int, str]
    values: dict[int, Any]
    names: dict[int, str]
    depths: dict[int, int] = field(default_factory=dict)
    paths: dict[int, tuple[Scope, ...]] = field(default_factory=dict)
    outputs: dict[int, str] = field(default_factory=dict)
    untested: set[int] = field(default_factory=set)  # ids of `if`s that Python decided without a traced value


def graph_of(fun: Any, args: Sequence[Any], kwargs: dict[str, Any], options: Options) -> Graph:
    """The graph of `fun(*args, **kwargs)`, with numbers as `options.mode` says."""
    given = arguments_of(fun, args, kwargs, options)
    watch = Watch(Sources(), fun)

    def call(tracers: list[Tracer]) -> Any:
        positional, named = given.rebuild(tracers)
        with watch:
            return fun(*positional, **named)

    try:
        traced = trace_call(call, given.inputs, who="draw", fun=fun, valued=given.valued)
    except TypeError as error:
        words = given.words()
        if words:
            error.add_note(f"draw passes text on as it is and draws nothing for it: {words}")
        raise
    program = watched_program(fun, given, traced, watch)
    mode = mode_of(program, given, options, traced)
    moved = given.directions(options, program.jaxpr) if mode in ("forward", "both") else {}
    try:
        graph = assemble(program, mode, moved)
    except (NotDifferentiableError, DetachedReadError) as error:
        if options.mode is None:
            error.add_note('ft.draw(f, mode="values") draws it without derivatives')
        raise
    graph.by = given.moved_name(options) if moved else ""
    return graph


def graph_of_jaxpr(closed: ClosedJaxpr, options: Options) -> Graph:
    """The graph of a jaxpr with the names that printing it shows, without numbers."""
    if options.mode not in (None, "shapes"):
        raise ArgumentError(
            at_line(
                f"draw: a jaxpr has no arguments to compute with, so mode={options.mode!r} is not possible",
                hint="draw the function with its arguments instead: ft.draw(f)(x)",
            )
        )
    j = closed.jaxpr
    n = len(j.invars) - len(closed.consts)
    kinds = dict.fromkeys(j.invars[:n], "input") | dict.fromkeys(j.invars[n:], "constant")
    values = dict(zip(j.invars[n:], closed.consts, strict=True))
    program = Program("jaxpr", j, Sources(), kinds, values, printed_names(closed))
    program.outputs = output_names(j.outs, [f"[{k}]" for k in range(len(j.outs))] if len(j.outs) > 1 else [""])
    codes = [eqn.loc[0] for eqn in j.eqns if eqn.loc]
    scope: Scope | None = None
    for eqn in j.eqns:
        code = eqn.loc[0] if eqn.loc else None
        if code is None or code is codes[-1]:
            scope = None
            continue
        if scope is None or scope.code is not code:
            scope = Scope("call", function_name(code), code)
        program.paths.update(dict.fromkeys(eqn.outs, (scope,)))
    return assemble(program, "shapes", {})


def printed_names(closed: ClosedJaxpr) -> dict[int, str]:
    """The letters that `print(jaxpr)` gives to variables."""
    j = closed.jaxpr
    n = len(j.invars) - len(closed.consts)
    consts = dict(j.lits) | dict(zip(j.invars[n:], closed.consts, strict=True))
    inline = {v for v, c in consts.items() if short_literal(c) is not None}
    used = {v for eqn in j.eqns for v in eqn.ins} | set(j.outs)
    order = [v for v in consts if v in used] + list(j.invars[:n]) + [v for eqn in j.eqns for v in eqn.outs]
    return dict(zip([v for v in dict.fromkeys(order) if v not in inline], names(), strict=False))


def watched_program(fun: Any, given: Arguments, traced: Call, watch: Watch) -> Program:
    """What the trace of a call has recorded."""
    t = traced.trace
    outs = list(traced.jaxpr.outs)
    j = Jaxpr.from_trace(t, outs)
    if any([isinstance(c, Tracer) for c in t.consts]):
        raise ArgumentError(at_line("draw: the function uses a value of another transformation that is being traced"))
    n = len(t.inputs)
    kinds = dict(zip(j.invars[:n], given.kinds, strict=True)) | dict.fromkeys(j.invars[n:], "constant")
    values = {v: own(x) for v, x in zip(j.invars, traced.operands, strict=True)}
    found = {v: name for v, (name, _) in watch.names.items()} | dict(zip(j.invars[:n], given.names, strict=True))
    depths = {v: depth for v, (_, depth) in watch.names.items() if v not in kinds or kinds[v] == "constant"}
    program = Program(title_of(fun), j, watch.sources, kinds, values, found, depths)
    skeleton = unflatten(traced.out_tree, list(range(len(outs))))
    program.outputs = output_names(outs, [keystr(path) for path, _ in flatten_with_path(skeleton)[0]])
    if list(program.outputs.values()) == ["result"]:
        name_result(program, outs[0])
    tested: set[int] = set()
    for (pos, op, _), loc, path in zip(equations(t), t.locs, watch.paths, strict=True):
        program.paths[pos] = path
        if isinstance(op, Read) and op.kind == "bool" and loc:
            tested.update([id(node) for node in watch.sources.tests(*loc)])
    scopes = {s for path in set(program.paths.values()) for s in path if s.kind == "branch"}
    program.untested = {id(s.node) for s in scopes} - tested
    return program


def name_result(program: Program, result: int) -> None:
    """Call the only result as the function, where it has no name of its own (`self.value` of an inner call is none)."""
    names, title = program.names, program.title
    nameless = program.depths.get(result, 1) and not names.get(result, "").isidentifier()
    if nameless and title.isidentifier() and title not in names.values() and program.kinds.get(result, "constant") == "constant":
        names[result], program.depths[result] = title, 0


def output_names(outs: Sequence[int], paths: Sequence[str]) -> dict[int, str]:
    """Which results of the function a variable is: `result[0]`, or several."""
    found: dict[int, str] = {}
    for v, path in zip(outs, paths, strict=True):
        found[v] = f"{found[v]}, result{path}" if v in found else f"result{path}"
    return found


def title_of(fun: Any) -> str:
    """The name of a function, or of the class of an object that is called."""
    name = str(getattr(getattr(fun, "func", fun), "__name__", type(fun).__name__))
    return fun.__qualname__.split(".")[-2] if name == "__call__" else name


def mode_of(program: Program, given: Arguments, options: Options, traced: Call) -> str:
    """The mode asked for, where it is possible, or the one that suits the function."""
    j = program.jaxpr
    scalar = len(j.outs) == 1 and traced.out_tree.num_leaves == 1 and not j.out_avals[0].shape and j.out_avals[0].dtype.kind == "f"
    moving = any([a.inexact for _, a in given.inputs])
    if not given.valued:
        if options.mode not in (None, "shapes"):
            raise ArgumentError(
                at_line(
                    f"draw: mode={options.mode!r} needs the values of all arguments, and some are given as ShapeDtypeStruct",
                    hint='pass arrays, or draw shapes only with mode="shapes"',
                )
            )
        return "shapes"
    if options.mode is None:
        return "forward" if options.moves else "reverse" if scalar and moving else "values"
    if options.mode in ("reverse", "both") and not (scalar and moving):
        fact, hint = not_scalar(program, given, options.mode)
        raise DifferentiationError(at_line(fact, hint=hint))
    return options.mode


def not_scalar(program: Program, given: Arguments, mode: str) -> tuple[str, str]:
    """Why reverse mode is not possible, and what to do."""
    j = program.jaxpr
    if not any([a.inexact for _, a in given.inputs]):
        inputs = ", ".join([f"{name} {a}" for name, (_, a) in zip(given.names, given.inputs, strict=True)]) or "none"
        return f"draw: mode={mode!r} needs a real input, the inputs of {program.title} are: {inputs}", "write 2.0 for 2"
    results = ", ".join([f"{program.outputs[v]} {j.avals[v]}" for v in dict.fromkeys(j.outs)]) or "nothing"
    return (
        f"draw: mode={mode!r} differentiates one real scalar, but {program.title} returns {results}",
        'pick one: ft.draw(lambda *args: f(*args)[0]), or add up: .sum(), or draw with mode="values" or mode="forward"',
    )


def assemble(program: Program, mode: str, moved: dict[int, Any]) -> Graph:
    """The graph of a program, with the numbers that belong to `mode`."""
    j = program.jaxpr
    fixed = {v: x for v, x in program.values.items() if program.kinds[v] == "constant"} | j.lits
    numbers = {v: x for v, x in fixed.items() if np.ndim(x) == 0}
    renamed = overwritten(program)
    steps = steps_of(j, {v for v in program.names if program.kinds.get(v) != "constant"} - renamed)
    graph = Graph(program.title, mode)
    keys = add_nodes(graph, program, steps, numbers, renamed)
    uses = add_edges(graph, steps, keys)
    paths = {key: program.paths.get(v, ()) for v, key in keys.items()}
    graph.boxes, scopes = boxes_of(graph.nodes, paths, graph.edges, program.untested)
    windows = {node.box: node.op.partition(" ")[2] for node in graph.nodes if node.op.startswith("conv")}
    for box in graph.boxes:
        box.name = program.names.get(scopes[box.key].result or -1, "")
        if box.known and box.label[0].isupper():  # a layer: Conv 11×11 / 4
            box.label = f"{box.label} {windows.get(box.key, '')}".strip()
    if mode != "shapes":
        with np.errstate(all="ignore"):
            add_numbers(graph, program, steps, keys, uses, moved)
    return graph


def overwritten(program: Program) -> set[int]:
    """Copies that only serve an assignment: `y = x.copy()` or `y = zeros(3)`, of which nothing is made but elements and a new y."""
    j, names = program.jaxpr, program.names
    found = {eqn.outs[0] for eqn in j.eqns if isinstance(eqn.op, Copy) and names.get(eqn.outs[0])} - set(j.outs)
    heirs = set()
    for eqn in j.eqns:
        for v in found.intersection(eqn.ins):
            if names.get(eqn.outs[0] if eqn.outs else -1) == names[v] or eqn.op.name == "put":
                heirs.add(v)
            elif eqn.op.name not in ("index", "slice", "gather"):
                found.discard(v)
    return found & heirs


def add_nodes(graph: Graph, program: Program, steps: Sequence[Step], numbers: dict[int, Any], renamed: set[int]) -> dict[int, str]:
    """A node for every value; gives the key of each variable's node."""
    j, keys, names = program.jaxpr, {}, program.names
    needed = [step for step in steps if step.needed]
    short = {v: number_text(x) for v, x in numbers.items()}  # how values without a name are written in others: 3, W.T, x[0]
    used = {v for step in needed for v in step.operands} | set(j.outs)

    def add(v: int, kind: str, op: str = "", text: str = "", loc: Location | None = None) -> None:
        key = keys[v] = f"n{len(graph.nodes)}"
        node = Node(key, kind, names.get(v, ""), op, text, j.avals[v], output=program.outputs.get(v, ""))
        node.depth = program.depths.get(v, 0)
        if loc:
            node.where, node.source = program.sources.place(*loc)
        graph.nodes.append(node)

    for v in [*j.invars, *j.lits]:
        literal = v in numbers and v not in j.outs
        if not literal and (v in used or (program.kinds.get(v) != "constant" and j.avals[v].inexact)):
            add(v, program.kinds.get(v, "constant"))
    for step in needed:
        operands = [
            names[direct] if direct in renamed else short.get(v) or names.get(v) or "·"
            for v, direct in zip(step.operands, step.main.ins, strict=True)
        ]
        if step.main.op.name in ("put", "scatter"):  # y[0] = 5 before Python has said what y is
            operands[0] = names.get(step.outs[0]) or operands[0]
        op, text = words(step.main, operands, main_avals(step, j), [numbers.get(v) for v in step.operands])
        if is_atom(step.main.op, text) and not names.get(step.outs[0]):
            short[step.outs[0]] = text
        kind = "computation" if any([v not in numbers for v in step.operands]) else "constant"
        for v in step.outs:
            add(v, kind, op, text, step.main.loc)
            program.paths[v] = program.paths.get(step.main.outs[0], ())  # not where its type is changed
            if not names.get(v):
                graph.nodes[-1].name = names.get(step.main.outs[0], "")
    return keys


def main_avals(step: Step, j: Jaxpr) -> list[Any]:
    """The avals of the operands of a step's main equation."""
    return [j.avals[v] for v in step.main.ins]


def add_edges(graph: Graph, steps: Sequence[Step], keys: dict[int, str]) -> dict[Use, Edge]:
    """An edge for every use of a value."""
    uses: dict[Use, Edge] = {}
    for step in steps:
        if step.needed:
            for v_out in step.outs:
                for k, v in enumerate(step.operands):
                    if v in keys:
                        edge = Edge(keys[v], keys[v_out], k)
                        graph.edges.append(edge)
                        uses.setdefault((step.number, k), edge)
    return uses


def add_numbers(
    graph: Graph, program: Program, steps: Sequence[Step], keys: dict[int, str], uses: dict[Use, Edge], moved: dict[int, Any]
) -> None:
    """Fill in the values, and the tangents and gradients that the mode asks for; constants have none."""
    j, nodes = program.jaxpr, {n.key: n for n in graph.nodes}
    values = forward_values(steps, program.values | j.lits)
    for v, key in keys.items():
        nodes[key].value = as_numpy(values[v])
    if graph.mode == "values":
        return
    active = depending_on([v for v, kind in program.kinds.items() if kind != "constant"], steps, j)
    edges = {}  # those that a derivative goes along
    for step in steps:
        for k, v in enumerate(step.operands):
            if v in active and step.outs and step.outs[0] in active and (step.number, k) in uses:
                edges[step.number, k] = uses[step.number, k]
                slope = local_derivative(step, k, values)
                edges[step.number, k].local = None if slope is None else as_numpy(slope)
    if graph.mode in ("forward", "both"):
        dots, parts = tangents_of(steps, values, moved)
        for v in active & keys.keys():
            nodes[keys[v]].tangent = as_numpy(dots[v]) if v in dots else zeros(nodes[keys[v]].aval)
        for use, edge in edges.items():
            edge.tangent = as_numpy(parts[use]) if use in parts else zeros(nodes[edge.target].aval)
    if graph.mode in ("reverse", "both"):
        flows = gradients_of(steps, j, [values[v] for v in j.invars], active)
        for use, edge in edges.items():
            edge.gradient = as_numpy(flows[use])
        add_gradients(graph, nodes[keys[j.outs[0]]], [nodes[keys[v]] for v in active & keys.keys()])


def zeros(a: Aval) -> Any:
    """The tangent or gradient of a value that nothing moves, or that moves nothing."""
    return np.zeros(a.shape, a.dtype)[()]


def as_numpy(x: Any) -> Any:
    """A number of the graph: an array, or a NumPy scalar where it has no dimensions."""
    return np.asarray(x)[()]


def add_gradients(graph: Graph, result: Node, active: Sequence[Node]) -> None:
    """Add up at every active node what flows back along the edges that leave it, in the order of the backward sweep."""
    nodes = {n.key: n for n in graph.nodes}
    result.gradient = result.aval.dtype.type(1)
    for edge in reversed(graph.edges):
        if edge.gradient is not None:
            node = nodes[edge.source]
            node.gradient = edge.gradient if node.gradient is None else np.add(node.gradient, edge.gradient)
    for node in active:
        if node.gradient is None:
            node.gradient = zeros(node.aval)
    others = {node.name for node in graph.nodes if node is not result}  # in `x = x * x`, ∂x/∂x = 6 would say nothing
    title = graph.title if graph.title.isidentifier() else ""
    graph.of = next((name for name in (result.name, title) if name and name not in others), "result")


__all__ = ["graph_of", "graph_of_jaxpr"]
