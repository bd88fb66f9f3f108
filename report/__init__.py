"""Figures and pages of a fit.

Figures are drawn by Matplotlib and the page is written with Jinja2, of the extra `report`.
"""

from .page.write import render_report, write_report
from .pictures import (
    correlation_matrix,
    eigenvalue_paths,
    level_diagram,
    normalized_residuals,
    observed_against_fitted,
    parameter_distributions,
    search_ends,
)

__all__ = [
    "correlation_matrix",
    "eigenvalue_paths",
    "level_diagram",
    "normalized_residuals",
    "observed_against_fitted",
    "parameter_distributions",
    "render_report",
    "search_ends",
    "write_report",
]
