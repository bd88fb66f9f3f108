"""`python -m benchmarks.mutation [folder ...]`: do the tests notice a wrong operator or number?

Cosmic Ray changes one place of the code, runs the tests of its folder, and changes it back. A
mutant that no test notices has survived: read its lines, and write the test, or see that the change
means nothing. There are thousands of places, so a random sample is taken; another seed takes
another one. The files of this checkout change while it runs: commit first, and touch nothing.
"""

from __future__ import annotations

import argparse
import ast
import random
import subprocess
import sys
import time
from pathlib import Path

from cosmic_ray.commands.init import init
from cosmic_ray.modules import find_modules
from cosmic_ray.mutating import mutate_and_test
from cosmic_ray.work_db import WorkDB, use_db
from cosmic_ray.work_item import MutationSpec

_ROOT = Path(__file__).parents[1]
# The folders to change, and the tests that should notice, the quick ones first.
_TESTS = {
    "solver/fit": "tests/solver/fit",
    "solver/objective": "tests/solver/objective",
    "serving/server": "tests/serving/server",
}


def annotated(path: Path) -> set[int]:
    """The lines with type annotations: an operator there, as in `int | None`, never runs."""
    lines: set[int] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        notes = [getattr(node, "annotation", None), getattr(node, "returns", None)]
        for note in filter(None, notes):
            lines.update(range(note.lineno, (note.end_lineno or note.lineno) + 1))
    return lines


def mutants(folder: str) -> list[MutationSpec]:
    """Every place of a folder that Cosmic Ray can change, without annotations."""
    modules = list(find_modules([Path(folder)]))
    with use_db(":memory:", WorkDB.Mode.create) as work:
        init(modules, work, {})
        found = [mutation for item in work.work_items for mutation in item.mutations]
    skipped = {path: annotated(path) for path in modules}
    return [each for each in found if each.start_pos[0] not in skipped[Path(each.module_path)]]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.mutation", description=__doc__)
    parser.add_argument("folders", nargs="*", default=list(_TESTS), help=", ".join(_TESTS))
    parser.add_argument("--most", type=int, default=30, help="mutants of each folder")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--timeout", type=float, default=600.0, help="seconds for one mutant")
    given = parser.parse_args()
    changed = subprocess.run(
        ["git", "status", "--porcelain"], cwd=_ROOT, capture_output=True, text=True, check=True
    )
    if changed.stdout:
        sys.exit("benchmarks.mutation changes files and changes them back: commit yours first.")
    for folder in given.folders:
        if folder not in _TESTS:
            parser.error(f"no tests are named for {folder!r}; there are {', '.join(_TESTS)}")
        places = mutants(folder)
        chosen = random.Random(given.seed).sample(places, min(given.most, len(places)))
        command = f"{sys.executable} -m pytest -x -q -p no:cacheprovider {_TESTS[folder]}"
        survived = 0
        for number, place in enumerate(chosen, 1):
            began = time.perf_counter()
            result = mutate_and_test([place], command, given.timeout)
            outcome = result.test_outcome.value if result.test_outcome else "no test"
            survived += outcome == "survived"
            took = time.perf_counter() - began
            where = f"{place.module_path}:{place.start_pos[0]}"
            print(f"{number}/{len(chosen)} {outcome} {where}, {took:.0f} s", flush=True)
            if outcome == "survived":
                print(result.diff, flush=True)
        print(f"{folder}: {survived} of {len(chosen)} survived, of {len(places)} places\n")


if __name__ == "__main__":
    main()
