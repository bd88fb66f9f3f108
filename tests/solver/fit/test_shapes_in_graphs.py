"""Shapes that are unknown when a caller's graph is built are checked when it runs.

Without `tf.ensure_shape` a feed of the wrong width is gathered and broadcast to plausible garbage.
"""

from __future__ import annotations

import functools
from collections.abc import Callable

import numpy as np
import pytest
import tensorflow as tf

from eigenfit.solver import SpectralSolver, Tridiagonal

UNKNOWN = tf.TensorSpec(None, tf.float64)


@functools.cache
def solver() -> SpectralSolver:
    """With 4 targets and 7 parameters."""
    return SpectralSolver(Tridiagonal(4), starts=2)


@functools.cache
def embedded(method: str) -> Callable:
    """A method in a graph that knows nothing of the shape of its argument."""
    zero_parameters = np.zeros((2, solver().parameterization.num_parameters))
    functions: dict[str, Callable] = {
        "fit": lambda targets: solver().fit(targets).status,
        "trace": lambda targets: solver().trace(targets).status,
        "loss": lambda targets: solver().loss(zero_parameters, targets),
        "spectrum": solver().spectrum,
        "matrix": solver().matrix,
    }
    return tf.function(functions[method], input_signature=[UNKNOWN], autograph=False)


def width_of(method: str) -> int:
    by_parameters = method in ("spectrum", "matrix")
    return solver().parameterization.num_parameters if by_parameters else solver().num_targets


@pytest.mark.parametrize("method", ["fit", "trace", "loss", "spectrum", "matrix"])
def test_right_shape_passes(method: str):
    assert embedded(method)(np.ones((2, width_of(method)))).shape[0] == 2


@pytest.mark.parametrize("method", ["fit", "trace", "loss", "spectrum", "matrix"])
@pytest.mark.parametrize("wrong", ["too wide", "too narrow", "one row", "rank 3"])
def test_wrong_shape_is_an_error(method: str, wrong: str):
    width = width_of(method)
    shape = {
        "too wide": (2, width + 1),
        "too narrow": (2, width - 1),
        "one row": (width,),
        "rank 3": (1, 2, width),
    }[wrong]
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"(?i)shape.*not compatible"):
        embedded(method)(np.ones(shape))


ARGUMENTS = ("initial", "weights", "tolerance", "max_steps")


def arguments(rows: int) -> dict[str, np.ndarray]:
    """In the order of `ARGUMENTS`."""
    return {
        "initial": np.full((rows, 7), np.nan),
        "weights": np.ones((rows, 4)),
        "tolerance": np.full(rows, np.nan),
        "max_steps": np.zeros(rows, np.int32),
    }


@functools.cache
def fit_with_all() -> Callable:
    dtypes = [tf.int32 if name == "max_steps" else tf.float64 for name in ARGUMENTS]
    shapes = [[None, *arguments(0)[name].shape[1:]] for name in ARGUMENTS]
    specs = [tf.TensorSpec(*spec) for spec in zip(shapes, dtypes, strict=True)]
    signature = [tf.TensorSpec([None, 4], tf.float64), *specs]

    def fit(targets: tf.Tensor, *values: tf.Tensor) -> tf.Tensor:
        return solver().fit(targets, **dict(zip(ARGUMENTS, values, strict=True))).status

    return tf.function(fit, input_signature=signature, autograph=False)


@pytest.mark.parametrize("argument", ARGUMENTS)
def test_unknown_numbers_of_rows_must_agree(argument: str):
    targets = np.array([[1.0, 2.0, 4.0, 5.0]] * 5)
    assert fit_with_all()(targets, *arguments(5).values()).numpy().tolist() == [1] * 5
    for rows in (0, 1, 4, 6):
        values = {**arguments(5), argument: arguments(rows)[argument]}
        with pytest.raises(tf.errors.InvalidArgumentError, match=f"{argument} must have as many"):
            fit_with_all()(targets, *values.values())


def test_unknown_numbers_of_rows_of_the_loss_must_agree():
    widths = (7, 4, 4)
    rows = [tf.TensorSpec([None, width], tf.float64) for width in widths]
    loss = tf.function(solver().loss, input_signature=rows, autograph=False)
    assert loss(*(np.ones((5, width)) for width in widths)).shape == (5,)
    for counts in ((5, 1, 5), (1, 5, 5), (5, 5, 1), (5, 4, 5)):
        with pytest.raises(tf.errors.InvalidArgumentError, match="must have as many"):
            loss(*(np.ones(shape) for shape in zip(counts, widths, strict=True)))
