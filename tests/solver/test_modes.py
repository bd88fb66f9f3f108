"""Ways to use TensorFlow that a solver goes along with, or refuses in one sentence."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

from eigenfit.solver import SpectralSolver, Toeplitz

FORK = """
import multiprocessing, sys
import numpy as np
from eigenfit.solver import *

def wells(x):
    return tf.linalg.diag(tf.exp(x))

import tensorflow as tf
solvers = [
    SpectralSolver(Nonlinear(wells, 2, 2)),
    SpectralSolver(Family.affine(None, [[np.eye(2), np.ones((2, 2))]] * 2)),
    SpectralSolver(Generalized(np.eye(2), Affine(None, [np.diag([1, 0]), np.diag([0, 1])]))),
    SpectralSolver(Toeplitz(2), GaussNewton(), starts=1),
]
with multiprocessing.get_context("fork").Pool(1) as pool:
    for solver in solvers:
        pool.apply(solver.spectrum, ([[1.0, 2.0]],))
    print(pool.apply(solvers[-1].fit, ([[1.0, 3.0]],)).parameters.numpy().tolist())
"""


def test_a_process_that_only_made_solvers_can_be_forked():
    done = subprocess.run(
        [sys.executable, "-c", FORK], capture_output=True, text=True, timeout=200, check=False
    )
    assert done.returncode == 0, done.stderr
    np.testing.assert_allclose(np.abs(np.array(json.loads(done.stdout))), [[2.0, 1.0]], atol=1e-9)


def test_graphs_of_tensorflow_1_are_refused():
    solver = SpectralSolver(Toeplitz(2))
    with tf.Graph().as_default():
        levels = tf.compat.v1.placeholder(tf.float64, [None, 2])
        with pytest.raises(ValueError, match="not in a graph of TensorFlow 1"):
            SpectralSolver(Toeplitz(2))
        for call in (solver.fit, solver.spectrum):
            with pytest.raises(ValueError, match="not in a graph of TensorFlow 1"):
                call(levels)
    assert solver.spectrum([[1.0, 2.0]]).shape == (1, 2)
