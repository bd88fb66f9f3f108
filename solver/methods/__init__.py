"""Iterative methods: each moves every row of a batch to its next parameters."""

from .adam import Adam
from .base import Method
from .levenberg_marquardt import LevenbergMarquardt

__all__ = ["Adam", "LevenbergMarquardt", "Method"]
