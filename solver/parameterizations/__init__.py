"""Parameterizations: structured matrices `A(x)` as functions of real parameters."""

from .affine_matrix import Affine
from .base import Parameterization
from .block_diagonal import BlockDiagonal
from .family import Family
from .generalized import Generalized
from .multiplicative import Multiplicative
from .nonlinear import Nonlinear
from .nonlinear_sweep import NonlinearSweep
from .patterns import (
    Additive,
    Banded,
    GraphLaplacian,
    Hermitian,
    Persymmetric,
    Symmetric,
    Toeplitz,
    Tridiagonal,
)
from .split_by import split_by
from .sweep import Sweep

__all__ = [
    "Additive",
    "Affine",
    "Banded",
    "BlockDiagonal",
    "Family",
    "Generalized",
    "GraphLaplacian",
    "Hermitian",
    "Multiplicative",
    "Nonlinear",
    "NonlinearSweep",
    "Parameterization",
    "Persymmetric",
    "Sweep",
    "Symmetric",
    "Toeplitz",
    "Tridiagonal",
    "split_by",
]
