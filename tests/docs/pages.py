"""The pages of the documentation, and how their examples are run."""

import contextlib
import doctest
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def check_examples(page: Path) -> None:
    """Every example of a page runs and prints what the page says."""
    with contextlib.chdir(page.parent):  # a page may read the files beside it
        results = doctest.testfile(
            str(page),
            module_relative=False,
            globs={},  # a page needs nothing that it does not make
            optionflags=doctest.FAIL_FAST,
        )
    assert results.attempted > 5
    assert results.failed == 0
