"""Additive, multiplicative, persymmetric and Laplacian structures."""

from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from eigenfit.solver import (
    Additive,
    GraphLaplacian,
    Multiplicative,
    Persymmetric,
    SpectralSolver,
    Symmetric,
)


def random_matrix(rng, size, complex_=False):
    matrix = rng.normal(size=(size, size))
    if complex_:
        matrix = matrix + 1j * rng.normal(size=(size, size))
    return matrix + matrix.conj().T


def structures():
    rng = np.random.default_rng(1)
    real, hermitian = random_matrix(rng, 4), random_matrix(rng, 4, complex_=True)
    return {
        "additive": Additive(real),
        "additive complex": Additive(hermitian),
        "multiplicative": Multiplicative(real @ real),
        "multiplicative complex": Multiplicative(hermitian @ hermitian),
        "persymmetric": Persymmetric(5),
        "persymmetric jacobi": Persymmetric(4, bandwidth=1),
        "laplacian": GraphLaplacian([(0, 1), (1, 2), (0, 2), (2, 3), (3, 3)]),
        "fixed": Symmetric(3).with_fixed({"a10": 0.3}),
        "tied": Symmetric(3).with_tied({"a11": ("a00", -2.0)}),
        "sum": Additive(real) + Symmetric(4),
        "sum of real and complex": Additive(hermitian) + Symmetric(4),
        "sum with a nonlinear part": Symmetric(4) * -1.5 + Multiplicative(real @ real),
        "multiple": 2.5 * Multiplicative(real @ real),
    }


STRUCTURES = structures()


@pytest.fixture(params=STRUCTURES, ids=str)
def structure(request):
    return STRUCTURES[request.param]


def central(function, x, step=1e-6):
    """Central differences by each parameter, in axis 1."""
    unit = step * np.eye(x.shape[1])
    return np.stack([(function(x + e) - function(x - e)) / (2 * step) for e in unit], axis=1)


def test_derivatives_agree_with_finite_differences(structure, rng):
    x = rng.uniform(0.5, 2.0, size=(3, structure.num_parameters))

    def matrix(x):
        return structure.matrix(tf.constant(x)).numpy()

    by_matrix = np.broadcast_to(
        structure.derivatives(tf.constant(x)),
        (3, structure.num_parameters, structure.size, structure.size),
    )
    np.testing.assert_allclose(by_matrix, central(matrix, x), atol=1e-7)
    vectors = np.linalg.eigh(matrix(x))[1]
    slopes = structure.level_jacobian(tf.constant(x), tf.constant(vectors)).numpy()
    expected = central(lambda x: np.linalg.eigvalsh(matrix(x)), x)
    np.testing.assert_allclose(slopes, expected.transpose(0, 2, 1), atol=1e-6)


def test_curvature_agrees_with_finite_differences(structure, rng):
    x = rng.uniform(0.5, 2.0, size=(2, structure.num_parameters))
    size = structure.size
    density = np.stack([random_matrix(rng, size) for _ in range(2)])
    dtype = structure.matrix(tf.constant(x)).dtype

    def slope(x):
        derivatives = structure.derivatives(tf.constant(x)).numpy()
        return np.einsum(
            "bij,bpji->bp", density, np.broadcast_to(derivatives, (2, *derivatives.shape[1:]))
        ).real

    found = structure.curvature(tf.constant(x), tf.constant(density, dtype))
    expected = central(slope, x)
    if found is None:
        np.testing.assert_allclose(expected, 0.0, atol=1e-7)
    else:
        np.testing.assert_allclose(found, expected, atol=1e-6)


# One of each way to choose starting points; examples of their own follow, and in tests/problems.
SEARCHED = ("additive complex", "multiplicative", "laplacian", "tied", "sum with a nonlinear part")


@pytest.mark.usefixtures("eagerly")
@pytest.mark.parametrize("name", SEARCHED)
def test_structures_are_found_again_from_their_levels(name, rng):
    structure = STRUCTURES[name]
    solver = SpectralSolver(structure)
    x = rng.uniform(0.8, 1.2, size=(20, structure.num_parameters))
    targets = structure.spectrum(tf.constant(x))
    fit = solver.fit(targets)
    assert set(fit.status.numpy()) == {1}
    levels = np.linalg.eigvalsh(structure.matrix(fit.parameters))
    np.testing.assert_allclose(levels, targets, atol=1e-7)


def test_matrices_are_those_of_the_definition(rng):
    a = random_matrix(rng, 3)
    x = rng.uniform(0.5, 2.0, size=3)
    row = tf.constant(x[None])
    np.testing.assert_allclose(Additive(a).matrix(row)[0], a + np.diag(x))
    root = np.diag(np.sqrt(x))
    np.testing.assert_allclose(Multiplicative(a).matrix(row)[0], root @ a @ root)
    laplacian = GraphLaplacian([(0, 1), (2, 1), (0, 0)]).matrix(row)[0]
    expected = np.zeros((3, 3))
    for value, (i, j) in zip(x[:2], [(0, 1), (2, 1)], strict=True):
        edge = np.eye(3)[i] - np.eye(3)[j]
        expected += value * np.outer(edge, edge)
    expected[0, 0] += x[2]
    np.testing.assert_allclose(laplacian, expected)
    persymmetric = Persymmetric(4)
    matrix = persymmetric.matrix(tf.constant(rng.normal(size=(1, 6))))[0].numpy()
    np.testing.assert_array_equal(matrix, matrix.T)
    np.testing.assert_array_equal(matrix, matrix[::-1, ::-1].T)
    assert np.linalg.matrix_rank(persymmetric.basis.reshape(6, -1)) == 6


def test_kac_matrix_is_the_persymmetric_jacobi_matrix_of_its_spectrum():
    """P2 (b): zero diagonal, b_k = sqrt(k (n - k)); unique up to the signs of the b_k."""
    n = 6
    levels = np.arange(-(n - 1), n, 2.0)
    fit = SpectralSolver(Persymmetric(n, bandwidth=1)).fit(levels[None])
    assert fit.status.numpy() == [1]
    diagonal, beside = fit.parameters.numpy()[0, :3], fit.parameters.numpy()[0, 3:]
    np.testing.assert_allclose(diagonal, 0.0, atol=1e-8)
    k = np.arange(1, 4)
    np.testing.assert_allclose(np.abs(beside), np.sqrt(k * (n - k)), atol=1e-8)


def test_masses_of_a_beaded_string():
    """P5 (Cox, Embree & Hokanson 2012): masses from the squared frequencies, mirror symmetric."""
    lengths = np.array([25.7, 20.3, 20.3, 20.3, 25.7]) / 100
    stiffness = np.diag(1 / lengths[:-1] + 1 / lengths[1:])
    stiffness -= np.diag(1 / lengths[1:-1], 1) + np.diag(1 / lengths[1:-1], -1)
    string = Multiplicative(stiffness).with_tied({"m2": ("m1", 1.0), "m3": ("m0", 1.0)})
    levels = [[71.07979, 214.49933, 492.03518, 901.98662]]
    fit = SpectralSolver(string).fit(levels)
    assert fit.status.numpy() == [2]  # the printed digits leave a residual
    assert fit.loss.numpy()[0] < 1e-8
    masses = np.sort(1000 / fit.parameters.numpy()[0])
    np.testing.assert_allclose(masses, [17.804, 30.783], atol=1e-3)


@pytest.mark.usefixtures("eagerly")
def test_a_step_out_of_the_positive_parameters_is_taken_back():
    solver = SpectralSolver(Multiplicative(np.diag([1.0, 2.0])))
    # From 100 the linear model overshoots far below 0.
    fit = solver.fit([[0.01, 0.02]], initial=[[100.0, 0.5]])
    assert fit.status.numpy() == [1]
    assert (fit.parameters.numpy() > 0).all()
    outside = solver.fit([[0.01, 0.02]], initial=[[-1.0, 0.5]])
    assert outside.status.numpy() == [-2]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Additive([[0.0, 1.0], [2.0, 0.0]]), "constant must be symmetric"),
        (lambda: Additive([0.0, 1.0]), "constant must be numbers of shape"),
        (lambda: Multiplicative([[np.nan]]), "factor must be finite"),
        (lambda: Persymmetric(0), "n must be an integer of at least 1, got 0"),
        (lambda: Persymmetric(3, bandwidth=3), "bandwidth must be an integer from 0 to n - 1 = 2"),
        (lambda: GraphLaplacian([]), "edges must be pairs"),
        (lambda: GraphLaplacian([(0, 1), (1, 0)]), "edges must all be different"),
        (lambda: GraphLaplacian([(0, 3)], n=3), "nodes from 0 to n - 1 = 2"),
        (lambda: Symmetric(2).with_fixed({"b": 1.0}), "no parameter 'b'; the parameters are a00"),
        (lambda: Symmetric(1).with_fixed({"a00": 1.0}), "at least one parameter must stay free"),
        (lambda: Symmetric(2).with_fixed({"a00": np.nan}), "'a00' must be finite"),
        (lambda: Symmetric(2).with_tied({"a00": ("c", 1.0)}), "no parameter 'c'"),
        (
            lambda: Symmetric(2).with_tied({"a00": ("a11", 1.0), "a11": ("a10", 1.0)}),
            "'a11', which is itself tied",
        ),
        (lambda: Symmetric(2) + Symmetric(2), "stand in both"),
        (lambda: Symmetric(2) + Additive(np.zeros((3, 3))), "2 x 2 and 3 x 3"),
        (lambda: 0 * Symmetric(2), "finite factor other than 0"),
    ],
)
def test_wrong_arguments_are_one_clear_error(make, message):
    with pytest.raises(ValueError, match=message.replace("(", r"\(")):
        make()


def anything(value: Any) -> Any:
    """A value whose type the checker does not follow."""
    return value


def test_a_sum_with_something_else_is_a_type_error():
    with pytest.raises(TypeError):
        _ = anything(Symmetric(2)) + 1.0
    with pytest.raises(TypeError):
        _ = anything(Symmetric(2)) * "2"
