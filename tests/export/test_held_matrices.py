"""Matrices of a solver that are too large to stand in each of its graphs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2

from eigenfit.export import export_saved_model
from eigenfit.solver import Affine, Levels, SpectralSolver

LARGE = 2**18


def test_an_export_holds_each_matrix_once(tmp_path):
    basis = np.random.default_rng(0).normal(size=(2, 130, 130))
    basis += basis.swapaxes(1, 2)
    assert basis.nbytes > LARGE
    solver = SpectralSolver(Affine(None, basis), observation=Levels(lowest=3))
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
    targets = tf.constant(right[None, :3] + [[0.01, -0.02, 0.01]])
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(targets)
        live = solver.fit(targets, max_steps=0).parameters
        answer = reloaded.signatures["serving_default"](targets=targets)["parameters"]
    right_gradient = tape.gradient(live, targets)
    assert np.abs(right_gradient).max() > 1e-3
    np.testing.assert_allclose(tape.gradient(answer, targets), right_gradient, rtol=1e-9)
