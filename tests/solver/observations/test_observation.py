"""Which levels are compared: chosen ones, and relative to the lowest."""

import numpy as np
import pytest
import tensorflow as tf

from eigenfit.solver import Affine, Levels, SpectralSolver, Toeplitz

N = 6


@pytest.mark.parametrize("relative_to", [None, "lowest"])
@pytest.mark.parametrize(
    ("choice", "numbers"),
    [
        ({}, [0, 1, 2, 3, 4, 5]),
        ({"lowest": 3}, [0, 1, 2]),
        ({"highest": 2}, [4, 5]),
        ({"indices": [1, 2, 5]}, [1, 2, 5]),
    ],
)
def test_observed_levels_and_their_transpose(choice, numbers, relative_to, rng):
    observation = Levels(relative_to, **choice).of([N])
    assert observation.num_targets == len(numbers)
    levels = np.sort(rng.normal(size=(4, N)))
    expected = levels[:, numbers] - (levels[:, :1] if relative_to else 0.0)
    np.testing.assert_allclose(observation.observe(tf.constant(levels)), expected)
    slopes = rng.normal(size=(4, N, 3))
    for column in range(3):
        np.testing.assert_allclose(
            observation.observe(tf.constant(slopes))[..., column],
            observation.observe(tf.constant(slopes[..., column])),
        )
    weights = rng.normal(size=(4, len(numbers)))
    back = observation.pull_back(tf.constant(levels), tf.constant(weights)).numpy()
    np.testing.assert_allclose((back * levels).sum(1), (weights * expected).sum(1))


@pytest.mark.usefixtures("eagerly")
def test_a_fit_to_chosen_levels_is_the_fit_with_nan_for_the_others(rng):
    observation = Levels(indices=[0, 2, 3, 5])
    basis = rng.normal(size=(3, N, N))
    model = Affine(None, basis + basis.transpose(0, 2, 1))
    x = rng.normal(size=(5, 3))
    start = x + 0.05 * rng.normal(size=x.shape)
    everything = SpectralSolver(model, starts=1)
    chosen = SpectralSolver(model, observation=observation, starts=1)
    noisy = everything.spectrum(x).numpy() + 0.01 * rng.normal(size=(5, N))
    numbers = observation.chosen(N)
    gaps = np.full_like(noisy, np.nan)
    gaps[:, numbers] = noisy[:, numbers]
    one, other = chosen.fit(noisy[:, numbers], start), everything.fit(gaps, start)
    np.testing.assert_array_equal(one.status, other.status)
    np.testing.assert_allclose(one.parameters, other.parameters, rtol=1e-12)
    np.testing.assert_allclose(one.standard_errors, other.standard_errors, rtol=1e-9)
    assert one.residuals.shape == (5, 4)


@pytest.mark.usefixtures("eagerly")
def test_gradients_of_relative_chosen_levels_agree_with_finite_differences(rng):
    solver = SpectralSolver(
        Toeplitz(N).with_fixed({"r0": 0.0, "r5": 0.1}),
        observation=Levels("lowest", indices=[1, 2, 3, 4, 5]),
    )
    x = rng.normal(size=(1, 4))
    targets = solver.comparison.observe(solver.spectrum(x)).numpy()
    targets += 0.01 * rng.normal(size=targets.shape)
    start = tf.constant(x)
    watched = tf.constant(targets)
    with tf.GradientTape() as tape:
        tape.watch(watched)
        total = tf.reduce_sum(solver.fit(watched, start).parameters)
    found = tape.gradient(total, watched).numpy()[0]
    step = 1e-5 * np.eye(5)
    ends = solver.fit(np.append(targets + step, targets - step, axis=0), np.tile(x, (10, 1)))
    up, down = np.split(ends.parameters.numpy().sum(axis=1), 2)
    expected = (up - down) / 2e-5
    np.testing.assert_allclose(found, expected, rtol=1e-6)


@pytest.mark.usefixtures("eagerly")
def test_cold_starts_know_that_the_lowest_level_is_zero():
    solver = SpectralSolver(Toeplitz(4), observation=Levels("lowest", highest=3))
    fit = solver.fit([[1.0, 2.5, 3.0]])
    assert fit.status.numpy() == [1]
    levels = fit.eigenvalues.numpy()[0]
    np.testing.assert_allclose(levels[1:] - levels[0], [1.0, 2.5, 3.0], atol=1e-8)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: Levels("highest"),  # pyright: ignore[reportArgumentType]
            'must be None, "lowest" or "mean", got \'highest\'',
        ),
        (lambda: Levels(lowest=2, highest=1), "at most one of lowest and highest"),
        (lambda: Levels(lowest=0), "lowest must be an integer of at least 1, got 0"),
        (lambda: Levels(indices=[2, 1]), "ascending order"),
        (lambda: Levels(indices=[-1, 1]), "from 0"),
        (lambda: SpectralSolver(Toeplitz(2), observation=Levels(lowest=3)), "has 2 levels"),
    ],
)
def test_wrong_choices_are_one_clear_error(make, message):
    with pytest.raises(ValueError, match=message):
        make()
