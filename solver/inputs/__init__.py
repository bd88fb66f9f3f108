"""Conversion and validation of the arguments of a fit."""
