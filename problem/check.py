"""What a problem means, without a fit: sizes, parameters, data by state, what is undetermined."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np

from ..solver import SpectralSolver
from .errors import Fault, listed
from .targets import Targets

if TYPE_CHECKING:
    from .problem import Problem

# As many lines of the data, or blocks, as are shown.
_MOST_VALUES = 60
_MOST_BLOCKS = 8
# Points at which the rank is computed: it is the same nearly everywhere.
_POINTS = 3


@dataclasses.dataclass(frozen=True)
class Check:
    """What a problem means; `str` shows it.

    Attributes:
        title: of the problem.
        size: the number of levels.
        parameters: the names of the parameters to fit.
        spectra: the number of spectra.
        values: the number of measured values of each spectrum, without limits.
        degrees_of_freedom: of the spectrum with the most values: its values and priors, minus the
            parameters that they determine and the unknown offset if there is one.
        undetermined: parameters that the data do not determine one by one.
        faults: lines of the data that were left out.
        text: all of this in words.
    """

    title: str
    size: int
    parameters: tuple[str, ...]
    spectra: int
    values: tuple[int, ...]
    degrees_of_freedom: int
    undetermined: tuple[str, ...]
    faults: tuple[Fault, ...]
    text: str

    def __str__(self) -> str:
        return self.text


def check(problem: Problem) -> Check:
    """What a problem means; see `Problem.check`."""
    # With errors scaled by the misfit, no parameter would have one where no misfit is left.
    solver = problem.solver(absolute_sigma=True)
    structure, data = problem.structure, problem.data
    targets = Targets(structure, problem.observation)
    repeats = data.targets.shape[1] // targets.width
    counted = ~np.isnan(data.targets) & np.tile(targets.measures, repeats)
    if data.sides is not None:
        counted &= data.sides == 0
    values = counted.sum(axis=1)
    fullest = int(values.argmax())
    rank, undetermined = _determined(problem, solver, fullest)
    settings = problem.settings
    priors = len(settings.get("priors", {}))
    offset = int(solver.comparison.centred)
    freedom = int(values[fullest]) + priors - rank - offset
    blocks = [(title, text) for title, text in _described(problem, targets, values) if text]
    blocks.append(("degrees of freedom", _freedom(freedom, int(values[fullest]), priors, rank)))
    blocks.append(("undetermined", listed(undetermined) if undetermined else "no parameter"))
    if data.faults:
        blocks.append(("left out", "\n".join(map(str, data.faults))))
    width = max(len(title) for title, _ in blocks)
    lines = [problem.title, ""] if problem.title else []
    for title, text in blocks:
        first, *more = text.split("\n")
        lines.append(f"{title:<{width}}  {first}")
        lines += [f"{'':<{width}}  {line}" for line in more]
    return Check(
        title=problem.title,
        size=structure.size,
        parameters=tuple(structure.parameter_names),
        spectra=len(data.targets),
        values=tuple(values.tolist()),
        degrees_of_freedom=freedom,
        undetermined=undetermined,
        faults=data.faults,
        text="\n".join(lines),
    )


def _described(problem: Problem, targets: Targets, values: np.ndarray) -> list[tuple[str, str]]:
    """Headings and texts on the system, its parameters, and the data."""
    data = problem.data
    unit = f" {data.unit}" if data.unit else ""
    count = len(data.targets)
    amount = (
        f"{values.min()}" if values.min() == values.max() else f"{values.min()} to {values.max()}"
    )
    each = f"{amount} values" if count == 1 else f"{count} spectra of {amount} values"
    text = f"{each} from {data.source}, {data.layout}"
    if data.sigma is None:
        text += "; no standard errors"
    else:
        low, high = np.nanmin(data.sigma), np.nanmax(data.sigma)
        text += f"; standard errors {low:.4g}" + (f" to {high:.4g}" if high > low else "") + unit
    compared = type(problem.observation).__name__
    options = {
        name: value
        for name, value in problem.observation.describe().items()
        if name in ("relative_to", "lowest", "highest", "multiplicity") and value is not None
    }
    if options:
        compared += f" ({', '.join(f'{name} {value}' for name, value in options.items())})"
    return [
        ("system", _system(problem)),
        ("parameters", "\n".join(_parameters(problem))),
        ("data", text),
        ("compared", compared),
        ("", "") if count > 1 else ("values", "\n".join(_values(problem, targets))),
    ]


def _system(problem: Problem) -> str:
    structure = problem.structure
    counts = structure.level_counts
    if structure.conditions_shape is not None:
        names = ", ".join(structure.condition_names)
        text = f"{counts[0]} levels at up to {structure.conditions_shape[0]} conditions ({names})"
    elif len(counts) == 1:
        text = f"{counts[0]} levels"
    else:
        members = counts.members or [str(number) for number in range(len(counts))]
        each = [f"{name} ({count})" for name, count in zip(members, counts, strict=True)]
        text = f"{problem.structure.size} levels in {len(counts)} members: {listed(each)}"
    return f"{problem.system}: {text}"


def _parameters(problem: Problem) -> list[str]:
    """A line for each parameter: what is known of it."""
    structure, settings, starts = problem.structure, problem.settings, problem.starts
    bounds, priors = settings.get("bounds", {}), settings.get("priors", {})
    lines = []
    for name in structure.parameter_names:
        notes = []
        if name in starts:
            notes.append(f"start {starts[name]:g}")
        if name in bounds:
            notes.append("bounds {:g} to {:g}".format(*bounds[name]))
        if name in priors:
            notes.append("prior {:g} ± {:g}".format(*priors[name]))
        unit = structure.parameter_units.get(name, "")
        lines.append(f"{name}{f' ({unit})' if unit else ''}: {', '.join(notes) or 'free'}")
    lines += [f"{name}: fixed at {value:g}" for name, value in problem.fixed.items()]
    lines += [f"{name}: {factor:g} * {other}" for name, (other, factor) in problem.ties.items()]
    return lines


def _values(problem: Problem, targets: Targets) -> list[str]:
    """A line for each value of the only spectrum."""
    data = problem.data
    lines = []
    for column in np.flatnonzero(~np.isnan(data.targets[0])):
        condition, target = divmod(int(column), targets.width)
        name = targets.names[target] if targets.names else "any level"
        line = f"{name}: "
        if data.sides is not None:
            line += {1: "> ", -1: "< "}.get(int(data.sides[0, column]), "")
        line += f"{data.targets[0, column]:.10g}"
        if data.sigma is not None and not np.isnan(data.sigma[0, column]):
            line += f" ± {data.sigma[0, column]:.4g}"
        if not targets.measures[target]:
            line += " (the zero of the scale)"
        if data.conditions is not None:
            at = ", ".join(f"{number:g}" for number in data.conditions[0, condition])
            line += f" at {at}"
        lines.append(line)
    more = len(lines) - _MOST_VALUES
    return lines if more <= 0 else [*lines[:_MOST_VALUES], f"and {more} more"]


def _determined(problem: Problem, solver: SpectralSolver, row: int) -> tuple[int, tuple[str, ...]]:
    """How many combinations of parameters one row determines, and the parameters it does not."""
    structure, data = problem.structure, problem.data
    rng = np.random.default_rng(0)
    scales = np.where(structure.parameter_scales > 0, structure.parameter_scales, 1.0)
    spread = np.nanstd(data.targets[row]) or 1.0
    points = rng.normal(size=(_POINTS, structure.num_parameters)) * spread / scales
    for place, name in enumerate(structure.parameter_names):
        if name in problem.starts:
            points[:, place] = problem.starts[name]
    for name, (low, high) in problem.settings.get("bounds", {}).items():
        place = structure.parameter_names.index(name)
        inner = np.clip(points[:, place], low, high)
        points[:, place] = inner
        if np.isfinite([low, high]).all():  # a parameter at its bound counts as held
            points[:, place] = low + (high - low) * rng.uniform(0.2, 0.8, _POINTS)

    def rows(part: np.ndarray | None) -> np.ndarray | None:
        return None if part is None else np.repeat(part[row : row + 1], _POINTS, axis=0)

    found = solver.covariance(
        points,
        targets=rows(data.targets),
        sigma=rows(data.sigma),
        sides=rows(data.sides),
        conditions=rows(data.conditions),
    )
    ranks, errors = found.rank.numpy(), found.standard_errors.numpy()
    best = int(ranks.argmax())
    lost = np.isinf(errors[best])
    names = structure.parameter_names
    return int(ranks[best]), tuple(
        name for name, is_lost in zip(names, lost, strict=True) if is_lost
    )


def _freedom(freedom: int, values: int, priors: int, rank: int) -> str:
    parts = f"{values} values" + (f" and {priors} priors" if priors else "")
    text = f"{freedom} ({parts}, which determine {rank} combinations of parameters)"
    if freedom <= 0:
        text += "\nno misfit can be seen, and errors need known sigma ([fit] absolute_sigma = true)"
    return text
