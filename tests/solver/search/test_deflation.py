"""Several minima from one start, by deflation: Mn12 of the INS_IEP paper, and a small one."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from eigenfit.solver import Affine, Levels, SpectralSolver, Status
from eigenfit.solver.objective.model import Data, with_weight_summary
from eigenfit.solver.search.deflation import deflated_walk
from eigenfit.solver.spin import Spin

NAMES = ["B20", "B40", "B44", "B22"]


def test_all_four_minima_of_mn12_from_the_published_start():
    """Bloor Riley, Webb & Baker, arXiv 2409.14438; energies in meV, the start in MHz."""
    spin = Spin(10)
    operators = [spin.stevens(k, q) for k, q in ((2, 0), (4, 0), (4, 4), (2, 2))]
    truth = np.array([-0.0570 / 3, -2.78e-6, -3.2e-6, 6.8e-4])
    other = np.array([-0.01900037, -2.778957e-6, 5.069204e-6, 5.386842e-4])
    levels = np.linalg.eigvalsh(np.tensordot(truth, operators, 1))
    solver = SpectralSolver(
        Affine(None, operators, parameter_names=NAMES),
        observation=Levels(relative_to="lowest"),
        solutions=4,
        starts=32,
    )
    start = np.array([[-1000.0, -1.0, -1.0, -100.0]]) / 1000 / 241.7989
    fit = solver.fit((levels - levels[0])[None], initial=start)
    found = fit.parameters.numpy()[0]
    mirror = np.array([1, 1, 1, -1])
    for pair, expected in ((found[:2], truth), (found[2:], other)):
        pair = pair[np.argsort(-pair[:, 3])]
        np.testing.assert_allclose(pair, [expected, expected * mirror], rtol=1e-5)
    assert fit.status.numpy().tolist() == [[Status.CONVERGED] * 2 + [Status.STATIONARY] * 2]
    assert np.sqrt(fit.loss[0, 2:].numpy() / 20) == pytest.approx(1.36e-4, abs=5e-7)
    assert fit.starts.numpy().tolist() == [[32] * 4]
    assert (fit.agreeing.numpy() >= 1).all()


def test_a_walk_keeps_away_from_what_is_known():
    """The coupling c and -c have the same levels. The steps of a walk are limited."""
    pair = Affine(np.diag([0.0, 1.0]), [np.array([[0.0, 1.0], [1.0, 0.0]])])
    settings = SpectralSolver(pair, solutions=2)._settings
    levels = np.linalg.eigvalsh([[0.0, 2.0], [2.0, 1.0]])
    data = with_weight_summary(Data(tf.constant(levels[None]), tf.ones([1, 2], tf.float64)))
    known = tf.constant([[[2.0]]], tf.float64)

    def walk(there: bool, limit: int, x: float = 1.5) -> tuple[float, int]:
        start = tf.constant([[x]], tf.float64)
        mask, run = tf.constant([[there]]), tf.constant(0)
        end, steps = deflated_walk(settings, data, start, known, mask, run, tf.constant([limit]))
        return float(end[0, 0]), int(steps[0])

    free, _ = walk(False, 40)
    assert free == pytest.approx(2.0, rel=1e-5)
    deflated, steps = walk(True, 40)
    assert abs(deflated - 2.0) > 1e-3
    assert steps > 1
    assert walk(True, 0) == (1.5, 0)
    # One step: h / (1 - e h), by finite differences of log mu and of the levels.
    size = np.linalg.norm(levels - levels.mean())
    length = 0.01 * size / np.sqrt(2.0)  # the norm of the matrix of c is the root of 2
    log_mu = lambda x: np.log(1 / ((x - 2.0) / length) ** 2 + 1)  # noqa: E731
    at = lambda x: np.linalg.eigvalsh([[0.0, x], [x, 1.0]])  # noqa: E731
    slope = (at(1.9 + 1e-6) - at(1.9 - 1e-6)) / 2e-6
    step = slope @ (levels - at(1.9)) / (slope @ slope)
    bend = (log_mu(1.9 + 1e-6) - log_mu(1.9 - 1e-6)) / 2e-6
    assert walk(True, 1, 1.9)[0] == pytest.approx(1.9 + step / (1 - bend * step), rel=1e-6)
