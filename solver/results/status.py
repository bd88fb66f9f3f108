"""Status codes of a fitted row and their causes, with a message for each."""

from __future__ import annotations

import enum


class Status(enum.IntEnum):
    """How the fit of one row ended.

    Codes are data, not exceptions: a failed row does not affect the others of its batch. Positive
    codes mean a usable answer, the less certain the larger the code; negative codes mean none.

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
    Status.INVALID_INPUT: ("the row cannot be fitted as given; its cause says why"),
    Status.NON_FINITE: "the matrix or its parameters became NaN or infinite; its cause says why",
    Status.NO_OTHER: "no further distinct solution was found; only where several are asked for",
}


class Cause(enum.IntEnum):
    """Why a row has its status: which input is invalid, or what limits the answer.

    Example:
        >>> Cause(4).name, Cause.WEIGHT.message
        ('WEIGHT', 'a weight (1 / sigma) is negative, infinite or too large or small to be squared')
    """

    NONE = 0
    # With INVALID_INPUT. A row with several faults has the largest code of them.
    STEP_LIMIT = 1
    TOLERANCE = 2
    START = 3
    WEIGHT = 4
    BOUNDS = 5
    PRIOR = 6
    TARGET = 7
    NO_LEVEL = 8
    SIDE = 9
    CONDITION = 10
    # With NON_FINITE; SIGN also with STALLED and MAX_STEPS.
    SIGN = 20
    NO_MATRIX = 21
    LOST = 22
    # Limits of an answer, or of its certification.
    ROUNDING = 30
    KINK = 31

    @property
    def message(self) -> str:
        """One sentence that says what the code means."""
        return _CAUSES[self]


_CAUSES = {
    Cause.NONE: "nothing to add to the status",
    Cause.STEP_LIMIT: "max_steps is negative",
    Cause.TOLERANCE: "the tolerance is negative, infinite or too large to be squared",
    Cause.START: "a starting value is infinite or too large to be squared",
    Cause.WEIGHT: "a weight (1 / sigma) is negative, infinite or too large or small to be squared",
    Cause.BOUNDS: "a lower bound is above its upper bound, or no finite value lies between them",
    Cause.PRIOR: "a prior has no finite mean, or a sigma that is not positive or cannot be squared",
    Cause.TARGET: "a target is infinite or too large or small to be squared",
    Cause.NO_LEVEL: "no level was observed: every target is NaN or has the weight 0",
    Cause.SIDE: "a side is not -1 (below the target), 0 or 1 (above the target)",
    Cause.CONDITION: (
        "a condition is infinite or NaN in part, or a target belongs to a condition that is NaN"
    ),
    Cause.SIGN: "a target has a sign that its level cannot have, whatever the parameters",
    Cause.NO_MATRIX: (
        "no starting point gave a finite matrix (masses and factors are positive), or finite "
        "values of the targets"
    ),
    Cause.LOST: "a step led to where the matrix is not finite",
    Cause.ROUNDING: (
        "the rounding error of the levels, not the data, limits how near this is to the minimum"
    ),
    Cause.KINK: (
        "levels that are pulled in different directions meet here: the loss has an edge, where no "
        "gradient vanishes and errors mean nothing, and may yet fall along it"
    ),
}

# Not a result: the row is still in the loop.
RUNNING = 0
