"""Which target of the solver a level of a data table is."""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from eigenfit.spelling import nearest

from ..solver import Frequencies, Levels, Observation, Parameterization
from ..solver.level_counts import LevelCounts
from ..solver.observations.function_map import FunctionMap
from ..solver.results.labels import level_labels
from .sections import DataSection


class Targets:
    """The targets of an observation, found by the labels of a data table.

    With a structure that takes conditions these are the targets at one condition.

    Attributes:
        observation: what is compared.
        counts: the numbers and names of the levels, at one condition.
        width: how many targets there are.
        names: what each is; empty if the levels are found in the fit.
    """

    def __init__(self, structure: Parameterization, observation: Observation):
        counts = structure.level_counts
        if structure.conditions_shape is not None:
            counts = LevelCounts(counts[:1], levels=counts.levels[:1])
        self.observation, self.counts = observation, counts
        self.map = observation.of(counts)
        self.width = self.map.num_targets
        assigned = self.map.assigned
        self._levels = self._levels_of_targets()
        self.names = [] if assigned else level_labels(counts, *self.map.lines)
        self._by_name: dict[str, int] = {}
        for place, name in enumerate(self.names):
            self._by_name.setdefault(name, place)

    def _levels_of_targets(self) -> np.ndarray | None:
        """`[m]`, the level of each target that is one level; None if targets are not levels."""
        if isinstance(self.map, FunctionMap):
            own = self.map.own_levels
            return None if own is None or own.shape[1] != 1 else own[:, 0]
        return None if self.map.assigned or self.map.ordered is None else self.map.upper

    @property
    def measures(self) -> np.ndarray:
        """`[m]`, False for the zero of the scale, which is no datum."""
        return self.map.measures

    def members(self) -> np.ndarray | None:
        """`[m]`, the member of each target if its targets are ascending levels; else None."""
        return None if self.map.ordered is None else self.map.ordered[0]

    def has(self, label: Any) -> bool:
        """Whether there is a target with this label."""
        try:
            self.find(label)
        except ValueError:
            return False
        return True

    def find(self, label: Any) -> int:
        """The number of the target with this label.

        Args:
            label: the name of a target or of a level, the number of a level, `member:number`.

        Raises:
            ValueError: if there is none.
        """
        if isinstance(label, str) and label in self._by_name:
            return self._by_name[label]
        if self._levels is None:
            near = nearest(label, self.names)
            hint = f"; did you mean {near!r}?" if near else ""
            raise ValueError(f"there is no target {label!r}{hint}")
        number = self.level(label)
        multiplets = getattr(self.map, "multiplets", None)
        number = number if multiplets is None else int(multiplets[number])
        (found,) = np.nonzero(self._levels == number)
        if not len(found):
            raise ValueError(
                f"level {self.counts.label(number)} is not among those that are compared"
            )
        return int(found[0])

    def level(self, label: Any) -> int:
        """The number of a level, counted through all members.

        Raises:
            ValueError: if there is no such level.
        """
        try:
            member, number = self.counts.find(as_label(label, self.counts))
        except ValueError as error:
            names = [name for names in self.counts.levels for name in names or ()]
            near = nearest(label, names)
            hint = f"; did you mean {near!r}?" if near and near != label else ""
            raise ValueError(f"{error}{hint}") from None
        return self.counts.firsts[member] + number


def as_label(label: Any, counts: LevelCounts) -> Any:
    """A label of a table in the form that a solver takes.

    Args:
        label: what stood in the table: a number, a name, or `member:number`.
        counts: with the names.

    Returns:
        A level number, a name, or (member, number).

    Raises:
        ValueError: for something else.

    Example:
        >>> as_label("3", LevelCounts([4])), as_label("M=1:2", LevelCounts([3, 3], ["M=1", "M=2"]))
        (3, ('M=1', 2))
    """
    if isinstance(label, bool) or label is None:
        raise ValueError(f"{label!r} is not a level")
    if isinstance(label, (int, float)):
        if not np.isfinite(label) or label != int(label) or label < 0:
            raise ValueError(f"a level is a whole number from 0, got {label!r}")
        return int(label)
    text = str(label)
    named = [name for names in counts.levels for name in names or ()]
    if text in named:
        return text
    if re.fullmatch(r"\d{1,9}", text):
        return int(text)
    member, colon, inside = text.rpartition(":")
    if colon and inside:
        known = counts.members or ()
        place: Any = member if member in known or not member.isdigit() else int(member)
        return place, int(inside) if re.fullmatch(r"\d{1,9}", inside) else inside
    return text


def chosen_observation(structure: Parameterization, section: DataSection) -> Observation:
    """What is compared: the usual observation of the structure, as `[data]` changes it.

    Raises:
        ValueError: if the usual observation cannot be changed so.
    """
    usual = structure.usual_observation or Levels()
    changes = {
        name: getattr(section, name)
        for name in ("relative_to", "lowest", "highest", "multiplicity")
        if getattr(section, name) is not None
    }
    if not changes:
        return usual
    if not isinstance(usual, Levels):
        kind = type(usual).__name__
        raise ValueError(
            f"{next(iter(changes))} has no meaning for this system, which observes {kind}"
        )
    options = {**usual.describe(), **changes}
    if "lowest" in changes or "highest" in changes:
        for name in ("lowest", "highest", "indices"):
            options[name] = changes.get(name)
    if isinstance(usual, Frequencies):
        for name in ("relative_to", "multiplicity"):
            if options.pop(name, None) is not None:
                raise ValueError(f"{name} has no meaning for natural frequencies")
        return Frequencies(**options)
    return Levels(**options)
