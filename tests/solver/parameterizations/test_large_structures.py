"""Large structures: what they are made of, and that nothing larger is made on the way."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.linalg
import tensorflow as tf

from eigenfit.solver import (
    LBFGS,
    Affine,
    GraphLaplacian,
    Hermitian,
    Persymmetric,
    SpectralSolver,
    Symmetric,
    Toeplitz,
    Tridiagonal,
)
from eigenfit.solver.parameterizations import level_curvature
from eigenfit.solver.parameterizations.weighted_levels import WeightedLevels

EDGES = [(0, 1), (1, 2), (2, 3), (0, 3), (1, 1), (1, 3), (0, 2)]


def symmetric(*shape: int) -> np.ndarray:
    matrix = np.random.default_rng(5).normal(size=shape)
    return matrix + matrix.swapaxes(-1, -2)


def hermitian(size: int) -> np.ndarray:
    imaginary = np.triu(symmetric(3, size, size), 1)
    return symmetric(3, size, size) + 1j * (imaginary - imaginary.swapaxes(1, 2))


STRUCTURES = {
    "tridiagonal": Tridiagonal(5),
    "Hermitian": Hermitian(4),
    "dense": Affine(symmetric(5, 5), symmetric(3, 5, 5)),
    "dense Hermitian": Affine(None, hermitian(5)),
    "Toeplitz": Toeplitz(6),
    "Toeplitz in two blocks": Toeplitz(9),
    "Laplacian": GraphLaplacian(EDGES),
    "persymmetric": Persymmetric(5),
    "persymmetric in two blocks": Persymmetric(9, 2),
    "Toeplitz with ties": Toeplitz(6).with_tied({"r5": ("r1", 2.0)}),
    "a sum": (2.0 * Toeplitz(4)).with_fixed({"r1": 0.5}) + Affine(None, hermitian(4)),
}


@pytest.mark.parametrize("name", STRUCTURES)
def test_second_derivatives_level_by_level(monkeypatch, name):
    """As large structures have them, against finite differences of NumPy's eigenvalues."""
    structure = STRUCTURES[name]
    size, count = structure.size, structure.num_parameters
    monkeypatch.setattr(level_curvature, "_MOST_NUMBERS", 0)
    # Two levels at a time, which do not always come out even.
    monkeypatch.setattr(level_curvature, "_NUMBERS_AT_ONCE", 2 * size * count)
    generator = np.random.default_rng(2)
    parameters = generator.normal(size=(2, count))
    weights = generator.normal(size=(2, size))
    values, vectors, _ = structure.eigensystem(tf.constant(parameters))
    found = structure.level_curvature(
        tf.constant(parameters), vectors, WeightedLevels(values, tf.constant(weights))
    ).numpy()

    def weighted(shifts: np.ndarray) -> np.ndarray:
        """The weighted sum of the levels of both rows at each shift, `[2, p, p]`."""
        points = parameters[:, None, None] + shifts
        matrices = structure.matrix(tf.constant(points.reshape(-1, count))).numpy()
        levels = np.linalg.eigvalsh(matrices).reshape(2, count, count, size)
        return np.einsum("bn,bijn->bij", weights, levels)

    step = 1e-4 * np.eye(count)
    a, b = step[:, None], step[None]
    right = weighted(a + b) - weighted(a - b) - weighted(b - a) + weighted(-a - b)
    right = right / 4e-8
    np.testing.assert_allclose(found, right, atol=1e-5 * np.abs(right).max())


def test_matrices_from_their_entries():
    parameters = np.random.default_rng(3).normal(size=(2, 300))
    built = Toeplitz(300).matrix(tf.constant(parameters)).numpy()
    for row, matrix in zip(parameters, built, strict=True):
        np.testing.assert_array_equal(matrix, scipy.linalg.toeplitz(row))
    stiffness = np.random.default_rng(3).normal(size=(1, len(EDGES)))
    incidence = np.zeros((len(EDGES), 4))
    for edge, (a, b) in enumerate(EDGES):
        incidence[edge, b] = -1.0
        incidence[edge, a] = 1.0
    right = incidence.T * stiffness @ incidence
    built = GraphLaplacian(EDGES).matrix(tf.constant(stiffness)).numpy()
    np.testing.assert_allclose(built[0], right, atol=1e-14)


@pytest.mark.parametrize("name", ["Toeplitz", "Laplacian", "persymmetric"])
def test_inner_products_from_entries(name):
    structure = STRUCTURES[name]
    right = np.einsum("iab,jab->ij", structure.basis, structure.basis)
    np.testing.assert_allclose(structure.form.gram, right, atol=1e-13)
    (real,) = structure.form.entries.parts
    np.testing.assert_allclose(real.gram, right, atol=1e-13)
    np.testing.assert_allclose(structure.parameter_scales**2, np.diag(right), rtol=1e-13)


def test_large_toeplitz_matrices_are_solved_in_their_halves():
    """The blocks are made of entries too."""
    structure = Toeplitz(120)
    row = np.random.default_rng(4).normal(size=120)
    assert not structure.is_one_block
    spectrum = structure.spectrum(tf.constant(row[None]))[0]
    levels, vectors, _ = structure.eigensystem(tf.constant(row[None]))
    right = np.linalg.eigvalsh(scipy.linalg.toeplitz(row))
    np.testing.assert_allclose(levels[0], right, atol=1e-11)
    np.testing.assert_allclose(spectrum, right, atol=1e-11)
    slopes = structure.level_jacobian(tf.constant(row[None]), vectors)[0].numpy()
    np.testing.assert_allclose(slopes[:, 0], np.ones(120), atol=1e-12)  # of the diagonal
    np.testing.assert_allclose(slopes @ row, right, atol=1e-10)  # Euler: of degree one


def operations(graph: tf.Graph) -> list[tf.Operation]:
    """Those of the graph and of all functions in it."""
    found = list(graph.get_operations())
    for function in graph._functions.values():
        inner = getattr(function, "graph", None)
        found += operations(inner) if inner is not None else []
    return found


def largest_constant(traced) -> int:
    """Bytes."""
    graph = traced.graph.as_graph_def()
    every = [
        *graph.node,
        *(node for function in graph.library.function for node in function.node_def),
    ]
    return max(node.attr["value"].tensor.ByteSize() for node in every if node.op == "Const")


@pytest.mark.parametrize(
    ("structure", "method"),
    [
        (Tridiagonal(256), None),
        (Toeplitz(256), None),
        (Toeplitz(256), LBFGS()),
    ],
    ids=["Jacobi", "Toeplitz", "Toeplitz by LBFGS"],
)
def test_no_tensor_of_a_structure_is_larger_than_some_matrices(structure, method):
    """Neither [p, n, n] nor [n, p, p]: these would have 16 to 67 million numbers."""
    traced = (
        SpectralSolver(structure, method)
        ._compiled.fit_given[False, False, False]
        .get_concrete_function()
    )
    every = operations(traced.graph)
    assert len(every) > 1000
    for operation in every:
        for tensor in operation.outputs:
            if tensor.shape.rank:
                numbers = np.prod([side or 1 for side in tensor.shape.as_list()])
                assert numbers <= 2**20, operation.name
    assert largest_constant(traced) < 2**18
    held = {id(tensor): 8 * tensor.shape.num_elements() for tensor in traced.captured_inputs}
    assert sum(held.values()) < 2**24


def test_dense_matrices_are_held_once():
    basis = symmetric(3, 200, 200)
    solver = SpectralSolver(Affine(np.diag(np.arange(200.0)), basis))
    graphs = [
        solver._compiled.fit[False, False, False].get_concrete_function(),
        solver._compiled.spectrum.get_concrete_function(),
        solver._compiled.loss[False].get_concrete_function(),
    ]
    held = {id(tensor): tensor for traced in graphs for tensor in traced.captured_inputs}
    assert [tensor.shape.as_list() for tensor in held.values()].count([200, 200, 3]) == 1
    in_all = sum(tensor.shape.num_elements() for tensor in held.values())
    assert in_all < 2 * basis.size
    for traced in graphs:
        assert largest_constant(traced) < 2**18
    assert not solver.variables


def test_what_does_not_fit_into_memory_is_refused_with_its_size(monkeypatch):
    monkeypatch.setattr("eigenfit.solver.parameterizations.memory._physical_memory", lambda: 10**8)
    with pytest.raises(ValueError, match=r"n = 150 .* needs about [\d.]+ GB of memory, .* 0.1 GB"):
        SpectralSolver(Symmetric(150))
