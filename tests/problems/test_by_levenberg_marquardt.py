"""Every problem that Levenberg-Marquardt, the default method, claims."""

from __future__ import annotations

import pytest

from .claims import CLAIMS, check_claim

DEFAULT = "LevenbergMarquardt"


@pytest.mark.parametrize("name", [name for name, method in CLAIMS if method == DEFAULT])
def test_claim(name: str):
    check_claim(name, DEFAULT)
