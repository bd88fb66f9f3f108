"""A model that eigenfit exported, as a program without eigenfit uses it."""

from __future__ import annotations

import os

import numpy as np
import tensorflow as tf

from ..problems import Problem
from .base import Peer
from .paths import MODEL


class SavedModel(Peer):
    """`tf.saved_model.load`, and the signature that takes starting points."""

    def prepare(self, problem: Problem) -> None:
        self._fit = tf.saved_model.load(os.environ[MODEL]).signatures["fit"]

    def solve(self, targets: np.ndarray, starts: np.ndarray) -> np.ndarray:
        rows = len(targets)
        answer = self._fit(
            targets=tf.constant(targets),
            initial=tf.constant(starts),
            weights=tf.fill(targets.shape, tf.constant(np.nan, tf.float64)),
            tolerance=tf.fill([rows], tf.constant(np.nan, tf.float64)),
            max_steps=tf.zeros([rows], tf.int32),
        )
        return answer["parameters"].numpy()
