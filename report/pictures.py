"""Figures of a result, as functions of the result and the number of a row."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..solver import FitResult, Trace
from .content import Solution, batch_of, path_of, solutions_of
from .figures.comparison import draw_comparison
from .figures.correlations import draw_correlations
from .figures.distributions import draw_distributions
from .figures.ends import draw_ends
from .figures.levels import draw_levels
from .figures.paths import draw_paths
from .figures.residuals import draw_residuals

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def level_diagram(fit: FitResult, row: int = 0, solution: int = 0) -> Figure:
    """Draw observed levels beside fitted ones, with their names; lines as arrows.

    Each member of a family has a column. The levels are in the zero of the observed ones. Names are
    left out where there are too many to read.

    Args:
        fit: what `fit` of a solver returned.
        row: the number of the row.
        solution: the number of the solution, 0 for the best.

    Returns:
        The figure, which pyplot does not know: save it with `figure.savefig("levels.svg")`.

    Raises:
        ValueError: for a row without an answer, or if there is no such row or solution.

    Example:
        >>> fit = SpectralSolver(Toeplitz(2)).fit([[1.0, 3.0]])
        >>> level_diagram(fit).axes[0].get_ylabel()
        'level'
    """
    return draw_levels(_solution("level_diagram", fit, row, solution))


def observed_against_fitted(fit: FitResult, row: int = 0, solution: int = 0) -> Figure:
    """Draw the observed values over the fitted ones; the largest deviations are named.

    Args:
        fit: what `fit` of a solver returned.
        row: the number of the row.
        solution: the number of the solution, 0 for the best.

    Returns:
        The figure; see `level_diagram`.

    Raises:
        ValueError: for a row without an answer, or a result that knows no observed values.
    """
    return draw_comparison(_solution("observed_against_fitted", fit, row, solution))


def normalized_residuals(fit: FitResult, row: int = 0, solution: int = 0) -> Figure:
    """Draw observed minus fitted, in standard errors of the observed values.

    If only the ratios of these errors are known, they are scaled so that the sum of the squares is
    the number of degrees of freedom. Without degrees of freedom the residuals are drawn as they
    are. About two thirds of the values are expected in the inner band (1), all but one in twenty in
    the outer (2).

    Args:
        fit: what `fit` of a solver returned.
        row: the number of the row.
        solution: the number of the solution, 0 for the best.

    Returns:
        The figure; see `level_diagram`.

    Raises:
        ValueError: for a row without an answer.
    """
    return draw_residuals(_solution("normalized_residuals", fit, row, solution))


def correlation_matrix(fit: FitResult, row: int = 0, solution: int = 0) -> Figure:
    """Draw the correlations of the parameters; empty for those at a bound or undetermined.

    Args:
        fit: what `fit` of a solver returned.
        row: the number of the row.
        solution: the number of the solution, 0 for the best.

    Returns:
        The figure; see `level_diagram`.

    Raises:
        ValueError: for a row without an answer.
    """
    return draw_correlations(_solution("correlation_matrix", fit, row, solution))


def search_ends(fit: FitResult, row: int = 0) -> Figure:
    """Draw how many starts of the search ended in each solution.

    Args:
        fit: what `fit` of a solver returned; with `solutions=` above 1 for more than one bar.
        row: the number of the row.

    Returns:
        The figure; see `level_diagram`.

    Raises:
        ValueError: for a row without an answer.
    """
    return draw_ends(solutions_of(fit, row))


def parameter_distributions(fit: FitResult) -> Figure:
    """Draw a histogram of each parameter over all rows that have an answer.

    Args:
        fit: what `fit` of a solver returned, of many rows.

    Returns:
        The figure; see `level_diagram`.

    Raises:
        ValueError: if no row has an answer.
    """
    return draw_distributions(batch_of(fit))


def eigenvalue_paths(
    trace: Trace, row: int = 0, targets: Sequence[float] | None = None, unit: str = ""
) -> Figure:
    """Draw the eigenvalues and the loss over the steps of a fit.

    Args:
        trace: what `trace` of a solver returned.
        row: the number of the row.
        targets: levels to draw as dotted lines, NaN for none.
        unit: of the levels, for the axis.

    Returns:
        The figure; see `level_diagram`.

    Raises:
        ValueError: for a row that could not be fitted.
    """
    return draw_paths(path_of(trace, row), targets, unit)


def _solution(function: str, fit: FitResult, row: int, number: int) -> Solution:
    """A solution of a row by its number."""
    found = solutions_of(fit, row)
    if not 0 <= number < len(found):
        raise ValueError(
            f"{function}: solution must be from 0 to {len(found) - 1}, the solutions of the row "
            f"counted from 0, got {number!r}."
        )
    return found[number]
