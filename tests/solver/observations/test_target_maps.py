"""Functions of levels, blends, frequencies and joint observations as maps, against NumPy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from eigenfit.solver import (
    Blend,
    Frequencies,
    Joint,
    Levels,
    LiftAndProjection,
    Matched,
    Observable,
    SpectralSolver,
    Symmetric,
    Toeplitz,
    Transitions,
)
from tests.solver.helpers import finite_differences

T = np.array([0.4, 1.0, 2.5])


def free_energies(levels: tf.Tensor) -> tf.Tensor:
    """`-T log sum exp(-E / T)` at the temperatures T."""
    t = tf.constant(T, levels.dtype)
    return -t * tf.math.log(tf.reduce_sum(tf.exp(-levels[:, :, None] / t), axis=1))


def ratio(members: tuple[tf.Tensor, ...]) -> tf.Tensor:
    """The first splitting of one member over that of the other."""
    one, other = members
    return (one[:, 1:2] - one[:, :1]) / (other[:, 1:2] - other[:, :1])


MAPS = {
    "free energy": (Observable(free_energies, 3), [4]),
    "ratio of two members": (Observable(ratio, 1), [3, 2]),
    "frequencies": (Frequencies(indices=[0, 2, 3]), [4]),
    "frequencies of two": (Frequencies(lowest=2), [3, 2]),
    "blend": (Transitions([(1, 0), Blend([((2, 1), 3.0), ((3, 0), 1.0)]), (3, 2)]), [4]),
    "joint": (Joint([Levels("lowest"), Observable(free_energies, 3), Frequencies()]), [4]),
    "joint, matched": (Joint([Transitions([(2, 0)]), Matched(2)]), [4]),
}
LEVELS = np.array([[0.3, 1.1, 1.9, 4.2], [0.1, 0.2, 2.2, 7.0]])


def as_levels(counts: list[int]) -> np.ndarray:
    return np.concatenate([LEVELS[:, :count] for count in counts], axis=1)


def second_differences(function: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """`[k, 2] -> [k]` to its second derivatives `[2, 2]` at 0: `finite_differences` twice.

    All points at once, as an operation that is not in a graph takes as long for one row as for
    many.
    """
    step, once = 1e-3, np.array([-1.0, 9.0, -45.0, 0.0, 45.0, -9.0, 1.0]) / 60
    twice = np.convolve(once, once)
    points = np.stack(np.meshgrid(*[np.arange(-6.0, 7.0)] * 2, indexing="ij"), axis=-1)
    values = function(step * points.reshape(-1, 2)).reshape(13, 13)
    mixed = once @ values[3:10, 3:10] @ once
    return np.array([[twice @ values[:, 6], mixed], [mixed, values[6] @ twice]]) / step**2


@pytest.mark.parametrize("name", MAPS)
def test_derivatives_and_transpose(name: str, rng: np.random.Generator):
    observation, counts = MAPS[name]
    found, levels = observation.of(counts), as_levels(counts)
    rows, size = levels.shape
    count = found.num_targets
    assert observation.num_targets(counts) == count
    assert found.measures.shape == found.upper.shape == found.lower.shape == (count,)
    assert found.ground_of_target.shape == found.scale_groups.shape == (count,)
    assignment = found.assign(
        tf.constant(levels), tf.zeros([rows, count], tf.float64), tf.ones([rows, count], tf.float64)
    )
    slopes, force = rng.normal(size=(rows, size, 2)), rng.normal(size=(rows, count))
    chained = found.observe_slopes(tf.constant(levels), tf.constant(slopes), assignment).numpy()
    back = found.pull_back(tf.constant(levels), tf.constant(force), assignment).numpy()
    bent = found.bending(tf.constant(levels), tf.constant(slopes), tf.constant(force))
    for row in range(rows):
        own = assignment[min(row, assignment.shape[0] - 1)][None]

        def values(z: np.ndarray, row=row, own=own) -> np.ndarray:
            moved = levels[row] + z @ slopes[row].T
            return found.observe(tf.constant(moved), np.tile(own, (len(z), 1))).numpy()

        expected = finite_differences(lambda z: values(z[None])[0], np.zeros(2), 1e-4)
        np.testing.assert_allclose(chained[row], expected, rtol=1e-8, atol=1e-9)
        np.testing.assert_allclose(back[row] @ slopes[row], force[row] @ expected, rtol=1e-8)
        second = second_differences(lambda z: values(z) @ force[row])  # noqa: B023
        known = np.zeros((2, 2)) if bent is None else bent.numpy()[row]
        np.testing.assert_allclose(known, second, rtol=1e-6, atol=1e-6)


def test_values():
    four = tf.constant(LEVELS)
    blend = MAPS["blend"][0].of([4]).observe(four).numpy()
    middle = 0.75 * (LEVELS[:, 2] - LEVELS[:, 1]) + 0.25 * (LEVELS[:, 3] - LEVELS[:, 0])
    np.testing.assert_allclose(blend[:, 1], middle, rtol=1e-15)
    hertz = Frequencies().of([3]).observe(tf.constant([[-4.0, 0.0, 9.0]])).numpy()
    np.testing.assert_allclose(hertz, [[-1 / np.pi, 0.0, 1.5 / np.pi]], rtol=1e-6)
    joint = MAPS["joint"][0].of([4])
    parts = [part.observe(four).numpy() for part in joint.parts]
    np.testing.assert_array_equal(joint.observe(four), np.concatenate(parts, axis=1))
    assert joint.ordered[0].tolist() == [0, 0, 0, 0, 1, 2, 3, 4, 4, 4, 4]
    assert joint.ordered[1].tolist() == [0, 0, 0, 0, 4, 5, 6, 7, 7, 7, 7]
    assert joint.ground_of_target.tolist() == [0, 0, 0, 0] + 7 * [-1]
    assert joint.scale_groups.tolist() == 4 * [0] + 3 * [1] + 4 * [2]
    assert Transitions([(1, 0), Blend([((2, 0), 2.0), ((2, 1), 2.0)])]).of([3]).used.tolist() == [
        0,
        1,
        2,
    ]


def test_each_part_of_a_joint_observation_has_its_own_offset(rng: np.random.Generator):
    joint = Joint([Levels("mean", lowest=3), Transitions([(1, 0)]), Levels("mean", highest=2)])
    found = joint.of([4])
    weights = np.array([[1.0, 2.0, 0.5, 1.0, 3.0, 1.0], [0.0, 1.0, 1.0, 1.0, 0.0, 0.0]])
    values = rng.normal(size=(2, 6))
    centred = found.centre(tf.constant(values), tf.constant(weights)).numpy()
    for part in (slice(0, 3), slice(4, 6)):
        w = weights[0, part] ** 2
        mean = np.sum(w * values[0, part]) / np.sum(w)
        np.testing.assert_allclose(centred[0, part], values[0, part] - mean, rtol=1e-14)
    np.testing.assert_array_equal(centred[:, 3], values[:, 3])
    np.testing.assert_array_equal(centred[1, 4:], values[1, 4:])
    assert np.asarray(found.count_offsets(tf.constant(weights))).tolist() == [2.0, 1.0]
    slopes = found.centre(tf.constant(values[:, :, None]), tf.constant(weights)).numpy()
    np.testing.assert_allclose(slopes[:, :, 0], centred, rtol=1e-14)


def test_rounding_errors_of_the_levels_in_the_values(rng: np.random.Generator):
    found = Observable(lambda levels: 1e6 * levels[:, :1] ** 2, 1).of([3])
    levels = tf.constant([[2.0, 3.0, 4.0]], tf.float64)
    values, slopes = found.observe(levels), tf.constant(rng.normal(size=(1, 3, 5)))
    known = (levels, slopes, found.observe_slopes(levels, slopes), values)
    # The derivative is 4e6; the value is 1e6 times the largest level.
    assert 2e6 < found.sensitivity(*known).numpy() <= 5e6
    assert Levels().of([3]).sensitivity(*known).numpy().tolist() == [[1.0]]


WRONG: Any = "levels"


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Observable(WRONG, 2), "function must be a TensorFlow function"),
        (lambda: Observable(free_energies, 0), "num_targets must be an integer"),
        (lambda: Joint([]), "observations must be a list of observations"),
        (lambda: Joint([Levels(), WRONG]), "observations must be a list of observations"),
        (lambda: Blend([(1, 0)]), r"\[\(1, 0\)\]|must be"),
        (lambda: Blend([((1, 0), -1.0)]), "weights must be positive"),
        (lambda: Transitions([Blend([((0, 1), 1.0)])]), r"write \(1, 0\)"),
        (lambda: Frequencies(lowest=2, highest=2), "at most one of lowest and highest"),
        (
            lambda: SpectralSolver(Symmetric(2), observation=Observable(lambda x: x[:, :1], 2)),
            r"must be \[rows, 2\] in float64, got \(None, 1\)",
        ),
        (
            lambda: SpectralSolver(Symmetric(2), observation=Observable(lambda x: x["a"], 2)),
            "cannot be computed from float64 levels",
        ),
        (
            lambda: SpectralSolver(
                Symmetric(2), observation=Joint([Levels(), Observable(tf.round, 2)])
            ),
            r"have no derivative by the levels; .* \(tf.round",
        ),
        (
            lambda: SpectralSolver(Toeplitz(3), LiftAndProjection(), observation=Frequencies()),
            "must compare levels or differences",
        ),
    ],
)
def test_wrong_arguments(make: Any, message: str):
    with pytest.raises(ValueError, match=message):
        make()
