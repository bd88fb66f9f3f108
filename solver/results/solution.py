"""One solution of one row of a fit, in NumPy numbers, and what is to be said of it."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from .context import Facts
from .statistics import Statistics
from .status import Cause, Status

# Correlations of this magnitude are worth a line.
_STRONG = 0.9
# A misfit that chance would make as seldom as this is worth a warning.
_IMPROBABLE = 1e-3


@dataclasses.dataclass(frozen=True, eq=False)
class Solution:
    """One solution of one row.

    Attributes:
        numbers: the fields of `FitResult`, of this solution.
        facts: names and units; None for a result of another graph or of a server.
        targets: `[m]`, NaN where not observed; None without facts.
        weights: `[m]`; None without facts.
        conditions: `[K, d]`; None without.
        labels: what each target is; None without facts.
        statistics: of this solution, without a leading dimension; None without facts.
    """

    numbers: Mapping[str, Any]
    facts: Facts | None = None
    targets: np.ndarray | None = None
    weights: np.ndarray | None = None
    conditions: np.ndarray | None = None
    labels: Sequence[str] | None = None
    statistics: Statistics | None = None

    @property
    def status(self) -> Status:
        """How the fit ended."""
        return Status(int(self.numbers["status"]))

    @property
    def cause(self) -> Cause:
        """Why."""
        return Cause(int(self.numbers["cause"]))

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the parameters; `x0, x1, ...` if they are not known."""
        if self.facts is not None:
            return self.facts.parameter_names
        return tuple(f"x{place}" for place in range(len(self.numbers["parameters"])))

    @property
    def units(self) -> tuple[str, ...]:
        """The units of the parameters, "" where they are not known."""
        return ("",) * len(self.names) if self.facts is None else self.facts.parameter_units

    @property
    def observed(self) -> np.ndarray:
        """`[m]` bool, the targets that were observed."""
        seen = ~np.isnan(self.numbers["residuals"])
        return seen if self.targets is None else seen & ~np.isnan(self.targets)

    @property
    def at_bound(self) -> list[str]:
        """The parameters at a bound."""
        if self.status < 0:
            return []
        return self._named(np.isnan(self.numbers["standard_errors"]))

    @property
    def undetermined(self) -> list[str]:
        """The parameters that the data do not determine, whatever their number."""
        if self.status < 0 or self.statistics is None:
            return []
        own = np.isnan(np.diagonal(self.statistics.covariance.correlation))
        return self._named(own & ~np.isnan(self.numbers["standard_errors"]))

    @property
    def strong_correlations(self) -> list[tuple[str, str, float]]:
        """Pairs of parameters whose correlation is above 0.9 in magnitude, strongest first."""
        if self.status < 0 or self.statistics is None:
            return []
        table = np.asarray(self.statistics.covariance.correlation)
        rows, columns = np.nonzero(np.triu(np.abs(np.nan_to_num(table)) > _STRONG, 1))
        pairs = [
            (self.names[one], self.names[other], float(table[one, other]))
            for one, other in zip(rows, columns, strict=True)
        ]
        return sorted(pairs, key=lambda pair: -abs(pair[2]))

    @property
    def warnings(self) -> list[str]:
        """What may be wrong with an answer, a sentence each; none for a row without an answer."""
        if self.status < 0:
            return []
        found = []
        if self.at_bound:
            found.append(
                f"at a bound: {', '.join(self.at_bound)}; the errors of the others are those of a "
                "fit in which it is fixed"
            )
        if self.undetermined:
            rank = int(self.statistics.covariance.rank) if self.statistics is not None else 0
            found.append(
                f"not determined by the data: {', '.join(self.undetermined)}; the data determine "
                f"{rank} combinations of parameters"
            )
        elif self.statistics is not None and np.isinf(self.numbers["standard_errors"]).any():
            found.append(
                "no degree of freedom: there are as many parameters as data, so the scatter of the "
                "data is not known, nor are errors; with sigma and absolute_sigma=True they are"
            )
        if self.statistics is not None and self.statistics.p_value < _IMPROBABLE:
            found.append(
                f"misfit: if the model and sigma are right, chi2 is this large with probability "
                f"{self.statistics.p_value:.2g}"
            )
        starts, agreeing = int(self.numbers["starts"]), int(self.numbers["agreeing"])
        if starts > 1 and agreeing == 1 and self.status != Status.CONVERGED:
            found.append(
                f"only one of {starts} starts ended here, so there may be a better minimum; raise "
                "starts, or give initial"
            )
        return found

    def _named(self, chosen: np.ndarray) -> list[str]:
        return [name for name, one in zip(self.names, chosen, strict=True) if one]
