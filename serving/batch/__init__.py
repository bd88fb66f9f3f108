"""Fit a dataset of spectra, of any size, with an exported model on a Ray cluster.

Importing this package imports neither Ray nor TensorFlow.
"""

from .entry import fit_dataset
from .report import BatchReport

__all__ = ["BatchReport", "fit_dataset"]
