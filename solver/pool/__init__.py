"""The rows that are being fitted, and their answers."""
