"""The laws of laws.py hold for every primitive of the registry, on the examples of its class and on variants of them."""

from __future__ import annotations

from typing import Any

import pytest
from laws import LAWS, accepts, examples, variants

import ftrans.nn  # noqa: F401 - for the primitives that are known once it is imported
from ftrans.core.primitive import Primitive, registry

# Primitives without examples, each with its reason.
NO_EXAMPLES = {
    "read": "a guard has no result; tests/test_errors.py has a table of every kind of read under every transformation",
}

# Laws that a primitive breaks on purpose.
EXCEPTIONS = {
    ("jvp", "stop_gradient"): "it exists to have another derivative than its values say",
}

NAMES = sorted(set(registry) - set(NO_EXAMPLES))


def test_exceptions_are_needed():
    """An entry of NO_EXAMPLES is a primitive that exists and has none."""
    assert set(NO_EXAMPLES) <= set(registry)
    for name in NO_EXAMPLES:
        assert not hasattr(registry[name], "examples") or not registry[name].examples()


@pytest.mark.parametrize("name", NAMES)
def test_has_examples(name):
    cls = registry[name]
    assert hasattr(cls, "examples"), f"{cls.__module__}.{cls.__name__} has no classmethod examples()"
    found = examples(cls)
    assert found, f"{cls.__name__}.examples() is empty"
    for op, args in found:
        assert type(op) is cls, f"{cls.__name__}.examples() gives an instance of {type(op).__name__}"
        assert isinstance(args, tuple)


def test_parameters_keep_their_types():
    """Instances are interned by parameters, and 2 == 2.0 == True."""

    class Scaled(Primitive, abstract=True):
        factor: Any

    assert Scaled(2) is Scaled(2)
    assert Scaled(factor=2) is Scaled(2)
    assert [type(Scaled(k).factor) for k in (1, 1.0, True)] == [int, float, bool]


def cases(name: str) -> list[tuple[str, Primitive, tuple]]:
    """The examples of a primitive and, of the first two, the variants."""
    cls = registry[name]
    if not hasattr(cls, "examples"):
        return []
    found = [(f"example {k}", op, args) for k, (op, args) in enumerate(examples(cls))]
    derived = [
        (f"{label}, {what}", op, new) for label, op, args in found[:2] for what, new in variants(op, args) if accepts(op, new)
    ]
    return found + derived


def check(law: str, name: str) -> None:
    """Apply one law to all cases of a primitive and report every failure."""
    failures = []
    for label, op, args in cases(name):
        try:
            LAWS[law](op, args)
        except Exception as e:  # whatever it is, the report names the case
            failures.append(f"[{label}] {type(e).__name__}: {e}")
    if failures:
        pytest.fail(f"{len(failures)} of the cases of {name} break the law of {law}:\n" + "\n".join(failures[:4]), pytrace=False)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("law", LAWS)
def test_law(law, name):
    if (law, name) in EXCEPTIONS:
        with pytest.raises(pytest.fail.Exception):
            check(law, name)
        return
    check(law, name)


@pytest.mark.smoke
@pytest.mark.parametrize("law", LAWS)
def test_smoke(law):
    for name in ("mul", "sin", "select", "reduce_sum"):
        check(law, name)
