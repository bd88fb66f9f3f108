"""The command `eigenfit`."""
