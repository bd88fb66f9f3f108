"""Matrices of a solver that are too large to stand in each of its graphs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2

from eigenfit.export import export_saved_model
from eigenfit.solver import Affine, Levels, SpectralSolver

LARGE = 2**18


def test_an_export_holds_each_matrix_once(tmp_path, only):
    only("serving_default", "spectrum", "matrix")
    basis = np.random.default_rng(0).normal(size=(2, 130, 130))
    basis += basis.swapaxes(1, 2)
    assert basis.nbytes > LARGE
    solver = SpectralSolver(Affine(None, basis), observation=Levels(lowest=3), starts=1)
    directory = export_saved_model(solver, tmp_path / "model", measure_latency=False)
    stored = saved_model_pb2.SavedModel.FromString(Path(directory, "saved_model.pb").read_bytes())
    graph = stored.meta_graphs[0].graph_def
    inner = [node for function in graph.library.function for node in function.node_def]
    assert [node.op for node in graph.node if node.ByteSize() > LARGE] == ["Const"]
    assert not [node for node in inner if node.ByteSize() > LARGE]

    parameters = np.array([[1.0, 0.3]])
    right = np.linalg.eigvalsh(np.tensordot(parameters[0], basis, 1))
    # As TensorFlow Serving loads it.
    with tf.compat.v1.Session(graph=tf.Graph()) as session:
        loaded = tf.compat.v1.saved_model.load(session, ["serve"], directory)
        signature = loaded.signature_def["spectrum"]
        found = session.run(
            signature.outputs["eigenvalues"].name,
            {signature.inputs["parameters"].name: parameters},
        )
    np.testing.assert_allclose(found[0], right, atol=1e-10)
    # Its derivatives hold them too.
    reloaded = tf.saved_model.load(directory)
    targets = right[None, :3] + [[0.01, -0.02, 0.01]]

    def total(targets: tf.Tensor) -> tf.Tensor:
        answer = reloaded.signatures["serving_default"](targets=targets)["parameters"]
        return tf.reduce_sum(answer, axis=1)

    watched = tf.constant(targets)
    with tf.GradientTape() as tape:
        tape.watch(watched)
        value = total(watched)
    gradient = tape.gradient(value, watched)
    step = 1e-4 * np.eye(3)
    slopes = (total(tf.constant(targets + step)) - total(tf.constant(targets - step))) / 2e-4
    assert np.abs(slopes).max() > 1e-3
    np.testing.assert_allclose(gradient[0], slopes, rtol=1e-6)
