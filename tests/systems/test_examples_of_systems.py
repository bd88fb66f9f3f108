"""The examples in the docstrings of the systems run, and every system says what it is."""

import doctest
import importlib
import inspect
import pkgutil

import numpy as np
import pytest

from eigenfit import solver, systems

NAMES = [info.name for info in pkgutil.walk_packages(systems.__path__, prefix="eigenfit.systems.")]


@pytest.mark.parametrize("name", NAMES)
def test_examples(name):
    module = importlib.import_module(name)
    public = {key: getattr(solver, key) for key in solver.__all__}
    public |= {key: getattr(systems, key) for key in systems.__all__}
    assert doctest.testmod(module, globs={**vars(module), **public, "np": np}).failed == 0


@pytest.mark.parametrize("kind", sorted(systems.SYSTEMS))
def test_arguments_of_a_system_have_types_and_are_described(kind):
    system = systems.SYSTEMS[kind]
    described = inspect.getdoc(system) or ""
    if inspect.isclass(system):
        described += inspect.getdoc(system.__init__) or ""
    for name, argument in inspect.signature(system).parameters.items():
        assert argument.annotation is not inspect.Parameter.empty
        assert f"\n    {name}: " in described
