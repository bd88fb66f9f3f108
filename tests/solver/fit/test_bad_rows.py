"""Rows that cannot be fitted get their status; the good rows beside them do not notice."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from eigenfit.solver import Cause, FitResult, Nonlinear, SpectralSolver, Status, Toeplitz

from ..helpers import as_numpy, assert_same, take

NAN, INF = np.nan, np.inf
FLOATS = ("parameters", "eigenvalues", "residuals", "loss", "gradient_norm", "standard_errors")

# What is wrong with the row: arguments of `fit` that replace those of a good row.
INVALID: dict[str, dict[str, Any]] = {
    "no level observed": {"targets": [NAN] * 4},
    "infinite level": {"targets": [1.0, 2.0, 3.0, INF]},
    "infinite level below": {"targets": [-INF, 2.0, 3.0, 4.0]},
    "too large level": {"targets": [1.0, 2.0, 3.0, 1e300]},
    "negative weight": {"weights": [1.0, -1.0, 1.0, 1.0]},
    "negative weight of a level that was not observed": {
        "targets": [1.0, NAN, 3.0, 4.0],
        "weights": [1.0, -1.0, 1.0, 1.0],
    },
    "infinite weight": {"weights": [1.0, INF, 1.0, 1.0]},
    "all weights zero": {"weights": [0.0] * 4},
    "only levels that were not observed have a weight": {
        "targets": [1.0, NAN, NAN, NAN],
        "weights": [0.0, 1.0, 1.0, 1.0],
    },
    "too small levels": {"targets": [0.0, 0.0, 1e-200, 2e-200]},
    "too small weights": {"weights": [1e-200] * 4},
    "too small weights of the levels that were observed": {
        "targets": [1.0, NAN, 3.0, 4.0],
        "weights": [1e-200, 1.0, 1e-200, 1e-200],
    },
    "infinite start": {"initial": [1.0, INF, 0.0, 0.0]},
    "too large start": {"initial": [1.0, 1e300, 0.0, 0.0]},
    "negative tolerance": {"tolerance": -1e-9},
    "infinite tolerance": {"tolerance": INF},
    "negative number of steps": {"max_steps": -1},
}

# Why, in the same order.
CAUSES = dict(
    zip(
        INVALID,
        [
            Cause.NO_LEVEL,
            Cause.TARGET,
            Cause.TARGET,
            Cause.TARGET,
            Cause.WEIGHT,
            Cause.WEIGHT,
            Cause.WEIGHT,
            Cause.NO_LEVEL,
            Cause.NO_LEVEL,
            Cause.TARGET,
            Cause.WEIGHT,
            Cause.WEIGHT,
            Cause.START,
            Cause.START,
            Cause.TOLERANCE,
            Cause.TOLERANCE,
            Cause.STEP_LIMIT,
        ],
        strict=True,
    )
)

# The same of bounds and priors of a row.
KNOWN: dict[str, tuple[dict[str, Any], Cause]] = {
    "bounds exchanged": ({"bounds": ([1.0] * 4, [0.0] * 4)}, Cause.BOUNDS),
    "nothing finite between": ({"bounds": ([INF] * 4, [INF] * 4)}, Cause.BOUNDS),
    "no lower value is finite": ({"bounds": ([-INF] * 4, [-INF] * 4)}, Cause.BOUNDS),
    "sigma of zero": ({"priors": ([0.0] * 4, [1.0, 0.0, 1.0, 1.0])}, Cause.PRIOR),
    "negative sigma": ({"priors": ([0.0] * 4, [1.0, 1.0, 1.0, -1.0])}, Cause.PRIOR),
    "too small sigma": ({"priors": ([0.0] * 4, [1e-200] * 4)}, Cause.PRIOR),
    "infinite mean": ({"priors": ([0.0, 0.0, INF, 0.0], [1.0] * 4)}, Cause.PRIOR),
}


@functools.cache
def solver() -> SpectralSolver:
    return SpectralSolver(Toeplitz(4), starts=3)


def arguments(rows: list[dict[str, Any]]) -> dict[str, np.ndarray]:
    """The arguments of `fit` for these rows; what a row does not name is neutral."""
    neutral = {
        "targets": [1.0, 2.0, 4.0, 7.0],
        "initial": [NAN] * 4,
        "weights": [1.0] * 4,
        "tolerance": NAN,
        "max_steps": 0,
    }
    return {name: np.array([row.get(name, neutral[name]) for row in rows]) for name in neutral}


def fit(rows: list[dict[str, Any]]) -> FitResult:
    return as_numpy(solver().fit(**arguments(rows)))


@functools.cache
def good_rows() -> list[dict[str, Any]]:
    """Several kinds of good rows: found and given starts, gaps, weights, no way to match."""
    generator = np.random.default_rng(3)
    rows: list[dict[str, Any]] = []
    for index, levels in enumerate(np.sort(generator.normal(size=(40, 4)), axis=1)):
        row: dict[str, Any] = {"targets": levels}
        if index % 3 == 1:
            row["initial"] = generator.normal(size=4)
        if index % 4 == 1:
            row["targets"] = np.where([False, False, True, False], NAN, levels)
        if index % 5 == 1:
            row["weights"] = [1.0, 3.0, 0.5, 0.0]
        rows.append(row)
    return rows


def test_good_rows_are_untouched_by_every_bad_row_among_them():
    unordered = {"targets": [4.0, 1.0, 3.0, 2.0]}
    mixed: list[dict[str, Any]] = []
    bad = [*INVALID.values(), unordered]
    for index, row in enumerate(good_rows()):
        mixed += [bad[index % len(bad)], row]
    together, alone = fit(mixed), fit(good_rows())
    assert (alone.status > 0).all()
    assert_same(take(together, slice(1, None, 2)), alone)


@pytest.mark.parametrize("what", INVALID)
def test_bad_row_is_invalid(what: str):
    result = fit([INVALID[what], {}])
    assert result.status[0] == Status.INVALID_INPUT
    assert result.cause.tolist() == [CAUSES[what], 0]
    assert result.steps[0] == 0
    assert result.status[1] == Status.CONVERGED
    for name in FLOATS:
        assert np.isnan(getattr(result, name)[0]).all(), name


@pytest.mark.usefixtures("eagerly")
def test_bad_knowledge_is_invalid():
    """Beside a row with neither bounds nor priors."""
    neutral = {"bounds": ([-INF] * 4, [INF] * 4), "priors": ([0.0] * 4, [INF] * 4)}
    rows: list[dict[str, Any]] = [neutral, *({**neutral, **given} for given, _ in KNOWN.values())]
    arguments = {name: tuple(np.swapaxes([row[name] for row in rows], 0, 1)) for name in neutral}
    result = as_numpy(solver().fit([[1.0, 2.0, 4.0, 7.0]] * len(rows), **arguments))
    invalid = [Status.INVALID_INPUT] * len(KNOWN)
    assert result.status.tolist() == [Status.CONVERGED, *invalid]
    assert result.cause.tolist() == [0, *(cause for _, cause in KNOWN.values())]


def test_every_cause_has_a_message_of_its_own_that_the_summary_shows():
    messages = [cause.message for cause in Cause]
    assert len(set(messages)) == len(messages)
    assert {*CAUSES.values(), *(cause for _, cause in KNOWN.values())} == set(list(Cause)[1:9])
    result = solver().fit(**arguments([INVALID["infinite start"], INVALID["negative weight"]]))
    for row, cause in enumerate((Cause.START, Cause.WEIGHT)):
        assert result.summary(row).splitlines() == [
            f"INVALID_INPUT: {Status.INVALID_INPUT.message}",
            f"cause: {cause.message}",
        ]


def test_the_largest_of_several_causes():
    both = {**INVALID["negative tolerance"], **INVALID["infinite weight"]}
    every = {**both, **INVALID["infinite level"], **INVALID["negative number of steps"]}
    assert fit([both, every]).cause.tolist() == [Cause.WEIGHT, Cause.TARGET]


@pytest.mark.parametrize("what", INVALID)
def test_bad_row_alone(what: str, request: pytest.FixtureRequest):
    if "initial" in INVALID[what]:  # without a NaN, which has a graph of its own
        request.getfixturevalue("eagerly")
    assert fit([INVALID[what]]).status.tolist() == [Status.INVALID_INPUT]


@pytest.mark.usefixtures("eagerly")
def test_too_large_for_the_dtype_is_a_status_and_not_a_warning():
    """Warnings are errors in these tests: NumPy warns when 1e300 is cast to float32."""
    single = SpectralSolver(Toeplitz(3), starts=2, dtype=tf.float32)
    fit = single.fit([[1.0, 2.0, 1e300], [1.0, 2.0, 4.0]])
    assert fit.status.numpy().tolist() == [Status.INVALID_INPUT, Status.CONVERGED]


def root(x: tf.Tensor) -> tf.Tensor:
    """NaN for negative x0, infinite derivative at 0, infinite for x1 = 0."""
    a, b = tf.sqrt(x[:, 0]), 1.0 / x[:, 1]
    return tf.stack([tf.stack([a, b], -1), tf.stack([b, -a], -1)], -2)


@pytest.mark.usefixtures("eagerly")
def test_starts_where_the_matrix_is_not_finite():
    nonlinear = SpectralSolver(Nonlinear(root, n=2, p=2))
    starts = [[-1.0, 2.0], [4.0, 1.0], [4.0, 0.0], [0.0, 1.0], [1e100, 1e-90]]
    bad = np.array([True, False, True, True, False])
    fit = as_numpy(nonlinear.fit([[-2.0, 2.0]] * 5, initial=starts))
    assert (fit.status[bad] == Status.NON_FINITE).all()
    assert fit.status[1] == Status.CONVERGED
    for name in FLOATS:
        assert np.isnan(getattr(fit, name)[bad]).all(), name
    alone = as_numpy(nonlinear.fit([[-2.0, 2.0]] * 2, initial=[starts[1], starts[4]]))
    assert_same(take(fit, ~bad), alone)


def narrow(x: tf.Tensor) -> tf.Tensor:
    """diag(x0, x1, x0 + x1) where x points in a sector of 3 degrees, and NaN elsewhere."""
    angle = tf.atan2(x[:, 1], x[:, 0])
    allowed = tf.abs(angle - 2.6) < 0.026
    valid = tf.where(allowed, tf.ones_like(angle), tf.constant(NAN, angle.dtype))
    return tf.linalg.diag(tf.stack([x[:, 0], x[:, 1], x[:, 0] + x[:, 1]], -1) * valid[:, None])


def test_search_goes_on_where_many_starts_are_not_finite():
    """Of the first 512 proposals eight lie in the sector, none of the first 48."""
    x = np.array([np.cos(2.6), np.sin(2.6)])
    levels = np.sort([*x, x.sum()])
    nonlinear = SpectralSolver(Nonlinear(narrow, n=3, p=2))
    table = nonlinear.parameterization.starting_points(
        tf.constant(np.tile(levels, (512, 1))), tf.range(512), 512
    )
    usable = np.all(np.isfinite(nonlinear.matrix(table)), axis=(1, 2))
    assert usable.any()
    assert not usable[:48].any()
    fit = nonlinear.fit([levels])
    assert fit.status.numpy().tolist() == [Status.CONVERGED]


def test_products_that_overflow_are_not_finite():
    fit = solver().fit([[1e100, 2e100, 3e100, 4e100]], weights=[[1e100] * 4])
    assert fit.status.numpy().tolist() == [Status.NON_FINITE]
    assert np.isnan(fit.parameters).all()
