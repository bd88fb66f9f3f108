"""How many levels each member of a family has, and the names of members and levels."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from .wording import listed


class LevelCounts(tuple[int, ...]):
    """The number of levels of each member: a tuple of integers that also knows the names.

    Levels are counted from 0 for the lowest, in each member, and through all members one after the
    other. A level is given as its number if there is one member only, as (member, number), or by
    its own name. A member is its number, from 0, or its name.

    Attributes:
        members: one name for each member; None if they have none.
        levels: for each member one name for each level, or None if its levels have none.

    Example:
        >>> counts = LevelCounts([1, 3], members=["M=3/2", "M=1/2"])
        >>> counts == (1, 3), counts.find(("M=1/2", 2)), counts.label(3)
        (True, (1, 2), 'M=1/2:2')
    """

    members: tuple[str, ...] | None
    levels: tuple[tuple[str, ...] | None, ...]

    def __new__(
        cls,
        counts: Iterable[int],
        members: Sequence[str] | None = None,
        levels: Sequence[Sequence[str] | None] | None = None,
    ) -> LevelCounts:
        """See the class."""
        made = super().__new__(cls, counts)
        made.members = None if members is None else tuple(members)
        levels = [None] * len(made) if levels is None else levels
        made.levels = tuple(None if names is None else tuple(names) for names in levels)
        return made

    @classmethod
    def of(cls, counts: Sequence[int]) -> LevelCounts:
        """The counts with their names; without names for a plain sequence of integers."""
        return counts if isinstance(counts, LevelCounts) else cls(counts)

    def find(self, level: Any) -> tuple[int, int]:
        """The numbers (member, number) of a level.

        Args:
            level: the name of a level, a number if there is one member only, or (member, number)
                with names in place of either.

        Raises:
            ValueError: if there is no such level, or more than one of this name, or for another
                form of a level.
        """
        if isinstance(level, str):
            return self._named(level)
        if is_number_alone(level) and len(self) > 1:
            raise ValueError(
                f"in a family of {len(self)} members each level must be (member, number), got "
                f"{level!r}"
            )
        member, number = map(_as_number, _pair(level))
        if not isinstance(member, str) and member >= len(self):
            raise ValueError(self._lacks(number, member))
        place = self.find_member(member)
        if not isinstance(number, str):
            if number >= self[place]:
                raise ValueError(self._lacks(number, self._member(place)))
            return place, number
        names = self.levels[place]
        if names is None or number not in names:
            known = "has no names of levels" if names is None else f"has {listed(names)}"
            raise ValueError(
                f"there is no level {number!r} in member {self._member(place)}, which {known}"
            )
        return place, names.index(number)

    def find_member(self, member: int | str) -> int:
        """The number of a member, given by its number or its name.

        Raises:
            ValueError: if there is no such member.
        """
        if isinstance(member, str):
            if member in self._numbers_of_members:
                return self._numbers_of_members[member]
            raise ValueError(f"there is no member {member!r}; {self._shown()}")
        if not 0 <= member < len(self):
            raise ValueError(f"there is no member {member}; {self._shown()} (counted from 0)")
        return int(member)

    @functools.cached_property
    def firsts(self) -> list[int]:
        """The number of the lowest level of each member, counted through all members."""
        return [0, *np.cumsum(self, dtype=int).tolist()][: len(self)]

    def label(self, number: int) -> str:
        """How a level is shown, given its number counted through all members.

        Its name; for a level without one its number, after that of the member: `M=1/2:2`. The name
        of the member stands before the name of a level that other members have too.
        """
        member = int(np.searchsorted(self.firsts, number, side="right")) - 1
        inside = number - self.firsts[member]
        names = self.levels[member]
        if len(self) == 1:
            return str(inside) if names is None else names[inside]
        if names is not None and len(self._places_of_levels[names[inside]]) == 1:
            return names[inside]
        return f"{self._member(member)}:{inside if names is None else names[inside]}"

    def _named(self, name: str) -> tuple[int, int]:
        """The level of this name, in whichever member."""
        places = self._places_of_levels.get(name, [])
        if len(places) == 1:
            return places[0]
        if places:
            holders = listed([self._member(member) for member, _ in places])
            raise ValueError(
                f"several members have a level {name!r}: {holders}; write (member, {name!r})"
            )
        if name in self._numbers_of_members:
            raise ValueError(
                f"{name!r} is the name of a member, not of a level; write ({name!r}, number)"
            )
        known = list(self._places_of_levels)
        if known:
            raise ValueError(
                f"there is no level {name!r}; the levels with names are {listed(known)}"
            )
        raise ValueError(
            f"there is no level {name!r}, for the levels have no names; give numbers, or "
            "level_names to the structure"
        )

    def _lacks(self, number: int | str, member: int | str) -> str:
        """The message for a level that is not there."""
        return (
            f"there is no level {number} in member {member}; {self._shown()} (both counted from 0)"
        )

    def _shown(self) -> str:
        """The members with their numbers of levels, for messages."""
        if self.members is None:
            return f"the members have {listed([str(count) for count in self])} levels"
        pairs = zip(self.members, self, strict=True)
        return f"the members are {listed([f'{name} ({count} levels)' for name, count in pairs])}"

    def _member(self, place: int) -> str:
        return str(place) if self.members is None else self.members[place]

    @functools.cached_property
    def _numbers_of_members(self) -> dict[str, int]:
        return {name: place for place, name in enumerate(self.members or ())}

    @functools.cached_property
    def _places_of_levels(self) -> dict[str, list[tuple[int, int]]]:
        found: dict[str, list[tuple[int, int]]] = {}
        for member, names in enumerate(self.levels):
            for number, name in enumerate(names or ()):
                found.setdefault(name, []).append((member, number))
        return found


def as_level(level: Any) -> str | tuple[int | str, int | str]:
    """Check the form of a level: a number from 0, its name, or (member, number).

    Returns:
        The name, or (member, number), with member 0 for a number alone.

    Raises:
        ValueError: for another form.
    """
    if isinstance(level, str):
        return level
    member, number = _pair(level)
    return _as_number(member), _as_number(number)


def _pair(level: Any) -> tuple[Any, Any]:
    """(member, number) of a level that is not given by its name."""
    if is_number_alone(level):
        return 0, level
    member, number = level
    return member, number


def is_number_alone(level: Any) -> bool:
    """Whether the level is given as a number, without a member."""
    return np.ndim(level) == 0 and not isinstance(level, str)


def check_names_of(owner: str, argument: str, names: Any, count: int, what: str) -> tuple[str, ...]:
    """Check names of members or levels: different strings.

    Args:
        owner: the class named in error messages.
        argument: the argument named in error messages.
        names: the names.
        count: how many there must be.
        what: what has these names, for messages.

    Returns:
        The names.

    Raises:
        ValueError: for anything but `count` different strings that are not empty.
    """
    is_list = not isinstance(names, (str, bytes)) and np.iterable(names)
    found = tuple(names) if is_list else ()
    if not is_list or not all(isinstance(name, str) and name for name in found):
        raise ValueError(
            f"{owner}: {argument} must be a list of {count} strings, one for each {what}, got "
            f"{names!r}."
        )
    if len(found) != count:
        raise ValueError(
            f"{owner}: {argument} must be {count} names, one for each {what}, got {len(found)}."
        )
    twice = [name for name in dict.fromkeys(found) if found.count(name) > 1]
    if twice:
        raise ValueError(
            f"{owner}: {argument} must be different names, but {twice[0]!r} stands there twice."
        )
    return tuple(str(name) for name in found)


def _as_number(value: Any) -> int | str:
    if isinstance(value, str):
        return value
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < 0:
        raise ValueError(f"not a number from 0: {value!r}")
    return int(value)
