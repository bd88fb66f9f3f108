"""Bounds and Gaussian priors of the parameters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from ..checks import is_number
from ..names import check_known


class Bounds(NamedTuple):
    """Lower and upper bound of each parameter, `[p]` each; infinite for no bound."""

    lower: np.ndarray
    upper: np.ndarray


class Priors(NamedTuple):
    """Mean and sigma of each parameter, `[p]` each; an infinite sigma for no prior."""

    mean: np.ndarray
    sigma: np.ndarray


#: Defaults of a parameter without bounds or prior.
NO_BOUNDS = (-np.inf, np.inf)
NO_PRIOR = (0.0, np.inf)


def check_bounds(
    owner: str, bounds: Any, names: Sequence[str], default: tuple[float, float] = NO_BOUNDS
) -> Bounds:
    """Validate bounds and bring them to one form.

    Args:
        owner: the class named in error messages.
        bounds: a tuple (lower, upper), each a number or `[p]`, as in
            `scipy.optimize.least_squares`; a list of p tuples (lower, upper); or a dict of such
            tuples by parameter name. None is no bound.
        names: the parameter names.
        default: the pair used for None and for names that are missing.

    Returns:
        The `Bounds`.

    Raises:
        ValueError: for another form, an unknown name, NaN, or a lower bound above the upper one.
    """
    found = _pairs(owner, "bounds", ("lower", "upper"), bounds, names)
    for name, pair in zip(names, found, strict=True):
        low, high = _with_default(pair, NO_BOUNDS)
        if not low <= high or low == np.inf or high == -np.inf:
            raise ValueError(
                f"{owner}: the bounds of {name!r} must be lower <= upper, got ({low}, {high})."
            )
    return Bounds(*np.transpose([_with_default(pair, default) for pair in found]))


def check_priors(
    owner: str, priors: Any, names: Sequence[str], default: tuple[float, float] = NO_PRIOR
) -> Priors:
    """Validate priors and bring them to one form.

    Args:
        owner: the class named in error messages.
        priors: (mean, sigma) in the forms of bounds. An infinite sigma means no prior.
        names: the parameter names.
        default: the pair used for names that are missing.

    Returns:
        The `Priors`.

    Raises:
        ValueError: for another form, an unknown name, or a sigma that is not positive.
    """
    found = _pairs(owner, "priors", ("mean", "sigma"), priors, names)
    for name, pair in zip(names, found, strict=True):
        if pair == (None, None):
            continue
        center, width = _with_default(pair, (np.nan, np.nan))
        if not np.isfinite(center) or not width > 0:
            raise ValueError(
                f"{owner}: the prior of {name!r} must be a finite mean and a positive sigma, got "
                f"({center}, {width})."
            )
    return Priors(*np.transpose([_with_default(pair, default) for pair in found]))


def _with_default(
    pair: tuple[float | None, float | None], default: tuple[float, float]
) -> tuple[float, float]:
    one, other = pair
    return (default[0] if one is None else one, default[1] if other is None else other)


def _pairs(
    owner: str, argument: str, parts: tuple[str, str], value: Any, names: Sequence[str]
) -> list[tuple[float | None, float | None]]:
    """The pair of each parameter, with None for entries that are not given."""
    form, count = f"({', '.join(parts)})", len(names)
    if isinstance(value, Mapping):
        check_known(owner, argument, value, names)
        for name, pair in value.items():
            if not _is_pair(pair):
                raise ValueError(
                    f"{owner}: {argument} must be {form} for each name, got {pair!r} for {name!r}."
                )
        return [_as_pair(value.get(name, (None, None))) for name in names]
    # With two parameters, a tuple of two tuples could mean (lower, upper) or one pair for each.
    ambiguous = count == 2 and isinstance(value, tuple) and _all_tuples(value)
    if isinstance(value, list) and len(value) == count and all(map(_is_pair, value)):
        if _all_tuples(value):
            return [_as_pair(pair) for pair in value]
    elif isinstance(value, tuple) and len(value) == 2 and not ambiguous:
        columns = [_column(part, count) for part in value]
        if None not in columns:
            return list(zip(*columns, strict=True))
    raise ValueError(
        f"{owner}: {argument} must be {form}, a tuple of two numbers or arrays with one number for "
        f"each of the {count} parameters; or a list of {count} tuples {form}, one for each "
        f"parameter; or a dict of such tuples by parameter name; got {value!r}."
    )


def _column(part: Any, count: int) -> list[float | None] | None:
    """A list of p numbers from a number or `[p]`; None for anything else."""
    try:
        array = np.asarray(part)
    except ValueError:
        return None
    if array.shape not in ((), (count,)) or not all(map(_is_entry, array.flat)):
        return None
    return [None if item is None else float(item) for item in np.broadcast_to(array, count)]


def _as_pair(pair: Any) -> tuple[float | None, float | None]:
    one, other = (None if item is None else float(item) for item in pair)
    return one, other


def _all_tuples(value: Any) -> bool:
    return all(isinstance(pair, tuple) for pair in value)


def _is_pair(pair: Any) -> bool:
    if not isinstance(pair, (Sequence, np.ndarray)) or isinstance(pair, str) or len(pair) != 2:
        return False
    return all(map(_is_entry, pair))


def _is_entry(item: Any) -> bool:
    return item is None or is_number(item)
