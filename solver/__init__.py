"""The mathematics of eigenfit: parameterizations, methods and the compiled fit."""

from .methods import Adam, LevenbergMarquardt, Method
from .observation import Levels
from .parameterizations import (
    Affine,
    Banded,
    Hermitian,
    Nonlinear,
    Parameterization,
    Symmetric,
    Toeplitz,
    Tridiagonal,
)
from .result import FitResult, Trace
from .spectral_solver import SpectralSolver
from .status import Status

__all__ = [
    "Adam",
    "Affine",
    "Banded",
    "FitResult",
    "Hermitian",
    "Levels",
    "LevenbergMarquardt",
    "Method",
    "Nonlinear",
    "Parameterization",
    "SpectralSolver",
    "Status",
    "Symmetric",
    "Toeplitz",
    "Trace",
    "Tridiagonal",
]
