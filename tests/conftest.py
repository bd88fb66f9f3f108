"""What every test may use."""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator

import numpy as np
import pytest
import tensorflow as tf
from tensorflow.python.framework import ops

# Read when Ray is imported; a cluster asks for a token, and who connects by its address must too.
os.environ["RAY_AUTH_MODE"] = "token"

# What is imported stays: the collector need not walk it after every module.
gc.collect()
gc.freeze()
gc.set_threshold(100_000, 50, 100)


@pytest.fixture(scope="module", autouse=True)
def release_graphs(request: pytest.FixtureRequest) -> Iterator[None]:
    """Forget what a module has cached: its solvers hold graphs of many megabytes.

    TensorFlow registers the function of every `tf.custom_gradient` in a graph and never lets go of
    it, and with it of the graph: a solver that was fitted would keep about 9 MB to the end, and the
    collector would walk through all of them.
    """
    registered = ops.gradient_registry._registry
    before = set(registered)
    yield
    # The models that the tests of exports load are shared by their modules.
    kept = request.path.parent.name == "export"
    for name in set(registered) - before:
        if name.startswith("CustomGradient-") and not kept:
            del registered[name]
    for value in vars(request.module).values():
        clear = getattr(value, "cache_clear", None)
        if callable(clear):
            clear()
    gc.collect()


@pytest.fixture
def eagerly() -> Iterator[None]:
    """Run every `tf.function` operation by operation, without building its graph.

    For tests of numbers that need a solver of their own for one small fit: its graph takes two
    seconds to build, the same operations one by one a fifth of that. Not for tests of what a graph
    does: exports, counts, traces, rows of a batch, the registered problems.
    """
    tf.config.run_functions_eagerly(True)
    yield
    tf.config.run_functions_eagerly(False)


@pytest.fixture
def rng() -> np.random.Generator:
    """Random numbers, the same in every test and every run."""
    return np.random.default_rng(20260731)
