"""What a fit needs of memory, told before it is taken."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import tensorflow as tf

if TYPE_CHECKING:  # they ask for memory themselves
    from . import Parameterization

# Matrices of the size of A(x), and tensors of the size of the derivatives of all levels, that one
# row has at once: measured at n = 512 and 1024.
_MATRICES, _SLOPES = 24, 6
_GIGABYTE = 1e9


def check_memory(
    owner: str,
    parameterization: Parameterization,
    targets: int,
    candidates: int,
    dtype: tf.DType,
) -> None:
    """Raise where a single row does not fit into the memory of this machine.

    Args:
        owner: whose error it is.
        parameterization: makes the matrix.
        targets: how many levels are compared.
        candidates: how many matrices a start is chosen from.
        dtype: of the numbers.

    Raises:
        ValueError: with the size.
    """
    kind, count = type(parameterization).__name__, parameterization.num_parameters
    what = f"one row of {kind} with n = {parameterization.size} and {count} parameters"
    check_bytes(owner, what, bytes_of_a_row(parameterization, targets, candidates, dtype))


def check_bytes(owner: str, what: str, needed: int) -> None:
    """Raise ValueError where this machine has less memory than is needed."""
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
    """About what one row needs beside the Python process, in bytes."""
    count = parameterization.num_parameters
    matrices = sum(size**2 for size in parameterization.level_counts)
    numbers = (
        parameterization.held_numbers
        + (_MATRICES + 2 * candidates) * matrices
        + _SLOPES * parameterization.numbers_of_slopes
        + _SLOPES * targets * count
        + count**2  # second derivatives
    )
    return numbers * dtype.size


def _physical_memory() -> int | None:
    """Bytes; None where the system does not say."""
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, OSError, ValueError):
        return None
