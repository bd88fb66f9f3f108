"""The results of `fit` and `trace`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal, NamedTuple

import numpy as np
import tensorflow as tf

from .covariance import Covariance
from .derived import Derived, Prediction
from .summary import level_labels, summarize


class Context(NamedTuple):
    """What the methods of a result need besides its fields.

    Attributes:
        parameter_names: `p` names.
        targets: `[B, m]`, NaN where not observed.
        weights: `[B, m]`.
        counts: how many levels each member has.
        lines: the level numbers of each target, and those of the levels subtracted from them,
            `[m, w]` each; -1 for none.
        sides: `[m]` or `[B, m]`, 1 or -1 for a limit, 0 for a value, NaN for the default; None
            without limits.
        assign: computes the level numbers from parameters, targets and weights, and sides where
            there are limits; None where they are fixed.
        conditions: `[B, K, d]`; () if the structure takes none.
        covariance: computes the covariance from parameters `[B * S, p]` and losses `[B * S]` of
            this fit, S solutions for each row.
        derived: computes values, standard errors and covariances from the same, a function of the
            parameters and names for its results.
        predict: computes predicted values and standard errors from the same, an observation and
            conditions, None for those of the fit.
    """

    parameter_names: tuple[str, ...]
    targets: Any
    weights: Any
    counts: tuple[int, ...]
    lines: tuple[np.ndarray, np.ndarray]
    sides: Any
    assign: Callable[..., Any] | None
    conditions: Any
    covariance: Callable[[Any, Any], Covariance]
    derived: Callable[[Any, Any, Callable[..., Any], Sequence[str] | None], Derived]
    predict: Callable[[Any, Any, Any, Any], Prediction]


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
        return Covariance(*self._by_solution(context.covariance(*self._ends())))

    def derived(self, function: Callable[..., Any], names: Sequence[str] | None = None) -> Derived:
        """Functions of the fitted parameters with their standard errors, for every row.

        The errors follow from the covariance of the parameters by first-order propagation,
        `F C F^T` with the derivatives F of the function (the delta method). A combination of
        parameters that the data determine has a finite error, even if the single parameters have
        none.

        Args:
            function: of TensorFlow operations. Either its arguments are names of parameters, of
                which it gets one tensor `[B]` each (all of them with `**`); or it has one argument
                of another name and gets the parameters as `[B, p]`. It returns a dict of tensors
                `[B]` by name, one tensor `[B]`, or k functions as `[B, k]`.
            names: k names for the results of a function that returns no dict; `f0, f1, ...` when
                None.

        Returns:
            A `Derived`, `[B, k]` or, for several solutions, `[B, S, k]`. The values are
            differentiable by the data of the fit; derivatives of the errors are NaN.

        Raises:
            ValueError: for a function of other arguments, results of another shape or without
                derivatives, and for a result of another graph or of a server.

        Example:
            >>> line = Affine(
            ...     np.diag([0.0, 3.0, 6.0]),
            ...     [np.ones([3, 3]), np.eye(3)],
            ...     parameter_names=["v", "c"],
            ... )
            >>> fit = SpectralSolver(line).fit([[0.31, 3.42, 6.52]], initial=[[0.3, 0.0]])
            >>> found = fit.derived(lambda v, c: {"mean": v + c, "ratio": c / v})
            >>> found.names, found.values.numpy().round(4).tolist()
            (('mean', 'ratio'), [[0.4167, -0.0775]])
            >>> found.standard_errors.numpy().round(4).tolist()
            [[0.0164, 0.0981]]
        """
        context = self._required_context("derived", "call it where the fit was made")
        found = context.derived(*self._ends(), function, names)
        result = Derived(*self._by_solution(found))
        result.names = found.names
        return result

    def predict(self, observation: Any = None, conditions: Any = None) -> Prediction:
        """What would be measured if the fitted model is right, with standard errors.

        Also for what was not observed. The errors are those of the fitted parameters, with their
        correlations; the error of another measurement is not included.

        Args:
            observation: which values; any `Observation` of the same structure, such as `Levels()`
                where lines were fitted. None for all targets of the solver in their columns: where
                a target was observed, the value is that target minus its residual.
            conditions: for a `Sweep`: other conditions than those of the fit, in the forms of
                `SpectralSolver.fit`.

        Returns:
            A `Prediction`, `[B, m]` or, for several solutions, `[B, S, m]`. With `Matched` it is
            NaN where nothing was observed, as nothing says which level that is. Its derivatives are
            not provided (NaN); those of levels are in `SpectralSolver.spectrum`.

        Raises:
            ValueError: for another observation whose values depend on targets (`Matched`, or
                `relative_to="mean"`), and for a result of another graph or of a server.

        Example:
            >>> line = Affine(np.diag([0.0, 3.0, 6.0]), [np.ones([3, 3])])
            >>> fit = SpectralSolver(line).fit([[0.31, 3.42, np.nan]], initial=[[0.3]])
            >>> found = fit.predict()
            >>> found.values.numpy().round(3).tolist()
            [[0.338, 3.4, 6.507]]
            >>> found.standard_errors.numpy().round(3).tolist()
            [[0.02, 0.028, 0.045]]
            >>> fit.predict(Transitions([(2, 0)])).values.numpy().round(3).tolist()
            [[6.17]]
        """
        context = self._required_context(
            "predict", "call solver.predict(parameters, targets, weights), or its signature predict"
        )
        return Prediction(
            *self._by_solution(context.predict(*self._ends(), observation, conditions))
        )

    def _ends(self) -> tuple[tf.Tensor, tf.Tensor]:
        """The parameters `[B * S, p]` and the losses `[B * S]` of all solutions."""
        if self.loss.shape.rank == 1:
            return self.parameters, self.loss
        flat = tf.reshape(self.parameters, [-1, self.parameters.shape[2]])
        return flat, tf.reshape(self.loss, [-1])

    def _by_solution(self, fields: Sequence[tf.Tensor]) -> Sequence[tf.Tensor]:
        """Fields `[B * S, ...]` as `[B, S, ...]`, or unchanged with one solution."""
        if self.loss.shape.rank == 1:
            return fields
        several = self.loss.shape[1]
        return [tf.reshape(part, [-1, several, *part.shape[1:]]) for part in fields]

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
        sides = context.sides
        if sides is not None and np.ndim(sides) == 2:
            sides = np.asarray(sides)[row]
        parameters = np.atleast_2d(numbers["parameters"])  # one line for each solution
        levels, origins = context.lines
        levels = np.tile(levels, (len(parameters), 1, 1))
        given = not isinstance(context.conditions, tuple)
        conditions = np.asarray(context.conditions)[row] if given else None
        if context.assign is not None:
            weights = np.asarray(context.weights)[row]
            same = np.ones((len(parameters), 1))
            own = {} if sides is None else {"sides": same * sides}
            if conditions is not None:
                own["conditions"] = np.tile(conditions, (len(parameters), 1, 1))
            found = np.asarray(context.assign(parameters, same * targets, same * weights, **own))
            levels[:, :, 0] = np.where(found < 0, levels[:, :, 0], found)
        labels = [level_labels(context.counts, line, origins, conditions) for line in levels]
        if sides is not None:
            signs = {1.0: "> ", -1.0: "< "}
            marks = [signs.get(float(side), "") for side in sides]
            labels = [
                [mark + one for mark, one in zip(marks, line, strict=True)] for line in labels
            ]
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
