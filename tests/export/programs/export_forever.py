"""Exports a small solver with one signature again and again, until it is killed."""

import sys

from eigenfit.export import export_saved_model, signatures
from eigenfit.solver import SpectralSolver, Symmetric

# What is published and removed are directories; more signatures would only make each take longer.
sys.modules["eigenfit.export.saved_model"].signatures_of = lambda solver: {  # pyright: ignore[reportAttributeAccessIssue]  # a module has any attribute
    "spectrum": signatures.signatures_of(solver)["spectrum"]
}
solver = SpectralSolver(Symmetric(2), starts=1)
while True:
    export_saved_model(solver, sys.argv[1], keep=2, measure_latency=False)
