"""The mathematics of eigenfit: parameterizations, methods and the compiled fit."""

from .methods import Adam, LevenbergMarquardt, Method
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
from .result import FitResult, Trace
from .spectral_solver import SpectralSolver
from .spin import Spin, embed, heisenberg
from .statistics import Covariance
from .status import Status

__all__ = [
    "Adam",
    "Additive",
    "Affine",
    "Banded",
    "BlockDiagonal",
    "Covariance",
    "Family",
    "FitResult",
    "Generalized",
    "GraphLaplacian",
    "Hermitian",
    "Levels",
    "LevenbergMarquardt",
    "Matched",
    "Method",
    "Multiplicative",
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
