"""Every claim of the methods that have no file of their own."""

from __future__ import annotations

import pytest

from .claims import CLAIMS, check_claim, claims_of

ELSEWHERE = claims_of("LevenbergMarquardt", "GaussNewton", "Newton")


@pytest.mark.parametrize(("name", "method"), [c for c in CLAIMS if c not in ELSEWHERE])
def test_claim(name: str, method: str):
    check_claim(name, method)
