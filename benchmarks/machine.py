"""What the numbers were measured on."""

from __future__ import annotations

import importlib.metadata
import os
import platform
from pathlib import Path

_PACKAGES = ("eigenfit", "tensorflow", "numpy", "scipy", "jax", "jaxlib", "optimistix", "lineax")


def describe() -> dict[str, object]:
    """The machine, the versions, and how busy the machine is with other things."""
    return {
        "processor": _first("/proc/cpuinfo", "model name") or platform.machine(),
        "cores": os.cpu_count(),
        "memory": _first("/proc/meminfo", "MemTotal"),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "load": [round(load, 2) for load in os.getloadavg()],
        "versions": {name: _version(name) for name in _PACKAGES},
    }


def sentence(machine: dict) -> str:
    """The description in the report."""
    memory = str(machine["memory"]).split()
    gibibytes = f", {int(memory[0]) / 2**20:.0f} GiB" if memory else ""
    versions = ", ".join(f"{name} {number}" for name, number in machine["versions"].items())
    return (
        f"{machine['processor']}, {machine['cores']} cores{gibibytes}, {machine['system']}, "
        f"Python {machine['python']}, {versions}; load before: {machine['load'][0]}"
    )


def _first(path: str, key: str) -> str:
    """The value of the first line `key : value` of a file of the Linux kernel."""
    try:
        lines = Path(path).read_text().splitlines()
    except OSError:
        return ""
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith(key)), "")


def _version(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"
