"""The examples in the docstrings of the package, of problem files and of reports run."""

import doctest
import importlib
import pkgutil
from types import ModuleType

import numpy as np
import pytest

import eigenfit
from eigenfit import problem, report, solver


def modules_of(package: ModuleType) -> list[str]:
    found = pkgutil.walk_packages(package.__path__, prefix=package.__name__ + ".")
    return [one.name for one in found if not one.name.endswith("__main__")]


NAMES = ["eigenfit", "eigenfit.spelling", "eigenfit.extras", "eigenfit.tensorflow_log"]
NAMES += [*modules_of(problem), *modules_of(report)]


@pytest.mark.parametrize("name", NAMES)
def test_examples(name: str, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # one example writes a page
    module = importlib.import_module(name)
    public = {key: getattr(solver, key) for key in solver.__all__}
    names = {**vars(module), **public, "np": np, "eigenfit": eigenfit}
    assert doctest.testmod(module, globs=names).failed == 0
