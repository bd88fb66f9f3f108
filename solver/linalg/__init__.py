"""Eigendecompositions and linear systems, row by row."""
