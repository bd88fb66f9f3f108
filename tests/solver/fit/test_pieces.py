"""Fits of many rows run in pieces: the same answer, and something to be told in between."""

from __future__ import annotations

import functools
import signal

import numpy as np
import pytest
import tensorflow as tf

from eigenfit.solver import FitResult, GaussNewton, SpectralSolver, Toeplitz
from eigenfit.solver.fit import pieces

from ..helpers import as_numpy, assert_same

TARGETS = np.sort(np.random.default_rng(0).normal(size=(50, 3)), axis=1)


@functools.cache
def solver() -> SpectralSolver:
    """With a pool of 8 rows, and so with pieces of at least 8."""
    return SpectralSolver(Toeplitz(3), GaussNewton(), starts=2, pool_rows=8)


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """No piece is quick enough, so all are as small as they may be."""
    monkeypatch.setattr(pieces, "_SECONDS", 0.0)


@functools.cache
def whole() -> SpectralSolver:
    """The same with a pool that takes all rows, and so in one piece."""
    return SpectralSolver(Toeplitz(3), GaussNewton(), starts=2)


@pytest.mark.usefixtures("small")
def test_the_pieces_together_are_the_whole():
    told = []
    found = solver().fit(TARGETS, progress=lambda done, total: told.append((done, total)))
    assert told == [(8, 50), (16, 50), (24, 50), (32, 50), (40, 50), (50, 50)]
    assert_same(as_numpy(found), as_numpy(whole().fit(TARGETS)))
    assert found.summary(49)


@pytest.mark.usefixtures("small")
def test_a_progress_that_takes_results_gets_each_row_once_and_before_it_is_told():
    class Watcher:
        def __init__(self) -> None:
            self.taken: list[np.ndarray] = []
            self.rows_when_told: list[tuple[int, int]] = []

        def take(self, part: FitResult) -> None:
            self.taken.append(part.status.numpy())

        def __call__(self, done: int, total: int) -> None:
            self.rows_when_told.append((sum(map(len, self.taken)), done))

    watcher = Watcher()
    found = solver().fit(TARGETS, progress=watcher)
    np.testing.assert_array_equal(np.concatenate(watcher.taken), found.status)
    assert watcher.rows_when_told == [(done, done) for done in (8, 16, 24, 32, 40, 50)]


@pytest.mark.usefixtures("small")
def test_derivatives_go_through_pieces():
    targets = tf.constant(TARGETS)
    slopes = []
    for each in (solver(), whole()):
        with tf.GradientTape() as tape:
            tape.watch(targets)
            value = tf.reduce_sum(each.fit(targets).parameters[:, 1])
        slopes.append(tape.gradient(value, targets))
    np.testing.assert_array_equal(*slopes)


@pytest.mark.usefixtures("small")
def test_control_c_stops_a_fit():
    told = []

    def tell(done: int, total: int) -> None:
        told.append((done, total))
        if done > 20:
            signal.raise_signal(signal.SIGINT)

    # That of Python, whatever libraries used by other tests of this process have set.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            solver().fit(TARGETS, progress=tell)
    finally:
        signal.signal(signal.SIGINT, before)
    assert told[-1] == (24, 50)


def test_pieces_grow_to_about_a_second(monkeypatch: pytest.MonkeyPatch):
    """At a hundred rows a second, after a first call that takes two seconds more."""
    clock, sizes = [0.0], []
    monkeypatch.setattr(pieces.time, "monotonic", lambda: clock[0])

    def work(rows: tf.Tensor) -> tf.Tensor:
        clock[0] += len(rows) / 100 + (0.0 if sizes else 2.0)
        sizes.append(len(rows))
        return 2.0 * rows

    numbers = np.arange(500.0)
    np.testing.assert_array_equal(pieces.in_pieces(work, [tf.constant(numbers)], 10), 2 * numbers)
    assert sizes == [10, 10, 40, 100, 100, 100, 100, 40]
    sizes.clear()
    assert pieces.in_pieces(work, [tf.constant(numbers[:0])], 10).shape == [0]
    assert sizes == [0]


def test_progress_is_written_to_standard_error(capsys: pytest.CaptureFixture[str]):
    solver().fit(TARGETS[:3], progress=True)
    captured = capsys.readouterr()
    assert captured.err == "\r3 of 3 rows\n"
    assert captured.out == ""


def test_wrong_progress():
    with pytest.raises(ValueError, match="progress must be True, False or a function"):
        solver().fit(TARGETS, progress="yes")
    with pytest.raises(ValueError, match="inside a graph"):
        tf.function(lambda t: solver().fit(t, progress=True), autograph=False)(TARGETS)
