"""Levenberg-Marquardt in a plain `tf.while_loop`: every row waits for the slowest.

What somebody writes who knows the method and TensorFlow: the same damping as eigenfit's, the
derivatives by Hellmann-Feynman, finished rows frozen with `tf.where`.
"""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from ..problems import Problem
from .base import Peer

_MAX_STEPS = 200
# The loosest relative step that solves 99 % of the rows. With residual left convergence is linear,
# and the same accuracy needs a smaller one.
_TOLERANCE = 1e-7
_TOLERANCE_WITH_RESIDUAL = 1e-8


class PlainLoop(Peer):
    """The loop, compiled by `tf.function`."""

    _steps = 0

    def prepare(self, problem: Problem) -> None:
        self._count = problem.num_targets
        matched = problem.measured is None
        self._tolerance = _TOLERANCE if matched else _TOLERANCE_WITH_RESIDUAL
        self._constant = tf.constant(problem.constant, problem.basis.dtype)
        self._basis = tf.constant(problem.basis)
        # [n, p n]: one product with all basis matrices.
        wide = np.moveaxis(problem.basis, 0, 1).reshape(problem.size, -1)
        self._wide = tf.constant(wide)
        self._shape = (problem.num_parameters, problem.size)
        spec = [
            tf.TensorSpec([None, self._count], tf.float64),
            tf.TensorSpec([None, problem.num_parameters], tf.float64),
        ]
        self._run = tf.function(self._loop, input_signature=spec, autograph=False)

    def solve(self, targets: np.ndarray, starts: np.ndarray) -> np.ndarray:
        parameters, steps = self._run(targets, starts)
        self._steps = int(steps)
        return parameters.numpy()

    def details(self) -> dict[str, object]:
        return {"turns": self._steps}

    def _evaluate(self, x: tf.Tensor, targets: tf.Tensor) -> tuple[tf.Tensor, ...]:
        """Residual `[B, m]`, Jacobian `[B, m, p]` and loss `[B]`."""
        p, n = self._shape
        matrix = self._constant + tf.tensordot(tf.cast(x, self._basis.dtype), self._basis, 1)
        levels, vectors = tf.linalg.eigh(matrix)
        levels, vectors = tf.math.real(levels)[:, : self._count], vectors[:, :, : self._count]
        adjoint = tf.linalg.matrix_transpose(vectors, conjugate=True)
        rows = tf.reshape(adjoint, [-1, n])
        images = tf.reshape(rows @ self._wide, [-1, self._count, p, n])
        jacobian = tf.linalg.matvec(images, tf.linalg.matrix_transpose(vectors))
        residual = targets - levels
        return residual, tf.math.real(jacobian), tf.reduce_sum(residual**2, -1)

    def _loop(self, targets: tf.Tensor, x: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        residual, jacobian, loss = self._evaluate(x, targets)
        largest = tf.reduce_max(tf.reduce_sum(jacobian**2, axis=1), axis=-1)
        variables = (
            x,
            residual,
            jacobian,
            loss,
            1e-3 * largest,
            2.0 * tf.ones_like(loss),
            tf.zeros_like(loss, tf.bool),
            tf.constant(0),
        )

        def unfinished(*state: tf.Tensor) -> tf.Tensor:
            done, step = state[-2:]
            return (step < _MAX_STEPS) & ~tf.reduce_all(done)

        def turn(x, residual, jacobian, loss, damping, growth, done, step):
            p = self._shape[0]
            gradient = tf.linalg.matvec(jacobian, residual, transpose_a=True)
            normal = tf.linalg.matmul(jacobian, jacobian, transpose_a=True)
            normal += damping[:, None, None] * tf.eye(p, dtype=tf.float64)
            change = tf.linalg.solve(normal, gradient[:, :, None])[:, :, 0]
            trial = tf.where(done[:, None], x, x + change)  # a row that is done goes nowhere
            next_residual, next_jacobian, next_loss = self._evaluate(trial, targets)
            predicted = tf.reduce_sum(change * (damping[:, None] * change + gradient), -1)
            gain = (loss - next_loss) / tf.maximum(predicted, 1e-300)
            better = ~done & (next_loss < loss)
            factor = tf.maximum(1.0 - (2.0 * tf.clip_by_value(gain, 0.0, 1.0) - 1.0) ** 3, 1 / 3)
            small = tf.norm(change, axis=-1) <= self._tolerance * tf.norm(x, axis=-1)
            return (
                tf.where(better[:, None], trial, x),
                tf.where(better[:, None], next_residual, residual),
                tf.where(better[:, None, None], next_jacobian, jacobian),
                tf.where(better, next_loss, loss),
                tf.where(better, damping * factor, tf.where(done, damping, damping * growth)),
                tf.where(better, 2.0 * tf.ones_like(growth), tf.where(done, growth, 2.0 * growth)),
                done | small,
                step + 1,
            )

        found = tf.while_loop(unfinished, turn, variables, parallel_iterations=1)
        return found[0], found[-1]
