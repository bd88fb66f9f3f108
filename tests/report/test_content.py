"""What a report shows, against NumPy and SciPy."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from scipy import linalg, stats

from eigenfit.report.content import batch_of, path_of, rows_of, solutions_of, source_of
from eigenfit.solver import (
    Affine,
    FitResult,
    Frequencies,
    Generalized,
    GraphLaplacian,
    Levels,
    SpectralSolver,
    Status,
    Sweep,
    Toeplitz,
)

from . import fits


def test_data_of_a_row_by_numpy():
    (best,) = solutions_of(fits.one())
    fitted = fits.exact(np.array([one.value for one in best.parameters]))
    data = best.counting
    assert [one.label for one in data] == [f"{fits.HOSTILE} {number}" for number in range(5)]
    np.testing.assert_allclose([one.fitted for one in data], fitted[:5], rtol=1e-9)
    residuals = np.array([one.observed for one in data]) - fitted[:5]
    np.testing.assert_allclose([one.residual for one in data], residuals, atol=1e-9)
    np.testing.assert_allclose([one.normalized for one in data], residuals / fits.SIGMA, atol=1e-7)
    np.testing.assert_allclose([one.sigma for one in data], fits.SIGMA)
    assert {one.unit for one in data} == {"cm^-1"}
    assert [one.unit for one in best.parameters] == ["cm^-1", "<unit>"]
    (missing,) = [one for one in best.data if not one.counts]
    assert (missing.label, missing.upper) == (f"{fits.HOSTILE} 5", 5)
    np.testing.assert_allclose(missing.fitted, fitted[5], rtol=1e-9)
    assert missing.fitted_error > 0
    levels = best.members[0].levels
    np.testing.assert_allclose([one.value for one in levels], fitted, rtol=1e-9)


def test_misfit_by_scipy():
    (best,) = solutions_of(fits.one())
    chi2 = sum(one.normalized**2 for one in best.counting)
    misfit = best.misfit
    assert (misfit.count, misfit.free, misfit.freedom) == (5, 2, 3)
    np.testing.assert_allclose(misfit.chi2, chi2, rtol=1e-9)
    np.testing.assert_allclose(misfit.p_value, stats.chi2.sf(chi2, 3), rtol=1e-9)
    residuals = np.array([one.residual for one in best.counting])
    np.testing.assert_allclose(misfit.rms, np.sqrt(np.mean(residuals**2)))


def test_without_absolute_errors_normalized_residuals_have_the_size_of_the_freedom():
    best = solutions_of(fits.several())[0]
    assert np.isnan(best.misfit.p_value)
    assert all(np.isnan(one.sigma) for one in best.counting)
    squares = sum(one.normalized**2 for one in best.counting)
    assert best.misfit.freedom == 2
    np.testing.assert_allclose(squares, 2.0, rtol=1e-6)


def test_solutions_of_a_row():
    found = solutions_of(fits.several())
    assert [one.status.name for one in found] == ["STATIONARY", "STATIONARY", "NO_OTHER"]
    assert found[0].loss < found[1].loss
    assert found[0].agreeing + found[1].agreeing <= found[0].starts
    assert found[0].correlation.shape == (2, 2)


def test_lines_have_both_levels_and_members_their_names():
    (best,) = solutions_of(fits.lines())
    assert [one.label for one in best.data] == ["M=0:0 - M=1:0", "M=0:1 - M=1:1", "M=0:1 - M=0:0"]
    assert [(one.upper, one.lower) for one in best.data] == [(2, 0), (3, 1), (3, 2)]
    assert [one.label for one in best.members] == ["M=1", "M=0"]
    values = {one.number: one.value for member in best.members for one in member.levels}
    for datum in best.data:
        np.testing.assert_allclose(datum.fitted, values[datum.upper] - values[datum.lower])


@pytest.mark.usefixtures("eagerly")
@pytest.mark.parametrize("relative_to", ["lowest", "mean"])
def test_levels_are_shown_in_the_zero_of_the_observed_ones(relative_to):
    structure = Affine(np.diag([0.0, 1.0, 3.0]), [np.ones([3, 3]), np.diag([0.0, 1.0, 0.0])])
    made = SpectralSolver(structure, observation=Levels(relative_to), initial=[0.2, 0.1], starts=1)
    (best,) = solutions_of(made.fit([[100.0, 101.5, 104.0]]))
    values = [one.value for one in best.members[0].levels]
    np.testing.assert_allclose(values, [one.fitted for one in best.data], rtol=1e-9)
    assert 99.0 < values[0] < 101.0


@pytest.mark.usefixtures("eagerly")
def test_frequencies_stand_in_place_of_their_squares():
    chain = Generalized(GraphLaplacian([(0, 0), (0, 1)]), np.diag([2.0, 1.0]))
    chain.level_unit = "1/s^2"
    made = SpectralSolver(chain, observation=Frequencies(), initial=[20.0, 60.0], starts=1)
    (best,) = solutions_of(made.fit([[0.6, np.nan]]))
    stiffness = np.array([one.value for one in best.parameters])
    matrix = np.array([[stiffness.sum(), -stiffness[1]], [-stiffness[1], stiffness[1]]])
    squares = linalg.eigvalsh(matrix, np.diag([2.0, 1.0]))
    (member,) = best.members
    values = [level.value for level in member.levels]
    np.testing.assert_allclose(values, np.sqrt(squares) / (2 * np.pi), rtol=1e-9)
    assert best.level_unit == "Hz"
    assert [datum.upper for datum in best.data] == [0, 1]


@pytest.mark.usefixtures("eagerly")
def test_limits_keep_their_sides_and_what_the_model_says_of_them():
    line = Affine(np.diag([0.0, 3.0, 6.0]), [np.ones([3, 3])])
    made = SpectralSolver(line, sides=["=", "=", ">"], initial=[0.3], starts=1)
    (best,) = solutions_of(made.fit([[0.31, 3.42, 5.0]]))
    limit = best.data[2]
    assert (limit.label, limit.side, limit.observed) == ("2", ">", 5.0)
    assert limit.fitted > 6.0
    assert best.misfit.freedom == 1


@pytest.mark.usefixtures("eagerly")
def test_conditions_are_members():
    gap, moment = (
        Affine(None, [np.eye(2)[::-1]], ["g"]),
        Affine(None, [np.diag([1.0, -1.0])], ["m"]),
    )
    qubit = SpectralSolver(Sweep([gap, moment], limit=3), initial=[1.0, 1.0])
    fit = qubit.fit([[-1.01, 0.99, -1.42, 1.4]], conditions=[0.0, 0.5])
    (best,) = solutions_of(fit)
    # The third condition, which this row does not have, is left out.
    assert [member.label for member in best.members] == ["0", "0.5"]
    assert [len(member.levels) for member in best.members] == [2, 2]
    assert [one.label for one in best.counting][1:3] == ["1 at 0", "0 at 0.5"]


def test_a_result_from_a_file_has_the_same_contents(tmp_path):
    fits.one().save(tmp_path / "fit.npz")
    loaded = FitResult.load(tmp_path / "fit.npz")
    (one,), (other,) = solutions_of(fits.one()), solutions_of(loaded)
    assert repr(one) == repr(other)
    assert repr(source_of(loaded)) == repr(source_of(fits.one()))


@pytest.mark.usefixtures("eagerly")
def test_labels_follow_the_order_that_the_fit_found():
    line = Affine(np.diag([0.0, 3.0, 6.0]), [np.ones([3, 3])])
    (best,) = solutions_of(SpectralSolver(line).fit([[6.52, 0.31, 3.42]], initial=[[0.3]]))
    assert [one.label for one in best.data] == ["2", "0", "1"]
    assert [one.upper for one in best.data] == [2, 0, 1]


def test_a_result_without_context_knows_its_numbers():
    bare = FitResult(*fits.one())
    (best,) = solutions_of(bare)
    assert [one.name for one in best.parameters] == ["x0", "x1"]
    assert [one.label for one in best.counting] == [f"target {number}" for number in range(5)]
    assert all(np.isnan(one.observed) for one in best.data)
    assert np.isnan(best.misfit.freedom)
    assert batch_of(bare).names == ("x0", "x1")


def test_rows_are_those_asked_for():
    alone = [solutions_of(fits.batch(), row) for row in (7, 0)]
    together = rows_of(fits.batch(), [7, 0])
    for (one,), (other,) in zip(alone, together, strict=True):
        assert one.parameters == other.parameters
        assert [d.label for d in one.data] == [d.label for d in other.data]
    (last,), (same,) = solutions_of(fits.batch(), -1), solutions_of(fits.batch(), 39)
    assert last.parameters == same.parameters
    for row in (40, -41, 1.0):
        with pytest.raises(ValueError, match=r"row.* must be .*40"):
            solutions_of(fits.batch(), row)  # pyright: ignore[reportArgumentType]  # the point


def test_batch_counts_and_what_to_look_at_first():
    batch = batch_of(fits.batch())
    assert batch.counts == {Status.STATIONARY: 39, Status.INVALID_INPUT: 1}
    first, second, *rest = batch.worst(5)
    assert (first, second) == (3, 5)
    others = np.delete(np.nan_to_num(batch.losses), [3, 5])
    np.testing.assert_allclose(batch.losses[rest], np.sort(others)[::-1][:3])
    assert np.isnan(batch.rms[3])
    np.testing.assert_allclose(
        batch.rms[0], np.sqrt(np.nanmean(fits.batch().residuals.numpy()[0] ** 2))
    )


def test_unfinished_rows_come_before_large_losses():
    batch = batch_of(fits.batch())
    statuses = [*batch.statuses]
    statuses[9] = Status.MAX_STEPS
    assert dataclasses.replace(batch, statuses=tuple(statuses)).worst(3) == [3, 9, 5]


@pytest.mark.usefixtures("eagerly")
def test_path_ends_at_the_last_step_of_the_row():
    trace = SpectralSolver(Toeplitz(2)).trace(
        [[1.0, 3.0], [np.nan, np.nan]], initial=[[0.0, 0.5], [0.0, 0.5]]
    )
    path = path_of(trace)
    assert len(path.loss) == int(trace.steps[0]) + 1
    np.testing.assert_allclose(path.eigenvalues[[0, -1]], [[-0.5, 0.5], [1.0, 3.0]], atol=1e-6)
    assert len(path_of(trace, 1).loss) == 0
