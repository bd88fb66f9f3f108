"""Sweeps over fields, fluxes and wave vectors against SciPy and NumPy, condition by condition."""

from __future__ import annotations

import functools
import re
from typing import Any

import numpy as np
import pytest
import scipy.linalg
import scipy.optimize
import tensorflow as tf

from eigenfit.solver import (
    Affine,
    BlockDiagonal,
    Cause,
    Family,
    Levels,
    LiftAndProjection,
    Matched,
    NonlinearSweep,
    SpectralSolver,
    Spin,
    Status,
    Sweep,
    Transitions,
)
from tests.problems.registry import example

from ..helpers import as_numpy, assert_same, finite_differences, take

BOHR = 13.99624493  # the Bohr magneton over h, GHz / T
SPIN = Spin(1)
TRIPLET = np.array([SPIN.z @ SPIN.z - 2 / 3 * np.eye(3), SPIN.x @ SPIN.x - SPIN.y @ SPIN.y])
ZEEMAN = [BOHR * matrix for matrix in (SPIN.x, SPIN.y, SPIN.z)]
FIELD = ("Bx", "By", "Bz")
X_BAND = 9.5  # GHz
KNOWN = np.array([2.1, 0.3, 2.0023])  # D and E in GHz, g


def triplet(limit: int) -> Sweep:
    """The spin Hamiltonian `D (Sz^2 - 2/3) + E (Sx^2 - Sy^2) + g muB B.S` of a triplet."""
    zero_field = Affine(None, TRIPLET, parameter_names=["D", "E"])
    in_field = [Affine(None, [matrix], parameter_names=["g"]) for matrix in ZEEMAN]
    return Sweep([zero_field, *in_field], limit=limit, conditions=FIELD)


def triplet_levels(x: np.ndarray, fields: np.ndarray) -> np.ndarray:
    """`[k, 3]`, the levels at fields `[k, 3]` in T."""
    zero_field = np.tensordot(x[:2], TRIPLET, 1)
    return np.linalg.eigvalsh(zero_field + x[2] * np.tensordot(fields, ZEEMAN, 1))


@functools.cache
def many_fields() -> SpectralSolver:
    return SpectralSolver(triplet(200))


@functools.cache
def few_fields() -> SpectralSolver:
    return SpectralSolver(triplet(6))


@functools.cache
def measured() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Conditions, targets and starts: 2 to 200 fields in a row, then rows with a fault."""
    generator = np.random.default_rng(4)
    counts = [200, 2, 17, 60, 5, 200, 4, 3, 9]
    fields = np.full((len(counts), 200, 3), np.nan)
    targets = np.full((len(counts), 600), np.nan)
    starts = KNOWN * (1 + 0.05 * generator.normal(size=(len(counts), 3)))
    for row, count in enumerate(counts):
        fields[row, :count] = 0.3 * generator.normal(size=(count, 3))
        levels = triplet_levels(KNOWN * (1 + 0.1 * row), fields[row, :count])
        targets[row, : 3 * count] = (levels + 0.01 * generator.normal(size=(count, 3))).ravel()
    targets[3, 4] = np.nan  # a level that was not observed
    fields[5, 7, 1] = np.inf
    targets[6, 12] = 1.0  # at the fifth of four fields
    fields[7] = np.nan  # no field, and so no level
    targets[7] = np.nan
    fields[8, 2, 0] = np.nan  # a part of a condition
    return fields, targets, starts


GOOD = [0, 1, 2, 3, 4]


def test_fields_and_directions_fitted_as_by_scipy():
    fields, targets, starts = measured()
    fit = many_fields().fit(targets, initial=starts, conditions=fields)
    status = np.full(len(fields), int(Status.STATIONARY))
    status[5:] = int(Status.INVALID_INPUT)
    np.testing.assert_array_equal(fit.status, status)
    causes = [Cause.CONDITION, Cause.CONDITION, Cause.NO_LEVEL, Cause.CONDITION]
    np.testing.assert_array_equal(fit.cause[5:], causes)
    assert np.isnan(fit.parameters[5:]).all()
    for row in GOOD:
        there = ~np.isnan(fields[row]).any(axis=1)
        seen = ~np.isnan(targets[row])

        def residuals(x: np.ndarray, row: int = row, there: Any = there, seen: Any = seen) -> Any:
            levels = np.full((200, 3), np.nan)
            levels[there] = triplet_levels(x, fields[row, there])
            return (levels.ravel() - targets[row])[seen]

        found = scipy.optimize.least_squares(
            residuals, starts[row], x_scale="jac", ftol=1e-15, xtol=1e-15, gtol=1e-15
        )
        np.testing.assert_allclose(fit.parameters[row], found.x, rtol=1e-6)
        variance = 2 * found.cost / (seen.sum() - 3)
        errors = np.sqrt(variance * np.diag(np.linalg.inv(found.jac.T @ found.jac)))
        np.testing.assert_allclose(fit.standard_errors[row], errors, rtol=1e-4)
        left = np.full(600, np.nan)
        left[seen] = -found.fun
        np.testing.assert_allclose(fit.residuals[row], left, atol=1e-6)
        levels = np.reshape(fit.eigenvalues[row], (200, 3))
        np.testing.assert_allclose(
            levels[there], triplet_levels(fit.parameters[row].numpy(), fields[row, there])
        )
        assert np.isnan(levels[~there]).all()
    found = fit.covariance()
    np.testing.assert_allclose(found.standard_errors[:5], fit.standard_errors[:5], rtol=1e-9)
    assert np.isnan(found.covariance[5:]).all()


def test_a_row_does_not_depend_on_its_batch():
    fields, targets, starts = measured()
    solver = many_fields()
    together = as_numpy(solver.fit(targets, initial=starts, conditions=fields))
    order = [4, 6, 1, 0, 5, 3, 2, 8, 7]
    shuffled = solver.fit(targets[order], initial=starts[order], conditions=fields[order])
    assert_same(as_numpy(shuffled), take(together, order))
    for row in (1, 3):
        one = slice(row, row + 1)
        alone = solver.fit(targets[one], initial=starts[one], conditions=fields[one])
        assert_same(as_numpy(alone), take(together, one))
        levels = solver.spectrum(starts, fields).numpy()
        np.testing.assert_array_equal(solver.spectrum(starts[one], fields[one]), levels[one])
    none = solver.fit(targets[:0], initial=starts[:0], conditions=fields[:0])
    assert none.parameters.shape == (0, 3)
    assert none.eigenvalues.shape == (0, 600)


def test_shorter_tables_are_filled_up():
    """Rows with up to 17 fields give the bits of the same rows filled up to 200."""
    fields, targets, starts = measured()
    rows, solver = [1, 2, 4], many_fields()
    full = solver.fit(targets[rows], initial=starts[rows], conditions=fields[rows])
    short = {"initial": starts[rows], "conditions": fields[rows, :17]}
    assert_same(solver.fit(targets[rows, :51], **short), full)
    weights = np.where(np.arange(51) % 7, 1.0, 0.5)
    same = [
        solver.fit(targets[rows, :51], **short, weights=weights),
        solver.fit(targets[rows, :51], **short, sigma=1 / np.tile(weights, (3, 1))),
    ]
    assert_same(*map(as_numpy, same))
    assert (same[0].loss.numpy() < full.loss.numpy()).all()


@pytest.mark.usefixtures("eagerly")
def test_shorter_tables_are_filled_up_in_a_trace():
    fields, targets, starts = measured()
    rows, solver = [1, 2, 4], many_fields()
    assert_same(
        solver.trace(targets[rows, :51], initial=starts[rows], conditions=fields[rows, :17]),
        solver.trace(targets[rows], initial=starts[rows], conditions=fields[rows]),
    )


def test_other_conditions_trace_nothing_again_and_the_graph_does_not_grow():
    fields, targets, starts = measured()
    graphs = {}
    for solver, limit in ((many_fields(), 200), (few_fields(), 6)):
        for first in (0, 1):
            rows = slice(first, first + 2)
            solver.fit(
                targets[rows, : 3 * limit], initial=starts[rows], conditions=fields[rows, :limit]
            )
        compiled = solver._compiled.fit_given[False, False, False]
        assert compiled.experimental_get_tracing_count() == 1
        graph = compiled.get_concrete_function().graph.as_graph_def()
        functions = graph.library.function
        graphs[limit] = len(graph.node) + sum(len(inner.node_def) for inner in functions)
    assert graphs[200] <= 1.01 * graphs[6]


def test_a_cold_search_finds_every_row(rng):
    """Exact levels at six fields or fewer; the sign of g, as that of all fields, is free."""
    fields = 0.3 * rng.normal(size=(40, 6, 3))
    fields[::3, 4:] = np.nan
    known = KNOWN * (1 + 0.2 * rng.normal(size=(40, 3)))
    targets = few_fields().spectrum(known, fields)
    fit = few_fields().fit(targets, conditions=fields)
    assert (fit.status == Status.CONVERGED).numpy().mean() >= 0.97
    ended = (fit.status == Status.CONVERGED).numpy()
    np.testing.assert_allclose(fit.parameters.numpy()[ended, 0], known[ended, 0], rtol=1e-6)
    np.testing.assert_allclose(abs(fit.parameters.numpy()[ended, 2]), known[ended, 2], rtol=1e-6)


@pytest.mark.usefixtures("eagerly")
def test_resonance_fields_are_data():
    """Fields at which a triplet absorbs at X band, along its axes: frequencies at measured fields.

    Wasserman, Snyder and Yager, J. Chem. Phys. 41, 1763 (1964), equations 3 to 8.
    """
    d, e, g = KNOWN
    nu = X_BAND
    squares = np.array(
        [
            [(nu - d + e) * (nu + 2 * e), (nu + d - e) * (nu - 2 * e)],
            [(nu - d - e) * (nu - 2 * e), (nu + d + e) * (nu + 2 * e)],
            [(nu - d) ** 2 - e**2, (nu + d) ** 2 - e**2],
        ]
    )
    resonances = np.sqrt(squares) / (g * BOHR)
    fields = np.zeros((6, 3))
    fields[np.arange(6), np.repeat(range(3), 2)] = resonances.ravel()
    levels = triplet_levels(KNOWN, fields)
    lines = np.diff(levels, axis=1)
    absorbs = abs(lines - nu) < 1e-9
    assert (absorbs.sum(axis=1) == 1).all()  # each field is that of one allowed line
    frequencies = np.where(absorbs, nu, np.nan).reshape(1, 12)
    solver = SpectralSolver(triplet(6), observation=Transitions([(1, 0), (2, 1)]))
    fit = solver.fit(frequencies, initial=[[2.0, 0.2, 2.0]], conditions=fields)
    assert fit.status.numpy().tolist() == [Status.CONVERGED]
    np.testing.assert_allclose(fit.parameters[0], KNOWN, rtol=1e-8)
    assert "1 - 0 at (0, 0, 0.413782)  9.5" in fit.summary()
    # Between conditions: how far a line moves from the first field to the third.
    moving = SpectralSolver(
        triplet(6), observation=Transitions([((0, 1), (2, 1)), ((4, 2), (1, 0))])
    )
    got = moving.comparison.observe(moving.spectrum([KNOWN], fields))
    np.testing.assert_allclose(
        got[0], [levels[0, 1] - levels[2, 1], levels[4, 2] - levels[1, 0]], atol=1e-12
    )


def fluxonium(states: int, limit: int) -> Sweep:
    """`4 E_C n^2 + E_L phi^2 / 2 - E_J cos(phi + flux)` in a harmonic basis, in GHz."""
    length = 1.6  # of the oscillator, so that few states suffice
    ladder = np.diag(np.sqrt(np.arange(1, 2 * states)), 1)
    phi = length * (ladder + ladder.T) / np.sqrt(2)
    charge = 1j * (ladder.T - ladder) / np.sqrt(2) / length

    def cut(matrix: np.ndarray) -> np.ndarray:
        return np.real(matrix)[:states, :states]

    circuit = Affine(
        None,
        [cut(4 * charge @ charge), cut(phi @ phi / 2)],
        parameter_names=["E_C", "E_L"],
    )
    even = Affine(None, [-cut(scipy.linalg.cosm(phi))], parameter_names=["E_J"])
    odd = Affine(None, [cut(scipy.linalg.sinm(phi))], parameter_names=["E_J"])

    def factors(flux: tf.Tensor) -> tf.Tensor:
        angle = 2 * np.pi * flux  # in flux quanta
        return tf.concat([tf.ones_like(angle), tf.cos(angle), tf.sin(angle)], axis=1)

    return Sweep([circuit, even, odd], factors, limit=limit, conditions=["flux"])


def fluxonium_on_a_grid(x: np.ndarray, flux: float) -> np.ndarray:
    """The three lowest levels, with the kinetic energy of plane waves on a grid of phases."""
    points, width = 400, 14 * np.pi
    phase = (np.arange(points) - points / 2) * width / points
    wave = 2 * np.pi * np.fft.fftfreq(points, width / points)
    plane = np.exp(1j * np.outer(phase, wave)) / np.sqrt(points)
    kinetic = (plane * (4 * x[0] * wave**2)) @ plane.conj().T
    potential = x[1] * phase**2 / 2 - x[2] * np.cos(phase + 2 * np.pi * flux)
    return np.linalg.eigvalsh(kinetic.real + np.diag(potential))[:3]


@pytest.mark.usefixtures("eagerly")
def test_a_fluxonium_against_flux():
    """The lines 0-1 and 0-2 of Manucharyan et al., Science 326, 113 (2009), over half a period."""
    published = np.array([2.5, 0.52, 9.0])  # E_C, E_L, E_J, GHz
    flux = np.linspace(0.0, 0.5, 9)
    levels = np.array([fluxonium_on_a_grid(published, one) for one in flux])
    lines = levels[:, 1:] - levels[:, :1]
    solver = SpectralSolver(fluxonium(45, 12), observation=Transitions([(1, 0), (2, 0)]))
    fit = solver.fit(lines.reshape(1, -1), initial=[[2.0, 0.7, 8.0]], conditions=flux)
    np.testing.assert_allclose(fit.parameters[0], published, rtol=1e-5)
    assert float(fit.loss[0]) < 1e-8
    # The spectrum has the period of a flux quantum.
    one, other = (solver.spectrum(fit.parameters, flux + n) for n in (0, 1))
    np.testing.assert_allclose(one, other, atol=1e-9)


SILICON = example("silicon")


@functools.cache
def silicon_terms() -> list[np.ndarray]:
    """The Hamiltonian is linear in 1, and in cos and sin of the four phases: `[9, 8, 10, 10]`."""
    points = np.random.default_rng(5).normal(size=(40, 3))
    matrices = np.array([SILICON.basis_matrices(k) for k in points]).reshape(40, -1)
    terms = np.linalg.lstsq(silicon_factors(tf.constant(points)).numpy(), matrices)[0]
    terms = terms.reshape(9, 8, 10, 10)
    return [np.where(abs(term) > 1e-9, term, 0) for term in terms]


def silicon_factors(k: tf.Tensor) -> tf.Tensor:
    """1, cos and sin of the phases to the four neighbours, for k in units of 2 pi / a."""
    kx, ky, kz = (k[:, axis : axis + 1] for axis in range(3))
    angles = [kx + ky + kz, kx - ky - kz, ky - kx - kz, kz - kx - ky]
    angles = np.pi / 2 * tf.concat(angles, axis=1)
    return tf.concat([tf.ones_like(kx), tf.cos(angles), tf.sin(angles)], axis=1)


def silicon(limit: int) -> Sweep:
    names = SILICON.PARAMETERS
    terms = []
    for basis in silicon_terms():
        there = [j for j in range(8) if basis[j].any()]
        terms.append(Affine(None, basis[there], parameter_names=[names[j] for j in there]))
    return Sweep(
        terms, silicon_factors, limit=limit, conditions=["kx", "ky", "kz"], parameter_names=names
    )


@pytest.mark.usefixtures("eagerly")
def test_silicon_against_wave_vector(rng):
    """One solver for the points of high symmetry, and for others, with the answer of a family."""
    structure = silicon(6)
    assert structure.parameter_names == SILICON.PARAMETERS
    solver = SpectralSolver(structure)
    start = SILICON.PUBLISHED * (1 + 0.03 * np.array([1, -1, 1, -1, 1, -1, 1, -1]))
    symmetric = np.array(list(SILICON.POINTS.values()))
    k = np.full((2, 6, 3), np.nan)
    k[0, :3] = symmetric
    k[1] = rng.uniform(-0.5, 0.5, size=(6, 3))
    targets = np.full((2, 60), np.nan)
    targets[0, :30] = np.concatenate([SILICON.LEVELS[point] for point in SILICON.POINTS])
    matrices = [np.tensordot(SILICON.PUBLISHED, SILICON.basis_matrices(one), 1) for one in k[1]]
    targets[1] = np.linalg.eigvalsh(matrices).ravel()
    fit = solver.fit(targets, initial=np.tile(start, (2, 1)), conditions=k)
    assert fit.status.numpy().tolist() == [Status.STATIONARY, Status.CONVERGED]
    np.testing.assert_allclose(fit.parameters[1], SILICON.PUBLISHED, rtol=1e-7)
    np.testing.assert_allclose(fit.parameters[0], SILICON.PUBLISHED, atol=5e-5)
    family = Family.affine(None, [SILICON.basis_matrices(one) for one in symmetric])
    same = SpectralSolver(family).fit(targets[:1, :30], initial=start[None])
    np.testing.assert_allclose(fit.parameters[0], same.parameters[0], rtol=1e-9)
    np.testing.assert_allclose(fit.standard_errors[0], same.standard_errors[0], rtol=1e-6)
    found = solver.matrix(fit.parameters, k)
    assert found.shape == (2, 6, 10, 10)
    np.testing.assert_allclose(found[1], matrices, atol=1e-6)
    assert np.isnan(found[0, 3:].numpy()).all()


def bent(x: tf.Tensor, c: tf.Tensor) -> tf.Tensor:
    """A gap, and a coupling that saturates with the field: `[B, 2, 2]`."""
    gap, coupling = x[:, 0] + c[:, 1], tf.tanh(x[:, 1] * c[:, 0])
    rows = [tf.stack([gap, coupling], -1), tf.stack([coupling, -gap], -1)]
    return tf.stack(rows, -2)


def bent_levels(x: np.ndarray, c: np.ndarray) -> np.ndarray:
    upper = np.hypot(x[0] + c[:, 1], np.tanh(x[1] * c[:, 0]))
    return np.stack([-upper, upper], axis=1)


def test_any_function_of_parameters_and_conditions(rng):
    names = ["a", "b"]
    structure = NonlinearSweep(bent, 2, 2, limit=8, conditions=["B", "p"], parameter_names=names)
    solver = SpectralSolver(structure)
    conditions = np.abs(rng.normal(size=(20, 8, 2)))
    conditions[::2, 5:] = np.nan
    known = rng.uniform(0.5, 1.5, size=(20, 2))
    targets = np.full((20, 8, 2), np.nan)
    for row in range(20):
        there = ~np.isnan(conditions[row, :, 0])
        targets[row, there] = bent_levels(known[row], conditions[row, there])
    noise = 0.05 * rng.normal(size=targets.shape)
    targets = np.sort(targets + noise * (np.arange(20) % 4 == 1)[:, None, None]).reshape(20, 16)
    fit = solver.fit(targets, initial=1.1 * known, conditions=conditions)
    stays = np.arange(20) % 4 == 1
    np.testing.assert_array_equal(fit.status, np.where(stays, Status.STATIONARY, Status.CONVERGED))
    np.testing.assert_allclose(fit.parameters[~stays], known[~stays], rtol=1e-7)
    for row in np.flatnonzero(stays):
        there = ~np.isnan(conditions[row, :, 0])
        given = targets[row, : 2 * there.sum()]

        def residuals(x: np.ndarray, row: Any = row, there: Any = there, given: Any = given) -> Any:
            return bent_levels(x, conditions[row, there]).ravel() - given

        found = scipy.optimize.least_squares(
            residuals, known[row], ftol=1e-15, xtol=1e-15, gtol=1e-15
        )
        np.testing.assert_allclose(fit.parameters[row], found.x, rtol=1e-6)
        alone = solver.fit(
            targets[row : row + 1],
            initial=1.1 * known[row : row + 1],
            conditions=conditions[row : row + 1],
        )
        np.testing.assert_array_equal(alone.parameters[0], fit.parameters[row])
    fixed = structure.with_fixed({"b": 0.7})
    assert fixed.parameter_names == ("a",)
    one = fixed.at(tf.constant(conditions[:1])).spectrum(tf.constant([[0.3]], tf.float64))
    whole = solver.spectrum([[0.3, 0.7]], conditions[:1])
    np.testing.assert_array_equal(one[:, :10], whole[:, :10])


def test_fixed_and_tied_parameters(rng):
    reduced = triplet(6).with_fixed({"g": 2.0}).with_tied({"E": ("D", 0.1)})
    assert isinstance(reduced, Sweep)
    assert reduced.parameter_names == ("D",)
    fields = rng.normal(size=(1, 6, 3))
    levels = SpectralSolver(reduced).spectrum([[3.0]], fields)
    expected = triplet_levels(np.array([3.0, 0.3, 2.0]), fields[0])
    np.testing.assert_allclose(levels[0], expected.ravel(), atol=1e-12)
    pair = Affine(None, [np.eye(2), np.eye(2)])
    with pytest.raises(ValueError, match="the ties leave 'x0' without any effect"):
        Sweep([pair], lambda c: c, limit=2).with_tied({"x1": ("x0", -1.0)})


@pytest.mark.usefixtures("eagerly")
def test_symmetry_blocks_of_all_terms(rng):
    """With fields along z alone every m is a block; the levels of nine of them are merged."""
    spin = Spin(4)
    field = Affine(None, [spin.z], parameter_names=["g"])
    crystal = Affine(None, [spin.stevens(2, 0), spin.stevens(4, 4)], parameter_names=["B20", "B44"])
    structure = Sweep([crystal, field], limit=3, conditions=["B"])
    sizes = [(block.member, block.size) for block in structure.blocks]
    assert sizes == [(k, size) for k in range(3) for size in (2, 2, 2, 3)]
    solver = SpectralSolver(structure, initial=[1.0, 0.01, 1.0])
    x, fields = np.array([1.2, 0.02, 1.5]), np.array([0.0, 3.0, 7.0])
    terms = [spin.stevens(2, 0), spin.stevens(4, 4)]
    matrices = [np.tensordot(x, np.array([*terms, b * spin.z]), 1) for b in fields]
    levels = np.linalg.eigvalsh(matrices)
    np.testing.assert_allclose(solver.spectrum([x], fields)[0], levels.ravel(), atol=1e-10)
    noisy = np.sort(levels + 0.1 * rng.normal(size=levels.shape)).reshape(1, 27)
    fit = solver.fit(noisy, conditions=fields)

    def residuals(y: np.ndarray) -> np.ndarray:
        each = [np.tensordot(y, np.array([*terms, b * spin.z]), 1) for b in fields]
        return np.linalg.eigvalsh(each).ravel() - noisy[0]

    found = scipy.optimize.least_squares(
        residuals, x, x_scale="jac", ftol=1e-15, xtol=1e-15, gtol=1e-15
    )
    np.testing.assert_allclose(fit.parameters[0], found.x, rtol=1e-6)


def test_slopes_and_curvatures_are_those_of_the_levels(rng):
    structure = silicon(2)
    k = tf.constant(rng.normal(size=(1, 2, 3)))
    at, x = structure.at(k), SILICON.PUBLISHED
    matrices = [SILICON.basis_matrices(one) for one in k.numpy()[0]]

    def levels(y: np.ndarray) -> np.ndarray:
        return np.linalg.eigvalsh(np.tensordot(y, np.array(matrices), ([0], [1]))).ravel()

    values, vectors, finite = at.eigensystem(tf.constant(x[None]))
    assert bool(finite)
    np.testing.assert_allclose(values[0], levels(x), atol=1e-12)
    slopes = at.level_jacobian(tf.constant(x[None]), vectors)
    np.testing.assert_allclose(slopes[0], finite_differences(levels, x), atol=1e-8)
    norms = np.sqrt(np.sum(np.abs(matrices) ** 2, axis=(0, 2, 3)))
    np.testing.assert_allclose(at.scales(tf.float64)[0], norms, rtol=1e-12)


def test_unknown_level_numbers_and_the_lowest_levels():
    fields = np.random.default_rng(6).normal(size=(3, 4, 3))
    known = np.tile(KNOWN, (3, 1))
    levels = np.array([triplet_levels(KNOWN, one) for one in fields])
    assigned = SpectralSolver(triplet(6), observation=Matched(2))
    assert assigned.num_targets == 12
    two = np.sort(levels[:, :, [2, 0]]).reshape(3, 8)
    got = assigned.assignment(known, two, conditions=fields).numpy()
    wanted = (3 * np.arange(4)[:, None] + [0, 2]).ravel()
    np.testing.assert_array_equal(got, [[*wanted, -1, -1, -1, -1]] * 3)
    lowest = SpectralSolver(triplet(6), observation=Levels("lowest", lowest=2))
    targets = (levels[:, :, :2] - levels[:, :, :1]).reshape(3, 8)
    loss = lowest.loss(known, targets + 0.1, conditions=fields)
    np.testing.assert_allclose(loss, 0.0, atol=1e-20)
    targets[:, 1::2] += 0.1
    np.testing.assert_allclose(lowest.loss(known, targets, conditions=fields), 4 * 0.01)


NO_FUNCTION: Any = [1.0]
WRONG: dict[str, tuple[Any, str]] = {
    "terms of different sizes": (
        lambda: Sweep([Affine(None, [np.eye(2)]), np.eye(3)], limit=2),
        "terms must be matrices of one size, got sizes [2, 3]",
    ),
    "no parameter": (lambda: Sweep([np.eye(2)], limit=2), "Sweep: terms must hold at least one"),
    "number of terms": (
        lambda: Sweep([Affine(None, [np.eye(2)])], limit=2),
        "without factors there must be 2 terms",
    ),
    "shape of the factors": (
        lambda: Sweep([Affine(None, [np.eye(2)])], lambda c: tf.concat([c, c], 1), limit=2),
        "to the factors [B, 1], real, but it returned float64 of shape (None, 2)",
    ),
    "complex factors": (
        lambda: Sweep([Affine(None, [np.eye(2)])], lambda c: tf.complex(c, c), limit=2),
        "use real factors such as cos and sin",
    ),
    "factors that raise": (
        lambda: Sweep([Affine(None, [np.eye(2)])], lambda c: c @ "a", limit=2),
        "but it raised",
    ),
    "no function": (
        lambda: Sweep([Affine(None, [np.eye(2)])], NO_FUNCTION, limit=2),
        "one for each term, got [1.0]",
    ),
    "limit": (lambda: triplet(0), "Sweep: limit must be an integer of at least 1, got 0"),
    "conditions": (
        lambda: Sweep([Affine(None, [np.eye(2)])], lambda c: c, limit=2, conditions="B"),
        'such as ["B"]',
    ),
    "conditions of one name": (
        lambda: Sweep([Affine(None, [np.eye(2)])], lambda c: c, limit=2, conditions=["B", "B"]),
        "conditions must be different names",
    ),
    "shape of a function": (
        lambda: NonlinearSweep(lambda x, c: x, 2, 2, limit=3),
        "to matrices [B, 2, 2], but with 5 rows it returned shape [5, 2]",
    ),
    "no matrix function": (lambda: NonlinearSweep(NO_FUNCTION, 2, 2, limit=3), "got [1.0]"),
    "typical": (
        lambda: NonlinearSweep(bent, 2, 2, limit=3, conditions=["B", "p"], typical=-1.0),
        "NonlinearSweep: typical must be a positive number",
    ),
    "matrix without conditions": (
        lambda: triplet(2).matrix(tf.ones([1, 3])),
        "the matrix depends on the conditions",
    ),
    "a sum": (lambda: triplet(1) + Affine(None, [np.eye(3)]), "a sum of a Sweep is not defined"),
    "a multiple": (lambda: 2.0 * triplet(1), "a multiple of a Sweep is not defined"),
    "a member": (lambda: Family([triplet(1)]), "members[0] is a Sweep, which takes conditions"),
    "a block": (lambda: BlockDiagonal([triplet(1)]), "blocks[0] is a Sweep, which takes"),
    "lift and projection": (
        lambda: SpectralSolver(triplet(2), LiftAndProjection()),
        "Sweep depends on conditions",
    ),
    "mixed lines": (
        lambda: SpectralSolver(triplet(2), observation=Transitions([(1, 0), ((1, 1), (0, 0))])),
        "pairs of a sweep must all be level numbers",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_arguments_are_one_clear_error(name: str):
    make, message = WRONG[name]
    with pytest.raises(ValueError, match=re.escape(message)):
        make()
