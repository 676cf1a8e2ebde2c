"""Settings of every test: jaxprs are type-checked after each transformation, random programs are the same in every run of CI."""

from __future__ import annotations

import os

os.environ["FTRANS_CACHE_DIR"] = "off"  # a test compiles what it says it compiles

import numpy as np
import pytest
from hypothesis import HealthCheck, settings

import ftrans.core.check

ftrans.core.check.enabled = True

settings.register_profile(
    "dev", deadline=None, max_examples=40, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
settings.register_profile("ci", settings.get_profile("dev"), derandomize=True, database=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci" if os.environ.get("CI") else "dev"))


@pytest.fixture
def rng() -> np.random.Generator:
    """Random numbers, the same in every run."""
    return np.random.default_rng(0)


@pytest.fixture(autouse=True)
def no_open_trace():
    """A test must leave no trace open, whatever it raised."""
    yield
    assert ftrans.core.trace.current.trace is None, "the test left a trace open"
