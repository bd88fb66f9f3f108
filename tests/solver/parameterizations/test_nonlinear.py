"""Nonlinear parameterizations: how a function is read, and its first and second derivatives."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import tensorflow as tf

from eigenfit.solver import Nonlinear, Parameterization, SpectralSolver, Status

from ..helpers import finite_differences
from .test_level_jacobian import phases


def waves(x: tf.Tensor) -> tf.Tensor:
    """`[B, 3] -> [B, 2, 2]`, one matrix for each row."""
    a, b, c = tf.unstack(x, axis=-1)
    off = tf.sin(b) * c**2
    return tf.stack([tf.stack([tf.exp(a), off], -1), tf.stack([off, a * b * c], -1)], -2)


def one_wave(x: tf.Tensor) -> tf.Tensor:
    """`[3] -> [2, 2]`."""
    off = tf.sin(x[1]) * x[2] ** 2
    return tf.stack([tf.stack([tf.exp(x[0]), off]), tf.stack([off, x[0] * x[1] * x[2]])])


def lower_only(x: tf.Tensor) -> tf.Tensor:
    """The upper triangle is nonsense that must not be read."""
    a, b, c = tf.unstack(x, axis=-1)
    junk = tf.exp(a + b + c)
    off = tf.sin(b) * c**2
    return tf.stack([tf.stack([tf.exp(a), junk], -1), tf.stack([off, a * b * c], -1)], -2)


def numpy_waves(x: np.ndarray) -> np.ndarray:
    off = np.sin(x[1]) * x[2] ** 2
    return np.array([[np.exp(x[0]), off], [off, x[0] * x[1] * x[2]]])


def numpy_phases(x: np.ndarray) -> np.ndarray:
    hopping = x[0] * np.exp(1j * x[1])
    back = np.conj(hopping)
    return np.array([[x[1], back, hopping], [hopping, 0, back], [back, hopping, 0]])


class Waves(Parameterization):
    """The same as a subclass with nothing but `matrix`."""

    def __init__(self):
        super().__init__(size=2, num_parameters=3)

    def matrix(self, parameters: tf.Tensor) -> tf.Tensor:
        return waves(parameters)


KINDS: dict[str, tuple[Callable[[], Parameterization], Callable[[np.ndarray], np.ndarray]]] = {
    "batched": (lambda: Nonlinear(waves, n=2, p=3), numpy_waves),
    "one vector": (lambda: Nonlinear(one_wave, n=2, p=3), numpy_waves),
    "lower triangle": (lambda: Nonlinear(lower_only, n=2, p=3), numpy_waves),
    "complex": (lambda: Nonlinear(phases, n=3, p=2), numpy_phases),
    "complex, one vector": (
        lambda: Nonlinear(lambda x: phases(x[None])[0], n=3, p=2),
        numpy_phases,
    ),
    "subclass": (Waves, numpy_waves),
}
each_kind = pytest.mark.parametrize("kind", KINDS)


def points_for(parameterization: Parameterization, rng: np.random.Generator) -> tf.Tensor:
    return tf.constant(rng.normal(size=(4, parameterization.num_parameters)))


@each_kind
def test_matrix(kind: str, rng: np.random.Generator):
    make, reference = KINDS[kind]
    points = points_for(make(), rng)
    expected = np.stack([reference(x) for x in points.numpy()])
    np.testing.assert_allclose(make().matrix(points), expected, rtol=1e-14, atol=1e-14)


@each_kind
def test_derivatives(kind: str, rng: np.random.Generator):
    make, reference = KINDS[kind]
    points = points_for(make(), rng)
    found = make().derivatives(points)
    expected = np.stack([finite_differences(reference, x) for x in points.numpy()])
    np.testing.assert_allclose(found, np.moveaxis(expected, -1, 1), rtol=1e-9, atol=1e-9)


@each_kind
def test_curvature(kind: str, rng: np.random.Generator):
    make, reference = KINDS[kind]
    parameterization = make()
    points = points_for(parameterization, rng)
    size = parameterization.size
    density = rng.normal(size=(4, size, size))
    if kind.startswith("complex"):
        density = density + 1j * rng.normal(size=density.shape)
    density = density + density.swapaxes(1, 2).conj()

    def trace_of(which: int) -> Callable[[np.ndarray], np.ndarray]:
        return lambda x: np.trace(density[which] @ reference(x)).real

    expected = np.stack(
        [
            finite_differences(lambda y, k=k: finite_differences(trace_of(k), y), x, step=3e-3)
            for k, x in enumerate(points.numpy())
        ]
    )
    found = parameterization.curvature(points, tf.constant(density))
    assert found is not None
    np.testing.assert_allclose(found, expected, rtol=1e-7, atol=1e-7)


# A batch or one vector, real or complex: the derivatives of the others are made in the same ways.
@pytest.mark.parametrize("kind", ["complex, one vector", "complex", "batched"])
def test_derivatives_where_the_number_of_rows_is_unknown(kind: str, rng: np.random.Generator):
    parameterization = KINDS[kind][0]()
    points = points_for(parameterization, rng)
    spec = tf.TensorSpec([None, parameterization.num_parameters], tf.float64)
    density = tf.eye(
        parameterization.size, batch_shape=[4], dtype=parameterization.matrix(points).dtype
    )

    @tf.function(input_signature=[spec], autograph=False)
    def both(x: tf.Tensor) -> tuple:
        return parameterization.derivatives(x), parameterization.curvature(x, density)

    first, second = both(points)
    np.testing.assert_allclose(first, parameterization.derivatives(points), rtol=1e-13)
    eager = parameterization.curvature(points, density)
    assert eager is not None
    np.testing.assert_allclose(second, eager, rtol=1e-12, atol=1e-12)


def check_fit(kind: str, rng: np.random.Generator) -> None:
    """The parameters have the levels that were fitted."""
    make, reference = KINDS[kind]
    solution = 1.0 + 0.2 * rng.normal(size=(5, make().num_parameters))
    targets = np.stack([np.linalg.eigvalsh(reference(x)) for x in solution])
    fit = SpectralSolver(make()).fit(targets, initial=solution + 0.01)
    assert fit.status.numpy().tolist() == [Status.CONVERGED] * 5
    found = np.stack([np.linalg.eigvalsh(reference(x)) for x in fit.parameters.numpy()])
    np.testing.assert_allclose(found, targets, rtol=0, atol=1e-9)


def test_fit_in_a_graph(rng: np.random.Generator):
    check_fit("one vector", rng)


@pytest.mark.usefixtures("eagerly")
def test_complex_fit(rng: np.random.Generator):
    check_fit("complex", rng)


def test_affine_function_has_no_curvature(rng: np.random.Generator):
    linear = Nonlinear(lambda x: tf.reshape(x, [-1, 2, 2]), n=2, p=4)
    points = points_for(linear, rng)
    density = tf.eye(2, batch_shape=[4], dtype=tf.float64)
    np.testing.assert_array_equal(linear.curvature(points, density), np.zeros((4, 4, 4)))


@pytest.mark.usefixtures("eagerly")
def test_parameter_without_effect(rng: np.random.Generator):
    """Its derivative is zero, its standard error infinite, and it stays where it was."""
    deaf = Nonlinear(lambda x: x[:, :2, None] * x[:, None, :2], n=2, p=3)
    points = points_for(deaf, rng)
    np.testing.assert_array_equal(deaf.derivatives(points)[:, 2], np.zeros((4, 2, 2)))
    fit = SpectralSolver(deaf, absolute_sigma=True).fit([[0.0, 5.0]], initial=[[1.0, 1.5, 0.25]])
    assert fit.status.numpy().tolist() == [Status.CONVERGED]
    assert fit.parameters[0, 2].numpy() == 0.25
    assert fit.standard_errors[0, 2].numpy() == np.inf


@pytest.mark.usefixtures("eagerly")
def test_function_that_knows_single_precision_only():
    """A constant in the function settles the dtype; the solver must be of that dtype."""
    constant = tf.constant([[1.0, 0.5], [0.5, -1.0]])
    single = Nonlinear(lambda x: x[:, :, None] * constant, n=2, p=1)
    fit = SpectralSolver(single, dtype=tf.float32).fit([[-2.0, 2.0]])
    assert fit.status.numpy().tolist() == [Status.CONVERGED]
    with pytest.raises(ValueError, match="float32"):
        SpectralSolver(single).fit([[-2.0, 2.0]])
