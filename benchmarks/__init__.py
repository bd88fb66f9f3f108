"""Measurements of eigenfit beside other programs: `python -m benchmarks --help`."""
