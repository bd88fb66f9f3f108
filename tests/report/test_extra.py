"""Without Matplotlib or Jinja2 the message names the extra."""

from __future__ import annotations

import sys

import pytest

from eigenfit.report import level_diagram, render_report

from . import fits


@pytest.mark.parametrize("package", ["jinja2", "matplotlib"])
def test_missing_package(package: str, monkeypatch: pytest.MonkeyPatch):
    for name in [*sys.modules]:
        if name.partition(".")[0] == package:
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, package, None)
    draw = render_report if package == "jinja2" else level_diagram
    with pytest.raises(ModuleNotFoundError, match=rf"{package}.*pip install 'eigenfit\[report\]'"):
        draw(fits.lines())
