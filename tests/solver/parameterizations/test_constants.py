"""Large constants: one tensor for all graphs."""

from __future__ import annotations

import gc
import weakref

import numpy as np
import tensorflow as tf

from eigenfit.solver.parameterizations.constants import captured


class Owner:
    pass


def test_a_large_constant_is_captured_once():
    owner, large = Owner(), np.random.default_rng(0).normal(size=(300, 300))
    made = []

    def make() -> np.ndarray:
        made.append(1)
        return large

    @tf.function(autograph=False)
    def twice(vector: tf.Tensor) -> tf.Tensor:
        def body(vector: tf.Tensor) -> tf.Tensor:
            return tf.linalg.matvec(captured(owner, "large", tf.float64, make), vector)

        return tf.while_loop(lambda vector: vector[0] > 1e9, lambda v: [body(v)], [body(vector)])[0]

    traced = twice.get_concrete_function(tf.TensorSpec([300], tf.float64))
    assert made == [1]
    assert traced.graph.as_graph_def().ByteSize() < large.nbytes / 20
    vector = np.ones(300)
    np.testing.assert_allclose(traced(tf.constant(vector)), large @ vector)


def test_it_ends_with_its_owner():
    owner = Owner()
    tensor = weakref.ref(captured(owner, "large", tf.float64, np.ones([300, 300])))
    del owner
    gc.collect()
    assert tensor() is None


def test_a_small_constant_stays_in_the_graph():
    owner = Owner()
    make = tf.function(lambda: captured(owner, "small", tf.float64, np.arange(9.0)))
    traced = make.get_concrete_function()
    assert not traced.captured_inputs
    np.testing.assert_array_equal(traced(), np.arange(9.0))


def test_in_a_graph_of_tensorflow_1():
    with tf.Graph().as_default() as graph:
        tensor = captured(Owner(), "large", tf.float64, np.ones([300, 300]))
        assert tensor.graph is graph
