"""Every example in README.md and docs/ runs and prints what the page says; links lead somewhere."""

import re

import pytest

from .pages import PAGES, check_examples

# The table of peers is about other programs; the examples of serving and of datasets need a server
# or a cluster, and are tested in tests/serving, those of the workbench in tests/workbench; what is
# said of the modes of TensorFlow needs a process for each, and is tested in tests/solver. The guide
# has a file of its own.
ELSEWHERE = ("batch.md", "guide.md", "peers.md", "serving.md", "tensorflow.md", "workbench.md")
WITH_EXAMPLES = [page for page in PAGES if page.name not in ELSEWHERE]


@pytest.mark.parametrize("page", WITH_EXAMPLES, ids=lambda page: page.name)
def test_examples_of_page(page):
    check_examples(page)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_of_page_lead_somewhere(page):
    prose = re.sub(r"```.*?```", "", page.read_text(), flags=re.DOTALL)
    for target in re.findall(r"\]\(([^)#]+)\)", prose):
        if "://" not in target:
            assert (page.parent / target).exists(), target
