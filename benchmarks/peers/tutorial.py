"""The tutorial's eager Adam loop: the lower triangle of a 3 x 3 matrix, float32, to loss 1e-8."""

from __future__ import annotations

import keras
import numpy as np
import tensorflow as tf

from ..problems import Problem
from .base import Peer

_LOSS = 1e-8
_MAX_STEPS = 20_000


class Tutorial(Peer):
    """One row after the other; a step is a tape, its gradient, and Keras' Adam at its defaults."""

    _steps = 0

    def prepare(self, problem: Problem) -> None:
        if problem.size != 3 or problem.structure != "symmetric":
            raise ValueError("the tutorial has a dense 3 x 3 matrix and no other")

    def solve(self, targets: np.ndarray, starts: np.ndarray) -> np.ndarray:
        self._steps = 0
        return np.stack([self._row(t, x) for t, x in zip(targets, starts, strict=True)])

    def details(self) -> dict[str, object]:
        return {"steps": self._steps}

    def _row(self, target: np.ndarray, start: np.ndarray) -> np.ndarray:
        r = tf.Variable(start, dtype=tf.float32)
        wanted = tf.constant(target, tf.float32)
        optimizer = keras.optimizers.Adam()
        for _ in range(_MAX_STEPS):
            with tf.GradientTape() as tape:
                lower = [[r[0] / 2, 0, 0], [r[3], r[1] / 2, 0], [r[5], r[4], r[2] / 2]]
                half = tf.convert_to_tensor(lower)
                levels = tf.linalg.eigvalsh(half + tf.transpose(half))
                loss = tf.reduce_sum((wanted - levels) ** 2)
            if loss <= _LOSS:
                break
            optimizer.apply_gradients([(tape.gradient(loss, r), r)])
            self._steps += 1
        return r.numpy().astype(float)
