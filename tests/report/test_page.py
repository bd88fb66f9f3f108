"""The page: well-formed, on its own, safe with any names, and opened by a browser."""

from __future__ import annotations

import functools
import hashlib
import html.parser
import os
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from eigenfit.report import render_report, write_report
from eigenfit.solver import FitResult

from . import fits

# Elements of HTML that have no end.
VOID = {"meta", "link", "br", "img", "hr", "input"}
# A browser follows these.
REFERENCES = {"src", "href", "xlink:href", "data", "action", "srcset", "poster"}


class Reader(html.parser.HTMLParser):
    """Checks that elements are nested, and collects what a page refers to and says."""

    def __init__(self, page: str):
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.references: list[str] = []
        self.identifiers: list[str] = []
        self.events: list[str] = []
        self.words: list[str] = []
        self.css = ""
        self.feed(page)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_startendtag(tag, attrs)
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        for name, value in attrs:
            if name in REFERENCES:
                self.references.append(value or "")
            elif name == "id":
                self.identifiers.append(value or "")
            elif name.startswith("on"):
                self.events.append(name)
            self.references += re.findall(r"url\(([^)]*)\)", value or "")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] == "style":
            self.css += data
        else:
            self.words.append(data)

    @property
    def text(self) -> str:
        """What can be read, with single blanks."""
        return " ".join(" ".join(self.words).split())


@functools.cache
def page_of_one() -> str:
    return render_report(
        fits.one(), title=f"Title {fits.HOSTILE}", provenance={"problem file": fits.HOSTILE}
    )


@functools.cache
def page_of_batch() -> str:
    return render_report(fits.batch(), title="Forty spectra", provenance={"time": "now"})


@functools.cache
def page_of_several() -> str:
    return render_report(fits.several())


@pytest.mark.parametrize(
    "page", [page_of_one, page_of_batch, page_of_several], ids=lambda page: page.__name__
)
def test_well_formed_and_on_its_own(page):
    text = page()
    read = Reader(text)
    assert text.startswith("<!DOCTYPE html>")
    assert read.tags.count("svg") >= 4
    assert not {"script", "link", "iframe", "object", "img", "base"} & {*read.tags}
    assert read.events == []
    # References lead to elements of the page itself, each of which is there once.
    inside = [reference.removeprefix("#") for reference in read.references]
    assert all(reference.startswith("#") for reference in read.references)
    assert len(set(read.identifiers)) == len(read.identifiers)
    assert set(inside) <= set(read.identifiers)
    assert not re.search(r"https?:|//|@import|url\(", read.css)
    assert "http" not in text


def test_names_of_any_characters_are_read_as_they_are():
    read = Reader(page_of_one())
    name = " ".join(fits.HOSTILE.split())
    assert read.words.count(f"Title {fits.HOSTILE}") == 2  # title and heading
    assert read.words.count(fits.HOSTILE) == 2  # the parameter, and the problem file
    for number in range(6):
        assert f"{name} {number}" in read.text
    assert "b" not in read.tags
    assert "49" not in [word.strip() for word in read.words]


def test_what_no_page_may_hold_is_replaced():
    page = render_report(fits.lines(), title="a\x00b\ud800c\x1b[2Jd")
    assert "a\ufffdb\ufffdc\ufffd[2Jd" in Reader(page).words
    page.encode("utf-8")


def test_the_answer_comes_first_then_parameters_data_and_provenance():
    text = Reader(page_of_one()).text
    marks = [
        "The best fit of 2 parameters to 5 observed values was found.",
        "χ² is",
        "Parameters",
        "Observed and fitted state",
        "Not observed: what the model predicts",
        "Level diagram.",
        "Provenance",
        "problem file",
        "SHA-256",
        "seed",
        "versions",
        "time",
    ]
    places = [text.index(mark) for mark in marks]
    assert places == sorted(places)


def test_numbers_are_those_of_the_fit():
    text = Reader(page_of_one()).text
    fit = fits.one()
    for value, error in zip(fit.parameters.numpy()[0], fit.standard_errors.numpy()[0], strict=True):
        # To two digits of the error, as in 0.3516(12).
        decimals = 1 - int(np.floor(np.log10(error)))
        assert f"{value:.{decimals}f}({round(error * 10**decimals)})" in text


def test_other_solutions_stand_side_by_side():
    text = Reader(page_of_several()).text
    assert "1 other solution follows below." in text
    assert "this answer solution 2" in text
    assert "starts ended in this answer" in text


def test_page_of_a_batch():
    read = Reader(page_of_batch())
    assert "39 of 40 rows reached a certified minimum." in read.text
    assert "1 row has no answer." in read.text
    assert "STATIONARY 39" in read.text
    assert "INVALID_INPUT 1" in read.text
    assert "no level was observed" in read.text
    rows = [word for word in read.words if re.fullmatch(r"Row \d+", word)]
    assert rows == ["Row 0", "Row 3", "Row 5"]
    assert read.words.count("now") == 1


@pytest.mark.usefixtures("eagerly")
def test_rows_and_trace_are_chosen_by_the_caller():
    trace = fits.solver().trace(np.zeros((2, 6)), initial=[[0.3, 0.5]] * 2)
    read = Reader(render_report(fits.batch(), rows=[1], trace=trace, worst=0))
    assert [word for word in read.words if re.fullmatch(r"Row \d+", word)] == ["Row 1"]
    assert "on their way" in read.text
    assert "Rows to look at first" not in read.text
    assert "Row" not in Reader(render_report(fits.batch(), rows=[], worst=0)).text.split()
    with pytest.raises(ValueError, match=r"40"):
        render_report(fits.batch(), rows=[40])


def test_a_row_without_an_answer_and_a_result_without_context_have_pages():
    failed = fits.solver().fit(np.full((1, 6), np.nan))
    assert "There is no answer: no level was observed" in Reader(render_report(failed)).text
    bare = Reader(render_report(FitResult(*fits.one())))
    assert "target 0" in bare.text
    assert "not known to the result" in bare.text


def test_digest_is_that_of_the_data():
    targets = np.array([[2.1, 3.9, 2.95]])
    digest = hashlib.sha256(targets.tobytes() + np.ones((1, 3)).tobytes()).hexdigest()
    assert digest in Reader(render_report(fits.lines())).text


def test_same_fit_same_page():
    again = render_report(fits.batch(), title="Forty spectra", provenance={"time": "now"})
    assert again == page_of_batch()


def test_the_file_is_written_as_a_whole_or_not_at_all(tmp_path: Path):
    path = tmp_path / "report.html"
    path.write_text("before")
    assert write_report(fits.lines(), path, title="New") == path
    assert Reader(path.read_text(encoding="utf-8")).words.count("New") == 2
    with pytest.raises(FileNotFoundError):
        write_report(fits.lines(), tmp_path / "missing" / "report.html")
    folder = tmp_path / "folder"
    folder.mkdir()
    with pytest.raises(OSError, match="folder"):
        write_report(fits.lines(), folder)
    assert sorted(one.name for one in tmp_path.iterdir()) == ["folder", "report.html"]


BROWSER = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("chrome")


@pytest.mark.skipif(BROWSER is None, reason="no Chromium is installed")
@pytest.mark.parametrize("width", [400, 1280])
def test_a_browser_shows_it_without_scrolling_sideways(width: int, tmp_path: Path):
    """The page is no wider than the window, and draws something."""
    probe = (
        "<script>document.title = [document.documentElement.scrollWidth, innerWidth,"
        " [...document.querySelectorAll('svg')].filter(e => e.getBoundingClientRect().width >"
        " innerWidth || e.getBoundingClientRect().height < 60).length].join(' ')</script></body>"
    )
    path = tmp_path / "page.html"
    path.write_text(page_of_one().replace("</body>", probe), encoding="utf-8")
    command = [
        *(str(BROWSER), "--headless", "--no-sandbox", "--disable-gpu"),
        *(f"--user-data-dir={tmp_path}/b", f"--window-size={width},900"),
        *("--dump-dom", path.as_uri()),
    ]
    environment = {**os.environ, "HOME": str(tmp_path)}
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=120, check=True, env=environment
    )
    found = re.search(r"<title>(\d+) (\d+) (\d+)</title>", done.stdout)
    assert found
    wide, inside, wrong = map(int, found.groups())
    assert wide <= inside
    assert wrong == 0
