"""Ways to use TensorFlow that a solver goes along with, or refuses in one sentence."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

from eigenfit.solver import SpectralSolver, Toeplitz

FORK = """
import json, multiprocessing
import numpy as np
import tensorflow as tf
from eigenfit.solver import *

def wells(x):
    return tf.linalg.diag(tf.exp(x))

solvers = [
    SpectralSolver(Nonlinear(wells, 2, 2)),
    SpectralSolver(Family.affine(None, [[np.eye(2), np.ones((2, 2))]] * 2)),
    SpectralSolver(Generalized(np.eye(2), Affine(None, [np.diag([1, 0]), np.diag([0, 1])]))),
    SpectralSolver(Toeplitz(3), GaussNewton(), starts=1),
]
levels = np.sort(np.random.default_rng(0).normal(size=(50, 3)), axis=1)

def slopes(solver):
    watched = tf.constant(levels)
    with tf.GradientTape() as tape:
        tape.watch(watched)
        fit = solver.fit(watched)
        total = tf.reduce_sum(fit.parameters[:, 0])
    return fit.status.numpy(), tape.gradient(total, watched).numpy()

with multiprocessing.get_context("fork").Pool(1) as pool:
    for solver in solvers:
        pool.apply(solver.spectrum, (np.ones((1, solver.parameterization.num_parameters)),))
    status, found = pool.apply(slopes, (solvers[-1],))
print(json.dumps([status.tolist(), found.tolist()]))
"""


def test_a_process_that_only_made_solvers_can_be_forked_and_xla_leaves_their_fits_alone():
    """One process for both, as it takes seconds to start: each alone made such a fit fail."""
    environment = {**os.environ, "TF_XLA_FLAGS": "--tf_xla_auto_jit=2 --tf_xla_cpu_global_jit"}
    done = subprocess.run(
        [sys.executable, "-c", FORK],
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
        env=environment,
    )
    assert done.returncode == 0, done.stderr
    status, slopes = (np.array(part) for part in json.loads(done.stdout))
    assert (status == 1).sum() > 40
    # The diagonal of the matrix is the mean of its levels.
    np.testing.assert_allclose(slopes[status == 1], 1 / 3, atol=1e-6)


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
