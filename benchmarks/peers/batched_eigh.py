"""Not a peer but the limit: the decompositions alone, in one batch."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from ..problems import Problem
from .base import Peer


class BatchedEigh(Peer):
    """`tf.linalg.eigh` of the matrices at the starts; what comes back are levels."""

    def prepare(self, problem: Problem) -> None:
        self._problem = problem
        self._decompose = tf.function(tf.linalg.eigh, autograph=False, reduce_retracing=True)

    def tune(self, targets: np.ndarray, starts: np.ndarray) -> None:
        """Build the matrices, which is not part of the limit."""
        self._matrices = tf.constant(self._problem.matrix(starts))

    def solve(self, targets: np.ndarray, starts: np.ndarray) -> np.ndarray:
        levels, vectors = self._decompose(self._matrices)
        del vectors
        return levels.numpy().real
