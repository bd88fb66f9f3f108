"""Structured matrices: how the parameters make the matrix."""

from .additive import Additive
from .affine import Affine
from .banded import Banded
from .base import Parameterization
from .block_diagonal import BlockDiagonal
from .family import Family
from .generalized import Generalized
from .graph_laplacian import GraphLaplacian
from .hermitian import Hermitian
from .multiplicative import Multiplicative
from .nonlinear import Nonlinear
from .persymmetric import Persymmetric
from .symmetric import Symmetric
from .toeplitz import Toeplitz
from .tridiagonal import Tridiagonal

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
    "Parameterization",
    "Persymmetric",
    "Symmetric",
    "Toeplitz",
    "Tridiagonal",
]
