"""The lowest or highest levels of large matrices, against LAPACK and the full decomposition."""

from __future__ import annotations

import functools
from collections.abc import Iterator

import numpy as np
import pytest
import scipy.linalg
import scipy.optimize
import tensorflow as tf

from eigenfit.solver import Affine, GaussNewton, Levels, SpectralSolver, Status, Transitions
from eigenfit.solver.linalg import subspace_iteration as subject

from ..helpers import as_numpy, assert_same, take

N = 96
EPSILON = np.finfo(float).eps
SMALLEST = subject._SMALLEST


@pytest.fixture(scope="module", autouse=True)
def iterate_from_small_sizes() -> Iterator[None]:
    """Where the iteration begins to pay, matrices are so large that tests take minutes."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(subject, "_SMALLEST", N)
        yield


def random_matrices(rows: int, complex_entries: bool = False, size: int = N) -> np.ndarray:
    generator = np.random.default_rng(2)
    matrices = generator.normal(size=(rows, size, size))
    if complex_entries:
        matrices = matrices + 1j * generator.normal(size=(rows, size, size))
    return matrices + matrices.conj().transpose(0, 2, 1)


def few_of(used: np.ndarray, size: int = N) -> subject.FewLevels:
    few = subject.few_of(size, used)
    assert few is not None
    return few


def assert_eigenpairs(
    matrices: np.ndarray, used: np.ndarray, values: np.ndarray, vectors: np.ndarray
) -> None:
    expected = np.linalg.eigvalsh(matrices)
    size = np.abs(expected).max()
    np.testing.assert_allclose(values[:, used], expected[:, used], atol=50 * EPSILON * size)
    images = matrices @ vectors
    np.testing.assert_allclose(images, vectors * expected[:, None, used], atol=1e-10 * size)
    products = vectors.conj().transpose(0, 2, 1) @ vectors
    np.testing.assert_allclose(products, np.eye(len(used))[None] + 0 * products, atol=1e-12)


@pytest.mark.parametrize("complex_entries", [False, True])
@pytest.mark.parametrize(
    ("size", "used"),
    [
        (N, [0, 1, 2, 3, 4]),
        (N, [3]),
        (N, [0, 2, 7]),
        (N, [N - 1]),
        (N, [N - 8, N - 2, N - 1]),
        (SMALLEST, [0, 2, 4]),
    ],
)
def test_eigenpairs(size: int, used: list[int], complex_entries: bool):
    matrices = random_matrices(3, complex_entries, size)
    few = few_of(np.array(used), size)
    values, vectors = subject.few_eigenpairs(few, tf.constant(matrices))
    assert_eigenpairs(matrices, few.used, values.numpy(), vectors.numpy())
    np.testing.assert_allclose(values, np.linalg.eigvalsh(matrices), atol=1e-11 * size)


@pytest.mark.parametrize("used", [[0, 1, 2, 3, 4], [N - 6, N - 1]])
@pytest.mark.parametrize("distance", [0.0, 0.02, 5.0])
def test_near_spectra(used: list[int], distance: float, monkeypatch: pytest.MonkeyPatch):
    """Of which one row has none; where they are near, nothing is decomposed in full."""
    matrices = random_matrices(4)
    near = np.linalg.eigvalsh(matrices + distance * random_matrices(5)[1:])
    near[2] = np.nan
    few = few_of(np.array(used))
    decomposed = []
    monkeypatch.setattr(
        tf.linalg, "eigvalsh", lambda rows: decomposed.append(len(rows)) or tf.linalg.eigh(rows)[0]
    )
    values, vectors = subject.few_eigenpairs(few, tf.constant(matrices), tf.constant(near))
    assert decomposed == ([1] if distance < 1 else [1, 3])
    assert_eigenpairs(matrices, few.used, values.numpy(), vectors.numpy())


def test_degenerate_levels():
    """Within those used; and at their edge, where only the full decomposition converges."""
    turn = np.linalg.qr(random_matrices(1)[0])[0]
    used = np.arange(4)
    for place, equal in ((0, 3), (2, 40)):
        levels = np.arange(float(N))
        levels[place : place + equal] = levels[place]
        matrix = (turn * levels) @ turn.T
        matrix = 0.5 * (matrix + matrix.T)
        values, vectors = subject.few_eigenpairs(few_of(used), tf.constant(matrix[None]))
        assert_eigenpairs(matrix[None], used, values.numpy(), vectors.numpy())


def test_a_multiple_of_the_identity():
    matrix = 3.0 * np.eye(N)[None]
    values, vectors = subject.few_eigenpairs(few_of(np.arange(4)), tf.constant(matrix))
    assert_eigenpairs(matrix, np.arange(4), values.numpy(), vectors.numpy())


def test_single_precision():
    matrices = random_matrices(2)
    few = few_of(np.arange(5))
    values, vectors = subject.few_eigenpairs(few, tf.constant(matrices, tf.float32))
    assert values.dtype == vectors.dtype == tf.float32
    expected, columns = np.linalg.eigh(matrices)
    np.testing.assert_allclose(values[:, :5], expected[:, :5], atol=2e-4)
    overlap = np.abs(np.sum(columns[:, :, :5] * vectors.numpy(), axis=1))
    np.testing.assert_allclose(overlap, 1.0, atol=1e-4)


def test_rows_do_not_see_each_other_and_none_is_needed():
    """The iteration of a slow row goes on beside rows that are done."""
    matrices = random_matrices(3)
    matrices[1] = np.diag(np.arange(N) ** 2.0)
    few = few_of(np.arange(5))
    found = subject.few_eigenpairs(few, tf.constant(matrices))
    for row in range(3):
        alone = subject.few_eigenpairs(few, tf.constant(matrices[row : row + 1]))
        for one, all_ in zip(alone, found, strict=True):
            np.testing.assert_array_equal(one[0], all_[row])
    none = subject.few_eigenpairs(few, tf.constant(matrices[:0]))
    assert none[0].shape == (0, N)
    assert none[1].shape == (0, N, 5)


def test_only_few_levels_at_an_end_of_a_large_matrix(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(subject, "_SMALLEST", SMALLEST)
    assert subject.few_of(N, np.arange(3)) is None
    assert subject.few_of(64, np.arange(3)) is None
    assert subject.few_of(256, np.arange(40)) is None
    assert subject.few_of(256, np.array([0, 255])) is None
    assert subject.few_of(256, np.array([100])) is None
    assert few_of(np.array([0, 5]), 256).wanted == 6
    assert few_of(np.array([252]), 256).wanted == 4


@functools.cache
def chain() -> tuple[np.ndarray, np.ndarray]:
    """Coupled sites in three potentials: `[N, N]` and `[3, N, N]`."""
    place = np.linspace(0.0, 1.0, N)
    kinetic = 200.0 * (N / 256) ** 2 * (2 * np.eye(N) - np.eye(N, k=1) - np.eye(N, k=-1))
    return kinetic, np.stack([np.diag(np.cos(np.pi * k * place)) for k in (1, 2, 3)])


OBSERVATIONS = {
    "lowest": Levels(lowest=6),
    "relative": Levels("lowest", lowest=6),
    "highest": Levels(indices=range(N - 6, N)),
    "transitions": Transitions([(1, 0), (2, 0), (3, 1), (4, 0), (5, 2)]),
}


def observed(kind: str, x: np.ndarray) -> np.ndarray:
    kinetic, potentials = chain()
    levels = np.linalg.eigvalsh(kinetic + np.tensordot(x, potentials, 1))
    if kind == "highest":
        return levels[..., -6:]
    if kind == "transitions":
        pairs = np.array([(1, 0), (2, 0), (3, 1), (4, 0), (5, 2)])
        return levels[..., pairs[:, 0]] - levels[..., pairs[:, 1]]
    return levels[..., :6] - (levels[..., :1] if kind == "relative" else 0.0)


def rows_of(
    kind: str, rows: int, distance: float = 0.02
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    generator = np.random.default_rng(4)
    x = np.array([3.0, -2.0, 1.0]) + generator.normal(size=(rows, 3))
    return x, observed(kind, x), x + distance * generator.normal(size=(rows, 3))


@functools.cache
def solver_of(kind: str) -> SpectralSolver:
    """Traced once for all tests: with a small pool and few starts."""
    structure, observation = Affine(*chain()), OBSERVATIONS[kind]
    method = GaussNewton() if kind == "relative" else None
    return SpectralSolver(structure, method, observation=observation, pool_rows=4, starts=3)


@pytest.mark.parametrize("kind", OBSERVATIONS)
def test_fits(kind: str, request: pytest.FixtureRequest):
    if kind != "lowest":  # the graph of which other tests need too
        request.getfixturevalue("eagerly")
    solver = solver_of(kind)
    assert solver._settings.model.few is not None
    x, targets, starts = rows_of(kind, 5 if kind == "lowest" else 2)
    fit = as_numpy(solver.fit(targets, initial=starts))
    assert (fit.status == Status.CONVERGED).all()
    np.testing.assert_allclose(fit.parameters, x, atol=1e-6)
    kinetic, potentials = chain()
    levels = np.linalg.eigvalsh(kinetic + np.tensordot(fit.parameters, potentials, 1))
    # All levels of the answer, not only those that were followed.
    np.testing.assert_allclose(fit.eigenvalues, levels, atol=1e-10)


def test_where_symmetry_splits_the_matrix_all_levels_come_from_the_blocks(
    monkeypatch: pytest.MonkeyPatch,
):
    """A chain with mirror symmetry: the few levels from the whole matrix, all from its halves."""
    kinetic, _ = chain()
    place = np.linspace(0.0, 1.0, N)
    potentials = np.stack([np.diag(np.cos(np.pi * k * place)) for k in (2, 4, 6)])
    potentials = (potentials + potentials[:, ::-1, ::-1]) / 2  # to the last bit
    solver = SpectralSolver(Affine(kinetic, potentials), observation=Levels(lowest=6))
    assert [block.size for block in solver.parameterization.blocks] == [N // 2, N // 2]
    assert solver._settings.model.few is not None
    sizes = set()
    decompose = tf.linalg.eigvalsh

    def noting(matrix: tf.Tensor) -> tf.Tensor:
        sizes.add(matrix.shape[-1])
        return decompose(matrix)

    monkeypatch.setattr(tf.linalg, "eigvalsh", noting)
    known = np.array([3.0, -2.0, 1.0]) + np.random.default_rng(4).normal(size=(3, 3))
    levels = np.linalg.eigvalsh(kinetic + np.tensordot(known, potentials, 1))
    starts = known + 0.02
    starts[1] = 1e147
    fit = as_numpy(solver.fit(levels[:, :6], initial=starts))
    assert sizes == {N // 2}
    assert fit.status.tolist() == [Status.CONVERGED, Status.NON_FINITE, Status.CONVERGED]
    np.testing.assert_allclose(fit.parameters[::2], known[::2], atol=1e-6)
    np.testing.assert_allclose(fit.eigenvalues[::2], levels[::2], atol=1e-10)
    alone = as_numpy(solver.fit(levels[2:, :6], initial=starts[2:]))
    assert_same(alone, take(fit, [2]))


def test_residual_left_and_standard_errors_are_those_of_scipy():
    solver = solver_of("lowest")
    _, targets, starts = rows_of("lowest", 2)
    targets = targets + 0.05 * np.random.default_rng(5).normal(size=targets.shape)
    fit = as_numpy(solver.fit(targets, initial=starts))
    assert (fit.status == Status.STATIONARY).all()
    for row in range(2):

        def residual(x: np.ndarray, row: int = row) -> np.ndarray:
            return observed("lowest", x) - targets[row]

        found = scipy.optimize.least_squares(residual, starts[row], xtol=1e-12, gtol=1e-12)
        np.testing.assert_allclose(fit.parameters[row], found.x, atol=1e-5)
        np.testing.assert_allclose(fit.loss[row], 2 * found.cost, rtol=1e-8)
        covariance = scipy.linalg.inv(found.jac.T @ found.jac) * 2 * found.cost / 3
        errors = np.sqrt(np.diag(covariance))
        np.testing.assert_allclose(fit.standard_errors[row], errors, rtol=1e-4)


def test_rows_of_a_fit_are_independent_and_bad_ones_do_no_harm():
    """More rows than the pool holds; one with a NaN, one whose matrix overflows."""
    solver = solver_of("lowest")
    _, targets, starts = rows_of("lowest", 9, distance=0.3)
    targets[3] = np.nan
    starts[5] = 1e147
    fit = as_numpy(solver.fit(targets, initial=starts))
    assert fit.status[[3, 5]].tolist() == [Status.INVALID_INPUT, Status.NON_FINITE]
    assert set(np.delete(fit.status, [3, 5])) == {Status.CONVERGED, Status.STATIONARY}
    assert len(np.unique(fit.steps)) > 2
    for row in (0, 4, 8):
        alone = as_numpy(solver.fit(targets[[row]], initial=starts[[row]]))
        assert_same(alone, take(fit, [row]))


def test_a_cold_search():
    """So few starts need not match a row, but what is said of their end is true."""
    _, targets, _ = rows_of("lowest", 3)
    fit = as_numpy(solver_of("lowest").fit(targets, weights=np.ones_like(targets)))
    assert set(fit.status) <= {Status.CONVERGED, Status.STATIONARY, Status.MAX_STEPS}
    np.testing.assert_allclose(observed("lowest", fit.parameters), fit.eigenvalues[:, :6])
    missing = targets - fit.eigenvalues[:, :6]
    np.testing.assert_allclose(np.sum(missing**2, axis=1), fit.loss, atol=1e-18)
    converged = fit.status == Status.CONVERGED
    np.testing.assert_allclose(missing[converged], 0.0, atol=1e-8)
