"""`python -m benchmarks.erbium`: the same crystal field in eigenfit, lmfit and PyCrystalField.

Er3+ with four Stevens parameters, seven of its eight doublets measured. Each program runs as a
process of its own, from the same starts. Printed are the lines that its user writes, the seconds of
CPU of the whole process, and what it prints. PyCrystalField is not on PyPI:
`pip install git+https://github.com/asche1/PyCrystalField.git`.
"""

from __future__ import annotations

import importlib.util
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent


def lines_of(path: Path) -> int:
    """The lines of a file that are not empty."""
    return sum(bool(line.strip()) for line in path.read_text().splitlines())


def run(name: str, written: Path, command: list[str]) -> None:
    """Run a program and say what it took and printed."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(command, cwd=HERE, capture_output=True, text=True, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    print(f"== {name}: {lines_of(written)} lines, {seconds:.1f} s of CPU\n{done.stdout}")


def main() -> None:
    problem = HERE / "erbium.toml"
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "eigenfit", "fit", str(problem)]
        run("eigenfit", problem, [*command, "--output", f"{folder}/results"])
    for module, name in (("lmfit", "lmfit"), ("PyCrystalField", "PyCrystalField")):
        if importlib.util.find_spec(module) is None:
            print(f"== {name} is not installed")
            continue
        script = HERE / f"with_{module.lower()}.py"
        run(name, script, [sys.executable, str(script)])


if __name__ == "__main__":
    main()
