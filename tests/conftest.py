"""What every test may use."""

from __future__ import annotations

import numpy as np
import pytest


@pytest.fixture
def rng() -> np.random.Generator:
    """Random numbers, the same in every test and every run."""
    return np.random.default_rng(20260731)
