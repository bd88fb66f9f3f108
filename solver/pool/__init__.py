"""The state of the rows being fitted, and the collection of their answers."""
