"""Lift and projection against the same written out in NumPy."""

from __future__ import annotations

import functools

import numpy as np
import pytest
import tensorflow as tf
from scipy.optimize import least_squares

from eigenfit.solver import (
    Affine,
    Family,
    Levels,
    LiftAndProjection,
    Matched,
    Method,
    Multiplicative,
    Nonlinear,
    Observation,
    SpectralSolver,
    Status,
    Symmetric,
    Toeplitz,
    Transitions,
)
from tests.problems import additive as p1
from tests.problems.given_matrices import random_hermitian

eagerly = pytest.mark.usefixtures("eagerly")

CONSTANT, *REST = random_hermitian(4, 6, seed=301, complex_entries=True)
BASIS = np.stack(REST)
PAIRS = [(1, 0), (2, 1), (5, 2), (4, 0), (5, 3)]


def matrix(x: np.ndarray) -> np.ndarray:
    return CONSTANT + np.tensordot(x, BASIS, 1)


def levels(x: np.ndarray) -> np.ndarray:
    return np.linalg.eigvalsh(matrix(x))


def split(values: np.ndarray) -> np.ndarray:
    """Real parts, then imaginary parts, in a row."""
    return np.concatenate([np.real(values).reshape(-1), np.imag(values).reshape(-1)])


def nearest(wanted: np.ndarray, constant: np.ndarray, basis: np.ndarray) -> np.ndarray:
    """Coordinates of the nearest `A0 + sum x_j B_j` to a matrix, by real least squares."""
    columns = np.stack([split(member) for member in basis], axis=1)
    return np.linalg.lstsq(columns, split(wanted - constant), rcond=1e-10)[0]


def lift_and_project(
    x: np.ndarray, constant: np.ndarray, basis: np.ndarray, targets: np.ndarray, share: np.ndarray
) -> np.ndarray:
    """One step: levels moved towards the targets by the share, NaN for a level that stays."""
    values, vectors = np.linalg.eigh(constant + np.tensordot(x, basis, 1))
    lifted = np.where(np.isnan(targets), values, values + share * (targets - values))
    return nearest((vectors * lifted) @ vectors.conj().T, constant, basis)


@functools.cache
def additive(doubled: bool) -> SpectralSolver:
    structure = Affine(p1.CONSTANT, p1.BASIS)
    return SpectralSolver(structure, LiftAndProjection(doubled), tolerance=1e-11)


def steps_to(loss: np.ndarray, norm: float) -> int:
    return int(np.flatnonzero(np.sqrt(loss) < norm)[0])


def test_additive_problem_takes_the_published_number_of_steps():
    """P1: 161 steps to 1e-8 in the literature, and by NumPy; every iterate is the same."""
    trace = additive(False).trace(p1.LEVELS[None], initial=p1.LEVELS[None])
    x = p1.LEVELS.copy()
    for k in range(40):
        np.testing.assert_allclose(trace.parameters[0, k], x, rtol=1e-11)
        x = lift_and_project(x, p1.CONSTANT, p1.BASIS, p1.LEVELS, np.ones(8))
    assert steps_to(trace.loss.numpy()[0], 1e-8) == 161


def test_doubling_halves_the_number_of_steps():
    trace = additive(True).trace(p1.LEVELS[None], initial=p1.LEVELS[None])
    loss = trace.loss.numpy()[0]
    assert steps_to(loss, 1e-8) <= 90
    assert (loss[1:] <= loss[:-1]).all()


@eagerly
@pytest.mark.parametrize("kind", ["weights and gaps", "singular", "family"])
def test_first_steps_are_those_of_numpy(kind: str):
    generator = np.random.default_rng(17)
    constant, basis = CONSTANT, BASIS
    targets = levels(np.array([0.3, -0.2, 0.5])) + 0.1 * generator.normal(size=6)
    weights = np.ones(6)
    structure = Affine(constant, basis)
    if kind == "weights and gaps":
        weights = generator.uniform(0.2, 3.0, size=6)
        targets[[0, 3, 4]] = np.nan
    if kind == "singular":  # the last parameter does what the first two do
        basis = np.concatenate([basis, basis[:1] + basis[1:2]])
        structure = Affine(constant, basis)
    if kind == "family":
        other, *more = random_hermitian(4, 2, seed=5)
        structure = Family.affine([constant, other], [basis, more])
        zeros = np.zeros((3, 6, 2))
        below = np.concatenate([zeros.swapaxes(1, 2), np.stack(more)], axis=2)
        basis = np.concatenate([np.concatenate([basis, zeros], axis=2), below], axis=1)
        block = np.zeros((8, 8), complex)
        block[:6, :6], block[6:, 6:] = constant, other
        constant, weights = block, np.ones(8)
        targets = np.append(targets, [-1.0, 1.0])
    solver = SpectralSolver(structure, LiftAndProjection(), max_steps=3)
    x = np.zeros(len(basis))
    trace = solver.trace(targets[None], initial=x[None], weights=weights[None])
    share = weights**2 / weights[~np.isnan(targets)].max() ** 2
    for k in range(4):
        found = trace.parameters.numpy()[0, k]
        expected = constant + np.tensordot(x, basis, 1)
        np.testing.assert_allclose(constant + np.tensordot(found, basis, 1), expected, atol=1e-9)
        if kind == "family":  # the levels of the block-diagonal matrix, member by member
            a, b = np.linalg.eigh(expected[:6, :6]), np.linalg.eigh(expected[6:, 6:])
            lifted = np.zeros((8, 8), complex)
            lifted[:6, :6] = (a[1] * targets[:6]) @ a[1].conj().T
            lifted[6:, 6:] = (b[1] * targets[6:]) @ b[1].conj().T
            x = nearest(lifted, constant, basis)
        else:
            x = lift_and_project(x, constant, basis, targets, share)


OBSERVATIONS = {
    "lowest": Levels("lowest"),
    "mean": Levels("mean"),
    "transitions": Transitions(PAIRS),
    "matched": Matched(4),
}


@pytest.mark.parametrize("kind", OBSERVATIONS)
def test_full_steps_lower_the_loss_of_every_observation(kind: str):
    """The constant of the bound is right: from near the answer no step is ever halved."""
    generator = np.random.default_rng(19)
    observation: Observation = OBSERVATIONS[kind]
    comparison = observation.of([6])
    solution = 0.5 * generator.normal(size=(8, 3))
    spectra = np.stack([levels(x) for x in solution])
    targets = comparison.observe(tf.constant(spectra)).numpy()
    weights = generator.uniform(0.3, 2.0, size=targets.shape)
    solver = SpectralSolver(
        Affine(CONSTANT, BASIS), LiftAndProjection(), observation=observation, max_steps=100
    )
    trace = solver.trace(
        targets, initial=solution + 0.02 * generator.normal(size=(8, 3)), weights=weights
    )
    loss = trace.loss.numpy()[:, :60]
    assert (loss[:, -1] < 0.9 * loss[:, 0]).all()
    assert (loss[:, 1:] < loss[:, :-1]).all()


@eagerly
def test_priors_and_bounds_are_part_of_the_projection():
    """One step minimizes `|A(x) - Z|^2 + sum ((x - mean) / sigma)^2` over the parameters."""
    start, mean, sigma = np.zeros(3), np.array([0.5, 0.0, -0.5]), np.array([0.7, 0.2, np.inf])
    targets = levels(np.array([0.4, -0.3, 0.1]))
    solver = SpectralSolver(
        Affine(CONSTANT, BASIS), LiftAndProjection(), priors=(mean, sigma), max_steps=1
    )
    found = solver.fit(targets[None], initial=start[None]).parameters.numpy()[0]
    _, vectors = np.linalg.eigh(CONSTANT)
    lifted = (vectors * targets) @ vectors.conj().T

    def residual(x: np.ndarray) -> np.ndarray:
        return np.concatenate([split(matrix(x) - lifted), (x - mean) / sigma])

    np.testing.assert_allclose(found, least_squares(residual, start).x, atol=1e-6)


@eagerly
def test_single_precision(rng: np.random.Generator):
    """With free entries the lifted matrix is itself of the structure: one step."""
    targets = np.sort(rng.normal(size=(20, 4)), axis=1)
    solver = SpectralSolver(Symmetric(4), LiftAndProjection(), dtype=tf.float32)
    fit = solver.fit(targets, initial=rng.normal(size=(20, 10)))
    assert fit.status.numpy().tolist() == [Status.CONVERGED] * 20
    assert fit.steps.numpy().tolist() == [1] * 20
    np.testing.assert_allclose(fit.eigenvalues, targets, atol=1e-5)


def test_fixed_parameters_leave_the_structure_affine():
    fixed = Affine(CONSTANT, BASIS, parameter_names=["a", "b", "c"]).with_fixed({"b": 0.2})
    solver = SpectralSolver(fixed, LiftAndProjection(doubled=True))
    fit = solver.fit(levels(np.array([0.4, 0.2, -0.1]))[None], initial=[[0.35, -0.05]])
    assert fit.status.numpy().tolist() == [Status.CONVERGED]
    np.testing.assert_allclose(fit.parameters, [[0.4, -0.1]], atol=1e-6)


def square(x: tf.Tensor) -> tf.Tensor:
    return tf.linalg.diag(tf.concat([x * x, x], axis=-1))


def test_what_is_refused():
    method = LiftAndProjection()
    with pytest.raises(ValueError, match=r"must be affine .* Nonlinear .* LevenbergMarquardt"):
        SpectralSolver(Nonlinear(square, n=2, p=1), method)
    with pytest.raises(ValueError, match="must be affine"):
        SpectralSolver(Multiplicative(np.eye(3)), method)
    with pytest.raises(ValueError, match=r"loss must be .linear.* got .huber"):
        SpectralSolver(Toeplitz(3), method, loss="huber")
    with pytest.raises(ValueError, match="doubled must be True or False, got 2"):
        LiftAndProjection(doubled=2)  # pyright: ignore[reportArgumentType]  # wrong on purpose


@eagerly
def test_a_method_serves_several_solvers():
    """Preparing it for one model leaves the method itself as it was."""
    method: Method = LiftAndProjection()
    small, _ = SpectralSolver(Toeplitz(2), method), SpectralSolver(Symmetric(3), method)
    assert small.fit([[1.0, 3.0]], initial=[[0.0, 0.5]]).status.numpy().tolist() == [1]
    with pytest.raises(ValueError, match="the model is not known"):
        method.init(tf.zeros([1, 2]), point=None, scales=tf.zeros([1, 2]))  # pyright: ignore[reportArgumentType]  # wrong on purpose
