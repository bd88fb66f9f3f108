"""Iterative least-squares methods. Each proposes the next parameters of every row of a batch."""

from .adam import Adam
from .descent import Iteration, Method, MethodState, Proposal
from .gauss_newton import GaussNewton
from .lbfgs import LBFGS
from .levenberg_marquardt import LevenbergMarquardt
from .lift_and_projection import LiftAndProjection
from .newton import Newton

__all__ = [
    "LBFGS",
    "Adam",
    "GaussNewton",
    "Iteration",
    "LevenbergMarquardt",
    "LiftAndProjection",
    "Method",
    "MethodState",
    "Newton",
    "Proposal",
]
