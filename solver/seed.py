"""The seed of all random numbers: fits are deterministic."""

SEED = 20260731
