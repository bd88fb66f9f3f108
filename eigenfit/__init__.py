"""eigenfit fits the parameters of structured matrices to observed spectra.

The names of this package come from its rooms (`eigenfit.solver` and so on) when they are first
used: `import eigenfit` alone does not import TensorFlow.

Example:
    >>> import eigenfit
    >>> eigenfit.SpectralSolver(eigenfit.Toeplitz(2)).fit([[1.0, 3.0]]).status.numpy().tolist()
    [1]
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from .tensorflow_log import quiet_tensorflow

if TYPE_CHECKING:  # for type checkers and editors, which cannot follow __getattr__
    from eigenfit import (  # noqa: F401
        cli,
        export,
        problem,
        report,
        serving,
        solver,
        systems,
        workbench,
    )
    from eigenfit.export import export_saved_model, load_solver_info
    from eigenfit.problem import Problem, ProblemError
    from eigenfit.report import *
    from eigenfit.serving import GrpcClient, RestClient, ServingError
    from eigenfit.solver import *

    __version__: str

__all__ = [
    "LBFGS",
    "Adam",
    "Additive",
    "Affine",
    "Banded",
    "Blend",
    "BlockDiagonal",
    "Cause",
    "Comparison",
    "Covariance",
    "Derived",
    "Family",
    "FitResult",
    "Frequencies",
    "GaussNewton",
    "Generalized",
    "GraphLaplacian",
    "GrpcClient",
    "Hermitian",
    "Iteration",
    "Joint",
    "LevelCounts",
    "Levels",
    "LevenbergMarquardt",
    "LiftAndProjection",
    "Matched",
    "Method",
    "Multiplicative",
    "Newton",
    "Nonlinear",
    "NonlinearSweep",
    "Observable",
    "Observation",
    "Parameterization",
    "Persymmetric",
    "Prediction",
    "Problem",
    "ProblemError",
    "Proposal",
    "RestClient",
    "ServingError",
    "SpectralSolver",
    "Spin",
    "Status",
    "Sweep",
    "Symmetric",
    "Toeplitz",
    "Trace",
    "Transitions",
    "Tridiagonal",
    "__version__",
    "correlation_matrix",
    "eigenvalue_paths",
    "embed",
    "export_saved_model",
    "heisenberg",
    "level_diagram",
    "load_solver_info",
    "normalized_residuals",
    "observed_against_fitted",
    "parameter_distributions",
    "quiet_tensorflow",
    "render_report",
    "search_ends",
    "split_by",
    "write_report",
]

_ROOMS = ("cli", "export", "problem", "report", "serving", "solver", "systems", "workbench")
# The names of other rooms than `solver`.
_ROOM_OF = {
    "export_saved_model": "export",
    "load_solver_info": "export",
    "Problem": "problem",
    "ProblemError": "problem",
    "GrpcClient": "serving",
    "RestClient": "serving",
    "ServingError": "serving",
    "correlation_matrix": "report",
    "eigenvalue_paths": "report",
    "level_diagram": "report",
    "normalized_residuals": "report",
    "observed_against_fitted": "report",
    "parameter_distributions": "report",
    "render_report": "report",
    "search_ends": "report",
    "write_report": "report",
}


if not TYPE_CHECKING:  # or a type checker would accept any name

    def __getattr__(name: str) -> Any:
        """A room, a name of a room, or the version; found once and then kept."""
        if name in _ROOMS:
            return importlib.import_module(f".{name}", __name__)
        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        found = _version() if name == "__version__" else _from_room(name)
        globals()[name] = found
        return found


def __dir__() -> list[str]:
    """All names, also those that were not used yet."""
    return sorted({*globals(), *__all__, *_ROOMS})


def _from_room(name: str) -> Any:
    room = importlib.import_module(f".{_ROOM_OF.get(name, 'solver')}", __name__)
    return getattr(room, name)


def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version  # slow to import

    try:
        return version("eigenfit")
    except PackageNotFoundError:  # the folder was copied, not installed
        return "unknown"
