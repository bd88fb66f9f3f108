"""Estimate the memory of a fit, and raise before it is allocated."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple

import tensorflow as tf

if TYPE_CHECKING:  # for annotations only
    from . import Parameterization

# Numbers of matrices [n, n] and of tensors of the size of the levels' derivatives that exist at
# once for one row: measured at n = 512 and 1024.
_MATRICES, _SLOPES = 24, 6
_GIGABYTE = 1e9


class Memory(NamedTuple):
    """What a parameterization needs, in numbers of its real dtype.

    Attributes:
        constants: the stored matrices, in NumPy and as constants of graphs.
        slopes: the temporaries for the levels' derivatives of one matrix.
    """

    constants: int
    slopes: int

    @classmethod
    def sum_of(cls, parts: Iterable[Memory]) -> Memory:
        """The memory of several parts together."""
        return cls(*map(sum, zip(*parts, strict=True)))


def check_memory(
    owner: str,
    parameterization: Parameterization,
    targets: int,
    candidates: int,
    dtype: tf.DType,
) -> None:
    """Raise if a single row does not fit into the physical memory.

    Args:
        owner: the class named in error messages.
        parameterization: the parameterization of the matrix.
        targets: the number of compared levels.
        candidates: the number of candidate matrices for a starting point.
        dtype: the real dtype of the fit.

    Raises:
        ValueError: with the required and the physical memory in GB.
    """
    kind, count = type(parameterization).__name__, parameterization.num_parameters
    what = f"one row of {kind} with n = {parameterization.size} and {count} parameters"
    check_bytes(owner, what, bytes_of_a_row(parameterization, targets, candidates, dtype))


def check_bytes(owner: str, what: str, needed: int) -> None:
    """Raise ValueError if `needed` bytes exceed the physical memory."""
    there = _physical_memory()
    if there is not None and needed > there:
        raise ValueError(
            f"{owner}: {what} needs about {needed / _GIGABYTE:.3g} GB of memory, and this machine "
            f"has {there / _GIGABYTE:.3g} GB. Take a smaller matrix, fewer parameters, or "
            "dtype=tf.float32; where each parameter moves few entries, a structure such as Banded "
            "does not write its matrices out."
        )


def bytes_of_a_row(
    parameterization: Parameterization, targets: int, candidates: int, dtype: tf.DType
) -> int:
    """Estimated memory of one row in bytes, without the Python process."""
    count = parameterization.num_parameters
    matrices = sum(size**2 for size in parameterization.level_counts)
    numbers = (
        parameterization.memory.constants
        + (_MATRICES + 2 * candidates) * matrices
        + _SLOPES * parameterization.memory.slopes
        + _SLOPES * targets * count
        + count**2  # second derivatives
    )
    return numbers * dtype.size


def _physical_memory() -> int | None:
    """Physical memory in bytes; None if the system does not report it."""
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, OSError, ValueError):
        return None
