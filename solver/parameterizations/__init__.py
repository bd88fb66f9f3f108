"""Structured matrices: how the parameters make the matrix."""

from .affine import Affine
from .banded import Banded
from .base import Parameterization
from .hermitian import Hermitian
from .nonlinear import Nonlinear
from .symmetric import Symmetric
from .toeplitz import Toeplitz
from .tridiagonal import Tridiagonal

__all__ = [
    "Affine",
    "Banded",
    "Hermitian",
    "Nonlinear",
    "Parameterization",
    "Symmetric",
    "Toeplitz",
    "Tridiagonal",
]
