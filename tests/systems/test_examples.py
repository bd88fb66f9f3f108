"""The examples in the docstrings of the systems run; every public name is documented."""

import doctest
import importlib
import pkgutil

import numpy as np
import pytest
import tensorflow as tf

from eigenfit import solver, systems

NAMES = [info.name for info in pkgutil.walk_packages(systems.__path__, prefix="eigenfit.systems.")]


@pytest.mark.parametrize("name", NAMES)
def test_examples(name):
    module = importlib.import_module(name)
    public = {key: getattr(room, key) for room in (solver, systems) for key in room.__all__}
    names = {**vars(module), **public, "np": np, "tf": tf}
    assert doctest.testmod(module, globs=names).failed == 0


@pytest.mark.parametrize("name", sorted(systems.__all__))
def test_every_public_name_is_documented(name):
    assert (getattr(systems, name).__doc__ or "").strip()
