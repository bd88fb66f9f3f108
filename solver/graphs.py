"""What `SpectralSolver` compiles: each function here becomes one graph."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from .driver import fit_rows
from .eigen import eigenvalues
from .implicit import pull_back_answer
from .intake import take_in
from .result import FitResult, Trace
from .settings import Settings
from .trace import trace_rows


def fit_targets(settings: Settings, targets: tf.Tensor) -> FitResult:
    """Fit targets `[B, m]` with every other argument at its default."""
    (targets,) = _shaped(settings, targets=targets)
    rows = tf.shape(targets)[0]
    nan = tf.constant(float("nan"), settings.dtype)
    return _differentiable_fit(
        settings,
        targets,
        tf.fill([rows, settings.parameterization.num_parameters], nan),
        tf.ones_like(targets),
        tf.fill([rows], nan),
        tf.zeros([rows], tf.int32),
    )


def fit(
    settings: Settings,
    targets: tf.Tensor,
    initial: tf.Tensor,
    weights: tf.Tensor,
    tolerance: tf.Tensor,
    max_steps: tf.Tensor,
) -> FitResult:
    """Fit; the arguments are those of `SpectralSolver.fit`, with NaN or 0 for a default."""
    targets, *rest = _complete(settings, targets, initial, weights, tolerance, max_steps)
    return _differentiable_fit(settings, targets, *rest)


def trace(
    settings: Settings,
    targets: tf.Tensor,
    initial: tf.Tensor,
    weights: tf.Tensor,
    tolerance: tf.Tensor,
    max_steps: tf.Tensor,
) -> Trace:
    """Fit from the first start only and keep every step; the arguments are those of `fit`."""
    targets, initial, weights, tolerance, max_steps = _complete(
        settings, targets, initial, weights, tolerance, max_steps
    )
    limit = tf.where(max_steps == 0, settings.steps_from_one_start, max_steps)
    batch = take_in(settings, targets, initial, weights, tolerance, limit)
    return trace_rows(settings, batch)


def spectrum(settings: Settings, parameters: tf.Tensor) -> tf.Tensor:
    """The eigenvalues `[B, n]` for parameters `[B, p]`."""
    (parameters,) = _shaped(settings, parameters=parameters)
    return eigenvalues(settings.parameterization.matrix(parameters))


def matrix(settings: Settings, parameters: tf.Tensor) -> tf.Tensor:
    """The matrices `[B, n, n]` for parameters `[B, p]`."""
    (parameters,) = _shaped(settings, parameters=parameters)
    return settings.parameterization.matrix(parameters)


def loss(
    settings: Settings, parameters: tf.Tensor, targets: tf.Tensor, weights: tf.Tensor
) -> tf.Tensor:
    """The sum of the squared weighted residuals, `[B]`."""
    parameters, targets, weights = _shaped(
        settings, parameters=parameters, targets=targets, weights=weights
    )
    measures = settings.observation.measures(settings.parameterization.size)
    observed = ~tf.math.is_nan(targets) & tf.constant(measures)
    weights = tf.where(tf.math.is_nan(weights), tf.ones_like(weights), weights)
    levels = settings.observation.observe(spectrum(settings, parameters))
    # Both branches of `where` must be finite, or the gradient is NaN.
    known = tf.where(observed, targets, tf.zeros_like(targets))
    residual = tf.where(observed, weights * (known - levels), tf.zeros_like(levels))
    return tf.reduce_sum(residual * residual, axis=-1)


def _differentiable_fit(
    settings: Settings,
    targets: tf.Tensor,
    initial: tf.Tensor,
    weights: tf.Tensor,
    tolerance: tf.Tensor,
    max_steps: tf.Tensor,
) -> FitResult:
    """The fit, with the implicit derivative of the answer by targets and weights."""

    @tf.custom_gradient
    def answer(
        targets: tf.Tensor, weights: tf.Tensor
    ) -> tuple[tuple[tf.Tensor, ...], Callable[..., Any]]:
        batch = take_in(settings, targets, initial, weights, tolerance, max_steps)
        result = fit_rows(settings, batch)

        def gradient(*upstream: tf.Tensor, variables: list[tf.Variable] | None = None) -> Any:
            by_data = pull_back_answer(
                settings.parameterization,
                settings.observation,
                result,
                batch.weights,
                FitResult(*upstream),
            )
            # Derivatives by variables inside a matrix function are not provided.
            return by_data if variables is None else (by_data, [None] * len(variables))

        return tuple(result), gradient

    return FitResult(*answer(targets, weights))


def _complete(
    settings: Settings,
    targets: tf.Tensor,
    initial: tf.Tensor,
    weights: tf.Tensor,
    tolerance: tf.Tensor,
    max_steps: tf.Tensor,
) -> list[tf.Tensor]:
    """The arguments of a fit, checked."""
    return _shaped(
        settings,
        targets=targets,
        initial=initial,
        weights=weights,
        tolerance=tolerance,
        max_steps=max_steps,
    )


def _shaped(settings: Settings, **tensors: tf.Tensor) -> list[tf.Tensor]:
    """Check shapes where the graph runs: a caller's graph may know them only then.

    TensorFlow does not hold tensors of unknown shape to the signature of a function, and a tensor
    of another shape would give plausible numbers.
    """
    count = settings.parameterization.num_parameters
    levels = settings.observation.num_targets(settings.parameterization.size)
    widths = {"targets": levels, "weights": levels, "initial": count, "parameters": count}
    shaped = {
        name: tf.ensure_shape(tensor, [None, widths[name]] if name in widths else [None])
        for name, tensor in tensors.items()
    }
    (leader, first), *others = shaped.items()
    checks = [
        tf.debugging.assert_equal(
            tf.shape(tensor)[0], tf.shape(first)[0], f"{name} must have as many rows as {leader}"
        )
        for name, tensor in others
    ]
    with tf.control_dependencies(checks):
        return [tf.identity(tensor) for tensor in shaped.values()]
