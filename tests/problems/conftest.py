"""What the tests of problems share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from . import registry


@pytest.fixture(scope="module", autouse=True)
def forget_problems() -> Iterator[None]:
    """Release the solvers of a module: `release_graphs` knows those that it names itself only."""
    yield
    registry.fit_of.cache_clear()
    registry.solver_of.cache_clear()
