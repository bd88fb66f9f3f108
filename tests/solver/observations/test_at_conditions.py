"""Observables, joint observations, new parameters and predictions of a sweep, against NumPy."""

from __future__ import annotations

import functools

import numpy as np
import pytest
from scipy.optimize import least_squares

from eigenfit.solver import (
    Affine,
    Blend,
    Cause,
    Joint,
    Levels,
    Observable,
    SpectralSolver,
    Status,
    Sweep,
    Transitions,
)

SZ = np.diag([1.0, 0.0, -1.0])
SX = np.array([[0.0, 1.0, 0.0], [1.0, 0.0, 1.0], [0.0, 1.0, 0.0]]) / np.sqrt(2)
TERMS = [Affine(None, [SZ @ SZ], ["D"]), Affine(None, [0.6 * SZ + 0.8 * SX], ["g"])]
SWEEP = Sweep(TERMS, limit=3, conditions=["B"])
SIGMA = 0.01


def levels_at(x: np.ndarray, fields: np.ndarray) -> np.ndarray:
    """`[K, 3]`, by NumPy."""
    matrices = x[0] * SZ @ SZ + np.multiply.outer(fields, x[1] * (0.6 * SZ + 0.8 * SX))
    return np.linalg.eigvalsh(matrices)


def both(x: np.ndarray, fields: np.ndarray) -> np.ndarray:
    """The first line at each field, and the sum over fields of the second splitting."""
    levels = levels_at(x, fields)
    return np.append(levels[:, 1] - levels[:, 0], np.sum(levels[:, 2] - levels[:, 1]))


@functools.cache
def solver() -> SpectralSolver:
    total = Observable(lambda x: (x[:, :, 2] - x[:, :, 1]) @ np.ones([3, 1]), 1)
    observation = Joint([Transitions([(1, 0)]), total])
    return SpectralSolver(SWEEP, observation=observation, sigma=SIGMA, absolute_sigma=True)


FIELDS = np.array([[0.3, 0.7, 1.1], [0.5, 0.9, np.nan]])
SEEN = np.array([[True, True, True, True], [True, True, False, False]])
TRUTH = np.array([1.3, 0.9])


def data() -> np.ndarray:
    generator = np.random.default_rng(4)
    rows = np.full((2, 4), np.nan)
    for row, fields in enumerate(FIELDS):
        seen = ~np.isnan(fields)
        exact = both(TRUTH, fields[seen])
        rows[row, np.append(np.flatnonzero(seen), 3)] = exact + SIGMA * generator.normal(
            size=len(exact)
        )
    return rows


def test_a_function_of_all_fields_needs_all_fields():
    targets = data()
    fit = solver().fit(targets, initial=np.array([[1.2, 1.0]] * 2), conditions=FIELDS)
    assert fit.status.numpy().tolist() == [Status.STATIONARY, Status.INVALID_INPUT]
    assert fit.cause.numpy()[1] == Cause.CONDITION


def test_lines_and_a_function_of_all_fields():
    targets, start = np.where(SEEN, data(), np.nan), np.array([[1.2, 1.0]] * 2)
    fit = solver().fit(targets, initial=start, conditions=FIELDS)
    assert fit.status.numpy().tolist() == [Status.STATIONARY, Status.CONVERGED]
    for row, fields in enumerate(FIELDS):
        fields = fields[~np.isnan(fields)]
        known = targets[row][~np.isnan(targets[row])]
        found = least_squares(
            lambda x, f=fields, t=known: (both(x, f)[: len(t)] - t) / SIGMA,
            start[0],
            jac="3-point",
        )
        errors = np.sqrt(np.diag(np.linalg.inv(found.jac.T @ found.jac)))
        np.testing.assert_allclose(fit.parameters[row], found.x, atol=1e-3 * errors.min())
        np.testing.assert_allclose(fit.standard_errors[row], errors, rtol=1e-3)
    np.testing.assert_array_equal(
        solver().fit(targets[1:], initial=start[1:], conditions=FIELDS[1:]).parameters[0],
        fit.parameters[1],
    )


@pytest.mark.usefixtures("eagerly")
def test_targets_weights_and_sides_of_fewer_fields():
    """Of a joint observation too: targets that need a field which is not there are left out."""
    lines = Joint([Levels(lowest=2), Transitions([(2, 1)])])
    seen = SpectralSolver(SWEEP, observation=lines, sigma=SIGMA, sides="=")
    fields = np.array([[0.5, 0.9]])
    levels = levels_at(TRUTH, fields[0])
    short = np.append(levels[:, :2], levels[:, 2] - levels[:, 1])[None] + 0.01 * np.arange(6)
    places = [0, 1, 2, 3, 6, 7]
    full = np.full((1, 9), np.nan)
    full[:, places] = short
    weights, sides = np.array([[1.0, 2, 1, 1, 3, 4]]), np.array([list("====<>")])
    all_weights, all_sides = np.ones((1, 9)), np.full((1, 9), "=")
    all_weights[:, places], all_sides[:, places] = weights, sides
    found = seen.loss([TRUTH], short, weights, sides=sides, conditions=fields)
    expected = seen.loss([TRUTH], full, all_weights, sides=all_sides, conditions=fields)
    np.testing.assert_array_equal(found, expected)
    # The first limit is met; the second value is 0.05 below its limit.
    off = 0.01 * np.arange(6) * weights[0] * [1, 1, 1, 1, 0, 1]
    np.testing.assert_allclose(found, [np.sum(off**2)], rtol=1e-9)
    with pytest.raises(ValueError, match=r"\[rows, 6\], the targets of the 2 conditions, or"):
        seen.loss([TRUTH], short[:, :4], conditions=fields)


@pytest.mark.usefixtures("eagerly")
def test_predictions_at_the_fields_of_the_fit_and_at_others():
    targets, start = np.where(SEEN, data(), np.nan), np.array([[1.2, 1.0]] * 2)
    fit = solver().fit(targets, initial=start, conditions=FIELDS)
    own = fit.predict()
    seen = ~np.isnan(targets)
    np.testing.assert_allclose(
        own.values.numpy()[seen], (targets - fit.residuals.numpy())[seen], rtol=1e-12
    )
    assert np.isnan(own.values.numpy()[1, 2:]).all()
    other = fit.predict(Levels(), conditions=[0.2, 0.4])
    covariance = fit.covariance().covariance.numpy()
    for row in range(2):
        x = fit.parameters.numpy()[row]
        expected = levels_at(x, np.array([0.2, 0.4])).ravel()
        np.testing.assert_allclose(other.values[row, :6], expected, atol=1e-12)
        slopes = np.stack(
            [
                (levels_at(x + h, np.array([0.2, 0.4])) - levels_at(x - h, np.array([0.2, 0.4])))
                / 2e-5
                for h in 1e-5 * np.eye(2)
            ],
            axis=-1,
        ).reshape(6, 2)
        variance = np.einsum("ki,ij,kj->k", slopes, covariance[row], slopes)
        np.testing.assert_allclose(other.standard_errors[row, :6], np.sqrt(variance), rtol=1e-5)
    assert np.isnan(other.values.numpy()[:, 6:]).all()


@pytest.mark.usefixtures("eagerly")
def test_new_parameters_of_a_sweep():
    structure = SWEEP.with_parameters(["log_D"], lambda log_D: {"D": 10.0**log_D})
    assert structure.parameter_names == ("log_D", "g")
    logarithmic = SpectralSolver(structure, observation=Levels())
    targets = np.full((1, 9), np.nan)
    targets[0, :6] = levels_at(TRUTH, np.array([0.3, 0.8])).ravel()
    fit = logarithmic.fit(targets, initial=[[0.0, 1.0]], conditions=[0.3, 0.8])
    assert fit.status.numpy().tolist() == [Status.CONVERGED]
    np.testing.assert_allclose(fit.parameters, [[np.log10(TRUTH[0]), TRUTH[1]]], rtol=1e-8)


@pytest.mark.usefixtures("eagerly")
def test_a_blend_in_a_sweep_names_its_conditions():
    lines = [((0, 1), (0, 0)), Blend([(((1, 2), (1, 0)), 1.0), (((1, 1), (1, 0)), 1.0)])]
    blended = SpectralSolver(SWEEP, observation=Transitions(lines))
    levels = levels_at(TRUTH, np.array([0.3, 0.8]))
    mean = np.mean(levels[1, 1:]) - levels[1, 0]
    fit = blended.fit(
        [[levels[0, 1] - levels[0, 0], mean]], initial=[[1.2, 1.0]], conditions=[0.3, 0.8]
    )
    np.testing.assert_allclose(fit.parameters, [TRUTH], rtol=1e-7)


@pytest.mark.usefixtures("eagerly")
def test_lines_and_blends_by_name_at_every_condition():
    """Levels have the names that the first term gives them, at each condition."""
    named = Affine(None, [SZ @ SZ], ["D"], level_names=["low", "mid", "high"])
    sweep = Sweep([named, *TERMS[1:]], limit=3, conditions=["B"])
    assert sweep.with_fixed({"g": 1.0}).level_names == ("low", "mid", "high")
    lines = [("mid", "low"), Blend([(("high", "low"), 3.0), (("high", "mid"), 1.0)])]
    blended = SpectralSolver(sweep, observation=Transitions(lines))
    names = ["{0}:mid - {0}:low", "{0}:high - {0}:low & {0}:high - {0}:mid"]
    assert blended.target_names == tuple(name.format(k) for k in range(3) for name in names)
    fields = np.array([0.3, 0.8])
    low, mid, high = levels_at(TRUTH, fields).T
    targets = np.stack([mid - low, 0.75 * (high - low) + 0.25 * (high - mid)], axis=1)
    fit = blended.fit(targets.reshape(1, 4), conditions=fields)  # from a cold start
    np.testing.assert_allclose(
        blended.loss(fit.parameters, targets.reshape(1, 4), conditions=fields), 0, atol=1e-18
    )
    again = levels_at(fit.parameters.numpy()[0], fields)
    np.testing.assert_allclose(again[:, 1] - again[:, 0], mid - low, rtol=1e-8)
    last = fit.summary().splitlines()[-1]
    assert last.startswith("high - low at 0.8 & high - mid at 0.8  ")
    for choice in (Levels(indices=["low", "high"]), Levels(indices=[0, 2])):
        some = SpectralSolver(sweep, observation=choice)
        assert some.target_names == ("0:low", "0:high", "1:low", "1:high", "2:low", "2:high")
    one = SpectralSolver(sweep, observation=Transitions([((1, "mid"), (0, "low"))]))
    assert one.target_names == ("1:mid - 0:low",)
    with pytest.raises(ValueError, match="all be level numbers or names"):
        SpectralSolver(sweep, observation=Transitions([("mid", "low"), ((1, 0), (0, 0))]))
