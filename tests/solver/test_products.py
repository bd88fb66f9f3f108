"""Products of batches: right, and rounded the same in every batch."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from eigenfit.solver.products import matmul_rows, matmul_shared, pick_columns

# Rows in a block that kernels take at once, one more, one less, and larger batches.
SIZES = (1, 2, 3, 4, 5, 7, 8, 9, 13, 24, 31, 65, 200)


@pytest.mark.parametrize("dtype", [tf.float64, tf.float32, tf.complex128])
@pytest.mark.parametrize("shape", [(), (1,), (3,), (8,), (14,), (17,)])
@pytest.mark.parametrize("inner", [3, 17])
def test_shared_product(dtype: tf.DType, shape: tuple, inner: int, rng: np.random.Generator):
    left = rng.normal(size=(200, *shape, inner))
    right = rng.normal(size=(inner, 6 * inner))
    together = matmul_shared(tf.constant(left, dtype), tf.constant(right, dtype)).numpy()
    tolerance = 1e-5 if dtype == tf.float32 else 1e-13
    np.testing.assert_allclose(together, left @ right, rtol=tolerance, atol=tolerance)
    for size in SIZES:
        some = matmul_shared(tf.constant(left[-size:], dtype), tf.constant(right, dtype))
        np.testing.assert_array_equal(some, together[-size:])


@pytest.mark.parametrize("rows", [0, 1, 5])
def test_shared_product_of_any_number_of_rows(rows: int):
    left, right = np.ones((rows, 3, 2)), np.ones((2, 4))
    assert matmul_shared(tf.constant(left), tf.constant(right)).shape == (rows, 3, 4)


def test_product_of_each_row(rng: np.random.Generator):
    left, right = rng.normal(size=(65, 5, 4)), rng.normal(size=(65, 4, 3))
    together = matmul_rows(tf.constant(left), tf.constant(right)).numpy()
    np.testing.assert_allclose(together, left @ right, rtol=1e-13, atol=1e-13)
    for size in SIZES[:-1]:
        some = matmul_rows(tf.constant(left[-size:]), tf.constant(right[-size:]))
        np.testing.assert_array_equal(some, together[-size:])


@pytest.mark.parametrize("size", [4, 120])
def test_picked_columns_are_exact(size: int, rng: np.random.Generator):
    left = rng.normal(size=(7, 3, size)) * 10.0 ** rng.integers(-200, 200, size=(7, 3, size))
    numbers = rng.integers(size, size=9)
    factors = rng.normal(size=9)
    found = pick_columns(tf.constant(left), numbers, factors)
    np.testing.assert_array_equal(found, left[:, :, numbers] * factors)
