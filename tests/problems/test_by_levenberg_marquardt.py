"""Every claim of Levenberg-Marquardt, the default method, but the one in `test_by_newton`."""

from __future__ import annotations

import pytest

from .claims import COMPARED, check_claim, claims_of

CLAIMS = [claim for claim in claims_of("LevenbergMarquardt") if claim != COMPARED]


@pytest.mark.parametrize(("name", "method"), CLAIMS)
def test_claim(name: str, method: str):
    check_claim(name, method)
