"""The fit: its loop, one step, when a row has ended, and the graphs that are compiled."""
