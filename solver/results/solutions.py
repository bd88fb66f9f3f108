"""The solutions of all rows of a fit, one by one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from .context import Context
from .labels import target_labels
from .solution import Solution
from .statistics import Statistics

# Rows whose statistics are computed at a time: the derivatives of all levels are in memory.
_PIECE = 4096


def statistics_of(context: Context, parameters: Any, loss: Any) -> Statistics:
    """The statistics of every row and solution, as NumPy arrays `[B * S, ...]`.

    Args:
        context: of the B rows.
        parameters: `[B * S, p]`, with S solutions for each row.
        loss: `[B * S]`.
    """
    rows = len(context.targets)
    several = len(loss) // max(rows, 1)

    def piece(first: int) -> Statistics:
        chosen, ends = (slice(first * k, (first + _PIECE) * k) for k in (1, several))
        return context.source.at(chosen).statistics(parameters[ends], loss[ends])

    parts = [piece(first) for first in range(0, max(rows, 1), _PIECE)]
    flat = [[np.asarray(field) for field in tf.nest.flatten(part)] for part in parts]
    joined = [np.concatenate(fields) for fields in zip(*flat, strict=True)]
    return tf.nest.pack_sequence_as(parts[0], joined)


def solutions_of(
    fields: Mapping[str, Any], context: Context | None, statistics: Statistics | None
) -> list[list[Solution]]:
    """The solutions of every row, best first.

    Args:
        fields: of a `FitResult`, by name, `[B, ...]` or `[B, S, ...]`.
        context: None for a result of another graph or of a server.
        statistics: from `statistics_of`; None without context.
    """
    numbers = {name: np.asarray(field) for name, field in fields.items()}
    rows, several = len(numbers["status"]), numbers["status"].ndim == 2
    if not several:
        numbers = {name: field[:, None] for name, field in numbers.items()}
    count = numbers["status"].shape[1]
    every = [
        [{name: field[row, place] for name, field in numbers.items()} for place in range(count)]
        for row in range(rows)
    ]
    if context is None or statistics is None:
        return [[Solution(one) for one in row] for row in every]
    facts = context.facts
    targets, weights = np.asarray(context.targets), filled_weights(context)
    conditions = None if isinstance(context.conditions, tuple) else np.asarray(context.conditions)
    flat = tf.nest.flatten(statistics)
    labels = _labels(context, numbers["parameters"])
    found = []
    for row, solutions in enumerate(every):
        found.append([])
        for place, one in enumerate(solutions):
            own = [field[row * count + place] for field in flat]
            found[-1].append(
                Solution(
                    one,
                    facts,
                    targets[row],
                    weights[row],
                    None if conditions is None else conditions[row],
                    labels[row][place],
                    tf.nest.pack_sequence_as(statistics, own),
                )
            )
    return found


def filled_weights(context: Context) -> np.ndarray:
    """The weights of the fit, `[B, m]`, with those of the solver where none were given."""
    weights = np.asarray(context.weights)
    return np.where(np.isnan(weights), context.facts.weights, weights).astype(weights.dtype)


def level_numbers(context: Context, parameters: np.ndarray) -> np.ndarray | None:
    """The level number of each target, `[B, S, m]`; None where it is the same in each fit.

    Args:
        context: of the B rows.
        parameters: `[B, S, p]`.
    """
    if not context.facts.moves:
        return None
    rows, several, count = parameters.shape
    flat = tf.constant(parameters.reshape(rows * several, count))
    found = np.asarray(context.source.levels(flat))
    return found.reshape(rows, several, found.shape[1])


def _labels(context: Context, parameters: np.ndarray) -> list[list[list[str]]]:
    """The labels of the targets of each solution of each row."""
    rows, several = parameters.shape[:2]
    levels = level_numbers(context, parameters)
    conditions = None if isinstance(context.conditions, tuple) else np.asarray(context.conditions)
    sides = None if context.sides is None else np.asarray(context.sides)
    known: dict[Any, list[str]] = {}

    def label(row: int, place: int) -> list[str]:
        own = (
            None if levels is None else levels[row, place],
            None if conditions is None else conditions[row],
            sides if sides is None or sides.ndim == 1 else sides[row],
        )
        # Most rows have the same: make the labels once.
        key = tuple(None if part is None else part.tobytes() for part in own)
        if key not in known:
            known[key] = target_labels(context.facts, *own)
        return known[key]

    return [[label(row, place) for place in range(several)] for row in range(rows)]
