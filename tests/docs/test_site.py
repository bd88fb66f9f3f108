"""The pages that exist for the site: the API reference has every public name."""

import re

import pytest

import eigenfit

from .pages import ROOT

REFERENCE = ROOT / "docs" / "reference"
ROOMS = ("export", "problem", "report", "serving", "solver", "systems", "workbench")


@pytest.mark.parametrize("room", ROOMS)
def test_reference_has_every_public_name_once(room):
    shown = [
        name
        for page in REFERENCE.glob("*.md")
        for name in re.findall(rf"^::: eigenfit\.{room}\.(\w+)$", page.read_text(), re.MULTILINE)
    ]
    assert sorted(shown) == sorted(getattr(eigenfit, room).__all__)
