"""What each target is, as text: the level, the difference of levels, the condition, the side."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..level_counts import LevelCounts
from .context import Facts

_MARKS = {1.0: "> ", -1.0: "< "}


def target_labels(
    facts: Facts,
    levels: np.ndarray | None = None,
    conditions: np.ndarray | None = None,
    sides: np.ndarray | None = None,
) -> list[str]:
    """Labels of the targets of one row, with `>` or `<` before a limit.

    Args:
        facts: names and levels of the solver.
        levels: `[m]`, the level number of each target, -1 where that of `facts` is meant; None for
            those of `facts`.
        conditions: `[K, d]`; None without.
        sides: `[m]`, 1 or -1 for a limit; None without.
    """
    found = level_labels(facts.counts, levels_of(facts, levels), facts.lower, conditions)
    if sides is None:
        return found
    marks = [_MARKS.get(float(side), "") for side in sides]
    return [mark + label for mark, label in zip(marks, found, strict=True)]


def levels_of(facts: Facts, levels: np.ndarray | None) -> np.ndarray:
    """`[m, w]`, the level numbers that name each target.

    Args:
        facts: names and levels of the solver.
        levels: `[m]`, those that a fit found, -1 where that of `facts` is meant; None for none.
    """
    if levels is None:
        return facts.upper
    first = np.where(levels >= 0, levels, facts.upper[:, 0])
    return np.concatenate([first[:, None], facts.upper[:, 1:]], axis=1)


def level_labels(
    counts: Sequence[int],
    levels: np.ndarray,
    origins: np.ndarray,
    conditions: np.ndarray | None = None,
) -> list[str]:
    """Labels of the targets: `3`, `3 - 0` for a difference, `1:3 - 0:0` with member numbers.

    Names take the place of numbers where there are any; see `LevelCounts.label`. With conditions
    `3 at 0.5`, or `1 - 0 at (0, 0, 0.5)`.

    Args:
        counts: the number of levels of each member, a `LevelCounts` if there are names.
        levels: `[m, w]`, the level numbers of each target, counted through all members, several for
            a blend; -1 for none. The label of a target without any, a function of all levels, is
            `#` with the number of the target.
        origins: `[m, w]`, the number of the level subtracted from each, -1 for none.
        conditions: `[K, d]`, the condition of each member; None without.

    Example:
        >>> level_labels([1, 3], np.array([[0], [3]]), np.array([[-1], [0]]))
        ['0:0', '1:2 - 0:0']
        >>> level_labels(LevelCounts([1, 3], ["S=1", "S=0"]), np.array([[3]]), np.array([[0]]))
        ['S=0:2 - S=1:0']
        >>> level_labels([3], np.array([[2, 1]]), np.array([[0, 0]]))  # a blend
        ['2 - 0 & 1 - 0']
        >>> at = np.array([[0.5], [1.0]])
        >>> level_labels([2, 2], np.array([[1], [3]]), np.array([[0], [0]]), at)
        ['1 - 0 at 0.5', '1 at 1 - 0 at 0.5']
    """
    named = LevelCounts.of(counts)
    if conditions is not None:
        named = LevelCounts(named[:1], levels=named.levels[:1])

    def place_of(number: int) -> tuple[str, str]:
        """The level, and the condition."""
        if conditions is None:
            return named.label(number), ""
        member, inside = divmod(number, named[0])
        return named.label(inside), f" at {_condition(conditions[member])}"

    def line(level: int, origin: int) -> str:
        label, at = place_of(level)
        if origin < 0:
            return label + at
        other, there = place_of(origin)
        return f"{label} - {other}{at}" if at == there else f"{label}{at} - {other}{there}"

    found = []
    for place, both in enumerate(zip(levels.tolist(), origins.tolist(), strict=True)):
        own = [line(*pair) for pair in zip(*both, strict=True) if pair[0] >= 0]
        found.append(" & ".join(own) if own else f"#{place}")
    return found


def _condition(numbers: np.ndarray) -> str:
    """A condition as text: `0.5`, or `(0, 0, 0.5)`."""
    shown = ", ".join(f"{number:.6g}" for number in numbers)
    return shown if len(numbers) == 1 else f"({shown})"
