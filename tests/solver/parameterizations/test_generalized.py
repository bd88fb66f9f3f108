"""`K u = lambda M u` against `scipy.linalg.eigh(K, M)`."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import pytest
import scipy.linalg
import scipy.optimize
import tensorflow as tf

from eigenfit.solver import (
    Additive,
    Affine,
    BlockDiagonal,
    Cause,
    Family,
    Generalized,
    Multiplicative,
    Parameterization,
    SpectralSolver,
    Status,
    Symmetric,
    Transitions,
)
from eigenfit.solver.parameterizations.weighted_levels import WeightedLevels
from tests.problems.given_matrices import random_hermitian

from ..helpers import as_numpy, assert_same, finite_differences, take, tape_hessian, tape_jacobian

N = 4
K = {kind: random_hermitian(3, N, seed=31, complex_entries=kind == "complex") for kind in ("real",)}
K["complex"] = random_hermitian(3, N, seed=32, complex_entries=True)
M = {
    "real": random_hermitian(2, N, seed=33),
    "complex": random_hermitian(2, N, seed=34, complex_entries=True),
}
X = np.array([0.4, -0.6, 0.3, 0.2])
KINDS = [(k, m) for k in ("real", "complex") for m in ("real", "complex")]
each_kind = pytest.mark.parametrize(("k", "m"), KINDS)


def both_sides(k: str, m: str) -> Generalized:
    return Generalized(
        Affine(K[k][0], K[k][1:], ["k1", "k2"]), Affine(5.0 * np.eye(N), M[m], ["m1", "m2"])
    )


def by_hand(k: str, m: str, x: np.ndarray) -> np.ndarray:
    stiffness = K[k][0] + np.tensordot(x[:2], K[k][1:], 1)
    mass = 5.0 * np.eye(N) + np.tensordot(x[2:], M[m], 1)
    dtype = np.result_type(stiffness, mass)
    return scipy.linalg.eigh(stiffness.astype(dtype), mass.astype(dtype), eigvals_only=True)


@each_kind
def test_levels_and_derivatives(k: str, m: str):
    model = both_sides(k, m)
    rows = tf.constant(np.stack([X, X + 0.1]))
    values, vectors, finite = model.eigensystem(rows)
    assert finite.numpy().all()
    np.testing.assert_allclose(values, [by_hand(k, m, X), by_hand(k, m, X + 0.1)], atol=1e-12)
    matrix = model.matrix(rows).numpy()
    np.testing.assert_array_equal(matrix, matrix.swapaxes(1, 2).conj())
    slopes = model.level_jacobian(rows, vectors)
    expected = finite_differences(lambda x: by_hand(k, m, x), X)
    np.testing.assert_allclose(slopes[0], expected, atol=1e-9)
    g = np.random.default_rng(35).normal(size=(2, N))
    found = model.level_curvature(rows, vectors, WeightedLevels(values, tf.constant(g)))

    def slope(x: np.ndarray) -> np.ndarray:
        return finite_differences(lambda y: by_hand(k, m, y) @ g[0], x, step=1e-3)

    np.testing.assert_allclose(found[0], finite_differences(slope, X, step=1e-3), atol=1e-6)


@pytest.mark.parametrize("side", ["stiffness", "mass"])
def test_one_side_given(side: str):
    mass = 5.0 * np.eye(N) + M["complex"][0]
    if side == "stiffness":
        model = Generalized(K["real"][0], Affine(mass, M["real"], ["m1", "m2"]))
    else:
        model = Generalized(Affine(K["real"][0], K["real"][1:], ["k1", "k2"]), mass)
    x = X[:2]

    def levels(x: np.ndarray) -> np.ndarray:
        left, right = K["real"][0], mass
        if side == "stiffness":
            right = mass + np.tensordot(x, M["real"], 1)
        else:
            left = left + np.tensordot(x, K["real"][1:], 1)
        return scipy.linalg.eigh(left.astype(complex), right, eigvals_only=True)

    row = tf.constant(x[None])
    values, vectors, _ = model.eigensystem(row)
    np.testing.assert_allclose(values[0], levels(x), atol=1e-12)
    slopes = model.level_jacobian(row, vectors)
    np.testing.assert_allclose(slopes[0], finite_differences(levels, x), atol=1e-9)
    # With a given mass the matrix is affine: one set of derivatives for all rows.
    assert model.derivatives(tf.constant(np.stack([x, x]))).shape[0] == (
        2 if side == "stiffness" else 1
    )
    g = np.random.default_rng(36).normal(size=N)
    found = model.level_curvature(row, vectors, WeightedLevels(values, tf.constant(g[None])))

    def slope(x: np.ndarray) -> np.ndarray:
        return finite_differences(lambda y: levels(y) @ g, x)

    np.testing.assert_allclose(found[0], finite_differences(slope, x), atol=1e-6)


def test_tapes_through_the_compiled_spectrum_and_loss():
    solver = SpectralSolver(both_sides("complex", "real"))

    def levels(x: np.ndarray) -> np.ndarray:
        return by_hand("complex", "real", x)

    np.testing.assert_allclose(
        tape_jacobian(solver.spectrum, X), finite_differences(levels, X), atol=1e-9
    )
    targets = np.array([[-1.0, np.nan, 0.2, 1.0]])

    def loss(x: np.ndarray) -> np.ndarray:
        return np.nansum((targets[0] - levels(x)) ** 2)

    found = tape_hessian(lambda y: solver.loss(y, targets.repeat(4, 0)), X)
    expected = finite_differences(lambda x: finite_differences(loss, x, 1e-3), X, 1e-3)
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_a_sum_with_another_matrix_has_the_slopes_of_the_sum():
    """Then the eigenvectors are no longer those of the generalized problem."""
    model = both_sides("real", "real") + Additive(np.diag([1.0, 2.0, 3.0, 4.0]))
    x = np.append(X, [0.5, -0.5, 0.9, 0.1])

    def levels(x: np.ndarray) -> np.ndarray:
        stiffness = K["real"][0] + np.tensordot(x[:2], K["real"][1:], 1)
        mass = 5.0 * np.eye(N) + np.tensordot(x[2:4], M["real"], 1)
        inverse = np.linalg.inv(np.linalg.cholesky(mass))
        return np.linalg.eigvalsh(inverse @ stiffness @ inverse.T + np.diag(x[4:] + range(1, 5)))

    row = tf.constant(x[None])
    values, vectors, _ = model.eigensystem(row)
    np.testing.assert_allclose(values[0], levels(x), atol=1e-12)
    slopes = model.level_jacobian(row, vectors)
    np.testing.assert_allclose(slopes[0], finite_differences(levels, x), atol=1e-8)


def masses(size: int) -> Affine:
    return Affine(None, np.eye(size)[:, :, None] * np.eye(size)[:, None, :], _names(size))


def _names(size: int) -> list[str]:
    return [f"m{place}" for place in range(size)]


STRING = np.array([[2.0, -1.0, 0.0], [-1.0, 2.0, -1.0], [0.0, -1.0, 2.0]])


@functools.cache
def string() -> SpectralSolver:
    """A beaded string: given stiffness, a mass for each bead."""
    return SpectralSolver(Generalized(STRING, masses(3)), starts=16)


def cold(rows: int) -> np.ndarray:
    """Starts that the solver is to choose."""
    return np.full((rows, 3), np.nan)


def string_levels(m: np.ndarray) -> np.ndarray:
    return np.stack([scipy.linalg.eigh(STRING, np.diag(row), eigvals_only=True) for row in m])


def test_masses_are_inverse_factors_of_the_multiplicative_problem():
    x = np.array([[0.5, 1.5, 2.5], [1.0, 1.0, 1.0]])
    other = Multiplicative(STRING)
    np.testing.assert_allclose(string().spectrum(x), other.spectrum(tf.constant(1 / x)), atol=1e-12)


def test_a_cold_search_finds_masses_and_rows_are_independent():
    m = np.random.default_rng(36).uniform(0.7, 1.4, size=(12, 3))
    targets = string_levels(m)
    fit = as_numpy(string().fit(targets, cold(12)))
    assert fit.status.tolist() == [Status.CONVERGED] * 12
    np.testing.assert_allclose(string_levels(fit.parameters), targets, atol=1e-8)
    for row in (0, 7, 11):
        assert_same(as_numpy(string().fit(targets[[row]], cold(1))), take(fit, [row]))
    assert string().fit(targets[:0], cold(0)).parameters.shape == (0, 3)


def test_a_row_without_positive_mass_harms_no_other():
    m = np.array([[1.0, 2.0, 1.5], [-1.0, 1.0, 1.0], [0.0, 1.0, 1.0], [np.nan, 1.0, 1.0]])
    levels = string().spectrum(m).numpy()
    assert np.isnan(levels[1:]).all()
    np.testing.assert_array_equal(levels[0], string().spectrum(m[:1])[0])
    targets = np.tile(string_levels(np.array([[0.9, 2.1, 1.4]])), (3, 1))
    start = m[:3]
    together = as_numpy(string().fit(targets, start))
    assert together.status.tolist() == [
        Status.CONVERGED,
        Status.NON_FINITE,
        Status.NON_FINITE,
    ]
    assert together.cause.tolist() == [Cause.NONE, Cause.NO_MATRIX, Cause.NO_MATRIX]
    assert np.isnan(together.parameters[1:]).all()
    assert_same(as_numpy(string().fit(targets[:1], start[:1])), take(together, [0]))


def test_a_complex_row_without_positive_mass_has_no_matrix():
    """TensorFlow's factorization of complex matrices fails without NaN."""
    stiffness = random_hermitian(1, 3, 5, complex_entries=True)[0]
    model = Generalized(stiffness, masses(3))
    rows = tf.constant([[1.0, 2.0, 1.5], [1.0, -1.0, 1.0], [-2.0, -1.0, -3.0]], tf.float64)
    assert model.eigensystem(rows)[2].numpy().tolist() == [True, False, False]
    levels = model.spectrum(rows).numpy()
    assert np.isnan(levels[1:]).all()
    root = np.diag(rows[0].numpy() ** -0.5)
    np.testing.assert_allclose(levels[0], np.linalg.eigvalsh(root @ stiffness @ root), atol=1e-13)


def test_a_step_out_of_positive_masses_is_taken_back():
    targets = string_levels(np.array([[100.0, 100.0, 90.0]]))
    fit = string().fit(targets, [[0.02, 0.03, 0.01]])
    assert (fit.parameters.numpy() > 0).all()
    assert fit.status.numpy()[0] > 0


def test_gradients_of_the_spectrum_of_good_rows_beside_bad_ones():
    rows = tf.constant([[1.0, 2.0, 1.5], [-1.0, 1.0, 1.0], [0.5, 0.7, 0.9]], tf.float64)
    with tf.GradientTape() as tape:
        tape.watch(rows)
        total = tf.reduce_sum(string().spectrum(rows)[::2])
    found = tape.gradient(total, rows).numpy()
    for row in (0, 2):
        slopes = finite_differences(lambda x: string_levels(x[None])[0], rows[row].numpy())
        np.testing.assert_allclose(found[row], slopes.sum(axis=0), rtol=1e-8)


def test_float32():
    model = both_sides("complex", "real")
    row = tf.constant(X[None], tf.float32)
    values, vectors, _ = model.eigensystem(row)
    assert values.dtype == tf.float32
    np.testing.assert_allclose(values[0], by_hand("complex", "real", X), atol=1e-5)
    slopes = model.level_jacobian(row, vectors)
    assert slopes.dtype == tf.float32
    expected = finite_differences(lambda x: by_hand("complex", "real", x), X)
    np.testing.assert_allclose(slopes[0], expected, atol=1e-5)


def test_masses_of_very_different_size():
    """A given mass over twelve orders of magnitude: starts and levels do not care."""
    scale = np.array([1e-6, 1.0, 1e6])
    root = np.sqrt(scale)
    stiffness = np.stack([STRING, np.diag([1.0, 0.0, 1.0])]) * np.outer(root, root)
    model = Generalized(Affine(None, stiffness, ["k", "wall"]), np.diag(scale))
    levels = np.linalg.eigvalsh(STRING + 0.5 * np.diag([1.0, 0.0, 1.0]))
    start = model.starting_points(tf.constant(levels[None]), tf.constant([0]), 2)
    assert np.isfinite(start).all()
    np.testing.assert_allclose(
        model.spectrum(tf.constant([[1.0, 0.5]], tf.float64))[0], levels, rtol=1e-9
    )


FREE = np.array([[1.0, -1.0, 0.0], [-1.0, 2.0, -1.0], [0.0, -1.0, 1.0]])


def test_masses_of_a_free_chain():
    """Its stiffness is semi-definite: the chain as a whole moves at level 0."""
    m = np.random.default_rng(37).uniform(0.5, 2.0, size=(6, 3))
    targets = np.stack([scipy.linalg.eigh(FREE, np.diag(row), eigvals_only=True) for row in m])
    targets[:, 0] = 0.0
    targets[4] = [0.0, 1.0, 3.0]  # equal masses
    targets[5, 0] = 0.02  # measured with an error, which no mass can follow
    solver = SpectralSolver(Generalized(FREE, masses(3)), starts=8)
    fit = as_numpy(solver.fit(targets))
    assert fit.status.tolist() == [Status.CONVERGED] * 5 + [Status.STATIONARY]
    assert fit.cause[:5].tolist() == [0] * 5
    assert (fit.parameters > 0).all()
    for row, found in enumerate(fit.parameters):
        levels = scipy.linalg.eigh(FREE, np.diag(found), eigvals_only=True)
        np.testing.assert_allclose(levels, [0.0, *targets[row, 1:]], atol=1e-8)
    np.testing.assert_allclose(fit.loss[5], 0.02**2, rtol=1e-9)
    assert_same(as_numpy(solver.fit(targets[[2]])), take(fit, [2]))


def test_levels_that_no_masses_give_have_a_cause():
    good = string_levels(np.array([[0.9, 1.1, 1.3]]))[0]
    targets = np.array([[-0.001, 2.0, 3.4], [-3.0, -2.0, -1.0], [0.0, 2.0, 3.4], good])
    fit = as_numpy(string().fit(targets, cold(4)))
    assert fit.status.tolist() == [Status.NON_FINITE] * 3 + [Status.CONVERGED]
    assert fit.cause.tolist() == [Cause.SIGN] * 3 + [Cause.NONE]
    assert np.isnan(fit.parameters[:3]).all()
    for row in (0, 3):
        assert_same(as_numpy(string().fit(targets[[row]], cold(1))), take(fit, [row]))
    # With few steps nothing is known of the end, but much of the target.
    short = string().fit(targets[:1], [[1.0, 1.0, 1.0]], max_steps=2)
    assert (short.status.numpy()[0], short.cause.numpy()[0]) == (Status.MAX_STEPS, Cause.SIGN)


def test_negative_distances_of_levels_have_a_cause():
    solver = SpectralSolver(
        Generalized(STRING, masses(3)),
        observation=Transitions([(1, 0), (2, 0)]),
        initial=[1.0, 1.1, 1.2],
        max_steps=40,
    )
    fit = as_numpy(solver.fit([[-1.0, 2.0], [1.0, 2.0]]))
    assert fit.status[0] in (Status.STALLED, Status.MAX_STEPS)
    assert fit.status[1] == Status.CONVERGED
    assert fit.cause.tolist() == [Cause.SIGN, Cause.NONE]


def test_within_bounds_a_target_of_the_wrong_sign_is_one_like_any_other():
    targets, start = [[-0.001, 2.0, 3.4]], [[1.0, 1.0, 1.0]]
    fit = as_numpy(string().fit(targets, start, bounds=(0.1, 5.0)))
    expected = scipy.optimize.least_squares(
        lambda m: string_levels(m[None])[0] - targets[0], start[0], bounds=(0.1, 5.0), xtol=1e-15
    )
    assert (fit.status[0], fit.cause[0]) == (Status.STATIONARY, Cause.NONE)
    np.testing.assert_allclose(fit.loss[0], 2.0 * expected.cost, rtol=1e-6)


def test_one_mass_for_all_fits_a_target_of_the_wrong_sign():
    """Then the other level holds it; (a t1 + b t2) / (a^2 + b^2) is the inverse mass."""
    soft = Generalized(np.diag([1e-9, 1.0]), Affine(None, [np.eye(2)], ["m"]))
    solver = SpectralSolver(soft, initial=[1.0])
    fit = as_numpy(solver.fit([[-1e-10, 3.0], [0.0, 3.0]]))
    assert (fit.status > 0).all()
    np.testing.assert_allclose(fit.parameters, 1 / 3, rtol=1e-9)


def test_signs_of_levels_are_those_of_the_given_matrix():
    generator = np.random.default_rng(38)
    indefinite = random_hermitian(1, 5, seed=39, complex_entries=True)[0]
    indefinite -= np.linalg.eigvalsh(indefinite)[2] * np.eye(5)  # the third level is 0
    springs = 10.0 ** np.array([0.0, 6.0, -6.0])
    stiff = np.diag([springs[0], springs[:2].sum(), springs[1:].sum(), springs[2]])
    stiff -= np.diag(springs, 1) + np.diag(springs, -1)  # a free chain of very different springs
    for given, signs in (
        (indefinite, [-1, -1, 0, 1, 1]),
        (FREE, [0, 1, 1]),
        (STRING, [1, 1, 1]),
        (-STRING, [-1, -1, -1]),
        (np.diag([1e-20, 1.0, 1e20]), [1, 1, 1]),
        (stiff, [0, 1, 1, 1]),
        (np.zeros((2, 2)), [0, 0]),
    ):
        size = len(given)
        assert Generalized(given, masses(size)).level_signs.tolist() == signs
        assert Multiplicative(given).level_signs.tolist() == signs
        if np.abs(given).max() > 1e6:
            continue  # LAPACK does not scale
        for m in generator.uniform(0.5, 2.0, size=(5, size)):
            levels = scipy.linalg.eigh(given, np.diag(m), eigvals_only=True)
            assert np.sign(levels.round(9)).tolist() == signs
    chain = Generalized(FREE, masses(3))
    assert (-2.0 * chain).level_signs.tolist() == [-1, -1, 0]
    assert chain.with_fixed({"m0": 1.0}).level_signs.tolist() == [0, 1, 1]
    assert Generalized(Multiplicative(FREE, list("abc")), masses(3)).level_signs.tolist() == [
        0,
        1,
        1,
    ]
    other = Multiplicative(-STRING)
    assert Family([chain, other]).level_signs.tolist() == [0, 1, 1, -1, -1, -1]
    assert BlockDiagonal([chain, other], shared=True).level_signs.tolist() == [-1, -1, -1, 0, 1, 1]
    undecided = Symmetric(2)
    assert np.isnan(undecided.level_signs).all()
    assert np.isnan((chain + Additive(STRING)).level_signs).all()
    assert np.isnan(BlockDiagonal([undecided, other]).level_signs).all()


@pytest.mark.parametrize(
    "given", [FREE, np.array([[0.0, 1.0, 0.0], [1.0, 0.0, 2.0], [0.0, 2.0, 1.0]])]
)
def test_starts_for_a_stiffness_that_is_not_definite(given: np.ndarray):
    """Masses are positive, different from each other, and in the unit of stiffness by level."""
    levels = tf.constant([[0.0, 1.0, 3.0], [-2.0, 0.1, 3.0]], tf.float64)
    for structure, power in ((Generalized(given, masses(3)), -1), (Multiplicative(given), 1)):
        starts = [
            structure.starting_points(factor * levels, tf.constant([1, 2]), 8).numpy()
            for factor in (1.0, 1e-9)
        ]
        assert (starts[0] > 0.01).all()
        assert (starts[0] < 100).all()
        assert np.ptp(starts[0], axis=1).min() > 1e-3
        np.testing.assert_allclose(starts[1], 1e-9**power * starts[0], rtol=1e-9)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Generalized(np.eye(2), np.eye(2)), "stiffness or mass must be a Parameteriz"),
        (lambda: Generalized(Symmetric(2), np.eye(3)), "stiffness and mass must have one size"),
        (lambda: Generalized(Symmetric(2), Symmetric(2)), "stand on both sides; pass parameter_"),
        (lambda: Generalized(Symmetric(2), np.diag([1.0, 0.0])), "mass must be positive definite"),
        (lambda: Generalized(Symmetric(2), -np.eye(2)), "lowest eigenvalue is -1"),
        (lambda: Generalized(Symmetric(3), FREE), "not above 0 by more than rounding"),
        (lambda: Generalized(Symmetric(2), [[1.0, 2.0], [0.0, 1.0]]), "mass must be symmetric"),
        (lambda: Generalized(np.eye(2) * np.nan, Symmetric(2)), "stiffness must be finite"),
        (
            lambda: Generalized(Family([Symmetric(1), Affine(None, [[[1.0]]], ["b"])]), np.eye(2)),
            "stiffness must be one matrix, got a family",
        ),
    ],
)
def test_wrong_arguments_are_one_clear_error(make: Any, message: str):
    with pytest.raises(ValueError, match=message):
        make()


def test_names_are_those_of_the_stiffness_first():
    model: Parameterization = both_sides("real", "real")
    assert model.parameter_names == ("k1", "k2", "m1", "m2")


def test_a_row_without_definite_mass_passes_no_gradient_on():
    masses = Affine(None, [np.diag([1.0, 0.0]), np.diag([0.0, 1.0])])
    springs = SpectralSolver(Generalized([[2.0, -1.0], [-1.0, 2.0]], masses))
    parameters = tf.constant([[1.0, 2.0], [-1.0, 2.0]], tf.float64)
    with tf.GradientTape() as tape:
        tape.watch(parameters)
        total = tf.reduce_sum(springs.spectrum(parameters)[0])
    gradient = tape.gradient(total, parameters).numpy()
    assert (gradient[1] == 0).all()
    # The trace of M^-1 K: minus the stiffness by the squared mass.
    np.testing.assert_allclose(gradient[0], [-2.0, -0.5], rtol=1e-12)
