"""Small programs that compiled code once got wrong, and the laws they broke.

Every program runs as plain NumPy and three times under `jit(compile="now")`: the last calls go the shortest way. Values, dtypes,
classes, memory and inputs must be NumPy's.
"""

from __future__ import annotations

import array
import contextvars
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import ftrans as ft
from ftrans.lowering import partials, segment, shifts

Fun = Callable[..., Any]


@pytest.fixture(params=["usual", "small"])
def limits(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """As it is, and with blocks, threads, parts and boxes already for small arrays."""
    if request.param == "small":
        small = {"BLOCK_BYTES": 256, "MIN_INNER": 2, "PARALLEL": 0.0, "COARSE": 2, "CHUNKS": 5}
        for name, value in small.items():
            monkeypatch.setattr(segment, name, value)
        monkeypatch.setattr(partials, "LEAST", 70)
        monkeypatch.setattr(partials, "PARTS", 8)
        monkeypatch.setattr(shifts, "LEAST", 4)
    with ft.config.set(threads=2):
        yield


def data(*shape: int, dtype: Any = np.float64) -> np.ndarray:
    """Small whole numbers, so that sums are exact in any order."""
    return (np.arange(np.prod(shape, dtype=int)) * 7 % 11 - 4).reshape(shape).astype(dtype)


def agree(f: Fun, *args: Any) -> None:
    """f under jit is f."""
    before = [np.array(x) for x in args]
    wanted = f(*args)
    wanted = [np.array(x) if isinstance(x, np.ndarray) else x for x in (wanted if isinstance(wanted, tuple) else (wanted,))]
    jitted = ft.jit(f, compile="now")
    for _ in range(3):
        got = jitted(*args)
        got = list(got) if isinstance(got, tuple) else [got]
        assert [type(x) for x in got] == [type(x) for x in wanted]
        for x, y in zip(got, wanted, strict=True):
            assert x.dtype == y.dtype
            np.testing.assert_allclose(x, y, rtol=1e-12, atol=1e-12)
        for k, x in enumerate(got):
            assert not any([x is not y and np.may_share_memory(x, y) for y in (*args, *got[:k]) if isinstance(y, np.ndarray)])
        for x, y in zip(args, before, strict=True):
            np.testing.assert_array_equal(x, y)


def first_row_subtracted(x: Any) -> Any:
    y = x * 3
    return y - y[:1]


def first_row_in_place(x: Any) -> Any:
    y = np.abs(x).copy()
    z = y[...]
    z -= z[:1]
    return y


def first_column_added(x: Any) -> Any:
    y = np.sin(x)
    return y + y[..., :1], y * y[..., -1:]


def sum_of_broadcast_part(x: Any) -> Any:
    y = x + 1
    return np.sum(y * y[:1]), np.max(y - y[..., :1], axis=0)


@pytest.mark.parametrize("f", [first_row_subtracted, first_row_in_place, first_column_added, sum_of_broadcast_part])
@pytest.mark.parametrize("shape", [(4, 6), (7,), (1, 5), (300, 20), (2, 3, 5)])
def test_part_of_length_one_is_broadcast(f: Fun, shape: tuple[int, ...], limits: None) -> None:
    """A value less its first row: the row is not the value element for element."""
    agree(f, data(*shape))
    agree(f, data(*shape)[::-1])


def added_at(x: Any) -> Any:
    y = x.copy()
    z = y[...]
    np.add.at(z, np.array([0, 0, -1]), 2)
    return y


def put_back(x: Any) -> Any:
    y = x.copy()
    z = y[...]
    z[1:] = np.cumsum(z, axis=0)[:-1] * 2
    return y, y.sum(axis=0)


@pytest.mark.parametrize("f", [added_at, put_back])
@pytest.mark.parametrize("shape", [(2, 30, 50), (5000,), (6, 4)])
def test_array_assembled_of_a_view_that_others_read(f: Fun, shape: tuple[int, ...], limits: None) -> None:
    agree(f, data(*shape))
    agree(f, data(*shape, dtype=np.float32))


# ---- captured state ----------------------------------------------------------------------------------------------------


def follows(f: Fun, change: Callable[[], object]) -> None:
    """jit notices the change."""
    x = np.arange(3.0)
    jitted = ft.jit(f, compile="now")
    for _ in range(3):
        np.testing.assert_array_equal(jitted(x), f(x))
    before = f(x)
    change()
    assert not np.array_equal(f(x), before)
    for _ in range(3):
        np.testing.assert_array_equal(jitted(x), f(x))


class Base:
    def scaled(self, x: Any) -> Any:
        return x * 2


class Derived(Base):
    def scaled(self, x: Any) -> Any:
        return super().scaled(x) + 1


def test_method_behind_super(monkeypatch: pytest.MonkeyPatch) -> None:
    thing = Derived()
    follows(lambda x: thing.scaled(x), lambda: monkeypatch.setattr(Base, "scaled", lambda self, x: x * 50))


def test_captured_buffers() -> None:
    numbers, letters, objects = array.array("d", [1.0]), bytearray(b"\x01"), np.array([1.0, None], dtype=object)
    follows(lambda x: x * numbers[0], lambda: numbers.__setitem__(0, 3.0))
    follows(lambda x: x * letters[0], lambda: letters.__setitem__(0, 3))
    follows(lambda x: x * objects[0], lambda: objects.__setitem__(0, 3.0))


def test_context_variable() -> None:
    scale = contextvars.ContextVar("scale", default=1.0)
    follows(lambda x: x * scale.get(), lambda: scale.set(7.0))
