"""Functions that are traced once and called from many graphs."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from eigenfit.solver.rowwise.traced_once import traced_once


def test_it_is_traced_once_for_each_size_and_dtype():
    traced = []

    @traced_once
    def squares(x: tf.Tensor) -> tf.Tensor:
        traced.append((x.shape[1], x.dtype.name))
        return x * x

    def in_a_graph(x: np.ndarray) -> np.ndarray:
        spec = tf.TensorSpec([None, x.shape[1]], x.dtype)

        @tf.function(input_signature=[spec], autograph=False)
        def twice(x: tf.Tensor) -> tf.Tensor:
            return squares(x) + tf.cond(tf.shape(x)[0] > 1, lambda: squares(x), lambda: -x)

        return twice(tf.constant(x)).numpy()

    two = np.array([[1.0, 2.0], [3.0, 4.0]])
    np.testing.assert_array_equal(in_a_graph(two), 2 * two * two)
    np.testing.assert_array_equal(in_a_graph(two[:1]), two[:1] * two[:1] - two[:1])
    assert traced == [(2, "float64")]
    in_a_graph(np.ones((3, 1)))
    in_a_graph(two.astype(np.float32))
    assert traced == [(2, "float64"), (1, "float64"), (2, "float32")]


def test_several_results_keep_their_structure():
    @traced_once
    def both(x: tf.Tensor, y: tf.Tensor) -> tuple[tf.Tensor, dict[str, tf.Tensor]]:
        return x + y, {"less": x < y}

    graph = tf.function(both, autograph=False)
    total, named = graph(tf.constant([1.0, 5.0]), tf.constant([2.0, 3.0]))
    np.testing.assert_array_equal(total, [3.0, 8.0])
    np.testing.assert_array_equal(named["less"], [True, False])


def test_the_result_has_no_derivative():
    squares = traced_once(lambda x: x * x)

    def slope(x: tf.Tensor) -> tf.Tensor:
        with tf.GradientTape() as tape:
            tape.watch(x)
            value = 3.0 * x + squares(x)
        return tape.gradient(value, x)

    x = tf.constant([[2.0], [7.0]])
    np.testing.assert_array_equal(slope(x), [[3.0], [3.0]])
    np.testing.assert_array_equal(tf.function(slope, autograph=False)(x), [[3.0], [3.0]])
