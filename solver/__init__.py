"""The mathematics of eigenfit: parameterizations, methods and the compiled fit."""

from .methods import LBFGS, Adam, GaussNewton, LevenbergMarquardt, LiftAndProjection, Method, Newton
from .observations import Levels, Matched, Observation, Transitions
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
    "Covariance",
    "Family",
    "FitResult",
    "GaussNewton",
    "Generalized",
    "GraphLaplacian",
    "Hermitian",
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
]
