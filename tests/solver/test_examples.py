"""The examples in the docstrings of the solver run."""

import doctest
import functools
import importlib
import pickle
import pkgutil
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from eigenfit import solver
from eigenfit.solver import SpectralSolver

NAMES = [info.name for info in pkgutil.walk_packages(solver.__path__, prefix="eigenfit.solver.")]


@functools.cache
def solvers() -> dict[bytes, SpectralSolver]:
    """Those that examples have made, by their arguments."""
    return {}


def shared_solver(*args: Any, **options: Any) -> SpectralSolver:
    """`SpectralSolver`, once for each problem: most examples fit the same few."""
    try:
        key = pickle.dumps((args, options))
    except (AttributeError, TypeError, pickle.PicklingError):  # a function in the example
        return SpectralSolver(*args, **options)
    if key not in solvers():
        solvers()[key] = SpectralSolver(*args, **options)
    return solvers()[key]


@pytest.mark.parametrize("name", NAMES)
def test_examples(name, monkeypatch):
    module = importlib.import_module(name)
    monkeypatch.setattr(solver, "SpectralSolver", shared_solver)
    public = {key: getattr(solver, key) for key in solver.__all__}
    names = {**vars(module), **public, "np": np, "tf": tf}
    assert doctest.testmod(module, globs=names).failed == 0


@pytest.mark.parametrize("name", sorted(solver.__all__))
def test_every_public_name_is_documented(name):
    assert (getattr(solver, name).__doc__ or "").strip()


def test_the_modules_were_found():
    assert len(NAMES) > 30
