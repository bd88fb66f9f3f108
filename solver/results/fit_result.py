"""The results of `fit` and `trace`."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np
import tensorflow as tf

from . import files, shown, tables
from .archive import Archive, pack, unpack
from .context import Context
from .covariance import Covariance
from .derived import Derived, Prediction
from .solution import Solution
from .solutions import solutions_of, statistics_of
from .summary import summarize

if TYPE_CHECKING:
    from pandas import DataFrame


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
        return Covariance(*self._by_solution(context.source.covariance(*self._ends())))

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
        found = context.source.derived(*self._ends(), function, names)
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
        found = context.source.predict(*self._ends(), observation, conditions)
        return Prediction(*self._by_solution(found))

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
        names = context.facts.parameter_names
        return {name: table[..., place] for place, name in enumerate(names)}

    def _required_context(self, method: str, instead: str) -> Context:
        """The context, or a ValueError that says what to do instead."""
        if self._context is None:
            raise ValueError(
                f"{method}: this result comes out of another graph or from a server and knows its "
                f"numbers only; {instead}."
            )
        return self._context

    def row(self, row: int) -> FitResult:
        """The result of one row, as a `FitResult` with this row alone.

        Args:
            row: its number, from 0; negative numbers count from the end.

        Raises:
            ValueError: for a row number out of range, or inside a graph, where there are no values.

        Example:
            >>> fit = SpectralSolver(Toeplitz(2)).fit([[1.0, 3.0], [2.0, 6.0]])
            >>> fit.row(1).by_name()["r0"].numpy().round(9)
            array([4.])
        """
        return self._row("row", row)

    def summary(self, row: int = 0) -> str:
        """One row as text: what came out, how well it fits, and what to be careful about.

        `310583.541(30)` means 310583.541 with a standard error of 0.030. chi2 is the loss with its
        degrees of freedom, see `Statistics`; its p-value is shown where weights are 1 / sigma.
        Warnings name parameters at a bound and those that the data do not determine, a p-value
        below 0.001, and a minimum with a residual that one of several starts found. Targets that
        were not observed are listed with their predicted values.

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
        return summarize(self._row("summary", row)._solutions("summary")[0])

    def to_dict(self) -> dict[str, Any]:
        """All rows as plain data: dicts, lists, numbers and strings, with names and units.

        Returns:
            `"model"`, the structure and the settings of the solver, None if they are not known; and
            `"rows"`, a list with a dict for each solution of each row: status, quality of the fit,
            parameters, covariance, targets with observed, fitted and predicted values, warnings.
            Numbers that do not exist are NaN.

        Raises:
            ValueError: inside a graph, where there are no values.

        Example:
            >>> fit = SpectralSolver(Toeplitz(2)).fit([[1.0, 3.0]])
            >>> fit.to_dict()["rows"][0]["parameters"]["r0"]["value"].__round__(9)
            2.0
        """
        return tables.to_dict(self._solutions("to_dict"), self._context)

    def to_dataframe(
        self, of: Literal["parameters", "targets", "rows"] = "parameters"
    ) -> DataFrame:
        """The result as a tidy data frame of pandas.

        Args:
            of: what a line is. "parameters": a parameter of a row; "targets": a target of a row,
                observed or not; "rows": a row, with its parameters in columns `name` and their
                standard errors in columns `se_name`. With several solutions, of each solution.

        Returns:
            A `pandas.DataFrame`, whose column `row` counts from 0, and `solution` too.

        Raises:
            ModuleNotFoundError: without pandas, which comes with the extra `results`.
            ValueError: for another `of`, or inside a graph, where there are no values.

        Example:
            >>> fit = SpectralSolver(Toeplitz(2)).fit([[1.0, 3.0]])
            >>> fit.to_dataframe()[["parameter", "value"]].round(9).to_numpy().tolist()
            [['r0', 2.0], ['r1', 1.0]]
        """
        return tables.to_dataframe(self.to_dict(), of)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the result to a file that `FitResult.load` reads back without loss.

        The file holds all fields, the data, names and units, settings of the solver, covariance and
        predictions: every number with all its digits, also NaN and infinity, and its dtype. It
        does not hold the solver: a result that was read knows neither `derived` nor predictions of
        anything but its own targets.

        Args:
            path: the format follows from its end: `.npz` (NumPy), `.json`, `.csv` (a line for each
                solution of each row, after a comment line with names and settings), or `.parquet`
                (the same table; needs the extra `results`). An existing file is replaced.

        Raises:
            ModuleNotFoundError: for Parquet without pyarrow.
            OSError: if the file cannot be written.
            ValueError: for another end, or inside a graph, where there are no values.

        Example:
            >>> import tempfile
            >>> path = tempfile.mkdtemp() + "/fit.json"
            >>> fit = SpectralSolver(Toeplitz(2)).fit([[1.0, 3.0]])
            >>> fit.save(path)
            >>> FitResult.load(path).summary() == fit.summary()
            True
        """
        self._check_numbers("save")
        files.write(path, pack(self, self._context, self._statistics()))

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> FitResult:
        """Read a result that `save` has written.

        Args:
            path: of the file.

        Raises:
            ModuleNotFoundError: for Parquet without pyarrow.
            OSError: if the file cannot be read.
            ValueError: if it is no such file, is damaged, or was written by a newer eigenfit.
        """
        archive: Archive = files.read(path)
        fields, context = unpack(path, archive, _Fields._fields)
        result = cls(*(tf.constant(field) for field in fields))
        return result if context is None else result.with_context(context)

    def __repr__(self) -> str:
        return shown.as_text(self, self._context)

    def _repr_html_(self) -> str:
        """A table of the first rows, for notebooks."""
        return shown.as_html(self, self._context)

    def _check_numbers(self, method: str) -> None:
        """Raise a ValueError if the result is in a graph."""
        if any(tf.is_symbolic_tensor(field) for field in self):
            raise ValueError(
                f"{method}: the result has no numbers inside a graph; call it outside."
            )

    def _row(self, method: str, row: int) -> FitResult:
        """One row; `method` is named in messages."""
        self._check_numbers(method)
        rows = len(self.status)
        if not isinstance(row, (int, np.integer)) or not -rows <= row < rows:
            raise ValueError(
                f"{method}: row must be below {rows}, the number of rows, and whole, got {row!r}."
            )
        place = int(row) % rows
        chosen = slice(place, place + 1)
        result = FitResult(*(field[chosen] for field in self))
        return result if self._context is None else result.with_context(self._context.at(chosen))

    def _solutions(self, method: str) -> list[list[Solution]]:
        """The solutions of every row, with what is known of them."""
        self._check_numbers(method)
        return solutions_of(self._asdict(), self._context, self._statistics())

    def _statistics(self) -> Any:
        """The statistics of every row and solution, NumPy arrays `[B * S, ...]`, or None."""
        return None if self._context is None else statistics_of(self._context, *self._ends())


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
