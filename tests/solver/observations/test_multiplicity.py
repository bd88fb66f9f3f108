"""Multiplets with one target each: Kramers pairs and other levels that are known to coincide."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from scipy.optimize import least_squares

from eigenfit.solver import (
    Affine,
    Comparison,
    Family,
    Levels,
    Newton,
    SpectralSolver,
    Status,
    Transitions,
)
from eigenfit.solver.methods.lift_and_projection import target_overlaps
from tests.problems import crystal_field
from tests.problems.given_matrices import random_hermitian

from ..helpers import as_numpy, assert_same, finite_differences, take, tape_jacobian

# Four pairs, in a basis in which the pairs are not seen.
SMALL = random_hermitian(4, 4, seed=61)
MIXED = np.linalg.qr(np.random.default_rng(62).normal(size=(8, 8)))[0]
PAIRED = [MIXED @ np.kron(matrix, np.eye(2)) @ MIXED.T for matrix in SMALL]
X = np.array([0.4, -0.7, 0.9])


def gaps(x: np.ndarray) -> np.ndarray:
    """The four levels above the lowest, without the pairs."""
    values = np.linalg.eigvalsh(SMALL[0] + np.tensordot(x, SMALL[1:], 1))
    return values[1:] - values[0]


@functools.cache
def solver() -> SpectralSolver:
    return SpectralSolver(
        Affine(PAIRED[0], PAIRED[1:]).with_fixed({"x2": X[2]}),
        observation=Levels("lowest", multiplicity=2),
        starts=1,
    )


@pytest.mark.parametrize(
    ("choice", "sizes", "states", "grounds"),
    [
        ({"multiplicity": 2}, [6], [[0, 1], [2, 3], [4, 5]], [[0, 1]] * 3),
        ({"multiplicity": [1, 3, 2]}, [6], [[0], [1, 2, 3], [4, 5]], [[0]] * 3),
        ({"multiplicity": [1, 3, 2], "highest": 2}, [6], [[1, 2, 3], [4, 5]], [[0]] * 2),
        ({"multiplicity": 2, "lowest": 1}, [4, 2], [[0, 1], [4, 5]], [[0, 1], [4, 5]]),
        (
            {"multiplicity": [[1, 2], [3]]},
            [3, 3],
            [[0], [1, 2], [3, 4, 5]],
            [[0], [0], [3, 4, 5]],
        ),
        ({"multiplicity": 3, "indices": [3]}, [6], [[3, 4, 5]], [[0, 1, 2]]),
        (
            {"multiplicity": 2, "indices": [(0, 2), (1, 0)]},
            [4, 2],
            [[2, 3], [4, 5]],
            [[0, 1], [4, 5]],
        ),
    ],
)
@pytest.mark.parametrize("relative_to", [None, "lowest"])
def test_a_target_is_the_mean_of_its_multiplet(
    choice: Any, sizes: Any, states: Any, grounds: Any, relative_to: Any, rng: Any
):
    comparison = Levels(relative_to, **choice).of(sizes)
    assert comparison.upper.tolist() == [group[0] for group in states]
    levels, slopes = rng.normal(size=(3, 6)), rng.normal(size=(3, 6, 2))

    def means(of: np.ndarray) -> np.ndarray:
        found = np.stack([of[:, group].mean(axis=1) for group in states], axis=1)
        zero = np.stack([of[:, group].mean(axis=1) for group in grounds], axis=1)
        return found if relative_to is None else found - zero

    np.testing.assert_allclose(comparison.observe(tf.constant(levels)), means(levels))
    np.testing.assert_allclose(comparison.observe(tf.constant(slopes)), means(slopes))
    weights = rng.normal(size=(3, len(states)))
    back = comparison.pull_back(tf.constant(levels), tf.constant(weights)).numpy()
    np.testing.assert_allclose((back * levels).sum(1), (weights * means(levels)).sum(1))
    matrix = means(np.eye(6)).T  # C, with `C lambda` the targets
    assert isinstance(comparison, Comparison)
    np.testing.assert_allclose(target_overlaps(comparison), np.abs(matrix @ matrix.T))
    used = np.flatnonzero(np.any(matrix != 0, axis=0))
    assert set(used) <= set(comparison.used.tolist())


def test_each_pair_is_one_datum_of_a_fit():
    """The numbers of SciPy for the levels without the pairs."""
    noise = 0.02 * np.random.default_rng(63).normal(size=(5, 3))
    targets = np.concatenate([np.zeros((5, 1)), gaps(X) + noise], axis=1)
    targets[1, 2], targets[3, 1], targets[4, 1:] = np.nan, np.inf, np.nan
    start = np.tile(X[:2] + 0.05, (5, 1))
    fit = as_numpy(solver().fit(targets, start))
    for row in (0, 2):
        reference = least_squares(
            lambda x, row=row: targets[row, 1:] - gaps(np.append(x, X[2])),
            start[row],
            jac="3-point",
            xtol=1e-15,
            ftol=1e-15,
            gtol=1e-15,
        )
        assert fit.status[row] == Status.STATIONARY
        errors = np.sqrt(np.diag(np.linalg.inv(reference.jac.T @ reference.jac)))
        errors *= np.sqrt(2 * reference.cost / (3 - 2))  # three data, two parameters
        np.testing.assert_allclose(fit.parameters[row], reference.x, atol=1e-4 * errors.min())
        np.testing.assert_allclose(fit.standard_errors[row], errors, rtol=1e-5)
        np.testing.assert_allclose(fit.loss[row], 2 * reference.cost, rtol=1e-9)
        np.testing.assert_allclose(fit.residuals[row, 1:], reference.fun, atol=1e-7)
    assert fit.status[1] == Status.CONVERGED  # two data
    assert fit.status[3:].tolist() == [Status.INVALID_INPUT] * 2
    assert_same(as_numpy(solver().fit(targets[2:3], start[2:3])), take(fit, [2]))
    assert solver().fit(targets[:0], start[:0]).loss.shape == (0,)
    table = solver().fit(targets[:1], start[:1]).summary().splitlines()[-3:]
    assert [line.split("  ")[0].strip() for line in table] == ["2 - 0", "4 - 0", "6 - 0"]


@pytest.mark.usefixtures("eagerly")
@pytest.mark.parametrize("method", [None, Newton()])
def test_a_line_between_pairs_is_given_once_from_any_of_their_states(method: Any):
    """The states of a pair have the same levels and derivatives, whichever basis they come in."""
    structure = Affine(PAIRED[0], PAIRED[1:]).with_fixed({"x2": X[2]})

    def lines_of(x: np.ndarray) -> np.ndarray:
        upper = gaps(np.append(x, X[2]))
        return np.array([upper[0], upper[1], upper[2], upper[2] - upper[0]])

    targets = lines_of(X[:2]) + 0.01 * np.array([1.0, -2.0, 1.5, 0.5])
    found = least_squares(lambda x: lines_of(x) - targets, X[:2], jac="3-point", xtol=1e-15)
    variance = 2 * found.cost / (4 - 2)
    errors = np.sqrt(np.diag(variance * np.linalg.inv(found.jac.T @ found.jac)))
    for pairs in ([(2, 0), (4, 0), (6, 0), (6, 2)], [(3, 0), (4, 1), (7, 1), (7, 2)]):
        solver = SpectralSolver(structure, method, observation=Transitions(pairs))
        fit = solver.fit([targets], initial=[X[:2] + 0.05])
        assert fit.status.numpy().tolist() == [Status.STATIONARY]
        np.testing.assert_allclose(fit.parameters[0], found.x, atol=1e-3 * errors.min())
        np.testing.assert_allclose(fit.standard_errors[0], errors, rtol=1e-3)


@pytest.mark.usefixtures("eagerly")
def test_the_loss_and_its_gradient():
    targets = np.append(0.0, gaps(X) + 0.1)

    def loss(x: np.ndarray) -> np.ndarray:
        return np.sum((targets[1:] - gaps(np.append(x, X[2]))) ** 2)

    def compiled(x: tf.Tensor) -> tf.Tensor:
        return solver().loss(x, np.tile(targets, (x.shape[0], 1)))[:, None]

    np.testing.assert_allclose(compiled(tf.constant(X[None, :2]))[0, 0], loss(X[:2]), rtol=1e-12)
    np.testing.assert_allclose(
        tape_jacobian(compiled, X[:2])[0], finite_differences(loss, X[:2]), atol=1e-8
    )


@pytest.mark.usefixtures("eagerly")
@pytest.mark.parametrize("method", [None, Newton()])
def test_the_thirteen_levels_of_holmium(method: Any):
    """Published levels, of which four are doublets; the numbers are SciPy's."""
    stevens = crystal_field._STEVENS
    ion = Affine(None, crystal_field.BASIS, crystal_field.NAMES)
    levels = Levels(multiplicity=stevens.MULTIPLICITY.tolist())
    fitted = SpectralSolver(ion, method, observation=levels, starts=1)
    fit = as_numpy(fitted.fit(stevens.OBSERVED[None], crystal_field.START[None]))
    assert fit.status[0] == Status.STATIONARY
    np.testing.assert_allclose(fit.parameters[0], crystal_field.SOLUTION, atol=2e-3)
    np.testing.assert_allclose(fit.standard_errors[0], crystal_field.STANDARD_ERRORS, rtol=1e-3)
    rms = np.sqrt(fit.loss[0] / 13)
    np.testing.assert_allclose(rms, crystal_field.RMS, atol=1e-4)


def anything(value: Any) -> Any:
    return value


def pair() -> Family:
    return Family([Affine(None, [np.eye(2)]), Affine(None, [np.eye(4)])])


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Levels(multiplicity=0), "multiplicity must be an integer of at least 1"),
        (lambda: Levels(multiplicity=[2, 0]), "multiplicity must be an integer of at least 1"),
        (lambda: Levels(multiplicity=anything("2")), "multiplicity must be an integer, a list of"),
        (lambda: Levels(multiplicity=[]), "multiplicity must be an integer, a list of"),
        (lambda: Levels(multiplicity=[2, [1, 1]]), "multiplicity must be an integer, a list of"),
        (
            lambda: Levels(multiplicity=2).of([5]),
            r"add up to the 5 states of the matrix, got 2, wh",
        ),
        (
            lambda: Levels(multiplicity=[2, 2]).of([5]),
            r"5 states .* got \[2, 2\], which is 4; count",
        ),
        (
            lambda: Levels(multiplicity=[[2], [4]]).of([2]),
            "holds 2 lists, but the family has 1 mem",
        ),
        (
            lambda: Levels(multiplicity=2, indices=[0, 1]).of([4]),
            "indices count states, and level 1 is not the lowest of its multiplet, which begins at "
            "0; the multiplets begin at 0, 2",
        ),
        (
            lambda: Levels(multiplicity=2, lowest=3).of([4]),
            "has 2 multiplets, but multiplets 0 to 2",
        ),
        (
            lambda: SpectralSolver(pair(), observation=Levels(multiplicity=[2])),
            "add up to the 4 states of the matrix",
        ),
    ],
)
def test_wrong_arguments_are_one_clear_error(make: Any, message: str):
    with pytest.raises(ValueError, match=message):
        make()
