"""The mathematics of eigenfit: parameterizations, methods and the compiled fit."""

from .methods import Adam, LevenbergMarquardt, Method
from .observation import Levels
from .parameterizations import (
    Additive,
    Affine,
    Banded,
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
from .status import Status

__all__ = [
    "Adam",
    "Additive",
    "Affine",
    "Banded",
    "FitResult",
    "GraphLaplacian",
    "Hermitian",
    "Levels",
    "LevenbergMarquardt",
    "Method",
    "Multiplicative",
    "Nonlinear",
    "Parameterization",
    "Persymmetric",
    "SpectralSolver",
    "Spin",
    "Status",
    "Symmetric",
    "Toeplitz",
    "Trace",
    "Tridiagonal",
    "embed",
    "heisenberg",
]
