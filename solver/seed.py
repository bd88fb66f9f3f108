"""The seed of everything that is drawn at random: a fit is a function of its input alone."""

SEED = 20260731
