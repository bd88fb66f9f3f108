"""Products of batches: right, and rounded the same in every batch."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import tensorflow as tf

from eigenfit.solver.rowwise.products import (
    matmul_rows,
    matmul_shared,
    pick_columns,
    sum_of_rows,
    sum_over_second,
)

# Rows in a block that kernels take at once, one more, one less, and larger batches.
SIZES = (1, 2, 3, 4, 5, 7, 8, 9, 13, 24, 31, 65, 200)


def random_rows(rng: np.random.Generator, dtype: tf.DType, *shape: int) -> tf.Tensor:
    values = rng.normal(size=shape)
    return tf.constant(values + 1j * rng.normal(size=shape) if dtype.is_complex else values, dtype)


def assert_rows_do_not_see_others(function: Callable[..., tf.Tensor], *rows: tf.Tensor):
    """Parts of a batch, from its beginning, middle and end, give the same as the whole, exactly."""
    together = function(*rows).numpy()
    count = len(together)
    for size in SIZES:
        for first in {0, 1, count // 2, count - size}:
            part = slice(first, first + size)
            some = function(*(row[part] for row in rows)).numpy()
            np.testing.assert_array_equal(some, together[part])


# The last ones have few columns and long sums, which TensorFlow splits among the threads in large
# batches only, or one column.
SHARED = [(3, 3, 18), (8, 17, 60), (14, 14, 84), (17, 17, 102), (33, 64, 2), (33, 64, 7)]
SHARED += [(40, 79, 5), (16, 66, 3), (4, 7, 1), (1, 6, 1), (9, 70, 1)]


@pytest.mark.parametrize("dtype", [tf.float64, tf.float32, tf.complex128])
@pytest.mark.parametrize(("height", "length", "width"), SHARED)
def test_shared_product(
    dtype: tf.DType, height: int, length: int, width: int, rng: np.random.Generator
):
    left = random_rows(rng, dtype, 300, height, length)
    right = random_rows(rng, dtype, length, width)
    tolerance = 1e-4 if dtype == tf.float32 else 1e-12
    expected = left.numpy() @ right.numpy()
    np.testing.assert_allclose(matmul_shared(left, right), expected, rtol=0, atol=tolerance)
    np.testing.assert_array_equal(matmul_shared(left, right.numpy()), matmul_shared(left, right))
    assert_rows_do_not_see_others(lambda rows: matmul_shared(rows, right), left)


@pytest.mark.parametrize("rows", [0, 1, 5])
def test_shared_product_of_any_number_of_rows(rows: int):
    left, right = np.ones((rows, 3, 2)), np.ones((2, 4))
    assert matmul_shared(tf.constant(left), tf.constant(right)).shape == (rows, 3, 4)


@pytest.mark.parametrize("dtype", [tf.float64, tf.float32])
@pytest.mark.parametrize("options", [{}, {"transpose_a": True}])
@pytest.mark.parametrize("shared", [False, True])
def test_product_of_each_row(
    shared: bool, options: dict, dtype: tf.DType, rng: np.random.Generator
):
    left = random_rows(rng, dtype, 300, 9, 9)
    right = random_rows(rng, dtype, 1 if shared else 300, 9, 5)
    turned = np.swapaxes(left, 1, 2) if options else left.numpy()
    expected = turned @ right.numpy()
    tolerance = 1e-4 if dtype == tf.float32 else 1e-13
    np.testing.assert_allclose(matmul_rows(left, right, **options), expected, atol=tolerance)
    if shared:
        assert_rows_do_not_see_others(lambda one: matmul_rows(one, right, **options), left)
    else:
        both = lambda one, other: matmul_rows(one, other, **options)  # noqa: E731
        assert_rows_do_not_see_others(both, left, right)


@pytest.mark.parametrize("dtype", [tf.float64, tf.float32])
@pytest.mark.parametrize(("count", "width"), [(4, 3), (15, 3), (16, 3), (32, 5), (40, 9), (33, 1)])
def test_sum_over_the_second_axis(
    dtype: tf.DType, count: int, width: int, rng: np.random.Generator
):
    rows = random_rows(rng, dtype, 300, count, width)
    tolerance = 1e-4 if dtype == tf.float32 else 1e-12
    np.testing.assert_allclose(sum_over_second(rows), rows.numpy().sum(1), rtol=0, atol=tolerance)
    assert_rows_do_not_see_others(sum_over_second, rows)


@pytest.mark.parametrize("dtype", [tf.float64, tf.float32, tf.complex128])
@pytest.mark.parametrize(
    ("levels", "count", "width"), [(1, 5, 3), (8, 8, 8), (17, 17, 5), (4, 4, 1)]
)
def test_sum_of_rows(
    dtype: tf.DType, levels: int, count: int, width: int, rng: np.random.Generator
):
    weights = random_rows(rng, dtype, 300, levels, count)
    matrices = random_rows(rng, dtype, 300, levels, count, width)
    expected = np.einsum("bmk,bmkn->bmn", weights.numpy(), matrices.numpy())
    tolerance = 1e-4 if dtype == tf.float32 else 1e-12
    np.testing.assert_allclose(sum_of_rows(weights, matrices), expected, rtol=0, atol=tolerance)
    assert_rows_do_not_see_others(sum_of_rows, weights, matrices)


@pytest.mark.parametrize("size", [4, 120])
def test_picked_columns_are_exact(size: int, rng: np.random.Generator):
    left = rng.normal(size=(7, 3, size)) * 10.0 ** rng.integers(-200, 200, size=(7, 3, size))
    numbers = rng.integers(size, size=9)
    factors = rng.normal(size=9)
    found = pick_columns(tf.constant(left), numbers, factors)
    np.testing.assert_array_equal(found, left[:, :, numbers] * factors)
