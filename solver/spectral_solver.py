"""The solver: a `tf.Module` around the parameterization and the compiled fit."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from . import checks, graphs
from .methods import Method
from .observation import Levels
from .parameterizations import Parameterization
from .result import FitResult, Trace
from .settings import make_settings


class SpectralSolver(tf.Module):
    """Fits the parameters of a structured matrix to observed levels, many spectra at a time.

    Given `x -> A(x)` and targets `t`, finds `x` so that the eigenvalues of `A(x)` match `t`: the
    inverse eigenvalue problem in its exact, partial and least-squares forms (Chu & Golub 2005).
    The whole fit is one TensorFlow graph, and every row of a batch is fitted as if it were alone.

    The answer is differentiable by targets and weights (implicit function theorem), so a fit can
    stand inside a model that is trained.

    Attributes:
        parameterization: makes the matrix.
        observation: makes the levels that are compared with the targets.
        method: makes the steps.
        dtype: of all real numbers.
        num_targets: `m`, the width of `targets`.
        tolerance: the default of `fit`.
        max_steps: the most steps that a row takes by default.

    Example:
        >>> from eigenfit.solver import SpectralSolver, Toeplitz
        >>> solver = SpectralSolver(Toeplitz(2))
        >>> fit = solver.fit([[1.0, 3.0]])
        >>> fit.status.numpy().tolist(), fit.eigenvalues.numpy().round(9).tolist()
        ([1], [[1.0, 3.0]])
    """

    def __init__(
        self,
        parameterization: Parameterization,
        method: Method | None = None,
        *,
        observation: Levels | None = None,
        initial: Any = None,
        starts: int | None = None,
        tolerance: float | None = None,
        max_steps: int | None = None,
        absolute_sigma: bool = False,
        dtype: tf.DType = tf.float64,
        pool_rows: int | None = None,
        compaction: bool = True,
        name: str | None = None,
    ):
        """Set the problem and the defaults.

        Args:
            parameterization: the structured matrix.
            method: `LevenbergMarquardt()` when None.
            observation: which function of the levels is compared; `Levels()` when None.
            initial: `[p]` or `[K, p]`, where rows start for which `fit` is given no starting
                point, such as the parameters of a related compound. None leaves the choice to the
                solver, which proposes starts from the targets.
            starts: the most starting points to try in a row that ends without matching its
                spectrum; the best end is returned. The search ends early when the spectrum is
                matched, or when six starts agree on the best least-squares minimum. When None,
                that of the method (64 for `LevenbergMarquardt`), or K if `initial` is given; the
                solver chooses those beyond K.
            tolerance: default for `fit`: the rms residual, relative to the spectral scale (the
                largest magnitude among the targets and the levels at the first start), at which
                a row is CONVERGED. 1e-10 when None, 1e-5 in float32.
            max_steps: default for `fit`: the most steps of a row, over all its starts. When None,
                `method.default_max_steps` from a given start, and an eighth of that for each
                possible start of a search.
            absolute_sigma: True if weights are 1 / sigma in the unit of the levels, False if only
                their ratios mean something; as in `scipy.optimize.curve_fit`.
            dtype: `tf.float64` or `tf.float32`.
            pool_rows: how many rows are fitted side by side; chosen from the sizes when None.
            compaction: False makes every row wait for the slowest one, which only serves to
                measure what compaction gains.
            name: name of the module.

        Raises:
            ValueError: for an argument of the wrong kind or outside its range.
        """
        super().__init__(name=name)
        settings = make_settings(
            parameterization,
            method,
            observation,
            initial,
            starts,
            tolerance,
            max_steps,
            absolute_sigma,
            dtype,
            pool_rows,
            compaction,
        )
        self._settings = settings
        self.parameterization = settings.parameterization
        self.observation = settings.observation
        self.method = settings.method
        self.dtype = settings.dtype
        self.num_targets = settings.observation.num_targets(settings.parameterization.size)
        self.tolerance = settings.tolerance
        self.max_steps = settings.steps_of_a_search

        levels = tf.TensorSpec([None, self.num_targets], self.dtype)
        unknowns = tf.TensorSpec([None, self.parameterization.num_parameters], self.dtype)
        numbers = tf.TensorSpec([None], self.dtype)
        counts = tf.TensorSpec([None], tf.int32)
        everything = (levels, unknowns, levels, numbers, counts)

        def compiled(function: Callable, *signature: tf.TensorSpec) -> Any:
            bound = functools.partial(function, settings)
            return tf.function(bound, input_signature=signature, autograph=False)

        self._fit = compiled(graphs.fit, *everything)
        self._fit_targets = compiled(graphs.fit_targets, levels)
        self._trace = compiled(graphs.trace, *everything)
        self._spectrum = compiled(graphs.spectrum, unknowns)
        self._matrix = compiled(graphs.matrix, unknowns)
        self._loss = compiled(graphs.loss, unknowns, levels, levels)

    def fit(
        self,
        targets: Any,
        initial: Any = None,
        weights: Any = None,
        tolerance: Any = None,
        max_steps: Any = None,
    ) -> FitResult:
        """Find parameters whose spectrum matches the targets, for every row.

        Args:
            targets: `[B, m]`, the observed levels; target k belongs to the k-th lowest level. NaN
                where a level was not observed.
            initial: `[B, p]`, where to start; NaN entries, and None, leave the choice to the
                solver. A row with a complete starting point is fitted from there only.
            weights: `[B, m]`, 1 / sigma of each level; 0 leaves a level out, NaN and None mean 1.
            tolerance: one number or `[B]`, see `SpectralSolver`; NaN and None mean the default.
            max_steps: one whole number or `[B]`; 0 and None mean the default.

        Returns:
            A `FitResult`. A row that cannot be fitted has a negative status and NaN; it never
            raises, and never changes another row.

        Raises:
            ValueError: for shapes or dtypes that do not fit, before anything runs.

        Example:
            >>> solver = SpectralSolver(Symmetric(3))
            >>> solver.fit([[1.0, 1.0, 1.0], [1.0, float("nan"), 3.0]]).status.numpy().tolist()
            [1, 1]
        """
        targets = self._levels("targets", targets)
        if initial is None and weights is None and tolerance is None and max_steps is None:
            return self._fit_targets(targets)
        return self._fit(targets, *self._complete(targets, initial, weights, tolerance, max_steps))

    def trace(
        self,
        targets: Any,
        initial: Any = None,
        weights: Any = None,
        tolerance: Any = None,
        max_steps: Any = None,
    ) -> Trace:
        """Fit like `fit`, from the first start only, and keep every step, for plots.

        Args:
            targets: `[B, m]`, see `fit`; a few rows.
            initial: `[B, p]`, see `fit`.
            weights: `[B, m]`, see `fit`.
            tolerance: one number or `[B]`, see `fit`.
            max_steps: one whole number or `[B]`, see `fit`.

        Returns:
            A `Trace`.

        Raises:
            ValueError: for shapes or dtypes that do not fit.

        Example:
            >>> trace = SpectralSolver(Toeplitz(2)).trace([[1.0, 3.0]], initial=[[0.0, 0.5]])
            >>> trace.eigenvalues.shape[0], trace.eigenvalues.shape[2]
            (1, 2)
        """
        targets = self._levels("targets", targets)
        rest = self._complete(targets, initial, weights, tolerance, max_steps)
        return self._trace(targets, *rest)

    def spectrum(self, parameters: Any) -> tf.Tensor:
        """The eigenvalues of the matrix; twice differentiable, also at degenerate levels.

        Args:
            parameters: `[B, p]`.

        Returns:
            `[B, n]`, ascending; NaN in a row whose matrix is not finite.

        Raises:
            ValueError: for a shape or dtype that does not fit.

        Example:
            >>> SpectralSolver(Symmetric(2)).spectrum([[0.0, 0.0, 1.0]]).numpy().round(9).tolist()
            [[-1.0, 1.0]]
        """
        return self._spectrum(self._unknowns(parameters))

    def matrix(self, parameters: Any) -> tf.Tensor:
        """The matrix `A(x)`.

        Args:
            parameters: `[B, p]`.

        Returns:
            `[B, n, n]`, real symmetric or complex Hermitian.

        Raises:
            ValueError: for a shape or dtype that does not fit.

        Example:
            >>> SpectralSolver(Toeplitz(2)).matrix([[3.0, 1.0]]).numpy().tolist()
            [[[3.0, 1.0], [1.0, 3.0]]]
        """
        return self._matrix(self._unknowns(parameters))

    def loss(self, parameters: Any, targets: Any, weights: Any = None) -> tf.Tensor:
        """The sum of the squared weighted residuals; twice differentiable.

        Args:
            parameters: `[B, p]`.
            targets: `[B, m]`, NaN where not observed.
            weights: `[B, m]`, see `fit`.

        Returns:
            `[B]`.

        Raises:
            ValueError: for shapes or dtypes that do not fit.

        Example:
            >>> SpectralSolver(Toeplitz(2)).loss([[2.0, 1.0]], [[1.0, 2.0]]).numpy().round(
            ...     9
            ... ).tolist()
            [1.0]
        """
        parameters = self._unknowns(parameters)
        targets = self._levels("targets", targets)
        if weights is None:
            weights = tf.ones_like(targets)
        weights = self._levels("weights", weights)
        checks.check_same_rows(parameters=parameters, targets=targets, weights=weights)
        return self._loss(parameters, targets, weights)

    def _levels(self, argument: str, value: Any) -> tf.Tensor:
        return checks.as_rows(argument, value, self.num_targets, "levels", self.dtype)

    def _unknowns(self, value: Any, argument: str = "parameters") -> tf.Tensor:
        count = self.parameterization.num_parameters
        return checks.as_rows(argument, value, count, "parameters", self.dtype)

    def _complete(
        self, targets: tf.Tensor, initial: Any, weights: Any, tolerance: Any, max_steps: Any
    ) -> tuple[tf.Tensor, ...]:
        """The other arguments of a fit as tensors with the rows of the targets."""
        rows = tf.shape(targets)[0]
        nan = tf.constant(np.nan, self.dtype)
        if initial is None:
            initial = tf.fill([rows, self.parameterization.num_parameters], nan)
        initial = self._unknowns(initial, "initial")
        weights = tf.ones_like(targets) if weights is None else self._levels("weights", weights)
        tolerance = checks.as_column(
            "tolerance", nan if tolerance is None else tolerance, self.dtype
        )
        max_steps = checks.as_column("max_steps", 0 if max_steps is None else max_steps, tf.int32)
        tolerance = tf.broadcast_to(tolerance, [rows]) if tolerance.shape.rank == 0 else tolerance
        max_steps = tf.broadcast_to(max_steps, [rows]) if max_steps.shape.rank == 0 else max_steps
        checks.check_same_rows(
            targets=targets,
            initial=initial,
            weights=weights,
            tolerance=tolerance,
            max_steps=max_steps,
        )
        return initial, weights, tolerance, max_steps
