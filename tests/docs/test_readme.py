"""Every example in README.md runs and prints what the page says."""

from .pages import ROOT, check_examples


def test_examples_of_the_readme():
    check_examples(ROOT / "README.md")
