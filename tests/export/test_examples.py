"""The examples in the docstrings run."""

import doctest
import sys

import pytest

from eigenfit import solver
from eigenfit.export import publishing, signatures, validation

saved_model = sys.modules["eigenfit.export.saved_model"]


@pytest.mark.parametrize("module", [publishing, saved_model, signatures, validation])
def test_examples(module, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = {**vars(module), **{name: getattr(solver, name) for name in solver.__all__}}
    result = doctest.testmod(module, globs=names)
    assert result.attempted > 0
    assert result.failed == 0
