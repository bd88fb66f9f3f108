"""Conditions as an argument of every method, with a qubit whose levels are known in closed form."""

from __future__ import annotations

import functools
import pickle
import re
from typing import Any

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

from eigenfit.solver import (
    Affine,
    Cause,
    SpectralSolver,
    Status,
    Sweep,
    Symmetric,
    Transitions,
)

from ..helpers import as_numpy, assert_same, take

eagerly = pytest.mark.usefixtures("eagerly")

LIMIT = 4
SX, SZ = np.array([[0.0, 1.0], [1.0, 0.0]]), np.diag([1.0, -1.0])
KNOWN = np.array([[1.0, 0.5], [0.7, 0.4], [1.3, 0.9]])  # gap, moment
BIAS = np.array([[0.2, 1.0, 2.0, 3.5], [0.5, 2.0, np.nan, np.nan], [-1.0, 0.3, 4.0, np.nan]])
NOISE = 0.05 * np.array([1, -1, 0, 2, -1, 1, 1, 0])


def qubit(limit: int = LIMIT) -> Sweep:
    """`gap sigma_x + moment bias sigma_z`."""
    gap = Affine(None, [SX], parameter_names=["gap"])
    moment = Affine(None, [SZ], parameter_names=["moment"])
    return Sweep([gap, moment], limit=limit, conditions=["bias"])


def by_hand(x: Any, bias: Any) -> np.ndarray:
    """The levels, `[B, 2 K]`."""
    x = np.asarray(x)
    upper = np.hypot(x[:, :1], x[:, 1:] * bias)
    return np.stack([-upper, upper], axis=2).reshape(len(x), -1)


@functools.cache
def solver() -> SpectralSolver:
    return SpectralSolver(qubit(), starts=1)


@functools.cache
def single() -> SpectralSolver:
    return SpectralSolver(qubit(), dtype=tf.float32, initial=[1.0, 0.5])


def test_one_number_for_each_condition_needs_no_axis():
    expected = by_hand(KNOWN, BIAS)
    levels = solver().spectrum(KNOWN, BIAS)
    np.testing.assert_allclose(levels, expected, atol=1e-14)
    np.testing.assert_array_equal(solver().spectrum(KNOWN, BIAS[:, :, None]), levels)
    shared = solver().spectrum(KNOWN, BIAS[0])
    np.testing.assert_allclose(shared, by_hand(KNOWN, BIAS[:1]), atol=1e-14)
    got = solver().spectrum(KNOWN, list(BIAS[0, :2])).numpy()
    np.testing.assert_allclose(got[:, :4], by_hand(KNOWN, BIAS[:1, :2]), atol=1e-14)
    assert np.isnan(got[:, 4:]).all()
    by_name = solver().spectrum({"gap": KNOWN[:, 0], "moment": KNOWN[:, 1]}, conditions=BIAS)
    np.testing.assert_array_equal(by_name, levels)


@eagerly
def test_faults_of_conditions_are_those_of_their_row():
    bias = np.tile(BIAS[:1], (5, 1))
    bias[1, 2] = np.inf
    bias[2, 3] = bias[3, 3] = np.nan  # the target of row 2 is left out by its weight
    bias[4] = np.nan
    x = np.tile(KNOWN[:1], (5, 1))
    targets = by_hand(x, BIAS[:1])
    weights = np.ones((5, 8))
    weights[2, 6:] = 0.0
    fit = solver().fit(targets, initial=x, weights=weights, conditions=bias)
    expected = [Status.CONVERGED, Status.INVALID_INPUT] * 2 + [Status.INVALID_INPUT]
    np.testing.assert_array_equal(fit.status, expected)
    bad = [1, 3, 4]
    np.testing.assert_array_equal(fit.cause.numpy()[bad], [Cause.CONDITION] * 3)
    assert "a condition is infinite" in fit.summary(1)
    loss = solver().loss(x, targets, weights, conditions=bias).numpy()
    np.testing.assert_array_equal(np.isnan(loss), np.isin(range(5), bad))
    errors = solver().covariance(x, weights, targets, conditions=bias).standard_errors.numpy()
    np.testing.assert_array_equal(np.isnan(errors).all(axis=1), np.isin(range(5), bad))
    # Weights without targets: nothing can be observed where there is no condition.
    planned = solver().covariance(x[:3], 1.0, conditions=bias[:3]).standard_errors.numpy()
    fewer = solver().covariance(x[:1], 1.0, conditions=bias[:1, :3]).standard_errors
    assert np.isnan(planned[1]).all()
    np.testing.assert_allclose(planned[2], fewer[0], rtol=1e-12)
    levels = solver().spectrum(x, bias).numpy()
    assert np.isnan(levels[[1, 4]]).all()
    assert np.isnan(levels[2]).sum() == 2
    assigned = solver().assignment(x, targets, conditions=bias).numpy()
    np.testing.assert_array_equal(assigned[3], [0, 1, 2, 3, 4, 5, -1, -1])


def magnet() -> Sweep:
    """A spin in a field in the plane, `gap sigma_x + moment (Bx sigma_x + Bz sigma_z)`."""
    terms: list[Any] = [SX]
    terms += [Affine(None, [matrix], parameter_names=["moment"]) for matrix in (SX, SZ)]
    return Sweep(terms, limit=LIMIT, conditions=["Bx", "Bz"])


@eagerly
def test_conditions_by_name():
    """Each number `[B, K']`, `[K']` or one, in any order; also a data frame, for all rows."""
    expected = solver().spectrum(KNOWN, BIAS)
    for given in (BIAS, BIAS.tolist(), tf.constant(BIAS), np.ma.masked_invalid(BIAS)):
        np.testing.assert_array_equal(solver().spectrum(KNOWN, {"bias": given}), expected)
    shared = solver().spectrum(KNOWN, {"bias": [0.2, 1.0]})
    np.testing.assert_array_equal(shared, solver().spectrum(KNOWN, [0.2, 1.0]))
    one = solver().spectrum(KNOWN, {"bias": 0.2})
    np.testing.assert_array_equal(one, solver().spectrum(KNOWN, [0.2]))
    column = solver().spectrum(KNOWN, {"bias": [[0.2], [0.3], [0.4]]})
    np.testing.assert_array_equal(column, solver().spectrum(KNOWN, [[0.2], [0.3], [0.4]]))

    spin = SpectralSolver(magnet())
    x = [[0.5], [0.4], [0.9]]
    across, along = np.array([0.1, 0.2, 0.3, 0.4]), BIAS
    both = np.stack([np.where(np.isnan(along), np.nan, across), along], axis=2)
    expected = spin.spectrum(x, both)
    upper = np.hypot(1 + np.array(x) * across, np.array(x) * along)
    np.testing.assert_allclose(expected[:, 1::2], upper, atol=1e-14)
    # What is given once for all rows is not there where a row has fewer conditions.
    np.testing.assert_array_equal(spin.spectrum(x, {"Bz": along, "Bx": across}), expected)
    still = np.stack([np.where(np.isnan(along), np.nan, 0.0), along], axis=2)
    expected = spin.spectrum(x, still)
    np.testing.assert_array_equal(spin.spectrum(x, {"Bz": along, "Bx": 0}), expected)
    frame = pd.DataFrame({"Bz": along[0], "Bx": across})
    expected = spin.spectrum(x, np.stack([across, along[0]], axis=1))
    np.testing.assert_array_equal(spin.spectrum(x, frame), expected)
    field = pd.Series({"Bz": 2.0, "Bx": 0.1})
    np.testing.assert_array_equal(spin.spectrum(x, field), spin.spectrum(x, [[0.1, 2.0]]))


@eagerly
def test_a_condition_by_name_that_lacks_a_number_is_the_fault_of_its_row():
    spin = SpectralSolver(magnet())
    across, along = [[0.1, 0.2], [0.1, 0.2]], [[1.0, 2.0], [1.0, np.nan]]
    levels = spin.spectrum([[0.5], [0.5]], {"Bx": across, "Bz": along}).numpy()
    np.testing.assert_array_equal(np.isnan(levels[:, 0]), [False, True])


@eagerly
def test_every_method_takes_conditions_by_name():
    named, targets = {"bias": BIAS}, by_hand(KNOWN, BIAS) + NOISE
    calls = {
        "fit": lambda at: solver().fit(targets, KNOWN, conditions=at).parameters,
        "trace": lambda at: solver().trace(targets, KNOWN, conditions=at).parameters,
        "covariance": lambda at: solver().covariance(KNOWN, 1.0, conditions=at).covariance,
        "predict": lambda at: solver().predict(KNOWN, targets, conditions=at).values,
        "assignment": lambda at: solver().assignment(KNOWN, targets, conditions=at),
        "matrix": lambda at: solver().matrix(KNOWN, at),
        "loss": lambda at: solver().loss(KNOWN, targets, conditions=at),
        "of a fit": lambda at: solver().fit(targets, KNOWN, conditions=BIAS).predict(None, at)[0],
    }
    for name, call in calls.items():
        np.testing.assert_array_equal(call(named), call(BIAS), err_msg=name)
    fewer = solver().fit(targets[:, :4], KNOWN, conditions={"bias": BIAS[0, :2]})
    same = solver().fit(targets[:, :4], KNOWN, conditions=BIAS[0, :2])
    np.testing.assert_array_equal(fewer.parameters, same.parameters)


@eagerly
def test_the_levels_differentiate_by_a_condition_that_has_a_name():
    spin = SpectralSolver(magnet())
    along = tf.constant(BIAS)
    with tf.GradientTape() as tape:
        tape.watch(along)
        levels = spin.spectrum([[0.5]] * 3, {"Bx": 0, "Bz": along})
        upper = tf.reduce_sum(tf.boolean_mask(levels, tf.math.is_finite(levels))[1::2])
    slopes = tape.gradient(upper, along).numpy()
    expected = np.nan_to_num(0.25 * BIAS / np.hypot(1.0, 0.5 * BIAS))
    np.testing.assert_allclose(slopes, expected, atol=1e-12)


OUTPUTS = ("parameters", "eigenvalues", "residuals", "loss")


@eagerly
def test_the_answer_differentiates_by_the_conditions(rng):
    """Against finite differences of the fit, with noise, so that the residual stays."""
    targets = by_hand(KNOWN, BIAS) + NOISE
    shares = {name: rng.normal(size=(1, 8)) for name in OUTPUTS}

    def mixed(conditions: Any) -> tf.Tensor:
        spectra = len(conditions) // 3
        fit = solver().fit(
            np.tile(targets, (spectra, 1)), np.tile(KNOWN, (spectra, 1)), conditions=conditions
        )
        np.testing.assert_array_equal(fit.status, [Status.STATIONARY] * 3 * spectra)
        total = shares["loss"][0, 0] * fit.loss
        for name in OUTPUTS[:3]:
            field = getattr(fit, name)
            field = tf.where(tf.math.is_nan(field), tf.zeros_like(field), field)
            total += tf.reduce_sum(field * shares[name][:, : field.shape[1]], axis=1)
        return total

    step = 1e-3
    moves = step * np.array([1.0, 2.0, -1.0, -2.0])[:, None, None] * np.eye(LIMIT)
    every = np.concatenate([BIAS[None], BIAS + moves.reshape(-1, 1, LIMIT)])
    watched = tf.constant(BIAS)
    with tf.GradientTape() as outer:
        outer.watch(watched)
        with tf.GradientTape() as tape:
            tape.watch(watched)
            value = mixed(watched)
        slope = tape.gradient(value, watched)
    values = mixed(every.reshape(-1, LIMIT)).numpy().reshape(-1, 3)
    np.testing.assert_array_equal(values[0], value)
    once, twice, back, far_back = values[1:].reshape(4, LIMIT, 3)
    expected = (8 * (once - back) - (twice - far_back)) / (12 * step)
    np.testing.assert_allclose(slope, expected.T, rtol=1e-6, atol=1e-9)
    assert (slope.numpy()[np.isnan(BIAS)] == 0).all()
    # Second derivatives are not provided.
    second = outer.gradient(slope, watched).numpy()
    np.testing.assert_array_equal(np.isnan(second), ~np.isnan(BIAS))


@eagerly
def test_spectrum_and_loss_differentiate_by_the_conditions():
    targets = by_hand(KNOWN, BIAS) + NOISE
    watched = tf.constant(BIAS)
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(watched)
        upper = solver().spectrum(KNOWN, watched)[:, 1]
        loss = solver().loss(KNOWN, targets, conditions=watched)
    first = tape.gradient(upper, watched)
    expected = KNOWN[:, 1] ** 2 * BIAS[:, 0] / np.hypot(KNOWN[:, 0], KNOWN[:, 1] * BIAS[:, 0])
    np.testing.assert_allclose(first[:, 0], expected, rtol=1e-12)
    assert (first[:, 1:].numpy() == 0).all()
    slopes = KNOWN[:, 1:] ** 2 * BIAS / np.hypot(KNOWN[:, :1], KNOWN[:, 1:] * BIAS)
    pairs = NOISE.reshape(4, 2)
    expected = -2 * slopes * (pairs[:, 1] - pairs[:, 0])
    np.testing.assert_allclose(tape.gradient(loss, watched), np.nan_to_num(expected), atol=1e-12)


@eagerly
def test_a_row_that_did_not_converge_passes_no_gradient():
    targets = by_hand(KNOWN, BIAS)
    watched = tf.constant(BIAS)
    with tf.GradientTape() as tape:
        tape.watch(watched)
        fit = solver().fit(targets, initial=KNOWN + 0.3, max_steps=1, conditions=watched)
    np.testing.assert_array_equal(fit.status, [Status.MAX_STEPS] * 3)
    assert (tape.gradient(fit.parameters, watched).numpy() == 0).all()


def test_inside_a_graph_of_unknown_shapes():
    @tf.function(input_signature=[tf.TensorSpec(None, tf.float64)] * 3)
    def inside(targets: tf.Tensor, initial: tf.Tensor, conditions: tf.Tensor) -> Any:
        fit = solver().fit(targets, initial=initial, conditions=conditions)
        return fit.parameters, fit.status

    targets = by_hand(KNOWN, BIAS)
    parameters, status = inside(targets, KNOWN * 1.1, BIAS[:, :, None])
    np.testing.assert_array_equal(status, [Status.CONVERGED] * 3)
    np.testing.assert_allclose(parameters, KNOWN, rtol=1e-8)
    with pytest.raises(tf.errors.InvalidArgumentError):
        inside(targets, KNOWN, BIAS[:, :3, None])


@eagerly
def test_several_solutions_bounds_and_priors_at_conditions():
    """The sign of the moment is free: two solutions, of which a bound leaves one."""
    two = SpectralSolver(qubit(), solutions=2, starts=4)
    fit = two.fit(by_hand(KNOWN, BIAS), conditions=BIAS, bounds={"gap": (0.0, None)})
    np.testing.assert_array_equal(fit.status, [[Status.CONVERGED] * 2] * 3)
    moments = np.sort(fit.parameters.numpy()[:, :, 1])
    np.testing.assert_allclose(moments, KNOWN[:, 1:] * [-1, 1], rtol=1e-6)
    assert fit.covariance().covariance.shape == (3, 2, 2, 2)
    assert "1 at 0.2" in fit.summary(0)
    bounds = {"gap": (0.0, None), "moment": (0.0, None)}
    one = two.fit(by_hand(KNOWN, BIAS), conditions=BIAS, bounds=bounds)
    np.testing.assert_array_equal(one.status, [[Status.CONVERGED, Status.NO_OTHER]] * 3)
    np.testing.assert_allclose(one.parameters[:, 0], KNOWN, rtol=1e-6)


def test_single_precision():
    fit = single().fit(by_hand(KNOWN, BIAS), conditions=BIAS)
    np.testing.assert_array_equal(fit.status, [Status.CONVERGED] * 3)
    np.testing.assert_allclose(fit.parameters, KNOWN, rtol=1e-4)
    for row in range(3):
        one = slice(row, row + 1)
        alone = single().fit(by_hand(KNOWN, BIAS)[one], conditions=BIAS[one])
        np.testing.assert_array_equal(alone.parameters[0], fit.parameters[row])


def test_a_copy_gives_the_same_answer():
    copy = pickle.loads(pickle.dumps(solver()))
    np.testing.assert_array_equal(copy.spectrum(KNOWN, BIAS), solver().spectrum(KNOWN, BIAS))


@eagerly
def test_one_condition_is_enough():
    """With a limit of one, a sweep is one matrix whose condition is an argument."""
    line = SpectralSolver(qubit(1), observation=Transitions([(1, 0)]), initial=[1.0, 0.5])
    targets = 2 * np.hypot(KNOWN[:, :1], KNOWN[:, 1:] * BIAS[:, :1])
    priors = {"moment": (0.5, 1e-3)}
    fit = line.fit(targets, conditions=BIAS[:, :1], priors=priors)
    assert (fit.status.numpy() > 0).all()
    gap = np.sqrt(targets[:, 0] ** 2 / 4 - (0.5 * BIAS[:, 0]) ** 2)
    np.testing.assert_allclose(fit.parameters[:, 0], gap, rtol=1e-5)


TARGETS = by_hand(KNOWN, BIAS)
WRONG: dict[str, tuple[Any, str]] = {
    "none given": (
        lambda: solver().fit(TARGETS),
        "Sweep needs the conditions (bias) of each spectrum; pass conditions= of shape "
        "[rows, up to 4], or [up to 4] for all rows",
    ),
    "none given to spectrum": (lambda: solver().spectrum(KNOWN), "Sweep needs the conditions"),
    "none taken": (
        lambda: SpectralSolver(Symmetric(2)).fit([[0.0, 1.0]], conditions=[[1.0]]),
        "the structure of this solver, Symmetric, takes none",
    ),
    "too many": (
        lambda: solver().spectrum(KNOWN, np.ones((3, 5))),
        "got [3, 5, 1]. The limit of the structure can be raised",
    ),
    "too wide": (lambda: solver().spectrum(KNOWN, np.ones((3, 2, 2))), "got [3, 2, 2]."),
    "one number": (lambda: solver().spectrum(KNOWN, 1.0), "got []"),
    "none in a row": (lambda: solver().spectrum(KNOWN, np.ones((3, 0))), "got [3, 0, 1]"),
    "text": (lambda: solver().spectrum(KNOWN, "B"), "conditions must hold real numbers"),
    "other rows": (
        lambda: solver().spectrum(KNOWN, np.ones((2, 4))),
        "rows has 3, conditions has 2",
    ),
    "another name": (
        lambda: solver().spectrum(KNOWN, {"B": BIAS}),
        "conditions: there is no condition 'B'; the conditions are bias.",
    ),
    "a name too few": (
        lambda: SpectralSolver(magnet()).spectrum([[0.5]], {"Bx": 1.0}),
        "conditions: 'Bz' is missing; give all of Bx, Bz",
    ),
    "lengths by name": (
        lambda: SpectralSolver(magnet()).spectrum([[0.5]], {"Bx": [1.0], "Bz": [1.0, 2.0]}),
        "conditions: Bz has shape [2], and another number of the conditions has [1]; give as many",
    ),
    "rows by name": (
        lambda: solver().spectrum(KNOWN, {"bias": BIAS[:2]}),
        "rows has 3, conditions has 2",
    ),
    "too deep by name": (
        lambda: solver().spectrum(KNOWN, {"bias": BIAS[:, :, None]}),
        "conditions: bias must be [rows, conditions], [conditions] for all rows, or one number for "
        "all conditions, got shape [3, 4, 1]",
    ),
    "too many by name": (
        lambda: solver().spectrum(KNOWN, {"bias": np.ones(5)}),
        "conditions must have shape [rows, up to 4], or [up to 4] for all rows, got [5, 1]. The",
    ),
    "text by name": (
        lambda: solver().spectrum(KNOWN, {"bias": ["a"]}),
        "conditions: bias must hold real numbers",
    ),
    "targets of fewer": (
        lambda: solver().fit(TARGETS[:, :2], conditions=BIAS[:, :2]),
        "targets must have shape [rows, 4], the targets of the 2 conditions, or [rows, 8] with NaN "
        "for the others, got [3, 2]",
    ),
    "weights of fewer": (
        lambda: solver().fit(TARGETS[:, :4], weights=np.ones(3), conditions=BIAS[:, :2]),
        "weights must have shape [rows, 4]",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_arguments_are_one_clear_error(name: str):
    make, message = WRONG[name]
    with pytest.raises(ValueError, match=re.escape(message)):
        make()


def test_equal_tables_give_equal_bits():
    targets = by_hand(KNOWN, BIAS) + NOISE
    full = single().fit(targets, conditions=BIAS)
    short = single().fit(targets[1:2, :4], conditions=BIAS[1:2, :2])
    assert_same(as_numpy(short), take(full, slice(1, 2)))
