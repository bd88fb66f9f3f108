"""Tests of the solver build hundreds of graphs, each for a fit or two."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import tensorflow as tf


@pytest.fixture(scope="module", autouse=True)
def quick_first_runs() -> Iterator[None]:
    """No graph optimizer: it takes longer than these fits, once for each graph.

    The registered problems, the exports, the examples and the servers are tested with it.
    """
    tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": True})
    yield
    tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": False})
