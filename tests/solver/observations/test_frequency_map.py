"""The derivatives of frequencies by formula, against those of TensorFlow and differences."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from eigenfit.solver import Frequencies
from eigenfit.solver.observations.function_map import FunctionMap

from ..helpers import finite_differences_of_rows

LEVELS = np.array([-3.0, -1e-17, 2.0, 5.0])  # unstable, a rigid body, two ordinary modes
SLOPES = np.random.default_rng(3).normal(size=(4, 2))
MODES: dict[str, dict[str, Any]] = {
    "all": {},
    "lowest": {"lowest": 3},
    "some": {"indices": [1, 3]},
}
each_choice = pytest.mark.parametrize("modes", MODES.values(), ids=MODES)


@each_choice
def test_derivatives_are_those_of_tensorflow(modes: dict[str, Any]):
    chosen = Frequencies(**modes).of([4])
    levels, slopes = tf.constant(LEVELS[None]), tf.constant(SLOPES[None])
    force = tf.constant(np.random.default_rng(4).normal(size=(1, chosen.num_targets)))
    for name, arguments in (
        ("observe_slopes", (levels, slopes)),
        ("pull_back", (levels, force)),
        ("bending", (levels, slopes, force)),
    ):
        found = getattr(chosen, name)(*arguments)
        expected = getattr(FunctionMap, name)(chosen, *arguments)
        assert np.isfinite(found).all()
        np.testing.assert_allclose(found, expected, rtol=1e-13, atol=1e-15, err_msg=name)


@each_choice
def test_derivatives_are_those_of_differences(modes: dict[str, Any]):
    """Along a line of levels; the one that is 0 does not move."""
    chosen = Frequencies(**modes).of([4])
    force = np.random.default_rng(4).normal(size=chosen.num_targets)
    slopes = SLOPES * (abs(LEVELS) > 1e-9)[:, None]

    def observed(x: np.ndarray) -> np.ndarray:
        return chosen.observe(tf.constant(LEVELS + x @ slopes.T)).numpy()

    def slope(x: np.ndarray) -> np.ndarray:
        rows = np.broadcast_to(slopes, (len(x), *slopes.shape))
        return chosen.observe_slopes(tf.constant(LEVELS + x @ slopes.T), tf.constant(rows)).numpy()

    x = np.zeros(2)
    expected = finite_differences_of_rows(observed, x)
    np.testing.assert_allclose(slope(x[None])[0], expected, atol=1e-10)
    found = chosen.bending(
        tf.constant(LEVELS[None]), tf.constant(slopes[None]), tf.constant(force[None])
    )
    assert found is not None
    expected = finite_differences_of_rows(lambda y: np.einsum("k,bkp->bp", force, slope(y)), x)
    np.testing.assert_allclose(found[0], expected, atol=1e-10)
