"""Figures of a fit: functions that return a Matplotlib `Figure` and keep no state."""
