"""Every example in README.md and docs/ runs and prints what the page says."""

import doctest
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
# The table of peers is about other programs; the examples of serving and of datasets need a server
# or a cluster, and are tested in tests/serving; what is said of TensorFlow's modes needs a process
# for each, and is tested in tests/solver.
WITHOUT_EXAMPLES = ("batch.md", "peers.md", "serving.md", "tensorflow.md")
WITH_EXAMPLES = [page for page in PAGES if page.name not in WITHOUT_EXAMPLES]


@pytest.mark.parametrize("page", WITH_EXAMPLES, ids=lambda page: page.name)
def test_examples_of_page(page):
    results = doctest.testfile(
        str(page),
        module_relative=False,
        globs={},  # a page needs nothing that it does not make
        optionflags=doctest.FAIL_FAST,
    )
    assert results.attempted > 5
    assert results.failed == 0


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_of_page_lead_somewhere(page):
    prose = re.sub(r"```.*?```", "", page.read_text(), flags=re.DOTALL)
    for target in re.findall(r"\]\(([^)#]+)\)", prose):
        if "://" not in target:
            assert (page.parent / target).exists(), target
