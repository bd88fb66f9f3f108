"""Functions of single numbers do not depend on their place in a batch."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import tensorflow as tf

from eigenfit.solver.rowwise.elementwise import in_packets, over_root, reciprocal

# Not a multiple of the size of any packet.
COUNT = 301


def by_place(function: Callable[[tf.Tensor], tf.Tensor], dtype: tf.DType) -> int:
    """How many of 301 numbers are rounded otherwise alone than together."""
    numbers = tf.constant(np.random.default_rng(0).uniform(0.5, 2.0, COUNT), dtype)
    compiled = tf.function(function, input_signature=[tf.TensorSpec([None], dtype)])
    alone = tf.concat([compiled(numbers[k : k + 1]) for k in range(COUNT)], axis=0)
    return int(tf.math.count_nonzero(compiled(numbers) != alone))


FUNCTIONS: dict[str, tuple[Callable, Callable, Callable]] = {
    "reciprocal": (lambda x: 1.0 / x, reciprocal, lambda x: 1.0 / x),
    "over_root": (
        lambda x: (x + 1.0) / tf.sqrt(x),
        lambda x: over_root(x + 1.0, tf.sqrt(x)),
        lambda x: (x + 1.0) / np.sqrt(x),
    ),
    "in_packets": (tf.math.log1p, lambda x: in_packets(tf.math.log1p, x), np.log1p),
}


@pytest.mark.parametrize("dtype", [tf.float32, tf.float64])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_number_is_rounded_the_same_everywhere(name: str, dtype: tf.DType):
    _, ours, exact = FUNCTIONS[name]
    assert by_place(ours, dtype) == 0
    numbers = np.random.default_rng(1).uniform(0.5, 2.0, (7, 3)).astype(dtype.as_numpy_dtype)
    epsilon = np.finfo(numbers.dtype).eps
    np.testing.assert_allclose(ours(tf.constant(numbers)), exact(numbers), rtol=4.0 * epsilon)
    assert ours(tf.zeros([0, 3], dtype)).shape == (0, 3)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_these_functions_are_needed(name: str):
    """If this fails with a newer TensorFlow, there may be no need for ours any more."""
    assert by_place(FUNCTIONS[name][0], tf.float32) > 0
