"""Every claim of Levenberg-Marquardt, the default method."""

from __future__ import annotations

import pytest

from .claims import check_claim, claims_of


@pytest.mark.parametrize(("name", "method"), claims_of("LevenbergMarquardt"))
def test_claim(name: str, method: str):
    check_claim(name, method)
