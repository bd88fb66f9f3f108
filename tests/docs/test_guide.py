"""Every example of the guide; in a file of its own, for it takes as long as all other pages."""

from .pages import ROOT, check_examples


def test_examples_of_the_guide():
    check_examples(ROOT / "docs" / "guide.md")
