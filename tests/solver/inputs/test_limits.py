"""One-sided data: targets that are limits, against SciPy."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from scipy.optimize import least_squares

from eigenfit.export import export_saved_model
from eigenfit.export.signatures import Signature, signatures_of
from eigenfit.solver import Affine, Cause, Levels, SpectralSolver, Status, Transitions
from tests.problems.given_matrices import random_hermitian
from tests.solver.helpers import as_numpy, assert_same, take

N, P, SIGMA = 5, 2, 0.01
A = np.real(random_hermitian(P + 1, N, seed=11))
TRUTH = np.array([0.4, -0.7])
START = np.array([[0.5, -0.6]])
SIGNS = {">": 1.0, "<": -1.0, "=": 0.0}


def levels_of(x: np.ndarray) -> np.ndarray:
    return np.linalg.eigvalsh(A[0] + np.tensordot(x, A[1:], 1))


EXACT = levels_of(TRUTH)
DATA = EXACT + SIGMA * np.random.default_rng(5).normal(size=N)
# Level 4 is only known to be above or below a value; each row with another one.
ROWS = {
    "met, above": (EXACT[4] - 1.0, "===="  ">"),
    "met, below": (EXACT[4] + 1.0, "====" "<"),
    "violated, above": (EXACT[4] + 0.03, "====" ">"),
    "violated, below": (EXACT[4] - 0.03, "====" "<"),
    "a value": (EXACT[4] + 0.03, "====" "="),
}  # fmt: skip
TARGETS = np.array([np.append(DATA[:4], value) for value, _ in ROWS.values()])
SIDES = np.array([list(signs) for _, signs in ROWS.values()])


@functools.cache
def solver() -> SpectralSolver:
    return SpectralSolver(Affine(A[0], A[1:]), starts=1, sigma=SIGMA, sides="=")


@functools.cache
def fitted() -> Any:
    return solver().fit(TARGETS, initial=np.repeat(START, len(ROWS), 0), sides=SIDES)


def reference(targets: np.ndarray, signs: Any):
    side = np.array([SIGNS[sign] for sign in signs])

    def residual(x: np.ndarray) -> np.ndarray:
        off = targets - levels_of(x)
        return np.where((side != 0) & (side * off <= 0), 0.0, off) / SIGMA

    return least_squares(residual, START[0], jac="3-point", xtol=1e-15, ftol=1e-15, gtol=1e-15)


def test_limits_against_scipy():
    fit = as_numpy(fitted())
    assert (fit.status == Status.STATIONARY).all()
    for row in range(len(ROWS)):
        found = reference(TARGETS[row], SIDES[row])
        np.testing.assert_allclose(fit.parameters[row], found.x, atol=1e-3 * SIGMA)
        np.testing.assert_allclose(fit.loss[row], 2 * found.cost, rtol=1e-5)
        data = np.count_nonzero(found.fun)  # a limit that is met is no datum
        assert data == (4 if row < 2 else 5)
        variance = 2 * found.cost / (data - P)
        errors = np.sqrt(np.diag(variance * np.linalg.inv(found.jac.T @ found.jac)))
        np.testing.assert_allclose(fit.standard_errors[row], errors, rtol=1e-3)
        np.testing.assert_allclose(fit.residuals[row], SIGMA * found.fun, atol=1e-4 * SIGMA)


def test_a_met_limit_is_as_if_it_were_not_there():
    without = TARGETS[:2].copy()
    without[:, 4] = np.nan
    plain = solver().fit(without, initial=np.repeat(START, 2, 0), sides="=")
    for name in ("parameters", "standard_errors", "loss", "steps"):
        np.testing.assert_allclose(getattr(fitted(), name)[:2], getattr(plain, name), rtol=1e-9)
    assert (fitted().residuals[:2, 4].numpy() == 0).all()


def test_a_violated_limit_is_as_good_as_a_value():
    value = fitted().parameters[4].numpy()
    np.testing.assert_allclose(fitted().parameters[2], value, rtol=1e-12)
    np.testing.assert_allclose(fitted().standard_errors[2], fitted().standard_errors[4], rtol=1e-12)


def test_limits_by_name_and_default_sides():
    """Missing names, None and NaN are the sides of the solver, here "="."""
    start = np.repeat(START, len(ROWS), 0)
    expected = as_numpy(fitted())
    named = solver().fit(TARGETS, initial=start, sides={"4": SIDES[:, 4]})
    assert_same(as_numpy(named), expected)
    short = solver().fit(TARGETS[:1], initial=START, sides=[None, np.nan, "=", None, ">"])
    assert_same(as_numpy(short), take(fitted(), [0]))
    default = SpectralSolver(Affine(A[0], A[1:]), sigma=SIGMA, sides={"4": ">"})
    np.testing.assert_array_equal(
        default.loss(START, TARGETS[:1]), solver().loss(START, TARGETS[:1], sides=list("====>"))
    )
    with pytest.raises(ValueError, match="there is no target '5'"):
        solver().fit(TARGETS, sides={"5": ">"})


def test_rows_alone_bad_rows_and_no_rows():
    alone = solver().fit(TARGETS[2:3], initial=START, sides=SIDES[2:3])
    assert_same(as_numpy(alone), take(fitted(), [2]))
    numbers = np.vectorize(SIGNS.get)(SIDES).astype(float)
    numbers[1, 0] = 0.5
    numbers[3, 1] = np.nan  # the default of the solver
    bad = solver().fit(TARGETS, initial=np.repeat(START, len(ROWS), 0), sides=numbers)
    assert bad.status.numpy()[1] == Status.INVALID_INPUT
    assert bad.cause.numpy()[1] == Cause.SIDE
    assert_same(take(bad, [0, 2, 3, 4]), take(fitted(), [0, 2, 3, 4]))
    assert solver().fit(TARGETS[:0], initial=START[:0], sides=SIDES[:0]).status.shape == (0,)


def test_derivatives_covariance_and_loss():
    targets = tf.constant(TARGETS[:3])
    start = np.repeat(START, 3, 0)
    with tf.GradientTape() as tape:
        tape.watch(targets)
        fit = solver().fit(targets, initial=start, sides=SIDES[:3])
        total = tf.reduce_sum(fit.parameters[:, 0])
    slope = tape.gradient(total, targets).numpy()
    assert (slope[:2, 4] == 0).all()
    for column in (0, 4):
        change = 1e-4 * np.eye(N)[column]
        up, down = (
            solver()
            .fit(TARGETS[:3] + sign * change, initial=start, sides=SIDES[:3])
            .parameters[:, 0]
            .numpy()
            for sign in (1, -1)
        )
        np.testing.assert_allclose(slope[:, column], (up - down) / 2e-4, rtol=1e-4, atol=1e-7)
    found = fitted().covariance()
    np.testing.assert_allclose(found.standard_errors, fitted().standard_errors, rtol=1e-6)
    again = solver().loss(fitted().parameters, TARGETS, sides=SIDES)
    np.testing.assert_allclose(again, fitted().loss, rtol=1e-12)


def test_a_limit_keeps_its_level_when_targets_are_sorted():
    """Levels 0, 1, 3, 4 in any order, level 2 below a value that is larger than that of level 3."""
    targets = np.array([DATA[4], DATA[0], EXACT[3] + 5.0, DATA[1], DATA[3]])
    fit = solver().fit(targets[None], initial=START, sides=["=", "=", "<", "=", "="])
    without = [[DATA[0], DATA[1], np.nan, DATA[3], DATA[4]]]
    plain = solver().fit(without, initial=START, sides="=")
    np.testing.assert_allclose(fit.parameters, plain.parameters, rtol=1e-12)
    assert fit.residuals.numpy()[0, 2] == 0
    found = solver().assignment(fit.parameters, targets[None], sides=[0, 0, -1.0, 0, 0])
    assert found.numpy().tolist() == [[4, 0, 2, 1, 3]]
    line = next(line for line in fit.summary(0).splitlines() if "< 2" in line)
    assert line.split()[-1] == "0"


def test_the_sides_of_a_solver_and_its_export(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """With the signature `fit` only: no other has sides."""

    def only_fit(solver: SpectralSolver) -> dict[str, Signature]:
        return {"fit": signatures_of(solver)["fit"]}

    monkeypatch.setattr("eigenfit.export.saved_model.signatures_of", only_fit)
    lines = Transitions([(1, 0), (2, 0), (3, 0), (4, 3)])
    gaps = EXACT[[1, 2, 3, 4]] - EXACT[[0, 0, 0, 3]]
    bounded = SpectralSolver(
        Affine(A[0], A[1:]), observation=lines, starts=1, sigma=SIGMA, sides=["=", "=", "=", "<"]
    )
    targets = np.tile(gaps + SIGMA * np.array([1.0, -1.0, 0.5, 0.0]), (3, 1))
    targets[0, 3] += 0.5
    targets[1, 3] -= 0.05
    start = np.repeat(START, 3, 0)
    fit = bounded.fit(targets, initial=start)
    assert (fit.residuals.numpy()[:2, 3] != 0).tolist() == [False, True]
    directory = export_saved_model(bounded, tmp_path / "limits", measure_latency=False)
    reloaded = tf.saved_model.load(directory).signatures["fit"]
    nan = tf.fill([3, 4], tf.constant(np.nan, tf.float64))
    common = {
        "targets": tf.constant(targets),
        "initial": tf.constant(start),
        "weights": nan,
        "tolerance": nan[:, 0],
        "max_steps": tf.zeros([3], tf.int32),
    }
    answer = reloaded(sides=nan, **common)
    np.testing.assert_allclose(answer["parameters"], fit.parameters, rtol=1e-10)
    np.testing.assert_allclose(answer["standard_errors"], fit.standard_errors, rtol=1e-8)
    values = reloaded(sides=tf.zeros([3, 4], tf.float64), **common)
    assert (values["residuals"].numpy()[:, 3] != 0).all()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: solver().fit(TARGETS, sides=">>"), 'must be ">"'),
        (lambda: solver().fit(TARGETS, sides=[">", "="]), r"\[5\]"),
        (lambda: SpectralSolver(Affine(A[0], A[1:]), sides="above"), "sides must be one of"),
        (lambda: SpectralSolver(Affine(A[0], A[1:]), sides=[2, 0, 0, 0, 0]), "1, -1 or 0"),
        (
            lambda: SpectralSolver(
                Affine(A[0], A[1:]), observation=Levels("mean"), sides=[">", 0, 0, 0, 0]
            ),
            "sides must be one of|known zero",
        ),
        (
            lambda: SpectralSolver(Affine(A[0], A[1:]), observation=Levels("mean"), sides=">"),
            "known zero",
        ),
    ],
)
def test_wrong_sides(make, message: str):
    with pytest.raises(ValueError, match=message):
        make()
