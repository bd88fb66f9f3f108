"""The solver: a `tf.Module` around the parameterization and the compiled fit."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from . import checks
from .driver import Batch, Settings, fit_rows
from .eigen import eigenvalues
from .implicit import pull_back_answer
from .intake import take_in
from .methods import LevenbergMarquardt, Method
from .observation import Levels
from .parameterizations import Parameterization
from .result import FitResult, Trace
from .trace import trace_rows

_DEFAULT_TOLERANCE = {tf.float64: 1e-10, tf.float32: 1e-5}
_GRADIENT_TOLERANCE = {tf.float64: 1e-10, tf.float32: 1e-5}
# A start that is one of several is given up at this cosine; the best end is refined afterwards.
_SURVEY_TOLERANCE = 1e-3
# Measured on Toeplitz, additive and Jacobi problems: each start is the best of this many proposals.
_CANDIDATES = 8
# Steps of each start of a search, on average, as a share of those from a given start.
_SEARCH_SHARE = 8
# The pool is as large as keeps its tensors in the processor's cache, about.
_POOL_BYTES = 32 * 2**20


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
        if not isinstance(parameterization, Parameterization):
            raise ValueError(
                "SpectralSolver: parameterization must be a Parameterization such as "
                f"Symmetric(3), got {parameterization!r}."
            )
        observation = Levels() if observation is None else observation
        if not isinstance(observation, Levels):
            raise ValueError(f"SpectralSolver: observation must be a Levels, got {observation!r}.")
        method = LevenbergMarquardt() if method is None else method
        if isinstance(method, type) or not (hasattr(method, "init") and hasattr(method, "step")):
            raise ValueError(
                "SpectralSolver: method must be an instance such as LevenbergMarquardt(), "
                f"got {method!r}."
            )
        try:
            dtype = tf.as_dtype(dtype)
        except TypeError as error:
            raise ValueError(f"SpectralSolver: dtype: {error}") from error
        if dtype not in _DEFAULT_TOLERANCE:
            raise ValueError(
                f"SpectralSolver: dtype must be tf.float64 or tf.float32, got {dtype.name}."
            )
        if tolerance is None:
            tolerance = _DEFAULT_TOLERANCE[dtype]
        if not checks.is_number(tolerance) or not 0 <= tolerance < np.inf:
            raise ValueError(
                f"SpectralSolver: tolerance must be a number of at least 0, got {tolerance!r}."
            )
        points = _starting_points(initial, parameterization.num_parameters)
        if starts is None:
            starts = len(points) or method.default_starts
        starts = checks.check_count("SpectralSolver", "starts", starts)
        if starts < len(points):
            raise ValueError(
                f"SpectralSolver: starts is {starts}, but initial holds {len(points)} points; "
                "raise starts or leave it out."
            )
        self.parameterization = parameterization
        self.observation = observation
        self.method = method
        self.dtype = dtype
        self.num_targets = observation.num_targets(parameterization.size)
        self.tolerance = float(tolerance)
        one_start = method.default_max_steps if max_steps is None else max_steps
        self._steps_from_one_start = checks.check_count("SpectralSolver", "max_steps", one_start)
        self.max_steps = self._steps_from_one_start
        if max_steps is None:
            self.max_steps = max(one_start, one_start * starts // _SEARCH_SHARE)
        if pool_rows is None:
            pool_rows = _pool_rows(parameterization, self.num_targets)
        self._settings = Settings(
            parameterization=parameterization,
            observation=observation,
            method=method,
            starts=starts,
            initial=points,
            candidates=_CANDIDATES,
            gradient_tolerance=_GRADIENT_TOLERANCE[dtype],
            survey_tolerance=_SURVEY_TOLERANCE,
            absolute_sigma=bool(absolute_sigma),
            pool_rows=checks.check_count("SpectralSolver", "pool_rows", pool_rows),
            compaction=bool(compaction),
        )
        levels = tf.TensorSpec([None, self.num_targets], dtype)
        unknowns = tf.TensorSpec([None, parameterization.num_parameters], dtype)
        numbers = tf.TensorSpec([None], dtype)
        counts = tf.TensorSpec([None], tf.int32)
        everything = (levels, unknowns, levels, numbers, counts)
        self._fit = _compile(self._fit_everything, everything)
        self._fit_only_targets = _compile(self._fit_with_defaults, (levels,))
        self._trace = _compile(self._trace_everything, everything)
        self._spectrum = _compile(self._spectrum_of, (unknowns,))
        self._matrix = _compile(parameterization.matrix, (unknowns,))
        self._loss = _compile(self._loss_of, (unknowns, levels, levels))

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
            return self._fit_only_targets(targets)
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
            >>> SpectralSolver(Symmetric(2)).spectrum([[0.0, 0.0, 1.0]]).numpy().tolist()
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
            >>> SpectralSolver(Toeplitz(2)).loss([[2.0, 1.0]], [[1.0, 2.0]]).numpy().tolist()
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

    def _fit_with_defaults(self, targets: tf.Tensor) -> FitResult:
        rows = tf.shape(targets)[0]
        nan = tf.constant(np.nan, self.dtype)
        return self._differentiable_fit(
            targets,
            tf.fill([rows, self.parameterization.num_parameters], nan),
            tf.ones_like(targets),
            tf.fill([rows], nan),
            tf.zeros([rows], tf.int32),
        )

    def _fit_everything(self, targets: tf.Tensor, *rest: tf.Tensor) -> FitResult:
        with tf.control_dependencies(_assert_same_rows(targets, rest)):
            return self._differentiable_fit(tf.identity(targets), *rest)

    def _differentiable_fit(
        self,
        targets: tf.Tensor,
        initial: tf.Tensor,
        weights: tf.Tensor,
        tolerance: tf.Tensor,
        max_steps: tf.Tensor,
    ) -> FitResult:
        @tf.custom_gradient
        def answer(
            targets: tf.Tensor, weights: tf.Tensor
        ) -> tuple[tuple[tf.Tensor, ...], Callable[..., tuple[tf.Tensor, tf.Tensor]]]:
            batch = self._take_in(targets, initial, weights, tolerance, max_steps)
            result = fit_rows(self._settings, batch)

            def gradient(*upstream: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
                return pull_back_answer(
                    self.parameterization,
                    self.observation,
                    result,
                    batch.weights,
                    FitResult(*upstream),
                )

            return tuple(result), gradient

        return FitResult(*answer(targets, weights))

    def _trace_everything(
        self,
        targets: tf.Tensor,
        initial: tf.Tensor,
        weights: tf.Tensor,
        tolerance: tf.Tensor,
        max_steps: tf.Tensor,
    ) -> Trace:
        batch = self._take_in(targets, initial, weights, tolerance, max_steps)
        # A trace follows one start.
        limit = tf.where(max_steps > 0, max_steps, self._steps_from_one_start)
        return trace_rows(self._settings, batch._replace(max_steps=limit))

    def _take_in(
        self,
        targets: tf.Tensor,
        initial: tf.Tensor,
        weights: tf.Tensor,
        tolerance: tf.Tensor,
        max_steps: tf.Tensor,
    ) -> Batch:
        return take_in(
            targets,
            initial,
            weights,
            tolerance,
            max_steps,
            default_tolerance=self.tolerance,
            steps_from_one_start=self._steps_from_one_start,
            steps_of_a_search=self.max_steps,
        )

    def _spectrum_of(self, parameters: tf.Tensor) -> tf.Tensor:
        return eigenvalues(self.parameterization.matrix(parameters))

    def _loss_of(self, parameters: tf.Tensor, targets: tf.Tensor, weights: tf.Tensor) -> tf.Tensor:
        observed = ~tf.math.is_nan(targets)
        weights = tf.where(tf.math.is_nan(weights), tf.ones_like(weights), weights)
        levels = self.observation.observe(self._spectrum_of(parameters))
        # Both branches of `where` must be finite, or the gradient is NaN.
        known = tf.where(observed, targets, tf.zeros_like(targets))
        residual = tf.where(observed, weights * (known - levels), tf.zeros_like(levels))
        return tf.reduce_sum(residual * residual, axis=-1)


def _compile(function: Callable, signature: tuple[tf.TensorSpec, ...]) -> Any:
    return tf.function(function, input_signature=signature, autograph=False)


def _starting_points(initial: Any, count: int) -> np.ndarray:
    """The user's starting points as `[K, p]`; K is 0 when there are none."""
    if initial is None:
        return np.zeros((0, count))
    points = np.atleast_2d(np.asarray(initial, dtype=float))
    if points.ndim != 2 or points.shape[1] != count or not np.isfinite(points).all():
        raise ValueError(
            f"SpectralSolver: initial must be finite numbers of shape [{count}] or [K, {count}], "
            f"got shape {np.shape(initial)}: {initial!r}."
        )
    return points


def _assert_same_rows(targets: tf.Tensor, rest: tuple[tf.Tensor, ...]) -> list[tf.Operation]:
    rows = tf.shape(targets)[0]
    names = ("initial", "weights", "tolerance", "max_steps")
    return [
        tf.debugging.assert_equal(
            tf.shape(tensor)[0], rows, f"{name} must have as many rows as targets"
        )
        for name, tensor in zip(names, rest, strict=True)
    ]


def _pool_rows(parameterization: Parameterization, levels: int) -> int:
    """How many rows keep the largest tensors of a step within `_POOL_BYTES`."""
    size, count = parameterization.size, parameterization.num_parameters
    numbers = size * size * (4 + count) + 4 * levels * count
    return int(np.clip(_POOL_BYTES // (8 * numbers), 16, 4096))
