"""Least squares with residual left, where some combinations of parameters have no effect.

The lowest loss of the k.p problem is that of Newton's method and of SciPy, from hundreds of starts.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.optimize import least_squares

from eigenfit.solver import Family, SpectralSolver, Status

from ..helpers import as_numpy, take

# Five bands at eleven points k near 0 (Mathematica Stack Exchange 17944).
POINTS = np.arange(-5, 6) * 1e-3
BANDS = np.array(
    [
        [-0.418971, 1.24115, 2.6321, 3.07757, 4.40013],
        [-0.418735, 1.24086, 2.63201, 3.07785, 4.40028],
        [-0.418551, 1.24063, 2.63194, 3.07806, 4.4004],
        [-0.41842, 1.24047, 2.63189, 3.07822, 4.40048],
        [-0.418342, 1.24038, 2.63185, 3.07831, 4.40053],
        [-0.418316, 1.24034, 2.63184, 3.07834, 4.40055],
        [-0.418342, 1.24038, 2.63185, 3.07831, 4.40053],
        [-0.41842, 1.24047, 2.63189, 3.07822, 4.40048],
        [-0.418548, 1.24063, 2.63194, 3.07807, 4.4004],
        [-0.418728, 1.24085, 2.63201, 3.07785, 4.40028],
        [-0.418959, 1.24114, 2.63211, 3.07758, 4.40012],
    ]
)
# The couplings: row, column, and whether they are imaginary (-i or i) and grow with k.
COUPLINGS = [(0, 2, -1j, 0), (3, 4, -1j, 0), (0, 1, 1, 1), (0, 3, 1, 1), (0, 4, -1j, 1)]
COUPLINGS += [(1, 2, -1j, 1), (1, 3, 1, 1), (1, 4, 1j, 1), (2, 3, -1j, 1), (2, 4, 1, 1)]


def bands() -> Family:
    members = []
    for k in POINTS:
        basis = np.zeros((15, 5, 5), complex)
        for level in range(5):
            basis[level, level, level] = 1
        for place, (row, column, phase, power) in enumerate(COUPLINGS, start=5):
            basis[place, row, column] = phase * k**power
            basis[place, column, row] = np.conj(phase) * k**power
        members.append(basis)
    return Family.affine(None, members)


def test_k_p_bands_end_in_a_certified_minimum():
    """From 24 random starts, three of which are in the basins of other minima."""
    solver = SpectralSolver(bands(), starts=1)
    start = np.random.default_rng(0).normal(size=(25, 15))
    start[24, :5], start[24, 5:] = BANDS[5], 0.3 * start[24, 5:]
    every = as_numpy(solver.fit(np.tile(BANDS.reshape(1, -1), (25, 1)), start))
    fit = take(every, slice(24))
    assert fit.status.tolist() == [Status.STATIONARY] * 24
    assert fit.steps.max() <= 100
    lowest = np.sum(fit.loss <= 1.04847e-6)
    assert lowest >= 15, fit.loss
    np.testing.assert_allclose(np.sort(fit.loss)[:lowest], 1.0484668895e-6, rtol=1e-9)
    # Turning the coupled pairs of bands into each other changes no level.
    assert np.isinf(fit.standard_errors).any(axis=1).all()
    # Small couplings lead to another minimum: turns of two pairs of bands apart, which change no
    # level, the loss curves upwards there in all directions. (SciPy ends there as well.)
    assert every.status[24] == Status.STATIONARY
    assert every.loss[24] == pytest.approx(1.129904e-6, rel=1e-6)
    curvature = np.linalg.eigvalsh(hessian_of(bands(), every.parameters[24]))
    assert np.abs(curvature[:2]).max() < 1e-10
    assert curvature[2] > 1e-5


def hessian_of(family: Family, x: np.ndarray) -> np.ndarray:
    """Half the second derivatives of the loss, by NumPy, in units of what parameters change."""
    members: Any = family.members
    basis = np.array([member.basis for member in members])
    units = np.sqrt(np.einsum("mpab,mpab->p", basis, basis.conj()).real)
    levels, vectors = np.linalg.eigh(np.einsum("p,mpab->mab", x, basis))
    turned = np.einsum("mak,mpab,mbl->mpkl", vectors.conj(), basis, vectors)
    turned = turned / units[None, :, None, None]
    slopes = np.einsum("mpkk->mkp", turned).real.reshape(BANDS.size, -1)
    gaps = levels[:, :, None] - levels[:, None, :] + np.diag(np.full(5, np.inf))
    second = np.einsum("mk,mpkl,mqkl->pq", levels - BANDS, turned / gaps[:, None], turned.conj())
    return slopes.T @ slopes + 2 * second.real


@pytest.mark.usefixtures("eagerly")
def test_random_problems_without_full_rank(rng: np.random.Generator):
    """A matrix that is the sum of others, and turns of the whole matrix, have no effect."""
    # All real symmetric 3x3 matrices A, and known fields along a matrix D: levels of A + f D.
    field = np.diag([1.0, 1.0, -2.0])  # turns about the third axis change nothing
    pairs = [(i, j) for i in range(3) for j in range(i, 3)]
    basis = np.zeros((7, 3, 3))
    for place, (i, j) in enumerate(pairs):
        basis[place, i, j] = basis[place, j, i] = 1.0
    basis[6] = basis[0] + basis[3] + basis[5]
    strengths = (-2.0, -0.7, 0.4, 1.5, 3.0)
    solver = SpectralSolver(Family.affine([f * field for f in strengths], [basis] * 5), starts=1)
    known = rng.normal(size=(30, 7))

    def levels(x: np.ndarray) -> np.ndarray:
        matrix = np.einsum("p,pab->ab", x, basis)
        return np.concatenate([np.linalg.eigvalsh(matrix + f * field) for f in strengths])

    targets = np.array([levels(x) for x in known]) + 0.05 * rng.normal(size=(30, 15))
    fit = as_numpy(solver.fit(targets, known + 0.3 * rng.normal(size=known.shape)))
    assert fit.status.tolist() == [Status.STATIONARY] * 30
    assert np.isinf(fit.standard_errors[:, [0, 3, 5, 6]]).all()
    for x, t, loss in zip(fit.parameters, targets, fit.loss, strict=True):
        better = least_squares(lambda x, t=t: levels(x) - t, x, xtol=1e-14, ftol=1e-14)
        assert loss <= 2 * better.cost * (1 + 1e-7)
