"""Move labels apart so that none covers another."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def apart(values: Sequence[float], gap: float) -> NDArray[np.float64]:
    """The places nearest to the values, in their order, with at least a gap between neighbours.

    They minimize `sum_i (y_i - v_i)^2` under `y_{i+1} - y_i >= gap`. With `z_i = y_i - i gap` that
    is isotonic regression, solved by pooling neighbours that are out of order (Barlow et al.,
    Statistical Inference under Order Restrictions, 1972, section 1.2).

    Args:
        values: ascending.
        gap: the smallest distance of two places.

    Returns:
        The places, ascending, as many as values.

    Example:
        >>> apart([0.0, 2.0, 2.0, 5.0], gap=1.0).tolist()
        [0.0, 1.5, 2.5, 5.0]
    """
    means: list[float] = []
    counts: list[int] = []
    for place, value in enumerate(values):
        mean, count = value - place * gap, 1
        while means and means[-1] >= mean:
            other = counts.pop()
            mean = (means.pop() * other + mean * count) / (other + count)
            count += other
        means.append(mean)
        counts.append(count)
    return np.repeat(np.array(means, np.float64), counts) + gap * np.arange(len(values))
