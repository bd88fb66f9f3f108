"""Where a row starts, and what happens at the end of a start."""
