"""The solver: a `tf.Module` with the parameterization and the compiled fit."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from . import checks
from .description import describe
from .fit.as_written import as_written
from .fit.compiled import Compiled
from .fit.ends import Ends
from .fit.pieces import as_progress, in_pieces
from .inputs.arguments import Arguments
from .methods import Method
from .observations import Observation
from .parameterizations import Parameterization
from .portable import PortableModule
from .results.covariance import Covariance
from .results.derived import Prediction
from .results.fit_result import FitResult, Trace
from .settings import make_settings


class SpectralSolver(PortableModule):
    """Fits the parameters of a structured matrix to observed levels, in batches of spectra.

    Given `x -> A(x)`, targets t and weights w, it minimizes `sum_i (w_i (t_i - f_i(x)))^2`, with f
    the eigenvalues of `A(x)` or another observation of them: the inverse eigenvalue problem in its
    exact, partial and least-squares forms (Chu & Golub 2005). The whole fit is one TensorFlow
    graph. Rows of a batch do not affect each other.

    The answer is differentiable once with respect to targets, weights, bounds and priors (implicit
    function theorem), so a fit can be part of a trained model.

    Attributes:
        parameterization: the structured matrix `A(x)`.
        observation: which function of the levels is compared with the targets.
        comparison: the observation for this number of levels: `observe` maps eigenvalues
            `[B, n]` to the values `[B, m]` that are compared with the targets.
        method: the least-squares method.
        dtype: of all real numbers.
        num_targets: m, the number of columns of `targets`.
        target_names: what each target is, as in summaries; None where it is found in the fit.
        tolerance: the default of `fit`.
        max_steps: the default step limit of a row without a starting point.
        bounded: whether the solver has bounds.
        has_priors: whether the solver has priors.
        one_sided: whether some targets of the solver may be limits.
        covariance_needs_targets: whether `covariance` needs targets.

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
        sides: Any = None,
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
            observation: which function of the levels is compared: `Levels`, `Transitions`,
                `Matched`, `Frequencies`, `Observable`, or several by `Joint`. When None, the usual
                one of the structure, if it has one, else `Levels()`.
            initial: `[p]` or `[K, p]`, starting points of rows for which `fit` is given none, such
                as the parameters of a related compound; or a dict of all parameters by name, each a
                number or `[K]`. When None the solver proposes starts from the targets.
            starts: the largest number of starts of a row that does not match its spectrum. The best
                end is returned; the result holds the number of starts and how many agreed on it.
                The search ends when the spectrum is matched, or early, see `end_early`. When None,
                `method.default_starts` (128 for `LevenbergMarquardt`), or K if `initial` is given;
                the solver proposes those beyond K.
            tolerance: default for `fit`: the rms residual, relative to the spectral scale, at which
                a row is CONVERGED. The spectral scale is the largest magnitude among the targets
                and the levels at the first start, at most ten times that of the targets. When None
                it is 1e-10 (1e-5 in float32), and the answer must also be within about 1e-3
                standard errors of the minimum: the decrease of the loss that a Gauss-Newton step
                predicts is at most 1e-6 s^2, with s = 1 for `absolute_sigma`, else the larger of
                the residual scale and the rounding error of the levels.
            max_steps: default for `fit`: the step limit of a row, over all its starts. When None,
                `method.default_max_steps` from a given start, and an eighth of that for each
                possible start of a search.
            absolute_sigma: True if weights are 1 / sigma in the unit of the levels, False if only
                their ratios have a meaning; as in `scipy.optimize.curve_fit`.
            weights: default for `fit`: 1 / sigma of each target, a number or `[m]` in the order of
                the columns, or a dict by the names in `target_names`; 0 leaves a target out, NaN,
                None and a missing name mean 1. It is the default of all
                methods that take targets, exported ones too.
            sigma: the same as weights = 1 / sigma.
            bounds: a tuple (lower, upper), each a number or `[p]` as in
                `scipy.optimize.least_squares`; a list of p tuples (lower, upper), one for each
                parameter; or a dict of such tuples by parameter name. None is no bound. Every step
                stays within them. A parameter that ends at its bound has NaN as its standard error.
                A start outside is moved slightly inside.
            priors: (mean, sigma), in the same forms: Gaussian priors on parameters. Each counts as
                one datum and adds `((mean - x) / sigma)^2` to the loss.
            sides: ">" or "<" for a target that is a limit, such as a level known to be above it, or
                a splitting below it, and "=" for a measured value; one for all targets or `[m]`, or
                by the names in `target_names`. Or the numbers 1, -1 and 0. A limit has no residual
                on its allowed side, and is then no datum.
            loss: the loss function of the weighted residuals, as in `scipy.optimize.least_squares`:
                "linear" (least squares), or the robust "soft_l1", "huber" or "cauchy". Priors are
                always quadratic.
            f_scale: the weighted residual beyond which a level is an outlier.
            solutions: S, the number of distinct solutions to find. When above 1, every start of a
                row is followed to its end, the last ones deflated away from the minima found so
                far. Every field of the result is `[B, S, ...]`, best first, with the status
                NO_OTHER where there are fewer. The search may miss a minimum; `agreeing` counts the
                starts that ended in each.
            end_early: whether a search may end before its last start: when twelve starts agree on
                the best least-squares minimum, and the expected number of minima not yet found is
                at most a quarter (Boender & Rinnooy Kan, Math. Program. 37 (1987) 59). False makes
                it try all, as far as `max_steps` allows.
            dtype: `tf.float64` or `tf.float32`.
            pool_rows: the number of rows fitted at the same time; chosen from the sizes when None.
            compaction: False makes every row wait for the slowest one, to measure the gain of
                compaction.
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
            sides,
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
        self.one_sided = settings.sides is not None
        robust = not settings.model.loss.is_linear
        self.covariance_needs_targets = robust or self.comparison.assigned
        self.tolerance = settings.tolerance
        self.max_steps = settings.steps_of_a_search
        self._compiled = Compiled(settings)
        self._ends = Ends(settings, self._arguments, self._compiled)

    def __repr__(self) -> str:
        return (
            f"SpectralSolver({self.parameterization!r}, {self.method!r}, "
            f"observation={self.observation!r}, dtype={self.dtype.name})"
        )

    @as_written
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
        sides: Any = None,
        conditions: Any = None,
        progress: Any = None,
    ) -> FitResult:
        """Fit the parameters of every row to its targets.

        Args:
            targets: `[B, m]`, the observed values, NaN where not observed. `Levels` may come in any
                order; see the observation. Or a dict or data frame by the names in `target_names`,
                each a number or `[B]`; missing names are NaN.
            initial: `[B, p]`, starting points; NaN and None leave the choice to the solver. A row
                with a complete starting point is fitted from there only. Or a dict by parameter
                name, each a number or `[B]`; missing names are NaN.
            weights: `[B, m]`, 1 / sigma of each target, or a number or `[m]` for all rows; 0 leaves
                a target out, NaN and None mean the default of the solver. Or by name, as targets.
            tolerance: one number or `[B]`, see `SpectralSolver`; NaN and None mean the default.
            max_steps: one integer or `[B]`; 0 and None mean the default.
            sigma: instead of weights: 1 / weights, positive, in the same forms.
            bounds: (lower, upper), `[B, p]` each; NaN and None mean those of the solver. The forms
                that the solver takes apply to all rows; in a dict by parameter name each bound is a
                number or `[B]`.
            priors: (mean, sigma), `[B, p]` each, in the same forms. The answer is differentiable
                with respect to both.
            sides: which targets are limits, `[B, m]`, or one or `[m]` for all rows, in the forms of
                the solver; NaN and None mean the solver's. Or by name, as targets.
            conditions: for a `Sweep` only, which needs them: the fields, wave vectors, fluxes at
                which each spectrum was measured, `[B, K', d]` with K' up to the limit K of the
                sweep, NaN where a row has fewer; `[K', d]` for all rows. If d = 1 also `[B, K']`,
                or `[K']` for all rows; `[K', 1]` is one condition for each of K' rows. Or a dict by
                the `condition_names` of the structure, each `[B, K']`, `[K']` for all rows, or one
                number for all conditions; or a data frame with a condition a line. Targets,
                weights and sides are then those of the first condition, those of the second, and so
                on; those that need a condition beyond K' may be left out. The answer is
                differentiable with respect to the conditions.
            progress: True writes the number of finished rows to standard error, about once a
                second; a function is called with the numbers of finished and of all rows. If it has
                a method `take`, that is called before with the `FitResult` of the rows that were
                finished last. A fit of many rows runs in pieces of about a second, with the same
                answer, and Ctrl-C stops it after any of them.

        Returns:
            A `FitResult`. A row that cannot be fitted has a negative status and NaN; it does not
            raise, and does not affect other rows.

        Raises:
            ValueError: for wrong shapes or dtypes, before anything runs.

        Example:
            >>> solver = SpectralSolver(Symmetric(3))
            >>> solver.fit([[1.0, 1.0, 1.0], [1.0, float("nan"), 3.0]]).status.numpy().tolist()
            [1, 1]
        """
        tell = as_progress(progress)
        given = self._arguments.conditions(conditions)
        targets = self._arguments.targets(targets, given)
        known, key = self._arguments.knowledge(targets, bounds, priors, sides, given)
        rest = self._arguments.complete(
            targets, initial, weights, sigma, tolerance, max_steps, given, *known
        )
        settings = self._settings
        # If every row has its starting point, use the graph without a search. A batch without rows
        # needs neither, and builds none of its own.
        complete = settings.solutions == 1 and checks.is_complete(rest[0])
        built = targets.shape[0] == 0 and key in self._compiled.fit
        compiled = self._compiled.fit_given if complete and not built else self._compiled.fit
        # With several solutions each start of a row is a row of the pool.
        smallest = settings.pool_rows // (settings.starts if settings.solutions > 1 else 1)
        result = in_pieces(compiled[key], (targets, *rest), max(smallest, 1), tell)
        at = rest[4 + len(known) :]
        context = self._ends.context(targets, rest[1], known, key, at, self.assignment)
        return result.with_context(context)

    @as_written
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
        sides: Any = None,
        conditions: Any = None,
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
            sides: see `fit`.
            conditions: see `fit`.

        Returns:
            A `Trace`.

        Raises:
            ValueError: for wrong shapes or dtypes.

        Example:
            >>> trace = SpectralSolver(Toeplitz(2)).trace([[1.0, 3.0]], initial=[[0.0, 0.5]])
            >>> trace.eigenvalues.shape[0], trace.eigenvalues.shape[2]
            (1, 2)
        """
        given = self._arguments.conditions(conditions)
        targets = self._arguments.targets(targets, given)
        known, key = self._arguments.knowledge(targets, bounds, priors, sides, given)
        rest = self._arguments.complete(
            targets, initial, weights, sigma, tolerance, max_steps, given, *known
        )
        complete = checks.is_complete(rest[0])
        compiled = self._compiled.trace_given if complete else self._compiled.trace
        return compiled[key](targets, *rest)

    @as_written
    def covariance(
        self,
        parameters: Any,
        weights: Any = None,
        targets: Any = None,
        *,
        sigma: Any = None,
        bounds: Any = None,
        priors: Any = None,
        sides: Any = None,
        conditions: Any = None,
    ) -> Covariance:
        """The covariance of parameters in the fit linearized at them.

        For the result of a fit use `fit.covariance()`. This method is for other parameters and
        data, for example to plan a measurement. With weights only, these are 1 / sigma in the unit
        of the levels, and it is `(J^T W J)^-1`. With targets it is the covariance of a fit to them
        that ended at these parameters, scaled by its residual unless the solver has
        `absolute_sigma`.

        Args:
            parameters: `[B, p]`, or by name.
            weights: see `fit`; 0 where no level was observed. In the order of the levels if there
                are no targets.
            targets: see `fit`. Needed with `Matched` and with a robust loss, where the weight of a
                level depends on its residual.
            sigma: see `fit`.
            bounds: those of the fit; None for those of the solver.
            priors: those of the fit; None for those of the solver.
            sides: those of the fit; None for those of the solver. Only with targets.
            conditions: see `fit`.

        Returns:
            A `Covariance`, NaN in a row that is not finite.

        Raises:
            ValueError: for wrong shapes or dtypes, for parameters alone, or if targets are needed.

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
        given = self._arguments.conditions(conditions)
        weights = self._arguments.weights(parameters, weights, sigma, given)
        checks.check_same_rows(parameters=parameters, weights=weights)
        if targets is None:
            known, key = self._arguments.knowledge(parameters, bounds, priors)
            known += given.of_rows(parameters)
            return self._compiled.covariance[key](parameters, weights, *known)
        known, key = self._arguments.knowledge(parameters, bounds, priors, sides, given)
        targets = self._arguments.targets(targets, given)
        known += given.of_rows(parameters)
        checks.check_same_rows(parameters=parameters, targets=targets)
        return self._compiled.covariance_of_data[key](parameters, weights, targets, *known)

    @as_written
    def predict(
        self,
        parameters: Any,
        targets: Any,
        weights: Any = None,
        *,
        sigma: Any = None,
        bounds: Any = None,
        priors: Any = None,
        sides: Any = None,
        conditions: Any = None,
    ) -> Prediction:
        """What would be measured in a fit to the targets that ended at these parameters.

        For the result of a fit use `fit.predict()`, which also predicts other observations. This
        method is for parameters from elsewhere, such as a server.

        Args:
            parameters: `[B, p]`, or by name.
            targets: `[B, m]`, NaN where not observed; see `fit`.
            weights: see `fit`.
            sigma: see `fit`.
            bounds: those of the fit; None for those of the solver.
            priors: those of the fit; None for those of the solver.
            sides: those of the fit; None for those of the solver.
            conditions: see `fit`.

        Returns:
            A `Prediction` of all targets, observed or not; NaN in a row that is not finite.

        Raises:
            ValueError: for wrong shapes or dtypes.

        Example:
            >>> line = Affine(np.diag([0.0, 3.0, 6.0]), [np.ones([3, 3])])
            >>> found = SpectralSolver(line).predict([[0.4166]], [[0.31, 3.42, np.nan]])
            >>> found.values.numpy().round(2).tolist()
            [[0.34, 3.4, 6.51]]
        """
        given = self._arguments.conditions(conditions)
        parameters = self._arguments.unknowns(parameters)
        targets = self._arguments.targets(targets, given)
        weights = self._arguments.weights(targets, weights, sigma, given)
        known, key = self._arguments.knowledge(targets, bounds, priors, sides, given)
        checks.check_same_rows(parameters=parameters, targets=targets, weights=weights)
        known += given.of_rows(targets)
        return self._compiled.predict[key](parameters, weights, targets, *known)

    @as_written
    def assignment(
        self,
        parameters: Any,
        targets: Any,
        weights: Any = None,
        *,
        sigma: Any = None,
        sides: Any = None,
        conditions: Any = None,
    ) -> tf.Tensor:
        """The number of the level with which each target is compared.

        Args:
            parameters: `[B, p]`, or by name, such as those of a fit.
            targets: `[B, m]`, see `fit`.
            weights: see `fit`.
            sigma: see `fit`.
            sides: see `fit`.
            conditions: see `fit`.

        Returns:
            `[B, m]`, int32, level numbers from 0, counted through all members (with `Transitions`
            that of the upper level); -1 where none was observed, and for functions of several
            levels.

        Raises:
            ValueError: for wrong shapes or dtypes.

        Example:
            >>> solver = SpectralSolver(Toeplitz(3), observation=Matched(2))
            >>> solver.assignment([[0.0, 1.0, 0.0]], [[0.1, 1.3]]).numpy().tolist()
            [[1, 2]]
        """
        data, key = self._compared(parameters, targets, weights, sigma, sides, conditions)
        return self._compiled.assignment[key](*data)

    @as_written
    def spectrum(self, parameters: Any, conditions: Any = None) -> tf.Tensor:
        """The eigenvalues of the matrix; twice differentiable, also at degenerate levels.

        Third derivatives are not provided: they are NaN or infinite.

        Args:
            parameters: `[B, p]`; or a dict of all of them by name, each a number or `[B]`.
            conditions: see `fit`.

        Returns:
            `[B, n]`, ascending in each member and at each condition; NaN in a row whose matrix is
            not finite, and at conditions that a row does not have.

        Raises:
            ValueError: for a wrong shape or dtype.

        Example:
            >>> SpectralSolver(Symmetric(2)).spectrum([[0.0, 0.0, 1.0]]).numpy().round(9).tolist()
            [[-1.0, 1.0]]
        """
        return self._compiled.spectrum(*self._at(parameters, conditions))

    @as_written
    def matrix(self, parameters: Any, conditions: Any = None) -> tf.Tensor:
        """The matrix `A(x)`.

        Args:
            parameters: `[B, p]`; or a dict of all of them by name, each a number or `[B]`.
            conditions: see `fit`.

        Returns:
            `[B, n, n]`, real symmetric or complex Hermitian. With conditions `[B, K, n, n]`, the
            matrix at each of them, NaN where a row has none.

        Raises:
            ValueError: for a wrong shape or dtype.

        Example:
            >>> SpectralSolver(Toeplitz(2)).matrix([[3.0, 1.0]]).numpy().tolist()
            [[[3.0, 1.0], [1.0, 3.0]]]
        """
        return self._compiled.matrix(*self._at(parameters, conditions))

    @as_written
    def loss(
        self,
        parameters: Any,
        targets: Any,
        weights: Any = None,
        *,
        sigma: Any = None,
        sides: Any = None,
        conditions: Any = None,
    ) -> tf.Tensor:
        """The loss that `fit` minimizes, `sum_i rho(w_i (t_i - f_i(x)))` and the priors' terms.

        It is twice differentiable. Second derivatives leave out couplings within a degenerate
        level. (Where the targets of that level are equal, the loss is smooth in these couplings,
        and `Newton` includes them.)

        Args:
            parameters: `[B, p]`; or a dict of all of them by name, each a number or `[B]`.
            targets: `[B, m]`, NaN where not observed.
            weights: see `fit`.
            sigma: see `fit`.
            sides: see `fit`.
            conditions: see `fit`.

        Returns:
            `[B]`.

        Raises:
            ValueError: for wrong shapes or dtypes.

        Example:
            >>> SpectralSolver(Toeplitz(2)).loss([[2.0, 1.0]], [[1.0, 2.0]]).numpy().round(
            ...     9
            ... ).tolist()
            [1.0]
        """
        data, key = self._compared(parameters, targets, weights, sigma, sides, conditions)
        return self._compiled.loss[key](*data)

    @property
    def target_names(self) -> tuple[str, ...] | None:
        """What each target is, such as `M=3:1 - M=2:0`; None where the fit assigns the levels.

        Example:
            >>> SpectralSolver(Toeplitz(2), observation=Transitions([(1, 0)])).target_names
            ('1 - 0',)
        """
        return self._settings.model.target_names

    def describe(self) -> dict[str, Any]:
        """The settings as plain data: observation, method, tolerances and so on.

        Example:
            >>> SpectralSolver(Toeplitz(2)).describe()["method"]
            {'kind': 'LevenbergMarquardt', 'initial_damping': 1e-10}
        """
        return describe(self._settings)

    def _at(self, parameters: Any, conditions: Any) -> list[tf.Tensor]:
        """The parameters, and the conditions if the structure takes any."""
        given = self._arguments.conditions(conditions)
        parameters = self._arguments.unknowns(parameters)
        return [parameters, *given.of_rows(parameters)]

    def _compared(
        self, parameters: Any, targets: Any, weights: Any, sigma: Any, sides: Any, conditions: Any
    ) -> tuple[list[tf.Tensor], bool]:
        """Parameters, targets, weights, sides and conditions if any; whether there are sides."""
        given = self._arguments.conditions(conditions)
        parameters = self._arguments.unknowns(parameters)
        targets = self._arguments.targets(targets, given)
        weights = self._arguments.weights(targets, weights, sigma, given)
        checks.check_same_rows(parameters=parameters, targets=targets, weights=weights)
        own = [] if sides is None else [self._arguments.sides(targets, sides, given)]
        return [parameters, targets, weights, *own, *given.of_rows(targets)], bool(own)
