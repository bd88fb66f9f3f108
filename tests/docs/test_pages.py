"""Every example in docs/ runs and prints what the page says; links lead somewhere."""

import re
from pathlib import Path

import pytest

from .pages import PAGES, ROOT, check_examples

# The table of peers is about other programs; the examples of serving and of datasets need a server
# or a cluster, and are tested in tests/serving, those of the workbench in tests/workbench; what is
# said of TensorFlow's modes needs a process for each, and is tested in tests/solver. The guide,
# the first fit, README.md and the pages for users of other programs have files of their own, so
# that each takes less than a minute. The scripts of the gallery are tested in
# test_published_problems.py, and the reference is made from the docstrings, whose examples are run
# beside the code.
ELSEWHERE = (
    "README.md",
    "batch.md",
    "first_fit.md",
    "gallery.md",
    "guide.md",
    "index.md",
    "peers.md",
    "serving.md",
    "tensorflow.md",
    "workbench.md",
)
WITH_EXAMPLES = [
    page
    for page in PAGES
    if page.name not in ELSEWHERE and page.parent.name not in ("coming_from", "reference")
]


def name(page: Path) -> str:
    return str(page.relative_to(ROOT))


@pytest.mark.parametrize("page", WITH_EXAMPLES, ids=name)
def test_examples_of_page(page):
    check_examples(page)


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_links_of_page_lead_somewhere(page):
    prose = re.sub(r"```.*?```", "", page.read_text(), flags=re.DOTALL)
    for target in re.findall(r"\]\(([^)#]+)\)", prose):
        if "://" not in target:
            assert (page.parent / target).exists(), target
