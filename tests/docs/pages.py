"""The pages of the documentation, and how their examples are run."""

import contextlib
import doctest
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def check_examples(page: Path, folder: Path | None = None) -> None:
    """Every example of a page runs and prints what the page says.

    It runs in `folder`, or else in that of the page, for a page may read the files beside it.
    """
    with contextlib.chdir(folder or page.parent):
        results = doctest.testfile(
            str(page),
            module_relative=False,
            globs={},  # a page needs nothing that it does not make
            optionflags=doctest.FAIL_FAST,
        )
    assert results.attempted > 5
    assert results.failed == 0
