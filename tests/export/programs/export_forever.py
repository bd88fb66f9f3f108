"""Exports a small solver again and again, until it is killed."""

import sys

from eigenfit.export import export_saved_model
from eigenfit.solver import SpectralSolver, Symmetric

solver = SpectralSolver(Symmetric(2), starts=1)
while True:
    export_saved_model(solver, sys.argv[1], keep=2, measure_latency=False)
