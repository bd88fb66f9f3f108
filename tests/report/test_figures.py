"""The figures: what stands in them, for names of any characters, and that they keep no state."""

from __future__ import annotations

from typing import Any

import matplotlib
import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text
from scipy import optimize

from eigenfit.report import (
    correlation_matrix,
    eigenvalue_paths,
    level_diagram,
    normalized_residuals,
    observed_against_fitted,
    parameter_distributions,
    search_ends,
)
from eigenfit.report.content import Batch, solutions_of
from eigenfit.report.figures.apart import apart
from eigenfit.report.figures.distributions import draw_distributions
from eigenfit.solver import Affine, Cause, FitResult, SpectralSolver, Status, Toeplitz

from . import fits

OF_A_ROW = [level_diagram, observed_against_fitted, normalized_residuals, correlation_matrix]


def texts(figure: Figure) -> list[str]:
    """What a reader of the figure can read, after it is drawn."""
    figure.draw_without_rendering()
    found = figure.findobj(Text)
    return [text for one in found if (text := one.get_text()) and one.get_visible()]


def shown(text: str) -> str:
    """Matplotlib shows this as it is."""
    return text.replace("$", r"\$")


def segments(figure: Figure) -> list[np.ndarray]:
    """The ends of all horizontal lines of collections, `[2, 2]` each."""
    return [
        np.asarray(part)
        for collection in figure.axes[0].collections
        for part in getattr(collection, "get_segments", list)()
    ]


@pytest.mark.filterwarnings("ignore:Glyph .* missing from font")
@pytest.mark.parametrize("draw", OF_A_ROW, ids=lambda draw: draw.__name__)
def test_names_of_any_characters_are_shown_as_they_are(draw: Any):
    figure = draw(fits.one())
    assert isinstance(figure, Figure)
    read = texts(figure)
    assert not any("$" in text.replace(r"\$", "") for text in read)
    assert any(shown(fits.HOSTILE[:8]) in text for text in read)


@pytest.mark.filterwarnings("ignore:Glyph .* missing from font")
def test_figures_are_unknown_to_pyplot_and_leave_its_settings_alone():
    from matplotlib import pyplot

    before = dict(matplotlib.rcParams)
    for draw in OF_A_ROW:
        draw(fits.one())
    search_ends(fits.several())
    parameter_distributions(fits.batch())
    assert pyplot.get_fignums() == []
    assert dict(matplotlib.rcParams) == before


@pytest.mark.filterwarnings("ignore:Glyph .* missing from font")
def test_level_diagram_draws_each_level_at_its_value():
    (best,) = solutions_of(fits.one())
    heights = {round(float(part[0, 1]), 6) for part in segments(level_diagram(fits.one()))}
    fitted = {round(level.value, 6) for level in best.members[0].levels}
    observed = {round(one.observed, 6) for one in best.counting}
    assert len(fitted) == 6
    assert len(observed) == 5
    assert fitted | observed <= heights
    assert "level (cm⁻¹)" in texts(level_diagram(fits.one()))


def test_lines_are_arrows_of_the_observed_length():
    figure = level_diagram(fits.lines())
    (best,) = solutions_of(fits.lines())
    arrows = [one for one in figure.axes[0].texts if getattr(one, "arrow_patch", None)]
    lengths = [arrow.xy[1] - arrow.xyann[1] for arrow in arrows]  # pyright: ignore[reportAttributeAccessIssue]  # annotations
    np.testing.assert_allclose(lengths, [one.observed for one in best.data], rtol=1e-9)
    assert {"M=1", "M=0", "observed lines"} <= set(texts(figure))


@pytest.mark.usefixtures("eagerly")
def test_names_are_left_out_where_they_cannot_be_read():
    size = 80
    large = Affine(np.diag(np.arange(size, dtype=float)), [np.eye(size)])
    large.level_names = [f"name {number}" for number in range(size)]
    targets = np.full((1, size), np.nan)
    targets[0, [2, 5]] = [2.1, 5.1]
    fit = SpectralSolver(large).fit(targets, initial=[[0.0]])
    named = [text for text in texts(level_diagram(fit)) if text.startswith("name")]
    assert named == ["name 2", "name 5"]


def test_apart_is_the_least_move():
    values = np.sort(np.random.default_rng(2).normal(size=30))
    gap = 0.1
    shifts = gap * np.arange(30)
    expected = optimize.isotonic_regression(values - shifts).x + shifts
    found = apart(values.tolist(), gap)
    np.testing.assert_allclose(found, expected, atol=1e-12)
    assert np.diff(found).min() > gap - 1e-12
    assert len(apart([], gap)) == 0


@pytest.mark.filterwarnings("ignore:Glyph .* missing from font")
def test_residuals_and_comparison_draw_the_numbers():
    (best,) = solutions_of(fits.one())
    axes = normalized_residuals(fits.one()).axes[0]
    drawn = np.asarray(axes.lines[0].get_xdata())
    np.testing.assert_allclose(drawn, [one.normalized for one in best.counting])
    points = observed_against_fitted(fits.one()).axes[0].lines[1]
    np.testing.assert_allclose(
        np.asarray(points.get_xdata()), [one.fitted for one in best.counting]
    )
    np.testing.assert_allclose(
        np.asarray(points.get_ydata()), [one.observed for one in best.counting]
    )


@pytest.mark.usefixtures("eagerly")
def test_residuals_without_degrees_of_freedom_have_a_unit():
    toeplitz = Toeplitz(2)
    toeplitz.level_unit = "GHz"
    fit = SpectralSolver(toeplitz).fit([[1.0, 3.0]])
    assert normalized_residuals(fit).axes[0].get_xlabel() == "observed - fitted (GHz)"
    assert "standard error" in normalized_residuals(fits.several()).axes[0].get_xlabel()


@pytest.mark.usefixtures("eagerly")
def test_many_residuals_are_drawn_over_the_fitted_value():
    size = 50
    fit = SpectralSolver(Affine(np.diag(np.arange(size, dtype=float)), [np.eye(size)])).fit(
        [np.arange(size) + 0.1 * np.sin(np.arange(size))], initial=[[0.0]]
    )
    axes = normalized_residuals(fit).axes[0]
    (best,) = solutions_of(fit)
    np.testing.assert_allclose(
        np.asarray(axes.lines[0].get_xdata()), [one.fitted for one in best.data]
    )


def test_correlations_are_those_of_the_fit():
    cells = correlation_matrix(fits.several()).axes[0].collections[0]
    found = np.asarray(cells.get_array())
    np.testing.assert_allclose(found, fits.several().covariance().correlation[0, 0])


def test_ends_of_a_search_count_all_starts():
    figure = search_ends(fits.several())
    bars = [bar.get_width() for bar in figure.axes[0].patches]  # pyright: ignore[reportAttributeAccessIssue]  # bars
    first, second = fits.several().agreeing.numpy()[0, :2]
    tried = int(fits.several().starts[0, 0])
    assert bars[:2] == [first, second]
    assert sum(bars) == tried
    assert f"starts that ended here, of {tried}" in texts(figure)


@pytest.mark.filterwarnings("ignore:Glyph .* missing from font")
def test_distributions_count_every_row_with_an_answer():
    figure = parameter_distributions(fits.batch())
    for axes in figure.axes:
        assert sum(bar.get_height() for bar in axes.patches) == 39  # pyright: ignore[reportAttributeAccessIssue]  # bars
    assert [axes.get_title() for axes in figure.axes][1] == "c (<unit>)"


@pytest.mark.parametrize("value", [0.0, 1e-3, 613.0, 1e17])
def test_distributions_of_values_that_differ_by_rounding_only(value: float):
    """Two spectra of one sample may have the same answer to the last bit but one."""
    values = np.array([[value, value], [value * (1 + np.finfo(float).eps), value]])
    answered = (Status.CONVERGED,) * 2
    cause, none = (Cause(0),) * 2, np.zeros(2)
    figure = draw_distributions(Batch(("a", "b"), {}, values, answered, cause, none, none))
    for axes in figure.axes:
        assert sum(bar.get_height() for bar in axes.patches) == 2  # pyright: ignore[reportAttributeAccessIssue]  # bars


@pytest.mark.usefixtures("eagerly")
def test_paths_draw_every_step():
    solver = SpectralSolver(Toeplitz(2))
    trace = solver.trace([[1.0, 3.0], [np.nan, np.nan]], initial=[[0.0, 0.5]] * 2)
    figure = eigenvalue_paths(trace, targets=[1.0, np.nan], unit="GHz")
    above, below = figure.axes
    steps = int(trace.steps[0]) + 1
    assert [len(np.asarray(line.get_ydata())) for line in above.lines] == [steps, steps, 2]
    np.testing.assert_array_equal(below.lines[0].get_ydata(), trace.loss[0, :steps])
    assert above.get_ylabel() == "eigenvalues (GHz)"
    with pytest.raises(ValueError, match="eigenvalue_paths: the row has no steps"):
        eigenvalue_paths(trace, 1)


@pytest.mark.parametrize("draw", [*OF_A_ROW, search_ends], ids=lambda draw: draw.__name__)
def test_a_row_without_an_answer_is_an_error_that_says_why(draw: Any):
    with pytest.raises(ValueError, match=rf"{draw.__name__}: .*INVALID_INPUT: no level was obs"):
        draw(fits.batch(), 3)


def test_other_errors_say_what_to_do():
    with pytest.raises(ValueError, match="solution must be from 0 to 0"):
        level_diagram(fits.one(), solution=1)
    with pytest.raises(ValueError, match="observed_against_fitted: the result knows no observed"):
        observed_against_fitted(FitResult(*fits.one()))
    with pytest.raises(ValueError, match="no row of the batch has an answer"):
        parameter_distributions(fits.solver().fit(np.full((2, 6), np.nan)))
