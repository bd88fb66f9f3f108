"""Where rows start that bring no starting point: what it costs, and what it does not."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from eigenfit.solver import Affine, Family, Nonlinear, SpectralSolver, Toeplitz
from eigenfit.solver.parameterizations.affine import starts as projected
from eigenfit.solver.search.multistart import default_starts

TARGETS = np.array([[-1.3, 0.2, 0.7, 2.1], [-3.0, 0.1, 1.0, 1.5]])
STARTS = np.array([[0.5, 1.0, 0.3, 0.1], [0.2, 1.0, -0.3, 0.6]])


def symmetric(*shape: int) -> np.ndarray:
    matrix = np.random.default_rng(5).normal(size=shape)
    return matrix + matrix.swapaxes(-1, -2)


@pytest.mark.usefixtures("eagerly")
def test_a_fit_from_given_points_builds_no_starts(monkeypatch):
    def fail(*arguments):
        raise AssertionError("a start was proposed")

    monkeypatch.setattr("eigenfit.solver.search.multistart.default_starts", fail)
    solver = SpectralSolver(Toeplitz(4))
    assert solver.fit(TARGETS, initial=STARTS).status.numpy().tolist() == [1, 1]
    assert solver.trace(TARGETS, initial=STARTS).parameters.shape[0] == 2
    # The same solver proposes starts as soon as an entry is missing.
    monkeypatch.setattr("eigenfit.solver.search.multistart.default_starts", default_starts)
    missing = STARTS.copy()
    missing[0, 2] = np.nan
    assert solver.fit(TARGETS, initial=missing).status.numpy().tolist() == [1, 1]


def test_a_row_with_a_start_does_not_see_rows_without():
    """They are fitted by another graph, with the search in it."""
    # With a residual left: saddles and Newton's steps come in.
    targets, starts = TARGETS[:, :3], STARTS[:, :2]
    solver = SpectralSolver(Affine(np.diag([0.0, 1.0, 2.0]), symmetric(2, 3, 3)))
    alone = solver.fit(targets, initial=starts)
    initial = np.concatenate([starts, np.full((1, 2), np.nan)])
    among = solver.fit(np.concatenate([targets, targets[:1]]), initial=initial)
    for one, other in zip(alone, among, strict=True):
        np.testing.assert_array_equal(one, other[:2])


def counted(monkeypatch) -> list[float]:
    """The cubes of the sizes of all matrices that NumPy decomposes from now on."""
    work: list[float] = []
    decompose = np.linalg.eigh

    def counting(matrices):
        work.append(matrices.size * matrices.shape[-1])
        return decompose(matrices)

    monkeypatch.setattr(np.linalg, "eigh", counting)
    return work


@pytest.mark.parametrize("members", [1, 100])
def test_what_is_spent_on_starts_does_not_grow_with_the_members(monkeypatch, members):
    basis = symmetric(2, 60, 60)
    family = Family.affine(None, [basis] * members)
    levels = tf.constant(np.tile(np.sort(np.random.default_rng(1).normal(size=60)), members)[None])
    work = counted(monkeypatch)
    starts = family.starting_points(tf.repeat(levels, 99, 0), tf.range(99), 2048).numpy()
    assert sum(work) <= 1e7  # some hundredths of a second
    assert len(np.unique(starts.round(12), axis=0)) == 99


def test_members_that_are_not_all_affine_share_what_may_be_spent(monkeypatch):
    bent = Nonlinear(lambda x: x[:, :, None] * tf.eye(2, dtype=x.dtype), 2, 1, ["bent"])
    affine = [Affine(None, symmetric(2, 60, 60), ["a", f"b{k}"]) for k in range(20)]
    family = Family([bent, *affine])
    work = counted(monkeypatch)
    family.starting_points(tf.zeros([1, family.size], tf.float64), tf.constant([0]), 2048)
    assert sum(work) <= 1e7


def check_random_members(monkeypatch: pytest.MonkeyPatch, structure: Affine) -> None:
    """All that large structures have: here small ones, without any decomposition."""
    monkeypatch.setattr(projected, "_MOST_OPERATIONS", 0.0)
    work = counted(monkeypatch)
    solver = SpectralSolver(structure)
    known = 2.0 * np.random.default_rng(7).normal(size=(40, structure.num_parameters))
    fit = solver.fit(solver.spectrum(known))
    assert not work
    assert (fit.status.numpy() == 1).mean() >= 0.95


def test_random_members_are_starts_as_good(monkeypatch):
    """With as many parameters as levels."""
    check_random_members(monkeypatch, Toeplitz(6))


@pytest.mark.usefixtures("eagerly")  # few steps, which take less time than their graph
def test_random_members_beside_a_constant_are_starts_as_good(monkeypatch):
    check_random_members(monkeypatch, Affine(np.diag([0.0, 1.0, 3.0, 7.0]), symmetric(2, 4, 4)))
