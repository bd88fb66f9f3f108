"""What every test may use."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import numpy as np
import pytest


@pytest.fixture(scope="module", autouse=True)
def release_graphs(request: pytest.FixtureRequest) -> Iterator[None]:
    """Forget what a module has cached: its solvers hold graphs of many megabytes."""
    yield
    for value in vars(request.module).values():
        clear = getattr(value, "cache_clear", None)
        if callable(clear):
            clear()
    gc.collect()


@pytest.fixture
def rng() -> np.random.Generator:
    """Random numbers, the same in every test and every run."""
    return np.random.default_rng(20260731)
