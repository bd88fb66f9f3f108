"""The examples in the docstrings of the solver run."""

import doctest
import importlib
import pkgutil

import numpy as np
import pytest
import tensorflow as tf

from eigenfit import solver

NAMES = [info.name for info in pkgutil.walk_packages(solver.__path__, prefix="eigenfit.solver.")]


@pytest.mark.parametrize("name", NAMES)
def test_examples(name):
    module = importlib.import_module(name)
    public = {key: getattr(solver, key) for key in solver.__all__}
    names = {**vars(module), **public, "np": np, "tf": tf}
    assert doctest.testmod(module, globs=names).failed == 0


@pytest.mark.parametrize("name", sorted(solver.__all__))
def test_every_public_name_is_documented(name):
    assert (getattr(solver, name).__doc__ or "").strip()


def test_the_modules_were_found():
    assert len(NAMES) > 30
