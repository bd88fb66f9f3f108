"""What `SpectralSolver` compiles: each function here becomes one graph."""

from __future__ import annotations

from collections.abc import Callable

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
    rest = {
        "initial": initial,
        "weights": weights,
        "tolerance": tolerance,
        "max_steps": max_steps,
    }
    with tf.control_dependencies(_assert_same_rows(targets, rest)):
        targets = tf.identity(targets)
    return _differentiable_fit(settings, targets, **rest)


def trace(
    settings: Settings,
    targets: tf.Tensor,
    initial: tf.Tensor,
    weights: tf.Tensor,
    tolerance: tf.Tensor,
    max_steps: tf.Tensor,
) -> Trace:
    """Fit from the first start only and keep every step; the arguments are those of `fit`."""
    limit = tf.where(max_steps == 0, settings.steps_from_one_start, max_steps)
    batch = take_in(settings, targets, initial, weights, tolerance, limit)
    return trace_rows(settings, batch)


def spectrum(settings: Settings, parameters: tf.Tensor) -> tf.Tensor:
    """The eigenvalues `[B, n]` for parameters `[B, p]`."""
    return eigenvalues(settings.parameterization.matrix(parameters))


def loss(
    settings: Settings, parameters: tf.Tensor, targets: tf.Tensor, weights: tf.Tensor
) -> tf.Tensor:
    """The sum of the squared weighted residuals, `[B]`."""
    observed = ~tf.math.is_nan(targets)
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
    ) -> tuple[tuple[tf.Tensor, ...], Callable[..., tuple[tf.Tensor, tf.Tensor]]]:
        batch = take_in(settings, targets, initial, weights, tolerance, max_steps)
        result = fit_rows(settings, batch)

        def gradient(*upstream: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            return pull_back_answer(
                settings.parameterization,
                settings.observation,
                result,
                batch.weights,
                FitResult(*upstream),
            )

        return tuple(result), gradient

    return FitResult(*answer(targets, weights))


def _assert_same_rows(targets: tf.Tensor, rest: dict[str, tf.Tensor]) -> list[tf.Operation]:
    rows = tf.shape(targets)[0]
    return [
        tf.debugging.assert_equal(
            tf.shape(tensor)[0], rows, f"{name} must have as many rows as targets"
        )
        for name, tensor in rest.items()
    ]
