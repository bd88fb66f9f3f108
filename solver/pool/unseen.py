"""When to stop looking for minima, from how many distinct ones so many starts have found.

After N starts that have found w minima, `w (w + 1) / (N - w - 2)` more are to be expected, if all
shares of the starts that lead to each are equally probable beforehand (Boender & Rinnooy Kan, Math.
Program. 37 (1987) 59).
"""

from __future__ import annotations

from typing import Any

import numpy as np

# A search ends when so many minima at most are expected to be unseen.
_UNSEEN = 0.5


def are_enough(found: Any, starts: Any) -> Any:
    """Whether so many starts are enough where so many distinct minima were found.

    Args:
        found: whole numbers, of NumPy or TensorFlow.
        starts: of the same shape; those that ended in a minimum.

    Returns:
        bool, of the same shape.

    Example:
        >>> [int(np.argmax(are_enough(w, np.arange(200)))) for w in (1, 2, 3)]
        [7, 16, 29]
    """
    return found * (found + 1) * round(1 / _UNSEEN) <= starts - found - 2


def most_minima(starts: int) -> int:
    """The most minima that so many starts may find and yet be enough; at least 1."""
    found = np.arange(1, starts + 2)
    return max(1, int(np.count_nonzero(are_enough(found, starts))))
