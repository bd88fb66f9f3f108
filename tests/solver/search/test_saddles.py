"""Rows that reach a saddle go on: no answer is called a minimum from which the loss falls."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from eigenfit.solver import (
    LBFGS,
    Affine,
    Family,
    GaussNewton,
    Hermitian,
    Levels,
    LevenbergMarquardt,
    Matched,
    Newton,
    Nonlinear,
    Parameterization,
    SpectralSolver,
    Status,
    Toeplitz,
    Tridiagonal,
)
from eigenfit.solver.fit.step import step_pool
from eigenfit.solver.inputs.validation import validate
from eigenfit.solver.objective.model import Data
from eigenfit.solver.pool.rows import new_rows
from eigenfit.solver.search.multistart import begin
from tests.problems.given_matrices import random_hermitian

from ..helpers import assert_same, take


def sites(n: int) -> Parameterization:
    """A chain with sites at 0, 1, 2, ... and free couplings."""
    return Tridiagonal(n).with_fixed({f"a{k}{k}": float(k) for k in range(n)})


def exponential(x: tf.Tensor) -> tf.Tensor:
    """Two levels apart by exp(a), coupled by b."""
    gap, coupling = tf.exp(x[:, 0]), x[:, 1]
    zero = tf.zeros_like(gap)
    return tf.stack([tf.stack([zero, coupling], -1), tf.stack([coupling, gap], -1)], -2)


@functools.cache
def three_sites() -> SpectralSolver:
    return SpectralSolver(sites(3))


# By symmetry the loss is even in each coupling, so at 0 no first derivative tells to switch it on.
CASES: dict[str, tuple[Parameterization, list[float], dict[str, Any]]] = {
    "chain of three": (sites(3), [-0.5, 1.0, 2.5], {}),
    "bounds of 0": (sites(3), [-0.5, 1.0, 2.5], {"bounds": (0.0, np.inf)}),
    "above the ground level": (
        sites(3),
        [0.0, 1.5, 3.0],
        {"observation": Levels(relative_to="lowest")},
    ),
    "robust loss": (sites(3), [-0.5, 1.0, 2.5], {"loss": "soft_l1"}),
    # All levels are equal at the start, and none of the targets.
    "hollow chain": (
        Tridiagonal(4).with_fixed({f"a{k}{k}": 0.0 for k in range(4)}),
        [-3.0, -1.0, 1.0, 3.0],
        {},
    ),
    "zero matrix": (Toeplitz(3), [-0.5, 1.0, 2.5], {}),
    # More parameters than levels.
    "complex": (
        Hermitian(3).with_fixed({"a00": 0.0, "a11": 1.0, "a22": 2.0}),
        [-0.5, 1.0, 2.5],
        {},
    ),
    "not affine": (Nonlinear(exponential, n=2, p=2), [-1.0, 2.0], {}),
    "family": (
        Family.affine(
            np.stack([np.diag([0.0, 1.0]), np.diag([0.0, 3.0])]),
            np.array([[[[0, 1.0], [1, 0]], [[0, 1.0], [1, 0]]]]).swapaxes(0, 1),
            parameter_names=["v"],
        ),
        [0.5 - np.sqrt(1.25), 0.5 + np.sqrt(1.25), 1.5 - np.sqrt(3.25), 1.5 + np.sqrt(3.25)],
        {},
    ),
}


@pytest.mark.usefixtures("eagerly")
@pytest.mark.parametrize(
    ("case", "method"),
    [
        *((case, LevenbergMarquardt) for case in CASES),
        *(("hollow chain", method) for method in (GaussNewton, Newton, LBFGS)),
    ],
)
def test_couplings_that_begin_at_zero_are_found(case, method):
    structure, targets, more = CASES[case]
    solver = SpectralSolver(structure, method(), **more)
    fit = solver.fit([targets], initial=np.zeros((1, structure.num_parameters)))
    assert fit.status.numpy().tolist() == [Status.CONVERGED]
    if case != "family":
        levels = np.linalg.eigvalsh(solver.matrix(fit.parameters).numpy()[0])
        relative = case == "above the ground level"
        np.testing.assert_allclose(levels - relative * levels[0], targets, atol=1e-8)


def curvature_by_differences(solver: SpectralSolver, x: np.ndarray, targets: Any) -> np.ndarray:
    """The Hessian of the loss at parameters `[p]`, by central differences of NumPy's levels."""
    step = 1e-3

    def loss(y: np.ndarray) -> float:
        levels = np.linalg.eigvalsh(solver.matrix(y[None]).numpy()[0])
        return float(np.sum((levels - targets) ** 2))

    units = step * np.eye(len(x))
    return np.array(
        [
            [loss(x + a + b) - loss(x + a - b) - loss(x - a + b) + loss(x - a - b) for a in units]
            for b in units
        ]
    ) / (4 * step**2)


def test_stationary_ends_are_minima():
    """Spectra that no member has, from zero couplings."""
    generator = np.random.default_rng(1)
    solver = three_sites()
    targets = np.arange(3.0) + generator.normal(size=(30, 3))
    targets.sort(axis=1)
    fit = solver.fit(targets, initial=np.zeros((30, 2)))
    assert (fit.status.numpy() == Status.STATIONARY).sum() >= 20
    for row in np.flatnonzero(fit.status.numpy() == Status.STATIONARY):
        curvature = curvature_by_differences(solver, fit.parameters.numpy()[row], targets[row])
        assert np.linalg.eigvalsh(curvature)[0] > -1e-4, row


@pytest.mark.usefixtures("eagerly")
def test_a_minimum_at_zero_stays_there():
    """The levels are pulled together, and couplings push them apart."""
    fit = three_sites().fit([[0.1, 1.0, 1.9]], initial=[[0.0, 0.0]])
    assert fit.status.numpy().tolist() == [Status.STATIONARY]
    assert fit.steps.numpy().tolist() == [0]
    np.testing.assert_array_equal(fit.parameters, [[0.0, 0.0]])


@pytest.mark.usefixtures("eagerly")
def test_a_parameter_without_effect_is_no_saddle():
    structure = Affine(np.diag([0.0, 1.0, 9.0]), [np.diag([1.0, 1, 0]), np.diag([0, 0, 1.0])])
    solver = SpectralSolver(structure, observation=Levels(lowest=2))
    fit = solver.fit([[0.0, 2.0]], initial=[[3.0, 4.0]])
    assert fit.status.numpy().tolist() == [Status.STATIONARY]
    np.testing.assert_allclose(fit.parameters, [[0.5, 4.0]], atol=1e-9)


def test_rows_on_saddles_are_independent_of_the_others():
    targets = np.array([[-0.5, 1.0, 2.5], [0.1, 1.0, 1.9], [-1.0, 0.9, 3.0], [np.nan, 1.2, 2.4]])
    many = np.tile(targets, (25, 1))
    start = np.zeros((len(many), 2))
    start[::3] = [0.3, 0.2]
    together = three_sites().fit(many, initial=start)
    for row in (0, 1, 2, 3, 5, 98):
        alone = three_sites().fit(many[row : row + 1], initial=start[row : row + 1])
        assert_same(take(together, [row]), alone)


@pytest.mark.usefixtures("eagerly")
def test_in_single_precision():
    solver = SpectralSolver(sites(3), dtype=tf.float32)
    fit = solver.fit([[-0.5, 1.0, 2.5]], initial=[[0.0, 0.0]])
    assert fit.status.numpy().tolist() == [Status.CONVERGED]


@pytest.mark.usefixtures("eagerly")
def test_levels_that_are_assigned():
    solver = SpectralSolver(sites(3), observation=Matched(3))
    fit = solver.fit([[-0.5, 1.0, 2.5]], initial=[[0.0, 0.0]])
    assert fit.status.numpy().tolist() == [Status.CONVERGED]


def test_no_more_steps_than_allowed():
    for limit in range(1, 12):
        fit = three_sites().fit([[-0.5, 1.0, 2.5]], initial=[[0.0, 0.0]], max_steps=limit)
        assert fit.steps.numpy()[0] <= limit
        assert fit.status.numpy()[0] in (Status.CONVERGED, Status.MAX_STEPS)


@pytest.mark.usefixtures("eagerly")
def test_the_trace_goes_on_too():
    targets, start = [[-0.5, 1.0, 2.5], [0.1, 1.0, 1.9]], np.zeros((2, 2))
    trace, fit = (f(targets, initial=start) for f in (three_sites().trace, three_sites().fit))
    np.testing.assert_array_equal(trace.status, fit.status)
    np.testing.assert_array_equal(trace.steps, fit.steps)
    np.testing.assert_array_equal(trace.parameters[:, -1], fit.parameters)
    assert trace.loss.shape == (2, int(fit.steps[0]) + 1)
    assert (np.diff(trace.loss.numpy(), axis=1) <= 0).all()


def test_rows_that_newtons_steps_ended_are_not_asked_again():
    """It would cost measured data one evaluation more; the method knows how the loss curves."""
    generator = np.random.default_rng(2)
    solver = SpectralSolver(Affine(None, random_hermitian(3, 6, seed=5)))
    settings = solver._settings
    x = tf.constant(generator.normal(size=(8, 3)))
    targets = np.sort(solver.spectrum(x).numpy() + 0.1 * generator.normal(size=(8, 6)), axis=1)
    data = Data(targets=tf.constant(targets), weights=tf.ones_like(targets))
    limit = tf.fill([8], 50)
    batch = validate(settings, data, x, tf.fill([8], tf.constant(np.nan, tf.float64)), limit)
    pool = begin(settings, new_rows(settings, batch, tf.range(8)))
    for _ in range(30):
        pool = step_pool(settings, pool)
        if (pool.status.numpy() == Status.STATIONARY).all():
            break
    assert pool.status.numpy().tolist() == 8 * [Status.STATIONARY]
    assert pool.state.curves_up.numpy().all()
