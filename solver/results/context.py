"""What a `FitResult` knows besides its numbers: names, units, data, and how to compute more."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np

from ..level_counts import LevelCounts
from .covariance import Covariance
from .derived import Derived, Prediction
from .statistics import Statistics


class Facts(NamedTuple):
    """What is the same for all rows of a solver.

    Attributes:
        parameter_names: `p` names.
        parameter_units: `p` units, "" where it is not known.
        level_unit: the unit of the levels, "" if it is not known.
        target_units: `m` units, "" where it is not known.
        counts: how many levels each member has, and their names.
        upper: `[m, w]`, the level numbers that name each target, several for a blend; -1 for none.
        lower: `[m, w]`, the number of the level subtracted from each, or -1.
        measures: `[m]` bool, False for a target that is the zero of the scale.
        weights: `[m]`, the weights of targets for which a fit is given none.
        absolute_sigma: whether weights are 1 / sigma.
        moves: whether a fit finds out which level a target is.
        model: structure and settings of the solver as plain data.
    """

    parameter_names: tuple[str, ...]
    parameter_units: tuple[str, ...]
    level_unit: str
    target_units: tuple[str, ...]
    counts: LevelCounts
    upper: np.ndarray
    lower: np.ndarray
    measures: np.ndarray
    weights: np.ndarray
    absolute_sigma: bool
    moves: bool
    model: Mapping[str, Any]


class Source(Protocol):
    """Computes more from the ends of a fit: parameters `[B * S, p]`, S solutions for each row."""

    def statistics(self, parameters: Any, loss: Any) -> Statistics:
        """The `Statistics`, from parameters and losses `[B * S]` of this fit."""
        ...

    def covariance(self, parameters: Any, loss: Any) -> Covariance:
        """The `Covariance`."""
        ...

    def predict(self, parameters: Any, loss: Any, observation: Any, conditions: Any) -> Prediction:
        """Predicted values for an observation and conditions; None for those of the fit."""
        ...

    def derived(
        self,
        parameters: Any,
        loss: Any,
        function: Callable[..., Any],
        names: Sequence[str] | None,
    ) -> Derived:
        """A function of the parameters, with names for its results."""
        ...

    def levels(self, parameters: Any) -> Any:
        """`[B * S, m]`, the level number of each target, -1 where none was observed."""
        ...

    def at(self, rows: slice) -> Source:
        """The same for some of the rows of the fit."""
        ...


class Context(NamedTuple):
    """What a `FitResult` knows besides its numbers.

    Attributes:
        facts: what is the same for all rows.
        targets: `[B, m]`, NaN where not observed.
        weights: `[B, m]`, NaN for those of the solver.
        sides: `[m]` or `[B, m]`, 1 or -1 for a limit, 0 for a value, NaN for the default; None
            without limits.
        conditions: `[B, K, d]`; () if the structure takes none.
        source: computes more.
    """

    facts: Facts
    targets: Any
    weights: Any
    sides: Any
    conditions: Any
    source: Source

    def at(self, rows: slice) -> Context:
        """The context of some of the rows."""
        return self._replace(
            targets=self.targets[rows],
            weights=self.weights[rows],
            sides=self.sides[rows] if np.ndim(self.sides) == 2 else self.sides,
            conditions=() if isinstance(self.conditions, tuple) else self.conditions[rows],
            source=self.source.at(rows),
        )
