"""Status codes of a fitted row: one code and one message for each way a row can end."""

from __future__ import annotations

import enum


class Status(enum.IntEnum):
    """How the fit of one row ended.

    The codes are data, not exceptions: a row that fails never harms the other rows of its batch.
    Positive codes end with a usable answer of decreasing certainty, negative ones without.

    Example:
        >>> Status(2).name
        'STATIONARY'
        >>> Status.CONVERGED.message
        'the spectrum is matched: the rms residual is within the tolerance'
    """

    CONVERGED = 1
    STATIONARY = 2
    STALLED = 3
    MAX_STEPS = 4
    INVALID_INPUT = -1
    NON_FINITE = -2
    NO_OTHER = -3

    @property
    def message(self) -> str:
        """One sentence that says what the code means."""
        return _MESSAGES[self]


_MESSAGES = {
    Status.CONVERGED: "the spectrum is matched: the rms residual is within the tolerance",
    Status.STATIONARY: "a least-squares minimum with residual left: the gradient vanishes",
    Status.STALLED: "no further progress is possible, but neither residual nor gradient vanishes",
    Status.MAX_STEPS: "the limit on the number of steps was reached first",
    Status.INVALID_INPUT: (
        "the row cannot be fitted as given: no observed level, a value that is infinite or whose "
        "square the dtype cannot hold, a negative weight, tolerance or step limit, bounds or a "
        "prior that cannot be"
    ),
    Status.NON_FINITE: "the matrix or its eigenvalues became NaN or infinite on the way",
    Status.NO_OTHER: "no further distinct solution was found; only where several are asked for",
}

# Not a result: the row is still in the loop.
RUNNING = 0
