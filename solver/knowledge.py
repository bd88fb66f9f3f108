"""What is known of the parameters beforehand: bounds and Gaussian priors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np


class Bounds(NamedTuple):
    """The least and the largest value of each parameter, `[p]` each; infinite for none."""

    lower: np.ndarray
    upper: np.ndarray


class Priors(NamedTuple):
    """Mean and sigma of each parameter, `[p]` each; infinite sigma where nothing is known."""

    mean: np.ndarray
    sigma: np.ndarray


def check_bounds(owner: str, bounds: Any, names: Sequence[str]) -> Bounds:
    """The bounds for all parameters.

    Args:
        owner: for messages.
        bounds: (lower, upper), each a number or `[p]`, as in `scipy.optimize.least_squares`; or
            (lower, upper) by parameter name.
        names: of the parameters.

    Raises:
        ValueError: for another form, an unknown name, NaN, or a lower bound above the upper one.
    """
    lower, upper = _pair(owner, "bounds", "(lower, upper)", bounds, names, (-np.inf, np.inf))
    for name, low, high in zip(names, lower, upper, strict=True):
        if not low <= high or low == np.inf or high == -np.inf:
            raise ValueError(
                f"{owner}: the bounds of {name!r} must be lower <= upper, got ({low}, {high})."
            )
    return Bounds(lower, upper)


def check_priors(owner: str, priors: Any, names: Sequence[str]) -> Priors:
    """The priors for all parameters.

    Args:
        owner: for messages.
        priors: (mean, sigma), each a number or `[p]`; or (mean, sigma) by parameter name. An
            infinite sigma means that nothing is known.
        names: of the parameters.

    Raises:
        ValueError: for another form, an unknown name, or a sigma that is not positive.
    """
    mean, sigma = _pair(owner, "priors", "(mean, sigma)", priors, names, (0.0, np.inf))
    for name, center, width in zip(names, mean, sigma, strict=True):
        if not np.isfinite(center) or not width > 0:
            raise ValueError(
                f"{owner}: the prior of {name!r} must be a finite mean and a positive sigma, got "
                f"({center}, {width})."
            )
    return Priors(mean, sigma)


def _pair(
    owner: str, argument: str, form: str, value: Any, names: Sequence[str], default: tuple
) -> tuple[np.ndarray, np.ndarray]:
    if isinstance(value, Mapping):
        unknown = [name for name in value if name not in names]
        if unknown:
            raise ValueError(
                f"{owner}: {argument}: there is no parameter {unknown[0]!r}; the parameters are "
                f"{', '.join(names)}."
            )
        pairs = {name: value.get(name, default) for name in names}
        wrong = [name for name, pair in pairs.items() if np.shape(pair) != (2,)]
        if wrong:
            raise ValueError(
                f"{owner}: {argument} must be {form} for each name, got {pairs[wrong[0]]!r} for "
                f"{wrong[0]!r}."
            )
        value = list(zip(*pairs.values(), strict=True))
    try:
        one, other = (np.asarray(part, dtype=float) for part in value)
        one, other = (np.broadcast_to(part, len(names)).copy() for part in (one, other))
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"{owner}: {argument} must be {form}, each a number or one for each of the "
            f"{len(names)} parameters, or a dict of such pairs by parameter name; got {value!r}."
        ) from error
    return one, other
