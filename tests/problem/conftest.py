"""The systems that the problem files of the tests name."""

from __future__ import annotations

import pytest

from eigenfit.systems import SYSTEMS

from .systems import TEST_SYSTEMS


@pytest.fixture(autouse=True)
def test_systems(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, system in TEST_SYSTEMS.items():
        monkeypatch.setitem(SYSTEMS, name, system)


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A folder of its own, in which the test runs."""
    monkeypatch.chdir(tmp_path)
    return tmp_path
