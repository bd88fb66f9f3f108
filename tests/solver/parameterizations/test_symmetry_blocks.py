"""Affine structures that symmetry splits: the blocks that are found, and the same answers."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence

import numpy as np
import pytest
import tensorflow as tf

from eigenfit.solver import (
    Affine,
    BlockDiagonal,
    Family,
    Levels,
    LiftAndProjection,
    Newton,
    Nonlinear,
    Persymmetric,
    Spin,
    Status,
    Symmetric,
    Toeplitz,
    heisenberg,
)
from eigenfit.solver import SpectralSolver as Solver
from eigenfit.solver.linalg.eigh import eigenvalues
from eigenfit.solver.parameterizations.affine.symmetry_blocks import Block, uncoupled_subspaces
from eigenfit.solver.parameterizations.weighted_levels import Crossing, WeightedLevels
from tests.problems.given_matrices import random_hermitian

from ..helpers import (
    as_numpy,
    assert_rows_of_structure_are_independent,
    assert_same,
    finite_differences,
    take,
)


def in_blocks(sizes: Sequence[int], count: int, complex_entries: bool = False) -> np.ndarray:
    """`[count + 1, n, n]`, random block-diagonal matrices with their states in random order."""
    total = sum(sizes)
    matrices = np.zeros((count + 1, total, total), complex if complex_entries else float)
    ends = np.cumsum(sizes)
    for end, size in zip(ends, sizes, strict=True):
        span = slice(end - size, end)
        matrices[:, span, span] = random_hermitian(count + 1, size, int(end), complex_entries)
    order = np.random.default_rng(1).permutation(total)
    return matrices[:, order][:, :, order]


def affine(sizes: Sequence[int], complex_entries: bool = False) -> Affine:
    constant, *basis = in_blocks(sizes, 3, complex_entries)
    return Affine(constant, np.stack(basis))


def mirrored(size: int) -> Affine:
    """With a block of an odd number of states that has even and odd combinations."""
    matrices = random_hermitian(4, size, seed=3)
    matrices = matrices + matrices[:, ::-1, ::-1]
    return Affine(matrices[0], matrices[1:])


def kramers(complex_entries: bool) -> Affine:
    """J = 15/2 in a tetragonal field: without a magnetic field all levels are doublets."""
    spin = Spin(7.5)
    operators = [spin.stevens(k, q) for k, q in ((2, 0), (4, 0), (4, 4), (6, 4))]
    if complex_entries:
        operators[3] = spin.stevens(6, -4)
    return Affine(None, [operator / np.linalg.norm(operator) for operator in operators])


KINDS: dict[str, tuple[Callable[[], Affine], list[int]]] = {
    "one of each size": (lambda: affine([2, 3, 4]), [2, 3, 4]),
    "equal blocks": (lambda: affine([3, 3, 3]), [3, 3, 3]),
    "with single levels": (lambda: affine([1, 1, 1, 5]), [1, 1, 1, 5]),
    "larger blocks": (lambda: affine([10, 10, 9]), [9, 10, 10]),
    "complex": (lambda: affine([4, 1, 4], complex_entries=True), [1, 4, 4]),
    "complex, larger": (lambda: affine([9, 9], complex_entries=True), [9, 9]),
    "toeplitz, even": (lambda: Toeplitz(8), [4, 4]),
    "toeplitz, odd": (lambda: Toeplitz(9), [4, 5]),
    "toeplitz, large": (lambda: Toeplitz(20), [10, 10]),
    "persymmetric": (lambda: Persymmetric(8, bandwidth=1), [4, 4]),
    "mirrored": (lambda: mirrored(11), [5, 6]),
    "kramers": (lambda: kramers(complex_entries=False), [4, 4, 4, 4]),
    "kramers, complex": (lambda: kramers(complex_entries=True), [4, 4, 4, 4]),
}
each_kind = pytest.mark.parametrize("kind", KINDS)
# Whole fits of one of each make; the levels and derivatives of all are tested without.
FITTED_IN_A_GRAPH = ("complex, larger", "toeplitz, even")
FITTED = (*FITTED_IN_A_GRAPH, "with single levels", "kramers, complex")


@functools.cache
def structure(kind: str) -> Affine:
    return KINDS[kind][0]()


def levels_of(structure: Affine, x: np.ndarray) -> np.ndarray:
    """By NumPy, from the whole matrix."""
    return np.linalg.eigvalsh(structure.constant + np.tensordot(x, structure.basis, 1))


@each_kind
def test_blocks(kind: str):
    """They are those that were built in, and the matrices are what they were."""
    given = structure(kind)
    subspaces = uncoupled_subspaces(given.constant, given.basis)
    assert [columns.shape[1] for columns in subspaces] == KINDS[kind][1]
    together = np.concatenate(subspaces, axis=1)
    together = together / np.linalg.norm(together, axis=0)
    np.testing.assert_allclose(together.T @ together, np.eye(given.size), atol=1e-15)
    turned = together.T @ given.basis @ together
    owner = np.repeat(np.arange(len(subspaces)), KINDS[kind][1])
    np.testing.assert_allclose(turned[:, owner[:, None] != owner], 0.0, atol=1e-14)
    assert not given.is_one_block


def test_one_block_stays_one():
    dense = Affine(None, random_hermitian(3, 9, seed=2))
    assert [c.shape for c in uncoupled_subspaces(dense.constant, dense.basis)] == [(9, 9)]
    assert dense.is_one_block
    assert Symmetric(9).is_one_block
    # Two blocks of which one is nearly everything.
    assert affine([1, 12]).is_one_block
    # A mirror image up to a sign is none.
    matrix = np.diag(np.arange(-4.0, 5.0)) + np.eye(9, k=1) + np.eye(9, k=-1)
    assert len(uncoupled_subspaces(np.zeros((9, 9)), matrix[None])) == 1


def test_rounding_is_no_coupling():
    """Operators come from products, which leave 1e-17 where there is nothing."""
    matrices = in_blocks([4, 5], 3)
    noise = 1e-17 * random_hermitian(4, 9, seed=4)
    sizes = [
        c.shape[1] for c in uncoupled_subspaces(matrices[0] + noise[0], matrices[1:] + noise[1:])
    ]
    assert sizes == [4, 5]
    small = matrices.copy()
    first, second = (
        np.flatnonzero(columns.any(axis=1))[0]
        for columns in uncoupled_subspaces(matrices[0], matrices[1:])
    )
    small[1, first, second] = small[1, second, first] = 1e-10
    assert len(uncoupled_subspaces(small[0], small[1:])) == 1


@pytest.mark.parametrize("kind", ["kramers", "kramers, complex"])
def test_partners_are_decomposed_once(kind: str):
    given = structure(kind)
    assert given._split is not None
    (stack,) = given._split.stacks
    assert len(stack.forms) == 2
    assert sorted(stack.copies) == [0, 0, 1, 1]
    rows = tf.constant(np.random.default_rng(9).normal(size=(3, 4)))
    levels = given.eigensystem(rows)[0].numpy()
    np.testing.assert_array_equal(levels[:, ::2], levels[:, 1::2])
    # A magnetic field tells them apart.
    split_up = Affine(None, [*given.basis, Spin(7.5).z])
    assert split_up._split is not None
    assert len(split_up._split.stacks[0].forms) == 4


def test_images_are_counted_once():
    """Being equal but for rounding is not transitive: the third is like both of the others."""

    def block(corner: float) -> np.ndarray:
        return np.array([[corner, 0.5, 0.2], [0.5, 0.3, 0.7], [0.2, 0.7, -0.4]])

    epsilon = np.finfo(float).eps
    matrix = np.zeros((9, 9))
    for place, part in enumerate((0.0, 20.0, 10.0)):
        span = slice(3 * place, 3 * place + 3)
        matrix[span, span] = block(1.0 + part * epsilon)
    given = Affine(None, [matrix, np.eye(9)])
    x = np.array([[1.0, 0.5]])
    values = given.eigensystem(tf.constant(x))[0]
    np.testing.assert_allclose(values[0], levels_of(given, x[0]), atol=1e-14)


@each_kind
def test_blocks_name_their_states(kind: str):
    """No matrix couples the states of one block with those of another."""
    given = structure(kind)
    assert [block.size for block in given.blocks] == KINDS[kind][1]
    size, seen = given.size, np.zeros(given.size, int)
    turned = []
    for block in given.blocks:
        states = np.array(block.states)
        unit = np.eye(size)[:, states]
        if block.parity:
            columns = (unit + block.parity * unit[:, ::-1])[:, : block.size]
            columns /= np.linalg.norm(columns, axis=0)
        else:
            columns = unit
        np.add.at(seen, states[: block.size] if block.parity else states, 1)
        np.add.at(seen, states[::-1][: block.size] if block.parity else states, 1)
        turned.append(columns)
    # A state in the middle is its own image, and in the even block alone.
    assert (seen == 2).all()
    for matrix in (given.constant, *given.basis):
        for place, one in enumerate(turned):
            for other in turned[:place]:
                np.testing.assert_allclose(one.T @ matrix @ other, 0.0, atol=1e-14)


def test_two_large_parity_blocks(rng: np.random.Generator):
    """States in turn of even and odd parity, as in a cluster of spins; each block in one piece."""
    size = 1100
    matrix = np.zeros((size, size))
    place = np.arange(size - 2)
    matrix[place, place + 2] = matrix[place + 2, place] = rng.normal(size=size - 2)
    given = Affine(np.diag(rng.normal(size=size)), [matrix])
    assert given.blocks == tuple(Block(size // 2, tuple(range(first, size, 2))) for first in (0, 1))
    # Rounding is taken out of a large matrix, and anything else refused, wherever it is.
    noisy = matrix.copy()
    noisy[3, 1050] += 1e-12
    basis = Affine(None, [noisy]).basis[0]
    np.testing.assert_array_equal(basis, (noisy + noisy.T) / 2)
    noisy[3, 1050] = 0.5
    with pytest.raises(ValueError, match=r"differs from its conjugate transpose by up to 0\.5"):
        Affine(None, [noisy])


def test_every_parameterization_names_its_blocks():
    whole = Block(3, (0, 1, 2))
    dense = Affine(None, random_hermitian(2, 3, seed=1), ["a", "b"])
    for one in (dense, 2.0 * dense, dense + Symmetric(3), Nonlinear(Symmetric(3).matrix, 3, 6)):
        assert one.blocks == (whole,)
    apart = Affine(None, [np.diag([1.0, 2.0])], ["a"])
    assert apart.blocks == (Block(1, (0,)), Block(1, (1,)))
    assert BlockDiagonal([dense, apart], shared=True).blocks == (
        whole,
        Block(1, (3,)),
        Block(1, (4,)),
    )
    family = Family([apart, dense])
    assert family.blocks == (*apart.blocks, whole._replace(member=1))
    assert family.with_fixed({"b": 1.0}).blocks == family.blocks


def entries_in_two(half: int, count: int) -> Affine:
    """Even states and odd states, each parameter one entry; too many to be written out."""
    rng = np.random.default_rng(4)
    constant = random_hermitian(1, 2 * half, seed=5)[0] / np.sqrt(half)
    constant *= np.equal(*(index % 2 for index in np.indices(constant.shape)))
    basis = np.zeros((count, 2 * half, 2 * half))
    pairs = rng.choice(half, (count, 2), replace=False) * 2 + rng.integers(0, 2, (count, 1))
    basis[np.arange(count), pairs[:, 0], pairs[:, 1]] = 1.0
    return Affine(constant, basis + basis.swapaxes(1, 2))


@pytest.mark.parametrize(
    ("make", "sizes"),
    [
        (lambda: affine([200, 200]), [200, 200]),
        (lambda: mirrored(400), [200, 200]),
        (lambda: entries_in_two(200, 60), [200, 200]),
    ],
)
def test_large_blocks_are_split(make: Callable[[], Affine], sizes: list[int]):
    given = make()
    assert [block.size for block in given.blocks] == sizes
    assert not given.is_one_block
    x = np.random.default_rng(5).normal(size=(1, given.num_parameters))
    values, vectors, _ = given.eigensystem(tf.constant(x))
    assert [columns.shape[1:] for columns in vectors.blocks] == [(2, 200, 200)]
    matrix = given.constant + np.tensordot(x[0], given.basis, 1)
    expected, plain = np.linalg.eigh(matrix)
    np.testing.assert_allclose(values[0], expected, atol=1e-11)
    slopes = given.level_jacobian(tf.constant(x), vectors)[0]
    by_numpy = np.stack([np.sum(plain * (basis @ plain), axis=0) for basis in given.basis], axis=1)
    np.testing.assert_allclose(slopes, by_numpy, atol=1e-9)


@pytest.mark.usefixtures("eagerly")
def test_few_levels_of_large_blocks():
    """They come from whichever is less work: the whole matrix, or all blocks."""
    assert not affine([64] * 4).whole_is_cheaper
    given = affine([98, 98])
    assert given.whole_is_cheaper
    x = np.array([[1.0, 0.3, -0.2]])
    targets = levels_of(given, x[0])[None, :6]
    fit = Solver(given, observation=Levels(lowest=6)).fit(targets, initial=x + 1e-3)
    assert fit.status.numpy().tolist() == [Status.CONVERGED]
    np.testing.assert_allclose(fit.parameters, x, atol=1e-7)


def test_small_couplings_of_states_without_others():
    """They are beyond the rounding of the largest entry, but not of their own rows."""
    pairs = np.zeros((9, 9))
    for k in range(0, 8, 2):
        pairs[k, k + 1] = pairs[k + 1, k] = 1.0
    far = np.diag([0.0] * 8 + [1e17])
    given = Affine(-far, [far + pairs])
    values = given.eigensystem(tf.ones([1, 1], tf.float64))[0]
    np.testing.assert_allclose(values[0], [-1.0] * 4 + [0.0] + [1.0] * 4, atol=1e-12)


def test_total_spin_is_conserved():
    """A Heisenberg ring of six spins 1/2 has a block for each total S_z."""
    ring = [(site, (site + 1) % 6) for site in range(6)]
    model = Affine(None, [heisenberg([Spin(0.5)] * 6, ring)], ["J"])
    sizes = [c.shape[1] for c in uncoupled_subspaces(model.constant, model.basis)]
    assert sum(sizes) == 64
    assert max(sizes) <= 20
    x = np.array([1.7])
    values, _, _ = model.eigensystem(tf.constant(x[None]))
    np.testing.assert_allclose(values[0], levels_of(model, x), atol=1e-13)


@each_kind
def test_levels_and_derivatives(kind: str):
    given = structure(kind)
    rng = np.random.default_rng(5)
    x = rng.normal(size=(3, given.num_parameters))
    rows = tf.constant(x)
    values, vectors, finite = given.eigensystem(rows)
    expected = np.stack([levels_of(given, row) for row in x])
    np.testing.assert_allclose(values, expected, atol=1e-13 * np.abs(expected).max())
    np.testing.assert_allclose(given.levels(rows)[0], values, atol=1e-13 * np.abs(expected).max())
    np.testing.assert_allclose(given.spectrum(rows), values, atol=1e-12)
    assert finite.numpy().all()
    slopes = given.level_jacobian(rows, vectors)
    for place, row in enumerate(x):
        found = finite_differences(lambda y: levels_of(given, y), row, step=1e-4)
        np.testing.assert_allclose(slopes[place], found, atol=1e-8)
    whole = given.level_jacobian(rows, tf.linalg.eigh(given.matrix(rows))[1])
    np.testing.assert_allclose(slopes, whole, atol=1e-9)


@each_kind
def test_spectrum_differentiates_twice(kind: str):
    """As the slopes say, and as the eigenvalues of the whole matrix do."""
    given = structure(kind)
    rng = np.random.default_rng(9)
    x = tf.constant(rng.normal(size=(2, given.num_parameters)))
    g = tf.constant(rng.normal(size=(2, given.size)))

    def derivatives(
        levels: Callable[[tf.Tensor], tf.Tensor],
    ) -> tuple[tf.Tensor, tf.Tensor]:
        with tf.GradientTape() as outer:
            outer.watch(x)
            with tf.GradientTape() as inner:
                inner.watch(x)
                total = tf.reduce_sum(g * levels(x))
            first = inner.gradient(total, x)
            along = tf.reduce_sum(first, axis=1)
        return first, outer.gradient(along, x)

    first, second = derivatives(given.spectrum)
    slopes = given.level_jacobian(x, given.eigensystem(x)[1])
    np.testing.assert_allclose(first, tf.linalg.matvec(slopes, g, transpose_a=True), atol=1e-11)
    _, expected = derivatives(lambda y: eigenvalues(given.matrix(y)))
    np.testing.assert_allclose(second, expected, atol=1e-8 * np.abs(expected).max())


@each_kind
def test_a_spectrum_decomposes_the_blocks(kind: str, monkeypatch: pytest.MonkeyPatch):
    sizes = []
    decompose = tf.linalg.eigh

    def noting(matrix: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        sizes.append(matrix.shape[-1])
        return decompose(matrix)

    monkeypatch.setattr(tf.linalg, "eigh", noting)
    given = structure(kind)
    given.spectrum(tf.ones([1, given.num_parameters], tf.float64))
    assert max(sizes) == max(KINDS[kind][1])
    sizes.clear()
    Family([given, given]).spectrum(tf.ones([1, given.num_parameters], tf.float64))
    assert max(sizes) == max(KINDS[kind][1])


def test_levels_that_meet_are_in_ascending_order_in_a_spectrum():
    """Three blocks with equal levels, and a row that is not finite."""
    given = Affine(None, [np.diag([1.0, 2, 3] * 3), np.diag([1.0, 1, 1, 0, 0, 0, 0, 0, 0])])
    levels = given.spectrum(tf.constant([[1.0, 0.0], [np.nan, 1.0], [1.0, -1.0]], tf.float64))
    np.testing.assert_array_equal(levels[0], [1, 1, 1, 2, 2, 2, 3, 3, 3])
    assert np.isnan(levels[1]).all()
    np.testing.assert_array_equal(levels[2], [0, 1, 1, 1, 2, 2, 2, 3, 3])


@each_kind
def test_second_derivatives(kind: str):
    """As those of the matrix in one piece, which other tests hold to finite differences."""
    given = structure(kind)
    rng = np.random.default_rng(6)
    rows = tf.constant(rng.normal(size=(4, given.num_parameters)))
    values, vectors, _ = given.eigensystem(rows)
    g = tf.constant(rng.normal(size=(4, given.size)))
    found = given.level_curvature(rows, vectors, WeightedLevels(values, g))
    plain_values, plain_vectors = tf.linalg.eigh(given.matrix(rows))
    expected = given.level_curvature(
        rows, plain_vectors, WeightedLevels(tf.math.real(plain_values), g)
    )
    np.testing.assert_allclose(found, expected, atol=1e-8 * np.abs(expected).max())


@pytest.mark.parametrize("kind", ["toeplitz, even", "toeplitz, large", "persymmetric"])
def test_second_derivatives_where_all_levels_meet(kind: str):
    """At x = 0, with equal targets 0: the loss is then `tr A(x)^2`."""
    given = structure(kind)
    rows = tf.zeros([2, given.num_parameters], tf.float64)
    values, vectors, _ = given.eigensystem(rows)
    zeros = tf.zeros_like(values)
    crossing = Crossing(zeros, stiffness=zeros + 1.0, rounding=zeros, split=zeros + 1e-4)
    slopes = given.level_jacobian(rows, vectors)
    half = tf.matmul(slopes, slopes, transpose_a=True)
    half -= given.level_curvature(rows, vectors, WeightedLevels(values, zeros, crossing))
    flat = given.basis.reshape(given.num_parameters, -1)
    np.testing.assert_allclose(half[1], flat @ flat.T, atol=1e-12)


def test_slopes_go_with_the_levels_where_blocks_cross():
    diagonal = Affine(None, [np.diag(row) for row in np.eye(8)])
    assert not diagonal.is_one_block
    rows = tf.constant(np.stack([np.arange(8.0), np.arange(8.0)[::-1]]))
    values, vectors, _ = diagonal.eigensystem(rows)
    np.testing.assert_array_equal(values, [np.arange(8.0)] * 2)
    slopes = diagonal.level_jacobian(rows, vectors)
    np.testing.assert_array_equal(slopes, [np.eye(8), np.eye(8)[::-1]])


@functools.cache
def solver_of(kind: str) -> Solver:
    return Solver(structure(kind))


@functools.cache
def data(kind: str) -> tuple[np.ndarray, np.ndarray]:
    """Targets with residual left and one missing level, starts."""
    given = structure(kind)
    rng = np.random.default_rng(7)
    x = rng.normal(size=(60, given.num_parameters))
    targets = np.stack([levels_of(given, row) for row in x])
    targets += 0.01 * rng.normal(size=targets.shape)
    targets = np.sort(targets, axis=1)
    targets[::3, 1] = np.nan
    return targets, x + 0.02 * rng.normal(size=x.shape)


@pytest.mark.parametrize("kind", FITTED)
def test_the_answer_is_a_minimum_of_the_loss(kind: str, request: pytest.FixtureRequest):
    """Of the loss that NumPy computes from the whole matrix."""
    if kind not in FITTED_IN_A_GRAPH:
        request.getfixturevalue("eagerly")
    given = structure(kind)
    targets, starts = data(kind)
    fit = as_numpy(solver_of(kind).fit(targets, initial=starts))
    certified = np.isin(fit.status, [Status.CONVERGED, Status.STATIONARY])
    assert certified.mean() > 0.7
    for row in np.flatnonzero(certified)[:10]:
        seen = np.isfinite(targets[row])
        x = fit.parameters[row]
        levels, vectors = np.linalg.eigh(given.constant + np.tensordot(x, given.basis, 1))
        residual = (levels - targets[row])[seen]
        np.testing.assert_allclose(fit.loss[row], residual @ residual, rtol=1e-6, atol=1e-18)
        slopes = np.einsum("ak,jab,bk->kj", vectors.conj(), given.basis, vectors).real[seen]
        steepness = np.linalg.norm(slopes, axis=0) * np.linalg.norm(residual)
        np.testing.assert_array_less(np.abs(slopes.T @ residual), 1e-4 * steepness + 1e-8)


# Each size and make of blocks once; those of which whole fits are compared need no more.
@pytest.mark.parametrize(
    ("kind", "dtype"),
    [
        ("one of each size", np.float64),
        ("with single levels", np.float64),
        ("larger blocks", np.float64),
        ("larger blocks", np.float32),
        ("complex", np.float64),
        ("complex, larger", np.float64),
        ("complex, larger", np.float32),
        ("toeplitz, odd", np.float64),
        ("toeplitz, odd", np.float32),
        ("toeplitz, large", np.float64),
        ("mirrored", np.float64),
        ("kramers", np.float32),
        ("kramers, complex", np.float64),
    ],
)
def test_rows_of_levels_and_derivatives_are_independent(kind: str, dtype: type):
    given = structure(kind)
    x = np.random.default_rng(6).normal(size=(37, given.num_parameters)).astype(dtype)
    assert_rows_of_structure_are_independent(given, x)


@pytest.mark.parametrize("kind", FITTED_IN_A_GRAPH)
def test_rows_of_fits_are_independent(kind: str):
    targets, starts = data(kind)
    solver = solver_of(kind)
    together = as_numpy(solver.fit(targets, initial=starts))
    for rows in ([0], [3, 4], list(range(20, 57))):
        assert_same(as_numpy(solver.fit(targets[rows], initial=starts[rows])), take(together, rows))


def test_a_bad_row_among_good_ones():
    targets, starts = (array.copy() for array in data("toeplitz, even"))
    solver = solver_of("toeplitz, even")
    good = as_numpy(solver.fit(targets, initial=starts))
    starts[2], targets[5] = 1e300, np.nan
    found = as_numpy(solver.fit(targets, initial=starts))
    assert (found.status[[2, 5]] < 0).all()
    others = np.delete(np.arange(60), [2, 5])
    assert_same(take(found, others), take(good, others))
    assert solver.fit(np.zeros((0, 8)), initial=np.zeros((0, 8))).loss.shape == (0,)


def check_method(method: Newton | LiftAndProjection) -> None:
    """From near starts it finds the parameters."""
    given = structure("equal blocks")
    x = np.random.default_rng(8).normal(size=(5, 3))
    targets = np.stack([levels_of(given, row) for row in x])
    fit = Solver(given, method).fit(targets, initial=x + 1e-3)
    np.testing.assert_allclose(fit.parameters, x, atol=1e-6)


@pytest.mark.usefixtures("eagerly")
def test_newton():
    check_method(Newton())


def test_lift_and_projection():
    """Many steps: they take longer than the graph."""
    check_method(LiftAndProjection())
