"""From what a caller passes to the checked rows of a fit."""
