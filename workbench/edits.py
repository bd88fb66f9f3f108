"""What is changed on the page, as changes of the problem file."""

from __future__ import annotations

import copy
import dataclasses
import math
from collections.abc import Mapping
from typing import Any

from ..problem import Problem
from ..problem.document import Document
from ..problem.errors import fail

# What [data] says of the meaning of values; its other keys are about the form of one table.
_MEANING = ("relative_to", "assignment", "lowest", "highest", "multiplicity", "unit", "sigma")


@dataclasses.dataclass(frozen=True)
class Setting:
    """What the page says of a parameter.

    Attributes:
        value: where its slider is.
        held: whether it is not fitted.
        bounds: the lowest and the highest value.
        prior: mean and standard error; None for none.
    """

    value: float
    held: bool = False
    bounds: tuple[float, float] = (-math.inf, math.inf)
    prior: tuple[float, float] | None = None

    def entry(self, hold: bool = True) -> float | dict[str, Any]:
        """The entry of the parameter in a problem file.

        Args:
            hold: whether a held parameter is fixed in it.
        """
        if self.held and hold:
            return {"fixed": self.value}
        found: dict[str, Any] = {"start": self.value}
        if self.bounds != (-math.inf, math.inf):
            found["bounds"] = list(self.bounds)
        if self.prior is not None:
            found["prior"] = list(self.prior)
        return found if len(found) > 1 else self.value


def settings_from(given: Any, names: tuple[str, ...]) -> dict[str, Setting]:
    """The settings that the page sends, by parameter name.

    Raises:
        ProblemError: for anything else.
    """
    if not isinstance(given, Mapping) or set(given) != set(names):
        raise fail("parameters", f"must be an object with {', '.join(names)}, got {given!r:.200}.")
    found = {}
    for name in names:
        one = given[name]
        try:
            low, high = one["bounds"]
            prior = one["prior"]
            found[name] = Setting(
                float(one["value"]),
                bool(one["held"]),
                (
                    -math.inf if low is None else float(low),
                    math.inf if high is None else float(high),
                ),
                None if prior is None else (float(prior[0]), float(prior[1])),
            )
        except (KeyError, TypeError, ValueError, OverflowError, IndexError) as error:
            raise fail(
                f"parameters.{name}",
                f"must have value, held, bounds and prior, got {one!r:.200} ({error}).",
            ) from None
    return found


def data_section(problem: Problem, file: str) -> dict[str, Any]:
    """`[data]` for the table that `rows.text_of` writes into a file."""
    section = problem.document.values["data"]
    kept = {name: section[name] for name in _MEANING if name in section}
    if "sigma" in kept and "unit" not in kept:
        # It was in the unit of the old table; the new one is in that of the system.
        kept["sigma"] = kept["sigma"] * problem.data.factor
    return {"file": file, **kept}


def changed(
    document: Document,
    settings: Mapping[str, Setting],
    data: Mapping[str, Any] | None,
    hold: bool = True,
) -> Document:
    """A problem file with other parameters and other data, in memory.

    Args:
        document: the problem file.
        settings: of the parameters, by name. Others keep their entry.
        data: `[data]`; None keeps it.
        hold: whether held parameters are fixed.
    """
    values = copy.deepcopy(document.values)
    entries = values.setdefault("parameters", {})
    for name, setting in settings.items():
        entries[name] = setting.entry(hold)
    if data is not None:
        values["data"] = dict(data)
    return dataclasses.replace(document, values=values)


def edited_text(text: str, settings: Mapping[str, Setting], data: Mapping[str, Any] | None) -> str:
    """The text of a problem file with the same changes; comments and order stay.

    Args:
        text: TOML.
        settings: of the parameters, by name.
        data: `[data]`; None leaves it as it is.
    """
    import tomlkit

    file = tomlkit.parse(text)
    if "parameters" not in file:
        file.add("parameters", tomlkit.table())
    entries: Any = file["parameters"]
    for name, setting in settings.items():
        _set(entries, name, setting.entry())
    if data is not None:
        section: Any = file["data"]
        for key in [key for key in section if key not in data]:
            del section[key]
        for key, value in data.items():
            if key not in section or section[key] != value:
                section[key] = value
    return tomlkit.dumps(file)


def _set(entries: Any, name: str, entry: float | dict[str, Any]) -> None:
    """Set the entry of a parameter, if it says something else."""
    import tomlkit

    there = entries.get(name)
    if there in (entry, {"start": entry}):
        return
    if isinstance(entry, dict) and hasattr(there, "items"):
        for key in [key for key in there if key not in entry]:
            del there[key]
        for key, value in entry.items():
            if there.get(key) != value:
                there[key] = value
        return
    if isinstance(entry, dict):
        made = tomlkit.inline_table()
        made.update(entry)
        entries[name] = made
    else:
        entries[name] = entry
