"""What a new process is told in its environment."""

#: The version directory of an exported model.
MODEL = "EIGENFIT_BENCHMARK_MODEL"
