"""A caller's `tf.function` does not have the code of the solver rewritten."""

from __future__ import annotations

import functools
import inspect
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from eigenfit.solver import SpectralSolver, Toeplitz


@functools.cache
def solver() -> SpectralSolver:
    return SpectralSolver(Toeplitz(3))


class Witness:
    """Numbers that note which of the functions that ask for them were rewritten by AutoGraph."""

    def __init__(self) -> None:
        self.rewritten: list[str] = []

    def __array__(self, dtype: Any = None, copy: Any = None) -> np.ndarray:
        frames = [frame for frame in inspect.stack() if "autograph_generated" in frame.filename]
        self.rewritten = [frame.function for frame in frames]
        raise ValueError("seen")


@pytest.mark.parametrize(
    "method",
    ["fit", "trace", "covariance", "predict", "assignment", "spectrum", "matrix", "loss"],
)
def test_only_the_callers_function_is_rewritten(method: str):
    witness = Witness()

    @tf.function
    def mine(x: tf.Tensor) -> Any:
        others = [x] * (method in ("predict", "assignment", "loss"))
        return getattr(solver(), method)(witness, *others)

    with pytest.raises(ValueError, match=r"seen|must be"):
        mine(tf.ones([1, 3], tf.float64))
    assert witness.rewritten == ["tf__mine"]
