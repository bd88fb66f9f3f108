"""A solver that others hold: modules and models that are saved, copies, other processes."""

# pyright: reportArgumentType=false
# Keras annotates jit_compile and verbose by their defaults, which are strings.

from __future__ import annotations

import copy
import functools
import multiprocessing
import pickle
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from eigenfit.solver import (
    Affine,
    Family,
    GaussNewton,
    Generalized,
    Levels,
    Matched,
    Nonlinear,
    Parameterization,
    SpectralSolver,
    Status,
    Toeplitz,
    Transitions,
    Tridiagonal,
)

from ..helpers import as_numpy, assert_same

LEVELS = np.array([[1.0, 2.0, 4.0], [0.0, 1.0, 5.0]])


def wells(x: tf.Tensor) -> tf.Tensor:
    """Two wells, and the coupling between them."""
    off = tf.exp(-x[:, 1])
    return tf.stack([tf.stack([x[:, 0], off], -1), tf.stack([off, -x[:, 0]], -1)], -2)


@tf.function
def compiled_wells(x: tf.Tensor) -> tf.Tensor:
    """What its name means is the compiled function."""
    return wells(x)


class ScaledWells(Parameterization):
    """Holds what a `tf.Module` may hold: a variable, a compiled function, containers."""

    def __init__(self):
        super().__init__(2, 2)
        self.factor = tf.Variable(2.0, dtype=tf.float64)
        self.wells = tf.function(wells)
        self.units = {"levels": ["cm^-1", "K"]}

    @tf.function
    def matrix(self, parameters: tf.Tensor) -> tf.Tensor:
        return tf.cast(self.factor, parameters.dtype) * self.wells(parameters)


PAIR = [np.diag([0.5, -0.5]), np.array([[0, 0.5], [0.5, 0]])]
STRUCTURES = {
    "family": lambda: (Family.affine(None, [PAIR, PAIR[::-1]], parameter_names=["z", "x"]), None),
    "generalized": lambda: (
        Generalized([[2.0, -1.0], [-1.0, 2.0]], Affine(None, [np.diag([1, 0]), np.diag([0, 1])])),
        Levels(relative_to="lowest"),
    ),
    "nonlinear": lambda: (Nonlinear(tf.function(wells), 2, 2), None),
    "decorated": lambda: (Nonlinear(compiled_wells, 2, 2), Matched(1)),
    "composition": lambda: (
        Toeplitz(3) + 0.1 * Tridiagonal(3).with_tied({"a21": ("a10", 1.0)}),
        Transitions([(1, 0), (2, 0)]),
    ),
    "module": lambda: (ScaledWells(), None),
}


@functools.cache
def solver_of(name: str) -> SpectralSolver:
    structure, observation = STRUCTURES[name]()
    # The method with the smallest graph.
    return SpectralSolver(structure, GaussNewton(), observation=observation, starts=1)


@functools.cache
def toeplitz() -> SpectralSolver:
    return SpectralSolver(Toeplitz(3), GaussNewton(), starts=1)


def targets_of(solver: SpectralSolver) -> np.ndarray:
    targets = np.sort(np.random.default_rng(0).normal(size=(2, solver.num_targets)))
    return targets - targets[:, :1]


@functools.cache
def fitted(name: str) -> tuple[SpectralSolver, Any]:
    """A solver after its first fit, and what it found."""
    solver = solver_of(name)
    return solver, solver.fit(targets_of(solver))


@pytest.mark.parametrize("copied", [lambda x: pickle.loads(pickle.dumps(x)), copy.deepcopy])
@pytest.mark.parametrize("name", STRUCTURES)
def test_a_copy_of_a_used_solver_is_the_same(name: str, copied: Callable[[Any], Any]):
    solver = solver_of(name)
    parameters = np.full((2, solver.parameterization.num_parameters), 0.7)
    expected = solver.spectrum(parameters)
    twin = copied(solver)
    assert len(twin.variables) == len(solver.variables)
    assert twin.describe() == solver.describe()
    np.testing.assert_array_equal(twin.spectrum(parameters), expected)


def test_a_copy_of_a_fitted_solver_answers_the_same(request: pytest.FixtureRequest):
    solver, expected = fitted("module")
    twin = pickle.loads(pickle.dumps(solver))
    request.getfixturevalue("eagerly")  # the copy would build its graph anew
    assert_same(as_numpy(twin.fit(targets_of(solver))), as_numpy(expected))


@pytest.mark.usefixtures("eagerly")
@pytest.mark.parametrize("name", ["family", "decorated"])
def test_a_copy_of_a_result_has_its_summary(name: str):
    solver = solver_of(name)
    fit = solver.fit(targets_of(solver), max_steps=5)
    for twin in (pickle.loads(pickle.dumps(fit)), copy.deepcopy(fit)):
        assert_same(as_numpy(twin), as_numpy(fit))
        assert twin.summary(1) == fit.summary(1)


def test_a_lambda_is_refused_by_pickle_itself_and_copied():
    solver = SpectralSolver(Nonlinear(lambda x: wells(x), 2, 2))
    with pytest.raises((pickle.PicklingError, AttributeError), match="lambda"):
        pickle.dumps(solver)
    np.testing.assert_array_equal(
        copy.deepcopy(solver).spectrum([[1.0, 0.5]]), solver.spectrum([[1.0, 0.5]])
    )


def test_a_pool_of_other_processes(request: pytest.FixtureRequest):
    fit = toeplitz().fit(LEVELS)
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        (found,) = pool.map(toeplitz().fit, [LEVELS])
    assert_same(as_numpy(found), as_numpy(fit))
    request.getfixturevalue("eagerly")  # a summary has graphs of its own
    assert found.summary(1) == fit.summary(1)


class Holder(tf.Module):
    """What a solver answers in some unit; the unit is a variable."""

    def __init__(self, solver: SpectralSolver, answer: Callable[[tf.Tensor], tf.Tensor]):
        super().__init__()
        self.solver = solver
        self.answer = answer
        self.unit = tf.Variable(2.0, dtype=tf.float64)

    @tf.function(input_signature=[tf.TensorSpec([None, None], tf.float64)], autograph=False)
    def __call__(self, rows: tf.Tensor) -> tf.Tensor:
        return self.answer(self.unit * rows)


def assert_saved(holder: Holder, rows: tf.Tensor, expected: tf.Tensor, directory: Path) -> None:
    np.testing.assert_array_equal(holder(rows), expected)
    checkpoint = tf.train.Checkpoint(holder=holder)
    path = checkpoint.save(directory / "checkpoint")
    holder.unit.assign(1.0)
    checkpoint.restore(path).assert_consumed()
    assert holder.unit.numpy() == 2.0
    options = tf.saved_model.SaveOptions(experimental_custom_gradients=True)
    tf.saved_model.save(holder, directory / "model", options=options)
    reloaded = tf.saved_model.load(directory / "model")
    np.testing.assert_array_equal(reloaded(rows), expected)


def test_a_module_with_a_solver_that_fits_is_saved(tmp_path: Path):
    solver, fit = fitted("module")
    holder = Holder(solver, lambda targets: solver.fit(targets).parameters)
    rows = tf.constant(targets_of(solver) / 2)
    assert_saved(holder, rows, fit.parameters, tmp_path)


def test_a_module_with_a_structure_that_holds_another_is_saved(tmp_path: Path):
    """TensorFlow walks through all that a solver holds, whatever is computed."""
    solver = solver_of("generalized")
    rows = tf.constant([[0.5, 0.35], [1.0, 2.0]], tf.float64)
    assert_saved(Holder(solver, solver.spectrum), rows, solver.spectrum(2 * rows), tmp_path)


class ScaledFit(keras.layers.Layer):
    """Levels in, the diagonal of the matrix out; the scale of the levels is to be learnt."""

    def __init__(self):
        super().__init__(dtype="float64")
        self.solver = toeplitz()
        self.scale = self.add_weight(initializer="ones")

    def call(self, levels: tf.Tensor) -> tf.Tensor:
        return self.solver.fit(self.scale * levels).parameters[:, :1]


def test_a_keras_model_with_a_solver_is_trained_exported_and_restored(tmp_path: Path):
    layer = ScaledFit()
    model = keras.Sequential([keras.Input([3], dtype="float64"), layer])
    model.compile(keras.optimizers.SGD(1.0), loss="mse", jit_compile=False)
    levels = np.sort(np.random.default_rng(0).normal(size=(16, 3)), axis=1)
    levels = levels.astype(np.float32).astype(float)  # Keras passes arrays on as float32
    model.fit(levels, 0.8 * levels.mean(axis=1), batch_size=16, epochs=20, verbose=0)
    assert layer.scale.numpy() == pytest.approx(0.8, abs=1e-3)
    expected = model.predict(levels, verbose=0)
    mean = layer.scale.numpy() * levels.mean(axis=1)
    np.testing.assert_allclose(expected[:, 0], mean, atol=1e-6)

    model.export(tmp_path / "model", verbose=False)
    reloaded = tf.saved_model.load(tmp_path / "model")
    np.testing.assert_array_equal(reloaded.serve(levels), expected)
    slopes = []
    for function in (model, reloaded.serve):
        watched = tf.constant(levels)
        with tf.GradientTape() as tape:
            tape.watch(watched)
            total = tf.reduce_sum(function(watched))
        slopes.append(tape.gradient(total, watched).numpy())
    certified = layer.solver.fit(layer.scale * levels).status.numpy() <= Status.STATIONARY
    assert certified.sum() > 12
    third = layer.scale.numpy() / 3
    np.testing.assert_allclose(slopes[0][certified], third, rtol=1e-6)
    np.testing.assert_array_equal(slopes[0][~certified], 0.0)
    np.testing.assert_allclose(slopes[1], slopes[0], rtol=1e-12)

    checkpoint = tf.train.Checkpoint(model)
    path = checkpoint.save(tmp_path / "checkpoint")
    trained = layer.scale.numpy()
    layer.scale.assign(3.0)
    checkpoint.restore(path).expect_partial()
    assert layer.scale.numpy() == trained
    np.testing.assert_array_equal(model.predict(levels, verbose=0), expected)
