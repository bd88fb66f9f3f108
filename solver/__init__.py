"""The mathematics of eigenfit: parameterizations, methods and the compiled fit."""

from .level_counts import LevelCounts
from .methods import (
    LBFGS,
    Adam,
    GaussNewton,
    Iteration,
    LevenbergMarquardt,
    LiftAndProjection,
    Method,
    Newton,
    Proposal,
)
from .observations import Comparison, Levels, Matched, Observation, Transitions
from .parameterizations import (
    Additive,
    Affine,
    Banded,
    BlockDiagonal,
    Family,
    Generalized,
    GraphLaplacian,
    Hermitian,
    Multiplicative,
    Nonlinear,
    Parameterization,
    Persymmetric,
    Symmetric,
    Toeplitz,
    Tridiagonal,
    split_by,
)
from .results.covariance import Covariance
from .results.fit_result import FitResult, Trace
from .results.status import Cause, Status
from .spectral_solver import SpectralSolver
from .spin import Spin, embed, heisenberg

__all__ = [
    "LBFGS",
    "Adam",
    "Additive",
    "Affine",
    "Banded",
    "BlockDiagonal",
    "Cause",
    "Comparison",
    "Covariance",
    "Family",
    "FitResult",
    "GaussNewton",
    "Generalized",
    "GraphLaplacian",
    "Hermitian",
    "Iteration",
    "LevelCounts",
    "Levels",
    "LevenbergMarquardt",
    "LiftAndProjection",
    "Matched",
    "Method",
    "Multiplicative",
    "Newton",
    "Nonlinear",
    "Observation",
    "Parameterization",
    "Persymmetric",
    "Proposal",
    "SpectralSolver",
    "Spin",
    "Status",
    "Symmetric",
    "Toeplitz",
    "Trace",
    "Transitions",
    "Tridiagonal",
    "embed",
    "heisenberg",
    "split_by",
]
