"""The results of `fit` and `trace`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, NamedTuple

import numpy as np
import tensorflow as tf

from .covariance import Covariance
from .summary import level_labels, summarize


class Context(NamedTuple):
    """What the methods of a result need besides its fields.

    Attributes:
        parameter_names: `p` names.
        targets: `[B, m]`, NaN where not observed.
        weights: `[B, m]`.
        counts: how many levels each member has.
        upper: `[m]`, the level number of each target.
        lower: `[m]`, the number of the level subtracted from it, or -1.
        assign: computes the level numbers from parameters, targets and weights; None where they are
            fixed.
        conditions: `[B, K, d]`; () if the structure takes none.
        covariance: computes the covariance from parameters `[B * S, p]` and losses `[B * S]` of
            this fit, S solutions for each row.
    """

    parameter_names: tuple[str, ...]
    targets: Any
    weights: Any
    counts: tuple[int, ...]
    upper: np.ndarray
    lower: np.ndarray
    assign: Callable[..., Any] | None
    conditions: Any
    covariance: Callable[[Any, Any], Covariance]


class _Fields(NamedTuple):
    parameters: tf.Tensor
    eigenvalues: tf.Tensor
    residuals: tf.Tensor
    loss: tf.Tensor
    gradient_norm: tf.Tensor
    standard_errors: tf.Tensor
    steps: tf.Tensor
    status: tf.Tensor
    cause: tf.Tensor
    starts: tf.Tensor
    agreeing: tf.Tensor


class FitResult(_Fields):
    """The answer for every row of a batch: `B` rows, `p` parameters, `n` levels, `m` targets.

    Rows with the status INVALID_INPUT or NON_FINITE hold NaN in every floating-point field.

    Attributes:
        parameters: `[B, p]`, the fitted parameters.
        eigenvalues: `[B, n]`, all eigenvalues of the fitted matrix, ascending, in the unit of the
            targets.
        residuals: `[B, m]`, observed minus fitted, unweighted; NaN where no level was observed.
        loss: `[B]`, the sum of the squared weighted residuals.
        gradient_norm: `[B]`, the Euclidean norm of the gradient of `loss` with respect to the
            parameters that are not held at a bound.
        standard_errors: `[B, p]`, one standard deviation of each parameter; inf for a parameter
            that the data do not determine, NaN for one at a bound.
        steps: `[B]`, int32, the number of steps over all starts of the row.
        status: `[B]`, int32, see `Status`.
        cause: `[B]`, int32, why, see `Cause`; 0 where there is nothing to add to the status.
        starts: `[B]`, int32, how many starting points were tried; 1 if the row was given its own.
        agreeing: `[B]`, int32, how many of them ended in the answer, not counting those that began
            near it. If few of many agree, there may be a better answer.
    """

    _context: Context | None = None

    def with_context(self, context: Context) -> FitResult:
        """The same fields, with the context that the methods need."""
        result = FitResult(*self)
        result._context = context
        return result

    def covariance(self) -> Covariance:
        """The covariance, correlations and rank of the parameters of every row.

        They are computed on demand, from the data, weights, bounds and priors of this fit. The
        square roots of the diagonal are `standard_errors`.

        Returns:
            A `Covariance`, `[B, ...]` or, for several solutions, `[B, S, ...]`; NaN in a row
            without an answer.

        Raises:
            ValueError: for a result of another graph or of a server, which has no data.

        Example:
            >>> line = Affine(np.diag([0.0, 3.0, 6.0]), [np.ones([3, 3]), np.eye(3)])
            >>> fit = SpectralSolver(line).fit([[0.31, 3.42, 6.52]], initial=[[0.3, 0.0]])
            >>> fit.covariance().correlation[0].numpy().round(2).tolist()
            [[1.0, -0.94], [-0.94, 1.0]]
        """
        context = self._required_context(
            "covariance", "call solver.covariance(parameters, weights)"
        )
        if self.loss.shape.rank == 1:
            return context.covariance(self.parameters, self.loss)
        several = self.loss.shape[1]
        flat = tf.reshape(self.parameters, [-1, self.parameters.shape[2]])
        found = context.covariance(flat, tf.reshape(self.loss, [-1]))
        return Covariance(*(tf.reshape(part, [-1, several, *part.shape[1:]]) for part in found))

    def by_name(
        self, field: Literal["parameters", "standard_errors"] = "parameters"
    ) -> dict[str, tf.Tensor]:
        """The parameters, or their standard errors, as a dict by parameter name.

        The dict can be passed where parameters are: to `solver.spectrum`, or to `fit` as `initial`.

        Args:
            field: which of the two.

        Returns:
            For each name `[B]`, or `[B, S]` for several solutions.

        Raises:
            ValueError: for another field, or for a result of another graph or of a server, which
                has no names.

        Example:
            >>> SpectralSolver(Toeplitz(2)).fit([[1.0, 3.0]]).by_name()["r0"].numpy().round(9)
            array([2.])
        """
        if field not in ("parameters", "standard_errors"):
            raise ValueError(
                f'by_name: field must be "parameters" or "standard_errors", got {field!r}.'
            )
        context = self._required_context(
            "by_name", "its columns are in the order of the model's names"
        )
        table = getattr(self, field)
        return {name: table[..., place] for place, name in enumerate(context.parameter_names)}

    def _required_context(self, method: str, instead: str) -> Context:
        """The context, or a ValueError that says what to do instead."""
        if self._context is None:
            raise ValueError(
                f"{method}: this result comes out of another graph or from a server and knows its "
                f"numbers only; {instead}."
            )
        return self._context

    def summary(self, row: int = 0) -> str:
        """One row as text: status, parameters with standard errors, observed and fitted values.

        `310583.541(30)` means 310583.541 with a standard error of 0.030.

        Args:
            row: the number of the row.

        Returns:
            Several lines of text. A result of another graph or of a server has neither parameter
            names nor targets: its summary shows `x0, x1, ...` and the residuals.

        Raises:
            ValueError: for a row number out of range, or inside a graph, where there are no values.

        Example:
            >>> fit = SpectralSolver(Toeplitz(2)).fit([[1.0, 3.0]])
            >>> print(fit.summary(0).splitlines()[0])
            CONVERGED: the spectrum is matched: the rms residual is within the tolerance
        """
        if any(tf.is_symbolic_tensor(field) for field in self):
            raise ValueError("summary: the result has no numbers inside a graph; call it outside.")
        rows = len(self.status)
        if not isinstance(row, (int, np.integer)) or not -rows <= row < rows:
            raise ValueError(
                f"summary: row must be below {rows}, the number of rows, and whole, got {row!r}."
            )
        numbers = {name: np.asarray(field)[row] for name, field in self._asdict().items()}
        context = self._context
        if context is None:
            return summarize(numbers)
        targets = np.asarray(context.targets)[row]
        parameters = np.atleast_2d(numbers["parameters"])  # one line for each solution
        levels = np.tile(context.upper, (len(parameters), 1))
        given = not isinstance(context.conditions, tuple)
        conditions = np.asarray(context.conditions)[row] if given else None
        if context.assign is not None:
            weights = np.asarray(context.weights)[row]
            same = np.ones((len(parameters), 1))
            every = (parameters, same * targets, same * weights)
            if conditions is None:
                levels = np.asarray(context.assign(*every))
            else:
                repeated = np.tile(conditions, (len(parameters), 1, 1))
                levels = np.asarray(context.assign(*every, conditions=repeated))
        labels = [level_labels(context.counts, line, context.lower, conditions) for line in levels]
        return summarize(numbers, context.parameter_names, targets, labels)


class Trace(NamedTuple):
    """The accepted points of every row, for plots; S is the largest number of steps of any row.

    A row that ended earlier repeats its last value.

    Attributes:
        parameters: `[B, S + 1, p]`, the accepted parameters, the starting point first.
        eigenvalues: `[B, S + 1, n]`, ascending, in the unit of the targets.
        loss: `[B, S + 1]`, the sum of the squared weighted residuals.
        steps: `[B]`, int32, the number of steps of the row.
        status: `[B]`, int32, see `Status`.
    """

    parameters: tf.Tensor
    eigenvalues: tf.Tensor
    loss: tf.Tensor
    steps: tf.Tensor
    status: tf.Tensor
