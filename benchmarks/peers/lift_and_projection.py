"""Lift and projection (Chen & Chu 1996; RGD_LP is the same step as a Riemannian gradient method).

RGD_LP itself is a MATLAB program. What is measured is the algorithm, in eigenfit's own loop with
its eigensolver, so that a ratio shows the method and not the language.
"""

from __future__ import annotations

from typing import Any

from eigenfit.solver import LiftAndProjection

from .eigenfit_peer import Eigenfit

# Convergence is linear: the default of eigenfit, 1e-10, would be more than is asked.
_TOLERANCE = 2e-9


class LiftAndProjectionPeer(Eigenfit):
    """eigenfit with another method; linear convergence needs many steps."""

    def method(self) -> dict[str, Any]:
        return {"method": LiftAndProjection(), "tolerance": _TOLERANCE}
