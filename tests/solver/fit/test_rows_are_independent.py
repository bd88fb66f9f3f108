"""A row's answer is a function of the row: not of its batch, its place, the pool or the call."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from eigenfit.solver import (
    Adam,
    Affine,
    FitResult,
    Hermitian,
    LevenbergMarquardt,
    Nonlinear,
    Parameterization,
    SpectralSolver,
    Toeplitz,
)
from tests.problems.given_matrices import random_hermitian

from ..helpers import as_numpy, assert_rows_of_structure_are_independent, assert_same, take

ROWS = 500


def one_matrix(x: tf.Tensor) -> tf.Tensor:
    """Most of a batch and its end go through other code of tf.exp, tf.sin and the like."""
    off = tf.exp(-x[1]) * tf.sin(3.0 * x[0])
    return tf.stack([tf.stack([x[0], off]), tf.stack([off, -x[1]])])


DENSE = random_hermitian(8, 5, seed=5, complex_entries=True)
KINDS: dict[str, Callable[[], Parameterization]] = {
    "toeplitz": lambda: Toeplitz(6),
    "hermitian": lambda: Hermitian(3),
    "more_parameters_than_levels": lambda: Affine(DENSE[0], DENSE[1:]),
    # In single precision, in which Grappler rewrites divisions.
    "function_of_one_matrix": lambda: Nonlinear(one_matrix, n=2, p=2),
}
# A diagonal matrix, the default start, is the answer at once: it begins elsewhere.
FREE = "hermitian"
each_kind = pytest.mark.parametrize("kind", KINDS)


@functools.cache
def solver_of(kind: str) -> SpectralSolver:
    # With some damping from the start on: without it a free matrix is fitted in one step.
    single = kind == "function_of_one_matrix"
    dtype = tf.float32 if single else tf.float64
    return SpectralSolver(KINDS[kind](), LevenbergMarquardt(1e-3), starts=4, dtype=dtype)


@functools.cache
def rows_of(kind: str) -> tuple[np.ndarray, np.ndarray]:
    """Targets, every fifth row without one of its levels, and starts, NaN for the default."""
    generator = np.random.default_rng(6)
    parameterization = solver_of(kind).parameterization
    shape = (ROWS, parameterization.num_parameters)
    targets = np.sort(generator.normal(size=(ROWS, parameterization.size)), axis=1)
    initial = generator.normal(size=shape) if kind == FREE else np.full(shape, np.nan)
    targets[::5, 1] = np.nan
    return targets, initial


def fit_rows(kind: str, rows: Any, solver: SpectralSolver | None = None) -> FitResult:
    targets, initial = (array[rows] for array in rows_of(kind))
    solver = solver or solver_of(kind)
    if np.isnan(initial).all():
        return as_numpy(solver.fit(targets))
    return as_numpy(solver.fit(targets, initial=initial))


@functools.cache
def full_fit(kind: str) -> FitResult:
    return fit_rows(kind, slice(None))


@each_kind
def test_the_batch_is_worth_comparing(kind: str):
    """Rows take different numbers of steps, so that the pool changes all the time."""
    fit = full_fit(kind)
    assert len(np.unique(fit.steps)) >= 3
    assert np.isfinite(fit.parameters).all()


@each_kind
@pytest.mark.parametrize("row", [0, 3, 250, 499])
def test_alone(kind: str, row: int):
    alone = fit_rows(kind, [row])
    assert_same(alone, take(full_fit(kind), [row]))


@each_kind
@pytest.mark.parametrize("size", [2, 3, 7, 64, 333])
def test_in_smaller_batches(kind: str, size: int):
    rows = np.arange(100, 100 + size)
    assert_same(fit_rows(kind, rows), take(full_fit(kind), rows))


@each_kind
def test_at_another_place(kind: str):
    """And in another call."""
    order = np.random.default_rng(7).permutation(ROWS)
    assert_same(fit_rows(kind, order), take(full_fit(kind), order))


@each_kind
def test_copies_of_a_row_get_the_same_answer(kind: str):
    """TensorFlow Serving pads batches with copies."""
    rows = [10] * 50
    assert_same(fit_rows(kind, rows), take(full_fit(kind), rows))


def test_rows_of_a_function_of_one_matrix():
    """In double precision; in single precision it is fitted here."""
    x = np.random.default_rng(9).normal(size=(37, 2))
    assert_rows_of_structure_are_independent(Nonlinear(one_matrix, n=2, p=2), x)


@pytest.mark.parametrize(
    ("kind", "pool", "count"),
    [
        ("toeplitz", {"compaction": False}, 60),
        ("more_parameters_than_levels", {"pool_rows": 1}, 20),
    ],
)
def test_through_other_pools(kind: str, pool: dict, count: int):
    """Rows pass through a pool of another size, beside other rows, for other numbers of turns."""
    rows = np.arange(count)
    solver = SpectralSolver(KINDS[kind](), LevenbergMarquardt(1e-3), starts=4, **pool)
    assert_same(fit_rows(kind, rows, solver), take(full_fit(kind), rows))


def test_rows_that_wait_hundreds_of_turns_for_another_are_untouched():
    """Fifteen rows match at once and stay in the pool while one row uses all its steps."""
    solver = SpectralSolver(
        Toeplitz(6), Adam(), compaction=False, starts=1, max_steps=200, dtype=tf.float32
    )
    generator = np.random.default_rng(6)
    slow_targets = np.sort(generator.normal(size=(300, 6)), axis=1)[175]
    slow_start = generator.normal(size=(300, 6))[175]
    first_row = np.array([3, -1, 0.5, -0.25, 0.125, 0.1])
    levels = np.linalg.eigvalsh(first_row[np.abs(np.subtract.outer(range(6), range(6)))])
    slow = np.arange(16) == 7
    together = solver.fit(
        np.where(slow[:, None], slow_targets, levels),
        initial=np.where(slow[:, None], slow_start, first_row),
        tolerance=np.where(slow, 0.0, 1e-4),
    )
    assert together.steps[7] == 200
    quick = solver.fit([levels] * 2, initial=[first_row] * 2, tolerance=1e-4)
    alone = solver.fit([slow_targets] * 2, initial=[slow_start] * 2, tolerance=0.0)
    assert_same(take(together, ~slow), take(quick, [0] * 15))
    assert_same(take(together, slow), take(alone, [0]))


@each_kind
def test_neutral_arguments_mean_the_defaults(kind: str):
    """NaN and 0, which a served signature needs for "default", mean the same as no argument."""
    rows = slice(0, 100)
    targets, initial = (array[rows] for array in rows_of(kind))
    fit = solver_of(kind).fit(
        targets,
        initial=initial,
        weights=np.full(targets.shape, np.nan),
        tolerance=np.full(100, np.nan),
        max_steps=np.zeros(100, int),
    )
    assert_same(as_numpy(fit), take(full_fit(kind), rows))
