"""Answers are certified in units of their own error, however the weights differ.

The independent number is what a Gauss-Newton step could still gain, `g^T (J^T J)^-1 g`, by rational
arithmetic from NumPy's levels and vectors at the answer; and the minima that SciPy finds.
"""

from __future__ import annotations

import functools
from fractions import Fraction

import numpy as np
import pytest
import tensorflow as tf
from scipy.optimize import least_squares

from eigenfit.solver import (
    LBFGS,
    Adam,
    Affine,
    Cause,
    Family,
    GaussNewton,
    LevenbergMarquardt,
    LiftAndProjection,
    Method,
    Newton,
    SpectralSolver,
    Status,
    Toeplitz,
    Transitions,
)
from tests.problems.given_matrices import random_hermitian

from ..helpers import as_numpy

eagerly = pytest.mark.usefixtures("eagerly")

# Random weights are fitted by each of them; each special case by two.
METHODS = [LevenbergMarquardt(), Newton(), GaussNewton(), LBFGS()]
CERTIFIED = (Status.CONVERGED, Status.STATIONARY)


def name_of(method: Method) -> str:
    return type(method).__name__


def gain_left(jacobian: np.ndarray, residual: np.ndarray) -> float:
    """`g^T (J^T J)^-1 g` without rounding."""
    rows = [[Fraction(float(x)) for x in row] for row in jacobian]
    right = [Fraction(float(x)) for x in residual]
    count = jacobian.shape[1]
    zero = Fraction(0)
    gradient = [
        sum((r[j] * b for r, b in zip(rows, right, strict=True)), zero) for j in range(count)
    ]
    system = [
        [sum((r[i] * r[j] for r in rows), zero) for j in range(count)] + [gradient[i]]
        for i in range(count)
    ]
    for i in range(count):
        pivot = max(range(i, count), key=lambda k, i=i: abs(system[k][i]))
        system[i], system[pivot] = system[pivot], system[i]
        for k in range(count):
            if k != i:
                share = system[k][i] / system[i][i]
                system[k] = [a - share * b for a, b in zip(system[k], system[i], strict=True)]
    step = [system[i][count] / system[i][i] for i in range(count)]
    return float(sum(a * b for a, b in zip(gradient, step, strict=True)))


def shifts(slopes: tuple[float, ...] = (0.5, -0.5, 1.5)) -> Family:
    """Pairs of levels, V + a J apart."""
    half = np.diag([0.5, -0.5])
    return Family.affine(None, [np.array([half, a * half]) for a in slopes], ["V", "J"])


LINES = np.array([[600000433.501, 600000426.498, 600000440.499]])


@eagerly
@pytest.mark.parametrize("method", METHODS[::2], ids=name_of)
def test_precise_lines_are_fitted_to_their_sigma(method: Method):
    """Three lines known to 0.001 at 6e8, from a start within 1e-10 of them."""
    observation = Transitions([((i, 1), (i, 0)) for i in range(3)])
    solver = SpectralSolver(shifts(), method, observation=observation, absolute_sigma=True)
    weights = np.full((1, 3), 1e3)
    fit = solver.fit(LINES, initial=[[600000430.02, 6.98]], weights=weights)
    design = np.array([[1, 0.5], [1, -0.5], [1, 1.5]])
    offset = LINES[0] - 6e8
    known = np.linalg.lstsq(design, offset, rcond=None)[0]
    assert known == pytest.approx([429.99908, 7.0005], abs=1e-4)
    assert fit.status.numpy().tolist() == [Status.CONVERGED]
    np.testing.assert_allclose(fit.parameters.numpy()[0] - [6e8, 0], known, atol=1e-6)
    loss = 1e6 * np.sum((offset - design @ known) ** 2)
    assert fit.loss.numpy()[0] == pytest.approx(loss, rel=1e-4) == pytest.approx(4.167, abs=1e-3)
    rough = solver.fit(LINES, [[600000430.02, 6.98]], weights, tolerance=1e-10)
    assert rough.steps.numpy().tolist() == [0]  # a tolerance of one's own decides alone


@eagerly
def test_lines_without_sigma_are_matched_to_rounding():
    """As many lines as parameters: 1e-10 of the largest level is 1 % of the small parameter."""
    observation = Transitions([((i, 1), (i, 0)) for i in range(2)])
    solver = SpectralSolver(shifts((0.5, -0.5)), observation=observation)
    fit = solver.fit([[600000433.5, 600000426.5]], initial=[[600000430.02, 6.98]])
    assert fit.status.numpy().tolist() == [Status.CONVERGED]
    np.testing.assert_allclose(fit.parameters, [[600000430.0, 7.0]], rtol=0, atol=1e-6)


THREE_LEVELS = Affine(np.diag([0.0, 3, 6]), [np.ones((3, 3)), np.diag([1, -1, 0.5])])


@pytest.mark.parametrize("method", METHODS[1::2], ids=name_of)
def test_one_heavy_datum(method: Method):
    """The minima that SciPy's lm and trf find; the heavy level is nearly a constraint."""
    weights = np.array([[10.0**k, 1, 1] for k in range(2, 12)])
    rows = len(weights)
    fit = as_numpy(
        SpectralSolver(THREE_LEVELS, method).fit(
            np.tile([[0.31, 3.42, 6.52]], (rows, 1)), np.tile([[0.3, 0.1]], (rows, 1)), weights
        )
    )
    assert fit.status.tolist() == [Status.STATIONARY] * rows
    np.testing.assert_allclose(fit.parameters[3:], [[0.420446, -0.032229]] * 7, atol=2e-6)
    np.testing.assert_allclose(fit.loss[3:8], 0.000621133, rtol=2e-6)


CONSTANT, *BASIS = random_hermitian(4, 5, seed=8, complex_entries=False)
CONSTANT = CONSTANT + np.diag([0.0, 3, 6, 9, 12])


def random_rows(rows: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Noisy targets, starts, and weights over many decades: one, two or all data heavy."""
    generator = np.random.default_rng(6)
    known = generator.normal(size=(rows, 3))
    matrices = CONSTANT + np.einsum("rp,pab->rab", known, BASIS)
    targets = np.linalg.eigvalsh(matrices) + 0.05 * generator.normal(size=(rows, 5))
    weights = np.ones((rows, 5))
    for row in range(rows):
        kind = row % 4
        if kind < 2:
            heavy = generator.choice(5, kind + 1, replace=False)
            weights[row, heavy] = 10.0 ** generator.uniform(3, 12)
        elif kind == 2:
            weights[row] = 10.0 ** generator.uniform(-6, 6, size=5)
        else:
            weights[row] *= 10.0 ** generator.uniform(-6, 12)
    return np.sort(targets), known + 0.1 * generator.normal(size=known.shape), weights


@functools.cache
def solver_of(method: Method, absolute_sigma: bool) -> SpectralSolver:
    return SpectralSolver(Affine(CONSTANT, BASIS), method, absolute_sigma=absolute_sigma)


def derivatives(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    levels, vectors = np.linalg.eigh(CONSTANT + np.einsum("p,pab->ab", x, BASIS))
    return levels, np.einsum("ak,pab,bk->kp", vectors, BASIS, vectors)


def loss_from(x0: np.ndarray, t: np.ndarray, w: np.ndarray) -> float:
    """The lowest loss to which SciPy comes from there."""

    def slopes(x: np.ndarray) -> np.ndarray:
        return w[:, None] * derivatives(x)[1]

    ways = (
        least_squares(
            lambda x: w * (derivatives(x)[0] - t),
            x0,
            jac=slopes,  # pyright: ignore[reportArgumentType]  # its types know names only
            method=way,
            xtol=1e-15,
            ftol=1e-15,
        )
        for way in ("lm", "trf")
    )
    return 2 * min(found.cost for found in ways)


@pytest.mark.parametrize(
    ("method", "absolute_sigma"), [(METHODS[0], True), *((method, False) for method in METHODS)]
)
def test_random_weights_against_scipy(method: Method, absolute_sigma: bool):
    targets, start, weights = random_rows(16)
    fit = as_numpy(solver_of(method, absolute_sigma).fit(targets, start, weights))
    assert np.sum(np.isin(fit.status, CERTIFIED)) >= 14
    solved = 0
    for row, (t, w) in enumerate(zip(targets, weights, strict=True)):
        if fit.status[row] not in CERTIFIED:
            continue
        levels, jacobian = derivatives(fit.parameters[row])
        residual = w * (t - levels)
        unit = 1.0 if absolute_sigma else residual @ residual / 2
        # What NumPy makes of the same level differs by its rounding, which the weight multiplies.
        rounding = np.sum((4e-15 * np.abs(levels).max() * w) ** 2)
        if fit.cause[row] == Cause.NONE:
            assert gain_left(w[:, None] * jacobian, residual) <= 1.1e-6 * unit + rounding

        excess = 1e-5 * unit + 4 * np.sqrt(rounding * fit.loss[row]) + rounding
        assert fit.loss[row] <= loss_from(fit.parameters[row], t, w) + excess
        # There are other minima, which either may find.
        solved += fit.loss[row] <= loss_from(start[row], t, w) + excess
    assert solved >= 13


def test_curved_valleys_of_heavy_data():
    """Along a curved line on which one or two data are met, straight steps are tiny."""
    generator = np.random.default_rng(11)
    rows = 32
    known = generator.normal(size=(rows, 3))
    targets = np.linalg.eigvalsh(CONSTANT + np.einsum("rp,pab->rab", known, BASIS))
    targets = np.sort(targets + 0.05 * generator.normal(size=(rows, 5)))
    weights = np.ones((rows, 5))
    for row in range(rows):
        heavy = generator.choice(5, 1 + row % 2, replace=False)
        weights[row, heavy] = 10.0 ** generator.uniform(3, 12)
    start = known + 0.1 * generator.normal(size=known.shape)
    fit = as_numpy(solver_of(METHODS[0], False).fit(targets, start, weights))
    assert np.sum(np.isin(fit.status, CERTIFIED)) >= rows - 1
    for row, (t, w) in enumerate(zip(targets, weights, strict=True)):
        rounding = np.sum((4e-15 * np.abs(t).max() * w) ** 2)
        excess = 1e-5 * fit.loss[row] + 4 * np.sqrt(rounding * fit.loss[row]) + rounding
        assert fit.loss[row] <= loss_from(fit.parameters[row], t, w) + excess


@pytest.mark.parametrize("method", [Adam(0.01), LiftAndProjection()], ids=name_of)
def test_methods_that_cannot_solve_it_do_not_claim_to(method: Method):
    weights = np.array([[1e7, 1, 1]])
    solver = SpectralSolver(THREE_LEVELS, method, max_steps=300)
    fit = as_numpy(solver.fit([[0.31, 3.42, 6.52]], [[0.3, 0.1]], weights))
    assert fit.status[0] in (Status.MAX_STEPS, Status.STALLED)


@eagerly
def test_rounding_is_named_where_it_limits():
    """In single precision, levels at 1000 with a sigma of 1e-6."""
    solver = SpectralSolver(Toeplitz(3), absolute_sigma=True, dtype=tf.float32)
    fit = solver.fit([[990.0, 1000.3, 1010.1]], [[1000.0, 5.0, 2.0]], np.full((1, 3), 1e6))
    assert fit.cause.numpy().tolist() == [Cause.ROUNDING]
    assert fit.status.numpy()[0] in CERTIFIED
    assert "rounding" in Cause.ROUNDING.message
    same = SpectralSolver(Toeplitz(3), absolute_sigma=True)
    fit = same.fit([[990.0, 1000.3, 1010.1]], [[1000.0, 5.0, 2.0]], np.full((1, 3), 1e6))
    assert fit.cause.numpy().tolist() == [Cause.NONE]


@eagerly
@pytest.mark.parametrize("method", METHODS[:3:2], ids=name_of)
def test_a_heavy_datum_does_not_hide_a_saddle(method: Method):
    """With no coupling the gradient vanishes; by hand, the coupling is the root of 3/4."""
    coupling = np.zeros((3, 3))
    coupling[0, 1] = coupling[1, 0] = 1.0
    affine = Affine(np.diag([0.0, 1, 5]), [coupling, np.diag([0, 0, 1.0])])
    weights = np.array([[1, 1, 10.0**k] for k in (0, 2, 3, 4, 6, 9)])
    fit = as_numpy(
        SpectralSolver(affine, method, starts=1).fit(
            np.tile([[-0.5, 1.5, 6.0]], (6, 1)), np.zeros((6, 2)), weights
        )
    )
    assert fit.status.tolist() == [Status.CONVERGED] * 6
    np.testing.assert_allclose(np.abs(fit.parameters), [[np.sqrt(0.75), 1.0]] * 6, atol=1e-9)
