"""Several solutions of a row, against all solutions that SciPy finds from many starts."""

# Wrong types are part of the point here.
# pyright: reportArgumentType=false

from __future__ import annotations

import functools
import inspect
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from scipy.optimize import least_squares, root

from eigenfit.solver import Additive, Affine, FitResult, SpectralSolver, Status
from eigenfit.solver.fit import distinct_minima
from tests.problems.given_matrices import random_hermitian

from ..helpers import as_numpy, assert_same, take

COUPLED = np.array([[0.0, 0.4, 0.1], [0.4, 0.0, 0.3], [0.1, 0.3, 0.0]])
# Six solutions; fewer, for the lower two levels are too close; none.
TARGETS = np.array([[-2.0, 0.5, 4.0], [-0.7, 0.0, 4.0], [0.0, 0.01, 0.02]])
CONSTANT, *_REST = random_hermitian(4, 6, seed=7)
BASIS = np.stack(_REST)
# Six minima, of which four have a small loss.
NOISY = np.linalg.eigvalsh(CONSTANT + np.tensordot([0.9, -0.7, 0.5], BASIS, 1)) + 0.15 * (
    np.random.default_rng(7).normal(size=6)
)
S = 8


def slopes_at(matrix: np.ndarray, basis: np.ndarray) -> np.ndarray:
    _, vectors = np.linalg.eigh(matrix)
    return np.einsum("ak,jab,bk->kj", vectors, basis, vectors)


def scipy_minima(
    constant: np.ndarray, basis: np.ndarray, targets: np.ndarray, starts: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Distinct minima from these starts with their losses, best first."""
    ends: list[tuple[float, np.ndarray]] = []

    def residual(x: np.ndarray) -> np.ndarray:
        return np.linalg.eigvalsh(constant + np.tensordot(x, basis, 1)) - targets

    def slopes(x: np.ndarray) -> np.ndarray:
        return slopes_at(constant + np.tensordot(x, basis, 1), basis)

    for start in starts:
        end = least_squares(residual, start, slopes, xtol=1e-14, ftol=1e-14, gtol=1e-12).x
        # With residual left it stops at 1e-7 or so, on some processors sooner than on others.
        finer = root(lambda x: slopes(x).T @ residual(x), end, tol=1e-13).x
        if np.abs(finer - end).max() < 1e-4:
            end = finer
        flat = np.abs(slopes(end).T @ residual(end)).max() < 1e-9
        if flat and not any(np.abs(end - x).max() < 1e-4 for _, x in ends):
            ends.append((float(residual(end) @ residual(end)), end))
    ends.sort(key=lambda end: end[0])
    return np.array([end[1] for end in ends]), np.array([end[0] for end in ends])


DIAGONALS = np.stack([np.diag(row) for row in np.eye(3)])


@functools.cache
def brute_force(row: int) -> tuple[np.ndarray, np.ndarray]:
    starts = TARGETS[row].mean() + 3 * np.random.default_rng(row).normal(size=(60, 3))
    return scipy_minima(COUPLED, DIAGONALS, TARGETS[row], starts)


@functools.cache
def solver() -> SpectralSolver:
    return SpectralSolver(Additive(COUPLED), solutions=S, starts=48)


def fit(targets: Any, initial: Any = None, bounds: Any = None, max_steps: int = 0) -> FitResult:
    """Always with every argument, so that one graph serves all tests."""
    targets = tf.convert_to_tensor(targets, tf.float64)
    nan = tf.fill([tf.shape(targets)[0], 3], tf.constant(np.nan, tf.float64))
    return solver().fit(
        targets,
        initial=nan if initial is None else initial,
        bounds=(nan, nan) if bounds is None else bounds,
        max_steps=max_steps,
        tolerance=0.0 if max_steps else None,
    )


@functools.cache
def all_rows() -> FitResult:
    return as_numpy(fit(TARGETS))


def in_order(points: np.ndarray) -> np.ndarray:
    return points[np.lexsort(points.round(3).T)]


def test_shapes():
    assert {name: field.shape[1:] for name, field in all_rows()._asdict().items()} == {
        "parameters": (S, 3),
        "eigenvalues": (S, 3),
        "residuals": (S, 3),
        "loss": (S,),
        "gradient_norm": (S,),
        "standard_errors": (S, 3),
        "steps": (S,),
        "status": (S,),
        "cause": (S,),
        "starts": (S,),
        "agreeing": (S,),
    }
    assert all_rows().status.dtype == all_rows().steps.dtype == np.int32


def test_there_is_something_to_find():
    exact = [(brute_force(row)[1] < 1e-16).sum() for row in range(3)]
    assert exact[0] == 6
    assert 0 < exact[1] < 6
    assert exact[2] == 0


@pytest.mark.parametrize("row", [0, 1])
def test_all_solutions_of_a_small_additive_problem(row: int):
    points, losses = brute_force(row)
    expected = points[losses < 1e-16]
    found = take(all_rows(), row)
    matched = found.status == Status.CONVERGED
    assert matched.sum() == len(expected)
    np.testing.assert_allclose(
        in_order(found.parameters[matched]), in_order(expected), rtol=0, atol=1e-6
    )
    np.testing.assert_allclose(
        found.eigenvalues[matched], [TARGETS[row]] * matched.sum(), atol=1e-8
    )


def test_best_first_distinct_and_padded():
    for row in range(3):
        found = take(all_rows(), row)
        there = found.status != Status.NO_OTHER
        count = there.sum()
        # Solutions first, then nothing.
        assert there[:count].all()
        assert np.isin(found.status[:count], [Status.CONVERGED, Status.STATIONARY]).all()
        order = np.where(found.status[:count] == Status.CONVERGED, 0.0, found.loss[:count])
        assert (np.diff(order) >= 0).all()
        for one in range(count):
            for other in range(one):
                difference = found.parameters[one] - found.parameters[other]
                assert np.linalg.norm(difference) > 1e-4 * np.linalg.norm(found.parameters[one])
        for name, field in found._asdict().items():
            empty = field[count:]
            if name == "status":
                assert (empty == Status.NO_OTHER).all()
            elif name in ("steps", "cause", "starts", "agreeing"):
                assert (empty == 0).all()
            else:
                assert np.isnan(empty).all()
    assert (all_rows().status[0] == Status.NO_OTHER).any()


def test_minima_with_residual_left():
    """Row 2 has no solution: the best answer is as good as the best of SciPy."""
    found = take(all_rows(), 2)
    there = found.status != Status.NO_OTHER
    assert there[0]
    assert (found.status[there] == Status.STATIONARY).all()
    # Levels meet there, where SciPy comes near but does not converge.
    starts = 0.3 * np.random.default_rng(2).normal(size=(10, 3))
    losses = [
        2
        * least_squares(lambda x: np.linalg.eigvalsh(COUPLED + np.diag(x)) - TARGETS[2], start).cost
        for start in starts
    ]
    assert found.loss[0] <= min(losses) * (1 + 1e-7)
    assert found.loss[0] >= min(losses) * (1 - 1e-2)


def test_local_minima_of_a_noisy_spectrum():
    search = SpectralSolver(Affine(CONSTANT, BASIS), solutions=6, starts=32)
    found = take(as_numpy(search.fit([NOISY])), 0)
    starts = 3 * np.random.default_rng(4).normal(size=(60, 3))
    points, losses = scipy_minima(CONSTANT, BASIS, NOISY, starts)
    there = found.status == Status.STATIONARY
    ours = found.parameters[there]
    assert (losses < 0.1).sum() == 4
    np.testing.assert_allclose(found.parameters[0], points[0], rtol=0, atol=1e-6)
    for point in points[losses < 0.1]:
        assert np.abs(ours - point).max(axis=1).min() < 1e-6
    assert (np.diff(found.loss[there]) > 0).all()
    for point, loss in zip(ours, found.loss[there], strict=True):
        again, (cost,) = scipy_minima(CONSTANT, BASIS, NOISY, point[None])
        np.testing.assert_allclose(again[0], point, rtol=0, atol=1e-6)
        np.testing.assert_allclose(cost, loss, rtol=1e-9)


def test_alone_and_in_a_batch_bit_by_bit():
    for row in range(3):
        one = slice(row, row + 1)
        assert_same(as_numpy(fit(TARGETS[one])), take(all_rows(), one))


def test_bad_rows_are_one_bad_answer_and_harm_no_other():
    targets = np.concatenate([[[np.inf, 0, 1], [np.nan] * 3], TARGETS])
    found = as_numpy(fit(targets))
    for row in range(2):
        expected = [Status.INVALID_INPUT] + [Status.NO_OTHER] * (S - 1)
        assert found.status[row].tolist() == expected
        assert np.isnan(found.parameters[row]).all()
        assert np.isnan(found.loss[row]).all()
    assert_same(take(found, slice(2, None)), all_rows())


def test_a_given_start_is_the_first_of_several():
    """It leads where it leads, and the others still search."""
    points, losses = brute_force(0)
    wanted = points[losses < 1e-16][3]
    found = as_numpy(fit(TARGETS[:1], initial=[wanted + 0.01]))
    np.testing.assert_allclose(found.parameters[0, 0], wanted, rtol=0, atol=1e-7)
    assert (found.status[0] == Status.CONVERGED).sum() == 6


def test_bounds_leave_some_of_them():
    """First entry at least 3: two of the six orders of the diagonal."""
    low, high = [[3.0, -np.inf, -np.inf]], [[np.inf] * 3]
    found = take(as_numpy(fit(TARGETS[:1], bounds=(low, high))), 0)
    points, losses = brute_force(0)
    expected = points[(losses < 1e-16) & (points[:, 0] >= 3)]
    matched = found.status == Status.CONVERGED
    assert len(expected) == matched.sum() == 2
    np.testing.assert_allclose(
        in_order(found.parameters[matched]), in_order(expected), rtol=0, atol=1e-6
    )
    assert (found.parameters[found.status > 0, 0] >= 3).all()


def test_more_solutions_than_starts():
    few = SpectralSolver(Additive(COUPLED), solutions=4, starts=1)
    nan = np.full((2, 3), np.nan)
    found = as_numpy(few.fit(TARGETS[:2], initial=nan))
    assert found.parameters.shape == (2, 4, 3)
    assert (found.status[:, 0] > 0).all()
    assert (found.status[:, 1:] == Status.NO_OTHER).all()
    from_here = as_numpy(few.fit(TARGETS[:1], initial=[brute_force(0)[0][0]]))
    assert from_here.status[0].tolist() == [Status.CONVERGED] + [Status.NO_OTHER] * 3


def test_without_any_certified_minimum_the_first_place_shows_the_best_start():
    found = take(as_numpy(fit(TARGETS[:1], max_steps=1)), 0)
    assert found.status[0] == Status.MAX_STEPS
    assert np.isfinite(found.parameters[0]).all()
    assert (found.status[1:] == Status.NO_OTHER).all()


def test_gradients_flow_from_every_solution():
    """At an exact solution `dx/dt` is the inverse of the Jacobian there, whichever solution it is.

    Places without a solution pass nothing on.
    """
    targets = tf.constant(TARGETS[:2])
    factors = np.random.default_rng(5).normal(size=(2, S, 3))
    with tf.GradientTape() as tape:
        tape.watch(targets)
        ends = fit(targets)
        known = tf.where(tf.math.is_nan(ends.parameters), 0.0, ends.parameters)
        total = tf.reduce_sum(known * factors)
    found = tape.gradient(total, targets).numpy()
    for row in range(2):
        expected = np.zeros(3)
        for place in np.flatnonzero(ends.status[row].numpy() == Status.CONVERGED):
            jacobian = slopes_at(COUPLED + np.diag(ends.parameters[row, place].numpy()), DIAGONALS)
            expected += np.linalg.solve(jacobian.T, factors[row, place])
        if (ends.status[row].numpy() == Status.STATIONARY).any():
            continue  # those have a share of their own
        np.testing.assert_allclose(found[row], expected, rtol=1e-6)
    assert np.isfinite(found).all()
    assert np.abs(found).max() > 0


def test_zero_rows_and_unknown_rows():
    assert fit(np.zeros((0, 3))).parameters.shape == (0, S, 3)

    @tf.function(input_signature=[tf.TensorSpec([None, 3], tf.float64)], autograph=False)
    def inside(targets: tf.Tensor) -> FitResult:
        return fit(targets)

    found = inside(tf.constant(TARGETS[1:2]))
    assert_same(as_numpy(found), take(all_rows(), slice(1, 2)))


@pytest.mark.parametrize("solutions", [0, -1, 1.5, True, None])
def test_wrong_numbers_have_a_message(solutions: Any):
    with pytest.raises(ValueError, match=r"SpectralSolver: solutions must be an integer of at"):
        SpectralSolver(Additive(COUPLED), solutions=solutions)


@pytest.mark.usefixtures("eagerly")
def test_a_saddle_is_no_solution():
    """The coupling c and -c are minima; 0, where a start may stand, is none."""
    pair = Affine(np.diag([0.0, 1.0]), [np.array([[0.0, 1.0], [1.0, 0.0]])])
    fit = SpectralSolver(pair, solutions=3, initial=[[0.0], [0.1], [-0.1]], starts=3).fit(
        [[-1.0, 2.2]]
    )
    assert fit.status.numpy().tolist() == [[Status.STATIONARY, Status.STATIONARY, Status.NO_OTHER]]
    assert np.abs(fit.parameters.numpy()[0, :2]).min() > 1.0


def test_one_known_start_does_not_end_the_search_for_several_solutions():
    hidden = Additive([[0.0, 1.0, 0.5], [1.0, 0.0, 0.3], [0.5, 0.3, 0.0]])
    fit = SpectralSolver(hidden, solutions=2, initial=[1.0, 2.0, 4.0]).fit([[1.0, 2.0, 4.0]])
    assert fit.status.numpy().tolist() == [[Status.CONVERGED, Status.CONVERGED]]


@pytest.mark.usefixtures("eagerly")
def test_run_operation_by_operation_nothing_is_rewritten(monkeypatch: pytest.MonkeyPatch):
    """AutoGraph took ten times as long as the fit."""
    evaluate, rewritten = distinct_minima.evaluate, []

    def watched(*arguments: Any, **more: Any) -> Any:
        files = [frame.filename for frame in inspect.stack(0)]
        rewritten.append(any("autograph_generated" in file for file in files))
        return evaluate(*arguments, **more)

    monkeypatch.setattr(distinct_minima, "evaluate", watched)
    SpectralSolver(Affine(None, [np.diag([1.0, 2.0])]), solutions=2, starts=2).fit([[1.0, 2.0]])
    assert rewritten
    assert not any(rewritten)
