"""Fewer parameters than levels: combinations of given random matrices, exact and with noise."""

from __future__ import annotations

import numpy as np

from eigenfit.solver import LBFGS, Adam, Affine, GaussNewton, LevenbergMarquardt, Newton, Status

from .registry import Problem, Run


def random_hermitian(count: int, n: int, seed: int, complex_entries: bool = False) -> np.ndarray:
    """`[count, n, n]`, full random symmetric or complex Hermitian matrices."""
    generator = np.random.default_rng(seed)
    matrices = generator.normal(size=(count, n, n))
    if complex_entries:
        matrices = matrices + 1j * generator.normal(size=(count, n, n))
    return (matrices + matrices.swapaxes(1, 2).conj()) / 2


CONSTANT, *_REST = random_hermitian(5, 6, seed=11, complex_entries=True)
BASIS = np.stack(_REST)
SOLUTIONS = np.random.default_rng(12).normal(size=(10, 4))


def matrix(x: np.ndarray) -> np.ndarray:
    """`A0 + sum_j x_j B_j`."""
    return CONSTANT + np.einsum("j,jab->ab", x, BASIS)


_LEVELS = np.stack([np.linalg.eigvalsh(matrix(x)) for x in SOLUTIONS])
_NOISE = np.random.default_rng(13).normal(size=_LEVELS.shape)
_NEAR = SOLUTIONS + 0.05 * np.random.default_rng(14).normal(size=SOLUTIONS.shape)

PROBLEMS = (
    Problem(
        name="complex_basis_exact",
        citation="random complex Hermitian basis; spectra of known parameters, by NumPy",
        parameterization=lambda: Affine(CONSTANT, BASIS),
        reference=matrix,
        targets=_LEVELS,
        initial=_NEAR,
        solution=SOLUTIONS,
        runs={
            "LevenbergMarquardt": Run(LevenbergMarquardt),
            "GaussNewton": Run(GaussNewton),
            "Adam": Run(Adam, tolerance=1e-8, accuracy=1e-7, solution_error=1e-6),
        },
    ),
    Problem(
        name="complex_basis_noisy",
        citation="the same with noise of 0.02: a least-squares minimum with residual left",
        parameterization=lambda: Affine(CONSTANT, BASIS),
        reference=matrix,
        targets=_LEVELS + 0.02 * _NOISE,
        initial=_NEAR,
        runs={
            "LevenbergMarquardt": Run(LevenbergMarquardt, status=Status.STATIONARY),
            "Newton": Run(Newton, status=Status.STATIONARY),
            "LBFGS": Run(LBFGS, status=Status.STATIONARY),
        },
    ),
)
