"""The suites, each a module with `TITLE`, `run(options)` and `text(result)`."""

from __future__ import annotations

from types import ModuleType

from . import (
    batch,
    cold_start,
    compaction,
    error_bars,
    growth,
    large,
    latency,
    limit,
    memory,
    observables,
    refinement,
    serving,
    soak,
    speed,
    success,
    tutorial_task,
)

#: In the order in which they run.
SUITES: dict[str, ModuleType] = {
    "speed": speed,
    "tutorial_task": tutorial_task,
    "latency": latency,
    "limit": limit,
    "success": success,
    "memory": memory,
    "observables": observables,
    "cold_start": cold_start,
    "large": large,
    "growth": growth,
    "compaction": compaction,
    "refinement": refinement,
    "error_bars": error_bars,
    "serving": serving,
    "soak": soak,
    "batch": batch,
}
