"""What a report shows of a fit, as plain data: the only module that looks into a `FitResult`.

Figures and pages depend on these classes and on nothing else of the solver.
"""

from __future__ import annotations

import collections
import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from ..solver import Cause, FitResult, LevelCounts, Status, Trace
from ..solver.results import solution as results
from ..solver.results.context import Facts
from ..solver.results.labels import level_labels, levels_of
from ..solver.results.notation import bracketed
from ..solver.results.solutions import filled_weights, level_numbers
from ..solver.seed import SEED

Array = NDArray[np.float64]


@dataclasses.dataclass(frozen=True)
class Parameter:
    """A fitted parameter.

    Attributes:
        name: its name.
        unit: its unit, "" if that is not known.
        value: the fitted value.
        error: one standard deviation; inf if the data do not determine it, NaN at a bound.
    """

    name: str
    unit: str
    value: float
    error: float

    @property
    def text(self) -> str:
        """The value with its error in units of the last digit, `-669.1(23)`."""
        return bracketed(self.value, self.error)


@dataclasses.dataclass(frozen=True)
class Datum:
    """A target: what was observed and what was fitted.

    Attributes:
        label: what it is, such as `7` or `1_11 - 0_00`.
        unit: of the numbers below, "" if that is not known.
        upper: the number of its level through all members; -1 for a function of levels.
        lower: the number of the level that is subtracted; -1 for none.
        side: ">" or "<" for a limit, else "".
        counts: whether it counts in the fit: not if it was not observed, was left out by the weight
            0, or is the zero of the scale.
        observed: the observed value, NaN if there is none.
        sigma: its standard error, NaN if only the ratios of the errors are known.
        fitted: the value of the fitted model, in the zero of the observed ones; NaN if unknown.
        fitted_error: the standard error of `fitted`.
        residual: observed minus fitted.
        normalized: `residual` in standard errors of the observed value.
    """

    label: str
    unit: str
    upper: int
    lower: int
    side: str
    counts: bool
    observed: float
    sigma: float
    fitted: float
    fitted_error: float
    residual: float
    normalized: float


@dataclasses.dataclass(frozen=True)
class Level:
    """A level of the fitted matrix.

    Attributes:
        number: counted through all members.
        label: its name, or its number.
        value: the eigenvalue.
    """

    number: int
    label: str
    value: float


@dataclasses.dataclass(frozen=True)
class Member:
    """A matrix of a family, or the matrix at one condition.

    Attributes:
        label: its name, "" if there is only one.
        levels: its levels, ascending.
    """

    label: str
    levels: tuple[Level, ...]


@dataclasses.dataclass(frozen=True)
class Misfit:
    """How well the model fits the data of a row.

    Attributes:
        count: the number of data.
        free: the number of parameters that are not at a bound.
        freedom: degrees of freedom, data minus free parameters; NaN if unknown.
        chi2: the sum of the squared normalized residuals, NaN if only the ratios of the standard
            errors of the data are known.
        p_value: the probability of a `chi2` at least as large if the model is right, NaN without.
        rms: the root mean square of the residuals, in the unit of the data; NaN if they have
            several units.
    """

    count: int
    free: int
    freedom: float
    chi2: float
    p_value: float
    rms: float


@dataclasses.dataclass(frozen=True)
class Solution:
    """One minimum of a row.

    Attributes:
        status: how its fit ended.
        cause: why, NONE where there is nothing to add.
        steps: the number of steps.
        starts: how many starting points were tried.
        agreeing: how many of them ended here.
        loss: the sum of the squared weighted residuals.
        parameters: the fitted parameters.
        data: all targets.
        members: the fitted levels, by member.
        level_unit: the unit of the levels, "" if it is not known.
        correlation: `[p, p]`, NaN where a parameter is at a bound or not determined.
        misfit: how well the model fits the data.
    """

    status: Status
    cause: Cause
    steps: int
    starts: int
    agreeing: int
    loss: float
    parameters: tuple[Parameter, ...]
    data: tuple[Datum, ...]
    members: tuple[Member, ...]
    level_unit: str
    correlation: Array
    misfit: Misfit

    @property
    def has_answer(self) -> bool:
        """Whether there are fitted parameters."""
        return self.status > 0

    @property
    def reason(self) -> str:
        """One sentence that says what cause or status mean."""
        return self.cause.message if self.cause else self.status.message

    @property
    def counting(self) -> tuple[Datum, ...]:
        """The data that count in the fit."""
        return tuple(datum for datum in self.data if datum.counts)


@dataclasses.dataclass(frozen=True)
class Batch:
    """All rows of a fit, the best solution of each.

    Attributes:
        names: of the p parameters.
        units: of the parameters by name, "" where not known.
        parameters: `[B, p]`, NaN in a row without an answer.
        statuses: of the B rows.
        causes: of the B rows.
        losses: `[B]`.
        rms: `[B]`, the root mean square of the residuals of each row, NaN without an answer.
    """

    names: tuple[str, ...]
    units: Mapping[str, str]
    parameters: Array
    statuses: tuple[Status, ...]
    causes: tuple[Cause, ...]
    losses: Array
    rms: Array

    @property
    def counts(self) -> dict[Status, int]:
        """How many rows have each status, those with an answer first."""
        found = collections.Counter(self.statuses)
        order = [status for status in Status if found[status]]
        return {status: found[status] for status in order}

    def worst(self, most: int) -> list[int]:
        """The numbers of the rows to look at first, at most so many.

        Rows without an answer come first, then those that stopped before they reached a minimum,
        then the others from the largest loss downwards.
        """
        severity = {Status.STALLED: 1, Status.MAX_STEPS: 1}

        def key(row: int) -> tuple[int, float, int]:
            status = self.statuses[row]
            grade = 2 if status < 0 else severity.get(status, 0)
            return -grade, -float(np.nan_to_num(self.losses[row])), row

        return sorted(range(len(self.statuses)), key=key)[:most]


@dataclasses.dataclass(frozen=True)
class Path:
    """The way of a row from its first start to its end.

    Attributes:
        eigenvalues: `[S + 1, n]`, after each of S steps, the start first.
        loss: `[S + 1]`.
    """

    eigenvalues: Array
    loss: Array


@dataclasses.dataclass(frozen=True)
class Source:
    """What was fitted.

    Attributes:
        targets: `[B, m]`; None for the result of another graph or of a server.
        weights: `[B, m]`, likewise.
        seed: of the random numbers of the search.
    """

    targets: Array | None
    weights: Array | None
    seed: int


def solutions_of(fit: FitResult, row: int = 0) -> tuple[Solution, ...]:
    """The solutions of a row, best first; one unless the solver was asked for several.

    Args:
        fit: what `fit` returned. The result of another graph or of a server knows neither names
            nor observed values: its parameters are `x0, x1, ...`, its targets have numbers.
        row: the number of the row, from the end if it is negative.

    Raises:
        ValueError: for a row number out of range, or inside a graph, where there are no values.
    """
    (found,) = rows_of(fit, [row])
    return found


def rows_of(fit: FitResult, rows: Sequence[int]) -> list[tuple[Solution, ...]]:
    """The solutions of some rows; see `solutions_of`."""
    return [_row(fit.row(row)) for row in rows]


def source_of(fit: FitResult) -> Source:
    """What was fitted."""
    context = fit._context
    if context is None:
        return Source(None, None, SEED)
    return Source(np.asarray(context.targets), filled_weights(context), SEED)


def batch_of(fit: FitResult) -> Batch:
    """All rows of a fit."""
    if any(tf.is_symbolic_tensor(field) for field in fit):
        raise ValueError("report: the result has no numbers inside a graph; call it outside.")
    numbers = _numbers(fit)
    if numbers["loss"].ndim == 2:
        numbers = {name: field[:, 0] for name, field in numbers.items()}
    context = fit._context
    names = [f"x{place}" for place in range(numbers["parameters"].shape[1])]
    units = [""] * len(names)
    if context is not None:
        names, units = context.facts.parameter_names, context.facts.parameter_units
    return Batch(
        names=tuple(names),
        units=dict(zip(names, units, strict=True)),
        parameters=numbers["parameters"],
        statuses=tuple(Status(int(code)) for code in numbers["status"]),
        causes=tuple(Cause(int(code)) for code in numbers["cause"]),
        losses=numbers["loss"],
        rms=np.array([_rms(line) for line in numbers["residuals"]]),
    )


def path_of(trace: Trace, row: int = 0) -> Path:
    """The way of a row; empty if it could not be fitted."""
    steps = int(np.asarray(trace.steps)[row])
    loss = np.asarray(trace.loss, float)[row, : steps + 1]
    eigenvalues = np.asarray(trace.eigenvalues, float)[row, : steps + 1]
    known = np.isfinite(loss)
    return Path(eigenvalues=eigenvalues[known], loss=loss[known])


def _numbers(fit: FitResult) -> dict[str, Any]:
    """The fields of a result by name, as arrays."""
    return {name: np.asarray(field) for name, field in fit._asdict().items()}


def _row(fit: FitResult) -> tuple[Solution, ...]:
    """The solutions of the only row of a result."""
    ((*found,),) = fit._solutions("report")
    context = fit._context
    if context is None:
        return tuple(_solution(one, _Targets.unknown(one)) for one in found)
    parameters = np.stack([one.numbers["parameters"] for one in found])
    levels = level_numbers(context, parameters[None])
    sides = np.asarray(0.0 if context.sides is None else context.sides)
    sides = np.broadcast_to(sides[0] if sides.ndim == 2 else sides, np.shape(context.targets)[1:])
    return tuple(
        _solution(
            one, _Targets.of(one, context.facts, None if levels is None else levels[0, k], sides)
        )
        for k, one in enumerate(found)
    )


class _Targets(NamedTuple):
    """What the targets of a solution are.

    Attributes:
        labels: `[m]`.
        units: `[m]`, "" where not known.
        upper: `[m]`, the number of the level; -1 for a function of levels. That of the target for
            frequencies, which are shown in place of the levels.
        lower: `[m]`, of the level that is subtracted; -1 for none.
        sides: `[m]`, ">", "<" or "".
        observed: `[m]`, NaN where not known.
        weights: `[m]`, 0 where a target does not count.
        predicted: `[m]`.
        predicted_errors: `[m]`.
    """

    labels: Sequence[str]
    units: Sequence[str]
    upper: NDArray[np.int_]
    lower: NDArray[np.int_]
    sides: Sequence[str]
    observed: Array
    weights: Array
    predicted: Array
    predicted_errors: Array

    @classmethod
    def unknown(cls, one: results.Solution) -> _Targets:
        """Of a result of another graph or of a server."""
        count = len(one.numbers["residuals"])
        nothing, none = np.full(count, np.nan), np.full(count, -1)
        labels = [f"target {place}" for place in range(count)]
        empty = [""] * count
        seen = np.where(one.observed, 1.0, 0.0)
        return cls(labels, empty, none, none, empty, nothing, seen, nothing, nothing)

    @classmethod
    def of(
        cls, one: results.Solution, facts: Facts, levels: NDArray[np.int_] | None, sides: Array
    ) -> _Targets:
        """Of a fit.

        Args:
            one: the solution.
            facts: names and units.
            levels: `[m]`, the level that the fit found for each target; None if it is fixed.
            sides: `[m]`, 1 or -1 for a limit.
        """
        assert one.targets is not None
        assert one.weights is not None
        assert one.statistics is not None
        # Where nothing was observed, a column stands for the level that it always stands for.
        every = levels_of(facts, levels)
        labels = level_labels(facts.counts, every, facts.lower, one.conditions)
        alone = (every >= 0).sum(axis=1) == 1  # a blend is several lines
        upper, lower = (np.where(alone, each[:, 0], -1) for each in (every, facts.lower))
        if _are_frequencies(one):
            upper = np.arange(len(labels))
        counts = one.observed & facts.measures & (one.weights > 0)
        return cls(
            labels=labels,
            units=facts.target_units,
            upper=upper,
            lower=lower,
            sides=[{1.0: ">", -1.0: "<"}.get(float(side), "") for side in sides],
            observed=one.targets,
            weights=np.where(counts, one.weights, 0.0),
            predicted=np.asarray(one.statistics.prediction.values, float),
            predicted_errors=np.asarray(one.statistics.prediction.standard_errors, float),
        )


def _solution(one: results.Solution, targets: _Targets) -> Solution:
    """What a page shows of a solution."""
    numbers, facts, found = one.numbers, one.facts, one.statistics
    absolute = facts is not None and facts.absolute_sigma
    loss = float(numbers["loss"])
    freedom = np.nan if found is None else float(found.degrees_of_freedom)
    scale = 1.0 if absolute else np.sqrt(loss / freedom) if freedom > 0 else np.nan
    data = tuple(_data(numbers["residuals"], targets, scale, absolute))
    parameters = tuple(
        Parameter(name, unit, float(value), float(error))
        for name, unit, value, error in zip(
            one.names, one.units, numbers["parameters"], numbers["standard_errors"], strict=True
        )
    )
    count = len(parameters)
    unknown = np.full((count, count), np.nan)
    return Solution(
        status=one.status,
        cause=one.cause,
        steps=int(numbers["steps"]),
        starts=int(numbers["starts"]),
        agreeing=int(numbers["agreeing"]),
        loss=loss,
        parameters=parameters,
        data=data,
        members=(_frequencies(data),) if _are_frequencies(one) else tuple(_members(one, data)),
        level_unit=_level_unit(one),
        correlation=unknown if found is None else np.asarray(found.covariance.correlation, float),
        misfit=Misfit(
            count=sum(datum.counts for datum in data),
            free=sum(not np.isnan(parameter.error) for parameter in parameters),
            freedom=freedom,
            chi2=float(found.chi2) if found is not None and absolute else np.nan,
            p_value=np.nan if found is None else float(found.p_value),
            rms=_rms_of(data),
        ),
    )


def _data(residuals: Array, targets: _Targets, scale: float, absolute: bool) -> Iterator[Datum]:
    """The targets of a solution; the scale is that of the normalized residuals."""
    for place, residual in enumerate(residuals):
        weight = float(targets.weights[place])
        counts = bool(weight > 0 and np.isfinite(residual))
        yield Datum(
            label=targets.labels[place],
            unit=targets.units[place],
            upper=int(targets.upper[place]),
            lower=int(targets.lower[place]),
            side=targets.sides[place],
            counts=counts,
            observed=float(targets.observed[place]),
            sigma=1.0 / weight if counts and absolute else np.nan,
            fitted=float(targets.predicted[place]),
            fitted_error=float(targets.predicted_errors[place]),
            residual=float(residual),
            normalized=float(weight * residual / scale) if scale > 0 else np.nan,
        )


def _are_frequencies(one: results.Solution) -> bool:
    """Whether the targets are natural frequencies, which say more than their squares."""
    return one.facts is not None and one.facts.model["observation"]["kind"] == "Frequencies"


def _level_unit(one: results.Solution) -> str:
    """The unit of the levels, or of the frequencies in their place."""
    if one.facts is None:
        return ""
    return one.facts.target_units[0] if _are_frequencies(one) else one.facts.level_unit


def _frequencies(data: Sequence[Datum]) -> Member:
    """The fitted frequencies as levels."""
    return Member("", tuple(Level(datum.upper, datum.label, datum.fitted) for datum in data))


def _members(one: results.Solution, data: Sequence[Datum]) -> Iterator[Member]:
    """The fitted levels of each member, in the zero of its observed levels."""
    eigenvalues = np.asarray(one.numbers["eigenvalues"], float)
    counts = LevelCounts([len(eigenvalues)]) if one.facts is None else one.facts.counts
    grounds = {datum.upper for datum in data if datum.upper == datum.lower}
    first = 0
    for place, count in enumerate(counts):
        own = range(first, first + count)
        first = own.stop
        if one.conditions is not None and np.isnan(one.conditions[place]).all():
            continue  # a condition that this row does not have
        zeros = [
            eigenvalues[datum.upper] - datum.fitted
            for datum in data
            if datum.upper in own and (datum.lower < 0 or datum.lower in grounds)
        ]
        zeros = [zero for zero in zeros if np.isfinite(zero)]
        values = eigenvalues[own.start : own.stop] - (np.median(zeros) if zeros else 0.0)
        names = counts.levels[place] or [str(number) for number in range(count)]
        levels = (
            Level(number, name, float(value))
            for number, name, value in zip(own, names, values, strict=True)
        )
        yield Member(_member_label(counts, place, one.conditions), tuple(levels))


def _member_label(counts: LevelCounts, place: int, conditions: Array | None) -> str:
    """The name, the condition or the number of a member; "" if there is only one."""
    if conditions is not None:
        return ", ".join(f"{number:.6g}" for number in conditions[place])
    if counts.members is not None:
        return counts.members[place]
    return "" if len(counts) == 1 else str(place)


def _rms_of(data: Sequence[Datum]) -> float:
    """The root mean square of the residuals; NaN if they have several units."""
    counting = [datum for datum in data if datum.counts]
    if len({datum.unit for datum in counting}) != 1:
        return np.nan
    return _rms(np.array([datum.residual for datum in counting]))


def _rms(values: Array) -> float:
    """The root mean square of the numbers that are not NaN; NaN if there are none."""
    known = values[~np.isnan(values)]
    return float(np.sqrt(np.mean(known**2))) if len(known) else np.nan
