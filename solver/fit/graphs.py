"""The functions that `SpectralSolver` compiles, each into one graph."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from ..inputs.arrangement import Arranged, arrange, fill_weights
from ..inputs.conditions import are_without_condition, have_faulty_conditions
from ..inputs.request import (
    SIDES,
    Request,
    at_conditions,
    complete_data,
    condition_inputs,
    request_shapes,
)
from ..inputs.validation import validate
from ..linalg.eigh import are_degenerate
from ..objective.bounds import at_bounds
from ..objective.covariance import covariance as covariance_of
from ..objective.covariance import unit_variance, with_variance
from ..objective.evaluation import evaluate_curved, loss_of_levels
from ..objective.hessian import Curvature
from ..objective.implicit import is_certified, keep_rows
from ..objective.model import Data, count_data, is_given, with_weight_summary
from ..objective.propagation import Spread, propagate, spread_of
from ..objective.scaling import above_rounding
from ..observations.guesses import in_each_member
from ..pool.rows import Batch
from ..results.covariance import Covariance
from ..results.derived import Prediction
from ..results.fit_result import FitResult, Trace
from ..results.statistics import Statistics
from ..rowwise.axes import new_axis, row_count
from ..rowwise.once_only import once_only, without_derivative
from ..rowwise.tables import select_rows
from ..settings import Settings
from .distinct_minima import fit_solutions, pull_back
from .loop import fit_rows
from .trace import trace_rows


def fit(settings: Settings, *arguments: tf.Tensor, names: Sequence[str]) -> FitResult:
    """Fit every row; the arguments are the named fields of `Request`, NaN or 0 for a default."""
    return _fit(settings, _request(settings, names, arguments))


def trace(settings: Settings, *arguments: tf.Tensor, names: Sequence[str]) -> Trace:
    """Fit from the first start only and keep every step; the arguments are those of `fit`."""
    request = _request(settings, names, arguments)
    limit = tf.where(request.max_steps == 0, settings.steps_from_one_start, request.max_steps)
    arranged = arrange(settings, request.targets, request.weights, request.sides)
    request = request._replace(targets=arranged.targets, weights=arranged.weights)
    data = complete_data(settings, request)
    batch = validate(settings, data, request.initial, request.tolerance, limit)
    way = trace_rows(settings, batch)
    known = [request.targets, request.weights, request.initial, *_flat(request.conditions)]
    # Derivatives through the steps are not provided: they would differ from those of the minimum.
    parameters, eigenvalues, loss = without_derivative(
        (way.parameters, way.eigenvalues, way.loss), known
    )
    return way._replace(parameters=parameters, eigenvalues=eigenvalues, loss=loss)


class _Linear(NamedTuple):
    """The fit linearized at parameters `[B, p]`.

    Attributes:
        curved: values, slopes and assignment at the parameters.
        values: `[B, n]`, all eigenvalues.
        jacobian: `[B, M, p]`, weighted.
        held: `[B, p]` bool, parameters at a bound; None without bounds.
        variance: `[B]`, of unit weight; None if the weights are 1 / sigma.
        data_count: `[B]`, the number of data; None without targets.
        usable: `[B]` bool, whether everything is finite.
        arranged: the targets; None without them.
    """

    curved: Curvature
    values: tf.Tensor
    jacobian: tf.Tensor
    held: tf.Tensor | None
    variance: tf.Tensor | None
    data_count: tf.Tensor | None
    usable: tf.Tensor
    arranged: Arranged | None


def _linearize(settings: Settings, names: Sequence[str], arguments: Sequence[tf.Tensor]) -> _Linear:
    """Linearize the fit; the arguments are those of `covariance`."""
    named = dict(zip(names, arguments, strict=True))
    shaped = dict(zip(names, _shaped(settings, **named), strict=True))
    parameters, weights = shaped.pop("parameters"), shaped.pop("weights")
    targets, loss_of_fit = (shaped.pop(name, None) for name in ("targets", "loss"))
    model, zero, arranged = settings.model, tf.zeros_like(weights), None
    data = complete_data(settings, Request(targets=targets, weights=weights, **shaped))
    values, _, finite = model.structure(data).eigensystem(parameters)
    if targets is None:
        weights = fill_weights(settings, weights)
        known = model.comparison.observe(values)
    else:
        arranged = arrange(settings, targets, weights, shaped.get("sides", ()))
        known, weights = arranged.targets, arranged.weights
        weights = tf.where(tf.math.is_nan(known), zero, weights)
        known = tf.where(tf.equal(weights, 0), zero, known)
    weights = tf.where(tf.constant(model.comparison.measures), weights, zero)
    usable = finite & tf.reduce_all(tf.math.is_finite(parameters), axis=-1)
    faulty = have_faulty_conditions(data.conditions)
    if faulty is not None:
        nowhere = are_without_condition(settings, data.conditions)
        usable &= ~faulty
        if targets is not None:
            usable &= ~tf.reduce_any(nowhere & (weights > 0), axis=1)
        weights = tf.where(nowhere, zero, weights)
    data = with_weight_summary(data._replace(targets=known, weights=weights))
    point, curved = evaluate_curved(model, parameters, data)
    held = at_bounds(parameters, data)
    # At a degenerate level the eigenvectors do not determine the derivative of the Jacobian.
    moving = [parameters, *_flat(data.conditions)]
    (fixed,) = without_derivative([point.jacobian], moving)
    jacobian = select_rows(_any_degenerate(settings, values), fixed, point.jacobian)
    count = variance = None
    if targets is not None:
        count = count_data(model, data, point.residual)
    if count is not None and not settings.absolute_sigma:
        loss = point.loss if loss_of_fit is None else loss_of_fit
        variance = unit_variance(jacobian, held, loss, count)
    usable &= tf.reduce_all((weights >= 0) & tf.math.is_finite(weights), axis=-1)
    usable &= tf.reduce_all(tf.math.is_finite(known), axis=-1)
    return _Linear(curved, values, jacobian, held, variance, count, usable, arranged)


def covariance(settings: Settings, *arguments: tf.Tensor, names: Sequence[str]) -> Covariance:
    """The covariance `s^2 (J^T W J)^-1` at parameters `[B, p]`, with bounds and priors if any.

    Without targets `[B, m]`, or with `absolute_sigma`, s = 1. Otherwise s is the residual scale;
    it is computed from the loss `[B]` of the fit where given, so that it is that of the fit even
    where the loss is all rounding error. Targets that are NaN have weight 0.

    Args:
        settings: the problem.
        *arguments: the tensors.
        names: of these: parameters, weights `[B, m]`, and any of targets, loss, bounds, priors,
            sides, conditions.

    Returns:
        A `Covariance`, NaN in a row that is not finite.
    """
    return _covariance(settings, _linearize(settings, names, arguments))


def _covariance(settings: Settings, linear: _Linear) -> Covariance:
    """The covariance in the linearized fit."""
    result = covariance_of(linear.jacobian, linear.held)
    if linear.variance is not None:
        result = with_variance(result, linear.variance)
    nan = tf.constant(float("nan"), settings.dtype)

    def cleaned(field: tf.Tensor) -> tf.Tensor:
        bad = tf.fill(tf.shape(field), nan) if field.dtype.is_floating else tf.zeros_like(field)
        return select_rows(linear.usable, field, bad)

    return Covariance(*(cleaned(field) for field in result))


def spread(settings: Settings, *arguments: tf.Tensor, names: Sequence[str]) -> Spread:
    """The `Spread` of parameters `[B, p]`; the arguments are those of `covariance`."""
    found = _spread(_linearize(settings, names, arguments))
    # Derivatives of errors are not provided.
    real = found._replace(free=found.scale)
    real = Spread(*without_derivative(real, _real(arguments)))
    return real._replace(free=found.free)


def _spread(linear: _Linear) -> Spread:
    """The `Spread` of the linearized fit."""
    one = tf.ones_like(linear.values[:, 0])
    scale = one if linear.variance is None else tf.sqrt(linear.variance)
    scale = tf.where(linear.usable, scale, tf.constant(np.nan, scale.dtype))
    zero = tf.zeros_like(linear.jacobian)
    jacobian = select_rows(linear.usable, linear.jacobian, zero)
    return spread_of(jacobian, linear.held, scale)


def predict(settings: Settings, *arguments: tf.Tensor, names: Sequence[str]) -> Prediction:
    """All targets of the fitted model, in the caller's columns, with standard errors.

    Args:
        settings: the problem.
        *arguments: the tensors.
        names: of these: parameters, weights, targets, and any of loss, bounds, priors, sides.

    Returns:
        The `Prediction`, NaN in a row that is not finite.
    """
    return _predict(settings, _linearize(settings, names, arguments), arguments)


def _predict(settings: Settings, linear: _Linear, arguments: Sequence[tf.Tensor]) -> Prediction:
    """The predictions of the linearized fit; the arguments are those that it was made from."""
    curved, comparison = linear.curved, settings.model.comparison
    weights, uncertain = curved.data.weights, _spread(linear)
    nan = tf.constant(np.nan, weights.dtype)
    values = comparison.observe(linear.values, curved.assignment)
    structure = settings.model.structure(curved.data)
    if comparison.bends:
        by_level = above_rounding(structure, curved.by_level)
        slopes = comparison.observe_slopes(linear.values, by_level, curved.assignment)
        slopes = comparison.centre(slopes, weights)
    else:
        slopes = above_rounding(structure, curved.slopes)
    errors, _ = propagate(uncertain, slopes)
    if comparison.centred:
        # The common offset is the weighted mean of targets minus levels. Its error is independent
        # of that of the centred levels.
        shares = comparison.offset_shares(weights)
        values += comparison.offset_sums(shares * (curved.data.targets - values))
        squares = comparison.offset_sums(weights * weights)
        there = comparison.offset_sums(tf.ones_like(weights)) > 0
        unknown = tf.where(there & (squares <= 0), tf.constant(np.inf, weights.dtype), 0.0)
        variance = tf.math.divide_no_nan(new_axis(uncertain.scale**2, 1), squares) + unknown
        errors = tf.sqrt(errors * errors + variance)
    if comparison.assigned:  # nothing says which level an empty column is
        seen = (weights > 0) | ~tf.constant(comparison.assigned_targets)
        values, errors = tf.where(seen, values, nan), tf.where(seen, errors, nan)
    if is_given(curved.data.conditions):
        nowhere = are_without_condition(settings, curved.data.conditions)
        values, errors = tf.where(nowhere, nan, values), tf.where(nowhere, nan, errors)
    arranged = linear.arranged
    if arranged is not None and arranged.zero is not None:
        values += arranged.zero
    values = tf.where(new_axis(linear.usable, 1), values, nan)
    if arranged is not None:
        values, errors = arranged.in_callers_order(values), arranged.in_callers_order(errors)
    # Derivatives of the values are those of `spectrum`.
    return Prediction(*without_derivative((values, errors), _real(arguments)))


def statistics(settings: Settings, *arguments: tf.Tensor, names: Sequence[str]) -> Statistics:
    """The `Statistics` of a fit; the arguments are those of `covariance`, targets and loss too.

    The p-value is `Q(f / 2, chi2 / 2)`, the upper tail of the chi2 distribution with f degrees of
    freedom (Abramowitz & Stegun 26.4.19).
    """
    linear = _linearize(settings, names, arguments)
    loss, count = dict(zip(names, arguments, strict=True))["loss"], linear.data_count
    assert count is not None
    uncertain = _covariance(settings, linear)
    nan = tf.constant(np.nan, loss.dtype)
    freedom = tf.where(linear.usable, count - tf.cast(uncertain.rank, loss.dtype), nan)
    robust = not settings.model.loss.is_linear
    chi2 = tf.where(linear.usable, nan if robust else loss, nan)
    tested = (freedom > 0) & (chi2 >= 0) & settings.absolute_sigma
    one = tf.ones_like(freedom)
    tail = tf.math.igammac(tf.where(tested, freedom, one) / 2.0, tf.where(tested, chi2, one) / 2.0)
    p_value = tf.where(tested, tail, nan)
    numbers = without_derivative((freedom, chi2, p_value), _real(arguments))
    return Statistics(uncertain, _predict(settings, linear, arguments), *numbers)


def levels_and_slopes(
    settings: Settings, parameters: tf.Tensor, *conditions: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor]:
    """All levels `[B, n]`, NaN where there are none, and their derivatives `[B, n, p]`."""
    parameters, data = _shaped_at(settings, parameters, conditions)
    structure = settings.model.structure(data)
    values, vectors, finite = structure.eigensystem(parameters)
    slopes = above_rounding(structure, structure.level_jacobian(parameters, vectors))
    nan = tf.constant(np.nan, values.dtype)
    values = tf.where(new_axis(finite, 1), structure.without_absent(values), nan)
    slopes = tf.where(tf.reshape(finite, [-1, 1, 1]), slopes, nan)
    one, other = without_derivative((values, slopes), [parameters, *_flat(data.conditions)])
    return one, other


def _real(arguments: Sequence[tf.Tensor]) -> list[tf.Tensor]:
    """The arguments as tensors `[B, k]`."""
    widths = [math.prod(one.shape[1:].as_list()) for one in arguments]
    return [tf.reshape(one, [-1, width]) for one, width in zip(arguments, widths, strict=True)]


def assignment(
    settings: Settings,
    parameters: tf.Tensor,
    targets: tf.Tensor,
    weights: tf.Tensor,
    *others: tf.Tensor,
) -> tf.Tensor:
    """The level number of each target, `[B, m]` int32; -1 where none was observed."""
    parameters, targets, weights, named = _shaped_rows(
        settings, parameters, targets, weights, others
    )
    data = at_conditions(settings, named.get("conditions", ()))
    comparison = settings.model.comparison
    arranged = arrange(settings, targets, weights, named.get("sides", ()))
    targets, weights = arranged.targets, arranged.weights
    if comparison.assigned:
        values, _, finite = settings.model.structure(data).eigensystem(parameters)
    else:  # the assignment is fixed: no eigenvalues are needed
        values, finite = parameters, tf.reduce_all(tf.math.is_finite(parameters), axis=-1)
    counts = (weights > 0) | tf.constant(~comparison.measures)
    observed = ~tf.math.is_nan(targets) & counts & new_axis(finite, 1)
    if is_given(data.conditions):
        observed &= ~are_without_condition(settings, data.conditions)
    found = comparison.assign(
        values,
        tf.where(observed, targets, tf.zeros_like(targets)),
        tf.where(observed, weights, tf.zeros_like(weights)),
    )
    # A function of one level or line, such as a frequency, is named by it.
    upper = comparison.lines[0]
    alone = np.where(np.count_nonzero(upper >= 0, axis=1) == 1, upper.max(axis=1), -1)
    found = tf.where(found < 0, tf.constant(alone, tf.int32), found)
    return arranged.in_callers_order(tf.where(observed, found, -1))


def spectrum(settings: Settings, parameters: tf.Tensor, *conditions: tf.Tensor) -> tf.Tensor:
    """The eigenvalues `[B, n]` for parameters `[B, p]`, and conditions `[B, K, d]` if any."""
    parameters, data = _shaped_at(settings, parameters, conditions)
    structure = settings.model.structure(data)
    return _without_faulty(structure.without_absent(structure.spectrum(parameters)), data)


def matrix(settings: Settings, parameters: tf.Tensor, *conditions: tf.Tensor) -> tf.Tensor:
    """The matrices `[B, n, n]` for parameters `[B, p]`; at conditions, `[B, K, n, n]`."""
    parameters, data = _shaped_at(settings, parameters, conditions)
    return _without_faulty(settings.model.structure(data).matrix(parameters), data)


def _shaped_at(
    settings: Settings, parameters: tf.Tensor, conditions: Sequence[tf.Tensor]
) -> tuple[tf.Tensor, Data]:
    """The parameters, and `Data` with the conditions alone, their shapes checked."""
    named = dict(zip(condition_inputs(settings), conditions, strict=True))
    parameters, *checked = _shaped(settings, parameters=parameters, **named)
    return parameters, at_conditions(settings, (*checked, ())[0])


def _without_faulty(values: tf.Tensor, data: Data) -> tf.Tensor:
    """The values `[B, ...]`, NaN in rows with a faulty condition."""
    faulty = have_faulty_conditions(data.conditions)
    if faulty is None:
        return values
    nan = tf.constant(np.nan, values.dtype)
    return tf.where(tf.reshape(faulty, [-1, *[1] * (values.shape.rank - 1)]), nan, values)


def loss(
    settings: Settings,
    parameters: tf.Tensor,
    targets: tf.Tensor,
    weights: tf.Tensor,
    *others: tf.Tensor,
) -> tf.Tensor:
    """The loss that a fit minimizes, `[B]`: `sum_i rho(w_i (t_i - f_i(x)))`, plus the priors."""
    parameters, targets, weights, named = _shaped_rows(
        settings, parameters, targets, weights, others
    )
    targets, weights, *_ = arrange(settings, targets, weights, named.get("sides", ()))
    observed = ~tf.math.is_nan(targets) & tf.constant(settings.model.comparison.measures)
    # Both branches of `where` must be finite, or the gradient is NaN.
    known = tf.where(observed, targets, tf.zeros_like(targets))
    counting = tf.where(observed, weights, tf.zeros_like(weights))
    data = complete_data(settings, Request(targets=known, weights=counting, **named))
    values = settings.model.structure(data).spectrum(parameters)
    found = _without_faulty(loss_of_levels(settings.model, data, parameters, values), data)
    if not is_given(data.conditions):
        return found
    nowhere = are_without_condition(settings, data.conditions) & (counting > 0)
    return tf.where(tf.reduce_any(nowhere, axis=1), tf.constant(np.nan, found.dtype), found)


def _flat(conditions: Any) -> list[tf.Tensor]:
    """`[conditions]`, `[B, K, W]`, as `[B, K W]`; `[]` without."""
    if not is_given(conditions):
        return []
    return [tf.reshape(conditions, [-1, conditions.shape[1] * conditions.shape[2]])]


def _shaped_rows(
    settings: Settings,
    parameters: tf.Tensor,
    targets: tf.Tensor,
    weights: tf.Tensor,
    others: Sequence[tf.Tensor],
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor, dict[str, tf.Tensor]]:
    """The tensors with their shapes checked; the others, sides and conditions, by name."""
    at = condition_inputs(settings)
    names = (*(SIDES if len(others) > len(at) else ()), *at)
    named = dict(zip(names, others, strict=True))
    parameters, targets, weights, *checked = _shaped(
        settings, parameters=parameters, targets=targets, weights=weights, **named
    )
    return parameters, targets, weights, dict(zip(names, checked, strict=True))


def _any_degenerate(settings: Settings, values: tf.Tensor) -> tf.Tensor:
    """Whether any member has a degenerate level, `[B]` bool."""
    counts = settings.parameterization.level_counts
    if len(counts) == 1:
        return are_degenerate(values)

    def marked(member: tf.Tensor) -> tf.Tensor:
        return tf.where(new_axis(are_degenerate(member), 1), tf.ones_like(member), 0.0)

    # Members of one size at a time, so that the graph does not grow with their number.
    return tf.reduce_any(in_each_member(marked, values, counts) > 0, axis=1)


def _fit(settings: Settings, request: Request) -> FitResult:
    """The fit, with residuals in the caller's order of the targets."""
    arranged = arrange(settings, request.targets, request.weights, request.sides)
    request = request._replace(targets=arranged.targets, weights=arranged.weights)
    solve = fit_solutions if settings.solutions > 1 else fit_rows
    result = _differentiable(settings, request, solve)
    return result._replace(residuals=arranged.in_callers_order(result.residuals))


def _differentiable(
    settings: Settings, request: Request, solve: Callable[[Settings, Batch], FitResult]
) -> FitResult:
    """The fit, with its derivatives by the implicit function theorem.

    It is differentiable once with respect to targets, weights, bounds, priors and conditions.
    """
    data = complete_data(settings, request)
    moving = (
        "targets",
        "weights",
        *(("lower", "upper") if data.bounded else ()),
        *(("prior_mean", "prior_weight") if data.has_priors else ()),
        *condition_inputs(settings),
    )
    shape = data.conditions.shape if is_given(data.conditions) else ()
    if shape:  # all derivatives are `[B, k]`
        data = data._replace(conditions=_flat(data.conditions)[0])

    @tf.custom_gradient
    def answer(*tensors: tf.Tensor) -> tuple[tuple[tf.Tensor, ...], Callable[..., Any]]:
        # Else a persistent tape would differentiate through the loop.
        stopped = [tf.stop_gradient(tensor) for tensor in tensors]
        given = data._replace(**dict(zip(moving, stopped, strict=True)))
        if shape:
            given = given._replace(conditions=tf.reshape(given.conditions, [-1, *shape[1:]]))
        batch = validate(settings, given, request.initial, request.tolerance, request.max_steps)
        # Stop gradients of all that `gradient` captures here, outside of it: TensorFlow prepares
        # derivatives of captured tensors, and would follow them into the loop.
        result, known = tf.nest.map_structure(
            tf.stop_gradient, (solve(settings, batch), batch.data)
        )

        def gradient(*upstream: tf.Tensor, variables: list[tf.Variable] | None = None) -> Any:
            found = pull_back(settings, result, known, FitResult(*upstream))
            by_data = [getattr(found, name) for name in moving]
            certified = tf.reshape(is_certified(result.status), [-1, settings.solutions])
            # The gradient of an integer field is None or an integer.
            real = [up for up in upstream if up is not None and up.dtype.is_floating]
            known_once = once_only(by_data, real, tensors)
            some = tf.reduce_any(certified, axis=1)
            by_data = tuple(keep_rows(some, gradient) for gradient in known_once)
            # Derivatives with respect to variables inside a matrix function are not provided.
            return by_data if variables is None else (by_data, [None] * len(variables))

        return tuple(result), gradient

    return FitResult(*answer(*(getattr(data, name) for name in moving)))


def _request(settings: Settings, names: Sequence[str], arguments: Sequence[tf.Tensor]) -> Request:
    """The arguments of a fit, with their shapes checked."""
    return Request(
        **dict(
            zip(names, _shaped(settings, **dict(zip(names, arguments, strict=True))), strict=True)
        )
    )


def _shaped(settings: Settings, **tensors: tf.Tensor) -> list[tf.Tensor]:
    """Check shapes when the graph runs: in a caller's graph they may be unknown before.

    TensorFlow does not check tensors of unknown shape against the signature of a function, and a
    tensor of the wrong shape would give plausible numbers.
    """
    shapes = request_shapes(settings)
    shaped = {name: tf.ensure_shape(tensor, shapes[name]) for name, tensor in tensors.items()}
    (leader, first), *others = shaped.items()
    rows = row_count(first)
    # A few operations each, where `tf.debugging.assert_equal` takes fifteen.
    checks = []
    for name, tensor in others:
        count = row_count(tensor)
        told = [f"{name} must have as many rows as {leader}; these are:", count, rows]
        checks.append(tf.debugging.Assert(tf.equal(count, rows), told))
    with tf.control_dependencies(checks):
        return [tf.identity(tensor) for tensor in shaped.values()]
