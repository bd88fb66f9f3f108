"""Block-diagonal matrices against the same matrix written in one piece."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from eigenfit.solver import (
    Additive,
    Affine,
    BlockDiagonal,
    Family,
    Generalized,
    Multiplicative,
    Parameterization,
    SpectralSolver,
    Status,
    Symmetric,
)
from eigenfit.solver.parameterizations.weighted_levels import WeightedLevels
from tests.problems.given_matrices import random_hermitian

from ..helpers import as_numpy, assert_same, finite_differences, take, tape_jacobian

FIRST = random_hermitian(3, 2, seed=21)
SECOND = random_hermitian(3, 4, seed=22)
THIRD = random_hermitian(3, 2, seed=23, complex_entries=True)
X = np.array([0.5, -0.3, 0.8])


def affine(matrices: np.ndarray, *names: str) -> Affine:
    return Affine(matrices[0], matrices[1:], parameter_names=names)


def blocks(complex_entries: bool = False) -> BlockDiagonal:
    third = THIRD if complex_entries else np.real(THIRD)
    return BlockDiagonal(
        [affine(FIRST, "a", "b"), affine(SECOND, "b", "c"), affine(third, "a", "c")], shared=True
    )


def whole(complex_entries: bool = False) -> Affine:
    """The same matrix in one piece, `[8, 8]`."""
    third = THIRD if complex_entries else np.real(THIRD)
    matrices = np.zeros((4, 8, 8), third.dtype)
    for block, first, places in ((FIRST, 0, (0, 1)), (SECOND, 2, (1, 2)), (third, 6, (0, 2))):
        span = slice(first, first + block.shape[-1])
        matrices[0, span, span] = block[0]
        for matrix, place in zip(block[1:], places, strict=True):
            matrices[1 + place, span, span] = matrix
    return Affine(matrices[0], matrices[1:], parameter_names=["a", "b", "c"])


def levels_of(matrix: Affine, x: np.ndarray) -> np.ndarray:
    return np.linalg.eigvalsh(matrix.constant + np.tensordot(x, matrix.basis, 1))


@functools.cache
def solvers() -> tuple[SpectralSolver, SpectralSolver]:
    return SpectralSolver(blocks(), starts=2), SpectralSolver(whole(), starts=1)


@functools.cache
def data() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Targets with residual left and one missing level, weights, starts."""
    generator = np.random.default_rng(24)
    x = X + 0.2 * generator.normal(size=(40, 3))
    targets = np.stack([levels_of(whole(), row) for row in x])
    targets += 0.02 * generator.normal(size=targets.shape)
    targets[::3, 4] = np.nan
    return targets, generator.uniform(0.5, 2.0, size=targets.shape), x


@pytest.mark.parametrize("complex_entries", [False, True])
def test_levels_matrix_and_derivatives(complex_entries: bool):
    """With a complex block beside a real one of the same size."""
    split, one = blocks(complex_entries), whole(complex_entries)
    rows = tf.constant(np.stack([X, X + 0.1]))
    np.testing.assert_allclose(split.matrix(rows), one.matrix(rows), atol=1e-14)
    values, vectors, _ = split.eigensystem(rows)
    np.testing.assert_allclose(values, [levels_of(one, X), levels_of(one, X + 0.1)], atol=1e-13)
    np.testing.assert_allclose(split.spectrum(rows), values, atol=1e-13)
    slopes = split.level_jacobian(rows, vectors)
    expected = finite_differences(lambda x: levels_of(one, x), X)
    np.testing.assert_allclose(slopes[0], expected, atol=1e-9)
    g = np.random.default_rng(25).normal(size=(2, 8))
    found = split.level_curvature(rows, vectors, WeightedLevels(values, tf.constant(g)))

    def slope(x: np.ndarray) -> np.ndarray:
        return finite_differences(lambda y: levels_of(one, y) @ g[0], x, step=1e-3)

    np.testing.assert_allclose(found[0], finite_differences(slope, X, step=1e-3), atol=1e-5)


def test_derivatives_where_levels_of_two_blocks_cross():
    """Levels ascend on both sides of a crossing, and the derivatives go with them."""
    crossing = BlockDiagonal([Affine(None, [[[1.0]]], ["a"]), Affine(None, [[[1.0]]], ["b"])])
    rows = tf.constant([[1.0, 2.0], [2.0, 1.0]], tf.float64)
    values, vectors, _ = crossing.eigensystem(rows)
    np.testing.assert_array_equal(values, [[1.0, 2.0], [1.0, 2.0]])
    slopes = crossing.level_jacobian(rows, vectors)
    np.testing.assert_array_equal(slopes, [np.eye(2), np.eye(2)[::-1]])


@pytest.mark.usefixtures("eagerly")
def test_a_tape_through_the_spectrum():
    solver, one = solvers()[0], whole()
    np.testing.assert_allclose(
        tape_jacobian(solver.spectrum, X),
        finite_differences(lambda x: levels_of(one, x), X),
        atol=1e-9,
    )


@pytest.mark.usefixtures("eagerly")
def test_the_fit_is_that_of_the_matrix_in_one_piece():
    targets, weights, start = data()
    one, other = (
        as_numpy(solver.fit(targets, start, weights, tolerance=1e-14)) for solver in solvers()
    )
    np.testing.assert_array_equal(one.status, other.status)
    assert set(one.status) == {Status.STATIONARY}
    np.testing.assert_allclose(one.parameters, other.parameters, atol=1e-8)
    np.testing.assert_allclose(one.loss, other.loss, rtol=1e-9)
    np.testing.assert_allclose(one.standard_errors, other.standard_errors, rtol=1e-6)


@pytest.mark.usefixtures("eagerly")
def test_the_gradient_is_that_of_the_matrix_in_one_piece():
    targets, weights, start = (tf.constant(array[:4]) for array in data())
    found = []
    for solver in solvers():
        with tf.GradientTape() as tape:
            tape.watch([targets, weights])
            fit = solver.fit(targets, start, weights, tolerance=1e-14)
            total = tf.reduce_sum(fit.parameters * [1.0, 2.0, 3.0]) + tf.reduce_sum(fit.loss)
        found.append(tape.gradient(total, [targets, weights]))
    for one, other in zip(*found, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-6, atol=1e-8)


def test_rows_are_independent_in_a_cold_search():
    targets = data()[0]
    solver = solvers()[0]
    together = as_numpy(solver.fit(targets, np.full((40, 3), np.nan)))
    for row in (0, 1, 39):
        alone = as_numpy(solver.fit(targets[[row]], np.full((1, 3), np.nan)))
        assert_same(alone, take(together, [row]))


@pytest.mark.parametrize(
    "make",
    [
        lambda inner: BlockDiagonal([inner, Symmetric(2)]),
        lambda inner: Family([inner, Symmetric(2)]),
        lambda inner: inner.with_fixed({"b": 0.3}),
        lambda inner: 2.0 * inner,
        lambda inner: inner + Additive(np.zeros((8, 8))),
        lambda inner: Generalized(inner, np.eye(8) + 0.1),
    ],
    ids=["in blocks", "in a family", "fixed", "multiple", "sum", "generalized"],
)
def test_a_block_diagonal_matrix_as_a_part_of_another(make: Any):
    """The levels and their slopes are those that the matrix in one piece gives as the part."""
    split: Parameterization = make(blocks())
    one: Parameterization = make(whole())
    x = tf.constant(np.random.default_rng(27).uniform(0.5, 1.0, (1, one.num_parameters)))
    values, vectors, _ = split.eigensystem(x)
    expected, columns, _ = one.eigensystem(x)
    np.testing.assert_allclose(values, expected, atol=1e-12)
    slopes = split.level_jacobian(x, vectors)
    np.testing.assert_allclose(slopes, one.level_jacobian(x, columns), atol=1e-10)


def test_a_block_that_is_not_finite_leaves_no_level():
    """`spectrum` promises NaN in a row whose matrix is not finite: in the whole row."""
    solver = solvers()[0]
    single = BlockDiagonal([Multiplicative([[1.0]]), Affine(None, [np.diag([1.0, 2.0])], ["b"])])
    levels = SpectralSolver(single).spectrum([[-1.0, 1.0], [3.0, 1.0]]).numpy()
    np.testing.assert_allclose(levels[1], [1.0, 2.0, 3.0])
    assert np.isnan(levels[0]).all()
    assert solver.spectrum(np.zeros((0, 3))).shape == (0, 8)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: BlockDiagonal([]), "BlockDiagonal: blocks must be a list"),
        (lambda: BlockDiagonal([None]), r"BlockDiagonal: blocks\[0\] must be"),  # pyright: ignore[reportArgumentType]  # wrong on purpose
        (
            lambda: BlockDiagonal([Symmetric(2), Symmetric(2)]),
            r"parameter names \['a00', 'a10', 'a11'\] stand in several blocks; .* shared=True",
        ),
        (
            lambda: BlockDiagonal([Family([Symmetric(2), Symmetric(3)])]),
            "is a family itself; give its members",
        ),
    ],
)
def test_wrong_arguments_are_one_clear_error(make: Any, message: str):
    with pytest.raises(ValueError, match=message):
        make()
