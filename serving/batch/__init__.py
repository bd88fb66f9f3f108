"""Fit a dataset of spectra, of any size, with an exported model on a Ray cluster.

Importing this package imports neither Ray nor TensorFlow.
"""

from .entry import BatchReport, fit_dataset

__all__ = ["BatchReport", "fit_dataset"]
