"""The solver: a `tf.Module` around the parameterization and the compiled fit."""

from __future__ import annotations

import functools
from typing import Any

import tensorflow as tf

from . import checks
from .description import describe
from .fit.compiled import Compiled
from .fit.pieces import as_progress, in_pieces
from .inputs.arguments import Arguments
from .methods import Method
from .observations import Observation
from .parameterizations import Parameterization
from .portable import PortableModule
from .results.covariance import Covariance
from .results.fit_result import Context, FitResult, Trace
from .settings import make_settings


class SpectralSolver(PortableModule):
    """Fits the parameters of a structured matrix to observed levels, many spectra at a time.

    Given `x -> A(x)` and targets `t`, finds `x` so that the eigenvalues of `A(x)` match `t`: the
    inverse eigenvalue problem in its exact, partial and least-squares forms (Chu & Golub 2005).
    The whole fit is one TensorFlow graph, and every row of a batch is fitted as if it were alone.

    The answer is differentiable once by targets, weights, bounds and priors (implicit function
    theorem), so a fit can stand inside a model that is trained.

    Attributes:
        parameterization: makes the matrix.
        observation: makes the levels that are compared with the targets.
        comparison: the observation of a spectrum of this size: `observe` maps eigenvalues
            `[B, n]` to what is compared with targets.
        method: makes the steps.
        dtype: of all real numbers.
        num_targets: `m`, the width of `targets`.
        tolerance: the default of `fit`.
        max_steps: the most steps that a row takes by default.
        bounded: whether it has bounds.
        has_priors: whether it has priors.
        covariance_needs_targets: whether `covariance` cannot do without targets.

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
        observation: Observation | None = None,
        initial: Any = None,
        starts: int | None = None,
        tolerance: float | None = None,
        max_steps: int | None = None,
        absolute_sigma: bool = False,
        weights: Any = None,
        sigma: Any = None,
        bounds: Any = None,
        priors: Any = None,
        loss: str = "linear",
        f_scale: float = 1.0,
        solutions: int = 1,
        end_early: bool = True,
        dtype: tf.DType = tf.float64,
        pool_rows: int | None = None,
        compaction: bool = True,
        name: str | None = None,
    ):
        """Set the problem and the defaults.

        Args:
            parameterization: the structured matrix.
            method: `LevenbergMarquardt()` when None.
            observation: which function of the levels is compared: `Levels()` when None, or
                `Transitions`, or `Matched`.
            initial: `[p]` or `[K, p]`, where rows start for which `fit` is given no starting
                point, such as the parameters of a related compound; or a dict of all parameters by
                name, each a number or `[K]`. None leaves the choice to the solver, which proposes
                starts from the targets.
            starts: the most starting points to try in a row that ends without matching its
                spectrum; the best end is returned, and the result says how many starts were made
                and how many agreed on it. The search ends when the spectrum is matched, or early,
                see `end_early`. When None, that of the method (128 for `LevenbergMarquardt`), or K
                if `initial` is given; the solver chooses those beyond K.
            tolerance: default for `fit`: the rms residual, relative to the spectral scale (the
                largest magnitude among the targets and the levels at the first start, at most ten
                times that of the targets), at which a row is CONVERGED. When None 1e-10, 1e-5 in
                float32, and besides the answer must be the best to a thousandth of its error: what
                a Gauss-Newton step could still gain is at most 1e-6 s^2, with s = 1 for
                `absolute_sigma`, else the larger of the residual scale and the rounding error of
                the levels.
            max_steps: default for `fit`: the most steps of a row, over all its starts. When None,
                `method.default_max_steps` from a given start, and an eighth of that for each
                possible start of a search.
            absolute_sigma: True if weights are 1 / sigma in the unit of the levels, False if only
                their ratios mean something; as in `scipy.optimize.curve_fit`.
            weights: default for `fit`: 1 / sigma of each target, a number or `[m]` in the order of
                the columns, 0 to leave one out, NaN and None for 1. All that the solver computes
                from targets counts them so, exported too.
            sigma: the same as weights = 1 / sigma.
            bounds: a tuple (lower, upper), each a number or `[p]` as in
                `scipy.optimize.least_squares`; a list of p tuples (lower, upper), one for each
                parameter; or a dict of such tuples by parameter name. None is no bound. No step
                leaves them; a parameter that ends at its bound has NaN for its standard error. A
                start outside moves to a little inside.
            priors: (mean, sigma), in the same forms: Gaussian knowledge of parameters, which counts
                as one datum each.
            loss: how weighted residuals count, as in `scipy.optimize.least_squares`: "linear"
                (least squares), "soft_l1", "huber" or "cauchy", which let outlying levels count
                less. Priors always count as squares.
            f_scale: the weighted residual beyond which a level is an outlier.
            solutions: how many distinct answers to find. When above 1, every start of a row is
                followed to its end, the last of them led away from the minima known by then
                (deflation), and every field of the result has the shape `[B, S, ...]`, best first,
                with the status NO_OTHER where there are fewer. One may be missing; `agreeing` says
                how many starts ended in each.
            end_early: whether a search may end before it has made all its starts because twelve of
                them agree on the best least-squares minimum, and so few distinct minima were found
                that less than half of one is to be expected besides (Boender & Rinnooy Kan, Math.
                Program. 37 (1987) 59). False makes it try all, as far as `max_steps` allows.
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
            weights,
            sigma,
            bounds,
            priors,
            loss,
            f_scale,
            solutions,
            end_early,
            dtype,
            pool_rows,
            compaction,
        )
        self._settings = settings
        self._arguments = Arguments(settings)
        self.parameterization = settings.parameterization
        self.observation = settings.observation
        self.method = settings.method
        self.dtype = settings.dtype
        self.comparison = settings.model.comparison
        self.num_targets = self.comparison.num_targets
        self.bounded = settings.bounds is not None
        self.has_priors = settings.priors is not None
        robust = not settings.model.loss.is_linear
        self.covariance_needs_targets = robust or bool(self.comparison.groups)
        self.tolerance = settings.tolerance
        self.max_steps = settings.steps_of_a_search
        self._compiled = Compiled(settings)

    def fit(
        self,
        targets: Any,
        initial: Any = None,
        weights: Any = None,
        tolerance: Any = None,
        max_steps: Any = None,
        *,
        sigma: Any = None,
        bounds: Any = None,
        priors: Any = None,
        progress: Any = None,
    ) -> FitResult:
        """Find parameters whose spectrum matches the targets, for every row.

        Args:
            targets: `[B, m]`, the observed levels, one column for each, NaN where it was not
                observed. The values of levels are put in order; see the observation.
            initial: `[B, p]`, where to start; NaN entries, and None, leave the choice to the
                solver. A row with a complete starting point is fitted from there only. Or a dict by
                parameter name, each a number or `[B]`, NaN for a name that is missing.
            weights: `[B, m]`, 1 / sigma of each target, or a number or `[m]` for all rows; 0 leaves
                it out, NaN and None mean the default of the solver.
            tolerance: one number or `[B]`, see `SpectralSolver`; NaN and None mean the default.
            max_steps: one whole number or `[B]`; 0 and None mean the default.
            sigma: instead of weights: their inverse, in the same forms. It is positive.
            bounds: (lower, upper), `[B, p]` each; NaN entries, and None, mean those of the solver.
                The forms that the solver takes hold for all rows; in a dict by parameter name each
                bound is a number or `[B]`.
            priors: (mean, sigma), `[B, p]` each, in the same forms. The answer is differentiable
                by both.
            progress: True writes to standard error how many rows are done, about once a second; a
                function is called with the rows that are done and all rows. A fit of many rows
                runs in pieces of about a second, with the same answer, and Ctrl-C stops it after
                any of them.

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
        tell = as_progress(progress)
        targets = self._arguments.targets(targets)
        known, key = self._arguments.knowledge(targets, bounds, priors)
        rest = self._arguments.complete(
            targets, initial, weights, sigma, tolerance, max_steps, *known
        )
        settings = self._settings
        # Where every row brings its starting point, the graph has no search, and no starts.
        given = settings.solutions == 1 and checks.is_complete(rest[0])
        compiled = self._compiled.fit_given if given else self._compiled.fit
        # A row that is followed from all of its starts is as many in the pool.
        smallest = settings.pool_rows // (settings.starts if settings.solutions > 1 else 1)
        result = in_pieces(compiled[key], (targets, *rest), max(smallest, 1), tell)
        return result.with_context(self._context(targets, rest[1], known, key))

    def trace(
        self,
        targets: Any,
        initial: Any = None,
        weights: Any = None,
        tolerance: Any = None,
        max_steps: Any = None,
        *,
        sigma: Any = None,
        bounds: Any = None,
        priors: Any = None,
    ) -> Trace:
        """Fit like `fit`, from the first start only, and keep every step, for plots.

        Args:
            targets: `[B, m]`, see `fit`; a few rows.
            initial: `[B, p]`, see `fit`.
            weights: `[B, m]`, see `fit`.
            tolerance: one number or `[B]`, see `fit`.
            max_steps: one whole number or `[B]`, see `fit`.
            sigma: see `fit`.
            bounds: see `fit`.
            priors: see `fit`.

        Returns:
            A `Trace`.

        Raises:
            ValueError: for shapes or dtypes that do not fit.

        Example:
            >>> trace = SpectralSolver(Toeplitz(2)).trace([[1.0, 3.0]], initial=[[0.0, 0.5]])
            >>> trace.eigenvalues.shape[0], trace.eigenvalues.shape[2]
            (1, 2)
        """
        targets = self._arguments.targets(targets)
        known, key = self._arguments.knowledge(targets, bounds, priors)
        rest = self._arguments.complete(
            targets, initial, weights, sigma, tolerance, max_steps, *known
        )
        given = checks.is_complete(rest[0])
        compiled = self._compiled.trace_given if given else self._compiled.trace
        return compiled[key](targets, *rest)

    def covariance(
        self,
        parameters: Any,
        weights: Any = None,
        targets: Any = None,
        *,
        sigma: Any = None,
        bounds: Any = None,
        priors: Any = None,
    ) -> Covariance:
        """How sure parameters are, from the linearized fit at them.

        For a fit that was made, `fit.covariance()` knows what was observed. This is for parameters
        and data of your own: how sure would they be? With weights alone, these are 1 / sigma in the
        unit of the levels. With targets it is the covariance of a fit to them that ended here,
        scaled by its residual unless the solver has `absolute_sigma`.

        Args:
            parameters: `[B, p]`, or by name.
            weights: see `fit`; 0 where no level was observed. In the order of the levels if there
                are no targets.
            targets: see `fit`. Needed with `Matched` and with a robust loss, where what a level
                counts depends on its residual.
            sigma: see `fit`.
            bounds: those that the fit was given; None for those of the solver.
            priors: those that the fit was given; None for those of the solver.

        Returns:
            A `Covariance`, NaN in a row that is not finite.

        Raises:
            ValueError: for shapes or dtypes that do not fit, for parameters alone, or if targets
                are needed.

        Example:
            >>> diagonal = Affine(None, [np.diag([1.0, 0.0]), np.diag([0.0, 1.0])])
            >>> found = SpectralSolver(diagonal).covariance([[1.0, 2.0]], weights=[10.0, 1.0])
            >>> found.standard_errors.numpy().round(6).tolist(), found.rank.numpy().tolist()
            ([[0.1, 1.0]], [2])
        """
        parameters = self._arguments.unknowns(parameters)
        if targets is None and self.covariance_needs_targets:
            raise ValueError(
                "covariance: pass targets; with Matched, or a loss other than linear, what a "
                "level counts depends on them. For a fit, fit.covariance() knows them."
            )
        if targets is None and weights is None and sigma is None:
            raise ValueError(
                "covariance: parameters alone do not say what was observed, and how well. For a "
                "fit call fit.covariance(); else pass weights (1 / sigma of each level, 0 where "
                "none is observed), or targets."
            )
        weights = self._arguments.weights(parameters, weights, sigma)
        checks.check_same_rows(parameters=parameters, weights=weights)
        known, key = self._arguments.knowledge(parameters, bounds, priors)
        if targets is None:
            return self._compiled.covariance[key](parameters, weights, *known)
        targets = self._arguments.targets(targets)
        checks.check_same_rows(parameters=parameters, targets=targets)
        return self._compiled.covariance_of_data[key](parameters, weights, targets, *known)

    def assignment(
        self, parameters: Any, targets: Any, weights: Any = None, *, sigma: Any = None
    ) -> tf.Tensor:
        """Which level each target is compared with.

        Args:
            parameters: `[B, p]`, or by name: where a fit ended.
            targets: `[B, m]`, see `fit`.
            weights: see `fit`.
            sigma: see `fit`.

        Returns:
            `[B, m]`, int32, numbers from 0 through the levels of all members (with `Transitions`
            that of the upper level); -1 where none was observed.

        Raises:
            ValueError: for shapes or dtypes that do not fit.

        Example:
            >>> solver = SpectralSolver(Toeplitz(3), observation=Matched(2))
            >>> solver.assignment([[0.0, 1.0, 0.0]], [[0.1, 1.3]]).numpy().tolist()
            [[1, 2]]
        """
        parameters = self._arguments.unknowns(parameters)
        targets = self._arguments.targets(targets)
        weights = self._arguments.weights(targets, weights, sigma)
        checks.check_same_rows(parameters=parameters, targets=targets, weights=weights)
        return self._compiled.assignment(parameters, targets, weights)

    def spectrum(self, parameters: Any) -> tf.Tensor:
        """The eigenvalues of the matrix; twice differentiable, also at degenerate levels.

        Third derivatives are not provided: they are NaN or infinite.

        Args:
            parameters: `[B, p]`; or a dict of all of them by name, each a number or `[B]`.

        Returns:
            `[B, n]`, ascending; NaN in a row whose matrix is not finite.

        Raises:
            ValueError: for a shape or dtype that does not fit.

        Example:
            >>> SpectralSolver(Symmetric(2)).spectrum([[0.0, 0.0, 1.0]]).numpy().round(9).tolist()
            [[-1.0, 1.0]]
        """
        return self._compiled.spectrum(self._arguments.unknowns(parameters))

    def matrix(self, parameters: Any) -> tf.Tensor:
        """The matrix `A(x)`.

        Args:
            parameters: `[B, p]`; or a dict of all of them by name, each a number or `[B]`.

        Returns:
            `[B, n, n]`, real symmetric or complex Hermitian.

        Raises:
            ValueError: for a shape or dtype that does not fit.

        Example:
            >>> SpectralSolver(Toeplitz(2)).matrix([[3.0, 1.0]]).numpy().tolist()
            [[[3.0, 1.0], [1.0, 3.0]]]
        """
        return self._compiled.matrix(self._arguments.unknowns(parameters))

    def loss(
        self, parameters: Any, targets: Any, weights: Any = None, *, sigma: Any = None
    ) -> tf.Tensor:
        """The sum of the squared weighted residuals; twice differentiable.

        In second derivatives, couplings inside a degenerate level are left out. (Where its targets
        are equal the loss is smooth in them; `Newton` counts them.)

        Args:
            parameters: `[B, p]`; or a dict of all of them by name, each a number or `[B]`.
            targets: `[B, m]`, NaN where not observed.
            weights: see `fit`.
            sigma: see `fit`.

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
        parameters = self._arguments.unknowns(parameters)
        targets = self._arguments.targets(targets)
        weights = self._arguments.weights(targets, weights, sigma)
        checks.check_same_rows(parameters=parameters, targets=targets, weights=weights)
        return self._compiled.loss(parameters, targets, weights)

    def describe(self) -> dict[str, Any]:
        """What the solver is set to, as plain data: observation, method, tolerances and so on.

        Example:
            >>> SpectralSolver(Toeplitz(2)).describe()["method"]
            {'kind': 'LevenbergMarquardt', 'initial_damping': 1e-10}
        """
        return describe(self._settings)

    def _context(
        self, targets: tf.Tensor, weights: tf.Tensor, known: list[tf.Tensor], key: tuple[bool, bool]
    ) -> Context:
        """What the methods of a result need besides its numbers."""
        comparison = self._settings.model.comparison
        moves = bool(comparison.groups) or comparison.ordered is not None
        return Context(
            parameter_names=self.parameterization.parameter_names,
            targets=targets,
            weights=weights,
            counts=self.parameterization.level_counts,
            upper=comparison.upper,
            lower=comparison.lower,
            assign=self.assignment if moves else None,
            covariance=functools.partial(self._covariance_at, targets, weights, known, key),
        )

    def _covariance_at(
        self,
        targets: tf.Tensor,
        weights: tf.Tensor,
        known: list[tf.Tensor],
        key: tuple[bool, bool],
        parameters: tf.Tensor,
        loss: tf.Tensor,
    ) -> Covariance:
        """The covariance at the ends `[B * S, p]` of a fit, with the loss `[B * S]` there."""
        data = [
            tf.repeat(part, self._settings.solutions, axis=0) for part in (targets, weights, *known)
        ]
        return self._compiled.covariance_of_fit[key](parameters, data[1], data[0], loss, *data[2:])
