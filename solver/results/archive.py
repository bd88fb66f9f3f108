"""A result as named arrays and a description of plain data, and back, without loss."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn

import numpy as np
import tensorflow as tf

from ..level_counts import LevelCounts
from .context import Context, Facts
from .covariance import Covariance
from .derived import Derived, Prediction
from .solutions import level_numbers
from .statistics import Statistics

if TYPE_CHECKING:
    from .fit_result import FitResult

#: The version of the format.
FORMAT = 1
_COVARIANCE = tuple(f"covariance.{name}" for name in Covariance._fields)
_PREDICTION = ("predicted.values", "predicted.standard_errors")
_CHI2 = ("degrees_of_freedom", "chi2", "p_value")
_OF_FACTS = ("measures", "weights", "upper", "lower")


class Archive(NamedTuple):
    """What a file holds.

    Attributes:
        description: numbers, strings, lists and dicts for JSON; all numbers finite.
        arrays: by name. Each has a line for every row; with several solutions the arrays in
            `per_solution` are `[B, S, ...]`.
        per_solution: names of the arrays that have a number for each solution.
    """

    description: dict[str, Any]
    arrays: dict[str, np.ndarray]
    per_solution: tuple[str, ...]


def pack(fit: FitResult, context: Context | None, statistics: Statistics | None) -> Archive:
    """A result as an `Archive`.

    Args:
        fit: the result.
        context: what it knows besides its fields, or None.
        statistics: of every row and solution, `[B * S, ...]`, or None.
    """
    arrays = {name: np.asarray(field) for name, field in fit._asdict().items()}
    description: dict[str, Any] = {"eigenfit_result": FORMAT, "facts": None}
    if context is None or statistics is None:
        return Archive(description, arrays, tuple(arrays))
    ends = arrays["status"].shape
    flat = [np.asarray(field) for field in tf.nest.flatten(statistics)]
    for name, field in zip((*_COVARIANCE, *_PREDICTION, *_CHI2), flat, strict=True):
        arrays[name] = field.reshape(*ends, *field.shape[1:])
    parameters = arrays["parameters"]
    several = parameters if parameters.ndim == 3 else parameters[:, None]
    levels = level_numbers(context, several)
    if levels is not None:
        arrays["levels"] = levels.reshape(*ends, levels.shape[2])
    per_solution = tuple(arrays)
    given = {"targets": context.targets, "weights_of_fit": context.weights}
    if not isinstance(context.conditions, tuple):
        given["conditions"] = context.conditions
    if np.ndim(context.sides) == 2:
        given["sides"] = context.sides
    arrays |= {name: np.asarray(part) for name, part in given.items()}
    description["facts"] = _plain_facts(context.facts)
    if np.ndim(context.sides) == 1:
        description["sides"] = np.asarray(context.sides).tolist()
    return Archive(description, arrays, per_solution)


def unpack(
    path: Any, archive: Archive, fields: Sequence[str]
) -> tuple[list[np.ndarray], Context | None]:
    """The fields of a result, and its context if the file has one.

    Args:
        path: of the file, for messages.
        archive: that was read.
        fields: the names of the fields.

    Raises:
        ValueError: if something is missing.
    """
    description, arrays = archive.description, archive.arrays
    number = description.get("eigenfit_result")
    if isinstance(number, int) and number > FORMAT:
        raise ValueError(
            f"FitResult.load: {os.fspath(path)} has format {number}, this eigenfit knows up to "
            f"{FORMAT}. Update eigenfit."
        )
    try:
        found = [arrays[name] for name in fields]
        if description["facts"] is None:
            return found, None
        facts = _facts_of(description["facts"])
        sides = arrays.get("sides")
        if sides is None and "sides" in description:
            sides = np.asarray(description["sides"], float)
        ends = arrays["status"].shape
        flat: dict[str, Any] = {name: _flat(arrays[name], ends) for name in archive.per_solution}
        levels = flat.get("levels")
        several = 1 if len(ends) == 1 else ends[1]
        statistics = Statistics(
            Covariance(*(flat[name] for name in _COVARIANCE)),
            Prediction(*(flat[name] for name in _PREDICTION)),
            *(flat[name] for name in _CHI2),
        )
        targets, weights = arrays["targets"], arrays["weights_of_fit"]
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(
            f"FitResult.load: {os.fspath(path)} is no result of eigenfit, or is damaged "
            f"({type(error).__name__}: {error}); write it again with fit.save."
        ) from error
    source = _Stored(statistics, levels, several)
    return found, Context(facts, targets, weights, sides, arrays.get("conditions", ()), source)


class _Stored(NamedTuple):
    """What a file knows of the ends of a fit; see `Source`.

    Attributes:
        known: `[B * S, ...]`.
        numbers: `[B * S, m]`, the level numbers; None where they are fixed.
        several: S.
    """

    known: Statistics
    numbers: np.ndarray | None
    several: int

    def statistics(self, parameters: Any, loss: Any) -> Statistics:
        """As it was saved."""
        del parameters, loss
        return self.known

    def covariance(self, parameters: Any, loss: Any) -> Covariance:
        """As it was saved."""
        del parameters, loss
        return Covariance(*map(tf.constant, self.known.covariance))

    def predict(self, parameters: Any, loss: Any, observation: Any, conditions: Any) -> Prediction:
        """That of the fit's own targets."""
        del parameters, loss
        if observation is not None or conditions is not None:
            _refuse("predict: this result was read from a file and knows its own targets only")
        return Prediction(*map(tf.constant, self.known.prediction))

    def derived(
        self, parameters: Any, loss: Any, function: Callable[..., Any], names: Any
    ) -> Derived:
        """Not known."""
        del parameters, loss, function, names
        _refuse("derived: this result was read from a file, without its solver")

    def levels(self, parameters: Any) -> Any:
        """As they were saved."""
        del parameters
        return self.numbers

    def at(self, rows: slice) -> _Stored:
        """The same for some of the rows."""
        last = None if rows.stop is None else rows.stop * self.several
        ends = slice((rows.start or 0) * self.several, last)
        known = [field[ends] for field in tf.nest.flatten(self.known)]
        numbers = None if self.numbers is None else self.numbers[ends]
        return _Stored(tf.nest.pack_sequence_as(self.known, known), numbers, self.several)


def _refuse(reason: str) -> NoReturn:
    raise ValueError(f"{reason}; make the solver and fit again from its parameters.")


def _flat(array: np.ndarray, ends: Sequence[int]) -> np.ndarray:
    """`[B, ...]` or `[B, S, ...]` as `[B * S, ...]`."""
    return array.reshape(int(np.prod(ends)), *array.shape[len(ends) :])


def _plain_facts(facts: Facts) -> dict[str, Any]:
    """The facts as plain data."""
    plain = facts._asdict()
    for name in _OF_FACTS:
        plain[name] = plain[name].tolist()
    counts = facts.counts
    members = None if counts.members is None else list(counts.members)
    levels = [None if names is None else list(names) for names in counts.levels]
    return {**plain, "counts": {"counts": list(counts), "members": members, "levels": levels}}


def _facts_of(plain: Mapping[str, Any]) -> Facts:
    """The facts from plain data."""
    named = dict(plain)
    for name, kind in zip(_OF_FACTS, (bool, float, int, int), strict=True):
        named[name] = np.asarray(named[name], kind)
    for name in ("parameter_names", "parameter_units", "target_units"):
        named[name] = tuple(named[name])
    return Facts(**{**named, "counts": LevelCounts(**named["counts"])})
