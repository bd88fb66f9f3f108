"""Multistart search: starting points, and what follows the end of each start."""
