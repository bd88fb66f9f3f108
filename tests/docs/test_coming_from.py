"""The pages for users of other programs: every example runs and prints what the page says."""

import pytest

from .pages import PAGES, check_examples


@pytest.mark.parametrize(
    "page",
    [page for page in PAGES if page.parent.name == "coming_from"],
    ids=lambda page: page.stem,
)
def test_examples_of_page(page):
    check_examples(page)
