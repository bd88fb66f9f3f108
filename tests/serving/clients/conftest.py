"""Every test that takes `kind` is run for both clients."""

import pytest

from .harness import KINDS


@pytest.fixture(params=KINDS)
def kind(request) -> str:
    return request.param


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch):
    """No proxy stands between the tests and their own servers."""
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.setenv(name, "127.0.0.1,localhost")
