"""The fit: the loop over rows, the convergence tests and the compiled graphs."""
